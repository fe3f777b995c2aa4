// SPDX-License-Identifier: Apache-2.0
/* All values: each alone, then one against the other. */
#include "internal.h"

#define fatal(k, ...)	rk_problem_add(p, true, rk_settings_table[k].name, __VA_ARGS__)
#define warning(k, ...) rk_problem_add(p, false, rk_settings_table[k].name, __VA_ARGS__)

static void check_hosts(struct rk_settings *s, struct rk_problems *p)
{
	const char *one = rk_setting(s, RK_KEY_HOSTNAME), *all = rk_setting(s, RK_KEY_HOSTNAMES);
	rk_auto_free char *primary = NULL;
	size_t n;

	if (!all && !one)
		fatal(RK_KEY_HOSTNAME, "is required: the DNS name of Rancher");
	one = one ? one : "";
	if (all && *one && !rk_listed(all, one))
		warning(RK_KEY_HOSTNAME,
			"is not among HOSTNAMES, which take precedence: it is ignored");
	all = all ? all : one;
	primary = rk_strndup(all, strcspn(all, ","));
	rk_settings_replace(s, RK_KEY_HOSTNAMES, all);
	rk_settings_replace(s, RK_KEY_HOSTNAME, primary);
	rk_each_item (api, n, rk_setting(s, RK_KEY_K3K_API_HOSTNAME), ",") {
		rk_auto_free char *name = rk_strndup(api, n);

		if (rk_listed(all, name))
			fatal(RK_KEY_K3K_API_HOSTNAME,
				"\"%s\" is a name of Rancher as well: the API's passthrough would "
				"take Rancher's traffic; give the API a separate name",
				name);
	}
}

/* Returns whether both are set; one alone is a problem. */
static bool check_pair(
	struct rk_settings *s, struct rk_problems *p, enum rk_key cert, enum rk_key key)
{
	bool has_cert = rk_setting_is(s, cert), has_key = rk_setting_is(s, key);

	if (has_cert != has_key)
		fatal(has_cert ? key : cert, "is missing: %s is set, and the two belong together",
			rk_settings_table[has_cert ? cert : key].name);
	return has_cert && has_key;
}

static void check_tls(struct rk_settings *s, struct rk_problems *p)
{
	bool ca = check_pair(s, p, RK_KEY_CA_CERT_PATH, RK_KEY_CA_KEY_PATH);
	bool leaf = check_pair(s, p, RK_KEY_TLS_CERT_PATH, RK_KEY_TLS_KEY_PATH);
	bool root = rk_setting_is(s, RK_KEY_CA_ROOT_PATH);
	const char *source = rk_setting(s, RK_KEY_TLS_SOURCE);

	if (ca && leaf)
		fatal(RK_KEY_TLS_CERT_PATH,
			"and CA_CERT_PATH are both set: either the CA signs Rancher's certificate "
			"or you provide one");
	if ((ca || leaf) && !rk_streq(source, "secret")) {
		warning(RK_KEY_TLS_SOURCE, "is secret, not %s, because %s is set", source,
			ca ? "CA_CERT_PATH" : "TLS_CERT_PATH");
		rk_settings_replace(s, RK_KEY_TLS_SOURCE, "secret");
	} else if (rk_streq(source, "secret") && !rk_setting_is(s, RK_KEY_CA_CERT_PATH) &&
		   !rk_setting_is(s, RK_KEY_TLS_CERT_PATH)) {
		fatal(RK_KEY_TLS_SOURCE,
			"is secret, but no certificate is set: set TLS_CERT_PATH and TLS_KEY_PATH, "
			"or CA_CERT_PATH and CA_KEY_PATH for a CA that signs");
	}
	if (ca && !root)
		warning(RK_KEY_CA_ROOT_PATH,
			"is unset: CA_CERT_PATH serves as the trust anchor of Rancher's agents");
	if (root && !ca && !leaf)
		warning(RK_KEY_CA_ROOT_PATH,
			"is set without a certificate or CA of yours: it is ignored");
	if (rk_streq(rk_setting(s, RK_KEY_TLS_SOURCE), "letsEncrypt") &&
		!rk_setting_is(s, RK_KEY_ACME_EMAIL))
		fatal(RK_KEY_ACME_EMAIL, "is required with TLS_SOURCE=letsEncrypt");
}

static void check_secrets(struct rk_settings *s, struct rk_problems *p)
{
	const char *pw = rk_setting(s, RK_KEY_BOOTSTRAP_PW);
	bool user = rk_setting_is(s, RK_KEY_HELM_REPO_USER);
	bool pass = rk_setting_is(s, RK_KEY_HELM_REPO_PASS);
	bool registry = rk_setting_is(s, RK_KEY_PRIVATE_REGISTRY);
	bool needed = rk_setting_yes(s, RK_KEY_HELM_AUTH_NEEDED) &&
		      (user || !rk_setting_is(s, RK_KEY_CREDENTIALS));
	size_t chars = 0;

	for (const char *at = pw; at && *at; at++)
		chars += (*at & 0xc0) != 0x80;
	if (chars && chars < 12)
		fatal(RK_KEY_BOOTSTRAP_PW, "has %zu characters; expected at least 12 characters",
			chars);
	if (rk_streq(pw, "admin1234567"))
		warning(RK_KEY_BOOTSTRAP_PW,
			"is the public default of the rancher-k3k scripts; leave it unset to have "
			"one generated");
	if (needed && !user)
		fatal(RK_KEY_HELM_REPO_USER, "is required with HELM_AUTH_NEEDED=yes");
	if (!pass && (needed || user))
		fatal(RK_KEY_HELM_REPO_PASS, "is required with %s",
			user ? "HELM_REPO_USER" : "HELM_AUTH_NEEDED=yes");
	if (pass && !user && !needed)
		warning(RK_KEY_HELM_REPO_PASS, "is set without HELM_REPO_USER: it is ignored");
	if (user && !registry && !rk_settings_repo_private(s, RK_KEY_K3K_REPO) &&
		!rk_settings_repo_private(s, RK_KEY_CERTMANAGER_REPO) &&
		!rk_settings_repo_private(s, RK_KEY_RANCHER_REPO))
		warning(RK_KEY_HELM_REPO_USER,
			"is set, but no chart or image comes from a private host: the credentials "
			"are not used (HELM_REPO_HOSTS names further hosts)");
	if (rk_setting_is(s, RK_KEY_MIRROR_REGISTRIES_FILE) && !registry)
		warning(RK_KEY_MIRROR_REGISTRIES_FILE,
			"is set without PRIVATE_REGISTRY: it is ignored");
}

void rk_settings_check(struct rk_settings *s, struct rk_problems *p)
{
	/* names that follow from the cluster's */
	static const struct {
		enum rk_key k;
		const char *before, *after;
	} names[] = {{RK_KEY_INGRESS_NAME, "", "-k3k-ingress"},
		{RK_KEY_SERVICE_NAME, "", "-k3k-traefik"}, {RK_KEY_TLS_SECRET, "tls-", "-ingress"}};
	const char *pods, *services, *service;
	struct rk_net a[2], b[2];
	size_t n, m;

	for (int k = 0; k < RK_KEY_COUNT; k++) {
		const struct rk_setting *t = &rk_settings_table[k];
		struct rk_settings_value *v = &s->v[k];

		if (v->s && !*v->s && !(t->flags & RK_SETF_EMPTY))
			*v = (struct rk_settings_value){0};
		if (v->s || v->ref_file || v->ref_env) {
			rk_setting_check(s, (enum rk_key)k, p);
			continue;
		}
		*v = (struct rk_settings_value){0};
		if (t->def)
			rk_settings_replace(s, (enum rk_key)k, t->def);
	}
	check_hosts(s, p);
	check_tls(s, p);
	check_secrets(s, p);

	for (size_t i = 0; i < RK_COUNT(names); i++)
		if (!rk_setting_is(s, names[i].k))
			s->v[names[i].k].s = rk_doc_printf(s->d, "%s%s%s", names[i].before,
				rk_settings_cluster(s), names[i].after);
	if (rk_streq(rk_settings_ns(s), rk_setting(s, RK_KEY_K3K_NAMESPACE)))
		fatal(RK_KEY_NAMESPACE, "is the controller's own namespace (K3K_NAMESPACE)");
	/* Services alone keep to RFC 1035. */
	service = rk_setting(s, RK_KEY_SERVICE_NAME);
	if (strchr("0123456789", *service))
		fatal(RK_KEY_SERVICE_NAME,
			"\"%s\" begins with a digit, which the name of a Service cannot", service);

	/* k3s compares the families of both, in their order, and ends when they differ. */
	pods = rk_setting(s, RK_KEY_CLUSTER_CIDR);
	services = rk_setting(s, RK_KEY_SERVICE_CIDR);
	n = rk_net_list(pods, a, 2);
	m = rk_net_list(services, b, 2);
	if (n != m || (n && a[0].family != b[0].family))
		fatal(RK_KEY_SERVICE_CIDR,
			"%s and CLUSTER_CIDR %s differ in their families: k3s requires IPv4, IPv6, "
			"or both in the same order, for both",
			services, pods);
	else if (rk_cidr_overlap(pods, services))
		fatal(RK_KEY_SERVICE_CIDR, "overlaps with CLUSTER_CIDR");
}
