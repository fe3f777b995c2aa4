// SPDX-License-Identifier: Apache-2.0
/* From names to a server and an identity: what clientcmd's ClientConfig does, refusing what is
 * not verified. */
#include <ctype.h>

#include "cert.h"
#include "file.h"
#include "kubeconfig-priv.h"

#define POD_DIR "/var/run/secrets/kubernetes.io/serviceaccount"

struct choice {
	const struct kc_entry *context, *cluster, *user;
};

/* --- which entries --- */

static int no_such(
	const struct rk_kubeconfig *kc, const char *what, const char *name, struct rk_err *err)
{
	rk_err_set(err, RK_NOTFOUND, "no %s \"%s\" in %s", what, name,
		*kc->searched ? kc->searched : "the kubeconfig");
	return rk_err_hint(err, "kubectl config get-%ss lists those there are", what);
}

static int choose_context(const struct rk_kubeconfig *kc, const struct rk_kube_flags *f,
	struct choice *c, struct rk_err *err)
{
	const char *name = f->context ? f->context : kc->current;

	if (!name)
		return 0;
	c->context = kc_find(&kc->contexts, name);
	if (c->context)
		return 0;
	if (f->context)
		return no_such(kc, "context", name, err);
	rk_err_set(err, RK_NOTFOUND, "%s: current-context \"%s\" is not among its contexts",
		kc->current_file->path, name);
	return rk_err_hint(err, "choose one with --context or kubectl config use-context");
}

static int choose_cluster(const struct rk_kubeconfig *kc, const struct rk_kube_flags *f,
	struct choice *c, struct rk_err *err)
{
	const char *name = f->cluster;

	if (!name && kc_str(c->context, "cluster", &name, err) < 0)
		return -1;
	c->cluster = kc_find(&kc->clusters, name);
	if (c->cluster || f->server)
		return 0;
	if (f->cluster)
		return no_such(kc, "cluster", name, err);
	if (c->context && name)
		return rk_err_set(err, RK_NOTFOUND,
			"%s: context \"%s\" names cluster \"%s\", which is not there",
			c->context->file->path, c->context->name, name);
	if (c->context)
		return rk_err_set(err, RK_NOTFOUND, "%s: context \"%s\" names no cluster",
			c->context->file->path, c->context->name);
	return 0;
}

/* A context's user that is not there means no credentials, as in kubectl; --user must be there. */
static int choose_user(const struct rk_kubeconfig *kc, const struct rk_kube_flags *f,
	struct choice *c, struct rk_err *err)
{
	const char *name = f->user;

	if (!name && kc_str(c->context, "user", &name, err) < 0)
		return -1;
	c->user = kc_find(&kc->users, name);
	return f->user && !c->user ? no_such(kc, "user", name, err) : 0;
}

/* --- the cluster --- */

static char *keep(struct rk_target *t, const char *s)
{
	return s ? rk_doc_strndup(t->strings, s, strlen(s)) : NULL;
}

/* Values end up in headers: a line break in one would smuggle in another. */
static int check_plain(const char *what, const char *s, struct rk_err *err)
{
	for (const char *p = s; p && *p; p++)
		if (iscntrl((unsigned char)*p))
			return rk_err_set(err, RK_FAIL, "%s holds a control character", what);
	return 0;
}

static int refuse_insecure(const struct kc_entry *c, struct rk_err *err)
{
	rk_err_set(err, RK_CONFLICT,
		"%s: cluster \"%s\" has insecure-skip-tls-verify: its certificate would not be "
		"checked",
		c->file->path, c->name);
	return rk_err_hint(err,
		"pin its CA: kubectl config set-cluster %s --certificate-authority=CA.pem "
		"--embed-certs"
		" (or give --certificate-authority CA.pem)",
		c->name);
}

static int check_server(const struct kc_entry *c, const char *server, struct rk_err *err)
{
	if (strncasecmp(server, "https://", 8) == 0 && server[8])
		return check_plain("the server's address", server, err);
	rk_err_set(err, RK_CONFLICT, "%s%s%s%sserver %s is not an https:// address",
		c ? c->file->path : "", c ? ": cluster \"" : "", c ? c->name : "", c ? "\": " : "",
		server);
	return rk_err_hint(err,
		"use the https:// address of the API server and pin its CA: kubectl "
		"config set-cluster %s --server=https://HOST:PORT "
		"--certificate-authority=CA.pem --embed-certs",
		c ? c->name : "NAME");
}

static int check_proxy(const struct kc_entry *c, const char *url, struct rk_err *err)
{
	static const char *const ok[] = {"http://", "https://", "socks5://"};

	for (size_t i = 0; url && i < RK_COUNT(ok); i++)
		if (strncasecmp(url, ok[i], strlen(ok[i])) == 0)
			return check_plain("proxy-url", url, err);
	if (!url)
		return 0;
	/* the URL may hold a password: do not show it */
	return rk_err_set(err, RK_FAIL,
		"%s: cluster \"%s\": proxy-url is not http://, https:// or socks5://",
		c->file->path, c->name);
}

static int take_server(struct rk_target *t, const struct kc_entry *c, const struct rk_kube_flags *f,
	struct rk_err *err)
{
	const char *server, *name, *proxy;

	if (kc_str(c, "server", &server, err) < 0 || kc_str(c, "tls-server-name", &name, err) < 0 ||
		kc_str(c, "proxy-url", &proxy, err) < 0)
		return -1;
	if (f->server) {
		server = f->server;
		name = NULL; /* it belonged to the other address */
	}
	if (f->tls_server_name)
		name = *f->tls_server_name ? f->tls_server_name : NULL;
	if (!server)
		return rk_err_set(err, RK_NOTFOUND, "%s: cluster \"%s\" has no server",
			c->file->path, c->name);
	if (check_server(c, server, err) < 0 || check_plain("tls-server-name", name, err) < 0 ||
		check_proxy(c, proxy, err) < 0)
		return -1;
	free(t->server);
	t->server = rk_strdup(server);
	t->conf.tls_server_name = keep(t, name);
	t->conf.proxy = keep(t, proxy);
	return 0;
}

static int take_ca(struct rk_target *t, const struct kc_entry *c, const struct rk_kube_flags *f,
	struct rk_err *err)
{
	bool insecure = false;

	if (c && c->v && rk_want_bool(c->v, &insecure, err, "insecure-skip-tls-verify", NULL) < 0)
		return -1;
	if (insecure && !f->certificate_authority)
		return refuse_insecure(c, err);
	if (!c && !f->certificate_authority)
		return 0;
	return kc_material(c, "certificate-authority", f->certificate_authority, &t->ca, err);
}

/* --- the user --- */

static int take_cert(struct rk_target *t, const struct kc_entry *u, const struct rk_kube_flags *f,
	struct rk_err *err)
{
	const char *name = u ? u->name : "--client-certificate";

	if (!u && !f->client_certificate && !f->client_key)
		return 0;
	if ((u || f->client_certificate) &&
		kc_material(u, "client-certificate", f->client_certificate, &t->cert, err) < 0)
		return -1;
	if ((u || f->client_key) && kc_material(u, "client-key", f->client_key, &t->key, err) < 0)
		return -1;
	if (!t->cert.len == !t->key.len)
		return 0;
	return rk_err_set(err, RK_FAIL, "user \"%s\" has a client %s", name,
		t->key.len ? "key without a certificate" : "certificate without a key");
}

static char *trimmed(const struct rk_buf *b)
{
	size_t from = 0, to = b->len;

	while (from < to && isspace((unsigned char)b->s[from]))
		from++;
	while (to > from && isspace((unsigned char)b->s[to - 1]))
		to--;
	return rk_strndup(b->s + from, to - from);
}

static int read_token(struct rk_target *t, struct rk_err *err)
{
	rk_auto_buf b = RK_BUF_INIT_SECRET;

	if (rk_file_read(t->token_file, 1 << 20, &b, err) < 0)
		return rk_err_wrap(err, "token file");
	rk_free_secret(t->token);
	t->token = trimmed(&b);
	if (!*t->token)
		return rk_err_set(err, RK_FAIL, "token file %s is empty", t->token_file);
	return check_plain("the token", t->token, err);
}

/* The file beats the token, as in clientcmd; it is read again later, so its path is kept. */
static int take_token(struct rk_target *t, const struct kc_entry *u, const struct rk_kube_flags *f,
	struct rk_err *err)
{
	const char *token, *file;

	if (kc_str(u, "token", &token, err) < 0 || kc_str(u, "tokenFile", &file, err) < 0)
		return -1;
	if (f->token_file) {
		t->token_file = rk_strdup(f->token_file);
		return read_token(t, err);
	}
	if (file) {
		if (!u->file->dir && *file != '/')
			return rk_err_set(err, RK_FAIL,
				"%s: user \"%s\" has the relative tokenFile %s", u->file->path,
				u->name, file);
		t->token_file = rk_path_resolve(file, u->file->dir);
		if (read_token(t, err) < 0)
			return rk_err_wrap(err, "user \"%s\"", u->name);
		return 0;
	}
	if (!token)
		return 0;
	t->token = rk_strdup(token);
	if (check_plain("the token", token, err) < 0)
		return rk_err_wrap(err, "user \"%s\"", u->name);
	return 0;
}

static int take_basic(struct rk_target *t, const struct kc_entry *u, struct rk_err *err)
{
	const char *name, *password;

	if (kc_str(u, "username", &name, err) < 0 || kc_str(u, "password", &password, err) < 0)
		return -1;
	if (!name && !password)
		return 0;
	if (t->token)
		return rk_err_set(err, RK_FAIL,
			"%s: user \"%s\" has more than one way to log in: a token and a password",
			u->file->path, u->name);
	t->conf.user = keep(t, name ? name : "");
	t->conf.password = keep(t, password ? password : "");
	return 0;
}

/* exec runs only when nothing else is given. */
static int take_plugin(struct rk_target *t, const struct choice *c, struct rk_err *err)
{
	const struct rk_val *exec = NULL, *dead = NULL;
	const char *name = NULL;

	if (!c->user || !c->user->v || t->token || t->cert.len || t->conf.user)
		return 0;
	if (rk_want_map(c->user->v, &exec, err, "exec", NULL) < 0 ||
		rk_want_map(c->user->v, &dead, err, "auth-provider", NULL) < 0 ||
		rk_want_str(dead, &name, err, "name", NULL) < 0)
		return -1;
	if (exec)
		return kc_take_exec(t, c->user, c->cluster, exec, err);
	if (!dead)
		return 0;
	rk_err_set(err, RK_FAIL,
		"%s: user \"%s\" logs in with the auth-provider \"%s\", which "
		"Kubernetes removed in 1.26",
		c->user->file->path, c->user->name, name ? name : "");
	return rk_err_hint(err, "use its exec credential plugin instead");
}

/* --- impersonation --- */

static void add_header(struct rk_target *t, const char *name, const char *value)
{
	rk_strv_add(&t->headers, rk_doc_printf(t->strings, "%s: %s", name, value));
}

/* As client-go: every byte that is no header character, and %, is percent-encoded. */
static void extra_name(struct rk_buf *out, const char *key)
{
	rk_buf_puts(out, "Impersonate-Extra-");
	for (; *key; key++) {
		if (isalnum((unsigned char)*key) || strchr("!#$&'*+-.^_`|~", *key))
			rk_buf_putc(out, *key);
		else
			rk_buf_addf(out, "%%%02x", (unsigned char)*key);
	}
}

static int add_extras(struct rk_target *t, const struct rk_val *extra, struct rk_err *err)
{
	rk_each (m, extra) {
		rk_auto_buf name = RK_BUF_INIT;

		extra_name(&name, m->key);
		if (m->kind != RK_SEQ && m->kind != RK_NULL)
			return rk_err_set(
				err, RK_FAIL, "as-user-extra.%s: expected a list", m->key);
		rk_each (v, m) {
			if (!rk_str(v))
				return rk_err_set(err, RK_FAIL,
					"as-user-extra.%s: expected a list of strings", m->key);
			if (check_plain("as-user-extra", v->s, err) < 0)
				return -1;
			add_header(t, name.s, v->s);
		}
	}
	return 0;
}

static int add_groups(struct rk_target *t, const struct rk_val *groups,
	const struct rk_kube_flags *f, struct rk_err *err)
{
	for (size_t i = 0; i < f->as_groups.n; i++) {
		if (check_plain("--as-group", f->as_groups.v[i], err) < 0)
			return -1;
		add_header(t, "Impersonate-Group", f->as_groups.v[i]);
	}
	if (f->as_groups.n)
		return 0;
	rk_each (g, groups) {
		if (!rk_str(g))
			return rk_err_set(err, RK_FAIL, "as-groups: expected a list of strings");
		if (check_plain("as-groups", g->s, err) < 0)
			return -1;
		add_header(t, "Impersonate-Group", g->s);
	}
	return 0;
}

static int take_impersonation(struct rk_target *t, const struct kc_entry *u,
	const struct rk_kube_flags *f, struct rk_err *err)
{
	const struct rk_val *groups = NULL, *extra = NULL, *v = u ? u->v : NULL;
	const char *as, *uid;

	if (kc_str(u, "as", &as, err) < 0 || kc_str(u, "as-uid", &uid, err) < 0)
		return -1;
	if (v && (rk_want_seq(v, &groups, err, "as-groups", NULL) < 0 ||
			 rk_want_map(v, &extra, err, "as-user-extra", NULL) < 0))
		return -1;
	as = f->as ? f->as : as;
	uid = f->as_uid ? f->as_uid : uid;
	if (!as || !*as) {
		if (uid || f->as_groups.n || (groups && groups->count) || (extra && extra->count))
			return rk_err_set(err, RK_FAIL,
				"impersonating a uid, groups or extras needs a user (--as)");
		return 0;
	}
	if (check_plain("--as", as, err) < 0 || check_plain("--as-uid", uid, err) < 0)
		return -1;
	add_header(t, "Impersonate-User", as);
	if (uid)
		add_header(t, "Impersonate-Uid", uid);
	if (add_groups(t, groups, f, err) < 0)
		return -1;
	return add_extras(t, extra, err);
}

/* --- in a pod --- */

static bool in_pod(const char *dir)
{
	const char *host = getenv("KUBERNETES_SERVICE_HOST");
	const char *port = getenv("KUBERNETES_SERVICE_PORT");
	rk_auto_free char *token = rk_asprintf("%s/token", dir);

	return host && *host && port && *port && access(token, F_OK) == 0;
}

static int pod_text(const char *dir, const char *name, char **out, struct rk_err *err)
{
	rk_auto_free char *path = rk_asprintf("%s/%s", dir, name);
	rk_auto_buf b = RK_BUF_INIT;

	*out = NULL;
	if (access(path, F_OK) != 0)
		return 0;
	if (rk_file_read(path, 1 << 20, &b, err) < 0)
		return -1;
	*out = trimmed(&b);
	return 0;
}

static int pod_ca(struct rk_target *t, const char *dir, struct rk_err *err)
{
	rk_auto_free char *path = rk_asprintf("%s/ca.crt", dir);

	if (access(path, F_OK) != 0)
		return 0; /* as client-go: the system's roots then */
	return rk_file_read(path, 1 << 20, &t->ca, err);
}

/* The service account; each of --server, --certificate-authority, --token-file replaces its part. */
static int take_pod(
	struct rk_target *t, const struct rk_kube_flags *f, const char *dir, struct rk_err *err)
{
	const char *host = getenv("KUBERNETES_SERVICE_HOST");
	const char *port = getenv("KUBERNETES_SERVICE_PORT");
	bool six = strchr(host, ':') && *host != '[';

	t->in_cluster = true;
	t->server = rk_asprintf("https://%s%s%s:%s", six ? "[" : "", host, six ? "]" : "", port);
	t->token_file = rk_asprintf("%s/token", dir);
	t->conf.tls_server_name = keep(t, f->tls_server_name);
	if (check_server(NULL, t->server, err) < 0)
		return -1;
	if (f->token_file) {
		free(t->token_file);
		t->token_file = rk_strdup(f->token_file);
	}
	if (f->certificate_authority ? take_ca(t, NULL, f, err) < 0 : pod_ca(t, dir, err) < 0)
		return -1;
	return read_token(t, err);
}

/* --- putting it together --- */

static int take_namespace(struct rk_target *t, const struct kc_entry *ctx,
	const struct rk_kube_flags *f, const char *dir, struct rk_err *err)
{
	const char *ns = f->ns, *pod = getenv("POD_NAMESPACE");

	if (!ns && kc_str(ctx, "namespace", &ns, err) < 0)
		return -1;
	if (ns && *ns) {
		t->ns = rk_strdup(ns);
		return 0;
	}
	if (!in_pod(dir))
		return 0;
	if (pod && *pod) {
		t->ns = rk_strdup(pod);
		return 0;
	}
	return pod_text(dir, "namespace", &t->ns, err);
}

static void finish_conf(struct rk_target *t, const struct rk_kube_flags *f)
{
	struct rk_http_conf *c = &t->conf;

	c->base = t->server;
	if (t->ca.len) {
		c->ca = t->ca.s;
		c->ca_len = t->ca.len;
	}
	if (t->cert.len) {
		c->cert = t->cert.s;
		c->cert_len = t->cert.len;
		c->key = t->key.s;
		c->key_len = t->key.len;
	}
	c->bearer = t->token;
	c->headers = t->headers.v;
	c->resolve = keep(t, f->resolve);
	if (f->request_timeout_ms > 0)
		c->request_ms = f->request_timeout_ms;
}

static int no_config(const struct rk_kubeconfig *kc, struct rk_err *err)
{
	if (kc->contexts.n) {
		rk_err_set(err, RK_NOTFOUND, "no current-context in %s", kc->searched);
		return rk_err_hint(err, "choose one with --context (kubectl config get-contexts)");
	}
	rk_err_set(err, RK_NOTFOUND, "no cluster to talk to: no %s %s",
		access(kc->searched, F_OK) == 0 ? "context in" : "kubeconfig at",
		*kc->searched ? kc->searched : "$HOME/.kube/config");
	return rk_err_hint(err, "give --kubeconfig FILE or set KUBECONFIG");
}

static void init_target(struct rk_target *t)
{
	*t = (struct rk_target){
		.ca = RK_BUF_INIT,
		.cert = RK_BUF_INIT,
		.key = RK_BUF_INIT_SECRET,
		.strings = rk_doc_new(true),
	};
}

static int take_entries(struct rk_target *t, const struct choice *c, const struct rk_kube_flags *f,
	struct rk_err *err)
{
	t->context = c->context ? rk_strdup(c->context->name) : NULL;
	t->cluster = c->cluster ? rk_strdup(c->cluster->name) : NULL;
	t->user = c->user ? rk_strdup(c->user->name) : NULL;
	if (take_server(t, c->cluster, f, err) < 0 || take_ca(t, c->cluster, f, err) < 0 ||
		take_cert(t, c->user, f, err) < 0 || take_token(t, c->user, f, err) < 0 ||
		take_basic(t, c->user, err) < 0 || take_plugin(t, c, err) < 0)
		return -1;
	return 0;
}

static int resolve(const struct rk_kubeconfig *kc, const struct rk_kube_flags *f, const char *dir,
	struct rk_target *t, struct rk_err *err)
{
	struct choice c = {0};

	if (choose_context(kc, f, &c, err) < 0 || choose_cluster(kc, f, &c, err) < 0 ||
		choose_user(kc, f, &c, err) < 0)
		return -1;
	if (!c.cluster && in_pod(dir)) {
		if (take_pod(t, f, dir, err) < 0)
			return rk_err_wrap(err, "service account of the pod");
		if (f->server &&
			(free(t->server), t->server = NULL, take_server(t, NULL, f, err) < 0))
			return -1;
	} else if (!c.cluster && !f->server) {
		return no_config(kc, err);
	} else if (take_entries(t, &c, f, err) < 0) {
		return -1;
	}
	if (take_impersonation(t, c.user, f, err) < 0 ||
		take_namespace(t, c.context, f, dir, err) < 0)
		return -1;
	finish_conf(t, f);
	return 0;
}

int rk_kubeconfig_resolve_in(const struct rk_kubeconfig *kc, const struct rk_kube_flags *flags,
	const char *pod_dir, struct rk_target *out, struct rk_err *err)
{
	static const struct rk_kube_flags none = {0};

	init_target(out);
	if (resolve(kc, flags ? flags : &none, pod_dir ? pod_dir : POD_DIR, out, err) == 0)
		return 0;
	rk_target_release(out);
	return -1;
}

int rk_kubeconfig_resolve(const struct rk_kubeconfig *kc, const struct rk_kube_flags *flags,
	struct rk_target *out, struct rk_err *err)
{
	return rk_kubeconfig_resolve_in(kc, flags, NULL, out, err);
}

int rk_target_check(const struct rk_target *t, struct rk_err *err)
{
	rk_auto_cert *cert = NULL;

	if (t->ca.len && rk_cert_bundle(t->ca.s, t->ca.len, NULL, err) < 0)
		return rk_err_wrap(err, "certificate-authority of cluster \"%s\"",
			t->cluster ? t->cluster : t->server);
	if (t->cert.len && (rk_cert_parse(&cert, t->cert.s, t->cert.len, err) < 0 ||
				   rk_cert_check_key(cert, t->key.s, t->key.len, err) < 0))
		return rk_err_wrap(err, "client certificate of user \"%s\"",
			t->user ? t->user : "--client-certificate");
	return 0;
}

int64_t rk_target_expires(const struct rk_target *t)
{
	rk_auto_cert *cert = NULL;

	if (!t->cert.len || rk_cert_parse(&cert, t->cert.s, t->cert.len, NULL) < 0)
		return 0;
	return rk_cert_not_after(cert);
}

void rk_target_release(struct rk_target *t)
{
	free(t->context);
	free(t->cluster);
	free(t->user);
	free(t->ns);
	free(t->server);
	free(t->token_file);
	free(t->exec_dir);
	rk_free_secret(t->token);
	rk_buf_release(&t->ca);
	rk_buf_release(&t->cert);
	rk_buf_release(&t->key);
	rk_doc_free(t->exec_doc);
	rk_strv_release(&t->headers);
	rk_doc_free(t->strings);
	*t = (struct rk_target){.ca = RK_BUF_INIT, .cert = RK_BUF_INIT, .key = RK_BUF_INIT_SECRET};
}

/* --- the same cluster? --- */

/* https://HOST:PORT/PATH as "host:port/path": lower case, port always there, no slash at the end. */
static void canonical(struct rk_buf *out, const char *url)
{
	const char *p = strstr(url, "://"), *end;
	bool colon = false;

	p = p ? p + 3 : url;
	end = p + strcspn(p, "/?#");
	for (const char *q = p; q < end; q++) {
		colon = *q == ':' ? true : *q == ']' ? false : colon;
		rk_buf_putc(out, (char)tolower((unsigned char)*q));
	}
	if (*p == '[' && end[-1] == ']')
		colon = false;
	if (!colon)
		rk_buf_puts(out, ":443");
	rk_buf_puts(out, end);
	while (out->len && out->s[out->len - 1] == '/')
		out->s[--out->len] = 0;
}

bool rk_kubeconfig_same_url(const char *a, const char *b)
{
	rk_auto_buf x = RK_BUF_INIT, y = RK_BUF_INIT;

	if (!a || !b)
		return false;
	canonical(&x, a);
	canonical(&y, b);
	return strcmp(x.s, y.s) == 0;
}

/* Bundles compared by their first certificate: order of the rest and blanks do not matter. */
bool rk_kubeconfig_same_ca(const char *a, size_t alen, const char *b, size_t blen)
{
	rk_auto_cert *x = NULL, *y = NULL;

	if (!alen || !blen)
		return alen == blen;
	if (rk_cert_parse(&x, a, alen, NULL) < 0 || rk_cert_parse(&y, b, blen, NULL) < 0)
		return alen == blen && memcmp(a, b, alen) == 0;
	return strcmp(rk_cert_fingerprint(x), rk_cert_fingerprint(y)) == 0;
}

bool rk_target_same_server(const struct rk_target *a, const struct rk_target *b)
{
	return rk_kubeconfig_same_url(a->server, b->server) &&
	       rk_kubeconfig_same_ca(a->ca.s, a->ca.len, b->ca.s, b->ca.len);
}
