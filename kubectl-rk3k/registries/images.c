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

/* The private registry when it serves the image; else the image's own registry when the servers may
 * go there; else NULL. */
static const char *source(struct job *j, const char *name, const struct rk_strv *mirrors)
{
	const char *host = reg_str(j, RK_KEY_PRIVATE_REGISTRY), *there;
	struct rk_image image;

	if (!*host)
		return name;
	if (rk_image_parse(j->d, name, &image, NULL) < 0)
		return NULL; /* not so: the name was made of one */
	there = rk_image_source(j->d, &image, host, mirrors);
	return there || !rk_setting_yes(j->s, RK_KEY_REGISTRY_FALLBACK) ? there : name;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int print_images(struct job *j, const struct rk_strv *names, const struct rk_strv *mirrors,
	struct rk_err *err)
{
	static const char *const head[] = {"IMAGE", "FROM"};
	const struct rk_out_flags *o = &j->o->out;
	struct rk_val *rows = rk_seq(j->d);
	struct rk_table *t;

	for (size_t i = 0; i < names->n; i++) {
		const char *from = source(j, names->v[i], mirrors);
		struct rk_val *v = rk_map(j->d);

		if (i && rk_streq(names->v[i], names->v[i - 1]))
			continue;
		rk_set_str(j->d, v, "image", names->v[i]);
		rk_set_str(j->d, v, "from", from);
		rk_append(rows, v);
	}
	if (o->sort_by && rk_jsonpath_sort(rows, o->sort_by, err) < 0)
		return -1;
	t = rk_table_new(head, RK_COUNT(head));
	rk_each (v, rows) {
		rk_table_row(t, rk_get_str(v, "image", NULL), rk_get_str(v, "from", NULL));
		if (o->fmt == RK_FMT_NAME)
			rk_printf("%s\n", rk_get_str(v, "image", NULL));
	}
	if (o->fmt == RK_FMT_JSON || o->fmt == RK_FMT_YAML)
		rk_print_val((enum rk_fmt)o->fmt, rows);
	else if (o->fmt != RK_FMT_NAME)
		rk_table_print(t, (enum rk_fmt)o->fmt, !o->no_headers);
	rk_table_free(t);
	return 0;
}

static int known_images(struct job *j, struct rk_strv *out, struct rk_err *err)
{
	rk_step_images(j->d, j->s, out);
	for (size_t i = 0; i < out->n; i++) {
		struct rk_image image;

		if (rk_image_parse(j->d, out->v[i], &image, err) < 0)
			return -1;
		out->v[i] = rk_image_name(j->d, &image);
	}
	return 0;
}

static int list_images(struct job *j, struct rk_err *err)
{
	struct rk_strv names = {0}, mirrors = {0};
	int rc = 0;

	if (rk_setting_is(j->s, RK_KEY_PRIVATE_REGISTRY))
		rc = rk_step_mirrors(j->d, j->s, &mirrors, err);
	if (rc == 0 && !j->o->nfiles)
		rc = known_images(j, &names, err);
	for (int i = 0; i < j->o->nfiles && rc == 0; i++)
		rc = reg_read_images(j, j->o->files[i], "images", &names, err);
	if (rc == 0) {
		if (names.n)
			qsort(names.v, names.n, sizeof(*names.v), by_name);
		rc = print_images(j, &names, &mirrors, err);
	}
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
