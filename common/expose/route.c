// SPDX-License-Identifier: Apache-2.0
/* How the host cluster serves Rancher at present. */
#include "expose/expose.h"

#define ADDRESSES_MAX 2 /* of the Ingress that are tried: a dead one costs seconds */

static const struct rk_res res_slice = {
	"discovery.k8s.io/v1", "EndpointSlice", "endpointslices", true};

void rk_exposure_release(struct rk_exposure *x)
{
	free(rk_steal(&x->pings));
	rk_strv_release(&x->hosts);
	rk_strv_release(&x->addresses);
}

void rk_exposure_judge(struct rk_exposure *x, const struct rk_val *service,
	const struct rk_val *ingress, const struct rk_val *slices)
{
	const char *class = rk_get_str(ingress, "spec", "ingressClassName", NULL);

	x->service = service;
	x->ingress = ingress;
	x->class = class ? class
			 : rk_get_str(ingress, "metadata", "annotations",
				   "kubernetes.io/ingress.class", NULL);
	x->endpoints = slices ? 0 : -1;
	rk_each (slice, slices)
		rk_each (e, rk_get(slice, "endpoints", NULL))
			x->endpoints += rk_get_bool(e, true, "conditions", "ready", NULL);
	rk_ingress_hosts(ingress, &x->hosts);
	rk_each (l, rk_get(ingress, "status", "loadBalancer", "ingress", NULL)) {
		const char *ip = rk_get_str(l, "ip", NULL);

		if (ip && x->addresses.n < ADDRESSES_MAX)
			rk_strv_add(&x->addresses, ip);
	}
	rk_each (rule, rk_get(ingress, "spec", "rules", NULL))
		rk_each (path, rk_get(rule, "http", "paths", NULL))
			x->leads_to_service |=
				rk_streq(rk_get_str(path, "backend", "service", "name", NULL),
					x->names->service);
}

int rk_exposure_look(struct rk_exposure *x, struct rk_kube *host, const char *ns,
	const struct rk_ingress *names, struct rk_doc *d, struct rk_err *err)
{
	rk_auto_free char *labels = rk_asprintf("kubernetes.io/service-name=%s", names->service);
	struct rk_list_opts o = {.labels = labels};
	struct rk_val *svc, *ing, *slices = NULL, *class = NULL;

	*x = (struct rk_exposure){.ns = ns, .names = names};
	if (rk_kube_find(host, &RK_INGRESS, ns, names->name, d, &ing, err) < 0 ||
		rk_kube_find(host, &RK_SERVICE, ns, names->service, d, &svc, err) < 0)
		return -1;
	/* without permission to read the rest it is unknown */
	if (svc && rk_kube_list_all(host, &res_slice, ns, &o, d, &slices, err) < 0 &&
		err->http != 403)
		return -1;
	rk_err_clear(err);
	rk_exposure_judge(x, svc, ing, slices);
	if (!rk_get_str(ing, "spec", "ingressClassName", NULL))
		return 0;
	if (rk_kube_find(host, &RK_INGRESSCLASS, NULL, x->class, d, &class, err) == 0)
		x->class_state = class ? RK_CLASS_FOUND : RK_CLASS_MISSING;
	else if (err->http != 403)
		return -1;
	rk_err_clear(err);
	return 0;
}

void rk_exposure_ask(struct rk_exposure *x, const struct rk_ping_conf *c)
{
	struct rk_ping_conf conf = *c;

	conf.addresses = &x->addresses;
	free(x->pings);
	x->pings = x->hosts.n ? rk_calloc(x->hosts.n, sizeof(*x->pings)) : NULL;
	for (size_t i = 0; i < x->hosts.n; i++)
		rk_rancher_ping(&conf, x->hosts.v[i], &x->pings[i]);
}

/* --- what is reported --- */

static struct rk_val *service_entry(const struct rk_exposure *x, struct rk_doc *d)
{
	struct rk_val *v = rk_map(d);

	rk_set_str(d, v, "name", x->names->service);
	rk_set_str(d, v, "state",
		!x->service	? "missing"
		: !x->endpoints ? "no endpoints"
				: "exists");
	if (!x->service || x->endpoints < 0)
		return v;
	rk_set_int(d, v, "endpoints", x->endpoints);
	rk_set_str(d, v, "detail",
		rk_doc_printf(
			d, "%d ready endpoint%s", (int)x->endpoints, x->endpoints == 1 ? "" : "s"));
	return v;
}

static struct rk_val *ingress_entry(const struct rk_exposure *x, struct rk_doc *d)
{
	struct rk_val *v = rk_map(d), *at = rk_seq(d);
	rk_auto_buf detail = RK_BUF_INIT;

	rk_set_str(d, v, "name", x->names->name);
	rk_set_str(d, v, "state",
		!x->ingress			     ? "missing"
		: x->class_state == RK_CLASS_MISSING ? "not served"
		: !x->leads_to_service		     ? "wrong service"
						     : "exists");
	if (!x->ingress)
		return v;
	if (x->class)
		rk_set_str(d, v, "class", x->class);
	rk_buf_addf(&detail, "class %s", x->class ? x->class : "not set");
	for (size_t i = 0; i < x->addresses.n; i++) {
		rk_append_str(d, at, x->addresses.v[i]);
		rk_buf_addf(&detail, "%s%s", i ? ", " : ", at ", x->addresses.v[i]);
	}
	rk_set(d, v, "addresses", at);
	rk_set_str(d, v, "detail", detail.s);
	return v;
}

static struct rk_val *url_entry(const struct rk_ping *p, struct rk_doc *d)
{
	struct rk_val *v = rk_map(d);
	const char *url = rk_doc_printf(d, "https://%s", p->host);

	rk_set_str(d, v, "url", url);
	rk_set_str(d, v, "state", rk_ping_word(p->state));
	if (p->status)
		rk_set_int(d, v, "status", p->status);
	if (p->address[0])
		rk_set_str(d, v, "address", p->address);
	rk_set_str(d, v, "detail",
		p->state != RK_PING_ANSWERS ? p->why
		: p->address[0]		    ? rk_doc_printf(d, "%s at %s", url, p->address)
					    : url);
	return v;
}

struct rk_val *rk_exposure_report(const struct rk_exposure *x, struct rk_doc *d)
{
	struct rk_val *v = rk_map(d), *urls = rk_seq(d);

	rk_set(d, v, "service", service_entry(x, d));
	rk_set(d, v, "ingress", ingress_entry(x, d));
	for (size_t i = 0; x->pings && i < x->hosts.n; i++)
		rk_append(urls, url_entry(&x->pings[i], d));
	rk_set(d, v, "urls", urls);
	return v;
}

void rk_exposure_tell(const struct rk_exposure *x,
	void (*tell)(void *arg, bool problem, const char *text), void *arg)
{
	bool answers = x->pings && x->hosts.n;
	rk_auto_buf text = RK_BUF_INIT;

	for (size_t i = 0; x->pings && i < x->hosts.n; i++) {
		const struct rk_ping *p = &x->pings[i];

		answers = answers && p->state == RK_PING_ANSWERS;
		rk_buf_reset(&text);
		if (p->state == RK_PING_FAILS)
			rk_buf_addf(&text, "%s%s%s", p->why, p->address[0] ? "; asked at " : "",
				p->address);
		else if (p->state == RK_PING_UNKNOWN)
			rk_buf_addf(&text, "unknown whether Rancher answers: %s", p->why);
		else if (p->address[0])
			rk_buf_addf(&text, "Rancher answers at %s, but not by name from here: %s",
				p->address, p->detour);
		if (text.len)
			tell(arg, p->state == RK_PING_FAILS, text.s);
	}
	if (answers)
		return;
	if (x->service && !x->endpoints) {
		rk_buf_reset(&text);
		rk_buf_addf(&text,
			"Service %s/%s has no ready endpoint: no server pod of %s is ready", x->ns,
			x->names->service, x->names->cluster);
		tell(arg, true, text.s);
	}
	rk_buf_reset(&text);
	if (x->ingress && x->class_state == RK_CLASS_MISSING)
		rk_buf_addf(&text, "IngressClass %s not found: no controller serves Ingress %s/%s",
			x->class, x->ns, x->names->name);
	else if (x->ingress && !x->leads_to_service)
		rk_buf_addf(&text, "Ingress %s/%s does not have the backend Service %s", x->ns,
			x->names->name, x->names->service);
	if (text.len)
		tell(arg, true, text.s);
}
