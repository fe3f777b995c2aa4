#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# completion: what the dispatcher and the tools answer, and what the shells make of it.

load common

setup() {
	clean_environment
	cat >config <<-'EOF'
		apiVersion: v1
		kind: Config
		contexts:
		- {name: one, context: {cluster: c, user: u}}
		- {name: other, context: {cluster: c, user: u}}
	EOF
	export KUBECONFIG=$PWD/config
}

@test "completion: the first word is a tool" {
	run -0 kubectl-rk3k __complete ver
	assert_output $'version\tshow the version of rk3k and of its libraries\n:4'
	run -0 kubectl-rk3k __complete help ver
	assert_line --partial 'version'
}

@test "completion: flags and their values come from the tool" {
	run -0 kubectl-rk3k __complete version --no-
	assert_output $'--no-headers\tleave out the table\'s header line\n:4'
	run -0 kubectl-rk3k __complete version -o j
	assert_output $'json\njsonpath\njsonpath-as-json\njsonpath-file\n:4'
	run -0 kubectl-rk3k __complete version --output=custom-columns=
	assert_output ':4'
	run -0 kubectl-rk3k __complete names --kubeconfig ''
	assert_output ':0'
}

@test "completion: contexts come from the kubeconfig" {
	run -0 kubectl-rk3k __complete names --context o
	assert_output $'one\nother\n:4'
	run -0 kubectl-rk3k __complete names --context=
	assert_output $'one\nother\n:4'
	unset KUBECONFIG
	run -0 kubectl-rk3k __complete names --kubeconfig "$PWD/config" --context ''
	assert_output $'one\nother\n:4'
}

@test "completion: silent and quick without a cluster that answers" {
	sed -i 's/^contexts:/clusters: [{name: c, cluster: {server: "https:\/\/192.0.2.1"}}]\ncurrent-context: one\nusers: [{name: u, user: {}}]\n&/' config
	local start=$SECONDS
	run --separate-stderr kubectl-rk3k __complete status ''
	refute_line --regexp '^[^:]'
	assert_equal "$stderr" ''
	assert [ $((SECONDS - start)) -le 8 ]
}

@test "completion: an unknown tool completes nothing and prints nothing" {
	run --separate-stderr kubectl-rk3k __complete nosuchtool ''
	assert_output ''
	assert_equal "$stderr" ''
}

# What the three shells make of it, as one sees it who types at their prompts: LINE<TAB>.
typed() { # WANT LINE, for each shell; WANT stands for the words behind kubectl-rk3k
	local shell
	for shell in bash zsh fish; do
		run -0 "$BATS_TEST_DIRNAME/type" "$shell" "rc.$shell" "kubectl-rk3k $2"
		assert_equal "$shell: ${output/%\/>/>}" "$shell: <kubectl-rk3k>${1:+ $1}"
	done
}

shells_ready() {
	kubectl-rk3k completion bash >rc.bash
	{ echo 'autoload -Uz compinit; compinit -u -D' && kubectl-rk3k completion zsh; } >rc.zsh
	kubectl-rk3k completion fish >rc.fish
}

# bats test_tags=slow,programs
@test "completion: bash, zsh and fish complete tools, verbs, flags and fixed values" {
	shells_ready
	typed '<passthrough>' passt
	typed '<kubeconfig> <generate>' 'kubeconfig gen'
	typed '<version> <--no-headers>' 'version --no-h'
	typed '<version> <-o> <yaml>' 'version -o y'
	typed '<version> <--output=yaml>' 'version --output=y'
	typed '<deploy> <--only=cluster>' 'deploy --only=cl'
	typed '<controller> <uninstall>' 'controller un'
	typed '<completion> <fish>' 'completion f'
}

# bats test_tags=slow,programs
@test "completion: bash, zsh and fish complete files, also behind --flag=" {
	mkdir 'dir.d'
	touch dir.d/file.conf
	shells_ready
	typed '<config> <-c> <dir.d/file.conf>' 'config -c dir.d/f'
	typed '<deploy> <-c> <dir.d/file.conf>' 'deploy -c dir.d/f'
	typed '<config> <--config=dir.d/file.conf>' 'config --config=dir.d/f'
	typed '<deploy> <--config=dir.d/file.conf>' 'deploy --config=dir.d/f'
	typed '<install-completion> <dir.d>' 'install-completion di'
	mkdir "$HOME/sp ace"
	touch "$HOME/sp ace/x"
	typed "<config> <-c> <$HOME/sp ace/x>" 'config -c ~/sp\ ace/x'
}

# bats test_tags=slow,programs
@test "completion: bash, zsh and fish complete words with : @ / and = in them" {
	cat >config <<-'END'
		apiVersion: v1
		kind: Config
		contexts:
		- {name: "arn:aws:eks:eu:1:cluster/one", context: {cluster: c, user: u}}
		- {name: "arn:aws:eks:eu:1:cluster/two", context: {cluster: c, user: u}}
		- {name: my cluster, context: {cluster: c, user: u}}
		- {name: admin@kind, context: {cluster: c, user: u}}
		- {name: root@kind, context: {cluster: c, user: u}}
	END
	shells_ready
	typed '<names> <--context> <admin@kind>' 'names --context ad'
	typed '<names> <--context> <admin@kind>' 'names --context admin@k'
	typed '<names> <--context=root@kind>' 'names --context=root@'
	typed '<names> <--context> <arn:aws:eks:eu:1:cluster/two>' 'names --context arn:aws:eks:eu:1:cluster/t'
	typed '<names> <--context=arn:aws:eks:eu:1:cluster/two>' 'names --context=arn:aws:eks:eu:1:cluster/t'
	typed '<names> <--context> <my cluster>' 'names --context my'
	typed '<names> <--context> <my cluster>' "names --context 'my c"
	typed '<names> <--context=admin@kind> <cluster>' 'names --context=admin@kind cl'
	typed '<names> <--context> <root@kind> <--no-such>' 'names --context root@kind --no-such'
}

# shellcheck disable=SC2016 # what the name holds is not to be run here either
# bats test_tags=slow,programs
@test "completion: bash behind an open quote runs nothing that a name holds" {
	local open
	shells_ready
	cat >config <<-'END'
		contexts:
		- {name: 'x$(touch pwned)`touch pwned`"q"\b!e & ''s'' y', context: {}}
	END
	for open in 'x' '"x' "'x" "\$'x" 'x\$' '"x\$' 'x"\$(' 'x"$("' '--context="x'; do
		[[ $open == --* ]] || open="--context $open"
		run -0 "$BATS_TEST_DIRNAME/type" bash rc.bash "kubectl-rk3k names $open"
		assert_output --regexp '^<kubectl-rk3k> <names> <--context(=|> <)x\$\(touch pwned\)`touch pwned`"q"\\b!e & '"'s' y>\$"
		[[ ! -e pwned ]]
	done
}

@test "completion: the shell tools know their flags' values, contexts and verbs, too" {
	answers() { # WANT WORD...
		run -0 --separate-stderr "$RK3K_BIN/rk3k-$2" __complete "${@:3}"
		assert_equal "$(cut -f 1 <<<"$output" | paste -sd ' ')/$stderr" "$1/"
	}
	answers 'one other :4' deploy --context ''
	answers 'one other :4' destroy --context=
	answers 'cluster :4' destroy --only cl
	answers 'cluster :4' deploy --yes --only=cl
	answers 'server :4' controller install --dry-run=s
	answers ':0' deploy --config ''
	answers ':0' deploy --init ''
	answers ':0' bundle --push ''
	answers 'install uninstall :4' controller ''
	answers 'install uninstall :4' controller -q ''
	answers 'bash zsh fish :4' completion ''
	answers ':4' completion bash ''
	answers ':16' install-completion ''
	answers 'auto always :4' deploy --color=a
	answers 'true :4' destroy --yes=t
	answers ':4' destroy -- --on
	answers 'uninstall :4' controller un
	answers ':4' controller install ''
	answers '--config --context :4' destroy -c a/b:c --con
}

@test "completion: every shell's script is printed, anything else is wrong usage" {
	local shell
	for shell in bash zsh fish; do
		run -0 kubectl-rk3k completion "$shell"
		assert_output --partial __complete
	done
	run -2 kubectl-rk3k completion tcsh
	run -0 bash -n <(kubectl-rk3k completion bash)
}

@test "install-completion: beside kubectl-rk3k, twice the same, taken away again" {
	mkdir bin
	ln -s "$BIN/kubectl-rk3k" bin/kubectl-rk3k
	PATH=$PWD/bin:/usr/bin:/bin
	run -0 kubectl-rk3k install-completion
	assert [ -x bin/kubectl_complete-rk3k ]
	run -0 kubectl-rk3k install-completion
	assert_output --partial 'already exists'
	run -0 bin/kubectl_complete-rk3k vers
	assert_line --index 0 --partial version
	run -0 kubectl-rk3k install-completion --remove
	assert [ ! -e bin/kubectl_complete-rk3k ]
}

@test "install-completion: does not replace a file that it did not write" {
	mkdir bin
	echo theirs >bin/kubectl_complete-rk3k
	run -5 kubectl-rk3k install-completion "$PWD/bin"
	run -5 kubectl-rk3k install-completion --remove "$PWD/bin"
	assert_equal "$(cat bin/kubectl_complete-rk3k)" theirs
	run -1 kubectl-rk3k install-completion "$PWD/nowhere"
}
