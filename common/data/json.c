// SPDX-License-Identifier: Apache-2.0
/* jsmn cuts the text into tokens; the walk over them checks every byte between two tokens
 * against the grammar (jsmn does not) and builds the tree. */
#define JSMN_STATIC
#define JSMN_STRICT
#define JSMN_PARENT_LINKS /* without them jsmn is quadratic on lists of objects */
#include <jsmn.h>

#include "data/data.h"
#include "internal.h"

/* What the grammar allows next. */
enum state {
	VALUE,	      /* a value: at the start, after ':' or after ',' in a list */
	FIRST_ITEM,   /* a value or ']' */
	FIRST_KEY,    /* a key or '}' */
	KEY,	      /* a key, after ',' in an object */
	COLON,	      /* ':' */
	COMMA_OR_END, /* ',' or the closing bracket */
	DONE,	      /* nothing but blanks; in a stream the next value */
};

struct walk {
	struct rk_doc *d;
	const char *text;
	size_t n, pos, values;
	uint32_t line, depth;
	enum state state;
	bool stream, one_line;
	struct rk_val *root; /* stream: the list; else the value, once known */
	struct rk_val *open; /* innermost container not closed yet */
	const char *key;     /* decoded, waiting for its value */
	uint32_t klen;
	size_t kstart;
	struct rk_err *err;
};

#define fail(w, ...) rk_tree_error((w)->d, (w)->line, (w)->err, __VA_ARGS__)

static int unexpected(struct walk *w, size_t pos)
{
	static const char *const wanted[] = {
		[VALUE] = "a value",
		[FIRST_ITEM] = "a value or ']'",
		[FIRST_KEY] = "a key in double quotes or '}'",
		[KEY] = "a key in double quotes",
		[COLON] = "':'",
		[COMMA_OR_END] = "',' or the closing bracket",
		[DONE] = "the end",
	};
	unsigned char c = (unsigned char)w->text[pos];

	return rk_tree_error(w->d, w->line, w->err,
		c > ' ' && c < 0x7f ? "expected %s, found '%c'" : "expected %s, found byte 0x%02x",
		wanted[w->state], c);
}

/* --- strings, numbers and words --- */

/* The escape at *p, decoded to *o; both move on. A high surrogate comes with its low half. */
static int unescape(struct walk *w, const char **p, const char *end, char **o)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	uint32_t cp = 0, low = 0;
	const char *s = *p, *at;
	bool ok;

	if (end - s < 2)
		return fail(w, "a string ends in a backslash");
	at = s[1] ? strchr(from, s[1]) : NULL;
	if (at) {
		*(*o)++ = to[at - from];
		*p += 2;
		return 0;
	}
	if (s[1] != 'u')
		return fail(w, "a string holds a bad escape");
	ok = end - s >= 6 && rk_hex(s + 2, 4, &cp);
	*p += 6;
	if (ok && cp >= 0xd800 && cp <= 0xdfff) {
		ok = cp < 0xdc00 && end - s >= 12 && memcmp(s + 6, "\\u", 2) == 0 &&
		     rk_hex(s + 8, 4, &low) && low >= 0xdc00 && low <= 0xdfff;
		cp = 0x10000 + ((cp - 0xd800) << 10) + (low - 0xdc00);
		*p += 6;
	}
	if (!ok)
		return fail(w, "a string holds a bad \\u escape or half a surrogate pair");
	*o += rk_utf8_put(*o, cp);
	return 0;
}

/* The text between the quotes, decoded into the arena; never longer than it was. */
static int decode(struct walk *w, const jsmntok_t *t, const char **s, size_t *len)
{
	const char *p = w->text + t->start, *end = w->text + t->end;
	char *start = rk_doc_strndup(w->d, p, (size_t)(end - p)), *o = start;

	while (p < end) {
		const char *from = p;
		uint32_t cp;

		while (p < end && (unsigned char)*p >= 0x20 && (unsigned char)*p < 0x80 &&
			*p != '\\')
			p++;
		if (p == from && *p == '\\') {
			if (unescape(w, &p, end, &o) < 0)
				return -1;
			continue;
		}
		if (p == from && (unsigned char)*p < 0x20)
			return fail(w, "a string holds a raw control character");
		if (p == from)
			p += rk_utf8(p, (size_t)(end - p), &cp);
		if (p == from)
			return fail(w, "a string is not valid UTF-8");
		memcpy(o, from, (size_t)(p - from));
		o += p - from;
	}
	*o = '\0';
	*s = start;
	*len = (size_t)(o - start);
	return 0;
}

/* Length of the number at s, by RFC 8259 section 6; 0: none. A byte that no number has must follow. */
static size_t number_len(const char *s)
{
	static const char digits[] = "0123456789";
	const char *p = s + (*s == '-');
	size_t n = *p == '0' ? 1 : strspn(p, digits);

	p += n;
	if (n && *p == '.') {
		n = strspn(++p, digits);
		p += n;
	}
	if (n && (*p == 'e' || *p == 'E')) {
		p += p[1] == '+' || p[1] == '-' ? 2 : 1;
		n = strspn(p, digits);
		p += n;
	}
	return n ? (size_t)(p - s) : 0;
}

static int primitive(struct walk *w, const jsmntok_t *t, struct rk_val *v)
{
	size_t n = (size_t)(t->end - t->start);
	const char *s = rk_doc_strndup(w->d, w->text + t->start, n);
	bool whole = strlen(s) == n; /* no NUL in it */

	v->kind = RK_NULL;
	if (whole && strcmp(s, "null") == 0)
		return 0;
	if (whole && (strcmp(s, "true") == 0 || strcmp(s, "false") == 0))
		v->kind = RK_BOOL;
	else if (n && number_len(s) == n)
		v->kind = RK_NUM;
	else
		return fail(w, "neither a number nor true, false or null");
	v->s = s;
	v->len = n;
	return 0;
}

/* --- the walk --- */

/* Check the bytes up to the next token; brackets close containers. */
static int gap(struct walk *w, size_t to)
{
	for (; w->pos < to; w->pos++) {
		char c = w->text[w->pos];
		bool map = c == '}';
		const struct rk_val *dup;

		if (c == '\n') {
			w->line++;
		} else if (c == ',' && w->state == COMMA_OR_END) {
			w->state = w->open->kind == RK_MAP ? KEY : VALUE;
		} else if (c == ':' && w->state == COLON) {
			w->state = VALUE;
		} else if (c == '}' || c == ']') {
			if ((w->state != COMMA_OR_END &&
				    w->state != (map ? FIRST_KEY : FIRST_ITEM)) ||
				(w->open->kind == RK_MAP) != map)
				return unexpected(w, w->pos);
			dup = map ? rk_tree_duplicate(w->open) : NULL;
			if (dup)
				return rk_tree_error(
					w->d, dup->line, w->err, "duplicate key \"%s\"", dup->key);
			w->open->end = w->pos + 1;
			w->open = w->open->parent;
			w->state = --w->depth ? COMMA_OR_END : DONE;
		} else if (!c || !strchr(" \t\r", c)) {
			return unexpected(w, w->pos);
		}
	}
	return 0;
}

/* Check the bytes up to a key or value, and that one may be there. */
static int reach(struct walk *w, size_t start)
{
	if (gap(w, start) < 0)
		return -1;
	if (w->state == COLON || w->state == COMMA_OR_END || (w->state == DONE && !w->stream))
		return unexpected(w, start);
	return 0;
}

static int token(struct walk *w, const jsmntok_t *t)
{
	struct rk_val *v;
	size_t len;

	if (reach(w, (size_t)t->start - (t->type == JSMN_STRING)) < 0)
		return -1;
	if (w->state == FIRST_KEY || w->state == KEY) {
		if (t->type != JSMN_STRING)
			return unexpected(w, w->pos);
		w->kstart = w->pos;
		if (decode(w, t, &w->key, &len) < 0)
			return -1;
		w->klen = (uint32_t)len;
		w->pos = (size_t)t->end + 1;
		w->state = COLON;
		return 0;
	}

	if (++w->values > rk_tree_values_max(w->n))
		return rk_tree_too_many(w->d, w->line, w->err);
	v = w->depth ? rk_tree_node(w->d, RK_STR) : rk_tree_root(w->d, RK_STR, w->one_line);
	v->start = w->pos;
	v->line = w->line;
	if (w->open && w->open->kind == RK_MAP) {
		v->key = w->key;
		v->klen = w->klen;
		v->kstart = w->kstart;
	}
	if (w->open)
		rk_tree_link(w->open, v);
	else
		w->root = v;
	if (t->type == JSMN_OBJECT || t->type == JSMN_ARRAY) {
		if (++w->depth > RK_DEPTH_MAX)
			return fail(w, "nested deeper than %d", RK_DEPTH_MAX);
		v->kind = t->type == JSMN_OBJECT ? RK_MAP : RK_SEQ;
		w->open = v;
		w->state = t->type == JSMN_OBJECT ? FIRST_KEY : FIRST_ITEM;
		w->pos = v->start + 1;
		return 0;
	}
	if ((t->type == JSMN_STRING ? decode(w, t, &v->s, &v->len) : primitive(w, t, v)) < 0)
		return -1;
	w->pos = (size_t)t->end + (t->type == JSMN_STRING);
	v->end = w->pos;
	w->state = w->depth ? COMMA_OR_END : DONE;
	return 0;
}

/* --- tokens --- */

/* jsmn fills the window, the walk takes what is in it, and jsmn continues behind the tokens that it
 * still needs: at most two for each level of nesting, whose depth the walk has checked. So tokens
 * take the same few kilobytes for every text, and climbing them is never slow. They are positions
 * only: there is nothing to wipe after a secret. */
enum { WINDOW = 4 * RK_DEPTH_MAX };

/* jsmn looks back at the latest token and at those around it (containers not closed, a key) alone. */
static void drop_taken(jsmn_parser *p, jsmntok_t *v)
{
	int n = 0, super = -1, latest = (int)p->toknext - 1;

	for (int i = 0; i <= latest; i++) {
		if (v[i].end >= 0 && i != p->toksuper && i != latest)
			continue;
		super = i == p->toksuper ? n : super;
		v[n] = v[i];
		v[n].parent = n - 1;
		n++;
	}
	p->toksuper = super;
	p->toknext = (unsigned)n;
}

/* What jsmn stopped at: the text's end, NUL or an error. */
static int leftover(struct walk *w, size_t pos, int rc)
{
	jsmntok_t last = {.type = JSMN_PRIMITIVE, .start = (int)pos, .end = (int)w->n};
	char c = pos < w->n ? w->text[pos] : '\0';

	/* In strict mode jsmn requires a byte after a number or word; the text's end will do too. */
	if (c && strchr("-0123456789tfn", c))
		return token(w, &last);
	if (c != '"')
		return gap(w, w->n);
	if (reach(w, pos) < 0)
		return -1;
	if (rc == JSMN_ERROR_INVAL)
		return fail(w, "a string holds a bad escape");
	if (memchr(w->text + pos, '\0', w->n - pos))
		return fail(w, "a string holds a raw control character");
	return fail(w, "JSON is cut off inside a string");
}

int rk_json_read(struct rk_doc *d, const char *text, size_t n, bool stream, struct rk_val **out,
	struct rk_err *err)
{
	struct walk w = {.d = d, .text = text, .n = n, .line = 1, .stream = stream, .err = err};
	const char *nl = n ? memchr(text, '\n', n) : NULL;
	jsmntok_t tokens[WINDOW];
	jsmn_parser p;
	int rc;

	*out = NULL;
	w.one_line = !nl || nl == text + n - 1;
	if (n > RK_BUF_MAX)
		return fail(&w, "JSON of more than 256 MiB");
	if (stream) {
		w.root = w.open = rk_tree_root(d, RK_SEQ, w.one_line);
		w.root->line = 1;
		w.state = DONE;
	}
	jsmn_init(&p);
	do {
		unsigned taken = p.toknext;

		rc = jsmn_parse(&p, text, n, tokens, WINDOW);
		for (; taken < p.toknext; taken++)
			if (token(&w, &tokens[taken]) < 0)
				return -1;
		drop_taken(&p, tokens);
	} while (rc == JSMN_ERROR_NOMEM);
	if (leftover(&w, p.pos, rc) < 0)
		return -1;
	if (w.depth)
		return fail(&w, "JSON is cut off: the %s of line %u is not closed",
			w.open->kind == RK_MAP ? "object" : "list", w.open->line);
	if (w.state != DONE)
		return fail(&w, "no JSON value: the text is empty");
	*out = w.root;
	return 0;
}
