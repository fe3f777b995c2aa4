// SPDX-License-Identifier: Apache-2.0
/* The job, the clusters, Rancher's address, and a connection that is verified before anything is
 * sent. */
#include "tool.h"
#include "tls/tls.h"
#include "expose/expose.h"

#include <ctype.h>
#include <strings.h>

#define CACERTS_MAX ((size_t)1 << 20)

int tf_with_job(const struct opts *o, const char *ref, int (*fn)(struct job *, struct rk_err *),
	struct rk_err *err)
{
	struct job j = {.o = o,
		.d = rk_doc_new(true),
		.ca = RK_BUF_INIT,
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

int tf_open(struct job *j, bool virtual, struct rk_err *err)
{
	if (!j->host) {
		if (rk_kube_open(&j->host, &j->o->kube, err) < 0)
			return -1;
		free(rk_steal(&j->ns));
		free(rk_steal(&j->cluster));
		if (rk_k3k_choose(j->host, j->o->kube.ns, j->ref, &j->ns, &j->cluster, err) < 0)
			return -1;
	}
	if (!virtual || j->virt.kube)
		return 0;
	return rk_vcluster_open(&j->virt, j->host, j->ns, j->cluster, err);
}

int tf_rancher_secret(
	struct job *j, const char *name, const char *key, struct rk_buf *out, struct rk_err *err)
{
	rk_auto_doc *d = rk_doc_new(true);
	struct rk_val *v;

	if (tf_open(j, true, err) < 0 ||
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
		if (tf_open(j, false, err) < 0)
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

/* As sha256sum, a browser or `openssl x509 -fingerprint` prints it. */
static int normal_pin(const char *pin, char out[65], struct rk_err *err)
{
	static const char *const names[] = {"sha256 Fingerprint=", "sha256:", "sha-256:"};
	size_t n = 0;

	pin += strspn(pin, " \t\r\n");
	for (size_t i = 0; i < RK_COUNT(names); i++)
		if (!strncasecmp(pin, names[i], strlen(names[i]))) {
			pin += strlen(names[i]);
			break;
		}
	for (; *pin && n < 64; pin++)
		if (!strchr(": \t\r\n", *pin))
			out[n++] = (char)tolower((unsigned char)*pin);
	out[n] = '\0';
	if (strspn(out, "0123456789abcdef") == 64 && !pin[strspn(pin, ": \t\r\n")])
		return 0;
	rk_err_set(err, RK_USAGE, "the fingerprint of the CA is not a SHA-256 (64 hex digits)");
	return rk_err_hint(err, "on a machine that trusts it: openssl x509 -noout -fingerprint "
				"-sha256 -in CA.pem");
}

/* The CA bundle at /cacerts counts only when the SHA-256 of its text (what Rancher calls the CA checksum)
 * or of one certificate in it is the pin (hex; colons and case do not matter); then only what the pin
 * covers is taken. The connection is not verified yet: the certificate that was refused is taken as the
 * anchor of one more request, which carries nothing of ours; the pin then decides about the answer. */
static int pinned_ca(struct job *j, struct rk_err *err)
{
	static const char end[] = "-----END CERTIFICATE-----";
	struct rk_http_conf conf = {.base = j->url,
		.resolve = j->o->kube.resolve,
		.request_ms = j->o->kube.request_timeout_ms};
	struct rk_http_req req = {.path = "/cacerts", .accept = "*/*", .max = CACERTS_MAX};
	rk_auto_http_res res = RK_HTTP_RES_INIT;
	rk_auto_buf peer = RK_BUF_INIT;
	rk_auto_cert *first = NULL;
	char want[65], sum[65];

	if (normal_pin(j->o->ca_fingerprint, want, err) < 0)
		return -1;
	if (rk_verbosity() > 0)
		rk_http_trace = rk_debug_line;
	while (!res.status) {
		rk_auto_cert *shown = NULL;
		rk_auto_http *h = NULL;

		if (rk_http_new(&h, &conf, err) < 0)
			return -1;
		if (rk_http_do(h, &req, &res, err) == 0)
			break;
		if (conf.ca || err->reason != RK_REASON_TLS || rk_http_peer(h, &shown, NULL) < 0 ||
			rk_cert_pem(shown, &peer, NULL) < 0)
			return rk_err_wrap(err, "read /cacerts");
		rk_err_clear(err);
		conf.ca = peer.s;
		conf.ca_len = peer.len;
	}
	if (res.status != 200)
		return rk_rancher_error(&res, "read /cacerts", NULL, err);
	if (!res.body.len)
		return rk_err_set(err, RK_NOTFOUND,
			"%s publishes no CA (/cacerts is empty): leave out --ca-fingerprint, and "
			"the system's CAs verify it",
			j->url);
	rk_sha256_hex(res.body.s, res.body.len, sum);
	if (rk_streq(sum, want)) {
		rk_buf_put(&j->ca, res.body.s, res.body.len);
		return rk_cert_admit(&j->ca, false, err) < 0
			       ? rk_err_wrap(err, "%s/cacerts", j->url)
			       : 0;
	}
	for (const char *p = res.body.s, *e; (e = strstr(p, end)); p = e) {
		rk_auto_cert *c = NULL;

		e += strlen(end);
		if (rk_cert_parse(&c, p, (size_t)(e - p), NULL) == 0 &&
			rk_streq(c->fingerprint, want) && rk_cert_pem(c, &j->ca, NULL) == 0)
			return 0;
	}
	rk_err_set(err, RK_CONFLICT, "%s: the CA at /cacerts has another fingerprint: %s", j->url,
		rk_cert_parse(&first, res.body.s, res.body.len, NULL) == 0
			? first->fingerprint
			: "it is not a certificate");
	return rk_err_hint(err, "find out which one is right before you continue");
}

int tf_connect(struct job *j, struct rk_err *err)
{
	if (!j->o->ca_file && !j->o->ca_fingerprint)
		return find_anchor(j, err);
	if (j->o->ca_file && rk_file_read(j->o->ca_file, INPUT_MAX, &j->ca, err) < 0)
		return -1;
	if (j->o->ca_file && rk_cert_admit(&j->ca, false, err) < 0)
		return rk_err_wrap(err, "%s", j->o->ca_file);
	if (j->o->ca_fingerprint && pinned_ca(j, err) < 0)
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
