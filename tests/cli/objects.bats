#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# objects.bats - apply, delete and wait without a cluster: what is refused before one is asked.
# shellcheck disable=SC2154

load ../helpers

setup() {
	export HOME=$BATS_TEST_TMPDIR
	unset KUBECONFIG RK3K_TESTBED
}

tool() { run --separate-stderr rk3k "$@"; }

# bats test_tags=quick
@test "apply, delete, wait: --help says what they do, exit 0, nothing on stderr" {
	for t in apply delete wait; do
		tool "$t" --help
		assert_success
		assert_output --partial "kubectl rk3k $t"
		assert_equal "$stderr" ""
	done
}

@test "apply: bad input is refused before the first request" {
	tool apply <<<'apiVersion: v1'
	assert_failure 1
	assert_regex "$stderr" 'standard input:.*kind'
	tool apply -f /nonexistent.yaml
	assert_failure 3
	tool apply -f "$BATS_TEST_TMPDIR"
	assert_failure 1
	printf '{apiVersion: v1, kind: Secret, metadata: {name: x}}\n%s' "$(printf '[%.0s' {1..1000})" >"$HOME/deep.yaml"
	tool apply -f "$HOME/deep.yaml"
	assert_failure 1
	assert_equal "${#stderr_lines[@]}" 1
}

@test "apply: an error about damaged input shows nothing of a Secret" {
	tool apply <<-'END'
		apiVersion: v1
		kind: Secret
		metadata: {name: x}
		stringData: {p: hunter2, p: hunter3}
	END
	assert_failure 1
	refute_regex "$stderr" hunter
}

@test "apply: a Secret's stringData that is not a string is refused, not left out" {
	cat >"$HOME/config" <<-'END'
		current-context: here
		contexts: [{name: here, context: {cluster: here}}]
		clusters: [{name: here, cluster: {server: "https://127.0.0.1:1"}}]
	END
	tool apply --kubeconfig "$HOME/config" <<-'END'
		apiVersion: v1
		kind: Secret
		metadata: {name: x}
		stringData: {user: me, port: 8443}
	END
	assert_failure 1
	assert_regex "$stderr" 'standard input:4: stringData.port: expected a string, found a number; put the value in quotes'
	refute_regex "$stderr" 8443
}

@test "apply, delete, wait: no kubeconfig: one line, exit 3, what to do" {
	tool apply <<<'{apiVersion: v1, kind: Secret, metadata: {name: x}}'
	assert_failure 3
	assert_regex "$stderr" "no kubeconfig.*KUBECONFIG"
	tool delete secret/x
	assert_failure 3
	tool wait secret/x
	assert_failure 3
}

@test "delete: a credential plugin also runs where SIGCHLD is ignored" {
	cat >"$HOME/config" <<-'END'
		current-context: here
		contexts: [{name: here, context: {cluster: here, user: here}}]
		clusters: [{name: here, cluster: {server: "https://127.0.0.1:1"}}]
		users:
		- name: here
		  user:
		    exec:
		      apiVersion: client.authentication.k8s.io/v1beta1
		      command: sh
		      args: [-c, 'echo "{apiVersion: $V, kind: ExecCredential, status: {token: t}}"']
		      env: [{name: V, value: client.authentication.k8s.io/v1beta1}]
	END
	run --separate-stderr env --ignore-signal=CHLD "$RK3K_BIN/rk3k-delete" secret/x --kubeconfig "$HOME/config"
	assert_failure 1
	assert_regex "$stderr" 'connection refused'
}

@test "apply, delete, wait: wrong usage is exit 2" {
	tool apply --nonsense
	assert_failure 2
	tool apply extra
	assert_failure 2
	tool apply --dry-run=maybe
	assert_failure 2
	tool delete -f x secret/y
	assert_failure 2
	tool delete -o yaml secret/x
	assert_failure 2
	tool wait
	assert_failure 2
	tool wait secret/x --for=whatever
	assert_failure 2
	tool wait secret/x --timeout 5
	assert_failure 2
}
