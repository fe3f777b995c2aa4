// SPDX-License-Identifier: Apache-2.0
/* What a server sends in pieces: the lines of a watch; the answer to a request for a WebSocket and
 * the frames behind it. However it is cut, the same is understood; nothing is said twice, and what
 * goes back is well-formed. The connection below the WebSocket is ours. */
#include "kube/internal.h"
#include "must.h"

#include <fcntl.h>

#define WHAT_MAX ((size_t)1 << 16) /* all of it may be a head */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* --- lines --- */

static int keep_line(void *arg, const char *p, size_t n)
{
	MUST(n && !memchr(p, '\n', n));
	rk_buf_put(arg, p, n);
	rk_buf_putc(arg, '\n');
	return 0;
}

static int feed(const char *p, size_t n, size_t step, struct rk_buf *out)
{
	struct rk_buf part = {.s = rk_buf_empty, .max = 300};
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i += step)
		r = rk_kube_lines(&part, p + i, n - i < step ? n - i : step, keep_line, out);
	rk_buf_release(&part);
	return r;
}

static void lines(const char *p, size_t n, size_t step)
{
	rk_auto_buf whole = RK_BUF_INIT, parts = RK_BUF_INIT;

	MUST(feed(p, n, n + 1, &whole) == feed(p, n, step, &parts));
	MUST(rk_streq(whole.s, parts.s) && whole.len == parts.len);
}

/* --- the connection --- */

struct rk_wire {
	const unsigned char *p; /* what the peer still has to say */
	size_t n, step;
	bool polite; /* it grants the upgrade first */
	bool pause, paused;
	struct rk_buf head; /* the words of that */
	bool shaken;	    /* the request has been heard */
};

static struct rk_wire peer;

int rk_http_wire(struct rk_wire **out, struct rk_http *h, struct rk_err *err)
{
	(void)h, (void)err;
	*out = &peer;
	return 0;
}

void rk_wire_free(struct rk_wire *w)
{
	if (w)
		rk_buf_release(&w->head);
}

void rk_wire_head(const struct rk_wire *w, const char *path, struct rk_buf *out)
{
	(void)w;
	rk_buf_addf(out, "GET %s HTTP/1.1\r\n", path);
}

/* Always ready. */
int rk_wire_fd(const struct rk_wire *w)
{
	static int fd = -1;

	(void)w;
	if (fd < 0)
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	return fd;
}

ssize_t rk_wire_recv(struct rk_wire *w, void *p, size_t n)
{
	w->paused = w->pause && !w->paused;
	if (w->paused)
		return 0;
	n = n < w->step ? n : w->step;
	if (w->head.len) {
		n = n < w->head.len ? n : w->head.len;
		memcpy(p, w->head.s, n);
		memmove(w->head.s, w->head.s + n, w->head.len - n + 1);
		w->head.len -= n;
		return (ssize_t)n;
	}
	n = n < w->n ? n : w->n;
	memcpy(p, w->p, n);
	w->p += n;
	w->n -= n;
	return n ? (ssize_t)n : -1;
}

static void grant(struct rk_wire *w, const char *request)
{
	const char *key = strstr(request, "Sec-WebSocket-Key: ");
	rk_auto_free char *nonce = NULL;
	char sum[29];

	MUST(key && rk_suffix(request, "\r\n\r\n"));
	nonce = rk_strndup(key + 19, strcspn(key + 19, "\r\n"));
	rk_ws_accept(nonce, sum);
	if (w->polite)
		rk_buf_addf(&w->head,
			"HTTP/1.1 101 x\r\nsec-websocket-accept: %s\r\n"
			"Sec-WebSocket-Protocol:v4\r\n\r\n",
			sum);
}

/* Our frames are masked, whole, and of the kinds we send. */
ssize_t rk_wire_send(struct rk_wire *w, const void *p, size_t n)
{
	rk_auto_buf b = RK_BUF_INIT;
	struct rk_ws_frame f;
	unsigned char *s;

	rk_buf_put(&b, p, n);
	if (!w->shaken) {
		w->shaken = true;
		grant(w, b.s);
		return (ssize_t)n;
	}
	s = (unsigned char *)b.s;
	MUST(n > 5 && s[1] & 0x80);
	s[1] &= 0x7f;
	MUST(rk_ws_frame(s, n, n, &f) == 1 && f.fin && f.head + 4 + f.len == n);
	MUST(f.opcode == 8 || f.opcode == 10);
	return (ssize_t)n;
}

/* --- the WebSocket --- */

/* All that is understood, into out: the error, or each message with its length. */
static void talk(const unsigned char *p, size_t n, const struct rk_wire *how, struct rk_buf *out)
{
	static struct rk_kube kube = {.target = {.server = (char *)(uintptr_t) "https://h"}};
	struct rk_err err = RK_ERR_INIT;
	struct rk_ws *ws = NULL;
	const unsigned char *msg;
	size_t len, sum = 0;
	int r;

	peer = *how;
	peer.head = (struct rk_buf)RK_BUF_INIT;
	peer.p = p;
	peer.n = n;
	if (rk_ws_open(&ws, &kube, "/x", "v4", "pod/x", &err) < 0) {
		MUST(err.msg[0] && err.code && !ws);
		rk_buf_addf(
			out, "%d %d %d: %s; %s", err.code, err.http, err.reason, err.msg, err.hint);
		return;
	}
	while ((r = rk_ws_recv(ws, &msg, &len)) >= 0)
		if (r > 0) {
			MUST(len);
			sum += len;
			rk_buf_addf(out, "%zu:", len);
			rk_buf_put(out, msg, len);
		}
	MUST(sum <= n);
	rk_ws_free(ws);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	rk_auto_buf whole = RK_BUF_INIT, parts = RK_BUF_INIT;
	struct rk_wire how = {0};

	if (!size || size > WHAT_MAX)
		return 0;
	how.polite = data[0] & 1;
	how.step = WHAT_MAX;
	talk(data + 1, size - 1, &how, &whole);
	how.step = data[0] / 4 + 1;
	how.pause = data[0] & 2;
	talk(data + 1, size - 1, &how, &parts);
	MUST(whole.len == parts.len && !memcmp(whole.s, parts.s, whole.len));
	lines((const char *)data + 1, size - 1, how.step);
	return 0;
}
