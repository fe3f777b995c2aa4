#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# kube.bats - what every tool does towards a real API server: credentials that are renewed, pages,
# warnings, limits, and a server that is restarted under it.
# shellcheck disable=SC2154

load ../helpers
load ../audit
load own

setup_file() { own_up 127.77.0.4; }
teardown_file() { own_down; }
setup() { own_home; }

apply() { run --separate-stderr rk3k apply "$@"; }

config_map() { printf 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: %s\n' "$1"; }

config_maps() { # COUNT LABELS
	jq -n --argjson n "$1" --argjson l "$2" '{apiVersion: "v1", kind: "List", items:
		[range($n) | {apiVersion: "v1", kind: "ConfigMap", metadata: {name: "c\(.)", labels: $l}}]}'
}

# plugin: a credential program that gives a wrong token first; it counts its runs in RUNS.
plugin() {
	RUNS=$BATS_TEST_TMPDIR/runs
	kubectl create token default >"$BATS_TEST_TMPDIR/token"
	cat >"$BATS_TEST_TMPDIR/plugin" <<-END
		#!/bin/sh
		echo run >>$RUNS
		token=wrong
		[ "\$(wc -l <$RUNS)" -le $1 ] || token=\$(cat $BATS_TEST_TMPDIR/token)
		printf '{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","status":{"token":"%s"}}' "\$token"
	END
	chmod +x "$BATS_TEST_TMPDIR/plugin"
	kubectl create rolebinding all --clusterrole admin --serviceaccount "$NS:default" >/dev/null
	kubectl config set-credentials plugin --exec-command "$BATS_TEST_TMPDIR/plugin" \
		--exec-api-version client.authentication.k8s.io/v1 --exec-interactive-mode Never >/dev/null
	kubectl config set-context default --user plugin >/dev/null
}

@test "kube: after a 401 the credential plugin runs again and the request is repeated" {
	within 20 kubectl get serviceaccount default
	plugin 1
	apply <<<"$(config_map a)"
	assert_success
	assert_output "configmap/a created"
	assert_equal "$(wc -l <"$RUNS")" 2
}

@test "kube: a credential program that gives nothing better: one line, exit 1" {
	within 20 kubectl get serviceaccount default
	plugin 99
	apply <<<"$(config_map a)"
	assert_failure 1
	assert_regex "${stderr_lines[-1]}" "does not accept the credentials"
	assert_equal "$(wc -l <"$RUNS")" 2
}

@test "kube: a warning of the server is printed once" {
	apply <<-END
		{apiVersion: v1, kind: Endpoints, metadata: {name: a}}
		---
		{apiVersion: v1, kind: Endpoints, metadata: {name: b}}
	END
	assert_success
	run grep -c 'warning: .*Endpoints is deprecated' <<<"$stderr"
	assert_output 1
}

@test "kube: what is too large is refused in one line" {
	head -c 1200000 /dev/zero | tr '\0' x >"$BATS_TEST_TMPDIR/big"
	jq -n --rawfile b "$BATS_TEST_TMPDIR/big" \
		'{apiVersion: "v1", kind: "ConfigMap", metadata: {name: "big"}, data: {b: $b}}' \
		>"$BATS_TEST_TMPDIR/big.json"
	apply -q -f "$BATS_TEST_TMPDIR/big.json"
	assert_failure 1
	assert_regex "$stderr" "1048576"
	jq '.data.c = .data.b | .data.d = .data.b' "$BATS_TEST_TMPDIR/big.json" >"$BATS_TEST_TMPDIR/huge.json"
	apply -q -f "$BATS_TEST_TMPDIR/huge.json"
	assert_failure 1
	assert_equal "${#stderr_lines[@]}" 1
}

@test "kube: long lists come in pages, and a restart under them loses nothing" {
	config_maps 520 '{"x": "1"}' >"$BATS_TEST_TMPDIR/many.json"
	(
		sleep 0.5
		bed plane stop "$OWN" kube-apiserver
		bed plane start "$OWN"
	) >/dev/null 2>&1 3>&- &
	apply -q -f "$BATS_TEST_TMPDIR/many.json"
	assert_success
	assert_equal "${#lines[@]}" 520
	wait
	own_audit
	run --separate-stderr rk3k delete -l x=1 configmaps --dry-run=client -o name
	assert_success
	assert_equal "${#lines[@]}" 520
	run grep '^list' < <(audit_uris)
	assert_line --index 0 "list /api/v1/namespaces/$NS/configmaps?limit=500&labelSelector=x=1 200"
	assert_line --index 1 --partial "&continue="
	assert_equal "${#lines[@]}" 2
}
