// SPDX-License-Identifier: Apache-2.0
/* The last step: https://HOST/ping through the host's ingress, for every host name, under a
 * certificate that the deployment's own CA (or the system's roots) vouches for. */
#include "tool.h"

#include "expose/expose.h"
#include "os/os.h"
#include "rancher/rancher.h"

#define TRY_MS	   2000
#define CONNECT_MS 5000
#define ANSWER_MS  10000
#define CA_MAX	   ((size_t)1 << 20)

/* The file the user gave; else what cert-manager wrote beside the certificate; else the anchor that
 * Rancher shows its agents; else, and with Let's Encrypt, the system's roots. */
static int find_ca(struct await *w, struct rk_err *err)
{
	const char *root = rk_setting(w->s, RK_KEY_CA_ROOT_PATH);
	const struct {
		const char *secret, *key;
	} in[] = {{rk_settings_tls_source_secret(w->s), "ca.crt"},
		{RK_RANCHER_CA_SECRET, "cacerts.pem"}};

	if (w->ca_known || rk_streq(rk_setting(w->s, RK_KEY_TLS_SOURCE), "letsEncrypt"))
		return 0;
	w->ca_known = true;
	if (root && *root)
		return rk_file_read(root, CA_MAX, &w->ca, err);
	for (size_t i = 0; i < RK_COUNT(in) && !w->ca.len; i++) {
		rk_auto_doc *d = rk_doc_new(true);
		struct rk_val *secret = NULL;

		if (rk_kube_find(w->virt, &RK_SECRET, RK_RANCHER_NS, in[i].secret, d, &secret,
			    NULL) == 0 &&
			rk_need_base64(secret, &w->ca, NULL, "data", in[i].key, NULL) < 0)
			rk_buf_reset(&w->ca);
	}
	return 0;
}

static void explain(const struct await *w, const struct rk_ping *p, struct report *r)
{
	rk_auto_buf where = RK_BUF_INIT; /* the ingress controller, for the hint about DNS */

	await_add_part(&r->line, "%s", p->why);
	if (r->hint.len)
		return;
	rk_cache_each(ing, w->m[0])
		rk_each (l, rk_get(ing, "status", "loadBalancer", "ingress", NULL))
	{
		const char *ip = rk_get_str(l, "ip", NULL);
		const char *a = ip ? ip : rk_get_str(l, "hostname", NULL);

		if (a && !strstr(where.s, a))
			rk_buf_addf(&where, "%s%s", where.len ? " or " : "", a);
	}
	if (!p->status && p->err.reason == RK_REASON_RESOLVE) {
		await_add_part(&r->fault, "DNS does not know %s", p->host);
		rk_buf_addf(&r->hint, "make %s point to %s, or try with --resolve %s:443:ADDRESS",
			p->host, where.len ? where.s : "the host's ingress controller", p->host);
	} else if (!p->status && p->err.reason != RK_REASON_TLS) {
		rk_buf_addf(&r->hint, "%s must point to the host's ingress controller%s%s", p->host,
			where.len ? " at " : "", where.s);
	} else {
		if (!p->status)
			await_add_part(&r->fault, "%s", p->why);
		rk_buf_addf(&r->hint, "%s with: kubectl rk3k %s %s/%s%s",
			p->status ? "see what the host serves" : "compare the certificates",
			p->status ? "ingress status" : "status", w->ns, w->cluster,
			rk_here_settings());
	}
}

/* A try near the end does not outlast it by much. */
static int64_t bounded(int64_t left, int64_t ms)
{
	return left < 1000 ? 1000 : left < ms ? left : ms;
}

static bool all_answer(struct await *w, const char *subject RK_UNUSED, struct report *r)
{
	int64_t left = w->deadline - rk_now_ms();
	struct rk_ping_conf conf = {.resolve = w->o->kube.resolve,
		.connect_ms = bounded(left, CONNECT_MS),
		.request_ms = bounded(left, ANSWER_MS)};
	struct rk_strv hosts = {0};
	struct rk_ping p;
	bool all = true;

	if (find_ca(w, &r->dead) < 0)
		return false;
	conf.ca = w->ca.s;
	conf.ca_len = w->ca.len;
	rk_settings_hosts(w->s, &hosts);
	for (size_t i = 0; i < hosts.n; i++) {
		rk_rancher_ping(&conf, hosts.v[i], &p);
		if (p.state != RK_PING_ANSWERS)
			explain(w, &p, r);
		all = all && p.state == RK_PING_ANSWERS;
	}
	rk_strv_release(&hosts);
	return all;
}

bool await_url_judge(struct await *w, struct report *r)
{
	return await_ask(w, all_answer, "", TRY_MS, r);
}
