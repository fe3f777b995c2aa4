// SPDX-License-Identifier: Apache-2.0
/* Kinds: the built-in table, request paths, labels for messages, discovery. */
#include "internal.h"

#include <ctype.h>
#include <strings.h>

#define RES(id, av, k, p, n) const struct rk_res id = {av, k, p, n}

RES(RK_NAMESPACE, "v1", "Namespace", "namespaces", false);
RES(RK_NODE, "v1", "Node", "nodes", false);
RES(RK_POD, "v1", "Pod", "pods", true);
RES(RK_SECRET, "v1", "Secret", "secrets", true);
RES(RK_CONFIGMAP, "v1", "ConfigMap", "configmaps", true);
RES(RK_SERVICE, "v1", "Service", "services", true);
RES(RK_EVENT, "v1", "Event", "events", true);
RES(RK_PVC, "v1", "PersistentVolumeClaim", "persistentvolumeclaims", true);
RES(RK_DEPLOYMENT, "apps/v1", "Deployment", "deployments", true);
RES(RK_STATEFULSET, "apps/v1", "StatefulSet", "statefulsets", true);
RES(RK_DAEMONSET, "apps/v1", "DaemonSet", "daemonsets", true);
RES(RK_JOB, "batch/v1", "Job", "jobs", true);
RES(RK_INGRESS, "networking.k8s.io/v1", "Ingress", "ingresses", true);
RES(RK_INGRESSCLASS, "networking.k8s.io/v1", "IngressClass", "ingressclasses", false);
RES(RK_STORAGECLASS, "storage.k8s.io/v1", "StorageClass", "storageclasses", false);
RES(RK_PDB, "policy/v1", "PodDisruptionBudget", "poddisruptionbudgets", true);
RES(RK_CRD, "apiextensions.k8s.io/v1", "CustomResourceDefinition", "customresourcedefinitions",
	false);
RES(RK_CLUSTER, "k3k.io/v1beta1", "Cluster", "clusters", true);
RES(RK_HELMCHART, "helm.cattle.io/v1", "HelmChart", "helmcharts", true);
RES(RK_HELMCHARTCONFIG, "helm.cattle.io/v1", "HelmChartConfig", "helmchartconfigs", true);
RES(RK_CERTIFICATE, "cert-manager.io/v1", "Certificate", "certificates", true);
RES(RK_ISSUER, "cert-manager.io/v1", "Issuer", "issuers", true);
RES(RK_LEASE, "coordination.k8s.io/v1", "Lease", "leases", true);

static RES(res_sa, "v1", "ServiceAccount", "serviceaccounts", true);
static RES(res_pv, "v1", "PersistentVolume", "persistentvolumes", false);
static RES(res_quota, "v1", "ResourceQuota", "resourcequotas", true);
static RES(res_limits, "v1", "LimitRange", "limitranges", true);
static RES(res_rs, "apps/v1", "ReplicaSet", "replicasets", true);
static RES(res_cronjob, "batch/v1", "CronJob", "cronjobs", true);
static RES(res_netpol, "networking.k8s.io/v1", "NetworkPolicy", "networkpolicies", true);
static RES(res_role, "rbac.authorization.k8s.io/v1", "Role", "roles", true);
static RES(res_rb, "rbac.authorization.k8s.io/v1", "RoleBinding", "rolebindings", true);
static RES(res_crole, "rbac.authorization.k8s.io/v1", "ClusterRole", "clusterroles", false);
static RES(res_crb, "rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "clusterrolebindings",
	false);
static RES(res_policy, "k3k.io/v1beta1", "VirtualClusterPolicy", "virtualclusterpolicies", false);
static RES(res_cissuer, "cert-manager.io/v1", "ClusterIssuer", "clusterissuers", false);

static const struct {
	const struct rk_res *res;
	const char *brief; /* kubectl's short name */
} table[] = {
	{&RK_NAMESPACE, "ns"},
	{&RK_NODE, "no"},
	{&RK_POD, "po"},
	{&RK_SECRET, NULL},
	{&RK_CONFIGMAP, "cm"},
	{&RK_SERVICE, "svc"},
	{&RK_EVENT, "ev"},
	{&RK_PVC, "pvc"},
	{&RK_DEPLOYMENT, "deploy"},
	{&RK_STATEFULSET, "sts"},
	{&RK_DAEMONSET, "ds"},
	{&RK_JOB, NULL},
	{&RK_INGRESS, "ing"},
	{&RK_INGRESSCLASS, NULL},
	{&RK_STORAGECLASS, "sc"},
	{&RK_PDB, "pdb"},
	{&RK_CRD, "crd"},
	{&RK_CLUSTER, NULL},
	{&RK_HELMCHART, NULL},
	{&RK_HELMCHARTCONFIG, NULL},
	{&RK_CERTIFICATE, "cert"},
	{&RK_ISSUER, NULL},
	{&RK_LEASE, NULL},
	{&res_sa, "sa"},
	{&res_pv, "pv"},
	{&res_quota, "quota"},
	{&res_limits, "limits"},
	{&res_rs, "rs"},
	{&res_cronjob, "cj"},
	{&res_netpol, "netpol"},
	{&res_role, NULL},
	{&res_rb, NULL},
	{&res_crole, NULL},
	{&res_crb, NULL},
	{&res_policy, NULL},
	{&res_cissuer, NULL},
};

const struct rk_res *rk_res_find(const char *api_version, const char *kind)
{
	if (!api_version || !kind)
		return NULL;
	for (size_t i = 0; i < RK_COUNT(table); i++)
		if (!strcmp(table[i].res->kind, kind) &&
			!strcmp(table[i].res->api_version, api_version))
			return table[i].res;
	return NULL;
}

/* The group of "apps/v1" is "apps", that of "v1" is "". */
static void group_of(const char *api_version, char *out, size_t n)
{
	const char *slash = strchr(api_version, '/');

	snprintf(out, n, "%.*s", slash ? (int)(slash - api_version) : 0, api_version);
}

void rk_res_path(const struct rk_res *r, const char *ns, const char *name, struct rk_buf *out)
{
	rk_buf_puts(out, strchr(r->api_version, '/') ? "/apis/" : "/api/");
	rk_buf_puts(out, r->api_version);
	if (r->namespaced && ns) {
		rk_buf_puts(out, "/namespaces/");
		rk_urlencode(out, ns);
	}
	rk_buf_putc(out, '/');
	rk_buf_puts(out, r->plural);
	if (name) {
		rk_buf_putc(out, '/');
		rk_urlencode(out, name);
	}
}

/* kubectl's TYPE: the kind in lower case, and outside the core group ".GROUP" behind it. */
static void type_word(const struct rk_res *r, struct rk_buf *out)
{
	char group[256];

	for (const char *p = r->kind; *p; p++)
		rk_buf_putc(out, (char)tolower((unsigned char)*p));
	group_of(r->api_version, group, sizeof(group));
	if (group[0])
		rk_buf_addf(out, ".%s", group);
}

void rk_res_word(const struct rk_res *r, const char *name, struct rk_buf *out)
{
	type_word(r, out);
	rk_buf_addf(out, "/%s", name);
}

void rk_res_label(const struct rk_res *r, const char *ns, const char *name, struct rk_buf *out)
{
	if (name)
		rk_res_word(r, name, out);
	else
		rk_buf_puts(out, r->plural);
	if (r->namespaced && ns)
		rk_buf_addf(out, " in namespace %s", ns);
}

/* --- discovery --- */

static const struct rk_res *found_find(const struct rk_kube *k, const char *av, const char *kind)
{
	for (const struct rk_kube_found *f = k->found; f; f = f->next)
		if (!strcmp(f->res.api_version, av) && !strcmp(f->res.kind, kind))
			return &f->res;
	return NULL;
}

static const struct rk_res *found_add(
	struct rk_kube *k, const char *av, const char *kind, const char *plural, bool namespaced)
{
	const struct rk_res *have = rk_res_find(av, kind);
	struct rk_kube_found *f;

	if (!have)
		have = found_find(k, av, kind);
	if (have)
		return have;
	if (!k->disco)
		k->disco = rk_doc_new(false);
	f = rk_doc_alloc(k->disco, sizeof(*f));
	f->res.api_version = rk_doc_strndup(k->disco, av, strlen(av));
	f->res.kind = rk_doc_strndup(k->disco, kind, strlen(kind));
	f->res.plural = rk_doc_strndup(k->disco, plural, strlen(plural));
	f->res.namespaced = namespaced;
	f->next = k->found;
	k->found = f;
	return &f->res;
}

/* APIResourceList of one group and version: remember every kind that is not a subresource. */
static void learn_list(struct rk_kube *k, const char *av, const struct rk_val *list)
{
	rk_each (it, rk_get(list, "resources", NULL)) {
		const char *plural = rk_get_str(it, "name", NULL);
		const char *kind = rk_get_str(it, "kind", NULL);

		if (plural && kind && !strpbrk(plural, "/%?#"))
			found_add(k, av, kind, plural, rk_get_bool(it, false, "namespaced", NULL));
	}
}

/* "v1" or "group/v1", as it goes into a request path. */
static bool is_api_version(const char *av)
{
	const char *slash = strchr(av, '/');

	return *av && strspn(av, "abcdefghijklmnopqrstuvwxyz0123456789.-/") == strlen(av) &&
	       (!slash || (slash > av && slash[1] && !strchr(slash + 1, '/'))) && *av != '.' &&
	       !strstr(av, "..");
}

static int ask_list(struct rk_kube *k, const char *av, struct rk_err *err)
{
	rk_auto_buf path = RK_BUF_INIT;
	rk_auto_buf what = RK_BUF_INIT;
	rk_auto_doc *d = rk_doc_new(false);
	rk_auto_http_res res = RK_HTTP_RES_INIT;
	struct rk_http_req req = {.retry = true};
	struct rk_kube_about a = {.kube = k, .api_version = av};
	struct rk_val *list;

	rk_buf_addf(&path, "%s%s", strchr(av, '/') ? "/apis/" : "/api/", av);
	rk_buf_addf(&what, "kinds of %s", av);
	req.path = path.s;
	a.what = what.s;
	if (rk_kube_call(k, &req, &a, &res, err) < 0)
		return -1;
	if (rk_kube_parse(d, &a, &res, &list, err) < 0)
		return -1;
	/* that of the core group has no apiVersion */
	if (!rk_streq(rk_get_str(list, "kind", NULL), "APIResourceList") ||
		!rk_streq(rk_get_str(list, "groupVersion", NULL), av))
		return rk_kube_unexpected(&a, err, "it is not an APIResourceList of %.100s", av);
	learn_list(k, av, list);
	return 0;
}

int rk_kube_serves(struct rk_kube *k, const char *group, bool *out, struct rk_err *err)
{
	rk_auto_free char *path = rk_asprintf("/apis/%s", group);
	rk_auto_free char *what = rk_asprintf("API group %s", group);
	rk_auto_doc *d = rk_doc_new(false);
	rk_auto_http_res res = RK_HTTP_RES_INIT;
	struct rk_http_req req = {.path = path, .retry = true};
	struct rk_kube_about a = {.kube = k, .what = what};
	struct rk_err why = RK_ERR_INIT;
	struct rk_val *v = NULL;

	*out = false;
	if (rk_kube_call(k, &req, &a, &res, &why) < 0) {
		if (why.reason == RK_REASON_NO_SUCH_API)
			return 0;
		if (err)
			*err = why;
		return -1;
	}
	if (rk_kube_parse(d, &a, &res, &v, err) < 0 || rk_kube_is(&a, v, "v1", "APIGroup", err) < 0)
		return -1;
	if (!rk_streq(rk_get_str(v, "name", NULL), group))
		return rk_kube_unexpected(&a, err, "it is about another group");
	*out = true;
	return 0;
}

int rk_kube_res(struct rk_kube *k, const char *api_version, const char *kind,
	const struct rk_res **out, struct rk_err *err)
{
	*out = rk_res_find(api_version, kind);
	if (!*out)
		*out = found_find(k, api_version, kind);
	if (*out)
		return 0;
	if (!is_api_version(api_version))
		return rk_err_set(err, RK_FAIL, "invalid apiVersion \"%.100s\"", api_version);
	if (ask_list(k, api_version, err) < 0)
		return -1;
	*out = found_find(k, api_version, kind);
	if (*out)
		return 0;
	rk_err_set(err, RK_NOTFOUND, "%s knows no kind %s in %s", rk_kube_server(k), kind,
		api_version);
	rk_err_hint(err,
		"install the CustomResourceDefinition that brings it, or correct apiVersion "
		"and kind");
	return -1;
}

/* --- kinds by the words people type --- */

/* Whether the word names the kind: Kind, plural, singular or short name, in any case. */
static bool word_is(
	const char *word, size_t n, const char *kind, const char *plural, const char *brief)
{
	return (strlen(kind) == n && !strncasecmp(word, kind, n)) ||
	       (strlen(plural) == n && !strncasecmp(word, plural, n)) ||
	       (brief && strlen(brief) == n && !strncasecmp(word, brief, n));
}

/* "type", "type.group" or "type.version.group" against one group/version. */
static bool group_is(const char *rest, const char *av)
{
	char group[256];
	const char *slash = strchr(av, '/');

	if (!rest)
		return true;
	group_of(av, group, sizeof(group));
	if (!strcmp(rest, group))
		return true;
	if (slash) { /* version.group */
		size_t n = strlen(slash + 1);

		return !strncmp(rest, slash + 1, n) && rest[n] == '.' &&
		       !strcmp(rest + n + 1, group);
	}
	return false;
}

static const struct rk_res *table_word(const char *word)
{
	const char *dot = strchr(word, '.');
	size_t n = dot ? (size_t)(dot - word) : strlen(word);

	for (size_t i = 0; i < RK_COUNT(table); i++) {
		const struct rk_res *r = table[i].res;

		if (word_is(word, n, r->kind, r->plural, table[i].brief) &&
			group_is(dot ? dot + 1 : NULL, r->api_version))
			return r;
	}
	return NULL;
}

/* One resource of the aggregated discovery (apidiscovery.k8s.io/v2) against the word. */
static const struct rk_res *learn_one(
	struct rk_kube *k, const char *av, const struct rk_val *it, const char *word, size_t n)
{
	const char *plural = rk_get_str(it, "resource", NULL);
	const char *kind = rk_get_str(it, "responseKind", "kind", NULL);
	bool hit;

	if (!plural || !kind || strpbrk(plural, "/%?#"))
		return NULL;
	hit = word_is(word, n, kind, plural, rk_get_str(it, "singularResource", NULL));
	rk_each (s, rk_get(it, "shortNames", NULL))
		hit = hit || word_is(word, n, kind, plural, rk_str(s));
	if (!hit)
		return NULL;
	return found_add(
		k, av, kind, plural, rk_streq(rk_get_str(it, "scope", NULL), "Namespaced"));
}

static const struct rk_res *learn_group(struct rk_kube *k, const struct rk_val *g, const char *word)
{
	const char *dot = strchr(word, '.');
	size_t n = dot ? (size_t)(dot - word) : strlen(word);
	const char *group = rk_get_str(g, "metadata", "name", NULL);

	rk_each (v, rk_get(g, "versions", NULL)) {
		const char *version = rk_get_str(v, "version", NULL);
		rk_auto_free char *av = NULL;

		if (!version)
			continue;
		av = group && *group ? rk_asprintf("%s/%s", group, version) : rk_strdup(version);
		if (!group_is(dot ? dot + 1 : NULL, av))
			continue;
		rk_each (it, rk_get(v, "resources", NULL)) {
			const struct rk_res *r = learn_one(k, av, it, word, n);

			if (r)
				return r;
		}
	}
	return NULL;
}

/* An old server has no aggregated discovery: it answers with the names of its versions or groups. */
static int check_groups(const struct rk_kube_about *a, const struct rk_val *v, struct rk_err *err)
{
	const char *kind = rk_get_str(v, "kind", NULL), *av = rk_get_str(v, "apiVersion", NULL);

	if (rk_streq(kind, "APIVersions") || rk_streq(kind, "APIGroupList"))
		return 0;
	if (av && rk_prefix(av, "apidiscovery.k8s.io/"))
		return rk_kube_is(a, v, av, "APIGroupDiscoveryList", err);
	return rk_kube_is(a, v, "apidiscovery.k8s.io/v2", "APIGroupDiscoveryList", err);
}

int rk_kube_res_word(
	struct rk_kube *k, const char *word, const struct rk_res **out, struct rk_err *err)
{
	static const char *const roots[] = {"/api", "/apis"};

	*out = table_word(word);
	for (size_t i = 0; !*out && i < RK_COUNT(roots); i++) {
		rk_auto_doc *d = rk_doc_new(false);
		rk_auto_http_res res = RK_HTTP_RES_INIT;
		struct rk_http_req req = {.path = roots[i],
			.retry = true,
			.accept = "application/json;g=apidiscovery.k8s.io;v=v2;"
				  "as=APIGroupDiscoveryList,"
				  "application/json;g=apidiscovery.k8s.io;v=v2beta1;"
				  "as=APIGroupDiscoveryList,application/json"};
		struct rk_kube_about a = {.what = "kinds of the server", .kube = k};
		struct rk_val *list;

		if (rk_kube_call(k, &req, &a, &res, err) < 0 ||
			rk_kube_parse(d, &a, &res, &list, err) < 0 ||
			check_groups(&a, list, err) < 0)
			return -1;
		rk_each (g, rk_get(list, "items", NULL))
			if (!*out)
				*out = learn_group(k, g, word);
	}
	if (*out)
		return 0;
	rk_err_set(
		err, RK_NOTFOUND, "%s knows no kind of objects called %s", rk_kube_server(k), word);
	rk_err_hint(err, "see what there is with: kubectl api-resources%s", rk_here_kubectl());
	return -1;
}
