// SPDX-License-Identifier: Apache-2.0
/* Whatever the JSON reader takes must come back equal from JSON and from YAML. */
#include "data/data.h"

#include <math.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fail(const char *what, const struct rk_err *err, const struct rk_buf *text)
{
	fprintf(stderr, "%s: %s\n%s\n", what, err->msg, text->s);
	abort();
}

/* YAML has no NUL, and kubectl's reader no numbers of this size. */
static bool yaml_can_hold(const struct rk_val *v)
{
	if (v->kind == RK_NUM && (v->len > 500 || isinf(strtod(v->s, NULL))))
		return false;
	if ((v->key && memchr(v->key, 0, v->klen)) || (v->s && memchr(v->s, 0, v->len)))
		return false;
	rk_each (it, v) {
		if (!yaml_can_hold(it))
			return false;
	}
	return true;
}

static void through_json(struct rk_doc *d, const struct rk_val *v, enum rk_json_style style)
{
	rk_auto_buf text = RK_BUF_INIT;
	struct rk_err err = RK_ERR_INIT;
	struct rk_val *back;

	rk_json_write(v, style, &text);
	if (rk_json_parse(d, text.s, text.len, &back, &err) < 0 || !rk_val_equal(v, back))
		fail("json", &err, &text);
}

static void through_yaml(struct rk_doc *d, const struct rk_val *v)
{
	rk_auto_buf text = RK_BUF_INIT;
	struct rk_err err = RK_ERR_INIT;
	struct rk_val *back;

	rk_yaml_write(v, false, &text);
	if (rk_yaml_parse(d, text.s, text.len, &back, &err) < 0 || !rk_val_equal(v, back))
		fail("yaml", &err, &text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	rk_auto_doc *d = rk_doc_new(true);
	struct rk_val *v;
	bool one = rk_json_parse(d, (const char *)data, size, &v, NULL) == 0;

	if (one) {
		through_json(d, v, RK_JSON_COMPACT);
		through_json(d, rk_copy(d, v), RK_JSON_PRETTY);
		if (yaml_can_hold(v))
			through_yaml(d, v);
	}
	if (rk_json_parse_stream(d, (const char *)data, size, &v, NULL) == 0)
		through_json(d, v, RK_JSON_COMPACT);
	else if (one)
		abort();
	return 0;
}
