// SPDX-License-Identifier: Apache-2.0
/* entry - one cluster, user and context as a whole kubeconfig, and where it goes. */
#include "tool.h"

#include "file.h"

void entry_release(struct entry *e)
{
	free(e->ns);
	free(e->cluster);
	rk_doc_free(e->d);
}

static void add_named(struct rk_doc *d, struct rk_val *root, const char *plural, const char *single,
	const char *name, struct rk_val *value)
{
	struct rk_val *m = rk_map(d), *seq = rk_seq(d);

	rk_set(d, m, single, value);
	rk_set_str(d, m, "name", name);
	rk_append(seq, m);
	rk_set(d, root, plural, seq);
}

/* A whole kubeconfig with this one entry. */
struct rk_val *compose(struct entry *e)
{
	struct rk_doc *d = e->d;
	struct rk_val *root = rk_map(d), *ctx = rk_map(d);

	rk_set_str(d, ctx, "cluster", e->name);
	rk_set_str(d, ctx, "user", e->name);
	rk_set_str(d, root, "apiVersion", "v1");
	rk_set_str(d, root, "kind", "Config");
	rk_set_str(d, root, "current-context", e->name);
	add_named(d, root, "clusters", "cluster", e->name, e->cluster_map);
	add_named(d, root, "contexts", "context", e->name, ctx);
	add_named(d, root, "users", "user", e->name, e->user_map);
	return root;
}

void write_out(const struct rk_val *root, int format, struct rk_buf *out)
{
	if (format == FORMAT_JSON)
		rk_json_write(root, RK_JSON_PRETTY, out);
	else
		rk_yaml_write(root, true, out);
	if (out->len && out->s[out->len - 1] != '\n')
		rk_buf_putc(out, '\n');
}

/* To stdout, or into a file that only its owner can read. */
int put_out(const struct opts *o, const struct rk_buf *text, struct rk_err *err)
{
	if (!o->file) {
		rk_print_buf(text);
		return 0;
	}
	if (rk_file_replace(o->file, text->s, text->len, 0600, NULL, err) < 0)
		return -1;
	rk_note("written to %s: export KUBECONFIG=%s", o->file, o->file);
	return 0;
}
