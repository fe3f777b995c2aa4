// SPDX-License-Identifier: Apache-2.0
/* Names, references, and whether a connection is to the host or to a virtual cluster. */
#include "k3k.h"

#include "tls/tls.h"
#include "out/out.h"

/* k3k's SafeConcatName: 64 bytes and more are cut at 57 and given 5 digits of their SHA-256, or
 * cut at 56 and given 6 where the 57th byte may not end a name part. */
void rk_k3k_name(char out[64], const char *cluster, const char *suffix)
{
	rk_auto_free char *full =
		rk_asprintf("k3k-%s%s%s", cluster, suffix ? "-" : "", suffix ? suffix : "");
	char hash[65];
	int keep;

	if (snprintf(out, 64, "%s", full) < 64)
		return;
	rk_sha256_hex(full, strlen(full), hash);
	keep = strspn(full + 56, "abcdefghijklmnopqrstuvwxyz0123456789") ? 57 : 56;
	snprintf(out, 64, "%.*s-%.*s", keep, full, 62 - keep, hash);
}

int rk_k3k_ref(const char *ref, const char *ns_default, char **ns, char **name, struct rk_err *err)
{
	const char *slash = strchr(ref, '/');

	*ns = slash ? rk_strndup(ref, (size_t)(slash - ref)) : rk_strdup(ns_default);
	*name = rk_strdup(slash ? slash + 1 : ref);
	if (rk_label_ok(*ns, strlen(*ns)) && rk_label_ok(*name, strlen(*name)))
		return 0;
	free(rk_steal(ns));
	free(rk_steal(name));
	rk_err_set(err, RK_USAGE, "invalid name of a virtual cluster: \"%s\"", ref);
	return rk_err_hint(
		err, "write NAME or NAMESPACE/NAME in lower case, as kubectl shows them");
}

/* --- which one is selected --- */

static const char *ns_of(const struct rk_val *c)
{
	return rk_get_str(c, "metadata", "namespace", NULL);
}

static const char *name_of(const struct rk_val *c)
{
	return rk_get_str(c, "metadata", "name", NULL);
}

/* The only match, or without a name the one of the default name; RK_CONFLICT when there are several. */
static int pick_in(const struct rk_val *clusters, const char *ns, const char *name,
	const struct rk_val **chosen, struct rk_err *err)
{
	const struct rk_val *first = NULL, *usual = NULL;
	rk_auto_buf list = RK_BUF_INIT;
	size_t n = 0;

	rk_each (c, clusters) {
		if (!name_of(c) || !ns_of(c) || (ns && !rk_streq(ns_of(c), ns)) ||
			(name && !rk_streq(name_of(c), name)))
			continue;
		first = n++ ? first : c;
		if (list.len < 300)
			rk_buf_addf(&list, "%s%s/%s", list.len ? ", " : "", ns_of(c), name_of(c));
		if (!name && rk_streq(name_of(c), RK_K3K_CLUSTER) &&
			(ns || rk_streq(ns_of(c), RK_K3K_NS)))
			usual = c;
	}
	*chosen = usual ? usual : n == 1 ? first : NULL;
	if (*chosen || !n)
		return 0;
	rk_err_set(err, RK_CONFLICT, "%zu virtual clusters%s%s match: %s%s", n,
		name ? " named " : "", name ? name : "", list.s, list.len < 300 ? "" : ", ...");
	return rk_err_hint(err, "give one as NAMESPACE/NAME");
}

int rk_k3k_pick(const struct rk_val *clusters, const char *ns_flag, const char *context_ns,
	const char *name, const struct rk_val **chosen, struct rk_err *err)
{
	const char *ns = ns_flag ? ns_flag : context_ns;

	*chosen = NULL;
	if (ns && pick_in(clusters, ns, name, chosen, err) < 0)
		return -1;
	if (*chosen || ns_flag)
		return 0;
	/* the default namespace is a preference among clusters of one name only */
	if (name && pick_in(clusters, RK_K3K_NS, name, chosen, err) < 0)
		return -1;
	return *chosen ? 0 : pick_in(clusters, NULL, name, chosen, err);
}

int rk_k3k_choose(struct rk_kube *host, const char *ns_flag, const char *ref, char **ns,
	char **name, struct rk_err *err)
{
	const char *home = ns_flag ? ns_flag : RK_K3K_NS;
	const char *context_ns = ns_flag ? NULL : rk_kube_target(host)->ns;
	struct rk_list_opts o = {.metadata_only = true};
	rk_auto_free char *field = NULL;
	rk_auto_doc *d = rk_doc_new(false);
	const struct rk_val *chosen;
	struct rk_val *all;
	int rc;

	if (rk_k3k_ref(ref ? ref : RK_K3K_CLUSTER, home, ns, name, err) < 0)
		return -1;
	if (ref && (strchr(ref, '/') || ns_flag))
		return 0;
	if (ref)
		o.fields = field = rk_asprintf("metadata.name=%s", *name);
	/* those that the caller may see, which may be none */
	rc = rk_kube_list_all(host, &RK_CLUSTER, ns_flag, &o, d, &all, err);
	if (rc < 0 && err->http == 403 && context_ns)
		rc = rk_kube_list_all(host, &RK_CLUSTER, context_ns, &o, d, &all, err);
	if (rc < 0 && (err->http == 403 || err->code == RK_NOTFOUND)) {
		rk_err_clear(err);
		return 0;
	}
	if (rc == 0)
		rc = rk_k3k_pick(all, ns_flag, context_ns, ref ? *name : NULL, &chosen, err);
	if (rc == 0 && !chosen)
		return 0;
	free(rk_steal(ns));
	free(rk_steal(name));
	if (rc < 0)
		return -1;
	*ns = rk_strdup(ns_of(chosen));
	*name = rk_strdup(name_of(chosen));
	if (!rk_streq(*ns, home) && !rk_streq(*ns, context_ns))
		rk_note("virtual cluster %s/%s", *ns, *name);
	return 0;
}

/* The context of a virtual cluster was used where that of its host is needed; the note in its entry
 * says which one that is. Returns -1. */
static int not_the_host(const struct rk_kube *k, enum rk_code code, struct rk_err *err)
{
	const struct rk_target *t = rk_kube_target(k);

	rk_err_set(err, code, "context \"%s\" (%s) is the virtual cluster %s, not its host cluster",
		rk_kube_context(k), rk_kube_server(k), t->virtual_cluster);
	if (t->host_contexts)
		return rk_err_hint(
			err, "use the host cluster's context: --context %s", t->host_contexts);
	return rk_err_hint(err, "use the host cluster's context%s%s: --context NAME",
		t->host ? ", for " : "", t->host ? t->host : "");
}

int rk_k3k_get(struct rk_kube *host, const char *ns, const char *cluster, struct rk_doc *d,
	struct rk_val **out, struct rk_err *err)
{
	bool virtual = rk_kube_target(host)->virtual_cluster != NULL, serves;

	if (rk_kube_find(host, &RK_CLUSTER, ns, cluster, d, out, err) < 0) {
		if (err->code == RK_NOTFOUND && virtual)
			return not_the_host(host, RK_NOTFOUND, err);
		if (err->code == RK_NOTFOUND)
			rk_err_hint(err, "k3k is not installed here: is %s the right context?",
				rk_kube_context(host));
		return -1;
	}
	if (*out)
		return 0;
	if (rk_kube_serves(host, "k3k.io", &serves, err) < 0) /* to a GET by name both are 404 */
		return -1;
	if (!serves && virtual)
		return not_the_host(host, RK_NOTFOUND, err);
	if (!serves) {
		rk_err_set(err, RK_NOTFOUND, "k3k is not installed on %s (context %s)",
			rk_kube_server(host), rk_kube_context(host));
		return rk_err_hint(err, "give the host's context: --context NAME");
	}
	rk_err_set(err, RK_NOTFOUND, "no virtual cluster %s/%s on %s", ns, cluster,
		rk_kube_server(host));
	return rk_err_hint(err, "see: kubectl rk3k status -A%s", rk_here());
}

int rk_k3k_secret(struct rk_kube *host, const char *ns, const char *cluster, const char *suffix,
	const char *key, struct rk_buf *out, struct rk_err *err)
{
	rk_auto_doc *d = rk_doc_new(true);
	const char *phase, *message;
	struct rk_val *secret, *c;
	char name[64];

	rk_k3k_name(name, cluster, suffix);
	if (rk_kube_find(host, &RK_SECRET, ns, name, d, &secret, err) < 0)
		return -1;
	if (secret && rk_need_base64(secret, out, err, "data", key, NULL) < 0)
		return rk_err_wrap(err, "Secret %s/%s", ns, name);
	if (secret)
		return 0;
	if (rk_k3k_get(host, ns, cluster, d, &c, err) < 0)
		return -1;
	phase = rk_get_str(c, "status", "phase", NULL);
	message = rk_get_str(rk_at(rk_get(c, "status", "conditions", NULL), 0), "message", NULL);
	rk_err_set(err, RK_NOTFOUND, "virtual cluster %s/%s has no Secret %s yet: it is %s%s%s", ns,
		cluster, name, phase ? phase : "not seen by the k3k controller",
		message ? ", " : "", message ? message : "");
	return rk_err_hint(err,
		"wait for it: kubectl rk3k wait cluster.k3k.io/%s -n %s "
		"--for=condition=Ready%s",
		cluster, ns, rk_here());
}

/* --- guard --- */

/* Without the right to ask, the rights of the command itself will be refused soon enough. */
static int unless_forbidden(int rc, struct rk_err *err)
{
	if (rc == 0 || err->http != 403)
		return rc;
	rk_err_clear(err);
	return 0;
}

int rk_k3k_guard_host(struct rk_kube *k, struct rk_err *err)
{
	struct rk_list_opts o = {.limit = 50, .metadata_only = true};
	bool serves, inside = false;
	rk_auto_doc *d = rk_doc_new(false);
	struct rk_val *nodes = NULL;

	if (unless_forbidden(rk_kube_serves(k, "k3k.io", &serves, err), err) < 0)
		return -1;
	if (serves)
		return 0;
	if (unless_forbidden(rk_kube_list_all(k, &RK_NODE, NULL, &o, d, &nodes, err), err) < 0)
		return -1;
	rk_each (node, nodes) {
		const char *name = name_of(node);

		inside |= name && rk_prefix(name, "k3k-") &&
			  (strstr(name, "-server-") || strstr(name, "-agent-"));
	}
	if (!inside)
		return 0;
	if (rk_kube_target(k)->virtual_cluster)
		return not_the_host(k, RK_CONFLICT, err);
	rk_err_set(err, RK_CONFLICT, "context %s (%s) is a virtual cluster, not its host",
		rk_kube_context(k), rk_kube_server(k));
	return rk_err_hint(err, "give the host's context: --context NAME");
}
