// SPDX-License-Identifier: Apache-2.0
/* Which values of registries.yaml and of a docker config are secret. */
#include "tool.h"

bool reg_is_secret(const struct rk_val *v)
{
	static const char *const keys[] = {
		"password", "auth", "identity_token", "identitytoken", "registrytoken", "token"};

	for (size_t i = 0; v->key && v->kind != RK_MAP && i < RK_COUNT(keys); i++)
		if (rk_streq(v->key, keys[i]))
			return true;
	return false;
}
