// SPDX-License-Identifier: Apache-2.0
/* Filling works on the parsed tree: a value becomes a node or part of a string, never syntax. */
#include "internal.h"

#include <ctype.h>

struct param {
	const char *name; /* in the text, not terminated */
	size_t len;
	size_t line;
	bool used;
};

struct fill {
	struct rk_doc *d;
	const struct rk_val *params;
	struct param *declared;
	size_t n_declared;
	struct rk_err *err;
};

static size_t name_len(const char *s, size_t n)
{
	size_t i = 0;

	while (i < n && (isalnum((unsigned char)s[i]) || (i && (s[i] == '_' || s[i] == '-'))))
		i++;
	return i;
}

/* --- the head comment --- */

static struct param *find_param(const struct fill *f, const char *name, size_t len)
{
	for (size_t i = 0; i < f->n_declared; i++) {
		struct param *p = &f->declared[i];

		if (p->len == len && memcmp(p->name, name, len) == 0)
			return p;
	}
	return NULL;
}

/* "# ${name}: what it is"; any other comment declares nothing. */
static int declare(struct fill *f, const char *s, size_t n, size_t line)
{
	size_t i = 1, len;

	while (i < n && s[i] == ' ')
		i++;
	if (n - i < 2 || memcmp(s + i, "${", 2) != 0)
		return 0;
	i += 2;
	len = name_len(s + i, n - i);
	if (len == 0 || n - i - len < 2 || memcmp(s + i + len, "}:", 2) != 0)
		return rk_tree_error(
			f->d, line, f->err, "a parameter is declared as `# ${name}: what`");
	if (find_param(f, s + i, len))
		return rk_tree_error(
			f->d, line, f->err, "${%.*s} is declared twice", (int)len, s + i);
	f->declared = rk_realloc(f->declared, (f->n_declared + 1) * sizeof(*f->declared));
	f->declared[f->n_declared++] = (struct param){.name = s + i, .len = len, .line = line};
	return 0;
}

static int read_head(struct fill *f, const char *text, size_t n)
{
	for (size_t line = 1; n; line++) {
		const char *nl = memchr(text, '\n', n);
		size_t len = nl ? (size_t)(nl - text) : n;

		if (len && *text != '#' && !(len >= 3 && memcmp(text, "---", 3) == 0))
			return 0;
		if (len && *text == '#' && declare(f, text, len, line) < 0)
			return -1;
		len += nl != NULL;
		text += len;
		n -= len;
	}
	return 0;
}

/* --- substitution --- */

/* The parameter of "${name}" at s; *used gets the length of the whole. */
static const struct rk_val *param_at(
	struct fill *f, const char *s, size_t n, size_t line, size_t *used)
{
	size_t len = name_len(s + 2, n - 2);
	struct param *p = find_param(f, s + 2, len);

	if (len == 0 || len + 2 == n || s[len + 2] != '}') {
		rk_tree_error(f->d, line, f->err, "a bad ${name}; a literal ${ is written $${");
		return NULL;
	}
	if (!p) {
		rk_tree_error(f->d, line, f->err, "${%.*s} is not declared in the head comment",
			(int)len, s + 2);
		return NULL;
	}
	p->used = true;
	*used = len + 3;
	return rk_member(f->params, p->name, p->len);
}

/* s with all its parameters, as a string of the doc. */
static int substitute(
	struct fill *f, const char *s, size_t n, size_t line, const char **text, size_t *len)
{
	rk_auto_buf b = {.s = rk_buf_empty, .secret = rk_doc_is_secret(f->d)};
	const struct rk_val *v;
	size_t used;

	for (; n; s += used, n -= used) {
		used = 1;
		if (n >= 3 && memcmp(s, "$${", 3) == 0) {
			rk_buf_puts(&b, "${");
			used = 3;
		} else if (n >= 2 && memcmp(s, "${", 2) == 0) {
			v = param_at(f, s, n, line, &used);
			if (!v)
				return -1;
			if (v->kind == RK_NULL || v->kind == RK_SEQ || v->kind == RK_MAP)
				return rk_tree_error(f->d, line, f->err,
					"%.*s inside text takes a string, a number or a boolean",
					(int)used, s);
			rk_buf_put(&b, v->s, v->len);
		} else {
			rk_buf_putc(&b, *s);
		}
	}
	*text = rk_doc_strndup(f->d, b.s, b.len);
	*len = b.len;
	return 0;
}

static int fill_scalar(struct fill *f, struct rk_val *v)
{
	const struct rk_val *from;
	struct rk_val *c;
	size_t used;

	if (v->kind != RK_STR || !memmem(v->s, v->len, "${", 2))
		return 0;
	if (!v->quoted)
		return rk_tree_error(f->d, v->line, f->err, "%s must be in quotes", v->s);
	if (memcmp(v->s, "${", 2) != 0 || v->s[v->len - 1] != '}' ||
		name_len(v->s + 2, v->len - 2) + 3 != v->len)
		return substitute(f, v->s, v->len, v->line, &v->s, &v->len);
	from = param_at(f, v->s, v->len, v->line, &used);
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
	for (struct rk_val *it = v->child; it; it = it->next)
		it->parent = v;
	return 0;
}

static int fill_node(struct fill *f, struct rk_val *v)
{
	const struct rk_val *dup;
	size_t len = v->klen;

	if (v->key && memmem(v->key, v->klen, "${", 2) &&
		substitute(f, v->key, v->klen, v->line, &v->key, &len) < 0)
		return -1;
	if (len > UINT32_MAX)
		return rk_tree_error(f->d, v->line, f->err, "a key is too long");
	v->klen = (uint32_t)len;
	if (v->kind != RK_MAP && v->kind != RK_SEQ)
		return fill_scalar(f, v);
	for (struct rk_val *it = v->child; it; it = it->next)
		if (fill_node(f, it) < 0)
			return -1;
	dup = v->kind == RK_MAP ? rk_tree_duplicate(v) : NULL;
	if (dup)
		return rk_tree_error(f->d, dup->line, f->err, "duplicate key \"%s\"", dup->key);
	return 0;
}

/* Every declared parameter has a value and is used, and every value has a parameter. */
static int fill(struct fill *f, const char *text, size_t n, struct rk_val **out)
{
	const struct param *p;

	if (read_head(f, text, n) < 0)
		return -1;
	for (size_t i = 0; i < f->n_declared; i++) {
		p = &f->declared[i];
		if (!rk_member(f->params, p->name, p->len))
			return rk_tree_error(f->d, p->line, f->err, "parameter ${%.*s} is missing",
				(int)p->len, p->name);
	}
	rk_each (it, f->params)
		if (!find_param(f, it->key, it->klen))
			return rk_tree_error(f->d, 0, f->err, "unknown parameter ${%s}", it->key);
	if (rk_yaml_parse_all(f->d, text, n, out, f->err) < 0 || fill_node(f, *out) < 0)
		return -1;
	for (size_t i = 0; i < f->n_declared; i++) {
		p = &f->declared[i];
		if (!p->used)
			return rk_tree_error(f->d, p->line, f->err,
				"parameter ${%.*s} is declared but not used", (int)p->len, p->name);
	}
	return 0;
}

int rk_manifest_fill(struct rk_doc *d, const char *name, const char *text, size_t n,
	const struct rk_val *params, struct rk_val **out, struct rk_err *err)
{
	struct fill f = {.d = d, .params = params, .err = err};
	const char *before = rk_tree_source(d, rk_doc_strndup(d, name, strlen(name)));
	int rc = fill(&f, text, n, out);

	rk_tree_source(d, before);
	free(f.declared);
	if (rc < 0)
		*out = NULL;
	return rc;
}

int rk_manifest(struct rk_doc *d, const char *name, const struct rk_val *params,
	struct rk_val **out, struct rk_err *err)
{
	rk_auto_free char *path = rk_asprintf("manifests/%s.yaml", name);

	*out = NULL;
	for (const struct rk_manifest_file *m = rk_manifest_files; m->name; m++) {
		if (rk_streq(m->name, name))
			return rk_manifest_fill(d, path, m->text, m->len, params, out, err);
	}
	return rk_err_set(err, RK_FAIL, "manifest %s not found", path);
}
