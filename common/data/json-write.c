// SPDX-License-Identifier: Apache-2.0
/* A tree as JSON text. */
#include "internal.h"

struct out {
	struct rk_buf *b;
	bool pretty, sorted; /* on several lines; keys in order, as kubectl escapes */
};

static void newline(const struct out *o, int level)
{
	if (o->pretty)
		rk_buf_addf(o->b, "\n%*s", 4 * level, "");
}

static bool is_control(uint32_t cp)
{
	return cp < 0x20;
}

/* Go's encoder, and so kubectl, also escapes what is special in HTML and JavaScript; for people we
 * escape what could deceive them, too. */
static bool go_escapes(uint32_t cp)
{
	return cp < 0x20 || cp == '<' || cp == '>' || cp == '&' || cp == 0x7f || rk_deceptive(cp);
}

void rk_tree_quote(struct rk_buf *b, const char *s, size_t n, bool (*escaped)(uint32_t cp))
{
	static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";

	rk_buf_putc(b, '"');
	for (size_t len; n; s += len, n -= len) {
		uint32_t cp = 0;
		const char *hit;

		for (len = 0; len < n; len++) {
			unsigned char c = (unsigned char)s[len];

			if (c < 0x20 || c >= 0x7f || strchr("\"\\<>&", c))
				break;
		}
		if (len) {
			rk_buf_put(b, s, len);
			continue;
		}
		len = rk_utf8(s, n, &cp);
		hit = cp && cp < 0x80 ? strchr(from, (int)cp) : NULL;
		if (!len)
			rk_buf_puts(b, "\\ufffd"); /* the output must be UTF-8 */
		else if (hit)
			rk_buf_addf(b, "\\%c", to[hit - from]);
		else if (escaped(cp))
			rk_buf_addf(b, "\\u%04x", (unsigned)cp);
		else
			rk_buf_put(b, s, len);
		len = len ? len : 1;
	}
	rk_buf_putc(b, '"');
}

static void write_value(const struct out *o, const struct rk_val *v, int level)
{
	bool (*escaped)(uint32_t) = o->sorted ? go_escapes : is_control;
	bool map = v->kind == RK_MAP;
	rk_auto_free const struct rk_val **sorted = map && o->sorted ? rk_tree_sorted(v) : NULL;
	size_t i = 0;

	if (v->kind == RK_STR) {
		rk_tree_quote(o->b, v->s, v->len, escaped);
		return;
	}
	if (v->kind != RK_MAP && v->kind != RK_SEQ) {
		rk_buf_puts(o->b, v->kind == RK_NULL ? "null" : v->s);
		return;
	}
	rk_buf_putc(o->b, map ? '{' : '[');
	rk_each (it, v) {
		const struct rk_val *m = sorted ? sorted[i] : it;

		if (i++)
			rk_buf_putc(o->b, ',');
		newline(o, level + 1);
		if (map) {
			rk_tree_quote(o->b, m->key, m->klen, escaped);
			rk_buf_puts(o->b, o->pretty ? ": " : ":");
		}
		write_value(o, m, level + 1);
	}
	if (i)
		newline(o, level);
	rk_buf_putc(o->b, map ? '}' : ']');
}

void rk_json_write(const struct rk_val *v, enum rk_json_style style, struct rk_buf *out)
{
	struct out o = {
		.b = out, .pretty = style == RK_JSON_PRETTY, .sorted = style != RK_JSON_COMPACT};

	write_value(&o, v, 0);
	if (o.pretty)
		rk_buf_putc(out, '\n');
}
