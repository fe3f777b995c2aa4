// SPDX-License-Identifier: Apache-2.0
/* merge - the entries of a kubeconfig on stdin go into the files that kubectl reads. */
#include "tool.h"

#include "out/out.h"
#include "os/os.h"

struct merge {
	const struct opts *o;
	struct rk_doc *d;
	const char *source;
	struct kcfg_edit edit;
	struct kcfg_files *files;
	struct rk_val *contexts; /* of the files, once asked for */
};

static const char instead[] =
	"--name gives the new entry another name, --force replaces the old one";

/* --- the input --- */

/* k3k calls all three `default`, and so would the next cluster's. */
static int check_name(const struct merge *m, const char *name, struct rk_err *err)
{
	if (m->o->name || !rk_streq(name, "default"))
		return 0;
	rk_err_set(err, RK_USAGE, "%s uses the name \"default\", which does not identify a cluster",
		m->source);
	return rk_err_hint(err, "give the entry a name: --name NAME");
}

/* Everything must hold together before any of it is written: each context with its cluster and
 * user, certificates with their keys. What was cut off in a pipe does not. */
static int take_context(
	struct merge *m, const struct rk_kubeconfig *kc, const struct rk_val *c, struct rk_err *err)
{
	const char *name = rk_get_str(c, "name", NULL), *to = m->o->name;
	const char *cluster = rk_get_str(c, "context", "cluster", NULL);
	const char *user = rk_get_str(c, "context", "user", NULL);
	const struct rk_val *from_user = rk_kubeconfig_entry(kc, RK_KC_USERS, user);
	struct rk_kube_flags f = {.context = name};
	struct rk_val *context, *cluster_map, *user_map = NULL;
	struct rk_target t;
	int rc;

	if (user && !cluster)
		return rk_err_set(err, RK_FAIL, "context \"%s\" does not name a cluster", name);
	if (rk_kubeconfig_resolve(kc, &f, &t, err) < 0)
		return -1;
	rc = rk_target_check(&t, err);
	rk_target_release(&t);
	if (rc < 0)
		return -1;
	if (user && !from_user)
		return rk_err_set(err, RK_FAIL,
			"%s: user \"%s\" of context \"%s\" was not found: "
			"is the input cut off?",
			m->source, user, name);
	if (check_name(m, name, err) < 0 || check_name(m, cluster, err) < 0 ||
		check_name(m, user, err) < 0)
		return -1;

	context = kcfg_want(
		&m->edit, RK_KC_CONTEXTS, to ? to : name, m->d, rk_get(c, "context", NULL));
	if (context && to) {
		rk_set_str(m->d, context, "cluster", to);
		if (user)
			rk_set_str(m->d, context, "user", to);
	}
	cluster_map = kcfg_want(&m->edit, RK_KC_CLUSTERS, to ? to : cluster, m->d,
		rk_kubeconfig_entry(kc, RK_KC_CLUSTERS, cluster));
	if (user)
		user_map = kcfg_want(&m->edit, RK_KC_USERS, to ? to : user, m->d, from_user);
	if (rk_kc_admit(m->d, cluster_map, user_map, err) < 0)
		return rk_err_wrap(err, "context \"%s\"", name);
	return 0;
}

static int take_contexts(struct merge *m, const struct rk_kubeconfig *kc, const struct rk_val *root,
	struct rk_err *err)
{
	const struct rk_val *all = rk_get(root, "contexts", NULL);
	const char *current = rk_get_str(root, "current-context", NULL);

	if (!rk_at(all, 0))
		return rk_err_set(err, RK_FAIL, "%s has no context in it", m->source);
	if (m->o->name && !*m->o->name)
		return rk_err_set(err, RK_USAGE, "--name must not be empty");
	if (m->o->name && all->count > 1) {
		rk_err_set(err, RK_USAGE, "--name names one entry, and %s has %u contexts",
			m->source, all->count);
		return rk_err_hint(err,
			"take one out: %s kubeconfig export FILE --context OLD --name NEW",
			rk_usage_prefix());
	}
	if ((!current || !*current) && all->count == 1)
		current = rk_get_str(all->child, "name", NULL);
	if (m->o->current && (!current || !*current))
		return rk_err_set(err, RK_USAGE,
			"--set-current: %s has several contexts and no current one", m->source);
	if (m->o->current)
		m->edit.current = m->o->name ? m->o->name : current;
	rk_each (c, all)
		if (take_context(m, kc, c, err) < 0)
			return -1;
	return 0;
}

static int take_input(struct merge *m, const char *path, struct rk_err *err)
{
	rk_auto_buf text = RK_BUF_INIT_SECRET;
	struct rk_kubeconfig *kc = NULL;
	const struct rk_val *root = NULL;
	int rc;

	m->source = rk_streq(path, "-") ? "stdin" : path;
	if (rk_streq(path, "-") && isatty(STDIN_FILENO)) {
		rk_err_set(err, RK_USAGE, "a kubeconfig is expected on stdin");
		return rk_err_hint(err, "%s kubeconfig get CLUSTER | %s kubeconfig merge",
			rk_usage_prefix(), rk_usage_prefix());
	}
	if (rk_file_read(path, INPUT_MAX, &text, err) < 0)
		return -1;
	if (!text.s[strspn(text.s, " \t\r\n")]) {
		rk_err_set(err, RK_FAIL, "%s is empty: there is nothing to merge", m->source);
		return rk_err_hint(err, "check the command before the pipe");
	}
	if (rk_kubeconfig_parse(&kc, text.s, text.len, m->source, err) < 0)
		return -1;
	rc = rk_kubeconfig_read(m->d, text.s, text.len, m->source, &root, err);
	if (rc == 0)
		rc = take_contexts(m, kc, root, err);
	rk_kubeconfig_free(kc);
	return rc < 0 ? rk_err_wrap(err, "nothing merged") : 0;
}

/* --- may it replace what exists? --- */

/* What exists under a name, which may be NULL; NULL: nothing. */
static const struct rk_val *existing(
	const struct merge *m, enum rk_kc_kind kind, const char *name, const char **path)
{
	const struct rk_val *v = NULL;

	if (name && kcfg_lookup(m->files, kind, name, m->d, &v, path, NULL) < 0)
		return NULL;
	return v;
}

/* What this merge puts there. */
static const struct rk_val *ours(const struct merge *m, enum rk_kc_kind kind, const char *name)
{
	const struct kcfg_item *it = kcfg_wanted(&m->edit, kind, name);

	return it ? it->value : NULL;
}

/* Another cluster in place of the existing one. A virtual cluster that was created again is the same. */
static int check_cluster(const struct merge *m, const struct kcfg_item *it,
	const struct rk_val *old, const struct rk_val *new, const char *path, struct rk_err *err)
{
	const char *was = rk_get_str(old, "server", NULL), *now = rk_get_str(new, "server", NULL);
	rk_auto_buf a = RK_BUF_INIT_SECRET, b = RK_BUF_INIT_SECRET;

	if (!old || !new || kcfg_same_cluster(old, new))
		return 0;
	was = was ? was : "none";
	now = now ? now : "none";
	rk_mask(&a, was, strlen(was));
	rk_mask(&b, now, strlen(now));
	if (m->o->force) {
		rk_note("%s: %s \"%s\" was %s, now %s", path, rk_kc_single[it->kind], it->name, a.s,
			b.s);
		return 0;
	}
	rk_err_set(err, RK_CONFLICT,
		"%s: there is a %s \"%s\" already, with another server (%s) and another CA", path,
		rk_kc_single[it->kind], it->name, a.s);
	return rk_err_hint(err, instead);
}

/* Another identity in place of the existing one would change who the context acts as, or lose the
 * only credentials of an administrator. */
static int check_identity(const struct merge *m, const struct kcfg_item *it,
	const struct rk_val *old, const struct rk_val *new, const char *path, struct rk_err *err)
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
	return rk_err_hint(err, instead);
}

/* A user shared with contexts of other clusters than those merged would be taken away from them. */
static int check_user(struct merge *m, const struct kcfg_item *it, struct rk_err *err)
{
	if (m->o->force)
		return 0;
	if (!m->contexts && kcfg_contexts(m->files, m->d, &m->contexts, err) < 0)
		return -1;
	rk_each (c, m->contexts) {
		const char *name = rk_get_str(c, "name", NULL);

		if (!rk_streq(rk_get_str(c, "context", "user", NULL), it->name) ||
			ours(m, RK_KC_CONTEXTS, name) ||
			ours(m, RK_KC_CLUSTERS, rk_get_str(c, "context", "cluster", NULL)))
			continue;
		rk_err_set(err, RK_CONFLICT,
			"%s: user \"%s\" belongs to context \"%s\" of another cluster",
			rk_get_str(c, "file", NULL), it->name, name);
		return rk_err_hint(err, instead);
	}
	return 0;
}

/* A context of that name may name other entries than the new one. What a person has set on it is kept: its
 * namespace, its extensions. */
static int check_context(struct merge *m, const struct kcfg_item *it, const struct rk_val *old,
	const char *path, struct rk_err *err)
{
	static const char *const kept[] = {"extensions", "namespace"};
	const char *was = rk_get_str(old, "cluster", NULL), *user_path = NULL;
	const char *now = rk_get_str(it->value, "cluster", NULL);
	const struct rk_val *user;

	if (!rk_streq(was, now) && check_cluster(m, it, existing(m, RK_KC_CLUSTERS, was, NULL),
					   ours(m, RK_KC_CLUSTERS, now), path, err) < 0)
		return -1;
	was = rk_get_str(old, "user", NULL);
	now = rk_get_str(it->value, "user", NULL);
	user = existing(m, RK_KC_USERS, was, &user_path);
	if (user && !rk_streq(was, now) &&
		check_identity(m, it, user, ours(m, RK_KC_USERS, now), user_path, err) < 0)
		return -1;
	for (size_t i = 0; i < RK_COUNT(kept); i++) {
		const struct rk_val *v = rk_get(old, kept[i], NULL);

		if (v && !rk_get(it->value, kept[i], NULL))
			rk_set(m->d, rk_mut(it->value), kept[i], rk_copy(m->d, v));
	}
	return 0;
}

static int compare(struct merge *m, struct rk_err *err)
{
	for (size_t i = 0; i < m->edit.n; i++) {
		struct kcfg_item *it = &m->edit.items[i];
		const struct rk_val *old;
		const char *path;
		int rc;

		if (kcfg_lookup(m->files, it->kind, it->name, m->d, &old, &path, err) < 0)
			return -1;
		if (!old || rk_val_equal(old, it->value))
			continue;
		if (it->kind == RK_KC_CLUSTERS)
			rc = check_cluster(m, it, old, it->value, path, err);
		else if (it->kind == RK_KC_CONTEXTS)
			rc = check_context(m, it, old, path, err);
		else if ((rc = check_user(m, it, err)) == 0)
			rc = check_identity(m, it, old, it->value, path, err);
		if (rc < 0)
			return -1;
	}
	return 0;
}

/* --- what changes, for people --- */

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

static void masked_text(struct rk_doc *d, const struct rk_val *v, const struct rk_val *other,
	const char *when, struct rk_buf *out)
{
	struct rk_val *copy = v ? rk_copy(d, v) : NULL;

	if (!copy)
		return;
	rk_mask_tree(d, copy, other, when, is_secret);
	rk_yaml_write(copy, true, out);
}

static bool print_diff(const struct merge *m)
{
	const char *was = kcfg_current(m->files), *now = m->edit.current;
	bool differs = now && !rk_streq(was, now);

	for (size_t i = 0; i < m->edit.n; i++) {
		const struct kcfg_item *it = &m->edit.items[i];
		rk_auto_buf a = RK_BUF_INIT, b = RK_BUF_INIT, out = RK_BUF_INIT;
		const char *path = NULL;
		const struct rk_val *old = existing(m, it->kind, it->name, &path);

		if (old && rk_val_equal(old, it->value))
			continue;
		masked_text(m->d, old, it->value, " (before)", &a);
		masked_text(m->d, it->value, old, " (after)", &b);
		rk_diff(a.s, b.s,
			rk_doc_printf(m->d, "%s %s/%s", old ? path : "/dev/null",
				rk_kc_plural[it->kind], it->name),
			m->source, &out);
		rk_print_buf(&out);
		differs = true;
	}
	if (now && !rk_streq(was, now))
		rk_printf("-current-context: %s\n+current-context: %s\n", was ? was : "\"\"", now);
	return differs;
}

/* Whether the files have the value that this merge puts there, or it puts none. */
static bool is_same(const struct merge *m, enum rk_kc_kind kind, const char *name)
{
	const struct rk_val *old = existing(m, kind, name, NULL), *new = ours(m, kind, name);

	return !new || (old && rk_val_equal(old, new));
}

/* Before the change: SEQ of {name, outcome, file, server, current}, for each context. */
static struct rk_val *results(const struct merge *m)
{
	struct rk_val *all = rk_seq(m->d);

	for (size_t i = 0; i < m->edit.n; i++) {
		const struct kcfg_item *it = &m->edit.items[i];
		const char *cluster = rk_get_str(it->value, "cluster", NULL), *path = NULL;
		const char *current = m->edit.current ? m->edit.current : kcfg_current(m->files);
		enum rk_outcome outcome = RK_CONFIGURED;
		struct rk_val *r = rk_map(m->d);

		if (it->kind != RK_KC_CONTEXTS)
			continue;
		if (!existing(m, it->kind, it->name, &path))
			outcome = RK_CREATED;
		else if (is_same(m, it->kind, it->name) && is_same(m, RK_KC_CLUSTERS, cluster) &&
			 is_same(m, RK_KC_USERS, rk_get_str(it->value, "user", NULL)))
			outcome = RK_UNCHANGED;
		rk_set_str(m->d, r, "name", it->name);
		rk_set_str(m->d, r, "outcome", rk_outcome_word(outcome));
		rk_set_str(m->d, r, "file", path);
		rk_set_str(m->d, r, "server",
			rk_get_str(ours(m, RK_KC_CLUSTERS, cluster), "server", NULL));
		rk_set_bool(m->d, r, "current", rk_streq(current, it->name));
		rk_append(all, r);
	}
	return all;
}

/* --- all of it --- */

static int change(struct merge *m, struct rk_err *err)
{
	const struct rk_val *result = results(m);
	const char *was = kcfg_current(m->files), *now = m->edit.current;

	was = was ? rk_doc_printf(m->d, "%s", was) : NULL;
	if (kcfg_change(m->files, &m->edit, err) < 0 ||
		(!m->o->dry && kcfg_write(m->files, err) < 0))
		return -1;
	kcfg_print(m->o, result);
	rk_each (r, m->o->dry ? NULL : result)
		rk_aside("context \"%s\" is in %s: kubectl --context %s get namespaces",
			rk_get_str(r, "name", NULL), rk_get_str(r, "file", NULL),
			rk_get_str(r, "name", NULL));
	if (now && !rk_streq(was, now) && !m->o->dry)
		rk_note("current-context is now \"%s\"%s%s%s", now, was ? " (was \"" : "",
			was ? was : "", was ? "\")" : "");
	return 0;
}

int kcfg_run_merge(void *p, int argc, char **argv, struct rk_err *err)
{
	rk_auto_doc *d = rk_doc_new(true);
	struct merge m = {.o = p, .d = d};
	int rc = take_input(&m, argc ? argv[0] : "-", err);

	if (rc == 0)
		rc = kcfg_open_locked(m.o, &m.files, err);
	if (rc == 0)
		rc = compare(&m, err);
	if (rc < 0 && m.o->diff && err->code == RK_FAIL)
		err->code = RK_USAGE; /* as diff(1): 1 means "they differ", so trouble is above */
	if (rc == 0)
		rc = m.o->diff ? print_diff(&m) : change(&m, err);
	free(m.edit.items);
	kcfg_close(m.files);
	return rc;
}
