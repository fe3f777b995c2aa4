// SPDX-License-Identifier: Apache-2.0
#include "internal.h"

#include <stdarg.h>

/* A wait without output for longer looks dead in a CI log. */
#define SILENCE_MAX 30000

struct rk_progress {
	char *text, age[16];
	int64_t begun, said; /* of the monotonic clock */
	bool tty;
};

static struct rk_progress *shown; /* the one whose line is on the terminal */

void rk_progress_hide(struct rk_buf *b)
{
	if (shown)
		rk_buf_puts(b, "\r\033[K");
}

void rk_progress_show(struct rk_buf *b)
{
	size_t width = rk_out_width(STDERR_FILENO), used, n;

	if (!shown)
		return;
	rk_age((rk_now_ms() - shown->begun) / 1000, shown->age);
	used = strlen(shown->age) + 4;
	for (n = 0; shown->text[n]; n++)
		if (rk_out_columns(shown->text + n, 1) && ++used > width)
			break;
	rk_buf_put(b, shown->text, n);
	rk_buf_addf(b, " (%s)", shown->age);
}

/* The text as it is now: the line rewritten, or a new line. */
static void draw(struct rk_progress *p, bool changed)
{
	rk_auto_buf b = RK_BUF_INIT;

	rk_age((rk_now_ms() - p->begun) / 1000, p->age);
	if (p->tty) {
		rk_progress_hide(&b);
		rk_progress_show(&b);
		rk_out_err(&b);
	} else if (rk_out.marked) {
		if (changed)
			rk_out_mark(RK_MARK_LIVE, p->text);
	} else if (changed || rk_now_ms() - p->said >= SILENCE_MAX) {
		p->said = rk_now_ms();
		rk_note("%s (%s)", p->text, p->age);
	}
}

struct rk_progress *rk_progress_begin(const char *fmt, ...)
{
	struct rk_progress *p = rk_calloc(1, sizeof(*p));
	va_list ap;

	va_start(ap, fmt);
	p->text = rk_out_text(" ", fmt, ap);
	va_end(ap);
	p->begun = p->said = rk_now_ms();
	p->tty = rk_out_tty() && !rk_out.quiet;
	if (p->tty) {
		shown = p;
		draw(p, true);
	} else if (!rk_out.marked) { /* else the step has been named */
		rk_note("%s", p->text);
	}
	return p;
}

void rk_progress_set(struct rk_progress *p, const char *fmt, ...)
{
	rk_auto_free char *old = p->text;
	va_list ap;

	va_start(ap, fmt);
	p->text = rk_out_text(" ", fmt, ap);
	va_end(ap);
	draw(p, !rk_streq(old, p->text));
}

void rk_progress_tick(struct rk_progress *p)
{
	draw(p, false);
}

void rk_progress_end(struct rk_progress *p, bool ok, const char *fmt, ...)
{
	const char *mark = ok ? "✓" : "✗";
	rk_auto_free char *text = NULL;
	rk_auto_buf b = RK_BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	text = rk_out_text(" ", fmt, ap);
	va_end(ap);
	rk_age((rk_now_ms() - p->begun) / 1000, p->age);
	if (p->tty) {
		rk_progress_hide(&b);
		rk_out_paint(&b, ok ? RK_GREEN : RK_RED, mark);
		rk_buf_addf(&b, " %s (%s)\n", text, p->age);
		rk_out_err(&b);
		shown = NULL;
	} else if (!rk_out.marked) {
		rk_note("%s %s (%s)", mark, text, p->age);
	}
	rk_progress_drop(p);
}

void rk_progress_drop(struct rk_progress *p)
{
	rk_auto_buf b = RK_BUF_INIT;

	if (!p)
		return;
	if (p == shown) {
		rk_progress_hide(&b);
		rk_out_err(&b);
		shown = NULL;
	}
	free(p->text);
	free(p);
}
