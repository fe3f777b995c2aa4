// SPDX-License-Identifier: Apache-2.0
/* tool - what the parts of status share. */
#ifndef STATUS_TOOL_H
#define STATUS_TOOL_H

#include "cli/cli.h"
#include "expose/expose.h"
#include "k3k/k3k.h"
#include "settings/settings.h"
#include "watch/watch.h"

struct opts {
	struct rk_kube_flags kube;
	struct rk_out_flags out;
	struct rk_settings_flags settings;
	const char *service, *ingress, *secret, *from, *labels;
	bool all, watch;
};

/* What is gathered. The report is a tree, so that -o json and the table show the same. */
struct look {
	const struct opts *o;
	struct rk_kube *host;
	struct rk_vcluster virt;
	struct rk_live *live; /* --watch */
	const char *ns, *cluster;
	const char *from_ns, *from; /* Secret inside; from NULL: as the host names decide */
	struct rk_ingress names;    /* of the objects on the host cluster */
	struct rk_doc *d;
	struct rk_val *report, *problems, *warnings;
	struct rk_exposure exposure;
	struct rk_buf ca,
		served; /* PEM: Rancher's CA; the chain that the host cluster should serve */
	bool ca_known;	/* the virtual cluster was asked for it */
	bool inside;	/* the virtual cluster was read */
	bool rancher;	/* something of Rancher exists, or should */
	bool host_secret;
	struct rk_buf state; /* -A: what was shown last: which objects, in which version */
};

/* Fill l->report and l->problems, in l->d. Errors are of the host cluster; a failed connection to the
 * virtual cluster is one of the problems. */
int st_gather(struct look *l, struct rk_err *err);

/* Print the report in the format of -o. */
void st_show(const struct look *l);

/* -A: a line for each virtual cluster, from one pass over their list; nothing when it shows what it showed
 * last. key is not used: it is a reconciler's function, too. The columns, for rk_live_new: */
enum { ST_ALL_KEYS = 2, ST_ALL_PHASE = 3, ST_ALL_AGE = 6 };
int st_show_all(void *look, const char *key, struct rk_err *err);

#endif
