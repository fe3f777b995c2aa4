// SPDX-License-Identifier: Apache-2.0
/* rights - the host cluster's API, and what a deployment must be allowed to do there. */
#include "tool.h"

void pf_check_api(struct flight *f)
{
	rk_auto_buf version = RK_BUF_INIT;
	struct rk_err err = RK_ERR_INIT;

	if (rk_kube_open(&f->k, &f->o->kube, &err) == 0 &&
		rk_kube_version(f->k, &version, &err) == 0 && rk_k3k_guard_host(f->k, &err) == 0) {
		pf_row(f, OK, "context %s, %s, Kubernetes %s", rk_kube_context(f->k),
			rk_kube_server(f->k), version.s);
		return;
	}
	pf_row_err(f, "", &err);
	rk_kube_free(rk_steal(&f->k));
}

enum place { EVERYWHERE, IN_NS, IN_K3K, IN_SYSTEM };
enum need { ALL, HA, EXPOSED, INSTALLS };

/* Several verbs with blanks between. */
static const struct right {
	const char *verbs, *group, *resource;
	enum place place;
	enum need need;
} RIGHTS[] = {
	{"get create patch", "", "namespaces", EVERYWHERE, ALL},
	{"list", "", "nodes", EVERYWHERE, ALL},
	{"list", "networking.k8s.io", "ingresses", EVERYWHERE, ALL},
	{"list", "storage.k8s.io", "storageclasses", EVERYWHERE, ALL},
	{"list", "networking.k8s.io", "ingressclasses", EVERYWHERE, ALL},
	{"get create patch watch", "k3k.io", "clusters", IN_NS, ALL},
	{"get create patch", "", "secrets", IN_NS, ALL},
	{"get create patch", "", "services", IN_NS, ALL},
	{"create patch", "networking.k8s.io", "ingresses", IN_NS, ALL},
	{"get create patch delete", "coordination.k8s.io", "leases", IN_NS, ALL},
	{"list watch", "", "pods", IN_NS, ALL},
	{"get", "", "pods/log", IN_NS, ALL},
	{"list", "", "events", IN_NS, ALL},
	{"create patch", "policy", "poddisruptionbudgets", IN_NS, HA},
	{"get create patch", "helm.cattle.io", "helmchartconfigs", IN_SYSTEM, EXPOSED},
	{"get", "apps", "deployments", IN_K3K, ALL},
	{"create", "", "secrets", IN_K3K, INSTALLS},
	{"create", "apps", "deployments", IN_K3K, INSTALLS},
	{"create", "apiextensions.k8s.io", "customresourcedefinitions", EVERYWHERE, INSTALLS},
	{"create", "rbac.authorization.k8s.io", "clusterroles", EVERYWHERE, INSTALLS},
	{"create", "rbac.authorization.k8s.io", "clusterrolebindings", EVERYWHERE, INSTALLS},
};

/* 1 allowed, 0 not, -1 unknown. */
static int allowed(struct flight *f, const struct right *r, const char *ns, const char *verb,
	struct rk_err *err)
{
	rk_auto_doc *d = rk_doc_new(false);
	struct rk_val *review = rk_map(d), *at, *answer;
	const char *sub = strchr(r->resource, '/');
	const struct rk_val *yes;

	rk_set_str(d, review, "apiVersion", "authorization.k8s.io/v1");
	rk_set_str(d, review, "kind", "SelfSubjectAccessReview");
	at = rk_map_at(d, review, "spec", "resourceAttributes", NULL);
	rk_set_str(d, at, "verb", verb);
	rk_set_str(d, at, "group", r->group);
	rk_set(d, at, "resource", rk_stringn(d, r->resource, strcspn(r->resource, "/")));
	rk_set_str(d, at, "subresource", sub ? sub + 1 : NULL);
	rk_set_str(d, at, "namespace", ns);
	if (rk_kube_create(f->k, review, d, &answer, err) < 0)
		return -1;
	yes = rk_get(answer, "status", "allowed", NULL);
	if (!yes || yes->kind != RK_BOOL)
		return rk_err_set(err, RK_FAIL,
			"unexpected answer from %s for a SelfSubjectAccessReview: it has no "
			"status.allowed",
			rk_kube_server(f->k));
	return rk_bool(yes, false);
}

void pf_check_rights(struct flight *f)
{
	const bool needed[] = {[ALL] = true,
		[HA] = rk_settings_servers(f->s) > 1,
		[EXPOSED] = *pf_str(f, RK_KEY_K3K_API_HOSTNAME),
		[INSTALLS] = !f->controller_current};
	const char *const places[] = {[EVERYWHERE] = NULL,
		[IN_NS] = rk_settings_ns(f->s),
		[IN_K3K] = pf_str(f, RK_KEY_K3K_NAMESPACE),
		[IN_SYSTEM] = RK_CHART_NS};
	rk_auto_buf missing = RK_BUF_INIT;
	size_t granted = 0, len;

	for (size_t i = 0; i < RK_COUNT(RIGHTS); i++) {
		const struct right *r = &RIGHTS[i];
		const char *ns = places[r->place];

		if (!needed[r->need])
			continue;
		rk_each_item (verb, len, r->verbs, " ") {
			rk_auto_free char *one = rk_strndup(verb, len);
			struct rk_err err = RK_ERR_INIT;
			int yes = allowed(f, r, ns, one, &err);

			if (yes < 0) {
				pf_unknown(f, &err);
				return;
			}
			granted += yes;
			if (!yes)
				rk_buf_addf(&missing, "%s%s %s%s%s", missing.len ? ", " : "", one,
					r->resource, ns ? " in " : "", ns ? ns : "");
		}
	}
	if (missing.len)
		pf_row(f, STOP, "not allowed: %s", missing.s);
	else
		pf_row(f, OK, "%zu permissions", granted);
}
