// SPDX-License-Identifier: Apache-2.0
/* Any text as each of the small words that rk3k reads: numbers, durations, times, base64, names,
 * addresses, conditions, parameters of a manifest. What is taken is in its bounds and comes back
 * the same; what is printed is fit for a terminal. */
#include "cli/cli.h"
#include "kube/kube.h"
#include "data/data.h"
#include "k3k/k3k.h"
#include "out/out.h"
#include "rancher/rancher.h"
#include "settings/internal.h"
#include "must.h"

#define YEAR_10000 INT64_C(253402300800)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* --- numbers and times --- */

static void numbers(const char *s)
{
	char text[32];
	int64_t n = 7, back;

	if (!rk_parse_int(s, -99, INT64_MAX, &n)) {
		MUST(n == 7);
		return;
	}
	snprintf(text, sizeof(text), "%lld", (long long)n);
	MUST(n >= -99 && rk_parse_int(text, n, n, &back) && back == n);
}

static void durations(const char *s)
{
	rk_auto_free char *minus = rk_asprintf("-%s", s), *plus = rk_asprintf("+%s", s);
	int64_t ms, other;

	if (!rk_parse_duration(s, false, &ms))
		return;
	MUST(ms <= INT64_MAX / 1000000 && ms >= INT64_MIN / 1000000);
	if (*s == '-' || *s == '+') {
		MUST(!rk_parse_duration(minus, false, &other) &&
			!rk_parse_duration(plus, false, &other));
		return;
	}
	MUST(ms >= 0);
	MUST(rk_parse_duration(minus, false, &other) && other == -ms);
	MUST(rk_parse_duration(plus, false, &other) && other == ms);
}

static void times(const char *s)
{
	int64_t t = rk_time_parse(s);
	char text[32], age[16];

	rk_age(t, age);
	MUST(*age);
	if (t < 0 || t >= YEAR_10000)
		return;
	rk_time_format(t, text);
	MUST(rk_time_parse(text) == t);
}

static void versions(const char *s)
{
	int64_t v[3];

	if (rk_version_parse(s, v)) {
		MUST(v[0] >= 0 && v[1] >= 0 && v[2] >= 0 && rk_version_cmp(s, s) == 0);
		MUST(rk_version_at_least(s, v[0], v[1]));
		MUST(!rk_version_at_least(s, v[0], v[1] + 1));
	} else {
		MUST(!v[0] && !rk_version_at_least(s, 0, 0));
	}
}

/* --- bytes --- */

static void base64(const char *s, size_t n)
{
	rk_auto_buf text = RK_BUF_INIT, back = RK_BUF_INIT, bytes = RK_BUF_INIT, same = RK_BUF_INIT;
	size_t at = 0;

	rk_base64(&text, s, n);
	MUST(rk_base64_decode(&back, text.s, text.len, NULL) == 0);
	MUST(back.len == n && (!n || !memcmp(back.s, s, n)));
	if (rk_base64_decode(&bytes, s, n, NULL) < 0)
		return;
	rk_base64(&same, bytes.s, bytes.len);
	/* the last digit before the padding may have spare bits, which Go does not look at either */
	for (size_t i = 0; i < n; i++)
		if (!memchr(" \t\r\n", s[i], 4)) {
			MUST(at < same.len && (same.s[at] == s[i] || same.s[at + 1] == '='));
			at++;
		}
	MUST(at == same.len);
}

static bool is_utf8(const char *s, size_t n)
{
	uint32_t cp;
	char again[4];

	for (size_t len; n; s += len, n -= len) {
		len = rk_utf8(s, n, &cp);
		if (!len)
			return false;
		MUST(rk_utf8_put(again, cp) == len && !memcmp(again, s, len));
	}
	return true;
}

static void printed(const char *s, size_t n)
{
	rk_auto_buf once = RK_BUF_INIT, twice = RK_BUF_INIT;

	rk_printable(&once, s, n, " ");
	MUST(is_utf8(once.s, once.len));
	for (size_t i = 0; i < once.len; i++)
		MUST((unsigned char)once.s[i] >= ' ' && once.s[i] != 0x7f);
	rk_printable(&twice, once.s, once.len, " ");
	MUST(rk_streq(once.s, twice.s));
}

static int hex(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static void encoded(const char *s)
{
	rk_auto_buf url = RK_BUF_INIT;
	const char *p;

	rk_urlencode(&url, s);
	for (p = url.s; *p; s++) {
		int c = *p;

		MUST(c > ' ' && !strchr("/?#&=+:@", c));
		if (c == '%') {
			MUST(hex(p[1]) >= 0 && hex(p[2]) >= 0);
			c = hex(p[1]) * 16 + hex(p[2]);
			p += 2;
		}
		MUST((char)c == *s);
		p++;
	}
	MUST(!*s);
}

/* A setting of any text takes UTF-8 and nothing else. */
static void setting(const char *s)
{
	rk_auto_settings *set = rk_settings_new();
	rk_auto_problems p = {0};

	rk_settings_put(set, RK_KEY_HELM_REPO_USER, s, RK_FROM_FILE);
	rk_setting_check(set, RK_KEY_HELM_REPO_USER, &p);
	MUST((p.n == 0) == is_utf8(s, strlen(s)));
}

/* --- names and addresses --- */

static void names(const char *s)
{
	char *ns, *name, *ns2, *name2;
	rk_auto_doc *d = rk_doc_new(false);
	const char *token = rk_rancher_token_name(d, s);
	rk_auto_free char *host = rk_repo_host(s), *ref = NULL;
	char k3k[64];

	MUST(!token || (rk_prefix(s, token) && s[strlen(token)] == ':' && s[strlen(token) + 1]));
	MUST(!host || (*host && !strpbrk(host, "/?#ABCXYZ")));
	rk_k3k_name(k3k, s, "server");
	MUST(rk_prefix(k3k, "k3k-") && strlen(k3k) <= 63);
	if (rk_k3k_ref(s, "default", &ns, &name, NULL) < 0)
		return;
	ref = rk_asprintf("%s/%s", ns, name);
	MUST(rk_k3k_ref(ref, "", &ns2, &name2, NULL) == 0);
	MUST(rk_streq(ns, ns2) && rk_streq(name, name2));
	rk_k3k_name(k3k, name, NULL);
	MUST(k3k[strlen(k3k) - 1] != '-');
	free(ns), free(name), free(ns2), free(name2);
}

static void addresses(const char *s)
{
	struct rk_err err = RK_ERR_INIT;
	struct rk_net net;
	rk_auto_doc *d = rk_doc_new(false);
	const char *url = NULL;

	if (rk_rancher_url(d, s, &url, &err) == 0)
		MUST(rk_prefix(url, "https://") && url[8] && !strpbrk(url + 8, "/?#@ \"\\%"));
	else
		MUST(err.code == RK_USAGE);
	if (!rk_net_parse(s, &net))
		MUST(rk_cidr_overlap(s, s) &&
			rk_cidr_overlap("0.0.0.0/1,128.0.0.0/1,::/1,8000::/1", s));
}

/* --- conditions --- */

static void conditions(const char *s)
{
	rk_auto_free char *path = rk_asprintf("jsonpath=%s", s);
	rk_auto_buf why = RK_BUF_INIT;
	struct rk_cond c;

	if (rk_cond_parse(&c, s, NULL) == 0)
		MUST(rk_cond_holds(&c, NULL, &why) == (c.kind == RK_COND_DELETE));
	rk_cond_release(&c);
	if (rk_cond_parse(&c, path, NULL) == 0)
		MUST(c.kind == RK_COND_JSONPATH && c.path);
	rk_cond_release(&c);
}

/* --- templates of -o --- */

/* What is taken prints the same again, in bounds. */
static void templates(const char *s)
{
	static const char text[] = "{a: {b: 1, c: [x, 2, true, null]}, l: [{n: x, v: 7}, {n: y}]}";
	rk_auto_doc *d = rk_doc_new(false);
	rk_auto_jsonpath *p = NULL, *one = NULL;
	rk_auto_buf first = RK_BUF_INIT, again = RK_BUF_INIT;
	struct rk_val *v;
	struct rk_found found = {0};

	MUST(rk_yaml_parse(d, text, sizeof(text) - 1, &v, NULL) == 0);
	if (rk_jsonpath_parse(s, &p, NULL) == 0)
		MUST(rk_jsonpath_print(p, v, &first, NULL) ==
				rk_jsonpath_print(p, v, &again, NULL) &&
			rk_streq(first.s, again.s));
	if (rk_jsonpath_parse_one(s, &one, NULL) == 0 &&
		rk_jsonpath_find(one, v, &found, NULL) == 0)
		for (size_t i = 0; i < found.n; i++)
			rk_jsonpath_text(found.v[i], &again);
	rk_found_release(&found);
	MUST(rk_jsonpath_sort(rk_mut(rk_get(v, "l", NULL)), s, NULL) <= 0);
	MUST(rk_get(v, "l", NULL)->count == 2);
}

/* --- manifests --- */

/* A value is never syntax; as a template the text brings none of its own parameters in. */
static void manifest(const char *s, size_t n)
{
	static const char text[] = "# ${a}: any\n---\nk: \"${a}\"\nm: ['<${a}>']\n";
	rk_auto_doc *d = rk_doc_new(false);
	struct rk_val *params = rk_map(d), *out;
	const struct rk_val *v;
	rk_auto_buf want = RK_BUF_INIT;

	rk_set(d, params, "a", rk_stringn(d, s, n));
	MUST(rk_manifest_fill(d, "t", text, sizeof(text) - 1, params, &out, NULL) == 0);
	v = rk_get(rk_at(out, 0), "k", NULL);
	MUST(v && v->kind == RK_STR && v->len == n && !memcmp(v->s, s, n));
	rk_buf_putc(&want, '<');
	rk_buf_put(&want, s, n);
	rk_buf_putc(&want, '>');
	v = rk_at(rk_get(rk_at(out, 0), "m", NULL), 0);
	MUST(v && v->len == want.len && !memcmp(v->s, want.s, v->len));
	if (rk_manifest_fill(d, "t", s, n, params, &out, NULL) == 0)
		MUST(memmem(s, n, "${a}", 4));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	rk_auto_free char *text = rk_strndup((const char *)data, size);

	if (size > 5000) /* words are short; some of this is slow */
		return 0;
	numbers(text);
	durations(text);
	times(text);
	versions(text);
	base64((const char *)data, size);
	printed((const char *)data, size);
	encoded(text);
	setting(text);
	names(text);
	addresses(text);
	conditions(text);
	templates(text);
	manifest((const char *)data, size);
	return 0;
}
