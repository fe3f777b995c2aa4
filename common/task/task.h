// SPDX-License-Identifier: Apache-2.0
/* task - straight-line functions that run side by side in one thread, each on a separate stack.
 *
 * A task runs until it waits in rk_task_poll; then another one does. So the synchronous calls of the
 * modules below (a request, a program, a pause) block only the task that makes them. Outside of a
 * task rk_task_poll is poll(2), and lets the tasks that exist run meanwhile. */
#ifndef RK_TASK_H
#define RK_TASK_H

#include <poll.h>

#include "base/base.h"

struct rk_task;

/* A task that calls fn(arg), from the next wait outside of tasks on. limit_ms: from now; past it its
 * waits and requests fail. 0: no limit. */
struct rk_task *rk_task_new(void (*fn)(void *arg), void *arg, int64_t limit_ms);
/* Free it. One that has not ended is run to its end first, and all its waits fail at once. Not the
 * running one. NULL is fine. */
void rk_task_free(struct rk_task *t);

/* The task that runs, or NULL outside of all. */
struct rk_task *rk_task_self(void);
/* End its wait, as if nothing had happened. NULL is fine. */
void rk_task_wake(struct rk_task *t);
/* ms until the end of the running task's limit; 0: it is over, or the task is to end; INT64_MAX outside
 * of tasks or without a limit. */
int64_t rk_task_left(void);

/* As poll(2), ms < 0: without an end. May return 0 before ms have passed, also when rk_task_left is 0. */
int rk_task_poll(struct pollfd *fds, nfds_t n, int64_t ms);
/* false: it was cut short, by a signal or the end of the task. */
bool rk_task_pause(int64_t ms);

#endif
