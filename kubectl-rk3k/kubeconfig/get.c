// SPDX-License-Identifier: Apache-2.0
/* get - the kubeconfig of a virtual cluster, under an address that answers from here. */
#include "tool.h"

#include "os/os.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>

static void add_flag(struct rk_doc *d, struct rk_val *args, const char *name, const char *value)
{
	if (value && *value)
		rk_append_str(d, args, rk_doc_printf(d, "--%s=%s", name, value));
}

/* kubectl runs the plugin from any directory. */
static void add_path(struct rk_doc *d, struct rk_val *args, const char *name, const char *path)
{
	rk_auto_free char *full = path && *path ? realpath(path, NULL) : NULL;

	add_flag(d, args, name, full ? full : path);
}

/* The kubeconfig that the host was found in: the user of the entry may have set KUBECONFIG to another
 * file, such as the one that the entry is in. Several files go into the plugin's environment. */
static int add_kubeconfig(struct rk_doc *d, struct rk_val *x, struct rk_val *args,
	const char *given, struct rk_err *err)
{
	const char *env = getenv("KUBECONFIG"), *home = getenv("HOME");
	rk_auto_free char *usual = home ? rk_asprintf("%s/.kube/config", home) : NULL;
	const char *one = given && *given ? given : env && *env ? env : usual;
	rk_auto_buf all = RK_BUF_INIT;
	struct rk_val *e, *list;
	struct stat st;

	if (given && *given && (stat(given, &st) < 0 || !S_ISREG(st.st_mode))) {
		rk_err_set(err, RK_USAGE, "--exec: kubectl could not read the kubeconfig %s again",
			given);
		return rk_err_hint(err, "save it as a file first");
	}
	if (one != env || !strchr(env, ':')) {
		if (one && access(one, F_OK) == 0)
			add_path(d, args, "kubeconfig", one);
		return 0;
	}
	for (const char *p = env; *p;) {
		size_t n = strcspn(p, ":");
		rk_auto_free char *path = rk_strndup(p, n), *full = realpath(path, NULL);

		if (n)
			rk_buf_addf(&all, "%s%s", all.len ? ":" : "", full ? full : path);
		p += n + (p[n] == ':');
	}
	e = rk_map(d);
	list = rk_seq(d);
	rk_set_str(d, e, "name", "KUBECONFIG");
	rk_set_str(d, e, "value", all.s);
	rk_append(list, e);
	rk_set(d, x, "env", list);
	return 0;
}

/* A user without a key: kubectl asks us for the credential each time. The host is found again by what it
 * was found with now. */
static int take_plugin(
	struct entry *e, struct rk_kube *host, const struct rk_kube_flags *f, struct rk_err *err)
{
	struct rk_doc *d = e->d;
	struct rk_val *x = rk_map(d), *args = rk_seq(d);

	rk_set_str(d, x, "apiVersion", "client.authentication.k8s.io/v1");
	rk_set_str(d, x, "command", "kubectl-rk3k");
	rk_append_str(d, args, "credential");
	rk_append_str(d, args, rk_doc_printf(d, "%s/%s", e->ns, e->cluster));
	add_flag(d, args, "context", rk_kube_context(host));
	if (add_kubeconfig(d, x, args, f->kubeconfig, err) < 0)
		return -1;
	add_flag(d, args, "cluster", f->cluster);
	add_flag(d, args, "user", f->user);
	add_flag(d, args, "server", f->server);
	add_flag(d, args, "tls-server-name", f->tls_server_name);
	add_path(d, args, "certificate-authority", f->certificate_authority);
	add_path(d, args, "client-certificate", f->client_certificate);
	add_path(d, args, "client-key", f->client_key);
	add_path(d, args, "token-file", f->token_file);
	add_flag(d, args, "as", f->as);
	add_flag(d, args, "as-uid", f->as_uid);
	for (size_t i = 0; i < f->as_groups.n; i++)
		add_flag(d, args, "as-group", f->as_groups.v[i]);
	add_flag(d, args, "resolve", f->resolve);
	rk_set(d, x, "args", args);
	rk_set_str(d, x, "installHint", "kubectl rk3k must be installed: kubectl-rk3k on PATH");
	rk_set_str(d, x, "interactiveMode", "IfAvailable");
	e->user_map = rk_map(d);
	rk_set(d, e->user_map, "exec", x);
	return 0;
}

/* Which address was taken, and why none of the better ones. why has a line for each, in order. */
static void print_choice(const struct entry *e, const struct rk_vcluster *v)
{
	bool taken = false;
	const char *nl;

	for (const char *p = v->why.s; (nl = strchr(p, '\n')); p = nl + 1) {
		taken = taken || memmem(p, (size_t)(nl - p), v->url, strlen(v->url));
		if (taken || rk_verbosity())
			rk_debug("tried %.*s", (int)(nl - p), p);
		else
			rk_note("not taken: %.*s", (int)(nl - p), p);
	}
	rk_aside("%s/%s: %s %s%s%s%s", e->ns, e->cluster, rk_endpoint_word(v->endpoint), v->url,
		v->forward   ? ""
		: v->why.len ? " answers"
			     : ", not tried",
		v->tls_server_name ? ", verified as " : "",
		v->tls_server_name ? v->tls_server_name : "");
}

static volatile sig_atomic_t got_signal;

static void on_signal(int n)
{
	got_signal = n;
}

/* Wait for Ctrl-C; the forward's own process does the work. */
static int hold(struct rk_err *err)
{
	struct sigaction sa = {.sa_handler = on_signal}, was;
	sigset_t set, old;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, &old);
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	if (sigaction(SIGHUP, NULL, &was) == 0 && was.sa_handler != SIG_IGN) /* no nohup */
		sigaction(SIGHUP, &sa, NULL);
	while (!got_signal)
		sigsuspend(&old);
	sigprocmask(SIG_SETMASK, &old, NULL);
	if (got_signal == SIGINT)
		return 0; /* the key that the note names */
	return rk_err_set(err, 128 + got_signal, "ended by signal %d", got_signal);
}

/* Run a command with KUBECONFIG set to a private file; its exit code is ours. */
static int run_with(char **argv, const struct rk_buf *text, struct rk_err *err)
{
	rk_auto_free char *dir = NULL, *path = NULL;
	bool unstarted = false;
	struct rk_run r = {
		.argv = (const char *const *)argv, .inherit = true, .unstarted = &unstarted};
	int status = 0;

	if (rk_file_tempdir(&dir, err) < 0)
		return -1;
	path = rk_asprintf("%s/config", dir);
	rk_file_vanish(path);
	if (rk_file_replace(path, text->s, text->len, 0600, NULL, err) < 0)
		return -1;
	setenv("KUBECONFIG", path, 1);
	signal(SIGINT, SIG_IGN); /* the terminal sends it to the command too, which decides */
	if (rk_run(&r, NULL, &status, err) == 0)
		return status;
	if (!unstarted)
		return -1;
	rk_warn("%s", err->msg);
	return err->code == RK_NOTFOUND ? 127 : 126;
}

/* stdout is closed, so that a `merge` behind a pipe sees the end of its input. */
static int hold_open(const struct rk_vcluster *a, struct rk_err *err)
{
	rk_auto_close int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	if (rk_out_flush(err) < 0)
		return -1;
	if (null < 0 || dup2(null, STDOUT_FILENO) < 0)
		return rk_err_sys(err, "/dev/null");
	if (a->forward)
		rk_note("holding the port-forward; Ctrl-C ends it");
	else
		rk_note("no port-forward is needed; Ctrl-C ends");
	return hold(err);
}

static int emit(const struct opts *o, struct entry *e, struct rk_vcluster *a, char **command,
	struct rk_err *err)
{
	rk_auto_buf text = RK_BUF_INIT_SECRET;

	kcfg_write_out(rk_kubeconfig_compose(e->d, e->name, e->cluster_map, e->user_map),
		command ? FORMAT_YAML : o->format, &text);
	if (command)
		return run_with(command, &text, err);
	if (kcfg_put_out(o, &text, err) < 0)
		return -1;
	return o->hold ? hold_open(a, err) : 0;
}

/* --- the entry's name --- */

/* Only what needs no quotes in a shell. */
static char *plain_part(struct rk_doc *d, const char *s)
{
	char *out = rk_doc_strndup(d, s, strlen(s));

	for (char *p = out; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr("._-", *p))
			*p = '-';
	return out;
}

/* The cluster of that name in the kubeconfig that merge writes to, when it is another one; or NULL. */
static const struct rk_val *taken(
	const struct rk_kubeconfig *kc, const struct entry *e, const char *name)
{
	const struct rk_val *there = rk_kubeconfig_entry(kc, RK_KC_CLUSTERS, name);

	return there && !kcfg_same_cluster(there, e->cluster_map) ? there : NULL;
}

/* CLUSTER-k3k, so that one virtual cluster has one short name. Where another one has it, of another
 * namespace or on another host, its namespace is added, or the host's context. A user other than the
 * administrator is part of the name. */
static void default_name(struct entry *e, const struct opts *o, const char *context)
{
	struct rk_doc *d = e->d;
	const char *user = rk_streq(o->cn, ADMIN_CN) ? "" : plain_part(d, o->cn);
	const char *dash = *user ? "-" : "";
	struct rk_kubeconfig *kc = NULL;
	const struct rk_val *other;
	struct rk_kc_note note;

	e->name = rk_doc_printf(d, "%s" RK_K3K_ENTRY_SUFFIX "%s%s", e->cluster, dash, user);
	if (rk_kubeconfig_load(&kc, NULL, NULL) < 0 || !(other = taken(kc, e, e->name))) {
		rk_kubeconfig_free(kc);
		return;
	}
	if (!rk_kc_note(other, &note) || !rk_streq(note.ns, e->ns))
		e->name = rk_doc_printf(
			d, "%s-%s" RK_K3K_ENTRY_SUFFIX "%s%s", e->cluster, e->ns, dash, user);
	if (taken(kc, e, e->name) && context && *context)
		e->name = rk_doc_printf(d, "%s-%s-%s" RK_K3K_ENTRY_SUFFIX "%s%s", e->cluster, e->ns,
			plain_part(d, context), dash, user);
	rk_kubeconfig_free(kc);
}

static int get_entry(const struct opts *o, struct entry *e, struct rk_kube *host,
	struct rk_vcluster *v, bool forward_ok, struct rk_err *err)
{
	struct rk_kc_note note = {e->ns, e->cluster, rk_kube_target(host)->server};
	rk_auto_buf all = RK_BUF_INIT;

	v->server = o->server;
	v->no_probe = o->no_probe;
	v->probe_ms = o->probe_ms;
	if (o->name && !*o->name)
		return rk_err_set(err, RK_USAGE, "--name must not be empty");
	if (rk_vcluster_open(v, host, e->ns, e->cluster, err) < 0)
		return -1;
	if (v->endpoint == RK_ENDPOINT_FORWARD && !forward_ok) {
		rk_vcluster_reasons(v, &all);
		rk_err_set(err, RK_FAIL,
			"only a port-forward reaches %s/%s from here, and it would end with this "
			"command: %s",
			e->ns, e->cluster, all.s);
		return rk_err_hint(err,
			"%s kubeconfig get %s/%s%s -- COMMAND runs a command through it, get "
			"--hold keeps it open, get --no-probe writes an address for elsewhere",
			rk_usage_prefix(), e->ns, e->cluster, rk_here());
	}
	print_choice(e, v);
	if (rk_k3k_entry(v, &note, e->d, &e->cluster_map, &e->user_map, err) < 0)
		return -1;
	if (!e->name)
		default_name(e, o, rk_kube_context(host));
	return o->exec ? take_plugin(e, host, &o->kube, err) : 0;
}

/* get and generate; identity changes whose certificate is in the entry. */
int kcfg_get_with(const struct opts *o, int argc, char **argv,
	int (*identity)(
		const struct opts *o, struct entry *e, struct rk_kube *host, struct rk_err *err),
	struct rk_err *err)
{
	struct entry e = {.d = rk_doc_new(true)};
	rk_auto_vcluster a = {0};
	rk_auto_kube *host = NULL;
	char **command = argc > 1 ? argv + 1 : NULL;
	rk_auto_settings *s = rk_settings_new();
	const char *ns = o->kube.ns, *ref = argc ? argv[0] : NULL;
	bool given = o->settings.config;
	int rc = rk_settings_open(s, &o->settings, RK_SETTINGS_NAMES, err);

	argv[argc] = NULL; /* after it are arguments that were flags */
	if (rc == 0 && given) {
		ns = ns ? ns : rk_settings_ns(s);
		ref = ref ? ref : rk_settings_cluster(s);
	}
	e.name = o->name;
	if (rc == 0 && given && !e.name && !identity) /* other identities have other names */
		e.name = rk_setting(s, RK_KEY_KUBECONFIG_NAME);
	if (rc == 0)
		rc = rk_kube_open(&host, &o->kube, err);
	if (rc == 0)
		rc = rk_k3k_choose(host, ns, ref, &e.ns, &e.cluster, err);
	if (rc == 0)
		rc = get_entry(o, &e, host, &a, o->hold || command, err);
	if (rc == 0)
		rc = identity ? identity(o, &e, host, err)
			      : rk_k3k_unexpired(e.user_map, e.ns, e.cluster, err);
	if (rc == 0)
		rc = emit(o, &e, &a, command, err);
	kcfg_entry_release(&e);
	return rc;
}

int kcfg_run_get(void *p, int argc, char **argv, struct rk_err *err)
{
	return kcfg_get_with(p, argc, argv, NULL, err);
}
