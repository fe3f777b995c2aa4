// SPDX-License-Identifier: Apache-2.0
/* Networks in CIDR notation. */
#include <arpa/inet.h>

#include "internal.h"

const char *rk_net_parse(const char *text, struct rk_net *n)
{
	const char *slash = strchr(text, '/');
	rk_auto_free char *addr = NULL;
	int64_t bits;

	if (!slash)
		return "has no /prefix length";
	addr = rk_strndup(text, (size_t)(slash - text));
	n->family = strchr(addr, ':') ? AF_INET6 : AF_INET;
	memset(n->a, 0, sizeof(n->a));
	if (inet_pton(n->family, addr, n->a) != 1)
		return "is not a network";
	if (!rk_parse_int(slash + 1, 1, n->family == AF_INET ? 32 : 128, &bits))
		return "has no valid prefix length";
	n->bits = (int)bits;
	for (int i = n->bits; i < (n->family == AF_INET ? 32 : 128); i++)
		if (n->a[i / 8] & (0x80u >> (i % 8)))
			return "has bits set behind the prefix";
	return NULL;
}

size_t rk_net_list(const char *list, struct rk_net out[2])
{
	size_t count = 0;

	for (const char *p = list; p && *p && count < 2; p += *p == ',') {
		size_t n = strcspn(p, ",");
		rk_auto_free char *one = rk_strndup(p, n);

		count += !rk_net_parse(one, &out[count]);
		p += n;
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
	for (const char *p = a; *p;) {
		size_t n = strcspn(p, ",");

		for (const char *q = b; *q;) {
			size_t m = strcspn(q, ",");
			rk_auto_free char *x = rk_strndup(p, n), *y = rk_strndup(q, m);
			struct rk_net na, nb;

			if (!rk_net_parse(x, &na) && !rk_net_parse(y, &nb) && net_overlap(&na, &nb))
				return true;
			q += m + (q[m] == ',');
		}
		p += n + (p[n] == ',');
	}
	return false;
}
