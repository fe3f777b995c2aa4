// SPDX-License-Identifier: Apache-2.0
/* The option table of a shell tool, read from the text that the tool carries. Its first lines are the table,
 * up to an empty one; what follows is as in docs/help/NAME.txt.
 *
 *	summary of the tool
 *	Usage: [DIR]
 *	  install              summary of a verb
 *	  -c, --config FILE    help of a flag; FILE and DIR are completed
 *	      --only STEP      one of the words of the line "Steps: ..." before it
 *	      --kind a|b       one of these
 *	      --init [FILE]    all further arguments are for another program
 *	      --context        as in the tools in C */
#include "internal.h"

#include <ctype.h>

enum { SLOT = 32, FLAGS_MAX = 48, VERBS_MAX = 8 };

static struct {
	struct rk_opt flags[FLAGS_MAX], group[2];
	struct rk_verb verbs[VERBS_MAX];
	size_t nflags, nverbs;
	char *text;
	const char *steps;
} table;

struct shared {
	int dry_run;
};
#undef OPT_STRUCT
#define OPT_STRUCT struct shared
static const struct rk_opt dry_run[] = {OPT_DRY_RUN(dry_run), OPT_END};

static const char *completion(const char *arg)
{
	return strstr(arg, "FILE") ? "file" : strstr(arg, "DIR") ? "dir" : NULL;
}

/* "-k, --name ARG". */
static void add_flag(char *spec, const char *help)
{
	struct rk_opt *o = &table.flags[table.nflags];
	char *name = strstr(spec, "--") + 2, *arg = strchr(name, ' ');

	if (arg)
		*arg++ = '\0';
	*o = (struct rk_opt){.name = name, .arg = arg, .help = help};
	if (!help) {
		*o = *dry_run;
		for (const struct rk_opt *k = rk_opts_kube; k->name; k++)
			if (rk_streq(k->name, name))
				*o = *k;
	} else if (!arg) {
		o->kind = RK_OPT_FLAG;
	} else if (rk_streq(arg, "DURATION")) {
		o->kind = RK_OPT_DUR;
	} else if (rk_streq(arg, "STEP")) {
		o->kind = RK_OPT_ENUM;
		o->choices = o->complete = table.steps;
	} else if (islower((unsigned char)*arg)) {
		o->kind = RK_OPT_ENUM;
		o->choices = arg;
		o->arg = NULL;
	} else {
		o->kind = RK_OPT_STR;
		o->complete = completion(arg);
		if (*arg == '[') {
			arg[strlen(arg) - 1] = '\0';
			o->arg = arg + 1;
			o->optional = "";
		}
	}
	if (spec[1] != '-')
		o->key = spec[1];
	o->off = (uint16_t)(table.nflags++ * SLOT);
}

/* Never called: the shell tool itself does the work. */
static int run(void *opts, int argc, char **argv, struct rk_err *err)
{
	(void)opts;
	(void)argc;
	(void)argv;
	(void)err;
	return 0;
}

static void add_verb(const char *name, const char *summary, const char *args)
{
	const bool one = args[0] == '[' && isupper((unsigned char)args[1]);

	table.verbs[table.nverbs++] = (struct rk_verb){.name = name,
		.summary = summary,
		.args = args,
		.opts = table.group,
		.max_args = one,
		.complete = one ? completion(args) : NULL,
		.run = run};
}

void rk_cli_shell(struct rk_cmd *cmd, const char *name, const char *text)
{
	char *next = table.text = rk_strdup(text), *line = strsep(&next, "\n");
	const char *args = "";

	*cmd = (struct rk_cmd){.name = name,
		.summary = line,
		.opts_size = (size_t)SLOT * FLAGS_MAX,
		.verbs = table.verbs};
	table.group[0] = (struct rk_opt){
		.name = "", .kind = RK_OPT_GROUP, .sub = table.flags, .help = "Flags"};
	while ((line = strsep(&next, "\n")) && *line) {
		char *help;

		line += strspn(line, " ");
		help = strstr(line, "  "); /* behind at least two blanks */
		if (help) {
			*help = '\0';
			help += 1 + strspn(help + 1, " ");
		}
		if (rk_prefix(line, "Usage: ")) {
			args = line + strlen("Usage: ");
		} else if (rk_prefix(line, "Steps: ")) {
			table.steps = line + strlen("Steps: ");
			for (char *c = line + strlen("Steps: "); (c = strchr(c, ' '));)
				*c = '|';
		} else if (*line == '-' && table.nflags < FLAGS_MAX - 1) {
			add_flag(line, help);
		} else if (table.nverbs < VERBS_MAX - 1) {
			add_verb(line, help, args);
		}
	}
	cmd->help = next ? next : "";
	if (!table.nverbs)
		add_verb(NULL, NULL, args);
}
