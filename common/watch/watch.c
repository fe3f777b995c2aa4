// SPDX-License-Identifier: Apache-2.0
/* One watch, a task: a list, then a stream of changes, with resume; and the cache over it.
 * Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes */
#include "internal.h"
#include "task/task.h"

#include <search.h>

#define BACKOFF_MS     800
#define BACKOFF_MAX_MS 30000
#define ABSENT_MAX_MS  4000 /* a kind that does not exist may be installed at any moment */
#define KNOWN_MAX \
	20000 /* objects of one watch: a server that keeps adding must not fill our memory */
#define STEADY_MS 5000 /* a stream that lived so long resets the back-off */
#define CLOSED_MS 20   /* how often a watch looks whether it may call back */

struct rk_watch {
	struct rk_loop *loop;
	struct rk_task *task;
	struct rk_kube *k;
	struct rk_doc *strings; /* what res, ns and o point to */
	struct rk_res res;
	const char *ns;
	struct rk_list_opts o;
	rk_watch_fn fn;
	bool (*fail)(void *arg, const struct rk_err *err);
	void *arg;

	char version[RK_VERSION_SIZE]; /* "": list again */
	struct rk_err trouble;	       /* why nothing comes at the moment; code 0: it does */
	int64_t backoff;
	unsigned round;
	bool synced, dead, keep;
	struct rk_known_tab known;
	struct rk_watch *next;
};

/* --- the objects it knows --- */

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct rk_known *)a)->key, ((const struct rk_known *)b)->key);
}

struct rk_known *rk_known_find(const struct rk_known_tab *t, const char *key)
{
	struct rk_known want = {.key = (char *)(uintptr_t)key};
	struct rk_known **at = tfind(&want, &t->tree, compare);

	return at ? *at : NULL;
}

struct rk_known *rk_known_add(struct rk_known_tab *t, const char *key, const char *uid)
{
	struct rk_known *e = rk_calloc(1, sizeof(*e));

	*e = (struct rk_known){.key = rk_strdup(key), .uid = rk_strdup(uid), .before = t->last};
	if (!tsearch(e, &t->tree, compare))
		abort();
	*(t->last ? &t->last->after : &t->first) = e;
	t->last = e;
	t->count++;
	return e;
}

void rk_known_drop(struct rk_known_tab *t, struct rk_known *e)
{
	tdelete(e, &t->tree, compare);
	*(e->before ? &e->before->after : &t->first) = e->after;
	*(e->after ? &e->after->before : &t->last) = e->before;
	t->count--;
	rk_doc_free(e->doc);
	free(e->key);
	free(e->uid);
	free(e->version);
	free(e);
}

/* --- changes --- */

static void report(struct rk_watch *w, enum rk_event e, const struct rk_val *obj)
{
	if (!w->dead)
		w->fn(w->arg, e, obj);
}

/* While code outside of the loop waits for a request, nothing it has looked at may change. */
static void await_turn(const struct rk_watch *w)
{
	while (!w->loop->open && rk_task_pause(CLOSED_MS))
		;
}

/* It was deleted between two streams: its last state is unknown. */
static void deleted(struct rk_watch *w, struct rk_known *e)
{
	rk_auto_doc *d = rk_doc_new(false);
	struct rk_val *v = rk_map(d), *m = rk_map_at(d, v, "metadata", NULL);
	const char *slash = strchr(e->key, '/');

	rk_set_str(d, v, "apiVersion", w->res.api_version);
	rk_set_str(d, v, "kind", w->res.kind);
	rk_set_str(d, m, "name", slash + 1);
	if (slash > e->key)
		rk_set(d, m, "namespace", rk_stringn(d, e->key, (size_t)(slash - e->key)));
	rk_set_str(d, m, "uid", e->uid);
	rk_set_str(d, m, "resourceVersion", e->version);
	report(w, RK_GONE, v);
	rk_known_drop(&w->known, e);
}

static const char *meta(const struct rk_val *obj, const char *key)
{
	const char *s = rk_get_str(obj, "metadata", key, NULL);

	return s ? s : "";
}

static int on_object(struct rk_watch *w, const struct rk_val *obj, bool gone, struct rk_err *err)
{
	rk_auto_free char *key = rk_asprintf("%s/%s", meta(obj, "namespace"), meta(obj, "name"));
	const char *uid = meta(obj, "uid"), *version = meta(obj, "resourceVersion");
	struct rk_known *e = rk_known_find(&w->known, key);
	enum rk_event what = RK_MODIFIED;

	if (gone) {
		if (e) {
			rk_known_drop(&w->known, e);
			report(w, RK_GONE, obj);
		}
		return 0;
	}
	if (e && strcmp(e->uid, uid) != 0) {
		deleted(w, e);
		e = NULL;
	}
	if (!e) {
		if (w->known.count == KNOWN_MAX) {
			rk_err_set(err, RK_FAIL, "%s on %s: more than %d objects", w->res.plural,
				rk_kube_server(w->k), KNOWN_MAX);
			return rk_err_reason(err, RK_REASON_UNEXPECTED);
		}
		e = rk_known_add(&w->known, key, uid);
		what = RK_ADDED;
	}
	e->round = w->round;
	if (rk_streq(e->version, version))
		return 0;
	free(e->version);
	e->version = rk_strdup(version);
	if (w->keep) {
		rk_doc_free(e->doc);
		e->doc = rk_doc_new(!strcmp(w->res.kind, RK_SECRET.kind));
		e->obj = rk_copy(e->doc, obj);
	}
	report(w, what, obj);
	return 0;
}

static int on_item(void *arg, const struct rk_val *obj, struct rk_err *err)
{
	await_turn(arg);
	return on_object(arg, obj, false, err);
}

static int on_change(void *arg, enum rk_change e, const struct rk_val *obj, struct rk_err *err)
{
	struct rk_watch *w = arg;

	await_turn(w);
	w->trouble.code = RK_OK;
	w->backoff = 0;
	snprintf(w->version, sizeof(w->version), "%s", meta(obj, "resourceVersion"));
	return e == RK_CHANGE_BOOKMARK ? 0 : on_object(w, obj, e == RK_CHANGE_DELETED, err);
}

/* --- its life --- */

/* What the whole list did not hold was deleted. */
static int read_all(struct rk_watch *w, struct rk_err *err)
{
	w->round++;
	if (rk_kube_list(w->k, &w->res, w->ns, &w->o, on_item, w, err) < 0) {
		w->version[0] = '\0';
		return -1;
	}
	await_turn(w);
	w->trouble.code = RK_OK;
	for (struct rk_known *e = w->known.first, *after; e; e = after) {
		after = e->after;
		if (e->round != w->round)
			deleted(w, e);
	}
	if (!w->synced) {
		w->synced = true;
		report(w, RK_SYNCED, NULL);
	}
	return 0;
}

/* A version that is too old is not a fault: the next list has a new one. A lasting refusal is reported to
 * the caller, and so is an answer that is not that of an API server; all else is tried again. */
static void failed(struct rk_watch *w, const struct rk_err *err)
{
	w->version[0] = '\0';
	if (err->http == 410 || err->reason == RK_REASON_EXPIRED)
		return;
	await_turn(w);
	w->trouble = *err;
	if (err->http == 404 && w->backoff > ABSENT_MAX_MS)
		w->backoff = ABSENT_MAX_MS;
	if ((err->http == 403 || err->http == 404 || err->http == 401 || err->http == 400 ||
		    err->http == 405 || err->reason == RK_REASON_TLS ||
		    err->reason == RK_REASON_UNEXPECTED) &&
		!w->dead && w->fail && !w->fail(w->arg, err))
		w->dead = true;
}

/* After a failure the list shows at once that all is well again; a stream without changes would stay
 * silent for a minute. */
static void body(void *arg)
{
	struct rk_watch *w = arg;

	while (!w->dead) {
		struct rk_err err = RK_ERR_INIT;
		int64_t began = rk_now_ms(), ms;
		bool stream = w->version[0];
		int r = stream ? rk_kube_follow(w->k, &w->res, w->ns, &w->o, on_change, w, &err)
			       : read_all(w, &err);
		bool steady = stream && rk_now_ms() - began >= STEADY_MS;

		if (steady)
			w->backoff = 0;
		if (r < 0)
			failed(w, &err);
		if (r == 0 && (steady || !stream))
			continue;
		ms = w->backoff ? w->backoff : BACKOFF_MS;
		w->backoff = ms * 2 < BACKOFF_MAX_MS ? ms * 2 : BACKOFF_MAX_MS;
		rk_task_pause(ms + random() % (ms / 2 + 1));
	}
}

static const char *copy(struct rk_doc *d, const char *s)
{
	return s ? rk_doc_strndup(d, s, strlen(s)) : NULL;
}

struct rk_watch *rk_loop_watch(struct rk_loop *l, struct rk_kube *k, const struct rk_res *r,
	const char *ns, const struct rk_list_opts *o, rk_watch_fn fn,
	bool (*fail)(void *arg, const struct rk_err *err), void *arg)
{
	struct rk_watch *w = rk_calloc(1, sizeof(*w));
	struct rk_doc *d = rk_doc_new(false);

	*w = (struct rk_watch){.loop = l,
		.k = k,
		.strings = d,
		.res = {copy(d, r->api_version), copy(d, r->kind), copy(d, r->plural),
			r->namespaced},
		.ns = copy(d, ns),
		.fn = fn,
		.fail = fail,
		.arg = arg,
		.next = l->watches};
	if (o)
		w->o = *o;
	w->o.labels = copy(d, w->o.labels);
	w->o.fields = copy(d, w->o.fields);
	w->o.version = w->version;
	l->watches = w;
	w->task = rk_task_new(body, w, 0);
	return w;
}

const struct rk_err *rk_watch_error(const struct rk_watch *w)
{
	return w->trouble.code ? &w->trouble : NULL;
}

void rk_loop_unwatch(struct rk_watch *w)
{
	struct rk_watch **p;

	if (!w)
		return;
	w->dead = true;
	rk_task_free(w->task);
	for (p = &w->loop->watches; *p != w; p = &(*p)->next)
		;
	*p = w->next;
	while (w->known.first)
		rk_known_drop(&w->known, w->known.first);
	rk_doc_free(w->strings);
	free(w);
}

/* --- the cache --- */

struct rk_cache {
	struct rk_watch *watch;
	void (*changed)(void *arg);
	void *arg;
};

static void on_event(void *arg, enum rk_event e RK_UNUSED, const struct rk_val *obj RK_UNUSED)
{
	struct rk_cache *c = arg;

	if (c->watch->synced)
		c->changed(c->arg);
}

static bool on_fail(void *arg, const struct rk_err *err RK_UNUSED)
{
	struct rk_cache *c = arg;

	c->changed(c->arg);
	return true;
}

struct rk_cache *rk_cache_new(struct rk_loop *l, struct rk_kube *k, const struct rk_res *r,
	const char *ns, const struct rk_list_opts *o, void (*changed)(void *arg), void *arg)
{
	struct rk_cache *c = rk_calloc(1, sizeof(*c));

	*c = (struct rk_cache){.changed = changed, .arg = arg};
	c->watch = rk_loop_watch(l, k, r, ns, o, on_event, on_fail, c);
	c->watch->keep = true;
	return c;
}

void rk_cache_free(struct rk_cache *c)
{
	if (c)
		rk_loop_unwatch(c->watch);
	free(c);
}

bool rk_cache_synced(const struct rk_cache *c)
{
	return c->watch->synced;
}

const struct rk_err *rk_cache_error(const struct rk_cache *c)
{
	return rk_watch_error(c->watch);
}

size_t rk_cache_count(const struct rk_cache *c)
{
	return c->watch->known.count;
}

const struct rk_known *rk_cache_next(const struct rk_cache *c, const struct rk_known *e)
{
	return e ? e->after : c->watch->known.first;
}

const struct rk_val *rk_cache_object(const struct rk_known *e)
{
	return e ? e->obj : NULL;
}

const struct rk_val *rk_cache_find(const struct rk_cache *c, const char *ns, const char *name)
{
	rk_auto_free char *key = rk_asprintf("%s/%s", ns ? ns : "", name);
	const struct rk_known *e = rk_known_find(&c->watch->known, key);

	if (!e && !ns)
		for (e = c->watch->known.first; e && strcmp(strchr(e->key, '/') + 1, name) != 0;)
			e = e->after;
	return rk_cache_object(e);
}

struct rk_val *rk_cache_seq(const struct rk_cache *c, struct rk_doc *d)
{
	struct rk_val *seq = rk_seq(d);

	rk_cache_each(obj, c) rk_append(seq, rk_copy(d, obj));
	return seq;
}
