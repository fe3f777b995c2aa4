// SPDX-License-Identifier: Apache-2.0
/* Settings from a file or standard input, by the flags that every tool has for them. */
#define OPT_STRUCT struct rk_settings_flags
#include "internal.h"

#include <sys/stat.h>

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

int rk_settings_read(struct rk_settings *s, const char *path, bool *conf, struct rk_problems *p,
	struct rk_err *err)
{
	bool is_stdin = rk_streq(path, "-"), secrets;
	const char *name = is_stdin ? "stdin" : path;
	rk_auto_free char *cwd = getcwd(NULL, 0), *file = NULL;
	rk_auto_buf text = RK_BUF_INIT_SECRET;
	rk_auto_doc *d = rk_doc_new(false);
	struct stat st = {0};
	struct rk_val *doc;
	enum form form;

	if (rk_file_read(path, RK_SETTINGS_FILE_MAX, &text, err) < 0)
		return rk_err_wrap(err, "configuration");
	if (conf && !text.len) {
		rk_err_set(err, RK_FAIL, "the configuration is empty");
		return rk_err_hint(err, "use -c deploy.conf, or pipe it in: kubectl rk3k config -c "
					"deploy.conf | ...");
	}
	form = form_of(text.s);
	if (conf)
		*conf = form == FORM_CONF;
	if (form == FORM_DOCUMENT || (conf && form == FORM_UNKNOWN)) {
		rk_doc_source(d, is_stdin ? "configuration" : path);
		if (rk_yaml_parse(d, text.s, text.len, &doc, err) < 0)
			return -1;
		return rk_settings_take_doc(s, doc, err);
	}
	/* stdin and pipes cannot be read again for the secrets in them */
	if (!is_stdin && cwd && stat(path, &st) == 0 && S_ISREG(st.st_mode)) {
		file = rk_path_resolve(path, cwd);
		s->source = rk_doc_strndup(s->d, file, strlen(file));
	}
	secrets = rk_settings_parse(s, text.s, text.len, name, p);
	if (secrets && s->source && st.st_mode & 077)
		rk_problem_add(p, false, "",
			"%s holds secrets and others can read it: chmod 600 %s", name, name);
	s->source = NULL;
	return 0;
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

int rk_settings_take_flags(
	struct rk_settings *s, const struct rk_settings_flags *f, struct rk_err *err)
{
	s->allow_unknown = f->allow_unknown;
	for (size_t i = 0; i < f->set.n; i++) {
		const char *text = f->set.v[i], *eq = strchr(text, '=');
		rk_auto_free char *name = rk_strndup(text, strcspn(text, "="));
		enum rk_key k;

		if (!eq || eq == text)
			return rk_err_set(err, RK_USAGE, "--set requires KEY=VALUE");
		if (rk_setting_named(name, &k, err) < 0)
			return -1;
		if (rk_settings_table[k].flags & RK_SETF_SECRET) {
			rk_err_set(err, RK_USAGE,
				"%s is a secret and would be visible in the process list", name);
			return rk_err_hint(
				err, "put it into the configuration file, or answer the prompt");
		}
		rk_settings_put(s, k, eq + 1, RK_FROM_FLAG);
	}
	return 0;
}

int rk_settings_open(struct rk_settings *s, const struct rk_settings_flags *f,
	enum rk_settings_need need, struct rk_err *err)
{
	/* what names a deployment and its objects; an unreadable line, which has no key, may be one of them */
	static const char names[] = "NAMESPACE,CLUSTER,INGRESS_NAME,SERVICE_NAME,TLS_SECRET";
	const struct rk_problem *first = NULL;
	rk_auto_problems p = {0};
	bool conf, all;

	if (!f->config && need != RK_SETTINGS_NEEDED) {
		if (!f->set.n)
			return 0;
		rk_err_set(err, RK_USAGE, "--set requires settings to change");
		return rk_err_hint(err, "use -c deploy.conf");
	}
	if (rk_settings_take_flags(s, f, err) < 0)
		return -1;
	if (!f->config && isatty(STDIN_FILENO)) {
		rk_err_set(err, RK_USAGE, "no settings");
		return rk_err_hint(
			err, "use -c deploy.conf; `kubectl rk3k config init` writes one");
	}
	if (rk_settings_read(s, f->config ? f->config : "-", &conf, &p, err) < 0)
		return -1;
	if (conf)
		rk_settings_env(s, &p);
	rk_settings_check(s, &p);

	/* a document was written by a program that has checked all of it */
	all = need != RK_SETTINGS_NAMES || !conf;
	for (size_t i = 0; i < p.n; i++) {
		const struct rk_problem *one = &p.v[i];

		if (conf && all && !p.fatal)
			rk_warn("%s%s%s", one->key, *one->key ? " " : "", one->text);
		if (!first && one->fatal && (all || !*one->key || rk_listed(names, one->key)))
			first = one;
	}
	if (!first)
		return 0;
	rk_err_set(err, p.unknown ? RK_USAGE : RK_FAIL, "configuration: %s%s%s", first->key,
		*first->key ? " " : "", first->text);
	if (p.unknown)
		return rk_err_hint(
			err, "correct the key; --allow-unknown accepts keys of other programs");
	if (p.fatal > 1)
		return rk_err_hint(err, "there are %zu problems; see: kubectl rk3k config%s",
			p.fatal, rk_here_settings());
	return -1;
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
