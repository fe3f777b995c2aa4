// SPDX-License-Identifier: Apache-2.0
/* Small readings of text: numbers, lists, versions, names, hex, base64, UTF-8. */
#include "base/base.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <strings.h>

bool rk_suffix(const char *s, const char *suffix)
{
	size_t n = strlen(s), m = strlen(suffix);

	return n >= m && memcmp(s + n - m, suffix, m) == 0;
}

char *rk_lower(char *s)
{
	for (char *p = s; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	return s;
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

/* --- lists --- */

const char *rk_item(const char *s, const char *separators, size_t *n)
{
	if (!s)
		return NULL;
	s += strspn(s, separators);
	*n = strcspn(s, separators);
	return *n ? s : NULL;
}

bool rk_listed(const char *list, const char *item)
{
	size_t len = strlen(item), n;

	rk_each_item (it, n, list, ",")
		if (n == len && memcmp(it, item, n) == 0)
			return true;
	return false;
}

/* --- versions --- */

bool rk_version_parse(const char *v, int64_t out[3])
{
	bool ok;

	out[0] = out[1] = out[2] = 0;
	v = !v ? "" : *v == 'v' ? v + 1 : v;
	ok = isdigit((unsigned char)*v);
	for (int i = 0; i < 3 && isdigit((unsigned char)*v); i++) {
		for (; isdigit((unsigned char)*v); v++)
			if (out[i] < INT32_MAX)
				out[i] = out[i] * 10 + (*v - '0');
		v = *v == '.' ? v + 1 : "";
	}
	return ok;
}

int rk_version_cmp(const char *a, const char *b)
{
	int64_t x[3], y[3];

	rk_version_parse(a, x);
	rk_version_parse(b, y);
	for (int i = 0; i < 3; i++)
		if (x[i] != y[i])
			return x[i] < y[i] ? -1 : 1;
	return 0;
}

bool rk_version_at_least(const char *v, int64_t major, int64_t minor)
{
	int64_t have[3];

	return rk_version_parse(v, have) &&
	       (have[0] > major || (have[0] == major && have[1] >= minor));
}

/* --- names --- */

bool rk_label_ok(const char *s, size_t n)
{
	return n && n <= 63 && s[0] != '-' && s[n - 1] != '-' &&
	       strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-") >= n;
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

static size_t min(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Edits that make b of a, where two neighbours that changed places are one edit, as in git; case does
 * not count. Long words count as far apart. */
static size_t distance(const char *a, const char *b)
{
	enum { max = 40 };
	size_t na = strlen(a), nb = strlen(b), d[max][max];

	if (na >= max || nb >= max)
		return SIZE_MAX;
	for (size_t i = 0; i <= na; i++)
		for (size_t j = 0; j <= nb; j++) {
			int x = i ? tolower((unsigned char)a[i - 1]) : 0;
			int y = j ? tolower((unsigned char)b[j - 1]) : 0;

			if (!i || !j) {
				d[i][j] = i + j;
				continue;
			}
			d[i][j] =
				min(min(d[i - 1][j], d[i][j - 1]) + 1, d[i - 1][j - 1] + (x != y));
			if (i > 1 && j > 1 && x == tolower((unsigned char)b[j - 2]) &&
				y == tolower((unsigned char)a[i - 2]))
				d[i][j] = min(d[i][j], d[i - 2][j - 2] + 1);
		}
	return d[na][nb];
}

const char *rk_nearest(const char *word, const char *const *names)
{
	size_t best_d = SIZE_MAX, n = strlen(word);
	const char *best = NULL;

	for (; *names; names++) {
		size_t d = distance(word, *names), shorter = min(n, strlen(*names));

		if (n >= 3 && strncasecmp(*names, word, n) == 0)
			d = min(d, 1); /* the beginning of a name */
		/* few letters leave room for few typing errors: more would be a guess */
		if (d < best_d && d <= (shorter < 2 ? 0 : shorter < 4 ? 1 : shorter < 8 ? 2 : 3)) {
			best_d = d;
			best = *names;
		}
	}
	return best;
}

/* --- hex and base64 --- */

bool rk_hex(const char *s, size_t n, uint32_t *out)
{
	static const char hex[] = "0123456789abcdef";
	uint32_t v = 0;

	for (size_t i = 0; i < n; i++) {
		const char *digit = memchr(hex, tolower((unsigned char)s[i]), 16);

		if (!digit)
			return false;
		v = v << 4 | (uint32_t)(digit - hex);
	}
	*out = v;
	return true;
}

static const char digits[64] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void rk_base64(struct rk_buf *out, const void *p, size_t n)
{
	char *to = rk_buf_reserve(out, (n + 2) / 3 * 4), *start = to;

	for (const unsigned char *in = p; n; in += 3) {
		uint32_t v = (uint32_t)in[0] << 16;

		v |= n > 1 ? (uint32_t)in[1] << 8 : 0;
		v |= n > 2 ? in[2] : 0;
		*to++ = digits[v >> 18];
		*to++ = digits[v >> 12 & 63];
		*to++ = n > 1 ? digits[v >> 6 & 63] : '=';
		*to++ = n > 2 ? digits[v & 63] : '=';
		n -= min(n, 3);
	}
	rk_buf_grow(out, (size_t)(to - start));
}

int rk_base64_decode(struct rk_buf *out, const char *s, size_t n, struct rk_err *err)
{
	unsigned acc = 0, bits = 0, chars = 0, pad = 0;

	for (size_t i = 0; i < n; i++) {
		const char *digit = memchr(digits, s[i], sizeof(digits));

		if (s[i] == ' ' || s[i] == '\t' || s[i] == '\n' || s[i] == '\r')
			continue;
		if (s[i] == '=' && ++pad <= 2 && chars % 4 + pad <= 4 && chars % 4 >= 2)
			continue;
		if (!digit || pad)
			return rk_err_set(err, RK_FAIL, "not base64 at byte %zu", i);
		acc = acc << 6 | (unsigned)(digit - digits);
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

void rk_shell_quote(struct rk_buf *out, const char *s)
{
	rk_buf_putc(out, '\'');
	for (; *s; s++) {
		if (*s == '\'')
			rk_buf_puts(out, "'\\''");
		else
			rk_buf_putc(out, *s);
	}
	rk_buf_putc(out, '\'');
}

void rk_shell_word(struct rk_buf *out, const char *s)
{
	if (*s && !s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
			       "_./:@%+,=-")])
		rk_buf_puts(out, s);
	else
		rk_shell_quote(out, s);
}

void rk_urlencode(struct rk_buf *out, const char *s)
{
	for (; *s; s++)
		rk_buf_addf(out, isalnum((unsigned char)*s) || strchr("-._~", *s) ? "%c" : "%%%02X",
			(unsigned char)*s);
}

/* --- UTF-8 --- */

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
	size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

	for (size_t i = n; i-- > 1; c >>= 6)
		o[i] = (char)(0x80 | (c & 0x3f));
	o[0] = (char)(n == 1 ? c : c | (0xf00u >> n & 0xff));
	return n;
}

bool rk_deceptive(uint32_t cp)
{
	return (cp >= 0x80 && cp < 0xa0) || cp == 0x61c || cp == 0x200e || cp == 0x200f ||
	       (cp >= 0x2028 && cp <= 0x202e) || (cp >= 0x2066 && cp <= 0x2069);
}

void rk_printable(struct rk_buf *b, const char *s, size_t n, const char *nl)
{
	static const char replacement[] = "\357\277\275";

	while (n) {
		uint32_t cp = 0;
		size_t len = rk_utf8(s, n, &cp);

		if (!len || rk_deceptive(cp)) {
			rk_buf_puts(b, replacement);
			len = len ? len : 1;
		} else if (cp == '\n') {
			rk_buf_puts(b, nl);
		} else if (cp == '\t') {
			rk_buf_putc(b, ' ');
		} else if (cp < 0x20 || cp == 0x7f) {
			rk_buf_putc(b, '^');
			rk_buf_putc(b, (char)(cp ^ 0x40));
		} else {
			rk_buf_put(b, s, len);
		}
		s += len;
		n -= len;
	}
}
