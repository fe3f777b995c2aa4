// SPDX-License-Identifier: Apache-2.0
/* The kube room without a server: what a Status means, paths, words, the split of a watch. */
#include "kube/internal.h"
#include "watch/internal.h"
#include "pki.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct rk_err decode_as(
	const struct rk_kube_about *a, int http, const char *type, const char *body)
{
	struct rk_http_res res = RK_HTTP_RES_INIT;
	struct rk_err err = RK_ERR_INIT;

	res.status = http;
	snprintf(res.content_type, sizeof(res.content_type), "%s", type);
	rk_buf_puts(&res.body, body);
	assert_int_equal(rk_kube_status(a, &res, &err), -1);
	rk_http_res_release(&res);
	return err;
}

static struct rk_err decode(int http, const char *body)
{
	static char url[] = "https://s:6443";
	static const struct rk_kube k = {.target = {.server = url}};
	static const struct rk_kube_about a = {
		.what = "secret/x in namespace n", .kube = &k, .api_version = "k3k.io/v1beta1"};

	return decode_as(&a, http, "application/json", body);
}

#define STATUS(rest) "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"status\":\"Failure\"," rest "}"

static void codes_by_reason(void **state)
{
	static const struct {
		int http;
		const char *text;
		int code;
		enum rk_reason reason;
	} table[] = {
		{404, "NotFound", RK_NOTFOUND, RK_REASON_NOT_FOUND},
		{403, "Forbidden", RK_CONFLICT, RK_REASON_FORBIDDEN},
		{409, "Conflict", RK_CONFLICT, RK_REASON_CONFLICT},
		{409, "AlreadyExists", RK_CONFLICT, RK_REASON_EXISTS},
		{504, "Timeout", RK_TIMEOUT, RK_REASON_TIMEOUT},
		/* the reason counts, not the code */
		{500, "ServerTimeout", RK_TIMEOUT, RK_REASON_TIMEOUT},
		{422, "Invalid", RK_FAIL, RK_REASON_INVALID},
		{401, "Unauthorized", RK_FAIL, RK_REASON_UNAUTHORIZED},
		{410, "Expired", RK_FAIL, RK_REASON_EXPIRED},
		{429, "TooManyRequests", RK_FAIL, RK_REASON_NONE},
		{503, "ServiceUnavailable", RK_FAIL, RK_REASON_NONE},
		{500, "", RK_FAIL, RK_REASON_NONE},
		{404, "", RK_NOTFOUND, RK_REASON_NONE},
		{409, "", RK_CONFLICT, RK_REASON_NONE},
	};

	(void)state;
	for (size_t i = 0; i < RK_COUNT(table); i++) {
		rk_auto_free char *body =
			rk_asprintf(STATUS("\"reason\":\"%s\",\"message\":\"m\",\"code\":%d"),
				table[i].text, table[i].http);
		struct rk_err e = decode(table[i].http, body);

		assert_int_equal(e.code, table[i].code);
		assert_int_equal(e.http, table[i].http);
		assert_int_equal(e.reason, table[i].reason);
	}
}

static void absent_things(void **state)
{
	struct rk_err e = decode(404, STATUS("\"reason\":\"NotFound\",\"details\":{\"name\":\"x\","
					     "\"kind\":\"secrets\"}"));

	(void)state;
	assert_string_equal(e.msg, "secret/x in namespace n on https://s:6443: not found");
	e = decode(404, STATUS("\"reason\":\"NotFound\",\"details\":{\"name\":\"n\",\"kind\":"
			       "\"namespaces\"}"));
	assert_non_null(strstr(e.msg, "namespace n does not exist"));
	e = decode(404, STATUS("\"reason\":\"NotFound\",\"details\":{}"));
	assert_non_null(strstr(e.msg, "does not know this kind"));
	e = decode(404, "404 page not found\n");
	assert_int_equal(e.code, RK_NOTFOUND);
	assert_int_equal(e.reason, RK_REASON_NO_SUCH_API);
	assert_non_null(strstr(e.msg, "there is no API k3k.io/v1beta1"));
	assert_non_null(strstr(e.hint, "k3k is not installed"));
}

/* An absence of another object says nothing about the one that was asked for. */
static void absent_others(void **state)
{
	static const struct rk_kube_about a = {.what = "secret/x in namespace n", .name = "x"};
	struct rk_err e = decode_as(&a, 404, "application/json",
		STATUS("\"reason\":\"NotFound\",\"details\":{\"name\":\"y\",\"kind\":"
		       "\"secrets\"}"));

	(void)state;
	assert_int_equal(e.code, RK_FAIL);
	assert_int_equal(e.reason, RK_REASON_UNEXPECTED);
	assert_non_null(strstr(e.msg, "it says that \"y\" was not found"));
	e = decode_as(&a, 404, "application/json",
		STATUS("\"reason\":\"NotFound\",\"details\":{\"name\":\"x\",\"kind\":"
		       "\"secrets\"}"));
	assert_int_equal(e.code, RK_NOTFOUND);
	e = decode_as(&a, 404, "application/json",
		STATUS("\"reason\":\"NotFound\",\"details\":{\"name\":\"n\",\"kind\":"
		       "\"namespaces\"}"));
	assert_int_equal(e.code, RK_NOTFOUND);
}

static void conflicts(void **state)
{
	struct rk_err e = decode(409,
		STATUS("\"reason\":\"Conflict\",\"message\":\"Apply failed\",\"details\":{"
		       "\"causes\":[{\"reason\":\"FieldManagerConflict\",\"field\":\".data.a\","
		       "\"message\":\"conflict with \\\"kubectl-edit\\\" using v1\"},"
		       "{\"reason\":\"FieldManagerConflict\",\"field\":\".data.b\","
		       "\"message\":\"conflict with \\\"x\\\" with subresource\"}]}"));

	(void)state;
	assert_non_null(strstr(e.msg, ".data.a (manager kubectl-edit), .data.b (manager x)"));
	e = decode(409,
		STATUS("\"reason\":\"Conflict\",\"message\":\"the object has been modified\""));
	assert_non_null(strstr(e.msg, "the object has been modified"));
}

static void invalid_is_brief(void **state)
{
	rk_auto_buf b = RK_BUF_INIT;
	struct rk_err e;

	(void)state;
	rk_buf_puts(&b, "{\"kind\":\"Status\",\"reason\":\"Invalid\",\"message\":\"long\","
			"\"details\":{\"causes\":[");
	for (int i = 0; i < 7; i++)
		rk_buf_addf(
			&b, "%s{\"field\":\"f%d\",\"message\":\"bad\\nline\"}", i ? "," : "", i);
	rk_buf_puts(&b, "]}}");
	e = decode(422, b.s);
	assert_non_null(strstr(e.msg, "f0: bad line; f1: bad line"));
	assert_non_null(strstr(e.msg, "and 3 more"));
	assert_null(strstr(e.msg, "f4"));
}

static void secrets_are_not_told(void **state)
{
	static const struct rk_kube_about secret = {.what = "secret/x", .secret = true};
	struct rk_err e;

	(void)state;
	e = decode_as(&secret, 500, "application/json",
		STATUS("\"message\":\".data.p: expected string, got &value.valueUnstructured{Value:"
		       "hunter2}\",\"code\":500"));
	assert_null(strstr(e.msg, "hunter2"));
	e = decode_as(&secret, 422, "application/json",
		STATUS("\"reason\":\"Invalid\",\"details\":{\"causes\":[{\"field\":\"data\","
		       "\"message\":\"Invalid value: \\\"hunter2\\\": no\"}]}"));
	assert_null(strstr(e.msg, "hunter2"));
	assert_non_null(strstr(e.msg, "data: "));
}

static void no_status_at_all(void **state)
{
	struct rk_err e = decode(502, "bad gateway\r\nline two");
	static const struct rk_kube_about a = {.what = "x"};

	(void)state;
	assert_non_null(strstr(e.msg, "HTTP status 502: bad gateway line two"));
	e = decode_as(&a, 503, "text/html; charset=utf-8", "<html>");
	assert_non_null(strstr(e.msg, "HTML page"));
	e = decode_as(
		&a, 404, "text/html", "<html>404 Not Found</html>"); /* not: it is not there */
	assert_int_equal(e.code, RK_FAIL);
	assert_int_equal(e.http, 404);
	e = decode(413, "");
	assert_non_null(strstr(e.msg, "too large"));
	e = decode(500, "{\"kind\":\"Status\"");
	assert_int_equal(e.code, RK_FAIL);
	e = decode(302, "{}");
	assert_non_null(strstr(e.msg, "302"));
	e = decode(403, STATUS("\"reason\":\"Forbidden\",\"message\":\"x is forbidden: no\","
			       "\"details\":{\"causes\":[{\"reason\":\"NamespaceTerminating\"}]}"));
	assert_non_null(strstr(e.msg, "being deleted"));
}

/* However the 401 is dressed, an identity that has expired is said to have. */
static void expired_identity(void **state)
{
	static const char *const bodies[] = {
		STATUS("\"reason\":\"Unauthorized\",\"message\":\"Unauthorized\",\"code\":401"),
		"Unauthorized\n", ""};
	char server[] = "https://s:6443", context[] = "late";

	(void)state;
	for (int old = 0; old < 2; old++) {
		struct rk_kube k = {.target = {.server = server, .context = context}};
		struct rk_kube_about a = {.what = "pods", .kube = &k};
		struct pki p;

		pki_make(&p, NULL, &(struct pki_spec){.from = -7200, .to = old ? -3600 : 3600});
		k.target.cert = p.cert_pem;
		for (size_t i = 0; i < RK_COUNT(bodies); i++) {
			struct rk_err e = decode_as(&a, 401, "", bodies[i]);

			assert_int_equal(
				!!strstr(e.msg, "pods on https://s:6443: the client "
						"certificate of context late expired on 20"),
				old);
			assert_int_equal(!!strstr(e.hint, "renew it"), old);
			assert_int_equal(e.http, 401);
			assert_int_equal(e.reason, RK_REASON_UNAUTHORIZED);
			assert_int_equal(e.code, RK_FAIL);
		}
		pki_release(&p);
	}
}

/* Types that no server should send must not hurt. */
static void wrong_types(void **state)
{
	static const char *const bodies[] = {
		STATUS("\"reason\":7,\"message\":[],\"details\":3"),
		STATUS("\"reason\":\"Invalid\",\"details\":{\"causes\":{\"a\":1}}"),
		STATUS("\"reason\":\"Conflict\",\"details\":{\"causes\":[1,null,{\"message\":4}]}"),
		STATUS("\"reason\":\"NotFound\",\"details\":{\"name\":{},\"kind\":[]}"),
		"[]",
		"null",
		"",
	};

	(void)state;
	for (size_t i = 0; i < RK_COUNT(bodies); i++)
		assert_true(decode(409, bodies[i]).msg[0] != '\0');
}

static void paths_and_words(void **state)
{
	rk_auto_buf b = RK_BUF_INIT;

	(void)state;
	rk_res_path(&RK_SECRET, "n", "x", &b);
	assert_string_equal(b.s, "/api/v1/namespaces/n/secrets/x");
	rk_buf_reset(&b);
	rk_res_path(&RK_CLUSTER, NULL, NULL, &b);
	assert_string_equal(b.s, "/apis/k3k.io/v1beta1/clusters");
	rk_buf_reset(&b);
	rk_res_path(&RK_NAMESPACE, "ignored", "a b/c", &b);
	assert_string_equal(b.s, "/api/v1/namespaces/a%20b%2Fc");
	rk_buf_reset(&b);
	rk_query_add(&b, "a", "x=y");
	rk_query_add(&b, "b", "é");
	assert_string_equal(b.s, "?a=x%3Dy&b=%C3%A9");
	rk_buf_reset(&b);
	rk_res_label(&RK_CLUSTER, "n", "x", &b);
	assert_string_equal(b.s, "cluster.k3k.io/x in namespace n");
	assert_ptr_equal(rk_res_find("apps/v1", "Deployment"), &RK_DEPLOYMENT);
	assert_null(rk_res_find("apps/v2", "Deployment"));
	assert_null(rk_res_find(NULL, NULL));
}

/* --- the split --- */

struct lines {
	char text[256];
	int stop_at;
	int n;
};

static int on_line(void *arg, const char *p, size_t n)
{
	struct lines *l = arg;
	size_t at = strlen(l->text);

	snprintf(l->text + at, sizeof(l->text) - at, "[%.*s]", (int)n, p);
	return ++l->n == l->stop_at ? -1 : 0;
}

static void split_chunks(void **state)
{
	static const char text[] = "one\ntwo two\n\nthree\nfo";

	(void)state;
	for (size_t size = 1; size < sizeof(text); size++) {
		struct rk_buf part = {.s = rk_buf_empty, .max = 100};
		struct lines l = {0};

		for (size_t i = 0; i < sizeof(text) - 1; i += size) {
			size_t n = sizeof(text) - 1 - i;

			assert_int_equal(
				rk_kube_lines(&part, text + i, n < size ? n : size, on_line, &l),
				0);
		}
		assert_string_equal(l.text, "[one][two two][three]");
		assert_string_equal(part.s, "fo");
		rk_buf_release(&part);
	}
}

static void split_limits(void **state)
{
	struct rk_buf part = {.s = rk_buf_empty, .max = 4};
	struct lines l = {.stop_at = 2};

	(void)state;
	assert_int_equal(rk_kube_lines(&part, "a\nb\nc\n", 6, on_line, &l), -1);
	assert_string_equal(l.text, "[a][b]");
	rk_buf_reset(&part);
	assert_int_equal(rk_kube_lines(&part, "1234", 4, on_line, &l), 0);
	assert_int_equal(rk_kube_lines(&part, "5", 1, on_line, &l), -1);
	rk_buf_release(&part);
}

static void known_names(void **state)
{
	struct rk_known_tab t = {0};
	char key[32];

	(void)state;
	for (int i = 0; i < 2000; i++) {
		snprintf(key, sizeof(key), "ns%d/x%d", i % 7, i);
		assert_null(rk_known_find(&t, key));
		rk_known_add(&t, key, "u");
	}
	for (int i = 0; i < 2000; i += 2) {
		snprintf(key, sizeof(key), "ns%d/x%d", i % 7, i);
		rk_known_drop(&t, rk_known_find(&t, key));
	}
	assert_int_equal(t.count, 1000);
	for (int i = 0; i < 2000; i++) {
		snprintf(key, sizeof(key), "ns%d/x%d", i % 7, i);
		assert_int_equal(rk_known_find(&t, key) != NULL, i % 2);
	}
	while (t.first)
		rk_known_drop(&t, t.first);
	assert_null(t.tree);
}

/* A connection of which nobody answers: what it sends ends as refused, what it must not send never
 * gets so far. */
static void dry_runs_cannot_write(void **state)
{
	static const char config[] =
		"{apiVersion: v1, kind: Config, current-context: a,"
		" clusters: [{name: a, cluster: {server: 'https://127.0.0.1:1'}}],"
		" users: [{name: a, user: {}}],"
		" contexts: [{name: a, context: {cluster: a, user: a}}]}";
	static const struct {
		enum rk_dry mode;
		const char *method, *path, *body;
		bool sent;
	} table[] = {
		{RK_DRY_CLIENT, NULL, "/api", NULL, true},
		{RK_DRY_CLIENT, "HEAD", "/api", NULL, true},
		{RK_DRY_CLIENT, NULL, "/api", "{}", false}, /* POST, which a body makes of it */
		{RK_DRY_CLIENT, "POST", "/api?dryRun=All", "{}", false},
		{RK_DRY_CLIENT, "PATCH", "/api?dryRun=All", "{}", false},
		{RK_DRY_CLIENT, "PUT", "/api", "{}", false},
		{RK_DRY_CLIENT, "DELETE", "/api", "{\"dryRun\":[\"All\"]}", false},
		{RK_DRY_CLIENT, "POST",
			"/apis/authorization.k8s.io/v1/selfsubjectaccessreviews?x=y", "{}", true},
		{RK_DRY_CLIENT, "DELETE", "/apis/authorization.k8s.io/v1/x", NULL, false},
		{RK_DRY_SERVER, NULL, "/api", NULL, true},
		{RK_DRY_SERVER, "PATCH", "/api", "{}", false},
		{RK_DRY_SERVER, "PATCH", "/api?xdryRun=All&dryRun=Allx", "{}", false},
		{RK_DRY_SERVER, "PATCH", "/dryRun=All", "{}", false},
		{RK_DRY_SERVER, "PATCH", "/api?a=b&dryRun=All", "{}", true},
		{RK_DRY_SERVER, "POST", "/api?dryRun=All", "{}", true},
		{RK_DRY_SERVER, "DELETE", "/api?dryRun=All", "{}", false},
		{RK_DRY_SERVER, "DELETE", "/api?dryRun=All", NULL, true},
		{RK_DRY_SERVER, "DELETE", "/api", "{\"dryRun\":[]}", false},
		{RK_DRY_SERVER, "DELETE", "/api", "{\"dryRun\":[\"All\"]}", true},
		{RK_DRY_NONE, "DELETE", "/api", "{}", true},
	};

	(void)state;
	for (size_t i = 0; i < RK_COUNT(table); i++) {
		rk_auto_http_res res = RK_HTTP_RES_INIT;
		struct rk_err err = RK_ERR_INIT;
		rk_auto_kube *k = NULL;
		struct rk_http_req req = {.method = table[i].method,
			.path = table[i].path,
			.body = table[i].body,
			.body_len = table[i].body ? strlen(table[i].body) : 0};

		rk_kube_set_dry(table[i].mode);
		assert_int_equal(
			rk_kube_open_text(&k, config, strlen(config), "test", NULL, &err), 0);
		rk_kube_set_dry(RK_DRY_NONE); /* it keeps the mode it was opened in */
		assert_int_equal(
			rk_kube_call(k, &req, &(struct rk_kube_about){.what = "x", .kube = k}, &res,
				&err),
			-1);
		if (table[i].sent)
			assert_int_equal(err.reason, RK_REASON_REFUSED);
		else
			assert_non_null(strstr(err.msg, "internal error"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(codes_by_reason),
		cmocka_unit_test(absent_things),
		cmocka_unit_test(absent_others),
		cmocka_unit_test(conflicts),
		cmocka_unit_test(invalid_is_brief),
		cmocka_unit_test(secrets_are_not_told),
		cmocka_unit_test(no_status_at_all),
		cmocka_unit_test(expired_identity),
		cmocka_unit_test(wrong_types),
		cmocka_unit_test(paths_and_words),
		cmocka_unit_test(split_chunks),
		cmocka_unit_test(split_limits),
		cmocka_unit_test(known_names),
		cmocka_unit_test(dry_runs_cannot_write),
	};

	return cmocka_run_group_tests_name("kube", tests, NULL, NULL);
}
