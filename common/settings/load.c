// SPDX-License-Identifier: Apache-2.0
/* Settings from a file or standard input, by the flags that every tool has for them. */
#define OPT_STRUCT struct rk_settings_flags
#include "internal.h"

#include <unistd.h>

#include "os/os.h"
#include "out/out.h"

enum form { FORM_CONF, FORM_DOCUMENT, FORM_UNKNOWN };

/* By the first line that is not a comment. */
static enum form form_of(const char *text)
{
	const char *p = rk_prefix(text, "\xEF\xBB\xBF") ? text + 3 : text;

	p += strspn(p, " \t\r\n");
	while (*p == '#') {
		p += strcspn(p, "\n");
		p += strspn(p, " \t\r\n");
	}
	if (*p == '{' || rk_prefix(p, "---") || rk_prefix(p, "apiVersion:") ||
		rk_prefix(p, "kind:"))
		return FORM_DOCUMENT;
	if (rk_prefix(p, "export "))
		p += strlen("export ");
	return p[strspn(p, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789")] == '=' ? FORM_CONF
									    : FORM_UNKNOWN;
}

static int take_document(
	struct rk_settings *s, const char *path, const struct rk_buf *text, struct rk_err *err)
{
	rk_auto_doc *d = rk_doc_new(false);
	struct rk_val *doc;

	rk_doc_source(d, rk_streq(path, "-") ? "configuration" : path);
	if (rk_yaml_parse(d, text->s, text->len, &doc, err) < 0)
		return -1;
	return rk_settings_take_doc(s, doc, err);
}

int rk_settings_read(
	struct rk_settings *s, const char *path, struct rk_problems *p, struct rk_err *err)
{
	rk_auto_buf text = RK_BUF_INIT_SECRET;

	if (rk_file_read(path, RK_SETTINGS_FILE_MAX, &text, err) < 0)
		return rk_err_wrap(err, "configuration");
	if (form_of(text.s) == FORM_DOCUMENT)
		return take_document(s, path, &text, err);
	rk_settings_parse_file(s, path, &text, p);
	return 0;
}

/* What names a deployment and its objects; an unreadable line, which has no key, may be one of them. */
static bool is_name(const char *key)
{
	return !*key || rk_listed("NAMESPACE,CLUSTER,INGRESS_NAME,SERVICE_NAME,TLS_SECRET", key);
}

/* The first fatal problem as an error. */
static int first_problem(const struct rk_problems *p, bool names_only, struct rk_err *err)
{
	size_t i = 0;

	while (i < p->n && !(p->v[i].fatal && (!names_only || is_name(p->v[i].key))))
		i++;
	if (i == p->n)
		return 0;
	rk_err_set(err, p->unknown ? RK_USAGE : RK_FAIL, "configuration: %s%s%s", p->v[i].key,
		*p->v[i].key ? " " : "", p->v[i].text);
	if (p->unknown)
		return rk_err_hint(
			err, "correct the key; --allow-unknown accepts keys of other programs");
	if (p->fatal > 1)
		return rk_err_hint(err, "there are %zu problems; see: kubectl rk3k config%s",
			p->fatal, rk_here_settings());
	return -1;
}

int rk_settings_load(struct rk_settings *s, const struct rk_val *doc, struct rk_err *err)
{
	rk_auto_problems p = {0};

	if (rk_settings_take_doc(s, doc, err) < 0)
		return -1;
	rk_settings_check(s, &p);
	return first_problem(&p, false, err);
}

static int load(struct rk_settings *s, const char *path, bool names_only, struct rk_err *err)
{
	rk_auto_buf text = RK_BUF_INIT_SECRET; /* of a deploy.conf */
	rk_auto_problems p = {0};
	bool conf;

	if (rk_file_read(path, RK_SETTINGS_FILE_MAX, &text, err) < 0)
		return rk_err_wrap(err, "configuration");
	if (!text.len) {
		rk_err_set(err, RK_FAIL, "the configuration is empty");
		return rk_err_hint(err, "use -c deploy.conf, or pipe it in: kubectl rk3k config -c "
					"deploy.conf | ...");
	}
	conf = form_of(text.s) == FORM_CONF;
	if (conf) {
		rk_settings_parse_file(s, path, &text, &p);
		rk_settings_env(s, &p);
	} else if (take_document(s, path, &text, err) < 0) {
		return -1;
	}
	rk_settings_check(s, &p);
	for (size_t i = 0; conf && !names_only && !p.fatal && i < p.n; i++)
		rk_warn("%s%s%s", p.v[i].key, *p.v[i].key ? " " : "", p.v[i].text);
	return first_problem(&p, conf && names_only, err);
}

int rk_settings_load_file(struct rk_settings *s, const char *path, struct rk_err *err)
{
	return load(s, path, false, err);
}

/* --- the flags --- */

const struct rk_opt rk_settings_opts[] = {
	OPT_STR("config", config, "FILE",
		"deploy.conf, or the document that `config` writes; -: standard input", .key = 'c',
		.complete = "file"),
	OPT_LIST("set", set, "KEY=VALUE", "set one key, over file and environment; repeatable"),
	OPT_FLAG("allow-unknown", allow_unknown,
		"accept keys that rk3k does not know, with a warning"),
	OPT_END,
};

static int open_flags(struct rk_settings *s, const struct rk_settings_flags *f, bool names_only,
	struct rk_err *err)
{
	if (f->allow_unknown)
		rk_settings_allow_unknown(s);
	for (size_t i = 0; i < f->set.n; i++)
		if (rk_settings_assign(s, f->set.v[i], err) < 0)
			return -1;
	if (!f->config && isatty(STDIN_FILENO)) {
		rk_err_set(err, RK_USAGE, "no settings");
		return rk_err_hint(
			err, "use -c deploy.conf; `kubectl rk3k config init` writes one");
	}
	return load(s, f->config ? f->config : "-", names_only, err);
}

/* Without -c the other flags have nothing to change. */
static int open_given(struct rk_settings *s, const struct rk_settings_flags *f, bool *given,
	bool names_only, struct rk_err *err)
{
	*given = f->config != NULL;
	if (*given)
		return open_flags(s, f, names_only, err);
	if (!f->set.n)
		return 0;
	rk_err_set(err, RK_USAGE, "--set changes settings, and there are none");
	return rk_err_hint(err, "use -c deploy.conf");
}

int rk_settings_open(struct rk_settings *s, const struct rk_settings_flags *f, struct rk_err *err)
{
	return open_flags(s, f, false, err);
}

int rk_settings_open_names(
	struct rk_settings *s, const struct rk_settings_flags *f, bool *given, struct rk_err *err)
{
	return open_given(s, f, given, true, err);
}

int rk_settings_open_given(
	struct rk_settings *s, const struct rk_settings_flags *f, bool *given, struct rk_err *err)
{
	return open_given(s, f, given, false, err);
}

bool rk_settings_find(struct rk_settings_flags *f)
{
	if (f->config || access("deploy.conf", R_OK) < 0)
		return false;
	f->config = "deploy.conf";
	return true;
}

/* --- secrets --- */

int rk_setting_secret(
	const struct rk_settings *s, enum rk_key k, struct rk_buf *out, struct rk_err *err)
{
	const struct rk_settings_value *v = &s->v[k];
	const char *name = rk_settings_table[k].name, *value = v->s;
	rk_auto_settings *file = NULL;
	rk_auto_buf text = RK_BUF_INIT_SECRET;
	rk_auto_problems p = {0};

	if (!value && v->ref_file) {
		if (rk_file_read(v->ref_file, RK_SETTINGS_FILE_MAX, &text, err) < 0)
			return rk_err_wrap(err, "%s", name);
		if (!v->ref_key) {
			rk_trim_secret(&text);
			return rk_buf_add(out, text.s, text.len, err);
		}
		file = rk_settings_new();
		rk_settings_parse(file, text.s, text.len, v->ref_file, &p);
		k = rk_setting_find(v->ref_key);
		value = k == RK_KEY_COUNT ? NULL : rk_setting(file, k);
		if (!value || !*value)
			return rk_err_set(err, RK_NOTFOUND, "%s: %s has no key %s", name,
				v->ref_file, v->ref_key);
	} else if (!value && v->ref_env) {
		value = getenv(v->ref_env);
	}
	if (!value || !*value)
		return rk_err_set(err, RK_NOTFOUND, "%s is not set", name);
	return rk_buf_add(out, value, strlen(value), err);
}
