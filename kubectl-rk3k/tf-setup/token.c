// SPDX-License-Identifier: Apache-2.0
/* The session, with a password or a token that was given, and the token for terraform: the existing
 * one while it is good, else a new one. */
#include "tool.h"

#define SECRET_MAX ((size_t)64 << 10)
#define DAY	   86400

/* --- the session --- */

/* One line from a file that only its owner can read, or standard input. */
static int read_secret(const char *path, const char *what, struct rk_buf *out, struct rk_err *err)
{
	if (rk_file_read_private(path, SECRET_MAX, out, err) < 0)
		return rk_err_wrap(err, "%s", what);
	rk_trim_secret(out);
	if (!out->len || strlen(out->s) != out->len || strchr(out->s, '\n'))
		return rk_err_set(err, RK_USAGE, "%s: %s must hold exactly one line", what, path);
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

static int get_bootstrap(struct job *j, struct rk_buf *out, struct rk_err *err)
{
	if (j->o->bootstrap_file)
		return read_secret(j->o->bootstrap_file, "bootstrap password", out, err);
	if (tf_rancher_secret(j, RK_BOOTSTRAP_SECRET, "bootstrapPassword", out, err) < 0)
		return -1;
	if (out->len)
		return 0;
	rk_err_set(err, RK_NOTFOUND, "Secret %s/%s of %s/%s holds no bootstrap password",
		RK_RANCHER_NS, RK_BOOTSTRAP_SECRET, j->ns, j->cluster);
	return rk_err_hint(err, "give --bootstrap-password-file FILE");
}

static int set_server_url(struct job *j, struct rk_err *err)
{
	rk_auto_free char *now = NULL;

	if (rk_rancher_setting(j->r, RK_RANCHER_SERVER_URL, &now, err) < 0)
		return -1;
	if (rk_streq(now, j->url))
		return 0;
	if (rk_rancher_set_setting(j->r, RK_RANCHER_SERVER_URL, j->url, err) == 0) {
		rk_note("server-url set to %s", j->url);
		return 0;
	}
	if (err->http != 405)
		return -1;
	rk_err_clear(err);
	rk_warn("server-url remains %s: it is set where Rancher is installed (CATTLE_SERVER_URL)",
		now);
	return 0;
}

/* The bootstrap password is valid until it is changed: a later run finds the new one in force. */
static int first_login(struct job *j, struct rk_err *err)
{
	rk_auto_buf boot = RK_BUF_INIT_SECRET, next = RK_BUF_INIT_SECRET;

	if (get_bootstrap(j, &boot, err) < 0 ||
		(j->o->password_file &&
			read_secret(j->o->password_file, "password", &next, err) < 0))
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
		rk_note("password of %s changed", j->o->user);
	}
	return set_server_url(j, err);
}

static int plain_login(struct job *j, struct rk_err *err)
{
	rk_auto_free char *question = rk_asprintf("Password of %s at %s:", j->o->user, j->url);
	rk_auto_buf password = RK_BUF_INIT_SECRET;

	if (j->o->password_file) {
		if (read_secret(j->o->password_file, "password", &password, err) < 0)
			return -1;
	} else if (rk_ask(question, true, &password, err) < 0) {
		return rk_err_hint(err, "give --password-file FILE (- is standard input) or "
					"--rancher-token-file FILE");
	}
	tf_guard(j);
	return log_in(j, password.s, err);
}

int tf_open_session(struct job *j, struct rk_err *err)
{
	rk_auto_buf token = RK_BUF_INIT_SECRET;
	rk_auto_free char *name = NULL, *id = NULL;
	struct rk_err why = RK_ERR_INIT;
	bool must_change = false;

	if (j->o->token_file) {
		if (read_secret(j->o->token_file, "Rancher token", &token, err) < 0)
			return -1;
		name = rk_rancher_token_name(token.s);
		if (!name)
			return rk_err_set(err, RK_USAGE, "%s holds no Rancher token (NAME:SECRET)",
				j->o->token_file);
		rk_rancher_use(j->r, token.s);
		j->given = rk_buf_detach(&token);
		tf_guard(j);
		return 0;
	}
	if (j->o->first_login ? first_login(j, err) < 0 : plain_login(j, err) < 0)
		return -1;
	if (j->o->first_login && j->o->password_file)
		return 0;
	/* Rancher's API lets such a user do everything; only its web page insists. */
	if (rk_rancher_me(j->r, &id, &must_change, &why) < 0 && !why.http && why.code <= 128)
		rk_warn("%s", why.msg);
	if (must_change)
		rk_warn("%s must change the password: use --first-login, or log in with a browser",
			j->o->user);
	return 0;
}

/* --- the token --- */

void tf_describe_expiry(const struct rk_rancher_token *t, struct rk_buf *out)
{
	char at[32];

	if (t->expires == RK_RANCHER_NEVER) {
		rk_buf_puts(out, "never expires");
	} else if (t->expires == RK_RANCHER_UNKNOWN) {
		rk_buf_puts(out, "expires at a time that the server does not report");
	} else {
		rk_time_format(t->expires, at);
		rk_buf_addf(out, "expires %s", at);
	}
}

static bool ends_within(const struct rk_rancher_token *t, int64_t seconds)
{
	return t->expires > 0 && t->expires - (int64_t)time(NULL) < seconds;
}

/* Whether the token of the tfvars, which is sent only to its own server, is still good. It is
 * replaced when a tenth of its life is left and the options allow a login. */
static int reuse(struct job *j, bool *good, struct rk_err *err)
{
	rk_auto_free char *name = j->old_token ? rk_rancher_token_name(j->old_token) : NULL;
	bool may_log_in = j->o->password_file || j->o->token_file || j->o->first_login;
	int64_t life;

	*good = false;
	if (!name || !rk_streq(j->old_url, j->url))
		return 0;
	rk_rancher_use(j->r, j->old_token);
	if (rk_rancher_token_get(j->r, name, &j->token, err) < 0) {
		if (err->http != 401 && err->http != 403 && err->http != 404)
			return -1;
		rk_err_clear(err);
		rk_note("the token in %s is no longer valid", j->tfvars);
		rk_rancher_use(j->r, NULL);
		return 0;
	}
	life = j->token.ttl_ms > 0 ? j->token.ttl_ms / 1000 : 10 * DAY;
	*good = j->token.live && !j->token.scoped && !j->o->renew &&
		!(may_log_in && ends_within(&j->token, life / 10));
	if (*good)
		j->token.value = rk_strdup(j->old_token);
	else
		rk_rancher_token_release(&j->token);
	return 0;
}

/* The true expiry is known a moment after the token is made. */
static int read_back(struct job *j, struct rk_err *err)
{
	struct rk_rancher_token t;

	rk_rancher_use(j->r, j->token.value);
	if (rk_rancher_token_get(j->r, j->token.name, &t, err) < 0)
		return rk_err_wrap(err, "the new token does not work");
	if (t.expires != RK_RANCHER_UNKNOWN)
		j->token.expires = t.expires;
	j->token.ttl_ms = t.ttl_ms;
	j->token.live = t.live;
	rk_rancher_token_release(&t);
	if (j->token.live)
		return 0;
	return rk_err_set(err, RK_FAIL, "%s: the new token has expired already", j->url);
}

int tf_authorise(struct job *j, struct rk_err *err)
{
	rk_auto_buf about = RK_BUF_INIT;
	rk_auto_free char *version = NULL;
	struct rk_err why = RK_ERR_INIT;
	bool good, maybe;

	if (reuse(j, &good, err) < 0)
		return -1;
	if (good)
		return 0;
	tf_describe(j, j->o->description, &about);
	if (tf_open_session(j, err) < 0)
		return -1;
	if (rk_rancher_token_make(j->r, about.s, j->o->ttl_ms, &j->token, &maybe, err) < 0) {
		j->lost |= maybe ? LOST_TOKEN : 0;
		return -1;
	}
	j->made = true;
	if (read_back(j, err) < 0)
		return -1;
	if (j->o->ttl_ms > 0 && j->token.ttl_ms > 0 && j->token.ttl_ms < j->o->ttl_ms)
		rk_warn("the server gives tokens %lld hours at most (setting %s), not %lld",
			(long long)(j->token.ttl_ms / 3600000), RK_RANCHER_MAX_TTL,
			(long long)(j->o->ttl_ms / 3600000));
	/* the setting that the provider reads first */
	if (rk_rancher_setting(j->r, "server-version", &version, &why) < 0 && why.code <= 128)
		rk_warn("%s: the terraform provider needs to read settings", why.msg);
	return 0;
}

/* The token that the new one replaces is ours when it has our description. It is read with itself,
 * else as the maker: Norman gives an ext token nothing before 2.15, and a token that is refused may
 * still exist. */
void tf_drop_old(struct job *j)
{
	rk_auto_free char *name = j->old_token ? rk_rancher_token_name(j->old_token) : NULL;
	struct rk_rancher_token t;
	struct rk_err err = RK_ERR_INIT;

	if (!name || !rk_streq(j->old_url, j->url) || rk_streq(name, j->token.name))
		return;
	rk_rancher_use(j->r, j->old_token);
	if (rk_rancher_token_get(j->r, name, &t, NULL) < 0) {
		tf_as_maker(j);
		if (rk_rancher_token_get(j->r, name, &t, &err) < 0) {
			if (err.http != 404)
				rk_warn("token %s is replaced in %s, and whether it still exists "
					"could not be determined: %s",
					name, j->tfvars, err.msg);
			return;
		}
	}
	if (!tf_is_described(t.description, j->o->description))
		rk_note("token %s is replaced in %s and remains valid", name, j->tfvars);
	else
		tf_drop_token(j, name, j->old_token);
	rk_rancher_token_release(&t);
}

void tf_show_token(const struct job *j)
{
	rk_auto_buf when = RK_BUF_INIT;

	tf_describe_expiry(&j->token, &when);
	if (ends_within(&j->token, 7 * DAY))
		rk_warn("token %s %s", j->token.name, when.s);
	else
		rk_note("token %s %s", j->token.name, when.s);
}
