// SPDX-License-Identifier: Apache-2.0
/* kubeconfig-scan - where the entries of a kubeconfig text lie, byte by byte, without building a
 * tree: what editing needs.
 *
 * Two scanners fill the same layout. The line scanner knows the plain block style that kubectl
 * writes, nothing more, and gives up on all else; it reads some GB/s. libyaml's events know the
 * rest. Where the first accepts, both agree (tests/unit/test_kubeconfig_edit.c). */
#ifndef RK_KUBECONFIG_SCAN_H
#define RK_KUBECONFIG_SCAN_H

#include "kubeconfig.h"

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

#endif
