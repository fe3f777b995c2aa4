// SPDX-License-Identifier: Apache-2.0
/* What several steps read from their caches: pods, events, charts. */
#include "tool.h"

#define VALUES_KEY  "HelmChartValuesContent"
#define SAME_PASS_S 2 /* Secret and Job are written one after the other */
#define LOG_LINES   80
#define LOG_MS	    5000  /* between two looks at a running job's log */
#define NO_JOB_MS   10000 /* a finished Job may have been cleaned away */
#define LOG_SHOWN   200

const char *await_name(const struct rk_val *obj)
{
	const char *s = rk_get_str(obj, "metadata", "name", NULL);

	return s ? s : "";
}

bool await_has(const struct rk_val *list, const char *key, const char *text)
{
	rk_each (e, list)
		if (rk_streq(key ? rk_get_str(e, key, NULL) : rk_str(e), text))
			return true;
	return false;
}

int64_t await_look_written(const struct rk_val *obj, const char *field, bool status)
{
	int64_t newest = 0;

	rk_each (m, rk_get(obj, "metadata", "managedFields", NULL)) {
		int64_t t = rk_time_parse(rk_get_str(m, "time", NULL));

		if ((!field || rk_get(m, "fieldsV1", field, NULL)) && t > newest &&
			rk_streq(rk_get_str(m, "subresource", NULL), "status") == status)
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

/* --- pods and events --- */

enum rk_why await_look_pods(const struct rk_cache *m, const char *prefix, struct report *r)
{
	enum rk_why worst = RK_WHY_FINE;

	rk_cache_each(pod, m)
	{
		rk_auto_buf text = RK_BUF_INIT;
		enum rk_why w;

		if (prefix && !rk_prefix(await_name(pod), prefix))
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
	const char *registry = rk_setting(w->s, RK_KEY_PRIVATE_REGISTRY);

	if (!registry || !*registry || !strstr(text, registry))
		return;
	for (size_t i = 0; !r->hint.len && i < RK_COUNT(known); i++)
		if (strstr(text, known[i].word))
			rk_buf_addf(&r->hint, "%s%s", known[i].hint, rk_here_settings());
}

/* A later event of the same object that is not a warning shows that the cause has passed. */
static bool is_superseded(const struct rk_cache *m, const struct rk_val *warning)
{
	static const char *const fields[] = {"kind", "name"};
	const char *reason = rk_get_str(warning, "reason", NULL);

	if (!rk_streq(reason, "FailedScheduling") && !rk_streq(reason, "FailedMount"))
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
void await_look_event(const struct await *w, const struct rk_cache *m, const char *part,
	const char *name, struct rk_buf *out, struct report *r)
{
	int64_t newest = time(NULL) - (rk_now_ms() - w->began) / 1000 - 120, since = newest;
	const struct rk_val *best = NULL;
	bool warning = false;

	rk_cache_each(e, m)
	{
		bool warns = rk_streq(rk_get_str(e, "type", NULL), "Warning");
		const char *on = rk_get_str(e, "involvedObject", "name", NULL);
		int64_t t = rk_kube_event_time(e);

		if ((warns && (rk_why_noise(e) || is_superseded(m, e))) || warns < warning ||
			t < (warns > warning ? since : newest))
			continue;
		if ((part || name) && !(on && part && strstr(on, part)) &&
			!(on && rk_streq(on, name)))
			continue;
		newest = t;
		warning = warns;
		best = e;
	}
	if (!best)
		return;
	rk_why_event(best, out);
	await_add_part(&r->line, "last %s: %s", warning ? "warning" : "event", out->s);
	if (!warning)
		rk_buf_reset(out);
}

void await_look_trouble(
	const struct await *w, const struct rk_cache *m, const char *part, struct report *r)
{
	rk_auto_buf warning = RK_BUF_INIT;

	await_look_event(w, m, part, NULL, &warning, r);
	if (!r->fault.len &&
		(strstr(warning.s, "sandbox image") || strstr(warning.s, "failed to pull"))) {
		await_add_part(&r->fault, "%s", warning.s);
		await_look_pull(w, warning.s, r);
	}
}

/* --- charts --- */

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
	int64_t written = await_look_written(secret, "f:data", false);
	rk_auto_buf have = RK_BUF_INIT_SECRET;

	if (!rk_get(secret, "data", VALUES_KEY, NULL) ||
		rk_need_base64(secret, &have, NULL, "data", VALUES_KEY, NULL) < 0)
		return true;
	if (!rk_streq(have.s, want ? want : "") || written > made + SAME_PASS_S)
		return false;
	return written < made || await_look_written(secret, NULL, false) > written ||
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
			!await_has(rk_get(c, "args", NULL), NULL, arg))
			return false;
	}
	return true;
}

static bool read_log(struct await *w, const char *pod, bool previous, struct rk_buf *log)
{
	if (rk_kube_log(w->virt, RK_CHART_NS, pod, NULL, previous, LOG_LINES, log, NULL) < 0)
		rk_buf_reset(log);
	return log->len > 0;
}

/* The last line of a running job's log. */
static bool last_line(struct await *w, const char *pod, struct report *answer)
{
	rk_auto_buf log = RK_BUF_INIT;

	if (read_log(w, pod, false, &log)) {
		while (log.len && strchr("\r\n", log.s[log.len - 1]))
			log.s[--log.len] = '\0';
		rk_buf_addf(&answer->line, "%.*s", LOG_SHOWN,
			strrchr(log.s, '\n') ? strrchr(log.s, '\n') + 1 : log.s);
	}
	return false;
}

/* helm's own words for a failing one; subject: POD TRY. */
static bool log_cause(struct await *w, const char *subject, struct report *answer)
{
	rk_auto_free char *pod = rk_strndup(subject, strcspn(subject, " "));
	rk_auto_buf log = RK_BUF_INIT;

	if (read_log(w, pod, false, &log) || read_log(w, pod, true, &log))
		rk_chart_log_cause(log.s, &answer->line);
	return false;
}

static void look_failing(struct await *w, const struct rk_chart *c, struct report *r)
{
	rk_auto_free char *try = rk_asprintf("%s %lld", c->pod, (long long)c->restarts);
	const char *cause;

	if (await_ask(w, log_cause, try, w->ask.answer.line.len ? INT64_MAX : LOG_MS, NULL))
		return;
	cause = w->ask.answer.line.len ? w->ask.answer.line.s : c->reason;
	await_add_part(&r->line, "chart %s: its job failed %lld times and is tried again", c->name,
		(long long)c->restarts + 1);
	await_add_part(&r->fault, "the install of chart %s keeps failing: %s", c->name,
		cause ? cause : "its log is empty");
	rk_buf_reset(&r->hint);
	rk_buf_addf(&r->hint,
		"see the whole log with: kubectl rk3k kubeconfig get %s/%s%s -- kubectl logs -n %s "
		"job/%s",
		w->ns, w->cluster, rk_here(), RK_CHART_NS, c->job);
}

/* No Job: not made yet, or finished and cleaned away since. */
static bool look_no_job(
	struct await *w, const struct rk_val *chart, const char *name, struct report *r)
{
	int64_t now = rk_now_ms();

	if (!w->no_job_since)
		w->no_job_since = now;
	if (rk_get_str(chart, "status", "jobName", NULL) && now - w->no_job_since > NO_JOB_MS)
		return true;
	await_add_part(
		&r->line, "chart %s: waiting for the helm-controller to start its job", name);
	if (now - w->no_job_since > 6 * NO_JOB_MS)
		await_add_part(&r->fault,
			"the helm-controller has made no job for chart %s in a minute", name);
	return false;
}

bool await_look_chart(struct await *w, const char *name, const struct rk_cache *charts,
	const struct rk_cache *jobs, const struct rk_cache *pods, const struct rk_cache *values,
	struct report *r)
{
	rk_auto_doc *d = rk_doc_new(false);
	const struct rk_val *chart = rk_cache_find(charts, NULL, name), *job;
	struct rk_chart c;

	if (!chart) {
		r->code = RK_NOTFOUND;
		await_add_part(&r->line, "HelmChart %s not found in %s", name, RK_CHART_NS);
		return false;
	}
	rk_chart_judge(chart, rk_cache_seq(jobs, d), rk_cache_seq(pods, d), &c);
	job = c.job ? rk_cache_find(jobs, NULL, c.job) : NULL;
	if (!job)
		return look_no_job(w, chart, name, r);
	w->no_job_since = 0;
	if (!job_fits(chart, job) ||
		!values_fit(chart, job, rk_cache_error(values) ? NULL : rk_cache_first(values))) {
		await_add_part(&r->line,
			"chart %s: waiting for the helm-controller to take up the change", name);
		return false;
	}
	if (c.phase == RK_CHART_DONE)
		return true;
	if (c.phase == RK_CHART_FAILING) {
		look_failing(w, &c, r);
	} else if (c.phase != RK_CHART_RUNNING) {
		await_add_part(&r->line, "chart %s: its job has not started", name);
		await_look_pods(pods, c.pod ? c.pod : "?", r);
	} else if (!await_ask(w, last_line, c.pod, LOG_MS, NULL)) {
		await_add_part(&r->line, "chart %s is being installed%s%s", name,
			w->ask.answer.line.len ? ": " : "", w->ask.answer.line.s);
	}
	return false;
}
