// SPDX-License-Identifier: Apache-2.0
/* lease - holds a Lease for as long as the script that started it runs, so that two runs at once do not
 * undo each other's work: creates it, renews it, deletes it at the end.
 * Source: https://kubernetes.io/docs/concepts/architecture/leases/ */
#include "cli/cli.h"
#include "k3k/k3k.h"
#include "watch/watch.h"
#include "task/task.h"

#include <signal.h>
#include <sys/prctl.h>

#define PROCESS	 "rk3k.io/holder-process"
#define TRIES	 5    /* another may write between reading and writing */
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
	struct rk_kube *k;
	struct rk_loop *loop;
	char *ns, *name, *holder;
	char *process;	     /* our value of PROCESS */
	char *uid, *version; /* of the Lease as we last wrote it */
	bool lost, unread;   /* unread: the line could not be printed, err has the reason */
	struct rk_err err;
	pid_t parent;
};

/* --- one Lease --- */

/* The script is what others know: its process, not ours. */
static char *default_holder(void)
{
	const char *user = getenv("USER");
	char host[65] = "";

	if (gethostname(host, sizeof(host) - 1) < 0 || !host[0])
		snprintf(host, sizeof(host), "localhost");
	return rk_asprintf("%s@%s:%d", user && *user ? user : "user", host, (int)getppid());
}

/* When a process was started, in ticks since the boot; 0: it has ended. Numbers are used again, times of
 * start are not. */
static unsigned long long started(int pid)
{
	char path[32], line[1024] = "", state = 'Z';
	unsigned long long start = 0;
	const char *p;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "re");
	if (!f)
		return 0;
	if (!fgets(line, sizeof(line), f))
		line[0] = '\0';
	fclose(f);
	p = strrchr(line, ')'); /* the name before it may hold anything */
	if (!p || sscanf(p + 1, " %c", &state) != 1 || state == 'Z' || state == 'X')
		return 0;
	for (int field = 3; p && field <= 22; field++)
		p = strchr(p + 1, ' ');
	return p && sscanf(p, " %llu", &start) == 1 ? start : 0;
}

/* "BOOT NAMESPACE": in which boot of which machine, and among which processes of it, a number names a
 * process; "" when that is unknown. */
static void add_here(struct rk_buf *out)
{
	char boot[64] = "", ns[64] = "";
	FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");

	if (!f)
		return;
	if (fgets(boot, sizeof(boot), f) && readlink("/proc/self/ns/pid", ns, sizeof(ns) - 1) > 0)
		rk_buf_addf(out, "%.*s %s", (int)strcspn(boot, "\n"), boot, ns);
	fclose(f);
}

/* "BOOT NAMESPACE PID START PID START HOLDER": of the script, and of ourselves, who renew. */
static char *process_of(pid_t script, const char *holder)
{
	rk_auto_buf b = RK_BUF_INIT;

	add_here(&b);
	rk_buf_addf(&b, " %d %llu %d %llu %s", (int)script, started((int)script), (int)getpid(),
		started((int)getpid()), holder);
	return rk_buf_detach(&b);
}

/* The run that holds the Lease was killed on this machine: neither its script nor the process that
 * renews the Lease exists any more. */
static bool is_dead(const struct rk_val *lease, const char *holder)
{
	const char *p = rk_get_str(lease, "metadata", "annotations", PROCESS, NULL);
	rk_auto_buf here = RK_BUF_INIT;
	unsigned long long start[2];
	int pid[2], n = 0;

	add_here(&here);
	if (!p || !here.len || !rk_prefix(p, here.s))
		return false;
	p += here.len;
	if (sscanf(p, " %d %llu %d %llu %n", &pid[0], &start[0], &pid[1], &start[1], &n) != 4 ||
		!rk_streq(p + n, holder))
		return false;
	return started(pid[0]) != start[0] && started(pid[1]) != start[1];
}

static void remember(struct job *j, const struct rk_val *lease)
{
	const char *uid = rk_get_str(lease, "metadata", "uid", NULL);
	const char *version = rk_get_str(lease, "metadata", "resourceVersion", NULL);

	free(rk_steal(&j->uid));
	free(rk_steal(&j->version));
	j->uid = uid ? rk_strdup(uid) : NULL;
	j->version = version ? rk_strdup(version) : NULL;
}

static void set_spec(struct job *j, struct rk_doc *d, struct rk_val *obj, bool acquired)
{
	struct rk_val *spec = rk_map_at(d, obj, "spec", NULL);
	char now[32], micro[40];

	rk_time_format(time(NULL), now);
	/* a MicroTime, which has to have six digits behind the point */
	snprintf(micro, sizeof(micro), "%.*s.000000Z", (int)strcspn(now, "Z"), now);
	rk_set_str(d, spec, "holderIdentity", j->holder);
	rk_set_int(d, spec, "leaseDurationSeconds", (j->o->duration_ms + 999) / 1000);
	rk_set_str(d, spec, "renewTime", micro);
	if (!acquired)
		return;
	rk_set_str(d, spec, "acquireTime", micro);
	rk_set_str(d, rk_map_at(d, obj, "metadata", "annotations", NULL), PROCESS, j->process);
}

static int create(struct job *j, struct rk_doc *d, struct rk_err *err)
{
	struct rk_val *obj = rk_map(d), *meta = rk_map_at(d, obj, "metadata", NULL), *made;

	rk_set_str(d, obj, "apiVersion", RK_LEASE.api_version);
	rk_set_str(d, obj, "kind", RK_LEASE.kind);
	rk_set_str(d, meta, "name", j->name);
	rk_set_str(d, meta, "namespace", j->ns);
	rk_set_str(d, rk_map_at(d, meta, "labels", NULL), RK_LABEL_MANAGED, RK_LABEL_MANAGER);
	set_spec(j, d, obj, true);
	if (rk_kube_create(j->k, obj, d, &made, err) < 0)
		return -1;
	remember(j, made);
	return 0;
}

/* On the condition that no other process has written it since: lease is the one to take over, NULL: ours. */
static int update(struct job *j, struct rk_doc *d, const struct rk_val *lease, struct rk_err *err)
{
	struct rk_val *patch = rk_map(d), *now;

	rk_set_str(d, rk_map_at(d, patch, "metadata", NULL), "resourceVersion",
		lease ? rk_get_str(lease, "metadata", "resourceVersion", NULL) : j->version);
	set_spec(j, d, patch, lease != NULL);
	if (rk_kube_patch(j->k, &RK_LEASE, j->ns, j->name, patch, d, &now, err) < 0)
		return -1;
	remember(j, now);
	return 0;
}

static int held_by_other(const struct rk_val *lease, const struct job *j, struct rk_err *err)
{
	const char *holder = rk_get_str(lease, "spec", "holderIdentity", NULL);
	int64_t renewed = rk_time_parse(rk_get_str(lease, "spec", "renewTime", NULL));
	int64_t left =
		renewed + rk_get_int(lease, 0, "spec", "leaseDurationSeconds", NULL) - time(NULL);
	char rest[16];

	/* clocks that differ only delay or hasten taking over; the version decides who wins */
	if (!holder || !*holder || renewed <= 0 || left < 0 || is_dead(lease, holder))
		return 0;
	rk_age(left, rest);
	rk_err_set(err, RK_CONFLICT, "lease %s/%s is held by %.200s", j->ns, j->name, holder);
	return rk_err_hint(err,
		"wait until that run has ended; unless it renews the lease, the lease can be "
		"taken over in %s",
		rest);
}

static int acquire(struct job *j, struct rk_err *err)
{
	int64_t until = rk_now_ms() + (j->o->dry ? 0 : GRACE_MS);

	for (int tries = 0;;) {
		rk_auto_doc *d = rk_doc_new(false);
		struct rk_val *lease = NULL;

		if (rk_kube_find(j->k, &RK_LEASE, j->ns, j->name, d, &lease, err) < 0)
			return -1;
		if (lease && held_by_other(lease, j, err) < 0) {
			if (rk_now_ms() > until)
				return -1;
			rk_task_pause(100);
		} else if ((lease ? update(j, d, lease, err) : create(j, d, err)) == 0) {
			return 0;
		} else if (err->http != 409 || tries++ == TRIES) {
			return -1;
		}
		rk_err_clear(err);
	}
}

/* Only the Lease that we wrote: one that was taken over since is its new holder's. */
static void give_back(struct job *j)
{
	struct rk_delete_opts o = {.grace = -1, .uid = j->uid, .version = j->version};
	struct rk_err err = RK_ERR_INIT;

	if (!j->lost && rk_kube_delete(j->k, &RK_LEASE, j->ns, j->name, &o, NULL, &err) < 0 &&
		err.http != 409)
		rk_warn("%s; others can take it over in a while", err.msg);
}

/* --- renewing --- */

static void renew(void *arg)
{
	struct job *j = arg;
	rk_auto_doc *d = rk_doc_new(false);
	struct rk_err err = RK_ERR_INIT;

	if (update(j, d, NULL, &err) < 0 && (err.http == 409 || err.http == 404)) {
		j->lost = true;
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
	int rc;

	j->loop = loop;
	/* the loop takes the first signal; a second one, as Ctrl-C and the script's own end send
	 * it, must not come between that and giving back */
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	rk_loop_after(loop, 0, print_held, j);
	rk_loop_after(loop, j->o->duration_ms / 4, renew, j);
	rc = rk_loop_run(loop, 0, err);
	give_back(j);
	if (!j->unread)
		return rc;
	*err = j->err;
	return -1;
}

static int hold(void *p, int argc RK_UNUSED, char **argv, struct rk_err *err)
{
	struct opts *o = p;
	struct job j = {.o = o, .parent = getppid()};
	int rc;

	if (o->duration_ms < 1000 || o->duration_ms > 86400000)
		return rk_err_set(err, RK_USAGE, "--duration must be between 1s and 24h");
	/* the end of the script is our end, however it comes; a closed terminal alone is not */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	signal(SIGHUP, SIG_IGN);
	rc = rk_kube_open(&j.k, &o->kube, err);
	if (rc == 0)
		rc = rk_k3k_ref(argv[0], rk_kube_namespace(j.k), &j.ns, &j.name, err);
	j.holder = o->holder && *o->holder ? rk_strdup(o->holder) : default_holder();
	j.process = process_of(j.parent, j.holder);
	if (rc == 0)
		rc = acquire(&j, err);
	if (rc == 0 && o->dry)
		rk_printf("lease.coordination.k8s.io/%s held%s\n", j.name, rk_dry_word(o->dry));
	else if (rc == 0)
		rc = keep(&j, err);
	rk_kube_free(j.k);
	free(j.ns);
	free(j.name);
	free(j.holder);
	free(j.process);
	free(j.uid);
	free(j.version);
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
