// SPDX-License-Identifier: Apache-2.0
/* The objects, those that the steps of a deployment make, and the fields that refer to them. */
#include "tool.h"
#include "registry/registry.h"
#include "steps/steps.h"

/* Objects of a step, or an empty list when it does not apply. */
int reg_step_objects(struct job *j, const char *name, struct rk_val **out, struct rk_err *err)
{
	const struct rk_step *step = rk_step_find(name);

	*out = rk_seq(j->d);
	if (!rk_step_applies(step, j->s))
		return 0;
	return rk_step_objects(j->d, j->s, step, out, err);
}

const struct rk_val *reg_named(const struct rk_val *list, const char *kind, const char *name)
{
	rk_each (obj, list)
		if (rk_streq(rk_get_str(obj, "kind", NULL), kind) &&
			(!name || rk_streq(rk_get_str(obj, "metadata", "name", NULL), name)))
			return obj;
	return NULL;
}

int reg_host_objects(struct job *j, struct rk_val **out, struct rk_err *err)
{
	return reg_step_objects(j, "registry", out, err);
}

/* What is applied inside: credentials and CA for charts, and the anchor Rancher shows its agents. */
int reg_virtual_objects(struct job *j, struct rk_val **out, struct rk_err *err)
{
	struct rk_val *tls;
	const struct rk_val *anchor;

	if (reg_step_objects(j, "chart-auth", out, err) < 0 ||
		reg_step_objects(j, "issuer", &tls, err) < 0)
		return -1;
	anchor = reg_named(tls, "Secret", "tls-ca");
	if (anchor) {
		rk_remove(rk_mut(anchor));
		rk_append(*out, rk_mut(anchor));
	}
	return 0;
}

static bool registry_arg(const char *s)
{
	return rk_prefix(s, "--system-default-registry") ||
	       rk_prefix(s, "--disable-default-registry-endpoint");
}

static int wanted_spec(struct job *j, const struct rk_val **out, struct rk_err *err)
{
	struct rk_val *objs;

	if (reg_step_objects(j, "cluster", &objs, err) < 0)
		return -1;
	*out = rk_get(reg_named(objs, "Cluster", NULL), "spec", NULL);
	return 0;
}

/* The words of serverArgs, also of the one quoted word that k3k 1.1 needs. */
static void args_of(struct job *j, const struct rk_val *list, struct rk_strv *out, bool *quoted)
{
	rk_each (a, list) {
		const char *s = rk_str(a), *p;
		size_t n = s ? strlen(s) : 0;

		if (n < 2 || s[0] != '\'' || s[n - 1] != '\'') {
			rk_strv_add(out, s ? s : "");
			continue;
		}
		*quoted = true;
		for (p = s + 1; p < s + n - 1; p += strspn(p, " ")) {
			size_t len = strcspn(p, " '");

			if (!len)
				break;
			rk_strv_add(out, rk_doc_strndup(j->d, p, len));
			p += len;
		}
	}
}

static struct rk_val *join_args(struct job *j, const struct rk_strv *args, bool quoted)
{
	struct rk_val *list = rk_seq(j->d);
	rk_auto_buf one = RK_BUF_INIT;

	for (size_t i = 0; i < args->n && !quoted; i++)
		rk_append_str(j->d, list, args->v[i]);
	for (size_t i = 0; i < args->n && quoted; i++)
		rk_buf_addf(&one, "%s%s", i ? " " : "'", args->v[i]);
	if (one.len) {
		rk_buf_putc(&one, '\'');
		rk_append_str(j->d, list, one.s);
	}
	return list;
}

/* Others' arguments stay in their order, ours come behind. */
static struct rk_val *merged_args(
	struct job *j, const struct rk_val *now, const struct rk_val *want)
{
	struct rk_strv mine = {0}, all = {0}, out = {0};
	bool quoted = false, was = false;
	struct rk_val *list;

	args_of(j, want, &mine, &quoted);
	args_of(j, now, &all, &was);
	for (size_t i = 0; i < all.n; i++)
		if (!registry_arg(all.v[i]))
			rk_strv_add(&out, all.v[i]);
	for (size_t i = 0; i < mine.n; i++)
		if (registry_arg(mine.v[i]))
			rk_strv_add(&out, mine.v[i]);
	list = join_args(j, &out, (quoted || was) && out.n > 1);
	rk_strv_release(&mine);
	rk_strv_release(&all);
	rk_strv_release(&out);
	return list;
}

static bool our_mount(const struct rk_val *m)
{
	const char *secret = rk_get_str(m, "secretName", NULL);

	return rk_streq(secret, RK_REGISTRY_CONFIG_SECRET) ||
	       rk_streq(secret, RK_REGISTRY_CA_SECRET);
}

static struct rk_val *merged_mounts(
	struct job *j, const struct rk_val *now, const struct rk_val *want)
{
	struct rk_val *list = rk_seq(j->d);

	rk_each (m, now)
		if (!our_mount(m))
			rk_append(list, rk_copy(j->d, m));
	rk_each (m, want)
		rk_append(list, rk_copy(j->d, m));
	return list;
}

/* {spec: {serverArgs, secretMounts}} over the Cluster as it is (or NULL). */
int reg_cluster_patch(
	struct job *j, const struct rk_val *cluster, struct rk_val **out, struct rk_err *err)
{
	const struct rk_val *want = NULL, *now = rk_get(cluster, "spec", NULL);
	struct rk_val *spec, *mounts, *args;

	if (wanted_spec(j, &want, err) < 0)
		return -1;
	*out = rk_map(j->d);
	spec = rk_map_at(j->d, *out, "spec", NULL);
	mounts = merged_mounts(
		j, rk_get(now, "secretMounts", NULL), rk_get(want, "secretMounts", NULL));
	args = merged_args(j, rk_get(now, "serverArgs", NULL), rk_get(want, "serverArgs", NULL));
	if (mounts->count || rk_get(now, "secretMounts", NULL))
		rk_set(j->d, spec, "secretMounts", mounts);
	if (args->count || rk_get(now, "serverArgs", NULL))
		rk_set(j->d, spec, "serverArgs", args);
	return 0;
}

/* {spec: {set: {systemDefaultRegistry}}} of Rancher's HelmChart, or NULL without a registry. */
int reg_chart_patch(struct job *j, struct rk_val **out, struct rk_err *err)
{
	const char *value;
	struct rk_val *objs;

	*out = NULL;
	if (reg_step_objects(j, "rancher", &objs, err) < 0)
		return -1;
	value = rk_get_str(reg_named(objs, "HelmChart", "rancher"), "spec", "set",
		"systemDefaultRegistry", NULL);
	if (!value)
		return 0;
	*out = rk_map(j->d);
	rk_set_str(
		j->d, rk_map_at(j->d, *out, "spec", "set", NULL), "systemDefaultRegistry", value);
	return 0;
}

void reg_named_patch(struct job *j, struct rk_val *patch, const char *api, const char *kind,
	const char *ns, const char *name)
{
	struct rk_val *meta;

	rk_set_str(j->d, patch, "apiVersion", api);
	rk_set_str(j->d, patch, "kind", kind);
	meta = rk_map_at(j->d, patch, "metadata", NULL);
	rk_set_str(j->d, meta, "name", name);
	rk_set_str(j->d, meta, "namespace", ns);
}

int reg_full_cluster_patch(struct job *j, struct rk_val **out, struct rk_err *err)
{
	struct rk_val *patch;

	if (reg_cluster_patch(j, NULL, &patch, err) < 0)
		return -1;
	*out = rk_map(j->d);
	reg_named_patch(j, *out, RK_CLUSTER.api_version, RK_CLUSTER.kind, rk_settings_ns(j->s),
		rk_settings_cluster(j->s));
	rk_set(j->d, *out, "spec", rk_copy(j->d, rk_get(patch, "spec", NULL)));
	return 0;
}

int reg_full_chart_patch(struct job *j, struct rk_val **out, struct rk_err *err)
{
	struct rk_val *patch;

	if (reg_chart_patch(j, &patch, err) < 0)
		return -1;
	*out = NULL;
	if (!patch)
		return 0;
	*out = rk_map(j->d);
	reg_named_patch(
		j, *out, RK_HELMCHART.api_version, RK_HELMCHART.kind, RK_CHART_NS, "rancher");
	rk_set(j->d, *out, "spec", rk_copy(j->d, rk_get(patch, "spec", NULL)));
	return 0;
}
