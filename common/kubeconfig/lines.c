// SPDX-License-Identifier: Apache-2.0
/* The line scanner.
 *
 * Accepts: block maps with plain keys, block sequences, one-line scalars, [] and {}, comments,
 * one leading `---`, printable ASCII. A stack of open collections with their columns makes it
 * exact: a line must fit an open level or open one where a value is awaited. */
#include "internal.h"

#define DEPTH_MAX 64
#define KEY_MAX	  1000 /* libyaml takes 1024 bytes */

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
	bool current_open;	   /* so was current-context */
	size_t bol, eol, next;	   /* this line: start, end without \r\n, start of the next */
	size_t keys[RK_KC_NKINDS], current;
};

/* Whether a stretch is printable ASCII. Without a branch and with a fixed number of bytes in turn, so
 * that the compiler takes many at once. */
static bool printable(const char *p, size_t n)
{
	unsigned char bad = 0;

	for (; n >= 64; p += 64, n -= 64)
		for (size_t i = 0; i < 64; i++)
			bad |= (unsigned char)(p[i] - ' ') > '~' - ' ';
	for (; n; p++, n--)
		bad |= (unsigned char)(*p - ' ') > '~' - ' ';
	return !bad;
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
 * backslashes: escapes are left to the real parser. */
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
	s->current_open = false;
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
	s->current_open = from == to;
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
	s->item->name = rk_doc_strndup(s->l->doc, s->t + from, to - from);
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
	if (s->depth == 2 && (s->opened || s->current_open))
		return false; /* a map where a list belongs, or a string */
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
	if (s->current_open)
		return false;
	if (s->opened) {
		s->sec = s->opened;
		s->opened = NULL;
		s->sec->style = KC_BLOCK;
		s->sec->indent = col;
		s->sec->at.from = s->bol;
	}
	if (s->sec)
		s->item = kc_add_item(s->sec, s->bol);
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
	l->plain = true;
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
