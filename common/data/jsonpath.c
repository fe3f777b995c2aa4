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
enum op { EXISTS, EQ, NE, LT, LE, GT, GE };
static const char *const ops[] = {"", "==", "!=", "<", "<=", ">", ">="};

struct node {
	struct node *next;
	enum kind kind;
	const struct rk_val *value; /* of TEXT and LITERAL; of FIELD its name */
	struct node *left, *right;  /* LIST: its steps; UNION: its LISTs; FILTER: two LISTs */
	struct node *end;	    /* RANGE: its END, or NULL */
	enum op op;
	int64_t n[3];	    /* SLICE: from, to, step */
	bool given[3], one; /* one: [n], which has to exist */
};

struct rk_jsonpath {
	struct rk_doc *d;
	struct node *nodes;
};

/* --- reading --- */

struct parser {
	struct rk_doc *d;
	const char *text; /* all of it, for messages */
	int depth;
	struct rk_err *err;
};

static const char *parse_list(
	struct parser *p, const char *s, const char *end, struct node **steps);

static const char *bad(const struct parser *p, const char *what, const char *at)
{
	rk_err_set(p->err, RK_USAGE, "jsonpath \"%.200s\": %s%s%.20s%s", p->text, what,
		*at ? " at \"" : "", at, *at ? "\"" : "");
	return NULL;
}

/* A node at *tail, which moves on. */
static struct node *add(struct parser *p, struct node ***tail, enum kind kind)
{
	struct node *n = rk_doc_alloc(p->d, sizeof(*n));

	n->kind = kind;
	**tail = n;
	*tail = &n->next;
	return n;
}

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80;
}

/* A name ends at any of these; behind a backslash they are part of it. */
static const char *parse_name(const char *s, const char *end, const char *ends, struct rk_buf *name)
{
	for (; s < end && !strchr(ends, *s); s++) {
		if (*s == '\\' && s + 1 < end)
			s++;
		rk_buf_putc(name, *s);
	}
	return s;
}

static const char *parse_field(
	struct parser *p, const char *s, const char *end, struct node ***tail)
{
	rk_auto_buf name = RK_BUF_INIT;
	const char *after = parse_name(s, end, " \t\r\n.,[]$@{}", &name);

	if (rk_streq(name.s, "*"))
		add(p, tail, ALL);
	else if (name.len)
		add(p, tail, FIELD)->value = rk_stringn(p->d, name.s, name.len);
	return after;
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

static const char *parse_quote(
	struct parser *p, const char *s, const char *end, struct node ***tail)
{
	static const char from[] = "ntrabfv", to[] = "\n\t\r\a\b\f\v";
	const char *stop = quote_end(s, end), *hit;
	rk_auto_buf text = RK_BUF_INIT;

	if (!stop)
		return bad(p, "unterminated quoted string", s);
	for (const char *c = s + 1; c < stop; c++) {
		if (*c != '\\')
			rk_buf_putc(&text, *c);
		else if (*++c == '\\' || *c == '"' || *c == '\'')
			rk_buf_putc(&text, *c);
		else if ((hit = strchr(from, *c)) && *hit)
			rk_buf_putc(&text, to[hit - from]);
		else
			return bad(p, "unknown escape", c - 1);
	}
	add(p, tail, LITERAL)->value = rk_stringn(p->d, text.s, text.len);
	return stop + 1;
}

static const char *parse_number(
	struct parser *p, const char *s, const char *end, struct node ***tail)
{
	const char *from = *s == '+' ? s + 1 : s, *c = s + 1;
	struct rk_val *v;
	int dots = 0;

	for (; c < end && (isdigit((unsigned char)*c) || *c == '.'); c++)
		dots += *c == '.';
	if (dots > 1 || !isdigit((unsigned char)c[-1]) || c - from > 40)
		return bad(p, "not a number", s);
	v = rk_stringn(p->d, from, (size_t)(c - from));
	v->kind = RK_NUM;
	add(p, tail, LITERAL)->value = v;
	return c;
}

static const char *parse_word(struct parser *p, const char *s, const char *end, struct node ***tail,
	const struct node *first)
{
	rk_auto_buf word = RK_BUF_INIT;
	const char *after = parse_name(s, end, " \t\r\n.,[]$@{}", &word);
	bool yes = rk_streq(word.s, "true");

	if (yes || rk_streq(word.s, "false"))
		add(p, tail, LITERAL)->value = rk_boolean(p->d, yes);
	else if (rk_streq(word.s, "range") && !first && !p->depth)
		add(p, tail, RANGE);
	else if (rk_streq(word.s, "end") && !first && !p->depth)
		add(p, tail, END);
	else
		return bad(p, "unrecognized identifier", s);
	return after;
}

/* Text from s to end as a separate LIST. */
static const char *parse_part(struct parser *p, const char *s, const char *end, struct node ***tail)
{
	struct node *list = add(p, tail, LIST);

	if (++p->depth > NEST_MAX)
		return bad(p, "nested too deeply", s);
	s = parse_list(p, s, end, &list->left);
	p->depth--;
	if (s && s < end)
		return bad(p, "unexpected character", s);
	return s;
}

static const char *parse_filter(
	struct parser *p, const char *s, const char *end, struct node ***tail)
{
	struct node *f = add(p, tail, FILTER), **left = &f->left, **right = &f->right;
	const char *from = s + 3, *stop = find_plain(from, end, ")"), *op;
	rk_auto_free char *word = NULL;
	size_t n;

	if (!stop || stop + 1 >= end || stop[1] != ']')
		return bad(p, "unterminated filter", s);
	op = find_plain(from, stop, "!<>=");
	op = op ? op : stop;
	n = strspn(op, "!<>=");
	if (!parse_part(p, from, op, &left))
		return NULL;
	if (op == stop)
		return stop + 2;
	word = rk_strndup(op, n);
	for (f->op = EQ; f->op <= GE && !rk_streq(ops[f->op], word); f->op++)
		;
	if (f->op > GE || op == from || op + n >= stop)
		return bad(p, "invalid comparison", from);
	return parse_part(p, op + n, stop, &right) ? stop + 2 : NULL;
}

/* "1", "-1", "1:3", "0:4:2", "*"; false for anything else. */
static bool parse_slice(const char *s, struct node *n)
{
	if (rk_streq(s, "*"))
		return true;
	n->one = !strchr(s, ':');
	for (int i = 0; i < 3; i++) {
		size_t len = strcspn(s, ":");
		rk_auto_free char *number = rk_strndup(s, len);

		n->given[i] = len > 0;
		if (len && !rk_parse_int(number, -INT32_MAX, INT32_MAX, &n->n[i]))
			return false;
		s += len;
		if (!*s)
			return n->one ? n->given[0] : true;
		s++;
	}
	return false;
}

/* Between brackets: a quoted key, an index or a slice. */
static bool parse_index(struct parser *p, const char *s, const char *end, struct node ***tail)
{
	rk_auto_free char *text = NULL;
	rk_auto_buf key = RK_BUF_INIT;

	for (; s < end && *s == ' '; s++)
		;
	for (; end > s && end[-1] == ' '; end--)
		;
	if (s < end && (*s == '"' || *s == '\'')) {
		const char one[2] = {*s, '\0'};

		if (quote_end(s, end) != end - 1)
			return false;
		parse_name(s + 1, end - 1, one, &key);
		add(p, tail, FIELD)->value = rk_stringn(p->d, key.s, key.len);
		return true;
	}
	text = rk_strndup(s, (size_t)(end - s));
	return parse_slice(text, add(p, tail, SLICE));
}

static const char *parse_array(
	struct parser *p, const char *s, const char *end, struct node ***tail)
{
	const char *stop = find_plain(s + 1, end, "]"), *comma;
	struct node *u, **parts;

	if (!stop)
		return bad(p, "unterminated array", s);
	if (!find_plain(s + 1, stop, ","))
		return parse_index(p, s + 1, stop, tail) ? stop + 1
							 : bad(p, "invalid array index", s);
	u = add(p, tail, UNION);
	for (parts = &u->left; s < stop; s = comma) {
		struct node *list = add(p, &parts, LIST), **steps = &list->left;

		comma = find_plain(s + 1, stop, ",");
		comma = comma ? comma : stop;
		if (!parse_index(p, s + 1, comma, &steps))
			return bad(p, "invalid array index", s);
	}
	return stop + 1;
}

/* The steps of an expression, until its brace or the end. */
static const char *parse_list(struct parser *p, const char *s, const char *end, struct node **steps)
{
	struct node **tail = steps;

	while (s && s < end && *s != '}') {
		if (*s == ' ' || *s == '@' || *s == '$')
			s++;
		else if (rk_prefix(s, "[?("))
			s = parse_filter(p, s, end, &tail);
		else if (*s == '[')
			s = parse_array(p, s, end, &tail);
		else if (rk_prefix(s, "...."))
			s = bad(p, "invalid multiple recursive descent", s);
		else if (rk_prefix(s, "..")) {
			add(p, &tail, DEEP);
			s = is_word(s[2]) ? parse_field(p, s + 2, end, &tail) : s + 2;
		} else if (*s == '.')
			s = parse_field(p, s + 1, end, &tail);
		else if (*s == '"' || *s == '\'')
			s = parse_quote(p, s, end, &tail);
		else if (isdigit((unsigned char)*s) || *s == '+' || *s == '-')
			s = parse_number(p, s, end, &tail);
		else if (is_word(*s))
			s = parse_word(p, s, end, &tail, *steps);
		else
			s = bad(p, "unrecognized character", s);
	}
	return s;
}

/* Text and expressions in turn; each range gets its end. */
static bool parse_all(struct parser *p, struct node **nodes)
{
	struct node **tail = nodes, *open[NEST_MAX], *list;
	const char *s = p->text, *end = s + strlen(s);
	int n = 0;

	while (*s) {
		size_t len = strcspn(s, "{");

		if (len)
			add(p, &tail, TEXT)->value = rk_stringn(p->d, s, len);
		s += len;
		if (!*s)
			break;
		list = add(p, &tail, LIST);
		s = parse_list(p, s + 1, end, &list->left);
		if (!s || *s != '}')
			return s && bad(p, "unclosed expression", "");
		s++;
		if (list->left && list->left->kind == RANGE) {
			if (n == NEST_MAX)
				return bad(p, "nested too deeply", "");
			open[n++] = list->left;
		} else if (list->left && list->left->kind == END) {
			if (!n)
				return bad(p, "not in range, nothing to end", "");
			open[--n]->end = list;
		}
	}
	return true;
}

int rk_jsonpath_parse(const char *text, struct rk_jsonpath **out, struct rk_err *err)
{
	rk_auto_jsonpath *j = rk_calloc(1, sizeof(*j));
	struct parser p = {.d = rk_doc_new(false), .text = text, .err = err};

	*out = NULL;
	j->d = p.d;
	if (strlen(text) > TEXT_MAX)
		return rk_err_set(err, RK_USAGE, "jsonpath: the template is too long");
	if (!parse_all(&p, &j->nodes))
		return -1;
	*out = rk_steal(&j);
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
	if (!p)
		return;
	rk_doc_free(p->d);
	free(p);
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

/* 1 when the comparison holds, 0 when not, -1 when the two cannot be compared. */
static int compare(struct walk *w, enum op op, const struct rk_val *a, const struct rk_val *b)
{
	int order;

	if (a->kind == b->kind && (a->kind == RK_STR || (a->kind == RK_BOOL && op <= NE)))
		order = strcmp(a->s, b->s);
	else if (a->kind == b->kind && a->kind == RK_NUM)
		order = number_order(a, b);
	else
		return rk_err_set(w->err, RK_FAIL, "jsonpath: incompatible types for comparison");
	return op == EQ	  ? order == 0
	       : op == NE ? order != 0
	       : op == LT ? order < 0
	       : op == LE ? order <= 0
	       : op == GT ? order > 0
			  : order >= 0;
}

static int passes(struct walk *w, const struct node *n, const struct rk_val *item)
{
	auto_found left = {0}, right = {0};

	if (walk_steps(w, n->left->left, item, &left) < 0)
		return -1;
	if (n->op == EXISTS || !left.n)
		return left.n > 0;
	if (walk_steps(w, n->right->left, item, &right) < 0)
		return -1;
	if (left.n > 1 || right.n > 1)
		return rk_err_set(
			w->err, RK_FAIL, "jsonpath: can only compare one element at a time");
	return right.n ? compare(w, n->op, left.v[0], right.v[0]) : 0;
}

/* What one step finds in v. */
static int walk_one(
	struct walk *w, const struct node *n, const struct rk_val *v, struct rk_found *out)
{
	const struct rk_val *m;

	switch (n->kind) {
	case FIELD:
		m = v->kind == RK_MAP ? rk_member(v, n->value->s, n->value->len) : NULL;
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
		auto_found in = *out;
		int r = 0;

		*out = (struct rk_found){0};
		if (n->kind == LITERAL)
			r = put(w, out, n->value);
		for (const struct node *part = n->kind == UNION ? n->left : NULL; part;
			part = part->next)
			for (size_t i = 0; i < in.n && r == 0; i++)
				r = walk_one(w, part->left, in.v[i], out);
		for (size_t i = 0; i < in.n && r == 0 && n->kind != LITERAL; i++)
			r = walk_one(w, n, in.v[i], out); /* nothing for a union */
		if (r < 0)
			return -1;
	}
	return 0;
}

int rk_jsonpath_find(const struct rk_jsonpath *p, const struct rk_val *v, struct rk_found *out,
	struct rk_err *err)
{
	struct walk w = {.err = err};
	const struct node *n = p->nodes;

	while (n && n->kind != LIST)
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

/* The nodes before `end`, for v. */
static int print_nodes(struct walk *w, const struct node *n, const struct node *end,
	const struct rk_val *v, struct rk_buf *out)
{
	for (; n && n != end; n = n->next) {
		auto_found found = {0};
		bool range = n->kind == LIST && n->left && n->left->kind == RANGE;

		if (n->kind == TEXT) {
			rk_jsonpath_text(n->value, out);
			continue;
		}
		if (walk_steps(w, n->left, v, &found) < 0)
			return -1;
		for (size_t i = 0; i < found.n; i++) {
			if (!range && i)
				rk_buf_putc(out, ' ');
			if (!range)
				rk_jsonpath_text(found.v[i], out);
			else if (print_nodes(w, n->next, n->left->end, found.v[i], out) < 0)
				return -1;
			if (out->len > OUTPUT_MAX)
				return rk_err_set(w->err, RK_FAIL, "jsonpath: too much output");
		}
		if (range)
			n = n->left->end;
		if (!n)
			break;
	}
	return 0;
}

int rk_jsonpath_print(
	const struct rk_jsonpath *p, const struct rk_val *v, struct rk_buf *out, struct rk_err *err)
{
	struct walk w = {.err = err};

	return print_nodes(&w, p->nodes, NULL, v, out);
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
	while (*a && *b) {
		if (isdigit((unsigned char)*a) && isdigit((unsigned char)*b)) {
			size_t x, y;

			a += strspn(a, "0");
			b += strspn(b, "0");
			x = strspn(a, "0123456789");
			y = strspn(b, "0123456789");
			if (x != y)
				return x < y ? -1 : 1;
			if (x && strncmp(a, b, x) != 0)
				return strncmp(a, b, x);
			a += x;
			b += y;
		} else if (*a != *b) {
			break;
		} else {
			a++;
			b++;
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
