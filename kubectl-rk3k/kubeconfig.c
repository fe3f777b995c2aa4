// SPDX-License-Identifier: Apache-2.0
/* kubeconfig - gives the kubeconfig of a virtual cluster, under an address that answers from here,
 * and keeps the entries of ~/.kube/config: merge and remove change only the bytes of theirs. */
#include "kubeconfig/tool.h"

static void defaults(void *p)
{
	struct opts *o = p;

	o->wait_ms = 10000;
	o->cn = ADMIN_CN;
	o->days = 365;
}

#define AT(m) .off = offsetof(struct opts, m)
#define OPT_KUBECONFIG                                                                        \
	{                                                                                     \
		.name = "kubeconfig", .kind = RK_OPT_STR, AT(kube.kubeconfig), .arg = "FILE", \
		.complete = "file",                                                           \
		.help = "the kubeconfig to work on; default: those of $KUBECONFIG, else "     \
			"~/.kube/config"                                                      \
	}
#define OPT_LOCK_WAIT                                                                       \
	{                                                                                   \
		.name = "lock-timeout", .kind = RK_OPT_DUR, AT(wait_ms), .arg = "DURATION", \
		.help = "how long to wait for the lock of the file (default: 10s)"          \
	}

/* Of get, generate and export alike. */
static const struct rk_opt MAKE_OPTS[] = {
	{.name = "name",
		.kind = RK_OPT_STR,
		AT(name),
		.arg = "NAME",
		.help = "name of the entry (default: CLUSTER" RK_K3K_ENTRY_SUFFIX
			", with namespace or host context where another virtual cluster has "
			"that name, and with the user of --cn; for export the context's)"},
	{.name = "output",
		.key = 'o',
		.kind = RK_OPT_ENUM,
		AT(format),
		.arg = "FORMAT",
		.choices = "yaml|json",
		.help = "notation of the kubeconfig"},
	{.name = "file",
		.key = 'f',
		.kind = RK_OPT_STR,
		AT(file),
		.arg = "FILE",
		.complete = "file",
		.help = "write it to FILE, readable by its owner only, instead of stdout"},
	{.name = "server",
		.key = 's',
		.kind = RK_OPT_STR,
		AT(server),
		.arg = "ADDRESS",
		.help = "address to use instead of those found: URL, HOST, HOST:PORT or "
			"[IPv6]:PORT"},
	{.name = "no-probe",
		.kind = RK_OPT_FLAG,
		AT(no_probe),
		.help = "take the first address without trying it"},
	{.name = "probe-timeout",
		.kind = RK_OPT_DUR,
		AT(probe_ms),
		.arg = "DURATION",
		.help = "how long to wait for the addresses to answer; default 3s"},
	RK_OPT_END};

#define OPT_MAKE                                                              \
	{                                                                     \
		.name = "", .kind = RK_OPT_GROUP, .off = 0, .sub = MAKE_OPTS, \
		.help = "Kubeconfig flags"                                    \
	}
#define OPT_HOLD                                                               \
	{                                                                      \
		.name = "hold", .kind = RK_OPT_FLAG, AT(hold),                 \
		.help = "keep running with the port-forward open until Ctrl-C" \
	}

static const struct rk_opt GET_OPTS[] = {
	{.name = "exec",
		.kind = RK_OPT_FLAG,
		AT(exec),
		.help = "write no key: kubectl runs `kubectl rk3k credential` for each connection"},
	OPT_HOLD, OPT_MAKE, RK_GROUP_SETTINGS(struct opts, settings),
	RK_GROUP_KUBE(struct opts, kube), RK_OPT_END};

static const struct rk_opt GENERATE_OPTS[] = {
	{.name = "cn",
		.kind = RK_OPT_STR,
		AT(cn),
		.arg = "NAME",
		.help = "user name in the certificate; default system:admin"},
	{.name = "org",
		.kind = RK_OPT_LIST,
		AT(orgs),
		.arg = "GROUP",
		.help = "group in the certificate, repeatable; default system:masters"},
	{.name = "days",
		.kind = RK_OPT_DAYS,
		AT(days),
		.arg = "DAYS",
		.help = "validity of the certificate in days (default: 365)"},
	{.name = "expiration-days",
		.kind = RK_OPT_DAYS,
		AT(days),
		.arg = "DAYS",
		.help = "the same, as k3kcli has it"},
	OPT_HOLD, OPT_MAKE, RK_GROUP_SETTINGS(struct opts, settings),
	RK_GROUP_KUBE(struct opts, kube), RK_OPT_END};

static const struct rk_opt EXPORT_OPTS[] = {OPT_MAKE, RK_GROUP_KUBE(struct opts, kube), RK_OPT_END};

static const struct rk_opt MERGE_OPTS[] = {OPT_KUBECONFIG,
	{.name = "name",
		.kind = RK_OPT_STR,
		AT(name),
		.arg = "NAME",
		.help = "name of the context, cluster and user in the file"},
	{.name = "set-current",
		.kind = RK_OPT_FLAG,
		AT(current),
		.help = "make it the current context"},
	{.name = "current", .kind = RK_OPT_FLAG, AT(current), .help = "the same"},
	{.name = "force",
		.kind = RK_OPT_FLAG,
		AT(force),
		.help = "also replace an entry of another cluster or identity"},
	{.name = "diff",
		.kind = RK_OPT_FLAG,
		AT(diff),
		.help = "show what would change; exit 0: nothing, 1: something, above: trouble"},
	OPT_LOCK_WAIT, RK_OPT_DRY_RUN(struct opts, dry), RK_GROUP_OUT(struct opts, out),
	RK_OPT_END};

static const struct rk_opt REMOVE_OPTS[] = {OPT_KUBECONFIG,
	{.name = "namespace",
		.names = RK_NAMES_NAMESPACE,
		.key = 'n',
		.kind = RK_OPT_STR,
		AT(kube.ns),
		.arg = "NAME",
		.help = "namespace of a virtual cluster named without one"},
	{.name = "context",
		.kind = RK_OPT_STR,
		AT(kube.context),
		.arg = "NAME",
		.help = "context of the host that a virtual cluster is on; default: the current "
			"one",
		.complete = "context"},
	{.name = "host-kubeconfig",
		.kind = RK_OPT_STR,
		AT(host_kubeconfig),
		.arg = "FILE",
		.help = "where that context is; default: $KUBECONFIG, else ~/.kube/config",
		.complete = "file"},
	{.name = "ignore-not-found",
		.kind = RK_OPT_FLAG,
		AT(ignore),
		.help = "a missing entry is not an error"},
	OPT_LOCK_WAIT, RK_OPT_DRY_RUN(struct opts, dry), RK_GROUP_OUT(struct opts, out),
	RK_OPT_END};

static const struct rk_opt LIST_OPTS[] = {OPT_KUBECONFIG,
	{.name = "k3k",
		.kind = RK_OPT_FLAG,
		AT(only_k3k),
		.help = "only contexts of virtual clusters"},
	RK_OPT_SORT_BY(struct opts, out), RK_GROUP_OUT(struct opts, out), RK_OPT_END};

static const struct rk_verb VERBS[] = {
	{"get", "[[NAMESPACE/]CLUSTER [-- COMMAND [ARG...]]]",
		"print the kubeconfig of a virtual cluster, or run a command with it", GET_OPTS, 0,
		-1, "cluster", kcfg_run_get,
		"  kubectl rk3k kubeconfig get rancher | kubectl rk3k kubeconfig merge\n"
		"  kubectl rk3k kubeconfig get rancher -- kubectl get nodes"},
	{"generate", "[[NAMESPACE/]CLUSTER [-- COMMAND [ARG...]]]",
		"the same with a new client certificate, signed by the virtual cluster's CA",
		GENERATE_OPTS, 0, -1, "cluster", kcfg_run_generate,
		"  kubectl rk3k kubeconfig generate rancher --cn jane --org viewers --days 30"},
	{"export", "[FILE|-]", "one context as a kubeconfig that needs no other file", EXPORT_OPTS,
		0, 1, "file", kcfg_run_export,
		"  kubectl rk3k kubeconfig export --context rancher-k3k -f rancher.yaml\n"
		"  kubectl rk3k kubeconfig export - --server lb.example:6443 < k3s.yaml"},
	{"merge", "[FILE]", "put the entries of a kubeconfig on stdin into ~/.kube/config",
		MERGE_OPTS, 0, 1, "file", kcfg_run_merge,
		"  kubectl rk3k kubeconfig get rancher | kubectl rk3k kubeconfig merge "
		"--set-current\n"
		"  kubectl rk3k kubeconfig merge --diff < other.yaml"},
	{"remove", "NAME|[NAMESPACE/]CLUSTER...", "take entries out of ~/.kube/config", REMOVE_OPTS,
		1, -1, "context", kcfg_run_remove, "  kubectl rk3k kubeconfig remove rancher-k3k"},
	{"list", NULL, "list the contexts with server, virtual cluster and expiry", LIST_OPTS, 0, 0,
		NULL, kcfg_run_list, "  kubectl rk3k kubeconfig list --k3k -o wide"},
	{.run = NULL}};

static const struct rk_cmd CMD = {
	.name = "kubeconfig",
	.summary = "get, generate, export, merge, remove and list kubeconfig entries",
	.description =
		"get reads the kubeconfig that k3k keeps in a Secret and gives it an address that "
		"works from here: it tries ingress, load balancer, node ports and the cluster "
		"address "
		"at once, verifies the server under the cluster's own CA, sets tls-server-name "
		"where "
		"the certificate does not carry the address, and says on stderr which one it took. "
		"When none answers, a port-forward is used, which lasts as long as the command.\n"
		"\n"
		"generate gives the same entry with a client certificate of its own, signed with "
		"the "
		"client CA in the cluster's bootstrap Secret. Certificates of system:masters "
		"cannot "
		"be revoked: give people groups of their own.\n"
		"\n"
		"export takes one context out of a kubeconfig, with all files it names inside; "
		"with "
		"--server it gets another address, which must answer under its CA.\n"
		"\n"
		"merge and remove change only the bytes of the entries they are about: comments, "
		"order, style and unknown keys of the file stay. They lock as kubectl does, then "
		"read, and replace the file by a rename.",
	.opts_size = sizeof(struct opts),
	.defaults = defaults,
	.verbs = VERBS,
	.files = "~/.kube/config, or the files of $KUBECONFIG; FILE.lock beside each while it is "
		 "changed.",
	.exit_status =
		"get -- COMMAND: that of the command. merge --diff: 0 nothing would change, 1 "
		"something would, above that trouble.",
	.see_also = "kubectl-config(1)",
};

int main(int argc, char **argv)
{
	return rk_main(&CMD, argc, argv);
}
