// SPDX-License-Identifier: Apache-2.0
/* The table of steps, and the skeletons they fill. */
#include "internal.h"

#include <stdarg.h>

#include "os/os.h"

/* --- filling skeletons --- */

/* Parameters as pairs of strings; ${cluster} is among them always. */
struct rk_val *step_params(struct rk_doc *d, const struct rk_settings *s, ...)
{
	struct rk_val *p = rk_map(d);
	const char *key;
	va_list ap;

	rk_set_str(d, p, "cluster", rk_settings_cluster(s));
	va_start(ap, s);
	while ((key = va_arg(ap, const char *)))
		rk_set_str(d, p, key, va_arg(ap, const char *));
	va_end(ap);
	return p;
}

/* Fill a skeleton, move its objects to out; *last is the last of them. */
int step_fill(struct rk_doc *d, const char *manifest, const struct rk_val *p, struct rk_val *out,
	struct rk_val **last, struct rk_err *err)
{
	struct rk_val *docs;

	*last = NULL;
	if (rk_manifest(d, manifest, p, &docs, err) < 0)
		return -1;
	while (docs->child) {
		*last = docs->child;
		rk_remove(*last);
		rk_append(out, *last);
	}
	return 0;
}

int step_put_namespace(struct rk_doc *d, const struct rk_settings *s, const char *name,
	struct rk_val *out, struct rk_err *err)
{
	struct rk_val *obj;

	return step_fill(d, "namespace", step_params(d, s, "name", name, NULL), out, &obj, err);
}

void step_create_only(struct rk_doc *d, struct rk_val *obj)
{
	struct rk_val *notes = rk_map_at(d, obj, "metadata", "annotations", NULL);

	rk_set_str(d, notes, "rk3k.io/create-only", "true");
}

/* A Secret; data is a map for the caller to fill. */
int step_put_secret(struct rk_doc *d, const struct rk_settings *s, const char *ns, const char *name,
	const char *type, struct rk_val *out, struct rk_val **data, struct rk_err *err)
{
	struct rk_val *obj;

	if (step_fill(d, "secret",
		    step_params(d, s, "namespace", ns, "name", name, "type", type, NULL), out, &obj,
		    err) < 0)
		return -1;
	*data = rk_map_at(d, obj, "data", NULL);
	return 0;
}

void step_put_data(struct rk_doc *d, struct rk_val *data, const char *key, const struct rk_buf *b)
{
	rk_set(d, data, key, rk_val_base64(d, b->s, b->len));
}

int step_read_pem(
	const struct rk_settings *s, enum rk_key k, struct rk_buf *out, struct rk_err *err)
{
	if (rk_setting_pem(k, str(s, k), out, err) < 0)
		return rk_err_wrap(err, "%s", rk_settings_table[k].name);
	return 0;
}

/* --- the table --- */

static bool by_ingress(const struct rk_settings *s)
{
	return is(s, RK_KEY_K3K_API_HOSTNAME);
}

const struct rk_step rk_steps[] = {
	{"namespace", false, "the virtual cluster's namespace", NULL, step_namespace},
	{"registry", false, "private registry for the servers", step_has_registry, step_registry},
	{"passthrough", false, "TLS passthrough in the host's ingress controller", by_ingress,
		NULL},
	{"cluster", false, "the virtual cluster", NULL, step_cluster},
	{"pdb", false, "quorum of the servers during drains", ha, step_pdb},
	{"bootstrap", true, "Rancher's namespace and first password", NULL, step_bootstrap},
	{"chart-auth", true, "credentials and CA of private chart hosts", step_has_chart_auth,
		step_chart_auth},
	{"cert-manager", true, "cert-manager's chart", NULL, step_cert_manager},
	{"issuer", true, "your CA or certificate for Rancher", step_has_secret_tls, step_issuer},
	{"rancher", true, "Rancher's chart", NULL, step_rancher},
	{"rancher-ha", true, "Rancher's pods during drains", ha, step_rancher_ha},
	{"fqdn", true, "further names of Rancher", step_several_hosts, step_fqdn},
	{"ingress", false, "the host's Service and Ingress", NULL, step_ingress},
	{0},
};

const struct rk_step *rk_step_find(const char *name)
{
	for (const struct rk_step *step = rk_steps; step->name; step++)
		if (rk_streq(step->name, name))
			return step;
	return NULL;
}

bool rk_step_applies(const struct rk_step *step, const struct rk_settings *s)
{
	return !step->applies || step->applies(s);
}

int rk_step_objects(struct rk_doc *d, const struct rk_settings *s, const struct rk_step *step,
	struct rk_val **out, struct rk_err *err)
{
	if (!rk_step_applies(step, s))
		return rk_err_set(err, RK_NOTFOUND, "step %s has nothing to do with these settings",
			step->name);
	if (!step->build)
		return rk_err_set(err, RK_USAGE, "step %s is a separate tool", step->name);
	*out = rk_seq(d);
	if (step->build(d, s, *out, err) < 0)
		return rk_err_wrap(err, "step %s", step->name);
	return 0;
}

void rk_step_mask_secret(struct rk_doc *d, struct rk_val *obj)
{
	static const char *const members[] = {"data", "stringData"};

	if (!rk_streq(rk_get_str(obj, "kind", NULL), "Secret"))
		return;
	for (size_t i = 0; i < RK_COUNT(members); i++) {
		struct rk_val *hidden = rk_map(d);
		const struct rk_val *data = rk_get(obj, members[i], NULL);

		rk_each (v, data)
			rk_set_str(d, hidden, v->key, "(hidden)");
		if (data)
			rk_set(d, obj, members[i], hidden);
	}
}
