// SPDX-License-Identifier: Apache-2.0
/* status - one look at a virtual cluster and its Rancher: the Cluster, its servers, the chart jobs,
 * both copies of the certificate, the way in, the kubeconfig. Reads only. */
#include "cert.h"
#include "certcopy.h"
#include "cli.h"
#include "cond.h"
#include "helmchart.h"
#include "ingress.h"
#include "k3k.h"
#include "loop.h"
#include "settings.h"

#include <stdarg.h>

struct opts {
	struct rk_kube_flags kube;
	struct rk_out_flags out;
	const char *config, *service, *ingress, *secret, *from;
	bool all, watch;
};

static const struct rk_opt OPTS[] = {
	{.name = "config",
		.key = 'c',
		.kind = RK_OPT_STR,
		.off = offsetof(struct opts, config),
		.arg = "FILE",
		.help = "deploy.conf, or what `kubectl rk3k config` writes (-: standard input): "
			"which virtual cluster, and the names below",
		.complete = "file"},
	{.name = "service",
		.kind = RK_OPT_STR,
		.off = offsetof(struct opts, service),
		.arg = "NAME",
		.help = "name of the Service on the host; default: CLUSTER-k3k-traefik"},
	{.name = "ingress",
		.kind = RK_OPT_STR,
		.off = offsetof(struct opts, ingress),
		.arg = "NAME",
		.help = "name of the Ingress on the host; default: CLUSTER-k3k-ingress"},
	{.name = "secret",
		.kind = RK_OPT_STR,
		.off = offsetof(struct opts, secret),
		.arg = "NAME",
		.help = "TLS Secret that the Ingress serves; default: tls-CLUSTER-ingress"},
	{.name = "from",
		.kind = RK_OPT_STR,
		.off = offsetof(struct opts, from),
		.arg = "NS/SECRET",
		.help = "Secret in the virtual cluster that it is a copy of; default: "
			"cattle-system/tls-rancher-ingress"},
	{.name = "all-namespaces",
		.key = 'A',
		.kind = RK_OPT_FLAG,
		.off = offsetof(struct opts, all),
		.help = "one line for each virtual cluster of the host"},
	{.name = "watch",
		.key = 'w',
		.kind = RK_OPT_FLAG,
		.off = offsetof(struct opts, watch),
		.help = "stay, and show it again whenever something changes"},
	RK_GROUP_OUT(struct opts, out), RK_GROUP_KUBE(struct opts, kube), RK_OPT_END};

/* What one look gathers. The report is a tree, so that -o json and the table show the same. */
struct look {
	const struct opts *o;
	struct rk_kube *host, *virt;
	const char *ns, *cluster;
	const char *from_ns, *from; /* Secret inside; from NULL: as the host names want it */
	struct rk_ingress names;    /* of the objects on the host */
	struct rk_doc *d;
	struct rk_val *report, *problems;
};

static void problem(struct look *l, const char *fmt, ...) RK_PRINTF(2, 3);

static void problem(struct look *l, const char *fmt, ...)
{
	char text[600];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	rk_append_str(l->d, l->problems, text);
}

/* Something on the host is not there. */
static void missing(struct look *l, const char *kind, const char *name)
{
	rk_auto_buf flags = RK_BUF_INIT;

	rk_ingress_flags(&l->names, "--secret", &flags);
	problem(l, "no %s %s/%s on the host; run: kubectl rk3k ingress restore %s/%s%s", kind,
		l->ns, name, l->ns, l->cluster, flags.s);
}

static void set_time(struct look *l, struct rk_val *map, const char *key, int64_t t)
{
	char text[32];

	rk_time_format(t, text);
	rk_set_str(l->d, map, key, text);
}

/* --- the host --- */

static void look_cluster(struct look *l, const struct rk_val *c)
{
	const char *phase = rk_get_str(c, "status", "phase", NULL);
	const char *version = rk_get_str(c, "spec", "version", NULL);
	const char *message = rk_get_str(rk_condition(c, "Ready"), "message", NULL);
	bool deleted = rk_get(c, "metadata", "deletionTimestamp", NULL) != NULL;

	if (!version)
		version = rk_get_str(c, "status", "hostVersion", NULL);
	if (deleted || !phase)
		phase = deleted ? "Terminating" : "Unknown";
	rk_set_str(l->d, l->report, "namespace", l->ns);
	rk_set_str(l->d, l->report, "cluster", l->cluster);
	rk_set_str(l->d, l->report, "phase", phase);
	if (version)
		rk_set_str(l->d, l->report, "version", version);
	if (deleted)
		problem(l, "the Cluster is being deleted");
	else if (!rk_streq(phase, "Ready"))
		problem(l, "the Cluster is %s: %s", phase, message ? message : "no message yet");
}

static int look_servers(struct look *l, const struct rk_val *c, struct rk_err *err)
{
	struct rk_val *sts, *v = rk_map_at(l->d, l->report, "servers", NULL);
	int64_t wanted = rk_get_int(c, 1, "spec", "servers", NULL), ready = 0;
	char name[64];

	rk_k3k_name(name, l->cluster, "server");
	if (rk_kube_find(l->host, &RK_STATEFULSET, l->ns, name, l->d, &sts, err) < 0)
		return -1;
	if (sts)
		ready = rk_get_int(sts, 0, "status", "readyReplicas", NULL);
	rk_set_int(l->d, v, "wanted", wanted);
	rk_set_int(l->d, v, "ready", ready);
	if (ready < wanted)
		problem(l, "%d of %d servers ready", (int)ready, (int)wanted);
	return 0;
}

/* One copy of the certificate into the report under certificates.WHERE. */
static int look_cert(struct look *l, struct rk_kube *k, const char *ns, const char *name,
	const char *where, const struct rk_strv *hosts, struct rk_err *err)
{
	struct rk_val *v = rk_map_at(l->d, l->report, "certificates", where, NULL), *secret;
	struct rk_certcopy_result res = {0};
	struct rk_err why = RK_ERR_INIT;

	if (rk_kube_find(k, &RK_SECRET, ns, name, l->d, &secret, err) < 0)
		return -1;
	if (!secret) {
		if (k == l->host)
			missing(l, "Secret", name);
		else
			problem(l, "no Secret %s/%s in the virtual cluster", ns, name);
		return 0;
	}
	if (rk_certcopy_judge(secret, hosts, &res, &why) < 0) {
		rk_set_str(l->d, v, "problem", why.msg);
		problem(l, "certificate %s: %s", where, why.msg);
	}
	if (res.not_after) {
		set_time(l, v, "expires", res.not_after);
		rk_set_str(l->d, v, "fingerprint", res.fingerprint);
	}
	return 0;
}

static int look_ingress(struct look *l, struct rk_strv *hosts, struct rk_err *err)
{
	struct rk_val *ing, *svc, *urls = rk_seq(l->d);

	if (rk_kube_find(l->host, &RK_INGRESS, l->ns, l->names.name, l->d, &ing, err) < 0 ||
		rk_kube_find(l->host, &RK_SERVICE, l->ns, l->names.service, l->d, &svc, err) < 0)
		return -1;
	rk_ingress_hosts(ing, hosts);
	for (size_t i = 0; i < hosts->n; i++)
		rk_append(urls, rk_string(l->d, rk_doc_printf(l->d, "https://%s", hosts->v[i])));
	rk_set(l->d, l->report, "urls", urls);
	rk_set_bool(l->d, rk_map_at(l->d, l->report, "ingress", NULL), "ingress", ing != NULL);
	rk_set_bool(l->d, rk_map_at(l->d, l->report, "ingress", NULL), "service", svc != NULL);
	if (!ing)
		missing(l, "Ingress", l->names.name);
	if (!svc)
		missing(l, "Service", l->names.service);
	return 0;
}

/* --- inside --- */

static void look_chart(struct look *l, struct rk_val *charts, const struct rk_chart *c)
{
	struct rk_val *v = rk_map(l->d);

	rk_set_str(l->d, v, "name", c->name);
	if (c->version)
		rk_set_str(l->d, v, "version", c->version);
	rk_set_str(l->d, v, "job", rk_chart_word(c->phase));
	if (c->reason)
		rk_set_str(l->d, v, "reason", c->reason);
	if (c->restarts)
		rk_set_int(l->d, v, "restarts", c->restarts);
	rk_append(charts, v);
	if (c->phase == RK_CHART_FAILING)
		problem(l, "chart %s cannot be installed (%d tries); see: kubectl logs -n %s %s",
			c->name, (int)c->restarts + 1, RK_HELMCHART_NS, c->pod);
}

static int look_charts(struct look *l, struct rk_err *err)
{
	struct rk_val *charts = rk_seq(l->d);
	struct rk_chart_lists lists;

	if (rk_chart_lists(l->virt, l->d, &lists, err) < 0)
		return -1;
	rk_each (chart, lists.charts) {
		struct rk_chart c;

		rk_chart_judge(chart, lists.jobs, lists.pods, &c);
		look_chart(l, charts, &c);
	}
	rk_set(l->d, l->report, "charts", charts);
	return 0;
}

static int look_rancher(struct look *l, struct rk_err *err)
{
	struct rk_val *dep, *v = rk_map_at(l->d, l->report, "rancher", NULL);
	int64_t wanted, ready;

	if (rk_kube_find(l->virt, &RK_DEPLOYMENT, RK_CERTCOPY_FROM_NS, "rancher", l->d, &dep, err) <
		0)
		return -1;
	rk_set_bool(l->d, v, "deployed", dep != NULL);
	if (!dep) {
		problem(l, "Rancher is not deployed in %s yet", RK_CERTCOPY_FROM_NS);
		return 0;
	}
	wanted = rk_get_int(dep, 1, "spec", "replicas", NULL);
	ready = rk_get_int(dep, 0, "status", "availableReplicas", NULL);
	rk_set_int(l->d, v, "wanted", wanted);
	rk_set_int(l->d, v, "available", ready);
	if (ready < wanted)
		problem(l, "%d of %d Rancher pods available", (int)ready, (int)wanted);
	return 0;
}

static void look_agreement(struct look *l)
{
	struct rk_val *v = rk_map_at(l->d, l->report, "certificates", NULL);
	const char *a = rk_get_str(v, "inside", "fingerprint", NULL);
	const char *b = rk_get_str(v, "host", "fingerprint", NULL);
	rk_auto_buf flags = RK_BUF_INIT;

	rk_set_bool(l->d, v, "agree", rk_streq(a, b));
	if (!a || !b || rk_streq(a, b))
		return;
	rk_ingress_flags(&(struct rk_ingress){.cluster = l->cluster, .secret = l->names.secret},
		"--to", &flags);
	if (l->o->from)
		rk_buf_addf(&flags, " --from %s", l->o->from);
	problem(l,
		"the host serves another certificate than the virtual cluster has; run: "
		"kubectl rk3k cert-sync %s/%s%s",
		l->ns, l->cluster, flags.s);
}

static int look_inside(struct look *l, const struct rk_strv *hosts, struct rk_err *err)
{
	const char *from = l->from;

	if (look_charts(l, err) < 0 || look_rancher(l, err) < 0 ||
		(!from && rk_certcopy_source(l->virt, hosts, &from, err) < 0) ||
		look_cert(l, l->virt, l->from_ns, from, "inside", hosts, err) < 0)
		return -1;
	look_agreement(l);
	return 0;
}

/* The way in; that there is none is a finding, not the end of the report. */
static void look_access(struct look *l, const struct rk_strv *hosts)
{
	struct rk_k3k_access access = RK_K3K_ACCESS_INIT;
	struct rk_val *v = rk_map_at(l->d, l->report, "kubeconfig", NULL);
	struct rk_err err = RK_ERR_INIT;
	int rc = rk_k3k_open(&l->virt, l->host, l->ns, l->cluster, &access, &err);

	if (rc == 0) {
		int64_t expires = rk_target_expires(rk_kube_target(l->virt));

		rk_set_str(l->d, v, "server", access.url);
		rk_set_str(l->d, v, "via", rk_k3k_via_word(access.via));
		if (expires)
			set_time(l, v, "expires", expires);
		rc = look_inside(l, hosts, &err);
	}
	if (rc < 0)
		problem(l, "the inside cannot be seen: %s", err.msg);
	rk_kube_free(l->virt);
	l->virt = NULL;
	rk_k3k_access_release(&access);
}

static int gather(struct look *l, struct rk_err *err)
{
	struct rk_strv hosts = {0};
	struct rk_val *c;
	int rc = rk_k3k_get(l->host, l->ns, l->cluster, l->d, &c, err);

	l->report = rk_map(l->d);
	l->problems = rk_seq(l->d);
	if (rc == 0) {
		look_cluster(l, c);
		rc = look_servers(l, c, err);
	}
	if (rc == 0)
		rc = look_ingress(l, &hosts, err);
	if (rc == 0)
		rc = look_cert(l, l->host, l->ns, l->names.secret, "host", &hosts, err);
	if (rc == 0)
		look_access(l, &hosts);
	rk_strv_release(&hosts);
	rk_set(l->d, l->report, "problems", l->problems);
	return rc;
}

/* --- the table --- */

static const char *text(struct look *l, const char *fmt, ...) RK_PRINTF(2, 3);

static const char *text(struct look *l, const char *fmt, ...)
{
	char s[600];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(s, sizeof(s), fmt, ap);
	va_end(ap);
	return rk_doc_strndup(l->d, s, strlen(s));
}

static void cert_row(struct look *l, struct rk_table *t, const char *title, const char *where)
{
	const struct rk_val *v = rk_get(l->report, "certificates", where, NULL);
	const char *expires = rk_get_str(v, "expires", NULL);
	const char *bad = rk_get_str(v, "problem", NULL);
	const char *fp = rk_get_str(v, "fingerprint", NULL);
	const struct rk_val *agree = rk_get(l->report, "certificates", "agree", NULL);
	bool differs = rk_streq(where, "host") && agree && !rk_get_bool(agree, true, NULL) &&
		       rk_get(l->report, "certificates", "inside", "fingerprint", NULL);

	if (v)
		rk_table_row(t, title,
			!expires  ? "missing"
			: bad	  ? "bad"
			: differs ? "differs"
				  : "valid",
			expires ? text(l, "until %s, sha256 %.16s…", expires, fp) : "");
}

static void chart_rows(struct look *l, struct rk_table *t)
{
	rk_each (c, rk_get(l->report, "charts", NULL)) {
		const char *version = rk_get_str(c, "version", NULL);
		const char *reason = rk_get_str(c, "reason", NULL);

		rk_table_row(t, text(l, "chart %s", rk_get_str(c, "name", NULL)),
			rk_get_str(c, "job", NULL),
			text(l, "%s%s%s", version ? version : "", version && reason ? ", " : "",
				reason ? reason : ""));
	}
}

static void print_table(struct look *l)
{
	static const char *const head[] = {"WHAT", "STATE", "DETAIL"};
	struct rk_table *t = rk_table_new(head, RK_COUNT(head));
	const struct rk_val *r = l->report;
	const struct rk_val *servers = rk_get(r, "servers", NULL),
			    *ranch = rk_get(r, "rancher", NULL);
	const char *version = rk_get_str(r, "version", NULL);
	const char *expires = rk_get_str(r, "kubeconfig", "expires", NULL);
	const char *server = rk_get_str(r, "kubeconfig", "server", NULL);

	rk_table_row(t, "cluster", rk_get_str(r, "phase", NULL),
		text(l, "%s/%s %s", l->ns, l->cluster, version ? version : ""));
	rk_table_row(t, "servers",
		text(l, "%d/%d", (int)rk_get_int(servers, 0, "ready", NULL),
			(int)rk_get_int(servers, 0, "wanted", NULL)),
		"");
	rk_table_row(t, "kubeconfig", server ? "works" : "unreachable",
		server ? text(l, "%s (%s)%s%s", server, rk_get_str(r, "kubeconfig", "via", NULL),
				 expires ? ", until " : "", expires ? expires : "")
		       : "");
	chart_rows(l, t);
	if (ranch)
		rk_table_row(t, "rancher",
			text(l, "%d/%d", (int)rk_get_int(ranch, 0, "available", NULL),
				(int)rk_get_int(ranch, 0, "wanted", NULL)),
			"");
	cert_row(l, t, "certificate inside", "inside");
	cert_row(l, t, "certificate on host", "host");
	rk_each (url, rk_get(r, "urls", NULL))
		rk_table_row(t, "url", "", rk_str(url));
	rk_table_print(t, RK_FMT_TABLE, !l->o->out.no_headers);
	rk_table_free(t);
	rk_each (p, l->problems)
		rk_note("%s", rk_str(p));
}

static void emit(struct look *l)
{
	switch (l->o->out.fmt) {
	case RK_FMT_JSON:
	case RK_FMT_YAML:
		rk_print_val((enum rk_fmt)l->o->out.fmt, l->report);
		break;
	case RK_FMT_NAME:
		rk_printf("cluster.k3k.io/%s\n", l->cluster);
		break;
	default:
		print_table(l);
	}
}

static int look_once(struct look *l, struct rk_err *err)
{
	l->d = rk_doc_new(true);
	if (gather(l, err) < 0)
		return -1;
	emit(l);
	if (!l->problems->count)
		return 0;
	return rk_err_set(err, RK_FAIL, "%u thing%s not as %s should be in %s/%s",
		l->problems->count, l->problems->count == 1 ? " is" : "s are",
		l->problems->count == 1 ? "it" : "they", l->ns, l->cluster);
}

/* --- --watch: events of the host say when to look again --- */

#define LOOK_MS 30000 /* what happens inside makes no event on the host */

/* l holds the report that was shown last, with its document. */
static int show_change(void *arg, struct rk_err *err)
{
	struct look *l = arg, shown = *l;
	int rc;

	l->d = rk_doc_new(true);
	rc = gather(l, err);
	if (rc < 0 || (shown.report && rk_val_equal(shown.report, l->report))) {
		rk_doc_free(l->d);
		*l = shown;
		return rc;
	}
	emit(l);
	rk_doc_free(shown.d);
	return rk_out_flush(err);
}

static int watch(struct look *l, struct rk_err *err)
{
	static const struct rk_res *const kinds[] = {
		&RK_CLUSTER, &RK_STATEFULSET, &RK_SECRET, &RK_INGRESS, &RK_SERVICE};
	rk_auto_keeper *keeper = rk_keeper_new(show_change, l, LOOK_MS, rk_warn);

	for (size_t i = 0; i < RK_COUNT(kinds); i++)
		rk_keeper_hear(keeper, l->host, kinds[i], l->ns, NULL);
	return rk_keeper_run(keeper, err);
}

/* --- -A: one pass over the list --- */

struct all {
	struct rk_table *table;
	struct rk_doc *d;
	struct rk_val *list;
	size_t seen;
};

static int one_of_all(void *arg, const struct rk_val *c, struct rk_err *err)
{
	struct all *a = arg;
	char servers[24], age[16];
	const char *phase = rk_get_str(c, "status", "phase", NULL);
	const char *version = rk_get_str(c, "spec", "version", NULL);
	int64_t born = rk_time_parse(rk_get_str(c, "metadata", "creationTimestamp", NULL));

	(void)err;
	a->seen++;
	if (rk_get(c, "metadata", "deletionTimestamp", NULL))
		phase = "Terminating";
	if (!version)
		version = rk_get_str(c, "status", "hostVersion", NULL);
	if (a->list) {
		rk_append(a->list, rk_copy(a->d, c));
		return 0;
	}
	snprintf(servers, sizeof(servers), "%d", (int)rk_get_int(c, 1, "spec", "servers", NULL));
	rk_age(time(NULL) - born, age);
	rk_table_row(a->table, rk_get_str(c, "metadata", "namespace", NULL),
		rk_get_str(c, "metadata", "name", NULL), rk_get_str(c, "spec", "mode", NULL),
		phase ? phase : "Unknown", servers, version, age);
	return 0;
}

static void print_all(const struct opts *o, struct all *a)
{
	struct rk_val *list;

	if (!a->list) {
		if (a->seen)
			rk_table_print(a->table, (enum rk_fmt)o->out.fmt, !o->out.no_headers);
		else
			rk_note("No virtual clusters found");
		return;
	}
	if (o->out.fmt == RK_FMT_NAME) {
		rk_each (c, a->list)
			rk_printf("cluster.k3k.io/%s\n", rk_get_str(c, "metadata", "name", NULL));
		return;
	}
	list = rk_map(a->d);
	rk_set_str(a->d, list, "apiVersion", "v1");
	rk_set_str(a->d, list, "kind", "List");
	rk_set(a->d, list, "items", a->list);
	rk_print_val((enum rk_fmt)o->out.fmt, list);
}

static int list_all(const struct opts *o, struct rk_kube *host, struct rk_err *err)
{
	static const char *const head[] = {
		"NAMESPACE", "NAME", "MODE", "PHASE", "SERVERS", "VERSION", "AGE"};
	rk_auto_doc *d = rk_doc_new(false);
	struct all a = {.table = rk_table_new(head, RK_COUNT(head)), .d = d};
	int rc;

	if (o->out.fmt != RK_FMT_TABLE && o->out.fmt != RK_FMT_WIDE)
		a.list = rk_seq(d);
	rc = rk_kube_list(host, &RK_CLUSTER, NULL, NULL, one_of_all, &a, NULL, err);
	if (rc == 0)
		print_all(o, &a);
	rk_table_free(a.table);
	return rc;
}

/* --- what it is about --- */

/* Names of the settings; where there are none, or they are not the deployment's, those given. */
static void find_names(struct look *l, const struct rk_settings *s, struct rk_doc *d)
{
	const struct opts *o = l->o;
	bool known = o->config && rk_streq(rk_settings_ns(s), l->ns) &&
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
	const char *ns = o->kube.ns ? o->kube.ns : RK_K3K_NS, *name = RK_K3K_CLUSTER;

	if (o->config) {
		if (rk_settings_load_names(s, o->config, err) < 0)
			return -1;
		ns = o->kube.ns ? o->kube.ns : rk_settings_ns(s);
		name = rk_settings_cluster(s);
	}
	if (rk_k3k_ref(ref ? ref : name, ns, &at[0], &at[1], err) < 0 ||
		(o->from && rk_k3k_ref(o->from, RK_CERTCOPY_FROM_NS, &at[2], &at[3], err) < 0))
		return -1;
	l->ns = at[0];
	l->cluster = at[1];
	l->from_ns = at[2] ? at[2] : RK_CERTCOPY_FROM_NS;
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
	int rc = o->all ? 0 : find(&l, argc ? argv[0] : NULL, at, s, names, err);

	if (rc == 0)
		rc = rk_kube_open(&host, &o->kube, err);
	l.host = host;
	if (rc == 0)
		rc = o->all	? list_all(o, host, err)
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
		"Shows the Cluster's phase, its servers, the chart jobs, both copies of the "
		"certificate "
		"with their expiry and whether they agree, the URLs and how long the kubeconfig "
		"lasts. What is not as it should be is named on standard error, and the exit "
		"status is 1.",
	.opts_size = sizeof(struct opts),
	.verbs = VERBS,
};

int main(int argc, char **argv)
{
	return rk_main(&CMD, argc, argv);
}
