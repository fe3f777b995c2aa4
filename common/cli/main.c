// SPDX-License-Identifier: Apache-2.0
/* main: what every tool answers without its own code, and the way to that code. */
#include "internal.h"

#include "os/os.h"
#include "data/data.h"

static int print_buf(struct rk_buf *b)
{
	struct rk_err err = RK_ERR_INIT;

	rk_print_buf(b);
	rk_buf_release(b);
	return rk_finish(0, &err);
}

/* __complete: what must be asked for is asked by the tool `names` in our place. Silent whatever
 * happens: stderr is the user's prompt. */
static int complete(const struct rk_cmd *cmd, int argc, char **argv)
{
	struct rk_buf out = RK_BUF_INIT;
	struct rk_strv ask_for = {0}, words = {0};
	rk_auto_free char *dir = NULL, *path = NULL;

	rk_cli_complete(cmd, argc, argv, &out, &ask_for);
	if (!ask_for.n)
		return print_buf(&out);
	dir = rk_exe_dir();
	path = rk_asprintf("%s/rk3k-names", dir);
	rk_strv_add(&words, path);
	rk_strv_add(&words, "--complete");
	for (size_t i = 0; i < ask_for.n; i++)
		rk_strv_add(&words, ask_for.v[i]);
	execv(path, (char *const *)(uintptr_t)words.v);
	return print_buf(&out);
}

/* __plain WHO: the filter of the shell tools for what helm and skopeo say. */
static int plain(const char *who)
{
	rk_auto_buf text = RK_BUF_INIT_SECRET;
	struct rk_buf out = RK_BUF_INIT_SECRET;
	struct rk_err err = RK_ERR_INIT;

	if (rk_file_read("-", 16 << 20, &text, &err) < 0)
		rk_buf_addf(&out, "%s: %s\n", who, err.msg);
	else
		rk_out_plain(&out, who, text.s, text.len);
	return print_buf(&out);
}

static int shell(int argc, char **argv);

/* Answers that need no parsing; -1 when it is none of them. */
static int answer(const struct rk_cmd *cmd, int argc, char **argv)
{
	struct rk_buf out = RK_BUF_INIT;

	if (argc == 3 && rk_streq(argv[1], "__voice")) { /* COLOR: the output of deploy and destroy
							  * is written to this filter on a terminal */
		rk_out_init("rk3k", 0, false,
			rk_streq(argv[2], "always")  ? RK_COLOR_ALWAYS
			: rk_streq(argv[2], "never") ? RK_COLOR_NEVER
						     : RK_COLOR_AUTO);
		rk_voice(STDOUT_FILENO);
		return 0;
	}
	if (argc == 2 && rk_streq(argv[1], "--summary"))
		rk_buf_addf(&out, "%s\n", cmd->summary);
	else if (argc == 2 && rk_streq(argv[1], "__man"))
		rk_cli_man(cmd, &out);
	else if (argc == 3 && rk_streq(argv[1], "__plain"))
		return plain(argv[2]);
	else if (argc > 3 && rk_streq(argv[1], "__shell"))
		return shell(argc - 2, argv + 2);
	else if (argc > 1 && rk_streq(argv[1], "__complete"))
		return complete(cmd, argc - 2, argv + 2);
	else
		return -1;
	return print_buf(&out);
}

/* Examples and descriptions say "kubectl rk3k"; helm's users read of helm. */
static void put_help(struct rk_buf *out, const struct rk_cmd *cmd, const struct rk_verb *verb)
{
	static const char usual[] = "kubectl rk3k";
	rk_auto_buf text = RK_BUF_INIT;
	size_t width = rk_out_width(STDOUT_FILENO);
	const char *hit, *s;

	rk_cli_help(cmd, verb && verb->name ? verb : NULL, width ? width : 80, &text);
	for (s = text.s; (hit = strstr(s, usual)); s = hit + sizeof(usual) - 1) {
		rk_buf_put(out, s, (size_t)(hit - s));
		rk_buf_puts(out, rk_usage_prefix());
	}
	rk_buf_puts(out, s);
}

/* What is wrong with a template is found before any request. */
static int use_output(const struct rk_out_flags *out, struct rk_err *err)
{
	rk_auto_jsonpath *path = NULL;

	if (out->sort_by && rk_jsonpath_parse_one(out->sort_by, &path, err) < 0)
		return -1;
	return out->template ? rk_out_template(out->template, !out->no_headers, err) : 0;
}

/* events: of a shell tool what was given is printed (rk_cli_parse_common), and nothing run; a text for the user
 * is the value of the event "text". */
static int main_of(const struct rk_cmd *bare, bool events, int argc, char **argv)
{
	struct rk_err err = RK_ERR_INIT;
	struct rk_cmd cmd = *bare;
	struct rk_texts texts;
	struct rk_common c = {0};
	const struct rk_verb *verb = NULL;
	rk_auto_free char *name = rk_asprintf("rk3k-%s", cmd.name);
	rk_auto_free void *opts = rk_calloc(1, cmd.opts_size ? cmd.opts_size : 1);
	struct rk_buf out = RK_BUF_INIT;
	int nargs = 0, ret;

	rk_init(name);
	rk_cli_texts(&cmd, &texts);
	ret = answer(&cmd, argc, argv);
	if (ret >= 0)
		goto out;
	argc -= argc > 0;
	ret = rk_cli_parse_common(
		&cmd, opts, &c, argc, argv + 1, &verb, &nargs, events ? &out : NULL, &err);
	rk_out_init(name, c.verbosity, c.quiet, (enum rk_color)c.color);
	rk_kube_set_dry(c.dry);
	if (ret == 0 && (c.help || c.version)) {
		rk_buf_reset(&out);
		rk_buf_put(&out, "text", events ? sizeof("text") : 0);
		if (c.help)
			put_help(&out, &cmd, verb);
		else
			rk_buf_addf(&out, "rk3k %s (%s, %s)\n", rk_version, rk_commit, rk_date);
		rk_buf_put(&out, "", events);
	} else {
		if (ret == 0 && c.out)
			ret = use_output(c.out, &err);
		if (ret < 0 && !err.hint[0])
			rk_err_hint(&err, "see %s %s --help", rk_usage_prefix(), cmd.name);
		else if (ret == 0 && !events)
			ret = verb->run(opts, nargs, argv + 1, &err);
	}
	if (ret == 0)
		rk_print_buf(&out);
	ret = rk_finish(ret, &err);
out:
	rk_buf_release(&out);
	rk_cli_release(&cmd, verb, opts);
	rk_cli_texts_release(&texts);
	return ret;
}

/* __shell NAME TEXT ARGUMENT...: what the shell tool NAME, whose table is in TEXT, was given. */
static int shell(int argc, char **argv)
{
	struct rk_cmd cmd;

	rk_cli_shell(&cmd, argv[0], argv[1]);
	return main_of(&cmd, true, argc - 1, argv + 1);
}

int rk_main(const struct rk_cmd *cmd, int argc, char **argv)
{
	return main_of(cmd, false, argc, argv);
}
