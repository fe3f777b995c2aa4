// SPDX-License-Identifier: Apache-2.0
/* URLs in their parts, by libcurl's parser: what is compared here is what is connected to later. */
#include "base/base.h"

#include <curl/curl.h>

static int64_t usual_port(const struct rk_url *u)
{
	return rk_streq(u->scheme, "http") ? 80 : 443;
}

/* A part, copied; NULL when there is none. *bad: it has control characters in percent notation. */
static char *part(CURLU *u, CURLUPart what, unsigned flags, bool *bad)
{
	char *s = NULL, *copy;
	CURLUcode r = curl_url_get(u, what, &s, flags);

	*bad |= r == CURLUE_URLDECODE;
	if (r != CURLUE_OK || !s)
		return NULL;
	copy = rk_strdup(s);
	rk_wipe(s, strlen(s)); /* it may be a password */
	curl_free(s);
	return copy;
}

static const char *take_parts(struct rk_url *out, CURLU *u)
{
	bool bad = false;
	char *port = part(u, CURLUPART_PORT, 0, &bad);
	size_t n;

	out->scheme = part(u, CURLUPART_SCHEME, 0, &bad);
	out->host = part(u, CURLUPART_HOST, 0, &bad);
	out->path = part(u, CURLUPART_PATH, 0, &bad);
	out->query = part(u, CURLUPART_QUERY, 0, &bad);
	out->fragment = part(u, CURLUPART_FRAGMENT, 0, &bad);
	out->user = part(u, CURLUPART_USER, CURLU_URLDECODE, &bad);
	out->password = part(u, CURLUPART_PASSWORD, CURLU_URLDECODE, &bad);
	if (port)
		rk_parse_int(port, 0, 65535, &out->port);
	free(port);
	if (bad)
		return "has control characters";
	if (!out->scheme || !out->host || !out->path || !*out->host)
		return "has no host";
	if (strchr(out->host, '%')) /* libcurl leaves one that escapes nothing */
		return "has an invalid host name";
	rk_lower(out->scheme);
	if (!out->port)
		out->port = usual_port(out);
	n = strlen(rk_lower(out->host));
	if (*out->host == '[' && n > 2) {
		memmove(out->host, out->host + 1, n - 2);
		out->host[n - 2] = '\0';
	}
	return NULL;
}

const char *rk_url_parse(struct rk_url *out, const char *text, const char *scheme)
{
	const char *rest = text ? strstr(text, "://") : NULL, *why;
	rk_auto_free char *full = NULL;
	CURLUcode r;
	CURLU *u;

	*out = (struct rk_url){0};
	if (!text || (!rest && !scheme))
		return "has no scheme";
	if ((rest ? rest[3] : *text) == '/') /* libcurl would look for the host behind it */
		return "has no host";
	if (!rest)
		full = rk_asprintf(rk_ip_family(text) == 6 ? "%s://[%s]" : "%s://%s", scheme, text);
	u = curl_url();
	if (!u)
		abort();
	r = curl_url_set(u, CURLUPART_URL, full ? full : text, CURLU_NON_SUPPORT_SCHEME);
	why = r == CURLUE_OK ? take_parts(out, u) : curl_url_strerror(r);
	curl_url_cleanup(u);
	if (why)
		rk_url_release(out);
	return why;
}

void rk_url_release(struct rk_url *u)
{
	free(u->scheme);
	free(u->host);
	free(u->path);
	free(u->query);
	free(u->fragment);
	rk_free_secret(u->user);
	rk_free_secret(u->password);
	*u = (struct rk_url){0};
}

char *rk_url_authority(const char *host, int64_t port)
{
	bool six = strchr(host, ':') && *host != '[';
	rk_auto_buf b = RK_BUF_INIT;

	rk_buf_addf(&b, six ? "[%s]" : "%s", host);
	if (port)
		rk_buf_addf(&b, ":%d", (int)port);
	return rk_buf_detach(&b);
}

char *rk_url_host(const struct rk_url *u)
{
	return rk_url_authority(u->host, u->port == usual_port(u) ? 0 : u->port);
}

char *rk_url_base(const struct rk_url *u)
{
	rk_auto_free char *host = rk_url_host(u);
	size_t n = strlen(u->path);

	while (n && u->path[n - 1] == '/')
		n--;
	return rk_asprintf("%s://%s%.*s", u->scheme, host, (int)n, u->path);
}

bool rk_url_same_host(const char *a, const char *b)
{
	rk_auto_url x, y;
	const char *no_x = rk_url_parse(&x, a, "https"), *no_y = rk_url_parse(&y, b, "https");

	return !no_x && !no_y && rk_streq(x.host, y.host) && x.port == y.port;
}
