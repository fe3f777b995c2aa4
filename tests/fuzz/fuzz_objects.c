// SPDX-License-Identifier: Apache-2.0
/* Any text as objects from a pipe: what is taken is whole, comes once, and is taken again; what is
 * asked of each is answered, with a reason when the answer is no; the path of every value leads to
 * it. */
#include "kube/kube.h"
#include "k3k/k3k.h"
#include "data/data.h"
#include "kube/internal.h"
#include "must.h"

#include <sys/mman.h>

#define PATHS_MAX 200 /* values looked for in one object */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask(const struct rk_val *v, const char *cond)
{
	struct rk_cond c;
	rk_auto_buf why = RK_BUF_INIT;

	MUST(rk_cond_parse(&c, cond, NULL) == 0);
	MUST(rk_cond_holds(&c, v, &why) == !why.len);
	rk_cond_release(&c);
}

static void look(const struct rk_val *v)
{
	rk_auto_buf ready = RK_BUF_INIT, pod = RK_BUF_INIT, pvc = RK_BUF_INIT, all = RK_BUF_INIT;

	MUST(rk_is_ready(v, &ready) == !ready.len);
	MUST((rk_why_pod(v, &pod) == RK_WHY_FINE) == !pod.len);
	MUST((rk_why_pvc(v, &pvc) == RK_WHY_FINE) == !pvc.len);
	MUST((rk_why_cluster(v, &all, &all) == RK_WHY_FINE) == !all.len);
	rk_why_event(v, &all);
	MUST(rk_kube_event_time(v) >= 0);
	ask(v, "condition=Ready=True");
	ask(v, "jsonpath={.status.conditions[?(@.type==\"\")].status}");
	ask(v, "jsonpath=.spec.a[0]['b']=x");
	ask(v, "delete");
}

/* --- paths --- */

/* Whether every key down to v can be written in a path. */
static bool has_path(const struct rk_val *v)
{
	for (; v->parent && !v->root; v = v->parent)
		if (v->key && (!v->klen || memchr(v->key, 0, v->klen) ||
				      strpbrk(v->key, "\"{}\\$@,'[] \t\r\n")))
			return false;
	return true;
}

static const struct rk_val *top(const struct rk_val *v)
{
	while (v->parent && !v->root)
		v = v->parent;
	return v;
}

static void find(const struct rk_val *v, size_t *left)
{
	rk_auto_buf path = RK_BUF_INIT, dotted = RK_BUF_INIT;
	rk_auto_jsonpath *p = NULL;
	struct rk_found got = {0};

	if (!*left || v->shared)
		return;
	--*left;
	rk_val_path(v, &path);
	if (path.len && path.len < 10000 && has_path(v)) {
		rk_buf_addf(&dotted, "%s%s", path.s[0] == '[' ? "" : ".", path.s);
		MUST(rk_jsonpath_parse_one(dotted.s, &p, NULL) == 0);
		MUST(rk_jsonpath_find(p, top(v), &got, NULL) == 0 && got.n == 1 && got.v[0] == v);
		rk_found_release(&got);
	}
	rk_each (it, v)
		find(it, left);
}

/* --- fields of managers --- */

static void fields(const struct rk_val *v)
{
	rk_auto_doc *d = rk_doc_new(false);

	MUST(rk_holds(v, v));
	rk_each (m, rk_get(v, "metadata", "managedFields", NULL)) {
		const struct rk_val *f = rk_get(m, "fieldsV1", NULL);

		if (!f)
			continue;
		rk_owns(d, f, v);
		MUST(rk_emptied(d, f, v, v)->kind == RK_MAP);
	}
}

/* --- all of them --- */

static void charts(struct rk_objects *o)
{
	rk_auto_doc *d = rk_doc_new(true);
	struct rk_val *seq = rk_seq(d);
	struct rk_chart c;

	for (size_t i = 0; i < o->n && i < 20; i++)
		rk_append(seq, rk_copy(d, o->v[i]));
	rk_each (it, seq) {
		rk_chart_judge(it, seq, seq, &c);
		MUST((c.phase == RK_CHART_NO_JOB) == !c.job && rk_chart_word(c.phase));
	}
}

static void log_cause(const char *text)
{
	rk_auto_buf out = RK_BUF_INIT;

	rk_chart_log_cause(text, &out);
	MUST(out.len <= 300 && !strchr(out.s, '\n'));
}

/* From standard input. */
static int read_objects(struct rk_objects *o, const char *text, size_t n, struct rk_err *err)
{
	rk_auto_close int fd = memfd_create("objects", 0);

	MUST(write(fd, text, n) == (ssize_t)n && lseek(fd, 0, SEEK_SET) == 0);
	MUST(dup2(fd, STDIN_FILENO) == STDIN_FILENO);
	return rk_objects_read(o, NULL, 0, err);
}

static void again(const struct rk_objects *o)
{
	rk_auto_objects back = {0};
	rk_auto_buf text = RK_BUF_INIT_SECRET;

	for (size_t i = 0; i < o->n; i++)
		rk_json_write(o->v[i], RK_JSON_PRETTY, &text);
	MUST(read_objects(&back, text.s, text.len, NULL) == 0);
	MUST(back.n == o->n);
	for (size_t i = 0; i < o->n; i++)
		MUST(rk_val_equal(o->v[i], back.v[i]));
}

static void ordered(struct rk_objects *o)
{
	size_t n = o->n;

	rk_objects_order(o);
	MUST(o->n == n);
	for (size_t i = 1; i < n; i++)
		MUST(rk_object_rank(o->v[i - 1]) <= rk_object_rank(o->v[i]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	rk_auto_free char *text = rk_strndup((const char *)data, size); /* to the first NUL */
	rk_auto_objects o = {0};
	struct rk_err err = RK_ERR_INIT;

	log_cause(text);
	if (read_objects(&o, text, strlen(text), &err) < 0) {
		MUST(err.code == RK_FAIL && err.msg[0] && !o.n);
		return 0;
	}
	MUST(o.n);
	for (size_t i = 0; i < o.n; i++) {
		size_t left = PATHS_MAX;

		MUST(rk_object_name_ok(rk_get_str(o.v[i], "metadata", "name", NULL)));
		look(o.v[i]);
		find(o.v[i], &left);
		fields(o.v[i]);
	}
	again(&o);
	charts(&o);
	ordered(&o);
	return 0;
}
