// SPDX-License-Identifier: Apache-2.0
#include "hcl.h"

#include <ctype.h>

#define BLANKS	  " \t\r"
#define DEPTH_MAX 100 /* of brackets and templates in each other */

/* An attribute, or, with len 0, the comment line that begins with the mark. */
struct attr {
	const char *name, *value, *value_end;
	const char *start, *end; /* its lines, line break included */
	size_t len;		 /* of the name */
};

struct scan {
	const char *s, *p; /* the text, and how far it has been read */
	const char *source, *mark;
	struct rk_err *err;
	struct attr *attrs;
	size_t n;
};

static void rk_cleanup_scan_(struct scan *x)
{
	free(x->attrs);
}
#define auto_scan __attribute__((cleanup(rk_cleanup_scan_))) struct scan

static int fail_at(struct scan *x, const char *at, int code, const char *what)
{
	size_t line = 1;

	for (const char *p = x->s; p < at; p++)
		line += *p == '\n';
	return rk_err_set(x->err, code, "%s:%zu: %s", x->source, line, what);
}

static size_t name_len(const char *p)
{
	size_t n = 0;

	while (isalpha((unsigned char)p[n]) || p[n] == '_' || (p[n] & 0x80) ||
		(n && (isdigit((unsigned char)p[n]) || p[n] == '-')))
		n++;
	return n;
}

static bool at_line_comment(const char *p)
{
	return *p == '#' || rk_prefix(p, "//");
}

/* --- expressions: only their extent matters --- */

static int skip_piece(struct scan *x, int depth);

static int skip_brackets(struct scan *x, char closer, int depth)
{
	const char *start = x->p;

	while (*x->p && *x->p != closer) {
		if (at_line_comment(x->p))
			x->p += strcspn(x->p, "\n");
		else if (skip_piece(x, depth) < 0)
			return -1;
	}
	if (!*x->p)
		return fail_at(x, start, RK_FAIL, "a bracket has no end");
	x->p++;
	return 0;
}

/* Up to the line's end, or in a quoted string to its quote; templates may reach over lines. */
static int skip_text(struct scan *x, bool quoted, int depth)
{
	while (*x->p && *x->p != '\n' && !(quoted && *x->p == '"')) {
		if (quoted && *x->p == '\\' && x->p[1]) {
			x->p += 2;
		} else if (rk_prefix(x->p, "$${") || rk_prefix(x->p, "%%{")) {
			x->p += 3;
		} else if (rk_prefix(x->p, "${") || rk_prefix(x->p, "%{")) {
			x->p += 2;
			if (skip_brackets(x, '}', depth + 1) < 0)
				return -1;
		} else {
			x->p++;
		}
	}
	return 0;
}

static int skip_heredoc(struct scan *x, const char *name, size_t len, int depth)
{
	const char *start = x->p;

	x->p += strcspn(x->p, "\n");
	while (*x->p) {
		const char *word = x->p + 1 + strspn(x->p + 1, BLANKS);

		x->p++;
		if (!strncmp(word, name, len) &&
			strchr("\n", word[len + strspn(word + len, BLANKS)])) {
			x->p += strcspn(x->p, "\n");
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
	const char *start = x->p, *name, *end;
	size_t n;

	if (depth > DEPTH_MAX)
		return fail_at(x, start, RK_FAIL, "brackets are nested too deeply");
	if (rk_prefix(start, "/*")) {
		end = strstr(start + 2, "*/");
		if (!end)
			return fail_at(x, start, RK_FAIL, "a /* comment has no end");
		x->p = end + 2;
		return 0;
	}
	if (rk_prefix(start, "<<")) {
		name = start + 2 + (start[2] == '-');
		n = name_len(name);
		if (n && strchr("\n", name[n + strspn(name + n, BLANKS)]))
			return skip_heredoc(x, name, n, depth);
	}
	if (strchr(")]}", *start))
		return fail_at(x, start, RK_FAIL, "a closing bracket without its opening one");
	x->p++;
	if (strchr("([{", *start))
		return skip_brackets(x, *start == '(' ? ')' : *start == '[' ? ']' : '}', depth + 1);
	if (*start != '"')
		return 0;
	if (skip_text(x, true, depth) < 0)
		return -1;
	if (*x->p != '"')
		return fail_at(x, start, RK_FAIL, "a string has no end on its line");
	x->p++;
	return 0;
}

/* --- the body --- */

static const struct attr *find(const struct scan *x, const char *name, size_t len)
{
	for (size_t i = 0; i < x->n; i++)
		if (x->attrs[i].len == len && memcmp(x->attrs[i].name, name, len) == 0)
			return &x->attrs[i];
	return NULL;
}

static void add(struct scan *x, struct attr *a)
{
	x->p += strcspn(x->p, "\n");
	a->end = x->p + (*x->p == '\n');
	x->attrs = rk_realloc(x->attrs, (x->n + 1) * sizeof(*a));
	x->attrs[x->n++] = *a;
}

/* The value is from the first to the last piece on the line that is not a comment. */
static int scan_attr(struct scan *x)
{
	struct attr a = {.name = x->p, .start = x->p, .len = name_len(x->p)};
	const char *sign = a.name + a.len + strspn(a.name + a.len, BLANKS);

	if (!a.len || *sign != '=' || sign[1] == '=')
		return fail_at(x, sign, RK_FAIL, "expected NAME = value");
	if (find(x, a.name, a.len))
		return fail_at(x, a.name, RK_CONFLICT, "duplicate attribute");
	while (a.start > x->s && strchr(BLANKS, a.start[-1]))
		a.start--;
	for (x->p = sign + 1; *x->p && *x->p != '\n' && !at_line_comment(x->p);) {
		bool nothing = strchr(BLANKS, *x->p) || rk_prefix(x->p, "/*");
		const char *from = x->p;

		if (skip_piece(x, 0) < 0)
			return -1;
		if (nothing)
			continue;
		a.value = a.value ? a.value : from;
		a.value_end = x->p;
	}
	if (!a.value)
		return fail_at(x, x->p, RK_FAIL, "an attribute has no value");
	add(x, &a);
	return 0;
}

static int scan(struct scan *x, const struct rk_buf *text)
{
	x->s = text->s;
	x->p = x->s + (rk_prefix(x->s, "\xef\xbb\xbf") ? 3 : 0);
	if (strlen(text->s) != text->len)
		return fail_at(x, x->s, RK_FAIL, "a NUL byte: not a text file");
	while (*x->p) {
		if (strchr(BLANKS "\n", *x->p)) {
			x->p++;
		} else if (at_line_comment(x->p)) {
			struct attr a = {.name = "", .start = x->p};

			a.value_end = x->p + strcspn(x->p, "\n");
			while (a.value_end[-1] == '\r')
				a.value_end--;
			if (x->mark && rk_prefix(x->p, x->mark) && !find(x, "", 0))
				add(x, &a);
			x->p += strcspn(x->p, "\n");
		} else if ((rk_prefix(x->p, "/*") ? skip_piece(x, 0) : scan_attr(x)) < 0) {
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

/* Text between quotes (escapes) or of a heredoc (none); false for a template. What follows the text is
 * a quote or a NUL byte, so that looking ahead finds nothing there. */
static bool decode(struct rk_buf *out, const char *s, size_t n, bool escapes)
{
	static const char from[] = "nrt\"\\", to[] = "\n\r\t\"\\";

	for (const char *end = s + n; s < end;) {
		bool sign = *s == '$' || *s == '%';

		if (sign && s[1] == *s && s[2] == '{') {
			rk_buf_put(out, s + 1, 2);
			s += 3;
		} else if ((sign && s[1] == '{') || (escapes && *s == '"')) {
			return false;
		} else if (escapes && *s == '\\') {
			const char *p = ++s < end ? memchr(from, *s, sizeof(from) - 1) : NULL;
			ptrdiff_t digits = *s == 'u' ? 4 : *s == 'U' ? 8 : 0;
			char utf8[4];
			uint32_t c;

			if (p) {
				rk_buf_putc(out, to[p - from]);
			} else {
				if (!digits || end - s <= digits ||
					!rk_hex(s + 1, (size_t)digits, &c) || c > 0x10ffff ||
					(c >= 0xd800 && c <= 0xdfff))
					return false;
				rk_buf_put(out, utf8, rk_utf8_put(utf8, c));
			}
			s += digits + 1;
		} else {
			rk_buf_putc(out, *s++);
		}
	}
	return true;
}

/* The lines of s up to end, each without the least indent of all, as <<- has it. */
static void unindent(struct rk_buf *out, const char *s, const char *end)
{
	size_t least = SIZE_MAX, indent;

	for (const char *p = s; p < end; p += strcspn(p, "\n") + 1) {
		indent = strspn(p, " \t");
		if (p[indent] != '\n' && indent < least)
			least = indent;
	}
	least = least == SIZE_MAX ? 0 : least;
	for (size_t n; s < end; s += n) {
		n = strcspn(s, "\n") + 1;
		indent = least < n - 1 ? least : n - 1;
		rk_buf_put(out, s + indent, n - indent);
	}
}

/* Whether a value is a string without templates (quoted or a heredoc); out gets it. */
static bool read_string(const struct attr *a, struct rk_buf *out)
{
	const char *s = a->value, *end = a->value_end, *body = s + strcspn(s, "\n") + 1;
	rk_auto_buf text = RK_BUF_INIT_SECRET;
	bool good = false;

	rk_buf_reset(out);
	if (end - s >= 2 && *s == '"' && end[-1] == '"') {
		good = decode(out, s + 1, (size_t)(end - s) - 2, true);
	} else if (rk_prefix(s, "<<") && body <= end) {
		while (end > body && end[-1] != '\n') /* the line of the end mark */
			end--;
		if (s[2] == '-')
			unindent(&text, body, end);
		else
			rk_buf_put(&text, body, (size_t)(end - body));
		good = decode(out, text.s, text.len, false);
	}
	if (!good)
		rk_buf_reset(out);
	return good;
}

int tf_hcl_get(const struct rk_buf *text, const char *source, const char *name, struct rk_buf *out,
	struct rk_err *err)
{
	auto_scan x = {.source = source, .err = err};
	const struct attr *a;

	rk_buf_reset(out);
	if (scan(&x, text) < 0)
		return -1;
	a = find(&x, name, strlen(name));
	return a && read_string(a, out);
}

/* --- editing --- */

static bool is_new(const struct scan *x, const struct rk_hcl_item *item)
{
	return item->value && !find(x, item->name, strlen(item->name));
}

int tf_hcl_edit(const struct rk_buf *text, const char *source, const struct tf_hcl_edit *edit,
	struct rk_buf *out, struct rk_err *err)
{
	auto_scan x = {.source = source, .err = err, .mark = edit->mark};
	const struct rk_hcl_item *item, *end = edit->items + edit->n;
	rk_auto_buf now = RK_BUF_INIT_SECRET;
	const char *from = text->s, *nl = strstr(text->s, "\r\n") ? "\r\n" : "\n", *value;
	size_t width = 0;

	rk_buf_reset(out);
	if (scan(&x, text) < 0)
		return -1;
	for (size_t i = 0; i < x.n; i++) {
		const struct attr *a = &x.attrs[i];

		for (item = edit->items; item < end; item++)
			if (find(&x, item->name, strlen(item->name)) == a)
				break;
		if (a->len && item == end)
			continue;
		value = a->len ? item->value : edit->note;
		if (a->len && value && read_string(a, &now) && now.len == strlen(value) &&
			memcmp(now.s, value, now.len) == 0)
			continue;
		rk_buf_put(out, from, (size_t)((a->len && value ? a->value : a->start) - from));
		if (a->len && value)
			tf_hcl_quote(out, value, strlen(value));
		else if (value)
			rk_buf_puts(out, value);
		from = value ? a->value_end : a->end;
	}
	rk_buf_puts(out, from);

	for (item = edit->items; item < end; item++)
		if (is_new(&x, item) && strlen(item->name) > width)
			width = strlen(item->name);
	if (!width)
		return 0;
	if (out->len && out->s[out->len - 1] != '\n')
		rk_buf_puts(out, nl);
	if (out->len)
		rk_buf_puts(out, nl);
	else if (edit->head)
		rk_buf_puts(out, edit->head);
	if (edit->note && !find(&x, "", 0))
		rk_buf_addf(out, "%s%s", edit->note, nl);
	for (item = edit->items; item < end; item++) {
		if (!is_new(&x, item))
			continue;
		rk_buf_addf(out, "%-*s = ", (int)width, item->name);
		tf_hcl_quote(out, item->value, strlen(item->value));
		rk_buf_puts(out, nl);
	}
	return 0;
}
