// SPDX-License-Identifier: Apache-2.0
#include "internal.h"

struct rk_wire {
	struct rk_xfer x;
	struct rk_http_res res;
};

void rk_wire_free(struct rk_wire *w)
{
	if (!w)
		return;
	rk_xfer_release(&w->x);
	rk_http_res_release(&w->res);
	free(w);
}

/* HTTP/1.1 is pinned: with h2 negotiated a raw connection makes no sense to the server. The kubelet's
 * routes for upgrades produce no media type: go-restful answers 406 to any Accept that does not take everything. */
int rk_http_wire(struct rk_wire **out, struct rk_http *h, struct rk_err *err)
{
	static const struct rk_http_req req = {.path = "/", .accept = "*/*"};
	struct rk_wire *w = rk_calloc(1, sizeof(*w));
	CURL *e;

	*out = NULL;
	w->res = (struct rk_http_res)RK_HTTP_RES_INIT;
	w->x.wire = true;
	rk_xfer_prepare(&w->x, h, &req, &w->res);
	e = w->x.easy;
	RK_SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	RK_SET(CURLOPT_CONNECT_ONLY, 1L);
	RK_SET(CURLOPT_SOCKOPTDATA, NULL); /* a reader that is slow is not lost */
	if (rk_xfer_wait(&w->x, err) == 0)
		*out = w;
	else
		rk_wire_free(w);
	return *out ? 0 : -1;
}

void rk_wire_head(const struct rk_wire *w, const char *path, struct rk_buf *out)
{
	const struct rk_http *h = w->x.h;

	rk_buf_addf(out, "GET %s%s HTTP/1.1\r\n", h->path, path);
	rk_buf_addf(out, "User-Agent: %s\r\n", h->agent);
	if (h->user) {
		char *pair = rk_asprintf("%s:%s", h->user, h->password ? h->password : "");

		rk_buf_puts(out, "Authorization: Basic ");
		rk_base64(out, pair, strlen(pair));
		rk_buf_puts(out, "\r\n");
		rk_free_secret(pair);
	}
	for (const struct curl_slist *l = w->x.headers; l; l = l->next)
		if (strchr(l->data, ':')[1]) /* "Expect:" takes a header away */
			rk_buf_addf(out, "%s\r\n", l->data);
}

int rk_wire_fd(const struct rk_wire *w)
{
	curl_socket_t fd = CURL_SOCKET_BAD;

	curl_easy_getinfo(w->x.easy, CURLINFO_ACTIVESOCKET, &fd);
	return fd;
}

ssize_t rk_wire_recv(struct rk_wire *w, void *p, size_t n)
{
	size_t got = 0;
	CURLcode rc = curl_easy_recv(w->x.easy, p, n, &got);

	if (rc == CURLE_AGAIN)
		return 0;
	return rc == CURLE_OK && got ? (ssize_t)got : -1;
}

ssize_t rk_wire_send(struct rk_wire *w, const void *p, size_t n)
{
	size_t sent = 0;
	CURLcode rc = curl_easy_send(w->x.easy, p, n, &sent);

	if (rc == CURLE_AGAIN)
		return 0;
	return rc == CURLE_OK ? (ssize_t)sent : -1;
}
