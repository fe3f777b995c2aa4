// SPDX-License-Identifier: Apache-2.0
/* Reading and comparing. */
#include "internal.h"

#include <stdarg.h>

/* --- reading --- */

const struct rk_val *rk_member(const struct rk_val *v, const char *key, size_t klen)
{
	if (!v || v->kind != RK_MAP)
		return NULL;
	rk_each (it, v) {
		if (rk_tree_key_is(it, key, klen))
			return it;
	}
	return NULL;
}

const struct rk_val *rk_at(const struct rk_val *v, size_t i)
{
	rk_each (it, v) {
		if (i-- == 0)
			return it;
	}
	return NULL;
}

const struct rk_val *rk_tree_find(const struct rk_val *v, va_list ap)
{
	const char *key;

	while (v && (key = va_arg(ap, const char *)))
		v = rk_member(v, key, strlen(key));
	return v;
}

const struct rk_val *rk_get(const struct rk_val *v, ...)
{
	va_list ap;

	va_start(ap, v);
	v = rk_tree_find(v, ap);
	va_end(ap);
	return v;
}

const char *rk_str(const struct rk_val *v)
{
	return v && v->kind == RK_STR && !memchr(v->s, 0, v->len) ? v->s : NULL;
}

const char *rk_str_loose(const struct rk_val *v)
{
	return v && (v->kind == RK_NUM || v->kind == RK_BOOL) ? v->s : rk_str(v);
}

const char *rk_get_str(const struct rk_val *v, ...)
{
	va_list ap;

	va_start(ap, v);
	v = rk_tree_find(v, ap);
	va_end(ap);
	return rk_str(v);
}

bool rk_get_bool(const struct rk_val *v, int def, ...)
{
	va_list ap;

	va_start(ap, def);
	v = rk_tree_find(v, ap);
	va_end(ap);
	return v && v->kind == RK_BOOL ? rk_tree_true(v) : def != 0;
}

int64_t rk_get_int(const struct rk_val *v, int64_t def, ...)
{
	int64_t n = def;
	va_list ap;

	va_start(ap, def);
	v = rk_tree_find(v, ap);
	va_end(ap);
	if (v && v->kind == RK_NUM)
		rk_parse_int(v->s, INT64_MIN, INT64_MAX, &n);
	return n;
}

/* --- comparing --- */

static bool map_equal(const struct rk_val *a, const struct rk_val *b)
{
	const struct rk_val *guess = b->child;

	/* Mostly the order is the same: look beside the last hit before searching. */
	rk_each (it, a) {
		if (!guess || !rk_tree_key_is(guess, it->key, it->klen))
			guess = rk_member(b, it->key, it->klen);
		if (!rk_val_equal(it, guess))
			return false;
		guess = guess->next;
	}
	return true;
}

static bool seq_equal(const struct rk_val *a, const struct rk_val *b)
{
	const struct rk_val *other = b->child;

	rk_each (it, a) {
		if (!rk_val_equal(it, other))
			return false;
		other = other->next;
	}
	return true;
}

bool rk_val_equal(const struct rk_val *a, const struct rk_val *b)
{
	if (!a || !b)
		return a == b;
	if (a->kind != b->kind || a->count != b->count)
		return false;
	if (a->kind == RK_MAP)
		return map_equal(a, b);
	if (a->kind == RK_SEQ)
		return seq_equal(a, b);
	return a->kind == RK_NULL || (a->len == b->len && memcmp(a->s, b->s, a->len) == 0);
}
