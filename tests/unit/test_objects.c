// SPDX-License-Identifier: Apache-2.0
/* objects: what is taken, what is refused before anything is written; diff. */
#include "out/out.h"
#include "data/data.h"

#include <setjmp.h>
#include <stdarg.h>
#include <sys/mman.h>

#include <cmocka.h>

/* From standard input, or from a file. */
static int parse(struct rk_objects *o, const char *text, bool piped, struct rk_err *err)
{
	rk_auto_close int fd = memfd_create("objects", 0);
	rk_auto_free char *path = rk_asprintf("/proc/self/fd/%d", fd);
	const char *files[] = {piped ? "-" : path};

	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	if (piped)
		assert_int_equal(dup2(fd, STDIN_FILENO), STDIN_FILENO);
	return rk_objects_read(o, files, 1, err);
}

static void order(void **state)
{
	rk_auto_objects o = {0};
	static const char *const want[] = {"ns", "crd", "a", "b"};

	(void)state;
	assert_int_equal(
		parse(&o,
			"{apiVersion: v1, kind: Secret, metadata: {name: a}}\n---\n"
			"{apiVersion: v1, kind: CustomResourceDefinition, metadata: {name: crd}}\n"
			"---\n{apiVersion: v1, kind: Secret, metadata: {name: b}}\n---\n"
			"{apiVersion: v1, kind: Namespace, metadata: {name: ns}}\n",
			true, NULL),
		0);
	rk_objects_order(&o);
	assert_int_equal(o.n, 4);
	for (size_t i = 0; i < o.n; i++)
		assert_string_equal(rk_get_str(o.v[i], "metadata", "name", NULL), want[i]);
}

static void lists(void **state)
{
	rk_auto_objects o = {0};

	(void)state;
	assert_int_equal(
		parse(&o,
			"{\"kind\":\"List\",\"apiVersion\":\"v1\",\"items\":[{\"kind\":\"A\","
			"\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"x\"}},{\"kind\":\"List\","
			"\"items\":[{\"kind\":\"B\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":"
			"\"x\"}}]}]}",
			true, NULL),
		0);
	assert_int_equal(o.n, 2);
}

static void refusals(void **state)
{
	static const struct {
		const char *text, *why;
	} table[] = {
		{"", "no object"},
		{"---\n", "no object"},
		{"{\"kind\":\"List\",\"items\":[]}", "no object"},
		{"apiVersion: v1\nkind: Secret\nmetadata: {name: x}", "truncated"},
		{"apiVersion: v1\nkind: Secret\nmetadata: {name: x}\ndata:\n", "truncated"},
		{"kind: Secret\nmetadata: {name: x}\n", "apiVersion"},
		{"apiVersion: v1\nmetadata: {name: x}\n", "kind"},
		{"apiVersion: v1\nkind: Secret\n", "metadata"},
		{"apiVersion: v1\nkind: Secret\nmetadata: {name: 5}\n", "expected a string"},
		{"apiVersion: v1\nkind: Secret\nmetadata: {name: a/b}\n", "invalid object name"},
		{"apiVersion: v1\nkind: Secret\nmetadata: {name: x, namespace: ..}\n",
			"invalid object name"},
		{"- 1\n", "not an object"},
		{"{\"a\":1", "standard input:1: JSON"},
		{"{apiVersion: v1, kind: S, metadata: {name: x}}\n---\n"
		 "{apiVersion: v1, kind: S, metadata: {name: x}}\n",
			"duplicate object"},
	};

	(void)state;
	for (size_t i = 0; i < RK_COUNT(table); i++) {
		rk_auto_objects o = {0};
		struct rk_err err = RK_ERR_INIT;

		assert_int_equal(parse(&o, table[i].text, true, &err), -1);
		assert_int_equal(err.code, RK_FAIL);
		if (!strstr(err.msg, table[i].why))
			fail_msg("%s: %s", table[i].text, err.msg);
		assert_int_equal(o.n, 0);
	}
}

static void files_are_trusted_to_be_whole(void **state)
{
	rk_auto_objects o = {0};

	(void)state;
	assert_int_equal(
		parse(&o, "apiVersion: v1\nkind: Secret\nmetadata: {name: x}", false, NULL), 0);
}

/* null as the last value, in letters. */
static void null_is_a_value(void **state)
{
	static const char *const good[] = {"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: "
					   "x\n  creationTimestamp: null\n",
		"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, labels: ~}\n"};

	(void)state;
	for (size_t i = 0; i < RK_COUNT(good); i++) {
		rk_auto_objects o = {0};

		assert_int_equal(parse(&o, good[i], true, NULL), 0);
	}
}

static void diffs(const char *a, const char *b, const char *want)
{
	rk_auto_buf out = RK_BUF_INIT;

	assert_int_equal(rk_diff(a, b, "a", "b", &out), *want != '\0');
	assert_string_equal(out.s, want);
}

static void unified(void **state)
{
	(void)state;
	diffs("x\n", "x\n", "");
	diffs("", "x\n", "--- a\n+++ b\n@@ -0,0 +1 @@\n+x\n");
	diffs("x\n", "", "--- a\n+++ b\n@@ -1 +0,0 @@\n-x\n");
	diffs("1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\nV\n6\n7\n8\n9\n",
		"--- a\n+++ b\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+V\n 6\n 7\n 8\n");
	diffs("a\nb", "a\nb\n",
		"--- a\n+++ b\n@@ -1,2 +1,2 @@\n a\n-b\n\\ No newline at end of file\n+b\n");
	diffs("1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n", "X\n2\n3\n4\n5\n6\n7\n8\n9\nY\n",
		"--- a\n+++ b\n@@ -1,4 +1,4 @@\n-1\n+X\n 2\n 3\n 4\n@@ -7,4 +7,4 @@\n 7\n 8\n "
		"9\n-10\n+Y\n");
}

/* Too large for the table: still a correct diff, if not the smallest. */
static void large(void **state)
{
	rk_auto_buf a = RK_BUF_INIT, b = RK_BUF_INIT, out = RK_BUF_INIT;

	(void)state;
	for (int i = 0; i < 3000; i++) {
		rk_buf_addf(&a, "a%d\n", i);
		rk_buf_addf(&b, "b%d\n", i);
	}
	assert_true(rk_diff(a.s, b.s, "a", "b", &out));
	assert_true(rk_prefix(out.s, "--- a\n+++ b\n@@ -1,3000 +1,3000 @@\n-a0\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order),
		cmocka_unit_test(lists),
		cmocka_unit_test(refusals),
		cmocka_unit_test(files_are_trusted_to_be_whole),
		cmocka_unit_test(null_is_a_value),
		cmocka_unit_test(unified),
		cmocka_unit_test(large),
	};

	return cmocka_run_group_tests_name("objects", tests, NULL, NULL);
}
