// SPDX-License-Identifier: Apache-2.0
/* names: virtual clusters, contexts or namespaces, one name a line, for completion and loops.
 * Reads the kubeconfig and the cluster; changes nothing. */
#include "base/base.h"

#include "cli/cli.h"
#include "k3k/k3k.h"
#include "kube/kube.h"
#include "kubeconfig/kubeconfig.h"

#include <signal.h>
#include <strings.h>

struct opts {
	struct rk_kube_flags kube;
	const char *labels;
	bool all, complete;
};

static const struct rk_opt options[] = {
	{"all-namespaces", 'A', RK_OPT_FLAG, offsetof(struct opts, all),
		.help = "virtual clusters of all namespaces, as NAMESPACE/NAME"},
	{"selector", 'l', RK_OPT_STR, offsetof(struct opts, labels), .arg = "LABELS",
		.help = "only virtual clusters or namespaces with these labels"},
	{"complete", .kind = RK_OPT_FLAG, .off = offsetof(struct opts, complete),
		.help = "answer in the form of kubectl's completion"},
	RK_GROUP_KUBE(struct opts, kube),
	RK_GROUP_VIRTUAL(struct opts, kube),
	RK_OPT_END,
};

static int contexts(const struct opts *o, struct rk_doc *d, struct rk_strv *out, struct rk_err *err)
{
	struct rk_kubeconfig *kc;
	struct rk_val *list = NULL;
	int ret;

	if (rk_kubeconfig_load(&kc, o->kube.kubeconfig, err) < 0)
		return -1;
	ret = rk_kubeconfig_list(kc, d, &list, err);
	rk_each (entry, list)
		if (rk_get_str(entry, "name", NULL))
			rk_strv_add(out, rk_get_str(entry, "name", NULL));
	rk_kubeconfig_free(kc);
	return ret;
}

static int list(const struct opts *o, struct rk_kube *k, const struct rk_res *r, const char *ns,
	struct rk_doc *d, struct rk_val **out, struct rk_err *err)
{
	const struct rk_list_opts lo = {.metadata_only = true, .labels = o->labels};

	return rk_kube_list_all(k, r, ns, &lo, d, out, 0, err);
}

static int namespaces(const struct opts *o, struct rk_kube *k, struct rk_doc *d,
	struct rk_strv *out, struct rk_err *err)
{
	struct rk_val *items;

	if (list(o, k, &RK_NAMESPACE, NULL, d, &items, err) < 0)
		return -1;
	rk_each (item, items)
		if (rk_get_str(item, "metadata", "name", NULL))
			rk_strv_add(out, rk_get_str(item, "metadata", "name", NULL));
	return 0;
}

/* As the tools take them: NAME in the namespace that is meant without one, else NAMESPACE/NAME. */
static void cluster_name(
	const struct opts *o, const struct rk_val *item, struct rk_doc *d, struct rk_strv *out)
{
	const char *home = o->kube.ns ? o->kube.ns : RK_K3K_NS;
	const char *ns = rk_get_str(item, "metadata", "namespace", NULL);
	const char *name = rk_get_str(item, "metadata", "name", NULL);

	if (!ns || !name)
		return;
	rk_strv_add(
		out, rk_streq(ns, home) && !o->all ? name : rk_doc_printf(d, "%s/%s", ns, name));
}

/* Without permission to list all namespaces, fall back to the selected one. */
static int clusters(const struct opts *o, struct rk_kube *k, struct rk_doc *d, struct rk_strv *out,
	struct rk_err *err)
{
	struct rk_val *items;
	const char *ns = o->all ? NULL : o->kube.ns;
	int ret = list(o, k, &RK_CLUSTER, ns, d, &items, err);

	if (ret < 0 && err->http == 403 && !ns && !o->all) {
		rk_err_clear(err);
		ret = list(o, k, &RK_CLUSTER, RK_K3K_NS, d, &items, err);
	}
	if (ret < 0)
		return -1;
	rk_each (item, items)
		cluster_name(o, item, d, out);
	return 0;
}

/* Virtual clusters live on the host; namespaces are also those inside of one. */
static int ask_server(const struct opts *o, const char *kind, struct rk_doc *d, struct rk_strv *out,
	struct rk_err *err)
{
	const bool host = rk_streq(kind, "cluster");
	struct rk_kube_flags flags = o->kube;
	rk_auto_connection c = {0};
	int ret;

	if (host)
		flags.virtual_cluster = NULL;
	ret = rk_connect(&c, &flags, err);
	if (ret == 0)
		ret = host ? clusters(o, c.kube, d, out, err) : namespaces(o, c.kube, d, out, err);
	return ret;
}

/* The singular of a kind: its plural and short names are accepted, as kubectl accepts them. */
static int find_kind(const char *word, const char **kind, struct rk_err *err)
{
	static const char *const kinds[] = {"cluster", "context", "namespace", NULL};
	static const char *const others[][2] = {
		{"clusters", "clusters.k3k.io"}, {"contexts", "ctx"}, {"namespaces", "ns"}};

	for (size_t i = 0; kinds[i]; i++) {
		*kind = kinds[i];
		if (!strcasecmp(word, kinds[i]) || !strcasecmp(word, others[i][0]) ||
			!strcasecmp(word, others[i][1]))
			return 0;
	}
	*kind = rk_nearest(word, kinds);
	rk_err_set(
		err, RK_USAGE, "\"%s\" is none of: cluster, context (ctx), namespace (ns)", word);
	return *kind ? rk_err_hint(err, "did you mean %s?", *kind) : -1;
}

static int collect(const struct opts *o, const char *word, struct rk_doc *d, struct rk_strv *out,
	struct rk_err *err)
{
	const char *kind;

	if (find_kind(word, &kind, err) < 0)
		return -1;
	if (rk_streq(kind, "context") && o->labels)
		return rk_err_set(err, RK_USAGE, "contexts have no labels: leave out -l");
	return rk_streq(kind, "context") ? contexts(o, d, out, err)
					 : ask_server(o, kind, d, out, err);
}

/* Somebody waits at a prompt: a second, and not a word about failures. */
static void be_brief(void)
{
	if (!freopen("/dev/null", "w", stderr))
		close(STDERR_FILENO);
	signal(SIGALRM, SIG_DFL);
	alarm(1);
}

static int run(void *opts, int argc, char **argv, struct rk_err *err)
{
	const struct opts *o = opts;
	rk_auto_doc *d = rk_doc_new(false);
	struct rk_strv names = {0};
	int ret;

	(void)argc;
	if (o->complete)
		be_brief();
	ret = collect(o, argv[0], d, &names, err);
	for (size_t i = 0; ret == 0 && i < names.n; i++)
		rk_printf("%s\n", names.v[i]);
	if (o->complete)
		rk_print(":4\n");
	rk_strv_release(&names);
	return ret;
}

static const struct rk_verb verbs[] = {
	{.args = "cluster|context|namespace",
		.summary = "list names of clusters, contexts or namespaces",
		.opts = options,
		.min_args = 1,
		.max_args = 1,
		.complete = "cluster|context|namespace",
		.run = run,
		.examples = "kubectl rk3k names cluster -A"},
	{.run = NULL},
};

static const struct rk_cmd cmd = {
	.name = "names",
	.summary = "list names of virtual clusters, contexts or namespaces",
	.description =
		"One name a line: of the virtual clusters as the other tools take them (NAME, or "
		"NAMESPACE/NAME outside the usual namespace), of the contexts of the kubeconfig, "
		"or of the namespaces. Plurals and the short names ctx and ns are accepted. The "
		"completion of all tools uses this tool.",
	.opts_size = sizeof(struct opts),
	.verbs = verbs,
};

int main(int argc, char **argv)
{
	return rk_main(&cmd, argc, argv);
}
