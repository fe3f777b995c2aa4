// SPDX-License-Identifier: Apache-2.0
/* A separate file, so that a tool that prints no trees does not link libyaml. */
#include "internal.h"

void rk_print_val(enum rk_fmt fmt, const struct rk_val *v)
{
	rk_auto_buf b = RK_BUF_INIT_SECRET; /* it may be a kubeconfig */

	if (rk_print_by_template(v))
		return;
	if (fmt == RK_FMT_YAML)
		rk_yaml_write(v, true, &b);
	else
		rk_json_write(v, RK_JSON_PRETTY, &b);
	rk_print_buf(&b);
}
