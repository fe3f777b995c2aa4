// SPDX-License-Identifier: Apache-2.0
/* creds - the logins a user already has: Docker's config.json with its helper programs, helm's
 * repositories.yaml and registry/config.json, an existing registries.yaml.
 *
 * Each login is bound to the host it was stored for; nothing finds it under another. Entries for
 * every host ("*") are left out for that reason. */
#ifndef RK_CREDS_H
#define RK_CREDS_H

#include "rk.h"

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
 * and registry/config.json), or a file of any of these forms, told apart by what it holds.
 * Errors: RK_NOTFOUND, RK_FAIL naming file and line, never a password. */
int rk_creds_add(struct rk_creds *c, const char *source, struct rk_err *err) RK_MUST_USE;
/* The same from text. Empty text adds nothing. */
int rk_creds_parse(struct rk_creds *c, const char *name, const char *text, size_t n,
	struct rk_err *err) RK_MUST_USE;

/* The login for an address: host, host:port, with a path and a scheme or not. docker.io is found
 * under all of its names; a port 443 counts as none. Sources come in the order added, and the
 * longest path wins within the host. Runs a credential helper when one is named for the host. The
 * strings live as long as c. RK_NOTFOUND: none; RK_FAIL: a helper does not work. */
int rk_creds_find(struct rk_creds *c, const char *address, struct rk_login *out,
	struct rk_err *err) RK_MUST_USE;

#endif
