// SPDX-License-Identifier: Apache-2.0
/* The Harvester cluster and its kubeconfig. */
#include "tool.h"
#include "tls/tls.h"

const struct rk_val *tf_find(const struct rk_val *list, const char *key, const char *value)
{
	rk_each (it, list)
		if (rk_streq(rk_get_str(it, key, NULL), value))
			return it;
	return NULL;
}

static void list_names(const struct rk_val *list, struct rk_buf *out)
{
	rk_each (c, list)
		rk_buf_addf(out, "%s%s (%s)", out->len ? ", " : "", rk_get_str(c, "id", NULL),
			rk_get_str(c, "name", NULL));
}

static int take_cluster(struct job *j, const struct rk_val *c)
{
	j->harvester = rk_get_str(c, "id", NULL);
	j->harvester_name = rk_get_str(c, "name", NULL);
	if (!rk_get_bool(c, false, "harvester", NULL))
		rk_warn("cluster %s is not labelled as Harvester", j->harvester);
	return 0;
}

/* The cluster of --cluster: by id, which only one cluster can have, else by name. */
static int named_cluster(struct job *j, const struct rk_val *all, struct rk_err *err)
{
	rk_auto_buf names = RK_BUF_INIT;
	const struct rk_val *found = tf_find(all, "id", j->o->cluster);
	size_t n = found ? 1 : 0;

	rk_each (c, n ? NULL : all) {
		if (!rk_streq(rk_get_str(c, "name", NULL), j->o->cluster))
			continue;
		found = c;
		n++;
	}
	if (n == 1)
		return take_cluster(j, found);
	list_names(all, &names);
	rk_err_set(err, n ? RK_CONFLICT : RK_NOTFOUND, "%s cluster is called %s",
		n ? "more than one" : "no", j->o->cluster);
	return rk_err_hint(err, "clusters: %s", names.len ? names.s : "none this user can see");
}

/* The cluster of the tfvars of this Rancher, which was chosen before, is taken again if it exists. */
int tf_find_harvester(struct job *j, struct rk_err *err)
{
	const char *before = rk_streq(j->old_url, j->url) ? j->old_harvester : NULL;
	rk_auto_buf names = RK_BUF_INIT;
	const struct rk_val *c = NULL;
	struct rk_val *list = NULL, *all = NULL;

	if (!j->o->cluster && rk_rancher_clusters(j->r, true, j->d, &list, err) < 0)
		return -1;
	c = before ? tf_find(list, "id", before) : NULL;
	if (!c && (j->o->cluster || before || !list->count) &&
		rk_rancher_clusters(j->r, false, j->d, &all, err) < 0)
		return -1;
	if (j->o->cluster)
		return named_cluster(j, all, err);
	if (!c && before)
		c = tf_find(all, "id", before);
	if (c || list->count == 1)
		return take_cluster(j, c ? c : rk_at(list, 0));
	if (list->count) {
		list_names(list, &names);
		rk_err_set(
			err, RK_CONFLICT, "%u Harvester clusters found: %s", list->count, names.s);
		return rk_err_hint(err, "choose one with --cluster ID");
	}
	list_names(all, &names);
	rk_warn("no Harvester cluster: none that this user can see has the label "
		"provider.cattle.io=harvester; clusters: %s",
		names.len ? names.s : "none");
	rk_note("import it under Virtualization Management and run this again, or name a cluster "
		"with --cluster");
	return 0;
}

/* --- its kubeconfig --- */

/* What kubectl would use of a kubeconfig of Rancher's. NULL where it has none. */
struct parts {
	const char *server, *token;
	struct rk_buf ca; /* PEM; empty: the system's roots */
	bool exec;	  /* kubeconfig-generate-token is off: the rancher CLI logs in */
};

static void parts_release(struct parts *p)
{
	rk_buf_release(&p->ca);
}
#define auto_parts __attribute__((cleanup(parts_release))) struct parts

static struct parts parts_of(struct rk_doc *d, const struct rk_buf *text)
{
	struct parts p = {.ca = RK_BUF_INIT};
	const struct rk_val *context, *cluster, *user;
	const char *ca;
	struct rk_val *v = NULL;

	if (!text->len || rk_yaml_parse(d, text->s, text->len, &v, NULL) < 0 || !v)
		return p;
	context = rk_get(tf_find(rk_get(v, "contexts", NULL), "name",
				 rk_get_str(v, "current-context", NULL)),
		"context", NULL);
	cluster = rk_get(
		tf_find(rk_get(v, "clusters", NULL), "name", rk_get_str(context, "cluster", NULL)),
		"cluster", NULL);
	user = rk_get(tf_find(rk_get(v, "users", NULL), "name", rk_get_str(context, "user", NULL)),
		"user", NULL);
	p.server = rk_get_str(cluster, "server", NULL);
	ca = rk_get_str(cluster, "certificate-authority-data", NULL);
	p.token = rk_get_str(user, "token", NULL);
	p.exec = rk_get(user, "exec", NULL) != NULL;
	if (ca && rk_base64_decode(&p.ca, ca, strlen(ca), NULL) < 0)
		rk_buf_reset(&p.ca);
	return p;
}

char *tf_kubeconfig_token(const struct rk_buf *text, char **name)
{
	rk_auto_doc *d = rk_doc_new(true);
	auto_parts p = parts_of(d, text);

	*name = p.token ? rk_rancher_token_name(p.token) : NULL;
	if (*name && rk_prefix(*name, "kubeconfig-"))
		return rk_strdup(p.token);
	free(rk_steal(name));
	return NULL;
}

/* Tokens of replaced kubeconfigs would live on for 30 days. */
void tf_drop_kubeconfig_token(struct job *j, const struct rk_buf *text)
{
	rk_auto_free char *name = NULL;
	char *value = tf_kubeconfig_token(text, &name);

	if (name)
		tf_drop_token(j, name, value);
	rk_free_secret(value);
}

enum verdict {
	V_WORKS,
	V_AWAY,	  /* right, but the cluster's agent is not connected */
	V_SERVER, /* its server is not the one that Rancher names */
	V_CA,	  /* another CA than Rancher advises */
	V_TLS,	  /* Rancher's certificate is not signed by the CA in it */
	V_EXEC,	  /* the rancher command instead of a token */
	V_TOKEN,  /* its token is not accepted, or it has none */
};

/* Ask the cluster as kubectl would with this file: with its token, under its CA. */
static int try_parts(struct job *j, const struct parts *p, enum verdict *verdict,
	struct rk_buf *why, struct rk_err *err)
{
	struct rk_rancher_conf conf = tf_conf(j, &p->ca);
	rk_auto_rancher *r = NULL;
	enum rk_rancher_access access;

	if (rk_rancher_new(&r, &conf, err) < 0)
		return -1;
	rk_rancher_set_stop(r, j->signal);
	if (rk_rancher_try(r, j->harvester, p->token, &access, why, err) < 0) {
		if (err->reason != RK_REASON_TLS)
			return -1;
		rk_buf_puts(why, err->msg);
		rk_err_clear(err);
		*verdict = V_TLS;
		return 0;
	}
	*verdict = access == RK_RANCHER_WORKS  ? V_WORKS
		   : access == RK_RANCHER_AWAY ? V_AWAY
					       : V_TOKEN;
	return 0;
}

/* Compare a kubeconfig with what Rancher advises now: the address of its setting server-url, and
 * the CA of its setting cacerts. */
static int judge(struct job *j, const struct parts *p, enum verdict *verdict, struct rk_buf *why,
	struct rk_err *err)
{
	rk_auto_free char *setting = NULL, *url = NULL, *want = NULL;
	rk_auto_free char *path = rk_asprintf("/k8s/clusters/%s", j->harvester);
	rk_auto_free char *name = p->token ? rk_rancher_token_name(p->token) : NULL;
	rk_auto_buf ca = RK_BUF_INIT;
	bool same_server, same_ca;

	if (rk_rancher_cacerts(j->r, &ca, err) < 0)
		return rk_err_wrap(err, "find the CA that Rancher advises");
	if (rk_rancher_setting(j->r, RK_RANCHER_SERVER_URL, &setting, err) < 0) {
		if (!err->http)
			return -1;
		rk_err_clear(err); /* not every user may read settings */
	} else if (rk_rancher_url(*setting ? setting : j->url, &url, NULL) < 0) {
		url = NULL;
	}
	want = rk_asprintf("%s%s", url ? url : "", path);
	same_server = p->server &&
		      (url ? rk_kubeconfig_same_url(p->server, want) : rk_suffix(p->server, path));
	same_ca = p->ca.len && ca.len ? rk_kubeconfig_same_ca(p->ca.s, p->ca.len, ca.s, ca.len)
				      : p->ca.len == ca.len;
	if (same_server && same_ca && name)
		return try_parts(j, p, verdict, why, err);
	*verdict = !same_server ? V_SERVER : !same_ca ? V_CA : p->exec ? V_EXEC : V_TOKEN;
	return 0;
}

/* What is wrong with a kubeconfig that generating it again cannot repair. */
static void warn_of(
	const struct job *j, const struct parts *p, enum verdict verdict, const struct rk_buf *why)
{
	if (p->server && !rk_prefix(p->server, j->url))
		rk_warn("Rancher's kubeconfig has the server %s, not %s: see its setting "
			"server-url",
			p->server, j->url);
	if (verdict == V_EXEC)
		rk_warn("the kubeconfig of Harvester %s has no token: it calls the command "
			"\"rancher\", since Rancher's setting kubeconfig-generate-token is "
			"\"false\"; terraform cannot use it: set it to \"true\" (Global Settings) "
			"and run this again",
			j->harvester);
	if (verdict == V_AWAY)
		rk_warn("Harvester %s does not answer yet: %s", j->harvester, why->s);
	if (verdict == V_TLS && !p->ca.len)
		rk_warn("the kubeconfig of Harvester %s has no CA, since Rancher advises none "
			"(setting cacerts), and this system does not trust Rancher's certificate: "
			"%s",
			j->harvester, why->s);
	else if (verdict == V_TLS)
		rk_warn("the kubeconfig of Harvester %s has the CA of Rancher's setting cacerts, "
			"which did not sign Rancher's certificate: correct that setting and run "
			"this again: %s",
			j->harvester, why->s);
	if (verdict == V_TOKEN)
		rk_warn("Harvester %s refuses the new kubeconfig: %s", j->harvester, why->s);
}

static int generate(struct job *j, struct rk_err *err)
{
	rk_auto_doc *d = rk_doc_new(true);
	rk_auto_buf why = RK_BUF_INIT;
	auto_parts p = {.ca = RK_BUF_INIT};
	struct rk_err unknown = RK_ERR_INIT;
	enum verdict verdict = V_EXEC;

	if (rk_rancher_tokens(j->r, j->d, &j->before, &unknown) < 0)
		j->before = NULL;
	if (rk_rancher_kubeconfig(j->r, j->harvester, &j->kubeconfig, err) < 0) {
		j->lost |= rk_rancher_maybe_done(err) ? LOST_KUBECONFIG : 0;
		return -1;
	}
	j->minted = true;
	p = parts_of(d, &j->kubeconfig);
	if (!p.token && !p.exec)
		j->lost |= LOST_KUBECONFIG;
	if (p.ca.len && rk_cert_admit(&p.ca, false, err) < 0)
		return rk_err_wrap(
			err, "%s: the CA in the kubeconfig that Rancher generated", j->url);
	if (!p.server || (!p.token && !p.exec))
		return rk_err_set(err, RK_FAIL,
			"%s: the kubeconfig that Rancher generated for cluster %s has no server or "
			"no token",
			j->url, j->harvester);
	if (p.token && try_parts(j, &p, &verdict, &why, err) < 0)
		return -1;
	warn_of(j, &p, verdict, &why);
	return 0;
}

int tf_get_harvester(struct job *j, struct rk_buf *now, struct rk_err *err)
{
	rk_auto_doc *d = rk_doc_new(true);
	rk_auto_buf why = RK_BUF_INIT;
	auto_parts p = {.ca = RK_BUF_INIT};
	enum verdict verdict;

	if (tf_read_existing(j->kc_harvester, now, err) < 0)
		return -1;
	if (!now->len)
		return generate(j, err);
	p = parts_of(d, now);
	if (judge(j, &p, &verdict, &why, err) < 0)
		return -1;
	if (verdict == V_WORKS || verdict == V_AWAY || verdict == V_TLS) {
		rk_buf_put(&j->kubeconfig, now->s, now->len);
		warn_of(j, &p, verdict, &why);
		return 0;
	}
	if (verdict == V_SERVER)
		rk_note("%s has the server %s: generating it again", j->kc_harvester,
			p.server ? p.server : "(none)");
	if (verdict == V_CA)
		rk_note("%s has another CA than Rancher advises (setting cacerts): generating it "
			"again",
			j->kc_harvester);
	if (verdict == V_TOKEN)
		rk_note("the token in %s is no longer valid; generating a new kubeconfig",
			j->kc_harvester);
	return generate(j, err);
}
