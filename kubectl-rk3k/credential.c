// SPDX-License-Identifier: Apache-2.0
/* credential - a kubectl credential plugin: reads the kubeconfig Secret of a virtual cluster through
 * the host cluster and answers with its client certificate. Changes nothing but its cache. */
#include "tls/tls.h"
#include "cli/cli.h"
#include "os/os.h"
#include "k3k/k3k.h"

#include <errno.h>
#include <sys/stat.h>

#define GROUP	  "client.authentication.k8s.io/"
#define CACHE_AGE 300
#define RUNNING	  "RK3K_CREDENTIAL" /* set while this tool looks for the host's own credentials */

struct opts {
	struct rk_kube_flags kube;
	bool no_cache;
};

struct job {
	const struct opts *o;
	struct rk_doc *d;
	char *ns, *cluster;
	const char *version; /* apiVersion asked for */
	const char *cert, *key;
};

/* kubectl names in the environment the version it expects. A context of the host that runs this plugin in
 * turn would never end. */
static int read_request(struct job *j, struct rk_err *err)
{
	const char *info = getenv("KUBERNETES_EXEC_INFO");
	struct rk_val *v = NULL;

	j->version = GROUP "v1";
	rk_doc_source(j->d, "KUBERNETES_EXEC_INFO");
	if (info && *info &&
		(rk_json_parse(j->d, info, strlen(info), &v, err) < 0 ||
			rk_want_str(v, &j->version, err, "apiVersion", NULL) < 0))
		return -1;
	if (!rk_streq(j->version, GROUP "v1") && !rk_streq(j->version, GROUP "v1beta1"))
		return rk_err_set(err, RK_FAIL,
			"KUBERNETES_EXEC_INFO asks for %s, not %sv1 or v1beta1", j->version, GROUP);
	if (!getenv(RUNNING)) {
		setenv(RUNNING, "1", 1);
		return 0;
	}
	rk_err_set(err, RK_CONFLICT,
		"the host's context is a virtual cluster whose credentials are asked for here "
		"again");
	return rk_err_hint(err,
		"name the host's own context: kubectl rk3k kubeconfig get %s/%s "
		"--exec --context HOST | kubectl rk3k kubeconfig merge",
		j->ns, j->cluster);
}

/* --- cache: in memory only, below $XDG_RUNTIME_DIR, some minutes --- */

static bool private_dir(const char *dir)
{
	struct stat st;

	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return false;
	return lstat(dir, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == getuid() &&
	       !(st.st_mode & 077);
}

/* Its file; NULL: no cache. The name is made from all that decides whom the host is asked as, and which host:
 * the answer of one identity must never be given to another. A credential plugin may follow its environment,
 * so that what it will answer is not known here. Caller frees. */
static char *cache_of(const struct job *j)
{
	const char *run = getenv("XDG_RUNTIME_DIR");
	rk_auto_buf what = RK_BUF_INIT_SECRET;
	struct rk_kubeconfig *kc = NULL;
	rk_auto_free char *dir = NULL;
	char hash[65], *path = NULL;
	struct rk_target t;

	if (j->o->no_cache || !run || *run != '/')
		return NULL;
	dir = rk_asprintf("%s/rk3k", run);
	if (private_dir(run) && private_dir(dir) &&
		rk_kubeconfig_load(&kc, j->o->kube.kubeconfig, NULL) == 0 &&
		rk_kubeconfig_resolve(kc, &j->o->kube, &t, NULL) == 0) {
		const char *const texts[] = {j->ns, j->cluster, t.context, t.cluster, t.user,
			t.server, t.conf.tls_server_name, t.conf.proxy, j->o->kube.resolve, t.token,
			t.token_file, t.conf.user, t.conf.password, t.ca.s, t.cert.s, t.key.s};

		for (size_t i = 0; i < RK_COUNT(texts); i++)
			rk_buf_addf(&what, "%zu:%s", texts[i] ? strlen(texts[i]) + 1 : 0,
				texts[i] ? texts[i] : "");
		for (const char *const *h = t.conf.headers; h && *h; h++)
			rk_buf_addf(&what, "%zu:%s", strlen(*h), *h);
		rk_sha256_hex(what.s, what.len, hash);
		if (!t.exec && !t.auth_provider)
			path = rk_asprintf("%s/credential-%.32s", dir, hash);
		rk_target_release(&t);
	}
	rk_kubeconfig_free(kc);
	return path;
}

/* A process that asks again was refused with what it got before. */
static bool cached(struct job *j, const char *path)
{
	rk_auto_buf b = RK_BUF_INIT_SECRET;
	struct rk_val *v = NULL;
	int64_t now = (int64_t)time(NULL), at;

	if (!path || rk_file_read_private(path, 1 << 20, &b, NULL) < 0 ||
		rk_json_parse(j->d, b.s, b.len, &v, NULL) < 0)
		return false;
	at = rk_get_int(v, 0, "at", NULL);
	j->cert = rk_get_str(v, "cert", NULL);
	j->key = rk_get_str(v, "key", NULL);
	return j->cert && j->key && at <= now && now - at < CACHE_AGE &&
	       rk_get_int(v, 0, "by", NULL) != getppid();
}

/* A missing cache is not an error. */
static void save(const struct job *j, const char *path)
{
	struct rk_val *v = rk_map(j->d);
	rk_auto_buf b = RK_BUF_INIT_SECRET;
	struct rk_err ignored = RK_ERR_INIT;

	rk_set_int(j->d, v, "at", (int64_t)time(NULL));
	rk_set_int(j->d, v, "by", getppid());
	rk_set_str(j->d, v, "cert", j->cert);
	rk_set_str(j->d, v, "key", j->key);
	rk_json_write(v, RK_JSON_COMPACT, &b);
	if (rk_file_replace(path, b.s, b.len, 0600, NULL, &ignored) < 0)
		rk_debug("cache: %s", ignored.msg);
}

/* --- asking the host --- */

static int fetch(struct job *j, struct rk_err *err)
{
	rk_auto_buf text = RK_BUF_INIT_SECRET, cert = RK_BUF_INIT, key = RK_BUF_INIT_SECRET;
	rk_auto_kube *host = NULL;
	struct rk_val *root = NULL;
	const struct rk_val *user;

	if (rk_kube_open(&host, &j->o->kube, err) < 0 ||
		rk_k3k_secret(
			host, j->ns, j->cluster, "kubeconfig", "kubeconfig.yaml", &text, err) < 0)
		return -1;
	rk_doc_source(j->d, "kubeconfig Secret");
	if (rk_yaml_parse(j->d, text.s, text.len, &root, err) < 0)
		return -1;
	user = rk_get(rk_at(rk_get(root, "users", NULL), 0), "user", NULL);
	if (rk_kc_admit(j->d, NULL, rk_mut(user), err) < 0)
		return rk_err_wrap(err, "kubeconfig Secret");
	if (rk_k3k_unexpired(user, j->ns, j->cluster, err) < 0 ||
		rk_need_base64(user, &cert, err, "client-certificate-data", NULL) < 0 ||
		rk_need_base64(user, &key, err, "client-key-data", NULL) < 0)
		return -1;
	j->cert = rk_doc_strndup(j->d, cert.s, cert.len);
	j->key = rk_doc_strndup(j->d, key.s, key.len);
	return 0;
}

static int answer(struct job *j, struct rk_err *err)
{
	rk_auto_free char *cache = NULL;
	rk_auto_cert *cert = NULL;
	rk_auto_buf out = RK_BUF_INIT_SECRET;
	struct rk_val *root = rk_map(j->d), *status;
	char when[32];
	bool had;

	if (read_request(j, err) < 0)
		return -1;
	cache = cache_of(j);
	had = cached(j, cache);
	if (!had && fetch(j, err) < 0)
		return rk_err_wrap(err, "no credential for %s/%s", j->ns, j->cluster);
	if (rk_cert_parse(&cert, j->cert, strlen(j->cert), err) < 0 ||
		rk_cert_check_key(cert, j->key, strlen(j->key), err) < 0)
		return rk_err_wrap(err, "client certificate of %s/%s", j->ns, j->cluster);

	rk_time_format(cert->not_after, when);
	rk_set_str(j->d, root, "kind", "ExecCredential");
	rk_set_str(j->d, root, "apiVersion", j->version);
	status = rk_map_at(j->d, root, "status", NULL);
	rk_set_str(j->d, status, "expirationTimestamp", when);
	rk_set_str(j->d, status, "clientCertificateData", j->cert);
	rk_set_str(j->d, status, "clientKeyData", j->key);
	rk_json_write(root, RK_JSON_COMPACT, &out);
	rk_buf_putc(&out, '\n');
	rk_print_buf(&out);
	if (cache && !had)
		save(j, cache);
	return 0;
}

static int run(void *p, int argc, char **argv, struct rk_err *err)
{
	struct job j = {.o = p, .d = rk_doc_new(true)};
	int rc = rk_k3k_ref(argc ? argv[0] : RK_K3K_CLUSTER,
		j.o->kube.ns ? j.o->kube.ns : RK_K3K_NS, &j.ns, &j.cluster, err);

	if (rc == 0)
		rc = answer(&j, err);
	free(j.ns);
	free(j.cluster);
	rk_doc_free(j.d);
	return rc;
}

static const struct rk_opt OPTS[] = {
	OPT_FLAG("no-cache", no_cache,
		"read the certificate from the host cluster each time, without the cache"),
	OPT_GROUP_KUBE(kube), OPT_END};

static const struct rk_verb VERBS[] = {{.args = "[[NAMESPACE/]CLUSTER]",
					       .opts = OPTS,
					       .max_args = 1,
					       .complete = "cluster",
					       .run = run},
	{.run = NULL}};

static const struct rk_cmd CMD = {
	.name = "credential",
	.summary = "print a client certificate for kubectl (credential plugin)",
	.opts_size = sizeof(struct opts),
	.verbs = VERBS,
	.help = rk_help,
};

int main(int argc, char **argv)
{
	return rk_main(&CMD, argc, argv);
}
