// SPDX-License-Identifier: Apache-2.0
/* What the files of the rancher module share. */
#ifndef RK_RANCHER_INTERNAL_H
#define RK_RANCHER_INTERNAL_H

#include "rancher/rancher.h"

struct rk_rancher {
	struct rk_doc *d; /* secret; has all of it */
	struct rk_http *http;
	const char *base, *version;
	const char *session; /* token of the login, or NULL */
	const char *token;   /* in use, or NULL */
	const char *hide[4]; /* never quoted; NULL-terminated */
};

/* One request with an optional JSON body. what: "log in as admin", for messages. Only a 2xx that is not a
 * web page gives 0; anything else is rk_rancher_error, with res->status set. */
int rk_rancher_call(struct rk_rancher *r, const char *method, const char *path,
	const struct rk_val *body, const char *what, struct rk_http_res *res,
	struct rk_err *err) RK_MUST_USE;
/* The same, with the answer read as a JSON object into d; out NULL: it is not read. */
int rk_rancher_json(struct rk_rancher *r, const char *method, const char *path,
	const struct rk_val *body, const char *what, struct rk_doc *d, struct rk_val **out,
	struct rk_err *err) RK_MUST_USE;
/* An answer that cannot be used, and why; NULL: err has what was read there. Returns -1. */
int rk_rancher_malformed(
	const struct rk_rancher *r, const char *what, const char *why, struct rk_err *err);
/* A path that ends with a name of the server's or the user's. */
char *rk_rancher_path(struct rk_doc *d, const char *head, const char *name, const char *tail);
/* Whether the server does not have this API. */
bool rk_rancher_lacks(const struct rk_err *err);

#endif
