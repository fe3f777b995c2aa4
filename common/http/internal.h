// SPDX-License-Identifier: Apache-2.0
/* what the files of the http module share; no other file includes it.
 *
 * http.c the client, http-proxy.c which proxy, http-xfer.c one request with its repeats (at once
 * or in a pool), http-error.c words for failures, http-pool.c many at once, http-wire.c upgrades. */
#ifndef RK_HTTP_INTERNAL_H
#define RK_HTTP_INTERNAL_H

#include <curl/curl.h>

#include "http/http.h"

/* Client certificate and key. Running transfers share them, rk_http_set_cert replaces them. */
struct rk_ident {
	int refs;
	struct rk_buf cert, key;
};
struct rk_ident *rk_ident_ref(struct rk_ident *id);
void rk_ident_unref(struct rk_ident *id);

struct rk_http {
	char *shown;	   /* conf.base without trailing slash, for messages */
	char *url;	   /* the same for libcurl: with the name to verify as host */
	char *host;	   /* real host without brackets */
	char *name;	   /* name verified */
	char *host_header; /* "Host: …" or NULL */
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
	CURL *easy;	     /* of rk_http_do, kept for its connections */
	int64_t fresh_until; /* a pool's transfers take new connections till then */
	struct rk_buf peer;  /* DER of what the server showed last */
};

enum rk_xfer_state { RK_XFER_NEW, RK_XFER_RUNNING, RK_XFER_WAITING, RK_XFER_ENDED };

struct rk_xfer {
	struct rk_http *h;
	CURL *easy;
	struct rk_ident *ident;	    /* held while libcurl may read it */
	struct curl_slist *headers; /* secret */
	char *url;
	char method[16];
	struct rk_http_req req; /* its strings are the caller's: not for use after prepare */
	struct rk_buf own_body; /* of a pool's transfer */
	const char *body;
	size_t body_len, sent;
	struct rk_http_res *res, own_res;
	struct rk_xfer_cb cb;
	bool too_large, stopped, delivered, idle, cancelled;
	bool heard;	      /* bytes were handed on since rk_pool_poll looked */
	bool shaking;	      /* the TLS handshake began */
	bool at_proxy;	      /* it is the one with an https proxy */
	bool headed;	      /* the head of the answer is complete */
	bool framed;	      /* it says where the body ends */
	bool asked, again;    /* it was sent; libcurl wanted to send it once more, and may not */
	int tries;	      /* repeats so far */
	int64_t waited, wake; /* pauses so far; when to start again */
	int64_t begun, last;  /* of this try; last byte seen */
	/* what the handshake saw */
	int verdict;		/* X509_V_… */
	struct rk_buf leaf, at; /* DER of a leaf refused and of the certificate at fault */
	char errbuf[CURL_ERROR_SIZE];
	/* in a pool */
	struct rk_pool *pool;
	struct rk_xfer *next, *prev;
	enum rk_xfer_state state;
};

/* Set an option of easy handle e; a value libcurl cannot take shows when it connects. */
#define RK_SET(opt, value)                                       \
	do {                                                     \
		CURLcode set_ = curl_easy_setopt(e, opt, value); \
		if (set_ == CURLE_OUT_OF_MEMORY)                 \
			abort();                                 \
	} while (0)

/* --- http.c --- */
bool rk_http_is_ip(const char *s);
bool rk_http_may_send(const struct rk_http *h, const struct rk_http_req *req);
bool rk_http_printable(const char *s); /* no control characters: fit for a header */
int64_t rk_http_now(void);
void rk_http_res_reset(struct rk_http_res *r);

/* --- http-proxy.c --- */

bool rk_http_is_loopback(const char *host);
/* Proxy of the environment for this server, or NULL. Source: golang.org/x/net/http/httpproxy. */
const char *rk_http_env_proxy(const char *scheme, const char *host, const char *port);
/* Set h->proxy and h->proxy_shown; proxy NULL: none. RK_USAGE for an unknown scheme. */
int rk_http_set_proxy(struct rk_http *h, const char *proxy, struct rk_err *err) RK_MUST_USE;

/* --- http-xfer.c --- */

/* Fill a zeroed x for req; res is the place of the answer. Then bind an easy handle to it. */
void rk_xfer_prepare(struct rk_xfer *x, struct rk_http *h, const struct rk_http_req *req,
	struct rk_http_res *res);
/* A handle with all that stays the same for the requests of a client. */
CURL *rk_xfer_easy(struct rk_xfer *x);
void rk_xfer_bind(CURL *e, struct rk_xfer *x);
int64_t rk_xfer_limit(const struct rk_xfer *x); /* ms for the whole of a try, 0: none */
void rk_xfer_rearm(struct rk_xfer *x);		/* before each try */
void rk_xfer_release(struct rk_xfer *x);

/* libcurl's result, corrected: not every answer it is content with is a whole one. */
CURLcode rk_xfer_outcome(const struct rk_xfer *x, CURLcode rc);
/* Whether it waited in vain, without a byte: nothing new is to go where it went. */
bool rk_xfer_silent(const struct rk_xfer *x, CURLcode rc);
/* Whether there is an answer; sets res->status. */
bool rk_xfer_answered(struct rk_xfer *x, CURLcode rc);
/* Pause in ms before the next try, or -1: this is the end. */
int64_t rk_xfer_again_in(const struct rk_xfer *x, CURLcode rc, bool has_status);
void rk_xfer_trace(const struct rk_xfer *x, CURLcode rc, bool has_status);

static inline int rk_http_stopped(const struct rk_http *h)
{
	return h->stop ? *h->stop : 0;
}
bool rk_xfer_safe(const struct rk_xfer *x);	    /* GET or HEAD */
bool rk_xfer_alert(const struct rk_xfer *x);	    /* the server ended it with a TLS alert */
long rk_xfer_proxy_status(const struct rk_xfer *x); /* of a CONNECT refused, else 0 */
long rk_xfer_info(const struct rk_xfer *x, CURLINFO what);
bool rk_http_broken(CURLcode rc); /* the connection broke, as opposed to never came about */

/* --- http-error.c --- */

/* Say why there was no answer. Returns -1. */
int rk_xfer_explain(struct rk_xfer *x, CURLcode rc, struct rk_err *err);

#endif
