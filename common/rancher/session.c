// SPDX-License-Identifier: Apache-2.0
/* Login and logout, the user, settings. */
#include "internal.h"

static void set_token(struct rk_rancher *r, const char *token)
{
	r->token = token ? rk_doc_printf(r->d, "%s", token) : NULL;
	rk_http_set_bearer(r->http, r->token);
	r->hide[0] = token ? r->token : "";
}

void rk_rancher_use(struct rk_rancher *r, const char *token)
{
	set_token(r, token ? token : r->session);
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

/* POST to the path of this server's generation, else to the other's: the newer one is from 2.13 on, and
 * of a version without a number ("head"). */
static int post(struct rk_rancher *r, const char *newer, const char *older,
	const struct rk_val *body, const char *what, struct rk_doc *d, struct rk_val **out,
	struct rk_err *err)
{
	int64_t v[3];
	bool old = rk_version_parse(r->version, v) && !rk_version_at_least(r->version, 2, 13);
	int rc = rk_rancher_json(r, "POST", old ? older : newer, body, what, d, out, err);

	if (rc == 0 || !rk_rancher_lacks(err))
		return rc;
	rk_err_clear(err);
	return rk_rancher_json(r, "POST", old ? newer : older, body, what, d, out, err);
}

int rk_rancher_login(struct rk_rancher *r, const char *user, const char *password,
	const char *description, struct rk_err *err)
{
	rk_auto_doc *d = rk_doc_new(true);
	struct rk_val *body = rk_map(d), *v;
	const char *what = rk_doc_printf(d, "log in as %s", user), *token;
	int rc;

	rk_set_str(d, body, "type", "localProvider"); /* without it the newer API says 422 */
	rk_set_str(d, body, "username", user);
	rk_set_str(d, body, "password", password);
	rk_set_str(d, body, "description", description);
	rk_set_str(d, body, "responseType", "json");
	set_token(r, NULL);
	r->hide[1] = password;
	rc = post(r, "/v1-public/login", "/v3-public/localProviders/local?action=login", body, what,
		d, &v, err);
	r->hide[1] = NULL;
	if (rc < 0 && err->http == 401)
		return rk_err_hint(err,
			"wrong user name or password; a bootstrap password is valid "
			"until it is first changed");
	if (rc < 0 && err->http == 403)
		return rk_err_hint(err,
			"user %s is disabled: another administrator can enable it again", user);
	if (rc < 0)
		return -1;
	if (rk_need_str(v, &token, err, "token", NULL) < 0)
		return rk_rancher_malformed(r, what, NULL, err);
	if (!rk_rancher_token_name(d, token))
		return rk_rancher_malformed(r, what, "the answer holds no token", err);
	set_token(r, token);
	r->session = r->token;
	return 0;
}

const char *rk_rancher_session(const struct rk_rancher *r, struct rk_doc *d)
{
	return r->session ? rk_rancher_token_name(d, r->session) : NULL;
}

int rk_rancher_logout(struct rk_rancher *r, struct rk_err *err)
{
	int rc;

	if (!r->session)
		return 0;
	set_token(r, r->session);
	rc = post(r, "/v1/logout", "/v3/tokens?action=logout", NULL, "log out", NULL, NULL, err);
	r->session = NULL;
	set_token(r, NULL);
	return rc;
}

/* --- users and settings --- */

int rk_rancher_must_change(struct rk_rancher *r, bool *must_change, struct rk_err *err)
{
	static const char what[] = "read the current user";
	rk_auto_doc *d = rk_doc_new(false);
	const struct rk_val *data = NULL;
	struct rk_val *v;
	const char *id;

	*must_change = false;
	if (rk_rancher_json(r, "GET", "/v3/users?me=true", NULL, what, d, &v, err) < 0)
		return -1;
	if (rk_want_seq(v, &data, err, "data", NULL) < 0)
		return rk_rancher_malformed(r, what, NULL, err);
	if (!data || !data->child)
		return rk_rancher_malformed(r, what, "the answer has no user", err);
	if (rk_need_str(data->child, &id, err, "id", NULL) < 0 ||
		rk_want_bool(data->child, must_change, err, "mustChangePassword", NULL) < 0)
		return rk_rancher_malformed(r, what, NULL, err);
	return 0;
}

int rk_rancher_change_password(
	struct rk_rancher *r, const char *current, const char *next, struct rk_err *err)
{
	rk_auto_doc *d = rk_doc_new(true);
	struct rk_val *body = rk_map(d);
	int rc;

	rk_set_str(d, body, "currentPassword", current);
	rk_set_str(d, body, "newPassword", next);
	r->hide[1] = current;
	r->hide[2] = next;
	rc = rk_rancher_json(r, "POST", "/v3/users?action=changepassword", body,
		"change the password", d, NULL, err);
	r->hide[1] = r->hide[2] = NULL;
	return rc;
}

int rk_rancher_setting(struct rk_rancher *r, struct rk_doc *d, const char *name, const char **value,
	struct rk_err *err)
{
	const char *path = rk_rancher_path(d, "/v3/settings/", name, "");
	const char *what = rk_doc_printf(d, "read setting %s", name);
	const char *text = "", *fallback = "";
	struct rk_val *v;

	if (rk_rancher_json(r, "GET", path, NULL, what, d, &v, err) < 0)
		return -1;
	if (rk_want_str(v, &text, err, "value", NULL) < 0 ||
		rk_want_str(v, &fallback, err, "default", NULL) < 0)
		return rk_rancher_malformed(r, what, NULL, err);
	if (!rk_streq(rk_get_str(v, "id", NULL), name))
		return rk_rancher_malformed(
			r, what, "unexpected answer: it is about another setting", err);
	*value = *text ? text : fallback;
	return 0;
}

int rk_rancher_set_setting(
	struct rk_rancher *r, const char *name, const char *value, struct rk_err *err)
{
	rk_auto_doc *d = rk_doc_new(false);
	struct rk_val *body = rk_map(d);

	rk_set_str(d, body, "value", value);
	return rk_rancher_json(r, "PUT", rk_rancher_path(d, "/v3/settings/", name, ""), body,
		rk_doc_printf(d, "set setting %s", name), d, NULL, err);
}
