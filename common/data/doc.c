// SPDX-License-Identifier: Apache-2.0
/* The arena that owns trees, and their nodes. */
#include "internal.h"

#include <assert.h>
#include <stdarg.h>

/* --- arena --- */

enum { CHUNK_MIN = 4096, CHUNK_MAX = 1 << 20 };

struct chunk {
	struct chunk *next;
	size_t cap, used;
	char data[] __attribute__((aligned(8)));
};

struct rk_doc *rk_doc_new(bool secret)
{
	struct rk_doc *d = rk_calloc(1, sizeof(*d));

	d->secret = secret;
	d->grow = CHUNK_MIN;
	return d;
}

void rk_doc_free(struct rk_doc *d)
{
	struct chunk *next;

	for (struct chunk *c = d ? d->chunk : NULL; c; c = next) {
		next = c->next;
		if (d->secret)
			rk_wipe(c->data, c->used);
		free(c);
	}
	free(d);
}

static void *alloc(struct rk_doc *d, size_t n, size_t align)
{
	struct chunk *c = d->chunk;
	size_t at = c ? (c->used + align - 1) & ~(align - 1) : 0;

	if (!c || at > c->cap || n > c->cap - at) {
		/* an oversized piece gets a separate chunk, behind the one being filled */
		bool apart = n > d->grow / 4;
		size_t cap = apart ? n : d->grow;
		struct chunk **link = apart && d->chunk ? &d->chunk->next : &d->chunk;

		c = rk_calloc(1, sizeof(*c) + cap);
		c->cap = cap;
		c->next = *link;
		*link = c;
		if (!apart && d->grow < CHUNK_MAX)
			d->grow *= 2;
		at = 0;
	}
	c->used = at + n;
	return c->data + at;
}

void *rk_doc_alloc(struct rk_doc *d, size_t n)
{
	return alloc(d, n, 8);
}

char *rk_doc_strndup(struct rk_doc *d, const char *s, size_t n)
{
	char *p = alloc(d, n + 1, 1);

	if (n)
		memcpy(p, s, n);
	return p;
}

char *rk_doc_printf(struct rk_doc *d, const char *fmt, ...)
{
	va_list ap, again;
	char *p;
	int n;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	assert(n >= 0);
	p = alloc(d, (size_t)n + 1, 1);
	vsnprintf(p, (size_t)n + 1, fmt, again);
	va_end(again);
	return p;
}

void rk_doc_source(struct rk_doc *d, const char *name)
{
	d->source = name ? rk_doc_strndup(d, name, strlen(name)) : NULL;
}

/* --- nodes --- */

/* The top of a parsed tree: where the text came from, for messages. */
struct root {
	struct rk_val v;
	const char *source;
	bool one_line;
};

struct rk_val *rk_tree_node(struct rk_doc *d, enum rk_kind kind)
{
	struct rk_val *v = rk_doc_alloc(d, sizeof(*v));

	v->kind = (uint8_t)kind;
	return v;
}

struct rk_val *rk_tree_root(struct rk_doc *d, enum rk_kind kind, bool one_line)
{
	struct root *r = rk_doc_alloc(d, sizeof(*r));

	r->v.kind = (uint8_t)kind;
	r->v.root = true;
	r->source = d->source;
	r->one_line = one_line;
	return &r->v;
}

void rk_tree_link(struct rk_val *parent, struct rk_val *child)
{
	child->parent = parent;
	child->next = NULL;
	if (parent->last)
		parent->last->next = child;
	else
		parent->child = child;
	parent->last = child;
	parent->count++;
}

/* --- members in order --- */

/* Members of one name: in the order of the text. */
static int member_cmp(const void *pa, const void *pb)
{
	const struct rk_val *a = *(const struct rk_val *const *)pa;
	const struct rk_val *b = *(const struct rk_val *const *)pb;
	int c = memcmp(a->key, b->key, a->klen < b->klen ? a->klen : b->klen);

	if (!c)
		c = (a->klen > b->klen) - (a->klen < b->klen);
	return c ? c : (a->kstart > b->kstart) - (a->kstart < b->kstart);
}

const struct rk_val **rk_tree_sorted(const struct rk_val *map)
{
	const struct rk_val **v = rk_malloc((map->count + 1) * sizeof(const struct rk_val *));
	size_t n = 0;

	rk_each (it, map)
		v[n++] = it;
	qsort(v, n, sizeof(*v), member_cmp);
	return v;
}

const struct rk_val *rk_tree_duplicate(const struct rk_val *map)
{
	rk_auto_free const struct rk_val **v = NULL;
	const struct rk_val *dup = NULL;

	if (map->count <= 16) { /* quadratic is faster */
		rk_each (b, map)
			for (const struct rk_val *a = map->child; a != b; a = a->next)
				if (rk_tree_key_is(a, b->key, b->klen))
					return b;
		return NULL;
	}
	v = rk_tree_sorted(map);
	for (size_t i = 1; i < map->count; i++)
		if (rk_tree_key_is(v[i - 1], v[i]->key, v[i]->klen) &&
			(!dup || v[i]->kstart < dup->kstart))
			dup = v[i];
	return dup;
}

/* --- places, for errors --- */

int rk_tree_in(const char *source, size_t line, struct rk_err *err)
{
	if (source && line)
		return rk_err_wrap(err, "%s:%zu", source, line);
	if (source)
		return rk_err_wrap(err, "%s", source);
	return line ? rk_err_wrap(err, "line %zu", line) : -1;
}

int rk_tree_too_many(const struct rk_doc *d, size_t line, struct rk_err *err)
{
	rk_tree_error(d, line, err, "too many values for a text of its size");
	return rk_err_reason(err, RK_REASON_TOO_LARGE);
}

int rk_tree_place(const struct rk_val *v, struct rk_err *err)
{
	const struct rk_val *top = v;
	const struct root *r;

	while (top && !top->root)
		top = top->parent;
	r = (const struct root *)(const void *)top;
	return r ? rk_tree_in(r->source, r->one_line ? 0 : v->line, err) : -1;
}
