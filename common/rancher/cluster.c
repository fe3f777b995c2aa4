// SPDX-License-Identifier: Apache-2.0
/* Clusters: finding them, their kubeconfigs, the way to them. */
#include "internal.h"

#define HARVESTER "provider.cattle.io"
#define PAGES_MAX 100

static void add_cluster(struct rk_doc *d, struct rk_val *list, const char *id, const char *name,
	const struct rk_val *labels)
{
	bool harvester = rk_streq(rk_get_str(labels, HARVESTER, NULL), "harvester");
	struct rk_val *c = rk_map(d);

	rk_set_str(d, c, "id", id);
	rk_set_str(d, c, "name", name && *name ? name : id);
	rk_set_bool(d, c, "harvester", harvester);
	rk_append(list, c);
}

static int add_kubernetes(
	struct rk_doc *d, struct rk_val *list, const struct rk_val *it, struct rk_err *err)
{
	const struct rk_val *labels = NULL;
	const char *id, *name = NULL;

	if (rk_need_str(it, &id, err, "metadata", "name", NULL) < 0 ||
		rk_want_str(it, &name, err, "spec", "displayName", NULL) < 0 ||
		rk_want_map(it, &labels, err, "metadata", "labels", NULL) < 0)
		return -1;
	add_cluster(d, list, id, name, labels);
	return 0;
}

static int add_norman(
	struct rk_doc *d, struct rk_val *list, const struct rk_val *it, struct rk_err *err)
{
	const struct rk_val *labels = NULL; /* may be null */
	const char *id, *name = NULL;

	if (rk_need_str(it, &id, err, "id", NULL) < 0 ||
		rk_want_str(it, &name, err, "name", NULL) < 0 ||
		rk_want_map(it, &labels, err, "labels", NULL) < 0)
		return -1;
	add_cluster(d, list, id, name, labels);
	return 0;
}

/* What both lists have in common: SEQ key of v, item by item. */
static int add_all(struct rk_doc *d, struct rk_val *list, const struct rk_val *v, const char *key,
	int (*add)(struct rk_doc *, struct rk_val *, const struct rk_val *, struct rk_err *),
	struct rk_err *err)
{
	const struct rk_val *items = NULL;

	if (rk_want_seq(v, &items, err, key, NULL) < 0)
		return -1;
	if (!items)
		return rk_err_set(err, RK_FAIL, "no list came");
	rk_each (it, items)
		if (add(d, list, it, err) < 0)
			return -1;
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
		return rk_err_set(err, RK_FAIL,
			"%s: %s: unexpected answer: it is not a ClusterList", r->base, what);
	if (add_all(d, out, v, "items", add_kubernetes, err) < 0)
		return rk_rancher_malformed(r, what, err);
	return 0;
}

/* The marker of the next page; its URL is the server's idea of our address and not followed. */
static int next_marker(const struct rk_val *v, char **marker, struct rk_err *err)
{
	const char *next = "", *m;
	bool partial = false;

	if (rk_want_bool(v, &partial, err, "pagination", "partial", NULL) < 0 ||
		rk_want_str(v, &next, err, "pagination", "next", NULL) < 0)
		return -1;
	m = strstr(next, "marker=");
	if (m && partial)
		*marker = rk_strndup(m + 7, strcspn(m + 7, "&#"));
	return 0;
}

static int list_page(struct rk_rancher *r, const char *marker, struct rk_doc *d, struct rk_val *out,
	char **next, struct rk_err *err)
{
	static const char what[] = "list clusters";
	rk_auto_free char *path = rk_asprintf(
		"/v3/clusters?limit=1000%s%s", marker ? "&marker=" : "", marker ? marker : "");
	struct rk_val *v;

	if (rk_rancher_json(r, "GET", path, NULL, what, d, &v, err) < 0)
		return -1;
	if (add_all(d, out, v, "data", add_norman, err) < 0 || next_marker(v, next, err) < 0)
		return rk_rancher_malformed(r, what, err);
	return 0;
}

static int list_norman(
	struct rk_rancher *r, struct rk_doc *d, struct rk_val *out, struct rk_err *err)
{
	rk_auto_free char *marker = NULL;

	for (int i = 0; i < PAGES_MAX; i++) {
		char *next = NULL;

		if (list_page(r, marker, d, out, &next, err) < 0)
			return -1;
		free(marker);
		marker = next;
		if (!marker)
			return 0;
	}
	return rk_err_set(err, RK_FAIL, "%s: list clusters: the list does not end", r->base);
}

static void keep_harvesters(struct rk_val *list)
{
	struct rk_val *next;

	for (struct rk_val *c = list->child; c; c = next) {
		next = c->next;
		if (!rk_get_bool(c, false, "harvester", NULL))
			rk_remove(c);
	}
}

/* A user without permission to list on the Kubernetes path uses Norman's, which lists what is visible. */
int rk_rancher_clusters(struct rk_rancher *r, bool harvester, struct rk_doc *d, struct rk_val **out,
	struct rk_err *err)
{
	*out = rk_seq(d);
	if (!harvester)
		return list_norman(r, d, *out, err);
	if (list_labelled(r, d, *out, err) < 0) {
		if (!err->http)
			return -1;
		rk_err_clear(err);
		if (list_norman(r, d, *out, err) < 0)
			return -1;
	}
	keep_harvesters(*out);
	return 0;
}

int rk_rancher_kubeconfig(
	struct rk_rancher *r, const char *id, struct rk_buf *out, struct rk_err *err)
{
	rk_auto_doc *d = rk_doc_new(true);
	rk_auto_buf path = RK_BUF_INIT;
	rk_auto_free char *what = rk_asprintf("have a kubeconfig of cluster %s made", id);
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

static bool is_version(const struct rk_http_res *res)
{
	rk_auto_doc *d = rk_doc_new(false);
	struct rk_val *v = NULL;

	return rk_json_parse(d, res->body.s, res->body.len, &v, NULL) == 0 &&
	       rk_get_str(v, "gitVersion", NULL);
}

int rk_rancher_try(struct rk_rancher *r, const char *id, const char *token,
	enum rk_rancher_access *access, struct rk_buf *why, struct rk_err *err)
{
	rk_auto_http_res res = RK_HTTP_RES_INIT;
	rk_auto_buf path = RK_BUF_INIT;
	char *before = r->token ? rk_strdup(r->token) : NULL;
	int rc;

	rk_buf_puts(&path, "/k8s/clusters/");
	rk_urlencode(&path, id);
	rk_buf_puts(&path, "/version");
	rk_rancher_use(r, token);
	rc = rk_rancher_call(r, "GET", path.s, NULL, "reach the cluster", &res, err);
	if (rc == 0 && !is_version(&res)) {
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
