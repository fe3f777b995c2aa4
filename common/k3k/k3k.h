// SPDX-License-Identifier: Apache-2.0
/* k3k - what the k3k controller promises: names, Secrets, Services, phases, server addresses;
 * and the connection to a virtual cluster.
 *
 * Source: k3k v1.0.2 to v1.2, observed on 1.1.0. Objects of cluster N are called k3k-N-suffix,
 * hashed when longer than 63 bytes. */
#ifndef RK_K3K_H
#define RK_K3K_H

#include "kube/kube.h"

/* k3k-CLUSTER-SUFFIX after k3k's SafeConcatName (sha256 when 64 bytes or more). suffix NULL: only
 * k3k-CLUSTER. */
void rk_k3k_name(char out[64], const char *cluster, const char *suffix);

/* Split "[NS/]NAME"; ns_default when there is no slash. Strings are the caller's to free.
 * RK_USAGE when a part is empty or no DNS label. */
int rk_k3k_ref(const char *ref, const char *ns_default, char **ns, char **name,
	struct rk_err *err) RK_MUST_USE;

/* The same for "[NS/]NAME" (NULL: any) and -n (ns_flag, or NULL), after a list of the Clusters: NAME is
 * searched in -n, or without it in the context's namespace, then in RK_K3K_NS, then everywhere. Without
 * NAME it is RK_K3K_CLUSTER or the only one there. Not listed for NS/NAME; nothing found, or no right to
 * list: as rk_k3k_ref. RK_CONFLICT, naming them, when there are several. */
int rk_k3k_choose(struct rk_kube *host, const char *ns_flag, const char *ref, char **ns,
	char **name, struct rk_err *err) RK_MUST_USE;
/* The pure part: clusters is a SEQ of Clusters, context_ns may be NULL. *chosen NULL: none. */
int rk_k3k_pick(const struct rk_val *clusters, const char *ns_flag, const char *context_ns,
	const char *name, const struct rk_val **chosen, struct rk_err *err) RK_MUST_USE;

/* Decode one key of Secret k3k-CLUSTER-SUFFIX into out (make it a secret buffer). RK_NOTFOUND says
 * "no such cluster", or "does not exist yet" with the cluster's phase. */
int rk_k3k_secret(struct rk_kube *host, const char *ns, const char *cluster, const char *suffix,
	const char *key, struct rk_buf *out, struct rk_err *err) RK_MUST_USE;

/* A connection to a virtual cluster, closed by scope: rk_auto_vcluster v = {0}. */
enum rk_endpoint {
	RK_ENDPOINT_SERVER,
	RK_ENDPOINT_INGRESS,
	RK_ENDPOINT_BALANCER,
	RK_ENDPOINT_NODEPORT,
	RK_ENDPOINT_SERVICE,
	RK_ENDPOINT_FORWARD
};
const char *rk_endpoint_word(enum rk_endpoint e); /* "node port", ... */

struct rk_vcluster {
	/* set before opening */
	const char *server; /* URL, host, host:port or [v6]:port to try alone; or NULL */
	bool no_probe;	    /* take the first candidate without trying it */
	int64_t probe_ms;   /* for all candidates, 0: 3 s */
	/* set by opening */
	struct rk_kube *kube;
	enum rk_endpoint endpoint;
	char *url;		  /* https://host:port */
	char *tls_server_name;	  /* NULL when the certificate carries the host itself */
	struct rk_buf why;	  /* one line for each candidate: what was tried, and the result */
	struct rk_buf kubeconfig; /* kubeconfig.yaml as in the Secret, secret */
	struct rk_forward *forward; /* running, when endpoint is RK_ENDPOINT_FORWARD */
};

/* Read Secret k3k-N-kubeconfig, try the addresses that could work from here under its CA (given server;
 * ingress host; balancer; node port on a ready node; ClusterIP), take the best that answers /version,
 * else start a port-forward. What v held before is closed first, and all of it after an error.
 * Errors: RK_NOTFOUND as rk_k3k_secret, RK_FAIL (nothing answered: every candidate with its reason). */
int rk_vcluster_open(struct rk_vcluster *v, struct rk_kube *host, const char *ns,
	const char *cluster, struct rk_err *err) RK_MUST_USE;
void rk_vcluster_close(struct rk_vcluster *v); /* stops the forward; again does nothing */
#define rk_auto_vcluster __attribute__((cleanup(rk_vcluster_close))) struct rk_vcluster
/* All of v->why in one line. */
void rk_vcluster_reasons(const struct rk_vcluster *v, struct rk_buf *out);

/* The cluster of the flags, or with flags->virtual_cluster ("[NS/]NAME") the virtual cluster on it,
 * closed by scope: rk_auto_connection c = {0}. */
struct rk_connection {
	struct rk_kube *kube; /* the one to use */
	struct rk_kube *host; /* the host when kube is virtual, else the same as kube */
	struct rk_vcluster virtual;
};
int rk_connect(
	struct rk_connection *c, const struct rk_kube_flags *flags, struct rk_err *err) RK_MUST_USE;
void rk_disconnect(struct rk_connection *c);
#define rk_auto_connection __attribute__((cleanup(rk_disconnect))) struct rk_connection
/* Note on stderr which cluster is about to be changed. */
void rk_connection_note(const struct rk_connection *c, const struct rk_kube_flags *flags);

/* What belongs under cluster: and user: of a kubeconfig entry for an open connection: copies in d of the
 * Secret's, under the address taken, with the note which virtual cluster it is. The usual name is
 * CLUSTER RK_K3K_ENTRY_SUFFIX. RK_FAIL: the Secret's text is no such kubeconfig. */
#define RK_K3K_ENTRY_SUFFIX "-k3k"
int rk_k3k_entry(const struct rk_vcluster *v, const struct rk_kc_note *note, struct rk_doc *d,
	struct rk_val **cluster_map, struct rk_val **user_map, struct rk_err *err) RK_MUST_USE;

/* Refuse a user's entry whose client certificate has expired: RK_FAIL, with what makes a new one. */
int rk_k3k_unexpired(const struct rk_val *user, const char *ns, const char *cluster,
	struct rk_err *err) RK_MUST_USE;

/* Refuse to act on the virtual cluster itself: RK_CONFLICT when k has nodes that are k3k's pods and no
 * API of k3k, with the hint to switch context. */
int rk_k3k_guard_host(struct rk_kube *k, struct rk_err *err) RK_MUST_USE;

/* GET the Cluster; RK_NOTFOUND tells "no such Cluster" from "k3k is not installed". */
int rk_k3k_get(struct rk_kube *host, const char *ns, const char *cluster, struct rk_doc *d,
	struct rk_val **out, struct rk_err *err) RK_MUST_USE;

/* helmchart - how the install of a HelmChart is going. k3s' helm-controller runs helm in a Job with
 * backoffLimit 1000 and restartPolicy OnFailure: a chart that cannot be installed never shows as a failed
 * Job, only as a container that restarts. */

#define RK_CHART_JOB "helm-install-" /* and the chart's name: its Job */

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

/* The line of helm's log that says why it failed: the last that begins with "Error" or "INSTALLATION
 * FAILED", else the last non-empty one; into out, at most 300 bytes. */
void rk_chart_log_cause(const char *log, struct rk_buf *out);

#endif
