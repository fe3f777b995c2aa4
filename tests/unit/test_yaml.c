// SPDX-License-Identifier: Apache-2.0
#include "data/data.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* All documents as JSON, or the error message behind "!". */
static char *as_json(const char *s, size_t n)
{
	rk_auto_doc *d = rk_doc_new(true);
	rk_auto_free char *exact = rk_malloc(n ? n : 1); /* an overrun is for ASan to find */
	rk_auto_buf out = RK_BUF_INIT;
	struct rk_err err = RK_ERR_INIT;
	struct rk_val *v;

	memcpy(exact, s, n);
	if (rk_yaml_parse_all(d, exact, n, &v, &err) < 0) {
		assert_null(v);
		assert_int_equal(err.code, RK_FAIL);
		return rk_asprintf("!%s", err.msg);
	}
	rk_json_write(v->count == 1 ? v->child : v, RK_JSON_COMPACT, &out);
	return rk_buf_detach(&out);
}

struct pair {
	const char *in, *out;
};

static void assert_pairs(const struct pair *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		rk_auto_free char *got = as_json(p[i].in, strlen(p[i].in));

		if (!rk_streq(got, p[i].out))
			fail_msg("%s\ngave %s\nnot  %s", p[i].in, got, p[i].out);
	}
}

/* As sigs.k8s.io/yaml reads them; found by comparing with it. */
static void plain_scalars_are_typed_as_kubectl_does(void **state)
{
	static const struct pair types[] = {
		{"[~, null, Null, NULL, nULL, nul]", "[null,null,null,null,\"nULL\",\"nul\"]"},
		{"{a: , b: \n}", "{\"a\":null,\"b\":null}"},
		{"[true, True, TRUE, tRUE]", "[true,true,true,\"tRUE\"]"},
		{"[false, False, FALSE]", "[false,false,false]"},
		{"[yes, Yes, YES, yEs, no, No, NO]", "[true,true,true,\"yEs\",false,false,false]"},
		{"[on, On, ON, oN, off, Off, OFF]", "[true,true,true,\"oN\",false,false,false]"},
		{"[y, Y, n, N]", "[true,true,false,false]"},
		{"[0, -0, 7, -7, +7, 007, 0123, 089]", "[0,-0,7,-7,7,7,83,89]"},
		{"[0x1F, 0X1f, -0x10, 0o17, 0b101, 0b+1]", "[31,31,-16,15,5,1]"},
		{"[1_000, 1__0, 1_, 0_, _1]", "[1000,10,1,0,\"_1\"]"},
		{"[1.50, .5, -.5, 1., 1e3, 1E+3, 01.5, 1.e2]",
			"[1.50,0.5,-0.5,1,1e3,1E+3,1.5,1e2]"},
		{"[.1_5, .1_, ._1]", "[0.15,\".1_\",\"._1\"]"},
		{"[18446744073709551615, 18446744073709551616, 0xffffffffffffffff]",
			"[18446744073709551615,18446744073709551616,18446744073709551615]"},
		{"[0x10000000000000000, -0x8000000000000000, -0x8000000000000001]",
			"[\"0x10000000000000000\",-9223372036854775808,\"-0x8000000000000001\"]"},
		{"[1e999, 12e4567, 1e308]", "[\"1e999\",\"12e4567\",1e308]"},
		{"[0x, 0o, 0b2, 0o8, 1e, 1e+, --1, +-1, ., -, +, e3]",
			"[\"0x\",\"0o\",\"0b2\",\"0o8\",\"1e\",\"1e+\",\"--1\",\"+-1\",\".\",\"-\","
			"\"+\",\"e3\"]"},
		{"[1.2.3, 10.0.0.1, 2026-11-21, 2026-11-21T10:00:00Z, 12:30:45, =, v1]",
			"[\"1.2.3\",\"10.0.0.1\",\"2026-11-21\",\"2026-11-21T10:00:00Z\","
			"\"12:30:45\",\"=\",\"v1\"]"},
		{"['1', \"true\", 'null', \"\", '', \"~\"]",
			"[\"1\",\"true\",\"null\",\"\",\"\",\"~\"]"},
		{"a: |\n  1\n", "{\"a\":\"1\\n\"}"},
		{"a: >-\n  true\n", "{\"a\":\"true\"}"},
		{"[!!str 1, !!int \"1\", !!float 1, !!bool yes, !!null ~, ! 2, &x ! 3, !!str ]",
			"[\"1\",1,1,true,null,\"2\",\"3\",\"\"]"},
		{"!!map {a: !!seq [1]}", "{\"a\":[1]}"},
		/* Keys stay what is written: kubectl would make "true", "31" and "8" of them. */
		{"{y: 1, 0x1F: 2, 010: 3, null: 4, true: 5}",
			"{\"y\":1,\"0x1F\":2,\"010\":3,\"null\":4,\"true\":5}"},
	};

	(void)state;
	assert_pairs(types, RK_COUNT(types));
}

static void notations(void **state)
{
	static const struct pair texts[] = {
		{"a: 1\nb:\n- x\n-\n  - q\n- c: d\n  e: f\n",
			"{\"a\":1,\"b\":[\"x\",[\"q\"],{\"c\":\"d\",\"e\":\"f\"}]}"},
		{"a: 'it''s'\nb: \"\\u00e9\\x41\\n\\\n  x\"\nc: plain\n  goes on\n",
			"{\"a\":\"it's\",\"b\":\"\xc3\xa9"
			"A\\nx\",\"c\":\"plain goes on\"}"},
		{"a: |\n  x\n   y\n\n  z\n\n\nb: |-\n  x\n\nc: |+\n  x\n\n",
			"{\"a\":\"x\\n y\\n\\nz\\n\",\"b\":\"x\",\"c\":\"x\\n\\n\"}"},
		{"a: >\n  x\n  y\n\n  z\n", "{\"a\":\"x y\\nz\\n\"}"},
		{"\xef\xbb\xbf"
		 "a: 1\r\nb: |\r\n  x\r\n  y\r\n",
			"{\"a\":1,\"b\":\"x\\ny\\n\"}"},
		{"? a\n: b\n? |\n  k\n: v\n", "{\"a\":\"b\",\"k\\n\":\"v\"}"},
		{"a: &x {b: 1}\nc: *x\nd: [*x, *x]\n",
			"{\"a\":{\"b\":1},\"c\":{\"b\":1},\"d\":[{\"b\":1},{\"b\":1}]}"},
		{"- &a 1\n- &a 2\n- *a\n", "[1,2,2]"},
		{"&k key: &v val\nb: *k\nc: *v\n", "{\"key\":\"val\",\"b\":\"key\",\"c\":\"val\"}"},
		{"\"<<\": {a: 1}\n", "{\"<<\":{\"a\":1}}"},
		{"{\"json\": [1, 2.5e3, null], \"t\": \"a\\/b\"}",
			"{\"json\":[1,2.5e3,null],\"t\":\"a/b\"}"},
		{"%YAML 1.1\n---\na: 1\n", "{\"a\":1}"},
		{"just text", "\"just text\""},
		{"", "[]"},
		{"# only\n\n# comments\n", "[]"},
		{"---\n", "[]"},
		{"---\n---\n# c\n---\na: 1\n...\n", "{\"a\":1}"},
		{"a: 1\n---\nb: 2\n...\n---\nc: 3\n", "[{\"a\":1},{\"b\":2},{\"c\":3}]"},
		{"--- ~\n--- 1\n", "[null,1]"},
	};

	(void)state;
	assert_pairs(texts, RK_COUNT(texts));
}

static void guards_refuse_by_name_and_line(void **state)
{
	static const struct pair bad[] = {
		{"a: 1\nb: 2\na: 3\n", "!line 3: duplicate key \"a\""},
		{"x:\n- {a: 1, \"a\": 1}\n", "!line 2: duplicate key \"a\""},
		{"a: &x {b: 1}\nc:\n  <<: *x\n", "!line 3: merge keys (<<) are not supported"},
		{"&a [*a]", "!line 1: alias *a refers to a value that contains it"},
		{"a: &a\n  b: {c: [*a]}\n", "!line 2: alias *a refers to a value that contains it"},
		{"a: *b\n", "!line 1: alias *b has no anchor"},
		{"&a a: 1\n---\nb: *a\n", "!line 3: alias *a has no anchor"},
		{"a: &a 1\n*a : 2\n", "!line 2: an alias as a key is not supported"},
		{"[a, b]: 1\n", "!line 1: a key that is a list or a map is not supported"},
		{"x:\n  {a: b}: 1\n", "!line 2: a key that is a list or a map is not supported"},
		{"? [a]\n: 1\n", "!line 1: a key that is a list or a map is not supported"},
		{"?\n: 1\n", "!line 1: a key is empty"},
		{": 1\n", "!line 1: did not find expected key, while parsing a block mapping"},
		{"a: \"x\\0y\"\n", "!line 1: a string contains a NUL character"},
		{"\"\\0\": 1\n", "!line 1: a string contains a NUL character"},
		{"a: !secret x\n", "!line 1: tag !secret is not supported here"},
		{"a: !!binary eA==\n",
			"!line 1: tag tag:yaml.org,2002:binary is not supported here"},
		{"a: !!set {x}\n", "!line 1: tag tag:yaml.org,2002:set is not supported here"},
		{"a: !!int x\n", "!line 1: tag tag:yaml.org,2002:int is not supported here"},
		{"!!int a: 1\n", "!line 1: tag tag:yaml.org,2002:int is not supported here"},
		{"a: .inf\n", "!line 1: .inf is not a JSON number: put a string in quotes"},
		{"a: 1\nb: -.Inf\n", "!line 2: -.Inf is not a JSON number: put a string in quotes"},
		{"a: 1\n...\nb: 2\n", "!line 3: did not find expected <document start>"},
		{"a:\n\tb: 1\n", "!line 2: tabs cannot be used for indentation"},
		{"\xc3\xa9: 1\na:\n\tb: 1\n", "!line 3: tabs cannot be used for indentation"},
		{"a: 1\n b: 2\n", "!line 2: mapping values are not allowed in this context"},
		{"a: [1\nb: 2\n",
			"!line 2: did not find expected ',' or ']', while parsing a flow sequence"},
		{"a: \"x\n",
			"!line 2: found unexpected end of stream, while scanning a quoted scalar"},
		{"a: 1\nb: \x01\n", "!line 2: control characters are not allowed"},
		{"a: 1\nb: \xff\n", "!line 2: invalid leading UTF-8 octet"},
		{"a: \xed\xa0\x80\n", "!line 1: invalid Unicode character"},
		{"a: 1\n- b\n",
			"!line 2: did not find expected key, while parsing a block mapping"},
	};
	static const char nul[] = "a: 1\nb: x\0y\n";
	rk_auto_free char *got = as_json(nul, sizeof(nul) - 1);

	(void)state;
	assert_pairs(bad, RK_COUNT(bad));
	assert_string_equal(got, "!line 2: control characters are not allowed");
}

static void sources_are_named(void **state)
{
	rk_auto_doc *d = rk_doc_new(false);
	struct rk_err err = RK_ERR_INIT;
	struct rk_val *v;
	const char *s;

	(void)state;
	rk_doc_source(d, "deploy.yaml");
	assert_int_equal(rk_yaml_parse(d, "a: 1\na: 2\n", 10, &v, &err), -1);
	assert_string_equal(err.msg, "deploy.yaml:2: duplicate key \"a\"");
	assert_int_equal(rk_yaml_parse(d, "x: 1\na:\n- b: 2\n", 15, &v, &err), 0);
	assert_int_equal(rk_need_str(rk_at(rk_get(v, "a", NULL), 0), &s, &err, "b", NULL), -1);
	assert_string_equal(err.msg, "deploy.yaml:3: a[0].b: expected a string, found a number");
	assert_int_equal(rk_yaml_parse_all(d, "a: 1\n---\nb: 2\n", 14, &v, &err), 0);
	assert_int_equal(rk_need_str(v->last, &s, &err, "b", NULL), -1);
	assert_string_equal(err.msg, "deploy.yaml:3: b: expected a string, found a number");
}

static void one_document_is_one(void **state)
{
	rk_auto_doc *d = rk_doc_new(false);
	struct rk_err err = RK_ERR_INIT;
	struct rk_val *v = rk_null(d);

	(void)state;
	assert_int_equal(rk_yaml_parse(d, "# c\n", 4, &v, &err), 0);
	assert_null(v);
	assert_int_equal(rk_yaml_parse(d, "---\n---\na: 1\n---\n", 17, &v, &err), 0);
	assert_int_equal(v->count, 1);
	assert_null(v->parent);
	assert_int_equal(rk_yaml_parse(d, "a: 1\n---\nb: 2\n", 14, &v, &err), -1);
	assert_string_equal(err.msg, "line 3: a second document where one is expected");
	assert_null(v);
}

static void depth_is_bounded(void **state)
{
	rk_auto_buf flow = RK_BUF_INIT;
	rk_auto_buf block = RK_BUF_INIT;
	rk_auto_buf chain = RK_BUF_INIT;

	(void)state;
	for (int i = 0; i < RK_DEPTH_MAX; i++)
		rk_buf_puts(&flow, "[");
	for (int i = 0; i < RK_DEPTH_MAX; i++)
		rk_buf_puts(&flow, "]");
	rk_auto_free char *deepest = as_json(flow.s, flow.len);
	assert_string_equal(deepest, flow.s);
	for (int i = 0; i < 100000; i++) {
		rk_buf_puts(&block, "- ");
		rk_buf_putc(&flow, '[');
	}
	rk_auto_free char *a = as_json(block.s, block.len);
	assert_string_equal(a, "!line 1: nested deeper than 200");
	rk_auto_free char *b = as_json(flow.s + RK_DEPTH_MAX * 2, flow.len - RK_DEPTH_MAX * 2);
	assert_string_equal(b, "!line 1: nested deeper than 200");
	/* Depth through aliases: each level adds one to what the alias before it had. */
	rk_buf_puts(&chain, "- &a0 [x]\n");
	for (int i = 1; i < 300; i++)
		rk_buf_addf(&chain, "- &a%d [*a%d]\n", i, i - 1);
	rk_auto_free char *c = as_json(chain.s, chain.len);
	assert_string_equal(c, "!line 200: nested deeper than 200");
}

static void alias_bombs_are_refused(void **state)
{
	rk_auto_buf nodes = RK_BUF_INIT;
	rk_auto_buf bytes = RK_BUF_INIT;
	rk_auto_buf fine = RK_BUF_INIT;

	(void)state;
	rk_buf_puts(&nodes, "a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
	for (int i = 1; i < 12; i++)
		rk_buf_addf(&nodes, "a%d: &a%d [*a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d]\n",
			i, i, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
	rk_auto_free char *a = as_json(nodes.s, nodes.len);
	assert_string_equal(a, "!line 6: aliases expand to too much");
	rk_buf_puts(&bytes, "- &a ");
	for (int i = 0; i < 1 << 20; i++)
		rk_buf_putc(&bytes, 'x');
	for (int i = 0; i < 20; i++)
		rk_buf_puts(&bytes, "\n- *a");
	rk_auto_free char *b = as_json(bytes.s, bytes.len);
	assert_string_equal(b, "!line 18: aliases expand to too much");
	for (int i = 0; i < 1001; i++)
		rk_buf_addf(&fine, "- &a%d x\n- *a%d\n", i, i);
	rk_auto_free char *c = as_json(fine.s, fine.len);
	assert_string_equal(c, "!line 2001: more than 1000 anchors");
}

/* --- positions --- */

static const struct rk_val *walk(const struct rk_val *v, const char *path)
{
	rk_auto_free char *copy = rk_strdup(path);
	char *save = NULL;

	for (char *k = strtok_r(copy, "/", &save); k && v; k = strtok_r(NULL, "/", &save))
		v = v->kind == RK_SEQ ? rk_at(v, (size_t)(*k - '0')) : rk_member(v, k, strlen(k));
	return v;
}

struct span {
	const char *path, *value, *key;
};

static void assert_spans(const char *text, const struct span *spans, size_t n)
{
	rk_auto_doc *d = rk_doc_new(false);
	struct rk_err err = RK_ERR_INIT;
	struct rk_val *v;

	if (rk_yaml_parse(d, text, strlen(text), &v, &err) < 0)
		fail_msg("%s", err.msg);
	for (size_t i = 0; i < n; i++) {
		const struct rk_val *it = walk(v, spans[i].path);

		assert_non_null(it);
		rk_auto_free char *got = rk_strndup(text + it->start, it->end - it->start);
		assert_string_equal(got, spans[i].value);
		if (spans[i].key)
			assert_memory_equal(text + it->kstart, spans[i].key, strlen(spans[i].key));
	}
}

static void a_value_ends_before_blanks_and_comments(void **state)
{
	static const char text[] = "# head\n"
				   "a: 1   # one\n"
				   "b:\n"
				   "- x  # ex\n"
				   "- y: z\n"
				   "\n"
				   "  # inner\n"
				   "  w: 'q'   \n"
				   "# between\n"
				   "\n"
				   "c: {d: [1, 2], e: \"f\"} # flow\n"
				   "g: |  # lit\n"
				   "  one\n"
				   "   two \n"
				   "\n"
				   "# after\n"
				   "h: >-\n"
				   "  folded\n"
				   "  text\n"
				   "\n"
				   "\n"
				   "i: plain\n"
				   "  on two lines   # c\n"
				   "j: \"quoted\n"
				   "  too\"\n"
				   "k:\n"
				   "  l: # nothing\n"
				   "  m:\n"
				   "n: &anchor !!str 5 # c\n"
				   "o: *anchor   # c\n"
				   "p: |+\n"
				   "  keep\n"
				   "\n"
				   "q: |\n"
				   "\n"
				   "r: end\n"
				   "# tail\n";
	static const struct span spans[] = {
		{"a", "1", "a:"},
		{"b", "- x  # ex\n- y: z\n\n  # inner\n  w: 'q'", "b:"},
		{"b/0", "x", NULL},
		{"b/1", "y: z\n\n  # inner\n  w: 'q'", NULL},
		{"b/1/w", "'q'", "w:"},
		{"c", "{d: [1, 2], e: \"f\"}", "c:"},
		{"c/d", "[1, 2]", "d:"},
		{"c/e", "\"f\"", "e:"},
		{"g", "|  # lit\n  one\n   two ", "g:"},
		{"h", ">-\n  folded\n  text", "h:"},
		{"i", "plain\n  on two lines", "i:"},
		{"j", "\"quoted\n  too\"", "j:"},
		{"k", "l: # nothing\n  m:", "k:"},
		{"k/l", "", "l:"},
		{"k/m", "", "m:"},
		{"n", "&anchor !!str 5", "n:"},
		{"o", "*anchor", "o:"},
		{"p", "|+\n  keep", "p:"},
		{"q", "|", "q:"},
		{"r", "end", "r:"},
	};

	(void)state;
	assert_spans(text, spans, RK_COUNT(spans));
}

static void positions_are_bytes_behind_wide_characters(void **state)
{
	static const char text[] = "\xef\xbb\xbf# \xe2\x82\xac\xf0\x9f\x98\x80\r\n"
				   "\xc3\xa9\xc3\xa9: \"\xe2\x82\xac\"  # \xc3\xa9\r\n"
				   "a: [\xc3\xa9, {b: '\xf0\x9f\x98\x80'}]\r\n"
				   "c: |\r\n"
				   "  \xc3\xa9\r\n"
				   "  x\r\n"
				   "\r\n"
				   "d:\r\n"
				   "- e: \"\xe2\x80\xa8 f\"\r\n"
				   "  g: h\r\n";
	static const struct span spans[] = {
		{"\xc3\xa9\xc3\xa9", "\"\xe2\x82\xac\"", "\xc3\xa9\xc3\xa9:"},
		{"a", "[\xc3\xa9, {b: '\xf0\x9f\x98\x80'}]", "a:"},
		{"a/0", "\xc3\xa9", NULL},
		{"a/1", "{b: '\xf0\x9f\x98\x80'}", NULL},
		{"a/1/b", "'\xf0\x9f\x98\x80'", "b:"},
		{"c", "|\r\n  \xc3\xa9\r\n  x", "c:"},
		{"d/0/g", "h", "g:"},
	};

	(void)state;
	assert_spans(text, spans, RK_COUNT(spans));
}

static void shared_nodes_are_marked(void **state)
{
	static const char text[] = "a: &x {b: 1}\nc: *x\nd: {b: 1}\n";
	rk_auto_doc *d = rk_doc_new(false);
	struct rk_err err = RK_ERR_INIT;
	struct rk_val *v;

	(void)state;
	assert_int_equal(rk_yaml_parse(d, text, strlen(text), &v, &err), 0);
	assert_true(rk_get(v, "a", NULL)->shared);
	assert_false(rk_get(v, "a", "b", NULL)->shared);
	assert_true(rk_get(v, "c", NULL)->shared);
	assert_true(rk_get(v, "c", "b", NULL)->shared);
	assert_false(rk_get(v, "d", NULL)->shared);
	assert_int_equal(rk_get(v, "d", NULL)->line, 3);
}

/* --- writing --- */

static char *as_yaml(const char *json, bool sorted)
{
	rk_auto_doc *d = rk_doc_new(false);
	rk_auto_buf out = RK_BUF_INIT;
	struct rk_err err = RK_ERR_INIT;
	struct rk_val *v, *back;

	if (rk_json_parse(d, json, strlen(json), &v, &err) < 0)
		fail_msg("%s", err.msg);
	rk_yaml_write(v, sorted, &out);
	if (rk_yaml_parse(d, out.s, out.len, &back, &err) < 0)
		fail_msg("%s in\n%s", err.msg, out.s);
	if (!rk_val_equal(v, back))
		fail_msg("%s became\n%s", json, out.s);
	return rk_buf_detach(&out);
}

static void block_style_is_kubectls(void **state)
{
	static const char json[] = "{\"spec\":{\"b\":[],\"a\":{},\"list\":[\"x\",{\"k\":1,\"j\":[1,"
				   "[2,3],[]]},[{\"p\":null}]]},"
				   "\"apiVersion\":\"v1\",\"data\":{\"pem\":\"-----BEGIN\\nx\\n\","
				   "\"no-end\":\"a\\n b\","
				   "\"ends\":\"a\\n\\n\"},\"args\":[\"l1\\nl2\\n\",\"--a=b\"]}";
	static const char want[] = "apiVersion: v1\n"
				   "args:\n"
				   "- |\n"
				   "  l1\n"
				   "  l2\n"
				   "- --a=b\n"
				   "data:\n"
				   "  ends: |+\n"
				   "    a\n"
				   "\n"
				   "  no-end: |-\n"
				   "    a\n"
				   "     b\n"
				   "  pem: |\n"
				   "    -----BEGIN\n"
				   "    x\n"
				   "spec:\n"
				   "  a: {}\n"
				   "  b: []\n"
				   "  list:\n"
				   "  - x\n"
				   "  - j:\n"
				   "    - 1\n"
				   "    - - 2\n"
				   "      - 3\n"
				   "    - []\n"
				   "    k: 1\n"
				   "  - - p: null\n";
	rk_auto_free char *got = as_yaml(json, true);
	rk_auto_free char *unsorted = as_yaml("{\"b\":1,\"a\":2}", false);

	(void)state;
	assert_string_equal(got, want);
	assert_string_equal(unsorted, "b: 1\na: 2\n");
}

static void ambiguous_strings_are_quoted(void **state)
{
	static const char *const quoted[] = {"", "~", "null", "NULL", "nUll", "true", "True",
		"tRUE", "false", "yes", "YES", "no", "on", "Off", "y", "Y", "n", "N", "0", "1",
		"-1", "+1", "1.5", ".5", "5.", "1e3", "1E-3", "1e999", "0x1F", "0o17", "017", "0b1",
		"1_000", "0b+1", ".inf", "-.INF", ".nan", "2026-11-21", "2026-11-21T10:00:00Z",
		"12:30", "12:30:45", "-190:20:30.15", "=", "<<", " a", "a ", "a: b", "a:", "a #b",
		"#a", "- a", "-", "---", "--- a", "...", "? a", "?a", ": a", ":a", "[a", "]a", "{a",
		"}a", ",a", "&a", "*a", "!a", "|a", ">a", "'a", "\"a", "%a", "@a", "`a", "a\tb",
		"\ta", "a\r", "a\x7f", "\x01", "a\xc2\x85z", "a\xe2\x80\xa8z",
		"\xef\xbb\xbf"
		"a",
		"a\xef\xbf\xbez", "a\xffz"};
	static const char *const plain[] = {"a", "v1", "1.2.3", "10.0.0.1", "https://h:6443/x?y=z",
		"a b", "a,b", "a[0]", "x=y", "a#b", "a:b", "-a", "--flag=v", "-x 1", "~/x", "<a>",
		"1a", "0xg", "e3", "nope", "yess", "a'b\"c", "\xc3\xa9", "\xf0\x9f\x98\x80",
		"2001:db8::1", "sha256:abc", "a\\b", "$x", "(a)", "a|b", "k8s.io/x", "50m", "2Gi",
		"1.2.3-rc1+x"};

	(void)state;
	for (size_t i = 0; i < RK_COUNT(quoted); i++) {
		if (rk_yaml_plain_ok(quoted[i], strlen(quoted[i])))
			fail_msg("plain: %s", quoted[i]);
	}
	for (size_t i = 0; i < RK_COUNT(plain); i++) {
		if (!rk_yaml_plain_ok(plain[i], strlen(plain[i])))
			fail_msg("quoted: %s", plain[i]);
	}
}

static void escapes_are_exact(void **state)
{
	static const struct pair texts[] = {
		{"\"a\\tb\"", "\"a\\tb\"\n"},
		{"\"\\u0085\\u2028\\ufeff\\u007f\\u0001\"",
			"\"\\u0085\\u2028\\ufeff\\u007f\\u0001\"\n"},
		{"\"q\\\"b\\\\ \"", "\"q\\\"b\\\\ \"\n"},
		{"\"\\nx\"", "\"\\nx\"\n"},
		{"\" x\\ny\"", "\" x\\ny\"\n"},
		{"\"x\\n \\ny\"", "\"x\\n \\ny\"\n"},
		{"\"x\\r\\ny\"", "\"x\\r\\ny\"\n"},
		{"\"x\\n\\n\\ny \"", "|-\n  x\n\n\n  y \n"},
		{"\"x\\n\\ty\"", "|-\n  x\n  \ty\n"},
		{"\"# x\\n- y\\n--- z\\n\"", "|\n  # x\n  - y\n  --- z\n"},
		{"{\"a: b\":1,\"\":2,\"x\\ny\":3,\"on\":4}",
			"\"a: b\": 1\n\"\": 2\n\"x\\ny\": 3\n\"on\": 4\n"},
		{"[]", "[]\n"},
		{"null", "null\n"},
	};

	(void)state;
	for (size_t i = 0; i < RK_COUNT(texts); i++) {
		rk_auto_free char *got = as_yaml(texts[i].in, false);

		assert_string_equal(got, texts[i].out);
	}
}

static void long_keys_are_written_so_that_libyaml_takes_them(void **state)
{
	(void)state;
	for (int n = 990; n < 1040; n++) {
		rk_auto_buf json = RK_BUF_INIT;
		rk_auto_buf key = RK_BUF_INIT;

		for (int i = 0; i < n; i++)
			rk_buf_putc(&key, i % 9 ? 'k' : '#');
		rk_buf_addf(&json, "[{\"%s\":{\"a\":[1]},\"b\":2,\"x%s\":[3],\"y%s\":\"l\\nm\"}]",
			key.s, key.s, key.s);
		rk_auto_free char *got = as_yaml(json.s, false);
		assert_true(strlen(got) > 3000);
	}
}

/* --- properties --- */

static uint32_t seed = 7;

static uint32_t rnd(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

static struct rk_val *random_string(struct rk_doc *d)
{
	static const char *const parts[] = {"a", "b c", " ", "\n", "\t", "#", " #", ":", ": ", "- ",
		"---", "'", "\"", "\\", "{", "]", ",", "&", "*", "!", "|", ">", "%", "@", "=", "<<",
		"~", "\xc3\xa9", "\xf0\x9f\x98\x80", "\xc2\x85", "\xe2\x80\xa8", "\xef\xbb\xbf",
		"\x7f", "\x01", "\r", "0", "1", ".", "e3", "_", "0x", "y", "no", "true", "null",
		"2026-11-21", "\xef\xbf\xbe", "\n\n", "\n ", "${x}"};
	rk_auto_buf b = RK_BUF_INIT;

	for (uint32_t n = rnd(5); n > 0; n--)
		rk_buf_puts(&b, parts[rnd(RK_COUNT(parts))]);
	return rk_stringn(d, b.s, b.len);
}

static struct rk_val *random_value(struct rk_doc *d, int depth)
{
	uint32_t what = rnd(depth > 4 ? 6 : 10);
	struct rk_val *v;

	if (what < 4)
		return random_string(d);
	if (what == 4)
		return rnd(2) ? rk_null(d) : rk_boolean(d, rnd(2));
	if (what == 5)
		return rk_number(d, (int64_t)rnd(1000) - 500);
	v = what < 8 ? rk_map(d) : rk_seq(d);
	for (uint32_t n = rnd(5); n > 0; n--) {
		if (v->kind == RK_MAP)
			rk_set(d, v, random_string(d)->s, random_value(d, depth + 1));
		else
			rk_append(v, random_value(d, depth + 1));
	}
	return v;
}

static void what_is_written_reads_back_equal(void **state)
{
	(void)state;
	for (int i = 0; i < 5000; i++) {
		rk_auto_doc *d = rk_doc_new(i % 2);
		rk_auto_buf yaml = RK_BUF_INIT;
		rk_auto_buf json = RK_BUF_INIT;
		struct rk_val *v = random_value(d, 0);
		struct rk_err err = RK_ERR_INIT;
		struct rk_val *back;

		rk_yaml_write(v, i % 3 == 0, &yaml);
		if (rk_yaml_parse(d, yaml.s, yaml.len, &back, &err) < 0)
			fail_msg("%s in\n%s", err.msg, yaml.s);
		if (!rk_val_equal(v, back))
			fail_msg("not equal:\n%s", yaml.s);
		rk_json_write(v, i % 2 ? RK_JSON_PRETTY : RK_JSON_COMPACT, &json);
		if (rk_json_parse(d, json.s, json.len, &back, &err) < 0 || !rk_val_equal(v, back))
			fail_msg("%s in\n%s", err.msg, json.s);
	}
}

/* The bytes between start and end of a value are that value: read alone, they give it again. */
static void spans_hold_their_value(const char *text, const struct rk_val *v)
{
	rk_auto_doc *d = rk_doc_new(false);
	struct rk_val *alone;
	size_t n = v->end - v->start;

	rk_each (it, v)
		spans_hold_their_value(text, it);
	const struct rk_val *leaf = v;

	while (leaf->last)
		leaf = leaf->last;
	if (text[leaf->start] == '|' && (leaf == v || text[leaf->start + 1] != '-'))
		return; /* indented from its parent, or with line breaks behind its end */
	if (v->kind == RK_MAP || v->kind == RK_SEQ) {
		/* A block's first line has lost its indentation: give it back. */
		rk_auto_buf b = RK_BUF_INIT;
		size_t line = v->start;

		while (line > 0 && text[line - 1] != '\n')
			line--;
		for (size_t i = line; i < v->start; i++)
			rk_buf_putc(&b, ' ');
		rk_buf_put(&b, text + v->start, n);
		if (rk_yaml_parse(d, b.s, b.len, &alone, NULL) < 0 || !rk_val_equal(v, alone))
			fail_msg("not the value: %s", b.s);
		return;
	}
	if (rk_yaml_parse(d, text + v->start, n, &alone, NULL) < 0 ||
		!(alone ? rk_val_equal(v, alone) : v->kind == RK_NULL))
		fail_msg("not the value: %.*s", (int)n, text + v->start);
}

static void every_span_holds_its_value(void **state)
{
	(void)state;
	for (int i = 0; i < 1500; i++) {
		rk_auto_doc *d = rk_doc_new(false);
		rk_auto_buf yaml = RK_BUF_INIT;
		struct rk_err err = RK_ERR_INIT;
		struct rk_val *back;

		rk_yaml_write(random_value(d, 0), false, &yaml);
		assert_int_equal(rk_yaml_parse(d, yaml.s, yaml.len, &back, &err), 0);
		spans_hold_their_value(yaml.s, back);
	}
}

static char *loose(const char *s, size_t n)
{
	rk_auto_doc *d = rk_doc_new(true);
	rk_auto_buf out = RK_BUF_INIT;
	struct rk_err err = RK_ERR_INIT;
	struct rk_val *v;

	if (rk_yaml_parse_loose(d, s, n, &v, &err) < 0)
		return rk_asprintf("!%s", err.msg);
	if (!v)
		return rk_strdup("");
	rk_json_write(v, RK_JSON_COMPACT, &out);
	return rk_buf_detach(&out);
}

/* As kubectl reads a kubeconfig; tests/plane/kubeconfig-odd.bats compares more of it with Go. */
static void the_loose_reader_takes_what_kubectl_takes(void **state)
{
	static const struct pair cases[] = {
		{"{a: 1, b: 2, a: 3}", "{\"b\":2,\"a\":3}"},
		{"{a: 1, <<: {a: 2, b: 3}, b: 4}", "{\"a\":2,\"b\":4}"},
		{"{<<: [{a: 1}, {a: 2, b: 3}]}", "{\"b\":3,\"a\":1}"},
		{"x: &x {a: 1}\nw: {<<: *x, b: 2}\nz: *x\n",
			"{\"x\":{\"a\":1},\"w\":{\"a\":1,\"b\":2},\"z\":{\"a\":1}}"},
		{"{'<<': 1}", "{\"<<\":1}"},
		{"{<<: 1}", "!line 1: the merge key << needs a map or a list of maps"},
		{"[!!binary YWJj, !other x, !!str 1, !x {a: b}]",
			"[\"abc\",\"x\",\"1\",{\"a\":\"b\"}]"},
		{"!!binary '?'", "!line 1: !!binary value is not base64"},
		{"{yes: a, 0x1F: b, &k k: c, ~: d}", "!line 1: a key is empty"},
		{"{yes: a, 0x1F: b, &k k: c, v: *k}",
			"{\"true\":\"a\",\"31\":\"b\",\"k\":\"c\",\"v\":\"k\"}"},
		{"a: 1\n--- [\n", "{\"a\":1}"},
		{"---\n--- {a: 1}\n", ""},
		{"\"\\/\"", "!line 1: kubectl does not know the escape \\/"},
	};
	static const char le[] = "\xff\xfe{\0a\0:\0 \0=\xd8\0\xde}\0";
	static const char be[] = "\xfe\xff\0{\0a\0:\0 \0\xe9\0}";
	static const char half[] = "\xff\xfe=\xd8";
	rk_auto_free char *a = loose(le, sizeof(le) - 1), *b = loose(be, sizeof(be) - 1);
	rk_auto_free char *c = loose(half, sizeof(half) - 1);

	(void)state;
	for (size_t i = 0; i < RK_COUNT(cases); i++) {
		rk_auto_free char *got = loose(cases[i].in, strlen(cases[i].in));

		if (!rk_streq(got, cases[i].out))
			fail_msg("%s\ngave %s\nnot  %s", cases[i].in, got, cases[i].out);
	}
	assert_string_equal(a, "{\"a\":\"\xf0\x9f\x98\x80\"}");
	assert_string_equal(b, "{\"a\":\"\xc3\xa9\"}");
	assert_string_equal(c, "!invalid UTF-16");
}

static void damaged_text_never_crashes(void **state)
{
	static const char good[] =
		"# c\na: &x {b: [1, 'q'], \"c\": *y}\nl:\n- |+\n  t\n\n- >-\n  f\n"
		"? k\n: !!str 5\n\xc3\xa9: ~\n---\n- - x: y\n    z:\n...\n";
	static const char bytes[] = "[]{}:,\"' \n#&*!|>-?%\t\xc3";

	(void)state;
	for (int round = 0; round < 20000; round++) {
		char text[sizeof(good)];
		size_t n = sizeof(good) - 1;

		memcpy(text, good, n);
		for (int i = 0; i < 1 + round % 3; i++)
			text[rnd((uint32_t)n)] =
				round % 2 ? (char)rnd(256) : bytes[rnd(sizeof(bytes) - 1)];
		if (round % 7 == 0)
			n = rnd((uint32_t)n);
		rk_auto_free char *got = as_json(text, n);
		assert_non_null(got);
	}
}

static void large_files_take_linear_time(void **state)
{
	rk_auto_doc *d = rk_doc_new(false);
	rk_auto_buf text = RK_BUF_INIT;
	struct rk_err err = RK_ERR_INIT;
	struct rk_val *v;
	clock_t start;

	(void)state;
	rk_buf_puts(&text, "# \xc3\xa9\nusers:\n");
	for (int i = 0; i < 10000; i++)
		rk_buf_addf(
			&text, "- name: u%d # \xe2\x82\xac\n  user: {token: \"%0200d\"}\n", i, i);
	rk_buf_puts(&text, "map:\n");
	for (int i = 0; i < 20000; i++)
		rk_buf_addf(&text, "  k%d: v\n", i);
	start = clock();
	assert_int_equal(rk_yaml_parse(d, text.s, text.len, &v, &err), 0);
	assert_true(clock() - start < 5 * CLOCKS_PER_SEC); /* 0.1 s; quadratic: minutes */
	assert_int_equal(rk_get(v, "users", NULL)->count, 10000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_scalars_are_typed_as_kubectl_does),
		cmocka_unit_test(notations),
		cmocka_unit_test(guards_refuse_by_name_and_line),
		cmocka_unit_test(sources_are_named),
		cmocka_unit_test(one_document_is_one),
		cmocka_unit_test(depth_is_bounded),
		cmocka_unit_test(alias_bombs_are_refused),
		cmocka_unit_test(a_value_ends_before_blanks_and_comments),
		cmocka_unit_test(positions_are_bytes_behind_wide_characters),
		cmocka_unit_test(shared_nodes_are_marked),
		cmocka_unit_test(block_style_is_kubectls),
		cmocka_unit_test(ambiguous_strings_are_quoted),
		cmocka_unit_test(escapes_are_exact),
		cmocka_unit_test(long_keys_are_written_so_that_libyaml_takes_them),
		cmocka_unit_test(what_is_written_reads_back_equal),
		cmocka_unit_test(every_span_holds_its_value),
		cmocka_unit_test(the_loose_reader_takes_what_kubectl_takes),
		cmocka_unit_test(damaged_text_never_crashes),
		cmocka_unit_test(large_files_take_linear_time),
	};

	return cmocka_run_group_tests_name("yaml", tests, NULL, NULL);
}
