// SPDX-License-Identifier: Apache-2.0
/* What to say of a flag that does not exist. */
#include "internal.h"

/* Flags of kubectl and helm that rk3k does not have on purpose, and what to do instead. */
static const char *const refused[][2] = {
	{"insecure-skip-tls-verify",
		"TLS is always verified; pin the CA with --certificate-authority FILE"},
	{"token", "arguments are visible to every process; use --token-file FILE"},
	{"password", "arguments are visible to every process"},
	{"username", "basic authentication is read from the kubeconfig only"},
};

int rk_unknown_flag(const char *word, const char *const *names, struct rk_err *err)
{
	size_t n = strcspn(word, "=");
	rk_auto_free char *name = rk_strndup(word, n);
	const char *near;

	for (size_t i = 0; n > 2 && i < RK_COUNT(refused); i++)
		if (rk_flag_name_is(refused[i][0], name + 2, n - 2)) {
			rk_err_set(err, RK_USAGE, "%s is not supported", name);
			return rk_err_hint(err, "%s", refused[i][1]);
		}
	near = n > 3 ? rk_nearest(name + 2, names) : NULL;
	rk_err_set(err, RK_USAGE, "unknown flag %s", name);
	return near ? rk_err_hint(err, "did you mean --%s?", near) : -1;
}
