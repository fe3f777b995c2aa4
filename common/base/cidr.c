// SPDX-License-Identifier: Apache-2.0
/* IP addresses, and networks in CIDR notation. */
#include <arpa/inet.h>
#include <strings.h>

#include "base/base.h"

int rk_ip_family(const char *s)
{
	unsigned char a[16];

	return inet_pton(AF_INET, s, a) == 1 ? 4 : inet_pton(AF_INET6, s, a) == 1 ? 6 : 0;
}

bool rk_ip_is_loopback(const char *host)
{
	unsigned char a[16];

	if (strcasecmp(host, "localhost") == 0)
		return true;
	if (inet_pton(AF_INET, host, a) == 1)
		return a[0] == 127;
	return inet_pton(AF_INET6, host, a) == 1 && memcmp(a, &in6addr_loopback, 16) == 0;
}

static const char *net_read(const char *text, int64_t bits_min, struct rk_net *n)
{
	const char *slash = strchr(text, '/');
	rk_auto_free char *addr = NULL;
	int64_t bits;

	if (!slash)
		return "has no /prefix length";
	addr = rk_strndup(text, (size_t)(slash - text));
	memset(n, 0, sizeof(*n));
	n->family = strchr(addr, ':') ? 6 : 4;
	if (inet_pton(n->family == 6 ? AF_INET6 : AF_INET, addr, n->a) != 1)
		return "is not a network";
	if (!rk_parse_int(slash + 1, bits_min, n->family == 4 ? 32 : 128, &bits))
		return "has no valid prefix length";
	n->bits = (int)bits;
	return NULL;
}

const char *rk_net_parse(const char *text, struct rk_net *n)
{
	const char *why = net_read(text, 1, n);

	for (int i = why ? 0 : n->bits; !why && i < (n->family == 4 ? 32 : 128); i++)
		if (n->a[i / 8] & (0x80u >> (i % 8)))
			why = "has bits set behind the prefix";
	return why;
}

size_t rk_net_list(const char *list, struct rk_net *out, size_t max)
{
	size_t count = 0, n;

	rk_each_item (it, n, list, ",") {
		rk_auto_free char *one = rk_strndup(it, n);

		if (count < max && !rk_net_parse(one, &out[count]))
			count++;
	}
	return count;
}

static bool net_overlap(const struct rk_net *a, const struct rk_net *b)
{
	int bits = a->bits < b->bits ? a->bits : b->bits;

	if (a->family != b->family)
		return false;
	for (int i = 0; i < bits; i++)
		if ((a->a[i / 8] ^ b->a[i / 8]) & (0x80u >> (i % 8)))
			return false;
	return true;
}

bool rk_cidr_overlap(const char *a, const char *b)
{
	struct rk_net x[16], y[16];
	size_t n = rk_net_list(a, x, RK_COUNT(x)), m = rk_net_list(b, y, RK_COUNT(y));

	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < m; j++)
			if (net_overlap(&x[i], &y[j]))
				return true;
	return false;
}

bool rk_net_has(const char *network, const char *ip)
{
	rk_auto_free char *one = rk_asprintf("%s/%d", ip, strchr(ip, ':') ? 128 : 32);
	struct rk_net a, b;

	return !net_read(network, 0, &a) && !net_read(one, 0, &b) && net_overlap(&a, &b);
}
