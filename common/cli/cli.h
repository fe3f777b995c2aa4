// SPDX-License-Identifier: Apache-2.0
/* cli - one option table per tool drives parsing, --help, completion and the man page.
 *
 * Parsing is kubectl's: --f=v, --f v, -n v, -nv, -n=v, bundled short flags, flags and positionals
 * mixed, -- ends flags, _ equals - in long names, the last of a repeated scalar wins, unknown
 * flags are one line with the nearest name and exit 2. --help is written to stdout, exit 0.
 * An option with .env takes that variable when the flag is absent (flag > env > default). */
#ifndef RK_CLI_H
#define RK_CLI_H

#include "out/out.h"
#include "kube/kube.h"

enum rk_opt_kind {
	RK_OPT_FLAG,   /* bool */
	RK_OPT_STR,    /* const char * */
	RK_OPT_INT,    /* int64_t */
	RK_OPT_DUR,    /* int64_t milliseconds; Go durations: 90s, 5m, 1h30m, bare 0 */
	RK_OPT_LIST,   /* struct rk_strv; repeatable; not split */
	RK_OPT_CSV,    /* struct rk_strv; repeatable and split at commas */
	RK_OPT_ENUM,   /* int: index into choices "a|b|c" */
	RK_OPT_COUNT,  /* int: -vvv or -v=3 */
	RK_OPT_SECS,   /* as RK_OPT_DUR, and a bare number is seconds (--request-timeout) */
	RK_OPT_DAYS,   /* int64_t days: 90, 90d, 2160h */
	RK_OPT_LIFE,   /* as RK_OPT_DUR, and days: 90d, 1d12h; of tokens, certificates, retention */
	RK_OPT_OUTPUT, /* struct rk_out_flags: RK_OPT_ENUM for its fmt, or a template */
	RK_OPT_GROUP,  /* sub: a table whose offsets are relative to off; help: its heading */
};

/* What a value has to be the name of; anything else, also "", is a usage error, before any request. */
enum rk_opt_names {
	RK_NAMES_ANYTHING,
	RK_NAMES_NAMESPACE, /* a label; of Services, too */
	RK_NAMES_OBJECT,    /* a subdomain */
	RK_NAMES_REF,	    /* "[NAMESPACE/]OBJECT" */
	RK_NAMES_HOST,	    /* each of a list; "*." may precede it */
};

struct rk_opt {
	const char *name;	  /* long name without dashes; NULL ends the table */
	char key;		  /* short, or 0 */
	uint8_t kind;		  /* enum rk_opt_kind */
	uint16_t off;		  /* offsetof in the tool's struct opts */
	const char *arg;	  /* placeholder: "NAME", "FILE", "DURATION" */
	const char *help;	  /* one sentence without full stop */
	const char *choices;	  /* RK_OPT_ENUM: "none|client|server" */
	const char *optional;	  /* value when given without one (--dry-run); only after = else;
				   * "": what follows the flag is not for this tool to parse */
	const char *env;	  /* environment variable, or NULL */
	const struct rk_opt *sub; /* RK_OPT_GROUP */
	const char *complete;	  /* what completes it: "file", "dir", "cluster", "context",
				   * "namespace", or fixed words "a|b"; NULL: nothing */
	uint8_t names;		  /* enum rk_opt_names */
	bool dry; /* makes every connection one that changes nothing (rk_kube_set_dry): of
		   * RK_OPT_ENUM its value is the mode, RK_OPT_FLAG is a server dry run */
};
/* The rows of a table. member is a member of OPT_STRUCT and must have the type of its kind; after the
 * placeholder and the help come further fields, such as .key = 'l' or .complete = "file".
 *
 *	OPT_STR("selector", selector, "LABELS", "only objects with these labels", .key = 'l'),
 *	OPT_GROUP_KUBE(kube),
 *	OPT_END,
 *
 * OPT_STRUCT is `struct opts` unless a file defines another before it includes this header. */
#ifndef OPT_STRUCT
#define OPT_STRUCT struct opts
#endif
#define RK_OPT_OFF_(member, type)                                                    \
	(offsetof(OPT_STRUCT, member) +                                              \
		0 * sizeof(char[__builtin_types_compatible_p(                        \
					__typeof__(((OPT_STRUCT *)0)->member), type) \
					? 1                                          \
					: -1]))
#define RK_OPT_(kind_, name_, member, type, ...)                                         \
	{                                                                                \
		.name = name_, .kind = RK_OPT_##kind_, .off = RK_OPT_OFF_(member, type), \
		__VA_ARGS__                                                              \
	}
#define OPT_FLAG(name, member, ...)  RK_OPT_(FLAG, name, member, bool, NULL, __VA_ARGS__)
#define OPT_STR(name, member, ...)   RK_OPT_(STR, name, member, const char *, __VA_ARGS__)
#define OPT_INT(name, member, ...)   RK_OPT_(INT, name, member, int64_t, __VA_ARGS__)
#define OPT_DUR(name, member, ...)   RK_OPT_(DUR, name, member, int64_t, "DURATION", __VA_ARGS__)
#define OPT_SECS(name, member, ...)  RK_OPT_(SECS, name, member, int64_t, "DURATION", __VA_ARGS__)
#define OPT_LIFE(name, member, ...)  RK_OPT_(LIFE, name, member, int64_t, __VA_ARGS__)
#define OPT_DAYS(name, member, ...)  RK_OPT_(DAYS, name, member, int64_t, __VA_ARGS__)
#define OPT_LIST(name, member, ...)  RK_OPT_(LIST, name, member, struct rk_strv, __VA_ARGS__)
#define OPT_CSV(name, member, ...)   RK_OPT_(CSV, name, member, struct rk_strv, __VA_ARGS__)
#define OPT_COUNT(name, member, ...) RK_OPT_(COUNT, name, member, int, __VA_ARGS__)
#define OPT_ENUM(name, member, choices_, ...) \
	RK_OPT_(ENUM, name, member, int, NULL, __VA_ARGS__, .choices = choices_)
#define OPT_GROUP(table, member, heading)                                              \
	{                                                                              \
		.name = "", .kind = RK_OPT_GROUP, .off = offsetof(OPT_STRUCT, member), \
		.sub = table, .help = heading                                          \
	}
#define OPT_GROUP_KUBE(member)	  OPT_GROUP(rk_opts_kube, member, "Connection flags")
#define OPT_GROUP_VIRTUAL(member) OPT_GROUP(rk_opts_virtual, member, "Connection flags")
#define OPT_GROUP_OUT(member)	  OPT_GROUP(rk_opts_out, member, "Output flags")
/* For tools that print a list; member: the struct rk_out_flags. */
#define OPT_SORT_BY(member)                        \
	OPT_STR("sort-by", member.sort_by, "PATH", \
		"sort the list by this JSONPath, for example .name")
#define OPT_DRY_RUN(member)                               \
	OPT_ENUM("dry-run", member, "none|client|server", \
		"show what would be done without doing it", .optional = "client", .dry = true)
#define OPT_END              \
	{                    \
		.name = NULL \
	}

/* Groups shared by the tools: struct rk_kube_flags, struct rk_out_flags. */
extern const struct rk_opt rk_opts_kube[]; /* --kubeconfig --context --cluster --user -n -s … */
struct rk_out_flags {
	int fmt; /* enum rk_fmt; RK_FMT_JSON also for a template, which rk_print_val obeys */
	bool no_headers;
	const char *template; /* "jsonpath=TEMPLATE" and similar, or NULL */
	const char *sort_by;  /* OPT_SORT_BY; rk_jsonpath_sort takes it */
};
/* -o table|wide|json|yaml|name|jsonpath=TEMPLATE|custom-columns=SPEC, --no-headers */
extern const struct rk_opt rk_opts_out[];
/* For tools that print only lines of outcomes: RK_USAGE when -o asks for a document. */
int rk_cli_lines_only(const struct rk_out_flags *o, struct rk_err *err) RK_MUST_USE;
extern const struct rk_opt rk_opts_virtual[]; /* --virtual, for tools that rk_connect */

/* A verb (`kubeconfig get`). Without an option that is a dry run it can only read from a cluster: its
 * connections refuse to send a write. One without a name is the tool itself: the only verb, or what runs
 * when the first positional names no other. All verbs of a tool share one struct opts. */
struct rk_verb {
	const char *name;    /* NULL: the tool itself */
	const char *args;    /* "[CLUSTER]" for the usage line */
	const char *summary; /* one line */
	const struct rk_opt *opts;
	int min_args, max_args; /* positionals; max <0: any number */
	const char *complete;	/* what completes positionals, as in rk_opt */
	/* argv: the positionals. Returns 0, -1 with err, or an exit code for an answer that is not an
	 * error and has been printed already (`--diff`: 1). */
	int (*run)(void *opts, int argc, char **argv, struct rk_err *err);
	/* From docs/help/NAME.txt; each may be NULL. */
	const char *description, *exit_status; /* of a verb with a name */
	const char *examples; /* lines that begin with a blank, shown last in --help */
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
	/* The five texts above and the verbs' examples, as in docs/help/NAME.txt: paragraphs of the
	 * description, then sections that begin with a line "Files:", "Exit status:", "See also:",
	 * "Examples:" or, of a verb, "Examples VERB:". rk_help is the file of this tool. */
	const char *help;
};
extern const char rk_help[];

/* The whole of main: fds 0-2 open, no core dumps, signals, parse, run, flush stdout, print the
 * error and hint, exit code. Also answers --help, --version, --summary, __complete WORDS…
 * (conventions of kubectl_complete-*), and __man (roff on stdout). Every tool also has -v, -q and
 * --color. SIGPIPE is ignored from here on: a child that is started gets the default back. */
int rk_main(const struct rk_cmd *cmd, int argc, char **argv);

/* The two ends of rk_main, for the dispatcher, which has no table. name: the prefix of
 * messages ("rk3k-cert-sync"). rk_finish takes what run() returned, flushes stdout, prints the error,
 * removes temporaries and returns the exit code; with err->code 128+n it dies by signal n. */
void rk_init(const char *name);
int rk_finish(int ret, struct rk_err *err);

extern const char rk_exit_codes[]; /* what every --help says of them */

/* "kubectl rk3k", or "helm rk3k" when helm started us. */
const char *rk_usage_prefix(void);

#endif
