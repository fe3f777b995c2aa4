// SPDX-License-Identifier: Apache-2.0
/* Which bytes of a kubeconfig text an edit replaces, and by what. */
#include "internal.h"

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

const struct rk_kc_item *kc_wanted(
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

size_t kc_count_kept(const struct edit *e, enum rk_kc_kind k)
{
	const struct kc_section *sec = &e->l->sec[k];
	size_t n = 0;

	for (size_t i = 0; i < sec->n; i++) {
		const struct rk_kc_item *w = kc_wanted(e, k, &sec->items[i]);

		n += !w || w->value;
	}
	return n;
}

bool kc_is_there(const struct edit *e, const struct rk_kc_item *w)
{
	bool twice;

	return kc_section_find(&e->l->sec[w->kind], w->name, &twice) >= 0;
}

static bool any_new(const struct edit *e, enum rk_kc_kind k)
{
	for (size_t i = 0; i < e->want->n; i++) {
		const struct rk_kc_item *w = &e->want->items[i];

		if (w->kind == k && w->value && !kc_is_there(e, w))
			return true;
	}
	return false;
}

static void render_new(const struct edit *e, enum rk_kc_kind k, size_t indent, struct rk_buf *out)
{
	for (size_t i = 0; i < e->want->n; i++) {
		const struct rk_kc_item *w = &e->want->items[i];

		if (w->kind == k && w->value && !kc_is_there(e, w))
			render_block(e, w, indent, out);
	}
}

/* One item as a tree, to see whether it must change at all. */
bool kc_item_is(
	const struct edit *e, const struct kc_item *old, bool block, const struct rk_kc_item *w)
{
	rk_auto_doc *d = rk_doc_new(true);
	struct rk_val *v = NULL;
	const struct rk_val *m;

	if (rk_yaml_parse_loose(d, e->t + old->at.from, old->at.to - old->at.from, &v, NULL) < 0)
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
		const struct rk_kc_item *w = kc_wanted(e, k, old);

		if (w && !w->value)
			splice(e, old->at.from, old->at.to);
		else if (w && !kc_item_is(e, old, true, w))
			render_block(e, w, sec->indent, splice(e, old->at.from, old->at.to));
	}
	if (any_new(e, k)) {
		struct rk_buf *b = splice(e, tail, tail);

		open_line(e, tail, b);
		render_new(e, k, sec->indent, b);
	} else if (sec->n && !kc_count_kept(e, k)) {
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

		if (w->kind != k || !w->value || kc_is_there(e, w))
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
		const struct rk_kc_item *w = kc_wanted(e, k, old);

		if (w && !w->value) {
			flow_drop(e, sec, i, kept_before);
			continue;
		}
		kept_before = true;
		if (w && !kc_item_is(e, old, false, w))
			render_flow(w, sep, splice(e, old->at.from, old->at.to));
	}
}

static size_t last_kept_end(const struct edit *e, enum rk_kc_kind k)
{
	const struct kc_section *sec = &e->l->sec[k];

	/* items dropped behind the last kept one are spliced from its end on: same place */
	for (size_t i = sec->n; i-- > 0;) {
		const struct rk_kc_item *w = kc_wanted(e, k, &sec->items[i]);

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
	} else if (kc_count_kept(e, k)) {
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

/* --- all of it --- */

static void plan_lists(struct edit *e)
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

void kc_plan(struct edit *e)
{
	if (!e->l->empty)
		plan_lists(e);
	else if (!nothing_to_add(e->want))
		edit_new(e);
}
