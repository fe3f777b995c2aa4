// SPDX-License-Identifier: Apache-2.0
/* same - whether two entries mean the same cluster, and the same identity. */
#include "tool.h"

#include "tls/tls.h"
#include "os/os.h"

/* Whose certificate k3k keeps in the Secret. */
#define ADMIN "CN=system:admin,O=system:masters"

/* KEY-data, else the file KEY; out is empty when there is neither, or it cannot be read. path: the
 * kubeconfig that the file's name belongs to, or NULL. */
static void read_pem(
	const struct rk_val *map, const char *key, const char *path, struct rk_buf *out)
{
	rk_auto_free char *data_key = rk_asprintf("%s-data", key);
	const char *data = rk_get_str(map, data_key, NULL), *file = rk_get_str(map, key, NULL);
	const char *slash = path ? strrchr(path, '/') : NULL;
	rk_auto_free char *dir = slash ? rk_strndup(path, (size_t)(slash - path)) : NULL;
	rk_auto_free char *full = file ? rk_path_resolve(file, dir) : NULL;
	bool inline_data = data && *data;

	if (inline_data ? rk_base64_decode(out, data, strlen(data), NULL) < 0
			: full && rk_file_read(full, 1 << 20, out, NULL) < 0)
		rk_buf_reset(out);
}

bool kcfg_same_cluster(const struct rk_val *a, const struct rk_val *b)
{
	rk_auto_buf x = RK_BUF_INIT, y = RK_BUF_INIT;
	struct rk_kc_note m, n;

	if (rk_kc_note(a, &m) && rk_kc_note(b, &n) && rk_kc_note_same(&m, &n))
		return true;
	if (rk_kubeconfig_same_url(rk_get_str(a, "server", NULL), rk_get_str(b, "server", NULL)))
		return true;
	read_pem(a, "certificate-authority", NULL, &x);
	read_pem(b, "certificate-authority", NULL, &y);
	return x.len && rk_kubeconfig_same_ca(x.s, x.len, y.s, y.len);
}

static void add_cert(struct rk_buf *out, const struct rk_val *user, const char *path)
{
	const char *subject = "a client certificate that cannot be read";
	rk_auto_buf pem = RK_BUF_INIT;
	rk_auto_cert *cert = NULL;

	read_pem(user, "client-certificate", path, &pem);
	if (rk_cert_parse(&cert, pem.s, pem.len, NULL) == 0)
		subject = cert->subject;
	/* the order of the two is that of the program that signed it */
	rk_buf_puts(out, rk_streq(subject, "O=system:masters,CN=system:admin") ? ADMIN : subject);
}

/* A service account's token names its subject, and is renewed; of any other only a hash tells whether
 * it is the same. */
static void add_token(struct rk_buf *out, const char *token)
{
	rk_auto_doc *d = rk_doc_new(true);
	const char *sub = rk_get_str(rk_kubeconfig_claims(d, token), "sub", NULL);
	char hash[65];

	rk_sha256_hex(token, strlen(token), hash);
	if (sub)
		rk_buf_addf(out, "token of %s", sub);
	else
		rk_buf_addf(out, "token with hash %.8s", hash);
}

/* Our own plugin gives the certificate that the entry without a plugin has. */
static void add_exec(struct rk_buf *out, const struct rk_val *exec)
{
	const char *command = rk_get_str(exec, "command", NULL);
	const struct rk_val *args = rk_get(exec, "args", NULL);
	rk_auto_buf json = RK_BUF_INIT;
	char hash[65];

	if (command && (rk_streq(command, "kubectl-rk3k") || rk_suffix(command, "/kubectl-rk3k")) &&
		rk_streq(rk_str(rk_at(args, 0)), "credential")) {
		rk_buf_puts(out, ADMIN);
		return;
	}
	rk_json_write(exec, RK_JSON_COMPACT, &json);
	rk_sha256_hex(json.s, json.len, hash);
	rk_buf_addf(out, "plugin %s with hash %.8s", command ? command : "", hash);
}

char *kcfg_identity_of(const struct rk_val *user, const char *path)
{
	static const char *const as[] = {"as", "as-uid", "as-groups", "as-user-extra"};
	const char *token = rk_get_str(user, "token", NULL);
	const char *file = rk_get_str(user, "tokenFile", NULL);
	const char *name = rk_get_str(user, "username", NULL);
	const struct rk_val *exec = rk_get(user, "exec", NULL);
	const struct rk_val *provider = rk_get(user, "auth-provider", NULL);
	rk_auto_buf out = RK_BUF_INIT;

	if (rk_get(user, "client-certificate-data", NULL) ||
		rk_get(user, "client-certificate", NULL))
		add_cert(&out, user, path);
	else if (file && *file)
		rk_buf_addf(&out, "token file %s", file);
	else if (token && *token)
		add_token(&out, token);
	else if (name && *name)
		rk_buf_addf(&out, "user %s", name);
	else if (exec && exec->kind == RK_MAP)
		add_exec(&out, exec);
	else if (provider && provider->kind == RK_MAP)
		rk_buf_addf(&out, "auth-provider %s", rk_get_str(provider, "name", NULL));
	for (size_t i = 0; i < RK_COUNT(as); i++) {
		const struct rk_val *v = rk_get(user, as[i], NULL);

		if (!v || v->kind == RK_NULL)
			continue;
		rk_buf_addf(&out, ", %s ", as[i]);
		rk_json_write(v, RK_JSON_COMPACT, &out);
	}
	return out.len ? rk_buf_detach(&out) : NULL;
}
