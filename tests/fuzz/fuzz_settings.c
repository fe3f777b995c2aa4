// SPDX-License-Identifier: Apache-2.0
/* A configuration file of any bytes: no crash, a bounded number of messages, no secret in them, and
 * a secret that was read is read back the same from the file that carries it on. */
#include "chartrepo.h"
#include "registries.h"
#include "settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Files are left out: fuzzed paths are none of our business. */
static void check_all(struct rk_settings *s, struct rk_problems *p)
{
	for (int k = 0; k < RK_KEY_COUNT; k++)
		if (rk_settings_table[k].kind != RK_SET_FILE)
			rk_setting_check(s, (enum rk_key)k, p);
}

static void carry_on(const char *secret)
{
	rk_auto_settings *a = rk_settings_new(), *b = rk_settings_new();
	rk_auto_buf text = RK_BUF_INIT_SECRET;
	rk_auto_problems p = {0};

	rk_settings_put(a, RK_KEY_HELM_REPO_PASS, secret, RK_FROM_PROMPT);
	rk_settings_secrets(a, &text);
	rk_settings_parse(b, text.s, text.len, "secrets", &p);
	if (*secret && (p.n || !rk_streq(rk_setting(b, RK_KEY_HELM_REPO_PASS), secret)))
		abort();
}

static void no_secret(const struct rk_problems *p, const char *secret)
{
	if (!secret || strlen(secret) < 12)
		return;
	for (size_t i = 0; i < p->n; i++)
		if (strstr(p->v[i].text, secret))
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	rk_auto_settings *s = rk_settings_new();
	rk_auto_doc *d = rk_doc_new(false);
	rk_auto_problems p = {0};
	rk_auto_free char *line = rk_strndup((const char *)data, size);
	struct rk_strv mirrors = {0};
	const char *secret;
	char realm[64];

	rk_settings_parse(s, (const char *)data, size, "fuzz", &p);
	if (p.n > 201)
		abort();
	secret = rk_setting(s, RK_KEY_BOOTSTRAP_PW);
	no_secret(&p, secret);
	if (secret)
		carry_on(secret);
	check_all(s, &p);
	if (rk_mirrors_parse(d, (const char *)data, size, "fuzz", &mirrors, NULL) == 0)
		for (size_t i = 0; i < mirrors.n; i++)
			if (strpbrk(mirrors.v[i], "/\" \t\n\\"))
				abort();
	rk_strv_release(&mirrors);
	if (rk_challenge_param(line, "realm", realm, sizeof(realm)) &&
		strlen(realm) >= sizeof(realm))
		abort();
	return 0;
}
