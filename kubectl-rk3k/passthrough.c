// SPDX-License-Identifier: Apache-2.0
/* passthrough - SSL passthrough of the host's rke2-ingress-nginx, which the Kubernetes API of a
 * virtual cluster behind an Ingress needs: reads and merges the HelmChartConfig's values, keeps
 * what was there in an annotation, and puts it back on revert. */
#include "cli/cli.h"
#include "k3k/k3k.h"
#include "settings/settings.h"

#define NS	   "kube-system"
#define NAME	   "rke2-ingress-nginx"
#define NOTE_OLD   "rk3k.io/values-before" /* the text before; "" when there was none */
#define NOTE_NEW   "rk3k.io/values-after"  /* the text we wrote */
#define NOTE_BIRTH "rk3k.io/created"	   /* the object itself is ours */

struct opts {
	struct rk_kube_flags kube;
	struct rk_settings_flags settings; /* whether it is needed */
	int dry;
};

static const struct rk_opt OPTS[] = {RK_OPT_DRY_RUN(struct opts, dry),
	RK_GROUP_SETTINGS(struct opts, settings), RK_GROUP_KUBE(struct opts, kube), RK_OPT_END};

/* What apply kept in the object is all that there is to put back. */
static const struct rk_opt REVERT_OPTS[] = {
	RK_OPT_DRY_RUN(struct opts, dry), RK_GROUP_KUBE(struct opts, kube), RK_OPT_END};

struct job {
	const struct opts *o;
	struct rk_kube *host;
	struct rk_doc *d;
	struct rk_val *config; /* the HelmChartConfig, or NULL */
};

static int find(struct job *j, struct rk_err *err)
{
	if (rk_kube_find(j->host, &RK_HELMCHARTCONFIG, NS, NAME, j->d, &j->config, err) == 0)
		return 0;
	if (err->code == RK_NOTFOUND)
		rk_err_hint(err, "this host has no " NAME " of RKE2 or Harvester: switch SSL "
				 "passthrough on in its own ingress controller");
	return -1;
}

static const char *note(const struct job *j, const char *key)
{
	return rk_get_str(j->config, "metadata", "annotations", key, NULL);
}

/* --- the values --- */

/* The values as a tree; no values at all are an empty map. A value that is not a map is refused. */
static int parse_values(struct job *j, const char *text, struct rk_val **out, struct rk_err *err)
{
	*out = NULL;
	if (text && rk_yaml_parse(j->d, text, strlen(text), out, err) < 0)
		return rk_err_wrap(err, "HelmChartConfig %s/%s, spec.valuesContent", NS, NAME);
	if (!*out)
		*out = rk_map(j->d);
	if ((*out)->kind == RK_MAP)
		return 0;
	rk_err_set(err, RK_CONFLICT, "HelmChartConfig %s/%s: spec.valuesContent is not a map", NS,
		NAME);
	return rk_err_hint(err, "repair it first: kubectl edit helmchartconfig -n %s %s", NS, NAME);
}

static bool is_on(const struct rk_val *values)
{
	const char *v = rk_str_loose(
		rk_get(values, "controller", "extraArgs", "enable-ssl-passthrough", NULL));

	return rk_streq(v, "true");
}

/* A step on the way that exists but is not a map would be replaced: refuse instead. */
static int check_path(const struct rk_val *values, struct rk_err *err)
{
	const struct rk_val *c = rk_get(values, "controller", NULL);
	const struct rk_val *e = rk_get(c, "extraArgs", NULL);

	if ((!c || c->kind == RK_MAP || c->kind == RK_NULL) &&
		(!e || e->kind == RK_MAP || e->kind == RK_NULL))
		return 0;
	return rk_err_set(err, RK_CONFLICT,
		"HelmChartConfig %s/%s: controller.extraArgs is not a map", NS, NAME);
}

/* --- writing --- */

static void annotate(struct job *j, struct rk_val *meta, const char *key, const char *value)
{
	struct rk_val *notes = rk_map_at(j->d, meta, "annotations", NULL);

	rk_set(j->d, notes, key, value ? rk_string(j->d, value) : rk_null(j->d));
}

/* Conditional on what was read: somebody else's change in between is a conflict, not lost. */
static int patch(struct job *j, const char *values, const char *before, const char *after,
	struct rk_err *err)
{
	struct rk_val *p = rk_map(j->d), *meta = rk_map_at(j->d, p, "metadata", NULL);
	struct rk_val *spec = rk_map_at(j->d, p, "spec", NULL);

	rk_set_str(j->d, meta, "resourceVersion",
		rk_get_str(j->config, "metadata", "resourceVersion", NULL));
	annotate(j, meta, NOTE_OLD, before);
	annotate(j, meta, NOTE_NEW, after);
	rk_set(j->d, spec, "valuesContent", values ? rk_string(j->d, values) : rk_null(j->d));
	return rk_kube_patch(j->host, &RK_HELMCHARTCONFIG, NS, NAME, NULL, p, j->d, NULL, err);
}

static int create(struct job *j, const char *values, struct rk_err *err)
{
	struct rk_val *obj = rk_map(j->d), *meta = rk_map_at(j->d, obj, "metadata", NULL);

	rk_set_str(j->d, obj, "apiVersion", RK_HELMCHARTCONFIG.api_version);
	rk_set_str(j->d, obj, "kind", RK_HELMCHARTCONFIG.kind);
	rk_set_str(j->d, meta, "name", NAME);
	rk_set_str(j->d, meta, "namespace", NS);
	rk_set_str(j->d, rk_map_at(j->d, meta, "labels", NULL), RK_LABEL_MANAGED, RK_LABEL_MANAGER);
	annotate(j, meta, NOTE_BIRTH, "true");
	annotate(j, meta, NOTE_NEW, values);
	rk_set_str(j->d, rk_map_at(j->d, obj, "spec", NULL), "valuesContent", values);
	return rk_kube_create(j->host, obj, j->d, NULL, err);
}

static void told(const struct job *j, const char *what)
{
	rk_printf("helmchartconfig.helm.cattle.io/%s %s%s\n", NAME, what, rk_dry_word(j->o->dry));
}

/* --- apply --- */

static int switch_on(struct job *j, struct rk_err *err)
{
	const char *text = rk_get_str(j->config, "spec", "valuesContent", NULL);
	rk_auto_buf out = RK_BUF_INIT;
	struct rk_val *values;
	int rc;

	if (parse_values(j, text, &values, err) < 0 || check_path(values, err) < 0)
		return -1;
	if (is_on(values)) {
		told(j, "unchanged");
		return 0;
	}
	rk_set_str(j->d, rk_map_at(j->d, values, "controller", "extraArgs", NULL),
		"enable-ssl-passthrough", "true");
	rk_yaml_write(values, false, &out);
	rc = j->config ? patch(j, out.s, text ? text : "", out.s, err) : create(j, out.s, err);
	if (rc == 0)
		told(j, j->config ? "configured" : "created");
	return rc;
}

/* --- revert --- */

static int remove_object(struct job *j, struct rk_err *err)
{
	struct rk_delete_opts o = {
		.grace = -1, .uid = rk_get_str(j->config, "metadata", "uid", NULL)};

	if (rk_kube_delete(j->host, &RK_HELMCHARTCONFIG, NS, NAME, &o, NULL, err) < 0)
		return -1;
	told(j, "deleted");
	return 0;
}

/* Changed since: only our own key goes. */
static int take_key_out(struct job *j, const char *text, struct rk_err *err)
{
	rk_auto_buf out = RK_BUF_INIT;
	struct rk_val *values;

	if (parse_values(j, text, &values, err) < 0)
		return -1;
	rk_remove_at(values, "controller", "extraArgs", "enable-ssl-passthrough", NULL);
	rk_yaml_write(values, false, &out);
	return patch(j, out.s, NULL, NULL, err);
}

static int put_back(struct job *j, struct rk_err *err)
{
	const char *text = rk_get_str(j->config, "spec", "valuesContent", NULL);
	const char *before = note(j, NOTE_OLD), *after = note(j, NOTE_NEW);
	int rc;

	if (!after) {
		told(j, "not ours: left as it is");
		return 0;
	}
	if (note(j, NOTE_BIRTH) && rk_streq(text, after))
		return remove_object(j, err);
	rc = rk_streq(text, after) ? patch(j, before && *before ? before : NULL, NULL, NULL, err)
				   : take_key_out(j, text, err);
	if (rc == 0)
		told(j, "reverted");
	return rc;
}

static int switch_back(struct job *j, struct rk_err *err)
{
	if (j->config)
		return put_back(j, err);
	told(j, "not found");
	return 0;
}

/* A host without HelmChartConfigs has nothing of ours to take back. */
static int find_if_any(struct job *j, struct rk_err *err)
{
	if (find(j, err) == 0)
		return 0;
	if (err->code != RK_NOTFOUND)
		return -1;
	rk_err_clear(err);
	j->config = NULL;
	return 0;
}

static int with_job(void *opts, int (*seek)(struct job *, struct rk_err *),
	int (*fn)(struct job *, struct rk_err *), struct rk_err *err)
{
	struct job j = {.o = opts, .d = rk_doc_new(false)};
	int rc = rk_kube_open(&j.host, &j.o->kube, err);

	if (rc == 0)
		rc = seek(&j, err);
	if (rc == 0 && !j.config)
		rc = rk_k3k_guard_host(j.host, err);
	if (rc == 0)
		rc = fn(&j, err);
	rk_kube_free(j.host);
	rk_doc_free(j.d);
	return rc;
}

static int apply(void *opts, int argc RK_UNUSED, char **argv RK_UNUSED, struct rk_err *err)
{
	const struct opts *o = opts;
	rk_auto_settings *s = rk_settings_new();
	bool given;

	if (rk_settings_open_given(s, &o->settings, &given, err) < 0)
		return -1;
	if (given && !rk_setting_is(s, RK_KEY_K3K_API_HOSTNAME)) {
		rk_note("not needed: K3K_API_HOSTNAME is not set");
		return 0;
	}
	return with_job(opts, find, switch_on, err);
}

static int revert(void *opts, int argc RK_UNUSED, char **argv RK_UNUSED, struct rk_err *err)
{
	return with_job(opts, find_if_any, switch_back, err);
}

static const struct rk_verb VERBS[] = {
	{.name = "apply", .summary = "enable SSL passthrough", .opts = OPTS, .run = apply},
	{.name = "revert",
		.summary = "restore the values from before apply",
		.opts = REVERT_OPTS,
		.run = revert},
	{.run = NULL}};

static const struct rk_cmd CMD = {
	.name = "passthrough",
	.summary = "enable or revert SSL passthrough in the host's rke2-ingress-nginx",
	.description =
		"The Kubernetes API of a virtual cluster can be served through an Ingress of "
		"the host cluster (K3K_API_HOSTNAME) only when the ingress controller passes "
		"TLS through. On RKE2 and Harvester this is a value of the HelmChartConfig "
		"kube-system/rke2-ingress-nginx. apply merges it into the existing values, "
		"which are kept in an annotation for revert. Values that cannot be parsed "
		"are refused.",
	.opts_size = sizeof(struct opts),
	.verbs = VERBS,
};

int main(int argc, char **argv)
{
	return rk_main(&CMD, argc, argv);
}
