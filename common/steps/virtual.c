// SPDX-License-Identifier: Apache-2.0
/* What is applied in the virtual cluster: cert-manager, issuer, Rancher, and what they need. */
#include "internal.h"

#include "tls/tls.h"
#include "os/os.h"
#include "expose/expose.h"
#include "k3k/k3k.h"
#include "registry/registry.h"

bool step_has_secret_tls(const struct rk_settings *s)
{
	return rk_streq(str(s, RK_KEY_TLS_SOURCE), "secret");
}

static bool ca_pair(const struct rk_settings *s)
{
	return step_has_secret_tls(s) && is(s, RK_KEY_CA_CERT_PATH);
}

/* 24 characters without look-alikes, about 140 bits. */
static void generate_password(struct rk_buf *out)
{
	static const char set[] = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";

	while (out->len < 24) {
		unsigned char c;

		rk_random(&c, 1);
		if (c < 256 / (sizeof(set) - 1) * (sizeof(set) - 1))
			rk_buf_putc(out, set[c % (sizeof(set) - 1)]);
	}
}

int step_bootstrap(
	struct rk_doc *d, const struct rk_settings *s, struct rk_val *out, struct rk_err *err)
{
	rk_auto_buf pw = RK_BUF_INIT_SECRET;
	struct rk_val *data;

	if (!is(s, RK_KEY_BOOTSTRAP_PW))
		generate_password(&pw);
	else if (rk_setting_secret(s, RK_KEY_BOOTSTRAP_PW, &pw, err) < 0)
		return -1;
	if (step_put_namespace(d, s, RK_CATTLE_NS, out, err) < 0 ||
		step_put_secret(
			d, s, RK_CATTLE_NS, RK_BOOTSTRAP_SECRET, "Opaque", out, &data, err) < 0)
		return -1;
	step_put_data(d, data, "bootstrapPassword", &pw);
	/* an existing one stays: Rancher reads it at its first start only */
	step_create_only(d, data->parent);
	return 0;
}

static const enum rk_key CHARTS[] = {RK_KEY_CERTMANAGER_REPO, RK_KEY_RANCHER_REPO};

static bool chart_ca(const struct rk_settings *s, enum rk_key repo)
{
	return rk_settings_repo_private(s, repo) && is(s, RK_KEY_PRIVATE_CA_PATH);
}

static bool chart_login(const struct rk_settings *s, enum rk_key repo, bool oci)
{
	return rk_repo_is_oci(str(s, repo)) == oci && rk_settings_has_login(s, str(s, repo));
}

/* Whether a chart inside is shown the CA, credentials over HTTP, credentials over OCI. */
static bool any_ca(const struct rk_settings *s)
{
	return chart_ca(s, CHARTS[0]) || chart_ca(s, CHARTS[1]);
}

static bool any_login(const struct rk_settings *s, bool oci)
{
	return chart_login(s, CHARTS[0], oci) || chart_login(s, CHARTS[1], oci);
}

bool step_has_chart_auth(const struct rk_settings *s)
{
	return any_ca(s) || any_login(s, false) || any_login(s, true);
}

/* One Secret holds one pair: charts on two hosts can share it only when the pair is the same. */
static int http_login(const struct rk_settings *s, struct rk_login *out, struct rk_err *err)
{
	*out = (struct rk_login){0};
	for (size_t i = 0; i < RK_COUNT(CHARTS); i++) {
		struct rk_login l;

		if (!chart_login(s, CHARTS[i], false))
			continue;
		if (rk_settings_login(s, str(s, CHARTS[i]), &l, err) < 0)
			return -1;
		if (!l.user)
			return rk_err_set(err, RK_FAIL,
				"%s: %s holds a token, and charts over https want a password",
				str(s, CHARTS[i]), l.from);
		if (out->user &&
			(!rk_streq(out->user, l.user) || !rk_streq(out->password, l.password))) {
			rk_err_set(err, RK_CONFLICT,
				"CERTMANAGER_REPO and RANCHER_REPO have different credentials");
			return rk_err_hint(err,
				"Secret %s holds one pair: take one host for "
				"both, or oci:// for one of them",
				RK_REPO_AUTH);
		}
		*out = l;
	}
	return 0;
}

static int put_repo_auth(
	struct rk_doc *d, const struct rk_settings *s, struct rk_val *out, struct rk_err *err)
{
	struct rk_login l;
	struct rk_val *data;

	if (http_login(s, &l, err) < 0 || step_put_secret(d, s, RK_CHART_NS, RK_REPO_AUTH,
						  "kubernetes.io/basic-auth", out, &data, err) < 0)
		return -1;
	rk_set(d, data, "username", rk_val_base64(d, l.user, strlen(l.user)));
	rk_set(d, data, "password", rk_val_base64(d, l.password, strlen(l.password)));
	return 0;
}

/* One entry for each private host a chart comes from. */
static int put_oci_auth(
	struct rk_doc *d, const struct rk_settings *s, struct rk_val *out, struct rk_err *err)
{
	rk_auto_buf json = RK_BUF_INIT_SECRET;
	struct rk_val *data, *config = rk_map(d);

	for (size_t i = 0; i < RK_COUNT(CHARTS); i++) {
		rk_auto_free char *host = rk_repo_host(str(s, CHARTS[i]));
		struct rk_login l;

		if (!chart_login(s, CHARTS[i], true))
			continue;
		if (rk_settings_login(s, str(s, CHARTS[i]), &l, err) < 0)
			return -1;
		rk_docker_config(d, config, host, &l);
	}
	rk_json_write(config, RK_JSON_COMPACT, &json);
	if (step_put_secret(d, s, RK_CHART_NS, RK_OCI_AUTH, "kubernetes.io/dockerconfigjson", out,
		    &data, err) < 0)
		return -1;
	step_put_data(d, data, ".dockerconfigjson", &json);
	return 0;
}

static int put_chart_ca(
	struct rk_doc *d, const struct rk_settings *s, struct rk_val *out, struct rk_err *err)
{
	rk_auto_buf pem = RK_BUF_INIT;
	struct rk_val *obj;

	if (step_read_pem(s, RK_KEY_PRIVATE_CA_PATH, &pem, err) < 0)
		return -1;
	return step_fill(d, "chart-ca", step_params(d, s, "bundle", pem.s, NULL), out, &obj, err);
}

int step_chart_auth(
	struct rk_doc *d, const struct rk_settings *s, struct rk_val *out, struct rk_err *err)
{
	if (any_login(s, false) && put_repo_auth(d, s, out, err) < 0)
		return -1;
	if (any_login(s, true) && put_oci_auth(d, s, out, err) < 0)
		return -1;
	return any_ca(s) ? put_chart_ca(d, s, out, err) : 0;
}

/* Where the chart comes from and what that host is shown. */
static void chart_source(
	struct rk_doc *d, const struct rk_settings *s, enum rk_key repo, struct rk_val *chart)
{
	struct rk_val *spec = rk_map_at(d, chart, "spec", NULL);
	bool oci = rk_repo_is_oci(str(s, repo));

	if (!oci)
		rk_set_str(d, spec, "repo", str(s, repo));
	if (rk_settings_has_login(s, str(s, repo)))
		rk_set_str(d, rk_map_at(d, spec, oci ? "dockerRegistrySecret" : "authSecret", NULL),
			"name", oci ? RK_OCI_AUTH : RK_REPO_AUTH);
	if (chart_ca(s, repo))
		rk_set_str(d, rk_map_at(d, spec, "repoCAConfigMap", NULL), "name", RK_REPO_CA);
}

static const char *chart_name(const struct rk_settings *s, enum rk_key repo, const char *name)
{
	return rk_repo_is_oci(str(s, repo)) ? str(s, repo) : name;
}

int step_cert_manager(
	struct rk_doc *d, const struct rk_settings *s, struct rk_val *out, struct rk_err *err)
{
	const char *version = str(s, RK_KEY_CERTMANAGER_VERSION);
	struct rk_val *chart, *set;

	if (step_fill(d, "cert-manager",
		    step_params(d, s, "version", version, "chart",
			    chart_name(s, RK_KEY_CERTMANAGER_REPO, "cert-manager"), NULL),
		    out, &chart, err) < 0)
		return -1;
	chart_source(d, s, RK_KEY_CERTMANAGER_REPO, chart);
	set = rk_map_at(d, chart, "spec", "set", NULL);
	rk_set_str(d, set, rk_version_at_least(version, 1, 15) ? "crds.enabled" : "installCRDs",
		"true");
	if (ha(s)) {
		rk_set_int(d, set, "replicaCount", rk_settings_servers(s));
		rk_set_int(d, set, "webhook.replicaCount", rk_settings_servers(s));
		rk_set_int(d, set, "cainjector.replicaCount", rk_settings_servers(s));
	}
	return 0;
}

enum rk_key rk_steps_anchor(const struct rk_settings *s)
{
	rk_auto_buf leaf = RK_BUF_INIT, ca = RK_BUF_INIT;
	rk_auto_cert *cert = NULL;

	if (!step_has_secret_tls(s))
		return RK_KEY_COUNT;
	if (is(s, RK_KEY_CA_ROOT_PATH))
		return RK_KEY_CA_ROOT_PATH;
	if (ca_pair(s))
		return RK_KEY_CA_CERT_PATH;
	if (is(s, RK_KEY_PRIVATE_CA_PATH) && !step_read_pem(s, RK_KEY_TLS_CERT_PATH, &leaf, NULL) &&
		!step_read_pem(s, RK_KEY_PRIVATE_CA_PATH, &ca, NULL) &&
		!rk_cert_parse(&cert, leaf.s, leaf.len, NULL) &&
		!rk_cert_verify(cert, ca.s, ca.len, NULL, NULL))
		return RK_KEY_PRIVATE_CA_PATH;
	return RK_KEY_COUNT;
}

/* Secret of type tls from two files, refused when the key does not fit. */
static int put_tls_pair(struct rk_doc *d, const struct rk_settings *s, const char *name,
	enum rk_key cert_key, struct rk_val *out, struct rk_err *err)
{
	rk_auto_buf cert = RK_BUF_INIT, key = RK_BUF_INIT_SECRET;
	rk_auto_cert *parsed = NULL;
	struct rk_val *data;

	if (step_read_pem(s, cert_key, &cert, err) < 0 ||
		step_read_pem(s, cert_key + 1, &key, err) < 0)
		return -1;
	if (rk_cert_parse(&parsed, cert.s, cert.len, err) < 0)
		return rk_err_wrap(err, "%s", rk_settings_table[cert_key].name);
	if (rk_cert_check_key(parsed, key.s, key.len, err) < 0)
		return rk_err_wrap(err, "%s", rk_settings_table[cert_key + 1].name);
	if (step_put_secret(d, s, RK_CATTLE_NS, name, "kubernetes.io/tls", out, &data, err) < 0)
		return -1;
	step_put_data(d, data, "tls.crt", &cert);
	step_put_data(d, data, "tls.key", &key);
	return 0;
}

static int put_anchor(
	struct rk_doc *d, const struct rk_settings *s, struct rk_val *out, struct rk_err *err)
{
	enum rk_key k = rk_steps_anchor(s);
	rk_auto_buf pem = RK_BUF_INIT;
	struct rk_val *data;

	if (k == RK_KEY_COUNT)
		return 0;
	if (step_read_pem(s, k, &pem, err) < 0 ||
		step_put_secret(d, s, RK_CATTLE_NS, "tls-ca", "Opaque", out, &data, err) < 0)
		return -1;
	step_put_data(d, data, "cacerts.pem", &pem);
	return 0;
}

static int put_certificate(struct rk_doc *d, const struct rk_settings *s, const char *name,
	const char *issuer, struct rk_val *out, struct rk_err *err)
{
	struct rk_val *cert, *names = rk_seq(d);
	struct rk_strv hosts = {0};

	if (step_fill(d, "certificate", step_params(d, s, "name", name, "issuer", issuer, NULL),
		    out, &cert, err) < 0)
		return -1;
	rk_settings_hosts(s, &hosts);
	for (size_t i = 0; i < hosts.n; i++)
		rk_append_str(d, names, hosts.v[i]);
	rk_strv_release(&hosts);
	rk_set(d, rk_map_at(d, cert, "spec", NULL), "dnsNames", names);
	return 0;
}

int step_issuer(
	struct rk_doc *d, const struct rk_settings *s, struct rk_val *out, struct rk_err *err)
{
	struct rk_val *issuer;

	if (put_anchor(d, s, out, err) < 0)
		return -1;
	if (!ca_pair(s))
		return put_tls_pair(d, s, RK_INGRESS_SECRET, RK_KEY_TLS_CERT_PATH, out, err);
	if (put_tls_pair(d, s, "ca-signing-keypair", RK_KEY_CA_CERT_PATH, out, err) < 0 ||
		step_fill(d, "ca-issuer", step_params(d, s, NULL), out, &issuer, err) < 0)
		return -1;
	return put_certificate(d, s, RK_INGRESS_SECRET, "ca-issuer", out, err);
}

/* The names of `set` are paths into the chart's values. */
static bool has_value(const struct rk_val *values, const char *path)
{
	const struct rk_val *v = values;

	while (v && *path) {
		size_t n = strcspn(path, ".");

		v = v->kind == RK_MAP ? rk_member(v, path, n) : NULL;
		path += n + (path[n] == '.');
	}
	return v != NULL;
}

/* Feature switches are one string: those of the file follow ours. */
static int merge_features(
	struct rk_doc *d, struct rk_val *values, struct rk_val *set, struct rk_err *err)
{
	const char *theirs = rk_get_str(values, "features", NULL);
	const char *ours = rk_get_str(set, "features", NULL);

	if (!rk_get(values, "features", NULL))
		return 0;
	if (!theirs || strstr(theirs, "fleet=")) {
		rk_err_set(err, RK_CONFLICT, "RANCHER_VALUES_FILE: features %s",
			theirs ? "sets fleet" : "is not a string");
		return rk_err_hint(err, "use the setting FLEET for it");
	}
	if (ours)
		rk_set_str(d, values, "features", rk_doc_printf(d, "%s,%s", ours, theirs));
	if (ours)
		rk_remove(rk_mut(rk_get(set, "features", NULL)));
	return 0;
}

/* The user's values; what rk3k sets is refused there, so that neither silently wins. */
static int further_values(struct rk_doc *d, const struct rk_settings *s, struct rk_val *chart,
	struct rk_val *set, struct rk_err *err)
{
	rk_auto_buf text = RK_BUF_INIT, out = RK_BUF_INIT;
	struct rk_val *values = NULL;

	if (!is(s, RK_KEY_RANCHER_VALUES_FILE))
		return 0;
	if (rk_file_read(str(s, RK_KEY_RANCHER_VALUES_FILE), STEP_FILE_MAX, &text, err) < 0)
		return rk_err_wrap(err, "RANCHER_VALUES_FILE");
	rk_doc_source(d, str(s, RK_KEY_RANCHER_VALUES_FILE));
	if (rk_yaml_parse(d, text.s, text.len, &values, err) < 0)
		return rk_err_wrap(err, "RANCHER_VALUES_FILE");
	if (!values || values->kind != RK_MAP)
		return rk_err_set(err, RK_FAIL, "RANCHER_VALUES_FILE: %s is not a map of values",
			str(s, RK_KEY_RANCHER_VALUES_FILE));
	if (merge_features(d, values, set, err) < 0)
		return -1;
	if (has_value(values, "bootstrapPassword")) {
		rk_err_set(err, RK_CONFLICT, "RANCHER_VALUES_FILE sets bootstrapPassword");
		return rk_err_hint(err, "use the setting BOOTSTRAP_PW, which keeps it in a Secret");
	}
	rk_each (v, set)
		if (has_value(values, v->key)) {
			rk_err_set(err, RK_CONFLICT,
				"RANCHER_VALUES_FILE sets %s, which rk3k sets to %s", v->key,
				rk_str_loose(v));
			return rk_err_hint(err, "remove it from %s; the settings decide about it",
				str(s, RK_KEY_RANCHER_VALUES_FILE));
		}
	rk_yaml_write(values, false, &out);
	rk_set_str(d, rk_map_at(d, chart, "spec", NULL), "valuesContent", out.s);
	return 0;
}

int step_rancher(
	struct rk_doc *d, const struct rk_settings *s, struct rk_val *out, struct rk_err *err)
{
	struct rk_val *p = step_params(d, s, "version", str(s, RK_KEY_RANCHER_VERSION), "chart",
		chart_name(s, RK_KEY_RANCHER_REPO, "rancher"), "hostname", rk_settings_primary(s),
		"tlsSource", str(s, RK_KEY_TLS_SOURCE), NULL);
	const char *registry = str(s, RK_KEY_PRIVATE_REGISTRY);
	struct rk_val *chart, *set;

	rk_set_int(d, p, "replicas", rk_settings_servers(s));
	if (step_fill(d, "rancher", p, out, &chart, err) < 0)
		return -1;
	chart_source(d, s, RK_KEY_RANCHER_REPO, chart);
	set = rk_map_at(d, chart, "spec", "set", NULL);
	if (*registry)
		rk_set_str(d, set, "systemDefaultRegistry",
			rk_doc_printf(d, "%s/docker.io", registry));
	if (rk_steps_anchor(s) != RK_KEY_COUNT)
		rk_set_str(d, set, "privateCA", "true");
	if (rk_streq(str(s, RK_KEY_TLS_SOURCE), "letsEncrypt")) {
		rk_set_str(d, set, "letsEncrypt.email", str(s, RK_KEY_ACME_EMAIL));
		rk_set_str(d, set, "letsEncrypt.environment", str(s, RK_KEY_ACME_ENVIRONMENT));
		rk_set_str(d, set, "letsEncrypt.ingress.class", str(s, RK_KEY_ACME_CLASS));
	}
	if (rk_setting_yes(s, RK_KEY_FLEET))
		rk_remove(rk_mut(rk_get(set, "features", NULL)));
	return further_values(d, s, chart, set, err);
}

int step_rancher_ha(
	struct rk_doc *d, const struct rk_settings *s, struct rk_val *out, struct rk_err *err)
{
	struct rk_val *p = step_params(d, s, NULL), *obj;

	rk_set_int(d, p, "minAvailable", rk_settings_servers(s) - 1);
	if (step_fill(d, "rancher-pdb", p, out, &obj, err) < 0)
		return -1;
	return step_fill(d, "rancher-strategy", rk_map(d), out, &obj, err);
}

bool step_several_hosts(const struct rk_settings *s)
{
	return strchr(str(s, RK_KEY_HOSTNAMES), ',') != NULL;
}

/* rancher-a-b-example-com; with a hash when that is too long or would be two hosts' name. */
static const char *ingress_name(struct rk_doc *d, const struct rk_strv *hosts, size_t i)
{
	char *name = rk_doc_printf(d, "rancher-%s", hosts->v[i]);
	bool taken = strlen(name) > 63;
	char hash[65];

	for (char *p = name; *p; p++)
		*p = *p == '.' ? '-' : *p;
	for (size_t j = 1; j < hosts->n; j++) {
		size_t n = strlen(hosts->v[j]);
		bool same = j != i && n == strlen(name) - 8;

		for (size_t c = 0; same && c < n; c++)
			same = name[8 + c] == (hosts->v[j][c] == '.' ? '-' : hosts->v[j][c]);
		taken |= same;
	}
	if (!taken)
		return name;
	rk_sha256_hex(hosts->v[i], strlen(hosts->v[i]), hash);
	return rk_doc_printf(d, "%.50s-%.10s", name, hash);
}

int step_fqdn(struct rk_doc *d, const struct rk_settings *s, struct rk_val *out, struct rk_err *err)
{
	const char *secret = rk_settings_tls_source_secret(s);
	struct rk_strv hosts = {0};
	struct rk_val *obj;
	int ret = 0;

	/* The chart's certificate carries the primary name alone; its issuer signs one for all. */
	if (!step_has_secret_tls(s) && put_certificate(d, s, secret, "rancher", out, err) < 0)
		return -1;
	rk_settings_hosts(s, &hosts);
	for (size_t i = 1; i < hosts.n && ret == 0; i++)
		ret = step_fill(d, "extra-ingress",
			step_params(d, s, "name", ingress_name(d, &hosts, i), "host", hosts.v[i],
				"secret", secret, NULL),
			out, &obj, err);
	rk_strv_release(&hosts);
	return ret;
}
