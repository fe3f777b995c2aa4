#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# ingress.bats - the host's Service and Ingress for Rancher.
# shellcheck disable=SC2154

load ../helpers

setup() {
	plane_home
	plane_namespace ingress
}

teardown() { kubectl delete namespace "$NS" --wait=false >/dev/null; }

ingress() { rk3k ingress "$1" "$NS/rancher" "${@:2}"; }

@test "ingress apply: makes Service and Ingress for every host" {
	run --separate-stderr -0 ingress apply --host a.example.com,b.example.com
	assert_output "service/rancher-k3k-traefik created
ingress.networking.k8s.io/rancher-k3k-ingress created"
	run -0 kubectl get ingress -n "$NS" rancher-k3k-ingress -o json
	assert_equal "$(jq -c '[.spec.rules[].host]' <<<"$output")" '["a.example.com","b.example.com"]'
	assert_equal "$(jq -c '[.spec.tls[].secretName] | unique' <<<"$output")" '["tls-rancher-ingress"]'
	assert_equal "$(jq -r '.spec.ingressClassName' <<<"$output")" nginx
	run -0 kubectl get service -n "$NS" rancher-k3k-traefik -o json
	assert_equal "$(jq -c '.spec.selector' <<<"$output")" '{"cluster":"rancher","role":"server"}'
}

@test "ingress apply: twice is unchanged, and a host less is taken away" {
	ingress apply --host a.example.com,b.example.com -q
	run --separate-stderr -0 ingress apply --host a.example.com,b.example.com
	assert_output --partial "rancher-k3k-ingress unchanged"
	run --separate-stderr -0 ingress apply --host a.example.com
	assert_output --partial "rancher-k3k-ingress configured"
	run -0 kubectl get ingress -n "$NS" rancher-k3k-ingress -o jsonpath='{.spec.rules[*].host}'
	assert_output a.example.com
}

@test "ingress apply: without --host keeps the hosts that are served" {
	ingress apply --host a.example.com -q
	run --separate-stderr -0 ingress apply
	assert_output --partial "rancher-k3k-ingress unchanged"
}

@test "ingress apply: objects under the newer scripts' names are replaced" {
	rk3k ingress render "$NS/rancher" --host a.example.com --service rancher-traefik --ingress rancher-ingress |
		kubectl apply -f - >/dev/null
	run --separate-stderr -0 ingress apply
	[[ $stderr == *rancher-ingress* ]]
	run -0 kubectl get ingress,service -n "$NS" -o name
	assert_output "ingress.networking.k8s.io/rancher-k3k-ingress
service/rancher-k3k-traefik"
	run -0 kubectl get ingress -n "$NS" rancher-k3k-ingress -o jsonpath='{.spec.rules[*].host}'
	assert_output a.example.com
}

@test "ingress apply: keeps an Ingress of the older name with another backend" {
	kubectl create ingress rancher-ingress -n "$NS" --rule='a.example.com/*=somewhere:80' >/dev/null
	run --separate-stderr -0 ingress apply --host b.example.com
	run -0 kubectl get ingress -n "$NS" rancher-ingress -o name
}

@test "ingress apply: a wrong flag is exit 2, no host is an error that says what to do" {
	run --separate-stderr -2 ingress apply --hots a
	[[ $stderr == *hots* ]]
	run --separate-stderr ingress apply
	[[ $status -eq 3 ]]
}

@test "ingress apply: --watch puts a deleted Ingress back" {
	background "$BATS_TEST_TMPDIR/out" ingress apply "$NS/rancher" --host a.example.com --watch
	within 10 kubectl get ingress -n "$NS" rancher-k3k-ingress
	kubectl delete ingress,service -n "$NS" --all >/dev/null
	within 10 kubectl get ingress -n "$NS" rancher-k3k-ingress
	within 10 kubectl get service -n "$NS" rancher-k3k-traefik
	ended TERM 143
}

@test "ingress status: names what is missing and exits 1" {
	run --separate-stderr -1 ingress status
	assert_output --regexp 'Service +rancher-k3k-traefik +missing'
	ingress apply --host a.example.com -q
	certificate "$BATS_TEST_TMPDIR" a.example.com
	kubectl create secret tls tls-rancher-ingress -n "$NS" --cert="$BATS_TEST_TMPDIR/tls.crt" --key="$BATS_TEST_TMPDIR/tls.key" >/dev/null
	run --separate-stderr -1 ingress status -o json
	[[ $stderr == *"Service $NS/rancher-k3k-traefik has no ready endpoint"* ]]
	assert_equal "$(jq -r '.service + .ingress + .secret' <<<"$output")" existsexistsexists
}

@test "ingress delete: takes all away, twice is fine" {
	ingress apply --host a.example.com -q
	run --separate-stderr -0 ingress delete
	assert_output --partial "ingress.networking.k8s.io/rancher-k3k-ingress deleted"
	run --separate-stderr -0 ingress delete
	assert_output ""
}

@test "ingress render: needs no cluster and agrees with apply" {
	rk3k ingress render "$NS/rancher" --host a.example.com | kubectl apply --server-side --field-manager=rk3k -f - >/dev/null
	run --separate-stderr -0 ingress apply --host a.example.com
	refute_output --partial configured
}
