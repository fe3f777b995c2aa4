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
enum result { OK, WARN, STOP, SKIP, CLEAN /* OK, if the check has found nothing */ };

struct flight {
	const struct opts *o;
	struct rk_settings *s;
	struct rk_doc *d; /* secret */
	struct rk_val *rows;
	struct rk_kube *k; /* the host cluster, or NULL */
	const char *check; /* the id of the check that runs */
	size_t before;	   /* warnings and failures before it */
	size_t passed, stops, warnings;
	struct rk_strv unknown;	      /* checks of which a part is unknown: they are never ok */
	const struct rk_val *cluster; /* the existing Cluster, or NULL */
	bool cluster_known;
	bool controller_current;
	struct rk_progress *progress; /* of --brief, or NULL */
	/* Answers of the host cluster, since several checks read the nodes or the Namespace. */
	struct {
		const char *request;
		struct rk_val *answer;
	} answers[32];
	size_t nanswers;
};

/* --- the report: rows of the check that runs --- */

/* The OK row of a check of which a part is unknown is left out. */
void pf_row(struct flight *f, enum result r, const char *fmt, ...) RK_PRINTF(3, 4);
/* A failure with the error's text and hint; what: "" or what was checked. */
void pf_row_err(struct flight *f, const char *what, const struct rk_err *err);
/* A part of the check could not be done: a warning. */
void pf_unknown(struct flight *f, const struct rk_err *err);
/* What requires consent: a failure, or a warning when the flag gives it, or the user who is asked. */
void pf_consent(struct flight *f, bool given, const char *flag, const char *question,
	const char *fmt, ...) RK_PRINTF(5, 6);

/* --- what checks read --- */

#define pf_str(f, k) rk_setting_text((f)->s, k)
void pf_join(struct rk_buf *out, const char *text); /* with ", " between */
#define pf_ns(obj)   rk_get_str(obj, "metadata", "namespace", NULL)
#define pf_name(obj) rk_get_str(obj, "metadata", "name", NULL)
/* A list of the host cluster, or NULL with a row that says why it could not be read. r NULL: NULL. */
const struct rk_val *pf_list(
	struct flight *f, const struct rk_res *r, const char *ns, const char *labels);
/* A list of all namespaces that only adds information: without the right to read it no row is made. */
const struct rk_val *pf_list_allowed(struct flight *f, const struct rk_res *r);
/* An object. Absent, or r NULL: NULL and true. Unknown: a row and false. */
bool pf_find(struct flight *f, const struct rk_res *r, const char *ns, const char *name,
	struct rk_val **out);
/* A kind that rk3k has no table entry for; NULL: the host does not have it, or a row says why. */
const struct rk_res *pf_kind(struct flight *f, const char *api, const char *kind);

/* --- the checks --- */

void pf_check_programs(struct flight *f);
void pf_check_versions(struct flight *f);
void pf_check_certificates(struct flight *f);
void pf_check_objects(struct flight *f);
void pf_check_api(struct flight *f); /* opens the connection */
void pf_find_cluster(struct flight *f);
void pf_check_controller(struct flight *f);
void pf_check_rights(struct flight *f);
void pf_check_namespace(struct flight *f);
void pf_check_nodes(struct flight *f);
void pf_check_storage(struct flight *f);
void pf_check_networks(struct flight *f);
void pf_check_ingress(struct flight *f);
void pf_check_passthrough(struct flight *f);
void pf_check_cluster(struct flight *f);
void pf_check_hostname(struct flight *f);
void pf_check_host_objects(struct flight *f);
void pf_check_other_ingresses(struct flight *f);
void pf_check_dns(struct flight *f);
void pf_check_charts(struct flight *f);
void pf_check_registry(struct flight *f);

#endif
