// SPDX-License-Identifier: Apache-2.0
/* rancher - Rancher's own API: session, tokens, clusters, kubeconfigs, settings, first login.
 *
 * Two generations are spoken, chosen by what the server has: /v3-public and /v3/tokens (Norman),
 * /v1-public/login and ext.cattle.io tokens. Links and redirects in answers are never followed. Errors
 * quote a bounded, printable piece of the server's own words, and never one that holds a secret.
 *
 * Source: Rancher 2.9 to 2.15, read in its source and tried on 2.13. */
#ifndef RK_RANCHER_H
#define RK_RANCHER_H

#include "data/data.h"
#include "http/http.h"

#define RK_RANCHER_MAX_TTL    "auth-token-max-ttl-minutes" /* setting; "0": no limit */
#define RK_RANCHER_SERVER_URL "server-url"

/* "rancher.example.com", "https://h:8443/dashboard/" → "https://h:8443": https, no path, no
 * slash; in d. Errors: RK_USAGE (http://, another scheme, a password in it, no host). */
int rk_rancher_url(
	struct rk_doc *d, const char *text, const char **url, struct rk_err *err) RK_MUST_USE;

/* --- whether Rancher is served --- */

/* UNKNOWN: no server was reached from this machine (DNS, routing, a proxy). FAILS: one was, and it
 * did not answer as Rancher does under a verified certificate. */
enum rk_ping_state { RK_PING_UNKNOWN, RK_PING_ANSWERS, RK_PING_FAILS };
const char *rk_ping_word(enum rk_ping_state s); /* "unknown", "answers", "fails" */

struct rk_ping_conf {
	const char *ca; /* PEM, the only anchors; ca_len 0: the system's */
	size_t ca_len;
	const char *resolve; /* host:port:address, or NULL */
	const struct rk_strv
		*addresses; /* tried when no server answers under the name; may be NULL */
	int64_t connect_ms, request_ms; /* 0: 3 s and 5 s */
};

struct rk_ping {
	const char *host;
	enum rk_ping_state state;
	int status;	   /* of HTTP, 0: no answer */
	char why[700];	   /* "https://HOST: text" when it does not answer */
	char address[64];  /* of conf.addresses, when the answer came from there */
	char detour[320];  /* then: why the name itself did not do */
	struct rk_err err; /* when there was no answer */
};
/* Ask https://HOST/ping, once. host is borrowed by *p. */
void rk_rancher_ping(const struct rk_ping_conf *c, const char *host, struct rk_ping *p);

struct rk_rancher;

struct rk_rancher_conf {
	const char *url; /* as rk_rancher_url gives it */
	const char *ca;	 /* PEM, the only anchors; NULL: the system's */
	size_t ca_len;
	const char *resolve; /* host:port:address, or NULL */
	int64_t request_ms;  /* 0: 30 s */
};
/* No connection yet. */
int rk_rancher_new(struct rk_rancher **out, const struct rk_rancher_conf *conf,
	struct rk_err *err) RK_MUST_USE;
void rk_rancher_free(struct rk_rancher *r);
static inline void rk_cleanup_rancher_(struct rk_rancher **r)
{
	rk_rancher_free(*r);
}
#define rk_auto_rancher __attribute__((cleanup(rk_cleanup_rancher_))) struct rk_rancher

/* As rk_http_set_stop; set it to NULL before what was made is deleted again. */
void rk_rancher_set_stop(struct rk_rancher *r, const volatile sig_atomic_t *stop);

/* Ask /ping until it says pong, at most for wait_ms, then the version. Waits out what an ingress says
 * while Rancher starts (refused, 404, 502 to 504), then RK_TIMEOUT. At once: TLS (err->reason), a
 * redirect, a page that is not of Rancher. */
int rk_rancher_ready(struct rk_rancher *r, int64_t wait_ms, struct rk_err *err) RK_MUST_USE;
const char *rk_rancher_version(const struct rk_rancher *r); /* "v2.13.0"; "" before */

/* --- session --- */

/* Log in as a local user; the session's token is used from here on and has this description.
 * RK_CONFLICT: wrong password (err->http 401), disabled user (403). */
int rk_rancher_login(struct rk_rancher *r, const char *user, const char *password,
	const char *description, struct rk_err *err) RK_MUST_USE;
/* Name of the session's token, in d, or NULL without a session. */
const char *rk_rancher_session(const struct rk_rancher *r, struct rk_doc *d);
/* Whether a request that failed with err may have been carried out all the same: its answer was
 * lost, came too late, was damaged, or a proxy gave one in Rancher's place. */
bool rk_rancher_maybe_done(const struct rk_err *err);
/* Use this token (copied, wiped) from here on; it is not a session, logout leaves it alone. NULL:
 * back to the session, if there is one. */
void rk_rancher_use(struct rk_rancher *r, const char *token);
/* End the session with its own token, whatever rk_rancher_use set. Without one: 0. */
int rk_rancher_logout(struct rk_rancher *r, struct rk_err *err) RK_MUST_USE;

/* Whether a new password of the caller is due. */
int rk_rancher_must_change(struct rk_rancher *r, bool *must_change, struct rk_err *err) RK_MUST_USE;
int rk_rancher_change_password(struct rk_rancher *r, const char *current, const char *next,
	struct rk_err *err) RK_MUST_USE;
/* Value of a setting (its default when unset), in d. */
int rk_rancher_setting(struct rk_rancher *r, struct rk_doc *d, const char *name, const char **value,
	struct rk_err *err) RK_MUST_USE;
int rk_rancher_set_setting(
	struct rk_rancher *r, const char *name, const char *value, struct rk_err *err) RK_MUST_USE;

/* --- tokens --- */

#define RK_RANCHER_NEVER   INT64_C(0)
#define RK_RANCHER_UNKNOWN INT64_C(-1)

struct rk_rancher_token {
	const char *value; /* NAME:SECRET, or NULL: only the answer that made it has it */
	const char *name;  /* token-abcde, or ext/token-abcde */
	const char *description;
	int64_t ttl_ms;
	int64_t expires; /* seconds since 1970, RK_RANCHER_NEVER, or RK_RANCHER_UNKNOWN */
	bool live;	 /* enabled and not expired, as the server says */
	bool scoped;	 /* to one cluster: of no use to the terraform provider */
	bool current;	 /* the one that the request carried */
};
/* A token object of either API; for rk_rancher_token_*. Pure. Strings are v's or in d. */
int rk_rancher_token_parse(struct rk_doc *d, const struct rk_val *v, struct rk_rancher_token *out,
	struct rk_err *err) RK_MUST_USE;
/* NAME of NAME:SECRET, in d, or NULL when it does not look like a token. */
const char *rk_rancher_token_name(struct rk_doc *d, const char *value);

/* Make an unscoped API token; ttl_ms <= 0: the longest that the server gives. A Norman token where the
 * server makes them, since the terraform provider reads its token back through /v3/tokens, which refuses
 * ext tokens before 2.15. *maybe: it failed, but the server may have made one. d should be secret. */
int rk_rancher_token_make(struct rk_rancher *r, struct rk_doc *d, const char *description,
	int64_t ttl_ms, struct rk_rancher_token *out, bool *maybe, struct rk_err *err) RK_MUST_USE;
/* Read it back. Gone or not ours: RK_NOTFOUND; the token that asks is not valid: http 401. */
int rk_rancher_token_get(struct rk_rancher *r, struct rk_doc *d, const char *name,
	struct rk_rancher_token *out, struct rk_err *err) RK_MUST_USE;
/* Absence is fine: *gone is then true. A token of another user counts as absent, unless any: an
 * administrator may delete that of any user (else err->http 403). */
int rk_rancher_token_delete(struct rk_rancher *r, const char *name, bool any, bool *gone,
	struct rk_err *err) RK_MUST_USE;
/* The caller's own tokens of both kinds: a SEQ of {name, description, current} in d. */
int rk_rancher_tokens(struct rk_rancher *r, struct rk_doc *d, struct rk_val **out,
	struct rk_err *err) RK_MUST_USE;

/* --- clusters --- */

/* All clusters the caller can see, or those labelled provider.cattle.io=harvester: a SEQ of
 * {id, name, harvester} in d. Matching is done here too: some paths ignore selectors. */
int rk_rancher_clusters(struct rk_rancher *r, bool harvester, struct rk_doc *d, struct rk_val **out,
	struct rk_err *err) RK_MUST_USE;
/* The CA that Rancher advises its clients to trust (setting cacerts); empty: none. */
int rk_rancher_cacerts(struct rk_rancher *r, struct rk_buf *out, struct rk_err *err) RK_MUST_USE;
/* Have a kubeconfig made; every call makes a token. out should be secret. */
int rk_rancher_kubeconfig(
	struct rk_rancher *r, const char *id, struct rk_buf *out, struct rk_err *err) RK_MUST_USE;

/* Whether the token in use reaches /version of the cluster through Rancher's proxy. Errors: http 401 or
 * 403: it is of no use; another http status: the cluster's agent is not connected. */
int rk_rancher_reach(struct rk_rancher *r, const char *id, struct rk_err *err) RK_MUST_USE;

/* What an answer other than success means, as an error about `what`; pure. hide: strings that must
 * not be quoted, ended by NULL. */
int rk_rancher_error(const struct rk_http_res *res, const char *what, const char *const *hide,
	struct rk_err *err);

#endif
