// SPDX-License-Identifier: Apache-2.0
/* A table that is shown again and again: redrawn in place on a terminal, else only the rows that
 * changed. */
#include "internal.h"

#include <sys/ioctl.h>

struct rk_live {
	size_t keys, state, ignored; /* columns, without that of the time */
	struct rk_table *last;	     /* what was shown, the time first */
	struct rk_strv notes;	     /* printed with it */
	size_t *widths;		     /* the widest cells so far */
	bool headed;
};

/* The block on the terminal. There is one, as there is one standard output. */
static struct {
	struct rk_buf text;
	size_t width, rows; /* of the terminal, in it */
	bool shown;
} block = {.text = RK_BUF_INIT};

struct rk_live *rk_live_new(size_t keys, size_t state, size_t ignored)
{
	struct rk_live *l = rk_calloc(1, sizeof(*l));

	*l = (struct rk_live){.keys = keys, .state = state, .ignored = ignored};
	return l;
}

/* copy: the notes of now, or NULL. */
static void keep_notes(struct rk_strv *notes, const struct rk_strv *copy)
{
	for (size_t i = 0; i < notes->n; i++)
		free((void *)(uintptr_t)notes->v[i]);
	rk_strv_release(notes);
	for (size_t i = 0; copy && i < copy->n; i++)
		rk_strv_add(notes, rk_strdup(copy->v[i]));
}

void rk_live_free(struct rk_live *l)
{
	if (!l)
		return;
	rk_table_free(l->last);
	keep_notes(&l->notes, NULL);
	free(l->widths);
	free(l);
	rk_buf_release(&block.text);
	block.shown = false;
}

/* --- what changed --- */

/* A row of t behind a time; out is made by its first row, the header. */
static void add_timed(
	struct rk_table **out, const char *time, const struct rk_table *t, const char *const *row)
{
	rk_auto_free const char **cells = rk_calloc(t->n + 1, sizeof(*cells));

	cells[0] = time;
	memcpy(cells + 1, row, t->n * sizeof(*cells));
	if (*out)
		rk_table_cells(*out, cells);
	else
		*out = rk_table_new(cells, t->n + 1);
	rk_table_wide(*out, t->wide + 1);
}

/* Whether the cells before n are the same, but the ignored one. */
static bool same(const char *const *a, const char *const *b, size_t n, size_t ignored)
{
	for (size_t i = 0; i < n; i++)
		if (i != ignored && !rk_streq(a[i], b[i]))
			return false;
	return true;
}

/* Take over t with the time at which each row became so; changes gets the rows that are new, and of each one
 * whose object was deleted its key and "deleted". A row was before what no other row of the same key was. */
static void compare(
	struct rk_live *l, const struct rk_table *t, const char *time, struct rk_table **changes)
{
	struct rk_table *last = l->last, *next = NULL;
	const char *const *rows = (const char *const *)t->cells;
	const char *const *old = last ? (const char *const *)last->cells : NULL;
	const size_t nlast = last ? last->rows : 0, n = t->n;
	rk_auto_free bool *taken = rk_calloc(nlast + 1, sizeof(*taken));

	add_timed(&next, "TIME", t, rows);
	add_timed(changes, "TIME", t, rows);
	for (size_t row = 1; row < t->rows; row++) {
		const char *const *r = rows + row * n, *const * before;
		size_t i = 1;
		bool is_new;

		while (i < nlast &&
			(taken[i] || !same(r, old + i * (n + 1) + 1, l->keys, SIZE_MAX)))
			i++;
		before = i < nlast ? old + i * (n + 1) : NULL;
		is_new = !before || !same(r, before + 1, n, l->ignored);
		taken[i < nlast ? i : 0] = true;
		add_timed(&next, is_new ? time : before[0], t, r);
		if (is_new)
			add_timed(changes, time, t, r);
	}
	for (size_t i = 1; i < nlast; i++) {
		rk_auto_free const char **cells = rk_calloc(n, sizeof(*cells));

		for (size_t col = 0; col < n; col++)
			cells[col] = col < l->keys ? old[i * (n + 1) + 1 + col] : "";
		cells[l->state] = "deleted";
		if (!taken[i])
			add_timed(changes, time, t, cells);
	}
	rk_table_free(last);
	l->last = next;
}

/* --- on a terminal: the whole table, where the last one was --- */

/* Rows and columns of the terminal. */
static struct winsize terminal_size(void)
{
	struct winsize w = {0};

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) < 0 || !w.ws_col || !w.ws_row)
		w = (struct winsize){.ws_row = 24, .ws_col = 80};
	return w;
}

/* Lines of text into the block, as many as the terminal has room for. */
static void fill_block(const char *text)
{
	struct winsize w = terminal_size();
	size_t room = w.ws_row > 2 ? w.ws_row - 2 : 1;

	rk_buf_reset(&block.text);
	block.width = w.ws_col;
	block.rows = 0;
	for (size_t n; *text; text += n + 1) {
		size_t columns, rows;

		n = strcspn(text, "\n");
		columns = rk_out_columns(text, n);
		rows = columns ? (columns + w.ws_col - 1) / w.ws_col : 1;
		if (block.rows + rows > room) {
			rk_buf_puts(&block.text, "...\n"); /* the terminal is too small */
			block.rows++;
			return;
		}
		rk_buf_put(&block.text, text, n + 1);
		block.rows += rows;
	}
}

/* It is unknown how a terminal broke the lines when its width changed: then they stay, and the next
 * block is drawn below. */
void rk_live_hide(struct rk_buf *b)
{
	if (block.shown && block.rows && terminal_size().ws_col == block.width)
		rk_buf_addf(b, "\r\033[%zuA\033[J", block.rows);
}

void rk_live_show_again(struct rk_buf *b)
{
	if (block.shown)
		rk_buf_put(b, block.text.s, block.text.len);
}

void rk_live_show(
	struct rk_live *l, const struct rk_table *t, bool headers, const struct rk_strv *notes)
{
	const bool terminal = isatty(STDOUT_FILENO) && !rk_out_dumb();
	struct rk_table *changes = NULL, *shown;
	rk_auto_buf text = RK_BUF_INIT, out = RK_BUF_INIT;
	char time[RK_STAMP_MAX];

	rk_out_stamp_now(terminal, time);
	compare(l, t, time, &changes);
	shown = terminal ? l->last : changes;
	if (terminal || !l->widths) {
		free(l->widths);
		l->widths = rk_calloc(shown->n, sizeof(*l->widths));
	}
	rk_table_widths(shown, l->widths);
	if (shown->rows > 1 && headers && !l->headed) {
		rk_table_line(shown, 0, shown->wide, l->widths, &text);
		l->headed = !terminal; /* in a pipe once */
	}
	for (size_t row = 1; row < shown->rows; row++)
		rk_table_line(shown, row, shown->wide, l->widths, &text);
	if (!terminal)
		rk_print_buf(&text);
	for (size_t i = 0; i < notes->n; i++) {
		if (terminal) {
			rk_printable(&text, notes->v[i], strlen(notes->v[i]), " ");
			rk_buf_putc(&text, '\n');
		} else if (!rk_strv_has(&l->notes, notes->v[i])) {
			rk_note("%s", notes->v[i]);
		}
	}
	if (terminal) {
		rk_live_hide(&out);
		fill_block(text.s);
		block.shown = true;
		rk_live_show_again(&out);
		rk_print_buf(&out);
	}
	rk_table_free(changes);
	keep_notes(&l->notes, notes);
}
