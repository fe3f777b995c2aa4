// SPDX-License-Identifier: Apache-2.0
/* rk - what every file of rk3k starts with: attributes, scope cleanup, banned functions.
 *
 * Cleanup by scope: a variable declared with rk_auto_X is released when its block is left.
 * Initialise it at the declaration. Handing over is visible: *out = rk_steal(&p). */
#ifndef RK_H
#define RK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define RK_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define RK_MUST_USE	     __attribute__((warn_unused_result))
#define RK_SENTINEL	     __attribute__((sentinel))
#define RK_NORETURN	     __attribute__((noreturn))
#define RK_UNUSED	     __attribute__((unused))
#define RK_COUNT(a)	     (sizeof(a) / sizeof((a)[0]))

/* Give the pointer away: returns *p and leaves NULL, so that scope cleanup does nothing. */
#define rk_steal(p)                                    \
	__extension__({                                \
		__typeof__(*(p)) rk_steal_tmp_ = *(p); \
		*(p) = NULL;                           \
		rk_steal_tmp_;                         \
	})

static inline void rk_cleanup_free_(void *p)
{
	free(*(void **)p);
}

static inline void rk_cleanup_close_(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

#define rk_auto_free  __attribute__((cleanup(rk_cleanup_free_), unused))
#define rk_auto_close __attribute__((cleanup(rk_cleanup_close_), unused))

static inline bool rk_streq(const char *a, const char *b)
{
	return a && b && strcmp(a, b) == 0;
}

static inline bool rk_prefix(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool rk_suffix(const char *s, const char *suffix);

/* Allocation that never fails: out of memory ends the process with one line and exit 1,
 * as in git and util-linux; nothing in rk3k can go on usefully without memory. */
void *rk_malloc(size_t n);
void *rk_calloc(size_t n, size_t size);
void *rk_realloc(void *p, size_t n);
char *rk_strdup(const char *s);
char *rk_strndup(const char *s, size_t n);
char *rk_asprintf(const char *fmt, ...) RK_PRINTF(1, 2);

/* Overwrite n bytes so that the compiler cannot leave it out (explicit_bzero). */
void rk_wipe(void *p, size_t n);

/* Free a string that held a secret: wipes strlen(s) bytes first. NULL is fine. */
void rk_free_secret(char *s);

/* The one strict number parser: takes the whole of s as a decimal in [min, max].
 * Returns false, leaving *out alone, for anything else (blanks, sign without digits, overflow). */
bool rk_parse_int(const char *s, int64_t min, int64_t max, int64_t *out);

/* Whether the n bytes of s are a label (RFC 1123, as names of namespaces have to be), and whether s is
 * a subdomain: labels with dots between, as names of most other objects have to be. */
bool rk_label_ok(const char *s, size_t n);
bool rk_subdomain_ok(const char *s);

/* Functions that must not be called; there is always one with a bound or a clear result. */
#undef sprintf /* a macro of glibc's, with clang and _FORTIFY_SOURCE */
#undef vsprintf
#pragma GCC poison strcpy strcat strncpy strncat sprintf vsprintf strtok gmtime localtime ctime \
	asctime mktemp tmpnam gets atoi atol system popen

/* Milliseconds of the monotonic clock. */
int64_t rk_now_ms(void);

/* A list of strings: v is NULL or NULL-terminated with n entries. The strings are not copied. */
struct rk_strv {
	const char **v;
	size_t n;
};
void rk_strv_add(struct rk_strv *v, const char *s);
void rk_strv_release(struct rk_strv *v); /* the list, not the strings */

/* "0.1.0" */
extern const char rk_version[];

#include "err.h"
#include "buf.h"

#endif
