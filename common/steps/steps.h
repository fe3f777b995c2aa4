// SPDX-License-Identifier: Apache-2.0
/* steps - what each step of a deployment applies, built from the settings.
 *
 * One table in the order of the work; deploy, render, preflight and status go by it. Nothing here
 * talks to a cluster. Values enter the objects after parsing, so none can break out of its place. */
#ifndef RK_STEPS_H
#define RK_STEPS_H

#include "settings/settings.h"

/* Names inside the virtual cluster. */
#define RK_CATTLE_NS	    "cattle-system"
#define RK_CHART_NS	    "kube-system"
#define RK_BOOTSTRAP_SECRET "bootstrap-secret" /* key bootstrapPassword */
#define RK_REPO_AUTH	    "helm-repo-auth"
#define RK_OCI_AUTH	    "helm-oci-auth"
#define RK_REPO_CA	    "helm-repo-ca"

struct rk_step {
	const char *name;
	bool virtual; /* applied inside the virtual cluster, else on the host */
	const char *summary;
	/* NULL: always */
	bool (*applies)(const struct rk_settings *s);
	/* Append the objects to out. NULL: the step is a separate tool. */
	int (*build)(struct rk_doc *d, const struct rk_settings *s, struct rk_val *out,
		struct rk_err *err);
};

extern const struct rk_step rk_steps[];		      /* ended by a NULL name */
const struct rk_step *rk_step_find(const char *name); /* or NULL */
bool rk_step_applies(const struct rk_step *step, const struct rk_settings *s);

/* The objects of a step as a SEQ in d, which should be secret. RK_NOTFOUND when the step has
 * nothing to do with these settings. Without BOOTSTRAP_PW the step bootstrap makes up a new
 * password each time: its caller looks first whether the Secret exists. */
int rk_step_objects(struct rk_doc *d, const struct rk_settings *s, const struct rk_step *step,
	struct rk_val **out, struct rk_err *err) RK_MUST_USE;

/* The mirror list of PRIVATE_REGISTRY: of MIRROR_REGISTRIES_FILE, else the usual three. The list is
 * the caller's, its strings are d's or constant. */
int rk_step_mirrors(struct rk_doc *d, const struct rk_settings *s, struct rk_strv *out,
	struct rk_err *err) RK_MUST_USE;

/* Append the images that follow from the versions alone, Rancher's and cert-manager's; the charts name
 * all of them (`bundle --list`). Strings live in d. */
void rk_step_images(struct rk_doc *d, const struct rk_settings *s, struct rk_strv *out);

/* The key of the file whose certificates Rancher shows its agents at /cacerts, or RK_KEY_COUNT. Only
 * for a certificate that a CA of the user signed: the registry's CA would break the agents of a
 * deployment whose certificate comes from Rancher, Let's Encrypt or a CA that everybody trusts. */
enum rk_key rk_steps_anchor(const struct rk_settings *s);

/* Put "(hidden)" in the place of every value of a Secret. */
void rk_step_mask_secret(struct rk_doc *d, struct rk_val *obj);

#endif
