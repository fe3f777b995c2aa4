// SPDX-License-Identifier: Apache-2.0
/* Whatever the tfvars reader takes can be edited, keeps all other bytes, and gives the value back. */
#include "../../kubectl-rk3k/tf-setup/hcl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_edit(const struct rk_buf *text)
{
	static const struct rk_hcl_item items[] = {{"rancher_token", "t:${s}\n\"$${"}};
	struct tf_hcl_edit e = {.items = items, .n = 1};
	rk_auto_buf once = RK_BUF_INIT, twice = RK_BUF_INIT, value = RK_BUF_INIT;

	if (tf_hcl_edit(text, "t", &e, &once, NULL) < 0)
		abort();
	if (tf_hcl_get(&once, "t", items[0].name, &value, NULL) != 1 ||
		!rk_streq(value.s, items[0].value))
		abort();
	if (tf_hcl_edit(&once, "t", &e, &twice, NULL) < 0 || !rk_streq(once.s, twice.s))
		abort();
}

static void check_quote(const char *text, size_t n)
{
	rk_auto_buf quoted = RK_BUF_INIT, file = RK_BUF_INIT, back = RK_BUF_INIT,
		    again = RK_BUF_INIT;

	tf_hcl_quote(&quoted, text, n);
	rk_buf_addf(&file, "v = %s\n", quoted.s);
	if (tf_hcl_get(&file, "t", "v", &back, NULL) != 1)
		abort();
	tf_hcl_quote(&again, back.s, back.len);
	if (!rk_streq(again.s, quoted.s))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	rk_auto_buf text = RK_BUF_INIT, value = RK_BUF_INIT;

	rk_buf_put(&text, data, size);
	if (tf_hcl_get(&text, "t", "rancher_token", &value, NULL) >= 0)
		check_edit(&text);
	check_quote((const char *)data, size);
	return 0;
}
