// SPDX-License-Identifier: Apache-2.0
/* What a watch knows: its objects by "namespace/name", in order of first sight; and the cache over it. */
#include "internal.h"

static size_t hash(const char *s)
{
	uint64_t h = 1469598103934665603ULL;

	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * 1099511628211ULL;
	return (size_t)h;
}

static void grow(struct rk_known_tab *t)
{
	t->n = t->n ? t->n * 4 : 64;
	free(t->v);
	t->v = rk_calloc(t->n, sizeof(struct rk_known *));
	for (struct rk_known *e = t->first; e; e = e->after) {
		size_t at = hash(e->key) % t->n;

		e->next = t->v[at];
		t->v[at] = e;
	}
}

struct rk_known **rk_known_at(struct rk_known_tab *t, const char *key)
{
	struct rk_known **p;

	if (t->count >= t->n)
		grow(t);
	p = &t->v[hash(key) % t->n];
	while (*p && strcmp((*p)->key, key) != 0)
		p = &(*p)->next;
	return p;
}

void rk_known_add(struct rk_known_tab *t, struct rk_known **at, const char *key, const char *uid)
{
	struct rk_known *e = rk_calloc(1, sizeof(*e));

	e->key = rk_strdup(key);
	e->uid = rk_strdup(uid);
	e->version = rk_strdup("");
	e->next = *at;
	*at = e;
	e->before = t->last;
	*(t->last ? &t->last->after : &t->first) = e;
	t->last = e;
	t->count++;
}

void rk_known_drop(struct rk_known_tab *t, struct rk_known **at)
{
	struct rk_known *e = *at;

	*at = e->next;
	*(e->before ? &e->before->after : &t->first) = e->after;
	*(e->after ? &e->after->before : &t->last) = e->before;
	t->count--;
	rk_doc_free(e->doc);
	free(e->key);
	free(e->uid);
	free(e->version);
	free(e);
}

void rk_known_clear(struct rk_known_tab *t)
{
	while (t->first)
		rk_known_drop(t, rk_known_at(t, t->first->key));
	free(t->v);
	*t = (struct rk_known_tab){0};
}

/* --- the cache --- */

struct rk_cache {
	struct rk_loop *loop;
	struct rk_watch *watch;
	struct rk_known_tab *known; /* the watch's */
	bool synced;
	void (*changed)(void *arg);
	void *arg;
};

static void on_event(void *arg, enum rk_event e, const struct rk_val *obj)
{
	struct rk_cache *c = arg;

	(void)obj;
	c->synced |= e == RK_SYNCED;
	if (c->synced)
		c->changed(c->arg);
}

static bool on_fail(void *arg, const struct rk_err *err)
{
	struct rk_cache *c = arg;

	(void)err;
	c->changed(c->arg);
	return true;
}

struct rk_cache *rk_cache_new(struct rk_loop *l, struct rk_kube *k, const struct rk_res *r,
	const char *ns, const struct rk_list_opts *o, void (*changed)(void *arg), void *arg)
{
	struct rk_cache *c = rk_calloc(1, sizeof(*c));

	*c = (struct rk_cache){.loop = l, .changed = changed, .arg = arg};
	c->watch = rk_loop_watch(l, k, r, ns, o, on_event, on_fail, c);
	c->known = rk_watch_keep(c->watch);
	return c;
}

void rk_cache_free(struct rk_cache *c)
{
	if (c)
		rk_loop_unwatch(c->loop, c->watch);
	free(c);
}

bool rk_cache_synced(const struct rk_cache *c)
{
	return c->synced;
}

const struct rk_err *rk_cache_error(const struct rk_cache *c)
{
	return rk_watch_error(c->watch);
}

size_t rk_cache_count(const struct rk_cache *c)
{
	return c->known->count;
}

const struct rk_known *rk_cache_next(const struct rk_cache *c, const struct rk_known *e)
{
	return e ? e->after : c->known->first;
}

const struct rk_val *rk_cache_object(const struct rk_known *e)
{
	return e->obj;
}

const struct rk_val *rk_cache_first(const struct rk_cache *c)
{
	return c->known->first ? c->known->first->obj : NULL;
}

const struct rk_val *rk_cache_find(const struct rk_cache *c, const char *ns, const char *name)
{
	rk_auto_free char *key = rk_asprintf("%s/%s", ns ? ns : "", name);
	const struct rk_known *e = *rk_known_at(c->known, key);

	if (e || ns)
		return e ? e->obj : NULL;
	for (e = c->known->first; e; e = e->after)
		if (!strcmp(strchr(e->key, '/') + 1, name))
			return e->obj;
	return NULL;
}

struct rk_val *rk_cache_seq(const struct rk_cache *c, struct rk_doc *d)
{
	struct rk_val *seq = rk_seq(d);

	rk_cache_each(obj, c) rk_append(seq, rk_copy(d, obj));
	return seq;
}
