// SPDX-License-Identifier: Apache-2.0
/* pki - keys and certificates made on the spot, for tests. Whatever fails ends the test. */
#ifndef RK_TEST_PKI_H
#define RK_TEST_PKI_H

#include "base/base.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

struct pki {
	EVP_PKEY *key;
	X509 *cert;
	struct rk_buf cert_pem, key_pem; /* the key as PKCS#8 */
};

struct pki_spec {
	const char *cn;	 /* NULL: an empty subject */
	const char *san; /* "DNS:a.example,IP:1.2.3.4"; NULL: none */
	const char *alg; /* "P-256" (NULL), "P-384", "RSA", "RSA1024", "ED25519" */
	const char *md;	 /* "SHA256" (NULL), "SHA1"; what the issuer signs with */
	const char *eku;
	bool ca;
	int64_t from, to; /* seconds from now; both 0: a day ago, in ten days */
};

#define PKI_MUST(x)                                                             \
	do {                                                                    \
		if (!(x)) {                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x); \
			abort();                                                \
		}                                                               \
	} while (0)

static inline void pki_take(BIO *bio, struct rk_buf *out)
{
	char *p;
	long n = BIO_get_mem_data(bio, &p);

	rk_buf_put(out, p, (size_t)n);
	BIO_free(bio);
}

static inline void pki_cert_pem(X509 *x, struct rk_buf *out)
{
	BIO *bio = BIO_new(BIO_s_mem());

	PKI_MUST(PEM_write_bio_X509(bio, x));
	pki_take(bio, out);
}

/* cipher and pass NULL: plain. */
static inline void pki_key_pem(
	EVP_PKEY *key, bool traditional, const char *pass, struct rk_buf *out)
{
	BIO *bio = BIO_new(BIO_s_mem());
	const EVP_CIPHER *c = pass ? EVP_aes_128_cbc() : NULL;
	const unsigned char *kstr = (const unsigned char *)pass;
	int klen = pass ? (int)strlen(pass) : 0;

	PKI_MUST(traditional
			 ? PEM_write_bio_PrivateKey_traditional(bio, key, c, kstr, klen, NULL, NULL)
			 : PEM_write_bio_PKCS8PrivateKey(bio, key, c, pass, klen, NULL, NULL));
	pki_take(bio, out);
}

static inline EVP_PKEY *pki_key(const char *alg)
{
	if (!alg)
		alg = "P-256";
	if (strncmp(alg, "RSA", 3) == 0)
		return EVP_RSA_gen(alg[3] ? (unsigned)strtoul(alg + 3, NULL, 10) : 2048);
	if (strcmp(alg, "ED25519") == 0)
		return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	return EVP_PKEY_Q_keygen(NULL, NULL, "EC", alg);
}

static inline void pki_ext(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509_EXTENSION *e;
	X509V3_CTX ctx;

	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	PKI_MUST(e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value));
	PKI_MUST(X509_add_ext(x, e, -1));
	X509_EXTENSION_free(e);
}

static inline void pki_sign(X509 *x, EVP_PKEY *key, const char *md)
{
	const EVP_MD *digest = EVP_get_digestbyname(md ? md : "SHA256");

	PKI_MUST(X509_sign(x, key, EVP_PKEY_is_a(key, "ED25519") ? NULL : digest) > 0);
}

/* ca NULL: signs itself. */
static inline void pki_make(struct pki *out, const struct pki *ca, const struct pki_spec *s)
{
	X509 *x = X509_new();
	X509_NAME *name = X509_get_subject_name(x);
	time_t now = time(NULL);
	static long serial = 1000;

	*out = (struct pki){.cert_pem = RK_BUF_INIT, .key_pem = RK_BUF_INIT};
	PKI_MUST(out->key = pki_key(s->alg));
	X509_set_version(x, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(x), ++serial);
	ASN1_TIME_set(X509_getm_notBefore(x), now + (s->from || s->to ? s->from : -86400));
	ASN1_TIME_set(X509_getm_notAfter(x), now + (s->from || s->to ? s->to : 864000));
	if (s->cn)
		PKI_MUST(X509_NAME_add_entry_by_txt(
			name, "CN", MBSTRING_UTF8, (const unsigned char *)s->cn, -1, -1, 0));
	X509_set_issuer_name(x, ca ? X509_get_subject_name(ca->cert) : name);
	X509_set_pubkey(x, out->key);
	pki_ext(x, x, NID_subject_key_identifier, "hash");
	if (ca)
		pki_ext(x, ca->cert, NID_authority_key_identifier, "keyid");
	if (s->ca)
		pki_ext(x, x, NID_basic_constraints, "critical,CA:TRUE");
	if (s->san)
		pki_ext(x, x, NID_subject_alt_name, s->san);
	if (s->eku)
		pki_ext(x, x, NID_ext_key_usage, s->eku);
	pki_sign(x, ca ? ca->key : out->key, s->md);
	out->cert = x;
	pki_cert_pem(x, &out->cert_pem);
	pki_key_pem(out->key, false, NULL, &out->key_pem);
}

static inline void pki_release(struct pki *p)
{
	EVP_PKEY_free(p->key);
	X509_free(p->cert);
	rk_buf_release(&p->cert_pem);
	rk_buf_release(&p->key_pem);
}

#endif
