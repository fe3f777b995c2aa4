// SPDX-License-Identifier: Apache-2.0
/* nodes - what the virtual cluster runs on: nodes, storage and networks of the host. */
#include "tool.h"

#include "kube/kube.h"

/* --- nodes, storage --- */

static bool is_ready(const struct rk_val *node)
{
	return rk_streq(rk_get_str(rk_condition(node, "Ready"), "status", NULL), "True") &&
	       !rk_get_bool(node, false, "spec", "unschedulable", NULL);
}

void pf_check_nodes(struct flight *f)
{
	const struct rk_val *nodes = pf_list(f, "nodes", &RK_NODE, NULL, NULL);
	int64_t ready = 0, want = rk_settings_servers(f->s);

	if (!nodes)
		return;
	rk_each (n, nodes)
		ready += is_ready(n);
	if (!ready)
		pf_row(f, STOP, "nodes", "none of %u nodes is ready and schedulable", nodes->count);
	else if (ready < want)
		pf_row(f, WARN, "nodes",
			"%lld of %u nodes can take servers; %lld servers will share them, and etcd "
			"loses its quorum with one node",
			(long long)ready, nodes->count, (long long)want);
	else
		pf_row(f, OK, "nodes", "%lld of %u nodes are ready", (long long)ready,
			nodes->count);
}

static bool is_default_class(const struct rk_val *sc)
{
	return rk_streq(rk_get_str(sc, "metadata", "annotations",
				"storageclass.kubernetes.io/is-default-class", NULL),
		"true");
}

void pf_check_storage(struct flight *f)
{
	const char *want = pf_str(f, RK_KEY_STORAGE_CLASS), *def = NULL;
	rk_auto_buf names = RK_BUF_INIT;
	const struct rk_val *classes;
	bool found = false;

	if (!rk_streq(pf_str(f, RK_KEY_STORAGE_TYPE), "dynamic")) {
		pf_row(f, WARN, "storage", "ephemeral: the virtual cluster is lost with its pods");
		return;
	}
	classes = pf_list(f, "storage", &RK_STORAGECLASS, NULL, NULL);
	if (!classes)
		return;
	rk_each (sc, classes) {
		const char *name = rk_get_str(sc, "metadata", "name", NULL);

		pf_join(&names, name);
		found |= rk_streq(name, want);
		def = is_default_class(sc) ? name : def;
	}
	if (*want && !found)
		pf_row(f, STOP, "storage", "no storage class %s; there %s %s", want,
			names.len ? "is" : "are none", names.s);
	else if (!*want && !def)
		pf_row(f, STOP, "storage",
			"no default storage class; set STORAGE_CLASS to one of: %s",
			names.len ? names.s : "(there is none)");
	else
		pf_row(f, OK, "storage", "%s%s, %s a server", *want ? want : def,
			*want ? "" : " (the default)", pf_str(f, RK_KEY_PVC_SIZE));
}

/* --- networks --- */

static bool own_network(struct flight *f, enum rk_key k, const char *path)
{
	const char *have = f->cluster ? rk_get_str(f->cluster, "spec", path, NULL) : NULL;

	return rk_streq(have, pf_str(f, k));
}

/* 10.0.0.1 as 10.0.0.1/32. */
static char *as_net(const char *addr)
{
	return addr ? rk_asprintf("%s/%d", addr, strchr(addr, ':') ? 128 : 32) : NULL;
}

static size_t one_network(struct flight *f, const char *whose, const char *net)
{
	static const struct {
		enum rk_key k;
		const char *path;
	} ours[] = {{RK_KEY_CLUSTER_CIDR, "clusterCIDR"}, {RK_KEY_SERVICE_CIDR, "serviceCIDR"}};
	size_t n = 0;

	for (size_t i = 0; i < RK_COUNT(ours); i++) {
		if (!net || !rk_cidr_overlap(pf_str(f, ours[i].k), net))
			continue;
		/* What the cluster runs with cannot be changed any more. */
		pf_row(f, own_network(f, ours[i].k, ours[i].path) ? WARN : STOP, "networks",
			"%s %s overlaps with %s %s; choose another",
			rk_settings_table[ours[i].k].name, pf_str(f, ours[i].k), whose, net);
		n++;
	}
	return n;
}

static size_t node_networks(struct flight *f)
{
	const struct rk_val *nodes = pf_list(f, "networks", &RK_NODE, NULL, NULL);
	size_t n = 0;

	rk_each (node, nodes) {
		const char *name = rk_get_str(node, "metadata", "name", NULL);
		rk_auto_free char *pods = rk_asprintf("the pods of node %s,", name);
		rk_auto_free char *self = rk_asprintf("the address of node %s,", name);

		rk_each (cidr, rk_get(node, "spec", "podCIDRs", NULL))
			n += one_network(f, pods, rk_str(cidr));
		rk_each (a, rk_get(node, "status", "addresses", NULL)) {
			rk_auto_free char *net = as_net(rk_get_str(a, "address", NULL));

			if (rk_streq(rk_get_str(a, "type", NULL), "InternalIP"))
				n += one_network(f, self, net);
		}
		if (n > 4)
			break;
	}
	return n;
}

/* The host's ServiceCIDRs, or NULL: it has no such kind, or they could not be read. */
static const struct rk_val *service_cidrs(struct flight *f)
{
	static const char *const versions[] = {"networking.k8s.io/v1", "networking.k8s.io/v1beta1"};

	for (size_t i = 0; i < RK_COUNT(versions); i++) {
		struct rk_err err = RK_ERR_INIT;
		const struct rk_res *r;

		if (rk_kube_res(f->k, versions[i], "ServiceCIDR", &r, &err) == 0)
			return pf_list_seen(f, "networks", r);
		if (err.code != RK_NOTFOUND && err.http != 403)
			pf_unknown(f, "networks", &err);
	}
	return NULL;
}

/* ServiceCIDR objects where the host has them, else the address of Service kubernetes. */
static size_t service_networks(struct flight *f)
{
	const struct rk_val *cidrs = service_cidrs(f);
	struct rk_val *svc = NULL;
	const char *addr;
	size_t n = 0;

	rk_each (c, cidrs)
		rk_each (cidr, rk_get(c, "spec", "cidrs", NULL))
			n += one_network(f, "the services of the host,", rk_str(cidr));
	if (cidrs && cidrs->count)
		return n;
	if (!pf_find(f, "networks", &RK_SERVICE, "default", "kubernetes", &svc) || !svc)
		return 0;
	addr = rk_get_str(svc, "spec", "clusterIP", NULL);
	if (addr && !rk_streq(addr, "None")) {
		rk_auto_free char *net = as_net(addr);

		n += one_network(f, "the services of the host, such as", net);
	}
	return n;
}

/* Whether an address or network, or one of several with commas between, is of this family. */
static bool has_family(const char *text, bool v6)
{
	rk_auto_free char *copy = rk_strdup(text ? text : "");
	char *rest = copy, *one;

	while ((one = strsep(&rest, ",")) != NULL)
		if (*one && (strchr(one, ':') != NULL) == v6)
			return true;
	return false;
}

/* What of a node tells that pods get addresses of this family; others counts what tells otherwise. */
static bool node_has_family(const struct rk_val *node, bool v6, size_t *others)
{
	rk_each (cidr, rk_get(node, "spec", "podCIDRs", NULL))
		if (has_family(rk_str(cidr), v6))
			return true;
		else
			(*others)++;
	rk_each (a, rk_get(node, "status", "addresses", NULL)) {
		if (!rk_streq(rk_get_str(a, "type", NULL), "InternalIP"))
			continue;
		if (has_family(rk_get_str(a, "address", NULL), v6))
			return true;
		(*others)++;
	}
	return false;
}

/* k3s ends with a fatal error when its networks are of a family that its node, which is a pod of the
 * host cluster, has no address of. */
static size_t families(struct flight *f)
{
	const struct rk_val *nodes = pf_list(f, "networks", &RK_NODE, NULL, NULL);
	size_t found = 0;

	for (int v6 = 0; v6 <= 1; v6++) {
		size_t others = 0;
		bool has = false;

		if (!has_family(pf_str(f, RK_KEY_CLUSTER_CIDR), v6) &&
			!has_family(pf_str(f, RK_KEY_SERVICE_CIDR), v6))
			continue;
		rk_each (node, nodes)
			has = has || node_has_family(node, v6, &others);
		if (has || !others)
			continue;
		pf_row(f, STOP, "networks",
			"CLUSTER_CIDR %s and SERVICE_CIDR %s need IPv%d, and no node of the host "
			"cluster has an IPv%d address: k3s would not start",
			pf_str(f, RK_KEY_CLUSTER_CIDR), pf_str(f, RK_KEY_SERVICE_CIDR), v6 ? 6 : 4,
			v6 ? 6 : 4);
		found++;
	}
	return found;
}

void pf_check_networks(struct flight *f)
{
	if (families(f) + service_networks(f) + node_networks(f) == 0)
		pf_row(f, OK, "networks", "pods %s and services %s are free on the host",
			pf_str(f, RK_KEY_CLUSTER_CIDR), pf_str(f, RK_KEY_SERVICE_CIDR));
}
