// SPDX-License-Identifier: Apache-2.0
/* What our readers make of the files named as arguments, for tests/env/standin/cmd/kubeconfigs, which
 * compares it with what Go's make of them. Two lines a file: FILE, "yaml" or "config", "ok" and the
 * tree as JSON, or "refused" and why; parted by tabs. */
#include "os/os.h"
#include "kubeconfig/kubeconfig.h"

static void show(const char *path, const char *what, int rc, const struct rk_val *v,
	const struct rk_err *err)
{
	rk_auto_buf json = RK_BUF_INIT;

	if (rc == 0 && v)
		rk_json_write(v, RK_JSON_COMPACT, &json);
	else
		rk_buf_puts(&json, rc == 0 ? "null" : err->msg);
	while (json.len && json.s[json.len - 1] == '\n')
		json.s[--json.len] = 0;
	for (char *p = json.s; (p = strchr(p, '\n')); p++)
		*p = ' '; /* only a message has one inside */
	printf("%s\t%s\t%s\t%s\n", path, what, rc == 0 ? "ok" : "refused", json.s);
}

static int read_one(const char *path)
{
	rk_auto_buf text = RK_BUF_INIT;
	rk_auto_doc *a = rk_doc_new(false), *b = rk_doc_new(false);
	struct rk_err err = RK_ERR_INIT;
	struct rk_val *tree = NULL;
	const struct rk_val *config = NULL;
	int rc = rk_file_read(path, (size_t)1 << 20, &text, &err);

	if (rc < 0)
		return rc;
	rc = rk_yaml_parse_loose(a, text.s, text.len, &tree, &err);
	show(path, "yaml", rc, tree, &err);
	rc = rk_kubeconfig_read(b, text.s, text.len, path, &config, &err);
	show(path, "config", rc, config, &err);
	return 0;
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (read_one(argv[i]) < 0)
			return 1;
	return 0;
}
