// SPDX-License-Identifier: Apache-2.0
/* what the loop and its watches share; no other file includes it. */
#ifndef RK_WATCH_INTERNAL_H
#define RK_WATCH_INTERNAL_H

#include "watch/watch.h"

struct rk_loop {
	struct rk_pool *pool;
	struct rk_timer *timers;
	struct rk_watch *watches;
	bool stop, mortal;
};

/* Work on all watches, between two polls, and free those that were ended; a watch that has more to do
 * leaves a timer. */
void rk_watch_work_all(struct rk_loop *l);
void rk_watch_end_all(struct rk_loop *l);
/* Keep the objects, too; returns where. */
struct rk_known_tab *rk_watch_keep(struct rk_watch *w);
/* Free the dead of the list; returns its new head. */
struct rk_watch *rk_watch_sweep(struct rk_watch *list);

/* What a watch knows of its objects: enough to tell a change, a successor, a disappearance. */
struct rk_known {
	char *key, *uid, *version; /* key: "namespace/name" */
	unsigned round;		   /* the list that last held it */
	struct rk_doc *doc;	   /* of a cache: the object */
	struct rk_val *obj;
	struct rk_known *next, *before, *after; /* of the same hash; in order of first sight */
};
struct rk_known_tab {
	struct rk_known **v, *first, *last;
	size_t n, count;
};
/* Where the entry of key is, or would be; good until the next call that adds. */
struct rk_known **rk_known_at(struct rk_known_tab *t, const char *key);
void rk_known_add(struct rk_known_tab *t, struct rk_known **at, const char *key, const char *uid);
/* Take *at out and free it; *at is then the one behind it. */
void rk_known_drop(struct rk_known_tab *t, struct rk_known **at);
void rk_known_clear(struct rk_known_tab *t);

/* The split of a watch's byte stream into its lines: line is called for each whole one, its end
 * left out, empty ones left out. -1 when line said so or one is longer than max. */
struct rk_watch_split {
	struct rk_buf part; /* the line begun and not ended */
	size_t max;
};
int rk_watch_feed(struct rk_watch_split *s, const char *p, size_t n,
	int (*line)(void *arg, const char *p, size_t n), void *arg);

#endif
