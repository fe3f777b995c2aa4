// SPDX-License-Identifier: Apache-2.0
/* tool - what the verbs of registries share. */
#ifndef REGISTRIES_TOOL_H
#define REGISTRIES_TOOL_H

#include "cli/cli.h"
#include "k3k/k3k.h"
#include "settings/settings.h"

struct opts {
	struct rk_kube_flags kube;
	struct rk_out_flags out;
	struct rk_settings_flags settings;
	const char *registry, *mirrors_file, *ca, *user, *password_file, *images;
	struct rk_strv credentials;
	bool password_stdin, fallback, show_secrets, lose;
	int dry;
	unsigned parts; /* of render */
	char **files;	/* arguments of images */
	int nfiles;
	struct rk_strv manifests;
};

struct job {
	const struct opts *o;
	struct rk_settings *s;
	struct rk_doc *d;
	struct rk_kube *host;
	struct rk_vcluster virt;
	bool stdin_used, changed;
};

/* --- job.c: settings and clusters --- */

const char *reg_str(const struct job *j, enum rk_key k); /* a setting; unset: "" */
/* Standard input is read once; what names the option that requires it. */
int reg_take_stdin(struct job *j, const char *what, struct rk_err *err) RK_MUST_USE;
/* Do fn on the settings that flags, document and ref ([NAMESPACE/]CLUSTER or NULL) make. */
int reg_with_job(struct opts *o, const char *ref, int (*fn)(struct job *, struct rk_err *),
	struct rk_err *err) RK_MUST_USE;
/* Open j->host and read the Cluster; NULL when it does not exist. */
int reg_connect_host(struct job *j, struct rk_val **cluster, struct rk_err *err) RK_MUST_USE;

/* --- objects.c: all of j->d --- */

/* The kind of an object. */
const struct rk_res *reg_res(const struct rk_val *obj);
/* Append the objects of a step; none when it does not apply. */
int reg_step_objects(
	struct job *j, const char *name, struct rk_val *list, struct rk_err *err) RK_MUST_USE;
/* The first of a kind, by name unless that is NULL; or NULL. */
const struct rk_val *reg_named(const struct rk_val *list, const char *kind, const char *name);
int reg_virtual_objects(struct job *j, struct rk_val *list, struct rk_err *err) RK_MUST_USE;
/* spec.serverArgs and spec.secretMounts over the Cluster as it is (or NULL), with kind and name. */
int reg_cluster_patch(struct job *j, const struct rk_val *cluster, struct rk_val **out,
	struct rk_err *err) RK_MUST_USE;
/* spec.set.systemDefaultRegistry of Rancher's HelmChart, with kind and name, or NULL without a
 * registry. */
int reg_chart_patch(struct job *j, struct rk_val **out, struct rk_err *err) RK_MUST_USE;
/* Whether obj has every member of patch already. */
bool reg_has(const struct rk_val *obj, const struct rk_val *patch);

/* Whether v is a password of registries.yaml or a docker config: for rk_mask_tree. */
bool reg_is_secret(const struct rk_val *v);

/* --- images.c --- */

/* Append the full names of the images listed in a file, "-" for stdin; what: the option or argument
 * that names it. Strings live in j->d. */
int reg_read_images(struct job *j, const char *path, const char *what, struct rk_strv *out,
	struct rk_err *err) RK_MUST_USE;
/* As a table (a column shows the member of its name; what is under "remedy" belongs to the last), or as
 * -o says; in the order of --sort-by. */
int reg_print_rows(struct job *j, struct rk_val *rows, const char *const *head, size_t n,
	struct rk_err *err) RK_MUST_USE;

/* --- the verbs --- */

int reg_run_render(void *opts, int argc, char **argv, struct rk_err *err);
int reg_run_apply(void *opts, int argc, char **argv, struct rk_err *err);
int reg_run_diff(void *opts, int argc, char **argv, struct rk_err *err);
int reg_run_images(void *opts, int argc, char **argv, struct rk_err *err);
int reg_run_check(void *opts, int argc, char **argv, struct rk_err *err);

#endif
