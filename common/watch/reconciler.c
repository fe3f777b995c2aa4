// SPDX-License-Identifier: Apache-2.0
/* Reconcilers: one run after each burst of changes, one message for each failure. */
#include "internal.h"

#define SETTLE_MS    100
#define RETRY_MIN_MS 1000
#define RETRY_MAX_MS 60000

/* One collection listened to. */
struct ear {
	struct rk_keeper *keeper;
	struct rk_kube *kube;
	struct rk_watch *watch;
	bool deaf;  /* the last word of the watch was a refusal */
	char *told; /* what was said of that, or NULL */
	struct ear *next;
};

struct rk_keeper {
	struct rk_loop *loop;
	int (*look)(void *arg, struct rk_err *err);
	void *arg;
	void (*warn)(const char *fmt, ...);
	int64_t every_ms, retry_ms;
	char *told; /* what was said of the last look, or NULL */
	struct ear *ears;
	struct rk_err end;
};

/* Say it unless it was the last thing said. */
static void tell(const struct rk_keeper *kp, char **told, const struct rk_err *err)
{
	char *text = rk_asprintf("%s%s%s", err->msg, err->hint[0] ? "; " : "", err->hint);

	if (!rk_streq(*told, text))
		kp->warn("%s", text);
	free(*told);
	*told = text;
}

/* A look that succeeds does not need the watch, and a missing permission to watch is reported once; then
 * each new try of the watch brings a look. */
static void tell_deaf(const struct rk_keeper *kp, struct ear *e)
{
	const struct rk_err *err = e->deaf ? rk_watch_error(e->watch) : NULL;

	if (err)
		tell(kp, &e->told, err);
	else
		free(rk_steal(&e->told));
}

static void look_now(void *arg)
{
	struct rk_keeper *kp = arg;
	struct rk_err err = RK_ERR_INIT;
	int r = kp->look(kp->arg, &err);

	if (r > 0) {
		kp->end = err;
		rk_loop_stop(kp->loop);
	} else if (r < 0) {
		tell(kp, &kp->told, &err);
		rk_loop_after(kp->loop, kp->retry_ms, look_now, kp);
		kp->retry_ms = kp->retry_ms * 2 < RETRY_MAX_MS ? kp->retry_ms * 2 : RETRY_MAX_MS;
	} else {
		free(rk_steal(&kp->told));
		kp->retry_ms = RETRY_MIN_MS;
		for (struct ear *e = kp->ears; e; e = e->next)
			tell_deaf(kp, e);
		if (kp->every_ms)
			rk_loop_after(kp->loop, kp->every_ms, look_now, kp);
	}
}

static void on_event(void *arg, enum rk_event event, const struct rk_val *obj)
{
	struct ear *e = arg;

	(void)event, (void)obj;
	e->deaf = false;
	rk_loop_after(e->keeper->loop, SETTLE_MS, look_now, e->keeper);
}

static bool on_fail(void *arg, const struct rk_err *err)
{
	struct ear *e = arg;

	(void)err;
	e->deaf = true;
	rk_loop_after(e->keeper->loop, SETTLE_MS, look_now, e->keeper);
	return true;
}

struct rk_keeper *rk_keeper_new(int (*look)(void *arg, struct rk_err *err), void *arg,
	int64_t every_ms, void (*warn)(const char *fmt, ...))
{
	struct rk_keeper *kp = rk_calloc(1, sizeof(*kp));

	*kp = (struct rk_keeper){.loop = rk_loop_new(),
		.look = look,
		.arg = arg,
		.warn = warn,
		.every_ms = every_ms,
		.retry_ms = RETRY_MIN_MS};
	return kp;
}

void rk_keeper_hear(struct rk_keeper *kp, struct rk_kube *k, const struct rk_res *r, const char *ns,
	const char *fields)
{
	struct ear *e = rk_calloc(1, sizeof(*e));
	struct rk_list_opts o = {.fields = fields, .metadata_only = true};

	*e = (struct ear){.keeper = kp, .kube = k, .next = kp->ears};
	e->watch = rk_loop_watch(kp->loop, k, r, ns, &o, on_event, on_fail, e);
	kp->ears = e;
}

void rk_keeper_leave(struct rk_keeper *kp, const struct rk_kube *k)
{
	for (struct ear **p = &kp->ears, *e; (e = *p);) {
		if (k && e->kube != k) {
			p = &e->next;
			continue;
		}
		*p = e->next;
		rk_loop_unwatch(kp->loop, e->watch);
		free(e->told);
		free(e);
	}
}

int rk_keeper_run(struct rk_keeper *kp, struct rk_err *err)
{
	rk_loop_mortal(kp->loop);
	rk_loop_after(kp->loop, SETTLE_MS, look_now, kp);
	if (rk_loop_run(kp->loop, 0, err) == 0)
		*err = kp->end;
	return -1;
}

void rk_keeper_free(struct rk_keeper *kp)
{
	if (!kp)
		return;
	rk_keeper_leave(kp, NULL);
	rk_loop_free(kp->loop);
	free(kp->told);
	free(kp);
}
