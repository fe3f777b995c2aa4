// SPDX-License-Identifier: Apache-2.0
#include "base/base.h"

#include <stdarg.h>

struct rk_here rk_here_flags = {"", "", ""};

int rk_err_set(struct rk_err *err, int code, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return -1;
	rk_err_clear(err);
	err->code = code;
	va_start(ap, fmt);
	vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
	va_end(ap);
	return -1;
}

int rk_err_wrap(struct rk_err *err, const char *fmt, ...)
{
	char front[sizeof(err->msg)];
	size_t n;
	va_list ap;

	if (!err)
		return -1;
	va_start(ap, fmt);
	n = (size_t)vsnprintf(front, sizeof(front), fmt, ap);
	va_end(ap);
	if (n + 2 >= sizeof(front))
		return -1; /* no room for context: the cause matters more */
	memcpy(front + n, ": ", 2);
	n += 2;
	memmove(err->msg + n, err->msg, sizeof(err->msg) - n);
	err->msg[sizeof(err->msg) - 1] = 0;
	memcpy(err->msg, front, n);
	return -1;
}

int rk_err_hint(struct rk_err *err, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return -1;
	va_start(ap, fmt);
	vsnprintf(err->hint, sizeof(err->hint), fmt, ap);
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
