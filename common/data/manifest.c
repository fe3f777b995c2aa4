// SPDX-License-Identifier: Apache-2.0
/* Filling works on the parsed tree: a value becomes a node or part of a string, never syntax. */
#include "internal.h"

struct fill {
	struct rk_doc *d;
	const struct rk_val *params;
	struct rk_strv used; /* keys of params */
	struct rk_err *err;
};

/* Length of a "${name}" at the beginning of s, or 0. */
static size_t param_len(const char *s, size_t n)
{
	size_t len = 0;

	if (n > 3 && memcmp(s, "${", 2) == 0)
		len = strspn(s + 2, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789_-");
	return len && len + 2 < n && s[len + 2] == '}' ? len + 3 : 0;
}

/* The value of the "${name}" at s, whose length is len, or 0 for a bad one. */
static const struct rk_val *param_at(struct fill *f, const char *s, size_t len, size_t line)
{
	const struct rk_val *p = len ? rk_member(f->params, s + 2, len - 3) : NULL;

	if (!len)
		rk_tree_error(f->d, line, f->err, "a bad ${name}; a literal ${ is written $${");
	else if (!p)
		rk_tree_error(f->d, line, f->err, "parameter %.*s is missing", (int)len, s);
	else if (!rk_strv_has(&f->used, p->key))
		rk_strv_add(&f->used, p->key);
	return p;
}

/* The text at *s with all its parameters, as a string of the doc. */
static int substitute(struct fill *f, const char **text, size_t *n, size_t line)
{
	rk_auto_buf b = {.s = rk_buf_empty, .secret = f->d->secret};
	const char *s = *text, *end = s + *n;

	for (size_t len; s < end; s += len) {
		const struct rk_val *v;

		len = 1;
		if (rk_prefix(s, "$${")) {
			rk_buf_puts(&b, "${");
			len = 3;
		} else if (rk_prefix(s, "${")) {
			len = param_len(s, (size_t)(end - s));
			v = param_at(f, s, len, line);
			if (!v)
				return -1;
			if (v->kind == RK_NULL || v->kind == RK_SEQ || v->kind == RK_MAP)
				return rk_tree_error(f->d, line, f->err,
					"%.*s inside text takes a string, a number or a boolean",
					(int)len, s);
			rk_buf_put(&b, v->s, v->len);
		} else {
			rk_buf_putc(&b, *s);
		}
	}
	*text = rk_doc_strndup(f->d, b.s, b.len);
	*n = b.len;
	return 0;
}

static int fill_scalar(struct fill *f, struct rk_val *v)
{
	const struct rk_val *from;
	struct rk_val *c;

	if (v->kind != RK_STR || !memmem(v->s, v->len, "${", 2))
		return 0;
	if (!v->quoted)
		return rk_tree_error(f->d, v->line, f->err, "%s must be in quotes", v->s);
	if (param_len(v->s, v->len) != v->len)
		return substitute(f, &v->s, &v->len, v->line);
	from = param_at(f, v->s, v->len, v->line);
	if (!from)
		return -1;
	/* v becomes what `from` is; its place, key and line stay */
	c = rk_copy(f->d, from);
	v->kind = c->kind;
	v->quoted = c->quoted;
	v->s = c->s;
	v->len = c->len;
	v->count = c->count;
	v->child = c->child;
	v->last = c->last;
	rk_each (it, v)
		rk_mut(it)->parent = v;
	return 0;
}

static int fill_node(struct fill *f, struct rk_val *v)
{
	const struct rk_val *dup;
	size_t len = v->klen;

	if (v->key && memmem(v->key, v->klen, "${", 2) && substitute(f, &v->key, &len, v->line) < 0)
		return -1;
	if (len > UINT32_MAX)
		return rk_tree_error(f->d, v->line, f->err, "a key is too long");
	v->klen = (uint32_t)len;
	if (v->kind != RK_MAP && v->kind != RK_SEQ)
		return fill_scalar(f, v);
	rk_each (it, v)
		if (fill_node(f, rk_mut(it)) < 0)
			return -1;
	dup = v->kind == RK_MAP ? rk_tree_duplicate(v) : NULL;
	if (dup)
		return rk_tree_error(f->d, dup->line, f->err, "duplicate key \"%s\"", dup->key);
	return 0;
}

int rk_manifest_fill(struct rk_doc *d, const char *name, const char *text, size_t n,
	const struct rk_val *params, struct rk_val **out, struct rk_err *err)
{
	struct fill f = {.d = d, .params = params, .err = err};
	const char *before = d->source;
	int rc;

	rk_doc_source(d, name);
	rc = rk_yaml_parse_all(d, text, n, out, err);
	if (rc == 0)
		rc = fill_node(&f, *out);
	for (const struct rk_val *p = params->child; rc == 0 && p; p = p->next)
		if (!rk_strv_has(&f.used, p->key))
			rc = rk_tree_error(d, 0, err, "unknown parameter ${%s}", p->key);
	d->source = before;
	rk_strv_release(&f.used);
	if (rc < 0)
		*out = NULL;
	return rc;
}

int rk_manifest(struct rk_doc *d, const char *name, const struct rk_val *params,
	struct rk_val **out, struct rk_err *err)
{
	rk_auto_free char *path = rk_asprintf("manifests/%s.yaml", name);

	*out = NULL;
	for (const struct rk_manifest_file *m = rk_manifest_files; m->name; m++)
		if (rk_streq(m->name, name))
			return rk_manifest_fill(d, path, m->text, m->len, params, out, err);
	return rk_err_set(err, RK_FAIL, "manifest %s not found", path);
}
