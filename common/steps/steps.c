// SPDX-License-Identifier: Apache-2.0
/* The table of steps, and what the builders of objects share. */
#include "internal.h"

#include <stdarg.h>

#include "os/os.h"

static bool by_ingress(const struct rk_settings *s)
{
	return is(s, RK_KEY_K3K_API_HOSTNAME);
}

static bool by_acme(const struct rk_settings *s)
{
	return rk_streq(str(s, RK_KEY_TLS_SOURCE), "letsEncrypt");
}

#define HOST	    false
#define VIRTUAL	    true
#define NO_KEY	    RK_KEY_COUNT
#define AWAIT(x)    RK_AWAIT_##x
#define NOT_AWAITED RK_AWAIT_NOTHING, NULL, 0, 0, NULL

const struct rk_step rk_steps[] = {
	{"controller", HOST, "k3k controller", RK_KEY_K3K_VERSION, "install the k3k controller",
		NULL, NULL, AWAIT(CONTROLLER), "the k3k controller runs", 240, 0, NULL},
	{"clusters", HOST, NULL, NO_KEY, NULL, NULL, NULL, AWAIT(CLUSTERS),
		"the servers of all virtual clusters run as the current k3k controller has set "
		"them "
		"up; those that never ran are not waited for",
		660, 0, NULL},
	{"namespace", HOST, "namespace", RK_KEY_NAMESPACE, "create the virtual cluster's namespace",
		NULL, step_namespace, NOT_AWAITED},
	{"registry", HOST, "registry settings", NO_KEY, "apply the servers' registry settings",
		step_has_registry, step_registry, NOT_AWAITED},
	{"passthrough", HOST, "SSL passthrough", NO_KEY,
		"enable SSL passthrough in the host cluster's ingress controller", by_ingress, NULL,
		NOT_AWAITED},
	{"teardown", HOST, NULL, NO_KEY, NULL, NULL, NULL, AWAIT(TEARDOWN),
		"nothing is left of a virtual cluster that is being deleted; one that is not is "
		"refused",
		300, 0, NULL},
	{"cluster", HOST, "virtual cluster\tusually 1 to 3 min", NO_KEY,
		"create the virtual cluster", NULL, step_cluster, AWAIT(CLUSTER),
		"the virtual cluster is Ready, its servers run, its API answers and takes charts",
		360, 660, ha},
	{"pdb", HOST, "disruption budget", NO_KEY, "keep the quorum of the servers during drains",
		ha, step_pdb, NOT_AWAITED},
	{"bootstrap", VIRTUAL, "bootstrap password", NO_KEY,
		"create Rancher's namespace and first password", NULL, step_bootstrap, NOT_AWAITED},
	{"chart-auth", VIRTUAL, "chart credentials", NO_KEY,
		"apply credentials and CA of private chart hosts", step_has_chart_auth,
		step_chart_auth, NOT_AWAITED},
	{"cert-manager", VIRTUAL, "cert-manager", NO_KEY, "install cert-manager", NULL,
		step_cert_manager, AWAIT(CERT_MANAGER), "cert-manager is installed and runs", 900,
		0, NULL},
	{"issuer", VIRTUAL, "certificate issuer", NO_KEY,
		"apply your CA or certificate for Rancher", step_has_secret_tls, step_issuer,
		AWAIT(ISSUER), "the CA issuer is ready", 120, 0, NULL},
	{"rancher", VIRTUAL, "Rancher", RK_KEY_RANCHER_VERSION, "install Rancher", NULL,
		step_rancher, AWAIT(RANCHER), "Rancher is installed and runs", 1050, 0, NULL},
	{"rancher-ha", VIRTUAL, "Rancher's replicas", NO_KEY, "keep Rancher serving during drains",
		ha, step_rancher_ha, NOT_AWAITED},
	{"fqdn", VIRTUAL, "further host names", NO_KEY, "serve the further host names of Rancher",
		step_has_more_hosts, step_fqdn, NOT_AWAITED},
	{"certificate", VIRTUAL, NULL, NO_KEY, NULL, NULL, NULL, AWAIT(CERTIFICATE),
		"Rancher's certificate has been issued", 180, 600, by_acme},
	{"cert-sync", HOST, "certificate", NO_KEY, "copy Rancher's certificate to the host cluster",
		NULL, NULL, NOT_AWAITED},
	{"ingress", HOST, "host ingress", NO_KEY, "apply the host cluster's Service and Ingress",
		NULL, step_ingress, NOT_AWAITED},
	{"kubeconfig", HOST, "kubeconfig entry", NO_KEY,
		"add the virtual cluster to your kubeconfig", NULL, NULL, NOT_AWAITED},
	{"url", HOST, "https://", RK_KEY_HOSTNAME, "check that Rancher answers", NULL, NULL,
		AWAIT(URL),
		"https://HOST/ping answers under a verified certificate, for every host name", 300,
		0, NULL},
	{.name = NULL},
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

int64_t rk_step_limit_ms(const struct rk_step *step, const struct rk_settings *s)
{
	bool slow = step->is_slow && step->is_slow(s);

	return (slow ? step->slow_limit_s : step->limit_s) * INT64_C(1000);
}

static bool is_in(enum rk_step_set set, const struct rk_step *step)
{
	return set == RK_STEPS_DEPLOY	 ? step->title != NULL
	       : set == RK_STEPS_OBJECTS ? step->build != NULL
					 : step->await != RK_AWAIT_NOTHING;
}

void rk_step_names(enum rk_step_set set, const char *sep, struct rk_buf *out)
{
	size_t before = out->len;

	for (const struct rk_step *step = rk_steps; step->name; step++)
		if (is_in(set, step))
			rk_buf_addf(out, "%s%s", out->len > before ? sep : "", step->name);
}

int rk_step_unknown(enum rk_step_set set, const char *name, const char *more, struct rk_err *err)
{
	const char *known[RK_COUNT(rk_steps)] = {NULL}, *near;
	rk_auto_buf names = RK_BUF_INIT;
	size_t n = 0;

	for (const struct rk_step *step = rk_steps; step->name; step++)
		if (is_in(set, step))
			known[n++] = step->name;
	near = rk_nearest(name, known);
	rk_err_set(err, RK_USAGE, "unknown step \"%.64s\"", name);
	if (near)
		return rk_err_hint(err, "did you mean %s?", near);
	rk_step_names(set, ", ", &names);
	return rk_err_hint(err, "the steps are %s%s", names.s, more);
}

int rk_step_objects(struct rk_doc *d, const struct rk_settings *s, const struct rk_step *step,
	struct rk_val **out, struct rk_err *err)
{
	struct rk_step_build b = {.d = d, .s = s, .out = rk_seq(d), .err = err};

	*out = b.out;
	if (!rk_step_applies(step, s))
		return rk_err_set(
			err, RK_NOTFOUND, "these settings do not need the step %s", step->name);
	return step->build(&b) ? 0 : rk_err_wrap(err, "step %s", step->name);
}

/* --- filling skeletons --- */

static void drop_nulls(struct rk_val *v)
{
	for (struct rk_val *it = v->child, *next; it; it = next) {
		next = it->next;
		drop_nulls(it);
		if (it->kind == RK_NULL)
			rk_remove(it);
	}
}

struct rk_val *step_fill(struct rk_step_build *b, const char *manifest, ...)
{
	struct rk_val *params = rk_map(b->d), *docs, *last = NULL;
	const char *key;
	va_list ap;

	rk_set_str(b->d, params, "cluster", rk_settings_cluster(b->s));
	va_start(ap, manifest);
	while ((key = va_arg(ap, const char *))) {
		const char *name = key + (*key == '#' || *key == '@');
		struct rk_val *v = NULL;
		const char *text;

		if (*key == '#')
			v = rk_number(b->d, va_arg(ap, int64_t));
		else if (*key == '@')
			v = va_arg(ap, struct rk_val *);
		else if ((text = va_arg(ap, const char *)))
			v = rk_string(b->d, text);
		rk_set(b->d, params, name, v ? v : rk_null(b->d));
	}
	va_end(ap);
	if (rk_manifest(b->d, manifest, params, &docs, b->err) < 0)
		return NULL;
	drop_nulls(docs);
	while (docs->child) {
		last = docs->child;
		rk_remove(last);
		rk_append(b->out, last);
	}
	return last;
}

struct rk_val *step_secret(
	struct rk_step_build *b, const char *ns, const char *name, const char *type, ...)
{
	struct rk_val *data = rk_map(b->d);
	const char *key;
	va_list ap;

	va_start(ap, type);
	while ((key = va_arg(ap, const char *))) {
		const char *text = va_arg(ap, const char *);

		rk_set(b->d, data, key, rk_val_base64(b->d, text, strlen(text)));
	}
	va_end(ap);
	return step_fill(
		b, "secret", "namespace", ns, "name", name, "type", type, "@data", data, NULL);
}

bool step_create_only(struct rk_step_build *b, struct rk_val *obj)
{
	if (obj)
		rk_set_str(b->d, rk_map_at(b->d, obj, "metadata", "annotations", NULL),
			"rk3k.io/create-only", "true");
	return obj;
}

struct rk_val *step_list(struct rk_step_build *b, enum rk_key k)
{
	struct rk_val *list = rk_seq(b->d);
	size_t n;

	rk_each_item (item, n, str(b->s, k), ",")
		rk_append(list, rk_stringn(b->d, item, n));
	return list->count ? list : NULL;
}

int step_read_pem(
	const struct rk_settings *s, enum rk_key k, struct rk_buf *out, struct rk_err *err)
{
	if (rk_setting_pem(k, str(s, k), out, err) < 0)
		return rk_err_wrap(err, "%s", rk_settings_table[k].name);
	return 0;
}
