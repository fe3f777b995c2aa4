// SPDX-License-Identifier: Apache-2.0
#include "out/out.h"

#define CONTEXT	  3
#define TABLE_MAX 4000000

struct text {
	const char **line; /* where each begins */
	size_t n;
};

static void split(struct text *t, const char *s)
{
	size_t lines = 1;

	for (const char *p = s; *p; p++)
		lines += *p == '\n';
	t->line = rk_calloc(lines, sizeof(*t->line));
	for (; *s; s += strcspn(s, "\n"), s += *s == '\n')
		t->line[t->n++] = s;
}

static bool same(const char *a, const char *b)
{
	size_t n = strcspn(a, "\n");

	return strcspn(b, "\n") == n && !memcmp(a, b, n + 1); /* with what ends them */
}

/* ops: one char for each line of the result: ' ' both, '-' only a, '+' only b. */
struct script {
	struct text a, b;
	struct rk_buf ops;
};

static void put_ops(struct script *s, char op, size_t n)
{
	while (n--)
		rk_buf_putc(&s->ops, op);
}

/* Longest common subsequence of these lines by the table of suffix lengths. */
static void compare(struct script *s, const char **a, size_t na, const char **b, size_t nb)
{
	const size_t w = nb + 1;
	rk_auto_free uint32_t *t = rk_calloc((na + 1) * w, sizeof(*t));
	size_t x = na, y;

	while (x-- > 0)
		for (y = nb; y-- > 0;) {
			uint32_t *at = &t[x * w + y];

			*at = same(a[x], b[y]) ? at[w + 1] + 1 : at[w] >= at[1] ? at[w] : at[1];
		}
	for (x = y = 0; x < na && y < nb;) {
		const uint32_t *at = &t[x * w + y];
		const char op = same(a[x], b[y]) ? ' ' : at[w] >= at[1] ? '-' : '+';

		put_ops(s, op, 1);
		x += op != '+';
		y += op != '-';
	}
	put_ops(s, '-', na - x);
	put_ops(s, '+', nb - y);
}

static void put_hunk(
	struct rk_buf *out, const struct script *s, const char *ops, size_t n, const size_t at[2])
{
	const char **line[2] = {s->a.line + at[0], s->b.line + at[1]};

	rk_buf_puts(out, "@@ ");
	for (int side = 0; side < 2; side++) {
		size_t lines = 0;

		for (size_t i = 0; i < n; i++)
			lines += ops[i] != "+-"[side];
		rk_buf_addf(out, "%c%zu", "-+"[side], at[side] + (lines > 0));
		if (lines != 1)
			rk_buf_addf(out, ",%zu", lines);
		rk_buf_puts(out, side ? " @@\n" : " ");
	}
	for (size_t i = 0; i < n; i++) {
		const char *l = ops[i] == '+' ? *line[1] : *line[0];
		const size_t len = strcspn(l, "\n");

		rk_buf_putc(out, ops[i]);
		rk_buf_put(out, l, len);
		rk_buf_puts(out, l[len] ? "\n" : "\n\\ No newline at end of file\n");
		line[0] += ops[i] != '+';
		line[1] += ops[i] != '-';
	}
}

/* Changes at most 2 × CONTEXT apart join in one hunk. */
static void put_hunks(struct rk_buf *out, const struct script *s)
{
	const char *ops = s->ops.s;
	size_t at[2] = {0, 0}; /* lines before `done` */

	for (size_t done = 0, i = 0; i < s->ops.len; i++) {
		size_t from = i > done + CONTEXT ? i - CONTEXT : done, last = i, to;

		if (ops[i] == ' ')
			continue;
		for (to = i; to < s->ops.len && to - last <= (size_t)2 * CONTEXT; to++)
			last = ops[to] == ' ' ? last : to;
		to = last + 1 + CONTEXT < s->ops.len ? last + 1 + CONTEXT : s->ops.len;
		at[0] += from - done; /* lines of both */
		at[1] += from - done;
		put_hunk(out, s, ops + from, to - from, at);
		for (done = from; done < to; done++) {
			at[0] += ops[done] != '+';
			at[1] += ops[done] != '-';
		}
		i = to - 1;
	}
}

bool rk_diff(
	const char *a, const char *b, const char *name_a, const char *name_b, struct rk_buf *out)
{
	struct script s = {.ops = RK_BUF_INIT};
	size_t head = 0, tail = 0, na, nb;

	if (!strcmp(a, b))
		return false;
	split(&s.a, a);
	split(&s.b, b);
	na = s.a.n;
	nb = s.b.n;
	while (head < na && head < nb && same(s.a.line[head], s.b.line[head]))
		head++;
	for (; na > head && nb > head && same(s.a.line[na - 1], s.b.line[nb - 1]); tail++) {
		na--;
		nb--;
	}
	na -= head;
	nb -= head;
	put_ops(&s, ' ', head);
	if (na * nb <= TABLE_MAX) {
		compare(&s, s.a.line + head, na, s.b.line + head, nb);
	} else {
		put_ops(&s, '-', na);
		put_ops(&s, '+', nb);
	}
	put_ops(&s, ' ', tail);

	rk_buf_puts(out, "--- ");
	rk_printable(out, name_a, strlen(name_a), "^J");
	rk_buf_puts(out, "\n+++ ");
	rk_printable(out, name_b, strlen(name_b), "^J");
	rk_buf_putc(out, '\n');
	put_hunks(out, &s);
	free(s.a.line);
	free(s.b.line);
	rk_buf_release(&s.ops);
	return true;
}
