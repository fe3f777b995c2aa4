# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# commands.bash - every command that asks a cluster, as one calls it, for what has to hold for all of
# them. A tool or verb that takes a kubeconfig and is in neither table fails a test.
#
#   commands_files     what the commands read, in the working directory
#   each CMD ARG...    CMD ARG... TOOL ARG... for every line of COMMANDS, with FLAGS at its end

COMMANDS='apply -f thing.yaml
apply -f thing.yaml --dry-run=server
apply -f thing.yaml --diff
cert-sync
controller install
controller uninstall
credential
delete configmap/one
delete -f thing.yaml
delete -l a=b configmaps
deploy -c deploy.conf --yes
destroy -c deploy.conf --yes
ingress apply --host rancher.example.com
ingress restore --host rancher.example.com
ingress status
ingress delete
kubeconfig get
kubeconfig generate
lease hold one
names cluster
names namespace
passthrough apply
passthrough revert
password
preflight --host-only
preflight -c doc.json
registries apply -c doc.json --registry 127.0.0.1:1
registries diff -c doc.json --registry 127.0.0.1:1
status
status -A
tf-setup --dir tf
tf-setup revoke rancher --dir tf
wait configmap/one --timeout=0
wait controller -c doc.json --timeout=0
wait clusters -c doc.json --timeout=0
wait teardown -c doc.json --timeout=0
wait cluster -c doc.json --timeout=0
wait cert-manager -c doc.json --timeout=0
wait issuer -c doc.json --timeout=0
wait rancher -c doc.json --timeout=0
wait certificate -c doc.json --timeout=0'

# These read or change the kubeconfig itself, or have its flags in common with their neighbours.
# shellcheck disable=SC2034 # for who loads this
APART='ingress render
kubeconfig export
kubeconfig list
kubeconfig merge
kubeconfig remove
names context
registries check
wait url'

commands_files() {
	mkdir -p tf
	echo '{apiVersion: v1, kind: ConfigMap, metadata: {name: one}}' >thing.yaml
	# nothing that preflight would look for in the Internet
	printf '%s\n' HOSTNAME=rancher.example.com TLS_SOURCE=letsEncrypt ACME_EMAIL=a@example.com \
		{K3K,RANCHER,CERTMANAGER}_REPO=https://127.0.0.1:1 >deploy.conf
	"$RK3K_BIN/rk3k-config" -c deploy.conf --no-prompt -q >doc.json
	printf '%s\n' 'rancher_url = "https://127.0.0.1:1"' 'rancher_token = "token-abcde:none"' >tf/terraform.tfvars
	chmod 600 tf/terraform.tfvars
}

each() {
	local line bad=0
	while read -r line; do
		# shellcheck disable=SC2086 # words
		"$@" $line ${FLAGS:-} || bad=1
	done <<<"$COMMANDS"
	return "$bad"
}

# What --help knows: TOOL, or TOOL VERB for each verb of a tool that has some.
tools_and_verbs() {
	local tool verbs verb
	while IFS=$'\t' read -r tool _; do
		verbs=$("$RK3K_BIN/rk3k-$tool" --help | sed -n '/^Verbs:$/,/^$/s/^  \([a-z-]*\) .*/\1/p')
		echo "$tool"
		for verb in $verbs; do echo "$tool $verb"; done
	done <"$RK3K_BIN/tools.list"
}

# Those of them that take a kubeconfig and are in neither table; a line for each.
commands_missing() {
	local words
	tools_and_verbs | while read -r words; do
		# shellcheck disable=SC2086
		set -- $words
		"$RK3K_BIN/rk3k-$1" "${@:2}" --help | grep -q -e '--kubeconfig' || continue
		grep -qE "^$words( |\$)" <<<"$COMMANDS"$'\n'"$APART" || echo "$words"
	done
}

# refused CODE TEXT TOOL ARG...: it ends with CODE and one line, in SAID, that holds TEXT, says nothing
# on standard output and asks nobody. `--diff` and its like have 1 for "differs". The report of
# preflight is its output, and its line counts.
refused() {
	local code=$1 text=$2
	shift 2
	[[ $code -ne 1 || ! " $* " =~ ' --diff '|'registries diff ' ]] || code=2
	run --separate-stderr rk3k "$@" -q <doc.json
	SAID=$stderr
	if [[ $* == 'preflight -c'* ]]; then
		code=1 SAID=$(grep -E '^api +failed ' <<<"$output" || true) output=''
		[[ $stderr == *'checks failed; nothing was changed' ]] || SAID="no sum: $stderr"
	fi
	# shellcheck disable=SC2154 # stderr_lines is set by run
	[[ $status -eq $code && -z $output && ${#stderr_lines[@]} -eq 1 && $SAID == *"$text"* ]] || {
		printf '%s: exit %d, not %d with "%s":\n%s\n%s\n' "$*" "$status" "$code" "$text" "$output" "$stderr"
		return 1
	}
}
