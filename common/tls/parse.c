// SPDX-License-Identifier: Apache-2.0
/* Reading certificates: what a leaf says of itself, and its names. */
#include "internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <sys/random.h>

#define DER_MAX ((size_t)16 << 20) /* bytes */

int rk_cert_bundle(const char *pem, size_t n, size_t *count, struct rk_err *err)
{
	auto_stack *list = NULL;
	int rc = cert_read(pem, n, BUNDLE_MAX, &list, err);

	if (count)
		*count = rc < 0 ? 0 : (size_t)sk_X509_num(list);
	return rc;
}

/* --- facts of a leaf --- */

static char *name_text(const X509_NAME *name)
{
	auto_bio *out = BIO_new(BIO_s_mem());
	char *p;
	long n;

	if (!out || !name || X509_NAME_print_ex(out, name, 0, XN_FLAG_RFC2253) < 0)
		return rk_strdup("");
	n = BIO_get_mem_data(out, &p);
	return rk_strndup(n > 0 ? p : "", n > 0 ? (size_t)n : 0);
}

/* DNS names and addresses. A NUL or another odd byte becomes '?', which no name holds: nothing can pass for
 * another. */
static void read_sans(struct rk_cert *c, const X509 *x)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
	int n = names ? sk_GENERAL_NAME_num(names) : 0;

	c->sans = rk_calloc((size_t)n + 1, sizeof(*c->sans));
	for (int i = 0, type; i < n; i++) {
		const ASN1_STRING *s =
			GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, i), &type);
		const unsigned char *data = ASN1_STRING_get0_data(s);
		int len = ASN1_STRING_length(s);
		char ip[INET6_ADDRSTRLEN], *text = NULL;

		if (type == GEN_DNS) {
			text = rk_malloc((size_t)len + 1);
			for (int k = 0; k < len; k++)
				text[k] = data[k] <= ' ' || data[k] > '~' ? '?' : (char)data[k];
			text[len] = '\0';
		} else if (type == GEN_IPADD && (len == 4 || len == 16) &&
			   inet_ntop(len == 4 ? AF_INET : AF_INET6, data, ip, sizeof(ip))) {
			text = rk_strdup(ip);
		}
		if (text)
			c->sans[c->nsans++] = text;
	}
	GENERAL_NAMES_free(names);
}

static int read_facts(struct rk_cert *c, struct rk_err *err)
{
	X509 *x = sk_X509_value(c->chain, 0);
	struct tm from, to;
	unsigned char *der = NULL;
	int n;

	if (!ASN1_TIME_to_tm(X509_get0_notBefore(x), &from) ||
		!ASN1_TIME_to_tm(X509_get0_notAfter(x), &to))
		return rk_err_set(err, RK_FAIL, "certificate 1 is damaged: its dates are invalid");
	c->not_before = timegm(&from);
	c->not_after = timegm(&to);
	n = i2d_X509(x, &der);
	if (n < 0)
		return rk_err_set(err, RK_FAIL, "certificate 1 is damaged");
	rk_sha256_hex(der, (size_t)n, c->fingerprint);
	OPENSSL_free(der);
	c->subject = name_text(X509_get_subject_name(x));
	c->issuer = name_text(X509_get_issuer_name(x));
	read_sans(c, x);
	return 0;
}

int cert_from_chain(struct rk_cert **out, STACK_OF(X509) **chain, struct rk_err *err)
{
	rk_auto_cert *c = rk_calloc(1, sizeof(*c));
	int r;

	c->chain = rk_steal(chain);
	ERR_set_mark();
	r = read_facts(c, err);
	ERR_pop_to_mark();
	if (r == 0)
		*out = rk_steal(&c);
	return r;
}

int rk_cert_parse(struct rk_cert **out, const char *pem, size_t n, struct rk_err *err)
{
	auto_stack *chain = NULL;

	*out = NULL;
	if (cert_read(pem, n, CHAIN_MAX, &chain, err) < 0)
		return -1;
	return cert_from_chain(out, &chain, err);
}

int rk_cert_parse_der(struct rk_cert **out, const void *der, size_t n, struct rk_err *err)
{
	auto_stack *chain = sk_X509_new_null();
	const unsigned char *p = der, *end = p + n;
	bool good = n > 0 && n <= DER_MAX;

	*out = NULL;
	ERR_set_mark();
	while (good && p < end) {
		X509 *x = d2i_X509(NULL, &p, end - p);

		good = x && X509_get0_pubkey(x) && sk_X509_num(chain) < CHAIN_MAX;
		if (good && !sk_X509_push(chain, x))
			abort();
		if (!good)
			X509_free(x);
	}
	ERR_pop_to_mark();
	if (!good)
		return rk_err_set(
			err, RK_FAIL, "certificate %d is damaged", sk_X509_num(chain) + 1);
	return cert_from_chain(out, &chain, err);
}

void rk_cert_free(struct rk_cert *c)
{
	if (!c)
		return;
	sk_X509_pop_free(c->chain, X509_free);
	EVP_PKEY_free(c->key);
	for (size_t i = 0; i < c->nsans; i++)
		free(c->sans[i]);
	free(c->sans);
	free(c->subject);
	free(c->issuer);
	free(c);
}

int64_t rk_cert_not_before(const struct rk_cert *c)
{
	return c->not_before;
}

int64_t rk_cert_not_after(const struct rk_cert *c)
{
	return c->not_after;
}

const char *rk_cert_fingerprint(const struct rk_cert *c)
{
	return c->fingerprint;
}

const char *rk_cert_subject(const struct rk_cert *c)
{
	return c->subject;
}

const char *rk_cert_issuer(const struct rk_cert *c)
{
	return c->issuer;
}

const char *rk_cert_san(const struct rk_cert *c, size_t i)
{
	return i < c->nsans ? c->sans[i] : NULL;
}

size_t rk_cert_chain_len(const struct rk_cert *c)
{
	return (size_t)sk_X509_num(c->chain);
}

bool rk_cert_is_ca(const struct rk_cert *c)
{
	X509 *x = sk_X509_value(c->chain, 0);
	uint32_t flags = X509_get_extension_flags(x);

	return (flags & EXFLAG_CA) && !(flags & EXFLAG_INVALID) &&
	       (X509_get_key_usage(x) & KU_KEY_CERT_SIGN);
}

bool rk_cert_has_root(const struct rk_cert *c)
{
	for (int i = 0; i < sk_X509_num(c->chain); i++)
		if (X509_get_extension_flags(sk_X509_value(c->chain, i)) & EXFLAG_SS)
			return true;
	return false;
}

/* --- names --- */

/* host as OpenSSL reads it: no brackets round an IPv6 address, no dot at the end. false: none. */
bool cert_bare_host(const char *host, char *out, size_t size)
{
	size_t n = host ? strlen(host) : 0;

	if (n > 2 && host[0] == '[' && host[n - 1] == ']') {
		host++;
		n -= 2;
	} else if (n > 1 && host[n - 1] == '.') {
		n--;
	}
	if (!n || n >= size)
		return false;
	memcpy(out, host, n);
	out[n] = 0;
	return true;
}

bool rk_cert_matches(const struct rk_cert *c, const char *host)
{
	X509 *x = sk_X509_value(c->chain, 0);
	char bare[256];
	int r;

	if (!cert_bare_host(host, bare, sizeof(bare)) || strchr(bare, '*') || bare[0] == '.')
		return false;
	ERR_set_mark();
	if (rk_ip_family(bare))
		r = X509_check_ip_asc(x, bare, 0);
	else
		r = X509_check_host(x, bare, 0,
			X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS,
			NULL);
	ERR_pop_to_mark();
	return r == 1;
}

void rk_cert_names(const struct rk_cert *c, struct rk_buf *out)
{
	size_t shown = c->nsans > 8 ? 8 : c->nsans;

	if (!c->nsans)
		rk_buf_puts(out, "no name (it has no subject alternative name, and a common name "
				 "does not count)");
	for (size_t i = 0; i < shown; i++) {
		/* an address that an IP SAN carries would match itself */
		bool as_name = rk_ip_family(c->sans[i]) && !rk_cert_matches(c, c->sans[i]);

		rk_buf_addf(out, "%s%.200s%s", i ? ", " : "", c->sans[i],
			as_name ? " as a DNS name, which does not count for an address" : "");
	}
	if (c->nsans > shown)
		rk_buf_addf(out, " and %zu more", c->nsans - shown);
}

/* --- writing --- */

bool cert_bio_to_buf(BIO *bio, struct rk_buf *out)
{
	char *p;
	long n = BIO_get_mem_data(bio, &p);

	if (n <= 0)
		return false;
	rk_buf_put(out, p, (size_t)n);
	return true;
}

int rk_cert_pem(const struct rk_cert *c, struct rk_buf *out, struct rk_err *err)
{
	return cert_write(c->chain, out, err);
}

/* --- digests and chance --- */

void rk_sha256_hex(const void *p, size_t n, char out[65])
{
	unsigned char md[32];

	if (!EVP_Digest(p, n, md, NULL, EVP_sha256(), NULL))
		abort();
	for (size_t i = 0; i < sizeof(md); i++)
		snprintf(out + 2 * i, 3, "%02x", md[i]);
}

void rk_random(void *p, size_t n)
{
	char *to = p;

	while (n) {
		ssize_t got = getrandom(to, n, 0);

		if (got < 0 && errno != EINTR)
			abort();
		if (got > 0) {
			to += got;
			n -= (size_t)got;
		}
	}
}
