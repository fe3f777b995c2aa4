// SPDX-License-Identifier: Apache-2.0
/* Clusters: finding them, their kubeconfigs, the way to them. */
#include "rancher-int.h"

#define HARVESTER "provider.cattle.io"
#define PAGES_MAX 100

static void add_cluster(struct rk_doc *d, struct rk_val *list, const char *id, const char *name,
	const char *state, bool harvester)
{
	struct rk_val *c = rk_map(d);

	rk_set_str(d, c, "id", id);
	rk_set_str(d, c, "name", name && *name ? name : id);
	rk_set_str(d, c, "state", state ? state : "");
	rk_set_bool(d, c, "harvester", harvester);
	rk_append(list, c);
}

static bool is_harvester(const struct rk_val *labels)
{
	return rk_streq(rk_get_str(labels, HARVESTER, NULL), "harvester");
}

/* The management cluster's own API: the only path on which a selector selects. */
static int list_labelled(
	struct rk_rancher *r, struct rk_doc *d, struct rk_val *out, struct rk_err *err)
{
	const struct rk_val *items;
	struct rk_val *v;

	if (rk_rancher_json(r, "GET",
		    "/apis/management.cattle.io/v3/clusters?labelSelector="
		    "provider.cattle.io%3Dharvester&limit=500",
		    NULL, "list Harvester clusters", d, &v, err) < 0)
		return -1;
	items = rk_get(v, "items", NULL);
	if (!items || items->kind != RK_SEQ)
		return rk_err_set(
			err, RK_FAIL, "%s: list Harvester clusters: no list came", r->base);
	rk_each (it, items) {
		const char *id = rk_get_str(it, "metadata", "name", NULL);

		if (id && is_harvester(rk_get(it, "metadata", "labels", NULL)))
			add_cluster(d, out, id, rk_get_str(it, "spec", "displayName", NULL), NULL,
				true);
	}
	return 0;
}

/* The marker of the next page; its URL is the server's idea of our address and not followed. */
static char *next_marker(const struct rk_val *v)
{
	const char *next = rk_get_str(v, "pagination", "next", NULL);
	const char *m = next ? strstr(next, "marker=") : NULL;

	if (!m || !rk_get_bool(v, false, "pagination", "partial", NULL))
		return NULL;
	m += strlen("marker=");
	return rk_strndup(m, strcspn(m, "&#"));
}

static int list_page(struct rk_rancher *r, const char *marker, bool harvester, struct rk_doc *d,
	struct rk_val *out, char **next, struct rk_err *err)
{
	rk_auto_free char *path = rk_asprintf(
		"/v3/clusters?limit=1000%s%s", marker ? "&marker=" : "", marker ? marker : "");
	const struct rk_val *data;
	struct rk_val *v;

	if (rk_rancher_json(r, "GET", path, NULL, "list clusters", d, &v, err) < 0)
		return -1;
	data = rk_get(v, "data", NULL);
	if (!data || data->kind != RK_SEQ)
		return rk_err_set(err, RK_FAIL, "%s: list clusters: no list came", r->base);
	rk_each (it, data) {
		const char *id = rk_get_str(it, "id", NULL);
		bool is = is_harvester(rk_get(it, "labels", NULL));

		if (id && (is || !harvester))
			add_cluster(d, out, id, rk_get_str(it, "name", NULL),
				rk_get_str(it, "state", NULL), is);
	}
	*next = next_marker(v);
	return 0;
}

static int list_norman(struct rk_rancher *r, bool harvester, struct rk_doc *d, struct rk_val *out,
	struct rk_err *err)
{
	rk_auto_free char *marker = NULL;

	for (int i = 0; i < PAGES_MAX; i++) {
		char *next = NULL;

		if (list_page(r, marker, harvester, d, out, &next, err) < 0)
			return -1;
		free(marker);
		marker = next;
		if (!marker)
			return 0;
	}
	return rk_err_set(err, RK_FAIL, "%s: list clusters: the list does not end", r->base);
}

int rk_rancher_clusters(struct rk_rancher *r, bool harvester, struct rk_doc *d, struct rk_val **out,
	struct rk_err *err)
{
	struct rk_err why = RK_ERR_INIT;

	*out = rk_seq(d);
	if (harvester && list_labelled(r, d, *out, &why) == 0)
		return 0;
	*out = rk_seq(d);
	return list_norman(r, harvester, d, *out, err);
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
	config = rk_get_str(v, "config", NULL);
	if (!config || !*config)
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
	rk_auto_buf path = RK_BUF_INIT;
	char *before = r->token ? rk_strdup(r->token) : NULL;
	int rc;

	rk_buf_puts(&path, "/k8s/clusters/");
	rk_urlencode(&path, id);
	rk_buf_puts(&path, "/version");
	rk_rancher_use(r, token);
	rc = rk_rancher_call(r, "GET", path.s, NULL, "reach the cluster", &res, err);
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
