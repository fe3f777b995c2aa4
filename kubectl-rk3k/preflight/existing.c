// SPDX-License-Identifier: Apache-2.0
/* existing - objects on the host cluster under our names, and Ingresses with our hosts. */
#include "tool.h"

#include "steps/steps.h"

/* One object that a step on the host cluster will write. The Cluster has a separate check. An object of
 * another owner, or one that is being deleted, is in the way. */
static void check_existing(struct flight *f, const struct rk_val *obj, size_t *ours, size_t *others)
{
	const char *kind = rk_get_str(obj, "kind", NULL), *by, *of;
	const char *ns = rk_get_str(obj, "metadata", "namespace", NULL);
	const char *name = rk_get_str(obj, "metadata", "name", NULL);
	const struct rk_res *r = rk_res_find(rk_get_str(obj, "apiVersion", NULL), kind);
	const char *why = NULL, *cluster = rk_settings_cluster(f->s);
	const struct rk_val *ref;
	struct rk_val *live;

	if (!r || rk_streq(kind, "Cluster") || !pf_find(f, r, ns, name, &live) || !live)
		return;
	by = rk_get_str(live, "metadata", "labels", RK_LABEL_MANAGED, NULL);
	of = rk_get_str(live, "metadata", "labels", RK_LABEL_CLUSTER, NULL);
	ref = rk_at(rk_get(live, "metadata", "ownerReferences", NULL), 0);
	if (rk_get_str(live, "metadata", "deletionTimestamp", NULL))
		why = "is being deleted; wait until it is deleted";
	else if (ref)
		why = rk_doc_printf(f->d, "belongs to %s %s", rk_get_str(ref, "kind", NULL),
			rk_get_str(ref, "name", NULL));
	else if (by && !rk_streq(by, RK_LABEL_MANAGER))
		why = rk_doc_printf(f->d, "belongs to %s", by);
	else if (of && !rk_streq(of, cluster))
		why = rk_doc_printf(f->d, "belongs to virtual cluster %s", of);
	if (why)
		pf_row(f, STOP, "%s %s%s%s %s", kind, ns ? ns : "", ns ? "/" : "", name, why);
	else if (by && rk_streq(of, cluster))
		++*ours;
	else if (!rk_streq(kind, "Namespace")) /* which is used as it is */
		++*others;
}

void pf_check_host_objects(struct flight *f)
{
	size_t ours = 0, others = 0, before = f->stops;

	for (const struct rk_step *step = rk_steps; step->name; step++) {
		rk_auto_doc *d = rk_doc_new(true);
		struct rk_val *objects;

		if (step->virtual || !step->build || !rk_step_applies(step, f->s) ||
			rk_step_objects(d, f->s, step, &objects, NULL) < 0)
			continue;
		rk_each (obj, objects)
			check_existing(f, obj, &ours, &others);
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
	struct rk_strv hosts = {0};

	rk_settings_hosts(f->s, &hosts);
	rk_each (ing, pf_list(f, &RK_INGRESS, NULL, NULL)) {
		const char *ns = rk_get_str(ing, "metadata", "namespace", NULL);
		const char *name = rk_get_str(ing, "metadata", "name", NULL);

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
	rk_strv_release(&hosts);
}
