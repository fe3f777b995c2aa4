// SPDX-License-Identifier: Apache-2.0
/* delete: deletes objects named on the command line or read as YAML or JSON, in the reverse of the order
 * that apply uses, and reports for each whether it is deleted, still exists, or is unknown. */
#include "base/base.h"
#include "cli/cli.h"
#include "k3k/k3k.h"
#include "watch/watch.h"
#include "data/data.h"
#include "os/os.h"

#define BLIND_MS     60000
#define POLL_MS	     2000
#define UNDETERMINED "whether it is deleted could not be determined"

enum state {
	UNKNOWN,
	ABSENT,	 /* did not exist at the start */
	GOING,	 /* deletion accepted */
	DELETED, /* does not exist any more */
	REFUSED, /* the deletion failed; err has the reason */
};

struct item {
	struct run *r;
	const struct rk_res *res;
	char *ns, *name, *uid; /* uid: of the object we mean, or NULL */
	int rank;
	enum state state;
	struct rk_err err;
	/* while it is awaited */
	struct rk_watch *watch;	 /* NULL: it is polled */
	int64_t no_answer_since; /* 0: the server answers */
	bool exists;
};

struct opts {
	struct rk_kube_flags kube;
	struct rk_out_flags out;
	struct rk_strv files;
	const char *labels;
	int dry, cascade;
	int64_t grace, timeout_ms;
	bool wait, ignore;
};

static void defaults(void *p)
{
	struct opts *o = p;

	o->grace = -1;
	o->timeout_ms = 300000;
	o->wait = true;
}

static const struct rk_opt options[] = {
	OPT_LIST("filename", files, "FILE",
		"file with the objects, - for standard input; repeatable", .key = 'f',
		.complete = "file"),
	OPT_STR("selector", labels, "LABELS",
		"delete the objects of the TYPEs that carry these labels", .key = 'l'),
	OPT_FLAG("wait", wait,
		"watch until the objects are gone (the default; --wait=false to leave)"),
	OPT_DUR("timeout", timeout_ms, "how long to wait; 0: check once (default 5m)"),
	OPT_ENUM("cascade", cascade, "background|foreground|orphan",
		"how objects that it owns are deleted"),
	OPT_INT("grace-period", grace, "SECONDS",
		"time for pods to terminate; -1: as set in the pod"),
	OPT_FLAG("ignore-not-found", ignore,
		"accepted for compatibility with kubectl; missing objects are never an error"),
	OPT_DRY_RUN(dry),
	OPT_GROUP_OUT(out),
	OPT_GROUP_KUBE(kube),
	OPT_GROUP_VIRTUAL(kube),
	OPT_END,
};

struct run {
	const struct opts *o;
	struct rk_kube *k;
	struct item **v;
	size_t n;
	struct rk_loop *loop;
	int rank; /* the group being deleted */
	int64_t deadline;
};

/* --- what to delete --- */

/* obj: the one to delete, with its namespace and uid, or NULL. */
static void add_item(
	struct run *r, const struct rk_res *res, const char *name, const struct rk_val *obj)
{
	const char *ns = rk_get_str(obj, "metadata", "namespace", NULL);
	const char *uid = rk_get_str(obj, "metadata", "uid", NULL);
	struct item *it = rk_calloc(1, sizeof(*it));

	ns = res->namespaced ? (ns && *ns ? ns : rk_kube_namespace(r->k)) : NULL;
	*it = (struct item){.r = r,
		.res = res,
		.ns = ns ? rk_strdup(ns) : NULL,
		.name = rk_strdup(name),
		.uid = uid && *uid ? rk_strdup(uid) : NULL,
		.rank = res == &RK_NAMESPACE ? 0
			: res == &RK_CRD     ? 1
					     : 2};
	r->v = rk_realloc(r->v, (r->n + 1) * sizeof(struct item *));
	r->v[r->n++] = it;
}

/* After a kind was not found: that it is not served means that the object does not exist. 0: err is
 * cleared. */
static int not_served(const char *kind, const char *sep, const char *name, struct rk_err *err)
{
	if (err->code != RK_NOTFOUND)
		return -1;
	rk_aside("%s%s%s: the server does not serve this kind, so it does not exist", kind, sep,
		name);
	rk_err_clear(err);
	return 0;
}

/* TYPE/NAME... or TYPE NAME... */
static int from_args(struct run *r, int argc, char **argv, struct rk_err *err)
{
	const char *slash = strchr(argv[0], '/');

	if (!slash && argc < 2)
		return rk_err_set(err, RK_USAGE,
			"%s: name missing; expected TYPE/NAME, TYPE NAME or -l LABELS", argv[0]);
	for (int i = slash ? 0 : 1; i < argc; i++) {
		const char *s = strchr(argv[i], '/'), *name = slash ? s + 1 : argv[i];
		rk_auto_free char *type = NULL;
		const struct rk_res *res;

		if (!s != !slash)
			return rk_err_set(err, RK_USAGE,
				"%s: TYPE/NAME and TYPE NAME cannot be mixed", argv[i]);
		if (!rk_object_name_ok(name))
			return rk_err_set(err, RK_USAGE, "invalid object name \"%s\"", name);
		type = slash ? rk_strndup(argv[i], (size_t)(s - argv[i])) : rk_strdup(argv[0]);
		if (rk_kube_res_word(r->k, type, &res, err) == 0)
			add_item(r, res, name, NULL);
		/* an argument without a group is rather a typing error */
		else if (!strchr(type, '.') || not_served(type, "/", name, err) < 0)
			return -1;
	}
	return 0;
}

struct listing {
	struct run *r;
	const struct rk_res *res;
};

static int listed(void *arg, const struct rk_val *obj, struct rk_err *err RK_UNUSED)
{
	const struct listing *l = arg;
	const char *name = rk_get_str(obj, "metadata", "name", NULL);

	if (name)
		add_item(l->r, l->res, name, obj);
	return 0;
}

/* -l: each argument is a TYPE, or several with commas. */
static int from_labels(struct run *r, int argc, char **argv, struct rk_err *err)
{
	struct rk_list_opts lo = {.labels = r->o->labels, .metadata_only = true};

	for (int i = 0; i < argc; i++)
		for (const char *p = argv[i]; *p; p += *p == ',') {
			rk_auto_free char *word = rk_strndup(p, strcspn(p, ","));
			struct listing l = {.r = r};

			if (rk_kube_res_word(r->k, word, &l.res, err) < 0 ||
				rk_kube_list(r->k, l.res,
					l.res->namespaced ? rk_kube_namespace(r->k) : NULL, &lo,
					listed, &l, err) < 0)
				return -1;
			p += strlen(word);
		}
	return 0;
}

static int from_input(struct run *r, const struct rk_objects *in, struct rk_err *err)
{
	for (size_t i = in->n; i-- > 0;) {
		const struct rk_val *obj = in->v[i];
		const char *kind = rk_get_str(obj, "kind", NULL);
		const char *name = rk_get_str(obj, "metadata", "name", NULL);
		const struct rk_res *res;

		if (rk_kube_res(r->k, rk_get_str(obj, "apiVersion", NULL), kind, &res, err) == 0)
			add_item(r, res, name, obj);
		else if (not_served(kind, " ", name, err) < 0)
			return -1;
	}
	return 0;
}

/* --- output --- */

static void print_item(const struct item *it, const char *word)
{
	rk_auto_buf type = RK_BUF_INIT;

	rk_res_word(it->res, it->name, &type);
	if (it->r->o->out.fmt == RK_FMT_NAME) {
		if (it->state != ABSENT)
			rk_printf("%s\n", type.s);
		return;
	}
	type.s[strcspn(type.s, "/")] = '\0';
	rk_printf("%s \"%s\" %s%s\n", type.s, it->name, word, rk_dry_word(it->r->o->dry));
}

/* What blocks the deletion of an object: its finalizers; of a Namespace what is left in it. */
static void add_blockers(const struct rk_val *obj, struct rk_buf *out)
{
	const char *lead = ", held by finalizer ";

	rk_each (c, rk_get(obj, "status", "conditions", NULL)) {
		const char *type = rk_get_str(c, "type", NULL),
			   *msg = rk_get_str(c, "message", NULL);

		if (type && msg && rk_streq(rk_get_str(c, "status", NULL), "True") &&
			rk_prefix(type, "Namespace"))
			rk_buf_addf(out, ": %.300s", msg);
	}
	if (!rk_get_str(obj, "metadata", "deletionTimestamp", NULL)) {
		rk_buf_puts(out, ": it is not being deleted");
		return;
	}
	rk_each (f, rk_get(obj, "metadata", "finalizers", NULL)) {
		rk_buf_addf(out, "%s%s", lead, rk_str(f) ? rk_str(f) : "?");
		lead = ", ";
	}
}

/* --- deleting --- */

static void set_deleted(struct item *it)
{
	if (it->state != GOING)
		return;
	it->state = DELETED;
	print_item(it, "deleted");
}

/* Whether obj is the object that is deleted, and not a successor of its name. */
static bool is_it(const struct item *it, const struct rk_val *obj)
{
	return obj && (!it->uid || rk_streq(rk_get_str(obj, "metadata", "uid", NULL), it->uid));
}

/* Reads the object first: what is deleted and awaited is this one. */
static void delete_one(struct item *it)
{
	static const char *const cascade[] = {"Background", "Foreground", "Orphan"};
	const struct opts *o = it->r->o;
	struct rk_delete_opts opts = {.propagation = cascade[o->cascade], .grace = o->grace};
	rk_auto_doc *d = rk_doc_new(false);
	enum rk_outcome outcome = RK_DELETED;
	struct rk_val *obj = NULL;
	const char *uid;

	it->state = REFUSED;
	if (rk_kube_find(it->r->k, it->res, it->ns, it->name, d, &obj, &it->err) < 0)
		return;
	uid = rk_get_str(obj, "metadata", "uid", NULL);
	if (!obj || (uid && !is_it(it, obj))) {
		it->state = ABSENT;
		print_item(it, obj ? "not found (another one has its name)" : "not found");
		return;
	}
	if (!it->uid && uid)
		it->uid = rk_strdup(uid);
	opts.uid = it->uid;
	/* a client dry run has just read all that there is to know */
	if (o->dry != RK_DRY_CLIENT &&
		rk_kube_delete(it->r->k, it->res, it->ns, it->name, &opts, &outcome, &it->err) < 0)
		return;
	it->state = outcome == RK_ABSENT ? DELETED : GOING;
	if (o->dry || it->state == DELETED)
		print_item(it, "deleted");
	else if (!o->wait)
		print_item(it, "deletion accepted");
}

/* --- watching --- */

static bool any_going(const struct run *r)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->v[i]->rank == r->rank && r->v[i]->state == GOING)
			return true;
	return false;
}

static void on_event(void *arg, enum rk_event e, const struct rk_val *obj)
{
	struct item *it = arg;
	bool mine = rk_streq(rk_get_str(obj, "metadata", "name", NULL), it->name) && is_it(it, obj);

	if ((e == RK_GONE && mine) || (e == RK_SYNCED && !it->exists))
		set_deleted(it);
	else if (mine)
		it->exists = true;
	if (!any_going(it->r))
		rk_loop_stop(it->r->loop);
}

/* A server may be restarting; one that does not answer for a minute is not waited for. An answer that is
 * not that of an API server does not improve by waiting. err NULL: it answers. */
static void note_answer(struct item *it, const struct rk_err *err)
{
	if (!err)
		it->no_answer_since = 0;
	else if (!it->no_answer_since)
		it->no_answer_since = rk_now_ms();
	if (!err || it->state != GOING ||
		(err->reason != RK_REASON_UNEXPECTED &&
			rk_now_ms() - it->no_answer_since < BLIND_MS))
		return;
	it->state = REFUSED;
	it->err = *err;
	rk_err_wrap(&it->err, UNDETERMINED);
}

/* Whether the watch works, or where watching is not permitted, the object. */
static void check(void *arg)
{
	struct item *it = arg;
	rk_auto_doc *d = rk_doc_new(false);
	struct rk_val *obj = NULL;
	struct rk_err err = RK_ERR_INIT;

	if (it->watch) {
		note_answer(it, rk_watch_error(it->watch));
	} else if (rk_kube_find(it->r->k, it->res, it->ns, it->name, d, &obj, &err) < 0) {
		note_answer(it, &err);
	} else {
		note_answer(it, NULL);
		if (!is_it(it, obj))
			set_deleted(it);
	}
	if (it->state == GOING)
		rk_loop_after(it->r->loop, POLL_MS, check, it);
	if (!any_going(it->r))
		rk_loop_stop(it->r->loop);
}

/* Permission to delete does not include permission to watch. */
static bool on_fail(void *arg, const struct rk_err *err)
{
	struct item *it = arg;

	it->watch = NULL; /* the loop frees it */
	note_answer(it, err);
	check(it);
	return false;
}

static int watch_group(struct run *r, struct rk_err *err)
{
	int64_t left = r->deadline - rk_now_ms();
	int ret = 0;

	if (left <= 0)
		return 0;
	r->loop = rk_loop_new();
	for (size_t i = 0; i < r->n; i++) {
		struct item *it = r->v[i];
		rk_auto_free char *field = rk_asprintf("metadata.name=%s", it->name);
		struct rk_list_opts lo = {.fields = field, .metadata_only = true};

		if (it->rank != r->rank || it->state != GOING)
			continue;
		it->watch =
			rk_loop_watch(r->loop, r->k, it->res, it->ns, &lo, on_event, on_fail, it);
		rk_loop_after(r->loop, POLL_MS, check, it);
	}
	ret = rk_loop_run(r->loop, left, err);
	rk_loop_free(r->loop);
	if (ret < 0 && err->code != RK_TIMEOUT)
		return -1;
	rk_err_clear(err);
	return 0;
}

/* Namespaces last: what is in them is deleted first, while its finalizers are still served. */
static int delete_all(struct run *r, struct rk_err *err)
{
	for (r->rank = 2; r->rank >= 0; r->rank--) {
		for (size_t i = 0; i < r->n; i++)
			if (r->v[i]->rank == r->rank)
				delete_one(r->v[i]);
		if (r->o->wait && !r->o->dry && any_going(r) && watch_group(r, err) < 0)
			return -1;
	}
	return 0;
}

/* --- the end --- */

/* The last check of what was not reported as deleted. Its answer counts: 4 still exists, 1 unknown. */
static void check_last(struct item *it)
{
	rk_auto_doc *d = rk_doc_new(false);
	rk_auto_buf label = RK_BUF_INIT, why = RK_BUF_INIT, word = RK_BUF_INIT;
	struct rk_val *obj = NULL;
	char age[16];

	if (rk_kube_find(it->r->k, it->res, it->ns, it->name, d, &obj, &it->err) < 0) {
		rk_err_wrap(&it->err, UNDETERMINED);
		return;
	}
	if (!is_it(it, obj)) {
		set_deleted(it);
		return;
	}
	add_blockers(obj, &why);
	rk_age(it->r->o->timeout_ms / 1000, age);
	rk_res_label(it->res, it->ns, it->name, &label);
	rk_err_set(&it->err, RK_TIMEOUT, "%s: still exists after %s%s", label.s, age, why.s);
	rk_res_word(it->res, it->name, &word);
	rk_err_hint(&it->err, "%ssee it with: kubectl get %s%s%s -o yaml%s",
		strstr(why.s, ".k3k.io/") ? "only a running k3k controller releases that; " : "",
		word.s, it->ns ? " -n " : "", it->ns ? it->ns : "", rk_here_kubectl());
}

/* One error is the tool's own; of several each is printed. */
static int judge(struct run *r, struct rk_err *err)
{
	size_t bad = 0;
	int worst = 0;

	for (size_t i = 0; i < r->n; i++) {
		struct item *it = r->v[i];

		if (it->state == GOING && r->o->wait && !r->o->dry)
			check_last(it);
		if (it->state == ABSENT || it->state == DELETED || !it->err.code)
			continue;
		if (bad++ == 0)
			*err = it->err;
		if (bad == 2)
			rk_out_error(err);
		if (bad >= 2)
			rk_out_error(&it->err);
		worst = it->err.code > worst ? it->err.code : worst;
	}
	if (bad > 1)
		rk_err_set(err, worst, "%zu of %zu objects still exist or could not be checked",
			bad, r->n);
	return bad ? -1 : 0;
}

static int run(void *p, int argc, char **argv, struct rk_err *err)
{
	const struct opts *o = p;
	rk_auto_objects in = {0};
	rk_auto_connection c = {0};
	struct run r = {.o = o};
	int ret;

	if (rk_cli_lines_only(&o->out, err) < 0)
		return -1;
	if (o->files.n && argc)
		return rk_err_set(err, RK_USAGE, "give names or -f FILE, not both");
	if (o->labels && !argc)
		return rk_err_set(err, RK_USAGE, "-l requires one or more TYPEs");
	if (!argc && !o->files.n && isatty(STDIN_FILENO))
		return rk_err_set(err, RK_USAGE,
			"nothing to delete: give TYPE/NAME, -f FILE or objects on "
			"standard input");
	if (!argc && rk_objects_read(&in, o->files.v, o->files.n, err) < 0)
		return -1;
	/* a credential plugin that hangs does not outlast --timeout either */
	if (o->timeout_ms > 0)
		rk_run_limit((struct rk_run_limit){rk_now_ms() + o->timeout_ms, NULL});
	if (rk_connect(&c, &o->kube, err) < 0)
		return -1;
	r.k = c.kube;
	r.deadline = rk_now_ms() + o->timeout_ms;
	ret = in.n	  ? from_input(&r, &in, err)
	      : o->labels ? from_labels(&r, argc, argv, err)
			  : from_args(&r, argc, argv, err);
	if (ret == 0 && r.n) {
		rk_connection_note(&c, &o->kube);
		ret = delete_all(&r, err);
	}
	if (ret == 0)
		ret = judge(&r, err);
	for (size_t i = 0; i < r.n; i++) {
		free(r.v[i]->ns);
		free(r.v[i]->name);
		free(r.v[i]->uid);
		free(r.v[i]);
	}
	free(r.v);
	return ret;
}

static const struct rk_verb verbs[] = {
	{.args = "[TYPE/NAME... | TYPE NAME... | -l LABELS TYPE... | -f FILE]",
		.summary = "delete objects and wait until they are gone",
		.opts = options,
		.max_args = -1,
		.run = run},
	{0},
};

static const struct rk_cmd cmd = {
	.name = "delete",
	.summary = "delete objects in order and wait until they are gone",
	.help = rk_help,
	.opts_size = sizeof(struct opts),
	.defaults = defaults,
	.verbs = verbs,
};

int main(int argc, char **argv)
{
	return rk_main(&cmd, argc, argv);
}
