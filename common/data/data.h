// SPDX-License-Identifier: Apache-2.0
/* val - one tree for JSON and YAML: read, build, compare, write.
 *
 * A struct rk_doc owns all memory of one or more trees (an arena; wiped on free when secret), whose nodes
 * are never freed alone. Numbers keep their text. Keys of a map are unique; order is kept. Strings are
 * NUL-terminated, and hold NUL only where JSON's \u0000 brought it; rk_str() refuses those.
 *
 * Reading by path takes keys as arguments, since keys hold dots, ended by NULL:
 *	const char *crt = rk_get_str(secret, "data", "tls.crt", NULL); */
#ifndef RK_DATA_H
#define RK_DATA_H

#include "base/base.h"

enum rk_kind { RK_NULL, RK_BOOL, RK_NUM, RK_STR, RK_SEQ, RK_MAP };
#define RK_BASE64 (RK_MAP + 1) /* for rk_want_value alone: a string that is decoded */

struct rk_val {
	uint8_t kind;	 /* enum rk_kind */
	bool quoted : 1; /* YAML: the scalar was quoted or a block scalar */
	bool shared : 1; /* YAML: has an anchor, came through an alias, or is a map that merges others:
			    not to be edited alone */
	bool again : 1;	 /* YAML, loose: replaced an earlier member of its key */
	bool root : 1;	 /* a root: the node carries the name of its source */
	uint32_t klen;	 /* length of key */
	uint32_t count;	 /* children of a SEQ or MAP */
	uint32_t line;	 /* 1-based line in the source, 0 when built */
	const char *key; /* member name when the parent is a MAP, else NULL */
	const char *s;	 /* text of a scalar: the string, the number as written, true/false */
	size_t len;
	size_t start, end; /* bytes of the value in the source text; of *a for an alias */
	size_t kstart;	   /* byte where the member's key begins (MAP members) */
	struct rk_val *child, *last, *next, *parent;
};

struct rk_doc;

/* secret: wipe everything on free (trees of Secrets and kubeconfigs). Never NULL. */
struct rk_doc *rk_doc_new(bool secret);
void rk_doc_free(struct rk_doc *d);
static inline void rk_cleanup_doc_(struct rk_doc **d)
{
	rk_doc_free(*d);
}
#define rk_auto_doc __attribute__((cleanup(rk_cleanup_doc_))) struct rk_doc
/* Memory from the doc's arena (zeroed, 8-aligned) and a NUL-terminated copy of n bytes. */
void *rk_doc_alloc(struct rk_doc *d, size_t n);
char *rk_doc_strndup(struct rk_doc *d, const char *s, size_t n);
char *rk_doc_printf(struct rk_doc *d, const char *fmt, ...) RK_PRINTF(2, 3);

/* --- reading --- */

/* Member by keys, or NULL when any step is missing or not a map. v may be NULL. */
const struct rk_val *rk_get(const struct rk_val *v, ...) RK_SENTINEL;
const struct rk_val *rk_member(const struct rk_val *v, const char *key, size_t klen);
/* i-th item of a sequence (or member of a map), or NULL. */
const struct rk_val *rk_at(const struct rk_val *v, size_t i);
#define rk_each(it, v) for (const struct rk_val *it = (v) ? (v)->child : NULL; it; it = it->next)

/* Text of a string (numbers and booleans give their text too when loose), or NULL. */
const char *rk_str(const struct rk_val *v);
const char *rk_str_loose(const struct rk_val *v);
#define rk_get_str(v, ...) rk_str(rk_get(v, __VA_ARGS__))
/* def when missing, null or not a boolean (not a whole number); rk_want_* tells these apart. */
bool rk_bool(const struct rk_val *v, int def);
int64_t rk_int(const struct rk_val *v, int64_t def);
#define rk_get_bool(v, def, ...) rk_bool(rk_get(v, __VA_ARGS__), def)
#define rk_get_int(v, def, ...)	 rk_int(rk_get(v, __VA_ARGS__), def)

/* Checked reads of the value at the keys, which end with NULL: 0 and *out, or an error that names source,
 * line and path and the type found ("deploy.yaml:12: spec.servers: expected a number, found a string").
 * needed: missing or null is RK_NOTFOUND, else it leaves *out as it was. A step on the way that is not a
 * map is an error too. Source is set by rk_doc_source; a source of one line is named without it. */
int rk_want_value(const struct rk_val *v, int kind, bool needed, void *out, struct rk_err *err,
	...) RK_SENTINEL;
#define rk_want_as(v, kind, needed, type, out, err, ...) \
	rk_want_value(v, kind, needed, (type *){(out)}, err, __VA_ARGS__)
#define rk_need_str(v, out, err, ...) \
	rk_want_as(v, RK_STR, true, const char *, out, err, __VA_ARGS__)
#define rk_want_str(v, out, err, ...) \
	rk_want_as(v, RK_STR, false, const char *, out, err, __VA_ARGS__)
#define rk_want_int(v, out, err, ...)  rk_want_as(v, RK_NUM, false, int64_t, out, err, __VA_ARGS__)
#define rk_want_bool(v, out, err, ...) rk_want_as(v, RK_BOOL, false, bool, out, err, __VA_ARGS__)
#define rk_want_node(v, kind, out, err, ...) \
	rk_want_as(v, kind, false, const struct rk_val *, out, err, __VA_ARGS__)
#define rk_want_seq(v, out, err, ...) rk_want_node(v, RK_SEQ, out, err, __VA_ARGS__)
#define rk_want_map(v, out, err, ...) rk_want_node(v, RK_MAP, out, err, __VA_ARGS__)
/* A string of base64, decoded into the buffer. */
#define rk_need_base64(v, out, err, ...) \
	rk_want_as(v, RK_BASE64, true, struct rk_buf, out, err, __VA_ARGS__)
/* Name used in those messages: a file name or "Secret ns/name". Applies to trees parsed after. */
void rk_doc_source(struct rk_doc *d, const char *name);

/* RK_FAIL with source, line and path of v in front: "FILE:12: users[0].user.exec: TEXT". Is -1. */
#define rk_val_error(v, err, ...) (rk_err_set((err), RK_FAIL, __VA_ARGS__), rk_val_in((v), (err)))
int rk_val_in(const struct rk_val *v, struct rk_err *err);

/* "spec.rules[0].host" of a node, into out, for messages. */
void rk_val_path(const struct rk_val *v, struct rk_buf *out);

/* Same content: kinds and texts equal, maps compared without order. NULL equals NULL only. */
bool rk_val_equal(const struct rk_val *a, const struct rk_val *b);

/* --- building (doc owns; keys and strings are copied) --- */
struct rk_val *rk_tree_node(struct rk_doc *d, enum rk_kind kind);
#define rk_map(d)  rk_tree_node(d, RK_MAP)
#define rk_seq(d)  rk_tree_node(d, RK_SEQ)
#define rk_null(d) rk_tree_node(d, RK_NULL)
struct rk_val *rk_string(struct rk_doc *d, const char *s);
struct rk_val *rk_stringn(struct rk_doc *d, const char *s, size_t n);
struct rk_val *rk_number(struct rk_doc *d, int64_t n);
struct rk_val *rk_boolean(struct rk_doc *d, bool b);
struct rk_val *rk_val_base64(struct rk_doc *d, const void *p, size_t n);
/* Deep copy of v, from any doc. */
struct rk_val *rk_copy(struct rk_doc *d, const struct rk_val *v);

/* Put child, which has no parent, under key of map, replacing a member of that name. rk_set_str with a NULL
 * string sets nothing. */
void rk_set(struct rk_doc *d, struct rk_val *map, const char *key, struct rk_val *child);
void rk_set_str(struct rk_doc *d, struct rk_val *map, const char *key, const char *s);
#define rk_set_int(d, map, key, n)  rk_set((d), (map), (key), rk_number((d), (n)))
#define rk_set_bool(d, map, key, b) rk_set((d), (map), (key), rk_boolean((d), (b)))
/* Walk down keys, making maps where there are none; returns the last. */
struct rk_val *rk_map_at(struct rk_doc *d, struct rk_val *v, ...) RK_SENTINEL;
void rk_append(struct rk_val *seq, struct rk_val *child);
#define rk_append_str(d, seq, s) rk_append((seq), rk_string((d), (s)))
/* Take a member or item out of its parent. Returns whether it was in one; NULL is fine. */
bool rk_remove(struct rk_val *child);
#define rk_remove_at(v, ...) rk_remove(rk_mut(rk_get(v, __VA_ARGS__)))
/* Drop the const of a node of a doc the caller owns. */
static inline struct rk_val *rk_mut(const struct rk_val *v)
{
	return (struct rk_val *)(uintptr_t)v;
}

/* json - RFC 8259 through jsmn, made strict: what jsmn alone accepts (`[1 2]`, `{"a":1,}`, `{"a"::1}`, `tru`)
 * is refused, as well as invalid UTF-8, bad escapes, lone surrogates, duplicate keys, depth beyond
 * RK_DEPTH_MAX, more values than a text of its size has (rk_tree_values_max) and trailing bytes. */

#define RK_DEPTH_MAX 200

/* Parse exactly one JSON text of n bytes, or, as a SEQ of them, the concatenated values of a stream (kubectl
 * -o json | jq, watch). The text may be freed. Errors: RK_FAIL "SOURCE:LINE: what". */
int rk_json_read(struct rk_doc *d, const char *text, size_t n, bool stream, struct rk_val **out,
	struct rk_err *err) RK_MUST_USE;
#define rk_json_parse(d, text, n, out, err)	   rk_json_read(d, text, n, false, out, err)
#define rk_json_parse_stream(d, text, n, out, err) rk_json_read(d, text, n, true, out, err)

enum rk_json_style {
	RK_JSON_COMPACT,
	RK_JSON_SORTED, /* in one line, as kubectl's jsonpath: keys sorted */
	RK_JSON_PRETTY, /* kubectl's: indent 4, keys sorted, newline at the end */
};

void rk_json_write(const struct rk_val *v, enum rk_json_style style, struct rk_buf *out);

/* yaml - YAML through libyaml's events. Refused, with file and line: duplicate keys, merge keys (<<), alias
 * cycles and alias bombs (expanded nodes and bytes are bounded), NUL, depth beyond RK_DEPTH_MAX, keys
 * that are empty or no scalars, tags other than the core ones, numbers that JSON does not have (.inf),
 * text after `...`, invalid UTF-8.
 *
 * Plain scalars are typed as kubectl's reader types them (sigs.k8s.io/yaml, YAML 1.1 over JSON):
 * null/~/empty, true/false/yes/no/on/off/y/n, integers and floats; all else is a string. A number
 * gets JSON's notation (0x1F is 31, 0123 is 83, 1_000 is 1000); a key is kept as it is written,
 * where kubectl makes "true" of y and "31" of 0x1F.
 *
 * Positions are bytes of the text as given, a byte order mark included. `end` is where the value
 * itself ends: blanks, line breaks and comments behind it are left out, also behind block scalars
 * (and there even the line breaks that |+ keeps). An empty value is an empty span behind its
 * colon. A tag or an anchor belongs to the value. */

enum rk_yaml_mode {
	RK_YAML_ONE, /* one document; an empty stream gives NULL in *out. More than one: RK_FAIL */
	RK_YAML_ALL, /* all documents as a SEQ; empty ones are left out */
	/* The first document as kubectl reads a kubeconfig (goyaml.v2 under sigs.k8s.io/yaml, not
	 * strict): of equal keys the last one counts, `<<` is merged where it is, !!binary is decoded,
	 * other tags are ignored, keys may be aliases, numbers and booleans, UTF-16 with a byte order
	 * mark is read, and what follows the first document is not. The bounds are the same. */
	RK_YAML_LOOSE,
};
int rk_yaml_read(struct rk_doc *d, const char *text, size_t n, enum rk_yaml_mode mode,
	struct rk_val **out, struct rk_err *err) RK_MUST_USE;
#define rk_yaml_parse(d, text, n, out, err)	  rk_yaml_read(d, text, n, RK_YAML_ONE, out, err)
#define rk_yaml_parse_all(d, text, n, out, err)	  rk_yaml_read(d, text, n, RK_YAML_ALL, out, err)
#define rk_yaml_parse_loose(d, text, n, out, err) rk_yaml_read(d, text, n, RK_YAML_LOOSE, out, err)
/* Whether the text begins with the byte order mark of UTF-16. */
bool rk_yaml_is_utf16(const char *text, size_t n);

/* Write block style, as kubectl does; sorted: keys in byte order. Every string that a YAML 1.1 reader could
 * take for something else is quoted; strings with line breaks become literal blocks where that is exact. */
void rk_yaml_write(const struct rk_val *v, bool sorted, struct rk_buf *out);
/* Whether plain s would be read back as the same string. */
bool rk_yaml_plain_ok(const char *s, size_t n);

/* --- manifests: YAML skeletons with ${name} ---
 * A quoted scalar that is exactly "${name}" takes the parameter's value with its type; inside
 * other text the parameter (a scalar) is concatenated; $${ is a literal ${. Substitution happens
 * after parsing, so that no value can break out of its place. params is a MAP: a parameter that is
 * missing or not used is an error. The result: a SEQ of documents in d. */
int rk_manifest_fill(struct rk_doc *d, const char *name, const char *text, size_t n,
	const struct rk_val *params, struct rk_val **out, struct rk_err *err) RK_MUST_USE;

/* The skeleton manifests/NAME.yaml, embedded at build time, filled. RK_FAIL when unknown. */
int rk_manifest(struct rk_doc *d, const char *name, const struct rk_val *params,
	struct rk_val **out, struct rk_err *err) RK_MUST_USE;

/* One embedded file; table generated from manifests/ by the Makefile, ended by a NULL name. */
struct rk_manifest_file {
	const char *name;
	const char *text;
	size_t len;
};
extern const struct rk_manifest_file rk_manifest_files[];

/* objects - Kubernetes objects from files or standard input: YAML documents, JSON, Lists. */

struct rk_objects {
	struct rk_doc *doc; /* secret: there may be Secrets among them */
	const struct rk_val **v;
	size_t n;
};
void rk_objects_release(struct rk_objects *o);
#define rk_auto_objects __attribute__((cleanup(rk_objects_release))) struct rk_objects

/* Read files in order; "-", or no file at all: standard input. All or nothing: every object has apiVersion,
 * kind and metadata.name and comes once; Lists are taken apart. Errors: RK_FAIL for empty, damaged or
 * cut-off input and for objects that lack something, naming source and line; RK_NOTFOUND for a missing
 * file. */
int rk_objects_read(struct rk_objects *o, const char *const *files, size_t nfiles,
	struct rk_err *err) RK_MUST_USE;
/* Namespaces (0), then CustomResourceDefinitions (1), then all else (2) in the order given. */
int rk_object_rank(const struct rk_val *obj);
void rk_objects_order(struct rk_objects *o);

/* Whether s can be the name of an object in a request's path. */
bool rk_object_name_ok(const char *s);

/* jsonpath - kubectl's JSONPath (k8s.io/client-go/util/jsonpath) over a tree, bounded.
 *
 *	{.a.b}  {.a['b.c']}  {.a[0]}  [-1]  [1:3]  [0:4:2]  [0,2]  [*]  .*  ..a
 *	[?(@.a=="x")]  [?(@.a)]  {range .a[*]}...{end}  {"\n"}  text
 *
 * A field that does not exist gives nothing, as with kubectl get. Unlike there, ['a.b'] is one key. */

struct rk_jsonpath;

/* A template: text with expressions in braces. Errors: RK_USAGE. */
int rk_jsonpath_parse(const char *text, struct rk_jsonpath **out, struct rk_err *err) RK_MUST_USE;
/* One expression; its braces and its first dot may be left out. Errors: RK_USAGE. */
int rk_jsonpath_parse_one(
	const char *text, struct rk_jsonpath **out, struct rk_err *err) RK_MUST_USE;
/* NULL is fine. */
void rk_jsonpath_free(struct rk_jsonpath *p);
static inline void rk_cleanup_jsonpath_(struct rk_jsonpath **p)
{
	rk_jsonpath_free(*p);
}
#define rk_auto_jsonpath __attribute__((cleanup(rk_cleanup_jsonpath_))) struct rk_jsonpath

/* Values that an expression finds; they live in the tree, or in the struct rk_jsonpath. */
struct rk_found {
	const struct rk_val **v;
	size_t n, size;
};
void rk_found_release(struct rk_found *f);
/* What the first expression finds in v. Errors: RK_FAIL (an index out of bounds, an array
 * expression on what is none, values that cannot be compared, too many results). */
int rk_jsonpath_find(const struct rk_jsonpath *p, const struct rk_val *v, struct rk_found *out,
	struct rk_err *err) RK_MUST_USE;
/* Append what the template makes of v. Errors: as rk_jsonpath_find. */
int rk_jsonpath_print(const struct rk_jsonpath *p, const struct rk_val *v, struct rk_buf *out,
	struct rk_err *err) RK_MUST_USE;
/* Text of one value: a scalar as it is, a map or list as JSON in one line. */
void rk_jsonpath_text(const struct rk_val *v, struct rk_buf *out);

/* Sort a list by what a path finds in each item; digits in texts count as numbers, items without a value
 * come first. Errors: RK_USAGE for the path, or when no item has it; RK_FAIL. */
int rk_jsonpath_sort(struct rk_val *seq, const char *path, struct rk_err *err) RK_MUST_USE;

#endif
