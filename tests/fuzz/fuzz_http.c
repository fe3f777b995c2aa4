// SPDX-License-Identifier: Apache-2.0
/* Any answers of HTTP servers, one after the other: heads, bodies, challenges, indexes, refusals.
 * What is kept of them has bounds; credentials and CA go to the hosts they are for, and to no
 * other; no token is quoted, and no password that the answer does not hold itself. What libcurl
 * would do on the wire is done here. */
#include "settings/settings.h"
#include "http/internal.h"
#include "kube/internal.h"
#include "rancher/rancher.h"
#include "must.h"

#include <poll.h>
#include <stdarg.h>
#include <strings.h>
#include <sys/syscall.h>

#define PASSWORD "pw-7f3a-never"
#define BEARER	 "token-q7:s3cret"
#define BETWEEN	 '\x1e' /* two answers */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* --- libcurl --- */

struct easy {
	char *url;
	bool password, ca, head;
	struct curl_slist *headers, *got; /* sent; those of the answer */
	curl_write_callback on_header, on_body;
	void *header_arg, *body_arg, *private;
	long status;
	struct curl_header found;
};

/* One transfer at a time is driven. */
struct multi {
	CURL *easy;
	CURLMsg msg;
	bool ran, read;
};

/* What the servers still have to say, and whom the secrets are for. */
static struct {
	const char *p;
	size_t n;
	const char *owner, *friend;
} net;

CURL *curl_easy_init(void)
{
	return rk_calloc(1, sizeof(struct easy));
}

void curl_easy_cleanup(CURL *curl)
{
	struct easy *e = (struct easy *)curl;

	if (e) {
		free(e->url);
		curl_slist_free_all(e->got);
	}
	free(e);
}

#undef curl_easy_setopt
CURLcode curl_easy_setopt(CURL *curl, CURLoption option, ...)
{
	struct easy *e = (struct easy *)curl;
	va_list ap;

	va_start(ap, option);
	if (option == CURLOPT_URL) {
		free(e->url);
		e->url = rk_strdup(va_arg(ap, char *));
	} else if (option == CURLOPT_PASSWORD) {
		e->password = *va_arg(ap, char *);
	} else if (option == CURLOPT_CAINFO_BLOB) {
		e->ca = true;
	} else if (option == CURLOPT_NOBODY) {
		e->head = va_arg(ap, long);
	} else if (option == CURLOPT_HTTPHEADER) {
		e->headers = va_arg(ap, struct curl_slist *);
	} else if (option == CURLOPT_HEADERFUNCTION) {
		e->on_header = va_arg(ap, curl_write_callback);
	} else if (option == CURLOPT_WRITEFUNCTION) {
		e->on_body = va_arg(ap, curl_write_callback);
	} else if (option == CURLOPT_HEADERDATA) {
		e->header_arg = va_arg(ap, void *);
	} else if (option == CURLOPT_WRITEDATA) {
		e->body_arg = va_arg(ap, void *);
	} else if (option == CURLOPT_PRIVATE) {
		e->private = va_arg(ap, void *);
	}
	va_end(ap);
	return CURLE_OK;
}

#undef curl_easy_getinfo
CURLcode curl_easy_getinfo(CURL *curl, CURLINFO info, ...)
{
	const struct easy *e = (const struct easy *)curl;
	va_list ap;

	va_start(ap, info);
	if (info == CURLINFO_RESPONSE_CODE)
		*va_arg(ap, long *) = e->status;
	if (info == CURLINFO_PRIVATE)
		*va_arg(ap, void **) = e->private;
	va_end(ap);
	return CURLE_OK;
}

CURLHcode curl_easy_header(CURL *curl, const char *name, size_t index, unsigned int origin,
	int request, struct curl_header **out)
{
	struct easy *e = (struct easy *)curl;
	size_t n = strlen(name);

	(void)origin, (void)request;
	for (struct curl_slist *l = e->got; l; l = l->next) {
		if (strncasecmp(l->data, name, n) != 0 || l->data[n] != ':' || index--)
			continue;
		e->found.value = l->data + n + 1 + strspn(l->data + n + 1, " \t");
		*out = &e->found;
		return CURLHE_OK;
	}
	return CURLHE_MISSING;
}

/* --- time: a pause that a server requests passes at once --- */

static int64_t now_ms = 1000;

int clock_gettime(clockid_t clock, struct timespec *t)
{
	if (clock != CLOCK_MONOTONIC)
		return (int)syscall(SYS_clock_gettime, clock, t);
	*t = (struct timespec){.tv_sec = now_ms / 1000, .tv_nsec = now_ms % 1000 * 1000000};
	return 0;
}

int poll(struct pollfd *fds, nfds_t n, int ms)
{
	(void)fds, (void)n;
	MUST(ms >= 0 && ms <= 60000);
	now_ms += ms;
	return 0;
}

static bool is_host(const struct easy *e, const char *host)
{
	size_t n = host ? strlen(host) : 0;

	return host && rk_prefix(e->url, "https://") && !strncasecmp(e->url + 8, host, n) &&
	       strchr("/?", e->url[8 + n]);
}

/* Who is asked, and with what. */
static void audit(const struct easy *e)
{
	bool owner = is_host(e, net.owner), friend = is_host(e, net.friend);

	MUST(rk_prefix(e->url, "https://"));
	MUST(!(e->password || e->ca) || owner || friend);
	for (const struct curl_slist *l = e->headers; l; l = l->next) {
		MUST(!strpbrk(l->data, "\r\n"));
		MUST(!rk_prefix(l->data, "Authorization:") || owner);
	}
}

static CURLcode say_body(struct easy *e, char *p, size_t n)
{
	while (n && !e->head) {
		size_t part = n < 1000 ? n : 1000;

		if (e->on_body(p, 1, part, e->body_arg) != part)
			return CURLE_WRITE_ERROR;
		p += part;
		n -= part;
	}
	return CURLE_OK;
}

/* As libcurl does: without the end of the line and blanks before it, none of an earlier head. */
static void keep_header(struct easy *e, const char *p, size_t n)
{
	rk_auto_free char *line = rk_strndup(p, n);

	if (rk_prefix(line, "HTTP/1.1 ")) {
		curl_slist_free_all(e->got);
		e->got = NULL;
	}
	for (n = strlen(line); n && strchr("\r\n \t", line[n - 1]); n--)
		line[n - 1] = '\0';
	e->got = curl_slist_append(e->got, line);
}

/* A head line by line with its empty line, then the body; an answer may be cut off anywhere. */
static CURLcode say(struct easy *e, char *p, size_t n)
{
	while (n) {
		char *nl = memchr(p, '\n', n);
		size_t len = nl ? (size_t)(nl - p) + 1 : n;
		bool empty = len == 1 || (len == 2 && *p == '\r');
		int64_t status;
		char number[4] = "";

		if (len > 12 && !memcmp(p, "HTTP/1.1 ", 9)) {
			memcpy(number, p + 9, 3);
			if (!rk_parse_int(number, 100, 999, &status))
				return CURLE_UNSUPPORTED_PROTOCOL;
			e->status = (long)status;
		}
		if (!e->status)
			return CURLE_UNSUPPORTED_PROTOCOL;
		keep_header(e, p, len);
		if (e->on_header(p, 1, len, e->header_arg) != len)
			return CURLE_WRITE_ERROR;
		p += len;
		n -= len;
		if (empty && e->status >= 200)
			return say_body(e, p, n);
	}
	return CURLE_OK;
}

static CURLcode perform(CURL *curl)
{
	struct easy *e = (struct easy *)curl;
	const char *end = net.n ? memchr(net.p, BETWEEN, net.n) : NULL;
	size_t n = end ? (size_t)(end - net.p) : net.n;
	rk_auto_buf text = RK_BUF_INIT;

	audit(e);
	e->status = 0;
	rk_buf_put(&text, net.p, n);
	n += end != NULL;
	net.p += n;
	net.n -= n;
	return text.len ? say(e, text.s, text.len) : CURLE_GOT_NOTHING;
}

CURLM *curl_multi_init(void)
{
	return rk_calloc(1, sizeof(struct multi));
}

CURLMcode curl_multi_cleanup(CURLM *m)
{
	free(m);
	return CURLM_OK;
}

CURLMcode curl_multi_add_handle(CURLM *multi, CURL *easy)
{
	*(struct multi *)multi = (struct multi){.easy = easy};
	return CURLM_OK;
}

CURLMcode curl_multi_remove_handle(CURLM *multi, CURL *easy)
{
	(void)easy;
	*(struct multi *)multi = (struct multi){0};
	return CURLM_OK;
}

CURLMcode curl_multi_socket_action(CURLM *multi, curl_socket_t fd, int events, int *running)
{
	struct multi *m = (struct multi *)multi;

	(void)fd, (void)events;
	*running = 0;
	if (m->easy && !m->ran) {
		m->ran = true;
		m->msg = (CURLMsg){.msg = CURLMSG_DONE, .easy_handle = m->easy};
		m->msg.data.result = perform(m->easy);
	}
	return CURLM_OK;
}

CURLMsg *curl_multi_info_read(CURLM *multi, int *left)
{
	struct multi *m = (struct multi *)multi;

	*left = 0;
	if (!m->ran || m->read)
		return NULL;
	m->read = true;
	return &m->msg;
}

CURLMcode curl_multi_timeout(CURLM *multi, long *ms)
{
	const struct multi *m = (struct multi *)multi;

	*ms = m->easy && !m->ran ? 0 : -1;
	return CURLM_OK;
}

/* --- an API's answer --- */

static void no_secret(const struct rk_err *err)
{
	MUST(err->msg[0] && err->code);
	MUST(!strstr(err->msg, BEARER) && !strstr(err->hint, BEARER));
}

static void kept(const struct rk_http_res *res)
{
	MUST(strnlen(res->content_type, sizeof(res->content_type)) < sizeof(res->content_type));
	MUST(strnlen(res->location, sizeof(res->location)) < sizeof(res->location));
	MUST(strnlen(res->authenticate, sizeof(res->authenticate)) < sizeof(res->authenticate));
	MUST(res->retry_after >= -1 && res->warnings.len < 32768 && res->body.len <= 100000);
	for (const char *w = res->warnings.s; *w; w++)
		MUST((unsigned char)*w >= ' ' || *w == '\n');
}

static void token(const struct rk_http_res *res)
{
	rk_auto_doc *d = rk_doc_new(true);
	struct rk_rancher_token t;
	struct rk_err err = RK_ERR_INIT;
	struct rk_val *v;

	if (rk_json_parse(d, res->body.s, res->body.len, &v, NULL) < 0)
		return;
	if (rk_rancher_token_parse(d, v, &t, &err) == 0)
		MUST(t.name && *t.name && t.description && t.expires >= RK_RANCHER_UNKNOWN);
	else
		MUST(err.msg[0]);
}

static void api(bool secret)
{
	static const char *const hide[] = {BEARER, NULL};
	struct rk_http_conf conf = {.base = "https://k.example", .bearer = BEARER};
	struct rk_http_req req = {.path = "/x", .max = 100000, .retry = true};
	struct rk_kube_about a = {.what = "pod/x", .api_version = "k3k.io/v1", .secret = secret};
	rk_auto_http_res res = RK_HTTP_RES_INIT;
	struct rk_err err = RK_ERR_INIT;
	rk_auto_http *h = NULL;

	net.owner = "k.example";
	MUST(rk_http_new(&h, &conf, NULL) == 0);
	if (rk_http_do(h, &req, &res, &err) < 0) {
		no_secret(&err);
		return;
	}
	kept(&res);
	token(&res);
	rk_rancher_error(&res, "ask", hide, &err);
	no_secret(&err);
	MUST(rk_kube_status(&a, &res, &err) == -1 && err.msg[0] && err.code);
}

/* --- chart repositories and registries --- */

static bool trusts(const void *arg, const char *host)
{
	(void)arg;
	return rk_streq(host, net.friend);
}

static void repo(int how)
{
	struct rk_repo_access a = {.ca = "pem", .ca_len = 3, .trusts = trusts};
	bool echo = memmem(net.p, net.n, PASSWORD, strlen(PASSWORD));
	struct rk_err err = RK_ERR_INIT;
	rk_auto_registry *r = NULL;
	int rc;

	net.owner = "r.example";
	net.friend = "t.example";
	if (how & 1) {
		a.user = "u";
		a.password = PASSWORD;
	}
	if (how & 2) {
		rc = rk_repo_has_chart("https://r.example/x", "rancher", "v1.0", &a, &err);
	} else {
		r = rk_registry_new("r.example", &a);
		rc = rk_registry_ask(r, NULL, NULL, &err);
		if (rc == 0)
			rc = rk_registry_ask(r, "a/b", "1.0", &err);
		if (rc == 0)
			rc = rk_registry_ask(r, "a/c", NULL, &err);
	}
	MUST(rc == 0 || (err.msg[0] && err.code));
	MUST(echo || (!strstr(err.msg, PASSWORD) && !strstr(err.hint, PASSWORD)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	net.p = (const char *)data + 1;
	net.n = size - 1;
	net.owner = net.friend = NULL;
	if (data[0] & 4)
		repo(data[0]);
	else
		api(data[0] & 1);
	return 0;
}
