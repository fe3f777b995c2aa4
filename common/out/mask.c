// SPDX-License-Identifier: Apache-2.0
/* Secrets in text become a mark, and what other programs print becomes fit for a terminal. */
#include "internal.h"

#include <ctype.h>
#include <strings.h>

/* Whether the n bytes of s end with an item of the list; case is ignored. */
static bool ends_with(const char *s, size_t n, const char *list)
{
	size_t len;

	rk_each_item (tail, len, list, ",")
		if (n >= len && !strncasecmp(s + n - len, tail, len))
			return true;
	return false;
}

/* Whether the name s is that of a secret. In the query of a URL everything that may be one counts. */
static bool is_secret_name(const char *start, const char *s, size_t n)
{
	const bool query = s > start && strchr("?&", s[-1]);

	for (size_t len = 1; query && len <= n; len++)
		if (ends_with(s, len, "token,secret,password,key,sig,auth"))
			return true;
	return ends_with(
		s, n, "password,passwd,secret,token,signature,authorization,apikey,-key,_key");
}

static size_t span_to(const char *s, const char *end, const char *set)
{
	const char *p = s;

	while (p < end && *p && !strchr(set, *p))
		p++;
	return (size_t)(p - s);
}

/* Length of a secret that begins at p, after *skip bytes that stay; 0: none. */
static size_t secret_at(const char *start, const char *p, const char *end, size_t *skip)
{
	size_t left = (size_t)(end - p), name = 0, n;
	bool header;

	if (left > 3 && !memcmp(p, "://", 3)) { /* user:password@ or token@ */
		size_t at = span_to(p + 3, end, " \t\r\n/?#\"'<>"), colon;

		while (at && p[3 + at - 1] != '@')
			at--;
		if (!at)
			return 0;
		colon = span_to(p + 3, p + 3 + at, ":");
		*skip = 3 + (colon < at - 1 ? colon + 1 : 0);
		return 3 + at - 1 - *skip;
	}
	if (!strchr(" :=\"", *p))
		return 0;
	while (p - name > start && (isalnum((unsigned char)p[-1 - (ptrdiff_t)name]) ||
					   strchr("_-", p[-1 - (ptrdiff_t)name])))
		name++;
	*skip = 1;
	if (*p == ' ') { /* behind "Bearer" or "Basic", if it is not a word of a sentence */
		n = span_to(p + 1, end, " \t\r\n\"',;<>");
		return n >= 16 && ends_with(p - name, name, "bearer,basic") ? n : 0;
	}
	header = ends_with(p - name, name, "authorization");
	/* not behind another colon, as in "invalid token: expired" */
	if (!is_secret_name(start, p - name, name) || (*p == ':' && !header))
		return 0;
	while (*skip < left && p[*skip] && strchr(*p == '"' ? " \t:" : " \t\"'", p[*skip]))
		++*skip;
	if (*p != '"')
		return span_to(p + *skip, end, header ? "\r\n\"'" : " \t\r\n&\"',;<>");
	if (*skip == 1 || *skip >= left || p[*skip] != '"')
		return 0;
	++*skip; /* a string of JSON */
	return span_to(p + *skip, end, "\"\r\n");
}

void rk_mask(struct rk_buf *out, const char *s, size_t n)
{
	const char *end = s + n;

	for (const char *p = s; p < end;) {
		size_t skip = 0, secret = *p ? secret_at(s, p, end, &skip) : 0;

		if (!secret) {
			rk_buf_putc(out, *p++);
			continue;
		}
		rk_buf_put(out, p, skip);
		rk_buf_puts(out, RK_MASK);
		p += skip + secret;
	}
}

void rk_out_plain(struct rk_buf *out, const char *who, const char *s, size_t n)
{
	for (size_t len; n; s += len, n -= len) {
		const char *nl = memchr(s, '\n', n);
		rk_auto_buf line = RK_BUF_INIT_SECRET;
		size_t text = nl ? (size_t)(nl - s) : n;

		len = text + (nl != NULL);
		rk_mask(&line, s, text - (text && s[text - 1] == '\r'));
		rk_buf_addf(out, "%s%s", who, *who ? ": " : "");
		rk_printable(out, line.s, line.len, " ");
		rk_buf_putc(out, '\n');
	}
}

void rk_out_said(const char *who, const char *s, size_t n)
{
	rk_auto_buf text = RK_BUF_INIT;

	rk_out_plain(&text, who, s, n);
	rk_out_above(&text);
}
