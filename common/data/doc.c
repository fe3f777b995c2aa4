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

struct rk_doc {
	struct chunk *chunk; /* the one that is being filled; full and oversized ones follow */
	size_t grow;
	const char *source;
	bool secret;
};

/* The top of a parsed tree: where the text came from, for messages. */
struct root {
	struct rk_val v;
	const char *source;
	bool one_line;
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

	if (!d)
		return;
	for (struct chunk *c = d->chunk; c; c = next) {
		next = c->next;
		if (d->secret)
			rk_wipe(c->data, c->used);
		free(c);
	}
	free(d);
}

bool rk_doc_is_secret(const struct rk_doc *d)
{
	return d->secret;
}

static struct chunk *chunk_new(size_t cap)
{
	struct chunk *c = rk_calloc(1, sizeof(*c) + cap);

	c->cap = cap;
	return c;
}

/* An oversized piece gets a separate chunk, behind the one being filled. */
static void *alloc_apart(struct rk_doc *d, size_t n)
{
	struct chunk *c = chunk_new(n);

	c->used = n;
	if (d->chunk) {
		c->next = d->chunk->next;
		d->chunk->next = c;
	} else {
		d->chunk = c;
	}
	return c->data;
}

static void *alloc(struct rk_doc *d, size_t n, size_t align)
{
	struct chunk *c = d->chunk;
	size_t at = c ? (c->used + align - 1) & ~(align - 1) : 0;

	if (!c || at > c->cap || n > c->cap - at) {
		if (n > d->grow / 4)
			return alloc_apart(d, n);
		c = chunk_new(d->grow);
		c->next = d->chunk;
		d->chunk = c;
		if (d->grow < CHUNK_MAX)
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
	va_list ap;
	va_list again;
	int n;
	char *p;

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

const char *rk_tree_source(struct rk_doc *d, const char *name)
{
	const char *old = d->source;

	d->source = name;
	return old;
}

/* --- nodes --- */

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
	if (parent->last)
		parent->last->next = child;
	else
		parent->child = child;
	parent->last = child;
	parent->count++;
}

int rk_tree_error(const struct rk_doc *d, size_t line, struct rk_err *err, const char *fmt, ...)
{
	char what[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	if (d->source && line)
		return rk_err_set(err, RK_FAIL, "%s:%zu: %s", d->source, line, what);
	if (d->source)
		return rk_err_set(err, RK_FAIL, "%s: %s", d->source, what);
	if (line)
		return rk_err_set(err, RK_FAIL, "line %zu: %s", line, what);
	return rk_err_set(err, RK_FAIL, "%s", what);
}

int rk_tree_too_many(const struct rk_doc *d, size_t line, struct rk_err *err)
{
	rk_tree_error(d, line, err, "too many values for a text of its size");
	return rk_err_reason(err, RK_REASON_TOO_LARGE);
}

void rk_tree_place(const struct rk_val *v, struct rk_buf *out)
{
	const struct rk_val *top = v;
	const struct root *r;

	while (top && !top->root)
		top = top->parent;
	if (!top)
		return;
	r = (const struct root *)(const void *)top;
	if (r->source && v->line && !r->one_line)
		rk_buf_addf(out, "%s:%u: ", r->source, v->line);
	else if (r->source)
		rk_buf_addf(out, "%s: ", r->source);
	else if (v->line && !r->one_line)
		rk_buf_addf(out, "line %u: ", v->line);
}
