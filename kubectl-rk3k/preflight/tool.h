// SPDX-License-Identifier: Apache-2.0
/* tool - what the checks of preflight share. */
#ifndef PREFLIGHT_TOOL_H
#define PREFLIGHT_TOOL_H

#include "cli/cli.h"
#include "k3k/k3k.h"
#include "settings/settings.h"

struct opts {
	struct rk_kube_flags kube;
	struct rk_out_flags out;
	struct rk_settings_flags settings;
	const char *only;
	bool lose_data, restart, ask;
	bool host_only, rename_host, brief;
};
enum result { OK, WARN, STOP, SKIP };
extern const char *const pf_results[]; /* in words */

/* What was asked for, since several checks look at the nodes, or at the Namespace: a list, or an object
 * (NULL: it does not exist). */
struct asked {
	const struct rk_res *r;
	const char *ns, *key; /* labels of a list, name of an object */
	bool is_list;
	struct rk_val *v;
};

struct flight {
	const struct opts *o;
	struct rk_settings *s;
	struct rk_doc *d; /* secret */
	struct rk_val *rows;
	struct rk_kube *k;
	const struct rk_val *cluster; /* the existing Cluster, or NULL */
	bool cluster_known;
	bool controller_current;
	struct rk_strv unknown; /* checks that could not be done whole: they are never ok */
	size_t stops, warnings;
	struct rk_progress *progress; /* of --brief, or NULL */
	struct asked asked[32];
	size_t nasked;
};

/* --- the report --- */

/* A check of which a part is unknown is never ok: its OK row is left out. */
void pf_row(struct flight *f, enum result r, const char *check, const char *fmt, ...)
	RK_PRINTF(4, 5);
/* A part of the check could not be done: a warning. */
void pf_unknown(struct flight *f, const char *check, const struct rk_err *err);
/* What needs consent: STOP, or WARN when the flag gives it, or the user when he is asked. */
enum result pf_consent(struct flight *f, bool flag, const char *question);
void pf_row_err(struct flight *f, enum result r, const char *check, const struct rk_err *err);

/* --- what every check asks --- */

const char *pf_str(const struct flight *f, enum rk_key k); /* a setting; unset: "" */
bool pf_is(const struct flight *f, enum rk_key k);
void pf_join(struct rk_buf *out, const char *text); /* with ", " between */
/* A list of the host, asked for once, or NULL with a row that says why it cannot be had. */
const struct rk_val *pf_list(struct flight *f, const char *check, const struct rk_res *r,
	const char *ns, const char *labels);
/* The whole of a list that only adds to what is known: without the right to see it no row is made. */
const struct rk_val *pf_list_seen(struct flight *f, const char *check, const struct rk_res *r);
/* Absent: NULL and true. Unknown: a row and false. */
bool pf_find(struct flight *f, const char *check, const struct rk_res *r, const char *ns,
	const char *name, struct rk_val **out);

/* --- the checks; each adds its rows --- */

void pf_check_programs(struct flight *f);
void pf_check_versions(struct flight *f);
void pf_check_certificates(struct flight *f);
void pf_check_objects(struct flight *f);

/* Opens the connection. Returns whether the cluster can be asked any further. */
bool pf_check_api(struct flight *f);
void pf_check_controller(struct flight *f);
void pf_check_rights(struct flight *f);
void pf_check_namespace(struct flight *f); /* policy, admission and quotas of one that exists */
void pf_check_nodes(struct flight *f);
void pf_check_storage(struct flight *f);
void pf_check_networks(struct flight *f);
void pf_check_ingress(struct flight *f);
void pf_find_cluster(struct flight *f); /* for the checks that look at it */
void pf_check_cluster(struct flight *f);
void pf_check_hostname(struct flight *f);
void pf_check_host_objects(struct flight *f);
void pf_check_other_ingresses(struct flight *f);

void pf_check_dns(struct flight *f);
void pf_check_charts(struct flight *f);
void pf_check_registry(struct flight *f);

#endif
