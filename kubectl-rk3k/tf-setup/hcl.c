// SPDX-License-Identifier: Apache-2.0
#include "hcl.h"

#define DEPTH_MAX 100 /* of brackets and templates in each other */

struct attr {
	size_t name, name_len;
	size_t start, end; /* its lines, line break included */
	size_t value, value_end;
};

struct scan {
	const char *s;
	size_t n, at;
	const char *source;
	struct rk_err *err;
	const char *mark;	     /* comment line looked for, or NULL */
	size_t mark_start, mark_end; /* of the first such line; equal: none */
	struct attr *attrs;
	size_t nattrs;
};

static void rk_cleanup_scan_(struct scan *x)
{
	free(x->attrs);
}
#define auto_scan __attribute__((cleanup(rk_cleanup_scan_))) struct scan

static int fail_at(struct scan *x, size_t at, int code, const char *what)
{
	size_t line = 1;

	for (size_t i = 0; i < at && i < x->n; i++)
		line += x->s[i] == '\n';
	return rk_err_set(x->err, code, "%s:%zu: %s", x->source, line, what);
}

static int fail(struct scan *x, const char *what)
{
	return fail_at(x, x->at, RK_FAIL, what);
}

/* --- bytes --- */

static bool has(const struct scan *x, const char *word)
{
	size_t n = strlen(word);

	return x->n - x->at >= n && memcmp(x->s + x->at, word, n) == 0;
}

static bool starts_name(char c)
{
	unsigned char u = (unsigned char)c;

	return (u >= 'a' && u <= 'z') || (u >= 'A' && u <= 'Z') || u == '_' || u >= 0x80;
}

static bool in_name(char c)
{
	return starts_name(c) || (c >= '0' && c <= '9') || c == '-';
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static size_t line_end(const struct scan *x, size_t at)
{
	const char *nl = at < x->n ? memchr(x->s + at, '\n', x->n - at) : NULL;

	return nl ? (size_t)(nl - x->s) : x->n;
}

static bool at_line_comment(const struct scan *x)
{
	return has(x, "#") || has(x, "//");
}

static int skip_block_comment(struct scan *x)
{
	const char *end = memmem(x->s + x->at + 2, x->n - x->at - 2, "*/", 2);

	if (!end)
		return fail(x, "a /* comment has no end");
	x->at = (size_t)(end - x->s) + 2;
	return 0;
}

/* --- expressions: only their extent matters --- */

static int skip_inside(struct scan *x, char closer, int depth);

/* At ${ or %{ that is not doubled. */
static bool at_template(const struct scan *x)
{
	return has(x, "${") || has(x, "%{");
}

static bool at_doubled(const struct scan *x)
{
	return has(x, "$${") || has(x, "%%{");
}

static int skip_template(struct scan *x, int depth)
{
	x->at += 2;
	return skip_inside(x, '}', depth + 1);
}

static int skip_string(struct scan *x, int depth)
{
	size_t start = x->at++;

	while (x->at < x->n && x->s[x->at] != '\n') {
		if (x->s[x->at] == '"') {
			x->at++;
			return 0;
		}
		if (x->s[x->at] == '\\' && x->at + 1 < x->n) {
			x->at += 2;
		} else if (at_doubled(x)) {
			x->at += 3;
		} else if (!at_template(x)) {
			x->at++;
		} else if (skip_template(x, depth) < 0) {
			return -1;
		}
	}
	return fail_at(x, start, RK_FAIL, "a string has no end on its line");
}

/* The name after << or <<-, when a heredoc begins here. */
static bool at_heredoc(const struct scan *x, size_t *name, size_t *len)
{
	size_t at = x->at + 2, end;

	if (!has(x, "<<"))
		return false;
	at += at < x->n && x->s[at] == '-';
	for (end = at; end < x->n && in_name(x->s[end]); end++)
		;
	*name = at;
	*len = end - at;
	while (end < x->n && is_blank(x->s[end]))
		end++;
	return *len && starts_name(x->s[at]) && (end == x->n || x->s[end] == '\n');
}

static bool line_is(const struct scan *x, size_t at, size_t end, size_t name, size_t len)
{
	while (at < end && is_blank(x->s[at]))
		at++;
	while (end > at && is_blank(x->s[end - 1]))
		end--;
	return end - at == len && memcmp(x->s + at, x->s + name, len) == 0;
}

/* The rest of one line of a heredoc, with the lines that its templates reach over. */
static int skip_heredoc_line(struct scan *x, int depth)
{
	while (x->at < x->n && x->s[x->at] != '\n') {
		if (at_doubled(x))
			x->at += 3;
		else if (!at_template(x))
			x->at++;
		else if (skip_template(x, depth) < 0)
			return -1;
	}
	return 0;
}

static int skip_heredoc(struct scan *x, size_t name, size_t len, int depth)
{
	size_t start = x->at;

	x->at = line_end(x, x->at);
	while (x->at < x->n) {
		size_t line = ++x->at, end = line_end(x, line);

		if (line_is(x, line, end, name, len)) {
			x->at = end;
			return 0;
		}
		if (skip_heredoc_line(x, depth) < 0)
			return -1;
	}
	return fail_at(x, start, RK_FAIL, "a heredoc has no end");
}

static char closer_of(char c)
{
	return c == '(' ? ')' : c == '[' ? ']' : c == '{' ? '}' : 0;
}

/* One piece of an expression: a string, a heredoc, brackets with all in them, or one byte. */
static int skip_piece(struct scan *x, int depth)
{
	size_t name, len;
	char c = x->s[x->at];

	if (depth > DEPTH_MAX)
		return fail(x, "brackets are nested too deeply");
	if (c == '"')
		return skip_string(x, depth);
	if (at_heredoc(x, &name, &len))
		return skip_heredoc(x, name, len, depth);
	x->at++;
	if (closer_of(c))
		return skip_inside(x, closer_of(c), depth + 1);
	if (c == ')' || c == ']' || c == '}') {
		x->at--;
		return fail(x, "a closing bracket without its opening one");
	}
	return 0;
}

static int skip_inside(struct scan *x, char closer, int depth)
{
	size_t start = x->at;

	while (x->at < x->n) {
		if (x->s[x->at] == closer) {
			x->at++;
			return 0;
		}
		if (at_line_comment(x))
			x->at = line_end(x, x->at);
		else if ((has(x, "/*") ? skip_block_comment(x) : skip_piece(x, depth)) < 0)
			return -1;
	}
	return fail_at(x, start, RK_FAIL, "a bracket has no end");
}

/* --- the body --- */

/* From behind the = to the line's end: the value is from the first to the last piece in it that is
 * not a comment. */
static int scan_value(struct scan *x, struct attr *a)
{
	a->value = a->value_end = 0;
	while (x->at < x->n && x->s[x->at] != '\n' && !at_line_comment(x)) {
		bool nothing = is_blank(x->s[x->at]) || has(x, "/*");
		size_t from = x->at;

		if ((has(x, "/*") ? skip_block_comment(x) : skip_piece(x, 0)) < 0)
			return -1;
		if (nothing)
			continue;
		a->value = a->value_end ? a->value : from;
		a->value_end = x->at;
	}
	if (!a->value_end)
		return fail(x, "an attribute has no value");
	x->at = line_end(x, x->at);
	a->end = x->at < x->n ? x->at + 1 : x->at;
	return 0;
}

static const struct attr *find(const struct scan *x, const char *name)
{
	for (size_t i = 0; i < x->nattrs; i++)
		if (x->attrs[i].name_len == strlen(name) &&
			memcmp(x->s + x->attrs[i].name, name, x->attrs[i].name_len) == 0)
			return &x->attrs[i];
	return NULL;
}

static bool is_there(const struct scan *x, const struct attr *a)
{
	rk_auto_free char *name = rk_strndup(x->s + a->name, a->name_len);

	return find(x, name);
}

static int scan_attr(struct scan *x)
{
	struct attr a = {.name = x->at, .start = x->at};

	while (a.start > 0 && is_blank(x->s[a.start - 1]))
		a.start--;
	while (x->at < x->n && in_name(x->s[x->at]))
		x->at++;
	a.name_len = x->at - a.name;
	while (x->at < x->n && is_blank(x->s[x->at]))
		x->at++;
	if (!a.name_len || !has(x, "=") || has(x, "=="))
		return fail(x, "expected NAME = value");
	if (is_there(x, &a))
		return fail_at(x, a.name, RK_CONFLICT, "duplicate attribute");
	x->at++;
	if (scan_value(x, &a) < 0)
		return -1;
	x->attrs = rk_realloc(x->attrs, (x->nattrs + 1) * sizeof(a));
	x->attrs[x->nattrs++] = a;
	return 0;
}

static void scan_comment(struct scan *x)
{
	size_t start = x->at;
	bool ours = x->mark && has(x, x->mark) && x->mark_start == x->mark_end;

	x->at = line_end(x, x->at);
	if (!ours)
		return;
	x->mark_start = start;
	x->mark_end = x->at;
	while (x->mark_end > start && x->s[x->mark_end - 1] == '\r')
		x->mark_end--;
}

static int scan(struct scan *x)
{
	if (has(x, "\xef\xbb\xbf"))
		x->at = 3;
	if (memchr(x->s, 0, x->n))
		return fail(x, "a NUL byte: not a text file");
	while (x->at < x->n) {
		if (is_blank(x->s[x->at]) || x->s[x->at] == '\n')
			x->at++;
		else if (at_line_comment(x))
			scan_comment(x);
		else if ((has(x, "/*") ? skip_block_comment(x) : scan_attr(x)) < 0)
			return -1;
	}
	return 0;
}

/* --- values --- */

static bool literal(const struct scan *x, const struct attr *a, struct rk_buf *out)
{
	return tf_hcl_string(x->s + a->value, a->value_end - a->value, out);
}

int tf_hcl_get(const char *text, size_t n, const char *source, const char *name, struct rk_buf *out,
	bool *found, struct rk_err *err)
{
	auto_scan x = {.s = text, .n = n, .source = source, .err = err};
	const struct attr *a;
	bool good;

	rk_buf_reset(out);
	if (found)
		*found = false;
	if (scan(&x) < 0)
		return -1;
	a = find(&x, name);
	good = a && literal(&x, a, out);
	if (found)
		*found = good;
	return 0;
}

/* --- editing --- */

struct change {
	size_t start, end;
	const struct rk_hcl_item *item; /* NULL: the comment line */
};

static int by_start(const void *a, const void *b)
{
	const struct change *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

static bool has_value(const struct scan *x, const struct attr *a, const char *value)
{
	rk_auto_buf now = RK_BUF_INIT_SECRET;

	return literal(x, a, &now) && now.len == strlen(value) &&
	       memcmp(now.s, value, now.len) == 0;
}

/* What to replace, in order of the text. */
static size_t collect(const struct scan *x, const struct tf_hcl_edit *e, struct change *v)
{
	size_t n = 0;

	for (size_t i = 0; i < e->n; i++) {
		const struct attr *a = find(x, e->items[i].name);

		if (!a || (e->items[i].value && has_value(x, a, e->items[i].value)))
			continue;
		v[n++] = e->items[i].value ? (struct change){a->value, a->value_end, &e->items[i]}
					   : (struct change){a->start, a->end, &e->items[i]};
	}
	if (e->mark && x->mark_end > x->mark_start)
		v[n++] = (struct change){x->mark_start, x->mark_end, NULL};
	qsort(v, n, sizeof(*v), by_start);
	return n;
}

static void put_change(
	const struct scan *x, const struct tf_hcl_edit *e, struct change *c, struct rk_buf *out)
{
	if (c->item && c->item->value)
		tf_hcl_quote(out, c->item->value, strlen(c->item->value));
	else if (!c->item && e->note)
		rk_buf_puts(out, e->note);
	else if (!c->item)
		c->end = line_end(x, c->end) < x->n ? line_end(x, c->end) + 1 : x->n;
}

static size_t widest_new(const struct scan *x, const struct tf_hcl_edit *e)
{
	size_t w = 0;

	for (size_t i = 0; i < e->n; i++)
		if (e->items[i].value && !find(x, e->items[i].name) && strlen(e->items[i].name) > w)
			w = strlen(e->items[i].name);
	return w;
}

static void append_new(const struct scan *x, const struct tf_hcl_edit *e, struct rk_buf *out)
{
	size_t w = widest_new(x, e);
	const char *nl = memmem(x->s, x->n, "\r\n", 2) ? "\r\n" : "\n";

	if (!w)
		return;
	if (out->len && out->s[out->len - 1] != '\n')
		rk_buf_puts(out, nl);
	if (out->len)
		rk_buf_puts(out, nl);
	else if (e->head)
		rk_buf_puts(out, e->head);
	if (e->note && x->mark_end == x->mark_start)
		rk_buf_addf(out, "%s%s", e->note, nl);
	for (size_t i = 0; i < e->n; i++) {
		if (!e->items[i].value || find(x, e->items[i].name))
			continue;
		rk_buf_addf(out, "%-*s = ", (int)w, e->items[i].name);
		tf_hcl_quote(out, e->items[i].value, strlen(e->items[i].value));
		rk_buf_puts(out, nl);
	}
}

int tf_hcl_edit(const char *text, size_t n, const char *source, const struct tf_hcl_edit *edit,
	struct rk_buf *out, bool *changed, struct rk_err *err)
{
	auto_scan x = {.s = text, .n = n, .source = source, .err = err, .mark = edit->mark};
	rk_auto_free struct change *v = rk_calloc(edit->n + 1, sizeof(*v));
	size_t count, from = 0;

	rk_buf_reset(out);
	if (scan(&x) < 0)
		return -1;
	count = collect(&x, edit, v);
	for (size_t i = 0; i < count; i++) {
		rk_buf_put(out, text + from, v[i].start - from);
		put_change(&x, edit, &v[i], out);
		from = v[i].end;
	}
	rk_buf_put(out, text + from, n - from);
	append_new(&x, edit, out);
	if (changed)
		*changed = out->len != n || memcmp(out->s, text, n) != 0;
	return 0;
}
