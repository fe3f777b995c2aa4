// SPDX-License-Identifier: Apache-2.0
/* Clusters: finding them, their kubeconfigs, whether one answers through Rancher. */
#include "internal.h"

#define PAGES_MAX 100

/* Append what both lists have in common, page by page; selector: the management cluster's own API, the
 * only path on which one selects. Of the next page's URL only the marker counts: the URL is the
 * server's idea of our address and is not followed. */
static int list(struct rk_rancher *r, const char *selector, struct rk_doc *d, struct rk_val *out,
	bool harvester, struct rk_err *err)
{
	const char *what = selector ? "list Harvester clusters" : "list clusters", *marker = "";

	for (int i = 0; i < PAGES_MAX; i++) {
		const char *path =
			selector ? selector : rk_doc_printf(d, "/v3/clusters?limit=1000%s", marker);
		const struct rk_val *items = NULL;
		const char *next = "";
		bool partial = false;
		struct rk_val *v;

		if (rk_rancher_json(r, "GET", path, NULL, what, d, &v, err) < 0)
			return -1;
		if (selector && !rk_streq(rk_get_str(v, "kind", NULL), "ClusterList"))
			return rk_rancher_malformed(
				r, what, "unexpected answer: it is not a ClusterList", err);
		if (rk_want_seq(v, &items, err, selector ? "items" : "data", NULL) < 0)
			return rk_rancher_malformed(r, what, NULL, err);
		if (!items)
			return rk_rancher_malformed(r, what, "the answer has no list", err);
		rk_each (it, items) {
			const struct rk_val *meta = rk_get(it, "metadata", NULL);
			const struct rk_val *at = selector && meta ? meta : it;
			const struct rk_val *labels = NULL; /* may be null */
			const struct rk_val *named = selector ? rk_get(it, "spec", NULL) : it;
			const char *id, *name = "";
			struct rk_val *c = rk_map(d);

			if (rk_need_str(at, &id, err, selector ? "name" : "id", NULL) < 0 ||
				rk_want_str(named, &name, err, selector ? "displayName" : "name",
					NULL) < 0 ||
				rk_want_map(at, &labels, err, "labels", NULL) < 0)
				return rk_rancher_malformed(r, what, NULL, err);
			rk_set_str(d, c, "id", id);
			rk_set_str(d, c, "name", *name ? name : id);
			rk_set_bool(d, c, "harvester",
				rk_streq(rk_get_str(labels, "provider.cattle.io", NULL),
					"harvester"));
			if (!harvester || rk_get_bool(c, false, "harvester", NULL))
				rk_append(out, c);
		}
		if (rk_want_bool(v, &partial, err, "pagination", "partial", NULL) < 0 ||
			rk_want_str(v, &next, err, "pagination", "next", NULL) < 0)
			return rk_rancher_malformed(r, what, NULL, err);
		next = partial ? strstr(next, "marker=") : NULL;
		if (!next)
			return 0;
		marker = rk_doc_printf(d, "&%.*s", (int)strcspn(next, "&#"), next);
	}
	return rk_rancher_malformed(r, what, "the list does not end", err);
}

/* A user without permission to list on the Kubernetes path uses Norman's, which lists what is
 * visible. */
int rk_rancher_clusters(struct rk_rancher *r, bool harvester, struct rk_doc *d, struct rk_val **out,
	struct rk_err *err)
{
	*out = rk_seq(d);
	if (harvester) {
		if (list(r,
			    "/apis/management.cattle.io/v3/clusters?labelSelector="
			    "provider.cattle.io%3Dharvester",
			    d, *out, true, err) == 0)
			return 0;
		if (!err->http)
			return -1;
		rk_err_clear(err);
	}
	return list(r, NULL, d, *out, harvester, err);
}

int rk_rancher_cacerts(struct rk_rancher *r, struct rk_buf *out, struct rk_err *err)
{
	rk_auto_http_res res = RK_HTTP_RES_INIT;

	if (rk_rancher_call(r, "GET", "/cacerts", NULL, "read /cacerts", &res, err) < 0)
		return -1;
	rk_buf_put(out, res.body.s, res.body.len);
	return 0;
}

int rk_rancher_kubeconfig(
	struct rk_rancher *r, const char *id, struct rk_buf *out, struct rk_err *err)
{
	rk_auto_doc *d = rk_doc_new(true);
	const char *path = rk_rancher_path(d, "/v3/clusters/", id, "?action=generateKubeconfig");
	const char *what = rk_doc_printf(d, "generate a kubeconfig of cluster %s", id), *config;
	struct rk_val *v;

	if (rk_rancher_json(r, "POST", path, NULL, what, d, &v, err) < 0)
		return err->http == 403
			       ? rk_err_hint(err, "the user must be an owner of the cluster")
			       : -1;
	if (rk_need_str(v, &config, err, "config", NULL) < 0)
		return rk_rancher_malformed(r, what, NULL, err);
	if (!*config)
		return rk_rancher_malformed(r, what, "the answer holds none", err);
	rk_buf_reset(out);
	rk_buf_addf(out, "%s%s", config, rk_suffix(config, "\n") ? "" : "\n");
	return 0;
}

int rk_rancher_reach(struct rk_rancher *r, const char *id, struct rk_err *err)
{
	static const char what[] = "reach the cluster";
	rk_auto_doc *d = rk_doc_new(false);
	rk_auto_http_res res = RK_HTTP_RES_INIT;
	struct rk_val *v = NULL;

	if (rk_rancher_call(r, "GET", rk_rancher_path(d, "/k8s/clusters/", id, "/version"), NULL,
		    what, &res, err) == 0) {
		if (rk_json_parse(d, res.body.s, res.body.len, &v, NULL) == 0 &&
			rk_get_str(v, "gitVersion", NULL))
			return 0;
		rk_rancher_malformed(r, what, "the server there is not a Kubernetes API", err);
	}
	if (res.status && !err->http)
		err->http = 502; /* what answers is not the cluster */
	return -1;
}
