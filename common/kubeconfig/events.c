// SPDX-License-Identifier: Apache-2.0
/* The scanner for all that YAML allows: libyaml's events. */
#include "internal.h"

#include <yaml.h>

struct events {
	struct kc_layout *l;
	const char *t, *name;
	size_t n, bom;
	bool ascii;
	size_t chars, bytes; /* where to_byte stands */
	yaml_parser_t p;
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
			it->tied = it->tied || it->name; /* of two, the last one counts */
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
	struct kc_item *it = kc_add_item(sec, from);
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
