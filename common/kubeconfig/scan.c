// SPDX-License-Identifier: Apache-2.0
/* Where the entries lie: what the two scanners fill, and which of them is asked. */
#include "internal.h"

const char *const kc_plural[RK_KC_NKINDS] = {"clusters", "contexts", "users"};
const char *const kc_single[RK_KC_NKINDS] = {"cluster", "context", "user"};

struct kc_item *kc_add_item(struct kc_section *s, size_t from)
{
	if (s->n == s->alloc) {
		s->alloc = s->alloc ? 2 * s->alloc : 8;
		s->items = rk_realloc(s->items, s->alloc * sizeof(*s->items));
	}
	s->items[s->n] = (struct kc_item){.at = {from, from}};
	return &s->items[s->n++];
}

void kc_layout_release(struct kc_layout *l)
{
	for (size_t i = 0; i < RK_KC_NKINDS; i++)
		free(l->sec[i].items);
	rk_doc_free(l->doc);
	*l = (struct kc_layout)KC_LAYOUT_INIT;
}

ptrdiff_t kc_section_find(const struct kc_section *s, const char *name, bool *twice)
{
	size_t len = strlen(name);
	ptrdiff_t at = -1;

	*twice = false;
	for (size_t i = 0; i < s->n; i++) {
		const struct kc_item *it = &s->items[i];

		if (!it->name || it->namelen != len || memcmp(it->name, name, len) != 0)
			continue;
		*twice = at >= 0;
		if (at < 0)
			at = (ptrdiff_t)i;
		if (*twice)
			break;
	}
	return at;
}

int kc_scan(struct kc_layout *l, const char *text, size_t n, const char *name, struct rk_err *err)
{
	if (kc_scan_lines(l, text, n) == 0)
		return 0;
	return kc_scan_events(l, text, n, name, err);
}
