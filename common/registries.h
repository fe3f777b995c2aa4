// SPDX-License-Identifier: Apache-2.0
/* registries - a private pull-through registry as containerd, helm and k3k read it.
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

/* Append the mirrors that a registry has without a list: docker.io, quay.io and ghcr.io,
 * without host itself. The strings are constants. */
void rk_mirrors_usual(const char *host, struct rk_strv *out);

/* A mirror list: one registry per line, # comments; a byte order mark, blanks, tabs, CR and
 * duplicates are ignored, index.docker.io is docker.io. host: the private registry, or NULL.
 * Strings live in d. Errors: RK_FAIL with NAME:LINE for an invalid name, two names on a line, `*`,
 * which cannot be rewritten, and host itself, which would be looked for below its own name. */
int rk_mirrors_parse(struct rk_doc *d, const char *text, size_t n, const char *name,
	const char *host, struct rk_strv *out, struct rk_err *err) RK_MUST_USE;

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
/* A reference as people and charts write it, as containerd reads it (github.com/distribution/
 * reference): docker.io and library/ filled in, latest when there is no tag. Strings live in d.
 * Errors: RK_FAIL for an invalid name. */
int rk_image_parse(
	struct rk_doc *d, const char *text, struct rk_image *out, struct rk_err *err) RK_MUST_USE;
/* The image's full name, "docker.io/library/busybox:latest"; with a digest, without its tag. */
const char *rk_image_name(struct rk_doc *d, const struct rk_image *image);

/* Append the full names of an image list: one image per line, or "image NAME" as `bundle --list`
 * writes it; its "chart ..." lines, # comments, further columns and duplicates are passed over; a
 * byte order mark, CRLF, CR and a last line without its end make no difference. Strings live in d.
 * Errors: RK_FAIL with NAME:LINE for an invalid name and for two images on a line. */
int rk_images_parse(struct rk_doc *d, const char *text, size_t n, const char *name,
	struct rk_strv *out, struct rk_err *err) RK_MUST_USE;

/* The image's repository in the private registry host, where containerd looks for it by the
 * rewrite of its mirror, or by k3s' and Rancher's system-default-registry: under the name of the
 * upstream registry, or as it is when host is its own registry. NULL: no mirror serves it. */
const char *rk_image_mirrored(struct rk_doc *d, const struct rk_image *image, const char *host,
	const struct rk_strv *mirrors);
/* The same with host and reference: "HOST/quay.io/x/y:1", or NULL. */
const char *rk_image_source(struct rk_doc *d, const struct rk_image *image, const char *host,
	const struct rk_strv *mirrors);

#endif
