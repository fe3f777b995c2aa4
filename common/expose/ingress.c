// SPDX-License-Identifier: Apache-2.0
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

static void add_flag(struct rk_buf *out, const char *flag, const char *name, const char *usual)
{
	if (name && !rk_streq(name, usual))
		rk_buf_addf(out, " %s %s", flag, name);
}

void rk_ingress_flags(const struct rk_ingress *in, const char *secret, struct rk_buf *out)
{
	rk_auto_doc *d = rk_doc_new(false);
	struct rk_ingress usual = {.cluster = in->cluster};

	rk_ingress_names(d, &usual);
	add_flag(out, "--service", in->service, usual.service);
	add_flag(out, "--ingress", in->name, usual.name);
	add_flag(out, secret, in->secret, usual.secret);
	add_flag(out, "--class", in->class, usual.class);
}

static void add_host(struct rk_doc *d, struct rk_val *ingress, const char *host, const char *secret,
	const char *service)
{
	struct rk_val *spec = rk_map_at(d, ingress, "spec", NULL);
	struct rk_val *tls = rk_map(d), *names = rk_seq(d), *rule = rk_map(d);
	struct rk_val *paths = rk_seq(d), *path = rk_map(d);

	rk_append_str(d, names, host);
	rk_set(d, tls, "hosts", names);
	rk_set_str(d, tls, "secretName", secret);
	rk_append(rk_mut(rk_get(spec, "tls", NULL)), tls);

	rk_set_str(d, path, "path", "/");
	rk_set_str(d, path, "pathType", "Prefix");
	rk_set_str(d, rk_map_at(d, path, "backend", "service", NULL), "name", service);
	rk_set_int(d, rk_map_at(d, path, "backend", "service", "port", NULL), "number", 443);
	rk_append(paths, path);
	rk_set_str(d, rule, "host", host);
	rk_set(d, rk_map_at(d, rule, "http", NULL), "paths", paths);
	rk_append(rk_mut(rk_get(spec, "rules", NULL)), rule);
}

/* One skeleton of one document. */
static int fill(struct rk_doc *d, const char *manifest, const struct rk_val *params,
	struct rk_val **out, struct rk_err *err)
{
	struct rk_val *docs;

	if (rk_manifest(d, manifest, params, &docs, err) < 0)
		return -1;
	*out = rk_mut(rk_at(docs, 0));
	rk_remove(*out);
	return 0;
}

int rk_ingress_objects(
	struct rk_doc *d, const struct rk_ingress *given, struct rk_val **out, struct rk_err *err)
{
	struct rk_ingress in = *given; /* borrows the hosts */
	struct rk_val *params = rk_map(d), *svc, *ing;

	if (!in.hosts.n) {
		rk_err_set(err, RK_USAGE, "no host name for the Ingress of cluster %s", in.cluster);
		return rk_err_hint(err, "give --host NAME");
	}
	rk_ingress_names(d, &in);
	rk_set_str(d, params, "namespace", in.ns);
	rk_set_str(d, params, "cluster", in.cluster);
	rk_set_str(d, params, "name", in.service);
	if (fill(d, "host-service", params, &svc, err) < 0)
		return -1;
	rk_set_str(d, params, "name", in.name);
	rk_set_str(d, params, "class", in.class);
	if (fill(d, "host-ingress", params, &ing, err) < 0)
		return -1;
	for (size_t i = 0; i < in.hosts.n; i++)
		add_host(d, ing, in.hosts.v[i], in.secret, in.service);
	*out = rk_seq(d);
	rk_append(*out, svc);
	rk_append(*out, ing);
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
