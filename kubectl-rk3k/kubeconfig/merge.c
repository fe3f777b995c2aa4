// SPDX-License-Identifier: Apache-2.0
/* merge - the entries of a kubeconfig on stdin go into the files that kubectl reads. */
#include "tool.h"

#include "out/out.h"
#include "os/os.h"

/* Open the files for a change; a lock of another is waited for, and said. */
int kcfg_open_locked(const struct opts *o, struct kcfg_files **f, struct rk_err *err)
{
	struct rk_err first = RK_ERR_INIT;
	bool lock = o->dry == RK_DRY_NONE && !o->diff;
	int soon = o->wait_ms < 500 ? (int)o->wait_ms : 500;

	if (rk_streq(o->kube.kubeconfig, "-"))
		return rk_err_set(err, RK_USAGE,
			"--kubeconfig - cannot be changed: name the file that is to be");
	if (kcfg_open(f, o->kube.kubeconfig, lock, soon, &first) == 0)
		return 0;
	if (first.reason != RK_REASON_LOCKED || o->wait_ms <= soon) {
		*err = first;
		return -1;
	}
	rk_note("waiting: %s", first.msg);
	return kcfg_open(f, o->kube.kubeconfig, lock, (int)o->wait_ms - soon, err);
}

struct merge {
	const struct opts *o;
	struct rk_doc *d;
	const char *source;
	struct rk_buf text;
	const struct rk_val *root;
	struct kcfg_item *items;
	size_t n;
	const char *current; /* to set, or NULL */
	struct kcfg_files *files;
	struct rk_val *contexts; /* of the files, once asked for */
	struct rk_val *result;	 /* SEQ of {name, outcome, file, server} */
};

static void merge_release(struct merge *m)
{
	free(m->items);
	kcfg_close(m->files);
	rk_buf_release(&m->text);
	rk_doc_free(m->d);
}

static int read_input(struct merge *m, const char *path, struct rk_err *err)
{
	m->source = rk_streq(path, "-") ? "stdin" : path;
	if (rk_streq(path, "-") && isatty(STDIN_FILENO)) {
		rk_err_set(err, RK_USAGE, "a kubeconfig is expected on stdin");
		return rk_err_hint(err, "%s kubeconfig get CLUSTER | %s kubeconfig merge",
			rk_usage_prefix(), rk_usage_prefix());
	}
	if (rk_file_read(path, INPUT_MAX, &m->text, err) < 0)
		return -1;
	if (m->text.s[strspn(m->text.s, " \t\r\n")])
		return 0;
	rk_err_set(err, RK_FAIL, "%s is empty: there is nothing to merge", m->source);
	return rk_err_hint(err, "did the command before the pipe fail?");
}

/* Everything must hold together before any of it is written: each context with its cluster and
 * user, certificates with their keys. What was cut off in a pipe does not. */
static int check_input(struct merge *m, struct rk_err *err)
{
	struct rk_kubeconfig *kc = NULL;
	int rc = rk_kubeconfig_parse(&kc, m->text.s, m->text.len, m->source, err);

	if (rc < 0)
		return -1;
	rc = rk_kubeconfig_read(m->d, m->text.s, m->text.len, m->source, &m->root, err);
	if (rc == 0 && !rk_at(rk_get(m->root, "contexts", NULL), 0))
		rc = rk_err_set(err, RK_FAIL, "%s has no context in it", m->source);
	rk_each (c, rc == 0 ? rk_get(m->root, "contexts", NULL) : NULL) {
		struct rk_kube_flags f = {.context = rk_get_str(c, "name", NULL)};
		struct rk_target t;

		if (rk_get_str(c, "context", "user", NULL) &&
			!rk_get_str(c, "context", "cluster", NULL))
			rc = rk_err_set(err, RK_FAIL, "context \"%s\" names no cluster", f.context);
		if (rc == 0)
			rc = rk_kubeconfig_resolve(kc, &f, &t, err);
		if (rc < 0)
			break;
		rc = rk_target_check(&t, err);
		rk_target_release(&t);
		if (rc < 0)
			break;
	}
	rk_kubeconfig_free(kc);
	return rc < 0 ? rk_err_wrap(err, "nothing merged") : 0;
}

static const struct rk_val *find_named(
	const struct rk_val *root, const char *plural, const char *single, const char *name)
{
	rk_each (it, name ? rk_get(root, plural, NULL) : NULL)
		if (rk_streq(rk_get_str(it, "name", NULL), name))
			return rk_get(it, single, NULL);
	return NULL;
}

static const struct rk_val *find_item(const struct merge *m, enum rk_kc_kind kind, const char *name)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->items[i].kind == kind && rk_streq(m->items[i].name, name))
			return m->items[i].value;
	return NULL;
}

static struct rk_val *add_item(
	struct merge *m, enum rk_kc_kind kind, const char *name, const struct rk_val *value)
{
	if (find_item(m, kind, name))
		return NULL; /* shared by two contexts of the input */
	m->items = rk_realloc(m->items, (m->n + 1) * sizeof(*m->items));
	m->items[m->n] = (struct kcfg_item){kind, name, rk_copy(m->d, value)};
	return rk_mut(m->items[m->n++].value);
}

/* k3k calls all three `default`, and so would the next cluster's. */
static int check_name(const struct merge *m, const char *name, struct rk_err *err)
{
	if (m->o->name || !rk_streq(name, "default"))
		return 0;
	rk_err_set(err, RK_USAGE, "%s uses the name \"default\", which identifies no cluster",
		m->source);
	return rk_err_hint(err, "give the entry a name: --name NAME");
}

static int take_context(struct merge *m, const struct rk_val *c, struct rk_err *err)
{
	const char *name = rk_get_str(c, "name", NULL), *to = m->o->name;
	const struct rk_val *ctx = rk_get(c, "context", NULL);
	const char *cluster = rk_get_str(ctx, "cluster", NULL);
	const char *user = rk_get_str(ctx, "user", NULL);
	const struct rk_val *uv = find_named(m->root, "users", "user", user);
	struct rk_val *copy, *cluster_copy, *user_copy = NULL;

	if (user && !uv)
		return rk_err_set(err, RK_FAIL,
			"%s: user \"%s\" of context \"%s\" was not found: "
			"is the input cut off?",
			m->source, user, name);
	if (check_name(m, name, err) < 0 || check_name(m, cluster, err) < 0 ||
		check_name(m, user, err) < 0)
		return -1;
	copy = add_item(m, RK_KC_CONTEXTS, to ? to : name, ctx);
	if (copy && to) {
		rk_set_str(m->d, copy, "cluster", to);
		if (user)
			rk_set_str(m->d, copy, "user", to);
	}
	cluster_copy = add_item(m, RK_KC_CLUSTERS, to ? to : cluster,
		find_named(m->root, "clusters", "cluster", cluster));
	if (user)
		user_copy = add_item(m, RK_KC_USERS, to ? to : user, uv);
	if (rk_kc_admit(m->d, cluster_copy, user_copy, err) < 0)
		return rk_err_wrap(err, "nothing merged: context \"%s\"", name);
	return 0;
}

static int take_input(struct merge *m, struct rk_err *err)
{
	const struct rk_val *all = rk_get(m->root, "contexts", NULL);
	const char *current = rk_get_str(m->root, "current-context", NULL);

	current = current && *current ? current
		  : all->count == 1   ? rk_get_str(rk_at(all, 0), "name", NULL)
				      : NULL;
	if (m->o->name && !*m->o->name)
		return rk_err_set(err, RK_USAGE, "--name must not be empty");
	if (m->o->name && all->count > 1) {
		rk_err_set(err, RK_USAGE, "--name names one entry, and %s has %u contexts",
			m->source, all->count);
		return rk_err_hint(err,
			"take one out: %s kubeconfig export FILE --context OLD --name NEW",
			rk_usage_prefix());
	}
	rk_each (c, all)
		if (take_context(m, c, err) < 0)
			return -1;
	if (m->o->current && !current)
		return rk_err_set(err, RK_USAGE,
			"--set-current: %s has several contexts and no current one", m->source);
	if (m->o->current)
		m->current = m->o->name ? m->o->name : current;
	return 0;
}

/* The server of a cluster: map, fit to be shown. */
static const char *server_of(struct rk_doc *d, const struct rk_val *cluster)
{
	const char *s = rk_get_str(cluster, "server", NULL);
	rk_auto_buf text = RK_BUF_INIT_SECRET;

	if (!s)
		return "none";
	rk_mask(&text, s, strlen(s));
	return rk_doc_printf(d, "%s", text.s);
}

static int other_cluster(struct merge *m, const struct kcfg_item *it, const struct rk_val *old,
	const struct rk_val *new, const char *path, struct rk_err *err)
{
	const char *was = server_of(m->d, old), *now = server_of(m->d, new);

	if (m->o->force) {
		rk_note("%s: %s \"%s\" was %s, now %s", path, rk_kc_single[it->kind], it->name, was,
			now);
		return 0;
	}
	rk_err_set(err, RK_CONFLICT,
		"%s: there is a %s \"%s\" already, with another server (%s) and another CA", path,
		rk_kc_single[it->kind], it->name, was);
	return rk_err_hint(err, "--force replaces it, --name gives the new one another name");
}

/* A context that this merge writes, or that is for a cluster it writes. */
static bool is_ours(const struct merge *m, const struct rk_val *context)
{
	return find_item(m, RK_KC_CONTEXTS, rk_get_str(context, "name", NULL)) ||
	       find_item(m, RK_KC_CLUSTERS, rk_get_str(context, "context", "cluster", NULL));
}

/* A user shared with contexts of other clusters would be taken away from them. */
static int check_user(struct merge *m, const struct kcfg_item *it, struct rk_err *err)
{
	if (m->o->force)
		return 0;
	if (!m->contexts && kcfg_contexts(m->files, m->d, &m->contexts, err) < 0)
		return -1;
	rk_each (c, m->contexts) {
		if (!rk_streq(rk_get_str(c, "context", "user", NULL), it->name) || is_ours(m, c))
			continue;
		rk_err_set(err, RK_CONFLICT,
			"%s: user \"%s\" belongs to context \"%s\" of another cluster",
			rk_get_str(c, "file", NULL), it->name, rk_get_str(c, "name", NULL));
		return rk_err_hint(
			err, "--name gives the new entry another name, --force replaces the user");
	}
	return 0;
}

/* Another identity in place of the existing one would change who the context acts as, or lose the
 * only credentials of an administrator. */
static int check_identity(struct merge *m, const struct kcfg_item *it, const struct rk_val *old,
	const struct rk_val *new, const char *path, struct rk_err *err)
{
	rk_auto_free char *was = kcfg_identity_of(old, path), *now = kcfg_identity_of(new, NULL);

	if (!was || rk_streq(was, now))
		return 0;
	if (m->o->force) {
		rk_note("%s: user \"%s\" was %s, now %s", path, it->name, was,
			now ? now : "nobody");
		return 0;
	}
	rk_err_set(err, RK_CONFLICT, "%s: %s \"%s\" exists with another identity (%s, not %s)",
		path, rk_kc_single[it->kind], it->name, was, now ? now : "nobody");
	return rk_err_hint(
		err, "--name gives the new entry another name, --force replaces the old one");
}

/* What a person has set on the context is kept: its namespace, its extensions. */
static void keep_settings(struct merge *m, const struct kcfg_item *it, const struct rk_val *old)
{
	static const char *const keys[] = {"extensions", "namespace"};

	for (size_t i = 0; i < RK_COUNT(keys); i++) {
		const struct rk_val *v = rk_get(old, keys[i], NULL);

		if (v && !rk_get(it->value, keys[i], NULL))
			rk_set(m->d, rk_mut(it->value), keys[i], rk_copy(m->d, v));
	}
}

/* What exists under a name; or, with ours, what this merge puts there. NULL also when name is. */
static const struct rk_val *value_of(
	struct merge *m, enum rk_kc_kind kind, const char *name, bool ours, const char **path)
{
	const struct rk_val *v = name && ours ? find_item(m, kind, name) : NULL;

	if (!ours && name && kcfg_lookup(m->files, kind, name, m->d, &v, path, NULL) < 0)
		return NULL;
	return v;
}

/* A context may be led to another cluster or user by their names alone. Entries of one name are compared
 * for themselves. */
static int check_context(struct merge *m, const struct kcfg_item *it, const struct rk_val *old,
	const char *path, struct rk_err *err)
{
	const char *was = rk_get_str(old, "cluster", NULL), *user_path = NULL;
	const char *now = rk_get_str(it->value, "cluster", NULL);
	const struct rk_val *a = value_of(m, RK_KC_CLUSTERS, was, false, NULL);
	const struct rk_val *b = value_of(m, RK_KC_CLUSTERS, now, true, NULL);
	const struct rk_val *x, *y;

	if (a && b && !rk_streq(was, now) && !kcfg_same_cluster(a, b))
		return other_cluster(m, it, a, b, path, err);
	was = rk_get_str(old, "user", NULL);
	now = rk_get_str(it->value, "user", NULL);
	x = value_of(m, RK_KC_USERS, was, false, &user_path);
	y = value_of(m, RK_KC_USERS, now, true, NULL);
	if (x && !rk_streq(was, now))
		return check_identity(m, it, x, y, user_path, err);
	return 0;
}

static int compare(struct merge *m, struct rk_err *err)
{
	for (size_t i = 0; i < m->n; i++) {
		struct kcfg_item *it = &m->items[i];
		const struct rk_val *old;
		const char *path;

		if (kcfg_lookup(m->files, it->kind, it->name, m->d, &old, &path, err) < 0)
			return -1;
		if (!old || rk_val_equal(old, it->value))
			continue;
		if (it->kind == RK_KC_CLUSTERS && !kcfg_same_cluster(old, it->value) &&
			other_cluster(m, it, old, it->value, path, err) < 0)
			return -1;
		if (it->kind == RK_KC_USERS &&
			(check_user(m, it, err) < 0 ||
				check_identity(m, it, old, it->value, path, err) < 0))
			return -1;
		if (it->kind == RK_KC_CONTEXTS) {
			if (check_context(m, it, old, path, err) < 0)
				return -1;
			keep_settings(m, it, old);
		}
	}
	return 0;
}

/* --- what has changed, for people --- */

/* Whether the files have the value that this merge puts there, or it puts none. */
static bool is_same(struct merge *m, enum rk_kc_kind kind, const char *name)
{
	const struct rk_val *old = name ? value_of(m, kind, name, false, NULL) : NULL;
	const struct rk_val *new = name ? find_item(m, kind, name) : NULL;

	return !new || (old && rk_val_equal(old, new));
}

/* Before the change: created, configured or unchanged for each context. */
static void judge(struct merge *m)
{
	m->result = rk_seq(m->d);
	for (size_t i = 0; i < m->n; i++) {
		const struct kcfg_item *it = &m->items[i];
		struct rk_val *r = rk_map(m->d);
		bool same;

		if (it->kind != RK_KC_CONTEXTS)
			continue;
		same = is_same(m, RK_KC_CONTEXTS, it->name) &&
		       is_same(m, RK_KC_CLUSTERS, rk_get_str(it->value, "cluster", NULL)) &&
		       is_same(m, RK_KC_USERS, rk_get_str(it->value, "user", NULL));
		rk_set_str(m->d, r, "name", it->name);
		rk_set_str(m->d, r, "outcome",
			rk_outcome_word(!value_of(m, RK_KC_CONTEXTS, it->name, false, NULL)
						? RK_CREATED
					: same ? RK_UNCHANGED
					       : RK_CONFIGURED));
		rk_append(m->result, r);
	}
}

/* After it: file, server, and whether it is the current context. */
static void add_places(struct merge *m)
{
	rk_each (r, m->result) {
		const char *path = NULL, *name = rk_get_str(r, "name", NULL);
		const struct rk_val *v = value_of(m, RK_KC_CONTEXTS, name, false, &path);
		const char *cluster = rk_get_str(v, "cluster", NULL);

		rk_set_str(m->d, rk_mut(r), "file", path);
		rk_set_str(m->d, rk_mut(r), "server",
			rk_get_str(
				value_of(m, RK_KC_CLUSTERS, cluster, false, NULL), "server", NULL));
		rk_set_bool(m->d, rk_mut(r), "current", rk_streq(kcfg_current(m->files), name));
	}
}

static void print_result(const struct opts *o, const struct rk_val *result)
{
	const char *dry = o->dry ? " (dry run)" : "";

	if (o->out.fmt == RK_FMT_JSON || o->out.fmt == RK_FMT_YAML) {
		rk_print_val((enum rk_fmt)o->out.fmt, result);
		return;
	}
	rk_each (r, result) {
		const char *name = rk_get_str(r, "name", NULL);

		if (o->out.fmt == RK_FMT_NAME)
			rk_printf("context/%s\n", name);
		else
			rk_printf("context/%s %s%s\n", name, rk_get_str(r, "outcome", NULL), dry);
	}
}

/* --- diff --- */

/* Values that are never shown, wherever they are in an entry: long or secret ones. Of an exec plugin
 * that is what it gets by env; of an auth-provider all of its config, which has tokens in it. */
static bool is_secret(const struct rk_val *v)
{
	static const char *const keys[] = {"client-key-data", "token", "password",
		"client-certificate-data", "certificate-authority-data"};
	const struct rk_val *up = v->parent;

	for (size_t i = 0; i < RK_COUNT(keys); i++)
		if (rk_streq(v->key, keys[i]) && up && !up->parent)
			return true;
	if (rk_streq(v->key, "value") && up && up->parent && rk_streq(up->parent->key, "env"))
		return true;
	return up && rk_streq(up->key, "config") && up->parent &&
	       rk_streq(up->parent->key, "auth-provider");
}

static char *masked_text(
	struct rk_doc *d, const struct rk_val *v, const struct rk_val *other, const char *when)
{
	struct rk_buf b = RK_BUF_INIT;
	struct rk_val *copy = v ? rk_copy(d, v) : NULL;

	if (copy) {
		rk_mask_tree(d, copy, other, when, is_secret);
		rk_yaml_write(copy, true, &b);
	}
	return rk_buf_detach(&b);
}

static bool diff_one(struct merge *m, const struct kcfg_item *it)
{
	const char *path = NULL, *name;
	const struct rk_val *old = value_of(m, it->kind, it->name, false, &path);
	rk_auto_free char *was = NULL, *now = NULL;
	rk_auto_buf out = RK_BUF_INIT;

	if (old && rk_val_equal(old, it->value))
		return false;
	was = masked_text(m->d, old, it->value, " (before)");
	now = masked_text(m->d, it->value, old, " (after)");
	name = rk_doc_printf(
		m->d, "%s %s/%s", path ? path : "/dev/null", rk_kc_plural[it->kind], it->name);
	rk_diff(was, now, name, m->source, &out);
	rk_print_buf(&out);
	return true;
}

static int print_diff(struct merge *m)
{
	const char *was = kcfg_current(m->files);
	bool differs = false;

	for (size_t i = 0; i < m->n; i++)
		differs = diff_one(m, &m->items[i]) || differs;
	if (m->current && !rk_streq(was, m->current)) {
		rk_printf("-current-context: %s\n+current-context: %s\n", was ? was : "\"\"",
			m->current);
		differs = true;
	}
	return differs;
}

/* --- all of it --- */

static int change(struct merge *m, struct rk_err *err)
{
	struct kcfg_edit edit = {.items = m->items, .n = m->n, .current = m->current};
	rk_auto_free char *was = NULL;

	judge(m);
	was = kcfg_current(m->files) ? rk_strdup(kcfg_current(m->files)) : NULL;
	if (kcfg_change(m->files, &edit, err) < 0)
		return -1;
	add_places(m);
	if (!m->o->dry && kcfg_write(m->files, err) < 0)
		return -1;
	print_result(m->o, m->result);
	rk_each (r, m->o->dry ? NULL : m->result)
		rk_aside("context \"%s\" is in %s: kubectl --context %s get namespaces",
			rk_get_str(r, "name", NULL), rk_get_str(r, "file", NULL),
			rk_get_str(r, "name", NULL));
	if (m->current && !rk_streq(was, m->current) && !m->o->dry)
		rk_note("current-context is now \"%s\"%s%s%s", m->current, was ? " (was \"" : "",
			was ? was : "", was ? "\")" : "");
	return 0;
}

static int merge(struct merge *m, const char *path, struct rk_err *err)
{
	if (read_input(m, path, err) < 0 || check_input(m, err) < 0 || take_input(m, err) < 0 ||
		kcfg_open_locked(m->o, &m->files, err) < 0 || compare(m, err) < 0) {
		/* as diff(1): 1 means "they differ", so trouble is anything above */
		if (m->o->diff && err->code == RK_FAIL)
			err->code = RK_USAGE;
		return -1;
	}
	if (m->o->diff)
		return print_diff(m);
	return change(m, err);
}

int kcfg_run_merge(void *p, int argc, char **argv, struct rk_err *err)
{
	struct merge m = {.o = p, .d = rk_doc_new(true), .text = RK_BUF_INIT_SECRET};
	int rc = merge(&m, argc ? argv[0] : "-", err);

	merge_release(&m);
	return rc;
}
