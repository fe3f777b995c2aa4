// SPDX-License-Identifier: Apache-2.0
#include "internal.h"

#include <stdarg.h>

/* A wait without output for longer looks dead in a CI log. */
#define SILENCE_MAX 30000

struct rk_progress {
	char *text;
	int64_t begun, said; /* of the monotonic clock */
	bool tty;
};

static struct rk_progress *shown; /* the one whose line is on the terminal */

static char *vtext(const char *fmt, va_list ap)
{
	rk_auto_free char *raw = NULL;
	rk_auto_buf b = RK_BUF_INIT;
	int n = vasprintf(&raw, fmt, ap);

	if (n < 0)
		raw = NULL;
	rk_printable(&b, raw, n < 0 ? 0 : (size_t)n, " ");
	return b.len ? rk_buf_detach(&b) : rk_strdup("");
}

size_t rk_out_clip(struct rk_buf *b, const char *s, size_t n)
{
	const char *end = s;
	size_t count = 0;

	for (; *end; end++)
		if (((unsigned char)*end & 0xc0) != 0x80 && count++ == n)
			break;
	rk_buf_put(b, s, (size_t)(end - s));
	return *end ? n : count;
}

void rk_progress_hide(struct rk_buf *b)
{
	if (shown)
		rk_buf_puts(b, "\r\033[K");
}

static void age_of(const struct rk_progress *p, char age[16])
{
	rk_age((rk_now_ms() - p->begun) / 1000, age);
}

void rk_progress_show(struct rk_buf *b)
{
	char age[16];
	size_t width, used;

	if (!shown)
		return;
	age_of(shown, age);
	width = rk_out_width(STDERR_FILENO);
	used = strlen(age) + 4;
	rk_out_clip(b, shown->text, width > used ? width - used : 0);
	rk_buf_addf(b, " (%s)", age);
}

/* The text as it is now: the line rewritten, or a new line. */
static void draw(struct rk_progress *p, bool changed)
{
	rk_auto_buf b = RK_BUF_INIT;
	char age[16];

	if (p->tty) {
		rk_progress_hide(&b);
		rk_progress_show(&b);
		rk_out_err(&b);
	} else if (rk_out_marked()) {
		if (changed)
			rk_out_mark(RK_MARK_LIVE, p->text);
	} else if (changed || rk_now_ms() - p->said >= SILENCE_MAX) {
		p->said = rk_now_ms();
		age_of(p, age);
		rk_note("%s (%s)", p->text, age);
	}
}

struct rk_progress *rk_progress_begin(const char *fmt, ...)
{
	struct rk_progress *p = rk_calloc(1, sizeof(*p));
	va_list ap;

	va_start(ap, fmt);
	p->text = vtext(fmt, ap);
	va_end(ap);
	p->begun = p->said = rk_now_ms();
	p->tty = rk_out_tty() && !rk_quiet();
	if (p->tty) {
		shown = p;
		draw(p, true);
	} else if (!rk_out_marked()) { /* else the step has been named */
		rk_note("%s", p->text);
	}
	return p;
}

void rk_progress_set(struct rk_progress *p, const char *fmt, ...)
{
	rk_auto_free char *old = p->text;
	va_list ap;

	va_start(ap, fmt);
	p->text = vtext(fmt, ap);
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
	char age[16];
	bool tty = p->tty;
	va_list ap;

	va_start(ap, fmt);
	text = vtext(fmt, ap);
	va_end(ap);
	age_of(p, age);
	rk_progress_drop(p);
	if (!tty) {
		if (!rk_out_marked())
			rk_note("%s %s (%s)", mark, text, age);
		return;
	}
	if (rk_out_color())
		rk_buf_addf(&b, "\033[%dm%s\033[0m %s (%s)\n", ok ? 32 : 31, mark, text, age);
	else
		rk_buf_addf(&b, "%s %s (%s)\n", mark, text, age);
	rk_out_err(&b);
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
