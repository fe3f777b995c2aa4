#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Objects of wrong types, from an API server that serves whatever it is given: at every place of
# every object that a tool reads, types that do not belong there. No crash, no hang, no secret,
# and a message of one line each.
# shellcheck disable=SC2154 # stderr is set by run --separate-stderr

bats_require_minimum_version 1.5.0
bats_load_library bats-support
bats_load_library bats-assert

setup_file() {
	cd "$BATS_FILE_TMPDIR" || return
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=standin \
		-addext subjectAltName=IP:127.0.0.1,DNS:k3k-rancher-service,DNS:rancher.example.com \
		-keyout tls.key -out tls.crt 2>/dev/null
}

setup() {
	TOP=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
	BIN=$(cd "${RK3K_BIN:-$TOP/build/libexec}" && pwd)
	unset "${!RK3K_@}" KUBECONFIG http_proxy https_proxy HTTP_PROXY HTTPS_PROXY all_proxy ALL_PROXY || true
	export HOME=$BATS_TEST_TMPDIR/home
	mkdir -p "$HOME/.kube"
	cd "$BATS_FILE_TMPDIR" || return
	serve
}

teardown() { [[ -z ${api_PID:-} ]] || kill "$api_PID" 2>/dev/null || true; }

kubeconfig() { # SERVER
	cat <<-END
		apiVersion: v1
		kind: Config
		current-context: default
		contexts: [{name: default, context: {cluster: default, user: default}}]
		clusters: [{name: default, cluster: {server: "$1", certificate-authority-data: $(base64 -w0 tls.crt)}}]
		users: [{name: default, user: {token: t}}]
	END
}

# The server, and the objects of a virtual cluster whose inside is the same server.
serve() {
	objects >objects.json
	start_api
	kubeconfig "https://127.0.0.1:$PORT" >"$HOME/.kube/config"
}

start_api() {
	coproc api { exec "$TOP/tests/cli/standin-api" "$BATS_FILE_TMPDIR" 3>&-; }
	read -r PORT <&"${api[0]}"
}

objects() {
	jq -n --arg crt "$(base64 -w0 tls.crt)" --arg key "$(base64 -w0 tls.key)" \
		--arg config "$(kubeconfig https://k3k-rancher-service | base64 -w0)" '
		def meta($n): {name: $n, namespace: "rancher-k3k", creationTimestamp: "2026-01-01T00:00:00Z"};
		def list($k; $items): {apiVersion: "v1", kind: $k, metadata: {resourceVersion: "1"}, items: $items};
		def chart: {"helmcharts.helm.cattle.io/chart": "rancher"};
		def secret($n): {apiVersion: "v1", kind: "Secret", type: "kubernetes.io/tls", metadata: meta($n),
			data: {"tls.crt": $crt, "tls.key": $key}};
		def cluster: {apiVersion: "k3k.io/v1beta1", kind: "Cluster", metadata: meta("rancher"),
			spec: {mode: "virtual", servers: 1, version: "v1.34.7-k3s1"},
			status: {phase: "Failed", hostVersion: "v1.34.1", conditions: [{type: "Ready", message: "why"}]}};
		"/apis/k3k.io/v1beta1" as $k3k | "/api/v1/namespaces/rancher-k3k" as $core |
		{
			"/version": {major: "1", minor: "34", gitVersion: "v1.34.1"},
			"\($k3k)/clusters": list("ClusterList"; [cluster]),
			"\($k3k)/namespaces/rancher-k3k/clusters/rancher": cluster,
			"/apis/apps/v1/namespaces/rancher-k3k/statefulsets/k3k-rancher-server":
				{apiVersion: "apps/v1", kind: "StatefulSet", metadata: meta("k3k-rancher-server"),
				status: {readyReplicas: 1}},
			"/apis/networking.k8s.io/v1/namespaces/rancher-k3k/ingresses/rancher-k3k-ingress":
				{apiVersion: "networking.k8s.io/v1", kind: "Ingress", metadata: meta("rancher-k3k-ingress"),
				spec: {rules: [{host: "rancher.example.com"}]}},
			"\($core)/services/rancher-k3k-traefik":
				{apiVersion: "v1", kind: "Service", metadata: meta("rancher-k3k-traefik"), spec: {selector: {cluster: "rancher"}}},
			"\($core)/secrets/tls-rancher-ingress": secret("tls-rancher-ingress"),
			"/api/v1/namespaces/cattle-system/secrets/tls-rancher-ingress": secret("tls-rancher-ingress"),
			"\($core)/secrets/k3k-rancher-kubeconfig": {apiVersion: "v1", kind: "Secret",
				metadata: meta("k3k-rancher-kubeconfig"), data: {"kubeconfig.yaml": $config}},
			"\($core)/services/k3k-rancher-service": {apiVersion: "v1", kind: "Service",
				metadata: meta("k3k-rancher-service"),
				spec: {clusterIP: "None", ports: [{name: "k3s-server-port", port: 443, nodePort: "PORT"}]},
				status: {loadBalancer: {}}},
			"/api/v1/nodes": list("NodeList"; [
				{metadata: {name: "down"}, status: {conditions: [{type: "Ready", status: "False"}],
					addresses: [{type: "InternalIP", address: "127.0.0.9"}]}},
				{metadata: {name: "up"}, status: {conditions: [{type: "Ready", status: "True"}],
					addresses: [{type: "InternalIP", address: "fd00::1"}, {type: "InternalIP", address: "127.0.0.1"}]}}]),
			"/apis/helm.cattle.io/v1/namespaces/kube-system/helmcharts": list("HelmChartList";
				[{metadata: {name: "rancher"}, spec: {version: "2.14.1"}, status: {jobName: "helm-install-rancher"}}]),
			"/apis/batch/v1/namespaces/kube-system/jobs": list("JobList";
				[{metadata: {name: "helm-install-rancher", labels: chart}, status: {succeeded: 0}}]),
			"/api/v1/namespaces/kube-system/pods": list("PodList";
				[{metadata: {name: "helm-install-rancher-x", labels: chart, creationTimestamp: "2026-01-01T00:00:00Z"},
				status: {containerStatuses: [{restartCount: 2, state: {waiting: {reason: "CrashLoopBackOff"}},
					lastState: {terminated: {exitCode: 1, reason: "Error"}}}]}}]),
			"/apis/apps/v1/namespaces/cattle-system/deployments/rancher":
				{metadata: {name: "rancher"}, spec: {replicas: 1}, status: {availableReplicas: 1}}
		}'
}

# Every place of every object with every value of a type that it does not have.
changes() { # JQ-FILTER OF PATHS
	jq -r --arg f "$1" 'to_entries[] | select(.key | test($f)) | .key as $object | .value |
		([] , paths) as $where | getpath($where) as $old |
		([null], {"": null}, (if ($old | type) == "string" then -1 else "\u001b[2J" end))
		| select(type != ($old | type)) |
		[$object, ($where | tojson), tojson] | @tsv' objects.json
}

# bad CHANGE-FILTER CODES TOOL...: every change, and what the tool makes of it.
bad() {
	local n=0 line rc key
	key=$(sed -n 2p tls.key)
	while IFS= read -r line; do
		n=$((n + 1))
		printf '%b\n' "$line" >&"${api[1]}"
		read -r _ <&"${api[0]}"
		rc=0
		timeout 20 "$BIN/rk3k-$3" "${@:4}" >out 2>err </dev/null || rc=$?
		if [[ " $2 " != *" $rc "* || $(wc -l <err) -gt 7 ]] || grep -q $'\e' out err || grep -qF "$key" out err; then
			printf '%s with %s: exit %d\n%s\n' "${*:3}" "$line" "$rc" "$(cat -v out err)"
			return 1
		fi
	done < <(changes "$1")
	((n > 20)) || { echo "only $n changes" && return 1; }
}

@test "status: the objects as they should be" {
	run -1 --separate-stderr "$BIN/rk3k-status" -o json
	assert_equal "$(jq -c '[.kubeconfig.via, .certificates.agree, .charts[0].job, .servers.ready]' <<<"$output")" \
		'["node port",true,"failing",1]'
	assert_equal "$(jq -c '.problems' <<<"$output")" \
		'["the Cluster is Failed: why","chart rancher cannot be installed (3 tries); see: kubectl logs -n kube-system helm-install-rancher-x"]'
}

@test "status -A: wrong types in the list of Clusters" {
	bad 'v1beta1/clusters$' '0 1 3' status -A
}

@test "cert-sync: wrong types in both copies of the certificate, nothing but plain words" {
	bad 'tls-rancher-ingress' '0 1 3' cert-sync --dry-run=client --host rancher.example.com
}

@test "ingress status: wrong types in Ingress, Service and Secret" {
	bad 'ingresses|traefik' '0 1 3' ingress status
}

@test "kubeconfig get: ready nodes only, one address each, IPv6 in brackets" {
	run -0 --separate-stderr "$BIN/rk3k-kubeconfig" get -v
	assert_regex "$stderr" "node port https://127.0.0.1:$PORT"
	assert_regex "$stderr" "node port https://\\[fd00::1\\]:$PORT"
	refute_regex "$stderr" '127.0.0.9'
	assert_output --partial "server: https://127.0.0.1:$PORT"
}
