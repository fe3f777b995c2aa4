// SPDX-License-Identifier: Apache-2.0
/* Editing kubeconfig text: plan, splice, check. */
#include "internal.h"

/* --- may it be edited? --- */

static int refuse(const struct edit *e, const char *what, const char *which)
{
	rk_err_set(e->err, RK_CONFLICT, "%s: %s%s%s", e->name, what, which ? " " : "",
		which ? which : "");
	return rk_err_hint(e->err, "edit the file by hand, or give another one with --kubeconfig");
}

static int check_item(const struct edit *e, const struct rk_kc_item *w)
{
	const struct kc_section *sec = &e->l->sec[w->kind];
	bool twice;
	ptrdiff_t at = kc_section_find(sec, w->name, &twice);

	if (twice)
		return rk_err_set(e->err, RK_CONFLICT, "%s: two %s are called \"%s\"", e->name,
			kc_plural[w->kind], w->name);
	if (at >= 0 && sec->items[at].tied)
		return refuse(
			e, "YAML anchors, aliases or two names are used in the entry", w->name);
	if (sec->tied && (w->value || at >= 0))
		return refuse(
			e, "YAML anchors or aliases are used for the list of", kc_plural[w->kind]);
	return 0;
}

static int check_same_twice(const struct edit *e)
{
	for (size_t i = 0; i < e->want->n; i++)
		for (size_t j = 0; j < i; j++)
			if (e->want->items[i].kind == e->want->items[j].kind &&
				rk_streq(e->want->items[i].name, e->want->items[j].name))
				return rk_err_set(e->err, RK_CONFLICT,
					"two new %s are called \"%s\"",
					kc_plural[e->want->items[i].kind], e->want->items[i].name);
	return 0;
}

/* What YAML takes for the end of a line and hardly any other program does (YAML 1.1, 4.2): a
 * carriage return alone, U+0085, U+2028, U+2029. */
static bool odd_break(const char *t, size_t n)
{
	static const char *const rare[] = {"\xc2\x85", "\xe2\x80\xa8", "\xe2\x80\xa9"};
	const char *end = t + n;

	for (const char *p = t; (p = memchr(p, '\r', (size_t)(end - p))); p++)
		if (p + 1 == end || p[1] != '\n')
			return true;
	for (size_t i = 0; i < RK_COUNT(rare); i++)
		if (memmem(t, n, rare[i], strlen(rare[i])))
			return true;
	return false;
}

static int check_wanted(const struct edit *e)
{
	if (!e->l->flow && !e->l->plain && odd_break(e->t, e->n))
		return refuse(e, "a line ends in neither LF nor CR LF", NULL);
	if (e->l->tied)
		return refuse(e, "YAML anchors or merge keys are used at the top", NULL);
	for (size_t i = 0; i < e->want->n; i++)
		if (check_item(e, &e->want->items[i]) < 0)
			return -1;
	return check_same_twice(e);
}

/* --- making and checking the result --- */

static int cmp_splice(const void *a, const void *b)
{
	const struct splice *x = a, *y = b;

	if (x->from != y->from)
		return x->from < y->from ? -1 : 1;
	if (x->to != y->to) /* insertions before what is taken out there */
		return x->to < y->to ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

/* Where each splice will stand, and how long the whole becomes. */
static int lay_out(struct edit *e, size_t *total)
{
	size_t at = 0, dest = 0;

	for (size_t i = 0; i < e->ns; i++) {
		struct splice *s = &e->s[i];

		if (s->from < at)
			return refuse(e, "entries overlap", NULL);
		s->dest = dest + (s->from - at);
		dest = s->dest + s->text.len;
		at = s->to;
	}
	*total = dest + (e->n - at);
	if (*total > RK_KC_MAX)
		return rk_err_set(
			e->err, RK_FAIL, "%s would be larger than %zu bytes", e->name, RK_KC_MAX);
	return 0;
}

/* What stays behind splice i moves to its new place. */
static void move_kept(const struct edit *e, char *t, size_t i)
{
	const struct splice *s = &e->s[i];
	size_t end = i + 1 < e->ns ? s[1].from : e->n;

	memmove(t + s->dest + s->text.len, t + s->to, end - s->to);
}

/* In place, as a large file need not be in memory twice: what moves up does so from the end on,
 * what moves down from the start on, so that nothing is overwritten that has yet to move. */
static int apply(struct edit *e, struct rk_buf *text)
{
	size_t total = 0;

	if (lay_out(e, &total) < 0)
		return -1;
	if (total > e->n)
		rk_buf_reserve(text, total - e->n);
	for (size_t i = e->ns; i-- > 0;)
		if (e->s[i].dest + e->s[i].text.len > e->s[i].to)
			move_kept(e, text->s, i);
	for (size_t i = 0; i < e->ns; i++)
		if (e->s[i].dest + e->s[i].text.len < e->s[i].to)
			move_kept(e, text->s, i);
	for (size_t i = 0; i < e->ns; i++)
		memcpy(text->s + e->s[i].dest, e->s[i].text.s, e->s[i].text.len);
	text->len = total;
	text->s[total] = 0;
	return 0;
}

static int damaged(const struct edit *e, const char *what)
{
	return refuse(e, "the edit would damage the file:", what);
}

static size_t expected(const struct edit *e, enum rk_kc_kind k)
{
	size_t n = kc_count_kept(e, k);

	for (size_t i = 0; i < e->want->n; i++) {
		const struct rk_kc_item *w = &e->want->items[i];

		n += w->kind == k && w->value && !kc_is_there(e, w);
	}
	return n;
}

/* The names that were there before and stay, in their order, then the new ones: all there. */
static int check_names(const struct edit *e, const struct kc_layout *now, enum rk_kc_kind k)
{
	const struct kc_section *old = &e->l->sec[k], *new = &now->sec[k];
	size_t j = 0;

	if (new->n != expected(e, k))
		return damaged(e, kc_plural[k]);
	for (size_t i = 0; i < old->n; i++) {
		const struct kc_item *a = &old->items[i], *b;
		const struct rk_kc_item *w = kc_wanted(e, k, a);

		if (w && !w->value)
			continue;
		b = &new->items[j++];
		if (!a->name != !b->name || a->namelen != b->namelen ||
			(a->name && memcmp(a->name, b->name, a->namelen) != 0))
			return damaged(e, kc_plural[k]);
	}
	return 0;
}

static int check_entry(const struct edit *e, const struct kc_layout *now, const struct rk_buf *out,
	const struct rk_kc_item *w)
{
	const struct kc_section *sec = &now->sec[w->kind];
	struct edit after = *e;
	bool twice;
	ptrdiff_t at = kc_section_find(sec, w->name, &twice);

	if (!w->value)
		return at < 0 ? 0 : damaged(e, w->name);
	after.t = out->s;
	if (at < 0 || twice || !kc_item_is(&after, &sec->items[at], sec->style == KC_BLOCK, w))
		return damaged(e, w->name);
	return 0;
}

static int check_result(const struct edit *e, const struct rk_buf *text, struct kc_layout *now)
{
	if (kc_scan(now, text->s, text->len, e->name, e->err) < 0)
		return rk_err_wrap(e->err, "the edit would damage the file");
	for (size_t k = 0; k < RK_KC_NKINDS; k++)
		if (check_names(e, now, (enum rk_kc_kind)k) < 0)
			return -1;
	for (size_t i = 0; i < e->want->n; i++)
		if (check_entry(e, now, text, &e->want->items[i]) < 0)
			return -1;
	if (e->want->current &&
		strcmp(e->want->current, now->current_name ? now->current_name : "") != 0)
		return damaged(e, "current-context");
	return 0;
}

static int run(struct edit *e, struct rk_buf *text)
{
	kc_auto_layout now = KC_LAYOUT_INIT;
	struct kc_layout old;

	if (check_wanted(e) < 0)
		return -1;
	kc_plan(e);
	if (!e->ns)
		return 0;
	qsort(e->s, e->ns, sizeof(*e->s), cmp_splice);
	if (apply(e, text) < 0 || check_result(e, text, &now) < 0)
		return -1;
	old = *e->l;
	*e->l = now;
	now = old;
	return 0;
}

int kc_edit(struct rk_buf *text, struct kc_layout *l, const char *name,
	const struct rk_kc_edit *want, struct kc_kept *kept, struct rk_err *err)
{
	struct edit e = {.t = text->s,
		.n = text->len,
		.name = name,
		.l = l,
		.want = want,
		.err = err,
		.eol = l->crlf ? "\r\n" : "\n"};
	int rc = run(&e, text);

	*kept = (struct kc_kept){.all = !e.ns};
	if (e.ns)
		*kept = (struct kc_kept){.head = e.s[0].from, .tail = e.n - e.s[e.ns - 1].to};
	for (size_t i = 0; i < e.ns; i++)
		rk_buf_release(&e.s[i].text);
	free(e.s);
	return rc;
}
