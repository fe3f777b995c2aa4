// SPDX-License-Identifier: Apache-2.0
/* Who one is to the server: certificate, token, password, exec plugin, impersonation. */
#include <ctype.h>

#include "tls/tls.h"
#include "os/os.h"
#include "internal.h"

/* --- values --- */

char *kc_keep(struct rk_target *t, const char *s)
{
	return s ? rk_doc_strndup(t->doc, s, strlen(s)) : NULL;
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

int kc_use_token(struct rk_target *t, const char *what, const char *token, struct rk_err *err)
{
	if (strlen(token) > TOKEN_MAX)
		return rk_err_set(err, RK_FAIL,
			"%s is too long for a request header: %zu bytes, at most %zu", what,
			strlen(token), TOKEN_MAX);
	if (kc_plain(what, token, err) < 0)
		return -1;
	rk_free_secret(t->token);
	t->token = rk_strdup(token);
	t->conf.bearer = t->token;
	return 0;
}

int kc_admit_pair(struct rk_buf *cert, struct rk_buf *key, struct rk_err *err)
{
	rk_auto_cert *c = NULL;

	if (rk_cert_admit(cert, false, err) < 0 || rk_cert_admit_key(key, err) < 0 ||
		rk_cert_parse(&c, cert->s, cert->len, err) < 0)
		return -1;
	return rk_cert_check_key(c, key->s, key->len, err);
}

/* --- identities --- */

static int take_cert(struct rk_target *t, const struct kc_entry *u, const struct rk_kube_flags *f,
	struct rk_err *err)
{
	const char *path = f->client_certificate;
	int rc;

	if (kc_material(u, "client-certificate", f->client_certificate, &t->cert, err) < 0 ||
		kc_material(u, "client-key", f->client_key, &t->key, err) < 0)
		return -1;
	if (!t->cert.len && !t->key.len)
		return 0;
	if (!t->cert.len || !t->key.len)
		return rk_err_set(err, RK_FAIL, "user \"%s\" has a client %s",
			u ? u->name : "--client-certificate",
			t->key.len ? "key without a certificate" : "certificate without a key");
	/* One file may hold both, as the kubelet writes its own. */
	if (!path && kc_str(u, "client-certificate", &path, err) < 0)
		return -1;
	rc = rk_cert_admit_tls(&t->cert, path != NULL, err);
	if (rc < 0)
		rk_err_wrap(err, "client certificate");
	else if ((rc = rk_cert_admit_tls_key(&t->key, err)) < 0)
		rk_err_wrap(err, "client key");
	return rc < 0 && u ? rk_err_wrap(err, "user \"%s\"", u->name) : rc;
}

char *kc_trimmed(const struct rk_buf *b)
{
	static const char blank[] = " \t\n\v\f\r";
	const char *s = b->s + strspn(b->s, blank);
	size_t n = strlen(s);

	while (n && strchr(blank, s[n - 1]))
		n--;
	return rk_strndup(s, n);
}

int kc_read_token(struct rk_target *t, struct rk_err *err)
{
	rk_auto_buf b = RK_BUF_INIT_SECRET;
	char *token;
	int rc;

	if (rk_file_read(t->token_file, 1 << 20, &b, err) < 0)
		return rk_err_wrap(err, "token file");
	token = kc_trimmed(&b);
	rc = *token ? kc_use_token(t, "the token", token, err)
		    : rk_err_set(err, RK_FAIL, "token file %s is empty", t->token_file);
	rk_free_secret(token);
	return rc;
}

/* The file beats the token, which is used while the file cannot be read or is empty, as in client-go; the
 * file is read again later, so its path is kept. */
static int take_token(struct rk_target *t, const struct kc_entry *u, const struct rk_kube_flags *f,
	struct rk_err *err)
{
	struct rk_err why = RK_ERR_INIT;
	const char *token, *file;

	if (kc_str(u, "token", &token, err) < 0 || kc_str(u, "tokenFile", &file, err) < 0)
		return -1;
	if (f->token_file) {
		t->token_file = rk_strdup(f->token_file);
		return kc_read_token(t, err);
	}
	if (file && !u->file->dir && *file != '/')
		return rk_err_set(err, RK_FAIL, "%s: user \"%s\" has the relative tokenFile %s",
			u->file->path, u->name, file);
	if (file) {
		t->token_file = rk_path_resolve(file, u->file->dir);
		if (kc_read_token(t, &why) == 0)
			return 0;
		if (!token) {
			*err = why;
			return rk_err_wrap(err, "user \"%s\"", u->name);
		}
	}
	if (token && kc_use_token(t, "the token", token, err) < 0)
		return rk_err_wrap(err, "user \"%s\"", u->name);
	return 0;
}

int kc_take_user(struct rk_target *t, const struct kc_entry *u, const struct kc_entry *cluster,
	const struct rk_kube_flags *f, struct rk_err *err)
{
	const struct rk_val *exec = NULL, *provider = NULL;
	const char *name, *password;

	if (take_cert(t, u, f, err) < 0 || take_token(t, u, f, err) < 0 ||
		kc_str(u, "username", &name, err) < 0 || kc_str(u, "password", &password, err) < 0)
		return -1;
	if ((name || password) && t->token)
		return rk_err_set(err, RK_FAIL,
			"%s: user \"%s\" has more than one way to log in: a token and a password",
			u->file->path, u->name);
	if (name || password) {
		t->conf.user = kc_keep(t, name ? name : "");
		t->conf.password = kc_keep(t, password ? password : "");
	}

	if (!u || !u->v)
		return 0;
	if (rk_want_map(u->v, &exec, err, "exec", NULL) < 0 ||
		rk_want_map(u->v, &provider, err, "auth-provider", NULL) < 0)
		return -1;
	if (exec && provider)
		return rk_err_set(err, RK_FAIL, "%s: user \"%s\" has both exec and auth-provider",
			u->file->path, u->name);
	/* These two count only when nothing else is given. */
	if (t->token || t->cert.len || t->conf.user)
		return 0;
	if (exec)
		return kc_take_exec(t, u, cluster, exec, err);
	if (provider)
		t->auth_provider = rk_copy(t->doc, provider);
	return 0;
}

/* --- auth-provider --- */

#define EARLY_S 10 /* client-go takes a token for expired so long before */

const struct rk_val *rk_kubeconfig_claims(struct rk_doc *d, const char *token)
{
	const char *from = strchr(token, '.'), *to = from ? strchr(from + 1, '.') : NULL;
	rk_auto_buf text = RK_BUF_INIT_SECRET, json = RK_BUF_INIT_SECRET;
	struct rk_val *claims = NULL;

	if (!to || strchr(to + 1, '.'))
		return NULL;
	for (const char *p = from + 1; p < to; p++)
		rk_buf_putc(&text, *p == '-' ? '+' : *p == '_' ? '/' : *p);
	while (text.len % 4)
		rk_buf_putc(&text, '=');
	if (rk_base64_decode(&json, text.s, text.len, NULL) < 0 ||
		rk_json_parse(d, json.s, json.len, &claims, NULL) < 0)
		return NULL;
	return claims;
}

int rk_target_provider(struct rk_target *t, struct rk_err *err)
{
	const char *name = rk_get_str(t->auth_provider, "name", NULL);
	const char *token = rk_get_str(t->auth_provider, "config", "id-token", NULL);
	const char *user = t->user ? t->user : "", *exp = NULL;
	rk_auto_doc *d = rk_doc_new(true);
	bool given = token && *token;

	if (!rk_streq(name, "oidc")) {
		rk_err_set(err, RK_FAIL,
			"user \"%s\" logs in with the auth-provider \"%s\", which Kubernetes "
			"removed in 1.26",
			user, name ? name : "");
		return rk_err_hint(err, "use its exec credential plugin instead");
	}
	if (given)
		exp = rk_str_loose(rk_get(rk_kubeconfig_claims(d, token), "exp", NULL));
	if (given && (!exp || strtod(exp, NULL) < 0))
		return rk_err_set(err, RK_FAIL,
			"user \"%s\": the id-token of its auth-provider is not a JWT that says "
			"when it expires",
			user);
	if (!given || (int64_t)strtod(exp, NULL) <= (int64_t)time(NULL) + EARLY_S) {
		rk_err_set(err, RK_FAIL,
			"user \"%s\": the id-token of its auth-provider %s, and "
			"refreshing it is not supported",
			user, given ? "has expired" : "is not set");
		return rk_err_hint(err,
			"run any kubectl command with this user first: it refreshes the "
			"token in the kubeconfig");
	}
	if (kc_use_token(t, "the id-token", token, err) < 0)
		return rk_err_wrap(err, "user \"%s\"", user);
	return 0;
}

/* --- impersonation --- */

/* Header NAME: VALUE; key is the field that the value is of, for messages. */
static int add_header(struct rk_target *t, const char *name, const char *key, const char *value,
	struct rk_err *err)
{
	if (kc_plain(key, value, err) < 0)
		return -1;
	if (value)
		rk_strv_add(&t->headers, rk_doc_printf(t->doc, "%s: %s", name, value));
	return 0;
}

static int add_list(struct rk_target *t, const char *name, const char *key,
	const struct rk_val *list, struct rk_err *err)
{
	rk_each (v, list) {
		if (!rk_str(v))
			return rk_err_set(err, RK_FAIL, "%s: expected a list of strings", key);
		if (add_header(t, name, key, v->s, err) < 0)
			return -1;
	}
	return 0;
}

/* As client-go: every byte that is not a header character, and %, is percent-encoded. */
static int add_extra(struct rk_target *t, const struct rk_val *m, struct rk_err *err)
{
	const char *key = rk_doc_printf(t->doc, "as-user-extra.%s", m->key);
	rk_auto_buf name = RK_BUF_INIT;

	if (m->kind != RK_SEQ && m->kind != RK_NULL)
		return rk_err_set(err, RK_FAIL, "%s: expected a list", key);
	rk_buf_puts(&name, "Impersonate-Extra-");
	for (const char *p = m->key; *p; p++) {
		bool plain = isalnum((unsigned char)*p) || strchr("!#$&'*+-.^_`|~", *p);

		rk_buf_addf(&name, plain ? "%c" : "%%%02x", (unsigned char)*p);
	}
	return add_list(t, name.s, key, m, err);
}

/* As headers, and once more as in a user's entry. */
int kc_take_impersonation(struct rk_target *t, const struct kc_entry *u,
	const struct rk_kube_flags *f, struct rk_err *err)
{
	const struct rk_val *groups = NULL, *extra = NULL, *v = u ? u->v : NULL;
	struct rk_doc *d = t->doc;
	struct rk_val *m = rk_map(d), *given = rk_seq(d);
	const char *as, *uid;

	if (kc_str(u, "as", &as, err) < 0 || kc_str(u, "as-uid", &uid, err) < 0 ||
		(v && (rk_want_seq(v, &groups, err, "as-groups", NULL) < 0 ||
			      rk_want_map(v, &extra, err, "as-user-extra", NULL) < 0)))
		return -1;
	as = f->as ? f->as : as;
	uid = f->as_uid ? f->as_uid : uid;
	if (!as || !*as) {
		if (uid || f->as_groups.n || (groups && groups->count) || (extra && extra->count))
			return rk_err_set(err, RK_FAIL,
				"impersonating a uid, groups or extras needs a user (--as)");
		return 0;
	}
	for (size_t i = 0; i < f->as_groups.n; i++)
		rk_append_str(d, given, f->as_groups.v[i]);
	groups = given->count ? given : groups;
	if (add_header(t, "Impersonate-User", "--as", as, err) < 0 ||
		add_header(t, "Impersonate-Uid", "--as-uid", uid, err) < 0 ||
		add_list(t, "Impersonate-Group", given->count ? "--as-group" : "as-groups", groups,
			err) < 0)
		return -1;
	rk_each (x, extra)
		if (add_extra(t, x, err) < 0)
			return -1;
	rk_set_str(d, m, "as", as);
	rk_set_str(d, m, "as-uid", uid);
	if (groups)
		rk_set(d, m, "as-groups", rk_copy(d, groups));
	if (extra)
		rk_set(d, m, "as-user-extra", rk_copy(d, extra));
	t->as = m;
	return 0;
}
