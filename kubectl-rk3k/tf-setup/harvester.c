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

/* Token and server of the kubeconfig's first entry; NULL where there is none. */
static void kubeconfig_parts(struct rk_doc *d, const struct rk_buf *text, const char **server,
	const char **token, bool *exec)
{
	struct rk_val *v = NULL;
	const struct rk_val *user;

	*server = *token = NULL;
	*exec = false;
	if (!text->len || rk_yaml_parse(d, text->s, text->len, &v, NULL) < 0 || !v)
		return;
	user = rk_get(rk_at(rk_get(v, "users", NULL), 0), "user", NULL);
	*server = rk_get_str(rk_at(rk_get(v, "clusters", NULL), 0), "cluster", "server", NULL);
	*token = rk_get_str(user, "token", NULL);
	*exec = rk_get(user, "exec", NULL) != NULL;
}

/* Whether the file at hand is for this cluster of this Rancher and its token is good. */
static int kubeconfig_works(struct job *j, const struct rk_buf *text, bool *works,
	struct rk_buf *why, struct rk_err *err)
{
	rk_auto_doc *d = rk_doc_new(true);
	rk_auto_free char *path = rk_asprintf("/k8s/clusters/%s", j->harvester);
	const char *server, *token;
	enum rk_rancher_access access;
	bool exec;

	*works = false;
	kubeconfig_parts(d, text, &server, &token, &exec);
	if (!server || !rk_suffix(server, path) || (!token && !exec))
		return 0;
	if (!token) { /* kubeconfig-generate-token is off: the rancher CLI logs in by itself */
		*works = true;
		return 0;
	}
	if (rk_rancher_try(j->r, j->harvester, token, &access, why, err) < 0)
		return -1;
	*works = access != RK_RANCHER_REFUSED;
	return 0;
}

/* Tokens of replaced kubeconfigs would live on for 30 days. */
void tf_drop_kubeconfig_token(struct job *j, const struct rk_buf *text)
{
	rk_auto_doc *d = rk_doc_new(true);
	rk_auto_free char *name = NULL;
	const char *server, *token;
	bool exec;

	kubeconfig_parts(d, text, &server, &token, &exec);
	name = token ? rk_rancher_token_name(token) : NULL;
	if (name && rk_prefix(name, "kubeconfig-"))
		(void)!rk_rancher_token_delete(j->r, name, NULL, NULL);
}

static void warn_of_server(const struct job *j)
{
	rk_auto_doc *d = rk_doc_new(true);
	const char *server, *token;
	bool exec;

	kubeconfig_parts(d, &j->kubeconfig, &server, &token, &exec);
	if (server && !rk_prefix(server, j->url))
		rk_warn("Rancher's kubeconfig leads to %s, not to %s: see its setting server-url",
			server, j->url);
}

int tf_harvester_kubeconfig(struct job *j, struct rk_err *err)
{
	rk_auto_buf now = RK_BUF_INIT_SECRET, why = RK_BUF_INIT;
	bool works;

	if (tf_read_if_there(j->kc_harvester, &now, err) < 0 ||
		kubeconfig_works(j, &now, &works, &why, err) < 0)
		return -1;
	if (works) {
		rk_buf_put(&j->kubeconfig, now.s, now.len);
	} else {
		rk_buf_reset(&why);
		if (rk_rancher_kubeconfig(j->r, j->harvester, &j->kubeconfig, err) < 0)
			return -1;
		tf_drop_kubeconfig_token(j, &now);
		warn_of_server(j);
		if (kubeconfig_works(j, &j->kubeconfig, &works, &why, err) < 0)
			return -1;
	}
	if (why.len)
		rk_warn("Harvester %s does not answer yet: %s", j->harvester, why.s);
	return 0;
}
