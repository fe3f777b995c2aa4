// SPDX-License-Identifier: Apache-2.0
/* What an answer other than success means. */
#include "internal.h"
#include "out/out.h"

#include <ctype.h>

#define QUOTE_MAX 300 /* bytes of the server's own words in an error */

static int code_of(int status)
{
	switch (status) {
	case 404:
		return RK_NOTFOUND;
	case 401:
	case 403:
	case 405:
	case 409:
		return RK_CONFLICT;
	case 408:
	case 504:
		return RK_TIMEOUT;
	}
	return status >= 300 && status < 400 ? RK_CONFLICT : RK_FAIL;
}

bool rk_rancher_is_page(const struct rk_http_res *res)
{
	const char *p = res->body.s;

	while (*p && isspace((unsigned char)*p))
		p++;
	return strncasecmp(res->content_type, "text/html", 9) == 0 || *p == '<';
}

static bool hidden_in(const char *text, const char *const *hide)
{
	for (; hide && *hide; hide++)
		if (**hide && strstr(text, *hide))
			return true;
	return false;
}

/* Norman and Kubernetes say message; the proxy to a cluster says Message and Code.Code. */
static const char *words_of(const struct rk_val *v)
{
	const char *msg = rk_get_str(v, "message", NULL);

	return msg && *msg ? msg : rk_get_str(v, "Message", NULL);
}

static const char *reason_of(const struct rk_val *v)
{
	const char *reason = rk_get_str(v, "code", NULL);

	if (!reason)
		reason = rk_get_str(v, "reason", NULL);
	return reason ? reason : rk_get_str(v, "Code", "Code", NULL);
}

static const char *status_words(int status)
{
	static const struct {
		int status;
		const char *words;
	} known[] = {
		{400, "bad request"},
		{401, "not logged in, or the token is not valid"},
		{403, "not allowed"},
		{404, "not found"},
		{405, "this cannot be changed"},
		{422, "the request was not accepted"},
		{500, "the server failed"},
		{502, "the proxy in front reaches no Rancher"},
		{503, "not available"},
		{504, "the proxy in front got no answer"},
	};

	for (size_t i = 0; i < RK_COUNT(known); i++)
		if (known[i].status == status)
			return known[i].words;
	return "unexpected answer";
}

int rk_rancher_page_error(const struct rk_http_res *res, const char *what, struct rk_err *err)
{
	rk_err_set(err, code_of(res->status),
		"%s: the answer is a web page, not Rancher's API (HTTP %d)", what, res->status);
	rk_err_hint(err, res->status < 500
				 ? "check the address: another service, or a login page in "
				   "front of Rancher, answers there"
				 : "the proxy in front of Rancher answers, Rancher does "
				   "not: see whether its pods run");
	return -1;
}

/* The query of the redirect may contain what was sent. */
static int error_redirect(const struct rk_http_res *res, const char *what, const char *const *hide,
	struct rk_err *err)
{
	const char *to = hidden_in(res->location, hide) ? "" : res->location;
	size_t n = strcspn(to, "?#");
	rk_auto_free char *shown = n ? rk_strndup(to, n) : rk_strdup("another place");

	rk_err_set(err, RK_CONFLICT,
		"%s: the server redirects to %s, and credentials are sent nowhere but to the "
		"given address (HTTP %d)",
		what, shown, res->status);
	return rk_err_hint(err, "if that is the real address of this Rancher, give it with --url");
}

static int error_words(const struct rk_http_res *res, const char *what, const char *const *hide,
	struct rk_err *err)
{
	rk_auto_doc *d = rk_doc_new(true);
	rk_auto_buf shown = RK_BUF_INIT;
	struct rk_val *v = NULL;
	const char *words;

	if (rk_json_parse(d, res->body.s, res->body.len, &v, NULL) < 0)
		v = NULL;
	words = words_of(v);
	if (!words || !*words)
		words = reason_of(v);
	if (!words || hidden_in(words, hide))
		words = status_words(res->status);
	rk_printable(&shown, words, strnlen(words, QUOTE_MAX), " ");
	rk_err_set(err, code_of(res->status), "%s: %s (HTTP %d)", what, shown.s, res->status);
	return -1;
}

int rk_rancher_error(const struct rk_http_res *res, const char *what, const char *const *hide,
	struct rk_err *err)
{
	if (res->status >= 300 && res->status < 400)
		error_redirect(res, what, hide, err);
	else if (rk_rancher_is_page(res))
		rk_rancher_page_error(res, what, err);
	else
		error_words(res, what, hide, err);
	if (err)
		err->http = res->status;
	return -1;
}

int rk_rancher_malformed(const struct rk_rancher *r, const char *what, struct rk_err *err)
{
	if (err)
		err->code = RK_FAIL; /* a field that is missing is not RK_NOTFOUND to the user */
	return rk_err_wrap(err, "%s: %s", r->base, what);
}

bool rk_rancher_lacks(const struct rk_err *err)
{
	return err->http == 404 || err->http == 405 || err->http == 410 || err->http == 501;
}
