// SPDX-License-Identifier: Apache-2.0
#include "internal.h"

const char *const rk_exit_codes[] = {
	"0",
	"done; also when a question was declined",
	"1",
	"failed, a check found something, or something was left over",
	"2",
	"wrong usage",
	"3",
	"not found: an object, a file, a precondition",
	"4",
	"timed out",
	"5",
	"conflict, or refused",
	"128+n",
	"ended by signal n",
	NULL,
};

bool rk_block_next(const char **s, struct rk_block *b)
{
	const char *p = *s;

	while (*p == '\n')
		p++;
	b->s = p;
	b->pre = *p == ' ';
	while (*p && *p != '\n' && (*p == ' ') == b->pre) {
		p += strcspn(p, "\n");
		b->n = (size_t)(p - b->s);
		p += *p == '\n';
	}
	*s = p;
	return p != b->s;
}

/* The words of s, beginning at column indent, broken at width; further lines begin at indent. */
static void fill(struct rk_buf *out, const char *s, size_t n, size_t indent, size_t width)
{
	size_t col = indent, len;

	rk_each_item (word, len, s, " \n") {
		size_t w = 0;

		if (word >= s + n)
			break;
		for (size_t i = 0; i < len; i++)
			w += ((unsigned char)word[i] & 0xc0) != 0x80;
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

static void prose(struct rk_buf *out, const char *text, size_t width)
{
	struct rk_block b;

	for (bool first = true; rk_block_next(&text, &b); first = false) {
		if (!first)
			rk_buf_putc(out, '\n');
		if (b.pre)
			rk_buf_addf(out, "%.*s\n", (int)b.n, b.s);
		else
			fill(out, b.s, b.n, 0, width < 100 ? width : 100);
	}
}

void rk_opt_spelling(const struct rk_opt *o, struct rk_buf *out)
{
	const char *arg = o->arg ? o->arg : o->kind == RK_OPT_ENUM ? "" : "VALUE";

	rk_buf_addf(out, "--%s", o->name);
	if (o->kind == RK_OPT_FLAG || o->kind == RK_OPT_COUNT)
		return;
	if (o->kind == RK_OPT_ENUM && !o->arg)
		arg = o->choices;
	rk_buf_addf(out, o->optional ? "[=%s]" : " %s", arg);
}

void rk_opt_text(const struct rk_opt *o, struct rk_buf *out)
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

static void help_flags(struct rk_buf *out, const struct rk_verb *verb, size_t width)
{
	enum { column = 32 };
	rk_auto_flags f = {0};
	const char *heading = "";

	rk_flags_init(&f, verb, NULL, NULL);
	for (size_t i = 0; i < f.n; i++) {
		const struct rk_opt *o = f.v[i].opt;
		const char *h = f.v[i].heading;
		rk_auto_buf left = RK_BUF_INIT, text = RK_BUF_INIT;

		if (h != heading && !rk_streq(h, heading))
			rk_buf_addf(out, "\n%s:\n", h ? h : "Flags");
		heading = h;
		rk_buf_addf(&left, o->key ? "  -%c, " : "      ", o->key);
		rk_opt_spelling(o, &left);
		rk_opt_text(o, &text);
		if (left.len + 2 > column)
			rk_buf_addf(out, "%s\n%*s", left.s, column, "");
		else
			rk_buf_addf(out, "%-*s", column, left.s);
		fill(out, text.s, text.len, column, width);
	}
}

void rk_verb_synopsis(const struct rk_cmd *cmd, const struct rk_verb *v, struct rk_buf *out)
{
	rk_buf_addf(out, "%s %s", rk_usage_prefix(), cmd->name);
	if (v->name)
		rk_buf_addf(out, " %s", v->name);
	if (v->args && *v->args)
		rk_buf_addf(out, " %s", v->args);
	rk_buf_puts(out, " [flags]");
}

void rk_verb_examples(const struct rk_verb *v, int indent, struct rk_buf *out)
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
	const char *summary = verb && verb->summary ? verb->summary : cmd->summary;
	const char *description = verb && verb->name ? verb->description : cmd->description;
	const struct rk_verb *flags_of = verb ? verb : rk_verb_find(cmd, NULL);
	rk_auto_buf verbs = RK_BUF_INIT, examples = RK_BUF_INIT;

	rk_buf_addf(
		out, "%s - %s\n\nUsage:\n", verb && verb->name ? verb->name : cmd->name, summary);
	for (const struct rk_verb *v = cmd->verbs; v->run; v++) {
		if (verb && v != verb)
			continue;
		rk_buf_puts(out, "  ");
		rk_verb_synopsis(cmd, v, out);
		rk_buf_putc(out, '\n');
		rk_verb_examples(v, 2, &examples);
		if (v->name)
			rk_buf_addf(&verbs, "  %-14s %s\n", v->name, v->summary ? v->summary : "");
	}
	if (description) {
		rk_buf_putc(out, '\n');
		prose(out, description, width);
	}
	if (!verb && verbs.len)
		rk_buf_addf(out, "\nVerbs:\n%s\nMore about a verb: %s %s VERB --help\n", verbs.s,
			rk_usage_prefix(), cmd->name);
	help_flags(out, flags_of, width);
	rk_buf_puts(out, "\nExit codes: 0 done, 1 failed or found something, 2 usage, 3 not found, "
			 "4 timeout,\n5 conflict or refused, 128+n signal n.\n");
	if (cmd->exit_status)
		prose(out, cmd->exit_status, width);
	if (verb && verb->exit_status)
		prose(out, verb->exit_status, width);
	if (examples.len)
		rk_buf_addf(out, "\nExamples:\n%s", examples.s);
}
