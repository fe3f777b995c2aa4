// SPDX-License-Identifier: Apache-2.0
/* mirror - a live copy of what a watch sees: the objects as they are now, for callers that judge several
 * collections together. */
#ifndef RK_MIRROR_H
#define RK_MIRROR_H

#include "loop.h"

struct rk_mirror;

/* Watch and keep; changed(arg) is called after each change, after the first whole list, and when
 * it is refused. A refusal (no right, no such kind) is tried again with back-off. */
struct rk_mirror *rk_mirror_new(struct rk_loop *l, struct rk_kube *k, const struct rk_res *r,
	const char *ns, const struct rk_list_opts *o, void (*changed)(void *arg), void *arg);
/* Free before the loop is. NULL is fine. */
void rk_mirror_free(struct rk_mirror *m);

/* The first list is complete: what is not in it does not exist. */
bool rk_mirror_synced(const struct rk_mirror *m);
/* Why nothing comes at the moment, or NULL. With a kind the server does not have, reason is
 * NoSuchAPI: then there are no such objects either. */
const struct rk_err *rk_mirror_error(const struct rk_mirror *m);

size_t rk_mirror_count(const struct rk_mirror *m);
/* i-th object, in order of first sight; valid until the loop runs again. NULL beyond the last. */
const struct rk_val *rk_mirror_at(const struct rk_mirror *m, size_t i);
/* By name, and namespace unless NULL; or NULL. */
const struct rk_val *rk_mirror_find(const struct rk_mirror *m, const char *ns, const char *name);
/* Copies of all as a SEQ in d. */
struct rk_val *rk_mirror_seq(const struct rk_mirror *m, struct rk_doc *d);

#define rk_mirror_each(it, m)                                          \
	for (size_t it##_i = 0; it##_i < rk_mirror_count(m); it##_i++) \
		for (const struct rk_val *it = rk_mirror_at(m, it##_i); it; it = NULL)

#endif
