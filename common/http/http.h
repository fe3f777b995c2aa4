// SPDX-License-Identifier: Apache-2.0
/* http - HTTPS through libcurl: one client per server, connection reuse, limits, retries.
 *
 * CA, certificate and key are blobs in memory, never files. TLS is 1.2 or newer and always
 * verified; there is no way to switch that off. http:// is refused except for loopback when
 * allow_http is set (tests of retry logic). Redirects are never followed. Responses are
 * bounded. HTTP/2 by ALPN; many requests to one server share its connection. */
#ifndef RK_HTTP_H
#define RK_HTTP_H

#include <signal.h>

#include "base/base.h"

struct rk_http_req;
struct rk_http_conf {
	const char *base;	     /* https://host[:port][/prefix], no trailing slash needed */
	const char *tls_server_name; /* SNI and the name verified; NULL: the host of base */
	const char *ca;		     /* PEM bundle, the only anchors; NULL: the system's roots */
	size_t ca_len;
	const char *cert, *key; /* client certificate chain and key, PEM */
	size_t cert_len, key_len;
	const char *bearer;	     /* token, without "Bearer " */
	const char *user, *password; /* basic */
	const char *proxy; /* http, https, socks5; absolute, NO_PROXY does not exempt. NULL: env */
	const char *const *headers; /* NULL-terminated "Name: value", for every request */
	const char *resolve;	    /* "host:port:address" as curl --resolve, several apart by
				     * blanks, or NULL */
	int64_t connect_ms;	    /* 0: 10 s */
	int64_t request_ms;	    /* whole request, 0: 30 s; streams are exempt. A connection on
				     * which nothing is acknowledged for so long is lost */
	bool allow_http;
	/* Asked before each request is sent; false: it is never sent, which is an error. NULL: all
	 * are sent. */
	bool (*may_send)(const void *arg, const struct rk_http_req *req);
	const void *may_send_arg;
};

struct rk_http_req {
	const char *method;	  /* "GET"; NULL: GET, or POST with a body */
	const char *path;	  /* appended to base: "/api/v1/…?x=y" */
	const char *content_type; /* of the body */
	const char *accept;	  /* NULL: application/json */
	const void *body;
	size_t body_len;
	size_t max;	    /* largest response body; 0: 64 MiB */
	bool retry;	    /* repeat as client-go does: 429/5xx with Retry-After any verb; broken
		     * connection: GET only; at most 10 times, with a bound on the sum */
	bool stream;	    /* no request_ms; idle_ms applies */
	int64_t timeout_ms; /* for this request; 0: the client's request_ms */
	int64_t idle_ms;    /* give up after so long without a byte (watch); 0: none */
	const char *const *headers; /* more, NULL-terminated; may be NULL */
	/* Gets the bytes of a 2xx as they come, and may send requests; <0 ends it, as a
	 * success. NULL: collected in res->body. */
	int (*data)(void *arg, const char *p, size_t n);
	void *data_arg;
};

struct rk_http_res {
	int status;
	struct rk_buf body;
	char content_type[80];
	char location[2048];	/* Location of a 3xx, cut when longer */
	char authenticate[512]; /* WWW-Authenticate of a 401; Bearer's when there are several */
	int64_t retry_after;	/* seconds, -1 when absent or no whole number */
	struct rk_buf
		warnings; /* texts of `Warning: 299 - "text"` headers, unescaped, a line each */
};
/* A body started with RK_BUF_INIT_SECRET (or body.secret set) is wiped on release. */
#define RK_HTTP_RES_INIT                                                        \
	{                                                                       \
		.body = RK_BUF_INIT, .retry_after = -1, .warnings = RK_BUF_INIT \
	}
void rk_http_res_release(struct rk_http_res *r);
#define rk_auto_http_res __attribute__((cleanup(rk_http_res_release))) struct rk_http_res

struct rk_http;

/* Make a client; everything in conf is copied (secrets wiped on free). No connection yet.
 * Errors: RK_USAGE for a bad URL; RK_CONFLICT for http://. */
int rk_http_new(
	struct rk_http **out, const struct rk_http_conf *conf, struct rk_err *err) RK_MUST_USE;
void rk_http_free(struct rk_http *h);
static inline void rk_cleanup_http_(struct rk_http **h)
{
	rk_http_free(*h);
}
#define rk_auto_http __attribute__((cleanup(rk_cleanup_http_))) struct rk_http

/* Replace the token (copied) or the client certificate; the latter drops open connections.
 * Errors: RK_FAIL as of rk_cert_admit_tls and rk_cert_admit_tls_key; the old one is kept then. */
void rk_http_set_bearer(struct rk_http *h, const char *token);
int rk_http_set_cert(struct rk_http *h, const char *cert, size_t cert_len, const char *key,
	size_t key_len, struct rk_err *err) RK_MUST_USE;

/* While *stop is not 0 it is the number of a signal: no request is begun, and a running GET is
 * cancelled; one that changes something is finished. The error's code is then 128 + *stop. NULL: no
 * longer. */
void rk_http_set_stop(struct rk_http *h, const volatile sig_atomic_t *stop);

/* How long one request may take. */
int64_t rk_http_request_ms(const struct rk_http *h);

/* Do one request and wait. 0: there is an HTTP status, whatever it is. -1: no answer; err->reason is
 * RK_REASON_RESOLVE to RK_REASON_BROKEN, RK_REASON_TOO_LARGE or none. A server that answers with a
 * status and drops the rest of an upload has answered. */
int rk_http_do(struct rk_http *h, const struct rk_http_req *req, struct rk_http_res *res,
	struct rk_err *err) RK_MUST_USE;

/* The certificates that the server showed in the last handshake, the leaf first; they may be the
 * very ones that were refused. RK_NOTFOUND before any. */
struct rk_cert;
int rk_http_peer(const struct rk_http *h, struct rk_cert **out, struct rk_err *err) RK_MUST_USE;

/* --- a connection to speak another protocol on, after an Upgrade --- */
struct rk_wire; /* TLS, verified as for requests; HTTP/1.1 by ALPN; through the proxy */

/* Connect; nothing is sent yet. Errors as rk_http_do. */
int rk_http_wire(struct rk_wire **out, struct rk_http *h, struct rk_err *err) RK_MUST_USE;
void rk_wire_free(struct rk_wire *w);
/* "GET path HTTP/1.1" and the headers every request of h has (Host, credentials, agent), each line
 * ended; the caller adds its own and the empty line. out should be secret. */
void rk_wire_head(const struct rk_wire *w, const char *path, struct rk_buf *out);
int rk_wire_fd(const struct rk_wire *w);
/* Bytes received (0: none now), -1: closed or broken. Read until 0 before waiting on fd. */
ssize_t rk_wire_recv(struct rk_wire *w, void *p, size_t n);
/* Bytes sent (0: no room now), -1: closed or broken. What was not sent is passed again, with or without
 * more behind it, when fd is writable. */
ssize_t rk_wire_send(struct rk_wire *w, const void *p, size_t n) RK_MUST_USE;

/* Called with one line for each request (method, URL without query secrets, status, ms) when
 * set: -v. Never with headers or bodies of Secrets. */
extern void (*rk_http_trace)(const char *line);

#endif
