// SPDX-License-Identifier: Apache-2.0
/* A WebSocket on a connection of the http module. */
#include "internal.h"
#include "task/task.h"
#include "tls/tls.h"

#include <openssl/evp.h>

#define MESSAGE_MAX ((size_t)1 << 20)
#define HEAD_MAX    ((size_t)64 << 10)
#define ANSWER_MS   30000
#define UNSENT_MAX  ((size_t)256 << 10) /* with so much waiting a ping gets no answer */

enum { OP_MORE = 0, OP_TEXT = 1, OP_BINARY = 2, OP_CLOSE = 8, OP_PING = 9, OP_PONG = 10 };

struct rk_ws {
	struct rk_wire *wire;
	struct rk_buf in;  /* bytes not yet taken apart */
	size_t off;	   /* where the next frame begins in it */
	struct rk_buf msg; /* the message being put together */
	struct rk_buf out; /* frames that are not sent yet */
	size_t sent;	   /* bytes of it that are */
	bool begun;	   /* a first part of msg has arrived, its last part not yet */
	bool over;	   /* a close has arrived */
};

/* --- frames --- */

int rk_ws_frame(const unsigned char *p, size_t n, size_t max, struct rk_ws_frame *out)
{
	uint64_t len;
	size_t head = 2;

	if (n < 2)
		return 0;
	if ((p[0] & 0x70) || (p[1] & 0x80))
		return -1;
	len = p[1] & 0x7f;
	if (len >= 126) {
		size_t more = len == 126 ? 2 : 8;

		if (n < 2 + more)
			return 0;
		len = 0;
		for (size_t i = 0; i < more; i++)
			len = len << 8 | p[2 + i];
		head += more;
	}
	if (len > max)
		return -1;
	*out = (struct rk_ws_frame){
		.opcode = p[0] & 0xf, .fin = p[0] & 0x80, .head = head, .len = (size_t)len};
	return n - head >= len;
}

void rk_ws_put(struct rk_buf *out, int opcode, const void *p, size_t n, const unsigned char mask[4])
{
	const unsigned char *s = p;
	unsigned char *to;

	rk_buf_putc(out, (char)(0x80 | opcode));
	if (n < 126) {
		rk_buf_putc(out, (char)(0x80 | n));
	} else {
		int bytes = n <= 0xffff ? 2 : 8;

		rk_buf_putc(out, (char)(0x80 | (bytes == 2 ? 126 : 127)));
		for (int i = bytes - 1; i >= 0; i--)
			rk_buf_putc(out, (char)((uint64_t)n >> (8 * i)));
	}
	rk_buf_put(out, mask, 4);
	to = (unsigned char *)rk_buf_reserve(out, n);
	for (size_t i = 0; i < n; i++)
		to[i] = s[i] ^ mask[i % 4];
	rk_buf_grow(out, n);
}

void rk_ws_accept(const char *key, char out[29])
{
	unsigned char sum[20];
	rk_auto_buf b = RK_BUF_INIT, e = RK_BUF_INIT;

	rk_buf_addf(&b, "%s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key);
	EVP_Digest(b.s, b.len, sum, NULL, EVP_sha1(), NULL);
	rk_base64(&e, sum, sizeof(sum));
	snprintf(out, 29, "%s", e.s);
}

int rk_ws_flush(struct rk_ws *ws)
{
	while (ws->sent < ws->out.len) {
		ssize_t n = rk_wire_send(ws->wire, ws->out.s + ws->sent, ws->out.len - ws->sent);

		if (n <= 0)
			return n < 0 ? -1 : 1;
		ws->sent += (size_t)n;
	}
	rk_buf_reset(&ws->out);
	ws->sent = 0;
	return 0;
}

static int send_frame(struct rk_ws *ws, int opcode, const void *p, size_t n)
{
	unsigned char mask[4];

	rk_random(mask, sizeof(mask));
	rk_ws_put(&ws->out, opcode, p, n, mask);
	return rk_ws_flush(ws) < 0 ? -1 : 0;
}

int rk_ws_send(struct rk_ws *ws, int channel, const void *p, size_t n)
{
	rk_auto_buf b = RK_BUF_INIT_SECRET;

	rk_buf_putc(&b, (char)channel);
	rk_buf_put(&b, p, n);
	return send_frame(ws, OP_BINARY, b.s, b.len);
}

int rk_ws_ping(struct rk_ws *ws)
{
	return send_frame(ws, OP_PING, "", 0);
}

/* --- receiving --- */

static int fill(struct rk_ws *ws)
{
	ssize_t n;

	if (ws->off) { /* keep what is not taken apart yet at the front */
		memmove(ws->in.s, ws->in.s + ws->off, ws->in.len - ws->off);
		ws->in.len -= ws->off;
		ws->in.s[ws->in.len] = '\0';
		ws->off = 0;
	}
	n = rk_wire_recv(ws->wire, rk_buf_reserve(&ws->in, 32768), 32768);
	if (n > 0)
		rk_buf_grow(&ws->in, (size_t)n);
	return n < 0 ? -1 : n > 0;
}

/* One frame: 1 a message is whole, 0 go on, -1 the end. */
static int take(struct rk_ws *ws, const struct rk_ws_frame *f, const char *p)
{
	switch (f->opcode) {
	case OP_BINARY:
	case OP_TEXT:
	case OP_MORE:
		if (ws->begun != (f->opcode == OP_MORE))
			return -1;
		if (!ws->begun)
			rk_buf_reset(&ws->msg);
		if (ws->msg.len + f->len > MESSAGE_MAX)
			return -1;
		rk_buf_put(&ws->msg, p, f->len);
		ws->begun = !f->fin;
		return f->fin && ws->msg.len;
	case OP_PING:
		return ws->out.len - ws->sent > UNSENT_MAX ? 0 : send_frame(ws, OP_PONG, p, f->len);
	case OP_PONG:
		return 0;
	default:
		ws->over = true;
		return -1;
	}
}

int rk_ws_recv(struct rk_ws *ws, const unsigned char **msg, size_t *n)
{
	int r = 0;

	while (r == 0 && !ws->over) {
		const unsigned char *at = (unsigned char *)ws->in.s + ws->off;
		struct rk_ws_frame f;
		int whole = rk_ws_frame(at, ws->in.len - ws->off, MESSAGE_MAX, &f);

		if (whole > 0) {
			ws->off += f.head + f.len;
			r = take(ws, &f, (const char *)at + f.head);
		} else {
			r = whole < 0 ? -1 : fill(ws);
			if (r <= 0)
				return r;
			r = 0;
		}
	}
	if (r <= 0)
		return -1;
	*msg = (unsigned char *)ws->msg.s;
	*n = ws->msg.len;
	return 1;
}

/* --- the handshake --- */

/* Wait until the connection has bytes, or room. */
static int wait_for(const struct rk_ws *ws, short events, int64_t end)
{
	struct pollfd p = {.fd = rk_wire_fd(ws->wire), .events = events};
	int64_t ms = end - rk_now_ms();

	return ms > 0 && rk_task_left() > 0 && rk_task_poll(&p, 1, ms) > 0 ? 0 : -1;
}

/* need 0: the head of the answer. */
static int read_until(struct rk_ws *ws, size_t need, int64_t end)
{
	while (need ? ws->in.len < need : !strstr(ws->in.s, "\r\n\r\n")) {
		int r = fill(ws);

		if (r < 0 || ws->in.len > HEAD_MAX || (r == 0 && wait_for(ws, POLLIN, end) < 0))
			return -1;
	}
	return 0;
}

/* Value of a header in the answer's head, or "". */
static void header(const char *head, const char *name, char *out, size_t size)
{
	rk_auto_free char *line = rk_asprintf("\r\n%s:", name);
	const char *v = strcasestr(head, line), *end = strstr(head, "\r\n\r\n");

	v = v && v < end ? v + strlen(line) : "";
	v += strspn(v, " \t");
	snprintf(out, size, "%.*s", (int)strcspn(v, "\r\n"), v);
}

/* What is wrong with the handshake, or NULL; *status: of the answer, when there is one. */
static const char *shake(
	struct rk_ws *ws, const char *path, const char *protocol, int64_t end, int64_t *status)
{
	rk_auto_buf key = RK_BUF_INIT;
	unsigned char nonce[16];
	char want[29], got[64], number[4] = "";
	int r;

	rk_random(nonce, sizeof(nonce));
	rk_base64(&key, nonce, sizeof(nonce));
	rk_wire_head(ws->wire, path, &ws->out);
	rk_buf_addf(&ws->out,
		"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
		"Sec-WebSocket-Key: %s\r\nSec-WebSocket-Protocol: %s\r\n\r\n",
		key.s, protocol);
	while ((r = rk_ws_flush(ws)) > 0 && wait_for(ws, POLLOUT, end) == 0)
		;
	if (r != 0 || read_until(ws, 0, end) < 0)
		return "no answer to the request for a WebSocket";
	if (rk_prefix(ws->in.s, "HTTP/1.1 ") && ws->in.len > 12)
		snprintf(number, sizeof(number), "%.3s", ws->in.s + 9);
	if (!rk_parse_int(number, 100, 999, status))
		return "the answer is not HTTP/1.1";
	if (*status != 101)
		return NULL;
	rk_ws_accept(key.s, want);
	header(ws->in.s, "Sec-WebSocket-Accept", got, sizeof(got));
	if (strcmp(want, got) != 0)
		return "the answer does not belong to our request for a WebSocket";
	header(ws->in.s, "Sec-WebSocket-Protocol", got, sizeof(got));
	if (strcmp(protocol, got) != 0)
		return "the server does not support the channel protocol that was requested";
	return NULL;
}

/* Credentials may expire without an announced time: new ones are tried once. */
int rk_ws_open(struct rk_ws **out, struct rk_kube *k, const char *path, const char *protocol,
	const char *what, struct rk_err *err)
{
	struct rk_kube_about a = {.what = what, .kube = k, .api_version = "v1"};

	*out = NULL;
	if (rk_kube_check_path(what, path, err) < 0)
		return -1;
	for (int tries = 0;; tries++) {
		struct rk_ws *ws = rk_calloc(1, sizeof(*ws));
		int64_t end = rk_now_ms() + ANSWER_MS, status = 0, n = 0;
		rk_auto_http_res res = RK_HTTP_RES_INIT;
		const char *why = NULL;
		char length[24];
		size_t head = 0;

		*ws = (struct rk_ws){.in = RK_BUF_INIT_SECRET,
			.msg = RK_BUF_INIT_SECRET,
			.out = RK_BUF_INIT_SECRET,
			.over = true};
		if (rk_kube_fresh(k, err) == 0 && rk_http_wire(&ws->wire, k->http, err) == 0) {
			why = shake(ws, path, protocol, end, &status);
			if (why)
				rk_err_set(
					err, RK_FAIL, "%s on %s: %s", what, rk_kube_server(k), why);
			else
				head = (size_t)(strstr(ws->in.s, "\r\n\r\n") + 4 - ws->in.s);
		}
		if (head && status == 101) {
			ws->off = head;
			ws->over = false;
			*out = ws;
			return 0;
		}
		if (head) {
			header(ws->in.s, "Content-Length", length, sizeof(length));
			header(ws->in.s, "Content-Type", res.content_type,
				sizeof(res.content_type));
			if (rk_parse_int(length, 0, (int64_t)(HEAD_MAX - head), &n) &&
				read_until(ws, head + (size_t)n, end) == 0)
				rk_buf_put(&res.body, ws->in.s + head, (size_t)n);
			res.status = (int)status;
			rk_kube_status(&a, &res, err);
		}
		rk_ws_free(ws);
		if (!head || status != 401 || tries || rk_kube_renew(k, err) <= 0)
			return -1;
		rk_err_clear(err);
	}
}

void rk_ws_free(struct rk_ws *ws)
{
	static const unsigned char normal[] = {1000 >> 8, 1000 & 0xff};

	if (!ws)
		return;
	if (!ws->over && send_frame(ws, OP_CLOSE, normal, sizeof(normal)) < 0)
		ws->over = true;
	rk_wire_free(ws->wire);
	rk_buf_release(&ws->in);
	rk_buf_release(&ws->msg);
	rk_buf_release(&ws->out);
	free(ws);
}

int rk_ws_fd(const struct rk_ws *ws)
{
	return rk_wire_fd(ws->wire);
}
