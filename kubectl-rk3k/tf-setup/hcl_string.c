// SPDX-License-Identifier: Apache-2.0
/* Strings of HCL: written, and read back. */
#include "hcl.h"

static void put_utf8(struct rk_buf *out, uint32_t c)
{
	char o[4];

	rk_buf_put(out, o, rk_utf8_put(o, c));
}

/* $ and % double before a brace; behind the same character that could be read in two ways, so
 * there the character goes by its number. */
static void quote_opener(struct rk_buf *out, const char *s, size_t i, size_t n)
{
	bool opens = i + 1 < n && s[i + 1] == '{';

	if (opens && i && s[i - 1] == s[i])
		rk_buf_addf(out, "\\u%04x", s[i]);
	else if (opens)
		rk_buf_addf(out, "%c%c", s[i], s[i]);
	else
		rk_buf_putc(out, s[i]);
}

static void quote_ascii(struct rk_buf *out, const char *s, size_t i, size_t n)
{
	char c = s[i];

	if (c == '"' || c == '\\')
		rk_buf_addf(out, "\\%c", c);
	else if (c == '\n')
		rk_buf_puts(out, "\\n");
	else if (c == '\r')
		rk_buf_puts(out, "\\r");
	else if (c == '\t')
		rk_buf_puts(out, "\\t");
	else if (c == '$' || c == '%')
		quote_opener(out, s, i, n);
	else if ((unsigned char)c < 0x20 || c == 0x7f)
		rk_buf_addf(out, "\\u%04x", c);
	else
		rk_buf_putc(out, c);
}

void tf_hcl_quote(struct rk_buf *out, const char *s, size_t n)
{
	rk_buf_putc(out, '"');
	for (size_t i = 0; i < n;) {
		uint32_t c;
		size_t len = rk_utf8(s + i, n - i, &c);

		if (len == 1)
			quote_ascii(out, s, i, n);
		else if (len)
			rk_buf_put(out, s + i, len);
		else
			put_utf8(out, 0xfffd);
		i += len ? len : 1;
	}
	rk_buf_putc(out, '"');
}

static bool hex(const char *s, size_t n, uint32_t *out)
{
	for (*out = 0; n; n--, s++) {
		int d = *s >= '0' && *s <= '9'	 ? *s - '0'
			: *s >= 'a' && *s <= 'f' ? *s - 'a' + 10
			: *s >= 'A' && *s <= 'F' ? *s - 'A' + 10
						 : -1;

		if (d < 0)
			return false;
		*out = *out << 4 | (uint32_t)d;
	}
	return *out <= 0x10ffff && (*out < 0xd800 || *out > 0xdfff);
}

/* The escape behind a backslash at s[0..n); its length, 0: there is no such escape. */
static size_t unescape(struct rk_buf *out, const char *s, size_t n)
{
	static const char from[] = "nrt\"\\", to[] = "\n\r\t\"\\";
	const char *p = n ? memchr(from, s[0], sizeof(from) - 1) : NULL;
	size_t digits = n && s[0] == 'u' ? 4 : n && s[0] == 'U' ? 8 : 0;
	uint32_t c;

	if (p) {
		rk_buf_putc(out, to[p - from]);
		return 1;
	}
	if (!digits || n <= digits || !hex(s + 1, digits, &c))
		return 0;
	put_utf8(out, c);
	return digits + 1;
}

static bool is_doubled(const char *s, size_t n)
{
	return n > 2 && (s[0] == '$' || s[0] == '%') && s[1] == s[0] && s[2] == '{';
}

static bool is_template(const char *s, size_t n)
{
	return n > 1 && (s[0] == '$' || s[0] == '%') && s[1] == '{';
}

/* Text between quotes (escapes) or of a heredoc (none), templates refused. */
static bool decode(struct rk_buf *out, const char *s, size_t n, bool escapes)
{
	for (size_t i = 0; i < n;) {
		size_t used;

		if (is_doubled(s + i, n - i)) {
			rk_buf_put(out, s + i + 1, 2);
			i += 3;
		} else if (is_template(s + i, n - i) || (escapes && s[i] == '"')) {
			return false;
		} else if (escapes && s[i] == '\\') {
			used = unescape(out, s + i + 1, n - i - 1);
			if (!used)
				return false;
			i += 1 + used;
		} else {
			rk_buf_putc(out, s[i++]);
		}
	}
	return true;
}

/* Least indent of the lines in s, for <<-. */
static size_t least_indent(const char *s, size_t n)
{
	size_t least = SIZE_MAX;

	for (size_t at = 0; at < n;) {
		const char *nl = memchr(s + at, '\n', n - at);
		size_t k = 0;

		while (at + k < n && (s[at + k] == ' ' || s[at + k] == '\t'))
			k++;
		if (at + k < n && s[at + k] != '\n' && k < least)
			least = k;
		at = nl ? (size_t)(nl - s) + 1 : n;
	}
	return least == SIZE_MAX ? 0 : least;
}

static void unindent(struct rk_buf *out, const char *s, size_t n)
{
	size_t least = least_indent(s, n);

	for (size_t at = 0; at < n;) {
		const char *nl = memchr(s + at, '\n', n - at);
		size_t end = nl ? (size_t)(nl - s) + 1 : n;

		if (end - at > least)
			rk_buf_put(out, s + at + least, end - at - least);
		else
			rk_buf_putc(out, '\n');
		at = end;
	}
}

static bool decode_heredoc(struct rk_buf *out, const char *s, size_t n)
{
	const char *body = memchr(s, '\n', n);
	size_t len = body ? n - (size_t)(body + 1 - s) : 0;
	rk_auto_buf text = RK_BUF_INIT_SECRET;

	if (!body)
		return false;
	while (len && body[len] != '\n') /* the end mark, up to the break before it */
		len--;
	if (s[2] != '-')
		return decode(out, body + 1, len, false);
	unindent(&text, body + 1, len);
	return decode(out, text.s, text.len, false);
}

bool tf_hcl_string(const char *s, size_t n, struct rk_buf *out)
{
	bool good;

	rk_buf_reset(out);
	if (n >= 2 && s[0] == '"' && s[n - 1] == '"')
		good = decode(out, s + 1, n - 2, true);
	else
		good = n > 2 && s[0] == '<' && s[1] == '<' && decode_heredoc(out, s, n);
	if (!good)
		rk_buf_reset(out);
	return good;
}
