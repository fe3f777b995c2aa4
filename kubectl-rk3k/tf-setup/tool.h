// SPDX-License-Identifier: Apache-2.0
/* What the files of tf-setup share: the options, one job, and its steps in the order of the story. */
#ifndef TF_SETUP_TOOL_H
#define TF_SETUP_TOOL_H

#include "cli/cli.h"
#include "os/os.h"
#include "hcl.h"
#include "k3k/k3k.h"
#include "rancher/rancher.h"

#define KC_HARVESTER "kubeconfig-harvester.yaml"
#define INPUT_MAX    ((size_t)8 << 20)
#define MARK	     "# rk3k: token "

struct opts {
	struct rk_kube_flags kube;
	const char *url, *ca_file, *ca_fingerprint;
	const char *user, *password_file, *token_file, *bootstrap_file;
	const char *description, *cluster, *dir;
	const char *revoke_file, *run; /* of revoke */
	char **names;		       /* of tokens, its arguments */
	int nnames;
	int64_t ttl_ms, timeout_ms;
	bool first_login, renew, module, with_kubeconfig;
	int output; /* enum output */
};

/* What may exist in Rancher although its name was not reported. */
enum lost { LOST_SESSION = 1, LOST_TOKEN = 2, LOST_KUBECONFIG = 4 };

enum output { OUT_FILES, OUT_JSON, OUT_ENV, OUT_TFVARS };

/* A token; value NULL: only its name is known; name NULL: there is none. */
struct tf_token {
	const char *name, *value;
};

struct job {
	const struct opts *o;
	struct rk_doc *d;			      /* secret; has the strings */
	const char *tfvars, *kc_harvester;	      /* paths */
	const char *old_url, *old_harvester, *old_ca; /* of the existing tfvars, or NULL */
	struct tf_token old;			      /* the token there */
	bool old_kubeconfig; /* harvester_kubeconfig there names our file */
	bool old_expired;    /* our comment there: the token has reached its end */
	bool use_cluster;    /* the host cluster is asked */
	const char *ref;     /* [NAMESPACE/]CLUSTER as given, or NULL */
	char *ns, *cluster;
	struct rk_kube *host;
	struct rk_vcluster virt;
	const char *url;
	struct rk_buf ca; /* empty: the system's roots */
	struct rk_rancher *r;
	struct rk_rancher_token token; /* the one for terraform */
	bool made, written;	       /* in this run; and it was handed over */
	const char *harvester, *harvester_name;
	const char *kubeconfig; /* Harvester's, as it should be in its file */
	bool minted, saved;	/* in this run; and it is where it belongs */
	char run[9];		/* in the descriptions of what this run makes */
	bool in_session;
	const char *given;     /* the token of --rancher-token-file, or NULL */
	const char *password;  /* to log in again after an answer was lost */
	unsigned lost;	       /* enum lost */
	struct rk_val *before; /* tokens before a kubeconfig is made, or NULL: unknown */
	struct rk_strv left;   /* names of tokens that could not be deleted */
	const volatile sig_atomic_t *signal; /* from tf_guard on */
};

/* --- connect.c: the job, the clusters, Rancher's address, a verified connection --- */
/* Do fn for the virtual cluster that ref names (NULL: none given); clean up whatever happened. */
int tf_with_job(const struct opts *o, const char *ref, int (*fn)(struct job *, struct rk_err *),
	struct rk_err *err) RK_MUST_USE;
int tf_open(struct job *j, bool virtual, struct rk_err *err) RK_MUST_USE; /* j->host, j->virt */
/* One key of a Secret of Rancher's in the virtual cluster; absence leaves out empty. */
int tf_rancher_secret(struct job *j, const char *name, const char *key, struct rk_buf *out,
	struct rk_err *err) RK_MUST_USE;
int tf_find_url(struct job *j, struct rk_err *err) RK_MUST_USE; /* j->url */
struct rk_rancher_conf tf_conf(const struct job *j, const struct rk_buf *ca);
int tf_connect(struct job *j, struct rk_err *err) RK_MUST_USE; /* j->ca, j->r */
/* What Rancher has for us from here on is deleted again when a signal comes. */
void tf_guard(struct job *j);
/* An error with the code of the signal that came, if one did. */
int tf_stopped(const struct job *j, struct rk_err *err) RK_MUST_USE;

/* --- cleanup.c: deleting what was not handed over --- */
/* A description that this run's tokens can be found by. */
const char *tf_describe(const struct job *j, const char *text);
/* Ask as the maker of tokens in this run: the session, or the token that was given. */
void tf_as_maker(struct job *j);
/* Delete a token with itself, else as the maker; a failure is a warning, and the token counts as left
 * behind. */
void tf_drop_token(struct job *j, struct tf_token t);
/* Delete all tokens that a run with this id made, as the caller who is set. */
int tf_drop_run(struct job *j, const char *run, size_t *dropped, struct rk_err *err) RK_MUST_USE;
/* The command that removes j->left and what is lost. */
void tf_revoke_command(const struct job *j, struct rk_buf *out);
/* At the end, whatever happened: delete what was not handed over, end the session, name what is left. */
void tf_leave(struct job *j, bool failed);

/* --- token.c: the session, and the token for terraform --- */
/* Log in, or use the token that was given. */
int tf_open_session(struct job *j, struct rk_err *err) RK_MUST_USE;
int tf_authorise(struct job *j, struct rk_err *err) RK_MUST_USE; /* j->token, j->made */
void tf_drop_old(struct job *j);				 /* what a new token has replaced */
const char *tf_expiry(const struct job *j);			 /* of j->token, for people */
void tf_show_token(const struct job *j);

/* --- harvester.c: the cluster and its kubeconfig --- */
/* The first map of a list whose key has this value, or NULL. */
const struct rk_val *tf_find(const struct rk_val *list, const char *key, const char *value);
int tf_find_harvester(struct job *j, struct rk_err *err) RK_MUST_USE; /* j->harvester or none */
/* Its kubeconfig into j->kubeconfig: the existing one while it is right, else a new one. now gets
 * what the file holds. */
int tf_get_harvester(struct job *j, struct rk_buf *now, struct rk_err *err) RK_MUST_USE;
/* The token in a kubeconfig of Rancher's. */
struct tf_token tf_kubeconfig_token(struct job *j, const char *text);

/* --- files.c: the directory and standard output --- */
int tf_read_tfvars(struct job *j, struct rk_err *err) RK_MUST_USE; /* paths, j->old_* */
/* Absence leaves out empty. */
int tf_read_existing(const char *path, struct rk_buf *out, struct rk_err *err) RK_MUST_USE;
/* A file that will hold a token is readable by its owner only. */
int tf_put_secret_file(const char *path, const char *text, struct rk_err *err) RK_MUST_USE;
int tf_put_output(struct job *j, struct rk_err *err) RK_MUST_USE;

/* --- revoke.c --- */
int tf_revoke(struct job *j, struct rk_err *err) RK_MUST_USE; /* j->o->names, or another way */

#endif
