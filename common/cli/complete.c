// SPDX-License-Identifier: Apache-2.0
/* What the shell offers for the word being typed, as kubectl's completion expects it. */
#include "internal.h"

/* Directives of kubectl's completion (cobra): the last line, ":N". */
enum { FILES = 0, NO_FILES = 4, DIRS = 16 };

struct completer {
	const char *word;     /* being typed; of --flag=value the value, as for kubectl */
	struct rk_strv given; /* connection flags before the word */
	struct rk_buf *out;
	struct rk_strv *ask;
};

static void choice(struct completer *c, const char *name, const char *text)
{
	if (rk_prefix(name, c->word))
		rk_buf_addf(c->out, "%s%s%s\n", name, text && *text ? "\t" : "", text ? text : "");
}

/* how: as in rk_opt. */
static int complete_as(struct completer *c, const char *how)
{
	size_t n;

	if (rk_streq(how, "file"))
		return FILES;
	if (rk_streq(how, "dir"))
		return DIRS;
	if (how && rk_listed("cluster,context,namespace", how)) {
		/* names that only a cluster or a kubeconfig knows come from the tool `names`, so that a
		 * tool that needs neither links neither */
		rk_strv_add(c->ask, how);
		for (size_t i = 0; i < c->given.n; i++)
			rk_strv_add(c->ask, c->given.v[i]);
		c->given.n = 0; /* handed over */
		return NO_FILES;
	}
	rk_each_item (item, n, how, "|") {
		rk_auto_free char *name = rk_strndup(item, n);

		choice(c, name, NULL);
	}
	return NO_FILES;
}

static int complete_value(struct completer *c, const struct rk_opt *o)
{
	if (o->kind == RK_OPT_FLAG)
		return complete_as(c, "true|false");
	if (o->kind != RK_OPT_ENUM && o->kind != RK_OPT_OUTPUT)
		return complete_as(c, o->complete);
	if (o->kind == RK_OPT_ENUM)
		return complete_as(c, o->choices);
	complete_as(c, o->choices);
	return complete_as(c, "jsonpath|jsonpath-as-json|jsonpath-file|custom-columns|"
			      "custom-columns-file");
}

static int complete(struct completer *c, const struct rk_cmd *cmd, int argc, char **argv)
{
	int verb_at = rk_verb_word(cmd, argc, argv), nargs = 0;
	const struct rk_verb *verb = rk_verb_find(cmd, verb_at < argc ? argv[verb_at] : NULL);
	const bool named = verb && verb->name;
	rk_auto_flags flags = {0};
	const char *value;
	struct rk_flag *f;
	bool plain = false, next; /* plain: a -- came before */

	rk_flags_init(&flags, verb, NULL, NULL);
	for (int i = 0; i < argc; i++) {
		if (plain || argv[i][0] != '-' || !argv[i][1]) {
			nargs++;
		} else if (rk_streq(argv[i], "--")) {
			plain = true;
		} else if ((f = rk_flags_word(&flags, argv[i], &value, &next))) {
			if ((next || rk_streq(f->opt->optional, "")) && i + 1 == argc)
				return complete_value(c, f->opt);
			value = next ? argv[i + 1] : value;
			if (value && (rk_opt_is_connection(f->opt) ||
					     f->opt->help == rk_opts_virtual->help))
				rk_strv_add(&c->given, rk_asprintf("--%s=%s", f->opt->name, value));
			i += next;
		}
	}
	if (c->word[0] == '-' && !plain) {
		f = rk_flags_word(&flags, c->word, &value, &next);
		if (f && value && c->word[1] == '-') {
			c->word = value;
			return complete_value(c, f->opt);
		}
		for (size_t i = 0; i < flags.n; i++) {
			rk_auto_free char *name = rk_asprintf("--%s", flags.v[i].opt->name);

			choice(c, name, flags.v[i].opt->help);
		}
		return NO_FILES;
	}
	for (const struct rk_verb *v = cmd->verbs; !nargs && v->run; v++)
		if (v->name)
			choice(c, v->name, v->summary);
	nargs -= named;
	return verb && (verb->max_args < 0 || nargs < verb->max_args)
		       ? complete_as(c, verb->complete)
		       : NO_FILES;
}

void rk_cli_complete(const struct rk_cmd *cmd, int argc, char **argv, struct rk_buf *out,
	struct rk_strv *ask_for)
{
	struct completer c = {.word = argc > 0 ? argv[--argc] : "", .out = out, .ask = ask_for};

	rk_buf_addf(out, ":%d\n", complete(&c, cmd, argc, argv));
	for (size_t i = 0; i < c.given.n; i++)
		free((void *)(uintptr_t)c.given.v[i]);
	rk_strv_release(&c.given);
}
