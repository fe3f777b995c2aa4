// SPDX-License-Identifier: Apache-2.0
/* The queue of a reconciler: each key once in it, due after a burst of changes or a back-off, run as a
 * task when the bounds admit one more. */
#include "internal.h"
#include "task/task.h"

#define SETTLE_MS	100
#define RETRY_MIN_MS	1000
#define RETRY_MAX_MS	60000
#define LIMIT_MS	300000
#define RUNNING_MAX	32
#define PER_CLUSTER_MAX 4

struct item {
	struct rk_reconciler *rc;
	char *key, *cluster;
	struct rk_task *task; /* it is being reconciled */
	bool queued, again;   /* again: it changed meanwhile */
	size_t turn;	      /* when it was started last */
	int64_t retry_ms;
	char *reported; /* the failure that was reported last, or NULL */
	int result;
	struct rk_err err;
	struct item *next;
};

/* A collection whose changes count for one key. */
struct source {
	struct item *item;
	struct rk_kube *kube;
	struct rk_watch *watch;
	bool forbidden; /* the watch was refused, and nothing has come since */
	char *reported;
	struct source *next;
};

struct rk_reconciler {
	struct rk_loop *loop;
	struct rk_reconciler_conf conf;
	struct item *items;
	struct source *sources;
	size_t running, turns;
	struct rk_err end;
};

/* Report it unless it is what was reported last. */
static void report(const struct rk_reconciler *rc, char **reported, const struct rk_err *err)
{
	char *text = rk_asprintf("%s%s%s", err->msg, err->hint[0] ? "; " : "", err->hint);

	if (!rk_streq(*reported, text))
		rc->conf.warn("%s", text);
	free(*reported);
	*reported = text;
}

/* --- running --- */

static void finished(void *arg);

static void body(void *arg)
{
	struct item *it = arg;

	it->err = (struct rk_err)RK_ERR_INIT;
	it->result = it->rc->conf.reconcile(it->rc->conf.arg, it->key, &it->err);
	rk_loop_after(it->rc->loop, 0, finished, it);
}

static size_t running_in(const struct rk_reconciler *rc, const char *cluster)
{
	size_t n = 0;

	for (const struct item *it = rc->items; it; it = it->next)
		n += it->task && !strcmp(it->cluster, cluster);
	return n;
}

/* Start what is queued, as far as the bounds admit it: what was started longest ago first. */
static void dispatch(struct rk_reconciler *rc)
{
	struct item *next;

	do {
		next = NULL;
		for (struct item *it = rc->items; it && rc->running < rc->conf.running;
			it = it->next)
			if (it->queued && (!next || it->turn < next->turn) &&
				running_in(rc, it->cluster) < rc->conf.per_cluster)
				next = it;
		if (next) {
			next->queued = false;
			next->turn = ++rc->turns;
			next->task = rk_task_new(body, next, rc->conf.limit_ms);
			rc->running++;
		}
	} while (next);
}

static void due(void *arg)
{
	struct item *it = arg;

	*(it->task ? &it->again : &it->queued) = true;
	dispatch(it->rc);
}

static void queue(struct item *it, int64_t ms)
{
	rk_loop_after(it->rc->loop, ms, due, it);
}

/* A reconcile that succeeds does not need the watch; that it is refused is reported once, and each new try
 * of the watch brings another reconcile. */
static void finished(void *arg)
{
	struct item *it = arg;
	struct rk_reconciler *rc = it->rc;

	rk_task_free(rk_steal(&it->task));
	rc->running--;
	if (it->result > 0) {
		rc->end = it->err;
		rk_loop_stop(rc->loop);
		return;
	}
	if (it->result < 0) {
		report(rc, &it->reported, &it->err);
		queue(it, it->retry_ms + random() % (it->retry_ms / 4 + 1));
		it->retry_ms = it->retry_ms * 2 < RETRY_MAX_MS ? it->retry_ms * 2 : RETRY_MAX_MS;
	} else {
		free(rk_steal(&it->reported));
		it->retry_ms = RETRY_MIN_MS;
		for (struct source *s = rc->sources; s; s = s->next) {
			const struct rk_err *err =
				s->forbidden && s->item == it ? rk_watch_error(s->watch) : NULL;

			if (err)
				report(rc, &s->reported, err);
			else if (s->item == it)
				free(rk_steal(&s->reported));
		}
		if (rc->conf.resync_ms)
			queue(it, rc->conf.resync_ms);
	}
	if (it->again)
		queue(it, SETTLE_MS);
	it->again = false;
	dispatch(rc);
}

/* --- keys and what they depend on --- */

static struct item *find(const struct rk_reconciler *rc, const char *key)
{
	struct item *it = rc->items;

	while (it && strcmp(it->key, key) != 0)
		it = it->next;
	return it;
}

void rk_reconciler_add(struct rk_reconciler *rc, const char *cluster, const char *key)
{
	struct item *it = find(rc, key);

	if (!it) {
		it = rk_calloc(1, sizeof(*it));
		*it = (struct item){.rc = rc,
			.key = rk_strdup(key),
			.cluster = rk_strdup(cluster),
			.retry_ms = RETRY_MIN_MS,
			.next = rc->items};
		rc->items = it;
	}
	queue(it, SETTLE_MS);
}

static void on_event(void *arg, enum rk_event e RK_UNUSED, const struct rk_val *obj RK_UNUSED)
{
	struct source *s = arg;

	s->forbidden = false;
	queue(s->item, SETTLE_MS);
}

static bool on_fail(void *arg, const struct rk_err *err RK_UNUSED)
{
	struct source *s = arg;

	s->forbidden = true;
	queue(s->item, SETTLE_MS);
	return true;
}

void rk_reconciler_watch(struct rk_reconciler *rc, const char *key, struct rk_kube *k,
	const struct rk_res *r, const char *ns, const char *fields)
{
	struct source *s = rk_calloc(1, sizeof(*s));
	struct rk_list_opts o = {.fields = fields, .metadata_only = true};

	*s = (struct source){.item = find(rc, key), .kube = k, .next = rc->sources};
	s->watch = rk_loop_watch(rc->loop, k, r, ns, &o, on_event, on_fail, s);
	rc->sources = s;
}

void rk_reconciler_unwatch(struct rk_reconciler *rc, const struct rk_kube *k)
{
	for (struct source **p = &rc->sources, *s; (s = *p);) {
		if (k && s->kube != k) {
			p = &s->next;
			continue;
		}
		*p = s->next;
		rk_loop_unwatch(s->watch);
		free(s->reported);
		free(s);
	}
}

struct rk_reconciler *rk_reconciler_new(struct rk_loop *l, const struct rk_reconciler_conf *conf)
{
	struct rk_reconciler *rc = rk_calloc(1, sizeof(*rc));

	*rc = (struct rk_reconciler){.loop = l, .conf = *conf};
	if (!conf->limit_ms)
		rc->conf.limit_ms = LIMIT_MS;
	if (!conf->running)
		rc->conf.running = RUNNING_MAX;
	if (!conf->per_cluster)
		rc->conf.per_cluster = PER_CLUSTER_MAX;
	return rc;
}

int rk_reconciler_run(struct rk_reconciler *rc, struct rk_err *err)
{
	rk_loop_mortal(rc->loop);
	if (rk_loop_run(rc->loop, 0, err) == 0)
		*err = rc->end;
	return -1;
}

void rk_reconciler_free(struct rk_reconciler *rc)
{
	if (!rc)
		return;
	for (struct item *it = rc->items; it; it = it->next)
		rk_task_free(rk_steal(&it->task));
	rk_reconciler_unwatch(rc, NULL);
	while (rc->items) {
		struct item *it = rc->items;

		rc->items = it->next;
		rk_loop_cancel(rc->loop, due, it);
		rk_loop_cancel(rc->loop, finished, it);
		free(it->reported);
		free(it->cluster);
		free(it->key);
		free(it);
	}
	free(rc);
}
