// SPDX-License-Identifier: Apache-2.0
/* cert - X.509 through OpenSSL: read, judge, sign.
 *
 * PEM is given as bytes, never as a file name. A leaf of cert-manager may have an empty subject:
 * only the SANs are searched for names (RFC 6125, RFC 9525). Keys are never printed. */
#ifndef RK_TLS_H
#define RK_TLS_H

#include "base/base.h"

struct rk_cert; /* a leaf with the chain that follows it in the PEM text */

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
/* Certificate and key of one TLS Secret, both as above and in one pass, at most 64 certificates. out is
 * the leaf with its chain, and knows the key. Errors say tls.crt or tls.key. */
int rk_cert_admit_pair(struct rk_cert **out, struct rk_buf *crt, struct rk_buf *key,
	struct rk_err *err) RK_MUST_USE;
/* The same two for our own connections alone: OpenSSL decodes the text when it connects, so here only
 * blocks, labels and DER are checked and written again. What is not in the usual form is treated as
 * above. The result must not be passed on to another program. */
int rk_cert_admit_tls(struct rk_buf *pem, bool with_key, struct rk_err *err) RK_MUST_USE;
int rk_cert_admit_tls_key(struct rk_buf *pem, struct rk_err *err) RK_MUST_USE;

/* Read the first certificate and its followers; other PEM blocks are skipped. Bounded: at most
 * 64 certificates. Errors: RK_FAIL "no certificate in it" / "certificate 2 is damaged". */
int rk_cert_parse(struct rk_cert **out, const char *pem, size_t n, struct rk_err *err) RK_MUST_USE;
/* The same for certificates in DER, one behind the other. */
int rk_cert_parse_der(
	struct rk_cert **out, const void *der, size_t n, struct rk_err *err) RK_MUST_USE;
void rk_cert_free(struct rk_cert *c);
static inline void rk_cleanup_cert_(struct rk_cert **c)
{
	rk_cert_free(*c);
}
#define rk_auto_cert __attribute__((cleanup(rk_cleanup_cert_))) struct rk_cert

/* Facts of the leaf. Times are seconds since 1970, UTC. */
int64_t rk_cert_not_before(const struct rk_cert *c);
int64_t rk_cert_not_after(const struct rk_cert *c);
/* SHA-256 of the leaf's DER in lower-case hex with colons left out (64 characters, in c). */
const char *rk_cert_fingerprint(const struct rk_cert *c);
/* Subject and issuer in RFC 2253 form, "" when empty; printable; owned by c. */
const char *rk_cert_subject(const struct rk_cert *c);
const char *rk_cert_issuer(const struct rk_cert *c);
/* i-th DNS name or IP address of the SANs as text, or NULL beyond the last. Owned by c. */
const char *rk_cert_san(const struct rk_cert *c, size_t i);
size_t rk_cert_chain_len(const struct rk_cert *c);
/* The leaf and its chain as PEM, appended. */
int rk_cert_pem(const struct rk_cert *c, struct rk_buf *out, struct rk_err *err) RK_MUST_USE;
/* Whether the leaf may sign certificates: basic constraints and, where there is one, key usage. */
bool rk_cert_is_ca(const struct rk_cert *c);
/* Whether one of the certificates signs itself. */
bool rk_cert_has_root(const struct rk_cert *c);

/* Whether the leaf carries the host name (one left-most wildcard label allowed) or IP address. */
bool rk_cert_matches(const struct rk_cert *c, const char *host);
/* Its names for a message: "a.example, *.b.example and 3 more". */
void rk_cert_names(const struct rk_cert *c, struct rk_buf *out);
/* A time for a message: "2026-01-31 12:00 UTC". */
void rk_cert_date(int64_t t, char out[32]);

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

/* Words for OpenSSL's verdict `why` (X509_V_ERR_...) on leaf; `at` is the certificate of the chain
 * it is about, the leaf itself or another. Returns -1. */
int rk_cert_refused(const struct rk_cert *leaf, const struct rk_cert *at, int why, const char *host,
	struct rk_err *err);

/* Check that a PEM bundle holds at least one certificate and no damage; *count may be NULL. */
int rk_cert_bundle(const char *pem, size_t n, size_t *count, struct rk_err *err) RK_MUST_USE;

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

/* n random bytes from the system. */
void rk_random(void *p, size_t n);

#endif
