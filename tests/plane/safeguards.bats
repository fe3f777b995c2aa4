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
	rk3k preflight -c doc.json --only hostname --no-headers ${FLAG:+"$FLAG"} 2>error | sed -n 's/^hostname *//p'
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
	assert_output --regexp "^failed +the Rancher in $NS/rancher is served as a.example.com, and the configuration has b.example.com: for a second Rancher set another NAMESPACE and CLUSTER; to rename this one use --rename-host$"
	FLAG=--rename-host run -0 hostname_check HOSTNAME=b.example.com
	assert_output --regexp '^warning +Rancher is renamed from a.example.com to b.example.com'
	run -0 hostname_check HOSTNAME=b.example.com CLUSTER=second
	assert_output ""
	run -0 hostname_check HOSTNAME=b.example.com INGRESS_NAME=another SERVICE_NAME=another
	assert_output --regexp '^failed '
	served a.example.com,b.example.com
	run -0 hostname_check HOSTNAMES=b.example.com,c.example.com
	assert_output --regexp '^failed .*served as a.example.com, b.example.com, and .* has b.example.com, c.example.com:'
}

@test "preflight: the host name of the rancher-k3k scripts' Ingress" {
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
		[[ $stderr == *"served as a.example.com, and the configuration has b.example.com"*"--rename-host"* ]]
	done
	run -0 audit_uris
	refute_output --regexp '^(create|update|patch|delete)'
	run --separate-stderr -0 rk3k deploy -c deploy.conf --yes -q --skip-preflight --rename-host --only ingress
	assert_output "service/rancher-k3k-traefik unchanged
ingress.networking.k8s.io/rancher-k3k-ingress configured"
}

# --- one run at a time ---

is_gone() { [[ $(kubectl get lease "$1" 2>&1) == *NotFound* ]]; }

holder() { kubectl get lease "$1" -o 'jsonpath={.spec.holderIdentity}'; }

# hold NAME FLAG...: in the background, until it is held.
hold() {
	background "$1.out" lease hold "$1" "${@:2}"
	within 10 grep -q held "$1.out"
}

@test "lease: held until the end, refused to others, then deleted" {
	local rc=0
	hold one
	assert_regex "$(holder one)" '^[^ ]+@[^ ]+:[0-9]+$'
	run --separate-stderr -5 rk3k lease hold one
	assert_output ""
	assert_regex "$stderr" "^rk3k-lease: lease $NS/one is held by .*@.*:[0-9]+; wait until that run ends; .* taken over in [0-9]+s$"
	kubectl get lease one
	ended TERM 143
	run -1 kubectl get lease one
	hold one --holder 'nightly backup'
	assert_equal "$(holder one)" 'nightly backup'
	kill -INT "$PID"
	kill -TERM "$PID" || true # it may have ended already
	within 2 gone "$PID"
	wait "$PID" || rc=$?
	assert_equal "$rc" 130
	run -1 kubectl get lease one
}

# script NAME [FLAG...]: a script that holds the Lease and is at work for long.
script() {
	# shellcheck disable=SC2016 # for the script
	printf 'exec 7< <(exec "$RK3K_BIN/rk3k-lease" hold %s) && read -ru 7 _ && exec sleep 30\n' "$*" >script
	"$RK3K_TOP/tests/env/exec" "$RK3K_TESTBED" env KUBECONFIG="$PLANE_KUBECONFIG" bash script >script.out 2>&1 3>&- &
	PID=$!
	within 10 kubectl get lease "$1"
}

renewed() { kubectl get lease "$1" -o 'jsonpath={.spec.renewTime}'; }
is_renewed() { [[ $(renewed "$1") != "$2" ]]; }

@test "lease: renewed in time; a script whose Lease is taken over is stopped" {
	script one --duration 1s
	before=$(renewed one)
	within 5 is_renewed one "$before"
	# what a machine that lost its power leaves behind
	kubectl patch lease one --type merge -p '{"spec": {"holderIdentity": "gone@elsewhere:1",
		"renewTime": "2020-01-01T00:00:00.000000Z"}}'
	within 5 gone "$PID"
	assert_regex "$(<script.out)" "lease $NS/one was taken over by another run: stopping"
	assert_equal "$(holder one)" gone@elsewhere:1
	hold one
	refute [ "$(holder one)" = gone@elsewhere:1 ]
	ended TERM 143
}

@test "lease: given back when the script that holds it is killed" {
	script one
	kill -KILL "$PID"
	within 5 is_gone one
}

@test "lease: taken over at once when its run was killed on this machine" {
	script one
	kill -KILL "$(pgrep -P "$PID")"
	# what renewed it was killed, but the script is still at work
	run --separate-stderr -5 rk3k lease hold one
	kill -KILL "$PID"
	within 5 gone "$PID"
	kubectl get lease one
	hold one
	ended TERM 143
	# another holder has written the Lease since
	script one
	kubectl patch lease one --type merge -p '{"spec": {"holderIdentity": "jane@elsewhere:1"}}'
	kill -KILL "$(pgrep -P "$PID")" "$PID"
	run --separate-stderr -5 rk3k lease hold one
}

@test "lease: wrong usage and a namespace that does not exist" {
	run --separate-stderr -2 rk3k lease hold one --duration 0
	run --separate-stderr -2 rk3k lease hold a/b/c
	run --separate-stderr -3 rk3k lease hold nowhere/one
	[[ $stderr == *"namespace nowhere does not exist"* ]]
}

# bats test_tags=quick
@test "deploy, destroy: a second run at the same time names the first, exit 5" {
	printf '%s\n' "NAMESPACE=$NS" HOSTNAME=a.example.com >deploy.conf
	hold rk3k-rancher --holder jane@laptop:4711
	own_audit
	run --separate-stderr -5 rk3k deploy -c deploy.conf --yes -q --skip-preflight
	assert_output ""
	assert_regex "$stderr" "lease $NS/rk3k-rancher is held by jane@laptop:4711"
	run --separate-stderr -5 rk3k destroy -c deploy.conf --yes -q
	assert_output ""
	assert_regex "$stderr" "lease $NS/rk3k-rancher is held by jane@laptop:4711"
	run -0 audit_uris
	refute_output --regexp '^(create|update|patch|delete)'
	ended TERM 143
	run --separate-stderr -0 rk3k deploy -c deploy.conf --yes -q --skip-preflight --only ingress
	assert_output --partial "ingress.networking.k8s.io/rancher-k3k-ingress created"
	run -1 kubectl get lease rk3k-rancher
}

@test "apply: a create-only object is never overwritten by parallel runs" {
	local i pids=()
	for i in {1..6}; do
		printf '%s\n' 'apiVersion: v1' 'kind: Secret' \
			'metadata: {name: once, annotations: {rk3k.io/create-only: "true"}}' "stringData: {word: \"$i\"}" >"$i.yaml"
	done
	own_audit
	for i in {1..6}; do
		rk3k apply -q -f "$i.yaml" >"$i.out" 2>&1 &
		pids+=($!)
	done
	for i in "${pids[@]}"; do wait "$i"; done
	run -0 cat ./*.out
	assert_equal "$(sort <<<"$output" | uniq -c | tr -s ' ')" " 1 secret/once created
 5 secret/once unchanged"
	word=$(kubectl get secret once -o 'jsonpath={.data.word}' | base64 -d)
	assert_output --partial created
	run -0 grep -l created ./*.out
	assert_output "./$word.out"
	run -0 audit_uris
	refute_output --partial patch
}
