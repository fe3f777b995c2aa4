// SPDX-License-Identifier: Apache-2.0
/* What a server's refusal means: the Status of the API machinery, decided by reason, then by
 * code, never by text; and bodies that are not a Status (proxies, unknown API groups). */
#include "internal.h"
#include "out/out.h"

#include <ctype.h>

#define CAUSES_SHOWN 4

/* Reasons of a Status (apimachinery's StatusReason), and the HTTP status that means the same where there
 * is no Status. Conflict comes before AlreadyExists, which has 409, too. */
static const struct verdict {
	const char *text;
	int http;
	enum rk_reason reason;
	int code;
} verdicts[] = {
	{"NotFound", 404, RK_REASON_NOT_FOUND, RK_NOTFOUND},
	{"Forbidden", 403, RK_REASON_FORBIDDEN, RK_CONFLICT},
	{"Conflict", 409, RK_REASON_CONFLICT, RK_CONFLICT},
	{"AlreadyExists", 409, RK_REASON_EXISTS, RK_CONFLICT},
	{"Timeout", 504, RK_REASON_TIMEOUT, RK_TIMEOUT},
	{"ServerTimeout", 504, RK_REASON_TIMEOUT, RK_TIMEOUT},
	{"Unauthorized", 401, RK_REASON_UNAUTHORIZED, RK_FAIL},
	{"Expired", 410, RK_REASON_EXPIRED, RK_FAIL},
	{"Gone", 410, RK_REASON_EXPIRED, RK_FAIL},
	{"Invalid", 422, RK_REASON_INVALID, RK_FAIL},
};

/* By the reason the server gives, else by the HTTP status. */
static struct verdict find_verdict(const char *text, int http)
{
	for (size_t i = 0; i < RK_COUNT(verdicts); i++)
		if (rk_streq(verdicts[i].text, text))
			return verdicts[i];
	for (size_t i = 0; i < RK_COUNT(verdicts); i++)
		if (verdicts[i].http == http)
			return (struct verdict){.code = verdicts[i].code};
	return (struct verdict){.code = RK_FAIL};
}

/* The server's text in one line; for Secrets nothing from where it starts to quote a value. */
static void clean(struct rk_buf *out, const char *text, bool secret)
{
	static const char *const quotes[] = {"Invalid value:", "got &value", "Value:"};
	size_t n = strlen(text);
	bool blank = false, cut = false;

	for (size_t i = 0; secret && i < RK_COUNT(quotes); i++) {
		const char *p = strstr(text, quotes[i]);

		if (p && (size_t)(p - text) < n) {
			n = (size_t)(p - text);
			cut = true;
		}
	}
	for (size_t i = 0; i < n && out->len < 1000; i++) {
		unsigned char c = (unsigned char)text[i];

		if (isspace(c) || c < ' ') {
			blank = out->len > 0;
			continue;
		}
		if (blank)
			rk_buf_putc(out, ' ');
		blank = false;
		rk_buf_putc(out, (char)c);
	}
	if (cut)
		rk_buf_puts(out, " (value not shown)");
}

/* "secrets "x" is forbidden: User …" says the object again: take what follows. */
static const char *after(const char *text, const char *mark)
{
	const char *p = strstr(text, mark);

	return p ? p + strlen(mark) : text;
}

/* The manager in `conflict with "kubectl" using v1`. */
bool rk_cause_manager(const struct rk_val *cause, const char **s, int *n)
{
	const char *msg = rk_get_str(cause, "message", NULL);
	const char *a = msg ? strchr(msg, '"') : NULL;
	const char *b = a ? strchr(a + 1, '"') : NULL;

	if (!b || !rk_streq(rk_get_str(cause, "reason", NULL), "FieldManagerConflict"))
		return false;
	*s = a + 1;
	*n = (int)(b - a - 1);
	return true;
}

bool rk_status_fields(const struct rk_val *status, struct rk_buf *out)
{
	int shown = 0, more = 0;

	rk_each (c, rk_get(status, "details", "causes", NULL)) {
		const char *field = rk_get_str(c, "field", NULL), *m;
		int n;

		if (!rk_cause_manager(c, &m, &n))
			continue;
		if (shown == CAUSES_SHOWN) {
			more++;
			continue;
		}
		rk_buf_addf(out, "%s%s (manager %.*s)", shown++ ? ", " : "",
			field && *field ? field : "the object", n, m);
	}
	if (more)
		rk_buf_addf(out, " and %d more", more);
	return shown > 0;
}

/* "spec.servers: Invalid value …; spec.mode: …" of a 422. */
static bool add_causes(struct rk_buf *out, const struct rk_val *status, bool secret)
{
	int shown = 0, more = 0;

	rk_each (c, rk_get(status, "details", "causes", NULL)) {
		const char *field = rk_get_str(c, "field", NULL);
		const char *msg = rk_get_str(c, "message", NULL);
		rk_auto_buf one = RK_BUF_INIT;

		if (!msg)
			continue;
		if (shown == CAUSES_SHOWN) {
			more++;
			continue;
		}
		clean(&one, msg, secret);
		rk_buf_addf(out, "%s%s%s%.300s", shown++ ? "; " : "", field ? field : "",
			field && *field ? ": " : "", one.s);
	}
	if (more)
		rk_buf_addf(out, "; and %d more", more);
	return shown > 0;
}

static bool has_cause(const struct rk_val *status, const char *reason)
{
	rk_each (c, rk_get(status, "details", "causes", NULL))
		if (rk_streq(rk_get_str(c, "reason", NULL), reason))
			return true;
	return false;
}

/* A "not found" that names neither what was asked for nor its namespace answers another request. */
static bool about_another(const struct rk_kube_about *a, const struct rk_val *st)
{
	const char *kind = rk_get_str(st, "details", "kind", NULL);
	const char *name = rk_get_str(st, "details", "name", NULL);

	if (!name || !*name || rk_streq(kind, "namespaces"))
		return false;
	return a->name && !rk_streq(name, a->name);
}

/* --- one writer for each reason; text goes behind "WHAT on SERVER: " --- */

static void not_found(const struct rk_kube_about *a, const struct rk_val *st, struct rk_buf *text,
	struct rk_err *err)
{
	const char *kind = rk_get_str(st, "details", "kind", NULL);
	const char *name = rk_get_str(st, "details", "name", NULL);

	if (rk_streq(kind, "namespaces") && name && !rk_prefix(a->what, "namespace/")) {
		rk_buf_addf(text, "namespace %s does not exist", name);
		rk_err_hint(err,
			"name another with -n, or create it with: kubectl create namespace %s%s",
			name, rk_here_kubectl());
	} else if (name && *name) {
		rk_buf_puts(text, "not found");
	} else {
		rk_buf_puts(text, "the server does not know this kind of object");
	}
}

static void forbidden(const struct rk_val *st, const char *msg, bool secret, struct rk_buf *text,
	struct rk_err *err)
{
	if (has_cause(st, "NamespaceTerminating")) {
		rk_buf_puts(text, "its namespace is being deleted");
		rk_err_hint(err, "wait until it is gone with: kubectl get namespaces%s",
			rk_here_kubectl());
		return;
	}
	rk_buf_puts(text, "forbidden: ");
	clean(text, after(msg, "is forbidden: "), secret);
	rk_err_hint(err,
		"ask for that right, or use another context; see what is allowed with: kubectl "
		"auth can-i --list%s",
		rk_here_kubectl());
}

static void conflict(const struct rk_val *st, const char *msg, bool secret, struct rk_buf *text,
	struct rk_err *err)
{
	rk_auto_buf fields = RK_BUF_INIT;

	if (rk_status_fields(st, &fields)) {
		rk_buf_addf(text, "conflict: others set %s", fields.s);
		rk_err_hint(
			err, "take these fields over with --force-conflicts, or leave them out");
		return;
	}
	rk_buf_puts(text, "conflict: ");
	clean(text, msg, secret);
}

/* Who brings an API group, for the hint when it is missing. */
static void group_hint(const char *api_version, const struct rk_kube *k, struct rk_err *err)
{
	const struct rk_target *t = k ? rk_kube_target(k) : NULL;
	static const struct {
		const char *group, *hint;
	} groups[] = {
		{"k3k.io/",
			"k3k is not installed on this cluster, or this is not the host cluster; "
			"see the context"},
		{"helm.cattle.io/", "the helm-controller of k3s and RKE2 brings it; is this the "
				    "right cluster?"},
		{"cert-manager.io/", "cert-manager is not installed on this cluster yet"},
	};

	if (t && t->host_contexts && api_version && rk_prefix(api_version, groups[0].group)) {
		rk_err_hint(err,
			"this is the virtual cluster %s; use its host's context: --context %s",
			t->virtual_cluster, t->host_contexts);
		return;
	}
	for (size_t i = 0; i < RK_COUNT(groups); i++)
		if (api_version && rk_prefix(api_version, groups[i].group)) {
			rk_err_hint(err, "%s", groups[i].hint);
			return;
		}
	rk_err_hint(err, "install the CustomResourceDefinition or component that brings it");
}

/* The API server answers an expired client certificate with a plain 401. False: it has not expired. */
static bool expired(const struct rk_kube_about *a, struct rk_buf *text, struct rk_err *err)
{
	int64_t end = a->kube ? rk_target_expires(rk_kube_target(a->kube)) : 0;
	char when[32];

	if (!end || end > time(NULL))
		return false;
	rk_time_format(end, when);
	rk_buf_addf(text, "the client certificate of context %s expired on %s",
		rk_kube_context(a->kube), when);
	rk_err_hint(err, "renew it, or choose another user with --user or --context");
	return true;
}

static void unauthorized(const struct rk_kube_about *a, struct rk_buf *text, struct rk_err *err)
{
	if (expired(a, text, err))
		return;
	rk_buf_puts(text, "the server does not accept the credentials");
	rk_err_hint(err, "renew them, or choose another user with --user or --context");
}

/* "WHAT on SERVER: text" with code, reason and http. */
static int finish(const struct rk_kube_about *a, int http, struct verdict v, const char *text,
	struct rk_err *err)
{
	const char *server = a->kube ? rk_kube_server(a->kube) : NULL;
	struct rk_err keep = RK_ERR_INIT;

	if (!err)
		return -1;
	keep = *err; /* the hint was set before the message is known */
	rk_err_set(err, v.code, "%s%s%s: %s", a->what ? a->what : "request", server ? " on " : "",
		server ? server : "", text);
	memcpy(err->hint, keep.hint, sizeof(err->hint));
	err->http = http;
	return rk_err_reason(err, v.reason);
}

/* The API has no field for it: the failure of a webhook is an internal error like any other. */
static bool is_webhook(int http, const char *msg)
{
	return http == 500 && strstr(msg, "failed calling webhook");
}

int rk_kube_status_val(
	const struct rk_kube_about *a, int http, const struct rk_val *st, struct rk_err *err)
{
	const char *reason = rk_get_str(st, "reason", NULL);
	const char *msg = rk_get_str(st, "message", NULL);
	struct verdict v = find_verdict(reason, http);
	rk_auto_buf text = RK_BUF_INIT;

	rk_err_clear(err);
	reason = reason ? reason : "";
	msg = msg ? msg : "";
	if (http == 404 && about_another(a, st))
		return rk_kube_unexpected(a, err, "it says that \"%.100s\" was not found",
			rk_get_str(st, "details", "name", NULL));
	if (v.reason == RK_REASON_NOT_FOUND || (!*reason && http == 404))
		not_found(a, st, &text, err);
	else if (v.reason == RK_REASON_FORBIDDEN)
		forbidden(st, msg, a->secret, &text, err);
	else if (v.reason == RK_REASON_CONFLICT)
		conflict(st, msg, a->secret, &text, err);
	else if (v.reason == RK_REASON_INVALID && add_causes(&text, st, a->secret))
		;
	else if (v.reason == RK_REASON_UNAUTHORIZED)
		unauthorized(a, &text, err);
	else
		clean(&text, msg, a->secret);
	if (!text.len)
		rk_buf_addf(&text, "HTTP status %d%s%s", http, *reason ? ", " : "", reason);
	if (is_webhook(http, msg))
		v.reason = RK_REASON_WEBHOOK;
	return finish(a, http, v, text.s, err);
}

/* No Status in the body: what a proxy, a load balancer or the API's own mux says. */
static int plain(const struct rk_kube_about *a, const struct rk_http_res *res, struct rk_err *err)
{
	const struct verdict no_api = {.reason = RK_REASON_NO_SUCH_API, .code = RK_NOTFOUND};
	rk_auto_buf text = RK_BUF_INIT;
	rk_auto_buf body = RK_BUF_INIT;
	rk_auto_free char *head =
		rk_strndup(res->body.s, res->body.len < 200 ? res->body.len : 200);

	rk_err_clear(err);
	if (res->status == 404 && rk_prefix(head, "404 page not found")) {
		rk_buf_addf(&text, "there is no API %s",
			a->api_version ? a->api_version : "of this path");
		group_hint(a->api_version, a->kube, err);
		return finish(a, 404, no_api, text.s, err);
	}
	if (res->status == 401 && expired(a, &text, err))
		return finish(a, 401, find_verdict("Unauthorized", 401), text.s, err);
	if (res->status == 401 && !res->body.len) { /* libcurl drops it of what had a body itself */
		unauthorized(a, &text, err);
		return finish(a, 401, find_verdict("Unauthorized", 401), text.s, err);
	}
	if (res->status == 413) {
		rk_err_hint(err, "objects may have about 1 MiB; make it smaller");
		return finish(a, 413, find_verdict(NULL, 413), "the object is too large", err);
	}
	rk_buf_addf(&text, "HTTP status %d", res->status);
	if (strstr(res->content_type, "html")) {
		rk_buf_puts(&text, " with an HTML page");
		rk_err_hint(
			err, "not a Kubernetes API; is a proxy or a login page in front of it?");
	} else {
		clean(&body, head, a->secret);
		if (body.len)
			rk_buf_addf(&text, ": %s", body.s);
	}
	finish(a, res->status,
		find_verdict(res->status == 401 ? "Unauthorized" : NULL, res->status), text.s, err);
	if (err && res->status == 404) /* the answer does not come from an API server */
		err->code = RK_FAIL;
	return -1;
}

int rk_kube_status(const struct rk_kube_about *a, const struct rk_http_res *res, struct rk_err *err)
{
	rk_auto_doc *d = rk_doc_new(a->secret);
	struct rk_val *st = NULL;

	if (rk_json_parse(d, res->body.s, res->body.len, &st, NULL) == 0 &&
		rk_streq(rk_get_str(st, "kind", NULL), "Status"))
		return rk_kube_status_val(a, res->status, st, err);
	return plain(a, res, err);
}
