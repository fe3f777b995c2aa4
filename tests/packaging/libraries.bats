#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The libraries that the programs need, and what is printed where they are missing: on a root that has
# libc and nothing else.

load ../helpers

# in_root CMD...: with the root directory of this test, which has no /proc to say where a program is.
in_root() {
	local enter=(chroot)
	[[ $(id -u) == 0 ]] || enter=(unshare -r chroot)
	RK3K_EXEC_PATH=/rk3k/libexec "${enter[@]}" "$ROOT" "$@"
}

# into_root FILE...: the files, under their own paths.
into_root() {
	local file
	for file; do
		mkdir -p "$ROOT$(dirname "$file")"
		cp -L "$file" "$ROOT$file"
	done
}

libraries() { ldd "$1" | grep -o '/[^ ]*'; }

setup() {
	BIN=$(dirname "$RK3K_BIN")/bin
	ROOT=$BATS_TEST_TMPDIR/root
	mkdir -p "$ROOT/dev" "$ROOT/rk3k/bin" "$ROOT/rk3k/libexec"
	touch "$ROOT/dev/null"
	cp "$BIN/kubectl-rk3k" "$ROOT/rk3k/bin"
	cp "$RK3K_BIN"/rk3k-{version,status,names} "$RK3K_BIN/tools.list" "$ROOT/rk3k/libexec"
	local files
	mapfile -t files < <(libraries "$BIN/kubectl-rk3k")
	into_root "${files[@]}"
}

@test "rk3k: the dispatcher needs libc alone" {
	run -0 readelf -dW "$BIN/kubectl-rk3k"
	assert_equal "$(grep -c '(NEEDED)' <<<"$output")" 1
	assert_line --partial 'libc.'
	run -0 in_root /rk3k/bin/kubectl-rk3k --help
	assert_line --partial 'deploy'
}

@test "rk3k: a missing library is named with the packages to install" {
	local tool
	for tool in version status; do
		run -3 in_root /rk3k/bin/kubectl-rk3k "$tool"
		assert_output --regexp '^rk3k: a library that the tools need is missing: lib[a-z0-9.-]+\.so\.[0-9.]+; install libcurl, .*apt-get install libcurl4'
		assert_equal "${#lines[@]}" 1
	done
	run in_root /rk3k/bin/kubectl-rk3k __complete version --
	assert_output ''
}

@test "rk3k: libraries at unusual paths are found by the loader" {
	local files file
	mapfile -t files < <(libraries "$RK3K_BIN/rk3k-version")
	mkdir "$ROOT/opt"
	for file in "${files[@]}"; do
		[[ -e $ROOT$file ]] || cp -L "$file" "$ROOT/opt"
	done
	export LD_LIBRARY_PATH=/opt
	run -0 in_root /rk3k/bin/kubectl-rk3k version
	assert_line --partial libyaml
}
