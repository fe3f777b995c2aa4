// SPDX-License-Identifier: Apache-2.0
/* run - a program by its argument vector: bytes in, bytes out, never through a shell.
 *
 * What is secret goes over standard input; arguments and environment are for all to see. */
#ifndef RK_RUN_H
#define RK_RUN_H

#include "rk.h"

#include <signal.h>

struct rk_run {
	const char *const *argv; /* NULL-terminated; argv[0] is looked up on PATH */
	const char *const *env;	 /* its environment, NULL-terminated; NULL: ours */
	const void *in;		 /* its standard input, at most 64 KiB; NULL: /dev/null */
	size_t in_len;
	bool keep_stdin;    /* its standard input is ours */
	size_t max;	    /* largest output; 0: 1 MiB */
	int64_t timeout_ms; /* 0: 30 s */
	bool *unstarted;    /* set when it could not be executed; or NULL */
	/* Gets the first 64 KiB of its stderr as they come, whole lines or a prompt at a time; who:
	 * argv[0]. NULL: its stderr is ours. */
	void (*said)(const char *who, const char *s, size_t n);
};

/* A limit for every program that is running: a deadline (rk_now_ms; 0: none), and a number that a signal
 * handler makes nonzero (NULL: none). Either ends the program at once. Returns the previous limit. */
struct rk_run_limit {
	int64_t end_ms;
	const volatile sig_atomic_t *signal;
};
struct rk_run_limit rk_run_limit(struct rk_run_limit l);

/* Run it and wait. out gets its standard output (make it secret where that is), *status its exit
 * code. -1: it did not run to an end: RK_NOTFOUND (no such program), RK_TIMEOUT, RK_FAIL (died of a
 * signal, printed too much), 128 + N (signal N was noted). Nothing of in or out is in a message. */
int rk_run(const struct rk_run *r, struct rk_buf *out, int *status, struct rk_err *err) RK_MUST_USE;

#endif
