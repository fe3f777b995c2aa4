// SPDX-License-Identifier: Apache-2.0
/* cluster - the existing Cluster: what the settings would change of it, and what cannot be. */
#include "tool.h"

#include "steps/steps.h"

void pf_find_cluster(struct flight *f)
{
	struct rk_val *c = NULL;

	f->cluster_known = pf_find(
		f, "cluster", &RK_CLUSTER, rk_settings_ns(f->s), rk_settings_cluster(f->s), &c);
	f->cluster = c;
}

/* --- the existing Cluster --- */

static const char *text_at(const struct rk_val *spec, const char *a, const char *b)
{
	const char *v = rk_str_loose(b ? rk_get(spec, a, b, NULL) : rk_get(spec, a, NULL));

	return v ? v : "";
}

static void immutable(struct flight *f, const struct rk_val *have, const struct rk_val *want,
	const char *a, const char *b, const char *key)
{
	const char *h = text_at(have, a, b), *w = text_at(want, a, b);

	/* An unset field of the existing one can still be set; an unwanted one stays. */
	if (!*h || !*w || rk_streq(h, w))
		return;
	pf_row(f, STOP, "cluster",
		"%s cannot be changed: spec.%s%s%s is %s, the configuration says %s", key, a,
		b ? "." : "", b ? b : "", h, w);
}

static void lose(struct flight *f, const char *from, const char *to)
{
	enum result r = pf_consent(f, f->o->lose_data,
		"The storage is ephemeral, and another k3s wipes the virtual cluster. Go on?");

	pf_row(f, r, "cluster",
		"k3s %s to %s wipes the virtual cluster, whose storage is ephemeral%s", from, to,
		r == STOP ? "; --yes-lose-data accepts this" : "");
}

static void check_k3s_change(struct flight *f, const struct rk_val *have, const struct rk_val *want)
{
	const char *h = text_at(have, "version", NULL), *w = text_at(want, "version", NULL);
	bool ephemeral = !rk_streq(text_at(have, "persistence", "type"), "dynamic") &&
			 rk_get(have, "persistence", "type", NULL);

	if (!*h)
		h = text_at(rk_get(f->cluster, "status", NULL), "hostVersion", NULL);
	if (!*w || rk_streq(h, w) || rk_version_cmp(h, w) == 0)
		return;
	if (rk_version_cmp(h, w) > 0)
		pf_row(f, STOP, "cluster", "k3s cannot go back from %s to %s", h, w);
	else if (ephemeral)
		lose(f, h, w);
	else
		pf_row(f, WARN, "cluster", "k3s %s becomes %s: the servers restart one by one", h,
			w);
}

static void restarts(struct flight *f, const struct rk_val *have, const struct rk_val *want,
	const char *field, const char *effect)
{
	const struct rk_val *h = rk_get(have, field, NULL), *w = rk_get(want, field, NULL);

	if (w && !rk_val_equal(h, w))
		pf_row(f, WARN, "cluster", "spec.%s changes: %s", field, effect);
}

/* Each server is a member of etcd. */
static void check_servers(struct flight *f, const struct rk_val *have, const struct rk_val *want)
{
	int64_t h = rk_get_int(have, 1, "servers", NULL), w = rk_get_int(want, 1, "servers", NULL);

	if (w < h)
		pf_row(f, WARN, "cluster",
			"servers %lld to %lld: all restart, and the members that go leave etcd one "
			"by one; with one server there is no copy of its data, and Rancher is away "
			"whenever it restarts",
			(long long)h, (long long)w);
	else if (w > h)
		pf_row(f, WARN, "cluster",
			"servers %lld to %lld: the servers restart, and new members join etcd",
			(long long)h, (long long)w);
}

static void compare_cluster(struct flight *f, const struct rk_val *have, const struct rk_val *want)
{
	immutable(f, have, want, "mode", NULL, "the mode");
	immutable(f, have, want, "clusterCIDR", NULL, "CLUSTER_CIDR");
	immutable(f, have, want, "serviceCIDR", NULL, "SERVICE_CIDR");
	immutable(f, have, want, "persistence", "storageRequestSize", "PVC_SIZE");
	immutable(f, have, want, "persistence", "storageClassName", "STORAGE_CLASS");
	immutable(f, have, want, "persistence", "type", "STORAGE_TYPE");
	check_k3s_change(f, have, want);
	check_servers(f, have, want);
	restarts(f, have, want, "nodeSelector", "the servers restart");
	restarts(f, have, want, "serverLimit", "the servers restart");
	restarts(f, have, want, "serverArgs", "the servers restart");
	restarts(f, have, want, "secretMounts", "the servers restart");
	restarts(f, have, want, "tlsSANs",
		"the servers' certificate does not follow before the virtual cluster is created "
		"again");
}

/* Secrets of a Cluster that is gone carry its old token: a new one would not come up. */
static void check_remains(struct flight *f)
{
	struct rk_val *token = NULL;
	char name[64];

	rk_k3k_name(name, rk_settings_cluster(f->s), "bootstrap");
	if (!pf_find(f, "cluster", &RK_SECRET, rk_settings_ns(f->s), name, &token))
		return;
	if (token)
		pf_row(f, WARN, "cluster",
			"Secret %s/%s is left of a deleted cluster; wait until it is gone",
			rk_settings_ns(f->s), name);
	else
		pf_row(f, OK, "cluster", "%s/%s will be created", rk_settings_ns(f->s),
			rk_settings_cluster(f->s));
}

void pf_check_cluster(struct flight *f)
{
	size_t before = f->stops + f->warnings;
	struct rk_val *objects;
	struct rk_err err = RK_ERR_INIT;

	if (!f->cluster_known)
		return;
	if (!f->cluster) {
		check_remains(f);
		return;
	}
	if (rk_get_str(f->cluster, "metadata", "deletionTimestamp", NULL)) {
		pf_row(f, STOP, "cluster", "%s/%s is being deleted; wait until it is gone",
			rk_settings_ns(f->s), rk_settings_cluster(f->s));
		return;
	}
	if (rk_step_objects(f->d, f->s, rk_step_find("cluster"), &objects, &err) < 0)
		return; /* said by pf_check_objects */
	compare_cluster(
		f, rk_get(f->cluster, "spec", NULL), rk_get(rk_at(objects, 0), "spec", NULL));
	if (f->stops + f->warnings == before)
		pf_row(f, OK, "cluster", "%s/%s exists, phase %s", rk_settings_ns(f->s),
			rk_settings_cluster(f->s),
			text_at(rk_get(f->cluster, "status", NULL), "phase", NULL));
}
