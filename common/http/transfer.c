// SPDX-License-Identifier: Apache-2.0
/* One request with its retries.
 *
 * Our own callback verifies the server's certificate inside the handshake: names in the SANs only,
 * before the client certificate is sent, and with what is needed to report precisely what was wrong.
 * libcurl checks the name once more. */
#include "internal.h"

#include "out/out.h"
#include "tls/tls.h"

#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <strings.h>

#define BODY_MAX     ((size_t)64 << 20)
#define TRIES_MAX    10	   /* retries, as client-go */
#define WAITS_MS     60000 /* sum of the pauses between them */
#define BROKEN_MS    1000  /* pause after a broken connection */
#define WARNINGS_MAX ((size_t)16 << 10)

void (*rk_http_trace)(const char *line);

/* --- the handshake --- */

static int verify(X509_STORE_CTX *ctx, void *arg)
{
	struct rk_xfer *x = arg;
	int r = X509_verify_cert(ctx);

	if (!x->at_proxy) {
		sk_X509_pop_free(x->h->peer, X509_free);
		x->h->peer = X509_chain_up_ref(X509_STORE_CTX_get0_untrusted(ctx));
	}
	if (r <= 0 && !x->refused) {
		x->refused = rk_calloc(1, sizeof(*x->refused));
		rk_cert_refused(ctx, x->at_proxy ? x->h->proxy_host : x->h->name, x->refused);
	}
	return r;
}

/* Called for each new connection, and before that for the one to an https proxy. The pointer to x is
 * used during this handshake only, since TLS is not renegotiated. */
static CURLcode on_ssl_ctx(CURL *easy RK_UNUSED, void *ssl_ctx, void *arg)
{
	struct rk_xfer *x = arg;
	SSL_CTX *ctx = ssl_ctx;
	X509_VERIFY_PARAM *p = SSL_CTX_get0_param(ctx);
	const char *name;

	x->shaking = true;
	/* libcurl does not tell whose handshake this is. It has applied the versions that set_client
	 * asks for, and only a proxy's have an upper bound. */
	x->at_proxy = SSL_CTX_get_max_proto_version(ctx) != 0;
	name = x->at_proxy ? x->h->proxy_host : x->h->name;
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_set_mode(ctx, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER); /* for rk_wire_send */
	SSL_CTX_set_cert_verify_callback(ctx, verify, x);
	return name && rk_cert_expect(p, name) ? CURLE_OK : CURLE_SSL_CONNECT_ERROR;
}

/* --- callbacks of a transfer --- */

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
	struct rk_xfer *x = arg;
	long status = x->req.data ? rk_xfer_info(x, CURLINFO_RESPONSE_CODE) : 0;
	struct rk_buf *to = &x->res->body;

	n *= size;
	x->last = rk_now_ms();
	if (status >= 200 && status < 300 && status != 206) {
		x->delivered = true;
		rk_task_wake(x->task);
		to = &x->in;
	}
	x->too_large = rk_buf_add(to, p, n, NULL) < 0;
	return x->too_large ? 0 : n;
}

/* libcurl sends a request again when a kept connection turns out dead. That is safe for GET only,
 * which has no body to rewind; a POST or DELETE may have none either. */
static int on_send(void *arg, char *at RK_UNUSED, char *from RK_UNUSED, int at_port RK_UNUSED,
	int from_port RK_UNUSED)
{
	struct rk_xfer *x = arg;

	x->resent = x->sent_once && !x->safe;
	x->sent_once = true;
	return x->resent ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

static size_t on_header(char *p, size_t size, size_t n, void *arg)
{
	struct rk_xfer *x = arg;

	n *= size;
	x->last = rk_now_ms();
	if (n <= 2)
		x->headed = true;
	else if (n > 5 && memcmp(p, "HTTP/", 5) == 0) /* perhaps another answer, after a 103 */
		x->headed = false;
	return n;
}

/* --- headers of the answer --- */

/* Value i of a header, or NULL. */
static const char *header(const struct rk_xfer *x, const char *name, size_t i)
{
	struct curl_header *h;

	return curl_easy_header(x->easy, name, i, CURLH_HEADER, -1, &h) == CURLHE_OK ? h->value
										     : NULL;
}

/* 299 - "text with \" escaped" */
static void add_warning(struct rk_buf *out, const char *p)
{
	const char *q = strchr(p, '"');

	if (!rk_prefix(p, "299 ") || !q || out->len + strlen(p) > WARNINGS_MAX)
		return;
	for (q++; *q && *q != '"'; q++) {
		if (*q == '\\' && q[1])
			q++;
		rk_buf_putc(out, (unsigned char)*q < ' ' ? ' ' : *q);
	}
	rk_buf_putc(out, '\n');
}

static void take_headers(struct rk_xfer *x)
{
	struct rk_http_res *r = x->res;
	const char *v;

	if ((v = header(x, "Content-Type", 0)))
		snprintf(r->content_type, sizeof(r->content_type), "%s", v);
	if ((v = header(x, "Location", 0)))
		snprintf(r->location, sizeof(r->location), "%s", v);
	for (size_t i = 0; (v = header(x, "WWW-Authenticate", i)); i++)
		if (i == 0 || strncasecmp(v, "bearer ", 7) == 0)
			snprintf(r->authenticate, sizeof(r->authenticate), "%s", v);
	for (size_t i = 0; (v = header(x, "Warning", i)); i++)
		add_warning(&r->warnings, v);
	if ((v = header(x, "Retry-After", 0)) && !rk_parse_int(v, 0, INT32_MAX, &r->retry_after))
		r->retry_after = -1;
}

/* --- setting a transfer up --- */

static void set_blob(CURL *e, CURLoption opt, const struct rk_buf *b)
{
	struct curl_blob blob = {.data = b->s, .len = b->len, .flags = CURL_BLOB_NOCOPY};

	RK_SET(opt, &blob);
}

/* A CA given replaces the system's roots, files and directory alike. */
static void set_roots(CURL *e, const struct rk_http *h)
{
	const char *file = getenv("SSL_CERT_FILE"), *dir = getenv("SSL_CERT_DIR");

	if (h->ca.len) {
		RK_SET(CURLOPT_CAINFO, NULL);
		RK_SET(CURLOPT_CAPATH, NULL);
		set_blob(e, CURLOPT_CAINFO_BLOB, &h->ca);
		if (h->proxy_shown) {
			RK_SET(CURLOPT_PROXY_CAINFO, NULL);
			RK_SET(CURLOPT_PROXY_CAPATH, NULL);
			set_blob(e, CURLOPT_PROXY_CAINFO_BLOB, &h->ca);
		}
	} else if (file && *file) {
		RK_SET(CURLOPT_CAINFO, file);
		RK_SET(CURLOPT_CAPATH, dir && *dir ? dir : NULL);
	} else if (dir && *dir) {
		RK_SET(CURLOPT_CAPATH, dir);
	}
}

/* Connections are ours alone: programs that we execute inherit none. A connection is lost when the
 * other side acknowledges nothing for as long as a request may take. Left to itself the kernel would
 * go on for a quarter of an hour, and all new streams would go there. */
static int on_socket(void *arg, curl_socket_t fd, curlsocktype purpose RK_UNUSED)
{
	const struct rk_http *h = arg;
	unsigned ms = h && h->request_ms < INT_MAX ? (unsigned)h->request_ms : 0;

	fcntl(fd, F_SETFD, FD_CLOEXEC);
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof(ms));
	return CURL_SOCKOPT_OK;
}

/* The options that all requests of a client share. */
static void set_client(CURL *e, const struct rk_xfer *x)
{
	const char *no_h2 = getenv("DISABLE_HTTP2");
	struct rk_http *h = x->h;

	RK_SET(CURLOPT_PROTOCOLS_STR, h->plain ? "http" : "https");
	RK_SET(CURLOPT_HTTP_VERSION,
		(long)(no_h2 && *no_h2 ? CURL_HTTP_VERSION_1_1 : CURL_HTTP_VERSION_2TLS));
	RK_SET(CURLOPT_PIPEWAIT, 1L);
	RK_SET(CURLOPT_PATH_AS_IS, 1L);
	RK_SET(CURLOPT_TCP_KEEPALIVE, 1L);
	RK_SET(CURLOPT_TCP_KEEPIDLE, 30L);
	RK_SET(CURLOPT_TCP_KEEPINTVL, 15L);
	RK_SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	RK_SET(CURLOPT_PROXY, h->proxy);
	RK_SET(CURLOPT_NOPROXY, "");
	RK_SET(CURLOPT_USERAGENT, h->agent);
	RK_SET(CURLOPT_CONNECTTIMEOUT_MS, (long)h->connect_ms);
	RK_SET(CURLOPT_CONNECT_TO, h->connect_to);
	RK_SET(CURLOPT_RESOLVE, h->resolve);
	if (h->user) {
		RK_SET(CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
		RK_SET(CURLOPT_USERNAME, h->user);
		RK_SET(CURLOPT_PASSWORD, h->password ? h->password : "");
	}
	RK_SET(CURLOPT_WRITEFUNCTION, on_body);
	RK_SET(CURLOPT_HEADERFUNCTION, on_header);
	RK_SET(CURLOPT_PREREQFUNCTION, on_send);
	RK_SET(CURLOPT_SOCKOPTFUNCTION, on_socket);
	RK_SET(CURLOPT_SOCKOPTDATA, h);

	RK_SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	RK_SET(CURLOPT_PROXY_SSLVERSION,
		(long)(CURL_SSLVERSION_TLSv1_2 | CURL_SSLVERSION_MAX_TLSv1_3));
	RK_SET(CURLOPT_SSL_CTX_FUNCTION, on_ssl_ctx);
	set_roots(e, h);
	/* Without a passphrase libcurl's callback would read one through a null pointer. */
	RK_SET(CURLOPT_KEYPASSWD, "");
	if (x->ident) {
		set_blob(e, CURLOPT_SSLCERT_BLOB, &x->ident->cert);
		if (x->ident->key.len)
			set_blob(e, CURLOPT_SSLKEY_BLOB, &x->ident->key);
	}
}

/* Takes line, which may be secret. */
static void add_header(struct rk_xfer *x, char *line)
{
	struct curl_slist *list = curl_slist_append(x->headers, line);

	if (!list)
		abort();
	x->headers = list;
	rk_free_secret(line);
}

static void make_headers(struct rk_xfer *x)
{
	const struct rk_http *h = x->h;
	const struct rk_http_req *r = &x->req;

	add_header(x, rk_asprintf("Accept: %s", r->accept ? r->accept : "application/json"));
	add_header(x, rk_strdup("Expect:"));
	add_header(x, rk_asprintf("Content-Type:%s%s", r->content_type ? " " : "",
			      r->content_type ? r->content_type : ""));
	add_header(x, rk_strdup(h->host_header));
	if (h->bearer)
		add_header(x, rk_asprintf("Authorization: Bearer %s", h->bearer));
	for (size_t i = 0; h->headers[i]; i++)
		add_header(x, rk_strdup(h->headers[i]));
	for (size_t i = 0; r->headers && r->headers[i]; i++)
		if (rk_http_printable(r->headers[i]))
			add_header(x, rk_strdup(r->headers[i]));
}

void rk_xfer_prepare(struct rk_xfer *x, struct rk_http *h, const struct rk_http_req *req,
	struct rk_http_res *res)
{
	const char *path = req->path ? req->path : "";
	int64_t left = rk_task_left();
	CURL *e = curl_easy_init();
	bool head;

	x->h = h;
	x->ident = h->ident;
	if (x->ident)
		x->ident->refs++;
	x->req = *req;
	x->limit_ms = req->stream ? 0 : req->timeout_ms ? req->timeout_ms : h->request_ms;
	if (!req->stream && left < x->limit_ms)
		x->limit_ms = left > 0 ? left : 1;
	x->in = (struct rk_buf)RK_BUF_INIT_SECRET;
	x->res = res;
	snprintf(x->method, sizeof(x->method), "%s",
		req->method ? req->method
		: req->body ? "POST"
			    : "GET");
	head = rk_streq(x->method, "HEAD");
	x->safe = head || rk_streq(x->method, "GET");
	x->url = rk_asprintf("%s%s%s", h->url, !*path || strchr("/?", *path) ? "" : "/", path);
	make_headers(x);
	res->body.max = req->max ? req->max : BODY_MAX;

	if (!e)
		abort();
	x->easy = e;
	set_client(e, x);
	RK_SET(CURLOPT_URL, x->url);
	RK_SET(CURLOPT_HTTPHEADER, x->headers);
	RK_SET(CURLOPT_NOBODY, head ? 1L : 0L);
	if (req->body || rk_streq(x->method, "POST") || rk_streq(x->method, "PUT") ||
		rk_streq(x->method, "PATCH")) { /* libcurl reads the body in place */
		RK_SET(CURLOPT_POST, 1L);
		RK_SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)(req->body ? req->body_len : 0));
		RK_SET(CURLOPT_POSTFIELDS, req->body ? req->body : "");
	}
	RK_SET(CURLOPT_CUSTOMREQUEST, head ? NULL : x->method);
	RK_SET(CURLOPT_TIMEOUT_MS, (long)x->limit_ms);
	RK_SET(CURLOPT_ERRORBUFFER, x->errbuf);
	RK_SET(CURLOPT_WRITEDATA, x);
	RK_SET(CURLOPT_HEADERDATA, x);
	RK_SET(CURLOPT_PREREQDATA, x);
	RK_SET(CURLOPT_SSL_CTX_DATA, x);
	RK_SET(CURLOPT_PRIVATE, x);
}

void rk_xfer_rearm(struct rk_xfer *x)
{
	struct rk_http_res *r = x->res;

	x->too_large = x->stopped = x->delivered = x->idle = x->shaking = x->headed = false;
	x->at_proxy = x->sent_once = x->resent = false;
	free(rk_steal(&x->refused));
	x->errbuf[0] = 0;
	x->begun = x->last = rk_now_ms();
	r->status = 0;
	r->content_type[0] = r->location[0] = r->authenticate[0] = 0;
	r->retry_after = -1;
	rk_buf_reset(&r->body);
	rk_buf_reset(&r->warnings);
}

void rk_xfer_release(struct rk_xfer *x)
{
	curl_easy_cleanup(x->easy);
	rk_ident_unref(x->ident);
	for (struct curl_slist *s = x->headers; s; s = s->next)
		rk_wipe(s->data, strlen(s->data));
	curl_slist_free_all(x->headers);
	free(x->url);
	rk_buf_release(&x->in);
	free(x->refused);
}

/* --- the end of a try --- */

bool rk_http_broken(CURLcode rc)
{
	return rc == CURLE_GOT_NOTHING || rc == CURLE_RECV_ERROR || rc == CURLE_SEND_ERROR ||
	       rc == CURLE_PARTIAL_FILE || rc == CURLE_HTTP2 || rc == CURLE_HTTP2_STREAM ||
	       rc == CURLE_SEND_FAIL_REWIND;
}

long rk_xfer_info(const struct rk_xfer *x, CURLINFO what)
{
	long n = 0;

	curl_easy_getinfo(x->easy, what, &n);
	return n;
}

/* With TLS 1.3 the alert of a server that rejects the client arrives while reading. */
bool rk_xfer_alert(const struct rk_xfer *x)
{
	return strstr(x->errbuf, " alert ") != NULL;
}

long rk_xfer_proxy_status(const struct rk_xfer *x)
{
	long code = rk_xfer_info(x, CURLINFO_HTTP_CONNECTCODE);

	return code >= 300 ? code : 0;
}

/* libcurl is content with an answer that ends inside its head, with a part that was not asked for (no
 * request of ours has a Range), and with one of HTTP/1 that has neither a length nor chunks: it ends
 * where the connection does, be it closed or cut. The reader of a stream detects its end itself. */
static CURLcode whole_answer(const struct rk_xfer *x, long status)
{
	if (status == 206)
		return CURLE_RANGE_ERROR;
	if (!x->headed)
		return CURLE_PARTIAL_FILE;
	if (status < 300 && !x->req.stream && x->res->body.len &&
		rk_xfer_info(x, CURLINFO_HTTP_VERSION) < CURL_HTTP_VERSION_2_0 &&
		!header(x, "Content-Length", 0) && !header(x, "Transfer-Encoding", 0))
		return CURLE_PARTIAL_FILE;
	return CURLE_OK;
}

/* One line for -v, without secrets in the query. */
static void trace(const struct rk_xfer *x)
{
	rk_auto_buf line = RK_BUF_INIT;
	const char *path = x->url + strlen(x->h->url);

	rk_buf_addf(&line, "%s %s", x->method, x->h->shown);
	rk_mask(&line, path, strlen(path));
	if (x->answered)
		rk_buf_addf(&line, " %d", x->res->status);
	else
		rk_buf_addf(&line, " (%s)", curl_easy_strerror(x->rc));
	rk_buf_addf(&line, " %lld ms", (long long)(rk_now_ms() - x->begun));
	rk_http_trace(line.s);
}

int64_t rk_xfer_ended(struct rk_xfer *x, CURLcode rc)
{
	long status = rk_xfer_info(x, CURLINFO_RESPONSE_CODE);
	int64_t ms = -1;
	bool broken;

	if (x->resent)
		rc = CURLE_GOT_NOTHING;
	else if (rc == CURLE_OK)
		rc = whole_answer(x, status);
	take_headers(x);
	broken = rk_http_broken(rc);
	x->rc = rc;
	x->res->status = (int)status;
	/* a server that refuses an upload drops the stream although it has answered */
	x->answered = rc == CURLE_OK || x->stopped ||
		      (status >= 400 && broken && !rk_xfer_proxy_status(x));
	x->silent = x->idle || (rc == CURLE_OPERATION_TIMEDOUT && x->last == x->begun);
	if (rk_http_trace)
		trace(x);

	if (!x->req.retry || x->tries >= TRIES_MAX || x->stopped || x->delivered)
		return -1;
	if (x->answered && (status == 429 || status >= 500) && x->res->retry_after >= 0)
		ms = x->res->retry_after * 1000;
	else if (!x->answered && broken && x->safe && !rk_xfer_alert(x) && !rk_xfer_proxy_status(x))
		ms = BROKEN_MS;
	return ms >= 0 && x->waited + ms <= WAITS_MS ? ms : -1;
}
