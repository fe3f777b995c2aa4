// SPDX-License-Identifier: Apache-2.0
/* A server and an identity, once resolved: sound, expired, the same as another? */
#include "tls/tls.h"
#include "internal.h"

int rk_target_check(struct rk_target *t, struct rk_err *err)
{
	if (t->ca.len && rk_cert_admit(&t->ca, false, err) < 0)
		return rk_err_wrap(err, "certificate-authority of cluster \"%s\"",
			t->cluster ? t->cluster : "--certificate-authority");
	if (t->cert.len && kc_admit_pair(&t->cert, &t->key, err) < 0)
		return rk_err_wrap(err, "client certificate of user \"%s\"",
			t->user ? t->user : "--client-certificate");
	kc_use_material(t);
	if (t->exec && kc_check_exec(t->exec, err) < 0)
		return rk_err_wrap(err, "user \"%s\"", t->user ? t->user : "");
	return 0;
}

int rk_kc_admit(struct rk_doc *d, struct rk_val *cluster, struct rk_val *user, struct rk_err *err)
{
	static const char *const keys[] = {
		"certificate-authority-data", "client-certificate-data", "client-key-data"};

	for (size_t i = 0; i < RK_COUNT(keys); i++) {
		struct rk_val *map = i == 0 ? cluster : user;
		const char *data = rk_get_str(map, keys[i], NULL);
		rk_auto_buf pem = RK_BUF_INIT_SECRET;

		if (!data || !*data)
			continue;
		if (rk_base64_decode(&pem, data, strlen(data), err) < 0 ||
			(i < 2 ? rk_cert_admit(&pem, false, err) : rk_cert_admit_key(&pem, err)) <
				0)
			return rk_err_wrap(err, "%s", keys[i]);
		rk_set(d, map, keys[i], rk_val_base64(d, pem.s, pem.len));
	}
	return 0;
}

int64_t rk_target_expires(const struct rk_target *t)
{
	rk_auto_cert *cert = NULL;

	if (!t->cert.len || rk_cert_parse(&cert, t->cert.s, t->cert.len, NULL) < 0)
		return 0;
	return cert->not_after;
}

void rk_target_release(struct rk_target *t)
{
	free(t->server);
	free(t->token_file);
	rk_free_secret(t->token);
	rk_buf_release(&t->ca);
	rk_buf_release(&t->cert);
	rk_buf_release(&t->key);
	rk_strv_release(&t->headers);
	rk_doc_free(t->doc);
	*t = (struct rk_target){.ca = RK_BUF_INIT, .cert = RK_BUF_INIT, .key = RK_BUF_INIT_SECRET};
}

/* --- the same cluster? --- */

bool rk_kubeconfig_same_url(const char *a, const char *b)
{
	rk_auto_url x, y;
	const char *no_x = rk_url_parse(&x, a, "https"), *no_y = rk_url_parse(&y, b, "https");
	rk_auto_free char *p = no_x ? NULL : rk_url_base(&x), *q = no_y ? NULL : rk_url_base(&y);

	return p && q ? rk_streq(p, q) : rk_streq(a, b);
}

/* Bundles compared by their first certificate: order of the rest and blanks do not matter. */
bool rk_kubeconfig_same_ca(const char *a, size_t alen, const char *b, size_t blen)
{
	rk_auto_cert *x = NULL, *y = NULL;

	if (!alen || !blen)
		return alen == blen;
	if (rk_cert_parse(&x, a, alen, NULL) < 0 || rk_cert_parse(&y, b, blen, NULL) < 0)
		return alen == blen && memcmp(a, b, alen) == 0;
	return strcmp(x->fingerprint, y->fingerprint) == 0;
}
