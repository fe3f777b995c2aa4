// SPDX-License-Identifier: Apache-2.0
/* hcl-int - between the files of the hcl room. */
#ifndef RK_HCL_INT_H
#define RK_HCL_INT_H

#include "hcl.h"

/* Whether an expression is a string without templates (quoted or a heredoc); out gets it. */
bool hcl_string(const char *s, size_t n, struct rk_buf *out);

#endif
