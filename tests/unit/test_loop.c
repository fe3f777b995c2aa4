// SPDX-License-Identifier: Apache-2.0
/* Fifty API servers behind one reconciler: five accept and never answer, five send a byte a second. The
 * others are served as if those did not exist; the queue, its bounds and its back-off. */
#include "kube/internal.h"
#include "task/task.h"
#include "watch/watch.h"
#include "warnings.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cmocka.h>

#define SERVERS	 50
#define LIMIT_MS 4000
#define ANSWER                                                                        \
	"{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"c\"," \
	"\"namespace\":\"n\"}}"

enum manner { PROMPT, SILENT, SLOW };

static enum manner manner_of(int i)
{
	return i % 10 == 3 ? SILENT : i % 10 == 7 ? SLOW : PROMPT;
}

/* --- the servers: one process for each, which answers its connections one after the other --- */

static void send_bytes(int fd, const char *s, int64_t ms)
{
	for (; *s; s++) {
		usleep((useconds_t)ms * 1000);
		if (send(fd, s, 1, MSG_NOSIGNAL) < 0)
			return;
	}
}

static void serve(int listener, enum manner how)
{
	rk_auto_free char *answer =
		rk_asprintf("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
			    "Content-Length: %zu\r\nConnection: close\r\n\r\n%s",
			strlen(ANSWER), ANSWER);
	char head[4096];

	for (;;) {
		int fd = accept(listener, NULL, NULL);

		if (how == SILENT)
			continue;
		if (read(fd, head, sizeof(head)) > 0) {
			if (how == SLOW)
				send_bytes(fd, answer, 1000);
			else if (send(fd, answer, strlen(answer), MSG_NOSIGNAL) < 0)
				_exit(1);
		}
		close(fd);
	}
}

static pid_t start(enum manner how, int *port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	pid_t pid;

	assert_true(fd >= 0 && bind(fd, (struct sockaddr *)&a, n) == 0 && listen(fd, 64) == 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
	*port = ntohs(a.sin_port);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		serve(fd, how);
	}
	close(fd);
	return pid;
}

/* --- what is reconciled --- */

struct fleet {
	struct rk_loop *loop;
	struct rk_reconciler *rc;
	int n, port[SERVERS];
	pid_t pid[SERVERS];
	struct rk_kube *kube[SERVERS];
	int calls[SERVERS], good[SERVERS];
	int running, most, most_in_cluster, in_cluster[2];
	int64_t began, served, ended[SERVERS]; /* served: when the last prompt one was */
	int prompt, fails, left;	       /* left: prompt ones not yet served */
	bool until_all;
};

static struct rk_kube *client(int port)
{
	struct rk_kube *k = rk_calloc(1, sizeof(*k));
	rk_auto_free char *base = rk_asprintf("http://127.0.0.1:%d", port);
	struct rk_http_conf conf = {.base = base, .allow_http = true};

	assert_int_equal(rk_http_new(&k->http, &conf, NULL), 0);
	k->target.server = rk_strdup(base);
	k->ns = rk_strdup("n");
	return k;
}

static struct fleet *fleet_of(int n, bool all_prompt)
{
	struct fleet *f = rk_calloc(1, sizeof(*f));

	f->n = n;
	for (int i = 0; i < n; i++) {
		enum manner how = all_prompt ? PROMPT : manner_of(i);

		f->pid[i] = start(how, &f->port[i]);
		f->prompt += how == PROMPT;
		f->kube[i] = client(f->port[i]);
	}
	f->left = f->prompt;
	f->loop = rk_loop_new();
	return f;
}

static void fleet_free(struct fleet *f)
{
	rk_reconciler_free(f->rc);
	rk_loop_free(f->loop);
	for (int i = 0; i < f->n; i++) {
		rk_kube_free(f->kube[i]);
		kill(f->pid[i], SIGKILL);
		waitpid(f->pid[i], NULL, 0);
	}
	free(f);
}

static int end_it(struct rk_err *err)
{
	rk_err_set(err, RK_CONFLICT, "the end");
	return 1;
}

/* Three requests, as a reconcile that reads two objects and writes one. */
static int reconcile(void *arg, const char *key, struct rk_err *err)
{
	struct fleet *f = arg;
	int i = (int)strtol(key, NULL, 10), r = 0;

	f->calls[i]++;
	f->running++;
	f->in_cluster[i % 2]++;
	f->most = f->running > f->most ? f->running : f->most;
	f->most_in_cluster = f->in_cluster[i % 2] > f->most_in_cluster ? f->in_cluster[i % 2]
								       : f->most_in_cluster;
	for (int try = 0; try < 3 && r == 0; try++) {
		rk_auto_doc *d = rk_doc_new(false);
		struct rk_val *v;

		r = rk_kube_get(f->kube[i], &RK_CONFIGMAP, "n", "c", d, &v, err);
	}
	f->running--;
	f->in_cluster[i % 2]--;
	f->ended[i] = rk_now_ms();
	if (r < 0) {
		f->fails++;
	} else if (!f->good[i]++ && --f->left == 0) {
		f->served = rk_now_ms() - f->began;
	}
	return f->left == 0 && (!f->until_all || f->fails >= f->n - f->prompt) ? end_it(err) : r;
}

static void run(struct fleet *f, const struct rk_reconciler_conf *conf)
{
	struct rk_reconciler_conf c = *conf;
	struct rk_err err = RK_ERR_INIT;

	c.arg = f;
	c.warn = warn;
	warnings = 0;
	f->rc = rk_reconciler_new(f->loop, &c);
	for (int i = 0; i < f->n; i++) {
		char key[12], cluster[12];

		snprintf(key, sizeof(key), "%d", i);
		snprintf(cluster, sizeof(cluster), "%d", i % 2);
		rk_reconciler_add(f->rc, cluster, key);
	}
	f->began = rk_now_ms();
	assert_int_equal(rk_reconciler_run(f->rc, &err), -1);
	assert_string_equal(err.msg, "the end");
}

static void hanging_servers_cost_the_others_nothing(void **state)
{
	struct rk_reconciler_conf conf = {.reconcile = reconcile,
		.limit_ms = LIMIT_MS,
		.running = SERVERS,
		.per_cluster = SERVERS};
	struct fleet *f = fleet_of(SERVERS - 10, true);
	int64_t without, with;

	(void)state;
	run(f, &conf);
	without = f->served;
	fleet_free(f);

	f = fleet_of(SERVERS, false);
	assert_int_equal(f->prompt, SERVERS - 10);
	f->until_all = true;
	run(f, &conf);
	with = f->served;
	print_message("40 servers: %lld ms; with 10 bad ones beside them: %lld ms\n",
		(long long)without, (long long)with);
	assert_true(with < without * 2 + 500 && with < LIMIT_MS - 1000);
	for (int i = 0; i < SERVERS; i++) {
		bool good = manner_of(i) == PROMPT;

		assert_int_equal(f->good[i] > 0, good);
		/* a bad one ends by its limit */
		assert_true(good || f->ended[i] - f->began < LIMIT_MS + 2000);
	}
	/* the last of them ends the loop, and is reported by no warning */
	assert_in_range(warnings, 9, 10);
	assert_non_null(strstr(last_warning, "127.0.0.1"));
	fleet_free(f);
}

static void calls_are_bounded_to(size_t running, size_t per_cluster, int most, int in_cluster)
{
	struct rk_reconciler_conf conf = {.reconcile = reconcile,
		.limit_ms = LIMIT_MS,
		.running = running,
		.per_cluster = per_cluster};
	struct fleet *f = fleet_of(20, true);

	run(f, &conf);
	assert_in_range(f->most, 2, most);
	assert_in_range(f->most_in_cluster, 1, in_cluster);
	fleet_free(f);
}

static void calls_are_bounded(void **state)
{
	(void)state;
	calls_are_bounded_to(6, 20, 6, 6);
	calls_are_bounded_to(20, 3, 6, 3);
}

/* --- the queue --- */

struct queue {
	struct rk_reconciler *rc;
	int calls[2];
	int64_t at[2][64];
	int64_t began;
	bool busy;
};

static int changes(void *arg, const char *key, struct rk_err *err)
{
	struct queue *q = arg;

	assert_false(q->busy); /* never two of one key */
	q->busy = true;
	if (q->calls[0]++ == 0)
		for (int i = 0; i < 100; i++) {
			rk_reconciler_add(q->rc, "", key);
			rk_task_pause(5);
		}
	q->busy = false;
	return q->calls[0] < 3 ? 0 : end_it(err);
}

static void changes_meanwhile_make_one_more_call(void **state)
{
	struct queue q = {0};
	struct rk_reconciler_conf conf = {
		.reconcile = changes, .arg = &q, .warn = warn, .resync_ms = 1500};
	rk_auto_loop *loop = rk_loop_new();
	struct rk_err err = RK_ERR_INIT;
	int64_t began = rk_now_ms();

	(void)state;
	q.rc = rk_reconciler_new(loop, &conf);
	for (int i = 0; i < 10; i++)
		rk_reconciler_add(q.rc, "", "one");
	assert_int_equal(rk_reconciler_run(q.rc, &err), -1);
	assert_int_equal(q.calls[0], 3); /* the third by resync_ms */
	assert_true(rk_now_ms() - began >= 500 + 1500);
	rk_reconciler_free(q.rc);
}

static int fails(void *arg, const char *key, struct rk_err *err)
{
	struct queue *q = arg;
	int k = key[0] - 'a', n = q->calls[k]++;

	q->at[k][n] = rk_now_ms() - q->began;
	if (k == 0 && n == 2)
		return end_it(err);
	return k == 0 ? rk_err_set(err, RK_FAIL, "no") : 0;
}

/* 1 s and 2 s, with a jitter of a quarter; another key does not wait with it. */
static void back_off_is_per_key(void **state)
{
	struct queue q = {.began = rk_now_ms()};
	struct rk_reconciler_conf conf = {
		.reconcile = fails, .arg = &q, .warn = warn, .resync_ms = 700};
	rk_auto_loop *loop = rk_loop_new();
	rk_auto_reconciler *rc = rk_reconciler_new(loop, &conf);
	struct rk_err err = RK_ERR_INIT;

	(void)state;
	warnings = 0;
	rk_reconciler_add(rc, "", "a");
	rk_reconciler_add(rc, "", "b");
	assert_int_equal(rk_reconciler_run(rc, &err), -1);
	assert_int_equal(warnings, 1);
	assert_true(q.at[0][1] - q.at[0][0] >= 1000 && q.at[0][2] - q.at[0][1] >= 2000);
	assert_true(q.at[0][2] < 20000);
	assert_in_range(q.calls[1], 3, 30);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hanging_servers_cost_the_others_nothing),
		cmocka_unit_test(calls_are_bounded),
		cmocka_unit_test(changes_meanwhile_make_one_more_call),
		cmocka_unit_test(back_off_is_per_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
