// SPDX-License-Identifier: Apache-2.0
/* The flags of this command line that a command in advice must have, too (rk_here in base.h). */
#include "internal.h"

static void put(struct rk_buf *b, const struct rk_flag *f)
{
	const struct rk_opt *o = f->opt;
	const bool list = o->kind == RK_OPT_CSV || o->kind == RK_OPT_LIST;
	const struct rk_strv *all = f->p;

	for (size_t i = 0; i < (list ? all->n : 1); i++) {
		const char *value = list ? all->v[i] : *(const char *const *)f->p;

		if (!value)
			continue;
		rk_buf_addf(b, " --%s=", o->name);
		rk_shell_word(b, value);
	}
}

void rk_cli_here(const struct rk_flags *f)
{
	static struct rk_buf ours = RK_BUF_INIT, kubectl = RK_BUF_INIT, settings = RK_BUF_INIT;
	const char *inherited = getenv(RK_HERE_ENV); /* of deploy, whose tools read a pipe */

	rk_buf_reset(&ours);
	rk_buf_reset(&kubectl);
	rk_buf_reset(&settings);
	for (size_t i = 0; i < f->all; i++) {
		const struct rk_flag *v = &f->v[i];
		const struct rk_opt *o = v->opt;

		/* each hint gives its own -n, and a time limit selects no cluster */
		if (rk_opt_is_connection(o) && !rk_listed("namespace,request-timeout", o->name)) {
			put(&ours, v);
			if (!rk_listed("token-file,resolve", o->name))
				put(&kubectl, v);
		} else if ((rk_streq(o->name, "config") && o->kind == RK_OPT_STR &&
				   !rk_streq(*(const char *const *)v->p, "-")) ||
			   (rk_streq(o->name, "set") && o->kind == RK_OPT_LIST)) {
			put(&settings, v);
		}
	}
	if (!settings.len && inherited)
		rk_buf_puts(&settings, inherited);
	rk_buf_put(&settings, ours.s, ours.len);
	rk_here_flags = (struct rk_here){ours.s, kubectl.s, settings.s};
}
