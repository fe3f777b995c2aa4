// SPDX-License-Identifier: Apache-2.0
/* The loop: timers and signals; while it waits, the tasks run. */
#include "internal.h"
#include "os/os.h"
#include "task/task.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>

struct rk_timer {
	int64_t due;
	void (*fn)(void *arg);
	void *arg;
	struct rk_timer *next;
};

struct rk_loop *rk_loop_new(void)
{
	return rk_calloc(1, sizeof(struct rk_loop));
}

void rk_loop_free(struct rk_loop *l)
{
	if (!l)
		return;
	while (l->watches)
		rk_loop_unwatch(l->watches);
	while (l->timers) {
		struct rk_timer *t = l->timers;

		l->timers = t->next;
		free(t);
	}
	free(l);
}

/* --- timers, ordered by due --- */

void rk_loop_cancel(struct rk_loop *l, void (*fn)(void *arg), void *arg)
{
	for (struct rk_timer **p = &l->timers; *p;) {
		struct rk_timer *t = *p;

		if (t->fn == fn && t->arg == arg) {
			*p = t->next;
			free(t);
		} else {
			p = &t->next;
		}
	}
}

void rk_loop_after(struct rk_loop *l, int64_t ms, void (*fn)(void *arg), void *arg)
{
	int64_t due = rk_now_ms() + (ms > 0 ? ms : 0);
	struct rk_timer **p, *t;

	for (t = l->timers; t; t = t->next)
		if (t->fn == fn && t->arg == arg && t->due <= due)
			return;
	rk_loop_cancel(l, fn, arg);
	t = rk_calloc(1, sizeof(*t));
	*t = (struct rk_timer){.due = due, .fn = fn, .arg = arg};
	for (p = &l->timers; *p && (*p)->due <= due; p = &(*p)->next)
		;
	t->next = *p;
	*p = t;
}

/* --- signals: the first stops the loop, the next is left to the previous handler --- */

static volatile sig_atomic_t signalled;
static int wake[2] = {-1, -1};
static struct sigaction before_int, before_term;

static void on_signal(int sig)
{
	int saved = errno;

	signalled = sig;
	sigaction(SIGINT, &before_int, NULL);
	sigaction(SIGTERM, &before_term, NULL);
	if (wake[1] >= 0 && write(wake[1], "", 1) < 0) {
		/* the pipe is full: it is awake already */
	}
	errno = saved;
}

static int signals_on(struct rk_err *err)
{
	struct sigaction sa = {.sa_handler = on_signal};

	if (wake[0] < 0 && pipe2(wake, O_CLOEXEC | O_NONBLOCK) < 0)
		return rk_err_sys(err, "pipe");
	sigemptyset(&sa.sa_mask);
	sigaction(SIGINT, &sa, &before_int);
	sigaction(SIGTERM, &sa, &before_term);
	return 0;
}

static void signals_off(void)
{
	char c;

	sigaction(SIGINT, &before_int, NULL);
	sigaction(SIGTERM, &before_term, NULL);
	while (read(wake[0], &c, 1) > 0)
		;
}

/* --- running --- */

/* Timers and a wait. Returns 1 when stopped, -1 at the end of the time. */
static int turn(struct rk_loop *l, int64_t end, struct rk_err *err)
{
	struct pollfd woken = {.fd = l->mortal ? -1 : wake[0], .events = POLLIN};
	int64_t now = rk_now_ms(), until = now + 60000;

	while (!l->stop && l->timers && l->timers->due <= now) {
		struct rk_timer *t = l->timers;

		l->timers = t->next;
		t->fn(t->arg);
		free(t);
	}
	if (l->stop)
		return 1;
	now = rk_now_ms();
	if (end && now >= end)
		return rk_err_set(err, RK_TIMEOUT, "timed out");
	if (l->timers && l->timers->due < until)
		until = l->timers->due;
	if (end && end < until)
		until = end;
	l->open = true;
	rk_task_poll(&woken, 1, until > now ? until - now : 0);
	l->open = false;
	return 0;
}

int rk_loop_run(struct rk_loop *l, int64_t deadline_ms, struct rk_err *err)
{
	int64_t end = deadline_ms > 0 ? rk_now_ms() + deadline_ms : 0;
	struct rk_run_limit before;
	int r;

	l->stop = false;
	signalled = 0;
	if (!l->mortal && signals_on(err) < 0)
		return -1;
	/* a credential plugin that is run to renew a credential must not outlast the loop */
	before = rk_run_limit((struct rk_run_limit){end, l->mortal ? NULL : &signalled});
	do
		r = turn(l, end, err);
	while (r == 0 && !signalled);
	rk_run_limit(before);
	if (!l->mortal)
		signals_off();
	if (signalled) /* also when it came with the end: the caller must know */
		return rk_err_set(err, 128 + signalled, "stopped by %s",
			signalled == SIGINT ? "an interrupt" : "SIGTERM");
	return r < 0 ? -1 : 0;
}

void rk_loop_mortal(struct rk_loop *l)
{
	l->mortal = true;
}

void rk_loop_stop(struct rk_loop *l)
{
	l->stop = true;
}
