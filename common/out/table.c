// SPDX-License-Identifier: Apache-2.0
#include "internal.h"

/* kubectl's: cut at a line break, which "..." shows. */
static char *cell(const char *s)
{
	rk_auto_buf b = RK_BUF_INIT;
	size_t n;

	if (!s)
		s = "<none>";
	n = strcspn(s, "\n\r\f");
	rk_printable(&b, s, n, "");
	if (s[n])
		rk_buf_puts(&b, "...");
	return rk_buf_detach(&b);
}

void rk_table_cells(struct rk_table *t, const char *const *cells)
{
	t->cells = rk_realloc(t->cells, (t->rows + 1) * t->n * sizeof(*t->cells));
	for (size_t i = 0; i < t->n; i++)
		t->cells[t->rows * t->n + i] = cell(cells[i]);
	t->rows++;
}

struct rk_table *rk_table_new(const char *const *headers, size_t n)
{
	struct rk_table *t = rk_calloc(1, sizeof(*t));

	t->n = t->wide = n;
	rk_table_cells(t, headers);
	return t;
}

void rk_table_wide(struct rk_table *t, size_t from)
{
	t->wide = from;
}

void rk_table_widths(const struct rk_table *t, size_t *widths)
{
	for (size_t i = 0; i < t->n * t->rows; i++) {
		size_t w = rk_out_columns(t->cells[i], SIZE_MAX) + 3, *max = &widths[i % t->n];

		*max = w > *max ? w : *max;
		*max = *max > 6 ? *max : 6;
	}
}

void rk_table_line(
	const struct rk_table *t, size_t row, size_t n, const size_t *widths, struct rk_buf *out)
{
	for (size_t i = 0; i < n; i++) {
		const char *s = t->cells[row * t->n + i];
		size_t pad = i + 1 < n ? widths[i] - rk_out_columns(s, SIZE_MAX) : 0;

		rk_buf_addf(out, "%s%*s", s, (int)pad, "");
	}
	rk_buf_putc(out, '\n');
}

void rk_table_print(struct rk_table *t, enum rk_fmt fmt, bool headers)
{
	rk_auto_free size_t *widths = rk_calloc(t->n + 1, sizeof(*widths));
	rk_auto_buf out = RK_BUF_INIT;

	rk_table_widths(t, widths);
	for (size_t row = !headers; row < t->rows; row++)
		rk_table_line(t, row, fmt == RK_FMT_WIDE ? t->n : t->wide, widths, &out);
	rk_print_buf(&out);
}

void rk_table_free(struct rk_table *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->n * t->rows; i++)
		free(t->cells[i]);
	free(t->cells);
	free(t);
}
