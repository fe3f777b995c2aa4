// SPDX-License-Identifier: Apache-2.0
/* libyaml's events become a tree, with guards at every step. One pass; positions that libyaml
 * counts in characters are turned into bytes by a cursor that moves along with the events. */
#include "data/data.h"
#include "internal.h"

#include <yaml.h>

enum {
	ANCHORS_MAX = 1000,
	ALIAS_NODES_MAX = 100000,   /* nodes that aliases may add to a document */
	ALIAS_BYTES_MAX = 16 << 20, /* and bytes of text in them, when written out */
};

/* LOOSE: as kubectl reads a kubeconfig (goyaml.v2 under sigs.k8s.io/yaml). */
enum mode { ONE, ALL, LOOSE };

struct reader {
	yaml_parser_t p;
	struct rk_doc *d;
	const char *text; /* without byte order mark */
	size_t n;
	size_t bom;	     /* length of the byte order mark before text */
	size_t chars, bytes; /* the cursor: character `chars` begins at byte `bytes` */
	enum mode mode;
	bool ascii, one_line;
	size_t nodes, alias_nodes, alias_bytes;
	struct rk_val *docs, *root, *open;
	size_t depth;
	bool flow[RK_DEPTH_MAX + 1]; /* style of the open containers */
	bool have_key;
	const char *key;
	uint32_t klen;
	size_t kstart;
	struct {
		char *name;
		struct rk_val *v;
	} * anchors;
	size_t n_anchors;
	struct rk_err *err;
};

#define fail(r, mark, ...) rk_tree_error((r)->d, (mark)->line + 1, (r)->err, __VA_ARGS__)

/* The key `<<` without quotes is known by this pointer until its map is complete. */
static const char merge_key[] = "<<";

/* --- positions --- */

static bool continues(const struct reader *r, size_t byte)
{
	return byte < r->n && (r->text[byte] & 0xc0) == 0x80;
}

/* Byte of a mark, in the text as the caller gave it. */
static size_t byte_at(struct reader *r, const yaml_mark_t *m)
{
	if (r->ascii)
		return r->bom + (m->index < r->n ? m->index : r->n);
	for (; r->chars < m->index && r->bytes < r->n; r->chars++)
		for (r->bytes++; continues(r, r->bytes); r->bytes++)
			;
	for (; r->chars > m->index; r->chars--)
		for (r->bytes--; continues(r, r->bytes); r->bytes--)
			;
	return r->bom + r->bytes;
}

static size_t scalar_end(struct reader *r, const yaml_event_t *e, size_t start)
{
	size_t end = byte_at(r, &e->end_mark);
	const char *s = r->text - r->bom;

	/* libyaml ends a block scalar at the next token: go back to its last line with text */
	if (e->data.scalar.style == YAML_LITERAL_SCALAR_STYLE ||
		e->data.scalar.style == YAML_FOLDED_SCALAR_STYLE)
		for (size_t at = end; at > start && strchr(" \t\r\n", s[at - 1]); at--)
			if (s[at - 1] == '\n' || s[at - 1] == '\r')
				end = at - 1;
	return end;
}

static int syntax_error(struct reader *r)
{
	const yaml_parser_t *p = &r->p;
	size_t line = 1, at;

	if (p->error == YAML_MEMORY_ERROR)
		return rk_tree_error(r->d, 0, r->err, "out of memory");
	if (p->error == YAML_READER_ERROR) {
		for (size_t i = 0; i < p->problem_offset && i < r->n; i++)
			line += r->text[i] == '\n';
		return rk_tree_error(r->d, line, r->err, "%s", p->problem);
	}
	at = byte_at(r, &p->problem_mark) - r->bom;
	if (at < r->n && r->text[at] == '\t')
		return fail(r, &p->problem_mark, "a tab where only spaces may indent");
	return fail(r, &p->problem_mark, "%s%s%s", p->problem, p->context ? ", " : "",
		p->context ? p->context : "");
}

/* --- anchors and aliases --- */

static int remember(
	struct reader *r, const yaml_event_t *e, const yaml_char_t *name, struct rk_val *v)
{
	if (!name)
		return 0;
	if (r->n_anchors == ANCHORS_MAX)
		return fail(r, &e->start_mark, "more than %d anchors", ANCHORS_MAX);
	v->shared = true;
	r->anchors = rk_realloc(r->anchors, (r->n_anchors + 1) * sizeof(*r->anchors));
	r->anchors[r->n_anchors].name = rk_strdup((const char *)name);
	r->anchors[r->n_anchors++].v = v;
	return 0;
}

static void forget_anchors(struct reader *r)
{
	for (size_t i = 0; i < r->n_anchors; i++)
		free(r->anchors[i].name);
	r->n_anchors = 0;
}

/* Copy what is in `from` to the end of `to`; texts are shared. The bounds keep a few lines of aliases to
 * aliases from filling memory, here or where the tree is written out. */
static int expand(struct reader *r, const yaml_event_t *e, const struct rk_val *from,
	struct rk_val *to, size_t depth)
{
	r->alias_bytes += from->len + from->klen;
	if (++r->alias_nodes > ALIAS_NODES_MAX || r->alias_bytes > ALIAS_BYTES_MAX)
		return fail(r, &e->start_mark, "aliases expand to too much");
	if (from->child && depth >= RK_DEPTH_MAX)
		return fail(r, &e->start_mark, "nested deeper than %d", RK_DEPTH_MAX);
	rk_each (it, from) {
		struct rk_val *c = rk_tree_node(r->d, it->kind);

		*c = *it;
		c->shared = true;
		c->again = false;
		c->child = c->last = c->next = NULL;
		c->count = 0;
		rk_tree_link(to, c);
		if (expand(r, e, it, c, depth + 1) < 0)
			return -1;
	}
	return 0;
}

static int merge(
	struct reader *r, const yaml_event_t *e, const struct rk_val *from, struct rk_val *to)
{
	struct rk_val *last = to->last;

	if (from->kind != RK_MAP)
		return fail(r, &e->start_mark, "the merge key << needs a map or a list of maps");
	if (expand(r, e, from, to, r->depth) < 0)
		return -1;
	for (struct rk_val *it = last ? last->next : to->child; it; it = it->next)
		it->start = it->end = 0; /* members from elsewhere have no place here */
	return 0;
}

/* Take all members out of a map. Returns the first; they stay linked to each other. */
static struct rk_val *take_members(struct rk_val *map)
{
	struct rk_val *first = map->child;

	map->child = map->last = NULL;
	map->count = 0;
	return first;
}

/* A map of the loose reader is complete. The members of what is merged replace those before them, and are
 * replaced by those behind them; in a list of maps the first one has precedence. Then, of members with
 * one key, the last one counts. */
static int settle_map(struct reader *r, const yaml_event_t *e, struct rk_val *map)
{
	rk_auto_free const struct rk_val **sorted = NULL;
	struct rk_val *it, *next;
	bool merges = false;
	size_t order = 0, n;

	rk_each (m, map)
		merges = merges || m->key == merge_key;
	for (it = merges ? take_members(map) : NULL; it; it = next) {
		next = it->next;
		it->next = NULL;
		if (it->key != merge_key)
			rk_tree_link(map, it);
		else if (it->kind != RK_SEQ && merge(r, e, it, map) < 0)
			return -1;
		for (size_t i = it->key == merge_key && it->kind == RK_SEQ ? it->count : 0; i; i--)
			if (merge(r, e, rk_at(it, i - 1), map) < 0)
				return -1;
	}
	map->shared = map->shared || merges;
	rk_each (m, merges ? map : NULL)
		rk_mut(m)->kstart = order++;

	if (!rk_tree_duplicate(map))
		return 0;
	n = map->count;
	sorted = rk_tree_sorted(map);
	for (size_t i = 1; i < n; i++) {
		if (!rk_tree_key_is(sorted[i - 1], sorted[i]->key, sorted[i]->klen))
			continue;
		rk_mut(sorted[i - 1])->key = NULL;
		rk_mut(sorted[i])->again = true;
	}
	for (it = take_members(map); it; it = next) {
		next = it->next;
		it->next = NULL;
		if (it->key)
			rk_tree_link(map, it);
	}
	return 0;
}

/* --- scalars --- */

/* Name of a core tag ("str" of !!str), "" for none and for "!", NULL for any other. */
static const char *core_tag(const yaml_char_t *tag)
{
	static const char prefix[] = "tag:yaml.org,2002:";
	const char *t = (const char *)tag;

	if (!t || rk_streq(t, "!"))
		return "";
	return rk_prefix(t, prefix) ? t + sizeof(prefix) - 1 : NULL;
}

static int bad_tag(struct reader *r, const yaml_event_t *e, const yaml_char_t *tag)
{
	return fail(r, &e->start_mark, "tag %s is not supported here", (const char *)tag);
}

static void set_text(struct rk_val *v, enum rk_kind kind, const char *s, size_t n)
{
	v->kind = (uint8_t)kind;
	v->s = s;
	v->len = n;
}

/* libyaml drops the tag "!", which makes a plain scalar a string; it may be behind an anchor. */
static bool has_bare_tag(const struct reader *r, size_t start)
{
	const char *s = r->text + (start - r->bom), *end = r->text + r->n;

	if (s < end && *s == '&') {
		while (s < end && !strchr(" \t\r\n", *s))
			s++;
		while (s < end && strchr(" \t\r\n", *s))
			s++;
	}
	return s < end && *s == '!';
}

/* What is accepted only in the loose mode, and what goyaml.v2 refuses. 1: the scalar is set. */
static int set_loose(struct reader *r, const yaml_event_t *e, struct rk_val *v, const char **tag)
{
	static const char *const typed[] = {"", "null", "bool", "int", "float", NULL};
	const char *p = r->text + (v->start - r->bom), *end = r->text + (v->end - r->bom);
	rk_auto_buf b = RK_BUF_INIT_SECRET;
	bool known = false;

	/* JSON's escape \/ between double quotes, which libyaml knows and goyaml.v2 does not */
	if (e->data.scalar.style == YAML_DOUBLE_QUOTED_SCALAR_STYLE)
		for (; (p = memchr(p, '\\', (size_t)(end - p))) && p + 1 < end; p += 2)
			if (p[1] == '/')
				return fail(
					r, &e->start_mark, "kubectl does not know the escape \\/");
	if (rk_streq(*tag, "binary")) {
		if (rk_base64_decode(&b, (const char *)e->data.scalar.value, e->data.scalar.length,
			    NULL) < 0)
			return fail(r, &e->start_mark, "!!binary value is not base64");
		set_text(v, RK_STR, rk_doc_strndup(r->d, b.s, b.len), b.len);
		return 1;
	}
	for (size_t i = 0; typed[i]; i++)
		known = known || rk_streq(*tag, typed[i]);
	if (!known)
		*tag = "str";
	return 0;
}

/* Type and text of a scalar, whose bytes are known. */
static int set_scalar(struct reader *r, const yaml_event_t *e, struct rk_val *v)
{
	static const char *const kinds[] = {"null", "bool", "int", "str"};
	const char *tag = core_tag(e->data.scalar.tag);
	const char *s = (const char *)e->data.scalar.value;
	size_t n = e->data.scalar.length;
	char num[RK_NUM_MAX + 32];
	int rc;

	v->quoted = e->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
	if (r->mode == LOOSE && (rc = set_loose(r, e, v, &tag)) != 0)
		return rc < 0 ? -1 : 0;
	if (!tag)
		return bad_tag(r, e, e->data.scalar.tag);
	if (*tag ? rk_streq(tag, "str")
		 : !e->data.scalar.plain_implicit || has_bare_tag(r, v->start)) {
		set_text(v, RK_STR, rk_doc_strndup(r->d, s, n), n);
		return 0;
	}
	switch (rk_yaml_plain(s, n, num)) {
	case RK_PLAIN_NULL:
		set_text(v, RK_NULL, NULL, 0);
		break;
	case RK_PLAIN_TRUE:
		set_text(v, RK_BOOL, "true", 4);
		break;
	case RK_PLAIN_FALSE:
		set_text(v, RK_BOOL, "false", 5);
		break;
	case RK_PLAIN_NUM:
		set_text(v, RK_NUM, rk_doc_strndup(r->d, num, strlen(num)), strlen(num));
		break;
	case RK_PLAIN_STR:
		set_text(v, RK_STR, rk_doc_strndup(r->d, s, n), n);
		break;
	case RK_PLAIN_INF:
		return fail(
			r, &e->start_mark, "%s is not a JSON number: put a string in quotes", s);
	}
	if (!*tag || rk_streq(tag, kinds[v->kind]) || (v->kind == RK_NUM && rk_streq(tag, "float")))
		return 0;
	return bad_tag(r, e, e->data.scalar.tag);
}

/* --- events --- */

static bool wants_key(const struct reader *r)
{
	return r->open && r->open->kind == RK_MAP && !r->have_key;
}

static struct rk_val *new_value(struct reader *r, const yaml_event_t *e)
{
	struct rk_val *v =
		r->open ? rk_tree_node(r->d, RK_NULL) : rk_tree_root(r->d, RK_NULL, r->one_line);

	v->line = (uint32_t)e->start_mark.line + 1;
	v->start = byte_at(r, &e->start_mark);
	if (!r->open) {
		r->root = v;
		return v;
	}
	if (r->open->kind == RK_MAP) {
		v->key = r->key;
		v->klen = r->klen;
		v->kstart = r->kstart;
		r->have_key = false;
	}
	rk_tree_link(r->open, v);
	return v;
}

static int take_key(struct reader *r, const yaml_event_t *e, const struct rk_val *v, size_t at)
{
	if (v->kind == RK_SEQ || v->kind == RK_MAP)
		return fail(r, &e->start_mark, "a key that is a list or a map is not supported");
	if (v->kind == RK_NULL)
		return fail(r, &e->start_mark, "a key is empty");
	r->key = v->s;
	r->klen = (uint32_t)v->len;
	r->kstart = at;
	r->have_key = true;
	return 0;
}

/* The loose reader takes a key of any type, as the text of it. */
static int on_key(struct reader *r, const yaml_event_t *e)
{
	const char *s = (const char *)e->data.scalar.value;
	const char *tag = core_tag(e->data.scalar.tag);
	bool plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	size_t n = e->data.scalar.length;
	bool merges = plain && n == 2 && memcmp(s, "<<", 2) == 0;
	struct rk_val key = {0}, *v = e->data.scalar.anchor ? rk_tree_node(r->d, RK_STR) : &key;

	v->start = byte_at(r, &e->start_mark);
	v->end = byte_at(r, &e->end_mark);
	if (r->mode == LOOSE) {
		if (set_scalar(r, e, v) < 0)
			return -1;
	} else if (!tag || (*tag && !rk_streq(tag, "str"))) {
		return bad_tag(r, e, e->data.scalar.tag);
	} else if (plain && n == 0) {
		return fail(r, &e->start_mark, "a key is empty");
	} else if (merges) {
		return fail(r, &e->start_mark, "merge keys (<<) are not supported");
	} else {
		set_text(v, RK_STR, rk_doc_strndup(r->d, s, n), n);
	}
	if (take_key(r, e, v, v->start) < 0)
		return -1;
	if (merges)
		r->key = merge_key;
	return remember(r, e, e->data.scalar.anchor, v);
}

static int on_scalar(struct reader *r, const yaml_event_t *e)
{
	struct rk_val *v;

	if (memchr(e->data.scalar.value, 0, e->data.scalar.length))
		return fail(r, &e->start_mark, "a string holds NUL");
	if (wants_key(r))
		return on_key(r, e);
	v = new_value(r, e);
	v->end = scalar_end(r, e, v->start);
	return set_scalar(r, e, v) < 0 ? -1 : remember(r, e, e->data.scalar.anchor, v);
}

static int on_alias(struct reader *r, const yaml_event_t *e)
{
	const char *name = (const char *)e->data.alias.anchor;
	const struct rk_val *from = NULL;
	struct rk_val *v;

	if (wants_key(r) && r->mode != LOOSE)
		return fail(r, &e->start_mark, "an alias as a key is not supported");
	for (size_t i = r->n_anchors; i > 0 && !from; i--) /* the latest one of that name counts */
		if (rk_streq(r->anchors[i - 1].name, name))
			from = r->anchors[i - 1].v;
	if (!from)
		return fail(r, &e->start_mark, "alias *%s has no anchor", name);
	for (const struct rk_val *it = r->open; it; it = it->parent)
		if (it == from)
			return fail(r, &e->start_mark,
				"alias *%s refers to a value that contains it", name);
	if (wants_key(r))
		return take_key(r, e, from, byte_at(r, &e->start_mark));
	v = new_value(r, e);
	v->end = byte_at(r, &e->end_mark);
	set_text(v, from->kind, from->s, from->len);
	v->quoted = from->quoted;
	v->shared = true;
	return expand(r, e, from, v, r->depth);
}

static int on_open(struct reader *r, const yaml_event_t *e, enum rk_kind kind)
{
	bool map = kind == RK_MAP;
	const yaml_char_t *tag = map ? e->data.mapping_start.tag : e->data.sequence_start.tag;
	const char *core = core_tag(tag);
	struct rk_val *v;

	if (wants_key(r))
		return fail(r, &e->start_mark, "a key that is a list or a map is not supported");
	if (r->mode != LOOSE && (!core || (*core && !rk_streq(core, map ? "map" : "seq"))))
		return bad_tag(r, e, tag);
	if (++r->depth > RK_DEPTH_MAX)
		return fail(r, &e->start_mark, "nested deeper than %d", RK_DEPTH_MAX);
	v = new_value(r, e);
	v->kind = (uint8_t)kind;
	r->open = v;
	r->flow[r->depth] = map ? e->data.mapping_start.style == YAML_FLOW_MAPPING_STYLE
				: e->data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE;
	return remember(
		r, e, map ? e->data.mapping_start.anchor : e->data.sequence_start.anchor, v);
}

static int on_close(struct reader *r, const yaml_event_t *e)
{
	struct rk_val *v = r->open;
	const struct rk_val *dup = NULL;

	/* A block ends where its last value does, not after the blanks and comments behind it. */
	v->end = r->flow[r->depth] || !v->last ? byte_at(r, &e->end_mark) : v->last->end;
	if (v->kind == RK_MAP && r->mode == LOOSE && settle_map(r, e, v) < 0)
		return -1;
	if (v->kind == RK_MAP && r->mode != LOOSE)
		dup = rk_tree_duplicate(v);
	if (dup)
		return rk_tree_error(r->d, dup->line, r->err, "duplicate key \"%s\"", dup->key);
	r->open = v->parent;
	r->depth--;
	return 0;
}

static int on_document_end(struct reader *r)
{
	struct rk_val *v = r->root;

	forget_anchors(r);
	if (v->kind == RK_NULL && v->start == v->end)
		return 0;
	if (r->mode != ALL && r->docs->count)
		return rk_tree_error(
			r->d, v->line, r->err, "a second document where one is expected");
	rk_tree_link(r->docs, v);
	return 0;
}

static int on_event(struct reader *r, const yaml_event_t *e)
{
	bool value = (e->type == YAML_SCALAR_EVENT && !wants_key(r)) ||
		     e->type == YAML_SEQUENCE_START_EVENT || e->type == YAML_MAPPING_START_EVENT;

	if (value && ++r->nodes > rk_tree_values_max(r->n))
		return rk_tree_too_many(r->d, e->start_mark.line + 1, r->err);
	switch (e->type) {
	case YAML_DOCUMENT_START_EVENT:
		r->root = NULL;
		return 0;
	case YAML_DOCUMENT_END_EVENT:
		return on_document_end(r);
	case YAML_SCALAR_EVENT:
		return on_scalar(r, e);
	case YAML_ALIAS_EVENT:
		return on_alias(r, e);
	case YAML_SEQUENCE_START_EVENT:
		return on_open(r, e, RK_SEQ);
	case YAML_MAPPING_START_EVENT:
		return on_open(r, e, RK_MAP);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		return on_close(r, e);
	default:
		return 0;
	}
}

/* --- the text --- */

static int read_all(struct reader *r)
{
	yaml_parser_t *p = &r->p;
	bool end = false;
	yaml_event_t e;
	int rc = 0;

	if (r->n > RK_BUF_MAX)
		return rk_tree_error(r->d, 0, r->err, "YAML of more than 256 MiB");
	if (!yaml_parser_initialize(p))
		return rk_tree_error(r->d, 0, r->err, "out of memory");
	yaml_parser_set_encoding(p, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(p, (const unsigned char *)r->text, r->n);
	while (rc == 0 && !end) {
		if (!yaml_parser_parse(p, &e)) {
			rc = syntax_error(r);
			break;
		}
		rc = on_event(r, &e);
		end = e.type == YAML_STREAM_END_EVENT ||
		      (e.type == YAML_DOCUMENT_END_EVENT && r->mode == LOOSE);
		if (e.type == YAML_SCALAR_EVENT && rk_doc_is_secret(r->d))
			rk_wipe(e.data.scalar.value, e.data.scalar.length);
		yaml_event_delete(&e);
	}
	/* libyaml's own copies of the text are wiped as far as they can be reached; the scalars it
	 * grew with realloc() are not, short of replacing malloc */
	if (rk_doc_is_secret(r->d)) {
		rk_wipe(p->raw_buffer.start, (size_t)(p->raw_buffer.end - p->raw_buffer.start));
		rk_wipe(p->buffer.start, (size_t)(p->buffer.end - p->buffer.start));
	}
	yaml_parser_delete(p);
	forget_anchors(r);
	free(r->anchors);
	return rc;
}

/* UTF-16 of either order, known by its mark, as UTF-8 in the doc. */
static int from_utf16(struct reader *r)
{
	const unsigned char *p = (const unsigned char *)r->text;
	size_t high = p[0] == 0xfe ? 0 : 1, n = 0;
	char *out = rk_doc_alloc(r->d, r->n / 2 * 3 + 1);

	for (size_t i = 2; i + 1 < r->n; i += 2) {
		uint32_t c = (uint32_t)p[i + high] << 8 | p[i + 1 - high], low = 0;

		if (c >= 0xd800 && c < 0xe000) {
			if (c < 0xdc00 && i + 3 < r->n)
				low = (uint32_t)p[i + 2 + high] << 8 | p[i + 3 - high];
			if (low < 0xdc00 || low > 0xdfff)
				return rk_tree_error(r->d, 0, r->err, "invalid UTF-16");
			c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
			i += 2;
		}
		n += rk_utf8_put(out + n, c);
	}
	if (r->n % 2)
		return rk_tree_error(r->d, 0, r->err, "UTF-16 that is cut off");
	r->text = out;
	r->n = n;
	return 0;
}

static int parse(struct rk_doc *d, const char *text, size_t n, enum mode mode, struct rk_val **out,
	struct rk_err *err)
{
	struct reader r = {.d = d, .text = n ? text : "", .n = n, .mode = mode, .err = err};
	const char *nl = memchr(r.text, '\n', n);
	unsigned char all = 0;

	*out = NULL;
	if (mode == LOOSE && rk_yaml_is_utf16(text, n)) {
		if (from_utf16(&r) < 0)
			return -1;
	} else if (n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
		r.bom = 3;
		r.text += 3;
		r.n -= 3;
	}
	for (size_t i = 0; i < r.n; i++)
		all |= (unsigned char)r.text[i];
	r.ascii = all < 0x80;
	r.one_line = !nl || nl == r.text + r.n - 1;
	r.docs = rk_tree_root(d, RK_SEQ, r.one_line);
	r.docs->line = 1;
	if (read_all(&r) < 0)
		return -1;
	*out = mode == ALL ? r.docs : r.docs->child;
	if (mode != ALL && *out)
		rk_remove(*out);
	return 0;
}

int rk_yaml_parse(
	struct rk_doc *d, const char *text, size_t n, struct rk_val **out, struct rk_err *err)
{
	return parse(d, text, n, ONE, out, err);
}

int rk_yaml_parse_all(
	struct rk_doc *d, const char *text, size_t n, struct rk_val **out, struct rk_err *err)
{
	return parse(d, text, n, ALL, out, err);
}

int rk_yaml_parse_loose(
	struct rk_doc *d, const char *text, size_t n, struct rk_val **out, struct rk_err *err)
{
	return parse(d, text, n, LOOSE, out, err);
}

bool rk_yaml_is_utf16(const char *text, size_t n)
{
	return n >= 2 && (memcmp(text, "\xff\xfe", 2) == 0 || memcmp(text, "\xfe\xff", 2) == 0);
}
