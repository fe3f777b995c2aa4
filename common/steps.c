// SPDX-License-Identifier: Apache-2.0
#include "steps.h"

#include <stdarg.h>

#include "cert.h"
#include "file.h"
#include "ingress.h"
#include "k3k.h"
#include "registries.h"

#define PEM_MAX ((size_t)1 << 20)

static const char *str(const struct rk_settings *s, enum rk_key k)
{
	const char *v = rk_setting(s, k);

	return v ? v : "";
}

static bool is(const struct rk_settings *s, enum rk_key k)
{
	return rk_setting_is(s, k);
}

static bool ha(const struct rk_settings *s)
{
	return rk_settings_servers(s) > 1;
}

static bool secret_tls(const struct rk_settings *s)
{
	return rk_streq(str(s, RK_KEY_TLS_SOURCE), "secret");
}

static bool by_ingress(const struct rk_settings *s)
{
	return is(s, RK_KEY_K3K_API_HOSTNAME);
}

static bool ca_pair(const struct rk_settings *s)
{
	return secret_tls(s) && is(s, RK_KEY_CA_CERT_PATH);
}

/* --- filling skeletons --- */

/* Parameters as pairs of strings; ${cluster} is among them always. */
static struct rk_val *params(struct rk_doc *d, const struct rk_settings *s, ...)
{
	struct rk_val *p = rk_map(d);
	const char *key;
	va_list ap;

	rk_set_str(d, p, "cluster", rk_settings_cluster(s));
	va_start(ap, s);
	while ((key = va_arg(ap, const char *)))
		rk_set_str(d, p, key, va_arg(ap, const char *));
	va_end(ap);
	return p;
}

/* Fill a skeleton, move its objects to out; *last is the last of them. */
static int fill(struct rk_doc *d, const char *manifest, const struct rk_val *p, struct rk_val *out,
	struct rk_val **last, struct rk_err *err)
{
	struct rk_val *docs;

	*last = NULL;
	if (rk_manifest(d, manifest, p, &docs, err) < 0)
		return -1;
	while (docs->child) {
		*last = docs->child;
		rk_remove(*last);
		rk_append(out, *last);
	}
	return 0;
}

static int put_namespace(struct rk_doc *d, const struct rk_settings *s, const char *name,
	struct rk_val *out, struct rk_err *err)
{
	struct rk_val *obj;

	return fill(d, "namespace", params(d, s, "name", name, NULL), out, &obj, err);
}

/* A Secret; data is a map for the caller to fill. */
static int put_secret(struct rk_doc *d, const struct rk_settings *s, const char *ns,
	const char *name, const char *type, struct rk_val *out, struct rk_val **data,
	struct rk_err *err)
{
	struct rk_val *obj;

	if (fill(d, "secret", params(d, s, "namespace", ns, "name", name, "type", type, NULL), out,
		    &obj, err) < 0)
		return -1;
	*data = rk_map_at(d, obj, "data", NULL);
	return 0;
}

static void put_data(struct rk_doc *d, struct rk_val *data, const char *key, const struct rk_buf *b)
{
	rk_set(d, data, key, rk_base64_val(d, b->s, b->len));
}

static int read_pem(
	const struct rk_settings *s, enum rk_key k, struct rk_buf *out, struct rk_err *err)
{
	if (rk_file_read(str(s, k), PEM_MAX, out, err) < 0)
		return rk_err_wrap(err, "%s", rk_settings_table[k].name);
	return 0;
}

/* --- on the host --- */

static int build_namespace(
	struct rk_doc *d, const struct rk_settings *s, struct rk_val *out, struct rk_err *err)
{
	return put_namespace(d, s, rk_settings_ns(s), out, err);
}

int rk_step_mirrors(
	struct rk_doc *d, const struct rk_settings *s, struct rk_strv *out, struct rk_err *err)
{
	const char *path = str(s, RK_KEY_MIRROR_REGISTRIES_FILE);
	rk_auto_buf text = RK_BUF_INIT;

	if (!*path) {
		for (const char *const *m = rk_mirrors_default; *m; m++)
			rk_strv_add(out, *m);
		return 0;
	}
	if (rk_file_read(path, PEM_MAX, &text, err) < 0)
		return rk_err_wrap(err, "MIRROR_REGISTRIES_FILE");
	return rk_mirrors_parse(d, text.s, text.len, path, out, err);
}

/* registries.yaml as a tree, or NULL when it would say nothing. */
static int registries_tree(
	struct rk_doc *d, const struct rk_settings *s, struct rk_val **out, struct rk_err *err)
{
	struct rk_registries r = {
		.host = str(s, RK_KEY_PRIVATE_REGISTRY), .ca = is(s, RK_KEY_PRIVATE_CA_PATH)};
	int ret = 0;

	*out = NULL;
	if (rk_settings_has_login(s, r.host))
		ret = rk_settings_login(s, r.host, &r.login, err);
	if (ret == 0)
		ret = rk_step_mirrors(d, s, &r.mirrors, err);
	if (ret == 0)
		*out = rk_registries_tree(d, &r);
	rk_strv_release(&r.mirrors);
	return ret;
}

/* Whether registries.yaml is made and therefore mounted. An unreadable list counts as made, so
 * that the step is built and fails with its reason. */
static bool has_registry(const struct rk_settings *s)
{
	rk_auto_doc *d = NULL;
	struct rk_val *tree;

	if (!is(s, RK_KEY_PRIVATE_REGISTRY))
		return false;
	d = rk_doc_new(true);
	return registries_tree(d, s, &tree, NULL) < 0 || tree;
}

static int build_registry(
	struct rk_doc *d, const struct rk_settings *s, struct rk_val *out, struct rk_err *err)
{
	rk_auto_buf yaml = RK_BUF_INIT_SECRET, ca = RK_BUF_INIT;
	struct rk_val *tree, *data;

	if (registries_tree(d, s, &tree, err) < 0)
		return -1;
	rk_yaml_write(tree, false, &yaml);
	if (put_secret(d, s, rk_settings_ns(s), RK_REGISTRY_CONFIG_SECRET, "Opaque", out, &data,
		    err) < 0)
		return -1;
	put_data(d, data, "registries.yaml", &yaml);
	if (!is(s, RK_KEY_PRIVATE_CA_PATH))
		return 0;
	if (read_pem(s, RK_KEY_PRIVATE_CA_PATH, &ca, err) < 0 ||
		put_secret(d, s, rk_settings_ns(s), RK_REGISTRY_CA_SECRET, "Opaque", out, &data,
			err) < 0)
		return -1;
	put_data(d, data, "ca.crt", &ca);
	return 0;
}

/* k3k 1.1 pastes the arguments into its start script as one unquoted word, so that a second one
 * breaks the script; there all of them go into one element that brings its own quotes. 1.0 and
 * 1.2 take a list, and would choke on those quotes. */
static void server_args(struct rk_doc *d, const struct rk_settings *s, struct rk_val *spec)
{
	struct rk_val *args = rk_mut(rk_get(spec, "serverArgs", NULL));
	const char *version = str(s, RK_KEY_K3K_VERSION), *host = str(s, RK_KEY_PRIVATE_REGISTRY);
	rk_auto_buf one = RK_BUF_INIT;

	if (*host)
		rk_append_str(
			d, args, rk_doc_printf(d, "--system-default-registry=%s/docker.io", host));
	if (has_registry(s) && !rk_setting_yes(s, RK_KEY_REGISTRY_FALLBACK))
		rk_append_str(d, args, "--disable-default-registry-endpoint");
	if (args->count < 2 || !rk_version_at_least(version, 1, 1) ||
		rk_version_at_least(version, 1, 2))
		return;
	rk_each (a, args)
		rk_buf_addf(&one, "%s%s", one.len ? " " : "'", rk_str(a));
	rk_buf_putc(&one, '\'');
	args = rk_seq(d);
	rk_append_str(d, args, one.s);
	rk_set(d, spec, "serverArgs", args);
}

/* Without a name for the API: a node port, and etcd's port stays inside (several servers need it). */
static void expose(struct rk_doc *d, const struct rk_settings *s, struct rk_val *spec)
{
	struct rk_val *exp = rk_map_at(d, spec, "expose", NULL), *ingress, *sans;
	struct rk_strv names = {0};

	rk_setting_list(s, RK_KEY_K3K_API_HOSTNAME, &names);
	if (!names.n) {
		struct rk_val *port = rk_map_at(d, exp, "nodePort", NULL);

		if (!ha(s))
			rk_set_int(d, port, "etcdPort", 0);
		return;
	}
	ingress = rk_map_at(d, exp, "ingress", NULL);
	rk_set_str(d, ingress, "ingressClassName", str(s, RK_KEY_INGRESS_CLASS));
	rk_set_str(d, rk_map_at(d, ingress, "annotations", NULL),
		"nginx.ingress.kubernetes.io/ssl-passthrough", "true");
	sans = rk_seq(d);
	for (size_t i = 0; i < names.n; i++)
		rk_append_str(d, sans, names.v[i]);
	rk_set(d, spec, "tlsSANs", sans);
	rk_strv_release(&names);
}

/* Spread servers over nodes; preferred, so that a small host still works. From k3k 1.1.0 on. */
static void affinity(struct rk_doc *d, const struct rk_settings *s, struct rk_val *spec)
{
	struct rk_val *anti, *list, *item, *term, *labels;

	if (!ha(s) || !rk_version_at_least(str(s, RK_KEY_K3K_VERSION), 1, 1))
		return;
	anti = rk_map_at(d, spec, "serverAffinity", "podAntiAffinity", NULL);
	list = rk_seq(d);
	item = rk_map(d);
	rk_set_int(d, item, "weight", 100);
	term = rk_map_at(d, item, "podAffinityTerm", NULL);
	rk_set_str(d, term, "topologyKey", "kubernetes.io/hostname");
	labels = rk_map_at(d, term, "labelSelector", "matchLabels", NULL);
	rk_set_str(d, labels, "cluster", rk_settings_cluster(s));
	rk_set_str(d, labels, "role", "server");
	rk_append(list, item);
	rk_set(d, anti, "preferredDuringSchedulingIgnoredDuringExecution", list);
}

static void persistence(struct rk_doc *d, const struct rk_settings *s, struct rk_val *spec)
{
	struct rk_val *p = rk_map_at(d, spec, "persistence", NULL);

	if (!rk_streq(str(s, RK_KEY_STORAGE_TYPE), "dynamic"))
		return;
	if (is(s, RK_KEY_STORAGE_CLASS))
		rk_set_str(d, p, "storageClassName", str(s, RK_KEY_STORAGE_CLASS));
	rk_set_str(d, p, "storageRequestSize", str(s, RK_KEY_PVC_SIZE));
}

static int build_cluster(
	struct rk_doc *d, const struct rk_settings *s, struct rk_val *out, struct rk_err *err)
{
	struct rk_val *p = rk_map(d), *obj, *spec;

	rk_set_str(d, p, "name", rk_settings_cluster(s));
	rk_set_str(d, p, "namespace", rk_settings_ns(s));
	rk_set_int(d, p, "servers", rk_settings_servers(s));
	rk_set_str(d, p, "clusterCIDR", str(s, RK_KEY_CLUSTER_CIDR));
	rk_set_str(d, p, "serviceCIDR", str(s, RK_KEY_SERVICE_CIDR));
	rk_set_str(d, p, "storageType", str(s, RK_KEY_STORAGE_TYPE));
	if (fill(d, "cluster", p, out, &obj, err) < 0)
		return -1;
	spec = rk_map_at(d, obj, "spec", NULL);
	if (is(s, RK_KEY_K3S_VERSION))
		rk_set_str(d, spec, "version", str(s, RK_KEY_K3S_VERSION));
	persistence(d, s, spec);
	server_args(d, s, spec);
	expose(d, s, spec);
	affinity(d, s, spec);
	if (has_registry(s))
		rk_set(d, spec, "secretMounts",
			rk_registries_mounts(d, is(s, RK_KEY_PRIVATE_CA_PATH)));
	return 0;
}

static int build_pdb(
	struct rk_doc *d, const struct rk_settings *s, struct rk_val *out, struct rk_err *err)
{
	struct rk_val *p, *obj;
	char name[64];

	rk_k3k_name(name, rk_settings_cluster(s), "server");
	p = params(d, s, "name", name, "namespace", rk_settings_ns(s), NULL);
	rk_set_int(d, p, "minAvailable", rk_settings_servers(s) / 2 + 1);
	return fill(d, "server-pdb", p, out, &obj, err);
}

static int build_ingress(
	struct rk_doc *d, const struct rk_settings *s, struct rk_val *out, struct rk_err *err)
{
	struct rk_ingress in = {.ns = rk_settings_ns(s),
		.cluster = rk_settings_cluster(s),
		.service = str(s, RK_KEY_SERVICE_NAME),
		.name = str(s, RK_KEY_INGRESS_NAME),
		.secret = str(s, RK_KEY_TLS_SECRET),
		.class = str(s, RK_KEY_INGRESS_CLASS)};
	struct rk_val *objs;
	int ret;

	rk_settings_hosts(s, &in.hosts);
	ret = rk_ingress_objects(d, &in, &objs, err);
	rk_strv_release(&in.hosts);
	while (ret == 0 && objs->child) {
		struct rk_val *obj = objs->child;

		rk_remove(obj);
		rk_append(out, obj);
	}
	return ret;
}

/* --- inside the virtual cluster --- */

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

static int build_bootstrap(
	struct rk_doc *d, const struct rk_settings *s, struct rk_val *out, struct rk_err *err)
{
	rk_auto_buf pw = RK_BUF_INIT_SECRET;
	struct rk_val *data;

	if (!is(s, RK_KEY_BOOTSTRAP_PW))
		generate_password(&pw);
	else if (rk_setting_secret(s, RK_KEY_BOOTSTRAP_PW, &pw, err) < 0)
		return -1;
	if (put_namespace(d, s, RK_CATTLE_NS, out, err) < 0 ||
		put_secret(d, s, RK_CATTLE_NS, RK_BOOTSTRAP_SECRET, "Opaque", out, &data, err) < 0)
		return -1;
	put_data(d, data, "bootstrapPassword", &pw);
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

static bool has_chart_auth(const struct rk_settings *s)
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

	if (http_login(s, &l, err) < 0 || put_secret(d, s, RK_CHART_NS, RK_REPO_AUTH,
						  "kubernetes.io/basic-auth", out, &data, err) < 0)
		return -1;
	rk_set(d, data, "username", rk_base64_val(d, l.user, strlen(l.user)));
	rk_set(d, data, "password", rk_base64_val(d, l.password, strlen(l.password)));
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
	if (put_secret(d, s, RK_CHART_NS, RK_OCI_AUTH, "kubernetes.io/dockerconfigjson", out, &data,
		    err) < 0)
		return -1;
	put_data(d, data, ".dockerconfigjson", &json);
	return 0;
}

static int put_chart_ca(
	struct rk_doc *d, const struct rk_settings *s, struct rk_val *out, struct rk_err *err)
{
	rk_auto_buf pem = RK_BUF_INIT;
	struct rk_val *obj;

	if (read_pem(s, RK_KEY_PRIVATE_CA_PATH, &pem, err) < 0)
		return -1;
	return fill(d, "chart-ca", params(d, s, "bundle", pem.s, NULL), out, &obj, err);
}

static int build_chart_auth(
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

static int build_cert_manager(
	struct rk_doc *d, const struct rk_settings *s, struct rk_val *out, struct rk_err *err)
{
	const char *version = str(s, RK_KEY_CERTMANAGER_VERSION);
	struct rk_val *chart, *set;

	if (fill(d, "cert-manager",
		    params(d, s, "version", version, "chart",
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

/* The file whose certificates Rancher shows its agents at /cacerts, or RK_KEY_COUNT. Only for a
 * certificate that a CA of the user signed: the registry's CA would break the agents of a
 * deployment whose certificate comes from Rancher or Let's Encrypt. */
static enum rk_key trust_anchor(const struct rk_settings *s)
{
	rk_auto_buf leaf = RK_BUF_INIT, ca = RK_BUF_INIT;
	rk_auto_cert *cert = NULL;

	if (!secret_tls(s))
		return RK_KEY_COUNT;
	if (is(s, RK_KEY_CA_ROOT_PATH))
		return RK_KEY_CA_ROOT_PATH;
	if (ca_pair(s))
		return RK_KEY_CA_CERT_PATH;
	if (is(s, RK_KEY_PRIVATE_CA_PATH) && !read_pem(s, RK_KEY_TLS_CERT_PATH, &leaf, NULL) &&
		!read_pem(s, RK_KEY_PRIVATE_CA_PATH, &ca, NULL) &&
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

	if (read_pem(s, cert_key, &cert, err) < 0 || read_pem(s, cert_key + 1, &key, err) < 0)
		return -1;
	if (rk_cert_parse(&parsed, cert.s, cert.len, err) < 0)
		return rk_err_wrap(err, "%s", rk_settings_table[cert_key].name);
	if (rk_cert_check_key(parsed, key.s, key.len, err) < 0)
		return rk_err_wrap(err, "%s", rk_settings_table[cert_key + 1].name);
	if (put_secret(d, s, RK_CATTLE_NS, name, "kubernetes.io/tls", out, &data, err) < 0)
		return -1;
	put_data(d, data, "tls.crt", &cert);
	put_data(d, data, "tls.key", &key);
	return 0;
}

static int put_anchor(
	struct rk_doc *d, const struct rk_settings *s, struct rk_val *out, struct rk_err *err)
{
	enum rk_key k = trust_anchor(s);
	rk_auto_buf pem = RK_BUF_INIT;
	struct rk_val *data;

	if (k == RK_KEY_COUNT)
		return 0;
	if (read_pem(s, k, &pem, err) < 0 ||
		put_secret(d, s, RK_CATTLE_NS, "tls-ca", "Opaque", out, &data, err) < 0)
		return -1;
	put_data(d, data, "cacerts.pem", &pem);
	return 0;
}

static int put_certificate(struct rk_doc *d, const struct rk_settings *s, const char *name,
	const char *issuer, struct rk_val *out, struct rk_err *err)
{
	struct rk_val *cert, *names = rk_seq(d);
	struct rk_strv hosts = {0};

	if (fill(d, "certificate", params(d, s, "name", name, "issuer", issuer, NULL), out, &cert,
		    err) < 0)
		return -1;
	rk_settings_hosts(s, &hosts);
	for (size_t i = 0; i < hosts.n; i++)
		rk_append_str(d, names, hosts.v[i]);
	rk_strv_release(&hosts);
	rk_set(d, rk_map_at(d, cert, "spec", NULL), "dnsNames", names);
	return 0;
}

static int build_issuer(
	struct rk_doc *d, const struct rk_settings *s, struct rk_val *out, struct rk_err *err)
{
	struct rk_val *issuer;

	if (put_anchor(d, s, out, err) < 0)
		return -1;
	if (!ca_pair(s))
		return put_tls_pair(d, s, RK_INGRESS_SECRET, RK_KEY_TLS_CERT_PATH, out, err);
	if (put_tls_pair(d, s, "ca-signing-keypair", RK_KEY_CA_CERT_PATH, out, err) < 0 ||
		fill(d, "ca-issuer", params(d, s, NULL), out, &issuer, err) < 0)
		return -1;
	return put_certificate(d, s, RK_INGRESS_SECRET, "ca-issuer", out, err);
}

static int build_rancher(
	struct rk_doc *d, const struct rk_settings *s, struct rk_val *out, struct rk_err *err)
{
	struct rk_val *p = params(d, s, "version", str(s, RK_KEY_RANCHER_VERSION), "chart",
		chart_name(s, RK_KEY_RANCHER_REPO, "rancher"), "hostname", rk_settings_primary(s),
		"tlsSource", str(s, RK_KEY_TLS_SOURCE), NULL);
	const char *registry = str(s, RK_KEY_PRIVATE_REGISTRY);
	struct rk_val *chart, *set;

	rk_set_int(d, p, "replicas", rk_settings_servers(s));
	if (fill(d, "rancher", p, out, &chart, err) < 0)
		return -1;
	chart_source(d, s, RK_KEY_RANCHER_REPO, chart);
	set = rk_map_at(d, chart, "spec", "set", NULL);
	if (*registry)
		rk_set_str(d, set, "systemDefaultRegistry",
			rk_doc_printf(d, "%s/docker.io", registry));
	if (trust_anchor(s) != RK_KEY_COUNT)
		rk_set_str(d, set, "privateCA", "true");
	if (rk_streq(str(s, RK_KEY_TLS_SOURCE), "letsEncrypt")) {
		rk_set_str(d, set, "letsEncrypt.email", str(s, RK_KEY_ACME_EMAIL));
		rk_set_str(d, set, "letsEncrypt.environment", str(s, RK_KEY_ACME_ENVIRONMENT));
		rk_set_str(d, set, "letsEncrypt.ingress.class", str(s, RK_KEY_ACME_CLASS));
	}
	return 0;
}

static int build_rancher_ha(
	struct rk_doc *d, const struct rk_settings *s, struct rk_val *out, struct rk_err *err)
{
	struct rk_val *p = params(d, s, NULL), *obj;

	rk_set_int(d, p, "minAvailable", rk_settings_servers(s) - 1);
	return fill(d, "rancher-pdb", p, out, &obj, err);
}

static bool several_hosts(const struct rk_settings *s)
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

static int build_fqdn(
	struct rk_doc *d, const struct rk_settings *s, struct rk_val *out, struct rk_err *err)
{
	const char *secret = rk_settings_tls_source_secret(s);
	struct rk_strv hosts = {0};
	struct rk_val *obj;
	int ret = 0;

	/* The chart's certificate carries the primary name alone; its issuer signs one for all. */
	if (!secret_tls(s) && put_certificate(d, s, secret, "rancher", out, err) < 0)
		return -1;
	rk_settings_hosts(s, &hosts);
	for (size_t i = 1; i < hosts.n && ret == 0; i++)
		ret = fill(d, "extra-ingress",
			params(d, s, "name", ingress_name(d, &hosts, i), "host", hosts.v[i],
				"secret", secret, NULL),
			out, &obj, err);
	rk_strv_release(&hosts);
	return ret;
}

/* --- the table --- */

const struct rk_step rk_steps[] = {
	{"namespace", false, "the virtual cluster's namespace", NULL, build_namespace},
	{"registry", false, "private registry for the servers", has_registry, build_registry},
	{"passthrough", false, "TLS passthrough in the host's ingress controller", by_ingress,
		NULL},
	{"cluster", false, "the virtual cluster", NULL, build_cluster},
	{"pdb", false, "quorum of the servers during drains", ha, build_pdb},
	{"bootstrap", true, "Rancher's namespace and first password", NULL, build_bootstrap},
	{"chart-auth", true, "credentials and CA of private chart hosts", has_chart_auth,
		build_chart_auth},
	{"cert-manager", true, "cert-manager's chart", NULL, build_cert_manager},
	{"issuer", true, "your CA or certificate for Rancher", secret_tls, build_issuer},
	{"rancher", true, "Rancher's chart", NULL, build_rancher},
	{"rancher-ha", true, "Rancher's pods during drains", ha, build_rancher_ha},
	{"fqdn", true, "further names of Rancher", several_hosts, build_fqdn},
	{"ingress", false, "the host's Service and Ingress", NULL, build_ingress},
	{0},
};

const struct rk_step *rk_step_find(const char *name)
{
	for (const struct rk_step *step = rk_steps; step->name; step++)
		if (rk_streq(step->name, name))
			return step;
	return NULL;
}

bool rk_step_applies(const struct rk_step *step, const struct rk_settings *s)
{
	return !step->applies || step->applies(s);
}

int rk_step_objects(struct rk_doc *d, const struct rk_settings *s, const struct rk_step *step,
	struct rk_val **out, struct rk_err *err)
{
	if (!rk_step_applies(step, s))
		return rk_err_set(err, RK_NOTFOUND, "step %s has nothing to do with these settings",
			step->name);
	if (!step->build)
		return rk_err_set(err, RK_USAGE, "step %s is a tool of its own", step->name);
	*out = rk_seq(d);
	if (step->build(d, s, *out, err) < 0)
		return rk_err_wrap(err, "step %s", step->name);
	return 0;
}

void rk_mask_secret(struct rk_doc *d, struct rk_val *obj)
{
	static const char *const members[] = {"data", "stringData"};

	if (!rk_streq(rk_get_str(obj, "kind", NULL), "Secret"))
		return;
	for (size_t i = 0; i < RK_COUNT(members); i++) {
		struct rk_val *hidden = rk_map(d);
		const struct rk_val *data = rk_get(obj, members[i], NULL);

		rk_each (v, data)
			rk_set_str(d, hidden, v->key, "(hidden)");
		if (data)
			rk_set(d, obj, members[i], hidden);
	}
}
