#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# deploy-variants.bats - the same deployment from other sources: OCI charts behind a login and a
# private CA, a CA of the user's own, a certificate of the user's own, several host names.
# shellcheck disable=SC2154

load ../helpers

setup_file() {
	export HOST=rancher.example.com OTHER=rancher.example.org T=$BATS_FILE_TMPDIR
	export PLANE_HOME=$T/home
	export PLANE_KUBECONFIG=$PLANE_HOME/.kube/config
	mkdir -p "$PLANE_HOME/.kube"
	cp "$RK3K_TESTBED/host/admin.kubeconfig" "$PLANE_KUBECONFIG"
	chmod 600 "$PLANE_KUBECONFIG"
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj "/CN=Our CA" \
		-addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign \
		-keyout "$T/ca.key" -out "$T/ca.crt" 2>/dev/null
	chmod 600 "$T/ca.key"
}

teardown() { rk3k destroy -c "$T/deploy.conf" --yes -q >/dev/null; }

# conf LINE...: the configuration of one test.
conf() { printf '%s\n' "HOSTNAME=$HOST" STORAGE_CLASS=local PVC_SIZE=1Gi "$@" >"$T/deploy.conf" && chmod 600 "$T/deploy.conf"; }

var() { bed printenv "$1"; }

deploy() {
	rk3k deploy -c "$T/deploy.conf" --timeout 90s --resolve "$HOST:443:10.90.0.1" \
		--resolve "$OTHER:443:10.90.0.1" "$@"
}

answers() { # CA HOST
	curl -sS --cacert "$1" --resolve "$2:443:10.90.0.1" "https://$2/ping"
}

public() {
	local repo
	repo=$(var CHART_HTTP_PUBLIC)
	printf '%s\n' "K3K_REPO=$repo" "CERTMANAGER_REPO=$repo" "RANCHER_REPO=$repo"
}

# The word of the bed's private sources, in the quotes of a shell.
private_login() {
	local word
	word=$(cat "$(var CHART_PASSWORD_FILE)")
	printf '%s\n' HELM_AUTH_NEEDED=yes "HELM_REPO_USER=$(var CHART_USER)" "HELM_REPO_PASS='$word'" \
		"PRIVATE_CA_PATH=$(var CHART_CA)"
}

@test "deploy: OCI charts behind a login and a private CA, our own CA, two host names" {
	local oci host
	oci=$(var CHART_OCI)
	host=${oci#oci://}
	mapfile -t lines < <(private_login)
	conf "K3K_REPO=$oci/k3k" "CERTMANAGER_REPO=$oci/cert-manager" "RANCHER_REPO=$oci/rancher" \
		"PRIVATE_REGISTRY=${host%%/*}" "HOSTNAMES=$HOST,$OTHER" "CA_CERT_PATH=$T/ca.crt" \
		"CA_KEY_PATH=$T/ca.key" "CA_ROOT_PATH=$T/ca.crt" "${lines[@]}"
	run --separate-stderr -0 deploy
	run -0 answers "$T/ca.crt" "$HOST"
	assert_output pong
	run -0 answers "$T/ca.crt" "$OTHER"
	assert_output pong
	run -0 curl -sS --cacert "$T/ca.crt" --resolve "$HOST:443:10.90.0.1" "https://$HOST/cacerts"
	assert_output "$(cat "$T/ca.crt")"
	run --separate-stderr -0 deploy
	refute_output --regexp '(created|configured)'
}

@test "deploy: charts from an HTTPS repository behind a login and a private CA" {
	local repo registry
	repo=$(var CHART_HTTP_PRIVATE)
	registry=$(var CHART_OCI)
	registry=${registry#oci://} registry=${registry%%/*}
	mapfile -t lines < <(private_login)
	conf "K3K_REPO=$repo" "CERTMANAGER_REPO=$repo" "RANCHER_REPO=$repo" "PRIVATE_REGISTRY=$registry" \
		"HELM_REPO_HOSTS=${repo#https://}" "${lines[@]}"
	run --separate-stderr -0 deploy
	run --separate-stderr -0 rk3k status
}

@test "deploy: a given certificate" {
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj / \
		-addext "subjectAltName=DNS:$HOST" -keyout "$T/own.key" -out "$T/own.csr" 2>/dev/null
	openssl x509 -req -in "$T/own.csr" -CA "$T/ca.crt" -CAkey "$T/ca.key" -days 20 \
		-copy_extensions copyall -out "$T/own.crt" 2>/dev/null
	chmod 600 "$T/own.key"
	mapfile -t lines < <(public)
	cat "$T/ca.crt" "$(var CHART_PUBLIC_CA)" >"$T/both.crt"
	conf TLS_SOURCE=secret "TLS_CERT_PATH=$T/own.crt" "TLS_KEY_PATH=$T/own.key" "PRIVATE_CA_PATH=$T/both.crt" "${lines[@]}"
	run --separate-stderr -0 deploy
	run -0 answers "$T/ca.crt" "$HOST"
	assert_output pong
	run -0 bed bash -c "openssl s_client -connect 10.90.0.1:443 -servername $HOST </dev/null 2>/dev/null | openssl x509 -noout -fingerprint"
	assert_output "$(openssl x509 -in "$T/own.crt" -noout -fingerprint)"
}

@test "deploy: Let's Encrypt: an unreachable ACME server is named as the cause" {
	mapfile -t lines < <(public)
	conf TLS_SOURCE=letsEncrypt ACME_EMAIL=me@example.com "${lines[@]}"
	run --separate-stderr -4 rk3k deploy -c "$T/deploy.conf" --timeout 40s --skip-preflight
	[[ $stderr == *"issuer rancher is not ready: Failed to register ACME account"* ]]
	[[ ${stderr_lines[-1]} == *"stopped in step cert-sync"* ]]
}

# What RKE2 has on its hosts, here without the controller that would act on it.
rke2_values() { # VALUES
	kubectl apply -f - >/dev/null <<-'END'
		apiVersion: apiextensions.k8s.io/v1
		kind: CustomResourceDefinition
		metadata: {name: helmchartconfigs.helm.cattle.io}
		spec:
		  group: helm.cattle.io
		  scope: Namespaced
		  names: {kind: HelmChartConfig, plural: helmchartconfigs, singular: helmchartconfig}
		  versions:
		  - name: v1
		    served: true
		    storage: true
		    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
	END
	kubectl wait --for=condition=Established crd/helmchartconfigs.helm.cattle.io --timeout=20s >/dev/null
	jq -n --arg v "$1" '{apiVersion: "helm.cattle.io/v1", kind: "HelmChartConfig",
		metadata: {name: "rke2-ingress-nginx", namespace: "kube-system"}, spec: {valuesContent: $v}}' |
		kubectl apply -f - >/dev/null
}

values() { kubectl get helmchartconfig -n kube-system rke2-ingress-nginx -o 'jsonpath={.spec.valuesContent}'; }

@test "deploy: the API under a separate name by the host's ingress; destroy reverts it" {
	local api=api.example.com before=$'controller:\n  kind: DaemonSet # ours\n'
	mapfile -t lines < <(public)
	rke2_values "$before"
	conf "K3K_API_HOSTNAME=$api" "${lines[@]}"
	run --separate-stderr -0 deploy --resolve "$api:443:10.90.0.1"
	[[ $stderr == *"rancher-k3k/rancher: ingress https://$api answers"* ]]
	run -0 values
	assert_output --partial 'enable-ssl-passthrough'
	run -0 kubectl config view --raw -o 'jsonpath={.clusters[?(@.name=="rancher-k3k")].cluster.server}'
	assert_output "https://$api"
	run --separate-stderr -0 rk3k status --resolve "$api:443:10.90.0.1"
	assert_line --regexp "^kubeconfig +works +https://$api \(ingress\)"
	{ cat /etc/hosts && echo "10.90.0.1 $api"; } >"$BATS_TEST_TMPDIR/hosts"
	# shellcheck disable=SC2016 # for the inner shell
	run -0 bed unshare -m sh -c 'mount --bind "$0" /etc/hosts && kubectl --context rancher-k3k get namespace cattle-system -o name' \
		"$BATS_TEST_TMPDIR/hosts"
	assert_output namespace/cattle-system
	run --separate-stderr -0 deploy --resolve "$api:443:10.90.0.1"
	refute_output --regexp '(created|configured)'
	run --separate-stderr -0 rk3k destroy -c "$T/deploy.conf" --yes
	printf '%s' "$before" | cmp - <(values)
	kubectl delete crd helmchartconfigs.helm.cattle.io >/dev/null
}

@test "controller: in another namespace, from a repository with docker's login" {
	local oci host
	oci=$(var CHART_OCI)
	host=${oci#oci://}
	jq -n --arg host "${host%%/*}" --arg user "$(var CHART_USER)" --rawfile word "$(var CHART_PASSWORD_FILE)" \
		'{auths: {($host): {auth: ("\($user):\($word | rtrimstr("\n"))" | @base64)}}}' >"$T/logins.json"
	conf "K3K_REPO=$oci/k3k" "CREDENTIALS=$T/logins.json" K3K_NAMESPACE=our-k3k \
		"PRIVATE_REGISTRY=${host%%/*}" "PRIVATE_CA_PATH=$(var CHART_CA)"
	rk3k config -c "$T/deploy.conf" >"$T/doc.json"
	refute grep -qF "$(cat "$(var CHART_PASSWORD_FILE)")" "$T/doc.json"
	kubectl delete crd {clusters,virtualclusterpolicies}.k3k.io --ignore-not-found >/dev/null # kept, and of the other release
	run --separate-stderr -0 rk3k controller install <"$T/doc.json"
	assert_output "release/k3k deployed (k3k 1.0.2)"
	run --separate-stderr -0 rk3k wait controller <"$T/doc.json"
	[[ $stderr == *"✓ the k3k controller"* ]]
	run -0 kubectl get deployment -n our-k3k k3k -o name
	run --separate-stderr -0 rk3k controller uninstall <"$T/doc.json"
	run ! kubectl get deployment -n our-k3k k3k
	run -0 kubectl get namespace our-k3k -o name # it may hold more
	kubectl delete namespace/our-k3k crd/{clusters,virtualclusterpolicies}.k3k.io >/dev/null
}
