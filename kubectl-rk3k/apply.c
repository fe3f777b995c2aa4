// SPDX-License-Identifier: Apache-2.0
/* apply: reads objects (YAML, JSON, Lists), writes them by server-side apply, prints one line for each.
 * Nothing is written before all of the input has been read and checked. */
#include "base/base.h"
#include "cli/cli.h"
#include "kube/kube.h"
#include "out/out.h"
#include "k3k/k3k.h"
#include "watch/watch.h"
#include "task/task.h"
#include "data/data.h"

#define RETRY_MS 500

struct opts {
	struct rk_kube_flags kube;
	struct rk_out_flags out;
	struct rk_strv files;
	int dry;
	bool diff, force, adopt, show_secrets;
	const char *manager;
	int64_t timeout_ms;
};

static void defaults(void *p)
{
	struct opts *o = p;

	o->timeout_ms = 60000;
}

static const struct rk_opt options[] = {
	OPT_LIST("filename", files, "FILE",
		"file with objects, - for standard input (the default); repeatable", .key = 'f',
		.complete = "file"),
	OPT_DRY_RUN(dry),
	OPT_FLAG("diff", diff,
		"print what would change, and exit: 0 nothing, 1 something, above 1 an error",
		.dry = true),
	OPT_FLAG("show-secrets", show_secrets, "with --diff: show the values of Secrets"),
	OPT_FLAG("force-conflicts", force, "take fields over from other field managers"),
	OPT_FLAG("adopt", adopt,
		"take over fields that were set with kubectl; fields that kubectl apply set "
		"and the input lacks are removed"),
	OPT_STR("field-manager", manager, "NAME", "field manager (default: rk3k)"),
	OPT_DUR("timeout", timeout_ms,
		"how long to wait for a new kind or a webhook to be served (default 1m)"),
	OPT_GROUP_OUT(out),
	OPT_GROUP_KUBE(kube),
	OPT_GROUP_VIRTUAL(kube),
	OPT_END,
};

struct run {
	const struct opts *o;
	struct rk_kube *k;
	struct rk_objects in;
	struct rk_doc *out;   /* what -o json|yaml prints */
	struct rk_val *items; /* in out */
	int64_t deadline;
	int worst; /* exit code of the worst failure */
	size_t failed;
	bool trial; /* nothing is written: a dry run, or a diff */
	bool differs;
	struct rk_err first;
};

/* --- output --- */

static void print_objects(const struct run *r)
{
	struct rk_val *list = rk_map(r->out);

	if (r->items->count == 1)
		rk_print_val(r->o->out.fmt, rk_at(r->items, 0));
	if (r->items->count < 2)
		return;
	rk_set_str(r->out, list, "apiVersion", "v1");
	rk_set_str(r->out, list, "kind", "List");
	rk_set_str(r->out, rk_map_at(r->out, list, "metadata", NULL), "resourceVersion", "");
	rk_set(r->out, list, "items", r->items);
	rk_print_val(r->o->out.fmt, list);
}

/* v for a diff: without what every write changes, and without the values of a Secret. */
static void add_yaml(const struct run *r, struct rk_doc *d, const struct rk_val *v,
	const struct rk_val *other, const char *side, struct rk_buf *out)
{
	static const char *const meta[] = {
		"managedFields", "resourceVersion", "generation", "uid", "creationTimestamp"};
	struct rk_val *copy;

	if (!v)
		return;
	copy = rk_copy(d, v);
	for (size_t i = 0; i < RK_COUNT(meta); i++)
		rk_remove_at(copy, "metadata", meta[i], NULL);
	rk_remove_at(copy, "status", NULL);
	if (rk_streq(rk_get_str(v, "kind", NULL), RK_SECRET.kind) && !r->o->show_secrets) {
		rk_remove_at(copy, "metadata", "annotations",
			"kubectl.kubernetes.io/last-applied-configuration", NULL);
		rk_mask_tree(d, copy, other, side, rk_mask_secret_data);
	}
	rk_yaml_write(copy, true, out);
}

static void print_diff(
	struct run *r, struct rk_doc *d, const struct rk_val *before, const struct rk_val *after)
{
	rk_auto_buf a = RK_BUF_INIT_SECRET, b = RK_BUF_INIT_SECRET, out = RK_BUF_INIT_SECRET;
	rk_auto_buf was = RK_BUF_INIT, will = RK_BUF_INIT;
	struct rk_res res = {.api_version = rk_get_str(after, "apiVersion", NULL),
		.kind = rk_get_str(after, "kind", NULL),
		.namespaced = true};

	rk_res_label(&res, rk_get_str(after, "metadata", "namespace", NULL),
		rk_get_str(after, "metadata", "name", NULL), &was);
	rk_buf_addf(&will, "%s (after apply)", was.s);
	rk_buf_puts(&was, " (live)");
	add_yaml(r, d, before, after, " (before)", &a);
	add_yaml(r, d, after, before, " (after)", &b);
	if (rk_diff(a.s, b.s, was.s, will.s, &out)) {
		r->differs = true;
		rk_print_buf(&out);
	}
}

/* --- one object --- */

/* Whether the input has what brings an object: the CustomResourceDefinition of its kind; with_ns: or its
 * namespace. */
static bool brought(const struct run *r, const struct rk_val *obj, bool with_ns)
{
	const char *av = rk_get_str(obj, "apiVersion", NULL);
	const char *ns = rk_get_str(obj, "metadata", "namespace", NULL);

	ns = ns ? ns : rk_kube_namespace(r->k);
	for (size_t i = 0; i < r->in.n; i++) {
		const struct rk_val *v = r->in.v[i];
		const char *group = rk_get_str(v, "spec", "group", NULL);
		int rank = rk_object_rank(v);

		if (rank == 1 && group && rk_prefix(av, group) && av[strlen(group)] == '/' &&
			rk_streq(rk_get_str(v, "spec", "names", "kind", NULL),
				rk_get_str(obj, "kind", NULL)))
			return true;
		if (rank == 0 && with_ns && rk_streq(rk_get_str(v, "metadata", "name", NULL), ns))
			return true;
	}
	return false;
}

static int try_apply(struct run *r, const struct rk_val *obj, struct rk_doc *d,
	struct rk_val **before, struct rk_val **after, enum rk_outcome *outcome, struct rk_err *err)
{
	rk_auto_buf taken = RK_BUF_INIT, gone = RK_BUF_INIT;
	struct rk_apply_opts ao = {.force = r->o->force,
		.adopt = r->o->adopt,
		.manager = r->o->manager,
		.taken = &taken,
		.gone = &gone,
		.before = before};
	const char *kind = rk_get_str(obj, "kind", NULL);
	const char *name = rk_get_str(obj, "metadata", "name", NULL);

	for (bool noted = false; rk_kube_apply(r->k, obj, &ao, d, after, outcome, err) < 0;) {
		/* faults that pass: a kind just defined that is not served yet, a webhook that has
		 * just been installed and does not answer yet */
		bool passes = err->http == 503 || err->reason == RK_REASON_WEBHOOK ||
			      (err->code == RK_NOTFOUND && !r->trial && brought(r, obj, false));

		if (!passes || rk_now_ms() + RETRY_MS > r->deadline)
			return -1;
		if (!noted)
			rk_note("%s; trying again", err->msg);
		noted = true;
		rk_err_clear(err);
		rk_task_pause(RETRY_MS);
	}
	if (taken.len)
		rk_note("%s %s: took over %.*s", kind, name, (int)strcspn(taken.s, "\n"), taken.s);
	if (gone.len)
		rk_note("%s %s: removed fields previously set by kubectl apply: %s", kind, name,
			gone.s);
	return 0;
}

/* obj: as in the input, which has the fields that a line shows; an answer may lack them. */
static void succeed(struct run *r, struct rk_doc *d, const struct rk_val *obj,
	const struct rk_val *before, struct rk_val *after, enum rk_outcome outcome)
{
	rk_auto_buf word = RK_BUF_INIT;
	struct rk_res res = {.api_version = rk_get_str(obj, "apiVersion", NULL),
		.kind = rk_get_str(obj, "kind", NULL)};

	if (r->o->diff) {
		print_diff(r, d, before, after);
		return;
	}
	if (r->o->out.fmt == RK_FMT_JSON || r->o->out.fmt == RK_FMT_YAML) {
		rk_remove_at(after, "metadata", "managedFields", NULL);
		rk_append(r->items, rk_copy(r->out, after));
		return;
	}
	rk_res_word(&res, rk_get_str(obj, "metadata", "name", NULL), &word);
	if (r->o->out.fmt == RK_FMT_NAME)
		rk_printf("%s\n", word.s);
	else
		rk_printf("%s %s%s\n", word.s, rk_outcome_word(outcome), rk_dry_word(r->o->dry));
}

static void one(struct run *r, const struct rk_val *obj)
{
	rk_auto_doc *d = rk_doc_new(true);
	struct rk_err err = RK_ERR_INIT;
	struct rk_val *before = NULL, *after = NULL;
	enum rk_outcome outcome;

	if (try_apply(r, obj, d, &before, &after, &outcome, &err) == 0) {
		succeed(r, d, obj, before, after, outcome);
	} else if (err.code == RK_NOTFOUND && r->trial && brought(r, obj, true)) {
		/* a dry run creates neither the namespace nor the kind */
		rk_note("%s %s is not checked: it needs what comes before it in the input",
			rk_get_str(obj, "kind", NULL), rk_get_str(obj, "metadata", "name", NULL));
		succeed(r, d, obj, NULL, rk_copy(d, obj), RK_CREATED);
	} else {
		if (!r->failed++)
			r->first = err;
		if (r->in.n > 1)
			rk_out_error(&err);
		if (err.code > r->worst)
			r->worst = err.code;
	}
}

/* --- all objects --- */

/* Wait for the kinds that the input defines, before the first object that needs one. */
static void await_kinds(struct run *r)
{
	for (size_t i = 0; i < r->in.n; i++) {
		const char *name = rk_get_str(r->in.v[i], "metadata", "name", NULL);

		while (rk_object_rank(r->in.v[i]) == 1 && rk_now_ms() < r->deadline) {
			rk_auto_doc *d = rk_doc_new(false);
			rk_auto_buf why = RK_BUF_INIT;
			struct rk_val *crd = NULL;

			if (rk_kube_find(r->k, &RK_CRD, NULL, name, d, &crd, NULL) < 0 || !crd ||
				rk_is_ready(crd, &why))
				break;
			rk_task_pause(100);
		}
	}
}

static int apply_all(struct run *r, struct rk_err *err)
{
	int rank = 0;

	for (size_t i = 0; i < r->in.n; i++) {
		int now = rk_object_rank(r->in.v[i]);

		if (now == 2 && rank == 1 && !r->trial)
			await_kinds(r);
		rank = now;
		one(r, r->in.v[i]);
	}
	print_objects(r);
	if (!r->failed)
		return r->o->diff && r->differs ? 1 : 0;
	if (r->in.n == 1)
		*err = r->first;
	else
		rk_err_set(err, r->worst, "%zu of %zu objects failed", r->failed, r->in.n);
	return -1;
}

static int run(void *p, int argc RK_UNUSED, char **argv RK_UNUSED, struct rk_err *err)
{
	const struct opts *o = p;
	rk_auto_doc *out = rk_doc_new(true);
	struct rk_connection c = {0};
	struct run r = {.o = o, .out = out, .items = rk_seq(out), .trial = o->dry || o->diff};
	int ret = rk_objects_read(&r.in, o->files.v, o->files.n, err);

	if (ret == 0) {
		rk_objects_order(&r.in);
		ret = rk_connect(&c, &o->kube, err);
	}
	if (ret == 0) {
		r.k = c.kube;
		r.deadline = rk_now_ms() + o->timeout_ms;
		rk_connection_note(&c, &o->kube);
		ret = apply_all(&r, err);
	}
	rk_disconnect(&c);
	rk_objects_release(&r.in);
	if (ret < 0 && o->diff && err->code == RK_FAIL) /* 1 means "differs" */
		err->code = 2;
	return ret;
}

static const struct rk_verb verbs[] = {
	{.args = "[-f FILE]...",
		.summary = "apply objects to the cluster",
		.opts = options,
		.run = run},
	{0},
};

static const struct rk_cmd cmd = {
	.name = "apply",
	.summary = "apply objects by server-side apply",
	.help = rk_help,
	.opts_size = sizeof(struct opts),
	.defaults = defaults,
	.verbs = verbs,
};

int main(int argc, char **argv)
{
	return rk_main(&cmd, argc, argv);
}
