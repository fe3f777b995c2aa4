// SPDX-License-Identifier: Apache-2.0
/* tool - what the verbs of kubeconfig share. */
#ifndef KUBECONFIG_TOOL_H
#define KUBECONFIG_TOOL_H

#include "edit.h"

#include "cli/cli.h"
#include "k3k/k3k.h"
#include "settings/settings.h"

#define ADMIN_CN  "system:admin" /* of the certificate that k3k keeps */
#define INPUT_MAX ((size_t)64 << 20)

struct opts {
	struct rk_kube_flags kube;
	struct rk_out_flags out;
	struct rk_settings_flags settings; /* which virtual cluster */
	const char *server, *name, *file, *host_kubeconfig;
	const char *cn;
	struct rk_strv orgs;
	int64_t days;
	int format; /* FORMAT_YAML, FORMAT_JSON */
	int64_t probe_ms, wait_ms;
	bool hold, no_probe, exec;
	bool force, current, diff, ignore, only_k3k;
	int dry;
};

enum { FORMAT_YAML, FORMAT_JSON };

/* The parts of one entry, all in d: for rk_kubeconfig_compose. */
struct entry {
	struct rk_doc *d;
	const char *ns, *cluster; /* the virtual cluster */
	const char *name;
	struct rk_val *cluster_map, *user_map;
};

/* Open the files for a change; a lock of another is waited for, and said. */
int kcfg_open_locked(const struct opts *o, struct kcfg_files **f, struct rk_err *err);
/* A SEQ of {kind (default: context), name, outcome}, as -o says. */
void kcfg_print(const struct opts *o, const struct rk_val *seq);
void kcfg_write_out(const struct rk_val *root, int format, struct rk_buf *out);
/* To stdout, or into a file that only its owner can read. */
int kcfg_put_out(const struct opts *o, const struct rk_buf *text, struct rk_err *err);

/* Whether two cluster: maps are of one cluster. A virtual cluster that was created again has another CA, and
 * maybe another address. */
bool kcfg_same_cluster(const struct rk_val *a, const struct rk_val *b);
/* Whom a user: map logs in as, in a few words that two of the same identity share; NULL: no identity. No
 * secret is in it. path is the kubeconfig that its file names belong to, or NULL. */
char *kcfg_identity_of(const struct rk_val *user, const char *path);

/* get and generate; identity (NULL: none) changes whose certificate is in the entry. */
int kcfg_get_with(const struct opts *o, int argc, char **argv,
	int (*identity)(
		const struct opts *o, struct entry *e, struct rk_kube *host, struct rk_err *err),
	struct rk_err *err);

int kcfg_run_get(void *p, int argc, char **argv, struct rk_err *err);
int kcfg_run_generate(void *p, int argc, char **argv, struct rk_err *err);
int kcfg_run_export(void *p, int argc, char **argv, struct rk_err *err);
int kcfg_run_merge(void *p, int argc, char **argv, struct rk_err *err);
int kcfg_run_remove(void *p, int argc, char **argv, struct rk_err *err);
int kcfg_run_list(void *p, int argc, char **argv, struct rk_err *err);

#endif
