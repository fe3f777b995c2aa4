// SPDX-License-Identifier: Apache-2.0
/* Parsing the arguments of a command line. */
#include "internal.h"

/* --- flags and verbs --- */

static bool name_is(const char *have, const char *name, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (have[i] != (name[i] == '_' ? '-' : name[i]))
			return false;
	return have[n] == '\0';
}

static struct rk_flag *by_key(struct rk_flags *f, char key)
{
	for (size_t i = 0; i < f->n; i++)
		if (key && f->v[i].opt->key == key)
			return &f->v[i];
	return NULL;
}

static struct rk_flag *by_name(struct rk_flags *f, const char *name, size_t n)
{
	for (size_t i = 0; i < f->n; i++)
		if (name_is(f->v[i].opt->name, name, n))
			return &f->v[i];
	return n == 1 ? by_key(f, *name) : NULL; /* kubectl's --v=6 */
}

static bool is_alone(const struct rk_opt *o)
{
	return o->kind == RK_OPT_FLAG || o->kind == RK_OPT_COUNT || o->optional;
}

static struct rk_flag *next_flag(
	struct rk_flags *f, const char *word, const char **s, const char **value)
{
	const char *end = *s + strcspn(*s, "=");
	struct rk_flag *flag;

	*value = NULL;
	if (word[1] == '-') {
		flag = by_name(f, *s + 2, (size_t)(end - *s - 2));
		*value = *end ? end + 1 : NULL;
		*s = flag ? "" : *s;
		return flag;
	}
	*s += *s == word; /* the dash */
	flag = by_key(f, **s);
	if (!flag)
		return NULL;
	++*s;
	if (**s == '=' || (**s && !is_alone(flag->opt)) ||
		(flag->opt->kind == RK_OPT_COUNT && **s >= '0' && **s <= '9')) {
		*value = *s + (**s == '=');
		*s = "";
	}
	return flag;
}

struct rk_flag *rk_flags_word(
	struct rk_flags *f, const char *word, const char **value, bool *takes_next)
{
	struct rk_flag *flag = NULL;

	for (const char *s = word; *s && (flag = next_flag(f, word, &s, value));)
		;
	*takes_next = flag && !*value && !is_alone(flag->opt);
	return flag;
}

static enum rk_dry dry_of(const struct rk_flags *f)
{
	int dry = -1;

	for (size_t i = 0; i < f->n; i++) {
		const struct rk_flag *v = &f->v[i];
		int own = RK_DRY_NONE;

		if (!v->opt->dry)
			continue;
		if (v->opt->kind == RK_OPT_ENUM)
			own = *(const int *)v->p;
		else if (*(const bool *)v->p)
			own = RK_DRY_SERVER;
		dry = own > dry ? own : dry;
	}
	return dry < 0 ? RK_DRY_CLIENT : (enum rk_dry)dry;
}

/* --- verbs --- */

const struct rk_verb *rk_verb_find(const struct rk_cmd *cmd, const char *name)
{
	const struct rk_verb *unnamed = NULL;

	for (const struct rk_verb *v = cmd->verbs; v->run; v++) {
		if (!v->name)
			unnamed = v;
		else if (name && name_is(v->name, name, strlen(name)))
			return v;
	}
	return unnamed;
}

int rk_verb_word(const struct rk_cmd *cmd, int argc, char **argv)
{
	for (int i = 0; i < argc; i++) {
		bool known = false, next = false;

		if (rk_streq(argv[i], "--"))
			return rk_verb_find(cmd, NULL) ? argc : i + 1;
		if (argv[i][0] != '-' || !argv[i][1])
			return i;
		/* whether any verb's table says that this flag is followed by its value */
		for (const struct rk_verb *v = cmd->verbs; v->run && !known; v++) {
			rk_auto_flags f = {0};
			const char *value;

			rk_flags_init(&f, v, NULL, NULL);
			known = rk_flags_word(&f, argv[i], &value, &next);
		}
		i += next;
	}
	return argc;
}

/* --- variables --- */

bool rk_opt_is_connection(const struct rk_opt *o)
{
	for (const struct rk_opt *k = rk_opts_kube; k->name; k++)
		if (o->help == k->help) /* a shell tool has copies */
			return true;
	return false;
}

static int take_variables(struct rk_flags *f, struct rk_err *err)
{
	bool chosen = false; /* variables that select a server are not mixed with flags that do */

	for (size_t i = 0; i < f->n; i++)
		chosen = chosen || (f->v[i].given && rk_opt_is_connection(f->v[i].opt) &&
					   rk_listed("kubeconfig,context,cluster,user,server",
						   f->v[i].opt->name));
	for (size_t i = 0; i < f->all; i++) {
		struct rk_flag *v = &f->v[i];
		const char *env = v->opt->env, *value = env && !v->given ? getenv(env) : NULL;

		if (value && *value && !(chosen && rk_opt_is_connection(v->opt)) &&
			rk_flag_set(v, env, value, err) < 0)
			return -1;
	}
	return 0;
}

/* The flags of this command line that a command in advice must have, too (rk_here in base.h). */
static void put_here(struct rk_buf *b, const struct rk_flag *f)
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

static void set_here(const struct rk_flags *f)
{
	static struct rk_buf ours = RK_BUF_INIT, kubectl = RK_BUF_INIT, settings = RK_BUF_INIT;
	const char *inherited = getenv("RK3K_HERE"); /* of deploy, whose tools read a pipe */

	rk_buf_reset(&ours);
	rk_buf_reset(&kubectl);
	rk_buf_reset(&settings);
	for (size_t i = 0; i < f->all; i++) {
		const struct rk_flag *v = &f->v[i];
		const struct rk_opt *o = v->opt;

		/* each hint gives its own -n, and a time limit selects no cluster */
		if (rk_opt_is_connection(o) && !rk_listed("namespace,request-timeout", o->name)) {
			put_here(&ours, v);
			if (!rk_listed("token-file,resolve", o->name))
				put_here(&kubectl, v);
		} else if ((rk_streq(o->name, "config") && o->kind == RK_OPT_STR &&
				   !rk_streq(*(const char *const *)v->p, "-")) ||
			   (rk_streq(o->name, "set") && o->kind == RK_OPT_LIST)) {
			put_here(&settings, v);
		}
	}
	if (!settings.len && inherited)
		rk_buf_puts(&settings, inherited);
	rk_buf_put(&settings, ours.s, ours.len);
	rk_here_flags = (struct rk_here){ours.s, kubectl.s, settings.s};
}

/* --- the parser --- */

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
	if (!value && !is_alone(o)) {
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
		if (name_is(refused[i][0], name + 2, n - 2)) {
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
			struct rk_flag *f = next_flag(&p->flags, arg, &s, &value);
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
		rk_err_set(err, RK_USAGE, "\"%s\" is not one of: %s", arg, list.s);
	else
		rk_err_set(err, RK_USAGE, "unexpected argument \"%s\"", arg);
	if (near)
		return rk_err_hint(err, "did you mean %s?", near);
	return !only && strlen(arg) > 1 && by_name(&p->flags, arg, strlen(arg))
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
		ret = take_variables(&p.flags, err);
	for (size_t i = 0; i < p.flags.n; i++)
		if (p.flags.v[i].opt->kind == RK_OPT_OUTPUT)
			c->out = p.flags.v[i].p;
	c->dry = v ? dry_of(&p.flags) : RK_DRY_CLIENT;
	if (ret == 0 && v && !c->events)
		set_here(&p.flags);
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
