// SPDX-License-Identifier: Apache-2.0
/* Editing kubeconfig text: find the bytes, splice, check. */
#include "kubeconfig-priv.h"
#include "kubeconfig-scan.h"

/* Replace [from, to) of the old text by text, which stands at dest in the new one. */
struct splice {
	size_t from, to, order, dest;
	struct rk_buf text;
};

struct edit {
	const char *t, *name;
	size_t n;
	struct kc_layout *l;
	const char *eol;
	struct splice *s;
	size_t ns, alloc;
	const struct rk_kc_edit *want;
	struct rk_err *err;
};

static struct rk_buf *splice(struct edit *e, size_t from, size_t to)
{
	if (e->ns == e->alloc) {
		e->alloc = e->alloc ? 2 * e->alloc : 8;
		e->s = rk_realloc(e->s, e->alloc * sizeof(*e->s));
	}
	e->s[e->ns] =
		(struct splice){.from = from, .to = to, .order = e->ns, .text = RK_BUF_INIT_SECRET};
	return &e->s[e->ns++].text;
}

/* --- rendering --- */

/* {name, cluster|context|user} as one tree. */
static struct rk_val *item_tree(struct rk_doc *d, const struct rk_kc_item *it)
{
	struct rk_val *m = rk_map(d);

	if (it->kind == RK_KC_USERS) /* kubectl sorts */
		rk_set_str(d, m, "name", it->name);
	rk_set(d, m, kc_single[it->kind], rk_copy(d, it->value));
	if (it->kind != RK_KC_USERS)
		rk_set_str(d, m, "name", it->name);
	return m;
}

static void pad(struct rk_buf *out, size_t n)
{
	while (n--)
		rk_buf_putc(out, ' ');
}

/* Block form: a dash at the indent, the rest two further in, this file's line ends. */
static void render_block(
	const struct edit *e, const struct rk_kc_item *it, size_t indent, struct rk_buf *out)
{
	rk_auto_doc *d = rk_doc_new(true);
	rk_auto_buf y = RK_BUF_INIT_SECRET;
	const char *p, *nl;

	rk_yaml_write(item_tree(d, it), true, &y);
	for (p = y.s; (nl = strchr(p, '\n')); p = nl + 1) {
		if (nl > p)
			pad(out, indent);
		if (p == y.s)
			rk_buf_puts(out, "- ");
		else if (nl > p)
			rk_buf_puts(out, "  ");
		rk_buf_put(out, p, (size_t)(nl - p));
		rk_buf_puts(out, e->eol);
	}
}

/* Flow form, JSON. sep is what stands between two items: with a line break in it the item is
 * spread over lines of the same indent. */
static void render_flow(const struct rk_kc_item *it, const char *sep, struct rk_buf *out)
{
	rk_auto_doc *d = rk_doc_new(true);
	rk_auto_buf j = RK_BUF_INIT_SECRET;
	const char *nl = strrchr(sep, '\n');

	rk_json_write(item_tree(d, it), nl ? RK_JSON_PRETTY : RK_JSON_COMPACT, &j);
	while (j.len && j.s[j.len - 1] == '\n')
		j.s[--j.len] = 0;
	for (const char *p = j.s; *p; p++) {
		if (*p == '\n' && nl)
			rk_buf_puts(out, nl);
		else
			rk_buf_putc(out, *p);
	}
}

static void render_scalar(const struct edit *e, const char *s, struct rk_buf *out)
{
	rk_auto_doc *d = rk_doc_new(false);

	if (!e->l->flow && *s && rk_yaml_plain_ok(s, strlen(s))) {
		rk_buf_puts(out, s);
		return;
	}
	rk_json_write(rk_string(d, s), RK_JSON_COMPACT, out);
	while (out->len && out->s[out->len - 1] == '\n')
		out->s[--out->len] = 0;
}

/* --- block lists --- */

/* New lines go behind a line that may lack its end. */
static void open_line(const struct edit *e, size_t at, struct rk_buf *out)
{
	if (at && e->t[at - 1] != '\n')
		rk_buf_puts(out, e->eol);
}

static const struct rk_kc_item *wanted(
	const struct edit *e, enum rk_kc_kind k, const struct kc_item *old)
{
	for (size_t i = 0; old->name && i < e->want->n; i++) {
		const struct rk_kc_item *w = &e->want->items[i];

		if (w->kind == k && strlen(w->name) == old->namelen &&
			memcmp(w->name, old->name, old->namelen) == 0)
			return w;
	}
	return NULL;
}

static size_t count_kept(const struct edit *e, enum rk_kc_kind k)
{
	const struct kc_section *sec = &e->l->sec[k];
	size_t n = 0;

	for (size_t i = 0; i < sec->n; i++) {
		const struct rk_kc_item *w = wanted(e, k, &sec->items[i]);

		n += !w || w->value;
	}
	return n;
}

static bool is_there(const struct edit *e, const struct rk_kc_item *w)
{
	bool twice;

	return kc_section_find(&e->l->sec[w->kind], w->name, &twice) >= 0;
}

static bool any_new(const struct edit *e, enum rk_kc_kind k)
{
	for (size_t i = 0; i < e->want->n; i++) {
		const struct rk_kc_item *w = &e->want->items[i];

		if (w->kind == k && w->value && !is_there(e, w))
			return true;
	}
	return false;
}

static void render_new(const struct edit *e, enum rk_kc_kind k, size_t indent, struct rk_buf *out)
{
	for (size_t i = 0; i < e->want->n; i++) {
		const struct rk_kc_item *w = &e->want->items[i];

		if (w->kind == k && w->value && !is_there(e, w))
			render_block(e, w, indent, out);
	}
}

/* One item as a tree, to see whether it must change at all. */
static bool item_is(
	const struct edit *e, const struct kc_item *old, bool block, const struct rk_kc_item *w)
{
	rk_auto_doc *d = rk_doc_new(true);
	struct rk_val *v = NULL;
	const struct rk_val *m;

	if (rk_yaml_parse(d, e->t + old->at.from, old->at.to - old->at.from, &v, NULL) < 0)
		return false;
	m = block ? rk_at(v, 0) : v;
	return m && rk_val_equal(m, item_tree(d, w));
}

static void edit_block(struct edit *e, enum rk_kc_kind k)
{
	const struct kc_section *sec = &e->l->sec[k];
	size_t tail = sec->at.to;

	for (size_t i = 0; i < sec->n; i++) {
		const struct kc_item *old = &sec->items[i];
		const struct rk_kc_item *w = wanted(e, k, old);

		if (w && !w->value)
			splice(e, old->at.from, old->at.to);
		else if (w && !item_is(e, old, true, w))
			render_block(e, w, sec->indent, splice(e, old->at.from, old->at.to));
	}
	if (any_new(e, k)) {
		struct rk_buf *b = splice(e, tail, tail);

		open_line(e, tail, b);
		render_new(e, k, sec->indent, b);
	} else if (sec->n && !count_kept(e, k)) {
		rk_buf_puts(splice(e, sec->colon, sec->colon), " []");
	}
}

static size_t line_after(const struct edit *e, size_t p)
{
	const char *nl = memchr(e->t + p, '\n', e->n - p);

	return nl ? (size_t)(nl - e->t) + 1 : e->n;
}

/* `clusters: []` or `clusters:`: the empty value goes, lines come below. */
static void edit_empty(struct edit *e, enum rk_kc_kind k)
{
	const struct kc_section *sec = &e->l->sec[k];
	size_t below = line_after(e, sec->at.to);
	struct rk_buf *b;

	if (!any_new(e, k))
		return;
	if (memchr(e->t + sec->colon, '\n', sec->at.from - sec->colon))
		splice(e, sec->at.from, sec->at.to); /* a comment may stand between */
	else if (sec->at.to > sec->colon)
		splice(e, sec->colon, sec->at.to);
	b = splice(e, below, below);
	open_line(e, below, b);
	render_new(e, k, e->l->indent, b);
}

/* --- flow lists --- */

/* What stands between two items, or would: ", " when there is no example. */
static void separator(const struct edit *e, const struct kc_section *sec, struct rk_buf *out)
{
	const char *p;
	size_t n = 0;

	rk_buf_putc(out, ',');
	if (sec->n) {
		p = e->t + sec->at.from + 1;
		n = strspn(p, " \r\n\t");
		if (p + n != e->t + sec->items[0].at.from)
			n = 0;
		rk_buf_put(out, p, n);
	}
	if (!n)
		rk_buf_putc(out, ' ');
}

static void flow_new(
	const struct edit *e, enum rk_kc_kind k, const char *sep, bool first, struct rk_buf *out)
{
	for (size_t i = 0; i < e->want->n; i++) {
		const struct rk_kc_item *w = &e->want->items[i];

		if (w->kind != k || !w->value || is_there(e, w))
			continue;
		if (!first)
			rk_buf_puts(out, sep);
		first = false;
		render_flow(w, sep, out);
	}
}

/* Take an item out with the comma before it, or, for the first one kept, behind it. */
static void flow_drop(struct edit *e, const struct kc_section *sec, size_t i, bool kept_before)
{
	if (kept_before)
		splice(e, sec->items[i - 1].at.to, sec->items[i].at.to);
	else
		splice(e, sec->items[i].at.from, sec->items[i + 1].at.from);
}

static void edit_flow_items(struct edit *e, enum rk_kc_kind k, const char *sep)
{
	const struct kc_section *sec = &e->l->sec[k];
	bool kept_before = false;

	for (size_t i = 0; i < sec->n; i++) {
		const struct kc_item *old = &sec->items[i];
		const struct rk_kc_item *w = wanted(e, k, old);

		if (w && !w->value) {
			flow_drop(e, sec, i, kept_before);
			continue;
		}
		kept_before = true;
		if (w && !item_is(e, old, false, w))
			render_flow(w, sep, splice(e, old->at.from, old->at.to));
	}
}

static size_t last_kept_end(const struct edit *e, enum rk_kc_kind k)
{
	const struct kc_section *sec = &e->l->sec[k];

	/* items dropped behind the last kept one are spliced from its end on: same place */
	for (size_t i = sec->n; i-- > 0;) {
		const struct rk_kc_item *w = wanted(e, k, &sec->items[i]);

		if (!w || w->value)
			return sec->items[i].at.to;
	}
	return sec->at.from + 1;
}

static void edit_flow(struct edit *e, enum rk_kc_kind k)
{
	const struct kc_section *sec = &e->l->sec[k];
	rk_auto_buf sep = RK_BUF_INIT;
	bool list = sec->at.to > sec->at.from && e->t[sec->at.from] == '[';

	separator(e, sec, &sep);
	if (!list) { /* null */
		struct rk_buf *b;

		if (!any_new(e, k))
			return;
		b = splice(e, sec->at.from, sec->at.to);
		rk_buf_puts(b, sec->at.to == sec->at.from ? " [" : "[");
		flow_new(e, k, sep.s, true, b);
		rk_buf_putc(b, ']');
	} else if (count_kept(e, k)) {
		edit_flow_items(e, k, sep.s);
		if (any_new(e, k)) {
			size_t at = last_kept_end(e, k);

			flow_new(e, k, sep.s, false, splice(e, at, at));
		}
	} else if (sec->n || any_new(e, k)) {
		flow_new(e, k, sep.s, true, splice(e, sec->at.from + 1, sec->at.to - 1));
	}
}

/* --- keys the root lacks --- */

static struct rk_buf *new_key(struct edit *e, const char *key)
{
	const struct kc_layout *l = e->l;
	struct rk_buf *b = splice(e, l->end, l->end);
	bool first = !l->nkeys && e->ns == 1;

	if (l->flow) {
		rk_buf_puts(b, first ? "" : ", ");
		rk_buf_addf(b, "\"%s\": ", key);
		return b;
	}
	if (e->ns == 1 || e->s[e->ns - 2].to != l->end || !e->s[e->ns - 2].text.len)
		open_line(e, l->end, b);
	pad(b, l->indent);
	rk_buf_addf(b, "%s:", key);
	return b;
}

static void edit_missing(struct edit *e, enum rk_kc_kind k)
{
	struct rk_buf *b;

	if (!any_new(e, k))
		return;
	b = new_key(e, kc_plural[k]);
	if (e->l->flow) {
		rk_buf_putc(b, '[');
		flow_new(e, k, ", ", true, b);
		rk_buf_putc(b, ']');
		return;
	}
	rk_buf_puts(b, e->eol);
	render_new(e, k, e->l->indent, b);
}

static void edit_current(struct edit *e)
{
	const char *name = e->want->current;
	const struct kc_layout *l = e->l;
	struct rk_buf *b;

	if (!name || (l->current_name ? rk_streq(name, l->current_name) : !*name))
		return;
	if (!l->has_current) {
		b = new_key(e, "current-context");
		if (!l->flow)
			rk_buf_putc(b, ' ');
		render_scalar(e, name, b);
		if (!l->flow)
			rk_buf_puts(b, e->eol);
		return;
	}
	b = splice(e, l->current.from, l->current.to);
	if (l->current.from == l->current.to)
		rk_buf_putc(b, ' ');
	render_scalar(e, name, b);
}

/* --- a new file --- */

static void set_list(struct rk_doc *d, struct rk_val *root, const struct edit *e, enum rk_kc_kind k)
{
	struct rk_val *seq = rk_seq(d);

	for (size_t i = 0; i < e->want->n; i++)
		if (e->want->items[i].kind == k && e->want->items[i].value)
			rk_append(seq, item_tree(d, &e->want->items[i]));
	rk_set(d, root, kc_plural[k], seq);
}

static void edit_new(struct edit *e)
{
	rk_auto_doc *d = rk_doc_new(true);
	rk_auto_buf y = RK_BUF_INIT_SECRET;
	struct rk_val *root = rk_map(d);
	struct rk_buf *b;

	rk_set_str(d, root, "apiVersion", "v1");
	rk_set_str(d, root, "kind", "Config");
	for (size_t k = 0; k < RK_KC_NKINDS; k++)
		set_list(d, root, e, (enum rk_kc_kind)k);
	rk_set_str(d, root, "current-context", e->want->current ? e->want->current : "");
	rk_yaml_write(root, true, &y);
	b = splice(e, e->n, e->n);
	open_line(e, e->n, b);
	for (const char *p = y.s; *p; p++) {
		if (*p == '\n')
			rk_buf_puts(b, e->eol);
		else
			rk_buf_putc(b, *p);
	}
}

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
		return refuse(e, "YAML anchors or aliases are used in the entry", w->name);
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

static int check_wanted(const struct edit *e)
{
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
	size_t n = count_kept(e, k);

	for (size_t i = 0; i < e->want->n; i++) {
		const struct rk_kc_item *w = &e->want->items[i];

		n += w->kind == k && w->value && !is_there(e, w);
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
		const struct rk_kc_item *w = wanted(e, k, a);

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
	if (at < 0 || twice || !item_is(&after, &sec->items[at], sec->style == KC_BLOCK, w))
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

static void plan(struct edit *e)
{
	for (size_t k = 0; k < RK_KC_NKINDS; k++) {
		switch (e->l->sec[k].style) {
		case KC_MISSING:
			break; /* behind all else */
		case KC_EMPTY:
			edit_empty(e, (enum rk_kc_kind)k);
			break;
		case KC_BLOCK:
			edit_block(e, (enum rk_kc_kind)k);
			break;
		case KC_FLOW:
			edit_flow(e, (enum rk_kc_kind)k);
			break;
		}
	}
	for (size_t k = 0; k < RK_KC_NKINDS; k++)
		if (e->l->sec[k].style == KC_MISSING)
			edit_missing(e, (enum rk_kc_kind)k);
	edit_current(e);
}

static bool nothing_to_add(const struct rk_kc_edit *want)
{
	for (size_t i = 0; i < want->n; i++)
		if (want->items[i].value)
			return false;
	return !want->current || !*want->current;
}

static int run(struct edit *e, struct rk_buf *text)
{
	kc_auto_layout now = KC_LAYOUT_INIT;
	struct kc_layout old;

	if (check_wanted(e) < 0)
		return -1;
	if (!e->l->empty)
		plan(e);
	else if (!nothing_to_add(e->want))
		edit_new(e);
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
