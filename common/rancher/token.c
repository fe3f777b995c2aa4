// SPDX-License-Identifier: Apache-2.0
/* API tokens of both kinds. */
#include "internal.h"

#include <ctype.h>

#define EXT	   "ext/"
#define MAKE	   "make an API token"
#define EXT_TOKENS "/apis/ext.cattle.io/v1/tokens"

const char *rk_rancher_token_name(struct rk_doc *d, const char *value)
{
	const char *p = value + (rk_prefix(value, EXT) ? strlen(EXT) : 0), *colon = strchr(p, ':');

	if (!colon || colon == p || !colon[1])
		return NULL;
	for (const char *c = p; *c; c++)
		if (c != colon && !isalnum((unsigned char)*c) && !strchr("-_.", *c))
			return NULL;
	return rk_doc_strndup(d, value, (size_t)(colon - value));
}

int rk_rancher_token_parse(
	struct rk_doc *d, const struct rk_val *v, struct rk_rancher_token *out, struct rk_err *err)
{
	const struct rk_val *ext = rk_get(v, "metadata", NULL);
	const struct rk_val *meta = ext ? ext : v, *spec = ext ? rk_get(v, "spec", NULL) : v;
	const struct rk_val *status = ext ? rk_get(v, "status", NULL) : v;
	const char *name = "", *id = "", *bearer = "", *secret = "", *ends = "", *cluster = "";
	bool enabled = true, expired = false;
	int64_t created_ms = 0;

	*out = (struct rk_rancher_token){.description = "", .expires = RK_RANCHER_UNKNOWN};
	if (rk_want_str(meta, &name, err, "name", NULL) < 0 ||
		rk_want_str(spec, &out->description, err, "description", NULL) < 0 ||
		rk_want_str(spec, &cluster, err, ext ? "clusterName" : "clusterId", NULL) < 0 ||
		rk_want_int(spec, &out->ttl_ms, err, "ttl", NULL) < 0 ||
		rk_want_bool(spec, &enabled, err, "enabled", NULL) < 0 ||
		rk_want_str(status, &ends, err, "expiresAt", NULL) < 0 ||
		rk_want_bool(status, &out->current, err, "current", NULL) < 0 ||
		rk_want_bool(status, &expired, err, "expired", NULL) < 0 ||
		rk_want_str(status, &bearer, err, ext ? "bearerToken" : "token", NULL) < 0)
		return -1;
	if (ext ? rk_want_str(status, &secret, err, "value", NULL) < 0
		: rk_want_str(v, &id, err, "id", NULL) < 0 ||
				rk_want_int(v, &created_ms, err, "createdTS", NULL) < 0)
		return -1;
	name = *name ? name : id;
	if (!*name)
		return rk_err_set(err, RK_FAIL, "the answer is not a token");
	out->name = rk_doc_printf(d, "%s%s", ext ? EXT : "", name);
	if (*bearer)
		out->value = bearer;
	else if (*secret) /* 2.12 has no bearerToken */
		out->value = rk_doc_printf(d, EXT "%s:%s", name, secret);
	/* as the server reports it, else computed, since a new Norman token has no expiresAt yet */
	if (rk_time_parse(ends) >= 0)
		out->expires = rk_time_parse(ends);
	else if (out->ttl_ms == 0)
		out->expires = RK_RANCHER_NEVER;
	else if (created_ms > 0 && out->ttl_ms > 0)
		out->expires = (created_ms + out->ttl_ms) / 1000;
	out->scoped = *cluster;
	out->live = enabled && !expired && (ext || out->ttl_ms >= 0);
	return 0;
}

/* --- making, reading, deleting --- */

/* The longest lifetime that the server gives: 0 means 90 days or the maximum, depending on
 * the version, so the maximum is asked for by its number. */
static int longest(struct rk_rancher *r, struct rk_doc *d, int64_t *ttl_ms, struct rk_err *err)
{
	const char *text;
	int64_t minutes;

	*ttl_ms = 0;
	if (rk_rancher_setting(r, d, RK_RANCHER_MAX_TTL, &text, err) < 0) {
		if (!err->http)
			return -1;
		rk_err_clear(err); /* without permission to read it: the server's default */
	} else if (rk_parse_int(text, 0, INT64_MAX / 60000, &minutes)) {
		*ttl_ms = minutes * 60000;
	}
	return 0;
}

int rk_rancher_token_make(struct rk_rancher *r, struct rk_doc *d, const char *description,
	int64_t ttl_ms, struct rk_rancher_token *out, bool *maybe, struct rk_err *err)
{
	struct rk_val *v, *norman = rk_map(d), *ext = rk_map(d), *spec;
	int rc;

	*maybe = false;
	*out = (struct rk_rancher_token){0};
	if (ttl_ms <= 0 && longest(r, d, &ttl_ms, err) < 0)
		return -1;
	rk_set_str(d, norman, "type", "token");
	rk_set_str(d, norman, "description", description);
	rk_set_int(d, norman, "ttl", ttl_ms);
	rc = rk_rancher_json(r, "POST", "/v3/tokens", norman, MAKE, d, &v, err);
	if (rc < 0 && (rk_rancher_lacks(err) ||
			      (err->http == 401 && r->token && rk_prefix(r->token, EXT)))) {
		rk_err_clear(err);
		rk_set_str(d, ext, "apiVersion", "ext.cattle.io/v1");
		rk_set_str(d, ext, "kind", "Token");
		spec = rk_map_at(d, ext, "spec", NULL);
		rk_set_str(d, spec, "description", description);
		rk_set_int(d, spec, "ttl", ttl_ms);
		rc = rk_rancher_json(r, "POST", EXT_TOKENS, ext, MAKE, d, &v, err);
	}
	*maybe = rc == 0 || rk_rancher_maybe_done(err);
	if (rc < 0)
		return -1;
	if (rk_rancher_token_parse(d, v, out, err) < 0)
		return rk_rancher_malformed(r, MAKE, NULL, err);
	if (!out->value || !rk_streq(rk_rancher_token_name(d, out->value), out->name))
		return rk_rancher_malformed(r, MAKE, "the answer holds none", err);
	*maybe = false;
	return 0;
}

static const char *token_path(struct rk_doc *d, const char *name)
{
	return rk_prefix(name, EXT) ? rk_rancher_path(d, EXT_TOKENS "/", name + strlen(EXT), "")
				    : rk_rancher_path(d, "/v3/tokens/", name, "");
}

int rk_rancher_token_get(struct rk_rancher *r, struct rk_doc *d, const char *name,
	struct rk_rancher_token *out, struct rk_err *err)
{
	const char *what = rk_doc_printf(d, "read token %s", name);
	struct rk_val *v;

	if (rk_rancher_json(r, "GET", token_path(d, name), NULL, what, d, &v, err) < 0)
		return -1;
	if (rk_rancher_token_parse(d, v, out, err) < 0)
		return rk_rancher_malformed(r, what, NULL, err);
	if (!rk_streq(out->name, name))
		return rk_rancher_malformed(
			r, what, "unexpected answer: it is about another token", err);
	return 0;
}

/* Norman shows everyone only his own tokens; the management cluster's API obeys RBAC instead. */
int rk_rancher_token_delete(
	struct rk_rancher *r, const char *name, bool any, bool *gone, struct rk_err *err)
{
	rk_auto_doc *d = rk_doc_new(false);
	const char *path =
		any && !rk_prefix(name, EXT)
			? rk_rancher_path(d, "/apis/management.cattle.io/v3/tokens/", name, "")
			: token_path(d, name);
	int rc = rk_rancher_json(
		r, "DELETE", path, NULL, rk_doc_printf(d, "delete token %s", name), d, NULL, err);

	*gone = rc < 0 && err->http == 404;
	if (!*gone)
		return rc;
	rk_err_clear(err);
	return 0;
}

/* --- listing --- */

static int list_at(struct rk_rancher *r, const char *path, const char *key, struct rk_doc *d,
	struct rk_val *list, struct rk_err *err)
{
	static const char what[] = "list tokens";
	const struct rk_val *items = NULL;
	struct rk_val *v;

	if (rk_rancher_json(r, "GET", path, NULL, what, d, &v, err) < 0)
		return -1;
	if (rk_want_seq(v, &items, err, key, NULL) < 0)
		return rk_rancher_malformed(r, what, NULL, err);
	rk_each (it, items) {
		struct rk_val *token = rk_map(d);
		struct rk_rancher_token t;

		if (rk_rancher_token_parse(d, it, &t, err) < 0)
			return rk_rancher_malformed(r, what, NULL, err);
		rk_set_str(d, token, "name", t.name);
		rk_set_str(d, token, "description", t.description);
		rk_set_bool(d, token, "current", t.current);
		rk_append(list, token);
	}
	return 0;
}

/* Norman's list has no pages in practice: limit is ignored there. One of the two APIs is enough. */
int rk_rancher_tokens(
	struct rk_rancher *r, struct rk_doc *d, struct rk_val **out, struct rk_err *err)
{
	struct rk_err ext = RK_ERR_INIT;
	int norman;

	*out = rk_seq(d);
	norman = list_at(r, "/v3/tokens", "data", d, *out, err);
	if (norman < 0 && !err->http)
		return -1;
	if (list_at(r, EXT_TOKENS, "items", d, *out, &ext) < 0)
		return norman;
	rk_err_clear(err);
	return 0;
}
