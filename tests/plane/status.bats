#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# status.bats - what status shows of a virtual cluster, object by object. The plane is host and inside
# at once; what a whole deployment looks like is in deploy.bats, the exact requests in requests.bats.
# shellcheck disable=SC2154

load ../helpers
load own

setup_file() {
	own_up 127.77.0.26
	own_crd k3k.io v1beta1 Cluster clusters
	own_crd helm.cattle.io v1 HelmChart helmcharts
	kubectl --kubeconfig "$OWN/admin.kubeconfig" create namespace cattle-system >/dev/null
}
teardown_file() { own_down; }
setup() { own_home; }
teardown() { kubectl delete secret,deployment -n cattle-system --all >/dev/null; }

status() { run --separate-stderr rk3k status "$@"; }

# tls NAMESPACE NAME DIR: the pair of certificate() as a Secret.
tls() { kubectl create secret tls "$2" -n "$1" --cert="$3/tls.crt" --key="$3/tls.key" >/dev/null; }

# The only pod with LABEL is ready; its controller counts it.
ready_pod() { # NAMESPACE LABEL
	local pod
	pod=$(kubectl get pod -n "$1" -l "$2" -o name) && [[ -n $pod ]] &&
		kubectl patch -n "$1" "$pod" --subresource status --type merge \
			-p '{"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}}'
}

# Cluster, server and Rancher as they should be.
complete() {
	own_virtual
	kubectl patch cluster rancher --subresource status --type merge -p '{"status": {"phase": "Ready"}}' >/dev/null
	kubectl create -f - >/dev/null <<-END
		apiVersion: apps/v1
		kind: StatefulSet
		metadata: {name: k3k-rancher-server}
		spec:
		  serviceName: x
		  selector: {matchLabels: {cluster: rancher}}
		  template: {metadata: {labels: {cluster: rancher}}, spec: {containers: [{name: c, image: i}]}}
		---
		apiVersion: apps/v1
		kind: Deployment
		metadata: {name: rancher, namespace: cattle-system}
		spec:
		  selector: {matchLabels: {app: rancher}}
		  template: {metadata: {labels: {app: rancher}}, spec: {containers: [{name: c, image: i}]}}
	END
	within 30 ready_pod "$NS" cluster=rancher
	within 30 ready_pod cattle-system app=rancher
	within 30 counted
}

counted() {
	[[ $(kubectl get statefulset k3k-rancher-server -o 'jsonpath={.status.readyReplicas}') == 1 &&
	$(kubectl get deployment rancher -n cattle-system -o 'jsonpath={.status.availableReplicas}') == 1 ]]
}

# served HOST[,HOST] [FLAG...]: Service and Ingress on the host, the same certificate on both sides.
served() {
	local hosts
	IFS=, read -ra hosts <<<"$1"
	certificate "$BATS_TEST_TMPDIR/a" "${hosts[@]}"
	rk3k ingress apply "$NS/rancher" -q --host "$1" "${@:2}" >/dev/null
}

@test "status: names of one's own, by flags and by deploy.conf, show the truth" {
	local flags=(--service door --ingress gate --secret copy)
	complete
	served a.example.com "${flags[@]}"
	tls "$NS" copy "$BATS_TEST_TMPDIR/a"
	tls cattle-system source "$BATS_TEST_TMPDIR/a"
	status "$NS/rancher"
	assert_failure 1
	[[ $stderr == *"no Ingress $NS/rancher-k3k-ingress"* ]]
	status "$NS/rancher" "${flags[@]}" --from source -o json
	assert_success
	assert_equal "$(jq -c '[.problems, .certificates.agree, .urls]' <<<"$output")" '[[],true,["https://a.example.com"]]'
	tls cattle-system tls-rancher-ingress "$BATS_TEST_TMPDIR/a"
	printf '%s\n' HOSTNAME=a.example.com "NAMESPACE=$NS" SERVICE_NAME=door INGRESS_NAME=gate TLS_SECRET=copy \
		CA_CERT_PATH=/long/gone.pem >"$BATS_TEST_TMPDIR/deploy.conf"
	status -c "$BATS_TEST_TMPDIR/deploy.conf"
	assert_success
	assert_line --regexp "^cluster +Ready +$NS/rancher"
	assert_line --regexp '^certificate on host +valid'
	sed -i /CA_CERT_PATH/d "$BATS_TEST_TMPDIR/deploy.conf"
	run --separate-stderr -0 bash -c "'$RK3K_BIN/rk3k-config' -c '$BATS_TEST_TMPDIR/deploy.conf' >'$BATS_TEST_TMPDIR/doc'"
	status -c "$BATS_TEST_TMPDIR/doc"
	assert_success
}

@test "status: what is missing is told with the command that makes it, names and all" {
	complete
	status "$NS/rancher" --ingress gate --secret copy
	assert_failure 1
	[[ $stderr == *"no Ingress $NS/gate on the host; run: kubectl rk3k ingress restore $NS/rancher --ingress gate --secret copy"* ]]
	assert_line --regexp '^certificate on host +missing'
}

@test "status: two certificates that differ" {
	complete
	served a.example.com
	tls "$NS" tls-rancher-ingress "$BATS_TEST_TMPDIR/a"
	certificate "$BATS_TEST_TMPDIR/b" a.example.com
	tls cattle-system tls-rancher-ingress "$BATS_TEST_TMPDIR/b"
	status "$NS/rancher"
	assert_failure 1
	assert_line --regexp '^certificate inside +valid'
	assert_line --regexp '^certificate on host +differs'
	[[ $stderr == *"run: kubectl rk3k cert-sync $NS/rancher"* ]]
	run --separate-stderr -0 rk3k cert-sync "$NS/rancher"
	status "$NS/rancher"
	assert_success
}

@test "status, cert-sync, ingress restore: with several host names the certificate of all of them counts" {
	complete
	certificate "$BATS_TEST_TMPDIR/b" a.example.com
	tls cattle-system tls-rancher-ingress "$BATS_TEST_TMPDIR/b" # the chart's, of the primary name
	served a.example.com,b.example.com
	tls cattle-system tls-rancher-ingress-all "$BATS_TEST_TMPDIR/a"
	run --separate-stderr -0 rk3k cert-sync "$NS/rancher"
	status "$NS/rancher"
	assert_success
	kubectl delete secret tls-rancher-ingress >/dev/null
	run --separate-stderr -0 rk3k ingress restore "$NS/rancher"
	assert_output "secret/tls-rancher-ingress created"
	status "$NS/rancher" -o json
	assert_success
	assert_equal "$(jq -c '[.certificates.agree, (.urls | length)]' <<<"$output")" '[true,2]'
	run --separate-stderr -1 rk3k cert-sync "$NS/rancher" --from tls-rancher-ingress
	[[ $stderr == *"b.example.com"* ]]
}

@test "status: a Cluster that is being deleted is not Ready" {
	own_virtual
	kubectl patch cluster rancher --type merge -p '{"metadata": {"finalizers": ["k3k.io/test"]}}' >/dev/null
	kubectl patch cluster rancher --subresource status --type merge -p '{"status": {"phase": "Ready"}}' >/dev/null
	kubectl delete cluster rancher --wait=false >/dev/null
	status "$NS/rancher"
	kubectl patch cluster rancher --type merge -p '{"metadata": {"finalizers": null}}' >/dev/null
	assert_failure 1
	assert_line --regexp '^cluster +Terminating'
}
