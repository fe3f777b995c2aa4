// SPDX-License-Identifier: Apache-2.0
/* ingress - the host cluster's Service and Ingress for Rancher: renders, applies, watches, restores,
 * shows and deletes them. */
#include "expose/expose.h"
#include "cli/cli.h"
#include "k3k/k3k.h"
#include "watch/watch.h"
#include "settings/settings.h"
#include "steps/steps.h"

struct opts {
	struct rk_kube_flags kube;
	struct rk_out_flags out;
	struct rk_settings_flags settings; /* defaults of all the others */
	const char *service, *name, *secret, *class, *from;
	struct rk_strv hosts;
	bool watch;
	int dry;
};

#define NAMES                                                                               \
	OPT_CSV("host", hosts, "NAME",                                                      \
		"host name of Rancher, the first is the primary one; repeatable",           \
		.names = RK_NAMES_HOST),                                                    \
		OPT_STR("service", service, "NAME",                                         \
			"name of the Service; default: CLUSTER-k3k-traefik",                \
			.names = RK_NAMES_NAMESPACE),                                       \
		OPT_STR("ingress", name, "NAME",                                            \
			"name of the Ingress; default: CLUSTER-k3k-ingress",                \
			.names = RK_NAMES_OBJECT),                                          \
		OPT_STR("secret", secret, "NAME",                                           \
			"TLS Secret that the Ingress serves; default: tls-CLUSTER-ingress", \
			.names = RK_NAMES_OBJECT),                                          \
		OPT_STR("class", class, "CLASS",                                            \
			"ingress class of the host cluster's controller; default: nginx",   \
			.names = RK_NAMES_OBJECT),                                          \
		OPT_GROUP_SETTINGS(settings), OPT_GROUP_OUT(out), OPT_GROUP_KUBE(kube), OPT_END

static const struct rk_opt options_read[] = {NAMES};
static const struct rk_opt options_delete[] = {OPT_DRY_RUN(dry), NAMES};
static const struct rk_opt options_restore[] = {
	OPT_STR("from", from, "NS/SECRET", "Secret in the virtual cluster to copy",
		.names = RK_NAMES_REF),
	OPT_DRY_RUN(dry), NAMES};
static const struct rk_opt options_apply[] = {
	OPT_FLAG("watch", watch, "keep running, and restore whatever is deleted or changed",
		.key = 'w'),
	OPT_DRY_RUN(dry), NAMES};

struct job {
	const struct opts *o;
	struct rk_kube *host;
	char *ns, *cluster;
	struct rk_settings *s;
	struct rk_doc *d;
	struct rk_ingress in;
	bool quiet_same; /* --watch: do not report "unchanged" */
};

/* Names: of the flags, else of the settings, else those made of the cluster's name. */
static int find_names(struct job *j, const char *ref, struct rk_err *err)
{
	const struct opts *o = j->o;
	const char *ns = o->kube.ns;
	struct rk_ingress *in = &j->in;

	if (rk_settings_open(j->s, &o->settings, RK_SETTINGS_GIVEN, err) < 0)
		return -1;
	if (o->settings.config) {
		ns = ns ? ns : rk_settings_ns(j->s);
		ref = ref ? ref : rk_settings_cluster(j->s);
	}
	if ((j->host ? rk_k3k_choose(j->host, ns, ref, &j->ns, &j->cluster, err)
		     : rk_k3k_ref(ref ? ref : RK_K3K_CLUSTER, ns ? ns : RK_K3K_NS, &j->ns,
			       &j->cluster, err)) < 0)
		return -1;
	*in = (struct rk_ingress){.ns = j->ns,
		.cluster = j->cluster,
		.service = o->service,
		.name = o->name,
		.secret = o->secret,
		.class = o->class};
	if (o->settings.config)
		rk_step_ingress(j->s, in);
	rk_ingress_names(j->d, in);
	for (size_t i = 0; i < o->hosts.n; i++)
		rk_strv_add(&in->hosts, o->hosts.v[i]);
	if (o->settings.config && !o->hosts.n)
		rk_settings_hosts(j->s, &in->hosts);
	return 0;
}

/* One verb: names, a connection unless it only renders, fn, and all released. What changes objects
 * prints a line for each. */
enum need { OFFLINE, READ, CHANGE };
static int with_job(void *opts, int argc, char **argv, enum need need,
	int (*fn)(struct job *, struct rk_err *), struct rk_err *err)
{
	const struct opts *o = opts;
	struct job j = {.o = o, .s = rk_settings_new(), .d = rk_doc_new(true)};
	int rc = need == CHANGE ? rk_cli_lines_only(&o->out, err) : 0;

	if (rc == 0 && need != OFFLINE)
		rc = rk_kube_open(&j.host, &o->kube, err);
	if (rc == 0)
		rc = find_names(&j, argc ? argv[0] : NULL, err);
	if (rc == 0)
		rc = fn(&j, err);
	rk_strv_release(&j.in.hosts);
	rk_doc_free(j.d);
	rk_settings_free(j.s);
	rk_kube_free(j.host);
	free(j.ns);
	free(j.cluster);
	return rc;
}

/* --- render --- */

static int render_objects(struct job *j, struct rk_err *err)
{
	struct rk_val *objs;

	if (rk_ingress_objects(j->d, &j->in, &objs, err) < 0)
		return -1;
	rk_each (obj, objs) {
		rk_auto_buf b = RK_BUF_INIT;

		if (j->o->out.fmt == RK_FMT_JSON) {
			rk_print_val(RK_FMT_JSON, obj);
		} else {
			rk_buf_puts(&b, "---\n");
			rk_yaml_write(obj, false, &b);
		}
		rk_print_buf(&b);
	}
	return 0;
}

static int render(void *opts, int argc, char **argv, struct rk_err *err)
{
	return with_job(opts, argc, argv, OFFLINE, render_objects, err);
}

/* --- apply --- */

static int apply_one(struct job *j, const struct rk_val *obj, struct rk_err *err)
{
	const char *kind = rk_get_str(obj, "kind", NULL);
	rk_auto_buf taken = RK_BUF_INIT, word = RK_BUF_INIT;
	struct rk_apply_opts o = {.adopt = true, .taken = &taken};
	enum rk_outcome outcome;

	/* where its Service exists is the host cluster */
	if (rk_streq(kind, RK_SERVICE.kind))
		o.before_create = rk_k3k_guard_host;
	if (rk_kube_apply(j->host, obj, &o, j->d, NULL, &outcome, err) < 0)
		return -1;
	rk_res_word(rk_res_find(rk_get_str(obj, "apiVersion", NULL), kind),
		rk_get_str(obj, "metadata", "name", NULL), &word);
	if (j->quiet_same && outcome == RK_UNCHANGED)
		; /* already reported */
	else if (j->o->out.fmt == RK_FMT_NAME)
		rk_printf("%s\n", word.s);
	else
		rk_event("%s %s%s\n", word.s, rk_outcome_word(outcome), rk_dry_word(j->o->dry));
	if (taken.len)
		rk_note("took over: %s", taken.s);
	return 0;
}

/* The Service selects the servers; the Ingress has one of the Services of that purpose as its backend. */
static bool is_ours(const struct job *j, const struct rk_val *obj)
{
	const struct rk_val *rule = rk_at(rk_get(obj, "spec", "rules", NULL), 0);
	const struct rk_val *path = rk_at(rk_get(rule, "http", "paths", NULL), 0);
	const char *to = rk_get_str(path, "backend", "service", "name", NULL);
	bool old = false;

	for (const char *const *name = rk_ingress_old_services; *name; name++)
		old = old || rk_streq(to, *name);
	return old || rk_streq(to, j->in.service) ||
	       rk_streq(rk_get_str(obj, "spec", "selector", "cluster", NULL), j->cluster);
}

/* Objects of the same purpose under the names that newer upstream scripts use: deleted once ours
 * exist, since two Ingresses for one host name conflict. */
static int remove_old(struct job *j, struct rk_err *err)
{
	const struct {
		const struct rk_res *res;
		const char *const *names;
		const char *ours;
	} all[] = {{&RK_INGRESS, rk_ingress_old_names, j->in.name},
		{&RK_SERVICE, rk_ingress_old_services, j->in.service}};

	for (size_t i = 0; i < RK_COUNT(all); i++)
		for (const char *const *name = all[i].names; *name; name++) {
			struct rk_delete_opts o = {.grace = -1};
			const struct rk_res *res = all[i].res;
			struct rk_val *old;

			if (rk_kube_find(j->host, res, j->ns, *name, j->d, &old, err) < 0)
				return -1;
			if (!old || !is_ours(j, old))
				continue;
			o.uid = rk_get_str(old, "metadata", "uid", NULL);
			if (rk_kube_delete(j->host, res, j->ns, *name, &o, NULL, err) < 0)
				return -1;
			rk_note("%s %s/%s of the rancher-k3k scripts is replaced by %s%s",
				res->kind, j->ns, *name, all[i].ours, rk_dry_word(j->o->dry));
		}
	return 0;
}

static int apply_all(struct job *j, struct rk_err *err)
{
	struct rk_val *objs;

	if (rk_ingress_objects(j->d, &j->in, &objs, err) < 0)
		return -1;
	rk_each (obj, objs)
		if (apply_one(j, obj, err) < 0)
			return -1;
	return remove_old(j, err);
}

/* --- host names that were not given: those of the existing Ingress, else those of Rancher --- */

static int find_hosts(struct job *j, struct rk_err *err)
{
	rk_auto_vcluster v = {0};
	struct rk_val *ing, *list;

	if (j->in.hosts.n)
		return 0;
	if (rk_kube_find(j->host, &RK_INGRESS, j->ns, j->in.name, j->d, &ing, err) < 0)
		return -1;
	for (const char *const *old = rk_ingress_old_names; !ing && *old; old++)
		if (rk_kube_find(j->host, &RK_INGRESS, j->ns, *old, j->d, &ing, err) < 0)
			return -1;
	rk_ingress_hosts(ing, &j->in.hosts);
	if (j->in.hosts.n)
		return 0;
	if (rk_vcluster_open(&v, j->host, j->ns, j->cluster, err) < 0 ||
		rk_kube_list_all(v.kube, &RK_INGRESS, RK_RANCHER_NS, NULL, j->d, &list, err) < 0)
		return -1;
	rk_each (i, list)
		rk_ingress_hosts(i, &j->in.hosts);
	if (j->in.hosts.n)
		return 0;
	rk_err_set(err, RK_NOTFOUND,
		"no host name: neither Ingress %s/%s nor one in %s of %s has any", j->ns,
		j->in.name, RK_RANCHER_NS, j->cluster);
	return rk_err_hint(err, "give --host NAME");
}

/* --- --watch --- */

#define RESYNC_MS 600000 /* also when no event came */

/* Each time in a separate document: this may go on for months. */
static int reconcile(void *arg, const char *key RK_UNUSED, struct rk_err *err)
{
	struct job *j = arg;
	struct rk_doc *own = j->d;
	int rc;

	j->d = rk_doc_new(true);
	rc = apply_all(j, err);
	rk_doc_free(j->d);
	j->d = own;
	if (rc < 0)
		return -1;
	j->quiet_same = true;
	return rk_out_flush(err);
}

static int watch(struct job *j, struct rk_err *err)
{
	rk_auto_free char *ing = rk_asprintf("metadata.name=%s", j->in.name);
	rk_auto_free char *svc = rk_asprintf("metadata.name=%s", j->in.service);
	struct rk_reconciler_conf conf = {
		.reconcile = reconcile, .arg = j, .warn = rk_warn, .resync_ms = RESYNC_MS};
	rk_auto_loop *loop = rk_loop_new();
	rk_auto_reconciler *rc = rk_reconciler_new(loop, &conf);

	rk_out_stamp();
	rk_reconciler_add(rc, "", j->cluster);
	rk_reconciler_watch(rc, j->cluster, j->host, &RK_INGRESS, j->ns, ing);
	rk_reconciler_watch(rc, j->cluster, j->host, &RK_SERVICE, j->ns, svc);
	return rk_reconciler_run(rc, err);
}

static int apply_or_watch(struct job *j, struct rk_err *err)
{
	if (find_hosts(j, err) < 0)
		return -1;
	return j->o->watch ? watch(j, err) : apply_all(j, err);
}

static int apply(void *opts, int argc, char **argv, struct rk_err *err)
{
	return with_job(opts, argc, argv, CHANGE, apply_or_watch, err);
}

/* --- restore: make what is missing, leave the rest alone --- */

static int copy_cert(struct job *j, struct rk_err *err)
{
	rk_auto_vcluster v = {0};
	rk_auto_free char *ns = NULL, *from = NULL;
	struct rk_certcopy_result res;
	struct rk_certcopy c = {
		.cluster = j->cluster, .to_ns = j->ns, .to = j->in.secret, .hosts = j->in.hosts};

	if (rk_certcopy_from(j->o->from, &ns, &from, err) < 0 ||
		rk_vcluster_open(&v, j->host, j->ns, j->cluster, err) < 0)
		return -1;
	c.from_ns = ns;
	c.from = from;
	if (rk_certcopy(v.kube, j->host, &c, &res, err) < 0)
		return -1;
	rk_printf("secret/%s %s%s\n", j->in.secret, rk_outcome_word(res.outcome),
		rk_dry_word(j->o->dry));
	return 0;
}

static int restore_missing(struct job *j, struct rk_err *err)
{
	struct rk_val *svc, *ing, *secret, *objs;

	if (rk_kube_find(j->host, &RK_SERVICE, j->ns, j->in.service, j->d, &svc, err) < 0 ||
		rk_kube_find(j->host, &RK_INGRESS, j->ns, j->in.name, j->d, &ing, err) < 0 ||
		rk_kube_find(j->host, &RK_SECRET, j->ns, j->in.secret, j->d, &secret, err) < 0)
		return -1;
	if (svc && ing && secret) {
		rk_note("Service, Ingress and Secret exist: nothing to restore; "
			"if Rancher is not served, check DNS and the ingress controller");
		return 0;
	}
	if (find_hosts(j, err) < 0 || rk_ingress_objects(j->d, &j->in, &objs, err) < 0)
		return -1;
	if (!svc && apply_one(j, rk_at(objs, 0), err) < 0)
		return -1;
	if (!secret && copy_cert(j, err) < 0)
		return -1;
	return ing ? 0 : apply_one(j, rk_at(objs, 1), err);
}

static int restore(void *opts, int argc, char **argv, struct rk_err *err)
{
	return with_job(opts, argc, argv, CHANGE, restore_missing, err);
}

/* --- status --- */

struct view {
	struct job *j;
	struct rk_exposure x;
	struct rk_buf served; /* chain in the Secret, which the answer is verified with */
	bool bad;
};

/* The report, and whether all exists and the certificate matches. */
static int gather(struct view *w, struct rk_val *v, bool *complete, struct rk_err *err)
{
	struct job *j = w->j;
	struct rk_exposure *x = &w->x;
	struct rk_ping_conf c = {
		.resolve = j->o->kube.resolve, .request_ms = j->o->kube.request_timeout_ms};
	struct rk_val *hosts = rk_seq(j->d), *secret;
	struct rk_certcopy_result res = {0};
	struct rk_err why = RK_ERR_INIT;
	char expires[32];

	if (rk_exposure_look(x, j->host, j->ns, &j->in, j->d, err) < 0)
		return -1;
	for (size_t i = 0; i < x->hosts.n; i++)
		rk_append_str(j->d, hosts, x->hosts.v[i]);
	rk_set_str(j->d, v, "service", x->service ? "exists" : "missing");
	rk_set_str(j->d, v, "ingress", x->ingress ? "exists" : "missing");
	rk_set(j->d, v, "hosts", hosts);
	if (rk_kube_find(j->host, &RK_SECRET, j->ns, j->in.secret, j->d, &secret, err) < 0)
		return -1;
	rk_set_str(j->d, v, "secret", secret ? "exists" : "missing");
	*complete = x->service && x->ingress && secret;
	if (secret && rk_certcopy_judge(secret, &x->hosts, &res, &why) < 0) {
		rk_set_str(j->d, v, "certificateProblem", why.msg);
		*complete = false;
	}
	if (res.not_after) {
		rk_time_format(res.not_after, expires);
		rk_set_str(j->d, v, "certificateExpires", expires);
	}
	if (rk_need_base64(secret, &w->served, NULL, "data", "tls.crt", NULL) < 0)
		rk_buf_reset(&w->served);
	c.ca = w->served.s;
	c.ca_len = w->served.len;
	rk_exposure_ask(x, &c);
	rk_set(j->d, v, "exposure", rk_exposure_report(x, j->d));
	return 0;
}

static void exposure_row(
	struct rk_table *t, const char *kind, const struct rk_val *v, const char *more)
{
	const char *detail = rk_get_str(v, "detail", NULL);
	rk_auto_buf b = RK_BUF_INIT;

	rk_buf_addf(&b, "%s%s%s", more, *more && detail ? ", " : "", detail ? detail : "");
	rk_table_row(t, kind, rk_get_str(v, "name", NULL), rk_get_str(v, "state", NULL), b.s);
}

static void print_table(const struct view *w, const struct rk_val *v)
{
	static const char *const head[] = {"KIND", "NAME", "STATE", "DETAIL"};
	struct rk_table *t = rk_table_new(head, RK_COUNT(head));
	const char *problem = rk_get_str(v, "certificateProblem", NULL);
	const char *expires = rk_get_str(v, "certificateExpires", NULL);
	rk_auto_buf hosts = RK_BUF_INIT, cert = RK_BUF_INIT;

	for (size_t i = 0; i < w->x.hosts.n; i++)
		rk_buf_addf(&hosts, "%s%s", i ? "," : "", w->x.hosts.v[i]);
	if (problem || expires)
		rk_buf_addf(&cert, "%s%s", problem ? "" : "expires ", problem ? problem : expires);
	exposure_row(t, "Service", rk_get(v, "exposure", "service", NULL), "");
	rk_table_row(t, "Secret", w->j->in.secret, rk_get_str(v, "secret", NULL), cert.s);
	exposure_row(t, "Ingress", rk_get(v, "exposure", "ingress", NULL), hosts.s);
	rk_each (url, rk_get(v, "exposure", "urls", NULL)) {
		const char *state = rk_get_str(url, "state", NULL);

		rk_table_row(t, "URL", rk_get_str(url, "url", NULL), state,
			rk_streq(state, "answers") ? "" : rk_get_str(url, "detail", NULL));
	}
	rk_table_print(t, RK_FMT_TABLE, !w->j->o->out.no_headers);
	rk_table_free(t);
}

static void on_finding(void *arg, bool problem, const char *text)
{
	struct view *w = arg;

	w->bad |= problem;
	(problem ? rk_note : rk_warn)("%s", text);
}

static int show_status(struct view *w, struct rk_err *err)
{
	struct job *j = w->j;
	struct rk_val *v = rk_map(j->d);
	rk_auto_buf names = RK_BUF_INIT;
	bool complete;

	if (gather(w, v, &complete, err) < 0 ||
		(!w->x.service && !w->x.ingress && rk_k3k_guard_host(j->host, err) < 0))
		return -1;
	if (j->o->out.fmt == RK_FMT_JSON || j->o->out.fmt == RK_FMT_YAML)
		rk_print_val((enum rk_fmt)j->o->out.fmt, v);
	else
		print_table(w, v);
	rk_exposure_tell(&w->x, on_finding, w);
	if (complete && !w->bad)
		return 0;
	rk_ingress_flags(&j->in, "--secret", &names);
	rk_err_set(err, RK_FAIL,
		complete ? "Rancher of %s/%s is not served correctly"
			 : "the exposure of %s/%s on the host cluster is not complete",
		j->ns, j->cluster);
	return rk_err_hint(err, "%s %s/%s%s%s",
		complete ? "see: kubectl rk3k status" : "run: kubectl rk3k ingress restore", j->ns,
		j->cluster, names.s, rk_here());
}

static int status_run(struct job *j, struct rk_err *err)
{
	struct view w = {.j = j, .served = RK_BUF_INIT};
	int rc = show_status(&w, err);

	rk_exposure_release(&w.x);
	rk_buf_release(&w.served);
	return rc;
}

static int status(void *opts, int argc, char **argv, struct rk_err *err)
{
	return with_job(opts, argc, argv, READ, status_run, err);
}

/* --- delete --- */

static int delete_all(struct job *j, struct rk_err *err)
{
	const struct {
		const struct rk_res *res;
		const char *name;
	} all[] = {{&RK_INGRESS, j->in.name}, {&RK_SERVICE, j->in.service},
		{&RK_SECRET, j->in.secret}};
	struct rk_delete_opts o = {.grace = -1};
	enum rk_outcome outcome;

	/* "nothing there" must not be the virtual cluster's answer */
	if (rk_k3k_guard_host(j->host, err) < 0)
		return -1;
	for (size_t i = 0; i < RK_COUNT(all); i++) {
		rk_auto_buf word = RK_BUF_INIT;

		if (rk_kube_delete(j->host, all[i].res, j->ns, all[i].name, &o, &outcome, err) < 0)
			return -1;
		rk_res_word(all[i].res, all[i].name, &word);
		if (outcome == RK_DELETED)
			rk_printf("%s deleted%s\n", word.s, rk_dry_word(j->o->dry));
	}
	return remove_old(j, err);
}

static int delete (void *opts, int argc, char **argv, struct rk_err *err)
{
	return with_job(opts, argc, argv, CHANGE, delete_all, err);
}

#define CLUSTER_ARG .args = "[[NAMESPACE/]CLUSTER]", .max_args = 1, .complete = "cluster"

static const struct rk_verb verbs[] = {
	{.name = "render",
		CLUSTER_ARG,
		.summary = "write the Service and the Ingress to standard output",
		.opts = options_read,
		.run = render},
	{.name = "apply",
		CLUSTER_ARG,
		.summary = "apply the Service and the Ingress to the host cluster",
		.opts = options_apply,
		.run = apply},
	{.name = "restore",
		CLUSTER_ARG,
		.summary = "create the Service, Secret and Ingress where they are missing",
		.opts = options_restore,
		.run = restore},
	{.name = "status",
		CLUSTER_ARG,
		.summary = "show whether Service, Secret and Ingress exist and the certificate "
			   "matches",
		.opts = options_read,
		.run = status},
	{.name = "delete",
		CLUSTER_ARG,
		.summary = "delete the Service, the Ingress and the copied Secret",
		.opts = options_delete,
		.run = delete},
	{.run = NULL},
};

static const struct rk_cmd cmd = {
	.name = "ingress",
	.summary = "manage the host cluster's Service and Ingress for Rancher",
	.help = rk_help,
	.opts_size = sizeof(struct opts),
	.verbs = verbs,
};

int main(int argc, char **argv)
{
	return rk_main(&cmd, argc, argv);
}
