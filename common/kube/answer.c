// SPDX-License-Identifier: Apache-2.0
/* What an answer with a good status must be before it is used: JSON, of the kind and about the object
 * that was requested. A proxy's login page, another API or a server that answers {} to everything
 * would otherwise read as "not found", "unchanged" or "complete".
 * Source: https://kubernetes.io/docs/reference/using-api/api-concepts/ */
#include "internal.h"

#include <stdarg.h>

#define META_VERSION "meta.k8s.io/v1"
#define META_KIND    "PartialObjectMetadata"

int rk_kube_unexpected(const struct rk_kube_about *a, struct rk_err *err, const char *fmt, ...)
{
	char why[300];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	rk_err_clear(err);
	rk_err_set(err, RK_FAIL, "unexpected answer from %s for %s: %s",
		a->kube ? rk_kube_server(a->kube) : "the server", a->what, why);
	rk_err_hint(err, "is this a Kubernetes API? See the server of the context");
	return rk_err_reason(err, RK_REASON_UNEXPECTED);
}

static const char *member(const struct rk_val *v, const char *key)
{
	const char *s = v ? rk_str(rk_member(v, key, strlen(key))) : NULL;

	return s ? s : "";
}

int rk_kube_is(const struct rk_kube_about *a, const struct rk_val *v, const char *api_version,
	const char *kind, struct rk_err *err)
{
	const char *av, *k;

	if (!v || v->kind != RK_MAP)
		return rk_kube_unexpected(a, err, "it is not a JSON object");
	av = member(v, "apiVersion");
	k = member(v, "kind");
	if (strcmp(av, api_version) == 0 && strcmp(k, kind) == 0)
		return 0;
	if (!*k)
		return rk_kube_unexpected(a, err, "it has no kind; expected %s", kind);
	return rk_kube_unexpected(
		a, err, "its kind is %.60s %.60s; expected %s %s", av, k, api_version, kind);
}

/* An object, or an item of a list: its name and namespace are those asked for; without a name to compare
 * with it must have one. */
static int check_object(
	const struct rk_kube_about *a, const struct rk_val *v, bool item, struct rk_err *err)
{
	const struct rk_val *m = rk_member(v, "metadata", 8);
	const char *name = member(m, "name"), *ns = member(m, "namespace");
	const char *of = item ? "an item" : "it";

	if (item && (!v || v->kind != RK_MAP))
		return rk_kube_unexpected(a, err, "its items are not objects");
	if ((!item || rk_member(v, "kind", 4) || rk_member(v, "apiVersion", 10)) &&
		rk_kube_is(a, v, a->metadata_only ? META_VERSION : a->res->api_version,
			a->metadata_only ? META_KIND : a->res->kind, err) < 0)
		return -1;
	if (a->form == RK_FORM_REVIEW)
		return 0;
	if (a->name ? strcmp(name, a->name) != 0 : !*name)
		return rk_kube_unexpected(
			a, err, *name ? "%s has the name \"%.100s\"" : "%s has no name", of, name);
	if (a->res->namespaced && (a->ns ? strcmp(ns, a->ns) != 0 : !*ns))
		return rk_kube_unexpected(a, err,
			*ns ? "%s has the namespace \"%.100s\"" : "%s has no namespace", of, ns);
	return 0;
}

static int check_list(const struct rk_kube_about *a, const struct rk_val *v, struct rk_err *err)
{
	const struct rk_val *items = rk_member(v, "items", 5);
	const char *has = member(v, "kind");
	rk_auto_free char *want =
		rk_asprintf("%sList", a->metadata_only ? META_KIND : a->res->kind);
	/* a kind that is not built in has the listKind that its CRD names */
	bool any = !a->metadata_only && !rk_res_find(a->res->api_version, a->res->kind) &&
		   strlen(has) > 4 && rk_suffix(has, "List");

	if (rk_kube_is(a, v, a->metadata_only ? META_VERSION : a->res->api_version,
		    any ? has : want, err) < 0)
		return -1;
	if (!items || (items->kind != RK_SEQ && items->kind != RK_NULL))
		return rk_kube_unexpected(a, err, "it has no list of items");
	rk_each (it, items)
		if (check_object(a, it, true, err) < 0)
			return -1;
	return 0;
}

int rk_kube_check(const struct rk_kube_about *a, const struct rk_val *v, struct rk_err *err)
{
	const char *name;

	if (a->form == RK_FORM_ANY)
		return 0;
	if (a->form == RK_FORM_LIST)
		return check_list(a, v, err);
	if (a->form != RK_FORM_DELETED || !rk_streq(member(v, "kind"), "Status"))
		return check_object(a, v, false, err);
	name = rk_get_str(v, "details", "name", NULL);
	if (rk_kube_is(a, v, "v1", "Status", err) < 0)
		return -1;
	if (!rk_streq(rk_get_str(v, "status", NULL), "Success"))
		return rk_kube_unexpected(a, err, "a Status that does not report success");
	if (name && a->name && strcmp(name, a->name) != 0)
		return rk_kube_unexpected(a, err, "it is about \"%.100s\"", name);
	return 0;
}

int rk_kube_parse(struct rk_doc *d, const struct rk_kube_about *a, const struct rk_http_res *res,
	struct rk_val **out, struct rk_err *err)
{
	struct rk_err why = RK_ERR_INIT;

	rk_doc_source(d, a->what);
	if (rk_json_parse(d, res->body.s, res->body.len, out, &why) < 0 || (*out)->kind != RK_MAP) {
		*out = NULL;
		if (why.reason == RK_REASON_TOO_LARGE)
			return rk_kube_unexpected(a, err,
				"too many values for an answer of %zu bytes", res->body.len);
		return rk_kube_unexpected(a, err,
			"the answer is not a JSON object (%zu bytes of %s)", res->body.len,
			res->content_type[0] ? res->content_type : "no type");
	}
	if (rk_kube_check(a, *out, err) == 0)
		return 0;
	*out = NULL;
	return -1;
}

bool rk_kube_is_version(const struct rk_http_res *res, struct rk_buf *version)
{
	rk_auto_doc *d = rk_doc_new(false);
	struct rk_val *v = NULL;
	const char *git;

	if (rk_json_parse(d, res->body.s, res->body.len, &v, NULL) < 0)
		return false;
	git = rk_get_str(v, "gitVersion", NULL);
	if (git && version)
		rk_buf_puts(version, git);
	return git && *git;
}

int rk_kube_version(struct rk_kube *k, struct rk_buf *version, struct rk_err *err)
{
	struct rk_http_req req = {.path = "/version", .retry = true};
	struct rk_kube_about a = {.what = "GET /version", .kube = k};
	rk_auto_http_res res = RK_HTTP_RES_INIT;

	if (rk_kube_call(k, &req, &a, &res, err) < 0)
		return -1;
	if (!rk_kube_is_version(&res, version))
		return rk_kube_unexpected(&a, err, "it has no gitVersion");
	return 0;
}
