// SPDX-License-Identifier: Apache-2.0
/* all - every virtual cluster of the host, a line each: one list of Clusters, one of StatefulSets. */
#include "kube/kube.h"
#include "data/data.h"
#include "k3k/k3k.h"
#include "watch/watch.h"
#include "tool.h"

#define RESYNC_MS 30000 /* servers become ready without an event of the Cluster */

struct all {
	struct rk_table *table;
	struct rk_doc *d;
	struct rk_val *list; /* of Clusters, where all of them are printed or sorted; else NULL */
	size_t seen;
	struct rk_val *sets; /* of servers; NULL: no right to list them */
	struct rk_buf state; /* what there is, and in which version */
};

static const struct rk_val *servers_of(const struct all *a, const char *ns, const char *cluster)
{
	char name[64];

	rk_k3k_name(name, cluster, "server");
	rk_each (set, a->sets)
		if (rk_streq(rk_get_str(set, "metadata", "namespace", NULL), ns) &&
			rk_streq(rk_get_str(set, "metadata", "name", NULL), name))
			return set;
	return NULL;
}

static const char *phase_of(const struct rk_val *c)
{
	const char *phase = rk_get_str(c, "status", "phase", NULL);

	if (rk_get(c, "metadata", "deletionTimestamp", NULL))
		return "Terminating";
	return phase ? phase : "Unknown";
}

/* kubectl's age; an object without a time, or with a strange one, has none. */
static void age_of(const struct rk_val *c, char out[16])
{
	int64_t born = rk_time_parse(rk_get_str(c, "metadata", "creationTimestamp", NULL));

	if (born > 0)
		rk_age(time(NULL) - born, out);
	else
		snprintf(out, 16, "<unknown>");
}

static void find_problems(
	const struct rk_val *c, const struct rk_val *set, int wanted, int ready, struct rk_buf *out)
{
	const char *phase = phase_of(c);
	const char *why = rk_get_str(rk_condition(c, "Ready"), "message", NULL);

	if (rk_streq(phase, "Terminating"))
		rk_buf_puts(out, "being deleted");
	else if (!rk_streq(phase, "Ready"))
		rk_buf_addf(out, "%s%s%.80s", phase, why ? ": " : "", why ? why : "");
	if (set && ready < wanted)
		rk_buf_addf(out, "%s%d of %d servers ready", out->len ? "; " : "", ready, wanted);
	if (!out->len)
		rk_buf_puts(out, "-");
}

static void add_row(struct all *a, const struct rk_val *c)
{
	rk_auto_buf problems = RK_BUF_INIT;
	const char *ns = rk_get_str(c, "metadata", "namespace", NULL);
	const char *name = rk_get_str(c, "metadata", "name", NULL);
	const char *version = rk_get_str(c, "spec", "version", NULL);
	const struct rk_val *set = name ? servers_of(a, ns, name) : NULL;
	int wanted = (int)rk_get_int(c, 1, "spec", "servers", NULL);
	int ready = (int)rk_get_int(set, 0, "status", "readyReplicas", NULL);
	char servers[32], age[16];

	if (!version)
		version = rk_get_str(c, "status", "hostVersion", NULL);
	if (a->sets)
		snprintf(servers, sizeof(servers), "%d/%d", ready, wanted);
	else
		snprintf(servers, sizeof(servers), "%d", wanted);
	age_of(c, age);
	find_problems(c, set, wanted, ready, &problems);
	rk_table_row(a->table, ns, name, rk_get_str(c, "spec", "mode", NULL), phase_of(c), servers,
		version, age, problems.s);
}

static bool wants_table(const struct opts *o)
{
	return o->out.fmt == RK_FMT_TABLE || o->out.fmt == RK_FMT_WIDE;
}

static int one_cluster(void *arg, const struct rk_val *c, struct rk_err *err)
{
	struct all *a = arg;

	(void)err;
	a->seen++;
	rk_buf_addf(&a->state, "%s %s\n", rk_get_str(c, "metadata", "uid", NULL),
		rk_get_str(c, "metadata", "resourceVersion", NULL));
	if (a->list)
		rk_append(a->list, rk_copy(a->d, c));
	else
		add_row(a, c);
	return 0;
}

static int list_clusters(
	struct all *a, const struct opts *o, struct rk_kube *host, struct rk_err *err)
{
	struct rk_list_opts lo = {.labels = o->labels};

	if (!wants_table(o) || o->out.sort_by)
		a->list = rk_seq(a->d);
	if (rk_kube_list(host, &RK_CLUSTER, NULL, &lo, one_cluster, a, err) < 0 ||
		(o->out.sort_by && rk_jsonpath_sort(a->list, o->out.sort_by, err) < 0))
		return -1;
	rk_each (c, wants_table(o) ? a->list : NULL)
		add_row(a, c);
	return 0;
}

/* Without permission to list the StatefulSets the Clusters are still shown. */
static int list_servers(struct all *a, struct rk_kube *host, struct rk_err *err)
{
	struct rk_list_opts o = {.labels = "role=server"};

	if (rk_kube_list_all(host, &RK_STATEFULSET, NULL, &o, a->d, &a->sets, err) == 0)
		return 0;
	a->sets = NULL;
	if (err->http != 403)
		return -1;
	rk_err_clear(err);
	return 0;
}

struct view {
	const struct opts *o;
	struct rk_kube *host;
	struct rk_live *live; /* --watch */
	struct rk_buf state;  /* of what was shown last */
};

static void print_table(const struct view *w, const struct all *a)
{
	static const char none[] = "No virtual clusters found";
	struct rk_strv notes = {0};

	if (!w->live && a->seen)
		rk_table_print(a->table, (enum rk_fmt)w->o->out.fmt, !w->o->out.no_headers);
	else if (!w->live)
		rk_note("%s", none);
	else {
		if (!a->seen)
			rk_strv_add(&notes, none);
		rk_live_show(w->live, a->table, !w->o->out.no_headers, &notes);
	}
	rk_strv_release(&notes);
}

static void print_all(const struct view *w, const struct all *a)
{
	struct rk_val *list;

	if (wants_table(w->o)) {
		print_table(w, a);
		return;
	}
	if (w->o->out.fmt == RK_FMT_NAME) {
		rk_each (c, a->list)
			rk_printf("cluster.k3k.io/%s\n", rk_get_str(c, "metadata", "name", NULL));
		return;
	}
	list = rk_map(a->d);
	rk_set_str(a->d, list, "apiVersion", "v1");
	rk_set_str(a->d, list, "kind", "List");
	rk_set(a->d, list, "items", a->list);
	rk_print_val((enum rk_fmt)w->o->out.fmt, list);
}

/* A document that was shown is not shown again; the table finds what changed. */
static bool is_news(const struct view *w, const struct all *a)
{
	return wants_table(w->o) || !rk_streq(a->state.s, w->state.s);
}

static int show_all(struct view *w, struct rk_err *err)
{
	static const char *const head[] = {
		"NAMESPACE", "NAME", "MODE", "PHASE", "SERVERS", "VERSION", "AGE", "PROBLEMS"};
	const struct opts *o = w->o;
	rk_auto_doc *d = rk_doc_new(false);
	struct all a = {.table = rk_table_new(head, RK_COUNT(head)), .d = d, .state = RK_BUF_INIT};
	int rc;

	rk_buf_puts(&a.state, "all:\n");
	rc = wants_table(o) ? list_servers(&a, w->host, err) : 0;
	if (rc == 0)
		rc = list_clusters(&a, o, w->host, err);
	if (rc == 0 && is_news(w, &a)) {
		print_all(w, &a);
		rk_buf_reset(&w->state);
		rk_buf_puts(&w->state, a.state.s);
	}
	rk_buf_release(&a.state);
	rk_table_free(a.table);
	return rc;
}

static int show_change(void *arg, const char *key RK_UNUSED, struct rk_err *err)
{
	return show_all(arg, err) < 0 ? -1 : rk_out_flush(err);
}

static int watch_all(struct view *w, struct rk_err *err)
{
	enum { NAMESPACE_AND_NAME = 2, PHASE = 3, AGE = 6 };
	struct rk_reconciler_conf conf = {
		.reconcile = show_change, .arg = w, .warn = rk_warn, .resync_ms = RESYNC_MS};
	rk_auto_loop *loop = rk_loop_new();
	rk_auto_reconciler *r = rk_reconciler_new(loop, &conf);
	int rc;

	rk_out_stamp();
	w->live = rk_live_new(NAMESPACE_AND_NAME, PHASE, AGE);
	rk_reconciler_add(r, "", "all");
	rk_reconciler_watch(r, "all", w->host, &RK_CLUSTER, NULL, NULL);
	rc = rk_reconciler_run(r, err);
	rk_live_free(w->live);
	return rc;
}

int st_list_all(const struct opts *o, struct rk_kube *host, struct rk_err *err)
{
	struct view w = {o, host, NULL, RK_BUF_INIT};
	int rc = o->watch ? watch_all(&w, err) : show_all(&w, err);

	rk_buf_release(&w.state);
	return rc;
}
