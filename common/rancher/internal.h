// SPDX-License-Identifier: Apache-2.0
/* What the files of the rancher module share. */
#ifndef RK_RANCHER_INTERNAL_H
#define RK_RANCHER_INTERNAL_H

#include "rancher/rancher.h"

struct rk_rancher {
	struct rk_http *http;
	char *base;
	char *version;
	char *session;	     /* of the login, or NULL */
	char *token;	     /* in use, or NULL */
	const char *hide[4]; /* never quoted; NULL-terminated */
};

/* One request with an optional JSON body. what: "log in as admin", for messages. Only a 2xx gives
 * 0; anything else is rk_rancher_error, with res->status set. */
int rk_rancher_call(struct rk_rancher *r, const char *method, const char *path,
	const struct rk_val *body, const char *what, struct rk_http_res *res,
	struct rk_err *err) RK_MUST_USE;
/* The same, with the answer read as a JSON object into d. */
int rk_rancher_json(struct rk_rancher *r, const char *method, const char *path,
	const struct rk_val *body, const char *what, struct rk_doc *d, struct rk_val **out,
	struct rk_err *err) RK_MUST_USE;
/* An answer of another shape than it has: what was read there, with r and what in front. */
int rk_rancher_malformed(const struct rk_rancher *r, const char *what, struct rk_err *err);
/* An answer that does not belong to the request. Returns -1. */
int rk_rancher_unexpected(
	const struct rk_rancher *r, const char *what, const char *why, struct rk_err *err);
/* Whether an answer is a web page, whatever its status. */
bool rk_rancher_is_page(const struct rk_http_res *res);
/* Whether the server does not have this API. */
bool rk_rancher_lacks(const struct rk_err *err);
/* Whether this server is of version 2.minor or newer; so is one without a number ("head"). */
bool rk_rancher_since(const struct rk_rancher *r, int minor);

#endif
