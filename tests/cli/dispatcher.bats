#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# rk3k: finding tools, listing them, wrong words; the layouts it can be in.

load common

setup() {
	clean_environment
}

# A tool that says what it was called with.
echo_tool() { # PATH
	program "$1" <<-'EOF'
		[[ ${1:-} != __complete ]] || { printf '%s\n' "--from-the-tool ${*:2}" :4; exit; }
		printf '%s|' "${0##*/}" "$@"
		echo "path=${PATH%%:*}"
	EOF
}

@test "rk3k: without words it lists every tool with its summary" {
	run -0 --separate-stderr kubectl-rk3k
	assert_output --partial 'kubectl rk3k TOOL [flags]'
	assert_equal "$stderr" ''
	while IFS=$'\t' read -r name summary; do
		assert_line "$(printf '  %-20s %s' "$name" "$summary")"
	done <"$RK3K_BIN/tools.list"
}

@test "rk3k: -h, --help and help are the same" {
	run -0 kubectl-rk3k --help
	local long=$output
	run -0 kubectl-rk3k -h
	assert_output "$long"
	run -0 kubectl-rk3k help
	assert_output "$long"
}

@test "rk3k: every tool answers --summary, --help and __complete" {
	local name names
	mapfile -t names < <(cut -f1 "$RK3K_BIN/tools.list")
	for name in "${names[@]}"; do
		run -0 --separate-stderr "$RK3K_BIN/rk3k-$name" --summary
		assert_equal "${#lines[@]}" 1
		run -0 --separate-stderr "$RK3K_BIN/rk3k-$name" --help
		assert_output --partial "kubectl rk3k $name"
		assert_output --partial 'Exit '
		assert_equal "$stderr" ''
		run -0 --separate-stderr "$RK3K_BIN/rk3k-$name" __complete -
		assert_line --regexp '^:[0-9]+$'
		assert_equal "$stderr" ''
	done
}

@test "rk3k: help TOOL VERB is TOOL VERB --help" {
	run -0 kubectl-rk3k help version
	local help=$output
	run -0 kubectl-rk3k version --help
	assert_output "$help"
}

@test "rk3k: _ and - are the same in a tool's name" {
	run -0 kubectl-rk3k install_completion --help
	assert_output --partial 'kubectl rk3k install-completion'
}

@test "rk3k: an unknown tool is wrong usage and gets the nearest name" {
	run -2 --separate-stderr kubectl-rk3k versoin
	assert_equal "$stderr" 'rk3k: unknown tool "versoin"; did you mean version?'
	assert_output ''
	run -2 --separate-stderr kubectl-rk3k zzzzzz
	assert_equal "$stderr" 'rk3k: unknown tool "zzzzzz"; kubectl rk3k --help lists them'
}

@test "rk3k: a path is not the name of a tool" {
	echo_tool "$PWD/rk3k-evil"
	run -2 kubectl-rk3k "../../..$PWD/evil"
	run -2 kubectl-rk3k ''
}

@test "rk3k: flags before the tool are refused with the way to say it" {
	run -2 kubectl-rk3k -n x version
	assert_output 'rk3k: unknown flag -n; flags follow the tool: kubectl rk3k TOOL -n'
}

@test "rk3k: a tool of the user's on PATH runs, is listed, and completes" {
	echo_tool "$PWD/my tools/rk3k-my-tool"
	PATH=$PATH:$PWD/my\ tools
	run -0 kubectl-rk3k my_tool -x 'a b' ''
	assert_output --partial 'rk3k-my-tool|-x|a b||'
	run -0 kubectl-rk3k --help
	assert_line --partial "(yours, in $PWD/my tools)"
	run -0 kubectl-rk3k __complete my-tool a b
	assert_line --index 0 '--from-the-tool a b'
}

@test "rk3k: own tools come before the user's of the same name" {
	echo_tool "$PWD/bin/rk3k-version"
	PATH=$PWD/bin:$PATH run -0 kubectl-rk3k version
	assert_output --partial 'libcurl'
}

@test "rk3k: RK3K_EXEC_PATH comes first, and leads on PATH" {
	echo_tool "$PWD/wrap/rk3k-version"
	RK3K_EXEC_PATH=$PWD/wrap run -0 kubectl-rk3k version
	assert_output "rk3k-version|path=$PWD/wrap"
}

@test "rk3k: exit codes and signals of tools come through" {
	program bin/rk3k-seven <<<'exit 7'
	program bin/rk3k-killed <<<'kill -TERM $$'
	PATH=$PATH:$PWD/bin
	run -7 kubectl-rk3k seven
	run -143 kubectl-rk3k killed
}

@test "rk3k: finds its tools in every layout, through links, in awkward places" {
	local layout dir
	for layout in libexec/rk3k:bin libexec:bin libexec:.; do
		dir="$PWD/a@b d\$e😀-${layout//[:\/]/_}"
		mkdir -p "$dir/${layout#*:}" "$dir/${layout%:*}" links
		cp "$BIN/kubectl-rk3k" "$dir/${layout#*:}/"
		echo_tool "$dir/${layout%:*}/rk3k-here"
		ln -sf "$dir/${layout#*:}/kubectl-rk3k" links/kubectl-rk3k
		run -0 links/kubectl-rk3k here x
		assert_output --partial 'rk3k-here|x|'
	done
}

# bats test_tags=slow,programs
@test "rk3k: make install puts a working suite into a prefix" {
	(umask 077 && make -s -C "$BATS_TEST_DIRNAME/../.." B="$(dirname "$BIN")" DESTDIR="$PWD/ro ot" PREFIX=/usr install)
	run -0 find "ro ot/usr" -mindepth 1 ! -perm -004
	assert_output ''
	PATH="$PWD/ro ot/usr/bin:/usr/bin:/bin" run -0 kubectl-rk3k version -o name
	assert_output "$("$BIN/kubectl-rk3k" version -o name)"
	assert [ -s "ro ot/usr/share/man/man1/kubectl-rk3k.1" ]
	assert [ -s "ro ot/usr/share/zsh/site-functions/_kubectl-rk3k" ]
	make -s -C "$BATS_TEST_DIRNAME/../.." B="$(dirname "$BIN")" DESTDIR="$PWD/ro ot" PREFIX=/usr uninstall
	assert_equal "$(find "ro ot" -type f -o -type l)" ''
}

@test "rk3k: a full disk on stdout is an error" {
	run -1 bash -c 'kubectl-rk3k --help >/dev/full'
	assert_output 'rk3k: write error: No space left on device'
}

@test "rk3k: a closed stdout is an error, closed stdin and stderr are none" {
	run -1 --separate-stderr bash -c 'exec kubectl-rk3k version >&-'
	assert_equal "$stderr" 'rk3k-version: write error: Bad file descriptor'
	run -0 bash -c 'exec kubectl-rk3k version -o name <&- 2>&-'
	assert_output --regexp '^[0-9.]+$'
}

@test "rk3k: a closed pipe ends it quietly" {
	run -0 bash -c 'kubectl-rk3k --help | head -n 1'
	assert_output 'rk3k - Rancher in k3k virtual clusters: small tools for one job each'
	# shellcheck disable=SC2016 # for the inner shell
	run -141 bash -c '(sleep 0.2; exec kubectl-rk3k --help) | true; exit "${PIPESTATUS[0]}"'
	assert_output ''
}

@test "version: table, object and name" {
	run -0 kubectl-rk3k version
	assert_line --regexp '^PART +VERSION$'
	assert_line --regexp '^libyaml +[0-9.]+$'
	run -0 kubectl-rk3k version -o json
	assert_equal "$(jq -r 'keys | join(" ")' <<<"$output")" 'commit date libcurl libyaml openssl version'
	run -0 kubectl-rk3k version -o name
	assert_output --regexp '^[0-9]+\.[0-9]+\.[0-9]+$'
	run -0 kubectl-rk3k --version
	assert_line --regexp '^version +[0-9]'
}

@test "version: what every tool refuses" {
	run -2 --separate-stderr kubectl-rk3k version --nope
	assert_equal "$stderr" 'rk3k-version: unknown flag --nope; see kubectl rk3k version --help'
	run -2 --separate-stderr kubectl-rk3k version -o xml
	assert_equal "$stderr" 'rk3k-version: -o: "xml" is not one of: table wide json yaml name jsonpath=... custom-columns=...; see kubectl rk3k version --help'
	run -2 --separate-stderr kubectl-rk3k version extra
	assert_equal "$stderr" 'rk3k-version: unexpected argument "extra"; see kubectl rk3k version --help'
}

@test "names: --help is as in the golden file" {
	kubectl-rk3k names --help >help.txt
	run -0 diff -u "$BATS_TEST_DIRNAME/../golden/names-help.txt" help.txt
}

@test "names: contexts of the kubeconfig" {
	local word
	cat >config <<-'EOF'
		apiVersion: v1
		kind: Config
		contexts:
		- {name: one, context: {cluster: c, user: u}}
		- {name: two, context: {cluster: c, user: u}}
	EOF
	run -0 kubectl-rk3k names context --kubeconfig config
	assert_output $'one\ntwo'
	for word in ctx contexts CTX; do
		run -0 kubectl-rk3k names "$word" --kubeconfig config
		assert_output $'one\ntwo'
	done
	run -2 kubectl-rk3k names nonsense
	assert_output --partial 'not one of: cluster, context (ctx), namespace (ns)'
	run -2 kubectl-rk3k names contxet
	assert_output --partial '; did you mean context?'
}

@test "rk3k: every tool has --help and --version" {
	local tool version
	version=$("$RK3K_BIN/rk3k-version" --version)
	while IFS=$'\t' read -r tool _; do
		assert_equal "$tool $("$RK3K_BIN/rk3k-$tool" --version)" "$tool $version"
		run -0 --separate-stderr "$RK3K_BIN/rk3k-$tool" --help
		assert_line --regexp "^(Usage:|  kubectl rk3k $tool)"
		[[ -z $stderr ]]
	done <"$RK3K_BIN/tools.list"
}
