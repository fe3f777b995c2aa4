// SPDX-License-Identifier: Apache-2.0
#include "data/data.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct text {
	const char *s;
	size_t n;
};
#define T(s)                     \
	{                        \
		s, sizeof(s) - 1 \
	}

/* The text as rk3k would write it, or the error message behind "!". */
static char *reread(const char *s, size_t n, bool stream)
{
	rk_auto_doc *d = rk_doc_new(false);
	rk_auto_free char *exact = rk_malloc(n + 1); /* an overrun is for ASan to find */
	rk_auto_buf out = RK_BUF_INIT;
	struct rk_err err = RK_ERR_INIT;
	struct rk_val *v;
	int rc;

	memcpy(exact, s, n);
	exact = rk_realloc(exact, n ? n : 1);
	rc = stream ? rk_json_parse_stream(d, exact, n, &v, &err)
		    : rk_json_parse(d, exact, n, &v, &err);
	if (rc < 0) {
		assert_null(v);
		assert_int_equal(err.code, RK_FAIL);
		return rk_asprintf("!%s", err.msg);
	}
	rk_json_write(v, RK_JSON_COMPACT, &out);
	return rk_buf_detach(&out);
}

static void refused(const char *s, size_t n, bool stream)
{
	rk_auto_free char *got = reread(s, n, stream);

	if (*got != '!')
		fail_msg("accepted: %s as %s", s, got);
}

static void good_texts_are_kept(void **state)
{
	static const struct {
		const char *in, *out;
	} good[] = {
		{"null", "null"},
		{"true", "true"},
		{" false\n", "false"},
		{"0", "0"},
		{"-0", "-0"},
		{"42", "42"},
		{"\t1.50 ", "1.50"},
		{"-0.5e+10", "-0.5e+10"},
		{"1E400", "1E400"},
		{"123456789012345678901234567890", "123456789012345678901234567890"},
		{"\"\"", "\"\""},
		{"\"a\"", "\"a\""},
		{"[]", "[]"},
		{"{}", "{}"},
		{"[ ]\r\n", "[]"},
		{" { } ", "{}"},
		{"[1,2 , 3]", "[1,2,3]"},
		{"[[],{},[{}]]", "[[],{},[{}]]"},
		{"{\"a\":1,\"b\":[true,null],\"c\":{\"d\":\"e\"}}",
			"{\"a\":1,\"b\":[true,null],\"c\":{\"d\":\"e\"}}"},
		{"{\"\":0}", "{\"\":0}"},
		{"{\"a.b/c\":\"}]\"}", "{\"a.b/c\":\"}]\"}"},
		{"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\\"\\\\/\\b\\f\\n\\r\\t\""},
		{"\"\\u0041\\u00e9\\u20AC\\uD83D\\uDE00\"",
			"\"A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\""},
		{"\"\\u0000x\"", "\"\\u0000x\""},
		{"\"\x7f \xc3\xa9 \xef\xbf\xbf \xf4\x8f\xbf\xbf\"",
			"\"\x7f \xc3\xa9 \xef\xbf\xbf \xf4\x8f\xbf\xbf\""},
		{"\"\\\\u0041\"", "\"\\\\u0041\""},
	};

	(void)state;
	for (size_t i = 0; i < RK_COUNT(good); i++) {
		rk_auto_free char *got = reread(good[i].in, strlen(good[i].in), false);

		assert_string_equal(got, good[i].out);
	}
}

static void bad_texts_are_refused(void **state)
{
	static const char *const bad[] = {"", " \n", "tru", "True", "nul", "nulll", "truefalse",
		"undefined", "01", "-", "+1", ".5", "1.", "1.e5", "1e", "1e+", "0x10", "1_0", "-01",
		"--1", "1 2", "NaN", "Infinity", "-Infinity", "1a", "1\"a\"", "[", "]", "{", "}",
		"[}", "{]", "[1", "[1,", "[1,]", "[,1]", "[1,,2]", "[1 2]", "[1:2]", "[\"a\":1]",
		"[1]]", "[1] [2]", "[1],", "[1]x", "x[1]", ",", ":", "[1}", "[\"a\" \"b\"]",
		"[[1] [2]]", "[true false]", "[tru]", "[nul,1]", "[01]", "[1.]", "[-]", "{\"a\"}",
		"{\"a\":}", "{\"a\":1,}", "{,}", "{\"a\" 1}", "{\"a\" \"b\"}", "{\"a\"::1}",
		"{\"a\":1 \"b\":2}", "{\"a\":1,,\"b\":2}", "{\"a\":1:2}", "{\"a\":1}}", "{\"a\":1",
		"{\"a\":", "{\"a\"", "{\"a", "{a:1}", "{'a':1}", "{1:1}", "{null:1}", "{[]:1}",
		"{{}:1}", "{\"a\",\"b\":1}", "{\"a\":1 2}", "{\"a\":[1}", "{\"a\":1]",
		"{\"a\":1}{\"a\":1}", "{\"a\":1,\"a\":1}", "{\"a\":1,\"\\u0061\":2}",
		"{\"x\":{\"a\":1,\"b\":2,\"a\":3}}", "\"", "\"a", "\"a\\\"", "\"\\", "'a'",
		"\"\\x41\"", "\"\\u12\"", "\"\\u12g4\"", "\"\\a\"", "\"\\'\"", "\"\\0\"",
		"\"\\U0041\"", "\"a\nb\"", "\"a\tb\"", "\"\x1f\"", "{\"a\nb\":1}", "\"\\ud800\"",
		"\"\\udc00\"", "\"\\ud800\\ud800\"", "\"\\ud83dx\"", "\"\\ud83d\\u0041\"",
		"\"\\ud83d\\n\"", "\"\\ude00\\ud83d\"", "\"\x80\"", "\"\xc3\"", "\"\xc3(\"",
		"\"\xc0\xaf\"", "\"\xe0\x80\xaf\"", "\"\xed\xa0\x80\"", "\"\xf4\x90\x80\x80\"",
		"\"\xf8\x88\x80\x80\x80\"", "\"\xff\"", "\"\xe2\x82\"", "{\"\xff\":1}",
		"\xef\xbb\xbf{}", "\xc2\xa0{}", "\v[]", "\f[]", "/* c */ 1", "1 // c", "# c\n1"};
	static const struct text with_nul[] = {
		T("[1]\0"),
		T("\0"),
		T("[1,\0 2]"),
		T("\"a\0b\""),
		T("[1\0]"),
		T("1\0"),
		T("{\"a\0b\":1}"),
		T("{\"a\":1}\0{\"b\":2}"),
		T("\xff\xfe[\0]\0"),
	};

	(void)state;
	for (size_t i = 0; i < RK_COUNT(bad); i++)
		refused(bad[i], strlen(bad[i]), false);
	for (size_t i = 0; i < RK_COUNT(with_nul); i++)
		refused(with_nul[i].s, with_nul[i].n, false);
}

static void streams_hold_any_number_of_values(void **state)
{
	static const struct {
		const char *in, *out;
	} streams[] = {
		{"", "[]"},
		{" \n", "[]"},
		{"1", "[1]"},
		{"1 2\n3", "[1,2,3]"},
		{"{}{}", "[{},{}]"},
		{"[1][2] \"a\" null", "[[1],[2],\"a\",null]"},
		{"{\"a\":1}\n{\"a\":1}\n", "[{\"a\":1},{\"a\":1}]"},
	};
	static const char *const bad[] = {"1,2", "[1],[2]", "{}]", "[1", "]", "}", "1 tru",
		"\"a\":1", "{} {\"a\":1", "{\"a\":1,}{}", "1:2", "[]01"};

	(void)state;
	for (size_t i = 0; i < RK_COUNT(streams); i++) {
		rk_auto_free char *got = reread(streams[i].in, strlen(streams[i].in), true);

		assert_string_equal(got, streams[i].out);
	}
	for (size_t i = 0; i < RK_COUNT(bad); i++)
		refused(bad[i], strlen(bad[i]), true);
}

static void errors_name_source_line_and_cause(void **state)
{
	static const struct {
		const char *in, *msg;
	} errors[] = {
		{"", "f.json:1: no JSON value: the text is empty"},
		{"{\n \"a\": 1,\n}", "f.json:3: expected a key in double quotes, found '}'"},
		{"[1\n 2]", "f.json:2: expected ',' or the closing bracket, found '2'"},
		{"[1,\n[2,\n3", "f.json:3: JSON is cut off: the list of line 2 is not closed"},
		{"{\"a\":\n\"b", "f.json:2: JSON is cut off inside a string"},
		{"{\"a\":1,\n\"b\":2,\n\"a\":3}", "f.json:3: duplicate key \"a\""},
		{"[\n\"\\q\"]", "f.json:2: a string holds a bad escape"},
		{"[\n1\n]\n]", "f.json:4: expected the end, found ']'"},
		{"[\n@]", "f.json:2: expected a value or ']', found '@'"},
		{"[\n\x01]", "f.json:2: expected a value or ']', found byte 0x01"},
		{"[tru]", "f.json:1: neither a number nor true, false or null"},
	};

	(void)state;
	for (size_t i = 0; i < RK_COUNT(errors); i++) {
		rk_auto_doc *d = rk_doc_new(false);
		struct rk_err err = RK_ERR_INIT;
		struct rk_val *v;

		rk_doc_source(d, "f.json");
		assert_int_equal(
			rk_json_parse(d, errors[i].in, strlen(errors[i].in), &v, &err), -1);
		assert_string_equal(err.msg, errors[i].msg);
	}
}

static char *nested(size_t depth)
{
	char *s = rk_malloc(depth * 2 + 1);

	memset(s, '[', depth);
	memset(s + depth, ']', depth);
	s[depth * 2] = '\0';
	return s;
}

static void no_text_at_all_is_empty(void **state)
{
	rk_auto_doc *d = rk_doc_new(false);
	struct rk_val *v;

	(void)state;
	assert_int_equal(rk_json_parse(d, NULL, 0, &v, NULL), -1);
	assert_int_equal(rk_json_parse_stream(d, NULL, 0, &v, NULL), 0);
	assert_int_equal(v->count, 0);
	assert_int_equal(rk_yaml_parse(d, NULL, 0, &v, NULL), 0);
	assert_null(v);
}

static void depth_is_bounded(void **state)
{
	rk_auto_free char *deepest = nested(RK_DEPTH_MAX);
	rk_auto_free char *deeper = nested(RK_DEPTH_MAX + 1);
	rk_auto_free char *far_too_deep = nested(1000000);
	rk_auto_free char *a = reread(deepest, strlen(deepest), false);
	rk_auto_free char *b = reread(deeper, strlen(deeper), false);
	rk_auto_free char *c = reread(far_too_deep, strlen(far_too_deep), false);
	rk_auto_free char *open = reread(far_too_deep, 1000000, false);

	(void)state;
	assert_string_equal(a, deepest);
	assert_string_equal(b, "!line 1: nested deeper than 200");
	assert_string_equal(c, "!line 1: nested deeper than 200");
	assert_string_equal(open, "!line 1: nested deeper than 200");
}

static void positions_are_bytes(void **state)
{
	static const char text[] = "{ \"\xc3\xa9\" : [ 1, \"x\\n\" ] ,\n\"b\":{ } }";
	rk_auto_doc *d = rk_doc_new(false);
	struct rk_err err = RK_ERR_INIT;
	struct rk_val *v;

	(void)state;
	assert_int_equal(rk_json_parse(d, text, sizeof(text) - 1, &v, &err), 0);
	assert_int_equal(v->start, 0);
	assert_int_equal(v->end, sizeof(text) - 1);
	assert_memory_equal(text + v->child->kstart, "\"\xc3\xa9\"", 4);
	assert_memory_equal(text + v->child->start, "[ 1, \"x\\n\" ]", 12);
	assert_int_equal(v->child->end, v->child->start + 12);
	assert_memory_equal(text + v->child->last->start, "\"x\\n\"", 5);
	assert_int_equal(v->child->last->end, v->child->last->start + 5);
	assert_memory_equal(text + v->last->kstart, "\"b\"", 3);
	assert_memory_equal(text + v->last->start, "{ }", 3);
	assert_int_equal(v->last->end, v->last->start + 3);
	assert_int_equal(v->last->line, 2);
}

static void pretty_is_what_kubectl_prints(void **state)
{
	static const char in[] = "{\"b\":{},\"a\":[],\"c\":[1,{\"z\":\"<&>\\u2028\",\"y\":null}],"
				 "\"B\":\"\xc3\xa9\"}";
	static const char want[] = "{\n"
				   "    \"B\": \"\xc3\xa9\",\n"
				   "    \"a\": [],\n"
				   "    \"b\": {},\n"
				   "    \"c\": [\n"
				   "        1,\n"
				   "        {\n"
				   "            \"y\": null,\n"
				   "            \"z\": \"\\u003c\\u0026\\u003e\\u2028\"\n"
				   "        }\n"
				   "    ]\n"
				   "}\n";
	rk_auto_doc *d = rk_doc_new(false);
	rk_auto_buf out = RK_BUF_INIT;
	struct rk_err err = RK_ERR_INIT;
	struct rk_val *v;

	(void)state;
	assert_int_equal(rk_json_parse(d, in, sizeof(in) - 1, &v, &err), 0);
	rk_json_write(v, RK_JSON_PRETTY, &out);
	assert_string_equal(out.s, want);
}

static void bytes_that_are_no_utf8_are_replaced(void **state)
{
	rk_auto_doc *d = rk_doc_new(false);
	rk_auto_buf out = RK_BUF_INIT;

	(void)state;
	rk_json_write(rk_stringn(d, "a\xff\xc3z\x01\0", 6), RK_JSON_COMPACT, &out);
	assert_string_equal(out.s, "\"a\\ufffd\\ufffdz\\u0001\\u0000\"");
}

/* Flipping, dropping and cutting bytes of a good text must never crash, and what is accepted
 * must survive another round. */
static void damaged_text_round_trips_or_fails(void **state)
{
	static const char good[] =
		"{\"kind\":\"List\",\"items\":[{\"a\":-1.5e3,\"b\":\"x\\u00e9\\n\"},{\"c\":[null,"
		"true,{\"d\":{}}]},\"\xf0\x9f\x98\x80\"],\"e\":[]}";
	uint32_t seed = 1;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		char text[sizeof(good)];
		size_t n = sizeof(good) - 1;

		memcpy(text, good, n);
		for (int i = 0; i < 1 + round % 3; i++) {
			seed = seed * 1103515245 + 12345;
			text[(seed >> 8) % n] =
				round % 2 ? (char)(seed >> 24) : "[]{}:,\"1 \\"[(seed >> 24) % 10];
		}
		if (round % 7 == 0)
			n = (seed >> 4) % n;

		rk_auto_free char *once = reread(text, n, false);

		if (*once != '!') {
			rk_auto_free char *twice = reread(once, strlen(once), false);

			assert_string_equal(once, twice);
		}
	}
}

/* A tree takes a small multiple of the memory of its text, whatever is in it. */
static void values_are_bounded_by_the_size_of_the_text(void **state)
{
	static const char *const dense[] = {"1,", "[],", "{},", "\"\","};

	(void)state;
	for (size_t i = 0; i < RK_COUNT(dense); i++) {
		rk_auto_doc *d = rk_doc_new(false);
		struct rk_err err = RK_ERR_INIT;
		struct rk_buf text = RK_BUF_INIT;
		struct rk_val *v;

		rk_buf_putc(&text, '[');
		while (text.len < (size_t)4 << 20)
			rk_buf_puts(&text, dense[i]);
		rk_buf_puts(&text, "1]");
		assert_int_equal(rk_json_parse(d, text.s, text.len, &v, &err), -1);
		assert_int_equal(err.reason, RK_REASON_TOO_LARGE);
		rk_err_clear(&err);
		assert_int_equal(rk_yaml_parse(d, text.s, text.len, &v, &err), -1);
		assert_int_equal(err.reason, RK_REASON_TOO_LARGE);
		rk_buf_release(&text);
	}
}

static void large_lists_take_linear_time(void **state)
{
	rk_auto_doc *d = rk_doc_new(false);
	rk_auto_buf text = RK_BUF_INIT;
	rk_auto_buf out = RK_BUF_INIT;
	struct rk_err err = RK_ERR_INIT;
	struct rk_val *v;
	clock_t start;

	(void)state;
	rk_buf_puts(&text, "{\"items\":[{}");
	for (int i = 0; i < 60000; i++)
		rk_buf_addf(
			&text, ",{\"metadata\":{\"name\":\"pod-%d\",\"labels\":{\"a\":\"b\"}}}", i);
	rk_buf_puts(&text, "],\"data\":{\"k\":1");
	for (int i = 0; i < 60000; i++)
		rk_buf_addf(&text, ",\"key-%d\":%d", i, i);
	rk_buf_puts(&text, "}}");
	start = clock();
	assert_int_equal(rk_json_parse(d, text.s, text.len, &v, &err), 0);
	assert_true(clock() - start < 3 * CLOCKS_PER_SEC); /* 0.05 s; quadratic: minutes */
	rk_json_write(v, RK_JSON_COMPACT, &out);
	assert_true(out.len == text.len && memcmp(out.s, text.s, out.len) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_texts_are_kept),
		cmocka_unit_test(bad_texts_are_refused),
		cmocka_unit_test(streams_hold_any_number_of_values),
		cmocka_unit_test(errors_name_source_line_and_cause),
		cmocka_unit_test(no_text_at_all_is_empty),
		cmocka_unit_test(depth_is_bounded),
		cmocka_unit_test(positions_are_bytes),
		cmocka_unit_test(pretty_is_what_kubectl_prints),
		cmocka_unit_test(bytes_that_are_no_utf8_are_replaced),
		cmocka_unit_test(damaged_text_round_trips_or_fails),
		cmocka_unit_test(large_lists_take_linear_time),
		cmocka_unit_test(values_are_bounded_by_the_size_of_the_text),
	};

	return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
