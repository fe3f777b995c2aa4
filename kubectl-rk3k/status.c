// SPDX-License-Identifier: Apache-2.0
/* status - the state of a virtual cluster and its Rancher: the Cluster, its servers, the chart jobs,
 * both copies of the certificate, the connection, the kubeconfig. Reads only. */
#include "status/tool.h"

#include "watch/watch.h"
#include "steps/steps.h"

static const struct rk_opt options[] = {
	OPT_STR("service", service, "NAME",
		"name of the Service on the host cluster; default: CLUSTER-k3k-traefik",
		.names = RK_NAMES_NAMESPACE),
	OPT_STR("ingress", ingress, "NAME",
		"name of the Ingress on the host cluster; default: CLUSTER-k3k-ingress",
		.names = RK_NAMES_OBJECT),
	OPT_STR("secret", secret, "NAME",
		"TLS Secret that the Ingress serves; default: tls-CLUSTER-ingress",
		.names = RK_NAMES_OBJECT),
	OPT_STR("from", from, "NS/SECRET",
		"Secret in the virtual cluster that it is a copy of; default: "
		"cattle-system/tls-rancher-ingress, or with several hosts the one that deploy "
		"makes for them",
		.names = RK_NAMES_REF),
	OPT_FLAG("all-namespaces", all, "one line for each virtual cluster of the host cluster",
		.key = 'A'),
	OPT_STR("selector", labels, "LABELS", "with -A: only virtual clusters with these labels",
		.key = 'l'),
	OPT_FLAG("watch", watch,
		"keep running, and show what changes, with the time: redrawn on a terminal, else "
		"row by row",
		.key = 'w'),
	OPT_SORT_BY(out),
	OPT_GROUP_SETTINGS(settings),
	OPT_GROUP_OUT(out),
	OPT_GROUP_KUBE(kube),
	OPT_END,
};

static int look_once(struct look *l, struct rk_err *err)
{
	l->d = rk_doc_new(true);
	if (st_gather(l, err) < 0)
		return -1;
	st_show(l);
	if (!l->problems->count)
		return 0;
	return rk_err_set(err, RK_FAIL, "%u problem%s found in %s/%s", l->problems->count,
		l->problems->count == 1 ? "" : "s", l->ns, l->cluster);
}

/* --- --watch: events of the host cluster start another look --- */

#define RESYNC_MS 30000 /* what happens in the virtual cluster makes no event on the host cluster */

/* l holds the report that was shown last, with its document. */
static int show_change(void *arg, const char *key RK_UNUSED, struct rk_err *err)
{
	struct look *l = arg, shown = *l;
	int rc;

	l->d = rk_doc_new(true);
	rc = st_gather(l, err);
	if (rc < 0 || (shown.report && rk_val_equal(shown.report, l->report))) {
		rk_doc_free(l->d);
		*l = shown;
		return rc;
	}
	st_show(l);
	rk_doc_free(shown.d);
	return rk_out_flush(err);
}

static int watch(struct look *l, struct rk_err *err)
{
	static const struct rk_res *const kinds[] = {
		&RK_CLUSTER, &RK_STATEFULSET, &RK_SECRET, &RK_INGRESS, &RK_SERVICE};
	bool all = l->o->all;
	struct rk_reconciler_conf conf = {.reconcile = all ? st_show_all : show_change,
		.arg = l,
		.warn = rk_warn,
		.resync_ms = RESYNC_MS};
	rk_auto_loop *loop = rk_loop_new();
	rk_auto_reconciler *r = rk_reconciler_new(loop, &conf);
	int rc;

	rk_out_stamp();
	l->live = all ? rk_live_new(ST_ALL_KEYS, ST_ALL_PHASE, ST_ALL_AGE)
		      : rk_live_new(1, 1, SIZE_MAX);
	rk_reconciler_add(r, "", "");
	for (size_t i = 0; i < (all ? 1 : RK_COUNT(kinds)); i++)
		rk_reconciler_watch(r, "", l->host, kinds[i], l->ns, NULL);
	rc = rk_reconciler_run(r, err);
	rk_live_free(rk_steal(&l->live));
	return rc;
}

/* Which virtual cluster; the names of its objects are those given, else those of its settings. at:
 * namespace, cluster, and the same of the Secret in the virtual cluster. */
static int find(struct look *l, const char *ref, char *at[4], struct rk_settings *s,
	struct rk_doc *d, struct rk_err *err)
{
	const struct opts *o = l->o;
	bool known;
	int rc;

	if (rk_settings_open(s, &o->settings, RK_SETTINGS_NAMES, err) < 0)
		return -1;
	known = o->settings.config;
	if (known)
		rc = rk_k3k_ref(ref ? ref : rk_settings_cluster(s),
			o->kube.ns ? o->kube.ns : rk_settings_ns(s), &at[0], &at[1], err);
	else
		rc = rk_k3k_choose(l->host, o->kube.ns, ref, &at[0], &at[1], err);
	if (rc < 0 || rk_certcopy_from(o->from, &at[2], &at[3], err) < 0)
		return -1;
	l->ns = at[0];
	l->cluster = at[1];
	l->from_ns = at[2];
	l->from = at[3];
	known = known && rk_streq(rk_settings_ns(s), l->ns) &&
		rk_streq(rk_settings_cluster(s), l->cluster);
	l->names = (struct rk_ingress){.cluster = l->cluster,
		.service = o->service,
		.name = o->ingress,
		.secret = o->secret};
	if (known)
		rk_step_ingress(s, &l->names);
	rk_ingress_names(d, &l->names);
	return 0;
}

static int run(void *p, int argc, char **argv, struct rk_err *err)
{
	struct opts *o = p;
	rk_auto_kube *host = NULL;
	rk_auto_settings *s = rk_settings_new();
	rk_auto_doc *names = rk_doc_new(false);
	char *at[4] = {NULL}; /* namespace, cluster; the same of the Secret inside */
	struct look l = {.o = o, .state = RK_BUF_INIT};
	int rc;

	if (o->all &&
		(argc || o->settings.config || o->service || o->ingress || o->secret || o->from))
		return rk_err_set(err, RK_USAGE, "-A shows all virtual clusters: leave out %s",
			argc ? argv[0] : "-c and names of objects");
	if (!o->all && (o->labels || o->out.sort_by))
		return rk_err_set(err, RK_USAGE, "%s requires -A", o->labels ? "-l" : "--sort-by");
	if (!o->all && !argc && !o->kube.ns && !o->settings.config &&
		access("deploy.conf", R_OK) == 0) {
		o->settings.config = "deploy.conf";
		rk_note("using ./deploy.conf");
	}
	rc = rk_kube_open(&host, &o->kube, err);
	l.host = host;
	if (rc == 0 && !o->all)
		rc = find(&l, argc ? argv[0] : NULL, at, s, names, err);
	if (rc == 0)
		rc = o->watch ? watch(&l, err)
		     : o->all ? st_show_all(&l, "", err)
			      : look_once(&l, err);
	rk_buf_release(&l.state);
	rk_doc_free(l.d);
	for (size_t i = 0; i < RK_COUNT(at); i++)
		free(at[i]);
	return rc;
}

static const struct rk_verb verbs[] = {
	{.args = "[[NAMESPACE/]CLUSTER]",
		.summary = "show the state of a virtual cluster and its Rancher",
		.opts = options,
		.max_args = 1,
		.complete = "cluster",
		.run = run},
	{.run = NULL},
};

static const struct rk_cmd cmd = {
	.name = "status",
	.summary = "show the state of a virtual cluster and its Rancher",
	.help = rk_help,
	.opts_size = sizeof(struct opts),
	.verbs = verbs,
};

int main(int argc, char **argv)
{
	return rk_main(&cmd, argc, argv);
}
