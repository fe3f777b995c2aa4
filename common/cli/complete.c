// SPDX-License-Identifier: Apache-2.0
#include "internal.h"

/* Directives of kubectl's completion (cobra): the last line, ":N". */
enum { FILES = 0, NO_FILES = 4, DIRS = 16 };

struct completer {
	const struct rk_cmd *cmd;
	const struct rk_verb *verb;
	struct rk_flags flags;
	const char *word;	  /* being typed; of --flag=value the value, as for kubectl */
	struct rk_flag *value_of; /* the word is this flag's value */
	bool plain;		  /* a -- came before */
	int nargs;		  /* positionals before the word */
	struct rk_strv given;	  /* connection flags before the word: name, value, name, ... */
	struct rk_buf *out;
	struct rk_strv *ask;
};

static void choice(struct completer *c, const char *name, const char *text)
{
	if (!rk_prefix(name, c->word))
		return;
	rk_buf_puts(c->out, name);
	if (text && *text)
		rk_buf_addf(c->out, "\t%s", text);
	rk_buf_putc(c->out, '\n');
}

/* "a|b|c". */
static int fixed(struct completer *c, const char *list)
{
	while (*list) {
		size_t n = strcspn(list, "|");
		rk_auto_free char *name = rk_strndup(list, n);

		choice(c, name, NULL);
		list += n + (list[n] == '|');
	}
	return NO_FILES;
}

static int complete_as(struct completer *c, const char *how)
{
	if (!how)
		return NO_FILES;
	if (rk_streq(how, "file"))
		return FILES;
	if (rk_streq(how, "dir"))
		return DIRS;
	if (!rk_streq(how, "cluster") && !rk_streq(how, "context") && !rk_streq(how, "namespace"))
		return fixed(c, how);
	/* names that only a cluster or a kubeconfig knows come from the tool `names`, so that a tool
	 * that needs neither links neither */
	rk_strv_add(c->ask, how);
	for (size_t i = 0; i < c->given.n; i += 2)
		rk_strv_add(c->ask, rk_asprintf("--%s=%s", c->given.v[i], c->given.v[i + 1]));
	return NO_FILES;
}

static int complete_value(struct completer *c, const struct rk_opt *o)
{
	if (o->kind == RK_OPT_FLAG)
		return fixed(c, "true|false");
	if (o->kind != RK_OPT_ENUM && o->kind != RK_OPT_OUTPUT)
		return complete_as(c, o->complete);
	fixed(c, o->choices);
	if (o->kind == RK_OPT_OUTPUT)
		fixed(c, "jsonpath|jsonpath-as-json|jsonpath-file|custom-columns|custom-columns-"
			 "file");
	return NO_FILES;
}

static int complete_flag(struct completer *c)
{
	const char *value;
	bool next;
	struct rk_flag *f = rk_flags_word(&c->flags, c->word, &value, &next);

	if (f && value && c->word[1] == '-') {
		c->word = value;
		return complete_value(c, f->opt);
	}
	for (size_t i = 0; i < c->flags.n; i++) {
		rk_auto_free char *name = rk_asprintf("--%s", c->flags.v[i].opt->name);

		choice(c, name, c->flags.v[i].opt->help);
	}
	return NO_FILES;
}

static int complete_arg(struct completer *c)
{
	int directive = NO_FILES;
	bool verb_open = rk_verb_named(c->cmd) && c->nargs == 0 && !(c->verb && c->verb->name);

	for (const struct rk_verb *v = c->cmd->verbs; verb_open && v->run; v++)
		if (v->name)
			choice(c, v->name, v->summary);
	if (c->verb && (c->verb->max_args < 0 || c->nargs < c->verb->max_args))
		directive = complete_as(c, c->verb->complete);
	return directive;
}

/* Keep what selects the cluster. */
static void keep_given(struct completer *c, const struct rk_flag *f, const char *value)
{
	static const struct rk_opt *const tables[] = {rk_opts_kube, rk_opts_virtual};

	for (size_t i = 0; i < RK_COUNT(tables); i++)
		for (const struct rk_opt *o = tables[i]; o->name; o++)
			if (o->help == f->opt->help && value) {
				rk_strv_add(&c->given, o->name);
				rk_strv_add(&c->given, value);
			}
}

/* The words before the one being typed. */
static void read_words(struct completer *c, int argc, char **argv)
{
	for (int i = 0; i < argc; i++) {
		const char *value;
		struct rk_flag *f;
		bool next;

		if (c->plain || argv[i][0] != '-' || !argv[i][1]) {
			c->nargs++;
			continue;
		}
		if (rk_streq(argv[i], "--")) {
			c->plain = true;
			continue;
		}
		f = rk_flags_word(&c->flags, argv[i], &value, &next);
		if (!f)
			continue;
		if ((next || rk_streq(f->opt->optional, "")) && i + 1 == argc)
			c->value_of = f;
		keep_given(c, f, next && i + 1 < argc ? argv[i + 1] : value);
		i += next;
	}
}

static int complete(struct completer *c, int argc, char **argv)
{
	int verb_at = rk_verb_word(c->cmd, argc, argv);

	c->verb = rk_verb_find(c->cmd, verb_at < argc ? argv[verb_at] : NULL);
	rk_flags_init(&c->flags, c->verb, NULL, NULL);
	read_words(c, argc, argv);
	if (c->verb && c->verb->name)
		c->nargs--;
	if (c->value_of)
		return complete_value(c, c->value_of->opt);
	if (c->word[0] == '-' && !c->plain)
		return complete_flag(c);
	return complete_arg(c);
}

void rk_cli_complete(const struct rk_cmd *cmd, int argc, char **argv, struct rk_buf *out,
	struct rk_strv *ask_for)
{
	struct completer c = {.cmd = cmd, .word = "", .out = out, .ask = ask_for};
	int directive;

	if (argc > 0)
		c.word = argv[--argc];
	directive = complete(&c, argc, argv);
	rk_buf_addf(out, ":%d\n", directive);
	rk_flags_release(&c.flags);
	rk_strv_release(&c.given);
}
