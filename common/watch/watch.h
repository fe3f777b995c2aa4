// SPDX-License-Identifier: Apache-2.0
/* loop - for what waits and what keeps running: watches over many clusters, timers, signals.
 *
 * A watch is list + watch with resume: the callback sees the present objects as ADDED, then SYNCED
 * once, then changes. 410 means list again: objects that vanished meanwhile are reported as DELETED.
 * Broken streams come back with back-off (0.8 s doubling to 30 s, jitter); bookmarks and an
 * idle limit notice dead connections. Single-threaded: callbacks run inside rk_loop_run. */
#ifndef RK_WATCH_H
#define RK_WATCH_H

#include "kube/kube.h"

struct rk_loop;
struct rk_watch;
struct rk_timer;

enum rk_event { RK_ADDED, RK_MODIFIED, RK_GONE, RK_SYNCED };

struct rk_loop *rk_loop_new(void);
void rk_loop_free(struct rk_loop *l);
static inline void rk_cleanup_loop_(struct rk_loop **l)
{
	rk_loop_free(*l);
}
#define rk_auto_loop __attribute__((cleanup(rk_cleanup_loop_))) struct rk_loop

typedef void (*rk_watch_fn)(void *arg, enum rk_event e, const struct rk_val *obj);
/* Start watching. k must outlive the loop. obj is valid during the callback only (NULL for
 * SYNCED; metadata of the last known state for GONE). Permanent refusals (403, no such kind) are
 * handed to fail(arg, err); return true from it to keep trying with back-off. fail may be NULL. Neither
 * waits, nor ends its watch. */
struct rk_watch *rk_loop_watch(struct rk_loop *l, struct rk_kube *k, const struct rk_res *r,
	const char *ns, const struct rk_list_opts *o, rk_watch_fn fn,
	bool (*fail)(void *arg, const struct rk_err *err), void *arg);
/* From now on fn is not called, and the struct rk_kube may be freed. */
void rk_loop_unwatch(struct rk_watch *w);

/* Why the watch gets nothing at the moment (connection, refusal), or NULL when all is well. */
const struct rk_err *rk_watch_error(const struct rk_watch *w);

/* Call fn once after ms. Timers with the same fn and arg are merged to the earliest. */
void rk_loop_after(struct rk_loop *l, int64_t ms, void (*fn)(void *arg), void *arg);
void rk_loop_cancel(struct rk_loop *l, void (*fn)(void *arg), void *arg);

/* Run until rk_loop_stop, a signal (SIGINT, SIGTERM: RK code 128+n), or deadline_ms from now
 * (0: none): RK_TIMEOUT. Returns 0 when stopped. */
int rk_loop_run(struct rk_loop *l, int64_t deadline_ms, struct rk_err *err) RK_MUST_USE;
void rk_loop_stop(struct rk_loop *l);
/* Signals are not for rk_loop_run: they end the process at once, as they do outside of it. */
void rk_loop_mortal(struct rk_loop *l);

/* --- reconciler: it makes each object, named by a key, what it should be ---
 *
 * Level-triggered: reconcile(key) is called 100 ms after the first of a burst of changes and resync_ms
 * after the last success, and reads what it needs again. Each call is a task (task/task.h): its
 * requests block nothing else. A key is reconciled once at a time, and once for all changes that came
 * meanwhile; after a failure again after 1 s, doubling to 60 s, with jitter, or with the next change. A
 * failure is handed to warn once until another follows or the key succeeds; so is that a watch is
 * refused. */
struct rk_reconciler;
struct rk_reconciler_conf {
	/* Returns 0, -1 (failed), or 1: err ends the loop. */
	int (*reconcile)(void *arg, const char *key, struct rk_err *err);
	void *arg;
	void (*warn)(const char *fmt, ...);
	int64_t resync_ms; /* 0: only after changes */
	int64_t limit_ms;  /* for one call; 0: 5 minutes */
	size_t running,
		per_cluster; /* calls at the same time, in all and for each cluster; 0: 32, 4 */
};
/* l must outlive it. */
struct rk_reconciler *rk_reconciler_new(struct rk_loop *l, const struct rk_reconciler_conf *conf);
void rk_reconciler_free(struct rk_reconciler *rc);
static inline void rk_cleanup_reconciler_(struct rk_reconciler **rc)
{
	rk_reconciler_free(*rc);
}
#define rk_auto_reconciler __attribute__((cleanup(rk_cleanup_reconciler_))) struct rk_reconciler
/* Queue key, which is new or known. cluster: which bound counts its calls. */
void rk_reconciler_add(struct rk_reconciler *rc, const char *cluster, const char *key);
/* Changes of these objects queue key (fields: a selector, NULL: all in ns); also from within reconcile. */
void rk_reconciler_watch(struct rk_reconciler *rc, const char *key, struct rk_kube *k,
	const struct rk_res *r, const char *ns, const char *fields);
/* End the watches of k, which may then be freed. */
void rk_reconciler_unwatch(struct rk_reconciler *rc, const struct rk_kube *k);
/* Run the loop until reconcile ends it: -1 with its error. Signals end the process. */
int rk_reconciler_run(struct rk_reconciler *rc, struct rk_err *err) RK_MUST_USE;

/* --- cache: the objects of a watch as they are now, for callers that judge several collections --- */
struct rk_cache;

/* Watch and keep; changed(arg) is called after each change, after the first whole list, and when
 * the watch is refused. A refusal (no right, no such kind) is tried again with back-off. */
struct rk_cache *rk_cache_new(struct rk_loop *l, struct rk_kube *k, const struct rk_res *r,
	const char *ns, const struct rk_list_opts *o, void (*changed)(void *arg), void *arg);
/* Free before the loop is. NULL is fine. */
void rk_cache_free(struct rk_cache *c);

/* The first list is complete: what is not in it does not exist. */
bool rk_cache_synced(const struct rk_cache *c);
/* Why nothing comes at the moment, or NULL. With a kind the server does not have, reason is
 * NoSuchAPI: such objects cannot exist on it. */
const struct rk_err *rk_cache_error(const struct rk_cache *c);

size_t rk_cache_count(const struct rk_cache *c);
/* By name, and namespace unless NULL; or NULL. Objects are valid until the loop runs again. */
const struct rk_val *rk_cache_find(const struct rk_cache *c, const char *ns, const char *name);
/* Copies of all as a SEQ in d. */
struct rk_val *rk_cache_seq(const struct rk_cache *c, struct rk_doc *d);
/* Entries in order of first sight: the one after e (NULL: the first), and its object; both may be NULL. */
struct rk_known;
const struct rk_known *rk_cache_next(const struct rk_cache *c, const struct rk_known *e);
const struct rk_val *rk_cache_object(const struct rk_known *e);
#define rk_cache_first(c) rk_cache_object(rk_cache_next((c), NULL))

#define rk_cache_each(it, c)                                                 \
	for (const struct rk_known *it##_e = rk_cache_next(c, NULL); it##_e; \
		it##_e = rk_cache_next(c, it##_e))                           \
		for (const struct rk_val *it = rk_cache_object(it##_e); it; it = NULL)

/* --- Lease: leadership. One that was not renewed for its duration, or whose holder was killed on this
 * machine, can be taken over. Its calls are for a task, too. --- */
struct rk_lease;
/* holder: its identity, for others to read; NULL: USER@HOST:PROCESS. process: that for which it is held. k
 * must outlive it. */
struct rk_lease *rk_lease_new(struct rk_kube *k, const char *ns, const char *name,
	const char *holder, int64_t duration_ms, int process);
void rk_lease_free(struct rk_lease *l);
/* Take it, within wait_ms. RK_CONFLICT: another holds it, who is named. */
int rk_lease_acquire(struct rk_lease *l, int64_t wait_ms, struct rk_err *err) RK_MUST_USE;
/* To be called well before the end of the duration. It is lost when http is 409 (another has it) or 404. */
int rk_lease_renew(struct rk_lease *l, struct rk_err *err) RK_MUST_USE;
/* Delete it, unless it was lost: then it is its new holder's. */
int rk_lease_release(struct rk_lease *l, struct rk_err *err) RK_MUST_USE;

#endif
