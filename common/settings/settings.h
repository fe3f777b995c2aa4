// SPDX-License-Identifier: Apache-2.0
/* settings - deploy.conf, RK3K_<KEY> and flags become one checked set of values.
 *
 * ONE table, keys.def, names every key: what it is, its default, what it may hold. The configuration
 * file has shell assignments, which are read and never executed. Flag > prompt > RK3K_<KEY> > file >
 * default; the shell's own HOSTNAME is never read. Between the tools the values travel as one document;
 * for a secret it has the file (or descriptor) and key where it is. */
#ifndef RK_SETTINGS_H
#define RK_SETTINGS_H

#include "data/data.h"
#include "registry/registry.h"
#include "cli/cli.h"

enum rk_key {
#define K(key, ...) RK_KEY_##key,
#include "settings/keys.def"
#undef K
	RK_KEY_COUNT
};

enum rk_set_kind {
	RK_SET_TEXT,
	RK_SET_HOST,	 /* a DNS name */
	RK_SET_REGISTRY, /* host, host:port or [v6]:port */
	RK_SET_CHOICE,	 /* one of form's alternatives, separated by | */
	RK_SET_YESNO,
	RK_SET_SIZE, /* 50Gi, 1Ti, 500Mi */
	RK_SET_REPO, /* https:// address of a chart repository, or oci://host/path/chart */
	RK_SET_VERSION,
	RK_SET_RELEASE, /* a version, kept without its v */
	RK_SET_FILE,	/* an existing file */
	RK_SET_SOURCE,	/* docker, helm, or an existing file */
	RK_SET_K3S,	/* an image tag of rancher/k3s */
	RK_SET_CIDR,	/* IPv4 or IPv6 network, in a list one of each */
	RK_SET_LABEL,	/* DNS label, at most 63 */
	RK_SET_CLUSTER, /* DNS label that k3k can build its names from */
	RK_SET_NAMESPACE,
	RK_SET_NAME,	 /* DNS subdomain */
	RK_SET_COUNT,	 /* a number from 0 to 100 */
	RK_SET_QUANTITY, /* 2, 500m, 4Gi */
	RK_SET_LABELS,	 /* KEY=VALUE */
	RK_SET_EMAIL,
};

#define RK_SETF_SECRET 0x01u /* never in the document, nor on a command line */
#define RK_SETF_ASK    0x02u /* among the questions of --prompt-all */
#define RK_SETF_EMPTY  0x04u /* empty is a value; elsewhere it means the default */
#define RK_SETF_CERT   0x08u /* a file of PEM certificates */
#define RK_SETF_KEY    0x10u /* a file with a private key */
#define RK_SETF_LIST   0x20u /* items with commas between */

struct rk_setting {
	const char *name;
	uint8_t kind;	  /* enum rk_set_kind */
	uint8_t flags;	  /* RK_SETF_* */
	const char *def;  /* NULL: none */
	const char *form; /* accepted form, for messages; the alternatives of a CHOICE */
	const char *help; /* what it is, one line */
};
extern const struct rk_setting rk_settings_table[RK_KEY_COUNT];

enum rk_key rk_setting_find(const char *name); /* or RK_KEY_COUNT */
/* The same. Errors: RK_USAGE, with the nearest name. */
int rk_setting_named(const char *name, enum rk_key *k, struct rk_err *err) RK_MUST_USE;

/* --- what is wrong --- */

struct rk_problem {
	bool fatal; /* else a warning */
	char *key;  /* "PVC_SIZE", or "" */
	char *text; /* one line; never holds a secret */
};
struct rk_problems {
	struct rk_problem *v;
	size_t n, fatal;
	size_t unknown; /* of the fatal ones: keys that are not in the table */
};
void rk_problem_add(struct rk_problems *p, bool fatal, const char *key, const char *fmt, ...)
	RK_PRINTF(4, 5);
void rk_problems_release(struct rk_problems *p);
#define rk_auto_problems __attribute__((cleanup(rk_problems_release))) struct rk_problems

/* --- the values --- */

enum rk_origin { RK_FROM_DEFAULT, RK_FROM_FILE, RK_FROM_ENV, RK_FROM_PROMPT, RK_FROM_FLAG };

struct rk_settings;

struct rk_settings *rk_settings_new(void);
void rk_settings_free(struct rk_settings *s); /* wipes */
static inline void rk_cleanup_settings_(struct rk_settings **s)
{
	rk_settings_free(*s);
}
#define rk_auto_settings __attribute__((cleanup(rk_cleanup_settings_))) struct rk_settings

/* Parse the text of a configuration file, n bytes and a NUL; bad lines and unknown keys go to p with
 * NAME:LINE. Returns whether a secret was set. */
bool rk_settings_parse(
	struct rk_settings *s, const char *text, size_t n, const char *name, struct rk_problems *p);
/* Take the values of a deploy.conf or a document ("-": stdin), at most 1 MiB. Secrets in an ordinary file
 * are later referred to there; a file with secrets that others can read is a warning. *conf: whether it
 * was a deploy.conf; conf NULL: so is a file that is empty or of another form, else that is an error. */
int rk_settings_read(struct rk_settings *s, const char *path, bool *conf, struct rk_problems *p,
	struct rk_err *err) RK_MUST_USE;
/* Take RK3K_<KEY> of every known key. A variable that is nearly one is added to p. */
void rk_settings_env(struct rk_settings *s, struct rk_problems *p);
/* Set a value; one of a weaker origin than the existing one is dropped. value is copied. */
void rk_settings_put(struct rk_settings *s, enum rk_key k, const char *value, enum rk_origin from);

/* Fill defaults, bring every value into one form (host names in lower case, paths absolute) and check all
 * of them, each alone and against each other. */
void rk_settings_check(struct rk_settings *s, struct rk_problems *p);
/* One value alone, as it is now; for prompts that ask again. */
void rk_setting_check(struct rk_settings *s, enum rk_key k, struct rk_problems *p);

/* Value, "" when empty, NULL when unset and without a default. Of a secret: NULL unless the value
 * itself is here (given by file, environment or prompt in this process). */
const char *rk_setting(const struct rk_settings *s, enum rk_key k);
/* The same, "" when unset. */
const char *rk_setting_text(const struct rk_settings *s, enum rk_key k);
/* Set and not empty (also for a secret that is only referred to). */
bool rk_setting_is(const struct rk_settings *s, enum rk_key k);
#define rk_setting_yes(s, k) rk_streq(rk_setting(s, k), "yes")
enum rk_origin rk_setting_from(const struct rk_settings *s, enum rk_key k);
/* Items of a comma list; the strings belong to s, the list to the caller. */
void rk_setting_list(const struct rk_settings *s, enum rk_key k, struct rk_strv *out);

/* --- the document --- */

/* Write the secrets that are in no file (from environment, prompts, stdin) as assignments: the content
 * of the file behind --secrets-fd. Empty when there is none. */
void rk_settings_secrets(const struct rk_settings *s, struct rk_buf *out);
/* The document as a MAP: every key that has a value, lists and numbers as such, secrets as
 * {file, key}, or {env} when secrets_file is NULL and the environment holds it; and a map
 * `derived` for scripts, which readers ignore. RK_USAGE when a secret cannot be passed on. */
int rk_settings_doc(struct rk_settings *s, const char *secrets_file, struct rk_doc *d,
	struct rk_val **out, struct rk_err *err) RK_MUST_USE;

/* --- the flags of every tool that needs settings --- */

struct rk_settings_flags {
	const char *config; /* -c; NULL: not given */
	struct rk_strv set; /* --set */
	bool allow_unknown;
};
extern const struct rk_opt rk_settings_opts[];
#define OPT_GROUP_SETTINGS(member) OPT_GROUP(rk_settings_opts, member, "Settings flags")
/* --allow-unknown and --set. RK_USAGE for an unknown key or a secret (its value would be in argv). */
int rk_settings_take_flags(
	struct rk_settings *s, const struct rk_settings_flags *f, struct rk_err *err) RK_MUST_USE;
/* Load a document, or a deploy.conf with RK3K_<KEY> over it, whose warnings are then printed. The first
 * problem is the error; RK_USAGE: an unknown key. */
enum rk_settings_need {
	RK_SETTINGS_NEEDED, /* from -c, else from standard input. RK_USAGE when that is a terminal */
	RK_SETTINGS_GIVEN,  /* only from -c; the tool works without settings, too */
	RK_SETTINGS_NAMES, /* the same, for tools that only read: keys that name neither the deployment
			       nor its objects may be wrong or missing */
};
int rk_settings_open(struct rk_settings *s, const struct rk_settings_flags *f,
	enum rk_settings_need need, struct rk_err *err) RK_MUST_USE;

/* The value of a secret, from here or from where the document refers to. RK_NOTFOUND when unset. */
int rk_setting_secret(const struct rk_settings *s, enum rk_key k, struct rk_buf *out,
	struct rk_err *err) RK_MUST_USE;

/* Read the PEM file of a key that names certificates or a private key, fit to be passed on: as
 * rk_cert_admit or, for CA_KEY_PATH and TLS_KEY_PATH, rk_cert_admit_key. Errors name the file. */
int rk_setting_pem(
	enum rk_key k, const char *path, struct rk_buf *out, struct rk_err *err) RK_MUST_USE;

/* --- what follows from the values (after rk_settings_check or _load) --- */

/* All host names of Rancher, the first is the primary. */
#define rk_settings_hosts(s, out) rk_setting_list(s, RK_KEY_HOSTNAMES, out)
#define rk_settings_primary(s)	  rk_setting(s, RK_KEY_HOSTNAME)
#define rk_settings_ns(s)	  rk_setting(s, RK_KEY_NAMESPACE)
#define rk_settings_cluster(s)	  rk_setting(s, RK_KEY_CLUSTER)
#define rk_settings_servers(s) \
	(rk_streq(rk_setting(s, RK_KEY_SERVER_COUNT), "3") ? INT64_C(3) : INT64_C(1))
/* Secret in cattle-system whose certificate covers all host names. */
const char *rk_settings_tls_source_secret(const struct rk_settings *s);
/* Credentials and the private CA go to the hosts the user named and to no other: those of
 * HELM_REPO_HOSTS and PRIVATE_REGISTRY; when both are unset, those of chart addresses that are not a
 * known public host. */
bool rk_settings_private_host(const struct rk_settings *s, const char *host);
/* The same for a chart repository's key. */
#define rk_settings_repo_private(s, repo) rk_settings_private_host(s, rk_setting(s, repo))

/* The credentials for an address: the pair HELM_REPO_USER and HELM_REPO_PASS for a private host,
 * else what CREDENTIALS has for this host; none: all of it is NULL, else from is set. Strings live as
 * long as s. Errors: a source or a helper program does not work. */
int rk_settings_login(const struct rk_settings *s, const char *address, struct rk_login *out,
	struct rk_err *err) RK_MUST_USE;
/* Whether there are any. A source that does not work counts as yes, so that the tool that needs it
 * fails with its reason. */
bool rk_settings_has_login(const struct rk_settings *s, const char *address);

/* Credentials and CA for an address, when its host may have them. ca keeps the bundle, s and
 * ca must outlive *a. Errors: they cannot be read. */
int rk_settings_repo_access(const struct rk_settings *s, const char *address, const char *resolve,
	struct rk_repo_access *a, struct rk_buf *ca, struct rk_err *err) RK_MUST_USE;
/* Advise what to do about an error of these functions for that address: sets err's hint, unless
 * there is nothing better to say than what it has. */
void rk_settings_repo_remedy(const struct rk_settings *s, const char *address,
	const struct rk_repo_access *a, struct rk_err *err);

#endif
