// SPDX-License-Identifier: Apache-2.0
/* A tree as YAML text. */
#include "internal.h"

/* libyaml takes a key in the short form only within 1024 characters of its colon. */
enum { KEY_MAX = 1000 };

struct out {
	struct rk_buf *b;
	bool sorted;
};

static void spaces(const struct out *o, int n)
{
	rk_buf_addf(o->b, "%*s", n, "");
}

/* --- strings --- */

/* Characters that libyaml or Go refuse or take for line breaks, or that could deceive a reader. */
bool rk_yaml_must_escape(uint32_t cp)
{
	return cp < ' ' || cp == 0x7f || rk_deceptive(cp) || cp == 0xfeff || cp == 0xfffe ||
	       cp == 0xffff;
}

/* Whether a literal block gives s back exactly, without an indentation indicator. A line of blanks only
 * would be read with fewer of them, or none. */
static bool literal_ok(const char *s, size_t n)
{
	if (!memchr(s, '\n', n) || strchr(" \t\n", *s))
		return false;
	for (size_t i = 0, len, blanks; i < n; i += len) {
		uint32_t cp = 0;

		len = rk_utf8(s + i, n - i, &cp);
		if (!len || (cp != '\t' && cp != '\n' && rk_yaml_must_escape(cp)))
			return false;
		blanks = i && s[i - 1] == '\n' ? strspn(s + i, " \t") : 0;
		if (blanks && (i + blanks == n || s[i + blanks] == '\n'))
			return false;
	}
	return true;
}

static void literal(const struct out *o, const char *s, size_t n, int indent)
{
	bool ends = s[n - 1] == '\n';

	rk_buf_puts(o->b, !ends ? "|-" : n > 1 && s[n - 2] == '\n' ? "|+" : "|");
	while (n) {
		const char *nl = memchr(s, '\n', n);
		size_t len = nl ? (size_t)(nl - s) : n;

		rk_buf_putc(o->b, '\n');
		if (len)
			spaces(o, indent);
		rk_buf_put(o->b, s, len);
		len += nl != NULL;
		s += len;
		n -= len;
	}
}

/* --- values --- */

static void str(const struct out *o, const char *s, size_t n)
{
	if (rk_yaml_plain_ok(s, n))
		rk_buf_put(o->b, s, n);
	else
		rk_tree_quote(o->b, s, n, rk_yaml_must_escape);
}

static void scalar(const struct out *o, const struct rk_val *v, int indent)
{
	if (v->kind == RK_STR && !rk_yaml_plain_ok(v->s, v->len) && literal_ok(v->s, v->len))
		literal(o, v->s, v->len, indent);
	else if (v->kind == RK_STR)
		str(o, v->s, v->len);
	else
		rk_buf_puts(o->b, v->kind == RK_NULL  ? "null"
				  : v->kind == RK_SEQ ? "[]"
				  : v->kind == RK_MAP ? "{}"
						      : v->s);
	rk_buf_putc(o->b, '\n');
}

/* At column `indent`; inl: the first line has begun already, behind "- ". */
static void value(const struct out *o, const struct rk_val *v, int indent, bool inl)
{
	bool map = v->kind == RK_MAP && v->child;
	rk_auto_free const struct rk_val **sorted = map && o->sorted ? rk_tree_sorted(v) : NULL;
	size_t i = 0, start;

	if (!v->child)
		scalar(o, v, indent);
	rk_each (it, v) {
		const struct rk_val *m = sorted ? sorted[i] : it;

		if (i++ || !inl)
			spaces(o, indent);
		if (!map) {
			rk_buf_puts(o->b, "- ");
			value(o, m, indent + 2, true);
			continue;
		}
		start = o->b->len;
		str(o, m->key, m->klen);
		if (o->b->len - start > KEY_MAX) { /* again, in the long form */
			o->b->len = start;
			rk_buf_puts(o->b, "? ");
			str(o, m->key, m->klen);
			rk_buf_putc(o->b, '\n');
			spaces(o, indent);
		}
		rk_buf_puts(o->b, m->child ? ":\n" : ": ");
		value(o, m, m->child && m->kind == RK_SEQ ? indent : indent + 2, false);
	}
}

void rk_yaml_write(const struct rk_val *v, bool sorted, struct rk_buf *out)
{
	struct out o = {.b = out, .sorted = sorted};

	value(&o, v, v->child ? 0 : 2, false);
}
