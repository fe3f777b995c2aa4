// SPDX-License-Identifier: Apache-2.0
/* The token for terraform: the existing one while it is good, else a new one. */
#include "tool.h"

#define DAY 86400

void tf_describe_expiry(const struct rk_rancher_token *t, struct rk_buf *out)
{
	char at[32];

	if (t->expires == RK_RANCHER_NEVER) {
		rk_buf_puts(out, "never expires");
	} else if (t->expires == RK_RANCHER_UNKNOWN) {
		rk_buf_puts(out, "expires at a time the server does not say");
	} else {
		rk_time_format(t->expires, at);
		rk_buf_addf(out, "expires %s", at);
	}
}

static bool ends_within(const struct rk_rancher_token *t, int64_t seconds)
{
	return t->expires > 0 && t->expires - (int64_t)time(NULL) < seconds;
}

static bool may_log_in(const struct opts *o)
{
	return o->password_file || o->token_file || o->first_login;
}

/* Near its end: a tenth of its life is left, and there is a way to get another. */
static bool worn_out(const struct job *j, const struct rk_rancher_token *t)
{
	int64_t life = t->ttl_ms > 0 ? t->ttl_ms / 1000 : 10 * DAY;

	return may_log_in(j->o) && ends_within(t, life / 10);
}

/* The token of the tfvars, asked about with itself, and only where it belongs. */
static int reuse(struct job *j, bool *good, struct rk_err *err)
{
	rk_auto_free char *name = j->old_token ? rk_rancher_token_name(j->old_token) : NULL;

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
	*good = j->token.live && !j->token.scoped && !j->o->renew && !worn_out(j, &j->token);
	if (*good)
		j->token.value = rk_strdup(j->old_token);
	else
		rk_rancher_token_release(&j->token);
	return 0;
}

/* The true expiry stands there a moment after the token is made. */
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

/* What the provider reads first. */
static void check_settings(struct job *j)
{
	rk_auto_free char *version = NULL;
	struct rk_err err = RK_ERR_INIT;

	if (rk_rancher_setting(j->r, "server-version", &version, &err) < 0 && err.code <= 128)
		rk_warn("%s: the terraform provider needs to read settings", err.msg);
}

static void warn_of_ttl(const struct job *j)
{
	int64_t asked = j->o->ttl_ms, got = j->token.ttl_ms;

	if (asked > 0 && got > 0 && got < asked)
		rk_warn("the server gives tokens %lld hours at most (setting %s), not %lld",
			(long long)(got / 3600000), RK_RANCHER_MAX_TTL,
			(long long)(asked / 3600000));
}

/* The replaced token, asked for with itself, else as the maker: an ext token gets nothing from
 * Norman before 2.15, and a token that is refused may still exist. *gone: it does not. */
static int read_old(
	struct job *j, const char *name, struct rk_rancher_token *t, bool *gone, struct rk_err *err)
{
	*gone = false;
	rk_rancher_use(j->r, j->old_token);
	if (rk_rancher_token_get(j->r, name, t, NULL) == 0)
		return 0;
	rk_err_clear(err);
	tf_as_maker(j);
	if (rk_rancher_token_get(j->r, name, t, err) == 0)
		return 0;
	*gone = err->http == 404;
	return -1;
}

/* The one that the new token replaces is ours when it has our description. */
void tf_drop_old(struct job *j)
{
	rk_auto_free char *name = j->old_token ? rk_rancher_token_name(j->old_token) : NULL;
	struct rk_rancher_token t;
	struct rk_err err = RK_ERR_INIT;
	bool gone;

	if (!name || !rk_streq(j->old_url, j->url) || rk_streq(name, j->token.name))
		return;
	if (read_old(j, name, &t, &gone, &err) < 0) {
		if (!gone)
			rk_warn("token %s is replaced in %s, and whether it still exists could not "
				"be determined: %s",
				name, j->tfvars, err.msg);
		return;
	}
	if (!tf_is_described(t.description, j->o->description))
		rk_note("token %s is replaced in %s and stays valid", name, j->tfvars);
	else
		tf_drop_token(j, name, j->old_token);
	rk_rancher_token_release(&t);
}

static int make_token(struct job *j, struct rk_err *err)
{
	rk_auto_buf about = RK_BUF_INIT;
	bool maybe;

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
	warn_of_ttl(j);
	check_settings(j);
	return 0;
}

int tf_authorise(struct job *j, struct rk_err *err)
{
	bool good;

	if (reuse(j, &good, err) < 0)
		return -1;
	return good ? 0 : make_token(j, err);
}

void tf_tell_token(const struct job *j)
{
	rk_auto_buf when = RK_BUF_INIT;

	tf_describe_expiry(&j->token, &when);
	if (ends_within(&j->token, 7 * DAY))
		rk_warn("token %s %s", j->token.name, when.s);
	else
		rk_note("token %s %s", j->token.name, when.s);
}
