// SPDX-License-Identifier: Apache-2.0
/* render: all of it, or one part, to standard output. */
#include "tool.h"
#include "registry/registry.h"
#include "steps/steps.h"

static void emit(const struct job *j, const struct rk_val *v)
{
	rk_auto_buf b = RK_BUF_INIT_SECRET;

	if (j->o->out.fmt == RK_FMT_JSON) {
		rk_print_val(RK_FMT_JSON, v);
		return;
	}
	rk_buf_puts(&b, "---\n");
	rk_yaml_write(v, false, &b);
	rk_print_buf(&b);
}

static void emit_list(const struct job *j, struct rk_val *objs)
{
	if (j->o->out.fmt == RK_FMT_JSON) {
		struct rk_val *list = rk_map(j->d);

		rk_set_str(j->d, list, "apiVersion", "v1");
		rk_set_str(j->d, list, "kind", "List");
		rk_set(j->d, list, "items", objs);
		emit(j, list);
		return;
	}
	rk_each (obj, objs)
		emit(j, obj);
}

static int registries_yaml(struct job *j, struct rk_val **out, struct rk_err *err)
{
	rk_auto_buf text = RK_BUF_INIT_SECRET;
	struct rk_val *objs;
	const struct rk_val *secret;

	if (reg_host_objects(j, &objs, err) < 0)
		return -1;
	secret = reg_named(objs, "Secret", RK_REGISTRY_CONFIG_SECRET);
	if (!secret) {
		rk_err_set(err, RK_NOTFOUND, "no registries.yaml is needed: no private registry");
		return rk_err_hint(err, "give --registry HOST or set PRIVATE_REGISTRY");
	}
	if (rk_need_base64(secret, &text, err, "data", "registries.yaml", NULL) < 0)
		return -1;
	return rk_yaml_parse(j->d, text.s, text.len, out, err);
}

static int render_file(struct job *j, struct rk_err *err)
{
	rk_auto_buf b = RK_BUF_INIT_SECRET;
	struct rk_val *tree;

	if (registries_yaml(j, &tree, err) < 0)
		return -1;
	if (isatty(STDOUT_FILENO) && !j->o->show_secrets)
		rk_mask_tree(j->d, tree, NULL, "", reg_is_secret);
	if (j->o->out.fmt == RK_FMT_JSON) {
		rk_print_val(RK_FMT_JSON, tree);
		return 0;
	}
	rk_yaml_write(tree, false, &b);
	rk_print_buf(&b);
	return 0;
}

static int render_objects(struct job *j, int (*fn)(struct job *, struct rk_val **, struct rk_err *),
	struct rk_err *err)
{
	struct rk_val *objs;

	if (fn(j, &objs, err) < 0)
		return -1;
	if (!objs->count)
		return rk_err_set(err, RK_NOTFOUND, "nothing to make with these settings");
	emit_list(j, objs);
	return 0;
}

static int render_host(struct job *j, struct rk_err *err)
{
	return render_objects(j, reg_host_objects, err);
}

static int render_virtual(struct job *j, struct rk_err *err)
{
	return render_objects(j, reg_virtual_objects, err);
}

static int render_cluster(struct job *j, struct rk_err *err)
{
	struct rk_val *patch;

	if (reg_full_cluster_patch(j, &patch, err) < 0)
		return -1;
	emit(j, patch);
	return 0;
}

static int render_chart(struct job *j, struct rk_err *err)
{
	struct rk_val *patch;

	if (reg_full_chart_patch(j, &patch, err) < 0)
		return -1;
	if (!patch)
		return rk_err_set(err, RK_NOTFOUND, "nothing to make without a private registry");
	emit(j, patch);
	return 0;
}

static void move_all(struct rk_val *from, struct rk_val *to)
{
	while (from->child) {
		struct rk_val *obj = from->child;

		rk_remove(obj);
		rk_append(to, obj);
	}
}

/* --- the same for helm and skopeo on this machine --- */

static const struct {
	const char *name;
	enum rk_key repo;
} CHARTS[] = {{"k3k", RK_KEY_K3K_REPO}, {"cert-manager", RK_KEY_CERTMANAGER_REPO},
	{"rancher", RK_KEY_RANCHER_REPO}};

static int put_docker(struct job *j, struct rk_val *config, const char *address, struct rk_err *err)
{
	rk_auto_free char *host = rk_repo_host(address);
	struct rk_login l;

	if (!host || !rk_settings_has_login(j->s, address))
		return 0;
	if (rk_settings_login(j->s, address, &l, err) < 0)
		return -1;
	rk_docker_config(j->d, config, host, &l);
	return 0;
}

/* Docker's config.json: the private registry and the OCI hosts of charts. */
static int docker_config(struct job *j, struct rk_val **out, struct rk_err *err)
{
	struct rk_val *config = rk_map(j->d);

	rk_map_at(j->d, config, "auths", NULL);
	*out = config;
	if (put_docker(j, config, reg_str(j, RK_KEY_PRIVATE_REGISTRY), err) < 0)
		return -1;
	for (size_t i = 0; i < RK_COUNT(CHARTS); i++)
		if (rk_repo_is_oci(reg_str(j, CHARTS[i].repo)) &&
			put_docker(j, config, reg_str(j, CHARTS[i].repo), err) < 0)
			return -1;
	return 0;
}

static int put_repository(
	struct job *j, struct rk_val *list, const char *name, const char *url, struct rk_err *err)
{
	struct rk_val *v = rk_map(j->d);
	struct rk_login l = {0};

	if (rk_settings_has_login(j->s, url) && rk_settings_login(j->s, url, &l, err) < 0)
		return -1;
	rk_set_str(j->d, v, "name", name);
	rk_set_str(j->d, v, "url", url);
	rk_set_str(j->d, v, "username", l.user);
	rk_set_str(j->d, v, "password", l.user ? l.password : NULL);
	if (rk_settings_private_host(j->s, url) && rk_setting_is(j->s, RK_KEY_PRIVATE_CA_PATH))
		rk_set_str(j->d, v, "caFile", reg_str(j, RK_KEY_PRIVATE_CA_PATH));
	else
		rk_set_str(j->d, v, "caFile", l.ca);
	rk_append(list, v);
	return 0;
}

/* helm's repositories.yaml: the https repositories, each under its chart's name. */
static int helm_repositories(struct job *j, struct rk_val **out, struct rk_err *err)
{
	struct rk_val *list = rk_seq(j->d);

	*out = rk_map(j->d);
	rk_set_str(j->d, *out, "apiVersion", "");
	rk_set(j->d, *out, "repositories", list);
	for (size_t i = 0; i < RK_COUNT(CHARTS); i++)
		if (!rk_repo_is_oci(reg_str(j, CHARTS[i].repo)) &&
			put_repository(j, list, CHARTS[i].name, reg_str(j, CHARTS[i].repo), err) <
				0)
			return -1;
	return 0;
}

/* JSON is YAML as well: helm reads it, and skopeo wants it. */
static int render_login_file(struct job *j,
	int (*fn)(struct job *, struct rk_val **, struct rk_err *), struct rk_err *err)
{
	rk_auto_buf b = RK_BUF_INIT_SECRET;
	struct rk_val *v;

	if (fn(j, &v, err) < 0)
		return -1;
	if (isatty(STDOUT_FILENO) && !j->o->show_secrets)
		rk_mask_tree(j->d, v, NULL, "", reg_is_secret);
	rk_json_write(v, RK_JSON_PRETTY, &b);
	rk_print_buf(&b);
	return 0;
}

static int render_docker(struct job *j, struct rk_err *err)
{
	return render_login_file(j, docker_config, err);
}

static int render_helm(struct job *j, struct rk_err *err)
{
	return render_login_file(j, helm_repositories, err);
}

/* Everything, for reading: Secrets are masked. */
static int render_all(struct job *j, struct rk_err *err)
{
	struct rk_val *all = rk_seq(j->d), *objs, *patch;

	if (reg_host_objects(j, &objs, err) < 0)
		return -1;
	move_all(objs, all);
	if (reg_virtual_objects(j, &objs, err) < 0)
		return -1;
	move_all(objs, all);
	if (!all->count && !rk_setting_is(j->s, RK_KEY_PRIVATE_REGISTRY)) {
		rk_err_set(err, RK_NOTFOUND, "neither a private registry nor a private chart host");
		return rk_err_hint(err, "give --registry HOST, or set HELM_REPO_HOSTS");
	}
	if (reg_full_cluster_patch(j, &patch, err) < 0)
		return -1;
	rk_append(all, patch);
	if (reg_full_chart_patch(j, &patch, err) < 0)
		return -1;
	if (patch)
		rk_append(all, patch);
	rk_each (obj, all)
		if (!j->o->show_secrets)
			rk_mask_tree(j->d, rk_mut(obj), NULL, "", rk_mask_secret_data);
	emit_list(j, all);
	return 0;
}

int reg_run_render(void *opts, int argc, char **argv, struct rk_err *err)
{
	static const struct {
		const char *name;
		int (*fn)(struct job *, struct rk_err *);
	} parts[] = {{"all", render_all}, {"file", render_file}, {"host", render_host},
		{"virtual", render_virtual}, {"cluster", render_cluster}, {"chart", render_chart},
		{"docker", render_docker}, {"helm", render_helm}};
	const char *what = argc ? argv[0] : "all";

	for (size_t i = 0; i < RK_COUNT(parts); i++)
		if (rk_streq(what, parts[i].name))
			return reg_with_job(opts, NULL, parts[i].fn, err);
	rk_err_set(err, RK_USAGE, "no part is called %.64s", what);
	return rk_err_hint(err, "parts are all, file, host, virtual, cluster, chart, docker, helm");
}
