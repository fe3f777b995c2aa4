// SPDX-License-Identifier: Apache-2.0
/* chartrepo - ask chart repositories and image registries whether they have what is wanted.
 *
 * Speaks to an HTTP chart repository (index.yaml) and to an OCI registry (distribution
 * specification 1.1: /v2/, Basic and Bearer authentication). TLS is always verified. Credentials
 * and CA go to the host asked, and to the token server it names only when the caller may give them
 * there; a token server that may not have the CA is verified by the system's. */
#ifndef RK_CHARTREPO_H
#define RK_CHARTREPO_H

#include "http.h"

struct rk_repo_access {
	const char *user, *password; /* NULL: none */
	const char *from;	     /* where these were found, for advice, or NULL */
	const char *ca;		     /* PEM, the only anchors; NULL: the system's */
	size_t ca_len;
	const char *resolve; /* host:port:address, or NULL */
	int64_t timeout_ms;  /* for each request; 0: 15 s */
	/* Whether credentials and CA may go to a token server of this name; NULL: only to the
	 * registry. */
	bool (*trusts)(const void *arg, const char *host);
	const void *arg;
};

/* Errors of all name the host: RK_CONFLICT, credentials missing or refused (http 401 or 403); RK_NOTFOUND, it
 * answers but lacks what was asked for; else no answer that helps, with err->reason as of
 * rk_http_do, REDIRECT, FOREIGN_TOKEN, STATUS for another status. */

/* A version of a chart: repo is https://…, chart its name; or repo is oci://host/path/chart.
 * A leading v makes no difference in an index; a tag must be as it is. */
int rk_repo_has_chart(const char *repo, const char *chart, const char *version,
	const struct rk_repo_access *a, struct rk_err *err) RK_MUST_USE;

/* --- a registry, asked many things over one connection --- */
struct rk_registry;

/* Connect and GET /v2/ with the credentials: whether the registry lets us in. a and all it points
 * to must outlive *out. */
int rk_registry_open(struct rk_registry **out, const char *host, const struct rk_repo_access *a,
	struct rk_err *err) RK_MUST_USE;
void rk_registry_free(struct rk_registry *r);
static inline void rk_cleanup_registry_(struct rk_registry **r)
{
	rk_registry_free(*r);
}
#define rk_auto_registry __attribute__((cleanup(rk_cleanup_registry_))) struct rk_registry
/* HEAD of a manifest: repository "library/busybox", reference a tag or digest. */
int rk_registry_manifest(struct rk_registry *r, const char *repository, const char *reference,
	struct rk_err *err) RK_MUST_USE;
/* Whether it answers for a repository, known or not: the list of its tags. RK_NOTFOUND: it
 * answers that there is none. */
int rk_registry_tags(struct rk_registry *r, const char *repository, struct rk_err *err) RK_MUST_USE;

/* Whether a registry has a manifest, without asking first whether it lets us in. */
int rk_registry_has(const char *host, const char *repository, const char *reference,
	const struct rk_repo_access *a, struct rk_err *err) RK_MUST_USE;

/* Open and close. */
int rk_registry_enter(
	const char *host, const struct rk_repo_access *a, struct rk_err *err) RK_MUST_USE;

/* --- by the settings --- */
struct rk_settings;

/* Credentials and CA for an address, when they are meant for its host. ca keeps the bundle, s and
 * ca must outlive *a. Errors: what is meant for it cannot be read. */
int rk_repo_access_for(const struct rk_settings *s, const char *address, const char *resolve,
	struct rk_repo_access *a, struct rk_buf *ca, struct rk_err *err) RK_MUST_USE;
/* Advise what to do about an error of these functions for that address: sets err's hint, unless
 * there is nothing better to say than what it has. */
void rk_repo_remedy(const struct rk_settings *s, const char *address,
	const struct rk_repo_access *a, struct rk_err *err);

/* One parameter of a challenge (`realm`, `service`), unquoted, in lower-case names. False, and
 * nothing in out, when it is missing or does not fit. */
bool rk_challenge_param(const char *challenge, const char *name, char *out, size_t size);

#endif
