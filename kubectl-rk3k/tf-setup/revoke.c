// SPDX-License-Identifier: Apache-2.0
/* revoke: tokens are deleted from Rancher, each with itself, and from the files. A token that
 * Rancher does not accept may be deleted, expired, or that of a disabled user: which, is asked as
 * another user, or could not be determined. */
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

/* As the caller who is set. Errors: only when no answer came. */
static int delete_as_set(struct job *j, const char *name, enum result *r, struct rk_err *err)
{
	bool absent;

	if (rk_rancher_token_delete(j->r, name, &absent, err) == 0)
		*r = absent ? R_ABSENT : R_REVOKED;
	else if (err->http)
		*r = R_UNKNOWN;
	else
		return -1;
	return 0;
}

static bool may_log_in(const struct job *j)
{
	return j->o->password_file || j->o->token_file;
}

/* As the user who logs in or the token that is given; as an administrator also another user's. */
static int delete_as_maker(struct job *j, const char *name, enum result *r, struct rk_err *err)
{
	bool absent;

	if (!j->in_session && !j->given && tf_open_session(j, err) < 0)
		return -1;
	tf_as_maker(j);
	if (delete_as_set(j, name, r, err) < 0 || *r != R_ABSENT)
		return *r == R_UNKNOWN ? -1 : 0;
	if (rk_rancher_token_delete_any(j->r, name, &absent, err) == 0)
		*r = absent ? R_ABSENT : R_REVOKED;
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

static void print_result(const char *name, enum result r)
{
	static const char *const words[] = {
		[R_REVOKED] = "revoked",
		[R_ABSENT] = "not found in Rancher",
		[R_EXPIRED] = "expired",
	};

	if (r != R_UNKNOWN)
		rk_printf("token %s %s\n", name, words[r]);
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
	j->left.n = 0; /* tf_leave need not warn of them */
	rk_err_set(err, RK_FAIL,
		"%s %s could not be revoked, and whether %s could not be determined: %s",
		many ? "tokens" : "token", names.s, many ? "they still exist" : "it still exists",
		why);
	return rk_err_hint(err,
		"the user may be disabled; to remove what is left, log in as that user or as an "
		"administrator: %s",
		command.s);
}

/* Remove what was revoked from the tfvars. */
static int forget(struct job *j, bool token, bool kubeconfig, struct rk_err *err)
{
	struct rk_hcl_item items[2];
	struct tf_hcl_edit edit = {.items = items};
	rk_auto_buf now = RK_BUF_INIT_SECRET, text = RK_BUF_INIT_SECRET;

	if (token) {
		items[edit.n++] = (struct rk_hcl_item){"rancher_token", NULL};
		edit.mark = MARK;
	}
	if (kubeconfig && j->old_kubeconfig)
		items[edit.n++] = (struct rk_hcl_item){"harvester_kubeconfig", NULL};
	if (!edit.n || access(j->tfvars, F_OK) < 0)
		return 0;
	if (tf_read_existing(j->tfvars, &now, err) < 0 ||
		tf_hcl_edit(now.s, now.len, j->tfvars, &edit, &text, NULL, err) < 0)
		return -1;
	return tf_put_secret_file(j->tfvars, &text, err);
}

/* An API token, and the token in a kubeconfig, of one user: each of them can find out whether the
 * other exists, so the one that works is deleted last. */
static int revoke_pair(struct job *j, const char *token, const struct rk_buf *kubeconfig,
	enum result r[2], struct rk_err *err)
{
	rk_auto_free char *name = rk_rancher_token_name(token), *kc_name = NULL;
	char *kc_value = tf_kubeconfig_token(kubeconfig, &kc_name);
	struct target pair[2] = {{name, token}, {kc_name, kc_value}};
	struct rk_rancher_token t;
	int first = 0, rc = 0;

	if (kc_name) {
		rk_rancher_use(j->r, token);
		first = rk_rancher_token_get(j->r, name, &t, NULL) == 0;
		rk_rancher_token_release(&t);
	}
	r[0] = r[1] = R_ABSENT;
	for (int i = 0; i < 2 && rc == 0; i++) {
		int at = first ^ i;

		if (!pair[at].name)
			continue;
		rc = revoke_one(j, &pair[at], pair[1 - at].value, &r[at], err);
		if (rc < 0) {
			rk_err_wrap(err, "token %s", pair[at].name);
			break;
		}
		print_result(pair[at].name, r[at]);
		if (r[at] == R_UNKNOWN)
			tf_left_behind(j, pair[at].name);
	}
	rk_free_secret(kc_value);
	return rc;
}

/* --- what is in the directory --- */

static int revoke_directory(struct job *j, struct rk_err *err)
{
	rk_auto_free char *name = rk_rancher_token_name(j->old_token);
	rk_auto_buf kc = RK_BUF_INIT_SECRET;
	enum result r[2];

	if (!name)
		return rk_err_set(
			err, RK_FAIL, "%s: rancher_token is not a token of Rancher", j->tfvars);
	if (tf_read_existing(j->kc_harvester, &kc, err) < 0 ||
		revoke_pair(j, j->old_token, &kc, r, err) < 0)
		return -1;
	if (kc.len && r[1] != R_UNKNOWN) {
		if (unlink(j->kc_harvester) < 0)
			return rk_err_sys(err, "remove %s", j->kc_harvester);
		rk_printf("%s removed\n", j->kc_harvester);
	}
	if (forget(j, r[0] != R_UNKNOWN, r[1] != R_UNKNOWN, j->left.n ? NULL : err) < 0 &&
		!j->left.n)
		return -1;
	return j->left.n ? undetermined(j, err) : 0;
}

/* --- what is named --- */

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
		return rk_err_set(err, RK_NOTFOUND,
			"token \"%s\" not found, or it belongs to another user and %s%s%s may not "
			"delete it",
			name, j->given ? "the owner of the given token" : "user \"",
			j->given ? "" : j->o->user, j->given ? "" : "\"");
	print_result(name, r);
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

/* --- what is in a file --- */

/* What -o env writes of a variable; neither a token nor a URL has a quote in it. */
static void read_export(const char *text, const char *name, struct rk_buf *out)
{
	rk_auto_free char *head = rk_asprintf("export %s='", name);
	const char *p = strstr(text, head);

	if (p)
		rk_buf_put(out, p + strlen(head), strcspn(p + strlen(head), "'"));
}

/* The file of --token-file: a token alone, or what -o json, env and tfvars write. */
static int read_given(const char *path, struct rk_buf *token, struct rk_buf *url,
	struct rk_buf *kubeconfig, struct rk_err *err)
{
	rk_auto_buf text = RK_BUF_INIT_SECRET;
	rk_auto_free char *name = NULL;
	rk_auto_doc *d = rk_doc_new(true);
	struct rk_val *v = NULL;

	if (rk_file_read_private(path, INPUT_MAX, &text, err) < 0)
		return rk_err_wrap(err, "token to revoke");
	if (text.s[0] == '{') {
		const struct {
			const char *key;
			struct rk_buf *out;
		} keys[] = {{"rancher_token", token}, {"rancher_url", url},
			{"harvester_kubeconfig_content", kubeconfig}};

		if (rk_json_parse(d, text.s, text.len, &v, err) < 0)
			return rk_err_wrap(err, "%s", path);
		for (size_t i = 0; i < RK_COUNT(keys); i++)
			if (rk_get_str(v, keys[i].key, NULL))
				rk_buf_puts(keys[i].out, rk_get_str(v, keys[i].key, NULL));
	} else if (rk_prefix(text.s, "export ")) {
		read_export(text.s, "RANCHER_TOKEN_KEY", token);
		read_export(text.s, "RANCHER_URL", url);
	} else if (strchr(text.s, '=')) {
		if (tf_hcl_get(text.s, text.len, path, "rancher_token", token, NULL, err) < 0 ||
			tf_hcl_get(text.s, text.len, path, "rancher_url", url, NULL, err) < 0)
			return -1;
	} else {
		rk_buf_put(token, text.s, strcspn(text.s, "\r\n"));
	}
	name = rk_rancher_token_name(token->s);
	if (name)
		return 0;
	return rk_err_set(err, RK_USAGE, "%s: no Rancher token (NAME:SECRET) found", path);
}

/* --- the story --- */

/* The address of the tokens: --url, else the one that is written beside them. */
static int find_url(struct job *j, const char *noted, struct rk_err *err)
{
	if (!j->o->url && noted && *noted) {
		j->use_cluster = j->cluster_given;
		return rk_rancher_url(noted, &j->url, err);
	}
	return tf_find_url(j, err);
}

static int revoke_file(struct job *j, struct rk_err *err)
{
	rk_auto_buf token = RK_BUF_INIT_SECRET, url = RK_BUF_INIT, kc = RK_BUF_INIT_SECRET;
	enum result r[2];

	if (read_given(j->o->revoke_file, &token, &url, &kc, err) < 0 ||
		find_url(j, url.len ? url.s : j->old_url, err) < 0 || tf_connect(j, err) < 0 ||
		revoke_pair(j, token.s, &kc, r, err) < 0)
		return -1;
	if (r[0] != R_UNKNOWN && rk_streq(token.s, j->old_token) && forget(j, true, false, err) < 0)
		return -1;
	return j->left.n ? undetermined(j, err) : 0;
}

int tf_revoke(struct job *j, int argc, char **argv, struct rk_err *err)
{
	bool directory = !argc && !j->o->run;

	if (j->o->revoke_file)
		return revoke_file(j, err);
	if (directory && (!j->old_token || !j->old_url)) {
		rk_note("%s holds no token: nothing to revoke", j->tfvars);
		return 0;
	}
	if (find_url(j, j->old_url, err) < 0)
		return -1;
	if (directory && !rk_streq(j->url, j->old_url))
		return rk_err_set(err, RK_CONFLICT, "the token in %s is for %s, not for %s",
			j->tfvars, j->old_url, j->url);
	if (tf_connect(j, err) < 0)
		return -1;
	if (directory)
		return revoke_directory(j, err);
	for (int i = 0; i < argc; i++)
		if (revoke_named(j, argv[i], err) < 0)
			return -1;
	return j->o->run ? revoke_run(j, err) : 0;
}
