// SPDX-License-Identifier: Apache-2.0
/* Which host gets which credentials and CA, and what to do about errors of chart repositories. */
#include "internal.h"

/* Public hosts never get the credentials of private ones. */
static bool is_public(const char *host)
{
	static const char hosts[] =
		"charts.jetstack.io,releases.rancher.com,charts.rancher.io,charts.rancher.com,"
		"docker.io,registry-1.docker.io,index.docker.io,quay.io,ghcr.io,gcr.io,"
		"registry.k8s.io,docker.elastic.co,public.ecr.aws,registry.suse.com,"
		"registry.rancher.com,mcr.microsoft.com,nvcr.io";
	rk_auto_free char *name = rk_strdup(host);

	if (rk_suffix(name, ":443"))
		name[strlen(name) - 4] = '\0';
	return rk_listed(hosts, name) || rk_suffix(host, ".github.io") ||
	       rk_suffix(host, ".githubusercontent.com");
}

/* Whether a setting, or one of its items, is an address of the host. */
static bool is_named(const struct rk_settings *s, enum rk_key k, const char *host)
{
	size_t n;

	rk_each_item (item, n, s->v[k].s, ",")
		if (rk_url_same_host(rk_doc_strndup(s->d, item, n), host))
			return true;
	return false;
}

bool rk_settings_private_host(const struct rk_settings *s, const char *name)
{
	rk_auto_free char *host = rk_repo_host(name);

	if (!host)
		return false;
	if (rk_setting_is(s, RK_KEY_HELM_REPO_HOSTS) || rk_setting_is(s, RK_KEY_PRIVATE_REGISTRY))
		return is_named(s, RK_KEY_HELM_REPO_HOSTS, host) ||
		       is_named(s, RK_KEY_PRIVATE_REGISTRY, host);
	return (is_named(s, RK_KEY_K3K_REPO, host) || is_named(s, RK_KEY_CERTMANAGER_REPO, host) ||
		       is_named(s, RK_KEY_RANCHER_REPO, host)) &&
	       !is_public(host);
}

/* Read the sources of CREDENTIALS, once. Of "docker" and "helm" one may be missing, but not all that are
 * named. */
static int read_sources(struct rk_settings *s, struct rk_err *err)
{
	rk_auto_creds *creds = rk_creds_new();
	const char *list = s->creds ? NULL : s->v[RK_KEY_CREDENTIALS].s;
	struct rk_err why = RK_ERR_INIT;
	bool any = s->creds, broken = false;
	size_t n;

	rk_each_item (item, n, list, ",") {
		const char *source = rk_doc_strndup(s->d, item, n);
		bool added = !broken && rk_creds_add(creds, source, &why) == 0;

		any |= added;
		broken |= !added && (why.code != RK_NOTFOUND || !rk_listed("docker,helm", source));
	}
	if (!broken && (any || !why.code)) {
		s->creds = s->creds ? s->creds : rk_steal(&creds);
		return 0;
	}
	if (err) {
		*err = why;
		err->code = why.code == RK_NOTFOUND ? RK_FAIL : why.code;
	}
	return -1;
}

int rk_settings_login(
	const struct rk_settings *s, const char *address, struct rk_login *out, struct rk_err *err)
{
	rk_auto_buf password = RK_BUF_INIT_SECRET;
	struct rk_err why = RK_ERR_INIT;

	*out = (struct rk_login){0};
	if (rk_setting_is(s, RK_KEY_HELM_REPO_USER) && rk_settings_private_host(s, address)) {
		if (rk_setting_secret(s, RK_KEY_HELM_REPO_PASS, &password, err) < 0)
			return -1;
		out->user = rk_setting(s, RK_KEY_HELM_REPO_USER);
		out->password = rk_doc_strndup(s->d, password.s, password.len);
		out->from = "HELM_REPO_USER";
		return 0;
	}
	if (!rk_setting_is(s, RK_KEY_CREDENTIALS))
		return 0;
	/* the logins are a cache: nothing that the caller sees of s changes */
	if (read_sources((struct rk_settings *)(uintptr_t)s, err) < 0)
		return -1;
	if (rk_creds_find(s->creds, address, out, &why) == 0)
		return 0;
	*out = (struct rk_login){0};
	if (why.code == RK_NOTFOUND)
		return 0;
	if (err)
		*err = why;
	return -1;
}

bool rk_settings_has_login(const struct rk_settings *s, const char *address)
{
	struct rk_login l;

	return rk_settings_login(s, address, &l, NULL) < 0 || l.from;
}

/* --- chart repositories --- */

static bool trusts(const void *arg, const char *host)
{
	return rk_settings_private_host(arg, host);
}

int rk_settings_repo_access(const struct rk_settings *s, const char *address, const char *resolve,
	struct rk_repo_access *a, struct rk_buf *ca, struct rk_err *err)
{
	bool own_ca =
		rk_settings_private_host(s, address) && rk_setting_is(s, RK_KEY_PRIVATE_CA_PATH);
	struct rk_login l;
	const char *file;

	*a = (struct rk_repo_access){.resolve = resolve, .trusts = trusts, .arg = s};
	if (rk_settings_login(s, address, &l, err) < 0)
		return -1;
	if (l.token)
		return rk_err_set(err, RK_FAIL,
			"%s: %s holds an identity token, which cannot be tried from here", address,
			l.from);
	a->user = l.user;
	a->password = l.password;
	a->from = l.from;
	file = own_ca ? rk_setting(s, RK_KEY_PRIVATE_CA_PATH) : l.ca;
	if (!file)
		return 0;
	if (rk_setting_pem(RK_KEY_PRIVATE_CA_PATH, file, ca, err) < 0)
		return rk_err_wrap(err, "CA for %s", address);
	a->ca = ca->s;
	a->ca_len = ca->len;
	return 0;
}

void rk_settings_repo_remedy(const struct rk_settings *s, const char *address,
	const struct rk_repo_access *a, struct rk_err *err)
{
	bool private = rk_settings_private_host(s, address);

	if (err->reason == RK_REASON_TLS)
		rk_err_hint(err, "%s",
			a->ca	  ? "see PRIVATE_CA_PATH: it must hold the CA of this server"
			: private ? "see PRIVATE_CA_PATH: it is not set, and the CA of this server "
				    "is "
				    "not among the system's"
				  : "add its host to HELM_REPO_HOSTS to verify it with "
				    "PRIVATE_CA_PATH");
	if (err->hint[0] || err->code != RK_CONFLICT || !err->http)
		return;
	if (a->user && a->from && !rk_streq(a->from, "HELM_REPO_USER"))
		rk_err_hint(err, "log in again: user %.100s came from %.200s", a->user, a->from);
	else
		rk_err_hint(err, "%s",
			a->user	  ? "see HELM_REPO_USER and HELM_REPO_PASS"
			: private ? "set HELM_REPO_USER and HELM_REPO_PASS, or log in and set "
				    "CREDENTIALS"
				  : "add its host to HELM_REPO_HOSTS if it may have the "
				    "credentials, or "
				    "log in and set CREDENTIALS");
}
