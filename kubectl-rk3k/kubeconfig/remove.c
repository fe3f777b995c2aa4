// SPDX-License-Identifier: Apache-2.0
/* remove - entries by their names, or by the virtual cluster they were made for, are taken out. */
#include "tool.h"

struct removal {
	const struct opts *o;
	struct rk_doc *d;
	struct kcfg_files *files;
	struct rk_val *contexts, *result;
	struct kcfg_item *items;
	size_t n;
	bool clear_current;
	const char *host; /* URL; NULL: any */
};

static bool is_taken_out(const struct removal *r, enum rk_kc_kind kind, const char *name)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->items[i].kind == kind && rk_streq(r->items[i].name, name))
			return true;
	return false;
}

static void take_out(struct removal *r, enum rk_kc_kind kind, const char *name)
{
	if (is_taken_out(r, kind, name))
		return;
	r->items = rk_realloc(r->items, (r->n + 1) * sizeof(*r->items));
	r->items[r->n++] = (struct kcfg_item){kind, rk_doc_strndup(r->d, name, strlen(name)), NULL};
}

/* What a context names need not exist. */
static int take_out_existing(
	struct removal *r, enum rk_kc_kind kind, const char *name, struct rk_err *err)
{
	const struct rk_val *v = NULL;

	if (name && kcfg_lookup(r->files, kind, name, r->d, &v, NULL, err) < 0)
		return -1;
	if (v)
		take_out(r, kind, name);
	return 0;
}

/* The note of a context's cluster, in r->d. */
static bool noted(struct removal *r, const struct rk_val *context, struct rk_kc_note *note)
{
	const char *cluster = rk_get_str(context, "context", "cluster", NULL);
	const struct rk_val *v = NULL;

	return cluster &&
	       kcfg_lookup(r->files, RK_KC_CLUSTERS, cluster, r->d, &v, NULL, NULL) == 0 &&
	       rk_kc_note(v, note);
}

static const char *variable(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

/* The host cluster that a virtual cluster is searched on: as for every other command, that of the flags,
 * of the variables, of the context. When there is none, and none was named, any host will do. */
static int find_host(struct removal *r, struct rk_err *err)
{
	bool flags = r->o->kube.context || r->o->host_kubeconfig;
	struct rk_kube_flags f = {
		.context = flags ? r->o->kube.context : variable("RK3K_CONTEXT"),
		.server = flags ? NULL : variable("RK3K_SERVER"),
	};
	struct rk_kubeconfig *kc = NULL;
	struct rk_err why = RK_ERR_INIT;
	struct rk_target t;
	int rc = rk_kubeconfig_load(&kc, r->o->host_kubeconfig, &why);

	if (rc == 0)
		rc = rk_kubeconfig_resolve(kc, &f, &t, &why);
	rk_kubeconfig_free(kc);
	if (rc == 0) {
		r->host = rk_doc_strndup(r->d, t.server, strlen(t.server));
		rk_target_release(&t);
		return 0;
	}
	if (!flags && !f.context && !f.server)
		return 0;
	*err = why;
	return -1;
}

/* Contexts made for virtual cluster REF: by what `get` noted, else by the usual name. */
static int take_out_ref(struct removal *r, const char *ref, struct rk_err *err)
{
	rk_auto_free char *ns = NULL, *name = NULL, *usual = NULL;
	struct rk_err none = RK_ERR_INIT;
	struct rk_kc_note want, note;

	if (rk_k3k_ref(ref, r->o->kube.ns ? r->o->kube.ns : RK_K3K_NS, &ns, &name, &none) < 0)
		return 0;
	if (!r->host && find_host(r, err) < 0)
		return -1;
	want = (struct rk_kc_note){ns, name, r->host};
	usual = rk_asprintf("%s" RK_K3K_ENTRY_SUFFIX, name);
	rk_each (c, r->contexts) {
		const char *context = rk_get_str(c, "name", NULL);

		if (!context)
			continue;
		if (noted(r, c, &note) ? rk_kc_note_same(&want, &note) : rk_streq(context, usual))
			take_out(r, RK_KC_CONTEXTS, context);
	}
	return 0;
}

static int take_out_name(struct removal *r, const char *name, struct rk_err *err)
{
	static const enum rk_kc_kind order[] = {RK_KC_CONTEXTS, RK_KC_CLUSTERS, RK_KC_USERS};
	size_t before = r->n;

	for (size_t i = 0; i < RK_COUNT(order); i++)
		if (take_out_existing(r, order[i], name, err) < 0)
			return -1;
	if (r->n == before && take_out_ref(r, name, err) < 0)
		return -1;
	if (r->n > before || r->o->ignore)
		return 0;
	rk_err_set(err, RK_NOTFOUND, "no entry \"%s\" in the kubeconfig", name);
	return rk_err_hint(
		err, "%s kubeconfig list shows them; --ignore-not-found", rk_usage_prefix());
}

/* The clusters and users of the contexts that are taken out. */
static int follow_contexts(struct removal *r, struct rk_err *err)
{
	size_t n = r->n;

	for (size_t i = 0; i < n; i++) {
		rk_each (c, r->items[i].kind == RK_KC_CONTEXTS ? r->contexts : NULL) {
			if (!rk_streq(rk_get_str(c, "name", NULL), r->items[i].name))
				continue;
			if (take_out_existing(r, RK_KC_CLUSTERS,
				    rk_get_str(c, "context", "cluster", NULL), err) < 0 ||
				take_out_existing(r, RK_KC_USERS,
					rk_get_str(c, "context", "user", NULL), err) < 0)
				return -1;
		}
	}
	return 0;
}

/* The name of a context that is kept and uses the entry; "" for one without a name. */
static const char *used_by(const struct removal *r, const struct kcfg_item *it)
{
	rk_each (c, it->kind == RK_KC_CONTEXTS ? NULL : r->contexts) {
		const char *context = rk_get_str(c, "name", NULL);

		if (rk_streq(rk_get_str(c, "context", rk_kc_single[it->kind], NULL), it->name) &&
			!(context && is_taken_out(r, RK_KC_CONTEXTS, context)))
			return context ? context : "";
	}
	return NULL;
}

static void keep_shared(struct removal *r)
{
	size_t n = 0;

	for (size_t i = 0; i < r->n; i++) {
		const struct kcfg_item *it = &r->items[i];
		const char *other = used_by(r, it);

		if (other)
			rk_note("%s \"%s\" is kept: context \"%s\" uses it", rk_kc_single[it->kind],
				it->name, other);
		else
			r->items[n++] = *it;
	}
	r->n = n;
}

static void note_removed(struct removal *r)
{
	r->result = rk_seq(r->d);
	for (size_t i = 0; i < r->n; i++) {
		const struct kcfg_item *it = &r->items[i];
		struct rk_val *m;

		if (it->kind == RK_KC_CONTEXTS && rk_streq(kcfg_current(r->files), it->name))
			r->clear_current = true;
		m = rk_map(r->d);
		rk_set_str(r->d, m, "kind", rk_kc_single[it->kind]);
		rk_set_str(r->d, m, "name", it->name);
		rk_set_str(r->d, m, "outcome", rk_outcome_word(RK_DELETED));
		rk_append(r->result, m);
	}
}

static void print_removed(const struct removal *r)
{
	const char *dry = r->o->dry ? " (dry run)" : "";

	if (r->o->out.fmt == RK_FMT_JSON || r->o->out.fmt == RK_FMT_YAML) {
		rk_print_val((enum rk_fmt)r->o->out.fmt, r->result);
		return;
	}
	rk_each (m, r->result)
		rk_printf("%s/%s%s%s%s\n", rk_get_str(m, "kind", NULL), rk_get_str(m, "name", NULL),
			r->o->out.fmt == RK_FMT_NAME ? "" : " ",
			r->o->out.fmt == RK_FMT_NAME ? "" : rk_get_str(m, "outcome", NULL),
			r->o->out.fmt == RK_FMT_NAME ? "" : dry);
}

static int remove_all(struct removal *r, int argc, char **argv, struct rk_err *err)
{
	struct kcfg_edit edit;

	if (kcfg_contexts(r->files, r->d, &r->contexts, err) < 0)
		return -1;
	for (int i = 0; i < argc; i++)
		if (take_out_name(r, argv[i], err) < 0)
			return -1;
	if (follow_contexts(r, err) < 0)
		return -1;
	keep_shared(r);
	note_removed(r);
	edit = (struct kcfg_edit){r->items, r->n, r->clear_current ? "" : NULL};
	if (kcfg_change(r->files, &edit, err) < 0)
		return -1;
	if (!r->o->dry && kcfg_write(r->files, err) < 0)
		return -1;
	print_removed(r);
	if (r->clear_current)
		rk_note("it was the current context: current-context is empty now");
	return 0;
}

int kcfg_run_remove(void *p, int argc, char **argv, struct rk_err *err)
{
	struct removal r = {.o = p, .d = rk_doc_new(true)};
	int rc = kcfg_open_locked(p, &r.files, err);

	if (rc == 0)
		rc = remove_all(&r, argc, argv, err);
	free(r.items);
	kcfg_close(r.files);
	rk_doc_free(r.d);
	return rc;
}
