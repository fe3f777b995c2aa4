// SPDX-License-Identifier: Apache-2.0
/* Reading and comparing trees, and errors that say what is wrong, and where. */
#include "internal.h"

#include <stdarg.h>

/* --- reading --- */

const struct rk_val *rk_member(const struct rk_val *v, const char *key, size_t klen)
{
	if (!v || v->kind != RK_MAP)
		return NULL;
	rk_each (it, v)
		if (rk_tree_key_is(it, key, klen))
			return it;
	return NULL;
}

const struct rk_val *rk_at(const struct rk_val *v, size_t i)
{
	rk_each (it, v)
		if (i-- == 0)
			return it;
	return NULL;
}

const struct rk_val *rk_get(const struct rk_val *v, ...)
{
	const char *key;
	va_list ap;

	va_start(ap, v);
	while (v && (key = va_arg(ap, const char *)))
		v = rk_member(v, key, strlen(key));
	va_end(ap);
	return v;
}

const char *rk_str(const struct rk_val *v)
{
	return v && v->kind == RK_STR && !memchr(v->s, 0, v->len) ? v->s : NULL;
}

const char *rk_str_loose(const struct rk_val *v)
{
	return v && (v->kind == RK_NUM || v->kind == RK_BOOL) ? v->s : rk_str(v);
}

bool rk_bool(const struct rk_val *v, int def)
{
	return v && v->kind == RK_BOOL ? v->s[0] == 't' : def != 0;
}

int64_t rk_int(const struct rk_val *v, int64_t def)
{
	int64_t n = def;

	if (v && v->kind == RK_NUM)
		rk_parse_int(v->s, INT64_MIN, INT64_MAX, &n);
	return n;
}

/* --- comparing --- */

bool rk_val_equal(const struct rk_val *a, const struct rk_val *b)
{
	const struct rk_val *other;

	if (!a || !b)
		return a == b;
	if (a->kind != b->kind || a->count != b->count)
		return false;
	if (a->kind != RK_MAP && a->kind != RK_SEQ)
		return a->kind == RK_NULL || (a->len == b->len && memcmp(a->s, b->s, a->len) == 0);
	other = b->child;
	rk_each (it, a) {
		/* mostly the order is the same: look beside the last hit before searching */
		if (a->kind == RK_MAP && (!other || !rk_tree_key_is(other, it->key, it->klen)))
			other = rk_member(b, it->key, it->klen);
		if (!rk_val_equal(it, other))
			return false;
		other = other->next;
	}
	return true;
}

/* --- errors --- */

static void path_key(struct rk_buf *out, bool first, const char *key, size_t n)
{
	bool plain = n > 0;

	for (size_t i = 0; i < n; i++)
		plain = plain && (unsigned char)key[i] > ' ' && !strchr(".[]\"\\", key[i]);
	rk_buf_puts(out, !plain ? "[\"" : first ? "" : ".");
	rk_buf_put(out, key, n);
	rk_buf_puts(out, plain ? "" : "\"]");
}

/* The list that a stream or a multi-document text is kept in belongs to no path. */
static bool is_top(const struct rk_val *v)
{
	return !v->parent || v->root;
}

void rk_val_path(const struct rk_val *v, struct rk_buf *out)
{
	size_t i = 0;

	if (!v || is_top(v))
		return;
	rk_val_path(v->parent, out);
	for (const struct rk_val *it = v->parent->child; it != v; it = it->next)
		i++;
	if (v->parent->kind == RK_MAP)
		path_key(out, is_top(v->parent), v->key, v->klen);
	else
		rk_buf_addf(out, "[%zu]", i);
}

int rk_val_in(const struct rk_val *v, struct rk_err *err)
{
	rk_auto_buf path = RK_BUF_INIT;

	rk_val_path(v, &path);
	if (path.len)
		rk_err_wrap(err, "%s", path.s);
	return rk_tree_place(v, err);
}

static int wrong_type(const struct rk_val *v, const char *expected, struct rk_err *err)
{
	static const char *const names[] = {
		"null", "a boolean", "a number", "a string", "a list", "a map"};

	rk_val_error(v, err, "expected %s, found %s", expected, names[v->kind]);
	if (rk_streq(expected, "a string") && (v->kind == RK_NUM || v->kind == RK_BOOL))
		rk_err_hint(err, "put the value in quotes");
	return -1;
}

static int not_set(const struct rk_val *v, va_list ap, struct rk_err *err)
{
	rk_auto_buf path = RK_BUF_INIT;
	const struct rk_val *deepest = v;
	const char *key;

	rk_val_path(v, &path);
	while ((key = va_arg(ap, const char *))) {
		path_key(&path, path.len == 0, key, strlen(key));
		v = rk_member(v, key, strlen(key));
		deepest = v ? v : deepest;
	}
	rk_err_set(err, RK_NOTFOUND, "%s is not set", path.s);
	return rk_tree_place(deepest, err);
}

int rk_want_value(const struct rk_val *v, int kind, bool needed, void *out, struct rk_err *err, ...)
{
	static const char *const expected[] = {
		"null", "true or false", "a number", "a string", "a list", "a map", "a string"};
	const struct rk_val *start = v;
	struct rk_err why;
	const char *key;
	va_list ap;
	int rc = 0;

	va_start(ap, err);
	while (rc == 0 && (key = va_arg(ap, const char *))) {
		if (v && v->kind != RK_MAP && v->kind != RK_NULL)
			rc = wrong_type(v, "a map", err);
		v = rk_member(v, key, strlen(key));
	}
	va_end(ap);
	if (rc < 0)
		return -1;
	if (!v || v->kind == RK_NULL) {
		va_start(ap, err);
		rc = needed ? not_set(start, ap, err) : 0;
		va_end(ap);
		return rc;
	}
	if (v->kind != (kind == RK_BASE64 ? RK_STR : kind))
		return wrong_type(v, expected[kind], err);
	if (v->kind == RK_STR && !rk_str(v))
		return wrong_type(v, "a string without NUL", err);

	if (kind == RK_NUM && !rk_parse_int(v->s, INT64_MIN, INT64_MAX, out))
		return wrong_type(v, "a whole number", err);
	if (kind == RK_BASE64 && rk_base64_decode(out, v->s, v->len, &why) < 0)
		return rk_val_error(v, err, "%s", why.msg);
	if (kind == RK_STR)
		*(const char **)out = v->s;
	else if (kind == RK_BOOL)
		*(bool *)out = rk_bool(v, false);
	else if (kind == RK_SEQ || kind == RK_MAP)
		*(const struct rk_val **)out = v;
	return 0;
}
