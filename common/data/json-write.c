// SPDX-License-Identifier: Apache-2.0
/* A tree as JSON text. */
#include "data/data.h"
#include "internal.h"

struct out {
	struct rk_buf *b;
	bool pretty, sorted; /* on several lines; keys in order, as kubectl escapes */
};

static void newline(const struct out *o, int level)
{
	if (!o->pretty)
		return;
	rk_buf_putc(o->b, '\n');
	for (int i = 0; i < level; i++)
		rk_buf_put(o->b, "    ", 4);
}

static const char *short_escape(uint32_t cp)
{
	switch (cp) {
	case '"':
		return "\\\"";
	case '\\':
		return "\\\\";
	case '\b':
		return "\\b";
	case '\f':
		return "\\f";
	case '\n':
		return "\\n";
	case '\r':
		return "\\r";
	case '\t':
		return "\\t";
	default:
		return NULL;
	}
}

/* Go's encoder, and so kubectl, also escapes what is special in HTML and JavaScript; for people we
 * escape what could deceive them, too. */
static bool must_escape(const struct out *o, uint32_t cp)
{
	if (cp < 0x20)
		return true;
	return o->sorted && (cp == '<' || cp == '>' || cp == '&' || cp == 0x7f || rk_deceptive(cp));
}

static bool is_special(char c)
{
	return (unsigned char)c < 0x20 || (unsigned char)c >= 0x7f || c == '"' || c == '\\' ||
	       c == '<' || c == '>' || c == '&';
}

static size_t write_special(const struct out *o, const char *s, size_t n)
{
	uint32_t cp = 0;
	size_t len = rk_utf8(s, n, &cp);
	const char *esc = len ? short_escape(cp) : "\\ufffd"; /* JSON has no other bytes */

	if (esc)
		rk_buf_puts(o->b, esc);
	else if (must_escape(o, cp))
		rk_buf_addf(o->b, "\\u%04x", (unsigned)cp);
	else
		rk_buf_put(o->b, s, len);
	return len ? len : 1;
}

static void write_string(const struct out *o, const char *s, size_t n)
{
	rk_buf_putc(o->b, '"');
	while (n) {
		size_t run = 0;

		while (run < n && !is_special(s[run]))
			run++;
		rk_buf_put(o->b, s, run);
		if (run < n)
			run += write_special(o, s + run, n - run);
		s += run;
		n -= run;
	}
	rk_buf_putc(o->b, '"');
}

static void write_value(const struct out *o, const struct rk_val *v, int level);

static void write_member(const struct out *o, const struct rk_val *v, int level)
{
	write_string(o, v->key, v->klen);
	rk_buf_puts(o->b, o->pretty ? ": " : ":");
	write_value(o, v, level);
}

static void write_map(const struct out *o, const struct rk_val *v, int level)
{
	rk_auto_free const struct rk_val **sorted = o->sorted ? rk_tree_sorted(v) : NULL;
	size_t i = 0;

	rk_buf_putc(o->b, '{');
	rk_each (it, v) {
		if (i)
			rk_buf_putc(o->b, ',');
		newline(o, level + 1);
		write_member(o, sorted ? sorted[i] : it, level + 1);
		i++;
	}
	if (i)
		newline(o, level);
	rk_buf_putc(o->b, '}');
}

static void write_seq(const struct out *o, const struct rk_val *v, int level)
{
	rk_buf_putc(o->b, '[');
	rk_each (it, v) {
		if (it != v->child)
			rk_buf_putc(o->b, ',');
		newline(o, level + 1);
		write_value(o, it, level + 1);
	}
	if (v->child)
		newline(o, level);
	rk_buf_putc(o->b, ']');
}

static void write_value(const struct out *o, const struct rk_val *v, int level)
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
		write_string(o, v->s, v->len);
		break;
	case RK_SEQ:
		write_seq(o, v, level);
		break;
	case RK_MAP:
		write_map(o, v, level);
		break;
	}
}

void rk_json_write(const struct rk_val *v, enum rk_json_style style, struct rk_buf *out)
{
	struct out o = {
		.b = out, .pretty = style == RK_JSON_PRETTY, .sorted = style != RK_JSON_COMPACT};

	write_value(&o, v, 0);
	if (o.pretty)
		rk_buf_putc(out, '\n');
}
