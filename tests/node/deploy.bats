#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# deploy.bats - a Rancher of real pods, seen by a TLS client outside, through the host's ingress.
# The tests build on each other.
# shellcheck disable=SC2154

load ../helpers
load common

setup_file() {
	export HOSTS="rancher.example.com rancher.second.example.com" SECRET=tls-rancher-ingress-all
	export CONF=$BATS_FILE_TMPDIR/deploy.conf
	local repo
	repo=$(bed printenv CHART_HTTP_PUBLIC)
	cat >"$CONF" <<-END
		HOSTNAMES=${HOSTS// /,}
		STORAGE_CLASS=local
		PVC_SIZE=1Gi
		K3K_REPO=$repo
		CERTMANAGER_REPO=$repo
		RANCHER_REPO=$repo
	END
	one_home
}

@test "deploy: from an empty node to an answer of Rancher" {
	run --separate-stderr -0 deploy
	assert_line "helmchart.helm.cattle.io/rancher created"
	[[ $stderr == *"Rancher answers at https://rancher.example.com"* ]]
}

@test "deploy: the virtual cluster's pods are containers inside its server pod" {
	run -0 kubectl get pods -A -o json
	assert_equal "$(jq -r '[.items[].status.containerStatuses[] | .containerID | startswith("containerd://")] | all' <<<"$output")" true
	assert_equal "$(jq -r '.items | length' <<<"$output")" 2
	run -0 inside get pods -A -o json
	assert_equal "$(jq -r '[.items[].spec.nodeName] | unique[]' <<<"$output")" k3k-rancher-server-0
	assert_equal "$(jq -r '[.items[] | select(.status.phase == "Running") | .metadata.labels.app] | sort | unique | join(" ")' <<<"$output")" \
		"cainjector cert-manager rancher webhook"
	run -0 inside exec -n cattle-system deployment/rancher -- /usr/bin/rancher-standin --help
	run -0 inside logs -n cattle-system deployment/rancher
	assert_output --partial "serving on"
}

@test "deploy: each name is served the certificate of the virtual cluster" {
	local host
	for host in $HOSTS; do
		run -0 served "$host"
		assert_output "$(inner_fingerprint)"
		run -0 ping_host "$host"
		assert_output pong
	done
}

@test "deploy: a name that is not Rancher's is not served its certificate" {
	refute [ "$(served other.example.com)" == "$(inner_fingerprint)" ]
}

@test "deploy: again changes nothing" {
	run --separate-stderr -0 deploy
	refute_output --regexp '(created|configured)'
}

@test "kubeconfig get: port-forward through the real kubelet when no address answers" {
	local home
	home=$(mktemp -d)
	cp "$RK3K_TESTBED/host/admin.kubeconfig" "$home/config"
	chown -R 4242 "$home"
	# this user reaches the host's API server and its own loopback, and no address of the virtual cluster
	bed iptables -t raw -A OUTPUT -p tcp -m owner --uid-owner 4242 ! -d 127.0.0.0/8 -m multiport ! --dports 6443 -j DROP
	run --separate-stderr -0 bed setpriv --reuid 4242 --clear-groups env "HOME=$home" "KUBECONFIG=$home/config" \
		"$RK3K_BIN/rk3k-kubeconfig" get rancher-k3k/rancher --probe-timeout 500ms -- kubectl get namespaces -o name
	bed iptables -t raw -F OUTPUT
	rm -rf "$home"
	assert_line namespace/cattle-system
	[[ $stderr == *"port-forward https://127.0.0.1:"* ]]
}

@test "cert-sync: --watch carries a renewed certificate until the ingress serves it" {
	local before
	before=$(inner_fingerprint)
	background "$BATS_TEST_TMPDIR/log" cert-sync rancher-k3k/rancher --from "cattle-system/$SECRET" --watch
	inside delete secret -n cattle-system "$SECRET" >/dev/null # cert-manager issues anew
	run within 40 renewed "$before"
	ended TERM 143
	assert_success
	run -0 ping_host rancher.second.example.com
	assert_output pong
}

renewed() { # FINGERPRINT
	local now
	now=$(inner_fingerprint 2>/dev/null) && [[ -n $now && $now != "$1" ]] && is_served rancher.example.com
}

@test "destroy: nothing of it is left on the host" {
	run --separate-stderr -0 rk3k destroy -c "$CONF" --yes
	run -0 kubectl get pods -A -o name
	assert_output ""
	run -0 kubectl get pv -o name
	assert_output ""
	run ! kubectl get namespace rancher-k3k
}
