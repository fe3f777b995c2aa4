// SPDX-License-Identifier: Apache-2.0
/* kubeconfig - find, merge and resolve kubeconfig files as kubectl does.
 *
 * Reading follows client-go's clientcmd: --kubeconfig alone; else the files of $KUBECONFIG, first
 * definition of a name wins whole, first non-empty current-context; else ~/.kube/config; in a
 * pod, the service account. Relative paths belong to the file the entry came from.
 * Refused: insecure-skip-tls-verify and http:// servers, with the command that pins the CA. */
#ifndef RK_KUBECONFIG_H
#define RK_KUBECONFIG_H

#include "data/data.h"
#include "http/http.h"

/* The flags every tool shares with kubectl; all NULL/0 when not given. */
struct rk_kube_flags {
	const char *kubeconfig, *context, *cluster, *user, *ns;
	const char *server, *tls_server_name, *certificate_authority;
	const char *client_certificate, *client_key, *token_file;
	const char *as, *as_uid;
	struct rk_strv as_groups;
	const char *resolve; /* host:port:address */
	int64_t request_timeout_ms;
	const char *virtual_cluster; /* --virtual [NS/]NAME: act inside it; see rk_connect */
	const char *pod_dir;	     /* of a pod's service account; NULL: the well-known one */
};

/* The tree of one kubeconfig in d, when kubectl would load it: read as kubectl reads YAML, with every
 * field of the type that client-go has for it and no name twice in a list. *out is NULL for an empty
 * text. name is the file's, for messages: "FILE:12: users[0].user.exec.args[1]: ...". */
int rk_kubeconfig_read(struct rk_doc *d, const char *text, size_t n, const char *name,
	const struct rk_val **out, struct rk_err *err) RK_MUST_USE;

#define RK_KUBECONFIG_MAX ((size_t)128 << 20) /* largest kubeconfig file that is read */

/* Paths of the load list: the explicit one, those of $KUBECONFIG, or ~/.kube/config. NULL-terminated;
 * free with rk_kubeconfig_free_paths. */
char **rk_kubeconfig_paths(const char *explicit_path);
void rk_kubeconfig_free_paths(char **paths);

struct rk_kubeconfig; /* the merged view of all files */

/* Load as clientcmd would. explicit may be NULL. All missing: an empty configuration (then only
 * in-cluster or --server can work). Errors name the file. */
int rk_kubeconfig_load(
	struct rk_kubeconfig **out, const char *explicit_path, struct rk_err *err) RK_MUST_USE;
/* The same from bytes; relative paths in it are refused. name is for messages. */
int rk_kubeconfig_parse(struct rk_kubeconfig **out, const char *text, size_t n, const char *name,
	struct rk_err *err) RK_MUST_USE;
void rk_kubeconfig_free(struct rk_kubeconfig *kc);

enum rk_kc_kind { RK_KC_CLUSTERS, RK_KC_CONTEXTS, RK_KC_USERS };
#define RK_KC_NKINDS 3
extern const char *const rk_kc_plural[RK_KC_NKINDS], *const rk_kc_single[RK_KC_NKINDS];

/* What belongs under cluster:, context: or user: of the entry that counts, or NULL. */
const struct rk_val *rk_kubeconfig_entry(
	const struct rk_kubeconfig *kc, enum rk_kc_kind kind, const char *name);

/* Where to connect and who to be: everything resolved and read into memory. */
struct rk_target {
	const char *context, *cluster, *user, *ns; /* names; NULL: none (as in a pod) */
	struct rk_http_conf conf;		   /* points into this struct */
	char *server;
	struct rk_buf ca, cert, key;		  /* PEM; key is secret */
	char *token, *token_file;		  /* secret; file re-read about every minute */
	const struct rk_val *exec, *exec_cluster; /* exec plugin to run, or NULL */
	const char *exec_dir;			  /* directory for a relative command */
	const struct rk_val *auth_provider;	  /* as in the user's entry, or NULL */
	const struct rk_val *as; /* impersonation as a user's entry has it, or NULL */
	/* of an entry that `kubeconfig get` wrote, else NULL: the virtual cluster NS/NAME it is for; its
	 * host's URL; the contexts of that host, as words: "a", "a or b" */
	const char *virtual_cluster, *host, *host_contexts;
	/* private to the module: */
	struct rk_strv headers;
	struct rk_doc *doc;
};
/* Resolve context/cluster/user with the flags on top. Errors: RK_NOTFOUND (context, cluster,
 * no configuration at all), RK_CONFLICT (insecure, http://), RK_FAIL (contradictions, damaged
 * data), each naming the entry and file. Does not run exec plugins. */
int rk_kubeconfig_resolve(const struct rk_kubeconfig *kc, const struct rk_kube_flags *flags,
	struct rk_target *out, struct rk_err *err) RK_MUST_USE;
void rk_target_release(struct rk_target *t);

/* Make CA, certificate and key fit to be passed on (rk_cert_admit), and check what resolving leaves to the
 * first connection: that the client certificate fits its key and the exec plugin is described as
 * client-go requires it. For callers that pass a target on. */
int rk_target_check(struct rk_target *t, struct rk_err *err) RK_MUST_USE;
/* notAfter of the client certificate in seconds since 1970; 0: there is none. */
int64_t rk_target_expires(const struct rk_target *t);

/* Run the exec plugin (client.authentication.k8s.io v1, v1beta1) and put its token or
 * certificate into t; *expires in seconds since 1970, 0: never. */
int rk_target_exec(struct rk_target *t, int64_t *expires, struct rk_err *err) RK_MUST_USE;

/* Log in with the target's auth-provider: "oidc" gives its id-token as long as it has not expired. rk3k
 * does not refresh it, as kubectl does. RK_FAIL: expired, or another provider, all of which
 * Kubernetes has removed. */
int rk_target_provider(struct rk_target *t, struct rk_err *err) RK_MUST_USE;

/* The claims of a JWT, in d; NULL: it is none. */
const struct rk_val *rk_kubeconfig_claims(struct rk_doc *d, const char *token);

/* Whether two are the same: URLs with case, default port and final slash evened out; CA bundles by
 * their first certificate. */
bool rk_kubeconfig_same_url(const char *a, const char *b);
bool rk_kubeconfig_same_ca(const char *a, size_t alen, const char *b, size_t blen);

/* A kubeconfig in d with one entry: cluster and user (what belongs under cluster: and user:, taken
 * over), context and current context, all of this name. */
struct rk_val *rk_kubeconfig_compose(
	struct rk_doc *d, const char *name, struct rk_val *cluster, struct rk_val *user);

/* Have the certificates and the key that a cluster and a user (either may be NULL) carry inline
 * written again, fit to be passed on: rk_cert_admit, rk_cert_admit_key. */
int rk_kc_admit(struct rk_doc *d, struct rk_val *cluster, struct rk_val *user,
	struct rk_err *err) RK_MUST_USE;

/* Which virtual cluster an entry is for, as `kubeconfig get` notes it in an extension of the cluster;
 * kubectl keeps extensions when it rewrites a file. */
struct rk_kc_note {
	const char *ns, *cluster;
	const char *host; /* URL of the host's API server; NULL: not noted */
};
/* The note in what belongs under cluster: of an entry, as its strings; false: there is none. */
bool rk_kc_note(const struct rk_val *cluster, struct rk_kc_note *out);
/* The note in place of all extensions of cluster. */
void rk_kc_set_note(struct rk_doc *d, struct rk_val *cluster, const struct rk_kc_note *n);
/* Whether both are of one virtual cluster, even one that was created again. Hosts count where both are
 * noted. */
bool rk_kc_note_same(const struct rk_kc_note *a, const struct rk_kc_note *b);

/* Names and facts for `kubeconfig list`, by name: SEQ of {name, cluster, user, namespace, server,
 * current, virtualCluster ("NS/NAME"), host (its URL), expires (of the client certificate, RFC 3339), file} in d;
 * what is not known is left out. */
int rk_kubeconfig_list(const struct rk_kubeconfig *kc, struct rk_doc *d, struct rk_val **out,
	struct rk_err *err) RK_MUST_USE;

#endif
