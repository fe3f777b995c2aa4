// SPDX-License-Identifier: Apache-2.0
/* check: check that each registry and chart host has what is needed. */
#include "tool.h"
#include "registry/registry.h"
#include "os/os.h"
#include "data/data.h"
#include "steps/steps.h"

enum state { OK, WARN, FAILED };

struct checks {
	struct job *j;
	struct rk_val *rows; /* SEQ of {kind, name, state, detail, remedy} */
	size_t failed;
	struct rk_strv mirrors, images;
	const char *host;	      /* of the private registry */
	struct rk_repo_access access; /* to it */
	struct rk_registry *registry;
};

static void row(struct checks *c, enum state state, const char *kind, const char *name,
	const char *detail, const char *remedy)
{
	static const char *const states[] = {"ok", "warning", "failed"};
	struct rk_doc *d = c->j->d;
	struct rk_val *v = rk_map(d);

	rk_set_str(d, v, "kind", kind);
	rk_set_str(d, v, "name", name);
	rk_set_str(d, v, "state", states[state]);
	rk_set_str(d, v, "detail", detail);
	rk_set_str(d, v, "remedy", remedy && *remedy ? remedy : NULL);
	rk_append(c->rows, v);
	c->failed += state == FAILED;
}

static void check_chart(struct checks *c, const char *name, enum rk_key repo)
{
	const char *address = reg_str(c->j, repo), *version = reg_str(c->j, repo + 1);
	const char *label = rk_doc_printf(c->j->d, "%s %s", name, version);
	rk_auto_buf ca = RK_BUF_INIT;
	struct rk_err err = RK_ERR_INIT;
	struct rk_repo_access a = {0};

	if (rk_settings_repo_access(c->j->s, address, c->j->o->kube.resolve, &a, &ca, &err) == 0 &&
		rk_repo_has_chart(address, name, version, &a, &err) == 0) {
		row(c, OK, "chart", label,
			rk_doc_printf(c->j->d, "%s%s", address, a.user ? ", with credentials" : ""),
			NULL);
		return;
	}
	if (err.code == RK_NOTFOUND)
		rk_err_hint(&err, "push chart %s %s there, or set %s or %s", name, version,
			rk_settings_table[repo].name, rk_settings_table[repo + 1].name);
	rk_settings_repo_remedy(c->j->s, address, &a, &err);
	row(c, FAILED, "chart", label, err.msg, err.hint);
}

/* Ask the registry for what is pulled from a path there: an image, or, without reference, the list of tags
 * of a repository below it, which need not exist. */
static void check_pull(struct checks *c, const char *kind, const char *name, const char *path,
	const char *reference, const char *detail, const char *missing)
{
	const char *repository =
		reference ? path : rk_doc_printf(c->j->d, "%s/library/probe", path);
	struct rk_err err = RK_ERR_INIT;

	if (rk_registry_ask(c->registry, repository, reference, &err) == 0 ||
		(!reference && err.code == RK_NOTFOUND)) {
		row(c, OK, kind, name, rk_doc_printf(c->j->d, "%s/%s%s", c->host, path, detail),
			NULL);
		return;
	}
	if (err.code == RK_NOTFOUND)
		rk_err_hint(&err, "%s", missing);
	if (!c->access.user)
		rk_settings_repo_remedy(c->j->s, c->host, &c->access, &err);
	else if (!err.hint[0] && err.code == RK_CONFLICT)
		rk_err_hint(&err, "the user may not pull there: grant it permission to %s", path);
	row(c, FAILED, kind, name, err.msg, err.hint);
}

static void check_image(struct checks *c, const char *text, size_t *of_mirror)
{
	struct rk_doc *d = c->j->d;
	struct rk_err err = RK_ERR_INIT;
	struct rk_image image;
	const char *path;

	if (rk_image_parse(d, text, &image, &err) < 0) {
		row(c, FAILED, "image", text, err.msg, NULL);
		return;
	}
	path = rk_image_mirrored(d, &image, c->host, &c->mirrors);
	if (!path) {
		row(c, rk_setting_yes(c->j->s, RK_KEY_REGISTRY_FALLBACK) ? WARN : FAILED, "image",
			text,
			rk_doc_printf(d, "no mirror for %s: servers would pull from there",
				image.registry),
			"add the registry to MIRROR_REGISTRIES_FILE");
		return;
	}
	for (size_t i = 0; i < c->mirrors.n; i++)
		of_mirror[i] += rk_streq(c->mirrors.v[i], image.registry);
	check_pull(c, "image", text, path, image.reference, "",
		rk_doc_printf(d,
			"push it (see kubectl rk3k bundle --help), or let the registry fetch %s "
			"from %s",
			path, image.registry));
}

static int check_registry(struct checks *c, struct rk_err *e)
{
	rk_auto_buf ca = RK_BUF_INIT;
	rk_auto_free size_t *of_mirror = NULL;
	rk_auto_registry *r = rk_registry_new(c->host, &c->access);
	struct rk_err err = RK_ERR_INIT;

	if (!*c->host)
		return 0;
	if (rk_step_mirrors(c->j->d, c->j->s, &c->mirrors, e) < 0)
		return -1;
	c->registry = r;
	if (rk_settings_repo_access(
		    c->j->s, c->host, c->j->o->kube.resolve, &c->access, &ca, &err) < 0 ||
		rk_registry_ask(r, NULL, NULL, &err) < 0) {
		rk_settings_repo_remedy(c->j->s, c->host, &c->access, &err);
		row(c, FAILED, "registry", c->host, err.msg, err.hint);
		return 0;
	}
	row(c, OK, "registry", c->host,
		c->access.user ? "grants access, with credentials" : "grants access", NULL);
	of_mirror = rk_calloc(c->mirrors.n + 1, sizeof(*of_mirror));
	for (size_t i = 0; i < c->images.n; i++)
		check_image(c, c->images.v[i], of_mirror);
	for (size_t i = 0; i < c->mirrors.n; i++)
		check_pull(c, "mirror", c->mirrors.v[i], c->mirrors.v[i], NULL,
			of_mirror[i] ? " answers" : " answers; no image of the list comes from it",
			"");
	return 0;
}

static int check_all(struct job *j, struct rk_err *err)
{
	static const char *const head[] = {"KIND", "NAME", "STATE", "DETAIL"};
	struct checks c = {
		.j = j, .rows = rk_seq(j->d), .host = reg_str(j, RK_KEY_PRIVATE_REGISTRY)};
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
		rc = reg_print_rows(j, c.rows, head, RK_COUNT(head), err);
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
