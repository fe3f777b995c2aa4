#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# tf-setup with a host cluster and a virtual one: what it finds by itself. Rancher is the stand-in,
# running alone in the bed's network.
# shellcheck disable=SC2154

load ../helpers

ADDRESS=127.0.0.23

setup_file() {
	export NS=tf-setup HOST=rancher.tf.test PASSWORD=bootstrap-of-the-bed
	cd "$BATS_FILE_TMPDIR" || return 1
	certificate other elsewhere.test
	certificate . "$HOST" -- -subj /CN=rancher # a nameless one is no anchor
	cp tls.crt ca.crt
	echo "$PASSWORD" >password
	# Not by bed: each of these becomes the next one, so that the PID is the stand-in's.
	LISTEN=$ADDRESS:443 CATTLE_SERVER_VERSION=v2.14.1 "$RK3K_TOP/tests/env/exec" "$RK3K_TESTBED" \
		"$("$RK3K_TOP/tests/env/build" --path)/rancher-standin" --alone "$PWD" >log 2>&1 3>&- &
	echo $! >pid
	within 5 test -e address
	virtual_up "$NS"
	kubectl create ingress rancher-k3k-ingress -n "$NS" --rule="$HOST/*=rancher-k3k-traefik:443" >/dev/null
	virtual create namespace cattle-system >/dev/null
	virtual create secret generic bootstrap-secret -n cattle-system \
		--from-literal=bootstrapPassword="$PASSWORD" >/dev/null
	virtual create secret tls tls-rancher -n cattle-system --cert=tls.crt --key=tls.key >/dev/null
}

teardown_file() {
	kill "$(cat "$BATS_FILE_TMPDIR/pid")" || true
	virtual_down "$NS"
}

setup() {
	plane_home
	cd "$BATS_TEST_TMPDIR" || return 1
}

tf_setup() {
	local code=$1
	shift
	run --separate-stderr rk3k tf-setup "$NS/rancher" --resolve "$HOST:443:$ADDRESS" --timeout 5s "$@"
	[[ $status -eq ${code#-} ]] || fail "exit code $status: $stderr"
}

@test "tf-setup: address, CA and bootstrap password come from the clusters" {
	tf_setup -0 --first-login
	assert_line "terraform.tfvars created"
	assert_file_contains terraform.tfvars "^rancher_url .*\"https://$HOST\"$"
	assert_file_contains terraform.tfvars '^rancher_ca_certs .*BEGIN CERTIFICATE'
	run -0 bed kubectl --kubeconfig "$PWD/kubeconfig-k3k.yaml" get namespace cattle-system -o name
	assert_output namespace/cattle-system
	tf_setup -0
	refute_output --regexp 'created|configured'
}

@test "tf-setup: the user's own CA in tls-ca comes before Rancher's" {
	virtual create secret generic tls-ca -n cattle-system --from-file=cacerts.pem="$BATS_FILE_TMPDIR/ca.crt" >/dev/null
	virtual delete secret tls-rancher -n cattle-system >/dev/null
	tf_setup -0 --first-login
	virtual delete secret tls-ca -n cattle-system >/dev/null
	virtual create secret tls tls-rancher -n cattle-system --cert="$BATS_FILE_TMPDIR/other/tls.crt" \
		--key="$BATS_FILE_TMPDIR/other/tls.key" >/dev/null
	rm terraform.tfvars
	tf_setup -1 --first-login
	[[ $stderr == *"neither Secret tls-ca nor tls-rancher"* ]]
	assert_not_exists terraform.tfvars
}

@test "tf-setup: without an Ingress the address is asked for" {
	kubectl delete ingress rancher-k3k-ingress -n "$NS" >/dev/null
	tf_setup -3 --first-login
	[[ $stderr == *"give --url"* ]]
}
