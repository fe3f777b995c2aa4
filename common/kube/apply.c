// SPDX-License-Identifier: Apache-2.0
/* Server-side apply: the request, its outcome, and whose fields may be taken over.
 * Source: https://kubernetes.io/docs/reference/using-api/server-side-apply/ */
#include "internal.h"
#include "task/task.h"

#define KUBECTL_APPLY	"kubectl-client-side-apply"
#define LAST_APPLIED	"kubectl.kubernetes.io/last-applied-configuration"
#define HAND_OVER_TRIES 5
#define BROKEN_TRIES	3

struct job {
	struct rk_kube *k;
	const struct rk_apply_opts *o;
	const struct rk_res *r;
	const char *ns, *name, *manager;
	struct rk_buf what;
	struct rk_kube_about about;
	struct rk_val *body, *before, *after;
	const struct rk_val *owned; /* fieldsV1 of what was applied before, or NULL */
	struct rk_doc *d;
	struct rk_val *emptied; /* members that had to go first, once it was tried */
	int status;		/* HTTP status of the PATCH */
};

/* --- the body --- */

/* Values go to data: ownership of stringData sticks, a key left out later would stay in data for good. */
static int fold_string_data(
	struct rk_doc *d, const struct rk_val *obj, struct rk_val *body, struct rk_err *err)
{
	const struct rk_val *sd = NULL;

	if (rk_want_map(obj, &sd, err, "stringData", NULL) < 0)
		return -1;
	rk_each (it, sd) {
		rk_auto_free char *key = rk_strndup(it->key, it->klen);
		const char *s;

		if (rk_want_str(it, &s, err, NULL) < 0) /* null is not a value, either */
			return -1;
		if (s)
			rk_set(d, rk_map_at(d, body, "data", NULL), key,
				rk_val_base64(d, it->s, it->len));
	}
	rk_remove_at(body, "stringData", NULL);
	return 0;
}

static int prepare(struct job *j, const struct rk_val *obj, struct rk_err *err)
{
	/* what a read object carries and an applied one must not */
	static const char *const meta[] = {
		"managedFields", "uid", "creationTimestamp", "generation", "selfLink"};
	const char *av, *kind;

	if (rk_need_str(obj, &av, err, "apiVersion", NULL) < 0 ||
		rk_need_str(obj, &kind, err, "kind", NULL) < 0 ||
		rk_need_str(obj, &j->name, err, "metadata", "name", NULL) < 0 ||
		rk_want_str(obj, &j->ns, err, "metadata", "namespace", NULL) < 0)
		return -1;
	if (rk_kube_res(j->k, av, kind, &j->r, err) < 0)
		return rk_err_wrap(err, "%s %s", kind, j->name);
	j->ns = rk_kube_ns_for(j->k, j->r, j->ns);
	rk_kube_about(&j->about, j->k, j->r, j->ns, j->name, &j->what);
	j->body = rk_copy(j->d, obj);
	for (size_t i = 0; i < RK_COUNT(meta); i++)
		rk_remove_at(j->body, "metadata", meta[i], NULL);
	rk_remove_at(j->body, "status", NULL);
	if (j->ns)
		rk_set_str(j->d, rk_map_at(j->d, j->body, "metadata", NULL), "namespace", j->ns);
	if (j->about.secret && fold_string_data(j->d, obj, j->body, err) < 0)
		return rk_err_wrap(err, "secret %s", j->name);
	return 0;
}

/* --- the answer --- */

/* What must not change once it exists, such as a generated password. */
static bool create_only(const struct job *j)
{
	return rk_streq(rk_get_str(j->body, "metadata", "annotations", "rk3k.io/create-only", NULL),
		"true");
}

/* A write that changed nothing but what every write touches, or who owns which field, is not a change. */
static enum rk_outcome outcome_of(const struct job *j)
{
	struct rk_val *v[2];

	if (!j->before || j->status == 201)
		return RK_CREATED;
	if (create_only(j))
		return RK_UNCHANGED;
	if (j->k->dry == RK_DRY_CLIENT)
		return rk_holds(j->before, j->body) ? RK_UNCHANGED : RK_CONFIGURED;
	for (size_t i = 0; i < RK_COUNT(v); i++) {
		v[i] = rk_copy(j->d, i ? j->after : j->before);
		rk_remove_at(v[i], "metadata", "managedFields", NULL);
		rk_remove_at(v[i], "metadata", "resourceVersion", NULL);
		rk_remove_at(v[i], "metadata", "generation", NULL);
	}
	return rk_val_equal(v[0], v[1]) ? RK_UNCHANGED : RK_CONFIGURED;
}

/* --- conflicts --- */

/* A conflict over fields: 1 take them over, 0 no conflict of that kind, -1 refused. */
static int judge(struct job *j, const struct rk_http_res *res, struct rk_err *err)
{
	rk_auto_doc *d = rk_doc_new(false);
	rk_auto_buf fields = RK_BUF_INIT;
	const char *by = rk_get_str(j->before, "metadata", "labels", RK_LABEL_MANAGED, NULL), *m;
	bool kubectl = true; /* all of them were set with it: apply in both its forms, edit, … */
	struct rk_val *st = NULL;
	int n;

	if (rk_json_parse(d, res->body.s, res->body.len, &st, NULL) < 0 ||
		!rk_status_fields(st, &fields))
		return 0;
	rk_each (c, rk_get(st, "details", "causes", NULL))
		if (!rk_cause_manager(c, &m, &n) || n < 7 || strncmp(m, "kubectl", 7) ||
			(n > 7 && m[7] != '-'))
			kubectl = false;
	if (j->o->force || rk_streq(by, RK_LABEL_MANAGER) || (j->o->adopt && kubectl)) {
		if (j->o->taken)
			rk_buf_addf(j->o->taken, "%s\n", fields.s);
		return 1;
	}
	rk_kube_status(&j->about, res, err);
	if (kubectl)
		rk_err_hint(err,
			"they were set with kubectl: take them over with --adopt, or leave "
			"them out");
	return -1;
}

/* --- sending --- */

/* Waits after a broken connection, a few times: both writes are idempotent. */
static bool is_passing(struct rk_err *err, int tries)
{
	if (err->reason != RK_REASON_BROKEN || tries == BROKEN_TRIES)
		return false;
	rk_task_pause(1000);
	rk_err_clear(err);
	return true;
}

static int send(struct job *j, bool force, struct rk_http_res *res, struct rk_err *err)
{
	rk_auto_buf body = RK_BUF_INIT_SECRET, path = RK_BUF_INIT;
	struct rk_http_req req = {
		.method = "PATCH", .retry = true, .content_type = "application/apply-patch+yaml"};

	rk_res_path(j->r, j->ns, j->name, &path);
	rk_query_add(&path, "fieldManager", j->manager);
	if (force)
		rk_query_add(&path, "force", "true");
	rk_kube_add_dry(j->k, &path);
	rk_json_write(j->body, RK_JSON_COMPACT, &body);
	req.path = path.s;
	req.body = body.s;
	req.body_len = body.len;
	for (int i = 0; rk_kube_send(j->k, &req, &j->about, res, err) < 0; i++) {
		if (!is_passing(err, i))
			return -1;
		rk_http_res_release(res);
		*res = (struct rk_http_res)RK_HTTP_RES_INIT;
	}
	return 0;
}

enum fate { KEPT, DROPPED, NULLED };

/* Keep, remove or null the members at their paths in at; body has the maps they were in. */
static void settle(struct rk_doc *d, struct rk_val *at, const struct rk_val *members,
	const struct rk_val *body, enum fate fate)
{
	rk_each (m, members) {
		const struct rk_val *map = rk_member(body, m->key, m->klen);

		if (map)
			settle(d, rk_map_at(d, at, m->key, NULL), m, map, fate);
		else if (fate == DROPPED)
			rk_remove_at(at, m->key, NULL);
		else
			rk_set(d, at, m->key, fate == NULLED ? rk_null(d) : rk_copy(d, m));
	}
}

static int write_object(struct job *j, bool force, struct rk_err *err)
{
	rk_auto_http_res res = RK_HTTP_RES_INIT;
	struct rk_val *body = j->body, *patch;
	int r;

	if (send(j, force, &res, err) < 0)
		return -1;
	if (res.status == 409 && !force) {
		r = judge(j, &res, err);
		if (r < 0)
			return -1;
		if (r > 0)
			return write_object(j, true, err);
	}
	if (res.status < 300) {
		j->status = res.status;
		return rk_kube_parse(j->d, &j->about, &res, &j->after, err);
	}
	if (res.status != 422 || !j->owned || j->emptied)
		return rk_kube_status(&j->about, &res, err);
	j->emptied = rk_emptied(j->d, j->owned, body, j->before);
	if (!j->emptied->count)
		return rk_kube_status(&j->about, &res, err);

	/* An apply that takes the last member out of a map leaves null there, which a custom
	 * resource's schema refuses: the members go first, by a patch. A dry run cannot do that, and
	 * keeps them. */
	if (j->k->dry == RK_DRY_NONE) {
		patch = rk_map(j->d);
		settle(j->d, patch, j->emptied, body, NULLED);
		if (rk_kube_patch(j->k, j->r, j->ns, j->name, patch, j->d, NULL, err) < 0)
			return -1;
		return write_object(j, force, err);
	}
	j->body = rk_copy(j->d, body);
	settle(j->d, j->body, j->emptied, body, KEPT);
	r = write_object(j, force, err);
	j->body = body;
	if (r == 0)
		settle(j->d, j->after, j->emptied, body, DROPPED);
	return r;
}

/* --- what `kubectl apply` made --- */

/* The fields that kubectl apply has set become ours, so that the apply drops those it does not have;
 * otherwise a value of an older script, such as a password in clear, would stay. 1: done, 0: there are
 * none. Repeated, since a controller may write in between. */
static int hand_over(struct job *j, struct rk_err *err)
{
	for (int i = 0;; i++) {
		struct rk_val *p = rk_map(j->d), *meta = rk_map_at(j->d, p, "metadata", NULL);
		struct rk_val *entries = rk_seq(j->d);

		if (!j->before || !rk_managed_entry(j->before, KUBECTL_APPLY, "Update", NULL) ||
			rk_managed_entry(j->before, j->manager, "Apply", NULL))
			return 0;
		rk_each (m, rk_get(j->before, "metadata", "managedFields", NULL)) {
			struct rk_val *copy = rk_copy(j->d, m);

			if (rk_is_entry(m, KUBECTL_APPLY, "Update")) {
				rk_set_str(j->d, copy, "manager", j->manager);
				rk_set_str(j->d, copy, "operation", "Apply");
			}
			rk_append(entries, copy);
		}
		rk_set_str(j->d, meta, "resourceVersion",
			rk_get_str(j->before, "metadata", "resourceVersion", NULL));
		rk_set(j->d, meta, "managedFields", entries);
		if (rk_kube_patch(j->k, j->r, j->ns, j->name, p, j->d, NULL, err) == 0)
			return 1;
		if (err->http != 409 || i == HAND_OVER_TRIES)
			return -1;
		rk_err_clear(err);
		if (rk_kube_find(j->k, j->r, j->ns, j->name, j->d, &j->before, err) < 0)
			return -1;
	}
}

/* Paths of what existed before only. */
static void add_removed(
	const struct rk_val *before, const struct rk_val *after, const char *at, struct rk_buf *out)
{
	rk_each (m, before) {
		const struct rk_val *a = rk_member(after, m->key, m->klen);
		rk_auto_free char *path = rk_asprintf("%s.%.*s", at, (int)m->klen, m->key);

		if (rk_streq(m->key, "managedFields") || rk_streq(m->key, LAST_APPLIED))
			continue;
		if (m->kind == RK_MAP)
			add_removed(m, a, path, out);
		else if (!a)
			rk_buf_addf(out, "%s%s", out->len ? ", " : "", path);
	}
}

static int write_adopted(struct job *j, struct rk_err *err)
{
	int r = hand_over(j, err);

	if (r > 0)
		j->owned = rk_get(rk_managed_entry(j->before, KUBECTL_APPLY, "Update", NULL),
			"fieldsV1", NULL);
	if (r < 0 || write_object(j, false, err) < 0)
		return -1;
	if (r > 0 && j->o->taken && !j->o->taken->len)
		rk_buf_puts(j->o->taken, "all of it (manager " KUBECTL_APPLY ")\n");
	if (r > 0 && j->o->gone)
		add_removed(j->before, j->after, "", j->o->gone);
	return 0;
}

/* An apply would change what another has created since the read: a POST cannot. */
static int create_once(struct job *j, struct rk_err *err)
{
	for (int i = 0; rk_kube_create(j->k, j->body, j->d, &j->after, err) < 0; i++) {
		if (err->reason == RK_REASON_EXISTS) {
			rk_err_clear(err);
			if (rk_kube_get(j->k, j->r, j->ns, j->name, j->d, &j->before, err) < 0)
				return -1;
			j->after = j->before;
			return 0;
		}
		if (!is_passing(err, i))
			return -1;
	}
	return 0;
}

static int apply(struct job *j, const struct rk_val *obj, struct rk_err *err)
{
	if (prepare(j, obj, err) < 0)
		return -1;
	if (j->o->known)
		j->before = rk_mut(j->o->current);
	else if (rk_kube_find(j->k, j->r, j->ns, j->name, j->d, &j->before, err) < 0)
		return -1;
	if (j->o->before)
		*j->o->before = j->before;
	if (!j->before && j->o->before_create && j->o->before_create(j->k, err) < 0)
		return -1;
	j->owned = rk_get(rk_managed_entry(j->before, j->manager, "Apply", j->about.api_version),
		"fieldsV1", NULL);
	if (j->before && create_only(j)) {
		j->after = j->before;
		return 0;
	}
	if (j->k->dry == RK_DRY_CLIENT) {
		j->after = j->body;
		return 0;
	}
	if (create_only(j))
		return create_once(j, err);
	/* the object is what would be sent, and owned by us alike: nothing to write */
	if (j->before && rk_holds(j->before, j->body) && j->owned &&
		rk_owns(j->d, j->owned, j->body)) {
		j->after = j->before;
		return 0;
	}
	return j->o->adopt && j->k->dry == RK_DRY_NONE ? write_adopted(j, err)
						       : write_object(j, false, err);
}

int rk_kube_apply(struct rk_kube *k, const struct rk_val *obj, const struct rk_apply_opts *o,
	struct rk_doc *d, struct rk_val **result, enum rk_outcome *outcome, struct rk_err *err)
{
	static const struct rk_apply_opts usual;
	struct rk_err own = RK_ERR_INIT;
	struct job j = {.manager = o && o->manager ? o->manager : RK_FIELD_MANAGER,
		.k = k,
		.o = o ? o : &usual,
		.d = d,
		.what = RK_BUF_INIT};
	int r = apply(&j, obj, err ? err : &own);

	if (r == 0 && result)
		*result = j.after;
	if (r == 0 && outcome)
		*outcome = outcome_of(&j);
	rk_buf_release(&j.what);
	return r;
}
