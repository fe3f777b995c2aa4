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

	/* nearly all that is asked for begins with another letter */
	if (!n || n > strlen("false") || !strchr("~nytof.+-", tolower((unsigned char)*s)))
		return NULL;
	for (size_t i = 0; i < RK_COUNT(words); i++)
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

/* --- numbers, as JSON writes them --- */

/* 0x1F, 0o17, 0b11 and the old octal 017, within the range of Go's integers. */
static bool based(const char *s, char sign, char *num)
{
	uint64_t max, v;
	char kind;
	int base;

	if (*s++ != '0')
		return false;
	kind = (char)(*s | 0x20);
	base = kind == 'x' ? 16 : kind == 'b' ? 2 : 8;
	s += kind == 'x' || kind == 'o' || kind == 'b';
	if (s[-1] == 'b' && !sign && (*s == '+' || *s == '-'))
		sign = *s++; /* a slip of the reader: 0b+1 is 1 */
	max = sign == '-' ? (uint64_t)INT64_MAX + 1 : sign ? INT64_MAX : UINT64_MAX;
	errno = 0;
	v = strtoull(s, NULL, base);
	if (!*s ||
		s[strspn(s, base == 16	? "0123456789abcdefABCDEF"
			    : base == 8 ? "01234567"
					: "01")] ||
		errno || v > max)
		return false;
	snprintf(num, RK_NUM_MAX, "%s%llu", sign == '-' && v ? "-" : "", (unsigned long long)v);
	return true;
}

/* (\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)? behind the sign. */
static bool decimal(const char *s, char sign, char *num)
{
	static const char digits[] = "0123456789";
	size_t zeros = strspn(s, "0"), whole = strspn(s, digits), fraction = 0;
	const char *dot = s + whole, *e = dot, *power;

	if (*dot == '.') {
		fraction = strspn(dot + 1, digits);
		e = dot + 1 + fraction;
	}
	if (*e) {
		power = e + (e[1] == '+' || e[1] == '-' ? 2 : 1);
		if ((*e | 0x20) != 'e' || !*power || power[strspn(power, digits)])
			return false;
	}
	if (!whole && !fraction)
		return false;
	snprintf(num, RK_NUM_MAX + 32, "%s%s%.*s%.*s%s", sign == '-' ? "-" : "",
		whole == zeros ? "0" : "", (int)(whole - zeros), s + zeros,
		fraction ? (int)fraction + 1 : 0, dot, e);
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

/* Underscores are skipped, wherever they are. */
static bool number(const char *s, size_t n, char *num)
{
	char text[RK_NUM_MAX + 1], *to = text;
	char sign = *s == '+' || *s == '-' ? *s : '\0';

	*num = '\0';
	if (memchr(s, '\0', n) || (*s == '.' && !go_underscores(s, n)))
		return false;
	for (size_t i = sign != '\0'; i < n; i++)
		if (s[i] != '_')
			*to++ = s[i];
	*to = '\0';
	/* behind a dot Go's ParseFloat decides alone */
	return (*s != '.' && based(text, sign, num)) || decimal(text, sign, num);
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
