// SPDX-License-Identifier: Apache-2.0
/* One struct rk_xfer is one request with its repeats, done at once (rk_http_do) or in a pool.
 *
 * The server's certificate is judged by our own callback inside the handshake: names in the SANs
 * only, before the client certificate is shown to anyone, and with what is needed to say
 * precisely what was wrong. libcurl checks the name once more. */
#include "http.h"
#include "cert.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <strings.h>

#define CONNECT_MS  10000
#define REQUEST_MS  30000
#define BODY_MAX    ((size_t)64 << 20)
#define TRIES_MAX   10	  /* repeats, as client-go */
#define WAITS_MS    60000 /* sum of the pauses between them */
#define BROKEN_MS   1000  /* pause after a broken connection */
#define CHAIN_MAX   16
#define WARNINGS_MAX ((size_t)16 << 10)

void (*rk_http_trace)(const char *line);

extern const char rk_version[] __attribute__((weak));

/* Client certificate and key. Running transfers share them, rk_http_set_cert replaces them. */
struct ident {
	int refs;
	struct rk_buf cert, key;
};

struct rk_http {
	char *shown;		/* conf.base without trailing slash, for messages */
	char *url;		/* the same for libcurl: with the name to verify as host */
	char *host;		/* real host without brackets */
	char *name;		/* name verified */
	char *host_header;	/* "Host: …" or NULL */
	struct curl_slist *connect_to, *resolve;
	char *proxy;		/* "" for none */
	char *proxy_shown;	/* without credentials; NULL for none */
	struct rk_buf ca;	/* len 0: the system's roots */
	struct ident *ident;	/* or NULL */
	char *bearer;		/* secret */
	char *user, *password;	/* secret */
	char *agent;
	char **headers;		/* NULL-terminated, secret */
	int64_t connect_ms, request_ms;
	bool plain;		/* http:// to loopback */
	CURL *easy;		/* of rk_http_do, kept for its connections */
	struct rk_buf peer;	/* DER of what the server showed last */
};

enum state { X_NEW, X_RUNNING, X_WAITING, X_ENDED };

struct rk_xfer {
	struct rk_http *h;
	CURL *easy;
	struct ident *ident;
	struct curl_slist *headers; /* secret */
	char *url;
	char method[16];
	struct rk_http_req req;	 /* strings of it are not to be used after configure() */
	struct rk_buf own_body;	 /* of a pool's transfer */
	const char *body;
	size_t body_len, sent;
	struct rk_http_res *res, own_res;
	struct rk_xfer_cb cb;
	bool too_large, stopped, delivered, idle, cancelled;
	bool shaking, headed;	 /* the TLS handshake began; the head of the answer is complete */
	int tries;
	int64_t waited, wake;	 /* pauses so far; when to start again */
	int64_t begun, last;	 /* of this try; last byte seen */
	/* what the handshake saw */
	int verdict;		 /* X509_V_… */
	struct rk_buf leaf, at;	 /* DER of a leaf refused and of the certificate that is at fault */
	char errbuf[CURL_ERROR_SIZE];
	/* pool */
	struct rk_pool *pool;
	struct rk_xfer *next, *prev;
	enum state state;
};

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* --- a client --- */

static bool printable(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			return false;
	return true;
}

static char *secret_dup(const char *s)
{
	return s ? rk_strdup(s) : NULL;
}

static struct ident *ident_new(const char *cert, size_t cert_len, const char *key, size_t key_len)
{
	struct ident *id;

	if (!cert || !cert_len)
		return NULL;
	id = rk_calloc(1, sizeof(*id));
	id->refs = 1;
	id->cert = (struct rk_buf)RK_BUF_INIT;
	id->key = (struct rk_buf)RK_BUF_INIT_SECRET;
	rk_buf_put(&id->cert, cert, cert_len);
	if (key)
		rk_buf_put(&id->key, key, key_len);
	return id;
}

static struct ident *ident_ref(struct ident *id)
{
	if (id)
		id->refs++;
	return id;
}

static void ident_unref(struct ident *id)
{
	if (!id || --id->refs)
		return;
	rk_buf_release(&id->cert);
	rk_buf_release(&id->key);
	free(id);
}

static bool is_loopback(const char *host)
{
	unsigned char a[16];

	if (strcasecmp(host, "localhost") == 0)
		return true;
	if (inet_pton(AF_INET, host, a) == 1)
		return a[0] == 127;
	return inet_pton(AF_INET6, host, a) == 1 && memcmp(a, &in6addr_loopback, 16) == 0;
}

static bool is_ip(const char *s)
{
	unsigned char a[16];

	return inet_pton(AF_INET, s, a) == 1 || inet_pton(AF_INET6, s, a) == 1;
}

/* --- proxies from the environment, as Go's net/http reads it --- */

static const char *env_any(const char *a, const char *b)
{
	const char *v = getenv(a);

	return v && *v ? v : getenv(b);
}

static bool in_network(const char *host, const char *cidr, size_t n)
{
	unsigned char net[16], addr[16];
	char text[64], *slash;
	int family, bits = 0;
	int64_t len;

	if (n >= sizeof(text))
		return false;
	memcpy(text, cidr, n);
	text[n] = 0;
	slash = strchr(text, '/');
	if (!slash)
		return false;
	*slash = 0;
	family = strchr(text, ':') ? AF_INET6 : AF_INET;
	if (inet_pton(family, text, net) != 1 || inet_pton(family, host, addr) != 1 ||
		!rk_parse_int(slash + 1, 0, family == AF_INET ? 32 : 128, &len))
		return false;
	for (; bits + 8 <= len; bits += 8)
		if (net[bits / 8] != addr[bits / 8])
			return false;
	return bits == len || (net[bits / 8] ^ addr[bits / 8]) >> (8 - (len - bits)) == 0;
}

/* One entry of NO_PROXY: *, address, network, name (and all below it), .name (below it only),
 * each with an optional :port. */
static bool exempt(const char *host, const char *port, const char *e, size_t n)
{
	const char *colon = memchr(e, ':', n);
	size_t h = strlen(host);

	if (n == 1 && *e == '*')
		return true;
	if (in_network(host, e, n))
		return true;
	if (n > 1 && *e == '[' && (colon = memchr(e, ']', n))) { /* [v6] or [v6]:port */
		e++;
		n--;
		colon = colon + 1 < e + n && colon[1] == ':' ? colon : NULL;
		if (!colon)
			n--;
	} else if (colon && memchr(colon + 1, ':', n - (size_t)(colon + 1 - e))) {
		colon = NULL; /* a bare IPv6 address */
	}
	if (colon) {
		const char *p = *colon == ']' ? colon + 2 : colon + 1;
		size_t pn = (size_t)(e + n - p);

		if (pn != strlen(port) || memcmp(p, port, pn) != 0)
			return false;
		n = (size_t)(colon - e);
	}
	if (n > 1 && e[0] == '*' && e[1] == '.') {
		e++;
		n--;
	}
	if (!n)
		return false;
	if (*e != '.' && h == n && strncasecmp(host, e, n) == 0)
		return true;
	if (is_ip(host))
		return false;
	if (*e == '.')
		return h > n && strncasecmp(host + h - n, e, n) == 0;
	return h > n + 1 && host[h - n - 1] == '.' && strncasecmp(host + h - n, e, n) == 0;
}

static bool no_proxy(const char *host, const char *port)
{
	const char *p = env_any("NO_PROXY", "no_proxy");

	while (p && *p) {
		size_t n;

		p += strspn(p, ", \t");
		n = strcspn(p, ", \t");
		if (n && exempt(host, port, p, n))
			return true;
		p += n;
	}
	return false;
}

static const char *env_proxy(const char *scheme, const char *host, const char *port)
{
	const char *p = rk_streq(scheme, "https") ? env_any("HTTPS_PROXY", "https_proxy") :
						    env_any("HTTP_PROXY", "http_proxy");

	if (!p || !*p || is_loopback(host) || no_proxy(host, port))
		return NULL;
	return p;
}

/* Go's socks5 lets the proxy look names up, which libcurl calls socks5h. */
static int set_proxy(struct rk_http *h, const char *proxy, struct rk_err *err)
{
	const char *at, *rest;
	size_t n;

	if (!proxy) {
		h->proxy = rk_strdup("");
		return 0;
	}
	rest = strstr(proxy, "://");
	n = rest ? (size_t)(rest - proxy) : 0;
	rest = rest ? rest + 3 : proxy;
	at = strrchr(rest, '@');
	h->proxy_shown = rk_asprintf("%.*s://%s", rest == proxy ? 4 : (int)n,
		rest == proxy ? "http" : proxy, at ? at + 1 : rest);
	if (rest == proxy)
		h->proxy = rk_asprintf("http://%s", proxy);
	else if (n == 6 && strncasecmp(proxy, "socks5", n) == 0)
		h->proxy = rk_asprintf("socks5h://%s", rest);
	else if ((n == 4 && strncasecmp(proxy, "http", n) == 0) ||
		(n == 5 && strncasecmp(proxy, "https", n) == 0) ||
		(n == 7 && strncasecmp(proxy, "socks5h", n) == 0))
		h->proxy = rk_strdup(proxy);
	else
		return rk_err_set(err, RK_USAGE, "the proxy %s is neither http, https nor socks5",
			h->proxy_shown);
	return 0;
}

/* --- the address --- */

struct url {
	CURLU *u;
	char *scheme, *host, *port, *path;
};

static void url_release(struct url *u)
{
	curl_free(u->scheme);
	curl_free(u->host);
	curl_free(u->port);
	curl_free(u->path);
	curl_url_cleanup(u->u);
}

static bool url_has(CURLU *u, CURLUPart part)
{
	char *s = NULL;
	bool has = curl_url_get(u, part, &s, 0) == CURLUE_OK;

	curl_free(s);
	return has;
}

static int url_parse(struct url *u, const char *base, struct rk_err *err)
{
	CURLUcode r;

	u->u = curl_url();
	if (!u->u)
		abort();
	r = base && printable(base) ? curl_url_set(u->u, CURLUPART_URL, base, CURLU_NON_SUPPORT_SCHEME) :
				      CURLUE_MALFORMED_INPUT;
	if (r != CURLUE_OK || curl_url_get(u->u, CURLUPART_SCHEME, &u->scheme, 0) != CURLUE_OK ||
		curl_url_get(u->u, CURLUPART_HOST, &u->host, 0) != CURLUE_OK ||
		curl_url_get(u->u, CURLUPART_PATH, &u->path, 0) != CURLUE_OK)
		return rk_err_set(err, RK_USAGE, "%.200s is not an address like https://host:6443%s%s",
			base ? base : "nothing", r == CURLUE_OK ? "" : ": ",
			r == CURLUE_OK ? "" : curl_url_strerror(r));
	if (!rk_streq(u->scheme, "https") && !rk_streq(u->scheme, "http"))
		return rk_err_set(err, RK_USAGE, "%.200s is not an https address", base);
	if (url_has(u->u, CURLUPART_USER) || url_has(u->u, CURLUPART_PASSWORD))
		return rk_err_set(err, RK_USAGE, "the address of %s holds a user name or password", u->host);
	if (url_has(u->u, CURLUPART_QUERY) || url_has(u->u, CURLUPART_FRAGMENT))
		return rk_err_set(err, RK_USAGE, "%.200s holds a query or a fragment", base);
	curl_url_get(u->u, CURLUPART_PORT, &u->port, CURLU_DEFAULT_PORT);
	return 0;
}

static char *unbracket(const char *host)
{
	size_t n = strlen(host);

	return *host == '[' && n > 2 ? rk_strndup(host + 1, n - 2) : rk_strdup(host);
}

static bool name_ok(const char *s)
{
	return *s && strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:") ==
		strlen(s);
}

static void set_urls(struct rk_http *h, const struct url *u, const char *name)
{
	size_t path = strlen(u->path);
	const char *port = rk_streq(u->port, rk_streq(u->scheme, "https") ? "443" : "80") ? "" : u->port;
	const char *colon = *port ? ":" : "";
	bool v6 = name && strchr(name, ':');
	char *to;

	while (path && u->path[path - 1] == '/')
		path--;
	h->shown = rk_asprintf("%s://%s%s%s%.*s", u->scheme, u->host, colon, port, (int)path, u->path);
	h->host = unbracket(u->host);
	h->name = rk_strdup(name ? name : h->host);
	if (!name) {
		h->url = rk_strdup(h->shown);
		return;
	}
	h->url = rk_asprintf("%s://%s%s%s%s%s%.*s", u->scheme, v6 ? "[" : "", name, v6 ? "]" : "",
		colon, port, (int)path, u->path);
	h->host_header = rk_asprintf("Host: %s%s%s", u->host, colon, port);
	to = rk_asprintf("::%s:%s", u->host, u->port);
	h->connect_to = curl_slist_append(NULL, to);
	free(to);
}

static int set_server(struct rk_http *h, const struct rk_http_conf *c, struct rk_err *err)
{
	__attribute__((cleanup(url_release))) struct url u = {0};
	const char *name = c->tls_server_name && *c->tls_server_name ? c->tls_server_name : NULL;

	if (url_parse(&u, c->base, err) < 0)
		return -1;
	if (name && !name_ok(name))
		return rk_err_set(err, RK_USAGE, "tls-server-name %.100s is not a host name", name);
	if (name && rk_streq(name, u.host))
		name = NULL;
	set_urls(h, &u, rk_streq(u.scheme, "https") ? name : NULL);
	h->plain = rk_streq(u.scheme, "http");
	if (h->plain && !(c->allow_http && is_loopback(h->host))) {
		rk_err_set(err, RK_CONFLICT, "%s is not encrypted: refused", h->shown);
		return rk_err_hint(err, "use the https:// address");
	}
	return set_proxy(h, c->proxy && *c->proxy ? c->proxy : env_proxy(u.scheme, h->host, u.port), err);
}

static const char *arch(void)
{
#if defined(__x86_64__)
	return "amd64";
#elif defined(__aarch64__)
	return "arm64";
#elif defined(__riscv)
	return "riscv64";
#elif defined(__s390x__)
	return "s390x";
#elif defined(__powerpc64__)
	return "ppc64le";
#else
	return "unknown";
#endif
}

static int set_headers(struct rk_http *h, const char *const *headers, struct rk_err *err)
{
	size_t n = 0;

	while (headers && headers[n])
		n++;
	h->headers = rk_calloc(n + 1, sizeof(*h->headers));
	for (size_t i = 0; i < n; i++) {
		if (!strchr(headers[i], ':') || !printable(headers[i]))
			return rk_err_set(err, RK_USAGE, "header %zu is not of the form Name: value", i + 1);
		h->headers[i] = rk_strdup(headers[i]);
	}
	return 0;
}

static int set_all(struct rk_http *h, const struct rk_http_conf *c, struct rk_err *err)
{
	if (set_server(h, c, err) < 0 || set_headers(h, c->headers, err) < 0)
		return -1;
	if (c->bearer && !printable(c->bearer))
		return rk_err_set(err, RK_USAGE, "the token holds a line break or another control character");
	if ((c->user && !printable(c->user)) || (c->password && !printable(c->password)))
		return rk_err_set(err, RK_USAGE, "user name or password hold a control character");
	if (c->user_agent && !printable(c->user_agent))
		return rk_err_set(err, RK_USAGE, "the user agent holds a control character");
	if (c->ca)
		rk_buf_put(&h->ca, c->ca, c->ca_len);
	if (c->ca && !h->ca.len)
		return rk_err_set(err, RK_FAIL, "%s: the CA is empty", h->shown);
	h->ident = ident_new(c->cert, c->cert_len, c->key, c->key_len);
	h->bearer = secret_dup(c->bearer);
	h->user = secret_dup(c->user);
	h->password = secret_dup(c->password);
	h->agent = c->user_agent ? rk_strdup(c->user_agent) :
				   rk_asprintf("rk3k/%s (linux/%s)", rk_version ? rk_version : "0",
					   arch());
	h->resolve = c->resolve ? curl_slist_append(NULL, c->resolve) : NULL;
	h->connect_ms = c->connect_ms > 0 ? c->connect_ms : CONNECT_MS;
	h->request_ms = c->request_ms > 0 ? c->request_ms : REQUEST_MS;
	return 0;
}

int rk_http_new(struct rk_http **out, const struct rk_http_conf *conf, struct rk_err *err)
{
	rk_auto_http *h = rk_calloc(1, sizeof(*h));

	*out = NULL;
	rk_buf_init(&h->ca, 0);
	rk_buf_init(&h->peer, 0);
	if (set_all(h, conf, err) < 0)
		return -1;
	*out = rk_steal(&h);
	return 0;
}

void rk_http_free(struct rk_http *h)
{
	if (!h)
		return;
	curl_easy_cleanup(h->easy);
	curl_slist_free_all(h->connect_to);
	curl_slist_free_all(h->resolve);
	rk_buf_release(&h->ca);
	rk_buf_release(&h->peer);
	ident_unref(h->ident);
	rk_free_secret(h->bearer);
	rk_free_secret(h->user);
	rk_free_secret(h->password);
	rk_free_secret(h->proxy);
	for (size_t i = 0; h->headers && h->headers[i]; i++)
		rk_free_secret(h->headers[i]);
	free(h->headers);
	free(h->proxy_shown);
	free(h->shown);
	free(h->url);
	free(h->host);
	free(h->name);
	free(h->host_header);
	free(h->agent);
	free(h);
}

void rk_http_set_bearer(struct rk_http *h, const char *token)
{
	if (token && !printable(token))
		return;
	rk_free_secret(h->bearer);
	h->bearer = secret_dup(token);
}

void rk_http_set_cert(struct rk_http *h, const char *cert, size_t cert_len, const char *key,
	size_t key_len)
{
	ident_unref(h->ident);
	h->ident = ident_new(cert, cert_len, key, key_len);
	curl_easy_cleanup(h->easy);
	h->easy = NULL;
}

void rk_http_res_release(struct rk_http_res *r)
{
	rk_buf_release(&r->body);
	rk_buf_release(&r->warnings);
}

static void res_reset(struct rk_http_res *r)
{
	r->status = 0;
	r->content_type[0] = r->location[0] = 0;
	r->retry_after = -1;
	rk_buf_reset(&r->body);
	rk_buf_reset(&r->warnings);
}

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
	keep_peer(&x->h->peer, ctx);
	if (r > 0)
		return r;
	rk_buf_reset(&x->leaf);
	rk_buf_reset(&x->at);
	add_der(&x->leaf, X509_STORE_CTX_get0_cert(ctx));
	add_der(&x->at, X509_STORE_CTX_get_current_cert(ctx));
	return r;
}

/* Called for each new connection. The pointer to x is used during this handshake only: there is
 * no renegotiation. A TLS connection to a proxy comes by here too, with another name. */
static CURLcode on_ssl_ctx(CURL *easy, void *ssl_ctx, void *arg)
{
	struct rk_xfer *x = arg;
	SSL_CTX *ctx = ssl_ctx;
	X509_VERIFY_PARAM *p = SSL_CTX_get0_param(ctx);

	(void)easy;
	x->shaking = true;
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_set_cert_verify_callback(ctx, judge, x);
	if (x->h->proxy_shown && strncasecmp(x->h->proxy, "https:", 6) == 0)
		return CURLE_OK;
	X509_VERIFY_PARAM_set_hostflags(p,
		X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	if (is_ip(x->h->name) ? !X509_VERIFY_PARAM_set1_ip_asc(p, x->h->name) :
				!X509_VERIFY_PARAM_set1_host(p, x->h->name, 0))
		return CURLE_SSL_CONNECT_ERROR;
	return CURLE_OK;
}

/* --- callbacks of a transfer --- */

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
	struct rk_xfer *x = arg;

	n *= size;
	x->last = now_ms();
	if (x->cancelled)
		return 0;
	if (x->cb.data) {
		x->delivered = true;
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

/* libcurl sends a request again when a kept connection turns out dead. That is safe for GET only;
 * there is no body to rewind then. */
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
	if (x->cancelled)
		return 1;
	if (x->req.idle_ms > 0 && now_ms() - x->last >= x->req.idle_ms)
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
	x->last = now_ms();
	if (n <= 2)
		x->headed = true;
	else if (n > 5 && memcmp(p, "HTTP/", 5) == 0) { /* perhaps another answer, after a 103 */
		res_reset(r);
		x->headed = false;
	} else if (is_header(p, n, "content-type", &v, &vn))
		copy_value(r->content_type, sizeof(r->content_type), v, vn);
	else if (is_header(p, n, "location", &v, &vn))
		copy_value(r->location, sizeof(r->location), v, vn);
	else if (is_header(p, n, "warning", &v, &vn))
		add_warning(&r->warnings, v, vn);
	else if (is_header(p, n, "retry-after", &v, &vn)) {
		copy_value(number, sizeof(number), v, vn);
		if (!rk_parse_int(number, 0, INT32_MAX, &r->retry_after))
			r->retry_after = -1;
	}
	return n;
}

/* --- setting a transfer up --- */

#define SET(opt, value)                                                                            \
	do {                                                                                       \
		CURLcode set_ = curl_easy_setopt(e, opt, value);                                   \
		if (set_ == CURLE_OUT_OF_MEMORY)                                                   \
			abort();                                                                   \
	} while (0)

static void set_blob(CURL *e, CURLoption opt, const struct rk_buf *b)
{
	struct curl_blob blob = {.data = b->s, .len = b->len, .flags = CURL_BLOB_NOCOPY};

	SET(opt, &blob);
}

/* A CA given replaces the system's roots, files and directory alike. */
static void set_roots(CURL *e, const struct rk_http *h)
{
	const char *file = getenv("SSL_CERT_FILE"), *dir = getenv("SSL_CERT_DIR");

	if (h->ca.len) {
		SET(CURLOPT_CAINFO, NULL);
		SET(CURLOPT_CAPATH, NULL);
		set_blob(e, CURLOPT_CAINFO_BLOB, &h->ca);
		if (h->proxy_shown) {
			SET(CURLOPT_PROXY_CAINFO, NULL);
			SET(CURLOPT_PROXY_CAPATH, NULL);
			set_blob(e, CURLOPT_PROXY_CAINFO_BLOB, &h->ca);
		}
		return;
	}
	if (file && *file) {
		SET(CURLOPT_CAINFO, file);
		SET(CURLOPT_CAPATH, dir && *dir ? dir : NULL);
	} else if (dir && *dir) {
		SET(CURLOPT_CAPATH, dir);
	}
}

static void set_tls(CURL *e, struct rk_xfer *x)
{
	struct rk_http *h = x->h;

	SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	SET(CURLOPT_SSL_CTX_FUNCTION, on_ssl_ctx);
	set_roots(e, h);
	x->ident = ident_ref(h->ident);
	if (x->ident) {
		set_blob(e, CURLOPT_SSLCERT_BLOB, &x->ident->cert);
		if (x->ident->key.len)
			set_blob(e, CURLOPT_SSLKEY_BLOB, &x->ident->key);
	}
}

/* What stays the same for all requests of a client. */
static void set_client(CURL *e, struct rk_xfer *x)
{
	const char *no_h2 = getenv("DISABLE_HTTP2");
	struct rk_http *h = x->h;

	SET(CURLOPT_PROTOCOLS_STR, h->plain ? "http" : "https");
	SET(CURLOPT_HTTP_VERSION,
		(long)(no_h2 && *no_h2 ? CURL_HTTP_VERSION_1_1 : CURL_HTTP_VERSION_2TLS));
	SET(CURLOPT_PIPEWAIT, 1L);
	SET(CURLOPT_PATH_AS_IS, 1L);
	SET(CURLOPT_TCP_KEEPALIVE, 1L);
	SET(CURLOPT_TCP_KEEPIDLE, 30L);
	SET(CURLOPT_TCP_KEEPINTVL, 15L);
	SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	SET(CURLOPT_PROXY, h->proxy);
	SET(CURLOPT_NOPROXY, "");
	SET(CURLOPT_USERAGENT, h->agent);
	SET(CURLOPT_CONNECTTIMEOUT_MS, (long)h->connect_ms);
	SET(CURLOPT_CONNECT_TO, h->connect_to);
	SET(CURLOPT_RESOLVE, h->resolve);
	if (h->user) {
		SET(CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
		SET(CURLOPT_USERNAME, h->user);
		SET(CURLOPT_PASSWORD, h->password ? h->password : "");
	}
	SET(CURLOPT_WRITEFUNCTION, on_body);
	SET(CURLOPT_HEADERFUNCTION, on_header);
	SET(CURLOPT_READFUNCTION, on_read);
	SET(CURLOPT_SEEKFUNCTION, on_seek);
	SET(CURLOPT_XFERINFOFUNCTION, on_progress);
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
		if (printable(x->req.headers[i]))
			add_header(x, x->req.headers[i], NULL);
}

static void set_method(CURL *e, struct rk_xfer *x)
{
	bool body = x->body || rk_streq(x->method, "POST") || rk_streq(x->method, "PUT") ||
		rk_streq(x->method, "PATCH");

	SET(CURLOPT_HTTPGET, 1L);
	SET(CURLOPT_NOBODY, 0L);
	SET(CURLOPT_CUSTOMREQUEST, NULL);
	if (rk_streq(x->method, "HEAD")) {
		SET(CURLOPT_NOBODY, 1L);
		return;
	}
	if (body) {
		SET(CURLOPT_POST, 1L);
		SET(CURLOPT_POSTFIELDS, NULL);
		SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)x->body_len);
	}
	SET(CURLOPT_CUSTOMREQUEST, x->method);
}

static void set_request(CURL *e, struct rk_xfer *x)
{
	SET(CURLOPT_URL, x->url);
	SET(CURLOPT_HTTPHEADER, x->headers);
	set_method(e, x);
	SET(CURLOPT_TIMEOUT_MS, x->req.stream ? 0L : (long)x->h->request_ms);
	SET(CURLOPT_NOPROGRESS, x->req.idle_ms > 0 || x->cb.data ? 0L : 1L);
	SET(CURLOPT_ERRORBUFFER, x->errbuf);
	SET(CURLOPT_WRITEDATA, x);
	SET(CURLOPT_HEADERDATA, x);
	SET(CURLOPT_READDATA, x);
	SET(CURLOPT_SEEKDATA, x);
	SET(CURLOPT_XFERINFODATA, x);
	SET(CURLOPT_SSL_CTX_DATA, x);
	SET(CURLOPT_PRIVATE, x);
}

static CURL *client_easy(struct rk_xfer *x)
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

	x->url = rk_asprintf("%s%s%s", x->h->url, *path == '/' || *path == '?' || !*path ? "" : "/", path);
}

/* Fill what a request needs; x was zeroed. */
static void prepare(struct rk_xfer *x, struct rk_http *h, const struct rk_http_req *req,
	struct rk_http_res *res)
{
	const char *method = req->method ? req->method : req->body ? "POST" : "GET";

	x->h = h;
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
static void rearm(struct rk_xfer *x)
{
	x->sent = 0;
	x->too_large = x->stopped = x->delivered = x->idle = x->shaking = x->headed = false;
	x->verdict = X509_V_OK;
	x->errbuf[0] = 0;
	x->begun = x->last = now_ms();
	res_reset(x->res);
}

static void xfer_release(struct rk_xfer *x)
{
	ident_unref(x->ident);
	free_headers(x->headers);
	free(x->url);
	rk_buf_release(&x->leaf);
	rk_buf_release(&x->at);
}

/* --- how it ended --- */

static bool is_broken(CURLcode rc)
{
	return rc == CURLE_GOT_NOTHING || rc == CURLE_RECV_ERROR || rc == CURLE_SEND_ERROR ||
		rc == CURLE_PARTIAL_FILE || rc == CURLE_HTTP2 || rc == CURLE_HTTP2_STREAM ||
		rc == CURLE_SEND_FAIL_REWIND;
}

static bool is_timeout_errno(long no)
{
	return no == ETIMEDOUT;
}

static int64_t info_ms(CURL *e, CURLINFO what)
{
	curl_off_t t = 0;

	curl_easy_getinfo(e, what, &t);
	return t;
}

static long info_long(CURL *e, CURLINFO what)
{
	long n = 0;

	curl_easy_getinfo(e, what, &n);
	return n;
}

/* The alert of a server that will not have us arrives while reading. */
static bool is_alert(const struct rk_xfer *x)
{
	return strstr(x->errbuf, " alert ") != NULL;
}

static bool proxy_refused(const struct rk_xfer *x)
{
	long code = info_long(x->easy, CURLINFO_HTTP_CONNECTCODE);

	return code >= 300;
}

/* libcurl is content with an answer that ends inside its head. */
static CURLcode outcome(const struct rk_xfer *x, CURLcode rc)
{
	return rc == CURLE_OK && !x->headed ? CURLE_PARTIAL_FILE : rc;
}

/* A server that refuses an upload drops the stream although it has answered: the answer counts. */
static bool answered(struct rk_xfer *x, CURLcode rc)
{
	long status = info_long(x->easy, CURLINFO_RESPONSE_CODE);

	x->res->status = (int)status;
	if (rc == CURLE_OK)
		return true;
	return status >= 400 && is_broken(rc) && !proxy_refused(x);
}

static bool safe_method(const struct rk_xfer *x)
{
	return rk_streq(x->method, "GET") || rk_streq(x->method, "HEAD");
}

/* Pause before the next try, or -1: this is the end. */
static int64_t again_in(const struct rk_xfer *x, CURLcode rc, bool has_status)
{
	int64_t ms = -1;

	if (!x->req.retry || x->tries >= TRIES_MAX || x->stopped || x->delivered)
		return -1;
	if (has_status && (x->res->status == 429 || x->res->status >= 500) && x->res->retry_after >= 0)
		ms = x->res->retry_after * 1000;
	else if (!has_status && is_broken(rc) && safe_method(x) && !is_alert(x) && !proxy_refused(x))
		ms = BROKEN_MS;
	return ms >= 0 && x->waited + ms <= WAITS_MS ? ms : -1;
}

/* --- words for failures --- */

static int fail(struct rk_err *err, const char *reason, int code, const char *msg, const char *hint)
{
	rk_err_set(err, code, "%s", msg);
	if (hint)
		rk_err_hint(err, "%s", hint);
	if (err)
		snprintf(err->reason, sizeof(err->reason), "%s", reason);
	return -1;
}

static void seconds_text(int64_t ms, char *out, size_t size)
{
	if (ms % 1000)
		snprintf(out, size, "%lld ms", (long long)ms);
	else
		snprintf(out, size, "%lld s", (long long)(ms / 1000));
}

static int fail_connect(const struct rk_xfer *x, struct rk_err *err)
{
	long no = info_long(x->easy, CURLINFO_OS_ERRNO);
	char why[300];

	if (no == ECONNREFUSED)
		return fail(err, "Refused", RK_FAIL, "connection refused: nothing listens there",
			"check the address and port, and that the server runs");
	if (is_timeout_errno(no))
		return fail(err, "Timeout", RK_TIMEOUT, "no connection: the address does not answer",
			"check the address, and firewalls on the way");
	if (no == EHOSTUNREACH || no == ENETUNREACH)
		return fail(err, "Unreachable", RK_FAIL, "no route to the address",
			"check the address and the network of this machine");
	snprintf(why, sizeof(why), "cannot connect: %s", no ? strerror((int)no) : x->errbuf);
	return fail(err, "Unreachable", RK_FAIL, why, NULL);
}

static int fail_timeout(const struct rk_xfer *x, struct rk_err *err)
{
	bool fresh = info_long(x->easy, CURLINFO_NUM_CONNECTS) > 0;
	char limit[32], msg[200];

	if (fresh && info_ms(x->easy, CURLINFO_APPCONNECT_TIME_T) == 0 && !x->h->plain) {
		seconds_text(x->h->connect_ms, limit, sizeof(limit));
		snprintf(msg, sizeof(msg), x->shaking ? "connected, but no TLS handshake within %s" :
						 "no connection within %s", limit);
		return fail(err, "Timeout", RK_TIMEOUT, msg, "check the address, and firewalls on the way");
	}
	seconds_text(x->h->request_ms, limit, sizeof(limit));
	snprintf(msg, sizeof(msg), x->res->status ? "the answer was not complete after %s" :
						    "no answer within %s", limit);
	return fail(err, "Timeout", RK_TIMEOUT, msg, NULL);
}

static int fail_verify(const struct rk_xfer *x, struct rk_err *err)
{
	rk_auto_cert *leaf = NULL, *at = NULL;

	if (x->verdict == X509_V_OK || rk_cert_parse_der(&leaf, x->leaf.s, x->leaf.len, NULL) < 0)
		return fail(err, "TLS", RK_FAIL, x->errbuf, NULL);
	if (x->at.len && (x->at.len != x->leaf.len || memcmp(x->at.s, x->leaf.s, x->at.len) != 0) &&
		rk_cert_parse_der(&at, x->at.s, x->at.len, NULL) < 0)
		at = NULL;
	rk_cert_refused(leaf, at ? at : leaf, x->verdict, x->h->name, err);
	if (err)
		snprintf(err->reason, sizeof(err->reason), "TLS");
	return -1;
}

static int fail_ident(const struct rk_xfer *x, struct rk_err *err)
{
	rk_auto_cert *c = NULL;
	const struct ident *id = x->ident;

	if (id && rk_cert_parse(&c, id->cert.s, id->cert.len, err) == 0 &&
		rk_cert_check_key(c, id->key.s, id->key.len, err) == 0)
		rk_err_set(err, RK_FAIL, "%s", x->errbuf);
	rk_err_wrap(err, "the client certificate");
	if (err)
		snprintf(err->reason, sizeof(err->reason), "TLS");
	return -1;
}

static int fail_ca(const struct rk_xfer *x, struct rk_err *err)
{
	if (!x->h->ca.len || rk_cert_bundle(x->h->ca.s, x->h->ca.len, NULL, err) == 0)
		rk_err_set(err, RK_FAIL, "%s", x->errbuf);
	rk_err_wrap(err, "the CA");
	if (err)
		snprintf(err->reason, sizeof(err->reason), "TLS");
	return -1;
}

static int fail_handshake(const struct rk_xfer *x, struct rk_err *err)
{
	char msg[CURL_ERROR_SIZE + 64];
	const char *alert = strstr(x->errbuf, " alert ");
	int n = alert ? (int)strcspn(alert += 7, ",") : 0;

	if (strstr(x->errbuf, "wrong version number") || strstr(x->errbuf, "http request") ||
		strstr(x->errbuf, "packet length too long"))
		return fail(err, "TLS", RK_FAIL, "it does not speak TLS: a plain HTTP port?", NULL);
	if (strstr(x->errbuf, "protocol version") || strstr(x->errbuf, "unsupported protocol"))
		return fail(err, "TLS", RK_FAIL, "it offers no TLS 1.2 or newer", NULL);
	if (alert && (strstr(alert, "certificate") || strstr(alert, "unknown ca") ||
			     strstr(alert, "access denied"))) {
		snprintf(msg, sizeof(msg), "it refuses %s (TLS alert: %.*s)",
			x->ident ? "our client certificate" : "us without a client certificate", n,
			alert);
		return fail(err, "TLS", RK_FAIL, msg, x->ident ?
			"the certificate may have expired or belong to another cluster" : NULL);
	}
	if (strstr(x->errbuf, "SSL_ERROR_SYSCALL") || strstr(x->errbuf, "unexpected eof"))
		return fail(err, "Broken", RK_FAIL, "it closed the connection during the TLS handshake",
			NULL);
	snprintf(msg, sizeof(msg), "no TLS connection: %s", x->errbuf);
	return fail(err, "TLS", RK_FAIL, msg, NULL);
}

static int fail_broken(const struct rk_xfer *x, struct rk_err *err)
{
	char msg[CURL_ERROR_SIZE + 100];
	const char *maybe = safe_method(x) ? "" : "; the request may have been carried out";

	if (proxy_refused(x)) {
		snprintf(msg, sizeof(msg), "the proxy refuses the connection (HTTP %ld)",
			info_long(x->easy, CURLINFO_HTTP_CONNECTCODE));
		return fail(err, "Proxy", RK_FAIL, msg, NULL);
	}
	if (is_alert(x))
		return fail_handshake(x, err);
	if (x->res->status)
		snprintf(msg, sizeof(msg), "the connection was closed in the middle of the answer, after %zu bytes",
			x->res->body.len);
	else
		snprintf(msg, sizeof(msg), "the connection was closed without an answer%s", maybe);
	return fail(err, "Broken", RK_FAIL, msg, NULL);
}

static int fail_size(const struct rk_xfer *x, struct rk_err *err)
{
	char msg[100];

	snprintf(msg, sizeof(msg), "the answer is larger than the limit of %zu bytes",
		x->res->body.max);
	return fail(err, "TooLarge", RK_FAIL, msg, NULL);
}

static int fail_idle(const struct rk_xfer *x, struct rk_err *err)
{
	char limit[32], msg[100];

	seconds_text(x->req.idle_ms, limit, sizeof(limit));
	snprintf(msg, sizeof(msg), "not a byte for %s", limit);
	return fail(err, "Timeout", RK_TIMEOUT, msg, NULL);
}

static int fail_name(const char *host, bool proxy, struct rk_err *err)
{
	char msg[400];

	snprintf(msg, sizeof(msg), "the name %s%.255s was not found", proxy ? "of the proxy " : "", host);
	return fail(err, "Resolve", RK_FAIL, msg, "check the name, and the DNS of this machine");
}

static int why(struct rk_xfer *x, CURLcode rc, struct rk_err *err)
{
	if (!x->errbuf[0])
		copy_value(x->errbuf, sizeof(x->errbuf), curl_easy_strerror(rc),
			strlen(curl_easy_strerror(rc)));
	if (x->too_large)
		return fail_size(x, err);
	if (x->idle)
		return fail_idle(x, err);
	switch (rc) {
	case CURLE_COULDNT_RESOLVE_HOST:
		return fail_name(x->h->host, false, err);
	case CURLE_COULDNT_RESOLVE_PROXY:
		return fail_name(x->h->proxy_shown ? x->h->proxy_shown : "", true, err);
	case CURLE_COULDNT_CONNECT:
		return fail_connect(x, err);
	case CURLE_OPERATION_TIMEDOUT:
		return fail_timeout(x, err);
	case CURLE_PEER_FAILED_VERIFICATION:
		return fail_verify(x, err);
	case CURLE_SSL_CERTPROBLEM:
		return fail_ident(x, err);
	case CURLE_SSL_CACERT_BADFILE:
		return fail_ca(x, err);
	case CURLE_SSL_CONNECT_ERROR:
		return fail_handshake(x, err);
	case CURLE_URL_MALFORMAT:
		return fail(err, "", RK_USAGE, "the path of the request is no URL path", NULL);
	default:
		if (is_broken(rc))
			return fail_broken(x, err);
		return fail(err, "", RK_FAIL, x->errbuf, NULL);
	}
}

static int explain(struct rk_xfer *x, CURLcode rc, struct rk_err *err)
{
	const struct rk_http *h = x->h;
	bool proxied = h->proxy_shown && rc != CURLE_SSL_CERTPROBLEM && rc != CURLE_SSL_CACERT_BADFILE;

	if (!err)
		return -1;
	why(x, rc, err);
	if (x->tries)
		rk_err_wrap(err, "%s%s%s (after %d tries)", h->shown, proxied ? " through " : "",
			proxied ? h->proxy_shown : "", x->tries + 1);
	else
		rk_err_wrap(err, "%s%s%s", h->shown, proxied ? " through " : "",
			proxied ? h->proxy_shown : "");
	return -1;
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

static void trace(const struct rk_xfer *x, CURLcode rc, bool has_status)
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
	rk_buf_addf(&line, " %lld ms", (long long)(now_ms() - x->begun));
	rk_http_trace(line.s);
}

/* --- one request --- */

static bool pause_ms(int64_t ms)
{
	struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

	return nanosleep(&t, NULL) == 0; /* a signal ends it: then no further try */
}

static int run(struct rk_xfer *x, struct rk_err *err)
{
	CURLcode rc;
	int64_t ms;
	bool ok;

	for (;;) {
		rearm(x);
		rc = outcome(x, curl_easy_perform(x->easy));
		ok = answered(x, rc);
		trace(x, rc, ok);
		ms = again_in(x, rc, ok);
		if (ms < 0 || !pause_ms(ms))
			break;
		x->tries++;
		x->waited += ms;
	}
	return ok ? 0 : explain(x, rc, err);
}

int rk_http_do(struct rk_http *h, const struct rk_http_req *req, struct rk_http_res *res,
	struct rk_err *err)
{
	struct rk_xfer x = {0};
	int r;

	prepare(&x, h, req, res);
	if (!h->easy)
		h->easy = client_easy(&x);
	x.easy = h->easy;
	set_request(x.easy, &x);
	r = run(&x, err);
	curl_easy_setopt(x.easy, CURLOPT_HTTPHEADER, NULL);
	curl_easy_setopt(x.easy, CURLOPT_ERRORBUFFER, NULL);
	xfer_release(&x);
	return r;
}

int rk_http_peer(const struct rk_http *h, struct rk_cert **out, struct rk_err *err)
{
	*out = NULL;
	if (!h->peer.len)
		return rk_err_set(err, RK_NOTFOUND, "%s: no certificate seen yet", h->shown);
	if (rk_cert_parse_der(out, h->peer.s, h->peer.len, err) < 0)
		return rk_err_wrap(err, "%s", h->shown);
	return 0;
}

/* --- many at once --- */

struct rk_pool {
	CURLM *multi;
	struct rk_xfer *list;
	bool busy; /* inside libcurl: its callbacks may not change the list of its transfers */
};

struct rk_pool *rk_pool_new(void)
{
	struct rk_pool *p = rk_calloc(1, sizeof(*p));

	p->multi = curl_multi_init();
	if (!p->multi)
		abort();
	curl_multi_setopt(p->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_MULTIPLEX);
	return p;
}

static void copy_body(struct rk_xfer *x)
{
	rk_buf_init(&x->own_body, 0);
	if (!x->body)
		return;
	x->own_body.secret = true;
	rk_buf_put(&x->own_body, x->body, x->body_len);
	x->body = x->own_body.s;
}

struct rk_xfer *rk_pool_start(struct rk_pool *p, struct rk_http *h, const struct rk_http_req *req,
	const struct rk_xfer_cb *cb)
{
	struct rk_xfer *x = rk_calloc(1, sizeof(*x));

	x->own_res = (struct rk_http_res)RK_HTTP_RES_INIT;
	x->cb = *cb;
	prepare(x, h, req, &x->own_res);
	copy_body(x);
	x->easy = client_easy(x);
	set_request(x->easy, x);
	x->pool = p;
	x->next = p->list;
	if (p->list)
		p->list->prev = x;
	p->list = x;
	return x;
}

static void xfer_free(struct rk_xfer *x)
{
	if (x->state == X_RUNNING)
		curl_multi_remove_handle(x->pool->multi, x->easy);
	if (x->prev)
		x->prev->next = x->next;
	else
		x->pool->list = x->next;
	if (x->next)
		x->next->prev = x->prev;
	curl_easy_cleanup(x->easy);
	xfer_release(x);
	rk_buf_release(&x->own_body);
	rk_http_res_release(&x->own_res);
	free(x);
}

void rk_pool_cancel(struct rk_pool *p, struct rk_xfer *x)
{
	if (x->state == X_ENDED)
		return; /* its done() is running */
	if (p->busy)
		x->cancelled = true;
	else
		xfer_free(x);
}

void rk_pool_free(struct rk_pool *p)
{
	if (!p)
		return;
	while (p->list)
		xfer_free(p->list);
	curl_multi_cleanup(p->multi);
	free(p);
}

static void start(struct rk_xfer *x)
{
	rearm(x);
	x->state = X_RUNNING;
	if (curl_multi_add_handle(x->pool->multi, x->easy) != CURLM_OK)
		abort();
}

static void finish(struct rk_xfer *x, CURLcode rc)
{
	struct rk_err err = RK_ERR_INIT;
	bool ok = answered(x, rc) || x->stopped;
	int64_t ms;

	trace(x, rc, ok);
	ms = again_in(x, rc, ok);
	curl_multi_remove_handle(x->pool->multi, x->easy);
	if (ms >= 0) {
		x->tries++;
		x->waited += ms;
		x->wake = now_ms() + ms;
		x->state = X_WAITING;
		return;
	}
	x->state = X_ENDED;
	if (!ok)
		explain(x, rc, &err);
	if (x->cb.done)
		x->cb.done(x->cb.arg, x->res, ok ? NULL : &err);
	xfer_free(x);
}

/* Start what is due and drop what was cancelled. Returns ms until the next thing is due. */
static int64_t tend(struct rk_pool *p, int64_t ms)
{
	int64_t now = now_ms();
	struct rk_xfer *next;

	for (struct rk_xfer *x = p->list; x; x = next) {
		next = x->next;
		if (x->cancelled)
			xfer_free(x);
		else if (x->state == X_NEW || (x->state == X_WAITING && x->wake <= now))
			start(x);
		else if (x->state == X_WAITING && x->wake - now < ms)
			ms = x->wake - now;
		else if (x->state == X_RUNNING && x->req.idle_ms > 0 &&
			x->last + x->req.idle_ms - now < ms)
			ms = x->last + x->req.idle_ms - now;
	}
	return ms < 0 ? 0 : ms;
}

static bool expire(struct rk_pool *p)
{
	int64_t now = now_ms();

	for (struct rk_xfer *x = p->list; x; x = x->next) {
		if (x->state != X_RUNNING || x->req.idle_ms <= 0 || x->cancelled ||
			now - x->last < x->req.idle_ms)
			continue;
		x->idle = true;
		finish(x, CURLE_OPERATION_TIMEDOUT);
		return true; /* the callback may have changed the list */
	}
	return false;
}

/* Returns whether a transfer ended. */
static bool drive(struct rk_pool *p)
{
	bool ended = false;
	int running, left;
	CURLMsg *m;

	p->busy = true;
	curl_multi_perform(p->multi, &running);
	p->busy = false;
	while ((m = curl_multi_info_read(p->multi, &left))) {
		struct rk_xfer *x = NULL;

		if (m->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &x);
		if (x->cancelled)
			xfer_free(x);
		else
			finish(x, outcome(x, m->data.result));
		ended = true;
	}
	while (expire(p))
		ended = true;
	return ended;
}

static int count(const struct rk_pool *p)
{
	int n = 0;

	for (const struct rk_xfer *x = p->list; x; x = x->next)
		n += !x->cancelled;
	return n;
}

int rk_pool_poll(struct rk_pool *p, int64_t ms, int extra_fd)
{
	struct curl_waitfd fd = {.fd = extra_fd, .events = CURL_WAIT_POLLIN};
	bool extra = extra_fd >= 0;

	ms = tend(p, ms < 0 || ms > 3600000 ? 3600000 : ms);
	if (!drive(p)) {
		curl_multi_poll(p->multi, extra ? &fd : NULL, extra, (int)ms, NULL);
		tend(p, 0);
		drive(p);
	}
	return count(p);
}

/* --- upgrades --- */

struct rk_wire {
	struct rk_xfer x;
	struct rk_http_res res;
};

void rk_wire_free(struct rk_wire *w)
{
	if (!w)
		return;
	curl_easy_cleanup(w->x.easy);
	xfer_release(&w->x);
	rk_http_res_release(&w->res);
	free(w);
}

/* HTTP/1.1 is pinned: with h2 negotiated a raw connection makes no sense to the server. */
int rk_http_wire(struct rk_wire **out, struct rk_http *h, struct rk_err *err)
{
	static const struct rk_http_req req = {.path = "/"};
	struct rk_wire *w = rk_calloc(1, sizeof(*w));
	CURL *e;
	CURLcode rc;

	*out = NULL;
	w->res = (struct rk_http_res)RK_HTTP_RES_INIT;
	prepare(&w->x, h, &req, &w->res);
	w->x.easy = e = client_easy(&w->x);
	set_request(e, &w->x);
	SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(CURLOPT_CONNECT_ONLY, 1L);
	rearm(&w->x);
	rc = curl_easy_perform(e);
	if (rc != CURLE_OK) {
		explain(&w->x, rc, err);
		rk_wire_free(w);
		return -1;
	}
	*out = w;
	return 0;
}

void rk_wire_head(const struct rk_wire *w, const char *path, struct rk_buf *out)
{
	const struct rk_http *h = w->x.h;
	const char *host = strstr(h->url, "://") + 3;
	const char *slash = strchr(host, '/');

	rk_buf_addf(out, "GET %s%s HTTP/1.1\r\n", slash ? slash : "", path);
	if (!h->host_header)
		rk_buf_addf(out, "Host: %.*s\r\n", slash ? (int)(slash - host) : (int)strlen(host), host);
	rk_buf_addf(out, "User-Agent: %s\r\n", h->agent);
	if (h->user) {
		char *pair = rk_asprintf("%s:%s", h->user, h->password ? h->password : "");

		rk_buf_puts(out, "Authorization: Basic ");
		rk_base64(out, pair, strlen(pair));
		rk_buf_puts(out, "\r\n");
		rk_free_secret(pair);
	}
	for (const struct curl_slist *l = w->x.headers; l; l = l->next)
		if (!rk_suffix(l->data, ":")) /* "Expect:" takes a header away */
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

int rk_wire_send(struct rk_wire *w, const void *p, size_t n)
{
	const char *s = p;

	while (n) {
		struct pollfd pfd = {.fd = rk_wire_fd(w), .events = POLLOUT};
		size_t sent = 0;
		CURLcode rc = curl_easy_send(w->x.easy, s, n, &sent);

		if (rc == CURLE_AGAIN) {
			if (poll(&pfd, 1, 60000) <= 0)
				return -1;
			continue;
		}
		if (rc != CURLE_OK)
			return -1;
		s += sent;
		n -= sent;
	}
	return 0;
}
