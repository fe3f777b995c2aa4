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

static const struct rk_opt apply_options[] = {
	OPT_DRY_RUN(dry), OPT_GROUP_SETTINGS(settings), OPT_GROUP_KUBE(kube), OPT_END};

/* What apply kept in the object is all that is needed to put back. */
static const struct rk_opt revert_options[] = {OPT_DRY_RUN(dry), OPT_GROUP_KUBE(kube), OPT_END};

struct job {
	const struct opts *o;
	struct rk_kube *host;
	struct rk_doc *d;
	struct rk_val *config; /* the HelmChartConfig, or NULL */
};

static const char *note(const struct job *j, const char *key)
{
	return rk_get_str(j->config, "metadata", "annotations", key, NULL);
}

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

/* Write values and notes; NULL: none. What exists is changed only as it was read: somebody else's change
 * in between is a conflict, not lost. */
static int put(struct job *j, const char *values, const char *before, const char *after,
	struct rk_err *err)
{
	struct rk_val *p = rk_map(j->d), *meta = rk_map_at(j->d, p, "metadata", NULL);
	struct rk_val *notes = rk_map_at(j->d, meta, "annotations", NULL);
	struct rk_val *spec = rk_map_at(j->d, p, "spec", NULL);

	rk_set(j->d, notes, NOTE_NEW, after ? rk_string(j->d, after) : rk_null(j->d));
	rk_set(j->d, spec, "valuesContent", values ? rk_string(j->d, values) : rk_null(j->d));
	if (j->config) {
		rk_set(j->d, notes, NOTE_OLD, before ? rk_string(j->d, before) : rk_null(j->d));
		rk_set_str(j->d, meta, "resourceVersion",
			rk_get_str(j->config, "metadata", "resourceVersion", NULL));
		return rk_kube_patch(j->host, &RK_HELMCHARTCONFIG, NS, NAME, p, j->d, NULL, err);
	}
	rk_set_str(j->d, notes, NOTE_BIRTH, "true");
	rk_set_str(j->d, p, "apiVersion", RK_HELMCHARTCONFIG.api_version);
	rk_set_str(j->d, p, "kind", RK_HELMCHARTCONFIG.kind);
	rk_set_str(j->d, meta, "name", NAME);
	rk_set_str(j->d, meta, "namespace", NS);
	rk_set_str(j->d, rk_map_at(j->d, meta, "labels", NULL), RK_LABEL_MANAGED, RK_LABEL_MANAGER);
	return rk_kube_create(j->host, p, j->d, NULL, err);
}

static void print_outcome(const struct job *j, const char *what)
{
	rk_printf("helmchartconfig.helm.cattle.io/%s %s%s\n", NAME, what, rk_dry_word(j->o->dry));
}

static int enable(struct job *j, struct rk_err *err)
{
	const char *text = rk_get_str(j->config, "spec", "valuesContent", NULL);
	const struct rk_val *controller, *args;
	rk_auto_buf out = RK_BUF_INIT;
	struct rk_val *values;
	int rc;

	if (parse_values(j, text, &values, err) < 0)
		return -1;
	/* what exists on the path and is not a map would be replaced: refuse instead */
	controller = rk_get(values, "controller", NULL);
	args = rk_get(controller, "extraArgs", NULL);
	if ((controller && controller->kind != RK_MAP && controller->kind != RK_NULL) ||
		(args && args->kind != RK_MAP && args->kind != RK_NULL))
		return rk_err_set(err, RK_CONFLICT,
			"HelmChartConfig %s/%s: controller.extraArgs is not a map", NS, NAME);
	if (rk_streq(rk_str_loose(rk_get(args, "enable-ssl-passthrough", NULL)), "true")) {
		print_outcome(j, "unchanged");
		return 0;
	}
	rk_set_str(j->d, rk_map_at(j->d, values, "controller", "extraArgs", NULL),
		"enable-ssl-passthrough", "true");
	rk_yaml_write(values, false, &out);
	rc = put(j, out.s, text ? text : "", out.s, err);
	if (rc == 0)
		print_outcome(j, j->config ? "configured" : "created");
	else if (err->reason == RK_REASON_NO_SUCH_API)
		rk_err_hint(err, "this host cluster has no " NAME " of RKE2 or Harvester: enable "
				 "SSL passthrough in its own ingress controller");
	return rc;
}

static int restore(struct job *j, struct rk_err *err)
{
	const char *text = rk_get_str(j->config, "spec", "valuesContent", NULL);
	const char *before = note(j, NOTE_OLD), *after = note(j, NOTE_NEW);
	struct rk_delete_opts o = {
		.grace = -1, .uid = rk_get_str(j->config, "metadata", "uid", NULL)};
	rk_auto_buf out = RK_BUF_INIT;
	struct rk_val *values;
	int rc;

	if (!j->config || !after) {
		print_outcome(j, j->config ? "not ours: left as it is" : "not found");
		return 0;
	}
	if (!rk_streq(text, after)) { /* changed since: only our own key is removed */
		if (parse_values(j, text, &values, err) < 0)
			return -1;
		rk_remove_at(values, "controller", "extraArgs", "enable-ssl-passthrough", NULL);
		rk_yaml_write(values, false, &out);
		rc = put(j, out.s, NULL, NULL, err);
	} else if (note(j, NOTE_BIRTH)) {
		rc = rk_kube_delete(j->host, &RK_HELMCHARTCONFIG, NS, NAME, &o, NULL, err);
	} else {
		rc = put(j, before && *before ? before : NULL, NULL, NULL, err);
	}
	if (rc == 0)
		print_outcome(
			j, rk_streq(text, after) && note(j, NOTE_BIRTH) ? "deleted" : "reverted");
	return rc;
}

static int with_job(void *opts, int (*fn)(struct job *, struct rk_err *), struct rk_err *err)
{
	struct job j = {.o = opts, .d = rk_doc_new(false)};
	int rc = rk_kube_open(&j.host, &j.o->kube, err);

	if (rc == 0)
		rc = rk_kube_find(j.host, &RK_HELMCHARTCONFIG, NS, NAME, j.d, &j.config, err);
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

	if (rk_settings_open(s, &o->settings, RK_SETTINGS_GIVEN, err) < 0)
		return -1;
	if (o->settings.config && !rk_setting_is(s, RK_KEY_K3K_API_HOSTNAME)) {
		rk_note("not needed: K3K_API_HOSTNAME is not set");
		return 0;
	}
	return with_job(opts, enable, err);
}

static int revert(void *opts, int argc RK_UNUSED, char **argv RK_UNUSED, struct rk_err *err)
{
	return with_job(opts, restore, err);
}

static const struct rk_verb verbs[] = {
	{.name = "apply", .summary = "enable SSL passthrough", .opts = apply_options, .run = apply},
	{.name = "revert",
		.summary = "restore the values from before apply",
		.opts = revert_options,
		.run = revert},
	{.run = NULL}};

static const struct rk_cmd cmd = {
	.name = "passthrough",
	.summary = "enable or revert SSL passthrough in the host's rke2-ingress-nginx",
	.help = rk_help,
	.opts_size = sizeof(struct opts),
	.verbs = verbs,
};

int main(int argc, char **argv)
{
	return rk_main(&cmd, argc, argv);
}
