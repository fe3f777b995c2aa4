// SPDX-License-Identifier: Apache-2.0
/* Which virtual cluster an entry is for, as an extension of its cluster; a kubeconfig of one entry. */
#include "kubeconfig.h"

#define EXTENSION "rk3k"

bool rk_kc_note(const struct rk_val *cluster, struct rk_kc_note *out)
{
	*out = (struct rk_kc_note){0};
	rk_each (x, rk_get(cluster, "extensions", NULL)) {
		const struct rk_val *v = rk_get(x, "extension", NULL);

		if (!rk_streq(rk_get_str(x, "name", NULL), EXTENSION))
			continue;
		out->ns = rk_get_str(v, "namespace", NULL);
		out->cluster = rk_get_str(v, "cluster", NULL);
		out->host = rk_get_str(v, "host", NULL);
		return out->ns && out->cluster;
	}
	return false;
}

void rk_kc_set_note(struct rk_doc *d, struct rk_val *cluster, const struct rk_kc_note *n)
{
	struct rk_val *v = rk_map(d), *x = rk_map(d), *list = rk_seq(d);

	rk_set_str(d, v, "cluster", n->cluster);
	rk_set_str(d, v, "host", n->host);
	rk_set_str(d, v, "namespace", n->ns);
	rk_set(d, x, "extension", v);
	rk_set_str(d, x, "name", EXTENSION);
	rk_append(list, x);
	rk_set(d, cluster, "extensions", list);
}

bool rk_kc_note_same(const struct rk_kc_note *a, const struct rk_kc_note *b)
{
	return rk_streq(a->ns, b->ns) && rk_streq(a->cluster, b->cluster) &&
	       (!a->host || !b->host || rk_kubeconfig_same_url(a->host, b->host));
}

struct rk_val *rk_kubeconfig_compose(
	struct rk_doc *d, const char *name, struct rk_val *cluster, struct rk_val *user)
{
	struct rk_val *root = rk_map(d), *context = rk_map(d);
	struct rk_val *const values[RK_KC_NKINDS] = {cluster, context, user};

	rk_set_str(d, context, "cluster", name);
	rk_set_str(d, context, "user", name);
	rk_set_str(d, root, "apiVersion", "v1");
	rk_set_str(d, root, "kind", "Config");
	rk_set_str(d, root, "current-context", name);
	for (size_t k = 0; k < RK_KC_NKINDS; k++) {
		struct rk_val *m = rk_map(d), *seq = rk_seq(d);

		rk_set(d, m, rk_kc_single[k], values[k]);
		rk_set_str(d, m, "name", name);
		rk_append(seq, m);
		rk_set(d, root, rk_kc_plural[k], seq);
	}
	return root;
}
