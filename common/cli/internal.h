// SPDX-License-Identifier: Apache-2.0
/* cli-internal - what the files of cli share: a tool's option tables laid out flat. */
#ifndef RK_CLI_INTERNAL_H
#define RK_CLI_INTERNAL_H

#include "cli/cli.h"

/* Options every tool has. */
struct rk_common {
	bool help, version, quiet;
	int verbosity, color;
	enum rk_dry dry;		/* what the verb's connections may do */
	const struct rk_out_flags *out; /* of the verb, or NULL */
};

/* What -o takes besides its choices. */
#define RK_TEMPLATES " jsonpath=... custom-columns=..."

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
	struct rk_flag *hidden; /* options under whose name the tool has its own: set by variable */
	size_t nhidden;
};

/* Lay out the verb's table over opts, then the common options over c. Pointers are only good for
 * looking at the options when opts and c are NULL. Release with rk_flags_release. */
void rk_flags_init(struct rk_flags *f, const struct rk_verb *verb, void *opts, struct rk_common *c);
void rk_flags_release(struct rk_flags *f);
static inline void rk_cleanup_flags_(struct rk_flags *f)
{
	rk_flags_release(f);
}
/* Variable of deploy and destroy: the settings flags that they were given. */
#define RK_HERE_ENV "RK3K_HERE"
/* What rk_here and the others answer from here on; once in a process. */
void rk_cli_here(const struct rk_flags *f);
#define rk_auto_flags __attribute__((cleanup(rk_cleanup_flags_))) struct rk_flags

/* By long name (n bytes, _ equals -) or by key; NULL when there is none. */
struct rk_flag *rk_flags_long(struct rk_flags *f, const char *name, size_t n);
struct rk_flag *rk_flags_key(struct rk_flags *f, char key);

/* Whether name (n bytes, _ equals -) is the long name `have`. */
bool rk_flag_name_is(const char *have, const char *name, size_t n);

/* Give the option a value, or the one it has without a value. name is as the user wrote it, for
 * messages. Errors: RK_USAGE. */
int rk_flag_set(struct rk_flag *f, const char *name, const char *value, struct rk_err *err);
int rk_flag_set_alone(struct rk_flag *f, const char *name, struct rk_err *err);
/* What was not given is taken from its variable. */
int rk_flags_from_env(struct rk_flags *f, struct rk_err *err);

/* The output flags of a command, or NULL. */
const struct rk_out_flags *rk_flags_out(const struct rk_flags *f);

/* What the connections of a command with these options may do. */
enum rk_dry rk_flags_dry(const struct rk_flags *f);

/* Whether it is one of rk_opts_kube. */
bool rk_opt_is_connection(const struct rk_opt *o);

/* Whether the option never takes the next word for its value. */
bool rk_opt_alone(const struct rk_opt *o);

/* Set *rest to the value in the flag word itself (--f=v, -nv), or to NULL, and say whether the
 * next word is the value. NULL when the word names no known option. */
struct rk_flag *rk_flags_word(
	struct rk_flags *f, const char *word, const char **value, bool *takes_next);

/* The verb of that name; with none, the one without a name; NULL when there is none. */
const struct rk_verb *rk_verb_find(const struct rk_cmd *cmd, const char *name);
/* How many of cmd's verbs have names. */
size_t rk_verb_named(const struct rk_cmd *cmd);
/* Find the word that names the verb, before its flags can be known; its index, or argc. */
int rk_verb_word(const struct rk_cmd *cmd, int argc, char **argv);

/* As rk_cli_parse, with the common options in c. events, if not NULL, gets what was given, as a shell tool
 * reads it: each name ("--flag", "verb", "arg") and value is ended by a NUL. */
int rk_cli_parse_common(const struct rk_cmd *cmd, void *opts, struct rk_common *c, int argc,
	char **argv, const struct rk_verb **verb, int *nargs, struct rk_buf *events,
	struct rk_err *err);

/* Read the table of a shell tool; once in a process. */
void rk_cli_shell(struct rk_cmd *cmd, const char *name, const char *text);

/* Take the texts of cmd->help into cmd, whose verbs are then a copy. */
struct rk_texts {
	char *text;
	struct rk_verb *verbs;
};
void rk_cli_texts(struct rk_cmd *cmd, struct rk_texts *t);
void rk_cli_texts_release(struct rk_texts *t);

/* A piece of prose: lines that begin with a blank are kept (pre), others are filled. */
struct rk_block {
	const char *s;
	size_t n;
	bool pre;
};
/* The next block of *s, or false at the end. */
bool rk_block_next(const char **s, struct rk_block *b);

/* "--output FORMAT", "--dry-run[=none|client]". */
void rk_opt_spelling(const struct rk_opt *o, struct rk_buf *out);
/* Its help with choices, optional value and variable. */
void rk_opt_text(const struct rk_opt *o, struct rk_buf *out);
/* "kubectl rk3k kubeconfig get [CLUSTER] [flags]". */
void rk_verb_synopsis(const struct rk_cmd *cmd, const struct rk_verb *v, struct rk_buf *out);

/* The examples of a verb, each line behind `indent` blanks. */
void rk_verb_examples(const struct rk_verb *v, int indent, struct rk_buf *out);

/* Pairs of exit code and meaning, ended by NULL. */
extern const char *const rk_exit_codes[];

#endif
