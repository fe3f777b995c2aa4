// SPDX-License-Identifier: Apache-2.0
/* preflight - compares a configuration document on stdin with the host cluster, DNS, registries and
 * certificates: every problem before the first change. Changes nothing. */
#include "preflight/tool.h"

#include <stdarg.h>

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

/* --- what the checks share --- */

static const char *const RESULTS[] = {"ok", "warning", "failed", "skipped"};

void pf_row(struct flight *f, enum result r, const char *fmt, ...)
{
	struct rk_val *row = rk_map(f->d);
	char text[2048];
	va_list ap;

	if (f->progress)
		rk_progress_set(f->progress, "Preflight  %s", f->check);
	if (r == CLEAN && f->stops + f->warnings != f->before)
		return;
	r = r == CLEAN ? OK : r;
	if (r == OK && rk_strv_has(&f->unknown, f->check))
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	rk_set_str(f->d, row, "check", f->check);
	rk_set_str(f->d, row, "result", RESULTS[r]);
	rk_set_str(f->d, row, "detail", text);
	rk_append(f->rows, row);
	f->passed += r == OK;
	f->warnings += r == WARN;
	f->stops += r == STOP;
}

void pf_row_err(struct flight *f, const char *what, const struct rk_err *err)
{
	pf_row(f, STOP, "%s%s%s%s%s", what, *what ? ": " : "", err->msg, *err->hint ? "; " : "",
		err->hint);
}

void pf_unknown(struct flight *f, const struct rk_err *err)
{
	pf_row(f, WARN, "could not be determined: %s", err->msg);
	rk_strv_add(&f->unknown, f->check);
}

void pf_consent(
	struct flight *f, bool given, const char *flag, const char *question, const char *fmt, ...)
{
	struct rk_err err = RK_ERR_INIT;
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (given || (f->o->ask && rk_confirm(question, &err) == 1))
		pf_row(f, WARN, "%s", text);
	else
		pf_row(f, STOP, "%s; %s accepts this", text, flag);
}

void pf_join(struct rk_buf *out, const char *text)
{
	rk_buf_addf(out, "%s%s", out->len ? ", " : "", text);
}

/* A list by labels, or an object by name; a kind that does not exist has no object. False: unknown, with a
 * row unless the right to read is missing and not required. */
static bool ask(struct flight *f, bool list, bool required, const struct rk_res *r, const char *ns,
	const char *key, struct rk_val **out)
{
	const struct rk_list_opts labels = {.labels = key};
	struct rk_err err = RK_ERR_INIT;
	const char *request;
	int rc;

	*out = NULL;
	if (!r)
		return true;
	request = rk_doc_printf(f->d, "%s %s %s %s %s", list ? "list" : "get", r->api_version,
		r->kind, ns ? ns : "", key ? key : "");
	for (size_t i = 0; i < f->nanswers; i++)
		if (rk_streq(f->answers[i].request, request)) {
			*out = f->answers[i].answer;
			return true;
		}
	rc = list ? rk_kube_list_all(f->k, r, ns, &labels, f->d, out, &err)
		  : rk_kube_find(f->k, r, ns, key, f->d, out, &err);
	if (rc < 0 && (list || err.code != RK_NOTFOUND)) {
		if (required || err.http != 403)
			pf_unknown(f, &err);
		*out = NULL;
		return false;
	}
	if (f->nanswers < RK_COUNT(f->answers)) {
		f->answers[f->nanswers].request = request;
		f->answers[f->nanswers++].answer = *out;
	}
	return true;
}

const struct rk_val *pf_list(
	struct flight *f, const struct rk_res *r, const char *ns, const char *labels)
{
	struct rk_val *out;

	ask(f, true, true, r, ns, labels, &out);
	return out;
}

const struct rk_val *pf_list_allowed(struct flight *f, const struct rk_res *r)
{
	struct rk_val *out;

	ask(f, true, false, r, NULL, NULL, &out);
	return out;
}

bool pf_find(struct flight *f, const struct rk_res *r, const char *ns, const char *name,
	struct rk_val **out)
{
	return ask(f, false, true, r, ns, name, out);
}

const struct rk_res *pf_kind(struct flight *f, const char *api, const char *kind)
{
	struct rk_err err = RK_ERR_INIT;
	const struct rk_res *r = NULL;

	if (rk_kube_res(f->k, api, kind, &r, &err) == 0)
		return r;
	if (err.code != RK_NOTFOUND)
		pf_unknown(f, &err);
	return NULL;
}

/* --- the report --- */

static int print(const struct flight *f, struct rk_err *err)
{
	static const char *const columns[] = {"check", "result", "detail"};
	const struct rk_out_flags *out = &f->o->out;
	struct rk_table *t;
	struct rk_val *doc;

	if (f->o->brief)
		rk_summary("Preflight", f->passed, f->warnings, f->stops);
	else if (out->sort_by && rk_jsonpath_sort(f->rows, out->sort_by, err) < 0)
		return -1;
	if (!f->o->brief && (out->fmt == RK_FMT_JSON || out->fmt == RK_FMT_YAML)) {
		doc = rk_map(f->d);
		rk_set_bool(f->d, doc, "ok", !f->stops);
		rk_set_int(f->d, doc, "failed", (int64_t)f->stops);
		rk_set_int(f->d, doc, "warnings", (int64_t)f->warnings);
		rk_set(f->d, doc, "checks", f->rows);
		rk_print_val(out->fmt, doc);
		return 0;
	}
	t = rk_table_new((const char *const[]){"CHECK", "RESULT", "DETAIL"}, 3);
	rk_each (r, f->rows) {
		const char *cells[RK_COUNT(columns)];
		bool stop;

		for (size_t i = 0; i < RK_COUNT(columns); i++)
			cells[i] = rk_get_str(r, columns[i], NULL);
		stop = rk_streq(cells[1], RESULTS[STOP]);
		if (f->o->brief && (stop || rk_streq(cells[1], RESULTS[WARN])))
			rk_finding(stop, cells[0], cells[2]);
		else if (!f->o->brief && out->fmt == RK_FMT_NAME && stop)
			rk_printf("%s\n", cells[0]);
		rk_table_cells(t, cells);
	}
	if (!f->o->brief && out->fmt != RK_FMT_NAME)
		rk_table_print(t, out->fmt, !out->no_headers);
	rk_table_free(t);
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
	const char *only = f.o->only;
	int rc;

	if (f.o->host_only)
		return host_only(f.o, err);
	if (rk_settings_open(s, &f.o->settings, RK_SETTINGS_NEEDED, err) < 0)
		return -1;
	if (only && !rk_listed("controller,hostname,namespace", only))
		return rk_err_set(err, RK_USAGE,
			"--only %s: expected controller, hostname or namespace", only);
	if (f.o->brief)
		f.progress = rk_progress_begin("Preflight");
	for (size_t i = 0; i < RK_COUNT(CHECKS); i++) {
		const struct check *c = &CHECKS[i];

		f.check = c->id;
		f.before = f.stops + f.warnings;
		if (only && c->when != NEEDED && !(c->when == ALONE && rk_streq(c->id, only)))
			continue;
		if (f.k || c->when == ALWAYS || c->run == pf_check_api)
			c->run(&f);
	}
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
