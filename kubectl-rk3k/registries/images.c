// SPDX-License-Identifier: Apache-2.0
/* images: the full names of images, and where the servers of a cluster pull each from. */
#include "tool.h"
#include "os/os.h"
#include "data/data.h"
#include "registry/registry.h"
#include "steps/steps.h"

int reg_read_images(
	struct job *j, const char *path, const char *what, struct rk_strv *out, struct rk_err *err)
{
	rk_auto_buf text = RK_BUF_INIT;

	if (rk_streq(path, "-") && reg_take_stdin(j, what, err) < 0)
		return -1;
	if (rk_file_read(path, 4 << 20, &text, err) < 0)
		return rk_err_wrap(err, "images");
	return rk_images_parse(
		j->d, text.s, text.len, rk_streq(path, "-") ? "stdin" : path, out, err);
}

/* {image, from} of each name: from the private registry when it serves the image; else from the
 * image's own registry when the servers may use that; else from is missing. */
static int add_rows(struct job *j, const struct rk_strv *names, const struct rk_strv *mirrors,
	struct rk_val *rows, struct rk_err *err)
{
	const char *host = reg_str(j, RK_KEY_PRIVATE_REGISTRY);
	bool direct = !*host || rk_setting_yes(j->s, RK_KEY_REGISTRY_FALLBACK);

	for (size_t i = 0; i < names->n; i++) {
		struct rk_val *v = rk_map(j->d);
		struct rk_image image;
		const char *name, *from;

		if (rk_image_parse(j->d, names->v[i], &image, err) < 0)
			return -1;
		name = rk_image_name(j->d, &image);
		from = *host ? rk_image_source(j->d, &image, host, mirrors) : NULL;
		rk_set_str(j->d, v, "image", name);
		rk_set_str(j->d, v, "from", from ? from : direct ? name : NULL);
		rk_append(rows, v);
	}
	return 0;
}

static int print_rows(struct job *j, struct rk_val *rows, struct rk_err *err)
{
	static const char *const head[] = {"IMAGE", "FROM"};
	const struct rk_out_flags *o = &j->o->out;
	struct rk_table *t;

	if (rk_jsonpath_sort(rows, ".image", err) < 0 ||
		(o->sort_by && rk_jsonpath_sort(rows, o->sort_by, err) < 0))
		return -1;
	if (o->fmt == RK_FMT_JSON || o->fmt == RK_FMT_YAML) {
		rk_print_val((enum rk_fmt)o->fmt, rows);
		return 0;
	}
	t = rk_table_new(head, RK_COUNT(head));
	rk_each (v, rows) {
		rk_table_row(t, rk_get_str(v, "image", NULL), rk_get_str(v, "from", NULL));
		if (o->fmt == RK_FMT_NAME)
			rk_printf("%s\n", rk_get_str(v, "image", NULL));
	}
	if (o->fmt != RK_FMT_NAME)
		rk_table_print(t, (enum rk_fmt)o->fmt, !o->no_headers);
	rk_table_free(t);
	return 0;
}

static int list_images(struct job *j, struct rk_err *err)
{
	struct rk_strv names = {0}, mirrors = {0};
	struct rk_val *rows = rk_seq(j->d);
	int rc = 0;

	if (rk_setting_is(j->s, RK_KEY_PRIVATE_REGISTRY))
		rc = rk_step_mirrors(j->d, j->s, &mirrors, err);
	if (rc == 0 && !j->o->nfiles)
		rk_step_images(j->d, j->s, &names);
	for (int i = 0; i < j->o->nfiles && rc == 0; i++)
		rc = reg_read_images(j, j->o->files[i], "images", &names, err);
	if (rc == 0)
		rc = add_rows(j, &names, &mirrors, rows, err);
	if (rc == 0)
		rc = print_rows(j, rows, err);
	rk_strv_release(&mirrors);
	rk_strv_release(&names);
	return rc;
}

int reg_run_images(void *opts, int argc, char **argv, struct rk_err *err)
{
	struct opts *o = opts;

	o->files = argv;
	o->nfiles = argc;
	return reg_with_job(o, NULL, list_images, err);
}
