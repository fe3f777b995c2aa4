// SPDX-License-Identifier: Apache-2.0
/* The way back: tokens are deleted from Rancher, each with itself, and from the files. A token that
 * Rancher does not accept may be deleted, expired, or that of a disabled user: what it is, is then
 * asked as somebody else, or could not be determined. */
#include "tool.h"

bool tf_is_token_name(const char *word)
{
	return rk_prefix(word, "token-") || rk_prefix(word, "kubeconfig-") ||
	       rk_prefix(word, "ext/");
}

/* A token to revoke. */
struct target {
	const char *name, *value; /* value NULL: only its name is known */
};

enum result {
	R_REVOKED,
	R_ABSENT, /* it does not exist, or not for this user and his rights */
	R_EXPIRED,
	R_UNKNOWN,
};

/* --- one token --- */

/* As the caller who is set. Errors: only when there is no answer. */
static int delete_as_set(struct job *j, const char *name, enum result *r, struct rk_err *err)
{
	bool gone;

	if (rk_rancher_token_delete(j->r, name, &gone, err) == 0) {
		*r = gone ? R_ABSENT : R_REVOKED;
		return 0;
	}
	if (!err->http)
		return -1;
	*r = R_UNKNOWN;
	return 0;
}

static bool may_log_in(const struct job *j)
{
	return j->o->password_file || j->o->token_file;
}

/* As the user who logs in or the token that is given; as an administrator also another user's. */
static int delete_as_maker(struct job *j, const char *name, enum result *r, struct rk_err *err)
{
	bool gone;

	if (!j->in_session && !j->given && tf_open_session(j, err) < 0)
		return -1;
	tf_as_maker(j);
	if (delete_as_set(j, name, r, err) < 0 || *r != R_ABSENT)
		return *r == R_UNKNOWN ? -1 : 0;
	if (rk_rancher_token_delete_any(j->r, name, &gone, err) == 0)
		*r = gone ? R_ABSENT : R_REVOKED;
	else if (!err->http)
		return -1;
	rk_err_clear(err);
	return 0;
}

/* With itself, then with another token of the same user (may be NULL), then by a login. */
static int revoke_one(struct job *j, const struct target *t, const char *other, enum result *r,
	struct rk_err *err)
{
	const char *const with[] = {t->value, other};

	*r = R_UNKNOWN;
	for (size_t i = 0; i < RK_COUNT(with) && *r == R_UNKNOWN; i++) {
		if (!with[i])
			continue;
		rk_err_clear(err);
		rk_rancher_use(j->r, with[i]);
		if (delete_as_set(j, t->name, r, err) < 0)
			return -1;
	}
	if (*r != R_UNKNOWN)
		return 0;
	if (t->value && rk_streq(t->value, j->old_token) && j->old_expired) {
		*r = R_EXPIRED;
	} else if (may_log_in(j) || (!t->value && !other)) {
		rk_err_clear(err);
		return delete_as_maker(j, t->name, r, err);
	}
	return 0;
}

static void tell(const struct target *t, enum result r)
{
	static const char *const words[] = {
		[R_REVOKED] = "revoked",
		[R_ABSENT] = "not found in Rancher",
		[R_EXPIRED] = "expired",
	};

	if (r != R_UNKNOWN)
		rk_printf("token %s %s\n", t->name, words[r]);
}

/* What is left is named with the command that logs in and removes it. */
static int undetermined(struct job *j, struct rk_err *err)
{
	rk_auto_buf command = RK_BUF_INIT, names = RK_BUF_INIT;
	rk_auto_free char *why = rk_strdup(err->msg);
	bool many = j->left.n > 1;

	for (size_t i = 0; i < j->left.n; i++)
		rk_buf_addf(&names, "%s%s", i ? ", " : "", j->left.v[i]);
	tf_revoke_command(j, &command);
	j->left.n = 0; /* said here */
	rk_err_set(err, RK_FAIL,
		"%s %s could not be revoked, and whether %s could not be determined: %s",
		many ? "tokens" : "token", names.s, many ? "they still exist" : "it still exists",
		why);
	return rk_err_hint(err,
		"the user may be disabled; to remove what is left, log in as that user or as an "
		"administrator: %s",
		command.s);
}

/* --- the files --- */

static int forget(struct job *j, bool token, bool kubeconfig, struct rk_err *err)
{
	struct rk_hcl_item gone[2];
	struct tf_hcl_edit edit = {.items = gone};
	rk_auto_buf now = RK_BUF_INIT_SECRET, text = RK_BUF_INIT_SECRET;

	if (token) {
		gone[edit.n++] = (struct rk_hcl_item){"rancher_token", NULL};
		edit.mark = MARK;
	}
	if (kubeconfig && j->old_kubeconfig)
		gone[edit.n++] = (struct rk_hcl_item){"harvester_kubeconfig", NULL};
	if (!edit.n || access(j->tfvars, F_OK) < 0)
		return 0;
	if (tf_read_if_there(j->tfvars, &now, err) < 0 ||
		tf_hcl_edit(now.s, now.len, j->tfvars, &edit, &text, NULL, err) < 0)
		return -1;
	return tf_put_secret_file(j->tfvars, &text, err);
}

static int remove_kubeconfig(const struct job *j, struct rk_err *err)
{
	if (unlink(j->kc_harvester) < 0)
		return rk_err_sys(err, "remove %s", j->kc_harvester);
	rk_printf("%s removed\n", j->kc_harvester);
	return 0;
}

/* --- what is in the directory --- */

static bool is_alive(struct job *j, const struct target *t)
{
	struct rk_rancher_token token;
	bool alive;

	rk_rancher_use(j->r, t->value);
	alive = rk_rancher_token_get(j->r, t->name, &token, NULL) == 0;
	rk_rancher_token_release(&token);
	return alive;
}

/* Two tokens of one user, each of which can say of the other whether it exists: the one that works
 * goes last. */
static int revoke_pair(struct job *j, struct target pair[2], enum result r[2], struct rk_err *err)
{
	int first = pair[1].name && is_alive(j, &pair[0]) ? 1 : 0;

	r[0] = r[1] = R_ABSENT;
	for (int i = 0; i < 2; i++) {
		int at = first ^ i;

		if (!pair[at].name)
			continue;
		if (revoke_one(j, &pair[at], pair[1 - at].value, &r[at], err) < 0)
			return rk_err_wrap(err, "token %s", pair[at].name);
		tell(&pair[at], r[at]);
		if (r[at] == R_UNKNOWN)
			tf_left_behind(j, pair[at].name);
	}
	return 0;
}

static int revoke_directory(struct job *j, struct rk_err *err)
{
	rk_auto_free char *name = rk_rancher_token_name(j->old_token), *kc_name = NULL;
	rk_auto_buf kc = RK_BUF_INIT_SECRET;
	char *kc_value = NULL;
	enum result r[2];
	int rc;

	if (!name)
		return rk_err_set(
			err, RK_FAIL, "%s: rancher_token is not a token of Rancher", j->tfvars);
	if (tf_read_if_there(j->kc_harvester, &kc, err) < 0)
		return -1;
	kc_value = tf_kubeconfig_token(&kc, &kc_name);
	rc = revoke_pair(j, (struct target[2]){{name, j->old_token}, {kc_name, kc_value}}, r, err);
	rk_free_secret(kc_value);
	if (rc < 0 || (kc.len && r[1] != R_UNKNOWN && remove_kubeconfig(j, err) < 0))
		return -1;
	if (forget(j, r[0] != R_UNKNOWN, r[1] != R_UNKNOWN, j->left.n ? NULL : err) < 0 &&
		!j->left.n)
		return -1;
	return j->left.n ? undetermined(j, err) : 0;
}

/* --- what is named --- */

static int absent(struct job *j, const struct target *t, struct rk_err *err)
{
	rk_auto_free char *who = j->given ? rk_strdup("the owner of the given token")
					  : rk_asprintf("user \"%s\"", j->o->user);

	return rk_err_set(err, RK_NOTFOUND,
		"token \"%s\" not found, or it belongs to another user and %s may not delete it",
		t->name, who);
}

static int revoke_named(struct job *j, const char *name, struct rk_err *err)
{
	bool here = j->old_token && rk_streq(j->old_url, j->url);
	rk_auto_free char *in_file = here ? rk_rancher_token_name(j->old_token) : NULL;
	const char *own = here && !may_log_in(j) ? j->old_token : NULL;
	struct target t = {.name = name};
	enum result r;

	if (revoke_one(j, &t, own, &r, err) < 0)
		return -1;
	if (r == R_UNKNOWN || (r == R_ABSENT && own)) {
		rk_err_clear(err);
		if (delete_as_maker(j, name, &r, err) < 0)
			return -1;
	}
	if (r == R_ABSENT)
		return absent(j, &t, err);
	tell(&t, r);
	return rk_streq(name, in_file) ? forget(j, true, false, err) : 0;
}

static int revoke_run(struct job *j, struct rk_err *err)
{
	size_t n = 0;

	if (tf_open_session(j, err) < 0)
		return -1;
	tf_as_maker(j);
	if (tf_drop_run(j, j->o->run, &n, err) < 0)
		return -1;
	rk_printf("%zu tokens of run %s revoked\n", n, j->o->run);
	return 0;
}

/* A token alone, or what -o json, env and tfvars write. */
struct given {
	struct rk_buf token, url, kubeconfig;
};

/* What -o env writes of a variable; neither a token nor a URL has a quote in it. */
static void read_export(const char *text, const char *name, struct rk_buf *out)
{
	rk_auto_free char *head = rk_asprintf("export %s='", name);
	const char *p = strstr(text, head);

	if (p)
		rk_buf_put(out, p + strlen(head), strcspn(p + strlen(head), "'"));
}

static int read_given(struct job *j, struct given *g, struct rk_err *err)
{
	const char *path = j->o->revoke_file;
	rk_auto_buf text = RK_BUF_INIT_SECRET;
	rk_auto_free char *name = NULL;
	rk_auto_doc *d = rk_doc_new(true);
	struct rk_val *v = NULL;

	if (rk_file_read_private(path, INPUT_MAX, &text, err) < 0)
		return rk_err_wrap(err, "token to revoke");
	if (text.s[0] == '{' && rk_json_parse(d, text.s, text.len, &v, err) < 0)
		return rk_err_wrap(err, "%s", path);
	if (v) {
		const char *kc = rk_get_str(v, "harvester_kubeconfig_content", NULL);
		const char *token = rk_get_str(v, "rancher_token", NULL);
		const char *url = rk_get_str(v, "rancher_url", NULL);

		rk_buf_puts(&g->token, token ? token : "");
		rk_buf_puts(&g->url, url ? url : "");
		rk_buf_puts(&g->kubeconfig, kc ? kc : "");
	} else if (rk_prefix(text.s, "export ")) {
		read_export(text.s, "RANCHER_TOKEN_KEY", &g->token);
		read_export(text.s, "RANCHER_URL", &g->url);
	} else if (strchr(text.s, '=')) {
		if (tf_hcl_get(text.s, text.len, path, "rancher_token", &g->token, NULL, err) < 0 ||
			tf_hcl_get(text.s, text.len, path, "rancher_url", &g->url, NULL, err) < 0)
			return -1;
	} else {
		rk_buf_put(&g->token, text.s, strcspn(text.s, "\r\n"));
	}
	name = rk_rancher_token_name(g->token.s);
	if (name)
		return 0;
	return rk_err_set(err, RK_USAGE, "%s: no Rancher token (NAME:SECRET) found", path);
}

static int revoke_given(struct job *j, const struct given *g, struct rk_err *err)
{
	rk_auto_free char *name = rk_rancher_token_name(g->token.s), *kc_name = NULL;
	char *kc_value = tf_kubeconfig_token(&g->kubeconfig, &kc_name);
	enum result r[2];
	int rc =
		revoke_pair(j, (struct target[2]){{name, g->token.s}, {kc_name, kc_value}}, r, err);

	rk_free_secret(kc_value);
	if (rc < 0)
		return -1;
	if (r[0] != R_UNKNOWN && rk_streq(g->token.s, j->old_token) &&
		forget(j, true, false, err) < 0)
		return -1;
	return j->left.n ? undetermined(j, err) : 0;
}

/* --- the story --- */

/* The address that goes with the tokens: --url, else where they are written. */
static int find_url(struct job *j, const char *noted, struct rk_err *err)
{
	if (!j->o->url && noted && *noted) {
		j->use_cluster = j->cluster_given;
		return rk_rancher_url(noted, &j->url, err);
	}
	return tf_find_url(j, err);
}

static int connect_to(struct job *j, const char *noted, struct rk_err *err)
{
	return find_url(j, noted, err) < 0 ? -1 : tf_connect(j, err);
}

static int revoke_file(struct job *j, struct rk_err *err)
{
	struct given g = {RK_BUF_INIT_SECRET, RK_BUF_INIT, RK_BUF_INIT_SECRET};
	int rc = read_given(j, &g, err);

	if (rc == 0)
		rc = connect_to(j, g.url.len ? g.url.s : j->old_url, err);
	if (rc == 0)
		rc = revoke_given(j, &g, err);
	rk_buf_release(&g.token);
	rk_buf_release(&g.url);
	rk_buf_release(&g.kubeconfig);
	return rc;
}

static int revoke_names(struct job *j, int argc, char **argv, struct rk_err *err)
{
	if (connect_to(j, j->old_url, err) < 0)
		return -1;
	for (int i = 0; i < argc; i++)
		if (revoke_named(j, argv[i], err) < 0)
			return -1;
	return j->o->run ? revoke_run(j, err) : 0;
}

int tf_revoke(struct job *j, int argc, char **argv, struct rk_err *err)
{
	if (j->o->revoke_file)
		return revoke_file(j, err);
	if (argc || j->o->run)
		return revoke_names(j, argc, argv, err);
	if (!j->old_token || !j->old_url) {
		rk_note("%s holds no token: nothing to revoke", j->tfvars);
		return 0;
	}
	if (find_url(j, j->old_url, err) < 0)
		return -1;
	if (!rk_streq(j->url, j->old_url))
		return rk_err_set(err, RK_CONFLICT, "the token in %s is for %s, not for %s",
			j->tfvars, j->old_url, j->url);
	return tf_connect(j, err) < 0 ? -1 : revoke_directory(j, err);
}
