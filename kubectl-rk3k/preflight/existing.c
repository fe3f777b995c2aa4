// SPDX-License-Identifier: Apache-2.0
/* existing - objects on the host under our names, and Ingresses with our hosts. */
#include "tool.h"

#include "steps/steps.h"

/* --- what is there already --- */

static bool is_ours(const struct flight *f, const struct rk_val *obj)
{
	return rk_streq(rk_get_str(obj, "metadata", "labels", RK_LABEL_MANAGED, NULL),
		       RK_LABEL_MANAGER) &&
	       rk_streq(rk_get_str(obj, "metadata", "labels", RK_LABEL_CLUSTER, NULL),
		       rk_settings_cluster(f->s));
}

/* What stands against taking an object over, in words, or NULL when it is free to be taken. */
static const char *owner(struct flight *f, const struct rk_val *obj)
{
	const char *by = rk_get_str(obj, "metadata", "labels", RK_LABEL_MANAGED, NULL);
	const char *of = rk_get_str(obj, "metadata", "labels", RK_LABEL_CLUSTER, NULL);
	const struct rk_val *ref = rk_at(rk_get(obj, "metadata", "ownerReferences", NULL), 0);

	if (rk_get_str(obj, "metadata", "deletionTimestamp", NULL))
		return "is being deleted; wait until it is gone";
	if (ref)
		return rk_doc_printf(f->d, "belongs to %s %s", rk_get_str(ref, "kind", NULL),
			rk_get_str(ref, "name", NULL));
	if (by && !rk_streq(by, RK_LABEL_MANAGER))
		return rk_doc_printf(f->d, "belongs to %s", by);
	if (of && !rk_streq(of, rk_settings_cluster(f->s)))
		return rk_doc_printf(f->d, "belongs to virtual cluster %s", of);
	return NULL;
}

/* One object that a step on the host will write. The Cluster has a separate check. */
static void check_existing(struct flight *f, const struct rk_val *obj, size_t counts[2])
{
	const char *kind = rk_get_str(obj, "kind", NULL), *who;
	const char *ns = rk_get_str(obj, "metadata", "namespace", NULL);
	const char *name = rk_get_str(obj, "metadata", "name", NULL);
	const struct rk_res *r = rk_res_find(rk_get_str(obj, "apiVersion", NULL), kind);
	struct rk_val *live;

	if (!r || rk_streq(kind, "Cluster") || !pf_find(f, "existing", r, ns, name, &live) || !live)
		return;
	who = owner(f, live);
	if (who) {
		pf_row(f, STOP, "existing", "%s %s%s%s %s", kind, ns ? ns : "", ns ? "/" : "", name,
			who);
		return;
	}
	if (is_ours(f, live))
		counts[0]++;
	else if (!rk_streq(kind, "Namespace")) /* which is used as it is */
		counts[1]++;
}

void pf_check_host_objects(struct flight *f)
{
	size_t counts[2] = {0}, before = f->stops;

	for (const struct rk_step *step = rk_steps; step->name; step++) {
		rk_auto_doc *d = rk_doc_new(true);
		struct rk_val *objects;

		if (step->virtual || !step->build || !rk_step_applies(step, f->s) ||
			rk_step_objects(d, f->s, step, &objects, NULL) < 0)
			continue;
		rk_each (obj, objects)
			check_existing(f, obj, counts);
	}
	if (f->stops != before)
		return;
	if (counts[1])
		pf_row(f, WARN, "existing",
			"%zu objects under our names were made by others and will be "
			"taken over",
			counts[1]);
	else
		pf_row(f, OK, "existing", "%zu objects are ours, no other is in the way",
			counts[0]);
}

/* Another Ingress with one of our names would share or take the traffic. */
void pf_check_other_ingresses(struct flight *f)
{
	static const char *const old[] = {"rancher-ingress", "rancher-k3k-ingress"};
	rk_auto_buf hosts = RK_BUF_INIT;
	struct rk_strv names = {0};

	rk_settings_hosts(f->s, &names);
	for (size_t i = 0; i < names.n; i++)
		rk_buf_addf(&hosts, " %s ", names.v[i]);
	rk_strv_release(&names);
	rk_each (ing, pf_list(f, "existing", &RK_INGRESS, NULL, NULL)) {
		const char *ns = rk_get_str(ing, "metadata", "namespace", NULL);
		const char *name = rk_get_str(ing, "metadata", "name", NULL);

		if (rk_streq(ns, rk_settings_ns(f->s)) &&
			(rk_streq(name, pf_str(f, RK_KEY_INGRESS_NAME)) || rk_streq(name, old[0]) ||
				rk_streq(name, old[1])))
			continue;
		rk_each (rule, rk_get(ing, "spec", "rules", NULL)) {
			const char *host = rk_get_str(rule, "host", NULL);
			rk_auto_free char *word = rk_asprintf(" %s ", host ? host : "");

			if (host && strstr(hosts.s, word))
				pf_row(f, STOP, "existing", "Ingress %s/%s routes %s already", ns,
					name, host);
		}
	}
}
