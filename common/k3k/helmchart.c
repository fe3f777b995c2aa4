// SPDX-License-Identifier: Apache-2.0
#include "k3k/k3k.h"

const char *rk_chart_word(enum rk_chart_phase p)
{
	static const char *const words[] = {"no job", "waiting", "running", "failing", "done"};

	return words[p];
}

static const char *name_of(const struct rk_val *v)
{
	return rk_get_str(v, "metadata", "name", NULL);
}

static bool belongs(const struct rk_val *obj, const char *chart)
{
	return rk_streq(rk_get_str(obj, "metadata", "labels", RK_CHART_LABEL, NULL), chart);
}

/* The Job that status.jobName names; an old one may linger beside it. */
static const struct rk_val *find_job(
	const struct rk_val *chart, const struct rk_val *jobs, const char *name)
{
	const char *wanted = rk_get_str(chart, "status", "jobName", NULL);

	rk_each (job, jobs)
		if (belongs(job, name) && (!wanted || rk_streq(name_of(job), wanted)))
			return job;
	return NULL;
}

static const struct rk_val *newest_pod(const struct rk_val *pods, const char *chart)
{
	const struct rk_val *best = NULL;

	rk_each (pod, pods) {
		const char *t = rk_get_str(pod, "metadata", "creationTimestamp", NULL);
		const char *b = rk_get_str(best, "metadata", "creationTimestamp", NULL);

		if (belongs(pod, chart) && (!best || strcmp(t ? t : "", b ? b : "") > 0))
			best = pod;
	}
	return best;
}

/* A container that ended badly is failing also while it waits for its next try. */
static void judge_pod(const struct rk_val *pod, struct rk_chart *out)
{
	const struct rk_val *cs = rk_at(rk_get(pod, "status", "containerStatuses", NULL), 0);
	const char *waiting = rk_get_str(cs, "state", "waiting", "reason", NULL);
	const struct rk_val *ended = rk_get(cs, "state", "terminated", NULL);

	out->pod = name_of(pod);
	out->restarts = rk_get_int(cs, 0, "restartCount", NULL);
	if (!ended)
		ended = rk_get(cs, "lastState", "terminated", NULL);
	out->reason = waiting ? waiting : rk_get_str(ended, "reason", NULL);
	if (ended && rk_get_int(ended, 0, "exitCode", NULL) != 0)
		out->phase = RK_CHART_FAILING;
	else if (rk_get(cs, "state", "running", NULL) || rk_get(cs, "state", "terminated", NULL))
		out->phase = RK_CHART_RUNNING; /* ended well: the Job has not counted it yet */
	else
		out->phase = RK_CHART_WAITING;
}

void rk_chart_judge(const struct rk_val *chart, const struct rk_val *jobs,
	const struct rk_val *pods, struct rk_chart *out)
{
	const struct rk_val *job, *pod;

	*out = (struct rk_chart){
		.name = name_of(chart), .version = rk_get_str(chart, "spec", "version", NULL)};
	job = find_job(chart, jobs, out->name);
	if (!job)
		return;
	out->job = name_of(job);
	out->phase = RK_CHART_WAITING;
	pod = newest_pod(pods, out->name);
	if (pod)
		judge_pod(pod, out);
	if (rk_get_int(job, 0, "status", "succeeded", NULL) > 0) {
		out->phase = RK_CHART_DONE;
		out->reason = NULL;
	}
}

int rk_chart_lists(
	struct rk_kube *virt, struct rk_doc *d, struct rk_chart_lists *out, struct rk_err *err)
{
	struct rk_list_opts labelled = {.labels = RK_CHART_LABEL};

	if (rk_kube_list_all(virt, &RK_HELMCHART, RK_CHART_NS, NULL, d, &out->charts, err) < 0)
		return -1;
	if (rk_kube_list_all(virt, &RK_JOB, RK_CHART_NS, &labelled, d, &out->jobs, err) < 0)
		return -1;
	return rk_kube_list_all(virt, &RK_POD, RK_CHART_NS, &labelled, d, &out->pods, err);
}

static size_t line_len(const char *s)
{
	return strcspn(s, "\n");
}

void rk_chart_log_cause(const char *log, struct rk_buf *out)
{
	const char *best = NULL, *last = NULL;
	size_t n;

	for (const char *p = log; *p; p += line_len(p) + (p[line_len(p)] == '\n')) {
		n = line_len(p);
		if (n && strspn(p, " \t\r") < n)
			last = p;
		if (rk_prefix(p, "Error") || memmem(p, n, "INSTALLATION FAILED", 19) ||
			memmem(p, n, "UPGRADE FAILED", 14))
			best = p;
	}
	if (!best)
		best = last;
	if (!best)
		return;
	n = line_len(best);
	rk_buf_put(out, best, n > 300 ? 300 : n);
}
