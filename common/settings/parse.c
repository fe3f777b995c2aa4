// SPDX-License-Identifier: Apache-2.0
/* The configuration file: shell assignments, read and never executed. */
#include <sys/stat.h>
#include <unistd.h>

#include "os/os.h"
#include "internal.h"

#define PROBLEMS_MAX 200

struct scan {
	const char *p, *end;
	unsigned line;
	const char *name; /* of the file, for messages */
	struct rk_problems *problems;
	struct rk_settings *s;
	bool secrets; /* a secret was set */
	unsigned set_on[RK_KEY_COUNT];
};

/* The character i places on, or -1. */
static int peek(const struct scan *c, int i)
{
	return c->end - c->p > i ? (unsigned char)c->p[i] : -1;
}

static bool is_blank(int ch)
{
	return ch == ' ' || ch == '\t' || ch == '\r';
}

static bool is_name(int ch)
{
	return (ch >= 'A' && ch <= 'Z') || (ch >= 'a' && ch <= 'z') || ch == '_' ||
	       (ch >= '0' && ch <= '9');
}

static void skip_line(struct scan *c)
{
	while (c->p < c->end && *c->p != '\n')
		c->p++;
}

/* key may be NULL. Values are never quoted in a message: they may be secrets. */
static bool bad(struct scan *c, const char *key, const char *what)
{
	rk_problem_add(c->problems, true, "",
		"%s:%u: %s%s%s; the file is read as KEY=value lines and never executed", c->name,
		c->line, key ? key : "", key ? ": " : "", what);
	skip_line(c);
	return false;
}

/* What a $ would do, or NULL when it is literal as in bash. */
static const char *dollar(const struct scan *c, bool quoted)
{
	int next = peek(c, 1);

	if (next == '(')
		return "$(...) would need a shell";
	if (next == '{' || is_name(next) || (next > 0 && strchr("@*#?!$-", next)))
		return "$ names a variable and would need a shell (use single quotes or \\$ for a "
		       "plain $)";
	if (!quoted && (next == '\'' || next == '"'))
		return "$'...' would need a shell";
	return NULL;
}

static bool quoted(struct scan *c, const char *key, struct rk_buf *out)
{
	char quote = *c->p++;
	unsigned opened = c->line;

	for (; c->p < c->end && *c->p != quote; c->p++) {
		const char *why = NULL;

		if (quote == '"') {
			if (*c->p == '$')
				why = dollar(c, true);
			else if (*c->p == '`')
				why = "`...` would need a shell";
			if (why)
				return bad(c, key, why);
			if (*c->p == '\\' && peek(c, 1) == '\n') {
				c->p++;
				c->line++;
				continue;
			}
			if (*c->p == '\\' && peek(c, 1) > 0 && strchr("$`\"\\", peek(c, 1)))
				c->p++;
		}
		c->line += *c->p == '\n';
		rk_buf_putc(out, *c->p);
	}
	if (c->p == c->end) {
		c->line = opened;
		return bad(c, key,
			quote == '"' ? "a double quote is not closed"
				     : "a single quote is not closed");
	}
	c->p++;
	return true;
}

static const char *operator_of(const struct scan *c)
{
	switch (peek(c, 0)) {
	case '`':
		return "`...` would need a shell";
	case ';':
		return "; would need a shell";
	case '&':
		return peek(c, 1) == '&' ? "&& would need a shell" : "& would need a shell";
	case '|':
		return "| would need a shell";
	case '<':
	case '>':
		return "a redirection would need a shell";
	case '(':
	case ')':
		return "a bracket would need a shell (lists are written with commas)";
	case '$':
		return dollar(c, false);
	default:
		return NULL;
	}
}

/* What is behind the equals sign. */
static bool word(struct scan *c, const char *key, struct rk_buf *out)
{
	while (c->p < c->end && *c->p != '\n') {
		const char *why;

		/* A carriage return ends a line only; in the middle it is part of the value. */
		if (*c->p == '\r' ? peek(c, 1) == '\n' || peek(c, 1) < 0 : is_blank(*c->p))
			break;
		if (*c->p == '\'' || *c->p == '"') {
			if (!quoted(c, key, out))
				return false;
		} else if (*c->p == '\\') {
			/* the next character is literal, a line break vanishes */
			c->p++;
			if (peek(c, 0) == '\n')
				c->line++;
			else if (c->p < c->end)
				rk_buf_putc(out, *c->p);
			c->p += c->p < c->end;
		} else {
			why = operator_of(c);
			if (why)
				return bad(c, key, why);
			rk_buf_putc(out, *c->p++);
		}
	}
	return true;
}

static void set(struct scan *c, const char *name, unsigned line, const struct rk_buf *value)
{
	rk_auto_free char *where = rk_asprintf("%s:%u: unknown key ", c->name, line);
	enum rk_key k;

	if (memchr(value->s, '\0', value->len)) {
		rk_problem_add(c->problems, true, "", "%s:%u: %s: the value holds a NUL byte",
			c->name, line, name);
		return;
	}
	k = rk_settings_take(c->s, where, "", name, value->s, RK_FROM_FILE, c->problems);
	if (k == RK_KEY_COUNT)
		return;
	if (c->set_on[k])
		rk_problem_add(c->problems, false, "",
			"%s:%u: %s is set again (first on line %u); the last one counts", c->name,
			line, name, c->set_on[k]);
	c->set_on[k] = line;
	c->secrets |= (rk_settings_table[k].flags & RK_SETF_SECRET) && value->len;
}

/* NAME=word, with p at NAME; *exported: an `export` was before it. */
static bool assignment(struct scan *c, bool *exported)
{
	rk_auto_buf value = RK_BUF_INIT_SECRET;
	char name[65] = "";
	const char *start = c->p;
	unsigned line = c->line;
	size_t n;

	while (is_name(peek(c, 0)))
		c->p++;
	n = (size_t)(c->p - start);
	if (n == 6 && !memcmp(start, "export", 6) && is_blank(peek(c, 0)) && !*exported) {
		*exported = true;
		return true;
	}
	if (!n || (*start >= '0' && *start <= '9'))
		return bad(c, NULL, "expected KEY=value");
	if (n >= sizeof(name))
		return bad(c, NULL, "the key is too long");
	memcpy(name, start, n);
	if (peek(c, 0) == '+' && peek(c, 1) == '=')
		return bad(c, name, "KEY+=value would need a shell");
	if (peek(c, 0) == '[')
		return bad(c, name, "an array would need a shell");
	if (is_blank(peek(c, 0)) && rk_setting_find(name) != RK_KEY_COUNT)
		return bad(c, name, "expected = directly behind the key, without blanks");
	if (peek(c, 0) != '=')
		return bad(c, NULL, "a command would need a shell");
	c->p++;
	if (!word(c, name, &value))
		return false;
	set(c, name, line, &value);
	return true;
}

/* Returns whether a secret was set. */
static bool scan(
	struct rk_settings *s, const char *text, size_t n, const char *name, struct rk_problems *p)
{
	struct scan c = {
		.p = text, .end = text + n, .line = 1, .name = name, .problems = p, .s = s};
	bool exported = false;

	if (n >= 3 && !memcmp(text, "\xEF\xBB\xBF", 3))
		c.p += 3;
	while (c.p < c.end && p->n < PROBLEMS_MAX) {
		if (*c.p == '\n') {
			c.p++;
			c.line++;
			exported = false;
		} else if (is_blank(*c.p)) {
			c.p++;
		} else if (*c.p == '\\' && peek(&c, 1) == '\n') {
			c.p += 2;
			c.line++;
		} else if (*c.p == '#') {
			skip_line(&c);
		} else if (operator_of(&c)) {
			bad(&c, NULL, operator_of(&c));
		} else {
			assignment(&c, &exported);
		}
	}
	if (c.p < c.end)
		rk_problem_add(p, true, "", "%s:%u: too many problems: the rest is not read", name,
			c.line);
	return c.secrets;
}

void rk_settings_parse(
	struct rk_settings *s, const char *text, size_t n, const char *name, struct rk_problems *p)
{
	scan(s, text, n, name, p);
}

void rk_settings_parse_file(
	struct rk_settings *s, const char *path, const struct rk_buf *text, struct rk_problems *p)
{
	const char *name = rk_streq(path, "-") ? "stdin" : path;
	rk_auto_free char *cwd = getcwd(NULL, 0), *file = NULL;
	struct stat st = {0};

	/* stdin and pipes cannot be read again for the secrets in them */
	if (!rk_streq(path, "-") && cwd && stat(path, &st) == 0 && S_ISREG(st.st_mode)) {
		file = rk_path_resolve(path, cwd);
		s->source = rk_doc_strndup(s->d, file, strlen(file));
	}
	if (scan(s, text->s, text->len, name, p) && s->source && st.st_mode & 077)
		rk_problem_add(p, false, "",
			"%s holds secrets and others can read it: chmod 600 %s", name, name);
	s->source = NULL;
}
