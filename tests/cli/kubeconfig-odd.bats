#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# kubeconfig list, merge, remove: files with something odd in them are treated as kubectl treats them.
# No cluster; tests/plane/kubeconfig-odd.bats asks kubectl itself.
# shellcheck disable=SC2154 # stderr is set by run --separate-stderr

load ../helpers
load ../kubeconfigs.bash

setup_file() { odd_kubeconfigs "$BATS_FILE_TMPDIR/odd"; }

setup() {
	ODD=$BATS_FILE_TMPDIR/odd
	HOME=$BATS_TEST_TMPDIR/home
	export HOME
	unset KUBECONFIG
	mkdir -p "$HOME"
	cd "$BATS_TEST_TMPDIR" || return
	cat >good <<-'END'
		clusters: [{name: new, cluster: {server: "https://new.example:6443"}}]
		users: [{name: new, user: {token: abc}}]
		contexts: [{name: new, context: {cluster: new, user: new}}]
	END
}

kc() { "$RK3K_BIN/rk3k-kubeconfig" "$@"; }

# each VERDICT CMD...: CMD... FILE for every odd file of that verdict; says which ones fail.
each() {
	local f failed=0
	for f in "$ODD"/*."$1"; do
		"${@:2}" "$f" || {
			printf '%s: %s %s\n' "${f##*/}" "${output:-}" "${stderr:-}"
			failed=1
		}
	done
	return "$failed"
}

lists() {
	run --separate-stderr kc list -o name --kubeconfig "$1"
	[[ $status -eq 0 ]]
}

refuses() {
	run --separate-stderr kc list -o name --kubeconfig "$1"
	[[ $status -eq 1 && ${#stderr_lines[@]} -eq 1 && $stderr == *" $1:"* ]]
}

@test "kubeconfig list: what kubectl loads is listed" { each ok lists; }

@test "kubeconfig list: refuses what kubectl refuses, with file and reason" { each bad refuses; }

# One entry's odd spelling is no reason to refuse another one; a layout that cannot be edited is said.
merged_into() {
	local before
	cp "$1" target
	before=$(kc list -o name --kubeconfig target)
	run --separate-stderr kc merge -q --kubeconfig target good
	if [[ $status -eq 5 ]]; then
		[[ ${#stderr_lines[@]} -eq 1 && $stderr == *target:* ]] && cmp -s "$1" target
	else
		[[ $status -eq 0 ]] && diff <(sort <<<"$before"$'\ncontext/new' | sed '/^$/d') \
			<(kc list -o name --kubeconfig target | sort)
	fi
}

@test "kubeconfig merge: into what kubectl loads, and every context is still listed" {
	each ok merged_into
	run -0 grep -l new.example target
}

not_merged_into() {
	cp "$1" target
	run --separate-stderr kc merge -q --kubeconfig target good
	[[ $status -eq 1 && ${#stderr_lines[@]} -eq 1 && $stderr == *" target:"* ]] && cmp -s "$1" target
}

@test "kubeconfig merge: into what kubectl refuses: refused, and no byte is changed" { each bad not_merged_into; }

not_merged() {
	rm -f target
	run --separate-stderr kc merge -q --kubeconfig target "$1"
	[[ $status -ne 0 && ${#stderr_lines[@]} -eq 1 && ! -e target ]]
}

@test "kubeconfig merge: what kubectl refuses is never merged" { each bad not_merged; }

@test "kubeconfig merge: a field of the wrong type is named with file, line and path" {
	local name want
	while read -r name want; do
		run --separate-stderr -1 kc merge --kubeconfig target "$ODD/$name.bad"
		[[ $stderr == *"$ODD/$name.bad:"[0-9]*": $want"* ]] || {
			echo "$name: $stderr"
			return 1
		}
	done <<-'END'
		exec-args-number users[0].user.exec.args[1]: expected a string, found a number
		exec-env-number users[0].user.exec.env[0].value: expected a string, found a number
		exec-hint-number users[0].user.exec.installHint: expected a string, found a number
		bool-string clusters[0].cluster.disable-compression: expected true or false, found a string
		extensions-map clusters[0].cluster.extensions: expected a list, found a map
		data-blank clusters[0].cluster.certificate-authority-data: not base64 at byte 4
		data-folded clusters[0].cluster.certificate-authority-data: not base64 at byte 4
		name-twice contexts[1]: a second entry with the name "a"
	END
}
