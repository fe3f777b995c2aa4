// SPDX-License-Identifier: Apache-2.0
/* The name that a mistyped word was meant to be. */
#include "cli-internal.h"

static size_t min3(size_t a, size_t b, size_t c)
{
	a = a < b ? a : b;
	return a < c ? a : c;
}

/* Levenshtein distance of short words; long ones count as far apart. */
static size_t distance(const char *a, const char *b)
{
	size_t na = strlen(a), nb = strlen(b), row[40];

	if (nb >= RK_COUNT(row))
		return SIZE_MAX;
	for (size_t j = 0; j <= nb; j++)
		row[j] = j;
	for (size_t i = 1; i <= na; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= nb; j++) {
			size_t up = row[j];

			row[j] = min3(up + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
			diagonal = up;
		}
	}
	return row[nb];
}

const char *rk_nearest(const char *word, const char *const *names)
{
	const char *best = NULL;
	size_t best_d = strlen(word) / 3 + 1; /* further is a guess, not a typing error */

	for (; *names; names++) {
		size_t d = distance(word, *names);

		if (strlen(word) >= 3 && rk_prefix(*names, word))
			d = d ? 1 : 0;
		if (d < best_d || (d == best_d && !best)) {
			best_d = d;
			best = *names;
		}
	}
	return best;
}
