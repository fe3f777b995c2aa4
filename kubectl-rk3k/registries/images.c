// SPDX-License-Identifier: Apache-2.0
/* images: the full names of images, and where the servers of a cluster pull each from. */
#include "tool.h"
#include "os/os.h"
#include "data/data.h"
#include "registry/registry.h"
#include "steps/steps.h"

#include <ctype.h>

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

/* The image that a chart names, if it is one: what is filled in later is not. Where k3k's chart leaves the
 * tag of the servers' image to k3k, it is K3S_VERSION. */
static int add_named(
	struct job *j, const char *s, size_t n, struct rk_strv *out, struct rk_err *err)
{
	const char *name = rk_doc_strndup(j->d, s, n), *tag = reg_str(j, RK_KEY_K3S_VERSION);

	if (strpbrk(name, " {}") || (!isalnum((unsigned char)*name) && *name != '['))
		return 0;
	if (*tag && rk_suffix(name, "rancher/k3s"))
		name = rk_doc_printf(j->d, "%s:%s", name, tag);
	return rk_image_add(j->d, name, out, err);
}

/* Images in a manifest: fields `image`, flags like --x-image=NAME, environment like X_IMAGE. */
static int add_images_of(
	struct job *j, const struct rk_val *v, struct rk_strv *out, struct rk_err *err)
{
	const char *s = rk_str(v), *name = rk_get_str(v, "name", NULL), *start;
	const char *value = rk_get_str(v, "value", NULL);

	if (s && v->key && rk_streq(v->key, "image") && add_named(j, s, v->len, out, err) < 0)
		return -1;
	if (name && value && rk_suffix(name, "IMAGE") &&
		!name[strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")] &&
		add_named(j, value, strlen(value), out, err) < 0)
		return -1;
	for (const char *p = s; p && (p = strstr(p, "image="));) {
		for (start = p;
			start > s && (isalnum((unsigned char)start[-1]) || start[-1] == '-');)
			start--;
		p += strlen("image=");
		p += strspn(p, "\"'");
		if (rk_prefix(start, "--") &&
			add_named(j, p, strcspn(p, " \t\r\n\"',"), out, err) < 0)
			return -1;
	}
	rk_each (child, v)
		if (add_images_of(j, child, out, err) < 0)
			return -1;
	return 0;
}

/* The documents are read as kubectl reads them, each alone. */
static int read_manifests(struct job *j, const char *path, struct rk_strv *out, struct rk_err *err)
{
	rk_auto_buf text = RK_BUF_INIT;
	struct rk_val *v;

	if (rk_streq(path, "-") && reg_take_stdin(j, "--manifests", err) < 0)
		return -1;
	if (rk_file_read(path, 64 << 20, &text, err) < 0)
		return rk_err_wrap(err, "manifests");
	rk_doc_source(j->d, path);
	for (const char *p = text.s, *end; p; p = end) {
		end = strstr(p, "\n---");
		if (end)
			end++;
		if (rk_yaml_parse_loose(j->d, p, end ? (size_t)(end - p) : strlen(p), &v, err) <
				0 ||
			add_images_of(j, v, out, err) < 0)
			return rk_err_wrap(err, "images of %s", path);
	}
	return 0;
}

int reg_print_rows(
	struct job *j, struct rk_val *rows, const char *const *head, size_t n, struct rk_err *err)
{
	const struct rk_out_flags *o = &j->o->out;
	const char *keys[4], *cells[4];
	struct rk_table *t;

	if (o->sort_by && rk_jsonpath_sort(rows, o->sort_by, err) < 0)
		return -1;
	if (o->fmt == RK_FMT_JSON || o->fmt == RK_FMT_YAML) {
		rk_print_val((enum rk_fmt)o->fmt, rows);
		return 0;
	}
	t = rk_table_new(head, n);
	for (size_t i = 0; i < n; i++)
		keys[i] = rk_lower(rk_doc_printf(j->d, "%s", head[i]));
	rk_each (v, rows) {
		const char *remedy = rk_get_str(v, "remedy", NULL);

		for (size_t i = 0; i < n; i++)
			cells[i] = rk_get_str(v, keys[i], NULL);
		if (remedy)
			cells[n - 1] = rk_doc_printf(j->d, "%s; %s", cells[n - 1], remedy);
		rk_table_cells(t, cells);
	}
	rk_table_print(t, (enum rk_fmt)o->fmt, !o->no_headers);
	rk_table_free(t);
	return 0;
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
	return rk_jsonpath_sort(rows, ".image", err);
}

static int list_images(struct job *j, struct rk_err *err)
{
	static const char *const head[] = {"IMAGE", "FROM"};
	const struct opts *o = j->o;
	struct rk_strv names = {0}, mirrors = {0};
	struct rk_val *rows = rk_seq(j->d);
	int rc = 0;

	if (rk_setting_is(j->s, RK_KEY_PRIVATE_REGISTRY))
		rc = rk_step_mirrors(j->d, j->s, &mirrors, err);
	if (!o->nfiles && !o->manifests.n)
		rk_step_images(j->d, j->s, &names);
	for (size_t i = 0; i < o->manifests.n && rc == 0; i++)
		rc = read_manifests(j, o->manifests.v[i], &names, err);
	for (int i = 0; i < o->nfiles && rc == 0; i++)
		rc = reg_read_images(j, o->files[i], "images", &names, err);
	if (rc == 0)
		rc = add_rows(j, &names, &mirrors, rows, err);
	rk_strv_release(&mirrors);
	rk_strv_release(&names);
	if (rc < 0)
		return -1;
	if (o->out.fmt != RK_FMT_NAME)
		return reg_print_rows(j, rows, head, RK_COUNT(head), err);
	rk_each (v, rows)
		rk_printf("%s\n", rk_get_str(v, "image", NULL));
	return 0;
}

int reg_run_images(void *opts, int argc, char **argv, struct rk_err *err)
{
	struct opts *o = opts;

	o->files = argv;
	o->nfiles = argc;
	return reg_with_job(o, NULL, list_images, err);
}
