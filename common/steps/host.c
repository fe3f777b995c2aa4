// SPDX-License-Identifier: Apache-2.0
/* What is applied on the host: namespace, registry, Cluster, quorum, Ingress. */
#include "internal.h"

#include "os/os.h"
#include "expose/expose.h"
#include "k3k/k3k.h"
#include "registry/registry.h"

int step_namespace(
	struct rk_doc *d, const struct rk_settings *s, struct rk_val *out, struct rk_err *err)
{
	struct rk_val *p = step_params(d, s, "name", rk_settings_ns(s), NULL), *obj;

	if (step_fill(d, "namespace", p, out, &obj, err) < 0)
		return -1;
	/* an existing one belongs to another owner: without our label destroy leaves it */
	step_create_only(d, obj);
	return 0;
}

int rk_step_mirrors(
	struct rk_doc *d, const struct rk_settings *s, struct rk_strv *out, struct rk_err *err)
{
	const char *path = str(s, RK_KEY_MIRROR_REGISTRIES_FILE);
	rk_auto_buf text = RK_BUF_INIT;
	const char *host = str(s, RK_KEY_PRIVATE_REGISTRY);

	if (!*path) {
		rk_mirrors_usual(host, out);
		return 0;
	}
	if (rk_file_read(path, STEP_FILE_MAX, &text, err) < 0)
		return rk_err_wrap(err, "MIRROR_REGISTRIES_FILE");
	return rk_mirrors_parse(d, text.s, text.len, path, *host ? host : NULL, out, err);
}

static const char *tag(struct rk_doc *d, const char *version)
{
	return rk_doc_printf(d, "%s%s", *version == 'v' ? "" : "v", version);
}

void rk_step_images(struct rk_doc *d, const struct rk_settings *s, struct rk_strv *out)
{
	static const char *const parts[] = {"controller", "webhook", "cainjector"};
	const char *cm = tag(d, str(s, RK_KEY_CERTMANAGER_VERSION));

	rk_strv_add(out,
		rk_doc_printf(d, "rancher/rancher:%s", tag(d, str(s, RK_KEY_RANCHER_VERSION))));
	for (size_t i = 0; i < RK_COUNT(parts); i++)
		rk_strv_add(
			out, rk_doc_printf(d, "quay.io/jetstack/cert-manager-%s:%s", parts[i], cm));
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
bool step_has_registry(const struct rk_settings *s)
{
	rk_auto_doc *d = NULL;
	struct rk_val *tree;

	if (!is(s, RK_KEY_PRIVATE_REGISTRY))
		return false;
	d = rk_doc_new(true);
	return registries_tree(d, s, &tree, NULL) < 0 || tree;
}

int step_registry(
	struct rk_doc *d, const struct rk_settings *s, struct rk_val *out, struct rk_err *err)
{
	rk_auto_buf yaml = RK_BUF_INIT_SECRET, ca = RK_BUF_INIT;
	struct rk_val *tree, *data;

	if (registries_tree(d, s, &tree, err) < 0)
		return -1;
	rk_yaml_write(tree, false, &yaml);
	if (step_put_secret(d, s, rk_settings_ns(s), RK_REGISTRY_CONFIG_SECRET, "Opaque", out,
		    &data, err) < 0)
		return -1;
	step_put_data(d, data, "registries.yaml", &yaml);
	if (!is(s, RK_KEY_PRIVATE_CA_PATH))
		return 0;
	if (step_read_pem(s, RK_KEY_PRIVATE_CA_PATH, &ca, err) < 0 ||
		step_put_secret(d, s, rk_settings_ns(s), RK_REGISTRY_CA_SECRET, "Opaque", out,
			&data, err) < 0)
		return -1;
	step_put_data(d, data, "ca.crt", &ca);
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
	if (step_has_registry(s) && !rk_setting_yes(s, RK_KEY_REGISTRY_FALLBACK))
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

static void servers(struct rk_doc *d, const struct rk_settings *s, struct rk_val *spec)
{
	struct rk_strv labels = {0};

	rk_setting_list(s, RK_KEY_NODE_SELECTOR, &labels);
	for (size_t i = 0; i < labels.n; i++) {
		const char *eq = strchr(labels.v[i], '=');

		rk_set_str(d, rk_map_at(d, spec, "nodeSelector", NULL),
			rk_doc_strndup(d, labels.v[i], (size_t)(eq - labels.v[i])), eq + 1);
	}
	rk_strv_release(&labels);
	if (is(s, RK_KEY_SERVER_RESOURCES_CPU))
		rk_set_str(d, rk_map_at(d, spec, "serverLimit", NULL), "cpu",
			str(s, RK_KEY_SERVER_RESOURCES_CPU));
	if (is(s, RK_KEY_SERVER_RESOURCES_MEMORY))
		rk_set_str(d, rk_map_at(d, spec, "serverLimit", NULL), "memory",
			str(s, RK_KEY_SERVER_RESOURCES_MEMORY));
}

int step_cluster(
	struct rk_doc *d, const struct rk_settings *s, struct rk_val *out, struct rk_err *err)
{
	struct rk_val *p = rk_map(d), *obj, *spec;

	rk_set_str(d, p, "name", rk_settings_cluster(s));
	rk_set_str(d, p, "namespace", rk_settings_ns(s));
	rk_set_int(d, p, "servers", rk_settings_servers(s));
	rk_set_int(d, p, "agents", strtoll(str(s, RK_KEY_AGENT_COUNT), NULL, 10));
	rk_set_str(d, p, "clusterCIDR", str(s, RK_KEY_CLUSTER_CIDR));
	rk_set_str(d, p, "serviceCIDR", str(s, RK_KEY_SERVICE_CIDR));
	rk_set_str(d, p, "storageType", str(s, RK_KEY_STORAGE_TYPE));
	if (step_fill(d, "cluster", p, out, &obj, err) < 0)
		return -1;
	spec = rk_map_at(d, obj, "spec", NULL);
	if (is(s, RK_KEY_K3S_VERSION))
		rk_set_str(d, spec, "version", str(s, RK_KEY_K3S_VERSION));
	persistence(d, s, spec);
	server_args(d, s, spec);
	expose(d, s, spec);
	affinity(d, s, spec);
	servers(d, s, spec);
	if (step_has_registry(s))
		rk_set(d, spec, "secretMounts",
			rk_registries_mounts(d, is(s, RK_KEY_PRIVATE_CA_PATH)));
	return 0;
}

int step_pdb(struct rk_doc *d, const struct rk_settings *s, struct rk_val *out, struct rk_err *err)
{
	struct rk_val *p, *obj;
	char name[64];

	rk_k3k_name(name, rk_settings_cluster(s), "server");
	p = step_params(d, s, "name", name, "namespace", rk_settings_ns(s), NULL);
	rk_set_int(d, p, "minAvailable", rk_settings_servers(s) / 2 + 1);
	return step_fill(d, "server-pdb", p, out, &obj, err);
}

int step_ingress(
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
