// SPDX-License-Identifier: Apache-2.0
/* Requests https://HOST/ping, and distinguishes a bad answer from an unreachable server. */
#include "rancher.h"

#include "tls/tls.h"

#define CONNECT_MS 3000
#define ANSWER_MS  5000
#define BODY_MAX   ((size_t)1 << 16)

/* Whether no server has been reached: DNS, routing or a firewall between here and there. After a handshake
 * a server was, although nothing came. */
static bool is_unreached(const struct rk_err *err, const struct rk_http *h)
{
	rk_auto_cert *cert = NULL;

	if (err->reason == RK_REASON_TIMEOUT)
		return !h || rk_http_peer(h, &cert, NULL) < 0;
	return err->reason == RK_REASON_RESOLVE || err->reason == RK_REASON_UNREACHABLE ||
	       err->reason == RK_REASON_PROXY;
}

static void ask(const struct rk_ping_conf *c, const char *resolve, struct rk_ping *p)
{
	rk_auto_free char *base = rk_asprintf("https://%s", p->host);
	struct rk_http_conf conf = {.base = base,
		.ca = c->ca_len ? c->ca : NULL,
		.ca_len = c->ca_len,
		.resolve = resolve,
		.connect_ms = c->connect_ms ? c->connect_ms : CONNECT_MS,
		.request_ms = c->request_ms ? c->request_ms : ANSWER_MS};
	struct rk_http_req req = {.path = "/ping", .accept = "*/*", .max = BODY_MAX};
	rk_auto_http_res res = RK_HTTP_RES_INIT;
	rk_auto_http *h = NULL;
	char *why = p->why + snprintf(p->why, sizeof(p->why), "https://%.253s: ", p->host);
	size_t room = sizeof(p->why) - (size_t)(why - p->why);

	if (rk_http_new(&h, &conf, &p->err) < 0 || rk_http_do(h, &req, &res, &p->err) < 0) {
		p->state = is_unreached(&p->err, h) ? RK_PING_UNKNOWN : RK_PING_FAILS;
		snprintf(p->why, sizeof(p->why), "%.*s", (int)sizeof(p->why) - 1, p->err.msg);
		return;
	}
	p->status = res.status;
	p->state = RK_PING_FAILS;
	if (res.status == 200 && rk_prefix(res.body.s, "pong")) {
		p->state = RK_PING_ANSWERS;
		p->why[0] = '\0';
	} else if (res.status == 404)
		snprintf(why, room, "the ingress controller knows no such host (404)");
	else if (res.status == 502 || res.status == 503 || res.status == 504)
		snprintf(why, room, "the ingress controller reaches nothing behind it (%d)",
			res.status);
	else if (res.status >= 300 && res.status < 400)
		snprintf(why, room, "/ping redirects to %.300s", res.location);
	else
		snprintf(why, room, "/ping answers HTTP %d, and not as Rancher does", res.status);
}

/* By its name first, then by the addresses that the ingress controller publishes; an address that is
 * not an IP needs DNS, too. */
void rk_rancher_ping(const struct rk_ping_conf *c, const char *host, struct rk_ping *p)
{
	*p = (struct rk_ping){.host = host};
	ask(c, c->resolve, p);
	for (size_t i = 0; c->addresses && i < c->addresses->n && p->state == RK_PING_UNKNOWN;
		i++) {
		const char *address = c->addresses->v[i];
		rk_auto_free char *ip = rk_url_authority(address, 0);
		rk_auto_buf resolve = RK_BUF_INIT;
		struct rk_ping again = {.host = host};

		if (!rk_ip_family(address))
			continue;
		if (c->resolve)
			rk_buf_addf(&resolve, "%s ", c->resolve);
		rk_buf_addf(&resolve, "%s:443:%s", host, ip);
		ask(c, resolve.s, &again);
		if (again.state == RK_PING_UNKNOWN)
			continue;
		snprintf(again.detour, sizeof(again.detour), "%.300s", p->why);
		snprintf(again.address, sizeof(again.address), "%s", address);
		*p = again;
	}
}

const char *rk_ping_word(enum rk_ping_state s)
{
	static const char *const words[] = {"unknown", "answers", "fails"};

	return words[s];
}
