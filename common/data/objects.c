// SPDX-License-Identifier: Apache-2.0
#include "internal.h"

#include "os/os.h"

#define INPUT_MAX   ((size_t)64 << 20)
#define OBJECTS_MAX 10000

void rk_objects_release(struct rk_objects *o)
{
	rk_doc_free(o->doc);
	free(o->v);
	*o = (struct rk_objects){0};
}

/* --- one object --- */

bool rk_object_name_ok(const char *s)
{
	size_t n = strlen(s);

	return n > 0 && n <= 253 && !strpbrk(s, "/%") && strcmp(s, ".") != 0 &&
	       strcmp(s, "..") != 0;
}

/* An object, or a List, which is taken apart. */
static int add(struct rk_objects *o, const struct rk_val *obj, struct rk_err *err)
{
	const char *av, *kind = rk_get_str(obj, "kind", NULL), *name, *ns = NULL;
	const struct rk_val *items = rk_get(obj, "items", NULL);

	if (kind && rk_suffix(kind, "List") && items && items->kind == RK_SEQ) {
		rk_each (it, items)
			if (add(o, it, err) < 0)
				return -1;
		return 0;
	}
	if (obj->kind != RK_MAP)
		return rk_val_error(obj, err, "not an object but a %s",
			obj->kind == RK_SEQ ? "list" : "single value");
	if (rk_need_str(obj, &av, err, "apiVersion", NULL) < 0 ||
		rk_need_str(obj, &kind, err, "kind", NULL) < 0 ||
		rk_need_str(obj, &name, err, "metadata", "name", NULL) < 0 ||
		rk_want_str(obj, &ns, err, "metadata", "namespace", NULL) < 0) {
		if (err && err->code == RK_NOTFOUND) /* a missing field is damage, not absence */
			err->code = RK_FAIL;
		return -1;
	}
	if (!rk_object_name_ok(name) || (ns && !rk_object_name_ok(ns)))
		return rk_val_error(obj, err, "invalid object name \"%s\"",
			rk_object_name_ok(name) ? ns : name);
	if (o->n == OBJECTS_MAX)
		return rk_val_error(obj, err, "more than %d objects", OBJECTS_MAX);
	o->v = rk_realloc(o->v, (o->n + 1) * sizeof(struct rk_val *));
	o->v[o->n++] = obj;
	return 0;
}

static bool same_object(const struct rk_val *a, const struct rk_val *b)
{
	const struct rk_val *x = rk_get(a, "metadata", NULL), *y = rk_get(b, "metadata", NULL);
	const char *nx = rk_get_str(x, "namespace", NULL), *ny = rk_get_str(y, "namespace", NULL);

	return rk_val_equal(rk_get(x, "name", NULL), rk_get(y, "name", NULL)) &&
	       rk_val_equal(rk_get(a, "kind", NULL), rk_get(b, "kind", NULL)) &&
	       rk_val_equal(rk_get(a, "apiVersion", NULL), rk_get(b, "apiVersion", NULL)) &&
	       rk_streq(nx ? nx : "", ny ? ny : "");
}

/* piped: the writer may have died, in the middle of a line or behind "key:". */
static int parse(struct rk_objects *o, const struct rk_buf *text, bool piped, struct rk_err *err)
{
	char first = text->s[strspn(text->s, " \t\r\n")];
	bool json = first == '{' || first == '[';
	struct rk_err why = RK_ERR_INIT;
	const struct rk_val *last;
	struct rk_val *docs = NULL;
	size_t before = o->n;

	if (!json && rk_yaml_parse_all(o->doc, text->s, text->len, &docs, err) < 0)
		return -1;
	if (json && rk_json_parse_stream(o->doc, text->s, text->len, &docs, &why) < 0 &&
		(why.reason == RK_REASON_TOO_LARGE || /* else it may be YAML in flow style */
			rk_yaml_parse_all(o->doc, text->s, text->len, &docs, NULL) < 0)) {
		if (err)
			*err = why;
		return -1;
	}
	if (piped && !json && docs->count) {
		if (text->s[text->len - 1] != '\n')
			return rk_tree_error(o->doc, 0, err,
				"truncated: the last line does not end with a newline");
		for (last = docs; last->last;)
			last = last->last;
		if (last->kind == RK_NULL && last->start == last->end) /* null in letters is one */
			return rk_tree_error(
				o->doc, 0, err, "truncated: line %u has no value", last->line);
	}
	rk_each (doc, docs)
		if (add(o, doc, err) < 0)
			return -1;
	if (o->n > before)
		return 0;
	rk_tree_error(o->doc, 0, err, "no object found");
	return rk_err_hint(err, "check the command that should have written it");
}

int rk_objects_read(
	struct rk_objects *o, const char *const *files, size_t nfiles, struct rk_err *err)
{
	static const char *const standard_input[] = {"-"};
	int rc = 0;

	o->doc = rk_doc_new(true);
	for (size_t i = 0; rc == 0 && i < (nfiles ? nfiles : 1); i++) {
		const char *file = (nfiles ? files : standard_input)[i];
		bool piped = rk_streq(file, "-");
		rk_auto_buf text = RK_BUF_INIT_SECRET;

		rk_doc_source(o->doc, piped ? "standard input" : file);
		rc = rk_file_read(file, INPUT_MAX, &text, err);
		if (rc == 0)
			rc = parse(o, &text, piped, err);
	}
	for (size_t i = 0; rc == 0 && i < o->n; i++)
		for (size_t j = 0; rc == 0 && j < i; j++)
			if (same_object(o->v[i], o->v[j]))
				rc = rk_err_set(err, RK_FAIL,
					"duplicate object %s %s (lines %u and %u)",
					rk_get_str(o->v[i], "kind", NULL),
					rk_get_str(o->v[i], "metadata", "name", NULL),
					o->v[j]->line, o->v[i]->line);
	if (rc < 0)
		rk_objects_release(o);
	return rc;
}

/* --- order --- */

int rk_object_rank(const struct rk_val *obj)
{
	const char *kind = rk_get_str(obj, "kind", NULL);

	if (rk_streq(kind, "Namespace"))
		return 0;
	return rk_streq(kind, "CustomResourceDefinition") ? 1 : 2;
}

void rk_objects_order(struct rk_objects *o)
{
	const struct rk_val **v = rk_calloc(o->n, sizeof(struct rk_val *));
	size_t n = 0;

	for (int rank = 0; rank <= 2; rank++)
		for (size_t i = 0; i < o->n; i++)
			if (rk_object_rank(o->v[i]) == rank)
				v[n++] = o->v[i];
	free(o->v);
	o->v = v;
}
