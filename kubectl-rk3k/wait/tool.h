// SPDX-License-Identifier: Apache-2.0
/* await - wait for a step of a deployment: event-driven, saying what is awaited, naming the likely
 * cause as soon as it is known and again when the time is up.
 *
 * A reported fault is not the end: k3k recovers from a passing Failed, an image may
 * become available, helm tries again. Waiting ends when the step is done or the time is up. */
#ifndef RK_WAIT_TOOL_H
#define RK_WAIT_TOOL_H

#include "cli/cli.h"
#include "k3k/k3k.h"
#include "kube/kube.h"
#include "out/out.h"
#include "settings/settings.h"
#include "steps/steps.h"
#include "task/task.h"
#include "watch/watch.h"

struct opts {
	struct rk_kube_flags kube;
	struct rk_settings_flags settings; /* of a step */
	const char *for_, *labels, *fields;
	int64_t timeout_ms; /* <0: the step's own, or 30 s; 0: look once */
	bool fail_fast, all, all_ns;
};

/* Wait for a step. Errors: RK_TIMEOUT with the likely cause and what to do, RK_NOTFOUND (what is awaited
 * does not exist, or was deleted meanwhile), RK_FAIL (a fault, with fail_fast; or the state is unknown),
 * 128+n on a signal. */
int await_step(const struct opts *o, const struct rk_step *row, struct rk_err *err) RK_MUST_USE;

/* --- between the engine that waits and its steps --- */

/* What a look has found. */
struct report {
	struct rk_buf line;  /* what is awaited now */
	struct rk_buf fault; /* trouble that does not look like passing, or empty */
	struct rk_buf hint;  /* what to do about it, or empty */
	int code;	     /* of the error when the time is up; 0: RK_TIMEOUT */
	struct rk_err dead;  /* set: it ends the wait */
};

struct await;
/* A question that takes requests. It runs as a task, so that the caches are followed, judged and shown
 * meanwhile; so it keeps no object of a cache across a request. Returns whether the answer is yes; else
 * answer says what is missing. */
typedef bool await_fn(struct await *w, const char *subject, struct report *answer);

#define CACHES_MAX 9

struct await {
	const struct opts *o;
	const struct rk_step *row;
	const struct step *step;
	struct rk_settings *s;
	struct rk_kube *host;
	struct rk_progress *progress;
	const char *ns, *cluster, *k3k_ns; /* of the settings */
	char *noun;			   /* what is awaited, for messages */
	struct rk_loop *loop;
	int64_t began, deadline;
	/* steps in the virtual cluster */
	struct rk_vcluster virtual;
	struct rk_kube *virt;	/* its connection; NULL: there is none yet */
	struct rk_cache *own;	/* the Cluster on the host cluster */
	bool own_seen;		/* it has existed */
	struct rk_err no_entry; /* of the last connection that failed */
	int64_t blind_since;

	struct rk_cache *m[CACHES_MAX]; /* each step numbers its own; NULL: not connected */
	struct report last;
	bool done;
	struct {
		struct rk_task *task;
		await_fn *fn;
		char *subject;
		int64_t at; /* of the last answer; 0: there is none */
		bool yes;
		struct report answer, coming;
	} ask;
	int64_t fault_since, fault_reported;
	struct rk_buf reported; /* faults, a line each */
	struct rk_buf shown;	/* the line shown last */
	/* for the steps */
	bool seen_deleting;
	int64_t no_job_since;
	struct rk_buf ca;
	bool ca_known;
};

/* Ask fn about subject, when the last answer is every_ms old, or was to another question. Returns whether
 * it is yes, for the one look that follows the answer; else adds the last answer to r (NULL: not). */
bool await_ask(struct await *w, await_fn *fn, const char *subject, int64_t every_ms,
	struct report *r) RK_MUST_USE;
/* "; " between parts of a line. */
void await_add_part(struct rk_buf *b, const char *fmt, ...) RK_PRINTF(2, 3);

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

struct step {
	bool virt;		       /* in the virtual cluster */
	const char *noun;	       /* for messages */
	const struct watched *watched; /* each step numbers its own */
	size_t count;
	bool (*judge)(struct await *w, struct report *r); /* whether it is done */
	const char *const *deployments;			  /* of a chart, NULL-terminated */
};
extern const struct step await_table[RK_AWAIT_COUNT]; /* by enum rk_await */

/* --- url.c --- */
bool await_url_judge(struct await *w, struct report *r);

/* --- look.c: parts of a look that several steps share --- */

const char *await_name(const struct rk_val *obj); /* "" for NULL */
/* Whether a list has an item with that text under key (NULL: that is that text). */
bool await_has(const struct rk_val *list, const char *key, const char *text);
/* Worst trouble among the pods of a cache: a FAULT is stored in r->fault, what is busy in the line. */
enum rk_why await_look_pods(const struct rk_cache *m, const char *prefix, struct report *r);
/* The newest event since the wait began, of objects whose name has part in it or is name (both NULL:
 * any), as part of the line; a warning before all others, and then out gets it. */
void await_look_event(const struct await *w, const struct rk_cache *m, const char *part,
	const char *name, struct rk_buf *out, struct report *r);
/* The same; a warning that an image cannot be pulled is a fault as well. */
void await_look_trouble(
	const struct await *w, const struct rk_cache *m, const char *part, struct report *r);
/* What to do about an image of the private registry that cannot be pulled, to r->hint. */
void await_look_pull(const struct await *w, const char *text, struct report *r);
/* Whether the install of a chart has succeeded for the present spec. Caches: charts, jobs, pods of
 * kube-system, and the Secret of the chart's values. */
bool await_look_chart(struct await *w, const char *name, const struct rk_cache *charts,
	const struct rk_cache *jobs, const struct rk_cache *pods, const struct rk_cache *values,
	struct report *r);
/* When the part of an object that has this field ("f:spec"; NULL: any) was last written, by the API
 * server's clock; 0: unknown. status: of its status, else of the rest. */
int64_t await_look_written(const struct rk_val *obj, const char *field, bool status);
/* Its resourceVersion as a number, which is later when it is greater (KEP-5504); 0: it is not one. */
int64_t await_look_version(const struct rk_val *obj);

#endif
