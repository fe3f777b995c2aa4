// SPDX-License-Identifier: Apache-2.0
#include "registry/registry.h"

#include <strings.h>

#include "os/os.h"
#include "data/data.h"

bool rk_repo_is_oci(const char *repo)
{
	return repo && strncasecmp(repo, "oci://", 6) == 0;
}

char *rk_repo_host(const char *repo)
{
	rk_auto_url u;

	return rk_url_parse(&u, repo, "https") ? NULL : rk_url_host(&u);
}

#define INDEX_MAX    ((size_t)128 << 20)
#define MANIFEST_MAX ((size_t)8 << 20)
#define HOPS_MAX     5

static const char MANIFESTS[] = "application/vnd.oci.image.manifest.v1+json, "
				"application/vnd.oci.image.index.v1+json, "
				"application/vnd.docker.distribution.manifest.v2+json, "
				"application/vnd.docker.distribution.manifest.list.v2+json";

static int client(struct rk_http **out, const char *base, const struct rk_repo_access *a,
	bool credentials, struct rk_err *err)
{
	struct rk_http_conf conf = {.base = base,
		.ca = a->ca,
		.ca_len = a->ca_len,
		.user = credentials ? a->user : NULL,
		.password = credentials ? a->password : NULL,
		.resolve = a->resolve,
		.connect_ms = 5000,
		.request_ms = a->timeout_ms ? a->timeout_ms : 15000};

	return rk_http_new(out, &conf, err);
}

/* Judge a status; what names the thing asked for. */
static int judge(const struct rk_http_res *res, const struct rk_repo_access *a, const char *what,
	struct rk_err *err)
{
	if (res->status == 200)
		return 0;
	if (res->status == 401 || res->status == 403) {
		rk_err_set(err, RK_CONFLICT, "%s: %s", what,
			!a->user ? "credentials required" : "the server rejected the credentials");
	} else if (res->status == 404) {
		rk_err_set(err, RK_NOTFOUND, "%s: not found", what);
	} else if (res->status >= 300 && res->status < 400) {
		rk_err_set(err, RK_FAIL, "%s: redirects to %.200s", what, res->location);
		rk_err_reason(err, RK_REASON_REDIRECT);
	} else {
		rk_err_set(err, RK_FAIL, "%s: answers %d", what, res->status);
		rk_err_reason(err, RK_REASON_STATUS);
	}
	if (err)
		err->http = res->status;
	return -1;
}

/* --- HTTP --- */

/* helm refuses an index without apiVersion, too. */
static int unexpected(const char *from, const char *why, struct rk_err *err)
{
	rk_err_set(err, RK_FAIL, "unexpected answer from %s: %s", from, why);
	return rk_err_hint(err, "check the address: another service may answer there");
}

static int look_up(const struct rk_buf *index, const char *repo, const char *chart,
	const char *version, struct rk_err *err)
{
	rk_auto_doc *d = rk_doc_new(false);
	const struct rk_val *entries, *versions;
	struct rk_val *root;

	rk_doc_source(d, "index.yaml");
	if (rk_yaml_parse(d, index->s, index->len, &root, err) < 0)
		return rk_err_wrap(err, "%s", repo);
	entries = rk_get(root, "entries", NULL);
	if (!rk_get_str(root, "apiVersion", NULL) || !entries || entries->kind != RK_MAP)
		return unexpected(repo, "index.yaml is not the index of a chart repository", err);
	versions = rk_get(entries, chart, NULL);
	if (versions &&
		(versions->kind != RK_SEQ || !versions->child || versions->child->kind != RK_MAP))
		return unexpected(repo, "its index has no list of versions of the chart", err);
	if (!versions)
		return rk_err_set(err, RK_NOTFOUND, "%s has no chart %s", repo, chart);
	rk_each (v, versions) {
		const char *have = rk_str_loose(rk_get(v, "version", NULL));

		if (have && rk_streq(have + (*have == 'v'), version + (*version == 'v')))
			return 0;
	}
	return rk_err_set(
		err, RK_NOTFOUND, "%s has chart %s, but not version %s", repo, chart, version);
}

/* Where an address has moved to, or NULL. */
static char *moved_to(const char *host, const struct rk_http_res *res)
{
	const char *to = res->location;
	rk_auto_free char *url = to[0] == '/' && to[1] != '/'
					 ? rk_asprintf("https://%s%s", host, to)
					 : rk_strdup(to);
	rk_auto_url u;
	const char *bad = rk_url_parse(&u, url, NULL);

	return bad || !rk_streq(u.scheme, "https") || res->status < 301 || res->status > 308 ||
			       strlen(to) + 1 >= sizeof(res->location)
		       ? NULL
		       : rk_steal(&url);
}

/* Redirects are followed as helm does; the login is not sent to another host, nor the CA unless that host
 * was named. */
static int http_chart(const char *repo, const char *chart, const char *version,
	const struct rk_repo_access *a, struct rk_err *err)
{
	rk_auto_free char *own = rk_repo_host(repo), *host = rk_repo_host(repo);
	rk_auto_free char *url = rk_asprintf("%s/index.yaml", repo);
	struct rk_repo_access at = *a;

	for (int hop = 0;; hop++) {
		rk_auto_http_res res = RK_HTTP_RES_INIT;
		rk_auto_free char *base = rk_asprintf("https://%s", host);
		const char *path = strstr(url, "://") + 3;
		struct rk_http_req req = {.path = path + strcspn(path, "/?#"),
			.accept = "*/*",
			.max = INDEX_MAX,
			.retry = true};
		rk_auto_http *h = NULL;
		char *next;

		if (client(&h, base, &at, true, err) < 0 || rk_http_do(h, &req, &res, err) < 0)
			break;
		next = hop < HOPS_MAX ? moved_to(host, &res) : NULL;
		if (!next && judge(&res, &at, url, err) < 0)
			break;
		if (!next)
			return look_up(&res.body, repo, chart, version, err);
		free(url);
		free(host);
		url = next;
		host = rk_repo_host(url);
		if (rk_streq(host, own))
			continue;
		at.user = at.password = NULL;
		if (!at.trusts || !at.trusts(at.arg, host))
			at.ca = NULL;
	}
	if (!err || rk_streq(host, own))
		return -1;
	if (err->reason == RK_REASON_TLS && a->ca && !at.ca) {
		rk_err_reason(err, RK_REASON_REDIRECT);
		rk_err_hint(err,
			"PRIVATE_CA_PATH is not used for %.100s: add that host to HELM_REPO_HOSTS",
			host);
	} else if (err->code == RK_CONFLICT && a->user && !at.user) {
		rk_err_hint(err,
			"the login of %.100s is not sent to %.100s: set the address of the "
			"repository to that host",
			own, host);
	}
	return rk_err_wrap(err, "%s redirects to %s", repo, host);
}

/* --- OCI --- */

bool rk_challenge_param(const char *challenge, const char *name, char *out, size_t size)
{
	const char *p = challenge + strcspn(challenge, " ");
	bool wanted = false;
	size_t n = 0;

	out[0] = '\0';
	while (!wanted) {
		const char *key = p += strspn(p, " ,\t");
		bool quoted;

		p += strcspn(p, "=");
		if (!*p)
			return false;
		wanted = (size_t)(p - key) == strlen(name) && !strncasecmp(key, name, strlen(name));
		quoted = *++p == '"';
		p += quoted;
		for (n = 0; *p && *p != (quoted ? '"' : ','); p++, n++) {
			if (quoted && *p == '\\' && p[1])
				p++;
			if (wanted && n < size)
				out[n] = *p;
		}
		p += *p == '"';
	}
	out[n < size ? n : 0] = '\0';
	return n < size;
}

/* Bearer authentication: fetch a token where the challenge says, for service and scope, as far as there
 * are any, behind the query that the realm may already have. A server that was not named gets
 * neither credentials nor the CA, which is not for it: it has to be one that everybody trusts. */
static int fetch_token(const char *host, const char *challenge, const char *scope,
	const struct rk_repo_access *a, struct rk_doc *d, const char **token, struct rk_err *err)
{
	char realm[300], service[200];
	rk_auto_free char *base = NULL, *other = NULL;
	rk_auto_buf query = RK_BUF_INIT;
	rk_auto_http_res res = RK_HTTP_RES_INIT;
	rk_auto_http *h = NULL;
	struct rk_http_req req = {.retry = true, .max = 1 << 20};
	struct rk_repo_access to = *a;
	struct rk_val *root = NULL;
	bool named;

	if (!rk_challenge_param(challenge, "realm", realm, sizeof(realm)) ||
		!rk_prefix(realm, "https://"))
		return rk_err_set(
			err, RK_FAIL, "registry %s does not name a token server with https", host);
	other = rk_repo_host(realm);
	named = other && (rk_url_same_host(other, host) || (a->trusts && a->trusts(a->arg, other)));
	if (a->user && !named) {
		rk_err_set(err, RK_FAIL,
			"registry %s refers to the token server %.200s, which is not a "
			"host for the credentials",
			host, realm);
		rk_err_reason(err, RK_REASON_FOREIGN_TOKEN);
		return rk_err_hint(err, "add it to HELM_REPO_HOSTS if it may have them");
	}
	if (!named)
		to.ca = NULL;
	base = rk_strndup(realm, strcspn(realm, "?"));
	rk_buf_puts(&query, realm + strlen(base));
	if (rk_challenge_param(challenge, "service", service, sizeof(service))) {
		rk_buf_puts(&query, query.len ? "&service=" : "?service=");
		rk_urlencode(&query, service);
	}
	if (scope) {
		rk_buf_puts(&query, query.len ? "&scope=" : "?scope=");
		rk_urlencode(&query, scope);
	}
	req.path = query.s;
	res.body.secret = true;
	rk_doc_source(d, "token server");
	if (client(&h, base, &to, true, err) == 0 && rk_http_do(h, &req, &res, err) == 0 &&
		judge(&res, &to, realm, err) == 0 &&
		rk_json_parse(d, res.body.s, res.body.len, &root, err) == 0) {
		*token = rk_get_str(root, "token", NULL);
		if (!*token)
			*token = rk_get_str(root, "access_token", NULL);
		if (*token && **token)
			return 0;
		rk_err_set(err, RK_FAIL, "the token server did not return a token");
	}
	if (err && !to.ca && a->ca && err->reason == RK_REASON_TLS) {
		rk_err_reason(err, RK_REASON_FOREIGN_TOKEN);
		rk_err_hint(
			err, "PRIVATE_CA_PATH is used for it only when it is in HELM_REPO_HOSTS");
	}
	return rk_err_wrap(err, "registry %s, at its token server", host);
}

/* After the first answer it is known how the registry authenticates: not at all, by Basic, or by a
 * token for each repository. */
struct rk_registry {
	struct rk_doc *d; /* secret; has all of it */
	const char *host, *base;
	const struct rk_repo_access *a;
	struct rk_http *http;
	const char *scope; /* that the client's token is for; NULL: it has none */
	bool basic;
};

struct rk_registry *rk_registry_new(const char *host, const struct rk_repo_access *a)
{
	struct rk_doc *d = rk_doc_new(true);
	struct rk_registry *r = rk_doc_alloc(d, sizeof(*r));

	r->d = d;
	r->host = rk_doc_printf(d, "%s", host);
	r->base = rk_doc_printf(d, "https://%s", host);
	r->a = a;
	return r;
}

void rk_registry_free(struct rk_registry *r)
{
	if (!r)
		return;
	rk_http_free(r->http);
	rk_doc_free(r->d);
}

/* Do what the challenge requires. 1: repeat the request, 0: nothing else can be tried, -1. */
static int answer_challenge(
	struct rk_registry *r, const char *challenge, const char *scope, struct rk_err *err)
{
	const char *token;

	if (!strncasecmp(challenge, "bearer ", 7)) {
		if (fetch_token(r->host, challenge, scope, r->a, r->d, &token, err) < 0)
			return -1;
		rk_http_set_bearer(r->http, token);
		r->scope = rk_doc_printf(r->d, "%s", scope ? scope : "");
		return 1;
	}
	if (!r->a->user || r->basic)
		return 0;
	rk_http_free(rk_steal(&r->http));
	r->basic = true;
	return client(&r->http, r->base, r->a, true, err) < 0 ? -1 : 1;
}

/* One request: without credentials at first, then as the challenge requires. The answer has to be a
 * registry's: its root says little, a manifest has one of the requested types. */
int rk_registry_ask(
	struct rk_registry *r, const char *repository, const char *reference, struct rk_err *err)
{
	rk_auto_doc *d = rk_doc_new(false);
	rk_auto_http_res res = RK_HTTP_RES_INIT;
	const char *scope = NULL, *what = rk_doc_printf(d, "registry %s", r->host);
	struct rk_http_req req = {.method = reference ? "HEAD" : "GET",
		.path = "/v2/",
		.accept = MANIFESTS,
		.max = MANIFEST_MAX,
		.retry = true};
	struct rk_val *v = NULL;
	bool good;
	int more = 0;

	if (repository) {
		scope = rk_doc_printf(d, "repository:%s:pull", repository);
		what = rk_doc_printf(d, "%s/%s", r->host, repository);
		req.path = rk_doc_printf(d, "/v2/%s/tags/list?n=1", repository);
	}
	if (reference) {
		what = rk_doc_printf(
			d, "%s%c%s", what, strchr(reference, ':') ? '@' : ':', reference);
		req.path = rk_doc_printf(d, "/v2/%s/manifests/%s", repository, reference);
	}
	if (!r->http && client(&r->http, r->base, r->a, false, err) < 0)
		return -1;
	if (r->scope && scope && !rk_streq(r->scope, scope))
		rk_http_set_bearer(r->http, NULL);
	if (rk_http_do(r->http, &req, &res, err) < 0)
		return -1;
	if (res.status == 401)
		more = answer_challenge(r, res.authenticate, scope, err);
	if (more < 0 || (more && rk_http_do(r->http, &req, &res, err) < 0) ||
		judge(&res, r->a, what, err) < 0)
		return -1;
	if (reference)
		good = rk_prefix(res.content_type, "application/vnd.");
	else if (repository)
		good = rk_json_parse(d, res.body.s, res.body.len, &v, NULL) == 0 &&
		       rk_get_str(v, "name", NULL) && rk_get(v, "tags", NULL);
	else
		good = !rk_prefix(res.content_type, "text/html");
	return good ? 0 : unexpected(what, "it is not a registry's", err);
}

/* oci://host/path/chart; helm writes the + of a version as _ in a tag. */
static int oci_chart(
	const char *repo, const char *version, const struct rk_repo_access *a, struct rk_err *err)
{
	rk_auto_free char *host = rk_repo_host(repo), *tag = rk_strdup(version);
	const char *path = strchr(strstr(repo, "://") + 3, '/');
	rk_auto_registry *r = NULL;

	if (!host || !path)
		return rk_err_set(err, RK_USAGE, "%s does not name a chart", repo);
	for (char *p = tag; *p; p++)
		*p = *p == '+' ? '_' : *p;
	r = rk_registry_new(host, a);
	return rk_registry_ask(r, NULL, NULL, err) < 0 ? -1
						       : rk_registry_ask(r, path + 1, tag, err);
}

int rk_repo_has_chart(const char *repo, const char *chart, const char *version,
	const struct rk_repo_access *a, struct rk_err *err)
{
	return rk_repo_is_oci(repo) ? oci_chart(repo, version, a, err)
				    : http_chart(repo, chart, version, a, err);
}
