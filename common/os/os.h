// SPDX-License-Identifier: Apache-2.0
/* file - reading with a bound, replacing a file whole, clientcmd's lock, vanishing temporaries.
 *
 * A file that others read is never written in place: it is written to a neighbour, synced and
 * renamed, so that a reader sees the old bytes or the new ones, and a full disk or a signal
 * changes nothing. Temporaries and locks are registered and vanish on exit and on signals. */
#ifndef RK_OS_H
#define RK_OS_H

#include <signal.h>

#include "base/base.h"

/* Read a whole file ("-" is stdin, "/dev/fd/N" a descriptor) of at most max bytes into out.
 * Errors: RK_NOTFOUND (no such file), RK_FAIL (not readable, a directory, larger than max). */
int rk_file_read(const char *path, size_t max, struct rk_buf *out, struct rk_err *err) RK_MUST_USE;

/* As rk_file_read, but refuse a file that group or others can read (mode & 077), for secrets:
 * RK_CONFLICT with the chmod that helps. */
int rk_file_read_private(
	const char *path, size_t max, struct rk_buf *out, struct rk_err *err) RK_MUST_USE;
/* Strip what editors add to a secret in a file: a leading byte order mark and trailing line ends. */
void rk_trim_secret(struct rk_buf *b);

/* Whether path is a regular file of this size that has these n bytes at `at`. Reads piece by piece:
 * a large file need not be in memory. */
bool rk_file_holds(const char *path, size_t size, size_t at, const void *p, size_t n);

/* Replace path by n bytes: neighbour file, fsync, rename. Follows symlinks, also to a file that does not
 * exist yet; keeps mode, owner, ACL and extended attributes of an existing file, else creates with `mode`.
 * Neighbours that a killed program left beside it are removed. Missing parent directories are
 * created 0700. When bytes and mode are already so, nothing is written and *changed (may be
 * NULL) is false. Errors: RK_FAIL; where rename is impossible (bind mount, read-only directory)
 * it fails with a hint; the old file is then unchanged and no temporary is left. */
int rk_file_replace(const char *path, const void *p, size_t n, mode_t mode, bool *changed,
	struct rk_err *err) RK_MUST_USE;

/* Locks as client-go's clientcmd makes them: PATH.lock with O_CREAT|O_EXCL, mode 0, for each
 * path, in byte order, for the path as spelled and, when it differs, for the real path.
 * Waits up to wait_ms for a lock held by another, then RK_CONFLICT naming the file; never
 * steals. Locks are released by rk_file_unlock, on exit and on signals. */
struct rk_lock;
int rk_file_lock(struct rk_lock **out, const char *const *paths, size_t n, int wait_ms,
	struct rk_err *err) RK_MUST_USE;
void rk_file_unlock(struct rk_lock *l);
static inline void rk_cleanup_lock_(struct rk_lock **l)
{
	rk_file_unlock(*l);
}
#define rk_auto_lock __attribute__((cleanup(rk_cleanup_lock_))) struct rk_lock

/* Make a private temporary directory (0700) below $XDG_RUNTIME_DIR, /dev/shm or $TMPDIR that
 * vanishes at exit and on signals, together with the files in it that were given to
 * rk_file_vanish. The caller frees the returned path. A separate process removes the
 * directory and its files after SIGKILL. */
int rk_file_tempdir(char **path, struct rk_err *err) RK_MUST_USE;

/* Expand nothing but a leading "~/"; relative paths are joined to dir (NULL: left alone). */
char *rk_path_resolve(const char *path, const char *dir);

/* Directory of the running program, from its real path (/proc/self/exe). Caller frees. */
char *rk_exe_dir(void);

/* Have path (a file, or a directory that will be empty by then) removed at exit and on signals;
 * the last one registered is removed first. */
void rk_file_vanish(const char *path);

/* Remove every registered temporary and lock now; called by rk_finish and on signals. */
void rk_file_cleanup(void);

/* Install handlers for SIGINT, SIGTERM, SIGHUP: clean up, then die by the same signal. */
void rk_file_handle_signals(void);

/* From here on the first signal is only noted, so that what was begun elsewhere can be taken back:
 * its number is where the result points, 0 before. The next one kills as ever. */
const volatile sig_atomic_t *rk_file_note_signals(void);

/* run - a program by its argument vector: bytes in, bytes out, never through a shell.
 *
 * What is secret is written to standard input; arguments and environment are visible to others. */

struct rk_run {
	const char *const *argv; /* NULL-terminated; argv[0] is looked up on PATH */
	const char *const *env;	 /* its environment, NULL-terminated; NULL: ours */
	const char *in;		 /* its standard input; NULL: /dev/null */
	bool keep_stdin;	 /* its standard input is ours */
	bool inherit; /* all of ours, and no time limit; it ends with us, and 128 + N is the code of
			  * the error when signal N has ended it. Nothing is read: out may be NULL */
	size_t max;   /* largest output; 0: 1 MiB */
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
