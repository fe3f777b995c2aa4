// SPDX-License-Identifier: Apache-2.0
/* hcl - the top-level attributes of a .tfvars file: read, and replaced by byte range.
 *
 * Only the bytes of the values that change are touched: comments, other attributes, heredocs,
 * order, CRLF and a byte order mark stay as they are. What is not `NAME = value` at the top level
 * (a block, a bracket without its partner, a duplicate attribute) is refused with file
 * and line, since terraform refuses it too.
 *
 * Source: HCL native syntax specification (hashicorp/hcl, hclsyntax/spec.md). */
#ifndef RK_HCL_H
#define RK_HCL_H

#include "base/base.h"

/* Append s as a quoted HCL string that holds exactly these bytes: quotes, backslashes, control
 * characters and the template openers ${ and %{ are escaped. s is UTF-8; bytes that are not become
 * U+FFFD, which is all that HCL could hold. */
void tf_hcl_quote(struct rk_buf *out, const char *s, size_t n);

/* Value of the attribute `name` into out, when it is a string without templates (quoted or a
 * heredoc). 1: it is; 0: it is not, or there is none. source is for messages. Errors: RK_FAIL
 * "SOURCE:LINE: what"; RK_CONFLICT for a duplicate attribute. */
int tf_hcl_get(const struct rk_buf *text, const char *source, const char *name, struct rk_buf *out,
	struct rk_err *err) RK_MUST_USE;

struct rk_hcl_item {
	const char *name;
	const char *value; /* NULL: take the attribute out, with its line */
};
struct tf_hcl_edit {
	const struct rk_hcl_item *items;
	size_t n;
	/* A comment line of ours: that which begins with mark is replaced by note, or added when
	 * attributes are. Both NULL: none. note NULL: it is taken out. */
	const char *mark, *note;
	const char *head; /* comment lines that a new (empty) file begins with, or NULL */
};
/* Edit text: a value that is that string already is left alone, any other is replaced, and new
 * attributes are appended as one group that `terraform fmt` leaves alone. out gets the whole text.
 * Errors: as tf_hcl_get. */
int tf_hcl_edit(const struct rk_buf *text, const char *source, const struct tf_hcl_edit *edit,
	struct rk_buf *out, struct rk_err *err) RK_MUST_USE;

#endif
