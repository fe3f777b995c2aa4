// SPDX-License-Identifier: Apache-2.0
/* What is wanted: document, flags, password; and the clusters it is wanted for. */
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

static int read_password(struct job *j, struct rk_buf *out, struct rk_err *err)
{
	const struct opts *o = j->o;
	int ret;

	if (o->password_stdin && reg_take_stdin(j, "--password-stdin", err) < 0)
		return -1;
	if (o->password_stdin)
		ret = rk_file_read("-", 64 << 10, out, err);
	else if (o->password_file)
		ret = rk_file_read_private(o->password_file, 64 << 10, out, err);
	else
		ret = rk_ask("Password for the private hosts: ", true, out, err);
	if (ret < 0 && !o->password_stdin && !o->password_file)
		return rk_err_hint(err, "give --password-file or --password-stdin");
	if (ret == 0)
		rk_trim_secret(out);
	return ret;
}

static int put_password(struct job *j, struct rk_err *err)
{
	const struct opts *o = j->o;
	rk_auto_buf pw = RK_BUF_INIT_SECRET;

	if (o->user)
		rk_settings_put(j->s, RK_KEY_HELM_REPO_USER, o->user, RK_FROM_FLAG);
	if (!o->password_stdin && !o->password_file &&
		(!o->user || rk_setting_is(j->s, RK_KEY_HELM_REPO_PASS)))
		return 0;
	if (!rk_setting_is(j->s, RK_KEY_HELM_REPO_USER))
		return rk_err_set(err, RK_USAGE, "a password without --user");
	if (read_password(j, &pw, err) < 0)
		return -1;
	rk_settings_put(j->s, RK_KEY_HELM_REPO_PASS, pw.s, RK_FROM_FLAG);
	return 0;
}

static void put_flag(struct job *j, enum rk_key k, const char *value)
{
	if (value)
		rk_settings_put(j->s, k, value, RK_FROM_FLAG);
}

static int put_flags(struct job *j, struct rk_err *err)
{
	const struct opts *o = j->o;
	rk_auto_buf list = RK_BUF_INIT;

	for (size_t i = 0; i < o->settings.set.n; i++)
		if (rk_settings_assign(j->s, o->settings.set.v[i], err) < 0)
			return -1;
	put_flag(j, RK_KEY_PRIVATE_REGISTRY, o->registry);
	put_flag(j, RK_KEY_MIRROR_REGISTRIES_FILE, o->mirrors_file);
	put_flag(j, RK_KEY_PRIVATE_CA_PATH, o->ca);
	put_flag(j, RK_KEY_REGISTRY_FALLBACK, o->fallback ? "yes" : NULL);
	put_flag(j, RK_KEY_NAMESPACE, o->kube.ns);
	for (size_t i = 0; i < o->credentials.n; i++)
		rk_buf_addf(&list, "%s%s", i ? "," : "", o->credentials.v[i]);
	put_flag(j, RK_KEY_CREDENTIALS, list.len ? list.s : NULL);
	return put_password(j, err);
}

/* Nothing here depends on Rancher's name: without one the objects are built all the same. */
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

static bool by_flags(const struct opts *o)
{
	return o->registry || o->settings.set.n || o->credentials.n;
}

static int put_ref(struct job *j, const char *ref, struct rk_err *err)
{
	rk_auto_free char *ns = NULL, *name = NULL;

	if (!ref)
		return 0;
	if (rk_k3k_ref(ref, reg_str(j, RK_KEY_NAMESPACE), &ns, &name, err) < 0)
		return -1;
	if (*ns)
		rk_settings_put(j->s, RK_KEY_NAMESPACE, ns, RK_FROM_FLAG);
	rk_settings_put(j->s, RK_KEY_CLUSTER, name, RK_FROM_FLAG);
	return 0;
}

static int job_init(struct job *j, const struct opts *o, const char *ref, struct rk_err *err)
{
	const char *file = o->settings.config ? o->settings.config : "-";

	*j = (struct job){.o = o, .s = rk_settings_new(), .d = rk_doc_new(true)};
	if (o->settings.allow_unknown)
		rk_settings_allow_unknown(j->s);
	if (o->settings.config || !by_flags(o)) {
		if (rk_streq(file, "-") && reg_take_stdin(j, "--config", err) < 0)
			return -1;
		if (!o->settings.config && isatty(STDIN_FILENO))
			return rk_err_set(
				err, RK_USAGE, "which registry? (-c DOCUMENT, or --registry HOST)");
		if (rk_settings_load_file(j->s, file, err) < 0)
			return -1;
	}
	if (put_flags(j, err) < 0 || put_ref(j, ref, err) < 0)
		return -1;
	return check_settings(j, err);
}

static void job_release(struct job *j)
{
	rk_vcluster_close(&j->virt);
	rk_kube_free(j->host);
	rk_doc_free(j->d);
	rk_settings_free(j->s);
}

int reg_with_job(struct opts *o, const char *ref, int (*fn)(struct job *, struct rk_err *),
	struct rk_err *err)
{
	struct job j;
	int rc = job_init(&j, o, ref, err);

	if (rc == 0)
		rc = fn(&j, err);
	job_release(&j);
	return rc;
}

int reg_find_cluster(struct job *j, struct rk_val **out, struct rk_err *err)
{
	struct rk_err why = RK_ERR_INIT;

	*out = NULL;
	if (rk_k3k_get(j->host, rk_settings_ns(j->s), rk_settings_cluster(j->s), j->d, out, &why) ==
		0)
		return 0;
	if (why.code == RK_NOTFOUND)
		return 0;
	if (err)
		*err = why;
	return -1;
}

int reg_connect_host(struct job *j, struct rk_err *err)
{
	if (rk_kube_open(&j->host, &j->o->kube, err) < 0)
		return -1;
	return rk_k3k_guard_host(j->host, err);
}

int reg_connect_virtual(struct job *j, struct rk_err *err)
{
	return rk_vcluster_open(
		&j->virt, j->host, rk_settings_ns(j->s), rk_settings_cluster(j->s), err);
}
