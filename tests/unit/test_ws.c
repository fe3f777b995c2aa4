// SPDX-License-Identifier: Apache-2.0
/* WebSocket frames, as RFC 6455 has them, and a port-forward over them. */
#include "kube/internal.h"
#include "pki.h"
#include "kube/kube.h"

#include <arpa/inet.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cmocka.h>
#include <openssl/ssl.h>

static void accept_key(void **state)
{
	char out[29];

	(void)state;
	rk_ws_accept("dGhlIHNhbXBsZSBub25jZQ==", out); /* section 1.3 */
	assert_string_equal(out, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

static void masked(void **state)
{
	static const unsigned char mask[4] = {0x37, 0xfa, 0x21, 0x3d};
	static const unsigned char want[] = {0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d,
		0x51, 0x58}; /* "Hello", section 5.7 */
	rk_auto_buf b = RK_BUF_INIT;

	(void)state;
	rk_ws_put(&b, 1, "Hello", 5, mask);
	assert_int_equal(b.len, sizeof(want));
	assert_memory_equal(b.s, want, sizeof(want));
}

static void lengths(void **state)
{
	static const unsigned char mask[4];
	static const size_t sizes[] = {0, 1, 125, 126, 65535, 65536, 200000};

	(void)state;
	for (size_t i = 0; i < RK_COUNT(sizes); i++) {
		rk_auto_free char *text = rk_calloc(1, sizes[i] + 1);
		rk_auto_buf b = RK_BUF_INIT;
		struct rk_ws_frame f;
		unsigned char *p;

		rk_ws_put(&b, 2, text, sizes[i], mask);
		p = (unsigned char *)b.s;
		p[1] &= 0x7f; /* as a server would send it: with no mask, four bytes less */
		assert_int_equal(rk_ws_frame(p, b.len - 4, 1 << 20, &f), 1);
		assert_int_equal(f.len, sizes[i]);
		assert_int_equal(f.head + f.len, b.len - 4);
		assert_int_equal(f.opcode, 2);
		assert_true(f.fin);
		for (size_t n = 0; n < b.len - 4 && n < 20; n++)
			assert_int_equal(rk_ws_frame(p, n, 1 << 20, &f), 0);
	}
}

static void against_the_protocol(void **state)
{
	static const unsigned char bad[][10] = {
		{0x82, 0x81, 0, 0, 0, 0, 0},		/* masked by the server */
		{0xc2, 0x01, 0},			/* a reserved bit */
		{0x82, 126, 0xff, 0xff},		/* larger than the limit */
		{0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 1}, /* absurdly large */
	};

	(void)state;
	for (size_t i = 0; i < RK_COUNT(bad); i++) {
		struct rk_ws_frame f;

		assert_int_equal(rk_ws_frame(bad[i], sizeof(bad[i]), 1000, &f), -1);
	}
}

static void parts(void **state)
{
	static const unsigned char part[] = {0x02, 1, 'a'}, rest[] = {0x80, 1, 'b'};
	struct rk_ws_frame f;

	(void)state;
	assert_int_equal(rk_ws_frame(part, 3, 10, &f), 1);
	assert_false(f.fin);
	assert_int_equal(rk_ws_frame(rest, 3, 10, &f), 1);
	assert_true(f.fin);
	assert_int_equal(f.opcode, 0);
}

/* --- port-forward --- */

static struct pki ca, server_id;

/* A connection to the API server: SSL, or NULL for none. */
struct peer {
	int fd;
	SSL *ssl;
};

static ssize_t hear(struct peer *c, void *p, size_t n)
{
	return c->ssl ? SSL_read(c->ssl, p, (int)n) : read(c->fd, p, n);
}

static bool say(struct peer *c, const void *p, size_t n)
{
	const char *s = p;

	while (n) {
		ssize_t did = c->ssl ? SSL_write(c->ssl, s, (int)n) : write(c->fd, s, n);

		if (did <= 0)
			return false;
		s += did;
		n -= (size_t)did;
	}
	return true;
}

static bool hear_all(struct peer *c, void *p, size_t n)
{
	char *s = p;

	while (n) {
		ssize_t got = hear(c, s, n);

		if (got <= 0)
			return false;
		s += got;
		n -= (size_t)got;
	}
	return true;
}

static void hear_out(struct peer *c)
{
	char b[4096];

	while (hear(c, b, sizeof(b)) > 0)
		;
}

/* An API server that takes every request for a WebSocket, but for an old token, and says the port on
 * both channels. */
static bool shake_hands(struct peer *c)
{
	char head[8192] = "", sum[29], key[64] = "";
	const char *at;
	size_t n = 0;

	while (!strstr(head, "\r\n\r\n")) {
		ssize_t got = hear(c, head + n, sizeof(head) - 1 - n);

		if (got <= 0)
			return false;
		n += (size_t)got;
		head[n] = '\0';
	}
	if (strstr(head, "Authorization: Bearer old\r\n")) {
		say(c, "HTTP/1.1 401 x\r\nContent-Length: 0\r\n\r\n", 37);
		return false;
	}
	/* the kubelet's routes for upgrades know no media type: it answers 406 to any but this */
	if (!strstr(head, "\r\nAccept: */*\r\n")) {
		say(c, "HTTP/1.1 406 x\r\nContent-Length: 0\r\n\r\n", 37);
		return false;
	}
	at = strstr(head, "Sec-WebSocket-Key: ");
	if (!at || sscanf(at + 19, "%63s", key) != 1)
		return false;
	rk_ws_accept(key, sum);
	n = (size_t)snprintf(head, sizeof(head),
		"HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
		"Sec-WebSocket-Accept: %s\r\nSec-WebSocket-Protocol: v4.channel.k8s.io\r\n\r\n",
		sum);
	return say(c, head, n) && say(c, "\x82\x03\0\x50\0\x82\x03\1\x50\0", 10);
}

static void pod_says_hi(struct peer *c)
{
	if (say(c, "\x82\x03\0hi", 5))
		hear_out(c);
}

static void answer(int fd, SSL_CTX *tls, void (*pod)(struct peer *c))
{
	struct peer c = {.fd = fd, .ssl = tls ? SSL_new(tls) : NULL};

	if (c.ssl)
		SSL_set_fd(c.ssl, fd);
	if ((!c.ssl || SSL_accept(c.ssl) == 1) && shake_hands(&c))
		pod(&c);
	SSL_free(c.ssl);
	close(fd);
}

static SSL_CTX *server_ctx(void)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	PKI_MUST(SSL_CTX_use_certificate(ctx, server_id.cert) == 1);
	PKI_MUST(SSL_CTX_use_PrivateKey(ctx, server_id.key) == 1);
	return ctx;
}

static pid_t serve(int *port, bool tls, void (*pod)(struct peer *c))
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	pid_t pid;

	assert_true(bind(fd, (struct sockaddr *)&a, n) == 0 && listen(fd, 16) == 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
	*port = ntohs(a.sin_port);
	pid = fork();
	if (pid == 0) {
		SSL_CTX *ctx = tls ? server_ctx() : NULL;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		signal(SIGPIPE, SIG_IGN);
		signal(SIGCHLD, SIG_IGN);
		for (;;) {
			int client = accept(fd, NULL, NULL);

			if (fork() == 0) {
				prctl(PR_SET_PDEATHSIG, SIGKILL);
				answer(client, ctx, pod);
				_exit(0);
			}
			close(client);
		}
	}
	close(fd);
	return pid;
}

static void server_stop(pid_t server)
{
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
}

static void client_init(struct rk_kube *k, int port, bool tls)
{
	rk_auto_free char *base = rk_asprintf("http%s://127.0.0.1:%d", tls ? "s" : "", port);
	struct rk_http_conf conf = {.base = base,
		.ca = tls ? ca.cert_pem.s : NULL,
		.ca_len = ca.cert_pem.len,
		.allow_http = !tls};

	assert_int_equal(rk_http_new(&k->http, &conf, NULL), 0);
	k->target.server = rk_strdup(base);
	k->ns = rk_strdup("default");
}

static void client_release(struct rk_kube *k)
{
	rk_http_free(k->http);
	rk_target_release(&k->target);
	free(k->ns);
}

static int dial(int port)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct timeval patience = {.tv_sec = 10};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

/* What a connection to the forwarded port hears. */
static void expect_from(int port, const char *want)
{
	int fd = dial(port);
	char got[10] = "";

	assert_int_equal(recv(fd, got, strlen(want), MSG_WAITALL), strlen(want));
	assert_string_equal(got, want);
	close(fd);
}

/* Its clients come when the credentials with which it began have ended: the plugin runs again. */
static void forward_with_a_plugin(void **state)
{
	static const char plugin[] =
		"{apiVersion: client.authentication.k8s.io/v1beta1, command: /bin/sh, args: [-c, "
		"'echo \"{kind: ExecCredential, apiVersion: client.authentication.k8s.io/v1beta1, "
		"status: {token: t, expirationTimestamp: 2001-01-01T00:00:00Z}}\"']}";
	struct rk_kube k = {.creds_until = 1};
	struct rk_err err = RK_ERR_INIT;
	struct rk_forward *f = NULL;
	struct rk_val *exec;
	int port, local = 0;
	pid_t server = serve(&port, false, pod_says_hi);

	(void)state;
	client_init(&k, port, false);
	k.target.doc = rk_doc_new(true);
	assert_int_equal(rk_yaml_parse(k.target.doc, plugin, strlen(plugin), &exec, &err), 0);
	k.target.exec = exec;
	if (rk_forward_start(&f, &k, "n", "pod", 80, &local, &err) < 0)
		fail_msg("%s", err.msg);
	expect_from(local, "hi");
	expect_from(local, "hi");
	rk_forward_stop(f);
	client_release(&k);
	server_stop(server);
}

/* A token that has ended, and a newer one in its file. */
static void forward_with_a_new_token(void **state)
{
	char path[] = "/tmp/rk3k-test-token-XXXXXX";
	struct rk_kube k = {.token_read_ms = rk_now_ms()};
	struct rk_err err = RK_ERR_INIT;
	struct rk_forward *f = NULL;
	int port, local = 0, fd = mkstemp(path);
	pid_t server = serve(&port, false, pod_says_hi);

	(void)state;
	assert_true(fd >= 0 && write(fd, "new\n", 4) == 4);
	close(fd);
	client_init(&k, port, false);
	rk_http_set_bearer(k.http, "old");
	k.target.token_file = rk_strdup(path);
	if (rk_forward_start(&f, &k, "n", "pod", 80, &local, &err) < 0)
		fail_msg("%s", err.msg);
	expect_from(local, "hi");
	rk_forward_stop(f);
	client_release(&k);
	server_stop(server);
	unlink(path);
}

/* --- much both ways --- */

enum { BULK = 16 << 20, PIECE = 32 << 10 };

static unsigned char bulk_at(size_t i)
{
	return (unsigned char)(i ^ i >> 8 ^ i >> 16);
}

static void fill(unsigned char *p, size_t n, size_t at)
{
	for (size_t i = 0; i < n; i++)
		p[i] = bulk_at(at + i);
}

static bool fits(const unsigned char *p, size_t n, size_t at)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] != bulk_at(at + i))
			return false;
	return true;
}

/* One message of a client, unmasked: its length without the channel, or -1. */
static ssize_t hear_message(struct peer *c, unsigned char *p, size_t max)
{
	unsigned char head[4], mask[4];
	size_t n;

	if (!hear_all(c, head, 2))
		return -1;
	n = head[1] & 0x7f;
	if (n == 126 && hear_all(c, head + 2, 2))
		n = (size_t)(head[2] << 8 | head[3]);
	if (head[0] != 0x82 || !n || n > max || !hear_all(c, mask, 4) || !hear_all(c, p, n))
		return -1;
	for (size_t i = 0; i < n; i++)
		p[i] ^= mask[i % 4];
	memmove(p, p + 1, n - 1);
	return (ssize_t)n - 1;
}

/* It says all before it reads anything, and begins late: by then all that is on the way to it is
 * full. */
static void pod_talks_first(struct peer *c)
{
	unsigned char b[PIECE + 5] = {0x82, 126, (PIECE + 1) >> 8, (PIECE + 1) & 0xff, 0};
	size_t at;

	usleep(300000);
	for (at = 0; at < BULK; at += PIECE) {
		fill(b + 5, PIECE, at);
		if (!say(c, b, sizeof(b)))
			return;
	}
	for (at = 0; at < BULK;) {
		ssize_t n = hear_message(c, b, sizeof(b));

		if (n < 0 || !fits(b, (size_t)n, at))
			return;
		at += (size_t)n;
	}
	if (say(c, "\x82\x03\0ok", 5))
		hear_out(c);
}

static pid_t speaker(int fd)
{
	struct peer c = {.fd = fd};
	unsigned char b[PIECE];
	pid_t pid = fork();

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (size_t at = 0; at < BULK; at += PIECE) {
		fill(b, PIECE, at);
		if (!say(&c, b, PIECE))
			_exit(1);
	}
	_exit(0);
}

static void much_both_ways(bool tls)
{
	struct rk_kube k = {0};
	struct rk_err err = RK_ERR_INIT;
	struct rk_forward *f = NULL;
	unsigned char b[PIECE];
	int port, local = 0, fd;
	pid_t server = serve(&port, tls, pod_talks_first), writer;

	client_init(&k, port, tls);
	if (rk_forward_start(&f, &k, "n", "pod", 80, &local, &err) < 0)
		fail_msg("%s", err.msg);
	fd = dial(local);
	writer = speaker(fd);
	usleep(600000); /* what the pod says has to wait for us */
	for (size_t at = 0; at < BULK; at += PIECE) {
		if (recv(fd, b, PIECE, MSG_WAITALL) != PIECE)
			fail_msg("it stalls after %zu bytes", at);
		assert_true(fits(b, PIECE, at));
	}
	assert_int_equal(recv(fd, b, 2, MSG_WAITALL), 2);
	assert_memory_equal(b, "ok", 2);
	close(fd);
	assert_int_equal(waitpid(writer, NULL, 0), writer);
	rk_forward_stop(f);
	client_release(&k);
	server_stop(server);
}

/* It reads nothing, says its word and is gone, as a server that refuses an upload. */
static void pod_refuses(struct peer *c)
{
	struct linger now = {.l_onoff = 1};

	usleep(300000);
	say(c, "\x82\x03\0no", 5);
	setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

static void forward_last_words(void **state)
{
	struct rk_kube k = {0};
	struct rk_err err = RK_ERR_INIT;
	struct rk_forward *f = NULL;
	char got[2] = "";
	int port, local = 0, fd;
	pid_t server = serve(&port, false, pod_refuses), writer;

	(void)state;
	client_init(&k, port, false);
	if (rk_forward_start(&f, &k, "n", "pod", 80, &local, &err) < 0)
		fail_msg("%s", err.msg);
	fd = dial(local);
	writer = speaker(fd);
	assert_int_equal(recv(fd, got, 2, MSG_WAITALL), 2);
	assert_memory_equal(got, "no", 2);
	close(fd);
	assert_int_equal(waitpid(writer, NULL, 0), writer);
	rk_forward_stop(f);
	client_release(&k);
	server_stop(server);
}

static void forward_much_both_ways(void **state)
{
	(void)state;
	much_both_ways(false);
	much_both_ways(true);
}

/* After one whole message, the middle of another; a second beginning. */
static void pod_goes_on(struct peer *c)
{
	if (say(c, "\x82\x03\0hi\x80\x01x", 8))
		hear_out(c);
}

static void pod_begins_twice(struct peer *c)
{
	if (say(c, "\x82\x03\0hi\x02\x01x\x82\x01y", 11))
		hear_out(c);
}

static int wait_and_recv(struct rk_ws *ws, const unsigned char **msg, size_t *n)
{
	int r = rk_ws_recv(ws, msg, n);

	for (struct pollfd p = {.fd = rk_ws_fd(ws), .events = POLLIN}; r == 0;) {
		assert_int_equal(poll(&p, 1, 10000), 1);
		r = rk_ws_recv(ws, msg, n);
	}
	return r;
}

static void out_of_turn(void (*pod)(struct peer *c))
{
	struct rk_err err = RK_ERR_INIT;
	struct rk_ws *ws = NULL;
	struct rk_kube k = {0};
	const unsigned char *msg;
	size_t n;
	int port;
	pid_t server = serve(&port, false, pod);

	client_init(&k, port, false);
	if (rk_ws_open(&ws, &k, "/", "v4.channel.k8s.io", "x", &err) < 0)
		fail_msg("%s", err.msg);
	for (int i = 0; i < 3; i++) /* two ports, and what the pod says */
		assert_int_equal(wait_and_recv(ws, &msg, &n), 1);
	assert_int_equal(n, 3);
	assert_memory_equal(msg, "\0hi", 3);
	assert_int_equal(wait_and_recv(ws, &msg, &n), -1); /* nothing of the first again */
	rk_ws_free(ws);
	client_release(&k);
	server_stop(server);
}

static void pieces_out_of_turn(void **state)
{
	(void)state;
	out_of_turn(pod_goes_on);
	out_of_turn(pod_begins_twice);
}

/* A value may end in a colon, as the name of a user may; without that header the request would be
 * somebody else's. */
static void headers_that_end_in_a_colon(void **state)
{
	static const char *const headers[] = {"Impersonate-User: jane:", NULL};
	rk_auto_buf head = RK_BUF_INIT_SECRET;
	struct rk_http_conf conf = {.allow_http = true, .bearer = "a:", .headers = headers};
	struct rk_wire *w = NULL;
	rk_auto_http *h = NULL;
	int port;
	pid_t server = serve(&port, false, pod_says_hi);
	rk_auto_free char *base = rk_asprintf("http://127.0.0.1:%d", port);

	(void)state;
	conf.base = base;
	assert_int_equal(rk_http_new(&h, &conf, NULL), 0);
	assert_int_equal(rk_http_wire(&w, h, NULL), 0);
	rk_wire_head(w, "/", &head);
	assert_non_null(strstr(head.s, "\r\nImpersonate-User: jane:\r\n"));
	assert_non_null(strstr(head.s, "\r\nAuthorization: Bearer a:\r\n"));
	assert_null(strstr(head.s, "Expect"));
	rk_wire_free(w);
	server_stop(server);
}

static int setup(void **state)
{
	(void)state;
	pki_make(&ca, NULL, &(struct pki_spec){.cn = "test ca", .ca = true});
	pki_make(&server_id, &ca, &(struct pki_spec){.san = "IP:127.0.0.1"});
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	pki_release(&ca);
	pki_release(&server_id);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accept_key),
		cmocka_unit_test(masked),
		cmocka_unit_test(lengths),
		cmocka_unit_test(against_the_protocol),
		cmocka_unit_test(parts),
		cmocka_unit_test(forward_with_a_plugin),
		cmocka_unit_test(forward_with_a_new_token),
		cmocka_unit_test(forward_much_both_ways),
		cmocka_unit_test(forward_last_words),
		cmocka_unit_test(pieces_out_of_turn),
		cmocka_unit_test(headers_that_end_in_a_colon),
	};

	return cmocka_run_group_tests_name("ws", tests, setup, teardown);
}
