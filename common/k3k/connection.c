// SPDX-License-Identifier: Apache-2.0
/* The connection to a virtual cluster: which address answers from here, under which name.
 *
 * The Secret's server is the ClusterIP or the ingress host, never the node port (k3k 1.1.0,
 * observed), and the certificate never carries the node's address; but it always carries the
 * Service's name, so that tls-server-name verifies wherever it is dialled. */
#include "k3k.h"

#include "out/out.h"
#include "task/task.h"
#include "tls/tls.h"

#define HOST_MAX       253 /* of a name in DNS */
#define MAX_CANDIDATES 8
#define MAX_NODES      3
#define ALONE_MS       300 /* for the best address before the others are dialled too */
#define GRACE_MS       150 /* for a better address to answer after a worse one has */
#define PROBE_MS       3000

struct candidate {
	enum rk_endpoint kind;
	char *url, *name; /* name: tls-server-name or NULL */
	struct rk_kube *kube;
	struct rk_task *task, *asker;
	bool done, good;
	struct rk_err err;
};

struct search {
	struct rk_kube *host;
	const char *ns, *cluster;
	struct rk_vcluster *v;
	char service[64];
	struct candidate c[MAX_CANDIDATES];
	size_t n;
};

/* --- addresses --- */

/* The URL has brackets around IPv6 and no port when it is 443. */
static void add(struct search *s, enum rk_endpoint kind, const char *host, int64_t port, bool named)
{
	rk_auto_free char *at = NULL;

	if (s->n == MAX_CANDIDATES || !host || !*host || strlen(host) > HOST_MAX || port < 1 ||
		port > 65535)
		return;
	at = rk_url_authority(host, port == 443 ? 0 : port);
	s->c[s->n++] = (struct candidate){.kind = kind,
		.url = rk_asprintf("https://%s", at),
		.name = named ? rk_strdup(s->service) : NULL};
}

/* Host and port of URL, host, host:port, [v6]:port; host is the caller's to free. */
static int split_address(const char *given, char **host, int64_t *port, struct rk_err *err)
{
	rk_auto_url u;

	if (rk_url_parse(&u, given, "https") || !rk_streq(u.scheme, "https")) {
		rk_err_set(err, RK_USAGE, "invalid address --server %s", given);
		return rk_err_hint(
			err, "write https://HOST[:PORT], HOST, HOST:PORT or [IPv6]:PORT");
	}
	*host = rk_steal(&u.host);
	*port = u.port;
	return 0;
}

static bool is_ready(const struct rk_val *obj)
{
	return rk_streq(rk_get_str(rk_condition(obj, "Ready"), "status", NULL), "True");
}

/* External addresses are better from outside, but only the internal one is sure to exist. Without
 * permission to list nodes, the host API server's own machine is the likely node. */
static void add_nodes(struct search *s, int64_t port, struct rk_doc *d)
{
	static const char *const types[] = {"InternalIP", "ExternalIP"};
	struct rk_list_opts o = {.limit = 50};
	struct rk_val *nodes = NULL;
	rk_auto_free char *host = NULL;
	size_t taken = 0;

	if (rk_kube_list_all(s->host, &RK_NODE, NULL, &o, d, &nodes, NULL) < 0)
		nodes = NULL;
	rk_each (node, nodes) {
		if (taken == MAX_NODES || !is_ready(node))
			continue;
		taken++;
		for (size_t i = 0; i < RK_COUNT(types); i++)
			rk_each (a, rk_get(node, "status", "addresses", NULL))
				if (rk_streq(rk_get_str(a, "type", NULL), types[i]))
					add(s, RK_ENDPOINT_NODEPORT, rk_get_str(a, "address", NULL),
						port, true);
	}
	if (!taken && split_address(rk_kube_server(s->host), &host, &(int64_t){0}, NULL) == 0)
		add(s, RK_ENDPOINT_NODEPORT, host, port, true);
}

/* The Secret's server, when it is an IP address (the Service's) or when it is a name (of the
 * ingress: SNI must stay that name). */
static void add_from_secret(struct search *s, const struct rk_val *config, bool ip)
{
	const struct rk_val *c = rk_at(rk_get(config, "clusters", NULL), 0);
	const char *server = rk_get_str(c, "cluster", "server", NULL);
	rk_auto_free char *host = NULL;
	int64_t port;

	if (server && split_address(server, &host, &port, NULL) == 0 && !rk_ip_family(host) != ip &&
		strcmp(host, s->service) != 0)
		add(s, ip ? RK_ENDPOINT_SERVICE : RK_ENDPOINT_INGRESS, host, port, false);
}

/* Candidates from the best to the worst: ingress, load balancer, node ports, ClusterIP. */
static int add_found(
	struct search *s, const struct rk_val *config, struct rk_doc *d, struct rk_err *err)
{
	const struct rk_val *api = NULL;
	struct rk_val *svc;
	const char *ip;

	add_from_secret(s, config, false);
	if (rk_kube_find(s->host, &RK_SERVICE, s->ns, s->service, d, &svc, err) < 0) {
		if (err->code != RK_CONFLICT)
			return -1;
		/* With permission to read only the Secret, the address in it is used. */
		rk_err_clear(err);
		add_from_secret(s, config, true);
		return 0;
	}
	rk_each (p, rk_get(svc, "spec", "ports", NULL))
		if (!api && rk_streq(rk_get_str(p, "name", NULL), "k3s-server-port"))
			api = p;
	rk_each (in, rk_get(svc, "status", "loadBalancer", "ingress", NULL)) {
		ip = rk_get_str(in, "ip", NULL);
		add(s, RK_ENDPOINT_BALANCER, ip ? ip : rk_get_str(in, "hostname", NULL),
			rk_get_int(api, 443, "port", NULL), true);
	}
	if (rk_get_int(api, 0, "nodePort", NULL))
		add_nodes(s, rk_get_int(api, 0, "nodePort", NULL), d);
	ip = rk_get_str(svc, "spec", "clusterIP", NULL);
	if (!rk_streq(ip, "None"))
		add(s, RK_ENDPOINT_SERVICE, ip, rk_get_int(api, 443, "port", NULL), false);
	return 0;
}

/* --- trying --- */

static int open_candidate(struct search *s, struct candidate *c, struct rk_err *err)
{
	struct rk_kube_flags flags = {.server = c->url,
		.tls_server_name = c->name,
		.resolve = rk_kube_target(s->host)->conf.resolve};

	if (c->kube)
		return 0;
	return rk_kube_open_text(&c->kube, s->v->kubeconfig.s, s->v->kubeconfig.len,
		"the virtual cluster's Secret", &flags, err);
}

/* Nothing is known of one that has no answer yet at the end of the time. */
static void ask(void *arg)
{
	struct candidate *c = arg;
	struct rk_http_req req = {.path = "/version", .timeout_ms = c->task ? 0 : ALONE_MS};
	rk_auto_http_res res = RK_HTTP_RES_INIT;
	struct rk_err err = RK_ERR_INIT;
	int rc = rk_http_do(rk_kube_http(c->kube), &req, &res, &err);

	if (rc < 0 && (!c->task || rk_task_left() == 0))
		return;
	c->done = true;
	if (rc == 0 && (res.status == 401 || res.status == 403 ||
			       (res.status == 200 && rk_kube_is_version(&res, NULL))))
		c->good = true;
	else if (rc == 0 && res.status == 200)
		rk_err_set(&err, RK_FAIL, "the server there is not a Kubernetes API");
	else if (rc == 0)
		rk_err_set(&err, RK_FAIL, "answered HTTP %d", res.status);
	c->err = err;
	rk_task_wake(c->asker);
}

/* The best candidate first and alone, for a moment: when it answers, its connection is the one that
 * is used afterwards, and no other was dialled. Else all of them at once; the best that has answered when
 * nothing better can still come, or when the time is up. NULL: none, or err is set. */
static struct candidate *probe(struct search *s, struct rk_err *err)
{
	struct candidate *found = NULL;
	bool final = false, graced = false;
	int64_t end;

	for (size_t i = 0; i < s->n; i++) {
		if (open_candidate(s, &s->c[i], err) < 0)
			return NULL;
		if (i == 0)
			ask(&s->c[0]);
		if (s->c[0].good)
			return &s->c[0];
	}
	end = rk_now_ms() + (s->v->probe_ms ? s->v->probe_ms : PROBE_MS);
	for (size_t i = 0; i < s->n; i++) {
		s->c[i].asker = rk_task_self();
		s->c[i].task = rk_task_new(ask, &s->c[i], 0);
	}
	while (!final && rk_now_ms() < end && rk_task_left() > 0) {
		rk_task_poll(NULL, 0, end - rk_now_ms());
		final = true;
		found = NULL;
		for (size_t i = 0; i < s->n && !found; i++) {
			found = s->c[i].good ? &s->c[i] : NULL;
			final = final && s->c[i].done;
		}
		if (found && !final && !graced) {
			graced = true;
			if (rk_now_ms() + GRACE_MS < end)
				end = rk_now_ms() + GRACE_MS;
		}
	}
	for (size_t i = 0; i < s->n; i++)
		rk_task_free(rk_steal(&s->c[i].task));
	return found;
}

/* A port-forward, when no address answers; it is not dialled yet. NULL: no pod is ready, or none can be
 * forwarded to. */
static struct candidate *forward(struct search *s, struct rk_doc *d)
{
	rk_auto_free char *labels = rk_asprintf("cluster=%s,role=server", s->cluster);
	struct rk_list_opts o = {.labels = labels};
	struct rk_err why = RK_ERR_INIT;
	const char *pod = NULL;
	struct rk_val *pods;
	int port;

	if (s->n == MAX_CANDIDATES ||
		rk_kube_list_all(s->host, &RK_POD, s->ns, &o, d, &pods, &why) < 0)
		return NULL;
	rk_each (p, pods)
		if (!pod && is_ready(p))
			pod = rk_get_str(p, "metadata", "name", NULL);
	if (!pod)
		return NULL;
	if (rk_forward_start(&s->v->forward, s->host, s->ns, pod, 6443, &port, &why) < 0) {
		rk_buf_addf(&s->v->why, "port-forward to pod %s: %s\n", pod, why.msg);
		return NULL;
	}
	add(s, RK_ENDPOINT_FORWARD, "127.0.0.1", port, true);
	return &s->c[s->n - 1];
}

/* --- all of it --- */

static int connect_best(struct search *s, struct rk_doc *d, struct rk_err *err)
{
	struct rk_vcluster *v = s->v;
	rk_auto_buf all = RK_BUF_INIT;
	struct candidate *c = v->no_probe && s->n ? &s->c[0] : probe(s, err);

	if (!c && err->code)
		return -1;
	for (size_t i = 0; i < s->n && !v->no_probe; i++) {
		const struct candidate *x = &s->c[i];

		rk_buf_addf(&v->why, "%s %s%s%s: %s\n", rk_endpoint_word(x->kind), x->url,
			x->name ? " as " : "", x->name ? x->name : "",
			x->good	  ? "answers"
			: x->done ? x->err.msg
			: x->kube ? "no answer in time"
				  : "not tried");
	}
	if (!c && !v->server)
		c = forward(s, d);
	if (!c) {
		rk_vcluster_reasons(v, &all);
		rk_err_set(err, RK_FAIL, "no address of virtual cluster %s/%s answers: %s", s->ns,
			s->cluster, all.len ? all.s : "it has none");
		return rk_err_hint(err,
			"is a server pod ready? kubectl get pods -n %s -l cluster=%s%s", s->ns,
			s->cluster, rk_here_kubectl());
	}
	if (open_candidate(s, c, err) < 0)
		return -1;
	v->endpoint = c->kind;
	v->url = rk_steal(&c->url);
	v->tls_server_name = rk_steal(&c->name);
	v->kube = rk_steal(&c->kube);
	return 0;
}

int rk_vcluster_open(struct rk_vcluster *v, struct rk_kube *host, const char *ns,
	const char *cluster, struct rk_err *err)
{
	struct search s = {.host = host, .ns = ns, .cluster = cluster, .v = v};
	rk_auto_doc *d = rk_doc_new(true);
	rk_auto_free char *given = NULL;
	struct rk_val *config;
	int64_t port;
	int rc;

	rk_err_clear(err);
	rk_vcluster_close(v);
	rk_k3k_name(s.service, cluster, "service");
	rc = rk_k3k_secret(host, ns, cluster, "kubeconfig", "kubeconfig.yaml", &v->kubeconfig, err);
	if (rc == 0 && rk_yaml_parse(d, v->kubeconfig.s, v->kubeconfig.len, &config, err) < 0)
		rc = rk_err_wrap(err, "kubeconfig Secret of %s/%s", ns, cluster);
	if (rc == 0 && v->server) {
		/* It may be in the certificate or not: tried as it is, then under the Service's name. */
		rc = split_address(v->server, &given, &port, err);
		add(&s, RK_ENDPOINT_SERVER, given, port, false);
		add(&s, RK_ENDPOINT_SERVER, given, port, true);
	} else if (rc == 0) {
		rc = add_found(&s, config, d, err);
	}
	if (rc == 0)
		rc = connect_best(&s, d, err);
	for (size_t i = 0; i < s.n; i++) {
		free(s.c[i].url);
		free(s.c[i].name);
		rk_kube_free(s.c[i].kube);
	}
	if (rc < 0)
		rk_vcluster_close(v);
	return rc;
}

void rk_vcluster_close(struct rk_vcluster *v)
{
	rk_kube_free(rk_steal(&v->kube));
	if (v->forward)
		rk_forward_stop(rk_steal(&v->forward));
	free(rk_steal(&v->url));
	free(rk_steal(&v->tls_server_name));
	rk_buf_release(&v->why);
	rk_buf_release(&v->kubeconfig);
	v->kubeconfig.secret = true;
}

void rk_vcluster_reasons(const struct rk_vcluster *v, struct rk_buf *out)
{
	for (const char *p = v->why.s; *p; p++)
		if (*p != '\n')
			rk_buf_putc(out, *p);
		else if (p[1])
			rk_buf_puts(out, "; ");
}

const char *rk_endpoint_word(enum rk_endpoint e)
{
	static const char *const words[] = {"given server", "ingress", "load balancer", "node port",
		"cluster address", "port-forward"};

	return words[e];
}

/* --- connecting as the flags say --- */

int rk_connect(struct rk_connection *c, const struct rk_kube_flags *flags, struct rk_err *err)
{
	rk_auto_free char *ns = NULL, *name = NULL;

	if (rk_kube_open(&c->host, flags, err) < 0)
		return -1;
	c->kube = c->host;
	if (!flags->virtual_cluster)
		return 0;
	/* -n selects a namespace of the virtual cluster; the host's comes with NS/NAME */
	if (rk_k3k_choose(c->host, NULL, flags->virtual_cluster, &ns, &name, err) < 0 ||
		rk_vcluster_open(&c->virtual, c->host, ns, name, err) < 0)
		return -1;
	c->kube = c->virtual.kube;
	if (flags->ns)
		rk_kube_set_namespace(c->kube, flags->ns);
	return 0;
}

void rk_disconnect(struct rk_connection *c)
{
	rk_vcluster_close(&c->virtual);
	rk_kube_free(c->host);
	c->kube = c->host = NULL;
}

void rk_connection_note(const struct rk_connection *c, const struct rk_kube_flags *flags)
{
	const char *context = rk_kube_context(c->host), *server = rk_kube_server(c->kube);

	if (rk_voice_is_named())
		return;
	if (flags->virtual_cluster)
		rk_note("virtual cluster %s at %s", flags->virtual_cluster, server);
	else if (*context)
		rk_note("context %s, server %s", context, server);
	else
		rk_note("server %s", server);
}

/* --- its entry in a kubeconfig --- */

int rk_k3k_entry(const struct rk_vcluster *v, const struct rk_kc_note *note, struct rk_doc *d,
	struct rk_val **cluster_map, struct rk_val **user_map, struct rk_err *err)
{
	static const char secret[] = "the virtual cluster's kubeconfig";
	struct rk_val *root = NULL;
	const struct rk_val *c, *u;

	*cluster_map = *user_map = NULL;
	rk_doc_source(d, secret);
	if (rk_yaml_parse(d, v->kubeconfig.s, v->kubeconfig.len, &root, err) < 0)
		return -1;
	c = rk_get(rk_at(rk_get(root, "clusters", NULL), 0), "cluster", NULL);
	u = rk_get(rk_at(rk_get(root, "users", NULL), 0), "user", NULL);
	if (!c || c->kind != RK_MAP || !u || u->kind != RK_MAP)
		return rk_err_set(err, RK_FAIL, "%s has no cluster or no user in it", secret);
	*cluster_map = rk_copy(d, c);
	*user_map = rk_copy(d, u);
	rk_set_str(d, *cluster_map, "server", v->url);
	rk_remove_at(*cluster_map, "tls-server-name", NULL);
	if (v->tls_server_name)
		rk_set_str(d, *cluster_map, "tls-server-name", v->tls_server_name);
	rk_kc_set_note(d, *cluster_map, note);
	if (rk_kc_admit(d, *cluster_map, *user_map, err) == 0)
		return 0;
	*cluster_map = *user_map = NULL;
	return rk_err_wrap(err, "%s", secret);
}

int rk_k3k_unexpired(
	const struct rk_val *user, const char *ns, const char *cluster, struct rk_err *err)
{
	const char *data = rk_get_str(user, "client-certificate-data", NULL);
	rk_auto_buf pem = RK_BUF_INIT;
	rk_auto_cert *c = NULL;
	char when[32];

	if (!data)
		return 0;
	if (rk_base64_decode(&pem, data, strlen(data), err) < 0 ||
		rk_cert_parse(&c, pem.s, pem.len, err) < 0)
		return rk_err_wrap(err, "client certificate of %s/%s", ns, cluster);
	if (c->not_after >= (int64_t)time(NULL))
		return 0;
	rk_time_format(c->not_after, when);
	rk_err_set(err, RK_FAIL,
		"the client certificate in the kubeconfig Secret of %s/%s expired on %s", ns,
		cluster, when);
	return rk_err_hint(err,
		"create a new one with: kubectl rk3k kubeconfig generate "
		"%s/%s%s",
		ns, cluster, rk_here());
}
