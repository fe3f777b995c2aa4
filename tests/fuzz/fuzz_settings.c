// SPDX-License-Identifier: Apache-2.0
/* A configuration of any bytes, as a file and as a document: no crash, a bounded number of messages,
 * no secret in them; a secret that was read is read back the same from the file that carries it on,
 * and a document that is loaded and written loads as the same. */
#include "registry/registry.h"
#include "settings/internal.h"
#include "must.h"

#define SECRET "Qz7-never-said"

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
	MUST(!*secret || (!p.n && rk_streq(rk_setting(b, RK_KEY_HELM_REPO_PASS), secret)));
}

/* The text as what follows the first letters of a secret. */
static void no_secret(const char *text, size_t n)
{
	static const char *const starts[] = {
		"BOOTSTRAP_PW='" SECRET, "BOOTSTRAP_PW=\"" SECRET, "export HELM_REPO_PASS=" SECRET};

	for (size_t k = 0; k < RK_COUNT(starts) && !memmem(text, n, SECRET, 4); k++) {
		rk_auto_settings *s = rk_settings_new();
		rk_auto_buf whole = RK_BUF_INIT;
		rk_auto_problems p = {0};

		rk_buf_puts(&whole, starts[k]);
		rk_buf_put(&whole, text, n);
		rk_settings_parse(s, whole.s, whole.len, "fuzz", &p);
		check_all(s, &p);
		for (size_t i = 0; i < p.n; i++)
			MUST(!strstr(p.v[i].text, "Qz7-"));
	}
}

/* Whether it names files, or a secret in one: those are left out. */
static bool has_files(const struct rk_val *doc)
{
	for (int k = 0; k < RK_KEY_COUNT; k++) {
		const struct rk_setting *t = &rk_settings_table[k];

		if ((t->kind == RK_SET_FILE || t->kind == RK_SET_SOURCE ||
			    t->flags & RK_SETF_SECRET) &&
			rk_member(doc, t->name, strlen(t->name)))
			return true;
	}
	return false;
}

static bool written(const struct rk_val *doc, struct rk_doc *d, struct rk_val **out)
{
	rk_auto_settings *s = rk_settings_new();
	struct rk_err err = RK_ERR_INIT;
	rk_auto_problems p = {0};

	if (rk_settings_take_doc(s, doc, &err) < 0) {
		MUST(err.msg[0] && (err.code == RK_FAIL || err.code == RK_USAGE));
		return false;
	}
	rk_settings_check(s, &p);
	if (p.fatal)
		return false;
	MUST(rk_settings_doc(s, "/secrets", d, out, NULL) == 0);
	return true;
}

static void document(const char *text, size_t n)
{
	rk_auto_doc *d = rk_doc_new(false);
	struct rk_val *in, *once, *twice;

	if (rk_yaml_parse(d, text, n, &in, NULL) < 0 || has_files(in) || !written(in, d, &once))
		return;
	MUST(written(once, d, &twice) && rk_val_equal(once, twice));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	rk_auto_settings *s = rk_settings_new();
	rk_auto_doc *d = rk_doc_new(false);
	rk_auto_problems p = {0};
	rk_auto_buf text = RK_BUF_INIT;
	struct rk_strv mirrors = {0};

	rk_buf_put(&text, data, size);
	rk_settings_parse(s, text.s, text.len, "fuzz", &p);
	MUST(p.n <= 201);
	if (rk_setting(s, RK_KEY_BOOTSTRAP_PW))
		carry_on(rk_setting(s, RK_KEY_BOOTSTRAP_PW));
	check_all(s, &p);
	no_secret((const char *)data, size);
	document((const char *)data, size);
	if (rk_mirrors_parse(d, (const char *)data, size, "fuzz", "h", &mirrors, NULL) == 0)
		for (size_t i = 0; i < mirrors.n; i++)
			MUST(*mirrors.v[i] && !strpbrk(mirrors.v[i], "/\" \t\n\\"));
	rk_strv_release(&mirrors);
	return 0;
}
