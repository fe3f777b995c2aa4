// SPDX-License-Identifier: Apache-2.0
/* names - virtual clusters, contexts or namespaces, one name a line, for completion and loops.
 * Reads the kubeconfig and the cluster; changes nothing. */
#include "cli/cli.h"
#include "k3k/k3k.h"

#include <signal.h>
#include <strings.h>

struct opts {
	struct rk_kube_flags kube;
	const char *labels;
	bool all, complete;
};

static const struct rk_opt options[] = {
	OPT_FLAG("all-namespaces", all, "virtual clusters of all namespaces, as NAMESPACE/NAME",
		.key = 'A'),
	OPT_STR("selector", labels, "LABELS",
		"only virtual clusters or namespaces with these labels", .key = 'l'),
	OPT_FLAG("complete", complete, "answer in the form of kubectl's completion"),
	OPT_GROUP_KUBE(kube),
	OPT_GROUP_VIRTUAL(kube),
	OPT_END,
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

/* Virtual clusters are objects of the host cluster, named as the tools take them: NAME in the namespace
 * that is used without one, else NAMESPACE/NAME. Namespaces are also those of a virtual cluster. */
static int ask_server(const struct opts *o, bool clusters, struct rk_doc *d, struct rk_strv *out,
	struct rk_err *err)
{
	const struct rk_list_opts lo = {.metadata_only = true, .labels = o->labels};
	const char *home = o->kube.ns ? o->kube.ns : RK_K3K_NS;
	struct rk_kube_flags flags = o->kube;
	rk_auto_connection c = {0};
	struct rk_val *items;
	int ret;

	if (clusters)
		flags.virtual_cluster = NULL;
	if (rk_connect(&c, &flags, err) < 0)
		return -1;
	ret = rk_kube_list_all(c.kube, clusters ? &RK_CLUSTER : &RK_NAMESPACE,
		clusters && !o->all ? o->kube.ns : NULL, &lo, d, &items, err);
	/* Without permission to list all namespaces, fall back to the usual one. */
	if (ret < 0 && err->http == 403 && clusters && !o->kube.ns && !o->all) {
		rk_err_clear(err);
		ret = rk_kube_list_all(c.kube, &RK_CLUSTER, RK_K3K_NS, &lo, d, &items, err);
	}
	rk_each (item, ret == 0 ? items : NULL) {
		const char *ns = rk_get_str(item, "metadata", "namespace", NULL);
		const char *name = rk_get_str(item, "metadata", "name", NULL);

		if (name && (!clusters || (rk_streq(ns, home) && !o->all)))
			rk_strv_add(out, name);
		else if (name && ns)
			rk_strv_add(out, rk_doc_printf(d, "%s/%s", ns, name));
	}
	return ret;
}

/* A kind's plural and short names are accepted, as kubectl accepts them. */
static int collect(const struct opts *o, const char *word, struct rk_doc *d, struct rk_strv *out,
	struct rk_err *err)
{
	static const char *const kinds[] = {"cluster", "context", "namespace", NULL};
	static const char *const names[][3] = {{"cluster", "clusters", "clusters.k3k.io"},
		{"context", "contexts", "ctx"}, {"namespace", "namespaces", "ns"}};
	const char *kind = NULL, *near;

	for (size_t i = 0; i < 9; i++)
		if (strcasecmp(word, names[i / 3][i % 3]) == 0)
			kind = kinds[i / 3];
	if (!kind) {
		near = rk_nearest(word, kinds);
		rk_err_set(err, RK_USAGE,
			"\"%s\" is not one of: cluster, context (ctx), namespace (ns)", word);
		return near ? rk_err_hint(err, "did you mean %s?", near) : -1;
	}
	if (!rk_streq(kind, "context"))
		return ask_server(o, rk_streq(kind, "cluster"), d, out, err);
	if (o->labels)
		return rk_err_set(err, RK_USAGE, "contexts have no labels: leave out -l");
	return contexts(o, d, out, err);
}

static int run(void *opts, int argc, char **argv, struct rk_err *err)
{
	const struct opts *o = opts;
	rk_auto_doc *d = rk_doc_new(false);
	struct rk_strv names = {0};
	int ret;

	(void)argc;
	if (o->complete) { /* a person is waiting at a prompt: a second, and no messages */
		if (!freopen("/dev/null", "w", stderr))
			close(STDERR_FILENO);
		signal(SIGALRM, SIG_DFL);
		alarm(1);
	}
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
		.run = run},
	{.run = NULL},
};

static const struct rk_cmd cmd = {
	.name = "names",
	.summary = "list names of virtual clusters, contexts or namespaces",
	.opts_size = sizeof(struct opts),
	.verbs = verbs,
	.help = rk_help,
};

int main(int argc, char **argv)
{
	return rk_main(&cmd, argc, argv);
}
