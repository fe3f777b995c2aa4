// SPDX-License-Identifier: Apache-2.0
/* Login and logout, the user, settings. */
#include "internal.h"

static void set_token(struct rk_rancher *r, const char *token)
{
	char *copy = token ? rk_strdup(token) : NULL;

	rk_free_secret(r->token);
	r->token = copy;
	rk_http_set_bearer(r->http, copy);
	r->hide[0] = copy ? copy : "";
}

void rk_rancher_use(struct rk_rancher *r, const char *token)
{
	set_token(r, token ? token : r->session);
}

static int login_at(struct rk_rancher *r, const char *path, const struct rk_val *body,
	const char *what, struct rk_err *err)
{
	rk_auto_doc *d = rk_doc_new(true);
	rk_auto_free char *name = NULL;
	const char *token;
	struct rk_val *v;

	if (rk_rancher_json(r, "POST", path, body, what, d, &v, err) < 0)
		return -1;
	if (rk_need_str(v, &token, err, "token", NULL) < 0)
		return rk_rancher_malformed(r, what, err);
	name = rk_rancher_token_name(token);
	if (!name)
		return rk_err_set(err, RK_FAIL, "%s: %s: the answer holds no token", r->base, what);
	rk_free_secret(r->session);
	r->session = rk_strdup(token);
	set_token(r, token);
	return 0;
}

/* An answer that Rancher itself gave, and in which it refused, is the only certain "no". */
bool rk_rancher_maybe_done(const struct rk_err *err)
{
	if (err->http)
		return err->http == 408 || (err->http >= 502 && err->http <= 504);
	return err->reason != RK_REASON_RESOLVE && err->reason != RK_REASON_REFUSED &&
	       err->reason != RK_REASON_UNREACHABLE && err->reason != RK_REASON_TLS &&
	       err->reason != RK_REASON_PROXY;
}

int rk_rancher_login(struct rk_rancher *r, const char *user, const char *password,
	const char *description, struct rk_err *err)
{
	static const char *const paths[] = {
		"/v1-public/login", "/v3-public/localProviders/local?action=login"};
	rk_auto_doc *d = rk_doc_new(true);
	struct rk_val *body = rk_map(d);
	rk_auto_free char *what = rk_asprintf("log in as %s", user);
	int first = rk_rancher_since(r, 13) ? 0 : 1, rc;

	rk_set_str(d, body, "type", "localProvider"); /* without it the newer API says 422 */
	rk_set_str(d, body, "username", user);
	rk_set_str(d, body, "password", password);
	rk_set_str(d, body, "description", description);
	rk_set_str(d, body, "responseType", "json");
	set_token(r, NULL);
	r->hide[0] = "";
	r->hide[1] = password;
	rc = login_at(r, paths[first], body, what, err);
	if (rc < 0 && rk_rancher_lacks(err)) {
		rk_err_clear(err);
		rc = login_at(r, paths[1 - first], body, what, err);
	}
	r->hide[1] = NULL;
	if (rc < 0 && err->http == 401)
		rk_err_hint(err, "wrong user name or password; a bootstrap password is valid "
				 "until it is first changed");
	else if (rc < 0 && err->http == 403)
		rk_err_hint(err, "user %s is disabled: another administrator can enable it again",
			user);
	return rc;
}

char *rk_rancher_session(const struct rk_rancher *r)
{
	return r->session ? rk_rancher_token_name(r->session) : NULL;
}

int rk_rancher_logout(struct rk_rancher *r, struct rk_err *err)
{
	static const char *const paths[] = {"/v1/logout", "/v3/tokens?action=logout"};
	int first = rk_rancher_since(r, 13) ? 0 : 1, rc;

	if (!r->session)
		return 0;
	set_token(r, r->session);
	for (int i = 0;; i++) {
		rk_auto_http_res res = RK_HTTP_RES_INIT;
		rc = rk_rancher_call(r, "POST", paths[first ^ i], NULL, "log out", &res, err);
		if (rc == 0 || i == 1 || !rk_rancher_lacks(err))
			break;
		rk_err_clear(err);
	}
	rk_free_secret(rk_steal(&r->session));
	set_token(r, NULL);
	return rc;
}

/* --- users and settings --- */

int rk_rancher_me(struct rk_rancher *r, char **id, bool *must_change, struct rk_err *err)
{
	rk_auto_doc *d = rk_doc_new(false);
	const struct rk_val *data = NULL, *me;
	struct rk_val *v;
	const char *name = NULL, *what = "read the current user";

	*id = NULL;
	*must_change = false;
	if (rk_rancher_json(r, "GET", "/v3/users?me=true", NULL, what, d, &v, err) < 0)
		return -1;
	if (rk_want_seq(v, &data, err, "data", NULL) < 0)
		return rk_rancher_malformed(r, what, err);
	me = rk_at(data, 0);
	if (!me)
		return rk_err_set(err, RK_FAIL, "%s: %s: the answer has no user", r->base, what);
	if (rk_need_str(me, &name, err, "id", NULL) < 0 ||
		rk_want_bool(me, must_change, err, "mustChangePassword", NULL) < 0)
		return rk_rancher_malformed(r, what, err);
	*id = rk_strdup(name);
	return 0;
}

int rk_rancher_change_password(
	struct rk_rancher *r, const char *current, const char *next, struct rk_err *err)
{
	rk_auto_http_res res = RK_HTTP_RES_INIT;
	rk_auto_doc *d = rk_doc_new(true);
	struct rk_val *body = rk_map(d);
	int rc;

	rk_set_str(d, body, "currentPassword", current);
	rk_set_str(d, body, "newPassword", next);
	r->hide[1] = current;
	r->hide[2] = next;
	rc = rk_rancher_call(r, "POST", "/v3/users?action=changepassword", body,
		"change the password", &res, err);
	r->hide[1] = r->hide[2] = NULL;
	return rc;
}

static char *setting_path(const char *name)
{
	rk_auto_buf path = RK_BUF_INIT;

	rk_buf_puts(&path, "/v3/settings/");
	rk_urlencode(&path, name);
	return rk_buf_detach(&path);
}

int rk_rancher_setting(struct rk_rancher *r, const char *name, char **value, struct rk_err *err)
{
	rk_auto_doc *d = rk_doc_new(false);
	rk_auto_free char *path = setting_path(name), *what = rk_asprintf("read setting %s", name);
	const char *text = "", *fallback = "";
	struct rk_val *v;

	*value = NULL;
	if (rk_rancher_json(r, "GET", path, NULL, what, d, &v, err) < 0)
		return -1;
	if (rk_want_str(v, &text, err, "value", NULL) < 0 ||
		rk_want_str(v, &fallback, err, "default", NULL) < 0)
		return rk_rancher_malformed(r, what, err);
	if (!rk_streq(rk_get_str(v, "id", NULL), name))
		return rk_rancher_unexpected(r, what, "it is about another setting", err);
	*value = rk_strdup(*text ? text : fallback);
	return 0;
}

int rk_rancher_set_setting(
	struct rk_rancher *r, const char *name, const char *value, struct rk_err *err)
{
	rk_auto_http_res res = RK_HTTP_RES_INIT;
	rk_auto_free char *path = setting_path(name), *what = rk_asprintf("set setting %s", name);
	rk_auto_doc *d = rk_doc_new(false);
	struct rk_val *body = rk_map(d);

	rk_set_str(d, body, "value", value);
	return rk_rancher_call(r, "PUT", path, body, what, &res, err);
}
