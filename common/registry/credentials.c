// SPDX-License-Identifier: Apache-2.0
#include "registry/registry.h"

#include <sys/file.h>
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
	bool seen;		 /* in this search */
	struct rk_login login;
	struct entry *next;
};

/* The answer of a helper for a host: it is run once, so that it asks its user once. */
struct answer {
	const char *helper, *host;
	struct rk_login login; /* empty: it has none */
	struct rk_err err;     /* or why it failed */
	struct answer *next;
};

struct rk_creds {
	struct rk_doc *d; /* secret; has all of it */
	struct entry *entries, **end;
	struct answer *answers;
};

struct rk_creds *rk_creds_new(void)
{
	struct rk_doc *d = rk_doc_new(true);
	struct rk_creds *c = rk_doc_alloc(d, sizeof(*c));

	c->d = d;
	c->end = &c->entries;
	return c;
}

void rk_creds_free(struct rk_creds *c)
{
	if (c)
		rk_doc_free(c->d);
}

/* Host and path of an address, without the path of a registry's API; Docker Hub has one name. */
static void split(struct rk_doc *d, const char *address, const char **host, const char **path)
{
	rk_auto_url u;
	rk_auto_free char *name = NULL;
	size_t n;

	*host = rk_doc_printf(d, "%s", address);
	*path = "";
	if (rk_url_parse(&u, address, "https"))
		return;
	name = rk_url_host(&u);
	*host = rk_streq(name, "index.docker.io") || rk_streq(name, "registry-1.docker.io")
			? "docker.io"
			: rk_doc_printf(d, "%s", name);
	address = u.path + strspn(u.path, "/");
	for (n = strlen(address); n && address[n - 1] == '/';)
		n--;
	if (!(n == 2 && *address == 'v' && strchr("12", address[1])))
		*path = rk_doc_strndup(d, address, n);
}

static struct entry *add(struct rk_creds *c, const char *address, struct rk_login l)
{
	struct entry *e = rk_doc_alloc(c->d, sizeof(*e));

	e->login = l;
	if (l.token || !l.password)
		e->login.password = "";
	split(c->d, address, &e->host, &e->path);
	*c->end = e;
	c->end = &e->next;
	return e;
}

/* The member; absent and empty are the same in these files. */
static int take(const struct rk_val *map, const char *key, const char **out, struct rk_err *err)
{
	if (rk_want_str(map, out, err, key, NULL) < 0)
		return -1;
	if (*out && !**out)
		*out = NULL;
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

/* One login in the words of Docker and containerd, if there is any. auth is base64 of user:password,
 * parted at the first colon. */
static int take_login(struct rk_creds *c, const struct rk_val *v, const char *token_key,
	struct rk_login *l, struct rk_err *err)
{
	rk_auto_buf both = RK_BUF_INIT_SECRET;
	const struct rk_val *auth = rk_get(v, "auth", NULL);
	const char *colon;

	if (v->kind != RK_MAP && v->kind != RK_NULL)
		return rk_val_error(v, err, "expected a map");
	if (take(v, token_key, &l->token, err) < 0 || take(v, "username", &l->user, err) < 0 ||
		take(v, "password", &l->password, err) < 0)
		return -1;
	if (!auth || !auth->len)
		return 0;
	if (!rk_str(auth) || rk_base64_decode(&both, auth->s, auth->len, NULL) < 0)
		return rk_val_error(auth, err, "not base64");
	while (both.len && !both.s[both.len - 1])
		both.len--;
	colon = memchr(both.s, ':', both.len);
	if (!colon || memchr(both.s, '\0', both.len))
		return rk_val_error(auth, err, "not base64 of user:password");
	l->user = rk_doc_strndup(c->d, both.s, (size_t)(colon - both.s));
	l->password = rk_doc_strndup(c->d, colon + 1, both.len - (size_t)(colon - both.s) - 1);
	return 0;
}

/* --- the forms: Docker's config.json, helm's repositories.yaml, k3s' registries.yaml --- */

static int parse_docker(
	struct rk_creds *c, const char *name, const struct rk_val *root, struct rk_err *err)
{
	static const char *const login_names[] = {
		"auth", "username", "password", "identitytoken", "registrytoken", NULL};
	const struct rk_val *helpers = NULL, *auths = NULL;
	const char *store = NULL;
	struct entry *e;

	if (rk_want_map(root, &helpers, err, "credHelpers", NULL) < 0 ||
		rk_want_map(root, &auths, err, "auths", NULL) < 0 ||
		take(root, "credsStore", &store, err) < 0)
		return -1;
	rk_each (h, helpers) {
		if (!rk_str(h))
			return rk_val_error(h, err, "expected a string");
		add(c, h->key, (struct rk_login){.from = name})->helper = h->s;
	}
	rk_each (a, auths) {
		struct rk_login l = {.from = name};
		const char *bearer = NULL;
		bool found;

		fold_names(a, login_names);
		if (take_login(c, a, "identitytoken", &l, err) < 0 ||
			take(a, "registrytoken", &bearer, err) < 0)
			return -1;
		found = l.token || l.user;
		if (!found && !bearer)
			continue;
		e = add(c, a->key, l);
		e->strict = true;
		e->bearer = !found;
	}
	if (store) {
		e = add(c, "", (struct rk_login){.from = name});
		e->any = true;
		e->helper = store;
	}
	return 0;
}

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

		if (rk_need_str(r, &url, err, "url", NULL) < 0 ||
			take(r, "username", &l.user, err) < 0 ||
			take(r, "password", &l.password, err) < 0 ||
			take(r, "caFile", &l.ca, err) < 0)
			return -1;
		if (!l.user && !rk_url_parse(&u, url, "https") && u.user) {
			/* https://user:password@host: helm takes these as well */
			l.user = rk_doc_printf(c->d, "%s", u.user);
			l.password = rk_doc_printf(c->d, "%s", u.password ? u.password : "");
		}
		if (l.user)
			add(c, url, l);
	}
	return 0;
}

static int parse_registries(
	struct rk_creds *c, const char *name, const struct rk_val *root, struct rk_err *err)
{
	const struct rk_val *configs = NULL;

	if (rk_want_map(root, &configs, err, "configs", NULL) < 0)
		return -1;
	rk_each (r, configs) {
		const struct rk_val *auth = NULL;
		struct rk_login l = {.from = name};

		if (rk_want_map(r, &auth, err, "auth", NULL) < 0)
			return -1;
		if (!auth || strchr(r->key, '*'))
			continue;
		if (take_login(c, auth, "identity_token", &l, err) < 0)
			return -1;
		if (l.token || l.user)
			add(c, r->key, l);
	}
	return 0;
}

/* --- sources --- */

int rk_creds_parse(
	struct rk_creds *c, const char *name, const char *text, size_t n, struct rk_err *err)
{
	static const char *const docker_names[] = {"auths", "credHelpers", "credsStore", NULL};
	const char *from = rk_doc_printf(c->d, "%s", name);
	struct rk_val *root;

	rk_doc_source(c->d, name);
	if (rk_yaml_parse(c->d, text, n, &root, err) < 0)
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
	rk_err_set(err, RK_FAIL, "unknown format of credentials: %s", name);
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

/* helm's repositories.yaml and registry/config.json: $env, else $HELM_CONFIG_HOME/file, else
 * $XDG_CONFIG_HOME (or ~/.config)/helm/file. One of the two may be missing. */
static int add_helm(struct rk_creds *c, struct rk_err *err)
{
	static const char *const env[] = {"HELM_REPOSITORY_CONFIG", "HELM_REGISTRY_CONFIG"};
	static const char *const files[] = {"repositories.yaml", "registry/config.json"};
	const char *dir = getenv("HELM_CONFIG_HOME"), *xdg = getenv("XDG_CONFIG_HOME"), *paths[2];
	rk_auto_free char *usual = rk_path_resolve("~/.config", NULL);
	bool any = false;

	if (!xdg || !*xdg)
		xdg = usual;
	if (!dir || !*dir)
		dir = rk_doc_printf(c->d, "%s/helm", xdg);
	for (size_t i = 0; i < RK_COUNT(paths); i++) {
		paths[i] = getenv(env[i]);
		if (!paths[i] || !*paths[i])
			paths[i] = rk_doc_printf(c->d, "%s/%s", dir, files[i]);
		/* what may not be read counts as well: reading it then reports why */
		if (access(paths[i], F_OK) < 0 && (errno == ENOENT || errno == ENOTDIR))
			continue;
		any = true;
		if (add_file(c, paths[i], err) < 0)
			return -1;
	}
	if (any)
		return 0;
	return rk_err_set(
		err, RK_NOTFOUND, "credentials: helm has neither %s nor %s", paths[0], paths[1]);
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

/* Run docker-credential-NAME get, with the server on stdin. That it has no login is exit code 1 and
 * a text of the protocol on standard output; else it is {ServerURL, Username, Secret}, where empty strings
 * are Docker's anonymous login. */
static int run_helper(struct rk_creds *c, const char *helper, const char *host, struct rk_login *l,
	struct rk_err *err)
{
	static const char none[] = "credentials not found in native keychain";
	static const char *const names[] = {"Username", "Secret", NULL};
	const char *program = rk_doc_printf(c->d, "docker-credential-%s", helper);
	const char *const argv[] = {program, "get", NULL};
	const char *server = rk_streq(host, "docker.io") ? "https://index.docker.io/v1/" : host;
	rk_auto_buf out = RK_BUF_INIT_SECRET;
	struct rk_run r = {.argv = argv, .in = server, .max = 64 << 10, .said = rk_out_said};
	const char *user, *secret;
	struct rk_val *root;
	int status = 0;
	size_t n;

	if (rk_run(&r, &out, &status, err) < 0)
		return -1;
	if (status) {
		n = rk_prefix(out.s, none) ? sizeof(none) - 1 : 0;
		if (n && n + strspn(out.s + n, " \t\r\n\v\f") == out.len)
			return 0;
		n = strcspn(out.s, "\r\n");
		if (n >= 200 || memchr(out.s, '{', n)) /* it could hold a secret */
			n = 0;
		return rk_err_set(err, RK_FAIL, "%s failed with exit code %d%s%.*s", program,
			status, n ? ": " : "", (int)n, out.s);
	}
	rk_doc_source(c->d, program);
	if (rk_json_parse(c->d, out.s, out.len, &root, NULL) < 0 || root->kind != RK_MAP)
		return rk_err_set(err, RK_FAIL, "%s did not answer with a JSON object", program);
	fold_names(root, names);
	user = rk_get_str(root, "Username", NULL);
	secret = rk_get_str(root, "Secret", NULL);
	if (!user || !secret)
		return rk_err_set(err, RK_FAIL, "%s answered without Username and Secret", program);
	if (rk_streq(user, "<token>"))
		l->token = secret;
	else if (*user)
		l->user = user;
	l->password = l->user ? secret : "";
	return 0;
}

/* Every failure is RK_FAIL: from a helper that is not installed it is unknown whether a login exists. */
static void ask_helper(struct rk_creds *c, struct answer *a)
{
	const char *helper = a->helper, *from = a->login.from;
	struct rk_err *err = &a->err;

	if (!*helper || strlen(helper) >= 100 ||
		helper[strspn(helper, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789._-")]) {
		rk_err_set(err, RK_FAIL, "%s: \"%.60s\" is not a valid name of a credential helper",
			from, helper);
		return;
	}
	if (run_helper(c, helper, a->host, &a->login, err) == 0)
		return;
	if (err->code == RK_NOTFOUND)
		rk_err_hint(err,
			"install docker-credential-%s, or remove \"%s\" from %s and log "
			"in again",
			helper, helper, from);
	else
		rk_err_hint(err, "to see its message, run: echo %s | docker-credential-%s get",
			a->host, helper);
	err->code = RK_FAIL;
	rk_err_wrap(err, "credentials for %s (%s)", a->host, from);
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

int rk_creds_find(struct rk_creds *c, const char *address, struct rk_login *out, struct rk_err *err)
{
	const char *host, *path;
	struct entry *e, *best;
	struct answer *a;

	split(c->d, address, &host, &path);
	for (e = c->entries; e; e = e->next)
		e->seen = false;
	for (;;) {
		size_t most = 0;

		for (e = c->entries, best = NULL; e && *host; e = e->next)
			if (!e->seen && score(e, host, path) > most) {
				most = score(e, host, path);
				best = e;
			}
		if (!best)
			return rk_err_set(err, RK_NOTFOUND, "no credentials for %s", host);
		best->seen = true;
		if (best->bearer) {
			rk_err_set(err, RK_FAIL,
				"credentials for %s (%s): a registrytoken alone is not supported",
				host, best->login.from);
			return rk_err_hint(err, "log in again with a user and a password");
		}
		*out = best->login;
		if (!best->helper)
			return 0;
		for (a = c->answers; a; a = a->next)
			if (rk_streq(a->helper, best->helper) && rk_streq(a->host, host))
				break;
		if (!a) {
			a = rk_doc_alloc(c->d, sizeof(*a));
			*a = (struct answer){
				best->helper, host, {.from = out->from}, RK_ERR_INIT, c->answers};
			c->answers = a;
			ask_helper(c, a);
		}
		if (a->err.code) {
			if (err)
				*err = a->err;
			return -1;
		}
		*out = a->login;
		if (out->user || out->token)
			return 0;
	}
}
