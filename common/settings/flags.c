// SPDX-License-Identifier: Apache-2.0
/* The flags by which every tool takes its settings. */
#include "internal.h"

#include <unistd.h>

const struct rk_opt rk_settings_opts[] = {
	{"config", 'c', RK_OPT_STR, offsetof(struct rk_settings_flags, config), .arg = "FILE",
		.help = "deploy.conf, or the document that `config` writes; -: standard input",
		.complete = "file"},
	{"set", 0, RK_OPT_LIST, offsetof(struct rk_settings_flags, set), .arg = "KEY=VALUE",
		.help = "set one key, over file and environment; repeatable"},
	{"allow-unknown", 0, RK_OPT_FLAG, offsetof(struct rk_settings_flags, allow_unknown),
		.help = "accept keys that rk3k does not know, with a warning"},
	RK_OPT_END,
};

static int take_flags(struct rk_settings *s, const struct rk_settings_flags *f, struct rk_err *err)
{
	if (f->allow_unknown)
		rk_settings_allow_unknown(s);
	for (size_t i = 0; i < f->set.n; i++)
		if (rk_settings_assign(s, f->set.v[i], err) < 0)
			return -1;
	return 0;
}

int rk_settings_open(struct rk_settings *s, const struct rk_settings_flags *f, struct rk_err *err)
{
	if (take_flags(s, f, err) < 0)
		return -1;
	if (!f->config && isatty(STDIN_FILENO)) {
		rk_err_set(err, RK_USAGE, "no settings");
		return rk_err_hint(
			err, "use -c deploy.conf; `kubectl rk3k config init` writes one");
	}
	return rk_settings_load_file(s, f->config ? f->config : "-", err);
}

/* Without -c there is nothing that the other flags could be about. */
static int none(const struct rk_settings_flags *f, struct rk_err *err)
{
	if (!f->set.n)
		return 0;
	rk_err_set(err, RK_USAGE, "--set changes settings, and there are none");
	return rk_err_hint(err, "use -c deploy.conf");
}

int rk_settings_open_names(
	struct rk_settings *s, const struct rk_settings_flags *f, bool *given, struct rk_err *err)
{
	*given = f->config != NULL;
	if (!*given)
		return none(f, err);
	return take_flags(s, f, err) < 0 ? -1 : rk_settings_load_names(s, f->config, err);
}

int rk_settings_open_given(
	struct rk_settings *s, const struct rk_settings_flags *f, bool *given, struct rk_err *err)
{
	*given = f->config != NULL;
	return *given ? rk_settings_open(s, f, err) : none(f, err);
}

bool rk_settings_find(struct rk_settings_flags *f)
{
	if (f->config || access("deploy.conf", R_OK) < 0)
		return false;
	f->config = "deploy.conf";
	return true;
}
