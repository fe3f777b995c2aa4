// SPDX-License-Identifier: Apache-2.0
/* template: prints the names of the Secrets of a namespace. Reads the cluster, writes one name a
 * line or objects; changes nothing. (Start of a new tool; CI compiles and runs it.) */
#include "base/base.h"

#include "cli/cli.h"
#include "kube/kube.h"
#include "data/data.h"

struct opts {
	struct rk_kube_flags kube;
	struct rk_out_flags out;
	const char *selector;
};

static const struct rk_opt options[] = {
	OPT_STR("selector", selector, "LABELS", "only objects with these labels", .key = 'l'),
	OPT_GROUP_OUT(out),
	OPT_GROUP_KUBE(kube),
	OPT_END,
};

/* Pure: the tree in, text out. This is what a unit test would call. */
static void print_table(const struct rk_val *secrets, const struct rk_out_flags *out)
{
	static const char *const headers[] = {"NAME", "TYPE"};
	struct rk_table *t = rk_table_new(headers, RK_COUNT(headers));

	rk_each (s, secrets)
		rk_table_row(
			t, rk_get_str(s, "metadata", "name", NULL), rk_get_str(s, "type", NULL));
	rk_table_print(t, (enum rk_fmt)out->fmt, !out->no_headers);
	rk_table_free(t);
}

static void print(const struct rk_val *secrets, const struct rk_out_flags *out)
{
	if (out->fmt == RK_FMT_JSON || out->fmt == RK_FMT_YAML) {
		rk_print_val((enum rk_fmt)out->fmt, secrets);
	} else if (out->fmt == RK_FMT_NAME) {
		rk_each (s, secrets)
			rk_printf("secret/%s\n", rk_get_str(s, "metadata", "name", NULL));
	} else {
		print_table(secrets, out);
	}
}

/* The story: connect, fetch, emit. Scope cleanup releases everything on every way out. */
static int run(void *opts, int argc, char **argv, struct rk_err *err)
{
	const struct opts *o = opts;
	const struct rk_list_opts which = {.labels = o->selector};
	rk_auto_kube *k = NULL;
	rk_auto_doc *d = rk_doc_new(true); /* wiped: it holds Secrets */
	struct rk_val *secrets = NULL;

	(void)argc;
	(void)argv;
	if (rk_kube_open(&k, &o->kube, err) < 0)
		return -1;
	if (rk_kube_list_all(k, &RK_SECRET, rk_kube_namespace(k), &which, d, &secrets, err) < 0)
		return rk_err_wrap(err, "secrets of namespace %s", rk_kube_namespace(k));
	print(secrets, &o->out);
	return 0;
}

static const struct rk_verb verbs[] = {
	{.summary = "list the Secrets of a namespace", .opts = options, .run = run},
	{.run = NULL},
};

static const struct rk_cmd cmd = {
	.name = "template",
	.summary = "list the Secrets of a namespace",
	.help = rk_help, /* docs/help/template.txt */
	.opts_size = sizeof(struct opts),
	.verbs = verbs,
};

int main(int argc, char **argv)
{
	return rk_main(&cmd, argc, argv);
}
