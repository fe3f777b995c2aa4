// SPDX-License-Identifier: Apache-2.0
/* What is written behind a flag, as the value of its option. */
#include "internal.h"

#include <strings.h>

/* Index of s among "a|b|c", case ignored as kubectl does; -1 when it is none. */
static int choice_index(const char *choices, const char *s)
{
	size_t want = strlen(s);

	for (int i = 0;; i++) {
		size_t n = strcspn(choices, "|");

		if (n == want && strncasecmp(choices, s, n) == 0)
			return i;
		if (!choices[n])
			return -1;
		choices += n + 1;
	}
}

static int set_enum(struct rk_flag *f, const char *name, const char *value, struct rk_err *err)
{
	int i = choice_index(f->opt->choices, value);
	rk_auto_free char *list = rk_strdup(f->opt->choices), *words = rk_strdup(list);
	const char *names[16] = {words}, *near;
	size_t n = 1;

	if (i >= 0) {
		*(int *)f->p = i;
		return 0;
	}
	for (size_t at = 0; list[at]; at++) {
		if (list[at] != '|')
			continue;
		list[at] = ' ';
		words[at] = '\0';
		if (n + 1 < RK_COUNT(names))
			names[n++] = words + at + 1;
	}
	near = rk_nearest(value, names);
	rk_err_set(err, RK_USAGE, "%s: \"%s\" is none of: %s%s", name, value, list,
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

static int set_bool(struct rk_flag *f, const char *name, const char *value, struct rk_err *err)
{
	static const char *const yes[] = {"true", "1", "t", "T", "TRUE", "True"};
	static const char *const no[] = {"false", "0", "f", "F", "FALSE", "False"};

	for (size_t i = 0; i < RK_COUNT(yes); i++) {
		if (rk_streq(value, yes[i]) || rk_streq(value, no[i])) {
			*(bool *)f->p = rk_streq(value, yes[i]);
			return 0;
		}
	}
	return rk_err_set(err, RK_USAGE, "%s: \"%s\" is neither true nor false", name, value);
}

static int set_duration(struct rk_flag *f, const char *name, const char *value, struct rk_err *err)
{
	int64_t s;

	if (f->opt->kind == RK_OPT_SECS && rk_parse_int(value, 0, INT32_MAX, &s)) {
		*(int64_t *)f->p = s * 1000;
		return 0;
	}
	if (f->opt->kind == RK_OPT_LIFE ? rk_parse_life(value, f->p)
					: rk_parse_duration(value, f->p))
		return 0;
	return rk_err_set(err, RK_USAGE, "%s: \"%s\" is not a duration such as %s", name, value,
		f->opt->kind == RK_OPT_LIFE ? "90d or 720h" : "90s or 5m");
}

static int set_int(struct rk_flag *f, const char *name, const char *value, struct rk_err *err)
{
	int64_t n;
	bool count = f->opt->kind == RK_OPT_COUNT;

	if (!rk_parse_int(value, count ? 0 : INT64_MIN, count ? 99 : INT64_MAX, &n))
		return rk_err_set(err, RK_USAGE, "%s: \"%s\" is not a number", name, value);
	if (count)
		*(int *)f->p = (int)n;
	else
		*(int64_t *)f->p = n;
	return 0;
}

/* A number of days, or a lifetime of whole days. */
static int set_days(struct rk_flag *f, const char *name, const char *value, struct rk_err *err)
{
	const int64_t day = INT64_C(24) * 3600 * 1000;
	int64_t n;

	if (!rk_parse_int(value, INT64_MIN, INT64_MAX, &n)) {
		if (!rk_parse_life(value, &n) || n % day)
			return rk_err_set(err, RK_USAGE,
				"%s: \"%s\" is not a number of days such as 90 or 90d", name,
				value);
		n /= day;
	}
	*(int64_t *)f->p = n;
	return 0;
}

/* Items of "a,b" live as long as the process: opts point to them as they point into argv. */
static void add_csv(struct rk_strv *v, const char *value)
{
	while (*value) {
		size_t n = strcspn(value, ",");

		if (n)
			rk_strv_add(v, rk_strndup(value, n));
		value += n + (value[n] == ',');
	}
}

static bool is_ref(const char *s)
{
	const char *slash = strchr(s, '/');

	return slash ? rk_label_ok(s, (size_t)(slash - s)) && rk_subdomain_ok(slash + 1)
		     : rk_subdomain_ok(s);
}

/* Host names apart by commas, empty ones left out. */
static bool are_hosts(const char *s)
{
	for (; *s; s += *s == ',') {
		size_t n = strcspn(s, ",");
		rk_auto_free char *host = rk_strndup(s, n);

		if (n && !rk_subdomain_ok(rk_prefix(host, "*.") ? host + 2 : host))
			return false;
		s += n;
	}
	return true;
}

static int check_name(
	const struct rk_opt *o, const char *name, const char *value, struct rk_err *err)
{
	static const char *const what[] = {[RK_NAMES_NAMESPACE] = "a name",
		[RK_NAMES_OBJECT] = "an object name",
		[RK_NAMES_REF] = "[NAMESPACE/]NAME",
		[RK_NAMES_HOST] = "a host name"};
	bool ok = o->names == RK_NAMES_NAMESPACE ? rk_label_ok(value, strlen(value))
		  : o->names == RK_NAMES_OBJECT	 ? rk_subdomain_ok(value)
		  : o->names == RK_NAMES_REF	 ? is_ref(value)
		  : o->names == RK_NAMES_HOST	 ? are_hosts(value)
						 : true;

	if (ok)
		return 0;
	rk_err_set(err, RK_USAGE, "%s: \"%.200s\" is not %s", name, value, what[o->names]);
	return rk_err_hint(err, "use lower-case letters, digits and \"-\"%s",
		o->names == RK_NAMES_NAMESPACE ? "" : ", with \".\" between");
}

/* name: as the user wrote it, for messages. */
int rk_flag_set(struct rk_flag *f, const char *name, const char *value, struct rk_err *err)
{
	if (*value && check_name(f->opt, name, value, err) < 0)
		return -1;
	switch (f->opt->kind) {
	case RK_OPT_FLAG:
		return set_bool(f, name, value, err);
	case RK_OPT_INT:
	case RK_OPT_COUNT:
		return set_int(f, name, value, err);
	case RK_OPT_DUR:
	case RK_OPT_SECS:
	case RK_OPT_LIFE:
		return set_duration(f, name, value, err);
	case RK_OPT_DAYS:
		return set_days(f, name, value, err);
	case RK_OPT_ENUM:
		return set_enum(f, name, value, err);
	case RK_OPT_OUTPUT:
		return set_output(f, name, value, err);
	case RK_OPT_LIST:
		rk_strv_add(f->p, value);
		return 0;
	case RK_OPT_CSV:
		add_csv(f->p, value);
		return 0;
	default:
		if (!*value && (f->opt->kind == RK_OPT_NAME || f->opt->names))
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
