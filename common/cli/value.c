// SPDX-License-Identifier: Apache-2.0
/* What is written behind a flag, as the value of its option. */
#include "internal.h"

#include <strings.h>

/* One of "a|b|c", case ignored as kubectl does. */
static int set_enum(
	const struct rk_opt *o, int *p, const char *name, const char *value, struct rk_err *err)
{
	rk_auto_free char *words = rk_strdup(o->choices), *list = rk_strdup(o->choices);
	const char *names[32] = {NULL}, *near;
	char *rest = words;

	for (int i = 0; rest && (size_t)i + 1 < RK_COUNT(names); i++) {
		names[i] = strsep(&rest, "|");
		if (strcasecmp(names[i], value) == 0) {
			*p = i;
			return 0;
		}
	}
	for (char *bar = list; (bar = strchr(bar, '|'));)
		*bar = ' ';
	near = rk_nearest(value, names);
	rk_err_set(err, RK_USAGE, "%s: \"%s\" is not one of: %s%s", name, value, list,
		o->kind == RK_OPT_OUTPUT ? " jsonpath=... custom-columns=..." : "");
	return near ? rk_err_hint(err, "did you mean %s?", near) : -1;
}

/* One of the formats, or a template, which prints what -o json prints. */
static int set_output(struct rk_flag *f, const char *name, const char *value, struct rk_err *err)
{
	struct rk_out_flags *o = f->p;
	bool known;

	o->template = NULL;
	if (!rk_out_is_template(value, &known))
		return set_enum(f->opt, &o->fmt, name, value, err);
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

/* Whether value is a name of that kind. */
static bool is_name(enum rk_opt_names names, const char *value)
{
	const char *slash = names == RK_NAMES_REF ? strchr(value, '/') : NULL;
	size_t n;

	if (names == RK_NAMES_NAMESPACE)
		return rk_label_ok(value, strlen(value));
	if (names != RK_NAMES_HOST)
		return (!slash || rk_label_ok(value, (size_t)(slash - value))) &&
		       rk_subdomain_ok(slash ? slash + 1 : value);
	rk_each_item (item, n, value, ",") {
		rk_auto_free char *host = rk_strndup(item, n);

		if (!rk_subdomain_ok(rk_prefix(host, "*.") ? host + 2 : host))
			return false;
	}
	return true;
}

/* Seconds or days without a unit, and lifetimes of whole days. */
static bool parse_time(enum rk_opt_kind kind, const char *value, int64_t *out)
{
	const int64_t unit = kind == RK_OPT_SECS ? 1000 : INT64_C(24) * 3600 * 1000;
	int64_t n;

	if (kind == RK_OPT_DAYS) {
		if (rk_parse_int(value, INT64_MIN, INT64_MAX, out))
			return true;
		if (!rk_parse_duration(value, true, &n) || n % unit)
			return false;
		*out = n / unit;
		return true;
	}
	if (kind == RK_OPT_SECS && rk_parse_int(value, 0, INT32_MAX, &n)) {
		*out = n * unit;
		return true;
	}
	return rk_parse_duration(value, kind == RK_OPT_LIFE, out);
}

int rk_flag_set(struct rk_flag *f, const char *name, const char *value, struct rk_err *err)
{
	static const char *const named[] = {[RK_NAMES_NAMESPACE] = "a name",
		[RK_NAMES_OBJECT] = "an object name",
		[RK_NAMES_REF] = "[NAMESPACE/]NAME",
		[RK_NAMES_HOST] = "a host name"};
	const struct rk_opt *o = f->opt;
	const char *wanted = "not a number"; /* what a value that cannot be taken is */
	int64_t n;
	size_t len;
	bool ok, yes;

	if (!value && o->kind == RK_OPT_COUNT) {
		++*(int *)f->p;
		return 0;
	}
	if (!value)
		value = o->optional ? o->optional : "true";
	if (*value && o->names && !is_name(o->names, value)) {
		rk_err_set(err, RK_USAGE, "%s: \"%.200s\" is not %s", name, value, named[o->names]);
		return rk_err_hint(err, "use lower-case letters, digits and \"-\"%s",
			o->names == RK_NAMES_NAMESPACE ? "" : ", with \".\" between");
	}
	switch (o->kind) {
	case RK_OPT_FLAG:
		yes = rk_listed("true,1,t,T,TRUE,True", value);
		ok = yes || rk_listed("false,0,f,F,FALSE,False", value);
		wanted = "neither true nor false";
		if (ok)
			*(bool *)f->p = yes;
		break;
	case RK_OPT_INT:
		ok = rk_parse_int(value, INT64_MIN, INT64_MAX, f->p);
		break;
	case RK_OPT_COUNT:
		ok = rk_parse_int(value, 0, 99, &n);
		if (ok)
			*(int *)f->p = (int)n;
		break;
	case RK_OPT_DUR:
	case RK_OPT_SECS:
	case RK_OPT_LIFE:
	case RK_OPT_DAYS:
		ok = parse_time(o->kind, value, f->p);
		wanted = o->kind == RK_OPT_DAYS	  ? "not a number of days such as 90 or 90d"
			 : o->kind == RK_OPT_LIFE ? "not a duration such as 90d or 720h"
						  : "not a duration such as 90s or 5m";
		break;
	case RK_OPT_ENUM:
		return set_enum(o, f->p, name, value, err);
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
		if (!*value && o->names)
			return rk_err_set(err, RK_USAGE, "%s: the name must not be empty", name);
		*(const char **)f->p = value;
		return 0;
	}
	return ok ? 0 : rk_err_set(err, RK_USAGE, "%s: \"%s\" is %s", name, value, wanted);
}
