// SPDX-License-Identifier: Apache-2.0
/* err - one error value: what failed, on what, why, what to do next, and the exit code.
 *
 * The caller owns a struct rk_err on its stack. Nothing in it is allocated, so a forgotten
 * error cannot leak. A function that can fail takes `struct rk_err *err` last and returns 0
 * or -1; every setter returns -1, so that failing is one line:
 *
 *	return rk_err_set(err, RK_NOTFOUND, "no kubeconfig at %s", path);
 *
 * Context is added in front on the way up with rk_err_wrap(). Secrets never go into a message.
 * Messages are cut, never overrun; control characters are replaced when printed. */
#ifndef RK_ERR_H
#define RK_ERR_H

#include "rk.h"

/* Kinds of failure; the value is the exit code (documented in every man page). */
enum rk_code {
	RK_OK = 0,
	RK_FAIL = 1,	 /* it failed, a check found something, something was left over */
	RK_USAGE = 2,	 /* wrong usage */
	RK_NOTFOUND = 3, /* not found: object, file, precondition */
	RK_TIMEOUT = 4,	 /* timed out */
	RK_CONFLICT = 5, /* conflict, or refused (403, another owner) */
};

/* Why it failed, as far as programs decide by it; never by the text. */
enum rk_reason {
	RK_REASON_NONE, /* no more is known than the code and the HTTP status */
	/* No answer came: */
	RK_REASON_RESOLVE,     /* DNS does not know the name */
	RK_REASON_REFUSED,     /* the connection was refused */
	RK_REASON_UNREACHABLE, /* no route, or another failure to connect */
	RK_REASON_TIMEOUT,
	RK_REASON_TLS,	  /* certificates, or the handshake */
	RK_REASON_PROXY,  /* the proxy refused */
	RK_REASON_BROKEN, /* the connection was reset, or the answer cut off */
	/* An answer that cannot be used: */
	RK_REASON_TOO_LARGE,
	RK_REASON_UNEXPECTED, /* not what was requested */
	RK_REASON_REDIRECT,
	RK_REASON_STATUS,	 /* an HTTP status without a meaning here */
	RK_REASON_FOREIGN_TOKEN, /* another host asks for the registry's credentials */
	/* The reason of a Kubernetes Status: */
	RK_REASON_NOT_FOUND,
	RK_REASON_NO_SUCH_API, /* the server does not serve the kind */
	RK_REASON_EXISTS,
	RK_REASON_CONFLICT,
	RK_REASON_FORBIDDEN,
	RK_REASON_UNAUTHORIZED,
	RK_REASON_EXPIRED, /* a resourceVersion too old to continue from */
	RK_REASON_INVALID,
	RK_REASON_WEBHOOK, /* an admission webhook could not be called */
	/* Of a file: */
	RK_REASON_LOCKED, /* another process holds its lock */
};

struct rk_err {
	int code; /* enum rk_code, or 128+n for signal n */
	int http; /* HTTP status the failure came with, else 0 */
	enum rk_reason reason;
	char msg[1536];	 /* one line: what, on what, why */
	char hint[1024]; /* what to do next, or "" */
};

#define RK_ERR_INIT \
	{           \
		0   \
	}

/* Set the error. Returns -1. err may be NULL: the caller does not want to know. */
int rk_err_set(struct rk_err *err, int code, const char *fmt, ...) RK_PRINTF(3, 4);

/* Set from errno: the message is followed by ": " and strerror. ENOENT gives RK_NOTFOUND,
 * EACCES/EPERM/EROFS RK_FAIL. Returns -1. */
int rk_err_sys(struct rk_err *err, const char *fmt, ...) RK_PRINTF(2, 3);

/* Put context in front: "context: message". Keeps code, reason and hint. Returns -1. */
int rk_err_wrap(struct rk_err *err, const char *fmt, ...) RK_PRINTF(2, 3);

/* Set or replace the hint: what the user should do next, a sentence without a full stop. Returns -1. */
int rk_err_hint(struct rk_err *err, const char *fmt, ...) RK_PRINTF(2, 3);

/* Set the reason. Returns -1. */
int rk_err_reason(struct rk_err *err, enum rk_reason reason);

/* What a command in advice must have to concern the same cluster as this process: the connection flags of
 * this command line, each with a blank before it, or "". rk_here is for our tools ("see: kubectl rk3k
 * status -A%s"), rk_here_kubectl for kubectl, rk_here_settings for tools that use the settings, too.
 * Valid for the life of the process. */
const char *rk_here(void);
const char *rk_here_kubectl(void);
const char *rk_here_settings(void);
/* Set by cli, once, from the command line; the strings are the caller's and stay. */
void rk_here_set(const char *ours, const char *kubectl, const char *settings);

/* Forget the error, to try something else. */
void rk_err_clear(struct rk_err *err);

#endif
