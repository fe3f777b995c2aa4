// SPDX-License-Identifier: Apache-2.0
/* The engine: caches change, the step is judged again, what is new is reported. */
#include "tool.h"

#include "os/os.h"

#include <stdarg.h>

#define TICK_MS	  1000
#define RETRY_MS  2000	/* between two tries to connect */
#define STAYS_MS  5000	/* a fault that lasts so long is reported */
#define REPEAT_MS 20000 /* at least so long between two of them */
#define LOOK_MS	  15000 /* with timeout 0: for the first answers */
#define LOST_MS	  15000 /* nothing from the virtual cluster for so long: find another address */

static void look(void *arg);

void await_add_part(struct rk_buf *b, const char *fmt, ...)
{
	rk_auto_free char *s = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&s, fmt, ap) < 0)
		s = NULL;
	va_end(ap);
	if (s && *s)
		rk_buf_addf(b, "%s%s", b->len ? "; " : "", s);
}

/* Empty it, in place of what it held. */
static void report_begin(struct report *r)
{
	rk_buf_release(&r->line);
	rk_buf_release(&r->fault);
	rk_buf_release(&r->hint);
	*r = (struct report){.line = RK_BUF_INIT, .fault = RK_BUF_INIT, .hint = RK_BUF_INIT};
}

/* --- questions --- */

/* Also of a task that has not ended: then all its waits fail at once. */
static void answered(void *arg)
{
	struct await *w = arg;
	struct report before = w->ask.answer;

	rk_task_free(rk_steal(&w->ask.task));
	rk_loop_cancel(w->loop, answered, w);
	w->ask.answer = w->ask.coming;
	w->ask.coming = before;
	w->ask.at = rk_now_ms();
	look(w);
}

static void asking(void *arg)
{
	struct await *w = arg;

	report_begin(&w->ask.coming);
	w->ask.yes = w->ask.fn(w, w->ask.subject, &w->ask.coming);
	rk_loop_after(w->loop, 0, answered, w);
}

static void ask_end(struct await *w)
{
	rk_task_free(rk_steal(&w->ask.task));
	rk_loop_cancel(w->loop, answered, w);
	free(rk_steal(&w->ask.subject));
	report_begin(&w->ask.answer);
	w->ask.yes = false;
	w->ask.at = 0;
}

bool await_ask(
	struct await *w, await_fn *fn, const char *subject, int64_t every_ms, struct report *r)
{
	const struct report *last = &w->ask.answer;

	if (w->ask.fn != fn || !rk_streq(w->ask.subject, subject)) {
		ask_end(w);
		w->ask.fn = fn;
		w->ask.subject = rk_strdup(subject);
	}
	if (!w->ask.task && w->ask.yes)
		return true;
	if (!w->ask.task && (!w->ask.at || rk_now_ms() - w->ask.at >= every_ms))
		w->ask.task = rk_task_new(asking, w, 0);
	if (r) {
		await_add_part(&r->line, "%s", last->line.s);
		await_add_part(&r->fault, "%s", last->fault.s);
		rk_buf_puts(&r->hint, r->hint.len ? "" : last->hint.s);
		r->dead = last->dead;
	}
	return false;
}

/* --- caches --- */

/* A text of the step's table with its names filled in; NULL for NULL. */
static char *filled(const struct await *w, const char *text)
{
	rk_auto_buf out = RK_BUF_INIT;
	char object[64];

	for (; text && *text; text++) {
		if (*text != '@') {
			rk_buf_putc(&out, *text);
			continue;
		}
		text++;
		rk_k3k_name(object, w->cluster, *text == 'f' ? "kubeconfig" : "server");
		rk_buf_puts(&out, *text == 'n'	 ? w->ns
				  : *text == 'c' ? w->cluster
				  : *text == 'k' ? w->k3k_ns
				  : *text == 't' ? rk_settings_tls_source_secret(w->s)
				  : *text == 'h' ? rk_settings_primary(w->s)
						 : object);
	}
	return text ? rk_strdup(out.s) : NULL;
}

static void changed(void *arg)
{
	struct await *w = arg;

	rk_loop_after(w->loop, 0, look, w); /* a list of many objects is judged once */
}

/* Of steps in the virtual cluster: its Cluster. */
static const struct watched own_cluster = {&RK_CLUSTER, "@n", .name = "@c"};

static struct rk_cache *cache(struct await *w, struct rk_kube *k, const struct watched *o)
{
	rk_auto_free char *ns = filled(w, o->ns), *name = filled(w, o->name);
	rk_auto_free char *labels = filled(w, o->labels);
	rk_auto_free char *field = name ? rk_asprintf("metadata.name=%s", name) : NULL;
	struct rk_list_opts lo = {.labels = labels,
		.fields = field,
		.metadata_only = o == &own_cluster || (o->res == &RK_SECRET && !name)};

	return rk_cache_new(w->loop, k, o->res, ns, &lo, changed, w);
}

/* Begin (k), or end (NULL), what is watched in the virtual cluster, or on the host cluster. */
static void watch(struct await *w, bool virtual, struct rk_kube *k)
{
	for (size_t i = 0; i < w->step->count; i++) {
		const struct watched *o = &w->step->watched[i];

		if ((w->step->virt && !o->host) != virtual)
			continue;
		rk_cache_free(w->m[i]);
		w->m[i] = k ? cache(w, k, o) : NULL;
	}
}

static bool all_seen(const struct await *w)
{
	for (size_t i = 0; i < w->step->count; i++)
		if (!w->m[i] || (!rk_cache_synced(w->m[i]) && !rk_cache_error(w->m[i])))
			return false;
	return !w->step->virt || w->virt;
}

/* A kind that the server does not have is as good as none of it, and permission may be missing for what
 * only helps to explain; all else that cannot be read is reported. */
static const struct rk_err *blind(const struct await *w)
{
	for (size_t i = 0; i < w->step->count; i++) {
		const struct rk_err *e = w->m[i] ? rk_cache_error(w->m[i]) : NULL;

		if (e && e->reason != RK_REASON_NO_SUCH_API &&
			!(w->step->watched[i].extra && e->http == 403))
			return e;
	}
	return NULL;
}

/* --- the connection to the virtual cluster --- */

/* It may be restarting, or about to become Ready: tried again until the time is up. */
static bool enter(struct await *w, const char *subject RK_UNUSED, struct report *answer)
{
	rk_err_clear(&w->no_entry);
	if (rk_vcluster_open(&w->virtual, w->host, w->ns, w->cluster, &w->no_entry) == 0)
		return true;
	rk_buf_puts(&answer->line, w->no_entry.msg);
	if (w->no_entry.code == RK_CONFLICT)
		answer->dead = w->no_entry;
	return false;
}

static void leave(struct await *w)
{
	ask_end(w);
	watch(w, true, NULL);
	w->virt = NULL;
	w->blind_since = 0;
	rk_vcluster_close(&w->virtual);
}

/* The address that answered before may be gone with its node or pod: then another is searched for. */
static void leave_if_lost(struct await *w, const struct rk_err *e)
{
	if (!w->virt || !e || e->http)
		w->blind_since = 0;
	else if (!w->blind_since)
		w->blind_since = rk_now_ms();
	else if (rk_now_ms() - w->blind_since > LOST_MS)
		leave(w);
}

/* Once the virtual cluster is deleted, its contents no longer matter to the wait. An unknown state is
 * not absence. */
static void look_own(struct await *w, struct rk_err *err)
{
	const struct rk_val *c = w->own ? rk_cache_first(w->own) : NULL;
	bool deleting = rk_get(c, "metadata", "deletionTimestamp", NULL) != NULL;
	const struct rk_err *e = w->own ? rk_cache_error(w->own) : NULL;

	w->own_seen |= c != NULL;
	if (!w->own || (e ? e->reason != RK_REASON_NO_SUCH_API : !rk_cache_synced(w->own)) ||
		(c && !deleting))
		return;
	if (!w->own_seen && !w->virt) {
		/* what it is about, and whether this is the right cluster, is in that error */
		if (w->no_entry.code == RK_NOTFOUND)
			*err = w->no_entry;
		return;
	}
	rk_err_set(err, RK_NOTFOUND, "virtual cluster %s/%s %s while waiting for %s", w->ns,
		w->cluster, deleting ? "is being deleted" : "was deleted", w->noun);
	rk_err_hint(err, "create it again with: kubectl rk3k deploy%s", rk_here_settings());
}

/* --- looking --- */

/* Each text once: faults of pods come and go with every try. */
static void report_fault(struct await *w, struct report *r)
{
	int64_t now = rk_now_ms();
	rk_auto_free char *line = rk_asprintf("\n%.60s\n", r->fault.s);

	if (!r->fault.len || !w->fault_since)
		w->fault_since = r->fault.len ? now : 0;
	if (!r->fault.len || now - w->fault_since < STAYS_MS ||
		(w->fault_reported && now - w->fault_reported < REPEAT_MS))
		return;
	if (w->o->fail_fast) {
		rk_err_set(&r->dead, RK_FAIL, "%s", r->fault.s);
		rk_err_hint(&r->dead, "%s", r->hint.s);
	} else if (!strstr(w->reported.s, line)) {
		rk_buf_puts(&w->reported, line);
		w->fault_reported = now;
		rk_warn("%s", r->fault.s);
	}
}

static void look(void *arg)
{
	struct await *w = arg;
	struct report *r = &w->last;
	const struct rk_err *e;

	report_begin(r);
	look_own(w, &r->dead);
	if (!r->dead.code && w->step->virt && !w->virt && await_ask(w, enter, "", RETRY_MS, r)) {
		w->virt = w->virtual.kube;
		watch(w, true, w->virt);
	}
	e = blind(w);
	if (e)
		await_add_part(&r->line, "cannot be read: %s", e->msg);
	else if (!r->dead.code && all_seen(w))
		w->done = w->step->judge(w, r);
	w->ask.yes = w->ask.yes && w->ask.task; /* what it was about may change */
	if (!w->done && !r->dead.code)
		report_fault(w, r);
	leave_if_lost(w, e);
	if (w->done || r->dead.code ||
		(w->o->timeout_ms == 0 && !w->ask.task &&
			(all_seen(w) || (w->no_entry.code && !w->virt))))
		rk_loop_stop(w->loop);
}

/* A line at most once a second: what is awaited passes through many states while things start. */
static void tick(void *arg)
{
	struct await *w = arg;

	look(w);
	if (w->last.line.len && !rk_streq(w->shown.s, w->last.line.s)) {
		rk_buf_reset(&w->shown);
		rk_buf_puts(&w->shown, w->last.line.s);
		rk_progress_set(w->progress, "%s", w->shown.s);
	}
	rk_progress_tick(w->progress);
	rk_loop_after(w->loop, TICK_MS, tick, w);
}

/* --- from the beginning to the end --- */

static int time_is_up(struct await *w, struct rk_err *err)
{
	struct report *r = &w->last;
	const struct rk_err *e = blind(w);
	char age[16];

	if (w->step->virt && !w->virt && w->no_entry.code) {
		*err = w->no_entry;
		return -1;
	}
	rk_age((rk_now_ms() - w->began) / 1000, age);
	if (e && !r->fault.len) {
		rk_err_set(err, e->code == RK_CONFLICT ? RK_CONFLICT : RK_FAIL,
			"the state of %s could not be determined: %s", w->noun, e->msg);
		return rk_err_hint(err, "%s", e->hint);
	}
	rk_err_set(err, r->code ? r->code : RK_TIMEOUT, "%s is not ready after %s: %s", w->noun,
		age,
		r->fault.len  ? r->fault.s
		: r->line.len ? r->line.s
			      : "the server has not answered");
	return r->hint.len ? rk_err_hint(err, "%s", r->hint.s) : -1;
}

static int run(struct await *w, struct rk_err *err)
{
	int64_t left = w->o->timeout_ms == 0 ? LOOK_MS : w->deadline - rk_now_ms();
	int r;

	w->loop = rk_loop_new();
	watch(w, false, w->host);
	if (w->step->virt)
		w->own = cache(w, w->host, &own_cluster);
	rk_loop_after(w->loop, 0, tick, w);
	r = rk_loop_run(w->loop, left > 1 ? left : 1, err);
	if (r == 0 || err->code == RK_TIMEOUT) {
		if (r < 0 && w->ask.task && !w->ask.at)
			answered(w); /* better than none */
		*err = w->last.dead;
		r = w->done ? 0 : w->last.dead.code ? -1 : time_is_up(w, err);
	}
	leave(w);
	watch(w, false, NULL);
	rk_cache_free(w->own);
	rk_loop_free(w->loop);
	return r;
}

int await_step(const struct opts *o, const struct rk_step *row, struct rk_err *err)
{
	rk_auto_settings *s = rk_settings_new();
	rk_auto_kube *host = NULL;
	struct await w = {.o = o,
		.row = row,
		.step = &await_table[row->await],
		.s = s,
		.reported = RK_BUF_INIT,
		.ca = RK_BUF_INIT,
		.shown = RK_BUF_INIT};
	int r;

	if (o->kube.virtual_cluster)
		return rk_err_set(
			err, RK_USAGE, "--virtual: the settings say which virtual cluster");
	if (rk_settings_open(s, &o->settings, RK_SETTINGS_NEEDED, err) < 0 ||
		rk_kube_open(&host, &o->kube, err) < 0)
		return -1;
	/* a virtual cluster has none of the host's objects, which teardown would take for its end */
	if (row->await != RK_AWAIT_URL && rk_k3k_guard_host(host, err) < 0)
		return -1;
	w.host = host;
	w.ns = rk_settings_ns(s);
	w.cluster = rk_settings_cluster(s);
	w.k3k_ns = rk_setting(s, RK_KEY_K3K_NAMESPACE);
	w.noun = filled(&w, w.step->noun);
	w.progress = rk_progress_begin("waiting for %s", w.noun);
	w.began = rk_now_ms();
	w.deadline = w.began + (o->timeout_ms >= 0 ? o->timeout_ms : rk_step_limit_ms(row, s));
	r = run(&w, err);
	rk_progress_end(w.progress, r == 0, "%s", w.noun);
	free(w.noun);
	report_begin(&w.last);
	report_begin(&w.ask.coming);
	rk_buf_release(&w.shown);
	rk_buf_release(&w.reported);
	rk_buf_release(&w.ca);
	return r;
}
