#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# passthrough.bats - the host's HelmChartConfig is merged and put back. The host of the bed has no
# helm-controller, so its CRD is made here and nothing acts on the object.
# shellcheck disable=SC2154

load ../helpers

setup_file() {
	kubectl apply -f - >/dev/null <<-'END'
		apiVersion: apiextensions.k8s.io/v1
		kind: CustomResourceDefinition
		metadata: {name: helmchartconfigs.helm.cattle.io}
		spec:
		  group: helm.cattle.io
		  scope: Namespaced
		  names: {kind: HelmChartConfig, listKind: HelmChartConfigList, plural: helmchartconfigs, singular: helmchartconfig}
		  versions:
		  - name: v1
		    served: true
		    storage: true
		    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
	END
	kubectl wait --for=condition=Established crd/helmchartconfigs.helm.cattle.io --timeout=20s >/dev/null
}

teardown_file() { kubectl delete crd helmchartconfigs.helm.cattle.io >/dev/null; }

setup() {
	plane_home
	within 5 kubectl delete helmchartconfig -n kube-system rke2-ingress-nginx --ignore-not-found
}

values() { kubectl get helmchartconfig -n kube-system rke2-ingress-nginx -o 'jsonpath={.spec.valuesContent}'; }

give() { # VALUES
	jq -n --arg v "$1" '{apiVersion: "helm.cattle.io/v1", kind: "HelmChartConfig",
		metadata: {name: "rke2-ingress-nginx", namespace: "kube-system"}, spec: {valuesContent: $v}}' |
		kubectl apply -f - >/dev/null
}

@test "passthrough apply: merges into values with two-space indents, keeping the rest" {
	give $'# mine\ncontroller:\n  extraArgs:\n    v: "2"\n  kind: DaemonSet\nother: [1, 2]\n'
	run --separate-stderr -0 rk3k passthrough apply
	assert_output "helmchartconfig.helm.cattle.io/rke2-ingress-nginx configured"
	run -0 values
	local json
	json=$(python3 -c 'import sys, yaml, json; json.dump(yaml.safe_load(sys.stdin), sys.stdout)' <<<"$output")
	assert_equal "$(jq -cS .controller.extraArgs <<<"$json")" '{"enable-ssl-passthrough":"true","v":"2"}'
	assert_equal "$(jq -c '[.controller.kind, .other]' <<<"$json")" '["DaemonSet",[1,2]]'
}

@test "passthrough apply: twice is unchanged; revert puts the very bytes back" {
	local before=$'# mine\ncontroller:\n    extraArgs: {v: "2"} # here\n'
	give "$before"
	rk3k passthrough apply
	run --separate-stderr -0 rk3k passthrough apply
	assert_output --partial unchanged
	run --separate-stderr -0 rk3k passthrough revert
	assert_output --partial reverted
	values >"$BATS_TEST_TMPDIR/after"
	printf '%s' "$before" | cmp - "$BATS_TEST_TMPDIR/after"
}

@test "passthrough apply: no object yet: made, and deleted by revert" {
	run --separate-stderr -0 rk3k passthrough apply
	assert_output --partial created
	run --separate-stderr -0 rk3k passthrough revert
	assert_output --partial deleted
	run ! kubectl get helmchartconfig -n kube-system rke2-ingress-nginx
}

@test "passthrough revert: what was changed since keeps the change" {
	give $'controller:\n  replicas: 1\n'
	rk3k passthrough apply
	kubectl patch helmchartconfig -n kube-system rke2-ingress-nginx --type merge \
		-p '{"spec":{"valuesContent":"controller:\n  replicas: 3\n  extraArgs:\n    enable-ssl-passthrough: \"true\"\n"}}' >/dev/null
	run --separate-stderr -0 rk3k passthrough revert
	run -0 values
	assert_output --partial "replicas: 3"
	refute_output --partial passthrough
}

@test "passthrough revert: keeps what was enabled before" {
	give $'controller:\n  extraArgs:\n    enable-ssl-passthrough: "true"\n'
	rk3k passthrough apply
	run --separate-stderr -0 rk3k passthrough revert
	assert_output --partial "left as it is"
	run -0 values
	assert_output --partial passthrough
}

@test "passthrough apply: values that cannot be understood are refused, exit 5" {
	give $'controller: [1]\n'
	run --separate-stderr -5 rk3k passthrough apply
	[[ $stderr == *extraArgs* ]]
	give $'- 1\n'
	run --separate-stderr -5 rk3k passthrough apply
	give $'a: b: c\n'
	run --separate-stderr -1 rk3k passthrough apply
	assert_equal "$(values)" "a: b: c"
}
