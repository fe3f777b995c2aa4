// SPDX-License-Identifier: Apache-2.0
#include "internal.h"

#include <ctype.h>

/* Text that roff prints unchanged: no escapes, no requests, dashes that can be copied. */
static void text(struct rk_buf *out, const char *s, size_t n)
{
	bool start = out->len == 0 || out->s[out->len - 1] == '\n';

	for (size_t i = 0; i < n; i++) {
		if (start && (s[i] == '.' || s[i] == '\''))
			rk_buf_puts(out, "\\&");
		start = s[i] == '\n';
		if (s[i] == '\\')
			rk_buf_puts(out, "\\e");
		else if (s[i] == '-')
			rk_buf_puts(out, "\\-");
		else
			rk_buf_putc(out, s[i]);
	}
}

static void words(struct rk_buf *out, const char *s)
{
	text(out, s, strlen(s));
}

/* Text of a paragraph, in lines of a length that mandoc does not complain of. */
static void para(struct rk_buf *out, const char *s, size_t n)
{
	enum { longest = 68 };
	rk_auto_free char *copy = rk_strndup(s, n);
	size_t col = 0;

	for (char *p = copy; *p; p++, col++) {
		if (*p == ' ' && col + strcspn(p + 1, " \n") > longest)
			*p = '\n';
		if (*p == '\n')
			col = 0;
	}
	text(out, copy, strlen(copy));
}

/* Paragraphs; trailing blanks would be reported by mandoc. */
static void prose(struct rk_buf *out, const char *s)
{
	struct rk_block b;
	bool first = true;

	while (rk_block_next(&s, &b)) {
		if (!first)
			rk_buf_puts(out, ".PP\n");
		first = false;
		if (b.pre)
			rk_buf_puts(out, ".nf\n");
		(b.pre ? text : para)(out, b.s, b.n);
		rk_buf_puts(out, b.pre ? "\n.fi\n" : "\n");
	}
}

static void section(struct rk_buf *out, const char *name)
{
	rk_buf_addf(out, ".SH %s\n", name);
}

/* ".TP" and an option: its names bold, its argument italic. */
static void option(struct rk_buf *out, const struct rk_opt *o)
{
	rk_auto_buf spelling = RK_BUF_INIT, help = RK_BUF_INIT;
	size_t name;

	rk_opt_spelling(o, &spelling);
	name = strcspn(spelling.s, " [=");
	rk_opt_text(o, &help);
	rk_buf_puts(out, ".TP\n");
	if (o->key)
		rk_buf_addf(out, "\\fB\\-%c\\fR, ", o->key);
	rk_buf_puts(out, "\\fB");
	text(out, spelling.s, name);
	rk_buf_puts(out, "\\fR");
	if (spelling.s[name]) {
		rk_buf_puts(out, spelling.s[name] == ' ' ? " \\fI" : "\\fI");
		words(out, spelling.s + name + (spelling.s[name] == ' '));
		rk_buf_puts(out, "\\fR");
	}
	rk_buf_putc(out, '\n');
	para(out, help.s, help.len);
	rk_buf_puts(out, ".\n");
}

static void options(struct rk_buf *out, const struct rk_verb *v, bool own)
{
	rk_auto_flags f = {0};

	rk_flags_init(&f, v, NULL, NULL);
	for (size_t i = 0; i < f.n; i++)
		if ((f.v[i].heading == NULL) == own)
			option(out, f.v[i].opt);
}

static bool has_own_options(const struct rk_verb *v)
{
	rk_auto_flags f = {0};

	rk_flags_init(&f, v, NULL, NULL);
	return f.n > 0 && f.v[0].heading == NULL;
}

static void verb_section(struct rk_buf *out, const struct rk_verb *v)
{
	rk_buf_puts(out, ".SS ");
	words(out, v->name);
	rk_buf_putc(out, '\n');
	if (v->summary)
		words(out, v->summary);
	rk_buf_puts(out, v->summary ? ".\n" : "");
	options(out, v, true);
}

/* The shared groups once: those of the verb that has most of them. */
static const struct rk_verb *widest(const struct rk_cmd *cmd)
{
	const struct rk_verb *best = cmd->verbs;
	size_t most = 0;

	for (const struct rk_verb *v = cmd->verbs; v->run; v++) {
		rk_auto_flags f = {0};
		size_t n = 0;

		rk_flags_init(&f, v, NULL, NULL);
		for (size_t i = 0; i < f.n; i++)
			n += f.v[i].heading != NULL;
		if (n > most) {
			most = n;
			best = v;
		}
	}
	return best;
}

static void all_options(struct rk_buf *out, const struct rk_cmd *cmd)
{
	bool verbs = rk_verb_named(cmd) > 0;
	const struct rk_verb *whole = rk_verb_find(cmd, NULL);

	if (verbs)
		section(out, "VERBS");
	for (const struct rk_verb *v = cmd->verbs; v->run; v++)
		if (v->name)
			verb_section(out, v);
	section(out, "OPTIONS");
	if (whole && has_own_options(whole))
		options(out, whole, true);
	options(out, widest(cmd), false);
}

static void synopsis(struct rk_buf *out, const struct rk_cmd *cmd)
{
	bool first = true;

	section(out, "SYNOPSIS");
	for (const struct rk_verb *v = cmd->verbs; v->run; v++) {
		rk_auto_buf line = RK_BUF_INIT;

		if (!first)
			rk_buf_puts(out, ".br\n");
		first = false;
		rk_verb_synopsis(cmd, v, &line);
		para(out, line.s, line.len);
		rk_buf_putc(out, '\n');
	}
}

/* Variables of the options, each once. */
static void environment(struct rk_buf *out, const struct rk_cmd *cmd)
{
	rk_auto_buf seen = RK_BUF_INIT;

	section(out, "ENVIRONMENT");
	for (const struct rk_verb *v = cmd->verbs; v->run; v++) {
		rk_auto_flags f = {0};

		rk_flags_init(&f, v, NULL, NULL);
		for (size_t i = 0; i < f.n; i++) {
			const char *env = f.v[i].opt->env;
			rk_auto_free char *mark = env ? rk_asprintf(" %s ", env) : NULL;

			if (!env || strstr(seen.s, mark))
				continue;
			rk_buf_puts(&seen, mark);
			rk_buf_addf(out, ".TP\n\\fB%s\\fR\nValue of ", env);
			rk_buf_addf(out, "\\fB\\-\\-");
			words(out, f.v[i].opt->name);
			rk_buf_puts(out, "\\fR when the flag is not given.\n");
		}
	}
	rk_buf_puts(out, ".TP\n\\fBKUBECONFIG\\fR\nKubeconfig files, as for kubectl.\n"
			 ".TP\n\\fBHTTPS_PROXY\\fR, \\fBNO_PROXY\\fR\nProxy for requests.\n"
			 ".TP\n\\fBNO_COLOR\\fR\nNo colour on stderr when set.\n");
}

static void exit_status(struct rk_buf *out, const struct rk_cmd *cmd)
{
	section(out, "EXIT STATUS");
	for (const char *const *c = rk_exit_codes; *c; c += 2)
		rk_buf_addf(out, ".TP\n\\fB%s\\fR\n%s.\n", c[0], c[1]);
	if (cmd->exit_status) {
		rk_buf_puts(out, ".PP\n");
		prose(out, cmd->exit_status);
	}
}

static void examples(struct rk_buf *out, const struct rk_cmd *cmd)
{
	bool any = false;

	for (const struct rk_verb *v = cmd->verbs; v->run; v++) {
		rk_auto_buf lines = RK_BUF_INIT;

		rk_verb_examples(v, 0, &lines);
		if (!lines.len)
			continue;
		if (!any)
			section(out, "EXAMPLES");
		rk_buf_puts(out, any ? ".PP\n.nf\n" : ".nf\n");
		any = true;
		words(out, lines.s);
		rk_buf_puts(out, ".fi\n");
	}
}

static void see_also(struct rk_buf *out, const struct rk_cmd *cmd)
{
	section(out, "SEE ALSO");
	if (cmd->see_also) {
		text(out, cmd->see_also, strcspn(cmd->see_also, "\n"));
		rk_buf_puts(out, ",\n");
	}
	rk_buf_puts(out, "kubectl\\-rk3k(1)\n");
}

static void heading(struct rk_buf *out, const char *name)
{
	rk_buf_puts(out, ".TH KUBECTL\\-RK3K\\-");
	for (; *name; name++)
		rk_buf_putc(out, (char)toupper((unsigned char)*name));
	rk_buf_addf(out, " 1 %s \"rk3k %s\"\n", rk_date, rk_version);
}

void rk_cli_man(const struct rk_cmd *cmd, struct rk_buf *out)
{
	heading(out, cmd->name);
	section(out, "NAME");
	rk_buf_puts(out, "kubectl\\-rk3k\\-");
	words(out, cmd->name);
	rk_buf_puts(out, " \\-\n");
	para(out, cmd->summary, strlen(cmd->summary));
	rk_buf_putc(out, '\n');
	synopsis(out, cmd);
	section(out, "DESCRIPTION");
	prose(out, cmd->description ? cmd->description : cmd->summary);
	all_options(out, cmd);
	environment(out, cmd);
	if (cmd->files) {
		section(out, "FILES");
		prose(out, cmd->files);
	}
	exit_status(out, cmd);
	examples(out, cmd);
	see_also(out, cmd);
}
