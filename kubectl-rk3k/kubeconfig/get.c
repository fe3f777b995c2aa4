// SPDX-License-Identifier: Apache-2.0
/* get - the kubeconfig of a virtual cluster, under an address that answers from here. */
#include "tool.h"

#include "os/os.h"

#include <ctype.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>

/* --- an entry without a key --- */

/* What is in $KUBECONFIG, each file by its full path, for the environment of a plugin. */
static struct rk_val *full_paths(struct rk_doc *d, const char *env)
{
	struct rk_val *m = rk_map(d), *list = rk_seq(d);
	rk_auto_buf all = RK_BUF_INIT;
	size_t n;

	rk_each_item (p, n, env, ":") {
		rk_auto_free char *path = rk_strndup(p, n), *full = realpath(path, NULL);

		rk_buf_addf(&all, "%s%s", all.len ? ":" : "", full ? full : path);
	}
	rk_set_str(d, m, "name", "KUBECONFIG");
	rk_set_str(d, m, "value", all.s);
	rk_append(list, m);
	return list;
}

/* kubectl asks us for the credential each time, from any directory. The host is found again by what it was
 * found with now, also in the same kubeconfig: the user of the entry may have set KUBECONFIG to another
 * file, such as the one that the entry is in. */
static int take_plugin(
	struct entry *e, struct rk_kube *host, const struct rk_kube_flags *f, struct rk_err *err)
{
	const char *env = getenv("KUBECONFIG"), *home = getenv("HOME");
	rk_auto_free char *usual = home ? rk_asprintf("%s/.kube/config", home) : NULL;
	const char *given = f->kubeconfig && *f->kubeconfig ? f->kubeconfig : NULL;
	const char *kubeconfig = given ? given : env && *env ? env : usual;
	bool several = kubeconfig && kubeconfig == env && strchr(env, ':');
	const struct {
		const char *name, *value;
		bool path;
	} flags[] = {{"context", rk_kube_context(host), false},
		{"kubeconfig",
			!several && kubeconfig && access(kubeconfig, F_OK) == 0 ? kubeconfig : NULL,
			true},
		{"cluster", f->cluster, false}, {"user", f->user, false},
		{"server", f->server, false}, {"tls-server-name", f->tls_server_name, false},
		{"certificate-authority", f->certificate_authority, true},
		{"client-certificate", f->client_certificate, true},
		{"client-key", f->client_key, true}, {"token-file", f->token_file, true},
		{"as", f->as, false}, {"as-uid", f->as_uid, false}, {"resolve", f->resolve, false}};
	struct rk_doc *d = e->d;
	struct rk_val *x = rk_map(d), *args = rk_seq(d);
	struct stat st;

	if (given && (stat(given, &st) < 0 || !S_ISREG(st.st_mode))) {
		rk_err_set(err, RK_USAGE, "--exec: kubectl could not read the kubeconfig %s again",
			given);
		return rk_err_hint(err, "save it as a file first");
	}
	rk_append_str(d, args, "credential");
	rk_append_str(d, args, rk_doc_printf(d, "%s/%s", e->ns, e->cluster));
	for (size_t i = 0; i < RK_COUNT(flags); i++) {
		const char *value = flags[i].value;
		rk_auto_free char *full =
			flags[i].path && value && *value ? realpath(value, NULL) : NULL;

		if (value && *value)
			rk_append_str(d, args,
				rk_doc_printf(d, "--%s=%s", flags[i].name, full ? full : value));
	}
	for (size_t i = 0; i < f->as_groups.n; i++)
		rk_append_str(d, args, rk_doc_printf(d, "--as-group=%s", f->as_groups.v[i]));
	rk_set_str(d, x, "apiVersion", "client.authentication.k8s.io/v1");
	rk_set_str(d, x, "command", "kubectl-rk3k");
	if (several)
		rk_set(d, x, "env", full_paths(d, env));
	rk_set(d, x, "args", args);
	rk_set_str(d, x, "installHint", "kubectl rk3k must be installed: kubectl-rk3k on PATH");
	rk_set_str(d, x, "interactiveMode", "IfAvailable");
	e->user_map = rk_map(d);
	rk_set(d, e->user_map, "exec", x);
	return 0;
}

/* --- what is done with it --- */

/* Wait for Ctrl-C; the forward's own process does the work. stdout is closed, so that a `merge` behind a
 * pipe sees the end of its input. */
static int hold(const struct rk_vcluster *a, struct rk_err *err)
{
	rk_auto_close int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	struct sigaction hup;
	sigset_t set, was;
	int n = 0;

	if (rk_out_flush(err) < 0)
		return -1;
	if (null < 0 || dup2(null, STDOUT_FILENO) < 0)
		return rk_err_sys(err, "/dev/null");
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	if (sigaction(SIGHUP, NULL, &hup) == 0 && hup.sa_handler != SIG_IGN) /* no nohup */
		sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, &was);
	rk_note(a->forward ? "holding the port-forward; Ctrl-C ends it"
			   : "no port-forward is needed; Ctrl-C ends");
	sigwait(&set, &n);
	sigprocmask(SIG_SETMASK, &was, NULL);
	if (n == SIGINT)
		return 0; /* the key that the note names */
	return rk_err_set(err, 128 + n, "ended by signal %d", n);
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
	return o->hold ? hold(a, err) : 0;
}

/* --- the entry --- */

/* Only what needs no quotes in a shell. */
static char *plain_part(struct rk_doc *d, const char *s)
{
	char *out = rk_doc_printf(d, "%s", s);

	for (char *p = out; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr("._-", *p))
			*p = '-';
	return out;
}

/* The cluster of that name in the kubeconfig that merge writes to, when it is another one; or NULL. */
static const struct rk_val *taken(const struct rk_kubeconfig *kc, const struct entry *e)
{
	const struct rk_val *there = rk_kubeconfig_entry(kc, RK_KC_CLUSTERS, e->name);

	return there && !kcfg_same_cluster(there, e->cluster_map) ? there : NULL;
}

/* CLUSTER-k3k, so that one virtual cluster has one short name. Where another one has it, of another
 * namespace or on another host, its namespace is added, or the host's context. A user other than the
 * administrator is part of the name. */
static void default_name(struct entry *e, const struct opts *o, const char *context)
{
	struct rk_doc *d = e->d;
	const char *suffix = RK_K3K_ENTRY_SUFFIX;
	struct rk_kubeconfig *kc = NULL;
	const struct rk_val *other;
	struct rk_kc_note note;

	if (!rk_streq(o->cn, ADMIN_CN))
		suffix = rk_doc_printf(d, "%s-%s", suffix, plain_part(d, o->cn));
	e->name = rk_doc_printf(d, "%s%s", e->cluster, suffix);
	if (rk_kubeconfig_load(&kc, NULL, NULL) < 0)
		return;
	other = taken(kc, e);
	if (other && (!rk_kc_note(other, &note) || !rk_streq(note.ns, e->ns)))
		e->name = rk_doc_printf(d, "%s-%s%s", e->cluster, e->ns, suffix);
	if (other && taken(kc, e) && *context)
		e->name = rk_doc_printf(
			d, "%s-%s-%s%s", e->cluster, e->ns, plain_part(d, context), suffix);
	rk_kubeconfig_free(kc);
}

/* Which address was taken, and why none of the better ones. why has a line for each, in order. */
static void print_choice(const struct entry *e, const struct rk_vcluster *v)
{
	const char *state = v->forward ? "" : v->why.len ? " answers" : ", not tried", *nl;
	bool taken = false;

	for (const char *p = v->why.s; (nl = strchr(p, '\n')); p = nl + 1) {
		taken = taken || memmem(p, (size_t)(nl - p), v->url, strlen(v->url));
		if (taken || rk_verbosity())
			rk_debug("tried %.*s", (int)(nl - p), p);
		else
			rk_note("not taken: %.*s", (int)(nl - p), p);
	}
	rk_aside("%s/%s: %s %s%s%s%s", e->ns, e->cluster, rk_endpoint_word(v->endpoint), v->url,
		state, v->tls_server_name ? ", verified as " : "",
		v->tls_server_name ? v->tls_server_name : "");
}

static int get_entry(const struct opts *o, struct entry *e, struct rk_kube *host,
	struct rk_vcluster *v, bool forward_ok, struct rk_err *err)
{
	struct rk_kc_note note = {e->ns, e->cluster, rk_kube_server(host)};
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

int kcfg_get_with(const struct opts *o, int argc, char **argv,
	int (*identity)(
		const struct opts *o, struct entry *e, struct rk_kube *host, struct rk_err *err),
	struct rk_err *err)
{
	rk_auto_doc *d = rk_doc_new(true);
	struct entry e = {.d = d, .name = o->name};
	rk_auto_vcluster a = {0};
	rk_auto_kube *host = NULL;
	rk_auto_settings *s = rk_settings_new();
	rk_auto_free char *ns = NULL, *cluster = NULL;
	char **command = argc > 1 ? argv + 1 : NULL;
	const char *given_ns = o->kube.ns, *ref = argc ? argv[0] : NULL;

	argv[argc] = NULL; /* after it are arguments that were flags */
	if (rk_settings_open(s, &o->settings, RK_SETTINGS_NAMES, err) < 0)
		return -1;
	if (o->settings.config) {
		given_ns = given_ns ? given_ns : rk_settings_ns(s);
		ref = ref ? ref : rk_settings_cluster(s);
		if (!e.name && !identity) /* other identities have other names */
			e.name = rk_setting(s, RK_KEY_KUBECONFIG_NAME);
	}
	if (rk_kube_open(&host, &o->kube, err) < 0 ||
		rk_k3k_choose(host, given_ns, ref, &ns, &cluster, err) < 0)
		return -1;
	e.ns = ns;
	e.cluster = cluster;
	if (get_entry(o, &e, host, &a, o->hold || command, err) < 0 ||
		(identity ? identity(o, &e, host, err)
			  : rk_k3k_unexpired(e.user_map, ns, cluster, err)) < 0)
		return -1;
	return emit(o, &e, &a, command, err);
}

int kcfg_run_get(void *p, int argc, char **argv, struct rk_err *err)
{
	return kcfg_get_with(p, argc, argv, NULL, err);
}
