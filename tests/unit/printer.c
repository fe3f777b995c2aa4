// SPDX-License-Identifier: Apache-2.0
/* Prints the JSON or YAML of standard input by the template of its argument, for a test that compares
 * what kubectl makes of it. */
#include "os/os.h"
#include "out/out.h"

static int print(const char *text, struct rk_err *err)
{
	rk_auto_doc *d = rk_doc_new(false);
	rk_auto_buf in = RK_BUF_INIT;
	struct rk_val *v;

	if (rk_out_template(text, true, err) < 0 || rk_file_read("-", 1 << 20, &in, err) < 0 ||
		rk_yaml_parse(d, in.s, in.len, &v, err) < 0)
		return -1;
	rk_print_val(RK_FMT_JSON, v);
	return rk_out_flush(err);
}

int main(int argc, char **argv)
{
	struct rk_err err = RK_ERR_INIT;

	if (argc == 2 && print(argv[1], &err) == 0)
		return 0;
	rk_out_error(&err);
	return err.code ? err.code : RK_USAGE;
}
