// SPDX-License-Identifier: Apache-2.0
/* The files of the load list as one thing to edit: lock, read, change in memory, write. */
#include "file.h"
#include "kubeconfig-priv.h"
#include "kubeconfig-scan.h"

struct one {
	struct rk_buf before, now;
	struct kc_layout l; /* of now */
	bool exists, changed;
};

struct rk_kc_files {
	char **paths;
	struct one *f;
	size_t n;
	struct rk_lock *lock;
};

static int rescan(struct rk_kc_files *s, size_t i, struct rk_err *err)
{
	kc_layout_release(&s->f[i].l);
	return kc_scan(&s->f[i].l, s->f[i].now.s, s->f[i].now.len, s->paths[i], err);
}

static int read_one(struct rk_kc_files *s, size_t i, struct rk_err *err)
{
	struct rk_err e = RK_ERR_INIT;
	struct one *f = &s->f[i];

	f->before = (struct rk_buf)RK_BUF_INIT_SECRET;
	f->now = (struct rk_buf)RK_BUF_INIT_SECRET;
	f->exists = true;
	if (rk_file_read(s->paths[i], RK_KC_MAX, &f->now, &e) < 0) {
		if (e.code != RK_NOTFOUND) {
			if (err)
				*err = e;
			return rk_err_wrap(err, "kubeconfig");
		}
		f->exists = false;
	}
	return rescan(s, i, err);
}

int rk_kc_open(struct rk_kc_files **out, const char *explicit_path, bool lock, int wait_ms,
	struct rk_err *err)
{
	struct rk_kc_files *s = rk_calloc(1, sizeof(*s));

	*out = NULL;
	s->paths = kc_paths(explicit_path);
	while (s->paths[s->n])
		s->n++;
	s->f = rk_calloc(s->n + 1, sizeof(*s->f));
	if (!s->n) {
		rk_kc_close(s);
		rk_err_set(err, RK_NOTFOUND,
			"no place for a kubeconfig: neither KUBECONFIG nor HOME is set");
		return rk_err_hint(err, "give --kubeconfig FILE");
	}
	for (size_t i = 0; i < s->n; i++)
		s->f[i].now = s->f[i].before = (struct rk_buf)RK_BUF_INIT_SECRET;
	if (lock && rk_file_lock(&s->lock, (const char *const *)s->paths, s->n, wait_ms, err) < 0)
		goto fail;
	for (size_t i = 0; i < s->n; i++)
		if (read_one(s, i, err) < 0)
			goto fail;
	*out = s;
	return 0;
fail:
	rk_kc_close(s);
	return -1;
}

void rk_kc_close(struct rk_kc_files *s)
{
	if (!s)
		return;
	rk_file_unlock(s->lock);
	for (size_t i = 0; i < s->n; i++) {
		rk_buf_release(&s->f[i].before);
		rk_buf_release(&s->f[i].now);
		kc_layout_release(&s->f[i].l);
	}
	free(s->f);
	kc_free_paths(s->paths);
	free(s);
}

/* --- looking --- */

/* File and place of the entry that counts. */
static bool find(const struct rk_kc_files *s, enum rk_kc_kind k, const char *name, size_t *file,
	size_t *item)
{
	for (size_t i = 0; i < s->n; i++) {
		bool twice;
		ptrdiff_t at = kc_section_find(&s->f[i].l.sec[k], name, &twice);

		if (at < 0)
			continue;
		*file = i;
		*item = (size_t)at;
		return true;
	}
	return false;
}

/* The whole file when anchors are used: an alias means nothing in a slice of it. */
static int parse_whole(const struct one *f, enum rk_kc_kind k, const char *name, struct rk_doc *d,
	const struct rk_val **out, struct rk_err *err)
{
	struct rk_val *root = NULL;

	if (rk_yaml_parse(d, f->now.s, f->now.len, &root, err) < 0)
		return -1;
	rk_each (it, rk_get(root, kc_plural[k], NULL))
		if (rk_streq(rk_get_str(it, "name", NULL), name))
			*out = it;
	return 0;
}

static int parse_item(const struct one *f, enum rk_kc_kind k, size_t i, struct rk_doc *d,
	const struct rk_val **out, struct rk_err *err)
{
	const struct kc_section *sec = &f->l.sec[k];
	const struct kc_item *it = &sec->items[i];
	struct rk_val *v = NULL;

	if (it->tied) {
		rk_auto_free char *name = rk_strndup(it->name, it->namelen);

		return parse_whole(f, k, name, d, out, err);
	}
	if (rk_yaml_parse(d, f->now.s + it->at.from, it->at.to - it->at.from, &v, err) < 0)
		return -1;
	*out = sec->style == KC_BLOCK ? rk_at(v, 0) : v;
	return 0;
}

int rk_kc_lookup(const struct rk_kc_files *s, enum rk_kc_kind k, const char *name, struct rk_doc *d,
	const struct rk_val **value, const char **path, struct rk_err *err)
{
	const struct rk_val *item = NULL;
	size_t file, i;

	*value = NULL;
	if (path)
		*path = NULL;
	if (!find(s, k, name, &file, &i))
		return 0;
	rk_doc_source(d, s->paths[file]);
	if (parse_item(&s->f[file], k, i, d, &item, err) < 0)
		return rk_err_wrap(err, "%s: %s \"%s\"", s->paths[file], kc_single[k], name);
	*value = rk_get(item, kc_single[k], NULL);
	if (!*value)
		*value = rk_null(d);
	if (path)
		*path = s->paths[file];
	return 0;
}

int rk_kc_contexts(
	const struct rk_kc_files *s, struct rk_doc *d, struct rk_val **out, struct rk_err *err)
{
	*out = rk_seq(d);
	for (size_t f = 0; f < s->n; f++) {
		const struct kc_section *sec = &s->f[f].l.sec[RK_KC_CONTEXTS];

		rk_doc_source(d, s->paths[f]);
		for (size_t i = 0; i < sec->n; i++) {
			const struct rk_val *item = NULL;
			struct rk_val *copy;

			if (!sec->items[i].name)
				continue;
			if (parse_item(&s->f[f], RK_KC_CONTEXTS, i, d, &item, err) < 0)
				return rk_err_wrap(err, "%s", s->paths[f]);
			if (!item || item->kind != RK_MAP)
				continue;
			copy = rk_copy(d, item);
			rk_set_str(d, copy, "file", s->paths[f]);
			rk_append(*out, copy);
		}
	}
	return 0;
}

const char *rk_kc_current(const struct rk_kc_files *s)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->f[i].l.current_name)
			return s->f[i].l.current_name;
	return NULL;
}

const char *rk_kc_file(const struct rk_kc_files *s, size_t i, const struct rk_buf **before,
	const struct rk_buf **now)
{
	if (i >= s->n)
		return NULL;
	*now = &s->f[i].now;
	*before = s->f[i].changed ? &s->f[i].before : &s->f[i].now;
	return s->paths[i];
}

/* --- changing --- */

/* Where kubectl writes what is new: the first file that exists, else the last. */
static size_t default_file(const struct rk_kc_files *s)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->f[i].exists)
			return i;
	return s->n - 1;
}

static bool belongs(const struct rk_kc_files *s, const struct rk_kc_item *it, size_t file)
{
	size_t winner, i;
	bool twice;

	if (!it->value) /* taken out wherever it is, so that no twin comes to light */
		return kc_section_find(&s->f[file].l.sec[it->kind], it->name, &twice) >= 0;
	if (!find(s, it->kind, it->name, &winner, &i))
		winner = default_file(s);
	return winner == file;
}

static int change_one(
	struct rk_kc_files *s, size_t i, const struct rk_kc_edit *edit, struct rk_err *err)
{
	struct rk_buf out = RK_BUF_INIT_SECRET;
	struct one *f = &s->f[i];
	bool changed = false;

	if (rk_kubeconfig_edit(f->now.s, f->now.len, s->paths[i], edit, &out, &changed, err) < 0) {
		rk_buf_release(&out);
		return -1;
	}
	if (!changed) {
		rk_buf_release(&out);
		return 0;
	}
	if (f->changed)
		rk_buf_release(&f->now);
	else
		f->before = f->now;
	f->now = out;
	f->changed = true;
	return 0;
}

int rk_kc_change(struct rk_kc_files *s, const struct rk_kc_edit *edit, struct rk_err *err)
{
	struct rk_kc_item *mine = rk_calloc(edit->n + 1, sizeof(*mine));
	size_t def = default_file(s);
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < s->n; i++) {
		struct rk_kc_edit e = {.items = mine};

		for (size_t j = 0; j < edit->n; j++)
			if (belongs(s, &edit->items[j], i))
				mine[e.n++] = edit->items[j];
		if (edit->current && (*edit->current ? i == def : s->f[i].l.current_name != NULL))
			e.current = edit->current;
		if (e.n || e.current)
			rc = change_one(s, i, &e, err);
	}
	free(mine);
	for (size_t i = 0; rc == 0 && i < s->n; i++)
		if (s->f[i].changed)
			rc = rescan(s, i, err);
	return rc;
}

int rk_kc_write(struct rk_kc_files *s, bool *changed, struct rk_err *err)
{
	if (changed)
		*changed = false;
	for (size_t i = 0; i < s->n; i++) {
		struct one *f = &s->f[i];

		if (!f->changed)
			continue;
		rk_buf_release(&f->before); /* a large file need not be in memory three times */
		if (rk_file_replace(s->paths[i], f->now.s, f->now.len, 0600, NULL, err) < 0)
			return rk_err_wrap(err, "kubeconfig");
		if (changed)
			*changed = true;
	}
	return 0;
}
