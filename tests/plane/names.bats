#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# names and completion: what a cluster knows.

load ../helpers

setup() {
	plane_home
	plane_namespace names
	bed kubectl get crd clusters.k3k.io >/dev/null 2>&1 || crd
	local ns
	for ns in "$NS" rancher-k3k; do
		bed kubectl create namespace "$ns" >/dev/null 2>&1 || true
		cluster "$ns" "c-$NS"
	done
}

# k3k's own definition must find its place free.
teardown_file() {
	kubectl delete crd -l made-by=names.bats --ignore-not-found >/dev/null
}

teardown() {
	kubectl delete clusters.k3k.io -A -l "test=$NS" --wait=false >/dev/null
}

# Enough of k3k's own definition to hold a name; the controller is not there.
crd() {
	kubectl apply -f - >/dev/null <<-'EOF'
		apiVersion: apiextensions.k8s.io/v1
		kind: CustomResourceDefinition
		metadata: {name: clusters.k3k.io, labels: {made-by: names.bats}}
		spec:
		  group: k3k.io
		  scope: Namespaced
		  names: {kind: Cluster, plural: clusters, singular: cluster}
		  versions:
		  - name: v1beta1
		    served: true
		    storage: true
		    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
	EOF
	kubectl wait --for=condition=Established crd/clusters.k3k.io >/dev/null
}

cluster() { # NAMESPACE NAME
	printf '{"apiVersion":"k3k.io/v1beta1","kind":"Cluster","metadata":{"name":"%s","namespace":"%s","labels":{"test":"%s"}}}' \
		"$2" "$1" "$NS" | kubectl apply -f - >/dev/null
}

@test "names: virtual clusters, short in the usual namespace, with it elsewhere" {
	run -0 rk3k names cluster
	assert_line "c-$NS"
	assert_line "$NS/c-$NS"
	run -0 rk3k names cluster -n "$NS"
	assert_line "c-$NS"
	refute_line --partial /
	run -0 rk3k names cluster -A
	assert_line "rancher-k3k/c-$NS"
}

@test "names: namespaces" {
	run -0 rk3k names namespace
	assert_line "$NS"
	assert_line kube-system
	assert_equal "$(rk3k names ns)" "$output"
	assert_equal "$(rk3k names clusters -n "$NS")" "c-$NS"
}

@test "names, status -A: -l selects by labels; --sort-by, jsonpath and custom-columns" {
	run -0 rk3k names cluster -A -l "test=$NS"
	assert_line "rancher-k3k/c-$NS"
	assert_equal "${#lines[@]}" 2
	run -0 rk3k names ns -l "kubernetes.io/metadata.name=$NS"
	assert_output "$NS"
	run -2 rk3k names ctx -l a=b
	run -0 rk3k status -A -l "test=$NS" --sort-by .metadata.namespace --no-headers \
		-o custom-columns=NS:.metadata.namespace,N:.metadata.name
	assert_output --regexp "^$NS +c-$NS"$'\n'"rancher-k3k +c-$NS$|^rancher-k3k +c-$NS"$'\n'"$NS +c-$NS$"
	run -0 rk3k status -A -l "test=$NS" -o jsonpath='{.items[*].metadata.name}'
	assert_output "c-$NS c-$NS"
	assert_equal "$(kubectl get clusters.k3k.io -A -l "test=$NS" -o jsonpath='{.items[*].metadata.name}')" "$output"
	run -2 rk3k status -l a=b
}

@test "completion: names of virtual clusters, behind the flags typed so far" {
	run -0 rk3k status __complete -n "$NS" c-
	assert_output $'c-'"$NS"$'\n:4'
	run -0 rk3k names __complete --namespace=kube-s
	assert_line kube-system
}

@test "names: with permission for one namespace, lists that one" {
	kubectl create serviceaccount one -n "$NS" >/dev/null
	kubectl create role see -n rancher-k3k --verb=list --resource=clusters.k3k.io \
		--dry-run=client -o yaml | kubectl apply -f - >/dev/null
	kubectl create rolebinding "see-$NS" -n rancher-k3k --role=see --serviceaccount="$NS:one" >/dev/null
	run -0 rk3k names cluster --as "system:serviceaccount:$NS:one"
	assert_line "c-$NS"
	refute_line --partial /
	run -5 rk3k names namespace --as "system:serviceaccount:$NS:one"
}
