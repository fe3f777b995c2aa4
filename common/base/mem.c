// SPDX-License-Identifier: Apache-2.0
/* Memory that is never short, and lists of strings. */
#include "base/base.h"

#include <stdarg.h>

static void *checked(void *p)
{
	static const char msg[] = "rk3k: out of memory\n";

	if (p)
		return p;
	if (write(STDERR_FILENO, msg, sizeof(msg) - 1) < 0)
		_exit(RK_FAIL);
	exit(RK_FAIL);
}

void *rk_malloc(size_t n)
{
	return checked(malloc(n ? n : 1));
}

void *rk_calloc(size_t n, size_t size)
{
	return checked(calloc(n ? n : 1, size ? size : 1));
}

void *rk_realloc(void *p, size_t n)
{
	return checked(realloc(p, n ? n : 1));
}

char *rk_strdup(const char *s)
{
	return rk_strndup(s, strlen(s));
}

char *rk_strndup(const char *s, size_t n)
{
	size_t len = strnlen(s, n);
	char *p = rk_malloc(len + 1);

	memcpy(p, s, len);
	p[len] = 0;
	return p;
}

char *rk_asprintf(const char *fmt, ...)
{
	va_list ap;
	char *s;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&s, fmt, ap);
	va_end(ap);
	return checked(n < 0 ? NULL : s);
}

void rk_wipe(void *p, size_t n)
{
	if (p && n)
		explicit_bzero(p, n);
}

void rk_free_secret(char *s)
{
	if (s)
		rk_wipe(s, strlen(s));
	free(s);
}

void rk_strv_add(struct rk_strv *v, const char *s)
{
	v->v = rk_realloc(v->v, (v->n + 2) * sizeof(*v->v));
	v->v[v->n++] = s;
	v->v[v->n] = NULL;
}

void rk_strv_release(struct rk_strv *v)
{
	free(v->v);
	*v = (struct rk_strv){0};
}

bool rk_strv_has(const struct rk_strv *v, const char *s)
{
	for (size_t i = 0; i < v->n; i++)
		if (rk_streq(v->v[i], s))
			return true;
	return false;
}
