// SPDX-License-Identifier: Apache-2.0
/* what the files of the kube module share. */
#ifndef RK_KUBE_INTERNAL_H
#define RK_KUBE_INTERNAL_H

#include "data/data.h"
#include "kube/kube.h"

/* A kind found by discovery; res points into the doc of the struct rk_kube. */
struct rk_kube_found {
	struct rk_res res;
	struct rk_kube_found *next;
};

struct rk_kube {
	struct rk_target target;
	struct rk_http *http;
	struct rk_doc *disco;	     /* strings of found */
	struct rk_kube_found *found; /* kinds learned from the server */

	char *ns;
	int64_t creds_until;   /* exec credential: seconds since 1970, 0: no limit */
	int64_t token_read_ms; /* when the token file was last read */
	bool alive;	       /* has answered before: a refusal is worth a retry */
	bool renewing;	       /* a task runs the credential plugin */
	enum rk_dry dry;
};

/* --- answers --- */

/* What an answer may be. */
enum rk_form {
	RK_FORM_ANY,	 /* a JSON object; the caller checks its kind */
	RK_FORM_OBJECT,	 /* an object of the kind, with name and namespace */
	RK_FORM_REVIEW,	 /* an object of the kind, which has no name */
	RK_FORM_LIST,	 /* a list of such objects */
	RK_FORM_DELETED, /* a Status of success, or the object */
};

/* What a request is about, for messages, and what its answer must be. */
struct rk_kube_about {
	const char *what;	    /* "secret/x in namespace n" */
	const struct rk_kube *kube; /* named by its server, and whose identity; or NULL */
	const char *api_version;    /* of the kind asked for, or NULL */
	bool secret;		    /* values in the server's text are cut away */
	/* What a good answer is, for rk_kube_check. */
	enum rk_form form;
	bool metadata_only;	  /* PartialObjectMetadata in place of the kind */
	const struct rk_res *res; /* not for RK_FORM_ANY */
	const char *ns;		  /* NULL: any */
	const char *name;	  /* NULL: any */
};

/* Fill a for an object, or for a list when name is NULL; the label is written to what, which must live
 * as long as a. */
void rk_kube_about(struct rk_kube_about *a, const struct rk_kube *k, const struct rk_res *r,
	const char *ns, const char *name, struct rk_buf *what);

/* "unexpected answer from SERVER for WHAT: why", reason Unexpected. Returns -1. */
int rk_kube_unexpected(const struct rk_kube_about *a, struct rk_err *err, const char *fmt, ...)
	RK_PRINTF(3, 4);
/* Whether v is an object of that kind, or the error above. */
int rk_kube_is(const struct rk_kube_about *a, const struct rk_val *v, const char *api_version,
	const char *kind, struct rk_err *err);
/* Whether v is what a asks for: form, kind, name, namespace, items; or the error above. */
int rk_kube_check(const struct rk_kube_about *a, const struct rk_val *v, struct rk_err *err);
/* The body of a good answer, parsed into d and checked. */
int rk_kube_parse(struct rk_doc *d, const struct rk_kube_about *a, const struct rk_http_res *res,
	struct rk_val **out, struct rk_err *err) RK_MUST_USE;

/* Turn an answer with status >= 300 (or a watch's ERROR object) into an error. Returns -1. */
int rk_kube_status(
	const struct rk_kube_about *a, const struct rk_http_res *res, struct rk_err *err);
int rk_kube_status_val(
	const struct rk_kube_about *a, int code, const struct rk_val *status, struct rk_err *err);
/* The manager a conflict's cause names, into s (not terminated) and n. */
bool rk_cause_manager(const struct rk_val *cause, const char **s, int *n);
/* ".data.a (manager kubectl), …" of a conflict's causes; false when it has none. */
bool rk_status_fields(const struct rk_val *status, struct rk_buf *out);

/* --- requests --- */

/* Refuse a path in which a name or version is ".", ".." or has a slash or percent sign: RK_FAIL, as
 * client-go's IsValidPathSegmentName. */
int rk_kube_check_path(const char *what, const char *path, struct rk_err *err) RK_MUST_USE;
/* Append "?name=value" or "&name=value" with the value encoded. */
void rk_query_add(struct rk_buf *path, const char *name, const char *value);
/* The parameter by which the server changes nothing, for a write in a server dry run. */
void rk_kube_add_dry(const struct rk_kube *k, struct rk_buf *path);
/* The namespace of an object or request: ns, else the context's; NULL for cluster scope. */
const char *rk_kube_ns_for(const struct rk_kube *k, const struct rk_res *r, const char *ns);

/* Renew what is about to expire (exec credential, token file); cheap when nothing is. */
int rk_kube_fresh(struct rk_kube *k, struct rk_err *err) RK_MUST_USE;
/* After a 401: run the plugin or read the file again. 1: there is something new to try,
 * 0: there is not, -1: error. */
int rk_kube_renew(struct rk_kube *k, struct rk_err *err);

/* Send, with fresh credentials and once more after a 401. 0 also for statuses >= 300. */
int rk_kube_send(struct rk_kube *k, const struct rk_http_req *req, const struct rk_kube_about *a,
	struct rk_http_res *res, struct rk_err *err) RK_MUST_USE;
/* The same; a status >= 300 is an error. */
int rk_kube_call(struct rk_kube *k, const struct rk_http_req *req, const struct rk_kube_about *a,
	struct rk_http_res *res, struct rk_err *err) RK_MUST_USE;
/* The same, and the answer parsed and checked. */
int rk_kube_ask(struct rk_kube *k, const struct rk_http_req *req, const struct rk_kube_about *a,
	struct rk_doc *d, struct rk_val **out, struct rk_err *err) RK_MUST_USE;

/* The split of a stream into lines: line is called for each whole one that is not empty, without its end;
 * part keeps the rest for the next call. -1: line said so, or one is longer than part's max. */
int rk_kube_lines(struct rk_buf *part, const char *p, size_t n,
	int (*line)(void *arg, const char *p, size_t n), void *arg);

/* --- managedFields --- */

/* Whether have holds all of want: maps by key, lists item by item. */
bool rk_holds(const struct rk_val *have, const struct rk_val *want);
/* Whether an entry of managedFields is that of manager's operation ("Apply", "Update"). */
bool rk_is_entry(const struct rk_val *entry, const char *manager, const char *operation);
/* The first such entry of obj, or NULL; api_version NULL: any. */
const struct rk_val *rk_managed_entry(const struct rk_val *obj, const char *manager,
	const char *operation, const char *api_version);
/* Whether the fields are those of v, no more and no fewer. In doubt: no. */
bool rk_owns(struct rk_doc *d, const struct rk_val *fields, const struct rk_val *v);
/* Of the maps that are empty in body: their members in live that fields lists, at their places. */
struct rk_val *rk_emptied(struct rk_doc *d, const struct rk_val *fields, const struct rk_val *body,
	const struct rk_val *live);

/* --- WebSockets (RFC 6455) with the channels of the Kubernetes API: the first byte of a message --- */

struct rk_ws;
/* Connect and upgrade, with new credentials after a 401. A refusal is the Status' error; what names the
 * object for it. err is needed. */
int rk_ws_open(struct rk_ws **out, struct rk_kube *k, const char *path, const char *protocol,
	const char *what, struct rk_err *err) RK_MUST_USE;
/* Sends a close frame (code 1000) and closes. */
void rk_ws_free(struct rk_ws *ws);
int rk_ws_fd(const struct rk_ws *ws);
/* Send one binary message, a ping; nothing here waits. What the connection does not take now is
 * kept until rk_ws_flush. -1: the connection is closed. */
int rk_ws_send(struct rk_ws *ws, int channel, const void *p, size_t n) RK_MUST_USE;
int rk_ws_ping(struct rk_ws *ws) RK_MUST_USE;
/* 0: all is sent, 1: some of it waits until the descriptor is writable, -1: the connection is closed. */
int rk_ws_flush(struct rk_ws *ws) RK_MUST_USE;
/* The next whole message, if one has arrived: 1 and *msg (first byte: channel; valid until the next
 * call), 0: none now, -1: closed or broken. Call until 0 before waiting on the descriptor. */
int rk_ws_recv(struct rk_ws *ws, const unsigned char **msg, size_t *n);

struct rk_ws_frame {
	int opcode;
	bool fin;
	size_t head, len; /* bytes of the header, of the payload */
};
/* Read a server's frame header at p: 1 whole, 0 more bytes needed, -1 against the protocol
 * (masked, reserved bits, larger than max). */
int rk_ws_frame(const unsigned char *p, size_t n, size_t max, struct rk_ws_frame *out);
/* Append a client's frame: opcode, masked with the 4 bytes given. */
void rk_ws_put(
	struct rk_buf *out, int opcode, const void *p, size_t n, const unsigned char mask[4]);
/* The Sec-WebSocket-Accept that answers a key, into out[29]. */
void rk_ws_accept(const char *key, char out[29]);

#endif
