// SPDX-License-Identifier: Apache-2.0
/* show - the report of one look, as a table or a document. */
#include "tool.h"

#define text(l, ...) rk_doc_printf((l)->d, __VA_ARGS__)

static void cert_row(const struct look *l, struct rk_table *t, const char *title, const char *where)
{
	const struct rk_val *v = rk_get(l->report, "certificates", where, NULL);
	const char *expires = rk_get_str(v, "expires", NULL);
	const char *bad = rk_get_str(v, "problem", NULL);
	const char *fp = rk_get_str(v, "fingerprint", NULL);
	const struct rk_val *agree = rk_get(l->report, "certificates", "agree", NULL);
	bool differs = rk_streq(where, "host") && agree && !rk_get_bool(agree, true, NULL) &&
		       rk_get(l->report, "certificates", "inside", "fingerprint", NULL);

	rk_table_row(t, title,
		!v	   ? "unknown"
		: !expires ? "missing"
		: bad	   ? "bad"
		: differs  ? "differs"
			   : "valid",
		expires ? text(l, "until %s, sha256 %.16s…", expires, fp) : "");
}

/* "a, b", or the one that there is. */
static const char *both(const struct look *l, const char *a, const char *b)
{
	return a && b ? text(l, "%s, %s", a, b) : a ? a : b ? b : "";
}

static void exposure_rows(const struct look *l, struct rk_table *t)
{
	const struct rk_val *v = rk_get(l->report, "exposure", NULL);
	static const char *const kinds[] = {"service", "ingress"};

	for (size_t i = 0; i < RK_COUNT(kinds); i++) {
		const struct rk_val *o = rk_get(v, kinds[i], NULL);

		rk_table_row(t, kinds[i], rk_get_str(o, "state", NULL),
			both(l, rk_get_str(o, "name", NULL), rk_get_str(o, "detail", NULL)));
	}
	rk_each (url, rk_get(v, "urls", NULL))
		rk_table_row(
			t, "url", rk_get_str(url, "state", NULL), rk_get_str(url, "detail", NULL));
}

static void print_table(const struct look *l)
{
	static const char *const head[] = {"WHAT", "STATE", "DETAIL"};
	struct rk_table *t = rk_table_new(head, RK_COUNT(head));
	struct rk_strv notes = {0};
	const struct rk_val *r = l->report;
	const struct rk_val *servers = rk_get(r, "servers", NULL),
			    *ranch = rk_get(r, "rancher", NULL);
	const char *version = rk_get_str(r, "version", NULL);
	const char *expires = rk_get_str(r, "kubeconfig", "expires", NULL);
	const char *server = rk_get_str(r, "kubeconfig", "server", NULL);
	bool expired = rk_get_bool(r, false, "kubeconfig", "expired", NULL);

	rk_table_row(t, "cluster", rk_get_str(r, "phase", NULL),
		text(l, "%s/%s %s", l->ns, l->cluster, version ? version : ""));
	rk_table_row(t, "servers",
		text(l, "%d/%d", (int)rk_get_int(servers, 0, "ready", NULL),
			(int)rk_get_int(servers, 0, "wanted", NULL)),
		"");
	rk_table_row(t, "kubeconfig",
		expired	 ? "expired"
		: server ? "works"
			 : "unreachable",
		server ? text(l, "%s (%s)%s%s", server, rk_get_str(r, "kubeconfig", "via", NULL),
				 expired   ? ", expired on "
				 : expires ? ", until "
					   : "",
				 expires ? expires : "")
		       : "");
	rk_each (c, rk_get(r, "charts", NULL))
		rk_table_row(t, text(l, "chart %s", rk_get_str(c, "name", NULL)),
			rk_get_str(c, "job", NULL),
			both(l, rk_get_str(c, "version", NULL), rk_get_str(c, "reason", NULL)));
	if (l->inside && !l->rancher)
		rk_table_row(t, "rancher", "none",
			"no HelmChart, Deployment or exposure of Rancher found");
	else
		rk_table_row(t, "rancher",
			ranch ? text(l, "%d/%d", (int)rk_get_int(ranch, 0, "available", NULL),
					(int)rk_get_int(ranch, 0, "wanted", NULL))
			      : "unknown",
			"");
	if (l->rancher) {
		cert_row(l, t, "certificate inside", "inside");
		cert_row(l, t, "certificate on host", "host");
		exposure_rows(l, t);
	}
	rk_each (w, l->warnings)
		rk_strv_add(&notes, text(l, "warning: %s", rk_str(w)));
	rk_each (p, l->problems)
		rk_strv_add(&notes, rk_str(p));
	if (l->live)
		rk_live_show(l->live, t, !l->o->out.no_headers, &notes);
	else
		rk_table_print(t, RK_FMT_TABLE, !l->o->out.no_headers);
	rk_strv_release(&notes);
	rk_table_free(t);
	rk_each (w, l->live ? NULL : l->warnings)
		rk_warn("%s", rk_str(w));
	rk_each (p, l->live ? NULL : l->problems)
		rk_note("%s", rk_str(p));
}

void st_show(const struct look *l)
{
	switch (l->o->out.fmt) {
	case RK_FMT_JSON:
	case RK_FMT_YAML:
		rk_print_val((enum rk_fmt)l->o->out.fmt, l->report);
		break;
	case RK_FMT_NAME:
		rk_printf("cluster.k3k.io/%s\n", l->cluster);
		break;
	default:
		print_table(l);
	}
}
