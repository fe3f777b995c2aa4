// SPDX-License-Identifier: Apache-2.0
/* Find, read and merge kubeconfig files as clientcmd does. */
#include "internal.h"

#include "tls/tls.h"
#include "os/os.h"
#include "out/out.h"

const char *const rk_kc_plural[RK_KC_NKINDS] = {"clusters", "contexts", "users"};
const char *const rk_kc_single[RK_KC_NKINDS] = {"cluster", "context", "user"};

/* --- the load list --- */

static void paths_add(char ***v, size_t *n, const char *s, size_t len)
{
	for (size_t i = 0; i < *n; i++)
		if (strlen((*v)[i]) == len && memcmp((*v)[i], s, len) == 0)
			return;
	*v = rk_realloc(*v, (*n + 2) * sizeof(**v));
	(*v)[(*n)++] = rk_strndup(s, len);
	(*v)[*n] = NULL;
}

char **rk_kubeconfig_paths(const char *explicit_path)
{
	const char *env = getenv("KUBECONFIG"), *home = getenv("HOME");
	bool given = explicit_path && *explicit_path;
	rk_auto_free char *usual = NULL;
	char **v = rk_calloc(1, sizeof(*v));
	size_t n = 0;

	if (given) {
		paths_add(&v, &n, explicit_path, strlen(explicit_path));
	} else if (env && *env) {
		for (size_t len; *env; env += len + (env[len] == ':')) {
			len = strcspn(env, ":");
			if (len)
				paths_add(&v, &n, env, len);
		}
	} else if (home && *home) {
		usual = rk_asprintf("%s/.kube/config", home);
		paths_add(&v, &n, usual, strlen(usual));
	}
	return v;
}

void rk_kubeconfig_free_paths(char **paths)
{
	for (char **p = paths; p && *p; p++)
		free(*p);
	free(paths);
}

/* --- entries --- */

static int cmp_entry(const void *a, const void *b)
{
	const struct kc_entry *x = a, *y = b;
	int c = strcmp(x->name, y->name);

	if (c)
		return c;
	/* files lie in one array in the order of the load list */
	return x->file < y->file ? -1 : x->file > y->file;
}

static int cmp_name(const void *key, const void *e)
{
	return strcmp(key, ((const struct kc_entry *)e)->name);
}

const struct kc_entry *kc_find(const struct kc_list *l, const char *name)
{
	return l->n && name ? bsearch(name, l->v, l->n, sizeof(*l->v), cmp_name) : NULL;
}

/* Sort; the first file that has a name wins whole. No file has a name twice. */
static void list_settle(struct kc_list *l)
{
	size_t n = 0;

	if (l->n)
		qsort(l->v, l->n, sizeof(*l->v), cmp_entry);
	for (size_t i = 0; i < l->n; i++)
		if (!n || strcmp(l->v[n - 1].name, l->v[i].name) != 0)
			l->v[n++] = l->v[i];
	l->n = n;
}

int kc_str(const struct kc_entry *e, const char *key, const char **out, struct rk_err *err)
{
	*out = NULL;
	if (e && e->v && rk_want_str(e->v, out, err, key, NULL) < 0)
		return -1;
	if (*out && !**out)
		*out = NULL;
	return 0;
}

/* An empty CA file would mean the system's CAs, and an empty certificate no identity. */
static int not_empty(const struct rk_buf *b, const char *what, struct rk_err *err)
{
	return b->len ? 0 : rk_err_set(err, RK_FAIL, "%s is empty", what);
}

int kc_material(const struct kc_entry *e, const char *name, const char *flag, struct rk_buf *out,
	struct rk_err *err)
{
	rk_auto_free char *data_key = rk_asprintf("%s-data", name), *full = NULL;
	const char *data, *path;

	if (flag && *flag) {
		if (rk_file_read(flag, RK_KUBECONFIG_MAX, out, err) < 0 ||
			not_empty(out, flag, err) < 0)
			return rk_err_wrap(err, "--%s", name);
		return 0;
	}
	if (kc_str(e, data_key, &data, err) < 0 || kc_str(e, name, &path, err) < 0)
		return -1;
	if (data && path)
		return rk_err_set(err, RK_FAIL, "%s: \"%s\" has both %s and %s", e->file->path,
			e->name, name, data_key);
	if (path && !e->file->dir && *path != '/') {
		rk_err_set(err, RK_FAIL, "%s: \"%s\" has the relative %s %s", e->file->path,
			e->name, name, path);
		return rk_err_hint(err,
			"kubectl config view --raw --flatten writes one that needs no other file");
	}
	full = path ? rk_path_resolve(path, e->file->dir) : NULL;
	if (path && (rk_file_read(full, RK_KUBECONFIG_MAX, out, err) < 0 ||
			    not_empty(out, full, err) < 0))
		return rk_err_wrap(err, "%s: %s of \"%s\"", e->file->path, name, e->name);
	if (data && (rk_base64_decode(out, data, strlen(data), err) < 0 ||
			    not_empty(out, "the decoded value", err) < 0))
		return rk_err_wrap(err, "%s: %s of \"%s\"", e->file->path, data_key, e->name);
	return 0;
}

/* --- the merged view --- */

/* Add the items of the list `plural`, whose values are under `single`. */
static void take_list(
	struct kc_list *l, const struct kc_file *f, const char *plural, const char *single)
{
	rk_each (it, rk_get(f->root, plural, NULL)) {
		const char *name = rk_get_str(it, "name", NULL);
		const struct rk_val *v = rk_get(it, single, NULL);

		if (l->n == l->alloc) {
			l->alloc = l->alloc ? 2 * l->alloc : 16;
			l->v = rk_realloc(l->v, l->alloc * sizeof(*l->v));
		}
		l->v[l->n++] =
			(struct kc_entry){name ? name : "", v && v->kind == RK_MAP ? v : NULL, f};
	}
}

static void merge_files(struct rk_kubeconfig *kc)
{
	for (size_t i = 0; i < kc->nfiles; i++) {
		const struct kc_file *f = &kc->files[i];
		const char *current = rk_get_str(f->root, "current-context", NULL);

		take_list(&kc->clusters, f, "clusters", "cluster");
		take_list(&kc->users, f, "users", "user");
		take_list(&kc->contexts, f, "contexts", "context");
		if (!kc->current && current && *current) {
			kc->current = current;
			kc->current_file = f;
		}
	}
	list_settle(&kc->clusters);
	list_settle(&kc->users);
	list_settle(&kc->contexts);
}

static int read_file(struct rk_kubeconfig *kc, struct kc_file *f, bool must, struct rk_err *err)
{
	const char *slash = strrchr(f->path, '/');
	rk_auto_buf text = RK_BUF_INIT_SECRET;
	struct rk_err e = RK_ERR_INIT;

	f->dir = !slash		    ? rk_strdup(".")
		 : slash == f->path ? rk_strdup("/")
				    : rk_strndup(f->path, (size_t)(slash - f->path));
	if (rk_file_read(f->path, RK_KUBECONFIG_MAX, &text, &e) < 0) {
		if (e.code == RK_NOTFOUND && !must)
			return 0;
		if (err)
			*err = e;
		if (e.code == RK_NOTFOUND)
			rk_err_hint(err, "give an existing file with --kubeconfig");
		return rk_err_wrap(err, "kubeconfig");
	}
	return rk_kubeconfig_read(kc->doc, text.s, text.len, f->path, &f->root, err);
}

/* The paths are taken over. */
static struct rk_kubeconfig *kc_new(char **paths)
{
	struct rk_kubeconfig *kc = rk_calloc(1, sizeof(*kc));
	struct rk_buf searched = RK_BUF_INIT;

	while (paths[kc->nfiles])
		kc->nfiles++;
	kc->doc = rk_doc_new(true);
	kc->files = rk_calloc(kc->nfiles + 1, sizeof(*kc->files));
	for (size_t i = 0; i < kc->nfiles; i++) {
		kc->files[i].path = paths[i];
		rk_buf_addf(&searched, "%s%s", i ? ", " : "", paths[i]);
	}
	kc->searched = rk_buf_detach(&searched);
	free(paths);
	return kc;
}

int rk_kubeconfig_load(struct rk_kubeconfig **out, const char *explicit_path, struct rk_err *err)
{
	struct rk_kubeconfig *kc = kc_new(rk_kubeconfig_paths(explicit_path));
	bool must = explicit_path && *explicit_path;

	*out = NULL;
	for (size_t i = 0; i < kc->nfiles; i++) {
		if (read_file(kc, &kc->files[i], must, err) < 0) {
			rk_kubeconfig_free(kc);
			return -1;
		}
	}
	merge_files(kc);
	*out = kc;
	return 0;
}

int rk_kubeconfig_parse(struct rk_kubeconfig **out, const char *text, size_t n, const char *name,
	struct rk_err *err)
{
	char **paths = rk_calloc(2, sizeof(*paths));
	struct rk_kubeconfig *kc;

	*out = NULL;
	paths[0] = rk_strdup(name);
	kc = kc_new(paths);
	if (rk_kubeconfig_read(kc->doc, text, n, name, &kc->files[0].root, err) < 0) {
		rk_kubeconfig_free(kc);
		return -1;
	}
	merge_files(kc);
	*out = kc;
	return 0;
}

void rk_kubeconfig_free(struct rk_kubeconfig *kc)
{
	if (!kc)
		return;
	for (size_t i = 0; i < kc->nfiles; i++) {
		free(kc->files[i].path);
		free(kc->files[i].dir);
	}
	free(kc->files);
	free(kc->clusters.v);
	free(kc->users.v);
	free(kc->contexts.v);
	free(kc->searched);
	rk_doc_free(kc->doc);
	free(kc);
}

const struct rk_val *rk_kubeconfig_entry(
	const struct rk_kubeconfig *kc, enum rk_kc_kind kind, const char *name)
{
	const struct kc_entry *e = kc_find(kind == RK_KC_CLUSTERS   ? &kc->clusters
					   : kind == RK_KC_CONTEXTS ? &kc->contexts
								    : &kc->users,
		name);

	return e ? e->v : NULL;
}

/* --- list --- */

/* When the client certificate of a user expires; 0: none, or not readable (which does not end a list). */
static int64_t user_expires(const struct kc_entry *user)
{
	rk_auto_buf pem = RK_BUF_INIT;
	rk_auto_cert *c = NULL;

	if (!user || kc_material(user, "client-certificate", NULL, &pem, NULL) < 0 || !pem.len ||
		rk_cert_parse(&c, pem.s, pem.len, NULL) < 0)
		return 0;
	return c->not_after;
}

static int list_one(const struct rk_kubeconfig *kc, const struct kc_entry *e, struct rk_doc *d,
	struct rk_val *seq, struct rk_err *err)
{
	struct rk_val *m = rk_map(d);
	const char *cluster, *user, *ns, *server = NULL;
	const struct kc_entry *ce;
	struct rk_kc_note note;
	int64_t expires;
	char when[32];

	if (kc_str(e, "cluster", &cluster, err) < 0 || kc_str(e, "user", &user, err) < 0 ||
		kc_str(e, "namespace", &ns, err) < 0)
		return -1;
	ce = kc_find(&kc->clusters, cluster);
	if (kc_str(ce, "server", &server, err) < 0)
		return -1;
	expires = user_expires(kc_find(&kc->users, user));
	rk_append(seq, m);
	rk_set_str(d, m, "name", e->name);
	rk_set_str(d, m, "cluster", cluster);
	rk_set_str(d, m, "user", user);
	rk_set_str(d, m, "namespace", ns);
	rk_set_str(d, m, "server", server);
	rk_set_bool(d, m, "current", rk_streq(kc->current, e->name));
	if (ce && rk_kc_note(ce->v, &note)) {
		rk_set_str(
			d, m, "virtualCluster", rk_doc_printf(d, "%s/%s", note.ns, note.cluster));
		rk_set_str(d, m, "host", note.host);
	}
	if (expires) {
		rk_time_format(expires, when);
		rk_set_str(d, m, "expires", when);
	}
	rk_set_str(d, m, "file", e->file->path);
	return 0;
}

int rk_kubeconfig_list(
	const struct rk_kubeconfig *kc, struct rk_doc *d, struct rk_val **out, struct rk_err *err)
{
	*out = rk_seq(d);
	for (size_t i = 0; i < kc->contexts.n; i++)
		if (list_one(kc, &kc->contexts.v[i], d, *out, err) < 0)
			return -1;
	return 0;
}
