// SPDX-License-Identifier: Apache-2.0
/* all - every virtual cluster of the host, a line each: one list of Clusters, one of StatefulSets. */
#include "tool.h"

/* How many servers the Cluster should have, and how many are ready; -1: unknown. */
static void count_servers(
	const struct rk_val *c, const struct rk_val *sets, int64_t *wanted, int64_t *ready)
{
	const char *ns = rk_get_str(c, "metadata", "namespace", NULL);
	const char *cluster = rk_get_str(c, "metadata", "name", NULL);
	char name[64];

	*wanted = rk_get_int(c, 1, "spec", "servers", NULL);
	*ready = -1;
	rk_k3k_name(name, cluster ? cluster : "", "server");
	rk_each (set, sets)
		if (*ready < 0 && rk_streq(rk_get_str(set, "metadata", "namespace", NULL), ns) &&
			rk_streq(rk_get_str(set, "metadata", "name", NULL), name))
			*ready = rk_get_int(set, 0, "status", "readyReplicas", NULL);
}

static void add_row(struct rk_table *t, const struct rk_val *c, const struct rk_val *sets)
{
	const char *phase = rk_get_str(c, "status", "phase", NULL);
	const char *version = rk_get_str(c, "spec", "version", NULL);
	const char *why = rk_get_str(rk_condition(c, "Ready"), "message", NULL);
	int64_t born = rk_time_parse(rk_get_str(c, "metadata", "creationTimestamp", NULL));
	bool deleted = rk_get(c, "metadata", "deletionTimestamp", NULL) != NULL;
	rk_auto_buf problems = RK_BUF_INIT, servers = RK_BUF_INIT;
	int64_t wanted, ready;
	char age[16] =
		"<unknown>"; /* as kubectl, of an object without a time, or with a strange one */

	phase = deleted ? "Terminating" : phase ? phase : "Unknown";
	if (!version)
		version = rk_get_str(c, "status", "hostVersion", NULL);
	if (born > 0)
		rk_age(time(NULL) - born, age);
	count_servers(c, sets, &wanted, &ready);
	if (sets)
		rk_buf_addf(&servers, "%d/", ready < 0 ? 0 : (int)ready);
	rk_buf_addf(&servers, "%d", (int)wanted);
	if (deleted)
		rk_buf_puts(&problems, "being deleted");
	else if (!rk_streq(phase, "Ready"))
		rk_buf_addf(&problems, "%s%s%.80s", phase, why ? ": " : "", why ? why : "");
	if (ready >= 0 && ready < wanted)
		rk_buf_addf(&problems, "%s%d of %d servers ready", problems.len ? "; " : "",
			(int)ready, (int)wanted);
	rk_table_row(t, rk_get_str(c, "metadata", "namespace", NULL),
		rk_get_str(c, "metadata", "name", NULL), rk_get_str(c, "spec", "mode", NULL), phase,
		servers.s, version, age, problems.len ? problems.s : "-");
}

struct all {
	struct rk_doc *d;
	struct rk_val *sets; /* of servers; NULL: no permission to list them */
	struct rk_val *list; /* of Clusters, to be printed or sorted; NULL: each is a row at once */
	struct rk_table *table;
	size_t n;
	struct rk_buf state; /* which Clusters exist, and in which version */
};

static int add(void *arg, const struct rk_val *c, struct rk_err *err RK_UNUSED)
{
	struct all *a = arg;

	a->n++;
	rk_buf_addf(&a->state, "%s %s\n", rk_get_str(c, "metadata", "uid", NULL),
		rk_get_str(c, "metadata", "resourceVersion", NULL));
	if (a->list)
		rk_append(a->list, rk_copy(a->d, c));
	else
		add_row(a->table, c, a->sets);
	return 0;
}

static void print_table(const struct look *l, const struct all *a)
{
	static const char none[] = "No virtual clusters found";
	struct rk_strv notes = {0};

	rk_each (c, a->list)
		add_row(a->table, c, a->sets);
	if (!a->n)
		rk_strv_add(&notes, none);
	if (l->live)
		rk_live_show(l->live, a->table, !l->o->out.no_headers, &notes);
	else if (a->n)
		rk_table_print(a->table, (enum rk_fmt)l->o->out.fmt, !l->o->out.no_headers);
	else
		rk_note("%s", none);
	rk_strv_release(&notes);
}

static int show_all(struct look *l, struct all *a, struct rk_err *err)
{
	enum rk_fmt fmt = (enum rk_fmt)l->o->out.fmt;
	bool table = fmt == RK_FMT_TABLE || fmt == RK_FMT_WIDE;
	struct rk_list_opts servers = {.labels = "role=server"}, chosen = {.labels = l->o->labels};
	struct rk_val *doc;

	/* without permission to list the StatefulSets the Clusters are still shown */
	if (table &&
		rk_kube_list_all(l->host, &RK_STATEFULSET, NULL, &servers, a->d, &a->sets, err) <
			0 &&
		err->http != 403)
		return -1;
	rk_err_clear(err);
	rk_buf_puts(&a->state, "all:\n");
	a->list = table && !l->o->out.sort_by ? NULL : rk_seq(a->d);
	if (rk_kube_list(l->host, &RK_CLUSTER, NULL, &chosen, add, a, err) < 0 ||
		(l->o->out.sort_by && rk_jsonpath_sort(a->list, l->o->out.sort_by, err) < 0))
		return -1;
	/* a document that was shown is not shown again; the table finds what changed */
	if (!table && rk_streq(a->state.s, l->state.s))
		return 0;
	rk_buf_reset(&l->state);
	rk_buf_puts(&l->state, a->state.s);
	if (table) {
		print_table(l, a);
	} else if (fmt == RK_FMT_NAME) {
		rk_each (c, a->list)
			rk_printf("cluster.k3k.io/%s\n", rk_get_str(c, "metadata", "name", NULL));
	} else {
		doc = rk_map(a->d);
		rk_set_str(a->d, doc, "apiVersion", "v1");
		rk_set_str(a->d, doc, "kind", "List");
		rk_set(a->d, doc, "items", a->list);
		rk_print_val(fmt, doc);
	}
	return rk_out_flush(err);
}

int st_show_all(void *look, const char *key RK_UNUSED, struct rk_err *err)
{
	static const char *const head[] = {
		"NAMESPACE", "NAME", "MODE", "PHASE", "SERVERS", "VERSION", "AGE", "PROBLEMS"};
	rk_auto_doc *d = rk_doc_new(false);
	struct all a = {.d = d, .table = rk_table_new(head, RK_COUNT(head)), .state = RK_BUF_INIT};
	int rc = show_all(look, &a, err);

	rk_buf_release(&a.state);
	rk_table_free(a.table);
	return rc;
}
