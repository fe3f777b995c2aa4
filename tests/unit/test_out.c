// SPDX-License-Identifier: Apache-2.0
#include "out.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/wait.h>

#include <cmocka.h>

/* What fn writes to a descriptor. */
static void capture(int fd, void (*fn)(void), struct rk_buf *got)
{
	FILE *f = tmpfile();
	int saved = dup(fd);
	char buf[4096];
	size_t n;

	assert_non_null(f);
	fflush(stdout);
	dup2(fileno(f), fd);
	fn();
	fflush(stdout);
	dup2(saved, fd);
	close(saved);
	rewind(f);
	while ((n = fread(buf, 1, sizeof(buf), f)) > 0)
		rk_buf_put(got, buf, n);
	fclose(f);
}

static void writes(int fd, void (*fn)(void), const char *want)
{
	rk_auto_buf got = RK_BUF_INIT;

	capture(fd, fn, &got);
	assert_string_equal(got.s, want);
}

static const char *const headers[] = {"NAME", "READY", "AGE", "NODE"};

static struct rk_table *sample(void)
{
	struct rk_table *t = rk_table_new(headers, 4);

	rk_table_wide(t, 3);
	rk_table_row(t, "r\303\244ncher", "", "5m30s", "n1");
	rk_table_row(t, "a-much-longer-name", NULL, "2d", "n2");
	return t;
}

static void plain_table(void)
{
	struct rk_table *t = sample();

	rk_table_print(t, RK_FMT_TABLE, true);
	rk_table_free(t);
}

static void wide_table(void)
{
	struct rk_table *t = sample();

	rk_table_print(t, RK_FMT_WIDE, false);
	rk_table_free(t);
}

static void hostile_table(void)
{
	static const char *const head[] = {"A", "B"};
	struct rk_table *t = rk_table_new(head, 2);

	rk_table_row(t, "x\033[31m", "first\nsecond");
	rk_table_print(t, RK_FMT_TABLE, true);
	rk_table_free(t);
}

static void test_table(void **state)
{
	(void)state;
	writes(STDOUT_FILENO, plain_table,
		"NAME                 READY    AGE\n"
		"r\303\244ncher                       5m30s\n"
		"a-much-longer-name   <none>   2d\n");
	writes(STDOUT_FILENO, wide_table,
		"r\303\244ncher                       5m30s   n1\n"
		"a-much-longer-name   <none>   2d      n2\n");
}

static void test_table_makes_cells_harmless(void **state)
{
	(void)state;
	writes(STDOUT_FILENO, hostile_table,
		"A         B\n"
		"x^[[31m   first...\n");
}

static void test_age(void **state)
{
	enum { M = 60, H = 3600, D = 86400, Y = 365 * 86400 };
	static const struct {
		int64_t s;
		const char *want;
	} ages[] = {
		{-2, "<invalid>"},
		{-1, "0s"},
		{0, "0s"},
		{119, "119s"},
		{120, "2m"},
		{9 * M + 59, "9m59s"},
		{10 * M + 59, "10m"},
		{3 * H - 1, "179m"},
		{3 * H, "3h"},
		{8 * H - 1, "7h59m"},
		{8 * H + 59 * M, "8h"},
		{48 * H - 1, "47h"},
		{48 * H, "2d"},
		{2 * D + 5 * H, "2d5h"},
		{8 * D - 1, "7d23h"},
		{8 * D + 23 * H, "8d"},
		{2 * (int64_t)Y - 1, "729d"},
		{2 * (int64_t)Y, "2y"},
		{2 * (int64_t)Y + D, "2y1d"},
		{8 * (int64_t)Y + 9 * D, "8y"},
		{INT64_MAX, "<invalid>"},
	};
	char got[16];

	(void)state;
	for (size_t i = 0; i < RK_COUNT(ages); i++) {
		rk_age(ages[i].s, got);
		assert_string_equal(got, ages[i].want);
	}
}

static void test_time(void **state)
{
	static const char *const bad[] = {"", "2024-02-30T00:00:00Z", "2024-01-01",
		"2024-01-01T00:00:00", "2024-13-01T00:00:00Z", "2024-01-01T24:00:00Z",
		"2024-01-01T00:00:00Zx", "2024-01-01T00:00:00+2:00", "24-01-01T00:00:00Z"};
	char text[32];

	(void)state;
	rk_time_format(1709210096, text);
	assert_string_equal(text, "2024-02-29T12:34:56Z");
	assert_int_equal(rk_time_parse("2024-02-29T12:34:56Z"), 1709210096);
	assert_int_equal(rk_time_parse("2024-02-29T12:34:56.789Z"), 1709210096);
	assert_int_equal(rk_time_parse("2024-02-29T14:34:56+02:00"), 1709210096);
	assert_int_equal(rk_time_parse("2024-02-29T10:04:56-02:30"), 1709210096);
	assert_int_equal(rk_time_parse(NULL), -1);
	for (size_t i = 0; i < RK_COUNT(bad); i++)
		assert_int_equal(rk_time_parse(bad[i]), -1);
}

static void test_printable(void **state)
{
	static const struct {
		const char *in, *want;
	} cases[] = {
		{"plain", "plain"},
		{"a\033[2Jb", "a^[[2Jb"},
		{"tab\there", "tab here"},
		{"line\nbreak", "line|break"},
		{"\302\233x", "\357\277\275x"},		  /* C1: CSI */
		{"\342\200\256evil", "\357\277\275evil"}, /* right-to-left override */
		{"bad\377byte", "bad\357\277\275byte"},
		{"\355\240\200", "\357\277\275\357\277\275\357\277\275"}, /* surrogate */
		{"\303", "\357\277\275"},				  /* cut off */
		{"\303\251\342\234\223\360\237\230\200", "\303\251\342\234\223\360\237\230\200"},
		{"del\177", "del^?"},
	};

	(void)state;
	for (size_t i = 0; i < RK_COUNT(cases); i++) {
		rk_auto_buf b = RK_BUF_INIT;

		rk_printable(&b, cases[i].in, strlen(cases[i].in), "|");
		assert_string_equal(b.s, cases[i].want);
	}
}

static void messages(void)
{
	struct rk_err err = RK_ERR_INIT;

	rk_out_init("rk3k-test", 0, false, RK_COLOR_AUTO);
	rk_note("note %d", 1);
	rk_warn("two\nlines");
	rk_debug("unseen");
	rk_err_set(&err, RK_FAIL, "no\nluck");
	rk_err_hint(&err, "try again");
	rk_out_error(&err);
}

static void quiet_messages(void)
{
	rk_out_init("rk3k-test", 1, true, RK_COLOR_AUTO);
	rk_note("unseen");
	rk_say("unseen");
	rk_warn("seen");
	rk_debug("seen");
}

static void test_messages(void **state)
{
	(void)state;
	writes(STDERR_FILENO, messages,
		"rk3k-test: note 1\n"
		"rk3k-test: warning: two\n  lines\n"
		"rk3k-test: no luck; try again\n");
	writes(STDERR_FILENO, quiet_messages,
		"rk3k-test: warning: seen\n"
		"rk3k-test: debug: seen\n");
}

static void progress(void)
{
	struct rk_progress *p;

	rk_out_init("rk3k-test", 0, false, RK_COLOR_AUTO);
	p = rk_progress_begin("waiting for %s", "pods");
	rk_progress_set(p, "waiting for pods");
	rk_progress_set(p, "1 of 2 pods");
	rk_progress_tick(p);
	rk_progress_end(p, true, "pods ready");
}

/* Not on a terminal: a line for each change, none for a tick. */
static void test_progress_in_a_log(void **state)
{
	(void)state;
	writes(STDERR_FILENO, progress,
		"rk3k-test: waiting for pods\n"
		"rk3k-test: 1 of 2 pods (0s)\n"
		"rk3k-test: \342\234\223 pods ready (0s)\n");
}

/* A child without a controlling terminal. */
static int ask_without_terminal(void)
{
	struct rk_err err = RK_ERR_INIT;
	rk_auto_buf answer = RK_BUF_INIT;

	if (setsid() < 0)
		return 1;
	if (rk_ask("name?", false, &answer, &err) != -1 || err.code != RK_USAGE)
		return 2;
	rk_err_clear(&err);
	if (rk_confirm("sure?", &err) != -1 || err.code != RK_USAGE || !strstr(err.hint, "--yes"))
		return 3;
	return 0;
}

static void test_no_terminal_no_question(void **state)
{
	int status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		_exit(ask_without_terminal());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void test_full_disk(void **state)
{
	struct rk_err err = RK_ERR_INIT;
	int full = open("/dev/full", O_WRONLY), saved = dup(STDOUT_FILENO), ret;

	(void)state;
	assert_true(full >= 0);
	fflush(stdout);
	dup2(full, STDOUT_FILENO);
	rk_print("lost\n");
	ret = rk_out_flush(&err);
	dup2(saved, STDOUT_FILENO);
	clearerr(stdout);
	close(full);
	close(saved);
	assert_int_equal(ret, -1);
	assert_int_equal(err.code, RK_FAIL);
	assert_string_equal(err.msg, "write error: No space left on device");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_table_makes_cells_harmless),
		cmocka_unit_test(test_age),
		cmocka_unit_test(test_time),
		cmocka_unit_test(test_printable),
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_progress_in_a_log),
		cmocka_unit_test(test_no_terminal_no_question),
		cmocka_unit_test(test_full_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
