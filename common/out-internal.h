// SPDX-License-Identifier: Apache-2.0
/* out-internal - what the files of out share. */
#ifndef RK_OUT_INTERNAL_H
#define RK_OUT_INTERNAL_H

#include "out.h"

bool rk_out_tty(void);	 /* stderr can rewrite a line */
bool rk_out_color(void); /* stderr may be coloured */

/* All of b to stderr, unbuffered. */
void rk_err_write(const struct rk_buf *b);

/* Bytes that take the progress line off the screen before other text, and put it back after. */
void rk_progress_hide(struct rk_buf *b);
void rk_progress_show(struct rk_buf *b);

#endif
