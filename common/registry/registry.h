// SPDX-License-Identifier: Apache-2.0
/* creds - the logins a user already has: Docker's config.json with its helper programs, helm's
 * repositories.yaml and registry/config.json, an existing registries.yaml.
 *
 * Each login is bound to the host it was stored for; nothing finds it under another. Entries for
 * every host ("*") are left out for that reason. */
#ifndef RK_REGISTRY_H
#define RK_REGISTRY_H

#include "base/base.h"
#include "data/data.h"
#include "http/http.h"

struct rk_login {
	const char *user, *password;
	const char *token; /* an identity token instead of a password, or NULL */
	const char *ca;	   /* file of its CA bundle as helm keeps it, or NULL */
	const char *from;  /* where it was found, for people */
};

struct rk_creds;

struct rk_creds *rk_creds_new(void);
void rk_creds_free(struct rk_creds *c); /* wipes */
static inline void rk_cleanup_creds_(struct rk_creds **c)
{
	rk_creds_free(*c);
}
#define rk_auto_creds __attribute__((cleanup(rk_cleanup_creds_))) struct rk_creds

/* Add a source: "docker" ($DOCKER_CONFIG or ~/.docker/config.json), "helm" (its repositories.yaml
 * and registry/config.json), or a file of any of these forms. Errors: RK_NOTFOUND, RK_FAIL naming file
 * and line, never a password. */
int rk_creds_add(struct rk_creds *c, const char *source, struct rk_err *err) RK_MUST_USE;
/* The same from text. Empty text adds nothing. */
int rk_creds_parse(struct rk_creds *c, const char *name, const char *text, size_t n,
	struct rk_err *err) RK_MUST_USE;

/* The login for an address: host or host:port, with a path and a scheme or not; docker.io under all of
 * its names. The longest path wins, then the source added first. Runs a credential helper when one is
 * named for the host. Strings live as long as c. RK_NOTFOUND: none; RK_FAIL: a helper does not work. */
int rk_creds_find(struct rk_creds *c, const char *address, struct rk_login *out,
	struct rk_err *err) RK_MUST_USE;

/* registries - a private pull-through registry as containerd, helm and k3k read it.
 *
 * quay.io/jetstack/x:1 is pulled from HOST/quay.io/jetstack/x:1: one mirror for each upstream
 * registry with a rewrite that puts the upstream's name in front of the path. Everything is built
 * as a tree and serialised, so no password can break out of its place. */

#define RK_REGISTRY_CONFIG_PATH "/etc/rancher/k3s/registries.yaml"
#define RK_REGISTRY_CA_PATH	"/etc/rancher/k3s/tls/ca.crt"

struct rk_registries {
	const char *host;	/* host, host:port or [v6]:port of the private registry */
	struct rk_strv mirrors; /* upstream registries, in order */
	struct rk_login login;	/* all NULL: none */
	bool ca;		/* its CA is mounted at RK_REGISTRY_CA_PATH */
};

/* Append the mirrors that a registry has without a list: docker.io, quay.io, ghcr.io, but not host. */
void rk_mirrors_usual(const char *host, struct rk_strv *out);

/* A mirror list: one registry per line, # comments; a byte order mark, blanks, CR and duplicates are
 * ignored, index.docker.io is docker.io. Strings live in d. Errors: RK_FAIL with NAME:LINE for an
 * invalid name, two names on a line, `*`, and host, the private registry itself (or NULL). */
int rk_mirrors_parse(struct rk_doc *d, const char *text, size_t n, const char *name,
	const char *host, struct rk_strv *out, struct rk_err *err) RK_MUST_USE;

/* registries.yaml for k3s; NULL without a mirror, a CA and credentials. d should be secret. */
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
/* As containerd reads a reference: docker.io and library/ filled in, a missing tag becomes latest.
 * Strings live in d. Errors: RK_FAIL for an invalid name. */
int rk_image_parse(
	struct rk_doc *d, const char *text, struct rk_image *out, struct rk_err *err) RK_MUST_USE;
/* The image's full name, "docker.io/library/busybox:latest"; with a digest, without its tag. */
const char *rk_image_name(struct rk_doc *d, const struct rk_image *image);

/* Append the full name of an image, unless out has it; the limit is 10000. */
int rk_image_add(
	struct rk_doc *d, const char *text, struct rk_strv *out, struct rk_err *err) RK_MUST_USE;

/* Append the full names of an image list: one image per line, or "image NAME" as `bundle --list`
 * writes it; its "chart ..." lines, # comments, further columns and duplicates are passed over.
 * Errors: RK_FAIL with NAME:LINE for an invalid name and for two images on a line. */
int rk_images_parse(struct rk_doc *d, const char *text, size_t n, const char *name,
	struct rk_strv *out, struct rk_err *err) RK_MUST_USE;

/* The image's repository in the private registry host, by the rewrite of its mirror or by
 * system-default-registry: under the name of the upstream registry, or as it is when host is its own
 * registry. NULL: no mirror serves it. */
const char *rk_image_mirrored(struct rk_doc *d, const struct rk_image *image, const char *host,
	const struct rk_strv *mirrors);
/* The same with host and reference: "HOST/quay.io/x/y:1", or NULL. */
const char *rk_image_source(struct rk_doc *d, const struct rk_image *image, const char *host,
	const struct rk_strv *mirrors);

/* chartrepo - ask chart repositories (index.yaml) and OCI registries (distribution specification 1.1:
 * /v2/, Basic and Bearer authentication) whether they have what is needed. Credentials and CA go to the
 * host asked, and to the token server it names only when that may have them; else that is verified by
 * the system's CAs. */

struct rk_repo_access {
	const char *user, *password; /* NULL: none */
	const char *from;	     /* where these were found, for advice, or NULL */
	const char *ca;		     /* PEM, the only anchors; NULL: the system's */
	size_t ca_len;
	const char *resolve; /* host:port:address, or NULL */
	int64_t timeout_ms;  /* for each request; 0: 15 s */
	/* Whether credentials and CA may go to another host; NULL: to none. */
	bool (*trusts)(const void *arg, const char *host);
	const void *arg;
};

/* Errors of all name the host: RK_CONFLICT, credentials missing or refused (http 401 or 403); RK_NOTFOUND,
 * it lacks what was asked for; else err->reason as of rk_http_do, REDIRECT, FOREIGN_TOKEN or STATUS. */

/* A version of a chart: repo is https://…, chart its name; or repo is oci://host/path/chart.
 * A leading v makes no difference in an index; a tag must be as it is. */
int rk_repo_has_chart(const char *repo, const char *chart, const char *version,
	const struct rk_repo_access *a, struct rk_err *err) RK_MUST_USE;

/* A registry, asked many things over one connection. No connection yet. a and all it points to must outlive it. */
struct rk_registry *rk_registry_new(const char *host, const struct rk_repo_access *a);
void rk_registry_free(struct rk_registry *r);
static inline void rk_cleanup_registry_(struct rk_registry **r)
{
	rk_registry_free(*r);
}
#define rk_auto_registry __attribute__((cleanup(rk_cleanup_registry_))) struct rk_registry
/* Whether it has a manifest: repository "library/busybox", reference a tag or digest. reference NULL:
 * whether it lists the repository's tags. repository NULL, too: whether it grants access, by /v2/. */
int rk_registry_ask(struct rk_registry *r, const char *repository, const char *reference,
	struct rk_err *err) RK_MUST_USE;

/* One parameter of a challenge (`realm`, `service`), unquoted, in lower-case names. False, and
 * nothing in out, when it is missing or does not fit. */
bool rk_challenge_param(const char *challenge, const char *name, char *out, size_t size);

/* Whether an address is one of an OCI registry. */
bool rk_repo_is_oci(const char *repo);
/* host or host:port of an address or registry name, in lower case. Caller frees; NULL when there
 * is none. */
char *rk_repo_host(const char *repo);

#endif
