// SPDX-License-Identifier: Apache-2.0
/* The tables every tool shares, and a tool's tables laid out flat. */
#include "internal.h"

const struct rk_opt rk_opts_kube[] = {
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
	{"namespace", 'n', RK_OPT_NAME, offsetof(struct rk_kube_flags, ns), "NAME",
		"namespace to work in", .complete = "namespace", .names = RK_NAMES_NAMESPACE},
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
	RK_OPT_END,
};

const struct rk_opt rk_opts_virtual[] = {
	{"virtual", .kind = RK_OPT_NAME, .off = offsetof(struct rk_kube_flags, virtual_cluster),
		.arg = "[NS/]NAME", .complete = "cluster", .names = RK_NAMES_REF,
		.help = "act inside this virtual cluster"},
	RK_OPT_END,
};

const struct rk_opt rk_opts_out[] = {
	{"output", 'o', RK_OPT_OUTPUT, 0, "FORMAT", "output format",
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

/* --- the table laid out flat --- */

static bool is_named(const struct rk_flags *f, const char *name)
{
	for (size_t i = 0; i < f->n; i++)
		if (strcmp(f->v[i].opt->name, name) == 0)
			return true;
	return false;
}

static void add_flag(struct rk_flag **v, size_t *n, struct rk_flag flag)
{
	*v = rk_realloc(*v, (*n + 1) * sizeof(**v));
	(*v)[(*n)++] = flag;
}

static void add_table(struct rk_flags *f, const struct rk_opt *t, char *base, const char *heading)
{
	for (; t->name; t++) {
		char *p = base ? base + t->off : NULL;

		if (t->kind == RK_OPT_GROUP) {
			add_table(f, t->sub, p, t->help);
			continue;
		}
		if (is_named(f, t->name)) /* the tool uses this name for another flag */
			add_flag(&f->hidden, &f->nhidden, (struct rk_flag){.opt = t, .p = p});
		else
			add_flag(&f->v, &f->n,
				(struct rk_flag){.opt = t, .p = p, .heading = heading});
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
	free(f->hidden);
	*f = (struct rk_flags){0};
}

bool rk_flag_name_is(const char *have, const char *name, size_t n)
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
		if (rk_flag_name_is(f->v[i].opt->name, name, n))
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

const struct rk_out_flags *rk_flags_out(const struct rk_flags *f)
{
	for (size_t i = 0; i < f->n; i++)
		if (f->v[i].opt->kind == RK_OPT_OUTPUT)
			return f->v[i].p;
	return NULL;
}

enum rk_dry rk_flags_dry(const struct rk_flags *f)
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
		else if (name && rk_flag_name_is(v->name, name, strlen(name)))
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

/* --- variables --- */

/* Options of the connection that say which server is meant, and as whom. */
static bool chooses_server(const struct rk_opt *o)
{
	static const char *const names[] = {"kubeconfig", "context", "cluster", "user", "server"};

	for (size_t i = 0; i < RK_COUNT(names); i++)
		if (o >= rk_opts_kube && o < rk_opts_kube + RK_COUNT(rk_opts_kube) &&
			rk_streq(o->name, names[i]))
			return true;
	return false;
}

/* Variables that lead to one server are not mixed with flags that lead to another. */
static bool env_counts(const struct rk_flags *f, const struct rk_opt *o)
{
	bool connection = o >= rk_opts_kube && o < rk_opts_kube + RK_COUNT(rk_opts_kube);

	for (size_t i = 0; connection && i < f->n; i++)
		if (f->v[i].given && chooses_server(f->v[i].opt))
			return false;
	return true;
}

static int set_env(const struct rk_flags *f, struct rk_flag *v, size_t n, struct rk_err *err)
{
	for (size_t i = 0; i < n; i++) {
		const char *env = v[i].opt->env;
		const char *value = env && !v[i].given ? getenv(env) : NULL;

		if (value && *value && env_counts(f, v[i].opt) &&
			rk_flag_set(&v[i], env, value, err) < 0)
			return -1;
	}
	return 0;
}

int rk_flags_from_env(struct rk_flags *f, struct rk_err *err)
{
	return set_env(f, f->v, f->n, err) < 0 ? -1 : set_env(f, f->hidden, f->nhidden, err);
}
