// SPDX-License-Identifier: Apache-2.0
/* registries - private registries and chart hosts in, what containerd, helm and k3k must know of
 * them out: rendered, applied, compared with what exists, and tried for real. */
#include "registries/tool.h"

/* clang-format off */
#define INPUT_OPTS                                                                                 \
	OPT_STR("registry", registry, "HOST[:PORT]",                                               \
		"private pull-through registry (PRIVATE_REGISTRY)"),                               \
	OPT_STR("mirrors-file", mirrors_file, "FILE", "list of mirrored registries, one per line", \
		.complete = "file"),                                                               \
	OPT_STR("ca", ca, "FILE", "PEM bundle the private hosts are verified with",                \
		.complete = "file"),                                                               \
	OPT_CSV("credentials", credentials, "docker|helm|FILE",                                    \
		"take logins from there, each for its own host", .complete = "file"),              \
	OPT_STR("user", user, "NAME",                                                              \
		"user for the private hosts; the password is asked for"),                          \
	OPT_STR("password-file", password_file, "FILE",                                            \
		"file that holds the password and that only its owner can read",                   \
		.complete = "file"),                                                               \
	OPT_FLAG("password-stdin", password_stdin, "read the password from standard input"),       \
	OPT_FLAG("fallback", fallback, "let images come from their public registries as well"),    \
	OPT_GROUP_SETTINGS(settings)
/* clang-format on */

static const struct rk_opt OPTS_RENDER[] = {
	OPT_FLAG(
		"show-secrets", show_secrets, "with all, and on a terminal: do not hide passwords"),
	INPUT_OPTS,
	OPT_GROUP_OUT(out),
	OPT_END,
};
static const struct rk_opt OPTS_APPLY[] = {
	OPT_FLAG(
		"yes-lose-data", lose, "allow the restart of a cluster whose storage is ephemeral"),
	OPT_DRY_RUN(dry),
	INPUT_OPTS,
	OPT_GROUP_OUT(out),
	OPT_GROUP_KUBE(kube),
	OPT_END,
};
static const struct rk_opt OPTS_DIFF[] = {INPUT_OPTS, OPT_GROUP_KUBE(kube), OPT_END};
static const struct rk_opt OPTS_CHECK[] = {
	OPT_STR("images", images, "FILE",
		"images that must exist, one per line, as `bundle --list` writes them; - for "
		"stdin; default: Rancher's and cert-manager's",
		.complete = "file"),
	INPUT_OPTS,
	OPT_SORT_BY(out),
	OPT_GROUP_OUT(out),
	OPT_GROUP_KUBE(kube),
	OPT_END,
};
static const struct rk_opt OPTS_IMAGES[] = {OPT_LIST("manifests", manifests, "FILE",
						    "Kubernetes objects, as `helm template` prints "
						    "them, whose images are shown; - for stdin",
						    .complete = "file"),
	INPUT_OPTS, OPT_SORT_BY(out), OPT_GROUP_OUT(out), OPT_END};

static const struct rk_verb VERBS[] = {
	{.name = "render",
		.args = "[all|file|host|virtual|cluster|chart|docker|helm]",
		.max_args = 1,
		.complete = "all|file|host|virtual|cluster|chart|docker|helm",
		.summary =
			"write registries.yaml, Secrets, ConfigMap and patches to standard output",
		.opts = OPTS_RENDER,
		.run = reg_run_render},
	{.name = "apply",
		.args = "[[NAMESPACE/]CLUSTER]",
		.max_args = 1,
		.complete = "cluster",
		.summary = "apply registry settings to the host cluster and the virtual cluster",
		.opts = OPTS_APPLY,
		.run = reg_run_apply},
	{.name = "check",
		.summary = "check that each registry and chart host has what is needed",
		.opts = OPTS_CHECK,
		.run = reg_run_check},
	{.name = "images",
		.args = "[FILE...]",
		.max_args = -1,
		.complete = "file",
		.summary = "show the full names of images and where the servers pull them from",
		.opts = OPTS_IMAGES,
		.run = reg_run_images},
	{.name = "diff",
		.args = "[[NAMESPACE/]CLUSTER]",
		.max_args = 1,
		.complete = "cluster",
		.summary = "compare the existing objects with those of apply; passwords are hidden",
		.opts = OPTS_DIFF,
		.run = reg_run_diff},
	{.run = NULL}};

static const struct rk_cmd CMD = {
	.name = "registries",
	.summary = "create, check and compare the settings of private registries",
	.help = rk_help,
	.opts_size = sizeof(struct opts),
	.verbs = VERBS,
};

int main(int argc, char **argv)
{
	return rk_main(&CMD, argc, argv);
}
