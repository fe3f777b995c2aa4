// SPDX-License-Identifier: Apache-2.0
/* The values as a document between tools, and back. */
#include "internal.h"

static const char API_VERSION[] = "rk3k.io/v1";
static const char KIND[] = "Settings";

static bool is_secret(enum rk_key k)
{
	return rk_settings_table[k].flags & RK_SETF_SECRET;
}

/* Labels and networks remain one string. */
static bool is_list(enum rk_key k)
{
	const struct rk_setting *t = &rk_settings_table[k];

	return t->flags & RK_SETF_LIST && t->kind != RK_SET_LABELS && t->kind != RK_SET_CIDR;
}

/* Assignments that the parser (and any shell) reads back exactly. */
void rk_settings_secrets(const struct rk_settings *s, struct rk_buf *out)
{
	for (int k = 0; k < RK_KEY_COUNT; k++) {
		const struct rk_settings_value *v = &s->v[k];

		if (!is_secret((enum rk_key)k) || !v->s || !*v->s || v->ref_file)
			continue;
		rk_buf_addf(out, "%s=", rk_settings_table[k].name);
		rk_shell_quote(out, v->s);
		rk_buf_putc(out, '\n');
	}
}

int rk_settings_doc(struct rk_settings *s, const char *secrets_file, struct rk_doc *d,
	struct rk_val **out, struct rk_err *err)
{
	static const struct {
		const char *name;
		enum rk_key repo; /* the key of its version follows */
	} charts[] = {{"k3k", RK_KEY_K3K_REPO}, {"cert-manager", RK_KEY_CERTMANAGER_REPO},
		{"rancher", RK_KEY_RANCHER_REPO}};
	struct rk_val *doc = rk_map(d), *derived;

	*out = doc;
	rk_set_str(d, doc, "apiVersion", API_VERSION);
	rk_set_str(d, doc, "kind", KIND);
	for (int i = 0; i < RK_KEY_COUNT; i++) {
		enum rk_key k = (enum rk_key)i;
		const struct rk_setting *t = &rk_settings_table[k];
		const char *v = s->v[k].s;
		size_t n;

		if (is_secret(k) ? !rk_setting_is(s, k) : !v)
			continue;
		if (is_secret(k)) {
			const char *file = s->v[k].ref_file ? s->v[k].ref_file : secrets_file;
			struct rk_val *ref = rk_map_at(d, doc, t->name, NULL);

			if (!file && !s->v[k].ref_env) {
				rk_err_set(err, RK_USAGE,
					"%s came from a prompt or a pipe and cannot be passed on",
					t->name);
				return rk_err_hint(err,
					"use --secrets-fd N with an open file, as deploy does, or "
					"put it into a file of mode 0600");
			}
			rk_set_str(d, ref, "file", file);
			rk_set_str(d, ref, "key", file ? s->v[k].ref_key : NULL);
			rk_set_str(d, ref, "env", file ? NULL : s->v[k].ref_env);
		} else if (is_list(k)) {
			rk_set(d, doc, t->name, rk_seq(d));
			rk_each_item (item, n, v, ",")
				rk_append(
					rk_mut(rk_get(doc, t->name, NULL)), rk_stringn(d, item, n));
		} else if (t->kind == RK_SET_YESNO) {
			rk_set_bool(d, doc, t->name, rk_streq(v, "yes"));
		} else if (k == RK_KEY_SERVER_COUNT) {
			rk_set_int(d, doc, t->name, rk_settings_servers(s));
		} else {
			rk_set_str(d, doc, t->name, v);
		}
	}
	derived = rk_map_at(d, doc, "derived", NULL);
	rk_set_str(d, derived, "url", rk_doc_printf(d, "https://%s", rk_settings_primary(s)));
	rk_set_str(d, derived, "expose",
		rk_setting_is(s, RK_KEY_K3K_API_HOSTNAME) ? "ingress" : "nodePort");
	rk_set_bool(d, derived, "ha", rk_settings_servers(s) > 1);
	rk_set_str(d, derived, "tlsSourceSecret", rk_settings_tls_source_secret(s));
	for (size_t i = 0; i < RK_COUNT(charts); i++) {
		struct rk_val *c = rk_map_at(d, derived, "charts", charts[i].name, NULL);
		const char *repo = rk_setting(s, charts[i].repo);
		bool private = rk_settings_private_host(s, repo), oci = rk_repo_is_oci(repo);
		rk_auto_free char *host = rk_repo_host(repo);

		rk_set_str(d, c, "repo", repo);
		rk_set_str(d, c, "chart", oci ? repo : charts[i].name);
		rk_set_str(d, c, "version", rk_setting(s, charts[i].repo + 1));
		rk_set_str(d, c, "host", host ? host : "");
		rk_set_bool(d, c, "oci", oci);
		rk_set_bool(d, c, "credentials", rk_settings_has_login(s, repo));
		rk_set_bool(d, c, "ca", private && rk_setting_is(s, RK_KEY_PRIVATE_CA_PATH));
	}
	return 0;
}

/* --- back --- */

static int take_secret(
	struct rk_settings *s, enum rk_key k, const struct rk_val *v, struct rk_err *err)
{
	const char *at[3] = {NULL};
	static const char *const names[] = {"file", "key", "env"};

	if (v->kind != RK_MAP) {
		rk_err_set(err, RK_FAIL, "%s: a document holds no secrets", v->key);
		return rk_err_hint(err, "refer to it: {\"file\": PATH, \"key\": \"%s\"}", v->key);
	}
	for (size_t i = 0; i < RK_COUNT(names); i++) {
		if (rk_want_str(v, &at[i], err, names[i], NULL) < 0)
			return -1;
		at[i] = at[i] ? rk_doc_strndup(s->d, at[i], strlen(at[i])) : NULL;
	}
	if (!at[0] == !at[2])
		return rk_err_set(err, RK_FAIL, "%s: expected file or env", v->key);
	s->v[k] = (struct rk_settings_value){NULL, RK_FROM_FILE, at[0], at[1], at[2]};
	return 0;
}

static int take_value(struct rk_settings *s, const struct rk_val *v, struct rk_err *err)
{
	rk_auto_buf list = RK_BUF_INIT;
	const char *text = rk_str_loose(v);
	enum rk_key k;

	if (rk_setting_named(v->key, &k, err) < 0)
		return rk_err_wrap(err, "configuration document");
	if (v->kind == RK_NULL)
		return 0;
	if (is_secret(k))
		return take_secret(s, k, v, err);
	if (v->kind == RK_SEQ && is_list(k)) {
		rk_each (item, v) {
			if (!rk_str(item) || strchr(rk_str(item), ','))
				return rk_err_set(
					err, RK_FAIL, "%s: expected a list of names", v->key);
			rk_buf_addf(&list, "%s%s", list.len ? "," : "", rk_str(item));
		}
		text = list.s;
	}
	if (!text)
		return rk_err_set(err, RK_FAIL, "%s: expected %s", v->key,
			is_list(k) ? "a list" : "a single value");
	rk_settings_put(s, k, text, RK_FROM_FILE);
	return 0;
}

int rk_settings_take_doc(struct rk_settings *s, const struct rk_val *doc, struct rk_err *err)
{
	if (!doc || doc->kind != RK_MAP || !rk_streq(rk_get_str(doc, "kind", NULL), KIND)) {
		rk_err_set(err, RK_FAIL, "not a configuration document");
		return rk_err_hint(
			err, "`kubectl rk3k config` writes one; deploy.conf is KEY=value lines");
	}
	if (!rk_streq(rk_get_str(doc, "apiVersion", NULL), API_VERSION))
		return rk_err_set(
			err, RK_FAIL, "the configuration document is not %s", API_VERSION);
	rk_each (v, doc)
		if (!rk_listed("apiVersion,kind,derived", v->key) && take_value(s, v, err) < 0)
			return -1;
	return 0;
}
