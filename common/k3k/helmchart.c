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

/* The Job is the one that status.jobName names, since an old one may linger beside it; the pod is the
 * newest. */
void rk_chart_judge(const struct rk_val *chart, const struct rk_val *jobs,
	const struct rk_val *pods, struct rk_chart *out)
{
	const char *wanted = rk_get_str(chart, "status", "jobName", NULL), *newest = NULL;
	const struct rk_val *job = NULL, *pod = NULL;

	*out = (struct rk_chart){
		.name = name_of(chart), .version = rk_get_str(chart, "spec", "version", NULL)};
	rk_each (j, jobs)
		if (!job && belongs(j, out->name) && (!wanted || rk_streq(name_of(j), wanted)))
			job = j;
	if (!job)
		return;
	out->job = name_of(job);
	out->phase = RK_CHART_WAITING;
	rk_each (p, pods) {
		const char *t = rk_get_str(p, "metadata", "creationTimestamp", NULL);

		if (!belongs(p, out->name) || (pod && strcmp(t ? t : "", newest) <= 0))
			continue;
		pod = p;
		newest = t ? t : "";
	}
	if (pod)
		judge_pod(pod, out);
	if (rk_get_int(job, 0, "status", "succeeded", NULL) > 0) {
		out->phase = RK_CHART_DONE;
		out->reason = NULL;
	}
}

void rk_chart_log_cause(const char *log, struct rk_buf *out)
{
	const char *cause = NULL, *last = NULL, *best;
	size_t n;

	for (const char *p = log; *p; p += n + (p[n] == '\n')) {
		n = strcspn(p, "\n");
		if (n && strspn(p, " \t\r") < n)
			last = p;
		if (rk_prefix(p, "Error") || memmem(p, n, "INSTALLATION FAILED", 19) ||
			memmem(p, n, "UPGRADE FAILED", 14))
			cause = p;
	}
	best = cause ? cause : last ? last : "";
	n = strcspn(best, "\n");
	rk_buf_put(out, best, n > 300 ? 300 : n);
}
