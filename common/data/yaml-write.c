// SPDX-License-Identifier: Apache-2.0
#include "data/data.h"
#include "internal.h"

/* libyaml takes a key in the short form only within 1024 characters of its colon. */
enum { KEY_MAX = 1000 };

struct out {
	struct rk_buf *b;
	bool sorted;
};

static void spaces(const struct out *o, int n)
{
	while (n-- > 0)
		rk_buf_putc(o->b, ' ');
}

/* --- strings --- */

static const char *short_escape(uint32_t cp)
{
	switch (cp) {
	case '"':
		return "\\\"";
	case '\\':
		return "\\\\";
	case '\0':
		return "\\0";
	case '\t':
		return "\\t";
	case '\n':
		return "\\n";
	case '\r':
		return "\\r";
	default:
		return NULL;
	}
}

/* Characters that libyaml or Go refuse or take for line breaks, or that could deceive a reader. */
static bool must_escape(uint32_t cp)
{
	return cp < ' ' || cp == 0x7f || rk_deceptive(cp) || cp == 0xfeff || cp == 0xfffe ||
	       cp == 0xffff;
}

static void quoted(const struct out *o, const char *s, size_t n)
{
	rk_buf_putc(o->b, '"');
	for (size_t len; n; s += len, n -= len) {
		uint32_t cp = 0xfffd;
		const char *esc;

		len = rk_utf8(s, n, &cp);
		esc = len ? short_escape(cp) : "\\uFFFD"; /* YAML has no other bytes */
		if (esc)
			rk_buf_puts(o->b, esc);
		else if (must_escape(cp))
			rk_buf_addf(o->b, cp < 0x100 ? "\\x%02X" : "\\u%04X", (unsigned)cp);
		else
			rk_buf_put(o->b, s, len);
		len += len == 0;
	}
	rk_buf_putc(o->b, '"');
}

/* A line of blanks only would be read with fewer of them, or none. */
static bool line_ok(const char *s, size_t n)
{
	bool blank = n > 0;

	for (size_t i = 0, len; i < n; i += len) {
		uint32_t cp;

		len = rk_utf8(s + i, n - i, &cp);
		if (len == 0 || (cp != '\t' && must_escape(cp)))
			return false;
		blank &= cp == ' ' || cp == '\t';
	}
	return !blank;
}

/* Whether a literal block gives s back exactly, without an indentation indicator. */
static bool literal_ok(const char *s, size_t n)
{
	if (!memchr(s, '\n', n) || strchr(" \t\n", *s))
		return false;
	while (n) {
		const char *nl = memchr(s, '\n', n);
		size_t len = nl ? (size_t)(nl - s) : n;

		if (!line_ok(s, len))
			return false;
		len += nl != NULL;
		s += len;
		n -= len;
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

/* Lines of a literal block go to column `indent`. */
static void scalar(const struct out *o, const struct rk_val *v, int indent)
{
	switch ((enum rk_kind)v->kind) {
	case RK_NULL:
		rk_buf_puts(o->b, "null");
		break;
	case RK_BOOL:
	case RK_NUM:
		rk_buf_put(o->b, v->s, v->len);
		break;
	case RK_STR:
		if (rk_yaml_plain_ok(v->s, v->len))
			rk_buf_put(o->b, v->s, v->len);
		else if (literal_ok(v->s, v->len))
			literal(o, v->s, v->len, indent);
		else
			quoted(o, v->s, v->len);
		break;
	case RK_SEQ:
		rk_buf_puts(o->b, "[]");
		break;
	case RK_MAP:
		rk_buf_puts(o->b, "{}");
		break;
	}
	rk_buf_putc(o->b, '\n');
}

static void block_map(const struct out *o, const struct rk_val *v, int indent, bool inl);
static void block_seq(const struct out *o, const struct rk_val *v, int indent, bool inl);

static bool key_is_long(const struct rk_val *v)
{
	rk_auto_buf b = RK_BUF_INIT;
	struct out o = {.b = &b};

	if (v->klen <= KEY_MAX / 10)
		return false; /* an escape takes at most ten characters */
	if (rk_yaml_plain_ok(v->key, v->klen))
		return v->klen > KEY_MAX;
	quoted(&o, v->key, v->klen);
	return b.len > KEY_MAX;
}

static void member(const struct out *o, const struct rk_val *v, int indent)
{
	bool is_long = key_is_long(v);

	if (is_long)
		rk_buf_puts(o->b, "? ");
	if (rk_yaml_plain_ok(v->key, v->klen))
		rk_buf_put(o->b, v->key, v->klen);
	else
		quoted(o, v->key, v->klen);
	if (is_long) {
		rk_buf_putc(o->b, '\n');
		spaces(o, indent);
	}
	rk_buf_putc(o->b, ':');
	if (!v->child) {
		rk_buf_putc(o->b, ' ');
		scalar(o, v, indent + 2);
		return;
	}
	rk_buf_putc(o->b, '\n');
	if (v->kind == RK_MAP)
		block_map(o, v, indent + 2, false);
	else
		block_seq(o, v, indent, false);
}

/* inl: the first line has begun already, behind "- ". */
static void block_map(const struct out *o, const struct rk_val *v, int indent, bool inl)
{
	rk_auto_free const struct rk_val **sorted = o->sorted ? rk_tree_sorted(v) : NULL;
	size_t i = 0;

	rk_each (it, v) {
		const struct rk_val *m = sorted ? sorted[i] : it;

		if (i++ || !inl)
			spaces(o, indent);
		member(o, m, indent);
	}
}

static void block_seq(const struct out *o, const struct rk_val *v, int indent, bool inl)
{
	rk_each (it, v) {
		if (it != v->child || !inl)
			spaces(o, indent);
		rk_buf_puts(o->b, "- ");
		if (!it->child)
			scalar(o, it, indent + 2);
		else if (it->kind == RK_MAP)
			block_map(o, it, indent + 2, true);
		else
			block_seq(o, it, indent + 2, true);
	}
}

void rk_yaml_write(const struct rk_val *v, bool sorted, struct rk_buf *out)
{
	struct out o = {.b = out, .sorted = sorted};

	if (!v->child)
		scalar(&o, v, 2);
	else if (v->kind == RK_MAP)
		block_map(&o, v, 0, false);
	else
		block_seq(&o, v, 0, false);
}
