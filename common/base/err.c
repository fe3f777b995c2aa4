// SPDX-License-Identifier: Apache-2.0
#include "base/base.h"

#include <errno.h>
#include <stdarg.h>

static void put(char *to, size_t size, const char *fmt, va_list ap)
{
	vsnprintf(to, size, fmt, ap);
}

int rk_err_set(struct rk_err *err, int code, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return -1;
	rk_err_clear(err);
	err->code = code;
	va_start(ap, fmt);
	put(err->msg, sizeof(err->msg), fmt, ap);
	va_end(ap);
	return -1;
}

int rk_err_sys(struct rk_err *err, const char *fmt, ...)
{
	int saved = errno;
	size_t n;
	va_list ap;

	if (!err)
		return -1;
	rk_err_clear(err);
	err->code = saved == ENOENT ? RK_NOTFOUND : RK_FAIL;
	va_start(ap, fmt);
	put(err->msg, sizeof(err->msg), fmt, ap);
	va_end(ap);
	n = strlen(err->msg);
	snprintf(err->msg + n, sizeof(err->msg) - n, ": %s", strerror(saved));
	errno = saved;
	return -1;
}

int rk_err_wrap(struct rk_err *err, const char *fmt, ...)
{
	char front[sizeof(err->msg)];
	size_t n, rest;
	va_list ap;

	if (!err)
		return -1;
	va_start(ap, fmt);
	put(front, sizeof(front), fmt, ap);
	va_end(ap);
	n = strlen(front);
	if (n + 2 >= sizeof(err->msg))
		return -1; /* no room for context: the cause matters more */
	rest = sizeof(err->msg) - n - 2;
	memmove(err->msg + n + 2, err->msg, rest);
	err->msg[sizeof(err->msg) - 1] = 0;
	memcpy(err->msg, front, n);
	memcpy(err->msg + n, ": ", 2);
	return -1;
}

int rk_err_hint(struct rk_err *err, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return -1;
	va_start(ap, fmt);
	put(err->hint, sizeof(err->hint), fmt, ap);
	va_end(ap);
	return -1;
}

int rk_err_reason(struct rk_err *err, enum rk_reason reason)
{
	if (err)
		err->reason = reason;
	return -1;
}

void rk_err_clear(struct rk_err *err)
{
	if (!err)
		return;
	err->code = err->http = 0;
	err->reason = RK_REASON_NONE;
	err->msg[0] = err->hint[0] = 0;
}

static struct {
	const char *ours, *kubectl, *settings;
} here = {"", "", ""};

const char *rk_here(void)
{
	return here.ours;
}

const char *rk_here_kubectl(void)
{
	return here.kubectl;
}

const char *rk_here_settings(void)
{
	return here.settings;
}

void rk_here_set(const char *ours, const char *kubectl, const char *settings)
{
	here.ours = ours;
	here.kubectl = kubectl;
	here.settings = settings;
}
