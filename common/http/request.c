// SPDX-License-Identifier: Apache-2.0
/* One request from its start to its end, beside others: each one that waits drives all transfers of the
 * client, also those of other tasks. libcurl names the sockets that it waits for, and epoll(7) watches
 * them: their number has no bound, and a task waits for one descriptor. */
#include "internal.h"

#include <sys/epoll.h>

#define FRESH_MS 60000
#define WAIT_MAX 3600000
#define TURN_MS	 1000 /* in which another task may have changed when libcurl is due */

/* fd may be known already, or have been closed. */
static int on_watch(
	CURL *easy RK_UNUSED, curl_socket_t fd, int what, void *arg, void *ptr RK_UNUSED)
{
	struct rk_http *h = arg;
	struct epoll_event e = {.data.fd = fd};

	e.events = (what & CURL_POLL_IN ? EPOLLIN : 0) | (what & CURL_POLL_OUT ? EPOLLOUT : 0);
	if (!e.events)
		epoll_ctl(h->epoll, EPOLL_CTL_DEL, fd, NULL);
	else if (epoll_ctl(h->epoll, EPOLL_CTL_ADD, fd, &e) < 0)
		return epoll_ctl(h->epoll, EPOLL_CTL_MOD, fd, &e);
	return 0;
}

static void start(struct rk_xfer *x)
{
	struct rk_http *h = x->h;
	CURL *e = x->easy;

	if (!h->multi) {
		h->multi = curl_multi_init();
		h->epoll = epoll_create1(
			EPOLL_CLOEXEC); /* without descriptors nothing connects either */
		if (!h->multi)
			abort();
		curl_multi_setopt(h->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_MULTIPLEX);
		curl_multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION, on_watch);
		curl_multi_setopt(h->multi, CURLMOPT_SOCKETDATA, h);
	}
	rk_xfer_rearm(x);
	RK_SET(CURLOPT_FRESH_CONNECT, rk_now_ms() < h->fresh_until ? 1L : 0L);
	x->state = RK_XFER_RUNNING;
	h->running++;
	if (curl_multi_add_handle(h->multi, e) != CURLM_OK)
		abort();
}

/* A try is over. */
static void finish(struct rk_xfer *x, CURLcode rc)
{
	struct rk_http *h = x->h;
	curl_socket_t fd = CURL_SOCKET_BAD;
	int64_t ms;

	h->running--;
	rk_task_wake(x->task); /* another task may have driven the transfer */
	x->state = RK_XFER_ENDED;
	x->rc = rc;
	if (x->wire)
		return;
	ms = rk_xfer_ended(x, rc);
	/* Without any answer its connection may be lost without the kernel knowing, as behind a balancer
	 * whose server was stopped. No new request uses it for a while. The connection itself ends with
	 * its last stream, since HTTP/2 would keep it. */
	if (x->silent) {
		h->fresh_until = rk_now_ms() + FRESH_MS;
		curl_easy_getinfo(x->easy, CURLINFO_ACTIVESOCKET, &fd);
		if (!h->running && fd != CURL_SOCKET_BAD)
			shutdown(fd, SHUT_RDWR);
	}
	curl_multi_remove_handle(h->multi, x->easy);
	if (ms < 0 || rk_http_stopped(h))
		return;
	x->tries++;
	x->waited += ms;
	x->wake = rk_now_ms() + ms;
	x->state = RK_XFER_WAITING;
}

/* Let libcurl work, and take what has ended; also what that makes possible, as the next use of a
 * connection. */
static void drive(struct rk_http *h)
{
	struct epoll_event ready[64];
	int n = epoll_wait(h->epoll, ready, RK_COUNT(ready), 0), left;
	struct rk_xfer *x;
	long due = 0;
	CURLMsg *m;

	for (int i = 0; i < n; i++)
		curl_multi_socket_action(h->multi, ready[i].data.fd, 0, &left);
	for (int i = 0; i < 8 && due == 0; i++) {
		curl_multi_socket_action(h->multi, CURL_SOCKET_TIMEOUT, 0, &left);
		while ((m = curl_multi_info_read(h->multi, &left))) {
			curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &x);
			finish(x, m->data.result);
		}
		curl_multi_timeout(h->multi, &due);
	}
}

/* Bytes of a stream to whom they are for; that callback may send requests, which may receive more. */
static void pass_on(struct rk_xfer *x)
{
	rk_auto_buf got = x->in;

	x->in = (struct rk_buf)RK_BUF_INIT_SECRET;
	if (x->req.data(x->req.data_arg, got.s, got.len) >= 0)
		return;
	x->stopped = true;
	rk_buf_release(&x->in);
	if (x->state == RK_XFER_RUNNING)
		finish(x, CURLE_WRITE_ERROR);
	x->state = RK_XFER_ENDED;
}

int rk_xfer_wait(struct rk_xfer *x, struct rk_err *err)
{
	struct rk_http *h = x->h;
	bool interrupted = false;

	if (rk_task_left() == 0)
		return rk_err_set(err, RK_TIMEOUT, "%s: timed out", h->shown);
	x->task = rk_task_self();
	x->state = RK_XFER_ENDED;
	if (!rk_http_stopped(h))
		start(x);
	while (x->state != RK_XFER_ENDED || x->in.len) {
		int64_t ms = x->req.data ? WAIT_MAX : TURN_MS, now = rk_now_ms(), left = INT64_MAX;
		struct pollfd p = {.fd = h->epoll, .events = POLLIN};
		bool waiting = x->state == RK_XFER_WAITING, late = rk_task_left() == 0;
		int stop = rk_http_stopped(h);
		long due = -1;

		if (waiting)
			left = x->wake - now;
		else if (x->req.idle_ms > 0)
			left = x->last + x->req.idle_ms - now;
		if (x->in.len) {
			pass_on(x);
			drive(h);
			continue;
		}
		if (waiting && (late || stop || interrupted)) {
			break; /* without a further try */
		} else if (waiting && left <= 0) {
			start(x);
			left = 0;
		} else if (!waiting && (left <= 0 || late || (stop && x->safe))) {
			x->idle = left <= 0;
			finish(x, x->idle ? CURLE_OPERATION_TIMEDOUT : CURLE_ABORTED_BY_CALLBACK);
			if (late && !x->idle)
				return rk_err_set(err, RK_TIMEOUT, "%s: timed out", h->shown);
			break;
		}
		curl_multi_timeout(h->multi, &due);
		ms = left < ms ? left : ms;
		interrupted = rk_task_poll(&p, 1, due >= 0 && due < ms ? due : ms) < 0;
		drive(h);
	}
	if (x->answered || (x->wire && x->rc == CURLE_OK))
		return 0;
	if (rk_http_stopped(h)) {
		rk_err_clear(err);
		return rk_err_set(err, 128 + rk_http_stopped(h), "%s: ended by signal %d", h->shown,
			rk_http_stopped(h));
	}
	return rk_xfer_explain(x, err);
}

int rk_http_do(struct rk_http *h, const struct rk_http_req *req, struct rk_http_res *res,
	struct rk_err *err)
{
	struct rk_xfer x = {0};
	int r;

	if (h->may_send && !h->may_send(h->may_send_arg, req)) /* a write in a dry run */
		return rk_err_set(err, RK_FAIL, "%s: internal error: a %s request was not sent",
			h->shown, req->method ? req->method : "POST");
	rk_xfer_prepare(&x, h, req, res);
	r = rk_xfer_wait(&x, err);
	rk_xfer_release(&x);
	return r;
}
