// SPDX-License-Identifier: Apache-2.0
/* All values: each alone, then one against the other. */
#include "internal.h"

struct check {
	struct rk_settings *s;
	struct rk_problems *p;
};

#define fatal(c, k, ...)   rk_problem_add((c)->p, true, rk_settings_table[k].name, __VA_ARGS__)
#define warning(c, k, ...) rk_problem_add((c)->p, false, rk_settings_table[k].name, __VA_ARGS__)

static bool is(const struct check *c, enum rk_key k)
{
	return rk_setting_is(c->s, k);
}

static const char *name(enum rk_key k)
{
	return rk_settings_table[k].name;
}

static void check_each(struct check *c)
{
	for (int k = 0; k < RK_KEY_COUNT; k++) {
		const struct rk_setting *t = &rk_settings_table[k];
		struct rk_settings_value *v = &c->s->v[k];

		if (v->s && !*v->s && !(t->flags & RK_SETF_EMPTY))
			*v = (struct rk_settings_value){0};
		if (v->s || v->ref_file || v->ref_env) {
			rk_setting_check(c->s, (enum rk_key)k, c->p);
			continue;
		}
		*v = (struct rk_settings_value){0};
		if (t->def)
			rk_settings_replace(c->s, (enum rk_key)k, t->def);
	}
}

static void check_hosts(struct check *c)
{
	struct rk_settings *s = c->s;
	const char *one = rk_setting(s, RK_KEY_HOSTNAME), *all = rk_setting(s, RK_KEY_HOSTNAMES);
	struct rk_strv hosts = {0}, api = {0};

	if (!all && !one) {
		fatal(c, RK_KEY_HOSTNAME, "is required: the DNS name of Rancher");
		rk_settings_replace(s, RK_KEY_HOSTNAME, "");
		rk_settings_replace(s, RK_KEY_HOSTNAMES, "");
		return;
	}
	if (!all)
		rk_settings_replace(s, RK_KEY_HOSTNAMES, one);
	rk_settings_hosts(s, &hosts);
	if (all && one && !rk_strv_has(&hosts, one))
		warning(c, RK_KEY_HOSTNAME,
			"is not among HOSTNAMES, which take precedence: it is ignored");
	if (hosts.n)
		rk_settings_replace(s, RK_KEY_HOSTNAME, hosts.v[0]);
	rk_setting_list(s, RK_KEY_K3K_API_HOSTNAME, &api);
	for (size_t i = 0; i < api.n; i++)
		if (rk_strv_has(&hosts, api.v[i]))
			fatal(c, RK_KEY_K3K_API_HOSTNAME,
				"\"%s\" is a name of Rancher as well: the API's passthrough would "
				"take Rancher's traffic; give the API a separate name",
				api.v[i]);
	rk_strv_release(&hosts);
	rk_strv_release(&api);
}

static void check_password(struct check *c)
{
	const char *pw = rk_setting(c->s, RK_KEY_BOOTSTRAP_PW);
	size_t chars = 0;

	for (const char *p = pw; p && *p; p++)
		chars += (*p & 0xc0) != 0x80;
	if (pw && *pw && chars < 12)
		fatal(c, RK_KEY_BOOTSTRAP_PW, "has %zu characters; expected at least 12 characters",
			chars);
	if (rk_streq(pw, "admin1234567"))
		warning(c, RK_KEY_BOOTSTRAP_PW,
			"is the public default of the rancher-k3k scripts; leave it unset to have "
			"one generated");
}

/* Returns whether both are set; one alone is a problem. */
static bool check_pair(struct check *c, enum rk_key cert, enum rk_key key)
{
	if (is(c, cert) != is(c, key))
		fatal(c, is(c, cert) ? key : cert,
			"is missing: %s is set, and the two belong together",
			name(is(c, cert) ? cert : key));
	return is(c, cert) && is(c, key);
}

static void check_tls(struct check *c)
{
	struct rk_settings *s = c->s;
	bool ca = check_pair(c, RK_KEY_CA_CERT_PATH, RK_KEY_CA_KEY_PATH);
	bool leaf = check_pair(c, RK_KEY_TLS_CERT_PATH, RK_KEY_TLS_KEY_PATH);
	const char *source = rk_setting(s, RK_KEY_TLS_SOURCE);

	if (ca && leaf)
		fatal(c, RK_KEY_TLS_CERT_PATH,
			"and CA_CERT_PATH are both set: either the CA signs Rancher's certificate "
			"or you provide one");
	if ((ca || leaf) && !rk_streq(source, "secret")) {
		warning(c, RK_KEY_TLS_SOURCE, "is secret, not %s, because %s is set", source,
			name(ca ? RK_KEY_CA_CERT_PATH : RK_KEY_TLS_CERT_PATH));
		rk_settings_replace(s, RK_KEY_TLS_SOURCE, "secret");
	} else if (rk_streq(source, "secret") && !is(c, RK_KEY_CA_CERT_PATH) &&
		   !is(c, RK_KEY_TLS_CERT_PATH)) {
		fatal(c, RK_KEY_TLS_SOURCE,
			"is secret, but no certificate is set: set TLS_CERT_PATH and TLS_KEY_PATH, "
			"or CA_CERT_PATH and CA_KEY_PATH for a CA that signs");
	}
	if (ca && !is(c, RK_KEY_CA_ROOT_PATH))
		warning(c, RK_KEY_CA_ROOT_PATH,
			"is unset: CA_CERT_PATH serves as the trust anchor of Rancher's agents");
	if (is(c, RK_KEY_CA_ROOT_PATH) && !ca && !leaf)
		warning(c, RK_KEY_CA_ROOT_PATH,
			"is set without a certificate or CA of yours: it is ignored");
	if (rk_streq(rk_setting(s, RK_KEY_TLS_SOURCE), "letsEncrypt") && !is(c, RK_KEY_ACME_EMAIL))
		fatal(c, RK_KEY_ACME_EMAIL, "is required with TLS_SOURCE=letsEncrypt");
}

static void check_login(struct check *c)
{
	bool user = is(c, RK_KEY_HELM_REPO_USER), pass = is(c, RK_KEY_HELM_REPO_PASS);
	bool needed = rk_setting_yes(c->s, RK_KEY_HELM_AUTH_NEEDED) &&
		      (user || !is(c, RK_KEY_CREDENTIALS));

	if (needed && !user)
		fatal(c, RK_KEY_HELM_REPO_USER, "is required with HELM_AUTH_NEEDED=yes");
	if (!pass && (needed || user))
		fatal(c, RK_KEY_HELM_REPO_PASS, "is required with %s",
			user ? "HELM_REPO_USER" : "HELM_AUTH_NEEDED=yes");
	if (pass && !user && !needed)
		warning(c, RK_KEY_HELM_REPO_PASS, "is set without HELM_REPO_USER: it is ignored");
	if (user && !is(c, RK_KEY_PRIVATE_REGISTRY) &&
		!rk_settings_repo_private(c->s, RK_KEY_K3K_REPO) &&
		!rk_settings_repo_private(c->s, RK_KEY_CERTMANAGER_REPO) &&
		!rk_settings_repo_private(c->s, RK_KEY_RANCHER_REPO))
		warning(c, RK_KEY_HELM_REPO_USER,
			"is set, but no chart or image comes from a private host: the credentials "
			"are not used (HELM_REPO_HOSTS names further hosts)");
	if (is(c, RK_KEY_MIRROR_REGISTRIES_FILE) && !is(c, RK_KEY_PRIVATE_REGISTRY))
		warning(c, RK_KEY_MIRROR_REGISTRIES_FILE,
			"is set without PRIVATE_REGISTRY: it is ignored");
}

/* Names that follow from the cluster's. */
static void check_names(struct check *c)
{
	static const struct {
		enum rk_key k;
		const char *before, *after;
	} defaults[] = {{RK_KEY_INGRESS_NAME, "", "-k3k-ingress"},
		{RK_KEY_SERVICE_NAME, "", "-k3k-traefik"}, {RK_KEY_TLS_SECRET, "tls-", "-ingress"}};
	struct rk_settings *s = c->s;

	for (size_t i = 0; i < RK_COUNT(defaults); i++)
		if (!is(c, defaults[i].k))
			s->v[defaults[i].k].s = rk_doc_printf(s->d, "%s%s%s", defaults[i].before,
				rk_settings_cluster(s), defaults[i].after);
	if (rk_streq(rk_settings_ns(s), rk_setting(s, RK_KEY_K3K_NAMESPACE)))
		fatal(c, RK_KEY_NAMESPACE, "is the controller's own namespace (K3K_NAMESPACE)");
	/* Services alone keep to RFC 1035. */
	if (strchr("0123456789", *rk_setting(s, RK_KEY_SERVICE_NAME)))
		fatal(c, RK_KEY_SERVICE_NAME,
			"\"%s\" begins with a digit, which the name of a Service cannot",
			rk_setting(s, RK_KEY_SERVICE_NAME));
}

/* k3s compares the families of both, in their order, and ends when they differ. */
static void check_networks(struct check *c)
{
	const char *cluster = rk_setting(c->s, RK_KEY_CLUSTER_CIDR);
	const char *service = rk_setting(c->s, RK_KEY_SERVICE_CIDR);
	struct rk_net pods[2], services[2];
	size_t n = rk_net_list(cluster, pods, 2), m = rk_net_list(service, services, 2);

	if (n != m || (n && pods[0].family != services[0].family))
		fatal(c, RK_KEY_SERVICE_CIDR,
			"%s and CLUSTER_CIDR %s differ in their families: k3s requires IPv4, IPv6, "
			"or both in the same order, for both",
			service, cluster);
	else if (rk_cidr_overlap(cluster, service))
		fatal(c, RK_KEY_SERVICE_CIDR, "overlaps with CLUSTER_CIDR");
}

void rk_settings_check(struct rk_settings *s, struct rk_problems *p)
{
	struct check c = {.s = s, .p = p};

	check_each(&c);
	check_hosts(&c);
	check_password(&c);
	check_tls(&c);
	check_login(&c);
	check_names(&c);
	check_networks(&c);
}
