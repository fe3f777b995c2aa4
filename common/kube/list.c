// SPDX-License-Identifier: Apache-2.0
/* Collections: lists, page by page, and streams of changes.
 * Source: https://kubernetes.io/docs/reference/using-api/api-concepts/ */
#include "internal.h"

#define PAGE	   500
#define PAGE_MAX   ((size_t)256 << 20)
#define ALL_MAX	   20000
#define ITEMS_MAX  500000 /* of one list; Kubernetes is made for 150,000 pods */
#define SPARSE_MAX 50	  /* pages that are not full, each with a token for another */
#define REQUESTS   20	  /* the time of so many requests is that of a list */
#define LINE_BYTES ((size_t)16 << 20)
#define STREAM_S   "300" /* how long the server keeps one stream open */
#define IDLE_MS	   90000 /* bookmarks come about once a minute */

static const struct rk_list_opts usual;

static void add_selectors(const struct rk_list_opts *o, struct rk_buf *path)
{
	if (o->labels && *o->labels)
		rk_query_add(path, "labelSelector", o->labels);
	if (o->fields && *o->fields)
		rk_query_add(path, "fieldSelector", o->fields);
}

/* --- lists --- */

struct pages {
	struct rk_kube *k;
	const struct rk_list_opts *o;
	struct rk_kube_about about;
	struct rk_buf token; /* of the next page */
	size_t full;	     /* items of a page */
	bool renewed;	     /* the token expired once */
	int64_t begun;	     /* these bound the list: */
	size_t items, sparse;
};

static int read_page(struct pages *p, struct rk_doc *d, struct rk_val **page, struct rk_err *err)
{
	for (;;) {
		rk_auto_buf path = RK_BUF_INIT;
		rk_auto_http_res res = RK_HTTP_RES_INIT;
		struct rk_http_req req = {.retry = !p->o->version, .max = PAGE_MAX};
		struct rk_val *st = NULL;
		const char *token = NULL;
		char n[16];

		if (p->o->metadata_only)
			req.accept = "application/json;as=PartialObjectMetadataList;v=v1;"
				     "g=meta.k8s.io";
		rk_res_path(p->about.res, p->about.ns, NULL, &path);
		snprintf(n, sizeof(n), "%zu", p->full);
		rk_query_add(&path, "limit", n);
		add_selectors(p->o, &path);
		if (p->token.len)
			rk_query_add(&path, "continue", p->token.s);
		req.path = path.s;
		if (rk_kube_send(p->k, &req, &p->about, &res, err) < 0)
			return -1;
		if (res.status < 300)
			return rk_kube_parse(d, &p->about, &res, page, err);
		/* A 410 carries a token with which the list continues from the next key, as of now. The
		 * version of the first page is kept: a watch from there sees what changed meanwhile. */
		if (res.status == 410 && p->token.len && !p->renewed &&
			rk_json_parse(d, res.body.s, res.body.len, &st, NULL) == 0)
			token = rk_get_str(st, "metadata", "continue", NULL);
		if (!token || !*token)
			return rk_kube_status(&p->about, &res, err);
		p->renewed = true;
		rk_buf_reset(&p->token);
		rk_buf_puts(&p->token, token);
	}
}

/* A faulty server may give a token for another page with every page. */
static int check_end(struct pages *p, size_t n, const char *token, struct rk_err *err)
{
	int64_t ms = rk_now_ms() - p->begun;
	rk_auto_free char *why = NULL;

	p->items += n;
	p->sparse += n < p->full;
	if (p->token.len && strcmp(p->token.s, token) == 0)
		why = rk_strdup("a page has the continue token of the page before");
	else if (p->items > ITEMS_MAX)
		why = rk_asprintf("more than %d items", ITEMS_MAX);
	else if (p->sparse > SPARSE_MAX)
		why = rk_asprintf("more than %d pages that are not full", SPARSE_MAX);
	else if (ms > rk_http_request_ms(p->k->http) * REQUESTS)
		why = rk_asprintf("%lld s and %zu items so far", (long long)ms / 1000, p->items);
	rk_buf_reset(&p->token);
	rk_buf_puts(&p->token, token);
	return why ? rk_kube_unexpected(&p->about, err, "the list does not end: %s", why) : 0;
}

int rk_kube_list(struct rk_kube *k, const struct rk_res *r, const char *ns,
	const struct rk_list_opts *o,
	int (*each)(void *arg, const struct rk_val *item, struct rk_err *err), void *arg,
	struct rk_err *err)
{
	rk_auto_buf what = RK_BUF_INIT;
	struct pages p = {.k = k,
		.o = o ? o : &usual,
		.token = RK_BUF_INIT,
		.full = o && o->limit > 0 ? (size_t)o->limit : PAGE,
		.begun = rk_now_ms()};
	char *version = p.o->version;
	int ret = 0;

	rk_kube_about(&p.about, k, r, ns, NULL, &what);
	p.about.metadata_only = p.o->metadata_only;
	if (version)
		version[0] = '\0';
	do {
		rk_auto_doc *d = rk_doc_new(p.about.secret && !p.about.metadata_only);
		const struct rk_val *items;
		struct rk_val *page = NULL;
		const char *token, *now;

		ret = read_page(&p, d, &page, err);
		items = rk_get(page, "items", NULL);
		token = rk_get_str(page, "metadata", "continue", NULL);
		now = rk_get_str(page, "metadata", "resourceVersion", NULL);
		if (ret == 0 && version && !now)
			ret = rk_kube_unexpected(&p.about, err, "it has no resourceVersion");
		if (ret == 0 && token && *token)
			ret = check_end(&p, items ? items->count : 0, token, err);
		else
			rk_buf_reset(&p.token);
		if (ret == 0 && version && !version[0])
			snprintf(version, RK_VERSION_SIZE, "%s", now);
		rk_each (it, ret == 0 ? items : NULL) {
			/* items come without both */
			if (!rk_get(it, "apiVersion", NULL))
				rk_set_str(d, rk_mut(it), "apiVersion", r->api_version);
			if (!rk_get(it, "kind", NULL))
				rk_set_str(d, rk_mut(it), "kind", r->kind);
			ret = each(arg, it, err);
			if (ret < 0)
				break;
		}
	} while (ret >= 0 && p.token.len);
	rk_buf_release(&p.token);
	return ret < 0 ? -1 : 0;
}

struct gather {
	struct rk_doc *d;
	struct rk_val *seq;
	const char *plural;
};

static int gather_one(void *arg, const struct rk_val *item, struct rk_err *err)
{
	struct gather *g = arg;

	if (g->seq->count >= ALL_MAX)
		return rk_err_set(
			err, RK_FAIL, "more than %d %s: too many to hold", ALL_MAX, g->plural);
	rk_append(g->seq, rk_copy(g->d, item));
	return 0;
}

int rk_kube_list_all(struct rk_kube *k, const struct rk_res *r, const char *ns,
	const struct rk_list_opts *o, struct rk_doc *d, struct rk_val **out, struct rk_err *err)
{
	struct gather g = {.d = d, .seq = rk_seq(d), .plural = r->plural};

	*out = NULL;
	if (rk_kube_list(k, r, ns, o, gather_one, &g, err) < 0)
		return -1;
	*out = g.seq;
	return 0;
}

/* --- streams --- */

int rk_kube_lines(struct rk_buf *part, const char *p, size_t n,
	int (*line)(void *arg, const char *p, size_t n), void *arg)
{
	while (n) {
		const char *nl = memchr(p, '\n', n);
		size_t take = nl ? (size_t)(nl - p) : n;

		if (rk_buf_add(part, p, take, NULL) < 0 ||
			(nl && part->len && line(arg, part->s, part->len) < 0))
			return -1;
		if (nl)
			rk_buf_reset(part);
		p += take + !!nl;
		n -= take + !!nl;
	}
	return 0;
}

struct stream {
	struct rk_kube_about about;
	struct rk_buf part;
	rk_kube_change_fn each;
	void *arg;
	struct rk_err err;
};

/* An event of the stream. A bookmark has a version and no more; all else is an object as in a list. */
static int take_event(
	struct stream *s, const char *type, const struct rk_val *obj, struct rk_err *err)
{
	static const char *const names[] = {"ADDED", "MODIFIED", "DELETED", "BOOKMARK"};
	size_t e = 0;

	if (rk_streq(type, "ERROR")) {
		if (rk_kube_is(&s->about, obj, "v1", "Status", err) < 0)
			return -1;
		return rk_kube_status_val(
			&s->about, (int)rk_get_int(obj, 0, "code", NULL), obj, err);
	}
	while (e < RK_COUNT(names) && !rk_streq(type, names[e]))
		e++;
	if (e == RK_COUNT(names))
		return rk_kube_unexpected(
			&s->about, err, "an event of type \"%.60s\"", type ? type : "");
	s->about.form = e == RK_CHANGE_BOOKMARK ? RK_FORM_REVIEW : RK_FORM_OBJECT;
	if (rk_kube_check(&s->about, obj, err) < 0)
		return -1;
	if (!rk_get_str(obj, "metadata", "resourceVersion", NULL))
		return rk_kube_unexpected(&s->about, err, "an event without resourceVersion");
	return s->each(s->arg, (enum rk_change)e, obj, err);
}

/* A line that is not JSON is the end: the stream was cut. */
static int on_line(void *arg, const char *p, size_t n)
{
	struct stream *s = arg;
	rk_auto_doc *d = rk_doc_new(s->about.secret);
	struct rk_val *v = NULL;

	if (rk_json_parse(d, p, n, &v, NULL) < 0)
		return -1;
	return take_event(s, rk_get_str(v, "type", NULL), rk_get(v, "object", NULL), &s->err);
}

static int on_data(void *arg, const char *p, size_t n)
{
	struct stream *s = arg;

	return rk_kube_lines(&s->part, p, n, on_line, s);
}

int rk_kube_follow(struct rk_kube *k, const struct rk_res *r, const char *ns,
	const struct rk_list_opts *o, rk_kube_change_fn each, void *arg, struct rk_err *err)
{
	rk_auto_buf path = RK_BUF_INIT, what = RK_BUF_INIT;
	rk_auto_http_res res = RK_HTTP_RES_INIT;
	struct stream s = {.part = RK_BUF_INIT_SECRET, .each = each, .arg = arg};
	struct rk_http_req req = {
		.stream = true, .idle_ms = IDLE_MS, .data = on_data, .data_arg = &s};
	int ret;

	rk_kube_about(&s.about, k, r, ns, NULL, &what);
	s.about.metadata_only = o->metadata_only;
	s.part.max = LINE_BYTES;
	if (o->metadata_only)
		req.accept = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io";
	rk_res_path(r, ns, NULL, &path);
	rk_query_add(&path, "watch", "1");
	rk_query_add(&path, "allowWatchBookmarks", "true");
	rk_query_add(&path, "timeoutSeconds", STREAM_S);
	rk_query_add(&path, "resourceVersion", o->version);
	add_selectors(o, &path);
	req.path = path.s;
	ret = rk_kube_call(k, &req, &s.about, &res, err);
	rk_buf_release(&s.part);
	if (ret < 0 || !s.err.code)
		return ret;
	*err = s.err;
	return -1;
}
