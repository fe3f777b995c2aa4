// SPDX-License-Identifier: Apache-2.0
/* what the files of the tls module share.
 *
 * What OpenSSL leaves in its thread's error queue is taken back before each function returns:
 * libcurl reads the same queue. */
#ifndef RK_TLS_INTERNAL_H
#define RK_TLS_INTERNAL_H

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "tls/tls.h"

#define CHAIN_MAX  64	/* certificates of one leaf and its followers */
#define BUNDLE_MAX 4096 /* certificates of a CA bundle */
#define HOUR	   ((int64_t)3600)
#define DAY	   (24 * HOUR)

struct rk_cert {
	STACK_OF(X509) *chain; /* the leaf first */
	EVP_PKEY *key;	       /* of rk_cert_admit_pair, else NULL */
	int64_t not_before, not_after;
	char fingerprint[65];
	char *subject, *issuer;
	char **sans;
	size_t nsans;
};

static inline void cert_free_bio(BIO **b)
{
	BIO_free(*b);
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

#define auto_bio   __attribute__((cleanup(cert_free_bio))) BIO
#define auto_pkey  __attribute__((cleanup(cert_free_pkey))) EVP_PKEY
#define auto_x509  __attribute__((cleanup(cert_free_x509))) X509
#define auto_stack __attribute__((cleanup(cert_free_stack))) STACK_OF(X509)

/* One PEM block, decoded from base64. */
struct block {
	char *name, *header;
	struct rk_buf der;
};
#define BLOCK_INIT ((struct block){.der = RK_BUF_INIT_SECRET})
void cert_block_release(struct block *b);
#define auto_block __attribute__((cleanup(cert_block_release))) struct block

/* What is left of a PEM text. */
struct pem {
	const char *p, *end;
};
int cert_open_pem(struct pem *in, const char *pem, size_t n, struct rk_err *err);
/* Next block: 1, 0 at the end, -1 when it is damaged. Text between blocks is passed over. */
int cert_next_block(struct pem *in, struct block *b);
/* All certificates of a PEM text, at most max of them. */
int cert_read(const char *pem, size_t n, int max, STACK_OF(X509) **out, struct rk_err *err);
int cert_write(const STACK_OF(X509) *list, struct rk_buf *out, struct rk_err *err);
/* Whether bytes are DER: shortest lengths, no strings in pieces; what they mean is not looked at. */
bool cert_is_der(const void *der, size_t n);
/* Why crypto/x509 of Go would not read a certificate, whose DER this is; NULL: it would. */
const char *cert_go_trouble(X509 *x, const unsigned char *der, size_t n);
/* Whether crypto/tls of Go would read a private key, which OpenSSL has decoded from the block. */
bool cert_go_key(const EVP_PKEY *key, const struct block *b, bool pkcs8);
/* Over the head of the next element of DER; over the whole of it. false: there is none. */
bool cert_enter(struct pem *in);
bool cert_skip(struct pem *in);
/* The block of the first private key of a PEM text, which is not encrypted; and the key in it. */
int cert_find_key(const char *pem, size_t n, struct block *b, struct rk_err *err);
int cert_decode_key(const struct block *b, EVP_PKEY **out, struct rk_err *err);
/* Whether the key belongs to the leaf, as rk_cert_check_key. */
int cert_check_key(const struct rk_cert *c, EVP_PKEY *key, struct rk_err *err);
/* A leaf with its chain, which is taken over. */
int cert_from_chain(struct rk_cert **out, STACK_OF(X509) **chain, struct rk_err *err);

/* host as OpenSSL reads it: no brackets round an IPv6 address, no dot at the end. false: none. */
bool cert_bare_host(const char *host, char *out, size_t size);

bool cert_bio_to_buf(BIO *bio, struct rk_buf *out);

#endif
