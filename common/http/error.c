// SPDX-License-Identifier: Apache-2.0
/* Words for what went wrong: what the user reads when there is no answer. */
#include "internal.h"
#include "tls/tls.h"

#include <errno.h>
#include <openssl/x509.h>

static int fail(
	struct rk_err *err, enum rk_reason reason, int code, const char *msg, const char *hint)
{
	rk_err_set(err, code, "%s", msg);
	if (hint)
		rk_err_hint(err, "%s", hint);
	return rk_err_reason(err, reason);
}

static void seconds_text(int64_t ms, char *out, size_t size)
{
	if (ms % 1000)
		snprintf(out, size, "%lld ms", (long long)ms);
	else
		snprintf(out, size, "%lld s", (long long)(ms / 1000));
}

static int fail_connect(const struct rk_xfer *x, struct rk_err *err)
{
	long no = rk_xfer_info(x, CURLINFO_OS_ERRNO);
	char why[300];

	if (no == ECONNREFUSED && x->h->proxy_shown)
		return fail(err, RK_REASON_PROXY, RK_FAIL,
			"the proxy refuses the connection: nothing listens there",
			"check proxy-url of the kubeconfig, or HTTPS_PROXY");
	if (no == ECONNREFUSED)
		return fail(err, RK_REASON_REFUSED, RK_FAIL,
			"connection refused: nothing listens there",
			"check the address and port, and that the server runs");
	if (no == ETIMEDOUT)
		return fail(err, RK_REASON_TIMEOUT, RK_TIMEOUT,
			"no connection: the address does not answer",
			"check the address, and firewalls on the way");
	if (no == EHOSTUNREACH || no == ENETUNREACH)
		return fail(err, RK_REASON_UNREACHABLE, RK_FAIL, "no route to the address",
			"check the address and the network of this machine");
	snprintf(why, sizeof(why), "cannot connect: %s", no ? strerror((int)no) : x->errbuf);
	return fail(err, RK_REASON_UNREACHABLE, RK_FAIL, why, NULL);
}

static curl_off_t handshaken_us(const struct rk_xfer *x)
{
	curl_off_t t = 0;

	curl_easy_getinfo(x->easy, CURLINFO_APPCONNECT_TIME_T, &t);
	return t;
}

static int fail_timeout(const struct rk_xfer *x, struct rk_err *err)
{
	bool fresh = rk_xfer_info(x, CURLINFO_NUM_CONNECTS) > 0;
	int64_t whole = rk_xfer_limit(x);
	char limit[32], msg[200];

	if (fresh && handshaken_us(x) == 0 && !x->h->plain) {
		seconds_text(whole && whole < x->h->connect_ms ? whole : x->h->connect_ms, limit,
			sizeof(limit));
		snprintf(msg, sizeof(msg),
			x->shaking ? "connected, but no TLS handshake within %s"
				   : "no connection within %s",
			limit);
		return fail(err, RK_REASON_TIMEOUT, RK_TIMEOUT, msg,
			"check the address, and firewalls on the way");
	}
	seconds_text(whole, limit, sizeof(limit));
	snprintf(msg, sizeof(msg),
		x->res->status ? "the answer was not complete after %s" : "no answer within %s",
		limit);
	return fail(err, RK_REASON_TIMEOUT, RK_TIMEOUT, msg, NULL);
}

static int fail_verify(const struct rk_xfer *x, struct rk_err *err)
{
	rk_auto_cert *leaf = NULL, *at = NULL;

	if (x->verdict == X509_V_OK || rk_cert_parse_der(&leaf, x->leaf.s, x->leaf.len, NULL) < 0)
		return fail(err, RK_REASON_TLS, RK_FAIL, x->errbuf, NULL);
	if (x->at.len && (x->at.len != x->leaf.len || memcmp(x->at.s, x->leaf.s, x->at.len) != 0) &&
		rk_cert_parse_der(&at, x->at.s, x->at.len, NULL) < 0)
		at = NULL;
	rk_cert_refused(
		leaf, at ? at : leaf, x->verdict, x->at_proxy ? x->h->proxy_host : x->h->name, err);
	if (x->at_proxy)
		rk_err_wrap(err, "the proxy");
	if (err && !err->hint[0])
		rk_err_hint(err, "%s",
			x->h->ca.len ? "the CA given is not this server's: fetch its CA or "
				       "kubeconfig again"
				     : "give the CA that issued it");
	return rk_err_reason(err, RK_REASON_TLS);
}

static int fail_ident(const struct rk_xfer *x, struct rk_err *err)
{
	rk_auto_cert *c = NULL;
	const struct rk_ident *id = x->ident;

	if (id && rk_cert_parse(&c, id->cert.s, id->cert.len, err) == 0 &&
		rk_cert_check_key(c, id->key.s, id->key.len, err) == 0)
		rk_err_set(err, RK_FAIL, "%s", x->errbuf);
	rk_err_wrap(err, "the client certificate");
	return rk_err_reason(err, RK_REASON_TLS);
}

static int fail_ca(const struct rk_xfer *x, struct rk_err *err)
{
	if (!x->h->ca.len || rk_cert_bundle(x->h->ca.s, x->h->ca.len, NULL, err) == 0)
		rk_err_set(err, RK_FAIL, "%s", x->errbuf);
	rk_err_wrap(err, "the CA");
	return rk_err_reason(err, RK_REASON_TLS);
}

static int fail_handshake(const struct rk_xfer *x, struct rk_err *err)
{
	char msg[CURL_ERROR_SIZE + 64];
	const char *alert = strstr(x->errbuf, " alert ");
	int n = alert ? (int)strcspn(alert += 7, ",") : 0;

	if (strstr(x->errbuf, "wrong version number") || strstr(x->errbuf, "http request") ||
		strstr(x->errbuf, "packet length too long"))
		return fail(err, RK_REASON_TLS, RK_FAIL,
			"it does not speak TLS: a plain HTTP port?", NULL);
	if (strstr(x->errbuf, "protocol version") || strstr(x->errbuf, "unsupported protocol"))
		return fail(err, RK_REASON_TLS, RK_FAIL, "it offers no TLS 1.2 or newer", NULL);
	if (alert && (strstr(alert, "certificate") || strstr(alert, "unknown ca") ||
			     strstr(alert, "access denied"))) {
		snprintf(msg, sizeof(msg), "it refuses %s (TLS alert: %.*s)",
			x->ident ? "our client certificate" : "us without a client certificate", n,
			alert);
		return fail(err, RK_REASON_TLS, RK_FAIL, msg,
			x->ident ? "the certificate may have expired or belong to another cluster"
				 : NULL);
	}
	if (strstr(x->errbuf, "SSL_ERROR_SYSCALL") || strstr(x->errbuf, "unexpected eof"))
		return fail(err, RK_REASON_BROKEN, RK_FAIL,
			"it closed the connection during the TLS handshake", NULL);
	snprintf(msg, sizeof(msg), "no TLS connection: %s", x->errbuf);
	return fail(err, RK_REASON_TLS, RK_FAIL, msg, NULL);
}

static int fail_broken(const struct rk_xfer *x, struct rk_err *err)
{
	char msg[CURL_ERROR_SIZE + 100];
	const char *maybe = rk_xfer_safe(x) ? "" : "; the request may have been carried out";

	if (rk_xfer_proxy_status(x)) {
		snprintf(msg, sizeof(msg), "the proxy refuses the connection (HTTP %ld)",
			rk_xfer_proxy_status(x));
		return fail(err, RK_REASON_PROXY, RK_FAIL, msg, NULL);
	}
	if (rk_xfer_alert(x))
		return fail_handshake(x, err);
	if (x->res->status)
		snprintf(msg, sizeof(msg),
			"the connection was closed in the middle of the answer, after %zu bytes",
			x->res->body.len);
	else
		snprintf(msg, sizeof(msg), "the connection was closed without an answer%s", maybe);
	return fail(err, RK_REASON_BROKEN, RK_FAIL, msg, NULL);
}

static int fail_size(const struct rk_xfer *x, struct rk_err *err)
{
	char msg[100];

	snprintf(msg, sizeof(msg), "the answer is larger than the limit of %zu bytes",
		x->res->body.max);
	return fail(err, RK_REASON_TOO_LARGE, RK_FAIL, msg, NULL);
}

/* libcurl's own limits: 100 KB for a line of the head, 300 KB for all of it. */
static int fail_head(struct rk_err *err)
{
	return fail(err, RK_REASON_TOO_LARGE, RK_FAIL,
		"the header of the answer is larger than the limit of 100 KB a line", NULL);
}

static int fail_idle(const struct rk_xfer *x, struct rk_err *err)
{
	char limit[32], msg[100];

	seconds_text(x->req.idle_ms, limit, sizeof(limit));
	snprintf(msg, sizeof(msg), "not a byte for %s", limit);
	return fail(err, RK_REASON_TIMEOUT, RK_TIMEOUT, msg, NULL);
}

static int fail_name(const char *host, bool proxy, struct rk_err *err)
{
	char msg[400];

	snprintf(msg, sizeof(msg), "the name %s%.255s was not found", proxy ? "of the proxy " : "",
		host);
	return fail(err, RK_REASON_RESOLVE, RK_FAIL, msg,
		"check the name, and the DNS of this machine");
}

/* libcurl has had three codes for a head beyond its limits, one of them "Out of memory". */
static bool is_head_limit(CURLcode rc, const char *text)
{
#if LIBCURL_VERSION_NUM >= 0x080600
	if (rc == CURLE_TOO_LARGE)
		return true;
#endif
	return rc == CURLE_OUT_OF_MEMORY ||
	       (rc == CURLE_RECV_ERROR && strncmp(text, "Too large response headers", 26) == 0);
}

static int why(struct rk_xfer *x, CURLcode rc, struct rk_err *err)
{
	if (!x->errbuf[0])
		snprintf(x->errbuf, sizeof(x->errbuf), "%s", curl_easy_strerror(rc));
	if (x->too_large)
		return fail_size(x, err);
	if (x->idle)
		return fail_idle(x, err);
	if (x->asked && !x->headed && is_head_limit(rc, x->errbuf))
		return fail_head(err);
	switch (rc) {
	case CURLE_COULDNT_RESOLVE_HOST:
		return fail_name(x->h->host, false, err);
	case CURLE_COULDNT_RESOLVE_PROXY:
		return fail_name(strstr(x->h->proxy_shown, "://") + 3, true, err);
	case CURLE_COULDNT_CONNECT:
		return fail_connect(x, err);
	case CURLE_OPERATION_TIMEDOUT:
		return fail_timeout(x, err);
	case CURLE_PEER_FAILED_VERIFICATION:
		return fail_verify(x, err);
	case CURLE_SSL_CERTPROBLEM:
		return fail_ident(x, err);
	case CURLE_SSL_CACERT_BADFILE:
		return fail_ca(x, err);
	case CURLE_SSL_CONNECT_ERROR:
		if (x->verdict != X509_V_OK) /* within the TLS of a proxy libcurl does not say so */
			return fail_verify(x, err);
		return fail_handshake(x, err);
	case CURLE_RANGE_ERROR:
		return fail(err, RK_REASON_BROKEN, RK_FAIL,
			"it answered HTTP 206: a part of the content, which was not asked for",
			NULL);
	case CURLE_URL_MALFORMAT:
		return fail(err, RK_REASON_NONE, RK_USAGE,
			"the path of the request is not a URL path", NULL);
	default:
		if (rk_http_broken(rc))
			return fail_broken(x, err);
		return fail(err, RK_REASON_NONE, RK_FAIL, x->errbuf, NULL);
	}
}

int rk_xfer_explain(struct rk_xfer *x, CURLcode rc, struct rk_err *err)
{
	const struct rk_http *h = x->h;
	bool proxied =
		h->proxy_shown && rc != CURLE_SSL_CERTPROBLEM && rc != CURLE_SSL_CACERT_BADFILE;

	if (!err)
		return -1;
	why(x, rc, err);
	if (x->tries)
		rk_err_wrap(err, "%s%s%s (after %d tries)", h->shown, proxied ? " through " : "",
			proxied ? h->proxy_shown : "", x->tries + 1);
	else
		rk_err_wrap(err, "%s%s%s", h->shown, proxied ? " through " : "",
			proxied ? h->proxy_shown : "");
	return -1;
}
