// SPDX-License-Identifier: Apache-2.0
/* Who one is to the server: certificate, token, password, exec plugin, impersonation. */
#include <ctype.h>

#include "tls/tls.h"
#include "os/os.h"
#include "internal.h"

/* --- values --- */

char *kc_keep(struct rk_target *t, const char *s)
{
	return s ? rk_doc_strndup(t->strings, s, strlen(s)) : NULL;
}

int kc_plain(const char *what, const char *s, struct rk_err *err)
{
	for (const char *p = s; p && *p; p++)
		if (iscntrl((unsigned char)*p))
			return rk_err_set(err, RK_FAIL, "%s holds a control character", what);
	return 0;
}

/* HTTP/2 clients send at most 64 KiB of headers, all others included. */
#define TOKEN_MAX ((size_t)48 << 10)

int kc_check_token(const char *what, const char *s, struct rk_err *err)
{
	if (strlen(s) > TOKEN_MAX)
		return rk_err_set(err, RK_FAIL,
			"%s is too long for a request header: %zu bytes, "
			"at most %zu",
			what, strlen(s), TOKEN_MAX);
	return kc_plain(what, s, err);
}

/* --- identities --- */

/* One file may hold both, as the kubelet writes its own. */
static int admit_pair(
	struct rk_target *t, const struct kc_entry *u, const char *file, struct rk_err *err)
{
	const char *path = file, *name = u ? u->name : NULL;

	if (!path && kc_str(u, "client-certificate", &path, err) < 0)
		return -1;
	if (rk_cert_admit_tls(&t->cert, path != NULL, err) < 0)
		rk_err_wrap(err, "client certificate");
	else if (rk_cert_admit_tls_key(&t->key, err) < 0)
		rk_err_wrap(err, "client key");
	else
		return 0;
	return name ? rk_err_wrap(err, "user \"%s\"", name) : -1;
}

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
	if (!t->cert.len && !t->key.len)
		return 0;
	if (t->cert.len && t->key.len)
		return admit_pair(t, u, f->client_certificate, err);
	return rk_err_set(err, RK_FAIL, "user \"%s\" has a client %s", name,
		t->key.len ? "key without a certificate" : "certificate without a key");
}

char *kc_trimmed(const struct rk_buf *b)
{
	size_t from = 0, to = b->len;

	while (from < to && isspace((unsigned char)b->s[from]))
		from++;
	while (to > from && isspace((unsigned char)b->s[to - 1]))
		to--;
	return rk_strndup(b->s + from, to - from);
}

int kc_read_token(struct rk_target *t, struct rk_err *err)
{
	rk_auto_buf b = RK_BUF_INIT_SECRET;

	if (rk_file_read(t->token_file, 1 << 20, &b, err) < 0)
		return rk_err_wrap(err, "token file");
	rk_free_secret(t->token);
	t->token = kc_trimmed(&b);
	if (!*t->token)
		return rk_err_set(err, RK_FAIL, "token file %s is empty", t->token_file);
	return kc_check_token("the token", t->token, err);
}

/* The token of an entry is used while its file cannot be read or is empty, as in client-go. */
static int read_file_or(struct rk_target *t, const char *token, struct rk_err *err)
{
	struct rk_err why = RK_ERR_INIT;

	if (kc_read_token(t, &why) == 0)
		return 0;
	if (token) {
		rk_free_secret(t->token);
		t->token = rk_strdup(token);
		return kc_check_token("the token", token, err);
	}
	*err = why;
	return -1;
}

/* The file beats the token, as in client-go; it is read again later, so its path is kept. */
static int take_token(struct rk_target *t, const struct kc_entry *u, const struct rk_kube_flags *f,
	struct rk_err *err)
{
	const char *token, *file;

	if (kc_str(u, "token", &token, err) < 0 || kc_str(u, "tokenFile", &file, err) < 0)
		return -1;
	if (f->token_file) {
		t->token_file = rk_strdup(f->token_file);
		return kc_read_token(t, err);
	}
	if (file) {
		if (!u->file->dir && *file != '/')
			return rk_err_set(err, RK_FAIL,
				"%s: user \"%s\" has the relative tokenFile %s", u->file->path,
				u->name, file);
		t->token_file = rk_path_resolve(file, u->file->dir);
		if (read_file_or(t, token, err) < 0)
			return rk_err_wrap(err, "user \"%s\"", u->name);
		return 0;
	}
	if (!token)
		return 0;
	t->token = rk_strdup(token);
	if (kc_check_token("the token", token, err) < 0)
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
	t->conf.user = kc_keep(t, name ? name : "");
	t->conf.password = kc_keep(t, password ? password : "");
	return 0;
}

/* exec and auth-provider count only when nothing else is given. */
static int take_plugin(struct rk_target *t, const struct kc_entry *u,
	const struct kc_entry *cluster, struct rk_err *err)
{
	const struct rk_val *exec = NULL, *provider = NULL;

	if (!u || !u->v)
		return 0;
	if (rk_want_map(u->v, &exec, err, "exec", NULL) < 0 ||
		rk_want_map(u->v, &provider, err, "auth-provider", NULL) < 0)
		return -1;
	if (exec && provider)
		return rk_err_set(err, RK_FAIL, "%s: user \"%s\" has both exec and auth-provider",
			u->file->path, u->name);
	if (t->token || t->cert.len || t->conf.user)
		return 0;
	if (exec)
		return kc_take_exec(t, u, cluster, exec, err);
	if (provider)
		t->auth_provider = rk_copy(t->strings, provider);
	return 0;
}

/* --- auth-provider --- */

#define EARLY_S 10 /* client-go takes a token for expired so long before */

/* When a JWT expires, in seconds since 1970; -1: it is none, or does not say. */
static int64_t jwt_expires(const char *token)
{
	const char *from = strchr(token, '.'), *to = from ? strchr(from + 1, '.') : NULL;
	rk_auto_buf text = RK_BUF_INIT_SECRET, json = RK_BUF_INIT_SECRET;
	rk_auto_doc *d = rk_doc_new(true);
	struct rk_val *claims = NULL;
	const char *exp;

	if (!to || strchr(to + 1, '.'))
		return -1;
	for (const char *p = from + 1; p < to; p++)
		rk_buf_putc(&text, *p == '-' ? '+' : *p == '_' ? '/' : *p);
	while (text.len % 4)
		rk_buf_putc(&text, '=');
	if (rk_base64_decode(&json, text.s, text.len, NULL) < 0 ||
		rk_json_parse(d, json.s, json.len, &claims, NULL) < 0)
		return -1;
	exp = rk_str_loose(rk_get(claims, "exp", NULL));
	return exp ? (int64_t)strtod(exp, NULL) : -1;
}

int rk_target_provider(struct rk_target *t, struct rk_err *err)
{
	const char *name = rk_get_str(t->auth_provider, "name", NULL);
	const char *token = rk_get_str(t->auth_provider, "config", "id-token", NULL);
	const char *user = t->user ? t->user : "";
	int64_t expires = token && *token ? jwt_expires(token) : 0;

	if (!rk_streq(name, "oidc")) {
		rk_err_set(err, RK_FAIL,
			"user \"%s\" logs in with the auth-provider \"%s\", which Kubernetes "
			"removed in 1.26",
			user, name ? name : "");
		return rk_err_hint(err, "use its exec credential plugin instead");
	}
	if (expires < 0)
		return rk_err_set(err, RK_FAIL,
			"user \"%s\": the id-token of its auth-provider is not a JWT that says "
			"when "
			"it expires",
			user);
	if (expires <= (int64_t)time(NULL) + EARLY_S) {
		rk_err_set(err, RK_FAIL,
			"user \"%s\": the id-token of its auth-provider %s, and "
			"refreshing it is not supported",
			user, expires ? "has expired" : "is not set");
		return rk_err_hint(err,
			"run any kubectl command with this user first: it refreshes the "
			"token in the kubeconfig");
	}
	if (kc_check_token("the id-token", token, err) < 0)
		return rk_err_wrap(err, "user \"%s\"", user);
	rk_free_secret(t->token);
	t->token = rk_strdup(token);
	t->conf.bearer = t->token;
	return 0;
}

int kc_take_user(struct rk_target *t, const struct kc_entry *user, const struct kc_entry *cluster,
	const struct rk_kube_flags *f, struct rk_err *err)
{
	if (take_cert(t, user, f, err) < 0 || take_token(t, user, f, err) < 0 ||
		take_basic(t, user, err) < 0 || take_plugin(t, user, cluster, err) < 0)
		return -1;
	return 0;
}

/* --- impersonation --- */

static void add_header(struct rk_target *t, const char *name, const char *value)
{
	rk_strv_add(&t->headers, rk_doc_printf(t->strings, "%s: %s", name, value));
}

/* As client-go: every byte that is not a header character, and %, is percent-encoded. */
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
			if (kc_plain("as-user-extra", v->s, err) < 0)
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
		if (kc_plain("--as-group", f->as_groups.v[i], err) < 0)
			return -1;
		add_header(t, "Impersonate-Group", f->as_groups.v[i]);
	}
	if (f->as_groups.n)
		return 0;
	rk_each (g, groups) {
		if (!rk_str(g))
			return rk_err_set(err, RK_FAIL, "as-groups: expected a list of strings");
		if (kc_plain("as-groups", g->s, err) < 0)
			return -1;
		add_header(t, "Impersonate-Group", g->s);
	}
	return 0;
}

/* The same once more in the words of a user's entry. */
static void keep_as(struct rk_target *t, const char *as, const char *uid,
	const struct rk_val *groups, const struct rk_val *extra, const struct rk_kube_flags *f)
{
	struct rk_doc *d = t->strings;
	struct rk_val *m = rk_map(d), *given = rk_seq(d);

	for (size_t i = 0; i < f->as_groups.n; i++)
		rk_append_str(d, given, f->as_groups.v[i]);
	rk_set_str(d, m, "as", as);
	rk_set_str(d, m, "as-uid", uid);
	if (given->count || groups)
		rk_set(d, m, "as-groups", given->count ? given : rk_copy(d, groups));
	if (extra)
		rk_set(d, m, "as-user-extra", rk_copy(d, extra));
	t->as = m;
}

int kc_take_impersonation(struct rk_target *t, const struct kc_entry *u,
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
	if (kc_plain("--as", as, err) < 0 || kc_plain("--as-uid", uid, err) < 0)
		return -1;
	add_header(t, "Impersonate-User", as);
	if (uid)
		add_header(t, "Impersonate-Uid", uid);
	if (add_groups(t, groups, f, err) < 0)
		return -1;
	keep_as(t, as, uid, groups, extra, f);
	return add_extras(t, extra, err);
}
