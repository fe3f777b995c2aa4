// SPDX-License-Identifier: Apache-2.0
/* json - RFC 8259 through jsmn, made strict.
 *
 * jsmn alone accepts `[1 2]`, `{"a":1,}`, `{"a"::1}`, `tru`: a scan of the bytes between its
 * tokens refuses them, as well as invalid UTF-8, bad escapes, lone surrogates, duplicate keys,
 * depth beyond RK_DEPTH_MAX, more values than a text of its size has (rk_tree_values_max) and
 * trailing bytes. */
#ifndef RK_JSON_H
#define RK_JSON_H

#include "val.h"

#define RK_DEPTH_MAX 200

/* Parse exactly one JSON text of n bytes. The text is copied where needed; it may be freed.
 * Errors: RK_FAIL "SOURCE:LINE: what". */
int rk_json_parse(struct rk_doc *d, const char *text, size_t n, struct rk_val **out,
	struct rk_err *err) RK_MUST_USE;

/* Parse the concatenated JSON values of a stream (kubectl -o json | jq, watch): a SEQ of them. */
int rk_json_parse_stream(struct rk_doc *d, const char *text, size_t n, struct rk_val **out,
	struct rk_err *err) RK_MUST_USE;

enum rk_json_style {
	RK_JSON_COMPACT,
	RK_JSON_SORTED, /* in one line, as kubectl's jsonpath: keys sorted */
	RK_JSON_PRETTY, /* kubectl's: indent 4, keys sorted, newline at the end */
};

void rk_json_write(const struct rk_val *v, enum rk_json_style style, struct rk_buf *out);

#endif
