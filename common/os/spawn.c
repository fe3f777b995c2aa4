// SPDX-License-Identifier: Apache-2.0
#include "os/os.h"
#include "task/task.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define IN_MAX	  ((size_t)64 << 10) /* what a pipe takes without a reader */
#define OUT_MAX	  ((size_t)1 << 20)
#define ERR_MAX	  ((size_t)64 << 10)
#define TURN_MAX  3600000 /* of one wait */
#define BLIND_MS  20
#define PROMPT_MS 200 /* after which a line without its end is a prompt */

static struct rk_run_limit limit;

struct rk_run_limit rk_run_limit(struct rk_run_limit l)
{
	struct rk_run_limit old = limit;

	limit = l;
	return old;
}

struct pipes {
	int in[2], out[2], err[2], fail[2]; /* fail: the child's errno when exec fails */
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
		close_fd(&p->err[i]);
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
	if (r->inherit) {
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		signal(SIGINT, SIG_DFL);
	}
	if (r->env)
		environ = (char **)(uintptr_t)r->env;
	if (r->inherit || ((r->keep_stdin || dup2(p->in[0], STDIN_FILENO) >= 0) &&
				  dup2(p->out[1], STDOUT_FILENO) >= 0 &&
				  (!r->said || dup2(p->err[1], STDERR_FILENO) >= 0)))
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

struct running {
	const struct rk_run *r;
	int64_t end; /* 0: no limit */
	struct rk_buf *out;
	struct rk_buf err; /* of its stderr, not yet passed on */
	size_t err_all;
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

/* Whole lines of its stderr, or all there is. */
static void pass_on(struct running *l, bool all)
{
	const char *nl = memrchr(l->err.s, '\n', l->err.len);
	size_t n = all ? l->err.len : nl ? (size_t)(nl - l->err.s) + 1 : 0;
	size_t rest = l->err.len - n;

	if (!n)
		return;
	if (l->err_all < ERR_MAX)
		l->r->said(l->r->argv[0], l->err.s, n);
	l->err_all += n;
	memmove(l->err.s, l->err.s + n, rest);
	l->err.len = rest;
	l->err.s[rest] = '\0';
}

static void take_err(struct running *l, int *fd)
{
	ssize_t n = take(*fd, &l->err);

	pass_on(l, n <= 0 || l->err.len > ERR_MAX / 2);
	if (n <= 0)
		close_fd(fd);
}

/* How long to wait at a time, or an error. A pidfd can be read when the program ends; a kernel before
 * 5.3 has none, nor have some sandboxes: then it is checked now and then. So also for a signal, which may
 * come just before the wait begins. */
static int wait_ms(const struct running *l, bool blind, struct rk_err *err)
{
	int64_t left = l->end ? l->end - rk_now_ms() : TURN_MAX;

	if (!l->r->inherit)
		left = rk_task_left() < left ? rk_task_left() : left;
	if (limit.signal && *limit.signal)
		return rk_err_set(err, 128 + *limit.signal, "%s was ended by signal %d",
			l->r->argv[0], (int)*limit.signal);
	if (left <= 0)
		return rk_err_set(err, RK_TIMEOUT, "%s takes too long", l->r->argv[0]);
	if (l->err.len && left > PROMPT_MS)
		left = PROMPT_MS;
	if ((blind || limit.signal) && left > BLIND_MS)
		left = BLIND_MS;
	return (int)(left < TURN_MAX ? left : TURN_MAX);
}

/* Until it has closed its output and ended; its stderr is passed on meanwhile. */
static int attend(struct running *l, struct pipes *pipes, pid_t pid, struct rk_err *err)
{
	rk_auto_close int ends = (int)syscall(SYS_pidfd_open, pid, 0);
	int *out = &pipes->out[0], *said = &pipes->err[0];
	size_t max = l->r->max ? l->r->max : OUT_MAX;
	int64_t heard = 0;

	for (;;) {
		siginfo_t ended = {0};
		/* while it may still write, its end means nothing */
		struct pollfd p[] = {{.fd = *out, .events = POLLIN},
			{.fd = *said, .events = POLLIN},
			{.fd = *out < 0 ? ends : -1, .events = POLLIN}};
		int ms, n;

		if (*out < 0 && (waitid(P_PID, (id_t)pid, &ended, WEXITED | WNOHANG | WNOWAIT) ||
					ended.si_pid))
			return 0;
		ms = wait_ms(l, *out < 0 && ends < 0, err);
		if (ms < 0)
			return -1;
		n = rk_task_poll(p, 3, ms);
		if (n > 0 && p[1].revents) {
			take_err(l, said);
			heard = rk_now_ms();
		} else if (rk_now_ms() - heard >= PROMPT_MS) {
			pass_on(l, true);
		}
		if (n <= 0 || !p[0].revents)
			continue;
		n = (int)take(*out, l->out);
		if (n < 0)
			return rk_err_sys(err, "reading from %s", l->r->argv[0]);
		if (n == 0)
			close_fd(out);
		if (l->out->len > max)
			return rk_err_set(
				err, RK_FAIL, "%s printed more than %zu bytes", l->r->argv[0], max);
	}
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
		return rk_err_set(err, r->inherit ? 128 + WTERMSIG(st) : RK_FAIL,
			r->inherit ? "%s ended by signal %d" : "%s died of signal %d", r->argv[0],
			WTERMSIG(st));
	*status = WEXITSTATUS(st);
	return 0;
}

static int run(const struct rk_run *r, struct rk_buf *out, int *status, struct rk_err *err)
{
	struct pipes p = {{-1, -1}, {-1, -1}, {-1, -1}, {-1, -1}};
	struct running l = {.r = r,
		.end = r->inherit ? 0 : rk_now_ms() + (r->timeout_ms ? r->timeout_ms : 30000),
		.out = out,
		.err = RK_BUF_INIT_SECRET};
	pid_t pid = -1;
	int rc;

	if (limit.end_ms && limit.end_ms < l.end)
		l.end = limit.end_ms;
	if (pipe2(p.fail, O_CLOEXEC) < 0 ||
		(!r->inherit && (pipe2(p.in, O_CLOEXEC) < 0 || pipe2(p.out, O_CLOEXEC) < 0)) ||
		(r->said && pipe2(p.err, O_CLOEXEC) < 0) || feed(r, &p, err) < 0 ||
		(pid = fork()) < 0) {
		rc = err && err->code ? -1 : rk_err_sys(err, "running %s", r->argv[0]);
		close_all(&p);
		return rc;
	}
	if (pid == 0)
		child(r, &p);
	close_fd(&p.in[0]);
	close_fd(&p.in[1]);
	close_fd(&p.out[1]);
	close_fd(&p.err[1]);
	close_fd(&p.fail[1]);
	rc = attend(&l, &p, pid, err);
	if (rc < 0)
		kill(pid, SIGKILL);
	/* the rest of its stderr; others may hold the pipe open, and are not waited for */
	for (struct pollfd left = {.fd = p.err[0], .events = POLLIN};
		p.err[0] >= 0 && poll(&left, 1, 0) > 0 && l.err_all < ERR_MAX;)
		take_err(&l, &p.err[0]);
	pass_on(&l, true);
	rk_buf_release(&l.err);
	rc = reap(r, pid, p.fail[0], status, rc < 0 ? NULL : err) < 0 || rc < 0 ? -1 : 0;
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
