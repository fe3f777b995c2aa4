// SPDX-License-Identifier: Apache-2.0
/* The Harvester cluster and its kubeconfig. */
#include "tool.h"

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

int tf_find_harvester(struct job *j, struct rk_err *err)
{
	rk_auto_buf names = RK_BUF_INIT;
	struct rk_val *list;

	if (j->o->cluster)
		return named_cluster(j, err);
	if (rk_rancher_clusters(j->r, true, j->d, &list, err) < 0)
		return -1;
	if (list->count == 0)
		return no_harvester(j, err);
	if (list->count == 1)
		return take_cluster(j, rk_at(list, 0));
	list_names(list, &names);
	rk_err_set(err, RK_CONFLICT, "there are %u Harvester clusters: %s", list->count, names.s);
	return rk_err_hint(err, "choose one with --cluster ID");
}

/* --- its kubeconfig --- */

/* What counts in a kubeconfig of Rancher's: its first entry. NULL where there is none. */
struct parts {
	const char *server, *token;
	bool exec; /* kubeconfig-generate-token is off: the rancher CLI logs in by itself */
};

static struct parts parts_of(struct rk_doc *d, const struct rk_buf *text)
{
	struct parts p = {0};
	struct rk_val *v = NULL;
	const struct rk_val *user;

	if (!text->len || rk_yaml_parse(d, text->s, text->len, &v, NULL) < 0 || !v)
		return p;
	user = rk_get(rk_at(rk_get(v, "users", NULL), 0), "user", NULL);
	p.server = rk_get_str(rk_at(rk_get(v, "clusters", NULL), 0), "cluster", "server", NULL);
	p.token = rk_get_str(user, "token", NULL);
	p.exec = rk_get(user, "exec", NULL) != NULL;
	return p;
}

/* Whether it leads to this cluster: through this Rancher, or, as its setting server-url may say
 * something else, where it lay beside the tfvars of this Rancher. */
static bool leads_here(const struct job *j, const char *server)
{
	rk_auto_free char *path = rk_asprintf("/k8s/clusters/%s", j->harvester);

	return rk_suffix(server, path) &&
	       (rk_prefix(server, j->url) || rk_streq(j->old_url, j->url));
}

/* Whether the cluster can be reached with it. why: that it does not answer yet. */
static int try_parts(
	struct job *j, const struct parts *p, bool *works, struct rk_buf *why, struct rk_err *err)
{
	rk_auto_free char *name = p->token ? rk_rancher_token_name(p->token) : NULL;
	enum rk_rancher_access access;

	*works = !p->token && p->exec;
	if (!name)
		return 0;
	if (rk_rancher_try(j->r, j->harvester, p->token, &access, why, err) < 0)
		return -1;
	*works = access != RK_RANCHER_REFUSED;
	return 0;
}

/* Tokens of replaced kubeconfigs would live on for 30 days. */
void tf_drop_kubeconfig_token(struct job *j, const struct rk_buf *text)
{
	rk_auto_doc *d = rk_doc_new(true);
	struct parts p = parts_of(d, text);
	rk_auto_free char *name = p.token ? rk_rancher_token_name(p.token) : NULL;

	if (name && rk_prefix(name, "kubeconfig-"))
		(void)!rk_rancher_token_delete(j->r, name, NULL, NULL);
}

static int take_at_hand(struct job *j, const struct rk_buf *now, struct rk_buf *why, bool *works,
	struct rk_err *err)
{
	rk_auto_doc *d = rk_doc_new(true);
	struct parts p = parts_of(d, now);

	*works = false;
	if (!p.server || !leads_here(j, p.server))
		return 0;
	if (try_parts(j, &p, works, why, err) < 0)
		return -1;
	if (*works)
		rk_buf_put(&j->kubeconfig, now->s, now->len);
	else
		rk_buf_reset(why);
	return 0;
}

static int have_made(struct job *j, struct rk_buf *why, struct rk_err *err)
{
	rk_auto_doc *d = rk_doc_new(true);
	struct parts p;
	bool works;

	if (rk_rancher_kubeconfig(j->r, j->harvester, &j->kubeconfig, err) < 0)
		return -1;
	j->minted = true;
	p = parts_of(d, &j->kubeconfig);
	if (!p.server || (!p.token && !p.exec))
		return rk_err_set(err, RK_FAIL,
			"%s: the kubeconfig that came for cluster %s has no server or no token",
			j->url, j->harvester);
	if (!rk_prefix(p.server, j->url))
		rk_warn("Rancher's kubeconfig leads to %s, not to %s: see its setting server-url",
			p.server, j->url);
	return try_parts(j, &p, &works, why, err);
}

int tf_put_harvester(struct job *j, struct rk_err *err)
{
	rk_auto_buf now = RK_BUF_INIT_SECRET, why = RK_BUF_INIT;
	bool works;

	if (tf_read_if_there(j->kc_harvester, &now, err) < 0 ||
		take_at_hand(j, &now, &why, &works, err) < 0 ||
		(!works && have_made(j, &why, err) < 0))
		return -1;
	if (why.len)
		rk_warn("Harvester %s does not answer yet: %s", j->harvester, why.s);
	if (tf_put_secret_file(j->kc_harvester, &j->kubeconfig, err) < 0)
		return -1;
	j->saved = true;
	if (j->minted)
		tf_drop_kubeconfig_token(j, &now);
	return 0;
}
