// SPDX-License-Identifier: Apache-2.0
/* export - one context as a kubeconfig that needs no other file. */
#include "tool.h"

#include "os/os.h"

/* A plugin named relative to the old file must be found from anywhere. */
static struct rk_val *export_exec(struct rk_doc *d, const struct rk_target *t)
{
	struct rk_val *x = rk_copy(d, t->exec);
	const char *command = rk_get_str(x, "command", NULL);

	if (command && strchr(command, '/') && *command != '/' && t->exec_dir) {
		rk_auto_free char *path = rk_path_resolve(command, t->exec_dir);
		rk_auto_free char *real = realpath(path, NULL);

		rk_set_str(d, x, "command", real ? real : path);
	}
	return x;
}

/* A field of an entry that is not about connecting, as it is. */
static void keep(struct rk_doc *d, struct rk_val *to, const struct rk_val *from, const char *key)
{
	const struct rk_val *v = rk_get(from, key, NULL);

	if (v && v->kind != RK_NULL)
		rk_set(d, to, key, rk_copy(d, v));
}

/* Bytes of PEM as base64, if there are any. */
static void put_pem(struct rk_doc *d, struct rk_val *to, const char *key, const struct rk_buf *pem)
{
	if (pem->len)
		rk_set(d, to, key, rk_val_base64(d, pem->s, pem->len));
}

/* The whole context with everything inside: what files held, and the address asked for. */
static struct rk_val *compose(struct rk_doc *d, const char *name, const struct rk_kubeconfig *kc,
	const struct rk_target *t)
{
	const struct rk_val *from = rk_kubeconfig_entry(kc, RK_KC_CLUSTERS, t->cluster);
	struct rk_val *cluster = rk_map(d), *user = rk_map(d), *root, *context;

	keep(d, cluster, from, "disable-compression");
	keep(d, cluster, from, "extensions");
	put_pem(d, cluster, "certificate-authority-data", &t->ca);
	rk_set_str(d, cluster, "proxy-url", t->conf.proxy);
	rk_set_str(d, cluster, "server", t->server);
	rk_set_str(d, cluster, "tls-server-name", t->conf.tls_server_name);
	keep(d, user, rk_kubeconfig_entry(kc, RK_KC_USERS, t->user), "extensions");
	if (t->auth_provider)
		rk_set(d, user, "auth-provider", rk_copy(d, t->auth_provider));
	put_pem(d, user, "client-certificate-data", &t->cert);
	put_pem(d, user, "client-key-data", &t->key);
	rk_set_str(d, user, "token", t->token);
	rk_set_str(d, user, "username", t->conf.user);
	rk_set_str(d, user, "password", t->conf.password);
	if (t->exec)
		rk_set(d, user, "exec", export_exec(d, t));
	rk_each (m, t->as)
		rk_set(d, user, m->key, rk_copy(d, m));
	root = rk_kubeconfig_compose(d, name, cluster, user);
	context = rk_map_at(d, rk_mut(rk_at(rk_get(root, "contexts", NULL), 0)), "context", NULL);
	rk_set_str(d, context, "namespace", t->ns);
	keep(d, context, rk_kubeconfig_entry(kc, RK_KC_CONTEXTS, t->context), "extensions");
	return root;
}

/* The address must answer under the CA, with a certificate that carries it. */
static int try_address(const struct rk_buf *text, const struct opts *o, struct rk_err *err)
{
	struct rk_kube_flags f = {
		.resolve = o->kube.resolve, .request_timeout_ms = o->probe_ms ? o->probe_ms : 3000};
	struct rk_err why = RK_ERR_INIT;
	rk_auto_kube *k = NULL;

	if (rk_kube_open_text(&k, text->s, text->len, "the result", &f, err) < 0)
		return -1;
	if (rk_kube_version(k, NULL, &why) == 0 || why.http)
		return 0; /* any answer shows the right certificate */
	*err = why;
	return rk_err_hint(err, "if the certificate carries another name, give it with "
				"--tls-server-name; --no-probe "
				"writes the address without trying it");
}

static int export(const struct opts *o, const struct rk_kubeconfig *kc, struct rk_err *err)
{
	rk_auto_doc *d = rk_doc_new(true);
	rk_auto_buf text = RK_BUF_INIT_SECRET;
	rk_auto_free char *server = NULL;
	struct rk_kube_flags f = o->kube;
	struct rk_target t;
	int rc;

	if (o->server) {
		server = strstr(o->server, "://") ? rk_strdup(o->server)
						  : rk_asprintf("https://%s", o->server);
		f.server = server;
	}
	if (rk_kubeconfig_resolve(kc, &f, &t, err) < 0)
		return -1;
	rc = rk_target_check(&t, err);
	kcfg_write_out(compose(d,
			       o->name	   ? o->name
			       : t.context ? t.context
					   : "default",
			       kc, &t),
		o->format, &text);
	if (rc == 0 && o->server && !o->no_probe)
		rc = try_address(&text, o, err);
	rk_target_release(&t);
	return rc < 0 ? -1 : kcfg_put_out(o, &text, err);
}

int kcfg_run_export(void *p, int argc, char **argv, struct rk_err *err)
{
	const struct opts *o = p;
	const char *path = argc ? argv[0] : o->kube.kubeconfig;
	rk_auto_buf text = RK_BUF_INIT_SECRET;
	struct rk_kubeconfig *kc = NULL;
	int rc;

	if (argc && rk_streq(path, "-")) {
		rc = rk_file_read("-", INPUT_MAX, &text, err);
		if (rc == 0)
			rc = rk_kubeconfig_parse(&kc, text.s, text.len, "stdin", err);
	} else {
		rc = rk_kubeconfig_load(&kc, path, err);
	}
	if (rc == 0)
		rc = export(o, kc, err);
	rk_kubeconfig_free(kc);
	return rc;
}
