// SPDX-License-Identifier: Apache-2.0
/* val - one tree for JSON and YAML: read, build, compare, write.
 *
 * A struct rk_doc owns all memory of one or more trees (an arena; wiped on free when secret).
 * Nodes are plain structs linked by pointers; they live as long as their doc and are never
 * freed alone. Numbers keep their text, so nothing is lost between input and output. Keys of a
 * map are unique; order is kept. Strings are NUL-terminated in the arena; s/len may hold NUL
 * only where JSON's \u0000 brought it, and rk_str() refuses those.
 *
 * Reading by path takes keys as arguments, since keys hold dots, ended by NULL:
 *	const char *crt = rk_get_str(secret, "data", "tls.crt", NULL);
 */
#ifndef RK_VAL_H
#define RK_VAL_H

#include "rk.h"

enum rk_kind { RK_NULL, RK_BOOL, RK_NUM, RK_STR, RK_SEQ, RK_MAP };

struct rk_val {
	uint8_t kind;	 /* enum rk_kind */
	bool quoted;	 /* YAML: the scalar was quoted or a block scalar */
	bool shared;	 /* YAML: has an anchor or came through an alias: not to be edited alone */
	bool root;	 /* the room's own: the node carries the name of its source */
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
/* One member by key and length. */
const struct rk_val *rk_member(const struct rk_val *v, const char *key, size_t klen);
/* i-th item of a sequence (or member of a map), or NULL. */
const struct rk_val *rk_at(const struct rk_val *v, size_t i);
#define rk_each(it, v) for (const struct rk_val *it = (v) ? (v)->child : NULL; it; it = it->next)

/* Text of a string (numbers and booleans give their text too when loose), or NULL. */
const char *rk_str(const struct rk_val *v);
const char *rk_str_loose(const struct rk_val *v);
/* rk_str(rk_get(v, keys...)). */
const char *rk_get_str(const struct rk_val *v, ...) RK_SENTINEL;
/* def when missing, null or not a boolean (not a whole number); rk_want_* tells these apart. */
bool rk_get_bool(const struct rk_val *v, int def, ...) RK_SENTINEL;
int64_t rk_get_int(const struct rk_val *v, int64_t def, ...) RK_SENTINEL;

/* Checked reads: 0 and *out, or an error that names source, line and path and the type found
 * ("deploy.yaml:12: spec.servers: expected a number, found a string"). _need: missing or null is
 * RK_NOTFOUND; _want: missing or null leaves *out as it was. A step on the way that is not a map is
 * an error too. Source is set by rk_doc_source; a source of one line is named without it. */
int rk_need_str(const struct rk_val *v, const char **out, struct rk_err *err, ...) RK_SENTINEL;
int rk_want_str(const struct rk_val *v, const char **out, struct rk_err *err, ...) RK_SENTINEL;
int rk_want_int(const struct rk_val *v, int64_t *out, struct rk_err *err, ...) RK_SENTINEL;
int rk_want_bool(const struct rk_val *v, bool *out, struct rk_err *err, ...) RK_SENTINEL;
int rk_want_seq(
	const struct rk_val *v, const struct rk_val **out, struct rk_err *err, ...) RK_SENTINEL;
int rk_want_map(
	const struct rk_val *v, const struct rk_val **out, struct rk_err *err, ...) RK_SENTINEL;
/* Name used in those messages: a file name or "Secret ns/name". Applies to trees parsed after. */
void rk_doc_source(struct rk_doc *d, const char *name);

/* Base64 string at the path decoded into out; missing is RK_NOTFOUND. */
int rk_need_base64(const struct rk_val *v, struct rk_buf *out, struct rk_err *err, ...) RK_SENTINEL;

/* RK_FAIL with source, line and path of v in front: "FILE:12: users[0].user.exec: TEXT". Returns -1. */
int rk_val_error(const struct rk_val *v, struct rk_err *err, const char *fmt, ...) RK_PRINTF(3, 4);

/* "spec.rules[0].host" of a node, into out, for messages. */
void rk_val_path(const struct rk_val *v, struct rk_buf *out);

/* Same content: kinds and texts equal, maps compared without order. NULL equals NULL only. */
bool rk_val_equal(const struct rk_val *a, const struct rk_val *b);

/* --- building (doc owns; keys and strings are copied) --- */
struct rk_val *rk_map(struct rk_doc *d);
struct rk_val *rk_seq(struct rk_doc *d);
struct rk_val *rk_null(struct rk_doc *d);
struct rk_val *rk_string(struct rk_doc *d, const char *s);
struct rk_val *rk_stringn(struct rk_doc *d, const char *s, size_t n);
struct rk_val *rk_number(struct rk_doc *d, int64_t n);
struct rk_val *rk_boolean(struct rk_doc *d, bool b);
struct rk_val *rk_base64_val(struct rk_doc *d, const void *p, size_t n);
/* Deep copy of v (from any doc) into d. */
struct rk_val *rk_copy(struct rk_doc *d, const struct rk_val *v);

/* Put child under key of map, replacing a member of that name. child must not have a parent.
 * rk_set_str with a NULL string sets nothing: an optional field that is missing. */
void rk_set(struct rk_doc *d, struct rk_val *map, const char *key, struct rk_val *child);
void rk_set_str(struct rk_doc *d, struct rk_val *map, const char *key, const char *s);
void rk_set_int(struct rk_doc *d, struct rk_val *map, const char *key, int64_t n);
void rk_set_bool(struct rk_doc *d, struct rk_val *map, const char *key, bool b);
/* Walk down keys making maps where missing; returns the map. For rk_set on a deep path. A step
 * that exists and is not a map is replaced. */
struct rk_val *rk_map_at(struct rk_doc *d, struct rk_val *v, ...) RK_SENTINEL;
void rk_append(struct rk_val *seq, struct rk_val *child);
void rk_append_str(struct rk_doc *d, struct rk_val *seq, const char *s);
/* Take a member or item out of its parent (it stays in the arena). */
void rk_remove(struct rk_val *child);
/* Remove the member at the path if it exists. Returns whether it was. */
bool rk_remove_at(struct rk_val *v, ...) RK_SENTINEL;
/* Drop the const of a node of a doc the caller owns. */
static inline struct rk_val *rk_mut(const struct rk_val *v)
{
	return (struct rk_val *)(uintptr_t)v;
}

/* Ready-made forms of writing; bodies in json.c and yaml.c. */
#include "json.h"
#include "yaml.h"

#endif
