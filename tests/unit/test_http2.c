// SPDX-License-Identifier: Apache-2.0
/* The http room against nginx, which speaks HTTP/2 as the servers in front of Rancher do. */
#include "http/http.h"
#include "task/task.h"
#include "pki.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

static struct pki ca, server_id, client_id;
static char dir[] = "/tmp/rk3k-test-h2-XXXXXX";
static pid_t nginx;
static int port, tired_port; /* the latter closes after three requests */
static int64_t request_ms;

static const char conf_fmt[] =
	"daemon off; master_process off; pid pid; error_log error.log;\n"
	"events { worker_connections 200; }\n"
	"http {\n"
	"  client_body_temp_path body; proxy_temp_path p; fastcgi_temp_path f;\n"
	"  uwsgi_temp_path u; scgi_temp_path s;\n"
	"  log_format t '$connection $server_protocol $request_method $uri $status $http_host '\n"
	"    '$ssl_server_name $ssl_client_s_dn';\n"
	"  access_log access.log t; client_max_body_size 100k;\n"
	"  ssl_certificate server.crt; ssl_certificate_key server.key;\n"
	"  ssl_client_certificate ca.crt; ssl_verify_client on;\n"
	"  default_type application/json; root www;\n"
	"  server {\n"
	"    listen 127.0.0.1:%d ssl http2;\n"
	"    location /ok { return 200 '{\"ok\":true}'; }\n"
	"    location = /drip { limit_rate 200k; try_files /large =404; }\n"
	"    location = /silent { proxy_pass http://127.0.0.1:%d; }\n"
	"    location /busy { add_header Retry-After 0 always; return 503 '{}'; }\n"
	"  }\n"
	"  server {\n"
	"    listen 127.0.0.1:%d ssl http2; keepalive_requests 3;\n"
	"    location / { return 200 '{}'; }\n"
	"  }\n"
	"}\n";

static void put_file(const char *name, const char *p, size_t n)
{
	char path[200];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	PKI_MUST(f = fopen(path, "w"));
	PKI_MUST(fwrite(p, 1, n, f) == n && fclose(f) == 0);
}

static int free_port(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	PKI_MUST(bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0);
	PKI_MUST(getsockname(fd, (struct sockaddr *)&a, &n) == 0);
	close(fd);
	return ntohs(a.sin_port);
}

/* Nobody accepts there. */
static int silent_port(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	PKI_MUST(bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0 && listen(fd, 16) == 0);
	PKI_MUST(getsockname(fd, (struct sockaddr *)&a, &n) == 0);
	return ntohs(a.sin_port);
}

static bool listens(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	bool ok = connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0;

	close(fd);
	return ok;
}

static void start_nginx(void)
{
	char conf[4096], file[200], www[200];
	static char block[300000];

	memset(block, 'y', sizeof(block));
	port = free_port();
	tired_port = free_port();
	snprintf(www, sizeof(www), "%s/www", dir);
	PKI_MUST(mkdir(www, 0755) == 0);
	put_file("www/large", block, sizeof(block));
	put_file("server.crt", server_id.cert_pem.s, server_id.cert_pem.len);
	put_file("server.key", server_id.key_pem.s, server_id.key_pem.len);
	put_file("ca.crt", ca.cert_pem.s, ca.cert_pem.len);
	snprintf(conf, sizeof(conf), conf_fmt, port, silent_port(), tired_port);
	put_file("conf", conf, strlen(conf));
	snprintf(file, sizeof(file), "%s/conf", dir);
	nginx = fork();
	if (nginx == 0) {
		int null = open("/dev/null", O_RDWR);

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(null, 2);
		execlp("nginx", "nginx", "-c", file, "-p", dir, (char *)NULL);
		execl("/usr/sbin/nginx", "nginx", "-c", file, "-p", dir, (char *)NULL);
		_exit(127);
	}
	for (int i = 0; i < 200 && !listens(); i++) {
		if (waitpid(nginx, NULL, WNOHANG) == nginx) {
			nginx = 0;
			return;
		}
		usleep(20000);
	}
}

static int setup(void **state)
{
	(void)state;
	unsetenv("DISABLE_HTTP2");
	PKI_MUST(mkdtemp(dir));
	PKI_MUST(chmod(dir, 0755) == 0);
	pki_make(&ca, NULL, &(struct pki_spec){.cn = "test ca", .ca = true});
	pki_make(&server_id, &ca, &(struct pki_spec){.san = "DNS:srv.example,IP:127.0.0.1"});
	pki_make(&client_id, &ca, &(struct pki_spec){.cn = "me", .eku = "clientAuth"});
	start_nginx();
	return 0;
}

static void remove_dir(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		execlp("rm", "rm", "-rf", dir, (char *)NULL);
		_exit(127);
	}
	waitpid(pid, NULL, 0);
}

static int teardown(void **state)
{
	(void)state;
	if (nginx) {
		kill(nginx, SIGKILL);
		waitpid(nginx, NULL, 0);
	}
	pki_release(&ca);
	pki_release(&server_id);
	pki_release(&client_id);
	remove_dir();
	return 0;
}

/* --- the access log --- */

struct lines {
	char text[64][200];
	size_t n;
};

/* What nginx logged for path, once there are `want` lines. */
static void logged(const char *path, size_t want, struct lines *out)
{
	char file[200], line[400];
	FILE *f;

	snprintf(file, sizeof(file), "%s/access.log", dir);
	for (int i = 0; i < 100; i++) {
		out->n = 0;
		PKI_MUST(f = fopen(file, "r"));
		while (fgets(line, sizeof(line), f) && out->n < RK_COUNT(out->text))
			if (strstr(line, path))
				snprintf(out->text[out->n++], sizeof(out->text[0]), "%.199s", line);
		fclose(f);
		if (out->n >= want)
			break;
		usleep(20000);
	}
	assert_int_equal(out->n, want);
}

static size_t connections(const struct lines *l)
{
	char seen[64][16];
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++) {
		char id[16];
		size_t k = 0;

		sscanf(l->text[i], "%15s", id);
		while (k < n && strcmp(seen[k], id) != 0)
			k++;
		if (k == n)
			snprintf(seen[n++], sizeof(seen[0]), "%s", id);
	}
	return n;
}

/* --- the client --- */

static struct rk_http *client_of(int to, const char *server_name)
{
	rk_auto_free char *base = rk_asprintf("https://127.0.0.1:%d", to);
	struct rk_http_conf c = {.base = base,
		.tls_server_name = server_name,
		.ca = ca.cert_pem.s,
		.ca_len = ca.cert_pem.len,
		.cert = client_id.cert_pem.s,
		.cert_len = client_id.cert_pem.len,
		.key = client_id.key_pem.s,
		.key_len = client_id.key_pem.len,
		.request_ms = request_ms};
	struct rk_err err = RK_ERR_INIT;
	struct rk_http *h;

	if (!nginx)
		skip();
	if (rk_http_new(&h, &c, &err) < 0)
		fail_msg("%s", err.msg);
	return h;
}

static struct rk_http *client(const char *server_name)
{
	return client_of(port, server_name);
}

static void must_do(struct rk_http *h, const struct rk_http_req *req, struct rk_http_res *res)
{
	struct rk_err err = RK_ERR_INIT;

	if (rk_http_do(h, req, res, &err) < 0)
		fail_msg("%s", err.msg);
}

static void one_connection_for_many(void **state)
{
	rk_auto_http *h = client(NULL);
	struct lines *l = rk_calloc(1, sizeof(*l));

	(void)state;
	for (int i = 0; i < 10; i++) {
		rk_auto_http_res res = RK_HTTP_RES_INIT;

		must_do(h, &(struct rk_http_req){.path = "/ok/seq"}, &res);
		assert_int_equal(res.status, 200);
		assert_string_equal(res.body.s, "{\"ok\":true}");
		assert_string_equal(res.content_type, "application/json");
	}
	logged("/ok/seq", 10, l);
	assert_int_equal(connections(l), 1);
	assert_non_null(strstr(l->text[0], "HTTP/2.0 GET /ok/seq 200"));
	assert_non_null(strstr(l->text[0], "CN=me"));
	free(l);
}

static void http1_on_request(void **state)
{
	rk_auto_http *h = client(NULL);
	rk_auto_http_res res = RK_HTTP_RES_INIT;
	struct lines *l = rk_calloc(1, sizeof(*l));

	(void)state;
	setenv("DISABLE_HTTP2", "1", 1);
	must_do(h, &(struct rk_http_req){.path = "/ok/one"}, &res);
	unsetenv("DISABLE_HTTP2");
	logged("/ok/one", 1, l);
	assert_non_null(strstr(l->text[0], "HTTP/1.1 GET"));
	free(l);
}

/* :authority stays the address, SNI is the name. */
static void server_name(void **state)
{
	rk_auto_http *h = client("srv.example");
	rk_auto_http_res res = RK_HTTP_RES_INIT;
	struct lines *l = rk_calloc(1, sizeof(*l));
	char want[100];

	(void)state;
	must_do(h, &(struct rk_http_req){.path = "/ok/name"}, &res);
	logged("/ok/name", 1, l);
	snprintf(want, sizeof(want), " 127.0.0.1:%d srv.example ", port);
	assert_non_null(strstr(l->text[0], "HTTP/2.0"));
	assert_non_null(strstr(l->text[0], want));
	free(l);
}

static void large_answer(void **state)
{
	rk_auto_http *h = client(NULL);
	rk_auto_http_res res = RK_HTTP_RES_INIT;
	struct rk_err err = RK_ERR_INIT;

	(void)state;
	must_do(h, &(struct rk_http_req){.path = "/large", .max = 300000}, &res);
	assert_int_equal(res.body.len, 300000);
	assert_int_equal(
		rk_http_do(h, &(struct rk_http_req){.path = "/large", .max = 299999}, &res, &err),
		-1);
	assert_int_equal(err.reason, RK_REASON_TOO_LARGE);
	must_do(h, &(struct rk_http_req){.path = "/large"}, &res);
	assert_int_equal(res.body.len, 300000);
}

/* The stream is dropped while we send: the status counts. */
static void upload_refused(void **state)
{
	rk_auto_http *h = client(NULL);
	size_t n = 4 << 20;
	rk_auto_free char *body = rk_calloc(1, n);

	(void)state;
	for (int i = 0; i < 3; i++) {
		rk_auto_http_res res = RK_HTTP_RES_INIT;

		must_do(h,
			&(struct rk_http_req){.method = "PUT",
				.path = "/ok/up",
				.body = body,
				.body_len = n,
				.retry = true},
			&res);
		assert_int_equal(res.status, 413);
	}
}

/* The server closes the connection after three requests; nothing fails. */
static void goaway_is_survived(void **state)
{
	rk_auto_http *h = client_of(tired_port, NULL);
	struct lines *l = rk_calloc(1, sizeof(*l));

	(void)state;
	for (int i = 0; i < 9; i++) {
		rk_auto_http_res res = RK_HTTP_RES_INIT;
		struct rk_http_req req = {
			.path = "/few", .body = i % 2 ? "{}" : NULL, .body_len = 2};

		must_do(h, &req, &res);
		assert_int_equal(res.status, 200);
	}
	logged("/few", 9, l);
	assert_int_equal(connections(l), 3);
	free(l);
}

static void repeats(void **state)
{
	rk_auto_http *h = client(NULL);
	rk_auto_http_res res = RK_HTTP_RES_INIT;
	struct lines *l = rk_calloc(1, sizeof(*l));

	(void)state;
	must_do(h,
		&(struct rk_http_req){.path = "/busy", .body = "[]", .body_len = 2, .retry = true},
		&res);
	assert_int_equal(res.status, 503);
	logged("/busy", 11, l);
	assert_int_equal(connections(l), 1);
	free(l);
}

struct got {
	struct rk_http *h;
	struct rk_http_req req;
	struct rk_task *task;
	bool done;
	int status;
};

static void do_it(void *arg)
{
	struct got *g = arg;
	rk_auto_http_res res = RK_HTTP_RES_INIT;

	g->status = rk_http_do(g->h, &g->req, &res, NULL) < 0 ? -1 : res.status;
	g->done = true;
}

static void begin(struct got *g, struct rk_http *h, const struct rk_http_req *req)
{
	*g = (struct got){.h = h, .req = *req};
	g->task = rk_task_new(do_it, g, 0);
}

static int end(struct got *g)
{
	for (int i = 0; i < 1000 && !g->done; i++)
		rk_task_poll(NULL, 0, 100);
	rk_task_free(g->task);
	return g->status;
}

static void many_share_one_connection(void **state)
{
	rk_auto_http *h = client(NULL);
	struct lines *l = rk_calloc(1, sizeof(*l));
	struct got g[40];

	(void)state;
	for (size_t i = 0; i < RK_COUNT(g); i++)
		begin(&g[i], h, &(struct rk_http_req){.path = "/ok/pool"});
	for (size_t i = 0; i < RK_COUNT(g); i++)
		assert_int_equal(end(&g[i]), 200);
	logged("/ok/pool", 40, l);
	assert_int_equal(connections(l), 1);
	free(l);
}

/* --- a network that loses connections, and tells nobody --- */

/* One that swallows what is sent, or a balancer that takes it for a server that is gone. */
enum loss { SWALLOWS, TAKES };

static void relay(int from, int to, enum loss loss, const volatile int *lost)
{
	struct sock_filter none = {.code = BPF_RET | BPF_K, .k = 0};
	struct sock_fprog drop = {.len = 1, .filter = &none};
	struct pollfd p[2] = {{.fd = from, .events = POLLIN}, {.fd = to, .events = POLLIN}};
	char b[16384];
	int was = *lost;

	while (*lost == was && poll(p, 2, 10) >= 0)
		for (int i = 0; i < 2; i++) {
			ssize_t n = p[i].revents ? read(p[i].fd, b, sizeof(b)) : -1;

			if (n == 0 || (n > 0 && write(p[!i].fd, b, (size_t)n) != n))
				return;
		}
	if (loss == SWALLOWS) /* not even the kernel hears it: nothing is acknowledged or refused */
		setsockopt(from, SOL_SOCKET, SO_ATTACH_FILTER, &drop, sizeof(drop));
	pause();
}

static pid_t network(int *at, enum loss loss, const volatile int *lost)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0), to;
	socklen_t n = sizeof(a);
	pid_t pid;

	PKI_MUST(bind(fd, (struct sockaddr *)&a, n) == 0 && listen(fd, 16) == 0);
	PKI_MUST(getsockname(fd, (struct sockaddr *)&a, &n) == 0);
	*at = ntohs(a.sin_port);
	a.sin_port = htons((uint16_t)port);
	pid = fork();
	if (pid) {
		close(fd);
		return pid;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGCHLD, SIG_IGN);
	for (;;) {
		int from = accept(fd, NULL, NULL);

		if (fork() == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			to = socket(AF_INET, SOCK_STREAM, 0);
			if (connect(to, (struct sockaddr *)&a, sizeof(a)) == 0)
				relay(from, to, loss, lost);
			_exit(0);
		}
		close(from);
	}
}

/* What goes over it times out; the next request must not go there, too, though a stream does not know
 * of it yet. */
static void lost_connection_is_left(enum loss loss)
{
	volatile int *lost = mmap(
		NULL, sizeof(*lost), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct rk_http_req req = {.path = "/ok/lost"};
	rk_auto_http *h = NULL;
	struct got g, stream;
	int at;
	pid_t pid = network(&at, loss, lost);

	request_ms = 1000;
	h = client_of(at, NULL);
	request_ms = 0;
	begin(&stream, h,
		&(struct rk_http_req){.path = "/silent", .stream = true, .idle_ms = 20000});
	for (int i = 0; i < 3; i++) {
		rk_auto_http_res res = RK_HTTP_RES_INIT;

		begin(&g, h, &req);
		assert_int_equal(end(&g), i == 1 ? -1 : 200); /* the second alone is lost */
		assert_int_equal(rk_http_do(h, &req, &res, NULL), 0);
		if (i == 0)
			++*lost;
		usleep(i == 0 ? 50000 : 700000);
	}
	rk_task_free(stream.task);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	munmap((void *)(uintptr_t)lost, sizeof(*lost));
}

static void swallowed(void **state)
{
	(void)state;
	lost_connection_is_left(SWALLOWS);
}

static void taken_for_nobody(void **state)
{
	(void)state;
	lost_connection_is_left(TAKES);
}

/* Its streams speak: that a request takes too long is no reason to end them. */
static void slow_request_leaves_the_others(void **state)
{
	rk_auto_http *h = client(NULL);
	struct got g, slow;

	(void)state;
	begin(&g, h, &(struct rk_http_req){.path = "/drip", .stream = true, .idle_ms = 5000});
	for (int i = 0; i < 10; i++)
		rk_task_poll(NULL, 0, 20);
	begin(&slow, h, &(struct rk_http_req){.path = "/silent", .timeout_ms = 200});
	assert_int_equal(end(&slow), -1);
	assert_int_equal(end(&g), 200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(one_connection_for_many),
		cmocka_unit_test(http1_on_request), cmocka_unit_test(server_name),
		cmocka_unit_test(large_answer), cmocka_unit_test(upload_refused),
		cmocka_unit_test(goaway_is_survived), cmocka_unit_test(repeats),
		cmocka_unit_test(many_share_one_connection), cmocka_unit_test(swallowed),
		cmocka_unit_test(taken_for_nobody),
		cmocka_unit_test(slow_request_leaves_the_others)};

	return cmocka_run_group_tests_name("http2", tests, setup, teardown);
}
