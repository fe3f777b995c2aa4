// SPDX-License-Identifier: Apache-2.0
/* Tasks on swapcontext(3), which knows of shadow stacks (-fcf-protection). */
#include "task/task.h"

#include <pthread.h>
#include <sys/mman.h>
#include <time.h>
#include <ucontext.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/common_interface_defs.h>
#endif

#define STACK_BYTES ((size_t)4 << 20) /* address space: what is not touched takes no memory */
#define GUARD_BYTES ((size_t)64 << 10)

struct rk_task {
	ucontext_t ctx;
	char *stack; /* the guard first */
	void (*fn)(void *arg);
	void *arg;
	int64_t deadline, until; /* rk_now_ms; 0: none, now */
	struct pollfd *fds;	 /* what it waits for, on its stack */
	nfds_t n;
	int ready; /* what its poll returns */
	bool ended, cancelled;
	struct rk_task *next;
};

static _Thread_local struct rk_task *tasks, *self;
static _Thread_local ucontext_t *outside; /* the context that resumed self */

/* --- switching; the sanitizer must know which stack comes next --- */

struct stack {
	const void *bottom;
	size_t size;
};
static _Thread_local struct stack outside_stack;

/* As swapcontext(3), whose interceptor in the sanitizer prints a warning on standard error. before: is set
 * to the stack that the switch back comes from; may be NULL. */
static void swap(ucontext_t *from, const ucontext_t *to, struct stack next, struct stack *before)
{
#ifdef __SANITIZE_ADDRESS__
	volatile bool back = false;
	void *save = NULL;

	__sanitizer_start_switch_fiber(&save, next.bottom, next.size);
	getcontext(from);
	if (!back) {
		back = true;
		setcontext(to);
	}
	__sanitizer_finish_switch_fiber(
		save, before ? &before->bottom : NULL, before ? &before->size : NULL);
#else
	(void)next, (void)before;
	swapcontext(from, to);
#endif
}

static void body(void)
{
#ifdef __SANITIZE_ADDRESS__
	__sanitizer_finish_switch_fiber(NULL, &outside_stack.bottom, &outside_stack.size);
#endif
	self->fn(self->arg);
	self->ended = true;
	self->until = INT64_MAX; /* it may have been woken since it last waited */
#ifdef __SANITIZE_ADDRESS__
	__sanitizer_start_switch_fiber(NULL, outside_stack.bottom, outside_stack.size);
#endif
	setcontext(outside);
}

static void resume(struct rk_task *t)
{
	struct rk_task *me = self; /* not NULL: it frees t */
	ucontext_t here, *my_outside = outside;
	struct stack my_stack = outside_stack;

	t->until = INT64_MAX;
	self = t;
	outside = &here;
	swap(&here, &t->ctx, (struct stack){t->stack + GUARD_BYTES, STACK_BYTES}, NULL);
	self = me;
	outside = my_outside;
	outside_stack = my_stack;
}

/* --- their life --- */

/* A child process runs outside of tasks, on whatever stack it was made. */
static void in_child(void)
{
	tasks = self = NULL;
}

struct rk_task *rk_task_new(void (*fn)(void *arg), void *arg, int64_t limit_ms)
{
	static bool watched;
	struct rk_task *t = rk_calloc(1, sizeof(*t)), **end = &tasks;

	if (!watched)
		pthread_atfork(NULL, NULL, in_child);
	watched = true;
	t->fn = fn;
	t->arg = arg;
	t->deadline = limit_ms > 0 ? rk_now_ms() + limit_ms : 0;
	t->stack = mmap(NULL, GUARD_BYTES + STACK_BYTES, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
	if (t->stack == MAP_FAILED || mprotect(t->stack, GUARD_BYTES, PROT_NONE) < 0 ||
		getcontext(&t->ctx) < 0)
		abort();
	t->ctx.uc_stack.ss_sp = t->stack + GUARD_BYTES;
	t->ctx.uc_stack.ss_size = STACK_BYTES;
	makecontext(&t->ctx, body, 0);
	while (*end)
		end = &(*end)->next;
	*end = t;
	return t;
}

void rk_task_free(struct rk_task *t)
{
	struct rk_task **p = &tasks;

	if (!t)
		return;
	t->cancelled = true;
	while (!t->ended) {
		t->ready = 0;
		resume(t);
	}
	while (*p != t)
		p = &(*p)->next;
	*p = t->next;
	munmap(t->stack, GUARD_BYTES + STACK_BYTES);
	free(t);
}

struct rk_task *rk_task_self(void)
{
	return self;
}

void rk_task_wake(struct rk_task *t)
{
	if (t && !t->ended)
		t->until = 0;
}

int64_t rk_task_left(void)
{
	int64_t left = self && self->deadline ? self->deadline - rk_now_ms() : INT64_MAX;

	return left < 0 || (self && self->cancelled) ? 0 : left;
}

/* --- waiting --- */

/* Wait for the fds of the caller outside and of all tasks; each task learns what is ready. One that has
 * ended waits for nothing and never. */
static int poll_all(struct pollfd *fds, nfds_t n, int64_t until)
{
	rk_auto_free struct pollfd *v = NULL;
	nfds_t all = n, at = n;
	int64_t ms;
	int r;

	for (const struct rk_task *t = tasks; t; t = t->next) {
		all += t->n;
		until = t->until < until ? t->until : until;
	}
	v = rk_calloc(all, sizeof(*v));
	if (n)
		memcpy(v, fds, n * sizeof(*v));
	for (const struct rk_task *t = tasks; t; t = t->next)
		for (nfds_t i = 0; i < t->n; i++)
			v[at++] = t->fds[i];
	ms = until == INT64_MAX ? -1 : until - rk_now_ms();
	r = poll(v, all, ms > 3600000 ? 3600000 : ms < 0 && until != INT64_MAX ? 0 : (int)ms);
	if (r < 0)
		return r;
	if (n)
		memcpy(fds, v, n * sizeof(*v));
	at = n;
	for (struct rk_task *t = tasks; t; t = t->next) {
		t->ready = 0;
		for (nfds_t i = 0; i < t->n; i++) {
			t->fds[i].revents = v[at++].revents;
			t->ready += t->fds[i].revents != 0;
		}
		r -= t->ready;
	}
	return r;
}

int rk_task_poll(struct pollfd *fds, nfds_t n, int64_t ms)
{
	int64_t now = rk_now_ms(), until = ms < 0 ? INT64_MAX : now + ms;
	struct rk_task *t = self;
	int r;

	if (t) {
		if (rk_task_left() == 0)
			return 0;
		t->fds = fds;
		t->n = n;
		t->until = t->deadline && t->deadline < until ? t->deadline : until;
		swap(&t->ctx, outside, outside_stack, &outside_stack);
		t->n = 0;
		return t->ready;
	}
	r = poll_all(fds, n, until);
	now = rk_now_ms();
	for (t = r < 0 ? NULL : tasks; t; t = t->next)
		if (t->ready || t->until <= now)
			resume(t);
	return r;
}

bool rk_task_pause(int64_t ms)
{
	int64_t end = rk_now_ms() + ms;

	while (rk_now_ms() < end)
		if (rk_task_left() == 0 || rk_task_poll(NULL, 0, end - rk_now_ms()) < 0)
			return false;
	return true;
}
