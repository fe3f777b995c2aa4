// SPDX-License-Identifier: Apache-2.0
/* rk3k-wait: waits for conditions of objects (as kubectl wait does, with the reasons), or for a step
 * of a deployment whose settings are on standard input. Reads the cluster, changes nothing. */
#include "base/base.h"
#include "wait/tool.h"
#include "steps/steps.h"
#include "cli/cli.h"
#include "kube/kube.h"
#include "k3k/k3k.h"
#include "watch/watch.h"
#include "data/data.h"
#include "os/os.h"
#include "task/task.h"

#define TICK_MS 1000
#define POLL_MS 2000

struct opts {
	struct rk_kube_flags kube;
	struct rk_settings_flags settings; /* of a step */
	const char *for_, *labels, *fields;
	int64_t timeout_ms;
	bool fail_fast, all, all_ns;
};

static void defaults(void *p)
{
	struct opts *o = p;

	o->timeout_ms = -1;
	o->for_ = "ready";
}

static const struct rk_opt options[] = {
	OPT_STR("for", for_, "CONDITION",
		"condition=NAME[=VALUE], jsonpath=PATH[=VALUE], exists, delete, or ready (the "
		"default)"),
	OPT_STR("selector", labels, "LABELS",
		"all objects of TYPE that carry these labels; at least one must exist", .key = 'l'),
	OPT_STR("field-selector", fields, "FIELDS",
		"all objects of TYPE with these fields; at least one must exist"),
	OPT_FLAG("all", all, "all objects of TYPE in the namespace; at least one must exist"),
	OPT_FLAG("all-namespaces", all_ns, "with --all, -l or --field-selector: in all namespaces",
		.key = 'A'),
	OPT_DUR("timeout", timeout_ms,
		"how long to wait; 0: check once (default: the step's own, objects 30s)"),
	OPT_FLAG("fail-fast", fail_fast,
		"with STEP: stop at the first persistent fault instead of at the timeout"),
	OPT_GROUP_SETTINGS(settings),
	OPT_GROUP_KUBE(kube),
	OPT_GROUP_VIRTUAL(kube),
	OPT_END,
};

/* --- a step --- */

/* A credential plugin that hangs before the first look does not outlast --timeout either. */
static void limit_programs(int64_t timeout_ms)
{
	if (timeout_ms > 0)
		rk_run_limit((struct rk_run_limit){rk_now_ms() + timeout_ms, NULL});
}

static int wait_step(const struct opts *o, const struct rk_step *step, struct rk_err *err)
{
	rk_auto_settings *s = rk_settings_new();
	rk_auto_kube *host = NULL;
	rk_auto_free char *title = NULL;
	struct await_run a = {.settings = s,
		.resolve = o->kube.resolve,
		.timeout_ms = o->timeout_ms,
		.fail_fast = o->fail_fast};
	int r;

	if (o->kube.virtual_cluster)
		return rk_err_set(
			err, RK_USAGE, "--virtual: the settings say which virtual cluster");
	limit_programs(o->timeout_ms);
	if (rk_settings_open(s, &o->settings, RK_SETTINGS_NEEDED, err) < 0 ||
		rk_kube_open(&host, &o->kube, err) < 0)
		return -1;
	/* a virtual cluster has none of the host's objects, which teardown would take for its end */
	if (step->await != RK_AWAIT_URL && rk_k3k_guard_host(host, err) < 0)
		return -1;
	a.host = host;
	title = await_title(s, step);
	a.progress = rk_progress_begin("waiting for %s", title);
	r = await_run(&a, step, err);
	rk_progress_end(a.progress, r == 0, "%s", title);
	return r;
}

/* --- objects --- */

struct item {
	const struct rk_res *res;
	char *ns, *name; /* name NULL: all that the selectors admit */
	struct rk_cache *cache;
	struct rk_doc *doc; /* of polled */
	struct rk_val *polled;
	bool poll, asked; /* no right to watch: read now and then */
	struct rk_err poll_err;
	bool held, absent;
	struct rk_buf why, label;
};

struct objects {
	const struct opts *o;
	struct rk_cond cond;
	struct rk_kube *k;
	struct rk_loop *loop;
	struct item *v;
	size_t n;
	struct rk_progress *p;
	int64_t next_poll;
};

/* Whether objects are selected, and not named. */
static bool selects(const struct opts *o)
{
	return o->all || o->labels || o->fields;
}

/* A kind that the server does not have: good for delete; else it may still come. */
static int add_item(
	struct objects *w, const char *word, const char *name, int64_t deadline, struct rk_err *err)
{
	const struct opts *o = w->o;
	const struct rk_res *res = NULL;
	struct item *it;

	if (name && !rk_object_name_ok(name))
		return rk_err_set(err, RK_USAGE, "invalid object name \"%s\"", name);
	while (rk_kube_res_word(w->k, word, &res, err) < 0) {
		if (err->code != RK_NOTFOUND || !strchr(word, '.'))
			return -1;
		if (w->cond.kind == RK_COND_DELETE) {
			rk_err_clear(err);
			rk_printf("%s/%s condition met\n", word, name ? name : "*");
			return 0;
		}
		if (rk_now_ms() + POLL_MS > deadline)
			return -1;
		rk_err_clear(err);
		rk_task_pause(POLL_MS);
	}
	w->v = rk_realloc(w->v, (w->n + 1) * sizeof(*w->v));
	it = &w->v[w->n++];
	*it = (struct item){.res = res,
		.why = RK_BUF_INIT,
		.label = RK_BUF_INIT,
		.name = name ? rk_strdup(name) : NULL,
		.ns = res->namespaced && !o->all_ns ? rk_strdup(rk_kube_namespace(w->k)) : NULL};
	rk_res_label(res, it->ns, name, &it->label);
	if (o->labels)
		rk_buf_addf(&it->label, " with labels %s", o->labels);
	if (o->fields)
		rk_buf_addf(&it->label, " with fields %s", o->fields);
	return 0;
}

static int wrong_arguments(const struct opts *o, const char *word, struct rk_err *err)
{
	if (selects(o))
		return rk_err_set(err, RK_USAGE,
			"%s: %s selects objects: give types, without names", word,
			o->all	    ? "--all"
			: o->labels ? "-l"
				    : "--field-selector");
	return rk_err_set(err, RK_USAGE,
		"%s: give TYPE/NAME, TYPE NAME, or TYPE with --all or -l LABELS", word);
}

/* TYPE[,TYPE...] of what is selected. */
static int collect_selected(
	struct objects *w, int argc, char **argv, int64_t deadline, struct rk_err *err)
{
	for (int i = 0; i < argc; i++) {
		if (strchr(argv[i], '/'))
			return wrong_arguments(w->o, argv[i], err);
		for (const char *s = argv[i]; *s; s += *s == ',') {
			size_t n = strcspn(s, ",");
			rk_auto_free char *word = rk_strndup(s, n);

			if (add_item(w, word, NULL, deadline, err) < 0)
				return -1;
			s += n;
		}
	}
	return 0;
}

/* TYPE/NAME..., or TYPE NAME... */
static int collect_named(
	struct objects *w, int argc, char **argv, int64_t deadline, struct rk_err *err)
{
	const char *type = argc > 1 && !strchr(argv[0], '/') ? argv[0] : NULL;

	for (int i = type ? 1 : 0; i < argc; i++) {
		const char *slash = strchr(argv[i], '/');
		rk_auto_free char *word =
			slash ? rk_strndup(argv[i], (size_t)(slash - argv[i])) : NULL;

		if (!slash == !type)
			return wrong_arguments(w->o, argv[i], err);
		if (add_item(w, type ? type : word, type ? argv[i] : slash + 1, deadline, err) < 0)
			return -1;
	}
	return 0;
}

static const struct rk_err *blind(const struct item *it)
{
	const struct rk_err *e =
		it->poll ? (it->poll_err.code ? &it->poll_err : NULL) : rk_cache_error(it->cache);

	return e && e->reason != RK_REASON_NO_SUCH_API ? e : NULL;
}

static void poll_item(struct objects *w, struct item *it)
{
	rk_doc_free(it->doc);
	it->doc = rk_doc_new(true);
	it->polled = NULL;
	it->poll_err.code = RK_OK;
	it->asked = true;
	if (rk_kube_find(w->k, it->res, it->ns, it->name, it->doc, &it->polled, &it->poll_err) < 0)
		it->polled = NULL;
}

static bool is_seen(const struct item *it)
{
	return it->poll ? it->asked : rk_cache_synced(it->cache) || rk_cache_error(it->cache);
}

static void judge_one(struct objects *w, struct item *it, const struct rk_val *obj)
{
	rk_auto_buf why = RK_BUF_INIT;

	if (rk_cond_holds(&w->cond, obj, &why))
		return;
	it->held = false;
	it->absent = !obj;
	if (!it->why.len && it->name)
		rk_buf_puts(&it->why, why.s);
	else if (!it->why.len && !obj)
		rk_buf_puts(&it->why, "none found");
	else if (!it->why.len)
		rk_buf_addf(&it->why, "%s %s", rk_get_str(obj, "metadata", "name", NULL), why.s);
}

static void judge_item(struct objects *w, struct item *it)
{
	const struct rk_err *e = blind(it);

	rk_buf_reset(&it->why);
	it->absent = false;
	it->held = is_seen(it) && !e;
	if (e)
		rk_buf_addf(&it->why, "cannot be read: %s", e->msg);
	if (!it->held)
		return;
	if (it->poll)
		judge_one(w, it, it->polled);
	else if (it->name || !rk_cache_count(it->cache))
		judge_one(w, it, rk_cache_first(it->cache));
	else
		rk_cache_each(obj, it->cache) judge_one(w, it, obj);
}

static void show(struct objects *w)
{
	rk_auto_buf line = RK_BUF_INIT;

	for (size_t i = 0; i < w->n && line.len < 400; i++)
		if (!w->v[i].held && w->v[i].why.len)
			rk_buf_addf(&line, "%s%s: %s", line.len ? "; " : "", w->v[i].label.s,
				w->v[i].why.s);
	if (w->p && line.len)
		rk_progress_set(w->p, "%s", line.s);
}

static void look(void *arg)
{
	struct objects *w = arg;
	bool all = true, seen = true, poll = rk_now_ms() >= w->next_poll;

	if (poll)
		w->next_poll = rk_now_ms() + POLL_MS;
	for (size_t i = 0; i < w->n; i++) {
		struct item *it = &w->v[i];
		const struct rk_err *e = rk_cache_error(it->cache);

		if (it->name && e && e->http == 403 && !it->poll)
			it->poll = poll = true;
		if (it->poll && (poll || !it->asked))
			poll_item(w, it);
		judge_item(w, it);
		all = all && it->held;
		seen = seen && is_seen(it);
	}
	show(w);
	if (all || (seen && w->o->timeout_ms == 0))
		rk_loop_stop(w->loop);
}

static void changed(void *arg)
{
	struct objects *w = arg;

	rk_loop_after(w->loop, 0, look, w);
}

static void tick(void *arg)
{
	struct objects *w = arg;

	look(w);
	if (w->p)
		rk_progress_tick(w->p);
	rk_loop_after(w->loop, TICK_MS, tick, w);
}

/* What did not hold when the time was up. */
static int report(struct objects *w, int64_t began, struct rk_err *err)
{
	int bad = 0;
	char age[16];

	rk_age((rk_now_ms() - began) / 1000, age);
	for (size_t i = 0; i < w->n; i++) {
		struct item *it = &w->v[i];
		const struct rk_err *e = blind(it);
		struct rk_err one = RK_ERR_INIT;

		if (it->held)
			continue;
		if (e) {
			rk_err_set(&one, e->code == RK_CONFLICT ? RK_CONFLICT : RK_FAIL,
				"its state could not be determined: %s", e->msg);
			rk_err_hint(&one, "%s", e->hint);
		} else if (!is_seen(it))
			rk_err_set(&one, RK_FAIL,
				"its state could not be determined: %s did not answer within %s",
				rk_kube_server(w->k), age);
		else
			rk_err_set(&one, it->absent ? RK_NOTFOUND : RK_TIMEOUT, "%s: %s%s%s",
				it->label.s, it->why.s, w->o->timeout_ms ? ", after " : "",
				w->o->timeout_ms ? age : "");
		if (bad++)
			rk_out_error(&one);
		if (bad == 1 || one.code < err->code)
			*err = one;
	}
	return bad ? -1 : 0;
}

static int run_objects(struct objects *w, int64_t ms, int64_t began, struct rk_err *err)
{
	int r = 0;

	w->loop = rk_loop_new();
	for (size_t i = 0; i < w->n; i++) {
		struct item *it = &w->v[i];
		rk_auto_free char *field =
			it->name ? rk_asprintf("metadata.name=%s", it->name) : NULL;
		struct rk_list_opts lo = {.fields = field ? field : w->o->fields,
			.labels = w->o->labels,
			.metadata_only =
				w->cond.kind == RK_COND_DELETE || w->cond.kind == RK_COND_EXISTS};

		it->cache = rk_cache_new(w->loop, w->k, it->res, it->ns, &lo, changed, w);
	}
	rk_loop_after(w->loop, 0, tick, w);
	if (w->n)
		r = rk_loop_run(w->loop, ms > 0 ? ms : 15000, err);
	if (r < 0 && err->code == RK_TIMEOUT)
		r = 0;
	if (r == 0) {
		rk_err_clear(err);
		r = report(w, began, err);
	}
	return r;
}

static void release(struct objects *w)
{
	for (size_t i = 0; i < w->n; i++) {
		rk_cache_free(w->v[i].cache);
		rk_doc_free(w->v[i].doc);
		rk_buf_release(&w->v[i].why);
		rk_buf_release(&w->v[i].label);
		free(w->v[i].ns);
		free(w->v[i].name);
	}
	free(w->v);
	rk_loop_free(w->loop);
	rk_cond_release(&w->cond);
}

static void print_one(const struct rk_res *r, const char *name)
{
	rk_auto_buf word = RK_BUF_INIT;

	rk_res_word(r, name, &word);
	rk_printf("%s condition met\n", word.s);
}

/* One line per object; a selection that has no objects any longer prints "*". */
static void print_met(const struct objects *w)
{
	for (size_t i = 0; i < w->n; i++) {
		const struct item *it = &w->v[i];

		if (!it->held)
			continue;
		if (it->name || !rk_cache_count(it->cache))
			print_one(it->res, it->name ? it->name : "*");
		else
			rk_cache_each(obj, it->cache)
				print_one(it->res, rk_get_str(obj, "metadata", "name", NULL));
	}
}

static int wait_objects(const struct opts *o, int argc, char **argv, struct rk_err *err)
{
	struct objects w = {.o = o};
	rk_auto_connection c = {0};
	int64_t began = rk_now_ms(), ms = o->timeout_ms < 0 ? 30000 : o->timeout_ms;
	int r = rk_cond_parse(&w.cond, o->for_, err);

	limit_programs(ms);
	if (r == 0)
		r = rk_connect(&c, &o->kube, err);
	if (r == 0) {
		w.k = c.kube;
		r = (selects(o) ? collect_selected : collect_named)(
			&w, argc, argv, began + ms, err);
	}
	if (r == 0 && w.n) {
		if (ms > 0)
			w.p = rk_progress_begin("waiting for %s: %s", w.v[0].label.s, o->for_);
		r = run_objects(&w, ms, began, err);
		if (w.p)
			rk_progress_end(w.p, r == 0, "%s: %s", w.v[0].label.s, o->for_);
		print_met(&w);
	}
	release(&w);
	return r;
}

/* --- which of the two --- */

static int run(void *p, int argc, char **argv, struct rk_err *err)
{
	const struct opts *o = p;
	const struct rk_step *step = argc == 1 && !selects(o) ? rk_step_find(argv[0]) : NULL;

	if (o->all && (o->labels || o->fields))
		return rk_err_set(err, RK_USAGE, "--all excludes -l and --field-selector");
	if (o->all_ns && (!selects(o) || o->kube.ns))
		return rk_err_set(err, RK_USAGE,
			"-A requires --all, -l or --field-selector, and excludes -n");
	if (step && step->await)
		return wait_step(o, step, err);
	if (argc == 1 && !strchr(argv[0], '/') && !selects(o))
		return rk_step_unknown(
			RK_STEPS_AWAIT, argv[0], "; with a TYPE use --all or -l LABELS", err);
	return wait_objects(o, argc, argv, err);
}

static struct rk_verb verbs[] = {
	{.args = "STEP | TYPE/NAME... | TYPE --all | TYPE -l LABELS",
		.summary = "wait for objects or for a step of a deployment",
		.opts = options,
		.min_args = 1,
		.max_args = -1,
		.run = run},
	{0},
};

static const struct rk_cmd cmd = {
	.name = "wait",
	.summary = "wait for objects or for a step of a deployment",
	.help = rk_help,
	.opts_size = sizeof(struct opts),
	.defaults = defaults,
	.verbs = verbs,
};

int main(int argc, char **argv)
{
	rk_auto_buf names = RK_BUF_INIT;

	rk_step_names(RK_STEPS_AWAIT, "|", &names);
	verbs[0].complete = names.s;
	return rk_main(&cmd, argc, argv);
}
