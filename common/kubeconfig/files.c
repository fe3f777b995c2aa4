// SPDX-License-Identifier: Apache-2.0
/* The files of the load list as one thing to edit: lock, read, change in memory, write. */
#include "os/os.h"
#include "internal.h"

#include <sys/stat.h>

struct one {
	struct rk_buf text;
	struct kc_layout l;
	size_t size;	   /* as it was read */
	struct stat st;	   /* before it was read */
	size_t head, tail; /* bytes that no edit has touched */
	bool exists, changed;
};

struct rk_kc_files {
	char **paths;
	struct one *f;
	size_t n;
	struct rk_lock *lock;
};

static int read_one(struct rk_kc_files *s, size_t i, struct rk_err *err)
{
	struct rk_err e = RK_ERR_INIT;
	struct one *f = &s->f[i];

	f->exists = stat(s->paths[i], &f->st) == 0;
	if (rk_file_read(s->paths[i], RK_KC_MAX, &f->text, &e) < 0) {
		if (e.code != RK_NOTFOUND) {
			if (err)
				*err = e;
			return rk_err_wrap(err, "kubeconfig");
		}
		f->exists = false;
	}
	f->size = f->head = f->tail = f->text.len;
	if (rk_yaml_is_utf16(f->text.s, f->text.len)) {
		rk_err_set(err, RK_CONFLICT, "%s: UTF-16 text cannot be edited", s->paths[i]);
		return rk_err_hint(err, "convert it to UTF-8, for example with iconv");
	}
	if (kc_scan_lines(&f->l, f->text.s, f->text.len) == 0)
		return kc_check_text(&f->l, f->text.s, f->text.len, s->paths[i], err);
	if (kc_check_text(&f->l, f->text.s, f->text.len, s->paths[i], err) < 0)
		return -1;
	return kc_scan_events(&f->l, f->text.s, f->text.len, s->paths[i], err);
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
		s->f[i].text = (struct rk_buf)RK_BUF_INIT_SECRET;
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
		rk_buf_release(&s->f[i].text);
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

	if (rk_yaml_parse_loose(d, f->text.s, f->text.len, &root, err) < 0)
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

	if (it->tied && it->name) {
		rk_auto_free char *name = rk_strndup(it->name, it->namelen);

		return parse_whole(f, k, name, d, out, err);
	}
	if (rk_yaml_parse_loose(d, f->text.s + it->at.from, it->at.to - it->at.from, &v, err) < 0)
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

		for (size_t i = 0; i < sec->n; i++) {
			rk_auto_doc *own = rk_doc_new(true);
			const struct rk_val *item = NULL;
			struct rk_val *copy;

			rk_doc_source(own, s->paths[f]);
			if (parse_item(&s->f[f], RK_KC_CONTEXTS, i, own, &item, err) < 0)
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
	struct one *f = &s->f[i];
	struct kc_kept kept;

	if (kc_edit(&f->text, &f->l, s->paths[i], edit, &kept, err) < 0)
		return -1;
	if (kept.all)
		return 0;
	/* In the plain style all that is new was parsed back, and the names were compared. */
	if (!f->l.plain && kc_check_text(&f->l, f->text.s, f->text.len, s->paths[i], err) < 0)
		return rk_err_wrap(err, "the edit would damage the file");
	f->changed = true;
	f->head = kept.head < f->head ? kept.head : f->head;
	f->tail = kept.tail < f->tail ? kept.tail : f->tail;
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
	return rc;
}

/* The file is still the one that was read: locks bind only those who ask for them. */
static bool still_there(const char *path, const struct one *f)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return !f->exists;
	return f->exists && st.st_dev == f->st.st_dev && st.st_ino == f->st.st_ino &&
	       st.st_size == f->st.st_size && st.st_mtim.tv_sec == f->st.st_mtim.tv_sec &&
	       st.st_mtim.tv_nsec == f->st.st_mtim.tv_nsec;
}

/* What is about to be written differs from the file between head and tail only. */
static bool keeps_rest(const char *path, const struct one *f)
{
	const char *end = f->text.s + f->text.len;

	return rk_file_holds(path, f->size, 0, f->text.s, f->head) &&
	       rk_file_holds(path, f->size, f->size - f->tail, end - f->tail, f->tail);
}

static int write_one(const char *path, const struct one *f, struct rk_err *err)
{
	bool regular = f->exists && S_ISREG(f->st.st_mode); /* else rk_file_replace knows */

	if ((regular || !f->exists) &&
		(!still_there(path, f) || (regular && !keeps_rest(path, f)))) {
		rk_err_set(err, RK_CONFLICT, "%s was changed by another program meanwhile", path);
		return rk_err_hint(err, "nothing was written to it; run the command again");
	}
	return rk_file_replace(path, f->text.s, f->text.len, 0600, NULL, err);
}

int rk_kc_write(struct rk_kc_files *s, bool *changed, struct rk_err *err)
{
	if (changed)
		*changed = false;
	for (size_t i = 0; i < s->n; i++) {
		struct one *f = &s->f[i];

		if (!f->changed)
			continue;
		if (write_one(s->paths[i], f, err) < 0)
			return rk_err_wrap(err, "kubeconfig");
		if (changed)
			*changed = true;
	}
	return 0;
}
