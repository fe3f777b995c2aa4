// SPDX-License-Identifier: Apache-2.0
/* cert-sync - reads Rancher's TLS Secret in the virtual cluster, checks it, and writes it to the host
 * cluster when it differs there. With --watch it keeps running and copies every renewal. */
#include "expose/expose.h"
#include "cli/cli.h"
#include "k3k/k3k.h"
#include "watch/watch.h"
#include "settings/settings.h"
#include "steps/steps.h"

#define RESYNC_MS 600000 /* a certificate can expire without an event */

struct opts {
	struct rk_kube_flags kube;
	struct rk_out_flags out;
	struct rk_settings_flags settings; /* defaults of all the others */
	const char *from, *to;
	struct rk_strv hosts;
	bool watch;
	int dry;
};

static const struct rk_opt options[] = {
	OPT_STR("from", from, "NS/SECRET",
		"Secret in the virtual cluster to copy; default: cattle-system/"
		"tls-rancher-ingress, or with several hosts the one that deploy makes for them",
		.names = RK_NAMES_REF),
	OPT_STR("to", to, "SECRET",
		"Secret on the host cluster, in the virtual cluster's namespace; default: "
		"tls-CLUSTER-ingress",
		.names = RK_NAMES_OBJECT),
	OPT_CSV("host", hosts, "NAME",
		"name the certificate must cover; default: the hosts of the host cluster's "
		"Ingress",
		.names = RK_NAMES_HOST),
	OPT_FLAG("watch", watch,
		"keep running, and copy whenever either Secret changes; each line begins with the "
		"time",
		.key = 'w'),
	OPT_DRY_RUN(dry),
	OPT_GROUP_SETTINGS(settings),
	OPT_GROUP_OUT(out),
	OPT_GROUP_KUBE(kube),
	OPT_END,
};

/* Everything one copy needs; names live as long as the run. */
struct job {
	const struct opts *o;
	struct rk_kube *host;
	struct rk_settings *s;
	char *ns, *cluster, *from_ns, *from; /* from NULL: as the host names decide */
	struct rk_ingress names;	     /* of the objects on the host cluster */
	struct rk_vcluster virt;
	struct rk_reconciler *reconciler; /* --watch */
	int64_t shown_expiry;
};

/* For the host names that were given, else those of the settings, else those that the host cluster's
 * Ingress serves. */
static int copy(struct job *j, struct rk_certcopy_result *r, struct rk_err *err)
{
	struct rk_certcopy c = {.cluster = j->cluster,
		.from_ns = j->from_ns,
		.from = j->from,
		.to_ns = j->ns,
		.to = j->names.secret};
	rk_auto_doc *d = rk_doc_new(false);
	struct rk_val *ing;
	int rc = 0;

	for (size_t i = 0; i < j->o->hosts.n; i++)
		rk_strv_add(&c.hosts, j->o->hosts.v[i]);
	if (!c.hosts.n && j->o->settings.config)
		rk_settings_hosts(j->s, &c.hosts);
	if (!c.hosts.n) {
		rc = rk_kube_find(j->host, &RK_INGRESS, j->ns, j->names.name, d, &ing, err);
		rk_ingress_hosts(rc == 0 ? ing : NULL, &c.hosts);
	}
	if (rc == 0)
		rc = rk_certcopy(j->virt.kube, j->host, &c, r, err);
	rk_strv_release(&c.hosts);
	return rc;
}

static void print(const struct job *j, const struct rk_certcopy_result *r)
{
	rk_auto_doc *d = rk_doc_new(false);
	struct rk_val *v = rk_map(d);
	char expires[32];

	rk_time_format(r->not_after, expires);
	if (j->o->out.fmt == RK_FMT_NAME) {
		rk_printf("secret/%s\n", j->names.secret);
	} else if (j->o->out.fmt == RK_FMT_JSON || j->o->out.fmt == RK_FMT_YAML) {
		rk_set_str(d, v, "secret", j->names.secret);
		rk_set_str(d, v, "namespace", j->ns);
		rk_set_str(d, v, "outcome", rk_outcome_word(r->outcome));
		rk_set_str(d, v, "fingerprint", r->fingerprint);
		rk_set_str(d, v, "expires", expires);
		rk_print_val((enum rk_fmt)j->o->out.fmt, v);
	} else {
		rk_event("secret/%s %s%s\n", j->names.secret, rk_outcome_word(r->outcome),
			rk_dry_word(j->o->dry));
		rk_aside("certificate of %s expires %s", j->cluster, expires);
	}
	if (r->adopted)
		rk_note("secret/%s: took over from the tool that wrote it before", j->names.secret);
}

static int reconcile(void *arg, const char *key, struct rk_err *err)
{
	struct job *j = arg;
	struct rk_certcopy_result r;

	if (!j->virt.kube) {
		rk_auto_free char *from = j->from ? rk_asprintf("metadata.name=%s", j->from)
						  : rk_strdup("type=kubernetes.io/tls");

		if (rk_vcluster_open(&j->virt, j->host, j->ns, j->cluster, err) < 0)
			return err->code == RK_CONFLICT ? 1 : -1;
		rk_reconciler_watch(j->reconciler, key, j->virt.kube, &RK_SECRET, j->from_ns, from);
	}
	if (copy(j, &r, err) < 0) {
		/* no answer, or not the cluster that it was: connect again */
		if (err->http == 401 || (!err->http && err->reason)) {
			rk_reconciler_unwatch(j->reconciler, j->virt.kube);
			rk_vcluster_close(&j->virt);
		}
		return -1;
	}
	if (r.outcome != RK_UNCHANGED || j->shown_expiry != r.not_after)
		print(j, &r);
	j->shown_expiry = r.not_after;
	return rk_out_flush(err);
}

static int watch(struct job *j, struct rk_err *err)
{
	struct rk_reconciler_conf conf = {
		.reconcile = reconcile, .arg = j, .warn = rk_warn, .resync_ms = RESYNC_MS};
	rk_auto_free char *to = rk_asprintf("metadata.name=%s", j->names.secret);
	rk_auto_loop *loop = rk_loop_new();
	int rc;

	rk_out_stamp();
	j->reconciler = rk_reconciler_new(loop, &conf);
	rk_reconciler_add(j->reconciler, "", j->cluster);
	rk_reconciler_watch(j->reconciler, j->cluster, j->host, &RK_SECRET, j->ns, to);
	rc = rk_reconciler_run(j->reconciler, err);
	rk_reconciler_free(j->reconciler);
	return rc;
}

static int copy_once(struct job *j, struct rk_err *err)
{
	struct rk_certcopy_result r;

	if (rk_vcluster_open(&j->virt, j->host, j->ns, j->cluster, err) < 0 || copy(j, &r, err) < 0)
		return -1;
	print(j, &r);
	return 0;
}

static int run(void *p, int argc, char **argv, struct rk_err *err)
{
	struct opts *o = p;
	rk_auto_settings *s = rk_settings_new();
	rk_auto_doc *names = rk_doc_new(false);
	rk_auto_kube *host = NULL;
	const char *ns = o->kube.ns, *ref = argc ? argv[0] : NULL;
	rk_auto_free char *from = NULL;
	struct job j = {.o = o, .s = s};
	int rc;

	if (rk_settings_open(s, &o->settings, RK_SETTINGS_GIVEN, err) < 0 ||
		rk_kube_open(&host, &o->kube, err) < 0)
		return -1;
	if (o->settings.config) {
		ns = ns ? ns : rk_settings_ns(s);
		ref = ref ? ref : rk_settings_cluster(s);
		from = rk_asprintf(RK_RANCHER_NS "/%s", rk_settings_tls_source_secret(s));
	}
	j.host = host;
	rc = rk_k3k_choose(host, ns, ref, &j.ns, &j.cluster, err);
	if (rc == 0)
		rc = rk_certcopy_from(o->from ? o->from : from, &j.from_ns, &j.from, err);
	if (rc == 0) {
		j.names = (struct rk_ingress){.cluster = j.cluster, .secret = o->to};
		if (o->settings.config)
			rk_step_ingress(s, &j.names);
		rk_ingress_names(names, &j.names);
		rc = o->watch ? watch(&j, err) : copy_once(&j, err);
	}
	rk_vcluster_close(&j.virt);
	free(j.ns);
	free(j.cluster);
	free(j.from_ns);
	free(j.from);
	return rc;
}

static const struct rk_verb verbs[] = {
	{.args = "[[NAMESPACE/]CLUSTER]",
		.summary = "copy Rancher's certificate to the host cluster",
		.opts = options,
		.max_args = 1,
		.complete = "cluster",
		.run = run},
	{.run = NULL},
};

static const struct rk_cmd cmd = {
	.name = "cert-sync",
	.summary = "copy Rancher's certificate from the virtual cluster to the host cluster",
	.help = rk_help,
	.opts_size = sizeof(struct opts),
	.verbs = verbs,
};

int main(int argc, char **argv)
{
	return rk_main(&cmd, argc, argv);
}
