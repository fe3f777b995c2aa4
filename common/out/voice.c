// SPDX-License-Identifier: Apache-2.0
/* The progress of deploy and destroy on a terminal: one line for each step, made of what its tools print. */
#include "internal.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>

#define TICK_MS	  120
#define LINE_MAX_ 16384 /* a longer line is cut */
#define DATA_MAX  (1 << 20)
#define TEXT_MAX  (1 << 16) /* of notes and errors of a step */
#define TITLE	  28
#define DETAIL	  18
#define INDENT	  "        "

static struct {
	int data;
	off_t read; /* of data */
	struct rk_buf line;
	/* the step */
	bool active, changed, same; /* what its outcomes say */
	char place[32], *title, *usual;
	int64_t began;
	struct rk_buf live, below, error, hint;
	struct rk_progress *progress;
	unsigned spin;
	/* the run */
	int64_t start;
	bool any;	    /* something was changed, or has to be shown */
	struct rk_buf held; /* lines of steps that changed nothing */
} v = {.line = RK_BUF_INIT_SECRET,
	.live = RK_BUF_INIT,
	.below = RK_BUF_INIT,
	.error = RK_BUF_INIT,
	.hint = RK_BUF_INIT,
	.held = RK_BUF_INIT};

bool rk_voice_is_named(void)
{
	return getenv(RK_VOICE_ENV) != NULL;
}

/* --- what is written --- */

void rk_summary(const char *title, size_t passed, size_t warnings, size_t failed)
{
	const struct {
		enum rk_paint paint;
		const char *mark;
		size_t n;
		const char *what;
	} counts[] = {{RK_GREEN, "✓", passed, "passed"},
		{RK_YELLOW, "!", warnings, warnings == 1 ? "warning" : "warnings"},
		{RK_RED, "✗", failed, "failed"}};
	rk_auto_buf b = RK_BUF_INIT;

	rk_buf_puts(&b, title);
	for (size_t i = 0; i < RK_COUNT(counts); i++) {
		if (!counts[i].n)
			continue;
		rk_buf_puts(&b, "  ");
		rk_out_paint(&b, counts[i].paint, counts[i].mark);
		rk_buf_addf(&b, " %zu %s", counts[i].n, counts[i].what);
	}
	rk_buf_putc(&b, '\n');
	rk_out_above(&b);
}

void rk_finding(bool failed, const char *what, const char *text)
{
	rk_auto_buf b = RK_BUF_INIT;

	rk_buf_puts(&b, "  ");
	rk_out_paint(&b, failed ? RK_RED : RK_YELLOW, failed ? "✗" : "!");
	rk_buf_addf(&b, " %-12s  ", what);
	rk_printable(&b, text, strlen(text), " ");
	rk_buf_putc(&b, '\n');
	rk_out_above(&b);
}

/* s and blanks up to width. */
static void put_padded(struct rk_buf *b, const char *s, size_t width)
{
	size_t used = rk_out_columns(s, SIZE_MAX);

	rk_buf_addf(b, "%s%*s", s, used < width ? (int)(width - used) : 0, "");
}

/* Broken at blanks where the terminal ends. */
static void put_wrapped(struct rk_buf *b, const char *s)
{
	size_t width = rk_out_width(STDERR_FILENO), used = 0, n;

	rk_each_item (word, n, s, " ") {
		if (used && (!width || used + n + 1 <= width)) {
			rk_buf_putc(b, ' ');
			used++;
		} else {
			rk_buf_puts(b, used ? "\n" INDENT : INDENT);
			used = strlen(INDENT);
		}
		rk_buf_put(b, word, n);
		used += n;
	}
	rk_buf_putc(b, '\n');
}

/* From here on every line is shown. */
static void show(const struct rk_buf *text)
{
	v.any = true;
	if (v.held.len)
		rk_out_above(&v.held);
	rk_buf_reset(&v.held);
	rk_out_above(text);
}

/* --- steps --- */

/* The line of the step at work. */
static void draw(void)
{
	static const char *const wheel[] = {"⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"};
	rk_auto_buf text = RK_BUF_INIT;

	if (!v.active || !rk_out_tty())
		return;
	rk_buf_addf(&text, "[%s] %s ", v.place, wheel[v.spin++ % RK_COUNT(wheel)]);
	put_padded(&text, v.title, TITLE);
	rk_buf_addf(&text, " %s", v.live.len ? v.live.s : v.usual);
	if (v.progress)
		rk_progress_set(v.progress, "%s", text.s);
	else
		v.progress = rk_progress_begin("%s", text.s);
}

static void end_line(void)
{
	rk_progress_drop(v.progress);
	v.progress = NULL;
	v.active = false;
}

static void begin_step(char *text)
{
	const char *place = strsep(&text, "\t"), *title = strsep(&text, "\t");
	const char *slash = strchr(place, '/');

	end_line();
	/* in as many columns as "10/10" needs */
	snprintf(v.place, sizeof(v.place), "%*s", slash ? 2 * (int)strlen(slash) - 1 : 0, place);
	free(v.title);
	free(v.usual);
	v.title = rk_strdup(title ? title : "");
	v.usual = rk_strdup(text ? text : "");
	v.began = rk_now_ms();
	v.active = true;
	v.changed = v.same = false;
	rk_buf_reset(&v.live);
	draw();
}

/* What was reported of a failure, by a step or before the first. Commands are not broken, so that they can
 * be copied. */
static void put_fault(struct rk_buf *b, const char *again)
{
	rk_buf_put(b, v.below.s, v.below.len);
	rk_buf_put(b, v.error.s, v.error.len);
	if (v.hint.len)
		rk_buf_addf(b, INDENT "next: %s\n", v.hint.s);
	if (*again)
		rk_buf_addf(b, INDENT "%s: %s\n", v.hint.len ? "then" : "next", again);
	rk_buf_reset(&v.below);
	rk_buf_reset(&v.error);
	rk_buf_reset(&v.hint);
}

static void end_step(char *text)
{
	const char *code = strsep(&text, "\t");
	bool ok = rk_streq(code, "0") || !*code, seen = v.below.len || v.error.len;
	rk_auto_buf b = RK_BUF_INIT, data = RK_BUF_INIT_SECRET;
	char piece[4096], age[16], *rest, *line;
	ssize_t n;

	/* outcomes are data: "TYPE/NAME created", and "unchanged" where nothing was done */
	while (data.len < DATA_MAX && (n = pread(v.data, piece, sizeof(piece), v.read)) > 0) {
		v.read += n;
		rk_buf_put(&data, piece, (size_t)n);
	}
	for (rest = data.s; (line = strsep(&rest, "\n"));) {
		v.same = v.same || rk_suffix(line, " unchanged");
		v.changed = v.changed || (*line && !rk_suffix(line, " unchanged"));
	}
	if (v.active) {
		rk_buf_addf(&b, "[%s] ", v.place);
		rk_out_paint(&b, ok ? RK_GREEN : RK_RED, ok ? "✓" : "✗");
		rk_buf_putc(&b, ' ');
		put_padded(&b, v.title, TITLE);
		rk_buf_putc(&b, ' ');
		put_padded(&b, ok && v.same && !v.changed ? "unchanged" : "", DETAIL);
		rk_age((rk_now_ms() - v.began) / 1000, age);
		rk_buf_addf(&b, "%6s\n", age);
	}
	end_line();
	put_fault(&b, text ? text : "");
	if (!ok || v.changed || seen || v.any)
		show(&b);
	else
		rk_buf_put(&v.held, b.s, b.len);
}

static void end_run(char *text)
{
	const char *changed = strsep(&text, "\t"), *same = strsep(&text, "\t"), *line;
	rk_auto_buf b = RK_BUF_INIT;
	char age[16];

	rk_age((rk_now_ms() - v.start) / 1000, age);
	if (v.any) {
		rk_buf_addf(&b, "\n%s after %s.\n", changed, age);
		while ((line = strsep(&text, "\t")))
			rk_buf_addf(&b, "  %s\n", line);
	} else {
		rk_out_paint(&b, RK_GREEN, "✓");
		rk_buf_addf(&b, " %s   %s\n", same ? same : changed, age);
	}
	rk_out_above(&b);
}

/* --- what comes in --- */

static void take(char *s)
{
	rk_auto_buf b = RK_BUF_INIT_SECRET;

	if (*s != RK_MARK || !s[1]) { /* of no tool of ours: made fit for a terminal */
		rk_buf_puts(&b, INDENT);
		rk_out_plain(&b, "", s, strlen(s));
		if (!v.active)
			show(&b);
		else if (v.below.len < TEXT_MAX)
			rk_buf_put(&v.below, b.s, b.len);
		return;
	}
	s += 2;
	switch ((enum rk_mark)s[-1]) {
	case RK_MARK_STEP:
		begin_step(s);
		break;
	case RK_MARK_DONE:
		end_step(s);
		break;
	case RK_MARK_END:
		end_run(s);
		break;
	case RK_MARK_LIVE:
		rk_buf_reset(&v.live);
		rk_buf_puts(&v.live, s);
		draw();
		break;
	case RK_MARK_NOTE:
		if (v.below.len < TEXT_MAX)
			put_wrapped(v.active ? &v.below : &v.held, s);
		break;
	case RK_MARK_WARNING:
		rk_buf_puts(&b, "      ");
		rk_out_paint(&b, RK_YELLOW, "!");
		if (v.active)
			rk_buf_addf(&b, " %s:", v.title);
		rk_buf_addf(&b, " %s\n", s);
		show(&b);
		break;
	case RK_MARK_ERROR:
		if (v.error.len < TEXT_MAX)
			put_wrapped(&v.error, s);
		break;
	case RK_MARK_HINT:
		rk_buf_reset(&v.hint);
		rk_buf_puts(&v.hint, s);
		break;
	}
}

/* Whole lines of a piece; the rest of one is kept. */
static void feed(const char *s, size_t n)
{
	for (; n; s++, n--) {
		if (*s != '\n') {
			if (v.line.len < LINE_MAX_)
				rk_buf_putc(&v.line, *s ? *s : ' ');
			continue;
		}
		if (v.line.len)
			take(v.line.s);
		rk_buf_reset(&v.line);
	}
}

void rk_voice(int data)
{
	struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
	rk_auto_buf rest = RK_BUF_INIT;
	char piece[4096];
	ssize_t n = 1;

	v.data = data;
	v.start = rk_now_ms();
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	while (n > 0 || (n < 0 && errno == EINTR)) {
		int ready = poll(&in, 1, TICK_MS);

		n = 1;
		if (ready > 0 && (n = read(STDIN_FILENO, piece, sizeof(piece))) > 0)
			feed(piece, (size_t)n);
		else if (ready == 0)
			draw();
	}
	/* what is left when the writers were killed */
	feed("\n", 1);
	end_line();
	put_fault(&rest, "");
	if (rest.len)
		show(&rest);
}
