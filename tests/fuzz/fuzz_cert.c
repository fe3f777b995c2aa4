// SPDX-License-Identifier: Apache-2.0
/* The cert room on outside bytes: PEM as it is, anything else as DER of a certificate or a key. */
#include "tls/internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Valid for a few days in the past; only its key matters. */
static const char fixed[] = "-----BEGIN CERTIFICATE-----\n"
			    "MIIBfzCCASWgAwIBAgIUPyds3o+9Owu54HqT0ykOTgwZZUkwCgYIKoZIzj0EAwIw\n"
			    "EDEOMAwGA1UEAwwFbXktY2EwHhcNMjYxMTIxMDgwOTI5WhcNMjYxMTI2MDgwOTI5\n"
			    "WjAAMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAENLqV0gTg66wyMdJTmHsc5P8G\n"
			    "U9JHRgpo73Nhojg2pnFFR8DQjBcogv+1RZLDbADPt1rAP1suRJFOyo0B5/i0CKNt\n"
			    "MGswKQYDVR0RBCIwIIILc3J2LmV4YW1wbGWCCyoudy5leGFtcGxlhwR/AAABMB0G\n"
			    "A1UdDgQWBBSvT2V66OT8/vIyImS6fP9/5inqgTAfBgNVHSMEGDAWgBTp3mgG99QX\n"
			    "Gc8HYx76ncBvHSeeqDAKBggqhkjOPQQDAgNIADBFAiAnII6mFXBi6ujHVpVMgOYF\n"
			    "FLO5CqjPsIVVe+m8FrEPrQIhAKUCNLDdtnBAqPjbyAchyVyk4cZoKZ1usnxFu0rs\n"
			    "NsaI\n"
			    "-----END CERTIFICATE-----\n";

static void look(const struct rk_cert *c)
{
	static const char *const hosts[] = {"a.example", "10.0.0.7", "[::1]"};

	if (!sk_X509_num(c->chain) || strlen(c->fingerprint) != 64)
		abort();
	for (size_t i = 0; i < c->nsans; i++)
		for (const char *s = c->sans[i]; *s; s++)
			if (*s <= ' ' || *s > '~')
				abort();
	for (const char *s = c->subject; *s; s++)
		if (*s < ' ' || *s > '~')
			abort();
	for (size_t i = 0; i < RK_COUNT(hosts); i++)
		cert_matches(c, hosts[i]);
}

static void judge(const struct rk_cert *c, const char *pem, size_t n)
{
	static const char *const hosts[] = {"a.example"};
	struct rk_err err = RK_ERR_INIT;

	if (rk_cert_check(c, pem, n, hosts, 1, 1800000000, &err) < 0 && !err.msg[0])
		abort();
	rk_err_clear(&err);
	if (rk_cert_verify(c, pem, n, "a.example", &err) < 0 && !err.msg[0])
		abort();
}

/* What is passed on is passed on again as it is; of a key there is nothing where certificates are. */
static void passed_on(const char *pem, size_t n, bool key)
{
	rk_auto_buf once = RK_BUF_INIT, twice = RK_BUF_INIT, tls = RK_BUF_INIT;
	bool good;

	rk_buf_put(&once, pem, n);
	rk_buf_put(&tls, pem, n);
	good = (key ? rk_cert_admit_tls_key(&tls, NULL) : rk_cert_admit_tls(&tls, n & 1, NULL)) ==
	       0;
	if (good && !key && strstr(tls.s, "PRIVATE KEY"))
		abort();
	if (key ? rk_cert_admit_key(&once, NULL) < 0 : rk_cert_admit(&once, n & 1, NULL) < 0)
		return;
	if (!good || !rk_streq(once.s, tls.s))
		abort();
	if (!key && strstr(once.s, "PRIVATE KEY"))
		abort();
	rk_buf_put(&twice, once.s, once.len);
	if ((key ? rk_cert_admit_key(&twice, NULL) : rk_cert_admit(&twice, false, NULL)) < 0 ||
		!rk_streq(once.s, twice.s))
		abort();
}

static void as_pem(const char *pem, size_t n)
{
	rk_auto_buf cert = RK_BUF_INIT, key = RK_BUF_INIT_SECRET;
	rk_auto_cert *c = NULL;

	if (rk_cert_parse(&c, pem, n, NULL) == 0) {
		look(c);
		judge(c, pem, n);
		if (rk_cert_sign_client(pem, n, pem, n, "x", NULL, 1, &cert, &key, NULL) == 0 &&
			(!cert.len || !key.len))
			abort();
	}
	passed_on(pem, n, false);
	passed_on(pem, n, true);
}

static void wrap(struct rk_buf *out, const char *label, const uint8_t *data, size_t n)
{
	rk_buf_addf(out, "-----BEGIN %s-----\n", label);
	rk_base64(out, data, n);
	rk_buf_addf(out, "\n-----END %s-----\n", label);
}

/* The first bytes tell the three notations of a key apart. */
static const char *key_label(const uint8_t *data, size_t n)
{
	size_t head = n < 8 ? n : 8;

	if (memmem(data, head, "\2\1\1", 3))
		return "EC PRIVATE KEY";
	return memmem(data, head, "\2\1\0\2", 4) ? "RSA PRIVATE KEY" : "PRIVATE KEY";
}

/* A certificate, or a key to hold against `fixed`. */
static void as_der(const uint8_t *data, size_t n)
{
	rk_auto_buf pem = RK_BUF_INIT;
	rk_auto_cert *c = NULL;

	wrap(&pem, "CERTIFICATE", data, n);
	if (rk_cert_parse(&c, pem.s, pem.len, NULL) == 0) {
		look(c);
	} else {
		rk_buf_reset(&pem);
		if (rk_cert_parse(&c, fixed, strlen(fixed), NULL) < 0)
			abort();
		wrap(&pem, key_label(data, n), data, n);
	}
	judge(c, pem.s, pem.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	if (n > 1 << 16)
		return 0;
	if (n && memmem(data, n, "-----BEGIN", 10))
		as_pem((const char *)data, n);
	else
		as_der(data, n);
	return 0;
}
