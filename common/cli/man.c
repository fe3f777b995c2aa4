// SPDX-License-Identifier: Apache-2.0
/* The man page of a tool, from the same tables and texts as its --help. */
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
	words(out, copy);
	rk_buf_putc(out, '\n');
}

/* Paragraphs, each but the first of a section with .PP before it. */
static void paras(struct rk_buf *out, const char *s, bool first)
{
	struct rk_block b;

	for (; s && rk_block_next(&s, &b); first = false) {
		rk_buf_puts(out, first ? "" : ".PP\n");
		if (!b.pre) {
			para(out, b.s, b.n);
			continue;
		}
		rk_buf_puts(out, ".nf\n");
		text(out, b.s, b.n);
		rk_buf_puts(out, "\n.fi\n");
	}
}

static void section(struct rk_buf *out, const char *name, const char *s)
{
	rk_buf_addf(out, ".SH %s\n", name);
	paras(out, s, true);
}

/* ".TP" and each option that is, or is not, the verb's own: its names bold, its argument italic. Returns
 * their number. */
static size_t options(struct rk_buf *out, const struct rk_verb *v, bool own)
{
	rk_auto_flags f = {0};
	size_t count = 0;

	rk_flags_init(&f, v, NULL, NULL);
	for (size_t i = 0; i < f.n; i++) {
		const struct rk_opt *o = f.v[i].opt;
		rk_auto_buf spelling = RK_BUF_INIT, help = RK_BUF_INIT;
		size_t name;

		if ((f.v[i].heading == NULL) != own)
			continue;
		count++;
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
		rk_buf_putc(&help, '.');
		para(out, help.s, help.len);
	}
	return count;
}

static void all_options(struct rk_buf *out, const struct rk_cmd *cmd)
{
	const struct rk_verb *widest =
		NULL; /* the shared groups are shown once: those of this verb */
	size_t most = 0;

	if (rk_verb_named(cmd))
		rk_buf_puts(out, ".SH VERBS\n");
	for (const struct rk_verb *v = cmd->verbs; v->run; v++) {
		rk_auto_buf shared = RK_BUF_INIT;
		size_t n = options(&shared, v, false);

		if (n > most) {
			most = n;
			widest = v;
		}
		if (!v->name)
			continue;
		rk_buf_puts(out, ".SS ");
		words(out, v->name);
		rk_buf_putc(out, '\n');
		words(out, v->summary ? v->summary : "");
		rk_buf_puts(out, v->summary ? ".\n" : "");
		paras(out, v->description, false);
		options(out, v, true);
	}
	rk_buf_puts(out, ".SH OPTIONS\n");
	if (rk_verb_find(cmd, NULL))
		options(out, rk_verb_find(cmd, NULL), true);
	options(out, widest, false);
}

/* Variables of the options, each once. */
static void environment(struct rk_buf *out, const struct rk_cmd *cmd)
{
	rk_auto_buf seen = RK_BUF_INIT;

	section(out, "ENVIRONMENT", NULL);
	for (const struct rk_verb *v = cmd->verbs; v->run; v++) {
		rk_auto_flags f = {0};

		rk_flags_init(&f, v, NULL, NULL);
		for (size_t i = 0; i < f.n; i++) {
			const char *env = f.v[i].opt->env;
			rk_auto_free char *mark = env ? rk_asprintf(" %s ", env) : NULL;

			if (!env || strstr(seen.s, mark))
				continue;
			rk_buf_puts(&seen, mark);
			rk_buf_addf(out, ".TP\n\\fB%s\\fR\nValue of \\fB\\-\\-", env);
			words(out, f.v[i].opt->name);
			rk_buf_puts(out, "\\fR when the flag is not given.\n");
		}
	}
	rk_buf_puts(out, ".TP\n\\fBKUBECONFIG\\fR\nKubeconfig files, as for kubectl.\n"
			 ".TP\n\\fBHTTPS_PROXY\\fR, \\fBNO_PROXY\\fR\nProxy for requests.\n"
			 ".TP\n\\fBNO_COLOR\\fR\nNo colour on stderr when set.\n");
}

void rk_cli_man(const struct rk_cmd *cmd, struct rk_buf *out)
{
	const char *lead = ".SH EXAMPLES\n.nf\n";

	rk_buf_puts(out, ".TH KUBECTL\\-RK3K\\-");
	for (const char *s = cmd->name; *s; s++)
		rk_buf_putc(out, (char)toupper((unsigned char)*s));
	rk_buf_addf(out, " 1 %s \"rk3k %s\"\n.SH NAME\nkubectl\\-rk3k\\-", rk_date, rk_version);
	words(out, cmd->name);
	rk_buf_puts(out, " \\-\n");
	para(out, cmd->summary, strlen(cmd->summary));
	section(out, "SYNOPSIS", NULL);
	for (const struct rk_verb *v = cmd->verbs; v->run; v++) {
		rk_auto_buf line = RK_BUF_INIT;

		rk_buf_puts(out, v == cmd->verbs ? "" : ".br\n");
		rk_verb_synopsis(cmd, v, &line);
		para(out, line.s, line.len);
	}
	section(out, "DESCRIPTION", cmd->description ? cmd->description : cmd->summary);
	all_options(out, cmd);
	environment(out, cmd);
	if (cmd->files)
		section(out, "FILES", cmd->files);
	section(out, "EXIT STATUS", NULL);
	for (const char *const *c = rk_exit_codes; *c; c += 2)
		rk_buf_addf(out, ".TP\n\\fB%s\\fR\n%s.\n", c[0], c[1]);
	paras(out, cmd->exit_status, false);
	for (const struct rk_verb *v = cmd->verbs; v->run; v++)
		paras(out, v->exit_status, false);
	for (const struct rk_verb *v = cmd->verbs; v->run; v++) {
		rk_auto_buf lines = RK_BUF_INIT;

		rk_verb_examples(v, 0, &lines);
		if (!lines.len)
			continue;
		rk_buf_puts(out, lead);
		lead = ".PP\n.nf\n";
		words(out, lines.s);
		rk_buf_puts(out, ".fi\n");
	}
	section(out, "SEE ALSO", NULL);
	if (cmd->see_also) {
		text(out, cmd->see_also, strcspn(cmd->see_also, "\n"));
		rk_buf_puts(out, ",\n");
	}
	rk_buf_puts(out, "kubectl\\-rk3k(1)\n");
}
