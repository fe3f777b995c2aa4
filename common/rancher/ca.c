// SPDX-License-Identifier: Apache-2.0
/* A CA that only its fingerprint vouches for. */
#include "internal.h"
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
	for (; *pin; pin++) {
		if (strchr(": \t\r\n", *pin))
			continue;
		if (!isxdigit((unsigned char)*pin) || n == 64)
			break;
		out[n++] = (char)tolower((unsigned char)*pin);
	}
	out[n] = 0;
	if (n == 64 && !*pin)
		return 0;
	rk_err_set(err, RK_USAGE, "the fingerprint of the CA is not a SHA-256 (64 hex digits)");
	return rk_err_hint(err, "on a machine that trusts it: openssl x509 -noout -fingerprint "
				"-sha256 -in CA.pem");
}

static int get_cacerts(const struct rk_rancher_conf *conf, struct rk_buf *out, bool *shown,
	struct rk_buf *peer, struct rk_err *err)
{
	struct rk_http_req req = {.path = "/cacerts", .accept = "*/*", .max = CACERTS_MAX};
	rk_auto_http_res res = RK_HTTP_RES_INIT;
	rk_auto_rancher *r = NULL;
	rk_auto_cert *cert = NULL;

	*shown = false;
	if (rk_rancher_new(&r, conf, err) < 0)
		return -1;
	if (rk_http_do(r->http, &req, &res, err) < 0) {
		*shown = err->reason == RK_REASON_TLS && rk_http_peer(r->http, &cert, NULL) == 0 &&
			 rk_cert_pem(cert, peer, NULL) == 0;
		return rk_err_wrap(err, "read /cacerts");
	}
	if (res.status != 200)
		return rk_rancher_error(&res, "read /cacerts", NULL, err);
	rk_buf_put(out, res.body.s, res.body.len);
	return 0;
}

/* Put what the pin covers into out: all of the text, or one certificate of it. */
static int take_pinned(const struct rk_rancher_conf *conf, const struct rk_buf *text,
	const char *pin, struct rk_buf *out, struct rk_err *err)
{
	static const char end[] = "-----END CERTIFICATE-----";
	rk_auto_cert *first = NULL;
	char sum[65];

	if (!text->len)
		return rk_err_set(err, RK_NOTFOUND,
			"%s advises no CA (/cacerts is empty): its certificate is to be verified "
			"by the system's",
			conf->url);
	rk_sha256_hex(text->s, text->len, sum);
	if (rk_streq(sum, pin)) {
		rk_buf_put(out, text->s, text->len);
		return rk_cert_admit(out, false, err) < 0
			       ? rk_err_wrap(err, "%s/cacerts", conf->url)
			       : 0;
	}
	for (const char *p = text->s, *e; (e = strstr(p, end)); p = e) {
		rk_auto_cert *c = NULL;

		e += strlen(end);
		if (rk_cert_parse(&c, p, (size_t)(e - p), NULL) == 0 &&
			rk_streq(c->fingerprint, pin) && rk_cert_pem(c, out, NULL) == 0)
			return 0;
	}
	rk_err_set(err, RK_CONFLICT, "%s: the CA at /cacerts has another fingerprint: %s",
		conf->url,
		rk_cert_parse(&first, text->s, text->len, NULL) == 0 ? first->fingerprint
								     : "it is not a certificate");
	return rk_err_hint(err, "do not go on before you know which one is right");
}

int rk_rancher_cacerts(struct rk_rancher *r, struct rk_buf *out, struct rk_err *err)
{
	rk_auto_http_res res = RK_HTTP_RES_INIT;

	if (rk_rancher_call(r, "GET", "/cacerts", NULL, "read /cacerts", &res, err) < 0)
		return -1;
	rk_buf_put(out, res.body.s, res.body.len);
	return 0;
}

/* The connection is not verified yet: the certificate that was refused is taken as the anchor
 * of one more request, which carries nothing of ours; the pin then decides about the answer. */
int rk_rancher_pinned_ca(
	const struct rk_rancher_conf *conf, const char *pin, struct rk_buf *out, struct rk_err *err)
{
	rk_auto_buf text = RK_BUF_INIT, peer = RK_BUF_INIT;
	struct rk_rancher_conf again = *conf;
	char want[65];
	bool shown;

	if (normal_pin(pin, want, err) < 0)
		return -1;
	again.ca = NULL;
	if (get_cacerts(&again, &text, &shown, &peer, err) < 0) {
		if (!shown)
			return -1;
		rk_err_clear(err);
		again.ca = peer.s;
		again.ca_len = peer.len;
		if (get_cacerts(&again, &text, &shown, &peer, err) < 0)
			return -1;
	}
	return take_pinned(conf, &text, want, out, err);
}
