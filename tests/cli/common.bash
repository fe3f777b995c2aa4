# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What the tests of the dispatcher and of the packages share: a home of their own, no variable of
# the user's that rk3k, helm or krew would obey, and the build's bin directory first on PATH.

bats_require_minimum_version 1.5.0

: "${RK3K_BIN:=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)/build/libexec}"
export RK3K_BIN

clean_environment() {
	bats_load_library bats-support
	bats_load_library bats-assert
	BIN=$(readlink -f "$RK3K_BIN/../bin")
	local name
	for name in "${!RK3K_@}" "${!HELM_@}" "${!KREW_@}" "${!XDG_@}" KUBECONFIG; do
		[[ $name == RK3K_BIN || $name == RK3K_CACHE ]] || unset "$name"
	done
	export HOME=$BATS_TEST_TMPDIR/home PATH=$BIN:$PATH BIN
	mkdir -p "$HOME"
	cd "$BATS_TEST_TMPDIR" || return
}

# An executable at PATH that runs the lines of standard input with bash.
program() { # PATH
	mkdir -p "$(dirname "$1")"
	{
		echo '#!/usr/bin/env bash'
		# the tool that writes settings into a pipe fails when its reader is gone
		[[ $1 != exec/rk3k-* ]] || echo '[[ ! -p /dev/stdin ]] || cat >/dev/null'
		cat
	} >"$1"
	chmod +x "$1"
}
