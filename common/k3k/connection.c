// SPDX-License-Identifier: Apache-2.0
/* The connection to a virtual cluster: which address answers from here, under which name.
 *
 * The Secret's server is the ClusterIP or the ingress host, never the node port (k3k 1.1.0,
 * observed), and the certificate never carries the node's address; but it always carries the
 * Service's name, so that tls-server-name verifies wherever it is dialled. */
#include "k3k.h"

#include <arpa/inet.h>

#define HOST_MAX       253 /* of a name in DNS */
#define MAX_CANDIDATES 8
#define MAX_NODES      3
#define ALONE_MS       300 /* for the best address before the others are dialled too */
#define GRACE_MS       150 /* for a better address to answer after a worse one has */

struct candidate {
	enum rk_k3k_via via;
	char *url, *name; /* name: tls-server-name or NULL */
	struct rk_kube *kube;
	struct search *search;
	bool done, good;
	struct rk_err err;
};

struct search {
	struct rk_kube *host;
	const char *ns, *cluster;
	struct rk_k3k_access *a;
	char service[64];
	struct candidate c[MAX_CANDIDATES];
	size_t n;
};

void rk_k3k_access_release(struct rk_k3k_access *a)
{
	free(rk_steal(&a->url));
	free(rk_steal(&a->tls_server_name));
	rk_buf_release(&a->why);
	rk_buf_release(&a->kubeconfig);
	if (a->forward)
		rk_forward_stop(rk_steal(&a->forward));
}

static void search_release(struct search *s)
{
	for (size_t i = 0; i < s->n; i++) {
		free(s->c[i].url);
		free(s->c[i].name);
		rk_kube_free(s->c[i].kube);
	}
}

/* --- addresses --- */

static bool is_ip(const char *host)
{
	unsigned char a[16];

	return inet_pton(AF_INET, host, a) == 1 || inet_pton(AF_INET6, host, a) == 1;
}

/* https://HOST[:PORT], brackets around IPv6, no port when it is 443. Caller frees. */
static char *make_url(const char *host, int64_t port)
{
	const char *l = strchr(host, ':') ? "[" : "", *r = *l ? "]" : "";

	if (port == 443)
		return rk_asprintf("https://%s%s%s", l, host, r);
	return rk_asprintf("https://%s%s%s:%d", l, host, r, (int)port);
}

static void add(struct search *s, enum rk_k3k_via via, const char *host, int64_t port, bool named)
{
	struct candidate *c = &s->c[s->n];

	if (s->n == MAX_CANDIDATES || !host || !*host || strlen(host) > HOST_MAX || port < 1 ||
		port > 65535)
		return;
	s->n++;
	c->via = via;
	c->url = make_url(host, port);
	c->name = named ? rk_strdup(s->service) : NULL;
	c->search = s;
}

/* Host and port of URL, host, host:port, [v6]:port; host is the caller's to free. */
static int split_address(const char *given, char **host, int64_t *port, struct rk_err *err)
{
	const char *p = rk_prefix(given, "https://") ? given + 8 : given;
	size_t n = strcspn(p, "/");
	rk_auto_free char *s = rk_strndup(p, n);
	char *colon = strrchr(s, ':');

	*port = 443;
	if (s[0] == '[') {
		char *close = strchr(s, ']');

		if (close && (close[1] == ':' || !close[1])) {
			*close = 0;
			colon = close[1] ? close + 1 : NULL;
			memmove(s, s + 1, strlen(s));
			if (colon && !rk_parse_int(colon + 1, 1, 65535, port))
				s[0] = 0;
		} else {
			s[0] = 0;
		}
	} else if (colon && strchr(s, ':') == colon) {
		*colon = 0;
		if (!rk_parse_int(colon + 1, 1, 65535, port))
			s[0] = 0;
	}
	if (strstr(given, "://") && p == given)
		s[0] = 0;
	if (!s[0]) {
		rk_err_set(err, RK_USAGE, "invalid address --server %s", given);
		return rk_err_hint(
			err, "write https://HOST[:PORT], HOST, HOST:PORT or [IPv6]:PORT");
	}
	*host = rk_strdup(s);
	return 0;
}

/* A name the user gave may be in the certificate or not: tried first, then under the Service's. */
static int add_given(struct search *s, struct rk_err *err)
{
	rk_auto_free char *host = NULL;
	int64_t port;

	if (split_address(s->a->server, &host, &port, err) < 0)
		return -1;
	add(s, RK_VIA_SERVER, host, port, false);
	add(s, RK_VIA_SERVER, host, port, true);
	return 0;
}

static const struct rk_val *api_port(const struct rk_val *svc)
{
	rk_each (p, rk_get(svc, "spec", "ports", NULL))
		if (rk_streq(rk_get_str(p, "name", NULL), "k3s-server-port"))
			return p;
	return NULL;
}

static void add_balancers(struct search *s, const struct rk_val *svc)
{
	rk_each (in, rk_get(svc, "status", "loadBalancer", "ingress", NULL)) {
		const char *ip = rk_get_str(in, "ip", NULL);
		const char *host = ip ? ip : rk_get_str(in, "hostname", NULL);

		add(s, RK_VIA_BALANCER, host, rk_get_int(api_port(svc), 443, "port", NULL), true);
	}
}

static bool is_ready(const struct rk_val *node)
{
	rk_each (c, rk_get(node, "status", "conditions", NULL))
		if (rk_streq(rk_get_str(c, "type", NULL), "Ready"))
			return rk_streq(rk_get_str(c, "status", NULL), "True");
	return false;
}

struct node_walk {
	struct search *s;
	int64_t port;
	size_t taken;
};

/* External addresses are better from outside, but only the internal one is sure to exist. */
static int one_node(void *arg, const struct rk_val *node, struct rk_err *err)
{
	static const char *const types[] = {"InternalIP", "ExternalIP"};
	struct node_walk *w = arg;

	(void)err;
	if (w->taken == MAX_NODES || !is_ready(node))
		return 0;
	w->taken++;
	for (size_t i = 0; i < RK_COUNT(types); i++)
		rk_each (a, rk_get(node, "status", "addresses", NULL))
			if (rk_streq(rk_get_str(a, "type", NULL), types[i]))
				add(w->s, RK_VIA_NODEPORT, rk_get_str(a, "address", NULL), w->port,
					true);
	return 0;
}

/* Without the right to list nodes, the host API server's own machine is the likely node. */
static void add_node_ports(struct search *s, const struct rk_val *svc)
{
	struct rk_list_opts o = {.limit = 50};
	struct node_walk w = {.s = s, .port = rk_get_int(api_port(svc), 0, "nodePort", NULL)};
	rk_auto_free char *host = NULL;
	int64_t port;

	if (!w.port)
		return;
	if (rk_kube_list(s->host, &RK_NODE, NULL, &o, one_node, &w, NULL, NULL) == 0 && w.taken)
		return;
	if (split_address(rk_kube_server(s->host), &host, &port, NULL) == 0)
		add(s, RK_VIA_NODEPORT, host, w.port, true);
}

/* The Secret's own server: a name means ingress exposure, where SNI must stay that name; an IP
 * address is the Service's. */
static void add_from_secret(struct search *s, const struct rk_val *config, bool ip)
{
	const struct rk_val *c = rk_at(rk_get(config, "clusters", NULL), 0);
	const char *server = rk_get_str(c, "cluster", "server", NULL);
	rk_auto_free char *host = NULL;
	int64_t port;

	if (server && split_address(server, &host, &port, NULL) == 0 && is_ip(host) == ip &&
		strcmp(host, s->service) != 0)
		add(s, ip ? RK_VIA_SERVICE : RK_VIA_INGRESS, host, port, false);
}

/* With permission to read only the Secret, the address in it is used. */
static int add_from_service(
	struct search *s, const struct rk_val *config, struct rk_doc *d, struct rk_err *err)
{
	struct rk_val *svc;

	if (rk_kube_find(s->host, &RK_SERVICE, s->ns, s->service, d, &svc, err) < 0) {
		if (err->code != RK_CONFLICT)
			return -1;
		rk_err_clear(err);
		add_from_secret(s, config, true);
		return 0;
	}
	add_balancers(s, svc);
	add_node_ports(s, svc);
	if (!rk_streq(rk_get_str(svc, "spec", "clusterIP", NULL), "None"))
		add(s, RK_VIA_SERVICE, rk_get_str(svc, "spec", "clusterIP", NULL),
			rk_get_int(api_port(svc), 443, "port", NULL), false);
	return 0;
}

/* --- the Secret --- */

static int read_secret(
	struct search *s, struct rk_doc *d, struct rk_val **config, struct rk_err *err)
{
	if (rk_k3k_secret(s->host, s->ns, s->cluster, "kubeconfig", "kubeconfig.yaml",
		    &s->a->kubeconfig, err) < 0)
		return -1;
	if (rk_yaml_parse(d, s->a->kubeconfig.s, s->a->kubeconfig.len, config, err) < 0)
		return rk_err_wrap(err, "kubeconfig Secret of %s/%s", s->ns, s->cluster);
	return 0;
}

/* --- trying --- */

static int open_candidate(struct search *s, struct candidate *c, struct rk_err *err)
{
	struct rk_kube_flags flags = {.server = c->url,
		.tls_server_name = c->name,
		.resolve = rk_kube_target(s->host)->conf.resolve};

	return rk_kube_open_text(&c->kube, s->a->kubeconfig.s, s->a->kubeconfig.len,
		"the virtual cluster's Secret", &flags, err);
}

static void answered(void *arg, struct rk_http_res *res, const struct rk_err *err)
{
	struct candidate *c = arg;

	c->done = true;
	if (err)
		c->err = *err;
	else if (res->status == 401 || res->status == 403 ||
		 (res->status == 200 && rk_kube_is_version(res, NULL)))
		c->good = true;
	else if (res->status == 200)
		rk_err_set(&c->err, RK_FAIL, "its answer is not that of a Kubernetes API");
	else
		rk_err_set(&c->err, RK_FAIL, "answered HTTP %d", res->status);
}

/* The best that has answered; final when nothing better can still come. */
static struct candidate *best(struct search *s, bool *final)
{
	*final = true;
	for (size_t i = 0; i < s->n; i++) {
		if (s->c[i].good)
			return &s->c[i];
		if (!s->c[i].done)
			*final = false;
	}
	return NULL;
}

/* The best candidate first and alone, for a moment: when it answers, its connection is the one that
 * is used afterwards, and no other was dialled. */
static bool first_answers(struct search *s, struct rk_err *err)
{
	struct rk_http_req req = {.path = "/version", .timeout_ms = ALONE_MS};
	rk_auto_http_res res = RK_HTTP_RES_INIT;
	struct rk_err why = RK_ERR_INIT;
	struct candidate *c = &s->c[0];

	if (!s->n || open_candidate(s, c, err) < 0)
		return false;
	if (rk_http_do(rk_kube_http(c->kube), &req, &res, &why) < 0)
		return false;
	answered(c, &res, NULL);
	return c->good;
}

static struct candidate *probe(struct search *s, struct rk_err *err)
{
	int64_t limit = s->a->probe_ms ? s->a->probe_ms : 3000, end = rk_now_ms() + limit;
	struct rk_pool *pool = rk_pool_new();
	struct rk_http_req req = {.path = "/version"};
	struct candidate *found = NULL;
	bool final = false, graced = false;

	for (size_t i = 0; i < s->n; i++) {
		struct rk_xfer_cb cb = {.done = answered, .arg = &s->c[i]};

		if (!s->c[i].kube && open_candidate(s, &s->c[i], err) < 0) {
			rk_pool_free(pool);
			return NULL;
		}
		rk_pool_start(pool, rk_kube_http(s->c[i].kube), &req, &cb);
	}
	while (!final && rk_now_ms() < end) {
		rk_pool_poll(pool, end - rk_now_ms(), -1);
		found = best(s, &final);
		if (found && !final && !graced) {
			graced = true;
			if (rk_now_ms() + GRACE_MS < end)
				end = rk_now_ms() + GRACE_MS;
		}
	}
	rk_pool_free(pool);
	return found;
}

static void explain(struct search *s)
{
	for (size_t i = 0; i < s->n; i++) {
		struct candidate *c = &s->c[i];

		rk_buf_addf(&s->a->why, "%s %s%s%s: %s\n", rk_k3k_via_word(c->via), c->url,
			c->name ? " as " : "", c->name ? c->name : "",
			c->good	  ? "answers"
			: c->done ? c->err.msg
			: c->kube ? "no answer in time"
				  : "not tried");
	}
}

static void take(struct search *s, struct candidate *c, struct rk_kube **out)
{
	s->a->via = c->via;
	s->a->url = rk_steal(&c->url);
	s->a->tls_server_name = rk_steal(&c->name);
	if (out)
		*out = rk_steal(&c->kube);
}

/* --- port-forward, when no address answers --- */

static int one_pod(void *arg, const struct rk_val *pod, struct rk_err *err)
{
	char **name = arg;

	(void)err;
	if (!*name && is_ready(pod))
		*name = rk_strdup(rk_get_str(pod, "metadata", "name", NULL));
	return 0;
}

static int no_way(struct search *s, struct rk_err *err)
{
	rk_auto_buf all = RK_BUF_INIT;

	for (const char *p = s->a->why.s; *p; p++) /* one line for the message */
		if (*p == '\n')
			rk_buf_puts(&all, p[1] ? "; " : "");
		else
			rk_buf_putc(&all, *p);
	rk_err_set(err, RK_FAIL, "no address of virtual cluster %s/%s answers: %s", s->ns,
		s->cluster, all.len ? all.s : "it has none");
	return rk_err_hint(err, "is a server pod ready? kubectl get pods -n %s -l cluster=%s%s",
		s->ns, s->cluster, rk_here_kubectl());
}

static int forward(struct search *s, struct rk_kube **out, struct rk_err *err)
{
	rk_auto_free char *labels = rk_asprintf("cluster=%s,role=server", s->cluster);
	struct rk_list_opts o = {.labels = labels};
	rk_auto_free char *pod = NULL;
	struct rk_err why = RK_ERR_INIT;
	struct candidate *c;
	int port;

	if (s->a->no_forward ||
		rk_kube_list(s->host, &RK_POD, s->ns, &o, one_pod, &pod, NULL, &why) < 0 || !pod ||
		s->n == MAX_CANDIDATES)
		return no_way(s, err);
	if (rk_forward_start(&s->a->forward, s->host, s->ns, pod, 6443, &port, &why) < 0) {
		rk_buf_addf(&s->a->why, "port-forward to pod %s: %s\n", pod, why.msg);
		return no_way(s, err);
	}
	add(s, RK_VIA_FORWARD, "127.0.0.1", port, true);
	c = &s->c[s->n - 1];
	if (open_candidate(s, c, err) < 0)
		return -1;
	take(s, c, out);
	return 0;
}

static int find_way(struct search *s, struct rk_kube **out, struct rk_err *err)
{
	struct candidate *c;

	if (s->a->no_probe && s->n) {
		if (open_candidate(s, &s->c[0], err) < 0)
			return -1;
		take(s, &s->c[0], out);
		return 0;
	}
	rk_err_clear(err);
	c = first_answers(s, err) ? &s->c[0] : NULL;
	if (!c && !(err && err->code))
		c = probe(s, err);
	if (!c && err && err->code)
		return -1;
	explain(s);
	if (!c)
		return s->a->server ? no_way(s, err) : forward(s, out, err);
	take(s, c, out);
	return 0;
}

int rk_k3k_open(struct rk_kube **out, struct rk_kube *host, const char *ns, const char *cluster,
	struct rk_k3k_access *a, struct rk_err *err)
{
	struct search s = {.host = host, .ns = ns, .cluster = cluster, .a = a};
	rk_auto_doc *d = rk_doc_new(true);
	struct rk_err own = RK_ERR_INIT;
	struct rk_val *config;
	int rc;

	if (out)
		*out = NULL;
	if (!err)
		err = &own;
	rk_k3k_name(s.service, cluster, "service");
	rc = read_secret(&s, d, &config, err);
	if (rc == 0 && a->server) {
		rc = add_given(&s, err);
	} else if (rc == 0) {
		add_from_secret(&s, config, false);
		rc = add_from_service(&s, config, d, err);
	}
	if (rc == 0)
		rc = find_way(&s, out, err);
	search_release(&s);
	return rc;
}

int rk_k3k_access(struct rk_kube *host, const char *ns, const char *cluster,
	struct rk_k3k_access *a, struct rk_err *err)
{
	return rk_k3k_open(NULL, host, ns, cluster, a, err);
}
