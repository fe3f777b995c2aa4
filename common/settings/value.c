// SPDX-License-Identifier: Apache-2.0
/* Every value alone, brought into one form. */
#include <strings.h>
#include <sys/stat.h>

#include "tls/tls.h"
#include "os/os.h"
#include "internal.h"

#define DIGITS	"0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

struct check {
	struct rk_settings *s;
	struct rk_problems *p;
	enum rk_key k;
	const struct rk_setting *t; /* of k */
};

/* A check takes a value, or one item of a list, without blanks around it; it may change the text or
 * put another into *v. Returns NULL, or what is wrong; "" when that is reported already. */

static const char *check_host(struct check *c RK_UNUSED, char **v)
{
	if (strstr(*v, "://") || strchr(*v, '/'))
		return "is an address, not a name";
	if (rk_ip_family(*v))
		return "is an IP address, which an Ingress cannot route";
	if (strchr(*v, ':'))
		return "includes a port";
	if (strchr(*v, '*'))
		return "is a wildcard";
	return rk_subdomain_ok(*v) ? NULL : "is not a DNS name";
}

static const char *check_registry(struct check *c RK_UNUSED, char **v)
{
	const char *r = *v, *colon = strrchr(r, ':'), *close = strrchr(r, ']');
	rk_auto_free char *host = NULL;
	size_t n = strlen(r);
	int64_t port;

	if (strstr(r, "://"))
		return "begins with a scheme";
	if (strchr(r, '@'))
		return "includes credentials";
	if (strchr(r, '/'))
		return "includes a path";
	if (*r == '[' && !close)
		return "lacks the closing bracket";
	if (colon && (!close || colon > close)) {
		if (*r != '[' && memchr(r, ':', (size_t)(colon - r)))
			return "is an IPv6 address without brackets";
		if (!rk_parse_int(colon + 1, 1, 65535, &port))
			return "has no valid port";
		n = (size_t)(colon - r);
	}
	if (*r == '[') {
		host = rk_strndup(r + 1, (size_t)(close - r - 1));
		return close == r + n - 1 && rk_ip_family(host) == 6 ? NULL
								     : "is not an IPv6 address";
	}
	host = rk_strndup(r, n);
	return rk_subdomain_ok(host) ? NULL : "is not a host name";
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
	*v = rk_doc_strndup(c->s->d, yes ? "yes" : "no", yes ? 3 : 2);
	return NULL;
}

static const char *check_size(struct check *c RK_UNUSED, char **v)
{
	size_t n = strlen(*v), len = strspn(*v, DIGITS);

	if (n && (*v)[n - 1] == '+')
		(*v)[--n] = '\0';
	if (!len || n != len + 2 || (*v)[len + 1] != 'i' || !strchr("GTM", (*v)[len]))
		return "is not a size";
	return strspn(*v, "0") == len || len > 9 ? "is not a valid size for a volume" : NULL;
}

static const char *check_repo(struct check *c, char **v)
{
	char *r = *v, *host, *name;
	const char *path;
	size_t n = strlen(r);

	while (n && r[n - 1] == '/' && !rk_suffix(r, "://"))
		r[--n] = '\0';
	host = strstr(r, "://");
	if (!host)
		return "has no scheme";
	*host = '\0';
	rk_lower(r);
	*host = ':';
	host += 3;
	path = host + strcspn(host, "/?#");
	if (memchr(host, '@', (size_t)(path - host)))
		return "includes credentials (HELM_REPO_USER and HELM_REPO_PASS are for them)";
	if (strpbrk(path, "?#"))
		return "includes a query";
	for (const char *p = r; *p; p++)
		if ((unsigned char)*p <= ' ' || (unsigned char)*p >= 0x7f ||
			strchr("\"<>\\^`{|}", *p))
			return "has characters that no address has";
	if (rk_prefix(r, "http://"))
		return "is not protected by TLS";
	if (!rk_prefix(r, "https://") && !rk_prefix(r, "oci://"))
		return "has an unknown scheme";
	name = rk_lower(rk_doc_strndup(c->s->d, host, (size_t)(path - host)));
	if (check_registry(c, &name))
		return "has no valid host";
	if (rk_prefix(r, "oci://") && (*path != '/' || !path[1]))
		return "names a registry but no chart";
	if (rk_prefix(r, "oci://") && strchr(strrchr(path, '/'), ':'))
		return "includes a version, which has a separate key";
	return NULL;
}

static const char *check_version(struct check *c, char **v)
{
	bool tag = **v == 'v' && strspn(*v + 1, DIGITS);

	if (strlen(*v) > 100 || (*v)[strspn(*v, DIGITS LETTERS "._+-")] ||
		(!tag && !strspn(*v, DIGITS)))
		return "is not a version";
	if (c->k == RK_KEY_K3K_VERSION)
		*v += tag;
	return NULL;
}

static bool skip_digits(char **p, size_t max)
{
	size_t n = strspn(*p, DIGITS);

	*p += n;
	return n && n <= max;
}

/* What rancher/k3s publishes: v1.34.7-k3s1, v1.34.7-rc2-k3s1, and for one architecture
 * v1.34.7-k3s1-arm64. k3k passes the tag on unchecked; the servers then never pull an image. */
static const char *check_k3s(struct check *c RK_UNUSED, char **v)
{
	char *p;

	/* An image tag cannot hold the plus sign of a k3s release. */
	for (p = *v; *p; p++)
		if (*p == '+')
			*p = '-';
	/* Every release of Kubernetes so far is one of 1. */
	p = *v + 3;
	if (!rk_prefix(*v, "v1.") || !skip_digits(&p, 2) || *p++ != '.' || !skip_digits(&p, 3))
		return "is not a release of k3s";
	if (rk_prefix(p, "-rc")) {
		p += 3;
		skip_digits(&p, 2);
	}
	if (rk_prefix(p, "-rke2"))
		return "is a release of RKE2, which is not an image of rancher/k3s";
	if (!rk_prefix(p, "-k3s"))
		return "lacks the suffix -k3s1 (or -k3s2 and so on) of k3s' images";
	p += 4;
	if (!skip_digits(&p, 2))
		return "lacks the suffix -k3s1 (or -k3s2 and so on) of k3s' images";
	return !*p || rk_listed("-amd64,-arm64,-arm,-s390x,-riscv64", p)
		       ? NULL
		       : "is not a tag of rancher/k3s";
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

static char *absolute(struct check *c, const char *v)
{
	rk_auto_free char *cwd = getcwd(NULL, 0), *path = rk_path_resolve(v, cwd);

	return rk_doc_strndup(c->s->d, path, strlen(path));
}

/* Certificates are checked here, since a bad file would stop the deployment half-way, or carry a key to
 * where everybody reads it. Whether a key is one is for the steps that need it. */
static const char *check_file(struct check *c, char **v)
{
	rk_auto_buf pem = RK_BUF_INIT;
	struct rk_err err = RK_ERR_INIT;
	struct stat st;

	*v = absolute(c, *v);
	if (stat(*v, &st) < 0 || access(*v, R_OK) < 0)
		return "cannot be read";
	if (S_ISDIR(st.st_mode))
		return "is a directory";
	if (!(c->t->flags & RK_SETF_CERT) || rk_setting_pem(c->k, *v, &pem, &err) == 0)
		return NULL;
	rk_problem_add(c->p, true, c->t->name, "%s%s%s", err.msg, *err.hint ? "; " : "", err.hint);
	return "";
}

/* docker and helm stay, files become absolute. */
static const char *check_source(struct check *c, char **v)
{
	if (rk_listed("docker,helm", *v))
		return NULL;
	*v = absolute(c, *v);
	return access(*v, R_OK) < 0 ? "cannot be read" : NULL;
}

/* Where k3s would end with a fatal error at every start. Sources: kube-apiserver refused service
 * networks of more than 20 bits up to 1.33 (validateMaxCIDRRange); k3s takes the tenth address of the
 * service network for its DNS; kube-controller-manager cuts the cluster network into one of /24 or
 * /64 for each node, and IPv6 into at most 2^16 of them (nodeipam, cidrset). */
static const char *check_network(struct check *c, const char *text, struct rk_net *n)
{
	const char *why = rk_net_parse(text, n);
	bool v4 = !why && n->family == 4;
	int host_bits = (v4 ? 32 : 128) - n->bits;

	if (why)
		return why;
	if (c->k == RK_KEY_SERVICE_CIDR && host_bits > 20)
		return v4 ? "is too large for services (at most /12)"
			  : "is too large for services (at most /108)";
	if (c->k == RK_KEY_SERVICE_CIDR && host_bits < 4)
		return v4 ? "is too small for services (at least /28)"
			  : "is too small for services (at least /124)";
	if (c->k == RK_KEY_CLUSTER_CIDR && n->bits > (v4 ? 24 : 64))
		return v4 ? "is too small: every node takes a /24 of it"
			  : "is too small: every node takes a /64 of it";
	if (c->k == RK_KEY_CLUSTER_CIDR && !v4 && n->bits < 48)
		return "is too large for pods (at most /48)";
	return NULL;
}

/* Take blanks off both ends and, if asked, letters to lower case, in the arena. */
static char *tidy(struct check *c, const char *v, size_t n, bool lower)
{
	char *out;

	while (n && strchr(" \t\r\n", v[0]))
		v++, n--;
	while (n && strchr(" \t\r\n", v[n - 1]))
		n--;
	out = rk_doc_strndup(c->s->d, v, n);
	return lower ? rk_lower(out) : out;
}

static const char *check_cidr(struct check *c, char **v)
{
	size_t n = strcspn(*v, ",");
	char *first = tidy(c, *v, n, false), *second;
	struct rk_net a, b;
	const char *why = check_network(c, first, &a);

	if (why || !(*v)[n]) {
		*v = first;
		return why;
	}
	second = tidy(c, *v + n + 1, strlen(*v + n + 1), false);
	why = check_network(c, second, &b);
	*v = rk_doc_printf(c->s->d, "%s,%s", first, second);
	return !why && a.family == b.family ? "has two networks of one family" : why;
}

static const char *check_email(struct check *c RK_UNUSED, char **v)
{
	const char *at = strchr(*v, '@');

	return !at || at == *v || strchr(at + 1, '@') || !strchr(at, '.') ||
			       (*v)[strcspn(*v, " ,;<>\"\t")]
		       ? "is not an e-mail address"
		       : NULL;
}

static const char *check_label(struct check *c RK_UNUSED, char **v)
{
	return rk_label_ok(*v, strlen(*v)) ? NULL : "is not a DNS label";
}

/* The StatefulSet k3k-CLUSTER-server puts its name and an 11-byte revision hash into a label of its
 * pods, which holds 63 bytes: with a longer name no pod is ever made. The namespace keeps room for
 * the prefix k3k-. */
static const char *check_cluster(struct check *c, char **v)
{
	size_t n = strlen(*v);

	if (c->k == RK_KEY_CLUSTER && rk_streq(*v, "system"))
		return "is reserved by k3k";
	if (!rk_label_ok(*v, n))
		return "is not a DNS label";
	return n > (c->k == RK_KEY_CLUSTER ? 41 : 59)
		       ? rk_doc_printf(c->s->d, "has %zu characters", n)
		       : NULL;
}

static const char *check_name(struct check *c RK_UNUSED, char **v)
{
	return rk_subdomain_ok(*v) ? NULL : "is not an object name";
}

static const char *check_count(struct check *c, char **v)
{
	int64_t n;

	if (!rk_parse_int(*v, 0, 100, &n))
		return "is not such a number";
	*v = rk_doc_printf(c->s->d, "%lld", (long long)n);
	return NULL;
}

/* As much of a Kubernetes quantity as people write: digits, a fraction, a suffix. */
static const char *check_quantity(struct check *c RK_UNUSED, char **v)
{
	size_t n = strspn(*v, DIGITS), fraction = 0;
	const char *suffix;

	if (n && (*v)[n] == '.')
		fraction = 1 + strspn(*v + n + 1, DIGITS);
	suffix = *v + n + fraction;
	return n && n <= 9 && fraction != 1 && strspn(*v, "0.") != n + fraction &&
			       (!*suffix || rk_listed("m,k,M,G,T,Ki,Mi,Gi,Ti", suffix))
		       ? NULL
		       : "is not a quantity";
}

/* [PREFIX/]NAME=VALUE; Kubernetes allows 63 bytes of name and of value. */
static const char *check_pair(struct check *c, char **v)
{
	static const char set[] = DIGITS LETTERS "-_.";
	const char *pair = *v, *eq = strchr(pair, '='), *name = pair, *slash;

	if (!eq || eq == pair)
		return "is not KEY=VALUE";
	slash = memchr(pair, '/', (size_t)(eq - pair));
	if (slash) {
		if (!rk_subdomain_ok(rk_doc_strndup(c->s->d, pair, (size_t)(slash - pair))))
			return "has no valid prefix";
		name = slash + 1;
	}
	if (name == eq || eq - name > 63 || strspn(name, set) != (size_t)(eq - name))
		return "has no valid name";
	return strlen(eq + 1) > 63 || eq[1 + strspn(eq + 1, set)] ? "has no valid value" : NULL;
}

/* By kind; any text will do for RK_SET_TEXT. */
static const struct kind {
	const char *(*check)(struct check *c, char **v);
	bool list, lower;
} KINDS[] = {
	[RK_SET_TEXT] = {NULL, false, false},
	[RK_SET_HOST] = {check_host, false, true},
	[RK_SET_HOSTS] = {check_host, true, true},
	[RK_SET_REGISTRY] = {check_registry, false, true},
	[RK_SET_REGISTRIES] = {check_registry, true, true},
	[RK_SET_CHOICE] = {check_choice, false, false},
	[RK_SET_YESNO] = {check_yesno, false, true},
	[RK_SET_SIZE] = {check_size, false, false},
	[RK_SET_REPO] = {check_repo, false, false},
	[RK_SET_VERSION] = {check_version, false, false},
	[RK_SET_FILE] = {check_file, false, false},
	[RK_SET_SOURCES] = {check_source, true, false},
	[RK_SET_K3S] = {check_k3s, false, false},
	[RK_SET_CIDR] = {check_cidr, false, true},
	[RK_SET_LABEL] = {check_label, false, false},
	[RK_SET_CLUSTER] = {check_cluster, false, false},
	[RK_SET_NAME] = {check_name, false, false},
	[RK_SET_COUNT] = {check_count, false, false},
	[RK_SET_QUANTITY] = {check_quantity, false, false},
	[RK_SET_LABELS] = {check_pair, true, false},
	[RK_SET_EMAIL] = {check_email, false, false},
};

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

static bool utf8_ok(const char *v)
{
	size_t n = strlen(v);
	uint32_t cp;

	for (size_t len; n; v += len, n -= len) {
		len = rk_utf8(v, n, &cp);
		if (!len)
			return false;
	}
	return true;
}

void rk_setting_check(struct rk_settings *s, enum rk_key k, struct rk_problems *p)
{
	struct check c = {.s = s, .p = p, .k = k, .t = &rk_settings_table[k]};
	const struct kind *kind = &KINDS[c.t->kind];
	const char *v = s->v[k].s;
	rk_auto_buf out = RK_BUF_INIT;
	bool good = true;

	if (!v || !*v)
		return;
	if (!utf8_ok(v)) {
		refuse(&c, "", "is not UTF-8");
		return;
	}
	if (!kind->check)
		return;
	for (const char *at = v;; at++) {
		size_t n = kind->list ? strcspn(at, ",") : strlen(at);
		char *item = tidy(&c, at, n, kind->lower);
		const char *why = kind->list && !*item ? NULL : kind->check(&c, &item);

		good = good && !why;
		if (why && *why)
			refuse(&c, kind->list ? item : v, why);
		else if (!why && *item && !(kind->list && rk_listed(out.s, item)))
			rk_buf_addf(&out, "%s%s", out.len ? "," : "", item);
		at += n;
		if (!*at)
			break;
	}
	if (good && !out.len)
		refuse(&c, v, "names nothing");
	else if (good)
		rk_settings_replace(s, k, out.s);
}
