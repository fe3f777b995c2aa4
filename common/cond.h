// SPDX-License-Identifier: Apache-2.0
/* cond - what is waited for: a condition of an object, in kubectl's words and two of ours.
 *
 *	condition=NAME[=VALUE]   status.conditions; VALUE is True when not given, any case
 *	jsonpath=PATH[=VALUE]    '{.status.phase}=Ready' (see jsonpath.h); without VALUE: one value,
 *	                         which is not empty
 *	exists, delete           the object exists, does not exist
 *	ready                    what the kind means by it (a rollout is complete, a claim is
 *	                         bound, a k3k Cluster answers, a Job has succeeded, …)
 */
#ifndef RK_COND_H
#define RK_COND_H

#include "val.h"

enum rk_cond_kind {
	RK_COND_CONDITION,
	RK_COND_JSONPATH,
	RK_COND_EXISTS,
	RK_COND_DELETE,
	RK_COND_READY
};

struct rk_cond {
	enum rk_cond_kind kind;
	char *name;  /* of the condition, or the path */
	char *value; /* NULL: none was given */
	struct rk_jsonpath *path;
};

/* RK_USAGE for anything else. */
int rk_cond_parse(struct rk_cond *c, const char *text, struct rk_err *err) RK_MUST_USE;
void rk_cond_release(struct rk_cond *c);

/* Whether it holds for obj (NULL: there is none). When it does not, why gets what exists
 * instead, in a few words. */
bool rk_cond_holds(const struct rk_cond *c, const struct rk_val *obj, struct rk_buf *why);
/* The same for "ready" alone. */
bool rk_is_ready(const struct rk_val *obj, struct rk_buf *why);

/* A condition's entry in status.conditions, or NULL. */
const struct rk_val *rk_condition(const struct rk_val *obj, const char *type);

#endif
