// SPDX-License-Identifier: Apache-2.0
/* password: prints Rancher's first password. Reads Secret bootstrap-secret in the virtual cluster, writes
 * the password and a line feed to standard output; changes nothing. */
#include "cli/cli.h"
#include "k3k/k3k.h"
#include "rancher/rancher.h"
#include "steps/steps.h"

struct opts {
	struct rk_kube_flags kube;
};

static const struct rk_opt options[] = {OPT_GROUP_KUBE(kube), OPT_END};

static int print_password(
	struct rk_kube *virt, const char *ns, const char *cluster, struct rk_err *err)
{
	rk_auto_doc *d = rk_doc_new(true);
	rk_auto_buf text = RK_BUF_INIT_SECRET;
	struct rk_val *secret, *setting = NULL;

	if (rk_kube_find(virt, &RK_SECRET, RK_RANCHER_NS, RK_BOOTSTRAP_SECRET, d, &secret, err) < 0)
		return -1;
	if (!secret) {
		rk_err_set(err, RK_NOTFOUND, "virtual cluster %s/%s has no Secret %s/%s", ns,
			cluster, RK_RANCHER_NS, RK_BOOTSTRAP_SECRET);
		return rk_err_hint(err, "see: kubectl rk3k status %s/%s%s", ns, cluster, rk_here());
	}
	if (rk_need_base64(secret, &text, err, "data", "bootstrapPassword", NULL) < 0)
		return rk_err_wrap(err, "Secret %s/%s of virtual cluster %s/%s", RK_RANCHER_NS,
			RK_BOOTSTRAP_SECRET, ns, cluster);
	/* Rancher reads the Secret when it first starts, and never again */
	if (rk_kube_find(virt, &RK_SETTING, NULL, "first-login", d, &setting, NULL) == 0 &&
		rk_streq(rk_get_str(setting, "value", NULL), "false"))
		rk_warn("the first login has taken place: the password of user admin may have been "
			"changed since");
	rk_buf_putc(&text, '\n');
	rk_print_buf(&text);
	return 0;
}

static int run(void *p, int argc, char **argv, struct rk_err *err)
{
	const struct opts *o = p;
	rk_auto_free char *ns = NULL, *cluster = NULL;
	rk_auto_kube *host = NULL;
	rk_auto_vcluster v = {0};

	if (rk_kube_open(&host, &o->kube, err) < 0 ||
		rk_k3k_choose(host, o->kube.ns, argc ? argv[0] : NULL, &ns, &cluster, err) < 0 ||
		rk_vcluster_open(&v, host, ns, cluster, err) < 0)
		return -1;
	return print_password(v.kube, ns, cluster, err);
}

static const struct rk_verb verbs[] = {{.args = "[[NAMESPACE/]CLUSTER]",
					       .summary = "print Rancher's bootstrap password",
					       .opts = options,
					       .max_args = 1,
					       .complete = "cluster",
					       .run = run},
	{.run = NULL}};

static const struct rk_cmd cmd = {
	.name = "password",
	.summary = "print Rancher's bootstrap password",
	.help = rk_help,
	.opts_size = sizeof(struct opts),
	.verbs = verbs,
};

int main(int argc, char **argv)
{
	return rk_main(&cmd, argc, argv);
}
