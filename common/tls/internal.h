// SPDX-License-Identifier: Apache-2.0
/* what the files of the tls module share. */
#ifndef RK_TLS_INTERNAL_H
#define RK_TLS_INTERNAL_H

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "tls/tls.h"

#define CHAIN_MAX  64	/* certificates of one leaf and its followers */
#define BUNDLE_MAX 4096 /* certificates of a CA bundle */

static inline void cert_free_bio(BIO **b)
{
	BIO_free(*b); /* BIO_s_mem wipes its memory */
}

static inline void cert_free_pkey(EVP_PKEY **k)
{
	EVP_PKEY_free(*k);
}

static inline void cert_free_x509(X509 **x)
{
	X509_free(*x);
}

static inline void cert_free_stack(STACK_OF(X509) **s)
{
	sk_X509_pop_free(*s, X509_free);
}

static inline void cert_pop_errors(const int *mark RK_UNUSED)
{
	ERR_pop_to_mark();
}

#define auto_bio   __attribute__((cleanup(cert_free_bio))) BIO
#define auto_pkey  __attribute__((cleanup(cert_free_pkey))) EVP_PKEY
#define auto_x509  __attribute__((cleanup(cert_free_x509))) X509
#define auto_stack __attribute__((cleanup(cert_free_stack))) STACK_OF(X509)
/* What OpenSSL leaves in its thread's error queue is taken back: libcurl reads the same queue. */
#define auto_errors __attribute__((cleanup(cert_pop_errors), unused)) int mark_ = ERR_set_mark()

/* One PEM block, decoded from base64. */
struct block {
	char *name;
	bool headed, encrypted; /* it has a header; one of an encrypted key */
	struct rk_buf der;
};
#define BLOCK_INIT ((struct block){.der = RK_BUF_INIT_SECRET})
void cert_block_release(struct block *b);
#define auto_block __attribute__((cleanup(cert_block_release))) struct block

/* What is left of a PEM text, or of DER. */
struct pem {
	const char *p, *end;
};
int cert_open_pem(struct pem *in, const char *pem, size_t n, struct rk_err *err);
/* Next block: 1, 0 at the end, -1 when it is damaged. Text between blocks is passed over. */
int cert_next_block(struct pem *in, struct block *b);
/* All certificates of a PEM text, at most max of them. */
int cert_read(const char *pem, size_t n, int max, STACK_OF(X509) **out, struct rk_err *err);
bool cert_bio_to_buf(BIO *bio, struct rk_buf *out);

/* Whether bytes are DER: shortest lengths, no strings in pieces; what they mean is not looked at. */
bool cert_is_der(const void *der, size_t n);
/* Over the next element of DER, or, enter, over its head alone. Returns its tag, -1: there is none. */
int cert_step(struct pem *in, bool enter);
/* The tag behind the version of a private key: of the algorithm (V_ASN1_SEQUENCE | V_ASN1_CONSTRUCTED)
 * in PKCS#8, V_ASN1_INTEGER in RSA's notation, V_ASN1_OCTET_STRING in SEC 1. -1: it is none. */
int cert_key_form(const struct block *b);
#define FORM_PKCS8 (V_ASN1_SEQUENCE | V_ASN1_CONSTRUCTED)
/* Why crypto/x509 of Go would not read a certificate, whose DER this is; NULL: it would. */
const char *cert_go_trouble(X509 *x, const unsigned char *der, size_t n);
/* Whether crypto/tls of Go would read a private key, which OpenSSL has decoded from the block. */
bool cert_go_key(const EVP_PKEY *key, const struct block *b);

/* The block of the first private key of a PEM text, which is not encrypted; and the key in it. */
int cert_find_key(const char *pem, size_t n, struct block *b, struct rk_err *err);
int cert_read_key(const char *pem, size_t n, struct block *b, EVP_PKEY **out, struct rk_err *err);
/* Whether the key belongs to the leaf, as rk_cert_check_key. */
int cert_check_key(const struct rk_cert *c, EVP_PKEY *key, struct rk_err *err);

/* Whether the leaf carries the host name or IP address. */
bool cert_matches(const struct rk_cert *c, const char *host);

#endif
