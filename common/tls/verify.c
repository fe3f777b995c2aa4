// SPDX-License-Identifier: Apache-2.0
/* Judging a certificate: its dates, its names, and the chain up to a trusted CA. */
#include "internal.h"

#define NAME_FLAGS (X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS)

/* --- names --- */

/* host as OpenSSL reads it: no brackets round an IPv6 address, no dot at the end. A dot in front would
 * make it accept any host below. false: not a name. */
static bool bare_host(const char *host, char out[256])
{
	size_t n = host ? strlen(host) : 0;

	if (n > 2 && host[0] == '[' && host[n - 1] == ']') {
		host++;
		n -= 2;
	} else if (n > 1 && host[n - 1] == '.') {
		n--;
	}
	if (!n || n > 255 || *host == '.' || strchr(host, '*'))
		return false;
	snprintf(out, 256, "%.*s", (int)n, host);
	return true;
}

bool rk_cert_expect(X509_VERIFY_PARAM *p, const char *host)
{
	char bare[256];

	X509_VERIFY_PARAM_set_hostflags(p, NAME_FLAGS);
	return bare_host(host, bare) &&
	       (rk_ip_family(bare) ? X509_VERIFY_PARAM_set1_ip_asc(p, bare)
				   : X509_VERIFY_PARAM_set1_host(p, bare, 0));
}

bool cert_matches(const struct rk_cert *c, const char *host)
{
	X509 *x = sk_X509_value(c->chain, 0);
	char bare[256];
	auto_errors;

	return bare_host(host, bare) &&
	       (rk_ip_family(bare) ? X509_check_ip_asc(x, bare, 0)
				   : X509_check_host(x, bare, 0, NAME_FLAGS, NULL)) == 1;
}

/* With its names: "a.example, *.b.example and 3 more". */
static int not_covered(const struct rk_cert *c, const char *host, struct rk_err *err)
{
	size_t shown = c->nsans > 8 ? 8 : c->nsans;
	rk_auto_buf names = RK_BUF_INIT;

	if (!c->nsans)
		rk_buf_puts(&names, "no name (it has no subject alternative name, and a common "
				    "name does not count)");
	for (size_t i = 0; i < shown; i++) {
		/* an address that an IP SAN carries would match itself */
		bool as_name = rk_ip_family(c->sans[i]) && !cert_matches(c, c->sans[i]);

		rk_buf_addf(&names, "%s%.200s%s", i ? ", " : "", c->sans[i],
			as_name ? " as a DNS name, which does not count for an address" : "");
	}
	if (c->nsans > shown)
		rk_buf_addf(&names, " and %zu more", c->nsans - shown);
	rk_err_set(
		err, RK_FAIL, "the certificate does not cover %.255s: it covers %s", host, names.s);
	return rk_err_hint(err, "have a certificate issued for this name, or use a name it covers");
}

/* --- kinds of keys and signatures --- */

/* What crypto/x509 decodes; TLS has no P-224. */
static bool known_key(const EVP_PKEY *key, bool leaf)
{
	char name[64];

	if (!EVP_PKEY_is_a(key, "EC"))
		return EVP_PKEY_is_a(key, "RSA") || EVP_PKEY_is_a(key, "ED25519");
	return EVP_PKEY_get_group_name(key, name, sizeof(name), NULL) &&
	       (rk_streq(name, "prime256v1") || rk_streq(name, "secp384r1") ||
		       rk_streq(name, "secp521r1") || (!leaf && rk_streq(name, "secp224r1")));
}

/* A CA may say so, too, of what it signs. */
static bool for_servers(X509 *x)
{
	return !(X509_get_extension_flags(x) & EXFLAG_XKUSAGE) ||
	       (X509_get_extended_key_usage(x) & (XKU_SSL_SERVER | XKU_ANYEKU));
}

int rk_cert_check_kind(const struct rk_cert *c, struct rk_err *err)
{
	auto_errors;

	for (int i = 0; i < sk_X509_num(c->chain); i++) {
		X509 *x = sk_X509_value(c->chain, i);
		EVP_PKEY *key = X509_get0_pubkey(x);
		int bits = EVP_PKEY_get_bits(key), md = NID_undef;
		rk_auto_free char *whose = i ? rk_asprintf("certificate %d of the chain", i + 1)
					     : rk_strdup("the certificate");

		X509_get_signature_info(x, &md, NULL, NULL, NULL);
		if (!known_key(key, i == 0))
			rk_err_set(err, RK_FAIL,
				"%s has a key that Go and browsers cannot use (%s)", whose,
				EVP_PKEY_get0_type_name(key));
		else if (EVP_PKEY_is_a(key, "RSA") && (bits < 1024 || (i == 0 && bits > 8192)))
			rk_err_set(err, RK_FAIL, "%s has an RSA key of %d bits, which Go refuses",
				whose, bits);
		else if (!(X509_get_extension_flags(x) & EXFLAG_SS) &&
			 (md == NID_sha1 || md == NID_md5 || md == NID_md4 || md == NID_md2))
			rk_err_set(err, RK_FAIL,
				"%s is signed with SHA-1 or MD5, which Go and browsers refuse",
				whose);
		else if (i == 0 && !for_servers(x))
			rk_err_set(err, RK_FAIL,
				"%s is not for servers: its extended key usage lacks serverAuth",
				whose);
		else
			continue;
		return rk_err_hint(err, "have it issued again: SHA-256, ECDSA P-256 or RSA of 2048 "
					"bits, for servers");
	}
	return 0;
}

char *rk_cert_weakness(const struct rk_cert *c)
{
	for (int i = 0; i < sk_X509_num(c->chain); i++) {
		EVP_PKEY *key = X509_get0_pubkey(sk_X509_value(c->chain, i));
		int bits = EVP_PKEY_get_bits(key);

		if (EVP_PKEY_is_a(key, "RSA") && bits < 2048)
			return rk_asprintf("certificate %d has an RSA key of %d bits: browsers and "
					   "OpenSSL refuse fewer than 2048",
				i + 1, bits);
	}
	return NULL;
}

int rk_cert_check(const struct rk_cert *c, const char *key_pem, size_t n, const char *const *hosts,
	size_t nhosts, int64_t now, struct rk_err *err)
{
	char date[32], age[16];

	if (key_pem ? rk_cert_check_key(c, key_pem, n, err) < 0
		    : c->key && cert_check_key(c, c->key, err) < 0)
		return -1;
	now = now ? now : time(NULL);
	if (now > c->not_after) {
		rk_time_format(c->not_after, date);
		rk_age(now - c->not_after, age);
		rk_err_set(err, RK_FAIL, "the certificate expired on %s (%s ago)", date, age);
		return rk_err_hint(err, "renew it, or find out why its issuer has not");
	}
	if (now < c->not_before) {
		rk_time_format(c->not_before, date);
		rk_age(c->not_before - now, age);
		rk_err_set(
			err, RK_FAIL, "the certificate is not valid before %s (in %s)", date, age);
		return rk_err_hint(err, "check the clock of this machine and of the issuer");
	}
	if (rk_cert_check_kind(c, err) < 0)
		return -1;
	for (size_t i = 0; i < nhosts; i++)
		if (!cert_matches(c, hosts[i]))
			return not_covered(c, hosts[i], err);
	return 0;
}

/* --- verifying --- */

static const char *shown(const char *name)
{
	return *name ? name : "a CA without a name";
}

int rk_cert_refused(X509_STORE_CTX *ctx, const char *host, struct rk_err *err)
{
	X509 *leaf = X509_STORE_CTX_get0_cert(ctx), *x = X509_STORE_CTX_get_current_cert(ctx);
	int why = X509_STORE_CTX_get_error(ctx);
	bool of_ca = x && X509_cmp(x, leaf) != 0;
	const char *issuer, *says = X509_verify_cert_error_string(why);
	STACK_OF(X509) *alone = sk_X509_new_null();
	rk_auto_free char *whose = NULL;
	rk_auto_cert *at = NULL;
	char date[32];
	int rc;

	if (!sk_X509_push(alone, of_ca ? x : leaf))
		abort();
	rc = rk_cert_from_chain(&at, alone, NULL);
	sk_X509_free(alone);
	if (rc < 0)
		return rk_err_set(err, RK_FAIL, "the certificate is refused: %s", says);
	whose = of_ca ? rk_asprintf("the CA %.300s", shown(at->subject))
		      : rk_strdup("the certificate");
	issuer = shown(at->issuer);
	switch (why) {
	case X509_V_ERR_CERT_HAS_EXPIRED:
		rk_time_format(at->not_after, date);
		rk_err_set(
			err, RK_FAIL, "%s expired on %s (issued by %.300s)", whose, date, issuer);
		return rk_err_hint(err, "renew it, or check the clock of this machine");
	case X509_V_ERR_CERT_NOT_YET_VALID:
		rk_time_format(at->not_before, date);
		rk_err_set(err, RK_FAIL, "%s is not valid before %s", whose, date);
		return rk_err_hint(err, "check the clock of this machine and of the issuer");
	case X509_V_ERR_HOSTNAME_MISMATCH:
	case X509_V_ERR_IP_ADDRESS_MISMATCH:
		return not_covered(at, host ? host : "the name", err);
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
		return rk_err_set(err, RK_FAIL,
			"%s was issued by %.300s, which is not among the trusted CAs", whose,
			issuer);
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
		return rk_err_set(err, RK_FAIL,
			"the certificate signs itself (%.300s) and is not trusted", issuer);
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
		return rk_err_set(err, RK_FAIL,
			"the chain ends in the CA %.300s, which is not trusted",
			shown(at->subject));
	case X509_V_ERR_CERT_SIGNATURE_FAILURE:
		return rk_err_set(err, RK_FAIL,
			"%s was not signed by the trusted %.300s but by another CA of that name",
			whose, issuer);
	case X509_V_ERR_CA_MD_TOO_WEAK:
		says = "is signed with SHA-1 or MD5, which Go and browsers refuse";
		break;
	case X509_V_ERR_EE_KEY_TOO_SMALL:
	case X509_V_ERR_CA_KEY_TOO_SMALL:
		says = "has a key that is too short for Go";
		break;
	case X509_V_ERR_INVALID_PURPOSE:
		says = "is not for servers: its extended key usage lacks serverAuth";
		break;
	case X509_V_ERR_INVALID_CA:
		says = "may not sign certificates";
		break;
	default:
		return rk_err_set(err, RK_FAIL, "%s is refused: %s", whose, says);
	}
	return rk_err_set(err, RK_FAIL, "%s %s", whose, says);
}

int rk_cert_verify(
	const struct rk_cert *c, const char *ca_pem, size_t n, const char *host, struct rk_err *err)
{
	auto_stack *anchors = NULL;
	STACK_OF(X509) *chain;
	X509_VERIFY_PARAM *p;
	X509_STORE_CTX *ctx;
	X509_STORE *store;
	auto_errors;
	int good;

	if (ca_pem && cert_read(ca_pem, n, BUNDLE_MAX, &anchors, err) < 0)
		return rk_err_wrap(err, "the CA bundle");
	store = X509_STORE_new();
	ctx = X509_STORE_CTX_new();
	if (!store || !ctx)
		abort();
	if (!ca_pem)
		X509_STORE_set_default_paths(store);
	for (int i = 0; anchors && i < sk_X509_num(anchors); i++)
		if (!X509_STORE_add_cert(store, sk_X509_value(anchors, i)))
			abort();
	if (!X509_STORE_CTX_init(ctx, store, sk_X509_value(c->chain, 0), c->chain))
		abort();
	p = X509_STORE_CTX_get0_param(ctx);
	X509_VERIFY_PARAM_set_purpose(p, X509_PURPOSE_ANY);
	X509_VERIFY_PARAM_set_auth_level(p, 1); /* no SHA-1, no RSA keys below 1024 bits */
	X509_VERIFY_PARAM_set_flags(p, X509_V_FLAG_PARTIAL_CHAIN);
	if (host && !rk_cert_expect(p, host)) {
		X509_STORE_CTX_free(ctx);
		X509_STORE_free(store);
		return rk_err_set(err, RK_FAIL, "%.255s is not a host name", host);
	}

	good = X509_verify_cert(ctx);
	/* OpenSSL's purpose of a server would ask for a key usage that Go does not look at, and not
	 * take anyExtendedKeyUsage */
	chain = X509_STORE_CTX_get0_chain(ctx);
	for (int i = 0; good == 1 && i < sk_X509_num(chain); i++)
		if (!for_servers(sk_X509_value(chain, i))) {
			X509_STORE_CTX_set_current_cert(ctx, sk_X509_value(chain, i));
			X509_STORE_CTX_set_error(ctx, X509_V_ERR_INVALID_PURPOSE);
			good = 0;
		}
	if (good != 1)
		rk_cert_refused(ctx, host, err);
	X509_STORE_CTX_free(ctx);
	X509_STORE_free(store);
	return good == 1 ? 0 : -1;
}
