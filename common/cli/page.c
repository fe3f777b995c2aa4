// SPDX-License-Identifier: Apache-2.0
/* --help and the man page of a tool, from the same tables and texts. */
#include "internal.h"

#include <ctype.h>

/* In a man page until roff() has run over it: the dot of a request, and fonts. */
#define REQUEST	  "\1"
#define BOLD	  "\2"
#define ITALIC	  "\3"
#define ROMAN	  "\4"
#define SH(title) REQUEST "SH " title "\n"
#define TP(term)  REQUEST "TP\n" BOLD term ROMAN "\n"

/* How the texts call us. */
#define USUAL "kubectl rk3k"

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
	rk_buf_addf(out, USUAL " %s", cmd->name);
	if (v->name)
		rk_buf_addf(out, " %s", v->name);
	if (v->args && *v->args)
		rk_buf_addf(out, " %s", v->args);
	rk_buf_puts(out, " [flags]");
}

void rk_cli_help(
	const struct rk_cmd *cmd, const struct rk_verb *verb, size_t width, struct rk_buf *out)
{
	enum { column = 32 };
	rk_auto_buf page = RK_BUF_INIT, verbs = RK_BUF_INIT, examples = RK_BUF_INIT;
	rk_auto_flags f = {0};
	const size_t narrow = width < 100 ? width : 100;
	const char *description = verb && verb->name ? verb->description : cmd->description;
	const char *heading = "", *rest, *hit;

	rk_buf_addf(&page, "%s - %s\n\nUsage:\n", verb && verb->name ? verb->name : cmd->name,
		verb && verb->summary ? verb->summary : cmd->summary);
	for (const struct rk_verb *v = cmd->verbs; v->run; v++) {
		if (verb && v != verb)
			continue;
		rk_buf_puts(&page, "  ");
		put_synopsis(&page, cmd, v);
		rk_buf_putc(&page, '\n');
		prose(&examples, v->examples, narrow, HELP);
		if (v->name)
			rk_buf_addf(&verbs, "  %-14s %s\n", v->name, v->summary ? v->summary : "");
	}
	if (description) {
		rk_buf_putc(&page, '\n');
		prose(&page, description, narrow, HELP);
	}
	if (!verb && verbs.len)
		rk_buf_addf(&page, "\nVerbs:\n%s\nMore about a verb: " USUAL " %s VERB --help\n",
			verbs.s, cmd->name);

	rk_flags_init(&f, verb ? verb : rk_verb_find(cmd, NULL), NULL, NULL);
	for (size_t i = 0; i < f.n; i++) {
		const char *h = f.v[i].heading;
		rk_auto_buf left = RK_BUF_INIT, text = RK_BUF_INIT;

		if (h != heading && !rk_streq(h, heading))
			rk_buf_addf(&page, "\n%s:\n", h ? h : "Flags");
		heading = h;
		put_spelling(&left, f.v[i].opt, false);
		put_text(&text, f.v[i].opt);
		if (left.len + 4 > column)
			rk_buf_addf(&page, "  %s\n%*s", left.s, column, "");
		else
			rk_buf_addf(&page, "  %-*s", column - 2, left.s);
		fill(&page, text.s, text.len, column, width);
	}
	rk_buf_addf(&page, "\n%s", rk_exit_codes);
	prose(&page, cmd->exit_status, narrow, HELP);
	if (verb)
		prose(&page, verb->exit_status, narrow, HELP);
	if (examples.len)
		rk_buf_addf(&page, "\nExamples:\n%s", examples.s);
	/* helm's users read of helm */
	for (rest = page.s; (hit = strstr(rest, USUAL)); rest = hit + strlen(USUAL)) {
		rk_buf_put(out, rest, (size_t)(hit - rest));
		rk_buf_puts(out, rk_usage_prefix());
	}
	rk_buf_puts(out, rest);
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

/* The sections of options and their variables; what verbs share is described once. */
static void put_options(struct rk_buf *page, const struct rk_cmd *cmd)
{
	rk_auto_buf verbs = RK_BUF_INIT, own = RK_BUF_INIT, shared = RK_BUF_INIT, env = RK_BUF_INIT;
	struct rk_strv seen = {0}; /* names in `shared` and `env` */

	for (const struct rk_verb *v = cmd->verbs; v->run; v++) {
		rk_auto_flags f = {0};

		rk_flags_init(&f, v, NULL, NULL);
		if (v->name)
			rk_buf_addf(&verbs, REQUEST "SS %s\n%s%s", v->name,
				v->summary ? v->summary : "", v->summary ? ".\n" : "");
		prose(&verbs, v->description, MAN_WIDTH, MAN_MORE);
		for (size_t i = 0; i < f.n; i++) {
			const struct rk_opt *o = f.v[i].opt;
			struct rk_buf *out = f.v[i].heading ? &shared : v->name ? &verbs : &own;
			rk_auto_buf text = RK_BUF_INIT;

			if (o->env && !rk_strv_has(&seen, o->env)) {
				rk_strv_add(&seen, o->env);
				rk_buf_addf(&env,
					TP("%s") "Value of " BOLD "--%s" ROMAN
						 " when the flag is not given.\n",
					o->env, o->name);
			}
			if (out == &shared && rk_strv_has(&seen, o->name))
				continue;
			if (out == &shared)
				rk_strv_add(&seen, o->name);
			rk_buf_puts(out, REQUEST "TP\n");
			put_spelling(out, o, true);
			rk_buf_putc(out, '\n');
			put_text(&text, o);
			rk_buf_putc(&text, '.');
			fill(out, text.s, text.len, 0, MAN_WIDTH);
		}
	}
	rk_buf_addf(page, "%s%s" SH("OPTIONS") "%s%s" SH("ENVIRONMENT") "%s",
		verbs.len ? SH("VERBS") : "", verbs.s, own.s, shared.s, env.s);
	rk_buf_puts(page, TP("KUBECONFIG") "Kubeconfig files, as for kubectl.\n");
	rk_buf_puts(page, TP("HTTPS_PROXY" ROMAN ", " BOLD "NO_PROXY") "Proxy for requests.\n");
	rk_buf_puts(page, TP("NO_COLOR") "No colour on stderr when set.\n");
	rk_strv_release(&seen);
}

void rk_cli_man(const struct rk_cmd *cmd, struct rk_buf *out)
{
	static const char *const codes[] = {
		SH("EXIT STATUS"),
		TP("0") "done; also when a question was declined.\n",
		TP("1") "failed, a check found something, or something was left over.\n",
		TP("2") "wrong usage.\n",
		TP("3") "not found: an object, a file, a precondition.\n",
		TP("4") "timed out.\n",
		TP("5") "conflict, or refused.\n",
		TP("128+n") "ended by signal n.\n",
	};
	rk_auto_buf page = RK_BUF_INIT, examples = RK_BUF_INIT;

	rk_buf_puts(out, ".TH KUBECTL\\-RK3K\\-");
	for (const char *s = cmd->name; *s; s++)
		rk_buf_addf(out, "%s%c", *s == '-' ? "\\" : "", toupper((unsigned char)*s));
	rk_buf_addf(out, " 1 %s \"rk3k %s\"\n", rk_date, rk_version);

	rk_buf_addf(&page, SH("NAME") "kubectl-rk3k-%s -\n", cmd->name);
	fill(&page, cmd->summary, strlen(cmd->summary), 0, MAN_WIDTH);
	rk_buf_puts(&page, SH("SYNOPSIS"));
	for (const struct rk_verb *v = cmd->verbs; v->run; v++) {
		rk_auto_buf line = RK_BUF_INIT;

		rk_buf_puts(&page, v == cmd->verbs ? "" : REQUEST "br\n");
		put_synopsis(&line, cmd, v);
		fill(&page, line.s, line.len, 0, MAN_WIDTH);
		prose(&examples, v->examples, MAN_WIDTH, examples.len ? MAN_MORE : MAN);
	}
	rk_buf_puts(&page, SH("DESCRIPTION"));
	prose(&page, cmd->description ? cmd->description : cmd->summary, MAN_WIDTH, MAN);
	put_options(&page, cmd);
	rk_buf_puts(&page, cmd->files ? SH("FILES") : "");
	prose(&page, cmd->files, MAN_WIDTH, MAN);
	for (size_t i = 0; i < RK_COUNT(codes); i++)
		rk_buf_puts(&page, codes[i]);
	prose(&page, cmd->exit_status, MAN_WIDTH, MAN_MORE);
	for (const struct rk_verb *v = cmd->verbs; v->run; v++)
		prose(&page, v->exit_status, MAN_WIDTH, MAN_MORE);
	if (examples.len)
		rk_buf_addf(&page, SH("EXAMPLES") "%s", examples.s);
	rk_buf_puts(&page, SH("SEE ALSO"));
	if (cmd->see_also)
		rk_buf_addf(&page, "%.*s,\n", (int)strcspn(cmd->see_also, "\n"), cmd->see_also);
	rk_buf_puts(&page, "kubectl-rk3k(1)\n");
	roff(out, page.s);
}
