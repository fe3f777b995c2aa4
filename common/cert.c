// SPDX-License-Identifier: Apache-2.0
/* What OpenSSL leaves in its thread's error queue is taken back before each function returns:
 * libcurl reads the same queue. */
#include "cert.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/random.h>

#define CHAIN_MAX  64		      /* certificates of one leaf and its followers */
#define BUNDLE_MAX 4096		      /* certificates of a CA bundle */
#define PEM_MAX	   ((size_t)16 << 20) /* bytes */
#define HOUR	   ((int64_t)3600)
#define DAY	   (24 * HOUR)

struct rk_cert {
	STACK_OF(X509) *chain; /* the leaf first */
	int64_t not_before, not_after;
	char fingerprint[65];
	char *subject, *issuer;
	char **sans;
	size_t nsans;
};

static void free_bio(BIO **b)
{
	BIO_free(*b);
}

static void free_pkey(EVP_PKEY **k)
{
	EVP_PKEY_free(*k);
}

static void free_x509(X509 **x)
{
	X509_free(*x);
}

static void free_stack(STACK_OF(X509) **s)
{
	sk_X509_pop_free(*s, X509_free);
}

#define auto_bio   __attribute__((cleanup(free_bio))) BIO
#define auto_pkey  __attribute__((cleanup(free_pkey))) EVP_PKEY
#define auto_x509  __attribute__((cleanup(free_x509))) X509
#define auto_stack __attribute__((cleanup(free_stack))) STACK_OF(X509)

/* --- PEM --- */

struct block {
	char *name, *header;
	unsigned char *der;
	long len;
};

static void block_release(struct block *b)
{
	OPENSSL_free(b->name);
	OPENSSL_free(b->header);
	OPENSSL_clear_free(b->der, b->len > 0 ? (size_t)b->len : 0);
	*b = (struct block){0};
}
#define auto_block __attribute__((cleanup(block_release))) struct block

static BIO *open_pem(const char *pem, size_t n, struct rk_err *err)
{
	BIO *in;

	if (n > PEM_MAX) {
		rk_err_set(
			err, RK_FAIL, "larger than %zu MiB, which no PEM text is", PEM_MAX >> 20);
		return NULL;
	}
	in = BIO_new_mem_buf(n ? pem : "", (int)n);
	if (!in)
		abort();
	return in;
}

/* Next block: 1, 0 at the end, -1 when it is damaged. Text between blocks is passed over. */
static int next_block(BIO *in, struct block *b)
{
	int r;

	block_release(b);
	ERR_set_mark();
	r = PEM_read_bio(in, &b->name, &b->header, &b->der, &b->len);
	if (r != 1) {
		unsigned long e = ERR_peek_last_error();

		b->name = b->header = NULL;
		b->der = NULL;
		b->len = 0;
		r = ERR_GET_LIB(e) == ERR_LIB_PEM && ERR_GET_REASON(e) == PEM_R_NO_START_LINE ? 0
											      : -1;
	}
	ERR_pop_to_mark();
	return r;
}

static bool is_cert_block(const struct block *b)
{
	return rk_streq(b->name, PEM_STRING_X509) || rk_streq(b->name, PEM_STRING_X509_OLD) ||
	       rk_streq(b->name, PEM_STRING_X509_TRUSTED);
}

/* The whole of the block must be the certificate; a TRUSTED one has OpenSSL's notes behind it. */
static X509 *block_cert(const struct block *b)
{
	const unsigned char *p = b->der;
	X509 *x;

	ERR_set_mark();
	x = rk_streq(b->name, PEM_STRING_X509_TRUSTED) ? d2i_X509_AUX(NULL, &p, b->len)
						       : d2i_X509(NULL, &p, b->len);
	if (x && (p != b->der + b->len || !X509_get0_pubkey(x))) {
		X509_free(x);
		x = NULL;
	}
	ERR_pop_to_mark();
	return x;
}

static int read_certs(const char *pem, size_t n, int max, STACK_OF(X509) **out, struct rk_err *err)
{
	auto_stack *list = sk_X509_new_null();
	auto_bio *in = open_pem(pem, n, err);
	auto_block b = {0};
	int r;

	if (!in)
		return -1;
	while ((r = next_block(in, &b)) == 1) {
		int at = sk_X509_num(list) + 1;
		X509 *x;

		if (!is_cert_block(&b))
			continue;
		if (at > max)
			return rk_err_set(err, RK_FAIL, "more than %d certificates in it", max);
		x = b.header[0] ? NULL : block_cert(&b);
		if (!x)
			return rk_err_set(err, RK_FAIL, "certificate %d is damaged", at);
		if (!sk_X509_push(list, x))
			abort();
	}
	if (r < 0)
		return rk_err_set(err, RK_FAIL, "certificate %d is damaged or cut off",
			sk_X509_num(list) + 1);
	if (!sk_X509_num(list))
		return rk_err_set(err, RK_FAIL, "no certificate in it");
	*out = rk_steal(&list);
	return 0;
}

int rk_cert_bundle(const char *pem, size_t n, size_t *count, struct rk_err *err)
{
	auto_stack *list = NULL;

	if (count)
		*count = 0;
	if (read_certs(pem, n, BUNDLE_MAX, &list, err) < 0)
		return -1;
	if (count)
		*count = (size_t)sk_X509_num(list);
	return 0;
}

/* --- facts of a leaf --- */

static bool seconds(const ASN1_TIME *t, int64_t *out)
{
	struct tm tm;

	if (!ASN1_TIME_to_tm(t, &tm))
		return false;
	*out = timegm(&tm);
	return true;
}

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

/* A NUL or another odd byte becomes '?', which no name holds: nothing can pass for another. */
static char *dns_text(const ASN1_STRING *s)
{
	int n = ASN1_STRING_length(s);
	char *out = rk_malloc((size_t)n + 1);

	memcpy(out, ASN1_STRING_get0_data(s), (size_t)n);
	for (int i = 0; i < n; i++)
		if (out[i] <= ' ' || out[i] > '~')
			out[i] = '?';
	out[n] = 0;
	return out;
}

static char *ip_text(const ASN1_STRING *s)
{
	int n = ASN1_STRING_length(s);
	char text[INET6_ADDRSTRLEN];

	if ((n != 4 && n != 16) || !inet_ntop(n == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(s),
					   text, sizeof(text)))
		return NULL;
	return rk_strdup(text);
}

static void read_sans(struct rk_cert *c, const X509 *x)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
	int n = names ? sk_GENERAL_NAME_num(names) : 0;

	c->sans = rk_calloc((size_t)n + 1, sizeof(*c->sans));
	for (int i = 0; i < n; i++) {
		int type;
		const ASN1_STRING *s =
			GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, i), &type);
		char *text = type == GEN_DNS ? dns_text(s) : type == GEN_IPADD ? ip_text(s) : NULL;

		if (text)
			c->sans[c->nsans++] = text;
	}
	GENERAL_NAMES_free(names);
}

static int read_facts(struct rk_cert *c, struct rk_err *err)
{
	X509 *x = sk_X509_value(c->chain, 0);
	unsigned char *der = NULL;
	int n;

	if (!seconds(X509_get0_notBefore(x), &c->not_before) ||
		!seconds(X509_get0_notAfter(x), &c->not_after))
		return rk_err_set(err, RK_FAIL, "certificate 1 is damaged: its dates are no dates");
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

static int from_chain(struct rk_cert **out, STACK_OF(X509) **chain, struct rk_err *err)
{
	rk_auto_cert *c = rk_calloc(1, sizeof(*c));
	int r;

	c->chain = rk_steal(chain);
	ERR_set_mark();
	r = read_facts(c, err);
	ERR_pop_to_mark();
	if (r < 0)
		return -1;
	*out = rk_steal(&c);
	return 0;
}

int rk_cert_parse(struct rk_cert **out, const char *pem, size_t n, struct rk_err *err)
{
	auto_stack *chain = NULL;

	*out = NULL;
	if (read_certs(pem, n, CHAIN_MAX, &chain, err) < 0)
		return -1;
	return from_chain(out, &chain, err);
}

int rk_cert_parse_der(struct rk_cert **out, const void *der, size_t n, struct rk_err *err)
{
	auto_stack *chain = sk_X509_new_null();
	const unsigned char *p = der, *end = p + n;
	bool good = n > 0 && n <= PEM_MAX;

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
	return from_chain(out, &chain, err);
}

void rk_cert_free(struct rk_cert *c)
{
	if (!c)
		return;
	sk_X509_pop_free(c->chain, X509_free);
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
	uint32_t flags = X509_get_extension_flags(sk_X509_value(c->chain, 0));

	return (flags & EXFLAG_CA) && !(flags & EXFLAG_INVALID);
}

/* --- names --- */

/* host as OpenSSL wants it: no brackets round an IPv6 address, no dot at the end. false: none. */
static bool bare_host(const char *host, char *out, size_t size)
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

static bool is_ip(const char *s)
{
	unsigned char raw[16];

	return inet_pton(AF_INET, s, raw) == 1 || inet_pton(AF_INET6, s, raw) == 1;
}

bool rk_cert_matches(const struct rk_cert *c, const char *host)
{
	X509 *x = sk_X509_value(c->chain, 0);
	char bare[256];
	int r;

	if (!bare_host(host, bare, sizeof(bare)) || strchr(bare, '*') || bare[0] == '.')
		return false;
	ERR_set_mark();
	if (is_ip(bare))
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
		rk_buf_puts(out, "no name at all");
	for (size_t i = 0; i < shown; i++)
		rk_buf_addf(out, "%s%.200s", i ? ", " : "", c->sans[i]);
	if (c->nsans > shown)
		rk_buf_addf(out, " and %zu more", c->nsans - shown);
}

/* --- keys --- */

static bool is_key_block(const struct block *b)
{
	return rk_suffix(b->name, "PRIVATE KEY");
}

/* The label names the algorithm of the older notations; being told is three times as fast. */
static EVP_PKEY *decode_key(const struct block *b)
{
	const unsigned char *p = b->der;
	EVP_PKEY *key;

	if (rk_streq(b->name, PEM_STRING_ECPRIVATEKEY))
		key = d2i_PrivateKey(EVP_PKEY_EC, NULL, &p, b->len);
	else if (rk_streq(b->name, PEM_STRING_RSA))
		key = d2i_PrivateKey(EVP_PKEY_RSA, NULL, &p, b->len);
	else
		key = d2i_AutoPrivateKey(NULL, &p, b->len);
	if (key && p != b->der + b->len) {
		EVP_PKEY_free(key);
		key = NULL;
	}
	return key;
}

static int block_key(const struct block *b, EVP_PKEY **out, struct rk_err *err)
{
	if (rk_streq(b->name, PEM_STRING_PKCS8) || strstr(b->header, "ENCRYPTED")) {
		rk_err_set(err, RK_FAIL, "the private key is encrypted");
		return rk_err_hint(err, "give it without a passphrase: openssl pkey -in KEY");
	}
	if (!rk_suffix(b->name, " PRIVATE KEY") && !rk_streq(b->name, PEM_STRING_PKCS8INF))
		return rk_err_set(err, RK_FAIL, "is not a private key");
	ERR_set_mark();
	*out = decode_key(b);
	ERR_pop_to_mark();
	if (!*out)
		return rk_err_set(
			err, RK_FAIL, "the private key is damaged, or of a kind unknown here");
	return 0;
}

/* The first private key; parameters, certificates and the like before it are passed over. */
static int read_key(const char *pem, size_t n, EVP_PKEY **out, struct rk_err *err)
{
	auto_bio *in = open_pem(pem, n, err);
	auto_block b = {0};
	int r;

	*out = NULL;
	if (!in)
		return -1;
	while ((r = next_block(in, &b)) == 1)
		if (is_key_block(&b))
			return block_key(&b, out, err);
	if (r < 0)
		return rk_err_set(err, RK_FAIL, "the private key is damaged or cut off");
	return rk_err_set(err, RK_FAIL, "is not a private key");
}

/* Public halves that agree prove nothing about the private one: sign and verify. */
static bool signs_for(EVP_PKEY *priv, EVP_PKEY *pub)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	static const unsigned char text[] = "rk3k";
	unsigned char *sig = NULL;
	size_t n = 0;
	bool ok;

	ok = ctx && EVP_DigestSignInit(ctx, NULL, NULL, NULL, priv) == 1 &&
	     EVP_DigestSign(ctx, NULL, &n, text, sizeof(text)) == 1 && (sig = rk_malloc(n)) &&
	     EVP_DigestSign(ctx, sig, &n, text, sizeof(text)) == 1 && EVP_MD_CTX_reset(ctx) == 1 &&
	     EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, pub) == 1 &&
	     EVP_DigestVerify(ctx, sig, n, text, sizeof(text)) == 1;
	free(sig);
	EVP_MD_CTX_free(ctx);
	return ok;
}

static bool key_fits(X509 *x, EVP_PKEY *key)
{
	EVP_PKEY *pub = X509_get0_pubkey(x);
	bool ok;

	ERR_set_mark();
	ok = pub && EVP_PKEY_eq(pub, key) == 1 && signs_for(key, pub);
	ERR_pop_to_mark();
	return ok;
}

int rk_cert_check_key(const struct rk_cert *c, const char *key_pem, size_t n, struct rk_err *err)
{
	auto_pkey *key = NULL;

	if (read_key(key_pem, n, &key, err) < 0)
		return -1;
	if (!key_fits(sk_X509_value(c->chain, 0), key))
		return rk_err_set(
			err, RK_FAIL, "the private key does not belong to the certificate");
	return 0;
}

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

static int check_dates(const struct rk_cert *c, int64_t now, struct rk_err *err)
{
	char date[32], away[48];

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
	return 0;
}

static int not_covered(const struct rk_cert *c, const char *host, struct rk_err *err)
{
	rk_auto_buf names = RK_BUF_INIT;

	rk_cert_names(c, &names);
	rk_err_set(
		err, RK_FAIL, "the certificate does not cover %.255s: it covers %s", host, names.s);
	return rk_err_hint(err, "have a certificate issued for this name, or use a name it covers");
}

int rk_cert_check(const struct rk_cert *c, const char *key_pem, size_t n, const char *const *hosts,
	size_t nhosts, int64_t now, struct rk_err *err)
{
	if (key_pem && rk_cert_check_key(c, key_pem, n, err) < 0)
		return -1;
	if (check_dates(c, now ? now : time(NULL), err) < 0)
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
	if (from_chain(&at, &chain, NULL) < 0)
		return NULL;
	return at;
}

static void want_host(X509_VERIFY_PARAM *p, const char *host)
{
	X509_VERIFY_PARAM_set_hostflags(
		p, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	if (is_ip(host) ? !X509_VERIFY_PARAM_set1_ip_asc(p, host)
			: !X509_VERIFY_PARAM_set1_host(p, host, 0))
		abort();
}

static int verify(
	const struct rk_cert *c, X509_STORE_CTX *ctx, const char *host, struct rk_err *err)
{
	rk_auto_cert *at = NULL;

	if (X509_verify_cert(ctx) == 1)
		return 0;
	at = culprit(ctx, c);
	return rk_cert_refused(c, at ? at : c, X509_STORE_CTX_get_error(ctx), host, err);
}

int rk_cert_verify(
	const struct rk_cert *c, const char *ca_pem, size_t n, const char *host, struct rk_err *err)
{
	auto_stack *anchors = NULL;
	X509_STORE_CTX *ctx;
	X509_STORE *store;
	char bare[256];
	int r = -1;

	if (host && !bare_host(host, bare, sizeof(bare)))
		return rk_err_set(err, RK_FAIL, "%.255s is not a host name", host);
	if (read_certs(ca_pem, n, BUNDLE_MAX, &anchors, err) < 0)
		return rk_err_wrap(err, "the CA bundle");
	ERR_set_mark();
	store = X509_STORE_new();
	ctx = X509_STORE_CTX_new();
	if (!store || !ctx)
		abort();
	for (int i = 0; i < sk_X509_num(anchors); i++)
		if (!X509_STORE_add_cert(store, sk_X509_value(anchors, i)))
			goto out;
	if (!X509_STORE_CTX_init(ctx, store, sk_X509_value(c->chain, 0), c->chain))
		goto out;
	X509_VERIFY_PARAM_set_purpose(X509_STORE_CTX_get0_param(ctx), X509_PURPOSE_ANY);
	if (host)
		want_host(X509_STORE_CTX_get0_param(ctx), bare);
	r = verify(c, ctx, host, err);
out:
	X509_STORE_CTX_free(ctx);
	X509_STORE_free(store);
	ERR_pop_to_mark();
	return r;
}

/* --- signing --- */

static bool add_name(X509_NAME *name, int nid, const char *value, bool same_rdn)
{
	/* Not MBSTRING_UTF8: OpenSSL would cut Kubernetes' longer names off at 64 characters. */
	return X509_NAME_add_entry_by_NID(name, nid, V_ASN1_UTF8STRING,
		(const unsigned char *)value, -1, -1, same_rdn ? -1 : 0);
}

/* Organisations share one RDN, as Go writes them. */
static bool set_subject(X509 *x, const char *cn, const char *const *orgs)
{
	static const char *const admins[] = {"system:masters", NULL};
	X509_NAME *name = X509_NAME_new();
	bool ok = name;

	if (!orgs || !orgs[0])
		orgs = admins;
	for (size_t i = 0; ok && orgs[i]; i++)
		ok = add_name(name, NID_organizationName, orgs[i], i > 0);
	ok = ok && add_name(name, NID_commonName, cn, false) && X509_set_subject_name(x, name);
	X509_NAME_free(name);
	return ok;
}

static bool set_serial(X509 *x)
{
	uint64_t n;

	rk_random(&n, sizeof(n));
	n >>= 1;
	return ASN1_INTEGER_set_uint64(X509_get_serialNumber(x), n ? n : 1);
}

static bool add_ext(X509 *x, X509V3_CTX *ctx, int nid, const char *value)
{
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, ctx, nid, value);
	bool ok = e && X509_add_ext(x, e, -1);

	X509_EXTENSION_free(e);
	return ok;
}

static bool add_exts(X509 *x, X509 *ca)
{
	X509V3_CTX ctx;

	X509V3_set_ctx(&ctx, ca, x, NULL, NULL, 0);
	return add_ext(x, &ctx, NID_key_usage, "critical,digitalSignature,keyEncipherment") &&
	       add_ext(x, &ctx, NID_ext_key_usage, "clientAuth") &&
	       (!X509_get0_subject_key_id(ca) ||
		       add_ext(x, &ctx, NID_authority_key_identifier, "keyid"));
}

/* Ed25519 and its like bring their own digest. */
static bool sign(X509 *x, EVP_PKEY *ca_key)
{
	char md[32];

	if (EVP_PKEY_get_default_digest_name(ca_key, md, sizeof(md)) == 2 && rk_streq(md, "UNDEF"))
		return X509_sign(x, ca_key, NULL) > 0;
	return X509_sign(x, ca_key, EVP_sha256()) > 0;
}

static X509 *make_client(X509 *ca, EVP_PKEY *ca_key, EVP_PKEY *key, const char *cn,
	const char *const *orgs, int64_t days)
{
	auto_x509 *x = X509_new();

	if (!x || !X509_set_version(x, X509_VERSION_3) || !set_serial(x) ||
		!X509_set_issuer_name(x, X509_get_subject_name(ca)) || !set_subject(x, cn, orgs) ||
		!X509_set1_notBefore(x, X509_get0_notBefore(ca)) ||
		!ASN1_TIME_set(X509_getm_notAfter(x), (time_t)(time(NULL) + days * DAY)) ||
		!X509_set_pubkey(x, key) || !add_exts(x, ca) || !sign(x, ca_key))
		return NULL;
	return rk_steal(&x);
}

static bool bio_to_buf(BIO *bio, struct rk_buf *out)
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
	auto_bio *bio = BIO_new(BIO_s_mem());
	bool good = bio != NULL;

	for (int i = 0; good && i < sk_X509_num(c->chain); i++)
		good = PEM_write_bio_X509(bio, sk_X509_value(c->chain, i));
	return good && bio_to_buf(bio, out) ? 0 : rk_err_set(err, RK_FAIL, "cannot write PEM");
}

static bool write_client(
	X509 *x, X509 *ca, EVP_PKEY *key, struct rk_buf *cert_pem, struct rk_buf *key_pem)
{
	auto_bio *c = BIO_new(BIO_s_mem());
	auto_bio *k = BIO_new(BIO_s_mem()); /* its memory is wiped when freed */

	key_pem->secret = true;
	return c && k && PEM_write_bio_X509(c, x) && PEM_write_bio_X509(c, ca) &&
	       PEM_write_bio_PrivateKey_traditional(k, key, NULL, NULL, 0, NULL, NULL) &&
	       bio_to_buf(c, cert_pem) && bio_to_buf(k, key_pem);
}

static int sign_client(X509 *ca, EVP_PKEY *ca_key, const char *cn, const char *const *orgs,
	int64_t days, struct rk_buf *cert_pem, struct rk_buf *key_pem, struct rk_err *err)
{
	auto_pkey *key = EVP_EC_gen("P-256");
	auto_x509 *x = key ? make_client(ca, ca_key, key, cn, orgs, days) : NULL;

	if (!x || !write_client(x, ca, key, cert_pem, key_pem))
		return rk_err_set(err, RK_FAIL, "cannot make a client certificate: %s",
			ERR_reason_error_string(ERR_peek_last_error()));
	return 0;
}

int rk_cert_sign_client(const char *ca_pem, size_t ca_len, const char *ca_key_pem,
	size_t ca_key_len, const char *cn, const char *const *orgs, int64_t days,
	struct rk_buf *cert_pem, struct rk_buf *key_pem, struct rk_err *err)
{
	auto_stack *ca = NULL;
	auto_pkey *ca_key = NULL;
	int r;

	if (!cn || !*cn)
		return rk_err_set(err, RK_USAGE, "a client certificate needs a name (CN)");
	if (days > 100 * 365)
		return rk_err_set(err, RK_USAGE, "a certificate for more than 100 years");
	if (read_certs(ca_pem, ca_len, CHAIN_MAX, &ca, err) < 0)
		return rk_err_wrap(err, "the CA");
	if (read_key(ca_key_pem, ca_key_len, &ca_key, err) < 0)
		return rk_err_wrap(err, "the CA's key");
	if (!key_fits(sk_X509_value(ca, 0), ca_key))
		return rk_err_set(
			err, RK_FAIL, "the CA's key does not belong to the CA's certificate");
	ERR_set_mark();
	r = sign_client(sk_X509_value(ca, 0), ca_key, cn, orgs, days > 0 ? days : 365, cert_pem,
		key_pem, err);
	ERR_pop_to_mark();
	return r;
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
