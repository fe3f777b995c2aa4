// SPDX-License-Identifier: Apache-2.0
/* Why pods, volumes and a virtual cluster do not become ready. */
#include "kube/kube.h"

#include "out/out.h"

#define TEXT_MAX 300

static const char *or_unknown(const char *s)
{
	return s && *s ? s : "?";
}

/* Of a long text its two ends: containerd and helm put the cause last. */
static void put_text(struct rk_buf *out, const struct rk_val *v, const char *key)
{
	const char *text = rk_get_str(v, key, NULL);
	size_t n = text ? strlen(text) : 0, head = TEXT_MAX / 3, tail = TEXT_MAX * 2 / 3;

	if (n > TEXT_MAX) { /* not in the middle of a character of UTF-8 */
		while (head && (text[head] & 0xc0) == 0x80)
			head--;
		while (tail && (text[n - tail] & 0xc0) == 0x80)
			tail--;
		rk_buf_addf(out, ": %.*s ... %s", (int)head, text, text + n - tail);
	} else if (n) {
		rk_buf_addf(out, ": %s", text);
	}
}

bool rk_is_young(const char *time_text)
{
	int64_t t = rk_time_parse(time_text);

	return t > 0 && time(NULL) - t < RK_YOUNG_S;
}

/* What every start shows for a moment: a volume that is being made, a probe that comes too early. */
bool rk_why_noise(const struct rk_val *event)
{
	const char *reason = rk_get_str(event, "reason", NULL);
	const char *first = rk_get_str(event, "firstTimestamp", NULL);

	return reason &&
	       rk_listed("Unhealthy,FailedScheduling,FailedMount,ErrInitIssuer,ProvisioningFailed",
		       reason) &&
	       rk_is_young(first ? first : rk_get_str(event, "eventTime", NULL));
}

/* --- pods --- */

/* last: the state "terminated" of the last run. */
static enum rk_why restarts(const struct rk_val *cs, const struct rk_val *last, struct rk_buf *out)
{
	const char *reason = rk_get_str(last, "reason", NULL);

	rk_buf_addf(out, "container %s keeps ending: exit code %lld",
		or_unknown(rk_get_str(cs, "name", NULL)),
		(long long)rk_get_int(last, -1, "exitCode", NULL));
	if (reason && strcmp(reason, "Error") != 0)
		rk_buf_addf(out, " (%s)", reason);
	rk_buf_addf(out, ", %lld restarts", (long long)rk_get_int(cs, 0, "restartCount", NULL));
	put_text(out, last, "message");
	return RK_WHY_FAULT;
}

static enum rk_why why_container(const struct rk_val *cs, bool init, struct rk_buf *out)
{
	static const char of_image[] = "ErrImagePull,ImagePullBackOff,InvalidImageName,"
				       "ErrImageNeverPull,ImageInspectError,RegistryUnavailable";
	static const char faults[] = "CreateContainerConfigError,CreateContainerError,"
				     "RunContainerError,CrashLoopBackOff";
	const struct rk_val *waiting = rk_get(cs, "state", "waiting", NULL);
	const struct rk_val *over = rk_get(cs, "state", "terminated", NULL);
	const struct rk_val *last = rk_get(cs, "lastState", "terminated", NULL);

	if (waiting) {
		const char *reason = rk_get_str(waiting, "reason", NULL);
		bool image = reason && rk_listed(of_image, reason);

		if (rk_streq(reason, "CrashLoopBackOff") && last)
			return restarts(cs, last, out);
		if (image)
			rk_buf_addf(out, "cannot pull image %s",
				or_unknown(rk_get_str(cs, "image", NULL)));
		else
			rk_buf_puts(out, reason ? reason : "waiting");
		put_text(out, waiting, "message");
		return image || (reason && rk_listed(faults, reason)) ? RK_WHY_FAULT : RK_WHY_BUSY;
	}
	if (over && rk_get_int(over, 0, "exitCode", NULL) != 0)
		return restarts(cs, over, out);
	if (over || init || rk_get_bool(cs, false, "ready", NULL))
		return RK_WHY_FINE;
	if (last && rk_get_int(cs, 0, "restartCount", NULL) > 1 &&
		rk_get_int(last, 0, "exitCode", NULL) != 0)
		return restarts(cs, last, out);
	rk_buf_puts(out, "running, not ready yet");
	return RK_WHY_BUSY;
}

/* The worst of the containers: the first of those that are equally bad. */
static enum rk_why why_containers(const struct rk_val *pod, struct rk_buf *out)
{
	static const char *const lists[] = {"initContainerStatuses", "containerStatuses"};
	enum rk_why worst = RK_WHY_FINE;

	for (size_t i = 0; i < RK_COUNT(lists); i++)
		rk_each (cs, rk_get(pod, "status", lists[i], NULL)) {
			rk_auto_buf text = RK_BUF_INIT;
			enum rk_why w = why_container(cs, i == 0, &text);

			if (w <= worst)
				continue;
			worst = w;
			rk_buf_reset(out);
			rk_buf_puts(out, text.s);
		}
	return worst;
}

enum rk_why rk_why_pod(const struct rk_val *pod, struct rk_buf *out)
{
	const char *phase = rk_get_str(pod, "status", "phase", NULL);
	const struct rk_val *scheduled = rk_condition(pod, "PodScheduled");
	rk_auto_buf text = RK_BUF_INIT;
	enum rk_why w = RK_WHY_BUSY;

	if (rk_get_str(pod, "metadata", "deletionTimestamp", NULL)) {
		rk_buf_puts(&text, "ending");
	} else if (rk_streq(phase, "Succeeded")) {
		return RK_WHY_FINE;
	} else if (rk_streq(rk_get_str(scheduled, "status", NULL), "False")) {
		rk_buf_puts(&text, "no node takes it");
		put_text(&text, scheduled, "message");
		if (!rk_is_young(rk_get_str(scheduled, "lastTransitionTime", NULL)))
			w = RK_WHY_FAULT;
	} else {
		w = why_containers(pod, &text);
		if (w == RK_WHY_FINE && rk_streq(phase, "Failed")) {
			rk_buf_puts(&text, "failed");
			put_text(&text, rk_get(pod, "status", NULL), "message");
			w = RK_WHY_FAULT;
		} else if (w == RK_WHY_FINE && rk_streq(phase, "Pending")) {
			rk_buf_puts(&text, "pending");
			w = RK_WHY_BUSY;
		}
	}
	if (w != RK_WHY_FINE)
		rk_buf_addf(out, "%s: %s", or_unknown(rk_get_str(pod, "metadata", "name", NULL)),
			text.s);
	return w;
}

/* --- volumes --- */

enum rk_why rk_why_pvc(const struct rk_val *pvc, struct rk_buf *out)
{
	const char *phase = rk_get_str(pvc, "status", "phase", NULL);
	const char *class = rk_get_str(pvc, "spec", "storageClassName", NULL);

	if (rk_streq(phase, "Bound"))
		return RK_WHY_FINE;
	rk_buf_addf(out, "volume claim %s is not bound (",
		or_unknown(rk_get_str(pvc, "metadata", "name", NULL)));
	if (class)
		rk_buf_addf(out, "StorageClass %s)", class);
	else
		rk_buf_puts(out, "no StorageClass, and the cluster has no default)");
	return rk_streq(phase, "Lost") || !class ? RK_WHY_FAULT : RK_WHY_BUSY;
}

/* --- the virtual cluster --- */

static const struct {
	const char *phase; /* NULL: any */
	const char *text;  /* part of the message */
	enum rk_why why;
	const char *hint;
} known[] = {
	{NULL, "k3k-kubelet-node", RK_WHY_FAULT,
		"a ClusterRoleBinding of the k3k chart is missing: install the chart again"},
	{NULL, "port is already allocated", RK_WHY_FAULT,
		"the node port is taken: choose another, or none, in spec.expose"},
	{NULL, "ports: Required value", RK_WHY_FAULT,
		"both ports of the Service are switched off in spec.expose"},
	{NULL, "VirtualClusterPolicy", RK_WHY_FAULT,
		"create the policy, or remove the label policy.k3k.io/policy-name from the "
		"namespace"},
	{NULL, "not found", RK_WHY_BUSY, NULL}, /* the controller's cache lags: passes */
	{"Pending", "", RK_WHY_FAULT,
		"the controller refuses these settings: correct them and apply again"},
};

enum rk_why rk_why_cluster(const struct rk_val *cluster, struct rk_buf *out, struct rk_buf *hint)
{
	const char *phase = rk_get_str(cluster, "status", "phase", NULL);
	const char *msg = rk_get_str(rk_condition(cluster, "Ready"), "message", NULL);

	if (rk_is_ready(cluster, out))
		return RK_WHY_FINE;
	for (size_t i = 0; i < RK_COUNT(known); i++)
		if ((!known[i].phase || rk_streq(phase, known[i].phase)) && msg &&
			strstr(msg, known[i].text)) {
			if (hint && known[i].hint)
				rk_buf_puts(hint, known[i].hint);
			return known[i].why;
		}
	return RK_WHY_BUSY;
}

/* --- events --- */

int64_t rk_kube_event_time(const struct rk_val *event)
{
	static const char *const fields[] = {"lastTimestamp", "eventTime", "firstTimestamp"};
	int64_t t = rk_time_parse(rk_get_str(event, "series", "lastObservedTime", NULL));

	for (size_t i = 0; t < 0 && i < RK_COUNT(fields); i++)
		t = rk_time_parse(rk_get_str(event, fields[i], NULL));
	return t < 0 ? 0 : t;
}

bool rk_why_event(const struct rk_val *event, struct rk_buf *out)
{
	const struct rk_val *object = rk_get(event, "involvedObject", NULL);
	const char *kind = rk_get_str(object, "kind", NULL);
	const char *reason = rk_get_str(event, "reason", NULL);
	rk_auto_free char *of = rk_lower(rk_strdup(kind ? kind : "object"));

	rk_buf_addf(out, "%s on %s/%s", reason ? reason : "event", of,
		or_unknown(rk_get_str(object, "name", NULL)));
	put_text(out, event, "message");
	return rk_streq(rk_get_str(event, "type", NULL), "Warning");
}
