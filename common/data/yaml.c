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
	struct anchor *before;
	const char *name;
	struct rk_val *v;
};

struct reader {
	yaml_parser_t p;
	yaml_event_t e; /* the one that is read */
	struct rk_doc *d;
	const char *text; /* without byte order mark */
	size_t n;
	size_t bom;	     /* length of the byte order mark before text */
	size_t chars, bytes; /* the cursor: character `chars` begins at byte `bytes` */
	enum rk_yaml_mode mode;
	bool ascii, one_line;
	size_t nodes, alias_nodes, alias_bytes;
	struct rk_val *docs, *root, *open;
	size_t depth;
	bool flow[RK_DEPTH_MAX + 1]; /* style of the open containers */
	const char *key;	     /* that has no value yet, or NULL */
	uint32_t klen;
	size_t kstart;
	struct anchor *anchors;
	size_t n_anchors;
	struct rk_err *err;
};

#define fail(r, ...) rk_tree_error((r)->d, (r)->e.start_mark.line + 1, (r)->err, __VA_ARGS__)

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

static int syntax_error(struct reader *r)
{
	const yaml_parser_t *p = &r->p;
	size_t line = p->problem_mark.line + 1, at;

	if (p->error == YAML_MEMORY_ERROR)
		return rk_tree_error(r->d, 0, r->err, "out of memory");
	if (p->error == YAML_READER_ERROR) {
		line = 1;
		for (size_t i = 0; i < p->problem_offset && i < r->n; i++)
			line += r->text[i] == '\n';
		return rk_tree_error(r->d, line, r->err, "%s", p->problem);
	}
	at = byte_at(r, &p->problem_mark) - r->bom;
	if (at < r->n && r->text[at] == '\t')
		return rk_tree_error(r->d, line, r->err, "tabs cannot be used for indentation");
	return rk_tree_error(r->d, line, r->err, "%s%s%s", p->problem, p->context ? ", " : "",
		p->context ? p->context : "");
}

/* --- anchors, aliases and merged maps --- */

static int remember(struct reader *r, const yaml_char_t *name, struct rk_val *v)
{
	struct anchor *a;

	if (!name)
		return 0;
	if (r->n_anchors++ == ANCHORS_MAX)
		return fail(r, "more than %d anchors", ANCHORS_MAX);
	v->shared = true;
	a = rk_doc_alloc(r->d, sizeof(*a));
	a->before = r->anchors;
	a->name = rk_doc_strndup(r->d, (const char *)name, strlen((const char *)name));
	a->v = v;
	r->anchors = a;
	return 0;
}

/* Copy what is in `from` to the end of `to`; texts are shared. The bounds keep a few lines of aliases to
 * aliases from filling memory, here or where the tree is written out. */
static int expand(struct reader *r, const struct rk_val *from, struct rk_val *to, size_t depth)
{
	r->alias_bytes += from->len + from->klen;
	if (++r->alias_nodes > ALIAS_NODES_MAX || r->alias_bytes > ALIAS_BYTES_MAX)
		return fail(r, "aliases expand to too much");
	if (from->child && depth >= RK_DEPTH_MAX)
		return fail(r, "nested deeper than %d", RK_DEPTH_MAX);
	rk_each (it, from) {
		struct rk_val *c = rk_tree_node(r->d, it->kind);

		*c = *it;
		c->shared = true;
		c->again = false;
		c->child = c->last = NULL;
		c->count = 0;
		rk_tree_link(to, c);
		if (expand(r, it, c, depth + 1) < 0)
			return -1;
	}
	return 0;
}

static int merge(struct reader *r, const struct rk_val *from, struct rk_val *to)
{
	struct rk_val *last = to->last;

	if (from->kind != RK_MAP)
		return fail(r, "the merge key << needs a map or a list of maps");
	if (expand(r, from, to, r->depth) < 0)
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
static int settle_map(struct reader *r, struct rk_val *map)
{
	rk_auto_free const struct rk_val **sorted = NULL;
	struct rk_val *it, *next;
	bool merges = false;
	size_t order = 0, n;

	rk_each (m, map)
		merges = merges || m->key == merge_key;
	for (it = merges ? take_members(map) : NULL; it; it = next) {
		next = it->next;
		if (it->key != merge_key) {
			rk_tree_link(map, it);
			continue;
		}
		for (size_t i = it->kind == RK_SEQ ? it->count : 1; i; i--)
			if (merge(r, it->kind == RK_SEQ ? rk_at(it, i - 1) : it, map) < 0)
				return -1;
	}
	map->shared = map->shared || merges;
	rk_each (m, merges ? map : NULL)
		rk_mut(m)->kstart = order++;

	if (!rk_tree_duplicate(map))
		return 0;
	n = map->count;
	sorted = rk_tree_sorted(map);
	for (size_t i = 1; i < n; i++)
		if (rk_tree_key_is(sorted[i - 1], sorted[i]->key, sorted[i]->klen)) {
			rk_mut(sorted[i - 1])->key = NULL;
			rk_mut(sorted[i])->again = true;
		}
	for (it = take_members(map); it; it = next) {
		next = it->next;
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

static int bad_tag(struct reader *r, const yaml_char_t *tag)
{
	return fail(r, "tag %s is not supported here", (const char *)tag);
}

static int set_text(struct reader *r, struct rk_val *v, int kind, const char *s, size_t n)
{
	v->kind = (uint8_t)kind;
	v->s = kind == RK_NULL ? NULL : rk_doc_strndup(r->d, s, n);
	v->len = kind == RK_NULL ? 0 : n;
	return 0;
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

/* Type and text of a scalar, whose bytes are known. */
static int set_scalar(struct reader *r, struct rk_val *v)
{
	static const char *const kinds[] = {"null", "bool", "int", "str"};
	const yaml_char_t *full = r->e.data.scalar.tag;
	const char *s = (const char *)r->e.data.scalar.value, *tag = core_tag(full);
	const char *p = r->text + (v->start - r->bom), *end = r->text + (v->end - r->bom);
	size_t n = r->e.data.scalar.length;
	rk_auto_buf b = RK_BUF_INIT_SECRET;
	char num[RK_NUM_MAX + 32];
	int kind;

	v->quoted = r->e.data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
	if (r->mode == RK_YAML_LOOSE) {
		/* JSON's escape between double quotes, which libyaml knows and goyaml.v2 does not */
		if (r->e.data.scalar.style == YAML_DOUBLE_QUOTED_SCALAR_STYLE)
			for (; (p = memchr(p, '\\', (size_t)(end - p))) && p + 1 < end; p += 2)
				if (p[1] == '/')
					return fail(r, "kubectl does not know the escape \\/");
		if (rk_streq(tag, "binary")) {
			if (rk_base64_decode(&b, s, n, NULL) < 0)
				return fail(r, "!!binary value is not base64");
			return set_text(r, v, RK_STR, b.s, b.len);
		}
		if (!tag || (*tag && !rk_listed("null,bool,int,float", tag)))
			tag = "str";
	}
	if (!tag)
		return bad_tag(r, full);
	if (*tag ? rk_streq(tag, "str")
		 : !r->e.data.scalar.plain_implicit || has_bare_tag(r, v->start))
		return set_text(r, v, RK_STR, s, n);
	kind = rk_yaml_plain(s, n, num);
	if (kind < 0)
		return fail(r, "%s is not a JSON number: put a string in quotes", s);
	if (*tag && !rk_streq(tag, kinds[kind]) && !(kind == RK_NUM && rk_streq(tag, "float")))
		return bad_tag(r, full);
	return kind == RK_STR ? set_text(r, v, kind, s, n) : set_text(r, v, kind, num, strlen(num));
}

/* --- events --- */

static bool wants_key(const struct reader *r)
{
	return r->open && r->open->kind == RK_MAP && !r->key;
}

static struct rk_val *new_value(struct reader *r, enum rk_kind kind)
{
	struct rk_val *v =
		r->open ? rk_tree_node(r->d, kind) : rk_tree_root(r->d, kind, r->one_line);

	v->line = (uint32_t)r->e.start_mark.line + 1;
	v->start = byte_at(r, &r->e.start_mark);
	v->end = byte_at(r, &r->e.end_mark);
	if (!r->open) {
		r->root = v;
		return v;
	}
	if (r->open->kind == RK_MAP) {
		v->key = r->key;
		v->klen = r->klen;
		v->kstart = r->kstart;
		r->key = NULL;
	}
	rk_tree_link(r->open, v);
	return v;
}

static int take_key(struct reader *r, const struct rk_val *v)
{
	if (v->kind == RK_SEQ || v->kind == RK_MAP)
		return fail(r, "a key that is a list or a map is not supported");
	if (v->kind == RK_NULL)
		return fail(r, "a key is empty");
	r->key = v->s;
	r->klen = (uint32_t)v->len;
	r->kstart = byte_at(r, &r->e.start_mark);
	return 0;
}

/* The loose reader takes a key of any type, as the text of it. */
static int on_key(struct reader *r)
{
	const char *s = (const char *)r->e.data.scalar.value;
	const char *tag = core_tag(r->e.data.scalar.tag);
	bool plain = r->e.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	size_t n = r->e.data.scalar.length;
	bool merges = plain && n == 2 && memcmp(s, "<<", 2) == 0;
	struct rk_val key = {0}, *v = r->e.data.scalar.anchor ? rk_tree_node(r->d, RK_STR) : &key;

	v->start = byte_at(r, &r->e.start_mark);
	v->end = byte_at(r, &r->e.end_mark);
	if (r->mode == RK_YAML_LOOSE) {
		if (set_scalar(r, v) < 0)
			return -1;
	} else if (!tag || (*tag && !rk_streq(tag, "str"))) {
		return bad_tag(r, r->e.data.scalar.tag);
	} else if (plain && n == 0) {
		return fail(r, "a key is empty");
	} else if (merges) {
		return fail(r, "merge keys (<<) are not supported");
	} else {
		set_text(r, v, RK_STR, s, n);
	}
	if (take_key(r, v) < 0)
		return -1;
	if (merges)
		r->key = merge_key;
	return remember(r, r->e.data.scalar.anchor, v);
}

static int on_scalar(struct reader *r)
{
	yaml_scalar_style_t style = r->e.data.scalar.style;
	const char *s = r->text - r->bom;
	struct rk_val *v;

	if (memchr(r->e.data.scalar.value, 0, r->e.data.scalar.length))
		return fail(r, "a string contains a NUL character");
	if (wants_key(r))
		return on_key(r);
	v = new_value(r, RK_NULL);
	/* libyaml ends a block scalar at the next token: go back to its last line with text */
	if (style == YAML_LITERAL_SCALAR_STYLE || style == YAML_FOLDED_SCALAR_STYLE)
		for (size_t at = v->end; at > v->start && strchr(" \t\r\n", s[at - 1]); at--)
			if (s[at - 1] == '\n' || s[at - 1] == '\r')
				v->end = at - 1;
	return set_scalar(r, v) < 0 ? -1 : remember(r, r->e.data.scalar.anchor, v);
}

static int on_alias(struct reader *r)
{
	const char *name = (const char *)r->e.data.alias.anchor;
	const struct anchor *a = r->anchors; /* the latest one of that name counts */
	struct rk_val *v;

	if (wants_key(r) && r->mode != RK_YAML_LOOSE)
		return fail(r, "an alias as a key is not supported");
	while (a && !rk_streq(a->name, name))
		a = a->before;
	if (!a)
		return fail(r, "alias *%s has no anchor", name);
	for (const struct rk_val *it = r->open; it; it = it->parent)
		if (it == a->v)
			return fail(r, "alias *%s refers to a value that contains it", name);
	if (wants_key(r))
		return take_key(r, a->v);
	v = new_value(r, a->v->kind);
	v->s = a->v->s;
	v->len = a->v->len;
	v->quoted = a->v->quoted;
	v->shared = true;
	return expand(r, a->v, v, r->depth);
}

static int on_open(struct reader *r, const yaml_char_t *tag, const yaml_char_t *anchor, bool flow)
{
	enum rk_kind kind = r->e.type == YAML_MAPPING_START_EVENT ? RK_MAP : RK_SEQ;
	const char *core = core_tag(tag);

	if (wants_key(r))
		return fail(r, "a key that is a list or a map is not supported");
	if (r->mode != RK_YAML_LOOSE &&
		(!core || (*core && !rk_streq(core, kind == RK_MAP ? "map" : "seq"))))
		return bad_tag(r, tag);
	if (++r->depth > RK_DEPTH_MAX)
		return fail(r, "nested deeper than %d", RK_DEPTH_MAX);
	r->open = new_value(r, kind);
	r->flow[r->depth] = flow;
	return remember(r, anchor, r->open);
}

static int on_close(struct reader *r)
{
	struct rk_val *v = r->open;
	const struct rk_val *dup = NULL;

	/* A block ends where its last value does, not after the blanks and comments behind it. */
	v->end = r->flow[r->depth] || !v->last ? byte_at(r, &r->e.end_mark) : v->last->end;
	if (v->kind == RK_MAP && r->mode == RK_YAML_LOOSE && settle_map(r, v) < 0)
		return -1;
	if (v->kind == RK_MAP && r->mode != RK_YAML_LOOSE)
		dup = rk_tree_duplicate(v);
	if (dup)
		return rk_tree_error(r->d, dup->line, r->err, "duplicate key \"%s\"", dup->key);
	r->open = v->parent;
	r->depth--;
	return 0;
}

static int on_event(struct reader *r)
{
	const yaml_event_t *e = &r->e;
	struct rk_val *v = r->root;
	bool value = (e->type == YAML_SCALAR_EVENT && !wants_key(r)) ||
		     e->type == YAML_SEQUENCE_START_EVENT || e->type == YAML_MAPPING_START_EVENT;

	if (value && ++r->nodes > rk_tree_values_max(r->n))
		return rk_tree_too_many(r->d, e->start_mark.line + 1, r->err);
	switch (e->type) {
	case YAML_DOCUMENT_END_EVENT:
		r->anchors = NULL;
		r->n_anchors = 0;
		if (v->kind == RK_NULL && v->start == v->end)
			return 0;
		if (r->mode != RK_YAML_ALL && r->docs->count)
			return rk_tree_error(
				r->d, v->line, r->err, "a second document where one is expected");
		rk_tree_link(r->docs, v);
		return 0;
	case YAML_SCALAR_EVENT:
		return on_scalar(r);
	case YAML_ALIAS_EVENT:
		return on_alias(r);
	case YAML_SEQUENCE_START_EVENT:
		return on_open(r, e->data.sequence_start.tag, e->data.sequence_start.anchor,
			e->data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE);
	case YAML_MAPPING_START_EVENT:
		return on_open(r, e->data.mapping_start.tag, e->data.mapping_start.anchor,
			e->data.mapping_start.style == YAML_FLOW_MAPPING_STYLE);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		return on_close(r);
	default:
		return 0;
	}
}

/* --- the text --- */

static int read_events(struct reader *r)
{
	yaml_parser_t *p = &r->p;
	yaml_event_t *e = &r->e;
	bool end = false;
	int rc = 0;

	if (r->n > RK_BUF_MAX)
		return rk_tree_error(r->d, 0, r->err, "YAML of more than 256 MiB");
	if (!yaml_parser_initialize(p))
		return rk_tree_error(r->d, 0, r->err, "out of memory");
	yaml_parser_set_encoding(p, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(p, (const unsigned char *)r->text, r->n);
	while (rc == 0 && !end) {
		if (!yaml_parser_parse(p, e)) {
			rc = syntax_error(r);
			break;
		}
		rc = on_event(r);
		end = e->type == YAML_STREAM_END_EVENT ||
		      (e->type == YAML_DOCUMENT_END_EVENT && r->mode == RK_YAML_LOOSE);
		if (e->type == YAML_SCALAR_EVENT && r->d->secret)
			rk_wipe(e->data.scalar.value, e->data.scalar.length);
		yaml_event_delete(e);
	}
	/* libyaml's own copies of the text are wiped as far as they can be reached; the scalars it
	 * grew with realloc() are not, short of replacing malloc */
	if (r->d->secret) {
		rk_wipe(p->raw_buffer.start, (size_t)(p->raw_buffer.end - p->raw_buffer.start));
		rk_wipe(p->buffer.start, (size_t)(p->buffer.end - p->buffer.start));
	}
	yaml_parser_delete(p);
	return rc;
}

bool rk_yaml_is_utf16(const char *text, size_t n)
{
	return n >= 2 && (memcmp(text, "\xff\xfe", 2) == 0 || memcmp(text, "\xfe\xff", 2) == 0);
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

int rk_yaml_read(struct rk_doc *d, const char *text, size_t n, enum rk_yaml_mode mode,
	struct rk_val **out, struct rk_err *err)
{
	struct reader r = {.d = d, .text = n ? text : "", .n = n, .mode = mode, .err = err};
	const char *nl = memchr(r.text, '\n', n);
	unsigned char all = 0;

	*out = NULL;
	if (mode == RK_YAML_LOOSE && rk_yaml_is_utf16(text, n)) {
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
	if (read_events(&r) < 0)
		return -1;
	*out = mode == RK_YAML_ALL ? r.docs : r.docs->child;
	if (mode != RK_YAML_ALL && *out)
		rk_remove(*out);
	return 0;
}
