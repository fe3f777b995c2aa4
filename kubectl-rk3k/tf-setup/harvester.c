// SPDX-License-Identifier: Apache-2.0
/* The Harvester cluster and its kubeconfig. */
#include "tool.h"
#include "tls/tls.h"

static void list_names(const struct rk_val *list, struct rk_buf *out)
{
	rk_each (c, list)
		rk_buf_addf(out, "%s%s (%s)", out->len ? ", " : "", rk_get_str(c, "id", NULL),
			rk_get_str(c, "name", NULL));
}

static int no_harvester(struct job *j, struct rk_err *err)
{
	rk_auto_buf names = RK_BUF_INIT;
	struct rk_val *all;

	if (rk_rancher_clusters(j->r, false, j->d, &all, err) < 0)
		return -1;
	list_names(all, &names);
	rk_warn("no Harvester cluster: none that this user can see has the label "
		"provider.cattle.io=harvester; there are: %s",
		names.len ? names.s : "none");
	rk_note("import it under Virtualization Management and run this again, or name a cluster "
		"with --cluster");
	return 0;
}

static int take_cluster(struct job *j, const struct rk_val *c)
{
	j->harvester = rk_get_str(c, "id", NULL);
	j->harvester_name = rk_get_str(c, "name", NULL);
	if (!rk_get_bool(c, false, "harvester", NULL))
		rk_warn("cluster %s is not labelled as Harvester", j->harvester);
	return 0;
}

/* By id, which is one cluster's alone, else by name. */
static int named_cluster(struct job *j, struct rk_err *err)
{
	rk_auto_buf names = RK_BUF_INIT;
	const struct rk_val *found = NULL;
	struct rk_val *all;
	size_t n = 0;

	if (rk_rancher_clusters(j->r, false, j->d, &all, err) < 0)
		return -1;
	rk_each (c, all)
		if (rk_streq(rk_get_str(c, "id", NULL), j->o->cluster))
			return take_cluster(j, c);
	rk_each (c, all) {
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
	return rk_err_hint(err, "there are: %s", names.len ? names.s : "none this user can see");
}

/* The cluster that the tfvars of this Rancher name, if it still exists: it was chosen before. */
static const struct rk_val *chosen_before(const struct job *j, const struct rk_val *list)
{
	if (!j->old_harvester || !rk_streq(j->old_url, j->url))
		return NULL;
	rk_each (c, list)
		if (rk_streq(rk_get_str(c, "id", NULL), j->old_harvester))
			return c;
	return NULL;
}

int tf_find_harvester(struct job *j, struct rk_err *err)
{
	rk_auto_buf names = RK_BUF_INIT;
	const struct rk_val *before;
	struct rk_val *list, *all;

	if (j->o->cluster)
		return named_cluster(j, err);
	if (rk_rancher_clusters(j->r, true, j->d, &list, err) < 0)
		return -1;
	before = chosen_before(j, list);
	if (!before && j->old_harvester && rk_streq(j->old_url, j->url)) {
		if (rk_rancher_clusters(j->r, false, j->d, &all, err) < 0)
			return -1;
		before = chosen_before(j, all);
	}
	if (before)
		return take_cluster(j, before);
	if (list->count == 0)
		return no_harvester(j, err);
	if (list->count == 1)
		return take_cluster(j, rk_at(list, 0));
	list_names(list, &names);
	rk_err_set(err, RK_CONFLICT, "there are %u Harvester clusters: %s", list->count, names.s);
	return rk_err_hint(err, "choose one with --cluster ID");
}

/* --- its kubeconfig --- */

/* What kubectl would use of a kubeconfig of Rancher's. NULL where there is none. */
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

static const struct rk_val *named(const struct rk_val *list, const char *name)
{
	rk_each (it, list)
		if (rk_streq(rk_get_str(it, "name", NULL), name))
			return it;
	return NULL;
}

static struct parts parts_of(struct rk_doc *d, const struct rk_buf *text)
{
	struct parts p = {.ca = RK_BUF_INIT};
	const struct rk_val *context, *cluster, *user;
	const char *ca;
	struct rk_val *v = NULL;

	if (!text->len || rk_yaml_parse(d, text->s, text->len, &v, NULL) < 0 || !v)
		return p;
	context = rk_get(named(rk_get(v, "contexts", NULL), rk_get_str(v, "current-context", NULL)),
		"context", NULL);
	cluster = named(rk_get(v, "clusters", NULL), rk_get_str(context, "cluster", NULL));
	user = rk_get(
		named(rk_get(v, "users", NULL), rk_get_str(context, "user", NULL)), "user", NULL);
	p.server = rk_get_str(cluster, "cluster", "server", NULL);
	ca = rk_get_str(cluster, "cluster", "certificate-authority-data", NULL);
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

/* What Rancher says of its kubeconfigs now. */
struct advice {
	char *url;	  /* of server-url, else ours; NULL: it could not be read */
	struct rk_buf ca; /* of cacerts; empty: the system's roots */
};

static void advice_release(struct advice *a)
{
	free(a->url);
	rk_buf_release(&a->ca);
}
#define auto_advice __attribute__((cleanup(advice_release))) struct advice

static int get_advice(struct job *j, struct advice *a, struct rk_err *err)
{
	rk_auto_free char *setting = NULL;

	*a = (struct advice){.ca = RK_BUF_INIT};
	if (rk_rancher_cacerts(j->r, &a->ca, err) < 0)
		return rk_err_wrap(err, "find the CA that Rancher advises");
	if (rk_rancher_setting(j->r, RK_RANCHER_SERVER_URL, &setting, err) < 0) {
		if (!err->http)
			return -1;
		rk_err_clear(err); /* not every user may read settings */
	} else if (!*setting) {
		a->url = rk_strdup(j->url);
	} else if (rk_rancher_url(setting, &a->url, NULL) < 0) {
		a->url = NULL;
	}
	return 0;
}

static bool same_ca(const struct rk_buf *a, const struct rk_buf *b)
{
	return a->len && b->len ? rk_kubeconfig_same_ca(a->s, a->len, b->s, b->len)
				: a->len == b->len;
}

enum verdict {
	V_WORKS,
	V_AWAY,	  /* right, but the cluster's agent is not connected */
	V_SERVER, /* it leads elsewhere than Rancher says */
	V_CA,	  /* another CA than Rancher advises */
	V_TLS,	  /* Rancher's certificate is not signed by the CA in it */
	V_EXEC,	  /* the rancher command, in place of a token */
	V_TOKEN,  /* its token is not accepted, or there is none */
};

static bool leads_there(const struct job *j, const struct parts *p, const struct advice *a)
{
	rk_auto_free char *path = rk_asprintf("/k8s/clusters/%s", j->harvester);
	rk_auto_free char *want = a->url ? rk_asprintf("%s%s", a->url, path) : NULL;

	if (!p->server)
		return false;
	return want ? rk_kubeconfig_same_url(p->server, want) : rk_suffix(p->server, path);
}

/* Ask the cluster as kubectl would with this file: with its token, under its CA. */
static int try_parts(struct job *j, const struct parts *p, enum verdict *verdict,
	struct rk_buf *why, struct rk_err *err)
{
	struct rk_rancher_conf conf = {.url = j->url,
		.ca = p->ca.len ? p->ca.s : NULL,
		.ca_len = p->ca.len,
		.resolve = j->o->kube.resolve,
		.request_ms = j->o->kube.request_timeout_ms};
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

static int judge(struct job *j, const struct parts *p, const struct advice *a,
	enum verdict *verdict, struct rk_buf *why, struct rk_err *err)
{
	rk_auto_free char *name = p->token ? rk_rancher_token_name(p->token) : NULL;

	if (!leads_there(j, p, a))
		*verdict = V_SERVER;
	else if (!same_ca(&p->ca, &a->ca))
		*verdict = V_CA;
	else if (!name)
		*verdict = p->exec ? V_EXEC : V_TOKEN;
	else
		return try_parts(j, p, verdict, why, err);
	return 0;
}

static void tell_why_again(const struct job *j, const struct parts *p, enum verdict verdict)
{
	switch (verdict) {
	case V_SERVER:
		rk_note("%s led to %s: generating it again", j->kc_harvester,
			p->server ? p->server : "no server");
		break;
	case V_CA:
		rk_note("%s has another CA than Rancher advises (setting cacerts): generating it "
			"again",
			j->kc_harvester);
		break;
	case V_TOKEN:
		rk_note("the token in %s is no longer valid: generating it again", j->kc_harvester);
		break;
	default:
		break;
	}
}

/* What is wrong with a kubeconfig that generating it again cannot repair. */
static void warn_of(
	const struct job *j, const struct parts *p, enum verdict verdict, const struct rk_buf *why)
{
	if (p->server && !rk_prefix(p->server, j->url))
		rk_warn("Rancher's kubeconfig leads to %s, not to %s: see its setting server-url",
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
	enum verdict verdict;

	tf_note_kubeconfig_tokens(j);
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
	if (!p.token)
		verdict = V_EXEC;
	else if (try_parts(j, &p, &verdict, &why, err) < 0)
		return -1;
	warn_of(j, &p, verdict, &why);
	return 0;
}

int tf_get_harvester(struct job *j, struct rk_buf *now, struct rk_err *err)
{
	rk_auto_doc *d = rk_doc_new(true);
	rk_auto_buf why = RK_BUF_INIT;
	auto_parts p = {.ca = RK_BUF_INIT};
	auto_advice a = {.ca = RK_BUF_INIT};
	enum verdict verdict;

	if (tf_read_if_there(j->kc_harvester, now, err) < 0)
		return -1;
	if (!now->len)
		return generate(j, err);
	p = parts_of(d, now);
	if (get_advice(j, &a, err) < 0 || judge(j, &p, &a, &verdict, &why, err) < 0)
		return -1;
	if (verdict == V_WORKS || verdict == V_AWAY || verdict == V_TLS) {
		rk_buf_put(&j->kubeconfig, now->s, now->len);
		warn_of(j, &p, verdict, &why);
		return 0;
	}
	tell_why_again(j, &p, verdict);
	return generate(j, err);
}

int tf_put_harvester(struct job *j, struct rk_err *err)
{
	rk_auto_buf now = RK_BUF_INIT_SECRET;

	if (tf_get_harvester(j, &now, err) < 0 ||
		tf_put_secret_file(j->kc_harvester, &j->kubeconfig, err) < 0)
		return -1;
	j->saved = true;
	if (j->minted)
		tf_drop_kubeconfig_token(j, &now);
	return 0;
}
