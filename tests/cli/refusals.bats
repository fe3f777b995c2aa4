#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# No cluster, and none that could be trusted: every command that asks one ends with one clear line and
# the documented exit code; and with Ctrl-C at once when a server keeps it waiting. No cluster here;
# tests/plane/refusals.bats has what a real API server refuses.
# shellcheck disable=SC2154 # stderr is set by run --separate-stderr

load ../helpers
load ../commands

setup() {
	export HOME=$BATS_TEST_TMPDIR/home TMPDIR=$BATS_TEST_TMPDIR/tmp XDG_RUNTIME_DIR=$BATS_TEST_TMPDIR/run
	unset KUBECONFIG RK3K_TESTBED http_proxy https_proxy HTTP_PROXY HTTPS_PROXY all_proxy ALL_PROXY
	mkdir -p "$HOME/.kube" "$TMPDIR" "$XDG_RUNTIME_DIR"
	cd "$BATS_TEST_TMPDIR" || return
	commands_files
	# whoever comes as far as helm has missed its refusal
	printf '#!/bin/sh\ntouch %q\n' "$PWD/helm-ran" >helm
	chmod +x helm
	export HELM_BIN=$PWD/helm
}

teardown() {
	[[ ! -e helm-ran ]]
	assert_equal "$(ls -A "$TMPDIR")" ""
}

kubeconfig() { # SERVER [CLUSTER-FIELDS]
	cat >"$HOME/.kube/config" <<-END
		apiVersion: v1
		kind: Config
		current-context: here
		contexts: [{name: here, context: {cluster: here, user: here}}]
		clusters: [{name: here, cluster: {server: "$1"${2:-}}}]
		users: [{name: here, user: {token: t}}]
	END
}

@test "rk3k: every tool and verb that takes a kubeconfig is among those tried here" {
	run -0 commands_missing
	assert_output ""
	# and the search finds what is there
	COMMANDS=${COMMANDS//status/none} run -0 commands_missing
	assert_output $'ingress status\nstatus'
}

# Nothing to connect to here: what is refused with 2 was refused before any request.
@test "rk3k: a flag that names an object refuses what cannot be a name, with exit 2" {
	local line flag value
	while read -r line; do
		flag=${line##* }
		for value in a/b/c .. 'a b' 'a?b' A ''; do
			[[ $flag != --host || -n $value ]] || continue
			# shellcheck disable=SC2086 # words
			run --separate-stderr -2 "$RK3K_BIN/rk3k-"$line "$value"
			assert_output ""
			assert_regex "$stderr" "^rk3k-[a-z-]+: $flag: (\"${value//\?/[?]}\" is not |the name must not be empty)"
		done
	done <<-END
		cert-sync --to
		cert-sync --from
		cert-sync --host
		ingress apply --service
		ingress apply --ingress
		ingress apply --secret
		ingress apply --class
		ingress apply --host
		ingress delete --secret
		ingress restore --from
		status --from
		status --secret
		apply --virtual
		delete -n
		kubeconfig remove -n
		kubeconfig get -n
	END
	run --separate-stderr -2 "$RK3K_BIN/rk3k-cert-sync" --to a/b
	assert_equal "$stderr" 'rk3k-cert-sync: --to: "a/b" is not an object name; use lower-case letters, digits and "-", with "." between'
}

@test "rk3k: no kubeconfig: one line, exit 3, what to do, for every command" {
	each refused 3 "no kubeconfig at $HOME/.kube/config; give --kubeconfig FILE or set KUBECONFIG"
	: >"$HOME/.kube/config"
	each refused 3 "no context in $HOME/.kube/config; give --kubeconfig FILE or set KUBECONFIG"
}

@test "rk3k: a missing kubeconfig: one line, exit 3, for every command" {
	FLAGS='--kubeconfig /nowhere' each refused 3 "cannot open /nowhere: No such file or directory; give an existing file"
}

@test "rk3k: no such context: one line, exit 3, for every command" {
	kubeconfig https://127.0.0.1:1
	FLAGS='--context nope' each refused 3 \
		"no context \"nope\" in $HOME/.kube/config; list them with: kubectl config get-contexts"
}

@test "rk3k: an unverified server: one line, exit 5, how to pin its CA, every command" {
	kubeconfig https://127.0.0.1:1 ', insecure-skip-tls-verify: true'
	each refused 5 'kubectl config set-cluster here --certificate-authority=CA.pem --embed-certs'
	kubeconfig http://127.0.0.1:1
	each refused 5 'server http://127.0.0.1:1 is not an https:// address; use'
}

@test "rk3k: connection refused: one line, exit 1, the address, for every command" {
	kubeconfig https://127.0.0.1:1
	each refused 1 'https://127.0.0.1:1: connection refused: nothing listens there; check the address and port'
}

@test "rk3k: the address that flag or variable gives is the one that every command asks" {
	kubeconfig https://127.0.0.1:2
	RK3K_SERVER=https://127.0.0.1:1 each refused 1 'https://127.0.0.1:1: connection refused'
	RK3K_SERVER=https://127.0.0.1:1 refused 1 'https://127.0.0.1:1: connection refused' tf-setup revoke rancher --dir tf
}

@test "rk3k: --virtual is a flag of those that act inside, and of no other" {
	local words
	run -0 tools_and_verbs
	while read -r words; do
		# shellcheck disable=SC2086
		set -- $words
		! "$RK3K_BIN/rk3k-$1" "${@:2}" --help | grep -q -e '--virtual' || echo "$words"
	done <<<"$output" >inside
	assert_equal "$(xargs <inside)" "apply delete names wait"
}

@test "rk3k: Ctrl-C ends every command at once, without output, when a server is silent" {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=silent \
		-addext subjectAltName=IP:127.0.0.1 -keyout tls.key -out tls.crt 2>/dev/null
	each echo >commands
	# a registry, Rancher, and who only looks whether an address answers
	cat >>commands <<-'END'
		registries check -c doc.json --registry 127.0.0.1:PORT --ca tls.crt
		tf-setup --dir tf --url https://127.0.0.1:PORT --ca-file tls.crt
		kubeconfig export --server 127.0.0.1:PORT
	END
	run -0 "$BATS_TEST_DIRNAME/interrupt" tcp <commands
	run -0 "$BATS_TEST_DIRNAME/interrupt" tls <commands
}
