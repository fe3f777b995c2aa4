// SPDX-License-Identifier: Apache-2.0
#include "registry/registry.h"

#include <regex.h>

/* As github.com/distribution/reference has them: enough to keep paths and schemes out of a host, and
 * what a URL would take for another path out of a repository. */
enum part { REGISTRY, REPOSITORY, TAG, DIGEST };

static bool is_a(enum part part, const char *s)
{
	static const char *const patterns[] = {
		[REGISTRY] = "^(\\[[0-9a-f:.]{2,}]|[a-z0-9]([a-z0-9.-]*[a-z0-9])?)(:[0-9]{1,5})?$",
		[REPOSITORY] = "^[a-z0-9]+((\\.|__?|-+|/)[a-z0-9]+)*$",
		[TAG] = "^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$",
		[DIGEST] = "^sha(256:[0-9a-f]{64}|384:[0-9a-f]{96}|512:[0-9a-f]{128})$",
	};
	static regex_t compiled[RK_COUNT(patterns)];
	static bool ready[RK_COUNT(patterns)];

	if (!ready[part] && regcomp(&compiled[part], patterns[part], REG_EXTENDED | REG_NOSUB))
		abort();
	ready[part] = true;
	return strlen(s) <= 255 && regexec(&compiled[part], s, 0, NULL, 0) == 0;
}

/* Whether the first part of an image's name can be this registry: "team" in team/x cannot, it is a
 * user of docker.io. */
static bool names_registry(const char *s, size_t n)
{
	return *s == '[' || memchr(s, '.', n) || memchr(s, ':', n) ||
	       (n == 9 && !memcmp(s, "localhost", 9));
}

/* The names that Docker Hub has had; containerd knows no mirror under the old one (k3s#9839). */
static const char *registry_name(const char *s)
{
	return rk_streq(s, "index.docker.io") ? "docker.io" : s;
}

/* --- lists in text files --- */

typedef int line_fn(struct rk_doc *d, const struct rk_strv *words, const char *host,
	struct rk_strv *out, struct rk_err *err);

/* Call fn for each line that has words: lines end with LF, CRLF or CR, or with the file; # begins a
 * comment. */
static int each_line(struct rk_doc *d, const char *text, size_t n, const char *name, line_fn *fn,
	const char *host, struct rk_strv *out, struct rk_err *err)
{
	const char *p = text, *end = text + n, *stop;
	struct rk_strv words = {0};
	unsigned number = 0;
	int rc = 0;

	if (n >= 3 && !memcmp(p, "\xEF\xBB\xBF", 3))
		p += 3;
	for (; rc == 0 && p < end; p = stop + 1) {
		char *line, *left;

		for (stop = p; stop < end && *stop != '\n' && *stop != '\r';)
			stop++;
		line = rk_doc_strndup(d, p, (size_t)(stop - p));
		number++;
		words.n = 0;
		if (memchr(p, '\0', (size_t)(stop - p))) {
			rk_err_set(err, RK_FAIL, "not text in UTF-8");
			rc = rk_err_hint(err, "save the file as UTF-8");
			break;
		}
		line[strcspn(line, "#")] = '\0';
		for (char *w = strtok_r(line, " \t", &left); w; w = strtok_r(NULL, " \t", &left))
			rk_strv_add(&words, w);
		if (words.n)
			rc = fn(d, &words, host, out, err);
		stop += end - stop > 1 && stop[0] == '\r' && stop[1] == '\n';
	}
	rk_strv_release(&words);
	return rc < 0 ? rk_err_wrap(err, "%s:%u", name, number) : 0;
}

static int add_mirror(struct rk_doc *d, const struct rk_strv *words, const char *host,
	struct rk_strv *out, struct rk_err *err)
{
	const char *word = words->v[0];
	const char *mirror = registry_name(rk_lower(rk_doc_strndup(d, word, strlen(word))));

	if (words->n > 1)
		return rk_err_set(err, RK_FAIL,
			"more than one word on the line; expected one registry per line");
	if (rk_streq(mirror, "*")) {
		rk_err_set(err, RK_FAIL,
			"* cannot be mirrored: the path in the private registry contains "
			"the name of the upstream registry");
		return rk_err_hint(err, "list the registries by name, one per line");
	}
	if (!is_a(REGISTRY, mirror) || !names_registry(mirror, strlen(mirror)))
		return rk_err_set(err, RK_FAIL,
			"invalid registry name \"%.80s\"; expected a name such as quay.io", word);
	if (host && rk_url_same_host(mirror, host)) {
		rk_err_set(err, RK_FAIL,
			"\"%.80s\" is the private registry itself: its images would be "
			"pulled from %s/%s/...",
			word, host, mirror);
		return rk_err_hint(err, "remove the line: images of that name need no mirror");
	}
	if (out->n >= 1000)
		return rk_err_set(err, RK_FAIL, "more than 1000 registries");
	if (!rk_strv_has(out, mirror))
		rk_strv_add(out, mirror);
	return 0;
}

int rk_mirrors_parse(struct rk_doc *d, const char *text, size_t n, const char *name,
	const char *host, struct rk_strv *out, struct rk_err *err)
{
	return each_line(d, text, n, name, add_mirror, host, out, err);
}

void rk_mirrors_usual(const char *host, struct rk_strv *out)
{
	static const char *const usual[] = {"docker.io", "quay.io", "ghcr.io"};

	for (size_t i = 0; i < RK_COUNT(usual); i++)
		if (!rk_url_same_host(usual[i], host))
			rk_strv_add(out, usual[i]);
}

struct rk_val *rk_registries_tree(struct rk_doc *d, const struct rk_registries *r)
{
	struct rk_val *tree = rk_map(d), *config = rk_map(d), *v;

	for (size_t i = 0; i < r->mirrors.n; i++) {
		v = rk_map_at(d, tree, "mirrors", r->mirrors.v[i], NULL);
		rk_set(d, v, "endpoint", rk_seq(d));
		rk_append_str(d, rk_mut(rk_get(v, "endpoint", NULL)),
			rk_doc_printf(d, "https://%s", r->host));
		rk_set_str(d, rk_map_at(d, v, "rewrite", NULL), "^(.*)$",
			rk_doc_printf(d, "%s/$1", r->mirrors.v[i]));
	}
	if (r->ca)
		rk_set_str(d, rk_map_at(d, config, "tls", NULL), "ca_file", RK_REGISTRY_CA_PATH);
	if (r->login.token || r->login.user) {
		v = rk_map_at(d, config, "auth", NULL);
		rk_set_str(d, v, "identity_token", r->login.token);
		rk_set_str(d, v, "username", r->login.token ? NULL : r->login.user);
		rk_set_str(d, v, "password", r->login.token ? NULL : r->login.password);
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
	rk_set(d, a, "auth", rk_val_base64(d, both.s, both.len));
}

struct rk_val *rk_registries_mounts(struct rk_doc *d, bool ca)
{
	static const struct {
		const char *secret, *path, *key;
	} all[] = {{RK_REGISTRY_CONFIG_SECRET, RK_REGISTRY_CONFIG_PATH, "registries.yaml"},
		{RK_REGISTRY_CA_SECRET, RK_REGISTRY_CA_PATH, "ca.crt"}};
	struct rk_val *mounts = rk_seq(d);

	for (size_t i = 0; i < (ca ? 2 : 1); i++) {
		struct rk_val *m = rk_map(d);

		rk_set_str(d, m, "secretName", all[i].secret);
		rk_set_str(d, m, "mountPath", all[i].path);
		rk_set_str(d, m, "subPath", all[i].key);
		rk_set_str(d, m, "role", "all");
		rk_append(mounts, m);
	}
	return mounts;
}

/* --- images --- */

int rk_image_parse(struct rk_doc *d, const char *text, struct rk_image *out, struct rk_err *err)
{
	size_t first = strcspn(text, "/");
	size_t n = text[first] && first && names_registry(text, first) ? first : 0;
	char *rest = rk_doc_strndup(d, text + (n ? n + 1 : 0), strlen(text) - (n ? n + 1 : 0));
	char *at = strchr(rest, '@'), *slash, *colon;
	bool ok = true;

	out->registry = n ? registry_name(rk_doc_strndup(d, text, n)) : "docker.io";
	out->reference = "latest";
	if (at)
		*at = '\0';
	slash = strrchr(rest, '/');
	colon = strchr(slash ? slash : rest, ':');
	if (colon) {
		*colon = '\0';
		out->reference = colon + 1;
		ok = is_a(TAG, out->reference);
	}
	if (at) {
		out->reference = at + 1;
		ok = ok && is_a(DIGEST, out->reference);
	}
	out->repository = rest;
	if (rk_streq(out->registry, "docker.io") && !slash)
		out->repository = rk_doc_printf(d, "library/%s", rest);
	if (!ok || !is_a(REGISTRY, out->registry) || !is_a(REPOSITORY, out->repository))
		return rk_err_set(err, RK_FAIL, "invalid image name \"%.200s\"", text);
	return 0;
}

static const char *with_reference(struct rk_doc *d, const char *path, const char *reference)
{
	return rk_doc_printf(d, "%s%c%s", path, strchr(reference, ':') ? '@' : ':', reference);
}

const char *rk_image_name(struct rk_doc *d, const struct rk_image *image)
{
	return with_reference(
		d, rk_doc_printf(d, "%s/%s", image->registry, image->repository), image->reference);
}

int rk_image_add(struct rk_doc *d, const char *text, struct rk_strv *out, struct rk_err *err)
{
	struct rk_image image;
	const char *name;

	if (rk_image_parse(d, text, &image, err) < 0)
		return -1;
	if (out->n >= 10000)
		return rk_err_set(err, RK_FAIL, "more than 10000 images");
	name = rk_image_name(d, &image);
	if (!rk_strv_has(out, name))
		rk_strv_add(out, name);
	return 0;
}

static int add_image(struct rk_doc *d, const struct rk_strv *words, const char *host,
	struct rk_strv *out, struct rk_err *err)
{
	bool ours = words->n > 1 && rk_streq(words->v[0], "image");
	const char *word = words->v[ours];
	struct rk_image image;

	(void)host;
	if (words->n > 1 && rk_streq(words->v[0], "chart"))
		return 0;
	if (rk_image_add(d, word, out, err) < 0)
		return -1;
	/* further columns are ignored (platforms, the sources in Rancher's own lists), but not a
	 * second image */
	for (size_t i = ours + 1U; i < words->n; i++)
		if (strchr(words->v[i], ':') && !rk_prefix(words->v[i], "sha256:") &&
			(strchr(words->v[i], '/') || !strchr(word, '/')) &&
			rk_image_parse(d, words->v[i], &image, NULL) == 0)
			return rk_err_set(err, RK_FAIL,
				"two images on one line, \"%.200s\" and \"%.200s\"; "
				"expected one per line",
				word, words->v[i]);
	return 0;
}

int rk_images_parse(struct rk_doc *d, const char *text, size_t n, const char *name,
	struct rk_strv *out, struct rk_err *err)
{
	return each_line(d, text, n, name, add_image, NULL, out, err);
}

/* --- where an image is pulled from --- */

const char *rk_image_mirrored(struct rk_doc *d, const struct rk_image *image, const char *host,
	const struct rk_strv *mirrors)
{
	if (rk_streq(image->registry, host))
		return image->repository;
	/* k3s and Rancher put their system-default-registry, HOST/docker.io, before these. */
	if (!rk_strv_has(mirrors, image->registry) &&
		(!rk_streq(image->registry, "docker.io") ||
			!rk_prefix(image->repository, "rancher/")))
		return NULL;
	return rk_doc_printf(d, "%s/%s", image->registry, image->repository);
}

const char *rk_image_source(struct rk_doc *d, const struct rk_image *image, const char *host,
	const struct rk_strv *mirrors)
{
	const char *there = rk_image_mirrored(d, image, host, mirrors);

	return there ? with_reference(d, rk_doc_printf(d, "%s/%s", host, there), image->reference)
		     : NULL;
}
