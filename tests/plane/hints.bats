#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# hints.bats - the commands that errors advise: each runs as it is printed, and reaches the host cluster that
# the failed command was about. There is no other way to it than the flags of the failed command.
# shellcheck disable=SC2154,SC2016

load ../helpers
load ../audit
load own

setup_file() {
	own_up 127.77.9.1
	own_crd k3k.io v1beta1 Cluster clusters
}

teardown_file() { own_down; }

setup() {
	own_home
	HOST_FILE="$BATS_TEST_TMPDIR/the host.yaml"
	kubectl config rename-context default east >/dev/null
	mv "$PLANE_KUBECONFIG" "$HOST_FILE"
	cd "$BATS_TEST_TMPDIR" || return
	printf '%s\n' HOSTNAME=rancher.example.com STORAGE_TYPE=ephemeral "NAMESPACE=$NS" CONFIRM=yes >deploy.conf.x
	BIN=$(readlink -f "$RK3K_BIN/../bin")
}

east() { rk3k "$1" --kubeconfig "$HOST_FILE" --context east "${@:2}"; }
admin() { bed kubectl --kubeconfig "$HOST_FILE" "$@"; }

# What stands behind the last ": kubectl" of what was said, to its end.
commands() { sed -nE 's/^.*: (kubectl .*)$/\1/p' <<<"$1" | sed -E 's/   \(continues.*//; s/ with the name of another.*//'; }

# advises CODE COMMAND-PATTERN TOOL ARG...: the tool fails with this code, and what it advises runs.
advises() {
	local command pattern=$2 found='' from rc out
	run --separate-stderr "-$1" east "${@:3}"
	while read -r command; do
		found+="$command"$'\n'
		[[ $command != *' rk3k deploy'* ]] || command+=' --diff'
		[[ $command != *' rk3k destroy'* ]] || command+=' --dry-run'
		[[ $command != *' rk3k wait'* ]] || command+=' --timeout=0'
		from=$(wc -l <"$OWN/log/audit.json")
		rc=0
		out=$(bed timeout 60 bash -c 'PATH=$1:$PATH; eval "$2"' hint "$BIN" "$command" </dev/null 2>&1) || rc=$?
		[[ $rc -ne 2 && $rc -lt 124 && $out != *'unknown'* && $out != *'no cluster is configured'* ]] ||
			{ printf '%s\nends with %s\n%s\n' "$command" "$rc" "$out" && return 1; }
		within 3 seen_since "$from"
	done < <(commands "$output"$'\n'"$stderr")
	assert_regex "$found" "$pattern"
}
seen_since() { [[ $(wc -l <"$OWN/log/audit.json") -gt $1 ]]; }

# A Cluster of k3k that its controller has not seen yet.
new_cluster() { # NAME
	admin apply -f - >/dev/null <<-END
		apiVersion: k3k.io/v1beta1
		kind: Cluster
		metadata: {name: $1, namespace: $NS}
		spec: {mode: virtual, servers: 1}
	END
}

@test "hints: no such virtual cluster, or not ready yet" {
	advises 3 'kubectl rk3k status -A --kubeconfig=' password "$NS/none"
	advises 3 'kubectl rk3k status -A --kubeconfig=' cert-sync "$NS/none" --host a.example.com
	new_cluster new
	advises 3 'kubectl rk3k wait cluster.k3k.io/new -n [^ ]+ --for=condition=Ready --kubeconfig=' kubeconfig get "$NS/new"
	advises 1 'kubectl rk3k ingress restore [^ ]+/new .*--context=east' ingress status "$NS/new" --host a.example.com
}

@test "hints: a missing namespace, kind or right" {
	advises 3 'kubectl create namespace none --kubeconfig=' apply -f <(echo '{apiVersion: v1, kind: Secret, metadata: {name: a, namespace: none}}')
	advises 3 'kubectl api-resources --kubeconfig=' wait nosuchkind/x --timeout=0
	advises 5 'kubectl auth can-i --list --kubeconfig=.* --as=nobody' names ns --as nobody
}

@test "hints: steps of a deployment, with the file of its settings" {
	advises 3 'kubectl rk3k deploy --only controller --config=deploy.conf.x --kubeconfig=' wait controller -c deploy.conf.x --timeout=1s
	advises 3 'kubectl rk3k deploy --config=deploy.conf.x --kubeconfig=' wait cluster -c deploy.conf.x --timeout=1s
	new_cluster rancher
	advises 5 'kubectl rk3k destroy --config=deploy.conf.x --kubeconfig=' wait teardown -c deploy.conf.x --timeout=1s
	advises 3 'kubectl rk3k deploy --kubeconfig [^ ]+the\\ host.yaml --context east -c' deploy -c deploy.conf.x --skip-preflight --only cert-manager
}
