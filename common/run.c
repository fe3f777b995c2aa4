// SPDX-License-Identifier: Apache-2.0
#include "run.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define IN_MAX	((size_t)64 << 10) /* what a pipe takes without a reader */
#define OUT_MAX ((size_t)1 << 20)
#define LOOK_MS 20

static struct rk_run_limit limit;

struct rk_run_limit rk_run_limit(struct rk_run_limit l)
{
	struct rk_run_limit old = limit;

	limit = l;
	return old;
}

struct pipes {
	int in[2], out[2], fail[2]; /* fail: the child's errno when exec fails */
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
		dup2(p->out[1], STDOUT_FILENO) >= 0)
		execvp(r->argv[0], (char *const *)(uintptr_t)r->argv);
	e = errno;
	if (write(p->fail[1], &e, sizeof(e)) < 0)
		_exit(126);
	_exit(127);
}

/* The pipe holds all of it at once, so that nobody waits for anybody. */
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

static int too_long(const struct rk_run *r, struct rk_err *err)
{
	return rk_err_set(err, RK_TIMEOUT, "%s takes too long", r->argv[0]);
}

/* Milliseconds to wait for the program at a time, or an error. A signal may come just before the wait
 * begins: it is looked for now and then. */
static int wait_ms(const struct rk_run *r, int64_t end, int64_t most, struct rk_err *err)
{
	int64_t left = end - rk_now_ms();

	if (limit.signal && *limit.signal)
		return rk_err_set(err, 128 + *limit.signal, "%s was ended by signal %d", r->argv[0],
			(int)*limit.signal);
	if (left <= 0)
		return too_long(r, err);
	if (limit.signal && most > LOOK_MS)
		most = LOOK_MS;
	return (int)(left < most ? left : most);
}

static int collect(
	const struct rk_run *r, int fd, int64_t end, struct rk_buf *out, struct rk_err *err)
{
	size_t max = r->max ? r->max : OUT_MAX;

	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		int ms = wait_ms(r, end, INT_MAX, err);
		ssize_t n;

		if (ms < 0)
			return -1;
		if (poll(&p, 1, ms) <= 0)
			continue;
		n = read(fd, rk_buf_reserve(out, 4096), 4096);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return rk_err_sys(err, "reading from %s", r->argv[0]);
		if (n == 0)
			return 0;
		rk_buf_grow(out, (size_t)n);
		if (out->len > max)
			return rk_err_set(
				err, RK_FAIL, "%s printed more than %zu bytes", r->argv[0], max);
	}
}

/* It has closed its output, but may go on. A pidfd can be read when it ends; a kernel before 5.3 has
 * none, nor have some sandboxes: then a look now and then. */
static int await_end(const struct rk_run *r, pid_t pid, int64_t end, struct rk_err *err)
{
	rk_auto_close int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	siginfo_t ended = {0};

	while (waitid(P_PID, (id_t)pid, &ended, WEXITED | WNOHANG | WNOWAIT) == 0 &&
		!ended.si_pid) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		int ms = wait_ms(r, end, fd < 0 ? LOOK_MS : INT_MAX, err);

		if (ms < 0)
			return -1;
		poll(&p, 1, ms);
	}
	return 0;
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
	struct pipes p = {{-1, -1}, {-1, -1}, {-1, -1}};
	int64_t end = rk_now_ms() + (r->timeout_ms ? r->timeout_ms : 30000);
	pid_t pid = -1;
	int rc;

	if (limit.end_ms && limit.end_ms < end)
		end = limit.end_ms;
	if (pipe2(p.in, O_CLOEXEC) < 0 || pipe2(p.out, O_CLOEXEC) < 0 ||
		pipe2(p.fail, O_CLOEXEC) < 0 || feed(r, &p, err) < 0 || (pid = fork()) < 0) {
		rc = err && err->code ? -1 : rk_err_sys(err, "running %s", r->argv[0]);
		close_all(&p);
		return rc;
	}
	if (pid == 0)
		child(r, &p);
	close_fd(&p.in[0]);
	close_fd(&p.in[1]);
	close_fd(&p.out[1]);
	close_fd(&p.fail[1]);
	rc = collect(r, p.out[0], end, out, err);
	if (rc == 0)
		rc = await_end(r, pid, end, err);
	if (rc < 0)
		kill(pid, SIGKILL);
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
