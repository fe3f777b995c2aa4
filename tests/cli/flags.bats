#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# flags: the shell tools read their command line as the tools in C read theirs.
# shellcheck disable=SC2016 # for the programs that are written

load common

setup() {
	clean_environment
}

# config, as destroy calls it, tells what it was given and fails.
config_tells() {
	program exec/rk3k-config <<<'printf "%s " "$@" >&2; exit 7'
	export RK3K_EXEC_PATH=$PWD/exec
}

@test "shell tools: a flag and its value in one word or two, keys in a bundle, _ for -" {
	local way
	config_tells
	for way in '-c a' -ca -c=a '--config a' --config=a --c=a '-qc a' -qca -qc=a '-y --keep_namespace -v -vv -v3 -ca -q' \
		'--yes=false --verbose=2 --dry_run -ca --quiet' '-ca --quiet=true --dry-run=None'; do
		# shellcheck disable=SC2086 # words
		run -7 --separate-stderr "$RK3K_BIN/rk3k-destroy" $way
		stderr=${stderr% } stderr=${stderr% -q}
		assert_equal "$stderr" '-c a --names-only --secrets-fd 9'
	done
}

@test "shell tools: the last of repeated flags counts, also false" {
	echo HOSTNAME=rancher.example.com >deploy.conf
	program exec/rk3k-preflight <<<'[[ $1 == --host-only ]] || exit 7'
	program exec/rk3k-kubeconfig <<<:
	export RK3K_EXEC_PATH=$PWD/exec
	run -0 "$RK3K_BIN/rk3k-deploy" -c deploy.conf --print=false --print
	assert_line --partial 'kind: Cluster'
	run -7 "$RK3K_BIN/rk3k-deploy" -c deploy.conf --print --print=false
	run -2 "$RK3K_BIN/rk3k-destroy" -c deploy.conf --yes --yes=false </dev/null
	assert_output --partial 'no terminal to prompt on'
	run -0 "$RK3K_BIN/rk3k-destroy" -c deploy.conf --yes=false --dry-run=none --dry-run --only kubeconfig </dev/null
	run -2 "$RK3K_BIN/rk3k-destroy" -c deploy.conf --dry-run --dry-run=none </dev/null
}

@test "shell tools: no flag comes after --" {
	run -2 "$RK3K_BIN/rk3k-destroy" -- --yes
	assert_output 'rk3k-destroy: unexpected argument "--yes"; see kubectl rk3k destroy --help'
	run -0 "$RK3K_BIN/rk3k-completion" -- fish
	run -2 "$RK3K_BIN/rk3k-controller" install -- uninstall
}

@test "shell tools: wrong usage has the same errors as in the tools in C" {
	local wrong want
	for wrong in --nope=1 --nope -Z -q- -c --config --set --quiet=maybe -q=maybe extra - --color=pink '--color pink' \
		--color '--yes --nope' '-- -c' --context; do
		# shellcheck disable=SC2086 # words
		run -2 --separate-stderr "$RK3K_BIN/rk3k-registries" check ${wrong/--yes/-q}
		want=${stderr//registries/destroy}
		# shellcheck disable=SC2086 # words
		run -2 --separate-stderr "$RK3K_BIN/rk3k-destroy" $wrong
		assert_equal "$stderr" "$want"
	done
	HELM_PLUGIN_NAME=rk3k run -2 "$RK3K_BIN/rk3k-deploy" --nope
	assert_output 'rk3k-deploy: unknown flag --nope; see helm rk3k deploy --help'
}

@test "shell tools: a mistyped word gets the nearest known one" {
	echo HOSTNAME=rancher.example.com >deploy.conf
	local words want
	while IFS='|' read -r words want; do
		# shellcheck disable=SC2086 # words
		run -2 "$RK3K_BIN"/rk3k-$words
		assert_output "rk3k-${words%% *}: $want"
	done <<-'EOF'
		deploy --tiemout 5m|unknown flag --tiemout; did you mean --timeout?
		deploy --dryrun=client|unknown flag --dryrun; did you mean --dry-run?
		deploy diff|unexpected argument "diff"; did you mean --diff?
		destroy --keep-namspace|unknown flag --keep-namspace; did you mean --keep-namespace?
		destroy --color=alwyas|--color: "alwyas" is not one of: auto always never; did you mean always?
		deploy --dry-run=sevrer|--dry-run: "sevrer" is not one of: none client server; did you mean server?
		destroy --bad|unknown flag --bad; see kubectl rk3k destroy --help
		destroy --token=x|--token is not supported; arguments are visible to every process; use --token-file FILE
		destroy --only clsuter|--only: "clsuter" is not one of: ingress cluster extras passthrough controller kubeconfig namespace verify; did you mean cluster?
		bundle save|unexpected argument "save"; did you mean --save?
		bundle --puhs x|unknown flag --puhs; did you mean --push?
		controller instal|"instal" is not one of: install, uninstall; did you mean install?
		controller status|"status" is not one of: install, uninstall; see kubectl rk3k controller --help
		completion bsh|"bsh" is not one of: bash, zsh, fish; did you mean bash?
		install-completion --pritn|unknown flag --pritn; did you mean --print?
	EOF
}

@test "tools in C: a mistyped word gets the nearest known one" {
	local words want
	while IFS='|' read -r words want; do
		# shellcheck disable=SC2086 # words
		run -2 "$RK3K_BIN"/rk3k-$words </dev/null
		assert_output "rk3k-${words%% *}: $want"
	done <<-'EOF'
		apply --dry-run=cleint|--dry-run: "cleint" is not one of: none client server; did you mean client?
		version -o jsno|-o: "jsno" is not one of: table wide json yaml name jsonpath=... custom-columns=...; did you mean json?
		config gte|unexpected argument "gte"; did you mean get?
		kubeconfig marge|"marge" is not one of: get, generate, export, merge, remove, list; did you mean merge?
		status --bad|unknown flag --bad; see kubectl rk3k status --help
		names contxt|"contxt" is not one of: cluster, context (ctx), namespace (ns); did you mean context?
	EOF
	run -2 "$RK3K_BIN/rk3k-render" clsuter <<<"$("$RK3K_BIN/rk3k-config" -q --set HOSTNAME=a.example.com)"
	assert_output 'rk3k-render: unknown step "clsuter"; did you mean cluster?'
}

@test "shell tools: each has the flags that all have, and no other's" {
	local tool
	for tool in bundle completion controller deploy destroy install-completion; do
		run -0 "$RK3K_BIN/rk3k-$tool" -qvh
		assert_output --partial "kubectl rk3k $tool"
		assert_output --partial -- '-v, --verbose '
		run -0 "$RK3K_BIN/rk3k-$tool" -vv --color=always --version
		assert_output --regexp '^rk3k [0-9.]+ \('
		run -2 "$RK3K_BIN/rk3k-$tool" --no-such-flag
	done
	for tool in bundle completion; do
		run -2 "$RK3K_BIN/rk3k-$tool" bash --context b
		assert_output "rk3k-$tool: unknown flag --context; see kubectl rk3k $tool --help"
	done
}

@test "controller: what is resolved for it reaches the tools that it calls" {
	echo HOSTNAME=rancher.example.com >deploy.conf
	program helm <<<:
	program exec/rk3k-preflight <<<'echo "$@"; exit 7'
	export PATH=$PWD:$PATH RK3K_EXEC_PATH=$PWD/exec
	run -7 "$RK3K_BIN/rk3k-controller" install --resolve a:1:b --resolve=c:2:d -q <<<"$("$RK3K_BIN/rk3k-config" -c deploy.conf)"
	assert_output '--host-only -q --resolve=a:1:b c:2:d -q'
}
