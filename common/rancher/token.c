// SPDX-License-Identifier: Apache-2.0
/* API tokens of both kinds. */
#include "internal.h"

#include <ctype.h>

#define EXT	   "ext/"
#define MAKE	   "make an API token"
#define EXT_TOKENS "/apis/ext.cattle.io/v1/tokens"

void rk_rancher_token_release(struct rk_rancher_token *t)
{
	rk_free_secret(t->value);
	free(t->name);
	free(t->description);
	*t = (struct rk_rancher_token)RK_RANCHER_TOKEN_INIT;
}

char *rk_rancher_token_name(const char *value)
{
	const char *p = value + (rk_prefix(value, EXT) ? strlen(EXT) : 0), *colon = strchr(p, ':');

	if (!colon || colon == p || !colon[1])
		return NULL;
	for (const char *c = p; *c; c++)
		if (c != colon && !isalnum((unsigned char)*c) && !strchr("-_.", *c))
			return NULL;
	return rk_strndup(value, (size_t)(colon - value));
}

/* --- parsing --- */

static const char *if_set(const char *s)
{
	return s && *s ? s : NULL;
}

/* When it ends: as the server reports it, else computed, since a new Norman token has no expiresAt yet. */
static int64_t expiry(const char *at, int64_t created_ms, int64_t ttl_ms)
{
	int64_t t = if_set(at) ? rk_time_parse(at) : -1;

	if (t >= 0)
		return t;
	if (ttl_ms == 0)
		return RK_RANCHER_NEVER;
	return created_ms > 0 && ttl_ms > 0 ? (created_ms + ttl_ms) / 1000 : RK_RANCHER_UNKNOWN;
}

int rk_rancher_token_parse(const struct rk_val *v, struct rk_rancher_token *out, struct rk_err *err)
{
	bool is_ext = rk_get(v, "metadata", NULL) != NULL;
	const struct rk_val *meta = is_ext ? rk_get(v, "metadata", NULL) : v;
	const struct rk_val *spec = is_ext ? rk_get(v, "spec", NULL) : v;
	const struct rk_val *status = is_ext ? rk_get(v, "status", NULL) : v;
	const char *name = NULL, *id = NULL, *bearer = NULL, *secret = NULL, *about = NULL;
	const char *ends = NULL, *cluster = NULL;
	bool enabled = true, expired = false;
	int64_t created_ms = 0;

	*out = (struct rk_rancher_token)RK_RANCHER_TOKEN_INIT;
	if (rk_want_str(meta, &name, err, "name", NULL) < 0 ||
		rk_want_str(spec, &about, err, "description", NULL) < 0 ||
		rk_want_str(spec, &cluster, err, is_ext ? "clusterName" : "clusterId", NULL) < 0 ||
		rk_want_int(spec, &out->ttl_ms, err, "ttl", NULL) < 0 ||
		rk_want_bool(spec, &enabled, err, "enabled", NULL) < 0 ||
		rk_want_str(status, &ends, err, "expiresAt", NULL) < 0 ||
		rk_want_bool(status, &out->current, err, "current", NULL) < 0 ||
		rk_want_bool(status, &expired, err, "expired", NULL) < 0 ||
		rk_want_str(status, &bearer, err, is_ext ? "bearerToken" : "token", NULL) < 0)
		return -1;
	if (is_ext ? rk_want_str(status, &secret, err, "value", NULL) < 0
		   : rk_want_str(v, &id, err, "id", NULL) < 0 ||
				rk_want_int(v, &created_ms, err, "createdTS", NULL) < 0)
		return -1;
	name = if_set(name) ? name : if_set(id);
	if (!name)
		return rk_err_set(err, RK_FAIL, "the answer is not a token");
	out->name = rk_asprintf("%s%s", is_ext ? EXT : "", name);
	if (if_set(bearer))
		out->value = rk_strdup(bearer);
	else if (if_set(secret)) /* 2.12 has no bearerToken */
		out->value = rk_asprintf(EXT "%s:%s", name, secret);
	out->description = rk_strdup(about ? about : "");
	out->expires = expiry(ends, created_ms, out->ttl_ms);
	out->scoped = if_set(cluster) != NULL;
	out->live = enabled && !expired && (is_ext || out->ttl_ms >= 0);
	return 0;
}

/* --- making, reading, deleting --- */

/* The longest lifetime that the server gives: 0 means 90 days or the maximum, depending on
 * the version, so the maximum is asked for by its number. */
static int longest(struct rk_rancher *r, int64_t *ttl_ms, struct rk_err *err)
{
	rk_auto_free char *text = NULL;
	int64_t minutes;

	*ttl_ms = 0;
	if (rk_rancher_setting(r, RK_RANCHER_MAX_TTL, &text, err) < 0) {
		if (!err->http)
			return -1;
		rk_err_clear(
			err); /* without permission to read it, the token gets the server's default */
		return 0;
	}
	if (rk_parse_int(text, 0, INT64_MAX / 60000, &minutes))
		*ttl_ms = minutes * 60000;
	return 0;
}

int rk_rancher_token_make(struct rk_rancher *r, const char *description, int64_t ttl_ms,
	struct rk_rancher_token *out, bool *maybe, struct rk_err *err)
{
	rk_auto_doc *d = rk_doc_new(true);
	rk_auto_free char *name = NULL;
	struct rk_val *v, *norman = rk_map(d), *ext = rk_map(d), *spec;
	int rc;

	*maybe = false;
	*out = (struct rk_rancher_token)RK_RANCHER_TOKEN_INIT;
	if (ttl_ms <= 0 && longest(r, &ttl_ms, err) < 0)
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
	if (rk_rancher_token_parse(v, out, err) < 0)
		return rk_rancher_malformed(r, MAKE, err);
	name = out->value ? rk_rancher_token_name(out->value) : NULL;
	if (!rk_streq(name, out->name))
		return rk_err_set(err, RK_FAIL, "%s: %s: the answer holds none", r->base, MAKE);
	*maybe = false;
	return 0;
}

static char *token_path(const char *name)
{
	rk_auto_buf path = RK_BUF_INIT;
	bool ext = rk_prefix(name, EXT);

	rk_buf_puts(&path, ext ? EXT_TOKENS "/" : "/v3/tokens/");
	rk_urlencode(&path, name + (ext ? strlen(EXT) : 0));
	return rk_buf_detach(&path);
}

int rk_rancher_token_get(
	struct rk_rancher *r, const char *name, struct rk_rancher_token *out, struct rk_err *err)
{
	rk_auto_doc *d = rk_doc_new(true);
	rk_auto_free char *path = token_path(name), *what = rk_asprintf("read token %s", name);
	struct rk_val *v;

	*out = (struct rk_rancher_token)RK_RANCHER_TOKEN_INIT;
	if (rk_rancher_json(r, "GET", path, NULL, what, d, &v, err) < 0)
		return -1;
	if (rk_rancher_token_parse(v, out, err) < 0)
		return rk_rancher_malformed(r, what, err);
	if (!rk_streq(out->name, name)) {
		rk_rancher_token_release(out);
		return rk_rancher_unexpected(r, what, "it is about another token", err);
	}
	return 0;
}

static int delete_at(
	struct rk_rancher *r, const char *path, const char *name, bool *gone, struct rk_err *err)
{
	rk_auto_http_res res = RK_HTTP_RES_INIT;
	rk_auto_free char *what = rk_asprintf("delete token %s", name);
	int rc = rk_rancher_call(r, "DELETE", path, NULL, what, &res, err);

	if (gone)
		*gone = rc < 0 && res.status == 404;
	if (rc < 0 && res.status == 404) {
		rk_err_clear(err);
		return 0;
	}
	return rc;
}

int rk_rancher_token_delete(struct rk_rancher *r, const char *name, bool *gone, struct rk_err *err)
{
	rk_auto_free char *path = token_path(name);

	return delete_at(r, path, name, gone, err);
}

/* Norman shows everyone only his own tokens; the management cluster's API obeys RBAC instead. */
int rk_rancher_token_delete_any(
	struct rk_rancher *r, const char *name, bool *gone, struct rk_err *err)
{
	rk_auto_buf path = RK_BUF_INIT;

	if (rk_prefix(name, EXT))
		return rk_rancher_token_delete(r, name, gone, err);
	rk_buf_puts(&path, "/apis/management.cattle.io/v3/tokens/");
	rk_urlencode(&path, name);
	return delete_at(r, path.s, name, gone, err);
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
		return rk_rancher_malformed(r, what, err);
	rk_each (it, items) {
		struct rk_rancher_token t;
		struct rk_val *token = rk_map(d);
		int rc = rk_rancher_token_parse(it, &t, err);

		if (rc == 0) {
			rk_set_str(d, token, "name", t.name);
			rk_set_str(d, token, "description", t.description);
			rk_set_bool(d, token, "current", t.current);
			rk_append(list, token);
		}
		rk_rancher_token_release(&t);
		if (rc < 0)
			return rk_rancher_malformed(r, what, err);
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
