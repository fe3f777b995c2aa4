// SPDX-License-Identifier: Apache-2.0
/* generate - an entry with a separate client certificate, signed by the virtual cluster's CA. */
#include "tool.h"

#include "tls/tls.h"

/* Sign a certificate with the virtual cluster's client CA, as k3kcli does. */
static int sign(
	const struct opts *o, struct entry *e, const struct rk_val *bootstrap, struct rk_err *err)
{
	static const char *const masters[] = {"system:masters", NULL};
	static const char *const names[] = {"serverCA", "clientCA", "clientCAKey"};
	const char *pem[RK_COUNT(names)], *const *orgs = o->orgs.n ? o->orgs.v : masters;
	rk_auto_buf cert = RK_BUF_INIT, key = RK_BUF_INIT_SECRET, served = RK_BUF_INIT;
	rk_auto_buf who = RK_BUF_INIT;
	rk_auto_cert *c = NULL;
	char when[32] = "";

	for (size_t i = 0; i < RK_COUNT(names); i++) {
		if (rk_need_str(bootstrap, &pem[i], err, names[i], "Content", NULL) < 0)
			return -1;
		if (!*pem[i])
			return rk_err_set(err, RK_FAIL, "its %s is empty", names[i]);
	}
	if (rk_cert_sign_client(pem[1], strlen(pem[1]), pem[2], strlen(pem[2]), o->cn, orgs,
		    o->days, &cert, &key, err) < 0)
		return -1;
	rk_buf_puts(&served, pem[0]);
	if (rk_cert_admit(&served, false, err) < 0)
		return rk_err_wrap(err, "serverCA");
	rk_set(e->d, e->cluster_map, "certificate-authority-data",
		rk_val_base64(e->d, served.s, served.len));
	e->user_map = rk_map(e->d);
	rk_set(e->d, e->user_map, "client-certificate-data", rk_val_base64(e->d, cert.s, cert.len));
	rk_set(e->d, e->user_map, "client-key-data", rk_val_base64(e->d, key.s, key.len));

	for (; *orgs; orgs++)
		rk_buf_addf(&who, ", O=%s", *orgs);
	if (rk_cert_parse(&c, cert.s, cert.len, NULL) == 0)
		rk_time_format(c->not_after, when);
	rk_note("signed CN=%s%s, expires %s", o->cn, who.s, when);
	return 0;
}

static int new_identity(
	const struct opts *o, struct entry *e, struct rk_kube *host, struct rk_err *err)
{
	rk_auto_buf text = RK_BUF_INIT_SECRET;
	struct rk_val *bootstrap = NULL;

	if (rk_k3k_secret(host, e->ns, e->cluster, "bootstrap", "bootstrap", &text, err) < 0)
		return -1;
	rk_doc_source(e->d, "bootstrap");
	if (rk_json_parse(e->d, text.s, text.len, &bootstrap, err) < 0 ||
		sign(o, e, bootstrap, err) < 0)
		return rk_err_wrap(err, "bootstrap Secret of %s/%s", e->ns, e->cluster);
	return 0;
}

int kcfg_run_generate(void *p, int argc, char **argv, struct rk_err *err)
{
	const struct opts *o = p;

	if (!*o->cn)
		return rk_err_set(err, RK_USAGE, "--cn must not be empty");
	if (o->days < 1 || o->days > 36500)
		return rk_err_set(err, RK_USAGE, "--days must be from 1 to 36500");
	return kcfg_get_with(o, argc, argv, new_identity, err);
}
