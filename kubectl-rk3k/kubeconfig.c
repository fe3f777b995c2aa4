// SPDX-License-Identifier: Apache-2.0
/* kubeconfig - gives the kubeconfig of a virtual cluster, under an address that answers from here,
 * and keeps the entries of ~/.kube/config: merge and remove change only the bytes of theirs. */
#include "cert.h"
#include "cli.h"
#include "diff.h"
#include "file.h"
#include "k3k.h"
#include "loop.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define INPUT_MAX ((size_t)64 << 20)
#define SUFFIX	  "-k3k"

struct opts {
	struct rk_kube_flags kube;
	struct rk_out_flags out;
	const char *server, *name, *file;
	const char *cn;
	struct rk_strv orgs;
	int64_t days;
	int format; /* FORMAT_YAML, FORMAT_JSON */
	int64_t probe_ms, wait_ms;
	bool hold, no_probe, exec;
	bool force, current, diff, ignore, only_k3k;
	int dry;
};

enum { FORMAT_YAML, FORMAT_JSON };

static void defaults(void *p)
{
	struct opts *o = p;

	o->wait_ms = 10000;
	o->cn = "system:admin";
	o->days = 365;
}

/* ---------- get ---------- */

/* The parts of one entry, all in doc. */
struct entry {
	struct rk_doc *d;
	char *ns, *cluster; /* the virtual cluster */
	const char *name;
	struct rk_val *cluster_map, *user_map;
};

static void entry_release(struct entry *e)
{
	free(e->ns);
	free(e->cluster);
	rk_doc_free(e->d);
}

static const char *const only_default = "the virtual cluster's kubeconfig";

/* The first cluster and user of the Secret's kubeconfig; k3k writes exactly one of each. */
static int take_parts(struct entry *e, const struct rk_buf *text, struct rk_err *err)
{
	struct rk_val *root = NULL;
	const struct rk_val *c, *u;

	rk_doc_source(e->d, only_default);
	if (rk_yaml_parse(e->d, text->s, text->len, &root, err) < 0)
		return -1;
	c = rk_get(rk_at(rk_get(root, "clusters", NULL), 0), "cluster", NULL);
	u = rk_get(rk_at(rk_get(root, "users", NULL), 0), "user", NULL);
	if (!c || c->kind != RK_MAP || !u || u->kind != RK_MAP)
		return rk_err_set(err, RK_FAIL, "%s has no cluster or no user in it", only_default);
	e->cluster_map = rk_copy(e->d, c);
	e->user_map = rk_copy(e->d, u);
	return 0;
}

/* Which virtual cluster the entry is for: kubectl keeps extensions when it rewrites the file. */
static void note_cluster(struct entry *e)
{
	struct rk_val *x = rk_map(e->d), *list = rk_seq(e->d), *what;

	what = rk_map_at(e->d, x, "extension", NULL);
	rk_set_str(e->d, what, "cluster", e->cluster);
	rk_set_str(e->d, what, "namespace", e->ns);
	rk_set_str(e->d, x, "name", RK_KC_EXTENSION);
	rk_append(list, x);
	rk_set(e->d, e->cluster_map, "extensions", list);
}

static void take_address(struct entry *e, const struct rk_k3k_access *a)
{
	rk_set_str(e->d, e->cluster_map, "server", a->url);
	rk_remove_at(e->cluster_map, "tls-server-name", NULL);
	if (a->tls_server_name)
		rk_set_str(e->d, e->cluster_map, "tls-server-name", a->tls_server_name);
	note_cluster(e);
}

/* A user without a key: kubectl asks us for the credential each time. The host is found again
 * through the context that was used now. */
static void take_plugin(struct entry *e, struct rk_kube *host, const struct rk_kube_flags *f)
{
	struct rk_doc *d = e->d;
	struct rk_val *x = rk_map(d), *args = rk_seq(d);
	rk_auto_free char *path = f->kubeconfig ? realpath(f->kubeconfig, NULL) : NULL;
	const char *context = rk_kube_context(host);

	rk_set_str(d, x, "apiVersion", "client.authentication.k8s.io/v1");
	rk_set_str(d, x, "command", "kubectl-rk3k");
	rk_append_str(d, args, "credential");
	rk_append_str(d, args, rk_doc_printf(d, "%s/%s", e->ns, e->cluster));
	if (context && *context)
		rk_append_str(d, args, rk_doc_printf(d, "--context=%s", context));
	if (path)
		rk_append_str(d, args, rk_doc_printf(d, "--kubeconfig=%s", path));
	rk_set(d, x, "args", args);
	rk_set_str(d, x, "installHint", "kubectl rk3k must be installed: kubectl-rk3k on PATH");
	rk_set_str(d, x, "interactiveMode", "IfAvailable");
	e->user_map = rk_map(d);
	rk_set(d, e->user_map, "exec", x);
}

static void add_named(struct rk_doc *d, struct rk_val *root, const char *plural, const char *single,
	const char *name, struct rk_val *value)
{
	struct rk_val *m = rk_map(d), *seq = rk_seq(d);

	rk_set(d, m, single, value);
	rk_set_str(d, m, "name", name);
	rk_append(seq, m);
	rk_set(d, root, plural, seq);
}

/* A whole kubeconfig with this one entry. */
static struct rk_val *compose(struct entry *e)
{
	struct rk_doc *d = e->d;
	struct rk_val *root = rk_map(d), *ctx = rk_map(d);

	rk_set_str(d, ctx, "cluster", e->name);
	rk_set_str(d, ctx, "user", e->name);
	rk_set_str(d, root, "apiVersion", "v1");
	rk_set_str(d, root, "kind", "Config");
	rk_set_str(d, root, "current-context", e->name);
	add_named(d, root, "clusters", "cluster", e->name, e->cluster_map);
	add_named(d, root, "contexts", "context", e->name, ctx);
	add_named(d, root, "users", "user", e->name, e->user_map);
	return root;
}

static void write_out(const struct rk_val *root, int format, struct rk_buf *out)
{
	if (format == FORMAT_JSON)
		rk_json_write(root, RK_JSON_PRETTY, out);
	else
		rk_yaml_write(root, true, out);
	if (out->len && out->s[out->len - 1] != '\n')
		rk_buf_putc(out, '\n');
}

/* Which address was taken, and why none of the better ones. why has a line for each, in order. */
static void tell_choice(const struct entry *e, const struct rk_k3k_access *a)
{
	bool taken = false;
	const char *nl;

	for (const char *p = a->why.s; (nl = strchr(p, '\n')); p = nl + 1) {
		taken = taken || memmem(p, (size_t)(nl - p), a->url, strlen(a->url));
		if (taken || rk_verbosity())
			rk_debug("tried %.*s", (int)(nl - p), p);
		else
			rk_note("not taken: %.*s", (int)(nl - p), p);
	}
	rk_note("%s/%s: %s %s%s%s%s", e->ns, e->cluster, rk_k3k_via_word(a->via), a->url,
		a->forward   ? ""
		: a->why.len ? " answers"
			     : ", not tried",
		a->tls_server_name ? ", verified as " : "",
		a->tls_server_name ? a->tls_server_name : "");
}

static int only_forward(const struct entry *e, const struct rk_k3k_access *a, struct rk_err *err)
{
	rk_auto_buf all = RK_BUF_INIT;

	for (const char *p = a->why.s; *p; p++) {
		if (*p != '\n')
			rk_buf_putc(&all, *p);
		else if (p[1])
			rk_buf_puts(&all, "; ");
	}
	rk_err_set(err, RK_FAIL,
		"only a port-forward reaches %s/%s from here, and it would end with this command: "
		"%s",
		e->ns, e->cluster, all.s);
	return rk_err_hint(err,
		"%s kubeconfig get %s/%s -- COMMAND runs a command through it, get --hold keeps it "
		"open, get --no-probe writes an address for elsewhere",
		rk_usage_prefix(), e->ns, e->cluster);
}

static volatile sig_atomic_t got_signal;

static void on_signal(int n)
{
	got_signal = n;
}

/* Wait for Ctrl-C; the forward's own process does the work. */
static int hold(struct rk_err *err)
{
	struct sigaction sa = {.sa_handler = on_signal};
	sigset_t set, old;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, &old);
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGHUP, &sa, NULL);
	while (!got_signal)
		sigsuspend(&old);
	sigprocmask(SIG_SETMASK, &old, NULL);
	if (got_signal == SIGINT)
		return 0; /* what the user was told to press */
	return rk_err_set(err, 128 + got_signal, "ended by signal %d", got_signal);
}

static int run_child(char **argv, const char *path)
{
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	setenv("KUBECONFIG", path, 1);
	execvp(argv[0], argv);
	rk_warn("cannot run %s: %s", argv[0], strerror(errno));
	return errno == ENOENT ? 127 : 126;
}

/* Run a command with KUBECONFIG set to a private file; its exit code is ours. */
static int run_with(char **argv, const struct rk_buf *text, struct rk_err *err)
{
	rk_auto_free char *dir = NULL, *path = NULL;
	int status;
	pid_t pid;

	if (rk_file_tempdir(&dir, err) < 0)
		return -1;
	path = rk_asprintf("%s/config", dir);
	rk_file_vanish(path);
	if (rk_file_replace(path, text->s, text->len, 0600, NULL, err) < 0)
		return -1;
	pid = fork();
	if (pid < 0)
		return rk_err_sys(err, "fork");
	if (pid == 0)
		_exit(run_child(argv, path));
	signal(SIGINT, SIG_IGN); /* the terminal sends it to the command too, which decides */
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return rk_err_sys(err, "waiting for %s", argv[0]);
	if (WIFSIGNALED(status))
		return rk_err_set(err, 128 + WTERMSIG(status), "%s ended by signal %d", argv[0],
			WTERMSIG(status));
	return WEXITSTATUS(status);
}

/* To stdout, or into a file that only its owner can read. */
static int put_out(const struct opts *o, const struct rk_buf *text, struct rk_err *err)
{
	if (!o->file) {
		rk_print_buf(text);
		return 0;
	}
	if (rk_file_replace(o->file, text->s, text->len, 0600, NULL, err) < 0)
		return -1;
	rk_note("written to %s: export KUBECONFIG=%s", o->file, o->file);
	return 0;
}

/* stdout ends here, so that a `merge` behind a pipe sees the end of its input. */
static int end_stdout(struct rk_err *err)
{
	rk_auto_close int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	if (rk_out_flush(err) < 0)
		return -1;
	return null < 0 || dup2(null, STDOUT_FILENO) < 0 ? rk_err_sys(err, "/dev/null") : 0;
}

static int hold_open(const struct rk_k3k_access *a, struct rk_err *err)
{
	if (end_stdout(err) < 0)
		return -1;
	if (a->forward)
		rk_note("holding the port-forward; Ctrl-C ends it");
	else
		rk_note("no port-forward is needed; Ctrl-C ends");
	return hold(err);
}

static int emit(const struct opts *o, struct entry *e, struct rk_k3k_access *a, char **command,
	struct rk_err *err)
{
	rk_auto_buf text = RK_BUF_INIT_SECRET;

	write_out(compose(e), command ? FORMAT_YAML : o->format, &text);
	if (command)
		return run_with(command, &text, err);
	if (put_out(o, &text, err) < 0)
		return -1;
	return o->hold ? hold_open(a, err) : 0;
}

static int entry_name(struct entry *e, const struct opts *o, struct rk_err *err)
{
	e->name = o->name ? o->name : rk_doc_printf(e->d, "%s" SUFFIX, e->cluster);
	return *e->name ? 0 : rk_err_set(err, RK_USAGE, "--name must not be empty");
}

static int get_entry(const struct opts *o, struct entry *e, struct rk_kube *host,
	struct rk_k3k_access *a, bool forward_ok, struct rk_err *err)
{
	a->server = o->server;
	a->no_probe = o->no_probe;
	a->probe_ms = o->probe_ms;
	if (entry_name(e, o, err) < 0 || rk_k3k_access(host, e->ns, e->cluster, a, err) < 0)
		return -1;
	if (a->via == RK_VIA_FORWARD && !forward_ok)
		return only_forward(e, a, err);
	tell_choice(e, a);
	if (take_parts(e, &a->kubeconfig, err) < 0)
		return -1;
	take_address(e, a);
	if (o->exec)
		take_plugin(e, host, &o->kube);
	return 0;
}

/* get and generate; identity changes whose certificate is in the entry. */
static int get_with(const struct opts *o, int argc, char **argv,
	int (*identity)(
		const struct opts *o, struct entry *e, struct rk_kube *host, struct rk_err *err),
	struct rk_err *err)
{
	struct entry e = {.d = rk_doc_new(true)};
	struct rk_k3k_access a = RK_K3K_ACCESS_INIT;
	rk_auto_kube *host = NULL;
	char **command = argc > 1 ? argv + 1 : NULL;
	int rc = rk_k3k_ref(argc ? argv[0] : RK_K3K_CLUSTER, o->kube.ns ? o->kube.ns : RK_K3K_NS,
		&e.ns, &e.cluster, err);

	argv[argc] = NULL; /* words that were flags stood there */
	if (rc == 0)
		rc = rk_kube_open(&host, &o->kube, err);
	if (rc == 0)
		rc = get_entry(o, &e, host, &a, o->hold || command, err);
	if (rc == 0 && identity)
		rc = identity(o, &e, host, err);
	if (rc == 0)
		rc = emit(o, &e, &a, command, err);
	rk_k3k_access_release(&a);
	entry_release(&e);
	return rc;
}

static int run_get(void *p, int argc, char **argv, struct rk_err *err)
{
	return get_with(p, argc, argv, NULL, err);
}

/* ---------- generate ---------- */

static int content_of(
	const struct rk_val *bootstrap, const char *name, const char **pem, struct rk_err *err)
{
	if (rk_need_str(bootstrap, pem, err, name, "Content", NULL) < 0)
		return -1;
	return **pem ? 0 : rk_err_set(err, RK_FAIL, "its %s is empty", name);
}

static void tell_signed(const struct opts *o, const char *const *orgs, const struct rk_buf *cert)
{
	rk_auto_buf who = RK_BUF_INIT;
	rk_auto_cert *c = NULL;
	char when[32] = "";

	for (; *orgs; orgs++)
		rk_buf_addf(&who, ", O=%s", *orgs);
	if (rk_cert_parse(&c, cert->s, cert->len, NULL) == 0)
		rk_time_format(rk_cert_not_after(c), when);
	rk_note("signed CN=%s%s, expires %s", o->cn, who.s, when);
}

/* Sign a certificate with the virtual cluster's client CA, as k3kcli does. */
static int sign(
	const struct opts *o, struct entry *e, const struct rk_val *bootstrap, struct rk_err *err)
{
	static const char *const masters[] = {"system:masters", NULL};
	const char *server_ca, *ca, *ca_key, *const *orgs = o->orgs.n ? o->orgs.v : masters;
	rk_auto_buf cert = RK_BUF_INIT, key = RK_BUF_INIT_SECRET;

	if (content_of(bootstrap, "serverCA", &server_ca, err) < 0 ||
		content_of(bootstrap, "clientCA", &ca, err) < 0 ||
		content_of(bootstrap, "clientCAKey", &ca_key, err) < 0 ||
		rk_cert_sign_client(ca, strlen(ca), ca_key, strlen(ca_key), o->cn, orgs, o->days,
			&cert, &key, err) < 0)
		return -1;
	rk_set(e->d, e->cluster_map, "certificate-authority-data",
		rk_base64_val(e->d, server_ca, strlen(server_ca)));
	e->user_map = rk_map(e->d);
	rk_set(e->d, e->user_map, "client-certificate-data", rk_base64_val(e->d, cert.s, cert.len));
	rk_set(e->d, e->user_map, "client-key-data", rk_base64_val(e->d, key.s, key.len));
	tell_signed(o, orgs, &cert);
	return 0;
}

static int new_identity(
	const struct opts *o, struct entry *e, struct rk_kube *host, struct rk_err *err)
{
	rk_auto_buf text = RK_BUF_INIT_SECRET;
	struct rk_val *bootstrap = NULL;

	if (rk_k3k_secret(host, e->ns, e->cluster, "bootstrap", "bootstrap", &text, err) < 0)
		return -1;
	rk_doc_source(e->d, "bootstrap");
	if (rk_json_parse(e->d, text.s, text.len, &bootstrap, err) < 0 ||
		sign(o, e, bootstrap, err) < 0)
		return rk_err_wrap(err, "bootstrap Secret of %s/%s", e->ns, e->cluster);
	return 0;
}

static int run_generate(void *p, int argc, char **argv, struct rk_err *err)
{
	const struct opts *o = p;

	if (!*o->cn)
		return rk_err_set(err, RK_USAGE, "--cn must not be empty");
	if (o->days < 1 || o->days > 36500)
		return rk_err_set(err, RK_USAGE, "--days must be from 1 to 36500");
	return get_with(o, argc, argv, new_identity, err);
}

/* ---------- export ---------- */

/* A plugin named relative to the old file must be found from anywhere. */
static struct rk_val *export_exec(struct rk_doc *d, const struct rk_target *t)
{
	struct rk_val *x = rk_copy(d, t->exec);
	const char *command = rk_get_str(x, "command", NULL);

	if (command && strchr(command, '/') && *command != '/' && t->exec_dir) {
		rk_auto_free char *path = rk_path_resolve(command, t->exec_dir);
		rk_auto_free char *real = realpath(path, NULL);

		rk_set_str(d, x, "command", real ? real : path);
	}
	return x;
}

/* Cluster and user with everything inside: what files held, and the address asked for. */
static void export_parts(struct entry *e, const struct rk_target *t)
{
	struct rk_doc *d = e->d;

	e->cluster_map = rk_map(d);
	if (t->ca.len)
		rk_set(d, e->cluster_map, "certificate-authority-data",
			rk_base64_val(d, t->ca.s, t->ca.len));
	if (t->conf.proxy)
		rk_set_str(d, e->cluster_map, "proxy-url", t->conf.proxy);
	rk_set_str(d, e->cluster_map, "server", t->server);
	if (t->conf.tls_server_name)
		rk_set_str(d, e->cluster_map, "tls-server-name", t->conf.tls_server_name);
	e->user_map = rk_map(d);
	if (t->cert.len) {
		rk_set(d, e->user_map, "client-certificate-data",
			rk_base64_val(d, t->cert.s, t->cert.len));
		rk_set(d, e->user_map, "client-key-data", rk_base64_val(d, t->key.s, t->key.len));
	}
	if (t->token)
		rk_set_str(d, e->user_map, "token", t->token);
	if (t->conf.user)
		rk_set_str(d, e->user_map, "username", t->conf.user);
	if (t->conf.password)
		rk_set_str(d, e->user_map, "password", t->conf.password);
	if (t->exec)
		rk_set(d, e->user_map, "exec", export_exec(d, t));
}

static int load_source(
	const struct opts *o, const char *path, struct rk_kubeconfig **kc, struct rk_err *err)
{
	rk_auto_buf text = RK_BUF_INIT_SECRET;

	if (!rk_streq(path, "-"))
		return rk_kubeconfig_load(kc, path ? path : o->kube.kubeconfig, err);
	if (rk_file_read("-", INPUT_MAX, &text, err) < 0)
		return -1;
	return rk_kubeconfig_parse(kc, text.s, text.len, "stdin", err);
}

/* The address must answer under the CA, with a certificate that carries it. */
static int try_address(const struct rk_buf *text, const struct opts *o, struct rk_err *err)
{
	struct rk_kube_flags f = {
		.resolve = o->kube.resolve, .request_timeout_ms = o->probe_ms ? o->probe_ms : 3000};
	struct rk_http_req req = {.path = "/version"};
	rk_auto_http_res res = RK_HTTP_RES_INIT;
	struct rk_err why = RK_ERR_INIT;
	rk_auto_kube *k = NULL;

	if (rk_kube_open_text(&k, text->s, text->len, "the result", &f, err) < 0)
		return -1;
	if (rk_kube_raw(k, &req, &res, &why) == 0 || why.http)
		return 0; /* whoever answers at all has shown the right certificate */
	*err = why;
	return rk_err_hint(err, "if the certificate carries another name, give it with "
				"--tls-server-name; --no-probe "
				"writes the address unseen");
}

static int export(
	const struct opts *o, struct entry *e, const struct rk_kubeconfig *kc, struct rk_err *err)
{
	rk_auto_buf text = RK_BUF_INIT_SECRET;
	rk_auto_free char *server = NULL;
	struct rk_kube_flags f = o->kube;
	struct rk_target t;
	int rc;

	if (o->server) {
		server = strstr(o->server, "://") ? rk_strdup(o->server)
						  : rk_asprintf("https://%s", o->server);
		f.server = server;
	}
	if (rk_kubeconfig_resolve(kc, &f, &t, err) < 0)
		return -1;
	rc = rk_target_check(&t, err);
	e->name = o->name ? o->name : t.context ? t.context : "default";
	export_parts(e, &t);
	write_out(compose(e), o->format, &text);
	if (rc == 0 && o->server && !o->no_probe)
		rc = try_address(&text, o, err);
	rk_target_release(&t);
	return rc < 0 ? -1 : put_out(o, &text, err);
}

static int run_export(void *p, int argc, char **argv, struct rk_err *err)
{
	struct entry e = {.d = rk_doc_new(true)};
	struct rk_kubeconfig *kc = NULL;
	int rc = load_source(p, argc ? argv[0] : NULL, &kc, err);

	if (rc == 0)
		rc = export(p, &e, kc, err);
	rk_kubeconfig_free(kc);
	entry_release(&e);
	return rc;
}

/* ---------- merge ---------- */

/* Open the files for a change; a lock of another is waited for, and said. */
static int open_locked(const struct opts *o, struct rk_kc_files **f, struct rk_err *err)
{
	struct rk_err first = RK_ERR_INIT;
	bool lock = o->dry == RK_DRY_NONE && !o->diff;
	int soon = o->wait_ms < 500 ? (int)o->wait_ms : 500;

	if (rk_kc_open(f, o->kube.kubeconfig, lock, soon, &first) == 0)
		return 0;
	if (first.code != RK_CONFLICT || o->wait_ms <= soon || !strstr(first.msg, ".lock")) {
		*err = first;
		return -1;
	}
	rk_note("waiting: %s", first.msg);
	return rk_kc_open(f, o->kube.kubeconfig, lock, (int)o->wait_ms - soon, err);
}

struct merge {
	const struct opts *o;
	struct rk_doc *d;
	const char *source;
	struct rk_buf text;
	struct rk_val *root;
	struct rk_kc_item *items;
	size_t n;
	const char *current; /* to set, or NULL */
	struct rk_kc_files *files;
	struct rk_val *result; /* SEQ of {name, outcome, file, server} */
	bool changed;
};

static void merge_release(struct merge *m)
{
	free(m->items);
	rk_kc_close(m->files);
	rk_buf_release(&m->text);
	rk_doc_free(m->d);
}

static int read_input(struct merge *m, const char *path, struct rk_err *err)
{
	m->source = rk_streq(path, "-") ? "stdin" : path;
	if (rk_streq(path, "-") && isatty(STDIN_FILENO)) {
		rk_err_set(err, RK_USAGE, "a kubeconfig is expected on stdin");
		return rk_err_hint(err, "%s kubeconfig get CLUSTER | %s kubeconfig merge",
			rk_usage_prefix(), rk_usage_prefix());
	}
	if (rk_file_read(path, INPUT_MAX, &m->text, err) < 0)
		return -1;
	if (m->text.s[strspn(m->text.s, " \t\r\n")])
		return 0;
	rk_err_set(err, RK_FAIL, "%s is empty: there is nothing to merge", m->source);
	return rk_err_hint(err, "did the command before the pipe fail?");
}

/* Everything must hold together before any of it is written: each context with its cluster and
 * user, certificates with their keys. What was cut off in a pipe does not. */
static int check_input(struct merge *m, struct rk_err *err)
{
	struct rk_kubeconfig *kc = NULL;
	int rc = rk_kubeconfig_parse(&kc, m->text.s, m->text.len, m->source, err);

	if (rc < 0)
		return -1;
	rk_doc_source(m->d, m->source);
	if (rk_json_parse(m->d, m->text.s, m->text.len, &m->root, NULL) < 0)
		rc = rk_yaml_parse(m->d, m->text.s, m->text.len, &m->root, err);
	if (rc == 0 && !rk_at(rk_get(m->root, "contexts", NULL), 0))
		rc = rk_err_set(err, RK_FAIL, "%s has no context in it", m->source);
	rk_each (c, rc == 0 ? rk_get(m->root, "contexts", NULL) : NULL) {
		struct rk_kube_flags f = {.context = rk_get_str(c, "name", NULL)};
		struct rk_target t;

		if (rk_get_str(c, "context", "user", NULL) &&
			!rk_get_str(c, "context", "cluster", NULL))
			rc = rk_err_set(err, RK_FAIL, "context \"%s\" names no cluster", f.context);
		if (rc == 0)
			rc = rk_kubeconfig_resolve(kc, &f, &t, err);
		if (rc < 0)
			break;
		rc = rk_target_check(&t, err);
		rk_target_release(&t);
		if (rc < 0)
			break;
	}
	rk_kubeconfig_free(kc);
	return rc < 0 ? rk_err_wrap(err, "nothing merged") : 0;
}

static const struct rk_val *find_named(
	const struct rk_val *root, const char *plural, const char *single, const char *name)
{
	rk_each (it, name ? rk_get(root, plural, NULL) : NULL)
		if (rk_streq(rk_get_str(it, "name", NULL), name))
			return rk_get(it, single, NULL);
	return NULL;
}

static struct rk_val *add_item(
	struct merge *m, enum rk_kc_kind kind, const char *name, const struct rk_val *value)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->items[i].kind == kind && rk_streq(m->items[i].name, name))
			return NULL; /* shared by two contexts of the input */
	m->items = rk_realloc(m->items, (m->n + 1) * sizeof(*m->items));
	m->items[m->n] = (struct rk_kc_item){kind, name, rk_copy(m->d, value)};
	return rk_mut(m->items[m->n++].value);
}

/* k3k calls all three `default`, and so would the next cluster's. */
static int check_name(const struct merge *m, const char *name, struct rk_err *err)
{
	if (m->o->name || !rk_streq(name, "default"))
		return 0;
	rk_err_set(err, RK_USAGE, "%s uses the name \"default\", which says nothing", m->source);
	return rk_err_hint(err, "give the entry a name: --name NAME");
}

static int take_context(struct merge *m, const struct rk_val *c, struct rk_err *err)
{
	const char *name = rk_get_str(c, "name", NULL), *to = m->o->name;
	const struct rk_val *ctx = rk_get(c, "context", NULL);
	const char *cluster = rk_get_str(ctx, "cluster", NULL);
	const char *user = rk_get_str(ctx, "user", NULL);
	const struct rk_val *uv = find_named(m->root, "users", "user", user);
	struct rk_val *copy;

	if (user && !uv)
		return rk_err_set(err, RK_FAIL,
			"%s: user \"%s\" of context \"%s\" is not there: "
			"is the input cut off?",
			m->source, user, name);
	if (check_name(m, name, err) < 0 || check_name(m, cluster, err) < 0 ||
		check_name(m, user, err) < 0)
		return -1;
	copy = add_item(m, RK_KC_CONTEXTS, to ? to : name, ctx);
	if (copy && to) {
		rk_set_str(m->d, copy, "cluster", to);
		if (user)
			rk_set_str(m->d, copy, "user", to);
	}
	add_item(m, RK_KC_CLUSTERS, to ? to : cluster,
		find_named(m->root, "clusters", "cluster", cluster));
	if (user)
		add_item(m, RK_KC_USERS, to ? to : user, uv);
	return 0;
}

static int take_input(struct merge *m, struct rk_err *err)
{
	const struct rk_val *all = rk_get(m->root, "contexts", NULL);
	const char *current = rk_get_str(m->root, "current-context", NULL);

	current = current && *current ? current
		  : all->count == 1   ? rk_get_str(rk_at(all, 0), "name", NULL)
				      : NULL;
	if (m->o->name && !*m->o->name)
		return rk_err_set(err, RK_USAGE, "--name must not be empty");
	if (m->o->name && all->count > 1) {
		rk_err_set(err, RK_USAGE, "--name names one entry, and %s has %u contexts",
			m->source, all->count);
		return rk_err_hint(err,
			"take one out: %s kubeconfig export FILE --context OLD --name NEW",
			rk_usage_prefix());
	}
	rk_each (c, all)
		if (take_context(m, c, err) < 0)
			return -1;
	if (m->o->current && !current)
		return rk_err_set(err, RK_USAGE,
			"--set-current: %s has several contexts and no current one", m->source);
	if (m->o->current)
		m->current = m->o->name ? m->o->name : current;
	return 0;
}

/* CA bytes of a cluster map: inline, or of a file; empty when there is none. */
static void ca_of(const struct rk_val *cluster, struct rk_buf *out)
{
	const char *data = rk_get_str(cluster, "certificate-authority-data", NULL);
	const char *path = rk_get_str(cluster, "certificate-authority", NULL);

	if (data && rk_base64_decode(out, data, strlen(data), NULL) == 0)
		return;
	if (path && rk_file_read(path, 1 << 20, out, NULL) < 0)
		rk_buf_reset(out);
}

static bool same_cluster(const struct rk_val *a, const struct rk_val *b)
{
	rk_auto_buf x = RK_BUF_INIT, y = RK_BUF_INIT;

	if (rk_kubeconfig_same_url(rk_get_str(a, "server", NULL), rk_get_str(b, "server", NULL)))
		return true;
	ca_of(a, &x);
	ca_of(b, &y);
	return x.len && rk_kubeconfig_same_ca(x.s, x.len, y.s, y.len);
}

static int other_cluster(struct merge *m, const struct rk_kc_item *it, const struct rk_val *old,
	const char *path, struct rk_err *err)
{
	const char *now = rk_get_str(old, "server", NULL);

	if (m->o->force) {
		rk_note("%s: cluster \"%s\" was %s, now %s", path, it->name, now ? now : "nowhere",
			rk_get_str(it->value, "server", NULL));
		return 0;
	}
	rk_err_set(err, RK_CONFLICT,
		"%s: there is a cluster \"%s\" already, with another server (%s) and another CA",
		path, it->name, now ? now : "none");
	return rk_err_hint(
		err, "--force puts the new one in its place, --name gives it another name");
}

/* A user shared with contexts of other clusters would be taken away from them. */
static int check_user(struct merge *m, const struct rk_kc_item *it, const struct rk_val *contexts,
	struct rk_err *err)
{
	rk_each (c, m->o->force ? NULL : contexts) {
		const char *name = rk_get_str(c, "name", NULL);
		const char *cluster = rk_get_str(c, "context", "cluster", NULL);
		bool ours = false;

		if (!rk_streq(rk_get_str(c, "context", "user", NULL), it->name))
			continue;
		for (size_t i = 0; i < m->n; i++)
			ours = ours ||
			       (m->items[i].kind == RK_KC_CONTEXTS &&
				       rk_streq(m->items[i].name, name)) ||
			       (m->items[i].kind == RK_KC_CLUSTERS &&
				       rk_streq(m->items[i].name, cluster));
		if (ours)
			continue;
		rk_err_set(err, RK_CONFLICT,
			"%s: user \"%s\" belongs to context \"%s\" of another cluster",
			rk_get_str(c, "file", NULL), it->name, name);
		return rk_err_hint(
			err, "--name gives the new entry another name, --force replaces the user");
	}
	return 0;
}

/* What a person has set on the context stays: its namespace, its extensions. */
static void keep_settings(struct merge *m, const struct rk_kc_item *it, const struct rk_val *old)
{
	static const char *const keys[] = {"extensions", "namespace"};

	for (size_t i = 0; i < RK_COUNT(keys); i++) {
		const struct rk_val *v = rk_get(old, keys[i], NULL);

		if (v && !rk_get(it->value, keys[i], NULL))
			rk_set(m->d, rk_mut(it->value), keys[i], rk_copy(m->d, v));
	}
}

static int compare_one(
	struct merge *m, struct rk_kc_item *it, const struct rk_val *contexts, struct rk_err *err)
{
	const struct rk_val *old;
	const char *path;

	if (rk_kc_lookup(m->files, it->kind, it->name, m->d, &old, &path, err) < 0)
		return -1;
	if (!old || rk_val_equal(old, it->value))
		return 0;
	if (it->kind == RK_KC_CLUSTERS && !same_cluster(old, it->value))
		return other_cluster(m, it, old, path, err);
	if (it->kind == RK_KC_USERS)
		return check_user(m, it, contexts, err);
	if (it->kind == RK_KC_CONTEXTS)
		keep_settings(m, it, old);
	return 0;
}

static int compare(struct merge *m, struct rk_err *err)
{
	struct rk_val *contexts;

	if (rk_kc_contexts(m->files, m->d, &contexts, err) < 0)
		return -1;
	for (size_t i = 0; i < m->n; i++)
		if (compare_one(m, &m->items[i], contexts, err) < 0)
			return -1;
	return 0;
}

/* --- what has changed, for people --- */

static bool item_same(struct merge *m, enum rk_kc_kind kind, const char *name, bool *exists)
{
	const struct rk_val *old = NULL;

	if (rk_kc_lookup(m->files, kind, name, m->d, &old, NULL, NULL) < 0)
		return false;
	*exists = old != NULL;
	for (size_t i = 0; i < m->n; i++)
		if (m->items[i].kind == kind && rk_streq(m->items[i].name, name))
			return old && rk_val_equal(old, m->items[i].value);
	return true;
}

/* Before the change: created, configured or unchanged for each context. */
static void judge(struct merge *m)
{
	m->result = rk_seq(m->d);
	for (size_t i = 0; i < m->n; i++) {
		const struct rk_kc_item *it = &m->items[i];
		bool exists = false, other, same;
		struct rk_val *r = rk_map(m->d);

		if (it->kind != RK_KC_CONTEXTS)
			continue;
		same = item_same(m, RK_KC_CONTEXTS, it->name, &exists) &&
		       item_same(m, RK_KC_CLUSTERS, rk_get_str(it->value, "cluster", NULL), &other);
		if (same && rk_get_str(it->value, "user", NULL))
			same = item_same(
				m, RK_KC_USERS, rk_get_str(it->value, "user", NULL), &other);
		rk_set_str(m->d, r, "name", it->name);
		rk_set_str(m->d, r, "outcome",
			rk_outcome_word(!exists ? RK_CREATED
					: same	? RK_UNCHANGED
						: RK_CONFIGURED));
		rk_append(m->result, r);
	}
}

static void add_places(struct merge *m)
{
	rk_each (r, m->result) {
		const struct rk_val *v;
		const char *path = NULL, *name = rk_get_str(r, "name", NULL);
		const char *server = NULL;

		if (rk_kc_lookup(m->files, RK_KC_CONTEXTS, name, m->d, &v, &path, NULL) == 0 &&
			path) {
			const char *cluster = rk_get_str(v, "cluster", NULL);

			rk_set_str(m->d, rk_mut(r), "file", path);
			if (cluster && rk_kc_lookup(m->files, RK_KC_CLUSTERS, cluster, m->d, &v,
					       NULL, NULL) == 0)
				server = rk_get_str(v, "server", NULL);
		}
		if (server)
			rk_set_str(m->d, rk_mut(r), "server", server);
		rk_set_bool(m->d, rk_mut(r), "current", rk_streq(rk_kc_current(m->files), name));
	}
}

static void print_result(const struct opts *o, const struct rk_val *result)
{
	const char *dry = o->dry ? " (dry run)" : "";

	if (o->out.fmt == RK_FMT_JSON || o->out.fmt == RK_FMT_YAML) {
		rk_print_val((enum rk_fmt)o->out.fmt, result);
		return;
	}
	rk_each (r, result) {
		const char *name = rk_get_str(r, "name", NULL);

		if (o->out.fmt == RK_FMT_NAME)
			rk_printf("context/%s\n", name);
		else
			rk_printf("context/%s %s%s\n", name, rk_get_str(r, "outcome", NULL), dry);
	}
}

/* --- diff --- */

static const char *const secret_keys[] = {"client-key-data", "token", "password",
	"client-certificate-data", "certificate-authority-data"};

/* Long or secret values are named only, and whether they differ. */
static void mask(struct rk_doc *d, struct rk_val *map, const struct rk_val *other, const char *when)
{
	for (size_t i = 0; i < RK_COUNT(secret_keys); i++) {
		const struct rk_val *v = rk_get(map, secret_keys[i], NULL);
		const struct rk_val *w = rk_get(other, secret_keys[i], NULL);
		bool differs = w && v && !rk_val_equal(v, w);

		if (v)
			rk_set_str(d, map, secret_keys[i],
				differs ? rk_doc_printf(d, "REDACTED (%s)", when) : "REDACTED");
	}
}

static char *masked_text(
	struct rk_doc *d, const struct rk_val *v, const struct rk_val *other, const char *when)
{
	struct rk_buf b = RK_BUF_INIT;
	struct rk_val *copy;

	if (!v)
		return rk_strdup("");
	copy = rk_copy(d, v);
	mask(d, copy, other, when);
	rk_yaml_write(copy, true, &b);
	return rk_buf_detach(&b);
}

static bool diff_one(struct merge *m, const struct rk_kc_item *it)
{
	static const char *const kinds[] = {"clusters", "contexts", "users"};
	const struct rk_val *old = NULL;
	const char *path = NULL, *name;
	rk_auto_free char *was = NULL, *now = NULL;
	rk_auto_buf out = RK_BUF_INIT;

	if (rk_kc_lookup(m->files, it->kind, it->name, m->d, &old, &path, NULL) < 0 ||
		(old && rk_val_equal(old, it->value)))
		return false;
	was = masked_text(m->d, old, it->value, "before");
	now = masked_text(m->d, it->value, old, "after");
	name = rk_doc_printf(
		m->d, "%s %s/%s", path ? path : "/dev/null", kinds[it->kind], it->name);
	rk_diff(was, now, name, m->source, &out);
	rk_print_buf(&out);
	return true;
}

static int print_diff(struct merge *m)
{
	const char *was = rk_kc_current(m->files);
	bool differs = false;

	for (size_t i = 0; i < m->n; i++)
		differs = diff_one(m, &m->items[i]) || differs;
	if (m->current && !rk_streq(was, m->current)) {
		rk_printf("-current-context: %s\n+current-context: %s\n", was ? was : "\"\"",
			m->current);
		differs = true;
	}
	return differs;
}

/* --- all of it --- */

static int change(struct merge *m, struct rk_err *err)
{
	struct rk_kc_edit edit = {.items = m->items, .n = m->n, .current = m->current};
	rk_auto_free char *was = NULL;

	judge(m);
	was = rk_kc_current(m->files) ? rk_strdup(rk_kc_current(m->files)) : NULL;
	if (rk_kc_change(m->files, &edit, err) < 0)
		return -1;
	add_places(m);
	if (!m->o->dry && rk_kc_write(m->files, &m->changed, err) < 0)
		return -1;
	print_result(m->o, m->result);
	rk_each (r, m->o->dry ? NULL : m->result)
		rk_note("context \"%s\" is in %s: kubectl --context %s get namespaces",
			rk_get_str(r, "name", NULL), rk_get_str(r, "file", NULL),
			rk_get_str(r, "name", NULL));
	if (m->current && !rk_streq(was, m->current) && !m->o->dry)
		rk_note("current-context is now \"%s\"%s%s%s", m->current, was ? " (was \"" : "",
			was ? was : "", was ? "\")" : "");
	return 0;
}

/* As diff(1): 1 means "they differ", so trouble is anything above. */
static int trouble(struct rk_err *err)
{
	if (err->code == RK_FAIL)
		err->code = RK_USAGE;
	return -1;
}

static int merge(struct merge *m, const char *path, struct rk_err *err)
{
	if (read_input(m, path, err) < 0 || check_input(m, err) < 0 || take_input(m, err) < 0 ||
		open_locked(m->o, &m->files, err) < 0 || compare(m, err) < 0)
		return m->o->diff ? trouble(err) : -1;
	if (m->o->diff)
		return print_diff(m);
	return change(m, err);
}

static int run_merge(void *p, int argc, char **argv, struct rk_err *err)
{
	struct merge m = {.o = p, .d = rk_doc_new(true), .text = RK_BUF_INIT_SECRET};
	int rc = merge(&m, argc ? argv[0] : "-", err);

	merge_release(&m);
	return rc;
}

/* ---------- remove ---------- */

struct removal {
	const struct opts *o;
	struct rk_doc *d;
	struct rk_kc_files *files;
	struct rk_val *contexts, *result;
	struct rk_kc_item *items;
	size_t n;
	bool clear_current;
};

static bool going(const struct removal *r, enum rk_kc_kind kind, const char *name)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->items[i].kind == kind && rk_streq(r->items[i].name, name))
			return true;
	return false;
}

static void take_out(struct removal *r, enum rk_kc_kind kind, const char *name)
{
	if (going(r, kind, name))
		return;
	r->items = rk_realloc(r->items, (r->n + 1) * sizeof(*r->items));
	r->items[r->n++] =
		(struct rk_kc_item){kind, rk_doc_strndup(r->d, name, strlen(name)), NULL};
}

static int is_there(
	struct removal *r, enum rk_kc_kind kind, const char *name, bool *there, struct rk_err *err)
{
	const struct rk_val *v;

	if (rk_kc_lookup(r->files, kind, name, r->d, &v, NULL, err) < 0)
		return -1;
	*there = v != NULL;
	return 0;
}

/* NS/NAME that `get` noted in the cluster entry of a context. */
static bool noted_as(
	struct removal *r, const char *cluster, const char *ns, const char *name, bool *noted)
{
	const struct rk_val *v = NULL;

	*noted = false;
	if (!cluster || rk_kc_lookup(r->files, RK_KC_CLUSTERS, cluster, r->d, &v, NULL, NULL) < 0)
		return false;
	rk_each (x, rk_get(v, "extensions", NULL)) {
		if (!rk_streq(rk_get_str(x, "name", NULL), RK_KC_EXTENSION))
			continue;
		*noted = true;
		if (rk_streq(rk_get_str(x, "extension", "namespace", NULL), ns) &&
			rk_streq(rk_get_str(x, "extension", "cluster", NULL), name))
			return true;
	}
	return false;
}

/* Contexts made for virtual cluster REF: by what `get` noted, else by the usual name. */
static int take_out_ref(struct removal *r, const char *ref, struct rk_err *err)
{
	rk_auto_free char *ns = NULL, *name = NULL, *usual = NULL;
	struct rk_err none = RK_ERR_INIT;

	(void)err;
	if (rk_k3k_ref(ref, r->o->kube.ns ? r->o->kube.ns : RK_K3K_NS, &ns, &name, &none) < 0)
		return 0;
	usual = rk_asprintf("%s" SUFFIX, name);
	rk_each (c, r->contexts) {
		const char *context = rk_get_str(c, "name", NULL);
		bool noted, ours;

		ours = noted_as(r, rk_get_str(c, "context", "cluster", NULL), ns, name, &noted);
		if (ours || (!noted && rk_streq(context, usual)))
			take_out(r, RK_KC_CONTEXTS, context);
	}
	return 0;
}

static int take_out_name(struct removal *r, const char *name, struct rk_err *err)
{
	bool context, there[RK_KC_NKINDS];
	size_t before = r->n;

	for (size_t k = 0; k < RK_KC_NKINDS; k++)
		if (is_there(r, (enum rk_kc_kind)k, name, &there[k], err) < 0)
			return -1;
	context = there[RK_KC_CONTEXTS];
	if (context)
		take_out(r, RK_KC_CONTEXTS, name);
	if (there[RK_KC_CLUSTERS])
		take_out(r, RK_KC_CLUSTERS, name);
	if (there[RK_KC_USERS])
		take_out(r, RK_KC_USERS, name);
	if (r->n == before && take_out_ref(r, name, err) < 0)
		return -1;
	if (r->n > before || r->o->ignore)
		return 0;
	rk_err_set(err, RK_NOTFOUND, "no entry \"%s\" in the kubeconfig", name);
	return rk_err_hint(
		err, "%s kubeconfig list shows them; --ignore-not-found", rk_usage_prefix());
}

static const char *user_elsewhere(const struct removal *r, const char *key, const char *name)
{
	rk_each (c, r->contexts)
		if (rk_streq(rk_get_str(c, "context", key, NULL), name) &&
			!going(r, RK_KC_CONTEXTS, rk_get_str(c, "name", NULL)))
			return rk_get_str(c, "name", NULL);
	return NULL;
}

/* The clusters and users of the contexts that go. */
static void follow_contexts(struct removal *r)
{
	size_t n = r->n;

	for (size_t i = 0; i < n; i++) {
		rk_each (c, r->items[i].kind == RK_KC_CONTEXTS ? r->contexts : NULL) {
			const char *cluster = rk_get_str(c, "context", "cluster", NULL);
			const char *user = rk_get_str(c, "context", "user", NULL);

			if (!rk_streq(rk_get_str(c, "name", NULL), r->items[i].name))
				continue;
			if (cluster)
				take_out(r, RK_KC_CLUSTERS, cluster);
			if (user)
				take_out(r, RK_KC_USERS, user);
		}
	}
}

/* What another context uses stays. */
static void keep_shared(struct removal *r)
{
	static const char *const keys[] = {"cluster", "context", "user"};
	size_t n = 0;

	for (size_t i = 0; i < r->n; i++) {
		const struct rk_kc_item *it = &r->items[i];
		const char *other = it->kind == RK_KC_CONTEXTS
					    ? NULL
					    : user_elsewhere(r, keys[it->kind], it->name);

		if (other)
			rk_note("%s \"%s\" stays: context \"%s\" uses it", keys[it->kind], it->name,
				other);
		else
			r->items[n++] = *it;
	}
	r->n = n;
}

static void note_removed(struct removal *r)
{
	static const char *const keys[] = {"cluster", "context", "user"};

	r->result = rk_seq(r->d);
	for (size_t i = 0; i < r->n; i++) {
		const struct rk_kc_item *it = &r->items[i];
		struct rk_val *m;

		if (it->kind == RK_KC_CONTEXTS && rk_streq(rk_kc_current(r->files), it->name))
			r->clear_current = true;
		m = rk_map(r->d);
		rk_set_str(r->d, m, "kind", keys[it->kind]);
		rk_set_str(r->d, m, "name", it->name);
		rk_set_str(r->d, m, "outcome", rk_outcome_word(RK_DELETED));
		rk_append(r->result, m);
	}
}

static void print_removed(const struct removal *r)
{
	const char *dry = r->o->dry ? " (dry run)" : "";

	if (r->o->out.fmt == RK_FMT_JSON || r->o->out.fmt == RK_FMT_YAML) {
		rk_print_val((enum rk_fmt)r->o->out.fmt, r->result);
		return;
	}
	rk_each (m, r->result)
		rk_printf("%s/%s%s%s%s\n", rk_get_str(m, "kind", NULL), rk_get_str(m, "name", NULL),
			r->o->out.fmt == RK_FMT_NAME ? "" : " ",
			r->o->out.fmt == RK_FMT_NAME ? "" : rk_get_str(m, "outcome", NULL),
			r->o->out.fmt == RK_FMT_NAME ? "" : dry);
}

static int remove_all(struct removal *r, int argc, char **argv, struct rk_err *err)
{
	struct rk_kc_edit edit;

	if (rk_kc_contexts(r->files, r->d, &r->contexts, err) < 0)
		return -1;
	for (int i = 0; i < argc; i++)
		if (take_out_name(r, argv[i], err) < 0)
			return -1;
	follow_contexts(r);
	keep_shared(r);
	note_removed(r);
	edit = (struct rk_kc_edit){r->items, r->n, r->clear_current ? "" : NULL};
	if (rk_kc_change(r->files, &edit, err) < 0)
		return -1;
	if (!r->o->dry && rk_kc_write(r->files, NULL, err) < 0)
		return -1;
	print_removed(r);
	if (r->clear_current)
		rk_note("it was the current context: current-context is empty now");
	return 0;
}

static int run_remove(void *p, int argc, char **argv, struct rk_err *err)
{
	struct removal r = {.o = p, .d = rk_doc_new(true)};
	int rc = open_locked(p, &r.files, err);

	if (rc == 0)
		rc = remove_all(&r, argc, argv, err);
	free(r.items);
	rk_kc_close(r.files);
	rk_doc_free(r.d);
	return rc;
}

/* ---------- list ---------- */

/* Entries of ours carry a note; older ones are known by their name. */
static bool is_k3k(const struct rk_val *e)
{
	return rk_get(e, "virtualCluster", NULL) || rk_suffix(rk_get_str(e, "name", NULL), SUFFIX);
}

static void expires_word(const struct rk_val *e, char out[32])
{
	const char *when = rk_get_str(e, "expires", NULL);
	int64_t t = when ? rk_time_parse(when) : -1, left = t - (int64_t)time(NULL);
	char age[16];

	out[0] = 0;
	if (t < 0)
		return;
	rk_age(left < 0 ? -left : left, age);
	snprintf(out, 32, left < 0 ? "expired %s ago" : "%s", age);
}

static void print_table(const struct opts *o, const struct rk_val *seq)
{
	static const char *const headers[] = {"CURRENT", "NAME", "SERVER", "VIRTUAL CLUSTER",
		"EXPIRES", "CLUSTER", "USER", "NAMESPACE", "FILE"};
	struct rk_table *t = rk_table_new(headers, RK_COUNT(headers));

	rk_table_wide(t, 5);
	rk_each (e, seq) {
		const char *virtual = rk_get_str(e, "virtualCluster", NULL);
		char expires[32];

		expires_word(e, expires);
		rk_table_row(t, rk_get_bool(e, false, "current", NULL) ? "*" : "",
			rk_get_str(e, "name", NULL), rk_get_str(e, "server", NULL),
			virtual	    ? virtual
			: is_k3k(e) ? "unknown"
				    : "",
			expires, rk_get_str(e, "cluster", NULL), rk_get_str(e, "user", NULL),
			rk_get_str(e, "namespace", NULL), rk_get_str(e, "file", NULL));
	}
	rk_table_print(t, (enum rk_fmt)o->out.fmt, !o->out.no_headers);
	rk_table_free(t);
}

static int run_list(void *p, int argc, char **argv, struct rk_err *err)
{
	const struct opts *o = p;
	struct rk_kubeconfig *kc = NULL;
	rk_auto_doc *d = rk_doc_new(true);
	struct rk_val *all = NULL, *seq = rk_seq(d);
	int rc;

	(void)argc;
	(void)argv;
	if (rk_kubeconfig_load(&kc, o->kube.kubeconfig, err) < 0)
		return -1;
	rc = rk_kubeconfig_list(kc, d, &all, err);
	rk_each (e, rc == 0 ? all : NULL)
		if (!o->only_k3k || is_k3k(e))
			rk_append(seq, rk_copy(d, e));
	if (rc == 0 && (o->out.fmt == RK_FMT_JSON || o->out.fmt == RK_FMT_YAML)) {
		rk_print_val((enum rk_fmt)o->out.fmt, seq);
	} else if (rc == 0 && o->out.fmt == RK_FMT_NAME) {
		rk_each (e, seq)
			rk_printf("context/%s\n", rk_get_str(e, "name", NULL));
	} else if (rc == 0) {
		print_table(o, seq);
	}
	rk_kubeconfig_free(kc);
	return rc;
}

/* ---------- options ---------- */

#define AT(m) .off = offsetof(struct opts, m)
#define OPT_KUBECONFIG                                                                        \
	{                                                                                     \
		.name = "kubeconfig", .kind = RK_OPT_STR, AT(kube.kubeconfig), .arg = "FILE", \
		.complete = "file",                                                           \
		.help = "the kubeconfig to work on; default: those of $KUBECONFIG, else "     \
			"~/.kube/config"                                                      \
	}
#define OPT_LOCK_WAIT                                                                       \
	{                                                                                   \
		.name = "lock-timeout", .kind = RK_OPT_DUR, AT(wait_ms), .arg = "DURATION", \
		.help = "how long to wait for another's lock on the file; default 10s"      \
	}

/* Of get, generate and export alike. */
static const struct rk_opt MAKE_OPTS[] = {
	{.name = "name",
		.kind = RK_OPT_STR,
		AT(name),
		.arg = "NAME",
		.help = "name of the entry; default: CLUSTER" SUFFIX ", or the context's"},
	{.name = "output",
		.key = 'o',
		.kind = RK_OPT_ENUM,
		AT(format),
		.arg = "FORMAT",
		.choices = "yaml|json",
		.help = "notation of the kubeconfig"},
	{.name = "file",
		.key = 'f',
		.kind = RK_OPT_STR,
		AT(file),
		.arg = "FILE",
		.complete = "file",
		.help = "write it to FILE, readable by its owner only, instead of stdout"},
	{.name = "server",
		.key = 's',
		.kind = RK_OPT_STR,
		AT(server),
		.arg = "ADDRESS",
		.help = "address to use instead of those found: URL, HOST, HOST:PORT or "
			"[IPv6]:PORT"},
	{.name = "no-probe",
		.kind = RK_OPT_FLAG,
		AT(no_probe),
		.help = "take the first address without trying it"},
	{.name = "probe-timeout",
		.kind = RK_OPT_DUR,
		AT(probe_ms),
		.arg = "DURATION",
		.help = "how long to wait for the addresses to answer; default 3s"},
	RK_OPT_END};

#define OPT_MAKE                                                              \
	{                                                                     \
		.name = "", .kind = RK_OPT_GROUP, .off = 0, .sub = MAKE_OPTS, \
		.help = "Kubeconfig flags"                                    \
	}
#define OPT_HOLD                                                          \
	{                                                                 \
		.name = "hold", .kind = RK_OPT_FLAG, AT(hold),            \
		.help = "stay, and keep a port-forward open until Ctrl-C" \
	}

static const struct rk_opt GET_OPTS[] = {
	{.name = "exec",
		.kind = RK_OPT_FLAG,
		AT(exec),
		.help = "no key in the entry: kubectl asks `kubectl rk3k credential` each time"},
	OPT_HOLD, OPT_MAKE, RK_GROUP_KUBE(struct opts, kube), RK_OPT_END};

static const struct rk_opt GENERATE_OPTS[] = {
	{.name = "cn",
		.kind = RK_OPT_STR,
		AT(cn),
		.arg = "NAME",
		.help = "user name in the certificate; default system:admin"},
	{.name = "org",
		.kind = RK_OPT_LIST,
		AT(orgs),
		.arg = "GROUP",
		.help = "group in the certificate, repeatable; default system:masters"},
	{.name = "days",
		.kind = RK_OPT_INT,
		AT(days),
		.arg = "DAYS",
		.help = "how long the certificate is good; default 365"},
	{.name = "expiration-days",
		.kind = RK_OPT_INT,
		AT(days),
		.arg = "DAYS",
		.help = "the same, as k3kcli has it"},
	OPT_HOLD, OPT_MAKE, RK_GROUP_KUBE(struct opts, kube), RK_OPT_END};

static const struct rk_opt EXPORT_OPTS[] = {OPT_MAKE, RK_GROUP_KUBE(struct opts, kube), RK_OPT_END};

static const struct rk_opt MERGE_OPTS[] = {OPT_KUBECONFIG,
	{.name = "name",
		.kind = RK_OPT_STR,
		AT(name),
		.arg = "NAME",
		.help = "name of the context, cluster and user in the file"},
	{.name = "set-current",
		.kind = RK_OPT_FLAG,
		AT(current),
		.help = "make it the current context"},
	{.name = "current", .kind = RK_OPT_FLAG, AT(current), .help = "the same"},
	{.name = "force",
		.kind = RK_OPT_FLAG,
		AT(force),
		.help = "also replace an entry of another cluster"},
	{.name = "diff",
		.kind = RK_OPT_FLAG,
		AT(diff),
		.help = "show what would change; exit 0: nothing, 1: something, above: trouble"},
	OPT_LOCK_WAIT, RK_OPT_DRY_RUN(struct opts, dry), RK_GROUP_OUT(struct opts, out),
	RK_OPT_END};

static const struct rk_opt REMOVE_OPTS[] = {OPT_KUBECONFIG,
	{.name = "namespace",
		.key = 'n',
		.kind = RK_OPT_STR,
		AT(kube.ns),
		.arg = "NAME",
		.help = "namespace of a virtual cluster named without one"},
	{.name = "ignore-not-found",
		.kind = RK_OPT_FLAG,
		AT(ignore),
		.help = "an entry that is not there is no error"},
	OPT_LOCK_WAIT, RK_OPT_DRY_RUN(struct opts, dry), RK_GROUP_OUT(struct opts, out),
	RK_OPT_END};

static const struct rk_opt LIST_OPTS[] = {OPT_KUBECONFIG,
	{.name = "k3k",
		.kind = RK_OPT_FLAG,
		AT(only_k3k),
		.help = "only contexts of virtual clusters"},
	RK_GROUP_OUT(struct opts, out), RK_OPT_END};

static const struct rk_verb VERBS[] = {
	{"get", "[[NAMESPACE/]CLUSTER [-- COMMAND [ARG...]]]",
		"print the kubeconfig of a virtual cluster, or run a command with it", GET_OPTS, 0,
		-1, "cluster", run_get,
		"  kubectl rk3k kubeconfig get rancher | kubectl rk3k kubeconfig merge\n"
		"  kubectl rk3k kubeconfig get rancher -- kubectl get nodes"},
	{"generate", "[[NAMESPACE/]CLUSTER [-- COMMAND [ARG...]]]",
		"the same with a new client certificate, signed by the virtual cluster's CA",
		GENERATE_OPTS, 0, -1, "cluster", run_generate,
		"  kubectl rk3k kubeconfig generate rancher --cn jane --org viewers --days 30"},
	{"export", "[FILE|-]", "one context as a kubeconfig that needs no other file", EXPORT_OPTS,
		0, 1, "file", run_export,
		"  kubectl rk3k kubeconfig export --context rancher-k3k -f rancher.yaml\n"
		"  kubectl rk3k kubeconfig export - --server lb.example:6443 < k3s.yaml"},
	{"merge", "[FILE]", "put the entries of a kubeconfig on stdin into ~/.kube/config",
		MERGE_OPTS, 0, 1, "file", run_merge,
		"  kubectl rk3k kubeconfig get rancher | kubectl rk3k kubeconfig merge "
		"--set-current\n"
		"  kubectl rk3k kubeconfig merge --diff < other.yaml"},
	{"remove", "NAME...", "take entries out of ~/.kube/config", REMOVE_OPTS, 1, -1, "context",
		run_remove, "  kubectl rk3k kubeconfig remove rancher-k3k"},
	{"list", NULL, "list the contexts with server, virtual cluster and expiry", LIST_OPTS, 0, 0,
		NULL, run_list, "  kubectl rk3k kubeconfig list --k3k -o wide"},
	{.run = NULL}};

static const struct rk_cmd CMD = {
	.name = "kubeconfig",
	.summary = "get, generate, export, merge, remove and list kubeconfig entries",
	.description =
		"get reads the kubeconfig that k3k keeps in a Secret and gives it an address that "
		"works from here: it tries ingress, load balancer, node ports and the cluster "
		"address "
		"at once, verifies the server under the cluster's own CA, sets tls-server-name "
		"where "
		"the certificate does not carry the address, and says on stderr which one it took. "
		"When none answers, a port-forward is used, which lasts as long as the command.\n"
		"\n"
		"generate gives the same entry with a client certificate of its own, signed with "
		"the "
		"client CA in the cluster's bootstrap Secret. Certificates of system:masters "
		"cannot "
		"be revoked: give people groups of their own.\n"
		"\n"
		"export takes one context out of a kubeconfig, with all files it names inside; "
		"with "
		"--server it gets another address, which must answer under its CA.\n"
		"\n"
		"merge and remove change only the bytes of the entries they are about: comments, "
		"order, style and unknown keys of the file stay. They lock as kubectl does, then "
		"read, and replace the file by a rename.",
	.opts_size = sizeof(struct opts),
	.defaults = defaults,
	.verbs = VERBS,
	.files = "~/.kube/config, or the files of $KUBECONFIG; FILE.lock beside each while it is "
		 "changed.",
	.exit_status =
		"get -- COMMAND: that of the command. merge --diff: 0 nothing would change, 1 "
		"something would, above that trouble.",
	.see_also = "kubectl-config(1)",
};

int main(int argc, char **argv)
{
	return rk_main(&CMD, argc, argv);
}
