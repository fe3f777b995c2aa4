// SPDX-License-Identifier: Apache-2.0
/* cli - one option table per tool drives parsing, --help, completion and the man page.
 *
 * Parsing is kubectl's: --f=v, --f v, -n v, -nv, -n=v, bundled short flags, flags and positionals
 * mixed, -- ends flags, _ equals - in long names, the last of a repeated scalar wins, unknown
 * flags are one line with the nearest name and exit 2. --help goes to stdout, exit 0.
 * An option with .env takes that variable when the flag is absent (flag > env > default). */
#ifndef RK_CLI_H
#define RK_CLI_H

#include "kube.h"
#include "out.h"

enum rk_opt_kind {
	RK_OPT_FLAG,  /* bool */
	RK_OPT_STR,   /* const char * */
	RK_OPT_INT,   /* int64_t */
	RK_OPT_DUR,   /* int64_t milliseconds; Go durations: 90s, 5m, 1h30m, bare 0 */
	RK_OPT_LIST,  /* struct rk_strv; repeatable; not split */
	RK_OPT_CSV,   /* struct rk_strv; repeatable and split at commas */
	RK_OPT_ENUM,  /* int: index into choices "a|b|c" */
	RK_OPT_COUNT, /* int: -vvv or -v=3 */
	RK_OPT_GROUP, /* sub points to a table whose offsets are relative to off */
};

struct rk_opt {
	const char *name;	  /* long name without dashes; NULL ends the table */
	char key;		  /* short, or 0 */
	uint8_t kind;		  /* enum rk_opt_kind */
	uint16_t off;		  /* offsetof in the tool's struct opts */
	const char *arg;	  /* placeholder: "NAME", "FILE", "DURATION" */
	const char *help;	  /* one sentence without full stop */
	const char *choices;	  /* RK_OPT_ENUM: "none|client|server" */
	const char *optional;	  /* value when given without one (--dry-run); only after = else */
	const char *env;	  /* environment variable, or NULL */
	const struct rk_opt *sub; /* RK_OPT_GROUP */
	const char *complete;	  /* what completes it: "file", "dir", "cluster", "context",
				   * "namespace"; NULL: nothing */
};
#define RK_OPT_END           \
	{                    \
		.name = NULL \
	}

/* Groups shared by the tools: struct rk_kube_flags, struct rk_out_flags. */
extern const struct rk_opt rk_kube_opts[]; /* --kubeconfig --context --cluster --user -n -s … */
struct rk_out_flags {
	int fmt; /* enum rk_fmt */
	bool no_headers;
};
extern const struct rk_opt rk_out_opts[]; /* -o table|wide|json|yaml|name, --no-headers */
#define RK_GROUP_KUBE(type, member)                                              \
	{                                                                        \
		.name = "", .kind = RK_OPT_GROUP, .off = offsetof(type, member), \
		.sub = rk_kube_opts                                              \
	}
#define RK_GROUP_OUT(type, member)                                               \
	{                                                                        \
		.name = "", .kind = RK_OPT_GROUP, .off = offsetof(type, member), \
		.sub = rk_out_opts                                               \
	}
#define RK_OPT_DRY_RUN(type, member)                                                   \
	{                                                                              \
		.name = "dry-run", .kind = RK_OPT_ENUM, .off = offsetof(type, member), \
		.optional = "client", .choices = "none|client|server",                 \
		.help = "show what would be done without doing it"                     \
	}

/* A verb (`kubeconfig get`) or, with one verb without a name, the whole tool. */
struct rk_verb {
	const char *name;    /* NULL: the tool has no verbs */
	const char *args;    /* "[CLUSTER]" for the usage line */
	const char *summary; /* one line */
	const struct rk_opt *opts;
	int min_args, max_args; /* positionals; max <0: any number */
	const char *complete;	/* what completes positionals, as in rk_opt */
	int (*run)(void *opts, int argc, char **argv, struct rk_err *err);
	const char *examples; /* lines, shown last in --help; may be NULL */
};

struct rk_cmd {
	const char *name;	 /* "cert-sync"; usage says "kubectl rk3k cert-sync" */
	const char *summary;	 /* one line, for lists */
	const char *description; /* paragraphs for --help and the man page */
	size_t opts_size;
	void (*defaults)(void *opts); /* fill non-zero defaults; may be NULL */
	const struct rk_verb *verbs;  /* ended by .run == NULL */
	const char *files;	      /* man page section FILES; may be NULL */
	const char *exit_status;      /* extra lines for EXIT STATUS; may be NULL */
	const char *see_also;
};

/* The whole of main: fds 0-2 open, no core dumps, signals, parse, run, flush stdout, print the
 * error and hint, exit code. Also answers --help, --version, --summary, __complete WORDS…
 * (conventions of kubectl_complete-*), and __man (roff on stdout). Every tool also has -v, -q. */
int rk_main(const struct rk_cmd *cmd, int argc, char **argv);

/* Duration and size parsers used by options and settings. */
bool rk_parse_duration(const char *s, int64_t *ms);

extern const char rk_version[]; /* "0.1.0" */
extern const char rk_commit[];

#endif
