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

/* "ID (NAME), ..." */
static const char *names_of(struct job *j, const struct rk_val *list)
{
	rk_auto_buf out = RK_BUF_INIT;

	rk_each (c, list)
		rk_buf_addf(&out, "%s%s (%s)", out.len ? ", " : "", rk_get_str(c, "id", NULL),
			rk_get_str(c, "name", NULL));
	return rk_doc_strndup(j->d, out.s, out.len);
}

/* The cluster of --cluster: by id, which only one cluster can have, else by name. */
static int find_named(
	struct job *j, const struct rk_val *all, const struct rk_val **found, struct rk_err *err)
{
	const char *name = j->o->cluster;
	size_t n = 0;

	*found = tf_find(all, "id", name);
	if (*found)
		return 0;
	*found = tf_find(all, "name", name);
	rk_each (c, all)
		n += rk_streq(rk_get_str(c, "name", NULL), name);
	if (n == 1)
		return 0;
	rk_err_set(err, n ? RK_CONFLICT : RK_NOTFOUND, "%s cluster is called %s",
		n ? "more than one" : "no", name);
	return rk_err_hint(
		err, "clusters: %s", all->count ? names_of(j, all) : "none this user can see");
}

/* The cluster of the tfvars of this Rancher, which was chosen before, is taken again if it exists. */
int tf_find_harvester(struct job *j, struct rk_err *err)
{
	const char *before = rk_streq(j->old_url, j->url) ? j->old_harvester : NULL;
	struct rk_val *list = rk_seq(j->d), *all = list;
	const struct rk_val *c = NULL;

	if (!j->o->cluster && rk_rancher_clusters(j->r, true, j->d, &list, err) < 0)
		return -1;
	if (!j->o->cluster && before)
		c = tf_find(list, "id", before);
	if (!c && (before || !list->count) && rk_rancher_clusters(j->r, false, j->d, &all, err) < 0)
		return -1;
	if (j->o->cluster) {
		if (find_named(j, all, &c, err) < 0)
			return -1;
	} else if (!c && before) {
		c = tf_find(all, "id", before);
	}
	if (!c && list->count == 1)
		c = list->child;
	if (!c && list->count) {
		rk_err_set(err, RK_CONFLICT, "%u Harvester clusters found: %s", list->count,
			names_of(j, list));
		return rk_err_hint(err, "choose one with --cluster ID");
	}
	if (!c) {
		rk_warn("no Harvester cluster: none that this user can see has the label "
			"provider.cattle.io=harvester; clusters: %s",
			all->count ? names_of(j, all) : "none");
		rk_note("import it under Virtualization Management and run this again, or name a "
			"cluster with --cluster");
		return 0;
	}
	j->harvester = rk_get_str(c, "id", NULL);
	j->harvester_name = rk_get_str(c, "name", NULL);
	if (!rk_get_bool(c, false, "harvester", NULL))
		rk_warn("cluster %s is not labelled as Harvester", j->harvester);
	return 0;
}

/* --- its kubeconfig --- */

enum verdict {
	V_WORKS,
	V_AWAY,	  /* right, but the cluster's agent is not connected */
	V_SERVER, /* its server is not the one that Rancher names */
	V_CA,	  /* another CA than Rancher publishes */
	V_TLS,	  /* Rancher's certificate is not signed by the CA in it */
	V_EXEC,	  /* the rancher command instead of a token */
	V_TOKEN,  /* its token is not accepted, or it has none */
};

/* What kubectl would use of a kubeconfig of Rancher's, NULL where it has none; and what it is worth. */
struct parts {
	const char *server, *token;
	struct rk_buf *ca; /* PEM, the caller's; empty: the system's roots */
	bool exec;	   /* kubeconfig-generate-token is off: the rancher CLI logs in */
	enum verdict verdict;
	struct rk_err why; /* what the cluster said */
};

/* The entry of a list whose name another entry has under `by`. */
static const struct rk_val *entry(const struct rk_val *v, const char *list, const char *key,
	const struct rk_val *of, const char *by)
{
	return rk_get(tf_find(rk_get(v, list, NULL), "name", rk_get_str(of, by, NULL)), key, NULL);
}

static struct parts parts_of(struct job *j, const char *text, struct rk_buf *pem)
{
	struct parts p = {.ca = pem};
	const struct rk_val *context, *cluster, *user;
	const char *ca;
	struct rk_val *v = NULL;

	if (rk_yaml_parse(j->d, text, strlen(text), &v, NULL) < 0 || !v)
		return p;
	context = entry(v, "contexts", "context", v, "current-context");
	cluster = entry(v, "clusters", "cluster", context, "cluster");
	user = entry(v, "users", "user", context, "user");
	p.server = rk_get_str(cluster, "server", NULL);
	ca = rk_get_str(cluster, "certificate-authority-data", NULL);
	p.token = rk_get_str(user, "token", NULL);
	p.exec = rk_get(user, "exec", NULL) != NULL;
	if (ca && rk_base64_decode(pem, ca, strlen(ca), NULL) < 0)
		rk_buf_reset(pem);
	return p;
}

struct tf_token tf_kubeconfig_token(struct job *j, const char *text)
{
	rk_auto_buf ca = RK_BUF_INIT;
	const struct parts p = parts_of(j, text, &ca);
	const char *name = p.token ? rk_rancher_token_name(j->d, p.token) : NULL;

	return name && rk_prefix(name, "kubeconfig-") ? (struct tf_token){name, p.token}
						      : (struct tf_token){0};
}

/* Ask the cluster as kubectl would with this file: with its token, under its CA. */
static int try_parts(struct job *j, struct parts *p, struct rk_err *err)
{
	struct rk_rancher_conf conf = tf_conf(j, p->ca);
	rk_auto_rancher *r = NULL;

	if (rk_rancher_new(&r, &conf, err) < 0)
		return -1;
	rk_rancher_set_stop(r, j->signal);
	rk_rancher_use(r, p->token);
	if (rk_rancher_reach(r, j->harvester, &p->why) == 0) {
		p->verdict = V_WORKS;
	} else if (p->why.http) {
		p->verdict = p->why.http == 401 || p->why.http == 403 ? V_TOKEN : V_AWAY;
	} else if (p->why.reason == RK_REASON_TLS) {
		p->verdict = V_TLS;
	} else {
		*err = p->why;
		return -1;
	}
	return 0;
}

/* Compare a kubeconfig with what Rancher publishes now: the address of its setting server-url, and
 * the CA of its setting cacerts. */
static int judge(struct job *j, struct parts *p, struct rk_err *err)
{
	const char *setting, *url = NULL;
	const char *path = rk_doc_printf(j->d, "/k8s/clusters/%s", j->harvester);
	rk_auto_buf ca = RK_BUF_INIT;
	bool same_server, same_ca;

	if (rk_rancher_cacerts(j->r, &ca, err) < 0)
		return rk_err_wrap(err, "find the CA that Rancher publishes");
	if (rk_rancher_setting(j->r, j->d, RK_RANCHER_SERVER_URL, &setting, err) == 0) {
		if (rk_rancher_url(j->d, *setting ? setting : j->url, &url, NULL) < 0)
			url = NULL;
	} else if (!err->http) {
		return -1;
	}
	rk_err_clear(err); /* not every user may read settings */
	same_server = p->server && (url ? rk_kubeconfig_same_url(
						  p->server, rk_doc_printf(j->d, "%s%s", url, path))
					: rk_suffix(p->server, path));
	same_ca = p->ca->len && ca.len ? rk_kubeconfig_same_ca(p->ca->s, p->ca->len, ca.s, ca.len)
				       : p->ca->len == ca.len;
	if (same_server && same_ca && p->token && rk_rancher_token_name(j->d, p->token))
		return try_parts(j, p, err);
	p->verdict = !same_server ? V_SERVER : !same_ca ? V_CA : p->exec ? V_EXEC : V_TOKEN;
	return 0;
}

/* What is wrong with a kubeconfig that generating it again cannot repair. */
static void warn_of(const struct job *j, const struct parts *p)
{
	const char *id = j->harvester, *why = p->why.msg;

	if (p->server && !rk_prefix(p->server, j->url))
		rk_warn("Rancher's kubeconfig has the server %s, not %s: see its setting "
			"server-url",
			p->server, j->url);
	if (p->verdict == V_EXEC)
		rk_warn("the kubeconfig of Harvester %s has no token: it calls the command "
			"\"rancher\", since Rancher's setting kubeconfig-generate-token is "
			"\"false\"; terraform cannot use it: set it to \"true\" (Global Settings) "
			"and run this again",
			id);
	if (p->verdict == V_AWAY)
		rk_warn("Harvester %s does not answer yet: %s", id, why);
	if (p->verdict == V_TLS && !p->ca->len)
		rk_warn("the kubeconfig of Harvester %s has no CA, since Rancher publishes none "
			"(setting cacerts), and this system does not trust Rancher's certificate: "
			"%s",
			id, why);
	else if (p->verdict == V_TLS)
		rk_warn("the kubeconfig of Harvester %s has the CA of Rancher's setting cacerts, "
			"which did not sign Rancher's certificate: correct that setting and run "
			"this again: %s",
			id, why);
	if (p->verdict == V_TOKEN)
		rk_warn("Harvester %s refuses the new kubeconfig: %s", id, why);
}

static int generate(struct job *j, struct rk_err *err)
{
	rk_auto_buf text = RK_BUF_INIT_SECRET, ca = RK_BUF_INIT;
	struct rk_err unknown = RK_ERR_INIT;
	struct parts p;

	if (rk_rancher_tokens(j->r, j->d, &j->before, &unknown) < 0)
		j->before = NULL;
	if (rk_rancher_kubeconfig(j->r, j->harvester, &text, err) < 0) {
		j->lost |= rk_rancher_maybe_done(err) ? LOST_KUBECONFIG : 0;
		return -1;
	}
	j->minted = true;
	j->kubeconfig = rk_doc_strndup(j->d, text.s, text.len);
	p = parts_of(j, j->kubeconfig, &ca);
	if (!p.token && !p.exec)
		j->lost |= LOST_KUBECONFIG;
	if (ca.len && rk_cert_admit(&ca, false, err) < 0)
		return rk_err_wrap(
			err, "%s: the CA in the kubeconfig that Rancher generated", j->url);
	if (!p.server || (!p.token && !p.exec))
		return rk_err_set(err, RK_FAIL,
			"%s: the kubeconfig that Rancher generated for cluster %s has no server or "
			"no token",
			j->url, j->harvester);
	p.verdict = V_EXEC;
	if (p.token && try_parts(j, &p, err) < 0)
		return -1;
	warn_of(j, &p);
	return 0;
}

int tf_get_harvester(struct job *j, struct rk_buf *now, struct rk_err *err)
{
	const char *file = j->kc_harvester;
	rk_auto_buf ca = RK_BUF_INIT;
	struct parts p;

	if (tf_read_existing(file, now, err) < 0)
		return -1;
	if (!now->len)
		return generate(j, err);
	p = parts_of(j, now->s, &ca);
	if (judge(j, &p, err) < 0)
		return -1;
	if (p.verdict == V_WORKS || p.verdict == V_AWAY || p.verdict == V_TLS) {
		j->kubeconfig = rk_doc_strndup(j->d, now->s, now->len);
		warn_of(j, &p);
		return 0;
	}
	if (p.verdict == V_SERVER)
		rk_note("%s has the server %s: generating it again", file,
			p.server ? p.server : "(none)");
	if (p.verdict == V_CA)
		rk_note("%s has another CA than Rancher publishes (setting cacerts): generating it "
			"again",
			file);
	if (p.verdict == V_TOKEN)
		rk_note("Rancher rejects the token in %s as no longer valid: generating a new "
			"kubeconfig",
			file);
	return generate(j, err);
}
