#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# answers.bats - what a tool believes of a server's answers, and what it sends to ask for them.
# shellcheck disable=SC2154 # stderr is set by run --separate-stderr

bats_require_minimum_version 1.5.0
bats_load_library bats-support
bats_load_library bats-assert
bats_load_library bats-file

setup_file() {
	export TOP BIN
	TOP=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
	BIN=$(cd "${RK3K_BIN:-$TOP/build/libexec}" && pwd)
	unset "${!RK3K_@}" KUBECONFIG http_proxy https_proxy HTTP_PROXY HTTPS_PROXY all_proxy ALL_PROXY || true
	export HOME=$BATS_FILE_TMPDIR
	cd "$BATS_FILE_TMPDIR" || return
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=standin \
		-addext subjectAltName=IP:127.0.0.1,DNS:k3k-rancher-service,DNS:rancher.example.com \
		-keyout tls.key -out tls.crt 2>/dev/null
}

setup() {
	unset "${!RK3K_@}" KUBECONFIG http_proxy https_proxy HTTP_PROXY HTTPS_PROXY all_proxy ALL_PROXY || true
	cd "$BATS_FILE_TMPDIR" || return
	jq -n --arg crt "$(base64 -w0 tls.crt)" --arg key "$(base64 -w0 tls.key)" \
		--rawfile ca tls.crt --rawfile cakey tls.key -f "$TOP/tests/cli/standin-objects.jq" >objects.json
	coproc api { exec "$TOP/tests/cli/standin-api" "$PWD" 3>&-; }
	read -r PORT <&"${api[0]}"
	export KUBECONFIG=$PWD/good/.kube/config PORT
}

teardown() { rm -f objects.json; }

# --- what is sent ----------------------------------------------------------------

@test "status: keys of TLS connections are not written to SSLKEYLOGFILE" {
	SSLKEYLOGFILE=$PWD/keys run --separate-stderr "$BIN/rk3k-status" -o name
	refute_output ""
	assert_file_not_exist "$PWD/keys"
}

@test "rk3k: a namespace that would change the request path is a usage error" {
	local ns
	for ns in .. . a/b '%2e%2e' ../../apis; do
		run -2 --separate-stderr "$BIN/rk3k-delete" secret/tls -n "$ns"
		assert_regex "$stderr" "^rk3k-delete: .*\"$ns\""
		run -2 --separate-stderr "$BIN/rk3k-apply" -n "$ns" <<<'{apiVersion: v1, kind: Secret, metadata: {name: a}}'
		assert_regex "$stderr" "^rk3k-apply: .*\"$ns\""
	done
}

@test "apply: a name or apiVersion that would change the request path is refused" {
	local object
	for object in 'apiVersion: ../../x, kind: Thing, metadata: {name: a}' 'apiVersion: v1, kind: Secret, metadata: {name: ..}' \
		'apiVersion: a/b/c, kind: Thing, metadata: {name: a}' 'apiVersion: "v1?x=", kind: Thing, metadata: {name: a}' \
		'apiVersion: v1, kind: Secret, metadata: {name: a/b}' 'apiVersion: v1, kind: Secret, metadata: {name: a, namespace: ..}'; do
		run -1 --separate-stderr "$BIN/rk3k-apply" -f - <<<"{$object}"
		assert_regex "$stderr" '(invalid|is no |: not )'
		run -1 --separate-stderr "$BIN/rk3k-delete" -f - <<<"{$object}"
	done
}

# --- what is believed ------------------------------------------------------------

# answers ANSWER [EVENT]: a server that gives this answer to every request, and floods watches with EVENT.
answers() {
	stop
	jq -n --argjson every "$1" --argjson flood "${2:-null}" \
		'{every: $every, kubeconfig: {apiVersion: "v1", kind: "Config", "current-context": "default",
		contexts: [{name: "default", context: {cluster: "default", user: "default"}}],
		clusters: [{name: "default", cluster: {server: "https://k3k-rancher-service", "certificate-authority-data": $crt}}],
		users: [{name: "default", user: {token: "TOKEN"}}]}} + if $flood then {flood: $flood} else {} end' \
		--arg crt "$(base64 -w0 tls.crt)" >objects.json
	start
}

again() {
	stop
	start
}

start() {
	coproc api { exec "$TOP/tests/cli/standin-api" "$PWD" 3>&-; }
	read -r PORT <&"${api[0]}"
}

stop() {
	local fd=${api[1]}
	exec {fd}>&-
	wait "$api_PID" || true
}

# Memory is bounded, too, where no sanitizer reserves terabytes.
limited() {
	if nm "$BIN/rk3k-apply" 2>/dev/null | grep -q __asan_init; then
		timeout 60 "$@"
	else
		(ulimit -v "${KB:-400000}" && timeout 20 "$@")
	fi
}

# doubted TOOL ARG...: exit 1 and an error that says so.
doubted() {
	run -1 --separate-stderr limited "$BIN/rk3k-$1" "${@:2}" </dev/null
	assert_regex "$stderr" "${SAYS:-unexpected answer from |not that of a Kubernetes API|no JSON}"
	refute_output --partial ' unchanged'
}

# every_tool: those that ask an API server, each about what it reads first.
every_tool() {
	echo '{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}' >object.yaml
	doubted status
	doubted status -A
	doubted apply -f object.yaml
	doubted apply -f object.yaml --dry-run
	doubted apply -f object.yaml --dry-run=server
	doubted delete secret/tls-rancher-ingress -n rancher-k3k
	doubted ingress status rancher-k3k/rancher
	doubted kubeconfig get rancher-k3k/rancher
	doubted kubeconfig generate rancher-k3k/rancher
	doubted credential rancher-k3k/rancher --no-cache
	doubted cert-sync rancher-k3k/rancher --host rancher.example.com
	doubted wait pod/a -n default --for exists --timeout 1s
	doubted passthrough apply --dry-run
}

@test "rk3k: {} for every request is an unexpected answer, exit 1" {
	answers '{}'
	every_tool
}

@test "rk3k: another kind for every request is an unexpected answer, exit 1" {
	answers '{"kind": "Status", "apiVersion": "v1", "status": "Success"}'
	every_tool
}

@test "rk3k: another object for every request is an unexpected answer, exit 1" {
	answers '{"kind": "Secret", "apiVersion": "v1", "metadata": {"name": "other", "namespace": "elsewhere"}}'
	every_tool
}

@test "rk3k: items that are not objects are an unexpected answer, exit 1" {
	answers '{"kind": "ClusterList", "apiVersion": "k3k.io/v1beta1", "metadata": {}, "items": [1]}'
	every_tool
}

@test "status -A: pages that never end are given up and reported" {
	# the list that is read first; the other one is not reached
	local list='{"kind": "StatefulSetList", "apiVersion": "apps/v1", "items": [], "metadata": {"resourceVersion": "1", "continue": '
	answers "$list\"COUNTER\"}}"
	SAYS='does not end: more than [0-9]+ pages' doubted status -A
	SAYS='does not end: more than [0-9]+ pages' doubted status -A --request-timeout 2s
	answers "$list\"same\"}}"
	SAYS='does not end: a page has the continue token' doubted status -A
}

@test "wait: a watch that floods is bounded in memory and time" {
	answers '{"kind": "PodList", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": []}' \
		'{"type": "ADDED", "object": {"kind": "Pod", "apiVersion": "v1",
		"metadata": {"name": "p-COUNTER", "namespace": "default", "uid": "u-COUNTER", "resourceVersion": "COUNTER"}}}'
	run --separate-stderr limited "$BIN/rk3k-wait" pod/a -n default --for exists --timeout 2s
	assert [ "$status" -ge 1 ]
	assert [ "$status" -le 4 ]
	answers '{"kind": "PodList", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": []}' '"{}"'
	run --separate-stderr limited "$BIN/rk3k-wait" pod/a -n default --for exists --timeout 1s
	assert [ "$status" -ge 1 ]
	assert [ "$status" -le 4 ]
}

@test "rk3k: answers of millions of values and of endless depth are refused within bounds" {
	echo '{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}' >object.yaml
	answers '"[COUNTER"'
	printf '{"items":[' >big
	yes 1, | tr -d '\n' | head -c 2000000 >>big
	printf '1]}' >>big
	doubted status -A
	jq -Rs '{every: .}' big >every
	jq -s '.[0] * .[1]' objects.json every >changed && mv changed objects.json
	again
	SAYS='too many values' doubted status -A
	SAYS='too many values' doubted apply -f object.yaml
	printf '%*s' 100000 '' | tr ' ' '[' | jq -Rs '{every: .}' >every
	jq -s '.[0] * .[1]' objects.json every >changed && mv changed objects.json
	again
	doubted status -A
}
