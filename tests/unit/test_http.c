// SPDX-License-Identifier: Apache-2.0
/* The server is a child process that forks for each connection; what it does is said by the path.
 * Counters live in memory shared with it. */
#include "http/http.h"
#include "task/task.h"
#include "tls/tls.h"
#include "pki.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cmocka.h>
#include <openssl/ssl.h>

static struct pki ca, other_ca, server_id, client_id, other_name, cn_only, expired;

/* --- the server --- */

struct count {
	int connections, requests, proxied;
	int seen[8]; /* by the digit that follows in the path */
};

struct server {
	int fd, port;
	pid_t pid;
	struct count *count;
	const struct pki *id; /* NULL: no TLS */
	bool want_client;
	int tls_max;
	enum { SERVE, PROXY, SOCKS } kind;
	int to; /* port a proxy connects to */
};

struct conn {
	struct server *s;
	int fd;
	SSL *ssl;
	char req[1 << 16], *body;
	size_t len;
};

static ssize_t conn_read(struct conn *c, void *p, size_t n)
{
	return c->ssl ? SSL_read(c->ssl, p, (int)n) : read(c->fd, p, n);
}

static void conn_write(struct conn *c, const void *p, size_t n)
{
	if (c->ssl ? SSL_write(c->ssl, p, (int)n) <= 0 : write(c->fd, p, n) < 0)
		_exit(0);
}

static void say(struct conn *c, const char *fmt, ...) RK_PRINTF(2, 3);
static void say(struct conn *c, const char *fmt, ...)
{
	char text[70000];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	conn_write(c, text, (size_t)n);
}

static void answer(struct conn *c, const char *status, const char *headers, const char *body)
{
	say(c, "HTTP/1.1 %s\r\n%sContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
		status, headers, strlen(body), body);
}

static void reset(struct conn *c)
{
	struct linger l = {.l_onoff = 1};

	setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
	close(c->fd);
	_exit(0);
}

/* Read head and body; false at the end of the connection. */
static bool next_request(struct conn *c)
{
	size_t want = 0;
	const char *h;

	c->len = 0;
	c->body = NULL;
	while (!c->body || c->len < (size_t)(c->body - c->req) + want) {
		ssize_t n = conn_read(c, c->req + c->len, sizeof(c->req) - c->len - 1);

		if (n <= 0)
			return false;
		c->len += (size_t)n;
		c->req[c->len] = 0;
		if (c->req[0] == 0x16) { /* TLS, and we have none */
			answer(c, "400 Bad Request", "", "");
			return false;
		}
		c->body = strstr(c->req, "\r\n\r\n");
		if (!c->body)
			continue;
		c->body += 4;
		if (rk_prefix(c->req, "POST /early"))
			return true; /* the body stays unread */
		h = strcasestr(c->req, "\r\nContent-Length: ");
		want = h ? strtoul(h + 18, NULL, 10) : 0;
	}
	return true;
}

/* --- what it serves, by how the path begins --- */

/* Answers that are as they should be. */
static const struct {
	const char *path, *status, *headers, *body;
} answers[] = {
	{"/always503", "503 Service Unavailable", "Retry-After: 0\r\n", "{}"},
	{"/late503", "503 Service Unavailable", "Retry-After: 3600\r\n", "{}"},
	{"/date503", "503 Service Unavailable", "Retry-After: Wed, 21 Oct 2099 07:28:00 GMT\r\n",
		"{}"},
	{"/warn", "200 OK",
		"Warning: 299 - \"old \\\"api\\\"\"\r\nwarning:  299 k8s \"two\"\r\n"
		"Warning: 199 - \"not shown\"\r\n",
		"{}"},
};

/* Bytes as they are; then the next request, the end of the connection, or silence. */
#define CHUNKED "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
static const struct {
	const char *path, *bytes;
	enum { NEXT, END, SILENCE } then;
} texts[] = {
	{"/cut", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n0123456789", END},
	{"/chunkcut", CHUNKED "ff\r\n0123456789", END},
	{"/headcut", "HTTP/1.1 200 OK\r\nContent-Le", END},
	{"/nolength", "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n0123456789", END},
	{"/part", "HTTP/1.1 206 Partial Content\r\nContent-Length: 2\r\n\r\n{}", NEXT},
	{"/junk", "SSH-2.0-OpenSSH_9.2\r\n", END},
	{"/slow", "", SILENCE},
	{"/halfslow", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n0123456789", SILENCE},
	{"/trailers", CHUNKED "2\r\n{}\r\n0\r\nX-T: 1\r\n\r\n", NEXT},
	{"/nothing", "HTTP/1.1 204 No Content\r\n\r\n", NEXT},
};

/* What takes more than that. */
struct asked {
	const char *path;
	int times; /* how often, with this digit at its end */
};

static void echo_back(struct conn *c, const struct asked *a)
{
	(void)a;
	say(c, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s", c->len, c->req);
}

static void big(struct conn *c, const struct asked *a)
{
	bool chunked = rk_prefix(a->path, "/chunk");
	char block[1000];

	memset(block, 'x', sizeof(block));
	if (chunked)
		say(c, CHUNKED);
	else
		say(c, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
	for (size_t i = 0; i < 100000; i += sizeof(block)) {
		if (chunked)
			say(c, "3e8\r\n");
		conn_write(c, block, sizeof(block));
		if (chunked)
			say(c, "\r\n");
	}
	if (chunked)
		say(c, "0\r\n\r\n");
}

static void stream(struct conn *c, const struct asked *a)
{
	say(c, CHUNKED);
	for (int i = 0; i < 3; i++) {
		usleep(20000);
		say(c, "2\r\n%d\n\r\n", i);
	}
	if (strstr(a->path, "hang"))
		sleep(20);
	else
		say(c, "0\r\n\r\n");
}

static void busy_twice(struct conn *c, const struct asked *a)
{
	if (a->times <= 2)
		answer(c, "429 Too Many Requests", "Retry-After: 0\r\n", "{\"code\":429}");
	else
		answer(c, "200 OK", "", c->body[0] ? c->body : "{}");
}

static void reset_always(struct conn *c, const struct asked *a)
{
	(void)a;
	reset(c);
}

static void reset_once(struct conn *c, const struct asked *a)
{
	if (a->times == 1)
		reset(c);
	answer(c, "200 OK", "", "{}");
}

/* A kept connection that dies on the second request. */
static void well_once(struct conn *c, const struct asked *a)
{
	if (a->times > 1)
		reset(c);
	answer(c, "200 OK", "", "{}");
}

static void redirect(struct conn *c, const struct asked *a)
{
	rk_auto_free char *to = rk_asprintf("Location: https://127.0.0.1:%d/ok7\r\n", c->s->port);

	(void)a;
	answer(c, "302 Found", to, "");
}

static void refuse_early(struct conn *c, const struct asked *a)
{
	(void)a;
	answer(c, "413 Request Entity Too Large", "Connection: close\r\n", "{\"code\":413}");
	usleep(300000); /* as Go's server does */
	reset(c);
}

static void hint_first(struct conn *c, const struct asked *a)
{
	(void)a;
	say(c, "HTTP/1.1 103 Early Hints\r\nWarning: 299 - \"early\"\r\n\r\n");
	answer(c, "200 OK", "", "{}");
}

/* A head that never ends: one line, or many. */
static void long_head(struct conn *c, const struct asked *a)
{
	bool many = rk_prefix(a->path, "/many");
	char block[1000];

	memset(block, 'x', sizeof(block));
	say(c, "HTTP/1.1 200 OK\r\nX-Long: ");
	for (int i = 0; i < 10000; i++) {
		conn_write(c, block, sizeof(block));
		if (many)
			say(c, "\r\nX-More: ");
	}
}

static const struct {
	const char *path;
	void (*serve)(struct conn *c, const struct asked *a);
} doers[] = {{"/echo", echo_back}, {"/big", big}, {"/chunkbig", big}, {"/stream", stream},
	{"/busy", busy_twice}, {"/alwaysreset", reset_always}, {"/reset", reset_once},
	{"/once", well_once}, {"/redirect", redirect}, {"/early", refuse_early},
	{"/longhead", long_head}, {"/manyheads", long_head}, {"/continue", hint_first}};

static bool say_text(struct conn *c, size_t i)
{
	if (*texts[i].bytes)
		say(c, "%s", texts[i].bytes);
	if (texts[i].then == SILENCE)
		sleep(20);
	return texts[i].then != END;
}

/* False: the connection ends here. */
static bool respond(struct conn *c, const struct asked *a)
{
	for (size_t i = 0; i < RK_COUNT(texts); i++)
		if (rk_prefix(a->path, texts[i].path))
			return say_text(c, i);
	for (size_t i = 0; i < RK_COUNT(doers); i++)
		if (rk_prefix(a->path, doers[i].path)) {
			doers[i].serve(c, a);
			return true;
		}
	for (size_t i = 0; i < RK_COUNT(answers); i++)
		if (rk_prefix(a->path, answers[i].path)) {
			answer(c, answers[i].status, answers[i].headers, answers[i].body);
			return true;
		}
	answer(c, "200 OK", "", "{}");
	return true;
}

/* Requests are counted, and also by the digit at the end of their path. */
static bool handle(struct conn *c)
{
	char path[300] = "";
	struct asked a = {.path = path};
	size_t n;
	int digit = 0;

	sscanf(c->req, "%*15s %299s", path);
	n = strlen(path);
	if (n > 1 && path[n - 1] >= '0' && path[n - 1] <= '7')
		digit = path[n - 1] - '0';
	__atomic_add_fetch(&c->s->count->requests, 1, __ATOMIC_SEQ_CST);
	a.times = __atomic_add_fetch(&c->s->count->seen[digit], 1, __ATOMIC_SEQ_CST);
	return respond(c, &a);
}

/* --- its connections --- */

static SSL_CTX *server_ctx(const struct server *s)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	X509_STORE *store = SSL_CTX_get_cert_store(ctx);

	PKI_MUST(SSL_CTX_use_certificate(ctx, s->id->cert) == 1);
	PKI_MUST(SSL_CTX_use_PrivateKey(ctx, s->id->key) == 1);
	X509_STORE_add_cert(store, ca.cert);
	SSL_CTX_set_mode(ctx, SSL_MODE_NO_AUTO_CHAIN);
	if (s->want_client)
		SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	if (s->tls_max) {
		SSL_CTX_set_security_level(ctx, 0);
		SSL_CTX_set_min_proto_version(ctx, TLS1_VERSION);
		SSL_CTX_set_max_proto_version(ctx, s->tls_max);
	}
	return ctx;
}

static void tls_accept(struct conn *c)
{
	if (!c->s->id)
		return;
	c->ssl = SSL_new(server_ctx(c->s));
	SSL_set_fd(c->ssl, c->fd);
	if (SSL_accept(c->ssl) == 1)
		return;
	shutdown(c->fd, SHUT_WR); /* unread bytes would take the alert with them */
	while (read(c->fd, c->req, sizeof(c->req)) > 0)
		;
	_exit(0);
}

/* No close_notify: an end in the middle must look like one. */
static void serve(struct conn *c)
{
	while (next_request(c) && handle(c))
		;
}

/* The buffer takes a whole TLS record: nothing stays behind for poll() to miss. */
static void relay(struct conn *c, int to)
{
	struct pollfd p[2] = {{.fd = c->fd, .events = POLLIN}, {.fd = to, .events = POLLIN}};
	char b[16384];
	ssize_t n;

	while (poll(p, 2, -1) > 0) {
		if (p[0].revents) {
			n = conn_read(c, b, sizeof(b));
			if (n <= 0 || write(to, b, (size_t)n) < 0)
				return;
		}
		if (p[1].revents) {
			n = read(to, b, sizeof(b));
			if (n <= 0)
				return;
			conn_write(c, b, (size_t)n);
		}
	}
}

static int dial(int port)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	PKI_MUST(connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0);
	return fd;
}

static void proxy(struct conn *c)
{
	if (!next_request(c) || !rk_prefix(c->req, "CONNECT "))
		return;
	__atomic_add_fetch(&c->s->count->proxied, 1, __ATOMIC_SEQ_CST);
	if (strstr(c->req, "Authorization: Bearer"))
		say(c, "HTTP/1.1 500 the token was shown to the proxy\r\n\r\n");
	else if (rk_prefix(c->req, "CONNECT forbidden.example"))
		say(c, "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
	else if (rk_prefix(c->req, "CONNECT auth.example") &&
		 !strstr(c->req, "\r\nProxy-Authorization: Basic dTpw\r\n"))
		say(c, "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n");
	else {
		say(c, "HTTP/1.1 200 OK\r\nX-Proxy: yes\r\nWarning: 299 - \"of the "
		       "proxy\"\r\n\r\n");
		relay(c, dial(c->s->to));
	}
}

/* Takes a name only (address type 3): the proxy must be the one to look it up. */
static void socks(struct conn *c)
{
	unsigned char b[300];

	if (read(c->fd, b, sizeof(b)) < 3 || write(c->fd, "\5\0", 2) != 2)
		return;
	if (read(c->fd, b, sizeof(b)) < 5 || b[3] != 3)
		return;
	__atomic_add_fetch(&c->s->count->proxied, 1, __ATOMIC_SEQ_CST);
	if (write(c->fd, "\5\0\0\1\0\0\0\0\0\0", 10) == 10)
		relay(c, dial(c->s->to));
}

static void serve_child(struct server *s, int fd)
{
	struct conn *c = rk_calloc(1, sizeof(*c));

	c->s = s;
	c->fd = fd;
	close(s->fd);
	__atomic_add_fetch(&s->count->connections, 1, __ATOMIC_SEQ_CST);
	tls_accept(c);
	if (s->kind == PROXY)
		proxy(c);
	else if (s->kind == SOCKS)
		socks(c);
	else
		serve(c);
	_exit(0);
}

static void accept_loop(struct server *s)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGCHLD, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	for (;;) {
		int one = 1, fd = accept(s->fd, NULL, NULL);

		if (fd < 0)
			continue;
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		if (fork() == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			serve_child(s, fd);
		}
		close(fd);
	}
}

static int listen_any(int *port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	PKI_MUST(bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0 && listen(fd, 100) == 0);
	PKI_MUST(getsockname(fd, (struct sockaddr *)&a, &n) == 0);
	*port = ntohs(a.sin_port);
	return fd;
}

static void server_start(struct server *s)
{
	s->fd = listen_any(&s->port);
	s->count = mmap(
		NULL, sizeof(*s->count), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	PKI_MUST(s->count != MAP_FAILED);
	s->pid = fork();
	if (s->pid == 0)
		accept_loop(s);
	close(s->fd);
}

static void server_stop(struct server *s)
{
	if (!s->pid)
		return;
	kill(s->pid, SIGKILL);
	waitpid(s->pid, NULL, 0);
	munmap(s->count, sizeof(*s->count));
	s->pid = 0;
}

#define auto_server __attribute__((cleanup(server_stop))) struct server

/* --- the client --- */

struct client {
	struct rk_http *h;
	struct rk_http_conf conf;
	char base[100];
};

static void client_release(struct client *c)
{
	rk_http_free(c->h);
}
#define auto_client __attribute__((cleanup(client_release))) struct client

/* A conf for the server; change it, then connect(). */
static void aim(struct client *c, const struct server *s)
{
	snprintf(c->base, sizeof(c->base), "%s://127.0.0.1:%d", s->id ? "https" : "http", s->port);
	c->conf = (struct rk_http_conf){.base = c->base,
		.ca = ca.cert_pem.s,
		.ca_len = ca.cert_pem.len,
		.allow_http = !s->id};
	if (s->want_client) {
		c->conf.cert = client_id.cert_pem.s;
		c->conf.cert_len = client_id.cert_pem.len;
		c->conf.key = client_id.key_pem.s;
		c->conf.key_len = client_id.key_pem.len;
	}
}

static void open_client(struct client *c)
{
	struct rk_err err = RK_ERR_INIT;

	if (rk_http_new(&c->h, &c->conf, &err) < 0)
		fail_msg("%s", err.msg);
}

static void must_do(struct client *c, const struct rk_http_req *req, struct rk_http_res *res)
{
	struct rk_err err = RK_ERR_INIT;

	if (!c->h)
		open_client(c);
	if (rk_http_do(c->h, req, res, &err) < 0)
		fail_msg("%s", err.msg);
}

static void must_get(struct client *c, const char *path, struct rk_http_res *res)
{
	must_do(c, &(struct rk_http_req){.path = path}, res);
}

#define assert_says(err, text)                                                  \
	do {                                                                    \
		if (!strstr((err).msg, text))                                   \
			fail_msg("expected \"%s\" in \"%s\"", text, (err).msg); \
	} while (0)

static void must_fail(struct client *c, const struct rk_http_req *req, int code,
	enum rk_reason reason, const char *text)
{
	rk_auto_http_res res = RK_HTTP_RES_INIT;
	struct rk_err err = RK_ERR_INIT;

	if (!c->h)
		open_client(c);
	if (rk_http_do(c->h, req, &res, &err) == 0)
		fail_msg("status %d instead of: %s", res.status, text);
	assert_says(err, text);
	assert_true(rk_prefix(err.msg, c->conf.base));
	assert_int_equal(err.reason, reason);
	assert_int_equal(err.code, code);
}

static void get_fails(struct client *c, int code, enum rk_reason reason, const char *text)
{
	must_fail(c, &(struct rk_http_req){.path = "/ok"}, code, reason, text);
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* --- TLS --- */

static void mutual_tls(void **state)
{
	auto_server s = {.id = &server_id, .want_client = true};
	rk_auto_http_res res = RK_HTTP_RES_INIT;
	rk_auto_cert *peer = NULL;
	auto_client c = {0};

	(void)state;
	server_start(&s);
	aim(&c, &s);
	must_get(&c, "/ok", &res);
	assert_int_equal(res.status, 200);
	assert_string_equal(res.body.s, "{}");
	assert_string_equal(res.content_type, "application/json");
	assert_int_equal(rk_http_peer(c.h, &peer, NULL), 0);
	assert_string_equal(peer->sans[0], "srv.example");
}

static void no_client_certificate(void **state)
{
	auto_server s = {.id = &server_id, .want_client = true};
	auto_client c = {0};

	(void)state;
	server_start(&s);
	aim(&c, &s);
	c.conf.cert = NULL;
	must_fail(&c, &(struct rk_http_req){.path = "/ok", .retry = true}, RK_FAIL, RK_REASON_TLS,
		"the server rejected a connection without a client certificate (TLS alert: "
		"certificate required)");
	assert_int_equal(s.count->requests, 0);
	assert_int_equal(rk_http_set_cert(c.h, client_id.cert_pem.s, client_id.cert_pem.len,
				 client_id.key_pem.s, client_id.key_pem.len, NULL),
		0);
	rk_auto_http_res res = RK_HTTP_RES_INIT;
	must_get(&c, "/ok", &res);
	assert_int_equal(res.status, 200);
}

static void client_certificate_of_another_ca(void **state)
{
	auto_server s = {.id = &server_id, .want_client = true};
	auto_client c = {0};
	struct pki p;

	(void)state;
	pki_make(&p, &other_ca, &(struct pki_spec){.cn = "me"});
	server_start(&s);
	aim(&c, &s);
	c.conf.cert = p.cert_pem.s;
	c.conf.cert_len = p.cert_pem.len;
	c.conf.key = p.key_pem.s;
	c.conf.key_len = p.key_pem.len;
	get_fails(&c, RK_FAIL, RK_REASON_TLS,
		"the server rejected the client certificate (TLS alert: unknown ca)");
	get_fails(&c, RK_FAIL, RK_REASON_TLS,
		"the server rejected the client certificate (TLS alert: unknown ca)");
	pki_release(&p);
}

static void key_of_another_certificate(void **state)
{
	auto_server s = {.id = &server_id, .want_client = true};
	auto_client c = {0};

	(void)state;
	server_start(&s);
	aim(&c, &s);
	c.conf.key = ca.key_pem.s;
	c.conf.key_len = ca.key_pem.len;
	get_fails(&c, RK_FAIL, RK_REASON_TLS,
		"the client certificate: the private key does not belong");
	get_fails(&c, RK_FAIL, RK_REASON_TLS,
		"the client certificate: the private key does not belong");
}

static void wrong_ca(void **state)
{
	auto_server s = {.id = &server_id, .want_client = true};
	rk_auto_cert *peer = NULL;
	auto_client c = {0};

	(void)state;
	server_start(&s);
	aim(&c, &s);
	c.conf.ca = other_ca.cert_pem.s;
	c.conf.ca_len = other_ca.cert_pem.len;
	get_fails(&c, RK_FAIL, RK_REASON_TLS,
		"the certificate was issued by CN=test ca, which is not among the trusted CAs");
	assert_int_equal(rk_http_peer(c.h, &peer, NULL), 0);
	assert_string_equal(peer->sans[0], "srv.example");
	assert_int_equal(s.count->requests, 0);
}

/* The system's roots must not help when a CA is given, nor a CA file of the environment. */
static void ca_given_replaces_the_system(void **state)
{
	auto_server s = {.id = &server_id};
	rk_auto_http_res res = RK_HTTP_RES_INIT;
	auto_client c = {0}, d = {0}, e = {0};
	char file[] = "/tmp/rk3k-test-ca-XXXXXX";
	int fd = mkstemp(file);

	(void)state;
	server_start(&s);
	PKI_MUST(write(fd, ca.cert_pem.s, ca.cert_pem.len) == (ssize_t)ca.cert_pem.len);
	close(fd);
	aim(&c, &s);
	c.conf.ca = NULL;
	get_fails(&c, RK_FAIL, RK_REASON_TLS, "CN=test ca, which is not among the trusted CAs");
	setenv("SSL_CERT_FILE", file, 1);
	aim(&d, &s);
	d.conf.ca = NULL;
	must_get(&d, "/ok", &res);
	assert_int_equal(res.status, 200);
	aim(&e, &s);
	e.conf.ca = other_ca.cert_pem.s;
	e.conf.ca_len = other_ca.cert_pem.len;
	get_fails(&e, RK_FAIL, RK_REASON_TLS, "not among the trusted CAs");
	unsetenv("SSL_CERT_FILE");
	unlink(file);
}

static void refuse_new(const struct rk_http_conf *conf, int code, const char *text)
{
	struct rk_err err = RK_ERR_INIT;
	struct rk_http *h;

	assert_int_equal(rk_http_new(&h, conf, &err), -1);
	assert_null(h);
	assert_int_equal(err.code, code);
	assert_says(err, text);
}

static void damaged_ca(void **state)
{
	auto_server s = {.id = &server_id};
	auto_client c = {0};

	(void)state;
	server_start(&s);
	aim(&c, &s);
	c.conf.ca = "nothing";
	c.conf.ca_len = 7;
	refuse_new(&c.conf, RK_FAIL, "the CA: no certificate in it");
}

/* Both notations; libcurl would ask for the passphrase through a null pointer. */
static void encrypted_key(void **state)
{
	(void)state;
	for (int traditional = 0; traditional < 2; traditional++) {
		rk_auto_buf key = RK_BUF_INIT_SECRET;
		auto_server s = {.id = &server_id, .want_client = true};
		auto_client c = {0};
		struct rk_err err = RK_ERR_INIT;

		server_start(&s);
		aim(&c, &s);
		pki_key_pem(client_id.key, traditional, "secret", &key);
		open_client(&c);
		assert_int_equal(rk_http_set_cert(c.h, client_id.cert_pem.s, client_id.cert_pem.len,
					 key.s, key.len, &err),
			-1);
		assert_says(err, "the private key is encrypted");
		c.conf.key = key.s;
		c.conf.key_len = key.len;
		refuse_new(&c.conf, RK_FAIL, "the private key is encrypted");
	}
}

static void wrong_name(void **state)
{
	auto_server s = {.id = &other_name};
	auto_client c = {0};

	(void)state;
	server_start(&s);
	aim(&c, &s);
	get_fails(&c, RK_FAIL, RK_REASON_TLS,
		"the certificate does not cover 127.0.0.1: it covers other.example, 10.9.9.9");
	assert_int_equal(s.count->requests, 0);
}

static void common_name_does_not_count(void **state)
{
	auto_server s = {0};
	auto_client c = {0};
	struct pki p;

	(void)state;
	pki_make(&p, &ca, &(struct pki_spec){.cn = "cn.example"});
	s.id = &p;
	server_start(&s);
	aim(&c, &s);
	c.conf.tls_server_name = "cn.example";
	get_fails(&c, RK_FAIL, RK_REASON_TLS, "does not cover cn.example: it covers no name");
	pki_release(&p);
}

static void expired_certificate(void **state)
{
	auto_server s = {.id = &expired};
	auto_client c = {0};

	(void)state;
	server_start(&s);
	aim(&c, &s);
	get_fails(&c, RK_FAIL, RK_REASON_TLS, "the certificate expired on 20");
}

/* The name is sent as SNI and verified; Host and address stay the real ones. */
static void tls_server_name(void **state)
{
	auto_server s = {.id = &other_name};
	rk_auto_http_res res = RK_HTTP_RES_INIT;
	auto_client c = {0}, d = {0};
	char host[64];

	(void)state;
	server_start(&s);
	aim(&c, &s);
	c.conf.tls_server_name = "other.example";
	must_get(&c, "/echo", &res);
	snprintf(host, sizeof(host), "\r\nHost: 127.0.0.1:%d\r\n", s.port);
	assert_non_null(strstr(res.body.s, host));
	aim(&d, &s);
	d.conf.tls_server_name = "third.example";
	get_fails(&d, RK_FAIL, RK_REASON_TLS,
		"does not cover third.example: it covers other.example");
}

static void tls_server_name_may_be_an_address(void **state)
{
	auto_server s = {.id = &other_name};
	rk_auto_http_res res = RK_HTTP_RES_INIT;
	auto_client c = {0};

	(void)state;
	server_start(&s);
	aim(&c, &s);
	c.conf.tls_server_name = "10.9.9.9";
	must_get(&c, "/ok", &res);
	assert_int_equal(res.status, 200);
}

static void resolve_names_an_address(void **state)
{
	auto_server s = {.id = &server_id};
	rk_auto_http_res res = RK_HTTP_RES_INIT;
	auto_client c = {0};
	char pin[64];

	(void)state;
	server_start(&s);
	aim(&c, &s);
	snprintf(c.base, sizeof(c.base), "https://srv.example:%d", s.port);
	snprintf(pin, sizeof(pin), "srv.example:%d:127.0.0.1", s.port);
	c.conf.resolve = pin;
	must_get(&c, "/ok", &res);
	assert_int_equal(res.status, 200);
}

static void old_tls_is_refused(void **state)
{
	auto_server s = {.id = &server_id, .tls_max = TLS1_1_VERSION};
	auto_client c = {0};

	(void)state;
	server_start(&s);
	aim(&c, &s);
	get_fails(&c, RK_FAIL, RK_REASON_TLS, "the server does not support TLS 1.2 or newer");
}

static void tls12_works(void **state)
{
	auto_server s = {.id = &server_id, .tls_max = TLS1_2_VERSION, .want_client = true};
	rk_auto_http_res res = RK_HTTP_RES_INIT;
	auto_client c = {0};

	(void)state;
	server_start(&s);
	aim(&c, &s);
	must_get(&c, "/ok", &res);
	assert_int_equal(res.status, 200);
}

static void plain_port(void **state)
{
	auto_server s = {.id = NULL};
	auto_client c = {0};

	(void)state;
	server_start(&s);
	aim(&c, &s);
	snprintf(c.base, sizeof(c.base), "https://127.0.0.1:%d", s.port);
	get_fails(&c, RK_FAIL, RK_REASON_TLS, "the server does not speak TLS");
}

/* --- connections --- */

static void nothing_listens(void **state)
{
	auto_client c = {0};
	struct server s = {.id = &server_id};

	(void)state;
	close(listen_any(&s.port));
	aim(&c, &s);
	get_fails(&c, RK_FAIL, RK_REASON_REFUSED, "connection refused");
}

static void name_not_found(void **state)
{
	auto_client c = {0};

	(void)state;
	c.conf = (struct rk_http_conf){.base = "https://no-such-name.invalid:6443"};
	get_fails(&c, RK_FAIL, RK_REASON_RESOLVE, "the name no-such-name.invalid was not found");
}

/* A listener that never accepts: the handshake gets no answer. */
static void silence_at_the_handshake(void **state)
{
	struct server s = {.id = &server_id};
	int fd = listen_any(&s.port);
	auto_client c = {0};
	int64_t t = now_ms();

	(void)state;
	aim(&c, &s);
	c.conf.connect_ms = 300;
	get_fails(&c, RK_TIMEOUT, RK_REASON_TIMEOUT, "no TLS handshake within 300 ms");
	assert_in_range(now_ms() - t, 290, 3000);
	close(fd);
}

/* The limit that was reached is the one that is named: the request's, where it is shorter. */
static void limit_before_the_connection(void **state)
{
	struct server s = {.id = &server_id};
	int fd = listen_any(&s.port);
	auto_client c = {0};

	(void)state;
	aim(&c, &s);
	c.conf.request_ms = 300;
	get_fails(&c, RK_TIMEOUT, RK_REASON_TIMEOUT, "no TLS handshake within 300 ms");
	must_fail(&c, &(struct rk_http_req){.path = "/ok", .timeout_ms = 200}, RK_TIMEOUT,
		RK_REASON_TIMEOUT, "no TLS handshake within 200 ms");
	close(fd);
}

static void slow_answer(void **state)
{
	auto_server s = {.id = &server_id};
	auto_client c = {0};
	int64_t t = now_ms();

	(void)state;
	server_start(&s);
	aim(&c, &s);
	c.conf.request_ms = 500;
	must_fail(&c, &(struct rk_http_req){.path = "/slow", .retry = true}, RK_TIMEOUT,
		RK_REASON_TIMEOUT, "no answer within 500 ms");
	must_fail(&c, &(struct rk_http_req){.path = "/halfslow"}, RK_TIMEOUT, RK_REASON_TIMEOUT,
		"the answer was not complete after 500 ms");
	must_fail(&c, &(struct rk_http_req){.path = "/slow", .timeout_ms = 200}, RK_TIMEOUT,
		RK_REASON_TIMEOUT, "no answer within 200 ms");
	assert_in_range(now_ms() - t, 1190, 5000);
	assert_int_equal(s.count->requests, 3);
}

static void cut_off(void **state)
{
	static const char *const paths[] = {"/cut", "/chunkcut"};
	auto_server s = {.id = &server_id}, plain = {0};
	auto_client c = {0}, d = {0};

	(void)state;
	server_start(&s);
	server_start(&plain);
	aim(&c, &s);
	aim(&d, &plain);
	for (size_t i = 0; i < RK_COUNT(paths); i++) {
		struct rk_http_req req = {.path = paths[i]};

		must_fail(&c, &req, RK_FAIL, RK_REASON_BROKEN,
			"closed in the middle of the answer, after 10 bytes");
		must_fail(&d, &req, RK_FAIL, RK_REASON_BROKEN,
			"closed in the middle of the answer, after 10 bytes");
	}
}

static void not_http(void **state)
{
	auto_server s = {.id = &server_id};
	auto_client c = {0};

	(void)state;
	server_start(&s);
	aim(&c, &s);
	must_fail(&c, &(struct rk_http_req){.path = "/junk"}, RK_FAIL, RK_REASON_NONE, "HTTP/0.9");
	must_fail(
		&c, &(struct rk_http_req){.path = "/headcut"}, RK_FAIL, RK_REASON_BROKEN, "closed");
}

static void too_large(void **state)
{
	static const char *const paths[] = {"/big", "/chunkbig"};
	auto_server s = {.id = &server_id};
	auto_client c = {0};

	(void)state;
	server_start(&s);
	aim(&c, &s);
	for (size_t i = 0; i < RK_COUNT(paths); i++) {
		rk_auto_http_res res = RK_HTTP_RES_INIT;

		must_fail(&c, &(struct rk_http_req){.path = paths[i], .max = 99999, .retry = true},
			RK_FAIL, RK_REASON_TOO_LARGE,
			"the answer is larger than the limit of 99999 bytes");
		must_do(&c, &(struct rk_http_req){.path = paths[i], .max = 100000}, &res);
		assert_int_equal(res.body.len, 100000);
	}
}

static void connection_is_kept(void **state)
{
	auto_server s = {.id = &server_id, .want_client = true};
	auto_client c = {0};

	(void)state;
	server_start(&s);
	aim(&c, &s);
	for (int i = 0; i < 20; i++) {
		rk_auto_http_res res = RK_HTTP_RES_INIT;

		must_do(&c,
			&(struct rk_http_req){
				.path = "/ok", .body = i % 2 ? "{}" : NULL, .body_len = 2},
			&res);
		assert_int_equal(res.status, 200);
	}
	assert_int_equal(s.count->requests, 20);
	assert_int_equal(s.count->connections, 1);
}

/* A credential plugin has no use for them. */
static void connections_are_not_inherited(void **state)
{
	auto_server s = {.id = &server_id};
	rk_auto_http_res res = RK_HTTP_RES_INIT;
	auto_client c = {0};
	int seen = 0;

	(void)state;
	server_start(&s);
	aim(&c, &s);
	must_get(&c, "/ok", &res);
	for (int fd = 3; fd < 256; fd++) {
		struct sockaddr_in a = {0};
		socklen_t n = sizeof(a);

		if (getpeername(fd, (struct sockaddr *)&a, &n) < 0 || ntohs(a.sin_port) != s.port)
			continue;
		seen++;
		assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	}
	assert_int_equal(seen, 1);
}

/* --- what is sent --- */

static void echo(struct client *c, const struct rk_http_req *req, const char *const *want,
	const char *const *unwanted)
{
	rk_auto_http_res res = RK_HTTP_RES_INIT;

	must_do(c, req, &res);
	for (; *want; want++)
		if (!memmem(res.body.s, res.body.len, *want, strlen(*want)))
			fail_msg("%s is missing in:\n%s", *want, res.body.s);
	for (; *unwanted; unwanted++)
		if (strcasestr(res.body.s, *unwanted))
			fail_msg("%s is in:\n%s", *unwanted, res.body.s);
}

static void headers_as_sent(void **state)
{
	static const char *const headers[] = {"Impersonate-User: alice", NULL};
	static const char *const more[] = {"X-More: 1", NULL};
	auto_server s = {.id = &server_id};
	auto_client c = {0};
	struct rk_http_req patch = {.method = "PATCH",
		.path = "/echo?force=true&a=b%2F",
		.content_type = "application/apply-patch+yaml",
		.body = "body",
		.body_len = 4,
		.headers = more};

	(void)state;
	server_start(&s);
	aim(&c, &s);
	c.conf.headers = headers;
	c.conf.bearer = "sesame";
	echo(&c, &patch,
		(const char *[]){"PATCH /echo?force=true&a=b%2F HTTP/1.1\r\n",
			"\r\nAuthorization: Bearer sesame\r\n", "\r\nImpersonate-User: alice\r\n",
			"\r\nX-More: 1\r\n", "\r\nAccept: application/json\r\n",
			"\r\nUser-Agent: rk3k/", " (linux/",
			"\r\nContent-Type: application/apply-patch+yaml\r\n",
			"\r\nContent-Length: 4\r\n", "\r\n\r\nbody", NULL},
		(const char *[]){"Expect", "Accept-Encoding", NULL});
	rk_http_set_bearer(c.h, "two");
	echo(&c, &(struct rk_http_req){.path = "echo", .accept = "text/plain"},
		(const char *[]){"GET /echo HTTP/1.1\r\n", "\r\nAuthorization: Bearer two\r\n",
			"\r\nAccept: text/plain\r\n", NULL},
		(const char *[]){"Content-", "X-More", "sesame", "Transfer-Encoding", NULL});
	echo(&c, &(struct rk_http_req){.path = "/echo", .body = "", .body_len = 0},
		(const char *[]){"POST /echo HTTP/1.1\r\n", "\r\nContent-Length: 0\r\n", NULL},
		(const char *[]){"Content-Type", "Transfer-Encoding", NULL});
	echo(&c,
		&(struct rk_http_req){.method = "DELETE",
			.path = "/echo",
			.body = "{}",
			.body_len = 2,
			.content_type = "application/json"},
		(const char *[]){"DELETE /echo HTTP/1.1\r\n", "\r\nContent-Length: 2\r\n",
			"\r\n\r\n{}", NULL},
		(const char *[]){"Transfer-Encoding", NULL});
}

static void basic_auth_and_prefix(void **state)
{
	auto_server s = {.id = &server_id};
	auto_client c = {0};

	(void)state;
	server_start(&s);
	aim(&c, &s);
	snprintf(c.base, sizeof(c.base), "https://127.0.0.1:%d/echo//", s.port);
	c.conf.user = "u";
	c.conf.password = "p";
	echo(&c, &(struct rk_http_req){.path = "/a/../b"},
		(const char *[]){
			"GET /echo/a/../b HTTP/1.1\r\n", "\r\nAuthorization: Basic dTpw\r\n", NULL},
		(const char *[]){NULL});
}

static void large_body_goes_through(void **state)
{
	auto_server s = {.id = &server_id};
	rk_auto_http_res res = RK_HTTP_RES_INIT;
	auto_client c = {0};
	static char body[60000];

	(void)state;
	server_start(&s);
	aim(&c, &s);
	memset(body, 'b', sizeof(body));
	must_do(&c,
		&(struct rk_http_req){
			.method = "PUT", .path = "/echo", .body = body, .body_len = sizeof(body)},
		&res);
	assert_memory_equal(res.body.s + res.body.len - sizeof(body), body, sizeof(body));
}

/* --- what comes back --- */

static void redirect_is_not_followed(void **state)
{
	auto_server s = {.id = &server_id};
	rk_auto_http_res res = RK_HTTP_RES_INIT;
	auto_client c = {0};

	(void)state;
	server_start(&s);
	aim(&c, &s);
	must_get(&c, "/redirect", &res);
	assert_int_equal(res.status, 302);
	assert_non_null(strstr(res.location, "/ok7"));
	assert_int_equal(s.count->seen[7], 0);
}

static void odd_but_good_answers(void **state)
{
	auto_server s = {.id = &server_id};
	rk_auto_http_res res = RK_HTTP_RES_INIT;
	auto_client c = {0};

	(void)state;
	server_start(&s);
	aim(&c, &s);
	must_get(&c, "/warn", &res);
	assert_string_equal(res.warnings.s, "old \"api\"\ntwo\n");
	must_get(&c, "/continue", &res);
	assert_int_equal(res.status, 200);
	assert_string_equal(res.warnings.s, "");
	must_get(&c, "/trailers", &res);
	assert_string_equal(res.body.s, "{}");
	must_get(&c, "/nothing", &res);
	assert_int_equal(res.status, 204);
	assert_int_equal(res.body.len, 0);
}

static void head_has_no_body(void **state)
{
	auto_server s = {.id = &server_id};
	rk_auto_http_res res = RK_HTTP_RES_INIT;
	auto_client c = {0};

	(void)state;
	server_start(&s);
	aim(&c, &s);
	must_do(&c, &(struct rk_http_req){.method = "HEAD", .path = "/echo"}, &res);
	assert_int_equal(res.status, 200);
	assert_int_equal(res.body.len, 0);
}

/* 413 with the rest of the upload refused: the code counts, not the broken pipe. */
static void early_answer_counts(void **state)
{
	auto_server s = {.id = &server_id}, plain = {0};
	auto_client c = {0}, d = {0};
	size_t n = 5 << 20;
	rk_auto_free char *body = rk_calloc(1, n);

	(void)state;
	server_start(&s);
	server_start(&plain);
	aim(&c, &s);
	aim(&d, &plain);
	for (int i = 0; i < 2; i++) {
		rk_auto_http_res res = RK_HTTP_RES_INIT;

		must_do(i ? &d : &c,
			&(struct rk_http_req){
				.path = "/early", .body = body, .body_len = n, .retry = true},
			&res);
		assert_int_equal(res.status, 413);
	}
	assert_int_equal(s.count->requests, 1);
}

/* --- repeats --- */

static void busy_then_well(void **state)
{
	auto_server s = {.id = &server_id};
	rk_auto_http_res res = RK_HTTP_RES_INIT;
	auto_client c = {0};

	(void)state;
	server_start(&s);
	aim(&c, &s);
	must_do(&c,
		&(struct rk_http_req){
			.path = "/busy1", .body = "[1]", .body_len = 3, .retry = true},
		&res);
	assert_int_equal(res.status, 200);
	assert_string_equal(res.body.s, "[1]");
	assert_int_equal(s.count->seen[1], 3);
	assert_int_equal(s.count->connections, 1);
	must_do(&c, &(struct rk_http_req){.path = "/busy2"}, &res);
	assert_int_equal(res.status, 429);
	assert_int_equal(res.retry_after, 0);
}

static void repeats_are_bounded(void **state)
{
	auto_server s = {.id = &server_id};
	rk_auto_http_res res = RK_HTTP_RES_INIT;
	auto_client c = {0};
	int64_t t = now_ms();

	(void)state;
	server_start(&s);
	aim(&c, &s);
	must_do(&c, &(struct rk_http_req){.path = "/always503-1", .retry = true}, &res);
	assert_int_equal(res.status, 503);
	assert_int_equal(s.count->seen[1], 11);
	must_do(&c, &(struct rk_http_req){.path = "/late503-2", .retry = true}, &res);
	assert_int_equal(s.count->seen[2], 1);
	assert_int_equal(res.retry_after, 3600);
	must_do(&c, &(struct rk_http_req){.path = "/date503-3", .retry = true}, &res);
	assert_int_equal(s.count->seen[3], 1);
	assert_int_equal(res.retry_after, -1);
	assert_in_range(now_ms() - t, 0, 5000);
}

static void get_is_repeated_after_a_reset(void **state)
{
	auto_server s = {.id = &server_id};
	rk_auto_http_res res = RK_HTTP_RES_INIT;
	auto_client c = {0}, d = {0};

	(void)state;
	server_start(&s);
	aim(&c, &s);
	must_do(&c, &(struct rk_http_req){.path = "/reset1", .retry = true}, &res);
	assert_int_equal(res.status, 200);
	assert_int_equal(s.count->seen[1], 2);
	aim(&d, &s);
	must_fail(&d, &(struct rk_http_req){.path = "/reset2"}, RK_FAIL, RK_REASON_BROKEN,
		"closed without an answer");
	assert_int_equal(s.count->seen[2], 1);
}

static void post_is_not_repeated_after_a_reset(void **state)
{
	auto_server s = {.id = &server_id};
	auto_client c = {0};

	(void)state;
	server_start(&s);
	aim(&c, &s);
	must_fail(&c,
		&(struct rk_http_req){
			.path = "/reset1", .body = "{}", .body_len = 2, .retry = true},
		RK_FAIL, RK_REASON_BROKEN, "the request may have been carried out");
	assert_int_equal(s.count->seen[1], 1);
}

/* libcurl would send it again on its own when a kept connection dies without an answer. */
static void post_on_a_kept_connection_is_not_repeated(void **state)
{
	auto_server s = {.id = &server_id};
	rk_auto_http_res res = RK_HTTP_RES_INIT;
	auto_client c = {0};
	struct rk_http_req post = {.path = "/once1", .body = "{}", .body_len = 2, .retry = true};

	(void)state;
	server_start(&s);
	aim(&c, &s);
	must_do(&c, &post, &res);
	assert_int_equal(res.status, 200);
	must_fail(&c, &post, RK_FAIL, RK_REASON_BROKEN, "may have been carried out");
	assert_int_equal(s.count->seen[1], 2);
}

/* The same without a body, which needs no rewinding. */
static void delete_on_a_kept_connection_is_not_repeated(void **state)
{
	static const char *const methods[] = {"DELETE", "POST"};

	(void)state;
	for (size_t i = 0; i < RK_COUNT(methods); i++) {
		auto_server s = {.id = &server_id};
		rk_auto_http_res res = RK_HTTP_RES_INIT;
		auto_client c = {0};
		struct rk_http_req req = {.path = "/once1", .method = methods[i], .retry = true};

		server_start(&s);
		aim(&c, &s);
		must_do(&c, &req, &res);
		assert_int_equal(res.status, 200);
		must_fail(&c, &req, RK_FAIL, RK_REASON_BROKEN, "may have been carried out");
		assert_int_equal(s.count->seen[1], 2);
	}
}

static volatile sig_atomic_t stop_signal;

static void stop_now(const char *line)
{
	(void)line;
	stop_signal = SIGINT;
}

/* A signal that comes while a change is under way: it is carried through, but not sent again. */
static void no_repeat_after_a_signal(void **state)
{
	auto_server s = {.id = &server_id};
	rk_auto_http_res res = RK_HTTP_RES_INIT;
	auto_client c = {0};

	(void)state;
	server_start(&s);
	aim(&c, &s);
	open_client(&c);
	rk_http_set_stop(c.h, &stop_signal);
	rk_http_trace = stop_now;
	must_do(&c,
		&(struct rk_http_req){.path = "/busy1", .body = "{}", .body_len = 2, .retry = true},
		&res);
	rk_http_trace = NULL;
	assert_int_equal(res.status, 429);
	assert_int_equal(s.count->seen[1], 1);
	must_fail(&c, &(struct rk_http_req){.path = "/ok2"}, 128 + SIGINT, RK_REASON_NONE,
		"signal 2");
	assert_int_equal(s.count->seen[2], 0);
}

/* --- addresses --- */

static void bad_configurations(void **state)
{
	static const char *const bad_header[] = {"X: a\r\nY: b", NULL};
	static const struct {
		struct rk_http_conf conf;
		int code;
		const char *text;
	} t[] = {{{.base = "http://10.0.0.1:6443"}, RK_CONFLICT, "not encrypted"},
		{{.base = "http://10.0.0.1", .allow_http = true}, RK_CONFLICT, "not encrypted"},
		{{.base = "http://127.0.0.1"}, RK_CONFLICT, "not encrypted"},
		{{.base = "ftp://h"}, RK_USAGE, "ftp://h"},
		{{.base = ""}, RK_USAGE, "not an address"},
		{{.base = NULL}, RK_USAGE, "not an address"},
		{{.base = "h:6443"}, RK_USAGE, "h:6443"},
		{{.base = "https://h:99999"}, RK_USAGE, "not an address"},
		{{.base = "https://h h"}, RK_USAGE, "not an address"},
		{{.base = "https://u:hunter2@h"}, RK_USAGE, "the address of h holds a user name"},
		{{.base = "https://h?a=b"}, RK_USAGE, "query"},
		{{.base = "https://h\r\nX: y"}, RK_USAGE, "not an address"},
		{{.base = "https://h", .tls_server_name = "a/b"}, RK_USAGE, "tls-server-name"},
		{{.base = "https://h", .bearer = "a\nb"}, RK_USAGE, "the token holds"},
		{{.base = "https://h", .headers = bad_header}, RK_USAGE, "header 1"},
		{{.base = "https://h", .proxy = "ftp://u:p@p"}, RK_USAGE,
			"the proxy ftp://p is neither"},
		{{.base = "https://h", .ca = "", .ca_len = 0}, RK_FAIL,
			"the CA: no certificate in it"}};

	(void)state;
	for (size_t i = 0; i < RK_COUNT(t); i++)
		refuse_new(&t[i].conf, t[i].code, t[i].text);
}

static void bad_path(void **state)
{
	auto_server s = {.id = &server_id};
	auto_client c = {0};

	(void)state;
	server_start(&s);
	aim(&c, &s);
	must_fail(&c, &(struct rk_http_req){.path = "/a b\r\nX: y"}, RK_USAGE, RK_REASON_NONE,
		"not a URL path");
	assert_int_equal(s.count->requests, 0);
}

/* --- proxies --- */

static void through_a_proxy(void **state)
{
	auto_server s = {.id = &server_id}, p = {.kind = PROXY};
	auto_client c = {0}, d = {0}, e = {0};
	rk_auto_http_res res = RK_HTTP_RES_INIT;
	char proxy_url[64];

	(void)state;
	server_start(&s);
	p.to = s.port;
	server_start(&p);
	snprintf(proxy_url, sizeof(proxy_url), "http://u:p@127.0.0.1:%d", p.port);
	setenv("NO_PROXY", "*", 1); /* does not exempt from a proxy that is named */
	aim(&c, &s);
	c.conf.proxy = proxy_url;
	c.conf.bearer = "sesame";
	c.conf.base = "https://auth.example:6443";
	c.conf.tls_server_name = "srv.example";
	must_get(&c, "/ok", &res);
	assert_int_equal(res.status, 200);
	assert_string_equal(res.warnings.s, "");
	assert_int_equal(p.count->proxied, 1);
	aim(&d, &s); /* loopback too */
	d.conf.proxy = proxy_url + 0;
	must_get(&d, "/ok", &res);
	assert_int_equal(p.count->proxied, 2);
	aim(&e, &s);
	e.conf.proxy = proxy_url;
	e.conf.base = "https://forbidden.example";
	must_fail(&e, &(struct rk_http_req){.path = "/ok", .retry = true}, RK_FAIL, RK_REASON_PROXY,
		"the proxy refuses the connection (HTTP 403)");
	assert_int_equal(p.count->proxied, 3);
	unsetenv("NO_PROXY");
}

static void through_a_tls_proxy(void **state)
{
	auto_server s = {.id = &server_id, .want_client = true};
	auto_server p = {.kind = PROXY, .id = &server_id}, bad = {.kind = PROXY, .id = &other_name};
	auto_client c = {0}, d = {0}, e = {0};
	rk_auto_http_res res = RK_HTTP_RES_INIT;
	char proxy_url[64];

	(void)state;
	server_start(&s);
	p.to = bad.to = s.port;
	server_start(&p);
	server_start(&bad);
	snprintf(proxy_url, sizeof(proxy_url), "https://127.0.0.1:%d", p.port);
	aim(&c, &s);
	c.conf.proxy = proxy_url;
	must_get(&c, "/ok", &res);
	assert_int_equal(res.status, 200);
	aim(&d, &s);
	d.conf.proxy = proxy_url;
	d.conf.tls_server_name = "no.example";
	get_fails(&d, RK_FAIL, RK_REASON_TLS, "no.example");
	assert_int_equal(p.count->proxied, 2);
	snprintf(proxy_url, sizeof(proxy_url), "https://127.0.0.1:%d", bad.port);
	aim(&e, &s);
	e.conf.proxy = proxy_url;
	get_fails(&e, RK_FAIL, RK_REASON_TLS, "127.0.0.1");
	assert_int_equal(bad.count->proxied, 0);
	assert_int_equal(s.count->requests, 1);
}

/* A name in the subject alone counts neither for an https proxy nor for a server behind one. The
 * server is not shown the client certificate before that is known. */
static void common_name_does_not_count_with_a_tls_proxy(void **state)
{
	auto_server s = {.id = &cn_only, .want_client = true}, good = {.id = &server_id};
	auto_server p = {.kind = PROXY, .id = &server_id}, bad = {.kind = PROXY, .id = &cn_only};
	auto_server by_name = {.kind = PROXY, .id = &server_id};
	auto_client c = {0}, d = {0}, e = {0};
	rk_auto_http_res res = RK_HTTP_RES_INIT;
	char proxy_url[64];

	(void)state;
	server_start(&s);
	server_start(&good);
	p.to = s.port;
	bad.to = by_name.to = good.port;
	server_start(&p);
	server_start(&bad);
	server_start(&by_name);
	snprintf(proxy_url, sizeof(proxy_url), "https://127.0.0.1:%d", p.port);
	aim(&c, &s);
	c.conf.proxy = proxy_url;
	get_fails(&c, RK_FAIL, RK_REASON_TLS, "127.0.0.1");
	assert_int_equal(p.count->proxied, 1);
	assert_int_equal(s.count->requests, 0);
	snprintf(proxy_url, sizeof(proxy_url), "https://127.0.0.1:%d", bad.port);
	aim(&d, &good);
	d.conf.proxy = proxy_url;
	d.conf.bearer = "sesame";
	get_fails(&d, RK_FAIL, RK_REASON_TLS, "the proxy: ");
	assert_int_equal(bad.count->proxied, 0);
	snprintf(proxy_url, sizeof(proxy_url), "https://127.0.0.1:%d", by_name.port);
	aim(&e, &good);
	e.conf.proxy = proxy_url;
	e.conf.tls_server_name = "srv.example";
	must_get(&e, "/ok", &res);
	assert_int_equal(res.status, 200);
}

static void only_whole_answers_count(void **state)
{
	auto_server s = {.id = &server_id};
	auto_client c = {0};

	(void)state;
	server_start(&s);
	aim(&c, &s);
	must_fail(
		&c, &(struct rk_http_req){.path = "/part"}, RK_FAIL, RK_REASON_BROKEN, "HTTP 206");
	must_fail(&c, &(struct rk_http_req){.path = "/nolength"}, RK_FAIL, RK_REASON_BROKEN,
		"closed");
	must_fail(&c, &(struct rk_http_req){.path = "/longhead"}, RK_FAIL, RK_REASON_TOO_LARGE,
		"the header of the answer is larger than the limit");
	must_fail(&c, &(struct rk_http_req){.path = "/manyheads"}, RK_FAIL, RK_REASON_TOO_LARGE,
		"the header of the answer is larger than the limit");
}

static void proxy_is_down(void **state)
{
	struct server s = {.id = &server_id};
	char proxy_url[64];
	auto_client c = {0};
	int port;

	(void)state;
	close(listen_any(&port));
	snprintf(proxy_url, sizeof(proxy_url), "http://127.0.0.1:%d", port);
	aim(&c, &s);
	c.conf.base = "https://srv.example";
	c.conf.proxy = proxy_url;
	get_fails(&c, RK_FAIL, RK_REASON_PROXY,
		"the proxy refuses the connection: nothing listens there");
	c.conf.proxy = "http://no-such-name.invalid:3128";
	rk_http_free(c.h);
	c.h = NULL;
	get_fails(&c, RK_FAIL, RK_REASON_RESOLVE,
		"the name of the proxy no-such-name.invalid:3128 was not found");
}

static void through_socks(void **state)
{
	auto_server s = {.id = &server_id}, p = {.kind = SOCKS};
	auto_client c = {0};
	rk_auto_http_res res = RK_HTTP_RES_INIT;
	char proxy_url[64];

	(void)state;
	server_start(&s);
	p.to = s.port;
	server_start(&p);
	snprintf(proxy_url, sizeof(proxy_url), "socks5://127.0.0.1:%d", p.port);
	aim(&c, &s);
	c.conf.proxy = proxy_url;
	c.conf.base = "https://srv.example:6443";
	must_get(&c, "/ok", &res);
	assert_int_equal(res.status, 200);
	assert_int_equal(p.count->proxied, 1);
}

static void proxy_of_the_environment(void **state)
{
	static const struct {
		const char *base, *no_proxy;
		bool proxied;
	} t[] = {{"https://srv.example:6443", NULL, true}, {"https://srv.example:6443", "", true},
		{"https://srv.example:6443", "other.example, rv.example,.srv.example", true},
		{"https://srv.example:6443", "srv.example:443", true},
		{"https://srv.example:6443", "10.0.0.0/8,fd00::/8", true},
		{"https://srv.invalid:6443", "x,srv.invalid", false},
		{"https://srv.invalid:6443", "invalid", false},
		{"https://srv.invalid:6443", ".INVALID", false},
		{"https://srv.invalid:6443", "*.invalid", false},
		{"https://srv.invalid:6443", "srv.invalid:6443", false},
		{"https://srv.invalid:6443", "*", false}, {"https://127.0.0.2:1", NULL, false},
		{"https://localhost:1", NULL, false}, {"https://[::1]:1", NULL, false},
		{"https://0.0.0.1:1", "0.0.0.0/8", false}, {"https://0.0.0.1:1", "0.0.0.1", false},
		{"https://0.0.0.1:1", "[::1]:1,::1", true},
		{"https://0.0.0.1:1", "0.0.0.1:1", false},
		{"https://0.0.0.1:1", "0.0.0.1/33", true}};
	auto_server s = {.id = &server_id}, p = {.kind = PROXY};
	char proxy_url[64];
	int seen = 0;

	(void)state;
	server_start(&s);
	p.to = s.port;
	server_start(&p);
	snprintf(proxy_url, sizeof(proxy_url), "127.0.0.1:%d", p.port);
	setenv("https_proxy", proxy_url, 1);
	for (size_t i = 0; i < RK_COUNT(t); i++) {
		rk_auto_http_res res = RK_HTTP_RES_INIT;
		auto_client c = {0};

		if (t[i].no_proxy)
			setenv("no_proxy", t[i].no_proxy, 1);
		aim(&c, &s);
		c.conf.base = t[i].base;
		c.conf.tls_server_name = "srv.example";
		open_client(&c);
		if ((rk_http_do(c.h, &(struct rk_http_req){.path = "/ok"}, &res, NULL) == 0) !=
			t[i].proxied)
			fail_msg("%s with NO_PROXY %s", t[i].base,
				t[i].no_proxy ? t[i].no_proxy : "unset");
		seen += t[i].proxied;
		assert_int_equal(p.count->proxied, seen);
	}
	unsetenv("https_proxy");
	unsetenv("no_proxy");
}

/* --- many at once --- */

struct got {
	struct rk_http *h;
	struct rk_http_req req;
	struct rk_task *task;
	bool done;
	int status, limit;
	struct rk_err err;
	struct rk_buf data;
	char body[64];
};

static int on_data(void *arg, const char *p, size_t n)
{
	struct got *g = arg;

	rk_buf_put(&g->data, p, n);
	return g->limit && g->data.len >= (size_t)g->limit ? -1 : 0;
}

static void do_it(void *arg)
{
	struct got *g = arg;
	rk_auto_http_res res = RK_HTTP_RES_INIT;

	g->status = rk_http_do(g->h, &g->req, &res, &g->err) < 0 ? -1 : res.status;
	g->done = true;
	snprintf(g->body, sizeof(g->body), "%s", res.body.s);
}

static void begin(struct got *g, struct rk_http *h, const struct rk_http_req *req)
{
	g->h = h;
	g->req = *req;
	g->req.data_arg = g;
	g->data = (struct rk_buf)RK_BUF_INIT;
	g->task = rk_task_new(do_it, g, 0);
}

static void wait_for(struct got *g, size_t n)
{
	int64_t end = now_ms() + 10000;

	for (size_t i = 0; i < n; i++) {
		while (!g[i].done) {
			rk_task_poll(NULL, 0, 1000);
			assert_true(now_ms() < end);
		}
		rk_task_free(g[i].task);
	}
}

static void many_at_once(void **state)
{
	auto_server s = {.id = &server_id, .want_client = true};
	struct got g[12] = {0};
	char path[12][16], body[12][16];
	auto_client c = {0};

	(void)state;
	server_start(&s);
	aim(&c, &s);
	open_client(&c);
	for (size_t i = 0; i < RK_COUNT(g); i++) {
		snprintf(path[i], sizeof(path[i]), i % 2 ? "/busy%zu" : "/ok%zu", i % 8);
		snprintf(body[i], sizeof(body[i]), "[%zu]", i);
		begin(&g[i], c.h,
			&(struct rk_http_req){.path = path[i],
				.body = i % 2 ? body[i] : NULL,
				.body_len = strlen(body[i]),
				.retry = true});
	}
	wait_for(g, RK_COUNT(g));
	for (size_t i = 0; i < RK_COUNT(g); i++) {
		assert_int_equal(g[i].status, 200);
		if (i % 2 == 0)
			assert_string_equal(g[i].body, "{}");
		else
			assert_int_equal(g[i].body[0], '[');
	}
}

static void good_and_bad_at_once(void **state)
{
	auto_server s = {.id = &server_id}, bad = {.id = &other_name};
	struct got g[4] = {0};
	auto_client c = {0}, d = {0};
	int64_t t = now_ms();

	(void)state;
	server_start(&s);
	server_start(&bad);
	aim(&c, &s);
	c.conf.request_ms = 2000;
	open_client(&c);
	aim(&d, &bad);
	open_client(&d);
	begin(&g[0], c.h, &(struct rk_http_req){.path = "/ok"});
	begin(&g[1], d.h, &(struct rk_http_req){.path = "/ok"});
	begin(&g[2], c.h, &(struct rk_http_req){.path = "/slow"});
	begin(&g[3], c.h, &(struct rk_http_req){.path = "/cut"});
	wait_for(g, RK_COUNT(g));
	assert_in_range(now_ms() - t, 1990, 15000);
	assert_int_equal(g[0].status, 200);
	assert_says(g[1].err, "does not cover 127.0.0.1: it covers other.example");
	assert_int_equal(g[2].err.reason, RK_REASON_TIMEOUT);
	assert_int_equal(g[3].err.reason, RK_REASON_BROKEN);
}

static void stream_ends_well(void **state)
{
	auto_server s = {.id = &server_id};
	struct got g = {0};
	auto_client c = {0};

	(void)state;
	server_start(&s);
	aim(&c, &s);
	c.conf.request_ms = 30; /* streams are exempt */
	open_client(&c);
	begin(&g, c.h,
		&(struct rk_http_req){
			.path = "/stream", .stream = true, .idle_ms = 2000, .data = on_data});
	wait_for(&g, 1);
	assert_string_equal(g.data.s, "0\n1\n2\n");
	assert_int_equal(g.status, 200);
	rk_buf_release(&g.data);
}

static void stream_goes_silent(void **state)
{
	auto_server s = {.id = &server_id};
	struct got g = {0};
	struct rk_http_req req = {
		.path = "/stream-hang", .stream = true, .idle_ms = 400, .retry = true};
	auto_client c = {0};
	int64_t t = now_ms();

	(void)state;
	server_start(&s);
	aim(&c, &s);
	open_client(&c);
	req.data = on_data;
	begin(&g, c.h, &req);
	wait_for(&g, 1);
	assert_string_equal(g.data.s, "0\n1\n2\n");
	assert_int_equal(g.err.reason, RK_REASON_TIMEOUT);
	assert_says(g.err, "no data for 400 ms");
	assert_in_range(now_ms() - t, 440, 1500);
	rk_buf_release(&g.data);
	req.data = NULL;
	must_fail(&c, &req, RK_TIMEOUT, RK_REASON_TIMEOUT, "no data for 400 ms");
	assert_int_equal(s.count->requests, 2);
}

static void stream_is_stopped_by_its_reader(void **state)
{
	auto_server s = {.id = &server_id};
	struct got g = {.limit = 2};
	auto_client c = {0};

	(void)state;
	server_start(&s);
	aim(&c, &s);
	open_client(&c);
	begin(&g, c.h,
		&(struct rk_http_req){.path = "/stream-hang", .stream = true, .data = on_data});
	wait_for(&g, 1);
	assert_string_equal(g.data.s, "0\n");
	assert_int_equal(g.status, 200);
	rk_buf_release(&g.data);
}

/* One before it begins, one under way; the others go on. */
static void cancelled_requests_end_at_once(void **state)
{
	auto_server s = {.id = &server_id};
	struct got g[4] = {0};
	auto_client c = {0};
	int64_t t = now_ms();

	(void)state;
	server_start(&s);
	aim(&c, &s);
	open_client(&c);
	for (int i = 0; i < 3; i++)
		begin(&g[i], c.h, &(struct rk_http_req){.path = i ? "/slow" : "/stream"});
	begin(&g[3], c.h, &(struct rk_http_req){.path = "/ok"});
	rk_task_free(g[1].task);
	rk_task_poll(NULL, 0, 50);
	rk_task_free(g[2].task);
	wait_for(&g[3], 1);
	wait_for(g, 1);
	assert_in_range(now_ms() - t, 0, 5000);
	assert_int_equal(g[0].status, 200);
	assert_int_equal(g[3].status, 200);
	for (int i = 1; i < 3; i++)
		assert_says(g[i].err, "timed out");
}

/* More descriptors than an fd_set holds: a request works, beside a server that is silent. */
static void descriptors_may_be_many(void **state)
{
	auto_server s = {.id = &server_id};
	struct got g[9] = {0};
	struct rlimit old, many;
	auto_client c = {0};
	int fds[1100];
	int64_t t;

	(void)state;
	server_start(&s);
	aim(&c, &s);
	c.conf.request_ms = 3000;
	open_client(&c);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	many = (struct rlimit){.rlim_cur = 2000, .rlim_max = old.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &many), 0);
	for (size_t i = 0; i < RK_COUNT(fds); i++)
		assert_true((fds[i] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0);
	assert_true(fds[1099] > 1100);

	t = now_ms();
	for (int i = 0; i < 9; i++)
		begin(&g[i], c.h,
			&(struct rk_http_req){.path = i == 8  ? "/slow"
						      : i % 2 ? "/ok"
							      : "/big"});
	wait_for(g, 8);
	assert_in_range(now_ms() - t, 0, 2500);
	for (int i = 0; i < 8; i++)
		assert_int_equal(g[i].status, 200);
	assert_false(g[8].done);
	wait_for(&g[8], 1);
	assert_int_equal(g[8].err.reason, RK_REASON_TIMEOUT);

	for (size_t i = 0; i < RK_COUNT(fds); i++)
		close(fds[i]);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
}

/* A certificate replaced while a transfer runs: the running one keeps its own. */
static void certificate_changes_under_way(void **state)
{
	auto_server s = {.id = &server_id, .want_client = true};
	struct got g[2] = {0};
	auto_client c = {0};

	(void)state;
	server_start(&s);
	aim(&c, &s);
	open_client(&c);
	begin(&g[0], c.h, &(struct rk_http_req){.path = "/ok"});
	rk_task_poll(NULL, 0, 0);
	assert_int_equal(rk_http_set_cert(c.h, NULL, 0, NULL, 0, NULL), 0);
	begin(&g[1], c.h, &(struct rk_http_req){.path = "/ok"});
	wait_for(g, 2);
	assert_int_equal(g[0].status, 200);
	assert_says(g[1].err, "without a client certificate");
}

/* --- -v --- */

static char traced[4][512];
static size_t ntraced;

static void keep_line(const char *line)
{
	if (ntraced < RK_COUNT(traced))
		snprintf(traced[ntraced++], sizeof(traced[0]), "%s", line);
}

static void trace_hides_secrets(void **state)
{
	auto_server s = {.id = &server_id};
	rk_auto_http_res res = RK_HTTP_RES_INIT;
	auto_client c = {0};
	char want[200];

	(void)state;
	server_start(&s);
	aim(&c, &s);
	c.conf.tls_server_name = "srv.example";
	c.conf.bearer = "sesame";
	ntraced = 0;
	rk_http_trace = keep_line;
	must_get(&c, "/ok?limit=5&access_token=hunter2&x", &res);
	must_fail(&c, &(struct rk_http_req){.path = "/cut"}, RK_FAIL, RK_REASON_BROKEN, "closed");
	rk_http_trace = NULL;
	snprintf(want, sizeof(want), "GET %s/ok?limit=5&access_token=***&x 200 ", c.base);
	assert_true(rk_prefix(traced[0], want));
	snprintf(want, sizeof(want), "GET %s/cut (", c.base);
	assert_true(rk_prefix(traced[1], want));
	assert_int_equal(ntraced, 2);
}

static void peer_before_any(void **state)
{
	auto_client c = {.conf = {.base = "https://h"}};
	struct rk_cert *peer;
	struct rk_err err = RK_ERR_INIT;

	(void)state;
	open_client(&c);
	assert_int_equal(rk_http_peer(c.h, &peer, &err), -1);
	assert_null(peer);
	assert_int_equal(err.code, RK_NOTFOUND);
}

static int setup(void **state)
{
	static const char *const vars[] = {"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy",
		"NO_PROXY", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR", "DISABLE_HTTP2"};

	(void)state;
	for (size_t i = 0; i < RK_COUNT(vars); i++)
		unsetenv(vars[i]);
	pki_make(&ca, NULL, &(struct pki_spec){.cn = "test ca", .ca = true});
	pki_make(&other_ca, NULL, &(struct pki_spec){.cn = "other ca", .ca = true});
	pki_make(&server_id, &ca,
		&(struct pki_spec){.san = "DNS:srv.example,DNS:*.w.example,IP:127.0.0.1"});
	pki_make(&client_id, &ca, &(struct pki_spec){.cn = "me", .eku = "clientAuth"});
	pki_make(&other_name, &ca,
		&(struct pki_spec){.cn = "127.0.0.1", .san = "DNS:other.example,IP:10.9.9.9"});
	pki_make(&cn_only, &ca, &(struct pki_spec){.cn = "127.0.0.1"});
	pki_make(&expired, &ca,
		&(struct pki_spec){.san = "IP:127.0.0.1", .from = -2000, .to = -1000});
	return 0;
}

static int teardown(void **state)
{
	struct pki *all[] = {
		&ca, &other_ca, &server_id, &client_id, &other_name, &cn_only, &expired};

	(void)state;
	for (size_t i = 0; i < RK_COUNT(all); i++)
		pki_release(all[i]);
	return 0;
}

#define T(f) cmocka_unit_test(f)

int main(void)
{
	const struct CMUnitTest tests[] = {T(mutual_tls), T(no_client_certificate),
		T(client_certificate_of_another_ca), T(key_of_another_certificate), T(wrong_ca),
		T(ca_given_replaces_the_system), T(damaged_ca), T(encrypted_key), T(wrong_name),
		T(common_name_does_not_count), T(expired_certificate), T(tls_server_name),
		T(tls_server_name_may_be_an_address), T(resolve_names_an_address),
		T(old_tls_is_refused), T(tls12_works), T(plain_port), T(nothing_listens),
		T(name_not_found), T(silence_at_the_handshake), T(limit_before_the_connection),
		T(slow_answer), T(cut_off), T(not_http), T(too_large), T(connection_is_kept),
		T(connections_are_not_inherited), T(headers_as_sent), T(basic_auth_and_prefix),
		T(large_body_goes_through), T(redirect_is_not_followed), T(odd_but_good_answers),
		T(head_has_no_body), T(early_answer_counts), T(busy_then_well),
		T(repeats_are_bounded), T(get_is_repeated_after_a_reset),
		T(post_is_not_repeated_after_a_reset), T(post_on_a_kept_connection_is_not_repeated),
		T(delete_on_a_kept_connection_is_not_repeated), T(no_repeat_after_a_signal),
		T(bad_configurations), T(bad_path), T(through_a_proxy), T(through_a_tls_proxy),
		T(common_name_does_not_count_with_a_tls_proxy), T(only_whole_answers_count),
		T(proxy_is_down), T(through_socks), T(proxy_of_the_environment), T(many_at_once),
		T(good_and_bad_at_once), T(stream_ends_well), T(stream_goes_silent),
		T(stream_is_stopped_by_its_reader), T(cancelled_requests_end_at_once),
		T(descriptors_may_be_many), T(certificate_changes_under_way),
		T(trace_hides_secrets), T(peer_before_any)};

	return cmocka_run_group_tests_name("http", tests, setup, teardown);
}
