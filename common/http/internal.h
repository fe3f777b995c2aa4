// SPDX-License-Identifier: Apache-2.0
/* What the files of the http module share: client.c the client, proxy.c which proxy, transfer.c one
 * try of a request, request.c its tries, beside others, error.c texts of failures, upgrade.c connections
 * for another protocol. */
#ifndef RK_HTTP_INTERNAL_H
#define RK_HTTP_INTERNAL_H

#include <curl/curl.h>
#include <openssl/x509.h>

#include "http/http.h"
#include "task/task.h"

/* Client certificate and key. Running transfers share them, rk_http_set_cert replaces them. */
struct rk_ident {
	int refs;
	struct rk_buf cert, key;
};
void rk_ident_unref(struct rk_ident *id);

struct rk_http {
	char *shown;	   /* conf.base without trailing slash, for messages */
	char *url;	   /* the same for libcurl: with the name to verify as host */
	char *host;	   /* real host without brackets */
	char *name;	   /* name verified */
	const char *path;  /* of it, in shown; "" for none */
	char *host_header; /* "Host: …" */
	struct curl_slist *connect_to, *resolve;
	char *proxy;		/* "" for none; secret */
	char *proxy_shown;	/* without credentials; NULL for none */
	char *proxy_host;	/* of an https proxy: the name to verify; else NULL */
	struct rk_buf ca;	/* len 0: the system's roots */
	struct rk_ident *ident; /* or NULL */
	char *bearer;		/* secret */
	char *user, *password;	/* secret */
	char *agent;
	char **headers; /* NULL-terminated, secret */
	int64_t connect_ms, request_ms;
	const volatile sig_atomic_t *stop; /* rk_http_set_stop, or NULL */
	bool plain;			   /* http:// to loopback */
	bool (*may_send)(const void *arg, const struct rk_http_req *req); /* or NULL */
	const void *may_send_arg;
	CURLM *multi; /* its transfers and connections; or NULL */
	int epoll, running;
	int64_t fresh_until;  /* transfers take new connections until then */
	STACK_OF(X509) *peer; /* what the server showed last, or NULL */
};

enum rk_xfer_state { RK_XFER_RUNNING, RK_XFER_WAITING, RK_XFER_ENDED };

struct rk_xfer {
	struct rk_http *h;
	CURL *easy;
	struct rk_ident *ident;	    /* held while libcurl may read it */
	struct curl_slist *headers; /* secret */
	char *url;
	char method[16];
	bool safe;		/* GET or HEAD */
	int64_t limit_ms;	/* for the whole of a try, 0: none */
	struct rk_http_req req; /* its strings are the caller's: not for use after prepare */
	struct rk_http_res *res;
	struct rk_buf in; /* what came for req.data, which is called outside of libcurl */
	bool too_large, stopped, delivered, idle;
	bool shaking;	      /* the TLS handshake began */
	bool at_proxy;	      /* it is the one with an https proxy */
	bool headed;	      /* the head of the answer is complete */
	bool sent_once;	      /* the request was sent */
	bool wire;	      /* it only connects: its handle keeps the connection */
	bool resent;	      /* libcurl tried to send it again, which was refused */
	int tries;	      /* retries so far */
	int64_t waited, wake; /* pauses so far; when to start again */
	int64_t begun, last;  /* of this try; last byte received */
	/* how the try ended: rk_xfer_ended */
	CURLcode rc;
	bool answered, silent;
	struct rk_err *refused; /* why the certificate was, or NULL */
	char errbuf[CURL_ERROR_SIZE];
	struct rk_task *task; /* that waits for it */
	enum rk_xfer_state state;
};

/* Set an option of easy handle e; a value that libcurl rejects becomes an error when it connects. */
#define RK_SET(opt, value)                                       \
	do {                                                     \
		CURLcode set_ = curl_easy_setopt(e, opt, value); \
		if (set_ == CURLE_OUT_OF_MEMORY)                 \
			abort();                                 \
	} while (0)

/* --- client.c --- */
bool rk_http_printable(const char *s); /* no control characters: fit for a header */
static inline int rk_http_stopped(const struct rk_http *h)
{
	return h->stop ? *h->stop : 0;
}

/* --- proxy.c --- */
/* Set h->proxy, h->proxy_shown and h->proxy_host: the named proxy, else that of the environment for
 * this server, else none. RK_USAGE for an unknown scheme. */
int rk_http_set_proxy(struct rk_http *h, const char *proxy, const char *scheme, int64_t port,
	struct rk_err *err) RK_MUST_USE;

/* --- transfer.c --- */

/* Fill a zeroed x for req, with a new handle; the answer is stored in res. */
void rk_xfer_prepare(struct rk_xfer *x, struct rk_http *h, const struct rk_http_req *req,
	struct rk_http_res *res);
void rk_xfer_rearm(struct rk_xfer *x); /* before each try */
/* After each try, with libcurl's result: sets rc, answered (there is an HTTP status, in res) and
 * silent (not one byte came: nothing new may use its connection). Returns the pause in ms before the
 * next try, or -1 after the last. */
int64_t rk_xfer_ended(struct rk_xfer *x, CURLcode rc);
void rk_xfer_release(struct rk_xfer *x);

bool rk_xfer_alert(const struct rk_xfer *x);	    /* the server ended it with a TLS alert */
long rk_xfer_proxy_status(const struct rk_xfer *x); /* of a CONNECT refused, else 0 */
long rk_xfer_info(const struct rk_xfer *x, CURLINFO what);
bool rk_http_broken(CURLcode rc); /* an existing connection broke */

/* --- request.c --- */

/* Start a prepared transfer and wait for its end. 0: it was answered, or a wire is connected. */
int rk_xfer_wait(struct rk_xfer *x, struct rk_err *err);

/* --- error.c --- */

/* Set err to why there was no answer (x->rc). Returns -1. */
int rk_xfer_explain(struct rk_xfer *x, struct rk_err *err);

#endif
