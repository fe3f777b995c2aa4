// SPDX-License-Identifier: Apache-2.0
/* ingress - ingress class and controllers of the host cluster, TLS passthrough, and DNS. */
#include "tool.h"

#include <netdb.h>

static bool has_arg(const struct rk_val *workload, const char *arg)
{
	rk_each (c, rk_get(workload, "spec", "template", "spec", "containers", NULL))
		rk_each (a, rk_get(c, "args", NULL)) {
			const char *word = rk_str(a);

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

static struct controllers find_controllers(struct flight *f)
{
	static const char labels[] =
		"app.kubernetes.io/name in (ingress-nginx,rke2-ingress-nginx,nginx-ingress,traefik,"
		"rke2-traefik,haproxy-ingress,kubernetes-ingress,contour)";
	const struct rk_res *const kinds[] = {&RK_DAEMONSET, &RK_DEPLOYMENT};
	struct controllers c = {0};

	for (size_t i = 0; i < RK_COUNT(kinds); i++)
		rk_each (w, pf_list(f, kinds[i], NULL, labels)) {
			c.found++;
			c.ready += rk_get_int(w, 0, "status", "readyReplicas", NULL) +
				   rk_get_int(w, 0, "status", "numberReady", NULL);
			c.passthrough |= has_arg(w, "--enable-ssl-passthrough");
			c.rke2 |= rk_streq(pf_name(w), "rke2-ingress-nginx-controller");
		}
	return c;
}

void pf_check_ingress(struct flight *f)
{
	const char *want = pf_str(f, RK_KEY_INGRESS_CLASS);
	const struct rk_val *classes = pf_list(f, &RK_INGRESSCLASS, NULL, NULL);
	rk_auto_buf names = RK_BUF_INIT;
	struct controllers c;
	bool found = false;

	if (!classes)
		return;
	rk_each (ic, classes) {
		pf_join(&names, pf_name(ic));
		found |= rk_streq(pf_name(ic), want);
	}
	if (!found) {
		pf_row(f, STOP, "no ingress class %s; there %s %s", want,
			names.len ? "is" : "are none", names.s);
		return;
	}
	c = find_controllers(f);
	if (c.found && !c.ready)
		pf_row(f, STOP, "the ingress controller of the host has no ready pod");
	else if (!c.found)
		pf_row(f, WARN,
			"class %s exists, but no controller that rk3k knows; the last step will "
			"show whether one answers",
			want);
	else
		pf_row(f, OK, "class %s, %lld ready controller pods", want, (long long)c.ready);
}

void pf_check_passthrough(struct flight *f)
{
	struct rk_val *config = NULL;
	struct controllers c;

	if (!*pf_str(f, RK_KEY_K3K_API_HOSTNAME))
		return;
	c = find_controllers(f);
	if (c.passthrough)
		pf_row(f, OK, "the ingress controller passes TLS through");
	else if (!pf_find(f, &RK_HELMCHARTCONFIG, RK_CHART_NS, "rke2-ingress-nginx", &config))
		return;
	else if (c.rke2 || config)
		pf_row(f, OK, "will be enabled in HelmChartConfig rke2-ingress-nginx");
	else
		pf_row(f, WARN,
			"K3K_API_HOSTNAME needs --enable-ssl-passthrough on the ingress "
			"controller, and no controller with it was found");
}

/* --- DNS --- */

static void check_name(struct flight *f, const char *host, const struct rk_strv *known)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL;
	rk_auto_buf found = RK_BUF_INIT;
	bool hit = !known->n;
	char name[256], address[64];
	size_t n;
	int rc;

	rk_each_item (one, n, f->o->kube.resolve, " ")
		if (sscanf(one, "%255[^:]:%*[^:]:%63[^ ]", name, address) == 2 &&
			rk_streq(name, host)) {
			pf_row(f, OK, "%s is %s by --resolve", host, address);
			return;
		}
	rc = getaddrinfo(host, "443", &hints, &list);
	if (rc) {
		pf_row(f, WARN, "%s does not resolve here (%s): point it to the host's ingress",
			host, gai_strerror(rc));
		return;
	}
	for (struct addrinfo *a = list; a; a = a->ai_next) {
		char text[64] = "";

		getnameinfo(a->ai_addr, a->ai_addrlen, text, sizeof(text), NULL, 0, NI_NUMERICHOST);
		hit |= rk_strv_has(known, text);
		pf_join(&found, text);
	}
	freeaddrinfo(list);
	pf_row(f, hit ? OK : WARN, "%s is %s%s", host, found.s,
		hit ? "" : ", which is not an address of the host's nodes, balancers or Ingresses");
}

void pf_check_dns(struct flight *f)
{
	/* where the host cluster's ingress can be: nodes, balancers, what other Ingresses have */
	const struct {
		const struct rk_res *r;
		const char *a, *b, *address;
	} places[] = {{&RK_NODE, "addresses", NULL, "address"},
		{&RK_SERVICE, "loadBalancer", "ingress", "ip"},
		{&RK_INGRESS, "loadBalancer", "ingress", "ip"}};
	rk_auto_strv known = {0}, names = {0};

	for (size_t i = 0; f->k && i < RK_COUNT(places); i++)
		rk_each (obj, pf_list_allowed(f, places[i].r))
			rk_each (a, rk_get(obj, "status", places[i].a, places[i].b, NULL))
				if (rk_get_str(a, places[i].address, NULL))
					rk_strv_add(&known, rk_get_str(a, places[i].address, NULL));
	rk_settings_hosts(f->s, &names);
	rk_setting_list(f->s, RK_KEY_K3K_API_HOSTNAME, &names);
	for (size_t i = 0; i < names.n; i++)
		check_name(f, names.v[i], &known);
}
