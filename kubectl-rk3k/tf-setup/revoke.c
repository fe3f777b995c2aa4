// SPDX-License-Identifier: Apache-2.0
/* revoke: tokens are deleted from Rancher, each with itself, and from the files. A token that
 * Rancher does not accept may be deleted, expired, or that of a disabled user: which, is asked as
 * another user, or could not be determined. */
#include "tool.h"

enum result {
	R_REVOKED,
	R_ABSENT, /* it does not exist, or not for this user and his rights */
	R_EXPIRED,
	R_UNKNOWN,
};

/* --- one token --- */

/* As the caller who is set; any: also another user's. Errors: only when no answer came. */
static int delete_as_set(
	struct job *j, const char *name, bool any, enum result *r, struct rk_err *err)
{
	bool absent;

	if (rk_rancher_token_delete(j->r, name, any, &absent, err) == 0)
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
	if (!j->in_session && !j->given && tf_open_session(j, err) < 0)
		return -1;
	tf_as_maker(j);
	if (delete_as_set(j, name, false, r, err) < 0 || *r != R_ABSENT)
		return *r == R_UNKNOWN ? -1 : 0;
	if (delete_as_set(j, name, true, r, err) < 0)
		return -1;
	if (*r == R_UNKNOWN) /* without the right to it: absent for this user */
		*r = R_ABSENT;
	rk_err_clear(err);
	return 0;
}

/* With itself, then with another token of the same user (may be NULL), then by a login. */
static int revoke_one(
	struct job *j, struct tf_token t, const char *other, enum result *r, struct rk_err *err)
{
	const char *const with[] = {t.value, other};

	*r = R_UNKNOWN;
	for (size_t i = 0; i < RK_COUNT(with) && *r == R_UNKNOWN; i++) {
		if (!with[i])
			continue;
		rk_err_clear(err);
		rk_rancher_use(j->r, with[i]);
		if (delete_as_set(j, t.name, false, r, err) < 0)
			return -1;
	}
	if (*r != R_UNKNOWN)
		return 0;
	if (t.value && rk_streq(t.value, j->old.value) && j->old_expired) {
		*r = R_EXPIRED;
	} else if (may_log_in(j) || (!t.value && !other)) {
		rk_err_clear(err);
		return delete_as_maker(j, t.name, r, err);
	}
	return 0;
}

static void print_result(const char *name, enum result r)
{
	static const char *const words[] = {"revoked", "not found in Rancher", "expired"};

	if (r != R_UNKNOWN)
		rk_printf("token %s %s\n", name, words[r]);
}

/* What is left, if anything, is named with the command that logs in and removes it. */
static int undetermined(struct job *j, struct rk_err *err)
{
	rk_auto_buf command = RK_BUF_INIT, names = RK_BUF_INIT;
	const char *why = rk_doc_printf(j->d, "%s", err->msg);
	bool many = j->left.n > 1;

	if (!j->left.n)
		return 0;
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
		tf_hcl_edit(&now, j->tfvars, &edit, &text, err) < 0)
		return -1;
	return tf_put_secret_file(j->tfvars, text.s, err);
}

/* An API token, and the token in a kubeconfig, of one user: each of them can find out whether the
 * other exists, so the one that works is deleted last. file: the kubeconfig is ours to remove. */
static int revoke_pair(
	struct job *j, struct tf_token token, const char *kubeconfig, bool file, struct rk_err *err)
{
	const struct tf_token pair[2] = {token, tf_kubeconfig_token(j, kubeconfig)};
	enum result r[2] = {R_ABSENT, R_ABSENT};
	struct rk_rancher_token t;
	int first = 0;

	if (pair[1].name) {
		rk_rancher_use(j->r, token.value);
		first = rk_rancher_token_get(j->r, j->d, token.name, &t, NULL) == 0;
	}
	for (int i = 0; i < 2; i++) {
		int at = first ^ i;

		if (!pair[at].name)
			continue;
		if (revoke_one(j, pair[at], pair[1 - at].value, &r[at], err) < 0)
			return rk_err_wrap(err, "token %s", pair[at].name);
		print_result(pair[at].name, r[at]);
		if (r[at] == R_UNKNOWN)
			rk_strv_add(&j->left, pair[at].name);
	}
	if (file && *kubeconfig && r[1] != R_UNKNOWN) {
		if (unlink(j->kc_harvester) < 0)
			return rk_err_sys(err, "remove %s", j->kc_harvester);
		rk_printf("%s removed\n", j->kc_harvester);
	}
	if (forget(j, r[0] != R_UNKNOWN && rk_streq(token.value, j->old.value),
		    file && r[1] != R_UNKNOWN, j->left.n ? NULL : err) < 0 &&
		!j->left.n)
		return -1;
	return undetermined(j, err);
}

static int revoke_named(struct job *j, const char *name, struct rk_err *err)
{
	bool here = j->old.value && rk_streq(j->old_url, j->url);
	const char *own = here && !may_log_in(j) ? j->old.value : NULL;
	enum result r;

	if (revoke_one(j, (struct tf_token){.name = name}, own, &r, err) < 0)
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
	return here && rk_streq(name, j->old.name) ? forget(j, true, false, err) : 0;
}

/* --- what is in a file --- */

/* What -o env writes of a variable; neither a token nor a URL has a quote in it. */
static void read_export(struct job *j, const char *text, const char *name, struct rk_buf *out)
{
	const char *head = rk_doc_printf(j->d, "export %s='", name), *p = strstr(text, head);

	if (p)
		rk_buf_put(out, p + strlen(head), strcspn(p + strlen(head), "'"));
}

/* The file of --token-file: a token alone, or what -o json, env and tfvars write. */
static int read_given(struct job *j, struct tf_token *token, const char **url,
	const char **kubeconfig, struct rk_err *err)
{
	const struct {
		const char *key, *variable, **out;
	} parts[] = {{"rancher_token", "RANCHER_TOKEN_KEY", &token->value},
		{"rancher_url", "RANCHER_URL", url},
		{"harvester_kubeconfig_content", "", kubeconfig}};
	const char *path = j->o->revoke_file;
	rk_auto_buf text = RK_BUF_INIT_SECRET, value = RK_BUF_INIT_SECRET;
	struct rk_val *v = NULL;

	if (rk_file_read_private(path, INPUT_MAX, &text, err) < 0)
		return rk_err_wrap(err, "token to revoke");
	if (text.s[0] == '{' && rk_json_parse(j->d, text.s, text.len, &v, err) < 0)
		return rk_err_wrap(err, "%s", path);
	for (size_t i = 0; i < RK_COUNT(parts); i++) {
		const char *str = rk_get_str(v, parts[i].key, NULL);

		rk_buf_reset(&value);
		if (v)
			rk_buf_puts(&value, str ? str : "");
		else if (rk_prefix(text.s, "export "))
			read_export(j, text.s, parts[i].variable, &value);
		else if (strchr(text.s, '=')) {
			if (tf_hcl_get(&text, path, parts[i].key, &value, err) < 0)
				return -1;
		} else if (!i)
			rk_buf_put(&value, text.s, strcspn(text.s, "\r\n"));
		*parts[i].out = rk_doc_strndup(j->d, value.s, value.len);
	}
	token->name = rk_rancher_token_name(j->d, token->value);
	if (token->name)
		return 0;
	return rk_err_set(err, RK_USAGE, "%s: no Rancher token (NAME:SECRET) found", path);
}

/* --- the story --- */

/* The address of the tokens: --url, else the one that is written beside them. */
static int find_url(struct job *j, const char *noted, struct rk_err *err)
{
	if (!j->o->url && noted && *noted) {
		j->use_cluster = j->ref;
		return rk_rancher_url(j->d, noted, &j->url, err);
	}
	return tf_find_url(j, err);
}

int tf_revoke(struct job *j, struct rk_err *err)
{
	const struct opts *o = j->o;
	bool directory = !o->revoke_file && !o->nnames && !o->run;
	const char *url = "", *kubeconfig = "";
	struct tf_token token = j->old;
	rk_auto_buf kc = RK_BUF_INIT_SECRET;
	size_t n = 0;

	if (directory && (!j->old.value || !j->old_url)) {
		rk_note("%s contains no token: nothing to revoke", j->tfvars);
		return 0;
	}
	if (o->revoke_file && read_given(j, &token, &url, &kubeconfig, err) < 0)
		return -1;
	if (find_url(j, *url ? url : j->old_url, err) < 0)
		return -1;
	if (directory && !rk_streq(j->url, j->old_url))
		return rk_err_set(err, RK_CONFLICT, "the token in %s is for %s, not for %s",
			j->tfvars, j->old_url, j->url);
	if (tf_connect(j, err) < 0)
		return -1;
	if (directory && !j->old.name)
		return rk_err_set(
			err, RK_FAIL, "%s: rancher_token is not a token of Rancher", j->tfvars);
	if (directory && tf_read_existing(j->kc_harvester, &kc, err) < 0)
		return -1;
	if (directory || o->revoke_file)
		return revoke_pair(j, token, directory ? kc.s : kubeconfig, directory, err);
	for (int i = 0; i < o->nnames; i++)
		if (revoke_named(j, o->names[i], err) < 0)
			return -1;
	if (!o->run)
		return 0;
	if (tf_open_session(j, err) < 0)
		return -1;
	tf_as_maker(j);
	if (tf_drop_run(j, o->run, &n, err) < 0)
		return -1;
	rk_printf("%zu tokens of run %s revoked\n", n, o->run);
	return 0;
}
