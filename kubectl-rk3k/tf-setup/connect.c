// SPDX-License-Identifier: Apache-2.0
/* The clusters, Rancher's address, and a connection that is verified before anything is sent. */
#include "tool.h"
#include "tls/tls.h"
#include "expose/expose.h"

/* --- the clusters --- */

static int open_host(struct job *j, struct rk_err *err)
{
	if (j->host)
		return 0;
	if (rk_kube_open(&j->host, &j->o->kube, err) < 0)
		return -1;
	free(rk_steal(&j->ns));
	free(rk_steal(&j->cluster));
	return rk_k3k_choose(j->host, j->o->kube.ns, j->ref, &j->ns, &j->cluster, err);
}

int tf_open_inside(struct job *j, struct rk_err *err)
{
	if (j->virt.kube)
		return 0;
	if (open_host(j, err) < 0)
		return -1;
	return rk_vcluster_open(&j->virt, j->host, j->ns, j->cluster, err);
}

int tf_secret_inside(
	struct job *j, const char *name, const char *key, struct rk_buf *out, struct rk_err *err)
{
	rk_auto_doc *d = rk_doc_new(true);
	struct rk_val *v;

	if (tf_open_inside(j, err) < 0 ||
		rk_kube_find(j->virt.kube, &RK_SECRET, RK_RANCHER_NS, name, d, &v, err) < 0)
		return -1;
	if (!v || !rk_get(v, "data", key, NULL))
		return 0;
	return rk_need_base64(v, out, err, "data", key, NULL);
}

static int url_of_ingress(struct job *j, struct rk_err *err)
{
	struct rk_ingress names = {0};
	struct rk_strv hosts = {0};
	struct rk_val *ing;
	int rc;

	if (open_host(j, err) < 0)
		return -1;
	names.cluster = j->cluster;
	rk_ingress_names(j->d, &names);
	if (rk_kube_find(j->host, &RK_INGRESS, j->ns, names.name, j->d, &ing, err) < 0)
		return -1;
	for (const char *const *old = rk_ingress_old_names; !ing && *old; old++)
		if (rk_kube_find(j->host, &RK_INGRESS, j->ns, *old, j->d, &ing, err) < 0)
			return -1;
	rk_ingress_hosts(ing, &hosts);
	if (hosts.n) {
		rc = rk_rancher_url(hosts.v[0], &j->url, err);
	} else {
		rk_err_set(err, RK_NOTFOUND,
			"no address: Ingress %s/%s does not exist or has no host", j->ns,
			names.name);
		rc = rk_err_hint(err, "give --url https://HOST");
	}
	rk_strv_release(&hosts);
	return rc;
}

int tf_find_url(struct job *j, struct rk_err *err)
{
	if (j->o->url)
		return rk_rancher_url(j->o->url, &j->url, err);
	return url_of_ingress(j, err);
}

/* --- a verified connection --- */

static struct rk_rancher_conf conf_of(const struct job *j)
{
	return (struct rk_rancher_conf){.url = j->url,
		.ca = j->ca.len ? j->ca.s : NULL,
		.ca_len = j->ca.len,
		.resolve = j->o->kube.resolve,
		.request_ms = j->o->kube.request_timeout_ms};
}

/* With the anchors in j->ca. */
static int try_connect(struct job *j, struct rk_err *err)
{
	struct rk_rancher_conf conf = conf_of(j);

	rk_rancher_free(j->r);
	j->r = NULL;
	if (rk_rancher_new(&j->r, &conf, err) < 0)
		return -1;
	return rk_rancher_ready(j->r, j->o->timeout_ms, err);
}

enum anchor { FROM_TFVARS, FROM_TLS_CA, FROM_TLS_RANCHER, FROM_SYSTEM, ANCHORS };

static const char *const anchor_words[ANCHORS] = {
	"rancher_ca_certs", "Secret tls-ca", "Secret tls-rancher", "the system's CAs"};

/* Fill j->ca from one place; *there false: that place has none. Only places that are authenticated
 * count. */
static int load_anchor(struct job *j, enum anchor a, bool *there, struct rk_err *err)
{
	int rc = 0;

	rk_buf_reset(&j->ca);
	if (a == FROM_TFVARS && rk_streq(j->old_url, j->url))
		rk_buf_put(&j->ca, j->old_ca.s, j->old_ca.len);
	if (a == FROM_TLS_CA)
		rc = tf_secret_inside(j, "tls-ca", "cacerts.pem", &j->ca, err);
	if (a == FROM_TLS_RANCHER)
		rc = tf_secret_inside(j, "tls-rancher", "tls.crt", &j->ca, err);
	*there = rc == 0 && (a == FROM_SYSTEM || j->ca.len);
	if (rc < 0 || !j->ca.len)
		return rc;
	/* a key that an older version wrote into the tfvars is left out; one that Rancher would
	 * show to everybody is an error */
	rc = rk_cert_admit(&j->ca, a == FROM_TFVARS, err);
	return rc < 0 ? rk_err_wrap(err, "%s", anchor_words[a]) : 0;
}

static int no_anchor(const struct job *j, struct rk_err *err)
{
	if (!j->use_cluster)
		return rk_err_hint(err,
			"give --ca-file FILE or --ca-fingerprint SHA256, or name the "
			"virtual cluster, whose Secrets hold the CA");
	return rk_err_hint(err,
		"neither Secret tls-ca nor tls-rancher of %s/%s nor the system has "
		"the CA of this server: give --ca-file FILE",
		j->ns, j->cluster);
}

/* The first anchors under which the server's certificate is good. */
static int find_anchor(struct job *j, struct rk_err *err)
{
	bool there;

	for (enum anchor a = FROM_TFVARS; a < ANCHORS; a++) {
		if (!j->use_cluster && (a == FROM_TLS_CA || a == FROM_TLS_RANCHER))
			continue;
		rk_err_clear(err);
		if (load_anchor(j, a, &there, err) < 0)
			return rk_err_wrap(err, "find the CA");
		if (!there)
			continue;
		if (try_connect(j, err) == 0)
			return 0;
		if (err->http || err->reason != RK_REASON_TLS)
			return -1;
	}
	return no_anchor(j, err);
}

int tf_connect(struct job *j, struct rk_err *err)
{
	struct rk_rancher_conf conf = conf_of(j);

	if (!j->o->ca_file && !j->o->ca_fingerprint)
		return find_anchor(j, err);
	if (j->o->ca_file && rk_file_read(j->o->ca_file, INPUT_MAX, &j->ca, err) < 0)
		return -1;
	if (j->o->ca_file && rk_cert_admit(&j->ca, false, err) < 0)
		return rk_err_wrap(err, "%s", j->o->ca_file);
	if (j->o->ca_fingerprint &&
		rk_rancher_pinned_ca(&conf, j->o->ca_fingerprint, &j->ca, err) < 0)
		return -1;
	return try_connect(j, err);
}

/* --- signals --- */

void tf_guard(struct job *j)
{
	j->signal = rk_file_note_signals();
	rk_out_note_closed_pipe();
	rk_rancher_set_stop(j->r, j->signal);
}

int tf_stopped(const struct job *j, struct rk_err *err)
{
	int sig = j->signal ? *j->signal : 0;

	return sig ? rk_err_set(err, 128 + sig, "ended by signal %d", sig) : 0;
}
