// SPDX-License-Identifier: Apache-2.0
#include "data/data.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* Fill a skeleton; the result as JSON, or the error message behind "!". */
static char *fill(const char *skeleton, const char *params)
{
	rk_auto_doc *d = rk_doc_new(true);
	rk_auto_buf out = RK_BUF_INIT;
	struct rk_err err = RK_ERR_INIT;
	struct rk_val *p, *v;

	if (rk_json_parse(d, params, strlen(params), &p, &err) < 0)
		fail_msg("%s", err.msg);
	if (rk_manifest_fill(d, "m.yaml", skeleton, strlen(skeleton), p, &v, &err) < 0) {
		assert_null(v);
		return rk_asprintf("!%s", err.msg);
	}
	assert_int_equal(v->kind, RK_SEQ);
	rk_json_write(v, RK_JSON_COMPACT, &out);
	return rk_buf_detach(&out);
}

static void assert_fill(const char *skeleton, const char *params, const char *want)
{
	rk_auto_free char *got = fill(skeleton, params);

	assert_string_equal(got, want);
}

static void a_lone_parameter_keeps_its_type(void **state)
{
	(void)state;
	assert_fill(
		"# ${n}: a number\n# ${s}: a string\n# ${l}: a list\n# ${m}: a map\n# ${z}: null\n"
		"n: \"${n}\"\ns: '${s}'\nl: \"${l}\"\nm: [\"${m}\"]\nz: \"${z}\"\n",
		"{\"n\":3,\"s\":\"3\",\"l\":[1,{}],\"m\":{\"a\":true},\"z\":null}",
		"[{\"n\":3,\"s\":\"3\",\"l\":[1,{}],\"m\":[{\"a\":true}],\"z\":null}]");
}

static void a_parameter_in_text_is_joined(void **state)
{
	(void)state;
	assert_fill("# ${a}: x\n# ${b-c_1}: y\n"
		    "t: \"${a}:${b-c_1}/$x/${a}\"\n"
		    "\"k/${a}\": |\n  url = ${a}\n  n = ${b-c_1}\n",
		"{\"a\":\"A\",\"b-c_1\":8}",
		"[{\"t\":\"A:8/$x/A\",\"k/A\":\"url = A\\nn = 8\\n\"}]");
}

static void no_value_breaks_out_of_its_place(void **state)
{
	(void)state;
	assert_fill("# ${v}: anything\na: \"${v}\"\nb: \"x ${v} y\"\n",
		"{\"v\":\"q\\\"\\n- evil: ${v}\\n# $${v} \\\\\"}",
		"[{\"a\":\"q\\\"\\n- evil: ${v}\\n# $${v} \\\\\",\"b\":\"x q\\\"\\n- evil: "
		"${v}\\n# "
		"$${v} \\\\ y\"}]");
}

static void two_dollars_are_a_literal(void **state)
{
	(void)state;
	assert_fill("# ${a}: x\nt: \"$${a} ${a} $ $$ $a {a}\"\nu: \"$${\"\n", "{\"a\":1}",
		"[{\"t\":\"${a} 1 $ $$ $a {a}\",\"u\":\"${\"}]");
}

static void all_documents_are_filled(void **state)
{
	(void)state;
	assert_fill("---\n# ${a}: x\n---\na: \"${a}\"\n---\nb: \"${a}\"\n", "{\"a\":1}",
		"[{\"a\":1},{\"b\":1}]");
	assert_fill("# nothing declared: fine\na: 1\n", "{}", "[{\"a\":1}]");
}

static void mistakes_are_errors(void **state)
{
	(void)state;
	assert_fill("# ${a}: x\na: \"${a}\"\n", "{}", "!m.yaml:2: parameter ${a} is missing");
	assert_fill(
		"# ${a}: x\na: \"${a}\"\n", "{\"a\":1,\"b\":2}", "!m.yaml: unknown parameter ${b}");
	assert_fill("# ${a}: x\n# ${b}: x\na: \"${a}\"\n", "{\"a\":1,\"b\":2}",
		"!m.yaml: unknown parameter ${b}");
	assert_fill("# ${a}: x\na: ${a}\n", "{\"a\":1}", "!m.yaml:2: ${a} must be in quotes");
	assert_fill("# ${a}: x\na: x-${a}\n", "{\"a\":1}", "!m.yaml:2: x-${a} must be in quotes");
	assert_fill("# ${a}: x\na: \"x${a\"\n", "{\"a\":1}",
		"!m.yaml:2: a bad ${name}; a literal ${ is written $${");
	assert_fill("# ${a}: x\na: \"${}${a}\"\n", "{\"a\":1}",
		"!m.yaml:2: a bad ${name}; a literal ${ is written $${");
	assert_fill("# ${a}: x\na: \"${a b}\"\n", "{\"a\":1}",
		"!m.yaml:2: a bad ${name}; a literal ${ is written $${");
	assert_fill("# ${a}: x\na: \"x${a}\"\n", "{\"a\":[1]}",
		"!m.yaml:2: ${a} inside text takes a string, a number or a boolean");
	assert_fill("# ${a}: x\na: \"x${a}\"\n", "{\"a\":null}",
		"!m.yaml:2: ${a} inside text takes a string, a number or a boolean");
	assert_fill("# ${a}: x\n\"${a}\": {}\n", "{\"a\":{}}",
		"!m.yaml:2: ${a} inside text takes a string, a number or a boolean");
	assert_fill("# ${a}: x\nb: 1\n\"${a}\": 2\n", "{\"a\":\"b\"}",
		"!m.yaml:3: duplicate key \"b\"");
	assert_fill("# ${a}: x\na: 1\na: \"${a}\"\n", "{\"a\":\"b\"}",
		"!m.yaml:3: duplicate key \"a\"");
}

static void the_source_before_comes_back(void **state)
{
	rk_auto_doc *d = rk_doc_new(false);
	struct rk_err err = RK_ERR_INIT;
	struct rk_val *v;

	(void)state;
	rk_doc_source(d, "mine.json");
	assert_int_equal(rk_manifest_fill(d, "m.yaml", "a: 1\n", 5, rk_map(d), &v, &err), 0);
	assert_int_equal(rk_json_parse(d, "[", 1, &v, &err), -1);
	assert_true(rk_prefix(err.msg, "mine.json:1: "));
}

static void unknown_manifests_are_named(void **state)
{
	rk_auto_doc *d = rk_doc_new(false);
	struct rk_err err = RK_ERR_INIT;
	struct rk_val *v;

	(void)state;
	assert_int_equal(rk_manifest(d, "no-such", rk_map(d), &v, &err), -1);
	assert_string_equal(err.msg, "manifest manifests/no-such.yaml not found");
}

/* "${a}" declared in the head of an embedded file, with a value. */
static struct rk_val *some_params(struct rk_doc *d, const char *text)
{
	struct rk_val *p = rk_map(d);

	for (const char *s = text; rk_prefix(s, "#") || rk_prefix(s, "---");
		s = strchr(s, '\n') + 1) {
		const char *end = strchr(s, '}');

		if (rk_prefix(s, "# ${") && end)
			rk_set_str(d, p, rk_doc_strndup(d, s + 4, (size_t)(end - s) - 4), "x");
		if (!strchr(s, '\n'))
			break;
	}
	return p;
}

/* Each parameter of an embedded file is declared there, and each declared one is used. */
static void embedded_manifests_fill(void **state)
{
	(void)state;
	for (const struct rk_manifest_file *m = rk_manifest_files; m->name; m++) {
		rk_auto_doc *d = rk_doc_new(false);
		struct rk_err err = RK_ERR_INIT;
		struct rk_val *v;

		assert_int_equal(strlen(m->text), m->len);
		if (rk_manifest(d, m->name, some_params(d, m->text), &v, &err) < 0)
			fail_msg("%s", err.msg);
		assert_true(v->count > 0);
		rk_each (doc, v) {
			assert_non_null(rk_get_str(doc, "kind", NULL));
			assert_non_null(rk_get_str(doc, "apiVersion", NULL));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_lone_parameter_keeps_its_type),
		cmocka_unit_test(a_parameter_in_text_is_joined),
		cmocka_unit_test(no_value_breaks_out_of_its_place),
		cmocka_unit_test(two_dollars_are_a_literal),
		cmocka_unit_test(all_documents_are_filled),
		cmocka_unit_test(mistakes_are_errors),
		cmocka_unit_test(the_source_before_comes_back),
		cmocka_unit_test(unknown_manifests_are_named),
		cmocka_unit_test(embedded_manifests_fill),
	};

	return cmocka_run_group_tests_name("manifest", tests, NULL, NULL);
}
