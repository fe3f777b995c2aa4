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

struct anchor {
	char *name;
	struct rk_val *v;
};

struct reader {
	yaml_parser_t p;
	struct rk_doc *d;
	const char *text; /* without byte order mark */
	size_t n;
	size_t bom;	     /* length of the byte order mark before text */
	size_t chars, bytes; /* the cursor: character `chars` begins at byte `bytes` */
	bool ascii, one_line, loose;
	size_t nodes, alias_nodes, alias_bytes;
	struct rk_val *root, *open;
	size_t depth;
	bool flow[RK_DEPTH_MAX + 1]; /* style of the open containers */
	bool have_key;
	const char *key;
	uint32_t klen;
	size_t kstart;
	struct anchor *anchors;
	size_t n_anchors;
	struct rk_err *err;
};

/* --- positions --- */

static bool is_ascii(const char *s, size_t n)
{
	for (; n >= 8; s += 8, n -= 8) {
		uint64_t w;

		memcpy(&w, s, 8);
		if (w & UINT64_C(0x8080808080808080))
			return false;
	}
	for (; n; s++, n--) {
		if (*s & 0x80)
			return false;
	}
	return true;
}

static bool continues(const struct reader *r, size_t byte)
{
	return byte < r->n && (r->text[byte] & 0xc0) == 0x80;
}

/* Byte of a mark, in the text as the caller gave it. */
static size_t byte_at(struct reader *r, const yaml_mark_t *m)
{
	if (r->ascii)
		return r->bom + (m->index < r->n ? m->index : r->n);
	while (r->chars < m->index && r->bytes < r->n) {
		r->bytes++;
		while (continues(r, r->bytes))
			r->bytes++;
		r->chars++;
	}
	while (r->chars > m->index) {
		r->bytes--;
		while (continues(r, r->bytes))
			r->bytes--;
		r->chars--;
	}
	return r->bom + r->bytes;
}

/* libyaml ends a block scalar at the next token: go back to its last line with text. */
static size_t block_scalar_end(const struct reader *r, size_t start, size_t end)
{
	const char *s = r->text - r->bom;
	size_t at = end;

	while (at > start && strchr(" \t\r\n", s[at - 1])) {
		at--;
		if (s[at] == '\n' || s[at] == '\r')
			end = at;
	}
	return end;
}

/* --- errors --- */

#define fail(r, mark, ...) rk_tree_error((r)->d, (mark)->line + 1, (r)->err, __VA_ARGS__)

static size_t line_of_byte(const struct reader *r, size_t byte)
{
	size_t line = 1;

	for (size_t i = 0; i < byte && i < r->n; i++)
		line += r->text[i] == '\n';
	return line;
}

static int syntax_error(struct reader *r)
{
	const yaml_parser_t *p = &r->p;
	size_t at;

	if (p->error == YAML_MEMORY_ERROR)
		return rk_tree_error(r->d, 0, r->err, "out of memory");
	if (p->error == YAML_READER_ERROR)
		return rk_tree_error(
			r->d, line_of_byte(r, p->problem_offset), r->err, "%s", p->problem);
	at = byte_at(r, &p->problem_mark) - r->bom;
	if (at < r->n && r->text[at] == '\t')
		return fail(r, &p->problem_mark, "a tab where only spaces may indent");
	if (p->context)
		return fail(r, &p->problem_mark, "%s, %s", p->problem, p->context);
	return fail(r, &p->problem_mark, "%s", p->problem);
}

/* --- anchors --- */

static int remember(
	struct reader *r, const yaml_event_t *e, const yaml_char_t *name, struct rk_val *v)
{
	struct anchor *a;

	if (!name)
		return 0;
	if (r->n_anchors == ANCHORS_MAX)
		return fail(r, &e->start_mark, "more than %d anchors", ANCHORS_MAX);
	v->shared = true;
	r->anchors = rk_realloc(r->anchors, (r->n_anchors + 1) * sizeof(*a));
	a = &r->anchors[r->n_anchors++];
	a->name = rk_strdup((const char *)name);
	a->v = v;
	return 0;
}

static void forget_anchors(struct reader *r)
{
	for (size_t i = 0; i < r->n_anchors; i++)
		free(r->anchors[i].name);
	r->n_anchors = 0;
}

/* The latest anchor of that name counts. */
static struct rk_val *anchored(const struct reader *r, const char *name)
{
	for (size_t i = r->n_anchors; i > 0; i--) {
		if (rk_streq(r->anchors[i - 1].name, name))
			return r->anchors[i - 1].v;
	}
	return NULL;
}

static bool is_open(const struct reader *r, const struct rk_val *v)
{
	for (const struct rk_val *it = r->open; it; it = it->parent) {
		if (it == v)
			return true;
	}
	return false;
}

/* Copy the value of an alias into `to`; texts are shared. The bounds keep a few lines of
 * aliases to aliases from filling memory, here or where the tree is written out. */
static int expand(struct reader *r, const yaml_event_t *e, const struct rk_val *from,
	struct rk_val *to, size_t depth)
{
	r->alias_bytes += from->len + from->klen;
	if (++r->alias_nodes > ALIAS_NODES_MAX || r->alias_bytes > ALIAS_BYTES_MAX)
		return fail(r, &e->start_mark, "aliases expand to too much");
	if (from->child && depth >= RK_DEPTH_MAX)
		return fail(r, &e->start_mark, "nested deeper than %d", RK_DEPTH_MAX);
	to->kind = from->kind;
	to->quoted = from->quoted;
	to->shared = true;
	to->s = from->s;
	to->len = from->len;
	rk_each (it, from) {
		struct rk_val *c = rk_tree_node(r->d, RK_NULL);

		c->key = it->key;
		c->klen = it->klen;
		c->line = it->line;
		c->start = it->start;
		c->end = it->end;
		c->kstart = it->kstart;
		rk_tree_link(to, c);
		if (expand(r, e, it, c, depth + 1) < 0)
			return -1;
	}
	return 0;
}

/* --- what only the loose reader takes: kubectl's (goyaml.v2 under sigs.k8s.io/yaml) --- */

/* The key `<<` without quotes is known by this pointer until its map is complete. */
static const char merge_key[] = "<<";

/* A copy of the members of `from` at the end of `to`. */
static int add_members(
	struct reader *r, const yaml_event_t *e, const struct rk_val *from, struct rk_val *to)
{
	if (from->kind != RK_MAP)
		return fail(r, &e->start_mark, "the merge key << needs a map or a list of maps");
	rk_each (it, from) {
		struct rk_val *c = rk_tree_node(r->d, RK_NULL);

		c->key = it->key;
		c->klen = it->klen;
		c->line = it->line;
		rk_tree_link(to, c);
		if (expand(r, e, it, c, r->depth) < 0)
			return -1;
	}
	return 0;
}

/* The members of what is merged replace those before them, and are replaced by those behind them.
 * In a list of maps the first one has precedence. */
static int merge_maps(struct reader *r, const yaml_event_t *e, struct rk_val *map)
{
	struct rk_val *it = map->child, *next;

	map->child = map->last = NULL;
	map->count = 0;
	for (; it; it = next) {
		next = it->next;
		it->next = NULL;
		if (it->key != merge_key) {
			rk_tree_link(map, it);
			continue;
		}
		if (it->kind != RK_SEQ && add_members(r, e, it, map) < 0)
			return -1;
		for (size_t i = it->kind == RK_SEQ ? it->count : 0; i > 0; i--)
			if (add_members(r, e, rk_at(it, i - 1), map) < 0)
				return -1;
	}
	return 0;
}

/* Of members with one key the last one counts. */
static void keep_last(struct rk_val *map)
{
	const struct rk_val **v = rk_tree_sorted(map);
	struct rk_val *it = map->child, *next;
	size_t n = map->count;

	for (size_t i = 1; i < n; i++) {
		if (!rk_tree_key_is(v[i - 1], v[i]->key, v[i]->klen))
			continue;
		rk_mut(v[i - 1])->key = NULL;
		rk_mut(v[i])->again = true;
	}
	free(v);
	map->child = map->last = NULL;
	map->count = 0;
	for (; it; it = next) {
		next = it->next;
		it->next = NULL;
		if (it->key)
			rk_tree_link(map, it);
	}
}

static int settle_map(struct reader *r, const yaml_event_t *e, struct rk_val *map)
{
	bool merges = false;
	size_t order = 0;

	rk_each (it, map)
		merges = merges || it->key == merge_key;
	if (merges && merge_maps(r, e, map) < 0)
		return -1;
	map->shared = map->shared || merges;
	rk_each (it, merges ? map : NULL)
		rk_mut(it)->kstart = order++; /* members from elsewhere have no place here */
	if (rk_tree_duplicate(map))
		keep_last(map);
	return 0;
}

static int decode_binary(struct reader *r, const yaml_event_t *e, struct rk_val *v)
{
	rk_auto_buf b = RK_BUF_INIT_SECRET;

	if (rk_base64_decode(&b, (const char *)e->data.scalar.value, e->data.scalar.length, NULL) <
		0)
		return fail(r, &e->start_mark, "!!binary value is not base64");
	v->kind = RK_STR;
	v->s = rk_doc_strndup(r->d, b.s, b.len);
	v->len = b.len;
	return 0;
}

/* JSON's escape \/ between double quotes, which libyaml knows and goyaml.v2 does not. */
static bool has_json_escape(const struct reader *r, const struct rk_val *v)
{
	const char *p = r->text + (v->start - r->bom), *end = r->text + (v->end - r->bom);

	for (; (p = memchr(p, '\\', (size_t)(end - p))) && p + 1 < end; p += 2)
		if (p[1] == '/')
			return true;
	return false;
}

static size_t utf8(char *out, unsigned c)
{
	size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

	for (size_t i = n; i-- > 1; c >>= 6)
		out[i] = (char)(0x80 | (c & 0x3f));
	out[0] = (char)(n == 1 ? c : c | (0xf00u >> n & 0xff));
	return n;
}

/* UTF-16 of either order, known by its mark, as UTF-8 in the doc. */
static int from_utf16(struct reader *r)
{
	const unsigned char *p = (const unsigned char *)r->text;
	size_t high = p[0] == 0xfe ? 0 : 1, n = 0;
	char *out = rk_doc_alloc(r->d, r->n / 2 * 3 + 1);

	for (size_t i = 2; i + 1 < r->n; i += 2) {
		unsigned c = (unsigned)p[i + high] << 8 | p[i + 1 - high];

		if (c >= 0xd800 && c < 0xdc00 && i + 3 < r->n) {
			unsigned low = (unsigned)p[i + 2 + high] << 8 | p[i + 3 - high];

			if (low < 0xdc00 || low > 0xdfff)
				return rk_tree_error(r->d, 0, r->err, "invalid UTF-16");
			c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
			i += 2;
		} else if (c >= 0xd800 && c < 0xe000) {
			return rk_tree_error(r->d, 0, r->err, "invalid UTF-16");
		}
		n += utf8(out + n, c);
	}
	if (r->n % 2)
		return rk_tree_error(r->d, 0, r->err, "UTF-16 that is cut off");
	r->text = out;
	r->n = n;
	return 0;
}

/* --- nodes --- */

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

/* Type and text of a scalar that is plain or tagged as something else than a string. */
static int set_typed(struct reader *r, const yaml_event_t *e, struct rk_val *v)
{
	const char *s = (const char *)e->data.scalar.value;
	size_t n = e->data.scalar.length;
	char num[RK_NUM_MAX + 32];

	switch (rk_yaml_plain(s, n, num)) {
	case RK_PLAIN_NULL:
		set_text(v, RK_NULL, NULL, 0);
		return 0;
	case RK_PLAIN_TRUE:
		set_text(v, RK_BOOL, "true", 4);
		return 0;
	case RK_PLAIN_FALSE:
		set_text(v, RK_BOOL, "false", 5);
		return 0;
	case RK_PLAIN_NUM:
		n = strlen(num);
		set_text(v, RK_NUM, rk_doc_strndup(r->d, num, n), n);
		return 0;
	case RK_PLAIN_STR:
		set_text(v, RK_STR, rk_doc_strndup(r->d, s, n), n);
		return 0;
	case RK_PLAIN_INF:
		break;
	}
	return fail(r, &e->start_mark, "%s is not a JSON number: put a string in quotes", s);
}

/* libyaml drops the tag "!", which makes a plain scalar a string. */
static bool has_bare_tag(const struct reader *r, size_t start)
{
	const char *s = r->text + (start - r->bom);
	const char *end = r->text + r->n;

	if (s < end && *s == '&') {
		while (s < end && !strchr(" \t\r\n", *s))
			s++;
		while (s < end && strchr(" \t\r\n", *s))
			s++;
	}
	return s < end && *s == '!';
}

static bool is_string(
	const struct reader *r, const yaml_event_t *e, const struct rk_val *v, const char *tag)
{
	if (*tag)
		return rk_streq(tag, "str");
	return !e->data.scalar.plain_implicit || has_bare_tag(r, v->start);
}

/* Tags by which kubectl's reader gives a scalar its type; with any other one it is a string. */
static bool is_typed_tag(const char *tag)
{
	return tag && (!*tag || rk_streq(tag, "null") || rk_streq(tag, "bool") ||
			      rk_streq(tag, "int") || rk_streq(tag, "float"));
}

static int set_scalar(struct reader *r, const yaml_event_t *e, struct rk_val *v)
{
	static const char *const kinds[] = {"null", "bool", "int", "str"};
	const char *tag = core_tag(e->data.scalar.tag);
	const char *s = (const char *)e->data.scalar.value;
	size_t n = e->data.scalar.length;

	v->quoted = e->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
	if (r->loose && e->data.scalar.style == YAML_DOUBLE_QUOTED_SCALAR_STYLE &&
		has_json_escape(r, v))
		return fail(r, &e->start_mark, "kubectl does not know the escape \\/");
	if (r->loose && rk_streq(tag, "binary"))
		return decode_binary(r, e, v);
	if (r->loose && !is_typed_tag(tag))
		tag = "str";
	if (!tag)
		return bad_tag(r, e, e->data.scalar.tag);
	if (is_string(r, e, v, tag)) {
		set_text(v, RK_STR, rk_doc_strndup(r->d, s, n), n);
		return 0;
	}
	if (set_typed(r, e, v) < 0)
		return -1;
	if (!*tag || rk_streq(tag, kinds[v->kind]) || (v->kind == RK_NUM && rk_streq(tag, "float")))
		return 0;
	return bad_tag(r, e, e->data.scalar.tag);
}

static size_t scalar_end(struct reader *r, const yaml_event_t *e, const struct rk_val *v)
{
	size_t end = byte_at(r, &e->end_mark);

	if (e->data.scalar.style == YAML_LITERAL_SCALAR_STYLE ||
		e->data.scalar.style == YAML_FOLDED_SCALAR_STYLE)
		return block_scalar_end(r, v->start, end);
	return end;
}

/* --- events --- */

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

/* A key of any type, as the text of it. */
static int on_loose_key(struct reader *r, const yaml_event_t *e)
{
	struct rk_val *v = rk_tree_node(r->d, RK_STR);

	v->start = byte_at(r, &e->start_mark);
	v->end = byte_at(r, &e->end_mark);
	if (set_scalar(r, e, v) < 0 || take_key(r, e, v, v->start) < 0)
		return -1;
	if (!v->quoted && v->len == 2 && memcmp(v->s, "<<", 2) == 0)
		r->key = merge_key;
	return remember(r, e, e->data.scalar.anchor, v);
}

static int on_key(struct reader *r, const yaml_event_t *e)
{
	const char *s = (const char *)e->data.scalar.value;
	const char *tag = core_tag(e->data.scalar.tag);
	bool plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	size_t n = e->data.scalar.length;
	struct rk_val *v;

	if (!tag || (*tag && !rk_streq(tag, "str")))
		return bad_tag(r, e, e->data.scalar.tag);
	if (plain && n == 0)
		return fail(r, &e->start_mark, "a key is empty");
	if (plain && n == 2 && memcmp(s, "<<", 2) == 0)
		return fail(r, &e->start_mark, "merge keys (<<) are not supported");
	r->key = rk_doc_strndup(r->d, s, n);
	r->klen = (uint32_t)n;
	r->kstart = byte_at(r, &e->start_mark);
	r->have_key = true;
	if (!e->data.scalar.anchor)
		return 0;
	v = rk_tree_node(r->d, RK_STR);
	set_text(v, RK_STR, r->key, n);
	return remember(r, e, e->data.scalar.anchor, v);
}

static int on_scalar(struct reader *r, const yaml_event_t *e)
{
	struct rk_val *v;

	if (memchr(e->data.scalar.value, 0, e->data.scalar.length))
		return fail(r, &e->start_mark, "a string holds NUL");
	if (wants_key(r))
		return r->loose ? on_loose_key(r, e) : on_key(r, e);
	v = new_value(r, e);
	v->end = scalar_end(r, e, v);
	if (set_scalar(r, e, v) < 0)
		return -1;
	return remember(r, e, e->data.scalar.anchor, v);
}

static int on_alias(struct reader *r, const yaml_event_t *e)
{
	const char *name = (const char *)e->data.alias.anchor;
	const struct rk_val *from = anchored(r, name);
	struct rk_val *v;

	if (wants_key(r) && !r->loose)
		return fail(r, &e->start_mark, "an alias as a key is not supported");
	if (!from)
		return fail(r, &e->start_mark, "alias *%s has no anchor", name);
	if (is_open(r, from))
		return fail(
			r, &e->start_mark, "alias *%s refers to a value that contains it", name);
	if (wants_key(r))
		return take_key(r, e, from, byte_at(r, &e->start_mark));
	v = new_value(r, e);
	v->end = byte_at(r, &e->end_mark);
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
	if (!r->loose && (!core || (*core && !rk_streq(core, map ? "map" : "seq"))))
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
	if (v->kind == RK_MAP && r->loose && settle_map(r, e, v) < 0)
		return -1;
	if (v->kind == RK_MAP && !r->loose)
		dup = rk_tree_duplicate(v);
	if (dup)
		return rk_tree_error(r->d, dup->line, r->err, "duplicate key \"%s\"", dup->key);
	r->open = v->parent;
	r->depth--;
	return 0;
}

/* A key is part of its value. */
static bool is_value(const struct reader *r, const yaml_event_t *e)
{
	return (e->type == YAML_SCALAR_EVENT && !wants_key(r)) ||
	       e->type == YAML_SEQUENCE_START_EVENT || e->type == YAML_MAPPING_START_EVENT;
}

static int on_event(struct reader *r, const yaml_event_t *e)
{
	if (is_value(r, e) && ++r->nodes > rk_tree_values_max(r->n))
		return rk_tree_too_many(r->d, e->start_mark.line + 1, r->err);
	switch (e->type) {
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

/* --- documents --- */

struct docs {
	struct rk_val *list;
	bool only_one;
};

static int end_document(struct reader *r, const struct docs *docs)
{
	struct rk_val *v = r->root;
	bool empty = v->kind == RK_NULL && v->start == v->end;

	forget_anchors(r);
	if (empty)
		return 0;
	if (docs->only_one && docs->list->count)
		return rk_tree_error(
			r->d, v->line, r->err, "a second document where one is expected");
	rk_tree_link(docs->list, v);
	return 0;
}

static void drop_event(const struct reader *r, yaml_event_t *e)
{
	if (e->type == YAML_SCALAR_EVENT && rk_doc_is_secret(r->d))
		rk_wipe(e->data.scalar.value, e->data.scalar.length);
	yaml_event_delete(e);
}

/* 1: more to come, 0: the end, -1: error. */
static int step(struct reader *r, const struct docs *docs)
{
	yaml_event_t e;
	int rc;

	if (!yaml_parser_parse(&r->p, &e))
		return syntax_error(r);
	switch (e.type) {
	case YAML_STREAM_END_EVENT:
		rc = -2;
		break;
	case YAML_DOCUMENT_START_EVENT:
		r->root = NULL;
		rc = 0;
		break;
	case YAML_DOCUMENT_END_EVENT:
		rc = end_document(r, docs);
		if (rc == 0 && r->loose)
			rc = -2;
		break;
	default:
		rc = on_event(r, &e);
		break;
	}
	drop_event(r, &e);
	return rc == -2 ? 0 : rc < 0 ? -1 : 1;
}

/* libyaml's own copies of the text are wiped as far as they can be reached; the scalars it grew
 * with realloc() are not, short of replacing malloc. */
static void close_reader(struct reader *r)
{
	yaml_parser_t *p = &r->p;

	if (rk_doc_is_secret(r->d)) {
		rk_wipe(p->raw_buffer.start, (size_t)(p->raw_buffer.end - p->raw_buffer.start));
		rk_wipe(p->buffer.start, (size_t)(p->buffer.end - p->buffer.start));
	}
	yaml_parser_delete(p);
	forget_anchors(r);
	free(r->anchors);
}

static int read_all(struct reader *r, const struct docs *docs)
{
	int rc;

	if (r->n > RK_BUF_MAX)
		return rk_tree_error(r->d, 0, r->err, "YAML of more than 256 MiB");
	if (!yaml_parser_initialize(&r->p))
		return rk_tree_error(r->d, 0, r->err, "out of memory");
	yaml_parser_set_encoding(&r->p, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&r->p, (const unsigned char *)r->text, r->n);
	do {
		rc = step(r, docs);
	} while (rc > 0);
	close_reader(r);
	return rc;
}

static int parse(struct rk_doc *d, const char *text, size_t n, bool loose, struct docs *docs,
	struct rk_err *err)
{
	struct reader r = {.d = d, .text = n ? text : "", .n = n, .loose = loose, .err = err};
	const char *nl = memchr(r.text, '\n', n);

	if (loose && rk_yaml_is_utf16(text, n)) {
		if (from_utf16(&r) < 0)
			return -1;
	} else if (n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
		r.bom = 3;
		r.text += 3;
		r.n -= 3;
	}
	r.ascii = is_ascii(r.text, r.n);
	r.one_line = !nl || nl == r.text + r.n - 1;
	docs->list = rk_tree_root(d, RK_SEQ, r.one_line);
	docs->list->line = 1;
	return read_all(&r, docs);
}

int rk_yaml_parse(
	struct rk_doc *d, const char *text, size_t n, struct rk_val **out, struct rk_err *err)
{
	struct docs docs = {.only_one = true};

	*out = NULL;
	if (parse(d, text, n, false, &docs, err) < 0)
		return -1;
	*out = docs.list->child;
	if (*out)
		rk_remove(*out);
	return 0;
}

int rk_yaml_parse_loose(
	struct rk_doc *d, const char *text, size_t n, struct rk_val **out, struct rk_err *err)
{
	struct docs docs = {.only_one = true};

	*out = NULL;
	if (parse(d, text, n, true, &docs, err) < 0)
		return -1;
	*out = docs.list->child;
	if (*out)
		rk_remove(*out);
	return 0;
}

bool rk_yaml_is_utf16(const char *text, size_t n)
{
	return n >= 2 && (memcmp(text, "\xff\xfe", 2) == 0 || memcmp(text, "\xfe\xff", 2) == 0);
}

int rk_yaml_parse_all(
	struct rk_doc *d, const char *text, size_t n, struct rk_val **out, struct rk_err *err)
{
	struct docs docs = {0};

	*out = NULL;
	if (parse(d, text, n, false, &docs, err) < 0)
		return -1;
	*out = docs.list;
	return 0;
}
