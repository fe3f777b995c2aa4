// SPDX-License-Identifier: Apache-2.0
/* diff: what is there against what apply would make. */
#include "tool.h"
#include "out/out.h"
#include "steps/steps.h"

/* The content of a Secret as text that shows everything but passwords. */
static void show_value(struct job *j, struct rk_val *out, const struct rk_val *v,
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
	} else if (open) {
		rk_set_str(j->d, out, v->key, text.s);
	} else {
		rk_set_str(j->d, out, v->key,
			rk_streq(s, p) ? RK_MASK : rk_doc_printf(j->d, RK_MASK "%s", side));
	}
}

/* What counts of an object: kind, name and the content that is ours to set. */
static void show(struct job *j, const struct rk_val *obj, const struct rk_val *want,
	const struct rk_val *other, const char *side, struct rk_buf *out)
{
	struct rk_val *v = rk_map(j->d);
	bool secret = rk_streq(rk_get_str(want, "kind", NULL), "Secret");

	if (!obj)
		return;
	rk_set_str(j->d, v, "kind", rk_get_str(want, "kind", NULL));
	rk_set_str(j->d, v, "name", rk_get_str(want, "metadata", "name", NULL));
	rk_each (m, rk_get(obj, "data", NULL)) {
		struct rk_val *data = rk_map_at(j->d, v, "data", NULL);

		if (secret)
			show_value(j, data, m, rk_get(other, "data", m->key, NULL), side);
		else
			rk_set(j->d, data, m->key, rk_copy(j->d, m));
	}
	rk_each (m, rk_get(want, "spec", NULL)) {
		const struct rk_val *now = rk_get(obj, "spec", m->key, NULL);

		if (now && m->kind == RK_MAP) {
			rk_each (x, m)
				if (rk_get(now, x->key, NULL))
					rk_set(j->d, rk_map_at(j->d, v, "spec", m->key, NULL),
						x->key, rk_copy(j->d, rk_get(now, x->key, NULL)));
		} else if (now) {
			rk_set(j->d, rk_map_at(j->d, v, "spec", NULL), m->key, rk_copy(j->d, now));
		}
	}
	rk_yaml_write(v, true, out);
}

static void diff_with(struct job *j, const struct rk_val *now, const struct rk_res *r,
	const char *ns, const struct rk_val *want)
{
	const char *name = rk_get_str(want, "metadata", "name", NULL);
	rk_auto_buf was = RK_BUF_INIT_SECRET, will = RK_BUF_INIT_SECRET, out = RK_BUF_INIT;
	rk_auto_free char *label = rk_asprintf("%s/%s/%s", ns, r->kind, name);
	rk_auto_free char *a = rk_asprintf("there/%s", label);
	rk_auto_free char *b = rk_asprintf("wanted/%s", label);

	show(j, now, want, want, " (before)", &was);
	show(j, want, want, now, " (after)", &will);
	if (rk_diff(was.s, will.s, a, b, &out)) {
		j->changed = true;
		rk_print_buf(&out);
	}
}

static int diff_one(struct job *j, struct rk_kube *k, const struct rk_res *r, const char *ns,
	const struct rk_val *want, struct rk_err *err)
{
	struct rk_val *now = NULL;

	if (k && rk_kube_find(
			 k, r, ns, rk_get_str(want, "metadata", "name", NULL), j->d, &now, err) < 0)
		return -1;
	diff_with(j, now, r, ns, want);
	return 0;
}

static int diff_list(
	struct job *j, struct rk_kube *k, const struct rk_val *objs, struct rk_err *err)
{
	rk_each (obj, objs) {
		const struct rk_res *r = rk_res_find(
			rk_get_str(obj, "apiVersion", NULL), rk_get_str(obj, "kind", NULL));

		if (diff_one(j, k, r, rk_get_str(obj, "metadata", "namespace", NULL), obj, err) < 0)
			return -1;
	}
	return 0;
}

static int diff_cluster(struct job *j, const struct rk_val *cluster, struct rk_err *err)
{
	struct rk_val *patch;

	if (!rk_setting_is(j->s, RK_KEY_PRIVATE_REGISTRY))
		return 0;
	if (reg_cluster_patch(j, cluster, &patch, err) < 0)
		return -1;
	reg_named_patch(j, patch, RK_CLUSTER.api_version, RK_CLUSTER.kind, rk_settings_ns(j->s),
		rk_settings_cluster(j->s));
	diff_with(j, cluster, &RK_CLUSTER, rk_settings_ns(j->s), patch);
	return 0;
}

static int diff_virtual(struct job *j, bool there, struct rk_err *err)
{
	struct rk_val *objs, *patch, *chart = NULL;

	if (reg_virtual_objects(j, &objs, err) < 0 || reg_full_chart_patch(j, &patch, err) < 0)
		return -1;
	if (!objs->count && !patch)
		return 0;
	if (there && reg_connect_virtual(j, err) < 0)
		return -1;
	if (diff_list(j, j->virt.kube, objs, err) < 0)
		return -1;
	if (there && patch &&
		rk_kube_find(
			j->virt.kube, &RK_HELMCHART, RK_CHART_NS, "rancher", j->d, &chart, err) < 0)
		return -1;
	if (chart)
		diff_with(j, chart, &RK_HELMCHART, RK_CHART_NS, patch);
	return 0;
}

static int diff_all(struct job *j, struct rk_err *err)
{
	struct rk_val *cluster, *objs;

	if (reg_connect_host(j, err) < 0 || reg_find_cluster(j, &cluster, err) < 0 ||
		reg_host_objects(j, &objs, err) < 0 || diff_list(j, j->host, objs, err) < 0 ||
		diff_cluster(j, cluster, err) < 0 || diff_virtual(j, cluster, err) < 0)
		return -1;
	return j->changed ? 1 : 0;
}

/* 1 says that something differs, so that trouble has to be more. */
int reg_run_diff(void *opts, int argc, char **argv, struct rk_err *err)
{
	int rc = reg_with_job(opts, argc ? argv[0] : NULL, diff_all, err);

	if (rc < 0 && err->code == RK_FAIL)
		err->code = RK_USAGE;
	return rc;
}
