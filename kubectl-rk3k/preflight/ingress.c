// SPDX-License-Identifier: Apache-2.0
/* ingress - the way to Rancher: ingress class and controllers of the host, and DNS. */
#include "tool.h"

#include <arpa/inet.h>
#include <netdb.h>

/* --- the host's ingress --- */

static const char CONTROLLERS[] =
	"app.kubernetes.io/name in (ingress-nginx,rke2-ingress-nginx,nginx-ingress,traefik,"
	"rke2-traefik,haproxy-ingress,kubernetes-ingress,contour)";

static bool has_arg(const struct rk_val *workload, const char *arg)
{
	const char *word;

	rk_each (c, rk_get(workload, "spec", "template", "spec", "containers", NULL))
		rk_each (a, rk_get(c, "args", NULL)) {
			word = rk_str(a);
			if (word && rk_prefix(word, arg) &&
				(!word[strlen(arg)] || rk_streq(word + strlen(arg), "=true")))
				return true;
		}
	return false;
}

struct controllers {
	int64_t found, ready;
	bool passthrough, rke2;
};

static void look_at_controllers(struct flight *f, const struct rk_res *r, struct controllers *c)
{
	rk_each (w, pf_list(f, "ingress", r, NULL, CONTROLLERS)) {
		const char *name = rk_get_str(w, "metadata", "name", NULL);

		c->found++;
		c->ready += rk_get_int(w, 0, "status", "readyReplicas", NULL) +
			    rk_get_int(w, 0, "status", "numberReady", NULL);
		c->passthrough |= has_arg(w, "--enable-ssl-passthrough");
		c->rke2 |= rk_streq(name, "rke2-ingress-nginx-controller");
	}
}

static void check_passthrough(struct flight *f, const struct controllers *c)
{
	struct rk_val *config = NULL;

	if (!pf_is(f, RK_KEY_K3K_API_HOSTNAME))
		return;
	if (c->passthrough) {
		pf_row(f, OK, "passthrough", "the ingress controller passes TLS through");
		return;
	}
	if (!pf_find(f, "passthrough", &RK_HELMCHARTCONFIG, "kube-system", "rke2-ingress-nginx",
		    &config))
		return;
	if (c->rke2 || config)
		pf_row(f, OK, "passthrough",
			"will be switched on in HelmChartConfig rke2-ingress-nginx");
	else
		pf_row(f, WARN, "passthrough",
			"K3K_API_HOSTNAME needs --enable-ssl-passthrough on the ingress "
			"controller, and "
			"it does not have it as far as can be seen");
}

void pf_check_ingress(struct flight *f)
{
	const char *want = pf_str(f, RK_KEY_INGRESS_CLASS);
	const struct rk_val *classes = pf_list(f, "ingress", &RK_INGRESSCLASS, NULL, NULL);
	struct controllers c = {0};
	rk_auto_buf names = RK_BUF_INIT;
	bool found = false;

	if (!classes)
		return;
	rk_each (ic, classes) {
		pf_join(&names, rk_get_str(ic, "metadata", "name", NULL));
		found |= rk_streq(rk_get_str(ic, "metadata", "name", NULL), want);
	}
	if (!found) {
		pf_row(f, STOP, "ingress", "no ingress class %s; there %s %s", want,
			names.len ? "is" : "are none", names.s);
		return;
	}
	look_at_controllers(f, &RK_DAEMONSET, &c);
	look_at_controllers(f, &RK_DEPLOYMENT, &c);
	if (c.found && !c.ready)
		pf_row(f, STOP, "ingress", "the ingress controller of the host has no ready pod");
	else if (!c.found)
		pf_row(f, WARN, "ingress",
			"class %s exists, but no controller that rk3k knows; the last step will "
			"tell whether one answers",
			want);
	else
		pf_row(f, OK, "ingress", "class %s, %lld ready controller pods", want,
			(long long)c.ready);
	check_passthrough(f, &c);
}

/* --- DNS --- */

static void add_address(struct rk_buf *out, const char *a)
{
	if (a)
		rk_buf_addf(out, " %s ", a);
}

/* Where the host's ingress can be: nodes, balancers, what other Ingresses say. */
static void ingress_addresses(struct flight *f, struct rk_buf *out)
{
	const struct rk_val *v;

	v = pf_list_seen(f, "dns", &RK_NODE);
	rk_each (n, v)
		rk_each (a, rk_get(n, "status", "addresses", NULL))
			add_address(out, rk_get_str(a, "address", NULL));
	v = pf_list_seen(f, "dns", &RK_SERVICE);
	rk_each (svc, v)
		rk_each (a, rk_get(svc, "status", "loadBalancer", "ingress", NULL))
			add_address(out, rk_get_str(a, "ip", NULL));
	v = pf_list_seen(f, "dns", &RK_INGRESS);
	rk_each (ing, v)
		rk_each (a, rk_get(ing, "status", "loadBalancer", "ingress", NULL))
			add_address(out, rk_get_str(a, "ip", NULL));
}

/* The address --resolve gives a host, or NULL. In d. */
static const char *resolved_by_flag(const struct flight *f, const char *host)
{
	const char *r = f->o->kube.resolve;
	size_t n = strlen(host);

	for (; r && *r; r += strcspn(r, " "), r += strspn(r, " ")) {
		const char *address =
			strncmp(r, host, n) || r[n] != ':' ? NULL : strchr(r + n + 1, ':');

		if (address)
			return rk_doc_strndup(f->d, address + 1, strcspn(address + 1, " "));
	}
	return NULL;
}

static void check_name(struct flight *f, const char *host, const struct rk_buf *known)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *pf_list = NULL;
	const char *given = resolved_by_flag(f, host);
	rk_auto_buf seen = RK_BUF_INIT;
	bool hit = false;
	int rc;

	if (given) {
		pf_row(f, OK, "dns", "%s is %s by --resolve", host, given);
		return;
	}
	rc = getaddrinfo(host, "443", &hints, &pf_list);
	if (rc) {
		pf_row(f, WARN, "dns",
			"%s does not resolve here (%s): point it to the host's ingress", host,
			gai_strerror(rc));
		return;
	}
	for (struct addrinfo *a = pf_list; a; a = a->ai_next) {
		char text[64] = "", word[72];

		getnameinfo(a->ai_addr, a->ai_addrlen, text, sizeof(text), NULL, 0, NI_NUMERICHOST);
		snprintf(word, sizeof(word), " %s ", text);
		hit |= strstr(known->s, word) != NULL;
		pf_join(&seen, text);
	}
	freeaddrinfo(pf_list);
	if (hit || !known->len)
		pf_row(f, OK, "dns", "%s is %s", host, seen.s);
	else
		pf_row(f, WARN, "dns",
			"%s is %s, which is not an address of the host's nodes, balancers or "
			"Ingresses",
			host, seen.s);
}

void pf_check_dns(struct flight *f)
{
	rk_auto_buf known = RK_BUF_INIT;
	struct rk_strv names = {0};

	if (f->k)
		ingress_addresses(f, &known);
	rk_settings_hosts(f->s, &names);
	rk_setting_list(f->s, RK_KEY_K3K_API_HOSTNAME, &names);
	for (size_t i = 0; i < names.n; i++)
		check_name(f, names.v[i], &known);
	rk_strv_release(&names);
}
