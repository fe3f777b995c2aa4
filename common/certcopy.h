// SPDX-License-Identifier: Apache-2.0
/* certcopy - Rancher's certificate from the virtual cluster to the host, when it is worth copying.
 *
 * The certificate is born inside the virtual cluster and renewed there; the host's ingress
 * controller serves a copy. A copy that does not fit its key, is expired or does not cover the
 * host names would take Rancher down, so it is refused and the host keeps what it has. */
#ifndef RK_CERTCOPY_H
#define RK_CERTCOPY_H

#include "cert.h"
#include "kube.h"

#define RK_CERTCOPY_FROM_NS "cattle-system"

struct rk_certcopy {
	const char *cluster;	    /* for labels and messages */
	const char *from_ns, *from; /* Secret inside; from NULL: rk_certcopy_source */
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
 * rk_certcopy, in RK_CERTCOPY_FROM_NS. Errors: RK_USAGE for any other form. */
int rk_certcopy_from(const char *ref, char **from_ns, char **from, struct rk_err *err) RK_MUST_USE;

/* Read, judge, compare, write. At most three requests: source, target, and the apply when they
 * differ; rk_certcopy_source may take one more. Errors: RK_NOTFOUND (no source Secret, or no key in
 * it), RK_FAIL (not worth copying; the message has the reason), RK_CONFLICT (another
 * owner's Secret under that name). */
int rk_certcopy(struct rk_kube *virt, struct rk_kube *host, const struct rk_certcopy *c,
	struct rk_certcopy_result *res, struct rk_err *err) RK_MUST_USE;

/* The Secret of Rancher's certificate in RK_CERTCOPY_FROM_NS: with several host names, or none
 * known, that which deploy has made for all of them, when it exists; else the chart's own. */
int rk_certcopy_source(struct rk_kube *virt, const struct rk_strv *hosts, const char **name,
	struct rk_err *err) RK_MUST_USE;

/* Judge a TLS Secret's certificate for hosts; fills fingerprint and not_after of res. */
int rk_certcopy_judge(const struct rk_val *secret, const struct rk_strv *hosts,
	struct rk_certcopy_result *res, struct rk_err *err) RK_MUST_USE;

#endif
