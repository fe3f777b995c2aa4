// SPDX-License-Identifier: Apache-2.0
/* One request with its repeats.
 *
 * The server's certificate is judged by our own callback inside the handshake: names in the SANs
 * only, before the client certificate is shown to anyone, and with what is needed to say
 * precisely what was wrong. libcurl checks the name once more. */
#include "internal.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <strings.h>

#define BODY_MAX     ((size_t)64 << 20)
#define TRIES_MAX    10	   /* repeats, as client-go */
#define WAITS_MS     60000 /* sum of the pauses between them */
#define BROKEN_MS    1000  /* pause after a broken connection */
#define CHAIN_MAX    16	   /* certificates kept of what a server shows */
#define WARNINGS_MAX ((size_t)16 << 10)

void (*rk_http_trace)(const char *line);

/* --- the handshake --- */

static void add_der(struct rk_buf *out, X509 *x)
{
	unsigned char *to;
	int n = x ? i2d_X509(x, NULL) : -1;

	if (n <= 0)
		return;
	to = (unsigned char *)rk_buf_reserve(out, (size_t)n);
	i2d_X509(x, &to);
	rk_buf_grow(out, (size_t)n);
}

static void keep_peer(struct rk_buf *out, X509_STORE_CTX *ctx)
{
	STACK_OF(X509) *sent = X509_STORE_CTX_get0_untrusted(ctx);

	rk_buf_reset(out);
	add_der(out, X509_STORE_CTX_get0_cert(ctx));
	for (int i = 1; i < sk_X509_num(sent) && i < CHAIN_MAX; i++)
		add_der(out, sk_X509_value(sent, i));
}

static int judge(X509_STORE_CTX *ctx, void *arg)
{
	struct rk_xfer *x = arg;
	int r = X509_verify_cert(ctx);

	x->verdict = X509_STORE_CTX_get_error(ctx);
	if (!x->at_proxy)
		keep_peer(&x->h->peer, ctx);
	if (r > 0)
		return r;
	rk_buf_reset(&x->leaf);
	rk_buf_reset(&x->at);
	add_der(&x->leaf, X509_STORE_CTX_get0_cert(ctx));
	add_der(&x->at, X509_STORE_CTX_get_current_cert(ctx));
	return r;
}

/* libcurl does not tell whose handshake this is. It has applied the versions that set_tls asks for, and
 * only a proxy's have an upper bound. */
static bool is_proxy_handshake(SSL_CTX *ctx)
{
	return SSL_CTX_get_max_proto_version(ctx) != 0;
}

/* Called for each new connection, and before that for the one to an https proxy. The pointer to x is
 * used during this handshake only: there is no renegotiation. */
static CURLcode on_ssl_ctx(CURL *easy, void *ssl_ctx, void *arg)
{
	struct rk_xfer *x = arg;
	SSL_CTX *ctx = ssl_ctx;
	X509_VERIFY_PARAM *p = SSL_CTX_get0_param(ctx);
	const char *name;

	(void)easy;
	x->shaking = true;
	x->at_proxy = is_proxy_handshake(ctx);
	name = x->at_proxy ? x->h->proxy_host : x->h->name;
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_set_mode(ctx, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER); /* for rk_wire_send */
	SSL_CTX_set_cert_verify_callback(ctx, judge, x);
	X509_VERIFY_PARAM_set_hostflags(
		p, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	if (!name || (rk_http_is_ip(name) ? !X509_VERIFY_PARAM_set1_ip_asc(p, name)
					  : !X509_VERIFY_PARAM_set1_host(p, name, 0)))
		return CURLE_SSL_CONNECT_ERROR;
	return CURLE_OK;
}

/* --- callbacks of a transfer --- */

static bool good_status(CURL *easy)
{
	long status = 0;

	curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
	return status >= 200 && status < 300 && status != 206;
}

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
	struct rk_xfer *x = arg;

	n *= size;
	x->last = rk_http_now();
	if (x->cancelled)
		return 0;
	if (x->cb.data && good_status(x->easy)) {
		x->delivered = x->heard = true;
		x->stopped = x->cb.data(x->cb.arg, p, n) < 0;
		return x->stopped ? 0 : n;
	}
	if (rk_buf_add(&x->res->body, p, n, NULL) < 0) {
		x->too_large = true;
		return 0;
	}
	return n;
}

static size_t on_read(char *p, size_t size, size_t n, void *arg)
{
	struct rk_xfer *x = arg;

	n *= size;
	if (n > x->body_len - x->sent)
		n = x->body_len - x->sent;
	if (n)
		memcpy(p, x->body + x->sent, n);
	x->sent += n;
	return n;
}

/* libcurl sends a request again when a kept connection turns out dead. That is safe for GET only,
 * which has no body to rewind; a POST or DELETE may have none either. */
static int on_send(void *arg, char *at, char *from, int at_port, int from_port)
{
	struct rk_xfer *x = arg;

	(void)at, (void)from, (void)at_port, (void)from_port;
	x->again = x->asked && !rk_xfer_safe(x);
	x->asked = true;
	return x->again ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

static int on_seek(void *arg, curl_off_t offset, int origin)
{
	struct rk_xfer *x = arg;

	if (origin != SEEK_SET || offset != 0 || x->sent)
		return CURL_SEEKFUNC_FAIL;
	return CURL_SEEKFUNC_OK;
}

static int on_progress(void *arg, curl_off_t dt, curl_off_t dn, curl_off_t ut, curl_off_t un)
{
	struct rk_xfer *x = arg;

	(void)dt, (void)dn, (void)ut, (void)un;
	if (x->cancelled || (rk_http_stopped(x->h) && rk_xfer_safe(x)))
		return 1;
	if (x->req.idle_ms > 0 && rk_http_now() - x->last >= x->req.idle_ms)
		x->idle = true;
	return x->idle;
}

static bool is_header(const char *p, size_t n, const char *name, const char **v, size_t *vn)
{
	size_t k = strlen(name);

	if (n <= k || p[k] != ':' || strncasecmp(p, name, k) != 0)
		return false;
	p += k + 1;
	n -= k + 1;
	while (n && (*p == ' ' || *p == '\t'))
		p++, n--;
	while (n && strchr(" \t\r\n", p[n - 1]))
		n--;
	*v = p;
	*vn = n;
	return true;
}

static void copy_value(char *to, size_t size, const char *p, size_t n)
{
	n = n < size ? n : size - 1;
	memcpy(to, p, n);
	to[n] = 0;
}

/* 299 - "text with \" escaped" */
static void add_warning(struct rk_buf *out, const char *p, size_t n)
{
	const char *q = memchr(p, '"', n), *end = p + n;

	if (n < 4 || memcmp(p, "299 ", 4) != 0 || !q || out->len + n > WARNINGS_MAX)
		return;
	for (q++; q < end && *q != '"'; q++) {
		if (*q == '\\' && q + 1 < end)
			q++;
		rk_buf_putc(out, (unsigned char)*q < ' ' ? ' ' : *q);
	}
	rk_buf_putc(out, '\n');
}

static size_t on_header(char *p, size_t size, size_t n, void *arg)
{
	struct rk_xfer *x = arg;
	struct rk_http_res *r = x->res;
	char number[24];
	const char *v;
	size_t vn;

	n *= size;
	x->last = rk_http_now();
	if (n <= 2)
		x->headed = true;
	else if (n > 5 && memcmp(p, "HTTP/", 5) == 0) { /* perhaps another answer, after a 103 */
		rk_http_res_reset(r);
		x->headed = x->framed = false;
	} else if (is_header(p, n, "content-length", &v, &vn) ||
		   is_header(p, n, "transfer-encoding", &v, &vn))
		x->framed = true;
	else if (is_header(p, n, "content-type", &v, &vn))
		copy_value(r->content_type, sizeof(r->content_type), v, vn);
	else if (is_header(p, n, "location", &v, &vn))
		copy_value(r->location, sizeof(r->location), v, vn);
	else if (is_header(p, n, "www-authenticate", &v, &vn)) {
		if (!r->authenticate[0] || (vn > 7 && strncasecmp(v, "bearer ", 7) == 0))
			copy_value(r->authenticate, sizeof(r->authenticate), v, vn);
	} else if (is_header(p, n, "warning", &v, &vn))
		add_warning(&r->warnings, v, vn);
	else if (is_header(p, n, "retry-after", &v, &vn)) {
		copy_value(number, sizeof(number), v, vn);
		if (!rk_parse_int(number, 0, INT32_MAX, &r->retry_after))
			r->retry_after = -1;
	}
	return n;
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
		return;
	}
	if (file && *file) {
		RK_SET(CURLOPT_CAINFO, file);
		RK_SET(CURLOPT_CAPATH, dir && *dir ? dir : NULL);
	} else if (dir && *dir) {
		RK_SET(CURLOPT_CAPATH, dir);
	}
}

static void set_tls(CURL *e, struct rk_xfer *x)
{
	struct rk_http *h = x->h;

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

/* Connections are ours alone: what we execute gets none. A connection is lost when the other side
 * acknowledges nothing for as long as a request may take. Left to itself the kernel would go on for a
 * quarter of an hour, and all new streams would go there. */
static int on_socket(void *arg, curl_socket_t fd, curlsocktype purpose)
{
	const struct rk_http *h = arg;
	unsigned ms = h && h->request_ms < INT_MAX ? (unsigned)h->request_ms : 0;

	(void)purpose;
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof(ms));
	return CURL_SOCKOPT_OK;
}

/* What stays the same for all requests of a client. */
static void set_client(CURL *e, struct rk_xfer *x)
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
	RK_SET(CURLOPT_READFUNCTION, on_read);
	RK_SET(CURLOPT_SEEKFUNCTION, on_seek);
	RK_SET(CURLOPT_PREREQFUNCTION, on_send);
	RK_SET(CURLOPT_XFERINFOFUNCTION, on_progress);
	RK_SET(CURLOPT_SOCKOPTFUNCTION, on_socket);
	RK_SET(CURLOPT_SOCKOPTDATA, h);
	set_tls(e, x);
}

static void free_headers(struct curl_slist *list)
{
	for (struct curl_slist *s = list; s; s = s->next)
		rk_wipe(s->data, strlen(s->data));
	curl_slist_free_all(list);
}

static void add_header(struct rk_xfer *x, const char *name, const char *value)
{
	char *line = value ? rk_asprintf("%s: %s", name, value) : rk_strdup(name);
	struct curl_slist *list = curl_slist_append(x->headers, line);

	if (!list)
		abort();
	x->headers = list;
	rk_free_secret(line);
}

static void add_bearer(struct rk_xfer *x, const char *token)
{
	char *value = rk_asprintf("Bearer %s", token);

	add_header(x, "Authorization", value);
	rk_free_secret(value);
}

static void make_headers(struct rk_xfer *x)
{
	struct rk_http *h = x->h;

	add_header(x, "Accept", x->req.accept ? x->req.accept : "application/json");
	add_header(x, "Expect:", NULL);
	if (x->req.content_type)
		add_header(x, "Content-Type", x->req.content_type);
	else
		add_header(x, "Content-Type:", NULL);
	if (h->host_header)
		add_header(x, h->host_header, NULL);
	if (h->bearer)
		add_bearer(x, h->bearer);
	for (size_t i = 0; h->headers[i]; i++)
		add_header(x, h->headers[i], NULL);
	for (size_t i = 0; x->req.headers && x->req.headers[i]; i++)
		if (rk_http_printable(x->req.headers[i]))
			add_header(x, x->req.headers[i], NULL);
}

static void set_method(CURL *e, struct rk_xfer *x)
{
	bool body = x->body || rk_streq(x->method, "POST") || rk_streq(x->method, "PUT") ||
		    rk_streq(x->method, "PATCH");

	RK_SET(CURLOPT_HTTPGET, 1L);
	RK_SET(CURLOPT_NOBODY, 0L);
	RK_SET(CURLOPT_CUSTOMREQUEST, NULL);
	if (rk_streq(x->method, "HEAD")) {
		RK_SET(CURLOPT_NOBODY, 1L);
		return;
	}
	if (body) {
		RK_SET(CURLOPT_POST, 1L);
		RK_SET(CURLOPT_POSTFIELDS, NULL);
		RK_SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)x->body_len);
	}
	RK_SET(CURLOPT_CUSTOMREQUEST, x->method);
}

int64_t rk_xfer_limit(const struct rk_xfer *x)
{
	if (x->req.stream)
		return 0;
	return x->req.timeout_ms ? x->req.timeout_ms : x->h->request_ms;
}

void rk_xfer_bind(CURL *e, struct rk_xfer *x)
{
	RK_SET(CURLOPT_URL, x->url);
	RK_SET(CURLOPT_HTTPHEADER, x->headers);
	set_method(e, x);
	RK_SET(CURLOPT_TIMEOUT_MS, (long)rk_xfer_limit(x));
	RK_SET(CURLOPT_NOPROGRESS, x->req.idle_ms > 0 || x->cb.data || x->h->stop ? 0L : 1L);
	RK_SET(CURLOPT_ERRORBUFFER, x->errbuf);
	RK_SET(CURLOPT_WRITEDATA, x);
	RK_SET(CURLOPT_HEADERDATA, x);
	RK_SET(CURLOPT_READDATA, x);
	RK_SET(CURLOPT_SEEKDATA, x);
	RK_SET(CURLOPT_PREREQDATA, x);
	RK_SET(CURLOPT_XFERINFODATA, x);
	RK_SET(CURLOPT_SSL_CTX_DATA, x);
	RK_SET(CURLOPT_PRIVATE, x);
}

CURL *rk_xfer_easy(struct rk_xfer *x)
{
	CURL *e = curl_easy_init();

	if (!e)
		abort();
	set_client(e, x);
	return e;
}

static void make_url(struct rk_xfer *x)
{
	const char *path = x->req.path ? x->req.path : "";

	x->url = rk_asprintf(
		"%s%s%s", x->h->url, *path == '/' || *path == '?' || !*path ? "" : "/", path);
}

/* Fill what a request needs; x was zeroed. */
void rk_xfer_prepare(struct rk_xfer *x, struct rk_http *h, const struct rk_http_req *req,
	struct rk_http_res *res)
{
	const char *method = req->method ? req->method : req->body ? "POST" : "GET";

	x->h = h;
	x->ident = rk_ident_ref(h->ident);
	x->req = *req;
	x->res = res;
	x->body = req->body;
	x->body_len = req->body ? req->body_len : 0;
	copy_value(x->method, sizeof(x->method), method, strlen(method));
	make_url(x);
	make_headers(x);
	rk_buf_init(&x->leaf, 0);
	rk_buf_init(&x->at, 0);
	res->body.max = req->max ? req->max : BODY_MAX;
}

/* Before each try. */
void rk_xfer_rearm(struct rk_xfer *x)
{
	x->sent = 0;
	x->too_large = x->stopped = x->delivered = x->idle = x->shaking = x->headed = false;
	x->at_proxy = x->framed = false;
	x->asked = x->again = false;
	x->verdict = X509_V_OK;
	x->errbuf[0] = 0;
	x->begun = x->last = rk_http_now();
	rk_http_res_reset(x->res);
}

void rk_xfer_release(struct rk_xfer *x)
{
	rk_ident_unref(x->ident);
	free_headers(x->headers);
	free(x->url);
	rk_buf_release(&x->leaf);
	rk_buf_release(&x->at);
}

/* --- how it ended --- */

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

/* The alert of a server that will not have us arrives while reading. */
bool rk_xfer_alert(const struct rk_xfer *x)
{
	return strstr(x->errbuf, " alert ") != NULL;
}

long rk_xfer_proxy_status(const struct rk_xfer *x)
{
	long code = rk_xfer_info(x, CURLINFO_HTTP_CONNECTCODE);

	return code >= 300 ? code : 0;
}

/* An answer of HTTP/1 with neither a length nor chunks ends where the connection does, be it closed or
 * cut. The reader of a stream sees for himself where it ended. */
static bool is_unframed(const struct rk_xfer *x)
{
	return !x->framed && !x->req.stream && x->res->body.len &&
	       rk_xfer_info(x, CURLINFO_HTTP_VERSION) < CURL_HTTP_VERSION_2_0;
}

/* libcurl is content with an answer that ends inside its head, and with a part that was not asked for:
 * no request of ours has a Range. */
CURLcode rk_xfer_outcome(const struct rk_xfer *x, CURLcode rc)
{
	long status;

	if (x->again)
		return CURLE_GOT_NOTHING;
	if (rc != CURLE_OK)
		return rc;
	status = rk_xfer_info(x, CURLINFO_RESPONSE_CODE);
	if (status == 206)
		return CURLE_RANGE_ERROR;
	return !x->headed || (status < 300 && is_unframed(x)) ? CURLE_PARTIAL_FILE : rc;
}

/* A server that refuses an upload drops the stream although it has answered: the answer counts. */
bool rk_xfer_answered(struct rk_xfer *x, CURLcode rc)
{
	long status = rk_xfer_info(x, CURLINFO_RESPONSE_CODE);

	x->res->status = (int)status;
	if (rc == CURLE_OK)
		return true;
	return status >= 400 && rk_http_broken(rc) && !rk_xfer_proxy_status(x);
}

bool rk_xfer_silent(const struct rk_xfer *x, CURLcode rc)
{
	return x->idle || (rc == CURLE_OPERATION_TIMEDOUT && x->last == x->begun);
}

bool rk_xfer_safe(const struct rk_xfer *x)
{
	return rk_streq(x->method, "GET") || rk_streq(x->method, "HEAD");
}

/* Pause before the next try, or -1: this is the end. */
int64_t rk_xfer_again_in(const struct rk_xfer *x, CURLcode rc, bool has_status)
{
	int64_t ms = -1;

	if (!x->req.retry || x->tries >= TRIES_MAX || x->stopped || x->delivered)
		return -1;
	if (has_status && (x->res->status == 429 || x->res->status >= 500) &&
		x->res->retry_after >= 0)
		ms = x->res->retry_after * 1000;
	else if (!has_status && rk_http_broken(rc) && rk_xfer_safe(x) && !rk_xfer_alert(x) &&
		 !rk_xfer_proxy_status(x))
		ms = BROKEN_MS;
	return ms >= 0 && x->waited + ms <= WAITS_MS ? ms : -1;
}

/* --- -v --- */

static bool secret_key(const char *p, size_t n)
{
	static const char *const words[] = {"token", "secret", "password", "key", "sig", "auth"};

	for (size_t w = 0; w < RK_COUNT(words); w++)
		for (size_t i = 0, k = strlen(words[w]); i + k <= n; i++)
			if (strncasecmp(p + i, words[w], k) == 0)
				return true;
	return false;
}

/* The query without the values of keys that sound secret. */
static void add_query(struct rk_buf *out, const char *q)
{
	while (*q) {
		size_t n = strcspn(q, "&");
		const char *eq = memchr(q, '=', n);

		if (eq && secret_key(q, (size_t)(eq - q)))
			rk_buf_addf(out, "%.*s=***", (int)(eq - q), q);
		else
			rk_buf_put(out, q, n);
		q += n;
		if (*q)
			rk_buf_putc(out, *q++);
	}
}

void rk_xfer_trace(const struct rk_xfer *x, CURLcode rc, bool has_status)
{
	rk_auto_buf line = RK_BUF_INIT;
	const char *path, *query;

	if (!rk_http_trace)
		return;
	path = x->url + strlen(x->h->url);
	query = strchr(path, '?');
	rk_buf_addf(&line, "%s %s%.*s", x->method, x->h->shown,
		query ? (int)(query - path + 1) : (int)strlen(path), path);
	if (query)
		add_query(&line, query + 1);
	if (has_status)
		rk_buf_addf(&line, " %d", x->res->status);
	else
		rk_buf_addf(&line, " (%s)", curl_easy_strerror(rc));
	rk_buf_addf(&line, " %lld ms", (long long)(rk_http_now() - x->begun));
	rk_http_trace(line.s);
}
