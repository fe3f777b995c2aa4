// SPDX-License-Identifier: Apache-2.0
/* remove - entries by their names, or by the virtual cluster they were made for, are taken out. */
#include "tool.h"

struct removal {
	const struct opts *o;
	struct rk_doc *d;
	struct kcfg_files *files;
	struct rk_val *contexts;
	struct kcfg_edit edit;
	const char *host; /* URL; NULL: any */
};

/* What a context names need not exist. */
static int take_out(struct removal *r, enum rk_kc_kind kind, const char *name, struct rk_err *err)
{
	const struct rk_val *v = NULL;

	if (name && kcfg_lookup(r->files, kind, name, r->d, &v, NULL, err) < 0)
		return -1;
	if (v)
		kcfg_want(&r->edit, kind, name, r->d, NULL);
	return 0;
}

/* The host cluster that a virtual cluster is searched on: as for every other command, that of the flags,
 * of the variables, of the context. When there is none, and none was named, any host will do. */
static int find_host(struct removal *r, struct rk_err *err)
{
	bool flags = r->o->kube.context || r->o->host_kubeconfig;
	const char *context = getenv("RK3K_CONTEXT"), *server = getenv("RK3K_SERVER");
	struct rk_kube_flags f = {
		.context = flags		 ? r->o->kube.context
			   : context && *context ? context
						 : NULL,
		.server = !flags && server && *server ? server : NULL,
	};
	struct rk_kubeconfig *kc = NULL;
	struct rk_err why = RK_ERR_INIT;
	struct rk_target t;
	int rc = rk_kubeconfig_load(&kc, r->o->host_kubeconfig, &why);

	if (rc == 0)
		rc = rk_kubeconfig_resolve(kc, &f, &t, &why);
	rk_kubeconfig_free(kc);
	if (rc == 0) {
		r->host = rk_doc_printf(r->d, "%s", t.server);
		rk_target_release(&t);
		return 0;
	}
	if (!flags && !f.context && !f.server)
		return 0;
	*err = why;
	return -1;
}

/* Contexts made for virtual cluster REF: by what `get` noted of their clusters, else by the usual name. */
static int take_out_ref(struct removal *r, const char *ref, struct rk_err *err)
{
	rk_auto_free char *ns = NULL, *name = NULL, *usual = NULL;
	struct rk_kc_note want, note;

	if (rk_k3k_ref(ref, r->o->kube.ns ? r->o->kube.ns : RK_K3K_NS, &ns, &name, NULL) < 0)
		return 0;
	if (!r->host && find_host(r, err) < 0)
		return -1;
	want = (struct rk_kc_note){ns, name, r->host};
	usual = rk_asprintf("%s" RK_K3K_ENTRY_SUFFIX, name);
	rk_each (c, r->contexts) {
		const char *context = rk_get_str(c, "name", NULL);
		const char *cluster = rk_get_str(c, "context", "cluster", NULL);
		const struct rk_val *v = NULL;
		bool noted =
			cluster &&
			kcfg_lookup(r->files, RK_KC_CLUSTERS, cluster, r->d, &v, NULL, NULL) == 0 &&
			rk_kc_note(v, &note);

		if (context && (noted ? rk_kc_note_same(&want, &note) : rk_streq(context, usual)))
			kcfg_want(&r->edit, RK_KC_CONTEXTS, context, r->d, NULL);
	}
	return 0;
}

static int take_out_name(struct removal *r, const char *name, struct rk_err *err)
{
	size_t before = r->edit.n;

	if (take_out(r, RK_KC_CONTEXTS, name, err) < 0 ||
		take_out(r, RK_KC_CLUSTERS, name, err) < 0 ||
		take_out(r, RK_KC_USERS, name, err) < 0 ||
		(r->edit.n == before && take_out_ref(r, name, err) < 0))
		return -1;
	if (r->edit.n > before || r->o->ignore)
		return 0;
	rk_err_set(err, RK_NOTFOUND, "no entry \"%s\" in the kubeconfig", name);
	return rk_err_hint(
		err, "%s kubeconfig list shows them; --ignore-not-found", rk_usage_prefix());
}

/* The clusters and users of the contexts that are taken out. */
static int follow_contexts(struct removal *r, struct rk_err *err)
{
	rk_each (c, r->contexts) {
		if (!kcfg_wanted(&r->edit, RK_KC_CONTEXTS, rk_get_str(c, "name", NULL)))
			continue;
		if (take_out(r, RK_KC_CLUSTERS, rk_get_str(c, "context", "cluster", NULL), err) <
				0 ||
			take_out(r, RK_KC_USERS, rk_get_str(c, "context", "user", NULL), err) < 0)
			return -1;
	}
	return 0;
}

/* Keep what a context uses that is kept. Returns what is removed, for printing. */
static struct rk_val *settle(struct removal *r)
{
	struct rk_val *result = rk_seq(r->d);
	size_t n = 0;

	for (size_t i = 0; i < r->edit.n; i++) {
		const struct kcfg_item *it = &r->edit.items[i];
		const char *kind = rk_kc_single[it->kind], *name;
		const struct rk_val *user = NULL;
		struct rk_val *m = rk_map(r->d);

		rk_each (c, it->kind == RK_KC_CONTEXTS ? NULL : r->contexts) {
			name = rk_get_str(c, "name", NULL);
			if (!user && rk_streq(rk_get_str(c, "context", kind, NULL), it->name) &&
				!kcfg_wanted(&r->edit, RK_KC_CONTEXTS, name))
				user = c;
		}
		if (user) {
			name = rk_get_str(user, "name", NULL);
			rk_note("%s \"%s\" is kept: context \"%s\" uses it", kind, it->name,
				name ? name : "");
			continue;
		}
		if (it->kind == RK_KC_CONTEXTS && rk_streq(kcfg_current(r->files), it->name))
			r->edit.current = "";
		rk_set_str(r->d, m, "kind", kind);
		rk_set_str(r->d, m, "name", it->name);
		rk_set_str(r->d, m, "outcome", rk_outcome_word(RK_DELETED));
		rk_append(result, m);
		r->edit.items[n++] = *it;
	}
	r->edit.n = n;
	return result;
}

static int remove_all(struct removal *r, int argc, char **argv, struct rk_err *err)
{
	const struct rk_val *result;

	if (kcfg_contexts(r->files, r->d, &r->contexts, err) < 0)
		return -1;
	for (int i = 0; i < argc; i++)
		if (take_out_name(r, argv[i], err) < 0)
			return -1;
	if (follow_contexts(r, err) < 0)
		return -1;
	result = settle(r);
	if (kcfg_change(r->files, &r->edit, err) < 0 ||
		(!r->o->dry && kcfg_write(r->files, err) < 0))
		return -1;
	kcfg_print(r->o, result);
	if (r->edit.current)
		rk_note("it was the current context: current-context is empty now");
	return 0;
}

int kcfg_run_remove(void *p, int argc, char **argv, struct rk_err *err)
{
	rk_auto_doc *d = rk_doc_new(true);
	struct removal r = {.o = p, .d = d};
	int rc = kcfg_open_locked(p, &r.files, err);

	if (rc == 0)
		rc = remove_all(&r, argc, argv, err);
	free(r.edit.items);
	kcfg_close(r.files);
	return rc;
}
