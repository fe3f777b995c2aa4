#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# preflight on a host with other virtual clusters, with policies, quotas and few rights. The objects
# are real, k3k's controller is only its Deployment.
# bats file_tags=quick
# shellcheck disable=SC2016,SC2154 # jq filters; bats sets stderr

load ../helpers
load own

setup_file() {
	own_up 127.77.0.61
	local crd
	for crd in "$BATS_TEST_DIRNAME"/../env/charts/k3k/templates/crds/*.yaml; do
		bed kubectl --kubeconfig "$OWN/admin.kubeconfig" apply -f "$crd" >/dev/null
	done
	bed kubectl --kubeconfig "$OWN/admin.kubeconfig" wait --for=condition=Established crd --all >/dev/null
}
teardown_file() { own_down; }

setup() {
	own_home
	cd "$BATS_TEST_TMPDIR" || return
	printf '%s\n' HOSTNAME=rancher.example.com "NAMESPACE=$NS" >deploy.conf
}

# The rows of a check as "RESULT DETAIL" lines.
checked() { # CHECK FLAG...
	rk3k preflight -c deploy.conf -o json "${@:2}" >report.json 2>/dev/null || [[ $? -eq 1 ]]
	jq -r --arg c "$1" '.checks[] | select(.check == $c) | .result + " " + .detail' report.json
}

controller() { # VERSION
	kubectl create namespace k3k-system >/dev/null 2>&1 || true
	kubectl -n k3k-system delete deployment k3k --ignore-not-found >/dev/null
	kubectl -n k3k-system create deployment k3k --image="rancher/k3k:v$1" --replicas=0 >/dev/null
	kubectl -n k3k-system label deployment k3k app.kubernetes.io/name=k3k >/dev/null
}

cluster() { # NAMESPACE STORAGE
	kubectl create namespace "$1" >/dev/null 2>&1 || true
	rk3k render cluster -c deploy.conf --set "NAMESPACE=$1" --set "STORAGE_TYPE=$2" | kubectl apply -f - >/dev/null
}

@test "preflight: another controller names the clusters that restart and lose data" {
	controller 1.0.2
	run -0 checked controller --only controller --set K3K_VERSION=1.1.0
	assert_output 'ok k3k v1.0.2 becomes 1.1.0'
	cluster "$NS" dynamic
	run -0 checked controller --only controller --set K3K_VERSION=1.1.0
	assert_output "warning k3k v1.0.2 becomes 1.1.0, and the servers of 1 virtual cluster restart: $NS/rancher"
	cluster "$NS-b" dynamic
	cluster "$NS-c" ephemeral
	run -1 rk3k preflight -c deploy.conf --only controller --set K3K_VERSION=1.1.0 </dev/null
	run -0 checked controller --only controller --set K3K_VERSION=1.1.0
	assert_line "failed k3k v1.0.2 becomes 1.1.0, and the servers of 3 virtual clusters restart: $NS-b/rancher, $NS-c/rancher, $NS/rancher; --yes-restart-clusters accepts this"
	assert_line "failed $NS-c/rancher: the storage is ephemeral, and this restart loses all data; --yes-lose-data accepts this"
	run -0 checked controller --only controller --set K3K_VERSION=1.1.0 --yes-restart-clusters
	assert_line --regexp '^warning k3k .* restart: [^;]*$'
	assert_line --regexp '^failed .*--yes-lose-data'
	run -0 checked controller --only controller --set K3K_VERSION=1.1.0 --yes-restart-clusters --yes-lose-data
	refute_line --regexp '^failed'
	# a candidate is another version, too
	run -0 checked controller --only controller --set K3K_VERSION=1.0.2-rc1
	assert_line --regexp '^failed k3k v1.0.2 becomes 1.0.2-rc1, and the servers of 3'
	run -0 checked controller --only controller
	assert_output 'ok k3k v1.0.2 is installed'
	kubectl delete clusters.k3k.io -A --all >/dev/null
}

@test "preflight: reinstalling the controller names the clusters that may restart" {
	kubectl delete deployment k3k -n k3k-system --ignore-not-found >/dev/null
	cluster "$NS-b" ephemeral
	run -0 checked controller --only controller
	assert_line 'ok k3k 1.0.2 will be installed in k3k-system'
	kubectl create -n "$NS-b" -f - >/dev/null <<-END
		{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: k3k-rancher-server, labels: {role: server}},
		  spec: {replicas: 0, serviceName: x, selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}},
		  spec: {containers: [{name: c, image: i}]}}}}
	END
	run -0 checked controller --only controller
	assert_line "failed k3k 1.0.2 is installed again, and the servers of 1 virtual cluster may restart: $NS-b/rancher; --yes-restart-clusters accepts this"
	assert_line --regexp "^failed $NS-b/rancher: the storage is ephemeral"
	kubectl delete clusters.k3k.io -A --all >/dev/null
}

@test "controller, deploy: another version is refused in a pipe without the flag" {
	controller 1.0.2
	cluster "$NS-b" dynamic
	kubectl create namespace "$NS-k3k" >/dev/null
	run -5 --separate-stderr rk3k controller install -c deploy.conf --set K3K_VERSION=1.1.0 </dev/null
	[[ $stderr == *"$NS-b/rancher; --yes-restart-clusters accepts this"*"refused: k3k 1.1.0 is not installed"* ]]
	run -1 --separate-stderr rk3k deploy -c deploy.conf --yes --set K3K_VERSION=1.1.0 </dev/null
	[[ $stderr == *"$NS-b/rancher; --yes-restart-clusters accepts this"* ]]
	run -0 kubectl get deployments -A -o 'jsonpath={.items[*].spec.template.spec.containers[0].image}'
	assert_output rancher/k3k:v1.0.2
	kubectl delete clusters.k3k.io -A --all >/dev/null
}

@test "preflight: a namespace bound to a policy that refuses the cluster" {
	run -0 checked namespace --only namespace
	assert_output "ok $NS accepts the servers"
	run -0 checked namespace --only namespace --set NAMESPACE=new
	assert_output ""
	kubectl label namespace "$NS" "policy.k3k.io/policy-name=p-$NS" >/dev/null
	run -0 checked namespace --only namespace
	assert_output "failed namespace $NS is bound to VirtualClusterPolicy p-$NS, which does not exist: create it, or remove the label policy.k3k.io/policy-name"
	kubectl apply -f - >/dev/null <<-END
		{apiVersion: k3k.io/v1beta1, kind: VirtualClusterPolicy, metadata: {name: p-$NS},
		  spec: {podSecurityAdmissionLevel: baseline}}
	END
	run -0 checked namespace --only namespace
	assert_line "failed VirtualClusterPolicy p-$NS of namespace $NS allows the mode shared only, and this cluster has the mode virtual"
	assert_line "failed policy p-$NS enforces the Pod Security level baseline, and the servers are privileged: they would never be created"
	kubectl delete virtualclusterpolicy "p-$NS" >/dev/null
	kubectl apply -f - >/dev/null <<-END
		{apiVersion: k3k.io/v1beta1, kind: VirtualClusterPolicy, metadata: {name: p-$NS}, spec: {allowedMode: virtual}}
	END
	run -0 checked namespace --only namespace
	assert_output "ok $NS accepts the servers"
}

@test "preflight: Pod Security, quotas and limits of the namespace" {
	kubectl label namespace "$NS" pod-security.kubernetes.io/enforce=restricted >/dev/null
	run -0 checked namespace --only namespace
	assert_output --regexp "^failed namespace $NS enforces the Pod Security level restricted"
	kubectl label namespace "$NS" pod-security.kubernetes.io/enforce=privileged --overwrite >/dev/null
	kubectl -n "$NS" create quota small --hard=pods=2,requests.storage=100Gi,limits.memory=8Gi,services.nodeports=0 >/dev/null
	run -0 checked namespace --only namespace --set SERVER_COUNT=3
	assert_line 'failed ResourceQuota small allows 2 of pods and nothing is in use: the virtual cluster needs 3'
	assert_line 'failed ResourceQuota small allows 100Gi of requests.storage and nothing is in use: the virtual cluster needs 3 times 50Gi'
	assert_line 'failed ResourceQuota small allows 0 of services.nodeports and nothing is in use: the virtual cluster needs 2'
	assert_line --regexp '^failed ResourceQuota small limits limits.memory, and the servers set none'
	kubectl -n "$NS" delete quota small >/dev/null
	kubectl -n "$NS" create quota fits --hard=pods=2,requests.storage=100Gi,limits.memory=8Gi >/dev/null
	kubectl -n "$NS" apply -f - >/dev/null <<-'END'
		{apiVersion: v1, kind: LimitRange, metadata: {name: range}, spec: {limits: [
		  {type: Container, default: {memory: 4Gi}}, {type: PersistentVolumeClaim, max: {storage: 100Gi}}]}}
	END
	run -0 checked namespace --only namespace
	assert_output "ok $NS accepts the servers"
	kubectl -n "$NS" delete limitrange range >/dev/null
	kubectl -n "$NS" apply -f - >/dev/null <<-'END'
		{apiVersion: v1, kind: LimitRange, metadata: {name: range}, spec: {limits: [
		  {type: Container, default: {memory: 512Mi}}, {type: PersistentVolumeClaim, max: {storage: 10Gi}}]}}
	END
	run -0 checked namespace --only namespace
	assert_line 'failed LimitRange range does not allow volumes of PVC_SIZE 50Gi'
	assert_line --regexp '^warning LimitRange range leaves a server less than 2 GB of memory'
}

@test "preflight: with few permissions, nothing unchecked is reported as ok" {
	own_account get namespaces
	rk3k preflight -c deploy.conf -o json >report.json 2>/dev/null || [[ $? -eq 1 ]]
	run -0 jq -r '[.checks[] | select(.detail | startswith("could not be determined")) | .check] as $u |
		.checks[] | select(.result == "ok" and ([.check] | inside($u))) | .check' report.json
	assert_output ""
	run -0 jq -r '[.checks[] | select(.detail | startswith("could not be determined")) | .check] | unique | join(" ")' report.json
	assert_output --regexp 'cluster .*existing .*ingress.* namespace .*networks .*nodes .*storage'
	run -0 jq -r '.checks[] | select(.detail | startswith("could not be determined")) | .result' report.json
	refute_line --regexp '^[^w]'
}
