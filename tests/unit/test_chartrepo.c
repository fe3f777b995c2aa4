// SPDX-License-Identifier: Apache-2.0
#include "chartrepo.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void param(const char *challenge, const char *name, const char *want)
{
	char out[40] = "before";
	bool found = rk_challenge_param(challenge, name, out, sizeof(out));

	if (found != (want != NULL))
		print_message("%s: %s\n", challenge, name);
	assert_int_equal(found, want != NULL);
	if (want)
		assert_string_equal(out, want);
}

static void challenges(void **state RK_UNUSED)
{
	static const char docker[] = "Bearer realm=\"https://auth.example.com/token\","
				     "service=\"registry\",scope=\"repository:a/b:pull,push\"";

	param(docker, "realm", "https://auth.example.com/token");
	param(docker, "service", "registry");
	param(docker, "scope", "repository:a/b:pull,push");
	param(docker, "error", NULL);
	param("Bearer service=plain, REALM=\"x\"", "realm", "x");
	param("Bearer service=plain, realm=\"x\"", "service", "plain");
	param("Bearer realm=\"a\\\"b\\\\c\"", "realm", "a\"b\\c");
	param("Bearer realm=\"\"", "realm", "");
}

static void damaged_challenges(void **state RK_UNUSED)
{
	param("", "realm", NULL);
	param("Bearer", "realm", NULL);
	param("Bearer ", "realm", NULL);
	param("Bearer realm", "realm", NULL);
	param("Bearer ,,,", "realm", NULL);
	param("Bearer xrealm=\"a\"", "realm", NULL);
	/* In another's value it is no parameter. */
	param("Bearer service=\"realm=x\"", "realm", NULL);
	/* Too long for the reader: not cut. */
	param("Bearer realm=\"https://example.com/0123456789/0123456789/0123456789\"", "realm",
		NULL);
	param("Bearer realm=\"open", "realm", "open");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(challenges),
		cmocka_unit_test(damaged_challenges),
	};

	return cmocka_run_group_tests_name("chartrepo", tests, NULL, NULL);
}
