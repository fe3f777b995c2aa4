// SPDX-License-Identifier: Apache-2.0
/* charts - whether chart repositories and the private registry have what will be pulled from them. */
#include "tool.h"

#include "registry/registry.h"
#include "steps/steps.h"

#define HUB_MS 5000 /* it need not be reachable from here */

/* From here a host need not be reachable when only the cluster has to reach it. */
static void repo_failed(struct flight *f, bool inside, const char *address,
	const struct rk_repo_access *a, struct rk_err *err)
{
	bool unsure = err->reason == RK_REASON_RESOLVE || err->reason == RK_REASON_REFUSED ||
		      err->reason == RK_REASON_UNREACHABLE || err->reason == RK_REASON_TIMEOUT ||
		      err->reason == RK_REASON_FOREIGN_TOKEN || err->reason == RK_REASON_PROXY ||
		      err->reason == RK_REASON_BROKEN;
	const char *hint = err->hint;

	rk_settings_repo_remedy(f->s, address, a, err);
	if (unsure && inside && !*hint)
		hint = "not reachable from here; it must be from the cluster";
	pf_row(f, unsure && inside ? WARN : STOP, "%s%s%s", err->msg, *hint ? "; " : "", hint);
}

void pf_check_charts(struct flight *f)
{
	static const struct {
		const char *name;
		enum rk_key repo; /* the key of its version follows */
	} charts[] = {{"k3k", RK_KEY_K3K_REPO}, {"cert-manager", RK_KEY_CERTMANAGER_REPO},
		{"rancher", RK_KEY_RANCHER_REPO}};

	for (size_t i = 0; i < RK_COUNT(charts); i++) {
		const char *name = charts[i].name, *repo = pf_str(f, charts[i].repo);
		const char *version = pf_str(f, charts[i].repo + 1);
		rk_auto_buf ca = RK_BUF_INIT;
		struct rk_err err = RK_ERR_INIT;
		struct rk_repo_access a;

		if (!i && f->controller_current)
			pf_row(f, SKIP, "k3k %s: installed", version);
		else if (rk_settings_repo_access(f->s, repo, f->o->kube.resolve, &a, &ca, &err) <
				 0 ||
			 rk_repo_has_chart(repo, name, version, &a, &err) < 0)
			repo_failed(f, i > 0, repo, &a, &err);
		else
			pf_row(f, OK, "%s %s from %s%s", name, version, repo,
				a.user ? ", with credentials" : "");
	}
}

/* Without a private registry the nodes pull the servers' image from Docker Hub, unless it runs there
 * already. One question, without a login: whether it has the tag. */
static void check_public_image(struct flight *f)
{
	const struct rk_repo_access a = {.resolve = f->o->kube.resolve, .timeout_ms = HUB_MS};
	const char *tag = pf_str(f, RK_KEY_K3S_VERSION);
	rk_auto_registry *r = NULL;
	struct rk_err err = RK_ERR_INIT;

	if (!*tag || (f->cluster && rk_streq(rk_get_str(f->cluster, "spec", "version", NULL), tag)))
		return;
	r = rk_registry_new("registry-1.docker.io", &a);
	if (rk_registry_ask(r, "rancher/k3s", tag, &err) == 0) {
		pf_row(f, OK, "docker.io has rancher/k3s:%s", tag);
	} else if (err.code == RK_NOTFOUND) {
		pf_row(f, STOP, "docker.io has no rancher/k3s:%s: check K3S_VERSION", tag);
	} else {
		rk_err_wrap(&err, "whether docker.io has rancher/k3s:%s", tag);
		pf_unknown(f, &err);
	}
}

void pf_check_registry(struct flight *f)
{
	const char *host = pf_str(f, RK_KEY_PRIVATE_REGISTRY), *last = NULL, *name = NULL;
	const char *tag = pf_str(f, RK_KEY_K3S_VERSION);
	rk_auto_strv mirrors = {0}, images = {0};
	rk_auto_registry *r = NULL;
	rk_auto_buf ca = RK_BUF_INIT;
	struct rk_err err = RK_ERR_INIT;
	struct rk_repo_access a;
	struct rk_image image;
	bool known;

	if (!*host) {
		check_public_image(f);
		return;
	}
	/* an unreadable list of mirrors is reported by the check objects */
	known = rk_step_mirrors(f->d, f->s, &mirrors, NULL) == 0;
	if (known)
		rk_step_images(f->d, f->s, &images);
	/* images that would be pulled past the private registry, one row for each upstream registry */
	for (size_t i = 0; i < images.n; i++) {
		if (rk_image_parse(f->d, images.v[i], &image, NULL) < 0 ||
			rk_streq(image.registry, last) ||
			rk_image_mirrored(f->d, &image, host, &mirrors))
			continue;
		last = image.registry;
		pf_row(f, WARN,
			"no mirror is for %s: cert-manager's images would come from there; add it "
			"to MIRROR_REGISTRIES_FILE",
			last);
	}
	r = rk_registry_new(host, &a);
	if (rk_settings_repo_access(f->s, host, f->o->kube.resolve, &a, &ca, &err) < 0 ||
		rk_registry_ask(r, NULL, NULL, &err) < 0) {
		repo_failed(f, true, host, &a, &err);
		return;
	}
	pf_row(f, OK, "%s is accessible", host);
	/* the servers' image, which the nodes may still pull from elsewhere */
	if (known && *tag &&
		rk_image_parse(f->d, rk_doc_printf(f->d, "rancher/k3s:%s", tag), &image, NULL) == 0)
		name = rk_image_mirrored(f->d, &image, host, &mirrors);
	if (name && rk_registry_ask(r, name, image.reference, &err) < 0 && err.code == RK_NOTFOUND)
		pf_row(f, WARN,
			"%s has no %s:%s: the servers start only if the nodes can pull it from "
			"elsewhere; check K3S_VERSION",
			host, name, image.reference);
}
