// SPDX-License-Identifier: Apache-2.0
/* Passwords stay out of what people look at. */
#include "tool.h"

static bool hidden_key(const struct rk_val *v)
{
	static const char *const keys[] = {
		"password", "auth", "identity_token", "identitytoken", "registrytoken", "token"};

	for (size_t i = 0; v->key && v->kind != RK_MAP && i < RK_COUNT(keys); i++)
		if (rk_streq(v->key, keys[i]))
			return true;
	return false;
}

/* Passwords of registries.yaml or a docker config become a mark; equal ones the same. */
void reg_hide(struct rk_doc *d, struct rk_val *v, const struct rk_val *other, const char *mark)
{
	for (struct rk_val *c = v->child, *next; c; c = next) {
		const struct rk_val *peer = c->key ? rk_member(other, c->key, c->klen) : NULL;

		next = c->next;
		if (hidden_key(c)) {
			rk_auto_free char *key = rk_strndup(c->key, c->klen);

			rk_set_str(d, v, key, rk_val_equal(c, peer) ? "(hidden)" : mark);
		} else if (c->kind == RK_MAP || c->kind == RK_SEQ) {
			reg_hide(d, c, peer, mark);
		}
	}
}
