// SPDX-License-Identifier: Apache-2.0
/* apply: all settings, on the host cluster and in the virtual cluster. */
#include "tool.h"
#include "steps/steps.h"

static void print_outcome(
	struct job *j, const struct rk_res *r, const char *name, enum rk_outcome outcome)
{
	rk_auto_buf word = RK_BUF_INIT;

	rk_res_word(r, name, &word);
	j->changed |= outcome != RK_UNCHANGED;
	if (j->o->out.fmt == RK_FMT_NAME)
		rk_printf("%s\n", word.s);
	else
		rk_printf("%s %s%s\n", word.s, rk_outcome_word(outcome), rk_dry_word(j->o->dry));
}

static int apply_list(
	struct job *j, struct rk_kube *k, const struct rk_val *objs, struct rk_err *err)
{
	rk_each (obj, objs) {
		rk_auto_buf taken = RK_BUF_INIT;
		struct rk_apply_opts o = {.adopt = true, .taken = &taken};
		enum rk_outcome outcome;

		if (rk_kube_apply(k, obj, &o, j->d, NULL, &outcome, err) < 0)
			return -1;
		print_outcome(j, reg_res(obj), rk_get_str(obj, "metadata", "name", NULL), outcome);
		if (taken.len)
			rk_note("took over: %s", taken.s);
	}
	return 0;
}

/* Only the fields of the patch; the rest of the object may have another owner. */
static int patch_one(struct job *j, struct rk_kube *k, const struct rk_val *obj,
	const struct rk_val *patch, struct rk_err *err)
{
	const char *name = rk_get_str(patch, "metadata", "name", NULL);
	bool same = reg_has(obj, patch);

	if (!same &&
		rk_kube_patch(k, reg_res(patch), rk_get_str(patch, "metadata", "namespace", NULL),
			name, patch, j->d, NULL, err) < 0)
		return -1;
	print_outcome(j, reg_res(patch), name, same ? RK_UNCHANGED : RK_CONFIGURED);
	return 0;
}

static int apply_cluster(struct job *j, const struct rk_val *cluster, struct rk_err *err)
{
	const char *ns = rk_settings_ns(j->s), *name = rk_settings_cluster(j->s);
	struct rk_val *patch;

	if (!rk_setting_is(j->s, RK_KEY_PRIVATE_REGISTRY))
		return 0;
	if (reg_cluster_patch(j, cluster, &patch, err) < 0)
		return -1;
	if (!j->o->lose && !reg_has(cluster, patch) &&
		rk_streq(rk_get_str(cluster, "spec", "persistence", "type", NULL), "ephemeral")) {
		rk_err_set(err, RK_CONFLICT,
			"cluster %s/%s is ephemeral: the restart after this change loses all its "
			"data",
			ns, name);
		return rk_err_hint(err, "use --yes-lose-data to allow it");
	}
	if (patch_one(j, j->host, cluster, patch, err) < 0)
		return -1;
	if (j->changed && j->o->dry == RK_DRY_NONE)
		rk_note("servers read these at their start; restart them one by one: kubectl -n %s "
			"rollout restart statefulset k3k-%s-server%s",
			ns, name, rk_here_kubectl());
	return 0;
}

static int apply_virtual(struct job *j, struct rk_err *err)
{
	struct rk_val *objs = rk_seq(j->d), *patch, *chart = NULL;

	if (reg_virtual_objects(j, objs, err) < 0 || reg_chart_patch(j, &patch, err) < 0)
		return -1;
	if (!objs->count && !patch)
		return 0;
	if (rk_vcluster_open(
		    &j->virt, j->host, rk_settings_ns(j->s), rk_settings_cluster(j->s), err) < 0 ||
		apply_list(j, j->virt.kube, objs, err) < 0)
		return -1;
	if (patch && rk_kube_find(j->virt.kube, &RK_HELMCHART, RK_CHART_NS, "rancher", j->d, &chart,
			     err) < 0)
		return -1;
	return chart ? patch_one(j, j->virt.kube, chart, patch, err) : 0;
}

/* The virtual cluster comes before the Cluster object, whose change restarts the servers; but
 * servers that cannot start for lack of a registry must not keep the Cluster from being changed. */
static int apply_all(struct job *j, struct rk_err *err)
{
	struct rk_val *cluster, *ns = NULL, *first = rk_seq(j->d), *objs = rk_seq(j->d);
	int rc;

	if (reg_connect_host(j, &cluster, err) < 0 ||
		reg_step_objects(j, "registry", objs, err) < 0)
		return -1;
	if (objs->count && rk_kube_find(j->host, &RK_NAMESPACE, NULL, rk_settings_ns(j->s), j->d,
				   &ns, err) < 0)
		return -1;
	if (objs->count && !ns && reg_step_objects(j, "namespace", first, err) < 0)
		return -1;
	if (apply_list(j, j->host, first, err) < 0 || apply_list(j, j->host, objs, err) < 0)
		return -1;
	if (!cluster) {
		rk_note("cluster %s/%s does not exist yet; deploy creates it with these settings",
			rk_settings_ns(j->s), rk_settings_cluster(j->s));
		return 0;
	}
	rc = apply_virtual(j, err);
	if (apply_cluster(j, cluster, rc < 0 ? NULL : err) < 0)
		return -1;
	return rc;
}

int reg_run_apply(void *opts, int argc, char **argv, struct rk_err *err)
{
	const struct opts *o = opts;

	if (rk_cli_lines_only(&o->out, err) < 0)
		return -1;
	return reg_with_job(opts, argc ? argv[0] : NULL, apply_all, err);
}
