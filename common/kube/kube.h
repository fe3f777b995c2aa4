// SPDX-License-Identifier: Apache-2.0
/* kube - the Kubernetes API: get, list in pages, apply server-side, patch, delete.
 *
 * One struct rk_kube is one cluster seen by one identity, over one connection. Errors carry the
 * Status' reason and code: 404 is RK_NOTFOUND if an API answers it, 409 and 403 RK_CONFLICT,
 * 504/timeouts RK_TIMEOUT, all else RK_FAIL; the message names the object and the server. Decide
 * by err->reason and err->http, never by text. */
#ifndef RK_KUBE_H
#define RK_KUBE_H

#include "data/data.h"
#include "kubeconfig/kubeconfig.h"

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

/* CLIENT: only reads are sent; what would write reads instead, and answers what would happen. SERVER:
 * writes are sent with dryRun=All. A request that would change something all the same is an internal
 * error and is not sent. */
enum rk_dry { RK_DRY_NONE, RK_DRY_CLIENT, RK_DRY_SERVER };
/* For every connection opened from here on; rk_main sets it from the options of the command, to CLIENT
 * for a command without --dry-run. */
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
	RK_HELMCHARTCONFIG, RK_CERTIFICATE, RK_ISSUER, RK_LEASE, RK_SERVICEACCOUNT, RK_PV, RK_QUOTA,
	RK_LIMITRANGE, RK_REPLICASET, RK_CRONJOB, RK_NETWORKPOLICY, RK_ROLE, RK_ROLEBINDING,
	RK_CLUSTERROLE, RK_CLUSTERROLEBINDING, RK_POLICY, RK_CLUSTERISSUER, RK_ENDPOINTSLICE,
	RK_CERTIFICATEREQUEST, RK_CHALLENGE, RK_SETTING;
/* Built-in entry for apiVersion+kind, or NULL. */
const struct rk_res *rk_res_find(const char *api_version, const char *kind);
/* The same, asking the server's discovery for a kind that is not built in (one request per group, kept
 * in k). RK_NOTFOUND when the server has no such kind. */
int rk_kube_res(struct rk_kube *k, const char *api_version, const char *kind,
	const struct rk_res **out, struct rk_err *err) RK_MUST_USE;
/* Whether the server has an API group, "k3k.io". That it could not be determined is an error. */
int rk_kube_serves(struct rk_kube *k, const char *group, bool *out, struct rk_err *err) RK_MUST_USE;
/* Request path; ns NULL: all namespaces or cluster scope; name NULL: the collection. */
void rk_res_path(const struct rk_res *r, const char *ns, const char *name, struct rk_buf *out);
/* The kind behind an argument: Kind, plural, singular, short name, "clusters.k3k.io",
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
/* The same, but absence is an answer: 0 and NULL, also when the server does not have the kind. */
int rk_kube_find(struct rk_kube *k, const struct rk_res *r, const char *ns, const char *name,
	struct rk_doc *d, struct rk_val **out, struct rk_err *err) RK_MUST_USE;

struct rk_list_opts {
	const char *labels, *fields; /* selectors, or NULL */
	int limit;		     /* page size, 0: 500 */
	bool metadata_only;	     /* PartialObjectMetadataList */
	/* For a caller with a back-off that then watches: NULL, or RK_VERSION_SIZE bytes, to which the
	 * resourceVersion of the list is written. The list is not tried again. */
	char *version;
};
#define RK_VERSION_SIZE 64
/* List page by page; each is called for every item, which lives until the next page, and may stop with
 * <0 and err set. */
int rk_kube_list(struct rk_kube *k, const struct rk_res *r, const char *ns,
	const struct rk_list_opts *o,
	int (*each)(void *arg, const struct rk_val *item, struct rk_err *err), void *arg,
	struct rk_err *err) RK_MUST_USE;
/* The whole list as a SEQ in d, of at most 20000 items. */
int rk_kube_list_all(struct rk_kube *k, const struct rk_res *r, const char *ns,
	const struct rk_list_opts *o, struct rk_doc *d, struct rk_val **out,
	struct rk_err *err) RK_MUST_USE;

enum rk_change { RK_CHANGE_ADDED, RK_CHANGE_MODIFIED, RK_CHANGE_DELETED, RK_CHANGE_BOOKMARK };
typedef int (*rk_kube_change_fn)(
	void *arg, enum rk_change e, const struct rk_val *obj, struct rk_err *err);
/* The changes since o->version, as they come, until the server or the network ends the stream (0 or -1),
 * or each does, with <0 and err set. RK_REASON_EXPIRED: the version is too old. */
int rk_kube_follow(struct rk_kube *k, const struct rk_res *r, const char *ns,
	const struct rk_list_opts *o, rk_kube_change_fn each, void *arg,
	struct rk_err *err) RK_MUST_USE;

enum rk_outcome { RK_CREATED, RK_CONFIGURED, RK_UNCHANGED, RK_DELETED, RK_ABSENT };
const char *rk_outcome_word(enum rk_outcome o); /* "created", "configured", … */

struct rk_apply_opts {
	bool force;	      /* take fields over from other managers */
	bool adopt;	      /* take them over from kubectl; what `kubectl apply` had set becomes
			      * ours whole, as with its --server-side: what obj lacks is removed */
	const char *manager;  /* NULL: RK_FIELD_MANAGER */
	struct rk_buf *taken; /* gets a line for what was taken over: "field (manager), …" */
	struct rk_buf *gone;  /* gets what went so: ".spec.set.a, ..." */
	bool known;	      /* the caller has just read the object: spare the read */
	const struct rk_val *current; /* with known: what it read, NULL for absent; in d */
	struct rk_val **before;	      /* the object as it was, or NULL; in d */
	/* Called when the object does not exist; -1 refuses. NULL: not called. */
	int (*before_create)(struct rk_kube *k, struct rk_err *err);
};
/* Server-side apply of one object (apiVersion, kind, metadata.name needed; namespaced objects
 * without a namespace go to rk_kube_namespace). A conflict on an object of ours (label
 * app.kubernetes.io/managed-by=rk3k), with force, or with adopt over kubectl alone, is repeated once by
 * force and reported in taken; any other is RK_CONFLICT, naming fields and managers. result and
 * outcome may be NULL. */
int rk_kube_apply(struct rk_kube *k, const struct rk_val *obj, const struct rk_apply_opts *o,
	struct rk_doc *d, struct rk_val **result, enum rk_outcome *outcome,
	struct rk_err *err) RK_MUST_USE;

/* A JSON merge patch. In a client dry run result is the object as it is. */
int rk_kube_patch(struct rk_kube *k, const struct rk_res *r, const char *ns, const char *name,
	const struct rk_val *patch, struct rk_doc *d, struct rk_val **result,
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
/* DELETE; absence is RK_ABSENT, not an error. Finalizers may keep the object: see rk_kube_find. */
int rk_kube_delete(struct rk_kube *k, const struct rk_res *r, const char *ns, const char *name,
	const struct rk_delete_opts *o, enum rk_outcome *outcome, struct rk_err *err) RK_MUST_USE;

/* What GET /version answered ("v1.34.1"), into version when it is not NULL. */
int rk_kube_version(struct rk_kube *k, struct rk_buf *version, struct rk_err *err) RK_MUST_USE;
/* Whether an answer to GET /version is that of a Kubernetes API; version may be NULL. */
bool rk_kube_is_version(const struct rk_http_res *res, struct rk_buf *version);
/* Last n lines of a pod's log (container NULL: the only one; previous: of the last run). */
int rk_kube_log(struct rk_kube *k, const char *ns, const char *pod, const char *container,
	bool previous, int lines, struct rk_buf *out, struct rk_err *err) RK_MUST_USE;

/* Port-forward to a pod over a WebSocket: listens on 127.0.0.1, one connection to the pod for each
 * client, served by a child process until rk_forward_stop or the parent's end. */
struct rk_forward;
int rk_forward_start(struct rk_forward **out, struct rk_kube *k, const char *ns, const char *pod,
	int pod_port, int *local_port, struct rk_err *err) RK_MUST_USE;
void rk_forward_stop(struct rk_forward *f);

/* cond - a condition of an object to wait for, in kubectl's notation and two forms of ours.
 *
 *	condition=NAME[=VALUE]   status.conditions; VALUE is True when not given, any case
 *	jsonpath=PATH[=VALUE]    '{.status.phase}=Ready'; without VALUE: one value that is not empty
 *	exists, delete           the object exists, does not exist
 *	ready                    what the kind means by it (a rollout is complete, a claim is
 *	                         bound, a k3k Cluster answers, a Job has succeeded, …)
 */
enum rk_cond_kind {
	RK_COND_CONDITION,
	RK_COND_JSONPATH,
	RK_COND_EXISTS,
	RK_COND_DELETE,
	RK_COND_READY
};

struct rk_cond {
	enum rk_cond_kind kind;
	char *name;  /* of the condition, or the path */
	char *value; /* NULL: none was given */
	struct rk_jsonpath *path;
};

/* RK_USAGE for anything else. */
int rk_cond_parse(struct rk_cond *c, const char *text, struct rk_err *err) RK_MUST_USE;
void rk_cond_release(struct rk_cond *c);

/* Whether it holds for obj (NULL: there is none). When it does not, why gets what exists
 * instead, in a few words. */
bool rk_cond_holds(const struct rk_cond *c, const struct rk_val *obj, struct rk_buf *why);
/* The same for "ready" alone. */
bool rk_is_ready(const struct rk_val *obj, struct rk_buf *why);

/* A condition's entry in status.conditions, or NULL. */
const struct rk_val *rk_condition(const struct rk_val *obj, const char *type);

/* why - why pods, volumes and a virtual cluster do not become ready, in a few words each.
 * Source: the diagnosis table in docs, from real failures of k3k. */

/* How bad it is. FAULT does not pass by waiting, as far as is known; it may still pass. */
enum rk_why { RK_WHY_FINE, RK_WHY_BUSY, RK_WHY_FAULT };

/* Appends "NAME: text". */
enum rk_why rk_why_pod(const struct rk_val *pod, struct rk_buf *out);
/* A claim that is not bound, with its StorageClass. */
enum rk_why rk_why_pvc(const struct rk_val *pvc, struct rk_buf *out);
/* A Cluster's phase and message; hint (may be NULL) gets what to do about messages that are known.
 * A passing "Failed" is BUSY. */
enum rk_why rk_why_cluster(const struct rk_val *cluster, struct rk_buf *out, struct rk_buf *hint);

/* "FailedMount on pod/x: text"; whether it is a warning. */
bool rk_why_event(const struct rk_val *event, struct rk_buf *out);
/* Whether a warning is of those that a healthy start shows, too, and younger than RK_YOUNG_S. */
bool rk_why_noise(const struct rk_val *event);
/* Whether an RFC 3339 time is less than RK_YOUNG_S ago; not so for none. */
#define RK_YOUNG_S 60
bool rk_is_young(const char *time_text);
/* When it was last seen, seconds since 1970. */
int64_t rk_kube_event_time(const struct rk_val *event);

#endif
