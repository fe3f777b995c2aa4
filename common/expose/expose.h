// SPDX-License-Identifier: Apache-2.0
/* ingress - how the host cluster exposes Rancher: a Service that selects the k3k server pods and an
 * Ingress in front of it, in the seed's names, and what the rancher-k3k scripts made under others.
 *
 * Browser → host ingress controller (ends TLS with the copied certificate) → this Service → the
 * virtual cluster's own ingress controller on the server pods' 443 → Rancher. */
#ifndef RK_EXPOSE_H
#define RK_EXPOSE_H

#include "tls/tls.h"
#include "kube/kube.h"
#include "rancher/rancher.h"

struct rk_ingress {
	const char *ns, *cluster;
	struct rk_strv hosts;			     /* the first is the primary */
	const char *service, *name, *secret, *class; /* NULL: see rk_ingress_names */
};

/* Fill the names that are NULL, in d, as the settings make them of CLUSTER: CLUSTER-k3k-traefik,
 * CLUSTER-k3k-ingress, tls-CLUSTER-ingress, class nginx. */
void rk_ingress_names(struct rk_doc *d, struct rk_ingress *in);

/* " --service NAME..." for the names that are given and not the usual ones: for the commands in
 * hints. secret: the flag for the Secret, "--secret" or "--to". */
void rk_ingress_flags(const struct rk_ingress *in, const char *secret, struct rk_buf *out);

/* The Service and the Ingress as a SEQ in d, names filled in as above, ready to be applied. RK_USAGE without a host. */
int rk_ingress_objects(struct rk_doc *d, const struct rk_ingress *given, struct rk_val **out,
	struct rk_err *err) RK_MUST_USE;

/* Names that newer releases of upstream's scripts gave the same two objects; they are replaced
 * (deleted once ours exist) so that one host name has one Ingress. NULL-terminated. */
extern const char *const rk_ingress_old_services[];
extern const char *const rk_ingress_old_names[];

/* Hosts of an Ingress object, in order, without doubles; strings live in ingress's doc. */
void rk_ingress_hosts(const struct rk_val *ingress, struct rk_strv *hosts);

/* exposure - how the host cluster serves Rancher: Service, Ingress and class as they are, and whether
 * https://HOST/ping answers. The answer counts more than the objects: they only explain a bad one. */

struct rk_exposure {
	const char *ns;
	const struct rk_ingress *names;		/* borrowed, filled by rk_ingress_names */
	const struct rk_val *service, *ingress; /* NULL: not found */
	const char *class;			/* of the Ingress, or NULL */
	enum { RK_CLASS_UNKNOWN, RK_CLASS_FOUND, RK_CLASS_MISSING } class_state;
	bool leads_to_service;		 /* the Ingress has that backend */
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

/* Request /ping of every host of the Ingress: by name, and where the name does not resolve to it on this
 * machine, at the addresses of the Ingress. c->addresses is not used. */
void rk_exposure_ask(struct rk_exposure *x, const struct rk_ping_conf *c);

/* {service, ingress: {name, state, detail, ...}, urls: [{url, state, detail, ...}]} in d. */
struct rk_val *rk_exposure_report(const struct rk_exposure *x, struct rk_doc *d);
/* What is wrong (problem) or could not be determined (else), one call each. That an object is missing
 * is left to the caller, who knows how to make it. */
void rk_exposure_tell(const struct rk_exposure *x,
	void (*tell)(void *arg, bool problem, const char *text), void *arg);

/* certcopy - copies Rancher's certificate from the virtual cluster to the host cluster.
 *
 * The certificate is issued and renewed in the virtual cluster; the host cluster's ingress controller
 * serves a copy. A copy that does not match its key, is expired or does not cover the host names would
 * take Rancher down, so it is refused and the host cluster keeps what it has. */

struct rk_certcopy {
	const char *cluster;	    /* for labels and messages */
	const char *from_ns, *from; /* source Secret; from NULL: rk_certcopy_source */
	const char *to_ns, *to;	    /* Secret on the host */
	struct rk_strv hosts;	    /* names the certificate must cover; may be empty */
};

struct rk_certcopy_result {
	enum rk_outcome outcome;
	char fingerprint[65];
	int64_t not_after;
	bool adopted; /* fields were taken over from another manager */
};

/* Split the "[NS/]SECRET" of a user's --from; caller frees both. NULL: *from NULL, as of struct
 * rk_certcopy, in RK_RANCHER_NS. Errors: RK_USAGE for any other form. */
int rk_certcopy_from(const char *ref, char **from_ns, char **from, struct rk_err *err) RK_MUST_USE;

/* Read, judge, compare, write where they differ. Errors: RK_NOTFOUND (no source Secret, or no key in it),
 * RK_FAIL (not worth copying; the message has the reason), RK_CONFLICT (another owner's Secret under
 * that name). */
int rk_certcopy(struct rk_kube *virt, struct rk_kube *host, const struct rk_certcopy *c,
	struct rk_certcopy_result *res, struct rk_err *err) RK_MUST_USE;

/* The Secret of Rancher's certificate in RK_RANCHER_NS: with several host names, or none
 * known, that which deploy has made for all of them, when it exists; else the chart's own. */
int rk_certcopy_source(struct rk_kube *virt, const struct rk_strv *hosts, const char **name,
	struct rk_err *err) RK_MUST_USE;

/* Judge a TLS Secret's certificate for hosts; fills fingerprint and not_after of res. */
int rk_certcopy_judge(const struct rk_val *secret, const struct rk_strv *hosts,
	struct rk_certcopy_result *res, struct rk_err *err) RK_MUST_USE;

#endif
