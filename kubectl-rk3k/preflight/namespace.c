// SPDX-License-Identifier: Apache-2.0
/* namespace - what keeps the servers out of an existing namespace: k3k's policy, Pod Security
 * Admission, quotas and limits. Each of them leaves the Cluster without pods and without a message. */
#include "tool.h"

#define POLICY_LABEL "policy.k3k.io/policy-name"
#define ENFORCE	     "pod-security.kubernetes.io/enforce"

/* Servers of the mode virtual are privileged. */
static void check_level(struct flight *f, const char *what, const char *name, const char *level)
{
	if (level && !rk_streq(level, "privileged"))
		pf_row(f, STOP,
			"%s %s enforces the Pod Security level %s, and the servers are privileged: "
			"they would never be created",
			what, name, level);
}

static void check_policy(struct flight *f, const char *name)
{
	const struct rk_res *r = pf_kind(f, "k3k.io/v1beta1", "VirtualClusterPolicy");
	const char *mode;
	struct rk_val *policy = NULL;

	if (!r || !pf_find(f, r, NULL, name, &policy))
		return;
	if (!policy) {
		pf_row(f, STOP,
			"namespace %s is bound to VirtualClusterPolicy %s, which does not exist: "
			"create it, or remove the label " POLICY_LABEL,
			rk_settings_ns(f->s), name);
		return;
	}
	mode = rk_get_str(policy, "spec", "allowedMode", NULL);
	if (!rk_streq(mode, "virtual"))
		pf_row(f, STOP,
			"VirtualClusterPolicy %s of namespace %s allows the mode %s only, and this "
			"cluster has the mode virtual",
			name, rk_settings_ns(f->s), mode ? mode : "shared");
	check_level(
		f, "policy", name, rk_get_str(policy, "spec", "podSecurityAdmissionLevel", NULL));
}

/* "50Gi", "2k", "500m", "1e3" as a number; false for what is not one. */
static bool quantity(const char *s, double *out)
{
	static const char units[] = "num\nkMGTPE";
	const char *unit;
	char *end;

	if (!s || !strchr("0123456789.+-", *s))
		return false;
	*out = strtod(s, &end);
	if (!*end)
		return true;
	unit = strchr(units, *end == 'K' && end[1] ? 'k' : *end);
	if (!unit || *unit == '\n' ||
		(end[1] && (!rk_streq(end + 1, "i") || !strchr("KMGTPE", *end))))
		return false;
	for (const char *one = strchr(units, '\n'); one < unit; one++)
		*out *= end[1] ? 1024 : 1000;
	for (const char *one = strchr(units, '\n'); one > unit; one--)
		*out /= 1000;
	return true;
}

static double number(const struct rk_val *map, const char *key, double otherwise)
{
	double n;

	return quantity(rk_str_loose(rk_get(map, key, NULL)), &n) ? n : otherwise;
}

/* What the servers, their Services and Secrets take of a resource; 0: nothing we know of. */
static double needed(const struct flight *f, const char *resource)
{
	double servers = (double)rk_settings_servers(f->s), size = 0;
	bool dynamic = rk_streq(pf_str(f, RK_KEY_STORAGE_TYPE), "dynamic");
	const char *name = resource + (rk_prefix(resource, "count/") ? strlen("count/") : 0);
	rk_auto_free char *by_class = rk_asprintf(
		"%s.storageclass.storage.k8s.io/requests.storage", pf_str(f, RK_KEY_STORAGE_CLASS));

	quantity(pf_str(f, RK_KEY_PVC_SIZE), &size);
	if (rk_streq(name, "pods"))
		return servers;
	if (rk_streq(resource, "requests.storage") || rk_streq(resource, by_class))
		return dynamic ? servers * size : 0;
	if (rk_streq(name, "persistentvolumeclaims"))
		return dynamic ? servers : 0;
	if (rk_streq(name, "services"))
		return 3; /* k3k's two, and that behind the Ingress */
	if (rk_streq(name, "services.nodeports"))
		return *pf_str(f, RK_KEY_K3K_API_HOSTNAME) ? 0 : servers > 1 ? 2 : 1;
	if (rk_streq(name, "secrets"))
		return 6;
	return rk_streq(name, "statefulsets.apps") ? 1 : 0;
}

/* A quota of cpu or memory refuses pods that set none, unless a LimitRange has a default for containers. */
static bool lacks_default(const char *resource, const struct rk_val *ranges)
{
	bool limit = rk_prefix(resource, "limits.");
	const char *name =
		limit || rk_prefix(resource, "requests.") ? strchr(resource, '.') + 1 : resource;

	if (!rk_streq(name, "cpu") && !rk_streq(name, "memory"))
		return false;
	rk_each (range, ranges)
		rk_each (l, rk_get(range, "spec", "limits", NULL))
			if (rk_streq(rk_get_str(l, "type", NULL), "Container") &&
				(rk_get(l, "default", name, NULL) || rk_get(l, "max", name, NULL) ||
					(!limit && (rk_get(l, "defaultRequest", name, NULL) ||
							   rk_get(l, "min", name, NULL)))))
				return false;
	return true;
}

static void check_quota(struct flight *f, const struct rk_val *quota, const struct rk_val *ranges)
{
	const struct rk_val *used = rk_get(quota, "status", "used", NULL);
	const char *name = pf_name(quota);

	rk_each (hard, rk_get(quota, "spec", "hard", NULL)) {
		double most = 0, need = needed(f, hard->key), taken = number(used, hard->key, 0);

		if (!quantity(rk_str_loose(hard), &most))
			continue;
		if (need > most - taken)
			pf_row(f, STOP,
				"ResourceQuota %s allows %s of %s and %s is in use: the virtual "
				"cluster needs %s",
				name, rk_str_loose(hard), hard->key,
				taken > 0 ? rk_str_loose(rk_get(used, hard->key, NULL)) : "nothing",
				strstr(hard->key, "storage") && !strstr(hard->key, "claims")
					? rk_doc_printf(f->d, "%lld times %s",
						  (long long)rk_settings_servers(f->s),
						  pf_str(f, RK_KEY_PVC_SIZE))
					: rk_doc_printf(f->d, "%.0f", need));
		else if (lacks_default(hard->key, ranges))
			pf_row(f, STOP,
				"ResourceQuota %s limits %s, and the servers set none: they would "
				"never be created; add a LimitRange with defaults for containers",
				name, hard->key);
	}
}

static void check_range(struct flight *f, const struct rk_val *range)
{
	const char *name = pf_name(range);
	bool dynamic = rk_streq(pf_str(f, RK_KEY_STORAGE_TYPE), "dynamic");
	double size = 0;

	quantity(pf_str(f, RK_KEY_PVC_SIZE), &size);
	rk_each (l, rk_get(range, "spec", "limits", NULL)) {
		bool claim = rk_streq(rk_get_str(l, "type", NULL), "PersistentVolumeClaim");
		const struct rk_val *max = rk_get(l, "max", NULL);
		double memory =
			number(rk_get(l, "default", NULL), "memory", number(max, "memory", 4e9));

		if (claim && dynamic &&
			(size > number(max, "storage", size) ||
				size < number(rk_get(l, "min", NULL), "storage", size)))
			pf_row(f, STOP, "LimitRange %s does not allow volumes of PVC_SIZE %s", name,
				pf_str(f, RK_KEY_PVC_SIZE));
		else if (!claim && memory < 2e9)
			pf_row(f, WARN,
				"LimitRange %s leaves a server less than 2 GB of memory, which is "
				"too little for k3s and Rancher",
				name);
	}
}

void pf_check_namespace(struct flight *f)
{
	const char *ns = rk_settings_ns(f->s), *policy;
	const struct rk_val *quotas, *ranges, *labels;
	struct rk_val *obj = NULL;

	if (!pf_find(f, &RK_NAMESPACE, NULL, ns, &obj) || !obj)
		return; /* a new one has none of these */
	labels = rk_get(obj, "metadata", "labels", NULL);
	policy = rk_get_str(labels, POLICY_LABEL, NULL);
	if (policy)
		check_policy(f, policy);
	check_level(f, "namespace", ns, rk_get_str(labels, ENFORCE, NULL));
	ranges = pf_list(f, pf_kind(f, "v1", "LimitRange"), ns, NULL);
	quotas = pf_list(f, pf_kind(f, "v1", "ResourceQuota"), ns, NULL);
	rk_each (range, ranges)
		check_range(f, range);
	/* what runs already is counted as used; a quota with a scope is for other pods */
	rk_each (quota, f->cluster ? NULL : quotas)
		if (!rk_get(quota, "spec", "scopes", NULL) &&
			!rk_get(quota, "spec", "scopeSelector", NULL))
			check_quota(f, quota, ranges);
	pf_row(f, CLEAN, "%s accepts the servers", ns);
}
