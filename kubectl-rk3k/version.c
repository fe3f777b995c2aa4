// SPDX-License-Identifier: Apache-2.0
/* version: what this rk3k is and what it runs with. Reads nothing, writes a table or an object. */
#include "base/base.h"

#include "cli/cli.h"
#include "data/data.h"

#include <curl/curl.h>
#include <openssl/crypto.h>
#include <yaml.h>

struct opts {
	struct rk_out_flags out;
};

static const struct rk_opt options[] = {
	OPT_GROUP_OUT(out),
	OPT_END,
};

static int run(void *opts, int argc, char **argv, struct rk_err *err)
{
	static const char *const headers[] = {"PART", "VERSION"};
	const struct rk_out_flags *out = &((const struct opts *)opts)->out;
	const char *const facts[][2] = {
		{"version", rk_version},
		{"commit", rk_commit},
		{"date", rk_date},
		{"libcurl", curl_version_info(CURLVERSION_NOW)->version},
		{"openssl", OpenSSL_version(OPENSSL_FULL_VERSION_STRING)},
		{"libyaml", yaml_get_version_string()},
	};
	rk_auto_doc *d = rk_doc_new(false);
	struct rk_val *object = rk_map(d);
	struct rk_table *t = rk_table_new(headers, RK_COUNT(headers));

	(void)argc;
	(void)argv;
	(void)err;
	for (size_t i = 0; i < RK_COUNT(facts); i++) {
		rk_set_str(d, object, facts[i][0], facts[i][1]);
		rk_table_cells(t, facts[i]);
	}
	if (out->fmt == RK_FMT_JSON || out->fmt == RK_FMT_YAML)
		rk_print_val((enum rk_fmt)out->fmt, object);
	else if (out->fmt == RK_FMT_NAME)
		rk_printf("%s\n", rk_version);
	else
		rk_table_print(t, (enum rk_fmt)out->fmt, !out->no_headers);
	rk_table_free(t);
	return 0;
}

static const struct rk_verb verbs[] = {
	{.summary = "show the version of rk3k and of its libraries", .opts = options, .run = run},
	{.run = NULL},
};

static const struct rk_cmd cmd = {
	.name = "version",
	.summary = "show the version of rk3k and of its libraries",
	.help = rk_help,
	.opts_size = sizeof(struct opts),
	.verbs = verbs,
};

int main(int argc, char **argv)
{
	return rk_main(&cmd, argc, argv);
}
