// SPDX-License-Identifier: Apache-2.0
/* Judging a certificate: its dates, its names, and the chain up to a trusted CA. */
#include "internal.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

/* --- judging --- */

void rk_cert_date(int64_t t, char out[32])
{
	time_t when = (time_t)t;
	struct tm tm;

	if (!gmtime_r(&when, &tm) || !strftime(out, 32, "%Y-%m-%d %H:%M UTC", &tm))
		snprintf(out, 32, "%lld", (long long)t);
}

/* " (3 days ago)" or " (in 2 hours)". */
static void distance(int64_t t, int64_t now, char *out, size_t size)
{
	int64_t d = t > now ? t - now : now - t;
	int64_t n = d >= 2 * DAY ? d / DAY : d >= 2 * HOUR ? d / HOUR : d / 60;
	const char *unit = d >= 2 * DAY ? "days" : d >= 2 * HOUR ? "hours" : "minutes";

	snprintf(out, size, t > now ? "in %lld %s" : "%lld %s ago", (long long)n, unit);
}

static int not_covered(const struct rk_cert *c, const char *host, struct rk_err *err)
{
	rk_auto_buf names = RK_BUF_INIT;

	rk_cert_names(c, &names);
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

static bool is_broken_digest(const X509 *x)
{
	int md = NID_undef;

	X509_get_signature_info((X509 *)x, &md, NULL, NULL, NULL);
	return md == NID_sha1 || md == NID_md5 || md == NID_md4 || md == NID_md2;
}

/* A CA may say so, too, of what it signs. */
static bool for_servers(X509 *x)
{
	return !(X509_get_extension_flags(x) & EXFLAG_XKUSAGE) ||
	       (X509_get_extended_key_usage(x) & (XKU_SSL_SERVER | XKU_ANYEKU));
}

static int check_one(X509 *x, bool leaf, const char *whose, struct rk_err *err)
{
	EVP_PKEY *key = X509_get0_pubkey(x);
	int bits = EVP_PKEY_get_bits(key);

	if (!known_key(key, leaf))
		rk_err_set(err, RK_FAIL, "%s has a key that Go and browsers cannot use (%s)", whose,
			EVP_PKEY_get0_type_name(key));
	else if (EVP_PKEY_is_a(key, "RSA") && (bits < 1024 || (leaf && bits > 8192)))
		rk_err_set(err, RK_FAIL, "%s has an RSA key of %d bits, which Go refuses", whose,
			bits);
	else if (!(X509_get_extension_flags(x) & EXFLAG_SS) && is_broken_digest(x))
		rk_err_set(err, RK_FAIL,
			"%s is signed with SHA-1 or MD5, which Go and browsers refuse", whose);
	else if (leaf && !for_servers(x))
		rk_err_set(err, RK_FAIL,
			"%s is not for servers: its extended key usage lacks serverAuth", whose);
	else
		return 0;
	return rk_err_hint(err, "have it issued again: SHA-256, ECDSA P-256 or RSA of 2048 bits, "
				"for servers");
}

int rk_cert_check_kind(const struct rk_cert *c, struct rk_err *err)
{
	int ret = 0;

	ERR_set_mark();
	for (int i = 0; ret == 0 && i < sk_X509_num(c->chain); i++) {
		rk_auto_free char *whose = i ? rk_asprintf("certificate %d of the chain", i + 1)
					     : rk_strdup("the certificate");

		ret = check_one(sk_X509_value(c->chain, i), i == 0, whose, err);
	}
	ERR_pop_to_mark();
	return ret;
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
	char date[32], away[48];

	if (key_pem ? rk_cert_check_key(c, key_pem, n, err) < 0
		    : c->key && cert_check_key(c, c->key, err) < 0)
		return -1;
	now = now ? now : time(NULL);
	if (now > c->not_after) {
		rk_cert_date(c->not_after, date);
		distance(c->not_after, now, away, sizeof(away));
		rk_err_set(err, RK_FAIL, "the certificate expired on %s (%s)", date, away);
		return rk_err_hint(err, "renew it, or find out why its issuer has not");
	}
	if (now < c->not_before) {
		rk_cert_date(c->not_before, date);
		distance(c->not_before, now, away, sizeof(away));
		rk_err_set(err, RK_FAIL, "the certificate is not valid before %s (%s)", date, away);
		return rk_err_hint(err, "check the clock of this machine and of the issuer");
	}
	if (rk_cert_check_kind(c, err) < 0)
		return -1;
	for (size_t i = 0; i < nhosts; i++)
		if (!rk_cert_matches(c, hosts[i]))
			return not_covered(c, hosts[i], err);
	return 0;
}

/* --- verifying --- */

static const char *shown(const char *name)
{
	return name && *name ? name : "a CA without a name";
}

int rk_cert_refused(const struct rk_cert *leaf, const struct rk_cert *at, int why, const char *host,
	struct rk_err *err)
{
	rk_auto_free char *named =
		at == leaf ? NULL : rk_asprintf("the CA %.300s", shown(at->subject));
	const char *whose = named ? named : "the certificate", *issuer = shown(at->issuer);
	char date[32];

	switch (why) {
	case X509_V_ERR_CERT_HAS_EXPIRED:
		rk_cert_date(at->not_after, date);
		rk_err_set(
			err, RK_FAIL, "%s expired on %s (issued by %.300s)", whose, date, issuer);
		return rk_err_hint(err, "renew it, or check the clock of this machine");
	case X509_V_ERR_CERT_NOT_YET_VALID:
		rk_cert_date(at->not_before, date);
		rk_err_set(err, RK_FAIL, "%s is not valid before %s", whose, date);
		return rk_err_hint(err, "check the clock of this machine and of the issuer");
	case X509_V_ERR_HOSTNAME_MISMATCH:
	case X509_V_ERR_IP_ADDRESS_MISMATCH:
		return not_covered(leaf, host ? host : "the name", err);
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
	case X509_V_ERR_CA_MD_TOO_WEAK:
		return rk_err_set(err, RK_FAIL,
			"%s is signed with SHA-1 or MD5, which Go and browsers refuse", whose);
	case X509_V_ERR_EE_KEY_TOO_SMALL:
	case X509_V_ERR_CA_KEY_TOO_SMALL:
		return rk_err_set(err, RK_FAIL, "%s has a key that is too short for Go", whose);
	case X509_V_ERR_INVALID_PURPOSE:
		return rk_err_set(err, RK_FAIL,
			"%s is not for servers: its extended key usage lacks serverAuth", whose);
	case X509_V_ERR_INVALID_CA:
		return rk_err_set(err, RK_FAIL, "%s may not sign certificates", whose);
	case X509_V_ERR_CERT_SIGNATURE_FAILURE:
		return rk_err_set(err, RK_FAIL,
			"%s was not signed by the trusted %.300s but by another CA of that name",
			whose, issuer);
	default:
		return rk_err_set(err, RK_FAIL, "%s is refused: %s", whose,
			X509_verify_cert_error_string(why));
	}
}

/* The certificate of the chain that the verdict is about, as facts; NULL: the leaf. */
static struct rk_cert *culprit(X509_STORE_CTX *ctx, const struct rk_cert *leaf)
{
	X509 *x = X509_STORE_CTX_get_current_cert(ctx);
	STACK_OF(X509) *chain;
	struct rk_cert *at = NULL;

	if (!x || X509_cmp(x, sk_X509_value(leaf->chain, 0)) == 0 || !X509_up_ref(x))
		return NULL;
	chain = sk_X509_new_null();
	if (!sk_X509_push(chain, x))
		abort();
	if (cert_from_chain(&at, &chain, NULL) < 0)
		return NULL;
	return at;
}

/* OpenSSL's purpose of a server would ask for a key usage that Go does not look at, and not take
 * anyExtendedKeyUsage. */
static bool chain_for_servers(X509_STORE_CTX *ctx)
{
	STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(ctx);

	for (int i = 0; i < sk_X509_num(chain); i++)
		if (!for_servers(sk_X509_value(chain, i))) {
			X509_STORE_CTX_set_current_cert(ctx, sk_X509_value(chain, i));
			X509_STORE_CTX_set_error(ctx, X509_V_ERR_INVALID_PURPOSE);
			return false;
		}
	return true;
}

int rk_cert_verify(
	const struct rk_cert *c, const char *ca_pem, size_t n, const char *host, struct rk_err *err)
{
	auto_stack *anchors = NULL;
	rk_auto_cert *at = NULL;
	X509_VERIFY_PARAM *p;
	X509_STORE_CTX *ctx;
	X509_STORE *store;
	char bare[256];
	int r = -1;

	if (host && !cert_bare_host(host, bare, sizeof(bare)))
		return rk_err_set(err, RK_FAIL, "%.255s is not a host name", host);
	if (ca_pem && cert_read(ca_pem, n, BUNDLE_MAX, &anchors, err) < 0)
		return rk_err_wrap(err, "the CA bundle");
	ERR_set_mark();
	store = X509_STORE_new();
	ctx = X509_STORE_CTX_new();
	if (!store || !ctx)
		abort();
	if (!ca_pem)
		X509_STORE_set_default_paths(store);
	for (int i = 0; anchors && i < sk_X509_num(anchors); i++)
		if (!X509_STORE_add_cert(store, sk_X509_value(anchors, i)))
			goto out;
	if (!X509_STORE_CTX_init(ctx, store, sk_X509_value(c->chain, 0), c->chain))
		goto out;
	p = X509_STORE_CTX_get0_param(ctx);
	X509_VERIFY_PARAM_set_purpose(p, X509_PURPOSE_ANY);
	X509_VERIFY_PARAM_set_auth_level(p, 1); /* no SHA-1, no RSA keys below 1024 bits */
	X509_VERIFY_PARAM_set_flags(p, X509_V_FLAG_PARTIAL_CHAIN);
	X509_VERIFY_PARAM_set_hostflags(
		p, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	if (host && !(rk_ip_family(bare) ? X509_VERIFY_PARAM_set1_ip_asc(p, bare)
					 : X509_VERIFY_PARAM_set1_host(p, bare, 0)))
		abort();
	r = X509_verify_cert(ctx) == 1 && chain_for_servers(ctx) ? 0 : -1;
	at = r < 0 ? culprit(ctx, c) : NULL;
	if (r < 0)
		rk_cert_refused(c, at ? at : c, X509_STORE_CTX_get_error(ctx), host, err);
out:
	X509_STORE_CTX_free(ctx);
	X509_STORE_free(store);
	ERR_pop_to_mark();
	return r;
}
