// SPDX-License-Identifier: Apache-2.0
/* Parsing the arguments of a command line. */
#include "internal.h"

struct parser {
	struct rk_flags flags;
	int argc, i; /* i: the next argument */
	char **argv;
	int nargs;
	bool plain, rest; /* no more flags; all else is for another program */
	struct rk_buf *events;
};

static void put_event(struct rk_buf *out, const char *dashes, const char *name, const char *value)
{
	if (!out)
		return;
	rk_buf_addf(out, "%s%s", dashes, name);
	rk_buf_putc(out, '\0');
	rk_buf_puts(out, value);
	rk_buf_putc(out, '\0');
}

/* Give the flag its value: `value` or, when that is NULL and the flag has to have one, the next argument. */
static int set(struct parser *p, struct rk_flag *f, const char *name, const char *value,
	struct rk_err *err)
{
	const struct rk_opt *o = f->opt;
	const char *shown;

	f->given = true;
	if (!value && !rk_opt_alone(o)) {
		if (p->i >= p->argc)
			return rk_err_set(err, RK_USAGE, "%s needs a value", name);
		value = p->argv[p->i++];
	}
	if ((value ? rk_flag_set(f, name, value, err) : rk_flag_set_alone(f, name, err)) < 0)
		return -1;
	p->plain = p->rest = o->optional && !*o->optional;
	shown = value ? value : "";
	if (o->kind == RK_OPT_FLAG)
		shown = *(const bool *)f->p ? "1" : "";
	if (o->kind == RK_OPT_ENUM) {
		const char *choice = o->choices;
		rk_auto_free char *one = NULL;

		for (int i = *(const int *)f->p; i > 0; i--)
			choice = strchr(choice, '|') + 1;
		one = rk_strndup(choice, strcspn(choice, "|"));
		put_event(p->events, "--", o->name, one);
		return 0;
	}
	put_event(p->events, "--", o->name, shown);
	return 0;
}

static int parse_long(struct parser *p, const char *arg, struct rk_err *err)
{
	const char *value;
	bool next;
	struct rk_flag *f = rk_flags_word(&p->flags, arg, &value, &next);
	rk_auto_free char *name = rk_strndup(arg, strcspn(arg, "="));
	rk_auto_free const char **names = NULL;

	if (f)
		return set(p, f, name, value, err);
	names = rk_calloc(p->flags.n + 1, sizeof(*names));
	for (size_t i = 0; i < p->flags.n; i++)
		names[i] = p->flags.v[i].opt->name;
	return rk_unknown_flag(arg, names, err);
}

/* "-qn x": each key in turn; one that takes a value takes the rest, or the next argument. */
static int parse_keys(struct parser *p, const char *arg, struct rk_err *err)
{
	for (const char *s = arg + 1; *s; s++) {
		char name[3] = {'-', *s, '\0'};
		struct rk_flag *f = rk_flags_key(&p->flags, *s);
		bool count = f && f->opt->kind == RK_OPT_COUNT && s[1] >= '0' && s[1] <= '9';

		if (!f)
			return rk_err_set(err, RK_USAGE, "unknown flag -%c%s%s", *s,
				arg[2] ? " in " : "", arg[2] ? arg : "");
		if (s[1] == '=')
			return set(p, f, name, s + 2, err);
		if (s[1] && (count || !rk_opt_alone(f->opt)))
			return set(p, f, name, s + 1, err);
		if (set(p, f, name, NULL, err) < 0)
			return -1;
		if (!rk_opt_alone(f->opt))
			return 0;
	}
	return 0;
}

/* Positionals move to the front of argv, in place: they never overtake the argument being read. */
static int parse_args(struct parser *p, struct rk_err *err)
{
	while (p->i < p->argc) {
		char *arg = p->argv[p->i++];

		if (p->plain || arg[0] != '-' || !arg[1])
			p->argv[p->nargs++] = arg;
		else if (rk_streq(arg, "--"))
			p->plain = true;
		else if ((arg[1] == '-' ? parse_long : parse_keys)(p, arg, err) < 0)
			return -1;
	}
	return 0;
}

/* The error for an unknown verb, or a missing one when arg is NULL; `only`: the tool is nothing but its verbs,
 * else arg is an argument too many, which may have been meant for a flag. */
static int wrong_argument(
	const struct rk_cmd *cmd, struct parser *p, const char *arg, bool only, struct rk_err *err)
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
	if (!arg)
		return rk_err_set(err, RK_USAGE, "missing subcommand; expected one of: %s", list.s);
	near = rk_nearest(arg, names);
	if (only)
		rk_err_set(err, RK_USAGE, "\"%s\" is none of %s", arg, list.s);
	else
		rk_err_set(err, RK_USAGE, "unexpected argument \"%s\"", arg);
	if (near)
		return rk_err_hint(err, "did you mean %s?", near);
	return !only && strlen(arg) > 1 && rk_flags_long(&p->flags, arg, strlen(arg))
		       ? rk_err_hint(err, "did you mean --%s?", arg)
		       : -1;
}

int rk_cli_parse_common(const struct rk_cmd *cmd, void *opts, struct rk_common *c, int argc,
	char **argv, const struct rk_verb **verb, int *nargs, struct rk_buf *events,
	struct rk_err *err)
{
	struct parser p = {.argv = argv, .events = events};
	int at = rk_verb_word(cmd, argc, argv), ret;
	const char *word = at < argc ? argv[at] : NULL;
	const struct rk_verb *v = *verb = rk_verb_find(cmd, word);

	if (cmd->defaults)
		cmd->defaults(opts);
	if (v && v->name) { /* the verb is taken out of argv */
		memmove(argv + at, argv + at + 1, (size_t)(argc - at - 1) * sizeof(*argv));
		argc--;
		put_event(events, "", "verb", v->name);
	}
	p.argc = argc;
	rk_flags_init(&p.flags, v, opts, c);
	ret = parse_args(&p, err);
	if (c->help || c->version)
		ret = 0;
	else if (!v)
		ret = wrong_argument(cmd, &p, word, true, err); /* says more than its flags */
	else if (ret == 0)
		ret = rk_flags_from_env(&p.flags, err);
	c->out = rk_flags_out(&p.flags);
	c->dry = v ? rk_flags_dry(&p.flags) : RK_DRY_CLIENT;
	if (ret == 0 && v && !events)
		rk_cli_here(&p.flags);
	if (ret == 0 && v && !c->help && !c->version) {
		*nargs = p.nargs;
		for (int i = 0; i < p.nargs; i++)
			put_event(events, "", "arg", argv[i]);
		if (v->max_args >= 0 && p.nargs > v->max_args && !p.rest)
			ret = wrong_argument(cmd, &p, argv[v->max_args], false, err);
		else if (p.nargs < v->min_args)
			ret = rk_err_set(err, RK_USAGE, "missing argument: %s",
				v->args ? v->args : "(see --help)");
	}
	rk_flags_release(&p.flags);
	return ret;
}

int rk_cli_parse(const struct rk_cmd *cmd, void *opts, int argc, char **argv,
	const struct rk_verb **verb, int *nargs, bool *help, struct rk_err *err)
{
	struct rk_common c = {0};
	int ret = rk_cli_parse_common(cmd, opts, &c, argc, argv, verb, nargs, NULL, err);

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
