// SPDX-License-Identifier: Apache-2.0
/* WebSocket frames, as RFC 6455 has them, and a port-forward over them. */
#include "kube-int.h"
#include "ws.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cmocka.h>

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

/* An API server that takes every request for a WebSocket, and a pod that says "hi". */
static void answer(int fd)
{
	char head[8192] = "", sum[29], key[64] = "";
	const char hi[] = "\x82\x03\0\x50\0\x82\x03\1\x50\0\x82\x03\0hi";
	const char *at;
	size_t n = 0;

	while (!strstr(head, "\r\n\r\n")) {
		ssize_t got = read(fd, head + n, sizeof(head) - 1 - n);

		if (got <= 0)
			return;
		n += (size_t)got;
		head[n] = '\0';
	}
	at = strstr(head, "Sec-WebSocket-Key: ");
	if (!at || sscanf(at + 19, "%63s", key) != 1)
		return;
	rk_ws_accept(key, sum);
	n = (size_t)snprintf(head, sizeof(head),
		"HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
		"Sec-WebSocket-Accept: %s\r\nSec-WebSocket-Protocol: v4.channel.k8s.io\r\n\r\n",
		sum);
	if (write(fd, head, n) == (ssize_t)n && write(fd, hi, sizeof(hi) - 1) > 0)
		while (read(fd, head, sizeof(head)) > 0)
			;
}

static pid_t serve(int *port)
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
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;) {
			int client = accept(fd, NULL, NULL);

			answer(client);
			close(client);
		}
	}
	close(fd);
	return pid;
}

static void client_init(struct rk_kube *k, int port)
{
	rk_auto_free char *base = rk_asprintf("http://127.0.0.1:%d", port);
	struct rk_http_conf conf = {.base = base, .allow_http = true};

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

/* What a connection to the forwarded port hears. */
static void expect_from(int port, const char *want)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	char got[10] = "";

	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
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
	pid_t server = serve(&port);

	(void)state;
	client_init(&k, port);
	k.target.exec_doc = rk_doc_new(true);
	assert_int_equal(rk_yaml_parse(k.target.exec_doc, plugin, strlen(plugin), &exec, &err), 0);
	k.target.exec = exec;
	if (rk_forward_start(&f, &k, "n", "pod", 80, &local, &err) < 0)
		fail_msg("%s", err.msg);
	expect_from(local, "hi");
	expect_from(local, "hi");
	rk_forward_stop(f);
	client_release(&k);
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
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
	pid_t server = serve(&port);
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
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
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
		cmocka_unit_test(headers_that_end_in_a_colon),
	};

	return cmocka_run_group_tests_name("ws", tests, NULL, NULL);
}
