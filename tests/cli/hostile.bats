#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What is read from files, damaged in every way, through every tool that reads it: cut off, huge, deeply
# nested, not UTF-8, hostile. One line, exit 1 (5: refused), nothing on standard output, no control byte
# on the terminal, and an end within seconds.
# shellcheck disable=SC2154 # stderr is set by run --separate-stderr

load ../helpers
load ../commands

setup_file() {
	cd "$BATS_FILE_TMPDIR" || return
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=rancher.example.com \
		-addext subjectAltName=DNS:rancher.example.com -keyout tls.key -out tls.crt 2>/dev/null
	"$BATS_TEST_DIRNAME/hostile-files" bad
}

setup() {
	export HOME=$BATS_TEST_TMPDIR/home
	unset KUBECONFIG RK3K_TESTBED "${!HELM_@}"
	BAD=$BATS_FILE_TMPDIR/bad
	mkdir -p "$HOME/.kube"
	cd "$BATS_TEST_TMPDIR" || return
	commands_files
	printf '#!/bin/sh\nexit 1\n' >helm
	chmod +x helm
	export HELM_BIN=$PWD/helm
}

# The clock: a tool that needs longer than this is in trouble, whatever the machine does.
LIMIT=20

# damaged FORMAT COMMAND...: COMMAND with @ for the file, for every FORMAT there is in BAD.
damaged() {
	local file n=0 bad=0
	for file in "$BAD/$1".*; do
		n=$((n + 1))
		one_damaged "$file" "${@:2}" || bad=1
	done
	[[ $bad -eq 0 && $n -ge 5 ]]
}

one_damaged() { # FILE TOOL ARG...
	local file=$1 tool=$2 start=$SECONDS stdin=$1
	shift 2
	[[ $* != *@* ]] || stdin=doc.json
	run --separate-stderr "$RK3K_BIN/rk3k-$tool" "${@//@/$file}" <"$stdin"
	mapfile -t stderr_lines < <(grep -v ': using ./deploy.conf$' <<<"$stderr")
	[[ $status =~ ^[${CODES:-15}]$ && -z $output && ${#stderr_lines[@]} -ge 1 && ${#stderr_lines[@]} -le ${LINES_MAX:-1} && ${#stderr} -lt 2000 ]] &&
		((SECONDS - start < LIMIT)) && plain <<<"$stderr" && return
	printf '%s %s with %s: exit %d after %d s: %s\n%s\n' "$tool" "$*" "${file##*/}" "$status" \
		$((SECONDS - start)) "${output:0:200}" "${stderr:0:1000}"
	return 1
}

# UTF-8 without control bytes.
plain() { iconv -f UTF-8 -t UTF-8 2>/dev/null | { ! LC_ALL=C grep -q $'[\x01-\x08\x0b-\x1f\x7f]'; } && [[ ${PIPESTATUS[0]} -eq 0 ]]; }

@test "hostile: JSON, for every tool that reads a document or objects" {
	damaged json apply -f @
	damaged json apply
	damaged json delete -f @
	damaged json render all -c @
	damaged json config -d @
	damaged json config get HOSTNAME -d @
	damaged json wait cluster -c @
	damaged json preflight -c @
	damaged json registries render -c @
	damaged json registries apply -c @
	damaged json kubeconfig merge @
	damaged json kubeconfig export -
}

@test "hostile: YAML, for every tool that reads objects, mirrors or logins" {
	damaged yaml apply -f @
	damaged yaml apply
	damaged yaml delete -f @
	damaged yaml registries render --registry h.example.com --credentials @
	damaged yaml registries render --registry h.example.com --mirrors-file @
}

@test "hostile: a kubeconfig, for every command" {
	FLAGS="--kubeconfig $BAD/kubeconfig.cut" each refused 1 "$BAD/kubeconfig.cut:"
	damaged kubeconfig status --kubeconfig @
	damaged kubeconfig controller install --kubeconfig @
	damaged kubeconfig kubeconfig export --kubeconfig @
	damaged kubeconfig kubeconfig merge @
	damaged kubeconfig kubeconfig merge
	damaged kubeconfig kubeconfig export -
}

@test "hostile: certificates and keys, wherever one is named" {
	local there=(--server https://127.0.0.1:1) dir=$BATS_FILE_TMPDIR
	echo token-abcde:none >token
	chmod 600 token
	damaged pem status "${there[@]}" --certificate-authority @
	damaged pem status "${there[@]}" --client-certificate @ --client-key "$dir/tls.key"
	damaged pem status "${there[@]}" --client-certificate "$dir/tls.crt" --client-key @
	damaged pem tf-setup --url https://127.0.0.1:1 --ca-file @ --rancher-token-file token --timeout 1s
	CODES=2 damaged pem registries render --registry h.example.com --ca @
}

# Certificates are read when the configuration is, their keys when they are used.
@test "hostile: certificates and keys that deploy.conf names" {
	local dir=$BATS_FILE_TMPDIR conf=$PWD/deploy.conf key set LINES_MAX=3
	for set in "TLS_SOURCE=secret TLS_CERT_PATH=$dir/tls.crt TLS_KEY_PATH=$dir/tls.key" \
		"TLS_SOURCE=secret CA_CERT_PATH=$dir/tls.crt CA_KEY_PATH=$dir/tls.key CA_ROOT_PATH=$dir/tls.crt" \
		"PRIVATE_REGISTRY=h.example.com PRIVATE_CA_PATH=$dir/tls.crt"; do
		# shellcheck disable=SC2086 # words
		printf '%s\n' HOSTNAME=rancher.example.com STORAGE_CLASS=local $set >"$conf"
		while read -r key; do
			damaged pem config -c "$conf" --set "$key=@"
			damaged pem deploy -c "$conf" --yes --set "$key=@"
		done < <(grep -oE '^(PRIVATE_CA|[A-Z]+_CERT|CA_ROOT)_PATH' "$conf")
	done
	bad_keys TLS
	bad_keys CA
}

# A file that is a key, and of another pair, is what only its use with the certificate can tell.
bad_keys() { # TLS|CA
	local file dir=$BATS_FILE_TMPDIR
	for file in "$BAD"/pem.*; do
		[[ $file != *.key ]] || continue
		"$RK3K_BIN/rk3k-config" -c deploy.conf --no-prompt -q --set TLS_SOURCE=secret --set PRIVATE_REGISTRY= \
			--set PRIVATE_CA_PATH= --set "$1_CERT_PATH=$dir/tls.crt" --set "$1_KEY_PATH=$file" >"$1.json"
		one_damaged "$1.json" render all -c @
		[[ $stderr == *"$1_KEY_PATH: "* ]]
	done
}

@test "hostile: deploy.conf, for every tool that reads it" {
	# each problem is a line, then their number
	LINES_MAX=3
	damaged conf config -c @
	damaged conf config -c -
	damaged conf deploy -c @ --yes
	damaged conf deploy -c @ --print
	[[ ! -e ran ]]
}

# --- names that others chose, on standard output ---

hostile_names() {
	cat >names <<-'END'
		apiVersion: v1
		kind: Config
		current-context: "a\ncontext/forged created"
		clusters: [{name: "c\e[2J", cluster: {server: "https://h\u202e.example.com"}}]
		users: [{name: "u\rv", user: {token: t}}]
		contexts:
		- {name: "a\ncontext/forged created", context: {cluster: "c\e[2J", user: "u\rv", namespace: "n\u009b"}}
		- {name: "x\u202ey\u009bz\x7f\e]0;w\a", context: {cluster: "c\e[2J", user: "u\rv"}}
	END
}

# Neither C0, C1 and bidi controls nor a forged line.
harmless() {
	plain <<<"$output" && ! LC_ALL=C grep -qE $'\xc2[\x80-\x9f]|\xe2\x80[\x8e\x8f\xa8-\xae]|\xe2\x81[\xa6-\xa9]' <<<"$output" &&
		! grep -qE '^[-+ ]?context/forged' <<<"$output"
}

@test "hostile: names forge no line and no escape in tables, diffs, JSON and YAML" {
	hostile_names
	export KUBECONFIG=$PWD/names
	run -0 --separate-stderr rk3k names context
	harmless
	assert_line 'a^Jcontext/forged created'
	assert_equal "${#lines[@]}" 2
	for form in table wide name json yaml; do
		run -0 --separate-stderr rk3k kubeconfig list -o $form
		harmless
	done
	assert_equal "$(rk3k kubeconfig list -o json | jq -r '.[0].name')" $'a\ncontext/forged created'
	run rk3k kubeconfig merge --diff --kubeconfig "$PWD/new" names
	[[ $status -eq 1 && $output == *'+++'* ]] && harmless
	run -0 --separate-stderr rk3k kubeconfig merge --kubeconfig "$PWD/new" names
	harmless
	run -0 --separate-stderr rk3k kubeconfig merge --kubeconfig "$PWD/new" names -o name
	harmless
	run -0 --separate-stderr rk3k kubeconfig remove --kubeconfig "$PWD/new" $'a\ncontext/forged created'
	harmless
	run -0 "$RK3K_BIN/../bin/kubectl-rk3k" __complete names --context ''
	harmless
}

@test "hostile: a tool of others and its summary forge no line of the list of tools" {
	mkdir bin
	printf '#!/bin/sh\nprintf "sum\\033[2J\\ncontext/forged"\n' >$'bin/rk3k-\e[2Jx'
	cp $'bin/rk3k-\e[2Jx' bin/rk3k-y
	chmod +x bin/*
	PATH=$PWD/bin:$PATH run -0 "$RK3K_BIN/../bin/kubectl-rk3k" --help
	harmless
	PATH=$PWD/bin:$PATH run -0 "$RK3K_BIN/../bin/kubectl-rk3k" __complete y
	harmless
}

@test "hostile: output of a credential plugin or helper is quoted, without secrets" {
	printf '#!/bin/sh\nprintf "\\033]0;w\\a https://u:topsecret@h/\\n" >&2\nexit 1\n' >plugin
	cp plugin docker-credential-x
	chmod +x plugin docker-credential-x
	cat >config <<-END
		current-context: a
		contexts: [{name: a, context: {cluster: a, user: a}}]
		clusters: [{name: a, cluster: {server: "https://127.0.0.1:1"}}]
		users: [{name: a, user: {exec: {apiVersion: client.authentication.k8s.io/v1, command: $PWD/plugin, interactiveMode: Never}}}]
	END
	run -1 rk3k apply --kubeconfig config -f - <<<'{apiVersion: v1, kind: ConfigMap, metadata: {name: x}}'
	assert_line 'plugin: ^[]0;w^G https://u:***@h/'
	refute_output --partial topsecret
	echo '{"credsStore":"x"}' >config.json
	PATH=$PWD:$PATH run -1 rk3k registries render file --registry h --credentials config.json </dev/null
	assert_line 'docker-credential-x: ^[]0;w^G https://u:***@h/'
	refute_output --partial topsecret
}
