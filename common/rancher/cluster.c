// SPDX-License-Identifier: Apache-2.0
/* Clusters: finding them, their kubeconfigs, whether one answers through Rancher. */
#include "internal.h"

#define PAGES_MAX 100

/* Append what both lists have in common; harvester: only clusters with that label. */
static int add_clusters(struct rk_doc *d, struct rk_val *list, const struct rk_val *v,
	bool kubernetes, bool harvester, struct rk_err *err)
{
	const struct rk_val *items = NULL;

	if (rk_want_seq(v, &items, err, kubernetes ? "items" : "data", NULL) < 0)
		return -1;
	if (!items)
		return rk_err_set(err, RK_FAIL, "the answer has no list");
	rk_each (it, items) {
		const struct rk_val *labels = NULL; /* may be null */
		const char *id, *name = NULL;
		struct rk_val *c;
		bool labelled;

		if (kubernetes ? rk_need_str(it, &id, err, "metadata", "name", NULL) < 0 ||
					 rk_want_str(it, &name, err, "spec", "displayName", NULL) <
						 0 ||
					 rk_want_map(it, &labels, err, "metadata", "labels", NULL) <
						 0
			       : rk_need_str(it, &id, err, "id", NULL) < 0 ||
					 rk_want_str(it, &name, err, "name", NULL) < 0 ||
					 rk_want_map(it, &labels, err, "labels", NULL) < 0)
			return -1;
		labelled = rk_streq(rk_get_str(labels, "provider.cattle.io", NULL), "harvester");
		if (harvester && !labelled)
			continue;
		c = rk_map(d);
		rk_set_str(d, c, "id", id);
		rk_set_str(d, c, "name", name && *name ? name : id);
		rk_set_bool(d, c, "harvester", labelled);
		rk_append(list, c);
	}
	return 0;
}

/* The management cluster's own API: the only path on which a selector selects. */
static int list_labelled(
	struct rk_rancher *r, struct rk_doc *d, struct rk_val *out, struct rk_err *err)
{
	static const char what[] = "list Harvester clusters";
	struct rk_val *v;

	if (rk_rancher_json(r, "GET",
		    "/apis/management.cattle.io/v3/clusters?labelSelector="
		    "provider.cattle.io%3Dharvester",
		    NULL, what, d, &v, err) < 0)
		return -1;
	if (!rk_streq(rk_get_str(v, "kind", NULL), "ClusterList"))
		return rk_rancher_unexpected(r, what, "it is not a ClusterList", err);
	if (add_clusters(d, out, v, true, true, err) < 0)
		return rk_rancher_malformed(r, what, err);
	return 0;
}

/* Page by page. Of the next page's URL only the marker counts: the URL is the server's idea of our
 * address and is not followed. */
static int list_norman(struct rk_rancher *r, bool harvester, struct rk_doc *d, struct rk_val *out,
	struct rk_err *err)
{
	static const char what[] = "list clusters";
	rk_auto_free char *marker = NULL;

	for (int i = 0; i < PAGES_MAX; i++) {
		rk_auto_free char *path = rk_asprintf("/v3/clusters?limit=1000%s%s",
			marker ? "&marker=" : "", marker ? marker : "");
		const char *next = "", *m;
		bool partial = false;
		struct rk_val *v;

		if (rk_rancher_json(r, "GET", path, NULL, what, d, &v, err) < 0)
			return -1;
		if (add_clusters(d, out, v, false, harvester, err) < 0 ||
			rk_want_bool(v, &partial, err, "pagination", "partial", NULL) < 0 ||
			rk_want_str(v, &next, err, "pagination", "next", NULL) < 0)
			return rk_rancher_malformed(r, what, err);
		m = partial ? strstr(next, "marker=") : NULL;
		if (!m)
			return 0;
		free(marker);
		marker = rk_strndup(m + 7, strcspn(m + 7, "&#"));
	}
	return rk_err_set(err, RK_FAIL, "%s: %s: the list does not end", r->base, what);
}

/* A user without permission to list on the Kubernetes path uses Norman's, which lists what is
 * visible. */
int rk_rancher_clusters(struct rk_rancher *r, bool harvester, struct rk_doc *d, struct rk_val **out,
	struct rk_err *err)
{
	*out = rk_seq(d);
	if (harvester) {
		if (list_labelled(r, d, *out, err) == 0)
			return 0;
		if (!err->http)
			return -1;
		rk_err_clear(err);
	}
	return list_norman(r, harvester, d, *out, err);
}

int rk_rancher_kubeconfig(
	struct rk_rancher *r, const char *id, struct rk_buf *out, struct rk_err *err)
{
	rk_auto_doc *d = rk_doc_new(true);
	rk_auto_buf path = RK_BUF_INIT;
	rk_auto_free char *what = rk_asprintf("generate a kubeconfig of cluster %s", id);
	const char *config;
	struct rk_val *v;

	rk_buf_puts(&path, "/v3/clusters/");
	rk_urlencode(&path, id);
	rk_buf_puts(&path, "?action=generateKubeconfig");
	if (rk_rancher_json(r, "POST", path.s, NULL, what, d, &v, err) < 0) {
		if (err->http == 403)
			rk_err_hint(err, "the user must be an owner of the cluster");
		return -1;
	}
	if (rk_need_str(v, &config, err, "config", NULL) < 0)
		return rk_rancher_malformed(r, what, err);
	if (!*config)
		return rk_err_set(err, RK_FAIL, "%s: %s: the answer holds none", r->base, what);
	rk_buf_reset(out);
	rk_buf_puts(out, config);
	if (out->s[out->len - 1] != '\n')
		rk_buf_putc(out, '\n');
	return 0;
}

int rk_rancher_try(struct rk_rancher *r, const char *id, const char *token,
	enum rk_rancher_access *access, struct rk_buf *why, struct rk_err *err)
{
	rk_auto_http_res res = RK_HTTP_RES_INIT;
	rk_auto_doc *d = rk_doc_new(false);
	rk_auto_buf path = RK_BUF_INIT;
	char *before = r->token ? rk_strdup(r->token) : NULL;
	struct rk_val *v = NULL;
	int rc;

	rk_buf_puts(&path, "/k8s/clusters/");
	rk_urlencode(&path, id);
	rk_buf_puts(&path, "/version");
	rk_rancher_use(r, token);
	rc = rk_rancher_call(r, "GET", path.s, NULL, "reach the cluster", &res, err);
	if (rc == 0 && (rk_json_parse(d, res.body.s, res.body.len, &v, NULL) < 0 ||
			       !rk_get_str(v, "gitVersion", NULL))) {
		res.status = 502; /* what answers is not the cluster */
		rc = rk_err_set(err, RK_FAIL,
			"%s: reach the cluster: its answer is not that of a Kubernetes API",
			r->base);
	}
	rk_rancher_use(r, before);
	rk_free_secret(before);
	*access = rc == 0				   ? RK_RANCHER_WORKS
		  : res.status == 401 || res.status == 403 ? RK_RANCHER_REFUSED
							   : RK_RANCHER_AWAY;
	if (rc < 0 && !res.status)
		return -1;
	if (rc < 0 && why)
		rk_buf_puts(why, err->msg);
	if (rc < 0)
		rk_err_clear(err);
	return 0;
}
