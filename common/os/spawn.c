// SPDX-License-Identifier: Apache-2.0
#include "os/os.h"
#include "task/task.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define IN_MAX	  ((size_t)64 << 10) /* what a pipe takes without a reader */
#define OUT_MAX	  ((size_t)1 << 20)
#define SAID_MAX  ((size_t)64 << 10)
#define LOOK_MS	  20
#define PROMPT_MS 200 /* after which a line without its end is a prompt */

static struct rk_run_limit limit;

struct rk_run_limit rk_run_limit(struct rk_run_limit l)
{
	struct rk_run_limit old = limit;

	limit = l;
	return old;
}

struct pipes {
	int in[2], out[2], said[2], fail[2]; /* fail: the child's errno when exec fails */
};

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void close_all(struct pipes *p)
{
	for (int i = 0; i < 2; i++) {
		close_fd(&p->in[i]);
		close_fd(&p->out[i]);
		close_fd(&p->said[i]);
		close_fd(&p->fail[i]);
	}
}

static RK_NORETURN void child(const struct rk_run *r, const struct pipes *p)
{
	sigset_t none;
	int e;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	if (r->env)
		environ = (char **)(uintptr_t)r->env;
	if ((r->keep_stdin || dup2(p->in[0], STDIN_FILENO) >= 0) &&
		dup2(p->out[1], STDOUT_FILENO) >= 0 &&
		(!r->said || dup2(p->said[1], STDERR_FILENO) >= 0))
		execvp(r->argv[0], (char *const *)(uintptr_t)r->argv);
	e = errno;
	if (write(p->fail[1], &e, sizeof(e)) < 0)
		_exit(126);
	_exit(127);
}

/* The pipe holds all of it at once, so that neither side waits for the other. */
static int feed(const struct rk_run *r, struct pipes *p, struct rk_err *err)
{
	const char *s = r->in;

	if (r->in_len > IN_MAX)
		return rk_err_set(err, RK_FAIL, "too much input for %s", r->argv[0]);
	for (size_t done = 0; done < r->in_len;) {
		ssize_t n = write(p->in[1], s + done, r->in_len - done);

		if (n < 0 && errno != EINTR)
			return rk_err_sys(err, "writing to %s", r->argv[0]);
		done += n > 0 ? (size_t)n : 0;
	}
	close_fd(&p->in[1]);
	return 0;
}

/* --- while it runs --- */

struct look {
	const struct rk_run *r;
	int64_t end;
	struct rk_buf *out;
	struct rk_buf said; /* of its stderr, not yet passed on */
	size_t said_all;
};

/* What there is on a pipe, once. 0: its end; -1 with errno. */
static ssize_t take(int fd, struct rk_buf *to)
{
	ssize_t n;

	do
		n = read(fd, rk_buf_reserve(to, 4096), 4096);
	while (n < 0 && errno == EINTR);
	if (n > 0)
		rk_buf_grow(to, (size_t)n);
	return n;
}

/* Whole lines, or all there is. */
static void pass_on(struct look *l, bool all)
{
	const char *nl = memrchr(l->said.s, '\n', l->said.len);
	size_t n = all ? l->said.len : nl ? (size_t)(nl - l->said.s) + 1 : 0;
	size_t rest = l->said.len - n;

	if (!n)
		return;
	if (l->said_all < SAID_MAX)
		l->r->said(l->r->argv[0], l->said.s, n);
	l->said_all += n;
	memmove(l->said.s, l->said.s + n, rest);
	l->said.len = rest;
	l->said.s[rest] = '\0';
}

static void hear(struct look *l, int *fd)
{
	ssize_t n = take(*fd, &l->said);

	pass_on(l, n <= 0 || l->said.len > SAID_MAX / 2);
	if (n <= 0)
		close_fd(fd);
}

static int collect(struct look *l, int *fd, struct rk_err *err)
{
	size_t max = l->r->max ? l->r->max : OUT_MAX;
	ssize_t n = take(*fd, l->out);

	if (n < 0)
		return rk_err_sys(err, "reading from %s", l->r->argv[0]);
	if (n == 0)
		close_fd(fd);
	if (l->out->len > max)
		return rk_err_set(
			err, RK_FAIL, "%s printed more than %zu bytes", l->r->argv[0], max);
	return 0;
}

/* How long to wait at a time, or an error. A pidfd can be read when the program ends; a kernel before
 * 5.3 has none, nor have some sandboxes: then a look now and then. So also for a signal, which may
 * come just before the wait begins. */
static int wait_ms(const struct look *l, bool blind, struct rk_err *err)
{
	int64_t left = l->end - rk_now_ms();

	left = rk_task_left() < left ? rk_task_left() : left;

	if (limit.signal && *limit.signal)
		return rk_err_set(err, 128 + *limit.signal, "%s was ended by signal %d",
			l->r->argv[0], (int)*limit.signal);
	if (left <= 0)
		return rk_err_set(err, RK_TIMEOUT, "%s takes too long", l->r->argv[0]);
	if (l->said.len && left > PROMPT_MS)
		left = PROMPT_MS;
	if ((blind || limit.signal) && left > LOOK_MS)
		left = LOOK_MS;
	return (int)left;
}

static bool has_ended(pid_t pid)
{
	siginfo_t ended = {0};

	return waitid(P_PID, (id_t)pid, &ended, WEXITED | WNOHANG | WNOWAIT) != 0 || ended.si_pid;
}

/* Until it has closed its output and ended; what it says meanwhile is passed on. */
static int attend(struct look *l, struct pipes *pipes, pid_t pid, struct rk_err *err)
{
	rk_auto_close int ends = (int)syscall(SYS_pidfd_open, pid, 0);
	int *out = &pipes->out[0], *said = &pipes->said[0];
	int64_t heard = 0;

	while (*out >= 0 || !has_ended(pid)) {
		/* while it may still write, its end means nothing */
		struct pollfd p[] = {{.fd = *out, .events = POLLIN},
			{.fd = *said, .events = POLLIN},
			{.fd = *out < 0 ? ends : -1, .events = POLLIN}};
		int ms = wait_ms(l, *out < 0 && ends < 0, err);
		int n = ms < 0 ? 0 : rk_task_poll(p, 3, ms);

		if (ms < 0)
			return -1;
		if (n > 0 && p[1].revents) {
			hear(l, said);
			heard = rk_now_ms();
		} else if (rk_now_ms() - heard >= PROMPT_MS) {
			pass_on(l, true);
		}
		if (n > 0 && p[0].revents && collect(l, out, err) < 0)
			return -1;
	}
	return 0;
}

/* What is left of its stderr; others may hold the pipe open, and are not waited for. */
static void hear_the_rest(struct look *l, int *said)
{
	for (struct pollfd p = {.fd = *said, .events = POLLIN};
		*said >= 0 && poll(&p, 1, 0) > 0 && l->said_all < SAID_MAX;)
		hear(l, said);
	pass_on(l, true);
}

static int reap(const struct rk_run *r, pid_t pid, int fail, int *status, struct rk_err *err)
{
	int e = 0, st;
	bool failed = read(fail, &e, sizeof(e)) == sizeof(e);

	while (waitpid(pid, &st, 0) < 0)
		if (errno != EINTR)
			return rk_err_sys(err, "waiting for %s", r->argv[0]);
	if (failed && r->unstarted)
		*r->unstarted = true;
	if (failed) {
		errno = e;
		return rk_err_sys(err, "%s cannot be run", r->argv[0]);
	}
	if (WIFSIGNALED(st))
		return rk_err_set(err, RK_FAIL, "%s died of signal %d", r->argv[0], WTERMSIG(st));
	*status = WEXITSTATUS(st);
	return 0;
}

static int run(const struct rk_run *r, struct rk_buf *out, int *status, struct rk_err *err)
{
	struct pipes p = {{-1, -1}, {-1, -1}, {-1, -1}, {-1, -1}};
	struct look l = {.r = r,
		.end = rk_now_ms() + (r->timeout_ms ? r->timeout_ms : 30000),
		.out = out,
		.said = RK_BUF_INIT_SECRET};
	pid_t pid = -1;
	int rc;

	if (limit.end_ms && limit.end_ms < l.end)
		l.end = limit.end_ms;
	if (pipe2(p.in, O_CLOEXEC) < 0 || pipe2(p.out, O_CLOEXEC) < 0 ||
		pipe2(p.fail, O_CLOEXEC) < 0 || (r->said && pipe2(p.said, O_CLOEXEC) < 0) ||
		feed(r, &p, err) < 0 || (pid = fork()) < 0) {
		rc = err && err->code ? -1 : rk_err_sys(err, "running %s", r->argv[0]);
		close_all(&p);
		return rc;
	}
	if (pid == 0)
		child(r, &p);
	close_fd(&p.in[0]);
	close_fd(&p.in[1]);
	close_fd(&p.out[1]);
	close_fd(&p.said[1]);
	close_fd(&p.fail[1]);
	rc = attend(&l, &p, pid, err);
	if (rc < 0)
		kill(pid, SIGKILL);
	if (r->said)
		hear_the_rest(&l, &p.said[0]);
	rk_buf_release(&l.said);
	if (rc < 0)
		reap(r, pid, p.fail[0], status, NULL);
	else
		rc = reap(r, pid, p.fail[0], status, err);
	close_all(&p);
	return rc;
}

/* Where SIGCHLD is ignored, the kernel would keep no exit code. */
int rk_run(const struct rk_run *r, struct rk_buf *out, int *status, struct rk_err *err)
{
	struct sigaction wanted = {.sa_handler = SIG_DFL}, old;
	int rc;

	sigaction(SIGCHLD, &wanted, &old);
	rc = run(r, out, status, err);
	sigaction(SIGCHLD, &old, NULL);
	return rc;
}
