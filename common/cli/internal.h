// SPDX-License-Identifier: Apache-2.0
/* cli-internal - what the files of cli share: a tool's option tables laid out flat. */
#ifndef RK_CLI_INTERNAL_H
#define RK_CLI_INTERNAL_H

#include "cli/cli.h"

/* Options every tool has, and what else a command line says. */
struct rk_common {
	bool help, version, quiet;
	int verbosity, color;
	enum rk_dry dry;		/* what the verb's connections may do */
	const struct rk_out_flags *out; /* of the verb, or NULL */
	const struct rk_verb *verb;
	int nargs; /* positionals, at the front of argv */
	/* If not NULL it gets what was given, as a shell tool reads it: each name ("--flag", "verb",
	 * "arg") and value is ended by a NUL. */
	struct rk_buf *events;
};

/* One option of a table, its place in the struct opts, and the heading it is listed under. */
struct rk_flag {
	const struct rk_opt *opt;
	void *p;
	const char *heading; /* NULL: the tool's own */
	bool given;
};

struct rk_flags {
	struct rk_flag *v;
	size_t n;
	size_t all; /* behind n: options under whose name the tool has its own: set by variable */
};

/* Lay out the verb's table over opts, then the common options over c. Pointers are only good for
 * looking at the options when opts and c are NULL. */
void rk_flags_init(struct rk_flags *f, const struct rk_verb *verb, void *opts, struct rk_common *c);
static inline void rk_cleanup_flags_(struct rk_flags *f)
{
	free(f->v);
}
#define rk_auto_flags __attribute__((cleanup(rk_cleanup_flags_))) struct rk_flags

/* The last flag of a word, or NULL when one is unknown; whether the next word is its value. */
struct rk_flag *rk_flags_word(
	struct rk_flags *f, const char *word, const char **value, bool *takes_next);
/* Whether it is one of rk_opts_kube. */
bool rk_opt_is_connection(const struct rk_opt *o);
/* Give the option a value; NULL: the one it has without a value. name is as the user wrote it, for
 * messages. Errors: RK_USAGE. */
int rk_flag_set(struct rk_flag *f, const char *name, const char *value, struct rk_err *err);

/* The verb of that name; with none, the one without a name; NULL when there is none. */
const struct rk_verb *rk_verb_find(const struct rk_cmd *cmd, const char *name);
/* Find the word that names the verb, before its flags can be known; its index, or argc. */
int rk_verb_word(const struct rk_cmd *cmd, int argc, char **argv);

/* Fill opts (zeroed, opts_size bytes) and c, and leave the positionals in argv. Errors: RK_USAGE. --help is
 * only noted. rk_cli_release frees the lists in opts. */
int rk_cli_parse(const struct rk_cmd *cmd, void *opts, struct rk_common *c, int argc, char **argv,
	struct rk_err *err) RK_MUST_USE;
void rk_cli_release(const struct rk_verb *verb, void *opts);

/* Read the table of a shell tool; once in a process. */
void rk_cli_shell(struct rk_cmd *cmd, const char *name, const char *text);

/* What --help, __man and __complete print. verb NULL: the tool as a whole. */
void rk_cli_help(
	const struct rk_cmd *cmd, const struct rk_verb *verb, size_t width, struct rk_buf *out);
void rk_cli_man(const struct rk_cmd *cmd, struct rk_buf *out);
/* Choices and the directive go to out. What only a cluster or a kubeconfig knows must be asked for:
 * ask_for is then "cluster" and the connection flags typed so far; its strings live as long as
 * the process. */
void rk_cli_complete(const struct rk_cmd *cmd, int argc, char **argv, struct rk_buf *out,
	struct rk_strv *ask_for);

#endif
