// SPDX-License-Identifier: Apache-2.0
#include "internal.h"

#include <stdarg.h>
#include <strings.h>
#include <unistd.h>
#include <sys/stat.h>

#include "cli/cli.h"
#include "os/os.h"

#define S RK_SETF_SECRET
#define A RK_SETF_ASK
#define E RK_SETF_EMPTY
#define K(key, kind, flags, def, form, help) \
	[RK_KEY_##key] = {#key, RK_SET_##kind, flags, def, form, help}

static const char HOST[] = "a DNS name such as rancher.example.com";
static const char REPO[] = "https://host/path of a repository, or oci://host/path/chart";
static const char VERSION[] = "a version such as v1.18.5";
static const char FILE_FORM[] = "an existing file";
static const char PEM_FORM[] = "an existing file of PEM certificates";
static const char LABEL[] = "lower-case letters, digits and dashes, at most 63";
static const char CLUSTER[] = "lower-case letters, digits and dashes, at most 41, not system";
static const char NAMESPACE[] = "lower-case letters, digits and dashes, at most 59";
static const char CIDR[] = "a network such as 10.42.0.0/16";

const struct rk_setting rk_settings_table[RK_KEY_COUNT] = {
	K(HOSTNAME, HOST, A, NULL, HOST,
		"Rancher's DNS name, resolving to the host's ingress address; required"),
	K(HOSTNAMES, HOSTS, 0, NULL, "DNS names separated by commas",
		"all of Rancher's DNS names, the first is the primary; wins over HOSTNAME"),
	K(K3K_API_HOSTNAME, HOSTS, 0, NULL, "DNS names separated by commas",
		"names for the virtual cluster's API on 443 through a TLS-passthrough ingress;"
		" unset: a node port"),
	K(CUSTOM_CA, LATER, 0, NULL, "", "has no effect, as in the rancher-k3k scripts"),
	K(BOOTSTRAP_PW, TEXT, S | A, NULL, "at least 12 characters",
		"Rancher's first password; unset: generated"),
	K(PVC_SIZE, SIZE, A, "50Gi", "digits followed by Gi, Ti or Mi, such as 50Gi",
		"size of each server's volume; cannot be changed later"),
	K(STORAGE_CLASS, NAME, A | E, "harvester-longhorn", "the name of a storage class",
		"storage class of the volumes; empty: the host's default"),
	K(STORAGE_TYPE, CHOICE, 0, "dynamic", "dynamic|ephemeral",
		"ephemeral loses the virtual cluster with its pods: for tests"),
	K(SERVER_COUNT, CHOICE, A, "1", "1|3",
		"servers of the virtual cluster, and Rancher replicas"),
	K(CERTMANAGER_REPO, REPO, A, "https://charts.jetstack.io", REPO, "cert-manager's chart"),
	K(CERTMANAGER_VERSION, VERSION, A, "v1.18.5", VERSION, "version of cert-manager's chart"),
	K(RANCHER_REPO, REPO, A, "https://releases.rancher.com/server-charts/latest", REPO,
		"Rancher's chart"),
	K(RANCHER_VERSION, VERSION, A, "v2.14.1", VERSION, "version of Rancher's chart"),
	K(K3K_REPO, REPO, A, "https://rancher.github.io/k3k", REPO, "the k3k controller's chart"),
	K(K3K_VERSION, VERSION, A, "1.0.2", "a version such as 1.0.2",
		"version of the k3k controller's chart"),
	K(K3S_VERSION, K3S, A | E, "v1.34.7-k3s1", "a tag of rancher/k3s such as v1.34.7-k3s1",
		"k3s in the virtual cluster; empty: the host's version"),
	K(PRIVATE_REGISTRY, REGISTRY, A | E, NULL, "host or host:port, without https://",
		"pull-through registry for all images"),
	K(MIRROR_REGISTRIES_FILE, FILE, A | E, NULL, FILE_FORM,
		"list of mirrored registries, one a line; unset: docker.io, quay.io, ghcr.io"),
	K(REGISTRY_FALLBACK, YESNO, 0, "no", "yes or no",
		"whether a mirrored image may come from its public registry as well"),
	K(PRIVATE_CA_PATH, FILE, A | E, NULL, PEM_FORM,
		"PEM bundle that private registry and chart hosts are verified with"),
	K(CA_CERT_PATH, FILE, A | E, NULL, PEM_FORM,
		"PEM certificate of a CA that signs Rancher's certificate"),
	K(CA_KEY_PATH, FILE, A | E, NULL, FILE_FORM, "its key"),
	K(CA_ROOT_PATH, FILE, A | E, NULL, PEM_FORM,
		"trust anchor that Rancher's agents are shown; unset: CA_CERT_PATH"),
	K(HELM_AUTH_NEEDED, YESNO, A, "no", "yes or no",
		"whether the private hosts want credentials"),
	K(HELM_REPO_USER, TEXT, A | E, NULL, "a user name", "user for the private hosts"),
	K(HELM_REPO_PASS, TEXT, S | A | E, NULL, "a password", "password for the private hosts"),
	K(HELM_REPO_HOSTS, REGISTRIES, 0, NULL, "host or host:port, separated by commas",
		"hosts besides PRIVATE_REGISTRY that get the credentials and the private CA"),
	K(CREDENTIALS, SOURCES, 0, NULL, "docker, helm or existing files, separated by commas",
		"where logins are kept already: docker, helm, or their files, or a registries.yaml;"
		" each is used for its own host"),
	K(TLS_SOURCE, CHOICE, A, "rancher", "rancher|letsEncrypt|secret",
		"who issues Rancher's certificate"),
	K(TLS_CERT_PATH, FILE, E, NULL, PEM_FORM,
		"PEM certificate and chain for TLS_SOURCE=secret, instead of the CA pair"),
	K(TLS_KEY_PATH, FILE, E, NULL, FILE_FORM, "its key"),
	K(ACME_EMAIL, EMAIL, 0, NULL, "an e-mail address", "account for TLS_SOURCE=letsEncrypt"),
	K(ACME_CLASS, LABEL, 0, "traefik", LABEL,
		"ingress class in the virtual cluster that answers ACME challenges"),
	K(ACME_ENVIRONMENT, CHOICE, 0, "production", "production|staging",
		"which of Let's Encrypt's servers"),
	K(NAMESPACE, CLUSTER, 0, "rancher-k3k", NAMESPACE,
		"namespace of the virtual cluster on the host"),
	K(CLUSTER, CLUSTER, 0, "rancher", CLUSTER, "name of the virtual cluster"),
	K(K3K_NAMESPACE, LABEL, 0, "k3k-system", LABEL, "namespace of the k3k controller"),
	K(AGENT_COUNT, COUNT, 0, "0", "a number up to 100",
		"agents of the virtual cluster besides its servers"),
	K(NODE_SELECTOR, LABELS, 0, NULL, "KEY=VALUE labels separated by commas",
		"labels of the host's nodes that servers and agents run on; unset: any node"),
	K(SERVER_RESOURCES_CPU, QUANTITY, 0, NULL, "a quantity such as 4 or 1500m",
		"limit of each server's CPU; unset: none"),
	K(SERVER_RESOURCES_MEMORY, QUANTITY, 0, NULL, "a quantity such as 8Gi",
		"limit of each server's memory; unset: none"),
	K(FLEET, YESNO, 0, "no", "yes or no", "whether Rancher runs Fleet"),
	K(RANCHER_VALUES_FILE, FILE, 0, NULL, FILE_FORM,
		"YAML of further values for Rancher's chart, without secrets; those that rk3k sets "
		"are refused"),
	K(CLUSTER_CIDR, CIDR, 0, "10.42.0.0/16", CIDR,
		"pod network of the virtual cluster; must differ from the host's"),
	K(SERVICE_CIDR, CIDR, 0, "10.43.0.0/16", CIDR,
		"service network of the virtual cluster; must differ from the host's"),
	K(INGRESS_CLASS, LABEL, 0, "nginx", LABEL, "the host's ingress class"),
	K(INGRESS_NAME, NAME, 0, NULL, "an object name",
		"Ingress on the host; unset: CLUSTER-k3k-ingress"),
	K(SERVICE_NAME, LABEL, 0, NULL, LABEL, "Service on the host; unset: CLUSTER-k3k-traefik"),
	K(TLS_SECRET, NAME, 0, NULL, "an object name",
		"TLS Secret on the host; unset: tls-CLUSTER-ingress"),
	K(KUBECONFIG_NAME, NAME, 0, NULL, "an object name",
		"name of the entry in your kubeconfig; unset: CLUSTER-k3k, with the namespace"
		" where another virtual cluster has that name"),
	K(CONFIRM, TEXT, 0, "yes", "yes to go on",
		"anything but yes stops before the first change"),
	K(BACKUP_S3_ENDPOINT, LATER, 0, NULL, "", "backups are not made yet"),
	K(BACKUP_S3_BUCKET, LATER, 0, NULL, "", "backups are not made yet"),
	K(BACKUP_VAULT_S3_PATH, LATER, 0, NULL, "", "backups are not made yet"),
	K(BACKUP_VAULT_ENCRYPTION_PATH, LATER, 0, NULL, "", "backups are not made yet"),
	K(BACKUP_S3_CA_PATH, LATER, 0, NULL, "", "backups are not made yet"),
	K(BACKUP_SCHEDULE, LATER, 0, NULL, "", "backups are not made yet"),
	K(BACKUP_RETENTION, LATER, 0, NULL, "", "backups are not made yet"),
	K(VAULT_ADDR, LATER, 0, NULL, "", "backups are not made yet"),
};
#undef S
#undef A
#undef E
#undef K

enum rk_key rk_setting_find(const char *name)
{
	for (int k = 0; k < RK_KEY_COUNT; k++)
		if (rk_streq(rk_settings_table[k].name, name))
			return (enum rk_key)k;
	return RK_KEY_COUNT;
}

const char *rk_setting_nearest(const char *name)
{
	const char *names[RK_KEY_COUNT + 1] = {NULL};

	for (int k = 0; k < RK_KEY_COUNT; k++)
		names[k] = rk_settings_table[k].name;
	return rk_nearest(name, names);
}

void rk_problem_add(struct rk_problems *p, bool fatal, const char *key, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	p->v = rk_realloc(p->v, (p->n + 1) * sizeof(*p->v));
	p->v[p->n++] = (struct rk_problem){fatal, rk_strdup(key), rk_strdup(text)};
	p->fatal += fatal;
}

void rk_problems_release(struct rk_problems *p)
{
	for (size_t i = 0; i < p->n; i++) {
		free(p->v[i].key);
		free(p->v[i].text);
	}
	free(p->v);
	*p = (struct rk_problems){0};
}

struct rk_settings *rk_settings_new(void)
{
	struct rk_settings *s = rk_calloc(1, sizeof(*s));

	s->d = rk_doc_new(true);
	return s;
}

void rk_settings_free(struct rk_settings *s)
{
	if (!s)
		return;
	rk_doc_free(s->d);
	rk_creds_free(s->creds);
	free(s);
}

void rk_settings_replace(struct rk_settings *s, enum rk_key k, const char *value)
{
	s->v[k].s = rk_doc_strndup(s->d, value, strlen(value));
}

void rk_settings_put(struct rk_settings *s, enum rk_key k, const char *value, enum rk_origin from)
{
	struct rk_settings_value *v = &s->v[k];

	if (v->s && v->from > from)
		return;
	*v = (struct rk_settings_value){.from = from};
	v->s = rk_doc_strndup(s->d, value, strlen(value));
	if (!(rk_settings_table[k].flags & RK_SETF_SECRET))
		return;
	if (from == RK_FROM_FILE)
		v->ref_file = s->source;
	v->ref_key = rk_settings_table[k].name;
	if (from == RK_FROM_ENV)
		v->ref_env = rk_doc_printf(s->d, "RK3K_%s", v->ref_key);
}

void rk_settings_allow_unknown(struct rk_settings *s)
{
	s->allow_unknown = true;
}

void rk_settings_unknown(const struct rk_settings *s, struct rk_problems *p, const char *where,
	const char *prefix, const char *name)
{
	const char *near = rk_setting_nearest(name);

	rk_problem_add(p, !s->allow_unknown, "", "%s%s%s%s%s%s%s", where, prefix, name,
		near ? "; did you mean " : "", near ? prefix : "", near ? near : "",
		near ? "?" : "");
	p->unknown += !s->allow_unknown;
}

/* The variables behind the connection flags begin the same way. */
static bool is_flag_env(const char *name)
{
	for (const struct rk_opt *o = rk_opts_kube; o->name; o++)
		if (o->env && rk_prefix(o->env, "RK3K_") && rk_streq(o->env + 5, name))
			return true;
	return false;
}

/* Other tools may have separate variables, so that only a near miss is a mistake. */
static void misspelt_env(const struct rk_settings *s, struct rk_problems *p)
{
	for (char **e = environ; e && *e; e++) {
		rk_auto_free char *name = NULL;

		if (!rk_prefix(*e, "RK3K_"))
			continue;
		name = rk_strndup(*e + 5, strcspn(*e + 5, "="));
		if (rk_setting_find(name) == RK_KEY_COUNT && !is_flag_env(name) &&
			rk_setting_nearest(name))
			rk_settings_unknown(s, p, "environment: unknown variable ", "RK3K_", name);
	}
}

void rk_settings_env(struct rk_settings *s, struct rk_problems *p)
{
	misspelt_env(s, p);
	for (int k = 0; k < RK_KEY_COUNT; k++) {
		char name[64];
		const char *value;

		snprintf(name, sizeof(name), "RK3K_%s", rk_settings_table[k].name);
		value = getenv(name);
		if (value)
			rk_settings_put(s, (enum rk_key)k, value, RK_FROM_ENV);
	}
}

static int unknown_key(const char *name, struct rk_err *err)
{
	const char *near = rk_setting_nearest(name);

	rk_err_set(err, RK_USAGE, "no setting is called %.64s", name);
	if (near)
		return rk_err_hint(err, "did you mean %s?", near);
	return rk_err_hint(err, "see all of them with: kubectl rk3k config init -");
}

int rk_settings_assign(struct rk_settings *s, const char *assignment, struct rk_err *err)
{
	const char *eq = strchr(assignment, '=');
	rk_auto_free char *name = NULL;
	enum rk_key k;

	if (!eq || eq == assignment)
		return rk_err_set(err, RK_USAGE, "--set wants KEY=VALUE");
	name = rk_strndup(assignment, (size_t)(eq - assignment));
	k = rk_setting_find(name);
	if (k == RK_KEY_COUNT)
		return unknown_key(name, err);
	if (rk_settings_table[k].flags & RK_SETF_SECRET) {
		rk_err_set(err, RK_USAGE, "%s is a secret and would be seen in the process list",
			name);
		return rk_err_hint(err, "put it into the configuration file, or answer the prompt");
	}
	rk_settings_put(s, k, eq + 1, RK_FROM_FLAG);
	return 0;
}

const char *rk_setting(const struct rk_settings *s, enum rk_key k)
{
	return s->v[k].s;
}

bool rk_setting_is(const struct rk_settings *s, enum rk_key k)
{
	const struct rk_settings_value *v = &s->v[k];

	return v->s ? *v->s != '\0' : v->ref_file || v->ref_env;
}

bool rk_setting_yes(const struct rk_settings *s, enum rk_key k)
{
	return rk_streq(s->v[k].s, "yes");
}

enum rk_origin rk_setting_from(const struct rk_settings *s, enum rk_key k)
{
	return s->v[k].from;
}

void rk_setting_list(const struct rk_settings *s, enum rk_key k, struct rk_strv *out)
{
	size_t n;

	rk_each_item (it, n, s->v[k].s, ",")
		rk_strv_add(out, rk_doc_strndup(s->d, it, n));
}

/* --- what follows from the values --- */

void rk_settings_hosts(const struct rk_settings *s, struct rk_strv *out)
{
	rk_setting_list(s, RK_KEY_HOSTNAMES, out);
}

const char *rk_settings_primary(const struct rk_settings *s)
{
	return s->v[RK_KEY_HOSTNAME].s;
}

int64_t rk_settings_servers(const struct rk_settings *s)
{
	return rk_streq(s->v[RK_KEY_SERVER_COUNT].s, "3") ? 3 : 1;
}

const char *rk_settings_ns(const struct rk_settings *s)
{
	return s->v[RK_KEY_NAMESPACE].s;
}

const char *rk_settings_cluster(const struct rk_settings *s)
{
	return s->v[RK_KEY_CLUSTER].s;
}

const char *rk_settings_tls_source_secret(const struct rk_settings *s)
{
	bool several = strchr(s->v[RK_KEY_HOSTNAMES].s, ',') != NULL;

	/* The chart's certificate carries the primary name only; ours then carries all. */
	if (several && !rk_streq(s->v[RK_KEY_TLS_SOURCE].s, "secret"))
		return "tls-rancher-ingress-all"; /* RK_INGRESS_SECRET_ALL */
	return "tls-rancher-ingress";
}

/* Hosts that serve everyone: they never get what was meant for a private one. */
static bool is_public(const char *host)
{
	static const char *const hosts[] = {"charts.jetstack.io", "releases.rancher.com",
		"charts.rancher.io", "charts.rancher.com", "docker.io", "registry-1.docker.io",
		"index.docker.io", "quay.io", "ghcr.io", "gcr.io", "registry.k8s.io",
		"docker.elastic.co", "public.ecr.aws", "registry.suse.com", "registry.rancher.com",
		"mcr.microsoft.com", "nvcr.io"};

	for (size_t i = 0; i < RK_COUNT(hosts); i++)
		if (rk_url_same_host(host, hosts[i]))
			return true;
	return rk_suffix(host, ".github.io") || rk_suffix(host, ".githubusercontent.com");
}

static bool is_named(const struct rk_settings *s, enum rk_key k, const char *host)
{
	struct rk_strv v = {0};
	bool found = false;

	rk_setting_list(s, k, &v);
	for (size_t i = 0; i < v.n && !found; i++) {
		rk_auto_free char *h = rk_repo_host(v.v[i]);

		found = h && rk_url_same_host(h, host);
	}
	rk_strv_release(&v);
	return found;
}

bool rk_settings_private_host(const struct rk_settings *s, const char *name)
{
	static const enum rk_key repos[] = {
		RK_KEY_K3K_REPO, RK_KEY_CERTMANAGER_REPO, RK_KEY_RANCHER_REPO};
	rk_auto_free char *host = rk_repo_host(name);

	if (!host)
		return false;
	if (rk_setting_is(s, RK_KEY_HELM_REPO_HOSTS) || rk_setting_is(s, RK_KEY_PRIVATE_REGISTRY))
		return is_named(s, RK_KEY_HELM_REPO_HOSTS, host) ||
		       is_named(s, RK_KEY_PRIVATE_REGISTRY, host);
	for (size_t i = 0; i < RK_COUNT(repos); i++) {
		rk_auto_free char *h = rk_repo_host(s->v[repos[i]].s);

		if (h && rk_url_same_host(h, host))
			return !is_public(host);
	}
	return false;
}

bool rk_settings_repo_private(const struct rk_settings *s, enum rk_key repo)
{
	return rk_settings_private_host(s, s->v[repo].s);
}
