// SPDX-License-Identifier: Apache-2.0
/* why - what keeps pods, volumes, charts and a virtual cluster from coming up, in a few words each.
 * Pure: objects in, text out. Source: the diagnosis table in docs, from real failures of k3k. */
#ifndef RK_WHY_H
#define RK_WHY_H

#include "val.h"

/* How bad it is. FAULT does not pass by waiting, as far as is known; it may still pass. */
enum rk_why { RK_WHY_FINE, RK_WHY_BUSY, RK_WHY_FAULT };

/* A pod: not scheduled and why, an image that cannot be pulled, a container that keeps ending, one
 * that is being created or not ready. Appends "NAME: text". */
enum rk_why rk_why_pod(const struct rk_val *pod, struct rk_buf *out);
/* A claim that is not bound, with its StorageClass. */
enum rk_why rk_why_pvc(const struct rk_val *pvc, struct rk_buf *out);
/* A Cluster's phase and message; hint (may be NULL) gets what to do about messages that are known.
 * A passing "Failed" is BUSY. */
enum rk_why rk_why_cluster(const struct rk_val *cluster, struct rk_buf *out, struct rk_buf *hint);

/* "FailedMount on pod/x: text"; whether it is a warning. */
bool rk_why_event(const struct rk_val *event, struct rk_buf *out);
/* Whether a warning is of those that a healthy start shows, too, and younger than RK_YOUNG_S. */
bool rk_why_noise(const struct rk_val *event);
/* Whether an RFC 3339 time is less than RK_YOUNG_S ago; not so for none. */
#define RK_YOUNG_S 60
bool rk_is_young(const char *time_text);
/* When it was last seen, seconds since 1970. */
int64_t rk_event_time(const struct rk_val *event);

#endif
