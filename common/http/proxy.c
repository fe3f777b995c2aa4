// SPDX-License-Identifier: Apache-2.0
/* Which proxy, if any: named, or from the environment by the rules of Go's net/http, which differ
 * from libcurl's (loopback is never proxied, NO_PROXY takes networks and ports). */
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

static bool in_network(const char *host, const char *cidr, size_t n)
{
	unsigned char net[16], addr[16];
	char text[64], *slash;
	int family, bits = 0;
	int64_t len;

	if (n >= sizeof(text))
		return false;
	memcpy(text, cidr, n);
	text[n] = 0;
	slash = strchr(text, '/');
	if (!slash)
		return false;
	*slash = 0;
	family = strchr(text, ':') ? AF_INET6 : AF_INET;
	if (inet_pton(family, text, net) != 1 || inet_pton(family, host, addr) != 1 ||
		!rk_parse_int(slash + 1, 0, family == AF_INET ? 32 : 128, &len))
		return false;
	for (; bits + 8 <= len; bits += 8)
		if (net[bits / 8] != addr[bits / 8])
			return false;
	return bits == len || (net[bits / 8] ^ addr[bits / 8]) >> (8 - (len - bits)) == 0;
}

/* host, host:port, [v6], [v6]:port or a bare v6: cut the port off. */
static void cut_port(const char **e, size_t *n, const char **port, size_t *port_len)
{
	const char *end = *e + *n, *colon = memchr(*e, ':', *n);

	*port = NULL;
	if (**e == '[' && memchr(*e, ']', *n)) {
		*e += 1;
		*n = (size_t)((const char *)memchr(*e, ']', *n - 1) - *e);
		colon = *e + *n + 1;
		if (colon >= end || *colon != ':')
			return;
	} else if (!colon || memchr(colon + 1, ':', (size_t)(end - colon - 1))) {
		return;
	} else {
		*n = (size_t)(colon - *e);
	}
	*port = colon + 1;
	*port_len = (size_t)(end - *port);
}

/* name covers itself and all below it, .name and *.name only what is below. */
static bool in_domain(const char *host, const char *name, size_t n)
{
	size_t h = strlen(host);

	if (n > 1 && name[0] == '*' && name[1] == '.') {
		name++;
		n--;
	}
	if (h == n && strncasecmp(host, name, n) == 0)
		return true;
	if (!n || rk_http_is_ip(host) || h <= n || strncasecmp(host + h - n, name, n) != 0)
		return false;
	return *name == '.' || host[h - n - 1] == '.';
}

/* One entry of NO_PROXY: *, network, or an address or name with an optional port. */
static bool exempt(const char *host, const char *port, const char *e, size_t n)
{
	const char *its_port;
	size_t port_len = 0;

	if (n == 1 && *e == '*')
		return true;
	if (in_network(host, e, n))
		return true;
	cut_port(&e, &n, &its_port, &port_len);
	if (its_port && (port_len != strlen(port) || memcmp(its_port, port, port_len) != 0))
		return false;
	return in_domain(host, e, n);
}

static bool no_proxy(const char *host, const char *port)
{
	const char *p = env_any("NO_PROXY", "no_proxy");

	while (p && *p) {
		size_t n;

		p += strspn(p, ", \t");
		n = strcspn(p, ", \t");
		if (n && exempt(host, port, p, n))
			return true;
		p += n;
	}
	return false;
}

const char *rk_http_env_proxy(const char *scheme, const char *host, const char *port)
{
	const char *p = rk_streq(scheme, "https") ? env_any("HTTPS_PROXY", "https_proxy")
						  : env_any("HTTP_PROXY", "http_proxy");

	if (!p || !*p || rk_http_is_loopback(host) || no_proxy(host, port))
		return NULL;
	return p;
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
int rk_http_set_proxy(struct rk_http *h, const char *proxy, struct rk_err *err)
{
	const char *at, *rest;
	size_t n;

	if (!proxy) {
		h->proxy = rk_strdup("");
		return 0;
	}
	rest = strstr(proxy, "://");
	n = rest ? (size_t)(rest - proxy) : 0;
	rest = rest ? rest + 3 : proxy;
	at = strrchr(rest, '@');
	h->proxy_shown = rk_asprintf("%.*s://%s", rest == proxy ? 4 : (int)n,
		rest == proxy ? "http" : proxy, at ? at + 1 : rest);
	if (rest == proxy)
		h->proxy = rk_asprintf("http://%s", proxy);
	else if (n == 6 && strncasecmp(proxy, "socks5", n) == 0)
		h->proxy = rk_asprintf("socks5h://%s", rest);
	else if ((n == 4 && strncasecmp(proxy, "http", n) == 0) ||
		 (n == 5 && strncasecmp(proxy, "https", n) == 0) ||
		 (n == 7 && strncasecmp(proxy, "socks5h", n) == 0))
		h->proxy = rk_strdup(proxy);
	else
		return rk_err_set(err, RK_USAGE, "the proxy %s is neither http, https nor socks5",
			h->proxy_shown);
	if (n == 5 && strncasecmp(proxy, "https", n) == 0) {
		h->proxy_host = https_host(proxy);
		if (!h->proxy_host)
			return rk_err_set(
				err, RK_USAGE, "the proxy %s is not a valid URL", h->proxy_shown);
	}
	return 0;
}
