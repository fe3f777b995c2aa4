// SPDX-License-Identifier: Apache-2.0
/* Building and changing trees. */
#include "internal.h"

#include <assert.h>
#include <stdarg.h>

static struct rk_val *scalar(struct rk_doc *d, enum rk_kind kind, const char *s, size_t n)
{
	struct rk_val *v = rk_tree_node(d, kind);

	v->s = s;
	v->len = n;
	return v;
}

struct rk_val *rk_stringn(struct rk_doc *d, const char *s, size_t n)
{
	return scalar(d, RK_STR, rk_doc_strndup(d, s, n), n);
}

struct rk_val *rk_string(struct rk_doc *d, const char *s)
{
	return rk_stringn(d, s, strlen(s));
}

struct rk_val *rk_number(struct rk_doc *d, int64_t n)
{
	const char *s = rk_doc_printf(d, "%lld", (long long)n);

	return scalar(d, RK_NUM, s, strlen(s));
}

struct rk_val *rk_boolean(struct rk_doc *d, bool b)
{
	return scalar(d, RK_BOOL, b ? "true" : "false", b ? 4 : 5);
}

struct rk_val *rk_val_base64(struct rk_doc *d, const void *p, size_t n)
{
	rk_auto_buf b = {.s = rk_buf_empty, .secret = d->secret};

	rk_base64(&b, p, n);
	return rk_stringn(d, b.s, b.len);
}

struct rk_val *rk_copy(struct rk_doc *d, const struct rk_val *v)
{
	struct rk_val *c =
		scalar(d, v->kind, v->s ? rk_doc_strndup(d, v->s, v->len) : NULL, v->len);

	c->quoted = v->quoted;
	c->line = v->line;
	rk_each (it, v) {
		struct rk_val *child = rk_copy(d, it);

		if (it->key) {
			child->key = rk_doc_strndup(d, it->key, it->klen);
			child->klen = it->klen;
		}
		rk_tree_link(c, child);
	}
	return c;
}

/* Put `by`, or nothing, where `old` is. */
static void replace(struct rk_val *old, struct rk_val *by)
{
	struct rk_val *parent = old->parent, *prev = NULL;

	for (struct rk_val *it = parent->child; it != old; it = it->next)
		prev = it;
	if (by) {
		by->parent = parent;
		by->next = old->next;
	}
	*(prev ? &prev->next : &parent->child) = by ? by : old->next;
	if (parent->last == old)
		parent->last = by ? by : prev;
	old->parent = old->next = NULL;
	old->key = NULL;
	old->klen = 0;
}

bool rk_remove(struct rk_val *child)
{
	if (!child || !child->parent)
		return false;
	child->parent->count--;
	replace(child, NULL);
	return true;
}

/* A member that is replaced keeps its place in the order. */
void rk_set(struct rk_doc *d, struct rk_val *map, const char *key, struct rk_val *child)
{
	size_t klen = strlen(key);
	struct rk_val *old = rk_mut(rk_member(map, key, klen));

	assert(map->kind == RK_MAP && !child->parent);
	child->key = rk_doc_strndup(d, key, klen);
	child->klen = (uint32_t)klen;
	if (old)
		replace(old, child);
	else
		rk_tree_link(map, child);
}

void rk_set_str(struct rk_doc *d, struct rk_val *map, const char *key, const char *s)
{
	if (s)
		rk_set(d, map, key, rk_string(d, s));
}

struct rk_val *rk_map_at(struct rk_doc *d, struct rk_val *v, ...)
{
	const char *key;
	va_list ap;

	va_start(ap, v);
	while ((key = va_arg(ap, const char *))) {
		struct rk_val *next = rk_mut(rk_member(v, key, strlen(key)));

		if (!next || next->kind != RK_MAP) {
			next = rk_map(d);
			rk_set(d, v, key, next);
		}
		v = next;
	}
	va_end(ap);
	return v;
}

void rk_append(struct rk_val *seq, struct rk_val *child)
{
	assert(seq->kind == RK_SEQ && !child->parent);
	rk_tree_link(seq, child);
}
