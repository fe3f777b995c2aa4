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

/* A null in a list of strings or in a map of strings is an empty string, to Go. */
static int check_strings(const struct rk_val *list, struct rk_err *err)
{
	rk_each (v, list) {
		if (v->kind == RK_NULL) {
			rk_mut(v)->kind = RK_STR;
			rk_mut(v)->s = "";
		}
		if (check(v, STRING, NULL, err) < 0)
			return -1;
	}
	return 0;
}

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
		rk_err_hint(err, "base64 goes on one line, without blanks or tabs in it");
	return -1;
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

static const char *name_of(const struct rk_val *v)
{
	const char *name = rk_get_str(v, "name", NULL);

	return name ? name : "";
}

static int by_name(const void *a, const void *b)
{
	const struct rk_val *x = *(const struct rk_val *const *)a;
	const struct rk_val *y = *(const struct rk_val *const *)b;
	int c = strcmp(name_of(x), name_of(y));

	return c ? c : (x->start > y->start) - (x->start < y->start);
}

/* Of extensions a null one does not count: kubectl lets the next of its name take its place. */
static int check_names(const struct rk_val *list, const struct field *of, struct rk_err *err)
{
	const struct rk_val **v = rk_malloc((list->count + 1) * sizeof(const struct rk_val *));
	size_t n = 0;
	int rc = 0;

	rk_each (it, list) {
		const struct rk_val *x = rk_get(it, "extension", NULL);

		if (of != EXTENSION || (x && x->kind != RK_NULL))
			v[n++] = it;
	}
	qsort(v, n, sizeof(*v), by_name);
	for (size_t i = 1; rc == 0 && i < n; i++)
		if (strcmp(name_of(v[i - 1]), name_of(v[i])) == 0)
			rc = rk_val_error(
				v[i], err, "a second entry with the name \"%s\"", name_of(v[i]));
	free(v);
	return rc;
}

static int check_objects(const struct rk_val *list, const struct field *of, struct rk_err *err)
{
	rk_each (v, list) {
		if (v->kind == RK_NULL)
			rk_mut(v)->kind = RK_MAP;
		if (check(v, OBJECT, of, err) < 0)
			return -1;
	}
	return 0;
}

static int check(const struct rk_val *v, enum type type, const struct field *of, struct rk_err *err)
{
	const struct rk_val *inner = NULL;
	const char *s;
	bool b;

	if (v->kind == RK_NULL)
		return 0;
	switch (type) {
	case STRING:
		return rk_want_str(v, &s, err, NULL);
	case BOOLEAN:
		return rk_want_bool(v, &b, err, NULL);
	case BYTES:
		return check_bytes(v, err);
	case ANY:
		return 0;
	case STRINGS:
		return rk_want_seq(v, &inner, err, NULL) < 0 ? -1 : check_strings(v, err);
	case STRING_MAP:
		return rk_want_map(v, &inner, err, NULL) < 0 ? -1 : check_strings(v, err);
	case STRINGS_MAP:
		if (rk_want_map(v, &inner, err, NULL) < 0)
			return -1;
		rk_each (list, v)
			if (check(list, STRINGS, NULL, err) < 0)
				return -1;
		return 0;
	case OBJECT:
		return rk_want_map(v, &inner, err, NULL) < 0 ? -1 : check_object(v, of, err);
	case OBJECTS:
		return rk_want_seq(v, &inner, err, NULL) < 0 ? -1 : check_objects(v, of, err);
	case NAMED_OBJECTS:
		if (rk_want_seq(v, &inner, err, NULL) < 0 || check_objects(v, of, err) < 0)
			return -1;
		return check_names(v, of, err);
	}
	return 0;
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

/* --- the same, without a tree for what is plain --- */

static const struct field *const ITEM[RK_KC_NKINDS] = {NAMED_CLUSTER, NAMED_CONTEXT, NAMED_USER};

/* One field at the start of a line, in the notation that kubectl writes: KEY: VALUE. */
struct line {
	const char *key, *value;
	size_t indent, klen, vlen;
	bool dash;
};

static const char *take_line(const char *p, const char *end, struct line *l)
{
	const char *nl = memchr(p, '\n', (size_t)(end - p)), *stop = nl ? nl : end, *colon;

	*l = (struct line){.indent = 0};
	for (; p + l->indent < stop && p[l->indent] == ' '; l->indent++)
		;
	l->key = p + l->indent;
	if (stop - l->key > 2 && l->key[0] == '-' && l->key[1] == ' ') {
		l->dash = true;
		l->indent += 2;
		l->key += 2;
	}
	colon = memchr(l->key, ':', (size_t)(stop - l->key));
	l->klen = colon ? (size_t)(colon - l->key) : 0;
	l->value = colon ? colon + 1 : stop;
	if (l->value < stop && *l->value == ' ')
		l->value++;
	l->vlen = (size_t)(stop - l->value);
	return nl ? nl + 1 : end;
}

/* Not 0 for a byte that base64 does not have. Without a branch, and below with a fixed number of
 * bytes in turn, so that the compiler takes many at once: large files are nearly all base64. */
static unsigned char no_base64(char byte)
{
	unsigned char c = (unsigned char)byte;
	unsigned char letter = (unsigned char)((c | 0x20) - 'a');
	unsigned char digit = (unsigned char)(c - '0');

	return (unsigned char)((letter > 25) & (digit > 9) & (c != '+') & (c != '/'));
}

static bool is_base64(const char *s, size_t n)
{
	unsigned char bad = 0;
	size_t pad = 0, i = 0;

	while (pad < 2 && pad < n && s[n - pad - 1] == '=')
		pad++;
	for (; i + 64 <= n - pad; i += 64)
		for (size_t j = 0; j < 64; j++)
			bad |= no_base64(s[i + j]);
	for (; i < n - pad; i++)
		bad |= no_base64(s[i]);
	return n && n % 4 == 0 && !bad;
}

static bool line_is_fine(const struct line *l, const struct field *f)
{
	for (; f->name; f++) {
		if (strlen(f->name) != l->klen || memcmp(f->name, l->key, l->klen) != 0)
			continue;
		if (f->type == BYTES)
			return is_base64(l->value, l->vlen);
		return f->type == STRING && l->vlen < 1024 && rk_yaml_plain_ok(l->value, l->vlen);
	}
	return false;
}

/* Name and object of an entry, each field on its line. False: not known to be so. */
static bool lines_are_fine(const char *p, const char *end, enum rk_kc_kind k)
{
	const struct field *object = ITEM[k] + 1;
	size_t outer = 0;
	struct line l;

	for (bool first = true; p < end; first = false) {
		p = take_line(p, end, &l);
		if (l.dash != first)
			return false;
		outer = first ? l.indent : outer;
		if (l.indent == outer && !l.vlen && l.klen == strlen(object->name) &&
			memcmp(l.key, object->name, l.klen) == 0)
			continue;
		if (!(l.indent == outer && line_is_fine(&l, ITEM[k])) &&
			!(l.indent > outer && line_is_fine(&l, object->of)))
			return false;
	}
	return true;
}

static bool item_is_fine(const char *text, size_t n, enum rk_kc_kind k)
{
	rk_auto_doc *d = rk_doc_new(true);
	struct rk_val *list = NULL;

	if (lines_are_fine(text, text + n, k))
		return true;
	return rk_yaml_parse_loose(d, text, n, &list, NULL) == 0 && list && list->kind == RK_SEQ &&
	       list->count == 1 && check_objects(list, ITEM[k], NULL) == 0;
}

static int by_item_name(const void *a, const void *b)
{
	const struct kc_item *x = *(const struct kc_item *const *)a;
	const struct kc_item *y = *(const struct kc_item *const *)b;

	return strcmp(x->name, y->name);
}

static bool names_differ(const struct kc_section *s)
{
	const struct kc_item **v = rk_malloc((s->n + 1) * sizeof(const struct kc_item *));
	bool fine = true;
	size_t n = 0;

	for (; n < s->n && s->items[n].name; n++)
		v[n] = &s->items[n];
	fine = n == s->n;
	if (fine)
		qsort(v, n, sizeof(*v), by_item_name);
	for (size_t i = 1; fine && i < n; i++)
		fine = strcmp(v[i - 1]->name, v[i]->name) != 0;
	free(v);
	return fine;
}

/* A text whose lists are of the plain style: each entry alone, then what is around the lists. */
static bool plain_is_fine(const struct kc_layout *l, const char *text, size_t n)
{
	rk_auto_buf rest = RK_BUF_INIT_SECRET;
	rk_auto_doc *d = rk_doc_new(true);
	const struct rk_val *root;
	size_t at = 0;

	for (;;) {
		const struct kc_section *next = NULL;
		size_t kind = 0;

		for (size_t k = 0; k < RK_KC_NKINDS; k++) {
			const struct kc_section *s = &l->sec[k];

			if (s->style != KC_BLOCK || s->at.from < at ||
				(next && s->at.from > next->at.from))
				continue;
			next = s;
			kind = k;
		}
		if (!next)
			break;
		for (size_t i = 0; i < next->n; i++)
			if (!item_is_fine(text + next->items[i].at.from,
				    next->items[i].at.to - next->items[i].at.from,
				    (enum rk_kc_kind)kind))
				return false;
		if (!names_differ(next))
			return false;
		rk_buf_put(&rest, text + at, next->at.from - at);
		at = next->at.to;
	}
	rk_buf_put(&rest, text + at, n - at);
	return rk_kubeconfig_read(d, rest.s, rest.len, "", &root, NULL) == 0;
}

int kc_check_text(
	const struct kc_layout *l, const char *text, size_t n, const char *name, struct rk_err *err)
{
	rk_auto_doc *d = NULL;
	const struct rk_val *root;

	if (l->plain && plain_is_fine(l, text, n))
		return 0;
	d = rk_doc_new(true);
	return rk_kubeconfig_read(d, text, n, name, &root, err);
}
