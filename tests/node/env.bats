#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# env.bats - a bed of the node tier comes with pods that work, and goes without a trace.
# shellcheck disable=SC2154

load ../helpers

setup_file() {
	export ENV_DIR=$RK3K_TOP/tests/env
	local start=$SECONDS
	RK3K_TESTBED=$("$ENV_DIR/node-up" "$BATS_FILE_TMPDIR/bed" 3>&-)
	export RK3K_TESTBED UP_SECONDS=$((SECONDS - start))
}

teardown_file() { "$ENV_DIR/down" "$RK3K_TESTBED" 3>&-; }

setup() { plane_home; }

@test "node-up: takes less than two minutes with programs and images in the cache" {
	((UP_SECONDS < 120))
}

@test "node-up: a pod reaches the API through its Service, and answers logs and exec" {
	# shellcheck disable=SC2016 # for the pod's shell
	kubectl run pod --image=busybox:1.36 --restart=Never -- sh -c \
		'nc -w 5 $KUBERNETES_SERVICE_HOST $KUBERNETES_SERVICE_PORT </dev/null && echo reached; sleep 600' >/dev/null
	within 30 kubectl wait --for=condition=Ready pod/pod --timeout=1s
	within 10 said_reached
	run -0 kubectl exec pod -- cat /etc/hostname
	assert_output pod
}

said_reached() { [[ $(kubectl logs pod) == reached ]]; }

@test "node-up: an image that the registry does not have is not taken from elsewhere" {
	kubectl run none --image=example/none:1 --restart=Never >/dev/null
	within 20 pull_fails
	run -0 kubectl get events --field-selector involvedObject.name=none,reason=Failed -o 'jsonpath={.items[*].message}'
	assert_output --partial "docker.io/example/none:1: not found"
}

pull_fails() {
	[[ $(kubectl get pod none -o 'jsonpath={.status.containerStatuses[0].state.waiting.reason}') == *ImagePull* ]]
}

@test "down: leaves no process, mount, cgroup or network of a bed with pods" {
	local ns
	ns=$(<"$RK3K_TESTBED/id")
	assert_file_exist "/run/netns/$ns"
	compgen -G "/sys/fs/cgroup/*/$ns" >/dev/null
	run -0 "$ENV_DIR/down" "$RK3K_TESTBED" 3>&-
	assert_file_not_exist "/run/netns/$ns"
	assert_file_not_exist "$RK3K_TESTBED"
	refute compgen -G "/sys/fs/cgroup/*/$ns"
	refute grep -F "$RK3K_TESTBED" /proc/self/mountinfo
	run bash -c 'grep -laF "$1/" /proc/[0-9]*/cmdline 2>/dev/null' _ "$RK3K_TESTBED"
	assert_output ""
}
