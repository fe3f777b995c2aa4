// SPDX-License-Identifier: Apache-2.0
/* How the settings say a chart repository is reached: credentials, CA, and what to do about its errors. */
#include "internal.h"

static bool trusts(const void *arg, const char *host)
{
	return rk_settings_private_host(arg, host);
}

int rk_settings_repo_access(const struct rk_settings *s, const char *address, const char *resolve,
	struct rk_repo_access *a, struct rk_buf *ca, struct rk_err *err)
{
	bool private = rk_settings_private_host(s, address);
	struct rk_login l = {0};
	const char *file = NULL;

	*a = (struct rk_repo_access){.resolve = resolve, .trusts = trusts, .arg = s};
	if (rk_settings_has_login(s, address) && rk_settings_login(s, address, &l, err) < 0)
		return -1;
	if (l.token)
		return rk_err_set(err, RK_FAIL,
			"%s: %s holds an identity token, which cannot be tried from here", address,
			l.from);
	a->user = l.user;
	a->password = l.password;
	a->from = l.from;
	if (private && rk_setting_is(s, RK_KEY_PRIVATE_CA_PATH))
		file = rk_setting(s, RK_KEY_PRIVATE_CA_PATH);
	else
		file = l.ca;
	if (!file)
		return 0;
	if (rk_setting_pem(RK_KEY_PRIVATE_CA_PATH, file, ca, err) < 0)
		return rk_err_wrap(err, "CA for %s", address);
	a->ca = ca->s;
	a->ca_len = ca->len;
	return 0;
}

static void tls_remedy(const struct rk_settings *s, const char *address,
	const struct rk_repo_access *a, struct rk_err *err)
{
	if (!rk_settings_private_host(s, address) && !a->ca)
		rk_err_hint(err, "name its host in HELM_REPO_HOSTS for PRIVATE_CA_PATH to count");
	else if (a->ca)
		rk_err_hint(err, "see PRIVATE_CA_PATH: it must hold the CA of this server");
	else
		rk_err_hint(err, "see PRIVATE_CA_PATH: it is not set, and the CA of this server "
				 "is not among the system's");
}

void rk_settings_repo_remedy(const struct rk_settings *s, const char *address,
	const struct rk_repo_access *a, struct rk_err *err)
{
	if (err->reason == RK_REASON_TLS)
		tls_remedy(s, address, a, err);
	if (err->hint[0] || err->code != RK_CONFLICT || !err->http)
		return;
	if (!a->user && !rk_settings_private_host(s, address))
		rk_err_hint(err, "name its host in HELM_REPO_HOSTS if it may have the credentials, "
				 "or log in and set CREDENTIALS");
	else if (!a->user)
		rk_err_hint(err, "set HELM_REPO_USER and HELM_REPO_PASS, or log in and set "
				 "CREDENTIALS");
	else if (a->from && !rk_streq(a->from, "HELM_REPO_USER"))
		rk_err_hint(err, "log in again: user %.100s came from %.200s", a->user, a->from);
	else
		rk_err_hint(err, "see HELM_REPO_USER and HELM_REPO_PASS");
}
