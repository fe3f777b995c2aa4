// SPDX-License-Identifier: Apache-2.0
#include "registry/registry.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "os/os.h"

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
	found("repositories: [{name: a, url: 'https://u:%-1%%0x%4g%4@h'}]", "h",
		"u:%-1%%0x%4g%4"); /* no hex digits: as it is */
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
	image_is("index.docker.io/rancher/x:1", "docker.io rancher/x 1");
	image_is("index.docker.io/busybox", "docker.io library/busybox latest");
	image_is("docker.io/library/busybox:1", "docker.io library/busybox 1");
	image_is("quay.io/a_b__c-d--e.f/x:V_1.-", "quay.io a_b__c-d--e.f/x V_1.-");
	image_is("quay.io/a..b", "none");
	image_is("quay.io/a___b", "none");
	image_is("quay.io/a-", "none");
	image_is("quay.io/a/", "none");
	image_is("h:port/x", "none");
	image_is("h:1:2/x", "none");
	image_is("h:/x", "none");
	image_is("h.-/x", "none");
	image_is("quay.io/x:-1", "none");
	image_is("quay.io/x@sha256:12", "none");
	image_is("quay.io/x:1@2:3", "none");
	image_is("quay.io/x\tb", "none");
}

/* What a list gives, one name per line; or the message of its error. */
static void list_is(const char *text, size_t n, const char *want)
{
	rk_auto_doc *d = rk_doc_new(false);
	struct rk_strv names = {0};
	struct rk_err err = RK_ERR_INIT;
	rk_auto_buf got = RK_BUF_INIT;

	if (rk_images_parse(d, text, n, "list", &names, &err) < 0)
		rk_buf_puts(&got, err.msg);
	else
		for (size_t i = 0; i < names.n; i++)
			rk_buf_addf(&got, "%s%s", i ? " " : "", names.v[i]);
	rk_strv_release(&names);
	assert_string_equal(got.s, want);
}
#define LIST_IS(text, want) list_is(text, sizeof(text) - 1, want)

static void image_lists(void **state)
{
	(void)state;
	LIST_IS("", "");
	LIST_IS("a:1\nb:1", "docker.io/library/a:1 docker.io/library/b:1");
	LIST_IS("a:1\r\nb:1\r\n", "docker.io/library/a:1 docker.io/library/b:1");
	LIST_IS("a:1\rb:1\r", "docker.io/library/a:1 docker.io/library/b:1");
	LIST_IS("\xEF\xBB\xBFquay.io/a\n", "quay.io/a:latest");
	LIST_IS("\n # x\n\ta/b:1\t# y\n#a:2\n", "docker.io/a/b:1");
	LIST_IS("image quay.io/a:1\nchart https://c c 1\nimage\ta/b:1\n",
		"quay.io/a:1 docker.io/a/b:1");
	LIST_IS("index.docker.io/a/b:1\na/b:1\ndocker.io/a/b:1", "docker.io/a/b:1");
	LIST_IS("h:5000/a:1@" SHA " linux/amd64\n", "h:5000/a@" SHA);
	LIST_IS("rancher/a:1 rancher-a:104.0.0,rancher-b:2\nb:1 " SHA "\n",
		"docker.io/rancher/a:1 docker.io/library/b:1");
	LIST_IS("a:1\nA:1\n", "list:2: invalid image name \"A:1\"");
	LIST_IS("image\n", "docker.io/library/image:latest");
	LIST_IS("\r\nx y/z\n", "docker.io/library/x:latest");
	LIST_IS("a:1 b:1\n",
		"list:1: two images on one line, \"a:1\" and \"b:1\"; expected one per line");
	LIST_IS("x/a:1\nx/b:1 y/c:1\n",
		"list:2: two images on one line, \"x/b:1\" and \"y/c:1\"; expected one per line");
	LIST_IS("\xFF\xFE"
		"a\0:\0001\0",
		"list:1: not text in UTF-8");
	LIST_IS("a:1\0b:1\n", "list:1: not text in UTF-8");
	LIST_IS("https://quay.io/a\n", "list:1: invalid image name \"https://quay.io/a\"");
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
	struct rk_image system_image = {"docker.io", "rancher/x", "1"};
	struct rk_image library = {"docker.io", "library/x", "1"}, digest = {"quay.io", "x", SHA};

	(void)state;
	rk_strv_add(&mirrors, "quay.io");
	assert_string_equal(rk_image_mirrored(d, &a, "h", &mirrors), "quay.io/x/y");
	assert_null(rk_image_mirrored(d, &b, "h", &mirrors));
	assert_string_equal(rk_image_mirrored(d, &c, "h", &mirrors), "x");
	/* system-default-registry needs no mirror */
	assert_string_equal(
		rk_image_mirrored(d, &system_image, "h", &mirrors), "docker.io/rancher/x");
	assert_null(rk_image_mirrored(d, &library, "h", &mirrors));
	assert_string_equal(rk_image_source(d, &a, "h:5000", &mirrors), "h:5000/quay.io/x/y:1");
	assert_string_equal(rk_image_source(d, &digest, "h", &mirrors), "h/quay.io/x@" SHA);
	assert_null(rk_image_source(d, &b, "h", &mirrors));
	rk_strv_release(&mirrors);
}

static void mirror_list_is(const char *text, const char *host, const char *want)
{
	rk_auto_doc *d = rk_doc_new(false);
	struct rk_strv mirrors = {0};
	struct rk_err err = RK_ERR_INIT;
	rk_auto_buf got = RK_BUF_INIT;

	if (rk_mirrors_parse(d, text, strlen(text), "m", host, &mirrors, &err) < 0)
		rk_buf_puts(&got, err.msg);
	else
		for (size_t i = 0; i < mirrors.n; i++)
			rk_buf_addf(&got, "%s%s", i ? " " : "", mirrors.v[i]);
	rk_strv_release(&mirrors);
	assert_string_equal(got.s, want);
}

static void mirror_lists(void **state)
{
	struct rk_strv usual = {0};

	(void)state;
	mirror_list_is("quay.io\rindex.docker.io\rdocker.io", "h", "quay.io docker.io");
	mirror_list_is("docker.io quay.io\n", "h",
		"m:1: more than one word on the line; expected one registry per line");
	mirror_list_is("docker.io, quay.io\n", "h",
		"m:1: more than one word on the line; expected one registry per line");
	mirror_list_is("docker.io\nHarbor.example.com:443\n", "harbor.example.com",
		"m:2: \"Harbor.example.com:443\" is the private registry itself: its images would "
		"be pulled from harbor.example.com/harbor.example.com:443/...");
	mirror_list_is("h:5000\n", "h", "h:5000");
	mirror_list_is("h:5000\n", NULL, "h:5000");
	mirror_list_is("docker\n", "h",
		"m:1: invalid registry name \"docker\"; expected a name such as quay.io");
	rk_mirrors_usual("quay.io", &usual);
	assert_int_equal(usual.n, 2);
	rk_strv_release(&usual);
}

static int shell(const char *script, const char *in, size_t max, int64_t ms, struct rk_buf *out,
	int *status, struct rk_err *err)
{
	const char *const argv[] = {"sh", "-c", script, NULL};
	struct rk_run r = {.argv = argv, .in = in, .max = max, .timeout_ms = ms};

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

static struct rk_buf heard = RK_BUF_INIT;

static void hear(const char *who, const char *s, size_t n)
{
	rk_buf_addf(&heard, "[%s] ", who);
	rk_buf_put(&heard, s, n);
}

static void heard_is(const char *script, int64_t ms, int want_rc, const char *want)
{
	const char *const argv[] = {"sh", "-c", script, NULL};
	struct rk_run r = {.argv = argv, .timeout_ms = ms, .said = hear};
	rk_auto_buf out = RK_BUF_INIT;
	struct rk_err err = RK_ERR_INIT;
	int status;

	rk_buf_reset(&heard);
	assert_int_equal(rk_run(&r, &out, &status, &err), want_rc);
	if (want)
		assert_string_equal(heard.s, want);
}

/* What a program says on stderr comes as it says it, and does not hold it up. */
static void programs_are_heard(void **state)
{
	(void)state;
	heard_is("printf b; echo a >&2; exit 3", 9000, 0, "[sh] a\n");
	heard_is("printf 'name? ' >&2", 9000, 0, "[sh] name? ");
	heard_is("printf 'name? ' >&2; exec sleep 20", 600, -1, "[sh] name? ");
	heard_is("exec >&-; echo late >&2", 9000, 0, "[sh] late\n");
	heard_is("sleep 20 >&- & echo a >&2", 9000, 0, "[sh] a\n");
	heard_is("exec head -c 300000 /dev/zero >&2", 9000, 0, NULL);
	assert_in_range(heard.len, 64 << 10, 140 << 10);
	rk_buf_release(&heard);
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
		cmocka_unit_test(image_lists),
		cmocka_unit_test(mirrored),
		cmocka_unit_test(mirror_lists),
		cmocka_unit_test(programs),
		cmocka_unit_test(programs_are_heard),
		cmocka_unit_test(programs_are_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
