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
	size_t n, pos;
	uint32_t line;
	uint32_t depth;
	size_t values;
	enum state state;
	bool stream, one_line;
	struct rk_val *root; /* stream: the list; else the value, once known */
	struct rk_val *open; /* innermost container not closed yet */
	const char *key;     /* decoded, waiting for its value */
	uint32_t klen;
	size_t kstart;
	struct rk_err *err;
};

static int fail_at(struct walk *w, const char *what)
{
	return rk_tree_error(w->d, w->line, w->err, "%s", what);
}

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

	if (c > ' ' && c < 0x7f)
		return rk_tree_error(
			w->d, w->line, w->err, "expected %s, found '%c'", wanted[w->state], c);
	return rk_tree_error(
		w->d, w->line, w->err, "expected %s, found byte 0x%02x", wanted[w->state], c);
}

static int cut_off(struct walk *w)
{
	if (w->open)
		return rk_tree_error(w->d, w->line, w->err,
			"JSON is cut off: the %s of line %u is not closed",
			w->open->kind == RK_MAP ? "object" : "list", w->open->line);
	return fail_at(w, "no JSON value: the text is empty");
}

/* --- strings --- */

static unsigned hex4(const char *p)
{
	unsigned v = 0;

	for (int i = 0; i < 4; i++) {
		unsigned c = (unsigned char)p[i];

		v = v << 4 | (c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
	}
	return v;
}

static bool is_hex4(const char *p, const char *end)
{
	if (end - p < 4)
		return false;
	for (int i = 0; i < 4; i++) {
		if (!memchr("0123456789abcdefABCDEF", p[i], 22))
			return false;
	}
	return true;
}

/* \uXXXX at *p (past the "\u"), with its low half when it is a high surrogate. 0, or -1. */
static int unescape_u(const char **p, const char *end, unsigned *cp)
{
	if (!is_hex4(*p, end))
		return -1;
	*cp = hex4(*p);
	*p += 4;
	if (*cp < 0xd800 || *cp > 0xdfff)
		return 0;
	if (*cp > 0xdbff || end - *p < 6 || (*p)[0] != '\\' || (*p)[1] != 'u' ||
		!is_hex4(*p + 2, end))
		return -1;
	unsigned low = hex4(*p + 2);

	if (low < 0xdc00 || low > 0xdfff)
		return -1;
	*cp = 0x10000 + ((*cp - 0xd800) << 10) + (low - 0xdc00);
	*p += 6;
	return 0;
}

static int unescape(struct walk *w, const char **p, const char *end, char **o)
{
	static const char from[] = "\"\\/bfnrt";
	static const char to[] = "\"\\/\b\f\n\r\t";
	const char *at;
	unsigned cp;

	if (end - *p < 2)
		return fail_at(w, "a string ends in a backslash");
	at = (*p)[1] ? strchr(from, (*p)[1]) : NULL;
	if (at) {
		*(*o)++ = to[at - from];
		*p += 2;
		return 0;
	}
	if ((*p)[1] != 'u')
		return fail_at(w, "a string holds a bad escape");
	*p += 2;
	if (unescape_u(p, end, &cp) < 0)
		return fail_at(w, "a string holds a bad \\u escape or half a surrogate pair");
	*o += rk_utf8_put(*o, cp);
	return 0;
}

/* Bytes of a string that stand for themselves and need no look at their neighbours. */
static size_t plain_run(const char *p, const char *end)
{
	const char *q = p;

	while (q < end && (unsigned char)*q >= 0x20 && (unsigned char)*q < 0x80 && *q != '\\')
		q++;
	return (size_t)(q - p);
}

static int decode_rest(struct walk *w, const char *p, const char *end, char **o)
{
	while (p < end) {
		size_t run = plain_run(p, end);
		uint32_t cp;

		if (run == 0 && *p == '\\') {
			if (unescape(w, &p, end, o) < 0)
				return -1;
			continue;
		}
		if (run == 0 && (unsigned char)*p < 0x20)
			return fail_at(w, "a string holds a raw control character");
		if (run == 0)
			run = rk_utf8(p, (size_t)(end - p), &cp);
		if (run == 0)
			return fail_at(w, "a string is not valid UTF-8");
		memcpy(*o, p, run);
		*o += run;
		p += run;
	}
	return 0;
}

/* The text between the quotes, decoded into the arena; never longer than it was. */
static int decode(struct walk *w, const jsmntok_t *t, const char **s, size_t *len)
{
	const char *p = w->text + t->start;
	const char *end = w->text + t->end;
	char *start;
	char *o;

	*s = start = o = rk_doc_strndup(w->d, p, (size_t)(end - p));
	o += plain_run(p, end);
	if (decode_rest(w, p + (o - start), end, &o) < 0)
		return -1;
	*o = '\0';
	*len = (size_t)(o - start);
	return 0;
}

/* --- numbers and words --- */

static const char *digits(const char *p, const char *end)
{
	while (p < end && *p >= '0' && *p <= '9')
		p++;
	return p;
}

/* RFC 8259 section 6. */
static bool is_number(const char *p, const char *end)
{
	const char *q;

	if (p < end && *p == '-')
		p++;
	q = digits(p, end);
	if (q == p || (*p == '0' && q != p + 1))
		return false;
	p = q;
	if (p < end && *p == '.') {
		q = digits(++p, end);
		if (q == p)
			return false;
		p = q;
	}
	if (p < end && (*p == 'e' || *p == 'E')) {
		p++;
		if (p < end && (*p == '+' || *p == '-'))
			p++;
		q = digits(p, end);
		if (q == p)
			return false;
		p = q;
	}
	return p == end;
}

static bool word_is(const char *p, size_t n, const char *word)
{
	return n == strlen(word) && memcmp(p, word, n) == 0;
}

static int primitive(struct walk *w, const jsmntok_t *t, struct rk_val *v)
{
	const char *p = w->text + t->start;
	size_t n = (size_t)(t->end - t->start);

	v->len = n;
	if (word_is(p, n, "true") || word_is(p, n, "false")) {
		v->kind = RK_BOOL;
		v->s = n == 4 ? "true" : "false";
	} else if (word_is(p, n, "null")) {
		v->kind = RK_NULL;
		v->len = 0;
	} else if (is_number(p, p + n)) {
		v->kind = RK_NUM;
		v->s = rk_doc_strndup(w->d, p, n);
	} else {
		return fail_at(w, "neither a number nor true, false or null");
	}
	return 0;
}

/* --- the walk --- */

/* A container or the text's value is complete: what may follow in the one around it. */
static void value_done(struct walk *w)
{
	w->state = w->open && !(w->stream && w->open == w->root) ? COMMA_OR_END : DONE;
}

static int close_container(struct walk *w, char c)
{
	struct rk_val *v = w->open;
	bool map = c == '}';
	const struct rk_val *dup;

	if (w->state != COMMA_OR_END && w->state != (map ? FIRST_KEY : FIRST_ITEM))
		return unexpected(w, w->pos);
	if ((v->kind == RK_MAP) != map)
		return unexpected(w, w->pos);
	dup = map ? rk_tree_duplicate(v) : NULL;
	if (dup)
		return rk_tree_error(w->d, dup->line, w->err, "duplicate key \"%s\"", dup->key);
	v->end = w->pos + 1;
	w->open = v->parent;
	w->depth--;
	value_done(w);
	return 0;
}

static int punctuation(struct walk *w, char c)
{
	switch (c) {
	case '\n':
		w->line++;
		return 0;
	case ' ':
	case '\t':
	case '\r':
		return 0;
	case '}':
	case ']':
		return close_container(w, c);
	case ',':
		if (w->state != COMMA_OR_END)
			return unexpected(w, w->pos);
		w->state = w->open->kind == RK_MAP ? KEY : VALUE;
		return 0;
	case ':':
		if (w->state != COLON)
			return unexpected(w, w->pos);
		w->state = VALUE;
		return 0;
	default:
		return unexpected(w, w->pos);
	}
}

/* Check the bytes up to the next token. */
static int gap(struct walk *w, size_t to)
{
	for (; w->pos < to; w->pos++) {
		if (punctuation(w, w->text[w->pos]) < 0)
			return -1;
	}
	return 0;
}

static struct rk_val *new_value(struct walk *w, size_t start)
{
	struct rk_val *v;

	if (w->open && !(w->stream && w->open == w->root))
		v = rk_tree_node(w->d, RK_NULL);
	else
		v = rk_tree_root(w->d, RK_NULL, w->one_line);
	v->start = start;
	v->line = w->line;
	if (!w->open) {
		w->root = v;
		return v;
	}
	if (w->open->kind == RK_MAP) {
		v->key = w->key;
		v->klen = w->klen;
		v->kstart = w->kstart;
	}
	rk_tree_link(w->open, v);
	return v;
}

static int open_container(struct walk *w, struct rk_val *v, bool map)
{
	if (++w->depth > RK_DEPTH_MAX)
		return rk_tree_error(w->d, w->line, w->err, "nested deeper than %d", RK_DEPTH_MAX);
	v->kind = map ? RK_MAP : RK_SEQ;
	w->open = v;
	w->state = map ? FIRST_KEY : FIRST_ITEM;
	w->pos = v->start + 1;
	return 0;
}

static int take_key(struct walk *w, const jsmntok_t *t)
{
	size_t len;

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

static int take_value(struct walk *w, const jsmntok_t *t)
{
	struct rk_val *v;

	if (++w->values > rk_tree_values_max(w->n))
		return rk_tree_too_many(w->d, w->line, w->err);
	v = new_value(w, w->pos);
	if (t->type == JSMN_OBJECT || t->type == JSMN_ARRAY)
		return open_container(w, v, t->type == JSMN_OBJECT);
	if (t->type == JSMN_STRING) {
		v->kind = RK_STR;
		if (decode(w, t, &v->s, &v->len) < 0)
			return -1;
		w->pos = (size_t)t->end + 1;
	} else {
		if (primitive(w, t, v) < 0)
			return -1;
		w->pos = (size_t)t->end;
	}
	v->end = w->pos;
	value_done(w);
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
	if (reach(w, (size_t)t->start - (t->type == JSMN_STRING)) < 0)
		return -1;
	if (w->state == FIRST_KEY || w->state == KEY)
		return take_key(w, t);
	return take_value(w, t);
}

/* --- tokens --- */

/* jsmn fills the window, the walk takes what is in it, and jsmn goes on behind the tokens that it
 * still needs: at most two for each level of nesting, whose depth the walk has checked. So tokens
 * take the same few kilobytes for every text, and climbing them is never slow. They are positions
 * only: there is nothing to wipe after a secret. */
enum { WINDOW = 4 * RK_DEPTH_MAX };

struct tokens {
	jsmn_parser p;
	jsmntok_t v[WINDOW];
	unsigned taken; /* by the walk */
};

static int take(struct walk *w, struct tokens *t)
{
	for (; t->taken < t->p.toknext; t->taken++) {
		if (token(w, &t->v[t->taken]) < 0)
			return -1;
	}
	return 0;
}

/* jsmn looks back at the latest token and at those around it (containers and keys) alone. */
static void drop_taken(struct tokens *t)
{
	int kept[WINDOW];
	int n = 0, super = -1;

	for (int i = (int)t->p.toknext - 1; i >= 0; i = t->v[i].parent)
		kept[n++] = i;
	for (int to = 0; to < n; to++) {
		int from = kept[n - 1 - to];

		if (from == t->p.toksuper)
			super = to;
		t->v[to] = t->v[from];
		t->v[to].parent = to - 1;
	}
	t->p.toksuper = super;
	t->p.toknext = t->taken = (unsigned)n;
}

/* What jsmn stopped at: the text's end, NUL or an error. */
static int leftover(struct walk *w, size_t pos, int rc)
{
	jsmntok_t last = {.type = JSMN_PRIMITIVE, .start = (int)pos, .end = (int)w->n};
	char c = pos < w->n ? w->text[pos] : '\0';

	/* In strict mode jsmn wants a byte after a number or word; the text's end will do too. */
	if (c && strchr("-0123456789tfn", c))
		return token(w, &last);
	if (c != '"')
		return gap(w, w->n);
	if (reach(w, pos) < 0)
		return -1;
	if (rc == JSMN_ERROR_INVAL)
		return fail_at(w, "a string holds a bad escape");
	if (memchr(w->text + pos, '\0', w->n - pos))
		return fail_at(w, "a string holds a raw control character");
	return fail_at(w, "JSON is cut off inside a string");
}

static int walk(struct walk *w)
{
	struct tokens t = {0};
	int rc;

	if (w->n > RK_BUF_MAX)
		return fail_at(w, "JSON of more than 256 MiB");
	jsmn_init(&t.p);
	while ((rc = jsmn_parse(&t.p, w->text, w->n, t.v, WINDOW)) == JSMN_ERROR_NOMEM) {
		if (take(w, &t) < 0)
			return -1;
		drop_taken(&t);
	}
	if (take(w, &t) < 0 || leftover(w, t.p.pos, rc) < 0)
		return -1;
	return w->state == DONE ? 0 : cut_off(w);
}

static bool is_one_line(const char *text, size_t n)
{
	const char *nl = n ? memchr(text, '\n', n) : NULL;

	return !nl || nl == text + n - 1;
}

int rk_json_parse(
	struct rk_doc *d, const char *text, size_t n, struct rk_val **out, struct rk_err *err)
{
	struct walk w = {.d = d, .text = text, .n = n, .line = 1, .err = err};

	*out = NULL;
	w.one_line = is_one_line(text, n);
	if (walk(&w) < 0)
		return -1;
	*out = w.root;
	return 0;
}

int rk_json_parse_stream(
	struct rk_doc *d, const char *text, size_t n, struct rk_val **out, struct rk_err *err)
{
	struct walk w = {
		.d = d, .text = text, .n = n, .line = 1, .state = DONE, .stream = true, .err = err};

	*out = NULL;
	w.one_line = is_one_line(text, n);
	w.root = w.open = rk_tree_root(d, RK_SEQ, w.one_line);
	w.root->line = 1;
	if (walk(&w) < 0)
		return -1;
	*out = w.root;
	return 0;
}
