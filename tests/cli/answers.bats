#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# answers.bats - what a tool sends to a server. What it believes of the answers: tests/plane/liar.bats.
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
