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

#define STR_OPT(long_name, field, placeholder, text)                                          \
	{                                                                                     \
		.name = (long_name), .kind = RK_OPT_STR, .off = offsetof(struct opts, field), \
		.arg = (placeholder), .help = (text)                                          \
	}
#define FILE_OPT(long_name, field, text)                                                      \
	{                                                                                     \
		.name = (long_name), .kind = RK_OPT_STR, .off = offsetof(struct opts, field), \
		.arg = "FILE", .complete = "file", .help = (text)                             \
	}
#define FLAG_OPT(long_name, field, text)                                                       \
	{                                                                                      \
		.name = (long_name), .kind = RK_OPT_FLAG, .off = offsetof(struct opts, field), \
		.help = (text)                                                                 \
	}
#define WHERE_OPTS                                                                               \
	STR_OPT("url", url, "URL",                                                               \
		"Rancher's address; default: the host name of the host's Ingress"),              \
		FILE_OPT("ca-file", ca_file, "CA certificates to trust for Rancher"),            \
		STR_OPT("ca-fingerprint", ca_fingerprint, "SHA256",                              \
			"trust the CA at Rancher's /cacerts if it has this fingerprint"),        \
		{.name = "dir",                                                                  \
			.kind = RK_OPT_STR,                                                      \
			.off = offsetof(struct opts, dir),                                       \
			.arg = "DIR",                                                            \
			.complete = "dir",                                                       \
			.help = "where the files are; default: here"},                           \
	{                                                                                        \
		.name = "timeout", .kind = RK_OPT_DUR, .off = offsetof(struct opts, timeout_ms), \
		.arg = "DURATION", .help = "how long to wait for Rancher to answer"              \
	}

#define LOGIN_OPTS                                                                           \
	STR_OPT("user", user, "NAME", "local user of Rancher to log in as"),                 \
		FILE_OPT("password-file", password_file,                                     \
			"file with the user's password, - is standard input; default: ask"), \
		FILE_OPT("rancher-token-file", token_file,                                   \
			"file with a Rancher token to use instead of logging in, - is "      \
			"standard input")

static const struct rk_opt OPTS[] = {WHERE_OPTS, LOGIN_OPTS,
	FLAG_OPT("first-login", first_login,
		"log in with the bootstrap password, change it to that of --password-file, and set "
		"server-url"),
	FILE_OPT("bootstrap-password-file", bootstrap_file,
		"bootstrap password, - is standard input; default: Secret bootstrap-secret"),
	STR_OPT("description", description, "TEXT", "description of the token"),
	{.name = "ttl",
		.kind = RK_OPT_LIFE,
		.off = offsetof(struct opts, ttl_ms),
		.arg = "DURATION",
		.help = "token lifetime, for example 90d or 720h; default: server maximum"},
	FLAG_OPT("renew", renew, "make a new token even if the existing one is valid"),
	STR_OPT("cluster", cluster, "ID|NAME", "the Harvester cluster, when there are several"),
	FLAG_OPT("module", module, "also write a provider block and the variables' declarations"),
	{.name = "output",
		.key = 'o',
		.kind = RK_OPT_ENUM,
		.off = offsetof(struct opts, output),
		.arg = "FORMAT",
		.choices = "files|json|env|tfvars",
		.help = "anything but files: write to standard output, and no file"},
	FLAG_OPT("with-kubeconfig", with_kubeconfig,
		"with -o json: include the Harvester cluster's kubeconfig, "
		"harvester_kubeconfig_content"),
	RK_GROUP_KUBE(struct opts, kube), /* --cluster and --user are ours */
	RK_OPT_END};

static const struct rk_opt OPTS_REVOKE[] = {WHERE_OPTS, LOGIN_OPTS,
	FILE_OPT("token-file", revoke_file,
		"file with the token to revoke (as written by -o json, env or tfvars, or the token "
		"alone), - is standard input"),
	STR_OPT("run", run, "ID",
		"revoke what an interrupted run made: its id is in the tokens' descriptions"),
	RK_GROUP_KUBE(struct opts, kube), RK_OPT_END};

/* --- the story --- */

static int setup(struct job *j, struct rk_err *err)
{
	if (tf_find_url(j, err) < 0 || tf_connect(j, err) < 0)
		return -1;
	rk_debug("Rancher %s at %s", rk_rancher_version(j->r), j->url);
	if (j->use_cluster && j->o->output == OUT_FILES && tf_open_inside(j, err) < 0)
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
	tf_tell_token(j);
	return tf_stopped(j, err);
}

static bool is_stdin(const char *path)
{
	return rk_streq(path, "-");
}

static int check_opts(const struct opts *o, struct rk_err *err)
{
	if (is_stdin(o->password_file) + is_stdin(o->token_file) + is_stdin(o->bootstrap_file) > 1)
		return rk_err_set(err, RK_USAGE, "standard input can hold only one secret");
	if (o->token_file && (o->password_file || o->first_login))
		return rk_err_set(err, RK_USAGE,
			"--rancher-token-file does not go with --password-file or --first-login");
	if (o->bootstrap_file && !o->first_login)
		return rk_err_set(err, RK_USAGE, "--bootstrap-password-file needs --first-login");
	if (o->ttl_ms < 0)
		return rk_err_set(err, RK_USAGE, "--ttl must not be negative");
	if (o->module && o->output != OUT_FILES)
		return rk_err_set(err, RK_USAGE, "--module writes files: it does not go with -o");
	if (o->with_kubeconfig && o->output != OUT_JSON)
		return rk_err_set(err, RK_USAGE, "--with-kubeconfig requires -o json");
	return 0;
}

static int run(void *p, int argc, char **argv, struct rk_err *err)
{
	const struct opts *o = p;
	struct job j;
	int rc;

	if (check_opts(o, err) < 0)
		return -1;
	rc = tf_job_init(&j, o, argc, argv, err);
	if (rc == 0)
		rc = setup(&j, err);
	tf_leave(&j, rc < 0);
	tf_job_release(&j);
	return rc;
}

static int run_revoke(void *p, int argc, char **argv, struct rk_err *err)
{
	const struct opts *o = p;
	struct job j;
	int clusters = argc && !tf_is_token_name(argv[0]) ? 1 : 0, rc;

	for (int i = clusters; i < argc; i++)
		if (!tf_is_token_name(argv[i]))
			return rk_err_set(
				err, RK_USAGE, "\"%s\" is not the name of a token", argv[i]);
	if (is_stdin(o->password_file) + is_stdin(o->token_file) + is_stdin(o->revoke_file) > 1)
		return rk_err_set(err, RK_USAGE, "standard input can hold only one secret");
	if (o->token_file && o->password_file)
		return rk_err_set(
			err, RK_USAGE, "--rancher-token-file does not go with --password-file");
	rc = tf_job_init(&j, o, clusters, argv, err);
	if (rc == 0)
		rc = tf_revoke(&j, argc - clusters, argv + clusters, err);
	tf_leave(&j, rc < 0);
	tf_job_release(&j);
	return rc;
}

#define CLUSTER_ARG .args = "[[NAMESPACE/]CLUSTER]", .max_args = 1, .complete = "cluster"

static const struct rk_verb VERBS[] = {
	{CLUSTER_ARG, .summary = "write terraform.tfvars and kubeconfigs for a running Rancher",
		.opts = OPTS, .run = run,
		.examples = "  kubectl rk3k tf-setup --module && terraform init && terraform plan\n"
			    "  pass rancher | kubectl rk3k tf-setup --password-file - --ttl 30d\n"
			    "  kubectl rk3k tf-setup --url https://rancher.example.com --ca-file "
			    "ca.pem\n"
			    "  eval \"$(kubectl rk3k tf-setup -o env)\"\n"},
	{.name = "revoke",
		.args = "[[NAMESPACE/]CLUSTER] [TOKEN-NAME...]",
		.max_args = -1,
		.complete = "cluster",
		.summary = "delete tokens from Rancher: those of the directory, or those named",
		.opts = OPTS_REVOKE,
		.run = run_revoke,
		.examples = "  kubectl rk3k tf-setup revoke\n"
			    "  kubectl rk3k tf-setup revoke --token-file out.json\n"
			    "  kubectl rk3k tf-setup revoke token-abcde --url "
			    "https://rancher.example.com\n"},
	{.run = NULL}};

static const struct rk_cmd CMD = {
	.name = "tf-setup",
	.summary = "prepare a directory for terraform from a running Rancher",
	.description =
		"Logs in to Rancher, creates an API token, finds the Harvester cluster, "
		"generates its kubeconfig, and writes what terraform needs into the "
		"directory. An existing token or kubeconfig that still works is kept, and "
		"then no login is required: a second run changes nothing. In "
		"terraform.tfvars only the attributes that this tool writes are "
		"changed.\n\nTLS is always verified: with --ca-file, with the CA at /cacerts "
		"when its fingerprint is given, else with the CA of the virtual cluster's "
		"Secrets tls-ca or tls-rancher, or the system's. Passwords and tokens are "
		"read from files, standard input or the terminal. The session that was "
		"opened is closed again.\n\nWithout --url and without the name of a virtual "
		"cluster, virtual cluster rancher of the host cluster is used; with --url "
		"alone no host cluster is contacted.",
	.opts_size = sizeof(struct opts),
	.defaults = defaults,
	.verbs = VERBS,
	.files = "terraform.tfvars: rancher_url, rancher_token, rancher_ca_certs, "
		 "harvester_cluster_id, harvester_kubeconfig. kubeconfig-k3k.yaml, "
		 "kubeconfig-harvester.yaml. With --module: rancher-provider.tf, "
		 "rancher-variables.tf.",
};

int main(int argc, char **argv)
{
	return rk_main(&CMD, argc, argv);
}
