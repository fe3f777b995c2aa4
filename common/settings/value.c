// SPDX-License-Identifier: Apache-2.0
/* Every value alone, brought into one form. */
#include <arpa/inet.h>
#include <strings.h>
#include <sys/stat.h>

#include "tls/tls.h"
#include "os/os.h"
#include "internal.h"

struct check {
	struct rk_settings *s;
	struct rk_problems *p;
	enum rk_key k;
	const char *name; /* of k */
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Printable and short, for a message; secrets are never given to it. */
static const char *shown(const char *v, char out[80])
{
	size_t n = 0;

	for (; *v && n < 64; v++)
		out[n++] = (unsigned char)*v < 0x20 || *v == 0x7f ? '?' : *v;
	memcpy(out + n, *v ? "..." : "", *v ? 4 : 1);
	return out;
}

static void refuse(struct check *c, const char *v, const char *why)
{
	char text[80];
	const struct rk_setting *t = &rk_settings_table[c->k];

	if (t->flags & RK_SETF_SECRET)
		rk_problem_add(c->p, true, c->name, "%s; expected %s", why, t->form);
	else
		rk_problem_add(c->p, true, c->name, "\"%s\" %s; expected %s", shown(v, text), why,
			t->form);
}

static void put(struct check *c, const char *v)
{
	rk_settings_replace(c->s, c->k, v);
}

/* Take blanks off both ends and letters to lower case, in the arena. */
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

static const char *host_trouble(const char *h)
{
	if (strstr(h, "://") || strchr(h, '/'))
		return "is an address, not a name";
	if (rk_ip_family(h))
		return "is an IP address, which an Ingress cannot route";
	if (strchr(h, ':'))
		return "carries a port";
	if (strchr(h, '*'))
		return "is a wildcard";
	return rk_subdomain_ok(h) ? NULL : "is not a DNS name";
}

static void check_host(struct check *c, const char *v)
{
	char *h = tidy(c, v, strlen(v), true);
	const char *why = host_trouble(h);

	if (why)
		refuse(c, v, why);
	else
		put(c, h);
}

static const char *registry_trouble(const char *r)
{
	const char *colon = strrchr(r, ':'), *close = strrchr(r, ']');
	rk_auto_free char *host = NULL;
	int64_t port;
	size_t n = strlen(r);

	if (strstr(r, "://"))
		return "begins with a scheme";
	if (strchr(r, '@'))
		return "carries credentials";
	if (strchr(r, '/'))
		return "carries a path";
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
		return close == r + n - 1 && rk_ip_family(host) == 6 ? NULL : "is no IPv6 address";
	}
	host = rk_strndup(r, n);
	return rk_subdomain_ok(host) ? NULL : "is not a host name";
}

static void check_registry(struct check *c, const char *v)
{
	char *r = tidy(c, v, strlen(v), true);
	const char *why = registry_trouble(r);

	if (why)
		refuse(c, v, why);
	else
		put(c, r);
}

static void check_list(struct check *c, const char *v, const char *(*trouble)(const char *))
{
	rk_auto_buf out = RK_BUF_INIT;
	bool good = true;
	size_t n;

	rk_each_item (it, n, v, ",") {
		char *item = tidy(c, it, n, true);
		const char *why = *item ? trouble(item) : NULL;

		if (why) {
			refuse(c, item, why);
			good = false;
		} else if (*item && !rk_listed(out.s, item)) {
			rk_buf_addf(&out, "%s%s", out.len ? "," : "", item);
		}
	}
	if (good && !out.len && *v)
		refuse(c, v, "names nothing");
	else if (good)
		put(c, out.s);
}

static void check_choice(struct check *c, const char *v)
{
	char *word = tidy(c, v, strlen(v), false);
	size_t n;

	rk_each_item (it, n, rk_settings_table[c->k].form, "|")
		if (n == strlen(word) && !strncasecmp(it, word, n)) {
			put(c, tidy(c, it, n, false));
			return;
		}
	refuse(c, v, "is none of the choices");
}

static void check_yesno(struct check *c, const char *v)
{
	static const char *const yes[] = {"yes", "y", "true", "1", "on"};
	static const char *const no[] = {"no", "n", "false", "0", "off"};

	for (size_t i = 0; i < RK_COUNT(yes); i++) {
		if (!strcasecmp(v, yes[i]) || !strcasecmp(v, no[i])) {
			put(c, strcasecmp(v, yes[i]) ? "no" : "yes");
			return;
		}
	}
	refuse(c, v, "is neither");
}

static void check_size(struct check *c, const char *v)
{
	char *size = tidy(c, v, strlen(v), false);
	size_t n = strlen(size), len;

	if (n && size[n - 1] == '+')
		size[--n] = '\0';
	len = strspn(size, "0123456789");
	if (!len || n != len + 2 || size[len + 1] != 'i' || !strchr("GTM", size[len]))
		refuse(c, v, "is not a size");
	else if (strspn(size, "0") == len || len > 9)
		refuse(c, v, "is not a valid size for a volume");
	else
		put(c, size);
}

static const char *repo_trouble(const char *r)
{
	const char *host = strstr(r, "://"), *path;
	rk_auto_free char *name = NULL;

	if (!host)
		return "has no scheme";
	host += 3;
	path = host + strcspn(host, "/?#");
	if (memchr(host, '@', (size_t)(path - host)))
		return "carries credentials (HELM_REPO_USER and HELM_REPO_PASS are for them)";
	if (strpbrk(path, "?#"))
		return "carries a query";
	for (const char *p = r; *p; p++)
		if ((unsigned char)*p <= ' ' || (unsigned char)*p >= 0x7f ||
			strchr("\"<>\\^`{|}", *p))
			return "has characters that no address has";
	if (rk_prefix(r, "http://"))
		return "is not protected by TLS";
	if (!rk_prefix(r, "https://") && !rk_prefix(r, "oci://"))
		return "has an unknown scheme";
	name = rk_lower(rk_strndup(host, (size_t)(path - host)));
	if (registry_trouble(name))
		return "has no valid host";
	if (rk_prefix(r, "oci://") && (*path != '/' || !path[1]))
		return "names a registry but no chart";
	if (rk_prefix(r, "oci://") && strchr(strrchr(path, '/'), ':'))
		return "includes a version, which has a separate key";
	return NULL;
}

static void check_repo(struct check *c, const char *v)
{
	char *r = tidy(c, v, strlen(v), false);
	size_t n = strlen(r);
	bool scheme;
	const char *why;

	while (n && r[n - 1] == '/' && !rk_suffix(r, "://"))
		r[--n] = '\0';
	scheme = strstr(r, "://");
	for (char *p = r; scheme && *p != ':'; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p + 32);
	why = repo_trouble(r);
	if (why)
		refuse(c, v, why);
	else
		put(c, r);
}

static void check_version(struct check *c, const char *v)
{
	char *ver = tidy(c, v, strlen(v), false);
	char *text = ver;

	if (c->k == RK_KEY_K3K_VERSION && *text == 'v' && is_digit(text[1]))
		text++;
	if (strlen(text) > 100 ||
		text[strspn(text, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ."
				  "_+-")])
		refuse(c, v, "is not a version");
	else if (!is_digit(*text) && !(*text == 'v' && is_digit(text[1])))
		refuse(c, v, "is not a version");
	else
		put(c, text);
}

/* The length of digits at s, at most max, or 0. */
static size_t digits(const char *s, size_t max)
{
	size_t n = strspn(s, "0123456789");

	return n <= max ? n : 0;
}

/* Skip "1.34.7"; NULL when it is missing. Every release of Kubernetes so far is one of 1. */
static const char *skip_release(const char *p)
{
	if (p[0] != 'v' || p[1] != '1' || p[2] != '.')
		return NULL;
	p += 3;
	if (!digits(p, 2) || p[digits(p, 2)] != '.')
		return NULL;
	p += digits(p, 2) + 1;
	return digits(p, 3) ? p + digits(p, 3) : NULL;
}

/* What rancher/k3s publishes: v1.34.7-k3s1, v1.34.7-rc2-k3s1, and for one architecture
 * v1.34.7-k3s1-arm64. k3k passes the tag on unchecked; the servers then never pull an image. */
static const char *k3s_trouble(const char *tag)
{
	static const char *const archs[] = {"", "-amd64", "-arm64", "-arm", "-s390x", "-riscv64"};
	const char *p = skip_release(tag);

	if (!p)
		return "is not a release of k3s";
	if (rk_prefix(p, "-rc") && digits(p + 3, 2))
		p += 3 + digits(p + 3, 2);
	if (rk_prefix(p, "-rke2"))
		return "is a release of RKE2, which is not an image of rancher/k3s";
	if (!rk_prefix(p, "-k3s") || !digits(p + 4, 2))
		return "lacks the suffix -k3s1 (or -k3s2 and so on) of k3s' images";
	p += 4 + digits(p + 4, 2);
	for (size_t i = 0; i < RK_COUNT(archs); i++)
		if (rk_streq(p, archs[i]))
			return NULL;
	return "is not a tag of rancher/k3s";
}

static void check_k3s(struct check *c, const char *v)
{
	char *tag = tidy(c, v, strlen(v), false);
	const char *why;

	/* An image tag cannot hold the plus sign of a k3s release. */
	for (char *p = tag; *p; p++)
		if (*p == '+')
			*p = '-';
	why = k3s_trouble(tag);
	if (why)
		refuse(c, v, why);
	else
		put(c, tag);
}

int rk_setting_pem(enum rk_key k, const char *path, struct rk_buf *out, struct rk_err *err)
{
	bool key = k == RK_KEY_CA_KEY_PATH || k == RK_KEY_TLS_KEY_PATH;

	out->secret = out->secret || key;
	if (rk_file_read(path, RK_SETTINGS_FILE_MAX, out, err) < 0)
		return -1;
	if (key ? rk_cert_admit_key(out, err) < 0 : rk_cert_admit(out, false, err) < 0)
		return rk_err_wrap(err, "%s", path);
	return 0;
}

/* What would stop the deployment half-way, or carry a key to where everybody reads it. Whether a key
 * is one is for the steps that need it. */
static bool pem_is_good(struct check *c, const char *path)
{
	static const enum rk_key keys[] = {RK_KEY_PRIVATE_CA_PATH, RK_KEY_CA_CERT_PATH,
		RK_KEY_CA_ROOT_PATH, RK_KEY_TLS_CERT_PATH};
	rk_auto_buf pem = RK_BUF_INIT;
	struct rk_err err = RK_ERR_INIT;
	bool is_pem = false;

	for (size_t i = 0; i < RK_COUNT(keys); i++)
		is_pem = is_pem || keys[i] == c->k;
	if (!is_pem || rk_setting_pem(c->k, path, &pem, &err) == 0)
		return true;
	rk_problem_add(c->p, true, c->name, "%s%s%s", err.msg, *err.hint ? "; " : "", err.hint);
	return false;
}

static char *absolute(const char *v)
{
	rk_auto_free char *cwd = getcwd(NULL, 0);

	return rk_path_resolve(v, cwd);
}

static void check_file(struct check *c, const char *v)
{
	rk_auto_free char *path = absolute(v);
	struct stat st;

	if (stat(path, &st) < 0 || access(path, R_OK) < 0)
		refuse(c, v, "cannot be read");
	else if (S_ISDIR(st.st_mode))
		refuse(c, v, "is a directory");
	else if (pem_is_good(c, path))
		put(c, path);
}

/* The words stay, files become absolute. */
static void check_sources(struct check *c, const char *v)
{
	rk_auto_buf out = RK_BUF_INIT;
	size_t n;

	rk_each_item (it, n, v, ",") {
		char *one = tidy(c, it, n, false);
		rk_auto_free char *path = NULL;

		if (!*one)
			continue;
		if (rk_streq(one, "docker") || rk_streq(one, "helm"))
			path = rk_strdup(one);
		else
			path = absolute(one);
		if (*path == '/' && access(path, R_OK) < 0) {
			refuse(c, one, "cannot be read");
			return;
		}
		rk_buf_addf(&out, "%s%s", out.len ? "," : "", path);
	}
	put(c, out.s);
}

/* Where k3s would end with a fatal error at every start. Sources: kube-apiserver refused service
 * networks of more than 20 bits up to 1.33 (validateMaxCIDRRange); k3s takes the tenth address of the
 * service network for its DNS; kube-controller-manager cuts the cluster network into one of /24 or
 * /64 for each node, and IPv6 into at most 2^16 of them (nodeipam, cidrset). */
static const char *size_trouble(enum rk_key k, const struct rk_net *n)
{
	bool v4 = n->family == 4;
	int host_bits = (v4 ? 32 : 128) - n->bits;

	if (k == RK_KEY_SERVICE_CIDR && host_bits > 20)
		return v4 ? "is too large for services (at most /12)"
			  : "is too large for services (at most /108)";
	if (k == RK_KEY_SERVICE_CIDR && host_bits < 4)
		return v4 ? "is too small for services (at least /28)"
			  : "is too small for services (at least /124)";
	if (k == RK_KEY_CLUSTER_CIDR && n->bits > (v4 ? 24 : 64))
		return v4 ? "is too small: every node takes a /24 of it"
			  : "is too small: every node takes a /64 of it";
	if (k == RK_KEY_CLUSTER_CIDR && !v4 && n->bits < 48)
		return "is too large for pods (at most /48)";
	return NULL;
}

static void check_cidr(struct check *c, const char *v)
{
	char *text = tidy(c, v, strlen(v), true);
	char *comma = strchr(text, ',');
	struct rk_net first, second;
	const char *why;

	if (comma) {
		*comma = '\0';
		text = tidy(c, text, strlen(text), true);
	}
	why = rk_net_parse(text, &first);
	if (!why)
		why = size_trouble(c->k, &first);
	if (!why && comma) {
		char *rest = tidy(c, comma + 1, strlen(comma + 1), true);

		why = rk_net_parse(rest, &second);
		if (!why && first.family == second.family)
			why = "has two networks of one family";
		if (!why)
			why = size_trouble(c->k, &second);
		text = rk_doc_printf(c->s->d, "%s,%s", text, rest);
	}
	if (why)
		refuse(c, v, why);
	else
		put(c, text);
}

static void check_email(struct check *c, const char *v)
{
	char *mail = tidy(c, v, strlen(v), false);
	const char *at = strchr(mail, '@');

	if (!at || at == mail || strchr(at + 1, '@') || !strchr(at, '.') ||
		mail[strcspn(mail, " ,;<>\"\t")])
		refuse(c, v, "is not an e-mail address");
	else
		put(c, mail);
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

static void check_hosts(struct check *c, const char *v)
{
	check_list(c, v, host_trouble);
}

static void check_registries(struct check *c, const char *v)
{
	check_list(c, v, registry_trouble);
}

static void check_label(struct check *c, const char *v)
{
	if (!rk_label_ok(v, strlen(v)))
		refuse(c, v, "is not a DNS label");
}

/* The StatefulSet k3k-CLUSTER-server puts its name and an 11-byte revision hash into a label of its
 * pods, which holds 63 bytes: with a longer name no pod is ever made. The namespace keeps room for
 * the prefix k3k-. */
static void check_cluster(struct check *c, const char *v)
{
	size_t max = c->k == RK_KEY_CLUSTER ? 41 : 59, n = strlen(v);
	rk_auto_free char *why = NULL;

	if (c->k == RK_KEY_CLUSTER && rk_streq(v, "system")) {
		refuse(c, v, "is reserved by k3k");
	} else if (rk_label_ok(v, n) && n > max) {
		why = rk_asprintf("has %zu characters", n);
		refuse(c, v, why);
	} else {
		check_label(c, v);
	}
}

static void check_object_name(struct check *c, const char *v)
{
	if (!rk_subdomain_ok(v))
		refuse(c, v, "is not an object name");
}

static void check_later(struct check *c, const char *v RK_UNUSED)
{
	rk_problem_add(c->p, false, c->name, "is set, but %s", rk_settings_table[c->k].help);
}

static void check_count(struct check *c, const char *v)
{
	char *text = tidy(c, v, strlen(v), false);
	int64_t n;

	if (!rk_parse_int(text, 0, 100, &n))
		refuse(c, v, "is not such a number");
	else
		put(c, rk_doc_printf(c->s->d, "%lld", (long long)n));
}

/* As much of a Kubernetes quantity as people write: digits, a fraction, a suffix. */
static void check_quantity(struct check *c, const char *v)
{
	static const char *const suffixes[] = {"", "m", "k", "M", "G", "T", "Ki", "Mi", "Gi", "Ti"};
	char *text = tidy(c, v, strlen(v), false);
	size_t n = strspn(text, "0123456789"), fraction = 0;

	if (n && text[n] == '.')
		fraction = 1 + strspn(text + n + 1, "0123456789");
	for (size_t i = 0; n && n <= 9 && fraction != 1 && i < RK_COUNT(suffixes); i++) {
		if (!rk_streq(text + n + fraction, suffixes[i]))
			continue;
		if (strspn(text, "0.") == n + fraction)
			break;
		put(c, text);
		return;
	}
	refuse(c, v, "is not a quantity");
}

/* [PREFIX/]NAME=VALUE; Kubernetes allows 63 bytes of name and of value. */
static const char *label_pair_trouble(const char *pair)
{
	static const char set[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
	const char *eq = strchr(pair, '='), *slash, *name = pair;

	if (!eq || eq == pair)
		return "is not KEY=VALUE";
	slash = memchr(pair, '/', (size_t)(eq - pair));
	if (slash) {
		rk_auto_free char *prefix = rk_strndup(pair, (size_t)(slash - pair));

		if (!rk_subdomain_ok(prefix))
			return "has no valid prefix";
		name = slash + 1;
	}
	if (name == eq || eq - name > 63 || strspn(name, set) != (size_t)(eq - name))
		return "has no valid name";
	return strlen(eq + 1) > 63 || eq[1 + strspn(eq + 1, set)] ? "has no valid value" : NULL;
}

static void check_labels(struct check *c, const char *v)
{
	rk_auto_buf out = RK_BUF_INIT;
	size_t n;

	rk_each_item (it, n, v, ",") {
		char *pair = tidy(c, it, n, false);
		const char *why = *pair ? label_pair_trouble(pair) : NULL;

		if (why) {
			refuse(c, pair, why);
			return;
		}
		if (*pair)
			rk_buf_addf(&out, "%s%s", out.len ? "," : "", pair);
	}
	put(c, out.s);
}

/* By kind; any text will do for RK_SET_TEXT. */
static void (*const CHECKS[])(struct check *c, const char *v) = {
	[RK_SET_HOST] = check_host,
	[RK_SET_HOSTS] = check_hosts,
	[RK_SET_REGISTRY] = check_registry,
	[RK_SET_REGISTRIES] = check_registries,
	[RK_SET_CHOICE] = check_choice,
	[RK_SET_YESNO] = check_yesno,
	[RK_SET_SIZE] = check_size,
	[RK_SET_REPO] = check_repo,
	[RK_SET_VERSION] = check_version,
	[RK_SET_FILE] = check_file,
	[RK_SET_SOURCES] = check_sources,
	[RK_SET_K3S] = check_k3s,
	[RK_SET_CIDR] = check_cidr,
	[RK_SET_LABEL] = check_label,
	[RK_SET_CLUSTER] = check_cluster,
	[RK_SET_NAME] = check_object_name,
	[RK_SET_COUNT] = check_count,
	[RK_SET_QUANTITY] = check_quantity,
	[RK_SET_LABELS] = check_labels,
	[RK_SET_EMAIL] = check_email,
	[RK_SET_LATER] = check_later,
};

void rk_setting_check(struct rk_settings *s, enum rk_key k, struct rk_problems *p)
{
	const struct rk_setting *t = &rk_settings_table[k];
	struct check c = {.s = s, .p = p, .k = k, .name = t->name};
	const char *v = s->v[k].s;

	if (!v || !*v)
		return;
	if (!utf8_ok(v))
		refuse(&c, "", "is not UTF-8");
	else if (CHECKS[t->kind])
		CHECKS[t->kind](&c, v);
}
