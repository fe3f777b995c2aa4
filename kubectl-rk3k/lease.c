// SPDX-License-Identifier: Apache-2.0
/* lease - holds a Lease for as long as the script that started it runs, so that two runs at once do not
 * undo each other's work: creates it, renews it, deletes it at the end.
 * Source: https://kubernetes.io/docs/concepts/architecture/leases/ */
#include "cli/cli.h"
#include "k3k/k3k.h"
#include "watch/watch.h"

#include <signal.h>
#include <sys/prctl.h>

#define GRACE_MS 2000 /* a run that was killed gives its Lease back a moment later */

struct opts {
	struct rk_kube_flags kube;
	const char *holder;
	int64_t duration_ms;
	int dry;
};

static void defaults(void *p)
{
	struct opts *o = p;

	o->duration_ms = 60000;
}

static const struct rk_opt options[] = {
	OPT_STR("holder", holder, "TEXT",
		"who holds it, for others to read (default: USER@HOST:PID)"),
	OPT_DUR("duration", duration_ms,
		"others may take it over when it was not renewed for so long (default 1m)"),
	OPT_DRY_RUN(dry), OPT_GROUP_KUBE(kube), OPT_END};

struct job {
	const struct opts *o;
	struct rk_loop *loop;
	struct rk_lease *lease;
	char *ns, *name;
	bool unread; /* the line could not be printed: err has the reason */
	struct rk_err err;
	pid_t parent;
};

static void renew(void *arg)
{
	struct job *j = arg;
	struct rk_err err = RK_ERR_INIT;

	if (rk_lease_renew(j->lease, &err) < 0 && (err.http == 409 || err.http == 404)) {
		if (err.http == 409) { /* 404: its namespace was deleted, as by destroy */
			rk_warn("lease %s/%s was taken over by another run: stopping", j->ns,
				j->name);
			if (j->parent > 1)
				kill(j->parent, SIGTERM);
		}
		rk_loop_stop(j->loop);
		return;
	}
	if (getppid() != j->parent)
		rk_loop_stop(j->loop);
	rk_loop_after(j->loop, j->o->duration_ms / 4, renew, j);
}

/* In the loop, which then has the signals: the reader of that line may send one. */
static void print_held(void *arg)
{
	struct job *j = arg;

	rk_printf("lease.coordination.k8s.io/%s held\n", j->name);
	j->unread = rk_out_flush(&j->err) < 0;
	if (j->unread)
		rk_loop_stop(j->loop);
}

static int keep(struct job *j, struct rk_err *err)
{
	rk_auto_loop *loop = rk_loop_new();
	struct rk_err kept = RK_ERR_INIT;
	int rc;

	j->loop = loop;
	/* the loop takes the first signal; a second one, as Ctrl-C and the script's own end send
	 * it, must not come between that and giving back */
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	rk_loop_after(loop, 0, print_held, j);
	rk_loop_after(loop, j->o->duration_ms / 4, renew, j);
	rc = rk_loop_run(loop, 0, err);
	if (rk_lease_release(j->lease, &kept) < 0)
		rk_warn("%s; others can take it over when it expires", kept.msg);
	if (!j->unread)
		return rc;
	*err = j->err;
	return -1;
}

static int hold(void *p, int argc RK_UNUSED, char **argv, struct rk_err *err)
{
	struct opts *o = p;
	struct job j = {.o = o, .parent = getppid()};
	rk_auto_kube *k = NULL;
	int rc;

	if (o->duration_ms < 1000 || o->duration_ms > 86400000)
		return rk_err_set(err, RK_USAGE, "--duration must be between 1s and 24h");
	/* the end of the script is our end, however it comes; a closed terminal alone is not */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	signal(SIGHUP, SIG_IGN);
	if (rk_kube_open(&k, &o->kube, err) < 0 ||
		rk_k3k_ref(argv[0], rk_kube_namespace(k), &j.ns, &j.name, err) < 0)
		return -1;
	/* the script is what others know: its process, not ours */
	j.lease = rk_lease_new(k, j.ns, j.name, o->holder, o->duration_ms, (int)j.parent);
	rc = rk_lease_acquire(j.lease, o->dry ? 0 : GRACE_MS, err);
	if (rc == 0 && o->dry)
		rk_printf("lease.coordination.k8s.io/%s held%s\n", j.name, rk_dry_word(o->dry));
	else if (rc == 0)
		rc = keep(&j, err);
	rk_lease_free(j.lease);
	free(j.ns);
	free(j.name);
	return rc;
}

static const struct rk_verb verbs[] = {
	{.name = "hold",
		.args = "[NAMESPACE/]NAME",
		.summary = "hold the Lease until the calling script ends, or until a signal",
		.opts = options,
		.min_args = 1,
		.max_args = 1,
		.run = hold},
	{.run = NULL}};

static const struct rk_cmd cmd = {
	.name = "lease",
	.summary = "hold a Lease while a script runs",
	.help = rk_help,
	.opts_size = sizeof(struct opts),
	.defaults = defaults,
	.verbs = verbs,
};

int main(int argc, char **argv)
{
	return rk_main(&cmd, argc, argv);
}
