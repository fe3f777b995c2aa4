// SPDX-License-Identifier: Apache-2.0
/* charts - whether chart repositories and the private registry have what will be asked of them. */
#include "tool.h"

#include "registry/registry.h"
#include "steps/steps.h"

#define HUB_MS 5000 /* it need not be reachable from here */

/* --- charts and registry --- */

/* From here a host need not be reachable when only the cluster has to reach it. */
static void repo_failed(struct flight *f, const char *check, bool inside, const char *address,
	const struct rk_repo_access *a, struct rk_err *err)
{
	bool unsure = err->reason == RK_REASON_RESOLVE || err->reason == RK_REASON_REFUSED ||
		      err->reason == RK_REASON_UNREACHABLE || err->reason == RK_REASON_TIMEOUT ||
		      err->reason == RK_REASON_FOREIGN_TOKEN || err->reason == RK_REASON_PROXY ||
		      err->reason == RK_REASON_BROKEN;
	const char *hint;

	rk_settings_repo_remedy(f->s, address, a, err);
	hint = err->hint;
	if (unsure && inside && !*hint)
		hint = "not reachable from here; it must be from the cluster";
	pf_row(f, unsure && inside ? WARN : STOP, check, "%s%s%s", err->msg, *hint ? "; " : "",
		hint);
}

static void check_chart(struct flight *f, const char *name, enum rk_key repo)
{
	rk_auto_buf ca = RK_BUF_INIT;
	struct rk_err err = RK_ERR_INIT;
	struct rk_repo_access a;
	bool inside = repo != RK_KEY_K3K_REPO;

	if (rk_settings_repo_access(f->s, pf_str(f, repo), f->o->kube.resolve, &a, &ca, &err) < 0 ||
		rk_repo_has_chart(pf_str(f, repo), name, pf_str(f, repo + 1), &a, &err) < 0)
		repo_failed(f, "charts", inside, pf_str(f, repo), &a, &err);
	else
		pf_row(f, OK, "charts", "%s %s from %s%s", name, pf_str(f, repo + 1),
			pf_str(f, repo), a.user ? ", with credentials" : "");
}

void pf_check_charts(struct flight *f)
{
	if (f->controller_current)
		pf_row(f, SKIP, "charts", "k3k %s: installed", pf_str(f, RK_KEY_K3K_VERSION));
	else
		check_chart(f, "k3k", RK_KEY_K3K_REPO);
	check_chart(f, "cert-manager", RK_KEY_CERTMANAGER_REPO);
	check_chart(f, "rancher", RK_KEY_RANCHER_REPO);
}

/* Images that would be pulled past the private registry, one row for each upstream registry. */
static void check_mirrors(struct flight *f)
{
	struct rk_strv mirrors = {0}, images = {0};
	const char *said = NULL;

	rk_step_images(f->d, f->s, &images);
	if (rk_step_mirrors(f->d, f->s, &mirrors, NULL) < 0) /* another check reports it */
		images.n = 0;
	for (size_t i = 0; i < images.n; i++) {
		struct rk_image image;

		if (rk_image_parse(f->d, images.v[i], &image, NULL) < 0 ||
			rk_streq(image.registry, said) ||
			rk_image_mirrored(
				f->d, &image, pf_str(f, RK_KEY_PRIVATE_REGISTRY), &mirrors))
			continue;
		said = image.registry;
		pf_row(f, WARN, "registry",
			"no mirror is for %s: cert-manager's images would come from there; add it "
			"to MIRROR_REGISTRIES_FILE",
			said);
	}
	rk_strv_release(&mirrors);
	rk_strv_release(&images);
}

/* The servers' image, whose tag is K3S_VERSION: what the registry does not have may still be pulled
 * by the nodes from elsewhere. */
static void check_k3s_image(struct flight *f, struct rk_registry *r)
{
	struct rk_strv mirrors = {0};
	struct rk_err err = RK_ERR_INIT;
	struct rk_image image;
	const char *there;

	if (!pf_is(f, RK_KEY_K3S_VERSION) ||
		rk_image_parse(f->d,
			rk_doc_printf(f->d, "rancher/k3s:%s", pf_str(f, RK_KEY_K3S_VERSION)),
			&image, NULL) < 0 ||
		rk_step_mirrors(f->d, f->s, &mirrors, NULL) < 0)
		return;
	there = rk_image_mirrored(f->d, &image, pf_str(f, RK_KEY_PRIVATE_REGISTRY), &mirrors);
	if (there && rk_registry_manifest(r, there, image.reference, &err) < 0 &&
		err.code == RK_NOTFOUND)
		pf_row(f, WARN, "registry",
			"%s has no %s:%s: the servers start only if the nodes can pull it from "
			"elsewhere; check K3S_VERSION",
			pf_str(f, RK_KEY_PRIVATE_REGISTRY), there, image.reference);
	rk_strv_release(&mirrors);
}

/* Without a private registry the nodes pull the servers' image from Docker Hub, unless it runs there
 * already. One question, without a login: whether it has the tag. */
static void check_public_image(struct flight *f)
{
	const struct rk_repo_access a = {.resolve = f->o->kube.resolve, .timeout_ms = HUB_MS};
	const char *tag = pf_str(f, RK_KEY_K3S_VERSION);
	struct rk_err err = RK_ERR_INIT;

	if (!*tag || (f->cluster && rk_streq(rk_get_str(f->cluster, "spec", "version", NULL), tag)))
		return;
	if (rk_registry_has("registry-1.docker.io", "rancher/k3s", tag, &a, &err) == 0) {
		pf_row(f, OK, "registry", "docker.io has rancher/k3s:%s", tag);
		return;
	}
	if (err.code == RK_NOTFOUND) {
		pf_row(f, STOP, "registry", "docker.io has no rancher/k3s:%s: check K3S_VERSION",
			tag);
		return;
	}
	rk_err_wrap(&err, "whether docker.io has rancher/k3s:%s", tag);
	pf_unknown(f, "registry", &err);
}

void pf_check_registry(struct flight *f)
{
	rk_auto_registry *r = NULL;
	const char *host = pf_str(f, RK_KEY_PRIVATE_REGISTRY);
	rk_auto_buf ca = RK_BUF_INIT;
	struct rk_err err = RK_ERR_INIT;
	struct rk_repo_access a;

	if (!*host) {
		check_public_image(f);
		return;
	}
	check_mirrors(f);
	if (rk_settings_repo_access(f->s, host, f->o->kube.resolve, &a, &ca, &err) < 0 ||
		rk_registry_open(&r, host, &a, &err) < 0) {
		repo_failed(f, "registry", true, host, &a, &err);
		return;
	}
	pf_row(f, OK, "registry", "%s lets us in", host);
	check_k3s_image(f, r);
}
