// SPDX-License-Identifier: Apache-2.0
/* scan - where the entries of a kubeconfig text are, byte by byte: what editing needs.
 *
 * The tree of the text has the positions. Large kubeconfigs are nearly all entries as kubectl writes
 * them: those are found line by line and left out of the text before it is parsed, and positions are
 * counted back. Merging into 28 MB takes a fifth of the time so. */
#include "edit.h"

const char *const kcfg_plural[RK_KC_NKINDS] = {"clusters", "contexts", "users"};
const char *const kcfg_single[RK_KC_NKINDS] = {"cluster", "context", "user"};

/* --- entries as kubectl writes them --- */

/* Entries that the short text lacks at `at`: the slots from `first` on, `sum` bytes with all before. */
struct cut {
	enum rk_kc_kind kind;
	size_t at, sum, first, n;
};

struct brief {
	struct rk_doc *doc; /* of the names */
	struct rk_buf text;
	struct cut *cuts;
	struct kcfg_slot *slots;
	size_t ncuts, nslots, alloc;
};

/* Not 0 for a byte that base64 does not have. Without a branch, and below with a fixed number of
 * bytes in turn, so that the compiler takes many at once. */
static unsigned char no_base64(char byte)
{
	unsigned char c = (unsigned char)byte;
	unsigned char letter = (unsigned char)((c | 0x20) - 'a');
	unsigned char digit = (unsigned char)(c - '0');

	return (unsigned char)((letter > 25) & (digit > 9) & (c != '+') & (c != '/'));
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
	enum rk_kc_kind k, const char *key, size_t klen, const char *value, size_t vlen)
{
	static const char *const strings[RK_KC_NKINDS][4] = {
		{"server", "tls-server-name"}, {"cluster", "user", "namespace"}, {"token"}};
	static const char *const bytes[RK_KC_NKINDS][3] = {{"certificate-authority-data"}, {NULL},
		{"client-certificate-data", "client-key-data"}};
	size_t pad = 0;

	for (const char *const *s = strings[k]; *s; s++)
		if (strlen(*s) == klen && memcmp(*s, key, klen) == 0)
			return rk_yaml_plain_ok(value, vlen);
	for (const char *const *s = bytes[k]; *s; s++) {
		if (strlen(*s) != klen || memcmp(*s, key, klen) != 0)
			continue;
		while (pad < 2 && pad < vlen && value[vlen - pad - 1] == '=')
			pad++;
		return vlen && vlen % 4 == 0 && is_base64(value, vlen - pad);
	}
	return false;
}

/* One entry at p: name and object in either order, each field on its line. Returns where it ends;
 * NULL: it is not known to be so. */
static const char *plain_entry(struct brief *b, enum rk_kc_kind k, const char *text, const char *p,
	const char *end, struct kcfg_slot *slot)
{
	const char *object = kcfg_single[k];
	size_t olen = strlen(object);
	bool inside = false;

	*slot = (struct kcfg_slot){.from = (size_t)(p - text)};
	for (bool first = true; first || (p < end && *p == ' '); first = false) {
		const char *nl = memchr(p, '\n', (size_t)(end - p)), *key, *colon, *value;
		size_t indent = first ? 2 : strspn(p, " "), klen, vlen;

		if (!nl || indent > (size_t)(nl - p) || (first && memcmp(p, "- ", 2) != 0))
			return NULL;
		key = p + indent;
		colon = memchr(key, ':', (size_t)(nl - key));
		if (!colon || (colon + 1 < nl && colon[1] != ' '))
			return NULL;
		klen = (size_t)(colon - key);
		value = colon + 1 + (colon[1] == ' ');
		vlen = (size_t)(nl - value);
		if (indent == 2 && klen == 4 && memcmp(key, "name", 4) == 0) {
			if (slot->name || !rk_yaml_plain_ok(value, vlen))
				return NULL;
			slot->name = rk_doc_strndup(b->doc, value, vlen);
			inside = false;
		} else if (indent == 2 && nl == colon + 1 && klen == olen &&
			   memcmp(key, object, olen) == 0) {
			inside = true;
		} else if (indent != 4 || !inside || value == colon + 1 ||
			   !is_plain_field(k, key, klen, value, vlen)) {
			return NULL;
		}
		p = nl + 1;
	}
	slot->to = (size_t)(p - text);
	return slot->name ? p : NULL;
}

/* Note the plain entries from p on. All but the first and the last of them are left out, so that the
 * parser sees that there is a list on either side. Returns where they end. */
static const char *take_run(struct brief *b, enum rk_kc_kind k, const char *text, const char *p,
	const char *end, const char **copied)
{
	size_t first = b->nslots, n;
	const char *next;

	for (; p < end && *p == '-'; p = next) {
		if (b->nslots == b->alloc) {
			b->alloc = b->alloc ? 2 * b->alloc : 64;
			b->slots = rk_realloc(b->slots, b->alloc * sizeof(*b->slots));
		}
		next = plain_entry(b, k, text, p, end, &b->slots[b->nslots]);
		if (!next)
			break;
		b->nslots++;
	}
	n = b->nslots - first;
	if (n > 2) {
		const struct kcfg_slot *from = &b->slots[first], *last = &b->slots[b->nslots - 1];
		size_t sum = b->ncuts ? b->cuts[b->ncuts - 1].sum : 0;

		rk_buf_put(&b->text, *copied, (size_t)(text + from->to - *copied));
		*copied = text + last->from;
		b->cuts = rk_realloc(b->cuts, (b->ncuts + 1) * sizeof(*b->cuts));
		b->cuts[b->ncuts++] = (struct cut){
			k, b->text.len, sum + (last->from - from->to), first + 1, n - 2};
	} else {
		b->nslots = first;
	}
	return p;
}

static void shorten(const char *text, size_t n, struct brief *b)
{
	const char *copied = text, *end = text + n, *next, *nl;
	size_t k = RK_KC_NKINDS;

	for (const char *p = text; p < end; p = next) {
		nl = memchr(p, '\n', (size_t)(end - p));
		next = nl ? nl + 1 : end;
		if (*p == '-' && k < RK_KC_NKINDS) {
			nl = take_run(b, (enum rk_kc_kind)k, text, p, end, &copied);
			next = nl > p ? nl : next;
		} else if (!strchr("- #\r\n", *p)) {
			for (k = 0; k < RK_KC_NKINDS; k++)
				if (strlen(kcfg_plural[k]) + 2 == (size_t)(next - p) &&
					rk_prefix(p, kcfg_plural[k]) && nl && nl[-1] == ':')
					break;
		}
	}
	rk_buf_put(&b->text, copied, (size_t)(end - copied));
}

/* Where a byte of the short text is in the whole one; at a cut, behind it. */
static size_t place(const struct brief *b, size_t at)
{
	size_t low = 0, high = b->ncuts;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (b->cuts[mid].at <= at)
			low = mid + 1;
		else
			high = mid;
	}
	return at + (low ? b->cuts[low - 1].sum : 0);
}

/* --- positions --- */

struct scan {
	struct kcfg_layout *l;
	const struct brief *b;
	const char *t, *name;
	size_t n, bom;
	size_t used; /* entries left out of the text that are in a list by now */
	struct rk_err *err;
};

static size_t line_start(const struct scan *s, size_t p)
{
	while (p > s->bom && s->t[p - 1] != '\n' && s->t[p - 1] != '\r')
		p--;
	return p;
}

/* Behind the line that holds the byte before p; p itself when it begins a line. */
static size_t line_end(const struct scan *s, size_t p)
{
	const char *nl;

	if (p > s->bom && (s->t[p - 1] == '\n' || s->t[p - 1] == '\r'))
		return p;
	nl = memchr(s->t + p, '\n', s->n - p);
	return nl ? (size_t)(nl - s->t) + 1 : s->n;
}

/* From the first byte of an entry's content back to the line of its dash: blanks, comments and
 * empty lines may be between. */
static int dash_line(const struct scan *s, size_t p, size_t *out)
{
	for (;;) {
		size_t bol = line_start(s, p), q = bol;

		while (q < p && s->t[q] == ' ')
			q++;
		if (q < p && s->t[q] == '-') {
			*out = bol;
			return 0;
		}
		if ((q < p && s->t[q] != '#' && s->t[q] != '\r' && s->t[q] != '\n') ||
			bol <= s->bom)
			return rk_err_set(s->err, RK_CONFLICT,
				"%s: a list is laid out in a way rk3k does not edit", s->name);
		p = bol - 1;
		p = line_start(s, p) < p ? p : bol - 1;
	}
}

/* Whether only blanks, comments and markers of a document's end, or of its start, follow. */
static bool only_comments(const struct scan *s, size_t p, const char *marker)
{
	while (p < s->n) {
		const char *c = s->t + p + strspn(s->t + p, " \t\r");

		if (c == s->t + p && strncmp(c, marker, 3) == 0)
			c += 3 + strspn(c + 3, " \t\r");
		if (c < s->t + s->n && *c != '#' && *c != '\n')
			return false;
		p = (size_t)(c - s->t) + strcspn(c, "\n");
		p += p < s->n;
	}
	return true;
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

static bool has_shared(const struct rk_val *v)
{
	if (v->shared)
		return true;
	rk_each (it, v)
		if (has_shared(it))
			return true;
	return false;
}

/* Behind tags and anchors. */
static size_t content(const struct scan *s, const struct rk_val *v)
{
	size_t p = v->start;

	while (p < v->end && (s->t[p] == '!' || s->t[p] == '&')) {
		p += strcspn(s->t + p, " \t\r\n");
		p += strspn(s->t + p, " \t\r\n");
	}
	return p;
}

/* The entries that were left out between one that ends at `at` and one that begins there. */
static void add_cut(struct scan *s, enum rk_kc_kind k, size_t at)
{
	struct kcfg_section *sec = &s->l->sec[k];

	for (size_t i = 0; i < s->b->ncuts; i++) {
		const struct cut *c = &s->b->cuts[i];

		if (c->at != at || c->kind != k)
			continue;
		memcpy(sec->slots + sec->n, s->b->slots + c->first, c->n * sizeof(*sec->slots));
		sec->n += c->n;
		s->used += c->n;
	}
}

static int scan_list(struct scan *s, enum rk_kc_kind k, const struct rk_val *v)
{
	struct kcfg_section *sec = &s->l->sec[k];
	size_t from = content(s, v), to = v->end, behind = 0;
	bool flow = v->kind == RK_SEQ ? s->t[from] == '[' : s->l->flow;

	sec->tied = v->shared || v->again;
	sec->style = !v->count && !s->l->flow ? KCFG_EMPTY : flow ? KCFG_FLOW : KCFG_BLOCK;
	sec->slots = rk_calloc(v->count + s->b->nslots + 1, sizeof(*sec->slots));
	rk_each (it, v) {
		const struct rk_val *name = rk_get(it, "name", NULL);
		struct kcfg_slot *slot;
		size_t at = it->start;

		if (!v->shared && !s->l->tied && !flow && dash_line(s, it->start, &at) < 0)
			return -1;
		if (at == behind && !flow)
			add_cut(s, k, at);
		slot = &sec->slots[sec->n++];
		slot->name = rk_str(name);
		slot->tied = sec->tied || has_shared(it) || (name && name->again);
		if (v->shared || s->l->tied) /* what is merged or an alias has no bytes here */
			continue;
		if (!flow && sec->n == 1) {
			from = at;
			sec->indent = strspn(s->t + at, " ");
		}
		behind = flow ? it->end : line_end(s, it->end);
		slot->from = place(s->b, at);
		slot->to = behind + (slot->from - at);
	}
	if (v->count && !flow)
		to = line_end(s, to);
	sec->colon = place(s->b, v->kstart + strcspn(s->t + v->kstart, ":") + 1);
	sec->from = place(s->b, from);
	sec->to = place(s->b, to);
	return 0;
}

static int scan_root(struct scan *s, const struct rk_val *root)
{
	struct kcfg_layout *l = s->l;
	const struct rk_val *v = rk_get(root, "current-context", NULL);

	l->flow = s->t[content(s, root)] == '{';
	l->tied = root->shared;
	l->nkeys = root->count;
	l->indent = root->child ? root->child->kstart - line_start(s, root->child->kstart) : 0;
	l->end = place(s->b, !l->flow	  ? line_end(s, root->end)
			     : root->last ? root->last->end
					  : content(s, root) + 1);
	if (v && (v->shared || v->again))
		return rk_err_set(s->err, RK_CONFLICT, "%s: current-context is %s", s->name,
			v->again ? "set twice" : "an anchor or an alias");
	l->has_current = v != NULL;
	l->current_from = v ? place(s->b, v->start) : 0;
	l->current_to = v ? place(s->b, v->end) : 0;
	l->current = v && rk_str(v) && v->len ? v->s : NULL;
	for (size_t k = 0; k < RK_KC_NKINDS; k++) {
		v = rk_get(root, kcfg_plural[k], NULL);
		if (v && scan_list(s, (enum rk_kc_kind)k, v) < 0)
			return -1;
	}
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Of a text without some of its entries the names have not been compared. */
static bool names_differ(const struct kcfg_section *s)
{
	const char **v = rk_malloc((s->n + 1) * sizeof(const char *));
	bool differ = true;

	for (size_t i = 0; i < s->n; i++)
		v[i] = s->slots[i].name ? s->slots[i].name : "";
	qsort(v, s->n, sizeof(*v), by_name);
	for (size_t i = 1; differ && i < s->n; i++)
		differ = strcmp(v[i - 1], v[i]) != 0;
	free(v);
	return differ;
}

static int scan_text(struct kcfg_layout *l, const struct brief *b, const char *text, size_t n,
	const char *name, struct rk_err *err)
{
	struct scan s = {.l = l, .b = b, .t = text, .n = n, .name = name, .err = err};
	const char *nl = memchr(text, '\n', n);
	const struct rk_val *root;

	if (rk_kubeconfig_read(l->doc, text, n, name, &root, err) < 0)
		return -1;
	s.bom = n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
	l->crlf = nl && nl > text && nl[-1] == '\r';
	l->odd = odd_break(text, n);
	l->empty = !root;
	l->end = place(b, n);
	if (!root && only_comments(&s, s.bom, "---"))
		return 0;
	if (!root)
		return rk_err_set(err, RK_FAIL, "%s: not a kubeconfig: no keys in it", name);
	if (!only_comments(&s, root->end, "..."))
		return rk_err_set(err, RK_CONFLICT, "%s: it holds more than one document", name);
	if (scan_root(&s, root) < 0)
		return -1;
	for (size_t i = 0; i < b->ncuts; i++)
		s.used -= b->cuts[i].n;
	for (size_t k = 0; b->ncuts && k < RK_KC_NKINDS; k++)
		if (!names_differ(&l->sec[k]))
			return -1;
	return s.used ? -1 : 0;
}

int kcfg_scan_whole(
	struct kcfg_layout *l, const char *text, size_t n, const char *name, struct rk_err *err)
{
	const struct brief none = {0};

	l->doc = rk_doc_new(true);
	if (scan_text(l, &none, text, n, name, err) == 0)
		return 0;
	kcfg_layout_release(l);
	return -1;
}

int kcfg_scan(
	struct kcfg_layout *l, const char *text, size_t n, const char *name, struct rk_err *err)
{
	struct brief b = {.doc = rk_doc_new(true), .text = RK_BUF_INIT_SECRET};
	int rc = -1;

	l->doc = b.doc;
	shorten(text, n, &b);
	if (b.ncuts)
		rc = scan_text(l, &b, b.text.s, b.text.len, name, NULL);
	if (rc < 0) {
		kcfg_layout_release(l);
		rc = kcfg_scan_whole(l, text, n, name, err);
	}
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

const struct kcfg_slot *kcfg_find(const struct kcfg_section *s, const char *name)
{
	for (size_t i = 0; i < s->n; i++)
		if (rk_streq(s->slots[i].name, name))
			return &s->slots[i];
	return NULL;
}
