// SPDX-License-Identifier: Apache-2.0
/* The client itself: address, errors, start, login, settings. */
#include "rancher-int.h"
#include "cert.h"
#include "out.h"

#include <ctype.h>

#define ANSWER_MAX  ((size_t)32 << 20)
#define CACERTS_MAX ((size_t)1 << 20)
#define QUOTE_MAX   300 /* bytes of the server's own words in an error */

/* --- address and version --- */

static int bad_url(struct rk_err *err, const char *why)
{
	rk_err_set(err, RK_USAGE, "Rancher's address %s", why);
	return rk_err_hint(err, "give it as https://HOST or https://HOST:PORT");
}

int rk_rancher_url(const char *text, char **url, struct rk_err *err)
{
	const char *scheme = strstr(text, "://"), *host = scheme ? scheme + 3 : text;
	size_t n = strcspn(host, "/?#");

	*url = NULL;
	if (scheme && !((scheme - text) == 5 && strncasecmp(text, "https", 5) == 0))
		return bad_url(err, "must begin with https://");
	if (memchr(host, '@', n))
		return bad_url(err, "must not hold a user name or a password");
	if (!n || host[0] == ':')
		return bad_url(err, "has no host");
	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)host[i]) && !strchr("-._:[]", host[i]))
			return bad_url(err, "holds a character that no host has");
	*url = rk_asprintf("https://%.*s", (int)n, host);
	if (rk_suffix(*url, ":443"))
		(*url)[strlen(*url) - 4] = 0;
	return 0;
}

bool rk_rancher_version_parse(const char *text, int *major, int *minor)
{
	char *end;
	long a, b;

	*major = *minor = 0;
	text += *text == 'v';
	if (!isdigit((unsigned char)*text))
		return false;
	a = strtol(text, &end, 10);
	if (*end != '.' || !isdigit((unsigned char)end[1]))
		return false;
	b = strtol(end + 1, NULL, 10);
	if (a > 1000 || b > 1000)
		return false;
	*major = (int)a;
	*minor = (int)b;
	return true;
}

bool rk_rancher_since(const struct rk_rancher *r, int minor)
{
	return r->major == 0 || r->major > 2 || (r->major == 2 && r->minor >= minor);
}

/* --- what an answer means --- */

static int code_of(int status)
{
	switch (status) {
	case 404:
		return RK_NOTFOUND;
	case 401:
	case 403:
	case 405:
	case 409:
		return RK_CONFLICT;
	case 408:
	case 504:
		return RK_TIMEOUT;
	}
	return status >= 300 && status < 400 ? RK_CONFLICT : RK_FAIL;
}

static bool is_page(const struct rk_http_res *res)
{
	const char *p = res->body.s;

	while (*p && isspace((unsigned char)*p))
		p++;
	return strncasecmp(res->content_type, "text/html", 9) == 0 || *p == '<';
}

static bool hidden_in(const char *text, const char *const *hide)
{
	for (; hide && *hide; hide++)
		if (**hide && strstr(text, *hide))
			return true;
	return false;
}

/* Norman and Kubernetes say message; the proxy to a cluster says Message and Code.Code. */
static const char *words_of(const struct rk_val *v)
{
	const char *msg = rk_get_str(v, "message", NULL);

	return msg && *msg ? msg : rk_get_str(v, "Message", NULL);
}

static const char *reason_of(const struct rk_val *v)
{
	const char *reason = rk_get_str(v, "code", NULL);

	if (!reason)
		reason = rk_get_str(v, "reason", NULL);
	return reason ? reason : rk_get_str(v, "Code", "Code", NULL);
}

static const char *status_words(int status)
{
	static const struct {
		int status;
		const char *words;
	} known[] = {
		{400, "bad request"},
		{401, "not logged in, or the token is not valid"},
		{403, "not allowed"},
		{404, "not found"},
		{405, "this cannot be changed"},
		{422, "the request was not accepted"},
		{500, "the server failed"},
		{502, "the proxy in front reaches no Rancher"},
		{503, "not available"},
		{504, "the proxy in front got no answer"},
	};

	for (size_t i = 0; i < RK_COUNT(known); i++)
		if (known[i].status == status)
			return known[i].words;
	return "unexpected answer";
}

static int error_page(const struct rk_http_res *res, const char *what, struct rk_err *err)
{
	rk_err_set(err, code_of(res->status),
		"%s: the answer is a web page, not Rancher's API (HTTP %d)", what, res->status);
	rk_err_hint(err, res->status < 500
				 ? "check the address: another service, or a login page in "
				   "front of Rancher, answers there"
				 : "the proxy in front of Rancher answers, Rancher does "
				   "not: see whether its pods run");
	return -1;
}

static int error_redirect(const struct rk_http_res *res, const char *what, struct rk_err *err)
{
	rk_err_set(err, RK_CONFLICT,
		"%s: the server redirects to %s, and credentials are sent nowhere but to the "
		"given address (HTTP %d)",
		what, *res->location ? res->location : "another place", res->status);
	return rk_err_hint(err, "if that is the real address of this Rancher, give it with --url");
}

static int error_words(const struct rk_http_res *res, const char *what, const char *const *hide,
	struct rk_err *err)
{
	rk_auto_doc *d = rk_doc_new(true);
	rk_auto_buf shown = RK_BUF_INIT;
	struct rk_val *v = NULL;
	const char *words, *reason;

	if (rk_json_parse(d, res->body.s, res->body.len, &v, NULL) < 0)
		v = NULL;
	words = words_of(v);
	reason = reason_of(v);
	if (!words || !*words)
		words = reason;
	if (!words || hidden_in(words, hide))
		words = status_words(res->status);
	rk_printable(&shown, words, strnlen(words, QUOTE_MAX), " ");
	rk_err_set(err, code_of(res->status), "%s: %s (HTTP %d)", what, shown.s, res->status);
	if (err && reason && !hidden_in(reason, hide))
		snprintf(err->reason, sizeof(err->reason), "%s", reason);
	return -1;
}

int rk_rancher_error(const struct rk_http_res *res, const char *what, const char *const *hide,
	struct rk_err *err)
{
	if (res->status >= 300 && res->status < 400)
		error_redirect(res, what, err);
	else if (is_page(res))
		error_page(res, what, err);
	else
		error_words(res, what, hide, err);
	if (err)
		err->http = res->status;
	return -1;
}

bool rk_rancher_lacks(const struct rk_err *err)
{
	return err->http == 404 || err->http == 405 || err->http == 410 || err->http == 501;
}

/* --- requests --- */

int rk_rancher_new(struct rk_rancher **out, const struct rk_rancher_conf *conf, struct rk_err *err)
{
	struct rk_http_conf hc = {
		.base = conf->url,
		.ca = conf->ca,
		.ca_len = conf->ca_len,
		.resolve = conf->resolve,
		.request_ms = conf->request_ms,
	};
	rk_auto_rancher *r = rk_calloc(1, sizeof(*r));

	*out = NULL;
	r->base = rk_strdup(conf->url);
	r->version = rk_strdup("");
	if (rk_http_new(&r->http, &hc, err) < 0)
		return -1;
	*out = rk_steal(&r);
	return 0;
}

void rk_rancher_free(struct rk_rancher *r)
{
	if (!r)
		return;
	rk_http_free(r->http);
	rk_free_secret(r->session);
	rk_free_secret(r->token);
	free(r->version);
	free(r->base);
	free(r);
}

const char *rk_rancher_version(const struct rk_rancher *r)
{
	return r->version;
}

const char *rk_rancher_base(const struct rk_rancher *r)
{
	return r->base;
}

int rk_rancher_call(struct rk_rancher *r, const char *method, const char *path,
	const struct rk_val *body, const char *what, struct rk_http_res *res, struct rk_err *err)
{
	rk_auto_buf text = RK_BUF_INIT_SECRET;
	struct rk_http_req req = {.method = method, .path = path, .max = ANSWER_MAX};

	if (body) {
		rk_json_write(body, RK_JSON_COMPACT, &text);
		req.content_type = "application/json";
		req.body = text.s;
		req.body_len = text.len;
	}
	res->body.secret = true;
	if (rk_http_do(r->http, &req, res, err) < 0)
		return rk_err_wrap(err, "%s", what);
	if (res->status >= 200 && res->status < 300)
		return 0;
	rk_rancher_error(res, what, r->hide, err);
	return rk_err_wrap(err, "%s", r->base);
}

int rk_rancher_json(struct rk_rancher *r, const char *method, const char *path,
	const struct rk_val *body, const char *what, struct rk_doc *d, struct rk_val **out,
	struct rk_err *err)
{
	rk_auto_http_res res = RK_HTTP_RES_INIT;
	struct rk_err why = RK_ERR_INIT;

	*out = NULL;
	if (rk_rancher_call(r, method, path, body, what, &res, err) < 0)
		return -1;
	if (is_page(&res)) {
		error_page(&res, what, err);
		return rk_err_wrap(err, "%s", r->base);
	}
	rk_doc_source(d, "the answer");
	if (rk_json_parse(d, res.body.s, res.body.len, out, &why) < 0)
		return rk_err_set(err, RK_FAIL, "%s: %s: the answer is not JSON (HTTP %d)", r->base,
			what, res.status);
	if ((*out)->kind != RK_MAP)
		return rk_err_set(err, RK_FAIL, "%s: %s: the answer is no object", r->base, what);
	return 0;
}

/* --- start --- */

static bool may_pass(const struct rk_err *err)
{
	static const int starting[] = {404, 502, 503, 504};

	for (size_t i = 0; i < RK_COUNT(starting); i++)
		if (err->http == starting[i])
			return true;
	if (err->http)
		return false;
	return rk_streq(err->reason, "Refused") || rk_streq(err->reason, "Broken") ||
	       rk_streq(err->reason, "Timeout") || rk_streq(err->reason, "Unreachable");
}

static int ping(struct rk_rancher *r, struct rk_err *err)
{
	rk_auto_http_res res = RK_HTTP_RES_INIT;

	if (rk_rancher_call(r, "GET", "/ping", NULL, "ask /ping", &res, err) < 0)
		return -1;
	if (rk_prefix(res.body.s, "pong"))
		return 0;
	if (is_page(&res))
		error_page(&res, "ask /ping", err);
	else
		rk_err_set(err, RK_FAIL, "/ping does not say pong: this is no Rancher");
	return rk_err_wrap(err, "%s", r->base);
}

static int read_version(struct rk_rancher *r, struct rk_err *err)
{
	rk_auto_doc *d = rk_doc_new(false);
	struct rk_val *v;
	const char *text;

	if (rk_rancher_json(r, "GET", "/rancherversion", NULL, "ask for the version", d, &v, err) <
		0)
		return -1;
	text = rk_get_str(v, "Version", NULL);
	free(r->version);
	r->version = rk_strdup(text ? text : "");
	rk_rancher_version_parse(r->version, &r->major, &r->minor);
	return 0;
}

int rk_rancher_ready(struct rk_rancher *r, int64_t wait_ms, struct rk_err *err)
{
	int64_t end = rk_now_ms() + wait_ms;

	while (ping(r, err) < 0) {
		if (!may_pass(err))
			return -1;
		if (rk_now_ms() >= end) {
			err->code = wait_ms > 0 ? RK_TIMEOUT : err->code;
			return rk_err_wrap(err, "Rancher does not answer");
		}
		rk_err_clear(err);
		usleep(500000);
	}
	return read_version(r, err);
}

/* --- a CA that is pinned --- */

static int normal_pin(const char *pin, char out[65], struct rk_err *err)
{
	size_t n = 0;

	for (; *pin; pin++) {
		if (*pin == ':' || *pin == ' ')
			continue;
		if (!isxdigit((unsigned char)*pin) || n == 64)
			break;
		out[n++] = (char)tolower((unsigned char)*pin);
	}
	out[n] = 0;
	if (n == 64 && !*pin)
		return 0;
	rk_err_set(err, RK_USAGE, "the fingerprint of the CA is not a SHA-256 (64 hex digits)");
	return rk_err_hint(err, "on a machine that trusts it: openssl x509 -noout -fingerprint "
				"-sha256 -in CA.pem");
}

static int get_cacerts(const struct rk_rancher_conf *conf, struct rk_buf *out, bool *shown,
	struct rk_buf *peer, struct rk_err *err)
{
	struct rk_http_req req = {.path = "/cacerts", .accept = "*/*", .max = CACERTS_MAX};
	rk_auto_http_res res = RK_HTTP_RES_INIT;
	rk_auto_rancher *r = NULL;
	rk_auto_cert *cert = NULL;

	*shown = false;
	if (rk_rancher_new(&r, conf, err) < 0)
		return -1;
	if (rk_http_do(r->http, &req, &res, err) < 0) {
		*shown = rk_streq(err->reason, "TLS") && rk_http_peer(r->http, &cert, NULL) == 0 &&
			 rk_cert_pem(cert, peer, NULL) == 0;
		return rk_err_wrap(err, "read /cacerts");
	}
	if (res.status != 200)
		return rk_rancher_error(&res, "read /cacerts", NULL, err);
	rk_buf_put(out, res.body.s, res.body.len);
	return 0;
}

/* The certificate of the bundle whose fingerprint is pin, alone. */
static bool take_pinned(const struct rk_buf *text, const char *pin, struct rk_buf *out)
{
	static const char begin[] = "-----BEGIN CERTIFICATE-----";
	static const char end[] = "-----END CERTIFICATE-----";
	const char *p = text->s, *e;

	while ((p = strstr(p, begin)) && (e = strstr(p, end))) {
		size_t n = (size_t)(e - p) + sizeof(end) - 1;
		rk_auto_cert *c = NULL;

		if (rk_cert_parse(&c, p, n, NULL) == 0 && rk_streq(rk_cert_fingerprint(c), pin)) {
			rk_buf_put(out, p, n);
			rk_buf_putc(out, '\n');
			return true;
		}
		p = e;
	}
	return false;
}

static int check_pin(const struct rk_rancher_conf *conf, const struct rk_buf *text, const char *pin,
	struct rk_buf *out, struct rk_err *err)
{
	rk_auto_cert *c = NULL;
	char sum[65];

	if (!text->len)
		return rk_err_set(err, RK_NOTFOUND,
			"%s advises no CA (/cacerts is empty): its certificate is to be verified "
			"by the system's",
			conf->url);
	rk_sha256_hex(text->s, text->len, sum);
	if (rk_streq(sum, pin)) {
		rk_buf_put(out, text->s, text->len);
		return rk_cert_bundle(out->s, out->len, NULL, err);
	}
	if (take_pinned(text, pin, out))
		return 0;
	rk_err_set(err, RK_CONFLICT, "%s: the CA at /cacerts has another fingerprint: %s",
		conf->url,
		rk_cert_parse(&c, text->s, text->len, NULL) == 0 ? rk_cert_fingerprint(c)
								 : "it is no certificate");
	return rk_err_hint(err, "do not go on before you know which one is right");
}

/* Nobody vouches for the connection yet: the certificate that was refused is taken as the anchor
 * of one more request, which carries nothing of ours; the pin then decides about the answer. */
int rk_rancher_pinned_ca(
	const struct rk_rancher_conf *conf, const char *pin, struct rk_buf *out, struct rk_err *err)
{
	rk_auto_buf text = RK_BUF_INIT, peer = RK_BUF_INIT;
	struct rk_rancher_conf again = *conf;
	char want[65];
	bool shown;

	if (normal_pin(pin, want, err) < 0)
		return -1;
	again.ca = NULL;
	if (get_cacerts(&again, &text, &shown, &peer, err) < 0) {
		if (!shown)
			return -1;
		rk_err_clear(err);
		again.ca = peer.s;
		again.ca_len = peer.len;
		if (get_cacerts(&again, &text, &shown, &peer, err) < 0)
			return -1;
	}
	return check_pin(conf, &text, want, out, err);
}

/* --- session --- */

static void set_token(struct rk_rancher *r, const char *token)
{
	char *copy = token ? rk_strdup(token) : NULL;

	rk_free_secret(r->token);
	r->token = copy;
	rk_http_set_bearer(r->http, copy);
	r->hide[0] = copy ? copy : "";
}

void rk_rancher_use(struct rk_rancher *r, const char *token)
{
	set_token(r, token ? token : r->session);
}

static int login_at(struct rk_rancher *r, const char *path, const struct rk_val *body,
	const char *what, struct rk_err *err)
{
	rk_auto_doc *d = rk_doc_new(true);
	rk_auto_free char *name = NULL;
	const char *token;
	struct rk_val *v;

	if (rk_rancher_json(r, "POST", path, body, what, d, &v, err) < 0)
		return -1;
	token = rk_get_str(v, "token", NULL);
	name = token ? rk_rancher_token_name(token) : NULL;
	if (!name)
		return rk_err_set(err, RK_FAIL, "%s: %s: the answer holds no token", r->base, what);
	rk_free_secret(r->session);
	r->session = rk_strdup(token);
	set_token(r, token);
	return 0;
}

static int explain_login(const char *user, struct rk_err *err)
{
	if (err->http == 401)
		return rk_err_hint(err, "wrong user name or password; a bootstrap password is good "
					"until it is first changed");
	if (err->http == 403)
		return rk_err_hint(err,
			"user %s is disabled: another administrator can enable it "
			"again",
			user);
	return -1;
}

int rk_rancher_login(
	struct rk_rancher *r, const char *user, const char *password, struct rk_err *err)
{
	static const char *const paths[] = {
		"/v1-public/login", "/v3-public/localProviders/local?action=login"};
	rk_auto_doc *d = rk_doc_new(true);
	struct rk_val *body = rk_map(d);
	rk_auto_free char *what = rk_asprintf("log in as %s", user);
	int first = rk_rancher_since(r, 13) ? 0 : 1, rc;

	rk_set_str(d, body, "type", "localProvider"); /* without it the newer API says 422 */
	rk_set_str(d, body, "username", user);
	rk_set_str(d, body, "password", password);
	rk_set_str(d, body, "responseType", "json");
	set_token(r, NULL);
	r->hide[0] = "";
	r->hide[1] = password;
	rc = login_at(r, paths[first], body, what, err);
	if (rc < 0 && rk_rancher_lacks(err)) {
		rk_err_clear(err);
		rc = login_at(r, paths[1 - first], body, what, err);
	}
	r->hide[1] = NULL;
	return rc < 0 ? explain_login(user, err) : 0;
}

int rk_rancher_logout(struct rk_rancher *r, struct rk_err *err)
{
	static const char *const paths[] = {"/v1/logout", "/v3/tokens?action=logout"};
	int first = rk_rancher_since(r, 13) ? 0 : 1, rc;

	if (!r->session)
		return 0;
	set_token(r, r->session);
	for (int i = 0;; i++) {
		rk_auto_http_res res = RK_HTTP_RES_INIT;
		rc = rk_rancher_call(r, "POST", paths[first ^ i], NULL, "log out", &res, err);
		if (rc == 0 || i == 1 || !rk_rancher_lacks(err))
			break;
		rk_err_clear(err);
	}
	rk_free_secret(rk_steal(&r->session));
	set_token(r, NULL);
	return rc;
}

/* --- users and settings --- */

int rk_rancher_me(struct rk_rancher *r, char **id, bool *must_change, struct rk_err *err)
{
	rk_auto_doc *d = rk_doc_new(false);
	const struct rk_val *me;
	struct rk_val *v;
	const char *name;

	*id = NULL;
	*must_change = false;
	if (rk_rancher_json(r, "GET", "/v3/users?me=true", NULL, "ask who we are", d, &v, err) < 0)
		return -1;
	me = rk_at(rk_get(v, "data", NULL), 0);
	name = rk_get_str(me, "id", NULL);
	if (!name)
		return rk_err_set(
			err, RK_FAIL, "%s: ask who we are: the answer names no user", r->base);
	*id = rk_strdup(name);
	*must_change = rk_get_bool(me, false, "mustChangePassword", NULL);
	return 0;
}

int rk_rancher_change_password(
	struct rk_rancher *r, const char *current, const char *next, struct rk_err *err)
{
	rk_auto_http_res res = RK_HTTP_RES_INIT;
	rk_auto_doc *d = rk_doc_new(true);
	struct rk_val *body = rk_map(d);
	int rc;

	rk_set_str(d, body, "currentPassword", current);
	rk_set_str(d, body, "newPassword", next);
	r->hide[1] = current;
	r->hide[2] = next;
	rc = rk_rancher_call(r, "POST", "/v3/users?action=changepassword", body,
		"change the password", &res, err);
	r->hide[1] = r->hide[2] = NULL;
	return rc;
}

static char *setting_path(const char *name)
{
	rk_auto_buf path = RK_BUF_INIT;

	rk_buf_puts(&path, "/v3/settings/");
	rk_urlencode(&path, name);
	return rk_buf_detach(&path);
}

int rk_rancher_setting(struct rk_rancher *r, const char *name, char **value, struct rk_err *err)
{
	rk_auto_doc *d = rk_doc_new(false);
	rk_auto_free char *path = setting_path(name), *what = rk_asprintf("read setting %s", name);
	const char *text;
	struct rk_val *v;

	*value = NULL;
	if (rk_rancher_json(r, "GET", path, NULL, what, d, &v, err) < 0)
		return -1;
	text = rk_get_str(v, "value", NULL);
	if (!text || !*text)
		text = rk_get_str(v, "default", NULL);
	*value = rk_strdup(text ? text : "");
	return 0;
}

int rk_rancher_set_setting(
	struct rk_rancher *r, const char *name, const char *value, struct rk_err *err)
{
	rk_auto_http_res res = RK_HTTP_RES_INIT;
	rk_auto_free char *path = setting_path(name), *what = rk_asprintf("set setting %s", name);
	rk_auto_doc *d = rk_doc_new(false);
	struct rk_val *body = rk_map(d);

	rk_set_str(d, body, "value", value);
	return rk_rancher_call(r, "PUT", path, body, what, &res, err);
}
