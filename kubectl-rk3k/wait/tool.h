// SPDX-License-Identifier: Apache-2.0
/* await - wait for a step of a deployment: event-driven, saying what is awaited, naming the likely
 * cause as soon as it is known and again when the time is up.
 *
 * A reported fault is not the end: k3k recovers from a passing Failed, an image may
 * become available, helm tries again. Waiting ends when the step is done or the time is up. */
#ifndef RK_WAIT_TOOL_H
#define RK_WAIT_TOOL_H

#include "kube/kube.h"
#include "out/out.h"
#include "watch/watch.h"
#include "k3k/k3k.h"
#include "settings/settings.h"
#include "steps/steps.h"

struct await_run {
	struct rk_kube *host;
	const struct rk_settings *settings;
	const char *resolve; /* host:port:address for step url, or NULL */
	int64_t timeout_ms;  /* <0: the step's own; 0: look once */
	bool fail_fast;	     /* end with RK_FAIL at the first lasting fault */
	struct rk_progress *progress;
};

/* Wait. Errors: RK_TIMEOUT with the likely cause and what to do, RK_NOTFOUND (what is awaited does not
 * exist, or was deleted meanwhile), RK_FAIL (a fault, with fail_fast; or the state is unknown), 128+n on a
 * signal. */
int await_run(
	const struct await_run *a, const struct rk_step *step, struct rk_err *err) RK_MUST_USE;
/* What a step waits for, in words for messages; the caller frees it. */
char *await_title(const struct rk_settings *s, const struct rk_step *step);

/* Between the engine that waits and its steps. */

enum verdict { WAITING, DONE, DEAD };

/* What a look has found. */
struct report {
	struct rk_buf line;  /* what is awaited now */
	struct rk_buf fault; /* trouble that does not look like passing, or empty */
	struct rk_buf hint;  /* what to do about it, or empty */
	int code;	     /* of the error when the time is up; 0: RK_TIMEOUT */
	struct rk_err dead;  /* with DEAD */
};

#define CACHES_MAX 9

struct await {
	const struct await_run *a;
	const struct rk_step *row;
	const struct step *step;
	char *noun; /* what is awaited, for messages */
	struct rk_loop *loop;
	struct rk_vcluster virtual;	/* of steps that look inside */
	struct rk_kube *virt;		/* its connection */
	struct rk_cache *m[CACHES_MAX]; /* each step numbers its own */
	struct rk_cache *own; /* of steps that look inside: the Cluster on the host cluster */
	size_t n;
	int64_t began, deadline;
	struct report last;
	bool done, lost;
	int64_t blind_since;
	/* faults */
	int64_t fault_since, fault_reported;
	struct rk_buf reported; /* faults, a line each */
	struct rk_buf shown;	/* the line shown last */
	/* for the steps */
	bool seen_deleting;
	int64_t next_try; /* of a request a step repeats */
	int64_t restarts; /* of the chart's container, when its log was read */
	int64_t log_read, no_job_since;
	struct rk_buf log_cause, log_line;
	struct rk_buf answer, answer_fault, answer_hint; /* of the last try */
	struct rk_buf ca;
	bool ca_known;
};

/* What a step watches. In the texts @n is the virtual cluster's namespace, @c its name, @s and @f the
 * names of its StatefulSet of servers and of its kubeconfig Secret, @k the controller's namespace, @t the
 * Secret of Rancher's certificate, @h Rancher's first host name. */
struct watched {
	const struct rk_res *res;
	const char *ns, *name,
		*labels; /* name NULL: all of them, of Secrets then the metadata alone */
	bool host;	 /* on the host cluster, of a step in the virtual cluster */
	bool extra; /* it only helps to explain: missing permission to see it does not end the wait */
};
#define WATCH(res_, ns_, ...)                       \
	{                                           \
		.res = res_, .ns = ns_, __VA_ARGS__ \
	}
#define EXTRA(res_, ns_, ...)                                      \
	{                                                          \
		.res = res_, .ns = ns_, .extra = true, __VA_ARGS__ \
	}

struct step {
	bool virt;		       /* in the virtual cluster */
	const char *noun;	       /* for messages */
	const struct watched *watched; /* each step numbers its own */
	size_t count;
	enum verdict (*judge)(struct await *w, struct report *r);
	const char *const *deployments; /* of a chart, NULL-terminated */
};

/* Look again although nothing changed. */
void await_soon(struct await *w, int64_t ms);

extern const struct step await_table[RK_AWAIT_COUNT]; /* by enum rk_await */

/* --- url.c --- */
enum verdict await_url_judge(struct await *w, struct report *r);

/* --- look.c: parts of a look that several steps share --- */

/* Worst trouble among the pods of a cache (prefix NULL: any name): a FAULT is stored in r->fault, what is
 * busy in the line. */
enum rk_why await_look_pods(const struct rk_cache *m, const char *prefix, struct report *r);
/* The newest event since the wait began, of objects whose name has part in it or is name (both NULL:
 * any); a warning before all others, and whether it is one. */
bool await_look_event(const struct await *w, const struct rk_cache *m, const char *part,
	const char *name, struct rk_buf *out);
/* That event as part of the line; a warning that an image cannot be pulled is a fault as well. */
void await_look_trouble(
	const struct await *w, const struct rk_cache *m, const char *part, struct report *r);
/* What to do about an image of the private registry that cannot be pulled, to r->hint. */
void await_look_pull(const struct await *w, const char *text, struct report *r);
/* Whether a Deployment is rolled out; else the line says what is missing. */
bool await_look_deployment(const struct rk_cache *m, const char *name, struct report *r);
/* How a chart's install is going; DONE when its Job has succeeded for the present spec. Caches:
 * charts, jobs, pods of kube-system, and the Secret of the chart's values. */
enum verdict await_look_chart(struct await *w, const char *name, const struct rk_cache *charts,
	const struct rk_cache *jobs, const struct rk_cache *pods, const struct rk_cache *values,
	struct report *r);
/* When the part of an object that has this field ("f:spec"; NULL: any but the status) was last written,
 * by the API server's clock; 0: unknown. */
int64_t await_look_written(const struct rk_val *obj, const char *field);
/* Its resourceVersion as a number, which is later when it is greater (KEP-5504); 0: it is not one. */
int64_t await_look_version(const struct rk_val *obj);
/* "; " between parts of a line. */
void await_add_part(struct rk_buf *b, const char *fmt, ...) RK_PRINTF(2, 3);

#endif
