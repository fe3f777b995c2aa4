#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# dry-run.bats - what says that it changes nothing changes nothing: every tool's --dry-run, --diff and
# --print, and every command that only reads. The plane is the host and the inside of its virtual
# cluster, and holds something to change or delete for each of them.
# shellcheck disable=SC2154

load ../helpers
load ../commands
load ../audit
load prepared

setup_file() { prepared_up 127.77.0.41; }
teardown_file() { own_down; }
setup() {
	prepared_home
	cd "$BATS_TEST_TMPDIR" || return
	commands_files
	printf '%s\n' HOSTNAME=rancher.example.com STORAGE_CLASS=local SERVER_COUNT=1 \
		{K3K,RANCHER,CERTMANAGER}_REPO="$(bed printenv CHART_HTTP_PUBLIC)" >deploy.conf
	rk3k config -c deploy.conf --no-prompt -q >doc.json
	sed 's/name: default/name: other/; s/: default$/: other/' "$OWN/admin.kubeconfig" >other.kubeconfig
	rk3k kubeconfig get -q | rk3k kubeconfig merge -q >/dev/null
}

# Every object with its version, and every file of the home with its time and content.
snapshot() {
	[[ -s $BATS_FILE_TMPDIR/kinds ]] || kubectl api-resources --verbs=list -o name |
		grep -v -e '^events' -e '^leases' -e '^componentstatuses' | paste -sd , >"$BATS_FILE_TMPDIR/kinds"
	kubectl get "$(<"$BATS_FILE_TMPDIR/kinds")" -A --no-headers -o \
		'custom-columns=A:.kind,B:.metadata.namespace,C:.metadata.name,D:.metadata.resourceVersion' 2>/dev/null
	find "$PLANE_HOME" -path "$PLANE_HOME/.kube/cache" -prune -o -path "$PLANE_HOME/.cache" -prune -o -printf '%p %i %m %T@ %s\n'
}

is_quiet() { diff <(snapshot) <(sleep 1 && snapshot); }

# Writes that the server keeps, of anybody but its own components: all clients here are system:admin.
writes() {
	tail -n +"$((AUDIT_LINES + 1))" "$AUDIT_LOG" |
		jq -r 'select(.user.username == "system:admin"
			and (.verb | IN("create", "update", "patch", "delete", "deletecollection"))
			and (.objectRef.apiGroup // "" | IN("authorization.k8s.io", "authentication.k8s.io") | not)
			and (.requestURI | test("[?&]dryRun=All(&|$)") | not))
			| "\(.verb) \(.requestURI) by \(.userAgent)"'
}

# The flags by which a tool or verb changes nothing; one that has none of them only reads.
harmless() { # TOOL [VERB]
	"$RK3K_BIN/rk3k-$1" "${@:2}" --help | sed -nE 's/^ +(-., )?(--(dry-run|diff|print))([^a-z-].*)?$/\2/p' | grep . ||
		echo plain
}

# The tool, and its verb if that is what the second word is.
tool_and_verb() { # WORD...
	[[ -s tools ]] || tools_and_verbs >tools
	if grep -qxF "$1 ${2:-}" tools; then echo "$1" "$2"; else echo "$1"; fi
}

# as_if TOOL ARG...: in each of the ways it has to change nothing.
as_if() {
	local flag words kept bad=0
	read -ra words < <(tool_and_verb "$@")
	[[ $1 != deploy ]] || set -- "$@" --skip-preflight
	# tf-setup asks no cluster to change and has no dry run
	[[ $1 != tf-setup && " $* " != *' --dry-run'* && " $* " != *' --diff '* ]] || return 0
	own_audit
	while read -r flag; do
		case $flag in
		plain) harmless_run any "$@" || bad=1 ;;
		--dry-run)
			harmless_run '(dry run)' "$@" --dry-run || bad=1
			[[ $1 == deploy || $1 == destroy ]] || harmless_run '(dry run)' "$@" --dry-run=client || bad=1
			harmless_run '(server dry run)' "$@" --dry-run=server || bad=1
			;;
		*) harmless_run differs "$@" "$flag" || bad=1 ;;
		esac
	done < <(harmless "${words[@]}")
	kept=$(writes)
	[[ -z $kept ]] || printf '%s: %s\n' "$*" "$kept"
	[[ -z $kept && $bad -eq 0 ]]
}

# What each line of a dry run ends with is WORD; it succeeds, or (differs) may end with 1, or (any) is
# a question whose answer may be anything but wrong usage.
harmless_run() { # WORD TOOL ARG...
	local word=$1 line bad=''
	shift
	run --separate-stderr rk3k "$@" -q <doc.json
	case $word:$status in
	any:2 | differs:[2-9]* | \(*:[1-9]*) bad="exit $status" ;;
	esac
	if [[ $word == \(* ]]; then
		for line in "${lines[@]}"; do
			# no server is asked about a file
			[[ $line == *"$word" || ($1 == kubeconfig || $line == */rancher-k3k*) && $line == *' (dry run)' ]] ||
				bad+=" a line without $word"
		done
	fi
	[[ -z $bad ]] || {
		printf '%s: %s\n%s\n%s\n' "$*" "$bad" "$output" "$stderr"
		return 1
	}
}

# Commands on files, or with more than COMMANDS has.
MORE='kubeconfig merge other.kubeconfig
kubeconfig remove rancher-k3k/rancher
wait configmap/one --for=exists'

# bats test_tags=quick
@test "rk3k: whatever has --dry-run, --diff or --print is among the commands tested" {
	local words missing=''
	while read -r words; do
		# shellcheck disable=SC2086 # words
		[[ $(harmless $words) == plain ]] || grep -qE "^$words( |\$)" <<<"$COMMANDS"$'\n'"$MORE" ||
			missing+="$words;"
	done < <(tools_and_verbs)
	assert_equal "$missing" "install-completion;"
}

@test "rk3k: no dry run, difference or question changes an object or a file" {
	within 30 is_quiet
	snapshot >before
	COMMANDS+=$'\n'$MORE
	each as_if
	snapshot >after
	run -0 diff before after
	# the same objects, for real: what is counted above would have been seen
	own_audit
	run --separate-stderr -0 rk3k ingress delete
	assert_line 'secret/tls-rancher-ingress deleted'
	run -0 writes
	[[ $(grep -c '^delete ' <<<"$output") -ge 3 ]]
}

@test "rk3k: --watch in a dry run changes nothing" {
	kubectl delete secret tls-rancher-ingress --ignore-not-found >/dev/null
	own_audit
	background out ingress apply --host rancher.example.com --watch --dry-run
	within 10 grep -q 'rancher-k3k-ingress created (dry run)' out
	ended TERM 143
	background out cert-sync --host rancher.example.com --watch --dry-run=server
	within 10 grep -q 'secret/tls-rancher-ingress created (server dry run)' out
	ended TERM 143
	run -0 writes
	assert_output ""
}

@test "deploy: a first server dry run names what a later run can show" {
	helm uninstall k3k -n k3k-system >/dev/null
	kubectl delete crd {clusters,virtualclusterpolicies}.k3k.io >/dev/null
	printf '%s\n' NAMESPACE=first >>deploy.conf
	own_audit
	run --separate-stderr -0 rk3k deploy -c deploy.conf --yes --skip-preflight --dry-run=server
	assert_line "release/k3k deployed (k3k 1.0.2) (server dry run)"
	assert_line "namespace/first created (server dry run)"
	[[ $stderr == *"cluster: only possible once namespace first exists (server dry run)"* ]]
	[[ $stderr == *"ingress: only possible once namespace first exists (server dry run)"* ]]
	[[ $stderr == *"rancher: only possible once the virtual cluster exists (server dry run)"* ]]
	kubectl create namespace first >/dev/null
	run --separate-stderr -0 rk3k deploy -c deploy.conf --yes --skip-preflight --dry-run=server
	[[ $stderr == *"cluster: only possible once the k3k controller exists (server dry run)"* ]]
	assert_line "ingress.networking.k8s.io/rancher-k3k-ingress created (server dry run)"
	run -0 writes
	assert_equal "$(grep -v '/api/v1/namespaces?' <<<"$output")" ""
}
