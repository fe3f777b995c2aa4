// SPDX-License-Identifier: Apache-2.0
/* steps - the steps of a deployment in ONE table, in the order of the work, and the objects that each of
 * them applies. deploy, render, wait, preflight and the completion read it. Nothing here talks to a
 * cluster. Values enter the objects after parsing, so that none can become syntax. */
#ifndef RK_STEPS_H
#define RK_STEPS_H

#include "settings/settings.h"

/* What `wait` can wait for; its functions are keyed by it. */
enum rk_await {
	RK_AWAIT_NOTHING,
	RK_AWAIT_CONTROLLER,
	RK_AWAIT_TEARDOWN,
	RK_AWAIT_CLUSTERS,
	RK_AWAIT_CLUSTER,
	RK_AWAIT_CERT_MANAGER,
	RK_AWAIT_ISSUER,
	RK_AWAIT_RANCHER,
	RK_AWAIT_CERTIFICATE,
	RK_AWAIT_URL,
	RK_AWAIT_COUNT
};

struct rk_step_build; /* what a step's objects are built from and into */

struct rk_step {
	const char *name;
	bool virtual; /* in the virtual cluster, else in the host cluster */
	/* What deploy shows, followed by the value of a setting unless that is RK_KEY_COUNT; behind a tab,
	 * how long it usually takes. NULL: not a step of deploy, only waited for. */
	const char *title;
	enum rk_key title_key;
	const char *summary;			      /* what it does */
	bool (*applies)(const struct rk_settings *s); /* NULL: always */
	bool (*build)(struct rk_step_build *b); /* its objects; NULL: the work of another tool */
	enum rk_await await;			/* what shows that it is done */
	const char *awaits;			/* that in words */
	int limit_s, slow_limit_s;		/* how long to wait for it */
	bool (*is_slow)(const struct rk_settings *s); /* when the second limit counts */
};

extern const struct rk_step rk_steps[];		      /* ended by a NULL name */
const struct rk_step *rk_step_find(const char *name); /* or NULL */
bool rk_step_applies(const struct rk_step *step, const struct rk_settings *s);
int64_t rk_step_limit_ms(const struct rk_step *step, const struct rk_settings *s);
/* Append the names of the steps that match, with sep between them, for messages and completion. */
enum rk_step_set { RK_STEPS_DEPLOY, RK_STEPS_OBJECTS, RK_STEPS_AWAIT };
void rk_step_names(enum rk_step_set set, const char *sep, struct rk_buf *out);
/* RK_USAGE for a name that is not in the set, with a hint: the nearest one, or all of them and more.
 * Returns -1. */
int rk_step_unknown(enum rk_step_set set, const char *name, const char *more, struct rk_err *err);

/* The objects of a step as a SEQ in d, which should be secret. RK_NOTFOUND when these settings do not
 * need the step. Without BOOTSTRAP_PW the step bootstrap generates a new password each time: its
 * caller checks first whether the Secret exists. */
int rk_step_objects(struct rk_doc *d, const struct rk_settings *s, const struct rk_step *step,
	struct rk_val **out, struct rk_err *err) RK_MUST_USE;

/* Fill the names that are NULL with those of the settings. */
struct rk_ingress;
void rk_step_ingress(const struct rk_settings *s, struct rk_ingress *in);

/* The mirror list of PRIVATE_REGISTRY: of MIRROR_REGISTRIES_FILE, else the usual three. The list is
 * the caller's, its strings are d's or constant. */
int rk_step_mirrors(struct rk_doc *d, const struct rk_settings *s, struct rk_strv *out,
	struct rk_err *err) RK_MUST_USE;

/* Append the images that follow from the versions alone, Rancher's and cert-manager's; the charts name
 * all of them (`bundle --list`). Strings live in d. */
void rk_step_images(struct rk_doc *d, const struct rk_settings *s, struct rk_strv *out);

/* The key of the file whose certificates Rancher shows its agents at /cacerts, or RK_KEY_COUNT. Only
 * for a certificate that a CA of the user signed: the registry's CA would break the agents of a
 * deployment whose certificate comes from Rancher, Let's Encrypt or a public CA. */
enum rk_key rk_steps_anchor(const struct rk_settings *s);

#endif
