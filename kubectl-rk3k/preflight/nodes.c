// SPDX-License-Identifier: Apache-2.0
/* nodes - what the virtual cluster runs on: nodes and storage of the host cluster, and networks, which must
 * not overlap with the host cluster's and need its address families. */
#include "tool.h"

#include "kube/kube.h"

void pf_check_nodes(struct flight *f)
{
	const struct rk_val *nodes = pf_list(f, &RK_NODE, NULL, NULL);
	int64_t ready = 0, want = rk_settings_servers(f->s);

	if (!nodes)
		return;
	rk_each (n, nodes)
		ready += rk_streq(rk_get_str(rk_condition(n, "Ready"), "status", NULL), "True") &&
			 !rk_get_bool(n, false, "spec", "unschedulable", NULL);
	if (!ready)
		pf_row(f, STOP, "none of %u nodes is ready and schedulable", nodes->count);
	else if (ready < want)
		pf_row(f, WARN,
			"%lld of %u nodes can take servers; %lld servers will share them, and etcd "
			"loses its quorum with one node",
			(long long)ready, nodes->count, (long long)want);
	else
		pf_row(f, OK, "%lld of %u nodes are ready", (long long)ready, nodes->count);
}

void pf_check_storage(struct flight *f)
{
	const char *want = pf_str(f, RK_KEY_STORAGE_CLASS), *def = NULL;
	rk_auto_buf names = RK_BUF_INIT;
	const struct rk_val *classes;
	bool found = false;

	if (!rk_streq(pf_str(f, RK_KEY_STORAGE_TYPE), "dynamic")) {
		pf_row(f, WARN, "ephemeral: the virtual cluster is lost with its pods");
		return;
	}
	classes = pf_list(f, &RK_STORAGECLASS, NULL, NULL);
	if (!classes)
		return;
	rk_each (sc, classes) {
		const char *name = pf_name(sc);

		pf_join(&names, name);
		found |= rk_streq(name, want);
		if (rk_streq(rk_get_str(sc, "metadata", "annotations",
				     "storageclass.kubernetes.io/is-default-class", NULL),
			    "true"))
			def = name;
	}
	if (*want && !found)
		pf_row(f, STOP, "no storage class %s; there %s %s", want,
			names.len ? "is" : "are none", names.s);
	else if (!*want && !def)
		pf_row(f, STOP, "no default storage class; set STORAGE_CLASS to one of: %s",
			names.len ? names.s : "(none exists)");
	else
		pf_row(f, OK, "%s%s, %s a server", *want ? want : def,
			*want ? "" : " (the default)", pf_str(f, RK_KEY_PVC_SIZE));
}

/* Returns how many networks of the settings overlap with this network or address. */
static size_t check_overlap(struct flight *f, const char *whose, const char *text)
{
	static const struct {
		enum rk_key k;
		const char *path;
	} ours[] = {{RK_KEY_CLUSTER_CIDR, "clusterCIDR"}, {RK_KEY_SERVICE_CIDR, "serviceCIDR"}};
	const char *net = text;
	size_t n = 0;

	if (text && !strchr(text, '/'))
		net = rk_doc_printf(f->d, "%s/%d", text, strchr(text, ':') ? 128 : 32);
	for (size_t i = 0; net && i < RK_COUNT(ours); i++) {
		const char *cidr = pf_str(f, ours[i].k);
		/* what an existing cluster runs with cannot be changed */
		bool fixed = rk_streq(rk_get_str(f->cluster, "spec", ours[i].path, NULL), cidr);

		if (!rk_cidr_overlap(cidr, net))
			continue;
		pf_row(f, fixed ? WARN : STOP, "%s %s overlaps with %s %s; choose another",
			rk_settings_table[ours[i].k].name, cidr, whose, net);
		n++;
	}
	return n;
}

/* ServiceCIDR objects where the host cluster has them, else the address of Service kubernetes. */
static void check_services(struct flight *f)
{
	const struct rk_res *r = pf_kind(f, "networking.k8s.io/v1", "ServiceCIDR");
	const struct rk_val *cidrs;
	struct rk_val *svc;
	const char *address;

	if (!r)
		r = pf_kind(f, "networking.k8s.io/v1beta1", "ServiceCIDR");
	cidrs = pf_list_allowed(f, r);
	rk_each (c, cidrs)
		rk_each (cidr, rk_get(c, "spec", "cidrs", NULL))
			check_overlap(f, "the services of the host,", rk_str(cidr));
	if ((cidrs && cidrs->count) || !pf_find(f, &RK_SERVICE, "default", "kubernetes", &svc))
		return;
	address = rk_get_str(svc, "spec", "clusterIP", NULL);
	if (!rk_streq(address, "None"))
		check_overlap(f, "the services of the host, such as", address);
}

void pf_check_networks(struct flight *f)
{
	const char *pods = pf_str(f, RK_KEY_CLUSTER_CIDR);
	const char *services = pf_str(f, RK_KEY_SERVICE_CIDR);
	const struct rk_val *nodes = pf_list(f, &RK_NODE, NULL, NULL);
	bool have[2] = {false}, need[2] = {false}; /* IPv4 and IPv6: of nodes, of the settings */
	struct rk_net nets[4];
	size_t overlaps = 0, n = rk_net_list(pods, nets, 2);

	check_services(f);
	rk_each (node, nodes) {
		const char *whose = rk_doc_printf(f->d, "the pods of node %s,", pf_name(node));
		const char *self = rk_doc_printf(f->d, "the address of node %s,", pf_name(node));

		rk_each (cidr, rk_get(node, "spec", "podCIDRs", NULL)) {
			const char *net = rk_str(cidr);

			if (!net)
				continue;
			have[strchr(net, ':') != NULL] = true;
			if (overlaps < 5)
				overlaps += check_overlap(f, whose, net);
		}
		rk_each (a, rk_get(node, "status", "addresses", NULL)) {
			const char *ip = rk_get_str(a, "address", NULL);

			if (!ip || !rk_streq(rk_get_str(a, "type", NULL), "InternalIP"))
				continue;
			have[strchr(ip, ':') != NULL] = true;
			if (overlaps < 5)
				overlaps += check_overlap(f, self, ip);
		}
	}
	/* k3s ends with a fatal error when its networks are of a family that its node, which is a pod of the
	 * host cluster, has no address of */
	n += rk_net_list(services, nets + n, 2);
	while (n-- > 0)
		need[nets[n].family == 6] = true;
	for (int v6 = 0; v6 <= 1; v6++)
		if (need[v6] && !have[v6] && have[!v6])
			pf_row(f, STOP,
				"CLUSTER_CIDR %s and SERVICE_CIDR %s need IPv%d, and no node of "
				"the host cluster has an IPv%d address: k3s would not start",
				pods, services, v6 ? 6 : 4, v6 ? 6 : 4);
	pf_row(f, CLEAN, "pods %s and services %s are free on the host", pods, services);
}
