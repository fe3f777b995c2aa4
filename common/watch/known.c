// SPDX-License-Identifier: Apache-2.0
/* What a watch knows: a hash table of its objects' names. */
#include "internal.h"

static size_t hash(const char *s)
{
	uint64_t h = 1469598103934665603ULL;

	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * 1099511628211ULL;
	return (size_t)h;
}

static void grow(struct rk_known_tab *t)
{
	size_t n = t->n ? t->n * 4 : 64;
	struct rk_known **v = rk_calloc(n, sizeof(struct rk_known *));

	for (size_t i = 0; i < t->n; i++)
		while (t->v[i]) {
			struct rk_known *e = t->v[i];
			size_t at = hash(e->key) % n;

			t->v[i] = e->next;
			e->next = v[at];
			v[at] = e;
		}
	free(t->v);
	t->v = v;
	t->n = n;
}

struct rk_known **rk_known_at(struct rk_known_tab *t, const char *key)
{
	struct rk_known **p;

	if (t->count >= t->n)
		grow(t);
	p = &t->v[hash(key) % t->n];
	while (*p && strcmp((*p)->key, key) != 0)
		p = &(*p)->next;
	return p;
}

void rk_known_add(struct rk_known_tab *t, struct rk_known **at, const char *key, const char *uid)
{
	struct rk_known *e = rk_calloc(1, sizeof(*e));

	e->key = rk_strdup(key);
	e->uid = rk_strdup(uid);
	e->version = rk_strdup("");
	e->next = *at;
	*at = e;
	t->count++;
}

void rk_known_drop(struct rk_known_tab *t, struct rk_known **at)
{
	struct rk_known *e = *at;

	*at = e->next;
	t->count--;
	free(e->key);
	free(e->uid);
	free(e->version);
	free(e);
}

void rk_known_clear(struct rk_known_tab *t)
{
	for (size_t i = 0; i < t->n; i++)
		while (t->v[i])
			rk_known_drop(t, &t->v[i]);
	free(t->v);
	*t = (struct rk_known_tab){0};
}
