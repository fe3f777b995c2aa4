// SPDX-License-Identifier: Apache-2.0
/* what the loop and its watches share; no other file includes it. */
#ifndef RK_WATCH_INTERNAL_H
#define RK_WATCH_INTERNAL_H

#include "watch/watch.h"

struct rk_loop {
	struct rk_timer *timers;
	struct rk_watch *watches;
	bool stop, mortal;
	bool open; /* it waits: watches may call back */
};

/* What a watch knows of its objects: enough to tell a change, a successor, a disappearance. */
struct rk_known {
	char *key, *uid, *version; /* key: "namespace/name" */
	unsigned round;		   /* the list that last held it */
	struct rk_doc *doc;	   /* of a cache: the object */
	struct rk_val *obj;
	struct rk_known *before, *after; /* in order of first sight */
};
struct rk_known_tab {
	void *tree; /* tsearch(3) */
	struct rk_known *first, *last;
	size_t count;
};
/* The entry of key, or NULL. */
struct rk_known *rk_known_find(const struct rk_known_tab *t, const char *key);
struct rk_known *rk_known_add(struct rk_known_tab *t, const char *key, const char *uid);
void rk_known_drop(struct rk_known_tab *t, struct rk_known *e);

#endif
