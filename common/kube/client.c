// SPDX-License-Identifier: Apache-2.0
/* One cluster seen by one identity: opening, credentials, and requests for single objects. */
#include "internal.h"

#include "os/os.h"
#include "out/out.h"

#include <strings.h>

#define TOKEN_MS   60000 /* how long a token file's content is taken for current */
#define EXEC_EARLY 10	 /* seconds before its end at which a credential is renewed */
#define REFUSED_MS 20000 /* how long a server that answered before may refuse connections */

void (*rk_kube_warning)(const char *text);

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

static bool is_read(const struct rk_http_req *req)
{
	const char *method = req->method ? req->method : req->body ? "POST" : "GET";

	return rk_streq(method, "GET") || rk_streq(method, "HEAD") ||
	       (rk_streq(method, "POST") && is_review(req->path));
}

/* DeleteOptions in the body make the server ignore the query. */
static bool body_is_dry(const struct rk_http_req *req)
{
	rk_auto_doc *d = rk_doc_new(false);
	struct rk_val *v = NULL;

	return rk_json_parse(d, req->body, req->body_len, &v, NULL) == 0 &&
	       rk_streq(rk_str(rk_at(rk_get(v, "dryRun", NULL), 0)), "All");
}

static bool query_is_dry(const char *path)
{
	static const char want[] = "dryRun=All";
	const char *p = strchr(path, '?');

	while (p) {
		size_t n = strcspn(++p, "&");

		if (n == sizeof(want) - 1 && !strncmp(p, want, n))
			return true;
		p = strchr(p, '&');
	}
	return false;
}

/* The last word before a request leaves: what a caller forgot is not sent. */
static bool may_send(const void *arg, const struct rk_http_req *req)
{
	const struct rk_kube *k = arg;

	if (k->dry == RK_DRY_NONE || is_read(req))
		return true;
	if (k->dry == RK_DRY_CLIENT)
		return false;
	return rk_streq(req->method, "DELETE") && req->body_len ? body_is_dry(req)
								: query_is_dry(req->path);
}

void rk_kube_add_dry(const struct rk_kube *k, struct rk_buf *path)
{
	if (k->dry == RK_DRY_SERVER)
		rk_query_add(path, "dryRun", "All");
}

/* --- opening --- */

static void print_warning(const char *text)
{
	rk_warn("%s", text);
}

/* Where the server's warnings and -v go unless the tool has set them. */
static void set_hooks(void)
{
	if (!rk_kube_warning)
		rk_kube_warning = print_warning;
	if (!rk_http_trace && rk_verbosity() > 0)
		rk_http_trace = rk_debug_line;
}

/* As client-go: what a name in a request path may not be. */
static bool is_path_segment(const char *s)
{
	return strcmp(s, ".") != 0 && strcmp(s, "..") != 0 && !strpbrk(s, "/%");
}

static int finish_open(struct rk_kube **out, struct rk_kube *k, struct rk_err *err)
{
	set_hooks();
	if (k->target.ns && !is_path_segment(k->target.ns)) {
		rk_err_set(err, RK_USAGE, "invalid namespace \"%.100s\"", k->target.ns);
		goto fail;
	}
	k->ns = rk_strdup(k->target.ns && *k->target.ns ? k->target.ns : "default");
	k->token_read_ms = rk_now_ms();
	k->dry = dry_mode;
	k->target.conf.may_send = may_send;
	k->target.conf.may_send_arg = k;
	if (k->target.exec && rk_target_exec(&k->target, &k->creds_until, err) < 0)
		goto fail;
	if (k->target.auth_provider && rk_target_provider(&k->target, err) < 0)
		goto fail;
	if (k->target.exec) {
		k->target.conf.bearer = k->target.token;
		k->target.conf.cert = k->target.cert.len ? k->target.cert.s : NULL;
		k->target.conf.cert_len = k->target.cert.len;
		k->target.conf.key = k->target.key.len ? k->target.key.s : NULL;
		k->target.conf.key_len = k->target.key.len;
	}
	if (rk_http_new(&k->http, &k->target.conf, err) < 0)
		goto fail;
	*out = k;
	return 0;
fail:
	rk_kube_free(k);
	return -1;
}

static int open_config(struct rk_kube **out, struct rk_kubeconfig *kc,
	const struct rk_kube_flags *flags, struct rk_err *err)
{
	static const struct rk_kube_flags none;
	struct rk_kube *k = rk_calloc(1, sizeof(*k));
	int r = rk_kubeconfig_resolve(kc, flags ? flags : &none, &k->target, err);

	rk_kubeconfig_free(kc);
	if (r < 0) {
		free(k);
		return -1;
	}
	return finish_open(out, k, err);
}

int rk_kube_open(struct rk_kube **out, const struct rk_kube_flags *flags, struct rk_err *err)
{
	struct rk_kubeconfig *kc = NULL;

	*out = NULL;
	if (rk_kubeconfig_load(&kc, flags ? flags->kubeconfig : NULL, err) < 0)
		return -1;
	return open_config(out, kc, flags, err);
}

int rk_kube_open_text(struct rk_kube **out, const char *kubeconfig, size_t n, const char *name,
	const struct rk_kube_flags *flags, struct rk_err *err)
{
	struct rk_kubeconfig *kc = NULL;

	*out = NULL;
	if (rk_kubeconfig_parse(&kc, kubeconfig, n, name, err) < 0)
		return -1;
	return open_config(out, kc, flags, err);
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

static int run_plugin(struct rk_kube *k, struct rk_err *err)
{
	if (rk_target_exec(&k->target, &k->creds_until, err) < 0)
		return -1;
	if (k->target.token)
		rk_http_set_bearer(k->http, k->target.token);
	if (k->target.cert.len && rk_http_set_cert(k->http, k->target.cert.s, k->target.cert.len,
					  k->target.key.s, k->target.key.len, err) < 0)
		return -1;
	return 1;
}

static bool blank(char c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* Read the token file; 1 when it holds another token than before. An unreadable or empty file
 * keeps the last good value, as client-go does. */
static int read_token(struct rk_kube *k)
{
	rk_auto_buf b = RK_BUF_INIT_SECRET;
	char *s;

	k->token_read_ms = rk_now_ms();
	if (rk_file_read(k->target.token_file, 1 << 20, &b, NULL) < 0)
		return 0;
	while (b.len && blank(b.s[b.len - 1]))
		b.s[--b.len] = '\0';
	s = b.s;
	while (blank(*s))
		s++;
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
	if (k->target.exec)
		return run_plugin(k, err);
	if (k->target.token_file)
		return read_token(k);
	return 0;
}

/* --- requests --- */

/* Each text once in a process: remembered by its hash, the texts themselves are not kept. */
static void warn_once(const char *line, size_t n)
{
	static uint64_t seen[64];
	static size_t nseen;
	rk_auto_free char *text = NULL;
	uint64_t h = 1469598103934665603ULL;

	for (size_t i = 0; i < n; i++)
		h = (h ^ (unsigned char)line[i]) * 1099511628211ULL;
	for (size_t i = 0; i < nseen; i++)
		if (seen[i] == h)
			return;
	if (nseen < RK_COUNT(seen))
		seen[nseen++] = h;
	text = rk_strndup(line, n);
	rk_kube_warning(text);
}

static void warn_all(const struct rk_http_res *res)
{
	const char *p = res->warnings.s, *nl;

	while (rk_kube_warning && (nl = strchr(p, '\n'))) {
		if (nl > p)
			warn_once(p, (size_t)(nl - p));
		p = nl + 1;
	}
}

static void res_again(struct rk_http_res *res)
{
	rk_http_res_release(res);
	*res = (struct rk_http_res)RK_HTTP_RES_INIT;
	res->body.secret = true;
}

/* A server that answered before and now refuses connections is being restarted. */
static int do_patiently(struct rk_kube *k, const struct rk_http_req *req, struct rk_http_res *res,
	struct rk_err *err)
{
	int64_t until = rk_now_ms() + REFUSED_MS;
	struct timespec nap = {.tv_nsec = 500000000};

	for (;;) {
		rk_err_clear(err);
		if (rk_http_do(k->http, req, res, err) == 0) {
			k->alive = true;
			return 0;
		}
		if (!k->alive || err->reason != RK_REASON_REFUSED || rk_now_ms() > until)
			return -1;
		nanosleep(&nap, NULL);
		res_again(res);
	}
}

/* Slashes and percent signs of a name are encoded in the path, and servers decode them before they
 * look where the path leads. */
int rk_kube_check_path(const char *what, const char *path, struct rk_err *err)
{
	const char *end = path + strcspn(path, "?");

	for (const char *p = path; p < end;) {
		size_t n = strcspn(++p, "/?");
		bool dots = (n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.');

		for (size_t i = 0; i + 2 < n; i++)
			dots = dots || strncasecmp(p + i, "%2f", 3) == 0 ||
			       strncmp(p + i, "%25", 3) == 0;
		if (dots || (n == 0 && p < end))
			return rk_err_set(err, RK_FAIL,
				"%s: invalid name, namespace or apiVersion: \"%.*s\" cannot be "
				"part "
				"of a request path",
				what, n > 100 ? 100 : (int)n, p);
		p += n;
	}
	return 0;
}

int rk_kube_send(struct rk_kube *k, const struct rk_http_req *req, const struct rk_kube_about *a,
	struct rk_http_res *res, struct rk_err *err)
{
	struct rk_err own = RK_ERR_INIT;

	if (!err)
		err = &own;
	res->body.secret = true;
	if (rk_kube_check_path(a->what, req->path, err) < 0)
		return -1;
	if (rk_kube_fresh(k, err) < 0)
		return rk_err_wrap(err, "%s", a->what);
	if (do_patiently(k, req, res, err) < 0)
		return rk_err_wrap(err, "%s", a->what);
	if (res->status == 401) {
		int r = rk_kube_renew(k, err);

		if (r < 0)
			return rk_err_wrap(err, "%s", a->what);
		if (r > 0) {
			res_again(res);
			if (do_patiently(k, req, res, err) < 0)
				return rk_err_wrap(err, "%s", a->what);
		}
	}
	warn_all(res);
	return 0;
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

int rk_kube_raw(struct rk_kube *k, const struct rk_http_req *req, struct rk_http_res *res,
	struct rk_err *err)
{
	rk_auto_buf what = RK_BUF_INIT;
	struct rk_kube_about a = {.kube = k};
	const char *query = strchr(req->path, '?');

	rk_buf_addf(&what, "%s %.*s",
		req->method ? req->method
		: req->body ? "POST"
			    : "GET",
		query ? (int)(query - req->path) : (int)strlen(req->path), req->path);
	a.what = what.s;
	return rk_kube_call(k, req, &a, res, err);
}

void rk_query_add(struct rk_buf *path, const char *name, const char *value)
{
	rk_buf_putc(path, strchr(path->s, '?') ? '&' : '?');
	rk_buf_addf(path, "%s=", name);
	rk_urlencode(path, value);
}

/* --- single objects --- */

/* Path, label and the rest of what every request for one object needs. */
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

static void one_init(struct one *o, const struct rk_kube *k, const struct rk_res *r, const char *ns,
	const char *name)
{
	ns = rk_kube_ns_for(k, r, ns);
	*o = (struct one){.path = RK_BUF_INIT, .what = RK_BUF_INIT};
	rk_res_path(r, ns, name, &o->path);
	rk_res_label(r, ns, name, &o->what);
	o->about = (struct rk_kube_about){.what = o->what.s,
		.kube = k,
		.api_version = r->api_version,
		.secret = !strcmp(r->kind, "Secret"),
		.form = RK_FORM_OBJECT,
		.res = r,
		.ns = ns,
		.name = name};
}

int rk_kube_get(struct rk_kube *k, const struct rk_res *r, const char *ns, const char *name,
	struct rk_doc *d, struct rk_val **out, struct rk_err *err)
{
	rk_auto_http_res res = RK_HTTP_RES_INIT;
	struct rk_http_req req = {.retry = true};
	auto_one o;

	*out = NULL;
	one_init(&o, k, r, ns, name);
	req.path = o.path.s;
	if (rk_kube_call(k, &req, &o.about, &res, err) < 0)
		return -1;
	return rk_kube_parse(d, &o.about, &res, out, err);
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

/* Send v as the body; the answer's object goes to result when wanted, and is checked anyhow. */
static int send_val(struct rk_kube *k, struct rk_http_req *req, const struct rk_kube_about *a,
	const struct rk_val *v, struct rk_doc *d, struct rk_val **result, struct rk_err *err)
{
	rk_auto_buf body = RK_BUF_INIT_SECRET;
	rk_auto_http_res res = RK_HTTP_RES_INIT;
	rk_auto_doc *own = NULL;
	struct rk_val *unused;

	rk_json_write(v, RK_JSON_COMPACT, &body);
	req->body = body.s;
	req->body_len = body.len;
	if (rk_kube_call(k, req, a, &res, err) < 0)
		return -1;
	if (result)
		return rk_kube_parse(d, a, &res, result, err);
	d = own = rk_doc_new(a->secret);
	return rk_kube_parse(d, a, &res, &unused, err);
}

int rk_kube_patch(struct rk_kube *k, const struct rk_res *r, const char *ns, const char *name,
	const char *type, const struct rk_val *patch, struct rk_doc *d, struct rk_val **result,
	struct rk_err *err)
{
	struct rk_http_req req = {.method = "PATCH",
		.retry = true,
		.content_type = type ? type : "application/merge-patch+json"};
	struct rk_val *was;
	auto_one o = {.path = RK_BUF_INIT, .what = RK_BUF_INIT};

	if (k->dry == RK_DRY_CLIENT)
		return rk_kube_get(k, r, ns, name, d, result ? result : &was, err);
	one_init(&o, k, r, ns, name);
	rk_query_add(&o.path, "fieldManager", RK_FIELD_MANAGER);
	rk_kube_add_dry(k, &o.path);
	req.path = o.path.s;
	return send_val(k, &req, &o.about, patch, d, result, err);
}

/* What would become of a POST that is not sent. */
static int create_nothing(struct rk_kube *k, const struct rk_res *r, const struct rk_val *obj,
	const struct one *o, struct rk_doc *d, struct rk_val **result, struct rk_err *err)
{
	const char *name = rk_get_str(obj, "metadata", "name", NULL);
	struct rk_val *there = NULL;

	if (name && rk_kube_find(k, r, rk_get_str(obj, "metadata", "namespace", NULL), name, d,
			    &there, err) < 0)
		return -1;
	if (there) {
		rk_err_set(err, RK_CONFLICT, "%s on %s: it exists already", o->what.s,
			rk_kube_server(k));
		rk_err_reason(err, RK_REASON_EXISTS);
		err->http = 409;
		return -1;
	}
	if (result)
		*result = rk_copy(d, obj);
	return 0;
}

int rk_kube_create(struct rk_kube *k, const struct rk_val *obj, struct rk_doc *d,
	struct rk_val **result, struct rk_err *err)
{
	struct rk_http_req req = {
		.method = "POST", .content_type = "application/json", .retry = true};
	const struct rk_res *r;
	const char *ns = rk_get_str(obj, "metadata", "namespace", NULL);
	auto_one o = {.path = RK_BUF_INIT, .what = RK_BUF_INIT};
	const char *av, *kind, *name;

	if (rk_need_str(obj, &av, err, "apiVersion", NULL) < 0 ||
		rk_need_str(obj, &kind, err, "kind", NULL) < 0 ||
		rk_kube_res(k, av, kind, &r, err) < 0)
		return -1;
	one_init(&o, k, r, ns, NULL);
	rk_buf_reset(&o.what);
	name = rk_get_str(obj, "metadata", "name", NULL);
	rk_res_label(r, rk_kube_ns_for(k, r, ns), name, &o.what);
	o.about.what = o.what.s;
	o.about.name = name;
	if (!name && !rk_get(obj, "metadata", "generateName", NULL))
		o.about.form = RK_FORM_REVIEW;
	if (k->dry == RK_DRY_CLIENT && !is_review(o.path.s))
		return create_nothing(k, r, obj, &o, d, result, err);
	rk_query_add(&o.path, "fieldManager", RK_FIELD_MANAGER);
	rk_kube_add_dry(k, &o.path);
	req.path = o.path.s;
	return send_val(k, &req, &o.about, obj, d, result, err);
}

static struct rk_val *delete_body(
	const struct rk_kube *k, struct rk_doc *d, const struct rk_delete_opts *o)
{
	struct rk_val *v = rk_map(d);

	rk_set_str(d, v, "kind", "DeleteOptions");
	rk_set_str(d, v, "apiVersion", "v1");
	rk_set_str(d, v, "propagationPolicy", o->propagation ? o->propagation : "Background");
	if (o->grace >= 0)
		rk_set_int(d, v, "gracePeriodSeconds", o->grace);
	if (o->uid)
		rk_set_str(d, rk_map_at(d, v, "preconditions", NULL), "uid", o->uid);
	if (o->version)
		rk_set_str(
			d, rk_map_at(d, v, "preconditions", NULL), "resourceVersion", o->version);
	if (k->dry == RK_DRY_SERVER) {
		struct rk_val *dry = rk_seq(d);

		rk_append_str(d, dry, "All");
		rk_set(d, v, "dryRun", dry);
	}
	return v;
}

/* What would become of a DELETE that is not sent. */
static int delete_nothing(struct rk_kube *k, const struct rk_res *r, const char *ns,
	const char *name, const struct rk_delete_opts *o, enum rk_outcome *outcome,
	struct rk_err *err)
{
	rk_auto_doc *d = rk_doc_new(!strcmp(r->kind, "Secret"));
	struct rk_val *there;

	if (rk_kube_find(k, r, ns, name, d, &there, err) < 0)
		return -1;
	if (there && o && o->uid && !rk_streq(o->uid, rk_get_str(there, "metadata", "uid", NULL)))
		return rk_err_set(err, RK_CONFLICT, "%s %s on %s: another object has that name now",
			r->kind, name, rk_kube_server(k));
	if (outcome)
		*outcome = there ? RK_DELETED : RK_ABSENT;
	return 0;
}

int rk_kube_delete(struct rk_kube *k, const struct rk_res *r, const char *ns, const char *name,
	const struct rk_delete_opts *opts, enum rk_outcome *outcome, struct rk_err *err)
{
	static const struct rk_delete_opts usual = {.grace = -1};
	struct rk_http_req req = {
		.method = "DELETE", .content_type = "application/json", .retry = true};
	rk_auto_doc *d = rk_doc_new(false);
	struct rk_err e = RK_ERR_INIT;
	auto_one o = {.path = RK_BUF_INIT, .what = RK_BUF_INIT};

	if (k->dry == RK_DRY_CLIENT)
		return delete_nothing(k, r, ns, name, opts, outcome, err);
	one_init(&o, k, r, ns, name);
	rk_kube_add_dry(k, &o.path); /* the body is what counts, the audit log has only this */
	o.about.form = RK_FORM_DELETED;
	req.path = o.path.s;
	if (outcome)
		*outcome = RK_DELETED;
	if (send_val(k, &req, &o.about, delete_body(k, d, opts ? opts : &usual), NULL, NULL, &e) ==
		0)
		return 0;
	if (e.code == RK_NOTFOUND && e.http == 404) {
		if (outcome)
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
	struct rk_http_req req = {.accept = "*/*", .max = 4 << 20};
	char n[16];
	auto_one o;

	one_init(&o, k, &RK_POD, ns, pod);
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
