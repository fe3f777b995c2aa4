// SPDX-License-Identifier: Apache-2.0
/* diff: the existing objects against what apply would make. */
#include "tool.h"
#include "out/out.h"
#include "steps/steps.h"

/* The content of a Secret as text that shows everything but passwords. */
static void show_secret(struct job *j, struct rk_val *out, const struct rk_val *v,
	const struct rk_val *other, const char *side)
{
	rk_auto_buf text = RK_BUF_INIT_SECRET, peer = RK_BUF_INIT_SECRET;
	struct rk_val *tree = NULL, *peer_tree = NULL;
	const char *s = rk_str(v), *p = rk_str(other);
	bool config = rk_suffix(v->key, ".yaml") || rk_suffix(v->key, "json");
	bool open = rk_suffix(v->key, ".crt") || rk_suffix(v->key, ".pem") ||
		    rk_streq(v->key, "username");

	if (!s || rk_base64_decode(&text, s, strlen(s), NULL) < 0) {
		rk_set_str(j->d, out, v->key, "(not base64)");
	} else if (config && rk_yaml_parse(j->d, text.s, text.len, &tree, NULL) == 0 && tree) {
		if (p && rk_base64_decode(&peer, p, strlen(p), NULL) == 0 &&
			rk_yaml_parse(j->d, peer.s, peer.len, &peer_tree, NULL) < 0)
			peer_tree = NULL;
		rk_mask_tree(j->d, tree, peer_tree, side, reg_is_secret);
		rk_set(j->d, out, v->key, tree);
	} else {
		rk_set_str(j->d, out, v->key,
			open		 ? text.s
			: rk_streq(s, p) ? RK_MASK
					 : rk_doc_printf(j->d, RK_MASK "%s", side));
	}
}

/* The fields of now that want has, too; NULL: none. */
static struct rk_val *in_both(struct rk_doc *d, const struct rk_val *now, const struct rk_val *want)
{
	struct rk_val *out = NULL;

	rk_each (m, want) {
		const struct rk_val *v = rk_get(now, m->key, NULL);
		struct rk_val *x = !v ? NULL : m->kind == RK_MAP ? in_both(d, v, m) : rk_copy(d, v);

		if (!x)
			continue;
		out = out ? out : rk_map(d);
		rk_set(d, out, m->key, x);
	}
	return out;
}

/* What counts of an object: kind, name and the content that is ours to set. */
static void show(struct job *j, const struct rk_val *obj, const struct rk_val *want,
	const struct rk_val *other, const char *side, struct rk_buf *out)
{
	struct rk_val *v = rk_map(j->d), *data, *spec;
	bool secret = rk_streq(rk_get_str(want, "kind", NULL), "Secret");

	if (!obj)
		return;
	rk_set_str(j->d, v, "kind", rk_get_str(want, "kind", NULL));
	rk_set_str(j->d, v, "name", rk_get_str(want, "metadata", "name", NULL));
	rk_each (m, rk_get(obj, "data", NULL)) {
		data = rk_map_at(j->d, v, "data", NULL);
		if (secret)
			show_secret(j, data, m, rk_get(other, "data", m->key, NULL), side);
		else
			rk_set(j->d, data, m->key, rk_copy(j->d, m));
	}
	spec = in_both(j->d, rk_get(obj, "spec", NULL), rk_get(want, "spec", NULL));
	if (spec)
		rk_set(j->d, v, "spec", spec);
	rk_yaml_write(v, true, out);
}

static void diff_with(struct job *j, const struct rk_val *now, const struct rk_val *want)
{
	rk_auto_buf was = RK_BUF_INIT_SECRET, will = RK_BUF_INIT_SECRET, out = RK_BUF_INIT;
	const char *label =
		rk_doc_printf(j->d, "%s/%s/%s", rk_get_str(want, "metadata", "namespace", NULL),
			rk_get_str(want, "kind", NULL), rk_get_str(want, "metadata", "name", NULL));

	show(j, now, want, want, " (before)", &was);
	show(j, want, want, now, " (after)", &will);
	if (rk_diff(was.s, will.s, rk_doc_printf(j->d, "current/%s", label),
		    rk_doc_printf(j->d, "settings/%s", label), &out)) {
		j->changed = true;
		rk_print_buf(&out);
	}
}

/* k NULL: none of them exists. */
static int diff_list(
	struct job *j, struct rk_kube *k, const struct rk_val *objs, struct rk_err *err)
{
	rk_each (obj, objs) {
		struct rk_val *now = NULL;

		if (k && rk_kube_find(k, reg_res(obj),
				 rk_get_str(obj, "metadata", "namespace", NULL),
				 rk_get_str(obj, "metadata", "name", NULL), j->d, &now, err) < 0)
			return -1;
		diff_with(j, now, obj);
	}
	return 0;
}

static int diff_all(struct job *j, struct rk_err *err)
{
	struct rk_val *cluster, *objs = rk_seq(j->d), *inner = rk_seq(j->d), *patch, *chart = NULL;

	if (reg_connect_host(j, &cluster, err) < 0 ||
		reg_step_objects(j, "registry", objs, err) < 0 ||
		diff_list(j, j->host, objs, err) < 0)
		return -1;
	if (rk_setting_is(j->s, RK_KEY_PRIVATE_REGISTRY)) {
		if (reg_cluster_patch(j, cluster, &patch, err) < 0)
			return -1;
		diff_with(j, cluster, patch);
	}

	if (reg_virtual_objects(j, inner, err) < 0 || reg_chart_patch(j, &patch, err) < 0)
		return -1;
	if (cluster && (inner->count || patch) &&
		rk_vcluster_open(&j->virt, j->host, rk_settings_ns(j->s), rk_settings_cluster(j->s),
			err) < 0)
		return -1;
	if (diff_list(j, j->virt.kube, inner, err) < 0)
		return -1;
	if (cluster && patch &&
		rk_kube_find(
			j->virt.kube, &RK_HELMCHART, RK_CHART_NS, "rancher", j->d, &chart, err) < 0)
		return -1;
	if (chart)
		diff_with(j, chart, patch);
	return j->changed ? 1 : 0;
}

/* 1 reports a difference, so that a failure has to be more. */
int reg_run_diff(void *opts, int argc, char **argv, struct rk_err *err)
{
	int rc = reg_with_job(opts, argc ? argv[0] : NULL, diff_all, err);

	if (rc < 0 && err->code == RK_FAIL)
		err->code = RK_USAGE;
	return rc;
}
