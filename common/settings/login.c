// SPDX-License-Identifier: Apache-2.0
/* Which host gets which credentials. */
#include "internal.h"

/* All of a list. Of "docker" and "helm" one may be missing, but not all that are named. */
static int add_sources(struct rk_creds *c, const struct rk_strv *list, struct rk_err *err)
{
	struct rk_err missing = RK_ERR_INIT;
	bool any = false;

	for (size_t i = 0; i < list->n; i++) {
		bool known = rk_streq(list->v[i], "docker") || rk_streq(list->v[i], "helm");
		struct rk_err why = RK_ERR_INIT;

		if (rk_creds_add(c, list->v[i], &why) == 0) {
			any = true;
		} else if (known && why.code == RK_NOTFOUND) {
			missing = why;
		} else {
			missing = why;
			any = false;
			break;
		}
	}
	if (any || !missing.code)
		return 0;
	if (err)
		*err = missing;
	return -1;
}

/* The sources of CREDENTIALS, read once. */
static int sources(const struct rk_settings *s, struct rk_creds **out, struct rk_err *err)
{
	struct rk_settings *mine = (struct rk_settings *)(uintptr_t)s; /* a cache alone */
	struct rk_strv list = {0};
	int ret;

	*out = s->creds;
	if (*out)
		return 0;
	*out = rk_creds_new();
	rk_setting_list(s, RK_KEY_CREDENTIALS, &list);
	ret = add_sources(*out, &list, err);
	rk_strv_release(&list);
	if (ret == 0) {
		mine->creds = *out;
		return 0;
	}
	rk_creds_free(*out);
	return -1;
}

static bool has_pair(const struct rk_settings *s, const char *address)
{
	return rk_setting_is(s, RK_KEY_HELM_REPO_USER) && rk_settings_private_host(s, address);
}

int rk_settings_login(
	const struct rk_settings *s, const char *address, struct rk_login *out, struct rk_err *err)
{
	rk_auto_buf password = RK_BUF_INIT_SECRET;
	struct rk_creds *creds;

	*out = (struct rk_login){0};
	if (has_pair(s, address)) {
		if (rk_setting_secret(s, RK_KEY_HELM_REPO_PASS, &password, err) < 0)
			return -1;
		out->user = rk_setting(s, RK_KEY_HELM_REPO_USER);
		out->password = rk_doc_strndup(s->d, password.s, password.len);
		out->from = "HELM_REPO_USER";
		return 0;
	}
	if (!rk_setting_is(s, RK_KEY_CREDENTIALS))
		return rk_err_set(err, RK_NOTFOUND, "no credentials for %s", address);
	if (sources(s, &creds, err) < 0) {
		if (err && err->code == RK_NOTFOUND)
			err->code = RK_FAIL;
		return -1;
	}
	return rk_creds_find(creds, address, out, err);
}

bool rk_settings_has_login(const struct rk_settings *s, const char *address)
{
	struct rk_err err = RK_ERR_INIT;
	struct rk_login l;

	if (has_pair(s, address))
		return true;
	return rk_settings_login(s, address, &l, &err) == 0 || err.code != RK_NOTFOUND;
}
