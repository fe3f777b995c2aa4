// SPDX-License-Identifier: Apache-2.0
/* measure FILE COMMAND... - run a command and append "wall cpu kib" of it and its children to
 * FILE: seconds of wall time, of user plus system time, and the largest resident set. time(1)
 * counts hundredths, which is as long as what is measured here. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double seconds(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	double start = now(), wall;
	struct rusage u;
	int status;
	FILE *f;
	pid_t pid;

	if (argc < 3)
		return 2;
	pid = fork();
	if (pid == 0) {
		execvp(argv[2], argv + 2);
		_exit(127);
	}
	if (pid < 0 || wait4(pid, &status, 0, &u) < 0)
		return 1;
	wall = now() - start;
	f = fopen(argv[1], "a");
	if (!f ||
		fprintf(f, "%.6f %.6f %ld\n", wall, seconds(u.ru_utime) + seconds(u.ru_stime),
			u.ru_maxrss) < 0 ||
		fclose(f))
		return 1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
