// SPDX-License-Identifier: Apache-2.0
/* get - the kubeconfig of a virtual cluster, under an address that answers from here. */
#include "tool.h"

#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

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

	write_out(rk_kubeconfig_compose(e->d, e->name, e->cluster_map, e->user_map),
		command ? FORMAT_YAML : o->format, &text);
	if (command)
		return run_with(command, &text, err);
	if (put_out(o, &text, err) < 0)
		return -1;
	return o->hold ? hold_open(a, err) : 0;
}

static int entry_name(struct entry *e, const struct opts *o, struct rk_err *err)
{
	e->name = o->name ? o->name : rk_doc_printf(e->d, "%s" RK_K3K_ENTRY_SUFFIX, e->cluster);
	return *e->name ? 0 : rk_err_set(err, RK_USAGE, "--name must not be empty");
}

static int get_entry(const struct opts *o, struct entry *e, struct rk_kube *host,
	struct rk_k3k_access *a, bool forward_ok, struct rk_err *err)
{
	struct rk_kc_note note = {e->ns, e->cluster, rk_kube_target(host)->server};

	a->server = o->server;
	a->no_probe = o->no_probe;
	a->probe_ms = o->probe_ms;
	if (entry_name(e, o, err) < 0 || rk_k3k_access(host, e->ns, e->cluster, a, err) < 0)
		return -1;
	if (a->via == RK_VIA_FORWARD && !forward_ok)
		return only_forward(e, a, err);
	tell_choice(e, a);
	if (rk_k3k_entry(a, &note, e->d, &e->cluster_map, &e->user_map, err) < 0)
		return -1;
	if (o->exec)
		take_plugin(e, host, &o->kube);
	return 0;
}

/* get and generate; identity changes whose certificate is in the entry. */
int get_with(const struct opts *o, int argc, char **argv,
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
	if (rc == 0)
		rc = identity ? identity(o, &e, host, err)
			      : rk_k3k_unexpired(e.user_map, e.ns, e.cluster, err);
	if (rc == 0)
		rc = emit(o, &e, &a, command, err);
	rk_k3k_access_release(&a);
	entry_release(&e);
	return rc;
}

int run_get(void *p, int argc, char **argv, struct rk_err *err)
{
	return get_with(p, argc, argv, NULL, err);
}
