// SPDX-License-Identifier: Apache-2.0
/* files - the files of the load list as one thing to edit: lock, read, change in memory, write. */
#include "edit.h"

#include "os/os.h"

#include <sys/stat.h>

struct file {
	struct rk_buf text;
	struct kcfg_layout l;
	size_t size;	/* as it was read */
	struct stat st; /* before it was read */
	struct kcfg_kept kept;
	bool exists;
};

struct kcfg_files {
	char **paths;
	struct file *f;
	size_t n;
	struct rk_lock *lock;
};

static int read_one(struct file *f, const char *path, struct rk_err *err)
{
	struct rk_err e = RK_ERR_INIT;

	f->text = (struct rk_buf)RK_BUF_INIT_SECRET;
	f->exists = stat(path, &f->st) == 0;
	if (rk_file_read(path, RK_KUBECONFIG_MAX, &f->text, &e) < 0) {
		if (e.code != RK_NOTFOUND) {
			*err = e;
			return rk_err_wrap(err, "kubeconfig");
		}
		f->exists = false;
	}
	f->size = f->text.len;
	f->kept = (struct kcfg_kept){true, f->size, f->size};
	if (rk_yaml_is_utf16(f->text.s, f->text.len)) {
		rk_err_set(err, RK_CONFLICT, "%s: UTF-16 text cannot be edited", path);
		return rk_err_hint(err, "convert it to UTF-8, for example with iconv");
	}
	return kcfg_scan(&f->l, f->text.s, f->text.len, path, false, err);
}

int kcfg_open(struct kcfg_files **out, const char *explicit_path, bool lock, int wait_ms,
	struct rk_err *err)
{
	struct kcfg_files *s = rk_calloc(1, sizeof(*s));
	int rc = 0;

	*out = NULL;
	s->paths = rk_kubeconfig_paths(explicit_path);
	while (s->paths[s->n])
		s->n++;
	s->f = rk_calloc(s->n + 1, sizeof(*s->f));
	if (!s->n) {
		rk_err_set(err, RK_NOTFOUND,
			"no path for a kubeconfig: neither KUBECONFIG nor HOME is set");
		rc = rk_err_hint(err, "give --kubeconfig FILE");
	}
	if (rc == 0 && lock)
		rc = rk_file_lock(&s->lock, (const char *const *)s->paths, s->n, wait_ms, err);
	for (size_t i = 0; rc == 0 && i < s->n; i++)
		rc = read_one(&s->f[i], s->paths[i], err);
	if (rc < 0)
		kcfg_close(s);
	else
		*out = s;
	return rc;
}

void kcfg_close(struct kcfg_files *s)
{
	if (!s)
		return;
	rk_file_unlock(s->lock);
	for (size_t i = 0; i < s->n; i++) {
		rk_buf_release(&s->f[i].text);
		kcfg_layout_release(&s->f[i].l);
	}
	free(s->f);
	rk_kubeconfig_free_paths(s->paths);
	free(s);
}

/* --- reading --- */

/* The entry that counts, and its file; NULL: none. */
static const struct kcfg_slot *find(
	const struct kcfg_files *s, enum rk_kc_kind k, const char *name, size_t *file)
{
	const struct kcfg_slot *slot = NULL;

	for (*file = 0; *file < s->n; ++*file)
		if ((slot = kcfg_find(&s->f[*file].l.sec[k], name)))
			break;
	return slot;
}

/* Where kubectl writes what is new: the first file that exists, else the last. */
static size_t file_for_new(const struct kcfg_files *s)
{
	size_t i = 0;

	while (i < s->n - 1 && !s->f[i].exists)
		i++;
	return i;
}

/* An item of a list as a tree in d. With anchors it is read from the whole file, since an alias means
 * nothing in a slice. */
static int parse_slot(const struct kcfg_files *s, size_t file, enum rk_kc_kind k,
	const struct kcfg_slot *slot, struct rk_doc *d, const struct rk_val **out,
	struct rk_err *err)
{
	const struct file *f = &s->f[file];
	struct rk_val *v = NULL;

	rk_doc_source(d, s->paths[file]);
	if (!slot->tied || !slot->name)
		return kcfg_parse(f->text.s, &f->l.sec[k], slot, d, out, err);
	if (rk_yaml_parse_loose(d, f->text.s, f->text.len, &v, err) < 0)
		return -1;
	rk_each (it, rk_get(v, rk_kc_plural[k], NULL))
		if (rk_streq(rk_get_str(it, "name", NULL), slot->name))
			*out = it;
	return 0;
}

int kcfg_lookup(const struct kcfg_files *s, enum rk_kc_kind k, const char *name, struct rk_doc *d,
	const struct rk_val **value, const char **path, struct rk_err *err)
{
	const struct rk_val *item = NULL;
	size_t file;
	const struct kcfg_slot *slot = find(s, k, name, &file);

	*value = NULL;
	if (path)
		*path = s->paths[slot ? file : file_for_new(s)];
	if (!slot)
		return 0;
	if (parse_slot(s, file, k, slot, d, &item, err) < 0)
		return rk_err_wrap(err, "%s: %s \"%s\"", s->paths[file], rk_kc_single[k], name);
	*value = rk_get(item, rk_kc_single[k], NULL);
	if (!*value)
		*value = rk_null(d);
	return 0;
}

int kcfg_contexts(
	const struct kcfg_files *s, struct rk_doc *d, struct rk_val **out, struct rk_err *err)
{
	*out = rk_seq(d);
	for (size_t f = 0; f < s->n; f++) {
		const struct kcfg_section *sec = &s->f[f].l.sec[RK_KC_CONTEXTS];

		for (size_t i = 0; i < sec->n; i++) {
			rk_auto_doc *own = rk_doc_new(true);
			const struct rk_val *item = NULL;
			struct rk_val *copy;

			if (parse_slot(s, f, RK_KC_CONTEXTS, &sec->slots[i], own, &item, err) < 0)
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

const char *kcfg_current(const struct kcfg_files *s)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->f[i].l.current.name)
			return s->f[i].l.current.name;
	return NULL;
}

/* --- changing --- */

const struct kcfg_item *kcfg_wanted(
	const struct kcfg_edit *e, enum rk_kc_kind kind, const char *name)
{
	for (size_t i = 0; i < e->n; i++)
		if (e->items[i].kind == kind && rk_streq(e->items[i].name, name))
			return &e->items[i];
	return NULL;
}

struct rk_val *kcfg_want(struct kcfg_edit *e, enum rk_kc_kind kind, const char *name,
	struct rk_doc *d, const struct rk_val *value)
{
	struct rk_val *copy = value ? rk_copy(d, value) : NULL;

	if (kcfg_wanted(e, kind, name))
		return NULL;
	e->items = rk_realloc(e->items, (e->n + 1) * sizeof(*e->items));
	e->items[e->n++] = (struct kcfg_item){kind, name, copy};
	return copy;
}

int kcfg_change(struct kcfg_files *s, const struct kcfg_edit *edit, struct rk_err *err)
{
	rk_auto_free struct kcfg_item *mine = rk_calloc(edit->n + 1, sizeof(*mine));
	size_t new = 0, at;

	/* where kubectl writes what is new: the first file that exists, else the last */
	while (new < s->n - 1 && !s->f[new].exists)
		new ++;
	for (size_t i = 0; i < s->n; i++) {
		struct kcfg_edit e = {.items = mine};
		struct file *f = &s->f[i];

		for (size_t j = 0; j < edit->n; j++) {
			const struct kcfg_item *it = &edit->items[j];

			/* taken out wherever it is, so that none of its name comes to light */
			if (it->value ? (find(s, it->kind, it->name, &at) ? at : new) == i
				      : kcfg_find(&f->l.sec[it->kind], it->name) != NULL)
				mine[e.n++] = *it;
		}
		if (edit->current && (*edit->current ? i == new : f->l.current.name != NULL))
			e.current = edit->current;
		if ((e.n || e.current) &&
			kcfg_edit_text(&f->text, &f->l, s->paths[i], &e, &f->kept, err) < 0)
			return -1;
	}
	return 0;
}

/* The file is still the one that was read, since locks bind only those who ask for them; and what is
 * about to be written differs from it between head and tail only. */
static bool is_unchanged(const char *path, const struct file *f)
{
	const struct kcfg_kept *k = &f->kept;
	struct stat st;

	if (f->exists && !S_ISREG(f->st.st_mode))
		return true; /* rk_file_replace knows */
	if (stat(path, &st) < 0)
		return !f->exists;
	return f->exists && st.st_dev == f->st.st_dev && st.st_ino == f->st.st_ino &&
	       st.st_size == f->st.st_size && st.st_mtim.tv_sec == f->st.st_mtim.tv_sec &&
	       st.st_mtim.tv_nsec == f->st.st_mtim.tv_nsec &&
	       rk_file_holds(path, f->size, 0, f->text.s, k->head) &&
	       rk_file_holds(path, f->size, f->size - k->tail, f->text.s + f->text.len - k->tail,
		       k->tail);
}

int kcfg_write(struct kcfg_files *s, struct rk_err *err)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct file *f = &s->f[i];

		if (f->kept.all)
			continue;
		if (!is_unchanged(s->paths[i], f)) {
			rk_err_set(err, RK_CONFLICT,
				"kubeconfig: %s was changed by another program meanwhile",
				s->paths[i]);
			return rk_err_hint(err, "nothing was written to it; run the command again");
		}
		if (rk_file_replace(s->paths[i], f->text.s, f->text.len, 0600, NULL, err) < 0)
			return rk_err_wrap(err, "kubeconfig");
	}
	return 0;
}
