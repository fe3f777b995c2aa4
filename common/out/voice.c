// SPDX-License-Identifier: Apache-2.0
/* The voice of deploy and destroy on a terminal: one line for each step, made of what its tools say. */
#include "internal.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>

#define TICK_MS	  120
#define LINE_MAX_ 16384 /* a longer line is cut */
#define DATA_MAX  (1 << 20)
#define SAID_MAX  (1 << 16) /* of notes and errors of a step */
#define TITLE	  28
#define DETAIL	  18
#define INDENT	  "        "

enum paint { GREEN = 32, RED = 31, YELLOW = 33 };

struct voice {
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
	bool any;	    /* something was changed, or has to be seen */
	struct rk_buf held; /* lines of steps that changed nothing */
};

bool rk_voice_is_named(void)
{
	return getenv(RK_VOICE_ENV) != NULL;
}

/* --- what is written --- */

static void write_above(const struct rk_buf *text)
{
	rk_auto_buf b = RK_BUF_INIT;

	rk_progress_hide(&b);
	rk_buf_put(&b, text->s, text->len);
	rk_progress_show(&b);
	rk_out_err(&b);
}

static void put_mark(struct rk_buf *b, enum paint paint, const char *mark)
{
	if (rk_out_color())
		rk_buf_addf(b, "\033[%dm%s\033[0m", paint, mark);
	else
		rk_buf_puts(b, mark);
}

static void put_count(
	struct rk_buf *b, enum paint paint, const char *mark, size_t n, const char *what)
{
	if (!n)
		return;
	rk_buf_puts(b, "  ");
	put_mark(b, paint, mark);
	rk_buf_addf(b, " %zu %s", n, what);
}

void rk_summary(const char *title, size_t passed, size_t warnings, size_t failed)
{
	rk_auto_buf b = RK_BUF_INIT;

	rk_buf_puts(&b, title);
	put_count(&b, GREEN, "✓", passed, "passed");
	put_count(&b, YELLOW, "!", warnings, warnings == 1 ? "warning" : "warnings");
	put_count(&b, RED, "✗", failed, "failed");
	rk_buf_putc(&b, '\n');
	write_above(&b);
}

void rk_finding(bool failed, const char *what, const char *text)
{
	rk_auto_buf b = RK_BUF_INIT;

	rk_buf_puts(&b, "  ");
	put_mark(&b, failed ? RED : YELLOW, failed ? "✗" : "!");
	rk_buf_addf(&b, " %-12s  ", what);
	rk_printable(&b, text, strlen(text), " ");
	rk_buf_putc(&b, '\n');
	write_above(&b);
}

/* s and blanks up to width. */
static void put_padded(struct rk_buf *b, const char *s, size_t width)
{
	for (size_t n = rk_out_clip(b, s, SIZE_MAX); n < width; n++)
		rk_buf_putc(b, ' ');
}

static void put_age(struct rk_buf *b, int64_t since)
{
	char age[16];

	rk_age(rk_now_ms() / 1000 - since, age);
	rk_buf_addf(b, "%6s\n", age);
}

/* Broken at blanks where the terminal ends, each line behind lead, all but the first behind blanks. */
static void put_wrapped(struct rk_buf *b, const char *lead, const char *s)
{
	size_t width = rk_out_width(STDERR_FILENO), used = strlen(INDENT) + strlen(lead);

	rk_buf_addf(b, INDENT "%s", lead);
	while (*s) {
		size_t n = strcspn(s, " ");

		if (width && used > strlen(INDENT) + strlen(lead) && used + n + 1 > width) {
			rk_buf_addf(b, "\n" INDENT "%*s", (int)strlen(lead), "");
			used = strlen(INDENT) + strlen(lead);
		} else if (used > strlen(INDENT) + strlen(lead)) {
			rk_buf_putc(b, ' ');
			used++;
		}
		rk_buf_put(b, s, n);
		used += n;
		s += n;
		s += strspn(s, " ");
	}
	rk_buf_putc(b, '\n');
}

/* From here on every line is shown. */
static void show_held(struct voice *v)
{
	v->any = true;
	if (v->held.len)
		write_above(&v->held);
	rk_buf_reset(&v->held);
}

static void show(struct voice *v, const struct rk_buf *text)
{
	show_held(v);
	write_above(text);
}

/* --- the line of the step at work --- */

static void draw(struct voice *v)
{
	static const char *const wheel[] = {"⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"};
	rk_auto_buf text = RK_BUF_INIT;

	if (!v->active || !rk_out_tty())
		return;
	rk_buf_addf(&text, "[%s] %s ", v->place, wheel[v->spin++ % RK_COUNT(wheel)]);
	put_padded(&text, v->title, TITLE);
	rk_buf_addf(&text, " %s", v->live.len ? v->live.s : v->usual);
	if (v->progress)
		rk_progress_set(v->progress, "%s", text.s);
	else
		v->progress = rk_progress_begin("%s", text.s);
}

/* --- steps --- */

static void end_line(struct voice *v)
{
	rk_progress_drop(v->progress);
	v->progress = NULL;
	v->active = false;
}

/* Outcomes are data: "TYPE/NAME created", and "unchanged" where nothing was done. */
static void read_data(struct voice *v)
{
	rk_auto_buf text = RK_BUF_INIT_SECRET;
	char piece[4096];
	ssize_t n;

	while (text.len < DATA_MAX && (n = pread(v->data, piece, sizeof(piece), v->read)) > 0) {
		v->read += n;
		rk_buf_put(&text, piece, (size_t)n);
	}
	for (const char *s = text.s ? text.s : ""; *s;) {
		static const char same[] = " unchanged";
		size_t len = strcspn(s, "\n"), tail = sizeof(same) - 1;

		if (len < tail || memcmp(s + len - tail, same, tail) != 0)
			v->changed |= len > 0;
		else
			v->same = true;
		s += len + (s[len] == '\n');
	}
}

static void begin_step(struct voice *v, char *text)
{
	char *place = strsep(&text, "\t"), *title = strsep(&text, "\t");
	int width = 0;

	end_line(v);
	/* in as many columns as "10/10" needs */
	if (place && strchr(place, '/'))
		width = 2 * (int)strlen(strchr(place, '/')) - 1;
	snprintf(v->place, sizeof(v->place), "%*s", width, place ? place : "");
	free(v->title);
	free(v->usual);
	v->title = rk_strdup(title ? title : "");
	v->usual = rk_strdup(text ? text : "");
	v->began = rk_now_ms() / 1000;
	v->active = true;
	v->changed = v->same = false;
	rk_buf_reset(&v->live);
	draw(v);
}

static void put_step(struct voice *v, struct rk_buf *b, bool ok)
{
	rk_buf_addf(b, "[%s] ", v->place);
	put_mark(b, ok ? GREEN : RED, ok ? "✓" : "✗");
	rk_buf_putc(b, ' ');
	put_padded(b, v->title, TITLE);
	rk_buf_putc(b, ' ');
	put_padded(b, ok && v->same && !v->changed ? "unchanged" : "", DETAIL);
	put_age(b, v->began);
}

/* What was said of a failure, whether by a step or before the first. Commands are not broken, so that they
 * can be copied. */
static void put_fault(struct voice *v, struct rk_buf *b, const char *again)
{
	rk_buf_put(b, v->error.s, v->error.len);
	if (v->hint.len)
		rk_buf_addf(b, INDENT "next: %s\n", v->hint.s);
	if (*again)
		rk_buf_addf(b, INDENT "%s: %s\n", v->hint.len ? "then" : "next", again);
	rk_buf_reset(&v->error);
	rk_buf_reset(&v->hint);
}

static void end_step(struct voice *v, char *text)
{
	char *code = strsep(&text, "\t");
	bool ok = !code || rk_streq(code, "0"), seen = v->below.len || v->error.len;
	rk_auto_buf b = RK_BUF_INIT;

	read_data(v);
	if (v->active)
		put_step(v, &b, ok);
	end_line(v);
	rk_buf_put(&b, v->below.s, v->below.len);
	rk_buf_reset(&v->below);
	put_fault(v, &b, text ? text : "");
	if (!ok || v->changed || seen || v->any)
		show(v, &b);
	else
		rk_buf_put(&v->held, b.s, b.len);
}

static void end_run(struct voice *v, char *text)
{
	char *changed = strsep(&text, "\t"), *same = strsep(&text, "\t"), *line;
	rk_auto_buf b = RK_BUF_INIT;
	char age[16];

	rk_age(rk_now_ms() / 1000 - v->start, age);
	if (v->any) {
		rk_buf_addf(&b, "\n%s after %s.\n", changed, age);
		while ((line = strsep(&text, "\t")))
			rk_buf_addf(&b, "  %s\n", line);
	} else {
		put_mark(&b, GREEN, "✓");
		rk_buf_addf(&b, " %s   %s\n", same ? same : changed, age);
	}
	write_above(&b);
}

/* --- what comes in --- */

static void warning(struct voice *v, const char *text)
{
	rk_auto_buf b = RK_BUF_INIT;

	rk_buf_puts(&b, "      ");
	put_mark(&b, YELLOW, "!");
	if (v->active)
		rk_buf_addf(&b, " %s:", v->title);
	rk_buf_addf(&b, " %s\n", text);
	show(v, &b);
}

/* What no tool of ours has marked is shown as well, made fit for a terminal. */
static void unmarked(struct voice *v, const char *text)
{
	rk_auto_buf b = RK_BUF_INIT_SECRET;

	rk_buf_puts(&b, INDENT);
	rk_out_plain(&b, "", text, strlen(text));
	if (v->active && v->below.len < SAID_MAX)
		rk_buf_put(&v->below, b.s, b.len);
	else
		show(v, &b);
}

static void take(struct voice *v, char *s)
{
	if (*s != RK_MARK || !s[1]) {
		if (*s)
			unmarked(v, s);
		return;
	}
	s += 2;
	switch ((enum rk_mark)s[-1]) {
	case RK_MARK_STEP:
		begin_step(v, s);
		break;
	case RK_MARK_DONE:
		end_step(v, s);
		break;
	case RK_MARK_END:
		end_run(v, s);
		break;
	case RK_MARK_LIVE:
		rk_buf_reset(&v->live);
		rk_buf_puts(&v->live, s);
		draw(v);
		break;
	case RK_MARK_NOTE:
		if (v->below.len < SAID_MAX)
			put_wrapped(v->active ? &v->below : &v->held, "", s);
		break;
	case RK_MARK_WARNING:
		warning(v, s);
		break;
	case RK_MARK_ERROR:
		if (v->error.len < SAID_MAX)
			put_wrapped(&v->error, "", s);
		break;
	case RK_MARK_HINT:
		rk_buf_reset(&v->hint);
		rk_buf_puts(&v->hint, s);
		break;
	}
}

/* Whole lines of a piece; the rest of one is kept. */
static void feed(struct voice *v, const char *s, size_t n)
{
	for (; n; s++, n--) {
		if (*s != '\n') {
			if (v->line.len < LINE_MAX_)
				rk_buf_putc(&v->line, *s ? *s : ' ');
			continue;
		}
		if (v->line.len)
			take(v, v->line.s);
		rk_buf_reset(&v->line);
	}
}

/* What is left when the writers were killed. */
static void leave(struct voice *v)
{
	feed(v, "\n", 1);
	end_line(v);
	if (v->below.len || v->error.len) {
		rk_auto_buf b = RK_BUF_INIT;

		rk_buf_put(&b, v->below.s, v->below.len);
		put_fault(v, &b, "");
		show(v, &b);
	}
	rk_buf_release(&v->line);
	rk_buf_release(&v->live);
	rk_buf_release(&v->below);
	rk_buf_release(&v->error);
	rk_buf_release(&v->hint);
	rk_buf_release(&v->held);
	free(v->title);
	free(v->usual);
}

void rk_voice(int data)
{
	struct voice v = {.data = data,
		.line = RK_BUF_INIT_SECRET,
		.live = RK_BUF_INIT,
		.below = RK_BUF_INIT,
		.error = RK_BUF_INIT,
		.hint = RK_BUF_INIT,
		.held = RK_BUF_INIT,
		.start = rk_now_ms() / 1000};
	struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
	char piece[4096];
	ssize_t n = 1;

	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	while (n > 0 || (n < 0 && errno == EINTR)) {
		int ready = poll(&in, 1, TICK_MS);

		n = 1;
		if (ready > 0 && (n = read(STDIN_FILENO, piece, sizeof(piece))) > 0)
			feed(&v, piece, (size_t)n);
		else if (ready == 0)
			draw(&v);
	}
	leave(&v);
}
