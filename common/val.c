// SPDX-License-Identifier: Apache-2.0
#include "val.h"
#include "tree.h"

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

/* An oversized piece gets a chunk of its own, behind the one being filled. */
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

static int key_cmp(const struct rk_val *a, const struct rk_val *b)
{
	size_t n = a->klen < b->klen ? a->klen : b->klen;
	int c = memcmp(a->key, b->key, n);

	return c ? c : (a->klen > b->klen) - (a->klen < b->klen);
}

static int member_cmp(const void *pa, const void *pb)
{
	const struct rk_val *a = *(const struct rk_val *const *)pa;
	const struct rk_val *b = *(const struct rk_val *const *)pb;
	int c = key_cmp(a, b);

	/* Members of one name: in the order of the text. */
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

static bool key_is(const struct rk_val *v, const char *key, size_t klen)
{
	return v->klen == klen && memcmp(v->key, key, klen) == 0;
}

static const struct rk_val *duplicate_small(const struct rk_val *map)
{
	rk_each (b, map) {
		for (const struct rk_val *a = map->child; a != b; a = a->next) {
			if (key_is(a, b->key, b->klen))
				return b;
		}
	}
	return NULL;
}

const struct rk_val *rk_tree_duplicate(const struct rk_val *map)
{
	const struct rk_val *dup = NULL;
	const struct rk_val **v;

	if (map->count <= 16)
		return duplicate_small(map);
	v = rk_tree_sorted(map);
	for (size_t i = 1; i < map->count; i++) {
		if (key_cmp(v[i - 1], v[i]) == 0 && (!dup || v[i]->kstart < dup->kstart))
			dup = v[i];
	}
	free(v);
	return dup;
}

/* Unicode 15, table 3-7: shortest form only, no surrogates, up to U+10FFFF. */
size_t rk_utf8(const char *s, size_t n, uint32_t *cp)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	const unsigned char *p = (const unsigned char *)s;
	size_t len;
	uint32_t c;

	if (n == 0)
		return 0;
	if (p[0] < 0x80) {
		*cp = p[0];
		return 1;
	}
	len = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
	if (p[0] < 0xc2 || p[0] > 0xf4 || len > n)
		return 0;
	c = p[0] & (0xffu >> (len + 1));
	for (size_t i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	if (c < least[len] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return 0;
	*cp = c;
	return len;
}

/* --- reading --- */

const struct rk_val *rk_member(const struct rk_val *v, const char *key, size_t klen)
{
	if (!v || v->kind != RK_MAP)
		return NULL;
	rk_each (it, v) {
		if (key_is(it, key, klen))
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

static const struct rk_val *find(const struct rk_val *v, va_list ap)
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
	v = find(v, ap);
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
	v = find(v, ap);
	va_end(ap);
	return rk_str(v);
}

static bool is_true(const struct rk_val *v)
{
	return v->s[0] == 't';
}

bool rk_get_bool(const struct rk_val *v, int def, ...)
{
	va_list ap;

	va_start(ap, def);
	v = find(v, ap);
	va_end(ap);
	return v && v->kind == RK_BOOL ? is_true(v) : def != 0;
}

int64_t rk_get_int(const struct rk_val *v, int64_t def, ...)
{
	int64_t n = def;
	va_list ap;

	va_start(ap, def);
	v = find(v, ap);
	va_end(ap);
	if (v && v->kind == RK_NUM)
		rk_parse_int(v->s, INT64_MIN, INT64_MAX, &n);
	return n;
}

/* --- checked reading --- */

static bool key_is_plain(const char *key, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)key[i];

		if (c <= ' ' || strchr(".[]\"\\", c))
			return false;
	}
	return n > 0;
}

static void path_key(struct rk_buf *out, bool first, const char *key, size_t n)
{
	if (key_is_plain(key, n)) {
		if (!first)
			rk_buf_putc(out, '.');
		rk_buf_put(out, key, n);
		return;
	}
	rk_buf_puts(out, "[\"");
	rk_buf_put(out, key, n);
	rk_buf_puts(out, "\"]");
}

static size_t index_of(const struct rk_val *v)
{
	size_t i = 0;

	for (const struct rk_val *it = v->parent->child; it != v; it = it->next)
		i++;
	return i;
}

/* The list that a stream or a multi-document text is kept in belongs to no path. */
static bool is_top(const struct rk_val *v)
{
	return !v->parent || v->root;
}

void rk_val_path(const struct rk_val *v, struct rk_buf *out)
{
	if (!v || is_top(v))
		return;
	rk_val_path(v->parent, out);
	if (v->parent->kind == RK_MAP)
		path_key(out, is_top(v->parent), v->key, v->klen);
	else
		rk_buf_addf(out, "[%zu]", index_of(v));
}

static const char *kind_name(const struct rk_val *v)
{
	static const char *const names[] = {
		"null", "a boolean", "a number", "a string", "a list", "a map"};

	return names[v->kind];
}

/* "SOURCE:LINE: " of v, from the nearest node above it that a parser marked. */
static void place(const struct rk_val *v, struct rk_buf *out)
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

static int wrong_type(const struct rk_val *v, const char *expected, struct rk_err *err)
{
	rk_auto_buf where = RK_BUF_INIT;
	rk_auto_buf path = RK_BUF_INIT;

	place(v, &where);
	rk_val_path(v, &path);
	if (path.len)
		rk_buf_puts(&path, ": ");
	rk_err_set(
		err, RK_FAIL, "%s%sexpected %s, found %s", where.s, path.s, expected, kind_name(v));
	if (rk_streq(expected, "a string") && (v->kind == RK_NUM || v->kind == RK_BOOL))
		rk_err_hint(err, "put the value in quotes");
	return -1;
}

static int missing(const struct rk_val *v, va_list ap, struct rk_err *err)
{
	rk_auto_buf where = RK_BUF_INIT;
	rk_auto_buf path = RK_BUF_INIT;
	const struct rk_val *deepest = v;
	const char *key;

	rk_val_path(v, &path);
	while ((key = va_arg(ap, const char *))) {
		path_key(&path, path.len == 0, key, strlen(key));
		v = rk_member(v, key, strlen(key));
		if (v)
			deepest = v;
	}
	if (deepest)
		place(deepest, &where);
	return rk_err_set(err, RK_NOTFOUND, "%s%s is not set", where.s, path.s);
}

/* As find(), but a step that is neither a map nor null or missing is an error. */
static int find_checked(
	const struct rk_val *v, const struct rk_val **out, va_list ap, struct rk_err *err)
{
	const char *key;

	while ((key = va_arg(ap, const char *))) {
		if (v && v->kind != RK_MAP && v->kind != RK_NULL)
			return wrong_type(v, "a map", err);
		v = rk_member(v, key, strlen(key));
	}
	*out = v && v->kind == RK_NULL ? NULL : v;
	return 0;
}

static int string_of(const struct rk_val *v, const char **out, struct rk_err *err)
{
	if (v->kind != RK_STR)
		return wrong_type(v, "a string", err);
	if (!rk_str(v))
		return wrong_type(v, "a string without NUL", err);
	*out = v->s;
	return 0;
}

static int need(const struct rk_val *v, const struct rk_val **out, va_list ap, struct rk_err *err)
{
	va_list again;
	int rc;

	va_copy(again, ap);
	rc = find_checked(v, out, ap, err);
	if (rc == 0 && !*out)
		rc = missing(v, again, err);
	va_end(again);
	return rc;
}

int rk_need_str(const struct rk_val *v, const char **out, struct rk_err *err, ...)
{
	const struct rk_val *it;
	va_list ap;
	int rc;

	va_start(ap, err);
	rc = need(v, &it, ap, err);
	va_end(ap);
	return rc == 0 ? string_of(it, out, err) : -1;
}

int rk_want_str(const struct rk_val *v, const char **out, struct rk_err *err, ...)
{
	const struct rk_val *it;
	va_list ap;
	int rc;

	va_start(ap, err);
	rc = find_checked(v, &it, ap, err);
	va_end(ap);
	if (rc == 0 && it)
		rc = string_of(it, out, err);
	return rc;
}

int rk_want_int(const struct rk_val *v, int64_t *out, struct rk_err *err, ...)
{
	const struct rk_val *it;
	va_list ap;
	int rc;

	va_start(ap, err);
	rc = find_checked(v, &it, ap, err);
	va_end(ap);
	if (rc < 0 || !it)
		return rc;
	if (it->kind != RK_NUM)
		return wrong_type(it, "a number", err);
	if (!rk_parse_int(it->s, INT64_MIN, INT64_MAX, out))
		return wrong_type(it, "a whole number", err);
	return 0;
}

int rk_want_bool(const struct rk_val *v, bool *out, struct rk_err *err, ...)
{
	const struct rk_val *it;
	va_list ap;
	int rc;

	va_start(ap, err);
	rc = find_checked(v, &it, ap, err);
	va_end(ap);
	if (rc < 0 || !it)
		return rc;
	if (it->kind != RK_BOOL)
		return wrong_type(it, "true or false", err);
	*out = is_true(it);
	return 0;
}

int rk_want_seq(const struct rk_val *v, const struct rk_val **out, struct rk_err *err, ...)
{
	const struct rk_val *it;
	va_list ap;
	int rc;

	va_start(ap, err);
	rc = find_checked(v, &it, ap, err);
	va_end(ap);
	if (rc < 0 || !it)
		return rc;
	if (it->kind != RK_SEQ)
		return wrong_type(it, "a list", err);
	*out = it;
	return 0;
}

int rk_want_map(const struct rk_val *v, const struct rk_val **out, struct rk_err *err, ...)
{
	const struct rk_val *it;
	va_list ap;
	int rc;

	va_start(ap, err);
	rc = find_checked(v, &it, ap, err);
	va_end(ap);
	if (rc < 0 || !it)
		return rc;
	if (it->kind != RK_MAP)
		return wrong_type(it, "a map", err);
	*out = it;
	return 0;
}

int rk_need_base64(const struct rk_val *v, struct rk_buf *out, struct rk_err *err, ...)
{
	rk_auto_buf where = RK_BUF_INIT;
	const struct rk_val *it;
	const char *s = "";
	va_list ap;
	int rc;

	va_start(ap, err);
	rc = need(v, &it, ap, err);
	va_end(ap);
	if (rc < 0 || string_of(it, &s, err) < 0)
		return -1;
	if (rk_base64_decode(out, s, it->len, err) == 0)
		return 0;
	place(it, &where);
	rk_val_path(it, &where);
	return rk_err_wrap(err, "%s", where.s);
}

/* --- comparing --- */

static bool map_equal(const struct rk_val *a, const struct rk_val *b)
{
	const struct rk_val *guess = b->child;

	/* Mostly the order is the same: look beside the last hit before searching. */
	rk_each (it, a) {
		if (!guess || !key_is(guess, it->key, it->klen))
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

/* --- building --- */

struct rk_val *rk_map(struct rk_doc *d)
{
	return rk_tree_node(d, RK_MAP);
}

struct rk_val *rk_seq(struct rk_doc *d)
{
	return rk_tree_node(d, RK_SEQ);
}

struct rk_val *rk_null(struct rk_doc *d)
{
	return rk_tree_node(d, RK_NULL);
}

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
	const char *s = b ? "true" : "false";

	return scalar(d, RK_BOOL, s, strlen(s));
}

struct rk_val *rk_base64_val(struct rk_doc *d, const void *p, size_t n)
{
	rk_auto_buf b = {.s = rk_buf_empty, .secret = d->secret};

	rk_base64(&b, p, n);
	return rk_stringn(d, b.s, b.len);
}

static struct rk_val *copy_one(struct rk_doc *d, const struct rk_val *v)
{
	struct rk_val *c = rk_tree_node(d, v->kind);

	c->quoted = v->quoted;
	c->line = v->line;
	c->len = v->len;
	if (v->s)
		c->s = rk_doc_strndup(d, v->s, v->len);
	return c;
}

struct rk_val *rk_copy(struct rk_doc *d, const struct rk_val *v)
{
	struct rk_val *c = copy_one(d, v);

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

static void unlink_child(struct rk_val *child)
{
	struct rk_val *parent = child->parent;
	struct rk_val *prev = NULL;

	for (struct rk_val *it = parent->child; it != child; it = it->next)
		prev = it;
	if (prev)
		prev->next = child->next;
	else
		parent->child = child->next;
	if (parent->last == child)
		parent->last = prev;
	parent->count--;
	child->parent = child->next = NULL;
}

void rk_remove(struct rk_val *child)
{
	if (!child->parent)
		return;
	unlink_child(child);
	child->key = NULL;
	child->klen = 0;
}

/* Put child in the place of old, so that the order of the members stays. */
static void replace(struct rk_val *old, struct rk_val *child)
{
	struct rk_val *parent = old->parent;

	for (struct rk_val **p = &parent->child; *p; p = &(*p)->next) {
		if (*p == old) {
			*p = child;
			break;
		}
	}
	child->parent = parent;
	child->next = old->next;
	if (parent->last == old)
		parent->last = child;
	old->parent = old->next = NULL;
	old->key = NULL;
	old->klen = 0;
}

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

void rk_set_int(struct rk_doc *d, struct rk_val *map, const char *key, int64_t n)
{
	rk_set(d, map, key, rk_number(d, n));
}

void rk_set_bool(struct rk_doc *d, struct rk_val *map, const char *key, bool b)
{
	rk_set(d, map, key, rk_boolean(d, b));
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

void rk_append_str(struct rk_doc *d, struct rk_val *seq, const char *s)
{
	rk_append(seq, rk_string(d, s));
}

bool rk_remove_at(struct rk_val *v, ...)
{
	struct rk_val *it;
	va_list ap;

	va_start(ap, v);
	it = rk_mut(find(v, ap));
	va_end(ap);
	if (!it || it == v)
		return false;
	rk_remove(it);
	return true;
}
