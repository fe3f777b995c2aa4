// SPDX-License-Identifier: Apache-2.0
/* The objects, those that the steps of a deployment make, and the fields that refer to them. */
#include "tool.h"
#include "registry/registry.h"
#include "steps/steps.h"

const struct rk_res *reg_res(const struct rk_val *obj)
{
	return rk_res_find(rk_get_str(obj, "apiVersion", NULL), rk_get_str(obj, "kind", NULL));
}

int reg_step_objects(struct job *j, const char *name, struct rk_val *list, struct rk_err *err)
{
	const struct rk_step *step = rk_step_find(name);
	struct rk_val *objs, *obj;

	if (!rk_step_applies(step, j->s))
		return 0;
	if (rk_step_objects(j->d, j->s, step, &objs, err) < 0)
		return -1;
	while ((obj = objs->child)) {
		rk_remove(obj);
		rk_append(list, obj);
	}
	return 0;
}

const struct rk_val *reg_named(const struct rk_val *list, const char *kind, const char *name)
{
	rk_each (obj, list)
		if (rk_streq(rk_get_str(obj, "kind", NULL), kind) &&
			(!name || rk_streq(rk_get_str(obj, "metadata", "name", NULL), name)))
			return obj;
	return NULL;
}

/* Credentials and CA for charts, and the CA that Rancher shows its agents. */
int reg_virtual_objects(struct job *j, struct rk_val *list, struct rk_err *err)
{
	struct rk_val *issuer = rk_seq(j->d), *anchor;

	if (reg_step_objects(j, "chart-auth", list, err) < 0 ||
		reg_step_objects(j, "issuer", issuer, err) < 0)
		return -1;
	anchor = rk_mut(reg_named(issuer, "Secret", RK_RANCHER_CA_SECRET));
	if (rk_remove(anchor))
		rk_append(list, anchor);
	return 0;
}

/* The arguments of others, as they are now, remain in their order, ours follow. k3k 1.1 needs them as one
 * quoted word. */
static struct rk_val *merged_args(
	struct job *j, const struct rk_val *now, const struct rk_val *want)
{
	const struct rk_val *const lists[] = {now, want};
	struct rk_val *out = rk_seq(j->d);
	rk_auto_buf one = RK_BUF_INIT;
	bool quoted = false;

	for (int ours = 0; ours < 2; ours++)
		rk_each (a, lists[ours]) {
			const char *s = rk_str(a) ? rk_str(a) : "";
			size_t len = strlen(s), n;
			bool word = len > 1 && s[0] == '\'' && s[len - 1] == '\'';

			quoted |= word;
			s = word ? rk_doc_strndup(j->d, s + 1, len - 2) : s;
			rk_each_item (p, n, s, word ? " '" : "") {
				const char *arg = rk_doc_strndup(j->d, p, n);

				if (ours != (rk_prefix(arg, "--system-default-registry") ||
						    rk_prefix(arg,
							    "--disable-default-registry-endpoint")))
					continue;
				rk_append_str(j->d, out, arg);
				rk_buf_addf(&one, "%s%s", one.len ? " " : "'", arg);
			}
		}
	if (!quoted || out->count < 2)
		return out;
	rk_buf_putc(&one, '\'');
	out = rk_seq(j->d);
	rk_append_str(j->d, out, one.s);
	return out;
}

static struct rk_val *new_patch(
	struct job *j, const struct rk_res *r, const char *ns, const char *name)
{
	struct rk_val *patch = rk_map(j->d), *meta;

	rk_set_str(j->d, patch, "apiVersion", r->api_version);
	rk_set_str(j->d, patch, "kind", r->kind);
	meta = rk_map_at(j->d, patch, "metadata", NULL);
	rk_set_str(j->d, meta, "name", name);
	rk_set_str(j->d, meta, "namespace", ns);
	return patch;
}

int reg_cluster_patch(
	struct job *j, const struct rk_val *cluster, struct rk_val **out, struct rk_err *err)
{
	const struct rk_val *want, *now = rk_get(cluster, "spec", NULL);
	const struct rk_val *had_mounts = rk_get(now, "secretMounts", NULL);
	const struct rk_val *had_args = rk_get(now, "serverArgs", NULL);
	struct rk_val *objs = rk_seq(j->d), *spec, *args, *mounts = rk_seq(j->d);

	if (reg_step_objects(j, "cluster", objs, err) < 0)
		return -1;
	want = rk_get(reg_named(objs, "Cluster", NULL), "spec", NULL);
	rk_each (m, had_mounts) {
		const char *secret = rk_get_str(m, "secretName", NULL);

		if (!rk_streq(secret, RK_REGISTRY_CONFIG_SECRET) &&
			!rk_streq(secret, RK_REGISTRY_CA_SECRET))
			rk_append(mounts, rk_copy(j->d, m));
	}
	rk_each (m, rk_get(want, "secretMounts", NULL))
		rk_append(mounts, rk_copy(j->d, m));
	args = merged_args(j, had_args, rk_get(want, "serverArgs", NULL));
	*out = new_patch(j, &RK_CLUSTER, rk_settings_ns(j->s), rk_settings_cluster(j->s));
	spec = rk_map_at(j->d, *out, "spec", NULL);
	if (mounts->count || had_mounts)
		rk_set(j->d, spec, "secretMounts", mounts);
	if (args->count || had_args)
		rk_set(j->d, spec, "serverArgs", args);
	return 0;
}

int reg_chart_patch(struct job *j, struct rk_val **out, struct rk_err *err)
{
	const char *value;
	struct rk_val *objs = rk_seq(j->d);

	*out = NULL;
	if (reg_step_objects(j, "rancher", objs, err) < 0)
		return -1;
	value = rk_get_str(reg_named(objs, "HelmChart", "rancher"), "spec", "set",
		"systemDefaultRegistry", NULL);
	if (!value)
		return 0;
	*out = new_patch(j, &RK_HELMCHART, RK_CHART_NS, "rancher");
	rk_set_str(
		j->d, rk_map_at(j->d, *out, "spec", "set", NULL), "systemDefaultRegistry", value);
	return 0;
}

bool reg_has(const struct rk_val *obj, const struct rk_val *patch)
{
	if (!obj || patch->kind != RK_MAP)
		return rk_val_equal(obj, patch);
	rk_each (m, patch)
		if (!reg_has(rk_member(obj, m->key, m->klen), m))
			return false;
	return true;
}

bool reg_is_secret(const struct rk_val *v)
{
	return v->key && v->kind != RK_MAP &&
	       rk_listed("password,auth,identity_token,identitytoken,registrytoken,token", v->key);
}
