// SPDX-License-Identifier: Apache-2.0
/* The configuration file: shell assignments, read and never executed. */
#include "internal.h"

#define PROBLEMS_MAX 200
#define BLANKS	     " \t\r"
#define LETTERS	     "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"
#define DIGITS	     "0123456789"

struct scan {
	const char *p;
	unsigned line;
	const char *name; /* of the file, for messages */
	struct rk_problems *problems;
	struct rk_settings *s;
	bool secrets; /* a secret was set */
	unsigned set_on[RK_KEY_COUNT];
};

/* key: "" or KEY. Values are never quoted in a message: they may be secrets. */
static bool bad(struct scan *c, const char *key, const char *what)
{
	rk_problem_add(c->problems, true, "",
		"%s:%u: %s%s%s; the file is read as KEY=value lines and never executed", c->name,
		c->line, key, *key ? ": " : "", what);
	c->p += strcspn(c->p, "\n");
	return false;
}

/* What the text at p would do in a shell, or NULL when it is literal there. */
static const char *shell(const char *p, bool quoted)
{
	static const struct {
		char first;
		const char *next; /* one of these follows, or NULL */
		bool quoted;	  /* in double quotes as well */
		const char *why;
	} forms[] = {
		{'`', NULL, true, "`...` would need a shell"},
		{'$', "(", true, "$(...) would need a shell"},
		{'$', "{@*#?!$-" LETTERS DIGITS, true,
			"$ names a variable and would need a shell (use single quotes or \\$ for a "
			"plain $)"},
		{'$', "'\"", false, "$'...' would need a shell"},
		{';', NULL, false, "; would need a shell"},
		{'&', "&", false, "&& would need a shell"},
		{'&', NULL, false, "& would need a shell"},
		{'|', NULL, false, "| would need a shell"},
		{'<', NULL, false, "a redirection would need a shell"},
		{'>', NULL, false, "a redirection would need a shell"},
		{'(', NULL, false, "a bracket would need a shell (lists are written with commas)"},
		{')', NULL, false, "a bracket would need a shell (lists are written with commas)"},
	};

	for (size_t i = 0; i < RK_COUNT(forms); i++)
		if (*p == forms[i].first && (forms[i].quoted || !quoted) &&
			(!forms[i].next || strspn(p + 1, forms[i].next)))
			return forms[i].why;
	return NULL;
}

static bool quoted(struct scan *c, const char *key, struct rk_buf *out)
{
	char quote = *c->p++;
	unsigned opened = c->line;

	for (; *c->p != quote; c->p++) {
		bool escaped = quote == '"' && *c->p == '\\' && strspn(c->p + 1, "\n$`\"\\");
		const char *why = quote == '"' ? shell(c->p, true) : NULL;

		if (why)
			return bad(c, key, why);
		if (!*c->p) {
			c->line = opened;
			return bad(c, key,
				quote == '"' ? "a double quote is not closed"
					     : "a single quote is not closed");
		}
		c->p += escaped;
		c->line += *c->p == '\n';
		if (!escaped || *c->p != '\n')
			rk_buf_putc(out, *c->p);
	}
	c->p++;
	return true;
}

/* What is behind the equals sign. */
static bool word(struct scan *c, const char *key, struct rk_buf *out)
{
	/* A carriage return ends a line only; in the middle it is part of the value. */
	while (*c->p && !strspn(c->p, " \t\n") && !(*c->p == '\r' && strchr("\n", c->p[1]))) {
		const char *why = shell(c->p, false);

		if (*c->p == '\'' || *c->p == '"') {
			if (!quoted(c, key, out))
				return false;
		} else if (*c->p == '\\') {
			/* the next character is literal, a line break vanishes */
			c->p++;
			c->line += *c->p == '\n';
			if (*c->p && *c->p != '\n')
				rk_buf_putc(out, *c->p);
			c->p += *c->p != '\0';
		} else if (why) {
			return bad(c, key, why);
		} else {
			rk_buf_putc(out, *c->p++);
		}
	}
	return true;
}

/* NAME=word, with p at NAME. */
static bool assignment(struct scan *c)
{
	size_t n = strspn(c->p, LETTERS DIGITS);
	rk_auto_free char *name = rk_strndup(c->p, n), *where = NULL;
	rk_auto_buf value = RK_BUF_INIT_SECRET;
	const char *after = c->p + n;
	unsigned line = c->line;
	enum rk_key k;

	if (!n || strspn(name, DIGITS))
		return bad(c, "", "expected KEY=value");
	if (n > 64)
		return bad(c, "", "the key is too long");
	if (rk_prefix(after, "+="))
		return bad(c, name, "KEY+=value would need a shell");
	if (*after == '[')
		return bad(c, name, "an array would need a shell");
	if (strspn(after, BLANKS) && rk_setting_find(name) != RK_KEY_COUNT)
		return bad(c, name, "expected = directly behind the key, without blanks");
	if (*after != '=')
		return bad(c, "", "a command would need a shell");
	c->p = after + 1;
	if (!word(c, name, &value))
		return false;

	where = rk_asprintf("%s:%u: unknown key ", c->name, line);
	k = rk_settings_take(c->s, where, "", name, value.s, RK_FROM_FILE, c->problems);
	if (k == RK_KEY_COUNT)
		return true;
	if (c->set_on[k])
		rk_problem_add(c->problems, false, "",
			"%s:%u: %s is set again (first on line %u); the last one counts", c->name,
			line, name, c->set_on[k]);
	c->set_on[k] = line;
	c->secrets |= (rk_settings_table[k].flags & RK_SETF_SECRET) && value.len;
	return true;
}

bool rk_settings_parse(
	struct rk_settings *s, const char *text, size_t n, const char *name, struct rk_problems *p)
{
	struct scan c = {.p = text, .line = 1, .name = name, .problems = p, .s = s};
	bool exported = false;

	if (rk_prefix(text, "\xEF\xBB\xBF"))
		c.p += 3;
	while (*c.p && p->n < PROBLEMS_MAX) {
		const char *why = shell(c.p, false);

		if (*c.p == '\n') {
			c.p++;
			c.line++;
			exported = false;
		} else if (strspn(c.p, BLANKS)) {
			c.p += strspn(c.p, BLANKS);
		} else if (rk_prefix(c.p, "\\\n")) {
			c.p += 2;
			c.line++;
		} else if (*c.p == '#') {
			c.p += strcspn(c.p, "\n");
		} else if (why) {
			bad(&c, "", why);
		} else if (!exported && rk_prefix(c.p, "export") && strspn(c.p + 6, BLANKS)) {
			c.p += 6;
			exported = true;
		} else {
			assignment(&c);
		}
	}
	if (c.p < text + n)
		rk_problem_add(p, true, "", "%s:%u: %s: the rest is not read", name, c.line,
			*c.p ? "too many problems" : "a NUL byte");
	return c.secrets;
}
