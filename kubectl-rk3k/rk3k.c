// SPDX-License-Identifier: Apache-2.0
/* kubectl-rk3k, the dispatcher: finds the tool that the first word names and becomes it. Of itself
 * it only lists the tools, completes their names and says which name was meant; it talks to no
 * cluster. Started by helm, it turns helm's variables into ours first. */
#include "base/base.h"

#include "cli/cli.h"
#include "os/os.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* Where tools are looked for, the first hit wins. own: tools of rk3k, else the user's. */
struct place {
	char *dir;
	bool own;
};

struct places {
	struct place *v;
	size_t n;
};

struct tool {
	char *name, *summary;
};

struct tools {
	struct tool *v;
	size_t n;
};

/* --- places --- */

static void add_place(struct places *p, char *dir, bool own)
{
	p->v = rk_realloc(p->v, (p->n + 1) * sizeof(*p->v));
	p->v[p->n++] = (struct place){.dir = dir, .own = own};
}

/* Beside us in every way rk3k is laid out: installed, an archive of krew or helm, a build. */
static void add_own_places(struct places *p)
{
	static const char *const below[] = {"../libexec/rk3k", "libexec", "../libexec"};
	const char *chosen = getenv("RK3K_EXEC_PATH");
	rk_auto_free char *here = rk_exe_dir();

	if (chosen && *chosen)
		add_place(p, rk_strdup(chosen), true);
	for (size_t i = 0; i < RK_COUNT(below); i++)
		add_place(p, rk_asprintf("%s/%s", here, below[i]), true);
}

static void add_path(struct places *p)
{
	const char *path = getenv("PATH");

	while (path && *path) {
		size_t n = strcspn(path, ":");

		if (n)
			add_place(p, rk_strndup(path, n), false);
		path += n + (path[n] == ':');
	}
}

static void places_init(struct places *p)
{
	*p = (struct places){0};
	add_own_places(p);
	add_path(p);
}

static void places_release(struct places *p)
{
	for (size_t i = 0; i < p->n; i++)
		free(p->v[i].dir);
	free(p->v);
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

/* Path of the tool, for the caller to free, or NULL. *at: the place it was found in. */
static char *find(const struct places *p, const char *word, size_t *at)
{
	rk_auto_free char *name = rk_strdup(word);

	if (!is_name(word))
		return NULL;
	for (char *c = name; *c; c++)
		if (*c == '_')
			*c = '-';
	for (*at = 0; *at < p->n; ++*at) {
		char *path = rk_asprintf("%s/rk3k-%s", p->v[*at].dir, name);

		if (is_executable(path))
			return path;
		free(path);
	}
	return NULL;
}

/* --- the list of tools --- */

static struct tool *tools_find(struct tools *t, const char *name)
{
	for (size_t i = 0; i < t->n; i++)
		if (rk_streq(t->v[i].name, name))
			return &t->v[i];
	return NULL;
}

/* Takes name and summary over; a tool that is there already hides this one. */
static void tools_add(struct tools *t, char *name, char *summary)
{
	if (tools_find(t, name)) {
		free(name);
		free(summary);
		return;
	}
	t->v = rk_realloc(t->v, (t->n + 1) * sizeof(*t->v));
	t->v[t->n++] = (struct tool){.name = name, .summary = summary};
}

/* tools.list, made by the build from what each tool says of itself: "NAME<TAB>SUMMARY". */
static bool read_list(struct tools *t, const char *dir)
{
	rk_auto_free char *path = rk_asprintf("%s/tools.list", dir);
	rk_auto_buf text = RK_BUF_INIT;
	char *save = NULL;

	if (rk_file_read(path, 1 << 20, &text, NULL) < 0)
		return false;
	for (char *l = strtok_r(text.s, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
		size_t n = strcspn(l, "\t");

		tools_add(t, rk_strndup(l, n), rk_strdup(l[n] ? l + n + 1 : ""));
	}
	return true;
}

/* Tools that no list names; the user's are shown with their place, for they are not run here. */
static void read_dir(struct tools *t, const struct place *p)
{
	DIR *d = opendir(p->dir);
	const struct dirent *e;

	if (!d)
		return;
	while ((e = readdir(d))) {
		rk_auto_free char *path = rk_asprintf("%s/%s", p->dir, e->d_name);

		if (rk_prefix(e->d_name, "rk3k-") && is_name(e->d_name + 5) && is_executable(path))
			tools_add(t, rk_strdup(e->d_name + 5),
				p->own ? rk_strdup("") : rk_asprintf("(yours, in %s)", p->dir));
	}
	closedir(d);
}

static int by_name(const void *a, const void *b)
{
	const struct tool *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static void tools_init(struct tools *t, const struct places *p)
{
	*t = (struct tools){0};
	for (size_t i = 0; i < p->n; i++) {
		if (p->v[i].own)
			read_list(t, p->v[i].dir);
		read_dir(t, &p->v[i]);
	}
	if (t->n)
		qsort(t->v, t->n, sizeof(*t->v), by_name);
}

static void tools_release(struct tools *t)
{
	for (size_t i = 0; i < t->n; i++) {
		free(t->v[i].name);
		free(t->v[i].summary);
	}
	free(t->v);
}

/* --- help --- */

static void help(const struct places *p)
{
	struct tools t;

	rk_printf("rk3k - Rancher in k3k virtual clusters: small tools for one job each\n\n"
		  "Usage:\n  %s TOOL [flags]\n  %s help TOOL\n\nTools:\n",
		rk_usage_prefix(), rk_usage_prefix());
	tools_init(&t, p);
	for (size_t i = 0; i < t.n; i++)
		rk_printf("  %-20s %s\n", t.v[i].name, t.v[i].summary);
	tools_release(&t);
	rk_printf("\nAn executable rk3k-NAME on PATH is a tool, too. Every tool: --help.\n"
		  "Exit codes: 0 done, 1 failed or found something, 2 usage, 3 not found, "
		  "4 timeout,\n5 conflict or refused, 128+n signal n.\n");
}

/* With half a name the choices are tools; after it the tool answers for itself. */
static void complete_name(const struct places *p, const char *word)
{
	struct tools t;

	tools_init(&t, p);
	tools_add(&t, rk_strdup("help"), rk_strdup("show the help of a tool"));
	for (size_t i = 0; i < t.n; i++)
		if (rk_prefix(t.v[i].name, word))
			rk_printf("%s\t%s\n", t.v[i].name, t.v[i].summary);
	tools_release(&t);
	rk_print(":4\n");
}

static int no_such_tool(const struct places *p, const char *word, struct rk_err *err)
{
	rk_auto_free const char **names = NULL;
	struct tools t;
	const char *near;

	if (*word == '-') {
		rk_err_set(err, RK_USAGE, "unknown flag %s", word);
		return rk_err_hint(
			err, "flags stand after the tool: %s TOOL %s", rk_usage_prefix(), word);
	}
	tools_init(&t, p);
	names = rk_calloc(t.n + 1, sizeof(*names));
	for (size_t i = 0; i < t.n; i++)
		names[i] = t.v[i].name;
	near = rk_nearest(word, names);
	rk_err_set(err, RK_USAGE, "there is no tool \"%s\"", word);
	if (near)
		rk_err_hint(err, "did you mean %s?", near);
	else
		rk_err_hint(err, "%s --help lists them", rk_usage_prefix());
	tools_release(&t);
	return -1;
}

/* --- asking a tool --- */

/* What the program says on descriptor `from` (1 or 2; the other goes to /dev/null when it is 2), cut
 * to fit. Returns its exit code, -1 when it could not be asked or was killed. */
static int ask_tool(const char *const *argv, int from, char *answer, size_t size)
{
	size_t len = 0;
	ssize_t n;
	pid_t pid;
	int fd[2], status = 0;

	answer[0] = '\0';
	if (pipe2(fd, O_CLOEXEC) < 0)
		return -1;
	pid = fork();
	if (pid == 0) {
		if (from == STDERR_FILENO)
			dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDOUT_FILENO);
		dup2(fd[1], from);
		execv(argv[0], (char *const *)(uintptr_t)argv);
		_exit(126);
	}
	close(fd[1]);
	while (len < size - 1 && (n = read(fd[0], answer + len, size - 1 - len)) > 0)
		len += (size_t)n;
	answer[len] = '\0';
	close(fd[0]);
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* --- the libraries of the tools; this program needs none of them --- */

/* Whether they are where most systems have them: then no tool need be started to know. */
static bool libraries_are_usual(void)
{
	static const char *const names[] = {"libcurl.so.4", "libyaml-0.so.2", "libcrypto.so.3"};
	static const char *const dirs[] = {
#if defined(__x86_64__)
		"/usr/lib/x86_64-linux-gnu",
#elif defined(__aarch64__)
		"/usr/lib/aarch64-linux-gnu",
#endif
		"/usr/lib64",
		"/usr/lib",
	};
	size_t found = 0;

	for (size_t i = 0; i < RK_COUNT(names) && found == i; i++) {
		for (size_t j = 0; j < RK_COUNT(dirs) && found == i; j++) {
			rk_auto_free char *path = rk_asprintf("%s/%s", dirs[j], names[i]);

			found += access(path, F_OK) == 0;
		}
	}
	return found == RK_COUNT(names);
}

/* The dynamic loader ends a program with 127 when a library is missing. `version` needs them all. */
static int check_libraries(const char *dir, struct rk_err *err)
{
	static const char words[] = "libraries: ";
	rk_auto_free char *path = rk_asprintf("%s/rk3k-version", dir);
	const char *const argv[] = {path, "--summary", NULL};
	char answer[512];
	const char *name;

	if (libraries_are_usual() || !is_executable(path) ||
		ask_tool(argv, STDERR_FILENO, answer, sizeof(answer)) != 127)
		return 0;
	name = strstr(answer, words);
	name = name ? name + strlen(words) : answer;
	rk_err_set(err, RK_NOTFOUND, "a library that the tools need is missing: %.*s",
		(int)strcspn(name, ":\n"), name);
	return rk_err_hint(err, "install libcurl, libyaml and OpenSSL 3, for example: apt-get "
				"install libcurl4 libyaml-0-2 libssl3, or dnf install libcurl "
				"libyaml openssl-libs");
}

/* --- becoming a tool --- */

/* Scripts call their neighbours by name. */
static void own_tools_first_on_path(const char *dir)
{
	const char *old = getenv("PATH");
	size_t n = strlen(dir);
	rk_auto_free char *path = NULL;

	if (old && strncmp(old, dir, n) == 0 && (old[n] == ':' || !old[n]))
		return;
	path = rk_asprintf("%s%s%s", dir, old ? ":" : "", old ? old : "");
	setenv("PATH", path, 1);
}

/* Does not come back unless it fails. */
static int become(
	const struct places *p, const char *word, const struct rk_strv *args, struct rk_err *err)
{
	size_t at;
	rk_auto_free char *path = find(p, word, &at);
	struct rk_strv argv = {0};

	if (!path)
		return no_such_tool(p, word, err);
	if (p->v[at].own && check_libraries(p->v[at].dir, err) < 0)
		return -1;
	if (p->v[at].own)
		own_tools_first_on_path(p->v[at].dir);
	rk_strv_add(&argv, path);
	for (size_t i = 0; i < args->n; i++)
		rk_strv_add(&argv, args->v[i]);
	signal(SIGPIPE, SIG_DFL);
	execv(path, (char *const *)(uintptr_t)argv.v);
	rk_err_sys(err, "cannot run %s", path);
	rk_strv_release(&argv);
	return -1;
}

/* --- helm --- */

/* helm's variables that say which cluster is meant, and ours. */
static const char *const helm_vars[][2] = {
	{"HELM_KUBECONTEXT", "RK3K_CONTEXT"},
	{"HELM_KUBEAPISERVER", "RK3K_SERVER"},
	{"HELM_KUBECAFILE", "RK3K_CERTIFICATE_AUTHORITY"},
	{"HELM_KUBETLS_SERVER_NAME", "RK3K_TLS_SERVER_NAME"},
	{"HELM_KUBEASUSER", "RK3K_AS"},
	{"HELM_KUBEASGROUPS", "RK3K_AS_GROUP"},
};

/* The token goes on in a file without a name, that no other process finds. */
static int helm_token(struct rk_err *err)
{
	const char *token = getenv("HELM_KUBETOKEN");
	rk_auto_free char *path = NULL;
	int fd;

	if (!token || !*token)
		return 0;
	fd = memfd_create("token", 0); /* inherited */
	if (fd < 0 || write(fd, token, strlen(token)) != (ssize_t)strlen(token))
		return rk_err_sys(err, "cannot keep helm's token");
	path = rk_asprintf("/dev/fd/%d", fd);
	setenv("RK3K_TOKEN_FILE", path, 1);
	unsetenv("HELM_KUBETOKEN");
	return 0;
}

/* Whether helm was given a namespace: it always hands over one, chosen or not, and has taken the
 * flag out of our arguments, so its own arguments are asked. */
static bool helm_namespace_chosen(void)
{
	rk_auto_free char *path = rk_asprintf("/proc/%ld/cmdline", (long)getppid());
	rk_auto_buf text = RK_BUF_INIT;

	if (rk_file_read(path, 1 << 20, &text, NULL) < 0)
		return false;
	for (size_t i = 0; i < text.len; i += strlen(text.s + i) + 1) {
		const char *word = text.s + i;

		if (rk_streq(word, "--namespace") || rk_prefix(word, "--namespace=") ||
			(rk_prefix(word, "-n") && word[1] != '-'))
			return true;
	}
	return false;
}

static int from_helm(struct rk_err *err)
{
	const char *ns = getenv("HELM_NAMESPACE");

	if (!getenv("HELM_PLUGIN_NAME"))
		return 0;
	if (rk_streq(getenv("HELM_KUBEINSECURE_SKIP_TLS_VERIFY"), "true")) {
		rk_err_set(err, RK_USAGE, "--kube-insecure-skip-tls-verify is not supported");
		return rk_err_hint(err, "TLS is always verified; pin the CA with --kube-ca-file");
	}
	for (size_t i = 0; i < RK_COUNT(helm_vars); i++) {
		const char *value = getenv(helm_vars[i][0]);

		if (value && *value)
			setenv(helm_vars[i][1], value, 1);
	}
	if (ns && *ns && helm_namespace_chosen())
		setenv("RK3K_NAMESPACE", ns, 1); /* the setting */
	return helm_token(err);
}

/* Whether the tool completes --namespace, and so has it. */
static bool takes_namespace(const char *path)
{
	const char *const argv[] = {path, "__complete", "--namespace", NULL};
	char answer[256];

	ask_tool(argv, STDOUT_FILENO, answer, sizeof(answer));
	return rk_prefix(answer, "--namespace");
}

/* helm took -n out of our arguments; the tool gets it back. */
static void add_helm_namespace(const struct places *p, const char *word, struct rk_strv *args)
{
	size_t at;
	const char *ns = getenv("HELM_NAMESPACE");
	rk_auto_free char *path = find(p, word, &at);

	if (!path || !getenv("HELM_PLUGIN_NAME") || !ns || !helm_namespace_chosen() ||
		!takes_namespace(path))
		return;
	rk_strv_add(args, "--namespace");
	rk_strv_add(args, ns);
}

/* --- words --- */

static int complete(const struct places *p, int argc, char **argv, struct rk_err *err)
{
	struct rk_strv args = {0};
	int ret;

	if (argc && rk_streq(argv[0], "help")) {
		argv++;
		argc--;
	}
	if (argc < 2) {
		complete_name(p, argc ? argv[0] : "");
		return 0;
	}
	rk_strv_add(&args, "__complete");
	for (int i = 1; i < argc; i++)
		rk_strv_add(&args, argv[i]);
	ret = from_helm(err) < 0 ? -1 : become(p, argv[0], &args, err);
	rk_strv_release(&args);
	err->msg[0] = '\0'; /* a completion has nowhere to complain */
	return ret;
}

/* `help TOOL VERB` is `TOOL VERB --help`. */
static int help_of(const struct places *p, int argc, char **argv, struct rk_err *err)
{
	struct rk_strv args = {0};
	int ret;

	for (int i = 1; i < argc; i++)
		rk_strv_add(&args, argv[i]);
	rk_strv_add(&args, "--help");
	ret = become(p, argv[0], &args, err);
	rk_strv_release(&args);
	return ret;
}

static int tool(const struct places *p, const char *word, int argc, char **argv, struct rk_err *err)
{
	struct rk_strv args = {0};
	int ret;

	if (from_helm(err) < 0)
		return -1;
	add_helm_namespace(p, word, &args);
	for (int i = 0; i < argc; i++)
		rk_strv_add(&args, argv[i]);
	ret = become(p, word, &args, err);
	rk_strv_release(&args);
	return ret;
}

static bool is_help(const char *word)
{
	return rk_streq(word, "--help") || rk_streq(word, "-h") || rk_streq(word, "help");
}

static int dispatch(const struct places *p, int argc, char **argv, struct rk_err *err)
{
	if (argc && rk_streq(argv[0], "--")) {
		argv++;
		argc--;
	}
	if (argc && rk_streq(argv[0], "__complete"))
		return complete(p, argc - 1, argv + 1, err);
	if (argc > 1 && is_help(argv[0]))
		return help_of(p, argc - 1, argv + 1, err);
	if (argc && !is_help(argv[0]))
		return tool(p, rk_streq(argv[0], "--version") ? "version" : argv[0], argc - 1,
			argv + 1, err);
	help(p);
	return 0;
}

int main(int argc, char **argv)
{
	struct rk_err err = RK_ERR_INIT;
	struct places p;
	int ret;

	rk_init("rk3k");
	places_init(&p);
	ret = dispatch(&p, argc - 1, argv + 1, &err);
	places_release(&p);
	return rk_finish(ret, &err);
}
