// SPDX-License-Identifier: Apache-2.0
/* tree - what the parsers and writers of val share; tools include val.h instead. */
#ifndef RK_DATA_INTERNAL_H
#define RK_DATA_INTERNAL_H

#include <stdarg.h>

#include "data/data.h"

/* Values that a text of n bytes may hold. A node takes 96 bytes and the shortest value two: without this
 * a tree would take fifty times the memory of its text. What Kubernetes writes has more than ten
 * bytes a value; the constant leaves small texts alone. */
static inline size_t rk_tree_values_max(size_t n)
{
	return ((size_t)256 << 10) + n / 8;
}

struct rk_doc {
	struct chunk *chunk; /* the one that is being filled; full and oversized ones follow */
	size_t grow;
	const char *source; /* for messages, or NULL */
	bool secret;
};

/* A node without parent that also carries the doc's source name into error messages. */
struct rk_val *rk_tree_root(struct rk_doc *d, enum rk_kind kind, bool one_line);

/* Put "SOURCE:LINE" of v in front, from the nearest node above it that a parser marked. Returns -1. */
int rk_tree_place(const struct rk_val *v, struct rk_err *err);

static inline bool rk_tree_key_is(const struct rk_val *v, const char *key, size_t klen)
{
	return v->klen == klen && memcmp(v->key, key, klen) == 0;
}

/* Append child (no parent yet) to a SEQ or, with its key already set, to a MAP. */
void rk_tree_link(struct rk_val *parent, struct rk_val *child);

/* The later one of two members with the same key, or NULL. O(n log n) in the worst case. */
const struct rk_val *rk_tree_duplicate(const struct rk_val *map);

/* The members of a map in byte order of their keys; v->count entries, the caller frees. */
const struct rk_val **rk_tree_sorted(const struct rk_val *map);

/* RK_FAIL "SOURCE:LINE: what", "SOURCE: what" for line 0, "line N: what" without a source. Is -1. */
#define rk_tree_error(d, line, err, ...) \
	(rk_err_set((err), RK_FAIL, __VA_ARGS__), rk_tree_in((d)->source, (line), (err)))
int rk_tree_in(const char *source, size_t line, struct rk_err *err);

/* The error for more than rk_tree_values_max, reason TooLarge. Returns -1. */
int rk_tree_too_many(const struct rk_doc *d, size_t line, struct rk_err *err);

/* Longest number; anything longer is a string. */
enum { RK_NUM_MAX = 500 };

/* The kind of a YAML plain scalar to kubectl's reader; -1: .inf or .nan, which JSON does not have. num gets
 * the number in JSON's notation, true or false; it has RK_NUM_MAX + 32 bytes. */
int rk_yaml_plain(const char *s, size_t n, char *num);

/* Whether YAML has a character only between double quotes, by its number. */
bool rk_yaml_must_escape(uint32_t cp);

/* Text between double quotes, for JSON and YAML; what is escaped, beside quotes and backslashes. */
void rk_tree_quote(struct rk_buf *b, const char *s, size_t n, bool (*escaped)(uint32_t cp));

#endif
