// SPDX-License-Identifier: Apache-2.0
/* Unit tests of jsonpath; tests/cli/output.bats compares it with kubectl. */
#include "data/data.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static struct rk_doc *doc;

static int setup(void **state)
{
	(void)state;
	doc = rk_doc_new(false);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rk_doc_free(doc);
	return 0;
}

static struct rk_val *yaml(const char *text)
{
	struct rk_val *v = NULL;

	assert_int_equal(rk_yaml_parse(doc, text, strlen(text), &v, NULL), 0);
	return v;
}

static const char data[] = "a: {b: 1, k.x: 2, s: one}\n"
			   "l: [{n: x, v: 7}, {n: 'y', m: {}}]\n"
			   "z: null\n";

static void one_expression(void **state)
{
	static const struct {
		const char *path, *want; /* NULL: nothing found; "!": no path; "?": fails here */
	} table[] = {
		{"{.a.b}", "1"},
		{".a.b", "1"},
		{"a.b", "1"},
		{"{$.a.b}", "1"},
		{"$.a.b", "1"},
		{"@", "{\"a\":{\"b\":1,\"k.x\":2,\"s\":\"one\"},\"l\":[{\"n\":\"x\",\"v\":7},"
		      "{\"m\":{},\"n\":\"y\"}],\"z\":null}"},
		{".a['k.x']", "2"},
		{".a[\"k.x\"]", "2"},
		{".a.k\\.x", "2"},
		{".l[1].n", "y"},
		{".l[-1].n", "y"},
		{".l[0,1].n", "x,y"},
		{".l[*].n", "x,y"},
		{".l[?(@.n==\"x\")].v", "7"},
		{".l[?(@.n == 'x')].v", "7"},
		{".l[?(@.m)].n", "y"},
		{".l[?(@.n==\")]\")].v", NULL},
		{".l[?(@.v==\"\")].n", "?"},
		{".l[?(@.m==\"\")].n", "?"},
		{".l[9].n", "?"},
		{".a[0]", "?"},
		{".a[?(@.b)]", "?"},
		{".nope.nope", NULL},
		{".nope[0]", NULL},
		{".a.b.c", NULL},
		{".z", "null"},
		{".z.x", NULL},
		{"..n", "x,y"},
		{"", "!"},
		{"{", "!"},
		{"{}}", "!"},
		{".a[", "!"},
		{".a[]", "!"},
		{".a[1:2:3:4]", "!"},
		{".a['b]", "!"},
		{".a}", "!"},
		{".a}{.b", "!"},
		{"....a", "!"},
		{".l[?(@.n==)]", "!"},
		{".l[?(==1)]", "!"},
		{".l[?(@.n]", "!"},
	};
	const struct rk_val *v = yaml(data);

	(void)state;
	for (size_t i = 0; i < RK_COUNT(table); i++) {
		const char *want = table[i].want;
		rk_auto_jsonpath *p = NULL;
		struct rk_found found = {0};
		rk_auto_buf got = RK_BUF_INIT;
		struct rk_err err = RK_ERR_INIT;
		int r = rk_jsonpath_parse_one(table[i].path, &p, &err);

		if ((r < 0) != rk_streq(want, "!") || (r < 0 && err.code != RK_USAGE))
			fail_msg("%s: read %d %s", table[i].path, r, err.msg);
		if (r < 0)
			continue;
		r = rk_jsonpath_find(p, v, &found, &err);
		for (size_t j = 0; r == 0 && j < found.n; j++) {
			rk_buf_puts(&got, j ? "," : "");
			rk_jsonpath_text(found.v[j], &got);
		}
		if ((r < 0) != rk_streq(want, "?"))
			fail_msg("%s: found %d %s", table[i].path, r, err.msg);
		if (r == 0 && (want ? !rk_streq(got.s, want) : found.n > 0))
			fail_msg("%s: %s", table[i].path, got.s);
		rk_found_release(&found);
	}
}

static int print(const char *text, const struct rk_val *v, struct rk_buf *out)
{
	rk_auto_jsonpath *p = NULL;
	struct rk_err err = RK_ERR_INIT;

	if (rk_jsonpath_parse(text, &p, &err) < 0 || rk_jsonpath_print(p, v, out, &err) < 0)
		return err.code;
	return 0;
}

static void templates(void **state)
{
	rk_auto_buf out = RK_BUF_INIT;
	const struct rk_val *v = yaml(data);

	(void)state;
	assert_int_equal(print("n: {range .l[*]}{.n}{\"\\t\"}{end}{.a.s}{'\\n'}", v, &out), 0);
	assert_string_equal(out.s, "n: x\ty\tone\n");
	rk_buf_reset(&out);
	assert_int_equal(print("{range .none[*]}{.n}{end}rest", v, &out), 0);
	assert_string_equal(out.s, "rest");
	assert_int_equal(print("{end}", v, &out), RK_USAGE);
	assert_int_equal(print("{.l[?({range .a})]}", v, &out), RK_USAGE);
}

/* What somebody types cannot take a machine down. */
static void bounds(void **state)
{
	rk_auto_buf deep = RK_BUF_INIT, ranges = RK_BUF_INIT, wide = RK_BUF_INIT, out = RK_BUF_INIT;
	struct rk_val *seq = rk_seq(doc);

	(void)state;
	for (int i = 0; i < 2000; i++)
		rk_buf_puts(&deep, "[?(");
	rk_buf_puts(&deep, "@.a");
	for (int i = 0; i < 2000; i++)
		rk_buf_puts(&deep, ")]");
	assert_int_equal(print("{.a", seq, &out), RK_USAGE);
	{
		rk_auto_free char *text = rk_asprintf("{%s}", deep.s);

		assert_int_equal(print(text, seq, &out), RK_USAGE);
	}
	for (int i = 0; i < 20; i++)
		rk_buf_puts(&ranges, "{range ..*}");
	assert_int_equal(print(ranges.s, seq, &out), RK_USAGE);
	for (int i = 0; i < 2000; i++)
		rk_append_str(doc, seq, "0123456789");
	for (int i = 0; i < 12; i++)
		rk_buf_puts(&wide, "{range ..}");
	rk_buf_puts(&wide, "{@}");
	rk_set(doc, rk_map(doc), "l", seq);
	assert_int_equal(print(wide.s, seq->parent, &out), RK_FAIL);
	rk_buf_reset(&deep);
	for (int i = 0; i < 20000; i++)
		rk_buf_puts(&deep, "x");
	assert_int_equal(print(deep.s, seq, &out), RK_USAGE);
}

static void sorting(void **state)
{
	struct rk_val *v = yaml("[{n: b, v: 10}, {n: node-10, v: 9}, {n: node-2}, {n: a, v: 1.5}]");
	struct rk_err err = RK_ERR_INIT;

	(void)state;
	assert_int_equal(rk_jsonpath_sort(v, ".n", NULL), 0);
	assert_string_equal(rk_get_str(rk_at(v, 0), "n", NULL), "a");
	assert_string_equal(rk_get_str(rk_at(v, 2), "n", NULL), "node-2");
	assert_int_equal(rk_jsonpath_sort(v, "{.v}", NULL), 0);
	assert_string_equal(rk_get_str(rk_at(v, 0), "n", NULL), "node-2");
	assert_string_equal(rk_get_str(rk_at(v, 1), "n", NULL), "a");
	assert_string_equal(rk_get_str(rk_at(v, 3), "n", NULL), "b");
	assert_int_equal(v->count, 4);
	assert_int_equal(rk_jsonpath_sort(v, ".none", &err), -1);
	assert_int_equal(err.code, RK_USAGE);
	assert_int_equal(rk_jsonpath_sort(v, ".a[", &err), -1);
	assert_int_equal(rk_jsonpath_sort(rk_seq(doc), ".none", NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(one_expression, setup, teardown),
		cmocka_unit_test_setup_teardown(templates, setup, teardown),
		cmocka_unit_test_setup_teardown(bounds, setup, teardown),
		cmocka_unit_test_setup_teardown(sorting, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
