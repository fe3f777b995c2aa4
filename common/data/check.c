// SPDX-License-Identifier: Apache-2.0
/* Reading that says what is wrong, and where. */
#include "internal.h"

#include <stdarg.h>

static bool key_is_plain(const char *key, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)key[i];

		if (c <= ' ' || strchr(".[]\"\\", c))
			return false;
	}
	return n > 0;
}

static void path_key(struct rk_buf *out, bool first, const char *key, size_t n)
{
	if (key_is_plain(key, n)) {
		if (!first)
			rk_buf_putc(out, '.');
		rk_buf_put(out, key, n);
		return;
	}
	rk_buf_puts(out, "[\"");
	rk_buf_put(out, key, n);
	rk_buf_puts(out, "\"]");
}

static size_t index_of(const struct rk_val *v)
{
	size_t i = 0;

	for (const struct rk_val *it = v->parent->child; it != v; it = it->next)
		i++;
	return i;
}

/* The list that a stream or a multi-document text is kept in belongs to no path. */
static bool is_top(const struct rk_val *v)
{
	return !v->parent || v->root;
}

void rk_val_path(const struct rk_val *v, struct rk_buf *out)
{
	if (!v || is_top(v))
		return;
	rk_val_path(v->parent, out);
	if (v->parent->kind == RK_MAP)
		path_key(out, is_top(v->parent), v->key, v->klen);
	else
		rk_buf_addf(out, "[%zu]", index_of(v));
}

static const char *kind_name(const struct rk_val *v)
{
	static const char *const names[] = {
		"null", "a boolean", "a number", "a string", "a list", "a map"};

	return names[v->kind];
}

int rk_val_error(const struct rk_val *v, struct rk_err *err, const char *fmt, ...)
{
	rk_auto_buf where = RK_BUF_INIT, path = RK_BUF_INIT;
	char what[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	rk_tree_place(v, &where);
	rk_val_path(v, &path);
	return rk_err_set(err, RK_FAIL, "%s%s%s%s", where.s, path.s, path.len ? ": " : "", what);
}

static int wrong_type(const struct rk_val *v, const char *expected, struct rk_err *err)
{
	rk_val_error(v, err, "expected %s, found %s", expected, kind_name(v));
	if (rk_streq(expected, "a string") && (v->kind == RK_NUM || v->kind == RK_BOOL))
		rk_err_hint(err, "put the value in quotes");
	return -1;
}

static int missing(const struct rk_val *v, va_list ap, struct rk_err *err)
{
	rk_auto_buf where = RK_BUF_INIT;
	rk_auto_buf path = RK_BUF_INIT;
	const struct rk_val *deepest = v;
	const char *key;

	rk_val_path(v, &path);
	while ((key = va_arg(ap, const char *))) {
		path_key(&path, path.len == 0, key, strlen(key));
		v = rk_member(v, key, strlen(key));
		if (v)
			deepest = v;
	}
	if (deepest)
		rk_tree_place(deepest, &where);
	return rk_err_set(err, RK_NOTFOUND, "%s%s is not set", where.s, path.s);
}

/* As rk_tree_find(), but a step that is neither a map nor null or missing is an error. */
static int find_checked(
	const struct rk_val *v, const struct rk_val **out, va_list ap, struct rk_err *err)
{
	const char *key;

	while ((key = va_arg(ap, const char *))) {
		if (v && v->kind != RK_MAP && v->kind != RK_NULL)
			return wrong_type(v, "a map", err);
		v = rk_member(v, key, strlen(key));
	}
	*out = v && v->kind == RK_NULL ? NULL : v;
	return 0;
}

static int string_of(const struct rk_val *v, const char **out, struct rk_err *err)
{
	if (v->kind != RK_STR)
		return wrong_type(v, "a string", err);
	if (!rk_str(v))
		return wrong_type(v, "a string without NUL", err);
	*out = v->s;
	return 0;
}

static int need(const struct rk_val *v, const struct rk_val **out, va_list ap, struct rk_err *err)
{
	va_list again;
	int rc;

	va_copy(again, ap);
	rc = find_checked(v, out, ap, err);
	if (rc == 0 && !*out)
		rc = missing(v, again, err);
	va_end(again);
	return rc;
}

int rk_need_str(const struct rk_val *v, const char **out, struct rk_err *err, ...)
{
	const struct rk_val *it;
	va_list ap;
	int rc;

	va_start(ap, err);
	rc = need(v, &it, ap, err);
	va_end(ap);
	return rc == 0 ? string_of(it, out, err) : -1;
}

/* As find_checked(), and the value is of this kind; NULL when it is not set. */
static int want(const struct rk_val *v, enum rk_kind kind, const struct rk_val **out, va_list ap,
	struct rk_err *err)
{
	static const char *const expected[] = {
		"null", "true or false", "a number", "a string", "a list", "a map"};

	if (find_checked(v, out, ap, err) < 0)
		return -1;
	return *out && (*out)->kind != kind ? wrong_type(*out, expected[kind], err) : 0;
}

int rk_want_str(const struct rk_val *v, const char **out, struct rk_err *err, ...)
{
	const struct rk_val *it;
	va_list ap;
	int rc;

	va_start(ap, err);
	rc = want(v, RK_STR, &it, ap, err);
	va_end(ap);
	return rc == 0 && it ? string_of(it, out, err) : rc;
}

int rk_want_int(const struct rk_val *v, int64_t *out, struct rk_err *err, ...)
{
	const struct rk_val *it;
	va_list ap;
	int rc;

	va_start(ap, err);
	rc = want(v, RK_NUM, &it, ap, err);
	va_end(ap);
	if (rc == 0 && it && !rk_parse_int(it->s, INT64_MIN, INT64_MAX, out))
		return wrong_type(it, "a whole number", err);
	return rc;
}

int rk_want_bool(const struct rk_val *v, bool *out, struct rk_err *err, ...)
{
	const struct rk_val *it;
	va_list ap;
	int rc;

	va_start(ap, err);
	rc = want(v, RK_BOOL, &it, ap, err);
	va_end(ap);
	if (rc == 0 && it)
		*out = rk_tree_true(it);
	return rc;
}

int rk_want_seq(const struct rk_val *v, const struct rk_val **out, struct rk_err *err, ...)
{
	const struct rk_val *it;
	va_list ap;
	int rc;

	va_start(ap, err);
	rc = want(v, RK_SEQ, &it, ap, err);
	va_end(ap);
	if (rc == 0 && it)
		*out = it;
	return rc;
}

int rk_want_map(const struct rk_val *v, const struct rk_val **out, struct rk_err *err, ...)
{
	const struct rk_val *it;
	va_list ap;
	int rc;

	va_start(ap, err);
	rc = want(v, RK_MAP, &it, ap, err);
	va_end(ap);
	if (rc == 0 && it)
		*out = it;
	return rc;
}

int rk_need_base64(const struct rk_val *v, struct rk_buf *out, struct rk_err *err, ...)
{
	rk_auto_buf where = RK_BUF_INIT;
	const struct rk_val *it;
	const char *s = "";
	va_list ap;
	int rc;

	va_start(ap, err);
	rc = need(v, &it, ap, err);
	va_end(ap);
	if (rc < 0 || string_of(it, &s, err) < 0)
		return -1;
	if (rk_base64_decode(out, s, it->len, err) == 0)
		return 0;
	rk_tree_place(it, &where);
	rk_val_path(it, &where);
	return rk_err_wrap(err, "%s", where.s);
}
