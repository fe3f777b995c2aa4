// SPDX-License-Identifier: Apache-2.0
/* Clocks, and times and durations as text. */
#include "base/base.h"

int64_t rk_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

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

/* Units in nanoseconds, longest spelling first where one begins another. */
static const struct {
	const char *name;
	double ns;
} units[] = {
	{"ns", 1}, {"us", 1e3}, {"\302\265s", 1e3}, {"\316\274s", 1e3}, {"ms", 1e6}, {"s", 1e9},
	{"m", 60e9}, {"h", 3600e9}, {"d", 24 * 3600e9}, /* the last: not a unit of Go's */
};

/* One "1.5h" of a duration in one of the first n units; moves *s behind it. */
static bool duration_part(const char **s, size_t n_units, double *ns)
{
	const char *p = *s;
	double n = 0, scale = 1;
	bool digits = false;

	for (; *p >= '0' && *p <= '9'; p++, digits = true)
		n = n * 10 + (*p - '0');
	if (*p == '.')
		for (p++; *p >= '0' && *p <= '9'; p++, digits = true)
			n += (*p - '0') * (scale /= 10);
	for (size_t i = 0; digits && i < n_units; i++) {
		size_t len = strlen(units[i].name);

		/* "m" must not take the m of "ms"; "ms" comes before it. */
		if (strncmp(p, units[i].name, len) != 0)
			continue;
		*ns += n * units[i].ns;
		*s = p + len;
		return true;
	}
	return false;
}

static bool parse_duration(const char *s, size_t n_units, int64_t *ms)
{
	double ns = 0;
	bool minus = *s == '-';

	if (*s == '-' || *s == '+')
		s++;
	if (rk_streq(s, "0")) {
		*ms = 0;
		return true;
	}
	do {
		if (!duration_part(&s, n_units, &ns) || ns > 9.2e18) /* Go's int64 of nanoseconds */
			return false;
	} while (*s);
	*ms = (int64_t)(ns / 1e6 + 0.5) * (minus ? -1 : 1);
	return true;
}

bool rk_parse_duration(const char *s, int64_t *ms)
{
	return parse_duration(s, RK_COUNT(units) - 1, ms);
}

bool rk_parse_life(const char *s, int64_t *ms)
{
	return parse_duration(s, RK_COUNT(units), ms);
}
