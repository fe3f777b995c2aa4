// SPDX-License-Identifier: Apache-2.0
/* The directory: what an earlier run left there, and what this one writes, or prints. */
#include "tool.h"

#include <sys/stat.h>

static const char *in_dir(const struct job *j, const char *name)
{
	return rk_streq(j->o->dir, ".") ? name : rk_doc_printf(j->d, "%s/%s", j->o->dir, name);
}

int tf_read_existing(const char *path, struct rk_buf *out, struct rk_err *err)
{
	if (access(path, F_OK) < 0)
		return 0;
	return rk_file_read(path, INPUT_MAX, out, err);
}

int tf_read_tfvars(struct job *j, struct rk_err *err)
{
	const char *url = NULL, *kc = NULL, *comment, *p;
	const struct {
		const char *name, **out;
	} attrs[] = {{"rancher_url", &url}, {"rancher_token", &j->old.value},
		{"rancher_ca_certs", &j->old_ca}, {"harvester_cluster_id", &j->old_harvester},
		{"harvester_kubeconfig", &kc}};
	rk_auto_buf text = RK_BUF_INIT_SECRET, value = RK_BUF_INIT_SECRET;
	int64_t ended;

	j->tfvars = in_dir(j, "terraform.tfvars");
	j->kc_harvester = in_dir(j, KC_HARVESTER);
	if (tf_read_existing(j->tfvars, &text, err) < 0)
		return -1;
	for (size_t i = 0; i < RK_COUNT(attrs); i++) {
		if (tf_hcl_get(&text, j->tfvars, attrs[i].name, &value, err) < 0)
			return -1;
		if (value.len)
			*attrs[i].out = rk_doc_strndup(j->d, value.s, value.len);
	}
	if (url && rk_rancher_url(j->d, url, &j->old_url, NULL) < 0)
		rk_warn("%s: rancher_url is not the address of a Rancher", j->tfvars);
	j->old_kubeconfig = rk_streq(kc, KC_HARVESTER);
	j->old.name = j->old.value ? rk_rancher_token_name(j->d, j->old.value) : NULL;
	if (!j->old.name)
		return 0;

	/* our comment has the expiry of the token that it names */
	comment = rk_doc_printf(j->d, MARK "%s expires ", j->old.name);
	p = strstr(text.s, comment);
	if (p) {
		p += strlen(comment);
		ended = rk_time_parse(rk_doc_strndup(j->d, p, strcspn(p, "\r\n")));
		j->old_expired = ended >= 0 && ended < (int64_t)time(NULL);
	}
	return 0;
}

/* --- writing --- */

static int put_file(const char *path, const char *text, mode_t mode, struct rk_err *err)
{
	bool existed = access(path, F_OK) == 0, changed;

	if (rk_file_replace(path, text, strlen(text), mode, &changed, err) < 0)
		return -1;
	rk_printf("%s %s\n", path, !changed ? "unchanged" : existed ? "configured" : "created");
	return 0;
}

int tf_put_secret_file(const char *path, const char *text, struct rk_err *err)
{
	struct stat st;

	if (stat(path, &st) == 0 && (st.st_mode & 077)) {
		if (chmod(path, 0600) < 0)
			return rk_err_sys(err, "chmod 600 %s", path);
		rk_note("%s could be read by others: now it is 0600", path);
	}
	return put_file(path, text, 0600, err);
}

/* What --module writes; a file that somebody has changed is left alone. */
static int put_module(const struct job *j, struct rk_err *err)
{
	static const struct {
		const char *name, *text;
	} files[] = {
		{"rancher-provider.tf",
			"# Written by kubectl rk3k tf-setup --module. The CA is given, so that TLS "
			"is verified.\n"
			"terraform {\n"
			"  required_providers {\n"
			"    rancher2 = {\n"
			"      source  = \"rancher/rancher2\"\n"
			"      version = \">= 5.0.0\"\n"
			"    }\n"
			"  }\n"
			"}\n"
			"\n"
			"provider \"rancher2\" {\n"
			"  api_url   = var.rancher_url\n"
			"  token_key = var.rancher_token\n"
			"  ca_certs  = var.rancher_ca_certs\n"
			"}\n"},
		{"rancher-variables.tf",
			"# Written by kubectl rk3k tf-setup --module; the values are in "
			"terraform.tfvars.\n"
			"variable \"rancher_url\" {\n"
			"  description = \"Address of Rancher\"\n"
			"  type        = string\n"
			"}\n"
			"\n"
			"variable \"rancher_token\" {\n"
			"  description = \"API token of Rancher\"\n"
			"  type        = string\n"
			"  sensitive   = true\n"
			"}\n"
			"\n"
			"variable \"rancher_ca_certs\" {\n"
			"  description = \"CA that signed Rancher's certificate; null: the system "
			"knows it\"\n"
			"  type        = string\n"
			"  default     = null\n"
			"}\n"
			"\n"
			"variable \"harvester_cluster_id\" {\n"
			"  description = \"Id of the Harvester cluster in Rancher\"\n"
			"  type        = string\n"
			"  default     = null\n"
			"}\n"
			"\n"
			"variable \"harvester_kubeconfig\" {\n"
			"  description = \"File with the kubeconfig of the Harvester cluster\"\n"
			"  type        = string\n"
			"  default     = null\n"
			"}\n"},
	};

	for (size_t i = 0; i < RK_COUNT(files); i++) {
		const char *path = in_dir(j, files[i].name), *text = files[i].text;
		rk_auto_buf now = RK_BUF_INIT;

		if (tf_read_existing(path, &now, err) < 0)
			return -1;
		if (now.len && !rk_streq(now.s, text)) {
			rk_warn("%s exists and differs: left unchanged", path);
			rk_printf("%s unchanged\n", path);
		} else if (put_file(path, text, 0644, err) < 0) {
			return -1;
		}
	}
	return 0;
}

/* An attribute that has no value (any more) is removed. */
static int compose_tfvars(
	const struct job *j, const struct rk_buf *now, struct rk_buf *out, struct rk_err *err)
{
	const struct rk_hcl_item items[] = {
		{"rancher_url", j->url},
		{"rancher_token", j->token.value},
		{"rancher_ca_certs", j->ca.len ? j->ca.s : NULL},
		{"harvester_cluster_id", j->harvester},
		{"harvester_kubeconfig", j->saved ? KC_HARVESTER : NULL},
	};
	const struct tf_hcl_edit edit = {.items = items,
		.n = RK_COUNT(items),
		.mark = MARK,
		.note = rk_doc_printf(j->d, MARK "%s %s", j->token.name, tf_expiry(j)),
		.head = "# Holds a token of Rancher: do not commit this file.\n"};

	return tf_hcl_edit(now, j->tfvars, &edit, out, err);
}

/* The virtual cluster's kubeconfig under an address that answers from here. */
static int put_k3k_kubeconfig(struct job *j, struct rk_err *err)
{
	const char *path = in_dir(j, "kubeconfig-k3k.yaml"), *name;
	rk_auto_buf text = RK_BUF_INIT_SECRET;
	struct rk_val *cluster, *user;
	struct rk_kc_note note;

	if (tf_open(j, true, err) < 0)
		return -1;
	if (j->virt.forward) {
		rk_warn("no %s: only a port-forward reaches %s/%s from here", path, j->ns,
			j->cluster);
		return 0;
	}
	note = (struct rk_kc_note){j->ns, j->cluster, rk_kube_target(j->host)->server};
	if (rk_k3k_entry(&j->virt, &note, j->d, &cluster, &user, err) < 0)
		return -1;
	name = rk_doc_printf(j->d, "%s" RK_K3K_ENTRY_SUFFIX, j->cluster);
	rk_yaml_write(rk_kubeconfig_compose(j->d, name, cluster, user), true, &text);
	return tf_put_secret_file(path, text.s, err);
}

static int put_files(struct job *j, struct rk_err *err)
{
	rk_auto_buf kubeconfig = RK_BUF_INIT_SECRET;
	rk_auto_buf now = RK_BUF_INIT_SECRET, text = RK_BUF_INIT_SECRET;
	struct tf_token replaced;

	if (j->use_cluster && put_k3k_kubeconfig(j, err) < 0)
		return -1;
	if (j->harvester) {
		if (tf_get_harvester(j, &kubeconfig, err) < 0 ||
			tf_put_secret_file(j->kc_harvester, j->kubeconfig, err) < 0)
			return -1;
		j->saved = true;
		/* tokens of replaced kubeconfigs would live on for 30 days */
		replaced = tf_kubeconfig_token(j, kubeconfig.s);
		if (j->minted && replaced.name)
			tf_drop_token(j, replaced);
	}
	if (j->o->module && put_module(j, err) < 0)
		return -1;
	if (tf_stopped(j, err) < 0)
		return -1;
	if (j->old_url && !rk_streq(j->old_url, j->url))
		rk_warn("%s was for %s; its token is not sent to %s", j->tfvars, j->old_url,
			j->url);
	if (tf_read_existing(j->tfvars, &now, err) < 0 || compose_tfvars(j, &now, &text, err) < 0)
		return -1;
	if (!j->harvester && j->old_kubeconfig && access(j->kc_harvester, F_OK) == 0)
		rk_warn("%s remains from an earlier run, and %s no longer names it: "
			"\"tf-setup revoke\" removes it with its token",
			j->kc_harvester, j->tfvars);
	if (tf_put_secret_file(j->tfvars, text.s, err) < 0)
		return -1;
	j->written = true;
	return 0;
}

/* --- standard output --- */

/* The kubeconfig counts as saved only once its reader has it: see setup. */
static int print_json(struct job *j, struct rk_err *err)
{
	rk_auto_buf now = RK_BUF_INIT_SECRET;
	struct rk_val *v = rk_map(j->d);
	char at[32];

	rk_time_format(j->token.expires, at);
	rk_set_str(j->d, v, "rancher_url", j->url);
	rk_set_str(j->d, v, "rancher_version", rk_rancher_version(j->r));
	rk_set_str(j->d, v, "rancher_token", j->token.value);
	rk_set_str(j->d, v, "token_name", j->token.name);
	rk_set_str(j->d, v, "token_expires", j->token.expires > 0 ? at : NULL);
	rk_set_str(j->d, v, "rancher_ca_certs", j->ca.len ? j->ca.s : NULL);
	rk_set_str(j->d, v, "harvester_cluster_id", j->harvester);
	rk_set_str(j->d, v, "harvester_cluster_name", j->harvester_name);
	if (j->o->with_kubeconfig && j->harvester) {
		if (tf_get_harvester(j, &now, err) < 0)
			return -1;
		rk_set_str(j->d, v, "harvester_kubeconfig_content", j->kubeconfig);
	}
	rk_print_val(RK_FMT_JSON, v);
	return 0;
}

int tf_put_output(struct job *j, struct rk_err *err)
{
	const struct {
		const char *name, *value;
	} vars[] = {{"RANCHER_URL", j->url}, {"RANCHER_TOKEN_KEY", j->token.value},
		{"RANCHER_CA_CERTS", j->ca.s}, {"TF_VAR_rancher_url", j->url},
		{"TF_VAR_rancher_token", j->token.value}, {"TF_VAR_rancher_ca_certs", j->ca.s},
		{"TF_VAR_harvester_cluster_id", j->harvester}};
	rk_auto_buf none = RK_BUF_INIT, text = RK_BUF_INIT_SECRET;

	if (j->o->output == OUT_FILES)
		return put_files(j, err);
	if (j->o->output == OUT_JSON)
		return print_json(j, err);
	if (j->o->output == OUT_TFVARS && compose_tfvars(j, &none, &text, err) < 0)
		return -1;
	for (size_t i = 0; j->o->output == OUT_ENV && i < RK_COUNT(vars); i++) {
		if (!vars[i].value || !*vars[i].value)
			continue;
		rk_buf_addf(&text, "export %s=", vars[i].name); /* for `eval` and `.` */
		rk_shell_quote(&text, vars[i].value);
		rk_buf_putc(&text, '\n');
	}
	rk_print_buf(&text);
	return 0;
}
