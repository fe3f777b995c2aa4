// SPDX-License-Identifier: Apache-2.0
/* config - deploy.conf, RK3K_<KEY>, --set and answers to prompts become one checked document on
 * stdout, which the other steps of a deployment read. Changes nothing in any cluster. */
#include "base/base.h"

#include <ctype.h>
#include <errno.h>
#include <sys/stat.h>

#include "cli/cli.h"
#include "os/os.h"
#include "settings/settings.h"

enum { OUT_JSON, OUT_YAML, OUT_ENV, OUT_TABLE };

struct opts {
	struct rk_settings_flags settings;
	const char *document, *init, *secret, *pem;
	bool prompt_all, no_prompt, force, names_only;
	int64_t secrets_fd;
	int fmt;
};

static const struct rk_opt OPTS[] = {
	OPT_FLAG("prompt-all", prompt_all,
		"ask for every key that is not set, not only for required ones"),
	OPT_FLAG("no-prompt", no_prompt, "never ask, even on a terminal"),
	OPT_FLAG("names-only", names_only,
		"validate only the keys that name the deployment; others may be wrong or missing"),
	OPT_INT("secrets-fd", secrets_fd, "N",
		"file descriptor to write secrets from prompts or the environment to"),
	OPT_STR("document", document, "FILE", "read a finished document instead; - is stdin",
		.key = 'd', .complete = "file"),
	OPT_ENUM("output", fmt, "json|yaml|env|table",
		"form of the document; env is CFG_KEY='value' lines for shells", .key = 'o'),
	OPT_STR("init", init, "FILE", "write a commented configuration; - is stdout",
		.optional = "deploy.conf", .complete = "file"),
	OPT_FLAG("force", force, "let --init replace an existing file"),
	OPT_GROUP_SETTINGS(settings),
	OPT_END,
};

static const struct rk_opt GET_OPTS[] = {
	OPT_STR("document", document, "FILE", "the document; absent or -: stdin", .key = 'd',
		.complete = "file"),
	OPT_STR("secret", secret, "KEY",
		"write the value of one secret and nothing else, for --password-stdin"),
	OPT_STR("pem", pem, "KEY",
		"write the certificates of the file that a key names, as plain PEM"),
	OPT_END,
};

static const struct rk_opt INIT_OPTS[] = {
	OPT_FLAG("force", force, "replace an existing file"),
	OPT_END,
};

static void defaults(void *p)
{
	((struct opts *)p)->secrets_fd = -1;
}

/* --- a new file --- */

static int init(const char *path, bool force, struct rk_err *err)
{
	rk_auto_buf out = RK_BUF_INIT;

	rk_buf_puts(&out,
		"# Configuration of `kubectl rk3k deploy`. Read as KEY=value lines, never "
		"executed; quote\n# values that hold blanks or special characters. "
		"Commented keys show their default.\n# RK3K_<KEY> in the environment wins "
		"over this file. Keep it 0600 when it holds secrets.\n");
	for (int k = 0; k < RK_KEY_COUNT; k++) {
		const struct rk_setting *t = &rk_settings_table[k];
		rk_auto_free char *help = rk_asprintf("%s (%s)", t->help, t->form);
		size_t col = 0, n;

		rk_buf_puts(&out, "\n#");
		rk_each_item (word, n, help, " ") {
			if (col && col + n > 94) {
				rk_buf_puts(&out, "\n#");
				col = 0;
			}
			rk_buf_addf(&out, " %.*s", (int)n, word);
			col += n + 1;
		}
		rk_buf_addf(&out, "\n%s%s=%s\n", k == RK_KEY_HOSTNAME ? "" : "#", t->name,
			t->def ? t->def : "");
	}
	if (rk_streq(path, "-")) {
		rk_print_buf(&out);
		return 0;
	}
	if (!force && access(path, F_OK) == 0) {
		rk_err_set(err, RK_CONFLICT, "%s already exists", path);
		return rk_err_hint(err, "--force replaces it");
	}
	if (rk_file_replace(path, out.s, out.len, 0600, NULL, err) < 0)
		return -1;
	rk_note("wrote %s: set HOSTNAME, then kubectl rk3k deploy -c %s", path, path);
	return 0;
}

/* --- questions --- */

static bool is_asked(const struct opts *o, const struct rk_settings *s, enum rk_key k)
{
	bool auth = rk_setting_yes(s, RK_KEY_HELM_AUTH_NEEDED);
	bool user = rk_setting_is(s, RK_KEY_HELM_REPO_USER);

	if (rk_setting_is(s, k))
		return false;
	/* credentials that nothing requires are not asked for */
	if (k == RK_KEY_HELM_REPO_USER || k == RK_KEY_HELM_REPO_PASS)
		return auth || (user && k == RK_KEY_HELM_REPO_PASS);
	if (k == RK_KEY_HOSTNAME && !rk_setting_is(s, RK_KEY_HOSTNAMES))
		return true;
	if (k == RK_KEY_ACME_EMAIL && rk_streq(rk_setting(s, RK_KEY_TLS_SOURCE), "letsEncrypt"))
		return true;
	return !rk_setting(s, k) && o->prompt_all && (rk_settings_table[k].flags & RK_SETF_ASK);
}

static int ask(struct rk_settings *s, enum rk_key k, struct rk_err *err)
{
	const struct rk_setting *t = &rk_settings_table[k];
	rk_auto_free char *question =
		t->def ? rk_asprintf("%s: %s [%s]: ", t->name, t->help, t->def)
		       : rk_asprintf("%s: %s: ", t->name, t->help);

	for (int tries = 0; tries < 3; tries++) {
		rk_auto_buf answer = RK_BUF_INIT_SECRET;
		rk_auto_problems p = {0};

		if (rk_ask(question, t->flags & RK_SETF_SECRET, &answer, err) < 0)
			return -1;
		if (!answer.len)
			return 0;
		rk_settings_put(s, k, answer.s, RK_FROM_PROMPT);
		rk_setting_check(s, k, &p);
		if (!p.fatal)
			return 0;
		rk_say("%s: %s", t->name, p.v[0].text);
	}
	return 0;
}

/* --- the document --- */

static int report(const struct opts *o, const struct rk_problems *p, struct rk_err *err)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct rk_problem *one = &p->v[i];

		if (one->fatal)
			rk_say("rk3k-config: %s%s%s", one->key, *one->key ? ": " : "", one->text);
		else
			rk_warn("%s%s%s", one->key, *one->key ? " " : "", one->text);
	}
	if (!p->fatal)
		return 0;
	rk_err_set(err, p->unknown ? RK_USAGE : RK_FAIL, "%zu problem%s in the configuration",
		p->fatal, p->fatal == 1 ? "" : "s");
	if (p->unknown)
		rk_err_hint(err, "correct the key; --allow-unknown accepts keys of other programs");
	else if (!o->settings.config)
		rk_err_hint(err,
			"kubectl rk3k deploy --init writes a deploy.conf to be given with -c; "
			"RK3K_<KEY> sets one key");
	return -1;
}

static int gather(const struct opts *o, struct rk_settings *s, struct rk_err *err)
{
	static const enum rk_key names[] = {RK_KEY_NAMESPACE, RK_KEY_CLUSTER, RK_KEY_K3K_NAMESPACE,
		RK_KEY_INGRESS_NAME, RK_KEY_SERVICE_NAME, RK_KEY_TLS_SECRET,
		RK_KEY_K3K_API_HOSTNAME};
	bool asks = !o->no_prompt && (o->prompt_all || isatty(STDIN_FILENO));
	rk_auto_settings *all = rk_settings_new();
	struct rk_settings *to = o->names_only ? all : s;
	rk_auto_problems p = {0}, names_p = {0};

	if (rk_settings_take_flags(to, &o->settings, err) < 0 ||
		(o->settings.config && rk_settings_read(to, o->settings.config, NULL, &p, err) < 0))
		return -1;
	rk_settings_env(to, &p);
	if (!o->names_only) {
		for (int k = 0; !p.fatal && asks && k < RK_KEY_COUNT; k++)
			if (is_asked(o, s, (enum rk_key)k) && ask(s, (enum rk_key)k, err) < 0)
				return -1;
		rk_settings_check(s, &p);
		return report(o, &p, err);
	}

	/* a misspelt name must not become the default one: that would be deleted */
	if (p.unknown)
		return report(o, &p, err);
	/* A deployment is deleted by its names, also when its certificates' files no longer exist. The
	 * host name is a placeholder: the document requires one, and nothing is deleted by it. */
	rk_settings_put(s, RK_KEY_HOSTNAME, "unset.invalid", RK_FROM_FLAG);
	for (size_t i = 0; i < RK_COUNT(names); i++)
		if (rk_setting_is(all, names[i]))
			rk_settings_put(s, names[i], rk_setting(all, names[i]), RK_FROM_FLAG);
	rk_settings_check(s, &names_p);
	return report(o, &names_p, err);
}

/* The descriptor must be a file that later readers can open again as /dev/fd/N. */
static int write_secrets(int fd, const struct rk_settings *s, struct rk_err *err)
{
	rk_auto_buf text = RK_BUF_INIT_SECRET;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return rk_err_set(err, RK_USAGE, "--secrets-fd %d: %s", fd, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return rk_err_set(err, RK_USAGE, "--secrets-fd %d is not a file", fd);
	if (st.st_mode & 077)
		return rk_err_set(
			err, RK_CONFLICT, "--secrets-fd %d: others can read that file", fd);
	rk_settings_secrets(s, &text);
	if (ftruncate(fd, 0) < 0)
		return rk_err_sys(err, "--secrets-fd %d", fd);
	for (size_t done = 0; done < text.len;) {
		ssize_t n = pwrite(fd, text.s + done, text.len - done, (off_t)done);

		if (n < 0 && errno != EINTR)
			return rk_err_sys(err, "--secrets-fd %d", fd);
		done += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

/* CFG_KEY='value' for each value of a map. Settings that are maps are references to secrets: left out. */
static void put_env(struct rk_buf *out, const char *prefix, const struct rk_val *map)
{
	rk_each (v, map) {
		rk_auto_buf name = RK_BUF_INIT, text = RK_BUF_INIT;
		const char *last = "";

		/* camelCase and other characters to UPPER_SNAKE_CASE */
		rk_buf_puts(&name, prefix);
		for (const char *p = v->key; *p; last = p++)
			rk_buf_addf(&name, "%s%c", islower(*last) && isupper(*p) ? "_" : "",
				isalnum(*p) ? toupper(*p) : '_');
		if (v->kind == RK_MAP) {
			rk_buf_putc(&name, '_');
			if (rk_setting_find(v->key) == RK_KEY_COUNT)
				put_env(out, name.s, v);
			continue;
		}
		if (v->kind == RK_BOOL)
			rk_buf_puts(&text, rk_bool(v, false) ? "yes" : "no");
		else if (v->kind != RK_SEQ)
			rk_buf_puts(&text, rk_str_loose(v) ? rk_str_loose(v) : "");
		rk_each (item, v->kind == RK_SEQ ? v : NULL)
			rk_buf_addf(&text, "%s%s", text.len ? "," : "", rk_str_loose(item));
		rk_buf_addf(out, "%s=", name.s);
		rk_shell_quote(out, text.s);
		rk_buf_putc(out, '\n');
	}
}

static int emit(const struct opts *o, struct rk_settings *s, struct rk_err *err)
{
	static const char *const from[] = {"default", "file", "environment", "prompt", "flag"};
	rk_auto_doc *d = rk_doc_new(false);
	rk_auto_free char *fd = NULL;
	rk_auto_buf out = RK_BUF_INIT;
	struct rk_table *t;
	struct rk_val *doc;

	if (o->fmt == OUT_TABLE) {
		t = rk_table_new((const char *const[]){"KEY", "VALUE", "FROM"}, 3);
		for (int i = 0; i < RK_KEY_COUNT; i++) {
			enum rk_key k = (enum rk_key)i;
			const char *v = rk_setting(s, k);

			if (rk_settings_table[k].flags & RK_SETF_SECRET)
				v = rk_setting_is(s, k) ? RK_MASK : NULL;
			if (v)
				rk_table_row(t, rk_settings_table[k].name, *v ? v : "\"\"",
					from[rk_setting_from(s, k)]);
		}
		rk_table_print(t, RK_FMT_TABLE, true);
		rk_table_free(t);
		return 0;
	}
	if (o->secrets_fd >= 0 && !o->document) {
		if (write_secrets((int)o->secrets_fd, s, err) < 0)
			return -1;
		fd = rk_asprintf("/dev/fd/%d", (int)o->secrets_fd);
	}
	if (rk_settings_doc(s, fd, d, &doc, err) < 0)
		return -1;
	if (o->fmt == OUT_ENV)
		put_env(&out, "CFG_", doc);
	else if (o->fmt == OUT_YAML)
		rk_yaml_write(doc, false, &out);
	else
		rk_json_write(doc, RK_JSON_COMPACT, &out);
	if (o->fmt == OUT_JSON)
		rk_buf_putc(&out, '\n');
	rk_print_buf(&out);
	return 0;
}

/* --- get --- */

static int print_secret(const char *name, const struct rk_settings *s, struct rk_err *err)
{
	rk_auto_buf value = RK_BUF_INIT_SECRET;
	enum rk_key k = rk_setting_find(name);
	struct rk_login l;

	if (rk_streq(name, "K3K_REPO_PASS")) {
		if (rk_settings_login(s, rk_setting(s, RK_KEY_K3K_REPO), &l, err) < 0)
			return -1;
		rk_buf_puts(&value, l.password ? l.password : l.token ? l.token : "");
	} else if (k == RK_KEY_COUNT || !(rk_settings_table[k].flags & RK_SETF_SECRET)) {
		return rk_err_set(err, RK_USAGE, "%s is not a secret of the configuration", name);
	} else if (rk_setting_secret(s, k, &value, err) < 0) {
		return -1;
	}
	if (isatty(STDOUT_FILENO)) {
		rk_err_set(err, RK_CONFLICT, "%s is not shown on a terminal", name);
		return rk_err_hint(err, "pipe it to the program that needs it");
	}
	rk_print_buf(&value);
	return 0;
}

/* For programs that read a CA file themselves and not in every notation. */
static int print_pem(const char *name, const struct rk_settings *s, struct rk_err *err)
{
	enum rk_key k = rk_setting_find(name);
	rk_auto_buf pem = RK_BUF_INIT;

	if (k == RK_KEY_COUNT || !(rk_settings_table[k].flags & RK_SETF_CERT))
		return rk_err_set(err, RK_USAGE, "%s does not name a file of certificates", name);
	if (!rk_setting_is(s, k))
		return rk_err_set(err, RK_NOTFOUND, "%s is not set", name);
	if (rk_setting_pem(k, rk_setting(s, k), &pem, err) < 0)
		return rk_err_wrap(err, "%s", name);
	rk_print_buf(&pem);
	return 0;
}

/* A setting, or what scripts need and no key holds. */
static int get_one(
	const struct rk_settings *s, const char *name, struct rk_buf *out, struct rk_err *err)
{
	const char *end = rk_suffix(name, "_PRIVATE") ? strrchr(name, '_') : NULL, *v;
	rk_auto_free char *repo = end ? rk_strndup(name, (size_t)(end - name)) : NULL;
	enum rk_key k = repo ? rk_setting_find(repo) : RK_KEY_COUNT;
	struct rk_login l;

	if (k != RK_KEY_COUNT && rk_settings_table[k].kind == RK_SET_REPO) {
		v = rk_settings_repo_private(s, k) ? "yes" : "no";
	} else if (rk_streq(name, "TLS_SOURCE_SECRET")) {
		v = rk_settings_tls_source_secret(s);
	} else if (rk_streq(name, "EXPOSE")) {
		v = rk_setting_is(s, RK_KEY_K3K_API_HOSTNAME) ? "ingress" : "nodePort";
	} else if (rk_streq(name, "K3K_REPO_USER")) {
		if (rk_settings_login(s, rk_setting(s, RK_KEY_K3K_REPO), &l, err) < 0)
			return -1;
		v = l.user;
	} else {
		if (rk_setting_named(name, &k, err) < 0)
			return -1;
		if (rk_settings_table[k].flags & RK_SETF_SECRET) {
			rk_err_set(err, RK_USAGE, "%s is a secret", name);
			return rk_err_hint(err, "use --secret %s", name);
		}
		v = rk_setting(s, k);
	}
	rk_buf_addf(out, "%s\n", v ? v : "");
	return 0;
}

static int run_get(void *p, int argc, char **argv, struct rk_err *err)
{
	const struct opts *o = p;
	const struct rk_settings_flags document = {.config = o->document ? o->document : "-"};
	rk_auto_settings *s = rk_settings_new();
	rk_auto_buf out = RK_BUF_INIT;

	if (!argc && !o->secret && !o->pem)
		return rk_err_set(err, RK_USAGE, "missing KEY (or --secret KEY)");
	if (rk_settings_open(s, &document, RK_SETTINGS_NEEDED, err) < 0)
		return -1;
	if (o->secret)
		return print_secret(o->secret, s, err);
	if (o->pem)
		return print_pem(o->pem, s, err);
	for (int i = 0; i < argc; i++)
		if (get_one(s, argv[i], &out, err) < 0)
			return -1;
	rk_print_buf(&out);
	return 0;
}

static int run_init(void *p, int argc, char **argv, struct rk_err *err)
{
	const struct opts *o = p;

	return init(argc ? argv[0] : "deploy.conf", o->force, err);
}

static int run(void *p, int argc RK_UNUSED, char **argv RK_UNUSED, struct rk_err *err)
{
	const struct opts *o = p;
	struct rk_settings_flags document = o->settings;
	rk_auto_settings *s = rk_settings_new();

	if (o->init)
		return init(o->init, o->force, err);
	document.config = o->document;
	if (o->document ? rk_settings_open(s, &document, RK_SETTINGS_NEEDED, err) < 0
			: gather(o, s, err) < 0)
		return -1;
	return emit(o, s, err);
}

static const struct rk_verb VERBS[] = {
	{.opts = OPTS,
		.run = run,
		.summary = "validate the configuration and print it as one document"},
	{.name = "get",
		.args = "KEY...",
		.summary = "print values of a document, one a line",
		.opts = GET_OPTS,
		.max_args = -1,
		.run = run_get},
	{.name = "init",
		.args = "[FILE]",
		.summary = "write a commented deploy.conf",
		.opts = INIT_OPTS,
		.max_args = 1,
		.complete = "file",
		.run = run_init},
	{.run = NULL},
};

static const struct rk_cmd CMD = {
	.name = "config",
	.summary = "validate the configuration and print it as one document",
	.help = rk_help, /* docs/help/config.txt */
	.opts_size = sizeof(struct opts),
	.defaults = defaults,
	.verbs = VERBS,
};

int main(int argc, char **argv)
{
	return rk_main(&CMD, argc, argv);
}
