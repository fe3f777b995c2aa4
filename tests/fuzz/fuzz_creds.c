// SPDX-License-Identifier: Apache-2.0
/* Any bytes as a source of logins, and as an image: no crash; nothing is found for a host that the
 * text does not name; an image that is taken is taken again in its full form, as the same. */
#include "registry/registry.h"
#include "must.h"

#include <ctype.h>
#include <strings.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Helpers would be run: not here. */
static bool has_helpers(const char *text, size_t n)
{
	rk_auto_doc *d = rk_doc_new(false);
	struct rk_val *v;

	if (rk_yaml_parse(d, text, n, &v, NULL) < 0)
		return false;
	rk_each (m, v) /* keys match in any case */
		if (m->key &&
			(!strcasecmp(m->key, "credHelpers") || !strcasecmp(m->key, "credsStore")))
			return true;
	return false;
}

/* In whatever case; an escape may spell it, too. */
static bool may_name(const char *text, size_t n, const char *host)
{
	rk_auto_buf lower = RK_BUF_INIT;

	for (size_t i = 0; i < n; i++)
		rk_buf_putc(&lower, (char)tolower((unsigned char)text[i]));
	return memchr(text, '\\', n) || memmem(lower.s, n, host, strlen(host));
}

static void logins(const char *text, size_t n)
{
	rk_auto_creds *c = rk_creds_new();
	struct rk_login l;

	if (rk_creds_parse(c, "f", text, n, NULL) < 0 || has_helpers(text, n))
		return;
	if (rk_creds_find(c, "https://h/charts", &l, NULL) == 0)
		MUST((l.user || l.token) && l.password);
	MUST(rk_creds_find(c, "https://never-named.invalid/", &l, NULL) < 0 ||
		may_name(text, n, "never-named.invalid"));
}

static void image(const char *text)
{
	rk_auto_doc *d = rk_doc_new(false);
	struct rk_image a, b;
	char *full;

	if (rk_image_parse(d, text, &a, NULL) < 0)
		return;
	full = rk_doc_printf(d, "%s/%s%c%s", a.registry, a.repository,
		strchr(a.reference, ':') ? '@' : ':', a.reference);
	MUST(!strstr(a.repository, "..") || !strstr(a.repository, "/../"));
	if (!strpbrk(a.registry, ".:[") && !rk_streq(a.registry, "localhost"))
		return;
	MUST(rk_image_parse(d, full, &b, NULL) == 0);
	MUST(rk_streq(a.registry, b.registry) && rk_streq(a.repository, b.repository) &&
		rk_streq(a.reference, b.reference));
}

/* What a list gives is read again as itself. */
static void image_list(const char *text, size_t n)
{
	rk_auto_doc *d = rk_doc_new(false);
	struct rk_strv names = {0};

	if (rk_images_parse(d, text, n, "f", &names, NULL) == 0)
		for (size_t i = 0; i < names.n; i++) {
			struct rk_image a;

			MUST(rk_image_parse(d, names.v[i], &a, NULL) == 0);
			MUST(rk_streq(rk_image_name(d, &a), names.v[i]));
		}
	rk_strv_release(&names);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	rk_auto_free char *text = rk_strndup((const char *)data, size);

	logins((const char *)data, size);
	image(text);
	image_list((const char *)data, size);
	return 0;
}
