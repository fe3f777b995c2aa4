// SPDX-License-Identifier: Apache-2.0
/* What is applied to the host cluster: namespace, registry, Cluster, disruption budget, Ingress. */
#include "internal.h"

#include "os/os.h"
#include "expose/expose.h"
#include "k3k/k3k.h"
#include "registry/registry.h"

bool step_namespace(struct rk_step_build *b)
{
	/* an existing one belongs to another owner: without our label destroy leaves it */
	return step_create_only(b, step_fill(b, "namespace", "name", rk_settings_ns(b->s), NULL));
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

/* registries.yaml as a tree, or NULL when it would be empty. */
static int registries_tree(
	struct rk_doc *d, const struct rk_settings *s, struct rk_val **out, struct rk_err *err)
{
	struct rk_registries r = {
		.host = str(s, RK_KEY_PRIVATE_REGISTRY), .ca = is(s, RK_KEY_PRIVATE_CA_PATH)};
	bool ok = rk_settings_login(s, r.host, &r.login, err) == 0 &&
		  rk_step_mirrors(d, s, &r.mirrors, err) == 0;

	*out = ok ? rk_registries_tree(d, &r) : NULL;
	rk_strv_release(&r.mirrors);
	return ok ? 0 : -1;
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

bool step_registry(struct rk_step_build *b)
{
	rk_auto_buf yaml = RK_BUF_INIT_SECRET, ca = RK_BUF_INIT;
	const char *ns = rk_settings_ns(b->s);
	struct rk_val *tree;

	if (registries_tree(b->d, b->s, &tree, b->err) < 0)
		return false;
	rk_yaml_write(tree, false, &yaml);
	if (!step_secret(
		    b, ns, RK_REGISTRY_CONFIG_SECRET, "Opaque", "registries.yaml", yaml.s, NULL))
		return false;
	return !is(b->s, RK_KEY_PRIVATE_CA_PATH) ||
	       (step_read_pem(b->s, RK_KEY_PRIVATE_CA_PATH, &ca, b->err) == 0 &&
		       step_secret(b, ns, RK_REGISTRY_CA_SECRET, "Opaque", "ca.crt", ca.s, NULL));
}

/* k3k 1.1 pastes the arguments into its start script as one unquoted word, so that a second one
 * breaks the script; there all of them go into one element that brings its own quotes. 1.0 and
 * 1.2 take a list, and would choke on those quotes. */
static struct rk_val *server_args(struct rk_step_build *b, bool registry)
{
	const char *version = str(b->s, RK_KEY_K3K_VERSION);
	const char *host = str(b->s, RK_KEY_PRIVATE_REGISTRY);
	struct rk_val *args = rk_seq(b->d), *joined = rk_seq(b->d);
	rk_auto_buf one = RK_BUF_INIT;

	rk_append_str(b->d, args, "--disable-network-policy");
	if (*host)
		rk_append_str(b->d, args,
			rk_doc_printf(b->d, "--system-default-registry=%s/docker.io", host));
	if (registry && !rk_setting_yes(b->s, RK_KEY_REGISTRY_FALLBACK))
		rk_append_str(b->d, args, "--disable-default-registry-endpoint");
	if (args->count < 2 || !rk_version_at_least(version, 1, 1) ||
		rk_version_at_least(version, 1, 2))
		return args;
	rk_each (a, args)
		rk_buf_addf(&one, "%s%s", one.len ? " " : "'", rk_str(a));
	rk_buf_putc(&one, '\'');
	rk_append_str(b->d, joined, one.s);
	return joined;
}

static struct rk_val *node_selector(struct rk_step_build *b)
{
	struct rk_val *labels = rk_map(b->d);

	rk_each (pair, step_list(b, RK_KEY_NODE_SELECTOR)) {
		const char *text = rk_str(pair), *eq = strchr(text, '=');

		rk_set_str(b->d, labels, rk_doc_strndup(b->d, text, (size_t)(eq - text)), eq + 1);
	}
	return labels->count ? labels : NULL;
}

bool step_cluster(struct rk_step_build *b)
{
	const struct rk_settings *s = b->s;
	bool dynamic = rk_streq(str(s, RK_KEY_STORAGE_TYPE), "dynamic");
	bool registry = step_has_registry(s);
	struct rk_val *names = step_list(b, RK_KEY_K3K_API_HOSTNAME), *obj;

	obj = step_fill(b, "cluster", "namespace", rk_settings_ns(s), "#servers",
		rk_settings_servers(s), "#agents",
		(int64_t)strtoll(str(s, RK_KEY_AGENT_COUNT), NULL, 10), "clusterCIDR",
		str(s, RK_KEY_CLUSTER_CIDR), "serviceCIDR", str(s, RK_KEY_SERVICE_CIDR),
		"storageType", str(s, RK_KEY_STORAGE_TYPE), "storageClass",
		dynamic ? opt(s, RK_KEY_STORAGE_CLASS) : NULL, "storageSize",
		dynamic ? str(s, RK_KEY_PVC_SIZE) : NULL, "@serverArgs", server_args(b, registry),
		"version", opt(s, RK_KEY_K3S_VERSION), "ingressClass", str(s, RK_KEY_INGRESS_CLASS),
		"@etcdPort", ha(s) ? NULL : rk_number(b->d, 0), "@apiNames", names, "@nodeSelector",
		node_selector(b), "cpu", opt(s, RK_KEY_SERVER_RESOURCES_CPU), "memory",
		opt(s, RK_KEY_SERVER_RESOURCES_MEMORY), "@mounts",
		registry ? rk_registries_mounts(b->d, is(s, RK_KEY_PRIVATE_CA_PATH)) : NULL, NULL);
	if (!obj)
		return false;
	/* k3k has serverAffinity from 1.1 on */
	if (!ha(s) || !rk_version_at_least(str(s, RK_KEY_K3K_VERSION), 1, 1))
		rk_remove_at(obj, "spec", "serverAffinity", NULL);
	if (!is(s, RK_KEY_SERVER_RESOURCES_CPU) && !is(s, RK_KEY_SERVER_RESOURCES_MEMORY))
		rk_remove_at(obj, "spec", "serverLimit", NULL);
	rk_remove_at(obj, "spec", "expose", names ? "nodePort" : "ingress", NULL);
	return true;
}

bool step_pdb(struct rk_step_build *b)
{
	char name[64];

	rk_k3k_name(name, rk_settings_cluster(b->s), "server");
	return step_fill(b, "server-pdb", "name", name, "namespace", rk_settings_ns(b->s),
		"#minAvailable", rk_settings_servers(b->s) / 2 + 1, NULL);
}

void rk_step_ingress(const struct rk_settings *s, struct rk_ingress *in)
{
	in->service = in->service ? in->service : str(s, RK_KEY_SERVICE_NAME);
	in->name = in->name ? in->name : str(s, RK_KEY_INGRESS_NAME);
	in->secret = in->secret ? in->secret : str(s, RK_KEY_TLS_SECRET);
	in->class = in->class ? in->class : str(s, RK_KEY_INGRESS_CLASS);
}

bool step_ingress(struct rk_step_build *b)
{
	struct rk_ingress in = {.ns = rk_settings_ns(b->s), .cluster = rk_settings_cluster(b->s)};
	struct rk_val *objs, *obj;
	int ret;

	rk_step_ingress(b->s, &in);
	rk_settings_hosts(b->s, &in.hosts);
	ret = rk_ingress_objects(b->d, &in, &objs, b->err);
	rk_strv_release(&in.hosts);
	while (ret == 0 && (obj = objs->child)) {
		rk_remove(obj);
		rk_append(b->out, obj);
	}
	return ret == 0;
}
