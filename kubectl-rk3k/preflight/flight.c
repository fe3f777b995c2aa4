// SPDX-License-Identifier: Apache-2.0
/* flight - rows of the report, and what every check asks of settings and host. */
#include "tool.h"

#include <stdarg.h>

const char *const pf_results[] = {"ok", "warning", "failed", "skipped"};

void pf_row(struct flight *f, enum result r, const char *check, const char *fmt, ...)
{
	struct rk_val *pf_row = rk_map(f->d);
	char text[2048];
	va_list ap;

	if (f->progress)
		rk_progress_set(f->progress, "Preflight  %s", check);
	for (size_t i = 0; r == OK && i < f->unknown.n; i++)
		if (rk_streq(f->unknown.v[i], check))
			return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	rk_set_str(f->d, pf_row, "check", check);
	rk_set_str(f->d, pf_row, "result", pf_results[r]);
	rk_set_str(f->d, pf_row, "detail", text);
	rk_append(f->rows, pf_row);
	f->stops += r == STOP;
	f->warnings += r == WARN;
}

void pf_row_err(struct flight *f, enum result r, const char *check, const struct rk_err *err)
{
	pf_row(f, r, check, "%s%s%s", err->msg, *err->hint ? "; " : "", err->hint);
}

void pf_unknown(struct flight *f, const char *check, const struct rk_err *err)
{
	pf_row(f, WARN, check, "could not be determined: %s", err->msg);
	rk_strv_add(&f->unknown, check);
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

bool pf_is(const struct flight *f, enum rk_key k)
{
	return rk_setting_is(f->s, k);
}

void pf_join(struct rk_buf *out, const char *text)
{
	rk_buf_addf(out, "%s%s", out->len ? ", " : "", text);
}

static bool same(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

static const struct asked *asked(const struct flight *f, const struct rk_res *r, const char *ns,
	const char *key, bool is_list)
{
	for (size_t i = 0; i < f->nasked; i++) {
		const struct asked *a = &f->asked[i];

		if (a->r == r && a->is_list == is_list && same(a->ns, ns) && same(a->key, key))
			return a;
	}
	return NULL;
}

static char *kept(struct flight *f, const char *s)
{
	return s ? rk_doc_strndup(f->d, s, strlen(s)) : NULL;
}

static void keep(struct flight *f, const struct rk_res *r, const char *ns, const char *key,
	bool is_list, struct rk_val *v)
{
	if (f->nasked < RK_COUNT(f->asked))
		f->asked[f->nasked++] = (struct asked){r, kept(f, ns), kept(f, key), is_list, v};
}

static int list_once(struct flight *f, const struct rk_res *r, const char *ns, const char *labels,
	const struct rk_val **out, struct rk_err *err)
{
	struct rk_list_opts o = {.labels = labels};
	const struct asked *a = asked(f, r, ns, labels, true);
	struct rk_val *v = a ? a->v : NULL;

	if (!a && rk_kube_list_all(f->k, r, ns, &o, f->d, &v, 20000, err) < 0)
		return -1;
	if (!a)
		keep(f, r, ns, labels, true, v);
	*out = v;
	return 0;
}

const struct rk_val *pf_list(struct flight *f, const char *check, const struct rk_res *r,
	const char *ns, const char *labels)
{
	struct rk_err err = RK_ERR_INIT;
	const struct rk_val *out;

	if (list_once(f, r, ns, labels, &out, &err) == 0)
		return out;
	pf_unknown(f, check, &err);
	return NULL;
}

const struct rk_val *pf_list_seen(struct flight *f, const char *check, const struct rk_res *r)
{
	struct rk_err err = RK_ERR_INIT;
	const struct rk_val *out = NULL;

	if (list_once(f, r, NULL, NULL, &out, &err) < 0 && err.http != 403)
		pf_unknown(f, check, &err);
	return out;
}

/* Absent: NULL and true. Unknown: a row and false. */
bool pf_find(struct flight *f, const char *check, const struct rk_res *r, const char *ns,
	const char *name, struct rk_val **out)
{
	const struct asked *a = asked(f, r, ns, name, false);
	struct rk_err err = RK_ERR_INIT;

	*out = a ? a->v : NULL;
	if (!a && rk_kube_find(f->k, r, ns, name, f->d, out, &err) < 0 && err.code != RK_NOTFOUND) {
		pf_unknown(f, check, &err);
		return false; /* RK_NOTFOUND: the kind itself does not exist */
	}
	if (!a)
		keep(f, r, ns, name, false, *out);
	return true;
}
