// SPDX-License-Identifier: Apache-2.0
#include "k3k.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_hashed_as_k3k_does),
		cmocka_unit_test(refs_split_at_the_slash),
	};

	return cmocka_run_group_tests_name("k3k", tests, NULL, NULL);
}
