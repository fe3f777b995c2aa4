// SPDX-License-Identifier: Apache-2.0
#include "os/os.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include <cmocka.h>

static char dir[] = "/tmp/rk3k-test-XXXXXX";
static char path[128], link_path[128];

static int make_dir(void **state)
{
	(void)state;
	memcpy(dir + sizeof(dir) - 7, "XXXXXX", 7);
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/config", dir);
	snprintf(link_path, sizeof(link_path), "%s/link", dir);
	return 0;
}

static int remove_dir(void **state)
{
	(void)state;
	unlink(path);
	unlink(link_path);
	return rmdir(dir);
}

static void expect_bytes(const char *p, const char *text)
{
	rk_auto_buf b = RK_BUF_INIT;

	assert_int_equal(rk_file_read(p, 1000, &b, NULL), 0);
	assert_string_equal(b.s, text);
}

#define ACL_NAME "system.posix_acl_access"

/* An ACL as the kernel keeps it: user 1000 may read, the file's group may not, the mask is r. */
static const unsigned char acl[] = {2, 0, 0, 0, 1, 0, 6, 0, 255, 255, 255, 255, 2, 0, 4, 0, 232, 3,
	0, 0, 4, 0, 0, 0, 255, 255, 255, 255, 16, 0, 4, 0, 255, 255, 255, 255, 32, 0, 0, 0, 255,
	255, 255, 255};

static void replace_keeps_acl_and_attributes(void **state)
{
	unsigned char now[sizeof(acl) + 1];
	struct stat st;
	char value[8] = "";

	(void)state;
	assert_int_equal(rk_file_replace(path, "one", 3, 0600, NULL, NULL), 0);
	assert_int_equal(setxattr(path, ACL_NAME, acl, sizeof(acl), 0), 0);
	assert_int_equal(setxattr(path, "user.note", "mine", 4, 0), 0);
	assert_int_equal(rk_file_replace(path, "two", 3, 0600, NULL, NULL), 0);
	assert_int_equal(getxattr(path, ACL_NAME, now, sizeof(now)), sizeof(acl));
	assert_memory_equal(now, acl, sizeof(acl));
	assert_int_equal(getxattr(path, "user.note", value, sizeof(value)), 4);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
	expect_bytes(path, "two");
}

/* What the directory gives to new files is not given to one that takes an old one's place. */
static void replace_takes_no_acl_of_the_directory(void **state)
{
	(void)state;
	assert_int_equal(rk_file_replace(path, "one", 3, 0600, NULL, NULL), 0);
	assert_int_equal(chmod(path, 0640), 0);
	assert_int_equal(setxattr(dir, "system.posix_acl_default", acl, sizeof(acl), 0), 0);
	assert_int_equal(rk_file_replace(path, "two", 3, 0600, NULL, NULL), 0);
	assert_int_equal(getxattr(path, ACL_NAME, NULL, 0), -1);
	expect_bytes(path, "two");
}

static void replace_keeps_mode_and_links(void **state)
{
	struct stat st;
	bool changed;

	(void)state;
	assert_int_equal(rk_file_replace(path, "one", 3, 0600, &changed, NULL), 0);
	assert_true(changed);
	assert_int_equal(chmod(path, 0640), 0);
	assert_int_equal(symlink("config", link_path), 0);
	assert_int_equal(rk_file_replace(link_path, "two", 3, 0600, &changed, NULL), 0);
	assert_true(changed);
	assert_int_equal(lstat(link_path, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
	expect_bytes(path, "two");
	assert_int_equal(rk_file_replace(path, "two", 3, 0600, &changed, NULL), 0);
	assert_false(changed);
}

/* path -> b -> c, and no c: c is made, and the links stay, as with kubectl. */
static void replace_follows_links_to_nothing(void **state)
{
	rk_auto_free char *b = rk_asprintf("%s/b", dir), *sub = rk_asprintf("%s/~", dir),
			  *c = rk_asprintf("%s/~/c", dir), *lock = rk_asprintf("%s.lock", c);
	const char *paths[] = {path};
	rk_auto_lock *l = NULL;
	struct stat st;

	(void)state;
	assert_int_equal(mkdir(sub, 0700), 0);
	assert_int_equal(symlink("b", path), 0);
	assert_int_equal(symlink("~/c", b), 0); /* no home: no shell reads this */
	assert_int_equal(rk_file_lock(&l, paths, 1, 0, NULL), 0);
	assert_int_equal(access(lock, F_OK), 0);
	rk_file_unlock(rk_steal(&l));
	assert_int_equal(rk_file_replace(path, "one", 3, 0600, NULL, NULL), 0);
	assert_true(lstat(path, &st) == 0 && S_ISLNK(st.st_mode));
	assert_true(lstat(b, &st) == 0 && S_ISLNK(st.st_mode));
	assert_true(lstat(c, &st) == 0 && S_ISREG(st.st_mode));
	expect_bytes(path, "one");
	assert_int_equal(unlink(b) | unlink(c) | rmdir(sub), 0);
}

static void replace_refuses_a_loop(void **state)
{
	struct rk_err err = RK_ERR_INIT;
	struct stat st;

	(void)state;
	assert_int_equal(symlink("config", link_path), 0);
	assert_int_equal(symlink("link", path), 0);
	assert_int_equal(rk_file_replace(path, "one", 3, 0600, NULL, &err), -1);
	assert_non_null(strstr(err.msg, "/config: Too many levels of symbolic links"));
	assert_true(lstat(path, &st) == 0 && S_ISLNK(st.st_mode));
}

/* Files of one length that differ in their last byte only. */
static void replace_sees_the_last_byte(void **state)
{
	enum { N = 200000 };
	rk_auto_free char *text = rk_malloc(N);
	rk_auto_buf now = RK_BUF_INIT;
	bool changed;

	(void)state;
	memset(text, 'x', N);
	assert_int_equal(rk_file_replace(path, text, N, 0600, &changed, NULL), 0);
	assert_int_equal(rk_file_replace(path, text, N, 0600, &changed, NULL), 0);
	assert_false(changed);
	text[N - 1] = 'y';
	assert_int_equal(rk_file_replace(path, text, N, 0600, &changed, NULL), 0);
	assert_true(changed);
	assert_int_equal(rk_file_read(path, N, &now, NULL), 0);
	assert_int_equal(now.len, N);
	assert_int_equal(now.s[N - 1], 'y');
}

static void read_is_bounded(void **state)
{
	rk_auto_buf b = RK_BUF_INIT;
	struct rk_err err = RK_ERR_INIT;

	(void)state;
	assert_int_equal(rk_file_replace(path, "12345", 5, 0644, NULL, NULL), 0);
	assert_int_equal(rk_file_read(path, 4, &b, &err), -1);
	assert_int_equal(err.code, RK_FAIL);
	assert_non_null(strstr(err.msg, "larger than 4 bytes"));
	assert_int_equal(rk_file_read(link_path, 4, &b, &err), -1);
	assert_int_equal(err.code, RK_NOTFOUND);
	assert_int_equal(rk_file_read(dir, 4, &b, &err), -1);
	assert_non_null(strstr(err.msg, "is a directory"));
}

static void private_refuses_readable(void **state)
{
	rk_auto_buf b = RK_BUF_INIT_SECRET;
	struct rk_err err = RK_ERR_INIT;

	(void)state;
	assert_int_equal(rk_file_replace(path, "s", 1, 0644, NULL, NULL), 0);
	assert_int_equal(chmod(path, 0644), 0);
	assert_int_equal(rk_file_read_private(path, 10, &b, &err), -1);
	assert_int_equal(err.code, RK_CONFLICT);
	assert_non_null(strstr(err.hint, "chmod 600"));
	assert_int_equal(chmod(path, 0600), 0);
	assert_int_equal(rk_file_read_private(path, 10, &b, &err), 0);
}

static void lock_waits_then_names_the_file(void **state)
{
	const char *paths[] = {path, path};
	struct rk_err err = RK_ERR_INIT;
	rk_auto_lock *l = NULL;
	struct rk_lock *second;

	(void)state;
	assert_int_equal(rk_file_lock(&l, paths, 2, 0, &err), 0);
	assert_int_equal(rk_file_lock(&second, paths, 1, 120, &err), -1);
	assert_int_equal(err.code, RK_CONFLICT);
	assert_non_null(strstr(err.msg, "config.lock"));
	rk_file_unlock(rk_steal(&l));
	assert_int_equal(rk_file_lock(&second, paths, 1, 0, &err), 0);
	rk_file_unlock(second);
}

static void signal_removes_lock(void **state)
{
	const char *paths[] = {path};
	char lock[160];
	int status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		struct rk_lock *l;

		rk_file_handle_signals();
		if (rk_file_lock(&l, paths, 1, 0, NULL) == 0)
			raise(SIGTERM);
		_exit(9);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGTERM);
	snprintf(lock, sizeof(lock), "%s.lock", path);
	assert_int_equal(access(lock, F_OK), -1);
}

/* KUBECONFIG may name a great many files, and each of them is locked. */
static void locks_many(void **state)
{
	enum { N = 300 };
	char *paths[N];
	rk_auto_lock *l = NULL;

	(void)state;
	for (size_t i = 0; i < N; i++)
		paths[i] = rk_asprintf("%s/config-%zu", dir, i);
	assert_int_equal(rk_file_lock(&l, (const char *const *)paths, N, 0, NULL), 0);
	rk_file_unlock(rk_steal(&l));
	for (size_t i = 0; i < N; i++)
		free(paths[i]); /* the directory is empty again, says remove_dir */
}

/* A file in a directory goes before it, also where something older is not there any more. */
static void last_vanishes_first(void **state)
{
	const char *paths[] = {path};
	rk_auto_free char *temp = NULL, *file = NULL;
	rk_auto_lock *l = NULL;

	(void)state;
	assert_int_equal(rk_file_lock(&l, paths, 1, 0, NULL), 0);
	assert_int_equal(rk_file_tempdir(&temp, NULL), 0);
	rk_file_unlock(rk_steal(&l));
	file = rk_asprintf("%s/secret", temp);
	assert_int_equal(rk_file_replace(file, "s", 1, 0600, NULL, NULL), 0);
	rk_file_vanish(file);
	rk_file_cleanup();
	assert_int_equal(access(temp, F_OK), -1);
}

/* A temporary directory goes with its process, even when that is killed. */
static void killed(void **state)
{
	char name[200] = "";
	int fds[2], status;
	bool there = true;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (pid == 0) {
		rk_auto_free char *d = NULL, *file = NULL;

		if (rk_file_tempdir(&d, NULL) < 0)
			_exit(1);
		file = rk_asprintf("%s/config", d);
		if (rk_file_replace(file, "secret", 6, 0600, NULL, NULL) < 0 ||
			write(fds[1], d, strlen(d) + 1) < 0)
			_exit(1);
		kill(getpid(), SIGKILL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_true(read(fds[0], name, sizeof(name) - 1) > 0);
	for (int i = 0; i < 500 && there; i++) {
		there = access(name, F_OK) == 0;
		usleep(10000);
	}
	assert_false(there);
	close(fds[0]);
	close(fds[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(killed),
		cmocka_unit_test_setup_teardown(replace_keeps_mode_and_links, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(
			replace_keeps_acl_and_attributes, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(
			replace_takes_no_acl_of_the_directory, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(
			replace_follows_links_to_nothing, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(replace_refuses_a_loop, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(replace_sees_the_last_byte, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(read_is_bounded, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(private_refuses_readable, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(
			lock_waits_then_names_the_file, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(signal_removes_lock, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(locks_many, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(last_vanishes_first, make_dir, remove_dir),
	};

	return cmocka_run_group_tests_name("file", tests, NULL, NULL);
}
