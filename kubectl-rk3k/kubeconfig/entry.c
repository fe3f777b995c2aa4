// SPDX-License-Identifier: Apache-2.0
/* entry - what the verbs share: the files opened for a change, and what is printed. */
#include "tool.h"

#include "os/os.h"

int kcfg_open_locked(const struct opts *o, struct kcfg_files **f, struct rk_err *err)
{
	struct rk_err first = RK_ERR_INIT;
	bool lock = o->dry == RK_DRY_NONE && !o->diff;
	int soon = o->wait_ms < 500 ? (int)o->wait_ms : 500;

	if (rk_streq(o->kube.kubeconfig, "-"))
		return rk_err_set(
			err, RK_USAGE, "--kubeconfig - cannot be changed: give the file to change");
	if (kcfg_open(f, o->kube.kubeconfig, lock, soon, &first) == 0)
		return 0;
	if (first.reason != RK_REASON_LOCKED || o->wait_ms <= soon) {
		*err = first;
		return -1;
	}
	rk_note("waiting: %s", first.msg);
	return kcfg_open(f, o->kube.kubeconfig, lock, (int)o->wait_ms - soon, err);
}

void kcfg_print(const struct opts *o, const struct rk_val *seq)
{
	bool name_only = o->out.fmt == RK_FMT_NAME;

	if (o->out.fmt == RK_FMT_JSON || o->out.fmt == RK_FMT_YAML) {
		rk_print_val((enum rk_fmt)o->out.fmt, seq);
		return;
	}
	rk_each (m, seq) {
		const char *kind = rk_get_str(m, "kind", NULL);

		rk_printf("%s/%s%s%s%s\n", kind ? kind : "context", rk_get_str(m, "name", NULL),
			name_only ? "" : " ", name_only ? "" : rk_get_str(m, "outcome", NULL),
			o->dry && !name_only ? " (dry run)" : "");
	}
}

void kcfg_write_out(const struct rk_val *root, int format, struct rk_buf *out)
{
	if (format == FORMAT_JSON)
		rk_json_write(root, RK_JSON_PRETTY, out);
	else
		rk_yaml_write(root, true, out);
}

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
