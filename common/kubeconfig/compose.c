// SPDX-License-Identifier: Apache-2.0
/* A whole kubeconfig from the parts of one entry. */
#include "kubeconfig.h"

static void add_named(struct rk_doc *d, struct rk_val *root, const char *plural, const char *single,
	const char *name, struct rk_val *value)
{
	struct rk_val *m = rk_map(d), *seq = rk_seq(d);

	rk_set(d, m, single, value);
	rk_set_str(d, m, "name", name);
	rk_append(seq, m);
	rk_set(d, root, plural, seq);
}

struct rk_val *rk_kubeconfig_compose(
	struct rk_doc *d, const char *name, struct rk_val *cluster, struct rk_val *user)
{
	struct rk_val *root = rk_map(d), *ctx = rk_map(d);

	rk_set_str(d, ctx, "cluster", name);
	rk_set_str(d, ctx, "user", name);
	rk_set_str(d, root, "apiVersion", "v1");
	rk_set_str(d, root, "kind", "Config");
	rk_set_str(d, root, "current-context", name);
	add_named(d, root, "clusters", "cluster", name, cluster);
	add_named(d, root, "contexts", "context", name, ctx);
	add_named(d, root, "users", "user", name, user);
	return root;
}
