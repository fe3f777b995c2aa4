// SPDX-License-Identifier: Apache-2.0
/* A Lease: of those who want it at most one has it, as long as it is renewed.
 * Source: https://kubernetes.io/docs/concepts/architecture/leases/, client-go's leader election */
#include "os/os.h"
#include "task/task.h"
#include "watch/watch.h"

#define PROCESS	 "rk3k.io/holder-process"
#define TRIES	 5    /* another may write between reading and writing */
#define PAUSE_MS 2000 /* between two tries, at most */

struct rk_lease {
	struct rk_kube *k;
	char *ns, *name, *holder;
	char *process;	     /* our value of PROCESS */
	char *uid, *version; /* of the Lease as we last wrote it */
	char *seen;	     /* another's version, first seen at seen_ms */
	int64_t seen_ms, duration_ms;
	bool lost;
};

/* --- processes --- */

/* When a process was started, in ticks since the boot; 0: it has ended. Numbers are used again, times of
 * start are not. */
static unsigned long long started(int pid)
{
	rk_auto_free char *path = rk_asprintf("/proc/%d/stat", pid);
	rk_auto_buf line = RK_BUF_INIT;
	unsigned long long start = 0;
	const char *p;
	char state;

	if (rk_file_read(path, 4096, &line, NULL) < 0)
		return 0;
	p = strrchr(line.s, ')'); /* the name before it may hold anything */
	if (!p ||
		sscanf(p + 1, " %c%*s%*s%*s%*s%*s%*s%*s%*s%*s%*s%*s%*s%*s%*s%*s%*s%*s%*s %llu",
			&state, &start) != 2 ||
		state == 'Z' || state == 'X')
		return 0;
	return start;
}

/* "BOOT NAMESPACE": in which boot of which machine, and among which processes of it, a number names a
 * process; "" when that is unknown. */
static void add_here(struct rk_buf *out)
{
	rk_auto_buf boot = RK_BUF_INIT;
	char ns[64] = "";

	if (rk_file_read("/proc/sys/kernel/random/boot_id", 64, &boot, NULL) == 0 &&
		readlink("/proc/self/ns/pid", ns, sizeof(ns) - 1) > 0)
		rk_buf_addf(out, "%.*s %s", (int)strcspn(boot.s, "\n"), boot.s, ns);
}

/* The run that holds the Lease was killed on this machine: neither its process nor the one that renews
 * the Lease exists any more. */
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

/* --- the Lease --- */

struct rk_lease *rk_lease_new(struct rk_kube *k, const char *ns, const char *name,
	const char *holder, int64_t duration_ms, int process)
{
	struct rk_lease *l = rk_calloc(1, sizeof(*l));
	const char *user = getenv("USER");
	rk_auto_buf text = RK_BUF_INIT;
	char host[65] = "";

	if (gethostname(host, sizeof(host) - 1) < 0 || !host[0])
		snprintf(host, sizeof(host), "localhost");
	*l = (struct rk_lease){.k = k,
		.ns = rk_strdup(ns),
		.name = rk_strdup(name),
		.holder = holder && *holder ? rk_strdup(holder)
					    : rk_asprintf("%s@%s:%d", user && *user ? user : "user",
						      host, process),
		.duration_ms = duration_ms};
	add_here(&text);
	rk_buf_addf(&text, " %d %llu %d %llu %s", process, started(process), (int)getpid(),
		started((int)getpid()), l->holder);
	l->process = rk_buf_detach(&text);
	return l;
}

void rk_lease_free(struct rk_lease *l)
{
	if (!l)
		return;
	free(l->ns);
	free(l->name);
	free(l->holder);
	free(l->process);
	free(l->uid);
	free(l->version);
	free(l->seen);
	free(l);
}

static const char *meta_text(const struct rk_val *lease, const char *key)
{
	const char *s = rk_get_str(lease, "metadata", key, NULL);

	return s ? s : "";
}

/* Create it (version ""), or write it on the condition that it still has that version. take: from another. */
static int put(struct rk_lease *l, const char *version, bool take, struct rk_err *err)
{
	rk_auto_doc *d = rk_doc_new(false);
	struct rk_val *obj = rk_map(d), *meta = rk_map_at(d, obj, "metadata", NULL), *now = NULL;
	struct rk_val *spec = rk_map_at(d, obj, "spec", NULL);
	char time_text[32], micro[40];

	rk_time_format(time(NULL), time_text);
	/* a MicroTime, which has to have six digits behind the point */
	snprintf(micro, sizeof(micro), "%.*s.000000Z", (int)strcspn(time_text, "Z"), time_text);
	rk_set_str(d, spec, "holderIdentity", l->holder);
	rk_set_int(d, spec, "leaseDurationSeconds", (l->duration_ms + 999) / 1000);
	rk_set_str(d, spec, "renewTime", micro);
	if (take) {
		rk_set_str(d, spec, "acquireTime", micro);
		rk_set_str(d, rk_map_at(d, meta, "annotations", NULL), PROCESS, l->process);
	}
	if (!*version) {
		rk_set_str(d, obj, "apiVersion", RK_LEASE.api_version);
		rk_set_str(d, obj, "kind", RK_LEASE.kind);
		rk_set_str(d, meta, "name", l->name);
		rk_set_str(d, meta, "namespace", l->ns);
		rk_set_str(
			d, rk_map_at(d, meta, "labels", NULL), RK_LABEL_MANAGED, RK_LABEL_MANAGER);
	} else {
		rk_set_str(d, meta, "resourceVersion", version);
	}
	if ((*version ? rk_kube_patch(l->k, &RK_LEASE, l->ns, l->name, obj, d, &now, err)
		      : rk_kube_create(l->k, obj, d, &now, err)) < 0)
		return -1;
	free(l->uid);
	free(l->version);
	l->uid = rk_strdup(meta_text(now, "uid"));
	l->version = rk_strdup(meta_text(now, "resourceVersion"));
	l->lost = false;
	return 0;
}

/* One that has changed since the last try has a holder, whatever the clocks say; one that has not for its
 * duration has none. At the first sight the clocks decide; ones that differ only delay or hasten taking
 * over, since the version decides who wins. */
static int held_by_other(struct rk_lease *l, const struct rk_val *lease, struct rk_err *err)
{
	const char *holder = rk_get_str(lease, "spec", "holderIdentity", NULL);
	const char *version = meta_text(lease, "resourceVersion");
	int64_t duration = rk_get_int(lease, 0, "spec", "leaseDurationSeconds", NULL);
	int64_t renewed = rk_time_parse(rk_get_str(lease, "spec", "renewTime", NULL));
	int64_t left = renewed + duration - time(NULL), now = rk_now_ms();
	char rest[16];

	if (!holder || !*holder || renewed <= 0 || is_dead(lease, holder))
		return 0;
	if (l->seen && rk_streq(l->seen, version)) {
		if (now - l->seen_ms > duration * 1000)
			return 0;
	} else {
		if (!l->seen && left < 0)
			return 0;
		free(l->seen);
		l->seen = rk_strdup(version);
		l->seen_ms = now;
	}
	rk_age(left > 0 ? left : 0, rest);
	rk_err_set(err, RK_CONFLICT, "lease %s/%s is held by %.200s", l->ns, l->name, holder);
	return rk_err_hint(err,
		"wait until that run ends; if it stops renewing the lease, the lease can be "
		"taken over in %s",
		rest);
}

int rk_lease_acquire(struct rk_lease *l, int64_t wait_ms, struct rk_err *err)
{
	int64_t until = rk_now_ms() + wait_ms;

	for (int tries = 0;;) {
		rk_auto_doc *d = rk_doc_new(false);
		struct rk_val *lease = NULL;

		if (rk_kube_find(l->k, &RK_LEASE, l->ns, l->name, d, &lease, err) < 0)
			return -1;
		if (lease && held_by_other(l, lease, err) < 0) {
			if (rk_now_ms() >= until ||
				!rk_task_pause(wait_ms / 20 < PAUSE_MS ? wait_ms / 20 : PAUSE_MS))
				return -1;
		} else if (put(l, meta_text(lease, "resourceVersion"), true, err) == 0) {
			return 0;
		} else if (err->http != 409 || tries++ == TRIES) {
			return -1;
		}
		rk_err_clear(err);
	}
}

int rk_lease_renew(struct rk_lease *l, struct rk_err *err)
{
	if (put(l, l->version, false, err) == 0)
		return 0;
	l->lost = err->http == 409 || err->http == 404;
	return -1;
}

int rk_lease_release(struct rk_lease *l, struct rk_err *err)
{
	struct rk_delete_opts o = {.grace = -1, .uid = l->uid, .version = l->version};

	if (l->lost || rk_kube_delete(l->k, &RK_LEASE, l->ns, l->name, &o, NULL, err) == 0 ||
		err->http == 409)
		return 0;
	return -1;
}
