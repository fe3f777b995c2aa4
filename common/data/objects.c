// SPDX-License-Identifier: Apache-2.0
#include "data/data.h"

#include "os/os.h"

#define INPUT_MAX   ((size_t)64 << 20)
#define OBJECTS_MAX 10000

void rk_objects_release(struct rk_objects *o)
{
	rk_doc_free(o->doc);
	free(o->v);
	*o = (struct rk_objects)RK_OBJECTS_INIT;
}

/* --- one object --- */

bool rk_object_name_ok(const char *s)
{
	size_t n = strlen(s);

	return n > 0 && n <= 253 && !strpbrk(s, "/%") && strcmp(s, ".") != 0 &&
	       strcmp(s, "..") != 0;
}

static int check_object(const struct rk_val *obj, const char *source, struct rk_err *err)
{
	const char *av, *kind, *name, *ns = NULL;

	if (obj->kind != RK_MAP)
		return rk_err_set(err, RK_FAIL, "%s: line %u: not an object but a %s", source,
			obj->line, obj->kind == RK_SEQ ? "list" : "single value");
	if (rk_need_str(obj, &av, err, "apiVersion", NULL) < 0 ||
		rk_need_str(obj, &kind, err, "kind", NULL) < 0 ||
		rk_need_str(obj, &name, err, "metadata", "name", NULL) < 0 ||
		rk_want_str(obj, &ns, err, "metadata", "namespace", NULL) < 0)
		return -1;
	if (rk_object_name_ok(name) && (!ns || rk_object_name_ok(ns)))
		return 0;
	return rk_err_set(err, RK_FAIL, "%s: line %u: invalid object name \"%s\"", source,
		obj->line, rk_object_name_ok(name) ? ns : name);
}

static int add(struct rk_objects *o, const struct rk_val *obj, const char *name, struct rk_err *err)
{
	const char *kind = rk_get_str(obj, "kind", NULL);
	const struct rk_val *items = rk_get(obj, "items", NULL);

	if (kind && rk_suffix(kind, "List") && items && items->kind == RK_SEQ) {
		rk_each (it, items)
			if (add(o, it, name, err) < 0)
				return -1;
		return 0;
	}
	if (check_object(obj, name, err) < 0) {
		if (err && err->code == RK_NOTFOUND) /* a missing field is damage, not absence */
			err->code = RK_FAIL;
		return -1;
	}
	if (o->n == OBJECTS_MAX)
		return rk_err_set(err, RK_FAIL, "%s: more than %d objects", name, OBJECTS_MAX);
	o->v = rk_realloc(o->v, (o->n + 1) * sizeof(struct rk_val *));
	o->v[o->n++] = obj;
	return 0;
}

static bool same_object(const struct rk_val *a, const struct rk_val *b)
{
	const char *na = rk_get_str(a, "metadata", "namespace", NULL);
	const char *nb = rk_get_str(b, "metadata", "namespace", NULL);

	return rk_streq(rk_get_str(a, "metadata", "name", NULL),
		       rk_get_str(b, "metadata", "name", NULL)) &&
	       rk_streq(rk_get_str(a, "kind", NULL), rk_get_str(b, "kind", NULL)) &&
	       rk_streq(rk_get_str(a, "apiVersion", NULL), rk_get_str(b, "apiVersion", NULL)) &&
	       rk_streq(na ? na : "", nb ? nb : "");
}

static int check_doubles(const struct rk_objects *o, struct rk_err *err)
{
	for (size_t i = 0; i < o->n; i++)
		for (size_t j = 0; j < i; j++)
			if (same_object(o->v[i], o->v[j]))
				return rk_err_set(err, RK_FAIL,
					"%s %s comes twice (lines %u and %u)",
					rk_get_str(o->v[i], "kind", NULL),
					rk_get_str(o->v[i], "metadata", "name", NULL),
					o->v[j]->line, o->v[i]->line);
	return 0;
}

/* --- text --- */

static bool looks_json(const char *s)
{
	s += strspn(s, " \t\r\n");
	return *s == '{' || *s == '[';
}

static int parse_docs(
	struct rk_doc *d, const char *text, size_t n, struct rk_val **docs, struct rk_err *err)
{
	if (looks_json(text)) {
		struct rk_err json = RK_ERR_INIT;

		if (rk_json_parse_stream(d, text, n, docs, &json) == 0)
			return 0;
		if (json.reason != RK_REASON_TOO_LARGE &&
			rk_yaml_parse_all(d, text, n, docs, NULL) == 0) /* YAML in flow style */
			return 0;
		if (err)
			*err = json;
		return -1;
	}
	return rk_yaml_parse_all(d, text, n, docs, err);
}

/* The writer died in the middle of a line, or behind "key:". */
static int check_whole(const struct rk_val *docs, const char *text, size_t n, struct rk_err *err)
{
	const struct rk_val *v = docs;

	if (looks_json(text))
		return 0;
	if (text[n - 1] != '\n')
		return rk_err_set(err, RK_FAIL, "cut off: the last line has no end");
	while (v && (v->kind == RK_MAP || v->kind == RK_SEQ) && v->last)
		v = v->last;
	if (v && v->kind == RK_NULL && v->start == v->end) /* null in letters is one */
		return rk_err_set(err, RK_FAIL, "cut off: line %u ends without a value", v->line);
	return 0;
}

static int parse_into(struct rk_objects *o, const char *name, const char *text, size_t n,
	bool piped, struct rk_err *err)
{
	struct rk_val *docs = NULL;
	size_t before = o->n;

	if (!o->doc)
		o->doc = rk_doc_new(true);
	rk_doc_source(o->doc, name);
	if (parse_docs(o->doc, text, n, &docs, err) < 0)
		return -1;
	if (docs && docs->count && piped && check_whole(docs, text, n, err) < 0)
		return rk_err_wrap(err, "%s", name);
	rk_each (doc, docs)
		if (add(o, doc, name, err) < 0)
			return -1;
	if (o->n == before) {
		rk_err_set(err, RK_FAIL, "%s: no object found", name);
		return rk_err_hint(err, "did what should have written it fail?");
	}
	return 0;
}

int rk_objects_parse(struct rk_objects *o, const char *name, const char *text, size_t n, bool piped,
	struct rk_err *err)
{
	if (parse_into(o, name, text, n, piped, err) == 0 && check_doubles(o, err) == 0)
		return 0;
	rk_objects_release(o);
	return -1;
}

int rk_objects_read(
	struct rk_objects *o, const char *const *files, size_t nfiles, struct rk_err *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < (nfiles ? nfiles : 1); i++) {
		rk_auto_buf text = RK_BUF_INIT_SECRET;
		const char *file = nfiles ? files[i] : "-";
		bool piped = !strcmp(file, "-");

		rc = rk_file_read(file, INPUT_MAX, &text, err);
		if (rc == 0)
			rc = parse_into(
				o, piped ? "standard input" : file, text.s, text.len, piped, err);
	}
	if (rc == 0 && check_doubles(o, err) == 0)
		return 0;
	rk_objects_release(o);
	return -1;
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
	const struct rk_val **v = rk_calloc(o->n ? o->n : 1, sizeof(struct rk_val *));
	size_t n = 0;

	for (int rank = 0; rank <= 2; rank++)
		for (size_t i = 0; i < o->n; i++)
			if (rk_object_rank(o->v[i]) == rank)
				v[n++] = o->v[i];
	free(o->v);
	o->v = v;
}
