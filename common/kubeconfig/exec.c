// SPDX-License-Identifier: Apache-2.0
/* Credential plugins: client.authentication.k8s.io v1 and v1beta1, as client-go runs them. */
#include <ctype.h>

#include "tls/tls.h"
#include "internal.h"
#include "out/out.h"
#include "os/os.h"

#define GROUP "client.authentication.k8s.io/"
/* A person may have to log in meanwhile; --request-timeout makes it shorter. */
#define LOGIN_MS 300000

/* --- taking the description out of the kubeconfig --- */

int kc_take_exec(struct rk_target *t, const struct kc_entry *user, const struct kc_entry *cluster,
	const struct rk_val *exec, struct rk_err *err)
{
	static const char *const same[] = {"tls-server-name", "proxy-url", "disable-compression"};
	const char *command = rk_get_str(exec, "command", NULL);
	struct rk_doc *d = t->doc;
	struct rk_val *m = rk_map(d);
	bool info = false;

	if (rk_want_bool(exec, &info, err, "provideClusterInfo", NULL) < 0)
		return -1;
	if (!user->file->dir && command && strchr(command, '/') && *command != '/')
		return rk_err_set(err, RK_FAIL, "%s: user \"%s\" has the relative exec command %s",
			user->file->path, user->name, command);
	rk_doc_source(d, user->file->path);
	t->exec = rk_copy(d, exec);
	t->exec_dir = kc_keep(t, user->file->dir);
	if (!info || !cluster)
		return 0;

	if (t->ca.len && rk_cert_admit(&t->ca, false, err) < 0)
		return rk_err_wrap(err, "certificate-authority of cluster \"%s\"", cluster->name);
	rk_set_str(d, m, "server", t->server);
	for (size_t i = 0; i < RK_COUNT(same); i++) {
		const struct rk_val *v = rk_get(cluster->v, same[i], NULL);

		if (v && v->kind != RK_NULL)
			rk_set(d, m, same[i], rk_copy(d, v));
	}
	if (t->ca.len)
		rk_set(d, m, "certificate-authority-data", rk_val_base64(d, t->ca.s, t->ca.len));
	rk_each (x, rk_get(cluster->v, "extensions", NULL))
		if (rk_streq(rk_get_str(x, "name", NULL), GROUP "exec") &&
			rk_get(x, "extension", NULL))
			rk_set(d, m, "config", rk_copy(d, rk_get(x, "extension", NULL)));
	t->exec_cluster = m;
	return 0;
}

int kc_check_exec(const struct rk_val *x, struct rk_err *err)
{
	const char *version = "", *command = "", *mode = "", *name;

	if (rk_want_str(x, &version, err, "apiVersion", NULL) < 0 ||
		rk_want_str(x, &command, err, "command", NULL) < 0 ||
		rk_want_str(x, &mode, err, "interactiveMode", NULL) < 0)
		return -1;
	if (strcmp(version, GROUP "v1") != 0 && strcmp(version, GROUP "v1beta1") != 0)
		return rk_err_set(err, RK_FAIL, "exec: apiVersion \"%s\" is not %sv1 or v1beta1",
			version, GROUP);
	if (!*command)
		return rk_err_set(err, RK_FAIL, "exec: no command");
	if (!*mode && strcmp(version, GROUP "v1") == 0)
		return rk_err_set(
			err, RK_FAIL, "exec: interactiveMode must be given with %s", version);
	if (*mode && !rk_listed("Never,IfAvailable,Always", mode))
		return rk_err_set(err, RK_FAIL, "exec: unknown interactiveMode \"%s\"", mode);
	rk_each (e, rk_get(x, "env", NULL)) {
		name = rk_get_str(e, "name", NULL);
		if (!name || !*name || strchr(name, '='))
			return rk_err_set(
				err, RK_FAIL, "exec: env: bad name \"%s\"", name ? name : "");
	}
	return 0;
}

/* --- what to run --- */

struct plugin {
	const char *path; /* what is executed */
	bool interactive;
	struct rk_strv argv, env;
};

static void env_set(struct rk_strv *env, const char *pair)
{
	size_t n = strcspn(pair, "=") + 1;

	for (size_t i = 0; i < env->n; i++) {
		if (strncmp(env->v[i], pair, n) == 0) {
			env->v[i] = pair;
			return;
		}
	}
	rk_strv_add(env, pair);
}

/* The caller's variables, then `env`, then KUBERNETES_EXEC_INFO; later ones win. */
static int make_env(
	const struct rk_target *t, struct rk_doc *d, struct plugin *p, struct rk_err *err)
{
	rk_auto_buf info = RK_BUF_INIT_SECRET;
	struct rk_val *m = rk_map(d), *spec;
	const struct rk_val *list = NULL;

	for (char **e = environ; *e; e++)
		rk_strv_add(&p->env, *e);
	if (rk_want_seq(t->exec, &list, err, "env", NULL) < 0)
		return -1;
	rk_each (e, list) {
		const char *name = "", *value = "";

		if (rk_want_str(e, &name, err, "name", NULL) < 0 ||
			rk_want_str(e, &value, err, "value", NULL) < 0)
			return -1;
		env_set(&p->env, rk_doc_printf(d, "%s=%s", name, value));
	}
	rk_set_str(d, m, "kind", "ExecCredential");
	rk_set_str(d, m, "apiVersion", rk_get_str(t->exec, "apiVersion", NULL));
	spec = rk_map_at(d, m, "spec", NULL);
	if (t->exec_cluster)
		rk_set(d, spec, "cluster", rk_copy(d, t->exec_cluster));
	rk_set_bool(d, spec, "interactive", p->interactive);
	rk_json_write(m, RK_JSON_COMPACT, &info);
	env_set(&p->env, rk_doc_printf(d, "KUBERNETES_EXEC_INFO=%s\n", info.s));
	return 0;
}

/* With a slash it belongs to the kubeconfig's directory, without one to PATH; never to the current
 * directory, where anybody may have put something. NULL: not found. */
static const char *find_program(const struct rk_target *t, struct rk_doc *d, const char *command)
{
	size_t n;

	if (strchr(command, '/'))
		return *command != '/' && t->exec_dir
			       ? rk_doc_printf(d, "%s/%s", t->exec_dir, command)
			       : command;
	rk_each_item (dir, n, getenv("PATH"), ":") {
		const char *full = rk_doc_printf(d, "%.*s/%s", (int)n, dir, command);

		if (*dir == '/' && access(full, X_OK) == 0)
			return full;
	}
	return NULL;
}

/* It comes from a file, and hints are one line. */
static void add_install_hint(const struct rk_target *t, struct rk_err *err)
{
	const char *hint = rk_get_str(t->exec, "installHint", NULL);

	if (!hint || !err)
		return;
	rk_err_hint(err, "%.400s", hint);
	for (char *p = err->hint; *p; p++)
		*p = iscntrl((unsigned char)*p) ? ' ' : *p;
}

static int read_plugin(
	const struct rk_target *t, struct rk_doc *d, struct plugin *p, struct rk_err *err)
{
	const char *mode = rk_get_str(t->exec, "interactiveMode", NULL);
	const char *command = rk_get_str(t->exec, "command", NULL);
	const struct rk_val *args = NULL;

	if (kc_check_exec(t->exec, err) < 0)
		return -1;
	p->path = find_program(t, d, command);
	if (!p->path) {
		rk_err_set(err, RK_NOTFOUND,
			"credential plugin %s cannot be run: not found on PATH", command);
		add_install_hint(t, err);
		return -1;
	}
	p->interactive = !rk_streq(mode, "Never") && isatty(STDIN_FILENO);
	if (rk_streq(mode, "Always") && !p->interactive) {
		rk_err_set(err, RK_FAIL, "exec: %s requires a terminal, and stdin is not one",
			command);
		return rk_err_hint(err, "run it in a terminal once, without a pipe into it");
	}
	if (rk_want_seq(t->exec, &args, err, "args", NULL) < 0)
		return -1;
	rk_strv_add(&p->argv, p->path);
	rk_each (a, args) {
		if (!rk_str(a))
			return rk_err_set(err, RK_FAIL, "exec: args: expected a list of strings");
		rk_strv_add(&p->argv, a->s);
	}
	return make_env(t, d, p, err);
}

/* --- its answer --- */

static int take_answer(
	struct rk_target *t, const struct rk_buf *b, int64_t *expires, struct rk_err *err)
{
	rk_auto_buf new_cert = RK_BUF_INIT, new_key = RK_BUF_INIT_SECRET;
	rk_auto_doc *d = rk_doc_new(true);
	struct rk_val *root = NULL;
	const struct rk_val *status = NULL;
	const char *kind = "", *version = "", *asked = rk_get_str(t->exec, "apiVersion", NULL);
	const char *token = "", *cert = "", *key = "", *when = NULL;

	rk_doc_source(d, "its output");
	if (rk_json_parse(d, b->s, b->len, &root, NULL) < 0 &&
		rk_yaml_parse(d, b->s, b->len, &root, err) < 0)
		return -1;
	if (!root || root->kind != RK_MAP)
		return rk_err_set(err, RK_FAIL, "it did not print an ExecCredential");
	if (rk_want_str(root, &kind, err, "kind", NULL) < 0 ||
		rk_want_str(root, &version, err, "apiVersion", NULL) < 0 ||
		rk_want_map(root, &status, err, "status", NULL) < 0)
		return -1;
	if (strcmp(kind, "ExecCredential") != 0 || strcmp(version, asked) != 0)
		return rk_err_set(err, RK_FAIL, "it returned %s %s; expected %s ExecCredential",
			*version ? version : "no apiVersion,", *kind ? kind : "no kind", asked);
	if (!status)
		return rk_err_set(err, RK_FAIL, "its answer has no status");

	if (rk_want_str(status, &token, err, "token", NULL) < 0 ||
		rk_want_str(status, &cert, err, "clientCertificateData", NULL) < 0 ||
		rk_want_str(status, &key, err, "clientKeyData", NULL) < 0 ||
		rk_want_str(status, &when, err, "expirationTimestamp", NULL) < 0)
		return -1;
	if (!*token && !*cert && !*key)
		return rk_err_set(err, RK_FAIL, "it returned neither a token nor a certificate");
	if (!*cert != !*key)
		return rk_err_set(err, RK_FAIL, "it returned only one of certificate and key");
	if (when && (*expires = rk_time_parse(when)) < 0)
		return rk_err_set(err, RK_FAIL, "its expirationTimestamp is not a time");
	if (strchr(token, ' '))
		return rk_err_set(err, RK_FAIL, "its token holds a blank");
	if (*token && kc_use_token(t, "its token", token, err) < 0)
		return -1;
	if (!*cert)
		return 0;
	rk_buf_puts(&new_cert, cert);
	rk_buf_puts(&new_key, key);
	if (kc_admit_pair(&new_cert, &new_key, err) < 0)
		return rk_err_wrap(err, "its client certificate");
	rk_buf_reset(&t->cert);
	rk_buf_reset(&t->key);
	rk_buf_put(&t->cert, new_cert.s, new_cert.len);
	rk_buf_put(&t->key, new_key.s, new_key.len);
	kc_use_material(t);
	return 0;
}

/* Named as errors name it. */
static void said(const char *who, const char *s, size_t n)
{
	const char *slash = strrchr(who, '/');

	rk_out_said(slash ? slash + 1 : who, s, n);
}

int rk_target_exec(struct rk_target *t, int64_t *expires, struct rk_err *err)
{
	rk_auto_doc *d = rk_doc_new(true);
	rk_auto_buf out = RK_BUF_INIT_SECRET;
	struct plugin p = {0};
	bool unstarted = false;
	int status = 0, rc = read_plugin(t, d, &p, err);

	*expires = 0;
	if (rc < 0) {
		rk_err_wrap(err, "user \"%s\"", t->user ? t->user : "");
	} else {
		struct rk_run r = {.argv = p.argv.v,
			.env = p.env.v,
			.keep_stdin = p.interactive,
			/* one that asks at the terminal has it for itself */
			.said = p.interactive ? NULL : said,
			.timeout_ms = t->conf.request_ms > 0 ? t->conf.request_ms : LOGIN_MS,
			.unstarted = &unstarted};

		rc = rk_run(&r, &out, &status, err);
		if (rc < 0 && unstarted)
			add_install_hint(t, err);
		if (rc < 0)
			rk_err_wrap(err, "credential plugin");
		else if (status)
			rc = rk_err_set(err, RK_FAIL,
				"credential plugin %s failed with exit code %d", p.path, status);
		else if ((rc = take_answer(t, &out, expires, err)) < 0)
			rk_err_wrap(err, "credential plugin %s", p.path);
	}
	rk_strv_release(&p.argv);
	rk_strv_release(&p.env);
	return rc;
}
