// SPDX-License-Identifier: Apache-2.0
#include "base/base.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>

bool rk_suffix(const char *s, const char *suffix)
{
	size_t n = strlen(s), m = strlen(suffix);

	return n >= m && memcmp(s + n - m, suffix, m) == 0;
}

static RK_NORETURN void out_of_memory(void)
{
	static const char msg[] = "rk3k: out of memory\n";
	ssize_t n = write(STDERR_FILENO, msg, sizeof(msg) - 1);

	(void)n;
	exit(RK_FAIL);
}

void *rk_malloc(size_t n)
{
	void *p = malloc(n ? n : 1);

	if (!p)
		out_of_memory();
	return p;
}

void *rk_calloc(size_t n, size_t size)
{
	void *p = calloc(n ? n : 1, size ? size : 1);

	if (!p)
		out_of_memory();
	return p;
}

void *rk_realloc(void *p, size_t n)
{
	p = realloc(p, n ? n : 1);
	if (!p)
		out_of_memory();
	return p;
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
	if (n < 0)
		out_of_memory();
	return s;
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

bool rk_parse_int(const char *s, int64_t min, int64_t max, int64_t *out)
{
	const char *digits = *s == '-' ? s + 1 : s;
	intmax_t v;
	char *end;

	if (*digits < '0' || *digits > '9')
		return false;
	errno = 0;
	v = strtoimax(s, &end, 10);
	if (errno || *end || v < min || v > max)
		return false;
	*out = v;
	return true;
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
	v->v = NULL;
	v->n = 0;
}

int64_t rk_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

bool rk_label_ok(const char *s, size_t n)
{
	if (!n || n > 63 || s[0] == '-' || s[n - 1] == '-')
		return false;
	for (size_t i = 0; i < n; i++)
		if (!(s[i] >= 'a' && s[i] <= 'z') && !(s[i] >= '0' && s[i] <= '9') && s[i] != '-')
			return false;
	return true;
}

bool rk_subdomain_ok(const char *s)
{
	if (strlen(s) > 253)
		return false;
	for (;;) {
		size_t n = strcspn(s, ".");

		if (!rk_label_ok(s, n))
			return false;
		if (!s[n])
			return true;
		s += n + 1;
	}
}

bool rk_version_at_least(const char *v, int64_t major, int64_t minor)
{
	char *end;
	long have_major, have_minor = 0;

	if (!v)
		return false;
	if (*v == 'v')
		v++;
	have_major = strtol(v, &end, 10);
	if (*end == '.')
		have_minor = strtol(end + 1, &end, 10);
	return have_major > major || (have_major == major && have_minor >= minor);
}
