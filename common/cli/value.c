// SPDX-License-Identifier: Apache-2.0
/* What is written behind a flag, as the value of its option. */
#include "internal.h"

#include <strings.h>

/* One of "a|b|c", case ignored as kubectl does. */
static int set_enum(struct rk_flag *f, const char *name, const char *value, struct rk_err *err)
{
	rk_auto_free char *words = rk_strdup(f->opt->choices);
	rk_auto_buf list = RK_BUF_INIT;
	const char *names[32] = {NULL}, *near;
	char *save = NULL, *word = strtok_r(words, "|", &save);

	for (int i = 0; word; word = strtok_r(NULL, "|", &save), i++) {
		if (strcasecmp(word, value) == 0) {
			*(int *)f->p = i;
			return 0;
		}
		if ((size_t)i + 1 < RK_COUNT(names))
			names[i] = word;
		rk_buf_addf(&list, "%s%s", i ? " " : "", word);
	}
	near = rk_nearest(value, names);
	rk_err_set(err, RK_USAGE, "%s: \"%s\" is none of: %s%s", name, value, list.s,
		f->opt->kind == RK_OPT_OUTPUT ? RK_TEMPLATES : "");
	return near ? rk_err_hint(err, "did you mean %s?", near) : -1;
}

/* One of the formats, or a template, which prints what -o json prints. */
static int set_output(struct rk_flag *f, const char *name, const char *value, struct rk_err *err)
{
	struct rk_out_flags *o = f->p;
	bool known;

	o->template = NULL;
	if (!rk_out_is_template(value, &known)) {
		struct rk_flag fmt = {.opt = f->opt, .p = &o->fmt};

		return set_enum(&fmt, name, value, err);
	}
	if (!known) {
		rk_err_set(err, RK_USAGE, "%s: %.*s is not supported", name,
			(int)strcspn(value, "="), value);
		return rk_err_hint(
			err, "use -o jsonpath='{...}', -o custom-columns=... or -o json | jq");
	}
	o->fmt = RK_FMT_JSON;
	o->template = value;
	return 0;
}

int rk_cli_lines_only(const struct rk_out_flags *o, struct rk_err *err)
{
	if (o->fmt != RK_FMT_JSON && o->fmt != RK_FMT_YAML)
		return 0;
	return rk_err_set(err, RK_USAGE, "-o: only name is supported here");
}

/* Whether value is a name of that kind. *what: what it should be. */
static bool is_name(enum rk_opt_names names, const char *value, const char **what)
{
	const char *slash = strchr(value, '/');
	size_t n;

	switch (names) {
	case RK_NAMES_NAMESPACE:
		*what = "a name";
		return rk_label_ok(value, strlen(value));
	case RK_NAMES_OBJECT:
		*what = "an object name";
		return rk_subdomain_ok(value);
	case RK_NAMES_REF:
		*what = "[NAMESPACE/]NAME";
		return slash ? rk_label_ok(value, (size_t)(slash - value)) &&
				       rk_subdomain_ok(slash + 1)
			     : rk_subdomain_ok(value);
	case RK_NAMES_HOST:
		*what = "a host name";
		rk_each_item (item, n, value, ",") {
			rk_auto_free char *host = rk_strndup(item, n);

			if (!rk_subdomain_ok(rk_prefix(host, "*.") ? host + 2 : host))
				return false;
		}
		return true;
	default:
		return true;
	}
}

/* Seconds or days without a unit, and lifetimes of whole days. */
static bool parse_time(enum rk_opt_kind kind, const char *value, int64_t *out)
{
	const int64_t day = INT64_C(24) * 3600 * 1000;
	int64_t n;

	if (kind == RK_OPT_SECS && rk_parse_int(value, 0, INT32_MAX, &n)) {
		*out = n * 1000;
		return true;
	}
	if (kind != RK_OPT_DAYS)
		return kind == RK_OPT_LIFE ? rk_parse_life(value, out)
					   : rk_parse_duration(value, out);
	if (rk_parse_int(value, INT64_MIN, INT64_MAX, out))
		return true;
	if (!rk_parse_life(value, &n) || n % day)
		return false;
	*out = n / day;
	return true;
}

/* name: as the user wrote it, for messages. */
int rk_flag_set(struct rk_flag *f, const char *name, const char *value, struct rk_err *err)
{
	static const char *const yes[] = {"true", "1", "t", "T", "TRUE", "True"};
	static const char *const no[] = {"false", "0", "f", "F", "FALSE", "False"};
	const struct rk_opt *o = f->opt;
	const char *what = "";
	int64_t n;
	size_t len;

	if (*value && !is_name(o->names, value, &what)) {
		rk_err_set(err, RK_USAGE, "%s: \"%.200s\" is not %s", name, value, what);
		return rk_err_hint(err, "use lower-case letters, digits and \"-\"%s",
			o->names == RK_NAMES_NAMESPACE ? "" : ", with \".\" between");
	}
	switch (o->kind) {
	case RK_OPT_FLAG:
		for (size_t i = 0; i < RK_COUNT(yes); i++) {
			if (rk_streq(value, yes[i]) || rk_streq(value, no[i])) {
				*(bool *)f->p = rk_streq(value, yes[i]);
				return 0;
			}
		}
		return rk_err_set(
			err, RK_USAGE, "%s: \"%s\" is neither true nor false", name, value);
	case RK_OPT_INT:
		return rk_parse_int(value, INT64_MIN, INT64_MAX, f->p)
			       ? 0
			       : rk_err_set(
					 err, RK_USAGE, "%s: \"%s\" is not a number", name, value);
	case RK_OPT_COUNT:
		if (!rk_parse_int(value, 0, 99, &n))
			return rk_err_set(err, RK_USAGE, "%s: \"%s\" is not a number", name, value);
		*(int *)f->p = (int)n;
		return 0;
	case RK_OPT_DUR:
	case RK_OPT_SECS:
	case RK_OPT_LIFE:
	case RK_OPT_DAYS:
		if (parse_time(o->kind, value, f->p))
			return 0;
		return rk_err_set(err, RK_USAGE, "%s: \"%s\" is not a %s", name, value,
			o->kind == RK_OPT_DAYS	 ? "number of days such as 90 or 90d"
			: o->kind == RK_OPT_LIFE ? "duration such as 90d or 720h"
						 : "duration such as 90s or 5m");
	case RK_OPT_ENUM:
		return set_enum(f, name, value, err);
	case RK_OPT_OUTPUT:
		return set_output(f, name, value, err);
	case RK_OPT_LIST:
		rk_strv_add(f->p, value);
		return 0;
	case RK_OPT_CSV: /* items live until rk_cli_release */
		rk_each_item (item, len, value, ",")
			rk_strv_add(f->p, rk_strndup(item, len));
		return 0;
	default:
		if (!*value && (o->kind == RK_OPT_NAME || o->names))
			return rk_err_set(err, RK_USAGE, "%s: the name must not be empty", name);
		*(const char **)f->p = value;
		return 0;
	}
}

/* A flag given without a value. */
int rk_flag_set_alone(struct rk_flag *f, const char *name, struct rk_err *err)
{
	if (f->opt->kind == RK_OPT_COUNT) {
		++*(int *)f->p;
		return 0;
	}
	return rk_flag_set(f, name, f->opt->optional ? f->opt->optional : "true", err);
}
