// SPDX-License-Identifier: Apache-2.0
/* What an object's managedFields say of who owns what.
 * Source: https://kubernetes.io/docs/reference/using-api/server-side-apply/ */
#include "internal.h"

bool rk_holds(const struct rk_val *have, const struct rk_val *want)
{
	const struct rk_val *item = have ? have->child : NULL;

	if (!have || have->kind != want->kind ||
		(want->kind == RK_SEQ && have->count != want->count))
		return false;
	if (want->kind != RK_MAP && want->kind != RK_SEQ)
		return rk_val_equal(have, want);
	rk_each (w, want) {
		if (!rk_holds(want->kind == RK_MAP ? rk_member(have, w->key, w->klen) : item, w))
			return false;
		item = item ? item->next : NULL;
	}
	return true;
}

bool rk_is_entry(const struct rk_val *entry, const char *manager, const char *operation)
{
	return rk_streq(rk_get_str(entry, "manager", NULL), manager) &&
	       rk_streq(rk_get_str(entry, "operation", NULL), operation) &&
	       !rk_get(entry, "subresource", NULL);
}

const struct rk_val *rk_managed_entry(const struct rk_val *obj, const char *manager,
	const char *operation, const char *api_version)
{
	rk_each (m, rk_get(obj, "metadata", "managedFields", NULL))
		if (rk_is_entry(m, manager, operation) &&
			(!api_version || rk_streq(rk_get_str(m, "apiVersion", NULL), api_version)))
			return m;
	return NULL;
}

static const struct rk_val *listed(const struct rk_val *fields, const struct rk_val *m)
{
	rk_auto_free char *name = rk_asprintf("f:%s", m->key);

	return rk_member(fields, name, strlen(name));
}

static bool owns(struct rk_doc *d, const struct rk_val *fields, const struct rk_val *v, int depth);

/* A list without keys is owned whole; one with keys item by item, each named by "k:{...}". */
static bool owns_list(
	struct rk_doc *d, const struct rk_val *fields, const struct rk_val *list, int depth)
{
	uint32_t n = 0;

	rk_each (f, fields) {
		const struct rk_val *item = list->child;
		struct rk_val *keys;

		if (rk_streq(f->key, "."))
			continue;
		if (f->klen < 2 || !rk_prefix(f->key, "k:") ||
			rk_json_parse(d, f->key + 2, f->klen - 2, &keys, NULL) < 0)
			return false;
		while (item && !rk_holds(item, keys))
			item = item->next;
		if (!item || !owns(d, f, item, depth + 1))
			return false;
		n++;
	}
	return n == 0 || n == list->count;
}

/* What names the object in the request is not owned; a metadata with no more than that is not listed. */
static bool is_identity(const struct rk_val *m, int depth)
{
	return (depth == 0 && (rk_streq(m->key, "apiVersion") || rk_streq(m->key, "kind"))) ||
	       (depth == 1 && (rk_streq(m->key, "name") || rk_streq(m->key, "namespace")) &&
		       rk_streq(m->parent->key, "metadata"));
}

static bool all_identity(const struct rk_val *m, int depth)
{
	const struct rk_val *c = m->kind == RK_MAP ? m->child : NULL;

	while (c && is_identity(c, depth + 1))
		c = c->next;
	return m->kind == RK_MAP && m->count && !c;
}

/* Whether the fields (of managedFields) are those of v, no more and no fewer. In doubt: no. */
static bool owns(struct rk_doc *d, const struct rk_val *fields, const struct rk_val *v, int depth)
{
	if (!fields->count)
		return true;
	if (v->kind == RK_SEQ)
		return owns_list(d, fields, v, depth);
	if (v->kind != RK_MAP)
		return false;
	rk_each (m, v) {
		const struct rk_val *f = listed(fields, m);

		if (is_identity(m, depth) || (!f && all_identity(m, depth)))
			continue;
		if (!f || !owns(d, f, m, depth + 1))
			return false;
	}
	rk_each (f, fields)
		if (!rk_streq(f->key, ".") && (f->klen < 2 || !rk_prefix(f->key, "f:") ||
						      !rk_member(v, f->key + 2, f->klen - 2)))
			return false;
	return true;
}

bool rk_owns(struct rk_doc *d, const struct rk_val *fields, const struct rk_val *v)
{
	return owns(d, fields, v, 0);
}

struct rk_val *rk_emptied(struct rk_doc *d, const struct rk_val *fields, const struct rk_val *body,
	const struct rk_val *live)
{
	struct rk_val *out = rk_map(d);

	rk_each (m, body) {
		const struct rk_val *l = rk_member(live, m->key, m->klen), *f = listed(fields, m);
		struct rk_val *part;

		if (m->kind != RK_MAP || !l || l->kind != RK_MAP || !f)
			continue;
		part = m->count ? rk_emptied(d, f, m, l) : rk_map(d);
		rk_each (was, m->count ? NULL : l)
			if (listed(f, was))
				rk_set(d, part, was->key, rk_copy(d, was));
		if (part->count)
			rk_set(d, out, m->key, part);
	}
	return out;
}
