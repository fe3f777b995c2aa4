// SPDX-License-Identifier: Apache-2.0
/* host - the host's API, our rights there and the k3k controller. */
#include "tool.h"

/* --- the host's API --- */

/* Returns whether the cluster can be asked any further. */
bool pf_check_api(struct flight *f)
{
	rk_auto_buf version = RK_BUF_INIT;
	struct rk_err err = RK_ERR_INIT;

	if (rk_kube_open(&f->k, &f->o->kube, &err) < 0 ||
		rk_kube_version(f->k, &version, &err) < 0 || rk_k3k_guard_host(f->k, &err) < 0) {
		pf_row_err(f, STOP, "api", &err);
		return false;
	}
	pf_row(f, OK, "api", "context %s, %s, Kubernetes %s", rk_kube_context(f->k),
		rk_kube_server(f->k), version.s);
	return true;
}

enum place { EVERYWHERE, IN_NS, IN_K3K, IN_SYSTEM };

struct right {
	const char *verb, *group, *resource;
	enum place place;
	bool (*when)(const struct flight *f); /* NULL: always */
};

static bool installs(const struct flight *f)
{
	return !f->controller_current;
}

static bool three(const struct flight *f)
{
	return rk_settings_servers(f->s) > 1;
}

static bool by_ingress(const struct flight *f)
{
	return pf_is(f, RK_KEY_K3K_API_HOSTNAME);
}

static const struct right RIGHTS[] = {
	{"get", "", "namespaces", EVERYWHERE, NULL},
	{"create", "", "namespaces", EVERYWHERE, NULL},
	{"patch", "", "namespaces", EVERYWHERE, NULL},
	{"list", "", "nodes", EVERYWHERE, NULL},
	{"list", "networking.k8s.io", "ingresses", EVERYWHERE, NULL},
	{"list", "storage.k8s.io", "storageclasses", EVERYWHERE, NULL},
	{"list", "networking.k8s.io", "ingressclasses", EVERYWHERE, NULL},
	{"get", "k3k.io", "clusters", IN_NS, NULL},
	{"create", "k3k.io", "clusters", IN_NS, NULL},
	{"patch", "k3k.io", "clusters", IN_NS, NULL},
	{"watch", "k3k.io", "clusters", IN_NS, NULL},
	{"get", "", "secrets", IN_NS, NULL},
	{"create", "", "secrets", IN_NS, NULL},
	{"patch", "", "secrets", IN_NS, NULL},
	{"get", "", "services", IN_NS, NULL},
	{"create", "", "services", IN_NS, NULL},
	{"patch", "", "services", IN_NS, NULL},
	{"create", "networking.k8s.io", "ingresses", IN_NS, NULL},
	{"patch", "networking.k8s.io", "ingresses", IN_NS, NULL},
	{"get", "coordination.k8s.io", "leases", IN_NS, NULL},
	{"create", "coordination.k8s.io", "leases", IN_NS, NULL},
	{"patch", "coordination.k8s.io", "leases", IN_NS, NULL},
	{"delete", "coordination.k8s.io", "leases", IN_NS, NULL},
	{"list", "", "pods", IN_NS, NULL},
	{"watch", "", "pods", IN_NS, NULL},
	{"get", "", "pods/log", IN_NS, NULL},
	{"list", "", "events", IN_NS, NULL},
	{"create", "policy", "poddisruptionbudgets", IN_NS, three},
	{"patch", "policy", "poddisruptionbudgets", IN_NS, three},
	{"get", "helm.cattle.io", "helmchartconfigs", IN_SYSTEM, by_ingress},
	{"create", "helm.cattle.io", "helmchartconfigs", IN_SYSTEM, by_ingress},
	{"patch", "helm.cattle.io", "helmchartconfigs", IN_SYSTEM, by_ingress},
	{"get", "apps", "deployments", IN_K3K, NULL},
	{"create", "", "secrets", IN_K3K, installs},
	{"create", "apps", "deployments", IN_K3K, installs},
	{"create", "apiextensions.k8s.io", "customresourcedefinitions", EVERYWHERE, installs},
	{"create", "rbac.authorization.k8s.io", "clusterroles", EVERYWHERE, installs},
	{"create", "rbac.authorization.k8s.io", "clusterrolebindings", EVERYWHERE, installs},
};

static const char *place_ns(const struct flight *f, enum place p)
{
	switch (p) {
	case IN_NS:
		return rk_settings_ns(f->s);
	case IN_K3K:
		return pf_str(f, RK_KEY_K3K_NAMESPACE);
	case IN_SYSTEM:
		return "kube-system";
	default:
		return NULL;
	}
}

/* 1 allowed, 0 not, -1 unknown. */
static int allowed(struct flight *f, const struct right *r, struct rk_err *err)
{
	rk_auto_doc *d = rk_doc_new(false);
	struct rk_val *review = rk_map(d), *at, *answer;
	const struct rk_val *yes;
	rk_auto_free char *resource = rk_strdup(r->resource);
	char *sub = strchr(resource, '/');

	if (sub)
		*sub++ = '\0';
	rk_set_str(d, review, "apiVersion", "authorization.k8s.io/v1");
	rk_set_str(d, review, "kind", "SelfSubjectAccessReview");
	at = rk_map_at(d, review, "spec", "resourceAttributes", NULL);
	rk_set_str(d, at, "verb", r->verb);
	rk_set_str(d, at, "group", r->group);
	rk_set_str(d, at, "resource", resource);
	if (sub)
		rk_set_str(d, at, "subresource", sub);
	if (place_ns(f, r->place))
		rk_set_str(d, at, "namespace", place_ns(f, r->place));
	if (rk_kube_create(f->k, review, d, &answer, err) < 0)
		return -1;
	yes = rk_get(answer, "status", "allowed", NULL);
	if (!yes || yes->kind != RK_BOOL)
		return rk_err_set(err, RK_FAIL,
			"unexpected answer from %s for a SelfSubjectAccessReview: it has no "
			"status.allowed",
			rk_kube_server(f->k));
	return rk_get_bool(answer, false, "status", "allowed", NULL);
}

void pf_check_rights(struct flight *f)
{
	rk_auto_buf missing = RK_BUF_INIT;
	size_t n = 0;

	for (size_t i = 0; i < RK_COUNT(RIGHTS); i++) {
		const struct right *r = &RIGHTS[i];
		struct rk_err err = RK_ERR_INIT;
		int yes = !r->when || r->when(f) ? allowed(f, r, &err) : 2;

		if (yes < 0) {
			pf_unknown(f, "rights", &err);
			return;
		}
		n += yes == 1;
		if (yes)
			continue;
		rk_buf_addf(&missing, "%s%s %s%s%s", missing.len ? ", " : "", r->verb, r->resource,
			place_ns(f, r->place) ? " in " : "",
			place_ns(f, r->place) ? place_ns(f, r->place) : "");
	}
	if (missing.len)
		pf_row(f, STOP, "rights", "not allowed: %s", missing.s);
	else
		pf_row(f, OK, "rights", "%zu permissions", n);
}

/* --- the k3k controller --- */

/* "1.0.2" of a Deployment: its chart label, else its app version, else the image's tag. */
static const char *controller_version(const struct rk_val *dep)
{
	const char *chart = rk_get_str(dep, "metadata", "labels", "helm.sh/chart", NULL);
	const char *app = rk_get_str(dep, "metadata", "labels", "app.kubernetes.io/version", NULL);
	const char *image, *colon;

	if (chart && rk_prefix(chart, "k3k-"))
		return chart + 4;
	if (app)
		return app;
	image = rk_get_str(rk_at(rk_get(dep, "spec", "template", "spec", "containers", NULL), 0),
		"image", NULL);
	colon = image ? strrchr(image, ':') : NULL;
	return colon ? colon + 1 : "unknown";
}

/* helm takes over CRDs that an earlier release left only when they carry its own name. */
static void check_left_crd(struct flight *f)
{
	static const char name[] = "clusters.k3k.io";
	const char *ns = pf_str(f, RK_KEY_K3K_NAMESPACE), *release, *at;
	struct rk_val *crd = NULL;

	if (!pf_find(f, "controller", &RK_CRD, NULL, name, &crd) || !crd)
		return;
	release = rk_get_str(crd, "metadata", "annotations", "meta.helm.sh/release-name", NULL);
	at = rk_get_str(crd, "metadata", "annotations", "meta.helm.sh/release-namespace", NULL);
	if (rk_streq(release, "k3k") && rk_streq(at, ns))
		return;
	pf_row(f, STOP, "controller",
		"CRD %s exists, but not of release %s/k3k, and helm will refuse to take it over; "
		"label it app.kubernetes.io/managed-by=Helm and annotate it "
		"meta.helm.sh/release-name=k3k meta.helm.sh/release-namespace=%s, or delete it if "
		"no "
		"Cluster is left",
		name, ns, ns);
}

static bool is_ephemeral(const struct rk_val *cluster)
{
	const char *type = rk_get_str(cluster, "spec", "persistence", "type", NULL);

	return type && !rk_streq(type, "dynamic");
}

/* "a/b, c/d", no more than fit on a line. */
static void name_some(struct rk_buf *out, size_t n, const struct rk_val *cluster)
{
	rk_auto_free char *name =
		rk_asprintf("%s/%s", rk_get_str(cluster, "metadata", "namespace", NULL),
			rk_get_str(cluster, "metadata", "name", NULL));

	if (n < 8)
		pf_join(out, name);
	else if (n == 8)
		pf_join(out, "...");
}

/* Whether a virtual cluster has servers that a controller could restart. */
static bool has_servers(struct flight *f, const struct rk_val *cluster)
{
	const char *ns = rk_get_str(cluster, "metadata", "namespace", NULL);
	const char *name = rk_get_str(cluster, "metadata", "name", NULL);
	char set[64];

	if (!ns || !name || rk_get(cluster, "metadata", "deletionTimestamp", NULL))
		return false;
	rk_k3k_name(set, name, "server");
	rk_each (s, pf_list(f, "controller", &RK_STATEFULSET, NULL, "role=server"))
		if (rk_streq(rk_get_str(s, "metadata", "namespace", NULL), ns) &&
			rk_streq(rk_get_str(s, "metadata", "name", NULL), set))
			return true;
	return false;
}

/* Each version of the controller writes its own pod template into the StatefulSets of all virtual
 * clusters, and their servers restart within a minute; what is kept in an emptyDir is lost then.
 * From NULL: the controller is gone, and which version wrote them is unknown. Returns whether there
 * are any. */
static bool check_restarts(struct flight *f, const char *from, const char *to)
{
	rk_auto_free char *change = from ? rk_asprintf("k3k %s becomes %s", from, to)
					 : rk_asprintf("k3k %s is installed again", to);
	rk_auto_buf all = RK_BUF_INIT, lost = RK_BUF_INIT;
	size_t n = 0, others = 0, losing = 0;

	rk_each (c, pf_list(f, "controller", &RK_CLUSTER, NULL, NULL)) {
		const char *ns = rk_get_str(c, "metadata", "namespace", NULL);
		const char *name = rk_get_str(c, "metadata", "name", NULL);

		if (!from && !has_servers(f, c))
			continue;
		name_some(&all, n++, c);
		others += !rk_streq(ns, rk_settings_ns(f->s)) ||
			  !rk_streq(name, rk_settings_cluster(f->s));
		if (is_ephemeral(c))
			name_some(&lost, losing++, c);
	}
	if (n) {
		rk_auto_free char *question =
			rk_asprintf("%s: restart the servers of %s?", change, all.s);
		enum result r = others ? pf_consent(f, f->o->restart, question) : WARN;

		pf_row(f, r, "controller", "%s, and the servers of %zu virtual cluster%s %s: %s%s",
			change, n, n == 1 ? "" : "s", from ? "restart" : "may restart", all.s,
			r == STOP ? "; --yes-restart-clusters accepts this" : "");
	}
	if (losing) {
		rk_auto_free char *question =
			rk_asprintf("%s: ephemeral storage, all data will be lost. Go on?", lost.s);
		enum result r = pf_consent(f, f->o->lose_data, question);

		pf_row(f, r, "controller",
			"%s: the storage is ephemeral, and this restart loses all data%s", lost.s,
			r == STOP ? "; --yes-lose-data accepts this" : "");
	}
	return n;
}

static void check_change(struct flight *f, const char *have, const char *want)
{
	bool back = rk_version_cmp(have, want) > 0;

	if (back)
		pf_row(f, WARN, "controller",
			"k3k %s is installed, and K3K_VERSION=%s would take it back; its CRDs stay "
			"newer",
			have, want);
	if (!check_restarts(f, have, want) && !back)
		pf_row(f, OK, "controller", "k3k %s becomes %s", have, want);
}

void pf_check_controller(struct flight *f)
{
	const char *ns = pf_str(f, RK_KEY_K3K_NAMESPACE), *want = pf_str(f, RK_KEY_K3K_VERSION);
	const struct rk_val *deps =
		pf_list(f, "controller", &RK_DEPLOYMENT, NULL, "app.kubernetes.io/name=k3k");
	const struct rk_val *ours = NULL;
	const char *have;

	rk_each (dep, deps) {
		const char *at = rk_get_str(dep, "metadata", "namespace", NULL);

		if (rk_streq(at, ns)) {
			ours = dep;
			continue;
		}
		pf_row(f, STOP, "controller",
			"a k3k controller runs in namespace %s already, and two would fight; set "
			"K3K_NAMESPACE=%s",
			at, at);
	}
	if (!deps)
		return;
	if (!ours) {
		if (!check_restarts(f, NULL, want))
			pf_row(f, OK, "controller", "k3k %s will be installed in %s", want, ns);
		check_left_crd(f);
		return;
	}
	have = controller_version(ours);
	/* the whole version: 1.2.0-rc1 is not 1.2.0-rc4 */
	f->controller_current = rk_streq(have + (*have == 'v'), want);
	if (f->controller_current)
		pf_row(f, OK, "controller", "k3k %s is installed", have);
	else
		check_change(f, have, want);
}
