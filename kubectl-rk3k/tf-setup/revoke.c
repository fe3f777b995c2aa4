// SPDX-License-Identifier: Apache-2.0
/* The other way: the token goes from Rancher and from the file. */
#include "tool.h"

static int forget(struct job *j, struct rk_err *err)
{
	static const struct rk_hcl_item gone[] = {{"rancher_token", NULL}};
	struct rk_hcl_edit edit = {.items = gone, .n = 1, .mark = MARK};
	rk_auto_buf now = RK_BUF_INIT_SECRET, text = RK_BUF_INIT_SECRET;

	if (tf_read_if_there(j->tfvars, &now, err) < 0 ||
		rk_hcl_edit(now.s, now.len, j->tfvars, &edit, &text, NULL, err) < 0)
		return -1;
	return tf_put_secret_file(j->tfvars, &text, err);
}

int tf_revoke(struct job *j, struct rk_err *err)
{
	rk_auto_free char *name = rk_rancher_token_name(j->old_token);
	rk_auto_buf kc = RK_BUF_INIT_SECRET;
	bool gone = false;

	if (!name)
		return rk_err_set(
			err, RK_FAIL, "%s: rancher_token is no token of Rancher", j->tfvars);
	if (tf_read_if_there(j->kc_harvester, &kc, err) < 0)
		return -1;
	rk_rancher_use(j->r, j->old_token);
	tf_drop_kubeconfig_token(j, &kc);
	if (rk_rancher_token_delete(j->r, name, &gone, err) < 0) {
		if (err->http != 401)
			return -1;
		rk_err_clear(err);
		gone = true;
	}
	rk_printf("token %s %s\n", name, gone ? "was not valid any more" : "revoked");
	if (kc.len && unlink(j->kc_harvester) < 0)
		return rk_err_sys(err, "remove %s", j->kc_harvester);
	if (kc.len)
		rk_printf("%s removed\n", j->kc_harvester);
	return forget(j, err);
}
