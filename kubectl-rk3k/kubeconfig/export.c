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

/* Cluster and user with everything inside: what files held, and the address asked for. */
static void export_parts(struct entry *e, const struct rk_kubeconfig *kc, const struct rk_target *t)
{
	const struct rk_val *cluster = rk_kubeconfig_entry(kc, RK_KC_CLUSTERS, t->cluster);
	struct rk_doc *d = e->d;

	e->cluster_map = rk_map(d);
	keep(d, e->cluster_map, cluster, "disable-compression");
	keep(d, e->cluster_map, cluster, "extensions");
	if (t->ca.len)
		rk_set(d, e->cluster_map, "certificate-authority-data",
			rk_val_base64(d, t->ca.s, t->ca.len));
	if (t->conf.proxy)
		rk_set_str(d, e->cluster_map, "proxy-url", t->conf.proxy);
	rk_set_str(d, e->cluster_map, "server", t->server);
	if (t->conf.tls_server_name)
		rk_set_str(d, e->cluster_map, "tls-server-name", t->conf.tls_server_name);
	e->user_map = rk_map(d);
	keep(d, e->user_map, rk_kubeconfig_entry(kc, RK_KC_USERS, t->user), "extensions");
	if (t->auth_provider)
		rk_set(d, e->user_map, "auth-provider", rk_copy(d, t->auth_provider));
	if (t->cert.len) {
		rk_set(d, e->user_map, "client-certificate-data",
			rk_val_base64(d, t->cert.s, t->cert.len));
		rk_set(d, e->user_map, "client-key-data", rk_val_base64(d, t->key.s, t->key.len));
	}
	if (t->token)
		rk_set_str(d, e->user_map, "token", t->token);
	if (t->conf.user)
		rk_set_str(d, e->user_map, "username", t->conf.user);
	if (t->conf.password)
		rk_set_str(d, e->user_map, "password", t->conf.password);
	if (t->exec)
		rk_set(d, e->user_map, "exec", export_exec(d, t));
	rk_each (m, t->as)
		rk_set(d, e->user_map, m->key, rk_copy(d, m));
}

static void export_text(const struct entry *e, const struct rk_kubeconfig *kc,
	const struct rk_target *t, int format, struct rk_buf *out)
{
	struct rk_val *root = rk_kubeconfig_compose(e->d, e->name, e->cluster_map, e->user_map);
	const struct rk_val *entry = rk_at(rk_get(root, "contexts", NULL), 0);
	struct rk_val *context = rk_map_at(e->d, rk_mut(entry), "context", NULL);

	rk_set_str(e->d, context, "namespace", t->ns);
	keep(e->d, context, rk_kubeconfig_entry(kc, RK_KC_CONTEXTS, t->context), "extensions");
	kcfg_write_out(root, format, out);
}

static int load_source(
	const struct opts *o, const char *path, struct rk_kubeconfig **kc, struct rk_err *err)
{
	rk_auto_buf text = RK_BUF_INIT_SECRET;

	if (!rk_streq(path, "-"))
		return rk_kubeconfig_load(kc, path ? path : o->kube.kubeconfig, err);
	if (rk_file_read("-", INPUT_MAX, &text, err) < 0)
		return -1;
	return rk_kubeconfig_parse(kc, text.s, text.len, "stdin", err);
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

static int export(
	const struct opts *o, struct entry *e, const struct rk_kubeconfig *kc, struct rk_err *err)
{
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
	e->name = o->name ? o->name : t.context ? t.context : "default";
	export_parts(e, kc, &t);
	export_text(e, kc, &t, o->format, &text);
	if (rc == 0 && o->server && !o->no_probe)
		rc = try_address(&text, o, err);
	rk_target_release(&t);
	return rc < 0 ? -1 : kcfg_put_out(o, &text, err);
}

int kcfg_run_export(void *p, int argc, char **argv, struct rk_err *err)
{
	struct entry e = {.d = rk_doc_new(true)};
	struct rk_kubeconfig *kc = NULL;
	int rc = load_source(p, argc ? argv[0] : NULL, &kc, err);

	if (rc == 0)
		rc = export(p, &e, kc, err);
	rk_kubeconfig_free(kc);
	kcfg_entry_release(&e);
	return rc;
}
