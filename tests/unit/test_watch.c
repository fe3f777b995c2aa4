// SPDX-License-Identifier: Apache-2.0
/* A watch against a server that follows a script: pages, chunks, 410 in both its forms, refusals,
 * rubbish, broken streams; timers, signals, and what a reconciler makes of all that. Each connection answers one line of the script and is closed. */
#include "kube/internal.h"
#include "task/task.h"
#include "watch/watch.h"
#include "warnings.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cmocka.h>

struct line {
	const char *uri; /* part of the request line that must be there */
	int status;
	const char *body;
	int hold_ms;	    /* keep the stream open so long after the body */
	bool trickle;	    /* one byte at a time */
	const char *header; /* part of the request's head that must be there, or NULL */
	const char *later;  /* said after hold_ms, in a stream that stays open; or NULL */
};

struct shared {
	int next;
	bool late;	 /* a line's later was said */
	char wrong[512]; /* the first request that did not fit */
};

static struct shared *shared;
static pid_t server;
static int port;

static void write_slowly(int fd, const char *s, bool trickle)
{
	size_t n = strlen(s), step = trickle ? 1 : n;

	for (size_t i = 0; i < n; i += step)
		if (send(fd, s + i, step < n - i ? step : n - i, MSG_NOSIGNAL) < 0)
			return;
}

/* A connection that is closed with bytes unread is reset. */
static bool is_whole(const char *head)
{
	const char *body = strstr(head, "\r\n\r\n"), *length = strcasestr(head, "content-length: ");

	return body && (!length || strlen(body + 4) >= strtoul(length + 16, NULL, 10));
}

static void answer(int fd, const struct line *script, int nlines)
{
	char head[4096] = "";
	size_t n = 0;
	const struct line *l;
	rk_auto_free char *start = NULL, *length = NULL;

	while (n < sizeof(head) - 1 && !is_whole(head)) {
		ssize_t got = read(fd, head + n, sizeof(head) - 1 - n);

		if (got <= 0)
			return;
		n += (size_t)got;
		head[n] = '\0';
	}
	if (shared->next >= nlines) {
		pause();
		return;
	}
	l = &script[shared->next++];
	if ((!strstr(head, l->uri) || (l->header && !strstr(head, l->header))) && !shared->wrong[0])
		snprintf(shared->wrong, sizeof(shared->wrong), "wanted %s, got %.300s", l->uri,
			head);
	/* an answer has a length, a stream has none */
	if (*l->body && !strstr(l->uri, "watch=1") && !strstr(l->uri, "resourceVersion="))
		length = rk_asprintf("Content-Length: %zu\r\n", strlen(l->body));
	start = rk_asprintf("HTTP/1.1 %d x\r\nContent-Type: application/json\r\n%s"
			    "Connection: close\r\n\r\n",
		l->status, length ? length : "");
	write_slowly(fd, start, false);
	write_slowly(fd, l->body, l->trickle);
	usleep((useconds_t)l->hold_ms * 1000);
	if (!l->later)
		return;
	shared->late = true;
	write_slowly(fd, l->later, false);
	pause();
}

static void serve(int listener, const struct line *script, int nlines, pid_t test)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != test)
		_exit(0);
	signal(SIGCHLD, SIG_IGN);
	for (;;) {
		int fd = accept(listener, NULL, NULL);

		if (fork() == 0) { /* a client that has gone must not keep the next waiting */
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			answer(fd, script, nlines);
			_exit(0);
		}
		close(fd);
	}
}

static void start(const struct line *script, int nlines)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	pid_t test = getpid();

	if (!shared)
		shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	memset(shared, 0, sizeof(*shared));
	assert_true(fd >= 0 && bind(fd, (struct sockaddr *)&a, n) == 0 && listen(fd, 16) == 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
	port = ntohs(a.sin_port);
	server = fork();
	if (server == 0)
		serve(fd, script, nlines, test);
	close(fd);
}

static void stop(void)
{
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
}

/* --- the client --- */

struct seen {
	struct rk_loop *loop;
	struct rk_buf text;
	const char *want;
	int fails;
	bool go_on;
	int nap_ms; /* how long an event keeps the client busy */
};

static void check(struct seen *s)
{
	if (!strcmp(s->text.s, s->want))
		rk_loop_stop(s->loop);
}

static void on_event(void *arg, enum rk_event e, const struct rk_val *obj)
{
	static const char marks[] = {'+', '~', '-', '.'};
	struct seen *s = arg;
	const char *v = rk_get_str(obj, "metadata", "resourceVersion", NULL);

	rk_buf_addf(&s->text, "%c%s%s ", marks[e],
		obj ? rk_get_str(obj, "metadata", "name", NULL) : "", v ? v : "");
	check(s);
	usleep((useconds_t)s->nap_ms * 1000);
}

static bool on_fail(void *arg, const struct rk_err *err)
{
	struct seen *s = arg;

	s->fails++;
	rk_buf_addf(&s->text, "!%d ", err->http);
	check(s);
	return s->go_on;
}

static struct rk_kube *client(void)
{
	struct rk_kube *k = rk_calloc(1, sizeof(*k));
	rk_auto_free char *base = rk_asprintf("http://127.0.0.1:%d", port);
	struct rk_http_conf conf = {.base = base, .allow_http = true, .bearer = "old"};

	assert_int_equal(rk_http_new(&k->http, &conf, NULL), 0);
	k->target.server = rk_strdup(base);
	k->ns = rk_strdup("default");
	k->token_read_ms = rk_now_ms();
	return k;
}

static void client_free(struct rk_kube *k)
{
	rk_http_free(k->http);
	free(k->target.server);
	free(k->target.token_file);
	rk_free_secret(k->target.token);
	free(k->ns);
	free(k);
}

static void follow(const struct line *script, int nlines, struct seen *s, const char *token_file)
{
	struct rk_err err = RK_ERR_INIT;
	struct rk_list_opts o = {.limit = 2};
	struct rk_kube *k;

	s->text = (struct rk_buf)RK_BUF_INIT;
	start(script, nlines);
	k = client();
	if (token_file)
		k->target.token_file = rk_strdup(token_file);
	s->loop = rk_loop_new();
	rk_loop_watch(s->loop, k, &RK_CONFIGMAP, "n", &o, on_event, on_fail, s);
	if (rk_loop_run(s->loop, 15000, &err) < 0)
		fail_msg("%s: saw %s wanted %s (%s)", err.msg, s->text.s, s->want, shared->wrong);
	assert_string_equal(shared->wrong, "");
	rk_loop_free(s->loop);
	client_free(k);
	rk_buf_release(&s->text);
	stop();
}

static void expect(
	const struct line *script, int nlines, const char *want, bool go_on, const char *token_file)
{
	struct seen s = {.want = want, .go_on = go_on};

	follow(script, nlines, &s, token_file);
}

#define OBJ(name, uid, version)                                                        \
	"{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"" name \
	"\",\"namespace\":\"n\",\"uid\":\"" uid "\",\"resourceVersion\":\"" version "\"}}"
#define LIST(version, more, items)                                                             \
	"{\"kind\":\"ConfigMapList\",\"apiVersion\":\"v1\",\"metadata\":{\"resourceVersion\":" \
	"\"" version "\"" more "},\"items\":[" items "]}"
#define EVENT(type, obj) "{\"type\":\"" type "\",\"object\":" obj "}\n"
#define EXPIRED                                                                                   \
	"{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"code\":410," \
	"\"reason\":"                                                                             \
	"\"Expired\"}}\n"
#define BOOKMARK(v)                                                        \
	EVENT("BOOKMARK", "{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\"," \
			  "\"metadata\":{\"resourceVersion\":\"" v "\"}}")

#define SAY(u, s, b)                                   \
	{                                              \
		.uri = (u), .status = (s), .body = (b) \
	}
#define HOLD(u, b, ms)                                                  \
	{                                                               \
		.uri = (u), .status = 200, .body = (b), .hold_ms = (ms) \
	}
#define TRICKLE(u, b, ms)                                                                \
	{                                                                                \
		.uri = (u), .status = 200, .body = (b), .hold_ms = (ms), .trickle = true \
	}

static void pages_and_chunks(void **state)
{
	static const struct line script[] = {
		SAY("GET /api/v1/namespaces/n/configmaps?limit=2 ", 200,
			LIST("10", ",\"continue\":\"t/1\"",
				OBJ("a", "ua", "3") "," OBJ("b", "ub", "4"))),
		SAY("limit=2&continue=t%2F1 ", 200, LIST("10", "", OBJ("c", "uc", "5"))),
		TRICKLE("watch=1",
			EVENT("MODIFIED", OBJ("a", "ua", "11"))
				EVENT("DELETED", OBJ("b", "ub", "12"))
					EVENT("ADDED", OBJ("d", "ud", "13")) BOOKMARK("20"),
			100),
		HOLD("resourceVersion=20", EVENT("DELETED", OBJ("d", "ud", "21")), 5000),
	};

	(void)state;
	expect(script, RK_COUNT(script), "+a3 +b4 +c5 . ~a11 -b12 +d13 -d21 ", false, NULL);
}

static void expired_lists_again(void **state)
{
	static const struct line script[] = {
		SAY("limit=2", 200, LIST("10", "", OBJ("a", "ua", "3") "," OBJ("b", "ub", "4"))),
		SAY("resourceVersion=10", 200, EXPIRED),
		SAY("limit=2 ", 200, LIST("30", "", OBJ("b", "ub", "4") "," OBJ("c", "uc", "25"))),
		SAY("resourceVersion=30", 410,
			"{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"reason\":\"Expired\","
			"\"code\":410}"),
		SAY("limit=2 ", 200, LIST("40", "", OBJ("b", "NEW", "33"))),
		HOLD("resourceVersion=40", EVENT("MODIFIED", OBJ("b", "NEW", "41")), 5000),
	};

	(void)state;
	/* a vanished; the unchanged b is not told again; then b is another one and c is gone */
	expect(script, RK_COUNT(script), "+a3 +b4 . +c25 -a3 -b4 +b33 -c25 ~b41 ", false, NULL);
}

/* A stream that says why it ends: listed again, with back-off; going on from its version might
 * end there for ever. */
static void error_lists_again(void **state)
{
	static const struct line script[] = {
		SAY("limit=2", 200, LIST("10", "", "")),
		HOLD("resourceVersion=10",
			EVENT("ERROR", "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"code\":500,"
				       "\"reason\":\"InternalError\"}")
				EVENT("ADDED", OBJ("x", "ux", "11")),
			9000),
		SAY("limit=2 ", 200, LIST("20", "", OBJ("a", "ua", "15"))),
		HOLD("resourceVersion=20", EVENT("DELETED", OBJ("a", "ua", "21")), 5000),
	};

	(void)state;
	expect(script, RK_COUNT(script), ". +a15 -a21 ", true, NULL);
}

static void refusal_ends_or_is_tried_again(void **state)
{
	static const struct line once[] = {
		SAY("limit=2", 403,
			"{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"reason\":\"Forbidden\","
			"\"code\":403}"),
	};
	static const struct line again[] = {
		SAY("limit=2", 404, "404 page not found\n"),
		SAY("limit=2", 200, LIST("1", "", "")),
		HOLD("watch=1", "", 5000),
	};

	(void)state;
	expect(once, RK_COUNT(once), "!403 ", false, NULL);
	expect(again, RK_COUNT(again), "!404 . ", true, NULL);
}

static void rubbish_and_breaks(void **state)
{
	static const struct line script[] = {
		SAY("limit=2", 200, "no json"),
		SAY("limit=2", 503, "busy"),
		SAY("limit=2", 200, LIST("1", "", "")),
		HOLD("watch=1",
			EVENT("ADDED", OBJ("a", "ua", "2")) "<html>\n" EVENT(
				"ADDED", OBJ("x", "ux", "3")),
			9000),
		SAY("resourceVersion=2", 200, EVENT("ADDED", OBJ("b", "ub", "4")) "{\"type\":"),
		HOLD("resourceVersion=4", EVENT("ADDED", OBJ("c", "uc", "5")), 5000),
	};

	(void)state;
	expect(script, RK_COUNT(script), "!0 . +a2 +b4 +c5 ", true, NULL);
}

/* A new token in the file is taken up after a 401, without anybody being told. */
static void token_is_read_again(void **state)
{
	static const struct line script[] = {
		{.uri = "limit=2",
			.status = 401,
			.body = "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"reason\":"
				"\"Unauthorized\",\"code\":401}",
			.header = "Authorization: Bearer old"},
		{.uri = "limit=2",
			.status = 200,
			.body = LIST("1", "", OBJ("a", "ua", "1")),
			.header = "Authorization: Bearer new"},
		HOLD("watch=1", "", 5000),
	};
	char path[] = "/tmp/rk3k-test-token-XXXXXX";
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0 && write(fd, " new \n", 6) == 6);
	close(fd);
	expect(script, RK_COUNT(script), "+a1 . ", false, path);
	unlink(path);
}

/* A token that ends between two pages of a list that is read again: the list goes on, and what it does
 * not hold is gone. */
static void token_ends_between_pages(void **state)
{
	static const struct line script[] = {
		SAY("limit=2", 200, LIST("10", "", OBJ("a", "ua", "3") "," OBJ("b", "ub", "4"))),
		SAY("resourceVersion=10", 200, EXPIRED),
		SAY("limit=2 ", 200, LIST("30", ",\"continue\":\"t\"", OBJ("a", "ua", "3"))),
		SAY("continue=t ", 401,
			"{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"reason\":\"Unauthorized\","
			"\"code\":401}"),
		SAY("continue=t ", 200, LIST("30", "", OBJ("c", "uc", "25"))),
		HOLD("resourceVersion=30", "", 5000),
	};
	char path[] = "/tmp/rk3k-test-token-XXXXXX";
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0 && write(fd, "new\n", 4) == 4);
	close(fd);
	expect(script, RK_COUNT(script), "+a3 +b4 . +c25 -b4 ", false, path);
	unlink(path);
}

/* What comes while the client is busy with something else is worked on right after, not when the
 * next thing happens. */
static void busy_client_misses_nothing(void **state)
{
	static const struct line script[] = {
		SAY("limit=2", 200, LIST("1", "", "")),
		{.uri = "watch=1",
			.status = 200,
			.body = EVENT("ADDED", OBJ("a", "ua", "2")),
			.hold_ms = 100,
			.later = EVENT("ADDED", OBJ("b", "ub", "3"))},
	};
	struct seen s = {.want = ". +a2 +b3 ", .nap_ms = 400};
	int64_t began = rk_now_ms();

	(void)state;
	follow(script, RK_COUNT(script), &s, NULL);
	assert_true(rk_now_ms() - began < 5000); /* where it is late, it is the loop's 15 s */
}

/* --- timers and signals --- */

struct ticks {
	struct rk_loop *loop;
	int n[3];
};

static void tick_a(void *arg)
{
	((struct ticks *)arg)->n[0]++;
}

static void tick_b(void *arg)
{
	struct ticks *t = arg;

	t->n[1]++;
	rk_loop_stop(t->loop);
}

static void tick_never(void *arg)
{
	((struct ticks *)arg)->n[2]++;
}

static void timers(void **state)
{
	struct ticks t = {.loop = rk_loop_new()};
	struct rk_err err = RK_ERR_INIT;

	(void)state;
	rk_loop_after(t.loop, 50, tick_a, &t);
	rk_loop_after(t.loop, 10, tick_a, &t); /* merged to the earliest */
	rk_loop_after(t.loop, 5000, tick_a, &t);
	rk_loop_after(t.loop, 100, tick_b, &t);
	rk_loop_after(t.loop, 20, tick_never, &t);
	rk_loop_cancel(t.loop, tick_never, &t);
	assert_int_equal(rk_loop_run(t.loop, 5000, &err), 0);
	assert_int_equal(t.n[0], 1);
	assert_int_equal(t.n[1], 1);
	assert_int_equal(t.n[2], 0);
	assert_int_equal(rk_loop_run(t.loop, 50, &err), -1);
	assert_int_equal(err.code, RK_TIMEOUT);
	rk_loop_free(t.loop);
}

static void raise_term(void *arg)
{
	(void)arg;
	raise(SIGTERM);
}

static void signals(void **state)
{
	struct rk_loop *l = rk_loop_new();
	struct rk_err err = RK_ERR_INIT;

	(void)state;
	rk_loop_after(l, 10, raise_term, NULL);
	assert_int_equal(rk_loop_run(l, 5000, &err), -1);
	assert_int_equal(err.code, 128 + SIGTERM);
	rk_loop_free(l);
}

static void raise_term_and_stop(void *arg)
{
	raise(SIGTERM);
	rk_loop_stop(arg);
}

/* It came while the last callback was busy: who runs the loop has to know. */
static void signal_before_the_end(void **state)
{
	struct rk_loop *l = rk_loop_new();
	struct rk_err err = RK_ERR_INIT;

	(void)state;
	rk_loop_after(l, 10, raise_term_and_stop, l);
	assert_int_equal(rk_loop_run(l, 5000, &err), -1);
	assert_int_equal(err.code, 128 + SIGTERM);
	rk_loop_free(l);
}

/* --- reconcilers --- */

struct kept {
	struct rk_reconciler *reconciler;
	struct rk_kube *kube;
	int calls;
};

/* Reconcile ConfigMaps until that ends it. */
static void keep(struct kept *t, const struct line *script, int nlines,
	int (*reconcile)(void *arg, const char *key, struct rk_err *err), int64_t resync_ms)
{
	struct rk_reconciler_conf conf = {
		.reconcile = reconcile, .arg = t, .warn = warn, .resync_ms = resync_ms};
	rk_auto_loop *loop = rk_loop_new();
	struct rk_err err = RK_ERR_INIT;

	warnings = 0;
	start(script, nlines);
	t->kube = client();
	t->reconciler = rk_reconciler_new(loop, &conf);
	rk_reconciler_add(t->reconciler, "", "key");
	rk_reconciler_watch(t->reconciler, "key", t->kube, &RK_CONFIGMAP, "n", NULL);
	assert_int_equal(rk_reconciler_run(t->reconciler, &err), -1);
	assert_string_equal(err.msg, "the end");
	assert_int_equal(err.code, RK_CONFLICT);
	rk_reconciler_free(t->reconciler);
	if (t->kube)
		client_free(t->kube);
	stop();
}

static int the_end(struct rk_err *err)
{
	rk_err_set(err, RK_CONFLICT, "the end");
	return 1;
}

static int until_late(void *arg, const char *key RK_UNUSED, struct rk_err *err)
{
	((struct kept *)arg)->calls++;
	return shared->late ? the_end(err) : 0;
}

/* A reconciler watches the metadata alone. */
#define META(name, uid, version)                                                               \
	"{\"kind\":\"PartialObjectMetadata\",\"apiVersion\":\"meta.k8s.io/v1\",\"metadata\":{" \
	"\"name\":\"" name "\",\"namespace\":\"n\",\"uid\":\"" uid                             \
	"\",\"resourceVersion\":\"" version "\"}}"
#define META_LIST(version, items)                                                    \
	"{\"kind\":\"PartialObjectMetadataList\",\"apiVersion\":\"meta.k8s.io/v1\"," \
	"\"metadata\":{\"resourceVersion\":\"" version "\"},\"items\":[" items "]}"

static void burst_is_one_reconcile(void **state)
{
	static const struct line script[] = {
		SAY("limit=500 ", 200,
			META_LIST("10", META("a", "ua", "3") "," META("b", "ub", "4"))),
		{.uri = "watch=1",
			.status = 200,
			.body = EVENT("ADDED", META("c", "uc", "11"))
				EVENT("ADDED", META("d", "ud", "12")),
			.hold_ms = 1000,
			.later = EVENT("ADDED", META("e", "ue", "13")) EVENT("DELETED",
				META("a", "ua", "14")) EVENT("ADDED", META("f", "uf", "15"))},
	};
	struct kept t = {.calls = 0};
	int64_t began = rk_now_ms();

	(void)state;
	keep(&t, script, RK_COUNT(script), until_late, 0);
	assert_in_range(t.calls, 2, 3); /* 2, or 3 where the list takes long; 8 events */
	assert_in_range(rk_now_ms() - began, 1000, 8000);
	assert_int_equal(warnings, 0);
}

static int now_and_then(void *arg, const char *key RK_UNUSED, struct rk_err *err)
{
	static const char *const word[] = {"bad", "bad", "", "bad", NULL};
	const char *w = word[((struct kept *)arg)->calls++];

	if (!w)
		return the_end(err);
	if (!*w)
		return 0;
	rk_err_set(err, RK_FAIL, "it is %s", w);
	return rk_err_hint(err, "repair it");
}

/* The same failure is reported once, and again after a success. */
static void failures_are_reported_once(void **state)
{
	static const struct line script[] = {HOLD("limit=500 ", "", 60000)}; /* no events */
	struct kept t = {.calls = 0};
	int64_t began = rk_now_ms();

	(void)state;
	keep(&t, script, RK_COUNT(script), now_and_then, 50);
	assert_int_equal(t.calls, 5);
	assert_int_equal(warnings, 2);
	assert_string_equal(last_warning, "it is bad; repair it");
	/* 1 s and 2 s after the failures; after a success, 1 s again */
	assert_in_range(rk_now_ms() - began, 4000, 12000);
}

static int third(void *arg, const char *key RK_UNUSED, struct rk_err *err)
{
	return ++((struct kept *)arg)->calls == 3 ? the_end(err) : 0;
}

/* Without permission to watch, it reconciles now and then, and warns once. */
static void refused_watch_reconciles(void **state)
{
	static const char forbidden[] =
		"{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"reason\":\"Forbidden\",\"code\":403}";
	static const struct line script[] = {SAY("limit=500 ", 403, forbidden),
		SAY("limit=500 ", 403, forbidden), SAY("limit=500 ", 403, forbidden)};
	struct kept t = {.calls = 0};

	(void)state;
	keep(&t, script, RK_COUNT(script), third, 0);
	assert_int_equal(warnings, 1);
	assert_non_null(strstr(last_warning, "forbidden"));
}

static int leaves(void *arg, const char *key RK_UNUSED, struct rk_err *err)
{
	struct kept *t = arg;

	if (t->calls++)
		return the_end(err);
	rk_reconciler_unwatch(t->reconciler, t->kube);
	client_free(t->kube);
	t->kube = NULL;
	return 0;
}

static void leaves_a_cluster(void **state)
{
	static const struct line script[] = {SAY("limit=500 ", 200, LIST("1", "", "")),
		{.uri = "watch=1",
			.status = 200,
			.body = "",
			.hold_ms = 300,
			.later = EVENT("ADDED", OBJ("a", "ua", "2"))}};
	struct kept t = {.calls = 0};

	(void)state;
	keep(&t, script, RK_COUNT(script), leaves, 1000);
	assert_int_equal(t.calls, 2);
	assert_int_equal(warnings, 0);
}

/* --- leases --- */

#define HELD(version)                                                                           \
	"{\"kind\":\"Lease\",\"apiVersion\":\"coordination.k8s.io/v1\",\"metadata\":{\"name\":" \
	"\"l\",\"namespace\":\"n\",\"uid\":\"u\",\"resourceVersion\":\"" version                \
	"\"},\"spec\":{\"holderIdentity\":\"other\",\"leaseDurationSeconds\":60,\"renewTime\":" \
	"\"2999-01-01T00:00:00.000000Z\"}}"

struct leader {
	struct rk_kube *k;
	struct rk_loop *loop;
	struct rk_err err;
	int step; /* 1 acquired, 2 refused, 3 renewed, 4 lost, 5 released */
};

static void end_loop(void *arg)
{
	rk_loop_stop(arg);
}

static void lead(void *arg)
{
	struct leader *l = arg;
	struct rk_lease *lease = rk_lease_new(l->k, "n", "l", "me", 60000, (int)getpid());

	if (rk_lease_acquire(lease, 0, &l->err) == 0)
		l->step = 1;
	if (rk_lease_acquire(lease, 0, &l->err) < 0 && l->err.code == RK_CONFLICT)
		l->step += l->step == 1;
	rk_err_clear(&l->err);
	if (rk_lease_renew(lease, &l->err) == 0)
		l->step += l->step == 2;
	if (rk_lease_renew(lease, &l->err) < 0 && l->err.http == 409)
		l->step += l->step == 3;
	rk_err_clear(&l->err);
	if (rk_lease_release(lease, &l->err) == 0) /* another's by now: no request */
		l->step += l->step == 4;
	rk_lease_free(lease);
	rk_loop_after(l->loop, 0, end_loop, l->loop);
}

static void lease_in_a_task(void **state)
{
	static const struct line script[] = {
		SAY("GET /apis/coordination.k8s.io/v1/namespaces/n/leases/l ", 404,
			"{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"reason\":\"NotFound\","
			"\"code\":"
			"404,\"details\":{\"name\":\"l\"}}"),
		SAY("POST /apis/coordination.k8s.io/v1/namespaces/n/leases?", 201, HELD("1")),
		SAY("GET /apis/", 200, HELD("2")),
		SAY("PATCH /apis/", 200, HELD("3")),
		SAY("PATCH /apis/", 409,
			"{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"reason\":\"Conflict\","
			"\"code\":"
			"409}"),
	};
	struct leader l = {.step = 0};
	struct rk_err err = RK_ERR_INIT;
	struct rk_task *t;

	(void)state;
	start(script, RK_COUNT(script));
	l.k = client();
	l.loop = rk_loop_new();
	t = rk_task_new(lead, &l, 0);
	if (rk_loop_run(l.loop, 15000, &err) < 0)
		fail_msg("step %d, %s: %s", l.step, err.msg, shared->wrong);
	assert_string_equal(shared->wrong, "");
	assert_int_equal(l.step, 5);
	rk_task_free(t);
	rk_loop_free(l.loop);
	client_free(l.k);
	stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lease_in_a_task),
		cmocka_unit_test(pages_and_chunks),
		cmocka_unit_test(expired_lists_again),
		cmocka_unit_test(error_lists_again),
		cmocka_unit_test(refusal_ends_or_is_tried_again),
		cmocka_unit_test(rubbish_and_breaks),
		cmocka_unit_test(token_is_read_again),
		cmocka_unit_test(token_ends_between_pages),
		cmocka_unit_test(busy_client_misses_nothing),
		cmocka_unit_test(timers),
		cmocka_unit_test(signals),
		cmocka_unit_test(signal_before_the_end),
		cmocka_unit_test(burst_is_one_reconcile),
		cmocka_unit_test(failures_are_reported_once),
		cmocka_unit_test(refused_watch_reconciles),
		cmocka_unit_test(leaves_a_cluster),
	};

	return cmocka_run_group_tests_name("watch", tests, NULL, NULL);
}
