// SPDX-License-Identifier: Apache-2.0
/* What is applied in the virtual cluster: cert-manager, issuer, Rancher, and what they need. */
#include "internal.h"

#include "tls/tls.h"
#include "os/os.h"
#include "expose/expose.h"
#include "k3k/k3k.h"
#include "registry/registry.h"

#define REPO_AUTH "helm-repo-auth"
#define OCI_AUTH  "helm-oci-auth"
#define REPO_CA	  "helm-repo-ca"

bool step_has_secret_tls(const struct rk_settings *s)
{
	return rk_streq(str(s, RK_KEY_TLS_SOURCE), "secret");
}

static bool has_ca_pair(const struct rk_settings *s)
{
	return step_has_secret_tls(s) && is(s, RK_KEY_CA_CERT_PATH);
}

/* Without BOOTSTRAP_PW: 24 characters without look-alikes, about 140 bits. */
bool step_bootstrap(struct rk_step_build *b)
{
	static const char set[] = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
	rk_auto_buf pw = RK_BUF_INIT_SECRET;
	unsigned char c;

	if (is(b->s, RK_KEY_BOOTSTRAP_PW)) {
		if (rk_setting_secret(b->s, RK_KEY_BOOTSTRAP_PW, &pw, b->err) < 0)
			return false;
	} else {
		while (pw.len < 24) {
			rk_random(&c, 1);
			if (c < 256 / (sizeof(set) - 1) * (sizeof(set) - 1))
				rk_buf_putc(&pw, set[c % (sizeof(set) - 1)]);
		}
	}
	/* an existing one is kept: Rancher reads it at its first start only */
	return step_fill(b, "namespace", "name", RK_RANCHER_NS, NULL) &&
	       step_create_only(b, step_secret(b, RK_RANCHER_NS, RK_BOOTSTRAP_SECRET, "Opaque",
					   "bootstrapPassword", pw.s, NULL));
}

/* --- where charts come from --- */

/* A chart of the virtual cluster: where it comes from, and what its host gets. */
struct chart {
	const char *repo;
	bool oci, login, ca;
};

static struct chart chart_of(const struct rk_settings *s, enum rk_key repo)
{
	return (struct chart){str(s, repo), rk_repo_is_oci(str(s, repo)),
		rk_settings_has_login(s, str(s, repo)),
		rk_settings_repo_private(s, repo) && is(s, RK_KEY_PRIVATE_CA_PATH)};
}

bool step_has_chart_auth(const struct rk_settings *s)
{
	struct chart a = chart_of(s, RK_KEY_CERTMANAGER_REPO), b = chart_of(s, RK_KEY_RANCHER_REPO);

	return a.login || a.ca || b.login || b.ca;
}

/* A Secret for charts over https, one for those over OCI with an entry for each host, and the CA. The
 * first holds one pair: two hosts can share it only when the pair is the same. */
bool step_chart_auth(struct rk_step_build *b)
{
	const struct chart charts[] = {
		chart_of(b->s, RK_KEY_CERTMANAGER_REPO), chart_of(b->s, RK_KEY_RANCHER_REPO)};
	rk_auto_buf json = RK_BUF_INIT_SECRET, pem = RK_BUF_INIT;
	struct rk_val *config = rk_map(b->d);
	struct rk_login http = {0}, l;

	for (size_t i = 0; i < RK_COUNT(charts); i++) {
		const char *repo = charts[i].repo;
		rk_auto_free char *host = rk_repo_host(repo);

		if (!charts[i].login)
			continue;
		if (rk_settings_login(b->s, repo, &l, b->err) < 0)
			return false;
		if (charts[i].oci) {
			rk_docker_config(b->d, config, host, &l);
			continue;
		}
		if (!l.user) {
			rk_err_set(b->err, RK_FAIL,
				"%s: %s holds a token, and charts over https require a password",
				repo, l.from);
			return false;
		}
		if (http.user &&
			(!rk_streq(http.user, l.user) || !rk_streq(http.password, l.password))) {
			rk_err_set(b->err, RK_CONFLICT,
				"CERTMANAGER_REPO and RANCHER_REPO have different credentials");
			rk_err_hint(b->err,
				"Secret %s holds one pair: use one host for both, or oci:// for "
				"one of them",
				REPO_AUTH);
			return false;
		}
		http = l;
	}
	if (http.user && !step_secret(b, RK_CHART_NS, REPO_AUTH, "kubernetes.io/basic-auth",
				 "username", http.user, "password", http.password, NULL))
		return false;
	rk_json_write(config, RK_JSON_COMPACT, &json);
	if (config->count &&
		!step_secret(b, RK_CHART_NS, OCI_AUTH, "kubernetes.io/dockerconfigjson",
			".dockerconfigjson", json.s, NULL))
		return false;
	return (!charts[0].ca && !charts[1].ca) ||
	       (step_read_pem(b->s, RK_KEY_PRIVATE_CA_PATH, &pem, b->err) == 0 &&
		       step_fill(b, "chart-ca", "bundle", pem.s, NULL));
}

/* Sets in a HelmChart where the chart comes from. chart NULL: false. */
static bool set_source(struct rk_step_build *b, enum rk_key repo, struct rk_val *chart)
{
	struct chart c = chart_of(b->s, repo);
	struct rk_val *spec;

	if (!chart)
		return false;
	spec = rk_map_at(b->d, chart, "spec", NULL);
	rk_set_str(b->d, spec, c.oci ? "chart" : "repo", c.repo);
	if (c.login)
		rk_set_str(b->d,
			rk_map_at(b->d, spec, c.oci ? "dockerRegistrySecret" : "authSecret", NULL),
			"name", c.oci ? OCI_AUTH : REPO_AUTH);
	if (c.ca)
		rk_set_str(b->d, rk_map_at(b->d, spec, "repoCAConfigMap", NULL), "name", REPO_CA);
	return true;
}

bool step_cert_manager(struct rk_step_build *b)
{
	const char *version = str(b->s, RK_KEY_CERTMANAGER_VERSION);
	bool old = !rk_version_at_least(version, 1, 15);

	return set_source(b, RK_KEY_CERTMANAGER_REPO,
		step_fill(b, "cert-manager", "version", version, "crds", old ? NULL : "true",
			"oldCrds", old ? "true" : NULL, "@replicas",
			ha(b->s) ? rk_number(b->d, rk_settings_servers(b->s)) : NULL, NULL));
}

/* --- the issuer of Rancher's certificate --- */

enum rk_key rk_steps_anchor(const struct rk_settings *s)
{
	rk_auto_buf leaf = RK_BUF_INIT, ca = RK_BUF_INIT;
	rk_auto_cert *cert = NULL;

	if (!step_has_secret_tls(s))
		return RK_KEY_COUNT;
	if (is(s, RK_KEY_CA_ROOT_PATH))
		return RK_KEY_CA_ROOT_PATH;
	if (has_ca_pair(s))
		return RK_KEY_CA_CERT_PATH;
	if (is(s, RK_KEY_PRIVATE_CA_PATH) && !step_read_pem(s, RK_KEY_TLS_CERT_PATH, &leaf, NULL) &&
		!step_read_pem(s, RK_KEY_PRIVATE_CA_PATH, &ca, NULL) &&
		!rk_cert_parse(&cert, leaf.s, leaf.len, NULL) &&
		!rk_cert_verify(cert, ca.s, ca.len, NULL, NULL))
		return RK_KEY_PRIVATE_CA_PATH;
	return RK_KEY_COUNT;
}

/* A Secret of type tls from two files, refused when the key does not fit. */
static bool put_tls_pair(struct rk_step_build *b, const char *name, enum rk_key cert_key)
{
	rk_auto_buf cert = RK_BUF_INIT, key = RK_BUF_INIT_SECRET;
	rk_auto_cert *parsed = NULL;

	if (step_read_pem(b->s, cert_key, &cert, b->err) < 0 ||
		step_read_pem(b->s, cert_key + 1, &key, b->err) < 0)
		return false;
	if (rk_cert_parse(&parsed, cert.s, cert.len, b->err) < 0 ||
		rk_cert_check_key(parsed, key.s, key.len, b->err) < 0) {
		rk_err_wrap(b->err, "%s", rk_settings_table[cert_key + (parsed != NULL)].name);
		return false;
	}
	return step_secret(b, RK_RANCHER_NS, name, "kubernetes.io/tls", "tls.crt", cert.s,
		"tls.key", key.s, NULL);
}

static bool put_certificate(struct rk_step_build *b, const char *name, const char *issuer)
{
	return step_fill(b, "certificate", "name", name, "issuer", issuer, "@hosts",
		step_list(b, RK_KEY_HOSTNAMES), NULL);
}

bool step_issuer(struct rk_step_build *b)
{
	enum rk_key anchor = rk_steps_anchor(b->s);
	rk_auto_buf pem = RK_BUF_INIT;

	if (anchor != RK_KEY_COUNT && (step_read_pem(b->s, anchor, &pem, b->err) < 0 ||
					      !step_secret(b, RK_RANCHER_NS, RK_RANCHER_CA_SECRET,
						      "Opaque", "cacerts.pem", pem.s, NULL)))
		return false;
	if (!has_ca_pair(b->s))
		return put_tls_pair(b, RK_INGRESS_SECRET, RK_KEY_TLS_CERT_PATH);
	return put_tls_pair(b, "ca-signing-keypair", RK_KEY_CA_CERT_PATH) &&
	       step_fill(b, "ca-issuer", NULL) &&
	       put_certificate(b, RK_INGRESS_SECRET, "ca-issuer");
}

/* --- Rancher --- */

/* Whether the chart's values have that path; names of `set` are such paths. */
static bool has_value(const struct rk_val *v, const char *path)
{
	size_t n;

	rk_each_item (key, n, path, ".")
		v = v && v->kind == RK_MAP ? rk_member(v, key, n) : NULL;
	return v != NULL;
}

/* The user's values; what rk3k sets is refused there, so that neither silently wins. */
static int put_values_file(struct rk_step_build *b, struct rk_val *spec)
{
	const char *path = str(b->s, RK_KEY_RANCHER_VALUES_FILE), *theirs;
	const struct rk_val *set = rk_get(spec, "set", NULL),
			    *features = rk_get(set, "features", NULL);
	rk_auto_buf text = RK_BUF_INIT, out = RK_BUF_INIT;
	struct rk_val *values = NULL;

	if (!*path)
		return 0;
	rk_doc_source(b->d, path);
	if (rk_file_read(path, STEP_FILE_MAX, &text, b->err) < 0 ||
		rk_yaml_parse(b->d, text.s, text.len, &values, b->err) < 0)
		return rk_err_wrap(b->err, "RANCHER_VALUES_FILE");
	if (!values || values->kind != RK_MAP)
		return rk_err_set(
			b->err, RK_FAIL, "RANCHER_VALUES_FILE: %s is not a map of values", path);
	/* feature switches are one string: those of the file follow ours */
	theirs = rk_get_str(values, "features", NULL);
	if (rk_get(values, "features", NULL) && (!theirs || strstr(theirs, "fleet="))) {
		rk_err_set(b->err, RK_CONFLICT, "RANCHER_VALUES_FILE: features %s",
			theirs ? "sets fleet" : "is not a string");
		return rk_err_hint(b->err, "use the setting FLEET for it");
	}
	if (theirs && features) {
		rk_set_str(b->d, values, "features",
			rk_doc_printf(b->d, "%s,%s", rk_str(features), theirs));
		rk_remove(rk_mut(features));
	}
	if (has_value(values, "bootstrapPassword")) {
		rk_err_set(b->err, RK_CONFLICT, "RANCHER_VALUES_FILE sets bootstrapPassword");
		return rk_err_hint(
			b->err, "use the setting BOOTSTRAP_PW, which keeps it in a Secret");
	}
	rk_each (v, set)
		if (has_value(values, v->key)) {
			rk_err_set(b->err, RK_CONFLICT,
				"RANCHER_VALUES_FILE sets %s, which rk3k sets to %s", v->key,
				rk_str_loose(v));
			return rk_err_hint(
				b->err, "remove it from %s; the settings decide about it", path);
		}
	rk_yaml_write(values, false, &out);
	rk_set_str(b->d, spec, "valuesContent", out.s);
	return 0;
}

bool step_rancher(struct rk_step_build *b)
{
	const struct rk_settings *s = b->s;
	const char *source = str(s, RK_KEY_TLS_SOURCE), *registry = opt(s, RK_KEY_PRIVATE_REGISTRY);
	bool acme = rk_streq(source, "letsEncrypt");
	struct rk_val *chart = step_fill(b, "rancher", "version", str(s, RK_KEY_RANCHER_VERSION),
		"hostname", rk_settings_primary(s), "tlsSource", source, "#replicas",
		rk_settings_servers(s), "features",
		rk_setting_yes(s, RK_KEY_FLEET) ? NULL : "fleet=false", "registry",
		registry ? rk_doc_printf(b->d, "%s/docker.io", registry) : NULL, "privateCA",
		rk_steps_anchor(s) != RK_KEY_COUNT ? "true" : NULL, "acmeEmail",
		acme ? str(s, RK_KEY_ACME_EMAIL) : NULL, "acmeEnvironment",
		acme ? str(s, RK_KEY_ACME_ENVIRONMENT) : NULL, "acmeClass",
		acme ? str(s, RK_KEY_ACME_CLASS) : NULL, NULL);

	return set_source(b, RK_KEY_RANCHER_REPO, chart) &&
	       put_values_file(b, rk_map_at(b->d, chart, "spec", NULL)) == 0;
}

bool step_rancher_ha(struct rk_step_build *b)
{
	return step_fill(b, "rancher-ha", "#minAvailable", rk_settings_servers(b->s) - 1, NULL);
}

bool step_has_more_hosts(const struct rk_settings *s)
{
	return strchr(str(s, RK_KEY_HOSTNAMES), ',') != NULL;
}

static char *with_dashes(struct rk_doc *d, const char *host)
{
	char *name = rk_doc_printf(d, "rancher-%s", host);

	for (char *p = name; *p; p++)
		*p = *p == '.' ? '-' : *p;
	return name;
}

bool step_fqdn(struct rk_step_build *b)
{
	const char *secret = rk_settings_tls_source_secret(b->s);
	rk_auto_strv hosts = {0};

	/* The chart's certificate carries the primary name alone; its issuer signs one for all. */
	if (!step_has_secret_tls(b->s) && !put_certificate(b, secret, "rancher"))
		return false;
	rk_settings_hosts(b->s, &hosts);
	for (size_t i = 1; i < hosts.n; i++) {
		/* rancher-a-b-example-com; with a hash when that is too long or is the name for two hosts */
		const char *host = hosts.v[i], *name = with_dashes(b->d, host);
		bool taken = strlen(name) > 63;
		char hash[65];

		for (size_t j = 1; j < hosts.n; j++)
			taken |= j != i && rk_streq(with_dashes(b->d, hosts.v[j]), name);
		rk_sha256_hex(host, strlen(host), hash);
		if (taken)
			name = rk_doc_printf(b->d, "%.50s-%.10s", name, hash);
		if (!step_fill(
			    b, "extra-ingress", "name", name, "host", host, "secret", secret, NULL))
			return false;
	}
	return true;
}
