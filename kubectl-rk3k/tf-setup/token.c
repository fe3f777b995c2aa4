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
	if (rk_rancher_login(j->r, j->o->user, password, tf_describe(j, "tf-setup"), err) == 0) {
		j->in_session = true;
		return 0;
	}
	if (rk_rancher_maybe_done(err)) {
		j->lost |= LOST_SESSION;
		j->password = rk_doc_strndup(j->d, password, strlen(password));
	}
	if (err->http == 404) /* from 2.15 it can be hidden behind another provider */
		rk_err_hint(err, "local users cannot log in to this Rancher: make an API token in "
				 "the browser and give --rancher-token-file FILE");
	return -1;
}

static int set_server_url(struct job *j, struct rk_err *err)
{
	const char *now;

	if (rk_rancher_setting(j->r, j->d, RK_RANCHER_SERVER_URL, &now, err) < 0)
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
	const struct opts *o = j->o;
	rk_auto_buf boot = RK_BUF_INIT_SECRET, next = RK_BUF_INIT_SECRET;

	if (o->bootstrap_file ? read_secret(o->bootstrap_file, "bootstrap password", &boot, err) < 0
			      : tf_rancher_secret(
					j, "bootstrap-secret", "bootstrapPassword", &boot, err) < 0)
		return -1;
	if (!boot.len) {
		rk_err_set(err, RK_NOTFOUND, "Secret %s/%s of %s/%s holds no bootstrap password",
			RK_RANCHER_NS, RK_BOOTSTRAP_SECRET, j->ns, j->cluster);
		return rk_err_hint(err, "give --bootstrap-password-file FILE");
	}
	if (o->password_file && read_secret(o->password_file, "password", &next, err) < 0)
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
		rk_note("password of %s changed", o->user);
	}
	return set_server_url(j, err);
}

static int plain_login(struct job *j, struct rk_err *err)
{
	const char *question = rk_doc_printf(j->d, "Password of %s at %s:", j->o->user, j->url);
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
	const char *file = j->o->token_file;
	rk_auto_buf token = RK_BUF_INIT_SECRET;
	struct rk_err why = RK_ERR_INIT;
	bool must_change;

	if (file) {
		if (read_secret(file, "Rancher token", &token, err) < 0)
			return -1;
		if (!rk_rancher_token_name(j->d, token.s))
			return rk_err_set(
				err, RK_USAGE, "%s holds no Rancher token (NAME:SECRET)", file);
		j->given = rk_doc_strndup(j->d, token.s, token.len);
		rk_rancher_use(j->r, j->given);
		tf_guard(j);
		return 0;
	}
	if (j->o->first_login ? first_login(j, err) < 0 : plain_login(j, err) < 0)
		return -1;
	if (j->o->first_login && j->o->password_file)
		return 0;
	/* Rancher's API lets such a user do everything; only its web page insists. */
	if (rk_rancher_must_change(j->r, &must_change, &why) < 0 && !why.http && why.code <= 128)
		rk_warn("%s", why.msg);
	if (must_change)
		rk_warn("%s must change the password: use --first-login, or log in with a browser",
			j->o->user);
	return 0;
}

/* --- the token --- */

const char *tf_expiry(const struct job *j)
{
	char at[32];

	if (j->token.expires == RK_RANCHER_NEVER)
		return "never expires";
	if (j->token.expires == RK_RANCHER_UNKNOWN)
		return "expires at a time that the server does not report";
	rk_time_format(j->token.expires, at);
	return rk_doc_printf(j->d, "expires %s", at);
}

static bool ends_within(const struct rk_rancher_token *t, int64_t seconds)
{
	return t->expires > 0 && t->expires - (int64_t)time(NULL) < seconds;
}

/* Whether the token of the tfvars, which is sent only to its own server, is still good; then it is
 * j->token. It is replaced when a tenth of its life is left and the options allow a login. */
static int reuse(struct job *j, bool *good, struct rk_err *err)
{
	bool may_log_in = j->o->password_file || j->o->token_file || j->o->first_login;
	struct rk_rancher_token t;
	int64_t life;

	*good = false;
	if (!j->old.name || !rk_streq(j->old_url, j->url))
		return 0;
	rk_rancher_use(j->r, j->old.value);
	if (rk_rancher_token_get(j->r, j->d, j->old.name, &t, err) < 0) {
		if (err->http != 401 && err->http != 403 && err->http != 404)
			return -1;
		rk_err_clear(err);
		rk_note("the token in %s is no longer valid", j->tfvars);
		rk_rancher_use(j->r, NULL);
		return 0;
	}
	life = t.ttl_ms > 0 ? t.ttl_ms / 1000 : 10 * DAY;
	*good = t.live && !t.scoped && !j->o->renew && !(may_log_in && ends_within(&t, life / 10));
	if (*good) {
		j->token = t;
		j->token.value = j->old.value;
	}
	return 0;
}

int tf_authorise(struct job *j, struct rk_err *err)
{
	const char *version;
	struct rk_err why = RK_ERR_INIT;
	struct rk_rancher_token t;
	bool good, maybe;

	if (reuse(j, &good, err) < 0)
		return -1;
	if (good)
		return 0;
	if (tf_open_session(j, err) < 0)
		return -1;
	if (rk_rancher_token_make(j->r, j->d, tf_describe(j, j->o->description), j->o->ttl_ms,
		    &j->token, &maybe, err) < 0) {
		j->lost |= maybe ? LOST_TOKEN : 0;
		return -1;
	}
	j->made = true;

	/* The true expiry is known a moment after the token is made. */
	rk_rancher_use(j->r, j->token.value);
	if (rk_rancher_token_get(j->r, j->d, j->token.name, &t, err) < 0)
		return rk_err_wrap(err, "the new token does not work");
	if (t.expires != RK_RANCHER_UNKNOWN)
		j->token.expires = t.expires;
	j->token.ttl_ms = t.ttl_ms;
	if (!t.live)
		return rk_err_set(err, RK_FAIL, "%s: the new token has expired already", j->url);
	if (j->o->ttl_ms > 0 && t.ttl_ms > 0 && t.ttl_ms < j->o->ttl_ms)
		rk_warn("the server gives tokens %lld hours at most (setting %s), not %lld",
			(long long)(t.ttl_ms / 3600000), RK_RANCHER_MAX_TTL,
			(long long)(j->o->ttl_ms / 3600000));
	/* the setting that the provider reads first */
	if (rk_rancher_setting(j->r, j->d, "server-version", &version, &why) < 0 && why.code <= 128)
		rk_warn("%s: the terraform provider needs to read settings", why.msg);
	return 0;
}

/* The token that the new one replaces is ours when it has our description. It is read with itself,
 * else as the maker: Norman gives an ext token nothing before 2.15, and a token that is refused may
 * still exist. */
void tf_drop_old(struct job *j)
{
	const char *name = j->old.name, *rest;
	struct rk_rancher_token t;
	struct rk_err err = RK_ERR_INIT;

	if (!name || !rk_streq(j->old_url, j->url) || rk_streq(name, j->token.name))
		return;
	rk_rancher_use(j->r, j->old.value);
	if (rk_rancher_token_get(j->r, j->d, name, &t, NULL) < 0) {
		tf_as_maker(j);
		if (rk_rancher_token_get(j->r, j->d, name, &t, &err) < 0) {
			if (err.http != 404)
				rk_warn("token %s is replaced in %s, and whether it still exists "
					"could not be determined: %s",
					name, j->tfvars, err.msg);
			return;
		}
	}
	rest = t.description + strlen(j->o->description);
	if (rk_prefix(t.description, j->o->description) && (!*rest || rk_prefix(rest, " [rk3k ")))
		tf_drop_token(j, j->old);
	else
		rk_note("token %s is replaced in %s and remains valid", name, j->tfvars);
}

void tf_show_token(const struct job *j)
{
	if (ends_within(&j->token, 7 * DAY))
		rk_warn("token %s %s", j->token.name, tf_expiry(j));
	else
		rk_note("token %s %s", j->token.name, tf_expiry(j));
}
