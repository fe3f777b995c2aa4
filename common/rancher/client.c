// SPDX-License-Identifier: Apache-2.0
/* The client itself: address, version, requests, start. */
#include "internal.h"
#include "out/out.h"
#include "task/task.h"

#include <ctype.h>

#define ANSWER_MAX ((size_t)32 << 20)

/* --- address and version --- */

static int bad_url(struct rk_err *err, const char *why)
{
	rk_err_set(err, RK_USAGE, "Rancher's address %s", why);
	return rk_err_hint(err, "give it as https://HOST or https://HOST:PORT");
}

int rk_rancher_url(const char *text, char **url, struct rk_err *err)
{
	rk_auto_free char *host = NULL;
	rk_auto_url u;
	const char *why = rk_url_parse(&u, text, "https");

	*url = NULL;
	if (why) {
		rk_auto_free char *it = rk_asprintf("is not a URL: %s", why);

		return bad_url(err, it);
	}
	if (!rk_streq(u.scheme, "https"))
		return bad_url(err, "must begin with https://");
	if (u.user || u.password)
		return bad_url(err, "must not hold a user name or a password");
	host = rk_url_host(&u);
	*url = rk_asprintf("https://%s", host);
	return 0;
}

bool rk_rancher_since(const struct rk_rancher *r, int minor)
{
	return !r->numbered || rk_version_at_least(r->version, 2, minor);
}

/* --- requests --- */

int rk_rancher_new(struct rk_rancher **out, const struct rk_rancher_conf *conf, struct rk_err *err)
{
	struct rk_http_conf hc = {
		.base = conf->url,
		.ca = conf->ca,
		.ca_len = conf->ca_len,
		.resolve = conf->resolve,
		.request_ms = conf->request_ms,
	};
	rk_auto_rancher *r = rk_calloc(1, sizeof(*r));

	*out = NULL;
	if (!rk_http_trace && rk_verbosity() > 0)
		rk_http_trace = rk_debug_line;
	r->base = rk_strdup(conf->url);
	r->version = rk_strdup("");
	if (rk_http_new(&r->http, &hc, err) < 0)
		return -1;
	*out = rk_steal(&r);
	return 0;
}

void rk_rancher_free(struct rk_rancher *r)
{
	if (!r)
		return;
	rk_http_free(r->http);
	rk_free_secret(r->session);
	rk_free_secret(r->token);
	free(r->version);
	free(r->base);
	free(r);
}

const char *rk_rancher_version(const struct rk_rancher *r)
{
	return r->version;
}

const char *rk_rancher_base(const struct rk_rancher *r)
{
	return r->base;
}

void rk_rancher_set_stop(struct rk_rancher *r, const volatile sig_atomic_t *stop)
{
	rk_http_set_stop(r->http, stop);
}

int rk_rancher_call(struct rk_rancher *r, const char *method, const char *path,
	const struct rk_val *body, const char *what, struct rk_http_res *res, struct rk_err *err)
{
	rk_auto_buf text = RK_BUF_INIT_SECRET;
	struct rk_http_req req = {.method = method, .path = path, .max = ANSWER_MAX};

	if (body) {
		rk_json_write(body, RK_JSON_COMPACT, &text);
		req.content_type = "application/json";
		req.body = text.s;
		req.body_len = text.len;
	}
	res->body.secret = true;
	if (rk_http_do(r->http, &req, res, err) < 0)
		return rk_err_wrap(err, "%s", what);
	if (res->status >= 200 && res->status < 300)
		return 0;
	rk_rancher_error(res, what, r->hide, err);
	return rk_err_wrap(err, "%s", r->base);
}

int rk_rancher_json(struct rk_rancher *r, const char *method, const char *path,
	const struct rk_val *body, const char *what, struct rk_doc *d, struct rk_val **out,
	struct rk_err *err)
{
	rk_auto_http_res res = RK_HTTP_RES_INIT;
	struct rk_err why = RK_ERR_INIT;

	*out = NULL;
	if (rk_rancher_call(r, method, path, body, what, &res, err) < 0)
		return -1;
	if (rk_rancher_is_page(&res)) {
		rk_rancher_page_error(&res, what, err);
		return rk_err_wrap(err, "%s", r->base);
	}
	rk_doc_source(d, "the answer");
	if (rk_json_parse(d, res.body.s, res.body.len, out, &why) < 0)
		return rk_err_set(err, RK_FAIL, "%s: %s: the answer is not JSON (HTTP %d)", r->base,
			what, res.status);
	if ((*out)->kind != RK_MAP)
		return rk_err_set(
			err, RK_FAIL, "%s: %s: the answer is not an object", r->base, what);
	return 0;
}

/* --- start --- */

static bool may_pass(const struct rk_err *err)
{
	static const int starting[] = {404, 502, 503, 504};

	for (size_t i = 0; i < RK_COUNT(starting); i++)
		if (err->http == starting[i])
			return true;
	if (err->http)
		return false;
	return err->reason == RK_REASON_REFUSED || err->reason == RK_REASON_BROKEN ||
	       err->reason == RK_REASON_TIMEOUT || err->reason == RK_REASON_UNREACHABLE;
}

static int ping(struct rk_rancher *r, struct rk_err *err)
{
	rk_auto_http_res res = RK_HTTP_RES_INIT;

	if (rk_rancher_call(r, "GET", "/ping", NULL, "ask /ping", &res, err) < 0)
		return -1;
	if (rk_prefix(res.body.s, "pong"))
		return 0;
	if (rk_rancher_is_page(&res))
		rk_rancher_page_error(&res, "ask /ping", err);
	else
		rk_err_set(err, RK_FAIL, "/ping does not answer pong: not a Rancher server");
	return rk_err_wrap(err, "%s", r->base);
}

static int read_version(struct rk_rancher *r, struct rk_err *err)
{
	rk_auto_doc *d = rk_doc_new(false);
	struct rk_val *v;
	const char *text, *what = "ask for the version";
	int64_t number[3];

	if (rk_rancher_json(r, "GET", "/rancherversion", NULL, what, d, &v, err) < 0)
		return -1;
	if (rk_need_str(v, &text, err, "Version", NULL) < 0)
		return rk_rancher_malformed(r, what, err);
	free(r->version);
	r->version = rk_strdup(text);
	r->numbered = rk_version_parse(text, number);
	return 0;
}

int rk_rancher_ready(struct rk_rancher *r, int64_t wait_ms, struct rk_err *err)
{
	int64_t end = rk_now_ms() + wait_ms;

	while (ping(r, err) < 0) {
		if (!may_pass(err))
			return -1;
		if (rk_now_ms() >= end) {
			err->code = wait_ms > 0 ? RK_TIMEOUT : err->code;
			return rk_err_wrap(err, "Rancher does not answer");
		}
		rk_err_clear(err);
		rk_task_pause(500);
	}
	return read_version(r, err);
}
