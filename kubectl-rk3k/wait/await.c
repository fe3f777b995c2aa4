// SPDX-License-Identifier: Apache-2.0
/* The engine: caches change, the step is judged again, what is new is reported. */
#include "tool.h"

#include <stdarg.h>

#include "task/task.h"

#define TICK_MS	  1000
#define STAYS_MS  5000	/* a fault that lasts so long is reported */
#define REPEAT_MS 20000 /* at least so long between two of them */
#define LOOK_MS	  15000 /* with timeout 0: for the first answers */
#define LOST_MS	  15000 /* nothing from the virtual cluster for so long: find another address */

void await_add_part(struct rk_buf *b, const char *fmt, ...)
{
	va_list ap;
	char *s = NULL;

	if (b->len)
		rk_buf_puts(b, "; ");
	va_start(ap, fmt);
	if (vasprintf(&s, fmt, ap) >= 0)
		rk_buf_puts(b, s);
	va_end(ap);
	free(s);
}

static void report_init(struct report *r)
{
	*r = (struct report){.line = RK_BUF_INIT, .fault = RK_BUF_INIT, .hint = RK_BUF_INIT};
}

static void report_release(struct report *r)
{
	rk_buf_release(&r->line);
	rk_buf_release(&r->fault);
	rk_buf_release(&r->hint);
}

/* --- looking --- */

/* A kind that the server does not have is as good as none of it, and permission may be missing for what
 * only helps to explain; all else that cannot be read is reported. */
static const struct rk_err *blind(const struct await *w)
{
	for (size_t i = 0; i < w->n; i++) {
		const struct rk_err *e = rk_cache_error(w->m[i]);

		if (e && e->reason != RK_REASON_NO_SUCH_API &&
			!(w->step->watched[i].extra && e->http == 403))
			return e;
	}
	return NULL;
}

static bool all_seen(const struct await *w)
{
	for (size_t i = 0; i < w->n; i++)
		if (!rk_cache_synced(w->m[i]) && !rk_cache_error(w->m[i]))
			return false;
	return true;
}

/* Each text once: faults of pods come and go with every try. */
static bool is_reported(struct await *w, const char *text)
{
	rk_auto_free char *line = rk_asprintf("\n%.60s\n", text);
	bool reported = strstr(w->reported.s, line) != NULL;

	if (!reported)
		rk_buf_puts(&w->reported, line);
	return reported;
}

static void report_fault(struct await *w, const struct report *r)
{
	int64_t now = rk_now_ms();

	if (!r->fault.len) {
		w->fault_since = 0;
		return;
	}
	if (!w->fault_since)
		w->fault_since = now;
	if (now - w->fault_since < STAYS_MS ||
		(w->fault_reported && now - w->fault_reported < REPEAT_MS))
		return;
	if (w->a->fail_fast) {
		rk_err_set(&w->last.dead, RK_FAIL, "%s", r->fault.s);
		rk_err_hint(&w->last.dead, "%s", r->hint.s);
		rk_loop_stop(w->loop);
	} else if (!is_reported(w, r->fault.s)) {
		w->fault_reported = now;
		rk_warn("%s", r->fault.s);
	}
}

static void keep(struct await *w, struct report *r)
{
	struct rk_err dead = w->last.dead;

	report_release(&w->last);
	w->last = *r;
	if (dead.code && !w->last.dead.code)
		w->last.dead = dead;
}

/* At most once a second: what is awaited passes through many states while things start. */
static void show(struct await *w)
{
	if (w->last.line.len && strcmp(w->shown.s, w->last.line.s) != 0) {
		rk_buf_reset(&w->shown);
		rk_buf_puts(&w->shown, w->last.line.s);
		rk_progress_set(w->a->progress, "%s", w->shown.s);
	}
	rk_progress_tick(w->a->progress);
}

/* The address that answered before may be gone with its node or pod: then another is searched for. */
static bool is_lost(struct await *w, const struct rk_err *e)
{
	if (!e || e->http || !w->virt) {
		w->blind_since = 0;
		return false;
	}
	if (!w->blind_since)
		w->blind_since = rk_now_ms();
	return rk_now_ms() - w->blind_since > LOST_MS;
}

static int gone(const struct await *w, bool deleting, struct rk_err *err)
{
	rk_err_set(err, RK_NOTFOUND, "virtual cluster %s/%s %s while waiting for %s",
		rk_settings_ns(w->a->settings), rk_settings_cluster(w->a->settings),
		deleting ? "is being deleted" : "was deleted", w->noun);
	return rk_err_hint(err, "create it again with: kubectl rk3k deploy%s", rk_here_settings());
}

/* Once the virtual cluster is deleted, its contents no longer matter to the wait. */
static bool is_gone(const struct await *w, struct rk_err *err)
{
	const struct rk_val *c = w->own ? rk_cache_first(w->own) : NULL;
	bool deleting = rk_get(c, "metadata", "deletionTimestamp", NULL) != NULL;

	if (!w->own || !rk_cache_synced(w->own) || rk_cache_error(w->own) || (c && !deleting))
		return false;
	gone(w, deleting, err);
	return true;
}

static void look(void *arg)
{
	struct await *w = arg;
	struct report r;
	enum verdict v;
	const struct rk_err *e = blind(w);

	report_init(&r);
	v = is_gone(w, &r.dead) ? DEAD : all_seen(w) && !e ? w->step->judge(w, &r) : WAITING;
	if (e)
		await_add_part(&r.line, "cannot be read: %s", e->msg);
	if (v == WAITING)
		report_fault(w, &r);
	keep(w, &r);
	w->done = v == DONE;
	w->lost = is_lost(w, e);
	if (v != WAITING || w->lost || (w->a->timeout_ms == 0 && all_seen(w)))
		rk_loop_stop(w->loop);
}

static void changed(void *arg)
{
	struct await *w = arg;

	rk_loop_after(w->loop, 0, look, w); /* a list of many objects is judged once */
}

void await_soon(struct await *w, int64_t ms)
{
	rk_loop_after(w->loop, ms, look, w);
}

static void tick(void *arg)
{
	struct await *w = arg;

	look(w);
	show(w);
	rk_loop_after(w->loop, TICK_MS, tick, w);
}

/* A text of the step's table with its names filled in; NULL for NULL. */
static char *filled(const struct rk_settings *s, const char *text)
{
	const char *cluster = rk_settings_cluster(s);
	rk_auto_buf out = RK_BUF_INIT;
	char object[64];

	for (; text && *text; text++) {
		if (*text != '@') {
			rk_buf_putc(&out, *text);
			continue;
		}
		text++;
		rk_k3k_name(object, cluster, *text == 'f' ? "kubeconfig" : "server");
		rk_buf_puts(&out, *text == 'n'	 ? rk_settings_ns(s)
				  : *text == 'c' ? cluster
				  : *text == 'k' ? rk_setting(s, RK_KEY_K3K_NAMESPACE)
				  : *text == 't' ? rk_settings_tls_source_secret(s)
				  : *text == 'h' ? rk_settings_primary(s)
						 : object);
	}
	return text ? rk_strdup(out.s) : NULL;
}

/* Of steps in the virtual cluster: its Cluster. */
static const struct watched own_cluster = WATCH(&RK_CLUSTER, "@n", .name = "@c");

static struct rk_cache *cache(struct await *w, struct rk_kube *k, const struct watched *o)
{
	rk_auto_free char *ns = filled(w->a->settings, o->ns);
	rk_auto_free char *name = filled(w->a->settings, o->name);
	rk_auto_free char *labels = filled(w->a->settings, o->labels);
	rk_auto_free char *field = name ? rk_asprintf("metadata.name=%s", name) : NULL;
	struct rk_list_opts lo = {.labels = labels,
		.fields = field,
		.metadata_only = o == &own_cluster || (o->res == &RK_SECRET && !name)};

	return rk_cache_new(w->loop, k, o->res, ns, &lo, changed, w);
}

/* --- the connection to the virtual cluster --- */

/* Whether the Cluster does not exist or is being deleted; err then names it. An unknown state is not
 * absence: the wait continues. */
static bool is_absent(const struct await *w, struct rk_err *err)
{
	rk_auto_doc *d = rk_doc_new(false);
	struct rk_err why = RK_ERR_INIT;
	struct rk_val *c = NULL;
	bool failed = rk_k3k_get(w->a->host, rk_settings_ns(w->a->settings),
			      rk_settings_cluster(w->a->settings), d, &c, &why) < 0;

	if (failed && why.code == RK_NOTFOUND)
		*err = why;
	else if (!failed && rk_get(c, "metadata", "deletionTimestamp", NULL))
		gone(w, true, err);
	else
		return false;
	return true;
}

/* The virtual cluster may be restarting, or just become Ready: tried again until the time is up. */
static int enter(struct await *w, struct rk_err *err)
{
	const char *ns = rk_settings_ns(w->a->settings),
		   *name = rk_settings_cluster(w->a->settings);

	for (;;) {
		rk_err_clear(err);
		if (rk_vcluster_open(&w->virtual, w->a->host, ns, name, err) == 0) {
			w->virt = w->virtual.kube;
			return 0;
		}
		if (err->code == RK_CONFLICT || rk_now_ms() + 2 * TICK_MS > w->deadline ||
			is_absent(w, err))
			return -1;
		rk_progress_set(w->a->progress, "%s", err->msg);
		rk_progress_tick(w->a->progress);
		rk_task_pause(2 * TICK_MS);
	}
}

/* --- the end --- */

static int time_is_up(struct await *w, struct rk_err *err)
{
	struct report *r = &w->last;
	const struct rk_err *e = blind(w);
	char age[16];

	rk_age((rk_now_ms() - w->began) / 1000, age);
	if (e && !r->fault.len) {
		struct rk_err why = *e;

		rk_err_set(err, why.code == RK_CONFLICT ? RK_CONFLICT : RK_FAIL,
			"the state of %s could not be determined: %s", w->noun, why.msg);
		return rk_err_hint(err, "%s", why.hint);
	}
	rk_err_set(err, r->code ? r->code : RK_TIMEOUT, "%s is not ready after %s: %s", w->noun,
		age,
		r->fault.len  ? r->fault.s
		: r->line.len ? r->line.s
			      : "the server has not answered");
	if (r->hint.len)
		rk_err_hint(err, "%s", r->hint.s);
	return -1;
}

static int run_loop(struct await *w, struct rk_err *err)
{
	int64_t left = w->a->timeout_ms == 0 ? LOOK_MS : w->deadline - rk_now_ms();
	int r;

	for (; w->n < w->step->count; w->n++) {
		const struct watched *o = &w->step->watched[w->n];

		w->m[w->n] = cache(w, w->step->virt && !o->host ? w->virt : w->a->host, o);
	}
	if (w->step->virt)
		w->own = cache(w, w->a->host, &own_cluster);
	rk_loop_after(w->loop, 0, tick, w);
	r = rk_loop_run(w->loop, left > 1 ? left : 1, err);
	if (r < 0 && err->code != RK_TIMEOUT)
		return -1;
	rk_err_clear(err);
	if (w->done || w->lost)
		return 0;
	if (w->last.dead.code) {
		*err = w->last.dead;
		return -1;
	}
	return time_is_up(w, err);
}

static void leave(struct await *w)
{
	for (size_t i = 0; i < w->n; i++)
		rk_cache_free(w->m[i]);
	w->n = 0;
	rk_cache_free(rk_steal(&w->own));
	rk_loop_free(rk_steal(&w->loop));
	w->virt = NULL;
	rk_vcluster_close(&w->virtual);
}

/* Once, or again from the start when the virtual cluster was lost out of sight. */
static int run(struct await *w, struct rk_err *err)
{
	int r = 0;

	do {
		w->lost = false;
		w->blind_since = 0;
		w->loop = rk_loop_new();
		if (w->step->virt)
			r = enter(w, err);
		if (r == 0)
			r = run_loop(w, err);
		leave(w);
	} while (r == 0 && w->lost);
	return r;
}

char *await_title(const struct rk_settings *s, const struct rk_step *step)
{
	return filled(s, await_table[step->await].noun);
}

int await_run(const struct await_run *a, const struct rk_step *step, struct rk_err *err)
{
	struct await w = {.a = a,
		.row = step,
		.step = &await_table[step->await],
		.noun = await_title(a->settings, step),
		.reported = RK_BUF_INIT,
		.log_cause = RK_BUF_INIT,
		.log_line = RK_BUF_INIT,
		.answer = RK_BUF_INIT,
		.answer_fault = RK_BUF_INIT,
		.answer_hint = RK_BUF_INIT,
		.ca = RK_BUF_INIT,
		.shown = RK_BUF_INIT};
	int64_t ms;
	int r;

	report_init(&w.last);
	ms = a->timeout_ms >= 0 ? a->timeout_ms : rk_step_limit_ms(step, a->settings);
	w.began = rk_now_ms();
	w.deadline = w.began + ms;
	r = run(&w, err);
	free(w.noun);
	report_release(&w.last);
	rk_buf_release(&w.shown);
	rk_buf_release(&w.reported);
	rk_buf_release(&w.log_cause);
	rk_buf_release(&w.log_line);
	rk_buf_release(&w.answer);
	rk_buf_release(&w.answer_fault);
	rk_buf_release(&w.answer_hint);
	rk_buf_release(&w.ca);
	return r;
}
