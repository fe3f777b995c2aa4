// SPDX-License-Identifier: Apache-2.0
/* What a run made in Rancher and did not hand over is deleted again, also when the answer that would
 * have named it never came; what cannot be deleted is named, with the command that does it later. */
#include "tool.h"

/* A token that was made for a request whose answer was lost may appear a moment later. */
#define TRIES	 4
#define PAUSE_US 500000

void tf_revoke_command(const struct job *j, struct rk_buf *out)
{
	const struct opts *o = j->o;
	const struct {
		const char *name, *value;
	} flags[] = {
		{"--run", j->lost ? j->run : NULL},
		{"--url", j->url},
		{"--ca-file", o->ca_file},
		{"--ca-fingerprint", o->ca_fingerprint},
		{"--resolve", o->kube.resolve},
		{"--kubeconfig", j->use_cluster ? o->kube.kubeconfig : NULL},
		{"--context", j->use_cluster ? o->kube.context : NULL},
		{"--dir", rk_streq(o->dir, ".") ? NULL : o->dir},
		{"--user", rk_streq(o->user, "admin") ? NULL : o->user},
		{"--password-file", rk_streq(o->password_file, "-") ? NULL : o->password_file},
		{"--rancher-token-file", rk_streq(o->token_file, "-") ? NULL : o->token_file},
	};

	rk_buf_addf(out, "%s tf-setup revoke", rk_usage_prefix());
	if (j->use_cluster) {
		rk_buf_putc(out, ' ');
		rk_shell_word(out, rk_doc_printf(j->d, "%s/%s", j->ns, j->cluster));
	}
	for (size_t i = 0; i < j->left.n; i++) {
		rk_buf_putc(out, ' ');
		rk_shell_word(out, j->left.v[i]);
	}
	for (size_t i = 0; i < RK_COUNT(flags); i++) {
		if (!flags[i].value)
			continue;
		rk_buf_addf(out, " %s ", flags[i].name);
		rk_shell_word(out, flags[i].value);
	}
}

/* --- one token --- */

void tf_as_maker(struct job *j)
{
	const char *token = j->given;

	if (!token && !j->in_session)
		token = j->token.value ? j->token.value : j->old.value;
	rk_rancher_use(j->r, token);
}

void tf_drop_token(struct job *j, struct tf_token t)
{
	struct rk_err err = RK_ERR_INIT;
	bool gone;

	if (t.value) {
		rk_rancher_use(j->r, t.value);
		if (rk_rancher_token_delete(j->r, t.name, false, &gone, &err) == 0)
			return;
	}
	tf_as_maker(j);
	if (rk_rancher_token_delete(j->r, t.name, false, &gone, &err) == 0)
		return;
	rk_warn("token %s could not be deleted: %s", t.name, err.msg);
	rk_strv_add(&j->left, t.name);
}

/* --- tokens whose names are not known --- */

const char *tf_describe(const struct job *j, const char *text)
{
	return rk_doc_printf(j->d, "%s [rk3k %s]", text, j->run);
}

int tf_drop_run(struct job *j, const char *run, size_t *dropped, struct rk_err *err)
{
	const char *tag = rk_doc_printf(j->d, " [rk3k %s]", run);
	struct rk_val *list;
	bool gone;

	*dropped = 0;
	if (rk_rancher_tokens(j->r, j->d, &list, err) < 0)
		return -1;
	rk_each (t, list) {
		const char *name = rk_get_str(t, "name", NULL);

		if (!rk_suffix(rk_get_str(t, "description", NULL), tag) ||
			rk_get_bool(t, false, "current", NULL) || rk_streq(name, j->token.name))
			continue;
		if (rk_rancher_token_delete(j->r, name, false, &gone, err) < 0)
			return -1;
		rk_debug("token %s deleted", name);
		++*dropped;
	}
	return 0;
}

/* Rancher names and describes the token of a kubeconfig itself: the new one is ours, unless
 * somebody else made one in the same moment. */
static int drop_new_kubeconfig(struct job *j, size_t *dropped, struct rk_err *err)
{
	const char *found = NULL;
	struct rk_val *list;
	bool gone;

	*dropped = 0;
	if (rk_rancher_tokens(j->r, j->d, &list, err) < 0)
		return -1;
	rk_each (t, list) {
		const char *name = rk_get_str(t, "name", NULL);

		if (rk_prefix(name, "kubeconfig-") && !tf_find(j->before, "name", name)) {
			found = name;
			++*dropped;
		}
	}
	if (*dropped > 1)
		return rk_err_set(
			err, RK_CONFLICT, "%zu tokens were made at the same time", *dropped);
	return found ? rk_rancher_token_delete(j->r, found, false, &gone, err) : 0;
}

#define LOST_FORM "%s may exist in Rancher although its answer did not arrive%s%s"

static void find_lost(struct job *j)
{
	static const struct {
		enum lost what;
		const char *text;
	} kinds[] = {{LOST_SESSION, "a session"}, {LOST_TOKEN, "an API token"},
		{LOST_KUBECONFIG, "a token of a kubeconfig"}};
	struct rk_err err = RK_ERR_INIT;

	if (j->lost & LOST_SESSION) { /* the second session is ended like any other */
		if (rk_rancher_login(
			    j->r, j->o->user, j->password, tf_describe(j, "tf-setup"), &err) < 0) {
			rk_warn(LOST_FORM, "a session", ": ", err.msg);
			return;
		}
		j->in_session = true;
	}
	for (size_t i = 0; i < RK_COUNT(kinds); i++) {
		bool kubeconfig = kinds[i].what == LOST_KUBECONFIG;
		size_t dropped = 0;
		int rc = 0;

		if (!(j->lost & kinds[i].what))
			continue;
		if (kubeconfig && !j->before) {
			rk_warn(LOST_FORM, "a token kubeconfig-...",
				"; it expires without further action", "");
			continue;
		}
		for (int try = 0; try < TRIES && rc == 0 && !dropped; try++) {
			if (try)
				usleep(PAUSE_US);
			tf_as_maker(j);
			rc = kubeconfig ? drop_new_kubeconfig(j, &dropped, &err)
					: tf_drop_run(j, j->run, &dropped, &err);
		}
		if (dropped && rc == 0)
			j->lost &= ~(unsigned)kinds[i].what;
		else
			rk_warn(LOST_FORM, kinds[i].text, ": ",
				rc < 0 ? err.msg : "none was found so far");
		rk_err_clear(&err);
	}
	j->lost &= ~(unsigned)LOST_KUBECONFIG; /* it has no description by which to find it later */
}

void tf_leave(struct job *j, bool failed)
{
	struct tf_token kubeconfig = {0};
	const char *session;
	rk_auto_buf command = RK_BUF_INIT;
	struct rk_err err = RK_ERR_INIT;

	if (!j->r)
		return;
	rk_rancher_set_stop(j->r, NULL);
	if (failed && j->minted && !j->saved)
		kubeconfig = tf_kubeconfig_token(j, j->kubeconfig);
	if (kubeconfig.name)
		tf_drop_token(j, kubeconfig);
	if (failed && j->made && !j->written)
		tf_drop_token(j, (struct tf_token){j->token.name, j->token.value});
	if (j->lost)
		find_lost(j);
	session = rk_rancher_session(j->r, j->d);
	if (rk_rancher_logout(j->r, &err) < 0) {
		rk_warn("the session could not be ended: %s", err.msg);
		rk_strv_add(&j->left, session);
	}
	if (!j->left.n && !j->lost)
		return;
	tf_revoke_command(j, &command);
	rk_warn("to remove what is left in Rancher, run: %s", command.s);
}
