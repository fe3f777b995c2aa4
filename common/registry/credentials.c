// SPDX-License-Identifier: Apache-2.0
#include "registry/registry.h"

#include <sys/file.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <strings.h>

#include "os/os.h"
#include "out/out.h"
#include "data/data.h"
#include "task/task.h"

#define SOURCE_MAX ((size_t)4 << 20)

struct entry {
	const char *host, *path; /* path without slashes at its ends; "": all of the host */
	const char *helper;	 /* NULL: the login is here */
	bool any;		 /* a helper for every host */
	bool strict;		 /* only below path; else path only ranks */
	bool bearer;		 /* only a registrytoken, which is not supported */
	struct rk_login login;
};

/* The answer of a helper for a host: it is run once, so that it asks its user once. */
struct answer {
	const char *helper, *host;
	struct rk_login login; /* empty: it has none */
	struct rk_err err;     /* or why it failed */
};

struct rk_creds {
	struct rk_doc *d; /* secret; owns all strings */
	struct entry *v;
	size_t n;
	struct answer *answers;
	size_t nanswers;
};

struct rk_creds *rk_creds_new(void)
{
	struct rk_creds *c = rk_calloc(1, sizeof(*c));

	c->d = rk_doc_new(true);
	return c;
}

void rk_creds_free(struct rk_creds *c)
{
	if (!c)
		return;
	rk_doc_free(c->d);
	free(c->v);
	free(c->answers);
	free(c);
}

static struct entry *add(struct rk_creds *c)
{
	c->v = rk_realloc(c->v, (c->n + 1) * sizeof(*c->v));
	c->v[c->n] = (struct entry){.host = "", .path = ""};
	return &c->v[c->n++];
}

static char *copy(struct rk_creds *c, const char *s)
{
	return s ? rk_doc_strndup(c->d, s, strlen(s)) : NULL;
}

/* --- addresses --- */

/* Host and path of an address, without the path of a registry's API; Docker Hub has one name. */
static void split(struct rk_creds *c, const char *address, const char **host, const char **path)
{
	rk_auto_url u;
	rk_auto_free char *name = NULL;
	size_t n;

	*host = copy(c, address);
	*path = "";
	if (rk_url_parse(&u, address, "https"))
		return;
	name = rk_url_host(&u);
	*host = rk_streq(name, "index.docker.io") || rk_streq(name, "registry-1.docker.io")
			? "docker.io"
			: copy(c, name);
	address = u.path + strspn(u.path, "/");
	for (n = strlen(address); n && address[n - 1] == '/';)
		n--;
	if (!(n == 2 && *address == 'v' && strchr("12", address[1])))
		*path = rk_doc_strndup(c->d, address, n);
}

/* --- Docker's config.json --- */

static int bad(const struct rk_val *v, const char *what, struct rk_err *err)
{
	rk_auto_buf path = RK_BUF_INIT;

	rk_val_path(v, &path);
	return rk_err_set(err, RK_FAIL, "%s: %s", path.s, what);
}

/* base64 of user:password, parted at the first colon. */
static int take_auth(
	struct rk_creds *c, const struct rk_val *auth, struct rk_login *l, struct rk_err *err)
{
	rk_auto_buf both = RK_BUF_INIT_SECRET;
	const char *text = rk_str(auth), *colon;

	if (!text || rk_base64_decode(&both, text, strlen(text), NULL) < 0)
		return bad(auth, "not base64", err);
	while (both.len && !both.s[both.len - 1])
		both.len--;
	colon = memchr(both.s, ':', both.len);
	if (!colon || memchr(both.s, '\0', both.len))
		return bad(auth, "not base64 of user:password", err);
	l->user = rk_doc_strndup(c->d, both.s, (size_t)(colon - both.s));
	l->password = rk_doc_strndup(c->d, colon + 1, both.len - (size_t)(colon - both.s) - 1);
	return 0;
}

/* The member as a copy; absent and empty are the same in these files. */
static int take_str(struct rk_creds *c, const struct rk_val *map, const char *key, const char **out,
	struct rk_err *err)
{
	const char *s = NULL;

	if (rk_want_str(map, &s, err, key, NULL) < 0)
		return -1;
	*out = s && *s ? copy(c, s) : NULL;
	return 0;
}

/* Docker reads its file with Go, to which "credSstore", as Docker Desktop wrote it, is credsStore. */
static void fold_names(const struct rk_val *map, const char *const *names)
{
	for (; *names; names++)
		rk_each (m, map)
			if (m->klen == strlen(*names) && !strcasecmp(m->key, *names) &&
				!rk_get(map, *names, NULL))
				rk_mut(m)->key = *names;
}

/* One login in the words of Docker and containerd; *found when there is any. */
static int take_login(struct rk_creds *c, const struct rk_val *v, const char *token_key,
	struct rk_login *l, bool *found, struct rk_err *err)
{
	const struct rk_val *auth = rk_get(v, "auth", NULL);

	if (v->kind != RK_MAP && v->kind != RK_NULL)
		return bad(v, "expected a map", err);
	if (take_str(c, v, token_key, &l->token, err) < 0 ||
		take_str(c, v, "username", &l->user, err) < 0 ||
		take_str(c, v, "password", &l->password, err) < 0)
		return -1;
	if (auth && auth->len && take_auth(c, auth, l, err) < 0)
		return -1;
	if (l->token || (l->user && !l->password))
		l->password = "";
	*found = l->token || l->user;
	return 0;
}

static int parse_docker(
	struct rk_creds *c, const char *name, const struct rk_val *root, struct rk_err *err)
{
	static const char *const login_names[] = {
		"auth", "username", "password", "identitytoken", "registrytoken", NULL};
	const struct rk_val *helpers = NULL, *auths = NULL;
	const char *store = NULL;

	if (rk_want_map(root, &helpers, err, "credHelpers", NULL) < 0 ||
		rk_want_map(root, &auths, err, "auths", NULL) < 0 ||
		rk_want_str(root, &store, err, "credsStore", NULL) < 0)
		return -1;
	rk_each (h, helpers) {
		struct entry *e = add(c);

		if (!rk_str(h))
			return bad(h, "expected a string", err);
		split(c, h->key, &e->host, &e->path);
		e->helper = copy(c, h->s);
		e->login.from = name;
	}
	rk_each (a, auths) {
		struct rk_login l = {.from = name};
		const char *bearer = NULL;
		struct entry *e;
		bool found;

		fold_names(a, login_names);
		if (take_login(c, a, "identitytoken", &l, &found, err) < 0 ||
			rk_want_str(a, &bearer, err, "registrytoken", NULL) < 0)
			return -1;
		if (!found && !(bearer && *bearer))
			continue;
		e = add(c);
		split(c, a->key, &e->host, &e->path);
		e->strict = true;
		e->bearer = !found;
		e->login = l;
	}
	if (store && *store) {
		struct entry *e = add(c);

		e->any = true;
		e->helper = copy(c, store);
		e->login.from = name;
	}
	return 0;
}

/* --- helm's repositories.yaml --- */

static int parse_helm(
	struct rk_creds *c, const char *name, const struct rk_val *root, struct rk_err *err)
{
	const struct rk_val *list = NULL;

	if (rk_want_seq(root, &list, err, "repositories", NULL) < 0)
		return -1;
	rk_each (r, list) {
		struct rk_login l = {.from = name};
		const char *url = NULL;
		rk_auto_url u = {0};
		struct entry *e;

		if (rk_need_str(r, &url, err, "url", NULL) < 0 ||
			take_str(c, r, "username", &l.user, err) < 0 ||
			take_str(c, r, "password", &l.password, err) < 0 ||
			take_str(c, r, "caFile", &l.ca, err) < 0)
			return -1;
		if (!l.user && !rk_url_parse(&u, url, "https") && u.user) {
			/* https://user:password@host: helm takes these as well */
			l.user = copy(c, u.user);
			l.password = copy(c, u.password);
		}
		if (!l.user)
			continue;
		l.password = l.password ? l.password : "";
		e = add(c);
		split(c, url, &e->host, &e->path);
		e->login = l;
	}
	return 0;
}

/* --- k3s' registries.yaml --- */

static int parse_registries(
	struct rk_creds *c, const char *name, const struct rk_val *root, struct rk_err *err)
{
	const struct rk_val *configs = NULL;

	if (rk_want_map(root, &configs, err, "configs", NULL) < 0)
		return -1;
	rk_each (r, configs) {
		const struct rk_val *auth = NULL;
		struct rk_login l = {.from = name};
		struct entry *e;
		bool found = false;

		if (rk_want_map(r, &auth, err, "auth", NULL) < 0)
			return -1;
		if (auth && !strchr(r->key, '*') &&
			take_login(c, auth, "identity_token", &l, &found, err) < 0)
			return -1;
		if (!found)
			continue;
		e = add(c);
		split(c, r->key, &e->host, &e->path);
		e->login = l;
	}
	return 0;
}

/* --- sources --- */

int rk_creds_parse(
	struct rk_creds *c, const char *name, const char *text, size_t n, struct rk_err *err)
{
	static const char *const docker_names[] = {"auths", "credHelpers", "credsStore", NULL};
	rk_auto_doc *d = rk_doc_new(true);
	const char *from = copy(c, name);
	struct rk_val *root;

	rk_doc_source(d, name);
	if (rk_yaml_parse(d, text, n, &root, err) < 0)
		return -1;
	if (!root || (root->kind == RK_MAP && !root->count))
		return 0;
	fold_names(root, docker_names);
	if (rk_get(root, "repositories", NULL))
		return parse_helm(c, from, root, err);
	if (rk_get(root, "mirrors", NULL) || rk_get(root, "configs", NULL))
		return parse_registries(c, from, root, err);
	if (rk_get(root, "auths", NULL) || rk_get(root, "credHelpers", NULL) ||
		rk_get(root, "credsStore", NULL))
		return parse_docker(c, from, root, err);
	/* Docker keeps other things in its file, too; helm's may have only its first line. */
	if (root->kind == RK_MAP &&
		(rk_get(root, "apiVersion", NULL) || rk_suffix(name, "config.json")))
		return 0;
	rk_err_set(err, RK_FAIL, "%s is not a known form of credentials", name);
	return rk_err_hint(err,
		"Docker's config.json, helm's repositories.yaml or a registries.yaml "
		"is expected");
}

/* helm writes its file in place, under a lock beside it; the wait for an abandoned lock is short. */
static int add_file(struct rk_creds *c, const char *path, struct rk_err *err)
{
	rk_auto_buf text = RK_BUF_INIT_SECRET;
	const char *dot = strrchr(path, '.');
	rk_auto_free char *name =
		rk_asprintf("%.*s.lock", (int)(dot ? dot - path : (int)strlen(path)), path);
	rk_auto_close int lock = rk_suffix(path, ".yaml") ? open(name, O_RDONLY | O_CLOEXEC) : -1;

	for (int i = 0; lock >= 0 && i < 50 && flock(lock, LOCK_SH | LOCK_NB) < 0; i++)
		rk_task_pause(100);
	if (rk_file_read(path, SOURCE_MAX, &text, err) < 0)
		return rk_err_wrap(err, "credentials");
	return rk_creds_parse(c, path, text.s, text.len, err);
}

/* $env, else $dir_env/file, else $XDG_CONFIG_HOME (or ~/.config)/below/file. */
static char *helm_path(const char *env, const char *file)
{
	const char *path = getenv(env), *dir = getenv("HELM_CONFIG_HOME");
	const char *xdg = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");

	if (path && *path)
		return rk_strdup(path);
	if (dir && *dir)
		return rk_asprintf("%s/%s", dir, file);
	if (xdg && *xdg)
		return rk_asprintf("%s/helm/%s", xdg, file);
	return rk_asprintf("%s/.config/helm/%s", home ? home : "", file);
}

/* Also true of what may not be read: reading it then reports why. */
static bool exists(const char *path)
{
	return access(path, F_OK) == 0 || (errno != ENOENT && errno != ENOTDIR);
}

static int add_helm(struct rk_creds *c, struct rk_err *err)
{
	rk_auto_free char *repos = helm_path("HELM_REPOSITORY_CONFIG", "repositories.yaml");
	rk_auto_free char *registry = helm_path("HELM_REGISTRY_CONFIG", "registry/config.json");
	bool a = exists(repos), b = exists(registry);

	if (!a && !b)
		return rk_err_set(err, RK_NOTFOUND, "credentials: helm has neither %s nor %s",
			repos, registry);
	if (a && add_file(c, repos, err) < 0)
		return -1;
	return b ? add_file(c, registry, err) : 0;
}

int rk_creds_add(struct rk_creds *c, const char *source, struct rk_err *err)
{
	const char *dir = getenv("DOCKER_CONFIG");
	rk_auto_free char *path = NULL;

	if (rk_streq(source, "helm"))
		return add_helm(c, err);
	if (!rk_streq(source, "docker"))
		path = rk_path_resolve(source, NULL);
	else if (dir && *dir)
		path = rk_asprintf("%s/config.json", dir);
	else
		path = rk_path_resolve("~/.docker/config.json", NULL);
	return add_file(c, path, err);
}

/* --- looking up --- */

/* {ServerURL, Username, Secret}; empty strings are Docker's anonymous login. */
static int take_answer(struct rk_creds *c, const char *program, const struct rk_buf *out,
	struct rk_login *l, struct rk_err *err)
{
	static const char *const names[] = {"Username", "Secret", NULL};
	rk_auto_doc *d = rk_doc_new(true);
	const char *user, *secret;
	struct rk_val *root;

	rk_doc_source(d, program);
	if (rk_json_parse(d, out->s, out->len, &root, NULL) < 0 || root->kind != RK_MAP)
		return rk_err_set(err, RK_FAIL, "%s did not answer with a JSON object", program);
	fold_names(root, names);
	user = rk_get_str(root, "Username", NULL);
	secret = rk_get_str(root, "Secret", NULL);
	if (!user || !secret)
		return rk_err_set(err, RK_FAIL, "%s answered without Username and Secret", program);
	if (rk_streq(user, "<token>")) {
		l->token = copy(c, secret);
		l->password = "";
	} else if (*user) {
		l->user = copy(c, user);
		l->password = copy(c, secret);
	}
	return 0;
}

/* Run docker-credential-NAME get, with the server on stdin. That it has no login is exit code 1 and
 * a text of the protocol on standard output. */
static int run_helper(struct rk_creds *c, const char *helper, const char *host, struct rk_login *l,
	struct rk_err *err)
{
	static const char none[] = "credentials not found in native keychain";
	rk_auto_free char *program = rk_asprintf("docker-credential-%s", helper);
	const char *const argv[] = {program, "get", NULL};
	const char *server = rk_streq(host, "docker.io") ? "https://index.docker.io/v1/" : host;
	rk_auto_buf out = RK_BUF_INIT_SECRET;
	struct rk_run r = {.argv = argv, .in = server, .max = 64 << 10, .said = rk_out_said};
	int status = 0;
	size_t n;

	if (rk_run(&r, &out, &status, err) < 0)
		return -1;
	if (!status)
		return take_answer(c, program, &out, l, err);
	for (n = out.len; n && isspace((unsigned char)out.s[n - 1]);)
		n--;
	if (n == sizeof(none) - 1 && !memcmp(out.s, none, n))
		return 0;
	n = strcspn(out.s, "\r\n");
	if (n >= 200 || memchr(out.s, '{', n)) /* it could hold a secret */
		n = 0;
	return rk_err_set(err, RK_FAIL, "%s failed with exit code %d%s%.*s", program, status,
		n ? ": " : "", (int)n, out.s);
}

/* Every failure is RK_FAIL: from a helper that is not installed it is unknown whether a login exists. */
static int ask_helper(struct rk_creds *c, const char *helper, const char *host, struct rk_login *l,
	struct rk_err *err)
{
	if (!*helper || strlen(helper) >= 100 ||
		helper[strspn(helper, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789._-")])
		return rk_err_set(err, RK_FAIL,
			"%s: \"%.60s\" is not a valid name of a credential helper", l->from,
			helper);
	if (run_helper(c, helper, host, l, err) == 0)
		return 0;
	if (err->code == RK_NOTFOUND)
		rk_err_hint(err,
			"install docker-credential-%s, or remove \"%s\" from %s and log "
			"in again",
			helper, helper, l->from);
	else
		rk_err_hint(err, "to see its message, run: echo %s | docker-credential-%s get",
			host, helper);
	err->code = RK_FAIL;
	return rk_err_wrap(err, "credentials for %s (%s)", host, l->from);
}

static struct answer *answer_of(
	struct rk_creds *c, const char *helper, const char *host, const char *from)
{
	struct answer *a;

	for (size_t i = 0; i < c->nanswers; i++)
		if (rk_streq(c->answers[i].helper, helper) && rk_streq(c->answers[i].host, host))
			return &c->answers[i];
	c->answers = rk_realloc(c->answers, (c->nanswers + 1) * sizeof(*c->answers));
	a = &c->answers[c->nanswers++];
	*a = (struct answer){.helper = helper, .host = host, .login = {.from = from}};
	if (ask_helper(c, helper, host, &a->login, &a->err) < 0)
		a->login = (struct rk_login){.from = from};
	return a;
}

/* 0: not for this address; the highest is the best. */
static size_t score(const struct entry *e, const char *host, const char *path)
{
	size_t n = strlen(e->path);

	if (e->any)
		return 1;
	if (!rk_streq(e->host, host))
		return 0;
	if (!n || (rk_prefix(path, e->path) && (path[n] == '\0' || path[n] == '/')))
		return n + 3;
	return e->strict ? 0 : 2;
}

static int resolve(struct rk_creds *c, const struct entry *e, const char *host,
	struct rk_login *out, struct rk_err *err)
{
	const struct answer *a;

	if (e->bearer) {
		rk_err_set(err, RK_FAIL,
			"credentials for %s (%s): a registrytoken alone is not supported", host,
			e->login.from);
		return rk_err_hint(err, "log in again with a user and a password");
	}
	*out = e->login;
	if (!e->helper)
		return 0;
	a = answer_of(c, e->helper, host, e->login.from);
	*out = a->login;
	if (!a->err.code)
		return 0;
	if (err)
		*err = a->err;
	return -1;
}

int rk_creds_find(struct rk_creds *c, const char *address, struct rk_login *out, struct rk_err *err)
{
	const char *host, *path;
	rk_auto_free bool *seen = rk_calloc(c->n + 1, sizeof(*seen));

	split(c, address, &host, &path);
	for (;;) {
		size_t best = 0, at = 0;

		for (size_t i = 0; i < c->n; i++) {
			size_t s = seen[i] ? 0 : score(&c->v[i], host, path);

			if (s > best) {
				best = s;
				at = i;
			}
		}
		if (!best || !*host)
			return rk_err_set(err, RK_NOTFOUND, "no credentials for %s", host);
		seen[at] = true;
		if (resolve(c, &c->v[at], host, out, err) < 0)
			return -1;
		if (out->user || out->token)
			return 0;
	}
}
