// SPDX-License-Identifier: Apache-2.0
/* rk3k-apply: reads objects (YAML, JSON, Lists), writes them by server-side apply, prints one line
 * for each. Nothing is written before all of the input has been read and looked at. */
#include "base/base.h"
#include "cli/cli.h"
#include "kube/kube.h"
#include "out/out.h"
#include "k3k/k3k.h"
#include "watch/watch.h"
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
	{"filename", 'f', RK_OPT_LIST, offsetof(struct opts, files), "FILE",
		"file with objects, - for standard input (the default); repeatable",
		.complete = "file"},
	RK_OPT_DRY_RUN(struct opts, dry),
	{"diff", .kind = RK_OPT_FLAG, .off = offsetof(struct opts, diff), .dry = true,
		.help = "print what would change and end: 0 same, 1 differs, above 1 trouble"},
	{"show-secrets", .kind = RK_OPT_FLAG, .off = offsetof(struct opts, show_secrets),
		.help = "with --diff: show the values of Secrets"},
	{"force-conflicts", .kind = RK_OPT_FLAG, .off = offsetof(struct opts, force),
		.help = "take fields over from other field managers"},
	{"adopt", .kind = RK_OPT_FLAG, .off = offsetof(struct opts, adopt),
		.help = "take over fields that were set with kubectl; fields that kubectl apply "
			"set "
			"and the input lacks are removed"},
	{"field-manager", .kind = RK_OPT_STR, .off = offsetof(struct opts, manager), .arg = "NAME",
		.help = "field manager (default: rk3k)"},
	{"timeout", .kind = RK_OPT_DUR, .off = offsetof(struct opts, timeout_ms), .arg = "DURATION",
		.help = "how long to wait for a new kind or a webhook to be served (default 1m)"},
	RK_GROUP_OUT(struct opts, out),
	RK_GROUP_KUBE(struct opts, kube),
	RK_GROUP_VIRTUAL(struct opts, kube),
	RK_OPT_END,
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
	bool differs;
	struct rk_err first;
};

/* --- output --- */

static void print_line(const struct run *r, const struct rk_val *obj, const char *word)
{
	rk_auto_buf b = RK_BUF_INIT;
	const char *kind = rk_get_str(obj, "kind", NULL),
		   *name = rk_get_str(obj, "metadata", "name", NULL);
	struct rk_res res = {.api_version = rk_get_str(obj, "apiVersion", NULL), .kind = kind};

	rk_res_word(&res, name, &b);
	if (r->o->out.fmt == RK_FMT_NAME)
		rk_printf("%s\n", b.s);
	else
		rk_printf("%s %s%s\n", b.s, word, rk_dry_word(r->o->dry));
}

static bool wants_objects(const struct run *r)
{
	return r->o->out.fmt == RK_FMT_JSON || r->o->out.fmt == RK_FMT_YAML;
}

static void print_objects(const struct run *r)
{
	struct rk_val *list;

	if (!wants_objects(r) || !r->items->count)
		return;
	if (r->items->count == 1) {
		rk_print_val(r->o->out.fmt, rk_at(r->items, 0));
		return;
	}
	list = rk_map(r->out);
	rk_set_str(r->out, list, "apiVersion", "v1");
	rk_set_str(r->out, list, "kind", "List");
	rk_set_str(r->out, rk_map_at(r->out, list, "metadata", NULL), "resourceVersion", "");
	rk_set(r->out, list, "items", r->items);
	rk_print_val(r->o->out.fmt, list);
}

/* --- --diff --- */

/* What every write changes is not a difference to a reader. */
static void plain(struct rk_val *v)
{
	static const char *const meta[] = {
		"managedFields", "resourceVersion", "generation", "uid", "creationTimestamp"};

	for (size_t i = 0; i < RK_COUNT(meta); i++)
		rk_remove_at(v, "metadata", meta[i], NULL);
	rk_remove_at(v, "status", NULL);
}

static void yaml_of(const struct run *r, struct rk_doc *d, const struct rk_val *v,
	const struct rk_val *other, const char *side, struct rk_buf *out)
{
	struct rk_val *copy;

	if (!v)
		return;
	copy = rk_copy(d, v);
	plain(copy);
	if (rk_streq(rk_get_str(v, "kind", NULL), "Secret") && !r->o->show_secrets) {
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
	rk_auto_buf what = RK_BUF_INIT;
	rk_auto_free char *was = NULL, *will = NULL;
	struct rk_res res = {.api_version = rk_get_str(after, "apiVersion", NULL),
		.kind = rk_get_str(after, "kind", NULL),
		.namespaced = true};

	rk_res_label(&res, rk_get_str(after, "metadata", "namespace", NULL),
		rk_get_str(after, "metadata", "name", NULL), &what);
	was = rk_asprintf("%s (live)", what.s);
	will = rk_asprintf("%s (after apply)", what.s);
	yaml_of(r, d, before, after, " (before)", &a);
	yaml_of(r, d, after, before, " (after)", &b);
	if (rk_diff(a.s, b.s, was, will, &out)) {
		r->differs = true;
		rk_print_buf(&out);
	}
}

/* --- one object --- */

static bool in_input(const struct run *r, const char *kind, const char *name)
{
	for (size_t i = 0; i < r->in.n; i++)
		if (rk_streq(rk_get_str(r->in.v[i], "kind", NULL), kind) &&
			rk_streq(rk_get_str(r->in.v[i], "metadata", "name", NULL), name))
			return true;
	return false;
}

/* Whether a CustomResourceDefinition of the input brings the object's kind. */
static bool brought(const struct run *r, const struct rk_val *obj)
{
	const char *av = rk_get_str(obj, "apiVersion", NULL);

	for (size_t i = 0; i < r->in.n; i++) {
		const struct rk_val *crd = r->in.v[i];
		const char *group = rk_get_str(crd, "spec", "group", NULL);

		if (rk_object_rank(crd) == 1 && group && rk_prefix(av, group) &&
			av[strlen(group)] == '/' &&
			rk_streq(rk_get_str(crd, "spec", "names", "kind", NULL),
				rk_get_str(obj, "kind", NULL)))
			return true;
	}
	return false;
}

/* A dry run makes neither the namespace nor the kind that the object needs. */
static bool needs_input(const struct run *r, const struct rk_val *obj, const struct rk_err *err)
{
	const char *ns = rk_get_str(obj, "metadata", "namespace", NULL);

	if (!r->o->dry && !r->o->diff)
		return false;
	if (err->code != RK_NOTFOUND)
		return false;
	return brought(r, obj) || in_input(r, "Namespace", ns ? ns : rk_kube_namespace(r->k));
}

/* Faults that pass: a kind just defined that is not served yet, a webhook that has just been
 * installed and does not answer yet. */
static bool will_pass(const struct run *r, const struct rk_val *obj, const struct rk_err *err)
{
	if (err->code == RK_NOTFOUND && brought(r, obj) && !r->o->dry && !r->o->diff)
		return true;
	return err->http == 503 || err->reason == RK_REASON_WEBHOOK;
}

static void say_taken(const struct rk_val *obj, struct rk_buf *taken)
{
	if (!taken->len)
		return;
	taken->s[strcspn(taken->s, "\n")] = '\0';
	rk_note("%s %s: took over %s", rk_get_str(obj, "kind", NULL),
		rk_get_str(obj, "metadata", "name", NULL), taken->s);
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
	bool said = false;

	for (;;) {
		if (rk_kube_apply(r->k, obj, &ao, d, after, outcome, err) == 0)
			break;
		if (!will_pass(r, obj, err) || rk_now_ms() + RETRY_MS > r->deadline)
			return -1;
		if (!said)
			rk_note("%s; trying again", err->msg);
		said = true;
		rk_err_clear(err);
		usleep(RETRY_MS * 1000);
	}
	say_taken(obj, &taken);
	if (gone.len)
		rk_note("%s %s: gone, since only kubectl apply had set it: %s",
			rk_get_str(obj, "kind", NULL), rk_get_str(obj, "metadata", "name", NULL),
			gone.s);
	return 0;
}

/* obj: what was asked for, which has the fields that a line shows; an answer may lack them. */
static void succeed(struct run *r, struct rk_doc *d, const struct rk_val *obj,
	const struct rk_val *before, struct rk_val *after, enum rk_outcome outcome)
{
	if (r->o->diff) {
		print_diff(r, d, before, after);
	} else if (wants_objects(r)) {
		rk_remove_at(after, "metadata", "managedFields", NULL);
		rk_append(r->items, rk_copy(r->out, after));
	} else {
		print_line(r, obj, rk_outcome_word(outcome));
	}
}

static void fail(struct run *r, const struct rk_err *err)
{
	if (!r->failed++)
		r->first = *err;
	if (r->in.n > 1)
		rk_out_error(err);
	if (err->code > r->worst)
		r->worst = err->code;
}

static void one(struct run *r, const struct rk_val *obj)
{
	rk_auto_doc *d = rk_doc_new(true);
	struct rk_err err = RK_ERR_INIT;
	struct rk_val *before = NULL, *after = NULL;
	enum rk_outcome outcome;

	if (try_apply(r, obj, d, &before, &after, &outcome, &err) == 0) {
		succeed(r, d, obj, before, after, outcome);
	} else if (needs_input(r, obj, &err)) {
		rk_note("%s %s is not checked: it needs what comes before it in the input",
			rk_get_str(obj, "kind", NULL), rk_get_str(obj, "metadata", "name", NULL));
		succeed(r, d, obj, NULL, rk_copy(d, obj), RK_CREATED);
	} else {
		fail(r, &err);
	}
}

/* --- new kinds --- */

static bool established(const struct rk_val *crd)
{
	return rk_streq(rk_get_str(rk_condition(crd, "Established"), "status", NULL), "True");
}

/* The kinds the input defines are awaited before the first object that needs one. */
static void await_kinds(struct run *r)
{
	for (size_t i = 0; i < r->in.n; i++) {
		const char *name = rk_get_str(r->in.v[i], "metadata", "name", NULL);
		struct rk_err err = RK_ERR_INIT;

		if (rk_object_rank(r->in.v[i]) != 1)
			continue;
		while (rk_now_ms() < r->deadline) {
			rk_auto_doc *d = rk_doc_new(false);
			struct rk_val *crd = NULL;

			if (rk_kube_find(r->k, &RK_CRD, NULL, name, d, &crd, &err) < 0 || !crd ||
				established(crd))
				break;
			usleep(100000);
		}
	}
}

/* --- all of it --- */

static void apply_all(struct run *r)
{
	int rank = 0;

	for (size_t i = 0; i < r->in.n; i++) {
		int now = rk_object_rank(r->in.v[i]);

		if (now == 2 && rank == 1 && !r->o->dry && !r->o->diff)
			await_kinds(r);
		rank = now;
		one(r, r->in.v[i]);
	}
}

static int finish(const struct run *r, struct rk_err *err)
{
	if (!r->failed)
		return r->o->diff && r->differs ? 1 : 0;
	if (r->in.n == 1)
		*err = r->first;
	else
		rk_err_set(err, r->worst, "%zu of %zu objects failed", r->failed, r->in.n);
	return -1;
}

static int apply_input(const struct opts *o, struct rk_err *err)
{
	rk_auto_doc *out = rk_doc_new(true);
	rk_auto_connection c = {0};
	struct run r = {.o = o, .out = out, .items = rk_seq(out)};
	int ret;

	if (rk_objects_read(&r.in, o->files.v, o->files.n, err) < 0)
		return -1;
	rk_objects_order(&r.in);
	ret = rk_connect(&c, &o->kube, err);
	if (ret == 0) {
		r.k = c.kube;
		r.deadline = rk_now_ms() + o->timeout_ms;
		rk_connection_note(&c, &o->kube);
		apply_all(&r);
		print_objects(&r);
		ret = finish(&r, err);
	}
	rk_objects_release(&r.in);
	return ret;
}

static int run(void *p, int argc, char **argv, struct rk_err *err)
{
	const struct opts *o = p;
	int ret = apply_input(o, err);

	(void)argc, (void)argv;
	if (ret < 0 && o->diff && err->code == RK_FAIL) /* 1 says "differs" */
		err->code = 2;
	return ret;
}

static const struct rk_verb verbs[] = {
	{.args = "[-f FILE]...",
		.summary = "apply objects to the cluster",
		.opts = options,
		.run = run,
		.examples = "  kubectl rk3k render cluster < settings.json | kubectl rk3k apply\n"
			    "  kubectl rk3k apply -f objects.yaml --diff\n"
			    "  kubectl rk3k apply --virtual rancher-k3k/rancher -f issuer.yaml\n"},
	{0},
};

static const struct rk_cmd cmd = {
	.name = "apply",
	.summary = "apply objects by server-side apply",
	.description =
		"Reads objects as YAML documents, JSON or Lists and applies them under the "
		"field manager rk3k: Namespaces first, then CustomResourceDefinitions, then "
		"the rest in the order given. Input that is empty, damaged or truncated "
		"changes nothing. Each object prints one line: created, configured or "
		"unchanged. An object that fails does not stop the others.\n\nAn object with "
		"a field that another manager set is refused, unless it carries the label "
		"app.kubernetes.io/managed-by=rk3k, or --adopt or --force-conflicts is set; "
		"fields that are taken over are listed. An object with the annotation "
		"rk3k.io/create-only: \"true\" is created when it does not exist, and "
		"otherwise left alone.",
	.opts_size = sizeof(struct opts),
	.defaults = defaults,
	.verbs = verbs,
	.exit_status =
		"The code is that of the worst failure. With --diff: 0 nothing would change, 1 "
		"something would, 2 or more trouble.",
	.see_also = "kubectl-rk3k-render(1), kubectl-rk3k-delete(1), kubectl-rk3k-wait(1)",
};

int main(int argc, char **argv)
{
	return rk_main(&cmd, argc, argv);
}
