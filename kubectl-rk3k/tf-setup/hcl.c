// SPDX-License-Identifier: Apache-2.0
#include "hcl.h"

#define DEPTH_MAX 100 /* of brackets and templates in each other */

/* An attribute, or, with name_len 0, the comment line that begins with the mark. */
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
	const char *mark; /* comment line looked for, or NULL */
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

static bool has(const struct scan *x, const char *word)
{
	size_t n = strlen(word);

	return x->n - x->at >= n && memcmp(x->s + x->at, word, n) == 0;
}

static bool in_name(char c, bool first)
{
	unsigned char u = (unsigned char)c;

	return (u >= 'a' && u <= 'z') || (u >= 'A' && u <= 'Z') || u == '_' || u >= 0x80 ||
	       (!first && ((u >= '0' && u <= '9') || u == '-'));
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

/* --- expressions: only their extent matters --- */

static int skip_brackets(struct scan *x, char closer, int depth);

/* Up to the line's end, or in a quoted string to its quote; templates may reach over lines. */
static int skip_text(struct scan *x, bool quoted, int depth)
{
	while (x->at < x->n && x->s[x->at] != '\n' && !(quoted && x->s[x->at] == '"')) {
		if (quoted && x->s[x->at] == '\\' && x->at + 1 < x->n) {
			x->at += 2;
		} else if (has(x, "$${") || has(x, "%%{")) {
			x->at += 3;
		} else if (has(x, "${") || has(x, "%{")) {
			x->at += 2;
			if (skip_brackets(x, '}', depth + 1) < 0)
				return -1;
		} else {
			x->at++;
		}
	}
	return 0;
}

/* The name after << or <<-, when a heredoc begins here; its length, else 0. */
static size_t at_heredoc(const struct scan *x, size_t *name)
{
	size_t at = x->at + 2, end;

	if (!has(x, "<<"))
		return 0;
	at += at < x->n && x->s[at] == '-';
	for (end = at; end < x->n && in_name(x->s[end], end == at); end++)
		;
	*name = at;
	for (at = end; at < x->n && is_blank(x->s[at]); at++)
		;
	return at == x->n || x->s[at] == '\n' ? end - *name : 0;
}

static int skip_heredoc(struct scan *x, size_t name, size_t len, int depth)
{
	size_t start = x->at;

	x->at = line_end(x, x->at);
	while (x->at < x->n) {
		size_t from = ++x->at, end = line_end(x, from), to = end;

		while (from < to && is_blank(x->s[from]))
			from++;
		while (to > from && is_blank(x->s[to - 1]))
			to--;
		if (to - from == len && memcmp(x->s + from, x->s + name, len) == 0) {
			x->at = end;
			return 0;
		}
		if (skip_text(x, false, depth) < 0)
			return -1;
	}
	return fail_at(x, start, RK_FAIL, "a heredoc has no end");
}

/* One piece of an expression: a comment, a string, a heredoc, brackets with all in them, or one
 * byte. */
static int skip_piece(struct scan *x, int depth)
{
	size_t start = x->at, name, len;
	char c = x->s[start];
	const char *end;

	if (depth > DEPTH_MAX)
		return fail_at(x, start, RK_FAIL, "brackets are nested too deeply");
	if (has(x, "/*")) {
		end = memmem(x->s + start + 2, x->n - start - 2, "*/", 2);
		if (!end)
			return fail_at(x, start, RK_FAIL, "a /* comment has no end");
		x->at = (size_t)(end - x->s) + 2;
		return 0;
	}
	len = at_heredoc(x, &name);
	if (len)
		return skip_heredoc(x, name, len, depth);
	if (c == ')' || c == ']' || c == '}')
		return fail_at(x, start, RK_FAIL, "a closing bracket without its opening one");
	x->at++;
	if (c == '(' || c == '[' || c == '{')
		return skip_brackets(x, c == '(' ? ')' : c == '[' ? ']' : '}', depth + 1);
	if (c != '"')
		return 0;
	if (skip_text(x, true, depth) < 0)
		return -1;
	if (x->at >= x->n || x->s[x->at] != '"')
		return fail_at(x, start, RK_FAIL, "a string has no end on its line");
	x->at++;
	return 0;
}

static int skip_brackets(struct scan *x, char closer, int depth)
{
	size_t start = x->at;

	while (x->at < x->n && x->s[x->at] != closer) {
		if (at_line_comment(x))
			x->at = line_end(x, x->at);
		else if (skip_piece(x, depth) < 0)
			return -1;
	}
	if (x->at >= x->n)
		return fail_at(x, start, RK_FAIL, "a bracket has no end");
	x->at++;
	return 0;
}

/* --- the body --- */

static const struct attr *find(const struct scan *x, const char *name, size_t len)
{
	for (size_t i = 0; i < x->nattrs; i++)
		if (x->attrs[i].name_len == len && memcmp(x->s + x->attrs[i].name, name, len) == 0)
			return &x->attrs[i];
	return NULL;
}

static void add(struct scan *x, struct attr *a)
{
	x->at = line_end(x, x->at);
	a->end = x->at < x->n ? x->at + 1 : x->at;
	x->attrs = rk_realloc(x->attrs, (x->nattrs + 1) * sizeof(*a));
	x->attrs[x->nattrs++] = *a;
}

/* The value is from the first to the last piece on the line that is not a comment. */
static int scan_attr(struct scan *x)
{
	struct attr a = {.name = x->at, .start = x->at};

	while (a.start > 0 && is_blank(x->s[a.start - 1]))
		a.start--;
	while (x->at < x->n && in_name(x->s[x->at], false))
		x->at++;
	a.name_len = x->at - a.name;
	while (x->at < x->n && is_blank(x->s[x->at]))
		x->at++;
	if (!a.name_len || !has(x, "=") || has(x, "=="))
		return fail_at(x, x->at, RK_FAIL, "expected NAME = value");
	if (find(x, x->s + a.name, a.name_len))
		return fail_at(x, a.name, RK_CONFLICT, "duplicate attribute");
	x->at++;
	while (x->at < x->n && x->s[x->at] != '\n' && !at_line_comment(x)) {
		bool nothing = is_blank(x->s[x->at]) || has(x, "/*");
		size_t from = x->at;

		if (skip_piece(x, 0) < 0)
			return -1;
		if (nothing)
			continue;
		a.value = a.value_end ? a.value : from;
		a.value_end = x->at;
	}
	if (!a.value_end)
		return fail_at(x, x->at, RK_FAIL, "an attribute has no value");
	add(x, &a);
	return 0;
}

static int scan(struct scan *x)
{
	if (has(x, "\xef\xbb\xbf"))
		x->at = 3;
	if (memchr(x->s, 0, x->n))
		return fail_at(x, x->at, RK_FAIL, "a NUL byte: not a text file");
	while (x->at < x->n) {
		if (is_blank(x->s[x->at]) || x->s[x->at] == '\n') {
			x->at++;
		} else if (at_line_comment(x)) {
			struct attr a = {.start = x->at, .value_end = line_end(x, x->at)};

			while (a.value_end > a.start && x->s[a.value_end - 1] == '\r')
				a.value_end--;
			if (x->mark && has(x, x->mark) && !find(x, "", 0))
				add(x, &a);
			x->at = line_end(x, x->at);
		} else if ((has(x, "/*") ? skip_piece(x, 0) : scan_attr(x)) < 0) {
			return -1;
		}
	}
	return 0;
}

/* --- strings --- */

/* $ and % are doubled before a brace; behind the same character that would be ambiguous, and there
 * the character is written by its number. */
void tf_hcl_quote(struct rk_buf *out, const char *s, size_t n)
{
	static const char from[] = "\n\r\t\"\\", to[] = "nrt\"\\";

	rk_buf_putc(out, '"');
	for (size_t i = 0, len; i < n; i += len) {
		uint32_t c;
		const char *p = memchr(from, s[i], sizeof(from) - 1);
		bool opens = (s[i] == '$' || s[i] == '%') && i + 1 < n && s[i + 1] == '{';

		len = rk_utf8(s + i, n - i, &c);
		if (p)
			rk_buf_addf(out, "\\%c", to[p - from]);
		else if (len == 1 && (c < 0x20 || c == 0x7f || (opens && i && s[i - 1] == s[i])))
			rk_buf_addf(out, "\\u%04x", (unsigned)c);
		else if (opens)
			rk_buf_addf(out, "%c%c", s[i], s[i]);
		else if (len)
			rk_buf_put(out, s + i, len);
		else
			rk_buf_puts(out, "\xef\xbf\xbd");
		len = len ? len : 1;
	}
	rk_buf_putc(out, '"');
}

/* Append the character of the escape sequence at s[0..n), after its backslash. Returns the length
 * of the sequence, 0 for an invalid one. */
static size_t unescape(struct rk_buf *out, const char *s, size_t n)
{
	static const char from[] = "nrt\"\\", to[] = "\n\r\t\"\\";
	const char *p = n ? memchr(from, s[0], sizeof(from) - 1) : NULL;
	size_t digits = n && s[0] == 'u' ? 4 : n && s[0] == 'U' ? 8 : 0;
	char hex[9] = "", utf8[4];
	unsigned long c;

	if (p) {
		rk_buf_putc(out, to[p - from]);
		return 1;
	}
	if (!digits || n <= digits)
		return 0;
	memcpy(hex, s + 1, digits);
	c = strtoul(hex, NULL, 16);
	if (strspn(hex, "0123456789abcdefABCDEF") != digits || c > 0x10ffff ||
		(c >= 0xd800 && c <= 0xdfff))
		return 0;
	rk_buf_put(out, utf8, rk_utf8_put(utf8, (uint32_t)c));
	return digits + 1;
}

/* Text between quotes (escapes) or of a heredoc (none); false for a template. */
static bool decode(struct rk_buf *out, const char *s, size_t n, bool escapes)
{
	for (size_t i = 0, used; i < n; i += used) {
		bool sign = s[i] == '$' || s[i] == '%';

		used = 1;
		if (sign && n - i > 2 && s[i + 1] == s[i] && s[i + 2] == '{') {
			rk_buf_put(out, s + i + 1, 2);
			used = 3;
		} else if ((sign && n - i > 1 && s[i + 1] == '{') || (escapes && s[i] == '"')) {
			return false;
		} else if (escapes && s[i] == '\\') {
			used += unescape(out, s + i + 1, n - i - 1);
			if (used == 1)
				return false;
		} else {
			rk_buf_putc(out, s[i]);
		}
	}
	return true;
}

/* The lines of s, each without the least indent of all, as <<- has it. */
static void unindent(struct rk_buf *out, const char *s, size_t n)
{
	size_t least = SIZE_MAX;

	for (int pass = 0; pass < 2; pass++) {
		for (size_t at = 0, end; at < n; at = end) {
			const char *nl = memchr(s + at, '\n', n - at);
			size_t k = at;

			end = nl ? (size_t)(nl - s) + 1 : n;
			while (k < end && (s[k] == ' ' || s[k] == '\t'))
				k++;
			if (!pass)
				least = k < end && s[k] != '\n' && k - at < least ? k - at : least;
			else if (end - at > least)
				rk_buf_put(out, s + at + least, end - at - least);
			else
				rk_buf_putc(out, '\n');
		}
		least = least == SIZE_MAX ? 0 : least;
	}
}

/* Whether a value is a string without templates (quoted or a heredoc); out gets it. */
static bool read_string(const struct scan *x, const struct attr *a, struct rk_buf *out)
{
	const char *s = x->s + a->value, *body;
	size_t n = a->value_end - a->value, len;
	rk_auto_buf text = RK_BUF_INIT_SECRET;
	bool good = false;

	rk_buf_reset(out);
	if (n >= 2 && s[0] == '"' && s[n - 1] == '"') {
		good = decode(out, s + 1, n - 2, true);
	} else if (n > 2 && s[0] == '<' && s[1] == '<' && (body = memchr(s, '\n', n))) {
		len = n - (size_t)(++body - s);
		while (len && body[len - 1] != '\n') /* the line of the end mark */
			len--;
		if (s[2] == '-')
			unindent(&text, body, len);
		else
			rk_buf_put(&text, body, len);
		good = decode(out, text.s, text.len, false);
	}
	if (!good)
		rk_buf_reset(out);
	return good;
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
	a = find(&x, name, strlen(name));
	good = a && read_string(&x, a, out);
	if (found)
		*found = good;
	return 0;
}

/* --- editing --- */

static bool is_new(const struct scan *x, const struct rk_hcl_item *item)
{
	return item->value && !find(x, item->name, strlen(item->name));
}

static void append_new(const struct scan *x, const struct tf_hcl_edit *e, struct rk_buf *out)
{
	const char *nl = memmem(x->s, x->n, "\r\n", 2) ? "\r\n" : "\n";
	size_t w = 0;

	for (size_t i = 0; i < e->n; i++)
		if (is_new(x, &e->items[i]) && strlen(e->items[i].name) > w)
			w = strlen(e->items[i].name);
	if (!w)
		return;
	if (out->len && out->s[out->len - 1] != '\n')
		rk_buf_puts(out, nl);
	if (out->len)
		rk_buf_puts(out, nl);
	else if (e->head)
		rk_buf_puts(out, e->head);
	if (e->note && !find(x, "", 0))
		rk_buf_addf(out, "%s%s", e->note, nl);
	for (size_t i = 0; i < e->n; i++) {
		if (!is_new(x, &e->items[i]))
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
	rk_auto_buf now = RK_BUF_INIT_SECRET;
	size_t from = 0;

	rk_buf_reset(out);
	if (scan(&x) < 0)
		return -1;
	for (size_t i = 0; i < x.nattrs; i++) {
		const struct attr *a = &x.attrs[i];
		const struct rk_hcl_item *item = NULL;
		const char *value;

		for (size_t k = 0; k < edit->n; k++)
			if (a->name_len &&
				find(&x, edit->items[k].name, strlen(edit->items[k].name)) == a)
				item = &edit->items[k];
		if (a->name_len && !item)
			continue;
		value = item ? item->value : edit->note;
		if (item && value && read_string(&x, a, &now) && now.len == strlen(value) &&
			memcmp(now.s, value, now.len) == 0)
			continue;
		rk_buf_put(out, text + from, (item && value ? a->value : a->start) - from);
		if (item && value)
			tf_hcl_quote(out, value, strlen(value));
		else if (value)
			rk_buf_puts(out, value);
		from = value ? a->value_end : a->end;
	}
	rk_buf_put(out, text + from, n - from);
	append_new(&x, edit, out);
	if (changed)
		*changed = out->len != n || memcmp(out->s, text, n) != 0;
	return 0;
}
