// SPDX-License-Identifier: Apache-2.0
#include "creds.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "registries.h"
#include "run.h"

/* What is found for an address in a source: "user:password", "<token>:…" or "none". */
static void found(const char *text, const char *address, const char *want)
{
	rk_auto_creds *c = rk_creds_new();
	struct rk_err err = RK_ERR_INIT;
	struct rk_login l;
	rk_auto_free char *got = NULL;

	assert_int_equal(rk_creds_parse(c, "test", text, strlen(text), &err), 0);
	if (rk_creds_find(c, address, &l, &err) < 0)
		got = rk_strdup(err.code == RK_NOTFOUND ? "none" : err.msg);
	else
		got = rk_asprintf(
			"%s:%s", l.token ? "<token>" : l.user, l.token ? l.token : l.password);
	assert_string_equal(got, want);
}

#define AUTH(host) "{\"auths\":{\"" host "\":{\"auth\":\"dTpwOnE=\"}}}" /* u:p:q */

static void docker_hosts(void **state)
{
	(void)state;
	found(AUTH("h"), "h", "u:p:q");
	found(AUTH("h"), "https://h/path/x", "u:p:q");
	found(AUTH("h"), "oci://H:443/x", "u:p:q");
	found(AUTH("https://h/v2/"), "h", "u:p:q");
	found(AUTH("h:5000"), "h:5000", "u:p:q");
	found(AUTH("[fd00::1]:5000"), "oci://[fd00::1]:5000/x", "u:p:q");
	found(AUTH("https://index.docker.io/v1/"), "docker.io", "u:p:q");
	found(AUTH("docker.io"), "registry-1.docker.io", "u:p:q");
}

/* A login is for its host: not for another port, a longer name, a name before an @. */
static void other_hosts(void **state)
{
	(void)state;
	found(AUTH("h"), "h:5000", "none");
	found(AUTH("h:5000"), "h", "none");
	found(AUTH("h"), "xh", "none");
	found(AUTH("h"), "h.example.com", "none");
	found(AUTH("example.com"), "h.example.com", "none");
	found(AUTH("h"), "https://h@evil/", "none");
	found(AUTH("h"), "https://evil/h", "none");
	found(AUTH("h"), "https://evil?h", "none");
	found(AUTH("h/team"), "h/other/x", "none");
	found(AUTH("h/team"), "h/teams", "none");
	found(AUTH("h/team"), "h/team/x", "u:p:q");
	found(AUTH("h"), "", "none");
	found(AUTH(""), "", "none");
	found(AUTH(""), "h", "none");
	found(AUTH("/h"), "h", "none");
	found(AUTH("https://"), "h", "none");
	found("configs: {'*': {auth: {username: u, password: p}}}", "h", "none");
}

static void forms(void **state)
{
	(void)state;
	found("{\"auths\":{\"h\":{\"username\":\"u\",\"password\":\"p\"}}}", "h", "u:p");
	found("{\"auths\":{\"h\":{\"identitytoken\":\"t\",\"auth\":\"dTo=\"}}}", "h", "<token>:t");
	found("{\"auths\":{\"h\":{}}}", "h", "none");
	found("{\"auths\":{\"h\":null}}", "h", "none");
	found("mirrors: {}\nconfigs:\n  h:\n    auth: {auth: dTpw}\n", "h", "u:p");
	found("configs:\n  https://h:5000:\n    auth: {username: 'yes', password: '0123'}\n",
		"h:5000", "yes:0123");
	found("configs:\n  h:\n    tls: {ca_file: /x}\n", "h", "none");
	found("repositories: [{name: a, url: 'https://u:p%40%3a@h/x'}]", "https://h/y", "u:p@:");
	found("repositories: [{name: a, url: 'https://u:%-1% 1%0x%4g%4@h'}]", "h",
		"u:%-1% 1%0x%4g%4"); /* no hex digits: as it is */
	found("repositories: [{name: a, url: 'https://h', username: u}]", "h", "u:");
	found("apiVersion: ''\nrepositories: []", "h", "none");
	found("", "h", "none");
	found("{}", "h", "none");
}

static void first_source_wins(void **state)
{
	rk_auto_creds *c = rk_creds_new();
	struct rk_login l;

	(void)state;
	assert_int_equal(rk_creds_parse(c, "a", AUTH("h"), strlen(AUTH("h")), NULL), 0);
	assert_int_equal(rk_creds_parse(c, "b", "configs: {h: {auth: {auth: eDp5}}}", 34, NULL), 0);
	assert_int_equal(rk_creds_find(c, "h", &l, NULL), 0);
	assert_string_equal(l.user, "u");
	assert_string_equal(l.from, "a");
}

static void refused(void **state)
{
	static const char *const bad[] = {"[]", "x", "{\"auths\":[]}", "{\"auths\":{\"h\":[]}}",
		"{\"auths\":{\"h\":{\"auth\":\"no colon\"}}}",
		"{\"auths\":{\"h\":{\"auth\":\"!\"}}}", "{\"credHelpers\":{\"h\":{}}}",
		"{\"credsStore\":[]}", "repositories: {}", "repositories: [{name: x}]",
		"configs: []", "configs: {h: {auth: x}}", "{\"other\":1}"};

	(void)state;
	for (size_t i = 0; i < RK_COUNT(bad); i++) {
		rk_auto_creds *c = rk_creds_new();
		struct rk_err err = RK_ERR_INIT;

		assert_int_equal(rk_creds_parse(c, "src", bad[i], strlen(bad[i]), &err), -1);
		assert_true(err.code != 0 && err.msg[0]);
	}
}

static void image_is(const char *text, const char *want)
{
	rk_auto_doc *d = rk_doc_new(false);
	struct rk_image i;
	rk_auto_free char *got = NULL;

	if (rk_image_parse(d, text, &i, NULL) < 0)
		got = rk_strdup("none");
	else
		got = rk_asprintf("%s %s %s", i.registry, i.repository, i.reference);
	assert_string_equal(got, want);
}

#define SHA "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void images(void **state)
{
	(void)state;
	image_is("busybox", "docker.io library/busybox latest");
	image_is("busybox:1", "docker.io library/busybox 1");
	image_is("docker.io/busybox", "docker.io library/busybox latest");
	image_is("index.docker.io/a/b:1", "docker.io a/b 1");
	image_is("rancher/rancher:v2.14.1", "docker.io rancher/rancher v2.14.1");
	image_is("quay.io/jetstack/x:1", "quay.io jetstack/x 1");
	image_is("localhost/x", "localhost x latest");
	image_is("h:5000/x", "h:5000 x latest");
	image_is("h:5000/x:1", "h:5000 x 1");
	image_is("[fd00::1]:5000/x/y:1", "[fd00::1]:5000 x/y 1");
	image_is("quay.io/x@" SHA, "quay.io x " SHA);
	image_is("quay.io/x:1@" SHA, "quay.io x " SHA);
	image_is("", "none");
	image_is("/x", "none");
	image_is("x:", "none");
	image_is("x@1", "none");
	image_is("X/y", "none");
	image_is("a//b", "none");
	image_is("quay.io/../x", "none");
	image_is("quay.io/x?y=1", "none");
	image_is("quay.io/x:1 2", "none");
	image_is("https://quay.io/x", "none");
	image_is("quay.io/x:a/b:c", "none");
}

/* A repository may have 255 letters, those of library/ among them. */
static void long_images(void **state)
{
	char name[256] = "";

	(void)state;
	memset(name, 'x', 247);
	rk_auto_free char *fits = rk_asprintf("docker.io library/%s latest", name);
	image_is(name, fits);
	name[247] = 'x';
	image_is(name, "none");
}

static void mirrored(void **state)
{
	rk_auto_doc *d = rk_doc_new(false);
	struct rk_strv mirrors = {0};
	struct rk_image a = {"quay.io", "x/y", "1"}, b = {"gcr.io", "x", "1"}, c = {"h", "x", "1"};

	(void)state;
	rk_strv_add(&mirrors, "quay.io");
	assert_string_equal(rk_image_mirrored(d, &a, "h", &mirrors), "quay.io/x/y");
	assert_null(rk_image_mirrored(d, &b, "h", &mirrors));
	assert_string_equal(rk_image_mirrored(d, &c, "h", &mirrors), "x");
	rk_strv_release(&mirrors);
}

static int shell(const char *script, const char *in, size_t max, int64_t ms, struct rk_buf *out,
	int *status, struct rk_err *err)
{
	const char *const argv[] = {"sh", "-c", script, NULL};
	struct rk_run r = {.argv = argv,
		.in = in,
		.in_len = in ? strlen(in) : 0,
		.max = max,
		.timeout_ms = ms};

	return rk_run(&r, out, status, err);
}

static void programs(void **state)
{
	const char *const none[] = {"rk3k-no-such-program", NULL};
	struct rk_run missing = {.argv = none};
	rk_auto_buf out = RK_BUF_INIT;
	struct rk_err err = RK_ERR_INIT;
	int status = -1;

	(void)state;
	assert_int_equal(shell("cat; exit 3", "hello", 0, 0, &out, &status, &err), 0);
	assert_int_equal(status, 3);
	assert_string_equal(out.s, "hello");
	assert_int_equal(shell("kill -9 $$", NULL, 0, 0, &out, &status, &err), -1);
	assert_int_equal(err.code, RK_FAIL);
	assert_int_equal(shell("yes", NULL, 5000, 0, &out, &status, &err), -1);
	assert_int_equal(shell("exec sleep 20", NULL, 0, 50, &out, &status, &err), -1);
	assert_int_equal(err.code, RK_TIMEOUT);
	assert_int_equal(shell("exec sleep 20 >&-", NULL, 0, 50, &out, &status, &err), -1);
	assert_int_equal(err.code, RK_TIMEOUT);
	assert_int_equal(
		shell("exec >&-; sleep 0.1; exit 4", NULL, 0, 9000, &out, &status, &err), 0);
	assert_int_equal(status, 4);
	assert_int_equal(rk_run(&missing, &out, &status, &err), -1);
	assert_int_equal(err.code, RK_NOTFOUND);
}

/* A program that goes on after its output costs nothing, and nobody need have asked for SIGCHLD. */
static void programs_are_waited_for(void **state)
{
	rk_auto_buf out = RK_BUF_INIT;
	struct rk_err err = RK_ERR_INIT;
	struct rusage before, after;
	int status = -1;

	(void)state;
	signal(SIGCHLD, SIG_IGN);
	assert_int_equal(getrusage(RUSAGE_SELF, &before), 0);
	if (shell("exec >&-; sleep 1; exit 5", NULL, 0, 9000, &out, &status, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(getrusage(RUSAGE_SELF, &after), 0);
	assert_int_equal(status, 5);
	assert_ptr_equal(signal(SIGCHLD, SIG_DFL), SIG_IGN);
	assert_in_range(after.ru_nvcsw - before.ru_nvcsw, 0, 100); /* a look each ms is 1000 */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(docker_hosts),
		cmocka_unit_test(other_hosts),
		cmocka_unit_test(forms),
		cmocka_unit_test(first_source_wins),
		cmocka_unit_test(refused),
		cmocka_unit_test(images),
		cmocka_unit_test(long_images),
		cmocka_unit_test(mirrored),
		cmocka_unit_test(programs),
		cmocka_unit_test(programs_are_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
