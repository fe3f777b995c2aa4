// SPDX-License-Identifier: Apache-2.0
/* A client: its settings, checked and copied, and one request at a time. */
#include "internal.h"
#include "tls/tls.h"

#include <arpa/inet.h>

#define CONNECT_MS 10000
#define REQUEST_MS 30000

#if defined(__x86_64__)
#define ARCH "amd64"
#elif defined(__aarch64__)
#define ARCH "arm64"
#elif defined(__riscv)
#define ARCH "riscv64"
#elif defined(__s390x__)
#define ARCH "s390x"
#elif defined(__powerpc64__)
#define ARCH "ppc64le"
#else
#define ARCH "unknown"
#endif

bool rk_http_printable(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			return false;
	return true;
}

static char *dup_or_null(const char *s)
{
	return s ? rk_strdup(s) : NULL;
}

/* libcurl sees what we have read ourselves and written again: it would ask for the passphrase of
 * an encrypted key. */
static int ident_new(struct rk_ident **out, const char *cert, size_t cert_len, const char *key,
	size_t key_len, struct rk_err *err)
{
	struct rk_ident *id;

	*out = NULL;
	if (!cert || !cert_len)
		return 0;
	id = rk_calloc(1, sizeof(*id));
	id->refs = 1;
	id->cert = (struct rk_buf)RK_BUF_INIT;
	id->key = (struct rk_buf)RK_BUF_INIT_SECRET;
	rk_buf_put(&id->cert, cert, cert_len);
	if (key)
		rk_buf_put(&id->key, key, key_len);
	if (rk_cert_admit_tls(&id->cert, true, err) < 0 ||
		(key && rk_cert_admit_tls_key(&id->key, err) < 0)) {
		rk_ident_unref(id);
		return rk_err_wrap(err, "the client certificate");
	}
	*out = id;
	return 0;
}

void rk_ident_unref(struct rk_ident *id)
{
	if (!id || --id->refs)
		return;
	rk_buf_release(&id->cert);
	rk_buf_release(&id->key);
	free(id);
}

static int set_server(struct rk_http *h, const struct rk_http_conf *c, struct rk_err *err)
{
	static const char ok[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:";
	const char *name = c->tls_server_name && *c->tls_server_name ? c->tls_server_name : NULL;
	rk_auto_free char *host = NULL;
	rk_auto_url u;
	const char *why = rk_url_parse(&u, c->base, NULL);

	if (why)
		return rk_err_set(err, RK_USAGE,
			"%.200s is not an address like https://host:6443: it %s",
			c->base ? c->base : "nothing", why);
	h->plain = rk_streq(u.scheme, "http");
	if (!h->plain && !rk_streq(u.scheme, "https"))
		return rk_err_set(err, RK_USAGE, "%.200s is not an https address", c->base);
	if (u.user || u.password)
		return rk_err_set(
			err, RK_USAGE, "the address of %s holds a user name or password", u.host);
	if (u.query || u.fragment)
		return rk_err_set(err, RK_USAGE, "%.200s holds a query or a fragment", c->base);
	/* a dot in front would make OpenSSL accept the certificate of any host below */
	if (name && (*name == '.' || name[strspn(name, ok)]))
		return rk_err_set(err, RK_USAGE, "tls-server-name %.100s is not a host name", name);
	if (*u.host == '.')
		return rk_err_set(err, RK_USAGE, "invalid host name \"%.100s\"", u.host);

	h->shown = rk_url_base(&u);
	h->host = rk_strdup(u.host);
	host = rk_url_host(&u);
	h->path = h->shown + strlen(u.scheme) + strlen("://") + strlen(host);
	h->host_header = rk_asprintf("Host: %s", host);
	if (!h->plain && name && strcasecmp(name, u.host) != 0) {
		/* the URL has the name to verify; libcurl connects to the host */
		rk_auto_free char *at = rk_url_authority(u.host, u.port);
		rk_auto_free char *to = rk_asprintf("::%s", at);

		h->connect_to = curl_slist_append(NULL, to);
		free(u.host);
		u.host = rk_strdup(name);
	}
	h->name = rk_strdup(u.host);
	h->url = rk_url_base(&u);
	if (h->plain && !(c->allow_http && rk_ip_is_loopback(h->host))) {
		rk_err_set(err, RK_CONFLICT, "%s is not encrypted: refused", h->shown);
		return rk_err_hint(err, "use the https:// address");
	}
	return rk_http_set_proxy(h, c->proxy, u.scheme, u.port, err);
}

int rk_http_new(struct rk_http **out, const struct rk_http_conf *c, struct rk_err *err)
{
	rk_auto_http *h = rk_calloc(1, sizeof(*h));
	size_t n = 0;

	*out = NULL;
	h->ca = (struct rk_buf)RK_BUF_INIT;
	if (set_server(h, c, err) < 0)
		return -1;

	/* control characters would add headers to a request */
	if (c->bearer && !rk_http_printable(c->bearer))
		return rk_err_set(
			err, RK_USAGE, "the token holds a line break or another control character");
	if ((c->user && !rk_http_printable(c->user)) ||
		(c->password && !rk_http_printable(c->password)))
		return rk_err_set(err, RK_USAGE, "user name or password hold a control character");
	while (c->headers && c->headers[n])
		n++;
	h->headers = rk_calloc(n + 1, sizeof(*h->headers));
	for (size_t i = 0; i < n; i++) {
		if (!strchr(c->headers[i], ':') || !rk_http_printable(c->headers[i]))
			return rk_err_set(
				err, RK_USAGE, "header %zu is not of the form Name: value", i + 1);
		h->headers[i] = rk_strdup(c->headers[i]);
	}

	if (c->ca)
		rk_buf_put(&h->ca, c->ca, c->ca_len);
	if (c->ca && rk_cert_admit_tls(&h->ca, false, err) < 0) {
		rk_err_wrap(err, "%s: the CA", h->shown);
		return rk_err_reason(err, RK_REASON_TLS);
	}
	if (ident_new(&h->ident, c->cert, c->cert_len, c->key, c->key_len, err) < 0) {
		rk_err_wrap(err, "%s", h->shown);
		return rk_err_reason(err, RK_REASON_TLS);
	}
	h->bearer = dup_or_null(c->bearer);
	h->user = dup_or_null(c->user);
	h->password = dup_or_null(c->password);
	h->agent = rk_asprintf("rk3k/%s (linux/" ARCH ")", rk_version);
	rk_each_item (it, n, c->resolve, " ") {
		rk_auto_free char *one = rk_strndup(it, n);

		h->resolve = curl_slist_append(h->resolve, one);
	}
	h->connect_ms = c->connect_ms > 0 ? c->connect_ms : CONNECT_MS;
	h->request_ms = c->request_ms > 0 ? c->request_ms : REQUEST_MS;
	h->may_send = c->may_send;
	h->may_send_arg = c->may_send_arg;
	*out = rk_steal(&h);
	return 0;
}

void rk_http_free(struct rk_http *h)
{
	if (!h)
		return;
	if (h->multi) {
		curl_multi_cleanup(h->multi);
		rk_cleanup_close_(&h->epoll);
	}
	curl_slist_free_all(h->connect_to);
	curl_slist_free_all(h->resolve);
	rk_buf_release(&h->ca);
	sk_X509_pop_free(h->peer, X509_free);
	rk_ident_unref(h->ident);
	rk_free_secret(h->bearer);
	rk_free_secret(h->user);
	rk_free_secret(h->password);
	rk_free_secret(h->proxy);
	for (size_t i = 0; h->headers && h->headers[i]; i++)
		rk_free_secret(h->headers[i]);
	free(h->headers);
	free(h->proxy_shown);
	free(h->proxy_host);
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
	if (token && !rk_http_printable(token))
		return;
	rk_free_secret(h->bearer);
	h->bearer = dup_or_null(token);
}

int rk_http_set_cert(struct rk_http *h, const char *cert, size_t cert_len, const char *key,
	size_t key_len, struct rk_err *err)
{
	struct rk_ident *id;

	if (ident_new(&id, cert, cert_len, key, key_len, err) < 0)
		return -1;
	rk_ident_unref(h->ident); /* libcurl reuses no connection of another certificate */
	h->ident = id;
	return 0;
}

void rk_http_res_release(struct rk_http_res *r)
{
	rk_buf_release(&r->body);
	rk_buf_release(&r->warnings);
}

/* --- one request --- */

void rk_http_set_stop(struct rk_http *h, const volatile sig_atomic_t *stop)
{
	h->stop = stop;
}

int64_t rk_http_request_ms(const struct rk_http *h)
{
	return h->request_ms;
}

int rk_http_peer(const struct rk_http *h, struct rk_cert **out, struct rk_err *err)
{
	*out = NULL;
	if (!h->peer)
		return rk_err_set(err, RK_NOTFOUND, "%s: no certificate seen yet", h->shown);
	if (rk_cert_from_chain(out, h->peer, err) < 0)
		return rk_err_wrap(err, "%s", h->shown);
	return 0;
}
