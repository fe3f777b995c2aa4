// SPDX-License-Identifier: Apache-2.0
/* registries - private registries and chart hosts in, what containerd, helm and k3k must know of
 * them out: rendered, applied, compared with what exists, and tried for real. */
#include "registries/tool.h"

#define INPUT_OPTS                                                                        \
	{.name = "registry",                                                              \
		.kind = RK_OPT_STR,                                                       \
		.off = offsetof(struct opts, registry),                                   \
		.arg = "HOST[:PORT]",                                                     \
		.help = "private pull-through registry (PRIVATE_REGISTRY)"},              \
		{.name = "mirrors-file",                                                  \
			.kind = RK_OPT_STR,                                               \
			.off = offsetof(struct opts, mirrors_file),                       \
			.arg = "FILE",                                                    \
			.help = "list of mirrored registries, one a line",                \
			.complete = "file"},                                              \
		{.name = "ca",                                                            \
			.kind = RK_OPT_STR,                                               \
			.off = offsetof(struct opts, ca),                                 \
			.arg = "FILE",                                                    \
			.help = "PEM bundle the private hosts are verified with",         \
			.complete = "file"},                                              \
		{.name = "credentials",                                                   \
			.kind = RK_OPT_CSV,                                               \
			.off = offsetof(struct opts, credentials),                        \
			.arg = "docker|helm|FILE",                                        \
			.help = "take logins from there, each for its own host",          \
			.complete = "file"},                                              \
		{.name = "user",                                                          \
			.kind = RK_OPT_STR,                                               \
			.off = offsetof(struct opts, user),                               \
			.arg = "NAME",                                                    \
			.help = "user for the private hosts; the password is asked for"}, \
		{.name = "password-file",                                                 \
			.kind = RK_OPT_STR,                                               \
			.off = offsetof(struct opts, password_file),                      \
			.arg = "FILE",                                                    \
			.help = "file that holds the password and is closed to others",   \
			.complete = "file"},                                              \
		{.name = "password-stdin",                                                \
			.kind = RK_OPT_FLAG,                                              \
			.off = offsetof(struct opts, password_stdin),                     \
			.help = "read the password from standard input"},                 \
		{.name = "fallback",                                                      \
			.kind = RK_OPT_FLAG,                                              \
			.off = offsetof(struct opts, fallback),                           \
			.help = "let images come from their public registries as well"},  \
		RK_GROUP_SETTINGS(struct opts, settings)

static const struct rk_opt OPTS_RENDER[] = {
	{.name = "show-secrets",
		.kind = RK_OPT_FLAG,
		.off = offsetof(struct opts, show_secrets),
		.help = "with all, and on a terminal: do not hide passwords"},
	INPUT_OPTS, RK_GROUP_OUT(struct opts, out), RK_OPT_END};
static const struct rk_opt OPTS_APPLY[] = {
	{.name = "yes-lose-data",
		.kind = RK_OPT_FLAG,
		.off = offsetof(struct opts, lose),
		.help = "allow the restart of a cluster whose storage is ephemeral"},
	RK_OPT_DRY_RUN(struct opts, dry), INPUT_OPTS, RK_GROUP_OUT(struct opts, out),
	RK_GROUP_KUBE(struct opts, kube), RK_OPT_END};
static const struct rk_opt OPTS_DIFF[] = {INPUT_OPTS, RK_GROUP_KUBE(struct opts, kube), RK_OPT_END};
static const struct rk_opt OPTS_CHECK[] = {
	{.name = "images",
		.kind = RK_OPT_STR,
		.off = offsetof(struct opts, images),
		.arg = "FILE",
		.help = "images that must be there, one a line, as `bundle --list` writes them; - "
			"for stdin; default: Rancher's and cert-manager's",
		.complete = "file"},
	INPUT_OPTS, RK_OPT_SORT_BY(struct opts, out), RK_GROUP_OUT(struct opts, out),
	RK_GROUP_KUBE(struct opts, kube), RK_OPT_END};
static const struct rk_opt OPTS_IMAGES[] = {
	INPUT_OPTS, RK_OPT_SORT_BY(struct opts, out), RK_GROUP_OUT(struct opts, out), RK_OPT_END};

static const struct rk_verb VERBS[] = {
	{.name = "render",
		.args = "[all|file|host|virtual|cluster|chart|docker|helm]",
		.max_args = 1,
		.complete = "all|file|host|virtual|cluster|chart|docker|helm",
		.summary =
			"write registries.yaml, Secrets, ConfigMap and patches to standard output",
		.opts = OPTS_RENDER,
		.run = reg_run_render,
		.examples =
			"  kubectl rk3k registries render file --registry harbor.example.com "
			"--credentials docker > registries.yaml\n"
			"  kubectl rk3k config -c deploy.conf | kubectl rk3k registries render\n"},
	{.name = "apply",
		.args = "[[NAMESPACE/]CLUSTER]",
		.max_args = 1,
		.complete = "cluster",
		.summary = "apply registry settings to the host cluster and the virtual cluster",
		.opts = OPTS_APPLY,
		.run = reg_run_apply,
		.examples =
			"  kubectl rk3k config -c deploy.conf | kubectl rk3k registries apply\n"},
	{.name = "check",
		.summary = "speak to each registry and chart host, and look for what is needed",
		.opts = OPTS_CHECK,
		.run = reg_run_check,
		.examples =
			"  kubectl rk3k registries check -c settings.json\n"
			"  kubectl rk3k bundle --list -c settings.json | kubectl rk3k registries "
			"check -c settings.json --images -\n"},
	{.name = "images",
		.args = "[FILE...]",
		.max_args = -1,
		.complete = "file",
		.summary = "show the full names of images and where the servers pull them from",
		.opts = OPTS_IMAGES,
		.run = reg_run_images,
		.examples =
			"  kubectl rk3k registries images -c settings.json k3s-images.txt\n"
			"  kubectl rk3k bundle --list -c settings.json | kubectl rk3k registries "
			"images -c settings.json -\n"},
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
	.summary = "private registries and chart hosts: make, try and compare their settings",
	.description =
		"Takes deploy.conf, the document that `config` wrote, or flags, and makes what a "
		"site with a private registry needs: registries.yaml for containerd with mirrors, "
		"rewrites, CA and credentials, the Secrets and the ConfigMap that carry it to the "
		"servers and to helm inside, and the fields of the Cluster and of Rancher's chart "
		"that refer to it. `render` writes all of it with Secrets hidden, or one part: "
		"file "
		"(registries.yaml), host and virtual (objects to apply), cluster and chart "
		"(patches), docker and helm (config.json and repositories.yaml for tools on this "
		"machine).\n\n"
		"Logins are taken from where they are kept already (--credentials docker, helm, or "
		"a "
		"file: Docker's config.json with its helpers, helm's repositories.yaml, a "
		"registries.yaml), from a file, from standard input, or asked for; never from the "
		"command line. Each goes to the host it was given for and to no other. Images come "
		"from their public registries only with --fallback.",
	.opts_size = sizeof(struct opts),
	.verbs = VERBS,
	.exit_status = "diff: 0 nothing differs, 1 something differs, above 1 trouble.",
	.see_also = "kubectl-rk3k-config(1), kubectl-rk3k-bundle(1), "
		    "kubectl-rk3k-preflight(1)",
};

int main(int argc, char **argv)
{
	return rk_main(&CMD, argc, argv);
}
