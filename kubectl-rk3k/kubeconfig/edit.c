// SPDX-License-Identifier: Apache-2.0
/* edit - kubeconfig text changed in place: which bytes are replaced by what, then the check of it. */
#include "edit.h"

#define TEXT_MAX ((size_t)128 << 20)

/* Replace [from, to) of the old text by text, which is at dest in the new one. */
struct splice {
	size_t from, to, order, dest;
	struct rk_buf text;
};

struct editor {
	const char *t, *name;
	size_t n;
	struct kcfg_layout *l;
	const char *eol;
	struct splice *s;
	size_t ns, alloc;
	const struct kcfg_edit *want;
	struct rk_err *err;
};

static struct rk_buf *splice(struct editor *e, size_t from, size_t to)
{
	if (e->ns == e->alloc) {
		e->alloc = e->alloc ? 2 * e->alloc : 8;
		e->s = rk_realloc(e->s, e->alloc * sizeof(*e->s));
	}
	e->s[e->ns] =
		(struct splice){.from = from, .to = to, .order = e->ns, .text = RK_BUF_INIT_SECRET};
	return &e->s[e->ns++].text;
}

/* --- the items --- */

/* Of an existing entry, or NULL. */
static const struct kcfg_item *wanted(
	const struct editor *e, enum rk_kc_kind k, const struct kcfg_slot *old)
{
	for (size_t i = 0; i < e->want->n; i++)
		if (e->want->items[i].kind == k && rk_streq(e->want->items[i].name, old->name))
			return &e->want->items[i];
	return NULL;
}

/* Whether an existing entry is kept, with its value or another one. */
static bool is_kept(const struct editor *e, enum rk_kc_kind k, const struct kcfg_slot *old)
{
	const struct kcfg_item *w = wanted(e, k, old);

	return !w || w->value;
}

static size_t count_kept(const struct editor *e, enum rk_kc_kind k)
{
	size_t n = 0;

	for (size_t i = 0; i < e->l->sec[k].n; i++)
		n += is_kept(e, k, &e->l->sec[k].slots[i]);
	return n;
}

static bool is_new(const struct editor *e, enum rk_kc_kind k, const struct kcfg_item *w)
{
	return w->kind == k && w->value && !kcfg_find(&e->l->sec[k], w->name);
}

static size_t count_new(const struct editor *e, enum rk_kc_kind k)
{
	size_t n = 0;

	for (size_t i = 0; i < e->want->n; i++)
		n += is_new(e, k, &e->want->items[i]);
	return n;
}

/* --- writing --- */

/* {name, cluster|context|user} as one tree, in kubectl's order. */
static struct rk_val *item_tree(struct rk_doc *d, const struct kcfg_item *it)
{
	struct rk_val *m = rk_map(d);

	if (it->kind == RK_KC_USERS)
		rk_set_str(d, m, "name", it->name);
	rk_set(d, m, kcfg_single[it->kind], rk_copy(d, it->value));
	if (it->kind != RK_KC_USERS)
		rk_set_str(d, m, "name", it->name);
	return m;
}

/* Whether an entry of text t has the value of the item. */
static bool slot_is(
	const char *t, const struct kcfg_slot *old, bool block, const struct kcfg_item *w)
{
	rk_auto_doc *d = rk_doc_new(true);
	struct rk_val *v = NULL;
	const struct rk_val *m;

	if (rk_yaml_parse_loose(d, t + old->from, old->to - old->from, &v, NULL) < 0)
		return false;
	m = block ? rk_at(v, 0) : v;
	return m && rk_val_equal(m, item_tree(d, w));
}

/* New lines go behind a line that may lack its end. */
static void open_line(const struct editor *e, size_t at, struct rk_buf *out)
{
	if (at && e->t[at - 1] != '\n')
		rk_buf_puts(out, e->eol);
}

/* Block form: a dash at the indent, the rest two further in, this file's line ends. */
static void write_block(
	const struct editor *e, const struct kcfg_item *it, size_t indent, struct rk_buf *out)
{
	rk_auto_doc *d = rk_doc_new(true);
	rk_auto_buf y = RK_BUF_INIT_SECRET;
	const char *p, *nl;

	rk_yaml_write(item_tree(d, it), true, &y);
	for (p = y.s; (nl = strchr(p, '\n')); p = nl + 1) {
		if (nl > p)
			rk_buf_addf(out, "%*s%s", (int)indent, "", p == y.s ? "- " : "  ");
		rk_buf_put(out, p, (size_t)(nl - p));
		rk_buf_puts(out, e->eol);
	}
}

/* Flow form, JSON. sep is what is between two items: with a line break in it the item is
 * spread over lines of the same indent. */
static void write_flow(const struct kcfg_item *it, const char *sep, struct rk_buf *out)
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

static void write_new(const struct editor *e, enum rk_kc_kind k, size_t indent, struct rk_buf *out)
{
	for (size_t i = 0; i < e->want->n; i++)
		if (is_new(e, k, &e->want->items[i]))
			write_block(e, &e->want->items[i], indent, out);
}

static void write_new_flow(
	const struct editor *e, enum rk_kc_kind k, const char *sep, bool first, struct rk_buf *out)
{
	for (size_t i = 0; i < e->want->n; i++) {
		if (!is_new(e, k, &e->want->items[i]))
			continue;
		rk_buf_puts(out, first ? "" : sep);
		first = false;
		write_flow(&e->want->items[i], sep, out);
	}
}

/* --- lists --- */

static void edit_block(struct editor *e, enum rk_kc_kind k)
{
	const struct kcfg_section *sec = &e->l->sec[k];

	for (size_t i = 0; i < sec->n; i++) {
		const struct kcfg_slot *old = &sec->slots[i];
		const struct kcfg_item *w = wanted(e, k, old);

		if (w && !w->value)
			splice(e, old->from, old->to);
		else if (w && !slot_is(e->t, old, true, w))
			write_block(e, w, sec->indent, splice(e, old->from, old->to));
	}
	if (count_new(e, k)) {
		struct rk_buf *b = splice(e, sec->to, sec->to);

		open_line(e, sec->to, b);
		write_new(e, k, sec->indent, b);
	} else if (sec->n && !count_kept(e, k)) {
		rk_buf_puts(splice(e, sec->colon, sec->colon), " []");
	}
}

/* `clusters: []` or `clusters:`: the empty value is removed, lines come below. */
static void edit_empty(struct editor *e, enum rk_kc_kind k)
{
	const struct kcfg_section *sec = &e->l->sec[k];
	const char *nl = memchr(e->t + sec->to, '\n', e->n - sec->to);
	size_t below = nl ? (size_t)(nl - e->t) + 1 : e->n;
	struct rk_buf *b;

	if (!count_new(e, k))
		return;
	if (memchr(e->t + sec->colon, '\n', sec->from - sec->colon))
		splice(e, sec->from, sec->to); /* a comment may be between */
	else if (sec->to > sec->colon)
		splice(e, sec->colon, sec->to);
	b = splice(e, below, below);
	open_line(e, below, b);
	write_new(e, k, e->l->indent, b);
}

/* Existing items: taken out with the comma before them, or, for those before the first one kept, the
 * one behind them. Returns where the last one kept ends: what is dropped behind it is spliced from
 * there on. */
static size_t edit_flow_slots(struct editor *e, enum rk_kc_kind k, const char *sep)
{
	const struct kcfg_section *sec = &e->l->sec[k];
	const struct kcfg_slot *kept = NULL;

	for (size_t i = 0; i < sec->n; i++) {
		const struct kcfg_slot *old = &sec->slots[i];
		const struct kcfg_item *w = wanted(e, k, old);

		if (w && !w->value) {
			if (kept)
				splice(e, old[-1].to, old->to);
			else
				splice(e, old->from, old[1].from);
			continue;
		}
		kept = old;
		if (w && !slot_is(e->t, old, false, w))
			write_flow(w, sep, splice(e, old->from, old->to));
	}
	return kept->to;
}

static void edit_flow(struct editor *e, enum rk_kc_kind k)
{
	const struct kcfg_section *sec = &e->l->sec[k];
	bool any = count_new(e, k) > 0;
	rk_auto_buf sep = RK_BUF_INIT;
	struct rk_buf *b;
	size_t at, n;

	/* two items are separated by what is before the first one, else by a blank */
	n = sec->n ? strspn(e->t + sec->from + 1, " \r\n\t") : 0;
	if (!sec->n || sec->from + 1 + n != sec->slots[0].from)
		n = 0;
	rk_buf_putc(&sep, ',');
	rk_buf_put(&sep, n ? e->t + sec->from + 1 : " ", n ? n : 1);

	if (sec->to == sec->from || e->t[sec->from] != '[') { /* null */
		if (!any)
			return;
		b = splice(e, sec->from, sec->to);
		rk_buf_puts(b, sec->to == sec->from ? " [" : "[");
		write_new_flow(e, k, sep.s, true, b);
		rk_buf_putc(b, ']');
	} else if (count_kept(e, k)) {
		at = edit_flow_slots(e, k, sep.s);
		if (any)
			write_new_flow(e, k, sep.s, false, splice(e, at, at));
	} else if (sec->n || any) {
		write_new_flow(e, k, sep.s, true, splice(e, sec->from + 1, sec->to - 1));
	}
}

/* --- keys of the root --- */

static struct rk_buf *new_key(struct editor *e, const char *key)
{
	const struct kcfg_layout *l = e->l;
	struct rk_buf *b = splice(e, l->end, l->end);

	if (l->flow) {
		rk_buf_addf(b, "%s\"%s\": ", l->nkeys || e->ns > 1 ? ", " : "", key);
		return b;
	}
	if (e->ns == 1 || e->s[e->ns - 2].to != l->end || !e->s[e->ns - 2].text.len)
		open_line(e, l->end, b);
	rk_buf_addf(b, "%*s%s:", (int)l->indent, "", key);
	return b;
}

static void edit_missing(struct editor *e, enum rk_kc_kind k)
{
	struct rk_buf *b;

	if (!count_new(e, k))
		return;
	b = new_key(e, kcfg_plural[k]);
	if (e->l->flow) {
		rk_buf_putc(b, '[');
		write_new_flow(e, k, ", ", true, b);
		rk_buf_putc(b, ']');
	} else {
		rk_buf_puts(b, e->eol);
		write_new(e, k, e->l->indent, b);
	}
}

static void edit_current(struct editor *e)
{
	const char *name = e->want->current;
	const struct kcfg_layout *l = e->l;
	rk_auto_doc *d = rk_doc_new(false);
	struct rk_buf *b;

	if (!name || (l->current ? rk_streq(name, l->current) : !*name))
		return;
	b = l->has_current ? splice(e, l->current_from, l->current_to)
			   : new_key(e, "current-context");
	if (l->has_current ? l->current_from == l->current_to : !l->flow)
		rk_buf_putc(b, ' ');
	if (!l->flow && *name && rk_yaml_plain_ok(name, strlen(name)))
		rk_buf_puts(b, name);
	else
		rk_json_write(rk_string(d, name), RK_JSON_COMPACT, b);
	while (b->len && b->s[b->len - 1] == '\n')
		b->s[--b->len] = 0;
	if (!l->has_current && !l->flow)
		rk_buf_puts(b, e->eol);
}

/* --- a new file --- */

static void edit_new(struct editor *e)
{
	rk_auto_doc *d = rk_doc_new(true);
	rk_auto_buf y = RK_BUF_INIT_SECRET;
	struct rk_val *root = rk_map(d);
	bool any = e->want->current && *e->want->current;
	struct rk_buf *b;

	rk_set_str(d, root, "apiVersion", "v1");
	rk_set_str(d, root, "kind", "Config");
	rk_set_str(d, root, "current-context", e->want->current ? e->want->current : "");
	for (size_t k = 0; k < RK_KC_NKINDS; k++)
		rk_set(d, root, kcfg_plural[k], rk_seq(d));
	for (size_t i = 0; i < e->want->n; i++) {
		const struct kcfg_item *it = &e->want->items[i];

		if (it->value)
			rk_append(rk_mut(rk_get(root, kcfg_plural[it->kind], NULL)),
				item_tree(d, it));
		any = any || it->value;
	}
	if (!any)
		return;
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

static void plan(struct editor *e)
{
	if (e->l->empty) {
		edit_new(e);
		return;
	}
	for (size_t k = 0; k < RK_KC_NKINDS; k++) {
		if (e->l->sec[k].style == KCFG_EMPTY)
			edit_empty(e, (enum rk_kc_kind)k);
		else if (e->l->sec[k].style == KCFG_BLOCK)
			edit_block(e, (enum rk_kc_kind)k);
		else if (e->l->sec[k].style == KCFG_FLOW)
			edit_flow(e, (enum rk_kc_kind)k);
	}
	for (size_t k = 0; k < RK_KC_NKINDS; k++) /* behind all else */
		if (e->l->sec[k].style == KCFG_MISSING)
			edit_missing(e, (enum rk_kc_kind)k);
	edit_current(e);
}

/* --- may it be edited? --- */

static int refuse(const struct editor *e, const char *what, const char *which)
{
	rk_err_set(e->err, RK_CONFLICT, "%s: %s%s%s", e->name, what, which ? " " : "",
		which ? which : "");
	return rk_err_hint(e->err, "edit the file by hand, or give another one with --kubeconfig");
}

static int check_wanted(const struct editor *e)
{
	if (!e->l->flow && e->l->odd)
		return refuse(e, "a line ends in neither LF nor CR LF", NULL);
	if (e->l->tied)
		return refuse(e, "YAML anchors or merge keys are used at the top", NULL);
	for (size_t i = 0; i < e->want->n; i++) {
		const struct kcfg_item *w = &e->want->items[i];
		const struct kcfg_section *sec = &e->l->sec[w->kind];
		const struct kcfg_slot *old = kcfg_find(sec, w->name);

		if (sec->tied && (w->value || old))
			return refuse(e,
				"YAML anchors or aliases are used for the list, or there are two "
				"lists, of",
				kcfg_plural[w->kind]);
		if (old && old->tied)
			return refuse(e, "YAML anchors, aliases or two names are used in the entry",
				w->name);
	}
	return 0;
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

/* The bytes kept behind splice i move to their new place. */
static void move_kept(const struct editor *e, char *t, size_t i)
{
	const struct splice *s = &e->s[i];
	size_t end = i + 1 < e->ns ? s[1].from : e->n;

	memmove(t + s->dest + s->text.len, t + s->to, end - s->to);
}

/* In place, as a large file need not be in memory twice: what moves up does so from the end on,
 * what moves down from the start on, so that nothing is overwritten that has yet to move. */
static int apply(struct editor *e, struct rk_buf *text)
{
	size_t at = 0, total = 0;

	for (size_t i = 0; i < e->ns; i++) {
		struct splice *s = &e->s[i];

		if (s->from < at)
			return refuse(e, "entries overlap", NULL);
		s->dest = total + (s->from - at);
		total = s->dest + s->text.len;
		at = s->to;
	}
	total += e->n - at;
	if (total > TEXT_MAX)
		return rk_err_set(
			e->err, RK_FAIL, "%s would be larger than %zu bytes", e->name, TEXT_MAX);
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

/* The names that were kept, in their order, then the new ones; each item of the
 * edit with its value. */
static int check_result(const struct editor *e, const struct rk_buf *text, struct kcfg_layout *now)
{
	static const char damage[] = "the edit would damage the file";

	if (kcfg_scan(now, text->s, text->len, e->name, e->err) < 0)
		return rk_err_wrap(e->err, "%s", damage);
	for (size_t k = 0; k < RK_KC_NKINDS; k++) {
		const struct kcfg_section *old = &e->l->sec[k], *new = &now->sec[k];
		enum rk_kc_kind kind = (enum rk_kc_kind)k;
		size_t j = 0;

		if (new->n != count_kept(e, kind) + count_new(e, kind))
			return refuse(e, damage, kcfg_plural[k]);
		for (size_t i = 0; i < old->n; i++) {
			const char *a = old->slots[i].name, *b;

			if (!is_kept(e, kind, &old->slots[i]))
				continue;
			b = new->slots[j++].name;
			if (a != b && !rk_streq(a, b))
				return refuse(e, damage, kcfg_plural[k]);
		}
	}
	for (size_t i = 0; i < e->want->n; i++) {
		const struct kcfg_item *w = &e->want->items[i];
		const struct kcfg_section *sec = &now->sec[w->kind];
		const struct kcfg_slot *slot = kcfg_find(sec, w->name);

		if (w->value ? !slot || !slot_is(text->s, slot, sec->style == KCFG_BLOCK, w)
			     : slot != NULL)
			return refuse(e, damage, w->name);
	}
	if (e->want->current && strcmp(e->want->current, now->current ? now->current : "") != 0)
		return refuse(e, damage, "current-context");
	return 0;
}

int kcfg_edit_text(struct rk_buf *text, struct kcfg_layout *l, const char *name,
	const struct kcfg_edit *want, struct kcfg_kept *kept, struct rk_err *err)
{
	struct editor e = {.t = text->s,
		.n = text->len,
		.name = name,
		.l = l,
		.want = want,
		.err = err,
		.eol = l->crlf ? "\r\n" : "\n"};
	kcfg_auto_layout now = KCFG_LAYOUT_INIT;
	int rc = check_wanted(&e);

	if (rc == 0)
		plan(&e);
	*kept = (struct kcfg_kept){.all = !e.ns};
	if (e.ns) {
		qsort(e.s, e.ns, sizeof(*e.s), cmp_splice);
		*kept = (struct kcfg_kept){.head = e.s[0].from, .tail = e.n - e.s[e.ns - 1].to};
		rc = apply(&e, text);
		if (rc == 0)
			rc = check_result(&e, text, &now);
	}
	if (e.ns && rc == 0) {
		struct kcfg_layout old = *l;

		*l = now;
		now = old;
	}
	for (size_t i = 0; i < e.ns; i++)
		rk_buf_release(&e.s[i].text);
	free(e.s);
	return rc;
}
