// SPDX-License-Identifier: Apache-2.0
/* look - the state of one virtual cluster, from the host cluster and from its own API. */
#include "tool.h"

#define problem(l, ...) rk_append_str((l)->d, (l)->problems, rk_doc_printf((l)->d, __VA_ARGS__))

static void set_time(struct look *l, struct rk_val *map, const char *key, int64_t t)
{
	char text[32];

	rk_time_format(t, text);
	rk_set_str(l->d, map, key, text);
}

/* --- the host cluster --- */

static void look_cluster(struct look *l, const struct rk_val *c)
{
	const char *phase = rk_get_str(c, "status", "phase", NULL);
	const char *version = rk_get_str(c, "spec", "version", NULL);
	const char *message = rk_get_str(rk_condition(c, "Ready"), "message", NULL);
	bool deleted = rk_get(c, "metadata", "deletionTimestamp", NULL) != NULL;

	if (!version)
		version = rk_get_str(c, "status", "hostVersion", NULL);
	/* deploy makes a Cluster with this label for Rancher alone */
	l->rancher =
		l->rancher || rk_streq(rk_get_str(c, "metadata", "labels", RK_LABEL_MANAGED, NULL),
				      RK_LABEL_MANAGER);
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

/* The newest warning about the servers is added, as far as events can be read: a pod that is never created
 * leaves only events. */
static int look_servers(struct look *l, const struct rk_val *c, struct rk_err *err)
{
	struct rk_list_opts o = {.fields = "type=Warning"};
	struct rk_val *sts, *events = NULL, *v = rk_map_at(l->d, l->report, "servers", NULL);
	int64_t wanted = rk_get_int(c, 1, "spec", "servers", NULL), ready;
	const struct rk_val *newest = NULL;
	rk_auto_buf warning = RK_BUF_INIT;
	char name[64];

	rk_k3k_name(name, l->cluster, "server");
	if (rk_kube_find(l->host, &RK_STATEFULSET, l->ns, name, l->d, &sts, err) < 0)
		return -1;
	ready = rk_get_int(sts, 0, "status", "readyReplicas", NULL);
	rk_set_int(l->d, v, "wanted", wanted);
	rk_set_int(l->d, v, "ready", ready);
	if (ready >= wanted)
		return 0;
	if (sts && rk_kube_list_all(l->host, &RK_EVENT, l->ns, &o, l->d, &events, NULL) < 0)
		events = NULL;
	rk_each (e, events) {
		const char *on = rk_get_str(e, "involvedObject", "name", NULL);

		if (on && strstr(on, name) && !rk_why_noise(e) &&
			(!newest || rk_kube_event_time(e) >= rk_kube_event_time(newest)))
			newest = e;
	}
	if (newest) {
		rk_buf_puts(&warning, "; last warning: ");
		rk_why_event(newest, &warning);
	}
	problem(l, "%d of %d servers ready%s", (int)ready, (int)wanted, warning.s);
	return 0;
}

/* What the URL's certificate is verified with; a key that is absent or bad leaves it empty. */
static void anchor(const struct rk_val *secret, const char *key, struct rk_buf *out)
{
	rk_buf_reset(out);
	if (rk_need_base64(secret, out, NULL, "data", key, NULL) < 0)
		rk_buf_reset(out);
}

/* One copy of the certificate into the report under certificates.WHERE. */
static int look_cert(struct look *l, struct rk_kube *k, const char *ns, const char *name,
	const char *where, const struct rk_strv *hosts, struct rk_err *err)
{
	struct rk_val *v, *secret;
	struct rk_certcopy_result res = {0};
	struct rk_err why = RK_ERR_INIT;

	if (rk_kube_find(k, &RK_SECRET, ns, name, l->d, &secret, err) < 0)
		return -1;
	v = rk_map_at(l->d, l->report, "certificates", where, NULL);
	if (k == l->host)
		l->host_secret = secret != NULL;
	if (!secret) {
		if (k != l->host)
			problem(l, "no Secret %s/%s in the virtual cluster", ns, name);
		return 0;
	}
	if (rk_certcopy_judge(secret, hosts, &res, &why) < 0) {
		rk_set_str(l->d, v, "problem", why.msg);
		problem(l, "certificate %s: %s", where, why.msg);
	}
	anchor(secret, k == l->host ? "tls.crt" : "ca.crt", k == l->host ? &l->served : &l->ca);
	if (res.not_after) {
		set_time(l, v, "expires", res.not_after);
		rk_set_str(l->d, v, "fingerprint", res.fingerprint);
	}
	return 0;
}

static int look_ingress(struct look *l, struct rk_err *err)
{
	struct rk_exposure *x = &l->exposure;
	struct rk_val *urls = rk_seq(l->d);

	if (rk_exposure_look(x, l->host, l->ns, &l->names, l->d, err) < 0)
		return -1;
	for (size_t i = 0; i < x->hosts.n; i++)
		rk_append(urls, rk_string(l->d, rk_doc_printf(l->d, "https://%s", x->hosts.v[i])));
	rk_set(l->d, l->report, "urls", urls);
	rk_set_bool(l->d, rk_map_at(l->d, l->report, "ingress", NULL), "ingress", x->ingress);
	rk_set_bool(l->d, rk_map_at(l->d, l->report, "ingress", NULL), "service", x->service);
	l->rancher = l->rancher || x->ingress || x->service;
	return 0;
}

static void on_finding(void *arg, bool is_problem, const char *text)
{
	struct look *l = arg;

	rk_append_str(l->d, is_problem ? l->problems : l->warnings, text);
}

/* --- the virtual cluster --- */

static int look_charts(struct look *l, struct rk_err *err)
{
	struct rk_list_opts labelled = {.labels = RK_CHART_LABEL};
	struct rk_kube *k = l->virt.kube;
	struct rk_val *out = rk_seq(l->d), *charts, *jobs, *pods;

	if (rk_kube_list_all(k, &RK_HELMCHART, RK_CHART_NS, NULL, l->d, &charts, err) < 0 ||
		rk_kube_list_all(k, &RK_JOB, RK_CHART_NS, &labelled, l->d, &jobs, err) < 0 ||
		rk_kube_list_all(k, &RK_POD, RK_CHART_NS, &labelled, l->d, &pods, err) < 0)
		return -1;
	rk_each (chart, charts) {
		struct rk_val *v = rk_map(l->d);
		struct rk_chart c;

		rk_chart_judge(chart, jobs, pods, &c);
		l->rancher = l->rancher || rk_streq(c.name, "rancher");
		rk_set_str(l->d, v, "name", c.name);
		if (c.version)
			rk_set_str(l->d, v, "version", c.version);
		rk_set_str(l->d, v, "job", rk_chart_word(c.phase));
		if (c.reason)
			rk_set_str(l->d, v, "reason", c.reason);
		if (c.restarts)
			rk_set_int(l->d, v, "restarts", c.restarts);
		rk_append(out, v);
		if (c.phase == RK_CHART_FAILING)
			problem(l,
				"chart %s cannot be installed (%d tries); see: kubectl rk3k "
				"kubeconfig get %s/%s%s -- kubectl logs -n %s %s",
				c.name, (int)c.restarts + 1, l->ns, l->cluster, rk_here(),
				RK_CHART_NS, c.pod);
	}
	rk_set(l->d, l->report, "charts", out);
	return 0;
}

static int look_rancher(struct look *l, struct rk_err *err)
{
	struct rk_val *dep, *v;
	int64_t wanted, ready;

	if (rk_kube_find(l->virt.kube, &RK_DEPLOYMENT, RK_RANCHER_NS, "rancher", l->d, &dep, err) <
		0)
		return -1;
	v = rk_map_at(l->d, l->report, "rancher", NULL);
	rk_set_bool(l->d, v, "deployed", dep != NULL);
	if (!dep && l->rancher)
		problem(l, "Rancher is not deployed in %s yet", RK_RANCHER_NS);
	if (!dep)
		return 0;
	l->rancher = true;
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
		"the certificate on the host cluster differs from that of the virtual cluster; "
		"run: "
		"kubectl rk3k cert-sync %s/%s%s%s",
		l->ns, l->cluster, flags.s, rk_here());
}

static int look_inside(struct look *l, const struct rk_strv *hosts, struct rk_err *err)
{
	const char *from = l->from;
	struct rk_val *ca = NULL;

	if (look_charts(l, err) < 0 || look_rancher(l, err) < 0)
		return -1;
	l->inside = true;
	if (!l->rancher)
		return 0;
	if ((!from && rk_certcopy_source(l->virt.kube, hosts, &from, err) < 0) ||
		look_cert(l, l->virt.kube, l->from_ns, from, "inside", hosts, err) < 0)
		return -1;
	look_agreement(l);

	/* the CA as `wait url` finds it: what cert-manager wrote beside the certificate, else the
	 * anchor that Rancher gives its agents, else the system's roots */
	if (hosts->n && !l->ca.len &&
		rk_kube_find(l->virt.kube, &RK_SECRET, RK_RANCHER_NS, RK_RANCHER_CA_SECRET, l->d,
			&ca, err) < 0)
		return -1;
	if (ca)
		anchor(ca, "cacerts.pem", &l->ca);
	l->ca_known = true;
	return 0;
}

/* The connection; that there is none is a finding, not the end of the report. */
static void look_access(struct look *l, const struct rk_strv *hosts)
{
	struct rk_val *v = rk_map_at(l->d, l->report, "kubeconfig", NULL);
	struct rk_err err = RK_ERR_INIT;
	int rc = rk_vcluster_open(&l->virt, l->host, l->ns, l->cluster, &err);

	if (rc == 0) {
		int64_t expires = rk_target_expires(rk_kube_target(l->virt.kube));

		rk_set_str(l->d, v, "server", l->virt.url);
		rk_set_str(l->d, v, "via", rk_endpoint_word(l->virt.endpoint));
		if (expires)
			set_time(l, v, "expires", expires);
		if (expires && expires < (int64_t)time(NULL)) {
			rk_set_bool(l->d, v, "expired", true);
			problem(l,
				"the kubeconfig's client certificate expired on %s; run: kubectl "
				"rk3k kubeconfig generate %s/%s%s",
				rk_get_str(v, "expires", NULL), l->ns, l->cluster, rk_here());
		}
		rc = look_inside(l, hosts, &err);
	}
	if (rc < 0)
		problem(l, "cannot connect to the virtual cluster: %s", err.msg);
	rk_vcluster_close(&l->virt);
}

/* What is missing on the host cluster where Rancher is expected, and whether its URLs answer. Without a
 * connection to the virtual cluster its CA is unknown; then the answer is verified with the certificate that the host cluster
 * should serve. */
static void look_served(struct look *l)
{
	const struct rk_buf *ca = l->ca_known ? &l->ca : &l->served;
	struct rk_ping_conf c = {.ca = ca->s,
		.ca_len = ca->len,
		.resolve = l->o->kube.resolve,
		.request_ms = l->o->kube.request_timeout_ms};
	const struct {
		bool exists;
		const char *kind, *name;
	} all[] = {{l->exposure.ingress, "Ingress", l->names.name},
		{l->exposure.service, "Service", l->names.service},
		{l->host_secret, "Secret", l->names.secret}};
	rk_auto_buf flags = RK_BUF_INIT;

	rk_ingress_flags(&l->names, "--secret", &flags);
	for (size_t i = 0; i < RK_COUNT(all); i++)
		if (!all[i].exists)
			problem(l,
				"no %s %s/%s on the host cluster; run: kubectl rk3k ingress "
				"restore %s/%s%s%s",
				all[i].kind, l->ns, all[i].name, l->ns, l->cluster, flags.s,
				rk_here_settings());
	rk_exposure_ask(&l->exposure, &c);
	rk_set(l->d, l->report, "exposure", rk_exposure_report(&l->exposure, l->d));
	rk_exposure_tell(&l->exposure, on_finding, l);
}

int st_gather(struct look *l, struct rk_err *err)
{
	const struct opts *o = l->o;
	struct rk_val *c;
	int rc = rk_k3k_get(l->host, l->ns, l->cluster, l->d, &c, err);

	l->report = rk_map(l->d);
	l->problems = rk_seq(l->d);
	l->warnings = rk_seq(l->d);
	l->exposure = (struct rk_exposure){0};
	l->ca = l->served = (struct rk_buf)RK_BUF_INIT;
	l->ca_known = l->inside = l->host_secret = false;
	/* who names Rancher's objects, or has the settings of its deployment, expects it */
	l->rancher = o->settings.config || o->service || o->ingress || o->secret || o->from;
	if (rc == 0) {
		look_cluster(l, c);
		rc = look_servers(l, c, err);
	}
	if (rc == 0)
		rc = look_ingress(l, err);
	if (rc == 0)
		rc = look_cert(l, l->host, l->ns, l->names.secret, "host", &l->exposure.hosts, err);
	l->rancher = l->rancher || l->host_secret;
	if (rc == 0)
		look_access(l, &l->exposure.hosts);
	if (rc == 0 && l->rancher)
		look_served(l);
	rk_set_bool(l->d, l->report, "rancherExpected", l->rancher);
	rk_exposure_release(&l->exposure);
	rk_buf_release(&l->ca);
	rk_buf_release(&l->served);
	rk_set(l->d, l->report, "problems", l->problems);
	rk_set(l->d, l->report, "warnings", l->warnings);
	return rc;
}
