// SPDX-License-Identifier: Apache-2.0
/* What a plain scalar means. kubectl, helm and the controllers read YAML with sigs.k8s.io/yaml,
 * whose resolve.go (goyaml.v2) is followed here: YAML 1.1 words, Go's integer notations, dates
 * and sexagesimal numbers are strings. */
#include "internal.h"

#include <ctype.h>
#include <math.h>

/* Each in three spellings: as here, Capitalised, UPPER. */
static const struct words {
	const char *list;
	int kind;
	const char *text;
} words[] = {
	{"~,null", RK_NULL, ""},
	{"y,yes,true,on", RK_BOOL, "true"},
	{"n,no,false,off", RK_BOOL, "false"},
	{".nan,.inf,+.inf,-.inf", -1, ""},
};

static const struct words *find_word(const char *s, size_t n)
{
	size_t len;

	for (size_t i = 0; n <= strlen("false") && i < RK_COUNT(words); i++)
		rk_each_item (word, len, words[i].list, ",")
			if (len == n && strncasecmp(s, word, n) == 0)
				return &words[i];
	return NULL;
}

/* Of "null" the reader takes null, Null and NULL, but not nULL; ".NaN" is the odd one out. */
static bool is_spelling(const char *s, size_t n)
{
	size_t first = 0, upper = 0;

	while (first < n && !isalpha((unsigned char)s[first]))
		first++;
	for (size_t i = first; i < n; i++)
		upper += isupper((unsigned char)s[i]) != 0;
	return upper == 0 || upper == n - first ||
	       (upper == 1 && isupper((unsigned char)s[first])) ||
	       (n == 4 && memcmp(s, ".NaN", 4) == 0);
}

/* --- numbers: underscores are skipped, wherever they are --- */

struct cur {
	const char *p, *end;
};

static int peek(struct cur *c)
{
	while (c->p < c->end && *c->p == '_')
		c->p++;
	return c->p < c->end ? (unsigned char)*c->p : -1;
}

static int take_any(struct cur *c, const char *set)
{
	int ch = peek(c);

	if (ch <= 0 || !strchr(set, ch))
		return 0;
	c->p++;
	return ch;
}

/* The rest as one or more digits of the base, up to max. */
static bool magnitude(struct cur c, unsigned base, uint64_t max, uint64_t *out)
{
	uint64_t v = 0;
	bool any = false;

	for (; peek(&c) >= 0; c.p++, any = true) {
		uint32_t digit;

		if (!rk_hex(c.p, 1, &digit) || digit >= base || v > (max - digit) / base)
			return false;
		v = v * base + digit;
	}
	*out = v;
	return any;
}

/* 0x1F, 0o17, 0b11 and the old octal 017, within the range of Go's integers. */
static bool based(struct cur c, int sign, char *num)
{
	uint64_t max = sign == '-' ? (uint64_t)INT64_MAX + 1 : sign ? INT64_MAX : UINT64_MAX;
	unsigned base = 8;
	uint64_t v;
	int ch;

	if (!take_any(&c, "0"))
		return false;
	ch = take_any(&c, "xXoObB") | 0x20;
	if (ch == 'x')
		base = 16;
	else if (ch == 'b')
		base = 2;
	if (base == 2 && !sign && c.p[-1] == 'b') /* a slip of the reader: 0b+1 is 1 */
		sign = take_any(&c, "+-");
	if (!magnitude(c, base, max, &v))
		return false;
	snprintf(num, RK_NUM_MAX, "%s%llu", sign == '-' && v ? "-" : "", (unsigned long long)v);
	return true;
}

static size_t copy_digits(struct cur *c, char **o)
{
	const char *start = *o;
	int ch;

	while ((ch = take_any(c, "0123456789")))
		*(*o)++ = (char)ch;
	return (size_t)(*o - start);
}

/* [-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)? as a JSON number. */
static bool decimal(struct cur c, int sign, char *num)
{
	char *o = num;
	char *dot;
	size_t whole, fraction = 0;
	int ch;

	if (sign == '-')
		*o++ = '-';
	while (take_any(&c, "0"))
		*o = '0'; /* leading zeros count as one, which the next digit replaces */
	whole = *o == '0';
	if (copy_digits(&c, &o) == 0)
		*o++ = '0';
	else
		whole = 1;
	dot = o;
	if (take_any(&c, ".")) {
		*o++ = '.';
		fraction = copy_digits(&c, &o);
		if (fraction == 0)
			o = dot;
	}
	if (!whole && !fraction)
		return false;
	ch = take_any(&c, "eE");
	if (ch) {
		*o++ = (char)ch;
		ch = take_any(&c, "+-");
		if (ch)
			*o++ = (char)ch;
		if (copy_digits(&c, &o) == 0)
			return false;
	}
	if (peek(&c) >= 0)
		return false;
	*o = '\0';
	return true;
}

/* Go's rule for its literals: an underscore only between two digits. */
static bool go_underscores(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (s[i] == '_' && (i == 0 || i + 1 == n || !isdigit((unsigned char)s[i - 1]) ||
					   !isdigit((unsigned char)s[i + 1])))
			return false;
	}
	return true;
}

static bool number(const char *s, size_t n, char *num)
{
	struct cur c = {s, s + n};
	int sign = *s == '+' || *s == '-' ? *s : 0;

	memset(num, 0, 2);
	if (*s == '.') /* here Go's ParseFloat decides alone */
		return go_underscores(s, n) && decimal(c, 0, num);
	c.p += sign != 0;
	return based(c, sign, num) || decimal(c, sign, num);
}

int rk_yaml_plain(const char *s, size_t n, char *num)
{
	const struct words *w = find_word(s, n);

	*num = '\0';
	if (n == 0)
		return RK_NULL;
	if (w && is_spelling(s, n)) {
		memcpy(num, w->text, strlen(w->text) + 1);
		return w->kind;
	}
	if (!strchr("+-.0123456789", *s) || n > RK_NUM_MAX || !number(s, n, num) ||
		isinf(strtod(num, NULL))) /* Go's ParseFloat fails on 1e999 */
		return RK_STR;
	return RK_NUM;
}

/* --- the way back --- */

/* Whether another reader could take it for something else than a string. */
static bool means_something(const char *s, size_t n)
{
	char num[RK_NUM_MAX + 32];
	bool colon = false;
	size_t i = 0;

	if (find_word(s, n) || (n == 1 && *s == '=') || (n == 2 && memcmp(s, "<<", 2) == 0))
		return true;
	/* such a reader may set no bound to the length or the value of a number */
	if (strchr("+-.0123456789", *s) && (n > RK_NUM_MAX || number(s, n, num)))
		return true;
	/* dates and sexagesimal numbers, and a little more than these: quotes do no harm */
	if (n >= 6 && s[4] == '-' && isdigit((unsigned char)s[0]) && isdigit((unsigned char)s[5]))
		return true;
	for (; i < n && strchr("0123456789_:.+-", s[i]); i++)
		colon |= s[i] == ':';
	return i == n && colon;
}

static bool has_syntax(const char *s, size_t n)
{
	if (strchr(" \t,[]{}#&*!|>'\"%@`?:", *s) || (*s == '-' && (n == 1 || s[1] == ' ')) ||
		(n >= 3 && (memcmp(s, "---", 3) == 0 || memcmp(s, "...", 3) == 0)))
		return true;
	for (size_t i = 0, len; i < n; i += len) {
		uint32_t cp;

		len = rk_utf8(s + i, n - i, &cp);
		if (len == 0 || rk_yaml_must_escape(cp))
			return true;
		if (cp == ':' && (i + 1 == n || s[i + 1] == ' '))
			return true;
		if (cp == '#' && i && s[i - 1] == ' ')
			return true;
	}
	return s[n - 1] == ' ';
}

bool rk_yaml_plain_ok(const char *s, size_t n)
{
	return n && !has_syntax(s, n) && !means_something(s, n);
}
