// SPDX-License-Identifier: Apache-2.0
#include "cli-internal.h"

#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <strings.h>
#include <sys/resource.h>

#if defined(__SANITIZE_ADDRESS__)
#define RK_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define RK_ASAN 1
#endif
#endif

const struct rk_opt rk_kube_opts[] = {
	{"kubeconfig", .kind = RK_OPT_STR, .off = offsetof(struct rk_kube_flags, kubeconfig),
		.arg = "FILE", .complete = "file",
		.help = "use this kubeconfig instead of $KUBECONFIG or ~/.kube/config"},
	{"context", .kind = RK_OPT_STR, .off = offsetof(struct rk_kube_flags, context),
		.arg = "NAME", .complete = "context", .help = "context of the kubeconfig to use",
		.env = "RK3K_CONTEXT"},
	{"cluster", .kind = RK_OPT_STR, .off = offsetof(struct rk_kube_flags, cluster),
		.arg = "NAME", .help = "cluster of the kubeconfig to use"},
	{"user", .kind = RK_OPT_STR, .off = offsetof(struct rk_kube_flags, user), .arg = "NAME",
		.help = "user of the kubeconfig to use"},
	{"namespace", 'n', RK_OPT_STR, offsetof(struct rk_kube_flags, ns), "NAME",
		"namespace to work in", .complete = "namespace"},
	{"server", 's', RK_OPT_STR, offsetof(struct rk_kube_flags, server), .arg = "URL",
		.help = "address of the API server", .env = "RK3K_SERVER"},
	{"tls-server-name", .kind = RK_OPT_STR,
		.off = offsetof(struct rk_kube_flags, tls_server_name), .arg = "NAME",
		.help = "name the server's certificate must carry", .env = "RK3K_TLS_SERVER_NAME"},
	{"certificate-authority", .kind = RK_OPT_STR,
		.off = offsetof(struct rk_kube_flags, certificate_authority), .arg = "FILE",
		.complete = "file", .help = "CA certificates to trust",
		.env = "RK3K_CERTIFICATE_AUTHORITY"},
	{"client-certificate", .kind = RK_OPT_STR,
		.off = offsetof(struct rk_kube_flags, client_certificate), .arg = "FILE",
		.complete = "file", .help = "client certificate"},
	{"client-key", .kind = RK_OPT_STR, .off = offsetof(struct rk_kube_flags, client_key),
		.arg = "FILE", .complete = "file", .help = "key of the client certificate"},
	{"token-file", .kind = RK_OPT_STR, .off = offsetof(struct rk_kube_flags, token_file),
		.arg = "FILE", .complete = "file", .help = "file that holds a bearer token",
		.env = "RK3K_TOKEN_FILE"},
	{"as", .kind = RK_OPT_STR, .off = offsetof(struct rk_kube_flags, as), .arg = "USER",
		.help = "user to impersonate", .env = "RK3K_AS"},
	{"as-uid", .kind = RK_OPT_STR, .off = offsetof(struct rk_kube_flags, as_uid), .arg = "UID",
		.help = "UID to impersonate"},
	{"as-group", .kind = RK_OPT_CSV, .off = offsetof(struct rk_kube_flags, as_groups),
		.arg = "GROUP", .help = "group to impersonate; repeatable", .env = "RK3K_AS_GROUP"},
	{"resolve", .kind = RK_OPT_STR, .off = offsetof(struct rk_kube_flags, resolve),
		.arg = "HOST:PORT:ADDRESS",
		.help = "connect to ADDRESS for HOST:PORT; several apart by blanks",
		.env = "RK3K_RESOLVE"},
	{"request-timeout", .kind = RK_OPT_SECS,
		.off = offsetof(struct rk_kube_flags, request_timeout_ms), .arg = "DURATION",
		.help = "longest time for one request; a bare number is seconds, 0 is no limit",
		.env = "RK3K_REQUEST_TIMEOUT"},
	{"virtual", .kind = RK_OPT_STR, .off = offsetof(struct rk_kube_flags, virtual_cluster),
		.arg = "[NS/]NAME", .complete = "cluster",
		.help = "act inside this virtual cluster"},
	RK_OPT_END,
};

const struct rk_opt rk_out_opts[] = {
	{"output", 'o', RK_OPT_ENUM, offsetof(struct rk_out_flags, fmt), "FORMAT", "output format",
		.choices = "table|wide|json|yaml|name"},
	{"no-headers", .kind = RK_OPT_FLAG, .off = offsetof(struct rk_out_flags, no_headers),
		.help = "leave out the table's header line"},
	RK_OPT_END,
};

static const struct rk_opt common_opts[] = {
	{"help", 'h', RK_OPT_FLAG, offsetof(struct rk_common, help), .help = "show this help"},
	{"version", .kind = RK_OPT_FLAG, .off = offsetof(struct rk_common, version),
		.help = "show the version"},
	{"verbose", 'v', RK_OPT_COUNT, offsetof(struct rk_common, verbosity), .arg = "LEVEL",
		.help = "say more on stderr; repeatable, or -v=LEVEL"},
	{"quiet", 'q', RK_OPT_FLAG, offsetof(struct rk_common, quiet),
		.help = "no progress and no hints on stderr"},
	{"color", .kind = RK_OPT_ENUM, .off = offsetof(struct rk_common, color),
		.choices = "auto|always|never", .help = "colour on stderr; auto obeys NO_COLOR"},
	RK_OPT_END,
};

/* Flags of kubectl and helm that rk3k does not have on purpose, and what to do instead. */
static const char *const refused[][2] = {
	{"insecure-skip-tls-verify",
		"TLS is always verified; pin the CA with --certificate-authority FILE"},
	{"token", "a token in the arguments is seen by every process; use --token-file FILE"},
	{"password", "a password in the arguments is seen by every process"},
	{"username", "basic authentication is read from the kubeconfig only"},
};

/* --- the table laid out flat --- */

static bool is_named(const struct rk_flags *f, const char *name)
{
	for (size_t i = 0; i < f->n; i++)
		if (strcmp(f->v[i].opt->name, name) == 0)
			return true;
	return false;
}

static void add_table(struct rk_flags *f, const struct rk_opt *t, char *base, const char *heading)
{
	for (; t->name; t++) {
		char *p = base ? base + t->off : NULL;

		if (t->kind == RK_OPT_GROUP) {
			add_table(f, t->sub, p, t->help);
			continue;
		}
		if (is_named(f, t->name))
			continue; /* the tool gives this name a meaning of its own */
		f->v = rk_realloc(f->v, (f->n + 1) * sizeof(*f->v));
		f->v[f->n++] = (struct rk_flag){.opt = t, .p = p, .heading = heading};
	}
}

void rk_flags_init(struct rk_flags *f, const struct rk_verb *verb, void *opts, struct rk_common *c)
{
	*f = (struct rk_flags){0};
	if (verb && verb->opts)
		add_table(f, verb->opts, opts, NULL);
	add_table(f, common_opts, (char *)c, "Common flags");
}

void rk_flags_release(struct rk_flags *f)
{
	free(f->v);
	*f = (struct rk_flags){0};
}

static bool name_is(const char *have, const char *name, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (have[i] != (name[i] == '_' ? '-' : name[i]))
			return false;
	return have[n] == '\0';
}

struct rk_flag *rk_flags_key(struct rk_flags *f, char key)
{
	for (size_t i = 0; i < f->n; i++)
		if (key && f->v[i].opt->key == key)
			return &f->v[i];
	return NULL;
}

struct rk_flag *rk_flags_long(struct rk_flags *f, const char *name, size_t n)
{
	for (size_t i = 0; i < f->n; i++)
		if (name_is(f->v[i].opt->name, name, n))
			return &f->v[i];
	return n == 1 ? rk_flags_key(f, *name) : NULL; /* kubectl's --v=6 */
}

bool rk_opt_alone(const struct rk_opt *o)
{
	return o->kind == RK_OPT_FLAG || o->kind == RK_OPT_COUNT || o->optional;
}

/* Short flags: all but the last of a bundle stand alone. */
static struct rk_flag *key_word(
	struct rk_flags *f, const char *word, const char **value, bool *takes_next)
{
	struct rk_flag *flag = NULL;

	for (const char *s = word + 1; *s; s++) {
		flag = rk_flags_key(f, *s);
		if (!flag)
			return NULL;
		if (s[1] == '=') {
			*value = s + 2;
			return flag;
		}
		if (!rk_opt_alone(flag->opt)) {
			*value = s[1] ? s + 1 : NULL;
			*takes_next = !s[1];
			return flag;
		}
	}
	return flag;
}

struct rk_flag *rk_flags_word(
	struct rk_flags *f, const char *word, const char **value, bool *takes_next)
{
	struct rk_flag *flag;
	const char *eq = strchr(word, '=');

	*value = NULL;
	*takes_next = false;
	if (word[1] != '-')
		return key_word(f, word, value, takes_next);
	flag = rk_flags_long(f, word + 2, eq ? (size_t)(eq - word - 2) : strlen(word + 2));
	if (!flag)
		return NULL;
	*value = eq ? eq + 1 : NULL;
	*takes_next = !eq && !rk_opt_alone(flag->opt);
	return flag;
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

size_t rk_verb_named(const struct rk_cmd *cmd)
{
	size_t n = 0;

	for (const struct rk_verb *v = cmd->verbs; v->run; v++)
		n += v->name != NULL;
	return n;
}

/* Whether any verb's table says that this flag word is followed by its value. */
static bool any_takes_next(const struct rk_cmd *cmd, const char *word)
{
	for (const struct rk_verb *v = cmd->verbs; v->run; v++) {
		rk_auto_flags f = {0};
		const char *value;
		bool next;

		rk_flags_init(&f, v, NULL, NULL);
		if (rk_flags_word(&f, word, &value, &next))
			return next;
	}
	return false;
}

int rk_verb_word(const struct rk_cmd *cmd, int argc, char **argv)
{
	for (int i = 0; i < argc; i++) {
		if (rk_streq(argv[i], "--"))
			return argc;
		if (argv[i][0] != '-' || !argv[i][1])
			return i;
		if (any_takes_next(cmd, argv[i]))
			i++;
	}
	return argc;
}

/* --- values --- */

/* Units in nanoseconds, longest spelling first where one begins another. */
static const struct {
	const char *name;
	double ns;
} units[] = {
	{"ns", 1},
	{"us", 1e3},
	{"\302\265s", 1e3},
	{"\316\274s", 1e3},
	{"ms", 1e6},
	{"s", 1e9},
	{"m", 60e9},
	{"h", 3600e9},
};

/* One "1.5h" of a duration; moves *s behind it. */
static bool duration_part(const char **s, double *ns)
{
	const char *p = *s;
	double n = 0, scale = 1;
	bool digits = false;

	for (; *p >= '0' && *p <= '9'; p++, digits = true)
		n = n * 10 + (*p - '0');
	if (*p == '.')
		for (p++; *p >= '0' && *p <= '9'; p++, digits = true)
			n += (*p - '0') * (scale /= 10);
	for (size_t i = 0; digits && i < RK_COUNT(units); i++) {
		size_t len = strlen(units[i].name);

		/* "m" must not take the m of "ms"; "ms" stands before it. */
		if (strncmp(p, units[i].name, len) != 0)
			continue;
		*ns += n * units[i].ns;
		*s = p + len;
		return true;
	}
	return false;
}

bool rk_parse_duration(const char *s, int64_t *ms)
{
	double ns = 0;
	bool minus = *s == '-';

	if (*s == '-' || *s == '+')
		s++;
	if (rk_streq(s, "0")) {
		*ms = 0;
		return true;
	}
	do {
		if (!duration_part(&s, &ns) || ns > 9.2e18) /* Go's int64 of nanoseconds */
			return false;
	} while (*s);
	*ms = (int64_t)(ns / 1e6 + 0.5) * (minus ? -1 : 1);
	return true;
}

/* Index of s among "a|b|c", case ignored as kubectl does; -1 when it is none. */
static int choice_index(const char *choices, const char *s)
{
	size_t want = strlen(s);

	for (int i = 0;; i++) {
		size_t n = strcspn(choices, "|");

		if (n == want && strncasecmp(choices, s, n) == 0)
			return i;
		if (!choices[n])
			return -1;
		choices += n + 1;
	}
}

static int set_enum(struct rk_flag *f, const char *name, const char *value, struct rk_err *err)
{
	int i = choice_index(f->opt->choices, value);
	rk_auto_free char *list = rk_strdup(f->opt->choices);

	if (i >= 0) {
		*(int *)f->p = i;
		return 0;
	}
	for (char *p = list; *p; p++)
		if (*p == '|')
			*p = ' ';
	return rk_err_set(err, RK_USAGE, "%s: \"%s\" is none of: %s", name, value, list);
}

static int set_bool(struct rk_flag *f, const char *name, const char *value, struct rk_err *err)
{
	static const char *const yes[] = {"true", "1", "t", "T", "TRUE", "True"};
	static const char *const no[] = {"false", "0", "f", "F", "FALSE", "False"};

	for (size_t i = 0; i < RK_COUNT(yes); i++) {
		if (rk_streq(value, yes[i]) || rk_streq(value, no[i])) {
			*(bool *)f->p = rk_streq(value, yes[i]);
			return 0;
		}
	}
	return rk_err_set(err, RK_USAGE, "%s: \"%s\" is neither true nor false", name, value);
}

static int set_duration(struct rk_flag *f, const char *name, const char *value, struct rk_err *err)
{
	int64_t s;

	if (f->opt->kind == RK_OPT_SECS && rk_parse_int(value, 0, INT32_MAX, &s)) {
		*(int64_t *)f->p = s * 1000;
		return 0;
	}
	if (rk_parse_duration(value, f->p))
		return 0;
	return rk_err_set(
		err, RK_USAGE, "%s: \"%s\" is not a duration such as 90s or 5m", name, value);
}

static int set_int(struct rk_flag *f, const char *name, const char *value, struct rk_err *err)
{
	int64_t n;
	bool count = f->opt->kind == RK_OPT_COUNT;

	if (!rk_parse_int(value, count ? 0 : INT64_MIN, count ? 99 : INT64_MAX, &n))
		return rk_err_set(err, RK_USAGE, "%s: \"%s\" is not a number", name, value);
	if (count)
		*(int *)f->p = (int)n;
	else
		*(int64_t *)f->p = n;
	return 0;
}

/* Items of "a,b" live as long as the process: opts point to them as they point into argv. */
static void add_csv(struct rk_strv *v, const char *value)
{
	while (*value) {
		size_t n = strcspn(value, ",");

		if (n)
			rk_strv_add(v, rk_strndup(value, n));
		value += n + (value[n] == ',');
	}
}

/* name: as the user wrote it, for messages. */
static int set_value(struct rk_flag *f, const char *name, const char *value, struct rk_err *err)
{
	switch (f->opt->kind) {
	case RK_OPT_FLAG:
		return set_bool(f, name, value, err);
	case RK_OPT_INT:
	case RK_OPT_COUNT:
		return set_int(f, name, value, err);
	case RK_OPT_DUR:
	case RK_OPT_SECS:
		return set_duration(f, name, value, err);
	case RK_OPT_ENUM:
		return set_enum(f, name, value, err);
	case RK_OPT_LIST:
		rk_strv_add(f->p, value);
		return 0;
	case RK_OPT_CSV:
		add_csv(f->p, value);
		return 0;
	default:
		*(const char **)f->p = value;
		return 0;
	}
}

/* A flag given without a value. */
static int set_alone(struct rk_flag *f, const char *name, struct rk_err *err)
{
	if (f->opt->kind == RK_OPT_COUNT) {
		++*(int *)f->p;
		return 0;
	}
	return set_value(f, name, f->opt->optional ? f->opt->optional : "true", err);
}

/* Options of the connection that say which server is meant, and as whom. */
static bool chooses_server(const struct rk_opt *o)
{
	static const char *const names[] = {"kubeconfig", "context", "cluster", "user", "server"};

	for (size_t i = 0; i < RK_COUNT(names); i++)
		if (o >= rk_kube_opts && o < rk_kube_opts + RK_COUNT(rk_kube_opts) &&
			rk_streq(o->name, names[i]))
			return true;
	return false;
}

/* Variables that lead to one server are not mixed with flags that lead to another. */
static bool env_counts(const struct rk_flags *f, const struct rk_opt *o)
{
	bool connection = o >= rk_kube_opts && o < rk_kube_opts + RK_COUNT(rk_kube_opts);

	for (size_t i = 0; connection && i < f->n; i++)
		if (f->v[i].given && chooses_server(f->v[i].opt))
			return false;
	return true;
}

static int set_env(struct rk_flag *f, struct rk_err *err)
{
	const char *env = f->opt->env;
	const char *value = env && !f->given ? getenv(env) : NULL;

	if (!value || !*value)
		return 0;
	return set_value(f, env, value, err);
}

static int set_from_env(struct rk_flags *f, struct rk_err *err)
{
	for (size_t i = 0; i < f->n; i++)
		if (env_counts(f, f->v[i].opt) && set_env(&f->v[i], err) < 0)
			return -1;
	return 0;
}

/* --- parsing --- */

struct parser {
	struct rk_flags flags;
	int argc, i; /* i: the next word */
	char **argv;
	int nargs;
};

static int unknown_flag(const struct rk_flags *f, const char *word, struct rk_err *err)
{
	size_t n = strcspn(word, "=");
	rk_auto_free char *name = rk_strndup(word, n);
	rk_auto_free const char **names = rk_calloc(f->n + 1, sizeof(*names));
	const char *near;

	for (size_t i = 0; n > 2 && i < RK_COUNT(refused); i++)
		if (name_is(refused[i][0], name + 2, n - 2)) {
			rk_err_set(err, RK_USAGE, "there is no %s here", name);
			return rk_err_hint(err, "%s", refused[i][1]);
		}
	for (size_t i = 0; i < f->n; i++)
		names[i] = f->v[i].opt->name;
	near = n > 3 ? rk_nearest(name + 2, names) : NULL;
	rk_err_set(err, RK_USAGE, "unknown flag %s", name);
	return near ? rk_err_hint(err, "did you mean --%s?", near) : -1;
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
		return set_value(f, name, value, err);
	if (!next)
		return set_alone(f, name, err);
	if (p->i >= p->argc)
		return rk_err_set(err, RK_USAGE, "%s needs a value", name);
	return set_value(f, name, p->argv[p->i++], err);
}

/* "-qn x": each key in turn; one that takes a value takes the rest, or the next word. */
static int parse_keys(struct parser *p, const char *word, struct rk_err *err)
{
	for (const char *s = word + 1; *s; s++) {
		char name[3] = {'-', *s, '\0'};
		struct rk_flag *f = rk_flags_key(&p->flags, *s);

		if (!f)
			return rk_err_set(err, RK_USAGE, "unknown flag -%c in %s", *s, word);
		f->given = true;
		if (s[1] == '=')
			return set_value(f, name, s + 2, err);
		if (f->opt->kind == RK_OPT_COUNT && s[1] >= '0' && s[1] <= '9')
			return set_value(f, name, s + 1, err);
		if (rk_opt_alone(f->opt)) {
			if (set_alone(f, name, err) < 0)
				return -1;
			continue;
		}
		if (s[1])
			return set_value(f, name, s + 1, err);
		if (p->i >= p->argc)
			return rk_err_set(err, RK_USAGE, "%s needs a value", name);
		return set_value(f, name, p->argv[p->i++], err);
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

static int check_args(const struct rk_verb *v, int nargs, char **argv, struct rk_err *err)
{
	if (v->max_args >= 0 && nargs > v->max_args)
		return rk_err_set(err, RK_USAGE, "unexpected argument \"%s\"", argv[v->max_args]);
	if (nargs < v->min_args)
		return rk_err_set(
			err, RK_USAGE, "missing argument: %s", v->args ? v->args : "(see --help)");
	return 0;
}

static int cli_parse(const struct rk_cmd *cmd, void *opts, struct rk_common *c, int argc,
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
		ret = set_from_env(&p.flags, err);
	rk_flags_release(&p.flags);
	if (ret < 0 || c->help || c->version)
		return ret;
	*nargs = p.nargs;
	return check_args(*verb, p.nargs, argv, err);
}

int rk_cli_parse(const struct rk_cmd *cmd, void *opts, int argc, char **argv,
	const struct rk_verb **verb, int *nargs, bool *help, struct rk_err *err)
{
	struct rk_common c = {0};
	int ret = cli_parse(cmd, opts, &c, argc, argv, verb, nargs, err);

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

/* --- nearest name --- */

static size_t min3(size_t a, size_t b, size_t c)
{
	a = a < b ? a : b;
	return a < c ? a : c;
}

/* Levenshtein distance of short words; long ones count as far apart. */
static size_t distance(const char *a, const char *b)
{
	size_t na = strlen(a), nb = strlen(b), row[40];

	if (nb >= RK_COUNT(row))
		return SIZE_MAX;
	for (size_t j = 0; j <= nb; j++)
		row[j] = j;
	for (size_t i = 1; i <= na; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= nb; j++) {
			size_t up = row[j];

			row[j] = min3(up + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
			diagonal = up;
		}
	}
	return row[nb];
}

const char *rk_nearest(const char *word, const char *const *names)
{
	const char *best = NULL;
	size_t best_d = strlen(word) / 3 + 1; /* further is a guess, not a typing error */

	for (; *names; names++) {
		size_t d = distance(word, *names);

		if (strlen(word) >= 3 && rk_prefix(*names, word))
			d = d ? 1 : 0;
		if (d < best_d || (d == best_d && !best)) {
			best_d = d;
			best = *names;
		}
	}
	return best;
}

/* --- the two ends of a program --- */

/* A tool started with a standard descriptor closed would else open a kubeconfig as its stdout. The
 * wrong mode makes every use of it fail, so that lost output is an error (gnulib's stdopen). */
static void open_standard_fds(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 &&
			open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
			exit(RK_FAIL);
}

void rk_init(const char *name)
{
	/* 1, not 0: a core_pattern that pipes ignores 0 and obeys 1. */
	const struct rlimit none = {.rlim_cur = 1, .rlim_max = 1};

	open_standard_fds();
	setrlimit(RLIMIT_CORE, &none);
	rk_out_init(name, 0, false, RK_COLOR_AUTO);
	signal(SIGPIPE, SIG_IGN);
	rk_file_handle_signals();
}

static void die_by_signal(int sig)
{
	signal(sig, SIG_DFL);
	raise(sig);
}

int rk_finish(int ret, struct rk_err *err)
{
	struct rk_err flush = RK_ERR_INIT;

	if (rk_out_flush(&flush) < 0 && ret == 0) {
		*err = flush;
		ret = -1;
	}
	rk_file_cleanup();
	if (ret < 0 && err->code <= 128)
		rk_out_error(err);
	if (ret < 0 && err->code > 128)
		die_by_signal(err->code - 128);
#ifndef RK_ASAN
	if (ret == 0 && fclose(stdout) != 0) { /* a network file system may say it only now */
		rk_err_sys(err, "write error");
		rk_out_error(err);
		return RK_FAIL;
	}
#endif
	if (ret < 0)
		return err->code ? err->code : RK_FAIL;
	return ret;
}

const char *rk_usage_prefix(void)
{
	const char *plugin = getenv("HELM_PLUGIN_NAME");

	return plugin && *plugin ? "helm rk3k" : "kubectl rk3k";
}

static int print_buf(struct rk_buf *b)
{
	struct rk_err err = RK_ERR_INIT;

	rk_print_buf(b);
	rk_buf_release(b);
	return rk_finish(0, &err);
}

/* __complete: what must be asked for is asked by the tool `names` in our place. Silent whatever
 * happens: stderr is the user's prompt. */
static int complete(const struct rk_cmd *cmd, int argc, char **argv)
{
	struct rk_buf out = RK_BUF_INIT;
	struct rk_strv ask_for = {0}, words = {0};
	rk_auto_free char *dir = NULL, *path = NULL;

	rk_cli_complete(cmd, argc, argv, &out, &ask_for);
	if (!ask_for.n)
		return print_buf(&out);
	dir = rk_exe_dir();
	path = rk_asprintf("%s/rk3k-names", dir);
	rk_strv_add(&words, path);
	rk_strv_add(&words, "--complete");
	for (size_t i = 2; i < ask_for.n; i++)
		rk_strv_add(&words, ask_for.v[i]);
	rk_strv_add(&words, "--"); /* what stands before each name is no flag of names */
	rk_strv_add(&words, ask_for.v[0]);
	rk_strv_add(&words, ask_for.v[1]);
	execv(path, (char *const *)(uintptr_t)words.v);
	return print_buf(&out);
}

/* Answers that need no parsing; -1 when it is none of them. */
static int answer(const struct rk_cmd *cmd, int argc, char **argv)
{
	struct rk_buf out = RK_BUF_INIT;

	if (argc == 2 && rk_streq(argv[1], "--summary"))
		rk_buf_addf(&out, "%s\n", cmd->summary);
	else if (argc == 2 && rk_streq(argv[1], "__man"))
		rk_cli_man(cmd, &out);
	else if (argc > 1 && rk_streq(argv[1], "__complete"))
		return complete(cmd, argc - 2, argv + 2);
	else
		return -1;
	return print_buf(&out);
}

/* Examples and descriptions say "kubectl rk3k"; helm's users read of helm. */
static void say_prefix(struct rk_buf *out, const char *text)
{
	static const char usual[] = "kubectl rk3k";
	const char *hit;

	for (; (hit = strstr(text, usual)); text = hit + sizeof(usual) - 1) {
		rk_buf_put(out, text, (size_t)(hit - text));
		rk_buf_puts(out, rk_usage_prefix());
	}
	rk_buf_puts(out, text);
}

static int help(const struct rk_cmd *cmd, const struct rk_verb *verb)
{
	rk_auto_buf text = RK_BUF_INIT;
	struct rk_buf out = RK_BUF_INIT;
	size_t width = rk_out_width(STDOUT_FILENO);

	rk_cli_help(cmd, verb && verb->name ? verb : NULL, width ? width : 80, &text);
	say_prefix(&out, text.s);
	return print_buf(&out);
}

static int version(void)
{
	struct rk_buf out = RK_BUF_INIT;

	rk_buf_addf(&out, "rk3k %s (%s, %s)\n", rk_version, rk_commit, rk_date);
	return print_buf(&out);
}

int rk_main(const struct rk_cmd *cmd, int argc, char **argv)
{
	struct rk_err err = RK_ERR_INIT;
	struct rk_common c = {0};
	const struct rk_verb *verb = NULL;
	rk_auto_free char *name = rk_asprintf("rk3k-%s", cmd->name);
	rk_auto_free void *opts = rk_calloc(1, cmd->opts_size ? cmd->opts_size : 1);
	int nargs = 0, ret;

	rk_init(name);
	ret = answer(cmd, argc, argv);
	if (ret >= 0)
		return ret;
	argc -= argc > 0;
	ret = cli_parse(cmd, opts, &c, argc, argv + 1, &verb, &nargs, &err);
	rk_out_init(name, c.verbosity, c.quiet, (enum rk_color)c.color);
	if (ret == 0 && c.help) {
		ret = help(cmd, verb);
	} else if (ret == 0 && c.version) {
		ret = version();
	} else {
		if (ret < 0 && !err.hint[0])
			rk_err_hint(&err, "see %s %s --help", rk_usage_prefix(), cmd->name);
		else if (ret == 0)
			ret = verb->run(opts, nargs, argv + 1, &err);
		ret = rk_finish(ret, &err);
	}
	rk_cli_release(cmd, verb, opts);
	return ret;
}
