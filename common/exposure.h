// SPDX-License-Identifier: Apache-2.0
/* exposure - how the host cluster serves Rancher: Service, Ingress and class as they are, and whether
 * https://HOST/ping answers. The answer counts more than the objects: they only explain a bad one. */
#ifndef RK_EXPOSURE_H
#define RK_EXPOSURE_H

#include "ingress.h"
#include "rancher.h"

struct rk_exposure {
	const char *ns;
	const struct rk_ingress *names;		/* borrowed, filled by rk_ingress_names */
	const struct rk_val *service, *ingress; /* NULL: not found */
	const char *class;			/* of the Ingress, or NULL */
	enum { RK_CLASS_UNKNOWN, RK_CLASS_FOUND, RK_CLASS_MISSING } class_state;
	int64_t endpoints;		 /* ready ones of the Service, -1: unknown */
	struct rk_strv hosts, addresses; /* of the Ingress; strings live in its document */
	struct rk_ping *pings;		 /* one for each host, after rk_exposure_ask */
};
#define rk_auto_exposure __attribute__((cleanup(rk_exposure_release))) struct rk_exposure
void rk_exposure_release(struct rk_exposure *x);

/* Read the objects into d, in at most four requests. What the caller has no right to read of class
 * and endpoints is unknown, not an error. Errors as rk_kube_find. */
int rk_exposure_look(struct rk_exposure *x, struct rk_kube *host, const char *ns,
	const struct rk_ingress *names, struct rk_doc *d, struct rk_err *err) RK_MUST_USE;
/* The pure part of it; class and slices may be NULL for "not found" and "unknown". */
void rk_exposure_judge(struct rk_exposure *x, const struct rk_val *service,
	const struct rk_val *ingress, const struct rk_val *slices);

/* Ask every host of the Ingress: by name, and where that leads nowhere from this machine, at the
 * addresses which the Ingress has. c->addresses is not used. */
void rk_exposure_ask(struct rk_exposure *x, const struct rk_ping_conf *c);

/* {service, ingress: {name, state, detail, ...}, urls: [{url, state, detail, ...}]} in d. */
struct rk_val *rk_exposure_report(const struct rk_exposure *x, struct rk_doc *d);
/* What is wrong (problem) or could not be determined (else), one call each. That an object is missing
 * is left to the caller, who knows how to make it. */
void rk_exposure_tell(const struct rk_exposure *x,
	void (*tell)(void *arg, bool problem, const char *text), void *arg);

#endif
