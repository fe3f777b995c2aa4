// SPDX-License-Identifier: Apache-2.0
/* what the files of the steps module share. */
#ifndef RK_STEPS_INTERNAL_H
#define RK_STEPS_INTERNAL_H

#include "steps/steps.h"

#define STEP_FILE_MAX ((size_t)1 << 20) /* a file that a setting names */

static inline const char *str(const struct rk_settings *s, enum rk_key k)
{
	const char *v = rk_setting(s, k);

	return v ? v : "";
}

static inline bool is(const struct rk_settings *s, enum rk_key k)
{
	return rk_setting_is(s, k);
}

static inline bool ha(const struct rk_settings *s)
{
	return rk_settings_servers(s) > 1;
}

/* --- filling skeletons --- */

/* Parameters as pairs of strings; ${cluster} is among them always. NULL ends them. */
struct rk_val *step_params(struct rk_doc *d, const struct rk_settings *s, ...)
	__attribute__((sentinel));
/* Fill a skeleton, move its objects to out; *last is the last of them. */
int step_fill(struct rk_doc *d, const char *manifest, const struct rk_val *p, struct rk_val *out,
	struct rk_val **last, struct rk_err *err) RK_MUST_USE;
int step_put_namespace(struct rk_doc *d, const struct rk_settings *s, const char *name,
	struct rk_val *out, struct rk_err *err) RK_MUST_USE;
/* A Secret; data is a map for the caller to fill. */
int step_put_secret(struct rk_doc *d, const struct rk_settings *s, const char *ns, const char *name,
	const char *type, struct rk_val *out, struct rk_val **data, struct rk_err *err) RK_MUST_USE;
/* It is created when it does not exist, and otherwise left alone. */
void step_create_only(struct rk_doc *d, struct rk_val *obj);
void step_put_data(struct rk_doc *d, struct rk_val *data, const char *key, const struct rk_buf *b);
/* The certificates or the key of the file that a key names, as rk_setting_pem. */
int step_read_pem(const struct rk_settings *s, enum rk_key k, struct rk_buf *out,
	struct rk_err *err) RK_MUST_USE;

/* --- the steps --- */

bool step_has_registry(const struct rk_settings *s);
bool step_has_chart_auth(const struct rk_settings *s);
bool step_has_secret_tls(const struct rk_settings *s);
bool step_several_hosts(const struct rk_settings *s);

int step_bootstrap(
	struct rk_doc *d, const struct rk_settings *s, struct rk_val *out, struct rk_err *err);
int step_cert_manager(
	struct rk_doc *d, const struct rk_settings *s, struct rk_val *out, struct rk_err *err);
int step_chart_auth(
	struct rk_doc *d, const struct rk_settings *s, struct rk_val *out, struct rk_err *err);
int step_cluster(
	struct rk_doc *d, const struct rk_settings *s, struct rk_val *out, struct rk_err *err);
int step_fqdn(
	struct rk_doc *d, const struct rk_settings *s, struct rk_val *out, struct rk_err *err);
int step_ingress(
	struct rk_doc *d, const struct rk_settings *s, struct rk_val *out, struct rk_err *err);
int step_issuer(
	struct rk_doc *d, const struct rk_settings *s, struct rk_val *out, struct rk_err *err);
int step_namespace(
	struct rk_doc *d, const struct rk_settings *s, struct rk_val *out, struct rk_err *err);
int step_pdb(struct rk_doc *d, const struct rk_settings *s, struct rk_val *out, struct rk_err *err);
int step_rancher(
	struct rk_doc *d, const struct rk_settings *s, struct rk_val *out, struct rk_err *err);
int step_rancher_ha(
	struct rk_doc *d, const struct rk_settings *s, struct rk_val *out, struct rk_err *err);
int step_registry(
	struct rk_doc *d, const struct rk_settings *s, struct rk_val *out, struct rk_err *err);

#endif
