// SPDX-License-Identifier: Apache-2.0
/* Errors of the API server: the Status of the API machinery, decided by reason, then by code, never by
 * text; and bodies that are not a Status (proxies, unknown API groups). */
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
	struct verdict v = {.code = RK_FAIL};

	for (size_t i = RK_COUNT(verdicts); i-- > 0;) {
		if (rk_streq(verdicts[i].text, text))
			return verdicts[i];
		if (verdicts[i].http == http)
			v.code = verdicts[i].code;
	}
	return v;
}

/* The server's text in one line; for Secrets nothing from where it starts to quote a value. */
static void clean(struct rk_buf *out, const char *text, bool secret)
{
	static const char *const quotes[] = {"Invalid value:", "got &value", "Value:"};
	const char *end = text + strlen(text), *whole = end;

	for (size_t i = 0; secret && i < RK_COUNT(quotes); i++) {
		const char *p = strstr(text, quotes[i]);

		end = p && p < end ? p : end;
	}
	for (const char *p = text; p < end && out->len < 1000; p++) {
		if ((unsigned char)*p > ' ')
			rk_buf_putc(out, *p);
		else if (out->len && out->s[out->len - 1] != ' ')
			rk_buf_putc(out, ' ');
	}
	while (out->len && out->s[out->len - 1] == ' ')
		out->s[--out->len] = '\0';
	if (end != whole)
		rk_buf_puts(out, " (value not shown)");
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

/* The causes: those of a conflict as ".data.a (manager kubectl), …", those of another error as
 * "spec.servers: Invalid value …; …". */
static bool add_causes(struct rk_buf *out, const struct rk_val *status, bool conflict, bool secret)
{
	int shown = 0, more = 0;

	rk_each (c, rk_get(status, "details", "causes", NULL)) {
		const char *field = rk_get_str(c, "field", NULL);
		const char *msg = rk_get_str(c, "message", NULL), *manager = NULL;
		rk_auto_buf text = RK_BUF_INIT;
		int n = 0;

		field = field ? field : "";
		if (conflict ? !rk_cause_manager(c, &manager, &n) : !msg)
			continue;
		if (shown == CAUSES_SHOWN) {
			more++;
			continue;
		}
		rk_buf_puts(out, !shown++ ? "" : conflict ? ", " : "; ");
		clean(&text, conflict ? "" : msg, secret);
		if (conflict)
			rk_buf_addf(out, "%s (manager %.*s)", *field ? field : "the object", n,
				manager);
		else
			rk_buf_addf(out, "%s%s%.300s", field, *field ? ": " : "", text.s);
	}
	if (more)
		rk_buf_addf(out, "%s and %d more", conflict ? "" : ";", more);
	return shown > 0;
}

bool rk_status_fields(const struct rk_val *status, struct rk_buf *out)
{
	return add_causes(out, status, true, false);
}

/* Which component brings an API group, for the hint when it is missing. */
static void group_hint(const char *api_version, const struct rk_kube *k, struct rk_err *err)
{
	static const struct {
		const char *group, *hint;
	} groups[] = {
		{"k3k.io/",
			"k3k is not installed on this cluster, or this is not the host cluster; "
			"see the context"},
		{"helm.cattle.io/", "the helm-controller of k3s and RKE2 brings it; is this the "
				    "right cluster?"},
		{"cert-manager.io/", "cert-manager is not installed on this cluster yet"},
		{"", "install the CustomResourceDefinition or component that brings it"},
	};
	size_t i = 0;

	while (!rk_prefix(api_version ? api_version : "", groups[i].group))
		i++;
	if (i == 0 && k && k->target.host_contexts)
		rk_err_hint(err,
			"this is the virtual cluster %s; use its host's context: --context %s",
			k->target.virtual_cluster, k->target.host_contexts);
	else
		rk_err_hint(err, "%s", groups[i].hint);
}

/* The API server answers an expired client certificate with a plain 401. Returns whether it has expired;
 * only_expired: else nothing is set. */
static bool unauthorized(
	const struct rk_kube_about *a, bool only_expired, struct rk_buf *text, struct rk_err *err)
{
	int64_t end = a->kube ? rk_target_expires(&a->kube->target) : 0;
	bool expired = end && end <= time(NULL);
	char when[32];

	if (!expired && only_expired)
		return false;
	rk_time_format(end, when);
	if (expired)
		rk_buf_addf(text, "the client certificate of context %s expired on %s",
			rk_kube_context(a->kube), when);
	else
		rk_buf_puts(text, "the server does not accept the credentials");
	rk_err_hint(err, "renew %s, or choose another user with --user or --context",
		expired ? "it" : "them");
	return expired;
}

/* Text and hint of a Status whose reason is known; nothing for others. */
static void add_known(const struct rk_kube_about *a, const struct rk_val *st, enum rk_reason reason,
	const char *msg, struct rk_buf *text, struct rk_err *err)
{
	const char *kind = rk_get_str(st, "details", "kind", NULL);
	const char *name = rk_get_str(st, "details", "name", NULL);
	rk_auto_buf fields = RK_BUF_INIT;
	const char *p;

	switch (reason) {
	case RK_REASON_NOT_FOUND:
		if (rk_streq(kind, "namespaces") && name && !rk_prefix(a->what, "namespace/")) {
			rk_buf_addf(text, "namespace %s does not exist", name);
			rk_err_hint(err,
				"name another with -n, or create it with: kubectl create namespace "
				"%s%s",
				name, rk_here_kubectl());
			return;
		}
		rk_buf_puts(text, name && *name ? "not found"
						: "the server does not know this kind of object");
		return;
	case RK_REASON_FORBIDDEN:
		rk_each (c, rk_get(st, "details", "causes", NULL)) {
			if (!rk_streq(rk_get_str(c, "reason", NULL), "NamespaceTerminating"))
				continue;
			rk_buf_puts(text, "its namespace is being deleted");
			rk_err_hint(err, "wait until it is deleted with: kubectl get namespaces%s",
				rk_here_kubectl());
			return;
		}
		rk_buf_puts(text, "forbidden: ");
		/* "secrets "x" is forbidden: User …" repeats the object */
		p = strstr(msg, "is forbidden: ");
		clean(text, p ? p + strlen("is forbidden: ") : msg, a->secret);
		rk_err_hint(err,
			"request that permission, or use another context; see what is allowed "
			"with: "
			"kubectl auth can-i --list%s",
			rk_here_kubectl());
		return;
	case RK_REASON_CONFLICT:
		if (!rk_status_fields(st, &fields)) {
			rk_buf_puts(text, "conflict: ");
			clean(text, msg, a->secret);
			return;
		}
		rk_buf_addf(text, "conflict: others set %s", fields.s);
		rk_err_hint(
			err, "take these fields over with --force-conflicts, or leave them out");
		return;
	case RK_REASON_INVALID:
		add_causes(text, st, false, a->secret);
		return;
	case RK_REASON_UNAUTHORIZED:
		unauthorized(a, false, text, err);
		return;
	default:
		return;
	}
}

/* "WHAT on SERVER: text" with code, reason and http; the hint of err is kept. */
static int finish(const struct rk_kube_about *a, int http, struct verdict v, const char *text,
	struct rk_err *err)
{
	struct rk_err done = RK_ERR_INIT;

	if (!err)
		return -1;
	rk_err_set(&done, v.code, "%s%s%s: %s", a->what ? a->what : "request",
		a->kube ? " on " : "", a->kube ? rk_kube_server(a->kube) : "", text);
	memcpy(done.hint, err->hint, sizeof(done.hint));
	done.http = http;
	done.reason = v.reason;
	*err = done;
	return -1;
}

int rk_kube_status_val(
	const struct rk_kube_about *a, int http, const struct rk_val *st, struct rk_err *err)
{
	const char *reason = rk_get_str(st, "reason", NULL);
	const char *msg = rk_get_str(st, "message", NULL);
	const char *name = rk_get_str(st, "details", "name", NULL);
	struct verdict v = find_verdict(reason, http);
	rk_auto_buf text = RK_BUF_INIT;

	rk_err_clear(err);
	reason = reason ? reason : "";
	msg = msg ? msg : "";
	/* a "not found" that names neither the object nor its namespace answers another request */
	if (http == 404 && name && *name && a->name && !rk_streq(name, a->name) &&
		!rk_streq(rk_get_str(st, "details", "kind", NULL), "namespaces"))
		return rk_kube_unexpected(a, err, "it says that \"%.100s\" was not found", name);
	add_known(a, st, !*reason && http == 404 ? RK_REASON_NOT_FOUND : v.reason, msg, &text, err);
	if (!text.len)
		clean(&text, msg, a->secret);
	if (!text.len)
		rk_buf_addf(&text, "HTTP status %d%s%s", http, *reason ? ", " : "", reason);
	/* the API has no field for it: a webhook that fails is an internal error like any other */
	if (http == 500 && strstr(msg, "failed calling webhook"))
		v.reason = RK_REASON_WEBHOOK;
	return finish(a, http, v, text.s, err);
}

/* No Status in the body: the answer of a proxy, a load balancer or the API's own mux. */
static int plain(const struct rk_kube_about *a, const struct rk_http_res *res, struct rk_err *err)
{
	struct verdict v = find_verdict(res->status == 401 ? "Unauthorized" : NULL, res->status);
	rk_auto_buf text = RK_BUF_INIT, body = RK_BUF_INIT;
	rk_auto_free char *head =
		rk_strndup(res->body.s, res->body.len < 200 ? res->body.len : 200);

	rk_err_clear(err);
	if (res->status == 404 && rk_prefix(head, "404 page not found")) {
		v = (struct verdict){.reason = RK_REASON_NO_SUCH_API, .code = RK_NOTFOUND};
		rk_buf_addf(&text, "there is no API %s",
			a->api_version ? a->api_version : "of this path");
		group_hint(a->api_version, a->kube, err);
	} else if (res->status == 401 && !res->body.len) {
		unauthorized(a, false, &text, err); /* libcurl itself drops the body of some 401s */
	} else if (res->status == 401 && unauthorized(a, true, &text, err)) {
		;
	} else if (res->status == 413) {
		rk_buf_puts(&text, "the object is too large");
		rk_err_hint(err, "objects may have about 1 MiB; make it smaller");
	} else {
		if (res->status == 404) /* the answer does not come from an API server */
			v.code = RK_FAIL;
		rk_buf_addf(&text, "HTTP status %d", res->status);
		if (strstr(res->content_type, "html")) {
			rk_buf_puts(&text, " with an HTML page");
			rk_err_hint(err,
				"not a Kubernetes API; is a proxy or a login page in front of it?");
		} else {
			clean(&body, head, a->secret);
			rk_buf_addf(&text, "%s%s", body.len ? ": " : "", body.s);
		}
	}
	return finish(a, res->status, v, text.s, err);
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
