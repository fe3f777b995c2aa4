// SPDX-License-Identifier: Apache-2.0
/* what the files of the kube module share. */
#ifndef RK_KUBE_INTERNAL_H
#define RK_KUBE_INTERNAL_H

#include "data/data.h"
#include "kube/kube.h"

/* A kind found by discovery; res points into the doc of the struct rk_kube. */
struct rk_kube_found {
	struct rk_res res;
	struct rk_kube_found *next;
};

struct rk_kube {
	struct rk_target target;
	struct rk_http *http;
	struct rk_doc *disco;	     /* strings of found */
	struct rk_kube_found *found; /* kinds learned from the server */

	char *ns;
	int64_t creds_until;   /* exec credential: seconds since 1970, 0: no limit */
	int64_t token_read_ms; /* when the token file was last read */
	bool alive;	       /* has answered before: a refusal is worth a retry */
	enum rk_dry dry;
};

/* The manager a conflict's cause names, into s (not terminated) and n. */
bool rk_cause_manager(const struct rk_val *cause, const char **s, int *n);
/* ".data.a (manager kubectl), …" of a conflict's causes; false when it has none. */
bool rk_status_fields(const struct rk_val *status, struct rk_buf *out);

/* Send, with fresh credentials and once more after a 401. 0 also for statuses >= 400. */
int rk_kube_send(struct rk_kube *k, const struct rk_http_req *req, const struct rk_kube_about *a,
	struct rk_http_res *res, struct rk_err *err) RK_MUST_USE;
/* The same; a status >= 400 is an error. */
int rk_kube_call(struct rk_kube *k, const struct rk_http_req *req, const struct rk_kube_about *a,
	struct rk_http_res *res, struct rk_err *err) RK_MUST_USE;
/* The same, and the answer parsed and checked. */
int rk_kube_ask(struct rk_kube *k, const struct rk_http_req *req, const struct rk_kube_about *a,
	struct rk_doc *d, struct rk_val **out, struct rk_err *err) RK_MUST_USE;
/* The parameter by which the server changes nothing, for a write in a server dry run. */
void rk_kube_add_dry(const struct rk_kube *k, struct rk_buf *path);

/* The namespace of an object or request: ns, else the context's; NULL for cluster scope. */
const char *rk_kube_ns_for(const struct rk_kube *k, const struct rk_res *r, const char *ns);

/* Whether have holds all of want: maps by key, lists item by item. */
bool rk_holds(const struct rk_val *have, const struct rk_val *want);
/* Whether an entry of managedFields is that of manager's operation ("Apply", "Update"). */
bool rk_is_entry(const struct rk_val *entry, const char *manager, const char *operation);
/* The first such entry of obj, or NULL; api_version NULL: any. */
const struct rk_val *rk_managed_entry(const struct rk_val *obj, const char *manager,
	const char *operation, const char *api_version);
/* Whether the fields are those of v, no more and no fewer. In doubt: no. */
bool rk_owns(struct rk_doc *d, const struct rk_val *fields, const struct rk_val *v);
/* Of the maps that are empty in body: their members in live that fields lists, at their places. */
struct rk_val *rk_emptied(struct rk_doc *d, const struct rk_val *fields, const struct rk_val *body,
	const struct rk_val *live);

#endif
