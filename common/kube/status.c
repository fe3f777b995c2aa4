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

/* The causes, apart by sep: those of a conflict as ".data.a (manager kubectl)", those of another error
 * as "spec.servers: Invalid value …". */
static bool add_causes(struct rk_buf *out, const struct rk_val *status, const char *sep,
	bool conflict, bool secret)
{
	int shown = 0, more = 0;

	rk_each (c, rk_get(status, "details", "causes", NULL)) {
		const char *field = rk_get_str(c, "field", NULL);
		const char *msg = rk_get_str(c, "message", NULL), *manager;
		rk_auto_buf text = RK_BUF_INIT;
		int n;

		field = field ? field : "";
		if (conflict ? !rk_cause_manager(c, &manager, &n) : !msg)
			continue;
		if (shown == CAUSES_SHOWN) {
			more++;
			continue;
		}
		rk_buf_puts(out, shown++ ? sep : "");
		if (conflict) {
			rk_buf_addf(out, "%s (manager %.*s)", *field ? field : "the object", n,
				manager);
			continue;
		}
		clean(&text, msg, secret);
		rk_buf_addf(out, "%s%s%.300s", field, *field ? ": " : "", text.s);
	}
	if (more)
		rk_buf_addf(out, "%s and %d more", conflict ? "" : ";", more);
	return shown > 0;
}

bool rk_status_fields(const struct rk_val *status, struct rk_buf *out)
{
	return add_causes(out, status, ", ", true, false);
}

/* Which component brings an API group, for the hint when it is missing. */
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
		{"", "install the CustomResourceDefinition or component that brings it"},
	};

	if (t && t->host_contexts && api_version && rk_prefix(api_version, groups[0].group)) {
		rk_err_hint(err,
			"this is the virtual cluster %s; use its host's context: --context %s",
			t->virtual_cluster, t->host_contexts);
		return;
	}
	for (size_t i = 0; i < RK_COUNT(groups); i++)
		if (rk_prefix(api_version ? api_version : "", groups[i].group)) {
			rk_err_hint(err, "%s", groups[i].hint);
			return;
		}
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
			"ask for that right, or use another context; see what is allowed with: "
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
		add_causes(text, st, "; ", false, a->secret);
		return;
	case RK_REASON_UNAUTHORIZED:
		unauthorized(a, text, err);
		return;
	default:
		return;
	}
}

/* "WHAT on SERVER: text" with code, reason and http; the hint of err is kept. */
static int finish(const struct rk_kube_about *a, int http, struct verdict v, const char *text,
	struct rk_err *err)
{
	const char *server = a->kube ? rk_kube_server(a->kube) : NULL;
	struct rk_err keep;

	if (!err)
		return -1;
	keep = *err;
	rk_err_set(err, v.code, "%s%s%s: %s", a->what ? a->what : "request", server ? " on " : "",
		server ? server : "", text);
	memcpy(err->hint, keep.hint, sizeof(err->hint));
	err->http = http;
	return rk_err_reason(err, v.reason);
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
		unauthorized(a, &text, err); /* libcurl itself drops the body of some 401s */
	} else if (res->status == 401 && expired(a, &text, err)) {
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
