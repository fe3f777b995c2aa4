// SPDX-License-Identifier: Apache-2.0
/* rk3k-wait: waits for conditions of objects (as kubectl wait does, with the reasons), or for a step
 * of a deployment whose settings are on standard input. Reads the cluster, changes nothing. */
#include "wait/tool.h"

#include "os/os.h"

#define TICK_MS 1000
#define POLL_MS 2000
#define LOOK_MS 15000 /* with --timeout 0: for the first answers */

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

/* --- objects --- */

struct item {
	struct objects *w;
	const struct rk_res *res;
	char *ns, *name; /* name NULL: all that the selectors admit */
	struct rk_cache *cache;
	/* no right to watch: read now and then, by a task, so that the others are followed meanwhile */
	struct rk_task *poll;
	bool polled; /* there is an answer */
	struct rk_doc *doc;
	struct rk_val *obj;
	struct rk_err err;
	bool held, absent;
	struct rk_buf why, label;
};

struct objects {
	const struct opts *o;
	struct rk_cond cond;
	struct rk_kube *k;
	struct rk_loop *loop;
	struct item **v;
	size_t n;
	struct rk_progress *p;
	int64_t ms, began;
};

/* Whether objects are selected, and not named. */
static bool selects(const struct opts *o)
{
	return o->all || o->labels || o->fields;
}

/* A kind that the server does not have: good for delete; else it may still come. */
static int add_item(struct objects *w, const char *word, const char *name, struct rk_err *err)
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
		if (rk_now_ms() + POLL_MS > w->began + w->ms)
			return -1;
		rk_err_clear(err);
		rk_task_pause(POLL_MS);
	}
	w->v = rk_realloc(w->v, (w->n + 1) * sizeof(struct item *));
	it = w->v[w->n++] = rk_calloc(1, sizeof(*it));
	*it = (struct item){.w = w,
		.res = res,
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

/* TYPE/NAME..., or TYPE NAME...; or TYPE[,TYPE...] of what is selected. */
static int collect(struct objects *w, int argc, char **argv, struct rk_err *err)
{
	const struct opts *o = w->o;
	const char *type = argc > 1 && !selects(o) && !strchr(argv[0], '/') ? argv[0] : NULL;

	for (int i = type ? 1 : 0; i < argc; i++) {
		const char *slash = strchr(argv[i], '/');

		if (selects(o) && slash)
			return rk_err_set(err, RK_USAGE,
				"%s: %s selects objects: give types without names", argv[i],
				o->all	    ? "--all"
				: o->labels ? "-l"
					    : "--field-selector");
		if (!selects(o) && !slash == !type)
			return rk_err_set(err, RK_USAGE,
				"%s: give TYPE/NAME, TYPE NAME, or TYPE with --all or -l LABELS",
				argv[i]);
		for (const char *s = type ? type : argv[i], *end; *s; s = end + (*end == ',')) {
			rk_auto_free char *word = rk_strndup(s, strcspn(s, slash ? "/" : ","));

			end = slash || type ? "" : s + strlen(word);
			if (add_item(w, word,
				    selects(o) ? NULL
				    : slash    ? slash + 1
					       : argv[i],
				    err) < 0)
				return -1;
		}
	}
	return 0;
}

static const struct rk_err *blind(const struct item *it)
{
	const struct rk_err *e =
		it->poll ? (it->err.code ? &it->err : NULL) : rk_cache_error(it->cache);

	return e && e->reason != RK_REASON_NO_SUCH_API ? e : NULL;
}

static bool is_seen(const struct item *it)
{
	return it->poll ? it->polled : rk_cache_synced(it->cache) || rk_cache_error(it->cache);
}

static void judge_one(struct item *it, const struct rk_val *obj)
{
	rk_auto_buf why = RK_BUF_INIT;

	if (rk_cond_holds(&it->w->cond, obj, &why))
		return;
	it->held = false;
	it->absent = !obj;
	if (it->why.len)
		return;
	if (!it->name)
		rk_buf_puts(
			&it->why, obj ? rk_get_str(obj, "metadata", "name", NULL) : "none found");
	if (it->name || obj)
		rk_buf_addf(&it->why, "%s%s", it->name ? "" : " ", why.s);
}

static void judge(struct item *it)
{
	const struct rk_err *e = blind(it);

	rk_buf_reset(&it->why);
	it->absent = false;
	it->held = is_seen(it) && !e;
	if (e)
		rk_buf_addf(&it->why, "cannot be read: %s", e->msg);
	if (!it->held)
		return;
	if (it->poll || it->name || !rk_cache_count(it->cache))
		judge_one(it, it->poll ? it->obj : rk_cache_first(it->cache));
	else
		rk_cache_each(obj, it->cache) judge_one(it, obj);
}

static void look(void *arg);

static void poll_item(void *arg)
{
	struct item *it = arg;
	struct rk_doc *before;

	do {
		struct rk_doc *d = rk_doc_new(true);
		struct rk_val *obj = NULL;
		struct rk_err err = RK_ERR_INIT;

		if (rk_kube_find(it->w->k, it->res, it->ns, it->name, d, &obj, &err) < 0)
			obj = NULL;
		before = it->doc;
		it->doc = d;
		it->obj = obj;
		it->err = err;
		it->polled = true;
		rk_doc_free(before);
		rk_loop_after(it->w->loop, 0, look, it->w);
	} while (rk_task_pause(POLL_MS));
}

static void look(void *arg)
{
	struct objects *w = arg;
	rk_auto_buf line = RK_BUF_INIT;
	bool all = true, seen = true;

	for (size_t i = 0; i < w->n; i++) {
		struct item *it = w->v[i];
		const struct rk_err *e = rk_cache_error(it->cache);

		if (it->name && e && e->http == 403 && !it->poll)
			it->poll = rk_task_new(poll_item, it, 0);
		judge(it);
		all = all && it->held;
		seen = seen && is_seen(it);
		if (!it->held && it->why.len && line.len < 400)
			rk_buf_addf(
				&line, "%s%s: %s", line.len ? "; " : "", it->label.s, it->why.s);
	}
	if (w->p && line.len)
		rk_progress_set(w->p, "%s", line.s);
	if (all || (seen && w->ms == 0))
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
static int report(const struct objects *w, struct rk_err *err)
{
	int bad = 0;
	char age[16];

	rk_age((rk_now_ms() - w->began) / 1000, age);
	for (size_t i = 0; i < w->n; i++) {
		const struct item *it = w->v[i];
		const struct rk_err *e = blind(it);
		struct rk_err one = RK_ERR_INIT;

		if (it->held)
			continue;
		if (e) {
			rk_err_set(&one, e->code == RK_CONFLICT ? RK_CONFLICT : RK_FAIL,
				"its state could not be determined: %s", e->msg);
			rk_err_hint(&one, "%s", e->hint);
		} else if (!is_seen(it)) {
			rk_err_set(&one, RK_FAIL,
				"its state could not be determined: %s did not answer within %s",
				rk_kube_server(w->k), age);
		} else {
			rk_err_set(&one, it->absent ? RK_NOTFOUND : RK_TIMEOUT, "%s: %s%s%s",
				it->label.s, it->why.s, w->ms ? ", after " : "", w->ms ? age : "");
		}
		if (bad++)
			rk_out_error(&one);
		if (bad == 1 || one.code < err->code)
			*err = one;
	}
	return bad ? -1 : 0;
}

static int run_objects(struct objects *w, struct rk_err *err)
{
	int r;

	w->loop = rk_loop_new();
	for (size_t i = 0; i < w->n; i++) {
		struct item *it = w->v[i];
		rk_auto_free char *field =
			it->name ? rk_asprintf("metadata.name=%s", it->name) : NULL;
		struct rk_list_opts lo = {.fields = field ? field : w->o->fields,
			.labels = w->o->labels,
			.metadata_only =
				w->cond.kind == RK_COND_DELETE || w->cond.kind == RK_COND_EXISTS};

		it->cache = rk_cache_new(w->loop, w->k, it->res, it->ns, &lo, changed, w);
	}
	rk_loop_after(w->loop, 0, tick, w);
	r = rk_loop_run(w->loop, w->ms > 0 ? w->ms : LOOK_MS, err);
	if (r < 0 && err->code != RK_TIMEOUT)
		return r;
	rk_err_clear(err);
	return report(w, err);
}

/* One line per object; a selection that has no objects any longer prints "*". */
static void print_met(const struct item *it, const struct rk_val *obj)
{
	rk_auto_buf word = RK_BUF_INIT;

	rk_res_word(it->res,
		it->name ? it->name
		: obj	 ? rk_get_str(obj, "metadata", "name", NULL)
			 : "*",
		&word);
	rk_printf("%s condition met\n", word.s);
}

static int wait_objects(struct objects *w, int argc, char **argv, struct rk_err *err)
{
	rk_auto_connection c = {0};
	int r;

	if (rk_cond_parse(&w->cond, w->o->for_, err) < 0 || rk_connect(&c, &w->o->kube, err) < 0)
		return -1;
	w->k = c.kube;
	r = collect(w, argc, argv, err);
	if (r == 0 && w->n) {
		const char *label = w->v[0]->label.s;

		if (w->ms > 0)
			w->p = rk_progress_begin("waiting for %s: %s", label, w->o->for_);
		r = run_objects(w, err);
		if (w->p)
			rk_progress_end(w->p, r == 0, "%s: %s", label, w->o->for_);
	}
	for (size_t i = 0; i < w->n; i++) {
		struct item *it = w->v[i];

		if (it->held && (it->name || !rk_cache_count(it->cache)))
			print_met(it, NULL);
		else if (it->held)
			rk_cache_each(obj, it->cache) print_met(it, obj);
		rk_task_free(it->poll);
		rk_cache_free(it->cache);
		rk_doc_free(it->doc);
		rk_buf_release(&it->why);
		rk_buf_release(&it->label);
		free(it->ns);
		free(it->name);
		free(it);
	}
	free(w->v);
	rk_loop_free(w->loop);
	return r;
}

/* --- which of the two --- */

static int run(void *p, int argc, char **argv, struct rk_err *err)
{
	const struct opts *o = p;
	const struct rk_step *step = argc == 1 && !selects(o) ? rk_step_find(argv[0]) : NULL;
	struct objects w = {.o = o, .began = rk_now_ms(), .ms = o->timeout_ms};
	int r;

	if (o->all && (o->labels || o->fields))
		return rk_err_set(err, RK_USAGE, "--all excludes -l and --field-selector");
	if (o->all_ns && (!selects(o) || o->kube.ns))
		return rk_err_set(err, RK_USAGE,
			"-A requires --all, -l or --field-selector, and excludes -n");
	step = step && step->await ? step : NULL;
	if (!step && argc == 1 && !strchr(argv[0], '/') && !selects(o))
		return rk_step_unknown(
			RK_STEPS_AWAIT, argv[0], "; with a TYPE use --all or -l LABELS", err);
	if (!step && w.ms < 0)
		w.ms = 30000;
	/* a credential plugin that hangs before the first look does not outlast --timeout either */
	if (w.ms > 0)
		rk_run_limit((struct rk_run_limit){w.began + w.ms, NULL});
	if (step)
		return await_step(o, step, err);
	r = wait_objects(&w, argc, argv, err);
	rk_cond_release(&w.cond);
	return r;
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
