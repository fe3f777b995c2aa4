// SPDX-License-Identifier: Apache-2.0
/* check: speak to each registry and chart host, and look for what is needed. */
#include "tool.h"
#include "registry/registry.h"
#include "os/os.h"
#include "data/data.h"
#include "steps/steps.h"

enum state { OK, WARN, FAILED };
static const char *const STATES[] = {"ok", "warning", "failed"};

struct checks {
	struct job *j;
	struct rk_val *rows; /* SEQ of {kind, name, state, detail, remedy} */
	size_t failed;
	struct rk_strv mirrors, images;
	struct rk_repo_access access; /* to the private registry */
	struct rk_registry *registry; /* NULL: it does not let us in */
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
	rk_settings_repo_remedy(c->j->s, address, a, err);
	row(c, FAILED, kind, name, err->msg, err->hint);
}

static void check_chart(struct checks *c, const char *name, enum rk_key repo)
{
	const char *address = reg_str(c->j, repo), *version = reg_str(c->j, repo + 1);
	rk_auto_free char *label = rk_asprintf("%s %s", name, version);
	rk_auto_free char *detail = NULL;
	rk_auto_buf ca = RK_BUF_INIT;
	struct rk_err err = RK_ERR_INIT;
	struct rk_repo_access a = {0};

	if (rk_settings_repo_access(c->j->s, address, c->j->o->kube.resolve, &a, &ca, &err) < 0 ||
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

/* What would let us pull from a path of the registry. */
static void pull_remedy(struct checks *c, const char *path, struct rk_err *err)
{
	if (!c->access.user)
		rk_settings_repo_remedy(
			c->j->s, reg_str(c->j, RK_KEY_PRIVATE_REGISTRY), &c->access, err);
	else if (!err->hint[0] && err->code == RK_CONFLICT)
		rk_err_hint(err, "the user may not pull there: give it the right to %s", path);
}

static void check_image(struct checks *c, const char *text, size_t *of_mirror)
{
	const char *host = reg_str(c->j, RK_KEY_PRIVATE_REGISTRY), *there;
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
			"push it (see kubectl rk3k bundle --help), or let the registry fetch %s "
			"from %s",
			there, image.registry);
	pull_remedy(c, there, &err);
	row(c, FAILED, "image", text, err.msg, err.hint);
}

/* A path from which a needed image came answers; another is asked for a list of tags. */
static void check_mirror(struct checks *c, const char *mirror, size_t images)
{
	const char *host = reg_str(c->j, RK_KEY_PRIVATE_REGISTRY);
	rk_auto_free char *probe = rk_asprintf("%s/library/probe", mirror);
	rk_auto_free char *detail = rk_asprintf("%s/%s", host, mirror);
	struct rk_err err = RK_ERR_INIT;

	if (rk_registry_tags(c->registry, probe, &err) == 0 || err.code == RK_NOTFOUND) {
		rk_auto_free char *text = rk_asprintf("%s answers%s", detail,
			images ? "" : "; no image of the list comes from it");
		row(c, OK, "mirror", mirror, text, NULL);
		return;
	}
	pull_remedy(c, detail, &err);
	row(c, FAILED, "mirror", mirror, err.msg, err.hint);
}

static int check_registry(struct checks *c, struct rk_err *e)
{
	const char *host = reg_str(c->j, RK_KEY_PRIVATE_REGISTRY);
	rk_auto_buf ca = RK_BUF_INIT;
	rk_auto_free size_t *of_mirror = NULL;
	struct rk_err err = RK_ERR_INIT;
	struct rk_repo_access *a = &c->access;

	if (!*host)
		return 0;
	if (rk_step_mirrors(c->j->d, c->j->s, &c->mirrors, e) < 0)
		return -1;
	if (rk_settings_repo_access(c->j->s, host, c->j->o->kube.resolve, a, &ca, &err) < 0 ||
		rk_registry_open(&c->registry, host, a, &err) < 0) {
		failed(c, "registry", host, host, a, &err);
		return 0;
	}
	row(c, OK, "registry", host, a->user ? "lets us in, with credentials" : "lets us in", NULL);
	of_mirror = rk_calloc(c->mirrors.n + 1, sizeof(*of_mirror));
	for (size_t i = 0; i < c->images.n; i++)
		check_image(c, c->images.v[i], of_mirror);
	for (size_t i = 0; i < c->mirrors.n; i++)
		check_mirror(c, c->mirrors.v[i], of_mirror[i]);
	rk_registry_free(c->registry);
	return 0;
}

static int print_rows(const struct checks *c, struct rk_err *err)
{
	static const char *const head[] = {"KIND", "NAME", "STATE", "DETAIL"};
	const struct opts *o = c->j->o;
	struct rk_table *t;

	if (o->out.sort_by && rk_jsonpath_sort(c->rows, o->out.sort_by, err) < 0)
		return -1;
	if (o->out.fmt == RK_FMT_JSON || o->out.fmt == RK_FMT_YAML) {
		rk_print_val((enum rk_fmt)o->out.fmt, c->rows);
		return 0;
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
	return 0;
}

static int check_all(struct job *j, struct rk_err *err)
{
	struct checks c = {.j = j, .rows = rk_seq(j->d)};
	int rc = 0;

	if (j->o->images)
		rc = reg_read_images(j, j->o->images, "--images", &c.images, err);
	else
		rk_step_images(j->d, j->s, &c.images);
	if (rc == 0)
		rc = check_registry(&c, err);
	if (rc == 0) {
		check_chart(&c, "k3k", RK_KEY_K3K_REPO);
		check_chart(&c, "cert-manager", RK_KEY_CERTMANAGER_REPO);
		check_chart(&c, "rancher", RK_KEY_RANCHER_REPO);
		rc = print_rows(&c, err);
	}
	rk_strv_release(&c.mirrors);
	rk_strv_release(&c.images);
	if (rc == 0 && c.failed)
		return rk_err_set(err, RK_FAIL, "%zu of %u checks failed", c.failed, c.rows->count);
	return rc;
}

int reg_run_check(void *opts, int argc, char **argv, struct rk_err *err)
{
	(void)argc;
	(void)argv;
	return reg_with_job(opts, NULL, check_all, err);
}
