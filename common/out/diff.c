// SPDX-License-Identifier: Apache-2.0
#include "out/out.h"

#define CONTEXT	  3
#define TABLE_MAX 4000000

struct line {
	const char *s;
	size_t n;  /* without the line break */
	bool open; /* the text ends without one */
};

struct text {
	struct line *v;
	size_t n;
};

static void split(struct text *t, const char *s)
{
	size_t room = 0;

	*t = (struct text){0};
	while (*s) {
		size_t n = strcspn(s, "\n");

		if (t->n == room) {
			room = room ? room * 2 : 64;
			t->v = rk_realloc(t->v, room * sizeof(*t->v));
		}
		t->v[t->n++] = (struct line){s, n, s[n] == '\0'};
		s += n + (s[n] == '\n');
	}
}

static bool same(const struct line *a, const struct line *b)
{
	return a->n == b->n && a->open == b->open && memcmp(a->s, b->s, a->n) == 0;
}

/* One char for each line of the result: ' ' both, '-' only a, '+' only b. */
struct script {
	struct text a, b;
	struct rk_buf ops;
};

static void put_ops(struct script *s, char op, size_t n)
{
	while (n--)
		rk_buf_putc(&s->ops, op);
}

/* Longest common subsequence of a[i..ea) and b[j..eb) by the table of suffix lengths. */
static void compare(struct script *s, size_t i, size_t ea, size_t j, size_t eb)
{
	size_t w = eb - j + 1;
	uint32_t *t = rk_calloc((ea - i + 1) * w, sizeof(*t));
	size_t i0 = i, j0 = j;

#define AT(x, y) t[((x)-i0) * w + ((y)-j0)]
	for (size_t x = ea; x-- > i;)
		for (size_t y = eb; y-- > j;)
			AT(x, y) = same(&s->a.v[x], &s->b.v[y])	  ? AT(x + 1, y + 1) + 1
				   : AT(x + 1, y) >= AT(x, y + 1) ? AT(x + 1, y)
								  : AT(x, y + 1);
	while (i < ea && j < eb) {
		if (same(&s->a.v[i], &s->b.v[j])) {
			put_ops(s, ' ', 1);
			i++, j++;
		} else if (AT(i + 1, j) >= AT(i, j + 1)) {
			put_ops(s, '-', 1);
			i++;
		} else {
			put_ops(s, '+', 1);
			j++;
		}
	}
#undef AT
	put_ops(s, '-', ea - i);
	put_ops(s, '+', eb - j);
	free(t);
}

static void make_script(struct script *s)
{
	size_t head = 0, tail = 0, na = s->a.n, nb = s->b.n;

	while (head < na && head < nb && same(&s->a.v[head], &s->b.v[head]))
		head++;
	while (tail < na - head && tail < nb - head &&
		same(&s->a.v[na - 1 - tail], &s->b.v[nb - 1 - tail]))
		tail++;
	put_ops(s, ' ', head);
	if ((na - head - tail) * (nb - head - tail) <= TABLE_MAX) {
		compare(s, head, na - tail, head, nb - tail);
	} else {
		put_ops(s, '-', na - head - tail);
		put_ops(s, '+', nb - head - tail);
	}
	put_ops(s, ' ', tail);
}

/* Operations from..to, which begin at lines ia of a and ib of b. */
static void put_hunk(
	struct rk_buf *out, const struct script *s, size_t from, size_t to, size_t ia, size_t ib)
{
	size_t n[2] = {0}, at[2] = {ia, ib};

	for (size_t i = from; i < to; i++) {
		n[0] += s->ops.s[i] != '+';
		n[1] += s->ops.s[i] != '-';
	}
	rk_buf_puts(out, "@@ ");
	for (int i = 0; i < 2; i++) {
		rk_buf_addf(out, "%c%zu", "-+"[i], n[i] ? at[i] + 1 : at[i]);
		if (n[i] != 1)
			rk_buf_addf(out, ",%zu", n[i]);
		rk_buf_puts(out, i ? " @@\n" : " ");
	}
	for (size_t i = from; i < to; i++) {
		char op = s->ops.s[i];
		const struct line *l = op == '+' ? &s->b.v[ib] : &s->a.v[ia];

		rk_buf_putc(out, op);
		rk_buf_put(out, l->s, l->n);
		rk_buf_puts(out, l->open ? "\n\\ No newline at end of file\n" : "\n");
		ia += op != '+';
		ib += op != '-';
	}
}

/* Where the hunk that begins with a change at i ends: changes at most 2 × CONTEXT apart join. */
static size_t hunk_end(const struct script *s, size_t i)
{
	size_t last = i;

	for (; i < s->ops.len && i - last <= (size_t)2 * CONTEXT; i++)
		if (s->ops.s[i] != ' ')
			last = i;
	return last + 1 + CONTEXT < s->ops.len ? last + 1 + CONTEXT : s->ops.len;
}

static void put_hunks(struct rk_buf *out, const struct script *s)
{
	size_t ia = 0, ib = 0, i = 0;

	while (i < s->ops.len) {
		size_t from, to;

		if (s->ops.s[i] == ' ') {
			i++, ia++, ib++;
			continue;
		}
		from = i > CONTEXT ? i - CONTEXT : 0;
		to = hunk_end(s, i);
		put_hunk(out, s, from, to, ia - (i - from), ib - (i - from));
		for (; i < to; i++) {
			ia += s->ops.s[i] != '+';
			ib += s->ops.s[i] != '-';
		}
	}
}

bool rk_diff(
	const char *a, const char *b, const char *name_a, const char *name_b, struct rk_buf *out)
{
	struct script s = {.ops = RK_BUF_INIT};

	if (!strcmp(a, b))
		return false;
	split(&s.a, a);
	split(&s.b, b);
	make_script(&s);
	rk_buf_puts(out, "--- ");
	rk_printable(out, name_a, strlen(name_a), "^J");
	rk_buf_puts(out, "\n+++ ");
	rk_printable(out, name_b, strlen(name_b), "^J");
	rk_buf_putc(out, '\n');
	put_hunks(out, &s);
	free(s.a.v);
	free(s.b.v);
	rk_buf_release(&s.ops);
	return true;
}
