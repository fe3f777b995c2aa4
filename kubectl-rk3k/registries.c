// SPDX-License-Identifier: Apache-2.0
/* registries - private registries and chart hosts in, what containerd, helm and k3k must know of
 * them out: rendered, applied, compared with what is there, and tried for real. */
#include "chartrepo.h"
#include "cli.h"
#include "diff.h"
#include "file.h"
#include "k3k.h"
#include "registries.h"
#include "steps.h"

struct opts {
	struct rk_kube_flags kube;
	struct rk_out_flags out;
	const char *config, *registry, *mirrors_file, *ca, *user, *password_file, *images;
	struct rk_strv set, credentials, mirrors;
	bool password_stdin, fallback, show_secrets, lose;
	int dry;
};

#define INPUT_OPTS                                                                         \
	{.name = "config",                                                                 \
		.key = 'c',                                                                \
		.kind = RK_OPT_STR,                                                        \
		.off = offsetof(struct opts, config),                                      \
		.arg = "FILE",                                                             \
		.help = "configuration document of `config`; - for stdin",                 \
		.complete = "file"},                                                       \
		{.name = "registry",                                                       \
			.kind = RK_OPT_STR,                                                \
			.off = offsetof(struct opts, registry),                            \
			.arg = "HOST[:PORT]",                                              \
			.help = "private pull-through registry (PRIVATE_REGISTRY)"},       \
		{.name = "mirrors-file",                                                   \
			.kind = RK_OPT_STR,                                                \
			.off = offsetof(struct opts, mirrors_file),                        \
			.arg = "FILE",                                                     \
			.help = "list of mirrored registries, one a line",                 \
			.complete = "file"},                                               \
		{.name = "ca",                                                             \
			.kind = RK_OPT_STR,                                                \
			.off = offsetof(struct opts, ca),                                  \
			.arg = "FILE",                                                     \
			.help = "PEM bundle the private hosts are verified with",          \
			.complete = "file"},                                               \
		{.name = "credentials",                                                    \
			.kind = RK_OPT_CSV,                                                \
			.off = offsetof(struct opts, credentials),                         \
			.arg = "docker|helm|FILE",                                         \
			.help = "take logins from there, each for its own host",           \
			.complete = "file"},                                               \
		{.name = "user",                                                           \
			.kind = RK_OPT_STR,                                                \
			.off = offsetof(struct opts, user),                                \
			.arg = "NAME",                                                     \
			.help = "user for the private hosts; the password is asked for"},  \
		{.name = "password-file",                                                  \
			.kind = RK_OPT_STR,                                                \
			.off = offsetof(struct opts, password_file),                       \
			.arg = "FILE",                                                     \
			.help = "file that holds the password and is closed to others",    \
			.complete = "file"},                                               \
		{.name = "password-stdin",                                                 \
			.kind = RK_OPT_FLAG,                                               \
			.off = offsetof(struct opts, password_stdin),                      \
			.help = "read the password from standard input"},                  \
		{.name = "fallback",                                                       \
			.kind = RK_OPT_FLAG,                                               \
			.off = offsetof(struct opts, fallback),                            \
			.help = "let images come from their public registries as well"},   \
	{                                                                                  \
		.name = "set", .kind = RK_OPT_LIST, .off = offsetof(struct opts, set),     \
		.arg = "KEY=VALUE", .help = "set any key of the configuration; repeatable" \
	}

static const struct rk_opt OPTS_RENDER[] = {
	{.name = "show-secrets",
		.kind = RK_OPT_FLAG,
		.off = offsetof(struct opts, show_secrets),
		.help = "with all, and on a terminal: do not hide passwords"},
	INPUT_OPTS, RK_GROUP_OUT(struct opts, out), RK_OPT_END};
static const struct rk_opt OPTS_APPLY[] = {
	{.name = "yes-lose-data",
		.kind = RK_OPT_FLAG,
		.off = offsetof(struct opts, lose),
		.help = "allow the restart of a cluster that keeps its data in memory"},
	RK_OPT_DRY_RUN(struct opts, dry), INPUT_OPTS, RK_GROUP_OUT(struct opts, out),
	RK_GROUP_KUBE(struct opts, kube), RK_OPT_END};
static const struct rk_opt OPTS_DIFF[] = {INPUT_OPTS, RK_GROUP_KUBE(struct opts, kube), RK_OPT_END};
static const struct rk_opt OPTS_CHECK[] = {
	{.name = "images",
		.kind = RK_OPT_STR,
		.off = offsetof(struct opts, images),
		.arg = "FILE",
		.help = "images that must be there, one a line, as `bundle --list` writes them; - "
			"for stdin; default: Rancher's and cert-manager's",
		.complete = "file"},
	INPUT_OPTS, RK_GROUP_OUT(struct opts, out), RK_GROUP_KUBE(struct opts, kube), RK_OPT_END};

struct job {
	const struct opts *o;
	struct rk_settings *s;
	struct rk_doc *d;
	struct rk_kube *host, *virt;
	struct rk_k3k_access access;
	bool stdin_used, changed;
};

static const char *str(const struct job *j, enum rk_key k)
{
	const char *v = rk_setting(j->s, k);

	return v ? v : "";
}

/* --- what is wanted: document, flags, password --- */

static int take_stdin(struct job *j, const char *what, struct rk_err *err)
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

	if (o->password_stdin && take_stdin(j, "--password-stdin", err) < 0)
		return -1;
	if (o->password_stdin)
		ret = rk_file_read("-", 64 << 10, out, err);
	else if (o->password_file)
		ret = rk_file_read_private(o->password_file, 64 << 10, out, err);
	else
		ret = rk_ask("Password for the private hosts: ", true, out, err);
	if (ret < 0 && !o->password_stdin && !o->password_file)
		return rk_err_hint(err, "give --password-file or --password-stdin");
	while (ret == 0 && out->len && strchr("\r\n", out->s[out->len - 1]))
		out->s[--out->len] = '\0';
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

	for (size_t i = 0; i < o->set.n; i++)
		if (rk_settings_assign(j->s, o->set.v[i], err) < 0)
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
	return o->registry || o->set.n || o->credentials.n;
}

static int put_ref(struct job *j, const char *ref, struct rk_err *err)
{
	rk_auto_free char *ns = NULL, *name = NULL;

	if (!ref)
		return 0;
	if (rk_k3k_ref(ref, str(j, RK_KEY_NAMESPACE), &ns, &name, err) < 0)
		return -1;
	if (*ns)
		rk_settings_put(j->s, RK_KEY_NAMESPACE, ns, RK_FROM_FLAG);
	rk_settings_put(j->s, RK_KEY_CLUSTER, name, RK_FROM_FLAG);
	return 0;
}

static int job_init(struct job *j, const struct opts *o, const char *ref, struct rk_err *err)
{
	const char *file = o->config ? o->config : "-";

	*j = (struct job){.o = o,
		.s = rk_settings_new(),
		.d = rk_doc_new(true),
		.access = RK_K3K_ACCESS_INIT};
	if (o->config || !by_flags(o)) {
		if (rk_streq(file, "-") && take_stdin(j, "--config", err) < 0)
			return -1;
		if (!o->config && isatty(STDIN_FILENO))
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
	rk_kube_free(j->virt);
	rk_k3k_access_release(&j->access);
	rk_kube_free(j->host);
	rk_doc_free(j->d);
	rk_settings_free(j->s);
}

static int with_job(struct opts *o, const char *ref, int (*fn)(struct job *, struct rk_err *),
	struct rk_err *err)
{
	struct job j;
	int rc = job_init(&j, o, ref, err);

	if (rc == 0)
		rc = fn(&j, err);
	job_release(&j);
	return rc;
}

/* --- the objects: those that the steps of a deployment make --- */

/* Objects of a step, or an empty list when it does not apply. */
static int step_objects(struct job *j, const char *name, struct rk_val **out, struct rk_err *err)
{
	const struct rk_step *step = rk_step_find(name);

	*out = rk_seq(j->d);
	if (!rk_step_applies(step, j->s))
		return 0;
	return rk_step_objects(j->d, j->s, step, out, err);
}

static const struct rk_val *named(const struct rk_val *list, const char *kind, const char *name)
{
	rk_each (obj, list)
		if (rk_streq(rk_get_str(obj, "kind", NULL), kind) &&
			(!name || rk_streq(rk_get_str(obj, "metadata", "name", NULL), name)))
			return obj;
	return NULL;
}

static int host_objects(struct job *j, struct rk_val **out, struct rk_err *err)
{
	return step_objects(j, "registry", out, err);
}

/* What is applied inside: credentials and CA for charts, and the anchor Rancher shows its agents. */
static int virtual_objects(struct job *j, struct rk_val **out, struct rk_err *err)
{
	struct rk_val *tls;
	const struct rk_val *anchor;

	if (step_objects(j, "chart-auth", out, err) < 0 || step_objects(j, "issuer", &tls, err) < 0)
		return -1;
	anchor = named(tls, "Secret", "tls-ca");
	if (anchor) {
		rk_remove(rk_mut(anchor));
		rk_append(*out, rk_mut(anchor));
	}
	return 0;
}

static bool registry_arg(const char *s)
{
	return rk_prefix(s, "--system-default-registry") ||
	       rk_prefix(s, "--disable-default-registry-endpoint");
}

static int wanted_spec(struct job *j, const struct rk_val **out, struct rk_err *err)
{
	struct rk_val *objs;

	if (step_objects(j, "cluster", &objs, err) < 0)
		return -1;
	*out = rk_get(named(objs, "Cluster", NULL), "spec", NULL);
	return 0;
}

/* The words of serverArgs, also of the one quoted word that k3k 1.1 needs. */
static void args_of(struct job *j, const struct rk_val *list, struct rk_strv *out, bool *quoted)
{
	rk_each (a, list) {
		const char *s = rk_str(a), *p;
		size_t n = s ? strlen(s) : 0;

		if (n < 2 || s[0] != '\'' || s[n - 1] != '\'') {
			rk_strv_add(out, s ? s : "");
			continue;
		}
		*quoted = true;
		for (p = s + 1; p < s + n - 1; p += strspn(p, " ")) {
			size_t len = strcspn(p, " '");

			if (!len)
				break;
			rk_strv_add(out, rk_doc_strndup(j->d, p, len));
			p += len;
		}
	}
}

static struct rk_val *join_args(struct job *j, const struct rk_strv *args, bool quoted)
{
	struct rk_val *list = rk_seq(j->d);
	rk_auto_buf one = RK_BUF_INIT;

	for (size_t i = 0; i < args->n && !quoted; i++)
		rk_append_str(j->d, list, args->v[i]);
	for (size_t i = 0; i < args->n && quoted; i++)
		rk_buf_addf(&one, "%s%s", i ? " " : "'", args->v[i]);
	if (one.len) {
		rk_buf_putc(&one, '\'');
		rk_append_str(j->d, list, one.s);
	}
	return list;
}

/* Others' arguments stay in their order, ours come behind. */
static struct rk_val *merged_args(
	struct job *j, const struct rk_val *now, const struct rk_val *want)
{
	struct rk_strv mine = {0}, all = {0}, out = {0};
	bool quoted = false, was = false;
	struct rk_val *list;

	args_of(j, want, &mine, &quoted);
	args_of(j, now, &all, &was);
	for (size_t i = 0; i < all.n; i++)
		if (!registry_arg(all.v[i]))
			rk_strv_add(&out, all.v[i]);
	for (size_t i = 0; i < mine.n; i++)
		if (registry_arg(mine.v[i]))
			rk_strv_add(&out, mine.v[i]);
	list = join_args(j, &out, (quoted || was) && out.n > 1);
	rk_strv_release(&mine);
	rk_strv_release(&all);
	rk_strv_release(&out);
	return list;
}

static bool our_mount(const struct rk_val *m)
{
	const char *secret = rk_get_str(m, "secretName", NULL);

	return rk_streq(secret, RK_REGISTRY_CONFIG_SECRET) ||
	       rk_streq(secret, RK_REGISTRY_CA_SECRET);
}

static struct rk_val *merged_mounts(
	struct job *j, const struct rk_val *now, const struct rk_val *want)
{
	struct rk_val *list = rk_seq(j->d);

	rk_each (m, now)
		if (!our_mount(m))
			rk_append(list, rk_copy(j->d, m));
	rk_each (m, want)
		rk_append(list, rk_copy(j->d, m));
	return list;
}

/* {spec: {serverArgs, secretMounts}} over the Cluster as it is (or NULL). */
static int cluster_patch(
	struct job *j, const struct rk_val *cluster, struct rk_val **out, struct rk_err *err)
{
	const struct rk_val *want = NULL, *now = rk_get(cluster, "spec", NULL);
	struct rk_val *spec, *mounts, *args;

	if (wanted_spec(j, &want, err) < 0)
		return -1;
	*out = rk_map(j->d);
	spec = rk_map_at(j->d, *out, "spec", NULL);
	mounts = merged_mounts(
		j, rk_get(now, "secretMounts", NULL), rk_get(want, "secretMounts", NULL));
	args = merged_args(j, rk_get(now, "serverArgs", NULL), rk_get(want, "serverArgs", NULL));
	if (mounts->count || rk_get(now, "secretMounts", NULL))
		rk_set(j->d, spec, "secretMounts", mounts);
	if (args->count || rk_get(now, "serverArgs", NULL))
		rk_set(j->d, spec, "serverArgs", args);
	return 0;
}

/* {spec: {set: {systemDefaultRegistry}}} of Rancher's HelmChart, or NULL without a registry. */
static int chart_patch(struct job *j, struct rk_val **out, struct rk_err *err)
{
	const char *value;
	struct rk_val *objs;

	*out = NULL;
	if (step_objects(j, "rancher", &objs, err) < 0)
		return -1;
	value = rk_get_str(
		named(objs, "HelmChart", "rancher"), "spec", "set", "systemDefaultRegistry", NULL);
	if (!value)
		return 0;
	*out = rk_map(j->d);
	rk_set_str(
		j->d, rk_map_at(j->d, *out, "spec", "set", NULL), "systemDefaultRegistry", value);
	return 0;
}

static void named_patch(struct job *j, struct rk_val *patch, const char *api, const char *kind,
	const char *ns, const char *name)
{
	struct rk_val *meta;

	rk_set_str(j->d, patch, "apiVersion", api);
	rk_set_str(j->d, patch, "kind", kind);
	meta = rk_map_at(j->d, patch, "metadata", NULL);
	rk_set_str(j->d, meta, "name", name);
	rk_set_str(j->d, meta, "namespace", ns);
}

/* --- hiding --- */

static bool hidden_key(const struct rk_val *v)
{
	static const char *const keys[] = {
		"password", "auth", "identity_token", "identitytoken", "registrytoken", "token"};

	for (size_t i = 0; v->key && v->kind != RK_MAP && i < RK_COUNT(keys); i++)
		if (rk_streq(v->key, keys[i]))
			return true;
	return false;
}

/* Passwords of registries.yaml or a docker config become a mark; equal ones the same. */
static void hide(struct rk_doc *d, struct rk_val *v, const struct rk_val *other, const char *mark)
{
	for (struct rk_val *c = v->child, *next; c; c = next) {
		const struct rk_val *peer = c->key ? rk_member(other, c->key, c->klen) : NULL;

		next = c->next;
		if (hidden_key(c)) {
			rk_auto_free char *key = rk_strndup(c->key, c->klen);

			rk_set_str(d, v, key, rk_val_equal(c, peer) ? "(hidden)" : mark);
		} else if (c->kind == RK_MAP || c->kind == RK_SEQ) {
			hide(d, c, peer, mark);
		}
	}
}

/* --- render --- */

static void emit(const struct job *j, const struct rk_val *v)
{
	rk_auto_buf b = RK_BUF_INIT_SECRET;

	if (j->o->out.fmt == RK_FMT_JSON) {
		rk_json_write(v, RK_JSON_PRETTY, &b);
	} else {
		rk_buf_puts(&b, "---\n");
		rk_yaml_write(v, false, &b);
	}
	rk_print_buf(&b);
}

static void emit_list(const struct job *j, struct rk_val *objs)
{
	if (j->o->out.fmt == RK_FMT_JSON) {
		struct rk_val *list = rk_map(j->d);

		rk_set_str(j->d, list, "apiVersion", "v1");
		rk_set_str(j->d, list, "kind", "List");
		rk_set(j->d, list, "items", objs);
		emit(j, list);
		return;
	}
	rk_each (obj, objs)
		emit(j, obj);
}

static int registries_yaml(struct job *j, struct rk_val **out, struct rk_err *err)
{
	rk_auto_buf text = RK_BUF_INIT_SECRET;
	struct rk_val *objs;
	const struct rk_val *secret;

	if (host_objects(j, &objs, err) < 0)
		return -1;
	secret = named(objs, "Secret", RK_REGISTRY_CONFIG_SECRET);
	if (!secret) {
		rk_err_set(err, RK_NOTFOUND, "no registries.yaml is needed: no private registry");
		return rk_err_hint(err, "give --registry HOST or set PRIVATE_REGISTRY");
	}
	if (rk_need_base64(secret, &text, err, "data", "registries.yaml", NULL) < 0)
		return -1;
	return rk_yaml_parse(j->d, text.s, text.len, out, err);
}

static int render_file(struct job *j, struct rk_err *err)
{
	rk_auto_buf b = RK_BUF_INIT_SECRET;
	struct rk_val *tree;

	if (registries_yaml(j, &tree, err) < 0)
		return -1;
	if (isatty(STDOUT_FILENO) && !j->o->show_secrets)
		hide(j->d, tree, NULL, "(hidden)");
	if (j->o->out.fmt == RK_FMT_JSON)
		rk_json_write(tree, RK_JSON_PRETTY, &b);
	else
		rk_yaml_write(tree, false, &b);
	rk_print_buf(&b);
	return 0;
}

static int render_objects(struct job *j, int (*fn)(struct job *, struct rk_val **, struct rk_err *),
	struct rk_err *err)
{
	struct rk_val *objs;

	if (fn(j, &objs, err) < 0)
		return -1;
	if (!objs->count)
		return rk_err_set(err, RK_NOTFOUND, "nothing to make with these settings");
	emit_list(j, objs);
	return 0;
}

static int render_host(struct job *j, struct rk_err *err)
{
	return render_objects(j, host_objects, err);
}

static int render_virtual(struct job *j, struct rk_err *err)
{
	return render_objects(j, virtual_objects, err);
}

static int full_cluster_patch(struct job *j, struct rk_val **out, struct rk_err *err)
{
	struct rk_val *patch;

	if (cluster_patch(j, NULL, &patch, err) < 0)
		return -1;
	*out = rk_map(j->d);
	named_patch(j, *out, RK_CLUSTER.api_version, RK_CLUSTER.kind, rk_settings_ns(j->s),
		rk_settings_cluster(j->s));
	rk_set(j->d, *out, "spec", rk_copy(j->d, rk_get(patch, "spec", NULL)));
	return 0;
}

static int render_cluster(struct job *j, struct rk_err *err)
{
	struct rk_val *patch;

	if (full_cluster_patch(j, &patch, err) < 0)
		return -1;
	emit(j, patch);
	return 0;
}

static int full_chart_patch(struct job *j, struct rk_val **out, struct rk_err *err)
{
	struct rk_val *patch;

	if (chart_patch(j, &patch, err) < 0)
		return -1;
	*out = NULL;
	if (!patch)
		return 0;
	*out = rk_map(j->d);
	named_patch(j, *out, RK_HELMCHART.api_version, RK_HELMCHART.kind, RK_CHART_NS, "rancher");
	rk_set(j->d, *out, "spec", rk_copy(j->d, rk_get(patch, "spec", NULL)));
	return 0;
}

static int render_chart(struct job *j, struct rk_err *err)
{
	struct rk_val *patch;

	if (full_chart_patch(j, &patch, err) < 0)
		return -1;
	if (!patch)
		return rk_err_set(err, RK_NOTFOUND, "nothing to make without a private registry");
	emit(j, patch);
	return 0;
}

static void move_all(struct rk_val *from, struct rk_val *to)
{
	while (from->child) {
		struct rk_val *obj = from->child;

		rk_remove(obj);
		rk_append(to, obj);
	}
}

/* --- the same for helm and skopeo on this machine --- */

static const struct {
	const char *name;
	enum rk_key repo;
} CHARTS[] = {{"k3k", RK_KEY_K3K_REPO}, {"cert-manager", RK_KEY_CERTMANAGER_REPO},
	{"rancher", RK_KEY_RANCHER_REPO}};

static int put_docker(struct job *j, struct rk_val *config, const char *address, struct rk_err *err)
{
	rk_auto_free char *host = rk_repo_host(address);
	struct rk_login l;

	if (!host || !rk_settings_has_login(j->s, address))
		return 0;
	if (rk_settings_login(j->s, address, &l, err) < 0)
		return -1;
	rk_docker_config(j->d, config, host, &l);
	return 0;
}

/* Docker's config.json: the private registry and the OCI hosts of charts. */
static int docker_config(struct job *j, struct rk_val **out, struct rk_err *err)
{
	struct rk_val *config = rk_map(j->d);

	rk_map_at(j->d, config, "auths", NULL);
	*out = config;
	if (put_docker(j, config, str(j, RK_KEY_PRIVATE_REGISTRY), err) < 0)
		return -1;
	for (size_t i = 0; i < RK_COUNT(CHARTS); i++)
		if (rk_repo_is_oci(str(j, CHARTS[i].repo)) &&
			put_docker(j, config, str(j, CHARTS[i].repo), err) < 0)
			return -1;
	return 0;
}

static int put_repository(
	struct job *j, struct rk_val *list, const char *name, const char *url, struct rk_err *err)
{
	struct rk_val *v = rk_map(j->d);
	struct rk_login l = {0};

	if (rk_settings_has_login(j->s, url) && rk_settings_login(j->s, url, &l, err) < 0)
		return -1;
	rk_set_str(j->d, v, "name", name);
	rk_set_str(j->d, v, "url", url);
	rk_set_str(j->d, v, "username", l.user);
	rk_set_str(j->d, v, "password", l.user ? l.password : NULL);
	if (rk_settings_private_host(j->s, url) && rk_setting_is(j->s, RK_KEY_PRIVATE_CA_PATH))
		rk_set_str(j->d, v, "caFile", str(j, RK_KEY_PRIVATE_CA_PATH));
	else
		rk_set_str(j->d, v, "caFile", l.ca);
	rk_append(list, v);
	return 0;
}

/* helm's repositories.yaml: the https repositories, each under its chart's name. */
static int helm_repositories(struct job *j, struct rk_val **out, struct rk_err *err)
{
	struct rk_val *list = rk_seq(j->d);

	*out = rk_map(j->d);
	rk_set_str(j->d, *out, "apiVersion", "");
	rk_set(j->d, *out, "repositories", list);
	for (size_t i = 0; i < RK_COUNT(CHARTS); i++)
		if (!rk_repo_is_oci(str(j, CHARTS[i].repo)) &&
			put_repository(j, list, CHARTS[i].name, str(j, CHARTS[i].repo), err) < 0)
			return -1;
	return 0;
}

/* JSON is YAML as well: helm reads it, and skopeo wants it. */
static int render_login_file(struct job *j,
	int (*fn)(struct job *, struct rk_val **, struct rk_err *), struct rk_err *err)
{
	rk_auto_buf b = RK_BUF_INIT_SECRET;
	struct rk_val *v;

	if (fn(j, &v, err) < 0)
		return -1;
	if (isatty(STDOUT_FILENO) && !j->o->show_secrets)
		hide(j->d, v, NULL, "(hidden)");
	rk_json_write(v, RK_JSON_PRETTY, &b);
	rk_print_buf(&b);
	return 0;
}

static int render_docker(struct job *j, struct rk_err *err)
{
	return render_login_file(j, docker_config, err);
}

static int render_helm(struct job *j, struct rk_err *err)
{
	return render_login_file(j, helm_repositories, err);
}

/* Everything, for reading: Secrets are masked. */
static int render_all(struct job *j, struct rk_err *err)
{
	struct rk_val *all = rk_seq(j->d), *objs, *patch;

	if (host_objects(j, &objs, err) < 0)
		return -1;
	move_all(objs, all);
	if (virtual_objects(j, &objs, err) < 0)
		return -1;
	move_all(objs, all);
	if (!all->count && !rk_setting_is(j->s, RK_KEY_PRIVATE_REGISTRY)) {
		rk_err_set(err, RK_NOTFOUND, "neither a private registry nor a private chart host");
		return rk_err_hint(err, "give --registry HOST, or set HELM_REPO_HOSTS");
	}
	if (full_cluster_patch(j, &patch, err) < 0)
		return -1;
	rk_append(all, patch);
	if (full_chart_patch(j, &patch, err) < 0)
		return -1;
	if (patch)
		rk_append(all, patch);
	rk_each (obj, all)
		if (!j->o->show_secrets)
			rk_mask_secret(j->d, rk_mut(obj));
	emit_list(j, all);
	return 0;
}

static int render(void *opts, int argc, char **argv, struct rk_err *err)
{
	static const struct {
		const char *name;
		int (*fn)(struct job *, struct rk_err *);
	} parts[] = {{"all", render_all}, {"file", render_file}, {"host", render_host},
		{"virtual", render_virtual}, {"cluster", render_cluster}, {"chart", render_chart},
		{"docker", render_docker}, {"helm", render_helm}};
	const char *what = argc ? argv[0] : "all";

	for (size_t i = 0; i < RK_COUNT(parts); i++)
		if (rk_streq(what, parts[i].name))
			return with_job(opts, NULL, parts[i].fn, err);
	rk_err_set(err, RK_USAGE, "no part is called %.64s", what);
	return rk_err_hint(err, "parts are all, file, host, virtual, cluster, chart, docker, helm");
}

/* --- apply --- */

static void told(struct job *j, const struct rk_res *r, const char *name, enum rk_outcome outcome)
{
	static const char *const suffix[] = {"", " (dry run)", " (server dry run)"};
	rk_auto_buf word = RK_BUF_INIT;

	rk_res_word(r, name, &word);
	j->changed |= outcome != RK_UNCHANGED;
	if (j->o->out.fmt == RK_FMT_NAME)
		rk_printf("%s\n", word.s);
	else
		rk_printf("%s %s%s\n", word.s, rk_outcome_word(outcome), suffix[j->o->dry]);
}

static int apply_list(
	struct job *j, struct rk_kube *k, const struct rk_val *objs, struct rk_err *err)
{
	rk_each (obj, objs) {
		rk_auto_buf taken = RK_BUF_INIT;
		struct rk_apply_opts o = {
			.dry = (enum rk_dry)j->o->dry, .adopt = true, .taken = &taken};
		const struct rk_res *r = rk_res_find(
			rk_get_str(obj, "apiVersion", NULL), rk_get_str(obj, "kind", NULL));
		enum rk_outcome outcome;

		if (rk_kube_apply(k, obj, &o, j->d, NULL, &outcome, err) < 0)
			return -1;
		told(j, r, rk_get_str(obj, "metadata", "name", NULL), outcome);
		if (taken.len)
			rk_note("took over: %s", taken.s);
	}
	return 0;
}

/* Whether every member of patch is in obj already. */
static bool holds(const struct rk_val *obj, const struct rk_val *patch)
{
	if (!obj || patch->kind != RK_MAP)
		return rk_val_equal(obj, patch);
	rk_each (m, patch)
		if (!holds(rk_member(obj, m->key, m->klen), m))
			return false;
	return true;
}

/* Only these fields, whoever made the rest of the object. */
static int patch_one(struct job *j, struct rk_kube *k, const struct rk_res *r, const char *ns,
	const char *name, const struct rk_val *obj, const struct rk_val *patch, struct rk_err *err)
{
	bool same = holds(obj, patch);

	if (!same && j->o->dry != RK_DRY_CLIENT &&
		rk_kube_patch(k, r, ns, name, "application/merge-patch+json", patch,
			(enum rk_dry)j->o->dry, j->d, NULL, err) < 0)
		return -1;
	told(j, r, name, same ? RK_UNCHANGED : RK_CONFIGURED);
	return 0;
}

static int find_cluster(struct job *j, struct rk_val **out, struct rk_err *err)
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

static int connect_host(struct job *j, struct rk_err *err)
{
	if (rk_kube_open(&j->host, &j->o->kube, err) < 0)
		return -1;
	return rk_k3k_guard_host(j->host, err);
}

static int connect_virtual(struct job *j, struct rk_err *err)
{
	return rk_k3k_open(&j->virt, j->host, rk_settings_ns(j->s), rk_settings_cluster(j->s),
		&j->access, err);
}

static int apply_namespace(struct job *j, struct rk_err *err)
{
	struct rk_val *ns, *objs;

	if (rk_kube_find(j->host, &RK_NAMESPACE, NULL, rk_settings_ns(j->s), j->d, &ns, err) < 0)
		return -1;
	if (ns)
		return 0;
	if (step_objects(j, "namespace", &objs, err) < 0)
		return -1;
	return apply_list(j, j->host, objs, err);
}

static int apply_host(struct job *j, struct rk_err *err)
{
	struct rk_val *objs;

	if (host_objects(j, &objs, err) < 0)
		return -1;
	if (objs->count && apply_namespace(j, err) < 0)
		return -1;
	return apply_list(j, j->host, objs, err);
}

static int apply_cluster(struct job *j, const struct rk_val *cluster, struct rk_err *err)
{
	const char *ns = rk_settings_ns(j->s), *name = rk_settings_cluster(j->s);
	struct rk_val *patch;

	if (!rk_setting_is(j->s, RK_KEY_PRIVATE_REGISTRY))
		return 0;
	if (cluster_patch(j, cluster, &patch, err) < 0)
		return -1;
	if (!j->o->lose && !holds(cluster, patch) &&
		rk_streq(rk_get_str(cluster, "spec", "persistence", "type", NULL), "ephemeral")) {
		rk_err_set(err, RK_CONFLICT,
			"cluster %s/%s is ephemeral: the restart that this change brings loses all "
			"that is in it",
			ns, name);
		return rk_err_hint(err, "say --yes-lose-data if it may");
	}
	if (patch_one(j, j->host, &RK_CLUSTER, ns, name, cluster, patch, err) < 0)
		return -1;
	if (j->changed && j->o->dry == RK_DRY_NONE)
		rk_note("servers read these at their start; restart them one by one: kubectl -n %s "
			"rollout restart statefulset k3k-%s-server",
			ns, name);
	return 0;
}

static int apply_virtual(struct job *j, struct rk_err *err)
{
	struct rk_val *objs, *patch, *chart;

	if (virtual_objects(j, &objs, err) < 0 || chart_patch(j, &patch, err) < 0)
		return -1;
	if (!objs->count && !patch)
		return 0;
	if (connect_virtual(j, err) < 0 || apply_list(j, j->virt, objs, err) < 0)
		return -1;
	if (!patch)
		return 0;
	if (rk_kube_find(j->virt, &RK_HELMCHART, RK_CHART_NS, "rancher", j->d, &chart, err) < 0)
		return -1;
	return chart ? patch_one(
			       j, j->virt, &RK_HELMCHART, RK_CHART_NS, "rancher", chart, patch, err)
		     : 0;
}

/* The inside comes before the Cluster, whose change restarts the servers; but servers that cannot
 * start for want of a registry must not keep it from them. */
static int apply_all(struct job *j, struct rk_err *err)
{
	struct rk_val *cluster;
	int inside;

	if (connect_host(j, err) < 0 || find_cluster(j, &cluster, err) < 0 ||
		apply_host(j, err) < 0)
		return -1;
	if (!cluster) {
		rk_note("cluster %s/%s is not there yet; deploy makes it with these",
			rk_settings_ns(j->s), rk_settings_cluster(j->s));
		return 0;
	}
	inside = apply_virtual(j, err);
	if (apply_cluster(j, cluster, inside < 0 ? NULL : err) < 0)
		return -1;
	return inside;
}

static int apply(void *opts, int argc, char **argv, struct rk_err *err)
{
	return with_job(opts, argc ? argv[0] : NULL, apply_all, err);
}

/* --- diff --- */

/* The content of a Secret as text that shows everything but passwords. */
static void show_value(struct job *j, struct rk_val *out, const struct rk_val *v,
	const struct rk_val *other, const char *mark)
{
	rk_auto_buf text = RK_BUF_INIT_SECRET, peer = RK_BUF_INIT_SECRET;
	struct rk_val *tree = NULL, *peer_tree = NULL;
	const char *s = rk_str(v), *p = rk_str(other);
	bool config = rk_suffix(v->key, ".yaml") || rk_suffix(v->key, "json");
	bool open = rk_suffix(v->key, ".crt") || rk_suffix(v->key, ".pem") ||
		    rk_streq(v->key, "username");

	if (!s || rk_base64_decode(&text, s, strlen(s), NULL) < 0) {
		rk_set_str(j->d, out, v->key, "(not base64)");
	} else if (config && rk_yaml_parse(j->d, text.s, text.len, &tree, NULL) == 0 && tree) {
		if (p && rk_base64_decode(&peer, p, strlen(p), NULL) == 0 &&
			rk_yaml_parse(j->d, peer.s, peer.len, &peer_tree, NULL) < 0)
			peer_tree = NULL;
		hide(j->d, tree, peer_tree, mark);
		rk_set(j->d, out, v->key, tree);
	} else if (open) {
		rk_set_str(j->d, out, v->key, text.s);
	} else {
		rk_set_str(j->d, out, v->key, rk_streq(s, p) ? "(hidden)" : mark);
	}
}

/* What counts of an object: kind, name and the content that is ours to set. */
static void show(struct job *j, const struct rk_val *obj, const struct rk_val *want,
	const struct rk_val *other, const char *mark, struct rk_buf *out)
{
	struct rk_val *v = rk_map(j->d);
	bool secret = rk_streq(rk_get_str(want, "kind", NULL), "Secret");

	if (!obj)
		return;
	rk_set_str(j->d, v, "kind", rk_get_str(want, "kind", NULL));
	rk_set_str(j->d, v, "name", rk_get_str(want, "metadata", "name", NULL));
	rk_each (m, rk_get(obj, "data", NULL)) {
		struct rk_val *data = rk_map_at(j->d, v, "data", NULL);

		if (secret)
			show_value(j, data, m, rk_get(other, "data", m->key, NULL), mark);
		else
			rk_set(j->d, data, m->key, rk_copy(j->d, m));
	}
	rk_each (m, rk_get(want, "spec", NULL)) {
		const struct rk_val *now = rk_get(obj, "spec", m->key, NULL);

		if (now && m->kind == RK_MAP) {
			rk_each (x, m)
				if (rk_get(now, x->key, NULL))
					rk_set(j->d, rk_map_at(j->d, v, "spec", m->key, NULL),
						x->key, rk_copy(j->d, rk_get(now, x->key, NULL)));
		} else if (now) {
			rk_set(j->d, rk_map_at(j->d, v, "spec", NULL), m->key, rk_copy(j->d, now));
		}
	}
	rk_yaml_write(v, true, out);
}

static int diff_one(struct job *j, struct rk_kube *k, const struct rk_res *r, const char *ns,
	const struct rk_val *want, struct rk_err *err)
{
	const char *name = rk_get_str(want, "metadata", "name", NULL);
	rk_auto_buf was = RK_BUF_INIT_SECRET, will = RK_BUF_INIT_SECRET, out = RK_BUF_INIT;
	rk_auto_free char *label = rk_asprintf("%s/%s/%s", ns, r->kind, name);
	rk_auto_free char *a = rk_asprintf("there/%s", label);
	rk_auto_free char *b = rk_asprintf("wanted/%s", label);
	struct rk_val *now = NULL;

	if (k && rk_kube_find(k, r, ns, name, j->d, &now, err) < 0)
		return -1;
	show(j, now, want, want, "(hidden, as it is)", &was);
	show(j, want, want, now, "(hidden, as wanted)", &will);
	if (rk_diff(was.s, will.s, a, b, &out)) {
		j->changed = true;
		rk_print_buf(&out);
	}
	return 0;
}

static int diff_list(
	struct job *j, struct rk_kube *k, const struct rk_val *objs, struct rk_err *err)
{
	rk_each (obj, objs) {
		const struct rk_res *r = rk_res_find(
			rk_get_str(obj, "apiVersion", NULL), rk_get_str(obj, "kind", NULL));

		if (diff_one(j, k, r, rk_get_str(obj, "metadata", "namespace", NULL), obj, err) < 0)
			return -1;
	}
	return 0;
}

static int diff_cluster(struct job *j, const struct rk_val *cluster, struct rk_err *err)
{
	struct rk_val *patch;

	if (!rk_setting_is(j->s, RK_KEY_PRIVATE_REGISTRY))
		return 0;
	if (cluster_patch(j, cluster, &patch, err) < 0)
		return -1;
	named_patch(j, patch, RK_CLUSTER.api_version, RK_CLUSTER.kind, rk_settings_ns(j->s),
		rk_settings_cluster(j->s));
	return diff_one(j, cluster ? j->host : NULL, &RK_CLUSTER, rk_settings_ns(j->s), patch, err);
}

static int diff_virtual(struct job *j, bool there, struct rk_err *err)
{
	struct rk_val *objs, *patch, *chart = NULL;

	if (virtual_objects(j, &objs, err) < 0 || full_chart_patch(j, &patch, err) < 0)
		return -1;
	if (!objs->count && !patch)
		return 0;
	if (there && connect_virtual(j, err) < 0)
		return -1;
	if (diff_list(j, j->virt, objs, err) < 0)
		return -1;
	if (there && patch &&
		rk_kube_find(j->virt, &RK_HELMCHART, RK_CHART_NS, "rancher", j->d, &chart, err) < 0)
		return -1;
	return chart ? diff_one(j, j->virt, &RK_HELMCHART, RK_CHART_NS, patch, err) : 0;
}

static int diff_all(struct job *j, struct rk_err *err)
{
	struct rk_val *cluster, *objs;

	if (connect_host(j, err) < 0 || find_cluster(j, &cluster, err) < 0 ||
		host_objects(j, &objs, err) < 0 || diff_list(j, j->host, objs, err) < 0 ||
		diff_cluster(j, cluster, err) < 0 || diff_virtual(j, cluster, err) < 0)
		return -1;
	return j->changed ? 1 : 0;
}

/* 1 says that something differs, so that trouble has to be more. */
static int diff(void *opts, int argc, char **argv, struct rk_err *err)
{
	int rc = with_job(opts, argc ? argv[0] : NULL, diff_all, err);

	if (rc < 0 && err->code == RK_FAIL)
		err->code = RK_USAGE;
	return rc;
}

/* --- check --- */

enum state { OK, WARN, FAILED };
static const char *const STATES[] = {"ok", "warning", "failed"};

struct checks {
	struct job *j;
	struct rk_val *rows; /* SEQ of {kind, name, state, detail, remedy} */
	size_t failed;
	struct rk_strv mirrors, images;
	struct rk_registry *registry; /* the private one; NULL: it does not let us in */
};

static void row(struct checks *c, enum state state, const char *kind, const char *name,
	const char *detail, const char *remedy)
{
	struct rk_doc *d = c->j->d;
	struct rk_val *v = rk_map(d);

	rk_set_str(d, v, "kind", kind);
	rk_set_str(d, v, "name", name);
	rk_set_str(d, v, "state", STATES[state]);
	rk_set_str(d, v, "detail", detail);
	rk_set_str(d, v, "remedy", remedy && *remedy ? remedy : NULL);
	rk_append(c->rows, v);
	c->failed += state == FAILED;
}

/* What failed, with what helps. */
static void failed(struct checks *c, const char *kind, const char *name, const char *address,
	const struct rk_repo_access *a, struct rk_err *err)
{
	rk_repo_remedy(c->j->s, address, a, err);
	row(c, FAILED, kind, name, err->msg, err->hint);
}

static void check_chart(struct checks *c, const char *name, enum rk_key repo)
{
	const char *address = str(c->j, repo), *version = str(c->j, repo + 1);
	rk_auto_free char *label = rk_asprintf("%s %s", name, version);
	rk_auto_free char *detail = NULL;
	rk_auto_buf ca = RK_BUF_INIT;
	struct rk_err err = RK_ERR_INIT;
	struct rk_repo_access a = {0};

	if (rk_repo_access_for(c->j->s, address, c->j->o->kube.resolve, &a, &ca, &err) < 0 ||
		rk_repo_has_chart(address, name, version, &a, &err) < 0) {
		if (err.code == RK_NOTFOUND)
			rk_err_hint(&err, "push chart %s %s there, or set %s or %s", name, version,
				rk_settings_table[repo].name, rk_settings_table[repo + 1].name);
		failed(c, "chart", label, address, &a, &err);
		return;
	}
	detail = rk_asprintf("%s%s", address, a.user ? ", with credentials" : "");
	row(c, OK, "chart", label, detail, NULL);
}

static const char *needed(struct checks *c, const char *image, const char *version)
{
	return rk_doc_printf(c->j->d, "%s:%s%s", image, *version == 'v' ? "" : "v", version);
}

/* What follows from the versions alone; the charts know it all (`bundle --list`). */
static void known_images(struct checks *c)
{
	static const char *const parts[] = {"controller", "webhook", "cainjector"};
	const char *cm = str(c->j, RK_KEY_CERTMANAGER_VERSION);

	rk_strv_add(&c->images, needed(c, "rancher/rancher", str(c->j, RK_KEY_RANCHER_VERSION)));
	for (size_t i = 0; i < RK_COUNT(parts); i++)
		rk_strv_add(
			&c->images, needed(c,
					    rk_doc_printf(c->j->d,
						    "quay.io/jetstack/cert-manager-%s", parts[i]),
					    cm));
}

/* "image REF" or "REF"; lines about charts and comments are passed over. */
static int read_images(struct checks *c, const char *path, struct rk_err *err)
{
	rk_auto_buf text = RK_BUF_INIT;
	const char *p;

	if (rk_streq(path, "-") && take_stdin(c->j, "--images", err) < 0)
		return -1;
	if (rk_file_read(path, 4 << 20, &text, err) < 0)
		return rk_err_wrap(err, "images");
	for (p = text.s; *p; p += strspn(p, "\n")) {
		size_t n = strcspn(p, "\n");
		char *line = rk_doc_strndup(c->j->d, p, n), *word = line + strspn(line, " \t\r");

		p += n;
		if (rk_prefix(word, "image") && strchr(" \t", word[5]))
			word += 5 + strspn(word + 5, " \t");
		else if (rk_prefix(word, "chart") && strchr(" \t", word[5]))
			continue;
		word[strcspn(word, " \t\r#")] = '\0';
		if (*word)
			rk_strv_add(&c->images, word);
	}
	return 0;
}

static void check_image(struct checks *c, const char *text, size_t *of_mirror)
{
	const char *host = str(c->j, RK_KEY_PRIVATE_REGISTRY), *there;
	rk_auto_free char *detail = NULL;
	struct rk_err err = RK_ERR_INIT;
	struct rk_image image;

	if (rk_image_parse(c->j->d, text, &image, &err) < 0) {
		row(c, FAILED, "image", text, err.msg, NULL);
		return;
	}
	there = rk_image_mirrored(c->j->d, &image, host, &c->mirrors);
	if (!there) {
		detail = rk_asprintf(
			"no mirror is for %s: it would come from there", image.registry);
		row(c, rk_setting_yes(c->j->s, RK_KEY_REGISTRY_FALLBACK) ? WARN : FAILED, "image",
			text, detail, "add the registry to MIRROR_REGISTRIES_FILE");
		return;
	}
	for (size_t i = 0; i < c->mirrors.n; i++)
		of_mirror[i] += rk_streq(c->mirrors.v[i], image.registry);
	if (rk_registry_manifest(c->registry, there, image.reference, &err) == 0) {
		detail = rk_asprintf("%s/%s", host, there);
		row(c, OK, "image", text, detail, NULL);
		return;
	}
	if (err.code == RK_NOTFOUND)
		rk_err_hint(&err,
			"push it (kubectl rk3k bundle), or let the registry fetch %s from %s",
			there, image.registry);
	else if (err.code == RK_CONFLICT)
		rk_err_hint(&err, "the user may not pull there: give it the right to %s", there);
	row(c, FAILED, "image", text, err.msg, err.hint);
}

/* A path from which a needed image came answers; another is asked for a list of tags. */
static void check_mirror(struct checks *c, const char *mirror, size_t images)
{
	const char *host = str(c->j, RK_KEY_PRIVATE_REGISTRY);
	rk_auto_free char *probe = rk_asprintf("%s/library/probe", mirror);
	rk_auto_free char *detail = rk_asprintf("%s/%s", host, mirror);
	struct rk_err err = RK_ERR_INIT;

	if (rk_registry_tags(c->registry, probe, &err) == 0 || err.code == RK_NOTFOUND) {
		rk_auto_free char *text = rk_asprintf("%s answers%s", detail,
			images ? "" : "; no image of the list comes from it");
		row(c, OK, "mirror", mirror, text, NULL);
		return;
	}
	if (!err.hint[0] && err.code == RK_CONFLICT)
		rk_err_hint(&err, "the user may not pull there: give it the right to %s/%s", host,
			mirror);
	row(c, FAILED, "mirror", mirror, err.msg, err.hint);
}

static int check_registry(struct checks *c, struct rk_err *e)
{
	const char *host = str(c->j, RK_KEY_PRIVATE_REGISTRY);
	rk_auto_buf ca = RK_BUF_INIT;
	rk_auto_free size_t *of_mirror = NULL;
	struct rk_err err = RK_ERR_INIT;
	struct rk_repo_access a = {0};

	if (!*host)
		return 0;
	if (rk_step_mirrors(c->j->d, c->j->s, &c->mirrors, e) < 0)
		return -1;
	if (rk_repo_access_for(c->j->s, host, c->j->o->kube.resolve, &a, &ca, &err) < 0 ||
		rk_registry_open(&c->registry, host, &a, &err) < 0) {
		failed(c, "registry", host, host, &a, &err);
		return 0;
	}
	row(c, OK, "registry", host, a.user ? "lets us in, with credentials" : "lets us in", NULL);
	of_mirror = rk_calloc(c->mirrors.n + 1, sizeof(*of_mirror));
	for (size_t i = 0; i < c->images.n; i++)
		check_image(c, c->images.v[i], of_mirror);
	for (size_t i = 0; i < c->mirrors.n; i++)
		check_mirror(c, c->mirrors.v[i], of_mirror[i]);
	rk_registry_free(c->registry);
	return 0;
}

static void print_rows(const struct checks *c)
{
	static const char *const head[] = {"KIND", "NAME", "STATE", "DETAIL"};
	const struct opts *o = c->j->o;
	struct rk_table *t;

	if (o->out.fmt == RK_FMT_JSON || o->out.fmt == RK_FMT_YAML) {
		rk_print_val((enum rk_fmt)o->out.fmt, c->rows);
		return;
	}
	t = rk_table_new(head, RK_COUNT(head));
	rk_each (v, c->rows) {
		const char *remedy = rk_get_str(v, "remedy", NULL);
		rk_auto_free char *text = rk_asprintf("%s%s%s", rk_get_str(v, "detail", NULL),
			remedy ? "; " : "", remedy ? remedy : "");

		rk_table_row(t, rk_get_str(v, "kind", NULL), rk_get_str(v, "name", NULL),
			rk_get_str(v, "state", NULL), text);
	}
	rk_table_print(t, (enum rk_fmt)o->out.fmt, !o->out.no_headers);
	rk_table_free(t);
}

static int check_all(struct job *j, struct rk_err *err)
{
	struct checks c = {.j = j, .rows = rk_seq(j->d)};
	int rc = 0;

	if (j->o->images)
		rc = read_images(&c, j->o->images, err);
	else
		known_images(&c);
	if (rc == 0)
		rc = check_registry(&c, err);
	if (rc == 0) {
		check_chart(&c, "k3k", RK_KEY_K3K_REPO);
		check_chart(&c, "cert-manager", RK_KEY_CERTMANAGER_REPO);
		check_chart(&c, "rancher", RK_KEY_RANCHER_REPO);
		print_rows(&c);
	}
	rk_strv_release(&c.mirrors);
	rk_strv_release(&c.images);
	if (rc == 0 && c.failed)
		return rk_err_set(err, RK_FAIL, "%zu of %u checks failed", c.failed, c.rows->count);
	return rc;
}

static int check(void *opts, int argc, char **argv, struct rk_err *err)
{
	(void)argc;
	(void)argv;
	return with_job(opts, NULL, check_all, err);
}

static const struct rk_verb VERBS[] = {
	{.name = "render",
		.args = "[all|file|host|virtual|cluster|chart|docker|helm]",
		.max_args = 1,
		.complete = "all|file|host|virtual|cluster|chart|docker|helm",
		.summary =
			"write registries.yaml, Secrets, ConfigMap and patches to standard output",
		.opts = OPTS_RENDER,
		.run = render,
		.examples =
			"  kubectl rk3k registries render file --registry harbor.example.com "
			"--credentials docker > registries.yaml\n"
			"  kubectl rk3k config -c deploy.conf | kubectl rk3k registries render\n"},
	{.name = "apply",
		.args = "[[NAMESPACE/]CLUSTER]",
		.max_args = 1,
		.complete = "cluster",
		.summary = "put all of it in its place, on the host and in the virtual cluster",
		.opts = OPTS_APPLY,
		.run = apply,
		.examples =
			"  kubectl rk3k config -c deploy.conf | kubectl rk3k registries apply\n"},
	{.name = "check",
		.summary = "speak to each registry and chart host, and look for what is needed",
		.opts = OPTS_CHECK,
		.run = check,
		.examples =
			"  kubectl rk3k registries check -c settings.json\n"
			"  kubectl rk3k bundle --list -c settings.json | kubectl rk3k registries "
			"check -c settings.json --images -\n"},
	{.name = "diff",
		.args = "[[NAMESPACE/]CLUSTER]",
		.max_args = 1,
		.complete = "cluster",
		.summary = "compare what is there with what apply would make; passwords are hidden",
		.opts = OPTS_DIFF,
		.run = diff},
	{.run = NULL}};

static const struct rk_cmd CMD = {
	.name = "registries",
	.summary = "private registries and chart hosts: make, try and compare their settings",
	.description =
		"Takes the settings of `config` (-c, or standard input) or flags, and makes what a "
		"site with a private registry needs: registries.yaml for containerd with mirrors, "
		"rewrites, CA and credentials, the Secrets and the ConfigMap that carry it to the "
		"servers and to helm inside, and the fields of the Cluster and of Rancher's chart "
		"that refer to it. `render` writes all of it with Secrets hidden, or one part: "
		"file "
		"(registries.yaml), host and virtual (objects to apply), cluster and chart "
		"(patches), docker and helm (config.json and repositories.yaml for tools on this "
		"machine).\n\n"
		"Logins are taken from where they are kept already (--credentials docker, helm, or "
		"a "
		"file: Docker's config.json with its helpers, helm's repositories.yaml, a "
		"registries.yaml), from a file, from standard input, or asked for; never from the "
		"command line. Each goes to the host it was given for and to no other. Images come "
		"from their public registries only with --fallback.",
	.opts_size = sizeof(struct opts),
	.verbs = VERBS,
	.exit_status = "diff: 0 nothing differs, 1 something differs, above 1 trouble.",
	.see_also = "config, bundle, render, preflight",
};

int main(int argc, char **argv)
{
	return rk_main(&CMD, argc, argv);
}
