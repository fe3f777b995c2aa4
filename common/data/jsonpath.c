// SPDX-License-Identifier: Apache-2.0
/* jsonpath: read a template into nodes, walk a tree with them. */
#include "data/data.h"

#include <ctype.h>

enum {
	TEXT_MAX = 1 << 14,    /* bytes of a template */
	NEST_MAX = 16,	       /* ranges in ranges, filters in filters */
	FOUND_MAX = 1000000,   /* steps of one evaluation */
	OUTPUT_MAX = 64 << 20, /* bytes of one output */
};

enum kind { TEXT, LIST, FIELD, ALL, DEEP, SLICE, UNION, FILTER, LITERAL, RANGE, END };
/* The results of a comparison that an operator accepts; 0: the value exists. */
enum { LESS = 1, SAME = 2, MORE = 4 };
static const char *const ops[] = {"", "<", "==", "<=", ">", "!=", ">="};

struct node {
	struct node *next;
	enum kind kind;
	const struct rk_val *value; /* of TEXT and LITERAL; of FIELD its name */
	struct node *left;  /* steps of a LIST, RANGE or FILTER; FIELDs and SLICEs of a UNION */
	struct node *right; /* what a FILTER compares with; what a RANGE repeats */
	unsigned op;
	int64_t n[3];	    /* SLICE: from, to, step */
	bool given[3], one; /* one: [n], which has to exist */
};

struct rk_jsonpath {
	struct rk_doc *d; /* where it is itself */
	struct node *nodes;
};

/* --- reading --- */

struct parser {
	struct rk_doc *d;
	const char *text;    /* all of it, for messages */
	const char *s, *end; /* what is left of the part that is read */
	struct node **tail;  /* where the next node belongs */
	int depth;
	struct rk_err *err;
};

static bool bad(const struct parser *p, const char *what, const char *at)
{
	rk_err_set(p->err, RK_USAGE, "jsonpath \"%.200s\": %s%s%.20s%s", p->text, what,
		*at ? " at \"" : "", at, *at ? "\"" : "");
	return false;
}

static struct node *add(struct parser *p, enum kind kind)
{
	struct node *n = rk_doc_alloc(p->d, sizeof(*n));

	n->kind = kind;
	*p->tail = n;
	p->tail = &n->next;
	return n;
}

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80;
}

/* A name ends at any of these; behind a backslash they are part of it. */
static const struct rk_val *parse_name(struct parser *p, const char *ends)
{
	rk_auto_buf name = RK_BUF_INIT;

	for (; p->s < p->end && !strchr(ends, *p->s); p->s++) {
		if (*p->s == '\\' && p->s + 1 < p->end)
			p->s++;
		rk_buf_putc(&name, *p->s);
	}
	return rk_stringn(p->d, name.s, name.len);
}

static const char name_ends[] = " \t\r\n.,[]$@{}";

static bool parse_field(struct parser *p)
{
	const struct rk_val *name = parse_name(p, name_ends);

	if (rk_streq(name->s, "*"))
		add(p, ALL);
	else if (name->len)
		add(p, FIELD)->value = name;
	return true;
}

/* "range" and "end" are the first in their braces. */
static bool parse_word(struct parser *p, bool first)
{
	const char *s = p->s, *word = parse_name(p, name_ends)->s;

	if (rk_streq(word, "true") || rk_streq(word, "false"))
		add(p, LITERAL)->value = rk_boolean(p->d, *word == 't');
	else if (first && (rk_streq(word, "range") || rk_streq(word, "end")))
		add(p, *word == 'r' ? RANGE : END);
	else
		return bad(p, "unrecognized identifier", s);
	return true;
}

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

static bool parse_quote(struct parser *p)
{
	static const char from[] = "\\\"'ntrabfv", to[] = "\\\"'\n\t\r\a\b\f\v";
	const char *stop = quote_end(p->s, p->end), *hit;
	rk_auto_buf text = RK_BUF_INIT;

	if (!stop)
		return bad(p, "unterminated quoted string", p->s);
	for (const char *c = p->s + 1; c < stop; c++) {
		if (*c != '\\')
			rk_buf_putc(&text, *c);
		else if ((hit = strchr(from, *++c)))
			rk_buf_putc(&text, to[hit - from]);
		else
			return bad(p, "unknown escape", c - 1);
	}
	add(p, LITERAL)->value = rk_stringn(p->d, text.s, text.len);
	p->s = stop + 1;
	return true;
}

static bool parse_number(struct parser *p)
{
	const char *from = *p->s == '+' ? p->s + 1 : p->s, *c = p->s + 1;
	struct rk_val *v;
	int dots = 0;

	for (; c < p->end && (isdigit((unsigned char)*c) || *c == '.'); c++)
		dots += *c == '.';
	if (dots > 1 || !isdigit((unsigned char)c[-1]) || c - from > 40)
		return bad(p, "not a number", p->s);
	v = rk_stringn(p->d, from, (size_t)(c - from));
	v->kind = RK_NUM;
	add(p, LITERAL)->value = v;
	p->s = c;
	return true;
}

static bool parse_steps(struct parser *p);

/* The steps from s to end, all of it. */
static bool parse_part(const struct parser *p, const char *s, const char *end, struct node **steps)
{
	struct parser part = *p;

	part.s = s;
	part.end = end;
	part.tail = steps;
	if (++part.depth > NEST_MAX)
		return bad(p, "nested too deeply", s);
	return parse_steps(&part) && (part.s == end || bad(p, "unexpected character", part.s));
}

static bool parse_filter(struct parser *p)
{
	const char *from = p->s + 3, *stop = find_plain(from, p->end, ")"), *op;
	struct node *f = add(p, FILTER);
	rk_auto_free char *word = NULL;
	size_t n;

	if (!stop || stop + 1 >= p->end || stop[1] != ']')
		return bad(p, "unterminated filter", p->s);
	op = find_plain(from, stop, "!<>=");
	p->s = stop + 2;
	if (!parse_part(p, from, op ? op : stop, &f->left))
		return false;
	if (!op)
		return true;
	n = strspn(op, "!<>=");
	word = rk_strndup(op, n);
	for (f->op = LESS; f->op < RK_COUNT(ops) && !rk_streq(ops[f->op], word); f->op++)
		;
	if (f->op == RK_COUNT(ops) || op == from || op + n >= stop)
		return bad(p, "invalid comparison", from);
	return parse_part(p, op + n, stop, &f->right);
}

/* From s to end, between brackets or commas: a quoted key, "*", an index or a slice. */
static bool parse_index(struct parser *p, const char *s, const char *end)
{
	rk_auto_free char *text = NULL;
	struct node *n;
	char *rest, *number;

	for (; s < end && *s == ' '; s++)
		;
	for (; end > s && end[-1] == ' '; end--)
		;
	if (s < end && (*s == '"' || *s == '\'')) {
		struct parser key = {.d = p->d, .s = s + 1, .end = end - 1};

		add(p, FIELD)->value = parse_name(&key, (const char[]){*s, '\0'});
		return quote_end(s, end) == end - 1;
	}
	rest = text = rk_strndup(s, (size_t)(end - s));
	n = add(p, SLICE);
	if (rk_streq(text, "*"))
		return true;
	n->one = !strchr(text, ':');
	for (int i = 0; i < 3 && (number = strsep(&rest, ":")); i++) {
		n->given[i] = *number != '\0';
		if (*number && !rk_parse_int(number, -INT32_MAX, INT32_MAX, &n->n[i]))
			return false;
	}
	return !rest && (!n->one || n->given[0]);
}

static bool parse_array(struct parser *p)
{
	const char *s = p->s, *stop = find_plain(s + 1, p->end, "]"), *comma;
	struct node **after = NULL;

	if (!stop)
		return bad(p, "unterminated array", s);
	if (find_plain(s + 1, stop, ",")) {
		struct node *all = add(p, UNION);

		after = p->tail;
		p->tail = &all->left;
	}
	for (; s < stop; s = comma) {
		comma = find_plain(s + 1, stop, ",");
		comma = comma ? comma : stop;
		if (!parse_index(p, s + 1, comma))
			return bad(p, "invalid array index", s);
	}
	p->tail = after ? after : p->tail;
	p->s = stop + 1;
	return true;
}

/* The steps of an expression, until its brace or the end. */
static bool parse_steps(struct parser *p)
{
	struct node **first = p->tail;
	bool ok = true;

	while (ok && p->s < p->end && *p->s != '}') {
		char c = *p->s;

		if (c == ' ' || c == '@' || c == '$') {
			p->s++;
		} else if (rk_prefix(p->s, "[?(")) {
			ok = parse_filter(p);
		} else if (c == '[') {
			ok = parse_array(p);
		} else if (rk_prefix(p->s, "....")) {
			ok = bad(p, "invalid multiple recursive descent", p->s);
		} else if (rk_prefix(p->s, "..")) {
			add(p, DEEP);
			p->s += 2;
			ok = !is_word(*p->s) || parse_field(p);
		} else if (c == '.') {
			p->s++;
			ok = parse_field(p);
		} else if (c == '"' || c == '\'') {
			ok = parse_quote(p);
		} else if (isdigit((unsigned char)c) || c == '+' || c == '-') {
			ok = parse_number(p);
		} else if (is_word(c)) {
			ok = parse_word(p, !*first && !p->depth);
		} else {
			ok = bad(p, "unrecognized character", p->s);
		}
	}
	return ok;
}

/* Text and expressions in turn; what a range repeats is its own list. */
static bool parse_all(struct parser *p, struct node **nodes)
{
	struct node **outer[NEST_MAX], **tail = nodes, *list;
	int n = 0;

	while (*p->s) {
		size_t len = strcspn(p->s, "{");
		struct node *steps = NULL;

		p->tail = tail;
		if (len)
			add(p, TEXT)->value = rk_stringn(p->d, p->s, len);
		tail = p->tail;
		p->s += len;
		if (!*p->s++)
			break;
		p->tail = &steps;
		if (!parse_steps(p))
			return false;
		if (*p->s++ != '}')
			return bad(p, "unclosed expression", "");
		if (steps && steps->kind == END) {
			if (!n)
				return bad(p, "not in range, nothing to end", "");
			tail = outer[--n];
			continue;
		}
		p->tail = tail;
		list = add(p, LIST);
		list->left = steps;
		tail = p->tail;
		if (!steps || steps->kind != RANGE)
			continue;
		if (n == NEST_MAX)
			return bad(p, "nested too deeply", "");
		list->kind = RANGE;
		outer[n++] = tail;
		tail = &list->right;
	}
	return true;
}

int rk_jsonpath_parse(const char *text, struct rk_jsonpath **out, struct rk_err *err)
{
	rk_auto_doc *d = rk_doc_new(false);
	struct parser p = {.d = d, .text = text, .s = text, .end = text + strlen(text), .err = err};
	struct rk_jsonpath *j = rk_doc_alloc(d, sizeof(*j));

	*out = NULL;
	if (p.end - text > TEXT_MAX)
		return rk_err_set(err, RK_USAGE, "jsonpath: the template is too long");
	if (!parse_all(&p, &j->nodes))
		return -1;
	j->d = rk_steal(&d);
	*out = j;
	return 0;
}

int rk_jsonpath_parse_one(const char *text, struct rk_jsonpath **out, struct rk_err *err)
{
	size_t n = strlen(text), lead = text[0] == '{';
	bool braces = lead && n > 1 && text[n - 1] == '}';
	const char *from = text + (braces ? 1 : 0);
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

/* --- walking --- */

struct walk {
	size_t steps;
	struct rk_err *err;
};

void rk_found_release(struct rk_found *f)
{
	free(f->v);
	*f = (struct rk_found){0};
}

#define auto_found __attribute__((cleanup(rk_found_release))) struct rk_found

static int put(struct walk *w, struct rk_found *f, const struct rk_val *v)
{
	if (++w->steps > FOUND_MAX)
		return rk_err_set(w->err, RK_FAIL, "jsonpath: too many results");
	if (f->n == f->size) {
		f->size = f->size ? f->size * 2 : 8;
		f->v = rk_realloc(f->v, f->size * sizeof(*f->v));
	}
	f->v[f->n++] = v;
	return 0;
}

static int walk_steps(
	struct walk *w, const struct node *n, const struct rk_val *v, struct rk_found *out);

/* v and all that is below it; of scalars only texts, as kubectl has it. */
static int put_deep(struct walk *w, const struct rk_val *v, struct rk_found *out)
{
	if (!v->child && v->kind != RK_STR)
		return 0;
	if (put(w, out, v) < 0)
		return -1;
	rk_each (child, v)
		if (put_deep(w, child, out) < 0)
			return -1;
	return 0;
}

static int no_list(struct walk *w, const struct rk_val *v)
{
	rk_auto_buf text = RK_BUF_INIT;

	rk_jsonpath_text(v, &text);
	return rk_err_set(w->err, RK_FAIL, "jsonpath: %.60s is not a list", text.s);
}

static int put_slice(
	struct walk *w, const struct node *n, const struct rk_val *v, struct rk_found *out)
{
	int64_t len = v->count, from = n->n[0], step = n->given[2] ? n->n[2] : 1, i = 0;
	int64_t to = n->one ? from + 1 : n->given[1] ? n->n[1] : len;

	if (v->kind == RK_NULL)
		return 0;
	if (v->kind != RK_SEQ)
		return no_list(w, v);
	from += from < 0 ? len : 0;
	to += to < 0 || (n->one && to == 0) ? len : 0;
	if (from == to)
		return 0;
	if (from < 0 || from >= len || to < 0 || to > len)
		return rk_err_set(w->err, RK_FAIL,
			"jsonpath: array index out of bounds: index %lld, length %lld",
			(long long)(from < 0 || from >= len ? from : to - 1), (long long)len);
	if (from > to || step <= 0)
		return rk_err_set(w->err, RK_FAIL, "jsonpath: invalid slice");
	rk_each (item, v) {
		if (i >= from && i < to && (i - from) % step == 0 && put(w, out, item) < 0)
			return -1;
		i++;
	}
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

/* 1 when the filter accepts the item, 0 when not, -1 when the values cannot be compared. */
static int passes(struct walk *w, const struct node *n, const struct rk_val *item)
{
	bool equality = n->op == SAME || n->op == (LESS | MORE);
	auto_found left = {0}, right = {0};
	const struct rk_val *a, *b;
	int order;

	if (walk_steps(w, n->left, item, &left) < 0)
		return -1;
	if (!n->op || !left.n)
		return left.n > 0;
	if (walk_steps(w, n->right, item, &right) < 0)
		return -1;
	if (left.n > 1 || right.n > 1)
		return rk_err_set(
			w->err, RK_FAIL, "jsonpath: can only compare one element at a time");
	if (!right.n)
		return 0;
	a = left.v[0];
	b = right.v[0];
	if (a->kind == b->kind && (a->kind == RK_STR || (a->kind == RK_BOOL && equality)))
		order = strcmp(a->s, b->s);
	else if (a->kind == b->kind && a->kind == RK_NUM)
		order = number_order(a, b);
	else
		return rk_err_set(w->err, RK_FAIL, "jsonpath: incompatible types for comparison");
	return (n->op & (order < 0 ? LESS : order > 0 ? MORE : SAME)) != 0;
}

/* What one step finds in v. */
static int walk_one(
	struct walk *w, const struct node *n, const struct rk_val *v, struct rk_found *out)
{
	const struct rk_val *m;

	switch (n->kind) {
	case FIELD:
		m = rk_member(v, n->value->s, n->value->len);
		return m ? put(w, out, m) : 0;
	case DEEP:
		return put_deep(w, v, out);
	case SLICE:
		return put_slice(w, n, v, out);
	case RANGE:
		return put(w, out, v);
	case ALL:
	case FILTER:
		if (n->kind == FILTER && v->kind != RK_SEQ)
			return no_list(w, v);
		rk_each (item, v) {
			int r = n->kind == ALL ? 1 : passes(w, n, item);

			if (r < 0 || (r && put(w, out, item) < 0))
				return -1;
		}
		return 0;
	default:
		return 0;
	}
}

/* All steps in turn, each on what the one before found. */
static int walk_steps(
	struct walk *w, const struct node *n, const struct rk_val *v, struct rk_found *out)
{
	if (put(w, out, v) < 0)
		return -1;
	for (; n; n = n->next) {
		const struct node *step = n->kind == UNION ? n->left : n;
		auto_found in = *out;

		*out = (struct rk_found){0};
		if (n->kind == LITERAL && put(w, out, n->value) < 0)
			return -1;
		do {
			for (size_t i = 0; i < in.n; i++)
				if (walk_one(w, step, in.v[i], out) < 0)
					return -1;
			step = step->next;
		} while (n->kind == UNION && step);
	}
	return 0;
}

int rk_jsonpath_find(const struct rk_jsonpath *p, const struct rk_val *v, struct rk_found *out,
	struct rk_err *err)
{
	struct walk w = {.err = err};
	const struct node *n = p->nodes;

	while (n && n->kind == TEXT)
		n = n->next;
	return n ? walk_steps(&w, n->left, v, out) : 0;
}

/* --- printing --- */

void rk_jsonpath_text(const struct rk_val *v, struct rk_buf *out)
{
	if (v->kind == RK_MAP || v->kind == RK_SEQ)
		rk_json_write(v, RK_JSON_SORTED, out);
	else if (v->kind == RK_NULL)
		rk_buf_puts(out, "null");
	else
		rk_buf_put(out, v->s, v->len);
}

static int print_nodes(
	struct walk *w, const struct node *n, const struct rk_val *v, struct rk_buf *out)
{
	for (; n; n = n->next) {
		auto_found found = {0};

		if (n->kind == TEXT)
			rk_jsonpath_text(n->value, out);
		else if (walk_steps(w, n->left, v, &found) < 0)
			return -1;
		for (size_t i = 0; i < found.n; i++) {
			if (n->kind == RANGE) {
				if (print_nodes(w, n->right, found.v[i], out) < 0)
					return -1;
			} else {
				rk_buf_puts(out, i ? " " : "");
				rk_jsonpath_text(found.v[i], out);
			}
			if (out->len > OUTPUT_MAX)
				return rk_err_set(w->err, RK_FAIL, "jsonpath: too much output");
		}
	}
	return 0;
}

int rk_jsonpath_print(
	const struct rk_jsonpath *p, const struct rk_val *v, struct rk_buf *out, struct rk_err *err)
{
	struct walk w = {.err = err};

	return print_nodes(&w, p->nodes, v, out);
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
