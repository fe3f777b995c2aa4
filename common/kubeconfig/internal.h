// SPDX-License-Identifier: Apache-2.0
/* what the files of the kubeconfig module share; no other file includes it. */
#ifndef RK_KUBECONFIG_INTERNAL_H
#define RK_KUBECONFIG_INTERNAL_H

#include "kubeconfig/kubeconfig.h"

#define RK_KC_MAX ((size_t)128 << 20) /* largest kubeconfig file that is read */

struct kc_file {
	char *path; /* as spelled */
	char *dir;  /* relative paths in it belong here; NULL: bytes without a place */
	const struct rk_val *root;
};

/* One named entry; v is the inner map (the value of `cluster:`, `user:`, `context:`) or NULL. */
struct kc_entry {
	const char *name;
	const struct rk_val *v;
	const struct kc_file *file;
};

/* Sorted by name; of equal names only that of the first file is kept. */
struct kc_list {
	struct kc_entry *v;
	size_t n, alloc;
};

struct rk_kubeconfig {
	struct rk_doc *doc; /* secret */
	struct kc_file *files;
	size_t nfiles;
	char *searched; /* where files were looked for, for messages */
	struct kc_list clusters, users, contexts;
	const char *current; /* NULL: unset */
	const struct kc_file *current_file;
};

/* The entry of that name, or NULL. */
const struct kc_entry *kc_find(const struct kc_list *l, const char *name);

/* String field of an entry (e may be NULL); "" and null count as unset: *out is NULL then. */
int kc_str(const struct kc_entry *e, const char *key, const char **out, struct rk_err *err);

/* Point conf at the CA, certificate and key that t holds; again after each change of those buffers. */
void kc_use_material(struct rk_target *t);
/* Bytes given as NAME-data (base64) or NAME (a file) of an entry, or the file of a flag, which
 * beats both. Nothing given: out stays empty. Both data and file: an error. */
int kc_material(const struct kc_entry *e, const char *name, const char *flag, struct rk_buf *out,
	struct rk_err *err);

/* Paths of the load list: the explicit one, those of $KUBECONFIG, or ~/.kube/config. The array is
 * NULL-terminated; the caller frees it and each string with kc_free_paths. */
char **kc_paths(const char *explicit_path);
void kc_free_paths(char **paths);
static inline void kc_cleanup_paths_(char ***p)
{
	kc_free_paths(*p);
}
#define kc_auto_paths __attribute__((cleanup(kc_cleanup_paths_))) char **

/* Copy exec and, with provideClusterInfo, the description of the cluster into t. */
int kc_take_exec(struct rk_target *t, const struct kc_entry *user, const struct kc_entry *cluster,
	const struct rk_val *exec, struct rk_err *err);

/* The string kept as long as the target; NULL stays NULL. */
char *kc_keep(struct rk_target *t, const char *s);

/* Values end up in headers: a line break in one would smuggle in another, so control characters
 * are refused. what names the value. */
int kc_plain(const char *what, const char *s, struct rk_err *err);

/* The same of a token, which must also fit into a request's header. */
int kc_check_token(const char *what, const char *s, struct rk_err *err);

/* Whether client-go would run this exec plugin: apiVersion, command, interactiveMode and the names in
 * env. */
int kc_check_exec(const struct rk_val *exec, struct rk_err *err);

/* The text without the blanks around it; the caller frees it. */
char *kc_trimmed(const struct rk_buf *b);

/* t->token from t->token_file. */
int kc_read_token(struct rk_target *t, struct rk_err *err);

/* The identity that the user entry (may be NULL) and the flags give. */
int kc_take_user(struct rk_target *t, const struct kc_entry *user, const struct kc_entry *cluster,
	const struct rk_kube_flags *f, struct rk_err *err);

/* Whom the user entry or --as says to act as, as headers. */
int kc_take_impersonation(struct rk_target *t, const struct kc_entry *user,
	const struct rk_kube_flags *f, struct rk_err *err);

/* kubeconfig-scan - where the entries of a kubeconfig text lie, byte by byte, without building a
 * tree: what editing needs.
 *
 * Two scanners fill the same layout. The line scanner knows the plain block style that kubectl
 * writes, nothing more, and gives up on all else; it reads some GB/s. libyaml's events know the
 * rest. Where the first accepts, both agree (tests/unit/test_kubeconfig_edit.c). */

struct kc_span {
	size_t from, to;
};

struct kc_item {
	struct kc_span at; /* block: whole lines from the dash's on; flow: the value alone */
	const char *name;  /* in the layout's arena; NULL: none */
	size_t namelen;
	bool tied; /* anchors, aliases or two names in it: not to be touched */
};

enum kc_style { KC_MISSING, KC_EMPTY, KC_BLOCK, KC_FLOW };

struct kc_section {
	uint8_t style;	   /* enum kc_style; KC_EMPTY: [] or null under a block root */
	bool tied;	   /* the list itself has an anchor or is an alias */
	struct kc_span at; /* the value; KC_EMPTY without text: empty, behind the colon */
	size_t colon;	   /* behind the key's colon */
	size_t indent;	   /* KC_BLOCK: column of the dashes */
	struct kc_item *items;
	size_t n, alloc;
};

struct kc_layout {
	struct rk_doc *doc;
	bool crlf;     /* lines end so */
	bool plain;    /* the line scanner took it */
	bool flow;     /* the root is { } */
	bool empty;    /* no document in it */
	bool tied;     /* merge key or anchor at the root */
	size_t indent; /* column of the root's keys */
	size_t start;  /* flow root: behind the { */
	size_t end;    /* block: behind the last line with content; flow: behind the last value */
	size_t nkeys;  /* keys of the root */
	bool has_current;
	struct kc_span current; /* value of current-context as written */
	char *current_name;	/* decoded, or NULL */
	struct kc_section sec[RK_KC_NKINDS];
};

/* Errors: RK_FAIL (not YAML, not a map), RK_CONFLICT (several documents, a list twice). */
int kc_scan(struct kc_layout *l, const char *text, size_t n, const char *name, struct rk_err *err);
void kc_layout_release(struct kc_layout *l);
#define kc_auto_layout __attribute__((cleanup(kc_layout_release))) struct kc_layout
#define KC_LAYOUT_INIT \
	{              \
		0      \
	}

/* The two scanners alone, for tests. kc_scan_lines returns 1 when it gives up. */
int kc_scan_lines(struct kc_layout *l, const char *text, size_t n);
int kc_scan_events(
	struct kc_layout *l, const char *text, size_t n, const char *name, struct rk_err *err);

/* Whether kubectl would load the text, as rk_kubeconfig_read tells, of which only the errors count. A
 * large text in the style that kubectl writes is not made a tree for that. */
int kc_check_text(const struct kc_layout *l, const char *text, size_t n, const char *name,
	struct rk_err *err) RK_MUST_USE;

/* What an edit has left alone: all, or so many bytes at the start and at the end. */
struct kc_kept {
	bool all;
	size_t head, tail;
};

/* Edit kubeconfig text in place; l is its layout, then that of the result; name is for messages.
 * Everything outside the touched entries keeps its bytes: comments, order, CRLF, BOM, flow style,
 * JSON. Entries that have their value already are not touched. An empty text gives a new file.
 * The names of the result are counted and its new entries parsed back.
 * Errors: RK_CONFLICT (anchors in what is touched, duplicate names), RK_FAIL (too
 * large); of the text nothing but release may be asked then. */
int kc_edit(struct rk_buf *text, struct kc_layout *l, const char *name,
	const struct rk_kc_edit *want, struct kc_kept *kept, struct rk_err *err) RK_MUST_USE;

/* A new item at the end of the list, for the scanners. */
struct kc_item *kc_add_item(struct kc_section *s, size_t from);

/* Index of the item of that name, or -1; *twice when there are two. */
ptrdiff_t kc_section_find(const struct kc_section *s, const char *name, bool *twice);

/* "clusters"/"cluster" and so on. */
extern const char *const kc_plural[RK_KC_NKINDS], *const kc_single[RK_KC_NKINDS];

/* kubeconfig-plan - an edit as a list of places to replace; for kubeconfig-edit. */

/* Replace [from, to) of the old text by text, which stands at dest in the new one. */
struct splice {
	size_t from, to, order, dest;
	struct rk_buf text;
};

struct edit {
	const char *t, *name;
	size_t n;
	struct kc_layout *l;
	const char *eol;
	struct splice *s;
	size_t ns, alloc;
	const struct rk_kc_edit *want;
	struct rk_err *err;
};

/* Fill the list of splices, in any order; text and layout stay as they are. */
void kc_plan(struct edit *e);

/* What is wanted of an existing entry, or NULL. */
const struct rk_kc_item *kc_wanted(
	const struct edit *e, enum rk_kc_kind k, const struct kc_item *old);
/* How many of the existing entries stay. */
size_t kc_count_kept(const struct edit *e, enum rk_kc_kind k);
/* Whether an entry of that name exists. */
bool kc_is_there(const struct edit *e, const struct rk_kc_item *w);
/* Whether the entry `old` of e->t, in block style or not, has the value wanted. */
bool kc_item_is(
	const struct edit *e, const struct kc_item *old, bool block, const struct rk_kc_item *w);

#endif
