// SPDX-License-Identifier: Apache-2.0
/* Many requests at once. libcurl names the sockets that it waits for, and each pool watches them by
 * one descriptor of epoll(7): their number has no bound, and a task waits for that descriptor alone. */
#include "internal.h"

#include <sys/epoll.h>

#define FRESH_MS 60000
#define WAIT_MAX 3600000

/* fd may be known already, or have been closed. */
static int on_watch(
	CURL *easy RK_UNUSED, curl_socket_t fd, int what, void *arg, void *ptr RK_UNUSED)
{
	struct rk_pool *p = arg;
	struct epoll_event e = {.data.fd = fd};

	e.events = (what & CURL_POLL_IN ? EPOLLIN : 0) | (what & CURL_POLL_OUT ? EPOLLOUT : 0);
	if (!e.events)
		epoll_ctl(p->epoll, EPOLL_CTL_DEL, fd, NULL);
	else if (epoll_ctl(p->epoll, EPOLL_CTL_ADD, fd, &e) < 0)
		return epoll_ctl(p->epoll, EPOLL_CTL_MOD, fd, &e);
	return 0;
}

struct rk_pool *rk_pool_new(void)
{
	struct rk_pool *p = rk_calloc(1, sizeof(*p));

	p->multi = curl_multi_init();
	p->epoll = epoll_create1(EPOLL_CLOEXEC); /* without descriptors nothing connects either */
	if (!p->multi)
		abort();
	curl_multi_setopt(p->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_MULTIPLEX);
	curl_multi_setopt(p->multi, CURLMOPT_SOCKETFUNCTION, on_watch);
	curl_multi_setopt(p->multi, CURLMOPT_SOCKETDATA, p);
	return p;
}

/* As rk_pool_start; with res, the answer is stored there, and the body is not copied. */
static struct rk_xfer *begin(struct rk_pool *p, struct rk_http *h, const struct rk_http_req *req,
	const struct rk_xfer_cb *cb, struct rk_http_res *res)
{
	struct rk_xfer *x = rk_calloc(1, sizeof(*x));
	struct rk_http_req own = *req;

	x->own_res = (struct rk_http_res)RK_HTTP_RES_INIT;
	x->own_body = (struct rk_buf)RK_BUF_INIT_SECRET;
	x->cb = *cb;
	if (req->body && !res) {
		rk_buf_put(&x->own_body, req->body, req->body_len);
		own.body = x->own_body.s;
	}
	rk_xfer_prepare(x, h, &own, res ? res : &x->own_res);
	x->pool = p;
	x->next = p->list;
	if (p->list)
		p->list->prev = x;
	p->list = x;
	return x;
}

/* A write in a dry run that its caller has not marked. */
static int refuse(const struct rk_http *h, const struct rk_http_req *req, struct rk_err *err)
{
	return rk_err_set(err, RK_FAIL, "%s: internal error: a %s request was not sent", h->shown,
		req->method ? req->method : "POST");
}

struct rk_xfer *rk_pool_start(struct rk_pool *p, struct rk_http *h, const struct rk_http_req *req,
	const struct rk_xfer_cb *cb)
{
	struct rk_http_res none = RK_HTTP_RES_INIT;
	struct rk_err err = RK_ERR_INIT;

	if (rk_http_may_send(h, req))
		return begin(p, h, req, cb, NULL);
	refuse(h, req, &err);
	cb->done(cb->arg, &none, &err);
	return NULL;
}

static void xfer_free(struct rk_xfer *x)
{
	if (x->state == RK_XFER_RUNNING)
		curl_multi_remove_handle(x->pool->multi, x->easy);
	if (x->prev)
		x->prev->next = x->next;
	else
		x->pool->list = x->next;
	if (x->next)
		x->next->prev = x->prev;
	curl_easy_cleanup(x->easy);
	rk_xfer_release(x);
	rk_buf_release(&x->own_body);
	rk_http_res_release(&x->own_res);
	free(x);
}

void rk_pool_cancel(struct rk_pool *p, struct rk_xfer *x)
{
	if (x->state == RK_XFER_ENDED)
		return; /* its done() is running */
	if (p->busy)
		x->cancelled = true;
	else
		xfer_free(x);
}

void rk_pool_free(struct rk_pool *p)
{
	if (!p)
		return;
	while (p->list)
		xfer_free(p->list);
	curl_multi_cleanup(p->multi);
	if (p->epoll >= 0)
		close(p->epoll);
	free(p);
}

static void start(struct rk_xfer *x)
{
	CURL *e = x->easy;

	rk_xfer_rearm(x);
	RK_SET(CURLOPT_FRESH_CONNECT, rk_now_ms() < x->h->fresh_until ? 1L : 0L);
	x->state = RK_XFER_RUNNING;
	if (curl_multi_add_handle(x->pool->multi, x->easy) != CURLM_OK)
		abort();
}

/* x got no answer at all: its connection may be lost without the kernel knowing, as behind a balancer
 * whose server was stopped. No new request uses it for a while. The connection itself ends with its
 * last stream, since HTTP/2 would keep it. */
static void hang_up(const struct rk_xfer *x)
{
	curl_socket_t fd = CURL_SOCKET_BAD;

	x->h->fresh_until = rk_now_ms() + FRESH_MS;
	for (const struct rk_xfer *y = x->pool->list; y; y = y->next)
		if (y != x && y->h == x->h && y->state == RK_XFER_RUNNING)
			return;
	curl_easy_getinfo(x->easy, CURLINFO_ACTIVESOCKET, &fd);
	if (fd != CURL_SOCKET_BAD)
		shutdown(fd, SHUT_RDWR);
}

static void conclude(struct rk_xfer *x)
{
	struct rk_err err = RK_ERR_INIT;
	x->state = RK_XFER_ENDED;
	if (!x->answered)
		rk_xfer_explain(x, &err);
	if (x->cb.done)
		x->cb.done(x->cb.arg, x->res, x->answered ? NULL : &err);
	xfer_free(x);
}

static void finish(struct rk_xfer *x, CURLcode rc)
{
	int64_t ms;

	if (x->wire) {
		x->rc = rc;
		x->state = RK_XFER_ENDED;
		return;
	}
	ms = rk_xfer_ended(x, rc);
	x->pool->news = true;
	if (x->silent)
		hang_up(x);
	curl_multi_remove_handle(x->pool->multi, x->easy);
	if (ms < 0 || rk_http_stopped(x->h)) {
		conclude(x);
		return;
	}
	x->tries++;
	x->waited += ms;
	x->wake = rk_now_ms() + ms;
	x->state = RK_XFER_WAITING;
}

/* Free what was cancelled, start what is due, end what has received nothing for too long or what a signal
 * ends. Returns ms, cut to the time until the next thing is due. */
static int64_t sweep(struct rk_pool *p, int64_t ms)
{
	int64_t now = rk_now_ms();
	struct rk_xfer *next;

	for (struct rk_xfer *x = p->list; x; x = next) {
		bool stop = rk_http_stopped(x->h) && rk_xfer_safe(x);
		int64_t left = x->state == RK_XFER_WAITING ? x->wake - now
			       : x->req.idle_ms > 0	   ? x->last + x->req.idle_ms - now
							   : INT64_MAX;

		next = x->next;
		if (x->cancelled) {
			xfer_free(x);
		} else if (x->state == RK_XFER_NEW || (x->state == RK_XFER_WAITING && left <= 0)) {
			start(x);
		} else if (x->state == RK_XFER_RUNNING && (left <= 0 || stop)) {
			x->idle = left <= 0;
			finish(x, CURLE_OPERATION_TIMEDOUT);
			next = p->list; /* the callback may have changed it */
		} else if (left < ms) {
			ms = left;
		}
	}
	return ms;
}

/* Let libcurl work, and take what has ended. */
static void drive(struct rk_pool *p)
{
	struct epoll_event ready[64];
	int n = epoll_wait(p->epoll, ready, RK_COUNT(ready), 0), left;
	struct rk_xfer *x;
	CURLMsg *m;

	p->busy = true;
	for (int i = 0; i < n; i++)
		curl_multi_socket_action(p->multi, ready[i].data.fd, 0, &left);
	curl_multi_socket_action(p->multi, CURL_SOCKET_TIMEOUT, 0, &left);
	p->busy = false;
	while ((m = curl_multi_info_read(p->multi, &left))) {
		if (m->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &x);
		if (x->cancelled)
			xfer_free(x);
		else
			finish(x, m->data.result);
	}
}

/* Returns false when a signal came. Other tasks run while it waits, and may drive the same pool. */
static bool work(struct rk_pool *p, int64_t ms, int extra_fd)
{
	struct pollfd v[] = {
		{.fd = p->epoll, .events = POLLIN}, {.fd = extra_fd, .events = POLLIN}};
	long curl_ms = -1;
	bool ok;

	p->news = false;
	drive(p);
	ms = sweep(p, ms < 0 || ms > WAIT_MAX ? WAIT_MAX : ms);
	if (p->news)
		return true;
	curl_multi_timeout(p->multi, &curl_ms);
	if (curl_ms >= 0 && curl_ms < ms)
		ms = curl_ms;
	ok = rk_task_poll(v, RK_COUNT(v), ms) >= 0;
	drive(p);
	sweep(p, 0);
	return ok;
}

int rk_pool_poll(struct rk_pool *p, int64_t ms, int extra_fd)
{
	int n = 0;

	work(p, ms, extra_fd);
	for (const struct rk_xfer *x = p->list; x; x = x->next)
		n += !x->cancelled;
	return n;
}

/* --- one request --- */

static int stopped(const struct rk_http *h, struct rk_err *err)
{
	int sig = rk_http_stopped(h);

	rk_err_clear(err);
	return rk_err_set(err, 128 + sig, "%s: ended by signal %d", h->shown, sig);
}

struct call {
	struct rk_err *err;
	struct rk_task *task;
	struct rk_buf in; /* what came for the caller's data, which is called outside of libcurl */
	bool done;
	int r;
};

static int on_data(void *arg, const char *p, size_t n)
{
	struct call *c = arg;

	rk_task_wake(c->task);
	return rk_buf_add(&c->in, p, n, NULL);
}

static void on_done(void *arg, struct rk_http_res *res, const struct rk_err *err)
{
	struct call *c = arg;

	(void)res;
	c->done = true;
	c->r = err ? -1 : 0;
	if (err && c->err)
		*c->err = *err;
	rk_task_wake(c->task); /* another task may have driven the transfer */
}

/* Its callback may send requests, which may receive more and end this one. */
static int pass_on(struct call *c, const struct rk_http_req *req)
{
	rk_auto_buf got = c->in;

	c->in = (struct rk_buf)RK_BUF_INIT_SECRET;
	return req->data(req->data_arg, got.s, got.len);
}

int rk_http_do(struct rk_http *h, const struct rk_http_req *req, struct rk_http_res *res,
	struct rk_err *err)
{
	struct call c = {.err = err, .task = rk_task_self(), .in = RK_BUF_INIT_SECRET};
	struct rk_xfer_cb cb = {.data = req->data ? on_data : NULL, .done = on_done, .arg = &c};
	struct rk_xfer *x;
	bool late = false, over = false;

	if (!rk_http_may_send(h, req))
		return refuse(h, req, err);
	if (rk_http_stopped(h))
		return stopped(h, err);
	if (rk_task_left() == 0)
		return rk_err_set(err, RK_TIMEOUT, "%s: out of time", h->shown);
	if (!h->pool)
		h->pool = rk_pool_new();
	x = begin(h->pool, h, req, &cb, res);
	while (!late && !over && (!c.done || c.in.len)) {
		bool signal;

		if (c.in.len) {
			over = pass_on(&c, req) < 0;
			continue;
		}
		signal = !work(h->pool, req->data ? -1 : 1000, -1);
		late = !c.done && rk_task_left() == 0;
		if (!c.done && x->state == RK_XFER_WAITING &&
			(late || signal || rk_http_stopped(h))) {
			conclude(x); /* without a further try */
			late = false;
		}
	}
	rk_buf_release(&c.in);
	if (!c.done)
		rk_pool_cancel(h->pool, x);
	if (late)
		return rk_err_set(err, RK_TIMEOUT, "%s: out of time", h->shown);
	if (over)
		return 0;
	return c.r < 0 && rk_http_stopped(h) ? stopped(h, err) : c.r;
}
