// SPDX-License-Identifier: Apache-2.0
/* Parsing the words of a command line. */
#include "internal.h"

struct parser {
	struct rk_flags flags;
	int argc, i; /* i: the next word */
	char **argv;
	int nargs;
};

static int unknown_flag(const struct rk_flags *f, const char *word, struct rk_err *err)
{
	rk_auto_free const char **names = rk_calloc(f->n + 1, sizeof(*names));

	for (size_t i = 0; i < f->n; i++)
		names[i] = f->v[i].opt->name;
	return rk_unknown_flag(word, names, err);
}

static int parse_long(struct parser *p, const char *word, struct rk_err *err)
{
	const char *value;
	bool next;
	struct rk_flag *f = rk_flags_word(&p->flags, word, &value, &next);
	rk_auto_free char *name = rk_strndup(word, strcspn(word, "="));

	if (!f)
		return unknown_flag(&p->flags, word, err);
	f->given = true;
	if (value)
		return rk_flag_set(f, name, value, err);
	if (!next)
		return rk_flag_set_alone(f, name, err);
	if (p->i >= p->argc)
		return rk_err_set(err, RK_USAGE, "%s needs a value", name);
	return rk_flag_set(f, name, p->argv[p->i++], err);
}

/* "-qn x": each key in turn; one that takes a value takes the rest, or the next word. */
static int parse_keys(struct parser *p, const char *word, struct rk_err *err)
{
	for (const char *s = word + 1; *s; s++) {
		char name[3] = {'-', *s, '\0'};
		struct rk_flag *f = rk_flags_key(&p->flags, *s);

		if (!f)
			return rk_err_set(err, RK_USAGE, "unknown flag -%c%s%s", *s,
				word[2] ? " in " : "", word[2] ? word : "");
		f->given = true;
		if (s[1] == '=')
			return rk_flag_set(f, name, s + 2, err);
		if (f->opt->kind == RK_OPT_COUNT && s[1] >= '0' && s[1] <= '9')
			return rk_flag_set(f, name, s + 1, err);
		if (rk_opt_alone(f->opt)) {
			if (rk_flag_set_alone(f, name, err) < 0)
				return -1;
			continue;
		}
		if (s[1])
			return rk_flag_set(f, name, s + 1, err);
		if (p->i >= p->argc)
			return rk_err_set(err, RK_USAGE, "%s needs a value", name);
		return rk_flag_set(f, name, p->argv[p->i++], err);
	}
	return 0;
}

/* Positionals move to the front of argv, in place: they never overtake the word being read. */
static int parse_words(struct parser *p, struct rk_err *err)
{
	bool flags = true;

	while (p->i < p->argc) {
		char *word = p->argv[p->i++];

		if (!flags || word[0] != '-' || !word[1]) {
			p->argv[p->nargs++] = word;
		} else if (rk_streq(word, "--")) {
			flags = false;
		} else if ((word[1] == '-' ? parse_long : parse_keys)(p, word, err) < 0) {
			return -1;
		}
	}
	return 0;
}

static int no_such_verb(const struct rk_cmd *cmd, const char *word, struct rk_err *err)
{
	rk_auto_free const char **names = rk_calloc(rk_verb_named(cmd) + 1, sizeof(*names));
	rk_auto_buf list = RK_BUF_INIT;
	const char *near;
	size_t n = 0;

	for (const struct rk_verb *v = cmd->verbs; v->run; v++) {
		if (!v->name)
			continue;
		names[n++] = v->name;
		rk_buf_addf(&list, "%s%s", list.len ? ", " : "", v->name);
	}
	if (!word)
		return rk_err_set(err, RK_USAGE, "say what to do: one of %s", list.s);
	near = rk_nearest(word, names);
	rk_err_set(err, RK_USAGE, "\"%s\" is none of %s", word, list.s);
	return near ? rk_err_hint(err, "did you mean %s?", near) : -1;
}

/* The verb is taken out of argv. */
static const struct rk_verb *take_verb(
	const struct rk_cmd *cmd, int *argc, char **argv, const char **word)
{
	int i = rk_verb_word(cmd, *argc, argv);
	const struct rk_verb *v;

	*word = i < *argc ? argv[i] : NULL;
	v = rk_verb_find(cmd, *word);
	if (v && v->name) {
		memmove(argv + i, argv + i + 1, (size_t)(*argc - i - 1) * sizeof(*argv));
		--*argc;
	}
	return v;
}

/* It may have been meant for a verb, when the tool itself is one too. */
static int unexpected(const struct rk_cmd *cmd, const char *word, struct rk_err *err)
{
	rk_auto_free const char **names = rk_calloc(rk_verb_named(cmd) + 1, sizeof(*names));
	const char *near;
	size_t n = 0;

	for (const struct rk_verb *v = cmd->verbs; v->run; v++)
		if (v->name)
			names[n++] = v->name;
	near = rk_nearest(word, names);
	rk_err_set(err, RK_USAGE, "unexpected argument \"%s\"", word);
	return near ? rk_err_hint(err, "did you mean %s?", near) : -1;
}

static int check_args(const struct rk_cmd *cmd, const struct rk_verb *v, int nargs, char **argv,
	struct rk_err *err)
{
	if (v->max_args >= 0 && nargs > v->max_args)
		return unexpected(cmd, argv[v->max_args], err);
	if (nargs < v->min_args)
		return rk_err_set(
			err, RK_USAGE, "missing argument: %s", v->args ? v->args : "(see --help)");
	return 0;
}

int rk_cli_parse_common(const struct rk_cmd *cmd, void *opts, struct rk_common *c, int argc,
	char **argv, const struct rk_verb **verb, int *nargs, struct rk_err *err)
{
	struct parser p = {.argv = argv};
	const char *word;
	int ret;

	if (cmd->defaults)
		cmd->defaults(opts);
	*verb = take_verb(cmd, &argc, argv, &word);
	p.argc = argc;
	rk_flags_init(&p.flags, *verb, opts, c);
	ret = parse_words(&p, err);
	if (c->help || c->version)
		ret = 0;
	else if (!*verb)
		ret = no_such_verb(cmd, word, err); /* says more than its unknown flags */
	else if (ret == 0)
		ret = rk_flags_from_env(&p.flags, err);
	c->out = rk_flags_out(&p.flags);
	if (ret == 0 && *verb)
		rk_cli_here(&p.flags);
	c->dry = *verb ? rk_flags_dry(&p.flags) : RK_DRY_CLIENT;
	rk_flags_release(&p.flags);
	if (ret < 0 || c->help || c->version)
		return ret;
	*nargs = p.nargs;
	return check_args(cmd, *verb, p.nargs, argv, err);
}

int rk_cli_parse(const struct rk_cmd *cmd, void *opts, int argc, char **argv,
	const struct rk_verb **verb, int *nargs, bool *help, struct rk_err *err)
{
	struct rk_common c = {0};
	int ret = rk_cli_parse_common(cmd, opts, &c, argc, argv, verb, nargs, err);

	*help = c.help;
	return ret;
}

void rk_cli_release(const struct rk_cmd *cmd, const struct rk_verb *verb, void *opts)
{
	rk_auto_flags f = {0};
	struct rk_common c = {0};

	(void)cmd;
	rk_flags_init(&f, verb, opts, &c);
	for (size_t i = 0; i < f.n; i++) {
		struct rk_strv *v = f.v[i].p;

		if (f.v[i].opt->kind == RK_OPT_CSV)
			for (size_t j = 0; j < v->n; j++)
				free((void *)(uintptr_t)v->v[j]);
		if (f.v[i].opt->kind == RK_OPT_CSV || f.v[i].opt->kind == RK_OPT_LIST)
			rk_strv_release(v);
	}
}
