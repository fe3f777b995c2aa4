// SPDX-License-Identifier: Apache-2.0
#include "rancher/rancher.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void addresses_are_normalised(void **state)
{
	static const struct {
		const char *in, *out; /* NULL: refused */
	} cases[] = {
		{"rancher.example.com", "https://rancher.example.com"},
		{"https://h/", "https://h"},
		{"HTTPS://h", "https://h"},
		{"https://h:443/", "https://h"},
		{"https://h:8443/dashboard/home?x#y", "https://h:8443"},
		{"https://[fd00::1]:8443", "https://[fd00::1]:8443"},
		{"10.0.0.1", "https://10.0.0.1"},
		{"http://h", NULL},
		{"ftp://h", NULL},
		{"https://user:password@h", NULL},
		{"https://", NULL},
		{"", NULL},
		{":8443", NULL},
		{"https://h h", NULL},
		{"https://h\"", NULL},
		{"not a url", NULL},
	};

	(void)state;
	for (size_t i = 0; i < RK_COUNT(cases); i++) {
		rk_auto_doc *d = rk_doc_new(false);
		const char *url = NULL;
		struct rk_err err = RK_ERR_INIT;
		int rc = rk_rancher_url(d, cases[i].in, &url, &err);

		assert_int_equal(rc, cases[i].out ? 0 : -1);
		if (cases[i].out)
			assert_string_equal(url, cases[i].out);
		else
			assert_int_equal(err.code, RK_USAGE);
		assert_null(strstr(err.msg, "password@"));
	}
}

static void names_of_tokens(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{"token-abcde:secret", "token-abcde"},
		{"ext/token-abcde:secret", "ext/token-abcde"},
		{"kubeconfig-user-x7k2p:s", "kubeconfig-user-x7k2p"},
		{"token-abcde", NULL},
		{":secret", NULL},
		{"token-abcde:", NULL},
		{"a:b:c", NULL},
		{"../../v3/users:x", NULL},
		{"token a:b", NULL},
		{"", NULL},
	};

	(void)state;
	for (size_t i = 0; i < RK_COUNT(cases); i++) {
		rk_auto_doc *d = rk_doc_new(false);
		const char *name = rk_rancher_token_name(d, cases[i].in);

		if (cases[i].out)
			assert_string_equal(name, cases[i].out);
		else
			assert_null(name);
	}
}

static void tokens_of_both_kinds(void **state)
{
	static const struct {
		const char *json, *name, *value;
		int64_t expires;
		bool live, scoped;
	} cases[] = {
		/* just made: expiresAt is not there yet */
		{"{\"name\":\"token-a\",\"token\":\"token-a:s\",\"ttl\":1000,\"expiresAt\":\"\","
		 "\"createdTS\":5000,\"clusterId\":null,\"enabled\":true,\"expired\":false}",
			"token-a", "token-a:s", 6, true, false},
		{"{\"id\":\"token-a\",\"ttl\":1000,\"expiresAt\":\"2026-01-31T00:00:00Z\"}",
			"token-a", NULL, 1769817600, true, false},
		{"{\"name\":\"token-a\",\"ttl\":0,\"expiresAt\":\"\"}", "token-a", NULL,
			RK_RANCHER_NEVER, true, false},
		{"{\"name\":\"token-a\",\"ttl\":-1,\"createdTS\":5000}", "token-a", NULL,
			RK_RANCHER_UNKNOWN, false, false},
		{"{\"name\":\"token-a\",\"ttl\":5,\"clusterId\":\"local\",\"expired\":true}",
			"token-a", NULL, RK_RANCHER_UNKNOWN, false, true},
		{"{\"name\":\"token-a\",\"enabled\":false}", "token-a", NULL, RK_RANCHER_NEVER,
			false, false},
		{"{\"metadata\":{\"name\":\"token-b\"},\"spec\":{\"ttl\":9},\"status\":{\"value\":"
		 "\"s\",\"expiresAt\":\"2026-01-31T00:00:00Z\",\"expired\":false}}",
			"ext/token-b", "ext/token-b:s", 1769817600, true, false},
		{"{\"metadata\":{\"name\":\"token-b\"},\"spec\":{\"ttl\":9,\"clusterName\":\"c\"},"
		 "\"status\":{\"bearerToken\":\"ext/token-b:t\",\"expired\":true}}",
			"ext/token-b", "ext/token-b:t", RK_RANCHER_UNKNOWN, false, true},
	};

	(void)state;
	for (size_t i = 0; i < RK_COUNT(cases); i++) {
		rk_auto_doc *d = rk_doc_new(true);
		struct rk_rancher_token t;
		struct rk_val *v;

		assert_int_equal(
			rk_json_parse(d, cases[i].json, strlen(cases[i].json), &v, NULL), 0);
		assert_int_equal(rk_rancher_token_parse(d, v, &t, NULL), 0);
		assert_string_equal(t.name, cases[i].name);
		if (cases[i].value)
			assert_string_equal(t.value, cases[i].value);
		else
			assert_null(t.value);
		assert_int_equal(t.expires, cases[i].expires);
		assert_int_equal(t.live, cases[i].live);
		assert_int_equal(t.scoped, cases[i].scoped);
	}
}

#define NORMAN "{\"name\":\"t\",\"%s\":%s}"
#define EXTERN "{\"metadata\":{\"name\":\"t\"},\"%s\":{\"%s\":%s}}"

/* The error about a token with one field of another type; the field's path is to be in it. */
static void refuses(const char *json, const char *field)
{
	rk_auto_doc *d = rk_doc_new(true);
	struct rk_err err = RK_ERR_INIT;
	struct rk_rancher_token t;
	struct rk_val *v;

	assert_int_equal(rk_json_parse(d, json, strlen(json), &v, NULL), 0);
	assert_int_equal(rk_rancher_token_parse(d, v, &t, &err), -1);
	assert_non_null(strstr(err.msg, field));
	assert_non_null(strstr(err.msg, "expected "));
}

static void tokens_of_wrong_types(void **state)
{
	static const char *const values[] = {"\"x\"", "5", "true", "[]", "{}"};
	static const struct {
		const char *part, *field; /* no part: Norman's */
		size_t right;		  /* of values */
	} cases[] = {
		{NULL, "id", 0},
		{NULL, "token", 0},
		{NULL, "description", 0},
		{NULL, "clusterId", 0},
		{NULL, "expiresAt", 0},
		{NULL, "ttl", 1},
		{NULL, "createdTS", 1},
		{NULL, "enabled", 2},
		{NULL, "expired", 2},
		{"spec", "description", 0},
		{"spec", "clusterName", 0},
		{"spec", "ttl", 1},
		{"spec", "enabled", 2},
		{"status", "bearerToken", 0},
		{"status", "value", 0},
		{"status", "expiresAt", 0},
		{"status", "expired", 2},
	};

	(void)state;
	for (size_t i = 0; i < RK_COUNT(cases); i++) {
		for (size_t k = 0; k < RK_COUNT(values); k++) {
			rk_auto_free char *json =
				cases[i].part ? rk_asprintf(EXTERN, cases[i].part, cases[i].field,
							values[k])
					      : rk_asprintf(NORMAN, cases[i].field, values[k]);

			if (k != cases[i].right)
				refuses(json, cases[i].field);
		}
	}
	refuses("{\"name\":5}", "name");
	refuses("{\"metadata\":{\"name\":[]}}", "metadata.name");
	refuses("{\"metadata\":true}", "metadata");
	refuses("{\"metadata\":{\"name\":\"t\"},\"spec\":1.5}", "spec");
	refuses("{\"name\":\"t\",\"ttl\":1.5}", "ttl");
}

/* What the error says about an answer. */
static char *said(int status, const char *type, const char *body, const char *location, int *code)
{
	static const char *const hide[] = {"hunter2hunter2", NULL};
	rk_auto_http_res res = RK_HTTP_RES_INIT;
	struct rk_err err = RK_ERR_INIT;

	res.status = status;
	snprintf(res.content_type, sizeof(res.content_type), "%s", type);
	snprintf(res.location, sizeof(res.location), "%s", location);
	rk_buf_puts(&res.body, body);
	assert_int_equal(rk_rancher_error(&res, "ask", hide, &err), -1);
	assert_int_equal(err.http, status);
	*code = err.code;
	return rk_strdup(err.msg);
}

static void errors_of_all_shapes(void **state)
{
	static const struct {
		int status;
		const char *type, *body, *said;
		int code;
	} cases[] = {
		{401, "application/json",
			"{\"type\":\"error\",\"status\":\"401\",\"message\":\"Unauthorized 401: "
			"must "
			"authenticate\"}",
			"ask: Unauthorized 401: must authenticate (HTTP 401)", RK_CONFLICT},
		{401, "application/json",
			"{\"code\":\"Unauthorized\",\"message\":\"authentication failed\"}",
			"ask: authentication failed (HTTP 401)", RK_CONFLICT},
		{422, "application/json", "{\"code\":\"InvalidBodyContent\",\"message\":\"\"}",
			"ask: InvalidBodyContent (HTTP 422)", RK_FAIL},
		{404, "application/json",
			"{\"kind\":\"Status\",\"reason\":\"NotFound\",\"message\":"
			"\"x not found\",\"code\":404}",
			"ask: x not found (HTTP 404)", RK_NOTFOUND},
		{503, "text/plain",
			"{\"Code\":{\"Code\":\"ClusterUnavailable\",\"Status\":503},"
			"\"Message\":\"cluster not provisioned\"}",
			"ask: cluster not provisioned (HTTP 503)", RK_FAIL},
		{404, "text/plain", "404 page not found", "ask: not found (HTTP 404)", RK_NOTFOUND},
		{404, "", "", "ask: not found (HTTP 404)", RK_NOTFOUND},
		{401, "application/json", "{\"message\":\"no hunter2hunter2 here\"}",
			"ask: not logged in, or the token is not valid (HTTP 401)", RK_CONFLICT},
		{500, "application/json", "{\"message\":\"a\\u001b[31mb\"}",
			"ask: a^[[31mb (HTTP 500)", RK_FAIL},
		{418, "application/json", "[1]", "ask: unexpected answer (HTTP 418)", RK_FAIL},
		{200, "text/html; charset=utf-8", "<html>",
			"ask: the answer is a web page, not Rancher's API (HTTP 200)", RK_FAIL},
		{503, "", "\n<html>503</html>",
			"ask: the answer is a web page, not Rancher's API (HTTP 503)", RK_FAIL},
		{302, "", "",
			"ask: the server redirects to https://evil.example/, and credentials are "
			"sent only to the given address (HTTP 302)",
			RK_CONFLICT},
	};

	(void)state;
	for (size_t i = 0; i < RK_COUNT(cases); i++) {
		int code;
		rk_auto_free char *got = said(cases[i].status, cases[i].type, cases[i].body,
			"https://evil.example/", &code);

		assert_string_equal(got, cases[i].said);
		assert_int_equal(code, cases[i].code);
	}
}

/* A server may put what it was given into the address of its login page. */
static void redirects_hide_the_token(void **state)
{
	rk_auto_free char *got = NULL;
	int code;

	(void)state;
	got = said(302, "", "", "https://h/login?token=hunter2hunter2", &code);
	assert_null(strstr(got, "hunter2"));
	assert_non_null(strstr(got, "redirects to another address"));
}

static void quotes_are_bounded(void **state)
{
	rk_auto_buf body = RK_BUF_INIT;
	rk_auto_free char *got = NULL;
	int code;

	(void)state;
	rk_buf_puts(&body, "{\"message\":\"");
	for (int i = 0; i < 5000; i++)
		rk_buf_putc(&body, 'x');
	rk_buf_puts(&body, "\"}");
	got = said(500, "application/json", body.s, "", &code);
	assert_true(strlen(got) < 400);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_are_normalised),
		cmocka_unit_test(names_of_tokens),
		cmocka_unit_test(tokens_of_both_kinds),
		cmocka_unit_test(tokens_of_wrong_types),
		cmocka_unit_test(errors_of_all_shapes),
		cmocka_unit_test(redirects_hide_the_token),
		cmocka_unit_test(quotes_are_bounded),
	};

	return cmocka_run_group_tests_name("rancher", tests, NULL, NULL);
}
