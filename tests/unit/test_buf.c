// SPDX-License-Identifier: Apache-2.0
#include "base/base.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void cap_leaves_buffer_unchanged(void **state)
{
	struct rk_err err = RK_ERR_INIT;
	rk_auto_buf b = {.s = rk_buf_empty, .max = 5};

	(void)state;
	assert_int_equal(rk_buf_add(&b, "abc", 3, &err), 0);
	assert_int_equal(rk_buf_add(&b, "def", 3, &err), -1);
	assert_string_equal(b.s, "abc");
	assert_int_equal(b.len, 3);
	assert_int_equal(rk_buf_add(&b, "de", 2, &err), 0);
	assert_string_equal(b.s, "abcde");
}

static void secret_wipes_on_reset(void **state)
{
	rk_auto_buf b = RK_BUF_INIT_SECRET;

	(void)state;
	rk_buf_puts(&b, "hunter2");
	rk_buf_reset(&b);
	assert_memory_equal(b.s, "\0\0\0\0\0\0\0", 7);
}

static void base64_round_trip(void **state)
{
	static const char *const plain[] = {"", "f", "fo", "foo", "foob", "fooba", "foobar"};
	static const char *const coded[] = {
		"", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"};

	(void)state;
	for (size_t i = 0; i < RK_COUNT(plain); i++) {
		rk_auto_buf a = RK_BUF_INIT, b = RK_BUF_INIT;

		rk_base64(&a, plain[i], strlen(plain[i]));
		assert_string_equal(a.s, coded[i]);
		assert_int_equal(rk_base64_decode(&b, a.s, a.len, NULL), 0);
		assert_string_equal(b.s, plain[i]);
	}
}

static void base64_refuses(void **state)
{
	static const char *const bad[] = {
		"Z", "Zg", "Zg=", "Zg===", "Z===", "Zg==Zg==", "Zm9v!", "=", "Zm9v=", "Zg=\0="};

	(void)state;
	for (size_t i = 0; i < RK_COUNT(bad); i++) {
		rk_auto_buf b = RK_BUF_INIT;

		assert_int_equal(rk_base64_decode(&b, bad[i], strlen(bad[i]), NULL), -1);
	}
}

/* As Go's encoding/base64, by which kubectl and the API server decode. */
static void base64_accepts_what_go_does(void **state)
{
	static const char *const coded[] = {"Zm\n9v", "Zm9v\r\n", "Zg=\n=", "Zh=="};

	(void)state;
	for (size_t i = 0; i < RK_COUNT(coded); i++) {
		rk_auto_buf b = RK_BUF_INIT;

		assert_int_equal(rk_base64_decode(&b, coded[i], strlen(coded[i]), NULL), 0);
		assert_string_equal(b.s, i < 2 ? "foo" : "f");
	}
}

static void numbers_are_strict(void **state)
{
	static const char *const bad[] = {
		"", " 1", "1 ", "+1", "1x", "-", "0x10", "99999999999999999999"};
	int64_t v = 42;

	(void)state;
	for (size_t i = 0; i < RK_COUNT(bad); i++)
		assert_false(rk_parse_int(bad[i], INT64_MIN, INT64_MAX, &v));
	assert_int_equal(v, 42);
	assert_true(rk_parse_int("-7", -7, 0, &v));
	assert_int_equal(v, -7);
	assert_false(rk_parse_int("8", 0, 7, &v));
}

static void wrap_puts_context_in_front(void **state)
{
	struct rk_err err = RK_ERR_INIT;
	char big[2000];

	(void)state;
	rk_err_set(&err, RK_NOTFOUND, "no such file");
	rk_err_hint(&err, "make it");
	rk_err_wrap(&err, "cluster %s", "a");
	assert_string_equal(err.msg, "cluster a: no such file");
	assert_string_equal(err.hint, "make it");
	assert_int_equal(err.code, RK_NOTFOUND);
	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = 0;
	rk_err_set(&err, RK_FAIL, "%s", big);
	rk_err_wrap(&err, "front");
	assert_int_equal(strlen(err.msg), sizeof(err.msg) - 1);
	assert_memory_equal(err.msg, "front: x", 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cap_leaves_buffer_unchanged),
		cmocka_unit_test(secret_wipes_on_reset),
		cmocka_unit_test(base64_round_trip),
		cmocka_unit_test(base64_refuses),
		cmocka_unit_test(base64_accepts_what_go_does),
		cmocka_unit_test(numbers_are_strict),
		cmocka_unit_test(wrap_puts_context_in_front),
	};

	return cmocka_run_group_tests_name("buf", tests, NULL, NULL);
}
