// SPDX-License-Identifier: Apache-2.0
/* out - what people and programs see: tables, json, yaml, name; progress; questions; diffs.
 *
 * stdout is data; everything for a person is written to stderr after the program's name. Control
 * characters in anything printed to a person are made harmless. Colour only on a terminal, not
 * with NO_COLOR (set at all) or TERM=dumb. */
#ifndef RK_OUT_H
#define RK_OUT_H

#include "base/base.h"
#include "data/data.h"

enum rk_fmt { RK_FMT_TABLE, RK_FMT_WIDE, RK_FMT_JSON, RK_FMT_YAML, RK_FMT_NAME };

/* stdout, buffered by us; rk_finish flushes it and reports a full disk. EPIPE ends quietly. */
void rk_print(const char *s);
void rk_print_buf(const struct rk_buf *b);
/* Of printf: %s, %d, %u, %zu and their like, with a width. Each text is made fit for a terminal and a
 * line break in it is shown as ^J: no name can forge a line or an escape sequence. */
void rk_printf(const char *fmt, ...) RK_PRINTF(1, 2);
/* The same, a line that tells of an event. */
void rk_event(const char *fmt, ...) RK_PRINTF(1, 2);
/* A tree as JSON (pretty) or YAML (sorted), or as rk_out_template says. A template that fails for this tree
 * makes rk_out_flush fail. */
void rk_print_val(enum rk_fmt fmt, const struct rk_val *v);
/* From here on trees are printed by a template of kubectl's: "jsonpath=TEMPLATE", "jsonpath-as-json=",
 * "jsonpath-file=", "custom-columns=HEADER:PATH,...", "custom-columns-file=". Columns have a line for
 * each item of a list, with headers if `headers` is set. Once in a process. Errors: RK_USAGE; those of
 * rk_file_read. */
int rk_out_template(const char *text, bool headers, struct rk_err *err) RK_MUST_USE;
/* Whether text is a template; *known: whether rk_out_template takes it. */
bool rk_out_is_template(const char *text, bool *known);

/* stderr: "rk3k-tool: text". note: hidden by -q. warn: always. debug: with -v. */
void rk_note(const char *fmt, ...) RK_PRINTF(1, 2);
void rk_warn(const char *fmt, ...) RK_PRINTF(1, 2);
void rk_debug(const char *fmt, ...) RK_PRINTF(1, 2);
void rk_debug_line(const char *line); /* a function for rk_http_trace */
/* A note that a person who follows a whole deployment does without. */
void rk_aside(const char *fmt, ...) RK_PRINTF(1, 2);
/* A note without the program's name: for lists and reports to a person. */
void rk_say(const char *fmt, ...) RK_PRINTF(1, 2);
/* "prog: message; hint". */
void rk_out_error(const struct rk_err *err);

enum rk_color { RK_COLOR_AUTO, RK_COLOR_ALWAYS, RK_COLOR_NEVER };
/* Set once by rk_main: the name before messages, -v, -q and --color. */
void rk_out_init(const char *name, int verbosity, bool quiet, enum rk_color color);
int rk_verbosity(void);
/* From here on notes, warnings and events begin with the local time (RFC 3339): for what keeps running. */
void rk_out_stamp(void);
/* Flush stdout. Errors: RK_FAIL (full disk, a template that failed); a closed pipe ends the process by SIGPIPE. */
int rk_out_flush(struct rk_err *err) RK_MUST_USE;
/* From here on a closed pipe on stdout does not end the program at once: rk_out_flush fails with the
 * code of SIGPIPE, so that what was made elsewhere for the reader can be taken back. */
void rk_out_note_closed_pipe(void);
/* Columns of the terminal on fd (COLUMNS first); 0 when it is none. */
size_t rk_out_width(int fd);
/* Characters of s, of at most n bytes. */
size_t rk_out_columns(const char *s, size_t n);

/* What is printed instead of a secret. */
#define RK_MASK "***"
/* Append s with RK_MASK for what looks like a secret: the password of a URL, a value of "...password=" and
 * similar, of a JSON member so named, of an Authorization header. */
void rk_mask(struct rk_buf *out, const char *s, size_t n);
/* Put RK_MASK for each value of v that secret() accepts, and mask all other text as rk_mask does. A masked
 * value gets `side`, such as " (before)", behind it when it differs from the value at the same place of
 * other, which may be NULL. */
void rk_mask_tree(struct rk_doc *d, struct rk_val *v, const struct rk_val *other, const char *side,
	bool (*secret)(const struct rk_val *v));
/* Whether v is in the data or stringData of a Secret: for rk_mask_tree. */
bool rk_mask_secret_data(const struct rk_val *v);
/* Append what another program said, line by line, each behind "who: " (nothing when who is empty),
 * masked and fit for a terminal; or print it on stderr. */
void rk_out_plain(struct rk_buf *out, const char *who, const char *s, size_t n);
void rk_out_said(const char *who, const char *s, size_t n);

/* kubectl's table: columns padded to the widest cell plus 3, widths in characters; a cell is cut at
 * a line break. Empty cells stay empty. wide columns are printed with RK_FMT_WIDE only. */
struct rk_table;
struct rk_table *rk_table_new(const char *const *headers, size_t n);
void rk_table_wide(struct rk_table *t, size_t from); /* columns from here on are wide */
/* Exactly n cells as const char *; NULL prints <none>. */
void rk_table_cells(struct rk_table *t, const char *const *cells);
#define rk_table_row(t, ...) rk_table_cells(t, (const char *const[]){__VA_ARGS__})
void rk_table_print(struct rk_table *t, enum rk_fmt fmt, bool headers);
void rk_table_free(struct rk_table *t);

/* A table that is shown again whenever it may have changed (--watch), with the time of each row's last
 * change before it. On a terminal the last one is redrawn in place, with notes below it; elsewhere the
 * header comes once and then each row that changed, and notes are printed when they are new. Rows are the
 * same when their first `keys` cells are; a deleted one is shown once with "deleted" in the column
 * `state`. A change of the column `ignored` alone is none (SIZE_MAX: no such column). */
struct rk_live;
struct rk_live *rk_live_new(size_t keys, size_t state, size_t ignored);
void rk_live_show(
	struct rk_live *l, const struct rk_table *t, bool headers, const struct rk_strv *notes);
void rk_live_free(struct rk_live *l);

/* Progress on stderr. On a terminal one line is rewritten in place with elapsed time; elsewhere a
 * plain line for each change, and at least one every 30 s. */
struct rk_progress;
struct rk_progress *rk_progress_begin(const char *fmt, ...) RK_PRINTF(1, 2);
void rk_progress_set(struct rk_progress *p, const char *fmt, ...) RK_PRINTF(2, 3);
void rk_progress_tick(struct rk_progress *p);
/* End with a last line: "✓ text (12s)" / "✗ text"; or without one on a terminal. Both free p, which drop
 * accepts as NULL. */
void rk_progress_end(struct rk_progress *p, bool ok, const char *fmt, ...) RK_PRINTF(3, 4);
void rk_progress_drop(struct rk_progress *p);

/* What deploy and destroy tell the tools they start. LINES: messages as always, but the host cluster has
 * been named already. MARKS: stderr is a pipe to rk_voice, and each message says of which kind it is. */
#define RK_VOICE_ENV   "RK3K_VOICE"
#define RK_VOICE_LINES "lines"
#define RK_VOICE_MARKS "marks"
/* Whether the caller has named the host cluster. */
bool rk_voice_is_named(void);
/* The one voice of deploy or destroy on a terminal: reads what their steps write to stderr on
 * standard input, and what they write to stdout from the file data; shows the step at work in
 * one line that is rewritten, a line for each step that is done, warnings at once, the error and the hint
 * of one that failed. Steps are held back until one of them has changed something. Returns at end of
 * input; interrupts are the business of the writers. Once in a process. */
void rk_voice(int data);

/* "TITLE  ✓ 16 passed  ! 1 warning  ✗ 2 failed" on stderr; what there is none of is left out. */
void rk_summary(const char *title, size_t passed, size_t warnings, size_t failed);
/* "  ! what  text" or "  ✗ what  text" below it. */
void rk_finding(bool failed, const char *what, const char *text);

/* Ask on /dev/tty; -1 with RK_USAGE when there is none (never hangs). hidden: echo off. */
int rk_ask(
	const char *question, bool hidden, struct rk_buf *answer, struct rk_err *err) RK_MUST_USE;
/* 1 for yes, 0 for anything else. No terminal: -1, RK_USAGE, hint --yes. */
int rk_confirm(const char *question, struct rk_err *err) RK_MUST_USE;

/* Append the unified diff (as of `diff -u`) of a to b under these names; nothing when they are equal. Returns
 * whether they differ. Texts too large for an exact comparison (their changed parts' lines multiply to
 * more than four million) come as one block taken out and one put in. */
bool rk_diff(
	const char *a, const char *b, const char *name_a, const char *name_b, struct rk_buf *out);

#endif
