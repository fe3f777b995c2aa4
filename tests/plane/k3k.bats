#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# k3k.bats - what differs between k3k controllers and what they refuse: another version, policies,
# reserved and long names, their back-off. On a bed of its own, since the controller is exchanged.
# shellcheck disable=SC2154 # bats sets stderr

load ../helpers

setup_file() {
	RK3K_TESTBED=$("$BATS_TEST_DIRNAME/../env/up" "$BATS_FILE_TMPDIR/bed" 3>&-)
	export RK3K_TESTBED T=$BATS_FILE_TMPDIR
	export PLANE_HOME=$T/home PLANE_KUBECONFIG=$T/home/.kube/config
	mkdir -p "$T/home/.kube"
	install -m 600 "$RK3K_TESTBED/host/admin.kubeconfig" "$PLANE_KUBECONFIG"
	conf "$T/deploy.conf" NAMESPACE=one STORAGE_TYPE=dynamic STORAGE_CLASS=local PVC_SIZE=1Gi
	rk3k controller install -c "$T/deploy.conf" -q
}

teardown_file() { "$BATS_TEST_DIRNAME/../env/down" "$RK3K_TESTBED" 3>&-; }

setup() { cd "$T" || return; }

conf() { # FILE KEY=VALUE...
	local repo
	repo=$(bed printenv CHART_HTTP_PUBLIC)
	printf '%s\n' HOSTNAME=rancher.example.com K3K_VERSION=1.1.0 {K3K,CERTMANAGER,RANCHER}_REPO="$repo" "${@:2}" >"$1"
}

# apply_cluster KEY=VALUE...: a Cluster, without preflight.
apply_cluster() {
	rk3k render cluster -c "$T/deploy.conf" "${@/#/--set=}" | kubectl apply -f - >/dev/null
}

uid() { kubectl get pod -n "$1" k3k-rancher-server-0 -o 'jsonpath={.metadata.uid}'; }
image() { kubectl get deployment -n k3k-system k3k -o 'jsonpath={.spec.template.spec.containers[0].image}'; }

# --- another version --------------------------------------------------------------

@test "controller: another version restarts all clusters and waits for them" {
	local one two
	kubectl create namespace one >/dev/null
	kubectl create namespace two >/dev/null
	apply_cluster
	apply_cluster NAMESPACE=two STORAGE_TYPE=ephemeral
	rk3k wait cluster -c deploy.conf -q
	rk3k wait cluster -c deploy.conf --set NAMESPACE=two -q
	one=$(uid one) two=$(uid two)
	sed -i 's/^K3K_VERSION=.*/K3K_VERSION=1.2.0-rc4/' deploy.conf

	run --separate-stderr -5 rk3k controller install -c deploy.conf </dev/null
	assert_output ""
	[[ $stderr == *"the servers of 2 virtual clusters restart: one/rancher, two/rancher; --yes-restart-clusters accepts this"* ]]
	[[ $stderr == *"two/rancher: the storage is ephemeral, and this restart loses all data; --yes-lose-data accepts this"* ]]
	run --separate-stderr -5 rk3k controller install -c deploy.conf --yes-restart-clusters </dev/null
	[[ $stderr != *"--yes-restart-clusters accepts this"* && $stderr == *"--yes-lose-data accepts this"* ]]
	assert_equal "$(uid one) $(uid two) $(image)" "$one $two rancher/k3k:v1.1.0"

	run --separate-stderr -0 rk3k controller install -c deploy.conf --yes-restart-clusters --yes-lose-data </dev/null
	assert_output "release/k3k deployed (k3k 1.2.0-rc4)"
	assert_regex "$stderr" "✓ the servers of all virtual clusters"
	assert_equal "$(image)" rancher/k3k:v1.2.0-rc4
	[[ $(uid one) != "$one" && $(uid two) != "$two" ]]
	run -0 kubectl get statefulset -A -l role=server -o \
		'jsonpath={range .items[*]}{.status.readyReplicas} {.status.updatedReplicas} {.status.currentRevision}{"\n"}{end}'
	assert_equal "$(kubectl get statefulset -A -l role=server -o \
		'jsonpath={range .items[*]}{.status.readyReplicas} {.status.updatedReplicas} {.status.updateRevision}{"\n"}{end}')" "$output"
	run --separate-stderr -0 rk3k controller install -c deploy.conf </dev/null
	assert_output "release/k3k unchanged"
}

# --- what the controller refuses, with preflight skipped --------------------------

# refused NAMESPACE CODE TEXT...: wait and status name the reason.
refused() {
	local text
	run --separate-stderr "-$2" rk3k wait cluster -c "$T/deploy.conf" --set "NAMESPACE=$1" --fail-fast --timeout 60s
	printf '%s\n' "$stderr" >"$T/$1.wait"
	run -1 rk3k status "$1/rancher"
	printf '%s\n' "$output" >"$T/$1.status"
	for text in "${@:3}"; do grep -F -- "$text" "$T/$1.wait" && grep -F -- "$text" "$T/$1.status"; done
}

policy() { # NAME SPEC
	kubectl apply -f - >/dev/null <<-END
		{apiVersion: k3k.io/v1beta1, kind: VirtualClusterPolicy, metadata: {name: $1}, spec: $2}
	END
	kubectl create namespace "$1" >/dev/null
	kubectl label namespace "$1" "policy.k3k.io/policy-name=$1" >/dev/null
	apply_cluster "NAMESPACE=$1"
}

@test "wait, status: a namespace policy that blocks a cluster is named" {
	policy mode '{allowedMode: shared}'
	policy level '{allowedMode: virtual, podSecurityAdmissionLevel: baseline}'
	policy quota '{allowedMode: virtual, quota: {hard: {pods: "0"}}}'
	policy missing '{allowedMode: virtual}'
	kubectl delete virtualclusterpolicy missing >/dev/null
	kubectl annotate -n missing cluster.k3k.io/rancher again=1 >/dev/null
	refused mode 1 'mode "virtual" is not allowed by the policy "mode"'
	refused level 1 'violates PodSecurity "baseline:latest": privileged'
	refused quota 1 'exceeded quota: k3k-quota'
	refused missing 1 'VirtualClusterPolicy.k3k.io "missing" not found'
	local ns phases=()
	for ns in mode level quota missing; do
		phases+=("$(kubectl get clusters.k3k.io rancher -n "$ns" -o 'jsonpath={.status.phase}')")
	done
	assert_equal "${phases[*]}" "Pending Provisioning Provisioning Failed"
	kubectl delete namespace mode level quota missing --wait=false >/dev/null
}

@test "status: a reserved name, and one too long for pods, is named as the cause" {
	local long=rancher-of-the-development-department-four # 42
	kubectl create namespace names >/dev/null
	kubectl label namespace names policy.k3k.io/policy-name=names >/dev/null
	kubectl apply -f - >/dev/null <<-END
		{apiVersion: k3k.io/v1beta1, kind: VirtualClusterPolicy, metadata: {name: names}, spec: {allowedMode: virtual}}
		---
		{apiVersion: k3k.io/v1beta1, kind: Cluster, metadata: {name: system, namespace: names}, spec: {mode: virtual}}
		---
		{apiVersion: k3k.io/v1beta1, kind: Cluster, metadata: {name: $long, namespace: names}, spec: {mode: virtual}}
	END
	assert_equal "${#long}" 42
	run --separate-stderr -4 rk3k wait cluster.k3k.io/system -n names --for=ready --timeout 3s
	[[ $stderr == *'phase Pending: cluster validation error: invalid cluster name "system"'* ]]
	run --separate-stderr -1 rk3k status names/system
	[[ $stderr == *'the Cluster is Pending: cluster validation error: invalid cluster name "system"'* ]]
	too_long() { [[ $(rk3k status "names/$long" 2>&1) == *"last warning: FailedCreate on statefulset/k3k-$long-server"*"must be no more than 63"* ]]; }
	within 20 too_long
	kubectl delete namespace names --wait=false >/dev/null
}

# --- as slow as the real one --------------------------------------------------------

@test "deploy: at k3k's own pace, a change is done when its servers run" {
	kubectl set env -n k3k-system deployment/k3k PACE=k3k >/dev/null
	kubectl create namespace slow >/dev/null
	step() { run --separate-stderr "-$1" rk3k deploy -c "$T/deploy.conf" --set NAMESPACE=slow --only cluster --skip-preflight --yes "${@:2}"; }
	server() { kubectl get pod -n slow k3k-rancher-server-0 -o 'jsonpath={.spec.containers[0].image} {.status.conditions[?(@.type=="Ready")].status}'; }
	step 0
	[[ $stderr == *"✓ virtual cluster slow/rancher"* ]]
	step 0 --set K3S_VERSION=v1.34.1-k3s2
	assert_output "cluster.k3k.io/rancher configured"
	run -0 server
	assert_output "rancher/k3s:v1.34.1-k3s2 True"
}
