// SPDX-License-Identifier: Apache-2.0
/* edit - kubeconfig text changed in place: which bytes are replaced by what, then the check of it. */
#include "edit.h"

#define TEXT_MAX ((size_t)128 << 20)

/* Replace [from, to) by text but for its first `skip` bytes. */
struct splice {
	size_t from, to, skip;
	struct rk_buf text;
};

struct editor {
	const char *t, *name, *eol;
	size_t n;
	struct kcfg_layout *l;
	struct splice *s; /* in the order of the text */
	size_t ns;
	struct rk_buf keys; /* new ones of the root */
	size_t added[RK_KC_NKINDS];
	const struct kcfg_edit *want;
	struct rk_err *err;
};

/* Where to write what replaces [from, to), until the next call. Of two at one place the insertion comes
 * first, then the one that was made first. line: it is lines, behind one that may lack its end. */
static struct rk_buf *splice(struct editor *e, size_t from, size_t to, bool line)
{
	size_t i = e->ns++;

	e->s = rk_realloc(e->s, e->ns * sizeof(*e->s));
	for (; i && (e->s[i - 1].from > from || (e->s[i - 1].from == from && e->s[i - 1].to > to));
		i--)
		e->s[i] = e->s[i - 1];
	e->s[i] = (struct splice){from, to, line ? strlen(e->eol) : 0, RK_BUF_INIT_SECRET};
	rk_buf_puts(&e->s[i].text, line ? e->eol : "");
	return &e->s[i].text;
}

/* --- entries --- */

int kcfg_parse(const char *text, const struct kcfg_section *s, const struct kcfg_slot *slot,
	struct rk_doc *d, const struct rk_val **out, struct rk_err *err)
{
	struct rk_val *v = NULL;

	if (rk_yaml_parse_loose(d, text + slot->from, slot->to - slot->from, &v, err) < 0)
		return -1;
	*out = s->style == KCFG_BLOCK ? rk_at(v, 0) : v;
	return 0;
}

/* {name, cluster|context|user} as one tree. */
static struct rk_val *item_tree(struct rk_doc *d, const struct kcfg_item *it)
{
	struct rk_val *m = rk_map(d);

	rk_set(d, m, rk_kc_single[it->kind], rk_copy(d, it->value));
	rk_set_str(d, m, "name", it->name);
	return m;
}

static bool slot_is(const char *text, const struct kcfg_section *s, const struct kcfg_slot *slot,
	const struct kcfg_item *it)
{
	rk_auto_doc *d = rk_doc_new(true);
	const struct rk_val *v = NULL;

	return kcfg_parse(text, s, slot, d, &v, NULL) == 0 && v &&
	       rk_val_equal(v, item_tree(d, it));
}

/* Block form, the dashes at a column, with this file's line ends. */
static void write_block(
	const struct editor *e, const struct rk_val *items, size_t column, struct rk_buf *out)
{
	rk_auto_buf y = RK_BUF_INIT_SECRET;
	const char *nl;

	rk_yaml_write(items, true, &y);
	for (const char *p = y.s; (nl = strchr(p, '\n')); p = nl + 1) {
		rk_buf_addf(out, "%*s", nl > p ? (int)column : 0, "");
		rk_buf_put(out, p, (size_t)(nl - p));
		rk_buf_puts(out, e->eol);
	}
}

/* Flow form, JSON. sep is what is between two items: with a line break in it each item is spread over
 * lines of the same indent. */
static void write_flow(const struct rk_val *items, const char *sep, bool first, struct rk_buf *out)
{
	const char *nl = strrchr(sep, '\n');

	rk_each (it, items) {
		rk_auto_buf j = RK_BUF_INIT_SECRET;

		rk_json_write(it, nl ? RK_JSON_PRETTY : RK_JSON_SORTED, &j);
		rk_buf_puts(out, first ? "" : sep);
		first = false;
		for (const char *p = j.s; *p && (*p != '\n' || p[1]); p++) {
			if (*p == '\n')
				rk_buf_puts(out, nl);
			else
				rk_buf_putc(out, *p);
		}
	}
}

static void write_list(
	const struct rk_val *items, const char *sep, const char *before, struct rk_buf *out)
{
	rk_buf_addf(out, "%s[", before);
	write_flow(items, sep, true, out);
	rk_buf_putc(out, ']');
}

/* --- lists --- */

static void edit_block(
	struct editor *e, const struct kcfg_section *sec, const struct rk_val *new, size_t left)
{
	for (size_t i = 0; i < sec->n; i++)
		if (sec->slots[i].gone)
			splice(e, sec->slots[i].from, sec->slots[i].to, false);
	if (new->count)
		write_block(e, new, sec->indent, splice(e, sec->to, sec->to, true));
	else if (!left)
		rk_buf_puts(splice(e, sec->colon, sec->colon, false), " []");
}

/* `clusters: []` or `clusters:`: the empty value is removed, lines come below. */
static void edit_empty(struct editor *e, const struct kcfg_section *sec, const struct rk_val *new)
{
	size_t below = sec->to + strcspn(e->t + sec->to, "\n");

	if (!new->count)
		return;
	below += e->t[below] == '\n';
	if (memchr(e->t + sec->colon, '\n', sec->from - sec->colon))
		splice(e, sec->from, sec->to, false); /* a comment may be between */
	else if (sec->to > sec->colon)
		splice(e, sec->colon, sec->to, false);
	write_block(e, new, e->l->indent, splice(e, below, below, true));
}

/* Items are taken out with the comma before them, or, those before the first one kept, with the one
 * behind them. */
static void edit_flow(struct editor *e, const struct kcfg_section *sec, const struct rk_val *new,
	size_t left, const char *sep)
{
	bool null = sec->to == sec->from || e->t[sec->from] != '[';
	const struct kcfg_slot *kept = NULL;

	if (!sec->n && !new->count)
		return;
	if (null)
		write_list(new, sep, sec->to == sec->from ? " " : "",
			splice(e, sec->from, sec->to, false));
	else if (!left)
		write_flow(new, sep, true, splice(e, sec->from + 1, sec->to - 1, false));
	if (null || !left)
		return;
	for (size_t i = 0; i < sec->n; i++) {
		const struct kcfg_slot *s = &sec->slots[i];

		if (!s->gone)
			kept = s;
		else if (kept)
			splice(e, s[-1].to, s->to, false);
		else
			splice(e, s->from, s[1].from, false);
	}
	if (new->count)
		write_flow(new, sep, false, splice(e, kept->to, kept->to, false));
}

/* A key of the root that the file lacks: begun, behind all else. */
static void new_key(struct editor *e, const char *key)
{
	const struct kcfg_layout *l = e->l;

	if (l->flow)
		rk_buf_addf(&e->keys,
			"%s\"%s\": ", e->keys.len || e->t[l->end - 1] != '{' ? ", " : "", key);
	else
		rk_buf_addf(&e->keys, "%*s%s:", (int)l->indent, "", key);
}

static void edit_missing(struct editor *e, enum rk_kc_kind k, const struct rk_val *new)
{
	if (!new->count)
		return;
	new_key(e, rk_kc_plural[k]);
	if (e->l->flow) {
		write_list(new, ", ", "", &e->keys);
	} else {
		rk_buf_puts(&e->keys, e->eol);
		write_block(e, new, e->l->indent, &e->keys);
	}
}

static void edit_list(struct editor *e, enum rk_kc_kind k)
{
	struct kcfg_section *sec = &e->l->sec[k];
	rk_auto_doc *d = rk_doc_new(true);
	struct rk_val *new = rk_seq(d);
	size_t left = sec->n, n;
	rk_auto_buf sep = RK_BUF_INIT;

	/* items in flow are separated by what is before the first one, else by a blank */
	n = sec->n && sec->style == KCFG_FLOW ? strspn(e->t + sec->from + 1, " \r\n\t") : 0;
	if (n && sec->from + 1 + n != sec->slots[0].from)
		n = 0;
	rk_buf_putc(&sep, ',');
	rk_buf_put(&sep, n ? e->t + sec->from + 1 : " ", n ? n : 1);

	for (size_t i = 0; i < e->want->n; i++) {
		const struct kcfg_item *it = &e->want->items[i];
		struct kcfg_slot *old = it->kind == k ? kcfg_find(sec, it->name) : NULL;

		if (it->kind != k || (!old && !it->value))
			continue;
		if (!old) {
			rk_append(new, item_tree(d, it));
		} else if (!it->value) {
			old->gone = true;
			left--;
		} else if (!slot_is(e->t, sec, old, it)) {
			struct rk_val *one = rk_seq(d);
			struct rk_buf *b = splice(e, old->from, old->to, false);

			rk_append(one, item_tree(d, it));
			if (sec->style == KCFG_BLOCK)
				write_block(e, one, sec->indent, b);
			else
				write_flow(one, sep.s, true, b);
		}
	}
	e->added[k] = new->count;
	if (sec->style == KCFG_BLOCK)
		edit_block(e, sec, new, left);
	else if (sec->style == KCFG_EMPTY)
		edit_empty(e, sec, new);
	else if (sec->style == KCFG_FLOW)
		edit_flow(e, sec, new, left, sep.s);
	else
		edit_missing(e, k, new);
}

static void edit_current(struct editor *e)
{
	const char *name = e->want->current;
	const struct kcfg_slot *old = &e->l->current;
	rk_auto_doc *d = rk_doc_new(false);
	struct rk_buf *b = &e->keys;

	if (!name || (old->name ? rk_streq(name, old->name) : !*name))
		return;
	if (old->to)
		b = splice(e, old->from, old->to, false);
	else
		new_key(e, "current-context");
	if (old->to ? old->from == old->to : !e->l->flow)
		rk_buf_putc(b, ' ');
	if (!e->l->flow && *name && rk_yaml_plain_ok(name, strlen(name)))
		rk_buf_puts(b, name);
	else
		rk_json_write(rk_string(d, name), RK_JSON_COMPACT, b);
	if (!old->to && !e->l->flow)
		rk_buf_puts(b, e->eol);
}

/* --- may it be edited? --- */

static int refuse(const struct editor *e, const char *what, const char *which)
{
	rk_err_set(e->err, RK_CONFLICT, "%s: %s%s%s", e->name, what, *which ? " " : "", which);
	return rk_err_hint(e->err, "edit the file by hand, or give another one with --kubeconfig");
}

static int check_wanted(const struct editor *e)
{
	if (!e->l->flow && e->l->odd)
		return refuse(e, "a line ends in neither LF nor CR LF", "");
	if (e->l->tied)
		return refuse(e, "YAML anchors or merge keys are used at the top", "");
	for (size_t i = 0; i < e->want->n; i++) {
		const struct kcfg_item *w = &e->want->items[i];
		const struct kcfg_section *sec = &e->l->sec[w->kind];
		const struct kcfg_slot *old = kcfg_find(sec, w->name);

		if (sec->tied && (w->value || old))
			return refuse(e,
				"YAML anchors or aliases are used for the list, or there are two "
				"lists, of",
				rk_kc_plural[w->kind]);
		if (old && old->tied)
			return refuse(e, "YAML anchors, aliases or two names are used in the entry",
				w->name);
	}
	return 0;
}

/* --- making and checking the result --- */

/* In place, as a large file need not be in memory twice: what is behind the first splice moves up as far as
 * any of it has to, then down, piece by piece, to where it belongs. */
static int apply(struct editor *e, struct rk_buf *text)
{
	size_t at = 0, head = e->s[0].from;
	ptrdiff_t moved = 0, grow = 0;
	char *to, *from;

	for (size_t i = 0; i < e->ns; i++) {
		struct splice *s = &e->s[i], *p = i && s[-1].to == s->from ? s - 1 : s;

		if (s->from < at)
			return refuse(e, "entries overlap", "");
		at = s->to;
		if (p->from && e->t[p->from - 1] != '\n' && (p == s || p->text.len == p->skip))
			s->skip = 0;
		moved += (ptrdiff_t)(s->text.len - s->skip) - (ptrdiff_t)(s->to - s->from);
		grow = moved > grow ? moved : grow;
	}
	if (moved > 0 && e->n + (size_t)moved > TEXT_MAX)
		return rk_err_set(
			e->err, RK_FAIL, "%s would be larger than %zu bytes", e->name, TEXT_MAX);
	rk_buf_reserve(text, (size_t)grow);
	to = text->s + head;
	memmove(to + grow, to, e->n - head);
	for (size_t i = 0; i < e->ns; i++) {
		const struct splice *s = &e->s[i];
		size_t kept = (i + 1 < e->ns ? s[1].from : e->n) - s->to;

		from = text->s + grow + s->to;
		to = mempcpy(to, s->text.s + s->skip, s->text.len - s->skip);
		if (to != from)
			memmove(to, from, kept);
		to += kept;
	}
	*to = 0;
	text->len = (size_t)(to - text->s);
	return 0;
}

/* The names that were kept, in their order, then the new ones; each item of the edit with its value. */
static int check_result(const struct editor *e, const struct rk_buf *text, struct kcfg_layout *now)
{
	static const char damage[] = "the edit would damage the file";

	if (kcfg_scan(now, text->s, text->len, e->name, false, e->err) < 0)
		return rk_err_wrap(e->err, "%s", damage);
	for (size_t k = 0; k < RK_KC_NKINDS; k++) {
		const struct kcfg_section *old = &e->l->sec[k], *new = &now->sec[k];
		size_t j = 0;

		for (size_t i = 0; i < old->n; i++) {
			const char *a = old->slots[i].name;
			const char *b = j < new->n ? new->slots[j].name : NULL;

			if (old->slots[i].gone)
				continue;
			if (j++ >= new->n || (a != b && !rk_streq(a, b)))
				return refuse(e, damage, rk_kc_plural[k]);
		}
		if (new->n != j + e->added[k])
			return refuse(e, damage, rk_kc_plural[k]);
	}
	for (size_t i = 0; i < e->want->n; i++) {
		const struct kcfg_item *w = &e->want->items[i];
		const struct kcfg_section *sec = &now->sec[w->kind];
		const struct kcfg_slot *slot = kcfg_find(sec, w->name);

		if (w->value ? !slot || !slot_is(text->s, sec, slot, w) : slot != NULL)
			return refuse(e, damage, w->name);
	}
	if (e->want->current &&
		strcmp(e->want->current, now->current.name ? now->current.name : ""))
		return refuse(e, damage, "current-context");
	return 0;
}

/* An empty text becomes a kubeconfig without entries, unless the edit adds nothing. */
static int begin_file(struct editor *e, struct rk_buf *text, struct kcfg_kept *kept)
{
	static const char lines[] = "apiVersion: v1\nclusters: []\ncontexts: []\n"
				    "current-context: \"\"\nkind: Config\nusers: []\n";
	bool any = e->want->current && *e->want->current;
	size_t n;

	for (size_t i = 0; i < e->want->n; i++)
		any = any || e->want->items[i].value;
	if (!any)
		return 0;
	if (e->n && e->t[e->n - 1] != '\n')
		rk_buf_puts(text, e->eol);
	rk_each_item (line, n, lines, "\n")
		rk_buf_addf(text, "%.*s%s", (int)n, line, e->eol);
	e->t = text->s;
	e->n = text->len;
	*kept = (struct kcfg_kept){.head = kept->head};
	kcfg_layout_release(e->l);
	return kcfg_scan(e->l, e->t, e->n, e->name, false, e->err);
}

int kcfg_edit_text(struct rk_buf *text, struct kcfg_layout *l, const char *name,
	const struct kcfg_edit *want, struct kcfg_kept *kept, struct rk_err *err)
{
	struct editor e = {.t = text->s,
		.n = text->len,
		.name = name,
		.l = l,
		.keys = RK_BUF_INIT_SECRET,
		.want = want,
		.err = err,
		.eol = l->crlf ? "\r\n" : "\n"};
	kcfg_auto_layout now = KCFG_LAYOUT_INIT;
	int rc = check_wanted(&e);

	if (rc == 0 && l->empty)
		rc = begin_file(&e, text, kept);
	if (rc == 0 && !l->empty) {
		for (size_t k = 0; k < RK_KC_NKINDS; k++)
			edit_list(&e, (enum rk_kc_kind)k);
		edit_current(&e);
		if (e.keys.len)
			rk_buf_put(splice(&e, l->end, l->end, !l->flow), e.keys.s, e.keys.len);
	}
	if (e.ns) {
		size_t tail = e.n - e.s[e.ns - 1].to;

		*kept = (struct kcfg_kept){
			.head = e.s[0].from < kept->head ? e.s[0].from : kept->head,
			.tail = tail < kept->tail ? tail : kept->tail};
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
	rk_buf_release(&e.keys);
	free(e.s);
	return rc;
}
