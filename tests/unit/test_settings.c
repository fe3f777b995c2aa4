// SPDX-License-Identifier: Apache-2.0
#include "settings/settings.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "os/os.h"

/* A self-signed certificate; its key was thrown away. */
static const char PEM[] = "-----BEGIN CERTIFICATE-----\n"
			  "MIIBhDCCASugAwIBAgIUaXmjJz2w8Kdndq09UzW/Os5+pVkwCgYIKoZIzj0EAwIw\n"
			  "FzEVMBMGA1UEAwwMcmszayB0ZXN0IENBMCAXDTI2MTEyMTA4Mjk1MFoYDzIxMjYx\n"
			  "MDI4MDgyOTUwWjAXMRUwEwYDVQQDDAxyazNrIHRlc3QgQ0EwWTATBgcqhkjOPQIB\n"
			  "BggqhkjOPQMBBwNCAASfkaqd+T4TjeE6hWPj5VlK1o8UJPVWAswJVLbB9EQptJVw\n"
			  "gLdPedkObFDxJgBUKPgs2VGh6JpnoDyS5ZJWko9Zo1MwUTAdBgNVHQ4EFgQUAPwL\n"
			  "7gAdttdftRksMGzA3cweh/owHwYDVR0jBBgwFoAUAPwL7gAdttdftRksMGzA3cwe\n"
			  "h/owDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNHADBEAiABmDSiWlIewcDT\n"
			  "4LT0EDCtxrz1tWyQu/wdplNJDHYL5AIgZ1Qn+xwyhgs5KIsDNW4sJ2PLzM8u1jY9\n"
			  "iv2jnq1HpjM=\n"
			  "-----END CERTIFICATE-----\n";
static char pem_path[] = "/tmp/rk3k-test-XXXXXX";

static struct rk_settings *parsed(const char *text, struct rk_problems *p)
{
	struct rk_settings *s = rk_settings_new();

	rk_settings_parse(s, text, strlen(text), "t.conf", p);
	return s;
}

static int assign(struct rk_settings *s, const char *assignment, struct rk_err *err)
{
	struct rk_settings_flags f = {.set = {&assignment, 1}};

	return rk_settings_take_flags(s, &f, err);
}

/* The value of BOOTSTRAP_PW after parsing text, or NULL when the parser refused. */
static void value_is(const char *text, const char *want)
{
	rk_auto_problems p = {0};
	rk_auto_settings *s = parsed(text, &p);

	if (p.fatal)
		print_message("%s -> %s\n", text, p.v[0].text);
	assert_int_equal(p.fatal, 0);
	assert_string_equal(rk_setting(s, RK_KEY_BOOTSTRAP_PW), want);
}

static void refused(const char *text, const char *why)
{
	rk_auto_problems p = {0};
	rk_auto_settings *s = parsed(text, &p);

	assert_true(p.fatal > 0);
	if (!strstr(p.v[0].text, why))
		print_message("%s -> %s\n", text, p.v[0].text);
	assert_non_null(strstr(p.v[0].text, why));
	assert_non_null(s);
}

static void parse_values(void **state RK_UNUSED)
{
	value_is("BOOTSTRAP_PW=plain", "plain");
	value_is("BOOTSTRAP_PW=", "");
	value_is("  export BOOTSTRAP_PW=x  # comment", "x");
	value_is("BOOTSTRAP_PW=a#b", "a#b");
	value_is("BOOTSTRAP_PW='a b\"$(x)`y`\\n'", "a b\"$(x)`y`\\n");
	value_is("BOOTSTRAP_PW=\"a b'\\$x\\\"\\\\\\n\"", "a b'$x\"\\\\n");
	value_is("BOOTSTRAP_PW=a\\ b\\$c\\'d", "a b$c'd");
	value_is("BOOTSTRAP_PW='it'\\''s'\" fine\"", "it's fine");
	value_is("BOOTSTRAP_PW=pa$", "pa$");
	value_is("BOOTSTRAP_PW=\"pa$\"", "pa$");
	value_is("BOOTSTRAP_PW=\"a\nb\"", "a\nb");
	value_is("BOOTSTRAP_PW='a\nb' PVC_SIZE=1Gi", "a\nb");
	value_is("BOOTSTRAP_PW=a\\\nb", "ab");
	value_is("BOOTSTRAP_PW=\"a\\\nb\"", "ab");
	value_is("BOOTSTRAP_PW=x\r\n# y\r\n", "x");
	value_is("\xEF\xBB\xBF"
		 "BOOTSTRAP_PW=x",
		"x");
	value_is("BOOTSTRAP_PW=~/x", "~/x");
	value_is("BOOTSTRAP_PW=a=b*c?[d]!{e,f}%@^", "a=b*c?[d]!{e,f}%@^");
	value_is("BOOTSTRAP_PW=one\nBOOTSTRAP_PW=two", "two");
	value_is("#BOOTSTRAP_PW=no\nBOOTSTRAP_PW=yes # BOOTSTRAP_PW=no", "yes");
}

static void parse_refuses_what_needs_a_shell(void **state RK_UNUSED)
{
	refused("\nBOOTSTRAP_PW=$(cat x)", "t.conf:2: BOOTSTRAP_PW: $(...) would need a shell");
	refused("BOOTSTRAP_PW=\"$(cat x)\"", "t.conf:1: BOOTSTRAP_PW: $(...)");
	refused("BOOTSTRAP_PW=`x`", "`...` would need a shell");
	refused("BOOTSTRAP_PW=\"`x`\"", "`...` would need a shell");
	refused("BOOTSTRAP_PW=$HOME/x", "$ names a variable");
	refused("BOOTSTRAP_PW=\"${HOME}\"", "$ names a variable");
	refused("BOOTSTRAP_PW=$$", "$ names a variable");
	refused("BOOTSTRAP_PW=$'x'", "$'...'");
	refused("BOOTSTRAP_PW=a; rm -rf /", "; would need a shell");
	refused("BOOTSTRAP_PW=a && b", "&& would need a shell");
	refused("BOOTSTRAP_PW=a&", "& would need a shell");
	refused("BOOTSTRAP_PW=a|b", "| would need a shell");
	refused("BOOTSTRAP_PW=<(x)", "redirection");
	refused("BOOTSTRAP_PW=(a b)", "bracket");
	refused("BOOTSTRAP_PW+=x", "KEY+=value");
	refused("BOOTSTRAP_PW[0]=x", "array");
	refused("source other.conf", "a command would need a shell");
	refused("rm -rf /", "a command would need a shell");
	refused("BOOTSTRAP_PW = x", "without blanks");
	refused("if true; then", "a command would need a shell");
	refused("\n\nBOOTSTRAP_PW='abc\n\n",
		"t.conf:3: BOOTSTRAP_PW: a single quote is not closed");
	refused("BOOTSTRAP_PW=\"abc", "a double quote is not closed");
	refused("1KEY=x", "expected KEY=value");
	refused("=x", "expected KEY=value");
}

static void parse_never_shows_a_secret(void **state RK_UNUSED)
{
	rk_auto_problems p = {0};
	rk_auto_settings *s = parsed("BOOTSTRAP_PW=geheim$(x)\nHELM_REPO_PASS='geheim\n", &p);

	assert_int_equal(p.fatal, 2);
	for (size_t i = 0; i < p.n; i++)
		assert_null(strstr(p.v[i].text, "geheim"));
	assert_non_null(s);
}

static void unknown_keys_are_refused(void **state RK_UNUSED)
{
	rk_auto_problems p = {0}, allowed = {0};
	rk_auto_settings *s = parsed("SERVER_CONT=3\nPVC_SIZE=1Gi\nPVC_SIZE=2Gi\nMY_OWN=1\n", &p);

	assert_int_equal(p.fatal, 2);
	assert_int_equal(p.unknown, 2);
	assert_int_equal(p.n, 3);
	setenv("RK3K_PVC_SIZ", "1Gi", 1);
	setenv("RK3K_BENCH_DIR", "x", 1); /* of the tests, near nothing */
	rk_settings_env(s, &p);
	assert_int_equal(p.unknown, 3);
	assert_string_equal(p.v[3].text,
		"environment: unknown variable RK3K_PVC_SIZ; did you mean RK3K_PVC_SIZE?");
	assert_int_equal(
		rk_settings_take_flags(s, &(struct rk_settings_flags){.allow_unknown = true}, NULL),
		0);
	rk_settings_env(s, &allowed);
	unsetenv("RK3K_PVC_SIZ");
	unsetenv("RK3K_BENCH_DIR");
	assert_int_equal(allowed.n, 1);
	assert_int_equal(allowed.fatal, 0);
	assert_string_equal(
		p.v[0].text, "t.conf:1: unknown key SERVER_CONT; did you mean SERVER_COUNT?");
	assert_non_null(strstr(p.v[1].text, "t.conf:3: PVC_SIZE is set again (first on line 2)"));
	assert_non_null(strstr(p.v[2].text, "unknown key MY_OWN"));
	assert_string_equal(rk_setting(s, RK_KEY_PVC_SIZE), "2Gi");
}

/* A file of another program: what follows is not left out unsaid. */
static void parse_stops_aloud(void **state RK_UNUSED)
{
	static const char *const ends[] = {"\n", " "}; /* many lines; one */

	for (size_t i = 0; i < RK_COUNT(ends); i++) {
		rk_auto_buf text = RK_BUF_INIT;
		rk_auto_problems p = {0};
		rk_auto_settings *s = NULL;

		for (int k = 0; k < 300; k++)
			rk_buf_addf(&text, "OTHER_%d=1%s", k, ends[i]);
		rk_buf_puts(&text, "PVC_SIZE=1Gi");
		s = parsed(text.s, &p);
		assert_int_equal(p.n, 201);
		assert_int_equal(p.fatal, 201);
		assert_non_null(strstr(p.v[200].text, "the rest is not read"));
		assert_null(rk_setting(s, RK_KEY_PVC_SIZE));
	}
}

static void parse_survives_noise(void **state RK_UNUSED)
{
	static const char seed[] =
		"export HOSTNAME=\"a.b\" # c\nBOOTSTRAP_PW='x'\\''y'\nPVC_SIZE=1Gi\n";
	unsigned rnd = 12345;

	for (int i = 0; i < 20000; i++) {
		char text[sizeof(seed)];
		rk_auto_problems p = {0};
		rk_auto_settings *s = rk_settings_new();

		memcpy(text, seed, sizeof(seed));
		for (int j = 0; j < 3; j++) {
			rnd = rnd * 1103515245u + 12345u;
			text[(rnd >> 8) % (sizeof(seed) - 1)] = (char)(rnd >> 20);
		}
		rk_settings_parse(s, text, sizeof(seed) - 1, "t", &p);
		rk_settings_check(s, &p);
	}
}

static void order_of_origins(void **state RK_UNUSED)
{
	static const char conf[] = "CLUSTER=file\nNAMESPACE=file\nK3K_NAMESPACE=file";
	rk_auto_problems p = {0};
	rk_auto_settings *s = rk_settings_new();
	struct rk_err err = RK_ERR_INIT;

	setenv("HOSTNAME", "workstation", 1);
	setenv("RK3K_CLUSTER", "from-env", 1);
	setenv("RK3K_NAMESPACE", "from-env", 1);
	assert_int_equal(assign(s, "NAMESPACE=from-flag", &err), 0);
	rk_settings_env(s, &p);
	rk_settings_parse(s, conf, strlen(conf), "t", &p);
	unsetenv("RK3K_CLUSTER");
	unsetenv("RK3K_NAMESPACE");
	rk_settings_check(s, &p);
	assert_string_equal(rk_setting(s, RK_KEY_NAMESPACE), "from-flag");
	assert_string_equal(rk_setting(s, RK_KEY_CLUSTER), "from-env");
	assert_string_equal(rk_setting(s, RK_KEY_K3K_NAMESPACE), "file");
	assert_string_equal(rk_setting(s, RK_KEY_PVC_SIZE), "50Gi");
	/* The shell's HOSTNAME is not ours. */
	assert_int_equal(p.fatal, 1);
	assert_string_equal(p.v[0].key, "HOSTNAME");
}

static void assign_refuses(void **state RK_UNUSED)
{
	rk_auto_settings *s = rk_settings_new();
	struct rk_err err = RK_ERR_INIT;

	assert_int_equal(assign(s, "PVC_SIZ=1Gi", &err), -1);
	assert_int_equal(err.code, RK_USAGE);
	assert_string_equal(err.hint, "did you mean PVC_SIZE?");
	assert_int_equal(assign(s, "BOOTSTRAP_PW=verysecret", &err), -1);
	assert_null(strstr(err.msg, "verysecret"));
	assert_int_equal(assign(s, "PVC_SIZE", &err), -1);
	assert_int_equal(assign(s, "=x", &err), -1);
}

static void table_is_whole(void **state RK_UNUSED)
{
	for (int k = 0; k < RK_KEY_COUNT; k++) {
		const struct rk_setting *t = &rk_settings_table[k];
		rk_auto_settings *s = rk_settings_new();
		rk_auto_problems p = {0};

		assert_non_null(t->name);
		assert_int_equal(rk_setting_find(t->name), k);
		assert_true(*t->help != '\0');
		if (!t->def)
			continue;
		rk_settings_put(s, (enum rk_key)k, t->def, RK_FROM_FILE);
		rk_setting_check(s, (enum rk_key)k, &p);
		assert_int_equal(p.n, 0);
		assert_string_equal(rk_setting(s, (enum rk_key)k), t->def);
	}
}

/* One key alone: the form it takes, or NULL when refused with `why` in the text. */
static void form(enum rk_key k, const char *in, const char *want, const char *why)
{
	rk_auto_problems p = {0};
	rk_auto_settings *s = rk_settings_new();

	rk_settings_put(s, k, in, RK_FROM_FILE);
	rk_setting_check(s, k, &p);
	if ((want != NULL) != (p.fatal == 0))
		print_message(
			"%s=%s: %s\n", rk_settings_table[k].name, in, p.n ? p.v[0].text : "ok");
	if (want) {
		assert_int_equal(p.fatal, 0);
		assert_string_equal(rk_setting(s, k), want);
		return;
	}
	assert_int_equal(p.fatal, 1);
	assert_string_equal(p.v[0].key, rk_settings_table[k].name);
	assert_non_null(strstr(p.v[0].text, why));
}

static void forms_of_names(void **state RK_UNUSED)
{
	form(RK_KEY_HOSTNAME, " Rancher.Example.COM ", "rancher.example.com", NULL);
	form(RK_KEY_HOSTNAME, "10.0.0.1", NULL, "IP address");
	form(RK_KEY_HOSTNAME, "::1", NULL, "IP address");
	form(RK_KEY_HOSTNAME, "https://x.y", NULL, "not a name");
	form(RK_KEY_HOSTNAME, "x.y:443", NULL, "port");
	form(RK_KEY_HOSTNAME, "*.x.y", NULL, "wildcard");
	form(RK_KEY_HOSTNAME, "a b", NULL, "not a DNS name");
	form(RK_KEY_HOSTNAME, "x.y.", NULL, "not a DNS name");
	form(RK_KEY_HOSTNAME, "-x.y", NULL, "not a DNS name");
	form(RK_KEY_HOSTNAME, "x\xff", NULL, "UTF-8");
	form(RK_KEY_HELM_REPO_USER, "\xe0\xa0\x80\xf0\x90\x80\x80", "\xe0\xa0\x80\xf0\x90\x80\x80",
		NULL);
	form(RK_KEY_HELM_REPO_USER, "\xe0\x82\x80", NULL, "UTF-8"); /* longer than it need be */
	form(RK_KEY_HELM_REPO_USER, "\xf0\x80\x82\x80", NULL, "UTF-8");
	form(RK_KEY_HELM_REPO_USER, "\xed\xa0\x80", NULL, "UTF-8"); /* half a pair */
	form(RK_KEY_HOSTNAMES, "a.b, C.d ,,a.b", "a.b,c.d", NULL);
	form(RK_KEY_HOSTNAMES, " , ", NULL, "names nothing");
	form(RK_KEY_HOSTNAMES, "a.b,1.2.3.4", NULL, "\"1.2.3.4\" is an IP address");
	form(RK_KEY_NAMESPACE, "Rancher", NULL, "not a DNS label");
	form(RK_KEY_CLUSTER, "a.b", NULL, "not a DNS label");
	form(RK_KEY_STORAGE_CLASS, "Fast", NULL, "not an object name");
	form(RK_KEY_ACME_EMAIL, "a+b@x.org", "a+b@x.org", NULL);
	form(RK_KEY_ACME_EMAIL, "a@b", NULL, "not an e-mail");
	form(RK_KEY_ACME_EMAIL, "a@b@c.d", NULL, "not an e-mail");
}

static void forms_of_registries(void **state RK_UNUSED)
{
	form(RK_KEY_PRIVATE_REGISTRY, "Harbor.example.com", "harbor.example.com", NULL);
	form(RK_KEY_PRIVATE_REGISTRY, "registry:5000", "registry:5000", NULL);
	form(RK_KEY_PRIVATE_REGISTRY, "10.1.2.3:5000", "10.1.2.3:5000", NULL);
	form(RK_KEY_PRIVATE_REGISTRY, "[fd00::1]:5000", "[fd00::1]:5000", NULL);
	form(RK_KEY_PRIVATE_REGISTRY, "[fd00::1]", "[fd00::1]", NULL);
	form(RK_KEY_PRIVATE_REGISTRY, "fd00::1", NULL, "without brackets");
	form(RK_KEY_PRIVATE_REGISTRY, "[fd00::1", NULL, "closing bracket");
	form(RK_KEY_PRIVATE_REGISTRY, "[nope]:1", NULL, "not an IPv6 address");
	form(RK_KEY_PRIVATE_REGISTRY, "https://harbor", NULL, "scheme");
	form(RK_KEY_PRIVATE_REGISTRY, "harbor/x", NULL, "path");
	form(RK_KEY_PRIVATE_REGISTRY, "u:p@harbor", NULL, "credentials");
	form(RK_KEY_PRIVATE_REGISTRY, "harbor:0", NULL, "port");
	form(RK_KEY_PRIVATE_REGISTRY, "harbor:99999", NULL, "port");
	form(RK_KEY_HELM_REPO_HOSTS, "a.b, C:5000", "a.b,c:5000", NULL);
	form(RK_KEY_RANCHER_REPO, "OCI://Harbor.example.com/helm/rancher",
		"oci://Harbor.example.com/helm/rancher", NULL);
	form(RK_KEY_RANCHER_REPO, "https://x.y/z//", "https://x.y/z", NULL);
	form(RK_KEY_RANCHER_REPO, "oci://[fd00::1]:5000/c/rancher",
		"oci://[fd00::1]:5000/c/rancher", NULL);
	form(RK_KEY_RANCHER_REPO, "oci://harbor", NULL, "no chart");
	form(RK_KEY_RANCHER_REPO, "oci://harbor/", NULL, "no chart");
	form(RK_KEY_RANCHER_REPO, "oci://harbor/x:1.0", NULL, "version");
	form(RK_KEY_RANCHER_REPO, "http://x.y", NULL, "TLS");
	form(RK_KEY_RANCHER_REPO, "ftp://x.y", NULL, "unknown scheme");
	form(RK_KEY_RANCHER_REPO, "x.y/z", NULL, "no scheme");
	form(RK_KEY_RANCHER_REPO, "https://u:p@x.y", NULL, "credentials");
	form(RK_KEY_RANCHER_REPO, "https://x.y?a", NULL, "query");
	form(RK_KEY_RANCHER_REPO, "https://x y", NULL, "characters");
	form(RK_KEY_RANCHER_REPO, "https://", NULL, "host");
}

static void forms_of_numbers(void **state RK_UNUSED)
{
	form(RK_KEY_PVC_SIZE, "50Gi+", "50Gi", NULL);
	form(RK_KEY_PVC_SIZE, "1Ti", "1Ti", NULL);
	form(RK_KEY_PVC_SIZE, "500Mi", "500Mi", NULL);
	form(RK_KEY_PVC_SIZE, "50", NULL, "digits followed by Gi, Ti or Mi");
	form(RK_KEY_PVC_SIZE, "50G", NULL, "not a size");
	form(RK_KEY_PVC_SIZE, "50Ki", NULL, "not a size");
	form(RK_KEY_PVC_SIZE, "-1Gi", NULL, "not a size");
	form(RK_KEY_PVC_SIZE, "0Gi", NULL, "not a valid size");
	form(RK_KEY_SERVER_COUNT, "3", "3", NULL);
	form(RK_KEY_SERVER_COUNT, "2", NULL, "1|3");
	form(RK_KEY_TLS_SOURCE, "letsencrypt", "letsEncrypt", NULL);
	form(RK_KEY_TLS_SOURCE, "self", NULL, "rancher|letsEncrypt|secret");
	form(RK_KEY_HELM_AUTH_NEEDED, "Yes", "yes", NULL);
	form(RK_KEY_HELM_AUTH_NEEDED, "maybe", NULL, "neither");
	form(RK_KEY_K3S_VERSION, "v1.34.7+k3s1", "v1.34.7-k3s1", NULL);
	form(RK_KEY_K3S_VERSION, "v1.34.7-rc1-k3s12", "v1.34.7-rc1-k3s12", NULL);
	form(RK_KEY_K3S_VERSION, "v1.34.7-k3s1-arm64", "v1.34.7-k3s1-arm64", NULL);
	form(RK_KEY_K3S_VERSION, "v1.34.1+rke2r1", NULL, "RKE2");
	form(RK_KEY_K3S_VERSION, "v1.34.7", NULL, "suffix -k3s1");
	form(RK_KEY_K3S_VERSION, "1.34.7-k3s1", NULL, "not a release");
	form(RK_KEY_K3S_VERSION, "v9.9.9", NULL, "not a release");
	form(RK_KEY_K3S_VERSION, "v9.9.9-k3s1", NULL, "not a release");
	form(RK_KEY_K3S_VERSION, "v1.34-k3s1", NULL, "not a release");
	form(RK_KEY_K3S_VERSION, "v1.34.7-k3s", NULL, "suffix");
	form(RK_KEY_K3S_VERSION, "v1.34.7-k3s1-windows", NULL, "not a tag");
	form(RK_KEY_CLUSTER, "a23456789012345678901234567890123456789-1",
		"a23456789012345678901234567890123456789-1", NULL);
	form(RK_KEY_CLUSTER, "a23456789012345678901234567890123456789-12", NULL,
		"has 42 characters; expected lower-case letters, digits and dashes, at most 41");
	form(RK_KEY_CLUSTER, "system", NULL, "reserved");
	form(RK_KEY_CLUSTER, "a.b", NULL, "DNS label");
	form(RK_KEY_NAMESPACE, "system", "system", NULL);
	form(RK_KEY_NAMESPACE, "n23456789012345678901234567890123456789012345678901234567890123",
		NULL,
		"has 63 characters; expected lower-case letters, digits and dashes, at most 59");
	form(RK_KEY_K3K_VERSION, "v1.1.0", "1.1.0", NULL);
	form(RK_KEY_K3K_VERSION, "latest", NULL, "not a version");
	form(RK_KEY_RANCHER_VERSION, "v2.14.1 --set x", NULL, "not a version");
	form(RK_KEY_CLUSTER_CIDR, "10.42.0.0/16", "10.42.0.0/16", NULL);
	form(RK_KEY_CLUSTER_CIDR, "10.42.0.0/16,fd00::/56", "10.42.0.0/16,fd00::/56", NULL);
	form(RK_KEY_CLUSTER_CIDR, "10.42.0.0/16,10.1.0.0/16", NULL, "one family");
	form(RK_KEY_CLUSTER_CIDR, "10.42.0.0/16 , fd00::/56", "10.42.0.0/16,fd00::/56", NULL);
	form(RK_KEY_CLUSTER_CIDR, "10.42.0.0/24", "10.42.0.0/24", NULL);
	form(RK_KEY_CLUSTER_CIDR, "10.42.0.0/25", NULL, "every node takes a /24");
	form(RK_KEY_CLUSTER_CIDR, "fd00::/65", NULL, "every node takes a /64");
	form(RK_KEY_CLUSTER_CIDR, "fd00::/47", NULL, "at most /48");
	form(RK_KEY_CLUSTER_CIDR, "10.0.0.0/8,fd00::/40", NULL, "at most /48");
	form(RK_KEY_SERVICE_CIDR, "172.16.0.0/12,fd00::/108", "172.16.0.0/12,fd00::/108", NULL);
	form(RK_KEY_SERVICE_CIDR, "172.0.0.0/8", NULL, "at most /12");
	form(RK_KEY_SERVICE_CIDR, "fd00::/48", NULL, "at most /108");
	form(RK_KEY_SERVICE_CIDR, "10.43.0.0/16,fd00::/64", NULL, "at most /108");
	form(RK_KEY_SERVICE_CIDR, "10.43.0.0/28", "10.43.0.0/28", NULL);
	form(RK_KEY_SERVICE_CIDR, "10.43.0.0/29", NULL, "at least /28");
	form(RK_KEY_SERVICE_CIDR, "fd00::/125", NULL, "at least /124");
	form(RK_KEY_CLUSTER_CIDR, "10.42.0.1/16", NULL, "bits set");
	form(RK_KEY_CLUSTER_CIDR, "10.42.0.0", NULL, "prefix");
	form(RK_KEY_CLUSTER_CIDR, "10.42.0.0/33", NULL, "prefix");
	form(RK_KEY_CLUSTER_CIDR, "10.42/16", NULL, "not a network");
	form(RK_KEY_PRIVATE_CA_PATH, "/nonexistent/ca.pem", NULL, "cannot be read");
	form(RK_KEY_PRIVATE_CA_PATH, "/tmp", NULL, "directory");
	form(RK_KEY_PRIVATE_CA_PATH, "/dev/null", NULL, "certificate");
	form(RK_KEY_PRIVATE_CA_PATH, pem_path, pem_path, NULL);
}

static int make_pem(void **state RK_UNUSED)
{
	int fd = mkstemp(pem_path);
	ssize_t n = write(fd, PEM, sizeof(PEM) - 1);

	close(fd);
	return n == sizeof(PEM) - 1 ? 0 : -1;
}

static int remove_pem(void **state RK_UNUSED)
{
	return unlink(pem_path);
}

/* Check a whole configuration; counts problems and looks for key and text. */
static void whole(const char *text, bool fatal, const char *key, const char *why)
{
	rk_auto_problems p = {0};
	rk_auto_buf all = RK_BUF_INIT;
	rk_auto_settings *s = rk_settings_new();
	rk_auto_free char *conf = rk_asprintf("HOSTNAME=r.example.com\n%s\n", text);
	char *at;
	bool found = !key && !p.n;

	/* PEM stands for the file's name, of the same length. */
	while ((at = strstr(conf, "=PEM")))
		memcpy(at + 1, pem_path, strlen(pem_path));
	rk_settings_parse(s, conf, strlen(conf), "t", &p);
	rk_settings_check(s, &p);
	for (size_t i = 0; i < p.n; i++) {
		rk_buf_addf(&all, "%d %s: %s\n", p.v[i].fatal, p.v[i].key, p.v[i].text);
		found |= key && rk_streq(p.v[i].key, key) && p.v[i].fatal == fatal &&
			 strstr(p.v[i].text, why);
	}
	if (!found || (!key && p.n))
		print_message("%s\n%s", text, all.s);
	assert_true(found);
	assert_true(fatal || !p.fatal);
	if (!key)
		assert_int_equal(p.n, 0);
}

static void one_against_the_other(void **state RK_UNUSED)
{
	whole("", false, NULL, NULL);
	whole("BOOTSTRAP_PW=short", true, "BOOTSTRAP_PW", "12 characters");
	whole("BOOTSTRAP_PW=\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4", true, "BOOTSTRAP_PW",
		"has 6 characters");
	whole("BOOTSTRAP_PW=admin1234567", false, "BOOTSTRAP_PW", "public default");
	whole("HOSTNAMES=a.b,c.d", false, "HOSTNAME", "ignored");
	whole("K3K_API_HOSTNAME=r.example.com", true, "K3K_API_HOSTNAME", "separate name");
	whole("TLS_SOURCE=secret", true, "TLS_SOURCE", "TLS_CERT_PATH");
	whole("TLS_SOURCE=letsEncrypt", true, "ACME_EMAIL", "required");
	whole("TLS_SOURCE=letsEncrypt\nACME_EMAIL=a@b.c", false, NULL, NULL);
	whole("CA_CERT_PATH=PEM__________________", true, "CA_KEY_PATH", "CA_CERT_PATH is set");
	whole("TLS_KEY_PATH=/dev/null", true, "TLS_CERT_PATH", "TLS_KEY_PATH is set");
	whole("CA_CERT_PATH=PEM__________________\nCA_KEY_PATH=/dev/null", false, "TLS_SOURCE",
		"is secret, not");
	whole("CA_CERT_PATH=PEM__________________\nCA_KEY_PATH=/dev/null", false, "CA_ROOT_PATH",
		"unset");
	whole("CA_CERT_PATH=PEM__________________\nCA_KEY_PATH=/dev/"
	      "null\nTLS_CERT_PATH=PEM__________________\n"
	      "TLS_KEY_PATH=/dev/null",
		true, "TLS_CERT_PATH", "both set");
	whole("CA_ROOT_PATH=PEM__________________", false, "CA_ROOT_PATH", "ignored");
	whole("HELM_AUTH_NEEDED=yes", true, "HELM_REPO_USER", "required");
	whole("HELM_AUTH_NEEDED=yes", true, "HELM_REPO_PASS", "required");
	whole("HELM_REPO_USER=u", true, "HELM_REPO_PASS", "required with HELM_REPO_USER");
	whole("HELM_REPO_USER=u\nHELM_REPO_PASS=p", false, "HELM_REPO_USER", "not used");
	whole("HELM_REPO_USER=u\nHELM_REPO_PASS=p\nPRIVATE_REGISTRY=h", false, NULL, NULL);
	whole("MIRROR_REGISTRIES_FILE=/dev/null", false, "MIRROR_REGISTRIES_FILE", "ignored");
	whole("CUSTOM_CA=x", false, "CUSTOM_CA", "has no effect");
	whole("BACKUP_S3_ENDPOINT=x", false, "BACKUP_S3_ENDPOINT", "not made yet");
	whole("CLUSTER_CIDR=10.0.0.0/8", true, "SERVICE_CIDR", "overlaps");
	whole("SERVICE_CIDR=fd00::/112", true, "SERVICE_CIDR", "differ in their families");
	whole("CLUSTER_CIDR=fd00::/56", true, "SERVICE_CIDR", "differ in their families");
	whole("CLUSTER_CIDR=10.42.0.0/16,fd00::/56", true, "SERVICE_CIDR", "families");
	whole("CLUSTER_CIDR=10.42.0.0/16,fd00::/56\nSERVICE_CIDR=fd01::/112,10.43.0.0/16", true,
		"SERVICE_CIDR", "families");
	whole("CLUSTER_CIDR=10.42.0.0/16,fd00::/56\nSERVICE_CIDR=10.43.0.0/16,fd00::/112", true,
		"SERVICE_CIDR", "overlaps");
	whole("CLUSTER_CIDR=fd00::/56\nSERVICE_CIDR=fd01::/112", false, NULL, NULL);
	whole("CLUSTER=1st", true, "SERVICE_NAME", "begins with a digit");
	whole("CLUSTER=1st\nSERVICE_NAME=first", false, NULL, NULL);
	whole("NAMESPACE=k3k-system", true, "NAMESPACE", "controller's own");
}

static void several_problems_at_once(void **state RK_UNUSED)
{
	rk_auto_problems p = {0};
	rk_auto_settings *s = parsed("PVC_SIZE=x\nSERVER_COUNT=2\nTLS_SOURCE=foo\n", &p);

	rk_settings_check(s, &p);
	assert_int_equal(p.fatal, 4); /* and HOSTNAME */
}

static void unset_and_empty(void **state RK_UNUSED)
{
	rk_auto_problems p = {0};
	rk_auto_settings *s = parsed(
		"HOSTNAME=a.b\nK3S_VERSION=\nSTORAGE_CLASS=\"\"\nPVC_SIZE=\nBOOTSTRAP_PW=''\n", &p);

	rk_settings_check(s, &p);
	assert_int_equal(p.n, 0);
	assert_string_equal(rk_setting(s, RK_KEY_K3S_VERSION), "");
	assert_string_equal(rk_setting(s, RK_KEY_STORAGE_CLASS), "");
	assert_string_equal(rk_setting(s, RK_KEY_PVC_SIZE), "50Gi");
	assert_false(rk_setting_is(s, RK_KEY_BOOTSTRAP_PW));
}

static void names_follow_the_cluster(void **state RK_UNUSED)
{
	rk_auto_problems p = {0};
	rk_auto_settings *s = parsed("HOSTNAMES=a.b,c.d\nCLUSTER=test\nTLS_SECRET=mine\n", &p);

	rk_settings_check(s, &p);
	assert_string_equal(rk_setting(s, RK_KEY_INGRESS_NAME), "test-k3k-ingress");
	assert_string_equal(rk_setting(s, RK_KEY_SERVICE_NAME), "test-k3k-traefik");
	assert_string_equal(rk_setting(s, RK_KEY_TLS_SECRET), "mine");
	assert_string_equal(rk_settings_primary(s), "a.b");
	assert_string_equal(rk_settings_tls_source_secret(s), "tls-rancher-ingress-all");
}

static void repo_hosts(void **state RK_UNUSED)
{
	static const struct {
		const char *repo, *host;
		bool oci;
	} cases[] = {
		{"oci://harbor.example.com/helm/cert-manager", "harbor.example.com", true},
		{"oci://registry.example.com:5000/charts/rancher", "registry.example.com:5000",
			true},
		{"OCI://Harbor/x", "harbor", true},
		{"oci://[fd00::1]:5000/x", "[fd00::1]:5000", true},
		{"https://charts.jetstack.io", "charts.jetstack.io", false},
		{"https://x.y:8443/z?q", "x.y:8443", false},
		{"harbor:5000", "harbor:5000", false},
	};

	for (size_t i = 0; i < RK_COUNT(cases); i++) {
		rk_auto_free char *host = rk_repo_host(cases[i].repo);

		assert_string_equal(host, cases[i].host);
		assert_int_equal(rk_repo_is_oci(cases[i].repo), cases[i].oci);
	}
	assert_false(rk_repo_is_oci(""));
	assert_null(rk_repo_host(NULL));
	assert_null(rk_repo_host("https:///x"));
}

static void private_is(const char *conf, const char *cert, const char *rancher)
{
	rk_auto_problems p = {0};
	rk_auto_settings *s = parsed(conf, &p);

	rk_settings_check(s, &p);
	assert_string_equal(
		rk_settings_repo_private(s, RK_KEY_CERTMANAGER_REPO) ? "yes" : "no", cert);
	assert_string_equal(
		rk_settings_repo_private(s, RK_KEY_RANCHER_REPO) ? "yes" : "no", rancher);
}

static void private_hosts(void **state RK_UNUSED)
{
	/* Nothing named: chart addresses of one's own, never the public ones. */
	private_is("", "no", "no");
	private_is("CERTMANAGER_REPO=oci://harbor.example.com/helm/cert-manager", "yes", "no");
	private_is("CERTMANAGER_REPO=oci://ghcr.io/jetstack/cert-manager", "no", "no");
	private_is("CERTMANAGER_REPO=https://someone.github.io/charts", "no", "no");
	private_is("CERTMANAGER_REPO=https://Charts.Jetstack.io:443/x", "no", "no");
	/* Named: these and no others. */
	private_is("PRIVATE_REGISTRY=harbor.example.com\n"
		   "CERTMANAGER_REPO=https://harbor.example.com/chartrepo/x\n"
		   "RANCHER_REPO=https://other.example.com/x",
		"yes", "no");
	private_is("PRIVATE_REGISTRY=harbor\nHELM_REPO_HOSTS=other.example.com\n"
		   "CERTMANAGER_REPO=https://harbor:443/x\n"
		   "RANCHER_REPO=https://other.example.com/x",
		"yes", "yes");
	private_is("HELM_REPO_HOSTS=harbor:5000\nCERTMANAGER_REPO=https://harbor/x\n"
		   "RANCHER_REPO=oci://harbor:5000/x",
		"no", "yes");
	/* No part of a name is the name. */
	private_is("PRIVATE_REGISTRY=harbor.example.com\n"
		   "CERTMANAGER_REPO=https://harbor.example.com.evil.org/x\n"
		   "RANCHER_REPO=https://evil.org/harbor.example.com",
		"no", "no");
	/* A public host can be named by who means it. */
	private_is("HELM_REPO_HOSTS=charts.jetstack.io", "yes", "no");
}

static void networks(void **state RK_UNUSED)
{
	assert_true(rk_cidr_overlap("10.42.0.0/16", "10.42.3.0/24"));
	assert_true(rk_cidr_overlap("10.0.0.0/8", "10.43.0.0/16"));
	assert_false(rk_cidr_overlap("10.42.0.0/16", "10.43.0.0/16"));
	assert_false(rk_cidr_overlap("10.42.0.0/16", "fd00::/8"));
	assert_true(rk_cidr_overlap("10.42.0.0/16,fd00::/56", "10.9.0.0/16,fd00::1:0/112"));
	assert_false(rk_cidr_overlap("", "10.0.0.0/8"));
}

static void versions(void **state RK_UNUSED)
{
	assert_true(rk_version_at_least("1.1.0", 1, 1));
	assert_true(rk_version_at_least("v1.2.0-rc4", 1, 1));
	assert_true(rk_version_at_least("2.0", 1, 1));
	assert_false(rk_version_at_least("1.0.9", 1, 1));
	assert_false(rk_version_at_least("", 1, 1));
	assert_false(rk_version_at_least(NULL, 1, 1));
}

static void write_all(int fd, const char *s, size_t n)
{
	assert_int_equal(write(fd, s, n), (ssize_t)n);
}

/* Read back as a tool reads it. */
static int load_text(struct rk_settings *s, const char *text, struct rk_err *err)
{
	char path[] = "/tmp/rk3k-test-XXXXXX";
	int fd = mkstemp(path), ret;

	write_all(fd, text, strlen(text));
	ret = rk_settings_open(
		s, &(struct rk_settings_flags){.config = path}, RK_SETTINGS_NEEDED, err);
	close(fd);
	unlink(path);
	return ret;
}

/* Every secret of private repositories that ever broke a script goes there and back. */
static void secrets_travel_by_reference(void **state RK_UNUSED)
{
	static const char *const nasty[] = {"p\"w'x", "back\\slash\\n", "a&b|c;d", "#hash # more",
		" blank ", "line\nbreak", "0123", "true", "null", "$HOME$(id)`id`", "ünïcödé", "'",
		"'\\''"};

	for (size_t i = 0; i < RK_COUNT(nasty); i++) {
		char path[] = "/tmp/rk3k-test-XXXXXX";
		rk_auto_settings *a = rk_settings_new(), *b = rk_settings_new();
		rk_auto_problems p = {0};
		rk_auto_buf secrets = RK_BUF_INIT, back = RK_BUF_INIT, text = RK_BUF_INIT;
		rk_auto_doc *d = rk_doc_new(false);
		struct rk_err err = RK_ERR_INIT;
		struct rk_val *doc;
		int fd = mkstemp(path);

		rk_settings_parse(a, "HOSTNAME=a.b\nHELM_REPO_USER=u\n", 30, "t", &p);
		rk_settings_put(a, RK_KEY_HELM_REPO_PASS, nasty[i], RK_FROM_PROMPT);
		rk_settings_check(a, &p);
		assert_int_equal(p.fatal, 0);
		rk_settings_secrets(a, &secrets);
		write_all(fd, secrets.s, secrets.len);
		assert_int_equal(rk_settings_doc(a, path, d, &doc, &err), 0);
		assert_null(rk_get(doc, "HELM_REPO_PASS", "value", NULL));
		assert_string_equal(rk_get_str(doc, "HELM_REPO_PASS", "file", NULL), path);
		rk_yaml_write(doc, false, &text);
		assert_int_equal(load_text(b, text.s, &err), 0);
		assert_true(rk_setting_is(b, RK_KEY_HELM_REPO_PASS));
		assert_null(rk_setting(b, RK_KEY_HELM_REPO_PASS));
		assert_int_equal(rk_setting_secret(b, RK_KEY_HELM_REPO_PASS, &back, &err), 0);
		assert_string_equal(back.s, nasty[i]);
		close(fd);
		unlink(path);
	}
}

static void secrets_need_a_place(void **state RK_UNUSED)
{
	rk_auto_settings *s = rk_settings_new();
	rk_auto_problems p = {0};
	rk_auto_doc *d = rk_doc_new(false);
	struct rk_err err = RK_ERR_INIT;
	struct rk_val *doc;

	rk_settings_put(s, RK_KEY_HOSTNAME, "a.b", RK_FROM_PROMPT);
	rk_settings_put(s, RK_KEY_BOOTSTRAP_PW, "0123456789abc", RK_FROM_PROMPT);
	rk_settings_check(s, &p);
	assert_int_equal(rk_settings_doc(s, NULL, d, &doc, &err), -1);
	assert_int_equal(err.code, RK_USAGE);
	assert_non_null(strstr(err.hint, "--secrets-fd"));
}

static void load_refuses(void **state RK_UNUSED)
{
	static const char *const cases[][2] = {
		{"{}", "not a configuration document"},
		{"[1]", "not a configuration document"},
		{"kind: Settings", "rk3k.io/v1"},
		{"{apiVersion: rk3k.io/v1, kind: Settings}", "HOSTNAME is required"},
		{"{apiVersion: rk3k.io/v1, kind: Settings, HOSTNAM: x}", "unknown setting HOSTNAM"},
		{"{apiVersion: rk3k.io/v1, kind: Settings, HOSTNAME: [x]}",
			"expected a single value"},
		{"{apiVersion: rk3k.io/v1, kind: Settings, HOSTNAMES: {a: b}}", "expected a list"},
		{"{apiVersion: rk3k.io/v1, kind: Settings, HOSTNAMES: [1]}", "list of names"},
		{"{apiVersion: rk3k.io/v1, kind: Settings, BOOTSTRAP_PW: abc}", "holds no secrets"},
		{"{apiVersion: rk3k.io/v1, kind: Settings, BOOTSTRAP_PW: {}}", "file or env"},
		{"{apiVersion: rk3k.io/v1, kind: Settings, BOOTSTRAP_PW: {file: 3}}", "string"},
	};

	for (size_t i = 0; i < RK_COUNT(cases); i++) {
		rk_auto_settings *s = rk_settings_new();
		struct rk_err err = RK_ERR_INIT;

		assert_int_equal(load_text(s, cases[i][0], &err), -1);
		if (!strstr(err.msg, cases[i][1]))
			print_message("%s: %s\n", cases[i][0], err.msg);
		assert_non_null(strstr(err.msg, cases[i][1]));
		assert_null(strstr(err.msg, "abc"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parse_values),
		cmocka_unit_test(parse_refuses_what_needs_a_shell),
		cmocka_unit_test(parse_never_shows_a_secret),
		cmocka_unit_test(unknown_keys_are_refused),
		cmocka_unit_test(parse_stops_aloud),
		cmocka_unit_test(parse_survives_noise),
		cmocka_unit_test(order_of_origins),
		cmocka_unit_test(assign_refuses),
		cmocka_unit_test(table_is_whole),
		cmocka_unit_test(forms_of_names),
		cmocka_unit_test(forms_of_registries),
		cmocka_unit_test(forms_of_numbers),
		cmocka_unit_test(one_against_the_other),
		cmocka_unit_test(several_problems_at_once),
		cmocka_unit_test(unset_and_empty),
		cmocka_unit_test(names_follow_the_cluster),
		cmocka_unit_test(repo_hosts),
		cmocka_unit_test(private_hosts),
		cmocka_unit_test(networks),
		cmocka_unit_test(versions),
		cmocka_unit_test(secrets_travel_by_reference),
		cmocka_unit_test(secrets_need_a_place),
		cmocka_unit_test(load_refuses),
	};

	return cmocka_run_group_tests_name("settings", tests, make_pem, remove_pem);
}
