#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What the compiler and the linker were asked for, read from the binaries, and what a running tool
# lets other processes of its user see.
# shellcheck disable=SC2016 # not to be expanded here

load ../helpers

setup() {
	BUILD=$(dirname "$RK3K_BIN")
	TOP=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
	local file
	PROGRAMS=()
	for file in "$BUILD"/bin/kubectl-rk3k "$RK3K_BIN"/rk3k-*; do
		[[ $(head -c 4 "$file") != $'\177ELF' ]] || PROGRAMS+=("$file")
	done
	[[ ${#PROGRAMS[@]} -gt 10 ]] # the tools in C and the dispatcher
}

@test "build: every program is position-independent with full RELRO" {
	local file
	for file in "${PROGRAMS[@]}"; do
		run -0 readelf -hlW "$file"
		assert_line --regexp '^ *Type: *DYN '
		assert_line --regexp '^ *GNU_RELRO '
		assert_line --regexp '^ *GNU_STACK .* RW +0x'
		refute_line --regexp ' RWE '
		run -0 readelf -dW "$file"
		assert_line --partial BIND_NOW
		assert_line --regexp 'FLAGS_1.* PIE'
		refute_line --regexp '\((RPATH|RUNPATH|TEXTREL)\)'
	done
}

@test "build: every program uses the checked functions and stack canaries" {
	local file
	for file in "${PROGRAMS[@]}"; do
		run -0 readelf -W --dyn-syms "$file"
		assert_line --regexp ' __(v?snprintf|memcpy|vasprintf)_chk@'
		assert_line --regexp ' __stack_chk_fail@'
	done
}

@test "build: every object of the library is made for IBT and shadow stacks on x86" {
	[[ $(uname -m) == x86_64 ]] || return 0
	run -0 readelf -n "$BUILD/librk3k.a"
	assert_equal "$(grep -c 'x86 feature: IBT, SHSTK' <<<"$output")" "$(ar t "$BUILD/librk3k.a" | wc -l)"
}

@test "build: no program and no debug information names the build directory" {
	run grep -lF -e "$TOP" -e "$HOME/" "${PROGRAMS[@]}" "$BUILD/librk3k.a"
	[[ $status -eq 1 ]] || fail "$output"
}

# --- a running tool ---

NOBODY=(setpriv --reuid=65534 --regid=65534 --clear-groups --)

# A directory that such a user may use.
open_directory() {
	OPEN=$(mktemp -d /tmp/rk3k-hardening.XXXXXX)
	chmod 755 "$OPEN"
	cp "$RK3K_BIN/rk3k-kubeconfig" "$RK3K_BIN/rk3k-config" "$OPEN"
	printf 'contexts: [{name: c, context: {cluster: c, user: u}}]\n' >"$OPEN/config"
}

teardown() {
	[[ -z ${STARTED:-} ]] || kill "${STARTED[@]}" || true
	[[ -z ${OPEN:-} ]] || rm -rf "$OPEN"
}

reads_environ() { "${NOBODY[@]}" cat "/proc/$1/environ"; }

@test "running tool: another process of the user cannot read its environment or memory" {
	open_directory
	mkfifo -m 666 "$OPEN/pipe"
	"${NOBODY[@]}" sleep 60 3>&- &
	local other=$! pid
	STARTED=("$other")
	"${NOBODY[@]}" env SECRET=x "$OPEN/rk3k-kubeconfig" list --kubeconfig "$OPEN/pipe" >/dev/null 2>&1 3>&- &
	pid=$!
	STARTED+=("$pid")
	within 5 grep -q 'Max core file size  *1  *1 ' "/proc/$pid/limits"
	within 5 reads_environ "$other" >/dev/null
	run reads_environ "$pid"
	assert_failure
	assert_output --partial 'Permission denied'
	assert_equal "$(stat -c %u "/proc/$pid/mem")" 0
}

@test "running tool: an unprivileged user passes files by descriptor" {
	open_directory
	run -0 "${NOBODY[@]}" bash -c 'exec 9<"$2/config"
		rm -f "$2/none"
		"$1" list --kubeconfig /dev/fd/9' - "$OPEN/rk3k-kubeconfig" "$OPEN"
	assert_output --partial c
	run -0 "${NOBODY[@]}" bash -c '"$1" list --kubeconfig <(cat "$2")' - "$OPEN/rk3k-kubeconfig" "$OPEN/config"
	assert_output --partial c
}

@test "running tool: the shell tools write no core dump either" {
	local file
	for file in "$RK3K_BIN"/rk3k-*; do
		[[ $(head -c 2 "$file") != '#!' ]] || assert_file_contains "$file" '^source .*/wrapper\.bash"$'
	done
	run -0 bash -c 'ulimit -Sc hard; source "$1/wrapper.bash"; ulimit -Sc' rk3k-test "$RK3K_BIN"
	assert_output 0
}
