// SPDX-License-Identifier: Apache-2.0
/* what the files of the settings module share. */
#ifndef RK_SETTINGS_INTERNAL_H
#define RK_SETTINGS_INTERNAL_H

#include "settings/settings.h"

#define RK_SETTINGS_FILE_MAX ((size_t)1 << 20)

struct rk_settings_value {
	const char *s; /* NULL: unset, or only referred to */
	enum rk_origin from;
	const char *ref_file, *ref_key, *ref_env; /* where a secret is */
};

struct rk_settings {
	struct rk_doc *d;   /* secret: owns every string */
	const char *source; /* file being parsed that can be read again, or NULL */
	bool allow_unknown; /* unknown keys are warnings */
	struct rk_settings_value v[RK_KEY_COUNT];
	struct rk_creds *creds; /* of CREDENTIALS, read at first use */
};

/* Set by name. A name that is not in the table is added to p as where + prefix + name with the nearest one,
 * one of the rancher-k3k scripts that does nothing as a warning. Returns its key or RK_KEY_COUNT. */
enum rk_key rk_settings_take(struct rk_settings *s, const char *where, const char *prefix,
	const char *name, const char *value, enum rk_origin from, struct rk_problems *p);
/* The values of a document, unchecked. */
int rk_settings_take_doc(
	struct rk_settings *s, const struct rk_val *doc, struct rk_err *err) RK_MUST_USE;
/* Set without comparing origins: for normalised values and defaults. */
void rk_settings_replace(struct rk_settings *s, enum rk_key k, const char *value);

#endif
