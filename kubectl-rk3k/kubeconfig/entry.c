// SPDX-License-Identifier: Apache-2.0
/* entry - one cluster, user and context as a whole kubeconfig, and its output. */
#include "tool.h"

#include "os/os.h"

void kcfg_entry_release(struct entry *e)
{
	free(e->ns);
	free(e->cluster);
	rk_doc_free(e->d);
}

void kcfg_write_out(const struct rk_val *root, int format, struct rk_buf *out)
{
	if (format == FORMAT_JSON)
		rk_json_write(root, RK_JSON_PRETTY, out);
	else
		rk_yaml_write(root, true, out);
	if (out->len && out->s[out->len - 1] != '\n')
		rk_buf_putc(out, '\n');
}

/* To stdout, or into a file that only its owner can read. */
int kcfg_put_out(const struct opts *o, const struct rk_buf *text, struct rk_err *err)
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
