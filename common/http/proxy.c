// SPDX-License-Identifier: Apache-2.0
/* Which proxy, if any: the one named, or that of the environment by the rules of Go's net/http. They
 * differ from libcurl's: loopback is never proxied, an entry of NO_PROXY may have a port, "*" may be one
 * of many, ".name" is not the name itself, and it is the server's host that is compared, not the name
 * that its certificate must have. libcurl 7.88 does not tell, either, what it decided.
 * Source: golang.org/x/net/http/httpproxy */
#include "internal.h"

#include <strings.h>

static const char *env_any(const char *a, const char *b)
{
	const char *v = getenv(a);

	return v && *v ? v : getenv(b);
}

/* One entry of NO_PROXY: *, a network, or an address or name with an optional port. A name covers
 * itself and all below it, .name and *.name only what is below. */
static bool exempt(const char *host, int64_t port, char *e)
{
	char *colon = strrchr(e, ':'), *end = *e == '[' ? strchr(e, ']') : NULL;
	size_t h = strlen(host), n;
	int64_t its_port;

	if (strchr(e, '/'))
		return rk_net_has(e, host);
	if (rk_streq(e, "*"))
		return true;
	if (end)
		*end++ = 0, e++;
	if (colon && (end ? colon == end : strchr(e, ':') == colon)) { /* else an IPv6 address */
		*colon = 0;
		if (!rk_parse_int(colon + 1, 0, 65535, &its_port) || its_port != port)
			return false;
	}
	e += rk_prefix(e, "*.");
	n = strlen(e);
	if (strcasecmp(host, e) == 0)
		return true;
	return n && h > n && !rk_ip_family(host) && strcasecmp(host + h - n, e) == 0 &&
	       (*e == '.' || host[h - n - 1] == '.');
}

static const char *env_proxy(const char *scheme, const char *host, int64_t port)
{
	const char *proxy = rk_streq(scheme, "https") ? env_any("HTTPS_PROXY", "https_proxy")
						      : env_any("HTTP_PROXY", "http_proxy");
	const char *not = env_any("NO_PROXY", "no_proxy");
	size_t n;

	if (!proxy || !*proxy || rk_ip_is_loopback(host))
		return NULL;
	rk_each_item (it, n, not, ", \t") {
		rk_auto_free char *entry = rk_strndup(it, n);

		if (exempt(host, port, entry))
			return NULL;
	}
	return proxy;
}

/* Go's socks5 lets the proxy look names up, which libcurl calls socks5h. */
int rk_http_set_proxy(
	struct rk_http *h, const char *proxy, const char *scheme, int64_t port, struct rk_err *err)
{
	const char *rest, *at;
	rk_auto_free char *kind = NULL;
	rk_auto_url u = {0};

	if (!proxy || !*proxy)
		proxy = env_proxy(scheme, h->host, port);
	if (!proxy) {
		h->proxy = rk_strdup("");
		return 0;
	}
	rest = strstr(proxy, "://");
	kind = rest ? rk_strndup(proxy, (size_t)(rest - proxy)) : rk_strdup("http");
	rest = rest ? rest + 3 : proxy;
	at = strrchr(rest, '@');
	h->proxy_shown = rk_asprintf("%s://%s", kind, at ? at + 1 : rest);
	if (strcasecmp(kind, "socks5") != 0 && strcasecmp(kind, "socks5h") != 0 &&
		strcasecmp(kind, "http") != 0 && strcasecmp(kind, "https") != 0)
		return rk_err_set(err, RK_USAGE, "the proxy %s is neither http, https nor socks5",
			h->proxy_shown);
	h->proxy = rk_asprintf("%s://%s", strcasecmp(kind, "socks5") == 0 ? "socks5h" : kind, rest);
	if (strcasecmp(kind, "https") != 0)
		return 0;
	if (rk_url_parse(&u, proxy, NULL))
		return rk_err_set(err, RK_USAGE, "the proxy %s is not a valid URL", h->proxy_shown);
	h->proxy_host = rk_steal(&u.host); /* the certificate must have this name */
	return 0;
}
