// SPDX-License-Identifier: Apache-2.0
#include "out-internal.h"

#include <stdarg.h>

/* "5m30s", or "5m" when the second part is zero. */
static void two(char out[16], int64_t a, char unit_a, int64_t b, char unit_b)
{
	if (b)
		snprintf(out, 16, "%hu%c%hu%c", (uint16_t)a, unit_a, (uint16_t)b, unit_b);
	else
		snprintf(out, 16, "%hu%c", (uint16_t)a, unit_a);
}

/* apimachinery's HumanDuration. */
void rk_age(int64_t s, char out[16])
{
	const int64_t m = s / 60, h = s / 3600, d = s / 86400;

	if (s < -1 || d / 365 > 9999)
		snprintf(out, 16, "<invalid>");
	else if (s < 120)
		two(out, s < 0 ? 0 : s, 's', 0, 0);
	else if (m < 10)
		two(out, m, 'm', s % 60, 's');
	else if (m < 180)
		two(out, m, 'm', 0, 0);
	else if (h < 8)
		two(out, h, 'h', m % 60, 'm');
	else if (h < 48)
		two(out, h, 'h', 0, 0);
	else if (d < 8)
		two(out, d, 'd', h % 24, 'h');
	else if (d < 365 * 2)
		two(out, d, 'd', 0, 0);
	else if (d < 365 * 8)
		two(out, d / 365, 'y', d % 365, 'd');
	else
		two(out, d / 365, 'y', 0, 0);
}

void rk_time_format(int64_t t, char out[32])
{
	struct tm tm;
	time_t when = (time_t)t;

	if (!gmtime_r(&when, &tm) || !strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm))
		snprintf(out, 32, "<invalid>");
}

void rk_out_stamp_now(bool brief, char out[RK_STAMP_MAX])
{
	time_t now = time(NULL);
	struct tm tm;
	size_t n;

	if (!localtime_r(&now, &tm)) {
		rk_time_format(now, out);
		return;
	}
	n = strftime(out, RK_STAMP_MAX - 2, brief ? "%H:%M:%S" : "%Y-%m-%dT%H:%M:%S%z", &tm);
	if (brief || n < 5)
		return;
	memmove(out + n - 1, out + n - 2, 3); /* +0100 becomes +01:00 */
	out[n - 2] = ':';
}

/* n digits at *s, which moves on; -1 when there are fewer. */
static int digits(const char **s, int n)
{
	int v = 0;

	while (n--) {
		if (**s < '0' || **s > '9')
			return -1;
		v = v * 10 + (*(*s)++ - '0');
	}
	return v;
}

/* n digits and then the character `end`, unless that is 0. */
static bool field(const char **s, int n, char end, int min, int max, int *v)
{
	*v = digits(s, n);
	if (*v < min || *v > max)
		return false;
	if (!end)
		return true;
	return *(*s)++ == end;
}

/* "Z", "+02:00"; to seconds east of Greenwich. */
static bool zone(const char *s, int64_t *offset)
{
	int h, m, sign = *s == '-' ? -1 : 1;

	*offset = 0;
	if (*s == 'Z' || *s == 'z')
		return s[1] == '\0';
	if (*s != '+' && *s != '-')
		return false;
	s++;
	if (!field(&s, 2, ':', 0, 23, &h) || !field(&s, 2, 0, 0, 59, &m))
		return false;
	*offset = sign * (h * 3600 + m * 60);
	return *s == '\0';
}

int64_t rk_time_parse(const char *s)
{
	struct tm tm = {0};
	int64_t offset, t;
	int mday;

	if (!s || !field(&s, 4, '-', 1, 9999, &tm.tm_year) ||
		!field(&s, 2, '-', 1, 12, &tm.tm_mon) || !field(&s, 2, 0, 1, 31, &tm.tm_mday) ||
		(*s != 'T' && *s != 't'))
		return -1;
	s++;
	if (!field(&s, 2, ':', 0, 23, &tm.tm_hour) || !field(&s, 2, ':', 0, 59, &tm.tm_min) ||
		!field(&s, 2, 0, 0, 60, &tm.tm_sec))
		return -1;
	if (*s == '.')
		s += 1 + strspn(s + 1, "0123456789");
	if (!zone(s, &offset))
		return -1;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	mday = tm.tm_mday;
	t = timegm(&tm);
	return tm.tm_mday == mday ? t - offset : -1; /* 30 February moves on */
}
