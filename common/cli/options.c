// SPDX-License-Identifier: Apache-2.0
/* Parsing the arguments of a command line. */
#include "internal.h"

struct parser {
	struct rk_flags flags;
	int argc, i; /* i: the next argument */
	char **argv;
	bool plain, rest; /* no more flags; all else is for another program */
	struct rk_buf *events;
};

/* width: of the value, or -1. */
static void put_event(
	struct rk_buf *out, const char *dashes, const char *name, int width, const char *value)
{
	if (out)
		rk_buf_addf(out, "%s%s%c%.*s%c", dashes, name, '\0', width, value, '\0');
}

/* Give the flag its value: `value` or, when that is NULL and the flag has to have one, the next argument. */
static int set(struct parser *p, struct rk_flag *f, const char *name, const char *value,
	struct rk_err *err)
{
	const struct rk_opt *o = f->opt;
	int width = -1;

	f->given = true;
	if (!value && !rk_opt_alone(o)) {
		if (p->i >= p->argc)
			return rk_err_set(err, RK_USAGE, "%s needs a value", name);
		value = p->argv[p->i++];
	}
	if (rk_flag_set(f, name, value, err) < 0)
		return -1;
	p->plain = p->rest = rk_streq(o->optional, "");
	if (o->kind == RK_OPT_FLAG)
		value = *(const bool *)f->p ? "1" : "";
	if (o->kind == RK_OPT_ENUM) {
		value = o->choices;
		for (int i = *(const int *)f->p; i > 0; i--)
			value = strchr(value, '|') + 1;
		width = (int)strcspn(value, "|");
	}
	put_event(p->events, "--", o->name, width, value ? value : "");
	return 0;
}

/* The error for a flag that does not exist: it suggests the nearest, or explains why the flag is not
 * supported. */
static int unknown_flag(
	const struct parser *p, const char *arg, const char *key, struct rk_err *err)
{
	/* Flags of kubectl and helm that rk3k does not have on purpose, and what to do instead. */
	static const char *const refused[][2] = {
		{"insecure-skip-tls-verify",
			"TLS is always verified; pin the CA with --certificate-authority FILE"},
		{"token", "arguments are visible to every process; use --token-file FILE"},
		{"password", "arguments are visible to every process"},
		{"username", "basic authentication is read from the kubeconfig only"},
	};
	size_t n = strcspn(arg, "=");
	rk_auto_free char *name = rk_strndup(arg, n);
	struct rk_strv names = {0};
	const char *near;

	if (arg[1] != '-')
		return rk_err_set(err, RK_USAGE, "unknown flag -%c%s%s", *key, arg[2] ? " in " : "",
			arg[2] ? arg : "");
	for (size_t i = 0; i < RK_COUNT(refused); i++)
		if (rk_flag_name_is(refused[i][0], name + 2, n - 2)) {
			rk_err_set(err, RK_USAGE, "%s is not supported", name);
			return rk_err_hint(err, "%s", refused[i][1]);
		}
	for (size_t i = 0; i < p->flags.n; i++)
		rk_strv_add(&names, p->flags.v[i].opt->name);
	near = n > 3 ? rk_nearest(name + 2, names.v) : NULL;
	rk_strv_release(&names);
	rk_err_set(err, RK_USAGE, "unknown flag %s", name);
	return near ? rk_err_hint(err, "did you mean --%s?", near) : -1;
}

/* Positionals move to the front of argv, in place: they never overtake the argument being read. */
static int parse_args(struct parser *p, int *nargs, struct rk_err *err)
{
	while (p->i < p->argc) {
		char *arg = p->argv[p->i++];

		if (p->plain || arg[0] != '-' || !arg[1]) {
			p->argv[(*nargs)++] = arg;
			continue;
		}
		p->plain = rk_streq(arg, "--");
		for (const char *s = arg, *value; *s && !rk_streq(arg, "--");) {
			struct rk_flag *f = rk_flags_at(&p->flags, arg, &s, &value);
			rk_auto_free char *name = NULL;

			if (!f)
				return unknown_flag(p, arg, s, err);
			name = arg[1] == '-' ? rk_strndup(arg, strcspn(arg, "="))
					     : rk_asprintf("-%c", f->opt->key);
			if (set(p, f, name, value, err) < 0)
				return -1;
		}
	}
	return 0;
}

/* The error for an unknown verb, or a missing one when arg is NULL; `only`: the tool is nothing but its verbs,
 * else arg is an argument too many, which may have been meant for a flag. */
static int wrong_argument(
	const struct rk_cmd *cmd, struct parser *p, const char *arg, bool only, struct rk_err *err)
{
	struct rk_strv names = {0};
	rk_auto_buf list = RK_BUF_INIT;
	const char *near;

	for (const struct rk_verb *v = cmd->verbs; v->run; v++) {
		if (!v->name)
			continue;
		rk_strv_add(&names, v->name);
		rk_buf_addf(&list, "%s%s", list.len ? ", " : "", v->name);
	}
	near = arg && names.n ? rk_nearest(arg, names.v) : NULL;
	rk_strv_release(&names);
	if (!arg)
		return rk_err_set(err, RK_USAGE, "missing subcommand; expected one of: %s", list.s);
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

int rk_cli_parse(const struct rk_cmd *cmd, void *opts, struct rk_common *c, int argc, char **argv,
	struct rk_err *err)
{
	int at = rk_verb_word(cmd, argc, argv), ret;
	const char *word = at < argc ? argv[at] : NULL;
	const struct rk_verb *v = c->verb = rk_verb_find(cmd, word);
	struct parser p = {.argv = argv, .argc = argc, .events = c->events};

	if (cmd->defaults)
		cmd->defaults(opts);
	if (v && v->name) { /* the verb is taken out of argv */
		memmove(argv + at, argv + at + 1, (size_t)(argc - at - 1) * sizeof(*argv));
		p.argc--;
		put_event(c->events, "", "verb", -1, v->name);
	}
	rk_flags_init(&p.flags, v, opts, c);
	ret = parse_args(&p, &c->nargs, err);
	if (c->help || c->version)
		ret = 0;
	else if (!v)
		ret = wrong_argument(cmd, &p, word, true, err); /* says more than its flags */
	else if (ret == 0)
		ret = rk_flags_from_env(&p.flags, err);
	for (size_t i = 0; i < p.flags.n; i++)
		if (p.flags.v[i].opt->kind == RK_OPT_OUTPUT)
			c->out = p.flags.v[i].p;
	c->dry = v ? rk_flags_dry(&p.flags) : RK_DRY_CLIENT;
	if (ret == 0 && v && !c->events)
		rk_cli_here(&p.flags);
	if (ret == 0 && v && !c->help && !c->version) {
		for (int i = 0; i < c->nargs; i++)
			put_event(c->events, "", "arg", -1, argv[i]);
		if (v->max_args >= 0 && c->nargs > v->max_args && !p.rest)
			ret = wrong_argument(cmd, &p, argv[v->max_args], false, err);
		else if (c->nargs < v->min_args)
			ret = rk_err_set(err, RK_USAGE, "missing argument: %s",
				v->args ? v->args : "(see --help)");
	}
	free(p.flags.v);
	return ret;
}

void rk_cli_release(const struct rk_verb *verb, void *opts)
{
	rk_auto_flags f = {0};
	struct rk_common c = {0};

	rk_flags_init(&f, verb, opts, &c);
	for (size_t i = 0; i < f.all; i++) {
		struct rk_strv *v = f.v[i].p;

		if (f.v[i].opt->kind == RK_OPT_CSV)
			for (size_t j = 0; j < v->n; j++)
				free((void *)(uintptr_t)v->v[j]);
		if (f.v[i].opt->kind == RK_OPT_CSV || f.v[i].opt->kind == RK_OPT_LIST)
			rk_strv_release(v);
	}
}
