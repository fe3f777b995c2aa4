// SPDX-License-Identifier: Apache-2.0
/* ws - WebSocket (RFC 6455) to the Kubernetes API, with its channel protocols: the first byte of
 * each message is the channel. For port-forward (v4.channel.k8s.io) and exec (v5). */
#ifndef RK_WS_H
#define RK_WS_H

#include "kube.h"

struct rk_ws;

/* Connect and upgrade, with new credentials after a 401. A refusal is the Status' error; what names the
 * object for it. err is needed. */
int rk_ws_open(struct rk_ws **out, struct rk_kube *k, const char *path, const char *protocol,
	const char *what, struct rk_err *err) RK_MUST_USE;
/* Says goodbye (code 1000) and closes. */
void rk_ws_free(struct rk_ws *ws);
int rk_ws_fd(const struct rk_ws *ws);

/* Send one binary message, a ping; nothing here waits. What the connection does not take now is
 * kept and goes with rk_ws_flush: who sends more before that needs more memory. -1: the connection
 * is gone. */
int rk_ws_send(struct rk_ws *ws, int channel, const void *p, size_t n) RK_MUST_USE;
int rk_ws_ping(struct rk_ws *ws) RK_MUST_USE;
/* 0: all is sent, 1: some of it waits until the descriptor is writable, -1: the connection is gone. */
int rk_ws_flush(struct rk_ws *ws) RK_MUST_USE;
/* The next whole message, if one has arrived: 1 and *msg (first byte: channel; valid until the next
 * call), 0: none now, -1: closed or broken. Call until 0 before waiting on the descriptor. */
int rk_ws_recv(struct rk_ws *ws, const unsigned char **msg, size_t *n);

/* --- pure parts, for tests --- */
struct rk_ws_frame {
	int opcode;
	bool fin;
	size_t head, len; /* bytes of the header, of the payload */
};
/* Read a server's frame header at p: 1 whole, 0 more bytes needed, -1 against the protocol
 * (masked, reserved bits, larger than max). */
int rk_ws_frame(const unsigned char *p, size_t n, size_t max, struct rk_ws_frame *out);
/* Append a client's frame: opcode, masked with the 4 bytes given. */
void rk_ws_put(
	struct rk_buf *out, int opcode, const void *p, size_t n, const unsigned char mask[4]);
/* The Sec-WebSocket-Accept that answers a key, into out[29]. */
void rk_ws_accept(const char *key, char out[29]);

#endif
