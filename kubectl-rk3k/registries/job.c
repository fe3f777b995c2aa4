// SPDX-License-Identifier: Apache-2.0
/* The settings of document, flags and password, and the clusters they are for. */
#include "tool.h"
#include "os/os.h"

const char *reg_str(const struct job *j, enum rk_key k)
{
	const char *v = rk_setting(j->s, k);

	return v ? v : "";
}

int reg_take_stdin(struct job *j, const char *what, struct rk_err *err)
{
	if (j->stdin_used)
		return rk_err_set(err, RK_USAGE, "%s: standard input is read already", what);
	j->stdin_used = true;
	return 0;
}

static int put_password(struct job *j, struct rk_err *err)
{
	const struct opts *o = j->o;
	rk_auto_buf pw = RK_BUF_INIT_SECRET;
	bool given = o->password_stdin || o->password_file;
	int rc;

	if (!given && (!o->user || rk_setting_is(j->s, RK_KEY_HELM_REPO_PASS)))
		return 0;
	if (!rk_setting_is(j->s, RK_KEY_HELM_REPO_USER))
		return rk_err_set(err, RK_USAGE, "a password requires --user");
	if (o->password_stdin && reg_take_stdin(j, "--password-stdin", err) < 0)
		return -1;
	if (o->password_stdin)
		rc = rk_file_read("-", 64 << 10, &pw, err);
	else if (o->password_file)
		rc = rk_file_read_private(o->password_file, 64 << 10, &pw, err);
	else
		rc = rk_ask("Password for the private hosts: ", true, &pw, err);
	if (rc < 0)
		return given ? -1 : rk_err_hint(err, "give --password-file or --password-stdin");
	rk_trim_secret(&pw);
	rk_settings_put(j->s, RK_KEY_HELM_REPO_PASS, pw.s, RK_FROM_FLAG);
	return 0;
}

/* The document or deploy.conf, and the flags over it. */
static int load(struct job *j, const char *ref, struct rk_err *err)
{
	const struct opts *o = j->o;
	const char *file = o->settings.config ? o->settings.config : "-";
	rk_auto_buf credentials = RK_BUF_INIT;
	rk_auto_free char *ns = NULL, *name = NULL;

	if (rk_settings_take_flags(j->s, &o->settings, err) < 0)
		return -1;
	if (o->settings.config || !(o->registry || o->settings.set.n || o->credentials.n)) {
		if (rk_streq(file, "-") && reg_take_stdin(j, "--config", err) < 0)
			return -1;
		if (!o->settings.config && isatty(STDIN_FILENO))
			return rk_err_set(err, RK_USAGE,
				"no registry given; use -c DOCUMENT or --registry HOST");
		if (rk_settings_open(j->s, &o->settings, RK_SETTINGS_NEEDED, err) < 0)
			return -1;
	}
	for (size_t i = 0; i < o->credentials.n; i++)
		rk_buf_addf(&credentials, "%s%s", i ? "," : "", o->credentials.v[i]);
	{
		const struct {
			enum rk_key key;
			const char *value;
		} flags[] = {{RK_KEY_PRIVATE_REGISTRY, o->registry},
			{RK_KEY_MIRROR_REGISTRIES_FILE, o->mirrors_file},
			{RK_KEY_PRIVATE_CA_PATH, o->ca},
			{RK_KEY_REGISTRY_FALLBACK, o->fallback ? "yes" : NULL},
			{RK_KEY_NAMESPACE, o->kube.ns},
			{RK_KEY_CREDENTIALS, credentials.len ? credentials.s : NULL},
			{RK_KEY_HELM_REPO_USER, o->user}};

		for (size_t i = 0; i < RK_COUNT(flags); i++)
			if (flags[i].value)
				rk_settings_put(j->s, flags[i].key, flags[i].value, RK_FROM_FLAG);
	}
	if (put_password(j, err) < 0)
		return -1;
	if (!ref)
		return 0;
	if (rk_k3k_ref(ref, reg_str(j, RK_KEY_NAMESPACE), &ns, &name, err) < 0)
		return -1;
	if (*ns)
		rk_settings_put(j->s, RK_KEY_NAMESPACE, ns, RK_FROM_FLAG);
	rk_settings_put(j->s, RK_KEY_CLUSTER, name, RK_FROM_FLAG);
	return 0;
}

/* Nothing here depends on Rancher's host name: without one the objects are built all the same. */
static int check_settings(struct job *j, struct rk_err *err)
{
	rk_auto_problems p = {0};

	if (!rk_setting_is(j->s, RK_KEY_HOSTNAME) && !rk_setting_is(j->s, RK_KEY_HOSTNAMES))
		rk_settings_put(j->s, RK_KEY_HOSTNAME, "rancher.invalid", RK_FROM_DEFAULT);
	rk_settings_check(j->s, &p);
	for (size_t i = 0; i < p.n; i++) {
		if (p.v[i].fatal)
			return rk_err_set(err, RK_USAGE, "%s %s", p.v[i].key, p.v[i].text);
		rk_warn("%s %s", p.v[i].key, p.v[i].text);
	}
	return 0;
}

int reg_with_job(struct opts *o, const char *ref, int (*fn)(struct job *, struct rk_err *),
	struct rk_err *err)
{
	struct job j = {.o = o, .s = rk_settings_new(), .d = rk_doc_new(true)};
	int rc = load(&j, ref, err);

	if (rc == 0)
		rc = check_settings(&j, err);
	if (rc == 0)
		rc = fn(&j, err);
	rk_vcluster_close(&j.virt);
	rk_kube_free(j.host);
	rk_doc_free(j.d);
	rk_settings_free(j.s);
	return rc;
}

int reg_connect_host(struct job *j, struct rk_val **cluster, struct rk_err *err)
{
	*cluster = NULL;
	if (rk_kube_open(&j->host, &j->o->kube, err) < 0 || rk_k3k_guard_host(j->host, err) < 0)
		return -1;
	if (rk_k3k_get(j->host, rk_settings_ns(j->s), rk_settings_cluster(j->s), j->d, cluster,
		    err) == 0)
		return 0;
	if (err->code != RK_NOTFOUND)
		return -1;
	rk_err_clear(err);
	return 0;
}
