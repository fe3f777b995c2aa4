// SPDX-License-Identifier: Apache-2.0
/* cert-sync - reads Rancher's TLS Secret in the virtual cluster, judges it, and writes it to the
 * host when it differs there. With --watch it stays and carries every renewal across. */
#include "expose/expose.h"
#include "cli/cli.h"
#include "k3k/k3k.h"
#include "watch/watch.h"
#include "settings/settings.h"

struct opts {
	struct rk_kube_flags kube;
	struct rk_out_flags out;
	struct rk_settings_flags settings; /* defaults of all the others */
	const char *from, *to;
	struct rk_strv hosts;
	bool watch;
	int dry;
};

static const struct rk_opt OPTS[] = {{.name = "from",
					     .names = RK_NAMES_REF,
					     .kind = RK_OPT_STR,
					     .off = offsetof(struct opts, from),
					     .arg = "NS/SECRET",
					     .help = "Secret in the virtual cluster to copy; "
						     "default: cattle-system/"
						     "tls-rancher-ingress, or with several hosts "
						     "what deploy makes for them"},
	{.name = "to",
		.names = RK_NAMES_OBJECT,
		.kind = RK_OPT_STR,
		.off = offsetof(struct opts, to),
		.arg = "SECRET",
		.help = "Secret on the host, in the cluster's namespace; default: "
			"tls-CLUSTER-ingress"},
	{.name = "host",
		.names = RK_NAMES_HOST,
		.kind = RK_OPT_CSV,
		.off = offsetof(struct opts, hosts),
		.arg = "NAME",
		.help = "name the certificate must cover; default: the hosts of the host's "
			"Ingress"},
	{.name = "watch",
		.key = 'w',
		.kind = RK_OPT_FLAG,
		.off = offsetof(struct opts, watch),
		.help = "keep running, and copy whenever either Secret changes; each line begins "
			"with the time"},
	RK_OPT_DRY_RUN(struct opts, dry), RK_GROUP_SETTINGS(struct opts, settings),
	RK_GROUP_OUT(struct opts, out), RK_GROUP_KUBE(struct opts, kube), RK_OPT_END};

/* Everything one copy needs; names live as long as the run. */
struct job {
	const struct opts *o;
	struct rk_kube *host;
	struct rk_settings *s;
	bool given;			      /* the settings */
	char *ns, *cluster, *from_ns, *from;  /* from NULL: as the host names want it */
	struct rk_doc *hosts_doc, *names_doc; /* hold the strings of hosts, of names */
	struct rk_ingress names;	      /* of the objects on the host */
	struct rk_strv hosts;
	struct rk_vcluster virt;
	struct rk_keeper *keeper; /* --watch */
	int64_t told_expiry;
};

static int enter(struct job *j, struct rk_err *err)
{
	return rk_vcluster_open(&j->virt, j->host, j->ns, j->cluster, err);
}

static void leave(struct job *j)
{
	if (j->keeper && j->virt.kube)
		rk_keeper_leave(j->keeper, j->virt.kube);
	rk_vcluster_close(&j->virt);
}

static void job_release(struct job *j)
{
	leave(j);
	rk_keeper_free(j->keeper);
	free(j->ns);
	free(j->cluster);
	free(j->from_ns);
	free(j->from);
	rk_strv_release(&j->hosts);
	rk_doc_free(j->hosts_doc);
	rk_doc_free(j->names_doc);
	rk_settings_free(j->s);
	rk_kube_free(j->host);
}

/* Host names: those given, else those the host's Ingress serves. */
static int find_hosts(struct job *j, struct rk_err *err)
{
	struct rk_val *ing;

	rk_strv_release(&j->hosts);
	for (size_t i = 0; i < j->o->hosts.n; i++)
		rk_strv_add(&j->hosts, j->o->hosts.v[i]);
	if (!j->hosts.n && j->given)
		rk_settings_hosts(j->s, &j->hosts);
	if (j->hosts.n)
		return 0;
	rk_doc_free(j->hosts_doc);
	j->hosts_doc = rk_doc_new(false);
	if (rk_kube_find(j->host, &RK_INGRESS, j->ns, j->names.name, j->hosts_doc, &ing, err) < 0)
		return -1;
	if (ing)
		rk_ingress_hosts(ing, &j->hosts);
	return 0;
}

static void emit(const struct job *j, const struct rk_certcopy_result *r)
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
		rk_note("took secret/%s over from the tool that wrote it before", j->names.secret);
}

static int copy(struct job *j, struct rk_certcopy_result *r, struct rk_err *err)
{
	struct rk_certcopy c = {
		.cluster = j->cluster,
		.from_ns = j->from_ns,
		.from = j->from,
		.to_ns = j->ns,
		.to = j->names.secret,
	};

	if (find_hosts(j, err) < 0)
		return -1;
	c.hosts = j->hosts;
	return rk_certcopy(j->virt.kube, j->host, &c, r, err);
}

static int copy_once(struct job *j, struct rk_err *err)
{
	struct rk_certcopy_result r;

	if (enter(j, err) < 0 || copy(j, &r, err) < 0)
		return -1;
	emit(j, &r);
	return 0;
}

/* --- --watch --- */

#define LOOK_MS \
	600000 /* a look even when no event came: a certificate can expire without an event */

/* No answer, or not the cluster that it was: the connection must be found again. */
static bool is_lost(const struct rk_err *err)
{
	return err->http == 401 || (!err->http && err->reason);
}

static int look(void *arg, struct rk_err *err)
{
	struct job *j = arg;
	struct rk_certcopy_result r;

	if (!j->virt.kube) {
		rk_auto_free char *from = j->from ? rk_asprintf("metadata.name=%s", j->from)
						  : rk_strdup("type=kubernetes.io/tls");

		if (enter(j, err) < 0)
			return err->code == RK_CONFLICT ? 1 : -1;
		rk_keeper_hear(j->keeper, j->virt.kube, &RK_SECRET, j->from_ns, from);
	}
	if (copy(j, &r, err) < 0) {
		if (is_lost(err))
			leave(j);
		return -1;
	}
	if (r.outcome != RK_UNCHANGED || j->told_expiry != r.not_after)
		emit(j, &r);
	j->told_expiry = r.not_after;
	return rk_out_flush(err);
}

static int watch(struct job *j, struct rk_err *err)
{
	rk_auto_free char *to = rk_asprintf("metadata.name=%s", j->names.secret);

	rk_out_stamp();
	j->keeper = rk_keeper_new(look, j, LOOK_MS, rk_warn);
	rk_keeper_hear(j->keeper, j->host, &RK_SECRET, j->ns, to);
	return rk_keeper_run(j->keeper, err);
}

/* Names on the host: those that the settings make of the cluster's. */
static void find_names(struct job *j)
{
	j->names_doc = rk_doc_new(false);
	j->names = (struct rk_ingress){.cluster = j->cluster, .secret = j->o->to};
	if (!j->o->to && j->given)
		j->names.secret = rk_setting(j->s, RK_KEY_TLS_SECRET);
	rk_ingress_names(j->names_doc, &j->names);
}

static int run(void *p, int argc, char **argv, struct rk_err *err)
{
	struct opts *o = p;
	struct job j = {.o = o, .s = rk_settings_new()};
	const char *ns = o->kube.ns, *ref = argc ? argv[0] : NULL;
	rk_auto_free char *from = NULL;
	int rc = rk_settings_open_given(j.s, &o->settings, &j.given, err);

	if (rc == 0 && j.given) {
		ns = ns ? ns : rk_settings_ns(j.s);
		ref = ref ? ref : rk_settings_cluster(j.s);
		from = rk_asprintf("cattle-system/%s", rk_settings_tls_source_secret(j.s));
	}
	if (rc == 0)
		rc = rk_kube_open(&j.host, &o->kube, err);
	if (rc == 0)
		rc = rk_k3k_choose(j.host, ns, ref, &j.ns, &j.cluster, err);
	if (rc == 0)
		rc = rk_certcopy_from(o->from ? o->from : from, &j.from_ns, &j.from, err);
	if (rc == 0)
		find_names(&j);
	if (rc == 0)
		rc = o->watch ? watch(&j, err) : copy_once(&j, err);
	job_release(&j);
	return rc;
}

static const struct rk_verb VERBS[] = {
	{.args = "[[NAMESPACE/]CLUSTER]",
		.summary = "copy Rancher's certificate to the host",
		.opts = OPTS,
		.max_args = 1,
		.complete = "cluster",
		.run = run,
		.examples = "  kubectl rk3k cert-sync rancher\n"
			    "  kubectl rk3k cert-sync --host rancher.example.com --watch\n"},
	{.run = NULL}};

static const struct rk_cmd CMD = {
	.name = "cert-sync",
	.summary = "copy Rancher's certificate from the virtual cluster to the host",
	.description =
		"Reads the TLS Secret that cert-manager keeps inside the virtual cluster and "
		"writes it "
		"to the host, where the ingress controller serves it. A certificate that does not "
		"fit its key, is expired or does not cover the host names is refused, and the host "
		"keeps what it has. Nothing is written when nothing changed.",
	.opts_size = sizeof(struct opts),
	.verbs = VERBS,
};

int main(int argc, char **argv)
{
	return rk_main(&CMD, argc, argv);
}
