// SPDX-License-Identifier: Apache-2.0
#include "watch/watch.h"

struct entry {
	struct rk_doc *doc;
	struct rk_val *obj;
};

struct rk_mirror {
	struct rk_loop *loop;
	struct rk_watch *watch;
	struct entry *v;
	size_t n;
	bool synced, secret;
	void (*changed)(void *arg);
	void *arg;
};

static const char *meta(const struct rk_val *obj, const char *key)
{
	const char *s = rk_get_str(obj, "metadata", key, NULL);

	return s ? s : "";
}

static size_t find(const struct rk_mirror *m, const char *ns, const char *name)
{
	size_t i = 0;

	while (i < m->n && (strcmp(meta(m->v[i].obj, "name"), name) != 0 ||
				   (ns && strcmp(meta(m->v[i].obj, "namespace"), ns) != 0)))
		i++;
	return i;
}

static void drop(struct rk_mirror *m, size_t i)
{
	rk_doc_free(m->v[i].doc);
	memmove(&m->v[i], &m->v[i + 1], (m->n - i - 1) * sizeof(*m->v));
	m->n--;
}

static void keep(struct rk_mirror *m, size_t i, const struct rk_val *obj)
{
	struct entry *e;

	if (i == m->n) {
		m->v = rk_realloc(m->v, (m->n + 1) * sizeof(*m->v));
		m->v[m->n++] = (struct entry){0};
	}
	e = &m->v[i];
	rk_doc_free(e->doc);
	e->doc = rk_doc_new(m->secret);
	e->obj = rk_copy(e->doc, obj);
}

static void on_event(void *arg, enum rk_event e, const struct rk_val *obj)
{
	struct rk_mirror *m = arg;
	size_t i = obj ? find(m, meta(obj, "namespace"), meta(obj, "name")) : 0;

	if (e == RK_SYNCED)
		m->synced = true;
	else if (e != RK_GONE)
		keep(m, i, obj);
	else if (i < m->n)
		drop(m, i);
	if (m->synced)
		m->changed(m->arg);
}

static bool on_fail(void *arg, const struct rk_err *err)
{
	struct rk_mirror *m = arg;

	(void)err;
	m->changed(m->arg);
	return true;
}

struct rk_mirror *rk_mirror_new(struct rk_loop *l, struct rk_kube *k, const struct rk_res *r,
	const char *ns, const struct rk_list_opts *o, void (*changed)(void *arg), void *arg)
{
	struct rk_mirror *m = rk_calloc(1, sizeof(*m));

	m->loop = l;
	m->secret = !strcmp(r->kind, "Secret");
	m->changed = changed;
	m->arg = arg;
	m->watch = rk_loop_watch(l, k, r, ns, o, on_event, on_fail, m);
	return m;
}

void rk_mirror_free(struct rk_mirror *m)
{
	if (!m)
		return;
	rk_loop_unwatch(m->loop, m->watch);
	while (m->n)
		drop(m, m->n - 1);
	free(m->v);
	free(m);
}

bool rk_mirror_synced(const struct rk_mirror *m)
{
	return m->synced;
}

const struct rk_err *rk_mirror_error(const struct rk_mirror *m)
{
	return rk_watch_error(m->watch);
}

size_t rk_mirror_count(const struct rk_mirror *m)
{
	return m->n;
}

const struct rk_val *rk_mirror_at(const struct rk_mirror *m, size_t i)
{
	return i < m->n ? m->v[i].obj : NULL;
}

const struct rk_val *rk_mirror_find(const struct rk_mirror *m, const char *ns, const char *name)
{
	return rk_mirror_at(m, find(m, ns, name));
}

struct rk_val *rk_mirror_seq(const struct rk_mirror *m, struct rk_doc *d)
{
	struct rk_val *seq = rk_seq(d);

	for (size_t i = 0; i < m->n; i++)
		rk_append(seq, rk_copy(d, m->v[i].obj));
	return seq;
}
