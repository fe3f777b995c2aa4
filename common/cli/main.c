// SPDX-License-Identifier: Apache-2.0
/* main: what every tool answers without its own code, and the way to that code. */
#include "internal.h"

#include "os/os.h"
#include "data/data.h"

/* __complete: what must be asked for is asked by the tool `names` in our place. Silent whatever
 * happens: stderr is the user's prompt. */
static void complete(const struct rk_cmd *cmd, int argc, char **argv, struct rk_buf *out)
{
	struct rk_strv words = {0};
	rk_auto_free char *dir = rk_exe_dir(), *path = rk_asprintf("%s/rk3k-names", dir);

	rk_strv_add(&words, path);
	rk_strv_add(&words, "--complete");
	rk_cli_complete(cmd, argc, argv, out, &words);
	if (words.n > 2)
		execv(path, (char *const *)(uintptr_t)words.v);
	rk_strv_release(&words);
}

/* What needs no parsing; -1 when it is none of that, else the exit code. Those of the shell tools are
 *	__plain WHO		a filter for what helm and skopeo say
 *	__voice COLOR		the filter for the messages of deploy and destroy on a terminal
 *	__confirm QUESTION	0: the answer is yes */
static int answer(const struct rk_cmd *cmd, int argc, char **argv)
{
	rk_auto_buf out = RK_BUF_INIT_SECRET, text = RK_BUF_INIT_SECRET;
	struct rk_err err = RK_ERR_INIT;
	const char *what = argc > 1 ? argv[1] : "", *arg = argc == 3 ? argv[2] : NULL;

	if (rk_streq(what, "__complete")) {
		complete(cmd, argc - 2, argv + 2, &out);
	} else if (argc == 2 && rk_streq(what, "--summary")) {
		rk_buf_addf(&out, "%s\n", cmd->summary);
	} else if (argc == 2 && rk_streq(what, "__man")) {
		rk_cli_man(cmd, &out);
	} else if (arg && rk_streq(what, "__plain")) {
		if (rk_file_read("-", 16 << 20, &text, &err) < 0)
			rk_buf_addf(&out, "%s: %s\n", arg, err.msg);
		else
			rk_out_plain(&out, arg, text.s, text.len);
	} else if (arg && rk_streq(what, "__voice")) {
		rk_out_init("rk3k", 0, false,
			rk_streq(arg, "always")	 ? RK_COLOR_ALWAYS
			: rk_streq(arg, "never") ? RK_COLOR_NEVER
						 : RK_COLOR_AUTO);
		rk_voice(STDOUT_FILENO);
		return 0;
	} else if (arg && rk_streq(what, "__confirm")) {
		return rk_confirm(arg, NULL) != 1;
	} else {
		return -1;
	}
	rk_print_buf(&out);
	rk_err_clear(&err);
	return rk_finish(0, &err);
}

/* Where the text below a line that names a section, of the tool or of a verb, belongs; NULL for any other
 * line of n bytes. */
static const char **section(struct rk_cmd *cmd, struct rk_verb *verbs, const char *line, size_t n)
{
	rk_auto_free char *title = rk_strndup(line, n && line[n - 1] == ':' ? n - 1 : 0);
	char *verb = strrchr(title, ' ');

	for (struct rk_verb *v = verbs; v->run; v++) {
		if (!v->name || !verb || !rk_streq(verb + 1, v->name))
			continue;
		*verb = '\0';
		return rk_streq(title, "Verb")		? &v->description
		       : rk_streq(title, "Exit status") ? &v->exit_status
		       : rk_streq(title, "Examples")	? &v->examples
							: NULL;
	}
	return rk_streq(title, "Files")		? &cmd->files
	       : rk_streq(title, "Exit status") ? &cmd->exit_status
	       : rk_streq(title, "See also")	? &cmd->see_also
	       : rk_streq(title, "Examples")	? &verbs->examples
						: NULL;
}

/* Take the long texts of cmd->help, the file docs/help/NAME.txt, into cmd: as *text, and in
 * *copy, one of its verbs. */
static void take_texts(struct rk_cmd *cmd, struct rk_verb **copy, char **text)
{
	struct rk_verb *verbs;
	size_t n = 0;
	char *next;

	if (!cmd->help)
		return;
	while (cmd->verbs[n].run)
		n++;
	*copy = verbs = rk_calloc(n + 1, sizeof(*verbs));
	memcpy(verbs, cmd->verbs, n * sizeof(*verbs));
	cmd->verbs = verbs;
	cmd->description = next = *text = rk_strdup(cmd->help);
	for (char *line; (line = next) && *line;) {
		size_t len = strcspn(line, "\n");
		const char **at = section(cmd, verbs, line, len);

		next = line[len] ? line + len + 1 : NULL;
		if (at) { /* the text before the heading ends here */
			*line = '\0';
			*at = next ? next : "";
		}
	}
}

/* What is wrong with a template is found before any request. */
static int use_output(const struct rk_out_flags *out, struct rk_err *err)
{
	rk_auto_jsonpath *path = NULL;

	if (out->sort_by && rk_jsonpath_parse_one(out->sort_by, &path, err) < 0)
		return -1;
	return out->template ? rk_out_template(out->template, !out->no_headers, err) : 0;
}

/* events: of a shell tool what was given is printed (struct rk_common), and nothing run; a text for the user
 * is the value of the event "text". */
static int main_of(const struct rk_cmd *bare, bool events, int argc, char **argv)
{
	struct rk_err err = RK_ERR_INIT;
	struct rk_cmd cmd = *bare;
	rk_auto_buf out = RK_BUF_INIT;
	struct rk_common c = {.events = events ? &out : NULL};
	rk_auto_free char *name = rk_asprintf("rk3k-%s", cmd.name);
	rk_auto_free void *opts = rk_calloc(1, cmd.opts_size ? cmd.opts_size : 1);
	rk_auto_free struct rk_verb *verbs = NULL;
	rk_auto_free char *text = NULL;
	const size_t width = rk_out_width(STDOUT_FILENO);
	int ret;

	rk_init(name);
	take_texts(&cmd, &verbs, &text);
	ret = answer(&cmd, argc, argv);
	if (ret >= 0)
		return ret;
	ret = rk_cli_parse(&cmd, opts, &c, argc - (argc > 0), argv + 1, &err);
	rk_out_init(name, c.verbosity, c.quiet, (enum rk_color)c.color);
	rk_kube_set_dry(c.dry);
	if (ret == 0 && (c.help || c.version)) {
		rk_buf_reset(&out);
		rk_buf_put(&out, "text", events ? sizeof("text") : 0);
		if (c.help)
			rk_cli_help(&cmd, c.verb && c.verb->name ? c.verb : NULL,
				width ? width : 80, &out);
		else
			rk_buf_addf(&out, "rk3k %s (%s, %s)\n", rk_version, rk_commit, rk_date);
		rk_buf_put(&out, "", events);
	} else {
		if (ret == 0 && c.out)
			ret = use_output(c.out, &err);
		if (ret < 0 && !err.hint[0])
			rk_err_hint(&err, "see %s %s --help", rk_usage_prefix(), cmd.name);
		else if (ret == 0 && !events)
			ret = c.verb->run(opts, c.nargs, argv + 1, &err);
	}
	if (ret == 0)
		rk_print_buf(&out);
	ret = rk_finish(ret, &err);
	rk_cli_release(c.verb, opts);
	return ret;
}

int rk_main(const struct rk_cmd *cmd, int argc, char **argv)
{
	struct rk_cmd tool;

	/* __shell NAME TEXT ARGUMENT...: what the shell tool NAME, whose table is in TEXT, was given */
	if (argc > 3 && rk_streq(argv[1], "__shell")) {
		rk_cli_shell(&tool, argv[2], argv[3]);
		return main_of(&tool, true, argc - 3, argv + 3);
	}
	return main_of(cmd, false, argc, argv);
}
