// SPDX-License-Identifier: Apache-2.0
/* The error of a request without an answer, made from libcurl's result. */
#include "internal.h"
#include "tls/tls.h"

#include <errno.h>
#include <stdarg.h>

#define CHECK_ADDRESS "check the address, and firewalls on the way"

static int fail(struct rk_err *err, enum rk_reason reason, const char *hint, const char *fmt, ...)
	RK_PRINTF(4, 5);
static int fail(struct rk_err *err, enum rk_reason reason, const char *hint, const char *fmt, ...)
{
	char msg[CURL_ERROR_SIZE + 200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	rk_err_set(err, reason == RK_REASON_TIMEOUT ? RK_TIMEOUT : RK_FAIL, "%s", msg);
	if (hint)
		rk_err_hint(err, "%s", hint);
	return rk_err_reason(err, reason);
}

static int fail_connect(const struct rk_xfer *x, struct rk_err *err)
{
	long no = rk_xfer_info(x, CURLINFO_OS_ERRNO);

	switch (no) {
	case ECONNREFUSED:
		if (x->h->proxy_shown)
			return fail(err, RK_REASON_PROXY,
				"check proxy-url of the kubeconfig, or HTTPS_PROXY",
				"the proxy refuses the connection: nothing listens there");
		return fail(err, RK_REASON_REFUSED,
			"check the address and port, and that the server runs",
			"connection refused: nothing listens there");
	case ETIMEDOUT:
		return fail(err, RK_REASON_TIMEOUT, CHECK_ADDRESS,
			"no connection: the address does not answer");
	case EHOSTUNREACH:
	case ENETUNREACH:
		return fail(err, RK_REASON_UNREACHABLE,
			"check the address and the network of this machine",
			"no route to the address");
	default:
		return fail(err, RK_REASON_UNREACHABLE, NULL, "cannot connect: %s",
			no ? strerror((int)no) : x->errbuf);
	}
}

static const char *seconds(int64_t ms, char out[32])
{
	if (ms % 1000)
		snprintf(out, 32, "%lld ms", (long long)ms);
	else
		snprintf(out, 32, "%lld s", (long long)(ms / 1000));
	return out;
}

static int fail_timeout(const struct rk_xfer *x, struct rk_err *err)
{
	int64_t whole = x->limit_ms, connect = x->h->connect_ms;
	curl_off_t handshake_us = 0;
	char limit[32];

	if (x->idle)
		return fail(err, RK_REASON_TIMEOUT, NULL, "no data for %s",
			seconds(x->req.idle_ms, limit));
	curl_easy_getinfo(x->easy, CURLINFO_APPCONNECT_TIME_T, &handshake_us);
	if (rk_xfer_info(x, CURLINFO_NUM_CONNECTS) > 0 && !handshake_us && !x->h->plain)
		return fail(err, RK_REASON_TIMEOUT, CHECK_ADDRESS,
			x->shaking ? "connected, but no TLS handshake within %s"
				   : "no connection within %s",
			seconds(whole && whole < connect ? whole : connect, limit));
	return fail(err, RK_REASON_TIMEOUT, NULL,
		x->res->status ? "the answer was not complete after %s" : "no answer within %s",
		seconds(whole, limit));
}

static int fail_verify(const struct rk_xfer *x, struct rk_err *err)
{
	if (!x->refused)
		return fail(err, RK_REASON_TLS, NULL, "%s", x->errbuf);
	*err = *x->refused;
	if (x->at_proxy)
		rk_err_wrap(err, "the proxy");
	if (!err->hint[0])
		rk_err_hint(err, "%s",
			x->h->ca.len ? "the CA given is not this server's: fetch its CA or "
				       "kubeconfig again"
				     : "give the CA that issued it");
	return rk_err_reason(err, RK_REASON_TLS);
}

/* libcurl rejects our own certificate, key or CA. */
static int fail_own_pem(const struct rk_xfer *x, CURLcode rc, struct rk_err *err)
{
	bool of_client = rc == CURLE_SSL_CERTPROBLEM, fine;
	const struct rk_ident *id = x->ident;
	rk_auto_buf ca = RK_BUF_INIT;
	rk_auto_cert *c = NULL;

	rk_buf_put(&ca, x->h->ca.s, x->h->ca.len);
	if (of_client)
		fine = !id || (rk_cert_parse(&c, id->cert.s, id->cert.len, err) == 0 &&
				      rk_cert_check_key(c, id->key.s, id->key.len, err) == 0);
	else
		fine = !ca.len || rk_cert_admit(&ca, false, err) == 0;
	if (fine)
		rk_err_set(err, RK_FAIL, "%s", x->errbuf);
	rk_err_wrap(err, of_client ? "the client certificate" : "the CA");
	return rk_err_reason(err, RK_REASON_TLS);
}

static int fail_handshake(const struct rk_xfer *x, struct rk_err *err)
{
	const char *e = x->errbuf, *alert = strstr(e, " alert ");

	if (strstr(e, "wrong version number") || strstr(e, "http request") ||
		strstr(e, "packet length too long"))
		return fail(err, RK_REASON_TLS, NULL,
			"the server does not speak TLS; is this a plain HTTP port?");
	if (strstr(e, "protocol version") || strstr(e, "unsupported protocol"))
		return fail(
			err, RK_REASON_TLS, NULL, "the server does not support TLS 1.2 or newer");
	if (alert && (strstr(alert, "certificate") || strstr(alert, "unknown ca") ||
			     strstr(alert, "access denied"))) {
		alert += strlen(" alert ");
		return fail(err, RK_REASON_TLS,
			x->ident ? "the certificate may have expired or belong to another cluster"
				 : NULL,
			"the server rejected %s (TLS alert: %.*s)",
			x->ident ? "the client certificate"
				 : "a connection without a client certificate",
			(int)strcspn(alert, ","), alert);
	}
	if (strstr(e, "SSL_ERROR_SYSCALL") || strstr(e, "unexpected eof"))
		return fail(err, RK_REASON_BROKEN, NULL,
			"the server closed the connection during the TLS handshake");
	return fail(err, RK_REASON_TLS, NULL, "no TLS connection: %s", e);
}

static int fail_broken(const struct rk_xfer *x, struct rk_err *err)
{
	long proxy = rk_xfer_proxy_status(x);

	if (proxy)
		return fail(err, RK_REASON_PROXY, NULL,
			"the proxy refuses the connection (HTTP %ld)", proxy);
	if (rk_xfer_alert(x))
		return fail_handshake(x, err);
	if (x->res->status)
		return fail(err, RK_REASON_BROKEN, NULL,
			"the connection was closed in the middle of the answer, after %zu bytes",
			x->res->body.len);
	return fail(err, RK_REASON_BROKEN, NULL, "the connection was closed without an answer%s",
		x->safe ? "" : "; the request may have been carried out");
}

/* libcurl accepts 100 KB for a line of the head and 300 KB for all of it, and has had three codes for
 * more than that, one of them "Out of memory". */
static bool is_head_limit(CURLcode rc, const char *text)
{
#if LIBCURL_VERSION_NUM >= 0x080600
	if (rc == CURLE_TOO_LARGE)
		return true;
#endif
	return rc == CURLE_OUT_OF_MEMORY ||
	       (rc == CURLE_RECV_ERROR && strncmp(text, "Too large response headers", 26) == 0);
}

static int explain(const struct rk_xfer *x, CURLcode rc, struct rk_err *err)
{
	if (x->too_large)
		return fail(err, RK_REASON_TOO_LARGE, NULL,
			"the answer is larger than the limit of %zu bytes", x->res->body.max);
	if (x->idle)
		return fail_timeout(x, err);
	if (x->sent_once && !x->headed && is_head_limit(rc, x->errbuf))
		return fail(err, RK_REASON_TOO_LARGE, NULL,
			"the header of the answer is larger than the limit of 100 KB a line");
	switch (rc) {
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
		return fail(err, RK_REASON_RESOLVE, "check the name, and the DNS of this machine",
			"the name %s%.255s was not found",
			rc == CURLE_COULDNT_RESOLVE_HOST ? "" : "of the proxy ",
			rc == CURLE_COULDNT_RESOLVE_HOST ? x->h->host
							 : strstr(x->h->proxy_shown, "://") + 3);
	case CURLE_COULDNT_CONNECT:
		return fail_connect(x, err);
	case CURLE_OPERATION_TIMEDOUT:
		return fail_timeout(x, err);
	case CURLE_PEER_FAILED_VERIFICATION:
		return fail_verify(x, err);
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CACERT_BADFILE:
		return fail_own_pem(x, rc, err);
	case CURLE_SSL_CONNECT_ERROR:
		/* within the TLS of a proxy libcurl has no other code for a refused certificate */
		return x->refused ? fail_verify(x, err) : fail_handshake(x, err);
	case CURLE_RANGE_ERROR:
		return fail(err, RK_REASON_BROKEN, NULL,
			"the server answered HTTP 206 (partial content) to a request for all of "
			"it");
	case CURLE_URL_MALFORMAT:
		return rk_err_set(err, RK_USAGE, "the path of the request is not a URL path");
	default:
		return rk_http_broken(rc) ? fail_broken(x, err)
					  : fail(err, RK_REASON_NONE, NULL, "%s", x->errbuf);
	}
}

int rk_xfer_explain(struct rk_xfer *x, struct rk_err *err)
{
	const char *proxy = x->h->proxy_shown;
	char tries[32] = "";

	if (!err)
		return -1;
	if (!x->errbuf[0])
		snprintf(x->errbuf, sizeof(x->errbuf), "%s", curl_easy_strerror(x->rc));
	explain(x, x->rc, err);
	if (x->tries)
		snprintf(tries, sizeof(tries), " (after %d tries)", x->tries + 1);
	if (x->rc == CURLE_SSL_CERTPROBLEM || x->rc == CURLE_SSL_CACERT_BADFILE)
		proxy = NULL;
	return rk_err_wrap(
		err, "%s%s%s%s", x->h->shown, proxy ? " through " : "", proxy ? proxy : "", tries);
}
