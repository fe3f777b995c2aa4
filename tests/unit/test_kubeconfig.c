// SPDX-License-Identifier: Apache-2.0
/* Reading and resolving kubeconfigs, and running credential plugins. */
#include "os/os.h"
#include "kubeconfig/kubeconfig.h"
#include "out/out.h"
#include "pki.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>

#include <cmocka.h>

static struct pki ca, other, client;
static char dir[] = "/tmp/rk3k-test-XXXXXX";
static struct rk_buf ca64 = RK_BUF_INIT, crt64 = RK_BUF_INIT, key64 = RK_BUF_INIT;

static char *at(const char *name)
{
	return rk_asprintf("%s/%s", dir, name);
}

static void put(const char *name, const char *text, mode_t mode)
{
	rk_auto_free char *path = at(name);

	if (rk_file_replace(path, text, strlen(text), mode, NULL, NULL) < 0)
		fail_msg("cannot write %s", path);
}

static int setup(void **state)
{
	(void)state;
	pki_make(&ca, NULL, &(struct pki_spec){.cn = "ca", .ca = true});
	pki_make(&other, NULL, &(struct pki_spec){.cn = "other", .ca = true});
	pki_make(&client, &ca, &(struct pki_spec){.cn = "admin"});
	rk_base64(&ca64, ca.cert_pem.s, ca.cert_pem.len);
	rk_base64(&crt64, client.cert_pem.s, client.cert_pem.len);
	rk_base64(&key64, client.key_pem.s, client.key_pem.len);
	unsetenv("KUBERNETES_SERVICE_HOST");
	unsetenv("POD_NAMESPACE");
	unsetenv("KUBECONFIG");
	if (!mkdtemp(dir))
		return -1;
	put("ca.crt", ca.cert_pem.s, 0600);
	put("client.crt", client.cert_pem.s, 0600);
	put("client.key", client.key_pem.s, 0600);
	return 0;
}

static int remove_dir(void)
{
	static const char *const names[] = {"ca.crt", "client.crt", "client.key", "config", "token",
		"other-token", "tokens", "namespace", "a/config", "a/tok", "a", "b", "plugin",
		"seen", ""};

	for (size_t i = 0; i < RK_COUNT(names); i++) {
		rk_auto_free char *path = at(names[i]);

		remove(path);
	}
	return access(dir, F_OK) == 0 ? -1 : 0;
}

static int teardown(void **state)
{
	(void)state;
	pki_release(&ca);
	pki_release(&other);
	pki_release(&client);
	rk_buf_release(&ca64);
	rk_buf_release(&crt64);
	rk_buf_release(&key64);
	return remove_dir();
}

#define V1 "apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never"
#define ANSWER                                                                   \
	"#!/bin/sh\necho '{\"kind\":\"ExecCredential\",\"apiVersion\":\"client." \
	"authentication.k8s.io/v1\","

#define ANSWER_TAIL                                                                    \
	"echo "                                                                        \
	"'{\"kind\":\"ExecCredential\",\"apiVersion\":\"client.authentication.k8s.io/" \
	"v1\",\"status\":{\"token\":"                                                  \
	"\"t\"}}'\n"

/* A kubeconfig with cluster c, user u, context x; the bodies are flow maps. */
static char *config(const char *cluster, const char *user)
{
	return rk_asprintf("clusters: [{name: c, cluster: %s}]\n"
			   "users: [{name: u, user: %s}]\n"
			   "contexts: [{name: x, context: {cluster: c, user: u, namespace: ns}}]\n"
			   "current-context: x\n",
		cluster, user);
}

#define SERVER "server: 'https://c.example:6443'"

static const struct rk_kube_flags no_flags;

/* Written to a file in dir, so that relative paths in it mean something. */
static int resolve(
	const char *text, const struct rk_kube_flags *f, struct rk_target *t, struct rk_err *err)
{
	rk_auto_free char *path = at("config");
	struct rk_kube_flags in = f ? *f : (struct rk_kube_flags){0};
	struct rk_kubeconfig *kc = NULL;
	int rc;

	in.pod_dir = dir;
	put("config", text, 0600);
	rc = rk_kubeconfig_load(&kc, path, err);
	if (rc == 0)
		rc = rk_kubeconfig_resolve(kc, &in, t, err);
	rk_kubeconfig_free(kc); /* t must not need it any more */
	if (rc == 0 && rk_target_check(t, err) < 0) {
		rk_target_release(t);
		rc = -1;
	}
	return rc;
}

static void good_with(
	const char *cluster, const char *user, const struct rk_kube_flags *f, struct rk_target *t)
{
	rk_auto_free char *text = config(cluster, user);
	struct rk_err err = RK_ERR_INIT;

	if (resolve(text, f, t, &err) < 0)
		fail_msg("%s\n%s", err.msg, text);
}

static void good(const char *cluster, const char *user, struct rk_target *t)
{
	good_with(cluster, user, NULL, t);
}

static void bad_with(const char *cluster, const char *user, const struct rk_kube_flags *f, int code,
	const char *word)
{
	rk_auto_free char *text = config(cluster, user);
	struct rk_err err = RK_ERR_INIT;
	struct rk_target t;

	if (resolve(text, f, &t, &err) == 0)
		fail_msg("not refused:\n%s", text);
	if (!strstr(err.msg, word) && !strstr(err.hint, word))
		fail_msg("\"%s\" not in: %s; %s", word, err.msg, err.hint);
	assert_int_equal(err.code, code);
	assert_null(strchr(err.msg, '\n'));
}

static void bad(const char *cluster, const char *user, int code, const char *word)
{
	bad_with(cluster, user, NULL, code, word);
}

static bool has_header(const struct rk_target *t, const char *h)
{
	for (size_t i = 0; i < t->headers.n; i++)
		if (strcmp(t->headers.v[i], h) == 0)
			return true;
	return false;
}

static void certificates(void **state)
{
	rk_auto_free char *user =
		rk_asprintf("{client-certificate-data: %s, client-key-data: %s}", crt64.s, key64.s);
	rk_auto_free char *cluster =
		rk_asprintf("{" SERVER ", certificate-authority-data: %s}", ca64.s);
	struct rk_target t;

	(void)state;
	good(cluster, user, &t);
	assert_string_equal(t.context, "x");
	assert_string_equal(t.cluster, "c");
	assert_string_equal(t.user, "u");
	assert_string_equal(t.ns, "ns");
	assert_string_equal(t.conf.base, "https://c.example:6443");
	assert_string_equal(t.conf.ca, ca.cert_pem.s);
	assert_string_equal(t.conf.cert, client.cert_pem.s);
	assert_string_equal(t.conf.key, client.key_pem.s);
	assert_true(rk_target_expires(&t) > time(NULL));
	assert_non_null(t.context);
	rk_target_release(&t);
	/* files, relative to the kubeconfig */
	good("{" SERVER ", certificate-authority: ca.crt}",
		"{client-certificate: client.crt, client-key: ./client.key}", &t);
	assert_string_equal(t.conf.ca, ca.cert_pem.s);
	assert_string_equal(t.conf.key, client.key_pem.s);
	rk_target_release(&t);
}

static void certificate_trouble(void **state)
{
	rk_auto_free char *half = rk_asprintf("{client-certificate-data: %s}", crt64.s);
	rk_auto_free char *key = rk_asprintf("{client-key-data: %s}", key64.s);
	rk_auto_free char *both = rk_asprintf(
		"{client-certificate: client.crt, client-certificate-data: %s}", crt64.s);
	rk_auto_free char *wrong =
		rk_asprintf("{client-certificate-data: %s, client-key-data: %s}", ca64.s, key64.s);
	rk_auto_free char *ca2 = rk_asprintf(
		"{" SERVER ", certificate-authority: ca.crt, certificate-authority-data: %s}",
		ca64.s);

	(void)state;
	bad("{" SERVER "}", half, RK_FAIL, "without a key");
	bad("{" SERVER "}", key, RK_FAIL, "without a certificate");
	bad("{" SERVER "}", both, RK_FAIL, "both client-certificate");
	bad("{" SERVER "}", wrong, RK_FAIL, "does not belong");
	bad(ca2, "{}", RK_FAIL, "both certificate-authority");
	bad("{" SERVER ", certificate-authority: gone.crt}", "{}", RK_NOTFOUND, "gone.crt");
	bad("{" SERVER ", certificate-authority-data: '!!'}", "{}", RK_FAIL, "-data");
	bad("{" SERVER ", certificate-authority-data: QUJD}", "{}", RK_FAIL,
		"certificate-authority");
}

static void unverified_is_refused(void **state)
{
	struct rk_kube_flags f = {0};
	rk_auto_free char *path = at("ca.crt");
	struct rk_target t;

	(void)state;
	bad("{" SERVER ", insecure-skip-tls-verify: true}", "{}", RK_CONFLICT, "set-cluster c");
	bad("{server: 'http://c.example'}", "{}", RK_CONFLICT, "https://");
	bad("{server: 'c.example:6443'}", "{}", RK_CONFLICT, "https://");
	bad("{server: 'https://'}", "{}", RK_CONFLICT, "https://");
	f.certificate_authority = path;
	good_with("{" SERVER ", insecure-skip-tls-verify: true}", "{}", &f, &t);
	assert_string_equal(t.conf.ca, ca.cert_pem.s);
	rk_target_release(&t);
}

static void tokens(void **state)
{
	struct rk_kube_flags f = {0};
	rk_auto_free char *path = at("other-token");
	struct rk_target t;

	(void)state;
	put("token", " from-file\n", 0600);
	put("other-token", "from-flag", 0600);
	good("{" SERVER "}", "{token: abc}", &t);
	assert_string_equal(t.conf.bearer, "abc");
	assert_null(t.token_file);
	rk_target_release(&t);
	good("{" SERVER "}", "{token: abc, tokenFile: token}", &t);
	assert_string_equal(t.conf.bearer, "from-file");
	assert_non_null(strstr(t.token_file, "/token"));
	rk_target_release(&t);
	f.token_file = path;
	good_with("{" SERVER "}", "{token: abc}", &f, &t);
	assert_string_equal(t.conf.bearer, "from-flag");
	rk_target_release(&t);
	bad("{" SERVER "}", "{tokenFile: nowhere}", RK_NOTFOUND, "nowhere");
	bad("{" SERVER "}", "{token: \"a\\nX: y\"}", RK_FAIL, "control character");
	bad("{" SERVER "}", "{token: 123}", RK_FAIL, "token");
	put("token", " \n", 0600);
	bad("{" SERVER "}", "{tokenFile: token}", RK_FAIL, "empty");
}

static void basic(void **state)
{
	struct rk_target t;

	(void)state;
	good("{" SERVER "}", "{username: me, password: 'p:w'}", &t);
	assert_string_equal(t.conf.user, "me");
	assert_string_equal(t.conf.password, "p:w");
	rk_target_release(&t);
	bad("{" SERVER "}", "{username: me, password: pw, token: abc}", RK_FAIL, "more than one");
	bad("{" SERVER "}", "{username: me, password: 0123}", RK_FAIL, "password");
	bad("{" SERVER "}", "{auth-provider: {name: x}, exec: {command: x, " V1 "}}", RK_FAIL,
		"both exec and auth-provider");
}

static void server_side(void **state)
{
	struct rk_kube_flags f = {.server = "https://o.example",
		.resolve = "o.example:443:::1",
		.request_timeout_ms = 5000};
	struct rk_target t;

	(void)state;
	good("{" SERVER ", tls-server-name: k3k-x-service, proxy-url: 'socks5://p:1'}", "{}", &t);
	assert_string_equal(t.conf.tls_server_name, "k3k-x-service");
	assert_string_equal(t.conf.proxy, "socks5://p:1");
	rk_target_release(&t);
	/* --server brings another address: the name it had goes */
	good_with("{" SERVER ", tls-server-name: k3k-x-service}", "{}", &f, &t);
	assert_string_equal(t.conf.base, "https://o.example");
	assert_null(t.conf.tls_server_name);
	assert_string_equal(t.conf.resolve, "o.example:443:::1");
	assert_int_equal(t.conf.request_ms, 5000);
	rk_target_release(&t);
	f.tls_server_name = "n.example";
	good_with("{" SERVER "}", "{}", &f, &t);
	assert_string_equal(t.conf.tls_server_name, "n.example");
	rk_target_release(&t);
	bad("{" SERVER ", proxy-url: 'ftp://user:secret@p'}", "{}", RK_FAIL, "proxy-url");
	bad("{}", "{}", RK_NOTFOUND, "no server");
	bad("{server: 5}", "{}", RK_FAIL, "server");
	bad("{server: [a]}", "{}", RK_FAIL, "server");
	bad("{" SERVER ", insecure-skip-tls-verify: maybe}", "{}", RK_FAIL, "insecure");
}

static void secrets_stay_out_of_errors(void **state)
{
	rk_auto_free char *text =
		config("{" SERVER ", proxy-url: 'ftp://user:hush@p'}", "{token: [hush]}");
	struct rk_err err = RK_ERR_INIT;
	struct rk_target t;

	(void)state;
	assert_int_equal(resolve(text, NULL, &t, &err), -1);
	assert_null(strstr(err.msg, "hush"));
}

static void impersonation(void **state)
{
	struct rk_kube_flags f = {.as = "flag"};
	struct rk_target t;

	(void)state;
	good("{" SERVER "}",
		"{as: jane, as-uid: '7', as-groups: [a, b], as-user-extra: {Foo/Bar: [x, q], 'p%': "
		"[z]}}",
		&t);
	assert_int_equal(t.headers.n, 7);
	assert_true(has_header(&t, "Impersonate-User: jane"));
	assert_true(has_header(&t, "Impersonate-Uid: 7"));
	assert_true(has_header(&t, "Impersonate-Group: a"));
	assert_true(has_header(&t, "Impersonate-Group: b"));
	assert_true(has_header(&t, "Impersonate-Extra-Foo%2fBar: x"));
	assert_true(has_header(&t, "Impersonate-Extra-Foo%2fBar: q"));
	assert_true(has_header(&t, "Impersonate-Extra-p%25: z"));
	rk_target_release(&t);
	rk_strv_add(&f.as_groups, "g");
	good_with("{" SERVER "}", "{as: jane, as-groups: [a]}", &f, &t);
	assert_true(has_header(&t, "Impersonate-User: flag"));
	assert_true(has_header(&t, "Impersonate-Group: g"));
	assert_int_equal(t.headers.n, 2);
	rk_target_release(&t);
	f.as = NULL;
	bad_with("{" SERVER "}", "{}", &f, RK_FAIL, "--as");
	rk_strv_release(&f.as_groups);
	bad("{" SERVER "}", "{as-uid: '7'}", RK_FAIL, "--as");
	bad("{" SERVER "}", "{as: \"a\\r\\nX: y\"}", RK_FAIL, "control character");
	bad("{" SERVER "}", "{as: a, as-user-extra: {k: v}}", RK_FAIL, "list");
}

static void choosing(void **state)
{
	static const char *const two =
		"clusters: [{name: c, cluster: {" SERVER "}}, {name: d, cluster: {server: "
		"'https://d'}}]\n"
		"users: [{name: u, user: {token: a}}, {name: v, user: {token: b}}]\n"
		"contexts: [{name: x, context: {cluster: c, user: u}}, "
		"{name: v, context: {cluster: gone, user: u}}, {name: z, context: {}},"
		"{name: w, context: {cluster: c, user: gone}}]\n";
	static const struct {
		struct rk_kube_flags f;
		const char *server, *token, *word;
	} cases[] = {
		{{.context = "x"}, "https://c.example:6443", "a", NULL},
		{{.context = "x", .cluster = "d", .user = "v"}, "https://d", "b", NULL},
		{{.context = "w"}, "https://c.example:6443", NULL, NULL},
		{{.server = "https://e"}, "https://e", NULL, NULL},
		{{.context = "v", .server = "https://e"}, "https://e", "a", NULL},
		{{0}, NULL, NULL, "no current-context"},
		{{.context = "nope"}, NULL, NULL, "no context \"nope\""},
		{{.context = "x", .cluster = "nope"}, NULL, NULL, "no cluster \"nope\""},
		{{.context = "x", .user = "nope"}, NULL, NULL, "no user \"nope\""},
		{{.context = "v"}, NULL, NULL, "names cluster \"gone\""},
		{{.context = "z"}, NULL, NULL, "names no cluster"},
	};

	(void)state;
	for (size_t i = 0; i < RK_COUNT(cases); i++) {
		struct rk_err err = RK_ERR_INIT;
		struct rk_target t;
		int rc = resolve(two, &cases[i].f, &t, &err);

		if (cases[i].word) {
			assert_int_equal(rc, -1);
			assert_int_equal(err.code, RK_NOTFOUND);
			if (!strstr(err.msg, cases[i].word))
				fail_msg("case %zu: %s", i, err.msg);
			continue;
		}
		if (rc < 0)
			fail_msg("case %zu: %s", i, err.msg);
		assert_string_equal(t.server, cases[i].server);
		if (cases[i].token)
			assert_string_equal(t.token, cases[i].token);
		else
			assert_null(t.token);
		rk_target_release(&t);
	}
}

static void damaged_files(void **state)
{
	static const char *const texts[] = {"[]", "x", "clusters: {}", "clusters: [a]",
		"contexts: [{name: 5}]", "kind: Pod", "apiVersion: v2", "clusters: [", "\xff",
		"clusters: [{name: a}, {name: a}]", "users: [{name: a, user: 1}]",
		"current-context: [a]", "{\"clusters\": [}"};

	(void)state;
	for (size_t i = 0; i < RK_COUNT(texts); i++) {
		struct rk_err err = RK_ERR_INIT;
		struct rk_target t;

		if (resolve(texts[i], NULL, &t, &err) == 0)
			fail_msg("accepted: %s", texts[i]);
		assert_int_equal(err.code, RK_FAIL);
		if (!strstr(err.msg, dir))
			fail_msg("no file in: %s", err.msg);
	}
}

/* KUBECONFIG with two files: the first definition of a name wins whole. */
static void lists_of_files(void **state)
{
	rk_auto_free char *env = rk_asprintf("%s/none::%s/a/config:%s/b:%s/b", dir, dir, dir, dir);
	rk_auto_free char *sub = at("a");
	struct rk_kubeconfig *kc = NULL;
	struct rk_err err = RK_ERR_INIT;
	struct rk_target t;

	(void)state;
	mkdir(sub, 0700);
	put("a/config", "users: [{name: u, user: {tokenFile: tok}}]\nclusters: null\n", 0600);
	put("a/tok", "in-a", 0600);
	put("b",
		"users: [{name: u, user: {token: b}}]\nclusters: [{name: c, cluster: {" SERVER
		"}}]\n"
		"contexts: [{name: x, context: {cluster: c, user: u}}]\ncurrent-context: x\n",
		0600);
	setenv("KUBECONFIG", env, 1);
	if (rk_kubeconfig_load(&kc, NULL, &err) < 0 ||
		rk_kubeconfig_resolve(kc, &no_flags, &t, &err) < 0)
		fail_msg("%s", err.msg);
	assert_string_equal(t.token, "in-a");
	assert_string_equal(t.context, "x");
	rk_target_release(&t);
	rk_kubeconfig_free(kc);
	/* all missing: an empty configuration; a directory: an error that names it */
	setenv("KUBECONFIG", "/nowhere/1:/nowhere/2", 1);
	assert_int_equal(rk_kubeconfig_load(&kc, NULL, &err), 0);
	assert_int_equal(rk_kubeconfig_resolve(kc, &no_flags, &t, &err), -1);
	assert_int_equal(err.code, RK_NOTFOUND);
	assert_non_null(strstr(err.msg, "/nowhere/1, /nowhere/2"));
	rk_kubeconfig_free(kc);
	setenv("KUBECONFIG", dir, 1);
	assert_int_equal(rk_kubeconfig_load(&kc, NULL, &err), -1);
	assert_non_null(strstr(err.msg, dir));
	unsetenv("KUBECONFIG");
	assert_int_equal(rk_kubeconfig_load(&kc, "/nowhere/1", &err), -1);
	assert_int_equal(err.code, RK_NOTFOUND);
}

static void in_a_pod(void **state)
{
	struct rk_kubeconfig *kc = NULL;
	struct rk_kube_flags f = {.pod_dir = dir};
	struct rk_err err = RK_ERR_INIT;
	struct rk_target t;

	(void)state;
	put("token", "pod-token\n", 0600);
	put("namespace", "pod-ns\n", 0600);
	setenv("KUBERNETES_SERVICE_HOST", "fd00::1", 1);
	setenv("KUBERNETES_SERVICE_PORT", "443", 1);
	setenv("KUBECONFIG", "/nowhere", 1);
	assert_int_equal(rk_kubeconfig_load(&kc, NULL, &err), 0);
	if (rk_kubeconfig_resolve(kc, &f, &t, &err) < 0)
		fail_msg("%s", err.msg);
	assert_string_equal(t.server, "https://[fd00::1]:443");
	assert_string_equal(t.conf.bearer, "pod-token");
	assert_string_equal(t.conf.ca, ca.cert_pem.s);
	assert_string_equal(t.ns, "pod-ns");
	assert_null(t.context);
	rk_target_release(&t);
	f.server = "https://e.example";
	assert_int_equal(rk_kubeconfig_resolve(kc, &f, &t, &err), 0);
	assert_string_equal(t.conf.base, "https://e.example");
	assert_string_equal(t.conf.bearer, "pod-token");
	rk_target_release(&t);
	f = (struct rk_kube_flags){.context = "x", .pod_dir = dir};
	assert_int_equal(rk_kubeconfig_resolve(kc, &f, &t, &err), -1);
	rk_kubeconfig_free(kc);
	/* a kubeconfig wins, but the pod's namespace fills the gap */
	assert_int_equal(resolve("clusters: [{name: c, cluster: {" SERVER "}}]\n"
				 "contexts: [{name: x, context: {cluster: c}}]\n"
				 "current-context: x\n",
				 NULL, &t, &err),
		0);
	assert_string_equal(t.server, "https://c.example:6443");
	assert_null(t.token);
	assert_string_equal(t.ns, "pod-ns");
	rk_target_release(&t);
	setenv("POD_NAMESPACE", "env-ns", 1);
	good("{" SERVER "}", "{}", &t);
	assert_string_equal(t.ns, "ns");
	rk_target_release(&t);
	unsetenv("POD_NAMESPACE");
	unsetenv("KUBECONFIG");
	unsetenv("KUBERNETES_SERVICE_HOST");
}

static void from_bytes(void **state)
{
	rk_auto_free char *text =
		config("{" SERVER ", certificate-authority: ca.crt}", "{token: a}");
	rk_auto_free char *plugin = config("{" SERVER "}", "{exec: {command: ./x, " V1 "}}");
	struct rk_kubeconfig *kc = NULL;
	struct rk_err err = RK_ERR_INIT;
	struct rk_target t;

	(void)state;
	assert_int_equal(rk_kubeconfig_parse(&kc, text, strlen(text), "stdin", &err), 0);
	assert_int_equal(rk_kubeconfig_resolve(kc, &no_flags, &t, &err), -1);
	assert_non_null(strstr(err.msg, "relative"));
	rk_kubeconfig_free(kc);
	assert_int_equal(rk_kubeconfig_parse(&kc, plugin, strlen(plugin), "stdin", &err), 0);
	assert_int_equal(rk_kubeconfig_resolve(kc, &no_flags, &t, &err), -1);
	assert_non_null(strstr(err.msg, "relative exec command ./x"));
	rk_kubeconfig_free(kc);
}

static void same_servers(void **state)
{
	(void)state;
	assert_true(rk_kubeconfig_same_url("https://A.example", "https://a.example:443/"));
	assert_true(rk_kubeconfig_same_url("https://[::1]", "https://[::1]:443"));
	assert_false(rk_kubeconfig_same_url("https://a", "https://a:6443"));
	assert_false(rk_kubeconfig_same_url("https://a/k8s/clusters/x", "https://a"));
	assert_true(rk_kubeconfig_same_ca(
		ca.cert_pem.s, ca.cert_pem.len, ca.cert_pem.s, ca.cert_pem.len - 1));
	assert_false(rk_kubeconfig_same_ca(
		ca.cert_pem.s, ca.cert_pem.len, other.cert_pem.s, other.cert_pem.len));
	assert_false(rk_kubeconfig_same_ca(ca.cert_pem.s, ca.cert_pem.len, "", 0));
}

/* --- auth-provider --- */

/* What rk_target_provider says of a user; the token is left in *t. */
static int provider(const char *config_text, struct rk_target *t, struct rk_err *err)
{
	rk_auto_free char *user = rk_asprintf("{auth-provider: %s}", config_text);

	*err = (struct rk_err)RK_ERR_INIT;
	good("{" SERVER "}", user, t);
	assert_null(t->token);
	return rk_target_provider(t, err);
}

static char *jwt(long long expires)
{
	rk_auto_free char *claims = rk_asprintf("{\"sub\":\"\xc3\xbf?>\",\"exp\":%lld}", expires);
	rk_auto_buf b = RK_BUF_INIT;

	rk_base64(&b, claims, strlen(claims));
	for (char *p = b.s; *p; p++)
		*p = *p == '+' ? '-' : *p == '/' ? '_' : *p == '=' ? '\0' : *p;
	return rk_asprintf("{name: oidc, config: {id-token: e30.%s.x}}", b.s);
}

/* Refreshing is kubectl's business; until then its token is as good here as there. */
static void oidc_gives_its_token_until_it_expires(void **state)
{
	rk_auto_free char *fresh = jwt((long long)time(NULL) + 60), *old = jwt(1000000000);
	struct rk_err err;
	struct rk_target t;

	(void)state;
	assert_int_equal(provider(fresh, &t, &err), 0);
	assert_true(rk_prefix(t.token, "e30.") && t.conf.bearer == t.token);
	rk_target_release(&t);
	assert_int_equal(provider(old, &t, &err), -1);
	assert_non_null(strstr(err.msg, "has expired"));
	rk_target_release(&t);
	assert_int_equal(provider("{name: oidc, config: {refresh-token: r}}", &t, &err), -1);
	assert_non_null(strstr(err.msg, "is not set"));
	assert_non_null(strstr(err.hint, "kubectl"));
	rk_target_release(&t);
	assert_int_equal(provider("{name: oidc, config: {id-token: a.b}}", &t, &err), -1);
	assert_non_null(strstr(err.msg, "not a JWT"));
	rk_target_release(&t);
	assert_int_equal(provider("{name: gcp}", &t, &err), -1);
	assert_non_null(strstr(err.msg, "\"gcp\", which Kubernetes removed"));
	rk_target_release(&t);
}

/* As in client-go: the file's when it can be read and is not empty, else the entry's. */
static void a_token_beside_a_token_file(void **state)
{
	struct rk_target t;

	(void)state;
	good("{" SERVER "}", "{token: mine, tokenFile: nowhere}", &t);
	assert_string_equal(t.token, "mine");
	assert_non_null(t.token_file);
	rk_target_release(&t);
	put("tokens", "\n", 0600);
	good("{" SERVER "}", "{token: mine, tokenFile: tokens}", &t);
	assert_string_equal(t.token, "mine");
	rk_target_release(&t);
	put("tokens", "other\n", 0600);
	good("{" SERVER "}", "{token: mine, tokenFile: tokens}", &t);
	assert_string_equal(t.token, "other");
	rk_target_release(&t);
	bad("{" SERVER "}", "{tokenFile: nowhere}", RK_NOTFOUND, "nowhere");
}

static void a_token_that_fits_no_header(void **state)
{
	rk_auto_free char *user = rk_malloc(320000);

	(void)state;
	memset(user, 'x', 320000);
	memcpy(user, "{token: ", 8);
	memcpy(user + 319998, "}", 2);
	bad("{" SERVER "}", user, RK_FAIL, "too long for a request header: 319990 bytes");
}

static void an_entry_knows_its_host(void **state)
{
	static const char text[] =
		"clusters:\n"
		"- {name: h, cluster: {server: 'https://HOST'}}\n"
		"- {name: v, cluster: {server: 'https://v', extensions: [{name: rk3k, extension:"
		" {namespace: team, cluster: c, host: 'https://host:443/'}}]}}\n"
		"contexts: [{name: a, context: {cluster: h}}, {name: b, context: {cluster: h}},"
		" {name: v, context: {cluster: v}}]\n"
		"current-context: v\n";
	struct rk_kube_flags a = {.context = "a"};
	struct rk_err err = RK_ERR_INIT;
	struct rk_target t;

	(void)state;
	assert_int_equal(resolve(text, NULL, &t, &err), 0);
	assert_string_equal(t.virtual_cluster, "team/c");
	assert_string_equal(t.host_contexts, "a or b");
	rk_target_release(&t);
	assert_int_equal(resolve(text, &a, &t, &err), 0);
	assert_null(t.virtual_cluster);
	rk_target_release(&t);
}

/* --- credential plugins --- */

static int run_plugin(const char *script, const char *exec, const char *cluster,
	struct rk_target *t, int64_t *expires, struct rk_err *err)
{
	rk_auto_free char *user = rk_asprintf("{exec: {command: ./plugin, %s}}", exec);
	rk_auto_free char *text = config(cluster, user);

	put("plugin", script, 0700);
	*t = (struct rk_target){.server = NULL};
	if (resolve(text, NULL, t, err) < 0)
		return -1;
	return rk_target_exec(t, expires, err);
}

static void plugin_token(void **state)
{
	struct rk_err err = RK_ERR_INIT;
	struct rk_target t;
	int64_t expires = -1;

	(void)state;
	if (run_plugin(ANSWER "\"status\":{\"token\":\"tok\",\"expirationTimestamp\":"
			      "\"2030-01-02T03:04:05Z\"}}'\n",
		    V1, "{" SERVER "}", &t, &expires, &err) < 0)
		fail_msg("%s", err.msg);
	assert_string_equal(t.conf.bearer, "tok");
	assert_int_equal(expires, rk_time_parse("2030-01-02T03:04:05Z"));
	rk_target_release(&t);
	/* YAML, v1beta1, no interactiveMode, no expiry */
	if (run_plugin("#!/bin/sh\nprintf 'kind: ExecCredential\\napiVersion: "
		       "client.authentication.k8s.io/v1beta1\\nstatus: {token: two}\\n'\n",
		    "apiVersion: client.authentication.k8s.io/v1beta1", "{" SERVER "}", &t,
		    &expires, &err) < 0)
		fail_msg("%s", err.msg);
	assert_string_equal(t.conf.bearer, "two");
	assert_int_equal(expires, 0);
	rk_target_release(&t);
}

static void plugin_certificate(void **state)
{
	struct rk_err err = RK_ERR_INIT;
	struct rk_target t;
	int64_t expires;

	(void)state;
	if (run_plugin("#!/bin/sh\ncd \"${0%/*}\"\n"
		       "esc() { awk '{printf \"%s\\\\n\", $0}' \"$1\"; }\n"
		       "printf '{\"kind\":\"ExecCredential\",\"apiVersion\":"
		       "\"client.authentication.k8s.io/v1\",\"status\":{"
		       "\"clientCertificateData\":\"%s\",\"clientKeyData\":\"%s\"}}' "
		       "\"$(esc client.crt)\" \"$(esc client.key)\"\n",
		    V1, "{" SERVER "}", &t, &expires, &err) < 0)
		fail_msg("%s", err.msg);
	assert_string_equal(t.conf.cert, client.cert_pem.s);
	assert_string_equal(t.conf.key, client.key_pem.s);
	assert_true(rk_target_expires(&t) > 0);
	rk_target_release(&t);
}

/* What the plugin is given: arguments, environment, KUBERNETES_EXEC_INFO, an empty stdin, and no
 * other descriptor of ours. */
static void plugin_input(void **state)
{
	rk_auto_free char *cluster = rk_asprintf(
		"{" SERVER ", certificate-authority-data: %s, tls-server-name: tn, extensions: "
		"[{name: client.authentication.k8s.io/exec, extension: {audience: me}}]}",
		ca64.s);
	rk_auto_free char *seen = at("seen"), *home = at("plugin-home");
	rk_auto_free char *exec = rk_asprintf(V1
		", args: [a, 'b c'], env: [{name: HOME, value: %s}], provideClusterInfo: true",
		home);
	rk_auto_buf b = RK_BUF_INIT;
	rk_auto_doc *d = rk_doc_new(false);
	struct rk_val *v = NULL;
	struct rk_err err = RK_ERR_INIT;
	struct rk_target t;
	int64_t expires;

	(void)state;
	for (int fd = 3; fd < 10; fd++) /* nor one of whoever runs the tests */
		fcntl(fd, F_SETFD, FD_CLOEXEC);
	if (run_plugin("#!/bin/sh\nprintf '%s' \"$KUBERNETES_EXEC_INFO\" >\"${0%/*}/seen\"\n"
		       "test \"$1:$2:$#\" = 'a:b c:2' || exit 7\n"
		       "test \"${HOME##*/}\" = plugin-home || exit 8\n"
		       "test -z \"$(cat)\" || exit 9\n"
		       "for f in /proc/$$/fd/[3-9]; do\n"
		       "test \"$(readlink $f)\" != /dev/null || exit 10; done\n" ANSWER_TAIL,
		    exec, cluster, &t, &expires, &err) < 0)
		fail_msg("%s", err.msg);
	rk_target_release(&t);
	assert_int_equal(rk_file_read(seen, 1 << 20, &b, NULL), 0);
	assert_int_equal(b.s[b.len - 1], '\n');
	assert_int_equal(rk_json_parse(d, b.s, b.len, &v, NULL), 0);
	assert_string_equal(rk_get_str(v, "kind", NULL), "ExecCredential");
	assert_false(rk_get_bool(v, true, "spec", "interactive", NULL));
	assert_string_equal(
		rk_get_str(v, "spec", "cluster", "server", NULL), "https://c.example:6443");
	assert_string_equal(
		rk_get_str(v, "spec", "cluster", "certificate-authority-data", NULL), ca64.s);
	assert_string_equal(rk_get_str(v, "spec", "cluster", "tls-server-name", NULL), "tn");
	assert_string_equal(rk_get_str(v, "spec", "cluster", "config", "audience", NULL), "me");
}

static void plugin_trouble(void **state)
{
	static const struct {
		const char *script, *exec, *word;
	} cases[] = {
		{"#!/bin/sh\nexit 3\n", V1, "exit code 3"},
		{"#!/bin/sh\nkill -9 $$\n", V1, "signal 9"},
		{"#!/nowhere\n", V1 ", installHint: \"get\\nit\"", "cannot be run"},
		{"#!/bin/sh\n", V1, "an ExecCredential"},
		{"#!/bin/sh\necho '{'\n", V1, "output"},
		{"#!/bin/sh\necho '{\"kind\":\"Pod\"}'\n", V1, "Pod"},
		{ANSWER "\"status\":{\"token\":\"t\"}}'\n",
			"apiVersion: client.authentication.k8s.io/v1beta1",
			"v1beta1 ExecCredential"},
		{ANSWER "\"status\":{}}'\n", V1, "neither"},
		{ANSWER "\"x\":1}'\n", V1, "no status"},
		{ANSWER "\"status\":{\"clientKeyData\":\"k\"}}'\n", V1, "only one of"},
		{ANSWER "\"status\":{\"clientKeyData\":\"k\",\"clientCertificateData\":\"c\"}}'\n",
			V1, "certificate"},
		{ANSWER "\"status\":{\"token\":\"t\",\"expirationTimestamp\":\"soon\"}}'\n", V1,
			"expirationTimestamp"},
		{ANSWER "\"status\":{\"token\":\"a b\"}}'\n", V1, "blank"},
		{"#!/bin/sh\nhead -c 3000000 /dev/zero\n", V1, "more than"},
		{"#!/bin/sh\ntrap '' TERM\nhead -c 3000000 /dev/zero\n", V1, "more than"},
		{"", "apiVersion: client.authentication.k8s.io/v1alpha1", "v1alpha1"},
		{"", "apiVersion: client.authentication.k8s.io/v1", "interactiveMode"},
		{"", "apiVersion: client.authentication.k8s.io/v1, interactiveMode: Often",
			"Often"},
		{"", V1 ", env: [{value: x}]", "env"},
	};

	(void)state;
	for (size_t i = 0; i < RK_COUNT(cases); i++) {
		struct rk_err err = RK_ERR_INIT;
		struct rk_target t;
		int64_t expires;

		if (run_plugin(cases[i].script, cases[i].exec, "{" SERVER "}", &t, &expires,
			    &err) == 0)
			fail_msg("case %zu not refused", i);
		if (!strstr(err.msg, cases[i].word))
			fail_msg("case %zu: %s", i, err.msg);
		assert_null(strchr(err.hint, '\n'));
		rk_target_release(&t);
	}
}

static volatile sig_atomic_t noted;

/* A deadline, --request-timeout and a signal that is only noted end it. */
static void plugin_that_hangs(void **state)
{
	static const char script[] = "#!/bin/sh\nexec sleep 60\n";
	struct rk_run_limit ends[] = {{rk_now_ms() + 200, NULL}, {0, &noted}, {0, NULL}};
	static const char *const words[] = {"in time", "signal 15", "in time"};
	int64_t began = rk_now_ms(), expires;

	(void)state;
	for (size_t i = 0; i < RK_COUNT(ends); i++) {
		rk_auto_free char *text =
			config("{" SERVER "}", "{exec: {command: ./plugin, " V1 "}}");
		struct rk_kube_flags f = {.request_timeout_ms = i == 2 ? 200 : 0};
		struct rk_err err = RK_ERR_INIT;
		struct rk_target t;

		put("plugin", script, 0700);
		assert_int_equal(resolve(text, &f, &t, &err), 0);
		noted = i == 1 ? SIGTERM : 0;
		rk_run_limit(ends[i]);
		assert_int_equal(rk_target_exec(&t, &expires, &err), -1);
		rk_run_limit((struct rk_run_limit){0});
		assert_int_equal(err.code, i == 1 ? 128 + SIGTERM : RK_TIMEOUT);
		if (!strstr(err.msg, words[i]))
			fail_msg("case %zu: %s", i, err.msg);
		rk_target_release(&t);
	}
	assert_true(rk_now_ms() - began < 20000);
}

/* A bare name is looked for in PATH, but never in a directory that is not absolute. */
static void plugin_by_path(void **state)
{
	rk_auto_free char *old = rk_strdup(getenv("PATH")), *path = NULL;
	rk_auto_free char *cwd = getcwd(NULL, 0), *prog = at("my-plugin");
	struct rk_err err = RK_ERR_INIT;
	struct rk_target t;
	int64_t expires;

	(void)state;
	put("my-plugin", ANSWER "\"status\":{\"token\":\"tok\"}}'\n", 0700);
	good("{" SERVER "}", "{exec: {command: my-plugin, " V1 "}}", &t);
	assert_int_equal(chdir(dir), 0);
	setenv("PATH", ":.:/bin:/usr/bin", 1);
	assert_int_equal(rk_target_exec(&t, &expires, &err), -1);
	assert_non_null(strstr(err.msg, "my-plugin cannot be run"));
	path = rk_asprintf("/bin:%s:/usr/bin", dir);
	setenv("PATH", path, 1);
	if (rk_target_exec(&t, &expires, &err) < 0)
		fail_msg("%s", err.msg);
	assert_string_equal(t.token, "tok");
	rk_target_release(&t);
	setenv("PATH", old, 1);
	assert_int_equal(chdir(cwd), 0);
	unlink(prog);
}

/* exec is not run when there is another credential. */
static void plugin_comes_last(void **state)
{
	struct rk_target t;

	(void)state;
	good("{" SERVER "}", "{token: a, exec: {command: x}}", &t);
	assert_null(t.exec);
	rk_target_release(&t);
}

static void listing(void **state)
{
	rk_auto_free char *cluster = rk_asprintf(
		"{" SERVER ", extensions: [{name: rk3k, extension: {namespace: a, cluster: b}}]}");
	rk_auto_free char *user =
		rk_asprintf("{client-certificate-data: %s, client-key-data: %s}", crt64.s, key64.s);
	rk_auto_free char *text = config(cluster, user);
	rk_auto_doc *d = rk_doc_new(false);
	struct rk_kubeconfig *kc = NULL;
	struct rk_val *v = NULL;

	(void)state;
	assert_int_equal(rk_kubeconfig_parse(&kc, text, strlen(text), "f", NULL), 0);
	assert_int_equal(rk_kubeconfig_list(kc, d, &v, NULL), 0);
	rk_kubeconfig_free(kc);
	assert_int_equal(v->count, 1);
	assert_string_equal(rk_get_str(rk_at(v, 0), "virtualCluster", NULL), "a/b");
	assert_string_equal(rk_get_str(rk_at(v, 0), "server", NULL), "https://c.example:6443");
	assert_true(rk_get_bool(rk_at(v, 0), false, "current", NULL));
	assert_true(rk_time_parse(rk_get_str(rk_at(v, 0), "expires", NULL)) > time(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(certificates),
		cmocka_unit_test(certificate_trouble),
		cmocka_unit_test(unverified_is_refused),
		cmocka_unit_test(tokens),
		cmocka_unit_test(basic),
		cmocka_unit_test(server_side),
		cmocka_unit_test(secrets_stay_out_of_errors),
		cmocka_unit_test(impersonation),
		cmocka_unit_test(choosing),
		cmocka_unit_test(damaged_files),
		cmocka_unit_test(lists_of_files),
		cmocka_unit_test(in_a_pod),
		cmocka_unit_test(from_bytes),
		cmocka_unit_test(same_servers),
		cmocka_unit_test(plugin_token),
		cmocka_unit_test(plugin_certificate),
		cmocka_unit_test(plugin_input),
		cmocka_unit_test(oidc_gives_its_token_until_it_expires),
		cmocka_unit_test(a_token_beside_a_token_file),
		cmocka_unit_test(a_token_that_fits_no_header),
		cmocka_unit_test(an_entry_knows_its_host),
		cmocka_unit_test(plugin_trouble),
		cmocka_unit_test(plugin_that_hangs),
		cmocka_unit_test(plugin_by_path),
		cmocka_unit_test(plugin_comes_last),
		cmocka_unit_test(listing),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
