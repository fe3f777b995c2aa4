// SPDX-License-Identifier: Apache-2.0
/* Tasks: they run side by side, wait for time and for bytes, and end when they must. */
#include "os/os.h"
#include "task/task.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

struct job {
	const char *name;
	int64_t ms;
	int rounds, fd;
	bool cut;
};

static char text[200];
static size_t ended; /* tasks */

static void say(const char *s)
{
	size_t n = strlen(text);

	snprintf(text + n, sizeof(text) - n, "%s", s);
}

static void ticks(void *arg)
{
	struct job *j = arg;

	for (int i = 0; i < j->rounds && !j->cut; i++) {
		say(j->name);
		j->cut = !rk_task_pause(j->ms);
	}
	ended++;
}

static void until_ended(struct rk_task *const *v, size_t n)
{
	while (ended < n)
		rk_task_poll(NULL, 0, 1000);
	for (size_t i = 0; i < n; i++)
		rk_task_free(v[i]);
	ended = 0;
}

static void tasks_take_turns(void **state)
{
	struct job a = {"a", 40, 2, 0, false}, b = {"b", 100, 2, 0, false};
	struct rk_task *v[] = {rk_task_new(ticks, &a, 0), rk_task_new(ticks, &b, 0)};
	int64_t began = rk_now_ms();

	(void)state;
	text[0] = '\0';
	assert_null(rk_task_self());
	until_ended(v, 2);
	assert_string_equal(text, "abab");
	assert_in_range(rk_now_ms() - began, 200, 3000);
}

static void reads(void *arg)
{
	struct job *j = arg;
	struct pollfd p = {.fd = j->fd, .events = POLLIN};
	char c = '?';

	assert_non_null(rk_task_self());
	assert_int_equal(rk_task_poll(&p, 1, 10), 0);
	assert_int_equal(rk_task_poll(&p, 1, -1), 1);
	assert_int_equal(read(j->fd, &c, 1), 1);
	say(&(char[]){c, '\0'}[0]);
	ended++;
}

static void bytes_wake_the_task_that_waits_for_them(void **state)
{
	int fds[2][2];
	struct job j[2] = {0};
	struct rk_task *v[2];

	(void)state;
	text[0] = '\0';
	for (int i = 0; i < 2; i++) {
		assert_int_equal(pipe2(fds[i], O_CLOEXEC), 0);
		j[i].fd = fds[i][0];
		v[i] = rk_task_new(reads, &j[i], 0);
	}
	for (int i = 0; i < 3; i++)
		rk_task_poll(NULL, 0, 15);
	assert_int_equal(write(fds[1][1], "y", 1), 1);
	while (!ended)
		rk_task_poll(NULL, 0, 1000);
	assert_string_equal(text, "y");
	assert_int_equal(write(fds[0][1], "x", 1), 1);
	until_ended(v, 2);
	assert_string_equal(text, "yx");
	for (int i = 0; i < 4; i++)
		close(fds[i / 2][i % 2]);
}

static void a_limit_ends_its_waits(void **state)
{
	struct job j = {"t", 10000, 5, 0, false};
	struct rk_task *t = rk_task_new(ticks, &j, 50);
	int64_t began = rk_now_ms();

	(void)state;
	until_ended(&t, 1);
	assert_true(j.cut);
	assert_in_range(rk_now_ms() - began, 50, 3000);
}

static void freeing_runs_a_task_to_its_end(void **state)
{
	struct job j = {"t", 10000, 5, 0, false};
	struct rk_task *t = rk_task_new(ticks, &j, 0);

	(void)state;
	rk_task_poll(NULL, 0, 0);
	rk_task_free(t);
	ended = 0;
	assert_true(j.cut);
}

static void runs(void *arg)
{
	rk_auto_buf out = RK_BUF_INIT;
	static const char *const sleeps[] = {"/bin/sh", "-c", "sleep 1; echo done", NULL};
	struct rk_run r = {.argv = sleeps, .timeout_ms = 5000};
	struct rk_err err = RK_ERR_INIT;
	int status = 1;

	(void)arg;
	assert_int_equal(rk_run(&r, &out, &status, &err), 0);
	say(out.s);
	ended++;
}

static void programs_run_side_by_side(void **state)
{
	struct rk_task *v[4];
	int64_t began = rk_now_ms();

	(void)state;
	text[0] = '\0';
	for (int i = 0; i < 4; i++)
		v[i] = rk_task_new(runs, NULL, 0);
	until_ended(v, 4);
	assert_string_equal(text, "done\ndone\ndone\ndone\n");
	assert_in_range(rk_now_ms() - began, 1000, 3500);
}

static void forks(void *arg)
{
	int *status = arg;
	pid_t pid = fork();

	if (pid == 0)
		_exit(rk_task_self() || !rk_task_pause(1) ? 1 : 7);
	waitpid(pid, status, 0);
	ended++;
}

static void a_child_process_is_outside_of_tasks(void **state)
{
	int status = 0;
	struct rk_task *t = rk_task_new(forks, &status, 0);

	(void)state;
	until_ended(&t, 1);
	assert_int_equal(WEXITSTATUS(status), 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tasks_take_turns),
		cmocka_unit_test(bytes_wake_the_task_that_waits_for_them),
		cmocka_unit_test(a_limit_ends_its_waits),
		cmocka_unit_test(freeing_runs_a_task_to_its_end),
		cmocka_unit_test(programs_run_side_by_side),
		cmocka_unit_test(a_child_process_is_outside_of_tasks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
