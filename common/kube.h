// SPDX-License-Identifier: Apache-2.0
/* kube - the Kubernetes API: get, list in pages, apply server-side, patch, delete.
 *
 * One struct rk_kube is one cluster seen by one identity, over one connection. Errors carry the
 * Status' reason and code: 404 is RK_NOTFOUND if an API says it, 409 and 403 RK_CONFLICT,
 * 504/timeouts RK_TIMEOUT, all else RK_FAIL; the message names the object and the server. Decide
 * by err->reason and err->http, never by text. */
#ifndef RK_KUBE_H
#define RK_KUBE_H

#include "kubeconfig.h"

#define RK_FIELD_MANAGER "rk3k"

struct rk_kube;

/* Connect lazily with what kubeconfig and flags say. */
int rk_kube_open(
	struct rk_kube **out, const struct rk_kube_flags *flags, struct rk_err *err) RK_MUST_USE;
/* The same from kubeconfig bytes in memory (a virtual cluster's). flags may be NULL. */
int rk_kube_open_text(struct rk_kube **out, const char *kubeconfig, size_t n, const char *name,
	const struct rk_kube_flags *flags, struct rk_err *err) RK_MUST_USE;
void rk_kube_free(struct rk_kube *k);
static inline void rk_cleanup_kube_(struct rk_kube **k)
{
	rk_kube_free(*k);
}
#define rk_auto_kube __attribute__((cleanup(rk_cleanup_kube_))) struct rk_kube

/* Whether connections may change anything. CLIENT: only reads are sent; whatever would write reads
 * instead, and answers what would happen. SERVER: writes are sent with dryRun=All, so that the server
 * checks them and keeps nothing. A request that would change something all the same is an internal
 * error and is not sent. */
enum rk_dry { RK_DRY_NONE, RK_DRY_CLIENT, RK_DRY_SERVER };
/* The mode of every connection that this process opens from here on; rk_main sets it from the options
 * of the command, to CLIENT for a command without --dry-run. */
void rk_kube_set_dry(enum rk_dry dry);
const char *rk_dry_word(int dry); /* what follows an outcome: "", " (dry run)", … */

const char *rk_kube_server(const struct rk_kube *k);
const char *rk_kube_context(const struct rk_kube *k);	/* "" in a pod */
const char *rk_kube_namespace(const struct rk_kube *k); /* of the context or -n, else "default" */
void rk_kube_set_namespace(struct rk_kube *k, const char *ns);
const struct rk_target *rk_kube_target(const struct rk_kube *k);
struct rk_http *rk_kube_http(struct rk_kube *k);

/* A kind of object and where it lives. */
struct rk_res {
	const char *api_version; /* "v1", "apps/v1" */
	const char *kind;
	const char *plural;
	bool namespaced;
};
/* Kinds rk3k itself deals with. */
extern const struct rk_res RK_NAMESPACE, RK_NODE, RK_POD, RK_SECRET, RK_CONFIGMAP, RK_SERVICE,
	RK_EVENT, RK_PVC, RK_DEPLOYMENT, RK_STATEFULSET, RK_DAEMONSET, RK_JOB, RK_INGRESS,
	RK_INGRESSCLASS, RK_STORAGECLASS, RK_PDB, RK_CRD, RK_CLUSTER, RK_HELMCHART,
	RK_HELMCHARTCONFIG, RK_CERTIFICATE, RK_ISSUER, RK_LEASE;
/* Built-in entry for apiVersion+kind, or NULL. */
const struct rk_res *rk_res_find(const char *api_version, const char *kind);
/* The same, asking the server's discovery for a kind not known (one request per group, kept in
 * k). RK_NOTFOUND when the server has no such kind, saying which CRD is missing. */
int rk_kube_res(struct rk_kube *k, const char *api_version, const char *kind,
	const struct rk_res **out, struct rk_err *err) RK_MUST_USE;
/* Whether the server has an API group, "k3k.io". That it could not be determined is an error. */
int rk_kube_serves(struct rk_kube *k, const char *group, bool *out, struct rk_err *err) RK_MUST_USE;
/* Request path; ns NULL: all namespaces or cluster scope; name NULL: the collection. */
void rk_res_path(const struct rk_res *r, const char *ns, const char *name, struct rk_buf *out);
/* The kind behind a word people type: Kind, plural, singular, short name, "clusters.k3k.io",
 * "deploy.v1.apps". Asks the server for what is not built in. RK_NOTFOUND when there is none. */
int rk_kube_res_word(struct rk_kube *k, const char *word, const struct rk_res **out,
	struct rk_err *err) RK_MUST_USE;
/* kubectl's "type[.group]/name", as in `secret/x` and `cluster.k3k.io/x`. */
void rk_res_word(const struct rk_res *r, const char *name, struct rk_buf *out);
/* "secret/x in namespace n" for messages. */
void rk_res_label(const struct rk_res *r, const char *ns, const char *name, struct rk_buf *out);

/* GET one object into d. Absent: RK_NOTFOUND (reason NotFound). */
int rk_kube_get(struct rk_kube *k, const struct rk_res *r, const char *ns, const char *name,
	struct rk_doc *d, struct rk_val **out, struct rk_err *err) RK_MUST_USE;
/* The same, but absence is an answer: 0 and NULL, also when the server does not have the kind. A state that
 * could not be determined stays an error. */
int rk_kube_find(struct rk_kube *k, const struct rk_res *r, const char *ns, const char *name,
	struct rk_doc *d, struct rk_val **out, struct rk_err *err) RK_MUST_USE;

struct rk_list_opts {
	const char *labels, *fields; /* selectors, or NULL */
	int limit;		     /* page size, 0: 500 */
	bool metadata_only;	     /* PartialObjectMetadataList */
};
/* List page by page; each is called for every item and may stop with <0 and err set. Each page
 * is parsed in a separate arena, freed after the page. version (NULL or 64 bytes) gets the
 * list's resourceVersion, from which a watch starts. A 410 in the middle goes
 * on with the token the server gives; version stays that of the first page. */
int rk_kube_list(struct rk_kube *k, const struct rk_res *r, const char *ns,
	const struct rk_list_opts *o,
	int (*each)(void *arg, const struct rk_val *item, struct rk_err *err), void *arg,
	char *version, struct rk_err *err) RK_MUST_USE;
/* The whole list as a SEQ in d, bounded to max items (0: 10000). */
int rk_kube_list_all(struct rk_kube *k, const struct rk_res *r, const char *ns,
	const struct rk_list_opts *o, struct rk_doc *d, struct rk_val **out, size_t max,
	struct rk_err *err) RK_MUST_USE;

enum rk_outcome { RK_CREATED, RK_CONFIGURED, RK_UNCHANGED, RK_DELETED, RK_ABSENT };
const char *rk_outcome_word(enum rk_outcome o); /* "created", "configured", … */

struct rk_apply_opts {
	bool force;	      /* take fields over from other managers */
	bool adopt;	      /* take them over from kubectl in any of its forms: what upstream's
			      * scripts made. What `kubectl apply` had set becomes ours whole, as
			      * with kubectl's own --server-side: what obj lacks of it goes */
	const char *manager;  /* NULL: RK_FIELD_MANAGER */
	const char *hint;     /* said with a conflict; NULL: the usual */
	struct rk_buf *taken; /* gets a line for what was taken over: "field (manager), …" */
	struct rk_buf *gone;  /* gets what went so: ".spec.set.a, ..." */
	bool known;	      /* the caller has just read the object: spare the read */
	const struct rk_val *current; /* with known: what it read, NULL for absent; in d */
	struct rk_val **before;	      /* the object as it was, or NULL; in d */
	/* Called when the object does not exist; -1 refuses. NULL: not called. */
	int (*before_create)(struct rk_kube *k, struct rk_err *err);
};
/* Server-side apply of one object (apiVersion, kind, metadata.name needed; namespaced objects
 * without a namespace go to rk_kube_namespace). A read tells created/configured/unchanged.
 * A conflict on an object of ours (label app.kubernetes.io/managed-by=rk3k), with force, or with
 * adopt over kubectl alone, is repeated once by force and told in taken; any other is
 * RK_CONFLICT, naming fields and managers. result may be NULL. Repeated while a server that answered before refuses connections (a restart). */
int rk_kube_apply(struct rk_kube *k, const struct rk_val *obj, const struct rk_apply_opts *o,
	struct rk_doc *d, struct rk_val **result, enum rk_outcome *outcome,
	struct rk_err *err) RK_MUST_USE;

/* PATCH with "application/merge-patch+json" (or another type). In a client dry run result is the
 * object as it is. */
int rk_kube_patch(struct rk_kube *k, const struct rk_res *r, const char *ns, const char *name,
	const char *type, const struct rk_val *patch, struct rk_doc *d, struct rk_val **result,
	struct rk_err *err) RK_MUST_USE;
/* POST; an object of that name that exists is RK_CONFLICT (reason AlreadyExists). In a client dry run
 * result is obj. */
int rk_kube_create(struct rk_kube *k, const struct rk_val *obj, struct rk_doc *d,
	struct rk_val **result, struct rk_err *err) RK_MUST_USE;

struct rk_delete_opts {
	const char *uid;	 /* precondition, or NULL */
	const char *version;	 /* resourceVersion, another precondition, or NULL */
	const char *propagation; /* NULL: "Background" */
	int64_t grace;		 /* seconds, <0: the object's own */
};
/* DELETE; absence is RK_ABSENT, not an error. Everything goes in the body (a body makes the
 * server ignore the query). "Gone" is another question: rk_kube_find says. */
int rk_kube_delete(struct rk_kube *k, const struct rk_res *r, const char *ns, const char *name,
	const struct rk_delete_opts *o, enum rk_outcome *outcome, struct rk_err *err) RK_MUST_USE;

/* What GET /version answered, into version ("v1.34.1") when it is not NULL. An answer that is not that of a
 * Kubernetes API is an error. */
int rk_kube_version(struct rk_kube *k, struct rk_buf *version, struct rk_err *err) RK_MUST_USE;
/* Whether an answer to GET /version is that of a Kubernetes API; version may be NULL. */
bool rk_kube_is_version(const struct rk_http_res *res, struct rk_buf *version);
/* Any request; res is the raw answer, a status >= 400 is an error as above. */
int rk_kube_raw(struct rk_kube *k, const struct rk_http_req *req, struct rk_http_res *res,
	struct rk_err *err) RK_MUST_USE;
/* Last n lines of a pod's log (container NULL: the only one; previous: of the last run). */
int rk_kube_log(struct rk_kube *k, const char *ns, const char *pod, const char *container,
	bool previous, int lines, struct rk_buf *out, struct rk_err *err) RK_MUST_USE;

/* Gets the Warning headers of the server, each text once. NULL: rk_warn. */
extern void (*rk_kube_warning)(const char *text);

/* Port-forward to a pod over a WebSocket: listens on 127.0.0.1, one connection to the pod for each
 * client, served by a child process until rk_forward_stop or the parent's end. */
struct rk_forward;
int rk_forward_start(struct rk_forward **out, struct rk_kube *k, const char *ns, const char *pod,
	int pod_port, int *local_port, struct rk_err *err) RK_MUST_USE;
void rk_forward_stop(struct rk_forward *f);

#endif
