// SPDX-License-Identifier: Apache-2.0
/* What OpenSSL decodes and crypto/x509 of Go does not (parser.go): looked for before a certificate is
 * passed on to Kubernetes, Rancher or helm, which would leave it out without a message. */
#include "internal.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>

#define DEPTH_MAX 32

/* --- DER --- */

static bool is_primitive(int tag, const unsigned char *p, size_t n)
{
	size_t run = 0;

	switch (tag) {
	case V_ASN1_BOOLEAN:
		return n == 1 && (*p == 0 || *p == 0xff);
	case V_ASN1_INTEGER:
		return n == 1 ||
		       (n > 1 && !(p[0] == 0 && p[1] < 0x80) && !(p[0] == 0xff && p[1] >= 0x80));
	case V_ASN1_BIT_STRING:
		return n && p[0] < 8 && (n > 1 ? !(p[n - 1] & ((1 << p[0]) - 1)) : !p[0]);
	case V_ASN1_OBJECT: /* numbers of at most 28 bits, without leading zeros */
		for (size_t i = 0; i < n; i++) {
			if (!run && p[i] == 0x80)
				return false;
			run = p[i] & 0x80 ? run + 1 : 0;
			if (run > 3)
				return false;
		}
		return n && !run;
	case V_ASN1_NULL:
		return !n;
	default:
		return tag != V_ASN1_SEQUENCE && tag != V_ASN1_SET;
	}
}

/* Tags of one byte, lengths as short as can be, no strings in pieces. */
static bool is_der(const unsigned char *p, const unsigned char *end, int depth)
{
	while (p < end) {
		int tag = *p++, octets;
		size_t n;

		if ((tag & 31) == 31 || p == end || depth > DEPTH_MAX)
			return false;
		n = *p++;
		if (n & 0x80) {
			octets = n & 0x7f;
			if (!octets || octets > 4 || end - p < octets || !*p)
				return false;
			for (n = 0; octets; octets--)
				n = n << 8 | *p++;
			if (n < 0x80)
				return false;
		}
		if ((size_t)(end - p) < n)
			return false;
		if (!(tag & V_ASN1_CONSTRUCTED)
				? !is_primitive(tag, p, n)
				: ((!(tag & V_ASN1_PRIVATE) && tag != 0x30 && tag != 0x31) ||
					  !is_der(p, p + n, depth + 1)))
			return false;
		p += n;
	}
	return true;
}

int cert_step(struct pem *in, bool enter)
{
	const unsigned char *p = (const unsigned char *)in->p;
	int first = in->p < in->end ? *p : -1, tag, class;
	long len;

	if (first < 0 || ASN1_get_object(&p, &len, &tag, &class, in->end - in->p) & 0x80)
		return -1;
	in->p = (const char *)p + (enter ? 0 : len);
	return first;
}

int cert_key_form(const struct block *b)
{
	struct pem in = {b->der.s, b->der.s + b->der.len};

	if (cert_step(&in, true) != FORM_PKCS8 || cert_step(&in, false) != V_ASN1_INTEGER)
		return -1;
	return cert_step(&in, false);
}

bool cert_is_der(const void *der, size_t n)
{
	const unsigned char *p = der;

	return n && is_der(p, p + n, 0);
}

/* --- fields --- */

/* Whether all bytes are ASCII; only: of these characters. */
static bool is_ascii(const ASN1_STRING *s, const char *only)
{
	const unsigned char *p = ASN1_STRING_get0_data(s);

	for (int i = 0; i < ASN1_STRING_length(s); i++)
		if (p[i] >= 0x80 || (only && (!p[i] || !strchr(only, p[i]))))
			return false;
	return true;
}

static bool is_text(const ASN1_STRING *s)
{
	const char *p = (const char *)ASN1_STRING_get0_data(s);
	size_t n = (size_t)ASN1_STRING_length(s), len;
	uint32_t cp;

	switch (ASN1_STRING_type(s)) {
	case V_ASN1_UTF8STRING:
		for (; n; p += len, n -= len)
			if (!(len = rk_utf8(p, n, &cp)))
				return false;
		return true;
	case V_ASN1_PRINTABLESTRING:
		return is_ascii(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 "
				   "'()+,-./:=?*&");
	case V_ASN1_IA5STRING:
		return is_ascii(s, NULL);
	case V_ASN1_NUMERICSTRING:
		return is_ascii(s, " 0123456789");
	case V_ASN1_T61STRING:
		return true;
	default:
		return ASN1_STRING_type(s) == V_ASN1_BMPSTRING && n % 2 == 0;
	}
}

static bool is_name(const X509_NAME *name)
{
	for (int i = 0; i < X509_NAME_entry_count(name); i++)
		if (!is_text(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, i))))
			return false;
	return true;
}

static bool is_time(const ASN1_TIME *t)
{
	int n = ASN1_STRING_length(t), want = ASN1_STRING_type(t) == V_ASN1_UTCTIME ? 13 : 15;

	return n == want && ASN1_STRING_get0_data(t)[n - 1] == 'Z' && ASN1_TIME_check(t);
}

static bool is_key(const X509 *x)
{
	X509_ALGOR *algor = NULL;
	const unsigned char *raw;
	const EVP_PKEY *key = X509_get0_pubkey(x);
	int n, type;
	char group[64];

	X509_PUBKEY_get0_param(NULL, &raw, &n, &algor, X509_get_X509_PUBKEY(x));
	X509_ALGOR_get0(NULL, &type, NULL, algor);
	if (EVP_PKEY_is_a(key, "RSA"))
		return type == V_ASN1_NULL;
	if (EVP_PKEY_is_a(key, "ED25519"))
		return type == V_ASN1_UNDEF;
	return !EVP_PKEY_is_a(key, "EC") ||
	       (type == V_ASN1_OBJECT && n && raw[0] == 4 &&
		       EVP_PKEY_get_group_name(key, group, sizeof(group), NULL) &&
		       (rk_streq(group, "prime256v1") || rk_streq(group, "secp224r1") ||
			       rk_streq(group, "secp384r1") || rk_streq(group, "secp521r1")));
}

static bool are_alt_names(const X509 *x)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
	bool good = true;

	for (int i = 0, type; good && i < sk_GENERAL_NAME_num(names); i++) {
		const ASN1_STRING *s =
			GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, i), &type);

		if (type == GEN_IPADD)
			good = ASN1_STRING_length(s) == 4 || ASN1_STRING_length(s) == 16;
		else if (type == GEN_DNS || type == GEN_EMAIL || type == GEN_URI)
			good = is_ascii(s, NULL);
	}
	GENERAL_NAMES_free(names);
	return good;
}

/* Those that Go decodes. */
static bool is_extension(X509_EXTENSION *e)
{
	static const int decoded[] = {NID_key_usage, NID_basic_constraints, NID_subject_alt_name,
		NID_name_constraints, NID_crl_distribution_points, NID_authority_key_identifier,
		NID_ext_key_usage, NID_subject_key_identifier, NID_certificate_policies,
		NID_info_access};
	static const int never_critical[] = {
		NID_authority_key_identifier, NID_subject_key_identifier, NID_info_access};
	const ASN1_OCTET_STRING *value = X509_EXTENSION_get_data(e);
	const unsigned char *p = ASN1_STRING_get0_data(value);
	int nid = OBJ_obj2nid(X509_EXTENSION_get_object(e));
	void *content;

	for (size_t i = 0; i < RK_COUNT(never_critical); i++)
		if (nid == never_critical[i] && X509_EXTENSION_get_critical(e))
			return false;
	for (size_t i = 0; i < RK_COUNT(decoded); i++) {
		if (nid != decoded[i])
			continue;
		content = X509V3_EXT_d2i(e);
		if (!content || !is_der(p, p + ASN1_STRING_length(value), 0))
			nid = -1;
		if (content && X509V3_EXT_get(e)->it)
			ASN1_item_free(content, ASN1_ITEM_ptr(X509V3_EXT_get(e)->it));
		else if (content)
			X509V3_EXT_get(e)->ext_free(content);
		return nid >= 0;
	}
	return true;
}

const char *cert_go_trouble(X509 *x, const unsigned char *der, size_t n)
{
	const X509_ALGOR *algor;
	auto_errors;

	X509_get0_signature(NULL, &algor, x);
	if (!is_der(der, der + n, 0) || X509_get_version(x) < X509_VERSION_1 ||
		X509_get_version(x) > X509_VERSION_3 ||
		X509_ALGOR_cmp(algor, X509_get0_tbs_sigalg(x)) != 0)
		return "it is not in the one form that DER allows";
	if (ASN1_STRING_type(X509_get0_serialNumber(x)) == V_ASN1_NEG_INTEGER)
		return "its serial number is negative";
	if (!is_name(X509_get_subject_name(x)) || !is_name(X509_get_issuer_name(x)))
		return "its subject or issuer has characters that do not belong there";
	if (!is_time(X509_get0_notBefore(x)) || !is_time(X509_get0_notAfter(x)))
		return "its dates are not in the form of RFC 5280";
	if (!is_key(x))
		return "its key is of an unknown curve or form";
	for (int i = 0; i < X509_get_ext_count(x); i++) {
		X509_EXTENSION *e = X509_get_ext(x, i);

		if ((X509_get_extension_flags(x) & EXFLAG_INVALID) || !is_extension(e) ||
			X509_get_ext_by_OBJ(x, X509_EXTENSION_get_object(e), i) >= 0)
			return "an extension is malformed, present more than once, or wrongly "
			       "critical";
	}
	return are_alt_names(x) ? NULL : "a subject alternative name is malformed";
}

/* --- keys --- */

/* Go computes with the primes and the values that follow from them, OpenSSL works around a wrong one. */
static bool rsa_is_whole(const EVP_PKEY *key)
{
	static const char *const names[] = {OSSL_PKEY_PARAM_RSA_N, OSSL_PKEY_PARAM_RSA_D,
		OSSL_PKEY_PARAM_RSA_FACTOR1, OSSL_PKEY_PARAM_RSA_FACTOR2,
		OSSL_PKEY_PARAM_RSA_EXPONENT1, OSSL_PKEY_PARAM_RSA_EXPONENT2,
		OSSL_PKEY_PARAM_RSA_COEFFICIENT1, OSSL_PKEY_PARAM_RSA_E};
	enum { N, D, P, Q, DP, DQ, QINV, E, VALUES };
	BIGNUM *v[VALUES] = {NULL}, *a = BN_secure_new(), *b = BN_secure_new();
	BN_CTX *ctx = BN_CTX_secure_new();
	bool good = a && b && ctx;

	for (int i = 0; i < VALUES; i++)
		good = good && EVP_PKEY_get_bn_param(key, names[i], &v[i]);
	good = good && BN_mul(a, v[P], v[Q], ctx) && BN_cmp(a, v[N]) == 0 &&
	       BN_mod_mul(a, v[QINV], v[Q], v[P], ctx) && BN_is_one(a);
	for (int i = 0; good && i < 2; i++)
		good = BN_sub(b, v[P + i], BN_value_one()) && BN_mod(a, v[D], b, ctx) &&
		       BN_cmp(a, v[DP + i]) == 0 && BN_mod_mul(a, v[D], v[E], b, ctx) &&
		       BN_is_one(a);
	for (int i = 0; i < VALUES; i++)
		BN_clear_free(v[i]);
	BN_clear_free(a);
	BN_clear_free(b);
	BN_CTX_free(ctx);
	return good;
}

/* RFC 5915 has one version. OpenSSL takes any. In PKCS#8 an octet string, the third field, holds it. */
static bool ec_is_version_1(const struct block *b)
{
	struct pem in = {b->der.s, b->der.s + b->der.len};
	bool pkcs8 = cert_key_form(b) == FORM_PKCS8;

	if (cert_step(&in, true) < 0 ||
		(pkcs8 && (cert_step(&in, false) < 0 || cert_step(&in, false) < 0 ||
				  cert_step(&in, true) < 0 || cert_step(&in, true) < 0)))
		return false;
	return in.end - in.p > 4 && !memcmp(in.p, "\2\1\1\4", 4);
}

bool cert_go_key(const EVP_PKEY *key, const struct block *b)
{
	auto_errors;

	return EVP_PKEY_is_a(key, "RSA")  ? rsa_is_whole(key)
	       : EVP_PKEY_is_a(key, "EC") ? ec_is_version_1(b)
					  : EVP_PKEY_is_a(key, "ED25519");
}
