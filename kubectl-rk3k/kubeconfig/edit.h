// SPDX-License-Identifier: Apache-2.0
/* edit - kubeconfig files changed by byte range: only the bytes of the named entries change. */
#ifndef KUBECONFIG_EDIT_H
#define KUBECONFIG_EDIT_H

#include "kubeconfig/kubeconfig.h"

/* --- files --- */

/* One entry to write in place of that of its name, else at the end of its list; or, with
 * value NULL, to take out. */
struct kcfg_item {
	enum rk_kc_kind kind;
	const char *name;
	const struct rk_val *value; /* what belongs under cluster:, context: or user: */
};
struct kcfg_edit {
	struct kcfg_item *items;
	size_t n;
	const char *current; /* set current-context; NULL: leave; "": clear */
};
/* The item of that kind and name, or NULL. */
const struct kcfg_item *kcfg_wanted(
	const struct kcfg_edit *e, enum rk_kc_kind kind, const char *name);
/* Add an item, unless there is one of that kind and name. Returns the copy of its value in d, or NULL. The
 * caller frees items. */
struct rk_val *kcfg_want(struct kcfg_edit *e, enum rk_kc_kind kind, const char *name,
	struct rk_doc *d, const struct rk_val *value);

/* The files of the load list, read for editing: locked first when lock is set (waiting up to
 * wait_ms for another's lock), then read. Missing files count as empty. */
struct kcfg_files;
int kcfg_open(struct kcfg_files **out, const char *explicit_path, bool lock, int wait_ms,
	struct rk_err *err) RK_MUST_USE;
void kcfg_close(struct kcfg_files *f); /* and unlock */

/* The entry that counts (that of the first file having the name), parsed into d; NULL when
 * there is none. path (may be NULL) is the file it is in, or would be written to. */
int kcfg_lookup(const struct kcfg_files *f, enum rk_kc_kind kind, const char *name,
	struct rk_doc *d, const struct rk_val **value, const char **path,
	struct rk_err *err) RK_MUST_USE;
/* All contexts of all files, parsed into d: SEQ of {name, context, file}. Those shadowed by an
 * earlier file and those without a name are included. */
int kcfg_contexts(const struct kcfg_files *f, struct rk_doc *d, struct rk_val **out,
	struct rk_err *err) RK_MUST_USE;
const char *kcfg_current(const struct kcfg_files *f); /* NULL: unset */

/* Edit in memory. Errors as kcfg_edit_text; the files can only be closed then. As kubectl: an entry
 * that exists is changed in the file it counts in; a new one and current-context go to the explicit
 * file, else the first that exists, else the last of the list; current-context is cleared, and an
 * entry taken out, in every file that has it. */
int kcfg_change(struct kcfg_files *f, const struct kcfg_edit *edit, struct rk_err *err) RK_MUST_USE;
/* Write the files that changed. Errors: as rk_file_replace; RK_CONFLICT when a file holds something
 * else than what was read, which a lock cannot prevent of those who do not ask for it. */
int kcfg_write(struct kcfg_files *f, struct rk_err *err) RK_MUST_USE;

/* --- one text --- */

/* An entry, by the bytes it has in the text. */
struct kcfg_slot {
	size_t from, to;  /* block: whole lines from the dash's on; flow: the value alone */
	const char *name; /* NULL: none */
	bool tied;	  /* anchors, aliases, merges or two names in it: not to be touched */
	bool gone;	  /* taken out by the edit under way */
};

enum kcfg_style { KCFG_MISSING, KCFG_EMPTY, KCFG_BLOCK, KCFG_FLOW };

struct kcfg_section {
	enum kcfg_style style; /* KCFG_EMPTY: [] or null under a block root */
	bool tied;	       /* the list has an anchor, is an alias or the second of its name */
	size_t from, to;       /* the value; KCFG_EMPTY without text: empty, behind the colon */
	size_t colon;	       /* behind the key's colon */
	size_t indent;	       /* KCFG_BLOCK: column of the dashes */
	struct kcfg_slot *slots;
	size_t n;
};

/* Where the entries of a text are. */
struct kcfg_layout {
	struct rk_doc *doc;
	bool crlf;     /* lines end so */
	bool flow;     /* the root is { } */
	bool empty;    /* no document in it */
	bool tied;     /* merge key or anchor at the root */
	bool odd;      /* a line ends in neither LF nor CR LF */
	size_t indent; /* column of the root's keys */
	size_t end;    /* block: behind the last line with content; flow: behind the last value */
	struct kcfg_slot current; /* current-context: its value; to is 0 when there is none */
	struct kcfg_section sec[RK_KC_NKINDS];
};
void kcfg_layout_release(struct kcfg_layout *l);
#define kcfg_auto_layout __attribute__((cleanup(kcfg_layout_release))) struct kcfg_layout
#define KCFG_LAYOUT_INIT \
	{                \
		0        \
	}

/* Read a text that kubectl would load (rk_kubeconfig_read) as a layout; NUL-terminated. whole: without the
 * shortcut for entries that kubectl wrote, for comparison. Errors: RK_FAIL as there, RK_CONFLICT (several
 * documents, a list in a notation that cannot be edited). */
int kcfg_scan(struct kcfg_layout *l, const char *text, size_t n, const char *name, bool whole,
	struct rk_err *err) RK_MUST_USE;
/* The slot of that name, or NULL. */
struct kcfg_slot *kcfg_find(const struct kcfg_section *s, const char *name);
/* An entry without anchors as a tree in d. */
int kcfg_parse(const char *text, const struct kcfg_section *s, const struct kcfg_slot *slot,
	struct rk_doc *d, const struct rk_val **out, struct rk_err *err) RK_MUST_USE;

/* What edits have left alone: all, or at least so many bytes at the start and at the end. */
struct kcfg_kept {
	bool all;
	size_t head, tail;
};

/* Edit kubeconfig text in place; l is its layout, then that of the result; name is for messages; kept is
 * reduced. Everything outside the touched entries keeps its bytes: comments, order, CRLF, BOM, flow
 * style, JSON. Entries that have their value already are not touched. An empty text gives a new file.
 * The names of the result are compared and its new entries parsed back.
 * Errors: RK_CONFLICT (anchors in what is touched), RK_FAIL (too large); of the text nothing but
 * release may be asked then. */
int kcfg_edit_text(struct rk_buf *text, struct kcfg_layout *l, const char *name,
	const struct kcfg_edit *want, struct kcfg_kept *kept, struct rk_err *err) RK_MUST_USE;

#endif
