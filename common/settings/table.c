// SPDX-License-Identifier: Apache-2.0
/* The table of settings, and the values. */
#include "internal.h"

#include <stdarg.h>
#include <unistd.h>

#include "cli/cli.h"

static const char HOST[] = "a DNS name such as rancher.example.com";
static const char REPO[] = "https://host/path of a repository, or oci://host/path/chart";
static const char VERSION[] = "a version such as v1.18.5";
static const char FILE_FORM[] = "an existing file";
static const char PEM_FORM[] = "an existing file of PEM certificates";
static const char LABEL[] = "lower-case letters, digits and dashes, at most 63";
static const char CLUSTER[] = "lower-case letters, digits and dashes, at most 41, not system";
static const char NAMESPACE[] = "lower-case letters, digits and dashes, at most 59";
static const char CIDR[] = "a network such as 10.42.0.0/16";

#define SECRET				     RK_SETF_SECRET
#define ASK				     RK_SETF_ASK
#define EMPTY				     RK_SETF_EMPTY
#define CERT				     RK_SETF_CERT
#define KEY				     RK_SETF_KEY
#define LIST				     RK_SETF_LIST
#define K(key, kind, flags, def, form, help) {#key, RK_SET_##kind, flags, def, form, help},
const struct rk_setting rk_settings_table[RK_KEY_COUNT] = {
#include "settings/keys.def"
};

/* Keys of the rancher-k3k scripts that do nothing: accepted with a warning, in their files above all. */
static const char *no_effect(const char *name)
{
	static const char backup[] = "BACKUP_S3_ENDPOINT,BACKUP_S3_BUCKET,BACKUP_VAULT_S3_PATH,"
				     "BACKUP_VAULT_ENCRYPTION_PATH,BACKUP_S3_CA_PATH,"
				     "BACKUP_SCHEDULE,BACKUP_RETENTION,VAULT_ADDR";

	if (rk_streq(name, "CUSTOM_CA"))
		return "has no effect, as in the rancher-k3k scripts";
	return rk_listed(backup, name) ? "backups are not made yet" : NULL;
}

enum rk_key rk_setting_find(const char *name)
{
	int k = 0;

	while (k < RK_KEY_COUNT && !rk_streq(rk_settings_table[k].name, name))
		k++;
	return (enum rk_key)k;
}

static const char *nearest(const char *name)
{
	const char *names[RK_KEY_COUNT + 1] = {NULL};

	for (int k = 0; k < RK_KEY_COUNT; k++)
		names[k] = rk_settings_table[k].name;
	return rk_nearest(name, names);
}

int rk_setting_named(const char *name, enum rk_key *k, struct rk_err *err)
{
	const char *near = nearest(name);

	*k = rk_setting_find(name);
	if (*k != RK_KEY_COUNT)
		return 0;
	rk_err_set(err, RK_USAGE, "unknown setting %.64s", name);
	return rk_err_hint(err, near ? "did you mean %s?" : "list the settings with: %s",
		near ? near : "kubectl rk3k config init -");
}

void rk_problem_add(struct rk_problems *p, bool fatal, const char *key, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	p->v = rk_realloc(p->v, (p->n + 1) * sizeof(*p->v));
	p->v[p->n++] = (struct rk_problem){fatal, rk_strdup(key), rk_strdup(text)};
	p->fatal += fatal;
}

void rk_problems_release(struct rk_problems *p)
{
	for (size_t i = 0; i < p->n; i++) {
		free(p->v[i].key);
		free(p->v[i].text);
	}
	free(p->v);
	*p = (struct rk_problems){0};
}

struct rk_settings *rk_settings_new(void)
{
	struct rk_settings *s = rk_calloc(1, sizeof(*s));

	s->d = rk_doc_new(true);
	return s;
}

void rk_settings_free(struct rk_settings *s)
{
	if (!s)
		return;
	rk_doc_free(s->d);
	rk_creds_free(s->creds);
	free(s);
}

void rk_settings_replace(struct rk_settings *s, enum rk_key k, const char *value)
{
	s->v[k].s = rk_doc_strndup(s->d, value, strlen(value));
}

void rk_settings_put(struct rk_settings *s, enum rk_key k, const char *value, enum rk_origin from)
{
	struct rk_settings_value *v = &s->v[k];

	if (v->s && v->from > from)
		return;
	*v = (struct rk_settings_value){.from = from};
	rk_settings_replace(s, k, value);
	if (!(rk_settings_table[k].flags & RK_SETF_SECRET))
		return;
	if (from == RK_FROM_FILE)
		v->ref_file = s->source;
	v->ref_key = rk_settings_table[k].name;
	if (from == RK_FROM_ENV)
		v->ref_env = rk_doc_printf(s->d, "RK3K_%s", v->ref_key);
}

enum rk_key rk_settings_take(struct rk_settings *s, const char *where, const char *prefix,
	const char *name, const char *value, enum rk_origin from, struct rk_problems *p)
{
	enum rk_key k = rk_setting_find(name);
	const char *why = no_effect(name), *near;

	if (k != RK_KEY_COUNT) {
		rk_settings_put(s, k, value, from);
	} else if (why) {
		if (*value)
			rk_problem_add(p, false, name, "is set, but %s", why);
	} else {
		near = nearest(name);
		rk_problem_add(p, !s->allow_unknown, "", "%s%s%s%s%s%s%s", where, prefix, name,
			near ? "; did you mean " : "", near ? prefix : "", near ? near : "",
			near ? "?" : "");
		p->unknown += !s->allow_unknown;
	}
	return k;
}

/* Other tools may have separate variables, and connection flags have theirs, so that only a near miss is a
 * mistake. */
void rk_settings_env(struct rk_settings *s, struct rk_problems *p)
{
	for (char **e = environ; e && *e; e++) {
		rk_auto_free char *name = rk_strndup(*e, strcspn(*e, "="));
		const char *key = name + strlen("RK3K_"), *value = strchr(*e, '=');
		bool ours = false;

		if (!value || !rk_prefix(name, "RK3K_"))
			continue;
		for (const struct rk_opt *o = rk_opts_kube; o->name; o++)
			ours |= rk_streq(o->env, name);
		if (rk_setting_find(key) != RK_KEY_COUNT || no_effect(key) ||
			(!ours && nearest(key)))
			rk_settings_take(s, "environment: unknown variable ", "RK3K_", key,
				value + 1, RK_FROM_ENV, p);
	}
}

const char *rk_setting(const struct rk_settings *s, enum rk_key k)
{
	return s->v[k].s;
}

const char *rk_setting_text(const struct rk_settings *s, enum rk_key k)
{
	return s->v[k].s ? s->v[k].s : "";
}

bool rk_setting_is(const struct rk_settings *s, enum rk_key k)
{
	const struct rk_settings_value *v = &s->v[k];

	return v->s ? *v->s != '\0' : v->ref_file || v->ref_env;
}

enum rk_origin rk_setting_from(const struct rk_settings *s, enum rk_key k)
{
	return s->v[k].from;
}

void rk_setting_list(const struct rk_settings *s, enum rk_key k, struct rk_strv *out)
{
	size_t n;

	rk_each_item (item, n, s->v[k].s, ",")
		rk_strv_add(out, rk_doc_strndup(s->d, item, n));
}

const char *rk_settings_tls_source_secret(const struct rk_settings *s)
{
	bool several = strchr(s->v[RK_KEY_HOSTNAMES].s, ',') != NULL;

	/* The chart's certificate carries the primary name only; ours then carries all. */
	if (several && !rk_streq(s->v[RK_KEY_TLS_SOURCE].s, "secret"))
		return RK_INGRESS_SECRET_ALL;
	return RK_INGRESS_SECRET;
}
