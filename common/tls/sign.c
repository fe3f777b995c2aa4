// SPDX-License-Identifier: Apache-2.0
/* Private keys, and certificates that are signed with them. */
#include "internal.h"

/* --- keys --- */

/* Other blocks before the key, such as parameters and certificates, are skipped. Encrypted keys never reach a
 * library: each library prompts for the passphrase differently. */
int cert_find_key(const char *pem, size_t n, struct block *b, struct rk_err *err)
{
	struct pem in;
	int r;

	if (cert_open_pem(&in, pem, n, err) < 0)
		return -1;
	while ((r = cert_next_block(&in, b)) == 1 && !rk_suffix(b->name, "PRIVATE KEY"))
		;
	if (r < 0)
		return rk_err_set(err, RK_FAIL, "the private key is damaged or cut off");
	if (r && (rk_streq(b->name, PEM_STRING_PKCS8) || b->encrypted)) {
		rk_err_set(err, RK_FAIL,
			"the private key is encrypted: a passphrase cannot be given here");
		return rk_err_hint(
			err, "write it without one: openssl pkey -in KEY -out KEY.plain");
	}
	if (r && rk_streq(b->name, "OPENSSH PRIVATE KEY")) {
		rk_err_set(err, RK_FAIL, "the private key is in OpenSSH's format");
		return rk_err_hint(err, "write it as PEM: ssh-keygen -p -m PEM -f KEY");
	}
	if (r && (rk_suffix(b->name, " PRIVATE KEY") || rk_streq(b->name, PEM_STRING_PKCS8INF)))
		return 0;
	rk_err_set(err, RK_FAIL, "is not a private key");
	if (n && pem[0] == 0x30)
		return rk_err_hint(err, "it is not PEM: openssl pkey -inform DER -in KEY");
	return -1;
}

/* The label names the algorithm of the older notations; being told is three times as fast. Where it
 * is wrong the content counts, as for Go. */
int cert_read_key(const char *pem, size_t n, struct block *b, EVP_PKEY **out, struct rk_err *err)
{
	const unsigned char *p, *from;
	auto_pkey *key = NULL;
	auto_errors;
	int type;

	*out = NULL;
	if (cert_find_key(pem, n, b, err) < 0)
		return -1;
	type = rk_streq(b->name, PEM_STRING_ECPRIVATEKEY) ? EVP_PKEY_EC
	       : rk_streq(b->name, PEM_STRING_RSA)	  ? EVP_PKEY_RSA
							  : EVP_PKEY_NONE;
	from = p = (const unsigned char *)b->der.s;
	if (type != EVP_PKEY_NONE)
		key = d2i_PrivateKey(type, NULL, &p, (long)b->der.len);
	if (!key) {
		p = from;
		key = d2i_AutoPrivateKey(NULL, &p, (long)b->der.len);
	}
	if (!key || p != from + b->der.len)
		return rk_err_set(
			err, RK_FAIL, "the private key is damaged, or its type is not supported");
	*out = rk_steal(&key);
	return 0;
}

/* Public halves that agree prove nothing about the private one: sign and verify. */
static bool key_fits(X509 *x, EVP_PKEY *key)
{
	static const unsigned char text[] = "rk3k";
	EVP_PKEY *pub = X509_get0_pubkey(x);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	rk_auto_free unsigned char *sig = NULL;
	size_t n = 0;
	auto_errors;
	bool fits;

	fits = ctx && pub && EVP_PKEY_eq(pub, key) == 1 &&
	       EVP_DigestSignInit(ctx, NULL, NULL, NULL, key) == 1 &&
	       EVP_DigestSign(ctx, NULL, &n, text, sizeof(text)) == 1 && (sig = rk_malloc(n)) &&
	       EVP_DigestSign(ctx, sig, &n, text, sizeof(text)) == 1 &&
	       EVP_MD_CTX_reset(ctx) == 1 &&
	       EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, pub) == 1 &&
	       EVP_DigestVerify(ctx, sig, n, text, sizeof(text)) == 1;
	EVP_MD_CTX_free(ctx);
	return fits;
}

int cert_check_key(const struct rk_cert *c, EVP_PKEY *key, struct rk_err *err)
{
	for (int i = 0; i < sk_X509_num(c->chain); i++) {
		if (!key_fits(sk_X509_value(c->chain, i), key))
			continue;
		if (i == 0)
			return 0;
		rk_err_set(err, RK_FAIL,
			"the private key does not belong to the certificate that is first in the "
			"file: it belongs to certificate %d",
			i + 1);
		return rk_err_hint(err,
			"the key belongs to certificate %d: put it first, then the CA that issued "
			"it",
			i + 1);
	}
	return rk_err_set(err, RK_FAIL, "the private key does not belong to the certificate");
}

int rk_cert_check_key(const struct rk_cert *c, const char *key_pem, size_t n, struct rk_err *err)
{
	auto_block b = BLOCK_INIT;
	auto_pkey *key = NULL;

	if (cert_read_key(key_pem, n, &b, &key, err) < 0)
		return -1;
	return cert_check_key(c, key, err);
}

/* --- signing --- */

/* Organisations share one RDN, as Go writes them. Not MBSTRING_UTF8: OpenSSL would cut Kubernetes' longer
 * names off at 64 characters. */
static bool set_subject(X509 *x, const char *cn, const char *const *orgs)
{
	static const char *const admins[] = {"system:masters", NULL};
	X509_NAME *name = X509_NAME_new();
	bool ok = name;

	if (!orgs || !orgs[0])
		orgs = admins;
	for (size_t i = 0; ok && orgs[i]; i++)
		ok = X509_NAME_add_entry_by_NID(name, NID_organizationName, V_ASN1_UTF8STRING,
			(const unsigned char *)orgs[i], -1, -1, i ? -1 : 0);
	ok = ok &&
	     X509_NAME_add_entry_by_NID(name, NID_commonName, V_ASN1_UTF8STRING,
		     (const unsigned char *)cn, -1, -1, 0) &&
	     X509_set_subject_name(x, name);
	X509_NAME_free(name);
	return ok;
}

static bool add_ext(X509 *x, X509V3_CTX *ctx, int nid, const char *value)
{
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, ctx, nid, value);
	bool ok = e && X509_add_ext(x, e, -1);

	X509_EXTENSION_free(e);
	return ok;
}

int rk_cert_sign_client(const char *ca_pem, size_t ca_len, const char *ca_key_pem,
	size_t ca_key_len, const char *cn, const char *const *orgs, int64_t days,
	struct rk_buf *cert_pem, struct rk_buf *key_pem, struct rk_err *err)
{
	auto_block b = BLOCK_INIT;
	auto_stack *chain = NULL;
	auto_pkey *ca_key = NULL, *key = NULL;
	auto_x509 *x = X509_new();
	auto_bio *c = BIO_new(BIO_s_mem()), *k = BIO_new(BIO_s_mem());
	X509 *ca;
	X509V3_CTX ctx;
	uint64_t serial;
	char md[32];
	auto_errors;
	bool ok;

	key_pem->secret = true;
	if (!cn || !*cn)
		return rk_err_set(err, RK_USAGE, "a client certificate needs a name (CN)");
	if (days > 100 * 365)
		return rk_err_set(err, RK_USAGE, "a certificate for more than 100 years");
	if (cert_read(ca_pem, ca_len, CHAIN_MAX, &chain, err) < 0)
		return rk_err_wrap(err, "the CA");
	if (cert_read_key(ca_key_pem, ca_key_len, &b, &ca_key, err) < 0)
		return rk_err_wrap(err, "the CA's key");
	ca = sk_X509_value(chain, 0);
	if (!key_fits(ca, ca_key))
		return rk_err_set(
			err, RK_FAIL, "the CA's key does not belong to the CA's certificate");

	key = EVP_EC_gen("P-256");
	rk_random(&serial, sizeof(serial));
	serial >>= 1;
	days = days > 0 ? days : 365;
	ok = x && key && X509_set_version(x, X509_VERSION_3) &&
	     ASN1_INTEGER_set_uint64(X509_get_serialNumber(x), serial ? serial : 1) &&
	     X509_set_issuer_name(x, X509_get_subject_name(ca)) && set_subject(x, cn, orgs) &&
	     X509_set1_notBefore(x, X509_get0_notBefore(ca)) &&
	     ASN1_TIME_set(X509_getm_notAfter(x), (time_t)(time(NULL) + days * 86400)) &&
	     X509_set_pubkey(x, key);
	X509V3_set_ctx(&ctx, ca, x, NULL, NULL, 0);
	ok = ok && add_ext(x, &ctx, NID_key_usage, "critical,digitalSignature,keyEncipherment") &&
	     add_ext(x, &ctx, NID_ext_key_usage, "clientAuth") &&
	     (!X509_get0_subject_key_id(ca) ||
		     add_ext(x, &ctx, NID_authority_key_identifier, "keyid"));
	/* Ed25519 and Ed448 have a digest built in */
	ok = ok && X509_sign(x, ca_key,
			   EVP_PKEY_get_default_digest_name(ca_key, md, sizeof(md)) == 2 &&
					   rk_streq(md, "UNDEF")
				   ? NULL
				   : EVP_sha256()) > 0;
	if (!ok || !PEM_write_bio_X509(c, x) || !PEM_write_bio_X509(c, ca) ||
		!PEM_write_bio_PrivateKey_traditional(k, key, NULL, NULL, 0, NULL, NULL) ||
		!cert_bio_to_buf(c, cert_pem) || !cert_bio_to_buf(k, key_pem))
		return rk_err_set(err, RK_FAIL, "cannot create a client certificate: %s",
			ERR_reason_error_string(ERR_peek_last_error()));
	return 0;
}
