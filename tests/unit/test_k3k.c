// SPDX-License-Identifier: Apache-2.0
#include "k3k/k3k.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define LONG "a-very-long-cluster-name-that-goes-beyond-the-limit-of-names-x"
#define CUT  "k3k-a-very-long-cluster-name-that-goes-beyond-the-limit-o-"

/* Hashes as the k3k controller itself makes them. */
static void names_are_hashed_as_k3k_does(void **state)
{
	static const struct {
		const char *suffix, *hash;
	} rows[] = {{NULL, "eed79"}, {"service", "135b6"}, {"service-headless", "c8fad"},
		{"server", "eb020"}, {"agent", "e8b9b"}, {"token", "4646f"},
		{"server-config", "b1506"}, {"init-server-config", "8bbde"},
		{"agent-config", "b22ad"}};
	char name[64], want[64];

	(void)state;
	for (size_t i = 0; i < RK_COUNT(rows); i++) {
		rk_k3k_name(name, LONG, rows[i].suffix);
		snprintf(want, sizeof(want), CUT "%s", rows[i].hash);
		assert_string_equal(name, want);
		assert_int_equal(strlen(name), 63);
	}
	rk_k3k_name(name, "rancher", "server");
	assert_string_equal(name, "k3k-rancher-server");
	rk_k3k_name(name, "rancher", NULL);
	assert_string_equal(name, "k3k-rancher");
}

static void refs_split_at_the_slash(void **state)
{
	static const char *const bad[] = {
		"", "/", "a/", "/b", "a/b/c", "A", "-a", "a-", "a_b", "a b"};
	struct rk_err err = RK_ERR_INIT;
	char *ns, *name;

	(void)state;
	assert_int_equal(rk_k3k_ref("rancher", "rancher-k3k", &ns, &name, &err), 0);
	assert_string_equal(ns, "rancher-k3k");
	assert_string_equal(name, "rancher");
	free(ns);
	free(name);
	assert_int_equal(rk_k3k_ref("n/c", "x", &ns, &name, &err), 0);
	assert_string_equal(ns, "n");
	assert_string_equal(name, "c");
	free(ns);
	free(name);
	for (size_t i = 0; i < RK_COUNT(bad); i++) {
		assert_int_equal(rk_k3k_ref(bad[i], "x", &ns, &name, &err), -1);
		assert_int_equal(err.code, RK_USAGE);
		assert_null(ns);
	}
}

/* What is meant without a namespace, or without a name. */
static void the_cluster_that_is_meant_is_picked(void **state)
{
	static const char all[] =
		"[{metadata: {name: rancher, namespace: rancher-k3k}}, {metadata: {name: four, "
		"namespace: a}}, {metadata: {name: rancher, namespace: b}}, {metadata: {name: two, "
		"namespace: c}}, {metadata: {name: two, namespace: d}}, {metadata: {name: x, "
		"namespace: c}}, {}]";
	static const struct {
		const char *flag, *context, *name,
			*ns; /* ns: of what is picked; "": none; NULL: refused */
	} cases[] = {
		{NULL, NULL, NULL, "rancher-k3k"},
		{NULL, NULL, "rancher", "rancher-k3k"},
		{NULL, NULL, "four", "a"},
		{NULL, "b", "four", "a"},
		{NULL, "b", "rancher", "b"},
		{NULL, "b", NULL, "b"},
		{NULL, "a", NULL, "a"},
		{NULL, "c", NULL, NULL},
		{NULL, "empty", NULL, "rancher-k3k"},
		{NULL, NULL, "two", NULL},
		{NULL, "d", "two", "d"},
		{"a", "b", NULL, "a"},
		{"b", NULL, NULL, "b"},
		{"c", NULL, NULL, NULL},
		{"empty", NULL, NULL, ""},
		{NULL, NULL, "none", ""},
	};
	rk_auto_doc *d = rk_doc_new(false);
	struct rk_val *clusters;

	(void)state;
	assert_int_equal(rk_yaml_parse(d, all, sizeof(all) - 1, &clusters, NULL), 0);
	for (size_t i = 0; i < RK_COUNT(cases); i++) {
		const struct rk_val *c;
		struct rk_err err = RK_ERR_INIT;
		int rc = rk_k3k_pick(
			clusters, cases[i].flag, cases[i].context, cases[i].name, &c, &err);
		const char *ns = c ? rk_get_str(c, "metadata", "namespace", NULL) : "";

		assert_int_equal(rc, cases[i].ns ? 0 : -1);
		if (cases[i].ns)
			assert_string_equal(ns, cases[i].ns);
		else
			assert_int_equal(err.code, RK_CONFLICT);
	}
}

/* The entry for the address that was found, as kubectl reads it. */
static void entries_have_the_address_found(void **state)
{
	static const char text[] =
		"clusters: [{name: default, cluster: {server: https://10.43.0.1, "
		"tls-server-name: old, proxy-url: https://p}}]\n"
		"users: [{name: default, user: {token: t}}]\n";
	rk_auto_vcluster a = {.kubeconfig = RK_BUF_INIT_SECRET};
	rk_auto_doc *d = rk_doc_new(true);
	struct rk_kc_note note = {"n", "rancher", "https://10.0.0.2:6443"}, noted;
	struct rk_val *c, *u, *v;
	struct rk_err err = RK_ERR_INIT;

	(void)state;
	rk_buf_puts(&a.kubeconfig, text);
	a.url = rk_strdup("https://10.0.0.1:31000");
	assert_int_equal(rk_k3k_entry(&a, &note, d, &c, &u, &err), 0);
	v = rk_kubeconfig_compose(d, "rancher" RK_K3K_ENTRY_SUFFIX, c, u);
	assert_string_equal(rk_get_str(v, "current-context", NULL), "rancher-k3k");
	c = rk_mut(rk_get(rk_at(rk_get(v, "clusters", NULL), 0), "cluster", NULL));
	assert_string_equal(rk_get_str(c, "server", NULL), "https://10.0.0.1:31000");
	assert_null(rk_get(c, "tls-server-name", NULL));
	assert_string_equal(rk_get_str(c, "proxy-url", NULL), "https://p");
	assert_true(rk_kc_note(c, &noted));
	assert_true(rk_kc_note_same(&note, &noted));
	assert_string_equal(noted.host, "https://10.0.0.2:6443");
	rk_buf_reset(&a.kubeconfig);
	rk_buf_puts(&a.kubeconfig, "clusters: [7]\n");
	assert_int_equal(rk_k3k_entry(&a, &note, d, &c, &u, &err), -1);
	assert_string_equal(
		err.msg, "the virtual cluster's kubeconfig has no cluster or no user in it");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_hashed_as_k3k_does),
		cmocka_unit_test(refs_split_at_the_slash),
		cmocka_unit_test(the_cluster_that_is_meant_is_picked),
		cmocka_unit_test(entries_have_the_address_found),
	};

	return cmocka_run_group_tests_name("k3k", tests, NULL, NULL);
}
