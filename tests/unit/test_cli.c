// SPDX-License-Identifier: Apache-2.0
#include "cli/internal.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct opts {
	struct rk_kube_flags kube;
	struct rk_out_flags out;
	const char *name;
	bool wait, all, diff;
	int64_t replicas, timeout;
	struct rk_strv files, hosts;
	int dry, level;
};

static void defaults(void *p)
{
	struct opts *o = p;

	o->wait = true;
	o->timeout = 60000;
}

static const struct rk_opt get_opts[] = {
	{"name", .kind = RK_OPT_STR, .off = offsetof(struct opts, name), .arg = "NAME",
		.help = "name of the entry", .env = "RK3K_TEST_NAME", .complete = "cluster"},
	{"wait", 'w', RK_OPT_FLAG, offsetof(struct opts, wait), .help = "wait for the end"},
	{"all", 'A', RK_OPT_FLAG, offsetof(struct opts, all), .help = "all namespaces"},
	{"replicas", 'r', RK_OPT_INT, offsetof(struct opts, replicas), .arg = "N",
		.help = "how many"},
	{"timeout", .kind = RK_OPT_DUR, .off = offsetof(struct opts, timeout), .arg = "DURATION",
		.help = "longest time to wait"},
	{"filename", 'f', RK_OPT_LIST, offsetof(struct opts, files), .arg = "FILE",
		.help = "file to read", .complete = "file"},
	{"host", .kind = RK_OPT_CSV, .off = offsetof(struct opts, hosts), .arg = "HOST",
		.help = "hostnames"},
	OPT_DRY_RUN(dry),
	{"diff", .kind = RK_OPT_FLAG, .off = offsetof(struct opts, diff), .dry = true,
		.help = "show what would change"},
	OPT_GROUP_OUT(out),
	OPT_GROUP_KUBE(kube),
	OPT_END,
};

static const struct rk_opt list_opts[] = {
	OPT_GROUP_OUT(out),
	OPT_END,
};

static int run(void *opts, int argc, char **argv, struct rk_err *err)
{
	(void)opts;
	(void)argc;
	(void)argv;
	(void)err;
	return 0;
}

static const struct rk_verb verbs[] = {
	{.name = "get",
		.args = "[CLUSTER]",
		.summary = "print the kubeconfig of a virtual cluster",
		.opts = get_opts,
		.max_args = 1,
		.complete = "cluster",
		.run = run,
		.description = "Only get reads the Secret.",
		.exit_status = "3 when get finds no Secret.",
		.examples = "  kubectl rk3k sample get rancher > rancher.yaml"},
	{.name = "list",
		.args = "",
		.summary = "list the entries of the kubeconfig",
		.opts = list_opts,
		.run = run},
	{.run = NULL},
};

static const struct rk_cmd sample = {
	.name = "sample",
	.summary = "sample of a tool with verbs",
	.description = "Reads one thing and writes another. This paragraph is long enough to be "
		       "broken into lines.\n\nA second one.\n\n  kept as it is\n  over two lines",
	.opts_size = sizeof(struct opts),
	.defaults = defaults,
	.verbs = verbs,
	.exit_status = "1 also when nothing was found.",
};

static const struct rk_verb whole_verbs[] = {
	{.args = "NAME...",
		.opts = get_opts,
		.min_args = 1,
		.max_args = -1,
		.complete = "namespace",
		.run = run},
	{.run = NULL},
};

static const struct rk_cmd whole = {
	.name = "whole",
	.summary = "sample of a tool without verbs",
	.opts_size = sizeof(struct opts),
	.verbs = whole_verbs,
};

/* What parsing a line gave. */
struct parsed {
	struct opts o;
	struct rk_common c;
	char *copy, *argv[32];
	int argc, ret;
	struct rk_err err;
};

/* Split at blanks; "''" is an empty word. */
static void split(struct parsed *p, const char *line)
{
	char *save = NULL;

	p->copy = rk_strdup(line);
	for (char *w = strtok_r(p->copy, " ", &save); w; w = strtok_r(NULL, " ", &save))
		p->argv[p->argc++] = rk_streq(w, "''") ? w + 2 : w;
}

static void parse(struct parsed *p, const struct rk_cmd *cmd, const char *line)
{
	*p = (struct parsed){0};
	split(p, line);
	p->ret = rk_cli_parse(cmd, &p->o, &p->c, p->argc, p->argv, &p->err);
}

static void release(struct parsed *p)
{
	rk_cli_release(p->c.verb, &p->o);
	free(p->copy);
}

static void ok(struct parsed *p, const char *line)
{
	parse(p, &sample, line);
	if (p->ret < 0)
		print_error("%s: %s\n", line, p->err.msg);
	assert_int_equal(p->ret, 0);
}

static void fails(const struct rk_cmd *cmd, const char *line, const char *msg, const char *hint)
{
	struct parsed p;

	parse(&p, cmd, line);
	assert_int_equal(p.ret, -1);
	assert_int_equal(p.err.code, RK_USAGE);
	assert_string_equal(p.err.msg, msg);
	assert_string_equal(p.err.hint, hint);
	release(&p);
}

static void test_defaults(void **state)
{
	struct parsed p;

	(void)state;
	ok(&p, "get");
	assert_true(p.o.wait);
	assert_int_equal(p.o.timeout, 60000);
	assert_int_equal(p.c.nargs, 0);
	assert_null(p.o.name);
	assert_string_equal(p.c.verb->name, "get");
	release(&p);
}

static void test_spellings_of_values(void **state)
{
	static const char *const lines[] = {"get -n v", "get -nv", "get -n=v", "get --namespace v",
		"get --namespace=v", "get -An v", "get -n x --namespace v", "-n v get",
		"--namespace=v get"};
	struct parsed p;

	(void)state;
	for (size_t i = 0; i < RK_COUNT(lines); i++) {
		ok(&p, lines[i]);
		assert_string_equal(p.o.kube.ns, "v");
		assert_int_equal(p.c.nargs, 0);
		release(&p);
	}
}

static void test_flags_and_positionals_mix(void **state)
{
	struct parsed p;

	(void)state;
	ok(&p, "get -A rancher --replicas 3");
	assert_int_equal(p.c.nargs, 1);
	assert_string_equal(p.argv[0], "rancher");
	assert_true(p.o.all);
	assert_int_equal(p.o.replicas, 3);
	release(&p);
}

static void test_double_dash_ends_flags(void **state)
{
	struct parsed p;

	(void)state;
	ok(&p, "get -- -A");
	assert_int_equal(p.c.nargs, 1);
	assert_string_equal(p.argv[0], "-A");
	assert_false(p.o.all);
	release(&p);
}

static void test_single_dash_is_positional(void **state)
{
	struct parsed p;

	(void)state;
	ok(&p, "get -");
	assert_int_equal(p.c.nargs, 1);
	assert_string_equal(p.argv[0], "-");
	release(&p);
}

static void test_underscore_equals_dash(void **state)
{
	struct parsed p;

	(void)state;
	ok(&p, "get --request_timeout 5 --no_headers");
	assert_int_equal(p.o.kube.request_timeout_ms, 5000);
	assert_true(p.o.out.no_headers);
	release(&p);
}

static void test_boolean_values(void **state)
{
	struct parsed p;

	(void)state;
	ok(&p, "get --wait=false -A=true");
	assert_false(p.o.wait);
	assert_true(p.o.all);
	release(&p);
	ok(&p, "get --wait false"); /* a value only after = */
	assert_true(p.o.wait);
	assert_string_equal(p.argv[0], "false");
	release(&p);
}

static void test_dry_run(void **state)
{
	struct parsed p;

	(void)state;
	ok(&p, "get --dry-run");
	assert_int_equal(p.o.dry, 1);
	release(&p);
	ok(&p, "get --dry-run=server");
	assert_int_equal(p.o.dry, 2);
	release(&p);
	ok(&p, "get --dry-run server");
	assert_int_equal(p.o.dry, 1);
	assert_string_equal(p.argv[0], "server");
	release(&p);
}

/* The mode of every connection follows from the table: without --dry-run nothing can be written. */
static void test_dry_run_of_connections(void **state)
{
	static const struct {
		const char *line;
		enum rk_dry dry;
	} table[] = {
		{"get", RK_DRY_NONE},
		{"get --dry-run", RK_DRY_CLIENT},
		{"get --dry-run=server", RK_DRY_SERVER},
		{"get --dry-run --dry-run=none", RK_DRY_NONE},
		{"get --diff", RK_DRY_SERVER},
		{"get --diff=false", RK_DRY_NONE},
		{"get --diff --dry-run", RK_DRY_SERVER},
		{"list", RK_DRY_CLIENT},
	};

	(void)state;
	for (size_t i = 0; i < RK_COUNT(table); i++) {
		rk_auto_free char *line = rk_strdup(table[i].line);
		struct rk_common c = {0};
		struct opts o = {0};
		struct rk_err err = RK_ERR_INIT;
		char *argv[8], *save = NULL;
		int argc = 0;

		for (char *w = strtok_r(line, " ", &save); w; w = strtok_r(NULL, " ", &save))
			argv[argc++] = w;
		assert_int_equal(rk_cli_parse(&sample, &o, &c, argc, argv, &err), 0);
		assert_int_equal(c.dry, table[i].dry);
		rk_cli_release(c.verb, &o);
	}
}

static void test_names(void **state)
{
	static const struct {
		enum rk_opt_names names;
		const char *value;
		bool ok;
	} table[] = {
		{RK_NAMES_NAMESPACE, "rancher-k3k", true},
		{RK_NAMES_NAMESPACE, "a.b", false},
		{RK_NAMES_NAMESPACE, "..", false},
		{RK_NAMES_NAMESPACE, "", false},
		{RK_NAMES_OBJECT, "tls-rancher.ingress", true},
		{RK_NAMES_OBJECT, "a/b", false},
		{RK_NAMES_OBJECT, "A", false},
		{RK_NAMES_OBJECT, "a..b", false},
		{RK_NAMES_OBJECT, "-a", false},
		{RK_NAMES_OBJECT, "a\n", false},
		{RK_NAMES_OBJECT, "a?x=y", false},
		{RK_NAMES_OBJECT, "", false},
		{RK_NAMES_REF, "a", true},
		{RK_NAMES_REF, "cattle-system/my.secret", true},
		{RK_NAMES_REF, "a/b/c", false},
		{RK_NAMES_REF, "a/", false},
		{RK_NAMES_REF, "/b", false},
		{RK_NAMES_REF, "a.b/c", false},
		{RK_NAMES_HOST, "a.example.com,*.example.com,", true},
		{RK_NAMES_HOST, "a.example.com,b/c", false},
		{RK_NAMES_HOST, "https://a.example.com", false},
		{RK_NAMES_HOST, "a b", false},
		{RK_NAMES_ANYTHING, "a/b c", true},
	};

	(void)state;
	for (size_t i = 0; i < RK_COUNT(table); i++) {
		struct rk_opt o = {.name = "x", .kind = RK_OPT_STR, .names = table[i].names};
		const char *value = NULL;
		struct rk_flag f = {.opt = &o, .p = &value};
		struct rk_err err = RK_ERR_INIT;

		assert_int_equal(
			rk_flag_set(&f, "--x", table[i].value, &err), table[i].ok ? 0 : -1);
		assert_int_equal(err.code, table[i].ok ? 0 : RK_USAGE);
	}
}

static void test_output_ignores_case(void **state)
{
	struct parsed p;

	(void)state;
	ok(&p, "list -oJSON");
	assert_int_equal(p.o.out.fmt, RK_FMT_JSON);
	release(&p);
	fails(&sample, "list -o xml",
		"-o: \"xml\" is not one of: table wide json yaml name jsonpath=... "
		"custom-columns=...",
		"");
	ok(&p, "list -ojson -o jsonpath={.a}");
	assert_int_equal(p.o.out.fmt, RK_FMT_JSON);
	assert_string_equal(p.o.out.template, "jsonpath={.a}");
	release(&p);
	ok(&p, "list -o jsonpath={.a} -o name");
	assert_null(p.o.out.template);
	assert_int_equal(p.o.out.fmt, RK_FMT_NAME);
	release(&p);
}

static void test_lists(void **state)
{
	struct parsed p;

	(void)state;
	ok(&p, "get -f a,b -f c --host x.example,y.example --host z");
	assert_int_equal(p.o.files.n, 2);
	assert_string_equal(p.o.files.v[0], "a,b");
	assert_int_equal(p.o.hosts.n, 3);
	assert_string_equal(p.o.hosts.v[1], "y.example");
	assert_string_equal(p.o.hosts.v[2], "z");
	release(&p);
}

static void test_environment(void **state)
{
	struct parsed p;

	(void)state;
	setenv("RK3K_TEST_NAME", "from-env", 1);
	ok(&p, "get");
	assert_string_equal(p.o.name, "from-env");
	release(&p);
	ok(&p, "get --name flag");
	assert_string_equal(p.o.name, "flag");
	release(&p);
	setenv("RK3K_TEST_NAME", "", 1);
	ok(&p, "get");
	assert_null(p.o.name);
	release(&p);
	unsetenv("RK3K_TEST_NAME");
}

static void test_connection_variables(void **state)
{
	struct parsed p;

	(void)state;
	setenv("RK3K_CONTEXT", "from-env", 1);
	setenv("RK3K_AS", "jane", 1);
	setenv("RK3K_AS_GROUP", "a,b", 1);
	ok(&p, "get --name x");
	assert_string_equal(p.o.kube.context, "from-env");
	assert_string_equal(p.o.kube.as, "jane");
	assert_int_equal(p.o.kube.as_groups.n, 2);
	release(&p);
	ok(&p, "get --kubeconfig other"); /* another server: none of the variables */
	assert_null(p.o.kube.context);
	assert_null(p.o.kube.as);
	release(&p);
	unsetenv("RK3K_CONTEXT");
	unsetenv("RK3K_AS");
	unsetenv("RK3K_AS_GROUP");
}

static void test_help_wins(void **state)
{
	static const char *const lines[] = {"--help", "get -h", "-h get", "get a b c --help"};
	struct parsed p;

	(void)state;
	for (size_t i = 0; i < RK_COUNT(lines); i++) {
		ok(&p, lines[i]);
		assert_true(p.c.help);
		release(&p);
	}
	ok(&p, "get -- --help");
	assert_false(p.c.help);
	release(&p);
}

static void test_unknown(void **state)
{
	(void)state;
	fails(&sample, "get --nmae x", "unknown flag --nmae", "did you mean --name?");
	fails(&sample, "get --zzzzzz=secret", "unknown flag --zzzzzz", "");
	fails(&sample, "get -Az", "unknown flag -z in -Az", "");
	fails(&sample, "git", "\"git\" is not one of: get, list", "did you mean get?");
	fails(&sample, "", "missing subcommand; expected one of: get, list", "");
	fails(&sample, "frobnicate", "\"frobnicate\" is not one of: get, list", "");
}

static void test_refused_flags_say_why(void **state)
{
	(void)state;
	fails(&sample, "get --insecure-skip-tls-verify",
		"--insecure-skip-tls-verify is not supported",
		"TLS is always verified; pin the CA with --certificate-authority FILE");
	fails(&sample, "get --token=abc", "--token is not supported",
		"arguments are visible to every process; use --token-file FILE");
}

static void test_bad_values(void **state)
{
	(void)state;
	fails(&sample, "get --timeout 5", "--timeout: \"5\" is not a duration such as 90s or 5m",
		"");
	fails(&sample, "get -r many", "-r: \"many\" is not a number", "");
	fails(&sample, "get --wait=maybe", "--wait: \"maybe\" is neither true nor false", "");
	fails(&sample, "get -n", "-n needs a value", "");
	fails(&sample, "get --namespace", "--namespace needs a value", "");
}

static void test_argument_counts(void **state)
{
	(void)state;
	fails(&sample, "get a b", "unexpected argument \"b\"", "");
	fails(&sample, "list a", "unexpected argument \"a\"", "");
	fails(&whole, "", "missing argument: NAME...", "");
}

static void test_tool_without_verbs(void **state)
{
	struct parsed p;

	(void)state;
	parse(&p, &whole, "get -A list");
	assert_int_equal(p.ret, 0);
	assert_int_equal(p.c.nargs, 2);
	assert_string_equal(p.argv[0], "get");
	release(&p);
}

static void test_durations(void **state)
{
	static const struct {
		const char *s;
		int64_t ms;
	} good[] = {
		{"90s", 90000},
		{"5m", 300000},
		{"1h30m", 5400000},
		{"1.5h", 5400000},
		{"300ms", 300},
		{"2h45m", 9900000},
		{"0", 0},
		{"-3s", -3000},
		{"+1m", 60000},
		{"1s500ms", 1500},
		{"2500us", 3},
		{"1000\302\265s", 1},
		{".5s", 500},
		{"0s", 0},
	};
	static const char *const bad[] = {"", "5", "s", "5 s", "5d", "-", "1h-3m", "1e3s", ".s",
		"5m ", " 5m", "99999999999999h", "1..5s"};

	(void)state;
	for (size_t i = 0; i < RK_COUNT(good); i++) {
		int64_t ms = -1;

		assert_true(rk_parse_duration(good[i].s, false, &ms));
		assert_int_equal(ms, good[i].ms);
	}
	for (size_t i = 0; i < RK_COUNT(bad); i++) {
		int64_t ms = 77;

		assert_false(rk_parse_duration(bad[i], false, &ms));
		assert_int_equal(ms, 77);
	}
}

static int64_t days_of(const char *value, struct rk_err *err)
{
	static const struct rk_opt opts[] = {
		{.name = "days", .kind = RK_OPT_DAYS, .arg = "DAYS", .help = "how long"}, OPT_END};
	static const struct rk_verb one[] = {{.opts = opts, .run = run}, {.run = NULL}};
	static const struct rk_cmd cmd = {.name = "x", .opts_size = sizeof(int64_t), .verbs = one};
	rk_auto_free char *word = rk_asprintf("--days=%s", value);
	struct rk_common c = {0};
	int64_t days = 0;

	rk_err_clear(err);
	return rk_cli_parse(&cmd, &days, &c, 1, &word, err) < 0 ? -1 : days;
}

static void test_days(void **state)
{
	struct rk_err err = RK_ERR_INIT;

	(void)state;
	assert_int_equal(days_of("90", &err), 90);
	assert_int_equal(days_of("90d", &err), 90);
	assert_int_equal(days_of("48h", &err), 2);
	assert_int_equal(days_of("1.5d", &err), -1);
	assert_int_equal(err.code, RK_USAGE);
	assert_string_equal(err.msg, "--days: \"1.5d\" is not a number of days such as 90 or 90d");
	assert_int_equal(days_of("x", &err), -1);
}

static void test_lifetimes(void **state)
{
	int64_t ms = 77;

	(void)state;
	assert_true(rk_parse_duration("90d", true, &ms));
	assert_int_equal(ms, INT64_C(90) * 86400000);
	assert_true(rk_parse_duration("1d12h", true, &ms));
	assert_int_equal(ms, INT64_C(36) * 3600000);
	assert_true(rk_parse_duration("0.5d", true, &ms));
	assert_int_equal(ms, INT64_C(12) * 3600000);
	assert_true(rk_parse_duration("720h", true, &ms));
	assert_int_equal(ms, INT64_C(720) * 3600000);
	assert_false(rk_parse_duration("90", true, &ms));
	assert_false(rk_parse_duration("d", true, &ms));
	assert_false(rk_parse_duration("200000d", true, &ms));
}

static void test_nearest(void **state)
{
	static const char *const names[] = {"cert-sync", "status", "deploy", "destroy", NULL};

	(void)state;
	assert_string_equal(rk_nearest("stauts", names), "status");
	assert_string_equal(rk_nearest("certsync", names), "cert-sync");
	assert_string_equal(rk_nearest("dest", names), "destroy");
	assert_null(rk_nearest("kubeconfig", names));
	assert_null(rk_nearest("", names));
}

/* A suggestion is for typing errors; another word is not one. */
static void test_nearest_is_near(void **state)
{
	static const char *const names[] = {
		"as", "get", "output", "namespace", "token-file", "certificate-authority", NULL};
	static const char *const pairs[][2] = {{"bad", NULL}, {"sa", "as"}, {"ax", "as"},
		{"x", NULL}, {"git", "get"}, {"outptu", "output"}, {"OUTPUT", "output"},
		{"ouptt", "output"}, {"nmaepsace", "namespace"}, {"namspac", "namespace"},
		{"name", "namespace"}, {"nothing", NULL}, {"context", NULL},
		{"certificate-autority", "certificate-authority"}, {"certificates", NULL}};

	(void)state;
	for (size_t i = 0; i < RK_COUNT(pairs); i++) {
		const char *near = rk_nearest(pairs[i][0], names);

		if (near != pairs[i][1] && !rk_streq(near, pairs[i][1]))
			fail_msg("%s: %s", pairs[i][0], near ? near : "none");
	}
}

static void completes(const struct rk_cmd *cmd, const char *line, const char *want)
{
	struct parsed p = {0};
	rk_auto_buf out = RK_BUF_INIT;
	struct rk_strv ask = {0};

	split(&p, line);
	rk_cli_complete(cmd, p.argc, p.argv, &out, &ask);
	for (size_t i = 0; i < ask.n; i++)
		rk_buf_addf(&out, "ask %s\n", ask.v[i]);
	assert_string_equal(out.s, want);
	for (size_t i = 1; i < ask.n; i++)
		free((void *)(uintptr_t)ask.v[i]);
	rk_strv_release(&ask);
	free(p.copy);
}

static void test_completion(void **state)
{
	(void)state;
	completes(&sample, "''",
		"get\tprint the kubeconfig of a virtual cluster\n"
		"list\tlist the entries of the kubeconfig\n:4\n");
	completes(&sample, "l", "list\tlist the entries of the kubeconfig\n:4\n");
	completes(&sample, "get --na",
		"--name\tname of the entry\n--namespace\tnamespace to work in\n:4\n");
	completes(&sample, "list -o ''",
		"table\nwide\njson\nyaml\nname\njsonpath\njsonpath-as-json\n"
		"jsonpath-file\ncustom-columns\ncustom-columns-file\n:4\n");
	completes(&sample, "list --output=j",
		"json\njsonpath\njsonpath-as-json\njsonpath-file\n:4\n");
	completes(&sample, "get -f ''", ":0\n");
	completes(&sample, "get rancher ''", ":4\n");
	completes(&sample, "list ''", ":4\n");
	completes(&sample, "get -- --na", ":4\nask cluster\n");
	completes(&sample, "get --context c -n ns r",
		":4\nask cluster\nask --context=c\nask --namespace=ns\n");
	completes(&sample, "get --context c rancher ''", ":4\n");
	completes(&sample, "get --context=x", ":4\nask context\n");
	completes(&whole, "a b ''", ":4\nask namespace\n");
}

static void contains(const char *text, const char *want)
{
	if (!strstr(text, want))
		print_error("not found: %s\nin:\n%s\n", want, text);
	assert_non_null(strstr(text, want));
}

static void test_help_text(void **state)
{
	rk_auto_buf out = RK_BUF_INIT;

	(void)state;
	rk_cli_help(&sample, &verbs[0], 80, &out);
	contains(out.s, "get - print the kubeconfig of a virtual cluster\n\n"
			"Usage:\n  kubectl rk3k sample get [CLUSTER] [flags]\n");
	contains(out.s, "\n      --name NAME               name of the entry ($RK3K_TEST_NAME)\n");
	contains(out.s,
		"\n      --dry-run[=none|client|server]\n                                show");
	contains(out.s, "\nConnection flags:\n");
	contains(out.s, "\n  -n, --namespace NAME          namespace to work in\n");
	contains(out.s, "\nExamples:\n  kubectl rk3k sample get rancher > rancher.yaml\n");
	contains(out.s, "[flags]\n\nOnly get reads the Secret.\n\nFlags:\n");
	contains(out.s, "\n1 also when nothing was found.\n3 when get finds no Secret.\n");
}

static void test_help_of_the_tool(void **state)
{
	rk_auto_buf out = RK_BUF_INIT;

	(void)state;
	rk_cli_help(&sample, NULL, 40, &out);
	contains(out.s, "\nReads one thing and writes another. This\nparagraph is long enough to "
			"be broken\n"
			"into lines.\n\nA second one.\n\n  kept as it is\n  over two lines\n");
	contains(out.s, "\nVerbs:\n  get            print the");
	contains(out.s, "\n1 also when nothing was found.\n");
	assert_null(strstr(out.s, "3 when get finds no Secret"));
}

static void test_help_names_helm(void **state)
{
	rk_auto_buf out = RK_BUF_INIT;

	(void)state;
	setenv("HELM_PLUGIN_NAME", "rk3k", 1);
	rk_cli_help(&sample, NULL, 80, &out);
	unsetenv("HELM_PLUGIN_NAME");
	contains(out.s, "\n  helm rk3k sample list [flags]\n");
}

static void test_flags_that_hints_repeat(void **state)
{
	struct parsed p;

	(void)state;
	parse(&p, &sample, "get --context it's --kubeconfig=a/b -n x --resolve h:1:a");
	assert_int_equal(p.ret, 0);
	assert_string_equal(rk_here(), " --kubeconfig=a/b --context='it'\\''s' --resolve=h:1:a");
	assert_string_equal(rk_here_kubectl(), " --kubeconfig=a/b --context='it'\\''s'");
	release(&p);
	setenv("RK3K_HERE", " -c deploy.conf", 1);
	parse(&p, &sample, "get");
	unsetenv("RK3K_HERE");
	assert_string_equal(rk_here(), "");
	assert_string_equal(rk_here_settings(), " -c deploy.conf");
	release(&p);
}

static void test_man_page(void **state)
{
	rk_auto_buf out = RK_BUF_INIT;

	(void)state;
	rk_cli_man(&sample, &out);
	assert_true(rk_prefix(out.s, ".TH KUBECTL\\-RK3K\\-SAMPLE 1 "));
	contains(out.s, "\n.SH NAME\nkubectl\\-rk3k\\-sample \\-\nsample of a tool with verbs\n");
	contains(out.s, "\n.TP\n\\fB\\-n\\fR, \\fB\\-\\-namespace\\fR \\fINAME\\fR\n");
	contains(out.s, "\n.SH EXIT STATUS\n");
	contains(out.s, "\n.PP\nOnly get reads the Secret.\n");
	contains(out.s, "\n.PP\n3 when get finds no Secret.\n");
	contains(out.s, "\n.TP\n\\fBRK3K_TEST_NAME\\fR\n");
	assert_null(strstr(out.s, "\n\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_spellings_of_values),
		cmocka_unit_test(test_flags_and_positionals_mix),
		cmocka_unit_test(test_double_dash_ends_flags),
		cmocka_unit_test(test_single_dash_is_positional),
		cmocka_unit_test(test_underscore_equals_dash),
		cmocka_unit_test(test_boolean_values),
		cmocka_unit_test(test_dry_run),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_dry_run_of_connections),
		cmocka_unit_test(test_output_ignores_case),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_environment),
		cmocka_unit_test(test_connection_variables),
		cmocka_unit_test(test_help_wins),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_refused_flags_say_why),
		cmocka_unit_test(test_bad_values),
		cmocka_unit_test(test_argument_counts),
		cmocka_unit_test(test_tool_without_verbs),
		cmocka_unit_test(test_durations),
		cmocka_unit_test(test_lifetimes),
		cmocka_unit_test(test_days),
		cmocka_unit_test(test_nearest),
		cmocka_unit_test(test_nearest_is_near),
		cmocka_unit_test(test_completion),
		cmocka_unit_test(test_help_text),
		cmocka_unit_test(test_help_of_the_tool),
		cmocka_unit_test(test_help_names_helm),
		cmocka_unit_test(test_flags_that_hints_repeat),
		cmocka_unit_test(test_man_page),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
