// SPDX-License-Identifier: Apache-2.0
/* --help and the man page of a tool, from the same tables and texts. */
#include "internal.h"

#include <ctype.h>

/* In a man page until roff() has run over it: the dot of a request, and fonts. */
#define REQUEST "\1"
#define BOLD	"\2"
#define ITALIC	"\3"
#define ROMAN	"\4"

/* mandoc complains of longer lines. */
#define MAN_WIDTH 68

/* The words of s, beginning at column indent, broken at width; further lines begin at indent. */
static void fill(struct rk_buf *out, const char *s, size_t n, size_t indent, size_t width)
{
	size_t col = indent, len;

	rk_each_item (word, len, s, " \n") {
		size_t w = rk_out_columns(word, len);

		if (word >= s + n)
			break;
		if (col > indent && col + 1 + w > width) {
			rk_buf_addf(out, "\n%*s", (int)indent, "");
			col = indent;
		} else if (col > indent) {
			rk_buf_putc(out, ' ');
			col++;
		}
		rk_buf_put(out, word, len);
		col += w;
	}
	rk_buf_putc(out, '\n');
}

/* Where prose is written. MAN_MORE: behind other text of a section. */
enum form { HELP, MAN, MAN_MORE };

/* Paragraphs are filled; lines that begin with a blank are kept. s may be NULL. */
static void prose(struct rk_buf *out, const char *s, size_t width, enum form form)
{
	const bool man = form != HELP;

	for (bool first = form != MAN_MORE; s && *(s += strspn(s, "\n")); first = false) {
		const bool kept = *s == ' ';
		size_t n = 0;

		while (s[n] && s[n] != '\n' && (s[n] == ' ') == kept) {
			n += strcspn(s + n, "\n");
			n += s[n] == '\n';
		}
		if (!first)
			rk_buf_puts(out, man ? REQUEST "PP\n" : "\n");
		if (!kept) {
			fill(out, s, n, 0, width);
		} else {
			rk_buf_puts(out, man ? REQUEST "nf\n" : "");
			rk_buf_put(out, s, n);
			rk_buf_puts(out, s[n - 1] == '\n' ? "" : "\n");
			rk_buf_puts(out, man ? REQUEST "fi\n" : "");
		}
		s += n;
	}
}

/* "-o, --output FORMAT", "--dry-run[=none|client]". */
static void put_spelling(struct rk_buf *out, const struct rk_opt *o, bool man)
{
	const char *bold = man ? BOLD : "", *italic = man ? ITALIC : "", *roman = man ? ROMAN : "";
	const char *arg = o->arg ? o->arg : o->kind == RK_OPT_ENUM ? o->choices : "VALUE";

	if (o->key)
		rk_buf_addf(out, "%s-%c%s, ", bold, o->key, roman);
	else if (!man)
		rk_buf_puts(out, "    ");
	rk_buf_addf(out, "%s--%s%s", bold, o->name, roman);
	if (o->kind != RK_OPT_FLAG && o->kind != RK_OPT_COUNT)
		rk_buf_addf(out, o->optional ? "%s[=%s]%s" : " %s%s%s", italic, arg, roman);
}

/* Its help with choices, optional value and variable. */
static void put_text(struct rk_buf *out, const struct rk_opt *o)
{
	rk_buf_puts(out, o->help ? o->help : "");
	if ((o->kind == RK_OPT_ENUM && o->arg && !o->complete) || o->kind == RK_OPT_OUTPUT)
		rk_buf_addf(out, ": %s", o->choices);
	if (o->kind == RK_OPT_OUTPUT)
		rk_buf_puts(out, "|jsonpath=TEMPLATE|custom-columns=HEADER:PATH,...");
	if (o->optional && *o->optional)
		rk_buf_addf(out, "; %s when given without a value", o->optional);
	if (o->env)
		rk_buf_addf(out, " ($%s)", o->env);
}

/* "kubectl rk3k kubeconfig get [CLUSTER] [flags]". */
static void put_synopsis(struct rk_buf *out, const struct rk_cmd *cmd, const struct rk_verb *v)
{
	rk_buf_addf(out, "%s %s", rk_usage_prefix(), cmd->name);
	if (v->name)
		rk_buf_addf(out, " %s", v->name);
	if (v->args && *v->args)
		rk_buf_addf(out, " %s", v->args);
	rk_buf_puts(out, " [flags]");
}

/* The examples of a verb, each line behind `indent` blanks. */
static void put_examples(struct rk_buf *out, const struct rk_verb *v, int indent)
{
	const char *s = v->examples;
	size_t own = s ? strspn(s, " ") : 0, blank = 0; /* own: of the first line, taken from all */

	for (size_t n; s && *s; s += n + (s[n] == '\n')) {
		n = strspn(s, " ");
		s += n < own ? n : own;
		n = strcspn(s, "\n");
		blank += n == 0;
		for (; n && blank; blank--)
			rk_buf_putc(out, '\n');
		if (n)
			rk_buf_addf(out, "%*s%.*s\n", indent, "", (int)n, s);
	}
}

void rk_cli_help(
	const struct rk_cmd *cmd, const struct rk_verb *verb, size_t width, struct rk_buf *out)
{
	enum { column = 32 };
	rk_auto_buf verbs = RK_BUF_INIT, examples = RK_BUF_INIT;
	rk_auto_flags f = {0};
	const size_t narrow = width < 100 ? width : 100;
	const char *description = verb && verb->name ? verb->description : cmd->description;
	const char *heading = "";

	rk_buf_addf(out, "%s - %s\n\nUsage:\n", verb && verb->name ? verb->name : cmd->name,
		verb && verb->summary ? verb->summary : cmd->summary);
	for (const struct rk_verb *v = cmd->verbs; v->run; v++) {
		if (verb && v != verb)
			continue;
		rk_buf_puts(out, "  ");
		put_synopsis(out, cmd, v);
		rk_buf_putc(out, '\n');
		put_examples(&examples, v, 2);
		if (v->name)
			rk_buf_addf(&verbs, "  %-14s %s\n", v->name, v->summary ? v->summary : "");
	}
	if (description) {
		rk_buf_putc(out, '\n');
		prose(out, description, narrow, HELP);
	}
	if (!verb && verbs.len)
		rk_buf_addf(out, "\nVerbs:\n%s\nMore about a verb: %s %s VERB --help\n", verbs.s,
			rk_usage_prefix(), cmd->name);

	rk_flags_init(&f, verb ? verb : rk_verb_find(cmd, NULL), NULL, NULL);
	for (size_t i = 0; i < f.n; i++) {
		const char *h = f.v[i].heading;
		rk_auto_buf left = RK_BUF_INIT, text = RK_BUF_INIT;

		if (h != heading && !rk_streq(h, heading))
			rk_buf_addf(out, "\n%s:\n", h ? h : "Flags");
		heading = h;
		put_spelling(&left, f.v[i].opt, false);
		put_text(&text, f.v[i].opt);
		if (left.len + 4 > column)
			rk_buf_addf(out, "  %s\n%*s", left.s, column, "");
		else
			rk_buf_addf(out, "  %-*s", column - 2, left.s);
		fill(out, text.s, text.len, column, width);
	}
	rk_buf_addf(out, "\n%s", rk_exit_codes);
	prose(out, cmd->exit_status, narrow, HELP);
	if (verb)
		prose(out, verb->exit_status, narrow, HELP);
	if (examples.len)
		rk_buf_addf(out, "\nExamples:\n%s", examples.s);
}

/* --- the man page --- */

/* Text that roff prints unchanged: no escapes, no requests, dashes that can be copied. */
static void roff(struct rk_buf *out, const char *page)
{
	for (const char *s = page; *s; s++) {
		const bool start = s == page || s[-1] == '\n';

		if (*s == *REQUEST)
			rk_buf_putc(out, '.');
		else if (*s >= *BOLD && *s <= *ROMAN)
			rk_buf_addf(out, "\\f%c", "BIR"[*s - *BOLD]);
		else if (*s == '\\')
			rk_buf_puts(out, "\\e");
		else if (*s == '-')
			rk_buf_puts(out, "\\-");
		else
			rk_buf_addf(out, "%s%c", start && strchr(".'", *s) ? "\\&" : "", *s);
	}
}

struct options {
	struct rk_buf verbs, own, shared, env; /* sections */
	struct rk_strv seen;		       /* names in `shared` and `env` */
};

/* Put the options of a verb into their sections; shared ones and variables once. */
static void add_options(struct options *to, const struct rk_verb *v)
{
	rk_auto_flags f = {0};

	rk_flags_init(&f, v, NULL, NULL);
	if (v->name)
		rk_buf_addf(&to->verbs, REQUEST "SS %s\n%s%s", v->name,
			v->summary ? v->summary : "", v->summary ? ".\n" : "");
	prose(&to->verbs, v->description, MAN_WIDTH, MAN_MORE);
	for (size_t i = 0; i < f.n; i++) {
		const struct rk_opt *o = f.v[i].opt;
		struct rk_buf *out = f.v[i].heading ? &to->shared : v->name ? &to->verbs : &to->own;
		rk_auto_buf text = RK_BUF_INIT;

		if (o->env && !rk_strv_has(&to->seen, o->env)) {
			rk_strv_add(&to->seen, o->env);
			rk_buf_addf(&to->env,
				REQUEST "TP\n" BOLD "%s" ROMAN "\nValue of " BOLD "--%s" ROMAN
					" when the flag is not given.\n",
				o->env, o->name);
		}
		if (out == &to->shared && rk_strv_has(&to->seen, o->name))
			continue;
		if (out == &to->shared)
			rk_strv_add(&to->seen, o->name);
		rk_buf_puts(out, REQUEST "TP\n");
		put_spelling(out, o, true);
		rk_buf_putc(out, '\n');
		put_text(&text, o);
		rk_buf_putc(&text, '.');
		fill(out, text.s, text.len, 0, MAN_WIDTH);
	}
}

void rk_cli_man(const struct rk_cmd *cmd, struct rk_buf *out)
{
	static const char *const codes[][2] = {
		{"0", "done; also when a question was declined"},
		{"1", "failed, a check found something, or something was left over"},
		{"2", "wrong usage"},
		{"3", "not found: an object, a file, a precondition"},
		{"4", "timed out"},
		{"5", "conflict, or refused"},
		{"128+n", "ended by signal n"},
	};
	struct options o = {RK_BUF_INIT, RK_BUF_INIT, RK_BUF_INIT, RK_BUF_INIT, {0}};
	rk_auto_buf page = RK_BUF_INIT, examples = RK_BUF_INIT;

	rk_buf_puts(out, ".TH KUBECTL\\-RK3K\\-");
	for (const char *s = cmd->name; *s; s++)
		rk_buf_addf(out, "%s%c", *s == '-' ? "\\" : "", toupper((unsigned char)*s));
	rk_buf_addf(out, " 1 %s \"rk3k %s\"\n", rk_date, rk_version);

	rk_buf_addf(&page, REQUEST "SH NAME\nkubectl-rk3k-%s -\n", cmd->name);
	fill(&page, cmd->summary, strlen(cmd->summary), 0, MAN_WIDTH);
	rk_buf_puts(&page, REQUEST "SH SYNOPSIS\n");
	for (const struct rk_verb *v = cmd->verbs; v->run; v++) {
		rk_auto_buf line = RK_BUF_INIT;

		rk_buf_puts(&page, v == cmd->verbs ? "" : REQUEST "br\n");
		put_synopsis(&line, cmd, v);
		fill(&page, line.s, line.len, 0, MAN_WIDTH);
		if (v->examples)
			rk_buf_puts(&examples, examples.len ? REQUEST "PP\n" : "");
		if (v->examples)
			rk_buf_puts(&examples, REQUEST "nf\n");
		put_examples(&examples, v, 0);
		if (v->examples)
			rk_buf_puts(&examples, REQUEST "fi\n");
		add_options(&o, v);
	}
	rk_buf_puts(&page, REQUEST "SH DESCRIPTION\n");
	prose(&page, cmd->description ? cmd->description : cmd->summary, MAN_WIDTH, MAN);
	rk_buf_addf(&page, "%s%s" REQUEST "SH OPTIONS\n%s%s" REQUEST "SH ENVIRONMENT\n%s",
		o.verbs.len ? REQUEST "SH VERBS\n" : "", o.verbs.s, o.own.s, o.shared.s, o.env.s);
	rk_buf_puts(&page, REQUEST "TP\n" BOLD "KUBECONFIG" ROMAN
				   "\nKubeconfig files, as for kubectl.\n" REQUEST "TP\n" BOLD
				   "HTTPS_PROXY" ROMAN ", " BOLD "NO_PROXY" ROMAN
				   "\nProxy for requests.\n" REQUEST "TP\n" BOLD "NO_COLOR" ROMAN
				   "\nNo colour on stderr when set.\n");
	if (cmd->files) {
		rk_buf_puts(&page, REQUEST "SH FILES\n");
		prose(&page, cmd->files, MAN_WIDTH, MAN);
	}
	rk_buf_puts(&page, REQUEST "SH EXIT STATUS\n");
	for (size_t i = 0; i < RK_COUNT(codes); i++)
		rk_buf_addf(
			&page, REQUEST "TP\n" BOLD "%s" ROMAN "\n%s.\n", codes[i][0], codes[i][1]);
	prose(&page, cmd->exit_status, MAN_WIDTH, MAN_MORE);
	for (const struct rk_verb *v = cmd->verbs; v->run; v++)
		prose(&page, v->exit_status, MAN_WIDTH, MAN_MORE);
	if (examples.len)
		rk_buf_addf(&page, REQUEST "SH EXAMPLES\n%s", examples.s);
	rk_buf_puts(&page, REQUEST "SH SEE ALSO\n");
	if (cmd->see_also)
		rk_buf_addf(&page, "%.*s,\n", (int)strcspn(cmd->see_also, "\n"), cmd->see_also);
	rk_buf_puts(&page, "kubectl-rk3k(1)\n");
	roff(out, page.s);
	rk_buf_release(&o.verbs);
	rk_buf_release(&o.own);
	rk_buf_release(&o.shared);
	rk_buf_release(&o.env);
	rk_strv_release(&o.seen);
}
