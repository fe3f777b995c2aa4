// SPDX-License-Identifier: Apache-2.0
/* helmchart - how the install of a HelmChart (helm.cattle.io/v1, k3s' helm-controller) is going.
 *
 * The controller runs helm in a Job with backoffLimit 1000 and restartPolicy OnFailure: a chart
 * that cannot be installed never shows as a failed Job, only as a container that restarts. */
#ifndef RK_HELMCHART_H
#define RK_HELMCHART_H

#include "kube.h"

#define RK_HELMCHART_NS	   "kube-system"
#define RK_HELMCHART_JOB   "helm-install-" /* and the chart's name: its Job */
#define RK_HELMCHART_LABEL "helmcharts.helm.cattle.io/chart"

enum rk_chart_phase {
	RK_CHART_NO_JOB,  /* the controller has not made the Job yet, or removed it again */
	RK_CHART_WAITING, /* the Job's pod has not started: image, mount, scheduling */
	RK_CHART_RUNNING,
	RK_CHART_FAILING, /* helm ended with an error and is tried again */
	RK_CHART_DONE,
};
const char *rk_chart_word(enum rk_chart_phase p); /* "waiting", … */

struct rk_chart {
	const char *name, *version; /* in the tree it was read from */
	const char *job, *pod;	    /* NULL when there is none */
	enum rk_chart_phase phase;
	int64_t restarts;
	const char *reason; /* waiting reason or exit reason of the container, or NULL */
};

/* Judge one HelmChart by the Jobs and pods that carry its label (SEQs; others in them are
 * skipped). Pure; strings point into the trees. */
void rk_chart_judge(const struct rk_val *chart, const struct rk_val *jobs,
	const struct rk_val *pods, struct rk_chart *out);

/* The three lists behind it, in d: one request each. */
struct rk_chart_lists {
	struct rk_val *charts, *jobs, *pods;
};
int rk_chart_lists(struct rk_kube *virt, struct rk_doc *d, struct rk_chart_lists *out,
	struct rk_err *err) RK_MUST_USE;

/* The line of helm's log that says why it failed: the last that begins with "Error" or "INSTALLATION
 * FAILED", else the last non-empty one; into out, at most 300 bytes. */
void rk_chart_log_cause(const char *log, struct rk_buf *out);

#endif
