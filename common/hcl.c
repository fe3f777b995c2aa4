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
 * no comment. */
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
		return fail_at(x, a.name, RK_CONFLICT, "this attribute is there twice");
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
		return fail(x, "a NUL byte: this is no text");
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

/* --- strings --- */

/* Bytes of the UTF-8 character at s, 0: none is there. */
static size_t utf8_len(const unsigned char *s, size_t n)
{
	size_t len = s[0] < 0x80       ? 1
		     : s[0] >> 5 == 6  ? 2
		     : s[0] >> 4 == 14 ? 3
		     : s[0] >> 3 == 30 ? 4
				       : 0;
	uint32_t c = len == 1 ? s[0] : len ? s[0] & (0xff >> (len + 1)) : 0;
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};

	if (!len || len > n)
		return 0;
	for (size_t i = 1; i < len; i++) {
		if (s[i] >> 6 != 2)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	return c < least[len] || (c >= 0xd800 && c < 0xe000) || c > 0x10ffff ? 0 : len;
}

static void put_utf8(struct rk_buf *out, uint32_t c)
{
	if (c < 0x80) {
		rk_buf_putc(out, (char)c);
	} else if (c < 0x800) {
		rk_buf_putc(out, (char)(0xc0 | c >> 6));
		rk_buf_putc(out, (char)(0x80 | (c & 0x3f)));
	} else if (c < 0x10000) {
		rk_buf_putc(out, (char)(0xe0 | c >> 12));
		rk_buf_putc(out, (char)(0x80 | (c >> 6 & 0x3f)));
		rk_buf_putc(out, (char)(0x80 | (c & 0x3f)));
	} else {
		rk_buf_putc(out, (char)(0xf0 | c >> 18));
		rk_buf_putc(out, (char)(0x80 | (c >> 12 & 0x3f)));
		rk_buf_putc(out, (char)(0x80 | (c >> 6 & 0x3f)));
		rk_buf_putc(out, (char)(0x80 | (c & 0x3f)));
	}
}

/* $ and % double before a brace; behind one of their own kind that could be read in two ways, so
 * there the character goes by its number. */
static void quote_opener(struct rk_buf *out, const char *s, size_t i, size_t n)
{
	bool opens = i + 1 < n && s[i + 1] == '{';

	if (opens && i && s[i - 1] == s[i])
		rk_buf_addf(out, "\\u%04x", s[i]);
	else if (opens)
		rk_buf_addf(out, "%c%c", s[i], s[i]);
	else
		rk_buf_putc(out, s[i]);
}

static void quote_ascii(struct rk_buf *out, const char *s, size_t i, size_t n)
{
	char c = s[i];

	if (c == '"' || c == '\\')
		rk_buf_addf(out, "\\%c", c);
	else if (c == '\n')
		rk_buf_puts(out, "\\n");
	else if (c == '\r')
		rk_buf_puts(out, "\\r");
	else if (c == '\t')
		rk_buf_puts(out, "\\t");
	else if (c == '$' || c == '%')
		quote_opener(out, s, i, n);
	else if ((unsigned char)c < 0x20 || c == 0x7f)
		rk_buf_addf(out, "\\u%04x", c);
	else
		rk_buf_putc(out, c);
}

void rk_hcl_quote(struct rk_buf *out, const char *s, size_t n)
{
	rk_buf_putc(out, '"');
	for (size_t i = 0; i < n;) {
		size_t len = utf8_len((const unsigned char *)s + i, n - i);

		if (len == 1)
			quote_ascii(out, s, i, n);
		else if (len)
			rk_buf_put(out, s + i, len);
		else
			put_utf8(out, 0xfffd);
		i += len ? len : 1;
	}
	rk_buf_putc(out, '"');
}

static bool hex(const char *s, size_t n, uint32_t *out)
{
	for (*out = 0; n; n--, s++) {
		int d = *s >= '0' && *s <= '9'	 ? *s - '0'
			: *s >= 'a' && *s <= 'f' ? *s - 'a' + 10
			: *s >= 'A' && *s <= 'F' ? *s - 'A' + 10
						 : -1;

		if (d < 0)
			return false;
		*out = *out << 4 | (uint32_t)d;
	}
	return *out <= 0x10ffff && (*out < 0xd800 || *out > 0xdfff);
}

/* The escape behind a backslash at s[0..n); its length, 0: there is no such escape. */
static size_t unescape(struct rk_buf *out, const char *s, size_t n)
{
	static const char from[] = "nrt\"\\", to[] = "\n\r\t\"\\";
	const char *p = n ? memchr(from, s[0], sizeof(from) - 1) : NULL;
	size_t digits = n && s[0] == 'u' ? 4 : n && s[0] == 'U' ? 8 : 0;
	uint32_t c;

	if (p) {
		rk_buf_putc(out, to[p - from]);
		return 1;
	}
	if (!digits || n <= digits || !hex(s + 1, digits, &c))
		return 0;
	put_utf8(out, c);
	return digits + 1;
}

static bool is_doubled(const char *s, size_t n)
{
	return n > 2 && (s[0] == '$' || s[0] == '%') && s[1] == s[0] && s[2] == '{';
}

static bool is_template(const char *s, size_t n)
{
	return n > 1 && (s[0] == '$' || s[0] == '%') && s[1] == '{';
}

/* Text between quotes (escapes) or of a heredoc (none), templates refused. */
static bool decode(struct rk_buf *out, const char *s, size_t n, bool escapes)
{
	for (size_t i = 0; i < n;) {
		size_t used;

		if (is_doubled(s + i, n - i)) {
			rk_buf_put(out, s + i + 1, 2);
			i += 3;
		} else if (is_template(s + i, n - i) || (escapes && s[i] == '"')) {
			return false;
		} else if (escapes && s[i] == '\\') {
			used = unescape(out, s + i + 1, n - i - 1);
			if (!used)
				return false;
			i += 1 + used;
		} else {
			rk_buf_putc(out, s[i++]);
		}
	}
	return true;
}

/* Least indent of the lines in s, for <<-. */
static size_t least_indent(const char *s, size_t n)
{
	size_t least = SIZE_MAX;

	for (size_t at = 0; at < n;) {
		const char *nl = memchr(s + at, '\n', n - at);
		size_t k = 0;

		while (at + k < n && (s[at + k] == ' ' || s[at + k] == '\t'))
			k++;
		if (at + k < n && s[at + k] != '\n' && k < least)
			least = k;
		at = nl ? (size_t)(nl - s) + 1 : n;
	}
	return least == SIZE_MAX ? 0 : least;
}

static void unindent(struct rk_buf *out, const char *s, size_t n)
{
	size_t least = least_indent(s, n);

	for (size_t at = 0; at < n;) {
		const char *nl = memchr(s + at, '\n', n - at);
		size_t end = nl ? (size_t)(nl - s) + 1 : n;

		if (end - at > least)
			rk_buf_put(out, s + at + least, end - at - least);
		else
			rk_buf_putc(out, '\n');
		at = end;
	}
}

static bool decode_heredoc(struct rk_buf *out, const char *s, size_t n)
{
	const char *body = memchr(s, '\n', n);
	size_t len = body ? n - (size_t)(body + 1 - s) : 0;
	rk_auto_buf text = RK_BUF_INIT_SECRET;

	if (!body)
		return false;
	while (len && body[len] != '\n') /* the end mark, up to the break before it */
		len--;
	if (s[2] != '-')
		return decode(out, body + 1, len, false);
	unindent(&text, body + 1, len);
	return decode(out, text.s, text.len, false);
}

/* Whether the value is a plain string; out gets it. */
static bool literal(const struct scan *x, const struct attr *a, struct rk_buf *out)
{
	const char *s = x->s + a->value;
	size_t n = a->value_end - a->value;
	bool good;

	rk_buf_reset(out);
	if (n >= 2 && s[0] == '"' && s[n - 1] == '"')
		good = decode(out, s + 1, n - 2, true);
	else
		good = n > 2 && s[0] == '<' && s[1] == '<' && decode_heredoc(out, s, n);
	if (!good)
		rk_buf_reset(out);
	return good;
}

int rk_hcl_get(const char *text, size_t n, const char *source, const char *name, struct rk_buf *out,
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
static size_t collect(const struct scan *x, const struct rk_hcl_edit *e, struct change *v)
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
	const struct scan *x, const struct rk_hcl_edit *e, struct change *c, struct rk_buf *out)
{
	if (c->item && c->item->value)
		rk_hcl_quote(out, c->item->value, strlen(c->item->value));
	else if (!c->item && e->note)
		rk_buf_puts(out, e->note);
	else if (!c->item)
		c->end = line_end(x, c->end) < x->n ? line_end(x, c->end) + 1 : x->n;
}

static size_t widest_new(const struct scan *x, const struct rk_hcl_edit *e)
{
	size_t w = 0;

	for (size_t i = 0; i < e->n; i++)
		if (e->items[i].value && !find(x, e->items[i].name) && strlen(e->items[i].name) > w)
			w = strlen(e->items[i].name);
	return w;
}

static void append_new(const struct scan *x, const struct rk_hcl_edit *e, struct rk_buf *out)
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
		rk_hcl_quote(out, e->items[i].value, strlen(e->items[i].value));
		rk_buf_puts(out, nl);
	}
}

int rk_hcl_edit(const char *text, size_t n, const char *source, const struct rk_hcl_edit *edit,
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
