#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Objects of wrong types, from an API server that serves whatever it is given: at every place of
# every object that a tool reads, values that do not belong there (standin-api says which). No crash,
# no hang, no sanitizer's report, no secret, a documented exit code and a few plain lines. These are
# thousands of runs, which `make check` makes once, with the sanitizers.
# shellcheck disable=SC2154 # stderr is set by run --separate-stderr
# bats file_tags=slow,sanitizers

bats_require_minimum_version 1.5.0
bats_load_library bats-support
bats_load_library bats-assert

setup_file() {
	export TOP BIN
	TOP=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
	BIN=$(cd "${RK3K_BIN:-$TOP/build/libexec}" && pwd)
	unset "${!RK3K_@}" KUBECONFIG http_proxy https_proxy HTTP_PROXY HTTPS_PROXY all_proxy ALL_PROXY || true
	export HOME=$BATS_FILE_TMPDIR
	cd "$BATS_FILE_TMPDIR" || return
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=standin \
		-addext subjectAltName=IP:127.0.0.1,DNS:k3k-rancher-service,DNS:rancher.example.com \
		-keyout tls.key -out tls.crt 2>/dev/null
	printf '%s\n' HOSTNAME=rancher.example.com STORAGE_CLASS=local \
		{K3K,RANCHER,CERTMANAGER}_REPO=https://127.0.0.1:1 >deploy.conf
	"$BIN/rk3k-config" -c deploy.conf --no-prompt >doc.json
	"$BIN/rk3k-config" -c deploy.conf --no-prompt --set TLS_SOURCE=secret --set "CA_CERT_PATH=$PWD/tls.crt" \
		--set "CA_KEY_PATH=$PWD/tls.key" >ca.json
	"$BIN/rk3k-render" rancher -c doc.json >rancher.yaml
	echo '{apiVersion: example.com/v1, kind: Thing, metadata: {name: one, namespace: default}}' >thing.yaml
}

setup() {
	unset "${!RK3K_@}" KUBECONFIG http_proxy https_proxy HTTP_PROXY HTTPS_PROXY all_proxy ALL_PROXY || true
	cd "$BATS_FILE_TMPDIR" || return
}

# The objects, changed by a filter of jq where a tool has to find them in another state.
objects() { # [FILTER]
	jq -n --arg crt "$(base64 -w0 tls.crt)" --arg key "$(base64 -w0 tls.key)" \
		--rawfile ca tls.crt --rawfile cakey tls.key -f "$TOP/tests/cli/standin-objects.jq" |
		jq "${1:-.}" >objects.json
}

# bad CODE OBJECTS TOOL...: the tool ends with CODE when all is as it should be; then every change in
# the objects whose paths match.
bad() {
	[[ -e objects.json ]] || objects
	ONLY=$2 run -0 "$TOP/tests/cli/standin-api" "$PWD" "$1" "$BIN/rk3k-$3" "${@:4}"
	echo "$output"
}

teardown() { rm -f objects.json; }

# A server of its own for one test, all as it should be.
serve() { # [FILTER]
	objects "$@"
	coproc api { exec "$TOP/tests/cli/standin-api" "$PWD" 3>&-; }
	read -r PORT <&"${api[0]}"
	export KUBECONFIG=$PWD/good/.kube/config
}

ready='(.["/apis/apps/v1/namespaces/k3k-system/deployments"].items[0].status) = {observedGeneration: 2, replicas: 2,
	updatedReplicas: 2, availableReplicas: 2, readyReplicas: 2}'
phase='(.["/apis/k3k.io/v1beta1/namespaces/rancher-k3k/clusters"].items[0].status.phase)'

# --- one look --------------------------------------------------------------------

@test "status: the objects as they should be" {
	serve
	run -1 --separate-stderr "$BIN/rk3k-status" -o json
	assert_equal "$(jq -c '[.kubeconfig.via, .certificates.agree, .charts[0].job, .servers.ready]' <<<"$output")" \
		'["node port",true,"failing",1]'
	assert_equal "$(jq -c '.problems[]' <<<"$output" | head -n 1)" '"the Cluster is Failed: not yet"'
	assert_regex "$output" 'chart rancher cannot be installed \(3 tries\); see: kubectl rk3k kubeconfig get [a-z/0-9-]+.* -- kubectl logs -n kube-system helm-install-rancher-x'
}

@test "kubeconfig get: ready nodes only, one address each, IPv6 in brackets" {
	serve
	run -0 --separate-stderr "$BIN/rk3k-kubeconfig" get -v
	assert_regex "$stderr" "node port https://127.0.0.1:$PORT"
	assert_regex "$stderr" "node port https://\\[fd00::1\\]:$PORT"
	refute_regex "$stderr" '127.0.0.9'
	assert_output --partial "server: https://127.0.0.1:$PORT"
}

@test "kubeconfig get --exec: the entry records how to find the host again" {
	serve
	run -0 --separate-stderr "$BIN/rk3k-kubeconfig" get --exec -o json
	assert_equal "$(jq -c '.users[0].user.exec.args' <<<"$output")" \
		"[\"credential\",\"rancher-k3k/rancher\",\"--context=default\",\"--kubeconfig=$KUBECONFIG\"]"
	cd good/.kube
	KUBECONFIG=config:/nowhere run -0 --separate-stderr "$BIN/rk3k-kubeconfig" get --exec -o json --user default
	assert_equal "$(jq -c '.users[0].user.exec | .env, .args[-1]' <<<"$output" | xargs)" \
		"[{name:KUBECONFIG,value:$PWD/config:/nowhere}] --user=default"
	# without the variable, and into a file that will be the variable
	unset KUBECONFIG
	HOME=$BATS_FILE_TMPDIR/good run -0 --separate-stderr "$BIN/rk3k-kubeconfig" get --exec -f "$BATS_TEST_TMPDIR/own"
	grep -qx " *- --kubeconfig=$PWD/config" "$BATS_TEST_TMPDIR/own"
	HOME=$BATS_TEST_TMPDIR KUBECONFIG=$BATS_TEST_TMPDIR/own run -0 --separate-stderr "$BIN/rk3k-credential" \
		rancher-k3k/rancher --context=default "--kubeconfig=$PWD/config"
	run -2 --separate-stderr "$BIN/rk3k-kubeconfig" get --exec --kubeconfig <(cat config)
	assert_regex "$stderr" 'could not read the kubeconfig .* again; save it'
}

@test "kubeconfig get: the default name is not that of another virtual cluster" {
	serve
	export HOME=$BATS_TEST_TMPDIR/home
	mkdir -p "$HOME"
	name() { KUBECONFIG='' "$BIN/rk3k-kubeconfig" get -q -o json --kubeconfig "$BATS_FILE_TMPDIR/good/.kube/config" "$@" | jq -r .contexts[0].name; }
	other() { # NAMESPACE HOST NAME
		printf '%s\n' "clusters: [{name: $3, cluster: {server: 'https://other.example', extensions: [{name: rk3k," \
			"  extension: {namespace: $1, cluster: rancher, host: '$2'}}]}}]" "contexts: [{name: $3, context: {cluster: $3, user: $3}}]" \
			"users: [{name: $3, user: {token: abc}}]" | KUBECONFIG='' "$BIN/rk3k-kubeconfig" merge -q >/dev/null
	}
	assert_equal "$(name)" rancher-k3k
	other team https://h.example rancher-k3k
	assert_equal "$(name)" rancher-rancher-k3k-k3k
	other rancher-k3k https://h.example rancher-rancher-k3k-k3k
	assert_equal "$(name)" rancher-rancher-k3k-default-k3k
	rm "$HOME/.kube/config"
	other rancher-k3k https://h.example rancher-k3k
	assert_equal "$(name)" rancher-rancher-k3k-default-k3k
	assert_equal "$(name --name mine)" mine
}

@test "kubeconfig get: -c names the entry by KUBECONFIG_NAME" {
	serve
	echo KUBECONFIG_NAME=mine >named.conf
	assert_equal "$("$BIN/rk3k-kubeconfig" get -q -o json -c named.conf | jq -r .contexts[0].name)" mine
	assert_equal "$("$BIN/rk3k-kubeconfig" get -q -o json -c named.conf --name other | jq -r .contexts[0].name)" other
}

@test "wait: a credential plugin that hangs ends with --timeout and the first signal" {
	local rc=0 began=$SECONDS
	serve
	# the first answer is good for a moment, the second never comes
	cat >"$BATS_TEST_TMPDIR/plugin" <<-END
		#!/bin/sh
		[ -e "$BATS_TEST_TMPDIR/asked" ] && exec sleep 60
		: >"$BATS_TEST_TMPDIR/asked"
		echo '{"kind": "ExecCredential", "apiVersion": "client.authentication.k8s.io/v1", "status": {"token": "good",
			"expirationTimestamp": "$(date -u -d '+11 seconds' +%FT%TZ)"}}'
	END
	chmod +x "$BATS_TEST_TMPDIR/plugin"
	jq --arg c "$BATS_TEST_TMPDIR/plugin" '.users[0].user = {exec: {apiVersion: "client.authentication.k8s.io/v1", command: $c,
		interactiveMode: "Never"}}' "$KUBECONFIG" >"$BATS_TEST_TMPDIR/config"
	export KUBECONFIG=$BATS_TEST_TMPDIR/config
	run -1 --separate-stderr "$BIN/rk3k-wait" configmap/none --for=exists --timeout 4s
	assert_regex "$stderr" 'credential plugin: .*/plugin did not end in time'
	"$BIN/rk3k-wait" configmap/none --for=exists --timeout 60s &
	sleep 0.5
	kill -TERM $!
	wait $! || rc=$?
	assert_equal "$rc" 143
	[ $((SECONDS - began)) -lt 20 ]
	[ -e "$BATS_TEST_TMPDIR/asked" ]
}

@test "credential: the answer for one identity is not given to another" {
	serve
	export XDG_RUNTIME_DIR=$BATS_TEST_TMPDIR/run
	mkdir -m 700 "$XDG_RUNTIME_DIR"
	# each from a process of its own, as from kubectl
	ask() { bash -c '"$@"; exit' - "$BIN/rk3k-credential" "$@"; }
	echo one >token
	run -0 --separate-stderr ask
	run -0 --separate-stderr ask --token-file token
	kill "$api_PID"
	run -0 --separate-stderr ask
	run -0 --separate-stderr ask --token-file token
	run -1 --separate-stderr ask --as jane
	run -1 --separate-stderr ask --server "https://localhost:$PORT"
	echo two >token
	run -1 --separate-stderr ask --token-file token
	sed -i 's/good/other/' "$KUBECONFIG"
	run -1 --separate-stderr ask
	assert_regex "$stderr" 'no credential for rancher-k3k/rancher: '
}

@test "status: wrong types in what it reads on both sides" {
	bad 1 'k3k.io.*/rancher$|sets/|deployments/|traefik|slices|classes' status -o json \
		--resolve rancher.example.com:443:127.0.0.1
}

@test "status -A: wrong types in the list of Clusters" {
	bad 0 'clusters$|statefulsets$' status -A
}

@test "status -A: an object without a creation time has the age that kubectl shows" {
	local time
	for time in null '""' '"0001-01-01T00:00:00Z"' '"yesterday"'; do
		serve "(.[\"/apis/k3k.io/v1beta1/clusters\"].items[0].metadata.creationTimestamp) = $time"
		run -0 --separate-stderr "$BIN/rk3k-status" -A
		assert_line --regexp '^rancher-k3k +rancher +virtual +Failed +0/1 +v1.34.7-k3s1 +<unknown> +Failed: not yet; 0 of 1 servers ready$'
		kill "$api_PID"
	done
}

@test "names: wrong types in lists" {
	bad 0 'clusters$' names cluster -A
	bad 0 'namespaces$' names namespace
}

# --- the way in ------------------------------------------------------------------

@test "kubeconfig get: wrong types in Service, nodes and Secret" {
	bad 0 'nodes|service|secrets|version' kubeconfig get
}

@test "kubeconfig generate: wrong types in the bootstrap Secret" {
	bad 0 'bootstrap' kubeconfig generate
}

@test "credential: wrong types in the Secret and in the kubeconfig in it" {
	bad 0 'kubeconfig' credential --no-cache
}

# --- certificate and ingress -----------------------------------------------------

@test "cert-sync: wrong types in both copies of the certificate" {
	bad 0 'tls-rancher-ingress' cert-sync --host rancher.example.com
}

@test "ingress: wrong types in Ingress, Service and Secret" {
	bad 1 'ingresses|traefik|secrets/tls|slices|classes' ingress status --resolve rancher.example.com:443:127.0.0.1
	bad 0 'ingresses|traefik' ingress apply
	bad 0 'ingresses|traefik|secrets/tls' ingress restore
	objects '(.["/apis/networking.k8s.io/v1/namespaces/rancher-k3k/ingresses/rancher-ingress"]) =
		(.["/apis/networking.k8s.io/v1/namespaces/rancher-k3k/ingresses/rancher-k3k-ingress"] | .metadata.name = "rancher-ingress")'
	bad 0 'ingresses' ingress delete
}

@test "passthrough: wrong types in the HelmChartConfig" {
	bad 0 '.' passthrough apply
	bad 0 '.' passthrough revert
}

# --- waiting ---------------------------------------------------------------------

@test "wait controller, teardown: wrong types in Deployment, pods, Cluster" {
	bad 4 'deployments|pods' wait controller -c "$PWD/doc.json" --timeout 0 -q
	objects '(.["/apis/apps/v1/namespaces/k3k-system/deployments"].items[0].metadata) += {name: "other",
		labels: {"app.kubernetes.io/name": "k3k"}}'
	bad 4 'deployments' wait controller -c "$PWD/doc.json" --timeout 0 -q
	objects
	bad 5 'clusters' wait teardown -c "$PWD/doc.json" --timeout 0 -q
	objects '(.["/apis/k3k.io/v1beta1/namespaces/rancher-k3k/clusters"].items) = [] |
		(.["/api/v1/namespaces/rancher-k3k/secrets"].items[0].metadata.ownerReferences) = [{kind: "Cluster", name: "rancher"}]'
	bad 4 'secrets|pods' wait teardown -c "$PWD/doc.json" --timeout 0 -q
}

@test "wait clusters: wrong types in Clusters, StatefulSets, Secrets and pods" {
	objects "$ready |"' .["/api/v1/secrets"] = .["/api/v1/namespaces/rancher-k3k/secrets"] |
		.["/api/v1/secrets"].items[0].metadata += {name: "k3k-rancher-kubeconfig", namespace: "rancher-k3k"}'
	bad 4 'v1/(clusters|statefulsets|secrets)$|k3k-system' wait clusters -c "$PWD/doc.json" --timeout 0 -q
}

@test "wait cluster: wrong types in Cluster, StatefulSet, claims, pods, events" {
	objects "$ready | $phase = \"Provisioning\""
	bad 4 'k3k.io|rancher-k3k/(pods|pers|stat)|storage|events' wait cluster -c "$PWD/doc.json" --timeout 0 -q
}

@test "wait rancher, certificate: wrong types in what is inside" {
	bad 4 'helmcharts$|jobs$|pods$' wait rancher -c "$PWD/doc.json" --timeout 0 -q
	bad 4 'cert-manager.io' wait certificate -c "$PWD/doc.json" --timeout 0 -q
}

@test "wait issuer, url: wrong types in the issuer and in the objects of the address" {
	bad 4 'issuers' wait issuer -c "$PWD/ca.json" --timeout 0 -q
	bad 4 'ingresses|secrets' wait url -c "$PWD/doc.json" --timeout 0 -q --resolve rancher.example.com:443:127.0.0.1
}

@test "wait TYPE/NAME: wrong types in each kind whose readiness is known" {
	bad 4 'deployments$' wait deployment/rancher -n cattle-system --timeout 0 -q
	bad 0 'sets$' wait sts/k3k-rancher-server -n rancher-k3k --timeout 0 -q
	bad 4 'pods$' wait pods -l a=b -n rancher-k3k --timeout 0 -q
	bad 4 'jobs$' wait job/helm-install-rancher -n kube-system --timeout 0 -q
	bad 4 'claims$' wait pvc/varlibrancherk3s-k3k-rancher-server-0 -n rancher-k3k --timeout 0 -q
	bad 4 'things$|apis$' wait thing.example.com/one --for=condition=Ready --timeout 0 -q
}

# --- before and after ------------------------------------------------------------

@test "preflight: wrong types in what the host has" {
	bad 1 '.' preflight -c "$PWD/doc.json"
}

@test "delete: wrong types in discovery, objects and lists" {
	bad 0 'apis$|things' delete thing.example.com/one --wait=false
	bad 0 'pods' delete pods -l cluster=rancher -n rancher-k3k --wait=false
}

@test "apply: wrong types in discovery and in what was there before" {
	bad 0 'example' apply -f "$PWD/thing.yaml"
	bad 0 'helmcharts/' apply -f "$PWD/rancher.yaml" --virtual rancher
}

@test "registries: wrong types in Cluster and HelmChart" {
	bad 1 'k3k.io|helmcharts/|rancher-k3k$' registries diff -c "$PWD/doc.json" --registry 127.0.0.1:1
	bad 0 'k3k.io|helmcharts/' registries apply -c "$PWD/doc.json" --registry 127.0.0.1:1
}

@test "registries check: wrong types in an index and in a token server's answers" {
	local charts=https://127.0.0.1:@PORT@/charts
	(umask 077 && echo word >word)
	bad 1 '/charts/|/token|/v2/' registries check --registry 127.0.0.1:@PORT@ --ca "$PWD/tls.crt" --user @TOKEN@ \
		--password-file "$PWD/word" --set "K3K_REPO=$charts" --set "RANCHER_REPO=$charts" --set "CERTMANAGER_REPO=$charts"
}
