// SPDX-License-Identifier: Apache-2.0
#include "settings/settings.h"
#include "pki.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cmocka.h>
#include <openssl/ssl.h>

static void param(const char *challenge, const char *name, const char *want)
{
	char out[40] = "before";
	bool found = rk_challenge_param(challenge, name, out, sizeof(out));

	if (found != (want != NULL))
		print_message("%s: %s\n", challenge, name);
	assert_int_equal(found, want != NULL);
	assert_string_equal(out, want ? want : "");
}

static void challenges(void **state RK_UNUSED)
{
	static const char docker[] = "Bearer realm=\"https://auth.example.com/token\","
				     "service=\"registry\",scope=\"repository:a/b:pull,push\"";

	param(docker, "realm", "https://auth.example.com/token");
	param(docker, "service", "registry");
	param(docker, "scope", "repository:a/b:pull,push");
	param(docker, "error", NULL);
	param("Bearer service=plain, REALM=\"x\"", "realm", "x");
	param("Bearer service=plain, realm=\"x\"", "service", "plain");
	param("Bearer realm=\"a\\\"b\\\\c\"", "realm", "a\"b\\c");
	param("Bearer realm=\"\"", "realm", "");
}

static void damaged_challenges(void **state RK_UNUSED)
{
	param("", "realm", NULL);
	param("Bearer", "realm", NULL);
	param("Bearer ", "realm", NULL);
	param("Bearer realm", "realm", NULL);
	param("Bearer ,,,", "realm", NULL);
	param("Bearer xrealm=\"a\"", "realm", NULL);
	/* In another's value it is no parameter. */
	param("Bearer service=\"realm=x\"", "realm", NULL);
	/* Nothing of another's value is left behind, however long that is. */
	param("Bearer realm=\"https://example.com/token\"", "service", NULL);
	param("Bearer realm=\"https://example.com/0123456789/0123456789/0123456789\"", "service",
		NULL);
	/* Too long for the reader: not cut. */
	param("Bearer realm=\"https://example.com/0123456789/0123456789/0123456789\"", "realm",
		NULL);
	param("Bearer realm=\"open", "realm", "open");
}

/* --- a registry that leaves tokens to an address with a query --- */

static struct pki ca, server_id;
static int port;

static void respond(SSL *ssl, const char *request)
{
	rk_auto_buf b = RK_BUF_INIT;

	if (rk_prefix(request, "GET /token?account=a&service=s HTTP"))
		rk_buf_puts(&b, "HTTP/1.1 200 x\r\nContent-Length: 13\r\n\r\n{\"token\":\"t\"}");
	else if (rk_prefix(request, "GET /v2/ ") && strstr(request, "Authorization: Bearer t\r\n"))
		rk_buf_puts(&b, "HTTP/1.1 200 x\r\nContent-Length: 0\r\n\r\n");
	else
		rk_buf_addf(&b,
			"HTTP/1.1 401 x\r\nContent-Length: 0\r\nWWW-Authenticate: Bearer "
			"realm=\"https://127.0.0.1:%d/token?account=a\",service=\"s\"\r\n\r\n",
			port);
	SSL_write(ssl, b.s, (int)b.len);
}

static void serve(int fd, SSL_CTX *ctx)
{
	SSL *ssl = SSL_new(ctx);
	char request[4096];
	int n;

	SSL_set_fd(ssl, fd);
	if (SSL_accept(ssl) != 1)
		return;
	while ((n = SSL_read(ssl, request, sizeof(request) - 1)) > 0) { /* it fits one record */
		request[n] = '\0';
		respond(ssl, request);
	}
}

static pid_t registry(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	socklen_t n = sizeof(a);
	pid_t pid;

	PKI_MUST(bind(fd, (struct sockaddr *)&a, n) == 0 && listen(fd, 16) == 0);
	PKI_MUST(getsockname(fd, (struct sockaddr *)&a, &n) == 0);
	port = ntohs(a.sin_port);
	PKI_MUST(SSL_CTX_use_certificate(ctx, server_id.cert) == 1);
	PKI_MUST(SSL_CTX_use_PrivateKey(ctx, server_id.key) == 1);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		signal(SIGCHLD, SIG_IGN);
		for (;;) {
			int client = accept(fd, NULL, NULL);

			if (fork() == 0) {
				prctl(PR_SET_PDEATHSIG, SIGKILL);
				serve(client, ctx);
				_exit(0);
			}
			close(client);
		}
	}
	SSL_CTX_free(ctx);
	close(fd);
	return pid;
}

static void token_server_with_a_query(void **state RK_UNUSED)
{
	struct rk_repo_access a = {.user = "u", .password = "p"};
	struct rk_err err = RK_ERR_INIT;
	rk_auto_registry *r = NULL;
	rk_auto_free char *host = NULL;
	pid_t pid;

	pki_make(&ca, NULL, &(struct pki_spec){.cn = "test ca", .ca = true});
	pki_make(&server_id, &ca, &(struct pki_spec){.san = "IP:127.0.0.1"});
	pid = registry();
	host = rk_asprintf("127.0.0.1:%d", port);
	a.ca = ca.cert_pem.s;
	a.ca_len = ca.cert_pem.len;
	r = rk_registry_new(host, &a);
	if (rk_registry_ask(r, NULL, NULL, &err) < 0)
		fail_msg("%s", err.msg);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	pki_release(&ca);
	pki_release(&server_id);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(challenges),
		cmocka_unit_test(damaged_challenges),
		cmocka_unit_test(token_server_with_a_query),
	};

	return cmocka_run_group_tests_name("chartrepo", tests, NULL, NULL);
}
