// SPDX-License-Identifier: Apache-2.0
/* what the files of the steps module share. */
#ifndef RK_STEPS_INTERNAL_H
#define RK_STEPS_INTERNAL_H

#include "steps/steps.h"

#define STEP_FILE_MAX ((size_t)1 << 20) /* a file that a setting names */

struct rk_step_build {
	struct rk_doc *d;
	const struct rk_settings *s;
	struct rk_val *out; /* SEQ of objects */
	struct rk_err *err;
};

#define str(s, k) rk_setting_text(s, k)
#define is(s, k)  rk_setting_is(s, k)

static inline bool ha(const struct rk_settings *s)
{
	return rk_settings_servers(s) > 1;
}

/* A setting that may be missing: NULL when unset or empty. */
#define opt(s, k) (is(s, k) ? str(s, k) : NULL)

/* Fill a skeleton and move its objects to out. Parameters are pairs of strings, ended by NULL; a key that
 * begins with # is followed by an int64_t, one with @ by a struct rk_val *. Members whose value is NULL are
 * left out. ${cluster} is always among them. Returns the last object, or NULL after an error. */
struct rk_val *step_fill(struct rk_step_build *b, const char *manifest, ...)
	__attribute__((sentinel));
/* A Secret whose data are pairs of strings, ended by NULL. Returns it, or NULL after an error. */
struct rk_val *step_secret(struct rk_step_build *b, const char *ns, const char *name,
	const char *type, ...) __attribute__((sentinel));
/* Make an object one that is created when it does not exist, and left alone otherwise. NULL: false. */
bool step_create_only(struct rk_step_build *b, struct rk_val *obj);
/* The items of a comma list as a SEQ, or NULL when there are none. */
struct rk_val *step_list(struct rk_step_build *b, enum rk_key k);
/* The certificates or the key of the file that a setting names, as rk_setting_pem. */
int step_read_pem(const struct rk_settings *s, enum rk_key k, struct rk_buf *out,
	struct rk_err *err) RK_MUST_USE;

bool step_has_registry(const struct rk_settings *s);
bool step_has_chart_auth(const struct rk_settings *s);
bool step_has_secret_tls(const struct rk_settings *s);
bool step_has_more_hosts(const struct rk_settings *s);

bool step_bootstrap(struct rk_step_build *b);
bool step_cert_manager(struct rk_step_build *b);
bool step_chart_auth(struct rk_step_build *b);
bool step_cluster(struct rk_step_build *b);
bool step_fqdn(struct rk_step_build *b);
bool step_ingress(struct rk_step_build *b);
bool step_issuer(struct rk_step_build *b);
bool step_namespace(struct rk_step_build *b);
bool step_pdb(struct rk_step_build *b);
bool step_rancher(struct rk_step_build *b);
bool step_rancher_ha(struct rk_step_build *b);
bool step_registry(struct rk_step_build *b);

#endif
