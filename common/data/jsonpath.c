// SPDX-License-Identifier: Apache-2.0
/* A template is read as it is applied: each step makes of the values found so far those that it finds in
 * them. Checking a template is applying it to nothing. */
#include "data/data.h"

#include <ctype.h>

enum {
	TEXT_MAX = 1 << 14,    /* bytes of a template */
	NEST_MAX = 16,	       /* ranges in ranges, filters in filters */
	FOUND_MAX = 1000000,   /* steps of one evaluation */
	OUTPUT_MAX = 64 << 20, /* bytes of one output */
};

struct rk_jsonpath {
	struct rk_doc *d; /* where it is itself */
	const char *text;
};

struct eval {
	struct rk_doc *d;		/* of literals */
	const char *text;		/* all of the template, for messages */
	const char *s, *end;		/* what is left of the part that is read */
	bool checking;			/* nothing is found */
	enum { NONE, RANGE, END } word; /* that this expression began with */
	int depth;			/* of filters */
	size_t steps;
	struct rk_err *err;
};

static int bad(const struct eval *e, const char *what, const char *at)
{
	return rk_err_set(e->err, RK_USAGE, "jsonpath \"%.200s\": %s%s%.20s%s", e->text, what,
		*at ? " at \"" : "", at, *at ? "\"" : "");
}

void rk_found_release(struct rk_found *f)
{
	free(f->v);
	*f = (struct rk_found){0};
}

#define auto_found __attribute__((cleanup(rk_found_release))) struct rk_found

static int put(struct eval *e, struct rk_found *f, const struct rk_val *v)
{
	if (e->checking || !v)
		return 0;
	if (++e->steps > FOUND_MAX)
		return rk_err_set(e->err, RK_FAIL, "jsonpath: too many results");
	if (f->n == f->size) {
		f->size = f->size ? f->size * 2 : 8;
		f->v = rk_realloc(f->v, f->size * sizeof(*f->v));
	}
	f->v[f->n++] = v;
	return 0;
}

/* --- text --- */

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80;
}

/* A name ends at any of these characters; behind a backslash they are part of it. */
static const char *read_name(const char *s, const char *end, const char *ends, struct rk_buf *name)
{
	for (; s < end && !strchr(ends, *s); s++) {
		if (*s == '\\' && s + 1 < end)
			s++;
		rk_buf_putc(name, *s);
	}
	return s;
}

static const char name_ends[] = " \t\r\n.,[]$@{}";

/* The end of a quoted text that begins at s, or NULL. */
static const char *quote_end(const char *s, const char *end)
{
	for (const char *c = s + 1; c < end; c++) {
		if (*c == '\\')
			c++;
		else if (*c == *s)
			return c;
	}
	return NULL;
}

/* The first of these characters outside of quotes, or NULL. */
static const char *find_plain(const char *s, const char *end, const char *chars)
{
	while (s && s < end && !strchr(chars, *s)) {
		if (*s == '"' || *s == '\'')
			s = quote_end(s, end);
		s = s ? s + 1 : NULL;
	}
	return s && s < end ? s : NULL;
}

/* --- steps: `in` is what was found before, `out` what is found now --- */

static int members(
	struct eval *e, const struct rk_buf *name, const struct rk_found *in, struct rk_found *out)
{
	for (size_t i = 0; i < in->n; i++)
		if (put(e, out, rk_member(in->v[i], name->s, name->len)) < 0)
			return -1;
	return 0;
}

static int field(struct eval *e, const struct rk_found *in, struct rk_found *out)
{
	rk_auto_buf name = RK_BUF_INIT;

	e->s = read_name(e->s, e->end, name_ends, &name);
	if (name.len && !rk_streq(name.s, "*"))
		return members(e, &name, in, out);
	for (size_t i = 0; i < in->n; i++) {
		if (!name.len && put(e, out, in->v[i]) < 0)
			return -1;
		rk_each (child, name.len ? in->v[i] : NULL)
			if (put(e, out, child) < 0)
				return -1;
	}
	return 0;
}

/* v and all that is below it; of scalars only texts, as kubectl has it. */
static int put_deep(struct eval *e, const struct rk_val *v, struct rk_found *out)
{
	if (!v->child && v->kind != RK_STR)
		return 0;
	if (put(e, out, v) < 0)
		return -1;
	rk_each (child, v)
		if (put_deep(e, child, out) < 0)
			return -1;
	return 0;
}

static int deep(struct eval *e, const struct rk_found *in, struct rk_found *out)
{
	auto_found all = {0};
	bool named;

	e->s += 2;
	named = is_word(*e->s);
	for (size_t i = 0; i < in->n; i++)
		if (put_deep(e, in->v[i], named ? &all : out) < 0)
			return -1;
	return named ? field(e, &all, out) : 0;
}

static int no_list(struct eval *e, const struct rk_val *v)
{
	rk_auto_buf text = RK_BUF_INIT;

	rk_jsonpath_text(v, &text);
	return rk_err_set(e->err, RK_FAIL, "jsonpath: %.60s is not a list", text.s);
}

struct slice {
	int64_t n[3];	    /* from, to, step */
	bool given[3], one; /* one: [n], which has to exist */
};

static int put_slice(
	struct eval *e, const struct slice *n, const struct rk_val *v, struct rk_found *out)
{
	int64_t len = v->count, from = n->n[0], step = n->given[2] ? n->n[2] : 1, i = 0;
	int64_t to = n->one ? from + 1 : n->given[1] ? n->n[1] : len;

	if (v->kind == RK_NULL)
		return 0;
	if (v->kind != RK_SEQ)
		return no_list(e, v);
	from += from < 0 ? len : 0;
	to += to < 0 || (n->one && to == 0) ? len : 0;
	if (from == to)
		return 0;
	if (from < 0 || from >= len || to < 0 || to > len)
		return rk_err_set(e->err, RK_FAIL,
			"jsonpath: array index out of bounds: index %lld, length %lld",
			(long long)(from < 0 || from >= len ? from : to - 1), (long long)len);
	if (from > to || step <= 0)
		return rk_err_set(e->err, RK_FAIL, "jsonpath: invalid slice");
	rk_each (item, v) {
		if (i >= from && i < to && (i - from) % step == 0 && put(e, out, item) < 0)
			return -1;
		i++;
	}
	return 0;
}

/* From s to end, between brackets or commas: a quoted key, "*", an index or a slice. */
static int part_of_array(struct eval *e, const char *s, const char *end, const struct rk_found *in,
	struct rk_found *out)
{
	rk_auto_free char *text = NULL;
	rk_auto_buf key = RK_BUF_INIT;
	struct slice n = {0};
	const char *at = s - 1;
	char *rest, *number;
	bool ok = true;

	for (; s < end && *s == ' '; s++)
		;
	for (; end > s && end[-1] == ' '; end--)
		;
	if (s < end && (*s == '"' || *s == '\'') && quote_end(s, end) == end - 1) {
		read_name(s + 1, end - 1, (const char[]){*s, '\0'}, &key);
		return members(e, &key, in, out);
	}
	text = rk_strndup(s, (size_t)(end - s));
	rest = rk_streq(text, "*") ? NULL : text;
	n.one = rest && !strchr(rest, ':');
	for (int i = 0; i < 3 && (number = strsep(&rest, ":")); i++) {
		n.given[i] = *number != '\0';
		ok = ok && (!*number || rk_parse_int(number, -INT32_MAX, INT32_MAX, &n.n[i]));
	}
	if (!ok || rest || (n.one && !n.given[0]))
		return bad(e, "invalid array index", at);
	for (size_t i = 0; i < in->n; i++)
		if (put_slice(e, &n, in->v[i], out) < 0)
			return -1;
	return 0;
}

static int array(struct eval *e, const struct rk_found *in, struct rk_found *out)
{
	const char *s = e->s, *stop = find_plain(s + 1, e->end, "]"), *comma;

	if (!stop)
		return bad(e, "unterminated array", s);
	for (; s < stop; s = comma) {
		comma = find_plain(s + 1, stop, ",");
		comma = comma ? comma : stop;
		if (part_of_array(e, s + 1, comma, in, out) < 0)
			return -1;
	}
	e->s = stop + 1;
	return 0;
}

static int steps(struct eval *e, struct rk_found *set);

/* What the text from s to end, all of it, finds in v. */
static int part(struct eval *e, const char *s, const char *end, const struct rk_val *v,
	struct rk_found *found)
{
	const char *s_before = e->s, *end_before = e->end;

	e->s = s;
	e->end = end;
	if (++e->depth > NEST_MAX)
		return bad(e, "nested too deeply", s);
	if (put(e, found, v) < 0 || steps(e, found) < 0)
		return -1;
	if (e->s < end)
		return bad(e, "unexpected character", e->s);
	e->depth--;
	e->s = s_before;
	e->end = end_before;
	return 0;
}

static int number_order(const struct rk_val *a, const struct rk_val *b)
{
	int64_t i, j;
	double x, y;

	if (rk_parse_int(a->s, INT64_MIN, INT64_MAX, &i) &&
		rk_parse_int(b->s, INT64_MIN, INT64_MAX, &j))
		return (i > j) - (i < j);
	x = strtod(a->s, NULL);
	y = strtod(b->s, NULL);
	return (x > y) - (x < y);
}

/* The results of a comparison that an operator accepts; 0: the value exists. */
enum { LESS = 1, SAME = 2, MORE = 4 };
static const char *const ops[] = {"", "<", "==", "<=", ">", "!=", ">="};

struct filter {
	const char *from, *op, *to, *stop; /* from OP to, as far as the bracket */
	unsigned holds;
};

/* 1 when the filter accepts the item, 0 when not, -1 when the values cannot be compared. */
static int passes(struct eval *e, const struct filter *f, const struct rk_val *item)
{
	bool equality = f->holds == SAME || f->holds == (LESS | MORE);
	auto_found left = {0}, right = {0};
	const struct rk_val *a, *b;
	int order;

	if (part(e, f->from, f->op, item, &left) < 0)
		return -1;
	if (!f->holds || (!left.n && !e->checking))
		return left.n > 0;
	if (part(e, f->to, f->stop, item, &right) < 0)
		return -1;
	if (left.n > 1 || right.n > 1)
		return rk_err_set(
			e->err, RK_FAIL, "jsonpath: can only compare one element at a time");
	if (!left.n || !right.n)
		return 0;
	a = left.v[0];
	b = right.v[0];
	if (a->kind == b->kind && (a->kind == RK_STR || (a->kind == RK_BOOL && equality)))
		order = strcmp(a->s, b->s);
	else if (a->kind == b->kind && a->kind == RK_NUM)
		order = number_order(a, b);
	else
		return rk_err_set(e->err, RK_FAIL, "jsonpath: incompatible types for comparison");
	return (f->holds & (order < 0 ? LESS : order > 0 ? MORE : SAME)) != 0;
}

static int filter(struct eval *e, const struct rk_found *in, struct rk_found *out)
{
	struct filter f = {.from = e->s + 3, .stop = find_plain(e->s + 3, e->end, ")")};
	rk_auto_doc *literals = rk_doc_new(false);
	rk_auto_free char *word = NULL;
	struct rk_doc *before = e->d;

	if (!f.stop || f.stop + 1 >= e->end || f.stop[1] != ']')
		return bad(e, "unterminated filter", e->s);
	f.op = find_plain(f.from, f.stop, "!<>=");
	if (f.op) {
		size_t n = strspn(f.op, "!<>=");

		word = rk_strndup(f.op, n);
		f.to = f.op + n;
		while (++f.holds < RK_COUNT(ops) && !rk_streq(ops[f.holds], word))
			;
		if (f.holds == RK_COUNT(ops) || f.op == f.from || f.to >= f.stop)
			return bad(e, "invalid comparison", f.from);
	}
	f.op = f.op ? f.op : f.stop;
	e->s = f.stop + 2;
	e->d = literals;
	if (e->checking && passes(e, &f, NULL) < 0)
		return -1;
	for (size_t i = 0; i < in->n; i++) {
		if (in->v[i]->kind != RK_SEQ)
			return no_list(e, in->v[i]);
		rk_each (item, in->v[i]) {
			int r = passes(e, &f, item);

			if (r < 0 || (r && put(e, out, item) < 0))
				return -1;
		}
	}
	e->d = before;
	return 0;
}

static int quote(struct eval *e, struct rk_found *out)
{
	static const char from[] = "\\\"'ntrabfv", to[] = "\\\"'\n\t\r\a\b\f\v";
	const char *stop = quote_end(e->s, e->end), *hit;
	rk_auto_buf text = RK_BUF_INIT;

	if (!stop)
		return bad(e, "unterminated quoted string", e->s);
	for (const char *c = e->s + 1; c < stop; c++) {
		if (*c != '\\')
			rk_buf_putc(&text, *c);
		else if ((hit = strchr(from, *++c)))
			rk_buf_putc(&text, to[hit - from]);
		else
			return bad(e, "unknown escape", c - 1);
	}
	e->s = stop + 1;
	return put(e, out, rk_stringn(e->d, text.s, text.len));
}

static int number(struct eval *e, struct rk_found *out)
{
	const char *from = *e->s == '+' ? e->s + 1 : e->s, *c = e->s + 1;
	struct rk_val *v;
	int dots = 0;

	for (; c < e->end && (isdigit((unsigned char)*c) || *c == '.'); c++)
		dots += *c == '.';
	if (dots > 1 || !isdigit((unsigned char)c[-1]) || c - from > 40)
		return bad(e, "not a number", e->s);
	v = rk_stringn(e->d, from, (size_t)(c - from));
	v->kind = RK_NUM;
	e->s = c;
	return put(e, out, v);
}

/* "range" and "end" are the first in their braces. */
static int word(struct eval *e, bool first, const struct rk_found *in, struct rk_found *out)
{
	rk_auto_buf name = RK_BUF_INIT;
	const char *s = e->s;

	e->s = read_name(s, e->end, name_ends, &name);
	if (rk_streq(name.s, "true") || rk_streq(name.s, "false"))
		return put(e, out, rk_boolean(e->d, *name.s == 't'));
	if (!first || (!rk_streq(name.s, "range") && !rk_streq(name.s, "end")))
		return bad(e, "unrecognized identifier", s);
	e->word = *name.s == 'r' ? RANGE : END;
	return e->word == RANGE && in->n ? put(e, out, in->v[0]) : 0;
}

/* The steps of an expression, until its brace or the end: set becomes what they find in its values. */
static int steps(struct eval *e, struct rk_found *set)
{
	bool first = !e->depth;

	e->s += strspn(e->s, " @$");
	while (e->s < e->end && *e->s != '}') {
		auto_found in = *set;
		const char *s = e->s;
		int r;

		*set = (struct rk_found){0};
		if (rk_prefix(s, "[?("))
			r = filter(e, &in, set);
		else if (*s == '[')
			r = array(e, &in, set);
		else if (rk_prefix(s, "...."))
			r = bad(e, "invalid multiple recursive descent", s);
		else if (rk_prefix(s, ".."))
			r = deep(e, &in, set);
		else if (*s == '.' && e->s++)
			r = field(e, &in, set);
		else if (*s == '"' || *s == '\'')
			r = quote(e, set);
		else if (isdigit((unsigned char)*s) || *s == '+' || *s == '-')
			r = number(e, set);
		else if (is_word(*s))
			r = word(e, first, &in, set);
		else
			r = bad(e, "unrecognized character", s);
		if (r < 0)
			return -1;
		first = false;
		e->s += strspn(e->s, " @$");
	}
	return 0;
}

/* --- templates --- */

/* Text and expressions in turn, for v, to the end of the text or of a range; v NULL: it is only checked. */
static int print(struct eval *e, const struct rk_val *v, int ranges, struct rk_buf *out)
{
	while (*e->s) {
		size_t len = strcspn(e->s, "{"), n;
		auto_found found = {0};
		const char *body;
		bool range;

		e->checking = !v;
		if (v)
			rk_buf_put(out, e->s, len);
		e->s += len;
		if (!*e->s)
			break;
		e->s++;
		e->word = NONE;
		if (put(e, &found, v) < 0 || steps(e, &found) < 0)
			return -1;
		if (*e->s++ != '}')
			return bad(e, "unclosed expression", "");
		if (e->word == END)
			return ranges ? 0 : bad(e, "not in range, nothing to end", "");
		range = e->word == RANGE;
		if (range && ranges == NEST_MAX)
			return bad(e, "nested too deeply", "");
		body = e->s;
		n = range && !found.n ? 1 : found.n;
		for (size_t i = 0; i < n; i++) {
			if (range) {
				e->s = body;
				if (print(e, found.n ? found.v[i] : NULL, ranges + 1, out) < 0)
					return -1;
			} else {
				rk_buf_puts(out, i ? " " : "");
				rk_jsonpath_text(found.v[i], out);
			}
			if (out->len > OUTPUT_MAX)
				return rk_err_set(e->err, RK_FAIL, "jsonpath: too much output");
		}
	}
	return 0;
}

int rk_jsonpath_parse(const char *text, struct rk_jsonpath **out, struct rk_err *err)
{
	size_t n = strlen(text);
	rk_auto_doc *d = rk_doc_new(false);
	struct eval e = {.d = d, .text = text, .s = text, .end = text + n, .err = err};
	struct rk_jsonpath *p = rk_doc_alloc(d, sizeof(*p));
	rk_auto_buf none = RK_BUF_INIT;

	*out = NULL;
	if (n > TEXT_MAX)
		return rk_err_set(err, RK_USAGE, "jsonpath: the template is too long");
	if (print(&e, NULL, 0, &none) < 0)
		return -1;
	p->text = rk_doc_strndup(d, text, n);
	p->d = rk_steal(&d);
	*out = p;
	return 0;
}

int rk_jsonpath_parse_one(const char *text, struct rk_jsonpath **out, struct rk_err *err)
{
	size_t n = strlen(text);
	bool braces = n > 1 && text[0] == '{' && text[n - 1] == '}';
	const char *from = text + braces;
	rk_auto_free char *one = rk_asprintf(
		"{%s%.*s}", strchr(".[@$", *from) ? "" : ".", (int)(n - (braces ? 2 : 0)), from);

	*out = NULL;
	if (!n || find_plain(one + 1, one + strlen(one) - 1, "{}"))
		return rk_err_set(err, RK_USAGE, "jsonpath \"%.200s\": not one expression", text);
	return rk_jsonpath_parse(one, out, err);
}

void rk_jsonpath_free(struct rk_jsonpath *p)
{
	if (p)
		rk_doc_free(p->d);
}

int rk_jsonpath_find(const struct rk_jsonpath *p, const struct rk_val *v, struct rk_found *out,
	struct rk_err *err)
{
	const char *s = p->text + strcspn(p->text, "{");
	struct eval e = {.d = p->d, .text = p->text, .s = s + 1, .end = s + strlen(s), .err = err};

	return !*s ? 0 : put(&e, out, v) < 0 ? -1 : steps(&e, out);
}

int rk_jsonpath_print(
	const struct rk_jsonpath *p, const struct rk_val *v, struct rk_buf *out, struct rk_err *err)
{
	rk_auto_doc *d = rk_doc_new(false);
	struct eval e = {.d = d,
		.text = p->text,
		.s = p->text,
		.end = p->text + strlen(p->text),
		.err = err};

	return print(&e, v, 0, out);
}

void rk_jsonpath_text(const struct rk_val *v, struct rk_buf *out)
{
	if (v->kind == RK_MAP || v->kind == RK_SEQ)
		rk_json_write(v, RK_JSON_SORTED, out);
	else if (v->kind == RK_NULL)
		rk_buf_puts(out, "null");
	else
		rk_buf_put(out, v->s, v->len);
}

/* --- sorting --- */

struct keyed {
	struct rk_val *item;
	const struct rk_val *key; /* NULL: none */
	size_t i;
};

/* Texts in which a run of digits counts as one number: node-2 before node-10. */
static int natural_order(const char *a, const char *b)
{
	static const char digits[] = "0123456789";

	while (*a && *b) {
		if (isdigit((unsigned char)*a) && isdigit((unsigned char)*b)) {
			size_t x = strspn(a += strspn(a, "0"), digits);
			size_t y = strspn(b += strspn(b, "0"), digits);
			int order = x != y ? (x > y) - (x < y) : strncmp(a, b, x);

			if (order)
				return order;
			a += x;
			b += y;
		} else if (*a++ != *b++) {
			return (unsigned char)a[-1] - (unsigned char)b[-1];
		}
	}
	return (unsigned char)*a - (unsigned char)*b;
}

static int by_key(const void *x, const void *y)
{
	const struct keyed *a = x, *b = y;
	int order = 0;

	if (!a->key || !b->key)
		order = (a->key != NULL) - (b->key != NULL);
	else if (a->key->kind == RK_NUM && b->key->kind == RK_NUM)
		order = number_order(a->key, b->key);
	else if (rk_str_loose(a->key) && rk_str_loose(b->key))
		order = natural_order(rk_str_loose(a->key), rk_str_loose(b->key));
	return order ? order : (a->i > b->i) - (a->i < b->i);
}

int rk_jsonpath_sort(struct rk_val *seq, const char *path, struct rk_err *err)
{
	rk_auto_jsonpath *p = NULL;
	rk_auto_free struct keyed *v = rk_calloc(seq->count + 1, sizeof(*v));
	size_t n = 0, found = 0;

	if (rk_jsonpath_parse_one(path, &p, err) < 0)
		return -1;
	rk_each (item, seq) {
		auto_found f = {0};

		if (rk_jsonpath_find(p, item, &f, err) < 0)
			return -1;
		v[n] = (struct keyed){rk_mut(item), f.n ? f.v[0] : NULL, n};
		found += f.n > 0;
		n++;
	}
	if (n && !found)
		return rk_err_set(err, RK_USAGE, "--sort-by: no item has \"%s\"", path);
	qsort(v, n, sizeof(*v), by_key);
	for (size_t i = 0; i < n; i++) {
		rk_remove(v[i].item);
		rk_append(seq, v[i].item);
	}
	return 0;
}
