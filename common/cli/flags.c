// SPDX-License-Identifier: Apache-2.0
/* The tables every tool shares, and a tool's tables laid out flat. */
#include "internal.h"

#undef OPT_STRUCT
#define OPT_STRUCT struct rk_kube_flags
const struct rk_opt rk_opts_kube[] = {
	OPT_STR("kubeconfig", kubeconfig, "FILE",
		"use this kubeconfig instead of $KUBECONFIG or ~/.kube/config", .complete = "file"),
	OPT_STR("context", context, "NAME", "context of the kubeconfig to use",
		.complete = "context", .env = "RK3K_CONTEXT"),
	OPT_STR("cluster", cluster, "NAME", "cluster of the kubeconfig to use"),
	OPT_STR("user", user, "NAME", "user of the kubeconfig to use"),
	OPT_NAME("namespace", ns, "NAME", "namespace to work in", .key = 'n',
		.complete = "namespace", .names = RK_NAMES_NAMESPACE),
	OPT_STR("server", server, "URL", "address of the API server", .key = 's',
		.env = "RK3K_SERVER"),
	OPT_STR("tls-server-name", tls_server_name, "NAME",
		"expected name in the server's certificate", .env = "RK3K_TLS_SERVER_NAME"),
	OPT_STR("certificate-authority", certificate_authority, "FILE", "CA certificates to trust",
		.complete = "file", .env = "RK3K_CERTIFICATE_AUTHORITY"),
	OPT_STR("client-certificate", client_certificate, "FILE", "client certificate",
		.complete = "file"),
	OPT_STR("client-key", client_key, "FILE", "key of the client certificate",
		.complete = "file"),
	OPT_STR("token-file", token_file, "FILE", "file that holds a bearer token",
		.complete = "file", .env = "RK3K_TOKEN_FILE"),
	OPT_STR("as", as, "USER", "user to impersonate", .env = "RK3K_AS"),
	OPT_STR("as-uid", as_uid, "UID", "UID to impersonate"),
	OPT_CSV("as-group", as_groups, "GROUP", "group to impersonate; repeatable",
		.env = "RK3K_AS_GROUP"),
	OPT_STR("resolve", resolve, "HOST:PORT:ADDRESS",
		"connect to ADDRESS for HOST:PORT; separate several with blanks",
		.env = "RK3K_RESOLVE"),
	OPT_SECS("request-timeout", request_timeout_ms,
		"longest time for one request; a bare number is seconds, 0 means unlimited",
		.env = "RK3K_REQUEST_TIMEOUT"),
	OPT_END,
};

const struct rk_opt rk_opts_virtual[] = {
	OPT_NAME("virtual", virtual_cluster, "[NS/]NAME", "connect to this virtual cluster",
		.complete = "cluster", .names = RK_NAMES_REF),
	OPT_END,
};

#undef OPT_STRUCT
#define OPT_STRUCT struct rk_out_flags
const struct rk_opt rk_opts_out[] = {
	{"output", 'o', RK_OPT_OUTPUT, 0, "FORMAT", "output format",
		.choices = "table|wide|json|yaml|name"},
	OPT_FLAG("no-headers", no_headers, "leave out the table's header line"),
	OPT_END,
};

#undef OPT_STRUCT
#define OPT_STRUCT struct rk_common
static const struct rk_opt common_opts[] = {
	OPT_FLAG("help", help, "show this help", .key = 'h'),
	OPT_FLAG("version", version, "show the version"),
	OPT_COUNT("verbose", verbosity, "LEVEL", "print more on stderr; repeatable, or -v=LEVEL",
		.key = 'v'),
	OPT_FLAG("quiet", quiet, "no progress and no hints on stderr", .key = 'q'),
	OPT_ENUM("color", color, "auto|always|never", "colour on stderr; auto obeys NO_COLOR"),
	OPT_END,
};

/* --- the table laid out flat --- */

static void add_table(struct rk_flags *f, const struct rk_opt *t, char *base, const char *heading)
{
	for (; t->name; t++) {
		char *p = base ? base + t->off : NULL;
		bool hidden = false; /* the tool uses this name for another flag */

		if (t->kind == RK_OPT_GROUP) {
			add_table(f, t->sub, p, t->help);
			continue;
		}
		for (size_t i = 0; i < f->n; i++)
			hidden = hidden || rk_streq(f->v[i].opt->name, t->name);
		f->v = rk_realloc(f->v, (f->all + 1) * sizeof(*f->v));
		if (!hidden)
			f->v[f->all] = f->v[f->n];
		f->v[hidden ? f->all : f->n++] =
			(struct rk_flag){.opt = t, .p = p, .heading = heading};
		f->all++;
	}
}

void rk_flags_init(struct rk_flags *f, const struct rk_verb *verb, void *opts, struct rk_common *c)
{
	*f = (struct rk_flags){0};
	if (verb && verb->opts)
		add_table(f, verb->opts, opts, NULL);
	add_table(f, common_opts, (char *)c, "Common flags");
}

bool rk_flag_name_is(const char *have, const char *name, size_t n)
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

struct rk_flag *rk_flags_long(struct rk_flags *f, const char *name, size_t n)
{
	for (size_t i = 0; i < f->n; i++)
		if (rk_flag_name_is(f->v[i].opt->name, name, n))
			return &f->v[i];
	return n == 1 ? by_key(f, *name) : NULL; /* kubectl's --v=6 */
}

bool rk_opt_alone(const struct rk_opt *o)
{
	return o->kind == RK_OPT_FLAG || o->kind == RK_OPT_COUNT || o->optional;
}

struct rk_flag *rk_flags_at(
	struct rk_flags *f, const char *word, const char **s, const char **value)
{
	const char *end = *s + strcspn(*s, "=");
	struct rk_flag *flag;

	*value = NULL;
	if (word[1] == '-') {
		flag = rk_flags_long(f, *s + 2, (size_t)(end - *s - 2));
		*value = *end ? end + 1 : NULL;
		*s = flag ? "" : *s;
		return flag;
	}
	*s += *s == word; /* the dash */
	flag = by_key(f, **s);
	if (!flag)
		return NULL;
	++*s;
	if (**s == '=' || (**s && !rk_opt_alone(flag->opt)) ||
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

	for (const char *s = word; *s && (flag = rk_flags_at(f, word, &s, value));)
		;
	*takes_next = flag && !*value && !rk_opt_alone(flag->opt);
	return flag;
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
	return o >= rk_opts_kube && o < rk_opts_kube + RK_COUNT(rk_opts_kube);
}

int rk_flags_from_env(struct rk_flags *f, struct rk_err *err)
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
