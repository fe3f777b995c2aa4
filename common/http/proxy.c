// SPDX-License-Identifier: Apache-2.0
/* Which proxy, if any: the one named, or that of the environment by the rules of Go's net/http. They
 * differ from libcurl's: loopback is never proxied, an entry of NO_PROXY may have a port, "*" may be one
 * of many, ".name" is not the name itself, and it is the server's host that is compared, not the name
 * that its certificate must have. libcurl 7.88 does not tell, either, what it decided.
 * Source: golang.org/x/net/http/httpproxy */
#include "internal.h"

#include <arpa/inet.h>
#include <strings.h>

bool rk_http_is_loopback(const char *host)
{
	unsigned char a[16];

	if (strcasecmp(host, "localhost") == 0)
		return true;
	if (inet_pton(AF_INET, host, a) == 1)
		return a[0] == 127;
	return inet_pton(AF_INET6, host, a) == 1 && memcmp(a, &in6addr_loopback, 16) == 0;
}

static const char *env_any(const char *a, const char *b)
{
	const char *v = getenv(a);

	return v && *v ? v : getenv(b);
}

static bool in_network(const char *host, char *cidr)
{
	unsigned char net[16], addr[16];
	char *slash = strchr(cidr, '/');
	int family = strchr(cidr, ':') ? AF_INET6 : AF_INET, bits = 0;
	int64_t len;

	*slash = 0;
	if (inet_pton(family, cidr, net) != 1 || inet_pton(family, host, addr) != 1 ||
		!rk_parse_int(slash + 1, 0, family == AF_INET ? 32 : 128, &len))
		return false;
	for (; bits + 8 <= len; bits += 8)
		if (net[bits / 8] != addr[bits / 8])
			return false;
	return bits == len || (net[bits / 8] ^ addr[bits / 8]) >> (8 - (len - bits)) == 0;
}

/* One entry of NO_PROXY: *, a network, or an address or name with an optional port. A name covers
 * itself and all below it, .name and *.name only what is below. */
static bool exempt(const char *host, const char *port, char *e)
{
	char *colon = strrchr(e, ':'), *end = *e == '[' ? strchr(e, ']') : NULL;
	size_t h = strlen(host), n;

	if (strchr(e, '/'))
		return in_network(host, e);
	if (rk_streq(e, "*"))
		return true;
	if (end)
		*end++ = 0, e++;
	if (colon && (end ? colon == end : strchr(e, ':') == colon)) { /* else an IPv6 address */
		*colon = 0;
		if (!rk_streq(colon + 1, port))
			return false;
	}
	e += rk_prefix(e, "*.");
	n = strlen(e);
	if (strcasecmp(host, e) == 0)
		return true;
	return n && h > n && !rk_http_is_ip(host) && strcasecmp(host + h - n, e) == 0 &&
	       (*e == '.' || host[h - n - 1] == '.');
}

static const char *env_proxy(const char *scheme, const char *host, const char *port)
{
	const char *proxy = rk_streq(scheme, "https") ? env_any("HTTPS_PROXY", "https_proxy")
						      : env_any("HTTP_PROXY", "http_proxy");
	const char *not = env_any("NO_PROXY", "no_proxy");

	if (!proxy || !*proxy || rk_http_is_loopback(host))
		return NULL;
	while (not &&*(not += strspn(not, ", \t"))) {
		size_t n = strcspn(not, ", \t");
		rk_auto_free char *entry = rk_strndup(not, n);

		if (exempt(host, port, entry))
			return NULL;
		not += n;
	}
	return proxy;
}

/* The host that the certificate of an https proxy must name, without brackets. */
static char *https_host(const char *proxy)
{
	CURLU *u = curl_url();
	char *host = NULL, *out = NULL;
	size_t n;

	if (u && curl_url_set(u, CURLUPART_URL, proxy, 0) == CURLUE_OK &&
		curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK) {
		n = strlen(host);
		out = *host == '[' && n > 2 ? rk_strndup(host + 1, n - 2) : rk_strdup(host);
	}
	curl_free(host);
	curl_url_cleanup(u);
	return out;
}

/* Go's socks5 lets the proxy look names up, which libcurl calls socks5h. */
int rk_http_set_proxy(struct rk_http *h, const char *proxy, const char *scheme, const char *port,
	struct rk_err *err)
{
	const char *rest, *at;
	rk_auto_free char *kind = NULL;

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
	if (strcasecmp(kind, "https") == 0 && !(h->proxy_host = https_host(proxy)))
		return rk_err_set(err, RK_USAGE, "the proxy %s is not a valid URL", h->proxy_shown);
	return 0;
}
