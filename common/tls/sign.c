// SPDX-License-Identifier: Apache-2.0
/* Private keys, and certificates that are signed with them. */
#include "internal.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

/* --- keys --- */

/* Encrypted keys never reach a library: each library prompts for the passphrase differently. */
static int check_key_block(const struct block *b, struct rk_err *err)
{
	if (rk_streq(b->name, PEM_STRING_PKCS8) || strstr(b->header, "ENCRYPTED")) {
		rk_err_set(err, RK_FAIL,
			"the private key is encrypted: a passphrase cannot be given here");
		return rk_err_hint(
			err, "write it without one: openssl pkey -in KEY -out KEY.plain");
	}
	if (rk_streq(b->name, "OPENSSH PRIVATE KEY")) {
		rk_err_set(err, RK_FAIL, "the private key is in OpenSSH's notation");
		return rk_err_hint(err, "write it as PEM: ssh-keygen -p -m PEM -f KEY");
	}
	if (!rk_suffix(b->name, " PRIVATE KEY") && !rk_streq(b->name, PEM_STRING_PKCS8INF))
		return rk_err_set(err, RK_FAIL, "is not a private key");
	return 0;
}

/* The label names the algorithm of the older notations; being told is three times as fast. Where it
 * is wrong the content counts, as for Go. */
int cert_decode_key(const struct block *b, EVP_PKEY **out, struct rk_err *err)
{
	const unsigned char *p = (const unsigned char *)b->der.s, *end = p + b->der.len;
	int type = rk_streq(b->name, PEM_STRING_ECPRIVATEKEY) ? EVP_PKEY_EC
		   : rk_streq(b->name, PEM_STRING_RSA)	      ? EVP_PKEY_RSA
							      : EVP_PKEY_NONE;
	long n = (long)b->der.len;
	auto_pkey *key = NULL;

	*out = NULL;
	ERR_set_mark();
	if (type != EVP_PKEY_NONE)
		key = d2i_PrivateKey(type, NULL, &p, n);
	if (!key) {
		p = (const unsigned char *)b->der.s;
		key = d2i_AutoPrivateKey(NULL, &p, n);
	}
	ERR_pop_to_mark();
	if (!key || p != end)
		return rk_err_set(
			err, RK_FAIL, "the private key is damaged, or of a kind unknown here");
	*out = rk_steal(&key);
	return 0;
}

/* Other blocks before the key, such as parameters and certificates, are skipped. */
int cert_find_key(const char *pem, size_t n, struct block *b, struct rk_err *err)
{
	struct pem in;
	int r;

	if (cert_open_pem(&in, pem, n, err) < 0)
		return -1;
	while ((r = cert_next_block(&in, b)) == 1)
		if (rk_suffix(b->name, "PRIVATE KEY"))
			return check_key_block(b, err);
	if (r < 0)
		return rk_err_set(err, RK_FAIL, "the private key is damaged or cut off");
	rk_err_set(err, RK_FAIL, "is not a private key");
	if (n && pem[0] == 0x30)
		return rk_err_hint(err, "it is not PEM: openssl pkey -inform DER -in KEY");
	return -1;
}

static int read_key(const char *pem, size_t n, EVP_PKEY **out, struct rk_err *err)
{
	auto_block b = BLOCK_INIT;

	if (cert_find_key(pem, n, &b, err) < 0)
		return -1;
	return cert_decode_key(&b, out, err);
}

/* Public halves that agree prove nothing about the private one: sign and verify. */
static bool signs_for(EVP_PKEY *priv, EVP_PKEY *pub)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	static const unsigned char text[] = "rk3k";
	unsigned char *sig = NULL;
	size_t n = 0;
	bool ok;

	ok = ctx && EVP_DigestSignInit(ctx, NULL, NULL, NULL, priv) == 1 &&
	     EVP_DigestSign(ctx, NULL, &n, text, sizeof(text)) == 1 && (sig = rk_malloc(n)) &&
	     EVP_DigestSign(ctx, sig, &n, text, sizeof(text)) == 1 && EVP_MD_CTX_reset(ctx) == 1 &&
	     EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, pub) == 1 &&
	     EVP_DigestVerify(ctx, sig, n, text, sizeof(text)) == 1;
	free(sig);
	EVP_MD_CTX_free(ctx);
	return ok;
}

static bool key_fits(X509 *x, EVP_PKEY *key)
{
	EVP_PKEY *pub = X509_get0_pubkey(x);
	bool ok;

	ERR_set_mark();
	ok = pub && EVP_PKEY_eq(pub, key) == 1 && signs_for(key, pub);
	ERR_pop_to_mark();
	return ok;
}

int cert_check_key(const struct rk_cert *c, EVP_PKEY *key, struct rk_err *err)
{
	if (key_fits(sk_X509_value(c->chain, 0), key))
		return 0;
	for (int i = 1; i < sk_X509_num(c->chain); i++)
		if (key_fits(sk_X509_value(c->chain, i), key)) {
			rk_err_set(err, RK_FAIL,
				"the private key does not belong to the certificate that is first "
				"in the file: it belongs to certificate %d",
				i + 1);
			return rk_err_hint(err,
				"the key belongs to certificate %d: put it first, "
				"then the CA that issued it",
				i + 1);
		}
	return rk_err_set(err, RK_FAIL, "the private key does not belong to the certificate");
}

int rk_cert_check_key(const struct rk_cert *c, const char *key_pem, size_t n, struct rk_err *err)
{
	auto_pkey *key = NULL;

	if (read_key(key_pem, n, &key, err) < 0)
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

static X509 *make_client(X509 *ca, EVP_PKEY *ca_key, EVP_PKEY *key, const char *cn,
	const char *const *orgs, int64_t days)
{
	auto_x509 *x = X509_new();
	X509V3_CTX ctx;
	uint64_t serial;
	char md[32];
	bool no_digest; /* Ed25519 and Ed448 bring their own */

	rk_random(&serial, sizeof(serial));
	serial >>= 1;
	if (!x || !X509_set_version(x, X509_VERSION_3) ||
		!ASN1_INTEGER_set_uint64(X509_get_serialNumber(x), serial ? serial : 1) ||
		!X509_set_issuer_name(x, X509_get_subject_name(ca)) || !set_subject(x, cn, orgs) ||
		!X509_set1_notBefore(x, X509_get0_notBefore(ca)) ||
		!ASN1_TIME_set(X509_getm_notAfter(x), (time_t)(time(NULL) + days * DAY)) ||
		!X509_set_pubkey(x, key))
		return NULL;
	X509V3_set_ctx(&ctx, ca, x, NULL, NULL, 0);
	if (!add_ext(x, &ctx, NID_key_usage, "critical,digitalSignature,keyEncipherment") ||
		!add_ext(x, &ctx, NID_ext_key_usage, "clientAuth") ||
		(X509_get0_subject_key_id(ca) &&
			!add_ext(x, &ctx, NID_authority_key_identifier, "keyid")))
		return NULL;
	no_digest = EVP_PKEY_get_default_digest_name(ca_key, md, sizeof(md)) == 2 &&
		    rk_streq(md, "UNDEF");
	return X509_sign(x, ca_key, no_digest ? NULL : EVP_sha256()) > 0 ? rk_steal(&x) : NULL;
}

static int sign_client(X509 *ca, EVP_PKEY *ca_key, const char *cn, const char *const *orgs,
	int64_t days, struct rk_buf *cert_pem, struct rk_buf *key_pem, struct rk_err *err)
{
	auto_pkey *key = EVP_EC_gen("P-256");
	auto_x509 *x = key ? make_client(ca, ca_key, key, cn, orgs, days) : NULL;
	auto_bio *c = BIO_new(BIO_s_mem());
	auto_bio *k = BIO_new(BIO_s_mem()); /* its memory is wiped when freed */

	key_pem->secret = true;
	if (x && c && k && PEM_write_bio_X509(c, x) && PEM_write_bio_X509(c, ca) &&
		PEM_write_bio_PrivateKey_traditional(k, key, NULL, NULL, 0, NULL, NULL) &&
		cert_bio_to_buf(c, cert_pem) && cert_bio_to_buf(k, key_pem))
		return 0;
	return rk_err_set(err, RK_FAIL, "cannot make a client certificate: %s",
		ERR_reason_error_string(ERR_peek_last_error()));
}

int rk_cert_sign_client(const char *ca_pem, size_t ca_len, const char *ca_key_pem,
	size_t ca_key_len, const char *cn, const char *const *orgs, int64_t days,
	struct rk_buf *cert_pem, struct rk_buf *key_pem, struct rk_err *err)
{
	auto_stack *ca = NULL;
	auto_pkey *ca_key = NULL;
	int r;

	if (!cn || !*cn)
		return rk_err_set(err, RK_USAGE, "a client certificate needs a name (CN)");
	if (days > 100 * 365)
		return rk_err_set(err, RK_USAGE, "a certificate for more than 100 years");
	if (cert_read(ca_pem, ca_len, CHAIN_MAX, &ca, err) < 0)
		return rk_err_wrap(err, "the CA");
	if (read_key(ca_key_pem, ca_key_len, &ca_key, err) < 0)
		return rk_err_wrap(err, "the CA's key");
	if (!key_fits(sk_X509_value(ca, 0), ca_key))
		return rk_err_set(
			err, RK_FAIL, "the CA's key does not belong to the CA's certificate");
	ERR_set_mark();
	r = sign_client(sk_X509_value(ca, 0), ca_key, cn, orgs, days > 0 ? days : 365, cert_pem,
		key_pem, err);
	ERR_pop_to_mark();
	return r;
}
