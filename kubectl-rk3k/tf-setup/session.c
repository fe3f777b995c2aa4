// SPDX-License-Identifier: Apache-2.0
/* The session: passwords, the first login, or a token that was given. */
#include "tool.h"

#define SECRET_MAX ((size_t)64 << 10)

int tf_read_secret(const char *path, const char *what, struct rk_buf *out, struct rk_err *err)
{
	if (rk_file_read_private(path, SECRET_MAX, out, err) < 0)
		return rk_err_wrap(err, "%s", what);
	rk_trim_secret(out);
	if (!out->len || strlen(out->s) != out->len || strchr(out->s, '\n'))
		return rk_err_set(err, RK_USAGE, "%s: %s must hold exactly one line", what, path);
	return 0;
}

static int get_password(const struct job *j, struct rk_buf *out, struct rk_err *err)
{
	rk_auto_free char *question = rk_asprintf("Password of %s at %s:", j->o->user, j->url);

	if (j->o->password_file)
		return tf_read_secret(j->o->password_file, "password", out, err);
	if (rk_ask(question, true, out, err) < 0)
		return rk_err_hint(err, "give --password-file FILE (- is standard input) or "
					"--rancher-token-file FILE");
	return 0;
}

static int get_bootstrap(struct job *j, struct rk_buf *out, struct rk_err *err)
{
	if (j->o->bootstrap_file)
		return tf_read_secret(j->o->bootstrap_file, "bootstrap password", out, err);
	if (tf_secret_inside(j, "bootstrap-secret", "bootstrapPassword", out, err) < 0)
		return -1;
	if (out->len)
		return 0;
	rk_err_set(err, RK_NOTFOUND,
		"Secret %s/bootstrap-secret of %s/%s holds no bootstrap password", RK_RANCHER_NS,
		j->ns, j->cluster);
	return rk_err_hint(err, "give --bootstrap-password-file FILE");
}

static int set_server_url(struct job *j, struct rk_err *err)
{
	rk_auto_free char *now = NULL;

	if (rk_rancher_setting(j->r, RK_RANCHER_SERVER_URL, &now, err) < 0)
		return -1;
	if (rk_streq(now, j->url))
		return 0;
	if (rk_rancher_set_setting(j->r, RK_RANCHER_SERVER_URL, j->url, err) < 0) {
		if (err->http != 405)
			return -1;
		rk_err_clear(err);
		rk_warn("server-url is %s, set where Rancher is installed (CATTLE_SERVER_URL), and "
			"stays",
			now);
		return 0;
	}
	rk_note("server-url set to %s", j->url);
	return 0;
}

static int log_in(struct job *j, const char *password, struct rk_err *err)
{
	rk_auto_buf about = RK_BUF_INIT;

	tf_describe(j, "tf-setup", &about);
	if (rk_rancher_login(j->r, j->o->user, password, about.s, err) == 0) {
		j->in_session = true;
		return 0;
	}
	if (rk_rancher_maybe_done(err)) {
		j->lost |= LOST_SESSION;
		rk_buf_puts(&j->password, password);
	}
	if (err->http == 404) /* from 2.15 it can be hidden behind another provider */
		rk_err_hint(err, "local users cannot log in to this Rancher: make an API token in "
				 "the browser and give --rancher-token-file FILE");
	return -1;
}

/* The bootstrap password is good until it is changed: a later run finds the new one in force. */
static int first_login(struct job *j, struct rk_err *err)
{
	rk_auto_buf boot = RK_BUF_INIT_SECRET, next = RK_BUF_INIT_SECRET;
	bool changed = false;

	if (get_bootstrap(j, &boot, err) < 0 ||
		(j->o->password_file &&
			tf_read_secret(j->o->password_file, "password", &next, err) < 0))
		return -1;
	tf_guard(j);
	if (log_in(j, boot.s, err) < 0) {
		if (err->http != 401 || !next.len)
			return -1;
		rk_err_clear(err);
		if (log_in(j, next.s, err) < 0)
			return -1;
	} else if (next.len && !rk_streq(next.s, boot.s)) {
		if (rk_rancher_change_password(j->r, boot.s, next.s, err) < 0)
			return -1;
		changed = true;
	}
	if (changed)
		rk_note("password of %s changed", j->o->user);
	return set_server_url(j, err);
}

static int given_token(struct job *j, struct rk_err *err)
{
	rk_auto_buf token = RK_BUF_INIT_SECRET;
	rk_auto_free char *name = NULL;

	if (tf_read_secret(j->o->token_file, "Rancher token", &token, err) < 0)
		return -1;
	name = rk_rancher_token_name(token.s);
	if (!name)
		return rk_err_set(
			err, RK_USAGE, "%s holds no Rancher token (NAME:SECRET)", j->o->token_file);
	rk_rancher_use(j->r, token.s);
	j->given = rk_buf_detach(&token);
	tf_guard(j);
	return 0;
}

static int plain_login(struct job *j, struct rk_err *err)
{
	rk_auto_buf password = RK_BUF_INIT_SECRET;

	if (get_password(j, &password, err) < 0)
		return -1;
	tf_guard(j);
	return log_in(j, password.s, err);
}

/* Rancher's API lets such a user do everything; only its web page insists. */
static void warn_of_password(struct job *j)
{
	rk_auto_free char *id = NULL;
	struct rk_err err = RK_ERR_INIT;
	bool must = false;

	if (rk_rancher_me(j->r, &id, &must, &err) < 0 && !err.http && err.code <= 128)
		rk_warn("%s", err.msg);
	if (must)
		rk_warn("%s must change the password: --first-login does it, or log in with a "
			"browser",
			j->o->user);
}

int tf_open_session(struct job *j, struct rk_err *err)
{
	if (j->o->token_file)
		return given_token(j, err);
	if (j->o->first_login ? first_login(j, err) < 0 : plain_login(j, err) < 0)
		return -1;
	if (!j->o->first_login || !j->o->password_file)
		warn_of_password(j);
	return 0;
}
