// SPDX-License-Identifier: Apache-2.0
/* Reading certificates: what a leaf says of itself. */
#include "internal.h"

#include <arpa/inet.h>
#include <openssl/rand.h>

bool cert_bio_to_buf(BIO *bio, struct rk_buf *out)
{
	char *p;
	long n = BIO_get_mem_data(bio, &p);

	if (n > 0)
		rk_buf_put(out, p, (size_t)n);
	return n > 0;
}

static char *name_text(const X509_NAME *name)
{
	auto_bio *bio = BIO_new(BIO_s_mem());
	rk_auto_buf text = RK_BUF_INIT;

	if (bio && X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253) >= 0)
		cert_bio_to_buf(bio, &text);
	return rk_buf_detach(&text);
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
			text = rk_calloc((size_t)len + 1, 1);
			for (int k = 0; k < len; k++)
				text[k] = data[k] <= ' ' || data[k] > '~' ? '?' : (char)data[k];
		} else if (type == GEN_IPADD && (len == 4 || len == 16) &&
			   inet_ntop(len == 4 ? AF_INET : AF_INET6, data, ip, sizeof(ip))) {
			text = rk_strdup(ip);
		}
		if (text)
			c->sans[c->nsans++] = text;
	}
	GENERAL_NAMES_free(names);
}

int rk_cert_from_chain(struct rk_cert **out, STACK_OF(X509) *chain, struct rk_err *err)
{
	rk_auto_cert *c = rk_calloc(1, sizeof(*c));
	X509 *x = sk_X509_value(chain, 0);
	unsigned char *der = NULL;
	struct tm from, to;
	auto_errors;
	uint32_t flags;
	int n;

	*out = NULL;
	c->chain = X509_chain_up_ref(chain);
	for (int i = 0; i < sk_X509_num(chain); i++) {
		X509 *each = sk_X509_value(chain, i);

		if (!X509_get0_pubkey(each))
			return rk_err_set(err, RK_FAIL, "certificate %d is damaged", i + 1);
		c->has_root |= X509_get_extension_flags(each) & EXFLAG_SS;
	}
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
	flags = X509_get_extension_flags(x);
	c->is_ca = (flags & EXFLAG_CA) && !(flags & EXFLAG_INVALID) &&
		   (X509_get_key_usage(x) & KU_KEY_CERT_SIGN);
	c->subject = name_text(X509_get_subject_name(x));
	c->issuer = name_text(X509_get_issuer_name(x));
	read_sans(c, x);
	*out = rk_steal(&c);
	return 0;
}

int rk_cert_parse(struct rk_cert **out, const char *pem, size_t n, struct rk_err *err)
{
	auto_stack *chain = NULL;

	*out = NULL;
	if (cert_read(pem, n, CHAIN_MAX, &chain, err) < 0)
		return -1;
	return rk_cert_from_chain(out, chain, err);
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
	if (RAND_bytes(p, (int)n) != 1)
		abort();
}
