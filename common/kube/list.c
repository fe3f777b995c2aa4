// SPDX-License-Identifier: Apache-2.0
/* Lists, page by page. */
#include "internal.h"

#define PAGE	   500
#define PAGE_MAX   ((size_t)256 << 20)
#define ALL_MAX	   10000
#define ITEMS_MAX  500000 /* of one list; Kubernetes is made for 150,000 pods */
#define SPARSE_MAX 50	  /* pages that are not full, each with a token for another */
#define REQUESTS   20	  /* the time of so many requests is that of a list */

const char *rk_list_accept(const struct rk_list_opts *o)
{
	if (o && o->metadata_only)
		return "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io";
	return NULL;
}

void rk_list_path(const struct rk_res *r, const char *ns, const struct rk_list_opts *o,
	const char *token, struct rk_buf *path)
{
	char n[16];

	rk_res_path(r, ns, NULL, path);
	snprintf(n, sizeof(n), "%d", o && o->limit > 0 ? o->limit : PAGE);
	rk_query_add(path, "limit", n);
	if (o && o->labels && *o->labels)
		rk_query_add(path, "labelSelector", o->labels);
	if (o && o->fields && *o->fields)
		rk_query_add(path, "fieldSelector", o->fields);
	if (token && *token)
		rk_query_add(path, "continue", token);
}

/* Items come without apiVersion and kind. */
void rk_list_complete(struct rk_doc *d, const struct rk_res *r, const struct rk_val *item)
{
	if (item->kind != RK_MAP)
		return;
	if (!rk_get(item, "apiVersion", NULL))
		rk_set_str(d, rk_mut(item), "apiVersion", r->api_version);
	if (!rk_get(item, "kind", NULL))
		rk_set_str(d, rk_mut(item), "kind", r->kind);
}

bool rk_list_bound(struct rk_list_bound *b, const struct rk_list_opts *o, const struct rk_val *page,
	const struct rk_buf *before, char *why, size_t size)
{
	const struct rk_val *items = rk_get(page, "items", NULL);
	const char *token = rk_get_str(page, "metadata", "continue", NULL);
	size_t n = items ? items->count : 0, full = o && o->limit > 0 ? (size_t)o->limit : PAGE;
	int64_t now = rk_now_ms();

	if (!b->begun_ms)
		b->begun_ms = now;
	b->items += n;
	if (!token || !*token)
		return true;
	b->sparse += n < full;
	if (before->len && strcmp(before->s, token) == 0)
		snprintf(why, size,
			"the list does not end: a page has the continue token of the "
			"page before");
	else if (b->items > ITEMS_MAX)
		snprintf(why, size, "the list does not end: more than %d items", ITEMS_MAX);
	else if (b->sparse > SPARSE_MAX)
		snprintf(why, size, "the list does not end: more than %d pages that are not full",
			SPARSE_MAX);
	else if (b->request_ms && now - b->begun_ms > b->request_ms * REQUESTS)
		snprintf(why, size, "the list does not end: %lld s and %zu items so far",
			(long long)(now - b->begun_ms) / 1000, b->items);
	else
		return true;
	return false;
}

struct pages {
	struct rk_kube *k;
	const struct rk_list_opts *o;
	struct rk_kube_about about;
	struct rk_buf token;
	bool renewed; /* the token expired once */
	struct rk_list_bound bound;
};

static int read_page(struct pages *p, struct rk_doc *d, struct rk_val **page, struct rk_err *err)
{
	for (;;) {
		rk_auto_buf path = RK_BUF_INIT;
		rk_auto_http_res res = RK_HTTP_RES_INIT;
		struct rk_http_req req = {
			.retry = true, .max = PAGE_MAX, .accept = rk_list_accept(p->o)};
		struct rk_val *st = NULL;
		const char *token;

		rk_list_path(p->about.res, p->about.ns, p->o, p->token.s, &path);
		req.path = path.s;
		if (rk_kube_send(p->k, &req, &p->about, &res, err) < 0)
			return -1;
		if (res.status < 300)
			return rk_kube_parse(d, &p->about, &res, page, err);
		/* A 410 carries a token with which the list continues from the next key, as of now. The
		 * version of the first page is kept: a watch from there sees what changed meanwhile. */
		if (res.status != 410 || !p->token.len || p->renewed ||
			rk_json_parse(d, res.body.s, res.body.len, &st, NULL) < 0)
			return rk_kube_status(&p->about, &res, err);
		token = rk_get_str(st, "metadata", "continue", NULL);
		if (!token || !*token)
			return rk_kube_status(&p->about, &res, err);
		p->renewed = true;
		rk_buf_reset(&p->token);
		rk_buf_puts(&p->token, token);
	}
}

int rk_kube_list(struct rk_kube *k, const struct rk_res *r, const char *ns,
	const struct rk_list_opts *o,
	int (*each)(void *arg, const struct rk_val *item, struct rk_err *err), void *arg,
	char *version, struct rk_err *err)
{
	rk_auto_buf what = RK_BUF_INIT;
	struct pages p = {.k = k, .o = o, .token = RK_BUF_INIT};
	int ret = 0;

	rk_kube_about(&p.about, k, r, ns, NULL, &what);
	p.about.metadata_only = o && o->metadata_only;
	p.bound.request_ms = rk_http_request_ms(k->http);
	if (version)
		version[0] = '\0';
	do {
		rk_auto_doc *d = rk_doc_new(p.about.secret && !p.about.metadata_only);
		struct rk_val *page = NULL;
		const char *token, *first;
		char why[200];

		ret = read_page(&p, d, &page, err);
		if (ret == 0 && !rk_list_bound(&p.bound, o, page, &p.token, why, sizeof(why)))
			ret = rk_kube_unexpected(&p.about, err, "%s", why);
		if (ret < 0)
			break;
		first = rk_get_str(page, "metadata", "resourceVersion", NULL);
		if (version && !version[0] && first)
			snprintf(version, 64, "%s", first);
		rk_each (it, rk_get(page, "items", NULL)) {
			rk_list_complete(d, r, it);
			ret = each(arg, it, err);
			if (ret < 0)
				break;
		}
		token = rk_get_str(page, "metadata", "continue", NULL);
		rk_buf_reset(&p.token);
		rk_buf_puts(&p.token, token ? token : "");
	} while (ret >= 0 && p.token.len);
	rk_buf_release(&p.token);
	return ret < 0 ? -1 : 0;
}

struct gather {
	struct rk_doc *d;
	struct rk_val *seq;
	size_t max;
	const char *plural;
};

static int gather_one(void *arg, const struct rk_val *item, struct rk_err *err)
{
	struct gather *g = arg;

	if (g->seq->count >= g->max)
		return rk_err_set(
			err, RK_FAIL, "more than %zu %s: too many to hold", g->max, g->plural);
	rk_append(g->seq, rk_copy(g->d, item));
	return 0;
}

int rk_kube_list_all(struct rk_kube *k, const struct rk_res *r, const char *ns,
	const struct rk_list_opts *o, struct rk_doc *d, struct rk_val **out, size_t max,
	struct rk_err *err)
{
	struct gather g = {
		.d = d, .seq = rk_seq(d), .max = max ? max : ALL_MAX, .plural = r->plural};

	*out = NULL;
	if (rk_kube_list(k, r, ns, o, gather_one, &g, NULL, err) < 0)
		return -1;
	*out = g.seq;
	return 0;
}
