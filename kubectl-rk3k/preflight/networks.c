// SPDX-License-Identifier: Apache-2.0
/* networks - networks of the virtual cluster must not overlap with those of the host cluster, and need its
 * address families. */
#include "tool.h"

#include "kube/kube.h"

/* An address or a network, as a network in d. */
static const char *as_net(struct flight *f, const char *text)
{
	return !text || strchr(text, '/')
		       ? text
		       : rk_doc_printf(f->d, "%s/%d", text, strchr(text, ':') ? 128 : 32);
}

/* Returns how many networks of the settings overlap with this one. */
static size_t check_overlap(struct flight *f, const char *whose, const char *text)
{
	static const struct {
		enum rk_key k;
		const char *path;
	} ours[] = {{RK_KEY_CLUSTER_CIDR, "clusterCIDR"}, {RK_KEY_SERVICE_CIDR, "serviceCIDR"}};
	const char *net = as_net(f, text);
	size_t n = 0;

	for (size_t i = 0; net && i < RK_COUNT(ours); i++) {
		const char *cidr = pf_str(f, ours[i].k);

		if (!rk_cidr_overlap(cidr, net))
			continue;
		/* what an existing cluster runs with cannot be changed */
		pf_row(f,
			rk_streq(rk_get_str(f->cluster, "spec", ours[i].path, NULL), cidr) ? WARN
											   : STOP,
			"%s %s overlaps with %s %s; choose another",
			rk_settings_table[ours[i].k].name, cidr, whose, net);
		n++;
	}
	return n;
}

static void check_nodes(struct flight *f, const struct rk_val *nodes)
{
	size_t n = 0;

	rk_each (node, nodes) {
		const char *name = rk_get_str(node, "metadata", "name", NULL);
		const char *pods = rk_doc_printf(f->d, "the pods of node %s,", name);
		const char *self = rk_doc_printf(f->d, "the address of node %s,", name);

		rk_each (cidr, rk_get(node, "spec", "podCIDRs", NULL))
			n += check_overlap(f, pods, rk_str(cidr));
		rk_each (a, rk_get(node, "status", "addresses", NULL))
			if (rk_streq(rk_get_str(a, "type", NULL), "InternalIP"))
				n += check_overlap(f, self, rk_get_str(a, "address", NULL));
		if (n > 4)
			break;
	}
}

/* ServiceCIDR objects where the host cluster has them, else the address of Service kubernetes. */
static void check_services(struct flight *f)
{
	static const char *const versions[] = {"networking.k8s.io/v1", "networking.k8s.io/v1beta1"};
	const struct rk_val *cidrs = NULL;
	struct rk_val *svc = NULL;
	const struct rk_res *r = NULL;
	const char *address;

	for (size_t i = 0; !r && i < RK_COUNT(versions); i++) {
		struct rk_err err = RK_ERR_INIT;

		if (rk_kube_res(f->k, versions[i], "ServiceCIDR", &r, &err) < 0) {
			r = NULL;
			if (err.code != RK_NOTFOUND && err.http != 403)
				pf_unknown(f, &err);
		}
	}
	if (r)
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

/* Whether an address or network, or one of a comma list, is of this family. */
static bool has_family(const char *text, bool v6)
{
	size_t n;

	rk_each_item (one, n, text, ",")
		if ((memchr(one, ':', n) != NULL) == v6)
			return true;
	return false;
}

/* k3s ends with a fatal error when its networks are of a family that its node, which is a pod of the
 * host cluster, has no address of. */
static void check_families(struct flight *f, const struct rk_val *nodes)
{
	const char *pods = pf_str(f, RK_KEY_CLUSTER_CIDR),
		   *services = pf_str(f, RK_KEY_SERVICE_CIDR);

	for (int v6 = 0; v6 <= 1; v6++) {
		size_t others = 0, same = 0;

		if (!has_family(pods, v6) && !has_family(services, v6))
			continue;
		rk_each (node, nodes) {
			rk_each (cidr, rk_get(node, "spec", "podCIDRs", NULL))
				has_family(rk_str(cidr), v6) ? same++ : others++;
			rk_each (a, rk_get(node, "status", "addresses", NULL))
				if (rk_streq(rk_get_str(a, "type", NULL), "InternalIP"))
					has_family(rk_get_str(a, "address", NULL), v6) ? same++
										       : others++;
		}
		if (!same && others)
			pf_row(f, STOP,
				"CLUSTER_CIDR %s and SERVICE_CIDR %s need IPv%d, and no node of "
				"the "
				"host cluster has an IPv%d address: k3s would not start",
				pods, services, v6 ? 6 : 4, v6 ? 6 : 4);
	}
}

void pf_check_networks(struct flight *f)
{
	const struct rk_val *nodes = pf_list(f, &RK_NODE, NULL, NULL);

	check_families(f, nodes);
	check_services(f);
	check_nodes(f, nodes);
	if (pf_clean(f))
		pf_row(f, OK, "pods %s and services %s are free on the host",
			pf_str(f, RK_KEY_CLUSTER_CIDR), pf_str(f, RK_KEY_SERVICE_CIDR));
}
