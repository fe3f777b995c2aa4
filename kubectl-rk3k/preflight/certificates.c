// SPDX-License-Identifier: Apache-2.0
/* certificates - the files of certificates and keys that the settings name. */
#include "tool.h"

#include "tls/tls.h"
#include "steps/steps.h"

static bool pem(struct flight *f, enum rk_key k, struct rk_buf *out)
{
	struct rk_err err = RK_ERR_INIT;

	if (rk_setting_pem(k, pf_str(f, k), out, &err) == 0)
		return true;
	pf_row_err(f, rk_settings_table[k].name, &err);
	return false;
}

/* The certificate in the file of a key, with a row when it expires. */
static struct rk_cert *cert_of(struct flight *f, enum rk_key k, struct rk_buf *text)
{
	const char *name = rk_settings_table[k].name;
	struct rk_err err = RK_ERR_INIT;
	struct rk_cert *c = NULL;
	int64_t end;
	char when[32];

	if (!pem(f, k, text))
		return NULL;
	if (rk_cert_parse(&c, text->s, text->len, &err) < 0) {
		pf_row(f, STOP, "%s: %s", name, err.msg);
		return NULL;
	}
	end = c->not_after;
	rk_time_format(end, when);
	if (end < time(NULL) + 30 * 86400)
		pf_row(f, end < time(NULL) ? STOP : WARN, "%s: %s on %s", name,
			end < time(NULL) ? "expired" : "expires", when);
	return c;
}

/* Whether a chain of c, as Go builds it, ends at an anchor of a key; with a row if not. */
static bool leads_to(struct flight *f, const struct rk_cert *c, enum rk_key k, const char *what)
{
	rk_auto_buf text = RK_BUF_INIT;
	rk_auto_cert *anchor = cert_of(f, k, &text);
	struct rk_err err = RK_ERR_INIT;

	if (!anchor)
		return false;
	if (rk_cert_verify(c, text.s, text.len, NULL, &err) < 0) {
		if (!*err.hint)
			rk_err_hint(&err,
				"append the certificate of the CA that issued it to the file, or "
				"name that CA");
		pf_row_err(f, what, &err);
		return false;
	}
	/* Go takes an intermediate as an anchor; OpenSSL, GnuTLS and others look for its root */
	if (!anchor->has_root)
		pf_row(f, WARN,
			"%s: no root CA in it, only %s: agents accept that, other programs may "
			"not; append its root",
			rk_settings_table[k].name, anchor->subject);
	return true;
}

static void check_ca_pair(struct flight *f)
{
	rk_auto_buf ca = RK_BUF_INIT, key = RK_BUF_INIT_SECRET;
	struct rk_err err = RK_ERR_INIT;
	rk_auto_cert *c = cert_of(f, RK_KEY_CA_CERT_PATH, &ca);

	if (!c || !pem(f, RK_KEY_CA_KEY_PATH, &key))
		return;
	if (!c->is_ca)
		pf_row(f, STOP, "CA_CERT_PATH: %s is not a CA certificate", c->subject);
	else if (rk_cert_check_key(c, key.s, key.len, &err) < 0)
		pf_row_err(f, "CA_KEY_PATH", &err);
	else if (rk_cert_check_kind(c, &err) < 0)
		pf_row_err(f, "CA_CERT_PATH", &err);
	else if (leads_to(f, c, rk_steps_anchor(f->s),
			 "CA_ROOT_PATH: agents could not verify what CA_CERT_PATH signs"))
		pf_row(f, OK, "%s signs Rancher's certificate", c->subject);
}

static void check_leaf(struct flight *f)
{
	rk_auto_buf crt = RK_BUF_INIT, key = RK_BUF_INIT_SECRET;
	rk_auto_cert *c = cert_of(f, RK_KEY_TLS_CERT_PATH, &crt);
	rk_auto_free char *weak = c ? rk_cert_weakness(c) : NULL;
	enum rk_key anchor = rk_steps_anchor(f->s);
	rk_auto_strv hosts = {0};
	struct rk_err err = RK_ERR_INIT;
	bool trusted;

	if (!c || !pem(f, RK_KEY_TLS_KEY_PATH, &key))
		return;
	rk_settings_hosts(f->s, &hosts);
	if (rk_cert_check(c, key.s, key.len, hosts.v, hosts.n, 0, &err) < 0) {
		pf_row_err(f, "TLS_CERT_PATH", &err);
		return;
	}
	if (weak)
		pf_row(f, WARN, "TLS_CERT_PATH: %s", weak);

	/* Rancher shows agents the CA of the settings; without one they know the system's alone. */
	trusted = anchor == RK_KEY_COUNT && rk_cert_verify(c, NULL, 0, NULL, &err) == 0;
	if (anchor == RK_KEY_COUNT && *pf_str(f, RK_KEY_PRIVATE_CA_PATH))
		anchor = RK_KEY_PRIVATE_CA_PATH;
	if (!trusted && anchor != RK_KEY_COUNT)
		trusted = leads_to(f, c, anchor,
			rk_doc_printf(f->d, "%s does not verify TLS_CERT_PATH",
				rk_settings_table[anchor].name));
	else if (!trusted) {
		rk_err_hint(&err,
			"Rancher's agents need its CA: set PRIVATE_CA_PATH or CA_ROOT_PATH, and "
			"append intermediate certificates to TLS_CERT_PATH");
		pf_row_err(f, "TLS_CERT_PATH", &err);
	}
	if (trusted)
		pf_row(f, OK, "TLS_CERT_PATH fits its key and covers every name");
}

void pf_check_certificates(struct flight *f)
{
	rk_auto_buf text = RK_BUF_INIT;
	rk_auto_cert *ca = NULL;

	if (*pf_str(f, RK_KEY_PRIVATE_CA_PATH)) {
		ca = cert_of(f, RK_KEY_PRIVATE_CA_PATH, &text);
		if (ca && !ca->is_ca)
			pf_row(f, WARN, "PRIVATE_CA_PATH: %s is not a CA certificate", ca->subject);
	}
	if (*pf_str(f, RK_KEY_CA_CERT_PATH))
		check_ca_pair(f);
	else if (*pf_str(f, RK_KEY_TLS_CERT_PATH))
		check_leaf(f);
	else
		pf_row(f, OK, "Rancher's comes from %s", pf_str(f, RK_KEY_TLS_SOURCE));
}
