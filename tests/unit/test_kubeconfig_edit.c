// SPDX-License-Identifier: Apache-2.0
/* Editing kubeconfig text: the bytes that may change, and those that may not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "os/os.h"
#include "../../kubectl-rk3k/kubeconfig/edit.h"

#define NEW_BLOCK "- cluster:\n    server: https://new:1\n  name: new\n"

struct fixture {
	struct rk_doc *d;
	struct kcfg_item items[6];
	struct kcfg_edit edit;
};

static const struct rk_val *one_field(struct rk_doc *d, const char *key, const char *value)
{
	struct rk_val *m = rk_map(d);

	rk_set_str(d, m, key, value);
	return m;
}

/* Cluster NAME with server https://NAME:1. */
static struct kcfg_item cluster(struct rk_doc *d, const char *name)
{
	return (struct kcfg_item){RK_KC_CLUSTERS, name,
		one_field(d, "server", rk_doc_printf(d, "https://%s:1", name))};
}

/* Whatever the edit says it kept must be the bytes that were there. */
static int edit_text(const char *text, const struct kcfg_edit *e, struct rk_buf *out, bool *changed,
	struct rk_err *err)
{
	kcfg_auto_layout l = KCFG_LAYOUT_INIT;
	size_t n = strlen(text);
	struct kcfg_kept kept = {true, n, n};

	rk_buf_reset(out);
	rk_buf_puts(out, text);
	if (kcfg_scan(&l, out->s, out->len, "f", false, err) < 0 ||
		kcfg_edit_text(out, &l, "f", e, &kept, err) < 0)
		return -1;
	if (kept.all)
		assert_string_equal(out->s, text);
	else
		assert_true(kept.head + kept.tail <= n && kept.head + kept.tail <= out->len);
	assert_memory_equal(out->s, text, kept.head);
	assert_memory_equal(out->s + out->len - kept.tail, text + n - kept.tail, kept.tail);
	if (changed)
		*changed = !kept.all;
	return 0;
}

/* Add cluster "new"; what comes out must be `want`, and doing it again changes nothing. */
static void adds(const char *text, const char *want)
{
	struct rk_doc *d = rk_doc_new(true);
	struct kcfg_item it = cluster(d, "new");
	struct kcfg_edit e = {.items = &it, .n = 1};
	rk_auto_buf out = RK_BUF_INIT, again = RK_BUF_INIT;
	struct rk_err err = RK_ERR_INIT;
	bool changed = false;

	if (edit_text(text, &e, &out, &changed, &err) < 0)
		fail_msg("%s\n--- text\n%s", err.msg, text);
	assert_string_equal(out.s, want);
	assert_true(changed);
	assert_int_equal(edit_text(out.s, &e, &again, &changed, &err), 0);
	assert_string_equal(again.s, out.s);
	assert_false(changed);
	rk_doc_free(d);
}

static void drops(const char *text, const char *name, const char *want)
{
	struct kcfg_item it = {RK_KC_CLUSTERS, name, NULL};
	struct kcfg_edit e = {.items = &it, .n = 1};
	rk_auto_buf out = RK_BUF_INIT;
	struct rk_err err = RK_ERR_INIT;
	bool changed = false;

	if (edit_text(text, &e, &out, &changed, &err) < 0)
		fail_msg("%s\n--- text\n%s", err.msg, text);
	assert_string_equal(out.s, want);
	assert_int_equal(changed, strcmp(text, want) != 0);
}

static void refuses(const char *text, int code, const char *word)
{
	struct rk_doc *d = rk_doc_new(true);
	struct kcfg_item it = cluster(d, "new");
	struct kcfg_edit e = {.items = &it, .n = 1};
	rk_auto_buf out = RK_BUF_INIT;
	struct rk_err err = RK_ERR_INIT;

	if (edit_text(text, &e, &out, NULL, &err) == 0)
		fail_msg("not refused:\n%s\n--- gave\n%s", text, out.s);
	assert_int_equal(err.code, code);
	if (!strstr(err.msg, word))
		fail_msg("\"%s\" not in: %s\n--- text\n%s", word, err.msg, text);
	rk_doc_free(d);
}

static void test_add_to_block_list(void **state)
{
	(void)state;
	adds("clusters:\n- cluster: {}\n  name: a\nusers: []\n",
		"clusters:\n- cluster: {}\n  name: a\n" NEW_BLOCK "users: []\n");
	/* comments, blank lines, indented lists, unknown keys stay */
	adds("# head\nclusters:\n  # first\n  - name: a # here\n    x: 1\n\n  # tail\nusers:\n",
		"# head\nclusters:\n  # first\n  - name: a # here\n    x: 1\n"
		"  - cluster:\n      server: https://new:1\n    name: new\n\n  # tail\nusers:\n");
	/* no final newline */
	adds("clusters:\n- name: a", "clusters:\n- name: a\n" NEW_BLOCK);
	/* dash on a line of its own, four spaces */
	adds("clusters:\n    -\n        name: a\nkind: Config\n",
		"clusters:\n    -\n        name: a\n    - cluster:\n        server: https://new:1\n"
		"      name: new\nkind: Config\n");
}

static void test_add_to_empty_list(void **state)
{
	(void)state;
	adds("clusters: []\nusers: []\n", "clusters:\n" NEW_BLOCK "users: []\n");
	adds("clusters: null\n", "clusters:\n" NEW_BLOCK);
	adds("clusters:\nkind: Config\n", "clusters:\n" NEW_BLOCK "kind: Config\n");
	adds("clusters: [] # none\n", "clusters: # none\n" NEW_BLOCK);
	adds("kind: Config\nclusters: ~", "kind: Config\nclusters:\n" NEW_BLOCK);
	adds("clusters: # none\n  []\nkind: Config\n",
		"clusters: # none\n  \n" NEW_BLOCK "kind: Config\n");
}

static void test_add_missing_list(void **state)
{
	(void)state;
	adds("kind: Config\n# end\n", "kind: Config\nclusters:\n" NEW_BLOCK "# end\n");
	adds("kind: Config", "kind: Config\nclusters:\n" NEW_BLOCK);
	adds("---\nkind: Config\n...\n", "---\nkind: Config\nclusters:\n" NEW_BLOCK "...\n");
}

static void test_add_crlf_and_bom(void **state)
{
	(void)state;
	adds("\xef\xbb\xbf"
	     "clusters:\r\n- name: a\r\nusers: []\r\n",
		"\xef\xbb\xbf"
		"clusters:\r\n- name: a\r\n- cluster:\r\n    server: https://new:1\r\n"
		"  name: new\r\nusers: []\r\n");
	adds("\xef\xbb\xbf"
	     "# \xc3\xa9\nclusters:\n- name: \xc3\xa9\nusers: []\n",
		"\xef\xbb\xbf"
		"# \xc3\xa9\nclusters:\n- name: \xc3\xa9\n" NEW_BLOCK "users: []\n");
}

static void test_add_flow(void **state)
{
	(void)state;
	adds("{\"clusters\":[]}", "{\"clusters\":[{\"cluster\":{\"server\":\"https://new:1\"},"
				  "\"name\":\"new\"}]}");
	adds("{\"kind\":\"Config\"}\n", "{\"kind\":\"Config\", \"clusters\": [{\"cluster\":"
					"{\"server\":\"https://new:1\"},\"name\":\"new\"}]}\n");
	adds("{}",
		"{\"clusters\": [{\"cluster\":{\"server\":\"https://new:1\"},\"name\":\"new\"}]}");
	adds("{\"clusters\":null}", "{\"clusters\":[{\"cluster\":{\"server\":\"https://new:1\"},"
				    "\"name\":\"new\"}]}");
	adds("clusters: [ {name: a} ] # x\n",
		"clusters: [ {name: a}, "
		"{\"cluster\":{\"server\":\"https://new:1\"},\"name\":\"new\"} ]"
		" # x\n");
	adds("{\n \"clusters\": [\n  {\n   \"name\": \"a\"\n  }\n ]\n}\n",
		"{\n \"clusters\": [\n  {\n   \"name\": \"a\"\n  },\n  {\n      \"cluster\": {\n"
		"          \"server\": \"https://new:1\"\n      },\n      \"name\": \"new\"\n  }\n "
		"]\n}\n");
}

static void test_replace(void **state)
{
	(void)state;
	adds("clusters:\n- name: new\n  cluster:\n    server: https://old:1 # x\n# k\n- name: z\n",
		"clusters:\n" NEW_BLOCK "# k\n- name: z\n");
	adds("clusters: [{name: a}, {name: new, cluster: {server: x}}, {name: b}]\n",
		"clusters: [{name: a}, "
		"{\"cluster\":{\"server\":\"https://new:1\"},\"name\":\"new\"}, "
		"{name: b}]\n");
	adds("clusters:\n- cluster:\n    certificate-authority-data: |\n      QUJD\n\n  name: "
	     "'new'\n"
	     "users: []\n",
		"clusters:\n" NEW_BLOCK "users: []\n");
	/* block scalars and folded text elsewhere */
	adds("users:\n- name: u\n  user:\n    token: |-\n      clusters:\n      - name: new\n"
	     "clusters:\n- name: \"new\"\n",
		"users:\n- name: u\n  user:\n    token: |-\n      clusters:\n      - name: new\n"
		"clusters:\n" NEW_BLOCK);
}

static void test_same_value_keeps_bytes(void **state)
{
	const char *text =
		"clusters:\n- name:   new # ours\n  cluster: {server: 'https://new:1'}\n";
	struct rk_doc *d = rk_doc_new(true);
	struct kcfg_item it = cluster(d, "new");
	struct kcfg_edit e = {.items = &it, .n = 1};
	rk_auto_buf out = RK_BUF_INIT;
	bool changed = true;

	(void)state;
	assert_int_equal(edit_text(text, &e, &out, &changed, NULL), 0);
	assert_string_equal(out.s, text);
	assert_false(changed);
	rk_doc_free(d);
}

static void test_remove(void **state)
{
	(void)state;
	drops("clusters:\n- name: a\n- name: b\n  x: 1\n# c\n- name: c\n", "b",
		"clusters:\n- name: a\n# c\n- name: c\n");
	drops("clusters:\n- name: b\nusers: []\n", "b", "clusters: []\nusers: []\n");
	drops("clusters: # mine\n- name: b", "b", "clusters: [] # mine\n");
	drops("clusters:\n- name: a\n", "b", "clusters:\n- name: a\n");
	drops("clusters: [{name: b}]\n", "b", "clusters: []\n");
	drops("clusters: [{name: b}, {name: c}]\n", "b", "clusters: [{name: c}]\n");
	drops("clusters: [{name: c} , {name: b}, ]\n", "b", "clusters: [{name: c}, ]\n");
	drops("", "b", "");
}

static void test_remove_several_flow(void **state)
{
	struct kcfg_item it[] = {{RK_KC_CLUSTERS, "a", NULL}, {RK_KC_CLUSTERS, "c", NULL},
		{RK_KC_CLUSTERS, "d", NULL}};
	struct kcfg_edit e = {.items = it, .n = 3};
	rk_auto_buf out = RK_BUF_INIT;

	(void)state;
	assert_int_equal(edit_text("{clusters: [{name: a}, {name: b}, {name: c}, {name: d}]}", &e,
				 &out, NULL, NULL),
		0);
	assert_string_equal(out.s, "{clusters: [{name: b}]}");
}

static void test_replace_and_remove_and_add(void **state)
{
	struct rk_doc *d = rk_doc_new(true);
	struct kcfg_item it[] = {{RK_KC_CLUSTERS, "c", NULL}, cluster(d, "new"), cluster(d, "b")};
	struct kcfg_edit e = {.items = it, .n = 3};
	rk_auto_buf out = RK_BUF_INIT;

	(void)state;
	assert_int_equal(edit_text("clusters: [{name: b}, {name: c}]\n", &e, &out, NULL, NULL), 0);
	assert_string_equal(out.s,
		"clusters: [{\"cluster\":{\"server\":\"https://b:1\"},\"name\":\"b\"}, "
		"{\"cluster\":{\"server\":\"https://new:1\"},\"name\":\"new\"}]\n");
	assert_int_equal(edit_text("clusters:\n- name: b\n- name: c\n", &e, &out, NULL, NULL), 0);
	assert_string_equal(
		out.s, "clusters:\n- cluster:\n    server: https://b:1\n  name: b\n" NEW_BLOCK);
	rk_doc_free(d);
}

static void sets_current(const char *text, const char *current, const char *want)
{
	struct kcfg_edit e = {.current = current};
	rk_auto_buf out = RK_BUF_INIT;
	struct rk_err err = RK_ERR_INIT;

	if (edit_text(text, &e, &out, NULL, &err) < 0)
		fail_msg("%s", err.msg);
	assert_string_equal(out.s, want);
}

static void test_current_context(void **state)
{
	(void)state;
	sets_current("current-context: a # x\nkind: Config\n", "b",
		"current-context: b # x\nkind: Config\n");
	sets_current("current-context: \"a\"\n", "", "current-context: \"\"\n");
	sets_current("current-context:\n", "b", "current-context: b\n");
	sets_current("kind: Config\n", "on", "kind: Config\ncurrent-context: \"on\"\n");
	sets_current("kind: Config\n", "", "kind: Config\n");
	sets_current(
		"{\"kind\":\"Config\"}", "b", "{\"kind\":\"Config\", \"current-context\": \"b\"}");
	sets_current("{\"current-context\":\"a\"}", "b", "{\"current-context\":\"b\"}");
}

static void test_new_file(void **state)
{
	(void)state;
	adds("", "apiVersion: v1\nclusters:\n" NEW_BLOCK
		 "contexts: []\ncurrent-context: \"\"\nkind: Config\nusers: []\n");
	adds("# mine\n", "# mine\napiVersion: v1\nclusters:\n" NEW_BLOCK
			 "contexts: []\ncurrent-context: \"\"\nkind: Config\nusers: []\n");
}

static void test_refused(void **state)
{
	(void)state;
	refuses("clusters: []\n---\nclusters: []\n", RK_CONFLICT, "more than one document");
	refuses("clusters: &x []\nother: *x\n", RK_CONFLICT, "anchors");
	refuses("a: &x []\nclusters: *x\n", RK_CONFLICT, "anchors");
	refuses("clusters:\n- &x\n  name: new\n", RK_CONFLICT, "anchors");
	refuses("clusters:\n- name: new\n- name: new\n", RK_FAIL, "a second entry with the name");
	refuses("clusters: []\nclusters: []\n", RK_CONFLICT, "two lists, of clusters");
	refuses("clusters:\n- name: a\n  name: new\n", RK_CONFLICT, "two names");
	refuses("clusters:\n- name: new\n  <<: {a: b}\n", RK_CONFLICT, "anchors");
	refuses("<<: {a: b}\n", RK_CONFLICT, "merge keys");
	refuses("clusters: {}\n", RK_FAIL, "expected a list");
	refuses("clusters:\n  a: b\n", RK_FAIL, "expected a list");
	refuses("[]\n", RK_FAIL, "not a kubeconfig");
	refuses("just text\n", RK_FAIL, "not a kubeconfig");
	refuses("clusters: [\n", RK_FAIL, "f:2: did not find expected node content");
	refuses("clusters:\n- name: \"a\n", RK_FAIL, "f:3: found unexpected end of stream");
	refuses("clusters:\n- name: a\r- name: b\n", RK_CONFLICT, "neither LF nor CR LF");
	refuses("clusters:\n- name: a\xe2\x80\xa8- name: b\n", RK_CONFLICT, "neither LF nor CR LF");
	refuses("current-context:\n  a: b\n", RK_FAIL, "current-context");
	refuses("current-context:\n- a\n", RK_FAIL, "current-context");
	refuses("current-context: a\ncurrent-context: b\n", RK_CONFLICT, "current-context");
}

static void test_anchors_elsewhere(void **state)
{
	(void)state;
	adds("x: &a {b: c}\ny: *a\nclusters:\n- name: a\n  cluster: &k {}\n- name: b\n"
	     "  cluster: *k\nkind: Config\n",
		"x: &a {b: c}\ny: *a\nclusters:\n- name: a\n  cluster: &k {}\n- name: b\n"
		"  cluster: *k\n" NEW_BLOCK "kind: Config\n");
	adds("clusters:\n- name: a\n  <<: {cluster: {}}\nkind: Config\n",
		"clusters:\n- name: a\n  <<: {cluster: {}}\n" NEW_BLOCK "kind: Config\n");
	/* keys that come twice elsewhere */
	adds("x: 1\nx: 2\nclusters:\n- name: new\n  cluster: {server: a, server: b}\n",
		"x: 1\nx: 2\nclusters:\n" NEW_BLOCK);
}

/* --- the shortcut for entries that kubectl wrote --- */

static size_t accepted;

/* With and without it a text has one layout, or none. */
static void same_layout(const char *text, size_t n)
{
	kcfg_auto_layout a = KCFG_LAYOUT_INIT, b = KCFG_LAYOUT_INIT;
	struct rk_err err = RK_ERR_INIT;
	int rc = kcfg_scan(&a, text, n, "f", false, &err);

	if (kcfg_scan(&b, text, n, "f", true, NULL) != rc)
		fail_msg("one of two only (%s):\n%s", err.msg, text);
	if (rc < 0)
		return;
	accepted++;
	if (a.empty != b.empty || a.flow != b.flow || a.end != b.end || a.odd != b.odd ||
		a.tied != b.tied || a.current.from != b.current.from ||
		a.current.to != b.current.to)
		fail_msg("roots differ (end %zu %zu):\n%s", a.end, b.end, text);
	for (size_t k = 0; k < RK_KC_NKINDS; k++) {
		const struct kcfg_section *x = &a.sec[k], *y = &b.sec[k];

		if (x->style != y->style || x->n != y->n || x->indent != y->indent ||
			x->from != y->from || x->to != y->to || x->colon != y->colon ||
			x->tied != y->tied)
			fail_msg("%s differ: style %d %d n %zu %zu at %zu-%zu %zu-%zu:\n%s",
				rk_kc_plural[k], x->style, y->style, x->n, y->n, x->from, x->to,
				y->from, y->to, text);
		for (size_t i = 0; i < x->n; i++) {
			const struct kcfg_slot *p = &x->slots[i], *q = &y->slots[i];

			if (p->from != q->from || p->to != q->to || p->tied != q->tied ||
				(p->name != q->name && !rk_streq(p->name, q->name)))
				fail_msg("%s[%zu] differ:\n%s", rk_kc_plural[k], i, text);
		}
	}
}

static const char kubectl_style[] =
	"apiVersion: v1\n# a comment\nclusters:\n- cluster:\n"
	"    certificate-authority-data: QUJDREVG\n    server: https://1.2.3.4:6443\n  name: a\n"
	"- cluster:\n    server: https://b\n  name: b\n"
	"- cluster:\n    server: https://c\n  name: c\n"
	"- name: d\n  cluster:\n    server: https://d\n"
	"- cluster:\n    server: 'https://e'\n\n  name: \"e\"\n"
	"- cluster:\n    server: https://f\n  name: f\n"
	"contexts:\n- context:\n    cluster: a\n    namespace: x\n    user: a\n  name: a\n"
	"- context:\n    cluster: b\n    user: b\n  name: b\n"
	"- context:\n    cluster: c\n    user: c\n  name: c\ncurrent-context: a\nkind: Config\n"
	"preferences: {}\nusers:\n- name: a\n  user:\n    token: t\n- name: b\n  user:\n"
	"    client-certificate-data: QUJDRA==\n    client-key-data: QUJDREU=\n"
	"- name: c\n  user:\n    token: u\n- name: d\n  user:\n    exec:\n      args:\n"
	"      - get-token\n      command: aws\n      env:\n      - name: A\n        value: b\n";

/* Damage a good text in every way a few characters or lines can, many times. */
static void test_shortcut_agrees_on_damage(void **state)
{
	static const char odd[] = "-:# \n'\"[]{}&*!|>?%@`~,ab\r0\\";
	unsigned int seed = 20240607;

	(void)state;
	same_layout(kubectl_style, sizeof(kubectl_style) - 1);
	assert_int_equal(accepted, 1);
	for (int round = 0; round < 20000; round++) {
		rk_auto_buf text = RK_BUF_INIT;

		rk_buf_puts(&text, kubectl_style);
		for (int hits = 1 + rand_r(&seed) % 3; hits; hits--) {
			size_t at = (size_t)rand_r(&seed) % text.len, n;
			const char *nl = strchr(text.s + at, '\n');

			switch (rand_r(&seed) % 4) {
			case 0:
				text.s[at] = odd[(size_t)rand_r(&seed) % (sizeof(odd) - 1)];
				break;
			case 1: /* up to the end of the line, so that whole lines go, too */
				n = nl ? (size_t)(nl - text.s) - at + 1 : 1;
				memmove(text.s + at, text.s + at + n, text.len - at - n + 1);
				text.len -= n;
				break;
			case 2:
				memmove(text.s + at, text.s + at + 1, text.len - at);
				text.len--;
				break;
			default:
				text.s[at] = text.s[(size_t)rand_r(&seed) % text.len];
			}
		}
		same_layout(text.s, text.len);
	}
	assert_in_range(accepted, 2000, 19000); /* both outcomes are really tried */
}

/* Random edits of random texts: what is before and behind the touched entries keeps its bytes, and
 * taking out what was put in gives the text back. */
static void test_edit_and_back(void **state)
{
	static const char *const heads[] = {
		"", "# c\n", "kind: Config\n", "---\nx: [1, 2]\n", "\xef\xbb\xbf# \xc3\xa9\n"};
	static const char *const items[] = {"- name: a\n", "- cluster: {server: x}\n  name: b\n",
		"# c\n- {name: c}\n", "-\n  name: d\n  y: |\n    z\n\n", "- name: e # e\n\n"};
	static const char *const tails[] = {
		"", "users: []\n", "# end", "x: &a b\ny: *a\n", "x: >\n  t\n"};
	unsigned int seed = 77;

	(void)state;
	for (int round = 0; round < 3000; round++) {
		struct rk_doc *d = rk_doc_new(true);
		struct kcfg_item add = cluster(d, "new"), drop = {RK_KC_CLUSTERS, "new", NULL};
		struct kcfg_edit e = {.items = &add, .n = 1}, back = {.items = &drop, .n = 1};
		rk_auto_buf text = RK_BUF_INIT, out = RK_BUF_INIT, orig = RK_BUF_INIT;
		struct rk_err err = RK_ERR_INIT;
		unsigned int mask = 1 + (unsigned int)rand_r(&seed) % 31;

		rk_buf_puts(&text, heads[(size_t)rand_r(&seed) % RK_COUNT(heads)]);
		rk_buf_puts(&text, "clusters:\n");
		for (size_t i = 0; i < RK_COUNT(items); i++)
			if (mask & (1U << i))
				rk_buf_puts(&text, items[i]);
		rk_buf_puts(&text, tails[(size_t)rand_r(&seed) % RK_COUNT(tails)]);
		if (edit_text(text.s, &e, &out, NULL, &err) < 0 ||
			edit_text(out.s, &back, &orig, NULL, &err) < 0)
			fail_msg("%s:\n%s", err.msg, text.s);
		assert_string_equal(orig.s, text.s);
		rk_doc_free(d);
	}
}

/* What several changes at once make is what they make one by one: texts grow and shrink in between. */
static void test_at_once_and_one_by_one(void **state)
{
	static const char *const names[] = {"a", "b", "c", "d", "new", "newer"};
	unsigned int seed = 78;

	(void)state;
	for (int round = 0; round < 2000; round++) {
		struct rk_doc *d = rk_doc_new(true);
		struct kcfg_item items[RK_COUNT(names)];
		struct kcfg_edit all = {.items = items};
		rk_auto_buf text = RK_BUF_INIT, once = RK_BUF_INIT;
		struct rk_err err = RK_ERR_INIT;

		rk_buf_puts(&text, "kind: Config\nclusters:\n");
		for (size_t i = 0; i < RK_COUNT(names); i++) {
			int pad = rand_r(&seed) % 40, what = rand_r(&seed) % 3;

			if (i < 4)
				rk_buf_addf(&text, "- {name: %s, x: %0*d}\n# of %s\n", names[i],
					pad, 1, names[i]);
			if (what)
				items[all.n++] = cluster(d, names[i]);
			if (what == 1 && i < 4)
				items[all.n - 1].value = NULL;
		}
		rk_buf_puts(&text, "- name: stays\nusers: []\n# end");
		assert_int_equal(edit_text(text.s, &all, &once, NULL, &err), 0);
		for (size_t i = 0; i < all.n; i++) {
			struct kcfg_edit one = {.items = &items[i], .n = 1};
			rk_auto_buf next = RK_BUF_INIT;

			assert_int_equal(edit_text(text.s, &one, &next, NULL, &err), 0);
			rk_buf_reset(&text);
			rk_buf_puts(&text, next.s);
		}
		assert_string_equal(once.s, text.s);
		rk_doc_free(d);
	}
}

/* --- files --- */

#define OLD "clusters:\n- name: a\n  cluster: {server: https://a}\n# end\n"

struct disk {
	char dir[32], path[64];
	struct kcfg_files *files;
};

/* A file with OLD (or none), read, and a cluster added to it in memory. */
static void disk_init(struct disk *k, bool there)
{
	struct rk_doc *d = rk_doc_new(true);
	struct kcfg_item it = cluster(d, "new");
	struct kcfg_edit e = {.items = &it, .n = 1};

	snprintf(k->dir, sizeof(k->dir), "/tmp/rk3k-XXXXXX");
	assert_non_null(mkdtemp(k->dir));
	snprintf(k->path, sizeof(k->path), "%s/config", k->dir);
	if (there)
		assert_int_equal(rk_file_replace(k->path, OLD, strlen(OLD), 0600, NULL, NULL), 0);
	assert_int_equal(kcfg_open(&k->files, k->path, true, 0, NULL), 0);
	assert_int_equal(kcfg_change(k->files, &e, NULL), 0);
	rk_doc_free(d);
}

/* What the file holds at the end; nothing else may be left beside it. */
static void disk_end(struct disk *k, const char *want)
{
	rk_auto_buf now = RK_BUF_INIT;

	kcfg_close(k->files);
	assert_int_equal(rk_file_read(k->path, 1000, &now, NULL), 0);
	assert_string_equal(now.s, want);
	unlink(k->path);
	assert_int_equal(rmdir(k->dir), 0);
}

static void test_write(void **state)
{
	struct disk k;

	(void)state;
	disk_init(&k, true);
	assert_int_equal(kcfg_write(k.files, NULL), 0);
	disk_end(&k, "clusters:\n- name: a\n  cluster: {server: https://a}\n" NEW_BLOCK "# end\n");
}

/* An editor knows no lock; what it has saved meanwhile is not written over. */
static void test_write_over_another(void **state)
{
	static const char *const others[] = {"", OLD "x: y\n",
		"clusters:\n- name: b\n  cluster: {server: https://a}\n# end\n",
		"clusters:\n- name: a\n  cluster: {server: https://a}\n# END\n"};

	(void)state;
	for (size_t i = 0; i < 2 * RK_COUNT(others); i++) {
		struct rk_err err = RK_ERR_INIT;
		const char *other = others[i / 2];
		struct disk k;
		FILE *f;

		disk_init(&k, i % 2);
		f = fopen(k.path, "w");
		assert_non_null(f);
		fputs(other, f);
		fclose(f);
		assert_int_equal(kcfg_write(k.files, &err), -1);
		assert_int_equal(err.code, RK_CONFLICT);
		assert_non_null(strstr(err.msg, "was changed by another program"));
		disk_end(&k, other);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_add_to_block_list),
		cmocka_unit_test(test_add_to_empty_list),
		cmocka_unit_test(test_add_missing_list),
		cmocka_unit_test(test_add_crlf_and_bom),
		cmocka_unit_test(test_add_flow),
		cmocka_unit_test(test_replace),
		cmocka_unit_test(test_same_value_keeps_bytes),
		cmocka_unit_test(test_remove),
		cmocka_unit_test(test_remove_several_flow),
		cmocka_unit_test(test_replace_and_remove_and_add),
		cmocka_unit_test(test_current_context),
		cmocka_unit_test(test_new_file),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_anchors_elsewhere),
		cmocka_unit_test(test_shortcut_agrees_on_damage),
		cmocka_unit_test(test_edit_and_back),
		cmocka_unit_test(test_at_once_and_one_by_one),
		cmocka_unit_test(test_write),
		cmocka_unit_test(test_write_over_another),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
