// SPDX-License-Identifier: Apache-2.0
/* cond and why: what holds, what is ready, and what is said when it is not. */
#include "kube/kube.h"
#include "out/out.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct rk_doc *doc;

static const struct rk_val *yaml(const char *text)
{
	struct rk_val *v = NULL;
	struct rk_err err = RK_ERR_INIT;

	if (rk_yaml_parse(doc, text, strlen(text), &v, &err) < 0)
		fail_msg("%s", err.msg);
	return v;
}

static int setup(void **state)
{
	(void)state;
	doc = rk_doc_new(false);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rk_doc_free(doc);
	return 0;
}

static void holds(const char *cond, const char *obj, bool want, const char *say)
{
	struct rk_cond c;
	rk_auto_buf why = RK_BUF_INIT;

	assert_int_equal(rk_cond_parse(&c, cond, NULL), 0);
	assert_int_equal(rk_cond_holds(&c, obj ? yaml(obj) : NULL, &why), want);
	if (!strstr(why.s, say))
		fail_msg("%s: %s", cond, why.s);
	rk_cond_release(&c);
}

static void conditions(void **state)
{
	static const char obj[] =
		"metadata: {generation: 2}\nstatus: {phase: Active, n: 3, e: '', conditions: "
		"[{type: Ready, status: 'False', reason: R, message: m}, {type: Up, status: "
		"'True'}, "
		"{type: Old, status: 'True', observedGeneration: 1}]}\n";

	(void)state;
	holds("condition=Up", obj, true, "");
	holds("condition=up=true", obj, true, "");
	holds("condition=Ready=False", obj, true, "");
	holds("condition=Ready", obj, false, "Ready is False (R): m");
	holds("condition=Old", obj, false, "out of date");
	holds("condition=Nope", obj, false, "no condition Nope");
	holds("jsonpath={.status.phase}=Active", obj, true, "");
	holds("jsonpath={.status.phase}=Gone", obj, false, "is Active");
	holds("jsonpath=.status.n=3", obj, true, "");
	holds("jsonpath=.status.n", obj, true, "");
	holds("jsonpath=.status.e", obj, false, "empty");
	holds("jsonpath={.status.conditions[?(@.type==\"Up\")].status}=True", obj, true, "");
	holds("jsonpath={.status.conditions[*].status}=True", obj, false, "has several values");
	holds("jsonpath={.status.conditions[7].status}=True", obj, false, "has nothing");
	holds("jsonpath={.status.conditions[2].type}=Old", obj, true, "");
	holds("exists", obj, true, "");
	holds("exists", NULL, false, "does not exist");
	holds("delete", NULL, true, "");
	holds("Delete", obj, false, "was not deleted");
	holds("ready", NULL, false, "does not exist");
}

static void bad_conditions(void **state)
{
	static const char *const bad[] = {
		"", "nonsense", "condition=", "condition==x", "jsonpath=", "jsonpath={.a[}"};

	(void)state;
	for (size_t i = 0; i < RK_COUNT(bad); i++) {
		struct rk_cond c;
		struct rk_err err = RK_ERR_INIT;

		if (rk_cond_parse(&c, bad[i], &err) == 0)
			fail_msg("%s was taken", bad[i]);
		assert_int_equal(err.code, RK_USAGE);
		rk_cond_release(&c);
	}
}

#define DEPLOY "apiVersion: apps/v1\nkind: Deployment\nmetadata: {generation: 2}\n"

static void readiness(void **state)
{
	static const struct {
		const char *obj, *say; /* NULL: ready */
	} table[] = {
		{DEPLOY "spec: {replicas: 1}\nstatus: {observedGeneration: 2, replicas: 1, "
			"updatedReplicas: 1, availableReplicas: 1}\n",
			NULL},
		{DEPLOY "spec: {replicas: 0}\nstatus: {observedGeneration: 2}\n", NULL},
		{DEPLOY "spec: {replicas: 1}\nstatus: {observedGeneration: 1, replicas: 1, "
			"updatedReplicas: 1, availableReplicas: 1}\n",
			"not seen it"},
		{DEPLOY "spec: {replicas: 1}\n", "not seen it"},
		{DEPLOY "spec: {replicas: 2}\nstatus: {observedGeneration: 2, replicas: 3, "
			"updatedReplicas: 2, availableReplicas: 2}\n",
			"1 old pods"},
		{DEPLOY "spec: {replicas: 2}\nstatus: {observedGeneration: 2, updatedReplicas: 1, "
			"availableReplicas: 2}\n",
			"1 of 2"},
		{"apiVersion: apps/v1\nkind: StatefulSet\nspec: {replicas: 3}\nstatus: "
		 "{readyReplicas: 2}\n",
			"2 of 3"},
		{"apiVersion: batch/v1\nkind: Job\nstatus: {conditions: [{type: Complete, status: "
		 "'True'}]}\n",
			NULL},
		{"apiVersion: batch/v1\nkind: Job\n", "no condition Complete"},
		{"apiVersion: v1\nkind: PersistentVolumeClaim\nstatus: {phase: Pending}\n",
			"Pending"},
		{"apiVersion: k3k.io/v1beta1\nkind: Cluster\nstatus: {phase: Ready}\n", NULL},
		{"apiVersion: k3k.io/v1beta1\nkind: Cluster\nmetadata: {deletionTimestamp: x}\n"
		 "status: {phase: Ready}\n",
			"being deleted"},
		{"apiVersion: k3k.io/v1beta1\nkind: Cluster\n", "phase unknown"},
		{"apiVersion: v1\nkind: Secret\n", NULL},
		{"apiVersion: v1\nkind: Pod\n", "no condition Ready"},
		{"apiVersion: cert-manager.io/v1\nkind: Certificate\n", "no condition Ready"},
		{"apiVersion: x/v1\nkind: Y\nstatus: {conditions: [{type: Available, status: "
		 "'False'}]}\n",
			"Available is False"},
	};

	(void)state;
	for (size_t i = 0; i < RK_COUNT(table); i++) {
		rk_auto_buf why = RK_BUF_INIT;
		bool ready = rk_is_ready(yaml(table[i].obj), &why);

		if (ready != !table[i].say || (table[i].say && !strstr(why.s, table[i].say)))
			fail_msg("%s: %d %s", table[i].obj, ready, why.s);
	}
}

#define POD "metadata: {name: p}\nstatus: "

static void pods(void **state)
{
	static const struct {
		const char *pod;
		enum rk_why why;
		const char *say;
	} table[] = {
		{POD "{phase: Running, containerStatuses: [{ready: true, state: {running: {}}}]}",
			RK_WHY_FINE, ""},
		{POD "{phase: Succeeded}", RK_WHY_FINE, ""},
		{POD "{phase: Pending}", RK_WHY_BUSY, "p: pending"},
		{POD "{phase: Pending, conditions: [{type: PodScheduled, status: 'False', message: "
		     "0/1 nodes}]}",
			RK_WHY_FAULT, "p: no node takes it: 0/1 nodes"},
		{POD "{phase: Pending, containerStatuses: [{image: 'r/i:1', state: {waiting: "
		     "{reason: "
		     "ErrImagePull, message: 'no'}}}]}",
			RK_WHY_FAULT, "p: cannot pull image r/i:1: no"},
		{POD "{phase: Pending, containerStatuses: [{state: {waiting: {reason: "
		     "ContainerCreating}}}]}",
			RK_WHY_BUSY, "p: ContainerCreating"},
		{POD "{phase: Running, containerStatuses: [{name: c, restartCount: 4, state: "
		     "{waiting: "
		     "{reason: CrashLoopBackOff}}, lastState: {terminated: {exitCode: 137, reason: "
		     "OOMKilled}}}]}",
			RK_WHY_FAULT,
			"container c keeps ending: exit code 137 (OOMKilled), 4 restarts"},
		{POD "{phase: Running, containerStatuses: [{ready: false, state: {running: {}}}]}",
			RK_WHY_BUSY, "not ready yet"},
		{POD "{phase: Pending, initContainerStatuses: [{image: i, state: {waiting: "
		     "{reason: "
		     "InvalidImageName}}}], containerStatuses: [{state: {waiting: {reason: "
		     "PodInitializing}}}]}",
			RK_WHY_FAULT, "cannot pull image i"},
		{POD "{phase: Failed, message: Evicted}", RK_WHY_FAULT, "failed: Evicted"},
		{POD "7", RK_WHY_FINE, ""},
		{"metadata: {name: p, deletionTimestamp: x}\n", RK_WHY_BUSY, "ending"},
	};

	(void)state;
	for (size_t i = 0; i < RK_COUNT(table); i++) {
		rk_auto_buf out = RK_BUF_INIT;
		enum rk_why w = rk_why_pod(yaml(table[i].pod), &out);

		if (w != table[i].why || !strstr(out.s, table[i].say))
			fail_msg("%s: %d %s", table[i].pod, (int)w, out.s);
	}
}

static void clusters(void **state)
{
	rk_auto_buf out = RK_BUF_INIT, hint = RK_BUF_INIT;

	(void)state;
	assert_int_equal(rk_why_cluster(yaml("kind: Cluster\napiVersion: k3k.io/v1beta1\nstatus: "
					     "{phase: Failed, conditions: [{type: Ready, message: "
					     "Secret x not found}]}"),
				 &out, &hint),
		RK_WHY_BUSY);
	assert_string_equal(hint.s, "");
	assert_int_equal(rk_why_cluster(yaml("kind: Cluster\napiVersion: k3k.io/v1beta1\nstatus: "
					     "{phase: Failed, conditions: [{type: Ready, message: "
					     "failed to get or find k3k-kubelet-node}]}"),
				 &out, &hint),
		RK_WHY_FAULT);
	assert_non_null(strstr(hint.s, "install the chart again"));
}

static void claims_and_events(void **state)
{
	rk_auto_buf out = RK_BUF_INIT;

	(void)state;
	assert_int_equal(
		rk_why_pvc(yaml("metadata: {name: c}\nspec: {storageClassName: s}\nstatus: "
				"{phase: Pending}"),
			&out),
		RK_WHY_BUSY);
	assert_non_null(strstr(out.s, "StorageClass s"));
	assert_int_equal(rk_why_pvc(yaml("metadata: {name: c}"), &out), RK_WHY_FAULT);
	assert_int_equal(rk_why_pvc(yaml("status: {phase: Bound}"), &out), RK_WHY_FINE);
	rk_buf_reset(&out);
	assert_false(rk_why_event(yaml("{type: Normal, reason: Pulling, message: 'Pulling image', "
				       "involvedObject: {kind: Pod, name: p}}"),
		&out));
	assert_string_equal(out.s, "Pulling on pod/p: Pulling image");
	rk_buf_reset(&out);
	assert_true(rk_why_event(yaml("{type: Warning, reason: FailedMount, message: 'no', "
				      "involvedObject: {kind: Pod, name: p}}"),
		&out));
	assert_string_equal(out.s, "FailedMount on pod/p: no");
	assert_int_equal(
		rk_kube_event_time(yaml("{eventTime: '1970-01-01T00:01:00.000001Z'}")), 60);
	assert_int_equal(rk_kube_event_time(yaml("{lastTimestamp: null}")), 0);
}

/* A healthy first deployment shows these for seconds; after a minute they are a fault. */
static void noise_of_a_start(void **state)
{
	static const struct {
		const char *reason;
		int64_t age;
		bool noise;
	} table[] = {{"Unhealthy", 5, true}, {"FailedScheduling", 59, true},
		{"ErrInitIssuer", 5, true}, {"FailedScheduling", 61, false}, {"Failed", 5, false},
		{"FailedCreate", 5, false}};
	static const char pod[] =
		POD "{phase: Pending, conditions: [{type: PodScheduled, status: 'False', "
		    "message: no, lastTransitionTime: '";

	(void)state;
	for (size_t i = 0; i < RK_COUNT(table); i++) {
		rk_auto_free char *text = NULL;
		char at[32];

		rk_time_format(time(NULL) - table[i].age, at);
		text = rk_asprintf(
			"{type: Warning, reason: %s, firstTimestamp: '%s'}", table[i].reason, at);
		assert_int_equal(rk_why_noise(yaml(text)), table[i].noise);
	}
	for (int64_t age = 5; age < 100; age += 60) {
		rk_auto_buf out = RK_BUF_INIT;
		rk_auto_free char *text = NULL;
		char at[32];

		rk_time_format(time(NULL) - age, at);
		text = rk_asprintf("%s%s'}]}", pod, at);
		assert_int_equal(
			rk_why_pod(yaml(text), &out), age < 60 ? RK_WHY_BUSY : RK_WHY_FAULT);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(conditions, setup, teardown),
		cmocka_unit_test_setup_teardown(bad_conditions, setup, teardown),
		cmocka_unit_test_setup_teardown(readiness, setup, teardown),
		cmocka_unit_test_setup_teardown(pods, setup, teardown),
		cmocka_unit_test_setup_teardown(clusters, setup, teardown),
		cmocka_unit_test_setup_teardown(claims_and_events, setup, teardown),
		cmocka_unit_test_setup_teardown(noise_of_a_start, setup, teardown),
	};

	return cmocka_run_group_tests_name("cond", tests, NULL, NULL);
}
