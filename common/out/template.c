// SPDX-License-Identifier: Apache-2.0
/* -o jsonpath and -o custom-columns: a tree printed by a template of the user's. */
#include "internal.h"

#include "os/os.h"
#include "data/data.h"

enum { COLUMNS_MAX = 64, FILE_MAX = 1 << 14 };
#define BLANKS " \t\r"

/* What was asked for; one in a process, as there is one standard output. */
static struct {
	struct rk_jsonpath *path; /* of jsonpath */
	bool as_json, headers;
	size_t n; /* of custom-columns */
	char *head[COLUMNS_MAX];
	struct rk_jsonpath *column[COLUMNS_MAX];
} template;

bool rk_out_is_template(const char *text, bool *known)
{
	rk_auto_free char *name = rk_strndup(text, strcspn(text, "="));

	*known = rk_listed("jsonpath,jsonpath-as-json,jsonpath-file,custom-columns,"
			   "custom-columns-file",
		name);
	return *known || rk_listed("go-template,go-template-file,template,templatefile", name);
}

/* --- reading --- */

/* "HEADER:PATH". */
static int add_column(const char *spec, size_t n, struct rk_err *err)
{
	rk_auto_free char *text = rk_strndup(spec, n);
	const char *colon = strchr(text, ':');

	if (template.n == COLUMNS_MAX)
		return rk_err_set(
			err, RK_USAGE, "custom-columns: more than %d columns", COLUMNS_MAX);
	if (!colon || colon == text || !colon[1])
		return rk_err_set(err, RK_USAGE,
			"custom-columns: \"%.100s\" is not HEADER:PATH, for example NAME:.name",
			text);
	if (rk_jsonpath_parse_one(colon + 1, &template.column[template.n], err) < 0)
		return -1;
	template.head[template.n++] = rk_strndup(text, (size_t)(colon - text));
	return 0;
}

/* "HEADER:PATH,...". A comma inside of brackets or quotes belongs to the path. */
static int read_columns(const char *spec, struct rk_err *err)
{
	for (size_t n;; spec += n + 1) {
		int depth = 0;
		char quote = 0;

		for (n = 0; spec[n] && (spec[n] != ',' || depth > 0 || quote); n++) {
			if (quote)
				quote = spec[n] == quote ? 0 : quote;
			else if (spec[n] == '"' || spec[n] == '\'')
				quote = spec[n];
			else
				depth += (spec[n] == '[') - (spec[n] == ']');
		}
		if (add_column(spec, n, err) < 0)
			return -1;
		if (!spec[n])
			return 0;
	}
}

/* Of the file the first line holds the headers and the second the paths, apart by blanks. */
static int read_columns_file(char *text, struct rk_err *err)
{
	char *save, *heads = strtok_r(text, "\n", &save), *paths = strtok_r(NULL, "\n", &save);
	size_t n, m;
	const char *h = rk_item(heads, BLANKS, &n), *p = rk_item(paths, BLANKS, &m);

	for (; h && p; h = rk_item(h + n, BLANKS, &n), p = rk_item(p + m, BLANKS, &m)) {
		rk_auto_free char *spec = rk_asprintf("%.*s:%.*s", (int)n, h, (int)m, p);

		if (add_column(spec, strlen(spec), err) < 0)
			return -1;
	}
	if (!template.n || h || p)
		return rk_err_set(err, RK_USAGE,
			"custom-columns-file: expected a line of headers and a line of as many "
			"paths");
	return 0;
}

int rk_out_template(const char *text, bool headers, struct rk_err *err)
{
	const char *value = strchr(text, '=');
	bool columns = rk_prefix(text, "custom-columns");
	rk_auto_buf file = RK_BUF_INIT;

	template.headers = headers;
	template.as_json = rk_prefix(text, "jsonpath-as-json");
	if (!value || !*++value) {
		rk_err_set(
			err, RK_USAGE, "-o %.*s: no template given", (int)strcspn(text, "="), text);
		return rk_err_hint(err, "for example -o %s",
			columns ? "custom-columns=NAME:.name" : "jsonpath='{.name}'");
	}
	if (rk_prefix(text, "jsonpath-file=") || rk_prefix(text, "custom-columns-file=")) {
		if (rk_file_read(value, FILE_MAX, &file, err) < 0)
			return -1;
		if (columns)
			return read_columns_file(file.s, err);
		value = file.s;
	}
	return columns ? read_columns(value, err) : rk_jsonpath_parse(value, &template.path, err);
}

/* --- printing --- */

static int print_path(const struct rk_val *v, struct rk_err *err)
{
	rk_auto_buf b = RK_BUF_INIT_SECRET, safe = RK_BUF_INIT_SECRET;
	rk_auto_doc *d = rk_doc_new(true);
	struct rk_val *all = rk_seq(d);
	struct rk_found found = {0};
	int r;

	if (!template.as_json) {
		r = rk_jsonpath_print(template.path, v, &b, err);
	} else {
		r = rk_jsonpath_find(template.path, v, &found, err);
		for (size_t i = 0; r == 0 && i < found.n; i++)
			rk_append(all, rk_copy(d, found.v[i]));
		rk_json_write(all, RK_JSON_PRETTY, &b);
		rk_found_release(&found);
	}
	if (r < 0)
		return r;
	/* as a script gets it; on a terminal no value can move the cursor */
	for (const char *s = b.s, *end = b.s + b.len; s < end;) {
		const char *tab = memchr(s, '\t', (size_t)(end - s));
		size_t n = (size_t)((tab ? tab : end) - s);

		rk_printable(&safe, s, n, "\n");
		if (tab)
			rk_buf_putc(&safe, '\t');
		s += n + 1;
	}
	rk_print_buf(isatty(STDOUT_FILENO) ? &safe : &b);
	return 0;
}

static int print_row(struct rk_table *t, const struct rk_val *v, struct rk_err *err)
{
	struct rk_buf cells[COLUMNS_MAX];
	const char *text[COLUMNS_MAX] = {NULL};
	int r = 0;

	for (size_t i = 0; i < template.n; i++) {
		struct rk_found found = {0};

		cells[i] = (struct rk_buf)RK_BUF_INIT_SECRET;
		if (r == 0)
			r = rk_jsonpath_find(template.column[i], v, &found, err);
		for (size_t j = 0; r == 0 && j < found.n; j++) {
			rk_buf_puts(&cells[i], j ? "," : "");
			rk_jsonpath_text(found.v[j], &cells[i]);
		}
		text[i] = found.n ? cells[i].s : NULL;
		rk_found_release(&found);
	}
	if (r == 0)
		rk_table_cells(t, text);
	for (size_t i = 0; i < template.n; i++)
		rk_buf_release(&cells[i]);
	return r;
}

static int print_columns(const struct rk_val *v, struct rk_err *err)
{
	struct rk_table *t = rk_table_new((const char *const *)template.head, template.n);
	const struct rk_val *rows = v->kind == RK_SEQ ? v : rk_get(v, "items", NULL);
	int r = 0;

	if (!rows || rows->kind != RK_SEQ)
		rows = rk_get(v, "checks", NULL);
	if (!rows || rows->kind != RK_SEQ)
		r = print_row(t, v, err);
	else
		rk_each (row, rows)
			r = r == 0 ? print_row(t, row, err) : r;
	if (r == 0)
		rk_table_print(t, RK_FMT_TABLE, template.headers);
	rk_table_free(t);
	return r;
}

bool rk_print_by_template(const struct rk_val *v)
{
	struct rk_err err = RK_ERR_INIT;

	if (!template.path && !template.n)
		return false;
	if ((template.path ? print_path(v, &err) : print_columns(v, &err)) < 0)
		rk_out_failed(&err);
	return true;
}
