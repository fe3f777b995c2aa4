// SPDX-License-Identifier: Apache-2.0
/* Port-forward: a child process listens on 127.0.0.1 and gives every client a separate process and
 * WebSocket, since v4.channel.k8s.io carries one TCP connection for each.
 *
 * Port i of the request has channel 2i for data and 2i+1 for errors; the server begins each with
 * the port number in two bytes. There is no half-close. */
#include "internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define PROTOCOL  "v4.channel.k8s.io"
#define CHUNK	  32768
#define PING_MS	  30000
#define LINGER_MS 5000	/* how long an answer may take after the client has sent everything */
#define STALL_MS  60000 /* and how long the pod may take no more of that */

struct rk_forward {
	pid_t pid; /* it ends with us, or by rk_forward_stop */
};

/* --- one client --- */

/* At most one message is buffered per direction, so that back-pressure reaches only the sender of
 * that direction. */
struct relay {
	struct rk_ws *ws;
	int fd;
	bool begun[2];		   /* the first message of each channel is the port */
	bool closed;		   /* the client sends no more, or the pod takes no more */
	const unsigned char *rest; /* what the client has not taken yet of the pod's message */
	size_t left;
};

/* One message of the pod's. 1: there may be another, 0: none now, or the client must take this one
 * first, -1: the end (a text on channel 1 is an error of the pod's side). */
static int from_pod(struct relay *r)
{
	const unsigned char *m;
	size_t n;
	int got;

	while (r->left) {
		ssize_t sent = send(r->fd, r->rest, r->left, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return errno == EAGAIN ? 0 : -1;
		r->rest += sent;
		r->left -= (size_t)sent;
	}
	got = rk_ws_recv(r->ws, &m, &n);
	if (got <= 0 || m[0] > 1)
		return got;
	if (!r->begun[m[0]] && n == 3) {
		r->begun[m[0]] = true;
		return 1;
	}
	if (m[0] == 1)
		return -1;
	r->rest = m + 1;
	r->left = n - 1;
	return 1;
}

static int from_client(struct relay *r)
{
	char buf[CHUNK];
	ssize_t n = recv(r->fd, buf, sizeof(buf), MSG_DONTWAIT);

	if (n < 0)
		return errno == EINTR || errno == EAGAIN ? 0 : -1;
	r->closed = n == 0 || rk_ws_send(r->ws, 0, buf, (size_t)n) < 0;
	rk_wipe(buf, sizeof(buf));
	return 0;
}

/* Wait for what each side can send or take; ms < 0: as long as it may be silent. */
static int turn(struct relay *r, bool unsent, int ms)
{
	bool read_client = !r->closed && !unsent;
	struct pollfd p[2] = {
		{.fd = rk_ws_fd(r->ws), .events = (r->left ? 0 : POLLIN) | (unsent ? POLLOUT : 0)},
		{.fd = r->fd, .events = (read_client ? POLLIN : 0) | (r->left ? POLLOUT : 0)}};
	int n;

	if (!p[0].events) /* its end may wait until the client has taken what came before */
		p[0].fd = -1;
	if (ms < 0)
		ms = !r->closed || r->left ? PING_MS : unsent ? STALL_MS : LINGER_MS;
	n = poll(p, 2, ms);
	if (n < 0)
		return errno == EINTR ? 0 : -1;
	if (n == 0) {
		if (ms == 0)
			return 0;
		if (r->closed)
			return r->left ? 0 : -1; /* the client may read slowly */
		return unsent ? 0 : rk_ws_ping(r->ws);
	}
	if (read_client && p[1].revents)
		return from_client(r);
	return p[1].revents & (POLLERR | POLLHUP) ? -1 : 0;
}

static void serve_client(struct rk_kube *k, const char *path, int fd)
{
	struct relay r = {.fd = fd};
	struct rk_err err = RK_ERR_INIT;
	int more, unsent;

	if (rk_ws_open(&r.ws, k, path, PROTOCOL, "port-forward", &err) < 0)
		return;
	do {
		more = from_pod(&r);
		unsent = rk_ws_flush(r.ws);
		if (unsent < 0) /* what it sent before that is still to be read */
			r.closed = true;
	} while (more >= 0 && turn(&r, unsent > 0, more ? 0 : -1) == 0);
	rk_ws_free(r.ws);
}

/* --- the listening child --- */

static void die_with_parent(pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(0);
}

RK_NORETURN static void child(struct rk_kube *k, const char *path, int listener, pid_t parent)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	pid_t me = getpid();

	die_with_parent(parent);
	signal(SIGINT, SIG_IGN); /* the parent may still need us to end cleanly */
	signal(SIGHUP, SIG_IGN);
	signal(SIGTERM, SIG_DFL);
	signal(SIGCHLD, SIG_IGN);
	for (int i = 0; null >= 0 && i < 3; i++)
		dup2(null, i);
	for (;;) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

		if (fd >= 0 && fork() == 0) {
			die_with_parent(me);
			signal(SIGCHLD, SIG_DFL); /* to wait for a credential plugin */
			close(listener);
			serve_client(k, path, fd);
			_exit(0);
		}
		if (fd >= 0)
			close(fd);
	}
}

/* --- for the caller --- */

static int listen_local(int *port, struct rk_err *err)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons((uint16_t)(*port > 0 ? *port : 0))};
	socklen_t n = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	if (fd < 0)
		return rk_err_sys(err, "port-forward: socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&a, n) < 0 || listen(fd, 64) < 0 ||
		getsockname(fd, (struct sockaddr *)&a, &n) < 0) {
		rk_err_sys(err, "port-forward: cannot listen on 127.0.0.1:%d", *port);
		close(fd);
		return -1;
	}
	*port = ntohs(a.sin_port);
	return fd;
}

int rk_forward_start(struct rk_forward **out, struct rk_kube *k, const char *ns, const char *pod,
	int pod_port, int *local_port, struct rk_err *err)
{
	rk_auto_buf path = RK_BUF_INIT, what = RK_BUF_INIT;
	rk_auto_close int listener = -1;
	pid_t parent = getpid(), pid;
	struct rk_ws *ws = NULL;

	*out = NULL;
	ns = rk_kube_ns_for(k, &RK_POD, ns);
	rk_res_path(&RK_POD, ns, pod, &path);
	rk_buf_addf(&path, "/portforward?ports=%d", pod_port);
	rk_buf_puts(&what, "port-forward to ");
	rk_res_label(&RK_POD, ns, pod, &what);

	/* one connection that is dropped again: a missing pod and a missing permission are reported
	 * here, where the message is read */
	if (rk_ws_open(&ws, k, path.s, PROTOCOL, what.s, err) < 0)
		return -1;
	rk_ws_free(ws);
	listener = listen_local(local_port, err);
	if (listener < 0)
		return -1;
	pid = fork();
	if (pid == 0)
		child(k, path.s, listener, parent);
	if (pid < 0)
		return rk_err_sys(err, "port-forward: fork");
	*out = rk_calloc(1, sizeof(**out));
	(*out)->pid = pid;
	return 0;
}

void rk_forward_stop(struct rk_forward *f)
{
	if (!f)
		return;
	kill(f->pid, SIGKILL);
	while (waitpid(f->pid, NULL, 0) < 0 && errno == EINTR)
		;
	free(f);
}
