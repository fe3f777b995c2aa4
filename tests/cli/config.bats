#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# config: settings from file, environment, flags and prompts; no cluster.
# shellcheck disable=SC2016,SC2154 # jq filters; bats sets stderr

bats_require_minimum_version 1.5.0

setup() {
	bats_load_library bats-support
	bats_load_library bats-assert
	config="${RK3K_BIN:-$BATS_TEST_DIRNAME/../../build/libexec}/rk3k-config"
	export HOME="$BATS_TEST_TMPDIR"
	unset "${!RK3K_@}" || true
	cd "$BATS_TEST_TMPDIR" || return
}

conf() { # LINE...
	printf '%s\n' "$@" >deploy.conf
	chmod 600 deploy.conf
}

doc() { # jq filter, then config's arguments
	local filter=$1
	shift
	"$config" "$@" </dev/null | jq -r "$filter"
}

@test "config: one host name is all it takes" {
	conf HOSTNAME=rancher.example.com
	run -0 --separate-stderr "$config" -c deploy.conf
	assert_equal "$stderr" ""
	assert_equal "$(jq -r '[.HOSTNAME, .PVC_SIZE, .SERVER_COUNT, .TLS_SOURCE, .NAMESPACE, .CLUSTER] | @csv' <<<"$output")" \
		'"rancher.example.com","50Gi",1,"rancher","rancher-k3k","rancher"'
}

@test "config: flag beats environment beats file beats default" {
	conf HOSTNAME=a.example.com PVC_SIZE=1Gi CLUSTER=file K3K_NAMESPACE=file
	export RK3K_CLUSTER=env RK3K_PVC_SIZE=2Gi
	run -0 doc '[.PVC_SIZE, .CLUSTER, .K3K_NAMESPACE, .NAMESPACE] | join(" ")' \
		-c deploy.conf --set PVC_SIZE=3Gi
	assert_output '3Gi env file rancher-k3k'
}

@test "config: the shell's HOSTNAME is never read" {
	HOSTNAME=workstation run -1 --separate-stderr "$config" </dev/null
	assert_equal "$output" ""
	assert_regex "$stderr" 'HOSTNAME: is required'
	RK3K_HOSTNAME=r.example.com run -0 doc .HOSTNAME
	assert_output r.example.com
}

@test "config: unset and empty are different" {
	conf HOSTNAME=r.example.com
	run -0 doc .K3S_VERSION -c deploy.conf
	assert_output v1.34.7-k3s1
	conf HOSTNAME=r.example.com K3S_VERSION= STORAGE_CLASS=
	run -0 doc '.K3S_VERSION + "|" + .STORAGE_CLASS' -c deploy.conf
	assert_output '|'
}

@test "config: every problem is reported at once, nothing on stdout" {
	conf PVC_SIZE=50GB SERVER_COUNT=2 TLS_SOURCE=none 'BOOTSTRAP_PW=short' CLUSTER=Bad_Name
	run -1 --separate-stderr "$config" -c deploy.conf --no-prompt
	assert_equal "$output" ""
	for key in HOSTNAME PVC_SIZE SERVER_COUNT TLS_SOURCE BOOTSTRAP_PW CLUSTER; do
		assert_regex "$stderr" "rk3k-config: $key: "
	done
	assert_regex "$stderr" 'PVC_SIZE: "50GB" is not a size; expected digits followed by Gi, Ti or Mi'
	assert_regex "$stderr" '6 problems in the configuration'
	refute_regex "$stderr" 'short'
}

@test "config: the file is read, never executed" {
	conf HOSTNAME=r.example.com 'PVC_SIZE=$(touch pwned; echo 1Gi)' 'touch pwned'
	run -1 --separate-stderr "$config" -c deploy.conf
	[ ! -e pwned ]
	assert_regex "$stderr" 'deploy.conf:2: PVC_SIZE: \$\(\.\.\.\) would need a shell'
	assert_regex "$stderr" 'deploy.conf:3: a command would need a shell'
}

@test "config: an unknown key is a usage error with the nearest name" {
	conf HOSTNAME=r.example.com SERVER_CONT=3
	run -2 --separate-stderr "$config" -c deploy.conf
	assert_equal "$output" ""
	assert_regex "$stderr" 'deploy.conf:2: unknown key SERVER_CONT; did you mean SERVER_COUNT\?'
	assert_regex "$stderr" '--allow-unknown'
	run -2 --separate-stderr "$config" -c deploy.conf --names-only
	run -0 --separate-stderr "$config" -c deploy.conf --allow-unknown
	assert_regex "$stderr" 'warning: deploy.conf:2: unknown key SERVER_CONT'
}

@test "config: a misspelt RK3K variable is a usage error" {
	RK3K_SERVER_CONT=3 run -2 --separate-stderr "$config" --set HOSTNAME=r.example.com
	assert_regex "$stderr" 'unknown variable RK3K_SERVER_CONT; did you mean RK3K_SERVER_COUNT\?'
}

@test "config: keys of later days and CUSTOM_CA are answered with a warning" {
	conf HOSTNAME=r.example.com CUSTOM_CA=x BACKUP_S3_ENDPOINT=s3.example.com
	run -0 --separate-stderr "$config" -c deploy.conf
	assert_regex "$stderr" 'warning: CUSTOM_CA is set, but has no effect'
	assert_regex "$stderr" 'warning: BACKUP_S3_ENDPOINT is set, but backups are not made yet'
	assert_equal "$(jq 'has("CUSTOM_CA") or has("BACKUP_S3_ENDPOINT")' <<<"$output")" false
}

@test "config: a missing file is exit 3 and names it" {
	run -3 --separate-stderr "$config" -c nowhere.conf
	assert_regex "$stderr" 'nowhere.conf'
}

@test "config: the document has the location of each secret, not the secret" {
	conf HOSTNAME=r.example.com "BOOTSTRAP_PW='my secret word'"
	run -0 "$config" -c deploy.conf
	refute_output --partial 'my secret word'
	assert_equal "$(jq -c .BOOTSTRAP_PW <<<"$output")" \
		"{\"file\":\"$BATS_TEST_TMPDIR/deploy.conf\",\"key\":\"BOOTSTRAP_PW\"}"
	run -0 bash -c "'$config' -c deploy.conf | '$config' get --secret BOOTSTRAP_PW"
	assert_output 'my secret word'
}

@test "config: a file with secrets that others can read is a warning" {
	conf HOSTNAME=r.example.com BOOTSTRAP_PW=123456789012
	chmod 644 deploy.conf
	run -0 --separate-stderr "$config" -c deploy.conf
	assert_regex "$stderr" 'chmod 600 deploy.conf'
}

@test "config: secrets of environment and pipes go to --secrets-fd" {
	exec {fd}<>secrets
	chmod 600 secrets
	rm secrets
	export RK3K_BOOTSTRAP_PW="it's \"a\" \$ecret"
	run -0 "$config" --set HOSTNAME=r.example.com --secrets-fd "$fd"
	assert_equal "$(jq -r .BOOTSTRAP_PW.file <<<"$output")" "/dev/fd/$fd"
	refute_output --partial '$ecret'
	document=$output
	unset RK3K_BOOTSTRAP_PW
	# Twice: each reader opens the file afresh.
	run -0 "$config" get --secret BOOTSTRAP_PW <<<"$document"
	assert_output "it's \"a\" \$ecret"
	run -0 "$config" get --secret BOOTSTRAP_PW <<<"$document"
	assert_output "it's \"a\" \$ecret"
}

@test "config: a secret from a pipe without --secrets-fd is refused" {
	run -2 --separate-stderr "$config" -c - <<<$'HOSTNAME=r.example.com\nBOOTSTRAP_PW=123456789012'
	assert_equal "$output" ""
	assert_regex "$stderr" 'secrets-fd'
	refute_regex "$stderr" 123456789012
}

@test "config: --secrets-fd refuses what others can read and what is not a file" {
	: >open
	chmod 644 open
	exec {fd}<>open
	run -5 "$config" --set HOSTNAME=r.example.com --secrets-fd "$fd"
	run -2 "$config" --set HOSTNAME=r.example.com --secrets-fd 77
	run -2 bash -c "'$config' --set HOSTNAME=r.example.com --secrets-fd 5 5> >(cat)"
}

@test "config: --set takes no secret and knows its keys" {
	run -2 --separate-stderr "$config" --set BOOTSTRAP_PW=123456789012
	assert_regex "$stderr" 'process list'
	refute_regex "$stderr" 123456789012
	run -2 --separate-stderr "$config" --set PVC_SIZ=1Gi
	assert_regex "$stderr" 'did you mean PVC_SIZE'
}

@test "config: init writes every key, a valid configuration, and does not overwrite" {
	run -0 "$config" --init
	run -5 --separate-stderr "$config" init
	assert_regex "$stderr" 'deploy.conf already exists'
	run -0 "$config" init --force
	assert_equal "$(stat -c %a deploy.conf)" 600
	sed -i 's/^#\([A-Z]\)/\1/; s/^HOSTNAME=.*/HOSTNAME=r.example.com/' deploy.conf
	run -0 --separate-stderr "$config" -c deploy.conf
	assert_equal "$stderr" ""
	"$config" --set HOSTNAME=r.example.com | jq -S 'del(.derived)' >plain
	jq -S 'del(.derived) | with_entries(select(.value != "" and .value != []))' <<<"$output" >full
	diff -u plain full
}

@test "config: init - writes to stdout" {
	run -0 "$config" init -
	assert_line --partial 'HOSTNAME='
	[ ! -e - ]
}

@test "config: a document is read back unchanged" {
	conf HOSTNAMES=a.example.com,b.example.com SERVER_COUNT=3 TLS_SOURCE=letsEncrypt \
		ACME_EMAIL=me@example.com BOOTSTRAP_PW=123456789012
	"$config" -c deploy.conf >one
	"$config" -d - <one >two
	diff -u one two
	"$config" -c deploy.conf -o yaml >three
	"$config" -d three >four
	diff -u one four
}

@test "config: get prints raw values, lists with commas, nothing for unset" {
	conf HOSTNAMES=a.example.com,b.example.com PRIVATE_REGISTRY=harbor.example.com \
		RANCHER_REPO=https://harbor.example.com/x
	"$config" -c deploy.conf >doc
	run -0 "$config" get HOSTNAME HOSTNAMES ACME_EMAIL SERVER_COUNT HELM_AUTH_NEEDED \
		K3K_REPO_PRIVATE RANCHER_REPO_PRIVATE <doc
	assert_output $'a.example.com\na.example.com,b.example.com\n\n1\nno\nno\nyes'
	run -2 "$config" get HOSTNAM <doc
	run -2 "$config" get BOOTSTRAP_PW <doc
	run -3 "$config" get --secret BOOTSTRAP_PW <doc
}

@test "config: -o env survives a shell" {
	conf HOSTNAME=r.example.com HELM_REPO_USER="\"it's \\\$(touch pwned)\"" HELM_REPO_PASS=x \
		PRIVATE_REGISTRY=h
	"$config" -c deploy.conf -o env >env.sh
	# shellcheck disable=SC1091
	. ./env.sh
	[ ! -e pwned ]
	assert_equal "$CFG_HELM_REPO_USER" "it's \$(touch pwned)"
	assert_equal "$CFG_DERIVED_TLS_SOURCE_SECRET" tls-rancher-ingress
	assert_equal "$CFG_DERIVED_CHARTS_CERT_MANAGER_OCI" no
	run -1 grep PASS env.sh
}

@test "config: -o table masks secrets and says where values come from" {
	conf HOSTNAME=r.example.com BOOTSTRAP_PW=123456789012
	run -0 "$config" -c deploy.conf -o table
	assert_line --regexp '^BOOTSTRAP_PW +\*{3} +file'
	assert_line --regexp '^PVC_SIZE +50Gi +default'
	refute_output --partial 123456789012
}

@test "config: asks on a terminal for required keys only, secrets hidden" {
	conf HELM_AUTH_NEEDED=yes HELM_REPO_USER=me PRIVATE_REGISTRY=h
	exec {fd}<>secrets
	chmod 600 secrets
	run -0 script -qec "'$config' -c deploy.conf --secrets-fd $fd -o yaml >out" /dev/null \
		< <(
			sleep 0.5
			printf 'r.example.com\n'
			sleep 0.5
			printf 'geheim\n'
		)
	assert_output --partial 'HOSTNAME: '
	assert_output --partial 'HELM_REPO_PASS: '
	refute_output --partial geheim
	refute_output --partial 'PVC_SIZE'
	run -0 cat secrets
	assert_output "HELM_REPO_PASS='geheim'"
	run -0 grep -c r.example.com out
}

@test "config: does not prompt when stdin is not a terminal" {
	run -1 timeout 5 "$config" </dev/null
	run -1 timeout 5 "$config" -c /dev/null < <(sleep 1)
}

@test "config: what is missing is named with the ways to set it" {
	run -1 --separate-stderr "$config" </dev/null
	[[ $stderr == *"HOSTNAME: is required"*"deploy --init"*"RK3K_<KEY>"* ]]
}

# Of each tool the exit code and the words by which it shows that it has read the settings.
takes_settings() { # STDIN FLAG...
	local bin
	bin=$(dirname "$config")
	run -0 "$bin/rk3k-render" cluster "${@:2}" <"$1"
	assert_line '  name: blue'
	run -0 "$bin/rk3k-registries" render file "${@:2}" <"$1"
	assert_output --partial harbor.example.com
	run -1 --separate-stderr "$bin/rk3k-preflight" --kubeconfig /nowhere --no-headers "${@:2}" <"$1"
	assert_output --partial rancher.example.com
	run -3 --separate-stderr "$bin/rk3k-wait" cluster --kubeconfig /nowhere "${@:2}" <"$1"
	[[ $stderr == *"/nowhere"* ]]
}

@test "render, registries, preflight, wait: take deploy.conf and the document" {
	conf HOSTNAME=rancher.example.com CLUSTER=blue PRIVATE_REGISTRY=harbor.example.com
	"$config" -c deploy.conf >doc.json
	"$config" -c deploy.conf -o yaml >doc.yaml
	for file in deploy.conf doc.json doc.yaml; do
		takes_settings /dev/null -c "$file"
		takes_settings "$file"
		takes_settings "$file" -c -
		run -0 "$config" -c "$file"
		assert_equal "$output" "$(<doc.json)"
	done
}

@test "ingress, passthrough, kubeconfig, cert-sync, status: take deploy.conf" {
	local bin tool
	bin=$(dirname "$config")
	conf HOSTNAME=rancher.example.com NAMESPACE=ns7 CLUSTER=blue
	run -0 "$bin/rk3k-ingress" render -c deploy.conf
	assert_line '  name: blue-k3k-ingress'
	assert_line '  namespace: ns7'
	assert_line '  - host: rancher.example.com'
	run -0 "$bin/rk3k-passthrough" apply -c deploy.conf
	assert_output --partial 'K3K_API_HOSTNAME is not set'
	for tool in cert-sync 'kubeconfig get' status; do
		# shellcheck disable=SC2086 # a tool and its verb
		run -3 "$bin/rk3k-"$tool -c deploy.conf --kubeconfig /nowhere
	done
	run -2 "$bin/rk3k-cert-sync" --kubeconfig /nowhere --set CLUSTER=x
	run -3 "$bin/rk3k-status" --kubeconfig /nowhere
	assert_output --partial 'using ./deploy.conf'
}

@test "render, wait, preflight: --set beats the settings, unknown keys are usage errors" {
	local bin
	bin=$(dirname "$config")
	conf HOSTNAME=rancher.example.com SERVER_CONT=3
	for tool in 'render cluster' 'wait cluster' preflight; do
		# shellcheck disable=SC2086 # a tool and its step
		run -2 --separate-stderr "$bin/rk3k-"$tool -c deploy.conf
		[[ $stderr == *"deploy.conf:2: unknown key SERVER_CONT; did you mean SERVER_COUNT?"* ]]
	done
	run -0 --separate-stderr "$bin/rk3k-render" cluster -c deploy.conf --allow-unknown --set SERVER_COUNT=3
	assert_line '  servers: 3'
	[[ $stderr == *"warning: deploy.conf:2: unknown key"* ]]
	run -2 "$bin/rk3k-render" cluster -c deploy.conf --set NOTHING=1
}

@test "config: --names-only requires neither a host name nor a file" {
	conf CLUSTER=blue PRIVATE_CA_PATH=/gone.pem PVC_SIZE=junk HELM_AUTH_NEEDED=yes
	run -0 "$config" -c deploy.conf --names-only
	run -0 "$config" get NAMESPACE CLUSTER INGRESS_NAME K3K_REPO_PRIVATE <<<"$output"
	assert_output $'rancher-k3k\nblue\nblue-k3k-ingress\nno'
	conf CLUSTER=Blue
	run -1 "$config" -c deploy.conf --names-only
}

@test "config: binary junk and huge files end in one line" {
	head -c 4096 /dev/urandom >junk
	run -1 --separate-stderr "$config" -c junk
	assert_equal "$output" ""
	head -c 2000000 /dev/zero | tr '\0' '#' >huge
	run -1 --separate-stderr "$config" -c huge
	assert_equal "$(wc -l <<<"$stderr")" 1
}

@test "config: relative files become absolute, ~/ is home" {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /dev/null \
		-out ca.pem -subj /CN=ca -days 1 2>/dev/null
	conf HOSTNAME=r.example.com PRIVATE_REGISTRY=h PRIVATE_CA_PATH=ca.pem MIRROR_REGISTRIES_FILE='~/ca.pem'
	run -0 doc '.PRIVATE_CA_PATH, .MIRROR_REGISTRIES_FILE' -c deploy.conf
	assert_output "$BATS_TEST_TMPDIR/ca.pem
$BATS_TEST_TMPDIR/ca.pem"
}

# Lines of shell syntax at random: what the parser takes, a shell must take for the same.
@test "config: what is accepted means the same to a shell" {
	python3 - >lines <<-'PY'
		import random
		r = random.Random(7)
		parts = ["a", "b", "'", '"', "\\", " ", "\t", "#", "=", "~", "*", "$", ";", "&", "(", "{", "}", "!", "'a b'", '"a b"', "\\$", "\\\\", "''", '""', "%", ",", "é"]
		for _ in range(150):
		    print("CONFIRM=" + "".join(r.choice(parts) for _ in range(r.randint(0, 8))))
	PY
	accepted=0 refused=0
	while IFS= read -r line; do
		printf '%s\nHOSTNAME=r.example.com\n' "$line" >deploy.conf
		if ours=$("$config" -c deploy.conf -q 2>/dev/null </dev/null); then
			theirs=$(env -i PATH= HOME=/nohome "$BASH" -c 'unset CONFIRM; . ./deploy.conf; printf %s "${CONFIRM-unset}"' 2>&1) ||
				fail "a shell refuses: $line"
			ours=$(jq -r .CONFIRM <<<"$ours")
			# An empty value is the default here, a leading ~ is left to the reader of a path.
			[[ $ours == "${theirs:-yes}" || $line == *~* ]] || fail "$line: $ours, a shell says $theirs"
			accepted=$((accepted + 1))
		else
			refused=$((refused + 1))
		fi
	done <lines
	[ "$accepted" -gt 40 ] && [ "$refused" -gt 20 ]
}
