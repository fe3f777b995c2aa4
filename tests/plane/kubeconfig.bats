#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# kubeconfig get, generate, export and credential against real API servers; what kubectl makes of
# the files that merge and remove leave.
# bats file_tags=asan
# shellcheck disable=SC2154 # stderr is set by run --separate-stderr

load ../helpers

setup_file() {
	controller_up
	virtual_up kc hidden '{}' &
	virtual_up kc rancher
	wait $!
	# Whoever is this user reaches the host's API server, and no address of a virtual cluster.
	bed iptables -t raw -A OUTPUT -m owner --uid-owner 4242 -d 10.96.0.0/16 -j DROP
	bed iptables -t raw -A OUTPUT -m owner --uid-owner 4242 -p tcp --dport 30000:32767 -j DROP
}

teardown_file() {
	bed iptables -t raw -F OUTPUT
	kubectl delete -n kc clusters.k3k.io rancher --wait=false >/dev/null
	virtual_down kc hidden
}

setup() { plane_home; }

kc() { rk3k kubeconfig "$@"; }

teardown() { [[ -z ${FAR:-} ]] || rm -rf "$FAR"; }

# far CMD...: from where only a port-forward gets through, with a home in FAR.
far() {
	[[ -n ${FAR:-} ]] || {
		FAR=$(mktemp -d)
		cp "$PLANE_KUBECONFIG" "$FAR/config"
		chown -R 4242 "$FAR"
	}
	bed setpriv --reuid 4242 --clear-groups env "HOME=$FAR" "KUBECONFIG=$FAR/config" "$@"
}

@test "kubeconfig get: the node port is taken, verified under the Service's name" {
	run -0 --separate-stderr kc get kc/rancher
	[[ "$stderr" == *"node port https://10.90.0.1:"*" answers, verified as k3k-rancher-service"* ]]
	printf '%s\n' "$output" >"$PLANE_HOME/got"
	run -0 kubectl --kubeconfig "$PLANE_HOME/got" get namespaces -o name
	assert_line namespace/kube-system
	run -0 kubectl --kubeconfig "$PLANE_HOME/got" config view -o json
	[ "$(jq -r '.clusters[0].name, .users[0].name, .contexts[0].name' <<<"$output" | uniq)" = rancher-k3k ]
	[ "$(jq -r '.clusters[0].cluster."insecure-skip-tls-verify"' <<<"$output")" = null ]
}

@test "kubeconfig get: the requests it makes are these" {
	audit_mark
	run -0 --separate-stderr kc get kc/rancher -q
	[ -z "$stderr" ]
	run -0 audit_requests rk3k/
	assert_output "get secrets kc/k3k-rancher-kubeconfig 200
get services kc/k3k-rancher-service 200
list nodes -/- 200"
}

@test "kubeconfig get | merge: one pipe, and kubectl works with the entry" {
	cp "$PLANE_KUBECONFIG" "$PLANE_HOME/before"
	run -0 bed bash -c "set -o pipefail; '$RK3K_BIN/rk3k-kubeconfig' get kc/rancher | '$RK3K_BIN/rk3k-kubeconfig' merge"
	assert_output --partial "context/rancher-k3k created"
	run -0 kubectl --context rancher-k3k auth whoami -o json
	[ "$(jq -r .status.userInfo.username <<<"$output")" = system:admin ]
	run -0 kubectl config current-context
	refute_output rancher-k3k
	run -0 --separate-stderr kc list --k3k -o json
	[ "$(jq -r '.[0] | .name, .virtualCluster' <<<"$output" | xargs)" = "rancher-k3k kc/rancher" ]
	# in place of its host's context: the entry knows which one that is
	run -3 kc get kc/rancher --context rancher-k3k
	assert_output --partial "is the virtual cluster kc/rancher, not its host cluster; use the host cluster's context: --context default"
	run -3 rk3k names cluster --context rancher-k3k
	assert_output --partial "use its host's context: --context default"
	run -0 kc remove kc/rancher
	cmp "$PLANE_KUBECONFIG" "$PLANE_HOME/before"
}

@test "kubeconfig get: a cluster without exposure is reached by its own address" {
	run -0 --separate-stderr kc get kc/hidden
	[[ "$stderr" == *"cluster address https://10.96."*" answers"* ]]
}

@test "kubeconfig get: --server is tried alone, in every spelling" {
	local port address
	port=$(kubectl get svc -n kc k3k-rancher-service -o jsonpath='{.spec.ports[?(@.name=="k3s-server-port")].nodePort}')
	for address in "10.90.0.1:$port" "https://10.90.0.1:$port"; do
		run -0 --separate-stderr kc get kc/rancher --server "$address" -o json
		[ "$(jq -r '.clusters[0].cluster | .server, ."tls-server-name"' <<<"$output" | xargs)" = \
			"https://10.90.0.1:$port k3k-rancher-service" ]
	done
	run -1 kc get kc/rancher --server 10.90.0.1:1
	assert_output --partial "10.90.0.1:1"
	assert_equal "${#lines[@]}" 1
	run -2 kc get kc/rancher --server http://10.90.0.1
	# the host's own API server answers there, but not under the virtual cluster's CA
	run -1 kc get kc/rancher --server 10.90.0.1:6443
	assert_output --partial "certificate"
}

@test "kubeconfig get -- CMD: a port-forward when nothing else answers, CMD's exit code" {
	run -0 --separate-stderr far "$RK3K_BIN/rk3k-kubeconfig" get kc/hidden --probe-timeout 500ms -- \
		kubectl get namespaces -o name
	assert_line namespace/kube-system
	[[ "$stderr" == *"not taken: cluster address"*"port-forward https://127.0.0.1:"* ]]
	# shellcheck disable=SC2016 # for the inner shell
	run -7 --separate-stderr far "$RK3K_BIN/rk3k-kubeconfig" get kc/hidden -q --probe-timeout 500ms -- \
		sh -c 'test "$(stat -c %a "$KUBECONFIG")" = 600 && echo "$KUBECONFIG"; exit 7'
	refute [ -e "$output" ]
	run -127 --separate-stderr kc get kc/hidden -- nosuchcommand
}

@test "kubeconfig get: an address that ends with the command is not given out" {
	run -1 --separate-stderr far "$RK3K_BIN/rk3k-kubeconfig" get kc/hidden --probe-timeout 500ms
	[ -z "$output" ]
	[[ "$stderr" == *"only a port-forward"*"--hold"* ]]
	run -0 --separate-stderr far "$RK3K_BIN/rk3k-kubeconfig" get kc/hidden --no-probe -o json
	[[ "$(jq -r '.clusters[0].cluster.server' <<<"$output")" == https://10.96.* ]]
	[[ "$stderr" == *"not tried"* ]]
}

@test "kubeconfig get --hold: the forward remains open until Ctrl-C" {
	far true
	# shellcheck disable=SC2016 # for the inner shell
	far bash -c 'echo $$ >"$HOME/pid" && trap "" HUP && exec "$@"' - "$RK3K_BIN/rk3k-kubeconfig" get kc/hidden --hold \
		--probe-timeout 500ms >"$FAR/held" 2>"$FAR/err" &
	local job=$!
	within 10 far kubectl --kubeconfig "$FAR/held" get --raw /readyz
	# when the terminal is closed, under nohup
	kill -HUP "$(cat "$FAR/pid")" "$(pgrep -P "$(cat "$FAR/pid")")"
	sleep 1
	run -0 far kubectl --kubeconfig "$FAR/held" get --raw /readyz
	kill -TERM "$(cat "$FAR/pid")"
	wait "$job" || true
	run -1 far kubectl --kubeconfig "$FAR/held" --request-timeout 2s get --raw /readyz
	run -0 cat "$FAR/err"
	assert_line --partial "holding the port-forward"
}

@test "kubeconfig get: reports which object was not found" {
	run -3 kc get kc/nope
	assert_output --partial "no virtual cluster kc/nope"
	assert_equal "${#lines[@]}" 1
	run -3 kc get kc/rancher --context nope
	assert_output --partial 'no context "nope"'
	run -3 bed env KUBECONFIG=/nowhere "$RK3K_BIN/rk3k-kubeconfig" get kc/rancher
	assert_output --partial /nowhere
	run -2 kc get kc/
	# inside the virtual cluster there is no k3k
	kc get kc/rancher -q >"$PLANE_HOME/inner"
	run -3 kc get kc/rancher --kubeconfig "$PLANE_HOME/inner"
	assert_output --partial "is the virtual cluster kc/rancher, not its host cluster"
}

@test "kubeconfig get: no permission is exit 5 and says for what" {
	run -5 kc get kc/rancher --as nobody
	assert_output --partial "secrets"
	assert_equal "${#lines[@]}" 1
}

@test "kubeconfig get: with permission for the Secret alone, the address in it is used" {
	kubectl create role one-secret -n kc --verb=get --resource=secrets \
		--resource-name=k3k-rancher-kubeconfig >/dev/null
	kubectl create rolebinding one-secret -n kc --role=one-secret --user=jane >/dev/null
	run -0 --separate-stderr kc get kc/rancher --as jane
	[[ "$stderr" == *"cluster address https://10.96."*" answers"* ]]
}

@test "kubeconfig get: a wrong CA or an unverified host is refused" {
	kubectl config view --raw --flatten -o json >"$PLANE_HOME/host"
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=x \
		-keyout /dev/null -out "$PLANE_HOME/x.crt" 2>/dev/null
	jq --arg ca "$(base64 -w0 "$PLANE_HOME/x.crt")" \
		'.clusters[0].cluster."certificate-authority-data" = $ca' "$PLANE_HOME/host" >"$PLANE_HOME/wrong"
	run -1 kc get kc/rancher --kubeconfig "$PLANE_HOME/wrong"
	assert_output --partial certificate
	jq '.clusters[0].cluster |= (del(."certificate-authority-data") | ."insecure-skip-tls-verify" = true)' \
		"$PLANE_HOME/host" >"$PLANE_HOME/insecure"
	run -5 kc get kc/rancher --kubeconfig "$PLANE_HOME/insecure"
	assert_output --partial "set-cluster"
}

@test "kubeconfig generate: a separate certificate for a user and groups" {
	run -0 --separate-stderr kc generate kc/rancher --cn jane --org viewers --org team:a --days 2
	[[ "$stderr" == *"signed CN=jane, O=viewers, O=team:a, expires "* ]]
	printf '%s\n' "$output" >"$PLANE_HOME/jane"
	run -0 kubectl --kubeconfig "$PLANE_HOME/jane" auth whoami -o json
	assert_equal "$(jq -r '.status.userInfo | .username, .groups[]' <<<"$output" | sort | xargs)" \
		"jane system:authenticated team:a viewers"
	run -1 kubectl --kubeconfig "$PLANE_HOME/jane" get secrets
	assert_output --partial Forbidden
	run -0 kubectl --kubeconfig "$PLANE_HOME/jane" config view --raw -o json
	jq -r '.users[0].user."client-certificate-data"' <<<"$output" | base64 -d >"$PLANE_HOME/jane.crt"
	run -0 openssl x509 -in "$PLANE_HOME/jane.crt" -noout -checkend 172000
	run -1 openssl x509 -in "$PLANE_HOME/jane.crt" -noout -checkend 173000
}

@test "kubeconfig generate: into a file that only its owner reads" {
	run -0 --separate-stderr kc generate kc/rancher -f "$PLANE_HOME/new.yaml"
	[ -z "$output" ]
	[ "$(stat -c %a "$PLANE_HOME/new.yaml")" = 600 ]
	run -0 kubectl --kubeconfig "$PLANE_HOME/new.yaml" auth can-i '*' '*'
}

@test "kubeconfig export: files go inside, another address must answer under the CA" {
	kubectl config view --raw --flatten -o json >"$PLANE_HOME/host"
	local key
	for key in client-certificate client-key; do
		jq -r ".users[0].user.\"$key-data\"" "$PLANE_HOME/host" | base64 -d >"$PLANE_HOME/$key"
		jq --arg f "$key" '.users[0].user |= (del(."\($f)-data") | ."\($f)" = $f)' "$PLANE_HOME/host" \
			>"$PLANE_HOME/host2" && mv "$PLANE_HOME/host2" "$PLANE_HOME/host"
	done
	run -0 --separate-stderr kc export "$PLANE_HOME/host"
	printf '%s\n' "$output" >"$BATS_TEST_TMPDIR/moved"
	run -0 kubectl --kubeconfig "$BATS_TEST_TMPDIR/moved" get --raw /readyz
	run -1 kc export "$PLANE_HOME/host" --server 10.90.0.1:1
	run -1 kc export "$PLANE_HOME/host" --server 127.0.0.2:6443
	run -0 bed bash -c "'$RK3K_BIN/rk3k-kubeconfig' export - --server 10.90.0.1:6443 --name me <'$BATS_TEST_TMPDIR/moved'"
	assert_output --partial "current-context: me"
}

@test "credential: an entry without a key works, through the host's context" {
	local context
	context=$(kubectl config current-context)
	# the same identity, with its key and then without: no --force
	bed bash -c "'$RK3K_BIN/rk3k-kubeconfig' get kc/rancher -q | '$RK3K_BIN/rk3k-kubeconfig' merge -q"
	bed bash -c "'$RK3K_BIN/rk3k-kubeconfig' get kc/rancher --exec -q | '$RK3K_BIN/rk3k-kubeconfig' merge -q --set-current"
	run -0 kubectl config view --raw --minify -o json
	assert_equal "$(jq -rc '.users[0].user | keys' <<<"$output")" '["exec"]'
	mkdir -p "$PLANE_HOME/bin" "$PLANE_HOME/run"
	ln -s "$RK3K_BIN/../bin/kubectl-rk3k" "$PLANE_HOME/bin/kubectl-rk3k"
	chmod 700 "$PLANE_HOME/run"
	with_plugin() { bed env "PATH=$PLANE_HOME/bin:$(bed printenv PATH)" "XDG_RUNTIME_DIR=$PLANE_HOME/run" "$@"; }
	run -0 with_plugin kubectl auth whoami -o json
	[ "$(jq -r .status.userInfo.username <<<"$output")" = system:admin ]
	[ "$(stat -c %a "$PLANE_HOME"/run/rk3k/credential-*)" = 600 ]
	# the second time the host is not asked
	audit_mark
	run -0 with_plugin kubectl get namespaces -o name
	run -0 audit_requests rk3k/
	[ -z "$output" ]
	# a host context that asks us again is noticed
	run -1 with_plugin kubectl-rk3k credential kc/rancher --no-cache
	assert_output --partial "asked for here again"
	run -0 with_plugin kubectl-rk3k credential kc/rancher --no-cache --context "$context"
	[ "$(jq -r '.kind, .apiVersion' <<<"$output" | xargs)" = "ExecCredential client.authentication.k8s.io/v1" ]
}

@test "kubeconfig merge: two merges and kubectl at once, nothing of kubectl's is lost" {
	local round rc whole=0
	kc get kc/rancher -q --name one >"$PLANE_HOME/one"
	kc get kc/rancher -q --name two >"$PLANE_HOME/two"
	for round in 1 2 3 4 5 6 7 8; do
		kc merge -q --name "one$round" "$PLANE_HOME/one" >/dev/null &
		kc merge -q --name "two$round" "$PLANE_HOME/two" >/dev/null &
		rc=0
		kubectl config set-context "theirs$round" --namespace=x >/dev/null 2>&1 || rc=$?
		wait
		run -0 kubectl config get-contexts -o name
		# kubectl gives up on a lock, but what it has written we keep
		[[ $rc -ne 0 ]] || assert_line "theirs$round"
		# kubectl takes out what came between its reading and its lock; only it may lose ours, and
		# merging again brings it back
		[[ $rc -eq 0 ]] || assert_line "one$round"
		[[ $rc -eq 0 ]] || assert_line "two$round"
		[[ $rc -ne 0 ]] || ! grep -qx "one$round" <<<"$output" || ! grep -qx "two$round" <<<"$output" ||
			whole=$((whole + 1))
	done
	((whole > 0)) # all three at once, most times
	kc merge -q "$PLANE_HOME/one"
	kc merge -q "$PLANE_HOME/two"
	run -0 kubectl --context one get --raw /readyz
	run -0 kubectl --context two get --raw /readyz
	[ ! -e "$PLANE_KUBECONFIG.lock" ]
}

@test "kubeconfig merge: kubectl reads what it leaves in every notation" {
	local style
	kc get kc/rancher -q >"$PLANE_HOME/in"
	for style in 'clusters: null
contexts: []
users:' '{"apiVersion": "v1", "kind": "Config", "clusters": [], "users": null}' \
		$'# mine\r\nclusters:\r\n    - name: a\r\n      cluster: {server: "https://a"}\r\n' ''; do
		printf '%s' "$style" >"$PLANE_KUBECONFIG"
		run -0 kc merge --set-current "$PLANE_HOME/in"
		run -0 kubectl get --raw /readyz
		assert_output ok
	done
}
