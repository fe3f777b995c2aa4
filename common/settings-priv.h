// SPDX-License-Identifier: Apache-2.0
/* settings-priv - what the files of the settings room share. */
#ifndef RK_SETTINGS_PRIV_H
#define RK_SETTINGS_PRIV_H

#include "settings.h"

#define RK_SETTINGS_FILE_MAX ((size_t)1 << 20)

struct rk_settings_value {
	const char *s; /* NULL: unset, or only referred to */
	enum rk_origin from;
	const char *ref_file, *ref_key, *ref_env; /* where a secret stands */
};

struct rk_settings {
	struct rk_doc *d;   /* secret: owns every string */
	const char *source; /* file being parsed that can be read again, or NULL */
	struct rk_settings_value v[RK_KEY_COUNT];
	struct rk_creds *creds; /* of CREDENTIALS, read when first asked for */
};

/* Set without asking for the rank: for normalised values. */
void rk_settings_replace(struct rk_settings *s, enum rk_key k, const char *value);

struct rk_net {
	int family;
	int bits;
	unsigned char a[16];
};

/* Read "10.42.0.0/16"; NULL, or what is wrong with it. */
const char *rk_net_parse(const char *text, struct rk_net *n);

#endif
