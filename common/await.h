// SPDX-License-Identifier: Apache-2.0
/* await - wait for a step of a deployment: event-driven, saying what is awaited, naming the likely
 * cause as soon as it is known and again when the time is up.
 *
 * A reported fault is not the end: k3k recovers from a passing Failed, an image may
 * become available, helm tries again. Waiting ends when the step is done or the time is up. */
#ifndef RK_AWAIT_H
#define RK_AWAIT_H

#include "kube.h"
#include "settings.h"

struct rk_await {
	struct rk_kube *host;
	const struct rk_settings *settings;
	const char *resolve; /* host:port:address for step url, or NULL */
	int64_t timeout_ms;  /* <0: the step's own; 0: look once */
	bool fail_fast;	     /* end with RK_FAIL at the first fault that stays */
	/* All may be NULL. line: what is awaited now, whenever it changes; fault: a trouble that
	 * has stayed for some seconds, each text once; tick: about once a second. */
	void (*line)(void *arg, const char *text);
	void (*fault)(void *arg, const char *text);
	void (*tick)(void *arg);
	void *arg;
};

struct rk_await_step {
	const char *name;
	const char *summary;
};
extern const struct rk_await_step rk_await_steps[]; /* ended by a NULL name */

/* Wait. title (may be NULL) gets "virtual cluster ns/name" for messages. Errors: RK_USAGE (no such
 * step), RK_TIMEOUT with the likely cause and what to do, RK_NOTFOUND (what is awaited does not
 * exist, or was deleted meanwhile), RK_FAIL (a fault, with fail_fast; or nothing could be seen),
 * 128+n on a signal. */
int rk_await(const struct rk_await *a, const char *step, struct rk_err *err) RK_MUST_USE;
/* What a step waits for, in words for messages, appended to out. */
void rk_await_title(const struct rk_await *a, const char *step, struct rk_buf *out);

#endif
