// SPDX-License-Identifier: Apache-2.0
/* cluster - the existing Cluster: what the settings would change of it, and what cannot be. */
#include "tool.h"

#include "steps/steps.h"

void pf_find_cluster(struct flight *f)
{
	struct rk_val *c = NULL;

	f->cluster_known =
		pf_find(f, &RK_CLUSTER, rk_settings_ns(f->s), rk_settings_cluster(f->s), &c);
	f->cluster = c;
}

/* b may be NULL. */
static const char *text_at(const struct rk_val *spec, const char *a, const char *b)
{
	const char *v = rk_str_loose(rk_get(spec, a, b, NULL));

	return v ? v : "";
}

/* What cannot be changed: an unset field of the existing one can still be set, and one that the settings
 * leave unset is kept. And what restarts the servers. */
static void check_fields(struct flight *f, const struct rk_val *have, const struct rk_val *want)
{
	static const struct {
		const char *a, *b, *key;
	} fixed[] = {{"mode", NULL, "the mode"}, {"clusterCIDR", NULL, "CLUSTER_CIDR"},
		{"serviceCIDR", NULL, "SERVICE_CIDR"},
		{"persistence", "storageRequestSize", "PVC_SIZE"},
		{"persistence", "storageClassName", "STORAGE_CLASS"},
		{"persistence", "type", "STORAGE_TYPE"}};
	static const char *const others[] = {
		"nodeSelector", "serverLimit", "serverArgs", "secretMounts", "tlsSANs"};

	for (size_t i = 0; i < RK_COUNT(fixed); i++) {
		const char *a = fixed[i].a, *b = fixed[i].b;
		const char *h = text_at(have, a, b), *w = text_at(want, a, b);

		if (*h && *w && !rk_streq(h, w))
			pf_row(f, STOP,
				"%s cannot be changed: spec.%s%s%s is %s, the configuration has %s",
				fixed[i].key, a, b ? "." : "", b ? b : "", h, w);
	}
	for (size_t i = 0; i < RK_COUNT(others); i++) {
		const struct rk_val *w = rk_get(want, others[i], NULL);

		if (w && !rk_val_equal(rk_get(have, others[i], NULL), w))
			pf_row(f, WARN, "spec.%s changes: %s", others[i],
				rk_streq(others[i], "tlsSANs")
					? "the servers' certificate does not follow before the "
					  "virtual cluster is created again"
					: "the servers restart");
	}
}

static void check_k3s_change(struct flight *f, const struct rk_val *have, const struct rk_val *want)
{
	const char *h = text_at(have, "version", NULL), *w = text_at(want, "version", NULL);
	const char *storage = rk_get_str(have, "persistence", "type", NULL);

	if (!*h)
		h = text_at(f->cluster, "status", "hostVersion");
	if (!*w || rk_streq(h, w) || rk_version_cmp(h, w) == 0)
		return;
	if (rk_version_cmp(h, w) > 0) {
		pf_row(f, STOP, "k3s cannot go back from %s to %s", h, w);
	} else if (storage && !rk_streq(storage, "dynamic")) {
		pf_consent(f, f->o->lose_data, "--yes-lose-data",
			"The storage is ephemeral, and another k3s wipes the virtual cluster. Go "
			"on?",
			"k3s %s to %s wipes the virtual cluster, whose storage is ephemeral", h, w);
	} else {
		pf_row(f, WARN, "k3s %s becomes %s: the servers restart one by one", h, w);
	}
}

void pf_check_cluster(struct flight *f)
{
	const struct rk_val *have = rk_get(f->cluster, "spec", NULL), *want;
	const char *ns = rk_settings_ns(f->s), *name = rk_settings_cluster(f->s);
	struct rk_val *objects, *token;
	char secret[64];
	int64_t h, w;

	if (!f->cluster_known)
		return;
	if (!f->cluster) {
		/* Secrets of a deleted Cluster have its old token: a new one would not start. */
		rk_k3k_name(secret, name, "bootstrap");
		if (!pf_find(f, &RK_SECRET, ns, secret, &token))
			return;
		if (token)
			pf_row(f, WARN,
				"Secret %s/%s is left of a deleted cluster; wait until it is "
				"deleted",
				ns, secret);
		else
			pf_row(f, OK, "%s/%s will be created", ns, name);
		return;
	}
	if (rk_get_str(f->cluster, "metadata", "deletionTimestamp", NULL)) {
		pf_row(f, STOP, "%s/%s is being deleted; wait until it is deleted", ns, name);
		return;
	}
	if (rk_step_objects(f->d, f->s, rk_step_find("cluster"), &objects, NULL) < 0)
		return; /* the check objects reports it */
	want = rk_get(rk_at(objects, 0), "spec", NULL);
	check_fields(f, have, want);
	check_k3s_change(f, have, want);
	/* each server is a member of etcd */
	h = rk_get_int(have, 1, "servers", NULL);
	w = rk_get_int(want, 1, "servers", NULL);
	if (w != h)
		pf_row(f, WARN, "servers %lld to %lld: %s", (long long)h, (long long)w,
			w > h ? "the servers restart, and new members join etcd"
			      : "all restart, and the members that go leave etcd one by one; with "
				"one server, its data has no copy, and Rancher does not answer "
				"while it restarts");
	pf_row(f, CLEAN, "%s/%s exists, phase %s", ns, name,
		text_at(f->cluster, "status", "phase"));
}
