// SPDX-License-Identifier: Apache-2.0
/* What the parsers and writers share: members in order, names that come twice, UTF-8. */
#include "tree.h"

static int key_cmp(const struct rk_val *a, const struct rk_val *b)
{
	size_t n = a->klen < b->klen ? a->klen : b->klen;
	int c = memcmp(a->key, b->key, n);

	return c ? c : (a->klen > b->klen) - (a->klen < b->klen);
}

static int member_cmp(const void *pa, const void *pb)
{
	const struct rk_val *a = *(const struct rk_val *const *)pa;
	const struct rk_val *b = *(const struct rk_val *const *)pb;
	int c = key_cmp(a, b);

	/* Members of one name: in the order of the text. */
	return c ? c : (a->kstart > b->kstart) - (a->kstart < b->kstart);
}

const struct rk_val **rk_tree_sorted(const struct rk_val *map)
{
	const struct rk_val **v = rk_malloc((map->count + 1) * sizeof(const struct rk_val *));
	size_t n = 0;

	rk_each (it, map)
		v[n++] = it;
	qsort(v, n, sizeof(*v), member_cmp);
	return v;
}

static const struct rk_val *duplicate_small(const struct rk_val *map)
{
	rk_each (b, map) {
		for (const struct rk_val *a = map->child; a != b; a = a->next) {
			if (rk_tree_key_is(a, b->key, b->klen))
				return b;
		}
	}
	return NULL;
}

const struct rk_val *rk_tree_duplicate(const struct rk_val *map)
{
	const struct rk_val *dup = NULL;
	const struct rk_val **v;

	if (map->count <= 16)
		return duplicate_small(map);
	v = rk_tree_sorted(map);
	for (size_t i = 1; i < map->count; i++) {
		if (key_cmp(v[i - 1], v[i]) == 0 && (!dup || v[i]->kstart < dup->kstart))
			dup = v[i];
	}
	free(v);
	return dup;
}

/* Unicode 15, table 3-7: shortest form only, no surrogates, up to U+10FFFF. */
size_t rk_utf8(const char *s, size_t n, uint32_t *cp)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	const unsigned char *p = (const unsigned char *)s;
	size_t len;
	uint32_t c;

	if (n == 0)
		return 0;
	if (p[0] < 0x80) {
		*cp = p[0];
		return 1;
	}
	len = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
	if (p[0] < 0xc2 || p[0] > 0xf4 || len > n)
		return 0;
	c = p[0] & (0xffu >> (len + 1));
	for (size_t i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	if (c < least[len] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return 0;
	*cp = c;
	return len;
}
