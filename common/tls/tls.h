// SPDX-License-Identifier: Apache-2.0
/* cert - X.509 through OpenSSL: read, judge, sign.
 *
 * PEM is given as bytes, never as a file name. A leaf of cert-manager may have an empty subject:
 * only the SANs are searched for names (RFC 6125, RFC 9525). Keys are never printed. */
#ifndef RK_TLS_H
#define RK_TLS_H

#include "base/base.h"

struct stack_st_X509; /* OpenSSL's */
struct evp_pkey_st;
struct x509_store_ctx_st;
struct X509_VERIFY_PARAM_st;

/* Facts of a leaf, to be read only. Times are seconds since 1970. */
struct rk_cert {
	int64_t not_before, not_after;
	char fingerprint[65];	/* SHA-256 of the DER, lower-case hex */
	char *subject, *issuer; /* RFC 2253, printable; "" when empty */
	char **sans;		/* DNS names and IP addresses as text, NULL-terminated */
	size_t nsans;
	bool is_ca;    /* it may sign: basic constraints and, where there is one, key usage */
	bool has_root; /* one of the chain signs itself */
	struct stack_st_X509 *chain; /* the leaf, and what followed it */
	struct evp_pkey_st *key;     /* of rk_cert_admit_pair, else NULL */
};

/* What was given as a CA, a chain or a client certificate, made fit to be passed on: its certificates
 * alone, as plain PEM with LF, written again from their DER. Text, attributes, headers, byte order
 * marks and other blocks do not pass. A private key in it, in any notation, is refused and wiped;
 * with_key: it is left out, for a file that may hold certificate and key. Bounded: 4096
 * certificates. Errors: RK_FAIL "it holds a private key", "no certificate in it", "certificate 2 is
 * damaged", each with the command that helps; pem must not be used then. */
int rk_cert_admit(struct rk_buf *pem, bool with_key, struct rk_err *err) RK_MUST_USE;
/* The same for a private key: the first one alone passes, under the label that its content has.
 * Errors: RK_FAIL "is not a private key", "the private key is encrypted: …", "… is damaged". */
int rk_cert_admit_key(struct rk_buf *pem, struct rk_err *err) RK_MUST_USE;
/* Certificate and key of one TLS Secret, both as above and in one pass, at most 64 certificates. out
 * knows the key. Errors say tls.crt or tls.key. */
int rk_cert_admit_pair(struct rk_cert **out, struct rk_buf *crt, struct rk_buf *key,
	struct rk_err *err) RK_MUST_USE;
/* The first two for our own connections alone: OpenSSL decodes the text when it connects, so here only
 * blocks, labels and DER are checked and written again. What is not in the usual form is treated as
 * above. The result must not be passed on to another program. */
int rk_cert_admit_tls(struct rk_buf *pem, bool with_key, struct rk_err *err) RK_MUST_USE;
int rk_cert_admit_tls_key(struct rk_buf *pem, struct rk_err *err) RK_MUST_USE;

/* Read the first certificate and its followers; other PEM blocks are skipped. Bounded: at most
 * 64 certificates. Errors: RK_FAIL "no certificate in it" / "certificate 2 is damaged". */
int rk_cert_parse(struct rk_cert **out, const char *pem, size_t n, struct rk_err *err) RK_MUST_USE;
/* The same of a chain of OpenSSL's, which the caller still frees. */
int rk_cert_from_chain(
	struct rk_cert **out, struct stack_st_X509 *chain, struct rk_err *err) RK_MUST_USE;
void rk_cert_free(struct rk_cert *c);
static inline void rk_cleanup_cert_(struct rk_cert **c)
{
	rk_cert_free(*c);
}
#define rk_auto_cert __attribute__((cleanup(rk_cleanup_cert_))) struct rk_cert

/* The leaf and its chain as PEM, appended. */
int rk_cert_pem(const struct rk_cert *c, struct rk_buf *out, struct rk_err *err) RK_MUST_USE;

/* Whether the PEM key belongs to the leaf. 0 when it does. Errors:
 * RK_FAIL "is not a private key", "is encrypted", "does not belong to the certificate". */
int rk_cert_check_key(
	const struct rk_cert *c, const char *key_pem, size_t n, struct rk_err *err) RK_MUST_USE;

/* Judge a certificate for serving hosts at time now (0: the clock): key fits, not expired, not yet
 * valid, covers every host, and neither it nor its chain has what crypto/tls and crypto/x509 of Go
 * refuse (rk_cert_check_kind). One error, naming the first trouble and what to do. key_pem NULL:
 * the key that rk_cert_admit_pair found; without one, none is checked. */
int rk_cert_check(const struct rk_cert *c, const char *key_pem, size_t n, const char *const *hosts,
	size_t nhosts, int64_t now, struct rk_err *err) RK_MUST_USE;

/* What every client in Go refuses whatever it trusts: a leaf that is not for servers, SHA-1 or MD5
 * signatures, RSA keys below 1024 bits or, in the leaf, above 8192, keys of unknown kinds. */
int rk_cert_check_kind(const struct rk_cert *c, struct rk_err *err) RK_MUST_USE;
/* What Go takes and browsers and OpenSSL at its usual level do not, as text; NULL: nothing. Caller
 * frees. */
char *rk_cert_weakness(const struct rk_cert *c);

/* Verify the chain against CA bundle ca_pem (only these anchors; NULL: the system's) for host (NULL:
 * any name), as crypto/x509 of Go does it for a server: the certificates behind the leaf are
 * intermediates in any order, each anchor is trusted alone, also one that another CA issued. */
int rk_cert_verify(const struct rk_cert *c, const char *ca_pem, size_t n, const char *host,
	struct rk_err *err) RK_MUST_USE;

/* Have OpenSSL verify that a leaf carries the host name or IP address: in its SANs, with one left-most
 * wildcard label allowed. false: host is neither. */
bool rk_cert_expect(struct X509_VERIFY_PARAM_st *p, const char *host);
/* The error for OpenSSL's verdict, when it has refused a chain. Returns -1. */
int rk_cert_refused(struct x509_store_ctx_st *ctx, const char *host, struct rk_err *err);

/* New ECDSA P-256 key (SEC1 PEM, secret) and a client certificate signed by the CA.
 * Recipe: k3k's `kubeconfig generate`: organisations first, then CN; notBefore of the CA;
 * keyUsage digitalSignature+keyEncipherment, extendedKeyUsage clientAuth; SHA-256.
 * cert_pem gets the new certificate followed by the CA's. orgs is NULL-terminated; NULL or empty
 * means system:masters, days <= 0 means 365, both as k3k does. */
int rk_cert_sign_client(const char *ca_pem, size_t ca_len, const char *ca_key_pem,
	size_t ca_key_len, const char *cn, const char *const *orgs, int64_t days,
	struct rk_buf *cert_pem, struct rk_buf *key_pem, struct rk_err *err) RK_MUST_USE;

/* Lower-case hex SHA-256 of n bytes into out[65]. */
void rk_sha256_hex(const void *p, size_t n, char out[65]);

/* n random bytes. */
void rk_random(void *p, size_t n);

#endif
