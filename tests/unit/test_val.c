// SPDX-License-Identifier: Apache-2.0
#include "data/data.h"
#include "data/internal.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct rk_val *json(struct rk_doc *d, const char *text)
{
	struct rk_err err = RK_ERR_INIT;
	struct rk_val *v;

	if (rk_json_parse(d, text, strlen(text), &v, &err) < 0)
		fail_msg("%s", err.msg);
	return v;
}

static void assert_json(const struct rk_val *v, const char *want)
{
	rk_auto_buf out = RK_BUF_INIT;

	rk_json_write(v, RK_JSON_COMPACT, &out);
	assert_string_equal(out.s, want);
}

static void reading_by_path(void **state)
{
	rk_auto_doc *d = rk_doc_new(false);
	const struct rk_val *v =
		json(d, "{\"data\":{\"tls.crt\":\"C\",\"n\":7,\"b\":true,\"z\":null,"
			"\"\":\"e\",\"nul\":\"a\\u0000b\"},\"l\":[1,\"x\",[2]]}");

	(void)state;
	assert_string_equal(rk_get_str(v, "data", "tls.crt", NULL), "C");
	assert_string_equal(rk_get_str(v, "data", "", NULL), "e");
	assert_null(rk_get_str(v, "data", "tls", "crt", NULL));
	assert_null(rk_get_str(v, "data", "n", NULL));
	assert_null(rk_get_str(v, "data", "nul", NULL));
	assert_int_equal(rk_get(v, "data", "nul", NULL)->len, 3);
	assert_null(rk_get(v, "nothing", "at", "all", NULL));
	assert_null(rk_get(NULL, "data", NULL));
	assert_ptr_equal(rk_get(v, NULL), v);
	assert_null(rk_get(v, "l", "0", NULL));
	assert_string_equal(rk_str_loose(rk_get(v, "data", "n", NULL)), "7");
	assert_string_equal(rk_str_loose(rk_get(v, "data", "b", NULL)), "true");
	assert_null(rk_str_loose(rk_get(v, "data", "z", NULL)));
	assert_string_equal(rk_str(rk_at(rk_get(v, "l", NULL), 1)), "x");
	assert_null(rk_at(rk_get(v, "l", NULL), 3));
	assert_null(rk_at(NULL, 0));
	assert_int_equal(rk_get(v, "l", NULL)->count, 3);
}

static void defaults_stand_for_what_is_missing_or_wrong(void **state)
{
	rk_auto_doc *d = rk_doc_new(false);
	const struct rk_val *v = json(d, "{\"n\":7,\"f\":1.5,\"neg\":-9223372036854775808,"
					 "\"big\":9223372036854775808,\"s\":\"7\",\"z\":null,"
					 "\"t\":true,\"o\":false}");

	(void)state;
	assert_int_equal(rk_get_int(v, 3, "n", NULL), 7);
	assert_int_equal(rk_get_int(v, 3, "neg", NULL), INT64_MIN);
	assert_int_equal(rk_get_int(v, 3, "f", NULL), 3);
	assert_int_equal(rk_get_int(v, 3, "big", NULL), 3);
	assert_int_equal(rk_get_int(v, 3, "s", NULL), 3);
	assert_int_equal(rk_get_int(v, 3, "z", NULL), 3);
	assert_int_equal(rk_get_int(v, 3, "x", "y", NULL), 3);
	assert_true(rk_get_bool(v, false, "t", NULL));
	assert_false(rk_get_bool(v, true, "o", NULL));
	assert_true(rk_get_bool(v, true, "x", NULL));
	assert_false(rk_get_bool(v, false, "s", NULL));
}

static void checked_reads_leave_what_is_missing(void **state)
{
	rk_auto_doc *d = rk_doc_new(false);
	const struct rk_val *v =
		json(d, "{\"a\":{\"z\":null,\"i\":5,\"b\":true,\"s\":\"\",\"l\":[],"
			"\"m\":{}}}");
	const struct rk_val *node = v;
	struct rk_err err = RK_ERR_INIT;
	const char *s = "def";
	int64_t n = 9;
	bool b = false;

	(void)state;
	assert_int_equal(rk_want_str(v, &s, &err, "a", "z", NULL), 0);
	assert_int_equal(rk_want_str(v, &s, &err, "a", "x", NULL), 0);
	assert_int_equal(rk_want_str(v, &s, &err, "a", "z", "deeper", NULL), 0);
	assert_string_equal(s, "def");
	assert_int_equal(rk_want_str(v, &s, &err, "a", "s", NULL), 0);
	assert_string_equal(s, "");
	assert_int_equal(rk_want_int(v, &n, &err, "a", "x", NULL), 0);
	assert_int_equal(n, 9);
	assert_int_equal(rk_want_int(v, &n, &err, "a", "i", NULL), 0);
	assert_int_equal(n, 5);
	assert_int_equal(rk_want_bool(v, &b, &err, "a", "b", NULL), 0);
	assert_true(b);
	assert_int_equal(rk_want_seq(v, &node, &err, "a", "x", NULL), 0);
	assert_ptr_equal(node, v);
	assert_int_equal(rk_want_seq(v, &node, &err, "a", "l", NULL), 0);
	assert_int_equal(node->kind, RK_SEQ);
	assert_int_equal(rk_want_map(v, &node, &err, "a", "m", NULL), 0);
	assert_int_equal(node->kind, RK_MAP);
}

static void errors_name_source_line_path_and_type(void **state)
{
	static const char text[] = "{\n\"spec\": {\n \"servers\": \"x\",\n \"host.name\": 1,\n"
				   " \"rules\": [1,\n {\"host\": []}]\n}}";
	rk_auto_doc *d = rk_doc_new(false);
	struct rk_err err = RK_ERR_INIT;
	const struct rk_val *v, *node;
	const char *s;
	int64_t n;
	bool b;

	(void)state;
	rk_doc_source(d, "deploy.json");
	v = json(d, text);
	assert_int_equal(rk_want_int(v, &n, &err, "spec", "servers", NULL), -1);
	assert_string_equal(
		err.msg, "deploy.json:3: spec.servers: expected a number, found a string");
	assert_int_equal(err.code, RK_FAIL);
	assert_int_equal(rk_want_str(v, &s, &err, "spec", "host.name", NULL), -1);
	assert_string_equal(
		err.msg, "deploy.json:4: spec[\"host.name\"]: expected a string, found a number");
	assert_string_equal(err.hint, "put the value in quotes");
	node = rk_at(rk_get(v, "spec", "rules", NULL), 1);
	assert_int_equal(rk_need_str(node, &s, &err, "host", NULL), -1);
	assert_string_equal(
		err.msg, "deploy.json:6: spec.rules[1].host: expected a string, found a list");
	assert_int_equal(rk_want_str(v, &s, &err, "spec", "servers", "x", NULL), -1);
	assert_string_equal(err.msg, "deploy.json:3: spec.servers: expected a map, found a string");
	assert_int_equal(rk_want_bool(v, &b, &err, "spec", NULL), -1);
	assert_string_equal(err.msg, "deploy.json:2: spec: expected true or false, found a map");
	assert_int_equal(rk_need_str(v, &s, &err, "spec", "x", "y", NULL), -1);
	assert_string_equal(err.msg, "deploy.json:2: spec.x.y is not set");
	assert_int_equal(err.code, RK_NOTFOUND);
	assert_int_equal(rk_want_seq(v, &node, &err, "spec", NULL), -1);
	assert_int_equal(rk_want_map(v, &node, &err, "spec", "rules", NULL), -1);
}

static void one_line_sources_are_named_without_line(void **state)
{
	rk_auto_doc *d = rk_doc_new(false);
	struct rk_err err = RK_ERR_INIT;
	const struct rk_val *v;
	const char *s;

	(void)state;
	rk_doc_source(d, "Secret ns/name");
	v = json(d, "{\"data\":{\"a\":null,\"f\":1.5}}");
	assert_int_equal(rk_need_str(v, &s, &err, "data", "a", NULL), -1);
	assert_string_equal(err.msg, "Secret ns/name: data.a is not set");
	int64_t n;
	assert_int_equal(rk_want_int(v, &n, &err, "data", "f", NULL), -1);
	assert_string_equal(
		err.msg, "Secret ns/name: data.f: expected a whole number, found a number");
}

static void base64_members_are_decoded(void **state)
{
	rk_auto_doc *d = rk_doc_new(true);
	rk_auto_buf out = RK_BUF_INIT_SECRET;
	struct rk_err err = RK_ERR_INIT;
	const struct rk_val *v;

	(void)state;
	rk_doc_source(d, "Secret a/b");
	v = json(d, "{\"data\":{\"k\":\"aGkA\",\"bad\":\"a%\"}}");
	assert_int_equal(rk_need_base64(v, &out, &err, "data", "k", NULL), 0);
	assert_int_equal(out.len, 3);
	assert_memory_equal(out.s, "hi\0", 3);
	assert_int_equal(rk_need_base64(v, &out, &err, "data", "x", NULL), -1);
	assert_int_equal(err.code, RK_NOTFOUND);
	assert_int_equal(rk_need_base64(v, &out, &err, "data", "bad", NULL), -1);
	assert_true(rk_prefix(err.msg, "Secret a/b: data.bad: "));
	assert_null(strstr(err.msg, "a%"));
	assert_string_equal(rk_str(rk_val_base64(d, "hi\0", 3)), "aGkA");
}

static void equality_ignores_the_order_of_keys(void **state)
{
	rk_auto_doc *d = rk_doc_new(false);
	static const struct {
		const char *a, *b;
		bool equal;
	} cases[] = {
		{"{\"a\":1,\"b\":[2,{}]}", "{\"b\":[2,{}],\"a\":1}", true},
		{"{\"a\":1,\"b\":2,\"c\":3}", "{\"c\":3,\"a\":1,\"b\":2}", true},
		{"[1,2]", "[2,1]", false},
		{"{\"a\":1}", "{\"a\":1,\"b\":null}", false},
		{"{\"a\":1,\"b\":1}", "{\"a\":1,\"c\":1}", false},
		{"1", "\"1\"", false},
		{"1", "1.0", false},
		{"null", "null", true},
		{"true", "false", false},
		{"\"a\\u0000b\"", "\"a\\u0000c\"", false},
		{"[]", "{}", false},
		{"[[]]", "[[],[]]", false},
	};

	(void)state;
	for (size_t i = 0; i < RK_COUNT(cases); i++) {
		assert_int_equal(
			rk_val_equal(json(d, cases[i].a), json(d, cases[i].b)), cases[i].equal);
		assert_int_equal(
			rk_val_equal(json(d, cases[i].b), json(d, cases[i].a)), cases[i].equal);
	}
	assert_true(rk_val_equal(NULL, NULL));
	assert_false(rk_val_equal(NULL, rk_null(d)));
	assert_false(rk_val_equal(rk_null(d), NULL));
}

static void building(void **state)
{
	rk_auto_doc *d = rk_doc_new(false);
	struct rk_val *m = rk_map(d);
	struct rk_val *l = rk_seq(d);

	(void)state;
	rk_set_str(d, m, "s", "a\"b");
	rk_set_str(d, m, "unset", NULL);
	rk_set_int(d, m, "i", INT64_MIN);
	rk_set_bool(d, m, "t", true);
	rk_set(d, m, "n", rk_null(d));
	rk_append_str(d, l, "x");
	rk_append(l, rk_seq(d));
	rk_set(d, m, "l", l);
	rk_set_str(d, rk_map_at(d, m, "metadata", "labels", NULL), "a.b/c", "d");
	rk_set_str(d, rk_map_at(d, m, "s", "was", "text", NULL), "now", "map");
	assert_json(m, "{\"s\":{\"was\":{\"text\":{\"now\":\"map\"}}},\"i\":-9223372036854775808,"
		       "\"t\":true,\"n\":null,\"l\":[\"x\",[]],\"metadata\":{\"labels\":{\"a.b/c\":"
		       "\"d\"}}}");
	assert_ptr_equal(rk_map_at(d, m, NULL), m);
}

static void setting_replaces_in_place(void **state)
{
	rk_auto_doc *d = rk_doc_new(false);
	struct rk_val *m = json(d, "{\"a\":1,\"b\":2,\"c\":3}");
	struct rk_val *old = rk_mut(rk_get(m, "a", NULL));

	(void)state;
	rk_set_str(d, m, "a", "A");
	rk_set_str(d, m, "c", "C");
	rk_set_str(d, m, "b", "B");
	rk_set_str(d, m, "d", "D");
	assert_json(m, "{\"a\":\"A\",\"b\":\"B\",\"c\":\"C\",\"d\":\"D\"}");
	assert_int_equal(m->count, 4);
	assert_null(old->parent);
	rk_set(d, m, "e", old); /* it can be used again */
	assert_json(rk_get(m, "e", NULL), "1");
}

static void removing(void **state)
{
	rk_auto_doc *d = rk_doc_new(false);
	struct rk_val *m = json(d, "{\"a\":{\"x\":1,\"y\":2,\"z\":3},\"l\":[1,2,3]}");
	struct rk_val *l = rk_mut(rk_get(m, "l", NULL));

	(void)state;
	assert_true(rk_remove_at(m, "a", "y", NULL));
	assert_false(rk_remove_at(m, "a", "y", NULL));
	assert_false(rk_remove_at(m, "b", "c", NULL));
	assert_true(rk_remove_at(m, "a", "z", NULL));
	rk_set_int(d, rk_map_at(d, m, "a", NULL), "w", 4);
	rk_remove(l->last);
	rk_remove(l->child);
	rk_append_str(d, l, "new");
	assert_json(m, "{\"a\":{\"x\":1,\"w\":4},\"l\":[2,\"new\"]}");
	rk_remove(l->child);
	rk_remove(l->child);
	assert_json(l, "[]");
	rk_remove(m);
}

static void copies_are_independent(void **state)
{
	struct rk_doc *a = rk_doc_new(true);
	rk_auto_doc *b = rk_doc_new(false);
	struct rk_val *c = rk_copy(b, json(a, "{\"a\":[1,{\"b\":\"x\\u0000y\"}],\"z\":null}"));

	(void)state;
	rk_doc_free(a);
	assert_json(c, "{\"a\":[1,{\"b\":\"x\\u0000y\"}],\"z\":null}");
	assert_null(c->parent);
}

static void paths(void **state)
{
	rk_auto_doc *d = rk_doc_new(false);
	const struct rk_val *v = json(d, "{\"a\":[[{\"b c\":{\"d\":1}}]]}");
	rk_auto_buf out = RK_BUF_INIT;

	(void)state;
	rk_val_path(v, &out);
	assert_string_equal(out.s, "");
	rk_val_path(rk_get(rk_at(rk_at(rk_get(v, "a", NULL), 0), 0), "b c", "d", NULL), &out);
	assert_string_equal(out.s, "a[0][0][\"b c\"].d");
}

static void arena_pieces_are_zeroed_aligned_and_apart(void **state)
{
	rk_auto_doc *d = rk_doc_new(true);
	char *last = NULL;
	size_t last_n = 0;

	(void)state;
	for (size_t i = 0; i < 3000; i++) {
		size_t n = i % 97 == 0 ? i * 100 + 1 : i % 50 + 1;
		char *p = rk_doc_alloc(d, n);

		assert_int_equal((uintptr_t)p % 8, 0);
		for (size_t j = 0; j < n; j++)
			assert_int_equal(p[j], 0);
		memset(p, 0xff, n);
		if (last) {
			for (size_t j = 0; j < last_n; j++)
				assert_int_equal((unsigned char)last[j], 0xff);
		}
		assert_string_equal(
			rk_doc_printf(d, "%zu-%s", i, "x"), rk_doc_printf(d, "%zu-x", i));
		assert_int_equal(strlen(rk_doc_strndup(d, "abcdef", i % 7)), i % 7);
		last = p;
		last_n = n;
	}
}

static void duplicates_are_found_in_maps_of_any_size(void **state)
{
	(void)state;
	for (int n = 2; n < 200; n += 7) {
		rk_auto_doc *d = rk_doc_new(false);
		rk_auto_buf text = RK_BUF_INIT;
		struct rk_err err = RK_ERR_INIT;
		struct rk_val *v;

		rk_buf_puts(&text, "{");
		for (int i = 0; i < n; i++)
			rk_buf_addf(&text, "\"k%d\":0,\n", i);
		rk_buf_puts(&text, "\"k\":1}");
		assert_int_equal(rk_json_parse(d, text.s, text.len, &v, &err), 0);
		text.len--;
		rk_buf_puts(&text, ",\n\"k1\":2}");
		assert_int_equal(rk_json_parse(d, text.s, text.len, &v, &err), -1);
		rk_auto_free char *want = rk_asprintf("line %d: duplicate key \"k1\"", n + 2);
		assert_string_equal(err.msg, want);
	}
}

static void utf8_takes_shortest_forms_only(void **state)
{
	static const struct {
		const char *s;
		size_t len;
		uint32_t cp;
	} cases[] = {
		{"a", 1, 'a'},
		{"\x7f", 1, 0x7f},
		{"\xc2\x80", 2, 0x80},
		{"\xdf\xbf", 2, 0x7ff},
		{"\xe0\xa0\x80", 3, 0x800},
		{"\xed\x9f\xbf", 3, 0xd7ff},
		{"\xee\x80\x80", 3, 0xe000},
		{"\xef\xbf\xbf", 3, 0xffff},
		{"\xf0\x90\x80\x80", 4, 0x10000},
		{"\xf4\x8f\xbf\xbf", 4, 0x10ffff},
		{"\x80", 0, 0},
		{"\xc0\x80", 0, 0},
		{"\xc1\xbf", 0, 0},
		{"\xe0\x9f\xbf", 0, 0},
		{"\xed\xa0\x80", 0, 0},
		{"\xf0\x8f\xbf\xbf", 0, 0},
		{"\xf4\x90\x80\x80", 0, 0},
		{"\xf5\x80\x80\x80", 0, 0},
		{"\xc2", 0, 0},
		{"\xc2\x41", 0, 0},
		{"\xe2\x82", 0, 0},
		{"\xff", 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < RK_COUNT(cases); i++) {
		uint32_t cp = 0;

		assert_int_equal(rk_utf8(cases[i].s, strlen(cases[i].s), &cp), cases[i].len);
		assert_int_equal(cp, cases[i].cp);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reading_by_path),
		cmocka_unit_test(defaults_stand_for_what_is_missing_or_wrong),
		cmocka_unit_test(checked_reads_leave_what_is_missing),
		cmocka_unit_test(errors_name_source_line_path_and_type),
		cmocka_unit_test(one_line_sources_are_named_without_line),
		cmocka_unit_test(base64_members_are_decoded),
		cmocka_unit_test(equality_ignores_the_order_of_keys),
		cmocka_unit_test(building),
		cmocka_unit_test(setting_replaces_in_place),
		cmocka_unit_test(removing),
		cmocka_unit_test(copies_are_independent),
		cmocka_unit_test(paths),
		cmocka_unit_test(arena_pieces_are_zeroed_aligned_and_apart),
		cmocka_unit_test(duplicates_are_found_in_maps_of_any_size),
		cmocka_unit_test(utf8_takes_shortest_forms_only),
	};

	return cmocka_run_group_tests_name("val", tests, NULL, NULL);
}
