// SPDX-License-Identifier: Apache-2.0
#include "os/os.h"
#include "task/task.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

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

struct running {
	const struct rk_run *r;
	pid_t pid;
	int in;				/* a file without a name */
	int out[2], said[2], failed[2]; /* pipes; failed: the child's errno when exec fails */
	struct rk_buf *text;		/* its standard output */
	struct rk_buf err;		/* of its stderr, not yet passed on */
	size_t err_all;
};

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void cleanup(struct running *l)
{
	close_fd(&l->in);
	for (int i = 0; i < 2; i++) {
		close_fd(&l->out[i]);
		close_fd(&l->said[i]);
		close_fd(&l->failed[i]);
	}
	rk_buf_release(&l->err);
}

static RK_NORETURN void child(const struct running *l)
{
	const struct rk_run *r = l->r;
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
	if (r->inherit || ((r->keep_stdin || dup2(l->in, STDIN_FILENO) >= 0) &&
				  dup2(l->out[1], STDOUT_FILENO) >= 0 &&
				  (!r->said || dup2(l->said[1], STDERR_FILENO) >= 0)))
		execvp(r->argv[0], (char *const *)(uintptr_t)r->argv);
	e = errno;
	_exit(write(l->failed[1], &e, sizeof(e)) < 0 ? 126 : 127);
}

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

static void take_err(struct running *l)
{
	ssize_t n = take(l->said[0], &l->err);

	pass_on(l, n <= 0 || l->err.len > ERR_MAX / 2);
	if (n <= 0)
		close_fd(&l->said[0]);
}

/* Until it has closed its output and ended; its stderr is passed on meanwhile. */
static int attend(struct running *l, struct rk_err *err)
{
	/* A pidfd can be read when the program ends; a kernel before 5.3 has none, nor have some
	 * sandboxes: then it is checked now and then. So also for a signal, which may come just before the
	 * wait begins. */
	rk_auto_close int ends = (int)syscall(SYS_pidfd_open, l->pid, 0);
	size_t max = l->r->max ? l->r->max : OUT_MAX;
	int64_t end = l->r->inherit ? INT64_MAX
				    : rk_now_ms() + (l->r->timeout_ms ? l->r->timeout_ms : 30000);
	int64_t heard = 0, left;

	if (!l->r->inherit && limit.end_ms && limit.end_ms < end)
		end = limit.end_ms;
	for (;;) {
		siginfo_t ended = {0};
		bool closed = l->out[0] < 0; /* while it may still write, its end means nothing */
		struct pollfd p[] = {{.fd = l->out[0], .events = POLLIN},
			{.fd = l->said[0], .events = POLLIN},
			{.fd = closed ? ends : -1, .events = POLLIN}};
		int n;

		if (closed && (waitid(P_PID, (id_t)l->pid, &ended, WEXITED | WNOHANG | WNOWAIT) ||
				      ended.si_pid))
			return 0;
		if (limit.signal && *limit.signal)
			return rk_err_set(err, 128 + *limit.signal, "%s was ended by signal %d",
				l->r->argv[0], (int)*limit.signal);
		left = end - rk_now_ms();
		if (!l->r->inherit && rk_task_left() < left)
			left = rk_task_left();
		if (left <= 0)
			return rk_err_set(err, RK_TIMEOUT, "%s did not end in time", l->r->argv[0]);
		if (l->err.len && left > PROMPT_MS)
			left = PROMPT_MS;
		if (((closed && ends < 0) || limit.signal) && left > BLIND_MS)
			left = BLIND_MS;

		n = rk_task_poll(p, 3, left < TURN_MAX ? left : TURN_MAX);
		if (n > 0 && p[1].revents) {
			take_err(l);
			heard = rk_now_ms();
		} else if (rk_now_ms() - heard >= PROMPT_MS) {
			pass_on(l, true);
		}
		if (n <= 0 || !p[0].revents)
			continue;
		n = (int)take(l->out[0], l->text);
		if (n < 0)
			return rk_err_sys(err, "reading from %s", l->r->argv[0]);
		if (n == 0)
			close_fd(&l->out[0]);
		if (l->text->len > max)
			return rk_err_set(
				err, RK_FAIL, "%s printed more than %zu bytes", l->r->argv[0], max);
	}
}

int rk_run(const struct rk_run *r, struct rk_buf *out, int *status, struct rk_err *err)
{
	size_t n = r->in ? strlen(r->in) : 0;
	__attribute__((cleanup(cleanup))) struct running l = {.r = r,
		.in = -1,
		.out = {-1, -1},
		.said = {-1, -1},
		.failed = {-1, -1},
		.text = out,
		.err = RK_BUF_INIT_SECRET};
	int rc, st, e = 0;

	signal(SIGCHLD, SIG_DFL); /* where it is ignored the kernel would keep no exit code */
	if (pipe2(l.failed, O_CLOEXEC) < 0 || (!r->inherit && pipe2(l.out, O_CLOEXEC) < 0) ||
		(r->said && pipe2(l.said, O_CLOEXEC) < 0) ||
		(l.in = memfd_create("stdin", MFD_CLOEXEC)) < 0 ||
		write(l.in, r->in, n) != (ssize_t)n || lseek(l.in, 0, SEEK_SET) < 0 ||
		(l.pid = fork()) < 0)
		return rk_err_sys(err, "running %s", r->argv[0]);
	if (l.pid == 0)
		child(&l);
	close_fd(&l.out[1]);
	close_fd(&l.said[1]);
	close_fd(&l.failed[1]);
	rc = attend(&l, err);
	if (rc < 0)
		kill(l.pid, SIGKILL);
	/* the rest of its stderr; others may hold the pipe open, and are not waited for */
	for (struct pollfd left = {.fd = l.said[0], .events = POLLIN};
		l.said[0] >= 0 && poll(&left, 1, 0) > 0 && l.err_all < ERR_MAX;)
		take_err(&l);
	pass_on(&l, true);
	while (waitpid(l.pid, &st, 0) < 0)
		if (errno != EINTR)
			return rc < 0 ? rc : rk_err_sys(err, "waiting for %s", r->argv[0]);

	if (read(l.failed[0], &e, sizeof(e)) == sizeof(e)) {
		if (r->unstarted)
			*r->unstarted = true;
		errno = e;
		return rc < 0 ? rc : rk_err_sys(err, "%s cannot be run", r->argv[0]);
	}
	if (rc == 0 && WIFSIGNALED(st))
		return rk_err_set(err, r->inherit ? 128 + WTERMSIG(st) : RK_FAIL,
			r->inherit ? "%s ended by signal %d" : "%s died of signal %d", r->argv[0],
			WTERMSIG(st));
	*status = WEXITSTATUS(st);
	return rc;
}
