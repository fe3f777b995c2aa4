#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What went wrong in the rancher-k3k scripts and needs an API server to show; docs/lessons.md has the list
# of all. And identities and clusters that are not what they should be.
# shellcheck disable=SC2154

load ../helpers
load ../audit
load own

setup_file() { own_up 127.77.0.22; }
teardown_file() { own_down; }
setup() { own_home; }

served() { own_crd k3k.io v1beta1 Cluster clusters; }

settings() { # KEY=VALUE...
	rk3k config -q --set "NAMESPACE=$NS" --set HOSTNAME=rancher.example.com "${@/#/--set=}"
}

configuration() { # deploy.conf in CONF
	CONF=$BATS_TEST_TMPDIR/deploy.conf
	printf '%s\n' HOSTNAME=rancher.example.com "NAMESPACE=$NS" >"$CONF"
}

writes() { audit_uris | grep -E '^(create|update|patch|delete)' | grep -vE 'self|tokenreviews' || true; }

away() { bed plane stop "$OWN" kube-apiserver; }
back() { bed plane start "$OWN" >/dev/null; }

ingress() { kubectl get ingress rancher-k3k-ingress -o 'jsonpath={.metadata.resourceVersion}'; }

@test "deploy, destroy: the virtual cluster's context is refused, nothing is written" {
	local tool
	kubectl delete crd clusters.k3k.io --ignore-not-found >/dev/null
	kubectl create -f - <<<'{"apiVersion": "v1", "kind": "Node", "metadata": {"name": "k3k-rancher-server-0"}}'
	configuration
	own_audit
	for tool in deploy destroy; do
		run --separate-stderr -5 rk3k "$tool" -c "$CONF" --yes
		assert_equal "${#stderr_lines[@]}" 1
		[[ $stderr == *"is a virtual cluster, not its host"*"--context"* ]]
	done
	for tool in status cert-sync 'kubeconfig get'; do
		# shellcheck disable=SC2086 # a tool and its verb
		run --separate-stderr -3 rk3k $tool "$NS/rancher"
		[[ $stderr == *"k3k is not installed"* ]]
	done
	run -0 writes
	assert_output ""
	kubectl delete node k3k-rancher-server-0
}

@test "destroy: a list that fails is not an empty one: the controller is kept" {
	served
	printf '#!/bin/sh\necho "$*" >>%s/helm.log\n' "$BATS_TEST_TMPDIR" >"$BATS_TEST_TMPDIR/helm"
	chmod +x "$BATS_TEST_TMPDIR/helm"
	configuration
	kubectl create role leases --verb get,create,patch,update,delete --resource leases.coordination.k8s.io
	kubectl create rolebinding leases --role leases --user jane
	run --separate-stderr -5 bed env "HELM_BIN=$BATS_TEST_TMPDIR/helm" "$RK3K_BIN/rk3k-destroy" \
		-c "$CONF" --yes --only controller --as jane
	[[ $stderr == *clusters* ]] || { echo "$stderr" && false; }
	refute [ -e "$BATS_TEST_TMPDIR/helm.log" ]
	# the same, allowed: with no other virtual cluster it goes
	run --separate-stderr bed env "HELM_BIN=$BATS_TEST_TMPDIR/helm" "$RK3K_BIN/rk3k-destroy" \
		-c "$CONF" --yes --only controller
	run -0 cat "$BATS_TEST_TMPDIR/helm.log"
	assert_output --partial "uninstall k3k"
}

@test "destroy: what is left is reported, exit 1; unknown is not deleted" {
	served
	configuration
	rk3k ingress apply "$NS/rancher" --host a.example.com -q >/dev/null
	run --separate-stderr -1 rk3k destroy -c "$CONF" --yes --only verify --keep-namespace
	assert_line --regexp '^virtual cluster .* deleted$'
	assert_line --regexp '^host ingress +still exists$'
	run --separate-stderr -0 rk3k destroy -c "$CONF" --yes --only ingress
	run --separate-stderr -0 rk3k destroy -c "$CONF" --yes --only verify --keep-namespace
	refute_output --regexp '(still exists|unknown)$'
	own_account get,list,watch clusters.k3k.io,statefulsets.apps
	run --separate-stderr -1 rk3k destroy -c "$CONF" --yes --only verify --keep-namespace
	assert_line --regexp '^virtual cluster .* deleted$'
	assert_line --regexp '^host ingress +unknown$'
	assert_line --regexp '^other virtual clusters +unknown$'
}

@test "destroy: keeps what another virtual cluster of the host needs" {
	local step
	served
	own_crd helm.cattle.io v1 HelmChartConfig helmchartconfigs
	configuration
	kubectl create -f - >/dev/null <<<'{"apiVersion": "k3k.io/v1beta1", "kind": "Cluster", "metadata": {"name": "other"}, "spec": {}}'
	rk3k passthrough apply -q >/dev/null
	for step in passthrough controller namespace; do
		run --separate-stderr -0 rk3k destroy -c "$CONF" --yes --only "$step"
		[[ $stderr == *" is kept"*"virtual clusters"* ]]
	done
	run -0 kubectl get helmchartconfig -n kube-system rke2-ingress-nginx -o 'jsonpath={.spec.valuesContent}'
	assert_output --partial enable-ssl-passthrough
	run --separate-stderr -0 rk3k destroy -c "$CONF" --yes --only verify
	refute_output --partial namespace
	kubectl delete cluster other >/dev/null
	run --separate-stderr -0 rk3k destroy -c "$CONF" --yes --only passthrough
	run ! kubectl get helmchartconfig -n kube-system rke2-ingress-nginx
}

@test "destroy: keeps a namespace from before deploy, deletes one that deploy made" {
	served
	configuration
	kubectl create configmap mine >/dev/null
	run --separate-stderr -0 rk3k deploy -c "$CONF" --skip-preflight --only namespace
	assert_output "namespace/$NS unchanged"
	run --separate-stderr -0 rk3k destroy -c "$CONF" --yes --only namespace
	[[ $stderr == *"namespace $NS is kept: it existed before deploy"* ]]
	run --separate-stderr -0 rk3k destroy -c "$CONF" --yes --only verify
	refute_output --partial "namespace $NS"
	run -0 kubectl get configmap mine -o name
	sed -i "s/^NAMESPACE=.*/&-made/" "$CONF"
	run --separate-stderr -0 rk3k deploy -c "$CONF" --skip-preflight --only namespace
	assert_output "namespace/$NS-made created"
	run --separate-stderr -1 rk3k destroy -c "$CONF" --yes --only verify
	assert_line --regexp "^namespace $NS-made +still exists"
	run --separate-stderr -0 rk3k destroy -c "$CONF" --yes --only namespace
	run ! kubectl get namespace "$NS-made"
}

@test "apply: a changed Cluster keeps its server arguments and what others have set" {
	served
	settings | rk3k render cluster | rk3k apply -f - -q >/dev/null
	kubectl apply --server-side --field-manager=somebody -f - >/dev/null <<-END
		apiVersion: k3k.io/v1beta1
		kind: Cluster
		metadata: {name: rancher}
		spec: {serverEnvs: [{name: A, value: b}]}
	END
	settings SERVER_COUNT=3 PRIVATE_REGISTRY=h.example.com >"$BATS_TEST_TMPDIR/doc"
	run -0 bash -c "'$RK3K_BIN/rk3k-render' cluster -c '$BATS_TEST_TMPDIR/doc' >'$BATS_TEST_TMPDIR/objects'"
	run --separate-stderr -0 rk3k apply -f "$BATS_TEST_TMPDIR/objects"
	assert_output "cluster.k3k.io/rancher configured"
	run -0 kubectl get clusters.k3k.io rancher -o json
	assert_equal "$(jq -c '[.spec.servers, .spec.serverEnvs[0].name, .spec.serverArgs]' <<<"$output")" \
		'[3,"A",["--disable-network-policy","--system-default-registry=h.example.com/docker.io","--disable-default-registry-endpoint"]]'
}

@test "ingress restore: what deploy's objects are is found, and none is made twice" {
	local cluster
	for cluster in rancher blue; do
		settings "CLUSTER=$cluster" | rk3k render ingress | rk3k apply -f - -q >/dev/null
		certificate "$BATS_TEST_TMPDIR" rancher.example.com
		kubectl create secret tls "tls-$cluster-ingress" --cert="$BATS_TEST_TMPDIR/tls.crt" \
			--key="$BATS_TEST_TMPDIR/tls.key" >/dev/null
		own_audit
		run --separate-stderr -0 rk3k ingress restore "$NS/$cluster"
		assert_output ""
		run -0 writes
		assert_output ""
		run --separate-stderr -1 rk3k ingress status "$NS/$cluster" -o json # no server pod is behind it
		assert_equal "$(jq -r '.service + .ingress + .secret' <<<"$output")" existsexistsexists
		kubectl delete ingress "$cluster-k3k-ingress" >/dev/null
		run --separate-stderr -0 rk3k ingress restore "$NS/$cluster" --host rancher.example.com
		assert_output "ingress.networking.k8s.io/$cluster-k3k-ingress created"
	done
	run -0 kubectl get ingress,service -o name
	assert_equal "${#lines[@]}" 4
}

@test "ingress apply: two watchers agree, one killed and started again keeps no state" {
	local one version
	export TMPDIR=$BATS_TEST_TMPDIR/tmp
	mkdir "$TMPDIR"
	background "$BATS_TEST_TMPDIR/one" ingress apply "$NS/rancher" --host a.example.com --watch
	one=$PID
	background "$BATS_TEST_TMPDIR/two" ingress apply "$NS/rancher" --host a.example.com --watch
	within 10 ingress
	kubectl delete ingress rancher-k3k-ingress >/dev/null
	within 10 ingress
	sleep 1
	version=$(ingress)
	sleep 1
	assert_equal "$(ingress)" "$version"
	ended KILL 137
	PID=$one
	ended KILL 137
	kubectl delete ingress rancher-k3k-ingress >/dev/null
	run -0 find "$TMPDIR" "$PLANE_HOME" -type f -not -path "*/.kube/cache/*" # kubectl's
	assert_output "$PLANE_KUBECONFIG"
	run ! ingress # nobody puts it back
	background "$BATS_TEST_TMPDIR/again" ingress apply "$NS/rancher" --host a.example.com --watch
	within 10 ingress
	ended TERM 143
}

@test "ingress apply: --watch outlives the API server's restart" {
	background "$BATS_TEST_TMPDIR/out" ingress apply "$NS/rancher" --host a.example.com --watch
	within 10 ingress
	away
	sleep 2
	back
	kubectl delete ingress,service rancher-k3k-ingress rancher-k3k-traefik --ignore-not-found >/dev/null
	within 30 ingress
	within 10 kubectl get service rancher-k3k-traefik
	ended TERM 143
}

# --- who one is, and to whom one talks --------------------------------------------

# one_line CODE TEXT TOOL...: ends with CODE, one line that holds TEXT, and nothing on stdout.
one_line() {
	run --separate-stderr rk3k "${@:3}"
	[[ $status -eq $1 && -z $output && ${#stderr_lines[@]} -eq 1 && $stderr == *"$2"* ]] || {
		printf '%s: exit %d, %s\n' "${*:3}" "$status" "$stderr"
		return 1
	}
}

# Every tool that reads the host, with its own way to begin.
every() { # CODE TEXT
	one_line "$@" status "$NS/rancher" -q
	one_line "$@" status -A -q
	one_line "$@" cert-sync "$NS/rancher" -q
	one_line "$@" ingress status "$NS/rancher" -q
	one_line "$@" ingress apply "$NS/rancher" --host a.example.com -q
	one_line "$@" kubeconfig get "$NS/rancher" -q
	one_line "$@" wait cluster.k3k.io/rancher --for=exists --timeout=2s -q
}

@test "status and others: an expired identity is reported in one line" {
	served
	local dir=$BATS_TEST_TMPDIR
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /O=system:masters/CN=late \
		-keyout "$dir/key" -out "$dir/csr" 2>/dev/null
	openssl x509 -req -in "$dir/csr" -CA "$OWN/pki/ca.crt" -CAkey "$OWN/pki/ca.key" -days -1 \
		-out "$dir/crt" 2>/dev/null
	kubectl config set-credentials late --client-certificate "$dir/crt" --client-key "$dir/key" >/dev/null
	kubectl config set-context default --user late >/dev/null
	every 1 "certificate of context default expired on 20"
}

@test "status and others: a token unknown to the server is reported in one line" {
	served
	kubectl config set-credentials stranger --token nobody-has-this-token >/dev/null
	kubectl config set-context default --user stranger >/dev/null
	every 1 "does not accept the credentials"
	[[ $stderr != *nobody-has-this-token* ]]
}

@test "status and others: a server under another CA is refused, in one line" {
	served
	certificate "$BATS_TEST_TMPDIR" "$OWN_ADDRESS"
	kubectl config set-cluster own --server "https://$OWN_ADDRESS:6443" \
		--certificate-authority "$BATS_TEST_TMPDIR/tls.crt" >/dev/null
	kubectl config set-context default --cluster own >/dev/null
	own_audit
	every 1 certificate
	run -0 audit_uris
	assert_output ""
}

@test "status and others: an unverified server is refused, with how to pin its CA" {
	kubectl config set-cluster own --server "https://$OWN_ADDRESS:6443" --insecure-skip-tls-verify >/dev/null
	kubectl config set-context default --cluster own >/dev/null
	own_audit
	every 5 set-cluster
	run -0 audit_uris
	assert_output ""
}

@test "status and others: connection refused is reported with the address, in one line" {
	kubectl config set-cluster own --server "https://$OWN_ADDRESS:1" >/dev/null
	kubectl config set-context default --cluster own >/dev/null
	every 1 "$OWN_ADDRESS:1"
}
