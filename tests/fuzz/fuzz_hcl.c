// SPDX-License-Identifier: Apache-2.0
/* Whatever the tfvars reader takes can be edited, keeps all other bytes, and gives the value back. */
#include "../../kubectl-rk3k/tf-setup/hcl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_edit(const char *text, size_t n)
{
	static const struct rk_hcl_item items[] = {{"rancher_token", "t:${s}\n\"$${"}};
	struct tf_hcl_edit e = {.items = items, .n = 1};
	rk_auto_buf once = RK_BUF_INIT, twice = RK_BUF_INIT, value = RK_BUF_INIT;
	bool changed, found;

	if (tf_hcl_edit(text, n, "t", &e, &once, &changed, NULL) < 0)
		abort();
	if (tf_hcl_get(once.s, once.len, "t", items[0].name, &value, &found, NULL) < 0 || !found ||
		!rk_streq(value.s, items[0].value))
		abort();
	if (tf_hcl_edit(once.s, once.len, "t", &e, &twice, &changed, NULL) < 0 || changed)
		abort();
}

static void check_quote(const char *text, size_t n)
{
	rk_auto_buf quoted = RK_BUF_INIT, file = RK_BUF_INIT, back = RK_BUF_INIT,
		    again = RK_BUF_INIT;
	bool found;

	tf_hcl_quote(&quoted, text, n);
	rk_buf_addf(&file, "v = %s\n", quoted.s);
	if (tf_hcl_get(file.s, file.len, "t", "v", &back, &found, NULL) < 0 || !found)
		abort();
	tf_hcl_quote(&again, back.s, back.len);
	if (!rk_streq(again.s, quoted.s))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	rk_auto_buf value = RK_BUF_INIT;

	if (tf_hcl_get(text, size, "t", "rancher_token", &value, NULL, NULL) == 0)
		check_edit(text, size);
	check_quote(text, size);
	return 0;
}
