// SPDX-License-Identifier: Apache-2.0
/* The files of an earlier run. */
#include "tool.h"

char *tf_path(const struct opts *o, const char *name)
{
	return rk_streq(o->dir, ".") ? rk_strdup(name) : rk_asprintf("%s/%s", o->dir, name);
}

int tf_read_if_there(const char *path, struct rk_buf *out, struct rk_err *err)
{
	if (access(path, F_OK) < 0)
		return 0;
	return rk_file_read(path, INPUT_MAX, out, err);
}

/* Our comment has the end of the token that it names. */
static bool noted_as_expired(const struct rk_buf *text, const char *token)
{
	rk_auto_free char *name = rk_rancher_token_name(token);
	rk_auto_free char *note = rk_asprintf(MARK "%s expires ", name ? name : "");
	const char *p = name ? strstr(text->s, note) : NULL;
	rk_auto_free char *at =
		p ? rk_strndup(p + strlen(note), strcspn(p + strlen(note), "\r\n")) : NULL;
	int64_t t = at ? rk_time_parse(at) : -1;

	return t >= 0 && t < (int64_t)time(NULL);
}

static int read_tfvars(struct job *j, struct rk_err *err)
{
	rk_auto_buf text = RK_BUF_INIT_SECRET, url = RK_BUF_INIT, token = RK_BUF_INIT_SECRET;
	rk_auto_buf id = RK_BUF_INIT, kc = RK_BUF_INIT;

	if (tf_read_if_there(j->tfvars, &text, err) < 0)
		return -1;
	if (tf_hcl_get(text.s, text.len, j->tfvars, "rancher_url", &url, NULL, err) < 0 ||
		tf_hcl_get(text.s, text.len, j->tfvars, "rancher_token", &token, NULL, err) < 0 ||
		tf_hcl_get(text.s, text.len, j->tfvars, "rancher_ca_certs", &j->old_ca, NULL, err) <
			0 ||
		tf_hcl_get(text.s, text.len, j->tfvars, "harvester_cluster_id", &id, NULL, err) <
			0 ||
		tf_hcl_get(text.s, text.len, j->tfvars, "harvester_kubeconfig", &kc, NULL, err) < 0)
		return -1;
	if (url.len && rk_rancher_url(url.s, &j->old_url, NULL) < 0)
		rk_warn("%s: rancher_url is not the address of a Rancher", j->tfvars);
	if (token.len)
		j->old_token = rk_buf_detach(&token);
	if (id.len)
		j->old_harvester = rk_buf_detach(&id);
	j->old_kubeconfig = rk_streq(kc.s, KC_HARVESTER);
	j->old_expired = j->old_token && noted_as_expired(&text, j->old_token);
	return 0;
}

int tf_job_init(struct job *j, const struct opts *o, int argc, char **argv, struct rk_err *err)
{
	*j = (struct job){.o = o,
		.d = rk_doc_new(true),
		.tfvars = tf_path(o, TFVARS),
		.kc_harvester = tf_path(o, KC_HARVESTER),
		.old_ca = RK_BUF_INIT,
		.ca = RK_BUF_INIT,
		.kubeconfig = RK_BUF_INIT_SECRET,
		.password = RK_BUF_INIT_SECRET,
		.cluster_given = argc > 0,
		.ref = argc ? argv[0] : NULL,
		.use_cluster = argc || !o->url};
	tf_new_run(j->run);
	if (o->ca_file && o->ca_fingerprint)
		return rk_err_set(err, RK_USAGE, "give --ca-file or --ca-fingerprint, not both");
	if (rk_k3k_ref(argc ? argv[0] : RK_K3K_CLUSTER, o->kube.ns ? o->kube.ns : RK_K3K_NS, &j->ns,
		    &j->cluster, err) < 0)
		return -1;
	return read_tfvars(j, err);
}

void tf_job_release(struct job *j)
{
	rk_rancher_token_release(&j->token);
	rk_rancher_free(j->r);
	rk_vcluster_close(&j->virt);
	rk_kube_free(j->host);
	rk_buf_release(&j->old_ca);
	rk_buf_release(&j->ca);
	rk_buf_release(&j->kubeconfig);
	rk_free_secret(j->old_token);
	rk_free_secret(j->given);
	rk_buf_release(&j->password);
	rk_strv_release(&j->left);
	free(j->old_harvester);
	free(j->old_url);
	free(j->tfvars);
	free(j->kc_harvester);
	free(j->ns);
	free(j->cluster);
	free(j->url);
	rk_doc_free(j->d);
}
