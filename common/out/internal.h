// SPDX-License-Identifier: Apache-2.0
/* what the files of out share. */
#ifndef RK_OUT_INTERNAL_H
#define RK_OUT_INTERNAL_H

#include "out/out.h"

#include <stdarg.h>

/* How messages are printed. */
struct rk_out {
	const char *name;
	int verbosity;
	bool quiet, stamped;
	bool marked; /* stderr is read by rk_voice, which expects marked lines */
	enum rk_color color;
};
extern struct rk_out rk_out;

struct rk_table {
	size_t n, wide; /* columns; from `wide` on only with -o wide */
	char **cells;	/* rows of n; the first is the header */
	size_t rows;
};
/* Make each of the t->n widths as large as the widest cell of its column, with the space after it. */
void rk_table_widths(const struct rk_table *t, size_t *widths);
/* The first n cells of a row. */
void rk_table_line(
	const struct rk_table *t, size_t row, size_t n, const size_t *widths, struct rk_buf *out);

/* The local time: "2025-01-31T10:20:30+01:00", or in short "10:20:30". */
enum { RK_STAMP_MAX = 40 };
void rk_out_stamp_now(bool brief, char out[RK_STAMP_MAX]);

/* Bytes that take the table of rk_live_show off the screen before other text, and put it back. */
void rk_live_hide(struct rk_buf *b);
void rk_live_show_again(struct rk_buf *b);
/* The same for the progress line. */
void rk_progress_hide(struct rk_buf *b);
void rk_progress_show(struct rk_buf *b);

bool rk_out_dumb(void); /* a terminal, if any, cannot move its cursor */
bool rk_out_tty(void);	/* stderr can rewrite a line */

/* Beginning of a marked line, followed by an enum rk_mark. No text that we print has this byte. */
#define RK_MARK '\036'

enum rk_mark {
	RK_MARK_STEP = 'S', /* of the script: "N/M", tab, title, tab, how long it usually takes */
	RK_MARK_DONE = 'D', /* of the script: exit status of the step, tab, how to go on */
	RK_MARK_END = 'Z',  /* of the script: what it comes to, tab, and when nothing changed */
	RK_MARK_LIVE = 'p', /* what is awaited now */
	RK_MARK_NOTE = 'n',
	RK_MARK_WARNING = 'w',
	RK_MARK_ERROR = 'e',
	RK_MARK_HINT = 'h',
};
void rk_out_mark(enum rk_mark mark, const char *text);

/* Print the tree by the template of rk_out_template; false when there is none. */
bool rk_print_by_template(const struct rk_val *v);

/* Makes the next rk_out_flush fail with this. */
void rk_out_failed(const struct rk_err *err);

/* All of b to stderr, unbuffered; the second above the progress line. */
void rk_out_err(const struct rk_buf *b);
void rk_out_above(const struct rk_buf *b);

enum rk_paint { RK_RED = 31, RK_GREEN = 32, RK_YELLOW = 33 };
/* Append a mark, in colour where stderr may have it. */
void rk_out_paint(struct rk_buf *b, enum rk_paint paint, const char *mark);

/* Formatted text made safe for a terminal, each line break as nl says. The caller frees. */
char *rk_out_text(const char *nl, const char *fmt, va_list ap);

#endif
