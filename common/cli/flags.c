// SPDX-License-Identifier: Apache-2.0
/* The tables every tool shares, and a tool's tables laid out flat. */
#include "internal.h"

#undef OPT_STRUCT
#define OPT_STRUCT struct rk_kube_flags
const struct rk_opt rk_opts_kube[] = {
	OPT_STR("kubeconfig", kubeconfig, "FILE",
		"use this kubeconfig instead of $KUBECONFIG or ~/.kube/config", .complete = "file"),
	OPT_STR("context", context, "NAME", "context of the kubeconfig to use",
		.complete = "context", .env = "RK3K_CONTEXT"),
	OPT_STR("cluster", cluster, "NAME", "cluster of the kubeconfig to use"),
	OPT_STR("user", user, "NAME", "user of the kubeconfig to use"),
	OPT_STR("namespace", ns, "NAME", "namespace to work in", .key = 'n',
		.complete = "namespace", .names = RK_NAMES_NAMESPACE),
	OPT_STR("server", server, "URL", "address of the API server", .key = 's',
		.env = "RK3K_SERVER"),
	OPT_STR("tls-server-name", tls_server_name, "NAME",
		"expected name in the server's certificate", .env = "RK3K_TLS_SERVER_NAME"),
	OPT_STR("certificate-authority", certificate_authority, "FILE", "CA certificates to trust",
		.complete = "file", .env = "RK3K_CERTIFICATE_AUTHORITY"),
	OPT_STR("client-certificate", client_certificate, "FILE", "client certificate",
		.complete = "file"),
	OPT_STR("client-key", client_key, "FILE", "key of the client certificate",
		.complete = "file"),
	OPT_STR("token-file", token_file, "FILE", "file that holds a bearer token",
		.complete = "file", .env = "RK3K_TOKEN_FILE"),
	OPT_STR("as", as, "USER", "user to impersonate", .env = "RK3K_AS"),
	OPT_STR("as-uid", as_uid, "UID", "UID to impersonate"),
	OPT_CSV("as-group", as_groups, "GROUP", "group to impersonate; repeatable",
		.env = "RK3K_AS_GROUP"),
	OPT_STR("resolve", resolve, "HOST:PORT:ADDRESS",
		"connect to ADDRESS for HOST:PORT; separate several with blanks",
		.env = "RK3K_RESOLVE"),
	OPT_SECS("request-timeout", request_timeout_ms,
		"longest time for one request; a bare number is seconds, 0 means unlimited",
		.env = "RK3K_REQUEST_TIMEOUT"),
	OPT_END,
};

const struct rk_opt rk_opts_virtual[] = {
	OPT_STR("virtual", virtual_cluster, "[NS/]NAME", "connect to this virtual cluster",
		.complete = "cluster", .names = RK_NAMES_REF),
	OPT_END,
};

#undef OPT_STRUCT
#define OPT_STRUCT struct rk_out_flags
const struct rk_opt rk_opts_out[] = {
	{"output", 'o', RK_OPT_OUTPUT, 0, "FORMAT", "output format",
		.choices = "table|wide|json|yaml|name"},
	OPT_FLAG("no-headers", no_headers, "leave out the table's header line"),
	OPT_END,
};

#undef OPT_STRUCT
#define OPT_STRUCT struct rk_common
static const struct rk_opt common_opts[] = {
	OPT_FLAG("help", help, "show this help", .key = 'h'),
	OPT_FLAG("version", version, "show the version"),
	OPT_COUNT("verbose", verbosity, "LEVEL", "print more on stderr; repeatable, or -v=LEVEL",
		.key = 'v'),
	OPT_FLAG("quiet", quiet, "no progress and no hints on stderr", .key = 'q'),
	OPT_ENUM("color", color, "auto|always|never", "colour on stderr; auto obeys NO_COLOR"),
	OPT_END,
};

static void add_table(struct rk_flags *f, const struct rk_opt *t, char *base, const char *heading)
{
	for (; t->name; t++) {
		char *p = base ? base + t->off : NULL;
		bool hidden = false; /* the tool uses this name for another flag */

		if (t->kind == RK_OPT_GROUP) {
			add_table(f, t->sub, p, t->help);
			continue;
		}
		for (size_t i = 0; i < f->n; i++)
			hidden = hidden || rk_streq(f->v[i].opt->name, t->name);
		f->v = rk_realloc(f->v, (f->all + 1) * sizeof(*f->v));
		if (!hidden)
			f->v[f->all] = f->v[f->n];
		f->v[hidden ? f->all : f->n++] =
			(struct rk_flag){.opt = t, .p = p, .heading = heading};
		f->all++;
	}
}

void rk_flags_init(struct rk_flags *f, const struct rk_verb *verb, void *opts, struct rk_common *c)
{
	*f = (struct rk_flags){0};
	if (verb && verb->opts)
		add_table(f, verb->opts, opts, NULL);
	add_table(f, common_opts, (char *)c, "Common flags");
}
