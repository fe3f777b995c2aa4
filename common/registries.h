// SPDX-License-Identifier: Apache-2.0
/* registries - a private pull-through registry as containerd, helm and k3k want to hear of it.
 *
 * quay.io/jetstack/x:1 is pulled from HOST/quay.io/jetstack/x:1: one mirror for each upstream
 * registry with a rewrite that puts the upstream's name in front of the path. Everything is built
 * as a tree and serialised, so no password can break out of its place. */
#ifndef RK_REGISTRIES_H
#define RK_REGISTRIES_H

#include "creds.h"
#include "val.h"

#define RK_REGISTRY_CONFIG_SECRET "k3s-registry-config" /* key registries.yaml */
#define RK_REGISTRY_CA_SECRET	  "k3s-registry-ca"	/* key ca.crt */
#define RK_REGISTRY_CONFIG_PATH	  "/etc/rancher/k3s/registries.yaml"
#define RK_REGISTRY_CA_PATH	  "/etc/rancher/k3s/tls/ca.crt"

struct rk_registries {
	const char *host;	/* host, host:port or [v6]:port of the private registry */
	struct rk_strv mirrors; /* upstream registries, in order */
	struct rk_login login;	/* all NULL: none */
	bool ca;		/* its CA is mounted at RK_REGISTRY_CA_PATH */
};

/* The mirrors that a registry gets when no file says otherwise: docker.io, quay.io, ghcr.io. */
extern const char *const rk_mirrors_default[];

/* A mirror list: one registry a line, # comments, blanks, tabs and CR ignored; doubles are dropped.
 * Strings live in d. Errors: RK_FAIL with NAME:LINE for what is no registry, and for `*`, which
 * cannot be rewritten. */
int rk_mirrors_parse(struct rk_doc *d, const char *text, size_t n, const char *name,
	struct rk_strv *out, struct rk_err *err) RK_MUST_USE;

/* registries.yaml for k3s: mirrors, then configs (tls before auth). NULL when there is nothing to
 * say: no mirror, no CA, no credentials. d should be secret when there is a password. */
struct rk_val *rk_registries_tree(struct rk_doc *d, const struct rk_registries *r);

/* Put the credentials of a host into Docker's config.json: a MAP, empty at first. */
void rk_docker_config(
	struct rk_doc *d, struct rk_val *tree, const char *host, const struct rk_login *l);

/* spec.secretMounts of a Cluster: the file, and the CA when there is one. */
struct rk_val *rk_registries_mounts(struct rk_doc *d, bool ca);

/* --- images --- */

struct rk_image {
	const char *registry, *repository; /* "docker.io", "library/busybox" */
	const char *reference;		   /* tag, or digest where there is one */
};
/* A reference as people and charts write it: docker.io and library/ filled in, latest for none.
 * Strings live in d. RK_FAIL for what is none. */
int rk_image_parse(
	struct rk_doc *d, const char *text, struct rk_image *out, struct rk_err *err) RK_MUST_USE;
/* Its repository in the private registry host: under the upstream's name, or as it is when it is
 * there already. NULL: no mirror is for it. */
const char *rk_image_mirrored(struct rk_doc *d, const struct rk_image *image, const char *host,
	const struct rk_strv *mirrors);

#endif
