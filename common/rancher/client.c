// SPDX-License-Identifier: Apache-2.0
/* The client itself: address, requests, what an answer other than success means, the start. */
#include "internal.h"
#include "out/out.h"
#include "task/task.h"

#define ANSWER_MAX ((size_t)32 << 20)
#define QUOTE_MAX  300 /* bytes of the server's own words in an error */

int rk_rancher_url(struct rk_doc *d, const char *text, const char **url, struct rk_err *err)
{
	rk_auto_url u;
	rk_auto_free char *host = NULL;
	const char *why = rk_url_parse(&u, text, "https");

	if (!why && !rk_streq(u.scheme, "https"))
		why = "it must begin with https://";
	if (!why && (u.user || u.password))
		why = "it must not contain a user name or a password";
	if (why) {
		rk_err_set(err, RK_USAGE, "invalid address of Rancher: %s", why);
		return rk_err_hint(err, "give it as https://HOST or https://HOST:PORT");
	}
	host = rk_url_host(&u);
	*url = rk_doc_printf(d, "https://%s", host);
	return 0;
}

int rk_rancher_new(struct rk_rancher **out, const struct rk_rancher_conf *conf, struct rk_err *err)
{
	struct rk_http_conf hc = {
		.base = conf->url,
		.ca = conf->ca,
		.ca_len = conf->ca_len,
		.resolve = conf->resolve,
		.request_ms = conf->request_ms,
	};
	struct rk_doc *d = rk_doc_new(true);
	rk_auto_rancher *r = rk_doc_alloc(d, sizeof(*r));

	*out = NULL;
	if (!rk_http_trace && rk_verbosity() > 0)
		rk_http_trace = rk_debug_line;
	r->d = d;
	r->base = rk_doc_printf(d, "%s", conf->url);
	r->version = "";
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
	rk_doc_free(r->d);
}

const char *rk_rancher_version(const struct rk_rancher *r)
{
	return r->version;
}

void rk_rancher_set_stop(struct rk_rancher *r, const volatile sig_atomic_t *stop)
{
	rk_http_set_stop(r->http, stop);
}

/* --- what an answer other than success means --- */

/* Whether an answer is a web page, whatever its status. */
static bool is_page(const struct rk_http_res *res)
{
	return strncasecmp(res->content_type, "text/html", 9) == 0 ||
	       res->body.s[strspn(res->body.s, " \t\r\n\v\f")] == '<';
}

static bool hidden_in(const char *text, const char *const *hide)
{
	for (; hide && *hide; hide++)
		if (**hide && strstr(text, *hide))
			return true;
	return false;
}

/* The server's own words, unless they hold a secret, else what the status means. Norman and
 * Kubernetes say message; the proxy to a cluster says Message and Code.Code. */
int rk_rancher_error(const struct rk_http_res *res, const char *what, const char *const *hide,
	struct rk_err *err)
{
	static const char *const paths[][2] = {
		{"message"}, {"Message"}, {"code"}, {"reason"}, {"Code", "Code"}};
	static const struct {
		int status, code;
		const char *meaning;
	} known[] = {
		{400, RK_FAIL, "bad request"},
		{401, RK_CONFLICT, "not logged in, or the token is not valid"},
		{403, RK_CONFLICT, "not allowed"},
		{404, RK_NOTFOUND, "not found"},
		{405, RK_CONFLICT, "this cannot be changed"},
		{408, RK_TIMEOUT, "unexpected answer"},
		{409, RK_CONFLICT, "unexpected answer"},
		{422, RK_FAIL, "the request was not accepted"},
		{500, RK_FAIL, "the server failed"},
		{502, RK_FAIL, "the proxy in front of Rancher cannot reach it"},
		{503, RK_FAIL, "not available"},
		{504, RK_TIMEOUT, "the proxy in front of Rancher got no answer"},
	};
	int status = res->status, code = RK_FAIL;
	const char *meaning = "unexpected answer", *words = NULL;
	rk_auto_doc *d = rk_doc_new(true);
	rk_auto_buf quoted = RK_BUF_INIT;
	struct rk_val *v;

	for (size_t i = 0; i < RK_COUNT(known); i++)
		if (known[i].status == status) {
			code = known[i].code;
			meaning = known[i].meaning;
		}
	if (status >= 300 && status < 400) {
		/* the query of the redirect may contain what was sent */
		size_t n = hidden_in(res->location, hide) ? 0 : strcspn(res->location, "?#");

		rk_err_set(err, RK_CONFLICT,
			"%s: the server redirects to %.*s, and credentials are sent only to the "
			"given address (HTTP %d)",
			what, n ? (int)n : 15, n ? res->location : "another address", status);
		rk_err_hint(err, "if that is the real address of this Rancher, give it with --url");
	} else if (is_page(res)) {
		rk_err_set(err, code, "%s: the answer is a web page, not Rancher's API (HTTP %d)",
			what, status);
		rk_err_hint(err, status < 500
					 ? "check the address: another service, or a login page in "
					   "front of Rancher, answers there"
					 : "the proxy in front of Rancher answers, Rancher does "
					   "not: see whether its pods run");
	} else {
		if (rk_json_parse(d, res->body.s, res->body.len, &v, NULL) == 0)
			for (size_t i = 0; i < RK_COUNT(paths) && (!words || !*words); i++)
				words = rk_get_str(v, paths[i][0], paths[i][1], NULL);
		if (!words || !*words || hidden_in(words, hide))
			words = meaning;
		rk_printable(&quoted, words, strnlen(words, QUOTE_MAX), " ");
		rk_err_set(err, code, "%s: %s (HTTP %d)", what, quoted.s, status);
	}
	if (err)
		err->http = status;
	return -1;
}

int rk_rancher_malformed(
	const struct rk_rancher *r, const char *what, const char *why, struct rk_err *err)
{
	if (why)
		return rk_err_set(err, RK_FAIL, "%s: %s: %s", r->base, what, why);
	if (err)
		err->code = RK_FAIL; /* a field that is missing is not RK_NOTFOUND to the user */
	return rk_err_wrap(err, "%s: %s", r->base, what);
}

bool rk_rancher_lacks(const struct rk_err *err)
{
	return err->http == 404 || err->http == 405 || err->http == 410 || err->http == 501;
}

/* --- requests --- */

char *rk_rancher_path(struct rk_doc *d, const char *head, const char *name, const char *tail)
{
	rk_auto_buf path = RK_BUF_INIT;

	rk_buf_puts(&path, head);
	rk_urlencode(&path, name);
	return rk_doc_printf(d, "%s%s", path.s, tail);
}

int rk_rancher_call(struct rk_rancher *r, const char *method, const char *path,
	const struct rk_val *body, const char *what, struct rk_http_res *res, struct rk_err *err)
{
	rk_auto_buf text = RK_BUF_INIT_SECRET;
	struct rk_http_req req = {.method = method, .path = path, .max = ANSWER_MAX};
	bool good;

	if (body) {
		rk_json_write(body, RK_JSON_COMPACT, &text);
		req.content_type = "application/json";
		req.body = text.s;
		req.body_len = text.len;
	}
	res->body.secret = true;
	if (rk_http_do(r->http, &req, res, err) < 0)
		return rk_err_wrap(err, "%s", what);
	good = res->status >= 200 && res->status < 300;
	if (good && !is_page(res))
		return 0;
	rk_rancher_error(res, what, r->hide, err);
	if (err && good) /* a login page in front of Rancher */
		err->http = 0;
	return rk_err_wrap(err, "%s", r->base);
}

int rk_rancher_json(struct rk_rancher *r, const char *method, const char *path,
	const struct rk_val *body, const char *what, struct rk_doc *d, struct rk_val **out,
	struct rk_err *err)
{
	rk_auto_http_res res = RK_HTTP_RES_INIT;

	if (rk_rancher_call(r, method, path, body, what, &res, err) < 0)
		return -1;
	if (!out)
		return 0;
	rk_doc_source(d, "the answer");
	if (rk_json_parse(d, res.body.s, res.body.len, out, NULL) < 0)
		return rk_err_set(err, RK_FAIL, "%s: %s: the answer is not JSON (HTTP %d)", r->base,
			what, res.status);
	if ((*out)->kind != RK_MAP)
		return rk_rancher_malformed(r, what, "the answer is not an object", err);
	return 0;
}

/* --- start --- */

static int ping(struct rk_rancher *r, struct rk_err *err)
{
	static const char what[] = "request /ping";
	rk_auto_http_res res = RK_HTTP_RES_INIT;

	if (rk_rancher_call(r, "GET", "/ping", NULL, what, &res, err) < 0)
		return -1;
	if (rk_prefix(res.body.s, "pong"))
		return 0;
	return rk_err_set(
		err, RK_FAIL, "%s: /ping does not answer pong: not a Rancher server", r->base);
}

int rk_rancher_ready(struct rk_rancher *r, int64_t wait_ms, struct rk_err *err)
{
	static const char what[] = "read the version";
	rk_auto_doc *d = rk_doc_new(false);
	int64_t end = rk_now_ms() + wait_ms;
	const char *version;
	struct rk_val *v;

	while (ping(r, err) < 0) {
		/* Rancher may be starting: an ingress or a proxy answers for it meanwhile. */
		if (err->http ? err->http != 404 && (err->http < 502 || err->http > 504)
			      : err->reason != RK_REASON_REFUSED &&
					err->reason != RK_REASON_BROKEN &&
					err->reason != RK_REASON_TIMEOUT &&
					err->reason != RK_REASON_UNREACHABLE)
			return -1;
		if (rk_now_ms() >= end) {
			err->code = wait_ms > 0 ? RK_TIMEOUT : err->code;
			return rk_err_wrap(err, "Rancher does not answer");
		}
		rk_err_clear(err);
		rk_task_pause(500);
	}
	if (rk_rancher_json(r, "GET", "/rancherversion", NULL, what, d, &v, err) < 0)
		return -1;
	if (rk_need_str(v, &version, err, "Version", NULL) < 0)
		return rk_rancher_malformed(r, what, NULL, err);
	r->version = rk_doc_printf(r->d, "%s", version);
	return 0;
}
