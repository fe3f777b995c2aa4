// SPDX-License-Identifier: Apache-2.0
/* tf-setup - from a running Rancher to `terraform plan`: logs in, has a token and the Harvester
 * cluster's kubeconfig made where none is at hand that works, and writes terraform.tfvars and the
 * kubeconfigs. In Rancher it changes nothing but tokens, and with --first-login the password and
 * server-url. */
#include "cli.h"
#include "file.h"
#include "hcl.h"
#include "ingress.h"
#include "k3k.h"
#include "rancher.h"

#include <sys/stat.h>

#define TFVARS	     "terraform.tfvars"
#define KC_K3K	     "kubeconfig-k3k.yaml"
#define KC_HARVESTER "kubeconfig-harvester.yaml"
#define INPUT_MAX    ((size_t)8 << 20)
#define SECRET_MAX   ((size_t)64 << 10)
#define MARK	     "# rk3k: token "
#define DAY	     86400

struct opts {
	struct rk_kube_flags kube;
	const char *url, *ca_file, *ca_fingerprint;
	const char *user, *password_file, *token_file, *bootstrap_file;
	const char *description, *cluster, *dir;
	int64_t ttl_ms, timeout_ms;
	bool first_login, renew, module;
	int output; /* enum output */
};

enum output { OUT_FILES, OUT_JSON, OUT_ENV, OUT_TFVARS };

static void defaults(void *p)
{
	struct opts *o = p;

	o->user = "admin";
	o->description = "terraform";
	o->dir = ".";
	o->timeout_ms = 60000;
}

/* Those of the shared flags that lead to the host cluster; --cluster and --user are ours here. */
static const struct rk_opt KUBE[] = {
	{"kubeconfig", .kind = RK_OPT_STR, .off = offsetof(struct rk_kube_flags, kubeconfig),
		.arg = "FILE", .complete = "file", .help = "kubeconfig of the host cluster"},
	{"context", .kind = RK_OPT_STR, .off = offsetof(struct rk_kube_flags, context),
		.arg = "NAME", .complete = "context", .help = "context of the host cluster",
		.env = "RK3K_CONTEXT"},
	{"namespace", 'n', RK_OPT_STR, offsetof(struct rk_kube_flags, ns), "NAME",
		"namespace of the virtual cluster", .complete = "namespace"},
	{"resolve", .kind = RK_OPT_STR, .off = offsetof(struct rk_kube_flags, resolve),
		.arg = "HOST:PORT:ADDRESS", .help = "connect to ADDRESS for HOST:PORT",
		.env = "RK3K_RESOLVE"},
	{"request-timeout", .kind = RK_OPT_SECS,
		.off = offsetof(struct rk_kube_flags, request_timeout_ms), .arg = "DURATION",
		.help = "longest time for one request; a bare number is seconds"},
	RK_OPT_END,
};

#define STR_OPT(long_name, field, placeholder, text)                                          \
	{                                                                                     \
		.name = (long_name), .kind = RK_OPT_STR, .off = offsetof(struct opts, field), \
		.arg = (placeholder), .help = (text)                                          \
	}
#define FILE_OPT(long_name, field, text)                                                      \
	{                                                                                     \
		.name = (long_name), .kind = RK_OPT_STR, .off = offsetof(struct opts, field), \
		.arg = "FILE", .complete = "file", .help = (text)                             \
	}
#define FLAG_OPT(long_name, field, text)                                                       \
	{                                                                                      \
		.name = (long_name), .kind = RK_OPT_FLAG, .off = offsetof(struct opts, field), \
		.help = (text)                                                                 \
	}
#define WHERE_OPTS                                                                               \
	STR_OPT("url", url, "URL",                                                               \
		"Rancher's address; default: the host name of the host's Ingress"),              \
		FILE_OPT("ca-file", ca_file, "CA certificates to trust for Rancher"),            \
		STR_OPT("ca-fingerprint", ca_fingerprint, "SHA256",                              \
			"trust the CA at Rancher's /cacerts if it has this fingerprint"),        \
		{.name = "dir",                                                                  \
			.kind = RK_OPT_STR,                                                      \
			.off = offsetof(struct opts, dir),                                       \
			.arg = "DIR",                                                            \
			.complete = "dir",                                                       \
			.help = "where the files are; default: here"},                           \
	{                                                                                        \
		.name = "timeout", .kind = RK_OPT_DUR, .off = offsetof(struct opts, timeout_ms), \
		.arg = "DURATION", .help = "how long to wait for Rancher to answer"              \
	}

static const struct rk_opt OPTS[] = {WHERE_OPTS,
	STR_OPT("user", user, "NAME", "local user of Rancher to log in as"),
	FILE_OPT("password-file", password_file,
		"file with the user's password, - is standard input; default: ask"),
	FILE_OPT("rancher-token-file", token_file,
		"file with a Rancher token to use instead of logging in, - is standard input"),
	FLAG_OPT("first-login", first_login,
		"log in with the bootstrap password, change it to that of --password-file, and set "
		"server-url"),
	FILE_OPT("bootstrap-password-file", bootstrap_file,
		"bootstrap password, - is standard input; default: Secret bootstrap-secret"),
	STR_OPT("description", description, "TEXT", "description of the token"),
	{.name = "ttl",
		.kind = RK_OPT_DUR,
		.off = offsetof(struct opts, ttl_ms),
		.arg = "DURATION",
		.help = "life of the token, as 720h; default: the longest the server gives"},
	FLAG_OPT("renew", renew, "make a new token though the one at hand is valid"),
	STR_OPT("cluster", cluster, "ID|NAME", "the Harvester cluster, when there are several"),
	FLAG_OPT("module", module, "also write a provider block and the variables' declarations"),
	{.name = "output",
		.key = 'o',
		.kind = RK_OPT_ENUM,
		.off = offsetof(struct opts, output),
		.arg = "FORMAT",
		.choices = "files|json|env|tfvars",
		.help = "anything but files: write to standard output, and no file"},
	{.name = "",
		.kind = RK_OPT_GROUP,
		.off = offsetof(struct opts, kube),
		.sub = KUBE,
		.help = "Connection flags"},
	RK_OPT_END};

static const struct rk_opt OPTS_REVOKE[] = {WHERE_OPTS,
	{.name = "",
		.kind = RK_OPT_GROUP,
		.off = offsetof(struct opts, kube),
		.sub = KUBE,
		.help = "Connection flags"},
	RK_OPT_END};

struct job {
	const struct opts *o;
	struct rk_doc *d;
	char *tfvars, *kc_harvester; /* paths */
	char *old_url, *old_token;   /* of the tfvars at hand, or NULL */
	struct rk_buf old_ca;
	bool use_cluster; /* the host cluster is asked */
	char *ns, *cluster;
	struct rk_kube *host, *virt;
	struct rk_k3k_access access;
	char *url;
	struct rk_buf ca; /* empty: the system's roots */
	struct rk_rancher *r;
	struct rk_rancher_token token; /* the one for terraform */
	bool made;		       /* in this run */
	const char *harvester, *harvester_name;
	struct rk_buf kubeconfig; /* Harvester's, as it should be in its file */
};

static char *path_in(const struct opts *o, const char *name)
{
	return rk_streq(o->dir, ".") ? rk_strdup(name) : rk_asprintf("%s/%s", o->dir, name);
}

static void job_release(struct job *j)
{
	rk_rancher_token_release(&j->token);
	rk_rancher_free(j->r);
	rk_kube_free(j->virt);
	rk_kube_free(j->host);
	rk_k3k_access_release(&j->access);
	rk_buf_release(&j->old_ca);
	rk_buf_release(&j->ca);
	rk_buf_release(&j->kubeconfig);
	rk_free_secret(j->old_token);
	free(j->old_url);
	free(j->tfvars);
	free(j->kc_harvester);
	free(j->ns);
	free(j->cluster);
	free(j->url);
	rk_doc_free(j->d);
}

/* --- what is at hand --- */

static int read_if_there(const char *path, struct rk_buf *out, struct rk_err *err)
{
	if (access(path, F_OK) < 0)
		return 0;
	return rk_file_read(path, INPUT_MAX, out, err);
}

static int read_tfvars(struct job *j, struct rk_err *err)
{
	rk_auto_buf text = RK_BUF_INIT_SECRET, url = RK_BUF_INIT, token = RK_BUF_INIT_SECRET;

	if (read_if_there(j->tfvars, &text, err) < 0)
		return -1;
	if (rk_hcl_get(text.s, text.len, j->tfvars, "rancher_url", &url, NULL, err) < 0 ||
		rk_hcl_get(text.s, text.len, j->tfvars, "rancher_token", &token, NULL, err) < 0 ||
		rk_hcl_get(text.s, text.len, j->tfvars, "rancher_ca_certs", &j->old_ca, NULL, err) <
			0)
		return -1;
	if (url.len && rk_rancher_url(url.s, &j->old_url, NULL) < 0)
		rk_warn("%s: rancher_url is no address of a Rancher", j->tfvars);
	if (token.len)
		j->old_token = rk_buf_detach(&token);
	return 0;
}

static int job_init(struct job *j, const struct opts *o, int argc, char **argv, struct rk_err *err)
{
	*j = (struct job){.o = o,
		.d = rk_doc_new(true),
		.tfvars = path_in(o, TFVARS),
		.kc_harvester = path_in(o, KC_HARVESTER),
		.old_ca = RK_BUF_INIT,
		.ca = RK_BUF_INIT,
		.access = RK_K3K_ACCESS_INIT,
		.kubeconfig = RK_BUF_INIT_SECRET,
		.use_cluster = argc || !o->url};
	if (o->ca_file && o->ca_fingerprint)
		return rk_err_set(err, RK_USAGE, "give --ca-file or --ca-fingerprint, not both");
	if (rk_k3k_ref(argc ? argv[0] : RK_K3K_CLUSTER, o->kube.ns ? o->kube.ns : RK_K3K_NS, &j->ns,
		    &j->cluster, err) < 0)
		return -1;
	return read_tfvars(j, err);
}

/* --- the clusters --- */

static int open_host(struct job *j, struct rk_err *err)
{
	return j->host ? 0 : rk_kube_open(&j->host, &j->o->kube, err);
}

static int open_inside(struct job *j, struct rk_err *err)
{
	if (j->virt)
		return 0;
	if (open_host(j, err) < 0)
		return -1;
	return rk_k3k_open(&j->virt, j->host, j->ns, j->cluster, &j->access, err);
}

/* One key of a Secret of Rancher's; absence leaves out empty. */
static int secret_inside(
	struct job *j, const char *name, const char *key, struct rk_buf *out, struct rk_err *err)
{
	rk_auto_doc *d = rk_doc_new(true);
	struct rk_val *v;

	if (open_inside(j, err) < 0 ||
		rk_kube_find(j->virt, &RK_SECRET, RK_RANCHER_NS, name, d, &v, err) < 0)
		return -1;
	if (!v || !rk_get(v, "data", key, NULL))
		return 0;
	return rk_need_base64(v, out, err, "data", key, NULL);
}

static int url_of_ingress(struct job *j, struct rk_err *err)
{
	struct rk_ingress names = {.cluster = j->cluster};
	struct rk_strv hosts = {0};
	struct rk_val *ing;
	int rc;

	rk_ingress_names(j->d, &names);
	if (open_host(j, err) < 0 ||
		rk_kube_find(j->host, &RK_INGRESS, j->ns, names.name, j->d, &ing, err) < 0)
		return -1;
	for (const char *const *old = rk_ingress_old_names; !ing && *old; old++)
		if (rk_kube_find(j->host, &RK_INGRESS, j->ns, *old, j->d, &ing, err) < 0)
			return -1;
	rk_ingress_hosts(ing, &hosts);
	if (hosts.n) {
		rc = rk_rancher_url(hosts.v[0], &j->url, err);
	} else {
		rk_err_set(err, RK_NOTFOUND,
			"no address: Ingress %s/%s is not there or has no host", j->ns, names.name);
		rc = rk_err_hint(err, "give --url https://HOST");
	}
	rk_strv_release(&hosts);
	return rc;
}

static int find_url(struct job *j, struct rk_err *err)
{
	if (j->o->url)
		return rk_rancher_url(j->o->url, &j->url, err);
	return url_of_ingress(j, err);
}

/* --- a verified connection --- */

static struct rk_rancher_conf conf_of(const struct job *j)
{
	return (struct rk_rancher_conf){.url = j->url,
		.ca = j->ca.len ? j->ca.s : NULL,
		.ca_len = j->ca.len,
		.resolve = j->o->kube.resolve,
		.request_ms = j->o->kube.request_timeout_ms};
}

/* With the anchors in j->ca. */
static int try_connect(struct job *j, struct rk_err *err)
{
	struct rk_rancher_conf conf = conf_of(j);

	rk_rancher_free(j->r);
	j->r = NULL;
	if (rk_rancher_new(&j->r, &conf, err) < 0)
		return -1;
	return rk_rancher_ready(j->r, j->o->timeout_ms, err);
}

enum anchor { FROM_TFVARS, FROM_TLS_CA, FROM_TLS_RANCHER, FROM_SYSTEM, ANCHORS };

/* Fill j->ca from one place; *there false: that place has none. Only places that are authenticated
 * count. */
static int load_anchor(struct job *j, enum anchor a, bool *there, struct rk_err *err)
{
	int rc = 0;

	rk_buf_reset(&j->ca);
	if (a == FROM_TFVARS && rk_streq(j->old_url, j->url))
		rk_buf_put(&j->ca, j->old_ca.s, j->old_ca.len);
	if (a == FROM_TLS_CA)
		rc = secret_inside(j, "tls-ca", "cacerts.pem", &j->ca, err);
	if (a == FROM_TLS_RANCHER)
		rc = secret_inside(j, "tls-rancher", "tls.crt", &j->ca, err);
	*there = rc == 0 && (a == FROM_SYSTEM || j->ca.len);
	return rc;
}

static int no_anchor(const struct job *j, struct rk_err *err)
{
	if (!j->use_cluster)
		return rk_err_hint(err,
			"give --ca-file FILE or --ca-fingerprint SHA256, or name the "
			"virtual cluster, whose Secrets hold the CA");
	return rk_err_hint(err,
		"neither Secret tls-ca nor tls-rancher of %s/%s nor the system has "
		"the CA of this server: give --ca-file FILE",
		j->ns, j->cluster);
}

/* The first anchors under which the server's certificate is good. */
static int find_anchor(struct job *j, struct rk_err *err)
{
	bool there;

	for (enum anchor a = FROM_TFVARS; a < ANCHORS; a++) {
		if (!j->use_cluster && (a == FROM_TLS_CA || a == FROM_TLS_RANCHER))
			continue;
		rk_err_clear(err);
		if (load_anchor(j, a, &there, err) < 0)
			return rk_err_wrap(err, "find the CA");
		if (!there)
			continue;
		if (try_connect(j, err) == 0)
			return 0;
		if (err->http || !rk_streq(err->reason, "TLS"))
			return -1;
	}
	return no_anchor(j, err);
}

static int connect_to(struct job *j, struct rk_err *err)
{
	struct rk_rancher_conf conf = conf_of(j);

	if (!j->o->ca_file && !j->o->ca_fingerprint)
		return find_anchor(j, err);
	if (j->o->ca_file && rk_file_read(j->o->ca_file, INPUT_MAX, &j->ca, err) < 0)
		return -1;
	if (j->o->ca_fingerprint &&
		rk_rancher_pinned_ca(&conf, j->o->ca_fingerprint, &j->ca, err) < 0)
		return -1;
	return try_connect(j, err);
}

/* --- session --- */

/* A secret of one line from a file that only its owner can read, or standard input. */
static int read_secret(const char *path, const char *what, struct rk_buf *out, struct rk_err *err)
{
	if (rk_file_read_private(path, SECRET_MAX, out, err) < 0)
		return rk_err_wrap(err, "%s", what);
	while (out->len && (out->s[out->len - 1] == '\n' || out->s[out->len - 1] == '\r'))
		out->s[--out->len] = 0;
	if (!out->len || strlen(out->s) != out->len || strchr(out->s, '\n'))
		return rk_err_set(err, RK_USAGE, "%s: %s must hold exactly one line", what, path);
	return 0;
}

static int get_password(const struct job *j, struct rk_buf *out, struct rk_err *err)
{
	rk_auto_free char *question = rk_asprintf("Password of %s at %s:", j->o->user, j->url);

	if (j->o->password_file)
		return read_secret(j->o->password_file, "password", out, err);
	if (rk_ask(question, true, out, err) < 0)
		return rk_err_hint(err, "give --password-file FILE (- is standard input) or "
					"--rancher-token-file FILE");
	return 0;
}

static int get_bootstrap(struct job *j, struct rk_buf *out, struct rk_err *err)
{
	if (j->o->bootstrap_file)
		return read_secret(j->o->bootstrap_file, "bootstrap password", out, err);
	if (secret_inside(j, "bootstrap-secret", "bootstrapPassword", out, err) < 0)
		return -1;
	if (out->len)
		return 0;
	rk_err_set(err, RK_NOTFOUND,
		"Secret %s/bootstrap-secret of %s/%s holds no bootstrap password", RK_RANCHER_NS,
		j->ns, j->cluster);
	return rk_err_hint(err, "give --bootstrap-password-file FILE");
}

static int set_server_url(struct job *j, struct rk_err *err)
{
	rk_auto_free char *now = NULL;

	if (rk_rancher_setting(j->r, RK_RANCHER_SERVER_URL, &now, err) < 0)
		return -1;
	if (rk_streq(now, j->url))
		return 0;
	if (rk_rancher_set_setting(j->r, RK_RANCHER_SERVER_URL, j->url, err) < 0)
		return -1;
	rk_note("server-url set to %s", j->url);
	return 0;
}

/* The bootstrap password is good until it is changed: a later run finds the new one in force. */
static int first_login(struct job *j, struct rk_err *err)
{
	rk_auto_buf boot = RK_BUF_INIT_SECRET, next = RK_BUF_INIT_SECRET;
	bool changed = false;

	if (get_bootstrap(j, &boot, err) < 0 ||
		(j->o->password_file &&
			read_secret(j->o->password_file, "password", &next, err) < 0))
		return -1;
	if (rk_rancher_login(j->r, j->o->user, boot.s, err) < 0) {
		if (err->http != 401 || !next.len)
			return -1;
		rk_err_clear(err);
		if (rk_rancher_login(j->r, j->o->user, next.s, err) < 0)
			return -1;
	} else if (next.len && !rk_streq(next.s, boot.s)) {
		if (rk_rancher_change_password(j->r, boot.s, next.s, err) < 0)
			return -1;
		changed = true;
	}
	if (changed)
		rk_note("password of %s changed", j->o->user);
	return set_server_url(j, err);
}

static int given_token(struct job *j, struct rk_err *err)
{
	rk_auto_buf token = RK_BUF_INIT_SECRET;
	rk_auto_free char *name = NULL;

	if (read_secret(j->o->token_file, "Rancher token", &token, err) < 0)
		return -1;
	name = rk_rancher_token_name(token.s);
	if (!name)
		return rk_err_set(
			err, RK_USAGE, "%s holds no Rancher token (NAME:SECRET)", j->o->token_file);
	rk_rancher_use(j->r, token.s);
	return 0;
}

static int plain_login(struct job *j, struct rk_err *err)
{
	rk_auto_buf password = RK_BUF_INIT_SECRET;

	if (get_password(j, &password, err) < 0)
		return -1;
	return rk_rancher_login(j->r, j->o->user, password.s, err);
}

/* Rancher's API lets such a user do everything; only its web page insists. */
static void warn_of_password(struct job *j)
{
	rk_auto_free char *id = NULL;
	bool must = false;

	if (rk_rancher_me(j->r, &id, &must, NULL) == 0 && must)
		rk_warn("%s must change the password: --first-login does it, or log in with a "
			"browser",
			j->o->user);
}

static int open_session(struct job *j, struct rk_err *err)
{
	if (j->o->token_file)
		return given_token(j, err);
	if (j->o->first_login ? first_login(j, err) < 0 : plain_login(j, err) < 0)
		return -1;
	if (!j->o->first_login || !j->o->password_file)
		warn_of_password(j);
	return 0;
}

/* --- the token --- */

static void describe_expiry(const struct rk_rancher_token *t, struct rk_buf *out)
{
	char at[32];

	if (t->expires == RK_RANCHER_NEVER) {
		rk_buf_puts(out, "never expires");
	} else if (t->expires == RK_RANCHER_UNKNOWN) {
		rk_buf_puts(out, "expires at a time the server does not say");
	} else {
		rk_time_format(t->expires, at);
		rk_buf_addf(out, "expires %s", at);
	}
}

static bool ends_within(const struct rk_rancher_token *t, int64_t seconds)
{
	return t->expires > 0 && t->expires - (int64_t)time(NULL) < seconds;
}

static bool may_log_in(const struct opts *o)
{
	return o->password_file || o->token_file || o->first_login;
}

/* Near its end: a tenth of its life is left, and there is a way to get another. */
static bool worn_out(const struct job *j, const struct rk_rancher_token *t)
{
	int64_t life = t->ttl_ms > 0 ? t->ttl_ms / 1000 : 10 * DAY;

	return may_log_in(j->o) && ends_within(t, life / 10);
}

/* The token of the tfvars, asked about with itself, and only where it belongs. */
static int reuse(struct job *j, bool *good, struct rk_err *err)
{
	rk_auto_free char *name = j->old_token ? rk_rancher_token_name(j->old_token) : NULL;

	*good = false;
	if (!name || !rk_streq(j->old_url, j->url))
		return 0;
	rk_rancher_use(j->r, j->old_token);
	if (rk_rancher_token_get(j->r, name, &j->token, err) < 0) {
		if (err->http != 401 && err->http != 403 && err->http != 404)
			return -1;
		rk_err_clear(err);
		rk_note("the token in %s is no longer valid", j->tfvars);
		rk_rancher_use(j->r, NULL);
		return 0;
	}
	*good = j->token.live && !j->token.scoped && !j->o->renew && !worn_out(j, &j->token);
	if (*good)
		j->token.value = rk_strdup(j->old_token);
	else
		rk_rancher_token_release(&j->token);
	return 0;
}

/* The true expiry stands there a moment after the token is made. */
static int read_back(struct job *j, struct rk_err *err)
{
	struct rk_rancher_token t;

	rk_rancher_use(j->r, j->token.value);
	if (rk_rancher_token_get(j->r, j->token.name, &t, err) < 0)
		return rk_err_wrap(err, "the new token does not work");
	if (t.expires != RK_RANCHER_UNKNOWN)
		j->token.expires = t.expires;
	j->token.ttl_ms = t.ttl_ms;
	j->token.live = t.live;
	rk_rancher_token_release(&t);
	if (j->token.live)
		return 0;
	return rk_err_set(err, RK_FAIL, "%s: the new token has expired already", j->url);
}

/* What the provider reads first. */
static void check_settings(struct job *j)
{
	rk_auto_free char *version = NULL;
	struct rk_err err = RK_ERR_INIT;

	if (rk_rancher_setting(j->r, "server-version", &version, &err) < 0)
		rk_warn("%s: the terraform provider needs to read settings", err.msg);
}

static void warn_of_ttl(const struct job *j)
{
	int64_t asked = j->o->ttl_ms, got = j->token.ttl_ms;

	if (asked > 0 && got > 0 && got < asked)
		rk_warn("the server gives tokens %lld hours at most (setting %s), not %lld",
			(long long)(got / 3600000), RK_RANCHER_MAX_TTL,
			(long long)(asked / 3600000));
}

/* The one that the new token replaces is ours when it has our description. */
static void drop_old(struct job *j)
{
	rk_auto_free char *name = j->old_token ? rk_rancher_token_name(j->old_token) : NULL;
	struct rk_rancher_token t;
	struct rk_err err = RK_ERR_INIT;

	if (!name || !rk_streq(j->old_url, j->url) || rk_streq(name, j->token.name) ||
		rk_rancher_token_get(j->r, name, &t, NULL) < 0)
		return;
	if (!rk_streq(t.description, j->o->description))
		rk_note("token %s is replaced in %s and stays valid", name, j->tfvars);
	else if (rk_rancher_token_delete(j->r, name, NULL, &err) < 0)
		rk_warn("%s", err.msg);
	rk_rancher_token_release(&t);
}

static int make_token(struct job *j, struct rk_err *err)
{
	if (open_session(j, err) < 0 ||
		rk_rancher_token_make(j->r, j->o->description, j->o->ttl_ms, &j->token, err) < 0)
		return -1;
	j->made = true;
	if (read_back(j, err) < 0)
		return -1;
	warn_of_ttl(j);
	check_settings(j);
	return 0;
}

static int authorise(struct job *j, struct rk_err *err)
{
	bool good;

	if (reuse(j, &good, err) < 0)
		return -1;
	return good ? 0 : make_token(j, err);
}

/* --- Harvester --- */

static void list_names(const struct rk_val *list, struct rk_buf *out)
{
	rk_each (c, list)
		rk_buf_addf(out, "%s%s (%s)", out->len ? ", " : "", rk_get_str(c, "id", NULL),
			rk_get_str(c, "name", NULL));
}

static int no_harvester(struct job *j, struct rk_err *err)
{
	rk_auto_buf names = RK_BUF_INIT;
	struct rk_val *all;

	if (rk_rancher_clusters(j->r, false, j->d, &all, err) < 0)
		return -1;
	list_names(all, &names);
	rk_warn("no Harvester cluster: none that this user can see has the label "
		"provider.cattle.io=harvester; there are: %s",
		names.len ? names.s : "none");
	rk_note("import it under Virtualization Management and run this again, or name a cluster "
		"with --cluster");
	return 0;
}

static int take_cluster(struct job *j, const struct rk_val *c)
{
	j->harvester = rk_get_str(c, "id", NULL);
	j->harvester_name = rk_get_str(c, "name", NULL);
	if (!rk_get_bool(c, false, "harvester", NULL))
		rk_warn("cluster %s is not labelled as Harvester", j->harvester);
	return 0;
}

/* By id, which is one cluster's alone, else by name. */
static int named_cluster(struct job *j, struct rk_err *err)
{
	rk_auto_buf names = RK_BUF_INIT;
	const struct rk_val *found = NULL;
	struct rk_val *all;
	size_t n = 0;

	if (rk_rancher_clusters(j->r, false, j->d, &all, err) < 0)
		return -1;
	rk_each (c, all)
		if (rk_streq(rk_get_str(c, "id", NULL), j->o->cluster))
			return take_cluster(j, c);
	rk_each (c, all) {
		if (!rk_streq(rk_get_str(c, "name", NULL), j->o->cluster))
			continue;
		found = c;
		n++;
	}
	if (n == 1)
		return take_cluster(j, found);
	list_names(all, &names);
	rk_err_set(err, n ? RK_CONFLICT : RK_NOTFOUND, "%s cluster is called %s",
		n ? "more than one" : "no", j->o->cluster);
	return rk_err_hint(err, "there are: %s", names.len ? names.s : "none this user can see");
}

static int find_harvester(struct job *j, struct rk_err *err)
{
	rk_auto_buf names = RK_BUF_INIT;
	struct rk_val *list;

	if (j->o->cluster)
		return named_cluster(j, err);
	if (rk_rancher_clusters(j->r, true, j->d, &list, err) < 0)
		return -1;
	if (list->count == 0)
		return no_harvester(j, err);
	if (list->count == 1)
		return take_cluster(j, rk_at(list, 0));
	list_names(list, &names);
	rk_err_set(err, RK_CONFLICT, "there are %u Harvester clusters: %s", list->count, names.s);
	return rk_err_hint(err, "choose one with --cluster ID");
}

/* Token and server of the kubeconfig's first entry; NULL where there is none. */
static void kubeconfig_parts(struct rk_doc *d, const struct rk_buf *text, const char **server,
	const char **token, bool *exec)
{
	struct rk_val *v = NULL;
	const struct rk_val *user;

	*server = *token = NULL;
	*exec = false;
	if (!text->len || rk_yaml_parse(d, text->s, text->len, &v, NULL) < 0 || !v)
		return;
	user = rk_get(rk_at(rk_get(v, "users", NULL), 0), "user", NULL);
	*server = rk_get_str(rk_at(rk_get(v, "clusters", NULL), 0), "cluster", "server", NULL);
	*token = rk_get_str(user, "token", NULL);
	*exec = rk_get(user, "exec", NULL) != NULL;
}

/* Whether the file at hand is for this cluster of this Rancher and its token is good. */
static int kubeconfig_works(struct job *j, const struct rk_buf *text, bool *works,
	struct rk_buf *why, struct rk_err *err)
{
	rk_auto_doc *d = rk_doc_new(true);
	rk_auto_free char *path = rk_asprintf("/k8s/clusters/%s", j->harvester);
	const char *server, *token;
	enum rk_rancher_access access;
	bool exec;

	*works = false;
	kubeconfig_parts(d, text, &server, &token, &exec);
	if (!server || !rk_suffix(server, path) || (!token && !exec))
		return 0;
	if (!token) { /* kubeconfig-generate-token is off: the rancher CLI logs in by itself */
		*works = true;
		return 0;
	}
	if (rk_rancher_try(j->r, j->harvester, token, &access, why, err) < 0)
		return -1;
	*works = access != RK_RANCHER_REFUSED;
	return 0;
}

/* Tokens of replaced kubeconfigs would live on for 30 days. */
static void drop_kubeconfig_token(struct job *j, const struct rk_buf *text)
{
	rk_auto_doc *d = rk_doc_new(true);
	rk_auto_free char *name = NULL;
	const char *server, *token;
	bool exec;

	kubeconfig_parts(d, text, &server, &token, &exec);
	name = token ? rk_rancher_token_name(token) : NULL;
	if (name && rk_prefix(name, "kubeconfig-"))
		(void)!rk_rancher_token_delete(j->r, name, NULL, NULL);
}

static void warn_of_server(const struct job *j)
{
	rk_auto_doc *d = rk_doc_new(true);
	const char *server, *token;
	bool exec;

	kubeconfig_parts(d, &j->kubeconfig, &server, &token, &exec);
	if (server && !rk_prefix(server, j->url))
		rk_warn("Rancher's kubeconfig leads to %s, not to %s: see its setting server-url",
			server, j->url);
}

static int harvester_kubeconfig(struct job *j, struct rk_err *err)
{
	rk_auto_buf now = RK_BUF_INIT_SECRET, why = RK_BUF_INIT;
	bool works;

	if (read_if_there(j->kc_harvester, &now, err) < 0 ||
		kubeconfig_works(j, &now, &works, &why, err) < 0)
		return -1;
	if (works) {
		rk_buf_put(&j->kubeconfig, now.s, now.len);
	} else {
		rk_buf_reset(&why);
		if (rk_rancher_kubeconfig(j->r, j->harvester, &j->kubeconfig, err) < 0)
			return -1;
		drop_kubeconfig_token(j, &now);
		warn_of_server(j);
		if (kubeconfig_works(j, &j->kubeconfig, &works, &why, err) < 0)
			return -1;
	}
	if (why.len)
		rk_warn("Harvester %s does not answer yet: %s", j->harvester, why.s);
	return 0;
}

/* --- output --- */

static const char PROVIDER[] =
	"# Written by kubectl rk3k tf-setup --module. The CA is given, so that TLS is verified.\n"
	"terraform {\n"
	"  required_providers {\n"
	"    rancher2 = {\n"
	"      source  = \"rancher/rancher2\"\n"
	"      version = \">= 5.0.0\"\n"
	"    }\n"
	"  }\n"
	"}\n"
	"\n"
	"provider \"rancher2\" {\n"
	"  api_url   = var.rancher_url\n"
	"  token_key = var.rancher_token\n"
	"  ca_certs  = var.rancher_ca_certs\n"
	"}\n";

static const char VARIABLES[] =
	"# Written by kubectl rk3k tf-setup --module; the values are in terraform.tfvars.\n"
	"variable \"rancher_url\" {\n"
	"  description = \"Address of Rancher\"\n"
	"  type        = string\n"
	"}\n"
	"\n"
	"variable \"rancher_token\" {\n"
	"  description = \"API token of Rancher\"\n"
	"  type        = string\n"
	"  sensitive   = true\n"
	"}\n"
	"\n"
	"variable \"rancher_ca_certs\" {\n"
	"  description = \"CA that signed Rancher's certificate; null: the system knows it\"\n"
	"  type        = string\n"
	"  default     = null\n"
	"}\n"
	"\n"
	"variable \"harvester_cluster_id\" {\n"
	"  description = \"Id of the Harvester cluster in Rancher\"\n"
	"  type        = string\n"
	"  default     = null\n"
	"}\n"
	"\n"
	"variable \"harvester_kubeconfig\" {\n"
	"  description = \"File with the kubeconfig of the Harvester cluster\"\n"
	"  type        = string\n"
	"  default     = null\n"
	"}\n";

static int put_file(const char *path, const struct rk_buf *text, mode_t mode, struct rk_err *err)
{
	bool was = access(path, F_OK) == 0, changed;

	if (rk_file_replace(path, text->s, text->len, mode, &changed, err) < 0)
		return -1;
	rk_printf("%s %s\n", path, !changed ? "unchanged" : was ? "configured" : "created");
	return 0;
}

/* A file that will hold a token is nobody else's to read. */
static int put_secret_file(const char *path, const struct rk_buf *text, struct rk_err *err)
{
	struct stat st;

	if (stat(path, &st) == 0 && (st.st_mode & 077)) {
		if (chmod(path, 0600) < 0)
			return rk_err_sys(err, "chmod 600 %s", path);
		rk_note("%s could be read by others: now it is 0600", path);
	}
	return put_file(path, text, 0600, err);
}

static int put_module_file(struct job *j, const char *name, const char *text, struct rk_err *err)
{
	rk_auto_free char *path = path_in(j->o, name);
	rk_auto_buf now = RK_BUF_INIT, want = RK_BUF_INIT;

	rk_buf_puts(&want, text);
	if (read_if_there(path, &now, err) < 0)
		return -1;
	if (!now.len || rk_streq(now.s, text))
		return put_file(path, &want, 0644, err);
	rk_warn("%s is there and differs: left alone", path);
	rk_printf("%s unchanged\n", path);
	return 0;
}

#define TFVARS_KEYS 5

static size_t tfvars_items(const struct job *j, struct rk_hcl_item items[TFVARS_KEYS])
{
	size_t n = 0;

	items[n++] = (struct rk_hcl_item){"rancher_url", j->url};
	items[n++] = (struct rk_hcl_item){"rancher_token", j->token.value};
	if (j->ca.len)
		items[n++] = (struct rk_hcl_item){"rancher_ca_certs", j->ca.s};
	if (j->harvester) {
		items[n++] = (struct rk_hcl_item){"harvester_cluster_id", j->harvester};
		items[n++] = (struct rk_hcl_item){"harvester_kubeconfig", KC_HARVESTER};
	}
	return n;
}

static int compose_tfvars(
	const struct job *j, const struct rk_buf *now, struct rk_buf *out, struct rk_err *err)
{
	struct rk_hcl_item items[TFVARS_KEYS];
	rk_auto_buf note = RK_BUF_INIT;
	struct rk_hcl_edit edit = {.items = items,
		.n = tfvars_items(j, items),
		.mark = MARK,
		.head = "# Holds a token of Rancher: do not commit this file.\n"};

	rk_buf_addf(&note, MARK "%s ", j->token.name);
	describe_expiry(&j->token, &note);
	edit.note = note.s;
	return rk_hcl_edit(now->s, now->len, j->tfvars, &edit, out, NULL, err);
}

static int put_tfvars(struct job *j, struct rk_err *err)
{
	rk_auto_buf now = RK_BUF_INIT_SECRET, text = RK_BUF_INIT_SECRET;

	if (j->old_url && !rk_streq(j->old_url, j->url))
		rk_warn("%s was for %s; its token is not sent to %s", j->tfvars, j->old_url,
			j->url);
	if (read_if_there(j->tfvars, &now, err) < 0 || compose_tfvars(j, &now, &text, err) < 0)
		return -1;
	return put_secret_file(j->tfvars, &text, err);
}

/* The virtual cluster's kubeconfig under an address that answers from here. */
static int put_k3k_kubeconfig(struct job *j, struct rk_err *err)
{
	rk_auto_free char *path = path_in(j->o, KC_K3K);
	rk_auto_doc *d = rk_doc_new(true);
	rk_auto_buf text = RK_BUF_INIT_SECRET;
	struct rk_val *cluster, *user;
	const char *name;

	if (open_inside(j, err) < 0)
		return -1;
	if (j->access.forward) {
		rk_warn("no %s: only a port-forward reaches %s/%s from here", path, j->ns,
			j->cluster);
		return 0;
	}
	if (rk_k3k_entry(&j->access, j->ns, j->cluster, d, &cluster, &user, err) < 0)
		return -1;
	name = rk_doc_printf(d, "%s" RK_K3K_ENTRY_SUFFIX, j->cluster);
	rk_yaml_write(rk_kubeconfig_compose(d, name, cluster, user), true, &text);
	return put_secret_file(path, &text, err);
}

static int put_files(struct job *j, struct rk_err *err)
{
	if (j->use_cluster && put_k3k_kubeconfig(j, err) < 0)
		return -1;
	if (j->harvester && (harvester_kubeconfig(j, err) < 0 ||
				    put_secret_file(j->kc_harvester, &j->kubeconfig, err) < 0))
		return -1;
	if (j->o->module && (put_module_file(j, "rancher-provider.tf", PROVIDER, err) < 0 ||
				    put_module_file(j, "rancher-variables.tf", VARIABLES, err) < 0))
		return -1;
	return put_tfvars(j, err);
}

static void print_json(struct job *j)
{
	struct rk_val *v = rk_map(j->d);
	char at[32];

	rk_set_str(j->d, v, "rancher_url", j->url);
	rk_set_str(j->d, v, "rancher_version", rk_rancher_version(j->r));
	rk_set_str(j->d, v, "rancher_token", j->token.value);
	rk_set_str(j->d, v, "token_name", j->token.name);
	if (j->token.expires > 0) {
		rk_time_format(j->token.expires, at);
		rk_set_str(j->d, v, "token_expires", at);
	}
	if (j->ca.len)
		rk_set_str(j->d, v, "rancher_ca_certs", j->ca.s);
	rk_set_str(j->d, v, "harvester_cluster_id", j->harvester);
	rk_set_str(j->d, v, "harvester_cluster_name", j->harvester_name);
	rk_print_val(RK_FMT_JSON, v);
}

/* For `eval` and `.`: what a shell takes as exactly these bytes. */
static void print_export(const char *name, const char *value)
{
	rk_auto_buf b = RK_BUF_INIT_SECRET;

	if (!value || !*value)
		return;
	rk_buf_addf(&b, "export %s='", name);
	for (; *value; value++) {
		if (*value == '\'')
			rk_buf_puts(&b, "'\\''");
		else
			rk_buf_putc(&b, *value);
	}
	rk_buf_puts(&b, "'\n");
	rk_print_buf(&b);
}

static void print_env(const struct job *j)
{
	print_export("RANCHER_URL", j->url);
	print_export("RANCHER_TOKEN_KEY", j->token.value);
	print_export("RANCHER_CA_CERTS", j->ca.s);
	print_export("TF_VAR_rancher_url", j->url);
	print_export("TF_VAR_rancher_token", j->token.value);
	print_export("TF_VAR_rancher_ca_certs", j->ca.s);
	print_export("TF_VAR_harvester_cluster_id", j->harvester);
}

static int print_tfvars(const struct job *j, struct rk_err *err)
{
	rk_auto_buf none = RK_BUF_INIT, text = RK_BUF_INIT_SECRET;

	if (compose_tfvars(j, &none, &text, err) < 0)
		return -1;
	rk_print_buf(&text);
	return 0;
}

static int put_output(struct job *j, struct rk_err *err)
{
	switch ((enum output)j->o->output) {
	case OUT_FILES:
		return put_files(j, err);
	case OUT_JSON:
		print_json(j);
		return 0;
	case OUT_ENV:
		print_env(j);
		return 0;
	case OUT_TFVARS:
		return print_tfvars(j, err);
	}
	return 0;
}

/* --- the story --- */

static void tell_token(const struct job *j)
{
	rk_auto_buf when = RK_BUF_INIT;

	describe_expiry(&j->token, &when);
	if (ends_within(&j->token, 7 * DAY))
		rk_warn("token %s %s", j->token.name, when.s);
	else
		rk_note("token %s %s", j->token.name, when.s);
}

/* Whatever happened: a token nobody got is taken back, and the session ends with its own. */
static void leave(struct job *j, bool failed)
{
	struct rk_err err = RK_ERR_INIT;

	if (!j->r)
		return;
	if (failed && j->made) {
		rk_rancher_use(j->r, j->token.value);
		if (rk_rancher_token_delete(j->r, j->token.name, NULL, &err) < 0)
			rk_warn("token %s was made and is still there: %s", j->token.name, err.msg);
	}
	rk_err_clear(&err);
	if (rk_rancher_logout(j->r, &err) < 0)
		rk_warn("the session could not be ended: %s", err.msg);
}

static int setup(struct job *j, struct rk_err *err)
{
	if (find_url(j, err) < 0 || connect_to(j, err) < 0)
		return -1;
	rk_debug("Rancher %s at %s", rk_rancher_version(j->r), j->url);
	if (authorise(j, err) < 0 || find_harvester(j, err) < 0 || put_output(j, err) < 0 ||
		rk_out_flush(err) < 0)
		return -1;
	if (j->made)
		drop_old(j);
	tell_token(j);
	return 0;
}

static bool is_stdin(const char *path)
{
	return rk_streq(path, "-");
}

static int check_opts(const struct opts *o, struct rk_err *err)
{
	if (is_stdin(o->password_file) + is_stdin(o->token_file) + is_stdin(o->bootstrap_file) > 1)
		return rk_err_set(err, RK_USAGE, "standard input can hold only one secret");
	if (o->token_file && (o->password_file || o->first_login))
		return rk_err_set(err, RK_USAGE,
			"--rancher-token-file does not go with --password-file or --first-login");
	if (o->bootstrap_file && !o->first_login)
		return rk_err_set(err, RK_USAGE, "--bootstrap-password-file needs --first-login");
	if (o->ttl_ms < 0)
		return rk_err_set(err, RK_USAGE, "--ttl must not be negative");
	if (o->module && o->output != OUT_FILES)
		return rk_err_set(err, RK_USAGE, "--module writes files: it does not go with -o");
	return 0;
}

static int run(void *p, int argc, char **argv, struct rk_err *err)
{
	const struct opts *o = p;
	struct job j;
	int rc;

	if (check_opts(o, err) < 0)
		return -1;
	rc = job_init(&j, o, argc, argv, err);
	if (rc == 0)
		rc = setup(&j, err);
	leave(&j, rc < 0);
	job_release(&j);
	return rc;
}

/* --- revoke --- */

static int forget(struct job *j, struct rk_err *err)
{
	static const struct rk_hcl_item gone[] = {{"rancher_token", NULL}};
	struct rk_hcl_edit edit = {.items = gone, .n = 1, .mark = MARK};
	rk_auto_buf now = RK_BUF_INIT_SECRET, text = RK_BUF_INIT_SECRET;

	if (read_if_there(j->tfvars, &now, err) < 0 ||
		rk_hcl_edit(now.s, now.len, j->tfvars, &edit, &text, NULL, err) < 0)
		return -1;
	return put_secret_file(j->tfvars, &text, err);
}

static int revoke_tokens(struct job *j, struct rk_err *err)
{
	rk_auto_free char *name = rk_rancher_token_name(j->old_token);
	rk_auto_buf kc = RK_BUF_INIT_SECRET;
	bool gone = false;

	if (!name)
		return rk_err_set(
			err, RK_FAIL, "%s: rancher_token is no token of Rancher", j->tfvars);
	if (read_if_there(j->kc_harvester, &kc, err) < 0)
		return -1;
	rk_rancher_use(j->r, j->old_token);
	drop_kubeconfig_token(j, &kc);
	if (rk_rancher_token_delete(j->r, name, &gone, err) < 0) {
		if (err->http != 401)
			return -1;
		rk_err_clear(err);
		gone = true;
	}
	rk_printf("token %s %s\n", name, gone ? "was not valid any more" : "revoked");
	if (kc.len && unlink(j->kc_harvester) < 0)
		return rk_err_sys(err, "remove %s", j->kc_harvester);
	if (kc.len)
		rk_printf("%s removed\n", j->kc_harvester);
	return forget(j, err);
}

static int run_revoke(void *p, int argc, char **argv, struct rk_err *err)
{
	const struct opts *o = p;
	struct job j;
	int rc = job_init(&j, o, argc, argv, err);

	if (rc == 0 && (!j.old_token || !j.old_url)) {
		rk_note("%s holds no token: nothing to revoke", j.tfvars);
		job_release(&j);
		return 0;
	}
	if (rc == 0 && !o->url) {
		j.url = rk_strdup(j.old_url);
		j.use_cluster = argc > 0;
	} else if (rc == 0) {
		rc = find_url(&j, err);
	}
	if (rc == 0 && !rk_streq(j.url, j.old_url))
		rc = rk_err_set(err, RK_CONFLICT, "the token in %s is for %s, not for %s", j.tfvars,
			j.old_url, j.url);
	if (rc == 0)
		rc = connect_to(&j, err);
	if (rc == 0)
		rc = revoke_tokens(&j, err);
	job_release(&j);
	return rc;
}

#define CLUSTER_ARG .args = "[[NAMESPACE/]CLUSTER]", .max_args = 1, .complete = "cluster"

static const struct rk_verb VERBS[] = {
	{CLUSTER_ARG, .summary = "write terraform.tfvars and kubeconfigs for a running Rancher",
		.opts = OPTS, .run = run,
		.examples = "  kubectl rk3k tf-setup --module && terraform init && terraform plan\n"
			    "  pass rancher | kubectl rk3k tf-setup --password-file - --ttl 720h\n"
			    "  kubectl rk3k tf-setup --url https://rancher.example.com --ca-file "
			    "ca.pem\n"
			    "  eval \"$(kubectl rk3k tf-setup -o env)\"\n"},
	{.name = "revoke",
		CLUSTER_ARG,
		.summary = "delete the token in terraform.tfvars from Rancher and from the file",
		.opts = OPTS_REVOKE,
		.run = run_revoke},
	{.run = NULL}};

static const struct rk_cmd CMD = {
	.name = "tf-setup",
	.summary = "from a running Rancher to terraform plan",
	.description =
		"Logs in to Rancher, makes an API token, finds the Harvester cluster, has its "
		"kubeconfig made, and writes what terraform needs into the directory. A token or "
		"kubeconfig at hand that still works is kept, and then no login is needed: a "
		"second run changes nothing. In terraform.tfvars only the values of its own "
		"attributes change.\n\n"
		"TLS is always verified: with --ca-file, with the CA at /cacerts when its "
		"fingerprint is given, else with the CA of the virtual cluster's Secrets tls-ca "
		"or tls-rancher, or the system's. Passwords and tokens come from files, standard "
		"input or the terminal. The session that was opened is closed again.\n\n"
		"Without --url and without a cluster's name the host cluster is asked for "
		"cluster rancher; with --url alone it is not asked at all.",
	.opts_size = sizeof(struct opts),
	.defaults = defaults,
	.verbs = VERBS,
	.files = "terraform.tfvars: rancher_url, rancher_token, rancher_ca_certs, "
		 "harvester_cluster_id, harvester_kubeconfig. kubeconfig-k3k.yaml, "
		 "kubeconfig-harvester.yaml. With --module: rancher-provider.tf, "
		 "rancher-variables.tf.",
};

int main(int argc, char **argv)
{
	return rk_main(&CMD, argc, argv);
}
