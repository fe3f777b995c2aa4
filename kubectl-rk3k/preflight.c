// SPDX-License-Identifier: Apache-2.0
/* preflight - a configuration document on stdin is held against the host cluster, DNS, registries
 * and certificates: every problem before the first change. Changes nothing. */
#include "preflight/tool.h"

#include "data/data.h"

static const struct rk_opt OPTS[] = {
	{"yes-lose-data", 0, RK_OPT_FLAG, offsetof(struct opts, lose_data),
		.help = "accept a change that wipes a virtual cluster"},
	{"yes-restart-clusters", 0, RK_OPT_FLAG, offsetof(struct opts, restart),
		.help = "accept another version of the controller, which restarts the servers of "
			"all "
			"virtual clusters"},
	{"rename-host", 0, RK_OPT_FLAG, offsetof(struct opts, rename_host),
		.help = "accept host names that differ from those of the existing Rancher"},
	{"ask", 0, RK_OPT_FLAG, offsetof(struct opts, ask),
		.help = "ask on the terminal about restarts and lost data instead of failing"},
	{"only", 0, RK_OPT_STR, offsetof(struct opts, only), .arg = "CHECK",
		.help = "run only this check: controller, hostname or namespace",
		.complete = "controller|hostname|namespace"},
	{"host-only", 0, RK_OPT_FLAG, offsetof(struct opts, host_only),
		.help = "only check that this is a host cluster and not a virtual cluster"},
	{"brief", 0, RK_OPT_FLAG, offsetof(struct opts, brief),
		.help = "print only the number of passed checks, and warnings and failures, on "
			"standard error"},
	RK_GROUP_SETTINGS(struct opts, settings),
	RK_OPT_SORT_BY(struct opts, out),
	RK_GROUP_OUT(struct opts, out),
	RK_GROUP_KUBE(struct opts, kube),
	RK_OPT_END,
};

/* For tools that do one step of a deployment, and what is refused whatever else is skipped. */
static int check_one(struct flight *f, struct rk_err *err)
{
	static const struct {
		const char *name;
		void (*check)(struct flight *f);
	} checks[] = {{"controller", pf_check_controller}, {"hostname", pf_check_hostname},
		{"namespace", pf_check_namespace}};

	for (size_t i = 0; i < RK_COUNT(checks); i++) {
		if (!rk_streq(f->o->only, checks[i].name))
			continue;
		if (pf_check_api(f)) {
			pf_find_cluster(f);
			checks[i].check(f);
		}
		return 0;
	}
	return rk_err_set(
		err, RK_USAGE, "--only %s: expected controller, hostname or namespace", f->o->only);
}

static void check_all(struct flight *f)
{
	pf_check_programs(f);
	pf_check_versions(f);
	pf_check_certificates(f);
	pf_check_objects(f);
	if (pf_check_api(f)) {
		pf_find_cluster(f);
		pf_check_controller(f);
		pf_check_rights(f);
		pf_check_namespace(f);
		pf_check_nodes(f);
		pf_check_storage(f);
		pf_check_networks(f);
		pf_check_ingress(f);
		pf_check_cluster(f);
		pf_check_hostname(f);
		pf_check_host_objects(f);
		pf_check_other_ingresses(f);
	}
	pf_check_dns(f);
	pf_check_charts(f);
	pf_check_registry(f);
}

static void print_table(const struct flight *f)
{
	struct rk_table *t = rk_table_new((const char *const[]){"CHECK", "RESULT", "DETAIL"}, 3);

	rk_each (r, f->rows)
		rk_table_row(t, rk_get_str(r, "check", NULL), rk_get_str(r, "result", NULL),
			rk_get_str(r, "detail", NULL));
	rk_table_print(t, f->o->out.fmt, !f->o->out.no_headers);
	rk_table_free(t);
}

/* "Preflight  ✓ 16 passed  ! 1 warning", and a line for each check that is not ok. */
static void print_brief(const struct flight *f)
{
	size_t passed = 0;

	rk_each (r, f->rows)
		passed += rk_streq(rk_get_str(r, "result", NULL), pf_results[OK]);
	rk_summary("Preflight", passed, f->warnings, f->stops);
	rk_each (r, f->rows) {
		const char *result = rk_get_str(r, "result", NULL);
		bool stop = rk_streq(result, pf_results[STOP]);

		if (stop || rk_streq(result, pf_results[WARN]))
			rk_finding(
				stop, rk_get_str(r, "check", NULL), rk_get_str(r, "detail", NULL));
	}
}

static int print(const struct flight *f, struct rk_err *err)
{
	const char *sort_by = f->o->out.sort_by;
	struct rk_val *doc;

	if (f->o->brief) {
		print_brief(f);
		return 0;
	}
	if (sort_by && rk_jsonpath_sort(f->rows, sort_by, err) < 0)
		return -1;
	if (f->o->out.fmt == RK_FMT_NAME) {
		rk_each (r, f->rows)
			if (rk_streq(rk_get_str(r, "result", NULL), pf_results[STOP]))
				rk_printf("%s\n", rk_get_str(r, "check", NULL));
		return 0;
	}
	if (f->o->out.fmt != RK_FMT_JSON && f->o->out.fmt != RK_FMT_YAML) {
		print_table(f);
		return 0;
	}
	doc = rk_map(f->d);
	rk_set_bool(f->d, doc, "ok", !f->stops);
	rk_set_int(f->d, doc, "failed", (int64_t)f->stops);
	rk_set_int(f->d, doc, "warnings", (int64_t)f->warnings);
	rk_set(f->d, doc, "checks", f->rows);
	rk_print_val(f->o->out.fmt, doc);
	return 0;
}

/* The one check that is a refusal: whatever else is wanted, not on the virtual cluster itself. */
static int host_only(const struct opts *o, struct rk_err *err)
{
	rk_auto_kube *k = NULL;
	rk_auto_buf version = RK_BUF_INIT;

	if (rk_kube_open(&k, &o->kube, err) < 0 || rk_kube_version(k, &version, err) < 0 ||
		rk_k3k_guard_host(k, err) < 0)
		return -1;
	if (o->brief)
		rk_say("  host     %s (%s, Kubernetes %s)", rk_kube_context(k), rk_kube_server(k),
			version.s);
	else
		rk_note("host: context %s, %s", rk_kube_context(k), rk_kube_server(k));
	return 0;
}

static int run(void *p, int argc RK_UNUSED, char **argv RK_UNUSED, struct rk_err *err)
{
	rk_auto_settings *s = rk_settings_new();
	rk_auto_doc *d = rk_doc_new(true);
	struct flight f = {.o = p, .s = s, .d = d, .rows = rk_seq(d)};
	int rc;

	if (f.o->host_only)
		return host_only(f.o, err);
	if (rk_settings_open(s, &f.o->settings, err) < 0)
		return -1;
	if (f.o->brief)
		f.progress = rk_progress_begin("Preflight");
	if (!f.o->only)
		check_all(&f);
	else if (check_one(&f, err) < 0)
		return -1;
	rk_progress_drop(f.progress);
	rc = print(&f, err);
	rk_kube_free(f.k);
	rk_strv_release(&f.unknown);
	if (rc < 0 || !f.stops)
		return rc;
	if (f.o->brief)
		return RK_FAIL;
	return rk_err_set(err, RK_FAIL, "%zu check%s failed; nothing was changed", f.stops,
		f.stops == 1 ? "" : "s");
}

static const struct rk_verb VERBS[] = {
	{.opts = OPTS,
		.run = run,
		.summary = "find what would stop a deployment, before the first change",
		.examples = "kubectl rk3k preflight -c deploy.conf\n"
			    "kubectl rk3k config -c deploy.conf | kubectl rk3k preflight -o json"},
	{.run = NULL},
};

static const struct rk_cmd CMD = {
	.name = "preflight",
	.summary = "find what would stop a deployment, before the first change",
	.description =
		"Reads deploy.conf or the document that `config` wrote and checks everything "
		"that a deployment requires: programs, certificates and keys, the host "
		"cluster's API and your rights there, nodes, storage and ingress classes, "
		"networks that overlap, the k3k controller, what the namespace allows "
		"(policy, Pod Security, quota, limits), host names that another Rancher "
		"uses, immutable fields, DNS, chart repositories and the private registry. "
		"Every problem is one line; nothing is changed.\n\nA warning does not stop a "
		"deployment. A check whose result could not be determined is a warning, "
		"never ok.",
	.opts_size = sizeof(struct opts),
	.verbs = VERBS,
	.exit_status = "1: a check failed.",
	.see_also = "kubectl-rk3k-config(1), kubectl-rk3k-deploy(1)",
};

int main(int argc, char **argv)
{
	return rk_main(&CMD, argc, argv);
}
