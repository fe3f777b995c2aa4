// SPDX-License-Identifier: Apache-2.0
/* The typed reader: a kubeconfig is accepted exactly when client-go accepts it, because one field of
 * the wrong type in one entry makes kubectl refuse the whole file.
 *
 * kubectl converts YAML to JSON and decodes that into the structs of clientcmd/api/v1, with
 * case-sensitive keys; unknown keys are ignored, null leaves a field unset. The tables below are
 * those structs. */
#include "internal.h"

enum type {
	STRING,
	BOOLEAN,
	BYTES,	      /* base64 */
	ANY,	      /* anything; kubectl keeps it as it is */
	STRINGS,      /* a list of strings */
	STRING_MAP,   /* a map of strings */
	STRINGS_MAP,  /* a map of lists of strings */
	OBJECT,	      /* a map with the fields of `of` */
	OBJECTS,      /* a list of such maps */
	NAMED_OBJECTS /* the same, and no name twice */
};

struct field {
	const char *name;
	enum type type;
	const struct field *of; /* of OBJECT and its lists */
};

static const struct field EXTENSION[] = {{"name", STRING, NULL}, {"extension", ANY, NULL}, {0}};

static const struct field CLUSTER[] = {{"server", STRING, NULL}, {"tls-server-name", STRING, NULL},
	{"insecure-skip-tls-verify", BOOLEAN, NULL}, {"certificate-authority", STRING, NULL},
	{"certificate-authority-data", BYTES, NULL}, {"proxy-url", STRING, NULL},
	{"disable-compression", BOOLEAN, NULL}, {"extensions", NAMED_OBJECTS, EXTENSION}, {0}};

static const struct field CONTEXT[] = {{"cluster", STRING, NULL}, {"user", STRING, NULL},
	{"namespace", STRING, NULL}, {"extensions", NAMED_OBJECTS, EXTENSION}, {0}};

static const struct field ENV[] = {{"name", STRING, NULL}, {"value", STRING, NULL}, {0}};

static const struct field EXEC[] = {{"command", STRING, NULL}, {"args", STRINGS, NULL},
	{"env", OBJECTS, ENV}, {"apiVersion", STRING, NULL}, {"installHint", STRING, NULL},
	{"provideClusterInfo", BOOLEAN, NULL}, {"interactiveMode", STRING, NULL}, {0}};

static const struct field AUTH_PROVIDER[] = {
	{"name", STRING, NULL}, {"config", STRING_MAP, NULL}, {0}};

static const struct field USER[] = {{"client-certificate", STRING, NULL},
	{"client-certificate-data", BYTES, NULL}, {"client-key", STRING, NULL},
	{"client-key-data", BYTES, NULL}, {"token", STRING, NULL}, {"tokenFile", STRING, NULL},
	{"as", STRING, NULL}, {"as-uid", STRING, NULL}, {"as-groups", STRINGS, NULL},
	{"as-user-extra", STRINGS_MAP, NULL}, {"username", STRING, NULL},
	{"password", STRING, NULL}, {"auth-provider", OBJECT, AUTH_PROVIDER},
	{"exec", OBJECT, EXEC}, {"extensions", NAMED_OBJECTS, EXTENSION}, {0}};

static const struct field NAMED_CLUSTER[] = {
	{"name", STRING, NULL}, {"cluster", OBJECT, CLUSTER}, {0}};
static const struct field NAMED_CONTEXT[] = {
	{"name", STRING, NULL}, {"context", OBJECT, CONTEXT}, {0}};
static const struct field NAMED_USER[] = {{"name", STRING, NULL}, {"user", OBJECT, USER}, {0}};

static const struct field PREFERENCES[] = {
	{"colors", BOOLEAN, NULL}, {"extensions", NAMED_OBJECTS, EXTENSION}, {0}};

static const struct field CONFIG[] = {{"kind", STRING, NULL}, {"apiVersion", STRING, NULL},
	{"preferences", OBJECT, PREFERENCES}, {"clusters", NAMED_OBJECTS, NAMED_CLUSTER},
	{"users", NAMED_OBJECTS, NAMED_USER}, {"contexts", NAMED_OBJECTS, NAMED_CONTEXT},
	{"current-context", STRING, NULL}, {"extensions", NAMED_OBJECTS, EXTENSION}, {0}};

/* --- checking --- */

static int check(
	const struct rk_val *v, enum type type, const struct field *of, struct rk_err *err);

/* Go also takes a list of numbers for bytes. Here it only has to keep other entries readable. */
static int check_bytes(const struct rk_val *v, struct rk_err *err)
{
	rk_auto_buf ignored = RK_BUF_INIT_SECRET;
	int64_t n = 0;

	rk_each (it, v->kind == RK_SEQ ? v : NULL) {
		if (rk_want_int(it, &n, err, NULL) < 0)
			return -1;
		if (n < 0 || n > 255)
			return rk_val_error(it, err, "expected a number from 0 to 255");
	}
	if (v->kind == RK_SEQ)
		return 0;
	if (v->kind == RK_STR && strpbrk(v->s, " \t"))
		rk_val_error(v, err, "not base64 at byte %zu", strcspn(v->s, " \t"));
	else if (rk_need_base64(v, &ignored, err, NULL) == 0)
		return 0;
	if (v->kind == RK_STR)
		rk_err_hint(err, "write base64 on one line, without blanks or tabs in it");
	return -1;
}

struct named {
	const char *name;
	const struct rk_val *v;
};

static int by_name(const void *a, const void *b)
{
	const struct named *x = a, *y = b;
	int c = strcmp(x->name, y->name);

	return c ? c : (x->v->start > y->v->start) - (x->v->start < y->v->start);
}

/* Of extensions a null one does not count: kubectl lets the next of its name take its place. */
static int check_names(const struct rk_val *list, const struct field *of, struct rk_err *err)
{
	rk_auto_free struct named *v = rk_malloc((list->count + 1) * sizeof(*v));
	size_t n = 0;

	rk_each (it, list) {
		const struct rk_val *x = rk_get(it, "extension", NULL);
		const char *name = rk_get_str(it, "name", NULL);

		if (of != EXTENSION || (x && x->kind != RK_NULL))
			v[n++] = (struct named){name ? name : "", it};
	}
	qsort(v, n, sizeof(*v), by_name);
	for (size_t i = 1; i < n; i++)
		if (strcmp(v[i - 1].name, v[i].name) == 0)
			return rk_val_error(
				v[i].v, err, "a second entry with the name \"%s\"", v[i].name);
	return 0;
}

static int check_object(const struct rk_val *map, const struct field *of, struct rk_err *err)
{
	for (const struct field *f = of; f->name; f++) {
		const struct rk_val *v = rk_get(map, f->name, NULL);

		if (v && check(v, f->type, f->of, err) < 0)
			return -1;
	}
	return 0;
}

/* To Go, a null among strings is an empty string, among objects an empty object. */
static int check(const struct rk_val *v, enum type type, const struct field *of, struct rk_err *err)
{
	static const enum type inside[] = {[STRINGS] = STRING,
		[STRING_MAP] = STRING,
		[STRINGS_MAP] = STRINGS,
		[OBJECTS] = OBJECT,
		[NAMED_OBJECTS] = OBJECT};
	bool map = type == STRING_MAP || type == STRINGS_MAP || type == OBJECT;
	const struct rk_val *same = NULL;
	const char *s;
	bool b;

	if (v->kind == RK_NULL || type == ANY)
		return 0;
	if (type == STRING)
		return rk_want_str(v, &s, err, NULL);
	if (type == BOOLEAN)
		return rk_want_bool(v, &b, err, NULL);
	if (type == BYTES)
		return check_bytes(v, err);
	if ((map ? rk_want_map(v, &same, err, NULL) : rk_want_seq(v, &same, err, NULL)) < 0)
		return -1;
	if (type == OBJECT)
		return check_object(v, of, err);
	rk_each (it, v) {
		if (it->kind == RK_NULL && inside[type] == OBJECT) {
			rk_mut(it)->kind = RK_MAP;
		} else if (it->kind == RK_NULL && inside[type] == STRING) {
			rk_mut(it)->kind = RK_STR;
			rk_mut(it)->s = "";
		}
		if (check(it, inside[type], of, err) < 0)
			return -1;
	}
	return type == NAMED_OBJECTS ? check_names(v, of, err) : 0;
}

/* kubectl finds these two with a reader that ignores case, in the byte order of the keys, before all
 * else. */
static int check_head(
	const struct rk_val *root, const char *key, const char *const *ok, struct rk_err *err)
{
	const struct rk_val *v = NULL;
	const char *s = "";

	rk_each (m, root) {
		if (strcasecmp(m->key, key) != 0 || m->kind == RK_NULL)
			continue;
		if (rk_want_str(m, &s, err, NULL) < 0)
			return -1;
		v = !v || strcmp(v->key, m->key) < 0 ? m : v;
	}
	for (; v && *ok; ok++)
		if (rk_streq(rk_str(v), *ok))
			return 0;
	return v ? rk_val_error(v, err, "not a kubeconfig: found \"%s\"", rk_str(v)) : 0;
}

int rk_kubeconfig_read(struct rk_doc *d, const char *text, size_t n, const char *name,
	const struct rk_val **out, struct rk_err *err)
{
	static const char *const kinds[] = {"", "Config", NULL};
	static const char *const versions[] = {"", "v1", "/", "/v1", NULL};
	struct rk_val *root = NULL;

	*out = NULL;
	rk_doc_source(d, name);
	if (rk_yaml_parse_loose(d, text, n, &root, err) < 0)
		return -1;
	if (!root || root->kind == RK_NULL)
		return 0;
	if (root->kind != RK_MAP)
		return rk_err_set(err, RK_FAIL, "%s: not a kubeconfig: no keys in it", name);
	if (check_head(root, "kind", kinds, err) < 0 ||
		check_head(root, "apiVersion", versions, err) < 0 ||
		check_object(root, CONFIG, err) < 0)
		return -1;
	*out = root;
	return 0;
}
