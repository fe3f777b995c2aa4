// SPDX-License-Identifier: Apache-2.0
/* tf-setup - from a running Rancher to `terraform plan`: logs in, has a token and the Harvester
 * cluster's kubeconfig made where no existing one works, and writes terraform.tfvars and the
 * kubeconfigs. In Rancher it changes nothing but tokens, and with --first-login the password and
 * server-url. */
#include "tf-setup/tool.h"

static void defaults(void *p)
{
	struct opts *o = p;

	o->user = "admin";
	o->description = "terraform";
	o->dir = ".";
	o->timeout_ms = 60000;
}

/* clang-format off */
#define RANCHER_OPTS                                                                               \
	OPT_STR("url", url, "URL", "Rancher's address; default: the host name of the host's Ingress"), \
	OPT_STR("ca-file", ca_file, "FILE", "CA certificates to trust for Rancher",                \
		.complete = "file"),                                                               \
	OPT_STR("ca-fingerprint", ca_fingerprint, "SHA256",                                        \
		"trust the CA at Rancher's /cacerts if it has this fingerprint"),                  \
	OPT_STR("dir", dir, "DIR", "directory of the files; default: the current one",             \
		.complete = "dir"),                                                                \
	OPT_DUR("timeout", timeout_ms, "how long to wait for Rancher to answer"),                  \
	OPT_STR("user", user, "NAME", "local user of Rancher to log in as"),                       \
	OPT_STR("password-file", password_file, "FILE",                                            \
		"file with the user's password, - is standard input; default: ask",                \
		.complete = "file"),                                                               \
	OPT_STR("rancher-token-file", token_file, "FILE",                                          \
		"file with a Rancher token to use instead of logging in, - is standard input",     \
		.complete = "file")
/* clang-format on */

static const struct rk_opt OPTS[] = {
	RANCHER_OPTS,
	OPT_FLAG("first-login", first_login,
		"log in with the bootstrap password, change it to that of --password-file, and set "
		"server-url"),
	OPT_STR("bootstrap-password-file", bootstrap_file, "FILE",
		"bootstrap password, - is standard input; default: Secret bootstrap-secret",
		.complete = "file"),
	OPT_STR("description", description, "TEXT", "description of the token"),
	OPT_LIFE("ttl", ttl_ms, "DURATION",
		"token lifetime, for example 90d or 720h; default: server maximum"),
	OPT_FLAG("renew", renew, "create a new token even if the existing one is valid"),
	OPT_STR("cluster", cluster, "ID|NAME", "the Harvester cluster, when there are several"),
	OPT_FLAG("module", module, "also write a provider block and the variables' declarations"),
	OPT_ENUM("output", output, "files|json|env|tfvars",
		"all but files write to standard output instead of files", .key = 'o'),
	OPT_FLAG("with-kubeconfig", with_kubeconfig,
		"with -o json: include the Harvester cluster's kubeconfig, "
		"harvester_kubeconfig_content"),
	OPT_GROUP_KUBE(kube), /* --cluster and --user are ours */
	OPT_END,
};

static const struct rk_opt OPTS_REVOKE[] = {
	RANCHER_OPTS,
	OPT_STR("token-file", revoke_file, "FILE",
		"file with the token to revoke (as written by -o json, env or tfvars, or the token "
		"alone), - is standard input",
		.complete = "file"),
	OPT_STR("run", run, "ID",
		"revoke what an interrupted run made: its id is in the tokens' descriptions"),
	OPT_GROUP_KUBE(kube),
	OPT_END,
};

/* --- the story --- */

static int setup(struct job *j, struct rk_err *err)
{
	if (tf_find_url(j, err) < 0 || tf_connect(j, err) < 0)
		return -1;
	rk_debug("Rancher %s at %s", rk_rancher_version(j->r), j->url);
	if (j->use_cluster && j->o->output == OUT_FILES && tf_open(j, true, err) < 0)
		return -1;
	if (tf_authorise(j, err) < 0)
		return -1;
	tf_guard(j);
	if (tf_find_harvester(j, err) < 0 || tf_put_output(j, err) < 0)
		return -1;
	if (j->made && j->written) /* to the tfvars, which had the old one */
		tf_drop_old(j);
	if (rk_out_flush(err) < 0)
		return -1;
	j->written = j->saved = true;
	tf_show_token(j);
	return tf_stopped(j, err);
}

/* What both verbs require; third: another file of a secret. */
static int check_logins(const struct opts *o, const char *third, struct rk_err *err)
{
	if (rk_streq(o->password_file, "-") + rk_streq(o->token_file, "-") + rk_streq(third, "-") >
		1)
		return rk_err_set(err, RK_USAGE, "standard input can hold only one secret");
	if (o->token_file && (o->first_login || o->password_file))
		return rk_err_set(err, RK_USAGE, "--rancher-token-file cannot be used with %s",
			o->first_login ? "--first-login" : "--password-file");
	return 0;
}

static int run(void *p, int argc, char **argv, struct rk_err *err)
{
	const struct opts *o = p;

	if (check_logins(o, o->bootstrap_file, err) < 0)
		return -1;
	if (o->bootstrap_file && !o->first_login)
		return rk_err_set(
			err, RK_USAGE, "--bootstrap-password-file requires --first-login");
	if (o->ttl_ms < 0)
		return rk_err_set(err, RK_USAGE, "--ttl must not be negative");
	if (o->module && o->output != OUT_FILES)
		return rk_err_set(
			err, RK_USAGE, "--module writes files: it cannot be used with -o");
	if (o->with_kubeconfig && o->output != OUT_JSON)
		return rk_err_set(err, RK_USAGE, "--with-kubeconfig requires -o json");
	return tf_with_job(o, argc ? argv[0] : NULL, setup, err);
}

static bool is_token_name(const char *word)
{
	return rk_prefix(word, "token-") || rk_prefix(word, "kubeconfig-") ||
	       rk_prefix(word, "ext/");
}

static int run_revoke(void *p, int argc, char **argv, struct rk_err *err)
{
	struct opts *o = p;
	int clusters = argc && !is_token_name(argv[0]);

	o->names = argv + clusters;
	o->nnames = argc - clusters;
	for (int i = 0; i < o->nnames; i++)
		if (!is_token_name(o->names[i]))
			return rk_err_set(
				err, RK_USAGE, "\"%s\" is not the name of a token", o->names[i]);
	if (check_logins(o, o->revoke_file, err) < 0)
		return -1;
	return tf_with_job(o, clusters ? argv[0] : NULL, tf_revoke, err);
}

#define CLUSTER_ARG .args = "[[NAMESPACE/]CLUSTER]", .max_args = 1, .complete = "cluster"

static const struct rk_verb VERBS[] = {
	{CLUSTER_ARG, .summary = "write terraform.tfvars and kubeconfigs for a running Rancher",
		.opts = OPTS, .run = run},
	{.name = "revoke",
		.args = "[[NAMESPACE/]CLUSTER] [TOKEN-NAME...]",
		.max_args = -1,
		.complete = "cluster",
		.summary = "delete tokens from Rancher: those of the directory, or those named",
		.opts = OPTS_REVOKE,
		.run = run_revoke},
	{.run = NULL}};

static const struct rk_cmd CMD = {
	.name = "tf-setup",
	.summary = "prepare a directory for terraform from a running Rancher",
	.help = rk_help,
	.opts_size = sizeof(struct opts),
	.defaults = defaults,
	.verbs = VERBS,
};

int main(int argc, char **argv)
{
	return rk_main(&CMD, argc, argv);
}
