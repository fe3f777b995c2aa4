// SPDX-License-Identifier: Apache-2.0
/* all - every virtual cluster of the host, a line each. */
#include "k3k.h"
#include "loop.h"
#include "tool.h"

struct all {
	struct rk_table *table;
	struct rk_doc *d;
	struct rk_val *list;
	size_t seen;
	struct rk_buf state; /* what there is, and in which version */
};

static int one_of_all(void *arg, const struct rk_val *c, struct rk_err *err)
{
	struct all *a = arg;
	char servers[24], age[16];
	const char *phase = rk_get_str(c, "status", "phase", NULL);
	const char *version = rk_get_str(c, "spec", "version", NULL);
	int64_t born = rk_time_parse(rk_get_str(c, "metadata", "creationTimestamp", NULL));

	(void)err;
	a->seen++;
	rk_buf_addf(&a->state, "%s %s\n", rk_get_str(c, "metadata", "uid", NULL),
		rk_get_str(c, "metadata", "resourceVersion", NULL));
	if (rk_get(c, "metadata", "deletionTimestamp", NULL))
		phase = "Terminating";
	if (!version)
		version = rk_get_str(c, "status", "hostVersion", NULL);
	if (a->list) {
		rk_append(a->list, rk_copy(a->d, c));
		return 0;
	}
	snprintf(servers, sizeof(servers), "%d", (int)rk_get_int(c, 1, "spec", "servers", NULL));
	rk_age(time(NULL) - born, age);
	rk_table_row(a->table, rk_get_str(c, "metadata", "namespace", NULL),
		rk_get_str(c, "metadata", "name", NULL), rk_get_str(c, "spec", "mode", NULL),
		phase ? phase : "Unknown", servers, version, age);
	return 0;
}

static void print_all(const struct opts *o, struct all *a)
{
	struct rk_val *list;

	if (!a->list) {
		if (a->seen)
			rk_table_print(a->table, (enum rk_fmt)o->out.fmt, !o->out.no_headers);
		else
			rk_note("No virtual clusters found");
		return;
	}
	if (o->out.fmt == RK_FMT_NAME) {
		rk_each (c, a->list)
			rk_printf("cluster.k3k.io/%s\n", rk_get_str(c, "metadata", "name", NULL));
		return;
	}
	list = rk_map(a->d);
	rk_set_str(a->d, list, "apiVersion", "v1");
	rk_set_str(a->d, list, "kind", "List");
	rk_set(a->d, list, "items", a->list);
	rk_print_val((enum rk_fmt)o->out.fmt, list);
}

/* state: that of what was shown last, which is not shown again. */
static int show_all(
	const struct opts *o, struct rk_kube *host, struct rk_buf *state, struct rk_err *err)
{
	static const char *const head[] = {
		"NAMESPACE", "NAME", "MODE", "PHASE", "SERVERS", "VERSION", "AGE"};
	rk_auto_doc *d = rk_doc_new(false);
	struct all a = {.table = rk_table_new(head, RK_COUNT(head)), .d = d, .state = RK_BUF_INIT};
	int rc;

	if (o->out.fmt != RK_FMT_TABLE && o->out.fmt != RK_FMT_WIDE)
		a.list = rk_seq(d);
	rk_buf_puts(&a.state, "all:\n");
	rc = rk_kube_list(host, &RK_CLUSTER, NULL, NULL, one_of_all, &a, NULL, err);
	if (rc == 0 && !rk_streq(a.state.s, state->s)) {
		print_all(o, &a);
		rk_buf_reset(state);
		rk_buf_puts(state, a.state.s);
	}
	rk_buf_release(&a.state);
	rk_table_free(a.table);
	return rc;
}

struct watching {
	const struct opts *o;
	struct rk_kube *host;
	struct rk_buf state;
};

static int show_change(void *arg, struct rk_err *err)
{
	struct watching *w = arg;

	return show_all(w->o, w->host, &w->state, err) < 0 ? -1 : rk_out_flush(err);
}

int list_all(const struct opts *o, struct rk_kube *host, struct rk_err *err)
{
	struct watching w = {o, host, RK_BUF_INIT};
	rk_auto_keeper *keeper = o->watch ? rk_keeper_new(show_change, &w, 0, rk_warn) : NULL;
	int rc;

	if (keeper) {
		rk_keeper_hear(keeper, host, &RK_CLUSTER, NULL, NULL);
		rc = rk_keeper_run(keeper, err);
	} else {
		rc = show_all(o, host, &w.state, err);
	}
	rk_buf_release(&w.state);
	return rc;
}
