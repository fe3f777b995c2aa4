// SPDX-License-Identifier: Apache-2.0
#include "internal.h"

#include "os/os.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <termios.h>

struct rk_out rk_out = {.name = "rk3k"};

/* Ours, so that it can be wiped: a kubeconfig is written through it. */
static char stdout_buf[1 << 16];

static int write_errno; /* of the first write that failed */
static bool note_closed_pipe;
static struct rk_err failed = RK_ERR_INIT;

void rk_out_init(const char *name, int verbosity, bool quiet, enum rk_color color)
{
	rk_out = (struct rk_out){.name = name,
		.verbosity = verbosity,
		.quiet = quiet,
		.color = color,
		.marked = rk_streq(getenv(RK_VOICE_ENV), RK_VOICE_MARKS) && !isatty(STDERR_FILENO)};
	setvbuf(stdout, stdout_buf, _IOLBF, sizeof(stdout_buf));
}

int rk_verbosity(void)
{
	return rk_out.verbosity;
}

void rk_out_stamp(void)
{
	rk_out.stamped = true;
}

void rk_out_stamp_now(bool brief, char stamp[RK_STAMP_MAX])
{
	time_t now = time(NULL);
	struct tm tm;
	size_t n;

	if (!localtime_r(&now, &tm)) {
		rk_time_format(now, stamp);
		return;
	}
	n = strftime(stamp, RK_STAMP_MAX - 2, brief ? "%H:%M:%S" : "%Y-%m-%dT%H:%M:%S%z", &tm);
	if (brief || n < 5)
		return;
	memmove(stamp + n - 1, stamp + n - 2, 3); /* +0100 becomes +01:00 */
	stamp[n - 2] = ':';
}

static void put_stamp(struct rk_buf *b)
{
	char time[RK_STAMP_MAX];

	if (!rk_out.stamped)
		return;
	rk_out_stamp_now(false, time);
	rk_buf_addf(b, "%s ", time);
}

/* --- stdout --- */

void rk_out_note_closed_pipe(void)
{
	note_closed_pipe = true;
}

static void write_failed(void)
{
	if (errno == EPIPE && !note_closed_pipe) { /* end as any filter does */
		rk_file_cleanup();
		signal(SIGPIPE, SIG_DFL);
		raise(SIGPIPE);
	}
	if (!write_errno)
		write_errno = errno;
}

static void put(const char *s, size_t n)
{
	/* glibc returns n for a line it could not flush. */
	if (n && (fwrite(s, 1, n, stdout) != n || ferror(stdout)))
		write_failed();
}

void rk_print(const char *s)
{
	put(s, strlen(s));
}

void rk_print_buf(const struct rk_buf *b)
{
	put(b->s, b->len);
}

/* Text becomes safe for a terminal and remains on its line. */
static void format(struct rk_buf *b, const char *fmt, va_list *ap)
{
	while (*fmt) {
		size_t n = strcspn(fmt, "%");
		char spec[16], type;

		rk_buf_put(b, fmt, n);
		fmt += n;
		if (!*fmt)
			return;
		n = 1 + strspn(fmt + 1, "-0123456789lzjt") + 1;
		snprintf(spec, sizeof(spec), "%.*s", (int)n, fmt);
		type = spec[n - 1];
		if (type == '%') {
			rk_buf_putc(b, '%');
		} else if (type == 's') {
			rk_auto_buf text = RK_BUF_INIT_SECRET;
			const char *s = va_arg(*ap, const char *);

			rk_printable(&text, s ? s : "", s ? strlen(s) : 0, "^J");
			rk_buf_addf(b, spec, text.s);
		} else if (n > 2 && strchr("lzjt", spec[n - 2])) {
			rk_buf_addf(b, spec, va_arg(*ap, long));
		} else {
			rk_buf_addf(b, spec, va_arg(*ap, int));
		}
		fmt += n;
	}
}

#define PRINT(function, stamp)                         \
	void function(const char *fmt, ...)            \
	{                                              \
		rk_auto_buf text = RK_BUF_INIT_SECRET; \
		va_list ap;                            \
                                                       \
		stamp;                                 \
		va_start(ap, fmt);                     \
		format(&text, fmt, &ap);               \
		va_end(ap);                            \
		rk_print_buf(&text);                   \
	}
PRINT(rk_printf, (void)0)
PRINT(rk_event, put_stamp(&text))

void rk_out_failed(const struct rk_err *err)
{
	failed = *err;
}

int rk_out_flush(struct rk_err *err)
{
	if (fflush(stdout) != 0)
		write_failed();
	rk_wipe(stdout_buf, sizeof(stdout_buf));
	if (failed.code && err) {
		*err = failed;
		failed = (struct rk_err)RK_ERR_INIT;
		return -1;
	}
	if (!write_errno)
		return 0;
	errno = write_errno;
	write_errno = 0; /* said once */
	if (errno == EPIPE)
		return rk_err_set(err, 128 + SIGPIPE, "the reader closed standard output");
	return rk_err_sys(err, "write error");
}

/* --- stderr --- */

bool rk_out_dumb(void)
{
	const char *term = getenv("TERM");

	return !term || !*term || rk_streq(term, "dumb");
}

bool rk_out_tty(void)
{
	return isatty(STDERR_FILENO) && !rk_out_dumb();
}

void rk_out_paint(struct rk_buf *b, enum rk_paint paint, const char *mark)
{
	if (rk_out.color == RK_COLOR_ALWAYS ||
		(rk_out.color == RK_COLOR_AUTO && rk_out_tty() && !getenv("NO_COLOR")))
		rk_buf_addf(b, "\033[%dm%s\033[0m", paint, mark);
	else
		rk_buf_puts(b, mark);
}

size_t rk_out_columns(const char *s, size_t n)
{
	size_t columns = 0;

	for (size_t i = 0; i < n && s[i]; i++)
		columns += ((unsigned char)s[i] & 0xc0) != 0x80;
	return columns;
}

size_t rk_out_width(int fd)
{
	struct winsize w;
	const char *columns = getenv("COLUMNS");
	int64_t n;

	if (!isatty(fd))
		return 0;
	if (columns && rk_parse_int(columns, 20, 1000, &n))
		return (size_t)n;
	if (ioctl(fd, TIOCGWINSZ, &w) == 0 && w.ws_col >= 20)
		return w.ws_col;
	return 80;
}

void rk_out_err(const struct rk_buf *b)
{
	for (size_t done = 0; done < b->len;) {
		ssize_t w = write(STDERR_FILENO, b->s + done, b->len - done);

		if (w < 0 && errno != EINTR)
			return;
		done += w > 0 ? (size_t)w : 0;
	}
}

void rk_out_above(const struct rk_buf *text)
{
	rk_auto_buf b = RK_BUF_INIT;

	rk_progress_hide(&b);
	rk_buf_put(&b, text->s, text->len);
	rk_progress_show(&b);
	rk_out_err(&b);
}

char *rk_out_text(const char *nl, const char *fmt, va_list ap)
{
	rk_auto_free char *raw = NULL;
	rk_auto_buf b = RK_BUF_INIT;
	int n = vasprintf(&raw, fmt, ap);

	if (n < 0)
		raw = NULL;
	rk_printable(&b, raw, n < 0 ? 0 : (size_t)n, nl);
	return rk_buf_detach(&b);
}

/* One message, whole in one write, so that lines of several processes do not mix. what: NULL for a line
 * without the program's name. */
static void say(enum rk_mark mark, const char *what, const char *fmt, va_list ap)
{
	rk_auto_buf line = RK_BUF_INIT;
	rk_auto_free char *text = rk_out_text("\n  ", fmt, ap);
	bool tty = rk_out_tty();

	if (tty)
		rk_live_hide(&line);
	if (rk_out.marked) {
		rk_buf_addf(&line, "%c%c", RK_MARK, mark);
	} else if (what) {
		put_stamp(&line);
		rk_buf_addf(&line, "%s: %s", rk_out.name, what);
	}
	rk_buf_addf(&line, "%s\n", text);
	if (tty)
		rk_live_show_again(&line);
	rk_out_above(&line);
}

#define SAY(function, when, mark, what)     \
	void function(const char *fmt, ...) \
	{                                   \
		va_list ap;                 \
                                            \
		if (!(when))                \
			return;             \
		va_start(ap, fmt);          \
		say(mark, what, fmt, ap);   \
		va_end(ap);                 \
	}
SAY(rk_note, !rk_out.quiet, RK_MARK_NOTE, "")
SAY(rk_aside, !rk_out.quiet && !rk_out.marked, RK_MARK_NOTE, "")
SAY(rk_say, !rk_out.quiet, RK_MARK_NOTE, NULL)
SAY(rk_warn, true, RK_MARK_WARNING, "warning: ")
SAY(rk_debug, rk_out.verbosity, RK_MARK_NOTE, "debug: ")

void rk_debug_line(const char *line)
{
	rk_debug("%s", line);
}

void rk_out_mark(enum rk_mark mark, const char *text)
{
	rk_auto_buf line = RK_BUF_INIT;

	rk_buf_addf(&line, "%c%c", RK_MARK, mark);
	rk_printable(&line, text, strlen(text), " ");
	rk_buf_putc(&line, '\n');
	rk_out_err(&line);
}

void rk_out_error(const struct rk_err *err)
{
	rk_auto_buf line = RK_BUF_INIT;

	if (!err->msg[0])
		return;
	if (rk_out.marked) {
		rk_out_mark(RK_MARK_ERROR, err->msg);
		if (err->hint[0])
			rk_out_mark(RK_MARK_HINT, err->hint);
		return;
	}
	rk_progress_hide(&line);
	rk_buf_addf(&line, "%s: ", rk_out.name);
	rk_printable(&line, err->msg, strlen(err->msg), " ");
	rk_buf_puts(&line, err->hint[0] ? "; " : "");
	rk_printable(&line, err->hint, strlen(err->hint), " ");
	rk_buf_putc(&line, '\n');
	rk_out_err(&line);
}

/* --- questions --- */

static volatile sig_atomic_t ask_signal;

static void on_ask_signal(int sig)
{
	ask_signal = sig;
}

/* The question, and a line without its end; false at end of input or on a signal. mask: the signals that are
 * blocked while we wait; NULL: those of now. */
static bool ask(int tty, const char *question, const sigset_t *mask, struct rk_buf *answer)
{
	struct pollfd p = {.fd = tty, .events = POLLIN};
	rk_auto_buf text = RK_BUF_INIT;
	char c = 0;

	rk_progress_hide(&text);
	rk_printable(&text, question, strlen(question), " ");
	rk_buf_putc(&text, ' ');
	if (write(tty, text.s, text.len) != (ssize_t)text.len)
		return false;
	for (;;) {
		while (ppoll(&p, 1, NULL, mask) < 0)
			if (errno != EINTR || ask_signal)
				return false;
		if (read(tty, &c, 1) != 1)
			return false;
		if (c == '\n')
			return true;
		if (answer->len < 4096)
			rk_buf_putc(answer, c);
	}
}

/* Hidden: the echo is switched off before the question is printed, and on again in any case. A signal meanwhile
 * must first turn it on again: it is noted, ends the wait for a key, and the old handler has it afterwards
 * (as OpenSSH's readpassphrase does). It is unblocked only while we wait, or it could come just before
 * the wait and be forgotten in it. */
int rk_ask(const char *question, bool hidden, struct rk_buf *answer, struct rk_err *err)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};
	rk_auto_close int tty = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
	struct sigaction sa = {.sa_handler = on_ask_signal}, old[RK_COUNT(signals)];
	sigset_t blocked, mask;
	struct termios shown, silent;
	bool ok, echo = tty >= 0 && tcgetattr(tty, &shown) == 0;

	if (tty < 0)
		return rk_err_set(err, RK_USAGE, "no terminal to ask on: %s", question);
	rk_buf_reset(answer);
	ask_signal = 0;
	if (hidden) {
		sigemptyset(&blocked);
		for (size_t i = 0; i < RK_COUNT(signals); i++)
			sigaddset(&blocked, signals[i]);
		sigprocmask(SIG_BLOCK, &blocked, &mask);
		for (size_t i = 0; i < RK_COUNT(signals); i++)
			sigaction(signals[i], &sa, &old[i]);
		if (echo) {
			silent = shown;
			silent.c_lflag &= (tcflag_t)~ECHO;
			tcsetattr(tty, TCSAFLUSH, &silent);
		}
	}
	ok = ask(tty, question, hidden ? &mask : NULL, answer);
	if (hidden) {
		if (echo)
			tcsetattr(tty, TCSAFLUSH, &shown);
		if (write(tty, "\n", 1) < 0) /* the user's own was not echoed */
			ok = false;
		for (size_t i = 0; i < RK_COUNT(signals); i++)
			sigaction(signals[i], &old[i], NULL);
		sigprocmask(SIG_SETMASK, &mask, NULL);
		if (ask_signal)
			raise(ask_signal);
	}
	return ok ? 0 : rk_err_set(err, RK_FAIL, "no answer to: %s", question);
}

int rk_confirm(const char *question, struct rk_err *err)
{
	rk_auto_buf answer = RK_BUF_INIT;
	rk_auto_free char *text = rk_asprintf("%s [y/N]", question);

	if (rk_ask(text, false, &answer, err) < 0)
		return err && err->code == RK_USAGE
			       ? rk_err_hint(err, "use --yes to skip this prompt")
			       : -1;
	return strcasecmp(answer.s, "y") == 0 || strcasecmp(answer.s, "yes") == 0;
}
