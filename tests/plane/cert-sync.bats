#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# cert-sync.bats - the certificate's way from the virtual cluster to the host.
# shellcheck disable=SC2154

load ../helpers

HOST=rancher.example.com

setup_file() {
	export NS=cert-sync
	virtual_up "$NS"
	virtual create namespace cattle-system >/dev/null
}

teardown_file() { virtual_down cert-sync; }

setup() {
	plane_home
	certificate "$BATS_TEST_TMPDIR/a" "$HOST"
	kubectl delete secret,ingress -n "$NS" tls-rancher-ingress rancher-k3k-ingress --ignore-not-found >/dev/null
}

# give DIR: the Secret inside, from DIR/tls.crt and DIR/tls.key.
give() {
	virtual create secret tls tls-rancher-ingress -n cattle-system --cert="$1/tls.crt" \
		--key="$1/tls.key" --dry-run=client -o yaml | virtual apply -f - >/dev/null
}

host_certificate() { kubectl get secret -n "$NS" tls-rancher-ingress -o 'jsonpath={.data.tls\.crt}' | base64 -d; }

heard() { [[ $(audit_requests rk3k | wc -l) -ge $1 ]]; }

carried() { [[ $(host_certificate) == "$(cat "$1")" ]]; }

sync() { run --separate-stderr "$@" rk3k cert-sync "$NS/rancher" --host "$HOST"; }

@test "cert-sync: copies the certificate and key, labelled as ours" {
	give "$BATS_TEST_TMPDIR/a"
	sync -0
	assert_output "secret/tls-rancher-ingress created"
	assert_equal "$(host_certificate)" "$(cat "$BATS_TEST_TMPDIR/a/tls.crt")"
	run -0 kubectl get secret -n "$NS" tls-rancher-ingress -o json
	assert_equal "$(jq -r '.type' <<<"$output")" kubernetes.io/tls
	assert_equal "$(jq -r '.metadata.labels["app.kubernetes.io/managed-by"]' <<<"$output")" rk3k
	assert_equal "$(jq -r '.metadata.labels["rk3k.io/cluster"]' <<<"$output")" rancher
}

@test "cert-sync: a second run writes nothing" {
	give "$BATS_TEST_TMPDIR/a"
	sync -0
	audit_mark
	sync -0
	assert_output "secret/tls-rancher-ingress unchanged"
	run -0 audit_requests rk3k
	refute_output --regexp '^(patch|update|create|delete)'
}

@test "cert-sync: makes exactly these requests" {
	give "$BATS_TEST_TMPDIR/a"
	audit_mark
	sync -0
	within 3 heard 5
	run -0 audit_requests rk3k
	assert_output - <<-END
		get secrets $NS/k3k-rancher-kubeconfig 200
		get services $NS/k3k-rancher-service 200
		list nodes -/- 200
		get secrets $NS/tls-rancher-ingress 404
		patch secrets $NS/tls-rancher-ingress 201
	END
}

@test "cert-sync: a renewed certificate replaces the old one" {
	give "$BATS_TEST_TMPDIR/a"
	sync -0
	certificate "$BATS_TEST_TMPDIR/b" "$HOST"
	give "$BATS_TEST_TMPDIR/b"
	sync -0
	assert_output "secret/tls-rancher-ingress configured"
	assert_equal "$(host_certificate)" "$(cat "$BATS_TEST_TMPDIR/b/tls.crt")"
}

@test "cert-sync: what kubectl wrote before is taken over, and said" {
	certificate "$BATS_TEST_TMPDIR/old" old.example.com
	kubectl create secret tls tls-rancher-ingress -n "$NS" --cert="$BATS_TEST_TMPDIR/old/tls.crt" \
		--key="$BATS_TEST_TMPDIR/old/tls.key" --dry-run=client -o yaml | kubectl apply -f - >/dev/null
	give "$BATS_TEST_TMPDIR/a"
	sync -0
	assert_output "secret/tls-rancher-ingress configured"
	[[ $stderr == *"secret/tls-rancher-ingress: took over"* ]]
}

@test "cert-sync: a Secret of another controller is refused with exit 5" {
	kubectl create secret tls tls-rancher-ingress -n "$NS" --cert="$BATS_TEST_TMPDIR/a/tls.crt" \
		--key="$BATS_TEST_TMPDIR/a/tls.key" --dry-run=client -o yaml |
		kubectl apply --server-side --field-manager=somebody -f - >/dev/null
	certificate "$BATS_TEST_TMPDIR/b" "$HOST"
	give "$BATS_TEST_TMPDIR/b"
	sync -5
	[[ $stderr == *somebody* ]]
	assert_equal "$(host_certificate)" "$(cat "$BATS_TEST_TMPDIR/a/tls.crt")"
}

@test "cert-sync: a key of another certificate is refused" {
	certificate "$BATS_TEST_TMPDIR/b" "$HOST"
	cp "$BATS_TEST_TMPDIR/b/tls.key" "$BATS_TEST_TMPDIR/a/tls.key"
	jq -n --arg c "$(base64 -w0 "$BATS_TEST_TMPDIR/a/tls.crt")" --arg k "$(base64 -w0 "$BATS_TEST_TMPDIR/b/tls.key")" \
		'{apiVersion: "v1", kind: "Secret", type: "kubernetes.io/tls", metadata: {name: "tls-rancher-ingress", namespace: "cattle-system"}, data: {"tls.crt": $c, "tls.key": $k}}' |
		virtual apply -f - >/dev/null
	sync -1
	[[ $stderr == *"does not belong to the certificate"* ]]
	run ! kubectl get secret -n "$NS" tls-rancher-ingress
}

@test "cert-sync: an expired certificate is refused" {
	openssl ecparam -name prime256v1 -genkey -noout -out "$BATS_TEST_TMPDIR/a/tls.key"
	openssl req -new -key "$BATS_TEST_TMPDIR/a/tls.key" -subj /CN=x -addext "subjectAltName=DNS:$HOST" \
		-out "$BATS_TEST_TMPDIR/csr"
	openssl x509 -req -in "$BATS_TEST_TMPDIR/csr" -key "$BATS_TEST_TMPDIR/a/tls.key" -days -1 \
		-copy_extensions copyall -out "$BATS_TEST_TMPDIR/a/tls.crt" 2>/dev/null
	give "$BATS_TEST_TMPDIR/a"
	sync -1
	[[ $stderr == *expired* ]]
}

@test "cert-sync: a certificate without the host name is refused, naming both" {
	certificate "$BATS_TEST_TMPDIR/b" other.example.com
	give "$BATS_TEST_TMPDIR/b"
	sync -1
	[[ $stderr == *"$HOST"* && $stderr == *other.example.com* ]]
}

@test "cert-sync: without --host the names of the host's Ingress count" {
	rk3k ingress apply "$NS/rancher" --host wanted.example.com -q
	give "$BATS_TEST_TMPDIR/a"
	run --separate-stderr -1 rk3k cert-sync "$NS/rancher"
	[[ $stderr == *wanted.example.com* ]]
}

@test "cert-sync: no Secret inside is exit 3 with a hint" {
	virtual delete secret -n cattle-system tls-rancher-ingress --ignore-not-found
	sync -3
	[[ $stderr == *"kubectl rk3k status"* ]]
}

@test "cert-sync: no such virtual cluster is exit 3" {
	run --separate-stderr -3 rk3k cert-sync "$NS/nothing"
	[[ $stderr == *"$NS/nothing"* && -z $output ]]
}

@test "cert-sync: a server dry run writes nothing" {
	give "$BATS_TEST_TMPDIR/a"
	run --separate-stderr -0 rk3k cert-sync "$NS/rancher" --host "$HOST" --dry-run=server
	assert_output "secret/tls-rancher-ingress created (server dry run)"
	run ! kubectl get secret -n "$NS" tls-rancher-ingress
}

@test "cert-sync: -o json tells outcome, fingerprint and expiry" {
	give "$BATS_TEST_TMPDIR/a"
	run --separate-stderr -0 rk3k cert-sync "$NS/rancher" --host "$HOST" -o json
	local want
	want=$(openssl x509 -in "$BATS_TEST_TMPDIR/a/tls.crt" -noout -fingerprint -sha256 | tr -d : | tr A-F a-f)
	assert_equal "$(jq -r '.fingerprint' <<<"$output")" "${want#*=}"
	assert_equal "$(jq -r '.outcome' <<<"$output")" created
}

@test "cert-sync: --watch copies a renewal and restores what is deleted" {
	give "$BATS_TEST_TMPDIR/a"
	background "$BATS_TEST_TMPDIR/out" cert-sync "$NS/rancher" --host "$HOST" --watch
	within 10 kubectl get secret -n "$NS" tls-rancher-ingress
	certificate "$BATS_TEST_TMPDIR/b" "$HOST"
	give "$BATS_TEST_TMPDIR/b"
	within 10 carried "$BATS_TEST_TMPDIR/b/tls.crt"
	kubectl delete secret -n "$NS" tls-rancher-ingress >/dev/null
	within 10 kubectl get secret -n "$NS" tls-rancher-ingress
	ended TERM 143
	run -0 grep -c 'secret/tls-rancher-ingress created' "$BATS_TEST_TMPDIR/out"
	assert_output 2
}
