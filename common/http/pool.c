// SPDX-License-Identifier: Apache-2.0
#include "internal.h"

#define FRESH_MS 60000
#define BEGIN_MS 20

struct rk_pool {
	CURLM *multi;
	struct rk_xfer *list;
	bool busy; /* inside libcurl: its callbacks may not change the list of its transfers */
};

struct rk_pool *rk_pool_new(void)
{
	struct rk_pool *p = rk_calloc(1, sizeof(*p));

	p->multi = curl_multi_init();
	if (!p->multi)
		abort();
	curl_multi_setopt(p->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_MULTIPLEX);
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

struct rk_xfer *rk_pool_start(struct rk_pool *p, struct rk_http *h, const struct rk_http_req *req,
	const struct rk_xfer_cb *cb)
{
	if (!rk_http_may_send(h, req))
		abort();
	return begin(p, h, req, cb, NULL);
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
	int64_t ms = rk_xfer_ended(x, rc);

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

/* Start what is due and free what was cancelled. Returns ms until the next thing is due. */
static int64_t start_due(struct rk_pool *p, int64_t ms)
{
	int64_t now = rk_now_ms();
	struct rk_xfer *next;

	for (struct rk_xfer *x = p->list; x; x = next) {
		next = x->next;
		if (x->cancelled)
			xfer_free(x);
		else if (x->state == RK_XFER_NEW || (x->state == RK_XFER_WAITING && x->wake <= now))
			start(x);
		else if (x->state == RK_XFER_WAITING && x->wake - now < ms)
			ms = x->wake - now;
		else if (x->state == RK_XFER_RUNNING && x->req.idle_ms > 0 &&
			 x->last + x->req.idle_ms - now < ms)
			ms = x->last + x->req.idle_ms - now;
	}
	return ms < 0 ? 0 : ms;
}

/* A transfer that has received nothing for too long, or NULL. */
static struct rk_xfer *find_idle(const struct rk_pool *p)
{
	int64_t now = rk_now_ms();

	for (struct rk_xfer *x = p->list; x; x = x->next)
		if (x->state == RK_XFER_RUNNING && x->req.idle_ms > 0 && !x->cancelled &&
			now - x->last >= x->req.idle_ms)
			return x;
	return NULL;
}

/* Returns whether anything happened: a transfer ended, or bytes were passed on, whose receiver may
 * have work to do now. */
static bool drive(struct rk_pool *p)
{
	struct rk_xfer *x;
	int running, left;
	bool any = false;
	CURLMsg *m;

	p->busy = true;
	curl_multi_perform(p->multi, &running);
	p->busy = false;
	for (x = p->list; x; x = x->next) {
		any |= x->received;
		x->received = false;
	}
	while ((m = curl_multi_info_read(p->multi, &left))) {
		if (m->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &x);
		if (x->cancelled)
			xfer_free(x);
		else
			finish(x, m->data.result);
		any = true;
	}
	while ((x = find_idle(p))) { /* again from the start: the callback may change the list */
		x->idle = true;
		finish(x, CURLE_OPERATION_TIMEDOUT);
		any = true;
	}
	return any;
}

static bool is_running(const struct rk_pool *p)
{
	for (const struct rk_xfer *x = p->list; x; x = x->next)
		if (x->state == RK_XFER_RUNNING)
			return true;
	return false;
}

/* Wait for the sockets of all transfers, as poll(2); other tasks run meanwhile. libcurl has no
 * descriptor while it begins to connect: it is asked again soon. */
static int wait_for(struct rk_pool *p, int64_t ms, int extra_fd)
{
	fd_set in, out, except;
	struct pollfd *v;
	nfds_t n = 0;
	int max = -1, r;
	long curl_ms = -1;

	FD_ZERO(&in);
	FD_ZERO(&out);
	FD_ZERO(&except);
	curl_multi_fdset(p->multi, &in, &out, &except, &max);
	curl_multi_timeout(p->multi, &curl_ms);
	if (curl_ms >= 0 && curl_ms < ms)
		ms = curl_ms;
	if (max < 0 && is_running(p) && ms > BEGIN_MS)
		ms = BEGIN_MS;
	v = rk_calloc((size_t)max + 2, sizeof(*v));
	for (int fd = 0; fd <= max; fd++) {
		short events = (short)((FD_ISSET(fd, &in) ? POLLIN : 0) |
				       (FD_ISSET(fd, &out) ? POLLOUT : 0));

		if (events)
			v[n++] = (struct pollfd){.fd = fd, .events = events};
	}
	if (extra_fd >= 0)
		v[n++] = (struct pollfd){.fd = extra_fd, .events = POLLIN};
	r = rk_task_poll(v, n, ms);
	free(v);
	return r;
}

/* Returns false when a signal came. */
static bool work(struct rk_pool *p, int64_t ms, int extra_fd)
{
	bool ok = true;

	ms = start_due(p, ms < 0 || ms > 3600000 ? 3600000 : ms);
	if (!drive(p)) {
		ok = wait_for(p, ms, extra_fd) >= 0;
		start_due(p, 0);
		drive(p);
	}
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
	bool done;
	int r;
};

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

int rk_http_do(struct rk_http *h, const struct rk_http_req *req, struct rk_http_res *res,
	struct rk_err *err)
{
	struct call c = {.err = err, .task = rk_task_self()};
	struct rk_xfer_cb cb = {.done = on_done, .arg = &c};
	struct rk_xfer *x;

	if (!rk_http_may_send(h, req))
		return rk_err_set(err, RK_FAIL, "%s: internal error: a %s request was not sent",
			h->shown, req->method ? req->method : "POST");
	if (rk_http_stopped(h))
		return stopped(h, err);
	if (rk_task_left() == 0)
		return rk_err_set(err, RK_TIMEOUT, "%s: out of time", h->shown);
	if (!h->pool)
		h->pool = rk_pool_new();
	x = begin(h->pool, h, req, &cb, res);
	while (!c.done) {
		bool signal = !work(h->pool, 1000, -1), late = rk_task_left() == 0;

		if (c.done)
			break;
		if (x->state == RK_XFER_WAITING && (late || signal || rk_http_stopped(h))) {
			conclude(x); /* without a further try */
		} else if (late) {
			rk_pool_cancel(h->pool, x);
			return rk_err_set(err, RK_TIMEOUT, "%s: out of time", h->shown);
		}
	}
	return c.r < 0 && rk_http_stopped(h) ? stopped(h, err) : c.r;
}
