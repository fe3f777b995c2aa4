// SPDX-License-Identifier: Apache-2.0
/* What several steps read from their caches: pods, events, charts. */
#include "tool.h"

#include "kube/kube.h"
#include "k3k/k3k.h"

#define VALUES_KEY  "HelmChartValuesContent"
#define SAME_PASS_S 2 /* Secret and Job are written one after the other */
#define LOG_LINES   80
#define LOG_MS	    5000  /* between two looks at a running job's log */
#define ABSENT_MS   10000 /* an object missing for so long is not about to be created */
#define NO_JOB_MS   10000 /* a finished Job may have been cleaned away */
#define LOG_SHOWN   200

static const char *name_of(const struct rk_val *v)
{
	const char *s = rk_get_str(v, "metadata", "name", NULL);

	return s ? s : "";
}

/* --- pods and events --- */

enum rk_why await_look_pods(const struct rk_cache *m, const char *prefix, struct report *r)
{
	enum rk_why worst = RK_WHY_FINE;

	rk_cache_each(pod, m)
	{
		rk_auto_buf text = RK_BUF_INIT;
		enum rk_why w;

		if (prefix && !rk_prefix(name_of(pod), prefix))
			continue;
		w = rk_why_pod(pod, &text);
		if (w == RK_WHY_FAULT && !r->fault.len)
			await_add_part(&r->fault, "%s", text.s);
		if (w != RK_WHY_FINE && r->line.len < 400)
			await_add_part(&r->line, "%.200s", text.s);
		worst = w > worst ? w : worst;
	}
	return worst;
}

#define LOGIN "correct HELM_REPO_USER and HELM_REPO_PASS"
#define THEN  ", which the servers read at their start, then: kubectl rk3k registries apply"

/* The words of containerd, which has them from the registry. */
void await_look_pull(const struct await *w, const char *text, struct report *r)
{
	static const struct {
		const char *word, *hint;
	} known[] = {
		{"401 Unauthorized", LOGIN THEN},
		{"403 Forbidden", LOGIN THEN},
		{"authorization failed", LOGIN THEN},
		{"x509:", "correct PRIVATE_CA_PATH" THEN},
		{"not found", "push the image there, or correct its version; see: kubectl rk3k "
			      "registries "
			      "check"},
	};
	const char *registry = rk_setting(w->a->settings, RK_KEY_PRIVATE_REGISTRY);

	if (!registry || !*registry || !strstr(text, registry))
		return;
	for (size_t i = 0; !r->hint.len && i < RK_COUNT(known); i++)
		if (strstr(text, known[i].word))
			rk_buf_addf(&r->hint, "%s%s", known[i].hint, rk_here_settings());
}

static bool concerns(const struct rk_val *event, const char *part, const char *name)
{
	const char *on = rk_get_str(event, "involvedObject", "name", NULL);

	return (!part && !name) || (on && ((part && strstr(on, part)) || rk_streq(on, name)));
}

/* A later event of the same object that is not a warning shows that the cause has passed. */
static bool is_superseded(const struct rk_cache *m, const struct rk_val *warning)
{
	static const char *const fields[] = {"kind", "name"};

	if (!rk_streq(rk_get_str(warning, "reason", NULL), "FailedScheduling") &&
		!rk_streq(rk_get_str(warning, "reason", NULL), "FailedMount"))
		return false;
	rk_cache_each(e, m)
	{
		bool same = !rk_streq(rk_get_str(e, "type", NULL), "Warning") &&
			    rk_kube_event_time(e) > rk_kube_event_time(warning);

		for (size_t i = 0; same && i < RK_COUNT(fields); i++)
			same = rk_streq(rk_get_str(e, "involvedObject", fields[i], NULL),
				rk_get_str(warning, "involvedObject", fields[i], NULL));
		if (same)
			return true;
	}
	return false;
}

/* A warning says more than what came after it, as long as it is of this wait. */
bool await_look_event(const struct await *w, const struct rk_cache *m, const char *part,
	const char *name, struct rk_buf *out)
{
	int64_t newest = time(NULL) - (rk_now_ms() - w->began) / 1000 - 120, since = newest;
	const struct rk_val *best = NULL;
	bool warning = false;

	rk_cache_each(e, m)
	{
		bool warns = rk_streq(rk_get_str(e, "type", NULL), "Warning");
		int64_t t = rk_kube_event_time(e);

		if (warns && (rk_why_noise(e) || is_superseded(m, e)))
			continue;
		if (warns < warning || t < (warns > warning ? since : newest) ||
			!concerns(e, part, name))
			continue;
		newest = t;
		warning = warns;
		best = e;
	}
	if (best)
		rk_why_event(best, out);
	return warning;
}

void await_look_trouble(
	const struct await *w, const struct rk_cache *m, const char *part, struct report *r)
{
	rk_auto_buf event = RK_BUF_INIT;
	bool warning = await_look_event(w, m, part, NULL, &event);

	if (event.len)
		await_add_part(&r->line, "last %s: %s", warning ? "warning" : "event", event.s);
	if (warning && !r->fault.len &&
		(strstr(event.s, "sandbox image") || strstr(event.s, "failed to pull"))) {
		await_add_part(&r->fault, "%s", event.s);
		await_look_pull(w, event.s, r);
	}
}

bool await_look_deployment(const struct rk_cache *m, const char *name, struct report *r)
{
	rk_auto_buf why = RK_BUF_INIT;

	if (rk_is_ready(rk_cache_find(m, NULL, name), &why))
		return true;
	await_add_part(&r->line, "deployment %s: %s", name, why.s);
	return false;
}

/* --- charts --- */

static bool has_arg(const struct rk_val *args, const char *want)
{
	rk_each (a, args)
		if (rk_streq(rk_str(a), want))
			return true;
	return false;
}

int64_t await_look_written(const struct rk_val *obj, const char *field)
{
	int64_t newest = 0;

	rk_each (m, rk_get(obj, "metadata", "managedFields", NULL)) {
		int64_t t = rk_time_parse(rk_get_str(m, "time", NULL));

		if ((!field || rk_get(m, "fieldsV1", field, NULL)) &&
			!rk_streq(rk_get_str(m, "subresource", NULL), "status") && t > newest)
			newest = t;
	}
	return newest;
}

int64_t await_look_version(const struct rk_val *obj)
{
	const char *text = rk_get_str(obj, "metadata", "resourceVersion", NULL);
	int64_t n;

	return text && rk_parse_int(text, 0, INT64_MAX, &n) ? n : 0;
}

/* The helm-controller writes the values into a Secret and then makes the Job again. A Secret that has
 * others, or that is younger than the Job, is of a change whose Job is still to come. Times have whole
 * seconds: within them, a Job that has not changed since the values were written is not their Job,
 * unless the Secret's last write was another one. Older
 * helm-controllers keep them under other names: nothing is known then. */
static bool values_fit(
	const struct rk_val *chart, const struct rk_val *job, const struct rk_val *secret)
{
	const char *want = rk_get_str(chart, "spec", "valuesContent", NULL);
	int64_t made = rk_time_parse(rk_get_str(job, "metadata", "creationTimestamp", NULL));
	int64_t written = await_look_written(secret, "f:data");
	rk_auto_buf have = RK_BUF_INIT_SECRET;

	if (!rk_get(secret, "data", VALUES_KEY, NULL))
		return true;
	if (rk_need_base64(secret, &have, NULL, "data", VALUES_KEY, NULL) < 0)
		return true;
	if (!rk_streq(have.s, want ? want : "") || written > made + SAME_PASS_S)
		return false;
	return written < made || await_look_written(secret, NULL) > written ||
	       await_look_version(job) > await_look_version(secret);
}

/* The Job carries the chart's version and its `set` values; one that does not is of the spec
 * before, and about to be replaced. Values with a comma are escaped and not compared. */
static bool job_fits(const struct rk_val *chart, const struct rk_val *job)
{
	const struct rk_val *c =
		rk_at(rk_get(job, "spec", "template", "spec", "containers", NULL), 0);
	const char *version = rk_get_str(chart, "spec", "version", NULL);

	rk_each (e, rk_get(c, "env", NULL))
		if (version && rk_streq(rk_get_str(e, "name", NULL), "VERSION") &&
			!rk_streq(rk_get_str(e, "value", NULL), version))
			return false;
	rk_each (s, rk_get(chart, "spec", "set", NULL)) {
		const char *v = rk_str_loose(s);
		rk_auto_free char *arg = v ? rk_asprintf("%.*s=%s", (int)s->klen, s->key, v) : NULL;

		if (arg && !strchr(arg, ',') && rk_get(c, "args", NULL) &&
			!has_arg(rk_get(c, "args", NULL), arg))
			return false;
	}
	return true;
}

/* Last line of a running job's log; helm's own words for a failing one, read once for each try. */
static void read_log(struct await *w, const struct rk_chart *c)
{
	rk_auto_buf log = RK_BUF_INIT;
	bool failing = c->phase == RK_CHART_FAILING;
	int64_t now = rk_now_ms();

	if (failing ? c->restarts == w->restarts && w->log_cause.len : now - w->log_read < LOG_MS)
		return;
	w->log_read = now;
	if (rk_kube_log(w->virt, RK_CHART_NS, c->pod, NULL, false, LOG_LINES, &log, NULL) < 0 ||
		!log.len) {
		rk_buf_reset(&log);
		if (!failing || rk_kube_log(w->virt, RK_CHART_NS, c->pod, NULL, true, LOG_LINES,
					&log, NULL) < 0)
			return;
	}
	if (failing) {
		rk_buf_reset(&w->log_cause);
		rk_chart_log_cause(log.s, &w->log_cause);
		w->restarts = c->restarts;
		return;
	}
	while (log.len && (log.s[log.len - 1] == '\n' || log.s[log.len - 1] == '\r'))
		log.s[--log.len] = '\0';
	rk_buf_reset(&w->log_line);
	rk_buf_addf(&w->log_line, "%.*s", LOG_SHOWN,
		strrchr(log.s, '\n') ? strrchr(log.s, '\n') + 1 : log.s);
}

static enum verdict chart_failing(struct await *w, const struct rk_chart *c, struct report *r)
{
	read_log(w, c);
	await_add_part(&r->line, "chart %s: its job failed %lld times and is tried again", c->name,
		(long long)c->restarts + 1);
	await_add_part(&r->fault, "the install of chart %s keeps failing: %s", c->name,
		w->log_cause.len ? w->log_cause.s
		: c->reason	 ? c->reason
				 : "its log is empty");
	rk_buf_reset(&r->hint);
	rk_buf_addf(&r->hint,
		"see the whole log with: kubectl rk3k kubeconfig get %s/%s%s -- kubectl logs -n %s "
		"job/%s",
		rk_settings_ns(w->a->settings), rk_settings_cluster(w->a->settings), rk_here(),
		RK_CHART_NS, c->job);
	return WAITING;
}

/* No Job: not made yet, or finished and cleaned away since. */
static enum verdict chart_no_job(
	struct await *w, const struct rk_val *chart, const char *name, struct report *r)
{
	int64_t now = rk_now_ms();

	if (!w->no_job_since)
		w->no_job_since = now;
	if (rk_get_str(chart, "status", "jobName", NULL) && now - w->no_job_since > NO_JOB_MS)
		return DONE;
	await_add_part(
		&r->line, "chart %s: waiting for the helm-controller to start its job", name);
	if (now - w->no_job_since > 6 * NO_JOB_MS)
		await_add_part(&r->fault,
			"the helm-controller has made no job for chart %s in a minute", name);
	return WAITING;
}

static enum verdict chart_phase(
	struct await *w, const struct rk_chart *c, const struct rk_cache *pods, struct report *r)
{
	switch (c->phase) {
	case RK_CHART_DONE:
		return DONE;
	case RK_CHART_FAILING:
		return chart_failing(w, c, r);
	case RK_CHART_RUNNING:
		read_log(w, c);
		await_add_part(&r->line, "chart %s is being installed%s%s", c->name,
			w->log_line.len ? ": " : "", w->log_line.s);
		return WAITING;
	default:
		await_add_part(&r->line, "chart %s: its job has not started", c->name);
		await_look_pods(pods, c->pod ? c->pod : "?", r);
		return WAITING;
	}
}

enum verdict await_look_chart(struct await *w, const char *name, const struct rk_cache *charts,
	const struct rk_cache *jobs, const struct rk_cache *pods, const struct rk_cache *values,
	struct report *r)
{
	rk_auto_doc *d = rk_doc_new(false);
	const struct rk_val *chart = rk_cache_find(charts, NULL, name);
	struct rk_val *all_jobs = rk_cache_seq(jobs, d), *all_pods = rk_cache_seq(pods, d);
	const struct rk_val *job;
	struct rk_chart c;

	if (!chart) {
		r->code = RK_NOTFOUND;
		await_add_part(&r->line, "HelmChart %s not found in %s", name, RK_CHART_NS);
		if (rk_now_ms() - w->began < ABSENT_MS)
			return WAITING;
		rk_err_set(&r->dead, RK_NOTFOUND, "HelmChart %s not found in namespace %s", name,
			RK_CHART_NS);
		return DEAD;
	}
	rk_chart_judge(chart, all_jobs, all_pods, &c);
	job = c.job ? rk_cache_find(jobs, NULL, c.job) : NULL;
	if (!job)
		return chart_no_job(w, chart, name, r);
	w->no_job_since = 0;
	if (!job_fits(chart, job) ||
		!values_fit(chart, job, rk_cache_error(values) ? NULL : rk_cache_first(values))) {
		await_add_part(&r->line,
			"chart %s: waiting for the helm-controller to take up the change", name);
		return WAITING;
	}
	return chart_phase(w, &c, pods, r);
}
