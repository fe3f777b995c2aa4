// SPDX-License-Identifier: Apache-2.0
/* Whatever the YAML reader takes must come back equal from YAML and from JSON, and its positions
 * must lie where they should. */
#include "data/data.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fail(const char *what, const struct rk_err *err, const struct rk_buf *text)
{
	fprintf(stderr, "%s: %s\n%s\n", what, err->msg, text->s);
	abort();
}

static void through_json(struct rk_doc *d, const struct rk_val *v)
{
	rk_auto_buf text = RK_BUF_INIT;
	struct rk_err err = RK_ERR_INIT;
	struct rk_val *back;

	rk_json_write(v, RK_JSON_PRETTY, &text);
	if (rk_json_parse(d, text.s, text.len, &back, &err) < 0 || !rk_val_equal(v, back))
		fail("json", &err, &text);
}

static void through_yaml(struct rk_doc *d, const struct rk_val *v, bool sorted)
{
	rk_auto_buf text = RK_BUF_INIT;
	struct rk_err err = RK_ERR_INIT;
	struct rk_val *back;

	rk_yaml_write(v, sorted, &text);
	if (rk_yaml_parse(d, text.s, text.len, &back, &err) < 0 || !rk_val_equal(v, back))
		fail("yaml", &err, &text);
}

/* Members and items lie in order inside their parent; what an alias brought lies elsewhere. */
static void check_spans(const struct rk_val *v, size_t size)
{
	size_t at = v->start;

	if (v->start > v->end || v->end > size)
		abort();
	if (v->shared)
		return;
	rk_each (it, v) {
		size_t begin = it->key ? it->kstart : it->start;

		if (begin < at || begin > it->start || it->end > v->end)
			abort();
		check_spans(it, size);
		at = it->end;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	rk_auto_doc *d = rk_doc_new(true);
	struct rk_val *v;

	if (rk_yaml_parse_loose(d, (const char *)data, size, &v, NULL) == 0 && v)
		through_json(d, v);
	if (rk_yaml_parse_all(d, (const char *)data, size, &v, NULL) < 0)
		return 0;
	rk_each (doc, v) {
		check_spans(doc, size);
		through_yaml(d, doc, false);
		through_yaml(d, doc, true);
		through_json(d, doc);
	}
	return 0;
}
