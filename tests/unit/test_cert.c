// SPDX-License-Identifier: Apache-2.0
#include "tls/internal.h"
#include "pki.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <openssl/err.h>
#include <openssl/pkcs12.h>

static struct pki root, other_root, inter, leaf;

static int setup(void **state)
{
	(void)state;
	pki_make(&root, NULL, &(struct pki_spec){.cn = "root", .ca = true});
	pki_make(&other_root, NULL, &(struct pki_spec){.cn = "root", .ca = true});
	pki_make(&inter, &root, &(struct pki_spec){.cn = "inter", .ca = true});
	pki_make(&leaf, &inter,
		&(struct pki_spec){.san = "DNS:Rancher.example,DNS:*.apps.example,"
					  "IP:10.0.0.7,IP:fd00::7,email:a@b.example"});
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	pki_release(&root);
	pki_release(&other_root);
	pki_release(&inter);
	pki_release(&leaf);
	return 0;
}

/* Nothing of ours may stay in the queue that libcurl reads next. */
static int queue_is_empty(void **state)
{
	(void)state;
	assert_int_equal(ERR_peek_error(), 0);
	return 0;
}

static void must_parse(struct rk_cert **c, const struct rk_buf *pem)
{
	struct rk_err err = RK_ERR_INIT;

	if (rk_cert_parse(c, pem->s, pem->len, &err) < 0)
		fail_msg("%s", err.msg);
}

static struct rk_buf joined(const struct rk_buf *a, const struct rk_buf *b)
{
	struct rk_buf out = RK_BUF_INIT;

	rk_buf_put(&out, a->s, a->len);
	rk_buf_put(&out, b->s, b->len);
	return out;
}

#define assert_says(err, text)                                                  \
	do {                                                                    \
		if (!strstr((err).msg, text))                                   \
			fail_msg("expected \"%s\" in \"%s\"", text, (err).msg); \
	} while (0)

/* --- reading --- */

static void facts_of_a_leaf(void **state)
{
	rk_auto_buf pem = joined(&leaf.cert_pem, &inter.cert_pem);
	rk_auto_cert *c = NULL;
	unsigned char md[32];
	unsigned n;
	char hex[65];

	(void)state;
	must_parse(&c, &pem);
	assert_int_equal(sk_X509_num(c->chain), 2);
	assert_string_equal(c->subject, "");
	assert_string_equal(c->issuer, "CN=inter");
	assert_false(c->is_ca);
	assert_in_range(time(NULL) - c->not_before, 86400, 86500);
	assert_in_range(c->not_after - time(NULL), 864000 - 100, 864000);
	assert_string_equal(c->sans[0], "Rancher.example");
	assert_string_equal(c->sans[1], "*.apps.example");
	assert_string_equal(c->sans[2], "10.0.0.7");
	assert_string_equal(c->sans[3], "fd00::7");
	assert_null(c->sans[4]);
	X509_digest(leaf.cert, EVP_sha256(), md, &n);
	for (size_t i = 0; i < 32; i++)
		snprintf(hex + 2 * i, 3, "%02x", md[i]);
	assert_string_equal(c->fingerprint, hex);
}

static void ca_is_a_ca(void **state)
{
	rk_auto_cert *c = NULL;

	(void)state;
	must_parse(&c, &inter.cert_pem);
	assert_true(c->is_ca);
	assert_string_equal(c->subject, "CN=inter");
	assert_string_equal(c->issuer, "CN=root");
}

static void text_around_crlf_and_other_blocks(void **state)
{
	rk_auto_buf pem = RK_BUF_INIT;
	rk_auto_cert *c = NULL;

	(void)state;
	rk_buf_puts(&pem, "Subject: something\r\n\r\n");
	rk_buf_put(&pem, leaf.key_pem.s, leaf.key_pem.len);
	for (const char *p = leaf.cert_pem.s; *p; p++) {
		if (*p == '\n')
			rk_buf_putc(&pem, '\r');
		rk_buf_putc(&pem, *p);
	}
	rk_buf_puts(&pem, "trailing garbage -----BEGIN\n");
	must_parse(&c, &pem);
	assert_int_equal(sk_X509_num(c->chain), 1);
	assert_string_equal(c->sans[0], "Rancher.example");
}

static void nothing_to_read(void **state)
{
	static const char *const none[] = {"", "\n", "garbage", "-----BEGIN CERTIFICATE----\nAA\n",
		"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"};
	struct rk_cert *c;

	(void)state;
	for (size_t i = 0; i < RK_COUNT(none); i++) {
		struct rk_err err = RK_ERR_INIT;

		assert_int_equal(rk_cert_parse(&c, none[i], strlen(none[i]), &err), -1);
		assert_null(c);
		assert_string_equal(err.msg, "no certificate in it");
	}
	assert_int_equal(rk_cert_parse(&c, leaf.key_pem.s, leaf.key_pem.len, NULL), -1);
}

static void expect_damaged(const struct rk_buf *pem, int which)
{
	struct rk_err err = RK_ERR_INIT;
	rk_auto_free char *want = rk_asprintf("certificate %d is damaged", which);
	struct rk_cert *c;

	assert_int_equal(rk_cert_parse(&c, pem->s, pem->len, &err), -1);
	assert_null(c);
	assert_says(err, want);
}

static void damaged_second(void **state)
{
	rk_auto_buf pem = joined(&leaf.cert_pem, &inter.cert_pem);
	rk_auto_buf cut = joined(&leaf.cert_pem, &inter.cert_pem);
	rk_auto_buf junk = joined(&leaf.cert_pem, &(struct rk_buf)RK_BUF_INIT);

	(void)state;
	pem.s[leaf.cert_pem.len + 60] = '!';
	expect_damaged(&pem, 2);
	cut.len -= 40;
	cut.s[cut.len] = 0;
	expect_damaged(&cut, 2);
	rk_buf_puts(&junk, "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n");
	expect_damaged(&junk, 2);
}

static void der_with_a_tail(void **state)
{
	rk_auto_buf pem = RK_BUF_INIT, der = RK_BUF_INIT;
	unsigned char *p = NULL;
	int n = i2d_X509(leaf.cert, &p);

	(void)state;
	rk_buf_put(&der, p, (size_t)n);
	rk_buf_putc(&der, 'x');
	rk_buf_puts(&pem, "-----BEGIN CERTIFICATE-----\n");
	rk_base64(&pem, der.s, der.len);
	rk_buf_puts(&pem, "\n-----END CERTIFICATE-----\n");
	OPENSSL_free(p);
	expect_damaged(&pem, 1);
}

static void too_many(void **state)
{
	struct rk_err err = RK_ERR_INIT;
	rk_auto_buf pem = RK_BUF_INIT;
	rk_auto_cert *c = NULL;

	(void)state;
	for (int i = 0; i < 64; i++)
		rk_buf_puts(&pem, inter.cert_pem.s);
	must_parse(&c, &pem);
	assert_int_equal(sk_X509_num(c->chain), 64);
	rk_buf_puts(&pem, inter.cert_pem.s);
	rk_cert_free(c);
	assert_int_equal(rk_cert_parse(&c, pem.s, pem.len, &err), -1);
	assert_says(err, "more than 64");
	assert_int_equal(rk_cert_admit(&pem, false, &err), 0); /* a bundle may have more */
}

/* --- what is passed on --- */

/* The text of one certificate with every LF replaced, in one notation after another. */
static void noted(struct rk_buf *out, const char *pem, const char *line_end, const char *indent)
{
	rk_buf_puts(out, indent);
	for (; *pem; pem++) {
		if (*pem != '\n')
			rk_buf_putc(out, *pem);
		else
			rk_buf_addf(out, "%s%s", line_end, pem[1] ? indent : "");
	}
}

static void expect_admitted(const struct rk_buf *given, const char *want)
{
	rk_auto_buf pem = RK_BUF_INIT, tls = RK_BUF_INIT;
	struct rk_err err = RK_ERR_INIT;

	rk_buf_put(&pem, given->s, given->len);
	rk_buf_put(&tls, given->s, given->len);
	if (rk_cert_admit(&pem, false, &err) < 0 || rk_cert_admit_tls(&tls, false, &err) < 0)
		fail_msg("%s in:\n%s", err.msg, given->s);
	assert_string_equal(pem.s, want);
	assert_string_equal(tls.s, want);
}

static void relabel(struct rk_buf *out, const char *pem, const char *label)
{
	const char *body = strchr(pem, '\n'), *end = strstr(pem, "-----END");

	rk_buf_addf(out, "-----BEGIN %s-----%.*s-----END %s-----\n", label, (int)(end - body), body,
		label);
}

static void admitted_in_every_notation(void **state)
{
	static const char *const ends[] = {"\n", "\r\n", "\r", " \n", "\n\n", " "};
	static const char *const indents[] = {"", "  ", "\t"};
	rk_auto_buf both = joined(&leaf.cert_pem, &inter.cert_pem), text = RK_BUF_INIT;
	char *last;

	(void)state;
	for (size_t i = 0; i < RK_COUNT(ends); i++)
		for (size_t j = 0; j < RK_COUNT(indents); j++) {
			rk_buf_reset(&text);
			noted(&text, both.s, ends[i], indents[j]);
			expect_admitted(&text, both.s);
		}
	rk_buf_reset(&text);
	rk_buf_puts(&text, "\xEF\xBB\xBF# our CA\nsubject=CN = x\nBag Attributes: <none>\n");
	relabel(&text, leaf.cert_pem.s, "X509 CERTIFICATE");
	last = strrchr(text.s, '-') + 1; /* no line break between two files */
	text.len = (size_t)(last - text.s);
	rk_buf_puts(&text, "\xEF\xBB\xBF");
	rk_buf_puts(&text, inter.cert_pem.s);
	rk_buf_puts(&text, "\r\ntext -----BEGIN CERTIFICATE----- in the middle of a line\n");
	relabel(&text, inter.cert_pem.s, "CERTIFICATE REQUEST"); /* another block */
	rk_buf_puts(&text, "# -----BEGIN CERTIFICATE-----\n# AAAA\n# -----END CERTIFICATE-----\n");
	expect_admitted(&text, both.s);
}

static void admitted_with_headers_and_trust(void **state)
{
	rk_auto_buf text = RK_BUF_INIT;
	BIO *bio = BIO_new(BIO_s_mem());
	X509 *trusted = X509_dup(root.cert);

	(void)state;
	rk_buf_puts(&text, "-----BEGIN CERTIFICATE-----\r\nComment: ours\r\nX: y\r\n \r\n");
	rk_buf_puts(&text, strchr(root.cert_pem.s, '\n') + 1);
	expect_admitted(&text, root.cert_pem.s);
	rk_buf_reset(&text);
	PKI_MUST(X509_alias_set1(trusted, (const unsigned char *)"alias", 5));
	PKI_MUST(PEM_write_bio_X509_AUX(bio, trusted));
	pki_take(bio, &text);
	assert_non_null(strstr(text.s, "BEGIN TRUSTED CERTIFICATE"));
	expect_admitted(&text, root.cert_pem.s);
	X509_free(trusted);
}

static void expect_not_admitted(const struct rk_buf *given, const char *what, const char *hint)
{
	rk_auto_buf pem = RK_BUF_INIT;
	struct rk_err err = RK_ERR_INIT;

	rk_buf_put(&pem, given->s, given->len);
	if (rk_cert_admit(&pem, false, &err) == 0)
		fail_msg("admitted:\n%s", given->s);
	assert_says(err, what);
	if (!strstr(err.hint, hint))
		fail_msg("expected \"%s\" in \"%s\"", hint, err.hint);
}

static void no_key_is_admitted(void **state)
{
	static const char *const labels[] = {"PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY",
		"DSA PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "OPENSSH PRIVATE KEY",
		"ANY PRIVATE KEY", "PGP PRIVATE KEY BLOCK"};
	static const char *const starts[] = {"-----BEGIN ", "# -----BEGIN ", "   -----BEGIN ",
		"\xEF\xBB\xBF-----BEGIN ", "key: -----BEGIN ", "---- BEGIN SSH2 ENCRYPTED "};

	(void)state;
	for (size_t i = 0; i < RK_COUNT(labels); i++)
		for (size_t j = 0; j < RK_COUNT(starts); j++)
			for (int first = 0; first < 2; first++) {
				rk_auto_buf text = RK_BUF_INIT;

				rk_buf_puts(&text, first ? "" : root.cert_pem.s);
				rk_buf_addf(&text, "%s%s-----\r\nAAAA\r\n-----END %s-----\r\n",
					starts[j], labels[i], labels[i]);
				rk_buf_puts(&text, first ? root.cert_pem.s : "");
				expect_not_admitted(&text, "it holds a private key", "openssl");
				assert_int_equal(rk_cert_admit_tls(&text, false, NULL), -1);
				assert_int_equal(text.len, 0);
			}
}

static void key_beside_a_client_certificate(void **state)
{
	rk_auto_buf pem = joined(&leaf.key_pem, &leaf.cert_pem),
		    key = joined(&leaf.cert_pem, &leaf.key_pem);

	(void)state;
	assert_int_equal(rk_cert_admit(&pem, true, NULL), 0);
	assert_string_equal(pem.s, leaf.cert_pem.s);
	assert_true(pem.secret);
	assert_int_equal(rk_cert_admit_key(&key, NULL), 0);
	assert_string_equal(key.s, leaf.key_pem.s);
	assert_true(key.secret);
}

/* The remedy is for what people have in the file. */
static void other_files_are_named(void **state)
{
	rk_auto_buf text = RK_BUF_INIT;
	unsigned char *der = NULL;
	int n = i2d_X509(root.cert, &der);
	PKCS12 *p12 = PKCS12_create("", "x", leaf.key, leaf.cert, NULL, 0, 0, 1, 1, 0);
	BIO *bio = BIO_new(BIO_s_mem());

	(void)state;
	expect_not_admitted(&text, "no certificate in it", "it is empty");
	rk_buf_put(&text, der, (size_t)n);
	OPENSSL_free(der);
	expect_not_admitted(&text, "no certificate in it", "openssl x509 -inform DER");
	rk_buf_reset(&text);
	rk_buf_put(&text, "\xFF\xFE-\0-\0", 6);
	expect_not_admitted(&text, "no certificate in it", "iconv -f UTF-16");
	rk_buf_reset(&text);
	relabel(&text, root.cert_pem.s, "PKCS7");
	expect_not_admitted(&text, "no certificate in it", "openssl pkcs7 -print_certs");
	rk_buf_reset(&text);
	PKI_MUST(p12 && i2d_PKCS12_bio(bio, p12));
	PKCS12_free(p12);
	pki_take(bio, &text);
	expect_not_admitted(&text, "no certificate in it", "openssl pkcs12 -nokeys");
	rk_buf_reset(&text);
	relabel(&text, leaf.key_pem.s, "CERTIFICATE");
	expect_not_admitted(&text, "certificate 1 is damaged", "");
}

/* Go would leave these out of a bundle without a word. */
static void what_go_does_not_read(void **state)
{
	struct pki p;

	(void)state;
	pki_make(&p, &root, &(struct pki_spec){.cn = "x", .alg = "secp256k1"});
	expect_not_admitted(
		&p.cert_pem, "certificate 1 cannot be read by programs written in Go", "");
	expect_not_admitted(&p.cert_pem, "its key is of an unknown curve", "");
	pki_release(&p);
	pki_make(&p, &root, &(struct pki_spec){.cn = "x", .san = "DNS:a.example"});
	ASN1_INTEGER_set(X509_get_serialNumber(p.cert), -7);
	pki_sign(p.cert, root.key, NULL);
	rk_buf_reset(&p.cert_pem);
	pki_cert_pem(p.cert, &p.cert_pem);
	expect_not_admitted(&p.cert_pem, "its serial number is negative", "");
	ASN1_INTEGER_set(X509_get_serialNumber(p.cert), 7);
	pki_ext(p.cert, root.cert, NID_subject_alt_name, "DNS:b.example");
	pki_sign(p.cert, root.key, NULL);
	rk_buf_reset(&p.cert_pem);
	pki_cert_pem(p.cert, &p.cert_pem);
	expect_not_admitted(&p.cert_pem, "an extension is malformed, present more than once", "");
	pki_release(&p);
}

static void keys_are_written_again(void **state)
{
	static const char *const algs[] = {"P-256", "P-384", "RSA", "ED25519"};
	static const char *const labels[] = {
		"PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY", "ANY PRIVATE KEY"};

	(void)state;
	for (size_t i = 0; i < RK_COUNT(algs); i++)
		for (int old = 0; old < (i < 3 ? 2 : 1); old++) {
			rk_auto_buf plain = RK_BUF_INIT_SECRET;
			EVP_PKEY *k = pki_key(algs[i]);

			pki_key_pem(k, old, NULL, &plain);
			for (size_t j = 0; j < RK_COUNT(labels); j++) {
				rk_auto_buf given = RK_BUF_INIT_SECRET, tls = RK_BUF_INIT_SECRET;

				rk_buf_puts(&given,
					"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n"
					"-----END EC PARAMETERS-----\n");
				relabel(&given, plain.s, labels[j]);
				rk_buf_put(&tls, given.s, given.len);
				assert_int_equal(rk_cert_admit_tls_key(&tls, NULL) == 0,
					rk_cert_admit_key(&given, NULL) == 0);
				if (given.len)
					assert_string_equal(given.s, tls.s);
				if (given.len)
					assert_string_equal(given.s, plain.s);
				else
					assert_string_not_equal(
						strstr(plain.s, labels[j]) ? "right" : "other",
						"right");
			}
			EVP_PKEY_free(k);
		}
}

/* Whatever its label says: libcurl would prompt for the passphrase. */
static void encrypted_keys_do_not_reach_libcurl(void **state)
{
	static const char *const labels[] = {"PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY",
		"ENCRYPTED PRIVATE KEY", "ANY PRIVATE KEY"};

	(void)state;
	for (size_t i = 0; i < RK_COUNT(labels); i++)
		for (int old = 0; old < 2; old++) {
			rk_auto_buf locked = RK_BUF_INIT_SECRET, text = RK_BUF_INIT_SECRET;
			EVP_PKEY *k = pki_key("P-256");

			pki_key_pem(k, old, "passphrase", &locked);
			relabel(&text, locked.s, labels[i]);
			assert_int_equal(rk_cert_admit_tls_key(&text, NULL), -1);
			EVP_PKEY_free(k);
		}
}

/* --- names --- */

static void matches(void **state)
{
	static const struct {
		const char *host;
		bool yes;
	} t[] = {{"rancher.example", true}, {"RANCHER.EXAMPLE", true}, {"rancher.example.", true},
		{"a.apps.example", true}, {"A.APPS.example", true}, {"apps.example", false},
		{"a.b.apps.example", false}, {".apps.example", false}, {"*.apps.example", false},
		{"xrancher.example", false}, {"rancher.example.org", false}, {"example", false},
		{"10.0.0.7", true}, {"10.0.0.8", false}, {"010.0.0.7", false}, {"fd00::7", true},
		{"[fd00::7]", true}, {"FD00:0::7", true}, {"fd00::8", false}, {"", false},
		{".", false}, {"a@b.example", false}, {"b.example", false}, {NULL, false}};
	rk_auto_cert *c = NULL;

	(void)state;
	must_parse(&c, &leaf.cert_pem);
	for (size_t i = 0; i < RK_COUNT(t); i++)
		if (cert_matches(c, t[i].host) != t[i].yes)
			fail_msg("%s", t[i].host);
}

/* What a browser would not take either: partial and too wide wildcards, the subject's CN. */
static void no_loose_wildcards(void **state)
{
	struct pki p;
	rk_auto_cert *c = NULL;

	(void)state;
	pki_make(&p, &root,
		&(struct pki_spec){.cn = "cn.example",
			.san = "DNS:w*.part.example,DNS:*.example,DNS:a.*.mid.example,DNS:*"});
	must_parse(&c, &p.cert_pem);
	assert_false(cert_matches(c, "www.part.example"));
	assert_false(cert_matches(c, "foo.example"));
	assert_false(cert_matches(c, "a.b.mid.example"));
	assert_false(cert_matches(c, "localhost"));
	assert_false(cert_matches(c, "cn.example"));
	pki_release(&p);
}

static void common_name_is_no_name(void **state)
{
	struct pki p;
	rk_auto_cert *c = NULL;
	static const char *const hosts[] = {"cn.example"};
	struct rk_err err = RK_ERR_INIT;

	(void)state;
	pki_make(&p, &root, &(struct pki_spec){.cn = "cn.example"});
	must_parse(&c, &p.cert_pem);
	assert_int_equal(rk_cert_check(c, NULL, 0, hosts, 1, 0, &err), -1);
	assert_says(err, "it covers no name (it has no subject alternative name");
	pki_release(&p);
}

static void nul_in_a_name(void **state)
{
	static const char evil[] = "good.example\0.evil.example";
	GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
	GENERAL_NAME *g = GENERAL_NAME_new();
	ASN1_IA5STRING *s = ASN1_IA5STRING_new();
	rk_auto_buf pem = RK_BUF_INIT;
	rk_auto_cert *c = NULL;
	struct pki p;

	(void)state;
	pki_make(&p, &root, &(struct pki_spec){.cn = "x"});
	ASN1_STRING_set(s, evil, sizeof(evil) - 1);
	GENERAL_NAME_set0_value(g, GEN_DNS, s);
	sk_GENERAL_NAME_push(names, g);
	PKI_MUST(X509_add1_ext_i2d(p.cert, NID_subject_alt_name, names, 0, 0) == 1);
	sk_GENERAL_NAME_pop_free(names, GENERAL_NAME_free);
	pki_sign(p.cert, root.key, NULL);
	pki_cert_pem(p.cert, &pem);
	must_parse(&c, &pem);
	assert_false(cert_matches(c, "good.example"));
	assert_string_equal(c->sans[0], "good.example?.evil.example");
	pki_release(&p);
}

static void names_are_cut(void **state)
{
	static const char *const hosts[] = {"h300.example"};
	struct rk_err err = RK_ERR_INIT;
	rk_auto_buf san = RK_BUF_INIT;
	rk_auto_cert *c = NULL;
	struct pki p;

	(void)state;
	for (int i = 0; i < 300; i++)
		rk_buf_addf(&san, "%sDNS:h%d.example", i ? "," : "", i);
	pki_make(&p, &root, &(struct pki_spec){.san = san.s});
	must_parse(&c, &p.cert_pem);
	assert_string_equal(c->sans[299], "h299.example");
	assert_int_equal(rk_cert_check(c, NULL, 0, hosts, 1, 0, &err), -1);
	assert_says(err, "h7.example and 292 more");
	pki_release(&p);
}

/* --- keys --- */

static void expect_key(const struct pki *p, const struct rk_buf *key, const char *error)
{
	struct rk_err err = RK_ERR_INIT;
	rk_auto_cert *c = NULL;
	int r;

	must_parse(&c, &p->cert_pem);
	r = rk_cert_check_key(c, key->s, key->len, &err);
	if (!error) {
		if (r < 0)
			fail_msg("%s", err.msg);
		return;
	}
	assert_int_equal(r, -1);
	assert_int_equal(err.code, RK_FAIL);
	assert_says(err, error);
}

static void keys_of_all_kinds(void **state)
{
	static const char *const algs[] = {"P-256", "P-384", "RSA", "ED25519"};

	(void)state;
	for (size_t i = 0; i < RK_COUNT(algs); i++) {
		rk_auto_buf old = RK_BUF_INIT, locked = RK_BUF_INIT;
		struct pki p;

		pki_make(&p, &root, &(struct pki_spec){.cn = "x", .alg = algs[i]});
		expect_key(&p, &p.key_pem, NULL);
		expect_key(&p, &leaf.key_pem, "does not belong to the certificate");
		expect_key(&leaf, &p.key_pem, "does not belong to the certificate");
		pki_key_pem(p.key, false, "secret", &locked);
		expect_key(&p, &locked, "is encrypted");
		if (i < 3) {
			pki_key_pem(p.key, true, NULL, &old);
			expect_key(&p, &old, NULL);
			rk_buf_reset(&locked);
			pki_key_pem(p.key, true, "secret", &locked);
			expect_key(&p, &locked, "is encrypted");
		}
		pki_release(&p);
	}
}

static void key_behind_other_blocks(void **state)
{
	rk_auto_buf pem = RK_BUF_INIT;

	(void)state;
	rk_buf_puts(&pem, "-----BEGIN EC PARAMETERS-----\r\nBggqhkjOPQMBBw==\r\n-----END EC "
			  "PARAMETERS-----\r\n");
	rk_buf_puts(&pem, root.cert_pem.s);
	pki_key_pem(leaf.key, true, NULL, &pem);
	rk_buf_puts(&pem, root.key_pem.s);
	expect_key(&leaf, &pem, NULL);
	expect_key(&root, &pem, "does not belong");
}

static void no_key(void **state)
{
	rk_auto_buf cut = RK_BUF_INIT, text = RK_BUF_INIT, junk = RK_BUF_INIT, pub = RK_BUF_INIT;
	BIO *bio = BIO_new(BIO_s_mem());

	(void)state;
	rk_buf_put(&cut, leaf.key_pem.s, leaf.key_pem.len - 30);
	expect_key(&leaf, &cut, "damaged or cut off");
	rk_buf_puts(&text, "hello\n");
	expect_key(&leaf, &text, "is not a private key");
	rk_buf_reset(&text);
	expect_key(&leaf, &text, "is not a private key");
	expect_key(&leaf, &leaf.cert_pem, "is not a private key");
	rk_buf_puts(&junk, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
	expect_key(&leaf, &junk, "is damaged");
	PEM_write_bio_PUBKEY(bio, leaf.key);
	pki_take(bio, &pub);
	expect_key(&leaf, &pub, "is not a private key");
}

/* A SEC1 key whose scalar is another's while the public point inside still agrees. */
static void key_with_borrowed_public_half(void **state)
{
	rk_auto_buf pem = RK_BUF_INIT, raw = RK_BUF_INIT, forged = RK_BUF_INIT;
	const char *body, *end;

	(void)state;
	pki_key_pem(leaf.key, true, NULL, &pem);
	body = strchr(pem.s, '\n') + 1;
	end = strstr(pem.s, "-----END");
	assert_int_equal(rk_base64_decode(&raw, body, (size_t)(end - body), NULL), 0);
	raw.s[20] ^= 1; /* inside the 32 bytes of the scalar */
	rk_buf_puts(&forged, "-----BEGIN EC PRIVATE KEY-----\n");
	rk_base64(&forged, raw.s, raw.len);
	rk_buf_puts(&forged, "\n-----END EC PRIVATE KEY-----\n");
	expect_key(&leaf, &forged, "does not belong to the certificate");
}

/* --- judging --- */

static void check_says_the_first_trouble(void **state)
{
	static const char *const hosts[] = {"rancher.example", "x.apps.example", "nope.example"};
	struct rk_err err = RK_ERR_INIT;
	rk_auto_cert *c = NULL;
	int64_t na;

	(void)state;
	must_parse(&c, &leaf.cert_pem);
	na = c->not_after;
	assert_int_equal(rk_cert_check(c, leaf.key_pem.s, leaf.key_pem.len, hosts, 2, 0, &err), 0);
	assert_int_equal(rk_cert_check(c, NULL, 0, hosts, 2, na, &err), 0);
	assert_int_equal(rk_cert_check(c, leaf.key_pem.s, leaf.key_pem.len, hosts, 3, 0, &err), -1);
	assert_says(err, "does not cover nope.example: it covers Rancher.example, *.apps.example");
	assert_int_equal(rk_cert_check(c, NULL, 0, hosts, 3, na + 3 * 86400, &err), -1);
	assert_says(err, "expired on 20");
	assert_says(err, "(3d ago)");
	assert_int_equal(rk_cert_check(c, NULL, 0, hosts, 3, c->not_before - 7200, &err), -1);
	assert_says(err, "not valid before 20");
	assert_says(err, "(in 120m)");
	assert_int_equal(rk_cert_check(c, root.key_pem.s, root.key_pem.len, hosts, 3, 1, &err), -1);
	assert_says(err, "does not belong");
	assert_int_not_equal(err.hint[0], 1);
}

static int verify(
	const struct rk_buf *pem, const struct rk_buf *ca, const char *host, struct rk_err *err)
{
	rk_auto_cert *c = NULL;

	must_parse(&c, pem);
	return rk_cert_verify(c, ca->s, ca->len, host, err);
}

static void verify_chains(void **state)
{
	rk_auto_buf full = joined(&leaf.cert_pem, &inter.cert_pem);
	rk_auto_buf both = joined(&other_root.cert_pem, &root.cert_pem);
	struct rk_err err = RK_ERR_INIT;

	(void)state;
	assert_int_equal(verify(&full, &root.cert_pem, NULL, &err), 0);
	assert_int_equal(verify(&full, &both, "rancher.example", &err), 0);
	assert_int_equal(verify(&full, &root.cert_pem, "10.0.0.7", &err), 0);
	assert_int_equal(verify(&full, &root.cert_pem, "[fd00::7]", &err), 0);
	assert_int_equal(verify(&full, &root.cert_pem, "10.0.0.8", &err), -1);
	assert_says(err, "does not cover 10.0.0.8: it covers Rancher.example");
	assert_int_equal(verify(&full, &root.cert_pem, "no.example", &err), -1);
	assert_says(err, "does not cover no.example");
	assert_int_equal(verify(&leaf.cert_pem, &root.cert_pem, NULL, &err), -1);
	assert_says(err, "issued by CN=inter, which is not among the trusted CAs");
	assert_int_equal(verify(&full, &inter.cert_pem, NULL, &err), 0);
	assert_int_equal(verify(&full, &leaf.key_pem, NULL, &err), -1);
	assert_says(err, "the CA bundle: no certificate in it");
	assert_int_equal(verify(&full, &root.cert_pem, "", &err), -1);
}

static void verify_refusals(void **state)
{
	struct rk_err err = RK_ERR_INIT;
	struct pki old, young, self, under_old, old_ca;

	(void)state;
	assert_int_equal(verify(&inter.cert_pem, &other_root.cert_pem, NULL, &err), -1);
	assert_says(err, "CN=root");
	pki_make(&old, &root, &(struct pki_spec){.cn = "x", .from = -2000, .to = -1000});
	assert_int_equal(verify(&old.cert_pem, &root.cert_pem, NULL, &err), -1);
	assert_says(err, "the certificate expired on 20");
	pki_make(&young, &root, &(struct pki_spec){.cn = "x", .from = 1000, .to = 2000});
	assert_int_equal(verify(&young.cert_pem, &root.cert_pem, NULL, &err), -1);
	assert_says(err, "not valid before 20");
	pki_make(&self, NULL, &(struct pki_spec){.cn = "me"});
	assert_int_equal(verify(&self.cert_pem, &root.cert_pem, NULL, &err), -1);
	assert_says(err, "signs itself (CN=me)");
	assert_int_equal(verify(&self.cert_pem, &self.cert_pem, NULL, &err), 0);
	pki_make(&old_ca, NULL,
		&(struct pki_spec){.cn = "old ca", .ca = true, .from = -2000, .to = -1000});
	pki_make(&under_old, &old_ca, &(struct pki_spec){.cn = "x"});
	assert_int_equal(verify(&under_old.cert_pem, &old_ca.cert_pem, NULL, &err), -1);
	assert_says(err, "the CA CN=old ca expired on 20");
	pki_release(&old);
	pki_release(&young);
	pki_release(&self);
	pki_release(&under_old);
	pki_release(&old_ca);
}

static void expect_kind(const struct pki *ca, const struct pki_spec *spec, const char *trouble)
{
	struct rk_err err = RK_ERR_INIT;
	rk_auto_cert *c = NULL;
	struct pki p;

	pki_make(&p, ca, spec);
	must_parse(&c, &p.cert_pem);
	assert_int_equal(rk_cert_check_kind(c, &err), trouble ? -1 : 0);
	if (trouble) {
		assert_says(err, trouble);
		assert_non_null(strstr(err.hint, "SHA-256"));
		assert_int_equal(verify(&p.cert_pem, &ca->cert_pem, NULL, NULL),
			strstr(trouble, "8192") ? 0 : -1);
	} else {
		assert_int_equal(verify(&p.cert_pem, &ca->cert_pem, NULL, NULL), 0);
	}
	pki_release(&p);
}

static void what_go_refuses(void **state)
{
	struct pki self;
	rk_auto_cert *c = NULL;

	(void)state;
	expect_kind(&root, &(struct pki_spec){.cn = "x", .eku = "clientAuth"}, "lacks serverAuth");
	expect_kind(&root, &(struct pki_spec){.cn = "x", .eku = "serverAuth,clientAuth"}, NULL);
	expect_kind(&root, &(struct pki_spec){.cn = "x", .eku = "anyExtendedKeyUsage"}, NULL);
	expect_kind(&root, &(struct pki_spec){.cn = "x", .md = "SHA1"}, "signed with SHA-1 or MD5");
	expect_kind(
		&root, &(struct pki_spec){.cn = "x", .alg = "RSA512"}, "an RSA key of 512 bits");
	expect_kind(&root, &(struct pki_spec){.cn = "x", .alg = "RSA1024"}, NULL);
	expect_kind(&root, &(struct pki_spec){.cn = "x", .alg = "ED25519"}, NULL);
	expect_kind(&root, &(struct pki_spec){.cn = "x", .alg = "P-521"}, NULL);
	pki_make(&self, NULL, &(struct pki_spec){.cn = "root", .ca = true, .md = "SHA1"});
	must_parse(&c, &self.cert_pem); /* nobody looks at the signature of a root */
	assert_int_equal(rk_cert_check_kind(c, NULL), 0);
	pki_release(&self);
}

static void short_keys_are_weak(void **state)
{
	(void)state;
	for (int bits = 0; bits < 2; bits++) {
		rk_auto_free char *why = NULL;
		rk_auto_cert *c = NULL;
		struct pki p;

		pki_make(&p, &root, &(struct pki_spec){.cn = "x", .alg = bits ? "RSA" : "RSA1024"});
		must_parse(&c, &p.cert_pem);
		why = rk_cert_weakness(c);
		assert_true(bits ? !why : strstr(why, "RSA key of 1024 bits") != NULL);
		pki_release(&p);
	}
}

/* Reversed, as many tools write a chain. */
static void key_of_a_later_certificate(void **state)
{
	rk_auto_buf text = joined(&root.cert_pem, &inter.cert_pem);
	struct rk_err err = RK_ERR_INIT;
	rk_auto_cert *c = NULL;

	(void)state;
	rk_buf_puts(&text, leaf.cert_pem.s);
	must_parse(&c, &text);
	assert_int_equal(rk_cert_check_key(c, leaf.key_pem.s, leaf.key_pem.len, &err), -1);
	assert_non_null(strstr(err.hint, "the key belongs to certificate 3: put it first"));
}

static void intermediate_as_anchor(void **state)
{
	rk_auto_buf both = joined(&leaf.cert_pem, &inter.cert_pem);
	struct rk_err err = RK_ERR_INIT;
	rk_auto_cert *i = NULL, *r = NULL;

	(void)state;
	assert_int_equal(verify(&leaf.cert_pem, &inter.cert_pem, NULL, NULL), 0);
	assert_int_equal(verify(&leaf.cert_pem, &leaf.cert_pem, NULL, NULL), 0);
	assert_int_equal(verify(&leaf.cert_pem, &root.cert_pem, NULL, &err), -1);
	assert_says(err, "the certificate was issued by CN=inter, which is not among");
	assert_int_equal(verify(&both, &root.cert_pem, NULL, NULL), 0);
	must_parse(&i, &inter.cert_pem);
	assert_false(i->has_root);
	must_parse(&r, &root.cert_pem);
	assert_true(r->has_root);
	assert_int_equal(rk_cert_verify(r, NULL, 0, NULL, &err), -1); /* not the system's */
}

static void addresses_as_dns_names(void **state)
{
	static const char *const hosts[] = {"127.0.0.1"};
	struct rk_err err = RK_ERR_INIT;
	rk_auto_cert *c = NULL;
	struct pki p;

	(void)state;
	pki_make(&p, &root, &(struct pki_spec){.san = "DNS:127.0.0.1,DNS:a.example"});
	must_parse(&c, &p.cert_pem);
	assert_int_equal(rk_cert_check(c, NULL, 0, hosts, 1, 0, &err), -1);
	assert_says(err, "does not cover 127.0.0.1: it covers 127.0.0.1 as a DNS name, which does "
			 "not count for an address, a.example");
	pki_release(&p);
}

/* --- signing --- */

static void text_of(X509_NAME *name, char *out, size_t size)
{
	BIO *bio = BIO_new(BIO_s_mem());
	rk_auto_buf b = RK_BUF_INIT;

	X509_NAME_print_ex(bio, name, 0, XN_FLAG_SEP_CPLUS_SPC | XN_FLAG_FN_SN);
	pki_take(bio, &b);
	snprintf(out, size, "%s", b.s);
}

static void sign_with(const char *alg)
{
	static const char *const orgs[] = {"team:b", "team:a", NULL};
	rk_auto_buf cert = RK_BUF_INIT, key = RK_BUF_INIT_SECRET, ca_pem = RK_BUF_INIT,
		    ca_key = RK_BUF_INIT;
	struct rk_err err = RK_ERR_INIT;
	rk_auto_cert *c = NULL, *cac = NULL;
	struct pki ca;
	char subject[200];
	BIO *bio;
	X509 *x;

	pki_make(&ca, NULL, &(struct pki_spec){.cn = "k3s-client-ca@1", .ca = true, .alg = alg});
	rk_buf_puts(&ca_pem, ca.cert_pem.s);
	rk_buf_puts(&ca_pem, root.cert_pem.s);
	rk_buf_puts(&ca_key,
		"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n");
	pki_key_pem(ca.key, strcmp(alg, "ED25519") != 0, NULL, &ca_key);
	if (rk_cert_sign_client(ca_pem.s, ca_pem.len, ca_key.s, ca_key.len, "alice", orgs, 30,
		    &cert, &key, &err) < 0)
		fail_msg("%s", err.msg);
	must_parse(&c, &cert);
	must_parse(&cac, &ca.cert_pem);
	assert_int_equal(sk_X509_num(c->chain), 2);
	assert_int_equal(c->not_before, cac->not_before);
	assert_in_range(c->not_after - time(NULL), 30 * 86400 - 60, 30 * 86400);
	assert_int_equal(rk_cert_check_key(c, key.s, key.len, &err), 0);
	assert_true(rk_prefix(key.s, "-----BEGIN EC PRIVATE KEY-----"));
	assert_true(key.secret);
	assert_int_equal(rk_cert_verify(c, ca.cert_pem.s, ca.cert_pem.len, NULL, &err), -1);
	assert_says(err, "is not for servers");
	assert_false(c->is_ca);
	bio = BIO_new_mem_buf(cert.s, (int)cert.len);
	x = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	BIO_free(bio);
	assert_int_equal(X509_verify(x, ca.key), 1);
	text_of(X509_get_subject_name(x), subject, sizeof(subject));
	assert_string_equal(subject, "O=team:a + O=team:b, CN=alice");
	assert_int_equal(X509_get_version(x), X509_VERSION_3);
	assert_int_equal(X509_get_key_usage(x), KU_DIGITAL_SIGNATURE | KU_KEY_ENCIPHERMENT);
	assert_int_equal(X509_get_extended_key_usage(x), XKU_SSL_CLIENT);
	assert_int_equal(ASN1_OCTET_STRING_cmp(
				 X509_get0_authority_key_id(x), X509_get0_subject_key_id(ca.cert)),
		0);
	assert_int_equal(X509_get_ext_by_NID(x, NID_basic_constraints, -1), -1);
	assert_int_equal(X509_get_ext_by_NID(x, NID_subject_alt_name, -1), -1);
	assert_int_equal(
		ASN1_STRING_type(X509_get0_serialNumber(x)), V_ASN1_INTEGER); /* not NEG_ */
	X509_free(x);
	pki_release(&ca);
}

static void sign_client_by_every_kind_of_ca(void **state)
{
	(void)state;
	sign_with("P-256");
	sign_with("P-384");
	sign_with("RSA");
	sign_with("ED25519");
}

static void sign_client_defaults(void **state)
{
	rk_auto_buf cert = RK_BUF_INIT, key = RK_BUF_INIT_SECRET;
	struct rk_err err = RK_ERR_INIT;
	rk_auto_cert *c = NULL;
	rk_auto_free char *longname = rk_calloc(1, 201);

	(void)state;
	memset(longname, 'n', 200);
	assert_int_equal(rk_cert_sign_client(root.cert_pem.s, root.cert_pem.len, root.key_pem.s,
				 root.key_pem.len, longname, NULL, 0, &cert, &key, &err),
		0);
	must_parse(&c, &cert);
	assert_non_null(strstr(c->subject, longname));
	assert_non_null(strstr(c->subject, "O=system:masters"));
	assert_in_range(c->not_after - time(NULL), 365 * 86400 - 60, 365 * 86400);
}

static void sign_client_refusals(void **state)
{
	rk_auto_buf cert = RK_BUF_INIT, key = RK_BUF_INIT_SECRET;
	struct rk_err err = RK_ERR_INIT;

	(void)state;
	assert_int_equal(rk_cert_sign_client(root.cert_pem.s, root.cert_pem.len, root.key_pem.s,
				 root.key_pem.len, "", NULL, 1, &cert, &key, &err),
		-1);
	assert_int_equal(err.code, RK_USAGE);
	assert_int_equal(rk_cert_sign_client(root.cert_pem.s, root.cert_pem.len, leaf.key_pem.s,
				 leaf.key_pem.len, "a", NULL, 1, &cert, &key, &err),
		-1);
	assert_says(err, "the CA's key does not belong");
	assert_int_equal(rk_cert_sign_client("", 0, leaf.key_pem.s, leaf.key_pem.len, "a", NULL, 1,
				 &cert, &key, &err),
		-1);
	assert_says(err, "the CA: no certificate in it");
	assert_int_equal(rk_cert_sign_client(root.cert_pem.s, root.cert_pem.len, "x", 1, "a", NULL,
				 1, &cert, &key, &err),
		-1);
	assert_says(err, "the CA's key: is not a private key");
	assert_int_equal(cert.len, 0);
	assert_int_equal(key.len, 0);
}

/* --- bad input --- */

/* No flipped bit of a certificate may crash us, nor pass for the certificate. */
static void flipped_bits_of_der(void **state)
{
	unsigned char *der = NULL;
	int n = i2d_X509(inter.cert, &der);
	int survivors = 0;

	(void)state;
	for (int bit = 0; bit < n * 8; bit += 3) {
		rk_auto_cert *c = NULL;
		rk_auto_buf pem = RK_BUF_INIT;

		der[bit / 8] ^= (unsigned char)(1 << bit % 8);
		rk_buf_puts(&pem, "-----BEGIN CERTIFICATE-----\n");
		rk_base64(&pem, der, (size_t)n);
		rk_buf_puts(&pem, "\n-----END CERTIFICATE-----\n");
		if (rk_cert_parse(&c, pem.s, pem.len, NULL) == 0) {
			survivors++;
			cert_matches(c, "rancher.example");
			assert_int_equal(
				rk_cert_verify(c, root.cert_pem.s, root.cert_pem.len, NULL, NULL),
				-1);
		}
		der[bit / 8] ^= (unsigned char)(1 << bit % 8);
	}
	assert_true(survivors > 100);
	OPENSSL_free(der);
}

static void flipped_bits_of_pem(void **state)
{
	rk_auto_buf pem = joined(&leaf.cert_pem, &leaf.key_pem);
	int survivors = 0; /* flips in line ends, in case of labels, in signature and names */

	(void)state;
	for (size_t bit = 0; bit < pem.len * 8; bit += 5) {
		rk_auto_cert *c = NULL;

		pem.s[bit / 8] ^= (char)(1 << bit % 8);
		if (rk_cert_parse(&c, pem.s, pem.len, NULL) == 0)
			survivors += rk_cert_check_key(c, pem.s, pem.len, NULL) == 0;
		pem.s[bit / 8] ^= (char)(1 << bit % 8);
	}
	assert_in_range(survivors, 1, (int)pem.len);
}

static void every_prefix(void **state)
{
	rk_auto_buf pem = joined(&leaf.cert_pem, &leaf.key_pem);

	(void)state;
	for (size_t n = 0; n < leaf.cert_pem.len - 1; n++) {
		struct rk_cert *c;

		assert_int_equal(rk_cert_parse(&c, pem.s, n, NULL), -1);
	}
}

/* --- digests --- */

static void sha256_and_chance(void **state)
{
	char hex[65];
	unsigned char a[64] = {0}, b[64] = {0};

	(void)state;
	rk_sha256_hex("abc", 3, hex);
	assert_string_equal(
		hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	rk_sha256_hex("", 0, hex);
	assert_string_equal(
		hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	rk_random(a, sizeof(a));
	rk_random(b, sizeof(b));
	assert_memory_not_equal(a, b, sizeof(a));
}

#define T(f) cmocka_unit_test_teardown(f, queue_is_empty)

/* --- verdicts, for a comparison with Go (tests/env/mod/certificates) --- */

static bool read_part(struct rk_buf *out, size_t n)
{
	char *to = rk_buf_reserve(out, n);

	if (fread(to, 1, n, stdin) != n)
		return false;
	rk_buf_grow(out, n);
	return true;
}

static int verdict(const char *op, struct rk_buf part[3], struct rk_err *err)
{
	static const char *const hosts[] = {"rancher.example.com"};
	rk_auto_cert *c = NULL;

	if (rk_streq(op, "key"))
		return rk_cert_admit_key(&part[0], err);
	if (rk_cert_admit(&part[0], false, err) < 0 || rk_streq(op, "admit"))
		return err->code ? -1 : 0;
	if (rk_cert_admit_key(&part[1], err) < 0 ||
		rk_cert_parse(&c, part[0].s, part[0].len, err) < 0)
		return -1;
	if (rk_streq(op, "pair"))
		return rk_cert_check_key(c, part[1].s, part[1].len, err);
	if (rk_cert_check(c, part[1].s, part[1].len, hosts, 1, 0, err) < 0 ||
		rk_cert_admit(&part[2], false, err) < 0)
		return -1;
	return rk_cert_verify(c, part[2].s, part[2].len, hosts[0], err);
}

/* One line "OP N N N" and so many bytes; answered with a line "GOOD N" and what is passed on, or why
 * nothing is. */
static int verdicts(void)
{
	size_t n[3];
	char op[8];

	while (scanf("%7s %zu %zu %zu", op, &n[0], &n[1], &n[2]) == 4 && getchar() == '\n') {
		struct rk_buf part[3] = {RK_BUF_INIT, RK_BUF_INIT, RK_BUF_INIT};
		struct rk_err err = RK_ERR_INIT;
		bool good;

		for (int i = 0; i < 3; i++)
			if (!read_part(&part[i], n[i]))
				return 1;
		good = verdict(op, part, &err) == 0;
		if (!good) {
			rk_buf_reset(&part[0]);
			rk_buf_addf(&part[0], "%s; %s", err.msg, err.hint);
		}
		if (ERR_peek_error())
			return 2;
		printf("%d %zu\n", good, part[0].len);
		fwrite(part[0].s, 1, part[0].len, stdout);
		fflush(stdout);
		for (int i = 0; i < 3; i++)
			rk_buf_release(&part[i]);
	}
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {T(facts_of_a_leaf), T(ca_is_a_ca),
		T(text_around_crlf_and_other_blocks), T(nothing_to_read), T(damaged_second),
		T(der_with_a_tail), T(too_many), T(matches), T(no_loose_wildcards),
		T(common_name_is_no_name), T(nul_in_a_name), T(names_are_cut), T(keys_of_all_kinds),
		T(key_behind_other_blocks), T(no_key), T(admitted_in_every_notation),
		T(admitted_with_headers_and_trust), T(encrypted_keys_do_not_reach_libcurl),
		T(no_key_is_admitted), T(key_beside_a_client_certificate), T(other_files_are_named),
		T(what_go_does_not_read), T(keys_are_written_again),
		T(key_with_borrowed_public_half), T(check_says_the_first_trouble), T(verify_chains),
		T(verify_refusals), T(what_go_refuses), T(short_keys_are_weak),
		T(key_of_a_later_certificate), T(intermediate_as_anchor), T(addresses_as_dns_names),
		T(sign_client_by_every_kind_of_ca), T(sign_client_defaults),
		T(sign_client_refusals), T(flipped_bits_of_der), T(flipped_bits_of_pem),
		T(every_prefix), T(sha256_and_chance)};

	if (argc > 1 && rk_streq(argv[1], "--verdicts"))
		return verdicts();
	return cmocka_run_group_tests_name("cert", tests, setup, teardown);
}
