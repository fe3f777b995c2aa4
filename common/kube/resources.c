// SPDX-License-Identifier: Apache-2.0
/* Kinds: the table of those built in, request paths, labels for messages, discovery. */
#include "internal.h"

#include <strings.h>

#define RBAC "rbac.authorization.k8s.io/v1"

/* symbol, apiVersion, kind, plural, namespaced, kubectl's short name */
#define KINDS(K)                                                                                  \
	K(RK_NAMESPACE, "v1", Namespace, namespaces, false, "ns")                                 \
	K(RK_NODE, "v1", Node, nodes, false, "no")                                                \
	K(RK_POD, "v1", Pod, pods, true, "po")                                                    \
	K(RK_SECRET, "v1", Secret, secrets, true, NULL)                                           \
	K(RK_CONFIGMAP, "v1", ConfigMap, configmaps, true, "cm")                                  \
	K(RK_SERVICE, "v1", Service, services, true, "svc")                                       \
	K(RK_EVENT, "v1", Event, events, true, "ev")                                              \
	K(RK_PVC, "v1", PersistentVolumeClaim, persistentvolumeclaims, true, "pvc")               \
	K(RK_DEPLOYMENT, "apps/v1", Deployment, deployments, true, "deploy")                      \
	K(RK_STATEFULSET, "apps/v1", StatefulSet, statefulsets, true, "sts")                      \
	K(RK_DAEMONSET, "apps/v1", DaemonSet, daemonsets, true, "ds")                             \
	K(RK_JOB, "batch/v1", Job, jobs, true, NULL)                                              \
	K(RK_INGRESS, "networking.k8s.io/v1", Ingress, ingresses, true, "ing")                    \
	K(RK_INGRESSCLASS, "networking.k8s.io/v1", IngressClass, ingressclasses, false, NULL)     \
	K(RK_STORAGECLASS, "storage.k8s.io/v1", StorageClass, storageclasses, false, "sc")        \
	K(RK_PDB, "policy/v1", PodDisruptionBudget, poddisruptionbudgets, true, "pdb")            \
	K(RK_CRD, "apiextensions.k8s.io/v1", CustomResourceDefinition, customresourcedefinitions, \
		false, "crd")                                                                     \
	K(RK_CLUSTER, "k3k.io/v1beta1", Cluster, clusters, true, NULL)                            \
	K(RK_HELMCHART, "helm.cattle.io/v1", HelmChart, helmcharts, true, NULL)                   \
	K(RK_HELMCHARTCONFIG, "helm.cattle.io/v1", HelmChartConfig, helmchartconfigs, true, NULL) \
	K(RK_CERTIFICATE, "cert-manager.io/v1", Certificate, certificates, true, "cert")          \
	K(RK_ISSUER, "cert-manager.io/v1", Issuer, issuers, true, NULL)                           \
	K(RK_LEASE, "coordination.k8s.io/v1", Lease, leases, true, NULL)                          \
	K(RK_SERVICEACCOUNT, "v1", ServiceAccount, serviceaccounts, true, "sa")                   \
	K(RK_PV, "v1", PersistentVolume, persistentvolumes, false, "pv")                          \
	K(RK_QUOTA, "v1", ResourceQuota, resourcequotas, true, "quota")                           \
	K(RK_LIMITRANGE, "v1", LimitRange, limitranges, true, "limits")                           \
	K(RK_REPLICASET, "apps/v1", ReplicaSet, replicasets, true, "rs")                          \
	K(RK_CRONJOB, "batch/v1", CronJob, cronjobs, true, "cj")                                  \
	K(RK_NETWORKPOLICY, "networking.k8s.io/v1", NetworkPolicy, networkpolicies, true,         \
		"netpol")                                                                         \
	K(RK_ROLE, RBAC, Role, roles, true, NULL)                                                 \
	K(RK_ROLEBINDING, RBAC, RoleBinding, rolebindings, true, NULL)                            \
	K(RK_CLUSTERROLE, RBAC, ClusterRole, clusterroles, false, NULL)                           \
	K(RK_CLUSTERROLEBINDING, RBAC, ClusterRoleBinding, clusterrolebindings, false, NULL)      \
	K(RK_POLICY, "k3k.io/v1beta1", VirtualClusterPolicy, virtualclusterpolicies, false, NULL) \
	K(RK_CLUSTERISSUER, "cert-manager.io/v1", ClusterIssuer, clusterissuers, false, NULL)     \
	K(RK_ENDPOINTSLICE, "discovery.k8s.io/v1", EndpointSlice, endpointslices, true, NULL)     \
	K(RK_CERTIFICATEREQUEST, "cert-manager.io/v1", CertificateRequest, certificaterequests,   \
		true, "cr")                                                                       \
	K(RK_CHALLENGE, "acme.cert-manager.io/v1", Challenge, challenges, true, NULL)             \
	K(RK_SETTING, "management.cattle.io/v3", Setting, settings, false, NULL)

#define DEFINE(id, av, kind, plural, namespaced, brief) \
	const struct rk_res id = {av, #kind, #plural, namespaced};
#define ROW(id, av, kind, plural, namespaced, brief) {&id, brief},
KINDS(DEFINE)

static const struct {
	const struct rk_res *res;
	const char *brief;
} table[] = {KINDS(ROW)};

const struct rk_res *rk_res_find(const char *api_version, const char *kind)
{
	for (size_t i = 0; i < RK_COUNT(table); i++)
		if (rk_streq(table[i].res->kind, kind) &&
			rk_streq(table[i].res->api_version, api_version))
			return table[i].res;
	return NULL;
}

/* The group of "apps/v1" is "apps", that of "v1" is "". */
static int group_len(const char *api_version)
{
	const char *slash = strchr(api_version, '/');

	return slash ? (int)(slash - api_version) : 0;
}

void rk_res_path(const struct rk_res *r, const char *ns, const char *name, struct rk_buf *out)
{
	rk_buf_puts(out, strchr(r->api_version, '/') ? "/apis/" : "/api/");
	rk_buf_puts(out, r->api_version);
	if (r->namespaced && ns) {
		rk_buf_puts(out, "/namespaces/");
		rk_urlencode(out, ns);
	}
	rk_buf_addf(out, "/%s", r->plural);
	if (name) {
		rk_buf_putc(out, '/');
		rk_urlencode(out, name);
	}
}

void rk_res_word(const struct rk_res *r, const char *name, struct rk_buf *out)
{
	rk_auto_free char *kind = rk_lower(rk_strdup(r->kind));
	int group = group_len(r->api_version);

	rk_buf_addf(out, "%s%s%.*s/%s", kind, group ? "." : "", group, r->api_version, name);
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
	return rk_res_find(av, kind);
}

/* Remember a kind; NULL for a subresource. */
static const struct rk_res *found_add(
	struct rk_kube *k, const char *av, const char *kind, const char *plural, bool namespaced)
{
	const struct rk_res *existing;
	struct rk_kube_found *f;

	if (!plural || !kind || strpbrk(plural, "/%?#"))
		return NULL;
	existing = found_find(k, av, kind);
	if (existing)
		return existing;
	if (!k->disco)
		k->disco = rk_doc_new(false);
	f = rk_doc_alloc(k->disco, sizeof(*f));
	*f = (struct rk_kube_found){
		.res = {.api_version = rk_doc_strndup(k->disco, av, strlen(av)),
			.kind = rk_doc_strndup(k->disco, kind, strlen(kind)),
			.plural = rk_doc_strndup(k->disco, plural, strlen(plural)),
			.namespaced = namespaced},
		.next = k->found};
	k->found = f;
	return &f->res;
}

/* Ask for the kinds of one group and version. */
static int learn_version(struct rk_kube *k, const char *av, struct rk_err *err)
{
	rk_auto_free char *path = rk_asprintf("%s%s", strchr(av, '/') ? "/apis/" : "/api/", av);
	rk_auto_free char *what = rk_asprintf("kinds of %s", av);
	rk_auto_doc *d = rk_doc_new(false);
	struct rk_kube_about a = {.what = what, .kube = k, .api_version = av};
	struct rk_val *list;

	if (rk_kube_ask(k, &(struct rk_http_req){.path = path, .retry = true}, &a, d, &list, err) <
		0)
		return -1;
	/* that of the core group has no apiVersion */
	if (!rk_streq(rk_get_str(list, "kind", NULL), "APIResourceList") ||
		!rk_streq(rk_get_str(list, "groupVersion", NULL), av))
		return rk_kube_unexpected(&a, err, "it is not an APIResourceList of %.100s", av);
	rk_each (it, rk_get(list, "resources", NULL))
		found_add(k, av, rk_get_str(it, "kind", NULL), rk_get_str(it, "name", NULL),
			rk_get_bool(it, false, "namespaced", NULL));
	return 0;
}

int rk_kube_res(struct rk_kube *k, const char *api_version, const char *kind,
	const struct rk_res **out, struct rk_err *err)
{
	const char *slash = strchr(api_version, '/');

	*out = found_find(k, api_version, kind);
	if (*out)
		return 0;
	/* "v1" or "group/v1", which becomes part of a request path */
	if (!*api_version || *api_version == '.' || strstr(api_version, "..") ||
		api_version[strspn(api_version, "abcdefghijklmnopqrstuvwxyz0123456789.-/")] ||
		(slash && (slash == api_version || !slash[1] || strchr(slash + 1, '/'))))
		return rk_err_set(err, RK_FAIL, "invalid apiVersion \"%.100s\"", api_version);
	if (learn_version(k, api_version, err) < 0)
		return -1;
	*out = found_find(k, api_version, kind);
	if (*out)
		return 0;
	rk_err_set(err, RK_NOTFOUND, "%s does not serve kind %s in %s", rk_kube_server(k), kind,
		api_version);
	return rk_err_hint(err,
		"install the CustomResourceDefinition that brings it, or correct apiVersion "
		"and kind");
}

int rk_kube_serves(struct rk_kube *k, const char *group, bool *out, struct rk_err *err)
{
	rk_auto_free char *path = rk_asprintf("/apis/%s", group);
	rk_auto_free char *what = rk_asprintf("API group %s", group);
	rk_auto_doc *d = rk_doc_new(false);
	struct rk_http_req req = {.path = path, .retry = true};
	struct rk_kube_about a = {.kube = k, .what = what};
	struct rk_val *v = NULL;

	*out = false;
	if (rk_kube_ask(k, &req, &a, d, &v, err) < 0) {
		if (err->reason != RK_REASON_NO_SUCH_API)
			return -1;
		rk_err_clear(err);
		return 0;
	}
	if (rk_kube_is(&a, v, "v1", "APIGroup", err) < 0)
		return -1;
	if (!rk_streq(rk_get_str(v, "name", NULL), group))
		return rk_kube_unexpected(&a, err, "it is about another group");
	*out = true;
	return 0;
}

/* --- kinds by the arguments that people type --- */

/* Whether one of the names is n bytes at word, in any case. */
static bool is_named(const char *word, size_t n, const char *name)
{
	return name && strlen(name) == n && !strncasecmp(word, name, n);
}

/* What follows the type in "type.group" or "type.version.group" against one group/version. */
static bool group_is(const char *rest, const char *av)
{
	int group = group_len(av);
	const char *version = group ? av + group + 1 : av;
	size_t n = strlen(version);

	if (!*rest)
		return true;
	rest++;
	if ((int)strlen(rest) == group && !strncmp(rest, av, (size_t)group))
		return true;
	return group && !strncmp(rest, version, n) && rest[n] == '.' &&
	       (int)strlen(rest + n + 1) == group && !strncmp(rest + n + 1, av, (size_t)group);
}

/* A group of the aggregated discovery (apidiscovery.k8s.io/v2) against the type, n bytes of word. */
static const struct rk_res *learn_group(
	struct rk_kube *k, const struct rk_val *g, const char *word, size_t n)
{
	const char *group = rk_get_str(g, "metadata", "name", NULL);

	rk_each (v, rk_get(g, "versions", NULL)) {
		const char *version = rk_get_str(v, "version", NULL);
		rk_auto_free char *av = rk_asprintf("%s%s%s", group ? group : "",
			group && *group ? "/" : "", version ? version : "");

		rk_each (it,
			version && group_is(word + n, av) ? rk_get(v, "resources", NULL) : NULL) {
			const char *plural = rk_get_str(it, "resource", NULL);
			const char *kind = rk_get_str(it, "responseKind", "kind", NULL);
			const struct rk_res *r = NULL;
			bool hit = is_named(word, n, kind) || is_named(word, n, plural) ||
				   is_named(word, n, rk_get_str(it, "singularResource", NULL));

			rk_each (s, rk_get(it, "shortNames", NULL))
				hit = hit || is_named(word, n, rk_str(s));
			if (hit)
				r = found_add(k, av, kind, plural,
					rk_streq(rk_get_str(it, "scope", NULL), "Namespaced"));
			if (r)
				return r;
		}
	}
	return NULL;
}

int rk_kube_res_word(
	struct rk_kube *k, const char *word, const struct rk_res **out, struct rk_err *err)
{
	static const char *const roots[] = {"/api", "/apis"};
	size_t n = strcspn(word, ".");
	const struct rk_res *r = NULL;

	for (size_t i = 0; !r && i < RK_COUNT(table); i++) {
		const struct rk_res *t = table[i].res;

		if ((is_named(word, n, t->kind) || is_named(word, n, t->plural) ||
			    is_named(word, n, table[i].brief)) &&
			group_is(word + n, t->api_version))
			r = t;
	}
	for (size_t i = 0; !r && i < RK_COUNT(roots); i++) {
		rk_auto_doc *d = rk_doc_new(false);
		struct rk_http_req req = {.path = roots[i],
			.retry = true,
			.accept = "application/json;g=apidiscovery.k8s.io;v=v2;"
				  "as=APIGroupDiscoveryList,"
				  "application/json;g=apidiscovery.k8s.io;v=v2beta1;"
				  "as=APIGroupDiscoveryList,application/json"};
		struct rk_kube_about a = {.what = "kinds of the server", .kube = k};
		const char *kind, *av;
		struct rk_val *list;

		*out = NULL;
		if (rk_kube_ask(k, &req, &a, d, &list, err) < 0)
			return -1;
		/* an old server has no aggregated discovery: it lists its versions or groups */
		kind = rk_get_str(list, "kind", NULL);
		av = rk_get_str(list, "apiVersion", NULL);
		if (!av || !rk_prefix(av, "apidiscovery.k8s.io/"))
			av = "apidiscovery.k8s.io/v2";
		if (!rk_streq(kind, "APIVersions") && !rk_streq(kind, "APIGroupList") &&
			rk_kube_is(&a, list, av, "APIGroupDiscoveryList", err) < 0)
			return -1;
		rk_each (g, rk_get(list, "items", NULL)) {
			r = learn_group(k, g, word, n);
			if (r)
				break;
		}
	}
	*out = r;
	if (r)
		return 0;
	rk_err_set(err, RK_NOTFOUND, "%s does not serve a resource type \"%s\"", rk_kube_server(k),
		word);
	return rk_err_hint(err, "list the types with: kubectl api-resources%s", rk_here_kubectl());
}
