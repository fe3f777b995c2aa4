// SPDX-License-Identifier: Apache-2.0
#include "registries.h"

const char *const rk_mirrors_default[] = {"docker.io", "quay.io", "ghcr.io", NULL};

static bool has(const struct rk_strv *v, const char *s)
{
	for (size_t i = 0; i < v->n; i++)
		if (rk_streq(v->v[i], s))
			return true;
	return false;
}

/* host, host:port or [v6]:port, by its characters; enough to keep paths and schemes out. */
static bool registry_ok(const char *s)
{
	size_t n = strlen(s);
	const char *set =
		*s == '[' ? "0123456789abcdef:.[]" : "abcdefghijklmnopqrstuvwxyz0123456789-.:";

	return n && n <= 255 && s[strspn(s, set)] == '\0' && *s != '.' && *s != '-' && *s != ':' &&
	       s[n - 1] != '.' && s[n - 1] != ':';
}

/* One line without comment and blanks, in lower case. */
static char *mirror_of(struct rk_doc *d, const char *line, size_t n)
{
	char *out = rk_doc_strndup(d, line, n), *w = out;

	for (const char *r = out; *r && *r != '#'; r++)
		if (!strchr(" \t\r", *r))
			*w++ = *r >= 'A' && *r <= 'Z' ? (char)(*r + 32) : *r;
	*w = '\0';
	return out;
}

int rk_mirrors_parse(struct rk_doc *d, const char *text, size_t n, const char *name,
	struct rk_strv *out, struct rk_err *err)
{
	const char *end = text + n;

	if (n >= 3 && !memcmp(text, "\xEF\xBB\xBF", 3))
		text += 3;
	for (unsigned line = 1; text < end; line++) {
		const char *nl = memchr(text, '\n', (size_t)(end - text));
		const char *stop = nl ? nl : end;
		char *mirror = mirror_of(d, text, (size_t)(stop - text));

		text = nl ? nl + 1 : end;
		if (!*mirror || has(out, mirror))
			continue;
		if (rk_streq(mirror, "*")) {
			rk_err_set(err, RK_FAIL,
				"%s:%u: * cannot be mirrored: the path in the private "
				"registry carries the upstream's name",
				name, line);
			return rk_err_hint(err, "list the registries by name, one a line");
		}
		if (!registry_ok(mirror))
			return rk_err_set(err, RK_FAIL,
				"%s:%u: \"%.80s\" is no registry; expected a "
				"name such as quay.io",
				name, line, mirror);
		if (out->n >= 1000)
			return rk_err_set(err, RK_FAIL, "%s: more than 1000 registries", name);
		rk_strv_add(out, mirror);
	}
	return 0;
}

static struct rk_val *mirror_entry(struct rk_doc *d, const char *host, const char *upstream)
{
	struct rk_val *m = rk_map(d), *endpoints = rk_seq(d);

	rk_append_str(d, endpoints, rk_doc_printf(d, "https://%s", host));
	rk_set(d, m, "endpoint", endpoints);
	rk_set_str(
		d, rk_map_at(d, m, "rewrite", NULL), "^(.*)$", rk_doc_printf(d, "%s/$1", upstream));
	return m;
}

struct rk_val *rk_registries_tree(struct rk_doc *d, const struct rk_registries *r)
{
	struct rk_val *tree = rk_map(d), *config = rk_map(d);

	for (size_t i = 0; i < r->mirrors.n; i++)
		rk_set(d, rk_map_at(d, tree, "mirrors", NULL), r->mirrors.v[i],
			mirror_entry(d, r->host, r->mirrors.v[i]));
	if (r->ca)
		rk_set_str(d, rk_map_at(d, config, "tls", NULL), "ca_file", RK_REGISTRY_CA_PATH);
	if (r->login.token) {
		rk_set_str(d, rk_map_at(d, config, "auth", NULL), "identity_token", r->login.token);
	} else if (r->login.user) {
		struct rk_val *auth = rk_map_at(d, config, "auth", NULL);

		rk_set_str(d, auth, "username", r->login.user);
		rk_set_str(d, auth, "password", r->login.password);
	}
	if (config->count)
		rk_set(d, rk_map_at(d, tree, "configs", NULL), r->host, config);
	return tree->count ? tree : NULL;
}

void rk_docker_config(
	struct rk_doc *d, struct rk_val *tree, const char *host, const struct rk_login *l)
{
	rk_auto_buf both = RK_BUF_INIT_SECRET;
	struct rk_val *a = rk_map_at(d, tree, "auths", host, NULL);

	rk_set_str(d, a, "username", l->user);
	rk_set_str(
		d, a, l->token ? "identitytoken" : "password", l->token ? l->token : l->password);
	if (l->token)
		return;
	rk_buf_addf(&both, "%s:%s", l->user, l->password);
	rk_set(d, a, "auth", rk_base64_val(d, both.s, both.len));
}

static void mount(struct rk_doc *d, struct rk_val *mounts, const char *secret, const char *path,
	const char *key)
{
	struct rk_val *m = rk_map(d);

	rk_set_str(d, m, "secretName", secret);
	rk_set_str(d, m, "mountPath", path);
	rk_set_str(d, m, "subPath", key);
	rk_set_str(d, m, "role", "all");
	rk_append(mounts, m);
}

struct rk_val *rk_registries_mounts(struct rk_doc *d, bool ca)
{
	struct rk_val *mounts = rk_seq(d);

	mount(d, mounts, RK_REGISTRY_CONFIG_SECRET, RK_REGISTRY_CONFIG_PATH, "registries.yaml");
	if (ca)
		mount(d, mounts, RK_REGISTRY_CA_SECRET, RK_REGISTRY_CA_PATH, "ca.crt");
	return mounts;
}

/* --- images --- */

static bool only(const char *s, const char *set)
{
	return *s && s[strspn(s, set)] == '\0';
}

#define LOWER  "abcdefghijklmnopqrstuvwxyz0123456789"
#define LETTER LOWER "ABCDEFGHIJKLMNOPQRSTUVWXYZ_.-"

/* Segments of lower-case words; what could leave its place in a URL is not among them. */
static bool repository_ok(const char *s)
{
	bool start = true;

	for (const char *p = s; *p; p++) {
		if (*p == '/' ? start : !strchr(LOWER "._-", *p) || (start && strchr("._-", *p)))
			return false;
		start = *p == '/';
	}
	return *s && !start && strlen(s) <= 255;
}

static bool reference_ok(const char *s)
{
	const char *colon = strchr(s, ':');

	if (!colon)
		return only(s, LETTER) && !strchr(".-", *s) && strlen(s) <= 128;
	return only(colon + 1, LETTER) && only(s, LETTER ":+") && strlen(s) <= 256 &&
	       !strchr(colon + 1, ':');
}

/* The first part is a registry when it cannot be a user's name at docker.io. */
static size_t registry_part(const char *s)
{
	size_t n = strcspn(s, "/");

	if (!s[n] || !n)
		return 0;
	if (*s == '[' || memchr(s, '.', n) || memchr(s, ':', n) ||
		(n == 9 && !memcmp(s, "localhost", 9)))
		return n;
	return 0;
}

int rk_image_parse(struct rk_doc *d, const char *text, struct rk_image *out, struct rk_err *err)
{
	size_t n = registry_part(text);
	char *rest = rk_doc_strndup(d, text + (n ? n + 1 : 0), strlen(text) - (n ? n + 1 : 0));
	char *at = strchr(rest, '@'), *slash, *colon;

	out->registry = n ? rk_doc_strndup(d, text, n) : "docker.io";
	if (rk_streq(out->registry, "index.docker.io"))
		out->registry = "docker.io";
	out->reference = "latest";
	if (at) {
		*at = '\0';
		out->reference = at + 1;
	}
	slash = strrchr(rest, '/');
	colon = strchr(slash ? slash : rest, ':');
	if (colon) {
		*colon = '\0';
		if (!reference_ok(colon + 1) || strchr(colon + 1, ':'))
			return rk_err_set(err, RK_FAIL, "\"%.200s\" is no image", text);
		out->reference = at ? out->reference : colon + 1;
	}
	out->repository = rest;
	if (rk_streq(out->registry, "docker.io") && !slash)
		out->repository = rk_doc_printf(d, "library/%s", rest);
	if (!registry_ok(out->registry) || !repository_ok(out->repository) ||
		!reference_ok(out->reference) || (at && !strchr(out->reference, ':')))
		return rk_err_set(err, RK_FAIL, "\"%.200s\" is no image", text);
	return 0;
}

const char *rk_image_mirrored(struct rk_doc *d, const struct rk_image *image, const char *host,
	const struct rk_strv *mirrors)
{
	if (rk_streq(image->registry, host))
		return image->repository;
	if (!has(mirrors, image->registry))
		return NULL;
	return rk_doc_printf(d, "%s/%s", image->registry, image->repository);
}
