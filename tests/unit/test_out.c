// SPDX-License-Identifier: Apache-2.0
#include "out/out.h"

#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <termios.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/ioctl.h>
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

/* The end of a child: with signals as a shell's user has them, and never for ever. */
static void on_child(int (*fn)(void))
{
	signal(SIGINT, SIG_DFL);
	setenv("TERM", "xterm", 1);
	unsetenv("NO_COLOR");
	alarm(20);
	_exit(fn());
}

/* Run fn on a terminal of its own and type `keys`; what the terminal shows goes to got. Returns
 * what fn returned. */
static int on_terminal(int (*fn)(void), const char *keys, struct rk_buf *got)
{
	int tty, status;
	char buf[512];
	ssize_t n;
	pid_t pid = forkpty(&tty, NULL, NULL, NULL);

	assert_true(pid >= 0);
	if (pid == 0)
		on_child(fn);
	assert_int_equal(write(tty, keys, strlen(keys)), strlen(keys));
	while ((n = read(tty, buf, sizeof(buf))) > 0)
		rk_buf_put(got, buf, (size_t)n);
	close(tty);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int ask_hidden(void)
{
	struct rk_err err = RK_ERR_INIT;
	rk_auto_buf answer = RK_BUF_INIT_SECRET;

	if (rk_ask("first?", false, &answer, &err) < 0 || !rk_streq(answer.s, "shown"))
		return 1;
	if (rk_ask("password?", true, &answer, &err) < 0)
		return 2;
	return rk_streq(answer.s, "s3cret") ? 0 : 3;
}

static int ask_and_confirm(void)
{
	struct rk_err err = RK_ERR_INIT;

	return rk_confirm("sure?", &err) == 1 ? 42 : 43;
}

static int progress_on_terminal(void)
{
	struct rk_progress *p;

	rk_out_init("rk3k-test", 0, false, RK_COLOR_AUTO);
	p = rk_progress_begin("waiting");
	rk_note("between");
	rk_progress_set(p, "still waiting");
	rk_progress_end(p, false, "gone");
	return 0;
}

static void test_confirm(void **state)
{
	rk_auto_buf yes = RK_BUF_INIT, no = RK_BUF_INIT, end = RK_BUF_INIT;

	(void)state;
	assert_int_equal(on_terminal(ask_and_confirm, "y\n", &yes), 42);
	assert_non_null(strstr(yes.s, "sure? [y/N] "));
	assert_int_equal(on_terminal(ask_and_confirm, "nein\n", &no), 43);
	assert_int_equal(on_terminal(ask_and_confirm, "\004", &end), 43); /* end of input */
}

static void test_progress_on_a_terminal(void **state)
{
	rk_auto_buf got = RK_BUF_INIT;

	(void)state;
	assert_int_equal(on_terminal(progress_on_terminal, "", &got), 0);
	assert_string_equal(got.s, "\r\033[Kwaiting (0s)"
				   "\r\033[Krk3k-test: between\r\nwaiting (0s)"
				   "\r\033[Kstill waiting (0s)"
				   "\r\033[K\033[31m\342\234\227\033[0m gone (0s)\r\n");
}

/* --- a table that is shown again and again --- */

/* Digits that are a time become @: what time it was is not the point. */
static void mask_times(struct rk_buf *b, const char *pattern)
{
	size_t n = strlen(pattern);

	for (size_t i = 0; i + n <= b->len; i++) {
		size_t same = 0;

		while (same < n &&
			(pattern[same] == '0' ? b->s[i + same] >= '0' && b->s[i + same] <= '9'
					      : b->s[i + same] == pattern[same]))
			same++;
		for (size_t j = 0; same == n && j < n; j++)
			b->s[i + j] = '@';
	}
}

static void show_rows(struct rk_live *l, const char *const (*rows)[3], size_t n, const char *note)
{
	static const char *const head[] = {"NAME", "STATE", "AGE"};
	struct rk_table *t = rk_table_new(head, 3);
	struct rk_strv notes = {0};

	for (size_t i = 0; i < n; i++)
		rk_table_row(t, rows[i][0], rows[i][1], rows[i][2]);
	if (note)
		rk_strv_add(&notes, note);
	rk_live_show(l, t, true, &notes);
	rk_table_free(t);
	rk_strv_release(&notes);
}

static void live(void)
{
	static const char *const first[][3] = {
		{"a", "new", "1s"}, {"url", "ok", ""}, {"url", "ok", ""}};
	static const char *const second[][3] = {
		{"a", "new", "9s"}, {"url", "ok", ""}, {"url", "bad", ""}};
	static const char *const third[][3] = {{"much-longer", "new", "1s"}, {"url", "ok", ""}};
	struct rk_live *l = rk_live_new(1, 1, 2);

	show_rows(l, first, 3, NULL);
	show_rows(l, second, 3, "it is bad");
	show_rows(l, second, 3, "it is bad");
	show_rows(l, third, 2, "it is bad");
	rk_live_free(l);
}

static void live_to_log(void)
{
	live();
	rk_event("secret/%s created\n", "x");
}

static void note_stamped(void)
{
	rk_note("note");
}

#define STAMP "@@@@@@@@@@@@@@@@@@@@@@@@@"

static void test_live_in_a_log(void **state)
{
	rk_auto_buf out = RK_BUF_INIT, said = RK_BUF_INIT;

	(void)state;
	setenv("TZ", "IST-5:30", 1);
	rk_out_init("rk3k-test", 0, false, RK_COLOR_AUTO);
	rk_out_stamp();
	capture(STDOUT_FILENO, live_to_log, &out);
	capture(STDERR_FILENO, note_stamped, &said);
	unsetenv("TZ");
	mask_times(&said, "0000-00-00T00:00:00+05:30");
	assert_string_equal(said.s, STAMP " rk3k-test: note\n");
	mask_times(&out, "0000-00-00T00:00:00+05:30");
	assert_string_equal(out.s,
		"TIME                        NAME   STATE   AGE\n" STAMP
		"   a      new     1s\n" STAMP "   url    ok      \n" STAMP
		"   url    ok      \n" STAMP "   url    bad     \n" STAMP
		"   much-longer   new       1s\n" STAMP "   a             deleted   \n" STAMP
		"   url           deleted   \n" STAMP " secret/x created\n");
}

static void set_columns(unsigned short rows, unsigned short columns)
{
	struct winsize w = {.ws_row = rows, .ws_col = columns};

	ioctl(STDOUT_FILENO, TIOCSWINSZ, &w);
}

static int live_on_terminal(void)
{
	static const char *const rows[][3] = {{"a", "one", ""}, {"b", "two", ""}};
	static const char *const more[][3] = {{"a", "one", ""}, {"b", "three", ""}};
	struct rk_live *l = rk_live_new(1, 1, SIZE_MAX);

	rk_out_init("rk3k-test", 0, false, RK_COLOR_AUTO);
	set_columns(24, 80);
	show_rows(l, rows, 2, NULL);
	show_rows(l, more, 2, "a problem");
	rk_note("between");
	set_columns(24, 60);
	show_rows(l, more, 2, NULL);
	set_columns(4, 60);
	show_rows(l, more, 2, NULL);
	set_columns(24, 20);
	show_rows(l, rows, 1, NULL);
	show_rows(l, rows, 1, NULL);
	rk_live_free(l);
	rk_note("end");
	return 0;
}

/* Only what was drawn is cleared, by the number of lines that it takes; after a change of the width
 * nothing is. */
static void test_live_on_a_terminal(void **state)
{
	rk_auto_buf got = RK_BUF_INIT;

	(void)state;
	assert_int_equal(on_terminal(live_on_terminal, "", &got), 0);
	mask_times(&got, "00:00:00");
	assert_string_equal(got.s, "TIME       NAME   STATE   AGE\r\n"
				   "@@@@@@@@   a      one     \r\n"
				   "@@@@@@@@   b      two     \r\n"
				   "\r\033[3A\033[J"
				   "TIME       NAME   STATE   AGE\r\n"
				   "@@@@@@@@   a      one     \r\n"
				   "@@@@@@@@   b      three   \r\n"
				   "a problem\r\n"
				   "\r\033[4A\033[Jrk3k-test: between\r\n"
				   "TIME       NAME   STATE   AGE\r\n"
				   "@@@@@@@@   a      one     \r\n"
				   "@@@@@@@@   b      three   \r\n"
				   "a problem\r\n"
				   "TIME       NAME   STATE   AGE\r\n"
				   "@@@@@@@@   a      one     \r\n"
				   "@@@@@@@@   b      three   \r\n"
				   "\r\033[3A\033[J"
				   "TIME       NAME   STATE   AGE\r\n"
				   "@@@@@@@@   a      one     \r\n"
				   "...\r\n"
				   "TIME       NAME   STATE   AGE\r\n"
				   "@@@@@@@@   a      one     \r\n"
				   "\r\033[4A\033[J"
				   "TIME       NAME   STATE   AGE\r\n"
				   "@@@@@@@@   a      one     \r\n"
				   "rk3k-test: end\r\n");
}

/* Interrupted while the echo is off: the terminal has it again, and the signal counts. */
static void test_interrupted_answer(void **state)
{
	rk_auto_buf got = RK_BUF_INIT;
	struct termios t;
	int tty, status;
	char c;
	pid_t pid = forkpty(&tty, NULL, NULL, NULL);

	(void)state;
	if (pid == 0)
		on_child(ask_hidden);
	assert_int_equal(write(tty, "shown\n", 6), 6);
	while (!rk_suffix(got.s, "password? ") && read(tty, &c, 1) == 1)
		rk_buf_putc(&got, c);
	assert_int_equal(tcgetattr(tty, &t), 0);
	assert_false(t.c_lflag & ECHO);
	assert_int_equal(write(tty, "half\003", 5), 5);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT);
	assert_int_equal(tcgetattr(tty, &t), 0);
	assert_true(t.c_lflag & ECHO);
	close(tty);
}

/* The password is typed once its question is shown. */
static void test_hidden_answer(void **state)
{
	rk_auto_buf got = RK_BUF_INIT;
	int tty, status;
	char c;
	pid_t pid = forkpty(&tty, NULL, NULL, NULL);

	(void)state;
	if (pid == 0)
		on_child(ask_hidden);
	assert_int_equal(write(tty, "shown\n", 6), 6);
	while (read(tty, &c, 1) == 1) {
		rk_buf_putc(&got, c);
		if (rk_suffix(got.s, "password? ")) {
			assert_int_equal(write(tty, "s3cret\n", 7), 7);
		}
	}
	close(tty);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_non_null(strstr(got.s, "shown"));
	assert_null(strstr(got.s, "s3cret"));
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

static void plain_is(const char *text, const char *want)
{
	rk_auto_buf got = RK_BUF_INIT;

	rk_out_plain(&got, "helm", text, strlen(text));
	assert_string_equal(got.s, want);
}

/* What another program says cannot play with the terminal, and shows no secret. */
static void said(void **state)
{
	(void)state;
	plain_is("a\r\nb\n\nc", "helm: a\nhelm: b\nhelm: \nhelm: c\n");
	plain_is("\033[31mx\033]0;t\007\r\302\233y\342\200\256z\377\n",
		"helm: ^[[31mx^[]0;t^G^M\357\277\275y\357\277\275z\357\277\275\n");
	plain_is("Get \"https://u:p@ss@h/x?a=b\": no", "helm: Get \"https://u:***@h/x?a=b\": no\n");
	plain_is("git+https://tok@h", "helm: git+https://***@h\n");
	plain_is("https://h/u:p@x", "helm: https://h/u:p@x\n");
	plain_is("Authorization: Basic dTpw", "helm: Authorization: ***\n");
	plain_is("authorization=Bearer x y", "helm: authorization=***\n");
	plain_is("Bearer eyJhbGciOiJSUzI1NiJ9.x ok", "helm: Bearer *** ok\n");
	plain_is(
		"basic authentication, bearer token", "helm: basic authentication, bearer token\n");
	plain_is("?X-Amz-Signature=abc&y=1 --password=x",
		"helm: ?X-Amz-Signature=***&y=1 --password=***\n");
	plain_is("{\"Secret\": \"x\", \"n\":\"y\"}", "helm: {\"Secret\": \"***\", \"n\":\"y\"}\n");
	plain_is("invalid token: expired; tokens=2", "helm: invalid token: expired; tokens=2\n");
	plain_is("password=", "helm: password=\n");
	plain_is("://", "helm: ://\n");
	plain_is("\"", "helm: \"\n");
}

static void hostile_lines(void)
{
	rk_printf("%s/%s %s%s\n", "secret", "a\nb\033[2J\302\233\342\200\256\177", "created", "");
	rk_printf("  %-6s|%3s|\n", "a\tb", "c");
	rk_printf("%d %zu%% %u\n", -1, (size_t)7, 3U);
}

/* No name can forge a line or send a control byte. */
static void lines(void **state)
{
	(void)state;
	writes(STDOUT_FILENO, hostile_lines,
		"secret/a^Jb^[[2J\357\277\275\357\277\275^? created\n  a b   |  c|\n-1 7% 3\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(said),
		cmocka_unit_test(lines),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_table_makes_cells_harmless),
		cmocka_unit_test(test_live_in_a_log),
		cmocka_unit_test(test_live_on_a_terminal),
		cmocka_unit_test(test_age),
		cmocka_unit_test(test_time),
		cmocka_unit_test(test_printable),
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_progress_in_a_log),
		cmocka_unit_test(test_progress_on_a_terminal),
		cmocka_unit_test(test_confirm),
		cmocka_unit_test(test_hidden_answer),
		cmocka_unit_test(test_interrupted_answer),
		cmocka_unit_test(test_no_terminal_no_question),
		cmocka_unit_test(test_full_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
