// SPDX-License-Identifier: Apache-2.0
/* scan - where the entries of a kubeconfig text are, byte by byte: what editing needs.
 *
 * The tree of the text has the positions. Large kubeconfigs are nearly all entries as kubectl writes
 * them: those are found line by line and left out of the text before it is parsed, and positions are
 * counted back. Merging into 28 MB takes a fifth of the time so. */
#include "edit.h"

/* --- entries as kubectl writes them --- */

/* At `at` the short text lacks the n entries from slot `first` on; with all before, sum bytes. */
struct cut {
	enum rk_kc_kind kind;
	size_t at, sum, first, n;
};

struct brief {
	struct rk_buf text;
	struct cut *cuts; /* the first is of the byte order mark, or of nothing */
	struct kcfg_slot *slots;
	size_t ncuts, nslots;
};

static bool is(const char *s, size_t n, const char *word)
{
	return strlen(word) == n && memcmp(s, word, n) == 0;
}

/* Not 0 for a byte that base64 does not have. Without a branch, and below with a fixed number of
 * bytes in turn, so that the compiler takes many at once. */
static unsigned char no_base64(char byte)
{
	unsigned char c = (unsigned char)byte;

	return ((unsigned char)((c | 0x20) - 'a') > 25) & ((unsigned char)(c - '0') > 9) &
	       (c != '+') & (c != '/');
}

static bool is_base64(const char *s, size_t n)
{
	unsigned char bad = 0;

	for (; n >= 64; s += 64, n -= 64)
		for (size_t i = 0; i < 64; i++)
			bad |= no_base64(s[i]);
	for (; n; s++, n--)
		bad |= no_base64(*s);
	return !bad;
}

/* Whether KEY: VALUE is a string, or base64, that is written so. */
static bool is_plain_field(
	enum rk_kc_kind k, const char *key, size_t klen, const char *value, size_t n)
{
	static const struct {
		enum rk_kc_kind kind;
		bool base64;
		const char *key;
	} fields[] = {{RK_KC_CLUSTERS, false, "server"}, {RK_KC_CLUSTERS, false, "tls-server-name"},
		{RK_KC_CLUSTERS, true, "certificate-authority-data"},
		{RK_KC_CONTEXTS, false, "cluster"}, {RK_KC_CONTEXTS, false, "namespace"},
		{RK_KC_CONTEXTS, false, "user"}, {RK_KC_USERS, true, "client-certificate-data"},
		{RK_KC_USERS, true, "client-key-data"}, {RK_KC_USERS, false, "token"}};
	size_t pad;

	for (size_t i = 0; i < RK_COUNT(fields); i++) {
		if (fields[i].kind != k || !is(key, klen, fields[i].key))
			continue;
		if (!fields[i].base64)
			return rk_yaml_plain_ok(value, n);
		pad = n < 2 ? 0 : (value[n - 1] == '=') + (value[n - 2] == '=');
		return n && n % 4 == 0 && is_base64(value, n - pad);
	}
	return false;
}

/* One entry at p: name and object in either order, each field on its line. Returns where it ends;
 * NULL: it is not known to be so. */
static const char *plain_entry(
	struct rk_doc *d, enum rk_kc_kind k, const char *p, struct kcfg_slot *slot)
{
	const char *start = p, *nl, *key, *colon, *value;
	bool inside = false;

	for (; p == start || *p == ' '; p = nl + 1) {
		size_t indent = p == start ? 2 : strspn(p, " "), klen;

		nl = strchr(p, '\n');
		if (!nl || (p == start && p[1] != ' '))
			return NULL;
		key = p + indent;
		colon = memchr(key, ':', (size_t)(nl - key));
		if (!colon)
			return NULL;
		klen = (size_t)(colon - key);
		value = colon + 1;
		if (value < nl && *value++ != ' ')
			return NULL;
		if (indent == 2 && is(key, klen, "name") && !slot->name &&
			rk_yaml_plain_ok(value, (size_t)(nl - value))) {
			slot->name = rk_doc_strndup(d, value, (size_t)(nl - value));
			inside = false;
		} else if (indent == 2 && is(key, klen, rk_kc_single[k]) && value == nl) {
			inside = true;
		} else if (indent != 4 || !inside ||
			   !is_plain_field(k, key, klen, value, (size_t)(nl - value))) {
			return NULL;
		}
	}
	return slot->name ? p : NULL;
}

/* Leave out all but the last of each run of plain entries, so that the parser sees that they are in a
 * list. */
static void shorten(struct brief *b, struct rk_doc *d, const char *text, size_t n)
{
	const char *p = text + b->cuts[0].sum, *copied = p, *next, *last, *nl;
	size_t k = RK_KC_NKINDS, first;

	while (*p) {
		first = b->nslots;
		for (last = p; k < RK_KC_NKINDS && *p == '-'; p = next) {
			struct kcfg_slot slot = {.from = (size_t)(p - text)};

			next = plain_entry(d, (enum rk_kc_kind)k, p, &slot);
			if (!next)
				break;
			slot.to = (size_t)(next - text);
			last = p;
			if (!(b->nslots & (b->nslots - 1)))
				b->slots = rk_realloc(
					b->slots, 2 * (b->nslots + 1) * sizeof(*b->slots));
			b->slots[b->nslots++] = slot;
		}
		if (p > last) {
			if (--b->nslots > first) {
				const char *from = text + b->slots[first].from;
				size_t sum = b->cuts[b->ncuts - 1].sum + (size_t)(last - from);

				rk_buf_put(&b->text, copied, (size_t)(from - copied));
				copied = last;
				b->cuts = rk_realloc(b->cuts, (b->ncuts + 1) * sizeof(*b->cuts));
				b->cuts[b->ncuts++] = (struct cut){(enum rk_kc_kind)k, b->text.len,
					sum, first, b->nslots - first};
			}
			continue;
		}
		nl = strchr(p, '\n');
		if (nl && !strchr("- #\r\n", *p))
			for (k = 0; k < RK_KC_NKINDS; k++)
				if (nl[-1] == ':' && is(p, (size_t)(nl - p) - 1, rk_kc_plural[k]))
					break;
		p = nl ? nl + 1 : p + strlen(p);
	}
	rk_buf_put(&b->text, copied, (size_t)(text + n - copied));
}

/* The last cut that is at or before a byte of the short text. */
static const struct cut *cut_at(const struct brief *b, size_t at)
{
	size_t low = 0, high = b->ncuts;

	while (high - low > 1) {
		size_t mid = (low + high) / 2;

		if (b->cuts[mid].at <= at)
			low = mid;
		else
			high = mid;
	}
	return &b->cuts[low];
}

/* Where a byte of the short text is in the whole one; at a cut, behind it. */
static size_t place(const struct brief *b, size_t at)
{
	return at + cut_at(b, at)->sum;
}

/* --- positions --- */

static size_t line_start(const char *t, size_t p)
{
	while (p && t[p - 1] != '\n' && t[p - 1] != '\r')
		p--;
	return p;
}

/* Behind the line that holds the byte before p; p itself when it begins a line. */
static size_t line_end(const char *t, size_t p)
{
	if (p && t[p - 1] != '\n' && t[p - 1] != '\r') {
		p += strcspn(t + p, "\n");
		p += t[p] == '\n';
	}
	return p;
}

/* From the first byte of an entry's content back to the line of its dash: blanks, comments and
 * empty lines may be between. false: something else is. */
static bool dash_line(const char *t, size_t p, size_t *out)
{
	for (;; p = *out - 1) {
		size_t q;

		*out = line_start(t, p);
		q = *out + strspn(t + *out, " ");
		if (q < p && t[q] == '-')
			return true;
		if (!*out || (q < p && !strchr("#\r\n", t[q])))
			return false;
	}
}

/* Whether only blanks, comments and markers of a document's end, or of its start, follow. */
static bool only_comments(const char *p, const char *marker)
{
	for (const char *c; *p; p = c + strcspn(c, "\n"), p += *p == '\n') {
		c = p + strspn(p, " \t\r");
		if (c == p && rk_prefix(c, marker))
			c += 3 + strspn(c + 3, " \t\r");
		if (*c && *c != '#' && *c != '\n')
			return false;
	}
	return true;
}

/* What YAML takes for the end of a line and hardly any other program does (YAML 1.1, 4.2): a
 * carriage return alone, U+0085, U+2028, U+2029. */
static bool odd_break(const char *p)
{
	for (; *(p += strcspn(p, "\r\xc2\xe2")); p++)
		if (*p == '\r' ? p[1] != '\n'
			       : rk_prefix(p, "\xc2\x85") || rk_prefix(p, "\xe2\x80\xa8") ||
					 rk_prefix(p, "\xe2\x80\xa9"))
			return true;
	return false;
}

static bool has_shared(const struct rk_val *v)
{
	bool shared = v->shared;

	rk_each (it, v)
		shared = shared || has_shared(it);
	return shared;
}

/* Behind tags and anchors. */
static size_t content(const char *t, const struct rk_val *v)
{
	size_t p = v->start;

	while (p < v->end && (t[p] == '!' || t[p] == '&')) {
		p += strcspn(t + p, " \t\r\n");
		p += strspn(t + p, " \t\r\n");
	}
	return p;
}

/* --- the layout --- */

/* Returns false for a list in a notation that cannot be edited. found: slots that were left out of the
 * text and are in a list by now. */
static bool scan_list(struct kcfg_layout *l, enum rk_kc_kind k, const char *t,
	const struct brief *b, const struct rk_val *v, size_t *found)
{
	struct kcfg_section *sec = &l->sec[k];
	size_t from = content(t, v);
	bool flow = v->kind == RK_SEQ ? t[from] == '[' : l->flow;
	bool bytes = !v->shared && !l->tied; /* what is merged or an alias has none here */

	sec->tied = v->shared || v->again;
	sec->style = !v->count && !l->flow ? KCFG_EMPTY : flow ? KCFG_FLOW : KCFG_BLOCK;
	sec->colon = place(b, v->kstart + strcspn(t + v->kstart, ":") + 1);
	sec->from = place(b, from);
	sec->to = place(b, v->count && !flow ? line_end(t, v->end) : v->end);
	sec->slots = rk_calloc(v->count + b->nslots + 1, sizeof(*sec->slots));
	rk_each (it, v) {
		const struct rk_val *name = rk_get(it, "name", NULL);
		struct kcfg_slot slot = {.name = rk_str(name),
			.tied = sec->tied || has_shared(it) || (name && name->again)};
		const struct cut *c;
		size_t at = it->start;

		if (bytes && !flow && !dash_line(t, at, &at))
			return false;
		c = cut_at(b, at);
		if (c->n && c->at == at && c->kind == k && !flow) {
			memcpy(sec->slots + sec->n, b->slots + c->first,
				c->n * sizeof(*sec->slots));
			sec->n += c->n;
			*found += c->n;
		}
		if (bytes) {
			slot.from = at + c->sum;
			slot.to = (flow ? it->end : line_end(t, it->end)) + c->sum;
		}
		if (it == v->child && bytes && !flow)
			sec->indent = strspn(t + at, " ");
		sec->slots[sec->n++] = slot;
	}
	if (v->count && bytes && !flow)
		sec->from = sec->slots[0].from;
	return true;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Of a text without some of its entries the names have not been compared. */
static bool names_differ(const struct kcfg_section *s)
{
	rk_auto_free const char **v = rk_malloc((s->n + 1) * sizeof(const char *));
	bool differ = true;

	for (size_t i = 0; i < s->n; i++)
		v[i] = s->slots[i].name ? s->slots[i].name : "";
	qsort(v, s->n, sizeof(*v), by_name);
	for (size_t i = 1; differ && i < s->n; i++)
		differ = strcmp(v[i - 1], v[i]) != 0;
	return differ;
}

static int scan_text(struct kcfg_layout *l, const struct brief *b, const char *t, size_t n,
	const char *name, struct rk_err *err)
{
	const char *nl = strchr(t, '\n');
	const struct rk_val *root, *v;
	size_t found = 0;

	if (rk_kubeconfig_read(l->doc, t, n, name, &root, err) < 0)
		return -1;
	l->crlf = nl && nl > t && nl[-1] == '\r';
	l->odd = odd_break(t);
	l->empty = !root;
	l->end = place(b, n);
	if (!root && only_comments(t, "---"))
		return 0;
	if (!root)
		return rk_err_set(err, RK_FAIL, "%s: not a kubeconfig: no keys in it", name);
	if (!only_comments(t + root->end, "..."))
		return rk_err_set(err, RK_CONFLICT, "%s: it has more than one document", name);

	l->flow = t[content(t, root)] == '{';
	l->tied = root->shared;
	l->indent = root->child ? root->child->kstart - line_start(t, root->child->kstart) : 0;
	l->end = place(b, !l->flow     ? line_end(t, root->end)
			  : root->last ? root->last->end
				       : content(t, root) + 1);
	v = rk_get(root, "current-context", NULL);
	if (v && (v->shared || v->again))
		return rk_err_set(err, RK_CONFLICT, "%s: current-context is %s", name,
			v->again ? "set twice" : "an anchor or an alias");
	if (v)
		l->current = (struct kcfg_slot){place(b, v->start), place(b, v->end),
			.name = rk_str(v) && v->len ? v->s : NULL};
	for (size_t k = 0; k < RK_KC_NKINDS; k++) {
		v = rk_get(root, rk_kc_plural[k], NULL);
		if (v && !scan_list(l, (enum rk_kc_kind)k, t, b, v, &found))
			return rk_err_set(err, RK_CONFLICT,
				"%s: rk3k cannot edit the layout of a list", name);
		if (b->nslots && !names_differ(&l->sec[k]))
			return -1;
	}
	return found == b->nslots ? 0 : -1;
}

int kcfg_scan(struct kcfg_layout *l, const char *text, size_t n, const char *name, bool whole,
	struct rk_err *err)
{
	struct brief b = {
		.text = RK_BUF_INIT_SECRET, .ncuts = 1, .cuts = rk_calloc(1, sizeof(*b.cuts))};
	size_t bom = n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
	int rc;

	l->doc = rk_doc_new(true);
	b.cuts[0].sum = bom;
	if (!whole)
		shorten(&b, l->doc, text, n);
	if (b.nslots)
		rc = scan_text(l, &b, b.text.s, b.text.len, name, NULL);
	else
		rc = scan_text(l, &b, text + bom, n - bom, name, err);
	if (rc < 0)
		kcfg_layout_release(l);
	if (rc < 0 && b.nslots)
		rc = kcfg_scan(l, text, n, name, true, err);
	rk_buf_release(&b.text);
	free(b.cuts);
	free(b.slots);
	return rc;
}

void kcfg_layout_release(struct kcfg_layout *l)
{
	for (size_t i = 0; i < RK_KC_NKINDS; i++)
		free(l->sec[i].slots);
	rk_doc_free(l->doc);
	*l = (struct kcfg_layout)KCFG_LAYOUT_INIT;
}

struct kcfg_slot *kcfg_find(const struct kcfg_section *s, const char *name)
{
	for (size_t i = 0; i < s->n; i++)
		if (rk_streq(s->slots[i].name, name))
			return &s->slots[i];
	return NULL;
}
