// SPDX-License-Identifier: Apache-2.0
/* kubeconfig - prints the kubeconfig of a virtual cluster, under an address that answers from here,
 * and keeps the entries of ~/.kube/config: merge and remove change only the bytes of theirs. */
#include "kubeconfig/tool.h"

static void defaults(void *p)
{
	struct opts *o = p;

	o->wait_ms = 10000;
	o->cn = ADMIN_CN;
	o->days = 365;
}

#define OPT_KUBECONFIG                                                            \
	OPT_STR("kubeconfig", kube.kubeconfig, "FILE",                            \
		"the kubeconfig to work on (default: those of $KUBECONFIG, else " \
		"~/.kube/config)",                                                \
		.complete = "file")
#define OPT_LOCK_WAIT \
	OPT_DUR("lock-timeout", wait_ms, "how long to wait for the lock of the file (default: 10s)")
#define OPT_HOLD OPT_FLAG("hold", hold, "keep running with the port-forward open until Ctrl-C")
#define OPT_MAKE                                                              \
	{                                                                     \
		.name = "", .kind = RK_OPT_GROUP, .off = 0, .sub = MAKE_OPTS, \
		.help = "Kubeconfig flags"                                    \
	}

/* Of get, generate and export alike. */
static const struct rk_opt MAKE_OPTS[] = {
	OPT_STR("name", name, "NAME",
		"name of the entry (default: CLUSTER" RK_K3K_ENTRY_SUFFIX
		", with namespace or host context where another virtual cluster has that name, and "
		"with the user of --cn; for export the context's)"),
	OPT_ENUM("output", format, "yaml|json", "format of the kubeconfig", .key = 'o'),
	OPT_STR("file", file, "FILE",
		"write it to FILE, readable by its owner only, instead of stdout", .key = 'f',
		.complete = "file"),
	OPT_STR("server", server, "ADDRESS",
		"address to use instead of those found: URL, HOST, HOST:PORT or [IPv6]:PORT",
		.key = 's'),
	OPT_FLAG("no-probe", no_probe, "take the first address without trying it"),
	OPT_DUR("probe-timeout", probe_ms,
		"how long to wait for the addresses to answer (default: 3s)"),
	OPT_END};

static const struct rk_opt GET_OPTS[] = {
	OPT_FLAG("exec", exec,
		"write no key: kubectl runs `kubectl rk3k credential` for each connection"),
	OPT_HOLD, OPT_MAKE, OPT_GROUP_SETTINGS(settings), OPT_GROUP_KUBE(kube), OPT_END};

static const struct rk_opt GENERATE_OPTS[] = {
	OPT_STR("cn", cn, "NAME", "user name in the certificate (default: system:admin)"),
	OPT_LIST("org", orgs, "GROUP",
		"group in the certificate, repeatable (default: system:masters)"),
	OPT_DAYS("days", days, "DAYS", "validity of the certificate in days (default: 365)"),
	OPT_DAYS("expiration-days", days, "DAYS", "alias of --days, for users of k3kcli"), OPT_HOLD,
	OPT_MAKE, OPT_GROUP_SETTINGS(settings), OPT_GROUP_KUBE(kube), OPT_END};

static const struct rk_opt EXPORT_OPTS[] = {OPT_MAKE, OPT_GROUP_KUBE(kube), OPT_END};

static const struct rk_opt MERGE_OPTS[] = {OPT_KUBECONFIG,
	OPT_STR("name", name, "NAME", "name of the context, cluster and user in the file"),
	OPT_FLAG("set-current", current, "make it the current context"),
	OPT_FLAG("current", current, "alias of --set-current"),
	OPT_FLAG("force", force, "also replace an entry of another cluster or identity"),
	OPT_FLAG("diff", diff,
		"show what would change, and exit: 0 nothing, 1 something, above 1 an error"),
	OPT_LOCK_WAIT, OPT_DRY_RUN(dry), OPT_GROUP_OUT(out), OPT_END};

static const struct rk_opt REMOVE_OPTS[] = {OPT_KUBECONFIG,
	OPT_STR("namespace", kube.ns, "NAME", "namespace of a virtual cluster named without one",
		.key = 'n', .names = RK_NAMES_NAMESPACE),
	OPT_STR("context", kube.context, "NAME",
		"context of the host that a virtual cluster is on (default: the current one)",
		.complete = "context"),
	OPT_STR("host-kubeconfig", host_kubeconfig, "FILE",
		"file with that context (default: $KUBECONFIG, else ~/.kube/config)",
		.complete = "file"),
	OPT_FLAG("ignore-not-found", ignore, "a missing entry is not an error"), OPT_LOCK_WAIT,
	OPT_DRY_RUN(dry), OPT_GROUP_OUT(out), OPT_END};

static const struct rk_opt LIST_OPTS[] = {OPT_KUBECONFIG,
	OPT_FLAG("k3k", only_k3k, "only contexts of virtual clusters"), OPT_SORT_BY(out),
	OPT_GROUP_OUT(out), OPT_END};

static const struct rk_verb VERBS[] = {
	{.name = "get",
		.args = "[[NAMESPACE/]CLUSTER [-- COMMAND [ARG...]]]",
		.summary = "print the kubeconfig of a virtual cluster, or run a command with it",
		.opts = GET_OPTS,
		.max_args = -1,
		.complete = "cluster",
		.run = kcfg_run_get},
	{.name = "generate",
		.args = "[[NAMESPACE/]CLUSTER [-- COMMAND [ARG...]]]",
		.summary = "print a kubeconfig with a new client certificate of the virtual "
			   "cluster's CA",
		.opts = GENERATE_OPTS,
		.max_args = -1,
		.complete = "cluster",
		.run = kcfg_run_generate},
	{.name = "export",
		.args = "[FILE|-]",
		.summary = "print one context as a kubeconfig that needs no other file",
		.opts = EXPORT_OPTS,
		.max_args = 1,
		.complete = "file",
		.run = kcfg_run_export},
	{.name = "merge",
		.args = "[FILE]",
		.summary = "merge a kubeconfig into ~/.kube/config",
		.opts = MERGE_OPTS,
		.max_args = 1,
		.complete = "file",
		.run = kcfg_run_merge},
	{.name = "remove",
		.args = "NAME|[NAMESPACE/]CLUSTER...",
		.summary = "remove entries from ~/.kube/config",
		.opts = REMOVE_OPTS,
		.min_args = 1,
		.max_args = -1,
		.complete = "context",
		.run = kcfg_run_remove},
	{.name = "list",
		.summary = "list the contexts with server, virtual cluster and expiry",
		.opts = LIST_OPTS,
		.run = kcfg_run_list},
	{.run = NULL}};

static const struct rk_cmd CMD = {
	.name = "kubeconfig",
	.summary = "get, generate, export, merge, remove and list kubeconfig entries",
	.opts_size = sizeof(struct opts),
	.defaults = defaults,
	.verbs = VERBS,
	.help = rk_help,
};

int main(int argc, char **argv)
{
	return rk_main(&CMD, argc, argv);
}
