// SPDX-License-Identifier: Apache-2.0
#include "kubeconfig-scan.h"

#include <yaml.h>

const char *const kc_plural[RK_KC_NKINDS] = {"clusters", "contexts", "users"};
const char *const kc_single[RK_KC_NKINDS] = {"cluster", "context", "user"};

#define DEPTH_MAX 64
#define KEY_MAX	  1000 /* libyaml takes 1024 bytes */

static struct kc_item *add_item(struct kc_section *s, size_t from)
{
	if (s->n == s->alloc) {
		s->alloc = s->alloc ? 2 * s->alloc : 8;
		s->items = rk_realloc(s->items, s->alloc * sizeof(*s->items));
	}
	s->items[s->n] = (struct kc_item){.at = {from, from}};
	return &s->items[s->n++];
}

void kc_layout_release(struct kc_layout *l)
{
	for (size_t i = 0; i < RK_KC_NKINDS; i++)
		free(l->sec[i].items);
	rk_doc_free(l->doc);
	*l = (struct kc_layout)KC_LAYOUT_INIT;
}

ptrdiff_t kc_section_find(const struct kc_section *s, const char *name, bool *twice)
{
	size_t len = strlen(name);
	ptrdiff_t at = -1;

	*twice = false;
	for (size_t i = 0; i < s->n; i++) {
		const struct kc_item *it = &s->items[i];

		if (!it->name || it->namelen != len || memcmp(it->name, name, len) != 0)
			continue;
		*twice = at >= 0;
		if (at < 0)
			at = (ptrdiff_t)i;
		if (*twice)
			break;
	}
	return at;
}

/* ---------- the line scanner ----------
 *
 * Accepts: block maps with plain keys, block sequences, one-line scalars, [] and {}, comments,
 * one leading `---`, printable ASCII. A stack of open collections with their columns makes it
 * exact: a line must fit an open level or open one where a value is awaited. */

struct level {
	size_t col;
	bool seq;
};

struct lines {
	struct kc_layout *l;
	const char *t; /* text */
	size_t n;
	struct level stack[DEPTH_MAX];
	size_t depth;
	bool awaits;		   /* the last key or dash has had no value yet */
	struct kc_section *sec;	   /* section we are in, or NULL */
	struct kc_item *item;	   /* item we are in, or NULL */
	struct kc_section *opened; /* section key just read without a value */
	size_t bol, eol, next;	   /* this line: start, end without \r\n, start of the next */
	size_t keys[RK_KC_NKINDS], current;
};

#define ONES (~(uint64_t)0 / 255)

/* Whether a stretch is printable ASCII, eight bytes at a time. */
static bool printable(const char *p, size_t n)
{
	uint64_t bad = 0, x;

	for (; n >= 8; p += 8, n -= 8) {
		memcpy(&x, p, 8);
		bad |= (x | ((x - ONES * 0x20) & ~x)); /* >= 0x80, or < 0x20 */
		x ^= ONES * 0x7f;
		bad |= (x - ONES) & ~x; /* DEL */
	}
	if (bad & (ONES * 0x80))
		return false;
	for (; n; p++, n--)
		if (*p < 0x20 || *p == 0x7f)
			return false;
	return true;
}

static bool key_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '_' || c == '.' || c == '/';
}

static bool push(struct lines *s, size_t col, bool seq)
{
	if (s->depth == DEPTH_MAX)
		return false;
	s->stack[s->depth++] = (struct level){col, seq};
	return true;
}

/* The first token of a line: close what it is left of, then continue a level or open one. */
static bool fit(struct lines *s, size_t col, bool dash)
{
	struct level *top;

	while (s->depth && s->stack[s->depth - 1].col > col) {
		s->depth--;
		s->awaits = false;
	}
	if (!s->depth)
		return s->awaits && col == 0 && !dash && push(s, col, false);
	top = &s->stack[s->depth - 1];
	if (top->col < col)
		return s->awaits && push(s, col, dash);
	if (top->seq == dash)
		return true;
	if (dash) /* a list may stand under its key's own column */
		return s->awaits && push(s, col, true);
	if (s->depth < 2 || s->stack[s->depth - 2].col != col)
		return false;
	s->depth--;
	return true;
}

/* Nothing but blanks and a comment from p to the end of the line. */
static bool rest_blank(const struct lines *s, size_t p)
{
	size_t q = p;

	while (q < s->eol && s->t[q] == ' ')
		q++;
	return q == s->eol || (s->t[q] == '#' && q > p);
}

/* A quoted scalar on one line; *to is behind its closing quote. Double quotes only without
 * backslashes: whoever escapes gets the real parser. */
static bool quoted(const struct lines *s, size_t p, size_t *to)
{
	char q = s->t[p];

	for (size_t i = p + 1; i < s->eol; i++) {
		if (q == '"' && s->t[i] == '\\')
			return false;
		if (s->t[i] != q)
			continue;
		if (q == '\'' && i + 1 < s->eol && s->t[i + 1] == q)
			return false;
		*to = i + 1;
		return rest_blank(s, i + 1);
	}
	return false;
}

static bool plain(const struct lines *s, size_t p, size_t *to)
{
	const char *c = s->t + p, *end = s->t + s->eol, *hash;

	if (strchr("|>&*!%@`,[]{}\"'#", *c))
		return false;
	if (strchr("-?:", *c) && (p + 1 == s->eol || c[1] == ' '))
		return false;
	for (hash = c; (hash = memchr(hash, '#', (size_t)(end - hash))); hash++) {
		if (hash[-1] == ' ') {
			end = hash;
			break;
		}
	}
	while (end > c && end[-1] == ' ')
		end--;
	*to = (size_t)(end - s->t);
	if (end[-1] == ':')
		return false;
	for (; (c = memchr(c, ':', (size_t)(end - c))); c++)
		if (c[1] == ' ')
			return false;
	return true;
}

/* The scalar at p. */
static bool scalar(const struct lines *s, size_t p, size_t *to)
{
	const char *c = s->t + p;

	if (*c == '"' || *c == '\'')
		return quoted(s, p, to);
	if (p + 1 < s->eol && ((*c == '[' && c[1] == ']') || (*c == '{' && c[1] == '}'))) {
		*to = p + 2;
		return rest_blank(s, p + 2);
	}
	return plain(s, p, to);
}

static bool span_is(const struct lines *s, size_t from, size_t to, const char *w)
{
	return to - from == strlen(w) && memcmp(s->t + from, w, to - from) == 0;
}

static bool root_key(struct lines *s, size_t key, size_t colon, size_t from, size_t to)
{
	struct kc_layout *l = s->l;

	s->sec = NULL;
	s->item = NULL;
	s->opened = NULL;
	l->nkeys++;
	for (size_t k = 0; k < RK_KC_NKINDS; k++) {
		struct kc_section *sec = &l->sec[k];

		if (!span_is(s, key, colon, kc_plural[k]))
			continue;
		if (s->keys[k]++)
			return false;
		sec->style = KC_EMPTY;
		sec->colon = colon + 1;
		sec->at = (struct kc_span){from, to};
		if (from == to) {
			sec->at = (struct kc_span){colon + 1, colon + 1};
			s->opened = sec;
			return true;
		}
		return span_is(s, from, to, "[]") || span_is(s, from, to, "null") ||
		       span_is(s, from, to, "~");
	}
	if (!span_is(s, key, colon, "current-context"))
		return true;
	if (s->current++)
		return false;
	l->has_current = true;
	l->current = (struct kc_span){from, to};
	if (from == to)
		l->current = (struct kc_span){colon + 1, colon + 1};
	return true;
}

static void unquote(const struct lines *s, size_t *from, size_t *to)
{
	if (*to > *from && (s->t[*from] == '"' || s->t[*from] == '\'')) {
		(*from)++;
		(*to)--;
	}
}

/* name: of an item. Twice, or no plain string: not for us. */
static bool item_key(struct lines *s, size_t key, size_t colon, size_t from, size_t to)
{
	if (!span_is(s, key, colon, "name"))
		return true;
	if (s->item->name || from == to || s->t[from] == '[' || s->t[from] == '{')
		return false;
	unquote(s, &from, &to);
	s->item->name = s->t + from;
	s->item->namelen = to - from;
	return true;
}

/* A key at p, which has been fitted into the stack. */
static bool key_at(struct lines *s, size_t p)
{
	size_t colon = p, from, to;

	while (colon < s->eol && key_char(s->t[colon]))
		colon++;
	if (colon == p || colon == s->eol || s->t[colon] != ':' || colon - p > KEY_MAX)
		return false;
	for (from = colon + 1; from < s->eol && s->t[from] == ' '; from++)
		;
	if (from == colon + 1 && from < s->eol)
		return false;
	to = from;
	if (from < s->eol && s->t[from] == '#')
		from = to = colon + 1;
	else if (from == s->eol)
		from = to = colon + 1;
	else if (!scalar(s, from, &to))
		return false;
	s->awaits = from == to;
	if (s->depth == 1)
		return root_key(s, p, colon, from, to);
	if (s->depth == 2 && s->opened)
		return false; /* a map where a list belongs */
	if (s->depth == 3 && s->item)
		return item_key(s, p, colon, from, to);
	return true;
}

static bool is_key(const struct lines *s, size_t p)
{
	size_t q = p;

	while (q < s->eol && key_char(s->t[q]))
		q++;
	return q > p && q < s->eol && s->t[q] == ':' && (q + 1 == s->eol || s->t[q + 1] == ' ');
}

/* A dash in the list right under a root key begins an item. */
static bool dash_at(struct lines *s, size_t col)
{
	if (s->depth != 2)
		return true;
	if (s->opened) {
		s->sec = s->opened;
		s->opened = NULL;
		s->sec->style = KC_BLOCK;
		s->sec->indent = col;
		s->sec->at.from = s->bol;
	}
	if (s->sec)
		s->item = add_item(s->sec, s->bol);
	return true;
}

static bool is_dash(const struct lines *s, size_t p)
{
	return s->t[p] == '-' && (p + 1 == s->eol || s->t[p + 1] == ' ');
}

static bool tokens(struct lines *s, size_t p)
{
	bool first = true;
	size_t to;

	for (;; first = false) {
		bool dash = is_dash(s, p);

		if (!dash && !is_key(s, p)) /* a scalar item, only behind a dash */
			return !first && scalar(s, p, &to) && ((s->awaits = false), true);
		if (first ? !fit(s, p - s->bol, dash) : !push(s, p - s->bol, dash))
			return false;
		if (!dash)
			return key_at(s, p);
		if (!dash_at(s, p - s->bol))
			return false;
		s->awaits = true;
		for (p++; p < s->eol && s->t[p] == ' '; p++)
			;
		if (p == s->eol || s->t[p] == '#')
			return true;
	}
}

static void content_ends(struct lines *s)
{
	s->l->end = s->next;
	if (s->item)
		s->item->at.to = s->next;
	if (s->sec)
		s->sec->at.to = s->next;
}

static bool one_line(struct lines *s, bool *marker)
{
	size_t p = s->bol;

	if (!printable(s->t + p, s->eol - p))
		return false;
	while (p < s->eol && s->t[p] == ' ')
		p++;
	if (p == s->eol || s->t[p] == '#')
		return true;
	if (s->eol - s->bol >= 3 && memcmp(s->t + s->bol, "---", 3) == 0) {
		if (*marker || s->l->nkeys || !rest_blank(s, s->bol + 3))
			return false;
		*marker = true;
		s->l->end = s->next;
		return true;
	}
	if (s->eol - s->bol >= 3 && memcmp(s->t + s->bol, "...", 3) == 0)
		return false;
	if (!tokens(s, p))
		return false;
	content_ends(s);
	return true;
}

static void next_line(struct lines *s)
{
	const char *nl = memchr(s->t + s->bol, '\n', s->n - s->bol);

	s->eol = nl ? (size_t)(nl - s->t) : s->n;
	s->next = nl ? s->eol + 1 : s->n;
	if (nl && s->eol > s->bol && s->t[s->eol - 1] == '\r')
		s->eol--;
}

static void take_current(struct kc_layout *l, const struct lines *s)
{
	size_t from = l->current.from, to = l->current.to;

	unquote(s, &from, &to);
	if (l->has_current && to > from)
		l->current_name = rk_doc_strndup(l->doc, s->t + from, to - from);
}

int kc_scan_lines(struct kc_layout *l, const char *text, size_t n)
{
	struct lines s = {.l = l, .t = text, .n = n, .awaits = true};
	bool marker = false;

	l->doc = rk_doc_new(true);
	if (n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		s.bol = 3;
	l->end = s.bol;
	for (; s.bol < n; s.bol = s.next) {
		next_line(&s);
		if (!one_line(&s, &marker)) {
			kc_layout_release(l);
			return 1;
		}
		if (s.bol <= 3)
			l->crlf = s.next - s.eol == 2;
	}
	l->empty = !l->nkeys;
	if (l->empty)
		l->end = n;
	take_current(l, &s);
	return 0;
}

/* ---------- libyaml's events ---------- */

struct events {
	struct kc_layout *l;
	const char *t, *name;
	size_t n, bom;
	bool ascii;
	size_t chars, bytes; /* where char_to_byte stands */
	yaml_parser_t p;
	size_t depth;
	size_t last; /* byte behind the last content seen */
	struct rk_err *err;
};

/* libyaml counts characters, not bytes, and leaves the BOM out. Marks mostly ascend. */
static size_t to_byte(struct events *s, size_t index)
{
	if (s->ascii)
		return s->bom + index;
	if (index < s->chars) {
		s->chars = 0;
		s->bytes = s->bom;
	}
	while (s->chars < index && s->bytes < s->n) {
		s->bytes++;
		while (s->bytes < s->n && ((unsigned char)s->t[s->bytes] & 0xc0) == 0x80)
			s->bytes++;
		s->chars++;
	}
	return s->bytes;
}

static int yaml_trouble(struct events *s)
{
	return rk_err_set(s->err, RK_FAIL, "%s:%zu: not YAML: %s", s->name,
		s->p.problem_mark.line + 1, s->p.problem ? s->p.problem : "damaged");
}

static int next_event(struct events *s, yaml_event_t *e)
{
	if (!yaml_parser_parse(&s->p, e))
		return yaml_trouble(s);
	return 0;
}

static bool has_anchor(const yaml_event_t *e)
{
	switch (e->type) {
	case YAML_ALIAS_EVENT:
		return true;
	case YAML_SCALAR_EVENT:
		return e->data.scalar.anchor != NULL;
	case YAML_SEQUENCE_START_EVENT:
		return e->data.sequence_start.anchor != NULL;
	case YAML_MAPPING_START_EVENT:
		return e->data.mapping_start.anchor != NULL;
	default:
		return false;
	}
}

static bool starts(const yaml_event_t *e)
{
	return e->type == YAML_SEQUENCE_START_EVENT || e->type == YAML_MAPPING_START_EVENT;
}

static bool stops(const yaml_event_t *e)
{
	return e->type == YAML_SEQUENCE_END_EVENT || e->type == YAML_MAPPING_END_EVENT;
}

static bool is_flow(const yaml_event_t *e)
{
	if (e->type == YAML_SEQUENCE_START_EVENT)
		return e->data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE;
	return e->type == YAML_MAPPING_START_EVENT &&
	       e->data.mapping_start.style == YAML_FLOW_MAPPING_STYLE;
}

/* Read the rest of the node that e starts. *tied when anchors or aliases are in it. e is freed. */
static int skip_node(struct events *s, yaml_event_t *e, bool *tied)
{
	size_t depth = 0, flow = 0;

	for (;;) {
		bool start = starts(e), stop = stops(e);

		*tied = *tied || has_anchor(e);
		/* the end of a block collection is where the next token begins: of no use */
		if (!start && (!stop || flow))
			s->last = to_byte(s, e->end_mark.index);
		flow += start && (flow || is_flow(e));
		flow -= stop && flow;
		depth += start;
		depth -= stop;
		yaml_event_delete(e);
		if (!depth)
			return 0;
		if (depth > RK_DEPTH_MAX)
			return rk_err_set(s->err, RK_FAIL, "%s: nested too deeply", s->name);
		if (next_event(s, e) < 0)
			return -1;
	}
}

static bool scalar_is(const yaml_event_t *e, const char *w)
{
	return e->type == YAML_SCALAR_EVENT && e->data.scalar.length == strlen(w) &&
	       memcmp(e->data.scalar.value, w, strlen(w)) == 0;
}

static size_t line_start(const struct events *s, size_t p)
{
	while (p > s->bom && s->t[p - 1] != '\n' && s->t[p - 1] != '\r')
		p--;
	return p;
}

/* Behind the line that holds the byte before p; p itself when it begins a line. */
static size_t line_end(const struct events *s, size_t p)
{
	const char *nl;

	if (p > s->bom && (s->t[p - 1] == '\n' || s->t[p - 1] == '\r'))
		return p;
	nl = memchr(s->t + p, '\n', s->n - p);
	return nl ? (size_t)(nl - s->t) + 1 : s->n;
}

/* From the first byte of an item's content back to the line of its dash: blanks, comments and
 * empty lines may lie between. */
static int dash_line(const struct events *s, size_t p, size_t *out)
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

static int item_map(struct events *s, struct kc_item *it, yaml_event_t *e)
{
	it->tied = has_anchor(e);
	yaml_event_delete(e);
	for (;;) {
		bool name;

		if (next_event(s, e) < 0)
			return -1;
		if (e->type == YAML_MAPPING_END_EVENT)
			return 0;
		name = scalar_is(e, "name");
		if (scalar_is(e, "<<"))
			it->tied = true;
		if (skip_node(s, e, &it->tied) < 0 || next_event(s, e) < 0)
			return -1;
		if (name && e->type == YAML_SCALAR_EVENT) {
			if (it->name) {
				yaml_event_delete(e);
				return rk_err_set(
					s->err, RK_CONFLICT, "%s: an entry has two names", s->name);
			}
			it->name = rk_doc_strndup(
				s->l->doc, (char *)e->data.scalar.value, e->data.scalar.length);
			it->namelen = e->data.scalar.length;
		}
		if (skip_node(s, e, &it->tied) < 0)
			return -1;
	}
}

static int one_item(struct events *s, struct kc_section *sec, yaml_event_t *e)
{
	size_t from = to_byte(s, e->start_mark.index);
	struct kc_item *it = add_item(sec, from);
	bool map = e->type == YAML_MAPPING_START_EVENT;
	bool flow = is_flow(e);

	if (sec->style == KC_BLOCK && dash_line(s, from, &it->at.from) < 0) {
		yaml_event_delete(e);
		return -1;
	}
	if (sec->style == KC_BLOCK && sec->n == 1) {
		sec->at.from = it->at.from;
		sec->indent = strspn(s->t + it->at.from, " ");
	}
	if (!map) {
		if (skip_node(s, e, &it->tied) < 0)
			return -1;
	} else {
		if (item_map(s, it, e) < 0)
			return -1;
		if (flow)
			s->last = to_byte(s, e->end_mark.index);
		yaml_event_delete(e);
	}
	it->at.to = sec->style == KC_BLOCK ? line_end(s, s->last) : s->last;
	return 0;
}

static int list_items(struct events *s, struct kc_section *sec, yaml_event_t *e)
{
	bool flow = is_flow(e);

	sec->tied = has_anchor(e);
	sec->style = flow ? KC_FLOW : KC_BLOCK;
	if (flow) /* behind an anchor or tag: the bracket itself */
		sec->at.from = to_byte(s, e->end_mark.index) - 1;
	yaml_event_delete(e);
	for (;;) {
		if (next_event(s, e) < 0)
			return -1;
		if (e->type == YAML_SEQUENCE_END_EVENT)
			break;
		if (one_item(s, sec, e) < 0)
			return -1;
	}
	if (flow)
		s->last = to_byte(s, e->end_mark.index);
	sec->at.to = flow ? s->last : line_end(s, s->last);
	yaml_event_delete(e);
	if (!sec->n && !s->l->flow)
		sec->style = KC_EMPTY;
	return 0;
}

static bool is_null(const yaml_event_t *e)
{
	return e->type == YAML_SCALAR_EVENT && !e->data.scalar.tag &&
	       e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
	       (!e->data.scalar.length || scalar_is(e, "null") || scalar_is(e, "~") ||
		       scalar_is(e, "Null") || scalar_is(e, "NULL"));
}

static int section(struct events *s, enum rk_kc_kind k, size_t key_end, yaml_event_t *e)
{
	struct kc_section *sec = &s->l->sec[k];
	int rc = -1;

	if (sec->style != KC_MISSING) {
		rc = rk_err_set(s->err, RK_CONFLICT, "%s: there are two lists of %s", s->name,
			kc_plural[k]);
		yaml_event_delete(e);
		return rc;
	}
	sec->colon = key_end;
	while (sec->colon < s->n && s->t[sec->colon] != ':')
		sec->colon++;
	sec->colon++;
	if (e->type == YAML_SEQUENCE_START_EVENT)
		return list_items(s, sec, e);
	if (is_null(e)) {
		sec->style = s->l->flow ? KC_FLOW : KC_EMPTY;
		sec->at.from = to_byte(s, e->start_mark.index);
		sec->at.to = to_byte(s, e->end_mark.index);
		sec->tied = has_anchor(e);
		return skip_node(s, e, &sec->tied);
	}
	sec->style = KC_EMPTY;
	sec->tied = e->type == YAML_ALIAS_EVENT;
	if (!sec->tied) {
		yaml_event_delete(e);
		return rk_err_set(s->err, RK_FAIL, "%s: %s is not a list", s->name, kc_plural[k]);
	}
	return skip_node(s, e, &sec->tied);
}

static int current_value(struct events *s, yaml_event_t *e)
{
	struct kc_layout *l = s->l;

	if (l->has_current || e->type != YAML_SCALAR_EVENT || has_anchor(e)) {
		yaml_event_delete(e);
		return rk_err_set(s->err, RK_CONFLICT, "%s: current-context is %s", s->name,
			l->has_current ? "there twice" : "not a plain value");
	}
	l->has_current = true;
	l->current.from = to_byte(s, e->start_mark.index);
	l->current.to = to_byte(s, e->end_mark.index);
	if (e->data.scalar.length)
		l->current_name =
			rk_doc_strndup(l->doc, (char *)e->data.scalar.value, e->data.scalar.length);
	s->last = l->current.to;
	yaml_event_delete(e);
	return 0;
}

static int root_member(struct events *s, yaml_event_t *e)
{
	size_t key_end = to_byte(s, e->end_mark.index), k;
	bool current = scalar_is(e, "current-context"), tied = false;

	for (k = 0; k < RK_KC_NKINDS && !scalar_is(e, kc_plural[k]); k++)
		;
	if (scalar_is(e, "<<"))
		s->l->tied = true;
	if (!s->l->nkeys++)
		s->l->indent = e->start_mark.column;
	if (skip_node(s, e, &tied) < 0 || next_event(s, e) < 0)
		return -1;
	if (k < RK_KC_NKINDS)
		return section(s, (enum rk_kc_kind)k, key_end, e);
	if (current)
		return current_value(s, e);
	return skip_node(s, e, &tied);
}

static int root(struct events *s, yaml_event_t *e)
{
	struct kc_layout *l = s->l;

	if (e->type != YAML_MAPPING_START_EVENT) {
		yaml_event_delete(e);
		return rk_err_set(s->err, RK_FAIL, "%s: not a kubeconfig: no keys in it", s->name);
	}
	l->flow = is_flow(e);
	l->tied = has_anchor(e);
	l->start = to_byte(s, e->end_mark.index);
	s->last = l->start;
	yaml_event_delete(e);
	for (;;) {
		if (next_event(s, e) < 0)
			return -1;
		if (e->type == YAML_MAPPING_END_EVENT)
			break;
		if (root_member(s, e) < 0)
			return -1;
	}
	yaml_event_delete(e);
	l->end = l->flow ? s->last : line_end(s, s->last);
	return 0;
}

/* One document, with nothing behind it. */
static int stream(struct events *s)
{
	yaml_event_t e;

	if (next_event(s, &e) < 0) /* STREAM-START */
		return -1;
	yaml_event_delete(&e);
	if (next_event(s, &e) < 0)
		return -1;
	if (e.type == YAML_STREAM_END_EVENT) {
		s->l->empty = true;
		s->l->end = s->n;
		yaml_event_delete(&e);
		return 0;
	}
	yaml_event_delete(&e);
	if (next_event(s, &e) < 0)
		return -1;
	if (e.type == YAML_SCALAR_EVENT && !e.data.scalar.length && is_null(&e)) {
		s->l->empty = true; /* only `---` and comments */
		s->l->tied = has_anchor(&e);
		s->l->end = s->n;
		yaml_event_delete(&e);
	} else if (root(s, &e) < 0) {
		return -1;
	}
	for (int i = 0; i < 2; i++) { /* DOCUMENT-END, then STREAM-END */
		yaml_event_type_t type;

		if (next_event(s, &e) < 0)
			return -1;
		type = e.type;
		yaml_event_delete(&e);
		if (type == YAML_STREAM_END_EVENT)
			return 0;
	}
	return rk_err_set(s->err, RK_CONFLICT, "%s: it holds more than one document", s->name);
}

int kc_scan_events(
	struct kc_layout *l, const char *text, size_t n, const char *name, struct rk_err *err)
{
	struct events s = {.l = l, .t = text, .n = n, .name = name, .err = err, .ascii = true};
	const char *nl = memchr(text, '\n', n);
	int rc;

	l->doc = rk_doc_new(true);
	if (n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		s.bytes = s.bom = 3;
	for (size_t i = s.bom; i < n && s.ascii; i++)
		s.ascii = !((unsigned char)text[i] & 0x80);
	l->crlf = nl && nl > text && nl[-1] == '\r';
	if (!yaml_parser_initialize(&s.p))
		return rk_err_set(err, RK_FAIL, "%s: out of memory", name);
	yaml_parser_set_input_string(&s.p, (const unsigned char *)text + s.bom, n - s.bom);
	yaml_parser_set_encoding(&s.p, YAML_UTF8_ENCODING);
	rc = stream(&s);
	yaml_parser_delete(&s.p);
	if (rc < 0)
		kc_layout_release(l);
	return rc;
}

int kc_scan(struct kc_layout *l, const char *text, size_t n, const char *name, struct rk_err *err)
{
	if (kc_scan_lines(l, text, n) == 0)
		return 0;
	return kc_scan_events(l, text, n, name, err);
}
