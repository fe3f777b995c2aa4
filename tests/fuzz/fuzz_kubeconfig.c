// SPDX-License-Identifier: Apache-2.0
/* Any bytes as a kubeconfig: reading must not crash; an edit must
 * leave every other entry's bytes alone and be done once; as that of a virtual cluster it leads to
 * the address found and carries the note. */
#include "k3k/k3k.h"
#include "../../kubectl-rk3k/kubeconfig/edit.h"
#include "must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Entries of other names: as many, in the same order, with the same bytes. */
static void others_kept(const char *was, size_t n, const struct rk_buf *now, const char *touched)
{
	kcfg_auto_layout a = KCFG_LAYOUT_INIT, b = KCFG_LAYOUT_INIT;

	MUST(kcfg_scan(&a, was, n, "f", false, NULL) == 0 &&
		kcfg_scan(&b, now->s, now->len, "f", false, NULL) == 0);
	for (size_t k = 0; k < RK_KC_NKINDS; k++) {
		size_t j = 0;

		for (size_t i = 0; i < a.sec[k].n; i++) {
			const struct kcfg_slot *x = &a.sec[k].slots[i], *y;
			size_t len = x->to - x->from;

			if (rk_streq(x->name, touched)) {
				j += k != RK_KC_CLUSTERS || b.sec[k].n == a.sec[k].n;
				continue;
			}
			MUST(j < b.sec[k].n);
			y = &b.sec[k].slots[j++];
			/* the last line of a file may be given its end */
			MUST(now->len - y->from >= len &&
				memcmp(was + x->from, now->s + y->from, len) == 0);
		}
	}
}

/* The shortcut for entries that kubectl wrote does not show. */
static void scans_agree(const char *text, size_t n)
{
	kcfg_auto_layout a = KCFG_LAYOUT_INIT, b = KCFG_LAYOUT_INIT;
	int rc = kcfg_scan(&a, text, n, "f", false, NULL);

	MUST(kcfg_scan(&b, text, n, "f", true, NULL) == rc);
	MUST(a.end == b.end && a.odd == b.odd && a.current.from == b.current.from);
	for (size_t k = 0; k < RK_KC_NKINDS; k++) {
		MUST(a.sec[k].n == b.sec[k].n && a.sec[k].to == b.sec[k].to);
		for (size_t i = 0; i < a.sec[k].n; i++)
			MUST(a.sec[k].slots[i].from == b.sec[k].slots[i].from &&
				a.sec[k].slots[i].to == b.sec[k].slots[i].to);
	}
}

/* The text edited into out; what was kept is there. */
static bool edited(
	const char *text, size_t n, const struct kcfg_edit *e, struct rk_buf *out, bool *changed)
{
	kcfg_auto_layout l = KCFG_LAYOUT_INIT;
	struct kcfg_kept kept = {true, n, n};

	rk_buf_reset(out);
	rk_buf_put(out, text, n);
	if (kcfg_scan(&l, out->s, n, "f", false, NULL) < 0 ||
		kcfg_edit_text(out, &l, "f", e, &kept, NULL) < 0)
		return false;
	MUST(memcmp(text, out->s, kept.head) == 0);
	MUST(memcmp(text + n - kept.tail, out->s + out->len - kept.tail, kept.tail) == 0);
	*changed = !kept.all;
	return true;
}

static void edit(const char *text, size_t n)
{
	rk_auto_doc *d = rk_doc_new(false);
	struct rk_val *m = rk_map(d);
	struct kcfg_item add = {RK_KC_CLUSTERS, "a", m}, drop = {RK_KC_CLUSTERS, "a", NULL};
	struct kcfg_edit in = {&add, 1, "a"}, out = {&drop, 1, NULL};
	rk_auto_buf one = RK_BUF_INIT, two = RK_BUF_INIT;
	bool changed = true;

	rk_set_str(d, m, "server", "https://a");
	if (edited(text, n, &in, &one, &changed)) {
		others_kept(text, n, &one, "a");
		MUST(edited(one.s, one.len, &in, &two, &changed));
		MUST(!changed && one.len == two.len && memcmp(one.s, two.s, one.len) == 0);
	}
	if (edited(text, n, &out, &one, &changed))
		others_kept(text, n, &one, "a");
}

/* No files may be opened and no programs run: bytes without a place refuse relative paths, and
 * absolute ones are left out. */
static void read_it(const char *text, size_t n)
{
	static const struct rk_kube_flags f = {.pod_dir = "/nowhere"};
	struct rk_kubeconfig *kc = NULL;
	struct rk_target t;

	if (memchr(text, '/', n) && memmem(text, n, "\"/", 2))
		return;
	if (rk_kubeconfig_parse(&kc, text, n, "f", NULL) < 0)
		return;
	if (rk_kubeconfig_resolve(kc, &f, &t, NULL) == 0)
		rk_target_release(&t);
	rk_kubeconfig_free(kc);
}

static void virtual_cluster(const char *text, size_t n)
{
	rk_auto_vcluster a = {.kubeconfig = RK_BUF_INIT_SECRET};
	struct rk_kc_note note = {.ns = "n", .cluster = "c", .host = "https://host"}, back;
	rk_auto_doc *d = rk_doc_new(true);
	struct rk_val *cluster, *user;

	rk_buf_put(&a.kubeconfig, text, n);
	a.url = rk_strdup("https://found");
	if (rk_k3k_entry(&a, &note, d, &cluster, &user, NULL) == 0) {
		MUST(rk_streq(rk_get_str(cluster, "server", NULL), a.url));
		MUST(!rk_get(cluster, "tls-server-name", NULL) && user->kind == RK_MAP);
		MUST(rk_kc_note(cluster, &back) && rk_kc_note_same(&note, &back) && back.host);
	} else {
		MUST(!cluster && !user);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = rk_strndup((const char *)data, size); /* ends at the first NUL */
	size_t n = strlen(text);

	read_it(text, n);
	scans_agree(text, n);
	edit(text, n);
	virtual_cluster(text, n);
	free(text);
	return 0;
}
