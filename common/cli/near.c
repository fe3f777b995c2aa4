// SPDX-License-Identifier: Apache-2.0
/* The name that a mistyped word was meant to be. */
#include "internal.h"

#include <strings.h>

static size_t min(size_t a, size_t b)
{
	return a < b ? a : b;
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

/* Edits that make b of a, where two neighbours that changed places are one edit, as in git; case does
 * not count. Long words count as far apart. */
static size_t distance(const char *a, const char *b)
{
	enum { max = 40 };
	size_t na = strlen(a), nb = strlen(b), rows[3][max];
	size_t *before = rows[0], *above = rows[1], *row = rows[2];

	if (nb >= max)
		return SIZE_MAX;
	for (size_t j = 0; j <= nb; j++)
		row[j] = j;
	for (size_t i = 1; i <= na; i++) {
		size_t *oldest = before;

		before = above;
		above = row;
		row = oldest;
		row[0] = i;
		for (size_t j = 1; j <= nb; j++) {
			char x = lower(a[i - 1]), y = lower(b[j - 1]);

			row[j] = min(min(above[j], row[j - 1]) + 1, above[j - 1] + (x != y));
			if (i > 1 && j > 1 && x == lower(b[j - 2]) && y == lower(a[i - 2]))
				row[j] = min(row[j], before[j - 2] + 1);
		}
	}
	return row[nb];
}

/* How many edits are still a typing error and no guess: few letters leave room for one. */
static size_t errors_max(const char *word, const char *name)
{
	size_t n = min(strlen(word), strlen(name));

	return n < 2 ? 0 : n < 4 ? 1 : n < 8 ? 2 : 3;
}

const char *rk_nearest(const char *word, const char *const *names)
{
	const char *best = NULL;
	size_t best_d = SIZE_MAX, n = strlen(word);

	for (; *names; names++) {
		size_t d = distance(word, *names);

		if (n >= 3 && strncasecmp(*names, word, n) == 0)
			d = min(d, 1); /* the beginning of a name */
		if (d < best_d && d <= errors_max(word, *names)) {
			best_d = d;
			best = *names;
		}
	}
	return best;
}

/* Flags of kubectl and helm that rk3k does not have on purpose, and what to do instead. */
static const char *const refused[][2] = {
	{"insecure-skip-tls-verify",
		"TLS is always verified; pin the CA with --certificate-authority FILE"},
	{"token", "a token in the arguments is seen by every process; use --token-file FILE"},
	{"password", "a password in the arguments is seen by every process"},
	{"username", "basic authentication is read from the kubeconfig only"},
};

int rk_unknown_flag(const char *word, const char *const *names, struct rk_err *err)
{
	size_t n = strcspn(word, "=");
	rk_auto_free char *name = rk_strndup(word, n);
	const char *near;

	for (size_t i = 0; n > 2 && i < RK_COUNT(refused); i++)
		if (rk_flag_name_is(refused[i][0], name + 2, n - 2)) {
			rk_err_set(err, RK_USAGE, "%s is not supported", name);
			return rk_err_hint(err, "%s", refused[i][1]);
		}
	near = n > 3 ? rk_nearest(name + 2, names) : NULL;
	rk_err_set(err, RK_USAGE, "unknown flag %s", name);
	return near ? rk_err_hint(err, "did you mean --%s?", near) : -1;
}
