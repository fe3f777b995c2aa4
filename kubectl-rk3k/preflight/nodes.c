// SPDX-License-Identifier: Apache-2.0
/* nodes - what the virtual cluster runs on: nodes and storage of the host cluster. */
#include "tool.h"

#include "kube/kube.h"

static bool is_ready(const struct rk_val *node)
{
	return rk_streq(rk_get_str(rk_condition(node, "Ready"), "status", NULL), "True") &&
	       !rk_get_bool(node, false, "spec", "unschedulable", NULL);
}

void pf_check_nodes(struct flight *f)
{
	const struct rk_val *nodes = pf_list(f, &RK_NODE, NULL, NULL);
	int64_t ready = 0, want = rk_settings_servers(f->s);

	if (!nodes)
		return;
	rk_each (n, nodes)
		ready += is_ready(n);
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
		const char *name = rk_get_str(sc, "metadata", "name", NULL);

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
