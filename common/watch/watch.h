// SPDX-License-Identifier: Apache-2.0
/* loop - for what waits and what stays running: watches over many clusters, timers, signals.
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
 * handed to fail(arg, err); return true from it to keep trying with back-off. fail may be NULL. */
struct rk_watch *rk_loop_watch(struct rk_loop *l, struct rk_kube *k, const struct rk_res *r,
	const char *ns, const struct rk_list_opts *o, rk_watch_fn fn,
	bool (*fail)(void *arg, const struct rk_err *err), void *arg);
/* From now on fn is not called, and the struct rk_kube may be freed. */
void rk_loop_unwatch(struct rk_loop *l, struct rk_watch *w);

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

/* A keeper is a reconciler (level-triggered): it compares what exists with what should exist, and
 * repairs the difference, whenever something may have changed.
 *
 * look is called at the start, 100 ms after the first of a burst of changes, and every_ms after
 * the last look (0: not). It reads what it needs again: what changed is not passed. When it fails it is
 * called again after 1 s, doubling to 60 s, or with the next change. A failure is handed to
 * warn once until another follows or a look succeeds; so is that a watch is refused, which
 * then is tried again, with a look each time. look returns 0, -1 (failed), or 1: err is the end. */
struct rk_keeper;
struct rk_keeper *rk_keeper_new(int (*look)(void *arg, struct rk_err *err), void *arg,
	int64_t every_ms, void (*warn)(const char *fmt, ...));
void rk_keeper_free(struct rk_keeper *kp);
static inline void rk_cleanup_keeper_(struct rk_keeper **kp)
{
	rk_keeper_free(*kp);
}
#define rk_auto_keeper __attribute__((cleanup(rk_cleanup_keeper_))) struct rk_keeper
/* Changes of these objects count (fields: a selector, NULL: all in ns); also from within look. */
void rk_keeper_hear(struct rk_keeper *kp, struct rk_kube *k, const struct rk_res *r, const char *ns,
	const char *fields);
/* Not of those of k any more, which may then be freed. */
void rk_keeper_leave(struct rk_keeper *kp, const struct rk_kube *k);
/* Until look ends it: -1 with its error. Signals kill. */
int rk_keeper_run(struct rk_keeper *kp, struct rk_err *err) RK_MUST_USE;

/* mirror - a live copy of what a watch sees: the objects as they are now, for callers that judge several
 * collections together. */

struct rk_mirror;

/* Watch and keep; changed(arg) is called after each change, after the first whole list, and when
 * it is refused. A refusal (no right, no such kind) is tried again with back-off. */
struct rk_mirror *rk_mirror_new(struct rk_loop *l, struct rk_kube *k, const struct rk_res *r,
	const char *ns, const struct rk_list_opts *o, void (*changed)(void *arg), void *arg);
/* Free before the loop is. NULL is fine. */
void rk_mirror_free(struct rk_mirror *m);

/* The first list is complete: what is not in it does not exist. */
bool rk_mirror_synced(const struct rk_mirror *m);
/* Why nothing comes at the moment, or NULL. With a kind the server does not have, reason is
 * NoSuchAPI: then there are no such objects either. */
const struct rk_err *rk_mirror_error(const struct rk_mirror *m);

size_t rk_mirror_count(const struct rk_mirror *m);
/* i-th object, in order of first sight; valid until the loop runs again. NULL beyond the last. */
const struct rk_val *rk_mirror_at(const struct rk_mirror *m, size_t i);
/* By name, and namespace unless NULL; or NULL. */
const struct rk_val *rk_mirror_find(const struct rk_mirror *m, const char *ns, const char *name);
/* Copies of all as a SEQ in d. */
struct rk_val *rk_mirror_seq(const struct rk_mirror *m, struct rk_doc *d);

#define rk_mirror_each(it, m)                                          \
	for (size_t it##_i = 0; it##_i < rk_mirror_count(m); it##_i++) \
		for (const struct rk_val *it = rk_mirror_at(m, it##_i); it; it = NULL)

#endif
