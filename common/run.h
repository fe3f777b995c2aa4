// SPDX-License-Identifier: Apache-2.0
/* run - a program by its argument vector: bytes in, bytes out, never through a shell.
 *
 * What is secret goes over standard input; arguments and environment are for all to see. */
#ifndef RK_RUN_H
#define RK_RUN_H

#include "rk.h"

struct rk_run {
	const char *const *argv; /* NULL-terminated; argv[0] is looked up on PATH */
	const void *in;		 /* its standard input, at most 64 KiB; NULL: /dev/null */
	size_t in_len;
	size_t max;	    /* largest output; 0: 1 MiB */
	int64_t timeout_ms; /* 0: 30 s */
};

/* Run it and wait. Its stderr is ours. out gets its standard output (make it secret where that is),
 * *status its exit code. -1: it did not run to an end: RK_NOTFOUND (no such program), RK_TIMEOUT,
 * RK_FAIL (died of a signal, printed too much). Nothing of in or out is in a message. */
int rk_run(const struct rk_run *r, struct rk_buf *out, int *status, struct rk_err *err) RK_MUST_USE;

#endif
