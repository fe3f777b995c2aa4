// SPDX-License-Identifier: Apache-2.0
/* The job, the clusters, Rancher's address, and a connection that is verified before anything is
 * sent. */
#include "tool.h"
#include "tls/tls.h"
#include "expose/expose.h"

int tf_with_job(const struct opts *o, const char *ref, int (*fn)(struct job *, struct rk_err *),
	struct rk_err *err)
{
	struct job j = {.o = o,
		.d = rk_doc_new(true),
		.ca = RK_BUF_INIT,
		.cluster_given = ref,
		.ref = ref,
		.use_cluster = ref || !o->url};
	uint32_t id;
	int rc = 0;

	rk_random(&id, sizeof(id));
	snprintf(j.run, sizeof(j.run), "%08x", id);
	if (o->ca_file && o->ca_fingerprint)
		rc = rk_err_set(err, RK_USAGE, "give --ca-file or --ca-fingerprint, not both");
	if (rc == 0)
		rc = rk_k3k_ref(ref ? ref : RK_K3K_CLUSTER, o->kube.ns ? o->kube.ns : RK_K3K_NS,
			&j.ns, &j.cluster, err);
	if (rc == 0)
		rc = tf_read_tfvars(&j, err);
	if (rc == 0)
		rc = fn(&j, err);
	tf_leave(&j, rc < 0);
	rk_rancher_free(j.r);
	rk_vcluster_close(&j.virt);
	rk_kube_free(j.host);
	rk_buf_release(&j.ca);
	rk_strv_release(&j.left);
	free(j.ns);
	free(j.cluster);
	rk_doc_free(j.d);
	return rc;
}

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

int tf_open_virtual(struct job *j, struct rk_err *err)
{
	if (j->virt.kube)
		return 0;
	if (open_host(j, err) < 0)
		return -1;
	return rk_vcluster_open(&j->virt, j->host, j->ns, j->cluster, err);
}

int tf_rancher_secret(
	struct job *j, const char *name, const char *key, struct rk_buf *out, struct rk_err *err)
{
	rk_auto_doc *d = rk_doc_new(true);
	struct rk_val *v;

	if (tf_open_virtual(j, err) < 0 ||
		rk_kube_find(j->virt.kube, &RK_SECRET, RK_RANCHER_NS, name, d, &v, err) < 0)
		return -1;
	if (!v || !rk_get(v, "data", key, NULL))
		return 0;
	return rk_need_base64(v, out, err, "data", key, NULL);
}

/* --url, else the host name of the host cluster's Ingress. */
int tf_find_url(struct job *j, struct rk_err *err)
{
	struct rk_ingress names = {0};
	struct rk_strv hosts = {0};
	struct rk_val *ing;
	const char *url = j->o->url;

	if (!url) {
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
		url = hosts.n ? hosts.v[0] : NULL;
		rk_strv_release(&hosts);
	}
	if (url)
		return rk_rancher_url(j->d, url, &j->url, err);
	rk_err_set(err, RK_NOTFOUND, "no address: Ingress %s/%s does not exist or has no host",
		j->ns, names.name);
	return rk_err_hint(err, "give --url https://HOST");
}

/* --- a verified connection --- */

struct rk_rancher_conf tf_conf(const struct job *j, const struct rk_buf *ca)
{
	return (struct rk_rancher_conf){.url = j->url,
		.ca = ca->len ? ca->s : NULL,
		.ca_len = ca->len,
		.resolve = j->o->kube.resolve,
		.request_ms = j->o->kube.request_timeout_ms};
}

/* With the anchors in j->ca. */
static int try_connect(struct job *j, struct rk_err *err)
{
	struct rk_rancher_conf conf = tf_conf(j, &j->ca);

	rk_rancher_free(j->r);
	j->r = NULL;
	if (rk_rancher_new(&j->r, &conf, err) < 0)
		return -1;
	return rk_rancher_ready(j->r, j->o->timeout_ms, err);
}

/* The first anchors under which the server's certificate is good; only sources that are
 * authenticated count. */
static int find_anchor(struct job *j, struct rk_err *err)
{
	static const struct {
		const char *label, *secret, *key;
	} anchors[] = {
		{"rancher_ca_certs", NULL, NULL},
		{"Secret " RK_RANCHER_CA_SECRET, RK_RANCHER_CA_SECRET, "cacerts.pem"},
		{"Secret tls-rancher", "tls-rancher", "tls.crt"},
		{"the system's CAs", NULL, NULL},
	};
	const size_t tfvars = 0, last = RK_COUNT(anchors) - 1;

	for (size_t i = 0; i < RK_COUNT(anchors); i++) {
		if (anchors[i].secret && !j->use_cluster)
			continue;
		rk_err_clear(err);
		rk_buf_reset(&j->ca);
		if (i == tfvars && j->old_ca && rk_streq(j->old_url, j->url))
			rk_buf_puts(&j->ca, j->old_ca);
		if (anchors[i].secret &&
			tf_rancher_secret(j, anchors[i].secret, anchors[i].key, &j->ca, err) < 0)
			return rk_err_wrap(err, "find the CA");
		/* a key that an older version wrote into the tfvars is left out; one that Rancher
		 * would show to everybody is an error */
		if (j->ca.len && rk_cert_admit(&j->ca, i == tfvars, err) < 0)
			return rk_err_wrap(err, "find the CA: %s", anchors[i].label);
		if (i != last && !j->ca.len)
			continue;
		if (try_connect(j, err) == 0)
			return 0;
		if (err->http || err->reason != RK_REASON_TLS)
			return -1;
	}
	if (!j->use_cluster)
		return rk_err_hint(err,
			"give --ca-file FILE or --ca-fingerprint SHA256, or name the "
			"virtual cluster, whose Secrets hold the CA");
	return rk_err_hint(err,
		"neither Secret tls-ca nor tls-rancher of %s/%s nor the system has "
		"the CA of this server: give --ca-file FILE",
		j->ns, j->cluster);
}

int tf_connect(struct job *j, struct rk_err *err)
{
	if (!j->o->ca_file && !j->o->ca_fingerprint)
		return find_anchor(j, err);
	if (j->o->ca_file && rk_file_read(j->o->ca_file, INPUT_MAX, &j->ca, err) < 0)
		return -1;
	if (j->o->ca_file && rk_cert_admit(&j->ca, false, err) < 0)
		return rk_err_wrap(err, "%s", j->o->ca_file);
	if (j->o->ca_fingerprint && tf_pinned_ca(j, err) < 0)
		return -1;
	return try_connect(j, err);
}

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
