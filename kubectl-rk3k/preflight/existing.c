// SPDX-License-Identifier: Apache-2.0
/* existing - objects on the host cluster under our names, Ingresses with our hosts, and the host names of
 * the existing Rancher. */
#include "tool.h"

#include "expose/expose.h"
#include "steps/steps.h"

/* What is in the way of an object that a step will write: one of another owner, or one that is being
 * deleted. NULL: nothing. *ours: it was made for this cluster. */
static const char *in_the_way(struct flight *f, const struct rk_val *live, bool *ours)
{
	const char *by = rk_get_str(live, "metadata", "labels", RK_LABEL_MANAGED, NULL);
	const char *of = rk_get_str(live, "metadata", "labels", RK_LABEL_CLUSTER, NULL);
	const struct rk_val *ref = rk_at(rk_get(live, "metadata", "ownerReferences", NULL), 0);

	*ours = by && rk_streq(of, rk_settings_cluster(f->s));
	if (rk_get_str(live, "metadata", "deletionTimestamp", NULL))
		return "is being deleted; wait until it is deleted";
	if (ref)
		return rk_doc_printf(f->d, "belongs to %s %s", rk_get_str(ref, "kind", NULL),
			rk_get_str(ref, "name", NULL));
	if (by && !rk_streq(by, RK_LABEL_MANAGER))
		return rk_doc_printf(f->d, "belongs to %s", by);
	if (of && !rk_streq(of, rk_settings_cluster(f->s)))
		return rk_doc_printf(f->d, "belongs to virtual cluster %s", of);
	return NULL;
}

void pf_check_host_objects(struct flight *f)
{
	size_t ours = 0, others = 0, before = f->stops;

	for (const struct rk_step *step = rk_steps; step->name; step++) {
		rk_auto_doc *d = rk_doc_new(true);
		struct rk_val *objects, *live;

		if (step->virtual || !step->build || !rk_step_applies(step, f->s) ||
			rk_step_objects(d, f->s, step, &objects, NULL) < 0)
			continue;
		rk_each (obj, objects) {
			const char *kind = rk_get_str(obj, "kind", NULL), *why;
			const char *ns = pf_ns(obj), *name = pf_name(obj);
			const struct rk_res *r =
				rk_res_find(rk_get_str(obj, "apiVersion", NULL), kind);
			bool mine;

			/* the Cluster has a separate check */
			if (rk_streq(kind, "Cluster") || !pf_find(f, r, ns, name, &live) || !live)
				continue;
			why = in_the_way(f, live, &mine);
			if (why)
				pf_row(f, STOP, "%s %s%s%s %s", kind, ns ? ns : "", ns ? "/" : "",
					name, why);
			ours += !why && mine;
			/* a Namespace is used as it is */
			others += !why && !mine && !rk_streq(kind, "Namespace");
		}
	}
	if (f->stops != before)
		return;
	if (others)
		pf_row(f, WARN,
			"%zu objects under our names were created by others and will be taken over",
			others);
	else
		pf_row(f, OK, "%zu objects are ours, no other is in the way", ours);
}

/* Another Ingress with one of our host names would share or take the traffic. */
void pf_check_other_ingresses(struct flight *f)
{
	static const char old[] = "rancher-ingress,rancher-k3k-ingress";
	rk_auto_strv hosts = {0};

	rk_settings_hosts(f->s, &hosts);
	rk_each (ing, pf_list(f, &RK_INGRESS, NULL, NULL)) {
		const char *ns = pf_ns(ing), *name = pf_name(ing);

		if (!name || (rk_streq(ns, rk_settings_ns(f->s)) &&
				     (rk_streq(name, pf_str(f, RK_KEY_INGRESS_NAME)) ||
					     rk_listed(old, name))))
			continue;
		rk_each (rule, rk_get(ing, "spec", "rules", NULL)) {
			const char *host = rk_get_str(rule, "host", NULL);

			if (host && rk_strv_has(&hosts, host))
				pf_row(f, STOP, "Ingress %s/%s routes %s already", ns, name, host);
		}
	}
}

/* Whether the Ingress routes to this cluster's Rancher: it is ours, or its backend is a Service of that
 * purpose, whose names the rancher-k3k scripts have changed over time. */
static bool serves_rancher(const struct flight *f, const struct rk_val *ing)
{
	const struct rk_val *rule = rk_at(rk_get(ing, "spec", "rules", NULL), 0);
	const struct rk_val *path = rk_at(rk_get(rule, "http", "paths", NULL), 0);
	const char *to = rk_get_str(path, "backend", "service", "name", NULL);
	const char *of = rk_get_str(ing, "metadata", "labels", RK_LABEL_CLUSTER, NULL);

	if (!rk_streq(pf_ns(ing), rk_settings_ns(f->s)))
		return false;
	if (of)
		return rk_streq(of, rk_settings_cluster(f->s));
	for (const char *const *old = rk_ingress_old_services; *old; old++)
		if (rk_streq(to, *old))
			return true;
	return rk_streq(to, pf_str(f, RK_KEY_SERVICE_NAME));
}

/* The name that Rancher's chart has, of a virtual cluster that is not exposed. */
static int name_of_chart(struct flight *f, struct rk_strv *out, struct rk_err *err)
{
	rk_auto_vcluster v = {0};
	struct rk_val *chart = NULL, *values = NULL;
	const char *name, *text;
	int rc = rk_vcluster_open(&v, f->k, rk_settings_ns(f->s), rk_settings_cluster(f->s), err);

	if (rc == 0)
		rc = rk_kube_find(v.kube, &RK_HELMCHART, RK_CHART_NS, "rancher", f->d, &chart, err);
	name = rk_get_str(chart, "spec", "set", "hostname", NULL);
	text = rk_get_str(chart, "spec", "valuesContent", NULL);
	if (rc == 0 && !name && text)
		rc = rk_yaml_parse(f->d, text, strlen(text), &values, err);
	name = name ? name : rk_get_str(values, "hostname", NULL);
	if (name)
		rk_strv_add(out, name);
	return rc;
}

/* A configuration that differs only in its host names was probably meant for a second Rancher. */
void pf_check_hostname(struct flight *f)
{
	const char *ns = rk_settings_ns(f->s), *cluster = rk_settings_cluster(f->s);
	const struct rk_val *all = pf_list(f, &RK_INGRESS, NULL, NULL);
	rk_auto_buf served = RK_BUF_INIT, wanted = RK_BUF_INIT;
	rk_auto_strv have = {0}, want = {0};
	struct rk_err err = RK_ERR_INIT;
	bool renamed = false;

	rk_each (ing, all)
		if (serves_rancher(f, ing))
			rk_ingress_hosts(ing, &have);
	if (all && !have.n && f->cluster && name_of_chart(f, &have, &err) < 0 &&
		err.code != RK_NOTFOUND)
		pf_row(f, WARN, "could not be determined: %s", err.msg);
	rk_settings_hosts(f->s, &want);
	for (size_t i = 0; i < want.n; i++)
		pf_join(&wanted, want.v[i]);
	for (size_t i = 0; i < have.n; i++) {
		rk_auto_free char *host = rk_lower(rk_strdup(have.v[i]));

		renamed |= !rk_strv_has(&want, host);
		pf_join(&served, have.v[i]);
	}
	if (have.n && !renamed)
		pf_row(f, OK, "Rancher is served as %s", served.s);
	else if (have.n && f->o->rename_host)
		pf_row(f, WARN,
			"Rancher is renamed from %s to %s; its setting server-url and the agents "
			"of downstream clusters keep the old name until you change them",
			served.s, wanted.s);
	else if (have.n)
		pf_row(f, STOP,
			"the Rancher in %s/%s is served as %s, and the configuration has %s: for a "
			"second Rancher set another NAMESPACE and CLUSTER; to rename this one use "
			"--rename-host",
			ns, cluster, served.s, wanted.s);
}
