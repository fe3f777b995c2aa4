// SPDX-License-Identifier: Apache-2.0
/* Find, read and merge kubeconfig files as clientcmd does. */
#include "internal.h"

#include "tls/tls.h"
#include "os/os.h"

const char *const rk_kc_plural[RK_KC_NKINDS] = {"clusters", "contexts", "users"};
const char *const rk_kc_single[RK_KC_NKINDS] = {"cluster", "context", "user"};

/* --- the load list --- */

char **rk_kubeconfig_paths(const char *explicit_path)
{
	const char *env = getenv("KUBECONFIG"), *home = getenv("HOME");
	rk_auto_free char *usual = home && *home ? rk_asprintf("%s/.kube/config", home) : NULL;
	bool given = explicit_path && *explicit_path, several = !given && env && *env;
	char **v = rk_calloc(1, sizeof(*v));
	size_t n = 0, len;

	rk_each_item (p, len, given ? explicit_path : several ? env : usual, several ? ":" : "") {
		bool again = false;

		for (size_t i = 0; i < n; i++)
			again = again || (strlen(v[i]) == len && memcmp(v[i], p, len) == 0);
		if (again)
			continue;
		v = rk_realloc(v, (n + 2) * sizeof(*v));
		v[n++] = rk_strndup(p, len);
		v[n] = NULL;
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

/* Files are in one array in the order of the load list. */
static int cmp_entry(const void *a, const void *b)
{
	const struct kc_entry *x = a, *y = b;
	int c = strcmp(x->name, y->name);

	return c ? c : x->file < y->file ? -1 : x->file > y->file;
}

static int cmp_name(const void *key, const void *e)
{
	return strcmp(key, ((const struct kc_entry *)e)->name);
}

const struct kc_entry *kc_find(
	const struct rk_kubeconfig *kc, enum rk_kc_kind kind, const char *name)
{
	const struct kc_list *l = &kc->lists[kind];

	return l->n && name ? bsearch(name, l->v, l->n, sizeof(*l->v), cmp_name) : NULL;
}

const struct rk_val *rk_kubeconfig_entry(
	const struct rk_kubeconfig *kc, enum rk_kc_kind kind, const char *name)
{
	const struct kc_entry *e = kc_find(kc, kind, name);

	return e ? e->v : NULL;
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
static int read_material(const char *path, struct rk_buf *out, struct rk_err *err)
{
	if (rk_file_read(path, RK_KUBECONFIG_MAX, out, err) < 0)
		return -1;
	return out->len ? 0 : rk_err_set(err, RK_FAIL, "%s is empty", path);
}

int kc_material(const struct kc_entry *e, const char *name, const char *flag, struct rk_buf *out,
	struct rk_err *err)
{
	rk_auto_free char *data_key = rk_asprintf("%s-data", name), *full = NULL;
	const char *data, *path;

	if (flag && *flag)
		return read_material(flag, out, err) < 0 ? rk_err_wrap(err, "--%s", name) : 0;
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
	if (path && read_material(full, out, err) < 0)
		return rk_err_wrap(err, "%s: %s of \"%s\"", e->file->path, name, e->name);
	if (data && (rk_base64_decode(out, data, strlen(data), err) < 0 ||
			    (!out->len && rk_err_set(err, RK_FAIL, "the decoded value is empty"))))
		return rk_err_wrap(err, "%s: %s of \"%s\"", e->file->path, data_key, e->name);
	return 0;
}

/* --- the merged view --- */

/* Of a name the first file wins whole. No file has a name twice. */
static void merge_files(struct rk_kubeconfig *kc)
{
	for (size_t k = 0; k < RK_KC_NKINDS; k++) {
		struct kc_list *l = &kc->lists[k];
		size_t all = 0;

		for (size_t i = 0; i < kc->nfiles; i++) {
			const struct rk_val *items =
				rk_get(kc->files[i].root, rk_kc_plural[k], NULL);

			l->v = rk_realloc(
				l->v, (all + (items ? items->count : 0) + 1) * sizeof(*l->v));
			rk_each (it, items) {
				const char *name = rk_get_str(it, "name", NULL);
				const struct rk_val *v = rk_get(it, rk_kc_single[k], NULL);

				l->v[all++] = (struct kc_entry){name ? name : "",
					v && v->kind == RK_MAP ? v : NULL, &kc->files[i]};
			}
		}
		if (all)
			qsort(l->v, all, sizeof(*l->v), cmp_entry);
		for (size_t i = 0; i < all; i++)
			if (!l->n || strcmp(l->v[l->n - 1].name, l->v[i].name) != 0)
				l->v[l->n++] = l->v[i];
	}
	for (size_t i = kc->nfiles; i-- > 0;) {
		const char *current = rk_get_str(kc->files[i].root, "current-context", NULL);

		if (current && *current) {
			kc->current = current;
			kc->current_file = &kc->files[i];
		}
	}
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

static int read_file(struct rk_kubeconfig *kc, struct kc_file *f, bool must, struct rk_err *err)
{
	const char *slash = strrchr(f->path, '/');
	rk_auto_buf text = RK_BUF_INIT_SECRET;
	struct rk_err e = RK_ERR_INIT;

	f->dir = !slash		    ? rk_strdup(".")
		 : slash == f->path ? rk_strdup("/")
				    : rk_strndup(f->path, (size_t)(slash - f->path));
	if (rk_file_read(f->path, RK_KUBECONFIG_MAX, &text, &e) == 0)
		return rk_kubeconfig_read(kc->doc, text.s, text.len, f->path, &f->root, err);
	if (e.code == RK_NOTFOUND && !must)
		return 0;
	if (err)
		*err = e;
	if (e.code == RK_NOTFOUND)
		rk_err_hint(err, "give an existing file with --kubeconfig");
	return rk_err_wrap(err, "kubeconfig");
}

static int finish(struct rk_kubeconfig **out, struct rk_kubeconfig *kc, int rc)
{
	if (rc == 0)
		merge_files(kc);
	else
		rk_kubeconfig_free(kc);
	*out = rc == 0 ? kc : NULL;
	return rc;
}

int rk_kubeconfig_load(struct rk_kubeconfig **out, const char *explicit_path, struct rk_err *err)
{
	struct rk_kubeconfig *kc = kc_new(rk_kubeconfig_paths(explicit_path));
	bool must = explicit_path && *explicit_path;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < kc->nfiles; i++)
		rc = read_file(kc, &kc->files[i], must, err);
	return finish(out, kc, rc);
}

int rk_kubeconfig_parse(struct rk_kubeconfig **out, const char *text, size_t n, const char *name,
	struct rk_err *err)
{
	char **paths = rk_calloc(2, sizeof(*paths));
	struct rk_kubeconfig *kc;

	paths[0] = rk_strdup(name);
	kc = kc_new(paths);
	return finish(out, kc, rk_kubeconfig_read(kc->doc, text, n, name, &kc->files[0].root, err));
}

void rk_kubeconfig_free(struct rk_kubeconfig *kc)
{
	if (!kc)
		return;
	for (size_t i = 0; i < kc->nfiles; i++) {
		free(kc->files[i].path);
		free(kc->files[i].dir);
	}
	for (size_t k = 0; k < RK_KC_NKINDS; k++)
		free(kc->lists[k].v);
	free(kc->files);
	free(kc->searched);
	rk_doc_free(kc->doc);
	free(kc);
}

/* --- list --- */

static int list_one(const struct rk_kubeconfig *kc, const struct kc_entry *e, struct rk_doc *d,
	struct rk_val *seq, struct rk_err *err)
{
	struct rk_val *m = rk_map(d);
	const char *cluster, *user, *ns, *server;
	const struct kc_entry *ce, *ue;
	rk_auto_buf pem = RK_BUF_INIT;
	rk_auto_cert *cert = NULL;
	struct rk_kc_note note;
	char when[32];

	if (kc_str(e, "cluster", &cluster, err) < 0 || kc_str(e, "user", &user, err) < 0 ||
		kc_str(e, "namespace", &ns, err) < 0)
		return -1;
	ce = kc_find(kc, RK_KC_CLUSTERS, cluster);
	ue = kc_find(kc, RK_KC_USERS, user);
	if (kc_str(ce, "server", &server, err) < 0)
		return -1;
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
	/* a certificate that cannot be read does not end a list */
	if (ue && kc_material(ue, "client-certificate", NULL, &pem, NULL) == 0 && pem.len &&
		rk_cert_parse(&cert, pem.s, pem.len, NULL) == 0) {
		rk_time_format(cert->not_after, when);
		rk_set_str(d, m, "expires", when);
	}
	rk_set_str(d, m, "file", e->file->path);
	return 0;
}

int rk_kubeconfig_list(
	const struct rk_kubeconfig *kc, struct rk_doc *d, struct rk_val **out, struct rk_err *err)
{
	const struct kc_list *l = &kc->lists[RK_KC_CONTEXTS];

	*out = rk_seq(d);
	for (size_t i = 0; i < l->n; i++)
		if (list_one(kc, &l->v[i], d, *out, err) < 0)
			return -1;
	return 0;
}
