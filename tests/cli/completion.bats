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
	assert_output $'json\n:4'
	run -0 kubectl-rk3k __complete names --kubeconfig ''
	assert_output ':0'
}

@test "completion: contexts come from the kubeconfig" {
	run -0 kubectl-rk3k __complete names --context o
	assert_output $'one\nother\n:4'
	run -0 kubectl-rk3k __complete names --context=
	assert_output $'--context=one\n--context=other\n:4'
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
	assert [ $((SECONDS - start)) -le 3 ]
}

@test "completion: an unknown tool completes nothing and says nothing" {
	run --separate-stderr kubectl-rk3k __complete nosuchtool ''
	assert_output ''
	assert_equal "$stderr" ''
}

@test "completion: bash completes tools, flags and values" {
	kubectl-rk3k completion bash >c.bash
	try() { # LINE
		# shellcheck disable=SC2016 # for the inner shell
		bash --norc -c 'source c.bash; COMP_LINE=$1 COMP_POINT=${#1}
			read -ra COMP_WORDS <<<"$1"; [[ $1 != *" " ]] || COMP_WORDS+=("")
			COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); COMP_WORDBREAKS=" =:"
			_kubectl_rk3k; printf "%s\n" "${COMPREPLY[@]}"' _ "$1"
	}
	run -0 try 'kubectl-rk3k vers'
	assert_output version
	run -0 try 'kubectl-rk3k version --no'
	assert_output --partial -- --no-headers
	run -0 try 'kubectl-rk3k version -o y'
	assert_output yaml
	run -0 try 'kubectl-rk3k names --context ot'
	assert_output other
	run -0 try 'kubectl-rk3k deploy --only=cl'
	assert_output cluster
}

@test "completion: the shell tools know their flags' values, contexts and verbs, too" {
	answers() { # WANT WORD...
		run -0 --separate-stderr "$RK3K_BIN/rk3k-$2" __complete "${@:3}"
		assert_equal "${output//$'\n'/ }/$stderr" "$1/"
	}
	answers 'one other :4' deploy --context ''
	answers '--context=one --context=other :4' destroy --context=
	answers 'cluster :4' destroy --only cl
	answers '--only=cluster :4' deploy --yes --only=cl
	answers '--dry-run=server :4' controller --dry-run=s
	answers ':0' deploy --config ''
	answers ':0' deploy --init ''
	answers ':0' bundle --push ''
	answers 'install uninstall :4' controller ''
	answers 'uninstall :4' controller un
	answers ':4' controller install ''
	answers '--config --context :4' destroy -c a/b:c --co
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
	assert_output --partial 'is there already'
	run -0 bin/kubectl_complete-rk3k vers
	assert_line --index 0 --partial version
	run -0 kubectl-rk3k install-completion --remove
	assert [ ! -e bin/kubectl_complete-rk3k ]
}

@test "install-completion: a file of somebody else's stays" {
	mkdir bin
	echo theirs >bin/kubectl_complete-rk3k
	run -5 kubectl-rk3k install-completion "$PWD/bin"
	run -5 kubectl-rk3k install-completion --remove "$PWD/bin"
	assert_equal "$(cat bin/kubectl_complete-rk3k)" theirs
	run -1 kubectl-rk3k install-completion "$PWD/nowhere"
}
