// SPDX-License-Identifier: Apache-2.0
/* render: all of it, or one part, to standard output. */
#include "tool.h"
#include "registry/registry.h"
#include "steps/steps.h"

/* On a terminal passwords are hidden. */
static bool hides(const struct job *j)
{
	return isatty(STDOUT_FILENO) && !j->o->show_secrets;
}

static void emit(const struct job *j, const struct rk_val *v, const char *head)
{
	rk_auto_buf b = RK_BUF_INIT_SECRET;

	if (j->o->out.fmt == RK_FMT_JSON) {
		rk_print_val(RK_FMT_JSON, v);
		return;
	}
	rk_buf_puts(&b, head);
	rk_yaml_write(v, false, &b);
	rk_print_buf(&b);
}

static int render_file(struct job *j, struct rk_err *err)
{
	rk_auto_buf text = RK_BUF_INIT_SECRET;
	struct rk_val *objs = rk_seq(j->d), *tree;
	const struct rk_val *secret;

	if (reg_step_objects(j, "registry", objs, err) < 0)
		return -1;
	secret = reg_named(objs, "Secret", RK_REGISTRY_CONFIG_SECRET);
	if (!secret) {
		rk_err_set(err, RK_NOTFOUND, "no registries.yaml is needed: no private registry");
		return rk_err_hint(err, "give --registry HOST or set PRIVATE_REGISTRY");
	}
	if (rk_need_base64(secret, &text, err, "data", "registries.yaml", NULL) < 0 ||
		rk_yaml_parse(j->d, text.s, text.len, &tree, err) < 0)
		return -1;
	if (hides(j))
		rk_mask_tree(j->d, tree, NULL, "", reg_is_secret);
	emit(j, tree, "");
	return 0;
}

/* --- objects and patches --- */

enum part { HOST = 1, VIRTUAL = 2, CLUSTER = 4, CHART = 8, ALL = 15 };

/* Secrets are masked where all is rendered: that is for reading. */
static int render_objects(struct job *j, struct rk_err *err)
{
	const unsigned parts = j->o->parts;
	struct rk_val *objs = rk_seq(j->d), *list = rk_map(j->d), *patch = NULL;

	if (parts & HOST && reg_step_objects(j, "registry", objs, err) < 0)
		return -1;
	if (parts & VIRTUAL && reg_virtual_objects(j, objs, err) < 0)
		return -1;
	if (parts == ALL && !objs->count && !rk_setting_is(j->s, RK_KEY_PRIVATE_REGISTRY)) {
		rk_err_set(err, RK_NOTFOUND, "neither a private registry nor a private chart host");
		return rk_err_hint(err, "give --registry HOST, or set HELM_REPO_HOSTS");
	}
	if (parts & CLUSTER) {
		if (reg_cluster_patch(j, NULL, &patch, err) < 0)
			return -1;
		rk_append(objs, patch);
	}
	if (parts & CHART) {
		if (reg_chart_patch(j, &patch, err) < 0)
			return -1;
		if (patch)
			rk_append(objs, patch);
	}
	if (!objs->count)
		return rk_err_set(err, RK_NOTFOUND, "%s",
			parts == CHART ? "no patch is needed: no private registry"
				       : "these settings need no object");
	rk_each (obj, objs) {
		if (parts == ALL && !j->o->show_secrets)
			rk_mask_tree(j->d, rk_mut(obj), NULL, "", rk_mask_secret_data);
		if (j->o->out.fmt != RK_FMT_JSON || parts == CLUSTER || parts == CHART)
			emit(j, obj, "---\n");
	}
	if (j->o->out.fmt == RK_FMT_JSON && parts != CLUSTER && parts != CHART) {
		rk_set_str(j->d, list, "apiVersion", "v1");
		rk_set_str(j->d, list, "kind", "List");
		rk_set(j->d, list, "items", objs);
		rk_print_val(RK_FMT_JSON, list);
	}
	return 0;
}

/* --- the same for helm and skopeo on this machine --- */

static const struct {
	const char *name;
	enum rk_key repo;
} CHARTS[] = {{"k3k", RK_KEY_K3K_REPO}, {"cert-manager", RK_KEY_CERTMANAGER_REPO},
	{"rancher", RK_KEY_RANCHER_REPO}};

/* JSON is YAML as well: helm reads it, and skopeo requires it. */
static int emit_logins(struct job *j, struct rk_val *v)
{
	rk_auto_buf b = RK_BUF_INIT_SECRET;

	if (hides(j))
		rk_mask_tree(j->d, v, NULL, "", reg_is_secret);
	rk_json_write(v, RK_JSON_PRETTY, &b);
	rk_print_buf(&b);
	return 0;
}

/* Docker's config.json: the private registry and the OCI hosts of charts. */
static int render_docker(struct job *j, struct rk_err *err)
{
	struct rk_val *config = rk_map(j->d);

	rk_map_at(j->d, config, "auths", NULL);
	for (size_t i = 0; i <= RK_COUNT(CHARTS); i++) {
		const char *address = reg_str(j, i ? CHARTS[i - 1].repo : RK_KEY_PRIVATE_REGISTRY);
		rk_auto_free char *host = rk_repo_host(address);
		struct rk_login l;

		if ((i && !rk_repo_is_oci(address)) || !host)
			continue;
		if (rk_settings_login(j->s, address, &l, err) < 0)
			return -1;
		if (l.from)
			rk_docker_config(j->d, config, host, &l);
	}
	return emit_logins(j, config);
}

/* helm's repositories.yaml: the https repositories, each under its chart's name. */
static int render_helm(struct job *j, struct rk_err *err)
{
	struct rk_val *file = rk_map(j->d), *list = rk_seq(j->d);

	rk_set_str(j->d, file, "apiVersion", "");
	rk_set(j->d, file, "repositories", list);
	for (size_t i = 0; i < RK_COUNT(CHARTS); i++) {
		const char *url = reg_str(j, CHARTS[i].repo);
		struct rk_val *v = rk_map(j->d);
		struct rk_login l;

		if (rk_repo_is_oci(url))
			continue;
		if (rk_settings_login(j->s, url, &l, err) < 0)
			return -1;
		if (rk_settings_private_host(j->s, url) &&
			rk_setting_is(j->s, RK_KEY_PRIVATE_CA_PATH))
			l.ca = reg_str(j, RK_KEY_PRIVATE_CA_PATH);
		rk_set_str(j->d, v, "name", CHARTS[i].name);
		rk_set_str(j->d, v, "url", url);
		rk_set_str(j->d, v, "username", l.user);
		rk_set_str(j->d, v, "password", l.user ? l.password : NULL);
		rk_set_str(j->d, v, "caFile", l.ca);
		rk_append(list, v);
	}
	return emit_logins(j, file);
}

int reg_run_render(void *opts, int argc, char **argv, struct rk_err *err)
{
	static const struct {
		const char *name;
		unsigned parts;
		int (*fn)(struct job *, struct rk_err *);
	} all[] = {{"all", ALL, render_objects}, {"file", 0, render_file},
		{"host", HOST, render_objects}, {"virtual", VIRTUAL, render_objects},
		{"cluster", CLUSTER, render_objects}, {"chart", CHART, render_objects},
		{"docker", 0, render_docker}, {"helm", 0, render_helm}};
	const char *what = argc ? argv[0] : "all";
	struct opts *o = opts;

	for (size_t i = 0; i < RK_COUNT(all); i++)
		if (rk_streq(what, all[i].name)) {
			o->parts = all[i].parts;
			return reg_with_job(o, NULL, all[i].fn, err);
		}
	rk_err_set(err, RK_USAGE, "unknown part \"%.64s\"", what);
	return rk_err_hint(err, "parts are all, file, host, virtual, cluster, chart, docker, helm");
}
