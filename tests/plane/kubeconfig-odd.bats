#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What rk3k and kubectl make of the same kubeconfigs: those of tests/kubeconfigs.bash, what merge makes of
# them, and many made from a seed.
# bats file_tags=quick

load ../helpers
load ../kubeconfigs.bash

setup_file() { odd_kubeconfigs "$BATS_FILE_TMPDIR/odd"; }

setup() {
	ODD=$BATS_FILE_TMPDIR/odd
	cd "$BATS_TEST_TMPDIR" || return
}

@test "kubeconfig list: kubectl loads what it lists, and refuses what it refuses" {
	local f failed=0
	mkdir theirs
	# shellcheck disable=SC2016 # for the inner shell
	bed bash -c 'for f in "$1"/*; do
		kubectl config get-contexts -o name --kubeconfig "$f" >"theirs/${f##*/}" 2>&1 && echo "$f"; done' - "$ODD" >loaded
	for f in "$ODD"/*; do
		if grep -qxF "$f" loaded; then
			[[ $f == *.ok ]] && "$RK3K_BIN/rk3k-kubeconfig" list -o name --kubeconfig "$f" |
				sed 's|^context/||' | diff <(sort "theirs/${f##*/}") <(sort) && continue
		else
			[[ $f == *.bad ]] && continue
		fi
		echo "$f: $(<"theirs/${f##*/}")"
		failed=1
	done
	[ "$failed" -eq 0 ]
}

@test "kubeconfig merge: every file it writes is read by Go's readers as by ours" {
	local f merged=()
	cat >good <<-'END'
		clusters: [{name: new, cluster: {server: "https://new.example:6443"}}]
		users: [{name: new, user: {token: abc}}]
		contexts: [{name: new, context: {cluster: new, user: new}}]
	END
	for f in "$ODD"/*.ok; do
		cp "$f" "${f##*/}"
		"$RK3K_BIN/rk3k-kubeconfig" merge -q --kubeconfig "${f##*/}" good >/dev/null 2>&1 || continue
		"$RK3K_BIN/rk3k-kubeconfig" list -o name --kubeconfig "${f##*/}" | grep -x context/new
		merged+=("$PWD/${f##*/}")
	done
	[ "${#merged[@]}" -gt 20 ]
	mkdir made
	run -0 bed kubeconfigs -reader "$RK3K_BIN/../unit/kubeconfigs" -n 0 made "${merged[@]}" "$ODD"/*
	assert_output --partial "0 differences"
}

@test "kubeconfig: 2000 files made from a seed are read as Go's readers read them" {
	mkdir made
	run -0 bed kubeconfigs -reader "$RK3K_BIN/../unit/kubeconfigs" -seed 1 -n 2000 "$PWD/made"
	assert_output --regexp '^0 differences, [0-9]{3,} loaded$'
}
