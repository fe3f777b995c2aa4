// SPDX-License-Identifier: Apache-2.0
#include "base/base.h"

#include <stdarg.h>

char rk_buf_empty[1];

void rk_buf_init(struct rk_buf *b, size_t max)
{
	*b = (struct rk_buf){.s = rk_buf_empty, .max = max};
}

static size_t cap(const struct rk_buf *b)
{
	return b->max ? b->max : RK_BUF_MAX;
}

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
static void resize(struct rk_buf *b, size_t want)
{
	size_t alloc = b->alloc + b->alloc / 2 + 64;
	char *s;

	if (alloc < want) /* a large request is exact: do not over-allocate */
		alloc = want;
	if (b->alloc && !b->secret) {
		b->s = rk_realloc(b->s, alloc);
	} else {
		s = rk_malloc(alloc);
		memcpy(s, b->s, b->len + 1);
		if (b->alloc) {
			rk_wipe(b->s, b->alloc);
			free(b->s);
		}
		b->s = s;
	}
	b->alloc = alloc;
}

char *rk_buf_reserve(struct rk_buf *b, size_t n)
{
	if (n >= SIZE_MAX / 2 - b->len)
		abort();
	if (b->len + n + 1 > b->alloc)
		resize(b, b->len + n + 1);
	return b->s + b->len;
}

void rk_buf_grow(struct rk_buf *b, size_t n)
{
	b->len += n;
	b->s[b->len] = 0;
}

int rk_buf_add(struct rk_buf *b, const void *p, size_t n, struct rk_err *err)
{
	if (n > cap(b) || b->len > cap(b) - n)
		return rk_err_set(err, RK_FAIL, "larger than the limit of %zu bytes", cap(b));
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

void rk_base64(struct rk_buf *out, const void *p, size_t n)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *in = p;
	char *to = rk_buf_reserve(out, (n + 2) / 3 * 4), *start = to;

	for (; n >= 3; n -= 3, in += 3) {
		*to++ = digits[in[0] >> 2];
		*to++ = digits[(in[0] & 3) << 4 | in[1] >> 4];
		*to++ = digits[(in[1] & 15) << 2 | in[2] >> 6];
		*to++ = digits[in[2] & 63];
	}
	if (n) {
		*to++ = digits[in[0] >> 2];
		*to++ = digits[(in[0] & 3) << 4 | (n == 2 ? in[1] >> 4 : 0)];
		*to++ = n == 2 ? digits[(in[1] & 15) << 2] : '=';
		*to++ = '=';
	}
	rk_buf_grow(out, (size_t)(to - start));
}

static int digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

int rk_base64_decode(struct rk_buf *out, const char *s, size_t n, struct rk_err *err)
{
	unsigned acc = 0, bits = 0, chars = 0, pad = 0;

	for (size_t i = 0; i < n; i++) {
		int v = digit(s[i]);

		if (s[i] == ' ' || s[i] == '\t' || s[i] == '\n' || s[i] == '\r')
			continue;
		if (s[i] == '=' && ++pad <= 2 && chars % 4 + pad <= 4 && chars % 4 >= 2)
			continue;
		if (v < 0 || pad)
			return rk_err_set(err, RK_FAIL, "not base64 at byte %zu", i);
		acc = acc << 6 | (unsigned)v;
		chars++;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			rk_buf_putc(out, (char)(acc >> bits & 255));
		}
	}
	if ((chars + pad) % 4)
		return rk_err_set(err, RK_FAIL, "base64 is cut off");
	return 0;
}

void rk_urlencode(struct rk_buf *out, const char *s)
{
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
			strchr("-._~", c))
			rk_buf_putc(out, *s);
		else
			rk_buf_addf(out, "%%%02X", c);
	}
}

/* Unicode 15, table 3-7: shortest form only, no surrogates, up to U+10FFFF. */
size_t rk_utf8(const char *s, size_t n, uint32_t *cp)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	const unsigned char *p = (const unsigned char *)s;
	size_t len;
	uint32_t c;

	if (n == 0)
		return 0;
	if (p[0] < 0x80) {
		*cp = p[0];
		return 1;
	}
	len = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
	if (p[0] < 0xc2 || p[0] > 0xf4 || len > n)
		return 0;
	c = p[0] & (0xffu >> (len + 1));
	for (size_t i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	if (c < least[len] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return 0;
	*cp = c;
	return len;
}

size_t rk_utf8_put(char *o, uint32_t c)
{
	if (c < 0x80) {
		o[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		o[0] = (char)(0xc0 | c >> 6);
		o[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		o[0] = (char)(0xe0 | c >> 12);
		o[1] = (char)(0x80 | (c >> 6 & 0x3f));
		o[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	o[0] = (char)(0xf0 | c >> 18);
	o[1] = (char)(0x80 | (c >> 12 & 0x3f));
	o[2] = (char)(0x80 | (c >> 6 & 0x3f));
	o[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

bool rk_deceptive(uint32_t cp)
{
	return (cp >= 0x80 && cp < 0xa0) || cp == 0x61c || cp == 0x200e || cp == 0x200f ||
	       (cp >= 0x2028 && cp <= 0x202e) || (cp >= 0x2066 && cp <= 0x2069);
}
