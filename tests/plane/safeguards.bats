#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# safeguards.bats - what is refused before the first change: another host name for a Rancher that exists,
# and a second deployment at the same time. The plane is the host and the inside at once.
# shellcheck disable=SC2154

load ../helpers
load ../audit
load own

setup_file() {
	own_up 127.77.0.42
	own_crd k3k.io v1beta1 Cluster clusters
	own_crd helm.cattle.io v1 HelmChart helmcharts
}
teardown_file() { own_down; }
setup() {
	own_home
	cd "$BATS_TEST_TMPDIR" || return
}

# hostname_check KEY=VALUE...: preflight's check alone, with these settings.
hostname_check() {
	printf '%s\n' "NAMESPACE=$NS" "$@" >deploy.conf
	rk3k config -c deploy.conf --no-prompt -q >doc.json
	rk3k preflight -c doc.json --hostname-only --no-headers ${FLAG:+"$FLAG"} 2>error | sed -n 's/^hostname *//p'
}

served() { rk3k ingress apply "$NS/rancher" --host "$1" -q >/dev/null; }

@test "preflight: host names of the existing Rancher may be added to, not exchanged" {
	run -0 hostname_check HOSTNAME=a.example.com
	assert_output ""
	served a.example.com
	run -0 hostname_check HOSTNAME=A.example.com
	assert_output --regexp '^ok +Rancher is served as a.example.com$'
	run -0 hostname_check HOSTNAMES=b.example.com,a.example.com
	assert_output --regexp '^ok '
	run -0 hostname_check HOSTNAME=b.example.com
	assert_output --regexp "^failed +the Rancher in $NS/rancher is served as a.example.com, and the configuration says b.example.com: for a second Rancher set another NAMESPACE and CLUSTER; to rename this one use --rename-host$"
	FLAG=--rename-host run -0 hostname_check HOSTNAME=b.example.com
	assert_output --regexp '^warning +Rancher is renamed from a.example.com to b.example.com'
	run -0 hostname_check HOSTNAME=b.example.com CLUSTER=second
	assert_output ""
	run -0 hostname_check HOSTNAME=b.example.com INGRESS_NAME=another SERVICE_NAME=another
	assert_output --regexp '^failed '
	served a.example.com,b.example.com
	run -0 hostname_check HOSTNAMES=b.example.com,c.example.com
	assert_output --regexp '^failed .*served as a.example.com, b.example.com, and .* says b.example.com, c.example.com:'
}

@test "preflight: the host name of the rancher-k3k scripts' Ingress, and of one that is not exposed" {
	rk3k ingress render "$NS/rancher" --host a.example.com --service rancher-traefik --ingress rancher-ingress |
		sed '/rk3k/d' | kubectl apply -f - >/dev/null
	run -0 hostname_check HOSTNAME=b.example.com
	assert_output --regexp '^failed .* is served as a.example.com'
	kubectl delete ingress --all >/dev/null
	own_virtual
	run -0 hostname_check HOSTNAME=b.example.com
	assert_output ""
	printf '%s\n' 'apiVersion: helm.cattle.io/v1' 'kind: HelmChart' 'metadata: {name: rancher, namespace: kube-system}' \
		'spec: {set: {hostname: a.example.com}}' | kubectl apply -f - >/dev/null
	run -0 hostname_check HOSTNAME=b.example.com
	assert_output --regexp '^failed .* is served as a.example.com'
	kubectl patch helmchart rancher -n kube-system --type merge \
		-p '{"spec": {"set": null, "valuesContent": "hostname: c.example.com\n"}}' >/dev/null
	run -0 hostname_check HOSTNAME=b.example.com
	assert_output --regexp '^failed .* is served as c.example.com'
	kubectl delete helmchart rancher -n kube-system >/dev/null
}

# bats test_tags=quick
@test "deploy: refuses another host name for the existing Rancher, whatever is skipped" {
	served a.example.com
	printf '%s\n' "NAMESPACE=$NS" HOSTNAME=b.example.com >deploy.conf
	own_audit
	for flag in --skip-preflight --dry-run=server '--only ingress'; do
		# shellcheck disable=SC2086 # words
		run --separate-stderr -1 rk3k deploy -c deploy.conf --yes -q --skip-preflight $flag
		assert_output ""
		[[ $stderr == *"served as a.example.com, and the configuration says b.example.com"*"--rename-host"* ]]
	done
	run -0 audit_uris
	refute_output --regexp '^(create|update|patch|delete)'
	run --separate-stderr -0 rk3k deploy -c deploy.conf --yes -q --skip-preflight --rename-host --only ingress
	assert_output "service/rancher-k3k-traefik unchanged
ingress.networking.k8s.io/rancher-k3k-ingress configured"
}
