// SPDX-License-Identifier: Apache-2.0
/* jsonpath - kubectl's JSONPath over a tree, for -o jsonpath, -o custom-columns, --sort-by and
 * `wait --for=jsonpath`.
 *
 *	{.a.b}  {.a['b.c']}  {.a[0]}  [-1]  [1:3]  [0:4:2]  [0,2]  [*]  .*  ..a
 *	[?(@.a=="x")]  [?(@.a)]  {range .a[*]}...{end}  {"\n"}  text
 *
 * A field that does not exist gives nothing, as with kubectl get. Unlike there, ['a.b'] is one key.
 * Templates, nesting, results and output are bounded.
 * Source: k8s.io/client-go/util/jsonpath. */
#ifndef RK_JSONPATH_H
#define RK_JSONPATH_H

#include "val.h"

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

/* Sort the items of a list by what a path finds in each; digits in texts count as numbers, items
 * without a value come first. Errors: RK_USAGE for the path, or when no item has it; RK_FAIL. */
int rk_jsonpath_sort(struct rk_val *seq, const char *path, struct rk_err *err) RK_MUST_USE;

#endif
