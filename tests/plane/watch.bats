#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# watch.bats - what stays: cert-sync, ingress apply and status with --watch. The plane is host and
# inside at once.
# shellcheck disable=SC2154

load ../helpers
load own

HOST=rancher.example.com

setup_file() {
	own_up 127.77.0.27
	own_crd k3k.io v1beta1 Cluster clusters
	own_crd helm.cattle.io v1 HelmChart helmcharts
	bed kubectl --kubeconfig "$OWN/admin.kubeconfig" create namespace cattle-system >/dev/null
}
teardown_file() { own_down; }

setup() {
	own_home
	own_virtual
	export TMPDIR=$BATS_TEST_TMPDIR/tmp
	OUT=$BATS_TEST_TMPDIR/out
	mkdir "$TMPDIR"
	certificate "$BATS_TEST_TMPDIR/a" "$HOST"
	certificate "$BATS_TEST_TMPDIR/b" "$HOST"
	give a
}

teardown() {
	frozen CONT || true
	[[ -z ${PID:-} ]] || kill -KILL "$PID" 2>/dev/null || true
}

# give NAME: that certificate inside.
give() {
	kubectl create secret tls tls-rancher-ingress -n cattle-system --cert="$BATS_TEST_TMPDIR/$1/tls.crt" \
		--key="$BATS_TEST_TMPDIR/$1/tls.key" --dry-run=client -o yaml | kubectl apply -f - >/dev/null
}

on_host() { kubectl get secret tls-rancher-ingress -o 'jsonpath={.data.tls\.crt}' | base64 -d; }
carried() { [[ $(on_host) == "$(<"$BATS_TEST_TMPDIR/$1/tls.crt")" ]]; }

# Each tool with what it does first.
watch_sync() { background "$OUT" cert-sync "$NS/rancher" --host "$HOST" --watch; }
watch_ingress() { background "$OUT" ingress apply "$NS/rancher" --host "$HOST" --watch; }
watch_status() { background "$OUT" status "$NS/rancher" --watch --resolve "$HOST:443:127.0.0.1"; }
begun() { grep -E 'secret/.* (created|unchanged)|service/.* (created|unchanged)| cluster  ' "$OUT"; }

# The host has the Ingress and the certificate.
served() {
	kubectl create ingress rancher-k3k-ingress --rule="$HOST/*=a:80" >/dev/null
	rk3k cert-sync "$NS/rancher" -q >/dev/null
}

# Each line of what stays begins with it.
TIME='[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}[-+][0-9]{2}:[0-9]{2}'

# shown STATE: the last row about the certificate on the host says so.
shown() { grep ' certificate on host ' "$OUT" | tail -n 1 | grep -E "^$TIME +certificate on host +$1"; }

frozen() { kill "-$1" "$(<"$OWN/pid/kube-apiserver")"; }

# No file, no process, and not a word more than was there.
left_nothing() { # WORDS-BEFORE
	run -0 find "$TMPDIR" -type f
	assert_output ""
	run ! pgrep -f "rk3k-.*$NS/rancher"
	assert_equal "$(<"$OUT")" "$1"
}

@test "status: --watch shows deleted and new rows" {
	served
	watch_status
	within 10 shown valid
	for _ in 1 2 3; do # by itself it looks every 30 s
		kubectl delete secret tls-rancher-ingress >/dev/null
		within 6 shown missing
		rk3k cert-sync "$NS/rancher" -q >/dev/null
		within 6 shown valid
	done
	ended TERM 143
}

@test "status -A: --watch shows each new, changed or deleted row and no other" {
	background "$OUT" status -A --watch --no-headers
	within 10 grep -E "^$TIME +$NS +rancher .* Unknown" "$OUT"
	kubectl label cluster rancher no=matter >/dev/null # not shown
	kubectl patch cluster rancher --subresource status --type merge -p '{"status": {"phase": "Ready"}}' >/dev/null
	within 5 grep -E "^$TIME +$NS +rancher .* Ready" "$OUT"
	own_virtual other
	within 5 grep -E "^$TIME +$NS +other " "$OUT"
	kubectl delete cluster other >/dev/null
	within 5 grep -E "^$TIME +$NS +other +deleted" "$OUT"
	run -0 grep -cE "^$TIME +$NS +rancher " "$OUT"
	assert_output 2
	ended TERM 143
	PID=''
	run --separate-stderr -2 rk3k status -A rancher
	run --separate-stderr -2 rk3k status -A --ingress gate
	[[ $stderr == *"-A shows all virtual clusters"* ]]
}

@test "status: --watch appends the rows that changed, with the time, below one header" {
	served
	watch_status
	within 10 shown valid
	kubectl delete secret tls-rancher-ingress >/dev/null
	within 6 shown missing
	ended TERM 143
	run -0 grep -c '^TIME  *WHAT  *STATE  *DETAIL' "$OUT"
	assert_output 1
	run -0 grep -cE "^$TIME +certificate inside " "$OUT"
	assert_output 1
	run ! grep -vE "^($TIME |TIME )" "$OUT"
}

@test "status: --watch -o json prints one document for each change" {
	background "$OUT" status "$NS/rancher" --watch --resolve "$HOST:443:127.0.0.1" -o json
	within 10 grep '^}' "$OUT"
	served
	within 6 jq -se 'length > 1' "$OUT"
	ended TERM 143
	run -0 jq -se 'length == (unique | length)' "$OUT"
}

@test "status: --watch redraws its table on a terminal, and Ctrl-C ends it" {
	served
	"$RK3K_TOP/tests/env/exec" "$RK3K_TESTBED" env --default-signal=INT HOME="$PLANE_HOME" \
		KUBECONFIG="$PLANE_KUBECONFIG" "$RK3K_TOP/tests/plane/terminal" "$OUT" "$RK3K_BIN/rk3k-status" \
		"$NS/rancher" --watch --resolve "$HOST:443:127.0.0.1" 3>&- &
	PID=$!
	within 10 grep 'certificate on host  *valid' "$OUT"
	kubectl delete secret tls-rancher-ingress >/dev/null
	within 6 grep 'certificate on host  *missing' "$OUT"
	ended INT 130
	# as many lines up as were drawn, and nothing else is cleared
	# shellcheck disable=SC2016 # of awk
	run -0 awk -v RS='\033\\[J' 'NR > 1 && up != lines { exit 1 }
		{ up = $0; sub(/.*\033\[/, "", up); up += 0; lines = gsub(/\n/, "\n") }
		END { exit NR < 2 }' <(tr -d '\r' <"$OUT")
	run -0 grep -cE '^.*TIME +WHAT' "$OUT"
}

@test "cert-sync, ingress: --watch begins each line with the time" {
	local tool
	for tool in sync ingress; do
		"watch_$tool"
		within 10 begun
		if [[ $tool == sync ]]; then
			give b
			within 6 grep -E "^$TIME secret/tls-rancher-ingress configured" "$OUT"
		fi
		ended TERM 143
		run ! grep -vE "^$TIME " "$OUT"
	done
}

@test "cert-sync, ingress, status: --watch ends at once with a signal" {
	local tool words
	for tool in sync ingress status; do
		"watch_$tool"
		within 10 begun
		sleep 0.5 # what its own changes bring
		words=$(<"$OUT")
		ended INT 130
		left_nothing "$words"
		"watch_$tool"
		within 10 begun
		sleep 0.5
		words=$(<"$OUT")
		ended TERM 143
		left_nothing "$words"
	done
}

@test "cert-sync, ingress, status: --watch ends at once while a server is silent" {
	local tool
	for tool in sync ingress status; do
		frozen STOP
		"watch_$tool"
		sleep 1
		ended TERM 143
		left_nothing ""
		frozen CONT
	done
}

@test "cert-sync, status: --watch continues after the API server's restart" {
	local sync
	watch_sync
	within 10 carried a
	sync=$PID
	OUT=$BATS_TEST_TMPDIR/status
	watch_status
	within 10 shown valid
	bed plane stop "$OWN" kube-apiserver
	sleep 2
	bed plane start "$OWN" >/dev/null
	give b
	within 40 carried b
	within 40 shown "valid.*sha256 $(openssl x509 -in "$BATS_TEST_TMPDIR/b/tls.crt" -outform DER | sha256sum | cut -c1-16)"
	ended TERM 143
	kill -TERM "$sync"
	within 2 gone "$sync"
}

# The virtual cluster was made anew: other credentials, another CA, another address.
@test "cert-sync: --watch reconnects when the virtual cluster refuses it, one message" {
	local inside=$BATS_TEST_TMPDIR/inside
	kubectl create serviceaccount inside >/dev/null
	kubectl create clusterrolebinding "$NS" --clusterrole=cluster-admin --serviceaccount="$NS:inside" >/dev/null
	cp "$OWN/admin.kubeconfig" "$inside"
	bed kubectl --kubeconfig "$inside" config set-credentials inside --token "$(kubectl create token inside)" >/dev/null
	bed kubectl --kubeconfig "$inside" config set-context default --user inside >/dev/null
	inside_is "$inside"
	watch_sync
	within 10 carried a
	kubectl delete serviceaccount inside >/dev/null
	within 30 refused "$inside"
	give b
	within 10 grep 'does not accept the credentials' "$OUT"
	inside_is "$OWN/admin.kubeconfig"
	within 20 carried b
	run -0 grep -c 'does not accept the credentials' "$OUT"
	assert_output 1
	ended TERM 143
}

inside_is() { # KUBECONFIG
	kubectl create secret generic k3k-rancher-kubeconfig --from-file="kubeconfig.yaml=$1" \
		--dry-run=client -o yaml | kubectl apply -f - >/dev/null 2>&1
}

refused() { ! bed kubectl --kubeconfig "$1" get namespace cattle-system >/dev/null 2>&1; }
