// SPDX-License-Identifier: Apache-2.0
/* kubeconfig-plan - an edit as a list of places to replace; for kubeconfig-edit. */
#ifndef RK_KUBECONFIG_PLAN_H
#define RK_KUBECONFIG_PLAN_H

#include "kubeconfig-scan.h"

/* Replace [from, to) of the old text by text, which stands at dest in the new one. */
struct splice {
	size_t from, to, order, dest;
	struct rk_buf text;
};

struct edit {
	const char *t, *name;
	size_t n;
	struct kc_layout *l;
	const char *eol;
	struct splice *s;
	size_t ns, alloc;
	const struct rk_kc_edit *want;
	struct rk_err *err;
};

/* Fill the list of splices, in any order; text and layout stay as they are. */
void kc_plan(struct edit *e);

/* What is wanted of an existing entry, or NULL. */
const struct rk_kc_item *kc_wanted(
	const struct edit *e, enum rk_kc_kind k, const struct kc_item *old);
/* How many of the existing entries stay. */
size_t kc_count_kept(const struct edit *e, enum rk_kc_kind k);
/* Whether an entry of that name exists. */
bool kc_is_there(const struct edit *e, const struct rk_kc_item *w);
/* Whether the entry `old` of e->t, in block style or not, has the value wanted. */
bool kc_item_is(
	const struct edit *e, const struct kc_item *old, bool block, const struct rk_kc_item *w);

#endif
