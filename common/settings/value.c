// SPDX-License-Identifier: Apache-2.0
/* Every value alone, brought into one form. */
#include <regex.h>
#include <strings.h>
#include <sys/stat.h>

#include "tls/tls.h"
#include "os/os.h"
#include "internal.h"

struct check {
	struct rk_settings *s;
	struct rk_problems *p;
	enum rk_key k;
	const struct rk_setting *t; /* of k */
	struct rk_buf out;	    /* the items of a list so far */
};

enum { MUST_NOT, MUST, KEEP };
#define LABEL_CHARS "[-_.A-Za-z0-9]"

/* In place of an expression: what a function knows. */
static const char IP[] = "an IP address", LABEL[] = "a DNS label", NAME[] = "a DNS name";

/* The forms of each kind: extended regular expressions, in this order. KEEP: it must match,
 * and its first group is the part of it that is kept. */
static const struct rule {
	enum rk_set_kind kind;
	int must;
	const char *pattern, *why;
} RULES[] = {
	{RK_SET_HOST, MUST_NOT, "/", "is an address, not a name"},
	{RK_SET_HOST, MUST_NOT, IP, "is an IP address, which an Ingress cannot route"},
	{RK_SET_HOST, MUST_NOT, ":", "includes a port"},
	{RK_SET_HOST, MUST_NOT, "[*]", "is a wildcard"},
	{RK_SET_HOST, MUST, NAME, "is not a DNS name"},

	{RK_SET_REGISTRY, MUST_NOT, "://", "begins with a scheme"},
	{RK_SET_REGISTRY, MUST_NOT, "@", "includes credentials"},
	{RK_SET_REGISTRY, MUST_NOT, "/", "includes a path"},
	{RK_SET_REGISTRY, MUST_NOT, "^[[][^]]*$", "lacks the closing bracket"},
	{RK_SET_REGISTRY, MUST_NOT, "^[^[].*:.*:", "is an IPv6 address without brackets"},

	{RK_SET_SIZE, KEEP, "^([0-9]+[GTM]i)[+]?$", "is not a size"},
	{RK_SET_SIZE, MUST_NOT, "^(0+|[0-9]{10,})[GTM]", "is not a valid size for a volume"},

	{RK_SET_REPO, MUST, "://", "has no scheme"},
	{RK_SET_REPO, MUST_NOT, "://[^/?#]*@",
		"includes credentials (HELM_REPO_USER and HELM_REPO_PASS are for them)"},
	{RK_SET_REPO, MUST_NOT, "[?#]", "includes a query"},
	{RK_SET_REPO, MUST_NOT, "[^!-~]|[\"<>\\^`{|}]", "has characters that no address has"},
	{RK_SET_REPO, MUST_NOT, "^http:", "is not protected by TLS"},
	{RK_SET_REPO, MUST, "^(https|oci):", "has an unknown scheme"},
	{RK_SET_REPO, KEEP, "^([^/]*://.*[^/])/*$", "has no valid host"},
	{RK_SET_REPO, MUST, "^https:|^oci://[^/]*/.", "names a registry but no chart"},
	{RK_SET_REPO, MUST_NOT, "^oci://.*/[^/]*:[^/]*$",
		"includes a version, which has a separate key"},

	{RK_SET_VERSION, MUST, "^v?[0-9][-+._A-Za-z0-9]{0,99}$", "is not a version"},
	{RK_SET_RELEASE, KEEP, "^v?([0-9][-+._A-Za-z0-9]{0,99})$", "is not a version"},

	/* What rancher/k3s publishes: v1.34.7-k3s1, v1.34.7-rc2-k3s1, and for one architecture
	 * v1.34.7-k3s1-arm64. k3k passes the tag on unchecked; the servers then never pull an image.
	 * Every release of Kubernetes so far is one of 1. */
	{RK_SET_K3S, MUST, "^v1[.][0-9]{1,2}[.][0-9]{1,3}([^0-9]|$)", "is not a release of k3s"},
	{RK_SET_K3S, MUST_NOT, "^[^-]*(-rc[0-9]*)?-rke2",
		"is a release of RKE2, which is not an image of rancher/k3s"},
	{RK_SET_K3S, MUST, "^[v.0-9]*(-rc[0-9]*)?-k3s[0-9]{1,2}([^0-9]|$)",
		"lacks the suffix -k3s1 (or -k3s2 and so on) of k3s' images"},
	{RK_SET_K3S, MUST, "^[^k]*k3s[0-9]+(-(amd64|arm64|arm|s390x|riscv64))?$",
		"is not a tag of rancher/k3s"},

	{RK_SET_LABEL, MUST, LABEL, "is not a DNS label"},
	{RK_SET_NAMESPACE, MUST, LABEL, "is not a DNS label"},
	{RK_SET_CLUSTER, MUST_NOT, "^system$", "is reserved by k3k"},
	{RK_SET_CLUSTER, MUST, LABEL, "is not a DNS label"},
	{RK_SET_NAME, MUST, NAME, "is not an object name"},
	{RK_SET_COUNT, KEEP, "^0*([0-9]|[1-9][0-9]|100)$", "is not such a number"},

	/* as much of a Kubernetes quantity as people write: digits, a fraction, a suffix */
	{RK_SET_QUANTITY, MUST, "^[0-9]{1,9}([.][0-9]+)?(m|[kMGT]|[KMGT]i)?$", "is not a quantity"},
	{RK_SET_QUANTITY, MUST_NOT, "^[0.]+[A-Za-z]*$", "is not a quantity"},

	/* [PREFIX/]NAME=VALUE; Kubernetes allows 63 bytes of name and of value */
	{RK_SET_LABELS, MUST, "^[^=]+=", "is not KEY=VALUE"},
	{RK_SET_LABELS, MUST, "^([^/=]*/)?" LABEL_CHARS "{1,63}=", "has no valid name"},
	{RK_SET_LABELS, MUST, "^[^=]*=" LABEL_CHARS "{0,63}$", "has no valid value"},

	{RK_SET_EMAIL, MUST, "^[^@ ,;<>\"\t]+@[^@ ,;<>\"\t]*[.][^@ ,;<>\"\t]*$",
		"is not an e-mail address"},
};

/* Returns what is wrong with a value of this kind, or NULL; *v becomes what is kept of it, in d. */
static const char *apply_rules(struct rk_doc *d, enum rk_set_kind kind, char **v)
{
	for (const struct rule *r = RULES; r < RULES + RK_COUNT(RULES); r++) {
		regmatch_t m[2];
		bool matches;
		regex_t re;

		if (r->kind != kind)
			continue;
		if (r->pattern == IP) {
			matches = rk_ip_family(*v);
		} else if (r->pattern == LABEL) {
			matches = rk_label_ok(*v, strlen(*v));
		} else if (r->pattern == NAME) {
			matches = rk_subdomain_ok(*v);
		} else {
			if (regcomp(&re, r->pattern, REG_EXTENDED))
				abort();
			matches = regexec(&re, *v, r->must == KEEP ? 2 : 0, m, 0) == 0;
			regfree(&re);
		}
		if (matches != (r->must != MUST_NOT))
			return r->why;
		if (r->must == KEEP)
			*v = rk_doc_strndup(d, *v + m[1].rm_so, (size_t)(m[1].rm_eo - m[1].rm_so));
	}
	return NULL;
}

/* What follows takes a value that keeps the rules, or one item of a list, and may put another into *v.
 * Returns NULL, or what is wrong; "" when that is reported already. */

static const char *check_registry(struct check *c, char **v)
{
	char *host = rk_doc_strndup(c->s->d, *v, strlen(*v));
	char *close = strchr(host, ']'), *colon = strchr(close ? close : host, ':');
	int64_t port;

	if (colon) {
		*colon++ = '\0';
		if (!rk_parse_int(colon, 1, 65535, &port))
			return "has no valid port";
	}
	if (!close)
		return rk_subdomain_ok(host) ? NULL : "is not a host name";
	if (*host != '[' || close[1])
		return "is not an IPv6 address";
	*close = '\0';
	return rk_ip_family(host + 1) == 6 ? NULL : "is not an IPv6 address";
}

static const char *check_repo(struct check *c, char **v)
{
	char *host = strstr(*v, "://") + 3;

	host = rk_lower(rk_doc_strndup(c->s->d, host, strcspn(host, "/")));
	return apply_rules(c->s->d, RK_SET_REGISTRY, &host) || check_registry(c, &host)
		       ? "has no valid host"
		       : NULL;
}

static const char *check_choice(struct check *c, char **v)
{
	size_t n;

	rk_each_item (choice, n, c->t->form, "|")
		if (n == strlen(*v) && !strncasecmp(choice, *v, n)) {
			*v = rk_doc_strndup(c->s->d, choice, n);
			return NULL;
		}
	return "is not one of the choices";
}

static const char *check_yesno(struct check *c, char **v)
{
	bool yes = rk_listed("yes,y,true,1,on", *v);

	if (!yes && !rk_listed("no,n,false,0,off", *v))
		return "is neither";
	*v = rk_doc_printf(c->s->d, yes ? "yes" : "no");
	return NULL;
}

int rk_setting_pem(enum rk_key k, const char *path, struct rk_buf *out, struct rk_err *err)
{
	bool key = rk_settings_table[k].flags & RK_SETF_KEY;

	out->secret = out->secret || key;
	if (rk_file_read(path, RK_SETTINGS_FILE_MAX, out, err) < 0)
		return -1;
	if (key ? rk_cert_admit_key(out, err) < 0 : rk_cert_admit(out, false, err) < 0)
		return rk_err_wrap(err, "%s", path);
	return 0;
}

/* Certificates are checked here, since a bad file would stop the deployment half-way, or carry a key to
 * where everybody reads it. Whether a key is one is for the steps that need it. */
static const char *check_file(struct check *c, char **v)
{
	rk_auto_free char *cwd = getcwd(NULL, 0), *path = rk_path_resolve(*v, cwd);
	rk_auto_buf pem = RK_BUF_INIT;
	struct rk_err err = RK_ERR_INIT;
	struct stat st;

	if (c->t->kind == RK_SET_SOURCE && rk_listed("docker,helm", *v))
		return NULL;
	*v = rk_doc_strndup(c->s->d, path, strlen(path));
	if (stat(*v, &st) < 0 || access(*v, R_OK) < 0)
		return "cannot be read";
	if (S_ISDIR(st.st_mode))
		return "is a directory";
	if (!(c->t->flags & RK_SETF_CERT) || rk_setting_pem(c->k, *v, &pem, &err) == 0)
		return NULL;
	rk_problem_add(c->p, true, c->t->name, "%s%s%s", err.msg, *err.hint ? "; " : "", err.hint);
	return "";
}

/* Where k3s would end with a fatal error at every start. Sources: kube-apiserver refused service
 * networks of more than 20 bits up to 1.33 (validateMaxCIDRRange); k3s takes the tenth address of the
 * service network for its DNS; kube-controller-manager cuts the cluster network into one of /24 or
 * /64 for each node, and IPv6 into at most 2^16 of them (nodeipam, cidrset). */
static const char *check_cidr(struct check *c, char **v)
{
	bool services = c->k == RK_KEY_SERVICE_CIDR, v4;
	struct rk_net net, others[2];
	const char *why = rk_net_parse(*v, &net);
	size_t n = rk_net_list(c->out.s, others, 2);
	int min, max;

	if (why)
		return why;
	while (n-- > 0)
		if (others[n].family == net.family)
			return "is a second network of one family";
	v4 = net.family == 4;
	min = services ? (v4 ? 12 : 108) : (v4 ? 0 : 48);
	max = services ? (v4 ? 28 : 124) : (v4 ? 24 : 64);
	if (net.bits < min)
		return rk_doc_printf(c->s->d, "is too large for %s (at most /%d)",
			services ? "services" : "pods", min);
	if (net.bits <= max)
		return NULL;
	return rk_doc_printf(c->s->d,
		services ? "is too small for services (at least /%d)"
			 : "is too small: every node takes a /%d of it",
		max);
}

/* The StatefulSet k3k-CLUSTER-server puts its name and an 11-byte revision hash into a label of its
 * pods, which holds 63 bytes: with a longer name no pod is ever made. The namespace keeps room for
 * the prefix k3k-. */
static const char *check_length(struct check *c, char **v)
{
	size_t n = strlen(*v);

	return n > (c->t->kind == RK_SET_CLUSTER ? 41 : 59)
		       ? rk_doc_printf(c->s->d, "has %zu characters", n)
		       : NULL;
}

static const char *check_prefix(struct check *c, char **v)
{
	size_t n = strcspn(*v, "/=");

	return (*v)[n] == '/' && !rk_subdomain_ok(rk_doc_strndup(c->s->d, *v, n))
		       ? "has no valid prefix"
		       : NULL;
}

/* What rules cannot say. */
static const char *(*const CHECKS[])(struct check *c, char **v) = {
	[RK_SET_REGISTRY] = check_registry,
	[RK_SET_CHOICE] = check_choice,
	[RK_SET_YESNO] = check_yesno,
	[RK_SET_REPO] = check_repo,
	[RK_SET_FILE] = check_file,
	[RK_SET_SOURCE] = check_file,
	[RK_SET_CIDR] = check_cidr,
	[RK_SET_CLUSTER] = check_length,
	[RK_SET_NAMESPACE] = check_length,
	[RK_SET_LABELS] = check_prefix,
	[RK_SET_EMAIL] = NULL,
};

/* A value, or an item of one, without blanks at its ends, as its kind writes it. */
static char *tidy(struct check *c, const char *v, size_t n)
{
	char *out;

	while (n && strchr(" \t\r\n", v[0]))
		v++, n--;
	while (n && strchr(" \t\r\n", v[n - 1]))
		n--;
	out = rk_doc_strndup(c->s->d, v, n);
	if (c->t->kind == RK_SET_HOST || c->t->kind == RK_SET_REGISTRY ||
		c->t->kind == RK_SET_YESNO || c->t->kind == RK_SET_CIDR)
		rk_lower(out);
	for (char *p = out; c->t->kind == RK_SET_REPO && *p && *p != ':'; p++)
		*p |= *p >= 'A' && *p <= 'Z' ? 0x20 : 0;
	/* an image tag cannot hold the plus sign of a k3s release */
	for (char *p = out; c->t->kind == RK_SET_K3S && *p; p++)
		*p = *p == '+' ? '-' : *p;
	return out;
}

/* The value is shown printable and short; a secret never. */
static void refuse(struct check *c, const char *v, const char *why)
{
	char text[80];
	size_t n = 0;

	for (; *v && n < 64; v++)
		text[n++] = (unsigned char)*v < 0x20 || *v == 0x7f ? '?' : *v;
	memcpy(text + n, *v ? "..." : "", *v ? 4 : 1);
	if (c->t->flags & RK_SETF_SECRET)
		rk_problem_add(c->p, true, c->t->name, "%s; expected %s", why, c->t->form);
	else
		rk_problem_add(
			c->p, true, c->t->name, "\"%s\" %s; expected %s", text, why, c->t->form);
}

void rk_setting_check(struct rk_settings *s, enum rk_key k, struct rk_problems *p)
{
	struct check c = {s, p, k, &rk_settings_table[k], RK_BUF_INIT};
	enum rk_set_kind kind = c.t->kind;
	bool list = c.t->flags & RK_SETF_LIST, good = true;
	const char *v = s->v[k].s ? s->v[k].s : "";
	uint32_t cp;
	size_t n;

	for (size_t i = 0, len = strlen(v); i < len; i += n) {
		n = rk_utf8(v + i, len - i, &cp);
		if (!n) {
			refuse(&c, "", "is not UTF-8");
			return;
		}
	}
	if (!*v || kind == RK_SET_TEXT)
		return;
	rk_each_item (at, n, v, list ? "," : "") {
		char *item = tidy(&c, at, n);
		const char *why = NULL;

		if (list && !*item)
			continue;
		why = apply_rules(s->d, kind, &item);
		if (!why && CHECKS[kind])
			why = CHECKS[kind](&c, &item);
		good = good && !why;
		if (why && *why)
			refuse(&c, list ? item : v, why);
		else if (!why && !(list && rk_listed(c.out.s, item)))
			rk_buf_addf(&c.out, "%s%s", c.out.len ? "," : "", item);
	}
	if (good && !c.out.len)
		refuse(&c, v, "names nothing");
	else if (good)
		rk_settings_replace(s, k, c.out.s);
	rk_buf_release(&c.out);
}
