// SPDX-License-Identifier: Apache-2.0
/* preflight - compares a configuration document on stdin with the host cluster, DNS, registries and
 * certificates: every problem before the first change. Changes nothing. */
#include "preflight/tool.h"

#include "data/data.h"

static const struct rk_opt OPTS[] = {
	OPT_FLAG("yes-lose-data", lose_data, "accept a change that wipes a virtual cluster"),
	OPT_FLAG("yes-restart-clusters", restart,
		"accept another version of the controller, which restarts the servers of all "
		"virtual clusters"),
	OPT_FLAG("rename-host", rename_host,
		"accept host names that differ from those of the existing Rancher"),
	OPT_FLAG("ask", ask, "ask on the terminal about restarts and lost data instead of failing"),
	OPT_STR("only", only, "CHECK", "run only this check: controller, hostname or namespace",
		.complete = "controller|hostname|namespace"),
	OPT_FLAG("host-only", host_only,
		"only check that this is a host cluster and not a virtual cluster"),
	OPT_FLAG("brief", brief,
		"print only the number of passed checks, and warnings and failures, on standard "
		"error"),
	OPT_GROUP_SETTINGS(settings),
	OPT_SORT_BY(out),
	OPT_GROUP_OUT(out),
	OPT_GROUP_KUBE(kube),
	OPT_END,
};

/* In this order. ALONE: with --only, for tools that do one step of a deployment, and what is refused
 * whatever else is skipped; those also run what they need. */
enum when { ALWAYS, CONNECTED, ALONE, NEEDED };

static const struct check {
	const char *id;
	void (*run)(struct flight *f);
	enum when when;
} CHECKS[] = {
	{"programs", pf_check_programs, ALWAYS},
	{"versions", pf_check_versions, ALWAYS},
	{"certificates", pf_check_certificates, ALWAYS},
	{"objects", pf_check_objects, ALWAYS},
	{"api", pf_check_api, NEEDED},
	{"cluster", pf_find_cluster, NEEDED},
	{"controller", pf_check_controller, ALONE},
	{"rights", pf_check_rights, CONNECTED},
	{"namespace", pf_check_namespace, ALONE},
	{"nodes", pf_check_nodes, CONNECTED},
	{"storage", pf_check_storage, CONNECTED},
	{"networks", pf_check_networks, CONNECTED},
	{"ingress", pf_check_ingress, CONNECTED},
	{"passthrough", pf_check_passthrough, CONNECTED},
	{"cluster", pf_check_cluster, CONNECTED},
	{"hostname", pf_check_hostname, ALONE},
	{"existing", pf_check_host_objects, CONNECTED},
	{"existing", pf_check_other_ingresses, CONNECTED},
	{"dns", pf_check_dns, ALWAYS},
	{"charts", pf_check_charts, ALWAYS},
	{"registry", pf_check_registry, ALWAYS},
};

static int run_checks(struct flight *f, struct rk_err *err)
{
	const char *only = f->o->only;
	bool known = !only;

	for (size_t i = 0; i < RK_COUNT(CHECKS); i++)
		known |= CHECKS[i].when == ALONE && rk_streq(CHECKS[i].id, only);
	if (!known)
		return rk_err_set(err, RK_USAGE,
			"--only %s: expected controller, hostname or namespace", only);
	for (size_t i = 0; i < RK_COUNT(CHECKS); i++) {
		const struct check *c = &CHECKS[i];

		f->check = c->id;
		f->before = f->stops + f->warnings;
		if (only && c->when != NEEDED && !(c->when == ALONE && rk_streq(c->id, only)))
			continue;
		if (f->k || c->when == ALWAYS || c->run == pf_check_api)
			c->run(f);
	}
	return 0;
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
	const struct rk_out_flags *out = &f->o->out;
	struct rk_val *doc;

	if (f->o->brief) {
		print_brief(f);
		return 0;
	}
	if (out->sort_by && rk_jsonpath_sort(f->rows, out->sort_by, err) < 0)
		return -1;
	if (out->fmt == RK_FMT_NAME) {
		rk_each (r, f->rows)
			if (rk_streq(rk_get_str(r, "result", NULL), pf_results[STOP]))
				rk_printf("%s\n", rk_get_str(r, "check", NULL));
	} else if (out->fmt == RK_FMT_JSON || out->fmt == RK_FMT_YAML) {
		doc = rk_map(f->d);
		rk_set_bool(f->d, doc, "ok", !f->stops);
		rk_set_int(f->d, doc, "failed", (int64_t)f->stops);
		rk_set_int(f->d, doc, "warnings", (int64_t)f->warnings);
		rk_set(f->d, doc, "checks", f->rows);
		rk_print_val(out->fmt, doc);
	} else {
		print_table(f);
	}
	return 0;
}

/* The one check that nothing skips: a deployment is never made in a virtual cluster. */
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
	if (rk_settings_open(s, &f.o->settings, RK_SETTINGS_NEEDED, err) < 0)
		return -1;
	if (f.o->brief)
		f.progress = rk_progress_begin("Preflight");
	rc = run_checks(&f, err);
	rk_progress_drop(f.progress);
	if (rc == 0)
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
		.summary = "check everything a deployment requires, before the first change"},
	{.run = NULL},
};

static const struct rk_cmd CMD = {
	.name = "preflight",
	.summary = "check everything a deployment requires, before the first change",
	.help = rk_help, /* docs/help/preflight.txt */
	.opts_size = sizeof(struct opts),
	.verbs = VERBS,
};

int main(int argc, char **argv)
{
	return rk_main(&CMD, argc, argv);
}
