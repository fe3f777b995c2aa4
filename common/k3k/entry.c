// SPDX-License-Identifier: Apache-2.0
/* The parts of a kubeconfig entry for a virtual cluster, under the address that was found. */
#include "k3k.h"

#include "tls/tls.h"
#include "out/out.h"

static const char secret[] = "the virtual cluster's kubeconfig";

int rk_k3k_entry(const struct rk_vcluster *v, const struct rk_kc_note *note, struct rk_doc *d,
	struct rk_val **cluster_map, struct rk_val **user_map, struct rk_err *err)
{
	struct rk_val *root = NULL;
	const struct rk_val *c, *u;

	*cluster_map = *user_map = NULL;
	rk_doc_source(d, secret);
	if (rk_yaml_parse(d, v->kubeconfig.s, v->kubeconfig.len, &root, err) < 0)
		return -1;
	c = rk_get(rk_at(rk_get(root, "clusters", NULL), 0), "cluster", NULL);
	u = rk_get(rk_at(rk_get(root, "users", NULL), 0), "user", NULL);
	if (!c || c->kind != RK_MAP || !u || u->kind != RK_MAP)
		return rk_err_set(err, RK_FAIL, "%s has no cluster or no user in it", secret);
	*cluster_map = rk_copy(d, c);
	*user_map = rk_copy(d, u);
	rk_set_str(d, *cluster_map, "server", v->url);
	rk_remove_at(*cluster_map, "tls-server-name", NULL);
	if (v->tls_server_name)
		rk_set_str(d, *cluster_map, "tls-server-name", v->tls_server_name);
	rk_kc_set_note(d, *cluster_map, note);
	if (rk_kc_admit(d, *cluster_map, *user_map, err) == 0)
		return 0;
	*cluster_map = *user_map = NULL;
	return rk_err_wrap(err, "%s", secret);
}

int rk_k3k_unexpired(
	const struct rk_val *user, const char *ns, const char *cluster, struct rk_err *err)
{
	const char *data = rk_get_str(user, "client-certificate-data", NULL);
	rk_auto_buf pem = RK_BUF_INIT;
	rk_auto_cert *c = NULL;
	char when[32];

	if (!data)
		return 0;
	if (rk_base64_decode(&pem, data, strlen(data), err) < 0 ||
		rk_cert_parse(&c, pem.s, pem.len, err) < 0)
		return rk_err_wrap(err, "client certificate of %s/%s", ns, cluster);
	if (c->not_after >= (int64_t)time(NULL))
		return 0;
	rk_time_format(c->not_after, when);
	rk_err_set(err, RK_FAIL,
		"the client certificate in the kubeconfig Secret of %s/%s expired on %s", ns,
		cluster, when);
	return rk_err_hint(err,
		"have one signed by the virtual cluster's CA: kubectl rk3k kubeconfig generate "
		"%s/%s%s",
		ns, cluster, rk_here());
}
