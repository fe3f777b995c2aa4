// SPDX-License-Identifier: Apache-2.0
/* ingress - the host's door to Rancher: a Service that selects the k3k server pods and an Ingress
 * in front of it, in the seed's names, and what the rancher-k3k scripts left behind under others.
 *
 * Browser → host ingress controller (ends TLS with the copied certificate) → this Service → the
 * virtual cluster's own ingress controller on the server pods' 443 → Rancher. */
#ifndef RK_INGRESS_H
#define RK_INGRESS_H

#include "kube.h"

#define RK_INGRESS_SECRET "tls-rancher-ingress" /* inside, as Rancher's own chart calls it */
#define RK_INGRESS_SECRET_ALL \
	RK_INGRESS_SECRET "-all" /* inside, of all names when they are several */
#define RK_INGRESS_CLASS "nginx"

struct rk_ingress {
	const char *ns, *cluster;
	struct rk_strv hosts;			     /* the first is the primary */
	const char *service, *name, *secret, *class; /* NULL: see rk_ingress_names */
};

/* Fill the names that are NULL, in d: CLUSTER-k3k-traefik, CLUSTER-k3k-ingress, tls-CLUSTER-ingress,
 * class nginx. They are those that the settings make of CLUSTER. */
void rk_ingress_names(struct rk_doc *d, struct rk_ingress *in);

/* " --service NAME..." for the names that are given and not the usual ones: for the commands that
 * hints tell. secret: the flag for the Secret, "--secret" or "--to". */
void rk_ingress_flags(const struct rk_ingress *in, const char *secret, struct rk_buf *out);

/* The Service and the Ingress as a SEQ in d, names filled in as above, ready to be applied. RK_USAGE without a host. */
int rk_ingress_objects(struct rk_doc *d, const struct rk_ingress *given, struct rk_val **out,
	struct rk_err *err) RK_MUST_USE;

/* Names that newer releases of upstream's scripts gave the same two objects; they are replaced
 * (deleted once ours stand) so that one host name has one Ingress. NULL-terminated. */
extern const char *const rk_ingress_old_services[];
extern const char *const rk_ingress_old_names[];

/* Hosts of an Ingress object, in order, without doubles; strings live in ingress's doc. */
void rk_ingress_hosts(const struct rk_val *ingress, struct rk_strv *hosts);

#endif
