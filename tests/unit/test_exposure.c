// SPDX-License-Identifier: Apache-2.0
#include "expose/expose.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const char INGRESS[] =
	"{spec: {ingressClassName: nginx, rules: [{host: a.example.com, http: {paths: [{backend: "
	"{service: {name: rancher-k3k-traefik}}}]}}]}, status: {loadBalancer: {ingress: [{ip: "
	"192.0.2.7}, {hostname: x}]}}}";
static const char SLICES[] =
	"[{endpoints: [{conditions: {ready: true}}, {conditions: {ready: false}}, {}]}, {}]";

struct test {
	struct rk_doc *d;
	struct rk_ingress names;
	struct rk_exposure x;
	struct rk_buf problems, warnings;
};

static const struct rk_val *yaml(struct test *t, const char *text)
{
	struct rk_val *v;

	assert_int_equal(rk_yaml_parse(t->d, text, strlen(text), &v, NULL), 0);
	return v;
}

static void begin(struct test *t, const char *service, const char *ingress, const char *slices)
{
	*t = (struct test){.d = rk_doc_new(false),
		.names = {.cluster = "rancher"},
		.problems = RK_BUF_INIT,
		.warnings = RK_BUF_INIT};
	rk_ingress_names(t->d, &t->names);
	t->x = (struct rk_exposure){.ns = "n", .names = &t->names};
	rk_exposure_judge(&t->x, service ? yaml(t, service) : NULL,
		ingress ? yaml(t, ingress) : NULL, slices ? yaml(t, slices) : NULL);
}

static void end(struct test *t)
{
	rk_exposure_release(&t->x);
	rk_buf_release(&t->problems);
	rk_buf_release(&t->warnings);
	rk_doc_free(t->d);
}

static void on_finding(void *arg, bool problem, const char *text)
{
	struct test *t = arg;

	rk_buf_addf(problem ? &t->problems : &t->warnings, "%s\n", text);
}

static void answer(struct test *t, enum rk_ping_state state, const char *why, const char *address)
{
	t->x.pings = rk_calloc(1, sizeof(*t->x.pings));
	t->x.pings[0] = (struct rk_ping){.host = t->x.hosts.v[0], .state = state};
	snprintf(t->x.pings[0].why, sizeof(t->x.pings[0].why), "%s", why);
	snprintf(t->x.pings[0].address, sizeof(t->x.pings[0].address), "%s", address);
	rk_exposure_tell(&t->x, on_finding, t);
}

static void objects_are_judged(void **state)
{
	struct test t;
	struct rk_val *v;

	(void)state;
	begin(&t, "{}", INGRESS, SLICES);
	v = rk_exposure_report(&t.x, t.d);
	assert_int_equal(t.x.endpoints, 2);
	assert_string_equal(rk_get_str(v, "service", "state", NULL), "exists");
	assert_string_equal(rk_get_str(v, "service", "detail", NULL), "2 ready endpoints");
	assert_string_equal(rk_get_str(v, "ingress", "detail", NULL), "class nginx, at 192.0.2.7");
	assert_string_equal(rk_get_str(v, "ingress", "state", NULL), "exists");
	rk_exposure_tell(&t.x, on_finding, &t);
	assert_string_equal(t.problems.s, "");
	end(&t);

	begin(&t, NULL, NULL, NULL);
	v = rk_exposure_report(&t.x, t.d);
	assert_string_equal(rk_get_str(v, "service", "state", NULL), "missing");
	assert_string_equal(rk_get_str(v, "ingress", "state", NULL), "missing");
	end(&t);

	/* no right to list EndpointSlices: unknown is not "none" */
	begin(&t, "{}", INGRESS, NULL);
	v = rk_exposure_report(&t.x, t.d);
	assert_string_equal(rk_get_str(v, "service", "state", NULL), "exists");
	assert_null(rk_get(v, "service", "endpoints", NULL));
	end(&t);
}

static void a_bad_answer_is_explained_by_the_objects(void **state)
{
	struct test t;

	(void)state;
	begin(&t, "{}", INGRESS, "[]");
	t.x.class_state = RK_CLASS_MISSING;
	answer(&t, RK_PING_FAILS, "https://a.example.com: 502", "");
	assert_non_null(strstr(t.problems.s, "https://a.example.com: 502\n"));
	assert_non_null(
		strstr(t.problems.s, "Service n/rancher-k3k-traefik has no ready endpoint"));
	assert_non_null(strstr(t.problems.s, "IngressClass nginx not found"));
	assert_string_equal(t.warnings.s, "");
	end(&t);

	/* what answers is served, whatever the objects look like */
	begin(&t, "{}", INGRESS, "[]");
	t.x.class_state = RK_CLASS_MISSING;
	answer(&t, RK_PING_ANSWERS, "", "");
	assert_string_equal(t.problems.s, "");
	assert_string_equal(t.warnings.s, "");
	end(&t);
}

static void unknown_is_a_warning_and_never_well(void **state)
{
	struct test t;

	(void)state;
	begin(&t, "{}", INGRESS, SLICES);
	answer(&t, RK_PING_UNKNOWN, "https://a.example.com: no route", "");
	assert_string_equal(t.problems.s, "");
	assert_non_null(strstr(t.warnings.s, "unknown whether Rancher answers"));
	assert_string_equal(
		rk_get_str(rk_at(rk_get(rk_exposure_report(&t.x, t.d), "urls", NULL), 0), "state",
			NULL),
		"unknown");
	end(&t);

	/* by address only: it is served, but not for who uses this machine's DNS */
	begin(&t, "{}", INGRESS, SLICES);
	answer(&t, RK_PING_ANSWERS, "", "192.0.2.7");
	assert_string_equal(t.problems.s, "");
	assert_non_null(strstr(t.warnings.s, "Rancher answers at 192.0.2.7, but not by name"));
	end(&t);

	/* an Ingress to another Service is what explains a name that leads nowhere */
	begin(&t, "{}", "{spec: {rules: [{host: a.example.com}]}}", SLICES);
	answer(&t, RK_PING_UNKNOWN, "https://a.example.com: no route", "");
	assert_non_null(
		strstr(t.problems.s, "does not have the backend Service rancher-k3k-traefik"));
	end(&t);
}

static void a_name_that_does_not_resolve_is_unknown(void **state)
{
	struct rk_ping_conf c = {.resolve = NULL};
	struct rk_ping p;

	(void)state;
	rk_rancher_ping(&c, "rancher.invalid", &p);
	assert_int_equal(p.state, RK_PING_UNKNOWN);
	assert_non_null(strstr(p.why, "https://rancher.invalid: "));
	c.resolve = "rancher.invalid:1:127.0.0.1";
	rk_rancher_ping(&c, "rancher.invalid:1", &p);
	assert_int_equal(p.state, RK_PING_FAILS); /* refused: that machine serves nothing there */
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(objects_are_judged),
		cmocka_unit_test(a_bad_answer_is_explained_by_the_objects),
		cmocka_unit_test(unknown_is_a_warning_and_never_well),
		cmocka_unit_test(a_name_that_does_not_resolve_is_unknown),
	};

	return cmocka_run_group_tests_name("exposure", tests, NULL, NULL);
}
