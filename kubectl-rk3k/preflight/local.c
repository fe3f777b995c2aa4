// SPDX-License-Identifier: Apache-2.0
/* local - what can be judged without the host: programs, certificates, objects, versions. */
#include "tool.h"

#include <sys/stat.h>

#include "tls/tls.h"
#include "os/os.h"
#include "steps/steps.h"

/* --- this machine --- */

static bool on_path(const char *program)
{
	const char *path = getenv("PATH");

	if (strchr(program, '/'))
		return access(program, X_OK) == 0;
	while (path && *path) {
		size_t n = strcspn(path, ":");
		rk_auto_free char *file =
			rk_asprintf("%.*s/%s", n ? (int)n : 1, n ? path : ".", program);
		struct stat st;

		if (stat(file, &st) == 0 && S_ISREG(st.st_mode) && access(file, X_OK) == 0)
			return true;
		path += n + (path[n] == ':');
	}
	return false;
}

void pf_check_programs(struct flight *f)
{
	const char *helm = getenv("HELM_BIN");

	if (!on_path(helm && *helm ? helm : "helm"))
		pf_row(f, STOP, "programs", "helm is not on PATH: install Helm 3 or 4");
	else if (!on_path("kubectl"))
		pf_row(f, WARN, "programs",
			"kubectl is not on PATH; rk3k does without, you will miss it");
	else
		pf_row(f, OK, "programs", "helm and kubectl are on PATH");
}

/* --- certificates --- */

static void row_trouble(struct flight *f, const char *what, const struct rk_err *err)
{
	pf_row(f, STOP, "certificates", "%s: %s%s%s", what, err->msg, *err->hint ? "; " : "",
		err->hint);
}

static bool pem(struct flight *f, enum rk_key k, bool secret, struct rk_buf *out)
{
	struct rk_err err = RK_ERR_INIT;

	out->secret = secret;
	if (rk_setting_pem(k, pf_str(f, k), out, &err) == 0)
		return true;
	row_trouble(f, rk_settings_table[k].name, &err);
	return false;
}

/* Parse the file of a key; judges expiry too. */
static struct rk_cert *cert_of(struct flight *f, enum rk_key k, struct rk_buf *text)
{
	const char *name = rk_settings_table[k].name;
	struct rk_err err = RK_ERR_INIT;
	struct rk_cert *c = NULL;
	char when[32];

	if (!pem(f, k, false, text))
		return NULL;
	if (rk_cert_parse(&c, text->s, text->len, &err) < 0) {
		pf_row(f, STOP, "certificates", "%s: %s", name, err.msg);
		return NULL;
	}
	rk_time_format(rk_cert_not_after(c), when);
	if (rk_cert_not_after(c) < time(NULL))
		pf_row(f, STOP, "certificates", "%s: expired on %s", name, when);
	else if (rk_cert_not_after(c) < time(NULL) + 30 * 86400)
		pf_row(f, WARN, "certificates", "%s: expires on %s", name, when);
	return c;
}

/* Go takes an intermediate as an anchor; OpenSSL, GnuTLS and what is built on them look for its root. */
static void warn_rootless(struct flight *f, enum rk_key k, const struct rk_cert *anchor)
{
	if (!rk_cert_has_root(anchor))
		pf_row(f, WARN, "certificates",
			"%s: no root CA in it, only %s: agents accept that, other programs may "
			"not; append its root",
			rk_settings_table[k].name, rk_cert_subject(anchor));
}

/* The chain of c leads to the anchors of a key, as Go builds it. */
static bool leads_to(
	struct flight *f, const struct rk_cert *c, enum rk_key k, const char *otherwise)
{
	rk_auto_buf text = RK_BUF_INIT;
	rk_auto_cert *anchor = cert_of(f, k, &text);
	struct rk_err err = RK_ERR_INIT;

	if (!anchor)
		return false;
	if (rk_cert_verify(c, text.s, text.len, NULL, &err) < 0) {
		if (!*err.hint)
			rk_err_hint(&err,
				"append the certificate of the CA that issued it to the file, or "
				"name that CA");
		row_trouble(f, otherwise, &err);
		return false;
	}
	warn_rootless(f, k, anchor);
	return true;
}

static void check_ca_pair(struct flight *f)
{
	rk_auto_buf ca = RK_BUF_INIT, key = RK_BUF_INIT_SECRET;
	struct rk_err err = RK_ERR_INIT;
	rk_auto_cert *c = cert_of(f, RK_KEY_CA_CERT_PATH, &ca);

	if (!c || !pem(f, RK_KEY_CA_KEY_PATH, true, &key))
		return;
	if (!rk_cert_is_ca(c))
		pf_row(f, STOP, "certificates", "CA_CERT_PATH: %s is not a CA certificate",
			rk_cert_subject(c));
	else if (rk_cert_check_key(c, key.s, key.len, &err) < 0)
		row_trouble(f, "CA_KEY_PATH", &err);
	else if (rk_cert_check_kind(c, &err) < 0)
		row_trouble(f, "CA_CERT_PATH", &err);
	else if (leads_to(f, c, rk_steps_anchor(f->s),
			 "CA_ROOT_PATH: agents could not verify what CA_CERT_PATH signs"))
		pf_row(f, OK, "certificates", "%s signs Rancher's certificate", rk_cert_subject(c));
}

/* Rancher shows agents the CA of the settings; without one they know the system's alone. */
static bool is_trusted(struct flight *f, const struct rk_cert *c)
{
	struct rk_err err = RK_ERR_INIT;

	if (pf_is(f, RK_KEY_CA_ROOT_PATH))
		return leads_to(
			f, c, RK_KEY_CA_ROOT_PATH, "CA_ROOT_PATH does not verify TLS_CERT_PATH");
	if (rk_steps_anchor(f->s) != RK_KEY_COUNT)
		return leads_to(f, c, rk_steps_anchor(f->s), "TLS_CERT_PATH");
	if (rk_cert_verify(c, NULL, 0, NULL, &err) == 0)
		return true;
	if (pf_is(f, RK_KEY_PRIVATE_CA_PATH))
		return leads_to(f, c, RK_KEY_PRIVATE_CA_PATH,
			"PRIVATE_CA_PATH does not verify TLS_CERT_PATH");
	rk_err_hint(&err,
		"Rancher's agents need its CA: set PRIVATE_CA_PATH or CA_ROOT_PATH, and append "
		"intermediate certificates to TLS_CERT_PATH");
	row_trouble(f, "TLS_CERT_PATH", &err);
	return false;
}

static void check_leaf(struct flight *f)
{
	rk_auto_buf crt = RK_BUF_INIT, key = RK_BUF_INIT_SECRET;
	rk_auto_cert *c = cert_of(f, RK_KEY_TLS_CERT_PATH, &crt);
	rk_auto_free char *weak = c ? rk_cert_weakness(c) : NULL;
	struct rk_strv hosts = {0};
	struct rk_err err = RK_ERR_INIT;
	int ret;

	if (!c || !pem(f, RK_KEY_TLS_KEY_PATH, true, &key))
		return;
	rk_settings_hosts(f->s, &hosts);
	ret = rk_cert_check(c, key.s, key.len, hosts.v, hosts.n, 0, &err);
	rk_strv_release(&hosts);
	if (ret < 0) {
		row_trouble(f, "TLS_CERT_PATH", &err);
		return;
	}
	if (weak)
		pf_row(f, WARN, "certificates", "TLS_CERT_PATH: %s", weak);
	if (is_trusted(f, c))
		pf_row(f, OK, "certificates", "TLS_CERT_PATH fits its key and covers every name");
}

static void check_private_ca(struct flight *f)
{
	rk_auto_buf text = RK_BUF_INIT;
	rk_auto_cert *c = cert_of(f, RK_KEY_PRIVATE_CA_PATH, &text);

	if (c && !rk_cert_is_ca(c))
		pf_row(f, WARN, "certificates", "PRIVATE_CA_PATH: %s is not a CA certificate",
			rk_cert_subject(c));
}

void pf_check_certificates(struct flight *f)
{
	if (pf_is(f, RK_KEY_PRIVATE_CA_PATH))
		check_private_ca(f);
	if (pf_is(f, RK_KEY_CA_CERT_PATH))
		check_ca_pair(f);
	else if (pf_is(f, RK_KEY_TLS_CERT_PATH))
		check_leaf(f);
	else
		pf_row(f, OK, "certificates", "Rancher's comes from %s",
			pf_str(f, RK_KEY_TLS_SOURCE));
}

/* Every step's objects can be built: files, secrets, mirror list. */
void pf_check_objects(struct flight *f)
{
	size_t n = 0, bad = 0;

	for (const struct rk_step *step = rk_steps; step->name; step++) {
		rk_auto_doc *d = rk_doc_new(true);
		struct rk_err err = RK_ERR_INIT;
		struct rk_val *objects;

		if (!step->build || !rk_step_applies(step, f->s))
			continue;
		if (rk_step_objects(d, f->s, step, &objects, &err) == 0) {
			n += objects->count;
			continue;
		}
		pf_row_err(f, STOP, "objects", &err);
		bad++;
	}
	if (!bad)
		pf_row(f, OK, "objects", "%zu objects can be made", n);
}

/* --- versions --- */

/* The chart refuses a Kubernetes from this minor version on: 2.9 below 1.31, then one for one. */
void pf_check_versions(struct flight *f)
{
	const char *rancher = pf_str(f, RK_KEY_RANCHER_VERSION),
		   *k3s = pf_str(f, RK_KEY_K3S_VERSION);
	int64_t version[3], r, k;

	rk_version_parse(k3s, version);
	k = version[1];
	rk_version_parse(rancher, version);
	r = version[1];

	if (!*k3s) {
		pf_row(f, OK, "versions", "k3s follows the host");
	} else if (version[0] == 2 && r >= 9 && r <= 15 && k >= r + 22) {
		pf_row(f, STOP, "versions",
			"Rancher %s wants a Kubernetes below 1.%lld, and K3S_VERSION is %s",
			rancher, (long long)r + 22, k3s);
	} else if (version[0] == 2 && r >= 13 && r <= 15 && k < r + 19) {
		pf_row(f, WARN, "versions",
			"Rancher %s is not supported on a Kubernetes below 1.%lld, and K3S_VERSION "
			"is %s",
			rancher, (long long)r + 19, k3s);
	} else {
		pf_row(f, OK, "versions", "Rancher %s on k3s %s", rancher, k3s);
	}
	if (pf_is(f, RK_KEY_PRIVATE_REGISTRY) &&
		rk_version_cmp(pf_str(f, RK_KEY_K3K_VERSION), "1.0.2") < 0)
		pf_row(f, STOP, "versions",
			"k3k %s mounts no registry files: K3K_VERSION 1.0.2 or newer",
			pf_str(f, RK_KEY_K3K_VERSION));
}
