// SPDX-License-Identifier: Apache-2.0
/* The two ends of a program. The dispatcher needs no more of this module, and so starts with libc
 * alone: nothing in this file may call what needs another library. */
#include "internal.h"

#include "os/os.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#if defined(__SANITIZE_ADDRESS__)
#define RK_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define RK_ASAN 1
#endif
#endif

void rk_init(const char *name)
{
	/* 1, not 0: a core_pattern that pipes ignores 0 and obeys 1. */
	const struct rlimit none = {.rlim_cur = 1, .rlim_max = 1};

	/* Started with a standard descriptor closed, a tool would open a kubeconfig as its stdout. The wrong
	 * mode makes every use of it fail, so that lost output is an error (gnulib's stdopen). */
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 &&
			open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
			exit(RK_FAIL);
	/* Secrets in memory and environment are for this process: no core dump, and no other process of the
	 * same user reads /proc/PID/mem or environ or attaches a debugger. Child processes inherit it until
	 * they exec. A sanitizer's leak check attaches to its own process, so it must stay possible there. */
	setrlimit(RLIMIT_CORE, &none);
#ifndef RK_ASAN
	prctl(PR_SET_DUMPABLE, 0);
#endif
	/* libcurl, and OpenSSL where it is built so, would write the keys of every connection there. */
	unsetenv("SSLKEYLOGFILE");
	rk_out_init(name, 0, false, RK_COLOR_AUTO);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_DFL); /* ignored, as some start us: the end of a plugin would be lost */
	rk_file_handle_signals();
}

int rk_finish(int ret, struct rk_err *err)
{
	struct rk_err flush = RK_ERR_INIT;

	if (rk_out_flush(&flush) < 0) {
		if (ret < 0 && flush.code <= 128)
			rk_out_error(&flush); /* two things went wrong */
		else if (ret == 0)
			*err = flush;
		ret = ret == 0 ? -1 : ret;
	}
	rk_file_cleanup();
	if (ret < 0 && err->code <= 128)
		rk_out_error(err);
	if (ret < 0 && err->code > 128) {
		signal(err->code - 128, SIG_DFL);
		raise(err->code - 128);
	}
#ifndef RK_ASAN
	if (ret == 0 && fclose(stdout) != 0) { /* a network file system may say it only now */
		rk_err_sys(err, "write error");
		rk_out_error(err);
		return RK_FAIL;
	}
#endif
	if (ret < 0)
		return err->code ? err->code : RK_FAIL;
	return ret;
}

const char rk_exit_codes[] =
	"Exit codes: 0 done, 1 failed or found something, 2 usage, 3 not found, "
	"4 timeout,\n5 conflict or refused, 128+n signal n.\n";

const char *rk_usage_prefix(void)
{
	const char *plugin = getenv("HELM_PLUGIN_NAME");

	return plugin && *plugin ? "helm rk3k" : "kubectl rk3k";
}
