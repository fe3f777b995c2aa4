// SPDX-License-Identifier: Apache-2.0
/* kubectl-rk3k, the dispatcher: finds the tool that the first argument names and executes it. It only
 * lists the tools, completes their names and suggests the nearest one; it talks to no cluster. Started
 * by helm, it turns helm's variables into ours first. */
#include "base/base.h"

#include "cli/cli.h"
#include "os/os.h"

#include <dirent.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>

/* Directories to look for tools in, the first hit wins: `own` of rk3k, then those of PATH. */
static struct rk_strv dirs;
static size_t own;

static struct rk_strv tools; /* names, each with its summary behind the NUL */

/* Beside us in every layout of rk3k: installed, an archive of krew or helm, a build. */
static void find_dirs(void)
{
	static const char *const below[] = {"../libexec/rk3k", "libexec", "../libexec"};
	const char *chosen = getenv("RK3K_EXEC_PATH"), *path = getenv("PATH");
	rk_auto_free char *here = rk_exe_dir();

	if (chosen && *chosen)
		rk_strv_add(&dirs, chosen);
	for (size_t i = 0; i < RK_COUNT(below); i++)
		rk_strv_add(&dirs, rk_asprintf("%s/%s", here, below[i]));
	own = dirs.n;
	while (path && *path) {
		size_t n = strcspn(path, ":");

		if (n)
			rk_strv_add(&dirs, rk_strndup(path, n));
		path += n + (path[n] == ':');
	}
}

static bool is_executable(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

/* A name, not a path: letters, digits and dashes. */
static bool is_name(const char *s)
{
	return *s && *s != '-' &&
	       s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")] ==
		       '\0';
}

/* Path of the tool, for the caller to free, or NULL. *at: the index of its directory. */
static char *find(const char *word, size_t *at)
{
	rk_auto_free char *name = rk_strdup(word);

	for (char *c = name; (c = strchr(c, '_'));)
		*c = '-';
	for (*at = 0; is_name(word) && *at < dirs.n; ++*at) {
		char *path = rk_asprintf("%s/rk3k-%s", dirs.v[*at], name);

		if (is_executable(path))
			return path;
		free(path);
	}
	return NULL;
}

/* --- the list of tools --- */

/* One that is listed already hides this one. */
static void add_tool(const char *name, const char *summary)
{
	if (!rk_strv_has(&tools, name))
		rk_strv_add(&tools, rk_asprintf("%s%c%s", name, '\0', summary));
}

static const char *summary_of(const char *tool)
{
	return tool + strlen(tool) + 1;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Of tools.list, "NAME<TAB>SUMMARY" as the build wrote it, and further executables; the user's are shown
 * with their directory, as they are not run here. */
static void list_tools(void)
{
	for (size_t i = 0; i < dirs.n; i++) {
		rk_auto_free char *list = rk_asprintf("%s/tools.list", dirs.v[i]);
		rk_auto_free char *yours = rk_asprintf("(yours, in %s)", dirs.v[i]);
		rk_auto_buf text = RK_BUF_INIT;
		DIR *d = opendir(dirs.v[i]);
		const struct dirent *e;

		if (i < own && rk_file_read(list, 1 << 20, &text, NULL) == 0)
			for (char *rest = text.s, *line; (line = strsep(&rest, "\n")) && *line;) {
				const char *name = strsep(&line, "\t");

				add_tool(name, line ? line : "");
			}
		while (d && (e = readdir(d))) {
			rk_auto_free char *path = rk_asprintf("%s/%s", dirs.v[i], e->d_name);

			if (rk_prefix(e->d_name, "rk3k-") && is_name(e->d_name + 5) &&
				is_executable(path))
				add_tool(e->d_name + 5, i < own ? "" : yours);
		}
		if (d)
			closedir(d);
	}
	if (tools.n)
		qsort(tools.v, tools.n, sizeof(*tools.v), compare);
}

/* --- what this program answers itself --- */

static void help(void)
{
	rk_printf("rk3k - Rancher in k3k virtual clusters: small tools for one job each\n\n"
		  "Usage:\n  %s TOOL [flags]\n  %s help TOOL\n\nTools:\n",
		rk_usage_prefix(), rk_usage_prefix());
	list_tools();
	for (size_t i = 0; i < tools.n; i++)
		rk_printf("  %-20s %s\n", tools.v[i], summary_of(tools.v[i]));
	rk_printf("\nAny executable rk3k-NAME on PATH is a tool, too. Every tool has --help.\n");
	rk_print(rk_exit_codes);
}

static void complete_name(const char *word)
{
	list_tools();
	add_tool("help", "show the help of a tool");
	for (size_t i = 0; i < tools.n; i++)
		if (rk_prefix(tools.v[i], word))
			rk_printf("%s\t%s\n", tools.v[i], summary_of(tools.v[i]));
	rk_print(":4\n");
}

static int no_such_tool(const char *word, struct rk_err *err)
{
	const char *near;

	if (*word == '-') {
		rk_err_set(err, RK_USAGE, "unknown flag %s", word);
		return rk_err_hint(
			err, "flags follow the tool: %s TOOL %s", rk_usage_prefix(), word);
	}
	list_tools();
	near = tools.n ? rk_nearest(word, tools.v) : NULL;
	rk_err_set(err, RK_USAGE, "unknown tool \"%s\"", word);
	return near ? rk_err_hint(err, "did you mean %s?", near)
		    : rk_err_hint(err, "%s --help lists them", rk_usage_prefix());
}

/* --- the libraries of the tools; this program needs none of them --- */

static struct rk_buf loader_error = RK_BUF_INIT;

static void keep_error(const char *who, const char *s, size_t n)
{
	(void)who;
	rk_buf_put(&loader_error, s, n);
}

/* The dynamic loader ends a program with 127 when a library is missing. `version` needs them all; it is not
 * started where they are at the usual paths. */
static int check_libraries(const char *dir, struct rk_err *err)
{
	static const char *const names[] = {"libcurl.so.4", "libyaml-0.so.2", "libcrypto.so.3"};
	static const char *const at[] = {
#if defined(__x86_64__)
		"/usr/lib/x86_64-linux-gnu",
#elif defined(__aarch64__)
		"/usr/lib/aarch64-linux-gnu",
#endif
		"/usr/lib64",
		"/usr/lib",
	};
	static const char words[] = "libraries: ";
	rk_auto_free char *path = rk_asprintf("%s/rk3k-version", dir);
	const char *const argv[] = {path, "--summary", NULL};
	const struct rk_run r = {.argv = argv, .said = keep_error};
	rk_auto_buf out = RK_BUF_INIT;
	const char *name;
	size_t found = 0;
	int status = 0;

	for (size_t i = 0; i < RK_COUNT(names) && found == i; i++)
		for (size_t j = 0; j < RK_COUNT(at) && found == i; j++) {
			rk_auto_free char *file = rk_asprintf("%s/%s", at[j], names[i]);

			found += access(file, F_OK) == 0;
		}
	if (found == RK_COUNT(names) || !is_executable(path) ||
		rk_run(&r, &out, &status, NULL) < 0 || status != 127)
		return 0;
	name = strstr(loader_error.s, words);
	name = name ? name + strlen(words) : loader_error.s;
	rk_err_set(err, RK_NOTFOUND, "a library that the tools need is missing: %.*s",
		(int)strcspn(name, ":\n"), name);
	return rk_err_hint(err, "install libcurl, libyaml and OpenSSL 3, for example: apt-get "
				"install libcurl4 libyaml-0-2 libssl3, or dnf install libcurl "
				"libyaml openssl-libs");
}

/* --- helm --- */

/* The namespace that helm was given: it always passes one on, chosen or not, and has taken the flag out
 * of our arguments, so its own arguments are searched. NULL: none was given. */
static const char *helm_namespace(void)
{
	rk_auto_free char *path = rk_asprintf("/proc/%ld/cmdline", (long)getppid());
	const char *ns = getenv("HELM_NAMESPACE");
	rk_auto_buf text = RK_BUF_INIT;

	if (!ns || !*ns || rk_file_read(path, 1 << 20, &text, NULL) < 0)
		return NULL;
	for (size_t i = 0; i < text.len; i += strlen(text.s + i) + 1) {
		const char *word = text.s + i;

		if (rk_streq(word, "--namespace") || rk_prefix(word, "--namespace=") ||
			(rk_prefix(word, "-n") && word[1] != '-'))
			return ns;
	}
	return NULL;
}

static int from_helm(struct rk_err *err)
{
	static const char *const vars[][2] = {
		/* that select a cluster, and ours */
		{"HELM_KUBECONTEXT", "RK3K_CONTEXT"},
		{"HELM_KUBEAPISERVER", "RK3K_SERVER"},
		{"HELM_KUBECAFILE", "RK3K_CERTIFICATE_AUTHORITY"},
		{"HELM_KUBETLS_SERVER_NAME", "RK3K_TLS_SERVER_NAME"},
		{"HELM_KUBEASUSER", "RK3K_AS"},
		{"HELM_KUBEASGROUPS", "RK3K_AS_GROUP"},
	};
	const char *ns, *value, *token = getenv("HELM_KUBETOKEN");

	if (!getenv("HELM_PLUGIN_NAME"))
		return 0;
	if (rk_streq(getenv("HELM_KUBEINSECURE_SKIP_TLS_VERIFY"), "true")) {
		rk_err_set(err, RK_USAGE, "--kube-insecure-skip-tls-verify is not supported");
		return rk_err_hint(err, "TLS is always verified; pin the CA with --kube-ca-file");
	}
	for (size_t i = 0; i < RK_COUNT(vars); i++)
		if ((value = getenv(vars[i][0])) && *value)
			setenv(vars[i][1], value, 1);
	ns = helm_namespace();
	if (ns)
		setenv("RK3K_NAMESPACE", ns, 1); /* the setting */
	if (token && *token) {
		/* in a file without a name, which no other process finds; the tool inherits it */
		int fd = memfd_create("token", 0);
		rk_auto_free char *path = rk_asprintf("/dev/fd/%d", fd);

		if (fd < 0 || write(fd, token, strlen(token)) != (ssize_t)strlen(token))
			return rk_err_sys(err, "cannot keep helm's token");
		setenv("RK3K_TOKEN_FILE", path, 1);
		unsetenv("HELM_KUBETOKEN");
	}
	return 0;
}

/* helm took -n out of our arguments; a tool that completes --namespace, and so has it, gets it back. */
static void add_helm_namespace(const char *file, struct rk_strv *args)
{
	const char *ns = getenv("HELM_PLUGIN_NAME") ? helm_namespace() : NULL;
	const char *const argv[] = {file, "__complete", "--namespace", NULL};
	const struct rk_run r = {.argv = argv};
	rk_auto_buf answer = RK_BUF_INIT;
	int status;

	if (ns && rk_run(&r, &answer, &status, NULL) == 0 && rk_prefix(answer.s, "--namespace")) {
		rk_strv_add(args, "--namespace");
		rk_strv_add(args, ns);
	}
}

/* Answers itself, or executes a tool. `help TOOL VERB` is `TOOL VERB --help`. */
static int dispatch(int argc, char **argv, struct rk_err *err)
{
	static struct rk_strv args;
	bool completes = argc && rk_streq(argv[0], "__complete"), helps;
	const char *word, *dir, *old = getenv("PATH");
	char *file;
	size_t at;

	if (argc && (completes || rk_streq(argv[0], "--")))
		argv++, argc--;
	helps = argc &&
		(rk_streq(argv[0], "help") ||
			(!completes && (rk_streq(argv[0], "--help") || rk_streq(argv[0], "-h"))));
	if (helps)
		argv++, argc--;
	if (completes && argc < 2) {
		complete_name(argc ? argv[0] : "");
		return 0;
	}
	if (!argc) {
		help();
		return 0;
	}

	word = rk_streq(argv[0], "--version") ? "version" : argv[0];
	if ((completes || !helps) && from_helm(err) < 0)
		return -1;
	file = find(word, &at);
	if (!file)
		return no_such_tool(word, err);
	rk_strv_add(&args, file);
	if (completes)
		rk_strv_add(&args, "__complete");
	else if (!helps)
		add_helm_namespace(file, &args);
	for (int i = 1; i < argc; i++)
		rk_strv_add(&args, argv[i]);
	if (helps && !completes)
		rk_strv_add(&args, "--help");

	dir = dirs.v[at];
	if (at < own) {
		rk_auto_free char *path =
			rk_asprintf("%s%s%s", dir, old ? ":" : "", old ? old : "");

		if (check_libraries(dir, err) < 0)
			return -1;
		/* what tools start finds other tools by name */
		if (!old || !rk_prefix(old, dir) || (old[strlen(dir)] && old[strlen(dir)] != ':'))
			setenv("PATH", path, 1);
	}
	signal(SIGPIPE, SIG_DFL);
	execv(file, (char *const *)(uintptr_t)args.v);
	return rk_err_sys(err, "cannot run %s", file);
}

int main(int argc, char **argv)
{
	struct rk_err err = RK_ERR_INIT;
	int ret;

	rk_init("rk3k");
	find_dirs();
	ret = dispatch(argc - 1, argv + 1, &err);
	if (argc > 1 && rk_streq(argv[1], "__complete"))
		err.msg[0] = '\0'; /* a completion has nowhere to report an error */
	return rk_finish(ret, &err);
}
