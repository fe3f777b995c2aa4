// SPDX-License-Identifier: Apache-2.0
/* One watch: list in pages, then a stream of changes, with resume.
 * Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes */
#include "internal.h"

#define LINE_MAX_BYTES ((size_t)16 << 20)
#define IN_MAX	       ((size_t)256 << 20)
#define STREAM_S       "300" /* how long the server keeps one stream open */
#define IDLE_MS	       90000 /* bookmarks come about once a minute */
#define BACKOFF_MS     800
#define BACKOFF_MAX_MS 30000
#define ABSENT_MAX_MS  4000  /* a kind that does not exist may be installed at any moment */
#define KNOWN_MAX      20000 /* objects of one watch */
#define STEADY_MS      5000  /* a stream that lived so long resets the back-off */

enum phase { LIST, WATCH, SLEEP };

struct rk_watch {
	struct rk_loop *loop;
	struct rk_kube *k;
	struct rk_res res;
	char *av, *kind, *plural; /* what res points to */
	char *ns, *labels, *fields;
	struct rk_list_opts o;
	rk_watch_fn fn;
	bool (*fail)(void *arg, const struct rk_err *err);
	void *arg;

	enum phase phase;
	struct rk_xfer *xfer; /* running, or NULL */
	bool ended;	      /* the transfer is over: status and err say how */
	int status;
	char content_type[80];
	struct rk_err err;
	struct rk_err trouble; /* why it does not run now; code 0: it does */
	struct rk_buf in;      /* bytes not yet worked on */
	struct rk_buf head;    /* the body of a refusal */
	struct rk_watch_split split;
	int64_t opened_ms, wake_ms, backoff;
	struct rk_buf token; /* of the next page */
	char version[64];
	struct rk_list_bound bound; /* of the list that is being read */
	unsigned round;
	bool synced, relist, renewed, dead, keep;
	struct rk_known_tab known;
	struct rk_watch *next;
};

/* --- objects --- */

static void report(struct rk_watch *w, enum rk_event e, const struct rk_val *obj)
{
	if (!w->dead)
		w->fn(w->arg, e, obj);
}

/* An object that was deleted between two streams: its last state is unknown. */
static void report_deleted(struct rk_watch *w, const struct rk_known *e)
{
	rk_auto_doc *d = rk_doc_new(false);
	struct rk_val *v = rk_map(d), *m;
	const char *slash = strchr(e->key, '/');

	rk_set_str(d, v, "apiVersion", w->res.api_version);
	rk_set_str(d, v, "kind", w->res.kind);
	m = rk_map_at(d, v, "metadata", NULL);
	rk_set_str(d, m, "name", slash + 1);
	if (slash > e->key)
		rk_set(d, m, "namespace", rk_stringn(d, e->key, (size_t)(slash - e->key)));
	rk_set_str(d, m, "uid", e->uid);
	rk_set_str(d, m, "resourceVersion", e->version);
	report(w, RK_GONE, v);
}

static const char *meta(const struct rk_val *obj, const char *key)
{
	const char *s = rk_get_str(obj, "metadata", key, NULL);

	return s ? s : "";
}

static void on_object(struct rk_watch *w, const struct rk_val *obj)
{
	rk_auto_free char *key = rk_asprintf("%s/%s", meta(obj, "namespace"), meta(obj, "name"));
	const char *uid = meta(obj, "uid"), *version = meta(obj, "resourceVersion");
	struct rk_known **p = rk_known_at(&w->known, key);
	enum rk_event what = RK_MODIFIED;

	if (*p && strcmp((*p)->uid, uid) != 0) {
		report_deleted(w, *p);
		rk_known_drop(&w->known, p);
		p = rk_known_at(&w->known, key);
	}
	if (!*p) {
		rk_known_add(&w->known, p, key, uid);
		what = RK_ADDED;
	}
	(*p)->round = w->round;
	if (what == RK_MODIFIED && !strcmp((*p)->version, version))
		return;
	free((*p)->version);
	(*p)->version = rk_strdup(version);
	if (w->keep) {
		rk_doc_free((*p)->doc);
		(*p)->doc = rk_doc_new(!strcmp(w->res.kind, "Secret"));
		(*p)->obj = rk_copy((*p)->doc, obj);
	}
	report(w, what, obj);
}

static void on_deleted(struct rk_watch *w, const struct rk_val *obj)
{
	rk_auto_free char *key = rk_asprintf("%s/%s", meta(obj, "namespace"), meta(obj, "name"));
	struct rk_known **p = rk_known_at(&w->known, key);

	if (!*p)
		return;
	rk_known_drop(&w->known, p);
	report(w, RK_GONE, obj);
}

/* After a whole list: what it did not hold was deleted. */
static void sweep_known(struct rk_watch *w)
{
	for (struct rk_known *e = w->known.first, *after; e; e = after) {
		after = e->after;
		if (e->round == w->round)
			continue;
		report_deleted(w, e);
		rk_known_drop(&w->known, rk_known_at(&w->known, e->key));
	}
}

/* --- transfers --- */

static int on_data(void *arg, const char *p, size_t n)
{
	struct rk_watch *w = arg;

	if (w->dead)
		return -1;
	return rk_buf_add(&w->in, p, n, NULL);
}

static void on_done(void *arg, struct rk_http_res *res, const struct rk_err *err)
{
	struct rk_watch *w = arg;

	w->xfer = NULL;
	w->ended = true;
	w->status = err ? 0 : res->status;
	w->err = err ? *err : (struct rk_err)RK_ERR_INIT;
	snprintf(w->content_type, sizeof(w->content_type), "%s", err ? "" : res->content_type);
	if (!err && res->body.len)
		rk_buf_put(&w->head, res->body.s, res->body.len < 8192 ? res->body.len : 8192);
}

static void start(struct rk_watch *w, struct rk_http_req *req, const struct rk_buf *path)
{
	struct rk_xfer_cb cb = {.data = on_data, .done = on_done, .arg = w};
	struct rk_err err = RK_ERR_INIT;

	rk_buf_reset(&w->in);
	rk_buf_reset(&w->head);
	rk_buf_reset(&w->split.part);
	w->ended = false;
	w->relist = false;
	w->opened_ms = rk_now_ms();
	if (w->dead)
		return;
	req->path = path->s;
	if (rk_kube_check_path(w->res.plural, path->s, &err) < 0 || rk_kube_fresh(w->k, &err) < 0) {
		w->ended = true;
		w->status = 0;
		w->err = err;
		return;
	}
	w->xfer = rk_pool_start(w->loop->pool, rk_kube_http(w->k), req, &cb);
}

static void start_list(struct rk_watch *w)
{
	rk_auto_buf path = RK_BUF_INIT;
	struct rk_http_req req = {.accept = rk_list_accept(&w->o)};

	if (!w->token.len) {
		w->bound = (struct rk_list_bound){
			.request_ms = rk_http_request_ms(rk_kube_http(w->k))};
		w->round++;
		w->version[0] = '\0';
	}
	w->phase = LIST;
	rk_list_path(&w->res, w->ns, &w->o, w->token.s, &path);
	start(w, &req, &path);
}

static void start_stream(struct rk_watch *w)
{
	rk_auto_buf path = RK_BUF_INIT;
	struct rk_http_req req = {.stream = true, .idle_ms = IDLE_MS};

	w->phase = WATCH;
	if (w->o.metadata_only)
		req.accept = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io";
	rk_res_path(&w->res, w->ns, NULL, &path);
	rk_query_add(&path, "watch", "1");
	rk_query_add(&path, "allowWatchBookmarks", "true");
	rk_query_add(&path, "timeoutSeconds", STREAM_S);
	rk_query_add(&path, "resourceVersion", w->version);
	if (w->labels)
		rk_query_add(&path, "labelSelector", w->labels);
	if (w->fields)
		rk_query_add(&path, "fieldSelector", w->fields);
	start(w, &req, &path);
}

static void sleep_ms(struct rk_watch *w, int64_t ms)
{
	w->phase = SLEEP;
	w->wake_ms = rk_now_ms() + ms;
}

static void back_off(struct rk_watch *w)
{
	int64_t ms = w->backoff ? w->backoff : BACKOFF_MS;

	w->backoff = ms * 2 < BACKOFF_MAX_MS ? ms * 2 : BACKOFF_MAX_MS;
	sleep_ms(w, ms + random() % (ms / 2 + 1));
}

/* --- how a transfer ended --- */

static void about(const struct rk_watch *w, struct rk_kube_about *a, struct rk_buf *what)
{
	rk_res_label(&w->res, w->ns, NULL, what);
	*a = (struct rk_kube_about){.what = what->s,
		.kube = w->k,
		.api_version = w->res.api_version,
		.secret = !strcmp(w->res.kind, "Secret"),
		.form = RK_FORM_LIST,
		.metadata_only = w->o.metadata_only,
		.res = &w->res,
		.ns = w->res.namespaced ? w->ns : NULL};
}

/* A persistent refusal is reported to the caller, and so is an answer that is not that of
 * an API server; all else is tried again. */
static void refused(struct rk_watch *w, const struct rk_err *err)
{
	bool permanent = err->http == 403 || err->http == 404 || err->http == 401 ||
			 err->http == 400 || err->http == 405 || err->reason == RK_REASON_TLS ||
			 err->reason == RK_REASON_UNEXPECTED;

	rk_buf_reset(&w->token);
	if (err != &w->trouble)
		w->trouble = *err;
	if (err->http == 404 && w->backoff > ABSENT_MAX_MS)
		w->backoff = ABSENT_MAX_MS;
	if (permanent && w->fail && !w->fail(w->arg, err)) {
		w->dead = true;
		return;
	}
	back_off(w);
}

static void failed(struct rk_watch *w)
{
	rk_auto_buf what = RK_BUF_INIT;
	struct rk_kube_about a;
	struct rk_http_res res = RK_HTTP_RES_INIT;
	struct rk_err err = w->err;
	int fresh = 0; /* credentials to try */

	about(w, &a, &what);
	if (w->status == 401 && !w->renewed)
		fresh = rk_kube_renew(w->k, &err);
	if (fresh > 0) {
		w->renewed = true;
		w->relist = w->phase == LIST; /* a list continues where it was */
		sleep_ms(w, 0);
		return;
	}
	if (!w->status || fresh < 0) {
		rk_err_wrap(&err, "%s", a.what);
		refused(w, &err);
		return;
	}
	if (w->status == 410) {
		w->relist = true;
		rk_buf_reset(&w->token);
		back_off(w);
		return;
	}
	res.status = w->status;
	res.body = w->head;
	memcpy(res.content_type, w->content_type, sizeof(res.content_type));
	rk_kube_status(&a, &res, &err);
	refused(w, &err);
}

/* A server that keeps adding objects would otherwise fill our memory. */
static bool is_full(struct rk_watch *w, const struct rk_kube_about *a)
{
	if (w->known.count <= KNOWN_MAX)
		return false;
	rk_kube_unexpected(a, &w->trouble, "more than %d objects", KNOWN_MAX);
	return true;
}

/* --- lists --- */

static bool take_page(struct rk_watch *w, struct rk_doc *d)
{
	struct rk_http_res res = {.body = w->in};
	struct rk_val *page = NULL;
	rk_auto_buf what = RK_BUF_INIT;
	struct rk_kube_about a;
	const char *token, *version;
	char why[200];

	about(w, &a, &what);
	snprintf(res.content_type, sizeof(res.content_type), "%s", w->content_type);
	if (rk_kube_parse(d, &a, &res, &page, &w->trouble) < 0)
		return false;
	version = rk_get_str(page, "metadata", "resourceVersion", NULL);
	token = rk_get_str(page, "metadata", "continue", NULL);
	if (!version)
		return rk_kube_unexpected(&a, &w->trouble, "it has no resourceVersion") == 0;
	if (!rk_list_bound(&w->bound, &w->o, page, &w->token, why, sizeof(why)))
		return rk_kube_unexpected(&a, &w->trouble, "%s", why) == 0;
	if (!w->version[0])
		snprintf(w->version, sizeof(w->version), "%s", version);
	rk_each (it, rk_get(page, "items", NULL)) {
		rk_list_complete(d, &w->res, it);
		on_object(w, it);
		if (is_full(w, &a))
			return false;
	}
	rk_buf_reset(&w->token);
	rk_buf_puts(&w->token, token ? token : "");
	return true;
}

static void list_ended(struct rk_watch *w)
{
	rk_auto_doc *d = NULL;

	if (w->status != 200) {
		failed(w);
		return;
	}
	d = rk_doc_new(!strcmp(w->res.kind, "Secret"));
	if (!take_page(w, d)) {
		refused(w, &w->trouble);
		return;
	}
	w->renewed = false;
	w->trouble.code = RK_OK;
	if (w->token.len) {
		start_list(w);
		return;
	}
	sweep_known(w);
	if (!w->synced) {
		w->synced = true;
		report(w, RK_SYNCED, NULL);
	}
	start_stream(w);
}

/* --- streams --- */

int rk_watch_feed(struct rk_watch_split *s, const char *p, size_t n,
	int (*line)(void *arg, const char *p, size_t n), void *arg)
{
	while (n) {
		const char *nl = memchr(p, '\n', n);
		size_t take = nl ? (size_t)(nl - p) : n;

		if (s->max && s->part.len + take > s->max)
			return -1;
		if (nl && !s->part.len) { /* whole lines need no copy */
			if (take && line(arg, p, take) < 0)
				return -1;
		} else {
			rk_buf_put(&s->part, p, take);
			if (nl && s->part.len && line(arg, s->part.s, s->part.len) < 0)
				return -1;
			if (nl)
				rk_buf_reset(&s->part);
		}
		p += take + !!nl;
		n -= take + !!nl;
	}
	return 0;
}

/* The stream ends here, and from its version it would only end here again: list again. That the version
 * is too old is not a fault; all else is. */
static void stream_refused(struct rk_watch *w, const struct rk_val *status)
{
	rk_auto_buf what = RK_BUF_INIT;
	struct rk_kube_about a;
	struct rk_err err = RK_ERR_INIT;

	about(w, &a, &what);
	rk_kube_status_val(&a, (int)rk_get_int(status, 0, "code", NULL), status, &err);
	w->relist = true;
	if (err.http != 410 && err.reason != RK_REASON_EXPIRED)
		w->trouble = err;
}

/* A bookmark has a version and no more; all else is an object as in a list. */
static int check_event(struct rk_watch *w, const char *type, const struct rk_val *obj)
{
	rk_auto_buf what = RK_BUF_INIT;
	struct rk_kube_about a;

	about(w, &a, &what);
	a.form = RK_FORM_OBJECT;
	if (!strcmp(type, "ERROR"))
		return rk_kube_is(&a, obj, "v1", "Status", &w->trouble);
	if (!strcmp(type, "BOOKMARK"))
		a.form = RK_FORM_REVIEW;
	else if (strcmp(type, "ADDED") != 0 && strcmp(type, "MODIFIED") != 0 &&
		 strcmp(type, "DELETED") != 0)
		return rk_kube_unexpected(&a, &w->trouble, "an event of type \"%.60s\"", type);
	if (rk_kube_check(&a, obj, &w->trouble) < 0 || is_full(w, &a))
		return -1;
	if (!*meta(obj, "resourceVersion"))
		return rk_kube_unexpected(&a, &w->trouble, "an event without resourceVersion");
	return 0;
}

static void event(struct rk_watch *w, const char *type, const struct rk_val *obj)
{
	const char *version = meta(obj, "resourceVersion");

	w->trouble.code = RK_OK;
	w->backoff = 0;
	if (*version)
		snprintf(w->version, sizeof(w->version), "%s", version);
	if (!strcmp(type, "DELETED"))
		on_deleted(w, obj);
	else if (strcmp(type, "BOOKMARK") != 0)
		on_object(w, obj);
}

static int on_line(void *arg, const char *p, size_t n)
{
	struct rk_watch *w = arg;
	rk_auto_doc *d = rk_doc_new(!strcmp(w->res.kind, "Secret"));
	struct rk_val *v = NULL;
	const char *type;
	const struct rk_val *obj;

	if (w->dead || rk_json_parse(d, p, n, &v, &w->err) < 0)
		return -1;
	type = rk_get_str(v, "type", NULL);
	obj = rk_get(v, "object", NULL);
	if (check_event(w, type ? type : "", obj) < 0) {
		w->relist = true;
		return -1;
	}
	if (!strcmp(type, "ERROR")) {
		stream_refused(w, obj);
		return -1;
	}
	event(w, type, obj);
	return 0;
}

/* The bytes that came since the last turn. A stream of rubbish is dropped and opened again. */
static void stream_work(struct rk_watch *w)
{
	struct rk_buf got = w->in;
	int r;

	if (!got.len)
		return;
	w->in = (struct rk_buf){.s = rk_buf_empty, .max = IN_MAX, .secret = true};
	r = rk_watch_feed(&w->split, got.s, got.len, on_line, w);
	rk_buf_release(&got);
	if (r < 0 && w->xfer) {
		rk_pool_cancel(w->loop->pool, w->xfer);
		w->xfer = NULL;
		w->ended = true;
		w->status = 200;
	}
}

static void stream_ended(struct rk_watch *w)
{
	bool steady = rk_now_ms() - w->opened_ms >= STEADY_MS;

	if (w->status && w->status != 200) {
		failed(w);
		return;
	}
	if (steady)
		w->backoff = 0;
	w->renewed = false;
	if (!w->status) {
		w->trouble = w->err;
		rk_err_wrap(&w->trouble, "%s", w->res.plural);
	}
	if (w->status == 200 && steady)
		sleep_ms(w, 0);
	else
		back_off(w);
}

/* --- for the loop --- */

/* A watch that sleeps or has more to do wakes the loop through a timer. */
static void nothing(void *arg)
{
	(void)arg;
}

static void arm(struct rk_watch *w)
{
	if (w->dead || (w->phase != SLEEP && !w->ended))
		return;
	rk_loop_after(w->loop, w->phase == SLEEP ? w->wake_ms - rk_now_ms() : 0, nothing, w);
}

static void work(struct rk_watch *w)
{
	if (w->dead)
		return;
	if (w->phase == SLEEP && rk_now_ms() >= w->wake_ms) {
		/* after a failure the list tells at once that all is well again; a stream with
		 * nothing to tell would stay silent for a minute */
		if (w->synced && !w->relist && w->version[0] && !w->trouble.code)
			start_stream(w);
		else
			start_list(w);
	}
	if (w->phase == WATCH && (!w->ended || w->status == 200 || !w->status))
		stream_work(w);
	if (!w->ended)
		return;
	w->ended = false;
	if (w->phase == LIST)
		list_ended(w);
	else if (w->phase == WATCH)
		stream_ended(w);
	arm(w);
}

struct rk_watch *rk_loop_watch(struct rk_loop *l, struct rk_kube *k, const struct rk_res *r,
	const char *ns, const struct rk_list_opts *o, rk_watch_fn fn,
	bool (*fail)(void *arg, const struct rk_err *err), void *arg)
{
	struct rk_watch *w = rk_calloc(1, sizeof(*w));

	w->loop = l;
	w->k = k;
	w->av = rk_strdup(r->api_version);
	w->kind = rk_strdup(r->kind);
	w->plural = rk_strdup(r->plural);
	w->res = (struct rk_res){w->av, w->kind, w->plural, r->namespaced};
	w->ns = ns ? rk_strdup(ns) : NULL;
	if (o)
		w->o = *o;
	w->labels = w->o.labels && *w->o.labels ? rk_strdup(w->o.labels) : NULL;
	w->fields = w->o.fields && *w->o.fields ? rk_strdup(w->o.fields) : NULL;
	w->o.labels = w->labels;
	w->o.fields = w->fields;
	w->fn = fn;
	w->fail = fail;
	w->arg = arg;
	w->in = (struct rk_buf){.s = rk_buf_empty, .max = IN_MAX, .secret = true};
	w->head = (struct rk_buf)RK_BUF_INIT_SECRET;
	w->token = (struct rk_buf)RK_BUF_INIT;
	w->split = (struct rk_watch_split){.part = RK_BUF_INIT_SECRET, .max = LINE_MAX_BYTES};
	w->next = l->watches;
	l->watches = w;
	sleep_ms(w, 0);
	arm(w);
	return w;
}

const struct rk_err *rk_watch_error(const struct rk_watch *w)
{
	return w->trouble.code ? &w->trouble : NULL;
}

struct rk_known_tab *rk_watch_keep(struct rk_watch *w)
{
	w->keep = true;
	return &w->known;
}

/* Outside of libcurl, where all callbacks of a watch are run, this is the end of its transfer. */
void rk_loop_unwatch(struct rk_loop *l, struct rk_watch *w)
{
	if (!w)
		return;
	w->dead = true;
	if (w->xfer)
		rk_pool_cancel(l->pool, rk_steal(&w->xfer));
}

static void watch_free(struct rk_watch *w)
{
	rk_loop_cancel(w->loop, nothing, w);
	if (w->xfer)
		rk_pool_cancel(w->loop->pool, w->xfer);
	rk_known_clear(&w->known);
	rk_buf_release(&w->in);
	rk_buf_release(&w->head);
	rk_buf_release(&w->split.part);
	rk_buf_release(&w->token);
	free(w->av);
	free(w->kind);
	free(w->plural);
	free(w->ns);
	free(w->labels);
	free(w->fields);
	free(w);
}

void rk_watch_work_all(struct rk_loop *l)
{
	for (struct rk_watch *w = l->watches; w && !l->stop; w = w->next)
		work(w);
	for (struct rk_watch **p = &l->watches, *w; (w = *p);) {
		if (!w->dead) {
			p = &w->next;
			continue;
		}
		*p = w->next;
		watch_free(w);
	}
}

void rk_watch_end_all(struct rk_loop *l)
{
	for (struct rk_watch *w = l->watches; w; w = w->next)
		rk_loop_unwatch(l, w);
	rk_watch_work_all(l);
}
