// SPDX-License-Identifier: Apache-2.0
/* The values as a document between tools, and back. */
#include "os/os.h"
#include "out/out.h"
#include "internal.h"

static const char API_VERSION[] = "rk3k.io/v1";
static const char KIND[] = "Settings";

static bool is_secret(enum rk_key k)
{
	return rk_settings_table[k].flags & RK_SETF_SECRET;
}

static bool is_list(enum rk_key k)
{
	return rk_settings_table[k].kind == RK_SET_HOSTS ||
	       rk_settings_table[k].kind == RK_SET_REGISTRIES ||
	       rk_settings_table[k].kind == RK_SET_SOURCES;
}

/* Assignments that the parser (and any shell) reads back exactly. */
void rk_settings_secrets(const struct rk_settings *s, struct rk_buf *out)
{
	for (int k = 0; k < RK_KEY_COUNT; k++) {
		const struct rk_settings_value *v = &s->v[k];

		if (!is_secret((enum rk_key)k) || !v->s || !*v->s || v->ref_file)
			continue;
		rk_buf_addf(out, "%s=", rk_settings_table[k].name);
		rk_shell_quote(out, v->s);
		rk_buf_putc(out, '\n');
	}
}

static int put_secret(const struct rk_settings *s, enum rk_key k, const char *secrets_file,
	struct rk_doc *d, struct rk_val *doc, struct rk_err *err)
{
	const struct rk_settings_value *v = &s->v[k];
	const char *name = rk_settings_table[k].name;
	const char *file = v->ref_file ? v->ref_file : secrets_file;
	struct rk_val *ref;

	if (!rk_setting_is(s, k))
		return 0;
	ref = rk_map(d);
	if (file) {
		rk_set_str(d, ref, "file", file);
		if (v->ref_key)
			rk_set_str(d, ref, "key", v->ref_key);
	} else if (v->ref_env) {
		rk_set_str(d, ref, "env", v->ref_env);
	} else {
		rk_err_set(err, RK_USAGE,
			"%s has no place: it was given by prompt or through a pipe", name);
		return rk_err_hint(err, "give --secrets-fd N with an open file, as deploy does, or "
					"put it into a file of mode 0600");
	}
	rk_set(d, doc, name, ref);
	return 0;
}

static void put_list(
	const struct rk_settings *s, enum rk_key k, struct rk_doc *d, struct rk_val *doc)
{
	struct rk_strv v = {0};
	struct rk_val *seq = rk_seq(d);

	rk_setting_list(s, k, &v);
	for (size_t i = 0; i < v.n; i++)
		rk_append_str(d, seq, v.v[i]);
	rk_strv_release(&v);
	rk_set(d, doc, rk_settings_table[k].name, seq);
}

static int put_value(const struct rk_settings *s, enum rk_key k, const char *secrets_file,
	struct rk_doc *d, struct rk_val *doc, struct rk_err *err)
{
	const struct rk_setting *t = &rk_settings_table[k];
	const char *v = s->v[k].s;

	if (is_secret(k))
		return put_secret(s, k, secrets_file, d, doc, err);
	if (!v || t->kind == RK_SET_LATER)
		return 0;
	if (is_list(k))
		put_list(s, k, d, doc);
	else if (t->kind == RK_SET_YESNO)
		rk_set_bool(d, doc, t->name, rk_streq(v, "yes"));
	else if (k == RK_KEY_SERVER_COUNT)
		rk_set_int(d, doc, t->name, rk_settings_servers(s));
	else
		rk_set_str(d, doc, t->name, v);
	return 0;
}

static void put_chart(const struct rk_settings *s, struct rk_doc *d, struct rk_val *charts,
	const char *name, enum rk_key repo)
{
	struct rk_val *c = rk_map(d);
	const char *r = rk_setting(s, repo);
	bool private = rk_settings_repo_private(s, repo), oci = rk_repo_is_oci(r);
	rk_auto_free char *host = rk_repo_host(r);

	rk_set_str(d, c, "repo", r);
	rk_set_str(d, c, "chart", oci ? r : name);
	rk_set_str(d, c, "version", rk_setting(s, repo + 1));
	rk_set_str(d, c, "host", host ? host : "");
	rk_set_bool(d, c, "oci", oci);
	rk_set_bool(d, c, "credentials", rk_settings_has_login(s, r));
	rk_set_bool(d, c, "ca", private && rk_setting_is(s, RK_KEY_PRIVATE_CA_PATH));
	rk_set(d, charts, name, c);
}

static void put_derived(const struct rk_settings *s, struct rk_doc *d, struct rk_val *doc)
{
	struct rk_val *v = rk_map(d), *charts = rk_map(d);

	rk_set_str(d, v, "url", rk_doc_printf(d, "https://%s", rk_settings_primary(s)));
	rk_set_str(
		d, v, "expose", rk_setting_is(s, RK_KEY_K3K_API_HOSTNAME) ? "ingress" : "nodePort");
	rk_set_bool(d, v, "ha", rk_settings_servers(s) > 1);
	rk_set_str(d, v, "tlsSourceSecret", rk_settings_tls_source_secret(s));
	put_chart(s, d, charts, "k3k", RK_KEY_K3K_REPO);
	put_chart(s, d, charts, "cert-manager", RK_KEY_CERTMANAGER_REPO);
	put_chart(s, d, charts, "rancher", RK_KEY_RANCHER_REPO);
	rk_set(d, v, "charts", charts);
	rk_set(d, doc, "derived", v);
}

int rk_settings_doc(struct rk_settings *s, const char *secrets_file, struct rk_doc *d,
	struct rk_val **out, struct rk_err *err)
{
	struct rk_val *doc = rk_map(d);

	rk_set_str(d, doc, "apiVersion", API_VERSION);
	rk_set_str(d, doc, "kind", KIND);
	for (int k = 0; k < RK_KEY_COUNT; k++)
		if (put_value(s, (enum rk_key)k, secrets_file, d, doc, err) < 0)
			return -1;
	put_derived(s, d, doc);
	*out = doc;
	return 0;
}

/* --- back --- */

static int load_secret(
	struct rk_settings *s, enum rk_key k, const struct rk_val *v, struct rk_err *err)
{
	struct rk_settings_value *sv = &s->v[k];
	const char *file = NULL, *key = NULL, *env = NULL;

	if (v->kind != RK_MAP) {
		rk_err_set(err, RK_FAIL, "%s: a document holds no secrets", v->key);
		return rk_err_hint(err, "refer to it: {\"file\": PATH, \"key\": \"%s\"}", v->key);
	}
	if (rk_want_str(v, &file, err, "file", NULL) < 0 ||
		rk_want_str(v, &key, err, "key", NULL) < 0 ||
		rk_want_str(v, &env, err, "env", NULL) < 0)
		return -1;
	if (!file == !env)
		return rk_err_set(err, RK_FAIL, "%s: expected file or env", v->key);
	sv->from = RK_FROM_FILE;
	sv->ref_file = file ? rk_doc_strndup(s->d, file, strlen(file)) : NULL;
	sv->ref_key = key ? rk_doc_strndup(s->d, key, strlen(key)) : NULL;
	sv->ref_env = env ? rk_doc_strndup(s->d, env, strlen(env)) : NULL;
	return 0;
}

static int load_list(
	struct rk_settings *s, enum rk_key k, const struct rk_val *v, struct rk_err *err)
{
	rk_auto_buf text = RK_BUF_INIT;

	rk_each (item, v) {
		const char *str = rk_str(item);

		if (!str || strchr(str, ','))
			return rk_err_set(err, RK_FAIL, "%s: expected a list of names", v->key);
		rk_buf_addf(&text, "%s%s", text.len ? "," : "", str);
	}
	rk_settings_put(s, k, text.s, RK_FROM_FILE);
	return 0;
}

static int load_value(struct rk_settings *s, const struct rk_val *v, struct rk_err *err)
{
	enum rk_key k = rk_setting_find(v->key);
	const char *near, *text;

	if (k == RK_KEY_COUNT) {
		near = rk_setting_nearest(v->key);
		rk_err_set(err, RK_FAIL, "unknown key %.64s in the configuration document", v->key);
		return near ? rk_err_hint(err, "did you mean %s?", near) : -1;
	}
	if (v->kind == RK_NULL)
		return 0;
	if (is_secret(k))
		return load_secret(s, k, v, err);
	if (v->kind == RK_SEQ && is_list(k))
		return load_list(s, k, v, err);
	text = rk_str_loose(v);
	if (!text)
		return rk_err_set(err, RK_FAIL, "%s: expected %s", v->key,
			is_list(k) ? "a list" : "a single value");
	rk_settings_put(s, k, text, RK_FROM_FILE);
	return 0;
}

/* The first line that says something. */
static const char *first_line(const char *text)
{
	const char *p = text + strspn(text, " \t\r\n");

	while (*p == '#') {
		p += strcspn(p, "\n");
		p += strspn(p, " \t\r\n");
	}
	return p;
}

/* Whether it is KEY=..., as in a deploy.conf. */
static bool is_assignments(const char *text)
{
	const char *p = first_line(rk_prefix(text, "\xEF\xBB\xBF") ? text + 3 : text);

	if (rk_prefix(p, "export "))
		p += 7;
	return p[strspn(p, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789")] == '=';
}

bool rk_settings_is_doc(const char *text)
{
	const char *p = first_line(text);

	return *p == '{' || rk_prefix(p, "---") || rk_prefix(p, "apiVersion:") ||
	       rk_prefix(p, "kind:");
}

static int load_values(struct rk_settings *s, const struct rk_val *doc, struct rk_err *err)
{
	if (!doc || doc->kind != RK_MAP || !rk_streq(rk_get_str(doc, "kind", NULL), KIND)) {
		rk_err_set(err, RK_FAIL, "not a configuration document");
		return rk_err_hint(err,
			"`kubectl rk3k config` writes one; deploy.conf is KEY=value "
			"lines");
	}
	if (!rk_streq(rk_get_str(doc, "apiVersion", NULL), API_VERSION))
		return rk_err_set(
			err, RK_FAIL, "the configuration document is not %s", API_VERSION);
	rk_each (v, doc) {
		if (rk_streq(v->key, "apiVersion") || rk_streq(v->key, "kind") ||
			rk_streq(v->key, "derived"))
			continue;
		if (load_value(s, v, err) < 0)
			return -1;
	}
	return 0;
}

/* The first fatal problem as an error; a key that is not known is the user's typing. */
static int first_problem(const struct rk_problems *p, struct rk_err *err)
{
	size_t i = 0;

	if (!p->fatal)
		return 0;
	while (!p->v[i].fatal)
		i++;
	rk_err_set(err, p->unknown ? RK_USAGE : RK_FAIL, "configuration: %s%s%s", p->v[i].key,
		*p->v[i].key ? " " : "", p->v[i].text);
	if (p->unknown)
		rk_err_hint(err, "correct the key; --allow-unknown accepts keys of other programs");
	else if (p->fatal > 1)
		rk_err_hint(err, "there are %zu problems; see: kubectl rk3k config%s", p->fatal,
			rk_here_settings());
	return -1;
}

int rk_settings_load(struct rk_settings *s, const struct rk_val *doc, struct rk_err *err)
{
	rk_auto_problems p = {0};

	if (load_values(s, doc, err) < 0)
		return -1;
	rk_settings_check(s, &p);
	return first_problem(&p, err);
}

int rk_settings_take_doc(
	struct rk_settings *s, const char *path, const struct rk_buf *text, struct rk_err *err)
{
	rk_auto_doc *d = rk_doc_new(false);
	struct rk_val *doc;

	rk_doc_source(d, rk_streq(path, "-") ? "configuration" : path);
	if (rk_yaml_parse(d, text->s, text->len, &doc, err) < 0)
		return -1;
	return load_values(s, doc, err);
}

static int load_text(
	struct rk_settings *s, const char *path, const struct rk_buf *text, struct rk_err *err)
{
	rk_auto_problems p = {0};

	if (!text->len) {
		rk_err_set(err, RK_FAIL, "the configuration is empty");
		return rk_err_hint(err, "use -c deploy.conf, or pipe it in: kubectl rk3k config -c "
					"deploy.conf | ...");
	}
	if (is_assignments(text->s)) {
		rk_settings_take(s, path, text, &p);
		rk_settings_env(s, &p);
	} else if (rk_settings_take_doc(s, path, text, err) < 0) {
		return -1;
	}
	rk_settings_check(s, &p);
	for (size_t i = 0; is_assignments(text->s) && !p.fatal && i < p.n; i++)
		rk_warn("%s%s%s", p.v[i].key, *p.v[i].key ? " " : "", p.v[i].text);
	return first_problem(&p, err);
}

int rk_settings_load_file(struct rk_settings *s, const char *path, struct rk_err *err)
{
	rk_auto_buf text = RK_BUF_INIT_SECRET; /* of a deploy.conf */

	if (rk_file_read(path, RK_SETTINGS_FILE_MAX, &text, err) < 0)
		return rk_err_wrap(err, "configuration");
	return load_text(s, path, &text, err);
}

/* --- names alone --- */

/* A line that cannot be read may have been one of them. */
static bool is_name(const char *key)
{
	static const enum rk_key names[] = {RK_KEY_NAMESPACE, RK_KEY_CLUSTER, RK_KEY_INGRESS_NAME,
		RK_KEY_SERVICE_NAME, RK_KEY_TLS_SECRET};

	for (size_t i = 0; i < RK_COUNT(names); i++)
		if (rk_streq(key, rk_settings_table[names[i]].name))
			return true;
	return !*key;
}

int rk_settings_load_names(struct rk_settings *s, const char *path, struct rk_err *err)
{
	rk_auto_buf text = RK_BUF_INIT_SECRET;
	rk_auto_problems p = {0};

	if (rk_file_read(path, RK_SETTINGS_FILE_MAX, &text, err) < 0)
		return rk_err_wrap(err, "configuration");
	if (!is_assignments(text.s))
		return load_text(s, path, &text, err);
	rk_settings_parse(s, text.s, text.len, path, &p);
	rk_settings_env(s, &p);
	rk_settings_check(s, &p);
	for (size_t i = 0; i < p.n; i++)
		if (p.v[i].fatal && is_name(p.v[i].key))
			return rk_err_set(err, p.unknown ? RK_USAGE : RK_FAIL,
				"configuration: %s%s%s", p.v[i].key, *p.v[i].key ? " " : "",
				p.v[i].text);
	return 0;
}

static int secret_of_file(
	const struct rk_settings_value *v, const char *name, struct rk_buf *out, struct rk_err *err)
{
	rk_auto_buf text = RK_BUF_INIT_SECRET;
	rk_auto_settings *file = NULL;
	rk_auto_problems p = {0};
	enum rk_key k;

	if (rk_file_read(v->ref_file, RK_SETTINGS_FILE_MAX, &text, err) < 0)
		return rk_err_wrap(err, "%s", name);
	if (!v->ref_key) {
		rk_trim_secret(&text);
		return rk_buf_add(out, text.s, text.len, err);
	}
	k = rk_setting_find(v->ref_key);
	file = rk_settings_new();
	rk_settings_parse(file, text.s, text.len, v->ref_file, &p);
	if (k == RK_KEY_COUNT || !rk_setting(file, k) || !*rk_setting(file, k))
		return rk_err_set(
			err, RK_NOTFOUND, "%s: %s has no key %s", name, v->ref_file, v->ref_key);
	return rk_buf_add(out, rk_setting(file, k), strlen(rk_setting(file, k)), err);
}

int rk_setting_secret(
	const struct rk_settings *s, enum rk_key k, struct rk_buf *out, struct rk_err *err)
{
	const struct rk_settings_value *v = &s->v[k];
	const char *name = rk_settings_table[k].name, *text = v->s;

	if (!text && v->ref_file)
		return secret_of_file(v, name, out, err);
	if (!text && v->ref_env)
		text = getenv(v->ref_env);
	if (!text || !*text)
		return rk_err_set(err, RK_NOTFOUND, "%s is not set", name);
	return rk_buf_add(out, text, strlen(text), err);
}
