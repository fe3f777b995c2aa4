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
		{"--password-file", is_file(o->password_file) ? o->password_file : NULL},
		{"--rancher-token-file", is_file(o->token_file) ? o->token_file : NULL},
	};

	rk_buf_addf(out, "%s tf-setup revoke", rk_usage_prefix());
	if (j->use_cluster) {
		rk_auto_free char *cluster = rk_asprintf("%s/%s", j->ns, j->cluster);

		rk_buf_putc(out, ' ');
		rk_shell_word(out, cluster);
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
		token = j->token.value ? j->token.value : j->old_token;
	rk_rancher_use(j->r, token);
}

void tf_left_behind(struct job *j, const char *name)
{
	rk_strv_add(&j->left, rk_doc_printf(j->d, "%s", name));
}

void tf_drop_token(struct job *j, const char *name, const char *value)
{
	struct rk_err err = RK_ERR_INIT;

	if (value) {
		rk_rancher_use(j->r, value);
		if (rk_rancher_token_delete(j->r, name, NULL, NULL) == 0)
			return;
	}
	tf_as_maker(j);
	if (rk_rancher_token_delete(j->r, name, NULL, &err) == 0)
		return;
	rk_warn("token %s could not be deleted: %s", name, err.msg);
	tf_left_behind(j, name);
}

/* --- tokens whose names are not known --- */

void tf_describe(const struct job *j, const char *text, struct rk_buf *out)
{
	rk_buf_addf(out, "%s [rk3k %s]", text, j->run);
}

bool tf_is_described(const char *description, const char *text)
{
	size_t n = strlen(text);

	return rk_prefix(description, text) &&
	       (!description[n] || rk_prefix(description + n, " [rk3k "));
}

int tf_drop_run(struct job *j, const char *run, size_t *dropped, struct rk_err *err)
{
	rk_auto_free char *tag = rk_asprintf(" [rk3k %s]", run);
	rk_auto_doc *d = rk_doc_new(true);
	struct rk_val *list;

	*dropped = 0;
	if (rk_rancher_tokens(j->r, d, &list, err) < 0)
		return -1;
	rk_each (t, list) {
		const char *name = rk_get_str(t, "name", NULL);

		if (!rk_suffix(rk_get_str(t, "description", NULL), tag) ||
			rk_get_bool(t, false, "current", NULL) || rk_streq(name, j->token.name))
			continue;
		if (rk_rancher_token_delete(j->r, name, NULL, err) < 0)
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
	rk_auto_doc *d = rk_doc_new(true);
	const char *found = NULL;
	struct rk_val *list;

	*dropped = 0;
	if (rk_rancher_tokens(j->r, d, &list, err) < 0)
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
	return found ? rk_rancher_token_delete(j->r, found, NULL, err) : 0;
}

static void find_lost(struct job *j, enum lost what, const char *text)
{
	struct rk_err err = RK_ERR_INIT;
	size_t dropped = 0;
	int rc = 0;

	if (!(j->lost & what))
		return;
	for (int i = 0; i < TRIES && rc == 0 && !dropped; i++) {
		if (i)
			usleep(PAUSE_US);
		tf_as_maker(j);
		rc = what == LOST_KUBECONFIG ? drop_new_kubeconfig(j, &dropped, &err)
					     : tf_drop_run(j, j->run, &dropped, &err);
	}
	if (dropped && rc == 0)
		j->lost &= ~(unsigned)what;
	else
		rk_warn("%s may exist in Rancher although its answer did not arrive: %s", text,
			rc < 0 ? err.msg : "none was found so far");
}

static void find_all_lost(struct job *j)
{
	rk_auto_buf about = RK_BUF_INIT;
	struct rk_err err = RK_ERR_INIT;

	if (j->lost & LOST_SESSION) { /* the second session is ended like any other */
		tf_describe(j, "tf-setup", &about);
		if (rk_rancher_login(j->r, j->o->user, j->password.s, about.s, &err) < 0) {
			rk_warn("a session may exist in Rancher although its answer did not "
				"arrive: %s",
				err.msg);
			return;
		}
		j->in_session = true;
	}
	find_lost(j, LOST_SESSION, "a session");
	find_lost(j, LOST_TOKEN, "an API token");
	if (j->before)
		find_lost(j, LOST_KUBECONFIG, "a token of a kubeconfig");
	else if (j->lost & LOST_KUBECONFIG)
		rk_warn("a token kubeconfig-... may exist in Rancher although its answer did not "
			"arrive; it expires without further action");
	j->lost &= ~(unsigned)LOST_KUBECONFIG; /* it has no description by which to find it later */
}

void tf_leave(struct job *j, bool failed)
{
	rk_auto_free char *session = NULL;
	rk_auto_buf command = RK_BUF_INIT;
	struct rk_err err = RK_ERR_INIT;

	if (!j->r)
		return;
	rk_rancher_set_stop(j->r, NULL);
	if (failed && j->minted && !j->saved)
		tf_drop_kubeconfig_token(j, &j->kubeconfig);
	if (failed && j->made && !j->written)
		tf_drop_token(j, j->token.name, j->token.value);
	if (j->lost)
		find_all_lost(j);
	session = rk_rancher_session(j->r);
	if (rk_rancher_logout(j->r, &err) < 0) {
		rk_warn("the session could not be ended: %s", err.msg);
		tf_left_behind(j, session);
	}
	if (!j->left.n && !j->lost)
		return;
	tf_revoke_command(j, &command);
	rk_warn("to remove what is left in Rancher, run: %s", command.s);
}
