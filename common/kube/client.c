// SPDX-License-Identifier: Apache-2.0
/* One cluster seen by one identity: opening, credentials, and requests for single objects. */
#include "internal.h"
#include "task/task.h"

#include "os/os.h"
#include "out/out.h"

#include <strings.h>

#define TOKEN_MS	 60000 /* how long a token file's content is taken for current */
#define EXEC_EARLY	 10    /* seconds before its end at which a credential is renewed */
#define REFUSED_MS	 20000 /* how long a server that answered before may refuse connections */
#define REFUSED_PAUSE_MS 500
#define WARNINGS_MAX	 64 /* different ones */
#define RENEWING_MS	 50 /* how often a task looks whether another has new credentials */

/* --- dry runs --- */

static enum rk_dry dry_mode;

void rk_kube_set_dry(enum rk_dry dry)
{
	dry_mode = dry;
}

const char *rk_dry_word(int dry)
{
	static const char *const words[] = {"", " (dry run)", " (server dry run)"};

	return words[dry];
}

/* Reviews are questions that are asked by POST; the server keeps nothing of them. */
static bool is_review(const char *path)
{
	return rk_prefix(path, "/apis/authorization.k8s.io/") ||
	       rk_prefix(path, "/apis/authentication.k8s.io/");
}

/* The last check before a request leaves: what a caller forgot to mark is not sent. */
static bool may_send(const void *arg, const struct rk_http_req *req)
{
	const struct rk_kube *k = arg;
	const char *method = req->method ? req->method : req->body ? "POST" : "GET";

	if (k->dry == RK_DRY_NONE || rk_streq(method, "GET") || rk_streq(method, "HEAD") ||
		(rk_streq(method, "POST") && is_review(req->path)))
		return true;
	if (k->dry == RK_DRY_CLIENT)
		return false;
	if (rk_streq(method, "DELETE") && req->body_len) {
		/* DeleteOptions in the body make the server ignore the query */
		rk_auto_doc *d = rk_doc_new(false);
		struct rk_val *v = NULL;

		return rk_json_parse(d, req->body, req->body_len, &v, NULL) == 0 &&
		       rk_streq(rk_str(rk_at(rk_get(v, "dryRun", NULL), 0)), "All");
	}
	for (const char *p = strchr(req->path, '?'); p; p = strchr(p + 1, '&'))
		if (rk_prefix(p + 1, "dryRun=All") && (!p[11] || p[11] == '&'))
			return true;
	return false;
}

void rk_kube_add_dry(const struct rk_kube *k, struct rk_buf *path)
{
	if (k->dry == RK_DRY_SERVER)
		rk_query_add(path, "dryRun", "All");
}

/* --- opening --- */

static int open_config(struct rk_kube **out, struct rk_kubeconfig *kc,
	const struct rk_kube_flags *flags, struct rk_err *err)
{
	static const struct rk_kube_flags none;
	rk_auto_kube *k = rk_calloc(1, sizeof(*k));
	struct rk_target *t = &k->target;
	int r = rk_kubeconfig_resolve(kc, flags ? flags : &none, t, err);

	rk_kubeconfig_free(kc);
	if (r < 0) {
		free(rk_steal(&k)); /* alone: its target was not filled */
		return -1;
	}
	if (!rk_http_trace && rk_verbosity() > 0)
		rk_http_trace = rk_debug_line;
	/* as client-go: what a name in a request path may not be */
	if (t->ns && (!strcmp(t->ns, ".") || !strcmp(t->ns, "..") || strpbrk(t->ns, "/%")))
		return rk_err_set(err, RK_USAGE, "invalid namespace \"%.100s\"", t->ns);
	k->ns = rk_strdup(t->ns && *t->ns ? t->ns : "default");
	k->token_read_ms = rk_now_ms();
	k->dry = dry_mode;
	t->conf.may_send = may_send;
	t->conf.may_send_arg = k;
	if (t->exec && rk_target_exec(t, &k->creds_until, err) < 0)
		return -1;
	if (t->auth_provider && rk_target_provider(t, err) < 0)
		return -1;
	if (t->exec) {
		t->conf.bearer = t->token;
		t->conf.cert = t->cert.len ? t->cert.s : NULL;
		t->conf.cert_len = t->cert.len;
		t->conf.key = t->key.len ? t->key.s : NULL;
		t->conf.key_len = t->key.len;
	}
	if (rk_http_new(&k->http, &t->conf, err) < 0)
		return -1;
	*out = rk_steal(&k);
	return 0;
}

int rk_kube_open(struct rk_kube **out, const struct rk_kube_flags *flags, struct rk_err *err)
{
	struct rk_kubeconfig *kc = NULL;

	*out = NULL;
	return rk_kubeconfig_load(&kc, flags->kubeconfig, err) < 0
		       ? -1
		       : open_config(out, kc, flags, err);
}

int rk_kube_open_text(struct rk_kube **out, const char *kubeconfig, size_t n, const char *name,
	const struct rk_kube_flags *flags, struct rk_err *err)
{
	struct rk_kubeconfig *kc = NULL;

	*out = NULL;
	return rk_kubeconfig_parse(&kc, kubeconfig, n, name, err) < 0
		       ? -1
		       : open_config(out, kc, flags, err);
}

void rk_kube_free(struct rk_kube *k)
{
	if (!k)
		return;
	rk_http_free(k->http);
	rk_target_release(&k->target);
	rk_doc_free(k->disco);
	free(k->ns);
	free(k);
}

const char *rk_kube_server(const struct rk_kube *k)
{
	return k->target.server;
}

const char *rk_kube_context(const struct rk_kube *k)
{
	return k->target.context ? k->target.context : "";
}

const char *rk_kube_namespace(const struct rk_kube *k)
{
	return k->ns;
}

void rk_kube_set_namespace(struct rk_kube *k, const char *ns)
{
	free(k->ns);
	k->ns = rk_strdup(ns);
}

const struct rk_target *rk_kube_target(const struct rk_kube *k)
{
	return &k->target;
}

struct rk_http *rk_kube_http(struct rk_kube *k)
{
	return k->http;
}

const char *rk_kube_ns_for(const struct rk_kube *k, const struct rk_res *r, const char *ns)
{
	if (!r->namespaced)
		return NULL;
	return ns && *ns ? ns : k->ns;
}

/* --- credentials --- */

/* Of tasks that require new credentials at once, one runs the plugin. 1: done. */
static int run_plugin(struct rk_kube *k, struct rk_err *err)
{
	struct rk_target *t = &k->target;
	bool waits = k->renewing;
	int r;

	while (k->renewing && rk_task_pause(RENEWING_MS))
		;
	if (waits)
		return 1;
	k->renewing = true;
	r = rk_target_exec(t, &k->creds_until, err);
	k->renewing = false;
	if (r == 0 && t->token)
		rk_http_set_bearer(k->http, t->token);
	if (r == 0 && t->cert.len)
		r = rk_http_set_cert(k->http, t->cert.s, t->cert.len, t->key.s, t->key.len, err);
	return r < 0 ? -1 : 1;
}

/* Read the token file; 1 when it holds another token than before. An unreadable or empty file
 * keeps the last good value, as client-go does. */
static int read_token(struct rk_kube *k)
{
	static const char blank[] = " \n\r\t";
	rk_auto_buf b = RK_BUF_INIT_SECRET;
	char *s;

	k->token_read_ms = rk_now_ms();
	if (rk_file_read(k->target.token_file, 1 << 20, &b, NULL) < 0)
		return 0;
	while (b.len && strchr(blank, b.s[b.len - 1]))
		b.s[--b.len] = '\0';
	s = b.s + strspn(b.s, blank);
	if (!*s || rk_streq(k->target.token, s))
		return 0;
	rk_free_secret(k->target.token);
	k->target.token = rk_strdup(s);
	rk_http_set_bearer(k->http, s);
	return 1;
}

int rk_kube_fresh(struct rk_kube *k, struct rk_err *err)
{
	if (k->target.exec && k->creds_until && time(NULL) >= k->creds_until - EXEC_EARLY)
		return run_plugin(k, err) < 0 ? -1 : 0;
	if (k->target.token_file && rk_now_ms() - k->token_read_ms > TOKEN_MS)
		read_token(k);
	return 0;
}

int rk_kube_renew(struct rk_kube *k, struct rk_err *err)
{
	return k->target.exec ? run_plugin(k, err) : k->target.token_file ? read_token(k) : 0;
}

/* --- requests --- */

/* The server's warnings, each text once in a process. */
static void print_warnings(const struct rk_http_res *res)
{
	static struct rk_strv printed;

	for (const char *p = res->warnings.s, *end; (end = strchr(p, '\n')); p = end + 1) {
		rk_auto_free char *text = rk_strndup(p, (size_t)(end - p));

		if (!*text || rk_strv_has(&printed, text))
			continue;
		rk_warn("%s", text);
		if (printed.n < WARNINGS_MAX)
			rk_strv_add(&printed, rk_steal(&text));
	}
}

/* Slashes and percent signs of a name are encoded in the path; servers decode them before routing. */
int rk_kube_check_path(const char *what, const char *path, struct rk_err *err)
{
	const char *end = path + strcspn(path, "?");

	for (const char *p = path; p < end;) {
		size_t n = strcspn(++p, "/?");
		bool bad = n == 0 ? p < end : n <= 2 && strspn(p, ".") >= n;

		for (size_t i = 0; i + 2 < n; i++)
			bad = bad || strncasecmp(p + i, "%2f", 3) == 0 ||
			      strncmp(p + i, "%25", 3) == 0;
		if (bad)
			return rk_err_set(err, RK_FAIL,
				"%s: invalid name, namespace or apiVersion: \"%.*s\" cannot be "
				"part of a request path",
				what, n > 100 ? 100 : (int)n, p);
		p += n;
	}
	return 0;
}

/* A server that answered before and now refuses connections is being restarted. */
int rk_kube_send(struct rk_kube *k, const struct rk_http_req *req, const struct rk_kube_about *a,
	struct rk_http_res *res, struct rk_err *err)
{
	struct rk_err own = RK_ERR_INIT;
	int64_t until = rk_now_ms() + REFUSED_MS;
	int renewed = 0;

	err = err ? err : &own;
	if (rk_kube_check_path(a->what, req->path, err) < 0)
		return -1;
	for (;;) {
		res->body.secret = true;
		rk_err_clear(err);
		if (rk_kube_fresh(k, err) < 0)
			return rk_err_wrap(err, "%s", a->what);
		if (rk_http_do(k->http, req, res, err) == 0) {
			k->alive = true;
			if (res->status == 401 && !renewed)
				renewed = rk_kube_renew(k, err);
			else
				renewed = 0;
			if (renewed < 0)
				return rk_err_wrap(err, "%s", a->what);
			if (!renewed) {
				print_warnings(res);
				return 0;
			}
		} else if (!k->alive || !req->retry || err->reason != RK_REASON_REFUSED ||
			   rk_now_ms() > until) {
			return rk_err_wrap(err, "%s", a->what);
		} else {
			rk_task_pause(REFUSED_PAUSE_MS);
		}
		rk_http_res_release(res);
		*res = (struct rk_http_res)RK_HTTP_RES_INIT;
	}
}

int rk_kube_call(struct rk_kube *k, const struct rk_http_req *req, const struct rk_kube_about *a,
	struct rk_http_res *res, struct rk_err *err)
{
	if (rk_kube_send(k, req, a, res, err) < 0)
		return -1;
	if (res->status >= 300)
		return rk_kube_status(a, res, err);
	return 0;
}

int rk_kube_ask(struct rk_kube *k, const struct rk_http_req *req, const struct rk_kube_about *a,
	struct rk_doc *d, struct rk_val **out, struct rk_err *err)
{
	rk_auto_http_res res = RK_HTTP_RES_INIT;

	if (rk_kube_call(k, req, a, &res, err) < 0)
		return -1;
	return rk_kube_parse(d, a, &res, out, err);
}

void rk_query_add(struct rk_buf *path, const char *name, const char *value)
{
	rk_buf_putc(path, strchr(path->s, '?') ? '&' : '?');
	rk_buf_addf(path, "%s=", name);
	rk_urlencode(path, value);
}

/* --- single objects --- */

void rk_kube_about(struct rk_kube_about *a, const struct rk_kube *k, const struct rk_res *r,
	const char *ns, const char *name, struct rk_buf *what)
{
	rk_buf_reset(what);
	rk_res_label(r, ns, name, what);
	*a = (struct rk_kube_about){.what = what->s,
		.kube = k,
		.api_version = r->api_version,
		.secret = !strcmp(r->kind, RK_SECRET.kind),
		.form = name ? RK_FORM_OBJECT : RK_FORM_LIST,
		.res = r,
		.ns = r->namespaced ? ns : NULL,
		.name = name};
}

/* What every request for one object needs. */
struct one {
	struct rk_buf path, what;
	struct rk_kube_about about;
};

static void one_release(struct one *o)
{
	rk_buf_release(&o->path);
	rk_buf_release(&o->what);
}
#define auto_one __attribute__((cleanup(one_release))) struct one

static struct one one_of(
	const struct rk_kube *k, const struct rk_res *r, const char *ns, const char *name)
{
	struct one o = {.path = RK_BUF_INIT, .what = RK_BUF_INIT};

	ns = rk_kube_ns_for(k, r, ns);
	rk_res_path(r, ns, name, &o.path);
	rk_kube_about(&o.about, k, r, ns, name, &o.what);
	return o;
}

int rk_kube_get(struct rk_kube *k, const struct rk_res *r, const char *ns, const char *name,
	struct rk_doc *d, struct rk_val **out, struct rk_err *err)
{
	auto_one o = one_of(k, r, ns, name);

	*out = NULL;
	return rk_kube_ask(
		k, &(struct rk_http_req){.path = o.path.s, .retry = true}, &o.about, d, out, err);
}

int rk_kube_find(struct rk_kube *k, const struct rk_res *r, const char *ns, const char *name,
	struct rk_doc *d, struct rk_val **out, struct rk_err *err)
{
	struct rk_err e = RK_ERR_INIT;

	if (rk_kube_get(k, r, ns, name, d, out, &e) == 0)
		return 0;
	if (e.code == RK_NOTFOUND && e.http == 404)
		return 0;
	if (err)
		*err = e;
	return -1;
}

/* Send v to o as the body; the answer's object is checked, and stored in result when it is not NULL. */
static int send_val(struct rk_kube *k, const char *method, const char *type, const struct one *o,
	const struct rk_val *v, struct rk_doc *d, struct rk_val **result, struct rk_err *err)
{
	rk_auto_buf body = RK_BUF_INIT_SECRET;
	rk_auto_doc *own = NULL;
	struct rk_val *unused;
	struct rk_http_req req = {
		.method = method, .path = o->path.s, .content_type = type, .retry = true};

	rk_json_write(v, RK_JSON_COMPACT, &body);
	req.body = body.s;
	req.body_len = body.len;
	if (!result)
		d = own = rk_doc_new(o->about.secret);
	return rk_kube_ask(k, &req, &o->about, d, result ? result : &unused, err);
}

int rk_kube_patch(struct rk_kube *k, const struct rk_res *r, const char *ns, const char *name,
	const struct rk_val *patch, struct rk_doc *d, struct rk_val **result, struct rk_err *err)
{
	struct rk_val *was;
	auto_one o = one_of(k, r, ns, name);

	if (k->dry == RK_DRY_CLIENT)
		return rk_kube_get(k, r, ns, name, d, result ? result : &was, err);
	rk_query_add(&o.path, "fieldManager", RK_FIELD_MANAGER);
	rk_kube_add_dry(k, &o.path);
	return send_val(k, "PATCH", "application/merge-patch+json", &o, patch, d, result, err);
}

int rk_kube_create(struct rk_kube *k, const struct rk_val *obj, struct rk_doc *d,
	struct rk_val **result, struct rk_err *err)
{
	const struct rk_res *r;
	const char *ns = rk_get_str(obj, "metadata", "namespace", NULL);
	const char *name = rk_get_str(obj, "metadata", "name", NULL);
	struct rk_val *existing = NULL;
	auto_one o = {.path = RK_BUF_INIT, .what = RK_BUF_INIT};
	const char *av, *kind;

	if (rk_need_str(obj, &av, err, "apiVersion", NULL) < 0 ||
		rk_need_str(obj, &kind, err, "kind", NULL) < 0 ||
		rk_kube_res(k, av, kind, &r, err) < 0)
		return -1;
	ns = rk_kube_ns_for(k, r, ns);
	rk_res_path(r, ns, NULL, &o.path);
	rk_kube_about(&o.about, k, r, ns, name, &o.what);
	o.about.form = name || rk_get(obj, "metadata", "generateName", NULL) ? RK_FORM_OBJECT
									     : RK_FORM_REVIEW;
	if (k->dry != RK_DRY_CLIENT || is_review(o.path.s)) {
		rk_query_add(&o.path, "fieldManager", RK_FIELD_MANAGER);
		rk_kube_add_dry(k, &o.path);
		return send_val(k, "POST", "application/json", &o, obj, d, result, err);
	}
	if (name && rk_kube_find(k, r, ns, name, d, &existing, err) < 0)
		return -1;
	if (result && !existing)
		*result = rk_copy(d, obj);
	if (!existing)
		return 0;
	rk_err_set(err, RK_CONFLICT, "%s on %s: it already exists", o.what.s, rk_kube_server(k));
	if (err)
		err->http = 409;
	return rk_err_reason(err, RK_REASON_EXISTS);
}

int rk_kube_delete(struct rk_kube *k, const struct rk_res *r, const char *ns, const char *name,
	const struct rk_delete_opts *opts, enum rk_outcome *outcome, struct rk_err *err)
{
	rk_auto_doc *d = rk_doc_new(!strcmp(r->kind, RK_SECRET.kind));
	struct rk_val *body = rk_map(d), *obj;
	struct rk_err e = RK_ERR_INIT;
	enum rk_outcome unused;
	auto_one o = one_of(k, r, ns, name);

	outcome = outcome ? outcome : &unused;
	*outcome = RK_DELETED;
	if (k->dry == RK_DRY_CLIENT) {
		if (rk_kube_find(k, r, ns, name, d, &obj, err) < 0)
			return -1;
		if (!obj)
			*outcome = RK_ABSENT;
		else if (opts && opts->uid &&
			 !rk_streq(opts->uid, rk_get_str(obj, "metadata", "uid", NULL)))
			return rk_err_set(err, RK_CONFLICT,
				"%s %s on %s: another object has that name now", r->kind, name,
				rk_kube_server(k));
		return 0;
	}
	rk_set_str(d, body, "kind", "DeleteOptions");
	rk_set_str(d, body, "apiVersion", "v1");
	rk_set_str(d, body, "propagationPolicy",
		opts && opts->propagation ? opts->propagation : "Background");
	if (opts && opts->grace >= 0)
		rk_set_int(d, body, "gracePeriodSeconds", opts->grace);
	if (opts && (opts->uid || opts->version)) {
		obj = rk_map_at(d, body, "preconditions", NULL);
		rk_set_str(d, obj, "uid", opts->uid);
		rk_set_str(d, obj, "resourceVersion", opts->version);
	}
	/* the body is what counts, the audit log has only the path */
	if (k->dry == RK_DRY_SERVER) {
		rk_set(d, body, "dryRun", rk_seq(d));
		rk_append_str(d, rk_mut(rk_get(body, "dryRun", NULL)), "All");
		rk_kube_add_dry(k, &o.path);
	}
	o.about.form = RK_FORM_DELETED;
	if (send_val(k, "DELETE", "application/json", &o, body, NULL, NULL, &e) == 0)
		return 0;
	if (e.code == RK_NOTFOUND && e.http == 404) {
		*outcome = RK_ABSENT;
		return 0;
	}
	if (err)
		*err = e;
	return -1;
}

int rk_kube_log(struct rk_kube *k, const char *ns, const char *pod, const char *container,
	bool previous, int lines, struct rk_buf *out, struct rk_err *err)
{
	rk_auto_http_res res = RK_HTTP_RES_INIT;
	struct rk_http_req req = {.accept = "*/*", .max = 4 << 20, .retry = true};
	char n[16];
	auto_one o = one_of(k, &RK_POD, ns, pod);

	rk_buf_puts(&o.path, "/log");
	if (container)
		rk_query_add(&o.path, "container", container);
	if (previous)
		rk_query_add(&o.path, "previous", "true");
	if (lines > 0) {
		snprintf(n, sizeof(n), "%d", lines);
		rk_query_add(&o.path, "tailLines", n);
	}
	req.path = o.path.s;
	if (rk_kube_call(k, &req, &o.about, &res, err) < 0)
		return rk_err_wrap(err, "log");
	if (res.body.len && !rk_prefix(res.content_type, "text/plain"))
		return rk_kube_unexpected(&o.about, err, "a log of type %.60s",
			res.content_type[0] ? res.content_type : "none");
	return rk_buf_add(out, res.body.s, res.body.len, err);
}

const char *rk_outcome_word(enum rk_outcome o)
{
	static const char *const words[] = {
		"created", "configured", "unchanged", "deleted", "not found"};

	return words[o];
}
