// SPDX-License-Identifier: Apache-2.0
/* list - the contexts with server, virtual cluster and expiry. */
#include "tool.h"

#include "data/data.h"

/* Entries of ours carry a note; older ones are known by their name. */
static bool is_k3k(const struct rk_val *e)
{
	return rk_get(e, "virtualCluster", NULL) ||
	       rk_suffix(rk_get_str(e, "name", NULL), RK_K3K_ENTRY_SUFFIX);
}

static void expires_word(const struct rk_val *e, char out[32])
{
	const char *when = rk_get_str(e, "expires", NULL);
	int64_t t = when ? rk_time_parse(when) : -1, left = t - (int64_t)time(NULL);
	char age[16];

	out[0] = 0;
	if (t < 0)
		return;
	rk_age(left < 0 ? -left : left, age);
	snprintf(out, 32, left < 0 ? "expired %s ago" : "%s", age);
}

static void print_table(const struct opts *o, const struct rk_val *seq)
{
	static const char *const headers[] = {"CURRENT", "NAME", "SERVER", "VIRTUAL CLUSTER",
		"EXPIRES", "CLUSTER", "USER", "NAMESPACE", "FILE"};
	struct rk_table *t = rk_table_new(headers, RK_COUNT(headers));

	rk_table_wide(t, 5);
	rk_each (e, seq) {
		const char *virtual = rk_get_str(e, "virtualCluster", NULL);
		char expires[32];

		expires_word(e, expires);
		rk_table_row(t, rk_get_bool(e, false, "current", NULL) ? "*" : "",
			rk_get_str(e, "name", NULL), rk_get_str(e, "server", NULL),
			virtual	    ? virtual
			: is_k3k(e) ? "unknown"
				    : "",
			expires, rk_get_str(e, "cluster", NULL), rk_get_str(e, "user", NULL),
			rk_get_str(e, "namespace", NULL), rk_get_str(e, "file", NULL));
	}
	rk_table_print(t, (enum rk_fmt)o->out.fmt, !o->out.no_headers);
	rk_table_free(t);
}

int kcfg_run_list(void *p, int argc, char **argv, struct rk_err *err)
{
	const struct opts *o = p;
	struct rk_kubeconfig *kc = NULL;
	rk_auto_doc *d = rk_doc_new(true);
	struct rk_val *all = NULL, *seq = rk_seq(d);
	int rc;

	(void)argc;
	(void)argv;
	if (rk_kubeconfig_load(&kc, o->kube.kubeconfig, err) < 0)
		return -1;
	rc = rk_kubeconfig_list(kc, d, &all, err);
	rk_kubeconfig_free(kc);
	rk_each (e, rc == 0 ? all : NULL)
		if (!o->only_k3k || is_k3k(e))
			rk_append(seq, rk_copy(d, e));
	if (rc == 0 && o->out.sort_by)
		rc = rk_jsonpath_sort(seq, o->out.sort_by, err);
	if (rc == 0 && (o->out.fmt == RK_FMT_TABLE || o->out.fmt == RK_FMT_WIDE))
		print_table(o, seq);
	else if (rc == 0)
		kcfg_print(o, seq);
	return rc;
}
