// SPDX-License-Identifier: Apache-2.0
/* The last step: https://HOST/ping through the host's ingress, for every host name, under a
 * certificate that the deployment's own CA (or the system's roots) vouches for. */
#include "tool.h"

#include "os/os.h"
#include "expose/expose.h"
#include "rancher/rancher.h"
#include "steps/steps.h"

#define TRY_MS	   2000
#define CONNECT_MS 5000
#define ANSWER_MS  10000
#define CA_MAX	   ((size_t)1 << 20)

/* --- the CA --- */

static bool from_secret(struct await *w, const char *name, const char *key)
{
	rk_auto_doc *d = rk_doc_new(true);
	struct rk_val *secret = NULL;

	return rk_kube_find(w->virt, &RK_SECRET, RK_RANCHER_NS, name, d, &secret, NULL) == 0 &&
	       secret && rk_need_base64(secret, &w->ca, NULL, "data", key, NULL) == 0 &&
	       w->ca.len > 0;
}

/* The file the user gave; else what cert-manager wrote beside the certificate; else the anchor that
 * Rancher shows its agents; else, and with Let's Encrypt, the system's roots. */
static int find_ca(struct await *w, struct rk_err *err)
{
	const struct rk_settings *s = w->a->settings;
	const char *root = rk_setting(s, RK_KEY_CA_ROOT_PATH);

	if (w->ca_known)
		return 0;
	w->ca_known = true;
	if (rk_streq(rk_setting(s, RK_KEY_TLS_SOURCE), "letsEncrypt"))
		return 0;
	if (root && *root)
		return rk_file_read(root, CA_MAX, &w->ca, err);
	if (!from_secret(w, rk_settings_tls_source_secret(s), "ca.crt"))
		from_secret(w, RK_RANCHER_CA_SECRET, "cacerts.pem");
	return 0;
}

/* --- one host --- */

/* Where the ingress controller is, for the hint about DNS. */
static void addresses(const struct await *w, struct rk_buf *out)
{
	rk_cache_each(ing, w->m[0])
		rk_each (l, rk_get(ing, "status", "loadBalancer", "ingress", NULL))
	{
		const char *a = rk_get_str(l, "ip", NULL);

		if (!a)
			a = rk_get_str(l, "hostname", NULL);
		if (a && !strstr(out->s, a))
			rk_buf_addf(out, "%s%s", out->len ? " or " : "", a);
	}
}

static void explain(const struct await *w, const struct rk_ping *p, struct report *r)
{
	rk_auto_buf where = RK_BUF_INIT;

	await_add_part(&r->line, "%s", p->why);
	if (r->hint.len)
		return;
	addresses(w, &where);
	if (p->status) {
		rk_buf_addf(&r->hint,
			"see what the host serves with: kubectl rk3k ingress status %s/%s%s",
			rk_settings_ns(w->a->settings), rk_settings_cluster(w->a->settings),
			rk_here_settings());
	} else if (p->err.reason == RK_REASON_RESOLVE) {
		await_add_part(&r->fault, "DNS does not know %s", p->host);
		rk_buf_addf(&r->hint, "make %s point to %s, or try with --resolve %s:443:ADDRESS",
			p->host, where.len ? where.s : "the host's ingress controller", p->host);
	} else if (p->err.reason == RK_REASON_TLS) {
		await_add_part(&r->fault, "%s", p->why);
		rk_buf_addf(&r->hint, "compare the certificates with: kubectl rk3k status %s/%s%s",
			rk_settings_ns(w->a->settings), rk_settings_cluster(w->a->settings),
			rk_here_settings());
	} else {
		rk_buf_addf(&r->hint, "%s must point to the host's ingress controller%s%s", p->host,
			where.len ? " at " : "", where.s);
	}
}

/* A try near the end does not outlast it by much. */
static int64_t bounded(int64_t left, int64_t ms)
{
	return left < 1000 ? 1000 : left < ms ? left : ms;
}

static bool ping(const struct await *w, const char *host, struct report *r)
{
	int64_t left = w->deadline - rk_now_ms();
	struct rk_ping_conf conf = {.ca = w->ca.s,
		.ca_len = w->ca.len,
		.resolve = w->a->resolve,
		.connect_ms = bounded(left, CONNECT_MS),
		.request_ms = bounded(left, ANSWER_MS)};
	struct rk_ping p;

	rk_rancher_ping(&conf, host, &p);
	if (p.state != RK_PING_ANSWERS)
		explain(w, &p, r);
	return p.state == RK_PING_ANSWERS;
}

/* --- the step --- */

static void repeat(struct await *w, struct report *r)
{
	rk_buf_puts(&r->line, w->answer.s);
	rk_buf_puts(&r->fault, w->answer_fault.s);
	rk_buf_puts(&r->hint, w->answer_hint.s);
}

static void remember(struct await *w, const struct report *r)
{
	rk_buf_reset(&w->answer);
	rk_buf_reset(&w->answer_fault);
	rk_buf_reset(&w->answer_hint);
	rk_buf_puts(&w->answer, r->line.s);
	rk_buf_puts(&w->answer_fault, r->fault.s);
	rk_buf_puts(&w->answer_hint, r->hint.s);
}

enum verdict await_url_judge(struct await *w, struct report *r)
{
	struct rk_strv hosts = {0};
	bool all = true;

	if (rk_now_ms() < w->next_try) {
		repeat(w, r);
		return WAITING;
	}
	if (find_ca(w, &r->dead) < 0)
		return DEAD;
	rk_settings_hosts(w->a->settings, &hosts);
	for (size_t i = 0; i < hosts.n; i++)
		all = ping(w, hosts.v[i], r) && all;
	rk_strv_release(&hosts);
	if (all)
		return DONE;
	remember(w, r);
	w->next_try = rk_now_ms() + TRY_MS;
	await_soon(w, TRY_MS);
	return WAITING;
}
