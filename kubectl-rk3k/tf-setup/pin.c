// SPDX-License-Identifier: Apache-2.0
/* A CA that only its fingerprint vouches for. */
#include "tool.h"
#include "tls/tls.h"

#include <ctype.h>
#include <strings.h>

#define CACERTS_MAX ((size_t)1 << 20)

/* As sha256sum, a browser or `openssl x509 -fingerprint` prints it. */
static int normal_pin(const char *pin, char out[65], struct rk_err *err)
{
	static const char *const names[] = {"sha256 Fingerprint=", "sha256:", "sha-256:"};
	size_t n = 0;

	pin += strspn(pin, " \t\r\n");
	for (size_t i = 0; i < RK_COUNT(names); i++)
		if (!strncasecmp(pin, names[i], strlen(names[i]))) {
			pin += strlen(names[i]);
			break;
		}
	for (; *pin && n < 64; pin++)
		if (!strchr(": \t\r\n", *pin))
			out[n++] = (char)tolower((unsigned char)*pin);
	out[n] = '\0';
	if (strspn(out, "0123456789abcdef") == 64 && !pin[strspn(pin, ": \t\r\n")])
		return 0;
	rk_err_set(err, RK_USAGE, "the fingerprint of the CA is not a SHA-256 (64 hex digits)");
	return rk_err_hint(err, "on a machine that trusts it: openssl x509 -noout -fingerprint "
				"-sha256 -in CA.pem");
}

/* The CA bundle at /cacerts counts only when the SHA-256 of its text (what Rancher calls the CA checksum)
 * or of one certificate in it is the pin (hex; colons and case do not matter); then only what the pin
 * covers is taken. The connection is not verified yet: the certificate that was refused is taken as the
 * anchor of one more request, which carries nothing of ours; the pin then decides about the answer. */
int tf_pinned_ca(struct job *j, struct rk_err *err)
{
	static const char end[] = "-----END CERTIFICATE-----";
	struct rk_http_conf conf = {.base = j->url,
		.resolve = j->o->kube.resolve,
		.request_ms = j->o->kube.request_timeout_ms};
	struct rk_http_req req = {.path = "/cacerts", .accept = "*/*", .max = CACERTS_MAX};
	rk_auto_http_res res = RK_HTTP_RES_INIT;
	rk_auto_buf peer = RK_BUF_INIT;
	rk_auto_cert *first = NULL;
	char want[65], sum[65];

	if (normal_pin(j->o->ca_fingerprint, want, err) < 0)
		return -1;
	if (rk_verbosity() > 0)
		rk_http_trace = rk_debug_line;
	while (!res.status) {
		rk_auto_cert *shown = NULL;
		rk_auto_http *h = NULL;

		if (rk_http_new(&h, &conf, err) < 0)
			return -1;
		if (rk_http_do(h, &req, &res, err) == 0)
			break;
		if (conf.ca || err->reason != RK_REASON_TLS || rk_http_peer(h, &shown, NULL) < 0 ||
			rk_cert_pem(shown, &peer, NULL) < 0)
			return rk_err_wrap(err, "read /cacerts");
		rk_err_clear(err);
		conf.ca = peer.s;
		conf.ca_len = peer.len;
	}
	if (res.status != 200)
		return rk_rancher_error(&res, "read /cacerts", NULL, err);
	if (!res.body.len)
		return rk_err_set(err, RK_NOTFOUND,
			"%s advises no CA (/cacerts is empty): its certificate is to be verified "
			"by the system's",
			j->url);
	rk_sha256_hex(res.body.s, res.body.len, sum);
	if (rk_streq(sum, want)) {
		rk_buf_put(&j->ca, res.body.s, res.body.len);
		return rk_cert_admit(&j->ca, false, err) < 0
			       ? rk_err_wrap(err, "%s/cacerts", j->url)
			       : 0;
	}
	for (const char *p = res.body.s, *e; (e = strstr(p, end)); p = e) {
		rk_auto_cert *c = NULL;

		e += strlen(end);
		if (rk_cert_parse(&c, p, (size_t)(e - p), NULL) == 0 &&
			rk_streq(c->fingerprint, want) && rk_cert_pem(c, &j->ca, NULL) == 0)
			return 0;
	}
	rk_err_set(err, RK_CONFLICT, "%s: the CA at /cacerts has another fingerprint: %s", j->url,
		rk_cert_parse(&first, res.body.s, res.body.len, NULL) == 0
			? first->fingerprint
			: "it is not a certificate");
	return rk_err_hint(err, "do not go on before you know which one is right");
}
