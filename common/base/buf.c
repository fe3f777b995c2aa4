// SPDX-License-Identifier: Apache-2.0
#include "base/base.h"

#include <stdarg.h>

char rk_buf_empty[1];

void rk_buf_release(struct rk_buf *b)
{
	if (b->alloc) {
		if (b->secret)
			rk_wipe(b->s, b->alloc);
		free(b->s);
	}
	b->s = rk_buf_empty;
	b->len = b->alloc = 0;
}

void rk_buf_reset(struct rk_buf *b)
{
	if (!b->alloc)
		return;
	if (b->secret)
		rk_wipe(b->s, b->alloc);
	b->s[0] = 0;
	b->len = 0;
}

/* realloc() may leave a copy behind; a secret buffer moves by hand and wipes. */
char *rk_buf_reserve(struct rk_buf *b, size_t n)
{
	size_t want = b->len + n + 1, alloc = b->alloc + b->alloc / 2 + 64;
	struct rk_buf old = *b;

	if (n >= SIZE_MAX / 2 - b->len)
		abort();
	if (want <= b->alloc)
		return b->s + b->len;
	b->alloc = alloc < want ? want : alloc; /* a large request is exact */
	if (old.alloc && !b->secret) {
		b->s = rk_realloc(b->s, b->alloc);
	} else {
		b->s = memcpy(rk_malloc(b->alloc), old.s, b->len + 1);
		rk_buf_release(&old);
	}
	return b->s + b->len;
}

void rk_buf_grow(struct rk_buf *b, size_t n)
{
	b->len += n;
	b->s[b->len] = 0;
}

int rk_buf_add(struct rk_buf *b, const void *p, size_t n, struct rk_err *err)
{
	size_t max = b->max ? b->max : RK_BUF_MAX;

	if (n > max || b->len > max - n)
		return rk_err_set(err, RK_FAIL, "larger than the limit of %zu bytes", max);
	rk_buf_put(b, p, n);
	return 0;
}

void rk_buf_put(struct rk_buf *b, const void *p, size_t n)
{
	if (!n)
		return;
	memcpy(rk_buf_reserve(b, n), p, n);
	rk_buf_grow(b, n);
}

void rk_buf_puts(struct rk_buf *b, const char *s)
{
	rk_buf_put(b, s, strlen(s));
}

void rk_buf_putc(struct rk_buf *b, char c)
{
	if (b->len + 2 > b->alloc)
		rk_buf_reserve(b, 1);
	b->s[b->len++] = c;
	b->s[b->len] = 0;
}

void rk_buf_addf(struct rk_buf *b, const char *fmt, ...)
{
	va_list ap, again;
	int n;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n > 0) {
		vsnprintf(rk_buf_reserve(b, (size_t)n), (size_t)n + 1, fmt, again);
		rk_buf_grow(b, (size_t)n);
	}
	va_end(again);
}

char *rk_buf_detach(struct rk_buf *b)
{
	char *s = b->alloc ? b->s : rk_strdup("");

	b->s = rk_buf_empty;
	b->len = b->alloc = 0;
	return s;
}
