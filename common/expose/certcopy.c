// SPDX-License-Identifier: Apache-2.0
#include "expose/expose.h"

#include "k3k/k3k.h"

/* Check certificate and key, and leave them in crt and key as they are passed on. */
static int judge_pair(const struct rk_val *secret, const struct rk_strv *hosts, struct rk_buf *crt,
	struct rk_buf *key, struct rk_certcopy_result *res, struct rk_err *err)
{
	rk_auto_cert *cert = NULL;

	if (rk_need_base64(secret, crt, err, "data", "tls.crt", NULL) < 0 ||
		rk_need_base64(secret, key, err, "data", "tls.key", NULL) < 0)
		return -1;
	if (!crt->len || !key->len)
		return rk_err_set(
			err, RK_NOTFOUND, "data.%s is empty", crt->len ? "tls.key" : "tls.crt");
	if (rk_cert_admit_pair(&cert, crt, key, err) < 0)
		return -1;
	res->not_after = cert->not_after;
	memcpy(res->fingerprint, cert->fingerprint, sizeof(res->fingerprint));
	return rk_cert_check(cert, NULL, 0, hosts->v, hosts->n, 0, err);
}

int rk_certcopy_judge(const struct rk_val *secret, const struct rk_strv *hosts,
	struct rk_certcopy_result *res, struct rk_err *err)
{
	rk_auto_buf crt = RK_BUF_INIT, key = RK_BUF_INIT_SECRET;

	return judge_pair(secret, hosts, &crt, &key, res, err);
}

int rk_certcopy_from(const char *ref, char **from_ns, char **from, struct rk_err *err)
{
	const char *slash = ref ? strchr(ref, '/') : NULL;
	const char *name = slash ? slash + 1 : ref;

	if (ref && (!rk_subdomain_ok(name) || (slash && !rk_label_ok(ref, (size_t)(slash - ref)))))
		return rk_err_set(err, RK_USAGE, "\"%.200s\" is not [NAMESPACE/]SECRET", ref);
	*from_ns = slash ? rk_strndup(ref, (size_t)(slash - ref)) : rk_strdup(RK_RANCHER_NS);
	*from = name ? rk_strdup(name) : NULL;
	return 0;
}

int rk_certcopy_source(
	struct rk_kube *virt, const struct rk_strv *hosts, const char **name, struct rk_err *err)
{
	rk_auto_doc *d = rk_doc_new(true);
	struct rk_val *all = NULL;

	if (hosts->n != 1 && rk_kube_find(virt, &RK_SECRET, RK_RANCHER_NS, RK_INGRESS_SECRET_ALL, d,
				     &all, err) < 0)
		return -1;
	*name = all ? RK_INGRESS_SECRET_ALL : RK_INGRESS_SECRET;
	return 0;
}

/* The Secret for the host cluster: certificate and key of the source, if it exists and they are worth
 * copying. */
static int make_copy(struct rk_kube *virt, const struct rk_certcopy *c, struct rk_doc *d,
	struct rk_val **out, struct rk_certcopy_result *res, struct rk_err *err)
{
	rk_auto_buf crt = RK_BUF_INIT, key = RK_BUF_INIT_SECRET;
	struct rk_val *source, *obj = rk_map(d), *meta = rk_map_at(d, obj, "metadata", NULL);
	struct rk_val *labels = rk_map_at(d, meta, "labels", NULL);
	struct rk_val *data = rk_map_at(d, obj, "data", NULL);
	const char *from = c->from;

	if (!from && rk_certcopy_source(virt, &c->hosts, &from, err) < 0)
		return -1;
	if (rk_kube_find(virt, &RK_SECRET, c->from_ns, from, d, &source, err) < 0)
		return -1;
	if (!source) {
		rk_err_set(err, RK_NOTFOUND, "no Secret %s/%s in virtual cluster %s", c->from_ns,
			from, c->cluster);
		return rk_err_hint(err,
			"Rancher's certificate is issued last; see: kubectl rk3k status %s/%s%s",
			c->to_ns, c->cluster, rk_here());
	}
	if (judge_pair(source, &c->hosts, &crt, &key, res, err) < 0)
		return rk_err_wrap(err, "Secret %s/%s of virtual cluster %s is not copied",
			c->from_ns, from, c->cluster);
	rk_set_str(d, obj, "apiVersion", "v1");
	rk_set_str(d, obj, "kind", "Secret");
	rk_set_str(d, obj, "type", "kubernetes.io/tls");
	rk_set_str(d, meta, "name", c->to);
	rk_set_str(d, meta, "namespace", c->to_ns);
	rk_set_str(d, labels, RK_LABEL_MANAGED, RK_LABEL_MANAGER);
	rk_set_str(d, labels, RK_LABEL_CLUSTER, c->cluster);
	rk_set(d, data, "tls.crt", rk_val_base64(d, crt.s, crt.len));
	rk_set(d, data, "tls.key", rk_val_base64(d, key.s, key.len));
	*out = obj;
	return 0;
}

/* The Secret's name is upstream's: what its scripts wrote with kubectl is taken over, reported once. */
int rk_certcopy(struct rk_kube *virt, struct rk_kube *host, const struct rk_certcopy *c,
	struct rk_certcopy_result *res, struct rk_err *err)
{
	rk_auto_doc *d = rk_doc_new(true);
	rk_auto_buf taken = RK_BUF_INIT;
	struct rk_apply_opts o = {.adopt = true, .taken = &taken, .known = true};
	struct rk_val *copy = NULL, *current;

	*res = (struct rk_certcopy_result){.outcome = RK_UNCHANGED};
	if (make_copy(virt, c, d, &copy, res, err) < 0 ||
		rk_kube_find(host, &RK_SECRET, c->to_ns, c->to, d, &current, err) < 0)
		return -1;
	if (current &&
		rk_streq(rk_get_str(copy, "data", "tls.crt", NULL),
			rk_get_str(current, "data", "tls.crt", NULL)) &&
		rk_streq(rk_get_str(copy, "data", "tls.key", NULL),
			rk_get_str(current, "data", "tls.key", NULL)))
		return 0;
	o.current = current;
	if (rk_kube_apply(host, copy, &o, d, NULL, &res->outcome, err) < 0)
		return -1;
	res->adopted = taken.len > 0;
	return 0;
}
