// SPDX-License-Identifier: Apache-2.0
/* hostname - the host names under which the existing Rancher is served, against those of the settings:
 * a configuration that differs only in them was probably meant for a second Rancher. */
#include "tool.h"

#include "expose/expose.h"
#include "steps/steps.h"

/* Whether the Ingress routes to this cluster's Rancher: it is ours, or its backend is a Service of that
 * purpose, whose names the rancher-k3k scripts have changed over time. */
static bool serves_rancher(const struct flight *f, const struct rk_val *ing)
{
	const struct rk_val *rule = rk_at(rk_get(ing, "spec", "rules", NULL), 0);
	const struct rk_val *path = rk_at(rk_get(rule, "http", "paths", NULL), 0);
	const char *to = rk_get_str(path, "backend", "service", "name", NULL);
	const char *of = rk_get_str(ing, "metadata", "labels", RK_LABEL_CLUSTER, NULL);

	if (!rk_streq(rk_get_str(ing, "metadata", "namespace", NULL), rk_settings_ns(f->s)))
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

void pf_check_hostname(struct flight *f)
{
	const struct rk_val *all = pf_list(f, &RK_INGRESS, NULL, NULL);
	rk_auto_buf served = RK_BUF_INIT, wanted = RK_BUF_INIT;
	struct rk_strv have = {0}, want = {0};
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
		bool same = false;

		for (size_t j = 0; j < want.n; j++)
			same |= !strcasecmp(have.v[i], want.v[j]);
		renamed |= !same;
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
			rk_settings_ns(f->s), rk_settings_cluster(f->s), served.s, wanted.s);
	rk_strv_release(&have);
	rk_strv_release(&want);
}
