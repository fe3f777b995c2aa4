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

static void free_notes(struct rk_strv *notes)
{
	for (size_t i = 0; i < notes->n; i++)
		free((void *)(uintptr_t)notes->v[i]);
	rk_strv_release(notes);
}

void rk_live_free(struct rk_live *l)
{
	if (!l)
		return;
	rk_table_free(l->last);
	free_notes(&l->notes);
	free(l->widths);
	free(l);
	rk_buf_release(&block.text);
	block.shown = false;
}

/* --- what changed --- */

static const char *cell_at(const struct rk_table *t, size_t row, size_t col)
{
	return t->cells[row * t->n + col];
}

/* The row of `last` with the same key, which no other row has taken; 0 when there is none. */
static size_t find_row(
	const struct rk_live *l, const struct rk_table *t, size_t row, const bool *taken)
{
	for (size_t i = 1; l->last && i < l->last->rows; i++) {
		bool same = !taken[i];

		for (size_t col = 0; same && col < l->keys; col++)
			same = rk_streq(cell_at(t, row, col), cell_at(l->last, i, col + 1));
		if (same)
			return i;
	}
	return 0;
}

/* A row of t behind a time. */
static void add_timed(struct rk_table *out, const char *time, const struct rk_table *t, size_t row)
{
	rk_auto_free const char **cells = rk_calloc(t->n + 1, sizeof(*cells));

	cells[0] = time;
	for (size_t i = 0; i < t->n; i++)
		cells[i + 1] = cell_at(t, row, i);
	rk_table_cells(out, cells);
}

static struct rk_table *timed_table(const struct rk_table *t)
{
	rk_auto_free const char **head = rk_calloc(t->n + 1, sizeof(*head));
	struct rk_table *out;

	head[0] = "TIME";
	for (size_t i = 0; i < t->n; i++)
		head[i + 1] = cell_at(t, 0, i);
	out = rk_table_new(head, t->n + 1);
	rk_table_wide(out, t->wide + 1);
	return out;
}

/* The table with the time at which each row became so; changes gets the rows that are new, and of each one
 * whose object was deleted its key and "deleted". */
static struct rk_table *compare(const struct rk_live *l, const struct rk_table *t, const char *time,
	struct rk_table *changes)
{
	struct rk_table *next = timed_table(t);
	size_t nlast = l->last ? l->last->rows : 0;
	rk_auto_free bool *taken = rk_calloc(nlast + 1, sizeof(*taken));
	rk_auto_free const char **cells = rk_calloc(changes->n, sizeof(*cells));

	for (size_t row = 1; row < t->rows; row++) {
		size_t before = find_row(l, t, row, taken);
		bool new = !before;

		for (size_t col = 0; col < t->n && !new; col++)
			new = col != l->ignored &&
			      !rk_streq(cell_at(t, row, col), cell_at(l->last, before, col + 1));
		taken[before] = true;
		add_timed(next, new ? time : cell_at(l->last, before, 0), t, row);
		if (new)
			add_timed(changes, time, t, row);
	}
	for (size_t i = 1; i < nlast; i++) {
		for (size_t col = 0; col < changes->n; col++)
			cells[col] = col <= l->keys ? cell_at(l->last, i, col) : "";
		cells[0] = time;
		cells[l->state + 1] = "deleted";
		if (!taken[i])
			rk_table_cells(changes, cells);
	}
	return next;
}

/* --- in a pipe: what changed --- */

static void append_changes(
	struct rk_live *l, struct rk_table *changes, bool headers, const struct rk_strv *notes)
{
	rk_auto_buf out = RK_BUF_INIT;

	if (!l->widths)
		l->widths = rk_calloc(changes->n, sizeof(*l->widths));
	rk_table_widths(changes, l->widths);
	if (changes->rows > 1 && headers && !l->headed) {
		rk_table_line(changes, 0, l->widths, &out);
		l->headed = true;
	}
	for (size_t row = 1; row < changes->rows; row++)
		rk_table_line(changes, row, l->widths, &out);
	rk_print_buf(&out);
	for (size_t i = 0; i < notes->n; i++)
		if (!rk_strv_has(&l->notes, notes->v[i]))
			rk_note("%s", notes->v[i]);
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
	size_t room = w.ws_row > 2 ? w.ws_row - 2 : 1, n;

	rk_buf_reset(&block.text);
	block.width = w.ws_col;
	block.rows = 0;
	for (; *text; text += n + 1) {
		size_t chars = 0, rows;

		for (n = 0; text[n] != '\n'; n++)
			chars += ((unsigned char)text[n] & 0xc0) != 0x80;
		rows = chars ? (chars + w.ws_col - 1) / w.ws_col : 1;
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

static void redraw(const struct rk_live *l, bool headers, const struct rk_strv *notes)
{
	rk_auto_buf text = RK_BUF_INIT, out = RK_BUF_INIT;
	rk_auto_free size_t *widths = rk_calloc(l->last->n, sizeof(*widths));

	rk_table_widths(l->last, widths);
	for (size_t row = headers && l->last->rows > 1 ? 0 : 1; row < l->last->rows; row++)
		rk_table_line(l->last, row, widths, &text);
	for (size_t i = 0; i < notes->n; i++) {
		rk_printable(&text, notes->v[i], strlen(notes->v[i]), " ");
		rk_buf_putc(&text, '\n');
	}
	rk_live_hide(&out);
	fill_block(text.s);
	block.shown = true;
	rk_live_show_again(&out);
	rk_print_buf(&out);
}

void rk_live_show(
	struct rk_live *l, const struct rk_table *t, bool headers, const struct rk_strv *notes)
{
	bool terminal = isatty(STDOUT_FILENO) && !rk_out_dumb();
	struct rk_table *changes = timed_table(t), *next;
	char time[RK_STAMP_MAX];

	rk_out_stamp_now(terminal, time);
	next = compare(l, t, time, changes);
	rk_table_free(l->last);
	l->last = next;
	if (terminal)
		redraw(l, headers, notes);
	else
		append_changes(l, changes, headers, notes);
	rk_table_free(changes);
	free_notes(&l->notes);
	for (size_t i = 0; i < notes->n; i++)
		rk_strv_add(&l->notes, rk_strdup(notes->v[i]));
}
