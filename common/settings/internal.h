// SPDX-License-Identifier: Apache-2.0
/* what the files of the settings module share. */
#ifndef RK_SETTINGS_INTERNAL_H
#define RK_SETTINGS_INTERNAL_H

#include "settings/settings.h"

#define RK_SETTINGS_FILE_MAX ((size_t)1 << 20)

struct rk_settings_value {
	const char *s; /* NULL: unset, or only referred to */
	enum rk_origin from;
	const char *ref_file, *ref_key, *ref_env; /* where a secret stands */
};

struct rk_settings {
	struct rk_doc *d;   /* secret: owns every string */
	const char *source; /* file being parsed that can be read again, or NULL */
	bool allow_unknown; /* unknown keys are warnings */
	struct rk_settings_value v[RK_KEY_COUNT];
	struct rk_creds *creds; /* of CREDENTIALS, read when first asked for */
};

/* An unknown key, with the nearest known one. where: "deploy.conf:3: unknown key ". */
void rk_settings_unknown(const struct rk_settings *s, struct rk_problems *p, const char *where,
	const char *prefix, const char *name);

/* Take the assignments of a file that was read: what rk_settings_read does with them. */
void rk_settings_take(
	struct rk_settings *s, const char *path, const struct rk_buf *text, struct rk_problems *p);
/* Whether a text is meant as a document. */
bool rk_settings_is_doc(const char *text);
/* The values of a document, unchecked. path is for messages. */
int rk_settings_take_doc(struct rk_settings *s, const char *path, const struct rk_buf *text,
	struct rk_err *err) RK_MUST_USE;

/* Set without asking for the rank: for normalised values. */
void rk_settings_replace(struct rk_settings *s, enum rk_key k, const char *value);

#endif
