// SPDX-License-Identifier: Apache-2.0
/* Clocks, and times and durations as text. */
#include "base/base.h"

#include <ctype.h>

int64_t rk_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* apimachinery's HumanDuration: up to a limit, so many of a unit, and the rest in a smaller one. */
void rk_age(int64_t s, char out[16])
{
	enum { M = 60, H = 60 * M, D = 24 * H, Y = 365 * D };
	static const struct {
		int64_t below;
		int unit, part; /* part 0: no rest */
		char names[3];
	} rows[] = {
		{2 * M, 1, 0, "s"},
		{10 * M, M, 1, "ms"},
		{3 * H, M, 0, "m"},
		{8 * H, H, M, "hm"},
		{2 * D, H, 0, "h"},
		{8 * D, D, H, "dh"},
		{2 * Y, D, 0, "d"},
		{8 * Y, Y, D, "yd"},
		{(int64_t)10000 * Y, Y, 0, "y"},
		{INT64_MAX, 1, 0, ""},
	};
	size_t i = 0;
	int64_t rest;

	while (s >= rows[i].below && i + 1 < RK_COUNT(rows))
		i++;
	if (s < -1 || !*rows[i].names) {
		snprintf(out, 16, "<invalid>");
		return;
	}
	s = s < 0 ? 0 : s;
	rest = rows[i].part ? s % rows[i].unit / rows[i].part : 0;
	if (rest)
		snprintf(out, 16, "%hu%c%hu%c", (uint16_t)(s / rows[i].unit), rows[i].names[0],
			(uint16_t)rest, rows[i].names[1]);
	else
		snprintf(out, 16, "%hu%c", (uint16_t)(s / rows[i].unit), rows[i].names[0]);
}

void rk_time_format(int64_t t, char out[32])
{
	struct tm tm;
	time_t when = (time_t)t;

	if (!gmtime_r(&when, &tm) || !strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm))
		snprintf(out, 32, "<invalid>");
}

/* Whether s begins like the shape: 0 is any digit, a letter is of either case. */
static bool shaped(const char *s, const char *shape)
{
	for (; *shape; s++, shape++)
		if (*shape == '0' ? !isdigit((unsigned char)*s)
				  : toupper((unsigned char)*s) != *shape)
			return false;
	return true;
}

int64_t rk_time_parse(const char *s)
{
	int hours = 0, minutes = 0, sign;
	struct tm tm = {0}, read;
	int64_t t;

	if (!s || !shaped(s, "0000-00-00T00:00:00"))
		return -1;
	sscanf(s, "%4d-%2d-%2d%*c%2d:%2d:%2d", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &tm.tm_hour,
		&tm.tm_min, &tm.tm_sec);
	s += 19;
	if (*s == '.')
		s += 1 + strspn(s + 1, "0123456789");
	sign = *s == '-' ? -1 : 1;
	if ((shaped(s, "+00:00") || shaped(s, "-00:00")) && !s[6])
		sscanf(s + 1, "%2d:%2d", &hours, &minutes);
	else if (!shaped(s, "Z") || s[1])
		return -1;
	if (tm.tm_year < 1 || tm.tm_hour > 23 || tm.tm_min > 59 || tm.tm_sec > 60 || hours > 23 ||
		minutes > 59)
		return -1;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	read = tm;
	t = timegm(&tm); /* which makes another day of 30 February */
	if (tm.tm_mday != read.tm_mday || tm.tm_mon != read.tm_mon)
		return -1;
	return t - sign * (hours * 3600 + minutes * 60);
}

/* Units in nanoseconds. "m" is behind "ms", whose beginning it is. */
static const struct {
	const char *name;
	double ns;
} units[] = {
	{"ns", 1}, {"us", 1e3}, {"\302\265s", 1e3}, {"\316\274s", 1e3}, {"ms", 1e6}, {"s", 1e9},
	{"m", 60e9}, {"h", 3600e9}, {"d", 24 * 3600e9}, /* the last: not a unit of Go's */
};

bool rk_parse_duration(const char *s, bool days, int64_t *ms)
{
	static const char digits[] = "0123456789";
	size_t known = RK_COUNT(units) - !days;
	int sign = *s == '-' ? -1 : 1;
	double ns = 0;

	s += *s == '-' || *s == '+';
	if (rk_streq(s, "0")) {
		*ms = 0;
		return true;
	}
	do {
		size_t n = strspn(s, digits), i = 0;
		double number = strtod(s, NULL); /* 1e3 and 0x1 are not numbers with a unit */

		n += s[n] == '.' ? 1 + strspn(s + n + 1, digits) : 0;
		if (!n || (n == 1 && *s == '.'))
			return false;
		for (s += n; i < known && !rk_prefix(s, units[i].name); i++)
			;
		if (i == known)
			return false;
		s += strlen(units[i].name);
		ns += number * units[i].ns;
		if (ns > 9.2e18) /* Go's int64 of nanoseconds */
			return false;
	} while (*s);
	*ms = (int64_t)(ns / 1e6 + 0.5) * sign;
	return true;
}
