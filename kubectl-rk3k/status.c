// SPDX-License-Identifier: Apache-2.0
/* status - the state of a virtual cluster and its Rancher: the Cluster, its servers, the chart jobs,
 * both copies of the certificate, the connection, the kubeconfig. Reads only. */
#include "status/tool.h"

#include "expose/expose.h"
#include "k3k/k3k.h"
#include "watch/watch.h"
#include "settings/settings.h"

static const struct rk_opt OPTS[] = {
	{.name = "service",
		.names = RK_NAMES_NAMESPACE,
		.kind = RK_OPT_STR,
		.off = offsetof(struct opts, service),
		.arg = "NAME",
		.help = "name of the Service on the host; default: CLUSTER-k3k-traefik"},
	{.name = "ingress",
		.names = RK_NAMES_OBJECT,
		.kind = RK_OPT_STR,
		.off = offsetof(struct opts, ingress),
		.arg = "NAME",
		.help = "name of the Ingress on the host; default: CLUSTER-k3k-ingress"},
	{.name = "secret",
		.names = RK_NAMES_OBJECT,
		.kind = RK_OPT_STR,
		.off = offsetof(struct opts, secret),
		.arg = "NAME",
		.help = "TLS Secret that the Ingress serves; default: tls-CLUSTER-ingress"},
	{.name = "from",
		.names = RK_NAMES_REF,
		.kind = RK_OPT_STR,
		.off = offsetof(struct opts, from),
		.arg = "NS/SECRET",
		.help = "Secret in the virtual cluster that it is a copy of; default: "
			"cattle-system/tls-rancher-ingress, or with several hosts what deploy "
			"makes for them"},
	{.name = "all-namespaces",
		.key = 'A',
		.kind = RK_OPT_FLAG,
		.off = offsetof(struct opts, all),
		.help = "one line for each virtual cluster of the host"},
	{.name = "selector",
		.key = 'l',
		.kind = RK_OPT_STR,
		.off = offsetof(struct opts, labels),
		.arg = "LABELS",
		.help = "with -A: only virtual clusters with these labels"},
	{.name = "watch",
		.key = 'w',
		.kind = RK_OPT_FLAG,
		.off = offsetof(struct opts, watch),
		.help = "stay, and show what changes, with the time: redrawn on a terminal, else "
			"row by row"},
	RK_OPT_SORT_BY(struct opts, out), RK_GROUP_SETTINGS(struct opts, settings),
	RK_GROUP_OUT(struct opts, out), RK_GROUP_KUBE(struct opts, kube), RK_OPT_END};

static int look_once(struct look *l, struct rk_err *err)
{
	l->d = rk_doc_new(true);
	if (st_gather(l, err) < 0)
		return -1;
	st_show(l);
	if (!l->problems->count)
		return 0;
	return rk_err_set(err, RK_FAIL, "%u thing%s not as %s should be in %s/%s",
		l->problems->count, l->problems->count == 1 ? " is" : "s are",
		l->problems->count == 1 ? "it" : "they", l->ns, l->cluster);
}

/* --- --watch: events of the host say when to look again --- */

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
	struct rk_reconciler_conf conf = {
		.reconcile = show_change, .arg = l, .warn = rk_warn, .resync_ms = RESYNC_MS};
	rk_auto_loop *loop = rk_loop_new();
	rk_auto_reconciler *r = rk_reconciler_new(loop, &conf);
	int rc;

	rk_out_stamp();
	l->live = rk_live_new(1, 1, SIZE_MAX);
	rk_reconciler_add(r, "", l->cluster);
	for (size_t i = 0; i < RK_COUNT(kinds); i++)
		rk_reconciler_watch(r, l->cluster, l->host, kinds[i], l->ns, NULL);
	rc = rk_reconciler_run(r, err);
	rk_live_free(rk_steal(&l->live));
	return rc;
}

/* --- what it is about --- */

/* Names of the settings; where there are none, or they are not the deployment's, those given. */
static void find_names(struct look *l, const struct rk_settings *s, struct rk_doc *d)
{
	const struct opts *o = l->o;
	bool known = o->settings.config && rk_streq(rk_settings_ns(s), l->ns) &&
		     rk_streq(rk_settings_cluster(s), l->cluster);

	l->names = (struct rk_ingress){.cluster = l->cluster};
	if (known) {
		l->names.service = rk_setting(s, RK_KEY_SERVICE_NAME);
		l->names.name = rk_setting(s, RK_KEY_INGRESS_NAME);
		l->names.secret = rk_setting(s, RK_KEY_TLS_SECRET);
		l->names.class = rk_setting(s, RK_KEY_INGRESS_CLASS);
	}
	if (o->service)
		l->names.service = o->service;
	if (o->ingress)
		l->names.name = o->ingress;
	if (o->secret)
		l->names.secret = o->secret;
	rk_ingress_names(d, &l->names);
}

static int find(struct look *l, const char *ref, char *at[4], struct rk_settings *s,
	struct rk_doc *d, struct rk_err *err)
{
	const struct opts *o = l->o;
	bool given;
	int rc;

	if (rk_settings_open_names(s, &o->settings, &given, err) < 0)
		return -1;
	if (o->settings.config)
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
	find_names(l, s, d);
	return 0;
}

static int run(void *p, int argc, char **argv, struct rk_err *err)
{
	struct opts *o = p;
	rk_auto_kube *host = NULL;
	rk_auto_settings *s = rk_settings_new();
	rk_auto_doc *names = rk_doc_new(false);
	char *at[4] = {NULL}; /* namespace, cluster; the same of the Secret inside */
	struct look l = {.o = o};
	int rc;

	if (o->all &&
		(argc || o->settings.config || o->service || o->ingress || o->secret || o->from))
		return rk_err_set(err, RK_USAGE, "-A is about all virtual clusters; leave out %s",
			argc ? argv[0] : "-c and names of objects");
	if (!o->all && (o->labels || o->out.sort_by))
		return rk_err_set(err, RK_USAGE, "%s requires -A", o->labels ? "-l" : "--sort-by");
	if (!o->all && !argc && !o->kube.ns && rk_settings_find(&o->settings))
		rk_note("using ./deploy.conf");
	rc = rk_kube_open(&host, &o->kube, err);
	l.host = host;
	if (rc == 0 && !o->all)
		rc = find(&l, argc ? argv[0] : NULL, at, s, names, err);
	if (rc == 0)
		rc = o->all	? st_list_all(o, host, err)
		     : o->watch ? watch(&l, err)
				: look_once(&l, err);
	rk_doc_free(l.d);
	for (size_t i = 0; i < RK_COUNT(at); i++)
		free(at[i]);
	return rc;
}

static const struct rk_verb VERBS[] = {
	{.args = "[[NAMESPACE/]CLUSTER]",
		.summary = "show how a virtual cluster and its Rancher are",
		.opts = OPTS,
		.max_args = 1,
		.complete = "cluster",
		.run = run,
		.examples = "  kubectl rk3k status\n"
			    "  kubectl rk3k status -c deploy.conf\n"
			    "  kubectl rk3k status -A\n"
			    "  kubectl rk3k status rancher -o json | jq .certificates\n"},
	{.run = NULL}};

static const struct rk_cmd CMD = {
	.name = "status",
	.summary = "one look at a virtual cluster and its Rancher",
	.description =
		"Shows the Cluster's phase, its servers, the chart jobs, the Service and Ingress "
		"on the host cluster, both copies of the certificate with their expiry and whether "
		"they agree, how long the kubeconfig lasts, and whether each URL answers. Without "
		"a name and without -n, ./deploy.conf says which virtual cluster. What is not as "
		"it should be is named on standard error, and the exit "
		"status is 1.",
	.opts_size = sizeof(struct opts),
	.verbs = VERBS,
};

int main(int argc, char **argv)
{
	return rk_main(&CMD, argc, argv);
}
