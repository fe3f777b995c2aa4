// SPDX-License-Identifier: Apache-2.0
/* warnings - counts the warnings of what is tested, and keeps the last one. */
#ifndef RK_TEST_WARNINGS_H
#define RK_TEST_WARNINGS_H

#include "base/base.h"

#include <stdarg.h>

static int warnings;
static char last_warning[512];

static void warn(const char *fmt, ...) RK_PRINTF(1, 2);

static void warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(last_warning, sizeof(last_warning), fmt, ap);
	va_end(ap);
	warnings++;
}

#endif
