// SPDX-License-Identifier: Apache-2.0
/* What comes out: the files, or standard output. */
#include "tool.h"

#include <sys/stat.h>

int tf_put_file(const char *path, const struct rk_buf *text, mode_t mode, struct rk_err *err)
{
	bool was = access(path, F_OK) == 0, changed;

	if (rk_file_replace(path, text->s, text->len, mode, &changed, err) < 0)
		return -1;
	rk_printf("%s %s\n", path, !changed ? "unchanged" : was ? "configured" : "created");
	return 0;
}

int tf_put_secret_file(const char *path, const struct rk_buf *text, struct rk_err *err)
{
	struct stat st;

	if (stat(path, &st) == 0 && (st.st_mode & 077)) {
		if (chmod(path, 0600) < 0)
			return rk_err_sys(err, "chmod 600 %s", path);
		rk_note("%s could be read by others: now it is 0600", path);
	}
	return tf_put_file(path, text, 0600, err);
}

#define TFVARS_KEYS 5

/* What does not hold (any more) has no value, and goes from the file. */
static size_t tfvars_items(const struct job *j, struct rk_hcl_item items[TFVARS_KEYS])
{
	size_t n = 0;

	items[n++] = (struct rk_hcl_item){"rancher_url", j->url};
	items[n++] = (struct rk_hcl_item){"rancher_token", j->token.value};
	items[n++] = (struct rk_hcl_item){"rancher_ca_certs", j->ca.len ? j->ca.s : NULL};
	items[n++] = (struct rk_hcl_item){"harvester_cluster_id", j->harvester};
	items[n++] = (struct rk_hcl_item){"harvester_kubeconfig", j->saved ? KC_HARVESTER : NULL};
	return n;
}

static int compose_tfvars(
	const struct job *j, const struct rk_buf *now, struct rk_buf *out, struct rk_err *err)
{
	struct rk_hcl_item items[TFVARS_KEYS];
	rk_auto_buf note = RK_BUF_INIT;
	struct tf_hcl_edit edit = {.items = items,
		.n = tfvars_items(j, items),
		.mark = MARK,
		.head = "# Holds a token of Rancher: do not commit this file.\n"};

	rk_buf_addf(&note, MARK "%s ", j->token.name);
	tf_describe_expiry(&j->token, &note);
	edit.note = note.s;
	return tf_hcl_edit(now->s, now->len, j->tfvars, &edit, out, NULL, err);
}

static int put_tfvars(struct job *j, struct rk_err *err)
{
	rk_auto_buf now = RK_BUF_INIT_SECRET, text = RK_BUF_INIT_SECRET;

	if (j->old_url && !rk_streq(j->old_url, j->url))
		rk_warn("%s was for %s; its token is not sent to %s", j->tfvars, j->old_url,
			j->url);
	if (tf_read_if_there(j->tfvars, &now, err) < 0 || compose_tfvars(j, &now, &text, err) < 0)
		return -1;
	if (!j->harvester && j->old_kubeconfig && access(j->kc_harvester, F_OK) == 0)
		rk_warn("%s remains from an earlier run, and %s no longer names it: "
			"\"tf-setup revoke\" removes it with its token",
			j->kc_harvester, j->tfvars);
	return tf_put_secret_file(j->tfvars, &text, err);
}

/* The virtual cluster's kubeconfig under an address that answers from here. */
static int put_k3k_kubeconfig(struct job *j, struct rk_err *err)
{
	rk_auto_free char *path = tf_path(j->o, KC_K3K);
	rk_auto_doc *d = rk_doc_new(true);
	rk_auto_buf text = RK_BUF_INIT_SECRET;
	struct rk_val *cluster, *user;
	struct rk_kc_note note;
	const char *name;

	if (tf_open_inside(j, err) < 0)
		return -1;
	if (j->virt.forward) {
		rk_warn("no %s: only a port-forward reaches %s/%s from here", path, j->ns,
			j->cluster);
		return 0;
	}
	note = (struct rk_kc_note){j->ns, j->cluster, rk_kube_target(j->host)->server};
	if (rk_k3k_entry(&j->virt, &note, d, &cluster, &user, err) < 0)
		return -1;
	name = rk_doc_printf(d, "%s" RK_K3K_ENTRY_SUFFIX, j->cluster);
	rk_yaml_write(rk_kubeconfig_compose(d, name, cluster, user), true, &text);
	return tf_put_secret_file(path, &text, err);
}

static int put_files(struct job *j, struct rk_err *err)
{
	if (j->use_cluster && put_k3k_kubeconfig(j, err) < 0)
		return -1;
	if (j->harvester && tf_put_harvester(j, err) < 0)
		return -1;
	if (j->o->module && tf_put_module(j, err) < 0)
		return -1;
	if (tf_stopped(j, err) < 0 || put_tfvars(j, err) < 0)
		return -1;
	j->written = true;
	return 0;
}

/* The kubeconfig counts as saved only once its reader has it: see setup. */
static int print_json(struct job *j, struct rk_err *err)
{
	rk_auto_buf now = RK_BUF_INIT_SECRET;
	struct rk_val *v = rk_map(j->d);
	char at[32];

	rk_set_str(j->d, v, "rancher_url", j->url);
	rk_set_str(j->d, v, "rancher_version", rk_rancher_version(j->r));
	rk_set_str(j->d, v, "rancher_token", j->token.value);
	rk_set_str(j->d, v, "token_name", j->token.name);
	if (j->token.expires > 0) {
		rk_time_format(j->token.expires, at);
		rk_set_str(j->d, v, "token_expires", at);
	}
	if (j->ca.len)
		rk_set_str(j->d, v, "rancher_ca_certs", j->ca.s);
	rk_set_str(j->d, v, "harvester_cluster_id", j->harvester);
	rk_set_str(j->d, v, "harvester_cluster_name", j->harvester_name);
	if (j->o->with_kubeconfig && j->harvester) {
		if (tf_get_harvester(j, &now, err) < 0)
			return -1;
		rk_set_str(j->d, v, "harvester_kubeconfig_content", j->kubeconfig.s);
	}
	rk_print_val(RK_FMT_JSON, v);
	return 0;
}

/* For `eval` and `.`: what a shell takes as exactly these bytes. */
static void print_export(const char *name, const char *value)
{
	rk_auto_buf b = RK_BUF_INIT_SECRET;

	if (!value || !*value)
		return;
	rk_buf_addf(&b, "export %s=", name);
	rk_shell_quote(&b, value);
	rk_buf_putc(&b, '\n');
	rk_print_buf(&b);
}

static void print_env(const struct job *j)
{
	print_export("RANCHER_URL", j->url);
	print_export("RANCHER_TOKEN_KEY", j->token.value);
	print_export("RANCHER_CA_CERTS", j->ca.s);
	print_export("TF_VAR_rancher_url", j->url);
	print_export("TF_VAR_rancher_token", j->token.value);
	print_export("TF_VAR_rancher_ca_certs", j->ca.s);
	print_export("TF_VAR_harvester_cluster_id", j->harvester);
}

static int print_tfvars(const struct job *j, struct rk_err *err)
{
	rk_auto_buf none = RK_BUF_INIT, text = RK_BUF_INIT_SECRET;

	if (compose_tfvars(j, &none, &text, err) < 0)
		return -1;
	rk_print_buf(&text);
	return 0;
}

int tf_put_output(struct job *j, struct rk_err *err)
{
	switch ((enum output)j->o->output) {
	case OUT_FILES:
		return put_files(j, err);
	case OUT_JSON:
		return print_json(j, err);
	case OUT_ENV:
		print_env(j);
		return 0;
	case OUT_TFVARS:
		return print_tfvars(j, err);
	}
	return 0;
}
