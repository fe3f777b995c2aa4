// SPDX-License-Identifier: Apache-2.0
/* preflight - a configuration document on stdin is held against the host cluster, DNS, registries
 * and certificates: every problem before the first change. Changes nothing. */
#include "rk.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdarg.h>
#include <sys/stat.h>

#include "cert.h"
#include "chartrepo.h"
#include "cli.h"
#include "file.h"
#include "k3k.h"
#include "steps.h"

struct opts {
	struct rk_kube_flags kube;
	struct rk_out_flags out;
	const char *config;
	bool lose_data;
	bool host_only;
};

static const struct rk_opt OPTS[] = {
	{"config", 'c', RK_OPT_STR, offsetof(struct opts, config), .arg = "FILE",
		.help = "configuration document of `config`; absent or -: stdin",
		.complete = "file"},
	{"yes-lose-data", 0, RK_OPT_FLAG, offsetof(struct opts, lose_data),
		.help = "accept a change that wipes the virtual cluster"},
	{"host-only", 0, RK_OPT_FLAG, offsetof(struct opts, host_only),
		.help = "only make sure that this cluster is a host and no virtual cluster"},
	RK_GROUP_OUT(struct opts, out),
	RK_GROUP_KUBE(struct opts, kube),
	RK_OPT_END,
};

enum result { OK, WARN, STOP, SKIP };
static const char *const RESULTS[] = {"ok", "warning", "failed", "skipped"};

struct flight {
	const struct opts *o;
	struct rk_settings *s;
	struct rk_doc *d; /* secret */
	struct rk_val *rows;
	struct rk_kube *k;
	const struct rk_val *cluster; /* the existing Cluster, or NULL */
	bool cluster_known;
	bool controller_current;
	size_t stops, warnings;
};

static void row(struct flight *f, enum result r, const char *check, const char *fmt, ...)
	RK_PRINTF(4, 5);

static void row(struct flight *f, enum result r, const char *check, const char *fmt, ...)
{
	struct rk_val *row = rk_map(f->d);
	char text[2048];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	rk_set_str(f->d, row, "check", check);
	rk_set_str(f->d, row, "result", RESULTS[r]);
	rk_set_str(f->d, row, "detail", text);
	rk_append(f->rows, row);
	f->stops += r == STOP;
	f->warnings += r == WARN;
}

static void row_err(struct flight *f, enum result r, const char *check, const struct rk_err *err)
{
	row(f, r, check, "%s%s%s", err->msg, *err->hint ? "; " : "", err->hint);
}

static const char *str(const struct flight *f, enum rk_key k)
{
	const char *v = rk_setting(f->s, k);

	return v ? v : "";
}

static bool is(const struct flight *f, enum rk_key k)
{
	return rk_setting_is(f->s, k);
}

static void join(struct rk_buf *out, const char *text)
{
	rk_buf_addf(out, "%s%s", out->len ? ", " : "", text);
}

/* A list of the host, or NULL with a row that says why it cannot be had. */
static const struct rk_val *list(struct flight *f, const char *check, const struct rk_res *r,
	const char *ns, const char *labels)
{
	struct rk_list_opts o = {.labels = labels};
	struct rk_err err = RK_ERR_INIT;
	struct rk_val *out = NULL;

	if (rk_kube_list_all(f->k, r, ns, &o, f->d, &out, 20000, &err) == 0)
		return out;
	row(f, WARN, check, "cannot tell: %s", err.msg);
	return NULL;
}

/* Absent: NULL and true. Cannot tell: a row and false. */
static bool find(struct flight *f, const char *check, const struct rk_res *r, const char *ns,
	const char *name, struct rk_val **out)
{
	struct rk_err err = RK_ERR_INIT;

	*out = NULL;
	if (rk_kube_find(f->k, r, ns, name, f->d, out, &err) == 0)
		return true;
	if (err.code == RK_NOTFOUND)
		return true; /* the kind itself is not there */
	row(f, WARN, check, "cannot tell: %s", err.msg);
	return false;
}

/* The first three numbers of a version, as one that can be compared. */
static int64_t version_number(const char *v)
{
	int64_t n = 0;

	v += *v == 'v';
	for (int i = 0; i < 3; i++) {
		char *end;
		long part = strtol(v, &end, 10);

		n = n * 100000 + (part < 0 ? 0 : part > 99999 ? 99999 : part);
		v = *end == '.' && end != v ? end + 1 : "";
	}
	return n;
}

/* --- this machine --- */

static bool on_path(const char *program)
{
	const char *path = getenv("PATH");

	if (strchr(program, '/'))
		return access(program, X_OK) == 0;
	while (path && *path) {
		size_t n = strcspn(path, ":");
		rk_auto_free char *file =
			rk_asprintf("%.*s/%s", n ? (int)n : 1, n ? path : ".", program);
		struct stat st;

		if (stat(file, &st) == 0 && S_ISREG(st.st_mode) && access(file, X_OK) == 0)
			return true;
		path += n + (path[n] == ':');
	}
	return false;
}

static void check_programs(struct flight *f)
{
	const char *helm = getenv("HELM_BIN");

	if (!on_path(helm && *helm ? helm : "helm"))
		row(f, STOP, "programs", "helm is not on PATH: install Helm 3 or 4");
	else if (!on_path("kubectl"))
		row(f, WARN, "programs",
			"kubectl is not on PATH; rk3k does without, you will miss it");
	else
		row(f, OK, "programs", "helm and kubectl are on PATH");
}

/* --- certificates --- */

static bool pem(struct flight *f, enum rk_key k, bool secret, struct rk_buf *out)
{
	struct rk_err err = RK_ERR_INIT;

	out->secret = secret;
	if (rk_file_read(str(f, k), 1 << 20, out, &err) == 0)
		return true;
	row(f, STOP, "certificates", "%s: %s", rk_settings_table[k].name, err.msg);
	return false;
}

/* Parse the file of a key; judges expiry too. */
static struct rk_cert *cert_of(struct flight *f, enum rk_key k, struct rk_buf *text)
{
	const char *name = rk_settings_table[k].name;
	struct rk_err err = RK_ERR_INIT;
	struct rk_cert *c = NULL;
	char when[32];

	if (!pem(f, k, false, text))
		return NULL;
	if (rk_cert_parse(&c, text->s, text->len, &err) < 0) {
		row(f, STOP, "certificates", "%s: %s", name, err.msg);
		return NULL;
	}
	rk_time_format(rk_cert_not_after(c), when);
	if (rk_cert_not_after(c) < time(NULL))
		row(f, STOP, "certificates", "%s: expired on %s", name, when);
	else if (rk_cert_not_after(c) < time(NULL) + 30 * 86400)
		row(f, WARN, "certificates", "%s: expires on %s", name, when);
	return c;
}

static void check_ca_pair(struct flight *f)
{
	rk_auto_buf ca = RK_BUF_INIT, key = RK_BUF_INIT_SECRET, root = RK_BUF_INIT;
	struct rk_err err = RK_ERR_INIT;
	rk_auto_cert *c = cert_of(f, RK_KEY_CA_CERT_PATH, &ca), *anchor = NULL;

	if (!c || !pem(f, RK_KEY_CA_KEY_PATH, true, &key))
		return;
	if (!rk_cert_is_ca(c)) {
		row(f, STOP, "certificates", "CA_CERT_PATH: %s is no CA certificate",
			rk_cert_subject(c));
		return;
	}
	if (rk_cert_check_key(c, key.s, key.len, &err) < 0) {
		row(f, STOP, "certificates", "CA_KEY_PATH: %s", err.msg);
		return;
	}
	if (is(f, RK_KEY_CA_ROOT_PATH)) {
		anchor = cert_of(f, RK_KEY_CA_ROOT_PATH, &root);
		if (!anchor)
			return;
		if (rk_cert_verify(c, root.s, root.len, NULL, &err) < 0) {
			row(f, STOP, "certificates",
				"CA_ROOT_PATH: agents could not verify what CA_CERT_PATH signs: %s",
				err.msg);
			return;
		}
	}
	row(f, OK, "certificates", "%s signs Rancher's certificate", rk_cert_subject(c));
}

static void check_leaf(struct flight *f)
{
	rk_auto_buf crt = RK_BUF_INIT, key = RK_BUF_INIT_SECRET, root = RK_BUF_INIT;
	rk_auto_cert *c = cert_of(f, RK_KEY_TLS_CERT_PATH, &crt), *anchor = NULL;
	struct rk_strv hosts = {0};
	struct rk_err err = RK_ERR_INIT;
	int ret;

	if (!c || !pem(f, RK_KEY_TLS_KEY_PATH, true, &key))
		return;
	rk_settings_hosts(f->s, &hosts);
	ret = rk_cert_check(c, key.s, key.len, hosts.v, hosts.n, 0, &err);
	rk_strv_release(&hosts);
	if (ret < 0) {
		row(f, STOP, "certificates", "TLS_CERT_PATH: %s%s%s", err.msg,
			*err.hint ? "; " : "", err.hint);
		return;
	}
	if (is(f, RK_KEY_CA_ROOT_PATH)) {
		anchor = cert_of(f, RK_KEY_CA_ROOT_PATH, &root);
		if (!anchor)
			return;
		if (rk_cert_verify(c, root.s, root.len, NULL, &err) < 0) {
			row(f, STOP, "certificates",
				"CA_ROOT_PATH does not verify TLS_CERT_PATH: %s", err.msg);
			return;
		}
	}
	row(f, OK, "certificates", "TLS_CERT_PATH fits its key and covers every name");
}

static void check_private_ca(struct flight *f)
{
	rk_auto_buf text = RK_BUF_INIT;
	rk_auto_cert *c = cert_of(f, RK_KEY_PRIVATE_CA_PATH, &text);

	if (c && !rk_cert_is_ca(c))
		row(f, WARN, "certificates", "PRIVATE_CA_PATH: %s is no CA certificate",
			rk_cert_subject(c));
}

static void check_certificates(struct flight *f)
{
	if (is(f, RK_KEY_PRIVATE_CA_PATH))
		check_private_ca(f);
	if (is(f, RK_KEY_CA_CERT_PATH))
		check_ca_pair(f);
	else if (is(f, RK_KEY_TLS_CERT_PATH))
		check_leaf(f);
	else
		row(f, OK, "certificates", "Rancher's comes from %s", str(f, RK_KEY_TLS_SOURCE));
}

/* Every step's objects can be built: files, secrets, mirror list. */
static void check_objects(struct flight *f)
{
	size_t n = 0, bad = 0;

	for (const struct rk_step *step = rk_steps; step->name; step++) {
		rk_auto_doc *d = rk_doc_new(true);
		struct rk_err err = RK_ERR_INIT;
		struct rk_val *objects;

		if (!step->build || !rk_step_applies(step, f->s))
			continue;
		if (rk_step_objects(d, f->s, step, &objects, &err) == 0) {
			n += objects->count;
			continue;
		}
		row_err(f, STOP, "objects", &err);
		bad++;
	}
	if (!bad)
		row(f, OK, "objects", "%zu objects can be made", n);
}

/* --- versions --- */

/* The chart refuses a Kubernetes from this minor version on: 2.9 below 1.31, then one for one. */
static void check_versions(struct flight *f)
{
	const char *rancher = str(f, RK_KEY_RANCHER_VERSION), *k3s = str(f, RK_KEY_K3S_VERSION);
	int64_t r = version_number(rancher) / 100000 % 100000;
	int64_t k = version_number(k3s) / 100000 % 100000;

	if (!*k3s) {
		row(f, OK, "versions", "k3s follows the host");
	} else if (version_number(rancher) / 10000000000 == 2 && r >= 9 && r <= 15 && k >= r + 22) {
		row(f, STOP, "versions",
			"Rancher %s wants a Kubernetes below 1.%lld, and K3S_VERSION is %s",
			rancher, (long long)r + 22, k3s);
	} else {
		row(f, OK, "versions", "Rancher %s on k3s %s", rancher, k3s);
	}
	if (is(f, RK_KEY_PRIVATE_REGISTRY) &&
		version_number(str(f, RK_KEY_K3K_VERSION)) < version_number("1.0.2"))
		row(f, STOP, "versions",
			"k3k %s mounts no registry files: K3K_VERSION 1.0.2 or newer",
			str(f, RK_KEY_K3K_VERSION));
}

/* --- the host's API --- */

/* Returns whether the cluster can be asked any further. */
static bool check_api(struct flight *f)
{
	struct rk_http_req req = {.path = "/version", .retry = true};
	rk_auto_http_res res = RK_HTTP_RES_INIT;
	struct rk_err err = RK_ERR_INIT;
	struct rk_val *v = NULL;

	if (rk_kube_open(&f->k, &f->o->kube, &err) < 0 || rk_kube_raw(f->k, &req, &res, &err) < 0) {
		row_err(f, STOP, "api", &err);
		return false;
	}
	if (rk_json_parse(f->d, res.body.s, res.body.len, &v, &err) < 0 ||
		!rk_get_str(v, "gitVersion", NULL)) {
		row(f, STOP, "api", "%s does not answer as a Kubernetes API", rk_kube_server(f->k));
		return false;
	}
	if (rk_k3k_guard_host(f->k, &err) < 0) {
		row_err(f, STOP, "api", &err);
		return false;
	}
	row(f, OK, "api", "context %s, %s, Kubernetes %s", rk_kube_context(f->k),
		rk_kube_server(f->k), rk_get_str(v, "gitVersion", NULL));
	return true;
}

enum place { EVERYWHERE, IN_NS, IN_K3K, IN_SYSTEM };

struct right {
	const char *verb, *group, *resource;
	enum place place;
	bool (*when)(const struct flight *f); /* NULL: always */
};

static bool installs(const struct flight *f)
{
	return !f->controller_current;
}

static bool three(const struct flight *f)
{
	return rk_settings_servers(f->s) > 1;
}

static bool by_ingress(const struct flight *f)
{
	return is(f, RK_KEY_K3K_API_HOSTNAME);
}

static const struct right RIGHTS[] = {
	{"get", "", "namespaces", EVERYWHERE, NULL},
	{"create", "", "namespaces", EVERYWHERE, NULL},
	{"patch", "", "namespaces", EVERYWHERE, NULL},
	{"list", "", "nodes", EVERYWHERE, NULL},
	{"list", "networking.k8s.io", "ingresses", EVERYWHERE, NULL},
	{"list", "storage.k8s.io", "storageclasses", EVERYWHERE, NULL},
	{"list", "networking.k8s.io", "ingressclasses", EVERYWHERE, NULL},
	{"get", "k3k.io", "clusters", IN_NS, NULL},
	{"create", "k3k.io", "clusters", IN_NS, NULL},
	{"patch", "k3k.io", "clusters", IN_NS, NULL},
	{"watch", "k3k.io", "clusters", IN_NS, NULL},
	{"get", "", "secrets", IN_NS, NULL},
	{"create", "", "secrets", IN_NS, NULL},
	{"patch", "", "secrets", IN_NS, NULL},
	{"get", "", "services", IN_NS, NULL},
	{"create", "", "services", IN_NS, NULL},
	{"patch", "", "services", IN_NS, NULL},
	{"create", "networking.k8s.io", "ingresses", IN_NS, NULL},
	{"patch", "networking.k8s.io", "ingresses", IN_NS, NULL},
	{"list", "", "pods", IN_NS, NULL},
	{"watch", "", "pods", IN_NS, NULL},
	{"get", "", "pods/log", IN_NS, NULL},
	{"list", "", "events", IN_NS, NULL},
	{"create", "policy", "poddisruptionbudgets", IN_NS, three},
	{"patch", "policy", "poddisruptionbudgets", IN_NS, three},
	{"get", "helm.cattle.io", "helmchartconfigs", IN_SYSTEM, by_ingress},
	{"create", "helm.cattle.io", "helmchartconfigs", IN_SYSTEM, by_ingress},
	{"patch", "helm.cattle.io", "helmchartconfigs", IN_SYSTEM, by_ingress},
	{"get", "apps", "deployments", IN_K3K, NULL},
	{"create", "", "secrets", IN_K3K, installs},
	{"create", "apps", "deployments", IN_K3K, installs},
	{"create", "apiextensions.k8s.io", "customresourcedefinitions", EVERYWHERE, installs},
	{"create", "rbac.authorization.k8s.io", "clusterroles", EVERYWHERE, installs},
	{"create", "rbac.authorization.k8s.io", "clusterrolebindings", EVERYWHERE, installs},
};

static const char *place_ns(const struct flight *f, enum place p)
{
	switch (p) {
	case IN_NS:
		return rk_settings_ns(f->s);
	case IN_K3K:
		return str(f, RK_KEY_K3K_NAMESPACE);
	case IN_SYSTEM:
		return "kube-system";
	default:
		return NULL;
	}
}

/* 1 allowed, 0 not, -1 cannot tell. */
static int allowed(struct flight *f, const struct right *r, struct rk_err *err)
{
	rk_auto_doc *d = rk_doc_new(false);
	struct rk_val *review = rk_map(d), *at, *answer;
	rk_auto_free char *resource = rk_strdup(r->resource);
	char *sub = strchr(resource, '/');

	if (sub)
		*sub++ = '\0';
	rk_set_str(d, review, "apiVersion", "authorization.k8s.io/v1");
	rk_set_str(d, review, "kind", "SelfSubjectAccessReview");
	at = rk_map_at(d, review, "spec", "resourceAttributes", NULL);
	rk_set_str(d, at, "verb", r->verb);
	rk_set_str(d, at, "group", r->group);
	rk_set_str(d, at, "resource", resource);
	if (sub)
		rk_set_str(d, at, "subresource", sub);
	if (place_ns(f, r->place))
		rk_set_str(d, at, "namespace", place_ns(f, r->place));
	if (rk_kube_create(f->k, review, RK_DRY_NONE, d, &answer, err) < 0)
		return -1;
	return rk_get_bool(answer, false, "status", "allowed", NULL);
}

static void check_rights(struct flight *f)
{
	rk_auto_buf missing = RK_BUF_INIT;
	size_t n = 0;

	for (size_t i = 0; i < RK_COUNT(RIGHTS); i++) {
		const struct right *r = &RIGHTS[i];
		struct rk_err err = RK_ERR_INIT;
		int yes = !r->when || r->when(f) ? allowed(f, r, &err) : 2;

		if (yes < 0) {
			row(f, WARN, "rights", "cannot tell: %s", err.msg);
			return;
		}
		n += yes == 1;
		if (yes)
			continue;
		rk_buf_addf(&missing, "%s%s %s%s%s", missing.len ? ", " : "", r->verb, r->resource,
			place_ns(f, r->place) ? " in " : "",
			place_ns(f, r->place) ? place_ns(f, r->place) : "");
	}
	if (missing.len)
		row(f, STOP, "rights", "not allowed: %s", missing.s);
	else
		row(f, OK, "rights", "%zu permissions", n);
}

/* --- the k3k controller --- */

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
	const char *ns = str(f, RK_KEY_K3K_NAMESPACE), *release, *at;
	struct rk_val *crd = NULL;

	if (!find(f, "controller", &RK_CRD, NULL, name, &crd) || !crd)
		return;
	release = rk_get_str(crd, "metadata", "annotations", "meta.helm.sh/release-name", NULL);
	at = rk_get_str(crd, "metadata", "annotations", "meta.helm.sh/release-namespace", NULL);
	if (rk_streq(release, "k3k") && rk_streq(at, ns))
		return;
	row(f, STOP, "controller",
		"CRD %s is there, but not of release %s/k3k, and helm will refuse to take it over; "
		"label it app.kubernetes.io/managed-by=Helm and annotate it "
		"meta.helm.sh/release-name=k3k meta.helm.sh/release-namespace=%s, or delete it if "
		"no "
		"Cluster is left",
		name, ns, ns);
}

static void check_controller(struct flight *f)
{
	const char *ns = str(f, RK_KEY_K3K_NAMESPACE), *want = str(f, RK_KEY_K3K_VERSION);
	const struct rk_val *deps =
		list(f, "controller", &RK_DEPLOYMENT, NULL, "app.kubernetes.io/name=k3k");
	const struct rk_val *ours = NULL;
	const char *have;

	rk_each (dep, deps) {
		const char *at = rk_get_str(dep, "metadata", "namespace", NULL);

		if (rk_streq(at, ns)) {
			ours = dep;
			continue;
		}
		row(f, STOP, "controller",
			"a k3k controller runs in namespace %s already, and two would fight; set "
			"K3K_NAMESPACE=%s",
			at, at);
	}
	if (!deps)
		return;
	if (!ours) {
		row(f, OK, "controller", "k3k %s will be installed in %s", want, ns);
		check_left_crd(f);
		return;
	}
	have = controller_version(ours);
	f->controller_current = version_number(have) == version_number(want);
	if (version_number(have) > version_number(want))
		row(f, WARN, "controller",
			"k3k %s is installed, and K3K_VERSION=%s would take it back; its CRDs stay "
			"newer",
			have, want);
	else if (f->controller_current)
		row(f, OK, "controller", "k3k %s is installed", have);
	else
		row(f, OK, "controller", "k3k %s becomes %s", have, want);
}

/* --- nodes, storage --- */

static bool condition(const struct rk_val *obj, const char *type)
{
	rk_each (c, rk_get(obj, "status", "conditions", NULL))
		if (rk_streq(rk_get_str(c, "type", NULL), type))
			return rk_streq(rk_get_str(c, "status", NULL), "True");
	return false;
}

static void check_nodes(struct flight *f)
{
	const struct rk_val *nodes = list(f, "nodes", &RK_NODE, NULL, NULL);
	int64_t ready = 0, want = rk_settings_servers(f->s);

	if (!nodes)
		return;
	rk_each (n, nodes)
		ready += condition(n, "Ready") &&
			 !rk_get_bool(n, false, "spec", "unschedulable", NULL);
	if (!ready)
		row(f, STOP, "nodes", "none of %u nodes is ready and schedulable", nodes->count);
	else if (ready < want)
		row(f, WARN, "nodes",
			"%lld of %u nodes can take servers; %lld servers will share them, and etcd "
			"loses its quorum with one node",
			(long long)ready, nodes->count, (long long)want);
	else
		row(f, OK, "nodes", "%lld of %u nodes are ready", (long long)ready, nodes->count);
}

static bool is_default_class(const struct rk_val *sc)
{
	return rk_streq(rk_get_str(sc, "metadata", "annotations",
				"storageclass.kubernetes.io/is-default-class", NULL),
		"true");
}

static void check_storage(struct flight *f)
{
	const char *want = str(f, RK_KEY_STORAGE_CLASS), *def = NULL;
	rk_auto_buf names = RK_BUF_INIT;
	const struct rk_val *classes;
	bool found = false;

	if (!rk_streq(str(f, RK_KEY_STORAGE_TYPE), "dynamic")) {
		row(f, WARN, "storage", "ephemeral: the virtual cluster is lost with its pods");
		return;
	}
	classes = list(f, "storage", &RK_STORAGECLASS, NULL, NULL);
	if (!classes)
		return;
	rk_each (sc, classes) {
		const char *name = rk_get_str(sc, "metadata", "name", NULL);

		join(&names, name);
		found |= rk_streq(name, want);
		def = is_default_class(sc) ? name : def;
	}
	if (*want && !found)
		row(f, STOP, "storage", "no storage class %s; there %s %s", want,
			names.len ? "is" : "are none", names.s);
	else if (!*want && !def)
		row(f, STOP, "storage", "no default storage class; set STORAGE_CLASS to one of: %s",
			names.len ? names.s : "(there is none)");
	else
		row(f, OK, "storage", "%s%s, %s a server", *want ? want : def,
			*want ? "" : " (the default)", str(f, RK_KEY_PVC_SIZE));
}

/* --- networks --- */

static bool own_network(struct flight *f, enum rk_key k, const char *path)
{
	const char *have = f->cluster ? rk_get_str(f->cluster, "spec", path, NULL) : NULL;

	return rk_streq(have, str(f, k));
}

/* 10.0.0.1 as 10.0.0.1/32. */
static char *as_net(const char *addr)
{
	return rk_asprintf("%s/%d", addr, strchr(addr, ':') ? 128 : 32);
}

static size_t one_network(struct flight *f, const char *whose, const char *net)
{
	static const struct {
		enum rk_key k;
		const char *path;
	} ours[] = {{RK_KEY_CLUSTER_CIDR, "clusterCIDR"}, {RK_KEY_SERVICE_CIDR, "serviceCIDR"}};
	size_t n = 0;

	for (size_t i = 0; i < RK_COUNT(ours); i++) {
		if (!net || !rk_cidr_overlap(str(f, ours[i].k), net))
			continue;
		/* What the cluster runs with cannot be changed any more. */
		row(f, own_network(f, ours[i].k, ours[i].path) ? WARN : STOP, "networks",
			"%s %s overlaps with %s %s; choose another",
			rk_settings_table[ours[i].k].name, str(f, ours[i].k), whose, net);
		n++;
	}
	return n;
}

static size_t node_networks(struct flight *f)
{
	const struct rk_val *nodes = list(f, "networks", &RK_NODE, NULL, NULL);
	size_t n = 0;

	rk_each (node, nodes) {
		const char *name = rk_get_str(node, "metadata", "name", NULL);
		rk_auto_free char *pods = rk_asprintf("the pods of node %s,", name);
		rk_auto_free char *self = rk_asprintf("the address of node %s,", name);

		rk_each (cidr, rk_get(node, "spec", "podCIDRs", NULL))
			n += one_network(f, pods, rk_str(cidr));
		rk_each (a, rk_get(node, "status", "addresses", NULL)) {
			rk_auto_free char *net = as_net(rk_get_str(a, "address", NULL));

			if (rk_streq(rk_get_str(a, "type", NULL), "InternalIP"))
				n += one_network(f, self, net);
		}
		if (n > 4)
			break;
	}
	return n;
}

/* ServiceCIDR objects where the host has them, else the address of Service kubernetes. */
static size_t service_networks(struct flight *f)
{
	struct rk_val *svc = NULL, *out = NULL;
	struct rk_list_opts o = {0};
	const struct rk_res *r;
	const char *addr;
	size_t n = 0;

	if ((rk_kube_res(f->k, "networking.k8s.io/v1", "ServiceCIDR", &r, NULL) == 0 ||
		    rk_kube_res(f->k, "networking.k8s.io/v1beta1", "ServiceCIDR", &r, NULL) == 0) &&
		rk_kube_list_all(f->k, r, NULL, &o, f->d, &out, 100, NULL) == 0 && out->count) {
		rk_each (c, out)
			rk_each (cidr, rk_get(c, "spec", "cidrs", NULL))
				n += one_network(f, "the services of the host,", rk_str(cidr));
		return n;
	}
	if (!find(f, "networks", &RK_SERVICE, "default", "kubernetes", &svc) || !svc)
		return 0;
	addr = rk_get_str(svc, "spec", "clusterIP", NULL);
	if (addr && !rk_streq(addr, "None")) {
		rk_auto_free char *net = as_net(addr);

		n += one_network(f, "the services of the host, such as", net);
	}
	return n;
}

static void check_networks(struct flight *f)
{
	if (service_networks(f) + node_networks(f) == 0)
		row(f, OK, "networks", "pods %s and services %s are free on the host",
			str(f, RK_KEY_CLUSTER_CIDR), str(f, RK_KEY_SERVICE_CIDR));
}

/* --- the host's ingress --- */

static const char CONTROLLERS[] =
	"app.kubernetes.io/name in (ingress-nginx,rke2-ingress-nginx,nginx-ingress,traefik,"
	"rke2-traefik,haproxy-ingress,kubernetes-ingress,contour)";

static bool has_arg(const struct rk_val *workload, const char *arg)
{
	const char *word;

	rk_each (c, rk_get(workload, "spec", "template", "spec", "containers", NULL))
		rk_each (a, rk_get(c, "args", NULL)) {
			word = rk_str(a);
			if (word && rk_prefix(word, arg) &&
				(!word[strlen(arg)] || rk_streq(word + strlen(arg), "=true")))
				return true;
		}
	return false;
}

struct controllers {
	int64_t found, ready;
	bool passthrough, rke2;
};

static void look_at_controllers(struct flight *f, const struct rk_res *r, struct controllers *c)
{
	rk_each (w, list(f, "ingress", r, NULL, CONTROLLERS)) {
		const char *name = rk_get_str(w, "metadata", "name", NULL);

		c->found++;
		c->ready += rk_get_int(w, 0, "status", "readyReplicas", NULL) +
			    rk_get_int(w, 0, "status", "numberReady", NULL);
		c->passthrough |= has_arg(w, "--enable-ssl-passthrough");
		c->rke2 |= rk_streq(name, "rke2-ingress-nginx-controller");
	}
}

static void check_passthrough(struct flight *f, const struct controllers *c)
{
	struct rk_val *config = NULL;

	if (!is(f, RK_KEY_K3K_API_HOSTNAME))
		return;
	if (c->passthrough) {
		row(f, OK, "passthrough", "the ingress controller passes TLS through");
		return;
	}
	if (!find(f, "passthrough", &RK_HELMCHARTCONFIG, "kube-system", "rke2-ingress-nginx",
		    &config))
		return;
	if (c->rke2 || config)
		row(f, OK, "passthrough",
			"will be switched on in HelmChartConfig rke2-ingress-nginx");
	else
		row(f, WARN, "passthrough",
			"K3K_API_HOSTNAME needs --enable-ssl-passthrough on the ingress "
			"controller, and "
			"it does not have it as far as can be seen");
}

static void check_ingress(struct flight *f)
{
	const char *want = str(f, RK_KEY_INGRESS_CLASS);
	const struct rk_val *classes = list(f, "ingress", &RK_INGRESSCLASS, NULL, NULL);
	struct controllers c = {0};
	rk_auto_buf names = RK_BUF_INIT;
	bool found = false;

	if (!classes)
		return;
	rk_each (ic, classes) {
		join(&names, rk_get_str(ic, "metadata", "name", NULL));
		found |= rk_streq(rk_get_str(ic, "metadata", "name", NULL), want);
	}
	if (!found) {
		row(f, STOP, "ingress", "no ingress class %s; there %s %s", want,
			names.len ? "is" : "are none", names.s);
		return;
	}
	look_at_controllers(f, &RK_DAEMONSET, &c);
	look_at_controllers(f, &RK_DEPLOYMENT, &c);
	if (c.found && !c.ready)
		row(f, STOP, "ingress", "the ingress controller of the host has no ready pod");
	else if (!c.found)
		row(f, WARN, "ingress",
			"class %s is there, but no controller that rk3k knows; the last step will "
			"tell whether one answers",
			want);
	else
		row(f, OK, "ingress", "class %s, %lld ready controller pods", want,
			(long long)c.ready);
	check_passthrough(f, &c);
}

/* --- DNS --- */

static void add_address(struct rk_buf *out, const char *a)
{
	if (a)
		rk_buf_addf(out, " %s ", a);
}

/* Where the host's ingress can be: nodes, balancers, what other Ingresses say. */
static void ingress_addresses(struct flight *f, struct rk_buf *out)
{
	struct rk_list_opts o = {0};
	struct rk_val *v = NULL;

	if (rk_kube_list_all(f->k, &RK_NODE, NULL, &o, f->d, &v, 5000, NULL) == 0)
		rk_each (n, v)
			rk_each (a, rk_get(n, "status", "addresses", NULL))
				add_address(out, rk_get_str(a, "address", NULL));
	if (rk_kube_list_all(f->k, &RK_SERVICE, NULL, &o, f->d, &v, 20000, NULL) == 0)
		rk_each (svc, v)
			rk_each (a, rk_get(svc, "status", "loadBalancer", "ingress", NULL))
				add_address(out, rk_get_str(a, "ip", NULL));
	if (rk_kube_list_all(f->k, &RK_INGRESS, NULL, &o, f->d, &v, 20000, NULL) == 0)
		rk_each (ing, v)
			rk_each (a, rk_get(ing, "status", "loadBalancer", "ingress", NULL))
				add_address(out, rk_get_str(a, "ip", NULL));
}

/* The address --resolve gives a host, or NULL. In d. */
static const char *resolved_by_flag(const struct flight *f, const char *host)
{
	const char *r = f->o->kube.resolve;
	size_t n = strlen(host);

	for (; r && *r; r += strcspn(r, " "), r += strspn(r, " ")) {
		const char *address =
			strncmp(r, host, n) || r[n] != ':' ? NULL : strchr(r + n + 1, ':');

		if (address)
			return rk_doc_strndup(f->d, address + 1, strcspn(address + 1, " "));
	}
	return NULL;
}

static void check_name(struct flight *f, const char *host, const struct rk_buf *known)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL;
	const char *given = resolved_by_flag(f, host);
	rk_auto_buf seen = RK_BUF_INIT;
	bool hit = false;
	int rc;

	if (given) {
		row(f, OK, "dns", "%s is %s by --resolve", host, given);
		return;
	}
	rc = getaddrinfo(host, "443", &hints, &list);
	if (rc) {
		row(f, WARN, "dns", "%s does not resolve here (%s): point it to the host's ingress",
			host, gai_strerror(rc));
		return;
	}
	for (struct addrinfo *a = list; a; a = a->ai_next) {
		char text[64] = "", word[72];

		getnameinfo(a->ai_addr, a->ai_addrlen, text, sizeof(text), NULL, 0, NI_NUMERICHOST);
		snprintf(word, sizeof(word), " %s ", text);
		hit |= strstr(known->s, word) != NULL;
		join(&seen, text);
	}
	freeaddrinfo(list);
	if (hit || !known->len)
		row(f, OK, "dns", "%s is %s", host, seen.s);
	else
		row(f, WARN, "dns",
			"%s is %s, which is no address of the host's nodes, balancers or Ingresses",
			host, seen.s);
}

static void check_dns(struct flight *f)
{
	rk_auto_buf known = RK_BUF_INIT;
	struct rk_strv names = {0};

	if (f->k)
		ingress_addresses(f, &known);
	rk_settings_hosts(f->s, &names);
	rk_setting_list(f->s, RK_KEY_K3K_API_HOSTNAME, &names);
	for (size_t i = 0; i < names.n; i++)
		check_name(f, names.v[i], &known);
	rk_strv_release(&names);
}

/* --- what is there already --- */

static bool is_ours(const struct flight *f, const struct rk_val *obj)
{
	return rk_streq(rk_get_str(obj, "metadata", "labels", RK_LABEL_MANAGED, NULL),
		       RK_LABEL_MANAGER) &&
	       rk_streq(rk_get_str(obj, "metadata", "labels", RK_LABEL_CLUSTER, NULL),
		       rk_settings_cluster(f->s));
}

/* What stands against taking an object over, in words, or NULL when it is free to be taken. */
static const char *owner(struct flight *f, const struct rk_val *obj)
{
	const char *by = rk_get_str(obj, "metadata", "labels", RK_LABEL_MANAGED, NULL);
	const char *of = rk_get_str(obj, "metadata", "labels", RK_LABEL_CLUSTER, NULL);
	const struct rk_val *ref = rk_at(rk_get(obj, "metadata", "ownerReferences", NULL), 0);

	if (rk_get_str(obj, "metadata", "deletionTimestamp", NULL))
		return "is being deleted; wait until it is gone";
	if (ref)
		return rk_doc_printf(f->d, "belongs to %s %s", rk_get_str(ref, "kind", NULL),
			rk_get_str(ref, "name", NULL));
	if (by && !rk_streq(by, RK_LABEL_MANAGER))
		return rk_doc_printf(f->d, "belongs to %s", by);
	if (of && !rk_streq(of, rk_settings_cluster(f->s)))
		return rk_doc_printf(f->d, "belongs to virtual cluster %s", of);
	return NULL;
}

/* One object that a step on the host will write. The Cluster has a check of its own. */
static void check_existing(struct flight *f, const struct rk_val *obj, size_t counts[2])
{
	const char *kind = rk_get_str(obj, "kind", NULL), *who;
	const char *ns = rk_get_str(obj, "metadata", "namespace", NULL);
	const char *name = rk_get_str(obj, "metadata", "name", NULL);
	const struct rk_res *r = rk_res_find(rk_get_str(obj, "apiVersion", NULL), kind);
	struct rk_val *live;

	if (!r || rk_streq(kind, "Cluster") || !find(f, "existing", r, ns, name, &live) || !live)
		return;
	who = owner(f, live);
	if (who) {
		row(f, STOP, "existing", "%s %s%s%s %s", kind, ns ? ns : "", ns ? "/" : "", name,
			who);
		return;
	}
	counts[is_ours(f, live) ? 0 : 1]++;
}

static void check_host_objects(struct flight *f)
{
	size_t counts[2] = {0}, before = f->stops;

	for (const struct rk_step *step = rk_steps; step->name; step++) {
		rk_auto_doc *d = rk_doc_new(true);
		struct rk_val *objects;

		if (step->virtual || !step->build || !rk_step_applies(step, f->s) ||
			rk_step_objects(d, f->s, step, &objects, NULL) < 0)
			continue;
		rk_each (obj, objects)
			check_existing(f, obj, counts);
	}
	if (f->stops != before)
		return;
	if (counts[1])
		row(f, WARN, "existing",
			"%zu objects under our names were made by others and will be "
			"taken over",
			counts[1]);
	else
		row(f, OK, "existing", "%zu objects are ours, no other is in the way", counts[0]);
}

/* Another Ingress with one of our names would share or take the traffic. */
static void check_other_ingresses(struct flight *f)
{
	static const char *const old[] = {"rancher-ingress", "rancher-k3k-ingress"};
	rk_auto_buf hosts = RK_BUF_INIT;
	struct rk_strv names = {0};

	rk_settings_hosts(f->s, &names);
	for (size_t i = 0; i < names.n; i++)
		rk_buf_addf(&hosts, " %s ", names.v[i]);
	rk_strv_release(&names);
	rk_each (ing, list(f, "existing", &RK_INGRESS, NULL, NULL)) {
		const char *ns = rk_get_str(ing, "metadata", "namespace", NULL);
		const char *name = rk_get_str(ing, "metadata", "name", NULL);

		if (rk_streq(ns, rk_settings_ns(f->s)) &&
			(rk_streq(name, str(f, RK_KEY_INGRESS_NAME)) || rk_streq(name, old[0]) ||
				rk_streq(name, old[1])))
			continue;
		rk_each (rule, rk_get(ing, "spec", "rules", NULL)) {
			const char *host = rk_get_str(rule, "host", NULL);
			rk_auto_free char *word = rk_asprintf(" %s ", host ? host : "");

			if (host && strstr(hosts.s, word))
				row(f, STOP, "existing", "Ingress %s/%s routes %s already", ns,
					name, host);
		}
	}
}

/* --- the existing Cluster --- */

static const char *text_at(const struct rk_val *spec, const char *a, const char *b)
{
	const char *v = rk_str_loose(b ? rk_get(spec, a, b, NULL) : rk_get(spec, a, NULL));

	return v ? v : "";
}

static void immutable(struct flight *f, const struct rk_val *have, const struct rk_val *want,
	const char *a, const char *b, const char *key)
{
	const char *h = text_at(have, a, b), *w = text_at(want, a, b);

	/* An unset field of the existing one can still be set; an unwanted one stays. */
	if (!*h || !*w || rk_streq(h, w))
		return;
	row(f, STOP, "cluster",
		"%s cannot be changed: spec.%s%s%s is %s, the configuration says %s", key, a,
		b ? "." : "", b ? b : "", h, w);
}

static void check_k3s_change(struct flight *f, const struct rk_val *have, const struct rk_val *want)
{
	const char *h = text_at(have, "version", NULL), *w = text_at(want, "version", NULL);
	bool ephemeral = !rk_streq(text_at(have, "persistence", "type"), "dynamic") &&
			 rk_get(have, "persistence", "type", NULL);

	if (!*h)
		h = text_at(rk_get(f->cluster, "status", NULL), "hostVersion", NULL);
	if (!*w || rk_streq(h, w) || version_number(h) == version_number(w))
		return;
	if (version_number(h) > version_number(w))
		row(f, STOP, "cluster", "k3s cannot go back from %s to %s", h, w);
	else if (ephemeral)
		row(f, f->o->lose_data ? WARN : STOP, "cluster",
			"k3s %s to %s wipes the virtual cluster, whose storage is ephemeral%s", h,
			w, f->o->lose_data ? "" : "; --yes-lose-data goes on all the same");
	else
		row(f, WARN, "cluster", "k3s %s becomes %s: the servers restart one by one", h, w);
}

static void restarts(struct flight *f, const struct rk_val *have, const struct rk_val *want,
	const char *field, const char *effect)
{
	const struct rk_val *h = rk_get(have, field, NULL), *w = rk_get(want, field, NULL);

	if (w && !rk_val_equal(h, w))
		row(f, WARN, "cluster", "spec.%s changes: %s", field, effect);
}

static void compare_cluster(struct flight *f, const struct rk_val *have, const struct rk_val *want)
{
	immutable(f, have, want, "mode", NULL, "the mode");
	immutable(f, have, want, "clusterCIDR", NULL, "CLUSTER_CIDR");
	immutable(f, have, want, "serviceCIDR", NULL, "SERVICE_CIDR");
	immutable(f, have, want, "persistence", "storageRequestSize", "PVC_SIZE");
	immutable(f, have, want, "persistence", "storageClassName", "STORAGE_CLASS");
	immutable(f, have, want, "persistence", "type", "STORAGE_TYPE");
	check_k3s_change(f, have, want);
	restarts(f, have, want, "servers", "the servers restart");
	restarts(f, have, want, "serverArgs", "the servers restart");
	restarts(f, have, want, "secretMounts", "the servers restart");
	restarts(f, have, want, "tlsSANs",
		"the servers' certificate does not follow before the virtual cluster is made anew");
}

/* Secrets of a Cluster that is gone carry its old token: a new one would not come up. */
static void check_remains(struct flight *f)
{
	struct rk_val *token = NULL;
	char name[64];

	rk_k3k_name(name, rk_settings_cluster(f->s), "bootstrap");
	if (find(f, "cluster", &RK_SECRET, rk_settings_ns(f->s), name, &token) && token)
		row(f, WARN, "cluster",
			"Secret %s/%s is left of a deleted cluster; wait until it is gone",
			rk_settings_ns(f->s), name);
	else
		row(f, OK, "cluster", "%s/%s will be created", rk_settings_ns(f->s),
			rk_settings_cluster(f->s));
}

static void check_cluster(struct flight *f)
{
	size_t before = f->stops + f->warnings;
	struct rk_val *objects;
	struct rk_err err = RK_ERR_INIT;

	if (!f->cluster_known)
		return;
	if (!f->cluster) {
		check_remains(f);
		return;
	}
	if (rk_get_str(f->cluster, "metadata", "deletionTimestamp", NULL)) {
		row(f, STOP, "cluster", "%s/%s is being deleted; wait until it is gone",
			rk_settings_ns(f->s), rk_settings_cluster(f->s));
		return;
	}
	if (rk_step_objects(f->d, f->s, rk_step_find("cluster"), &objects, &err) < 0)
		return; /* said by check_objects */
	compare_cluster(
		f, rk_get(f->cluster, "spec", NULL), rk_get(rk_at(objects, 0), "spec", NULL));
	if (f->stops + f->warnings == before)
		row(f, OK, "cluster", "%s/%s is there, phase %s", rk_settings_ns(f->s),
			rk_settings_cluster(f->s),
			text_at(rk_get(f->cluster, "status", NULL), "phase", NULL));
}

/* --- charts and registry --- */

/* From here a host need not be reachable when only the cluster has to reach it. */
static void repo_failed(struct flight *f, const char *check, bool inside, const char *address,
	const struct rk_repo_access *a, struct rk_err *err)
{
	bool unsure = rk_streq(err->reason, "Resolve") || rk_streq(err->reason, "Refused") ||
		      rk_streq(err->reason, "Unreachable") || rk_streq(err->reason, "Timeout") ||
		      rk_streq(err->reason, "Token") || rk_streq(err->reason, "Proxy") ||
		      rk_streq(err->reason, "Broken");
	const char *hint;

	rk_repo_remedy(f->s, address, a, err);
	hint = err->hint;
	if (unsure && inside && !*hint)
		hint = "not reachable from here; it must be from the cluster";
	row(f, unsure && inside ? WARN : STOP, check, "%s%s%s", err->msg, *hint ? "; " : "", hint);
}

static void check_chart(struct flight *f, const char *name, enum rk_key repo)
{
	rk_auto_buf ca = RK_BUF_INIT;
	struct rk_err err = RK_ERR_INIT;
	struct rk_repo_access a;
	bool inside = repo != RK_KEY_K3K_REPO;

	if (rk_repo_access_for(f->s, str(f, repo), f->o->kube.resolve, &a, &ca, &err) < 0 ||
		rk_repo_has_chart(str(f, repo), name, str(f, repo + 1), &a, &err) < 0)
		repo_failed(f, "charts", inside, str(f, repo), &a, &err);
	else
		row(f, OK, "charts", "%s %s from %s%s", name, str(f, repo + 1), str(f, repo),
			a.user ? ", with credentials" : "");
}

static void check_charts(struct flight *f)
{
	if (f->controller_current)
		row(f, SKIP, "charts", "k3k %s: installed", str(f, RK_KEY_K3K_VERSION));
	else
		check_chart(f, "k3k", RK_KEY_K3K_REPO);
	check_chart(f, "cert-manager", RK_KEY_CERTMANAGER_REPO);
	check_chart(f, "rancher", RK_KEY_RANCHER_REPO);
}

static void check_registry(struct flight *f)
{
	const char *host = str(f, RK_KEY_PRIVATE_REGISTRY);
	rk_auto_buf ca = RK_BUF_INIT;
	struct rk_err err = RK_ERR_INIT;
	struct rk_repo_access a;

	if (!*host)
		return;
	if (rk_repo_access_for(f->s, host, f->o->kube.resolve, &a, &ca, &err) < 0 ||
		rk_registry_enter(host, &a, &err) < 0)
		repo_failed(f, "registry", true, host, &a, &err);
	else
		row(f, OK, "registry", "%s lets us in", host);
}

/* --- all of it --- */

static void find_cluster(struct flight *f)
{
	struct rk_val *c = NULL;

	f->cluster_known = find(
		f, "cluster", &RK_CLUSTER, rk_settings_ns(f->s), rk_settings_cluster(f->s), &c);
	f->cluster = c;
}

static void check_all(struct flight *f)
{
	check_programs(f);
	check_versions(f);
	check_certificates(f);
	check_objects(f);
	if (check_api(f)) {
		find_cluster(f);
		check_controller(f);
		check_rights(f);
		check_nodes(f);
		check_storage(f);
		check_networks(f);
		check_ingress(f);
		check_cluster(f);
		check_host_objects(f);
		check_other_ingresses(f);
	}
	check_dns(f);
	check_charts(f);
	check_registry(f);
}

static void print_table(const struct flight *f)
{
	struct rk_table *t = rk_table_new((const char *const[]){"CHECK", "RESULT", "DETAIL"}, 3);

	rk_each (r, f->rows)
		rk_table_row(t, rk_get_str(r, "check", NULL), rk_get_str(r, "result", NULL),
			rk_get_str(r, "detail", NULL));
	rk_table_print(t, f->o->out.fmt, !f->o->out.no_headers);
	rk_table_free(t);
}

static void print(const struct flight *f)
{
	struct rk_val *doc;

	if (f->o->out.fmt == RK_FMT_NAME) {
		rk_each (r, f->rows)
			if (rk_streq(rk_get_str(r, "result", NULL), RESULTS[STOP]))
				rk_printf("%s\n", rk_get_str(r, "check", NULL));
		return;
	}
	if (f->o->out.fmt != RK_FMT_JSON && f->o->out.fmt != RK_FMT_YAML) {
		print_table(f);
		return;
	}
	doc = rk_map(f->d);
	rk_set_bool(f->d, doc, "ok", !f->stops);
	rk_set_int(f->d, doc, "failed", (int64_t)f->stops);
	rk_set_int(f->d, doc, "warnings", (int64_t)f->warnings);
	rk_set(f->d, doc, "checks", f->rows);
	rk_print_val(f->o->out.fmt, doc);
}

/* The one check that is a refusal: whatever else is wanted, not on the virtual cluster itself. */
static int host_only(const struct opts *o, struct rk_err *err)
{
	struct rk_http_req req = {.path = "/version", .retry = true};
	rk_auto_http_res res = RK_HTTP_RES_INIT;
	rk_auto_kube *k = NULL;

	if (rk_kube_open(&k, &o->kube, err) < 0 || rk_kube_raw(k, &req, &res, err) < 0 ||
		rk_k3k_guard_host(k, err) < 0)
		return -1;
	rk_note("host: context %s, %s", rk_kube_context(k), rk_kube_server(k));
	return 0;
}

static int run(void *p, int argc RK_UNUSED, char **argv RK_UNUSED, struct rk_err *err)
{
	rk_auto_settings *s = rk_settings_new();
	rk_auto_doc *d = rk_doc_new(true);
	struct flight f = {.o = p, .s = s, .d = d, .rows = rk_seq(d)};

	if (f.o->host_only)
		return host_only(f.o, err);
	if (rk_settings_load_file(s, f.o->config ? f.o->config : "-", err) < 0)
		return -1;
	check_all(&f);
	print(&f);
	rk_kube_free(f.k);
	if (!f.stops)
		return 0;
	return rk_err_set(err, RK_FAIL, "%zu check%s failed; nothing was changed", f.stops,
		f.stops == 1 ? "" : "s");
}

static const struct rk_verb VERBS[] = {
	{.opts = OPTS,
		.run = run,
		.summary = "find what would stop a deployment, before the first change",
		.examples = "kubectl rk3k config -c deploy.conf | kubectl rk3k preflight\n"
			    "kubectl rk3k config -c deploy.conf | kubectl rk3k preflight -o json"},
	{.run = NULL},
};

static const struct rk_cmd CMD = {
	.name = "preflight",
	.summary = "find what would stop a deployment, before the first change",
	.description =
		"Reads the document that `config` wrote and looks at everything a deployment leans "
		"on: "
		"programs, certificates and keys, the host's API and your rights there, nodes, "
		"storage "
		"and ingress classes, networks that overlap, the k3k controller, what is there "
		"already "
		"and cannot be changed any more, DNS, chart repositories and the private registry. "
		"Every problem is a line; nothing is changed.\n\n"
		"A warning does not stop a deployment. `cannot tell` is a warning, never a pass.",
	.opts_size = sizeof(struct opts),
	.verbs = VERBS,
	.exit_status = "1: a check failed.",
	.see_also = "config, deploy, doctor",
};

int main(int argc, char **argv)
{
	return rk_main(&CMD, argc, argv);
}
