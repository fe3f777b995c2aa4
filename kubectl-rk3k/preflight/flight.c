// SPDX-License-Identifier: Apache-2.0
/* flight - rows of the report, and what checks read of settings and host cluster. */
#include "tool.h"

#include <stdarg.h>

const char *const pf_results[] = {"ok", "warning", "failed", "skipped"};

void pf_row(struct flight *f, enum result r, const char *fmt, ...)
{
	struct rk_val *row = rk_map(f->d);
	char text[2048];
	va_list ap;

	if (f->progress)
		rk_progress_set(f->progress, "Preflight  %s", f->check);
	if (r == OK && rk_strv_has(&f->unknown, f->check))
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	rk_set_str(f->d, row, "check", f->check);
	rk_set_str(f->d, row, "result", pf_results[r]);
	rk_set_str(f->d, row, "detail", text);
	rk_append(f->rows, row);
	f->stops += r == STOP;
	f->warnings += r == WARN;
}

void pf_row_err(struct flight *f, const char *prefix, const struct rk_err *err)
{
	pf_row(f, STOP, "%s%s%s%s", prefix, err->msg, *err->hint ? "; " : "", err->hint);
}

void pf_unknown(struct flight *f, const struct rk_err *err)
{
	pf_row(f, WARN, "could not be determined: %s", err->msg);
	rk_strv_add(&f->unknown, f->check);
}

bool pf_clean(const struct flight *f)
{
	return f->stops + f->warnings == f->before;
}

enum result pf_consent(struct flight *f, bool flag, const char *question)
{
	struct rk_err err = RK_ERR_INIT;

	return flag || (f->o->ask && rk_confirm(question, &err) == 1) ? WARN : STOP;
}

const char *pf_str(const struct flight *f, enum rk_key k)
{
	const char *v = rk_setting(f->s, k);

	return v ? v : "";
}

void pf_join(struct rk_buf *out, const char *text)
{
	rk_buf_addf(out, "%s%s", out->len ? ", " : "", text);
}

/* A list by labels, or an object by name; a kind that does not exist has no object. */
static int ask(struct flight *f, bool list, const struct rk_res *r, const char *ns, const char *key,
	struct rk_val **out, struct rk_err *err)
{
	const struct rk_list_opts labels = {.labels = key};
	const char *request = rk_doc_printf(f->d, "%s %s %s %s %s", list ? "list" : "get",
		r->api_version, r->kind, ns ? ns : "", key ? key : "");
	int rc;

	*out = NULL;
	for (size_t i = 0; i < f->nanswers; i++)
		if (rk_streq(f->answers[i].request, request)) {
			*out = f->answers[i].answer;
			return 0;
		}
	rc = list ? rk_kube_list_all(f->k, r, ns, &labels, f->d, out, 20000, err)
		  : rk_kube_find(f->k, r, ns, key, f->d, out, err);
	if (rc < 0 && (list || err->code != RK_NOTFOUND))
		return -1;
	if (f->nanswers < RK_COUNT(f->answers)) {
		f->answers[f->nanswers].request = request;
		f->answers[f->nanswers++].answer = *out;
	}
	return 0;
}

const struct rk_val *pf_list(
	struct flight *f, const struct rk_res *r, const char *ns, const char *labels)
{
	struct rk_err err = RK_ERR_INIT;
	struct rk_val *out;

	if (ask(f, true, r, ns, labels, &out, &err) == 0)
		return out;
	pf_unknown(f, &err);
	return NULL;
}

const struct rk_val *pf_list_allowed(struct flight *f, const struct rk_res *r)
{
	struct rk_err err = RK_ERR_INIT;
	struct rk_val *out;

	if (ask(f, true, r, NULL, NULL, &out, &err) == 0)
		return out;
	if (err.http != 403)
		pf_unknown(f, &err);
	return NULL;
}

bool pf_find(struct flight *f, const struct rk_res *r, const char *ns, const char *name,
	struct rk_val **out)
{
	struct rk_err err = RK_ERR_INIT;

	if (ask(f, false, r, ns, name, out, &err) == 0)
		return true;
	pf_unknown(f, &err);
	return false;
}
