// SPDX-License-Identifier: Apache-2.0
/* diff - two texts line by line, as `diff -u` writes it. For --diff. */
#ifndef RK_DIFF_H
#define RK_DIFF_H

#include "rk.h"

/* Append the unified diff (three lines of context) of a to b under these names; nothing when they
 * are equal. Returns whether they differ. Texts too large for an exact comparison (their changed
 * parts' lines multiply to more than four million) come as one block taken out and one put in. */
bool rk_diff(
	const char *a, const char *b, const char *name_a, const char *name_b, struct rk_buf *out);

#endif
