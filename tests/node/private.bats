#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# private.bats - the same deployment where nothing is reached but the site's own registry and chart
# repository, behind a private CA and a password; and what is said when one of these is wrong.
# shellcheck disable=SC2154

load ../helpers
load common

setup_file() {
	export HOSTS=rancher.example.com SECRET=tls-rancher-ingress CONF=$BATS_FILE_TMPDIR/deploy.conf
	export REGISTRY OTHER_CA=$BATS_FILE_TMPDIR/other/tls.crt WORD=$BATS_FILE_TMPDIR/word
	# shellcheck disable=SC2016 # for the inner shell
	REGISTRY=$(bed bash -c 'h=${CHART_OCI#oci://} && echo "${h%%/*}"')
	one_home
	(umask 077 && settings >"$CONF")
	certificate "${OTHER_CA%/*}" other.example.com
	(umask 077 && echo 'not the password' >"$WORD")
	public del
}

teardown_file() {
	rk3k destroy -c "$CONF" --yes -q >/dev/null || true
	public replace
}

# public replace|del: the addresses of the public chart repository and of what stands for docker.io.
public() {
	local address
	for address in 10.90.0.20 10.90.0.23; do
		bed ip addr "$1" "$address/32" dev lo
	done
}

settings() {
	# shellcheck disable=SC2016 # for the inner shell
	bed bash -c '
		word=$(cat "$CHART_PASSWORD_FILE") && word=${word//\\/\\\\} && word=${word//\"/\\\"} && word=${word//\$/\\\$}
		repo=${CHART_HTTP_PRIVATE#https://} registry=${CHART_OCI#oci://}
		cat <<-END
			HOSTNAME=rancher.example.com
			STORAGE_CLASS=local
			PVC_SIZE=1Gi
			PRIVATE_REGISTRY=${registry%%/*}
			PRIVATE_CA_PATH=$CHART_CA
			HELM_AUTH_NEEDED=yes
			HELM_REPO_USER=$CHART_USER
			HELM_REPO_PASS="$word"
			HELM_REPO_HOSTS=$repo
			K3K_REPO=$CHART_HTTP_PRIVATE
			CERTMANAGER_REPO=$CHART_OCI/cert-manager
			RANCHER_REPO=$CHART_HTTP_PRIVATE
		END'
}

# document [SET...]: the settings for other tools.
document() { rk3k config -c "$CONF" "${@/#/--set=}"; }

check() { # SET... [-- FLAG...]
	local set=()
	while [[ $# -gt 0 && $1 != -- ]]; do set+=("$1") && shift; done
	document "${set[@]}" >"$BATS_TEST_TMPDIR/document"
	rk3k registries check -c "$BATS_TEST_TMPDIR/document" "${@:2}"
}

@test "registries check: all that the deployment needs is in the private registry" {
	run -7 curl -sS -m 5 https://10.90.0.20/index.yaml
	run -7 curl -sS -m 5 https://10.90.0.23/v2/
	run -0 check
	assert_line --regexp "^registry +$REGISTRY +ok"
	assert_line --regexp "^image +rancher/rancher:v[0-9.]+ +ok +$REGISTRY/docker.io/rancher/rancher"
	assert_line --regexp "^chart +cert-manager v[0-9.]+ +ok +oci://$REGISTRY/charts/cert-manager, with credentials"
}

@test "registries check: a wrong password is reported with registry, chart and setting" {
	run -1 check -- --user charts --password-file "$WORD"
	assert_line --regexp "^registry +$REGISTRY +failed .*credentials.*HELM_REPO_PASS"
	assert_line --regexp "^chart +k3k 1.0.2 +failed +https://10.90.0.21.*credentials.*HELM_REPO_PASS"
}

@test "registries check: a wrong CA is reported with registry, chart and setting" {
	run -1 check "PRIVATE_CA_PATH=$OTHER_CA"
	assert_line --regexp "^registry +$REGISTRY +failed .*issued by CN=private charts CA.*PRIVATE_CA_PATH"
	assert_line --regexp "^chart +cert-manager v[0-9.]+ +failed .*$REGISTRY.*PRIVATE_CA_PATH"
}

@test "registries check: a missing image is reported with its full name and a hint" {
	echo docker.io/rancher/rancher:v9.9.9 >"$BATS_TEST_TMPDIR/images"
	run -1 check -- --images "$BATS_TEST_TMPDIR/images"
	assert_line --regexp "^image +docker.io/rancher/rancher:v9.9.9 +failed +$REGISTRY/docker.io/rancher/rancher:v9.9.9: not found; push it"
}

@test "deploy: a wrong password or CA ends it before the first change" {
	run --separate-stderr -1 deploy --set "PRIVATE_CA_PATH=$OTHER_CA"
	[[ $stderr == *"10.90.0.21"*PRIVATE_CA_PATH*"nothing was changed"* ]]
	sed 's/^HELM_REPO_PASS=.*/HELM_REPO_PASS=wrong/' "$CONF" >"$BATS_TEST_TMPDIR/deploy.conf"
	chmod 600 "$BATS_TEST_TMPDIR/deploy.conf"
	CONF=$BATS_TEST_TMPDIR/deploy.conf
	run --separate-stderr -1 deploy
	[[ $stderr == *"10.90.0.21"*HELM_REPO_PASS*"nothing was changed"* ]]
	run ! kubectl get namespace rancher-k3k
}

@test "deploy: an image that no registry has is reported with pod, image and setting" {
	run --separate-stderr -4 deploy --set K3S_VERSION=v1.34.1-k3s9 --skip-preflight --timeout 15s
	[[ $stderr == *"k3k-rancher-server-0"*"rancher/k3s:v1.34.1-k3s9"*"check K3S_VERSION, the registry and its credentials"* ]]
	rk3k destroy -c "$CONF" --yes -q >/dev/null
}

@test "deploy: a login that containerd rejects is reported with registry and setting" {
	local repo
	public replace
	repo=$(bed printenv CHART_HTTP_PUBLIC)
	sed -E -e 's/^HELM_REPO_PASS=.*/HELM_REPO_PASS=wrong/' -e "s#^(K3K|CERTMANAGER|RANCHER)_REPO=.*#\\1_REPO=$repo#" \
		"$CONF" >"$BATS_TEST_TMPDIR/deploy.conf"
	chmod 600 "$BATS_TEST_TMPDIR/deploy.conf"
	CONF=$BATS_TEST_TMPDIR/deploy.conf run --separate-stderr -4 deploy --skip-preflight --timeout 45s
	public del
	run -0 grep "cert-manager is not ready" <<<"$stderr"
	assert_output --regexp "helm-install-cert-manager-.*$REGISTRY.*401 Unauthorized; correct HELM_REPO_USER and HELM_REPO_PASS, .*then: kubectl rk3k registries apply"
	rk3k destroy -c "$CONF" --yes -q >/dev/null
}

@test "deploy: an image missing in the registry is reported with its name and a hint" {
	local tags=$RK3K_TESTBED/charts/registry/docker/registry/v2/repositories/docker.io/rancher/rancher/_manifests/tags
	mv "$tags/v2.13.2" "$BATS_TEST_TMPDIR"
	run --separate-stderr deploy --set RANCHER_VERSION=2.13.2 --timeout 30s
	mv "$BATS_TEST_TMPDIR/v2.13.2" "$tags"
	assert_equal "$status" 4
	run -0 grep "Rancher is not ready" <<<"$stderr"
	assert_output --regexp "rancher-.*$REGISTRY/docker.io/rancher/rancher:v2.13.2: not found; push the image there, or correct its version; see: kubectl rk3k registries check -c "
}

@test "deploy: from the private registry and chart repository alone" {
	run --separate-stderr -0 deploy
	[[ $stderr == *"Rancher answers at https://rancher.example.com"* ]]
	run -0 ping_host rancher.example.com
	assert_output pong
	run -0 served rancher.example.com
	assert_output "$(inner_fingerprint)"
}

@test "deploy: the virtual cluster's containerd has taken registries.yaml" {
	run -0 kubectl exec -n rancher-k3k k3k-rancher-server-0 -- \
		cat /var/lib/rancher/k3s/agent/certs.d/quay.io/hosts.toml
	assert_output --partial "https://$REGISTRY/v2/quay.io"
	refute_output --partial 10.90.0.23
	run -0 inside get pods -A -o json
	assert_equal "$(jq -r '[.items[].status.containerStatuses[].state | has("waiting")] | any' <<<"$output")" false
}

@test "deploy: no password of the registry is in an object that anybody reads" {
	local word
	word=$(cat "$(bed printenv CHART_PASSWORD_FILE)")
	run -0 inside get helmcharts,jobs,pods,configmaps -A -o json
	[[ $output != *"$(jq -Rn --arg w "$word" '$w' | sed 's/^"//; s/"$//')"* ]]
}
