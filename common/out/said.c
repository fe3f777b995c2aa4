// SPDX-License-Identifier: Apache-2.0
/* What other programs write to stderr, shown as theirs, without secrets, and fit for a terminal. */
#include "internal.h"

#include <ctype.h>
#include <strings.h>

#define MASK "***"

static bool ends_with(const char *s, size_t n, const char *tail)
{
	size_t t = strlen(tail);

	return n >= t && !strncasecmp(s + n - t, tail, t);
}

static bool secret_name(const char *s, size_t n)
{
	static const char *const names[] = {
		"password", "passwd", "secret", "token", "signature", "authorization"};

	for (size_t i = 0; i < RK_COUNT(names); i++)
		if (ends_with(s, n, names[i]))
			return true;
	return false;
}

static bool name_char(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '-';
}

/* Length of what is written before p and belongs to a name. */
static size_t name_before(const char *start, const char *p)
{
	const char *s = p;

	while (s > start && name_char(s[-1]))
		s--;
	return (size_t)(p - s);
}

static bool among(char c, const char *set)
{
	return c == '\0' || strchr(set, c);
}

static size_t span_to(const char *s, const char *end, const char *set)
{
	const char *p = s;

	while (p < end && !among(*p, set))
		p++;
	return (size_t)(p - s);
}

/* user:password@ or token@ behind "://" at p: where the secret begins, and its length. */
static size_t userinfo(const char *p, const char *end, size_t *skip)
{
	size_t n = span_to(p, end, " \t\r\n/?#\"'<>"), at = n, colon;

	while (at && p[at - 1] != '@')
		at--;
	if (!at)
		return 0;
	colon = span_to(p, p + at, ":");
	*skip = colon < at - 1 ? colon + 1 : 0;
	return at - 1 - *skip;
}

/* The value behind name= or "Authorization:" at p. Not behind another colon, as in "invalid token:
 * expired". */
static size_t named_value(const char *start, const char *p, const char *end, size_t *skip)
{
	size_t name = name_before(start, p), left = (size_t)(end - p);
	bool header = ends_with(p - name, name, "authorization");

	if (!secret_name(p - name, name) || (*p == ':' && !header))
		return 0;
	for (*skip = 1; *skip < left && among(p[*skip], " \t\"'");)
		++*skip;
	return span_to(p + *skip, end, header ? "\r\n\"'" : " \t\r\n&\"',;<>");
}

/* The string behind "name": of JSON, p at the quote that ends the name. */
static size_t json_value(const char *start, const char *p, const char *end, size_t *skip)
{
	size_t name = name_before(start, p), left = (size_t)(end - p);

	if (!secret_name(p - name, name))
		return 0;
	for (*skip = 1; *skip < left && among(p[*skip], " \t:");)
		++*skip;
	if (*skip == 1 || *skip >= left || p[*skip] != '"')
		return 0;
	++*skip;
	return span_to(p + *skip, end, "\"\r\n");
}

/* What follows "Bearer" or "Basic": not a word of a sentence. */
static size_t scheme_value(const char *start, const char *p, const char *end, size_t *skip)
{
	size_t name = name_before(start, p), n = span_to(p + 1, end, " \t\r\n\"',;<>");

	*skip = 1;
	if (!ends_with(p - name, name, "bearer") && !ends_with(p - name, name, "basic"))
		return 0;
	return n >= 16 ? n : 0;
}

/* Length of a secret that begins at p, after *skip bytes that stay; 0: none. */
static size_t secret_at(const char *start, const char *p, const char *end, size_t *skip)
{
	switch (*p) {
	case ':':
		if (end - p > 3 && !memcmp(p, "://", 3)) {
			size_t n = userinfo(p + 3, end, skip);

			*skip += 3;
			return n;
		}
		return named_value(start, p, end, skip);
	case '=':
		return named_value(start, p, end, skip);
	case '"':
		return json_value(start, p, end, skip);
	case ' ':
		return scheme_value(start, p, end, skip);
	default:
		return 0;
	}
}

void rk_mask(struct rk_buf *out, const char *s, size_t n)
{
	const char *end = s + n;

	for (const char *p = s; p < end;) {
		size_t skip = 0, secret = secret_at(s, p, end, &skip);

		if (!secret) {
			rk_buf_putc(out, *p++);
			continue;
		}
		rk_buf_put(out, p, skip);
		rk_buf_puts(out, MASK);
		p += skip + secret;
	}
}

void rk_out_plain(struct rk_buf *out, const char *who, const char *s, size_t n)
{
	while (n) {
		const char *nl = memchr(s, '\n', n);
		size_t len = nl ? (size_t)(nl - s) : n, took = nl ? len + 1 : len;
		rk_auto_buf line = RK_BUF_INIT_SECRET;

		if (len && s[len - 1] == '\r')
			len--;
		rk_mask(&line, s, len);
		rk_buf_addf(out, "%s%s", who, *who ? ": " : "");
		rk_printable(out, line.s, line.len, " ");
		rk_buf_putc(out, '\n');
		s += took;
		n -= took;
	}
}

void rk_out_said(const char *who, const char *s, size_t n)
{
	rk_auto_buf text = RK_BUF_INIT;

	rk_progress_hide(&text);
	rk_out_plain(&text, who, s, n);
	rk_progress_show(&text);
	rk_out_err(&text);
}
