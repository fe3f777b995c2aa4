// SPDX-License-Identifier: Apache-2.0
/* controller - the k3k controller: one of any version, and what another version would restart. */
#include "tool.h"

/* "1.0.2" of a Deployment: its chart label, else its app version, else the image's tag. */
static const char *controller_version(const struct rk_val *dep)
{
	const char *chart = rk_get_str(dep, "metadata", "labels", "helm.sh/chart", NULL);
	const char *app = rk_get_str(dep, "metadata", "labels", "app.kubernetes.io/version", NULL);
	const char *image, *colon;

	if (chart && rk_prefix(chart, "k3k-"))
		return chart + 4;
	if (app)
		return app;
	image = rk_get_str(rk_at(rk_get(dep, "spec", "template", "spec", "containers", NULL), 0),
		"image", NULL);
	colon = image ? strrchr(image, ':') : NULL;
	return colon ? colon + 1 : "unknown";
}

/* helm takes over CRDs that an earlier release left only when they carry its own name. */
static void check_left_crd(struct flight *f)
{
	static const char name[] = "clusters.k3k.io";
	const char *ns = pf_str(f, RK_KEY_K3K_NAMESPACE);
	const struct rk_val *notes;
	struct rk_val *crd;

	if (!pf_find(f, &RK_CRD, NULL, name, &crd) || !crd)
		return;
	notes = rk_get(crd, "metadata", "annotations", NULL);
	if (!rk_streq(rk_get_str(notes, "meta.helm.sh/release-name", NULL), "k3k") ||
		!rk_streq(rk_get_str(notes, "meta.helm.sh/release-namespace", NULL), ns))
		pf_row(f, STOP,
			"CRD %s exists, but not of release %s/k3k, and helm will refuse to take it "
			"over; label it app.kubernetes.io/managed-by=Helm and annotate it "
			"meta.helm.sh/release-name=k3k meta.helm.sh/release-namespace=%s, or "
			"delete it if no Cluster is left",
			name, ns, ns);
}

/* "a/b, c/d", no more than fit on a line. */
static void add_name(struct rk_buf *out, size_t n, const char *ns, const char *name)
{
	rk_auto_free char *both = rk_asprintf("%s/%s", ns, name);

	if (n <= 8)
		pf_join(out, n < 8 ? both : "...");
}

/* Each version of the controller writes its own pod template into the StatefulSets of all virtual
 * clusters, and their servers restart within a minute; what is kept in an emptyDir is lost then.
 * From NULL: the controller was deleted, and which version wrote them is unknown. Returns whether there
 * are any. */
static bool check_restarts(struct flight *f, const char *from, const char *to)
{
	const char *change = from ? rk_doc_printf(f->d, "k3k %s becomes %s", from, to)
				  : rk_doc_printf(f->d, "k3k %s is installed again", to);
	rk_auto_buf all = RK_BUF_INIT, lost = RK_BUF_INIT;
	size_t n = 0, others = 0, losing = 0;

	rk_each (c, pf_list(f, &RK_CLUSTER, NULL, NULL)) {
		const char *ns = pf_ns(c), *name = pf_name(c);
		const char *storage = rk_get_str(c, "spec", "persistence", "type", NULL);
		bool runs = from; /* whether it has servers that a controller could restart */
		char set[64];

		if (!ns || !name)
			continue;
		rk_k3k_name(set, name, "server");
		if (!from && !rk_get(c, "metadata", "deletionTimestamp", NULL))
			rk_each (w, pf_list(f, &RK_STATEFULSET, NULL, "role=server"))
				runs |= rk_streq(pf_ns(w), ns) && rk_streq(pf_name(w), set);
		if (!runs)
			continue;
		add_name(&all, n++, ns, name);
		others += !rk_streq(ns, rk_settings_ns(f->s)) ||
			  !rk_streq(name, rk_settings_cluster(f->s));
		if (storage && !rk_streq(storage, "dynamic"))
			add_name(&lost, losing++, ns, name);
	}
	if (n)
		pf_consent(f, !others || f->o->restart, "--yes-restart-clusters",
			rk_doc_printf(f->d, "%s: restart the servers of %s?", change, all.s),
			"%s, and the servers of %zu virtual cluster%s %s: %s", change, n,
			n == 1 ? "" : "s", from ? "restart" : "may restart", all.s);
	if (losing)
		pf_consent(f, f->o->lose_data, "--yes-lose-data",
			rk_doc_printf(f->d, "%s: ephemeral storage, all data will be lost. Go on?",
				lost.s),
			"%s: the storage is ephemeral, and this restart loses all data", lost.s);
	return n;
}

void pf_check_controller(struct flight *f)
{
	const char *ns = pf_str(f, RK_KEY_K3K_NAMESPACE), *want = pf_str(f, RK_KEY_K3K_VERSION);
	const struct rk_val *deps = pf_list(f, &RK_DEPLOYMENT, NULL, "app.kubernetes.io/name=k3k");
	const struct rk_val *ours = NULL;
	const char *have;
	bool back;

	rk_each (dep, deps)
		if (rk_streq(pf_ns(dep), ns))
			ours = dep;
		else
			pf_row(f, STOP,
				"a k3k controller runs in namespace %s already, and two would "
				"fight; set K3K_NAMESPACE=%s",
				pf_ns(dep), pf_ns(dep));
	if (!deps)
		return;
	if (!ours) {
		if (!check_restarts(f, NULL, want))
			pf_row(f, OK, "k3k %s will be installed in %s", want, ns);
		check_left_crd(f);
		return;
	}
	have = controller_version(ours);
	/* the whole version: 1.2.0-rc1 is not 1.2.0-rc4 */
	f->controller_current = rk_streq(have + (*have == 'v'), want);
	back = rk_version_cmp(have, want) > 0;
	if (f->controller_current)
		pf_row(f, OK, "k3k %s is installed", have);
	else if (back)
		pf_row(f, WARN,
			"k3k %s is installed, and K3K_VERSION=%s would take it back; its CRDs stay "
			"newer",
			have, want);
	if (!f->controller_current && !check_restarts(f, have, want) && !back)
		pf_row(f, OK, "k3k %s becomes %s", have, want);
}
