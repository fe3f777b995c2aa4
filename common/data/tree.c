// SPDX-License-Identifier: Apache-2.0
/* What the parsers and writers share: members in order, names that come twice, UTF-8. */
#include "internal.h"

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
