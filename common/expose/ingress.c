// SPDX-License-Identifier: Apache-2.0
/* Rancher behind an Ingress of the host cluster: names and objects. */
#include "expose/expose.h"

const char *const rk_ingress_old_services[] = {"rancher-traefik", NULL};
const char *const rk_ingress_old_names[] = {"rancher-ingress", NULL};

void rk_ingress_names(struct rk_doc *d, struct rk_ingress *in)
{
	if (!in->service)
		in->service = rk_doc_printf(d, "%s-k3k-traefik", in->cluster);
	if (!in->name)
		in->name = rk_doc_printf(d, "%s-k3k-ingress", in->cluster);
	if (!in->secret)
		in->secret = rk_doc_printf(d, "tls-%s-ingress", in->cluster);
	if (!in->class)
		in->class = "nginx";
}

void rk_ingress_flags(const struct rk_ingress *in, const char *secret, struct rk_buf *out)
{
	rk_auto_doc *d = rk_doc_new(false);
	struct rk_ingress usual = {.cluster = in->cluster};

	rk_ingress_names(d, &usual);
	const struct {
		const char *flag, *name, *usual;
	} all[] = {{"--service", in->service, usual.service}, {"--ingress", in->name, usual.name},
		{secret, in->secret, usual.secret}, {"--class", in->class, usual.class}};
	for (size_t i = 0; i < RK_COUNT(all); i++)
		if (all[i].name && !rk_streq(all[i].name, all[i].usual))
			rk_buf_addf(out, " %s %s", all[i].flag, all[i].name);
}

/* The one object of a skeleton, detached. */
static int fill(struct rk_doc *d, const char *manifest, const struct rk_val *params,
	struct rk_val **out, struct rk_err *err)
{
	struct rk_val *docs;

	if (rk_manifest(d, manifest, params, &docs, err) < 0)
		return -1;
	*out = docs->child;
	rk_remove(*out);
	return 0;
}

int rk_ingress_objects(
	struct rk_doc *d, const struct rk_ingress *given, struct rk_val **out, struct rk_err *err)
{
	static const char *const lists[] = {"tls", "rules"};
	struct rk_ingress in = *given; /* borrows the hosts */
	struct rk_val *service = rk_map(d), *params = rk_map(d), *obj, *ingress = NULL;

	if (!in.hosts.n) {
		rk_err_set(err, RK_USAGE, "no host name for the Ingress of cluster %s", in.cluster);
		return rk_err_hint(err, "give --host NAME");
	}
	rk_ingress_names(d, &in);
	rk_set_str(d, service, "namespace", in.ns);
	rk_set_str(d, service, "cluster", in.cluster);
	rk_set_str(d, service, "name", in.service);
	if (fill(d, "host-service", service, &obj, err) < 0)
		return -1;
	*out = rk_seq(d);
	rk_append(*out, obj);
	rk_set_str(d, params, "namespace", in.ns);
	rk_set_str(d, params, "cluster", in.cluster);
	rk_set_str(d, params, "name", in.name);
	rk_set_str(d, params, "class", in.class);
	rk_set_str(d, params, "secret", in.secret);
	rk_set_str(d, params, "service", in.service);
	for (size_t i = 0; i < in.hosts.n; i++) {
		rk_set_str(d, params, "host", in.hosts.v[i]);
		if (fill(d, "host-ingress", params, &obj, err) < 0)
			return -1;
		if (!ingress)
			rk_append(*out, ingress = obj);
		for (size_t k = 0; obj != ingress && k < RK_COUNT(lists); k++) {
			struct rk_val *entry =
				rk_mut(rk_at(rk_get(obj, "spec", lists[k], NULL), 0));

			rk_remove(entry);
			rk_append(rk_mut(rk_get(ingress, "spec", lists[k], NULL)), entry);
		}
	}
	return 0;
}

void rk_ingress_hosts(const struct rk_val *ingress, struct rk_strv *hosts)
{
	rk_each (rule, rk_get(ingress, "spec", "rules", NULL)) {
		const char *host = rk_get_str(rule, "host", NULL);

		if (host && !rk_strv_has(hosts, host))
			rk_strv_add(hosts, host);
	}
}
