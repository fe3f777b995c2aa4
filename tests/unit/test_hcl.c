// SPDX-License-Identifier: Apache-2.0
#include "../../kubectl-rk3k/tf-setup/hcl.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static char *quoted(const char *s, size_t n)
{
	rk_auto_buf b = RK_BUF_INIT;

	tf_hcl_quote(&b, s, n);
	return rk_buf_detach(&b);
}

/* Expected texts were read back with terraform console. */
static void strings_are_escaped(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{"", "\"\""},
		{"plain", "\"plain\""},
		{"a\"b", "\"a\\\"b\""},
		{"a\\b", "\"a\\\\b\""},
		{"a\nb\r\tc", "\"a\\nb\\r\\tc\""},
		{"${x}", "\"$${x}\""},
		{"%{if}", "\"%%{if}\""},
		{"$${x}", "\"$\\u0024{x}\""},
		{"%%{x}", "\"%\\u0025{x}\""},
		{"$ % $x {", "\"$ % $x {\""},
		{"end $", "\"end $\""},
		{"\x01\x7f", "\"\\u0001\\u007f\""},
		{"gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80", "\"gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80\""},
		{"bad \xff\xc0\x80.", "\"bad \xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd.\""},
		{"\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
	};

	(void)state;
	for (size_t i = 0; i < RK_COUNT(cases); i++) {
		rk_auto_free char *got = quoted(cases[i].in, strlen(cases[i].in));

		assert_string_equal(got, cases[i].out);
	}
}

/* The value, "(none)" or "!message". */
static char *get(const char *text, size_t n, const char *name)
{
	rk_auto_free char *exact = rk_calloc(1, n + 1); /* an overrun is for ASan to find */
	const struct rk_buf in = {.s = exact, .len = n};
	rk_auto_buf out = RK_BUF_INIT;
	struct rk_err err = RK_ERR_INIT;
	int found;

	memcpy(exact, text, n);
	found = tf_hcl_get(&in, "t", name, &out, &err);
	if (found < 0)
		return rk_asprintf("!%s", err.msg);
	return found ? rk_buf_detach(&out) : rk_strdup("(none)");
}

static void values_are_read(void **state)
{
	static const struct {
		const char *text, *value;
	} cases[] = {
		{"a = \"x\"", "x"},
		{"a=\"x\"\n", "x"},
		{"  a  =  \"x\"  # why\n", "x"},
		{"a = \"x\" // why", "x"},
		{"a = /* why */ \"x\" /* so */\r\n", "x"},
		{"\xef\xbb\xbf"
		 "a = \"x\"\n",
			"x"},
		{"b = 1\na = \"x\"\n", "x"},
		{"# a = \"no\"\n/* a = \"no\"\n*/\na = \"x\"\n", "x"},
		{"b = <<EOT\na = \"no\"\nEOT\na = \"x\"\n", "x"},
		{"b = <<-EOT\n  ${join(\"\", [\n\"}\"])} a\n  EOT\na = \"x\"\n", "x"},
		{"b = {\n a = \"no\"\n}\na = \"x\"\n", "x"},
		{"b = [\"]\", \"#\", \"}\"]\na = \"x\"\n", "x"},
		{"b = \"${f(\"}\")} \\\" \"\na = \"x\"\n", "x"},
		{"b = f(\n# )\n1)\na = \"x\"\n", "x"},
		{"a = \"\"", ""},
		{"a = \"\\\"\\\\\\n\\r\\t\\u00e4\\U0001F600\"",
			"\"\\\n\r\t\xc3\xa4\xf0\x9f\x98\x80"},
		{"a = \"$${x} %%{y} $\\u0024{z}\"", "${x} %{y} $${z}"},
		{"a = <<EOT\none\n $${x}\nEOT\n", "one\n ${x}\n"},
		{"a = <<-EOT\n    one\n      two\n    EOT\n", "one\n  two\n"},
		{"a = <<EOT\nEOT\n", ""},
		{"a = \"${x}\"", "(none)"},
		{"a = \"%{x}\"", "(none)"},
		{"a = 1", "(none)"},
		{"a = null", "(none)"},
		{"a = \"x\" == \"y\"", "(none)"},
		{"a = \"\\q\"", "(none)"},
		{"a = \"\\ud800\"", "(none)"},
		{"aa = \"x\"", "(none)"},
		{"", "(none)"},
		{"# nothing", "(none)"},
		{"\n\nb {\n}\n", "!t:3: expected NAME = value"},
		{"a = \"x\"\n\na = \"y\"\n", "!t:3: duplicate attribute"},
		{"a = <<E", "!t:1: a heredoc has no end"},
		{"a = \"x\n", "!t:1: a string has no end on its line"},
		{"a = \"${\"\n", "!t:1: a string has no end on its line"},
		{"a = [1\n", "!t:1: a bracket has no end"},
		{"a = 1]\n", "!t:1: a closing bracket without its opening one"},
		{"b = 1\na = <<EOT\nx\n", "!t:2: a heredoc has no end"},
		{"a =\n", "!t:1: an attribute has no value"},
		{"a == 1\n", "!t:1: expected NAME = value"},
		{"\"a\" = 1\n", "!t:1: expected NAME = value"},
		{"/* x", "!t:1: a /* comment has no end"},
		{"a", "!t:1: expected NAME = value"},
	};

	(void)state;
	for (size_t i = 0; i < RK_COUNT(cases); i++) {
		rk_auto_free char *got = get(cases[i].text, strlen(cases[i].text), "a");

		if (strcmp(got, cases[i].value) != 0)
			fail_msg("%s\ngave %s\nnot %s", cases[i].text, got, cases[i].value);
	}
}

static void nul_and_depth_are_refused(void **state)
{
	rk_auto_buf deep = RK_BUF_INIT;
	rk_auto_free char *nul = get("a = \"\0\"", 8, "a"), *far = NULL;

	(void)state;
	assert_string_equal(nul, "!t:1: a NUL byte: not a text file");
	rk_buf_puts(&deep, "a = ");
	for (int i = 0; i < 100000; i++)
		rk_buf_putc(&deep, '[');
	far = get(deep.s, deep.len, "a");
	assert_string_equal(far, "!t:1: brackets are nested too deeply");
}

static char *edit(char *text, const struct rk_hcl_item *items, size_t n)
{
	const struct rk_buf in = {.s = text, .len = strlen(text)};
	struct tf_hcl_edit e = {.items = items,
		.n = n,
		.mark = "# ours: ",
		.note = "# ours: new",
		.head = "# head\n"};
	rk_auto_buf out = RK_BUF_INIT;
	struct rk_err err = RK_ERR_INIT;

	assert_int_equal(tf_hcl_edit(&in, "t", &e, &out, &err), 0);
	return rk_buf_detach(&out);
}

static void edits_change_only_their_bytes(void **state)
{
	static const struct rk_hcl_item items[] = {{"url", "https://h"}, {"token", "a\"b"}};
	static const struct {
		const char *in, *out;
	} cases[] = {
		{"", "# head\n# ours: new\nurl   = \"https://h\"\ntoken = \"a\\\"b\"\n"},
		{"x = 1", "x = 1\n\n# ours: new\nurl   = \"https://h\"\ntoken = \"a\\\"b\"\n"},
		{"token=<<E\nold\nE\n# mine\nurl = var # keep\n",
			"token=\"a\\\"b\"\n# mine\nurl = \"https://h\" # keep\n"},
		{"# ours: old\r\nurl = \"\"\r\ntoken = null\r\n",
			"# ours: new\r\nurl = \"https://h\"\r\ntoken = \"a\\\"b\"\r\n"},
		{"url = \"https://\\u0068\"\n\n# other\nx = <<E\nurl = 1\nE\n",
			"url = \"https://\\u0068\"\n\n# other\nx = <<E\nurl = 1\nE\n"
			"\n# ours: new\ntoken = \"a\\\"b\"\n"},
		{"token = \"a\\\"b\"\nurl = \"https://h\"",
			"token = \"a\\\"b\"\nurl = \"https://h\""},
		{"x = 1\r\n", "x = 1\r\n\r\n# ours: new\r\nurl   = \"https://h\"\r\ntoken = "
			      "\"a\\\"b\"\r\n"},
	};

	(void)state;
	for (size_t i = 0; i < RK_COUNT(cases); i++) {
		rk_auto_free char *in = rk_strdup(cases[i].in);
		rk_auto_free char *got = edit(in, items, RK_COUNT(items));
		rk_auto_free char *twice = edit(got, items, RK_COUNT(items));

		assert_string_equal(got, cases[i].out);
		assert_string_equal(twice, got);
	}
}

static void attributes_are_taken_out(void **state)
{
	static const struct rk_hcl_item items[] = {{"token", NULL}, {"none", NULL}};
	static const struct {
		const char *in, *out;
	} cases[] = {
		{"a = 1\n  token = \"x\" # why\nb = 2\n", "a = 1\nb = 2\n"},
		{"token = [\n1,\n]", ""},
		{"# ours: x\ntoken = 1\n", ""},
		{"a = 1", "a = 1"},
	};

	(void)state;
	for (size_t i = 0; i < RK_COUNT(cases); i++) {
		struct tf_hcl_edit e = {.items = items, .n = 2, .mark = "# ours: "};
		rk_auto_buf in = RK_BUF_INIT, out = RK_BUF_INIT;

		rk_buf_puts(&in, cases[i].in);
		assert_int_equal(tf_hcl_edit(&in, "t", &e, &out, NULL), 0);
		assert_string_equal(out.s, cases[i].out);
	}
}

/* --- properties: any text of these characters comes back --- */

static uint32_t seed = 20251;

static uint32_t roll(uint32_t n)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % n;
}

static char *random_text(void)
{
	static const char *const bits[] = {"$", "%", "{", "}", "\"", "\\", "\n", "\r", "\t", "a",
		"#", "u0024", "<<E", "E", " ", "=", "\xc3\xa4", "\x01", "'", "~", "/*"};
	rk_auto_buf b = RK_BUF_INIT;

	for (uint32_t n = roll(14); n; n--)
		rk_buf_puts(&b, bits[roll(RK_COUNT(bits))]);
	return rk_buf_detach(&b);
}

static void any_value_round_trips(void **state)
{
	(void)state;
	for (int i = 0; i < 20000; i++) {
		rk_auto_free char *value = random_text(), *other = random_text(), *got = NULL;
		const struct rk_hcl_item items[] = {{"v", value}, {"w", other}};
		char before[] = "# mine\nz = 1\nw = [ 2 ]\n";
		rk_auto_free char *text = edit(before, items, 2);
		rk_auto_free char *back = get(text, strlen(text), "v");

		got = get(text, strlen(text), "w");
		assert_string_equal(back, value);
		assert_string_equal(got, other);
		assert_memory_equal(text, "# mine\nz = 1\nw = ", 17);
	}
}

static void damaged_texts_end(void **state)
{
	static const char good[] =
		"a = \"x${f(\"y\")}\"\nb = <<-E\n ${g} \nE\nc = [{d = (1)}] # e\n";
	rk_auto_free char *text = rk_strdup(good);

	(void)state;
	for (size_t i = 0; i < sizeof(good) - 1; i++) {
		rk_auto_free char *cut = get(good, i, "c");

		assert_non_null(cut);
		for (int k = 0; k < 40; k++) {
			rk_auto_free char *got = NULL;

			text[i] = (char)(1 + roll(255));
			got = get(text, sizeof(good) - 1, "a");
			assert_non_null(got);
		}
		text[i] = good[i];
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strings_are_escaped),
		cmocka_unit_test(values_are_read),
		cmocka_unit_test(nul_and_depth_are_refused),
		cmocka_unit_test(edits_change_only_their_bytes),
		cmocka_unit_test(attributes_are_taken_out),
		cmocka_unit_test(any_value_round_trips),
		cmocka_unit_test(damaged_texts_end),
	};

	return cmocka_run_group_tests_name("hcl", tests, NULL, NULL);
}
