// SPDX-License-Identifier: Apache-2.0
#include "base/base.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void lists(void **state RK_UNUSED)
{
	rk_auto_buf b = RK_BUF_INIT;
	size_t n;

	rk_each_item (it, n, ", a,,b \tcc,", ", \t")
		rk_buf_addf(&b, "<%.*s>", (int)n, it);
	rk_each_item (it, n, NULL, ",")
		rk_buf_puts(&b, "!");
	assert_string_equal(b.s, "<a><b><cc>");
	assert_true(rk_listed("a,bb,c", "bb"));
	assert_false(rk_listed("a,bb,c", "b"));
	assert_false(rk_listed(NULL, "b"));
}

static void versions(void **state RK_UNUSED)
{
	int64_t v[3];

	assert_true(rk_version_parse("v1.12.3-rc4", v));
	assert_true(v[0] == 1 && v[1] == 12 && v[2] == 3);
	assert_true(rk_version_parse("2", v));
	assert_true(v[0] == 2 && v[1] == 0 && v[2] == 0);
	assert_true(rk_version_parse("v2.14-head", v));
	assert_true(v[0] == 2 && v[1] == 14 && v[2] == 0);
	assert_true(rk_version_parse("v2.x", v));
	assert_true(v[0] == 2 && v[1] == 0);
	assert_false(rk_version_parse("head", v));
	assert_false(rk_version_parse("v", v));
	assert_false(rk_version_parse(NULL, v));
	assert_int_equal(rk_version_cmp("v1.2.10", "1.2.9+k3s1"), 1);
	assert_int_equal(rk_version_cmp("1.2", "v1.2.0-rc1"), 0);
	assert_int_equal(rk_version_cmp("head", "1.0"), -1);
	assert_int_equal(rk_version_cmp("99999999999999999999.1", "1"), 1);
}

static void hex(void **state RK_UNUSED)
{
	uint32_t v = 7;

	assert_true(rk_hex("fFx", 2, &v));
	assert_int_equal(v, 255);
	assert_false(rk_hex("f", 2, &v));
	assert_false(rk_hex("0x", 2, &v));
	assert_int_equal(v, 255);
}

static void urls(void **state RK_UNUSED)
{
	static const struct {
		const char *text, *scheme, *base, *host, *path;
		int port;
	} good[] = {
		{"https://Host.Example", NULL, "https://host.example", "host.example", "/", 443},
		{"HTTPS://h:6443/k8s/clusters/c-1/", NULL, "https://h:6443/k8s/clusters/c-1",
			"h:6443", "/k8s/clusters/c-1/", 6443},
		{"http://h:80", NULL, "http://h", "h", "/", 80},
		{"http://h:443", NULL, "http://h:443", "h:443", "/", 443},
		{"oci://h:443/charts/x", NULL, "oci://h/charts/x", "h", "/charts/x", 443},
		{"https://[FD00::1]:6443", NULL, "https://[fd00::1]:6443", "[fd00::1]:6443", "/",
			6443},
		{"fd00::1", "https", "https://[fd00::1]", "[fd00::1]", "/", 443},
		{"h:5000/x", "https", "https://h:5000/x", "h:5000", "/x", 5000},
		{"https://u%40x:p%3aw@h/x?a=b#c", NULL, "https://h/x", "h", "/x", 443},
	};
	static const char *const bad[] = {NULL, "", "h", "https://", "https:///x", "https://h:0x1/",
		"https://h:99999", "https://h h", "https://h\n", "://h", "https://[fd00::1",
		"https://fd00::1/", "/h", "https://a%/x"};
	rk_auto_url u;

	for (size_t i = 0; i < RK_COUNT(good); i++) {
		rk_auto_url v;
		rk_auto_free char *base = NULL, *host = NULL;

		assert_null(rk_url_parse(&v, good[i].text, good[i].scheme));
		base = rk_url_base(&v);
		host = rk_url_host(&v);
		assert_string_equal(base, good[i].base);
		assert_string_equal(host, good[i].host);
		assert_string_equal(v.path, good[i].path);
		assert_int_equal(v.port, good[i].port);
	}
	for (size_t i = 0; i < RK_COUNT(bad); i++) {
		rk_auto_url v;

		assert_non_null(rk_url_parse(&v, bad[i], NULL));
		assert_null(v.host);
	}
	assert_null(rk_url_parse(&u, "https://u%40x:p%3aw@h/x?a=b#c", NULL));
	assert_string_equal(u.user, "u@x");
	assert_string_equal(u.password, "p:w");
	assert_string_equal(u.query, "a=b");
	assert_string_equal(u.fragment, "c");
	assert_true(rk_url_same_host("Harbor:443", "https://harbor/x"));
	assert_false(rk_url_same_host("harbor", "harbor:5000"));
	assert_false(rk_url_same_host("harbor.example.com.evil.org", "harbor.example.com"));
	assert_false(rk_url_same_host(NULL, NULL));
}

static void addresses(void **state RK_UNUSED)
{
	rk_auto_free char *a = rk_url_authority("fd00::1", 6443), *b = rk_url_authority("h", 0);

	assert_string_equal(a, "[fd00::1]:6443");
	assert_string_equal(b, "h");
	assert_int_equal(rk_ip_family("10.0.0.1"), 4);
	assert_int_equal(rk_ip_family("fd00::1"), 6);
	assert_int_equal(rk_ip_family("[fd00::1]"), 0);
	assert_int_equal(rk_ip_family("10.0.0.1x"), 0);
	assert_true(rk_ip_is_loopback("LocalHost") && rk_ip_is_loopback("127.8.8.8"));
	assert_true(rk_net_has("10.1.2.3/8", "10.9.9.9") && !rk_net_has("10.0.0.0/8", "11.0.0.1"));
	assert_true(rk_net_has("0.0.0.0/0", "1.2.3.4") && rk_net_has("fd00::/8", "fd12::1"));
	assert_false(rk_net_has("10.0.0.0/8", "fd00::1") || rk_net_has("10.0.0.0", "10.0.0.0"));
	assert_true(rk_ip_is_loopback("::1") && !rk_ip_is_loopback("128.0.0.1"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists),
		cmocka_unit_test(versions),
		cmocka_unit_test(hex),
		cmocka_unit_test(urls),
		cmocka_unit_test(addresses),
	};

	return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
