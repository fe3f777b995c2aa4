// SPDX-License-Identifier: Apache-2.0
/* What each step waits for. */
#include "tool.h"

#define K3K_DEPLOY     "k3k"
#define TRY_MS	       2000
#define ABSENT_MS      10000 /* an object missing for so long is not about to be created */
#define PENDING_S      600   /* a change that a controller may still have to act on */
#define SERVER_READY_S 180   /* readiness alone takes 60 s on every start */

/* What a step watches; EXTRA: only to explain. */
#define WATCH(res_, ns_, ...)                       \
	{                                           \
		.res = res_, .ns = ns_, __VA_ARGS__ \
	}
#define EXTRA(res_, ns_, ...) WATCH(res_, ns_, .extra = true, __VA_ARGS__)

static bool is_deleting(const struct rk_val *obj)
{
	return rk_get_str(obj, "metadata", "deletionTimestamp", NULL) != NULL;
}

static const char *owner_of(const struct rk_val *obj)
{
	return rk_get_str(rk_at(rk_get(obj, "metadata", "ownerReferences", NULL), 0), "name", NULL);
}

/* --- controller --- */

enum { CTL_DEPLOY, CTL_PODS, CTL_EVENTS };
static const struct watched controller_watched[] = {
	[CTL_DEPLOY] = WATCH(&RK_DEPLOYMENT, "@k"),
	[CTL_PODS] = EXTRA(&RK_POD, "@k"),
	[CTL_EVENTS] = EXTRA(&RK_EVENT, "@k"),
};

/* Its Deployment has the release's name, which is another where Harvester's add-on has made it. */
static const struct rk_val *controller_in(const struct rk_cache *m)
{
	const struct rk_val *found = rk_cache_find(m, NULL, K3K_DEPLOY);

	rk_cache_each(d, m)
	{
		const char *app =
			rk_get_str(d, "metadata", "labels", "app.kubernetes.io/name", NULL);

		if (!found && rk_streq(app, "k3k"))
			found = d;
	}
	return found;
}

/* Whether a Deployment is rolled out; else the line says what is missing. */
static bool is_rolled_out(const struct rk_val *deploy, const char *name, struct report *r)
{
	rk_auto_buf why = RK_BUF_INIT;

	if (rk_is_ready(deploy, &why))
		return true;
	await_add_part(&r->line, "deployment %s: %s", name, why.s);
	return false;
}

static bool controller_judge(struct await *w, struct report *r)
{
	const struct rk_val *deploy = controller_in(w->m[CTL_DEPLOY]);

	if (!deploy) {
		r->code = RK_NOTFOUND;
		await_add_part(
			&r->line, "deployment %s not found in namespace %s", K3K_DEPLOY, w->k3k_ns);
		rk_buf_addf(&r->hint, "install it with: kubectl rk3k deploy --only controller%s",
			rk_here_settings());
		return false;
	}
	if (is_rolled_out(deploy, await_name(deploy), r))
		return true;
	await_look_pods(w->m[CTL_PODS], NULL, r);
	await_look_trouble(w, w->m[CTL_EVENTS], NULL, r);
	if (!r->hint.len)
		rk_buf_addf(&r->hint, "see it with: kubectl describe pods -n %s", w->k3k_ns);
	return false;
}

/* --- cluster --- */

enum { CL_CLUSTER, CL_PODS, CL_SETS, CL_CLAIM, CL_EVENT, CL_K3K, CL_CLASS, CL_SECRET, CL_K3K_PODS };
static const struct watched cluster_watched[] = {
	[CL_CLUSTER] = WATCH(&RK_CLUSTER, "@n", .name = "@c"),
	[CL_PODS] = EXTRA(&RK_POD, "@n", .labels = "cluster=@c"),
	[CL_SETS] = EXTRA(&RK_STATEFULSET, "@n", .name = "@s"),
	[CL_CLAIM] = EXTRA(&RK_PVC, "@n"),
	[CL_EVENT] = EXTRA(&RK_EVENT, "@n"),
	[CL_K3K] = EXTRA(&RK_DEPLOYMENT, "@k"),
	[CL_CLASS] = EXTRA(&RK_STORAGECLASS, NULL),
	[CL_SECRET] = EXTRA(&RK_SECRET, "@n", .name = "@f"),
	[CL_K3K_PODS] = EXTRA(&RK_POD, "@k"),
};

/* A cluster without a running controller: the first thing to look at when nothing happens. */
static bool controller_down(const struct await *w, struct report *r)
{
	const struct rk_cache *m = w->m[CL_K3K];
	const struct rk_val *deploy = rk_cache_error(m) ? NULL : controller_in(m);
	const char *name = deploy ? await_name(deploy) : K3K_DEPLOY;
	rk_auto_buf why = RK_BUF_INIT;

	if (rk_cache_error(m) || rk_is_ready(deploy, &why))
		return false;
	await_add_part(&r->fault,
		"the k3k controller does not run: deployment %s in namespace %s %s", name,
		w->k3k_ns, why.s);
	rk_buf_addf(&r->hint, "see why with: kubectl describe deployment %s -n %s%s", name,
		w->k3k_ns, rk_here_kubectl());
	return true;
}

static void look_claims(const struct await *w, const char *set, struct report *r)
{
	const struct rk_cache *classes = w->m[CL_CLASS];

	rk_cache_each(pvc, w->m[CL_CLAIM])
	{
		rk_auto_buf text = RK_BUF_INIT;
		const char *class = rk_get_str(pvc, "spec", "storageClassName", NULL);
		enum rk_why why = rk_why_pvc(pvc, &text);
		bool missing = class && !rk_cache_error(classes) && rk_cache_synced(classes) &&
			       !rk_cache_find(classes, NULL, class);

		if (why == RK_WHY_FINE || !strstr(await_name(pvc), set))
			continue;
		await_add_part(&r->line, "%s", text.s);
		if (!r->fault.len && (missing || why == RK_WHY_FAULT)) {
			await_add_part(
				&r->fault, "%s%s", text.s, missing ? ": no such StorageClass" : "");
			rk_buf_reset(&r->hint);
			rk_buf_addf(&r->hint,
				"set STORAGE_TYPE=ephemeral, or STORAGE_CLASS to one of: kubectl "
				"get storageclass%s",
				rk_here_kubectl());
		}
	}
}

static void look_servers(const struct await *w, struct report *r)
{
	rk_auto_buf warning = RK_BUF_INIT;
	char set[64]; /* its name is also in those of its pods and claims */

	rk_k3k_name(set, w->cluster, "server");
	look_claims(w, set, r);
	/* the host cluster pulls these, with separate logins */
	if (await_look_pods(w->m[CL_PODS], NULL, r) == RK_WHY_FAULT &&
		strstr(r->fault.s, "cannot pull image") && !r->hint.len)
		rk_buf_puts(&r->hint, "check K3S_VERSION, the registry and its credentials");
	await_look_event(w, w->m[CL_EVENT], set, w->cluster, &warning, r);
	if (rk_cache_first(w->m[CL_SETS]) && !rk_cache_count(w->m[CL_PODS]) &&
		strstr(warning.s, "FailedCreate") && !r->fault.len)
		await_add_part(&r->fault, "no server pod can be made: %s", warning.s);
}

/* --- whether the observed state is of the current spec and controller; k3k has no observedGeneration --- */

enum { BEING_REPLACED = -1, UNKNOWN_TIME = 0 };

/* When the controller of today began to work, which it does by reconciling every Cluster; one that
 * is being replaced is not the last. A container started by the node's clock, but not after the node
 * reported it, which is by the API server's. */
static int64_t controller_began(const struct rk_cache *deploys, const struct rk_cache *pods)
{
	const struct rk_val *deploy = rk_cache_error(deploys) ? NULL : controller_in(deploys);
	const struct rk_val *status = rk_get(deploy, "status", NULL);
	int64_t began = UNKNOWN_TIME;

	if (!deploy)
		return UNKNOWN_TIME;
	if (rk_get_int(status, 0, "observedGeneration", NULL) <
			rk_get_int(deploy, 0, "metadata", "generation", NULL) ||
		rk_get_int(status, 0, "updatedReplicas", NULL) !=
			rk_get_int(status, 0, "replicas", NULL))
		return BEING_REPLACED;
	if (rk_cache_error(pods))
		return UNKNOWN_TIME;
	rk_cache_each(pod, pods)
	{
		const struct rk_val *c = rk_at(rk_get(pod, "status", "containerStatuses", NULL), 0);
		int64_t t = rk_time_parse(rk_get_str(c, "state", "running", "startedAt", NULL));
		int64_t reported = await_look_written(pod, NULL, true);
		bool ours = !is_deleting(pod);

		rk_each (l, rk_get(deploy, "spec", "selector", "matchLabels", NULL))
			ours = ours &&
			       rk_streq(rk_str(rk_member(rk_get(pod, "metadata", "labels", NULL),
						l->key, l->klen)),
				       rk_str(l));
		t = reported > 0 && reported < t ? reported : t;
		if (ours && t > 0 && (!began || t < began))
			began = t;
	}
	return began || !rk_get_int(deploy, 1, "spec", "replicas", NULL) ? began : BEING_REPLACED;
}

/* Each pass of the controller ends with a new certificate in the kubeconfig Secret, after it has
 * written the StatefulSet. So a Secret that is older than the spec or than the controller is of the
 * pass before. The versions of the objects decide where they can; times have whole seconds. For a
 * controller that would keep the certificate, what is long ago is not waited for. */
static bool is_acted_on(const struct rk_val *cluster, const struct rk_val *secret, int64_t began)
{
	int64_t pass = await_look_written(secret, "f:data", false),
		changed = await_look_written(cluster, "f:spec", false);

	if (!pass)
		return true; /* nothing to decide by */
	if (began == BEING_REPLACED)
		return false;
	if (time(NULL) - (began > changed ? began : changed) > PENDING_S)
		return true;
	return pass >= began &&
	       (pass >= changed || await_look_version(secret) > await_look_version(cluster));
}

static void add_words(const struct rk_val *list, struct rk_buf *out)
{
	rk_each (a, list)
		rk_buf_addf(out, "%s%s", out->len ? " " : "", rk_str(a) ? rk_str(a) : "");
}

/* Whether the StatefulSet is the one that the spec describes, as far as rk3k writes the spec. A pass
 * that began before a change and ended after it leaves the one before. The image's tag is the
 * version; a Cluster without one has the host's. The script that starts k3s has the arguments as one
 * text, or the container has them one by one. */
static bool fits_spec(const struct rk_val *cluster, const struct rk_val *set)
{
	const struct rk_val *spec = rk_get(cluster, "spec", NULL);
	const struct rk_val *c =
		rk_at(rk_get(set, "spec", "template", "spec", "containers", NULL), 0);
	const char *version = rk_get_str(spec, "version", NULL);
	const char *image = rk_get_str(c, "image", NULL);
	const char *tag = image ? strrchr(image, ':') : NULL;
	int64_t replicas = rk_get_int(set, 1, "spec", "replicas", NULL);
	rk_auto_buf command = RK_BUF_INIT, args = RK_BUF_INIT;

	add_words(rk_get(c, "command", NULL), &command);
	add_words(rk_get(c, "args", NULL), &command);
	add_words(rk_get(spec, "serverArgs", NULL), &args);
	if ((version && tag && !rk_streq(tag + 1, version)) ||
		rk_get_int(spec, replicas, "servers", NULL) != replicas ||
		!strstr(command.s, args.s))
		return false;
	rk_each (e, rk_get(spec, "serverEnvs", NULL))
		if (!await_has(rk_get(c, "env", NULL), "name", rk_get_str(e, "name", NULL)))
			return false;
	rk_each (m, rk_get(spec, "secretMounts", NULL)) {
		const char *path = rk_get_str(m, "mountPath", NULL);

		if (!rk_streq(rk_get_str(m, "role", NULL), "agent") && path &&
			!await_has(rk_get(c, "volumeMounts", NULL), "mountPath", path))
			return false;
	}
	return true;
}

static bool servers_ready(const struct await *w, const struct rk_val *cluster, struct report *r)
{
	const struct rk_val *set = rk_cache_first(w->m[CL_SETS]);
	int64_t want = rk_settings_servers(w->s);
	int64_t ready = rk_get_int(set, 0, "status", "readyReplicas", NULL);
	int64_t began = controller_began(w->m[CL_K3K], w->m[CL_K3K_PODS]);
	rk_auto_buf why = RK_BUF_INIT;
	const struct rk_val *secret =
		rk_cache_error(w->m[CL_SECRET]) ? NULL : rk_cache_first(w->m[CL_SECRET]);

	if (rk_cache_error(w->m[CL_SETS]))
		return true;
	if (ready < want)
		await_add_part(&r->line, "%lld of %lld servers are ready", (long long)ready,
			(long long)want);
	else if (began == BEING_REPLACED)
		await_add_part(&r->line, "the k3k controller is being replaced");
	else if (!is_acted_on(cluster, secret, began) || !fits_spec(cluster, set))
		await_add_part(&r->line, "the k3k controller has not acted on the change yet");
	else if (rk_is_ready(set, &why))
		return true;
	else
		await_add_part(&r->line, "servers: %s", why.s);
	return false;
}

/* Ready says only that the last reconcile went through: ask the API itself. Charts are the next to be
 * applied, and the helm-controller brings their API only after the server is ready. Then the StatefulSet:
 * watches of different kinds do not keep step with each other, so that of the cache may be older than
 * the Secret that was written after it. Without permission to read it, the watch decides. */
static bool cluster_answers(struct await *w, const char *subject RK_UNUSED, struct report *answer)
{
	rk_auto_vcluster v = {0};
	rk_auto_doc *d = rk_doc_new(false);
	rk_auto_buf why = RK_BUF_INIT;
	struct rk_list_opts o = {.metadata_only = true};
	struct rk_err err = RK_ERR_INIT;
	struct rk_val *charts, *set;
	char name[64];

	if (rk_vcluster_open(&v, w->host, w->ns, w->cluster, &err) < 0 ||
		rk_kube_list_all(v.kube, &RK_HELMCHART, RK_CHART_NS, &o, d, &charts, &err) < 0) {
		await_add_part(&answer->line, "Ready, its API is not ready yet: %s", err.msg);
		return false;
	}
	rk_k3k_name(name, w->cluster, "server");
	if (rk_kube_get(w->host, &RK_STATEFULSET, w->ns, name, d, &set, NULL) < 0 ||
		(fits_spec(rk_cache_first(w->m[CL_CLUSTER]), set) && rk_is_ready(set, &why)))
		return true;
	await_add_part(
		&answer->line, "servers: %s", why.len ? why.s : "the change is not in them yet");
	return false;
}

/* Deleted while we wait, or just before: its end is waited for, so that what is applied next does not
 * conflict with what remains of it. */
static void look_deleting(struct await *w, const struct rk_val *c, struct report *r)
{
	w->seen_deleting = true;
	await_add_part(&r->line, "it is being deleted");
	rk_each (f, rk_get(c, "metadata", "finalizers", NULL))
		await_add_part(&r->line, "held by finalizer %s", rk_str(f) ? rk_str(f) : "?");
	controller_down(w, r);
	await_look_pods(w->m[CL_PODS], NULL, r);
}

static void look_absent(struct await *w, struct report *r)
{
	r->code = RK_NOTFOUND;
	await_add_part(&r->line, "no Cluster of that name found");
	rk_buf_addf(&r->hint, "%screate it %swith: kubectl rk3k deploy%s",
		w->seen_deleting ? "" : "correct NAMESPACE and CLUSTER of the settings, or ",
		w->seen_deleting ? "again " : "", rk_here_settings());
	if (!w->seen_deleting && rk_now_ms() - w->began < ABSENT_MS)
		return;
	rk_err_set(&r->dead, RK_NOTFOUND, "%s %s", w->noun,
		w->seen_deleting ? "was being deleted and no longer exists" : "not found");
	rk_err_hint(&r->dead, "%s", r->hint.s);
}

static bool cluster_judge(struct await *w, struct report *r)
{
	const struct rk_val *c = rk_cache_first(w->m[CL_CLUSTER]);
	rk_auto_buf text = RK_BUF_INIT, hint = RK_BUF_INIT;
	enum rk_why why;

	if (!c || is_deleting(c)) {
		if (c)
			look_deleting(w, c, r);
		else
			look_absent(w, r);
		return false;
	}
	why = rk_why_cluster(c, &text, &hint);
	if (why == RK_WHY_FINE && servers_ready(w, c, r)) {
		if (await_ask(w, cluster_answers, "", TRY_MS, r))
			return true;
		if (!w->ask.at)
			await_add_part(&r->line, "Ready, its API has not answered yet");
	}
	await_add_part(&r->line, "%s", text.s);
	if (why == RK_WHY_FAULT) {
		await_add_part(&r->fault, "%s", text.s);
		rk_buf_puts(&r->hint, hint.s);
	}
	if (why != RK_WHY_FINE && !controller_down(w, r) &&
		rk_streq(rk_get_str(c, "status", "phase", NULL), "Failed") &&
		rk_now_ms() - w->began > SERVER_READY_S * 1000)
		await_add_part(&r->fault, "%s", text.s);
	look_servers(w, r);
	if (!r->hint.len)
		rk_buf_addf(&r->hint, "see it with: kubectl describe clusters.k3k.io,pods -n %s",
			w->ns);
	return false;
}

/* --- clusters: what another controller restarts --- */

enum { CS_CLUSTERS, CS_SETS, CS_SECRETS, CS_CONTROLLER, CS_CONTROLLER_PODS };

static const struct watched clusters_watched[] = {
	[CS_CLUSTERS] = WATCH(&RK_CLUSTER, NULL),
	[CS_SETS] = WATCH(&RK_STATEFULSET, NULL, .labels = "role=server"),
	[CS_SECRETS] = EXTRA(&RK_SECRET, NULL),
	[CS_CONTROLLER] = EXTRA(&RK_DEPLOYMENT, "@k"),
	[CS_CONTROLLER_PODS] = EXTRA(&RK_POD, "@k"),
};

/* One that never came up, or that is being deleted, is not waited for. */
static bool is_awaited(
	const struct await *w, const struct rk_val *cluster, const struct rk_val **secret)
{
	const char *ns = rk_get_str(cluster, "metadata", "namespace", NULL);
	const struct rk_err *e = rk_cache_error(w->m[CS_SECRETS]);
	char object[64];

	if (!ns || is_deleting(cluster))
		return false;
	rk_k3k_name(object, await_name(cluster), "kubeconfig");
	*secret = e ? NULL : rk_cache_find(w->m[CS_SECRETS], ns, object);
	return *secret || e;
}

/* Watches of different kinds do not keep step: the servers as the API server has them now. */
static bool all_sets_ready(struct await *w, const char *subject RK_UNUSED, struct report *answer)
{
	struct rk_list_opts o = {.labels = "role=server"};
	rk_auto_doc *d = rk_doc_new(false);
	struct rk_val *sets = NULL;

	if (rk_kube_list_all(w->host, &RK_STATEFULSET, NULL, &o, d, &sets, NULL) < 0)
		return true;
	rk_each (set, sets) {
		const char *ns = rk_get_str(set, "metadata", "namespace", NULL);
		const char *owner = owner_of(set);
		const struct rk_val *secret,
			*c = owner ? rk_cache_find(w->m[CS_CLUSTERS], ns, owner) : NULL;
		rk_auto_buf why = RK_BUF_INIT;

		if (c && is_awaited(w, c, &secret) && !rk_is_ready(set, &why)) {
			await_add_part(&answer->line, "%s/%s: %s", ns, owner, why.s);
			return false;
		}
	}
	return true;
}

static bool clusters_judge(struct await *w, struct report *r)
{
	int64_t began = controller_began(w->m[CS_CONTROLLER], w->m[CS_CONTROLLER_PODS]);
	size_t left = 0;

	if (began == BEING_REPLACED && rk_cache_count(w->m[CS_CLUSTERS])) {
		await_add_part(&r->line, "the k3k controller is being replaced");
		await_look_pods(w->m[CS_CONTROLLER_PODS], NULL, r);
	}
	rk_cache_each(c, w->m[CS_CLUSTERS])
	{
		const char *ns = rk_get_str(c, "metadata", "namespace", NULL);
		const struct rk_val *secret;
		rk_auto_buf why = RK_BUF_INIT;
		char set[64];

		if (!is_awaited(w, c, &secret))
			continue;
		rk_k3k_name(set, await_name(c), "server");
		if (!is_acted_on(c, secret, began))
			rk_buf_puts(&why, "the k3k controller has not acted on it yet");
		else if (rk_is_ready(rk_cache_find(w->m[CS_SETS], ns, set), &why) &&
			 rk_is_ready(c, &why))
			continue;
		if (left++ < 3)
			await_add_part(&r->line, "%s/%s: %s", ns, await_name(c), why.s);
	}
	if (!left && await_ask(w, all_sets_ready, "", TRY_MS, r))
		return true;
	if (left > 3)
		await_add_part(&r->line, "and %zu more", left - 3);
	rk_buf_puts(&r->hint, "see them with: kubectl rk3k status -A");
	return false;
}

/* --- teardown --- */

enum { TD_CLUSTER, TD_PODS, TD_SECRETS };

static const struct watched teardown_watched[] = {
	[TD_CLUSTER] = WATCH(&RK_CLUSTER, "@n", .name = "@c"),
	[TD_PODS] = WATCH(&RK_POD, "@n", .labels = "cluster=@c,role=server"),
	[TD_SECRETS] = WATCH(&RK_SECRET, "@n"),
};

/* Also its Secrets must be gone: an old token among them would break the next one of its name. */
static bool teardown_judge(struct await *w, struct report *r)
{
	const struct rk_val *c = rk_cache_first(w->m[TD_CLUSTER]);
	size_t pods = rk_cache_count(w->m[TD_PODS]), secrets = 0;

	rk_cache_each(s, w->m[TD_SECRETS])
		rk_each (o, rk_get(s, "metadata", "ownerReferences", NULL)) secrets +=
		rk_streq(rk_get_str(o, "kind", NULL), "Cluster") &&
		rk_streq(rk_get_str(o, "name", NULL), w->cluster);
	if (c && !is_deleting(c)) {
		if (w->seen_deleting)
			return true; /* the next one of its name */
		rk_err_set(&r->dead, RK_CONFLICT, "virtual cluster %s/%s is not being deleted",
			w->ns, w->cluster);
		rk_err_hint(&r->dead, "delete it with: kubectl rk3k destroy%s", rk_here_settings());
		return false;
	}
	w->seen_deleting |= c != NULL;
	if (!c && !pods && !secrets)
		return true;
	if (c)
		await_add_part(&r->line, "the Cluster is being deleted");
	if (pods)
		await_add_part(&r->line, "%zu server pods are left", pods);
	if (secrets && !c)
		await_add_part(&r->line, "%zu of its Secrets are left", secrets);
	rk_buf_addf(&r->hint,
		"the k3k controller must run to release finalizers; see: kubectl get "
		"clusters.k3k.io,pods -n %s -o yaml%s",
		w->ns, rk_here_kubectl());
	return false;
}

/* --- charts --- */

enum { CH_CHART, CH_JOBS, CH_JOB_PODS, CH_DEPLOYS, CH_PODS, CH_EVENTS, CH_JOB_EVENTS, CH_VALUES };

#define CHART_WATCHED(chart, ns)                                                                 \
	{                                                                                        \
		[CH_CHART] = WATCH(&RK_HELMCHART, RK_CHART_NS, .name = chart),                   \
		[CH_JOBS] = WATCH(&RK_JOB, RK_CHART_NS, .labels = RK_CHART_LABEL "=" chart),     \
		[CH_JOB_PODS] = WATCH(&RK_POD, RK_CHART_NS, .labels = RK_CHART_LABEL "=" chart), \
		[CH_DEPLOYS] = WATCH(&RK_DEPLOYMENT, ns), [CH_PODS] = EXTRA(&RK_POD, ns),        \
		[CH_EVENTS] = EXTRA(&RK_EVENT, ns),                                              \
		[CH_JOB_EVENTS] = EXTRA(&RK_EVENT, RK_CHART_NS),                                 \
		[CH_VALUES] = EXTRA(&RK_SECRET, RK_CHART_NS, .name = "chart-values-" chart),     \
	}
static const struct watched cert_manager_watched[] = CHART_WATCHED("cert-manager", "cert-manager");
static const struct watched rancher_watched[] = CHART_WATCHED("rancher", RK_RANCHER_NS);

/* Without its webhook answering, no Issuer or Certificate can be written. */
static const char *const cert_manager_deployments[] = {
	"cert-manager", "cert-manager-webhook", NULL};
static const char *const rancher_deployments[] = {"rancher", NULL};

/* Watches of different kinds do not keep step: the Deployments as the API server has them now, after
 * the Job that changed them. */
static bool all_rolled_out(struct await *w, const char *ns, struct report *answer)
{
	rk_auto_doc *d = rk_doc_new(false);
	struct rk_val *deploy;

	for (const char *const *name = w->step->deployments; *name; name++)
		if (rk_kube_get(w->virt, &RK_DEPLOYMENT, ns, *name, d, &deploy, NULL) == 0 &&
			!is_rolled_out(deploy, *name, answer))
			return false;
	return true;
}

static bool chart_judge(struct await *w, struct report *r)
{
	const char *chart = w->row->name;
	rk_auto_free char *job = rk_asprintf(RK_CHART_JOB "%s-", chart);
	bool installed = await_look_chart(
		w, chart, w->m[CH_CHART], w->m[CH_JOBS], w->m[CH_JOB_PODS], w->m[CH_VALUES], r);
	bool all = installed;

	for (const char *const *name = w->step->deployments; installed && *name; name++)
		all = is_rolled_out(rk_cache_find(w->m[CH_DEPLOYS], NULL, *name), *name, r) && all;
	if (all && await_ask(w, all_rolled_out, w->step->watched[CH_PODS].ns, TRY_MS, r))
		return true;
	await_look_pods(w->m[CH_PODS], NULL, r);
	await_look_pull(w, r->fault.s, r);
	await_look_trouble(w, w->m[CH_EVENTS], NULL, r);
	if (!installed)
		await_look_trouble(w, w->m[CH_JOB_EVENTS], job, r);
	if (!r->hint.len)
		rk_buf_addf(&r->hint, "see: kubectl rk3k status %s/%s%s", w->ns, w->cluster,
			rk_here_settings());
	return false;
}

/* --- issuer and certificate --- */

static const struct watched issuer_watched[] = {
	WATCH(&RK_ISSUER, RK_RANCHER_NS, .name = "ca-issuer")};

/* With a certificate of one's own there is no Issuer, and nothing to wait for. */
static bool issuer_judge(struct await *w, struct report *r)
{
	rk_auto_buf why = RK_BUF_INIT;
	const struct rk_val *issuer = rk_cache_first(w->m[0]);

	if (!rk_setting_is(w->s, RK_KEY_CA_CERT_PATH) || rk_is_ready(issuer, &why))
		return true;
	r->code = issuer ? 0 : RK_NOTFOUND;
	await_add_part(&r->line, "issuer ca-issuer in %s: %s", RK_RANCHER_NS, why.s);
	if (rk_condition(issuer, "Ready"))
		await_add_part(&r->fault, "issuer ca-issuer: %s", why.s);
	rk_buf_puts(&r->hint, "check CA_CERT_PATH and CA_KEY_PATH: the pair must fit and be a CA");
	return false;
}

enum { CE_SECRET, CE_CERT, CE_REQUESTS, CE_CHALLENGES, CE_ISSUERS };

static const struct watched certificate_watched[] = {
	[CE_SECRET] = WATCH(&RK_SECRET, RK_RANCHER_NS, .name = "@t"),
	[CE_CERT] = WATCH(&RK_CERTIFICATE, RK_RANCHER_NS, .name = "@t"),
	[CE_REQUESTS] = EXTRA(&RK_CERTIFICATEREQUEST, RK_RANCHER_NS),
	[CE_CHALLENGES] = EXTRA(&RK_CHALLENGE, RK_RANCHER_NS),
	[CE_ISSUERS] = EXTRA(&RK_ISSUER, RK_RANCHER_NS),
};

/* An issuer that is not ready itself, as one that cannot register with ACME, issues nothing. */
static void look_issuer(const struct await *w, const struct rk_val *cert, struct report *r)
{
	const char *name = rk_get_str(cert, "spec", "issuerRef", "name", NULL);
	const struct rk_val *issuer = name ? rk_cache_find(w->m[CE_ISSUERS], NULL, name) : NULL;
	const struct rk_val *ready = rk_condition(issuer, "Ready");
	const char *message = rk_get_str(ready, "message", NULL);
	rk_auto_free char *why = rk_asprintf(
		"issuer %s is not ready: %.300s", name ? name : "", message ? message : "");

	if (!ready || rk_streq(rk_get_str(ready, "status", NULL), "True"))
		return;
	await_add_part(&r->line, "%s", why);
	if (rk_streq(rk_get_str(ready, "reason", NULL), "ErrInitIssuer") &&
		rk_is_young(rk_get_str(ready, "lastTransitionTime", NULL)))
		return; /* its Secret comes a moment later */
	await_add_part(&r->fault, "%s", why);
	if (rk_get(issuer, "spec", "acme", NULL))
		rk_buf_puts(&r->hint, "the virtual cluster must reach the ACME server, and that "
				      "accept ACME_EMAIL");
}

/* Why a Certificate does not come: its newest request, and what ACME says. */
static void look_requests(const struct await *w, const char *cert, struct report *r)
{
	const struct rk_val *newest = NULL, *ready;
	const char *message;

	rk_cache_each(q, w->m[CE_REQUESTS])
	{
		const char *t = rk_get_str(q, "metadata", "creationTimestamp", NULL);
		const char *b = rk_get_str(newest, "metadata", "creationTimestamp", NULL);

		if (rk_streq(owner_of(q), cert) && (!newest || (t && b && strcmp(t, b) >= 0)))
			newest = q;
	}
	ready = rk_condition(newest, "Ready");
	message = rk_get_str(ready, "message", NULL);
	if (message)
		await_add_part(&r->line, "request: %.300s", message);
	if (rk_streq(rk_get_str(ready, "reason", NULL), "Failed"))
		await_add_part(&r->fault, "the request for certificate %s failed: %.300s", cert,
			message ? message : "");
	rk_cache_each(ch, w->m[CE_CHALLENGES])
	{
		const char *why = rk_get_str(ch, "status", "reason", NULL);
		const char *host = rk_get_str(ch, "spec", "dnsName", NULL);

		if (why && *why && !r->fault.len)
			await_add_part(&r->fault, "ACME cannot verify %s: %.300s",
				host ? host : "the name", why);
	}
}

static bool certificate_judge(struct await *w, struct report *r)
{
	const char *name = rk_settings_tls_source_secret(w->s);
	const struct rk_val *cert = rk_cache_first(w->m[CE_CERT]);
	const struct rk_val *secret = rk_cache_first(w->m[CE_SECRET]);
	const char *crt = rk_get_str(secret, "data", "tls.crt", NULL);
	const char *key = rk_get_str(secret, "data", "tls.key", NULL);
	bool has_pair = crt && *crt && key && *key;
	rk_auto_buf why = RK_BUF_INIT;

	if ((!cert || rk_is_ready(cert, &why)) && has_pair)
		return true;
	if (!has_pair)
		await_add_part(&r->line,
			secret ? "secret %s in %s holds no certificate yet"
			       : "secret %s not found in %s",
			name, RK_RANCHER_NS);
	if (why.len)
		await_add_part(&r->line, "Certificate: %s", why.s);
	if (!cert && !secret) {
		await_add_part(&r->line, "no Certificate %s requests it", name);
		r->code = RK_NOTFOUND;
	}
	look_issuer(w, cert, r);
	look_requests(w, name, r);
	rk_buf_addf(&r->hint,
		"%ssee it inside the virtual cluster with: kubectl describe certificate,"
		"certificaterequest -n %s",
		r->hint.len ? "; " : "", RK_RANCHER_NS);
	return false;
}

static const struct watched url_watched[] = {EXTRA(&RK_INGRESS, "@n", .host = true)};

#define STEP(name, noun_, ...)                                                               \
	{                                                                                    \
		.noun = noun_, .watched = name##_watched, .count = RK_COUNT(name##_watched), \
		__VA_ARGS__                                                                  \
	}
const struct step await_table[RK_AWAIT_COUNT] = {
	[RK_AWAIT_CONTROLLER] = STEP(controller, "the k3k controller", .judge = controller_judge),
	[RK_AWAIT_TEARDOWN] =
		STEP(teardown, "the end of virtual cluster @n/@c", .judge = teardown_judge),
	[RK_AWAIT_CLUSTERS] =
		STEP(clusters, "the servers of all virtual clusters", .judge = clusters_judge),
	[RK_AWAIT_CLUSTER] = STEP(cluster, "virtual cluster @n/@c", .judge = cluster_judge),
	[RK_AWAIT_CERT_MANAGER] = STEP(cert_manager, "cert-manager", .virt = true,
		.judge = chart_judge, .deployments = cert_manager_deployments),
	[RK_AWAIT_ISSUER] = STEP(issuer, "the CA issuer", .virt = true, .judge = issuer_judge),
	[RK_AWAIT_RANCHER] = STEP(rancher, "Rancher", .virt = true, .judge = chart_judge,
		.deployments = rancher_deployments),
	[RK_AWAIT_CERTIFICATE] =
		STEP(certificate, "certificate @t", .virt = true, .judge = certificate_judge),
	[RK_AWAIT_URL] = STEP(url, "https://@h", .virt = true, .judge = await_url_judge),
};
