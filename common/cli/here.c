// SPDX-License-Identifier: Apache-2.0
/* The flags of this command line that a command in advice must have, too (rk_here in err.h). */
#include "internal.h"

static void put_flag(struct rk_buf *b, const char *name, const char *value)
{
	if (!value)
		return;
	rk_buf_addf(b, " --%s=", name);
	rk_shell_word(b, value);
}

static void put_each(struct rk_buf *b, const char *name, const struct rk_strv *values)
{
	for (size_t i = 0; i < values->n; i++)
		put_flag(b, name, values->v[i]);
}

/* Each hint gives its own -n, and a time limit has no part in which cluster is meant. */
static bool is_connection(const struct rk_opt *o)
{
	for (const struct rk_opt *k = rk_opts_kube; k->name; k++)
		if (k == o)
			return !rk_streq(o->name, "namespace") &&
			       !rk_streq(o->name, "request-timeout");
	return false;
}

static bool is_kubectls(const char *name)
{
	return !rk_streq(name, "token-file") && !rk_streq(name, "resolve");
}

static void put(struct rk_buf *b, const struct rk_flag *f)
{
	if (f->opt->kind == RK_OPT_CSV || f->opt->kind == RK_OPT_LIST)
		put_each(b, f->opt->name, f->p);
	else
		put_flag(b, f->opt->name, *(const char *const *)f->p);
}

static void add_all(const struct rk_flag *v, size_t n, struct rk_buf *ours, struct rk_buf *kubectl,
	struct rk_buf *settings)
{
	for (size_t i = 0; i < n; i++) {
		const struct rk_opt *o = v[i].opt;

		if (is_connection(o)) {
			put(ours, &v[i]);
			if (is_kubectls(o->name))
				put(kubectl, &v[i]);
		} else if (rk_streq(o->name, "config") && o->kind == RK_OPT_STR) {
			const char *file = *(const char *const *)v[i].p;

			if (file && !rk_streq(file, "-"))
				put(settings, &v[i]);
		} else if (rk_streq(o->name, "set") && o->kind == RK_OPT_LIST) {
			put(settings, &v[i]);
		}
	}
}

void rk_cli_here(const struct rk_flags *f)
{
	static struct rk_buf ours = RK_BUF_INIT, kubectl = RK_BUF_INIT, settings = RK_BUF_INIT;
	const char *inherited =
		getenv(RK_HERE_ENV); /* of deploy, whose tools read them from a pipe */

	rk_buf_reset(&ours);
	rk_buf_reset(&kubectl);
	rk_buf_reset(&settings);
	add_all(f->v, f->n, &ours, &kubectl, &settings);
	add_all(f->hidden, f->nhidden, &ours, &kubectl, &settings);
	if (!settings.len && inherited)
		rk_buf_puts(&settings, inherited);
	rk_buf_put(&settings, ours.s, ours.len);
	rk_here_set(ours.s, kubectl.s, settings.s);
}
