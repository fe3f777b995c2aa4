// SPDX-License-Identifier: Apache-2.0
/* Trees printed and masked. A separate file, so that a tool that prints no trees does not link libyaml. */
#include "internal.h"

void rk_print_val(enum rk_fmt fmt, const struct rk_val *v)
{
	rk_auto_buf b = RK_BUF_INIT_SECRET; /* it may be a kubeconfig */

	if (rk_print_by_template(v))
		return;
	if (fmt == RK_FMT_YAML)
		rk_yaml_write(v, true, &b);
	else
		rk_json_write(v, RK_JSON_PRETTY, &b);
	rk_print_buf(&b);
}

bool rk_mask_secret_data(const struct rk_val *v)
{
	const struct rk_val *data = v->parent, *obj = data ? data->parent : NULL;

	return obj && (rk_streq(data->key, "data") || rk_streq(data->key, "stringData")) &&
	       rk_streq(rk_get_str(obj, "kind", NULL), "Secret");
}

void rk_mask_tree(struct rk_doc *d, struct rk_val *v, const struct rk_val *other, const char *side,
	bool (*secret)(const struct rk_val *v))
{
	const char *s = rk_str(v);
	rk_auto_buf masked = RK_BUF_INIT_SECRET;
	const struct rk_val *item = other ? other->child : NULL;

	if (secret(v))
		rk_buf_puts(&masked, RK_MASK);
	else if (s)
		rk_mask(&masked, s, v->len);
	if (masked.len && !rk_streq(masked.s, s)) {
		v->kind = RK_STR;
		v->s = rk_doc_printf(
			d, "%s%s", masked.s, other && !rk_val_equal(v, other) ? side : "");
		v->len = strlen(v->s);
		v->child = v->last = NULL;
		return;
	}
	rk_each (m, v) {
		bool map = v->kind == RK_MAP;

		rk_mask_tree(
			d, rk_mut(m), map ? rk_member(other, m->key, m->klen) : item, side, secret);
		item = !map && item ? item->next : NULL;
	}
}
