// SPDX-License-Identifier: Apache-2.0
/* From names to a server and an identity: what clientcmd's ClientConfig does, refusing what is
 * not verified. */
#include "tls/tls.h"
#include "os/os.h"
#include "internal.h"

#define POD_DIR "/var/run/secrets/kubernetes.io/serviceaccount"

/* --- which entries --- */

struct choice {
	const struct kc_entry *context, *cluster, *user;
};

static int no_such(
	const struct rk_kubeconfig *kc, const char *what, const char *name, struct rk_err *err)
{
	rk_err_set(err, RK_NOTFOUND, "no %s \"%s\" in %s", what, name,
		*kc->searched ? kc->searched : "the kubeconfig");
	return rk_err_hint(
		err, "list them with: kubectl config get-%ss%s", what, rk_here_kubectl());
}

static int choose(const struct rk_kubeconfig *kc, const struct rk_kube_flags *f, struct choice *c,
	struct rk_err *err)
{
	const char *context = f->context ? f->context : kc->current;
	const char *cluster = f->cluster, *user = f->user;
	const struct kc_entry *x = kc_find(kc, RK_KC_CONTEXTS, context);

	c->context = x;
	if (!x && f->context)
		return no_such(kc, "context", context, err);
	if (!x && context) {
		rk_err_set(err, RK_NOTFOUND, "%s: current-context \"%s\" is not among its contexts",
			kc->current_file->path, context);
		return rk_err_hint(err, "choose one with --context or kubectl config use-context");
	}

	if (!cluster && kc_str(x, "cluster", &cluster, err) < 0)
		return -1;
	c->cluster = kc_find(kc, RK_KC_CLUSTERS, cluster);
	if (!c->cluster && !f->server && f->cluster)
		return no_such(kc, "cluster", cluster, err);
	if (!c->cluster && !f->server && x)
		return rk_err_set(err, RK_NOTFOUND, "%s: context \"%s\" names %s%s%s",
			x->file->path, x->name, cluster ? "cluster \"" : "no cluster",
			cluster ? cluster : "", cluster ? "\", which does not exist" : "");

	/* A context's user that does not exist means no credentials, as in kubectl; --user must exist. */
	if (!user && kc_str(x, "user", &user, err) < 0)
		return -1;
	c->user = kc_find(kc, RK_KC_USERS, user);
	return f->user && !c->user ? no_such(kc, "user", user, err) : 0;
}

/* --- the cluster --- */

static int check_server(const struct kc_entry *c, const char *server, struct rk_err *err)
{
	if (strncasecmp(server, "https://", 8) == 0 && server[8])
		return kc_plain("the server's address", server, err);
	rk_err_set(err, RK_CONFLICT, "%s%s%s%sserver %s is not an https:// address",
		c ? c->file->path : "", c ? ": cluster \"" : "", c ? c->name : "", c ? "\": " : "",
		server);
	return rk_err_hint(err,
		"use the https:// address of the API server and pin its CA: kubectl "
		"config set-cluster %s --server=https://HOST:PORT "
		"--certificate-authority=CA.pem --embed-certs",
		c ? c->name : "NAME");
}

static int take_server(struct rk_target *t, const struct kc_entry *c, const struct rk_kube_flags *f,
	struct rk_err *err)
{
	const char *server, *name, *proxy;

	if (kc_str(c, "server", &server, err) < 0 || kc_str(c, "tls-server-name", &name, err) < 0 ||
		kc_str(c, "proxy-url", &proxy, err) < 0)
		return -1;
	if (f->server) {
		server = f->server;
		name = NULL; /* it belonged to the other address */
	}
	if (f->tls_server_name)
		name = *f->tls_server_name ? f->tls_server_name : NULL;
	if (!server)
		return rk_err_set(err, RK_NOTFOUND, "%s: cluster \"%s\" has no server",
			c->file->path, c->name);
	if (name && *name == '.') /* to OpenSSL any host below */
		return rk_err_set(err, RK_FAIL, "tls-server-name \"%s\" is not a host name", name);
	/* a proxy's URL may hold a password: it is not shown */
	if (proxy && strncasecmp(proxy, "http://", 7) != 0 &&
		strncasecmp(proxy, "https://", 8) != 0 && strncasecmp(proxy, "socks5://", 9) != 0)
		return rk_err_set(err, RK_FAIL,
			"%s: cluster \"%s\": proxy-url is not http://, https:// or socks5://",
			c->file->path, c->name);
	if (check_server(c, server, err) < 0 || kc_plain("tls-server-name", name, err) < 0 ||
		kc_plain("proxy-url", proxy, err) < 0)
		return -1;
	free(t->server);
	t->server = rk_strdup(server);
	t->conf.tls_server_name = kc_keep(t, name);
	t->conf.proxy = kc_keep(t, proxy);
	return 0;
}

static int take_ca(struct rk_target *t, const struct kc_entry *c, const struct rk_kube_flags *f,
	struct rk_err *err)
{
	const char *flag = f->certificate_authority;
	bool insecure = false;

	if (c && c->v && rk_want_bool(c->v, &insecure, err, "insecure-skip-tls-verify", NULL) < 0)
		return -1;
	if (insecure && !flag) {
		rk_err_set(err, RK_CONFLICT,
			"%s: cluster \"%s\" has insecure-skip-tls-verify: its certificate would "
			"not be checked",
			c->file->path, c->name);
		return rk_err_hint(err,
			"pin its CA: kubectl config set-cluster %s --certificate-authority=CA.pem "
			"--embed-certs (or give --certificate-authority CA.pem)",
			c->name);
	}
	if (kc_material(c, "certificate-authority", flag, &t->ca, err) < 0)
		return -1;
	if (!t->ca.len || rk_cert_admit_tls(&t->ca, false, err) == 0)
		return 0;
	return flag ? rk_err_wrap(err, "--certificate-authority %s", flag)
		    : rk_err_wrap(err, "certificate-authority of cluster \"%s\"", c->name);
}

/* An entry of a virtual cluster notes its host: for messages, when it was used in place of that. Three of
 * the host's contexts are enough. */
static void take_note(const struct rk_kubeconfig *kc, struct rk_target *t, const struct kc_entry *c)
{
	const struct kc_list *contexts = &kc->lists[RK_KC_CONTEXTS];
	rk_auto_buf names = RK_BUF_INIT;
	struct rk_kc_note note;
	size_t n = 0;

	if (!c || !rk_kc_note(c->v, &note))
		return;
	t->virtual_cluster = rk_doc_printf(t->doc, "%s/%s", note.ns, note.cluster);
	t->host = kc_keep(t, note.host);
	for (size_t i = 0; note.host && i < contexts->n && n < 3; i++) {
		const struct rk_val *host = rk_kubeconfig_entry(
			kc, RK_KC_CLUSTERS, rk_get_str(contexts->v[i].v, "cluster", NULL));

		if (host && rk_kubeconfig_same_url(rk_get_str(host, "server", NULL), note.host))
			rk_buf_addf(&names, "%s%s", n++ ? " or " : "", contexts->v[i].name);
	}
	t->host_contexts = n ? kc_keep(t, names.s) : NULL;
}

/* --- in a pod --- */

/* The service account; each of --server, --certificate-authority, --token-file replaces its part. */
static int take_pod(
	struct rk_target *t, const struct rk_kube_flags *f, const char *dir, struct rk_err *err)
{
	const char *port = getenv("KUBERNETES_SERVICE_PORT");
	rk_auto_free char *at = rk_url_authority(getenv("KUBERNETES_SERVICE_HOST"), 0);
	rk_auto_free char *ca = rk_asprintf("%s/ca.crt", dir);

	t->server = rk_asprintf("https://%s:%s", at, port);
	t->token_file = f->token_file ? rk_strdup(f->token_file) : rk_asprintf("%s/token", dir);
	t->conf.tls_server_name = kc_keep(t, f->tls_server_name);
	if (check_server(NULL, t->server, err) < 0)
		return -1;
	if (f->certificate_authority) {
		if (take_ca(t, NULL, f, err) < 0)
			return -1;
	} else if (access(ca, F_OK) == 0) { /* as client-go: else the system's roots */
		if (rk_file_read(ca, 1 << 20, &t->ca, err) < 0)
			return -1;
		if (rk_cert_admit_tls(&t->ca, false, err) < 0)
			return rk_err_wrap(err, "%s", ca);
	}
	return kc_read_token(t, err);
}

/* --- putting it together --- */

static int take_namespace(struct rk_target *t, const struct kc_entry *context,
	const struct rk_kube_flags *f, const char *pod, struct rk_err *err)
{
	const char *ns = f->ns, *env = getenv("POD_NAMESPACE");
	rk_auto_free char *path = rk_asprintf("%s/namespace", pod ? pod : ""), *text = NULL;
	rk_auto_buf b = RK_BUF_INIT;

	if (!ns && kc_str(context, "namespace", &ns, err) < 0)
		return -1;
	ns = ns && *ns ? ns : pod && env && *env ? env : NULL;
	if (!ns && pod && access(path, F_OK) == 0) {
		if (rk_file_read(path, 1 << 20, &b, err) < 0)
			return -1;
		ns = text = kc_trimmed(&b);
	}
	t->ns = kc_keep(t, ns);
	return 0;
}

void kc_use_material(struct rk_target *t)
{
	t->conf.ca = t->ca.len ? t->ca.s : NULL;
	t->conf.ca_len = t->ca.len;
	t->conf.cert = t->cert.len ? t->cert.s : NULL;
	t->conf.cert_len = t->cert.len;
	t->conf.key = t->cert.len ? t->key.s : NULL;
	t->conf.key_len = t->cert.len ? t->key.len : 0;
}

static int no_config(const struct rk_kubeconfig *kc, struct rk_err *err)
{
	if (kc->lists[RK_KC_CONTEXTS].n) {
		rk_err_set(err, RK_NOTFOUND, "no current-context in %s", kc->searched);
		return rk_err_hint(err, "choose one with --context (kubectl config get-contexts)");
	}
	rk_err_set(err, RK_NOTFOUND, "no cluster is configured: no %s %s",
		access(kc->searched, F_OK) == 0 ? "context in" : "kubeconfig at",
		*kc->searched ? kc->searched : "$HOME/.kube/config");
	return rk_err_hint(err, "give --kubeconfig FILE or set KUBECONFIG");
}

static int resolve(const struct rk_kubeconfig *kc, const struct rk_kube_flags *f,
	struct rk_target *t, struct rk_err *err)
{
	const char *host = getenv("KUBERNETES_SERVICE_HOST");
	const char *port = getenv("KUBERNETES_SERVICE_PORT");
	const char *pod = f->pod_dir ? f->pod_dir : POD_DIR; /* NULL: not in a pod */
	rk_auto_free char *token = rk_asprintf("%s/token", pod);
	struct choice c = {0};

	if (!host || !*host || !port || !*port || access(token, F_OK) != 0)
		pod = NULL;
	if (choose(kc, f, &c, err) < 0)
		return -1;
	if (!c.cluster && !f->server && !pod)
		return no_config(kc, err);
	if (!c.cluster && pod) {
		if (take_pod(t, f, pod, err) < 0)
			return rk_err_wrap(err, "service account of the pod");
		if (f->server && take_server(t, NULL, f, err) < 0)
			return -1;
	} else {
		t->context = c.context ? kc_keep(t, c.context->name) : NULL;
		t->cluster = c.cluster ? kc_keep(t, c.cluster->name) : NULL;
		t->user = c.user ? kc_keep(t, c.user->name) : NULL;
		if (take_server(t, c.cluster, f, err) < 0 || take_ca(t, c.cluster, f, err) < 0 ||
			kc_take_user(t, c.user, c.cluster, f, err) < 0)
			return -1;
	}
	if (!f->server)
		take_note(kc, t, c.cluster);
	if (kc_take_impersonation(t, c.user, f, err) < 0 ||
		take_namespace(t, c.context, f, pod, err) < 0)
		return -1;
	t->conf.base = t->server;
	kc_use_material(t);
	t->conf.headers = t->headers.v;
	t->conf.resolve = kc_keep(t, f->resolve);
	if (f->request_timeout_ms > 0)
		t->conf.request_ms = f->request_timeout_ms;
	return 0;
}

int rk_kubeconfig_resolve(const struct rk_kubeconfig *kc, const struct rk_kube_flags *flags,
	struct rk_target *out, struct rk_err *err)
{
	*out = (struct rk_target){
		.ca = RK_BUF_INIT,
		.cert = RK_BUF_INIT,
		.key = RK_BUF_INIT_SECRET,
		.doc = rk_doc_new(true),
	};
	if (resolve(kc, flags, out, err) == 0)
		return 0;
	rk_target_release(out);
	return -1;
}
