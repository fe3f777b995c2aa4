// SPDX-License-Identifier: Apache-2.0
/* what the files of the kubeconfig module share; no other file includes it. */
#ifndef RK_KUBECONFIG_INTERNAL_H
#define RK_KUBECONFIG_INTERNAL_H

#include "kubeconfig/kubeconfig.h"

struct kc_file {
	char *path; /* as spelled */
	char *dir;  /* relative paths in it belong here; NULL: bytes without a place */
	const struct rk_val *root;
};

/* One named entry; v is the inner map (the value of `cluster:`, `user:`, `context:`) or NULL. */
struct kc_entry {
	const char *name;
	const struct rk_val *v;
	const struct kc_file *file;
};

/* Sorted by name; of equal names only that of the first file is kept. */
struct kc_list {
	struct kc_entry *v;
	size_t n;
};

struct rk_kubeconfig {
	struct rk_doc *doc; /* secret */
	struct kc_file *files;
	size_t nfiles;
	char *searched; /* paths that were searched, for messages */
	struct kc_list lists[RK_KC_NKINDS];
	const char *current; /* NULL: unset */
	const struct kc_file *current_file;
};

/* The entry of that name, which may be NULL; or NULL. */
const struct kc_entry *kc_find(
	const struct rk_kubeconfig *kc, enum rk_kc_kind kind, const char *name);

/* String field of an entry (e may be NULL); "" and null count as unset: *out is NULL then. */
int kc_str(const struct kc_entry *e, const char *key, const char **out, struct rk_err *err);

/* Point conf at the CA, certificate and key that t holds; again after each change of those buffers. */
void kc_use_material(struct rk_target *t);
/* Bytes given as NAME-data (base64) or NAME (a file) of an entry, or the file of a flag, which
 * beats both. Nothing given: out is empty. Both data and file: an error. */
int kc_material(const struct kc_entry *e, const char *name, const char *flag, struct rk_buf *out,
	struct rk_err *err);

/* Copy exec and, with provideClusterInfo, the description of the cluster into t. */
int kc_take_exec(struct rk_target *t, const struct kc_entry *user, const struct kc_entry *cluster,
	const struct rk_val *exec, struct rk_err *err);

/* The string kept as long as the target; NULL gives NULL. */
char *kc_keep(struct rk_target *t, const char *s);

/* Values end up in headers: a line break in one would smuggle in another, so control characters
 * are refused. what names the value. */
int kc_plain(const char *what, const char *s, struct rk_err *err);

/* Log in with this token, copied, when it fits into a request's header. */
int kc_use_token(struct rk_target *t, const char *what, const char *token, struct rk_err *err);

/* Certificate and key made fit to be passed on (rk_cert_admit), and checked against each other. */
int kc_admit_pair(struct rk_buf *cert, struct rk_buf *key, struct rk_err *err);

/* Whether client-go would run this exec plugin: apiVersion, command, interactiveMode and the names in
 * env. */
int kc_check_exec(const struct rk_val *exec, struct rk_err *err);

/* The text without the blanks around it; the caller frees it. */
char *kc_trimmed(const struct rk_buf *b);

/* t->token from t->token_file. */
int kc_read_token(struct rk_target *t, struct rk_err *err);

/* The identity that the user entry (may be NULL) and the flags give. */
int kc_take_user(struct rk_target *t, const struct kc_entry *user, const struct kc_entry *cluster,
	const struct rk_kube_flags *f, struct rk_err *err);

/* Whom the user entry or --as says to act as, as headers. */
int kc_take_impersonation(struct rk_target *t, const struct kc_entry *user,
	const struct rk_kube_flags *f, struct rk_err *err);

#endif
