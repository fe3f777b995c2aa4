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
