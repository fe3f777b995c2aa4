#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What a real API server refuses, for every command that asks one: no rights, an identity that is not
# or no longer good, another CA, and the virtual cluster taken for its host. Each: one clear line, the
# documented exit code, and nothing written. tests/cli/refusals.bats has what needs no server.
# shellcheck disable=SC2154

load ../helpers
load ../commands
load ../audit
load own

setup_file() {
	own_up 127.77.0.31
	own_crd k3k.io v1beta1 Cluster clusters
	own_crd helm.cattle.io v1 HelmChartConfig helmchartconfigs
}
teardown_file() { own_down; }
setup() {
	own_home
	cd "$BATS_TEST_TMPDIR" || return
	commands_files
	printf '#!/bin/sh\ntouch %q\n' "$PWD/helm-ran" >helm
	chmod +x helm
	export HELM_BIN=$PWD/helm
}
teardown() { [[ ! -e helm-ran ]]; }

writes() { audit_uris | grep -E '^(create|update|patch|delete)' | grep -vE 'self|tokenreviews| 40[0-9]$' || true; }

# identity NAME FLAG...: the kubeconfig's context becomes somebody else.
identity() {
	kubectl config set-credentials "$1" "${@:2}" >/dev/null
	kubectl config set-context default --user "$1" >/dev/null
}

# A token of the service account NAME that ended an hour ago, signed by the plane's own key.
expired_token() { # NAME
	kubectl create token "$1" | python3 -c '
import base64, json, subprocess, sys
def plain(s): return base64.urlsafe_b64decode(s + "==")
def coded(b): return base64.urlsafe_b64encode(b).rstrip(b"=").decode()
head, body, _ = sys.stdin.read().strip().split(".")
claims = json.loads(plain(body))
for name in ("iat", "nbf", "exp"):
    claims[name] -= 7200
text = head + "." + coded(json.dumps(claims).encode())
der = subprocess.run(["openssl", "dgst", "-sha256", "-sign", sys.argv[1]], input=text.encode(),
                     capture_output=True, check=True).stdout
r = der[4:4 + der[3]]
s = der[6 + der[3]:]
print(text + "." + coded(b"".join(n.lstrip(b"\0").rjust(32, b"\0") for n in (r, s))))' "$OWN/pki/sa.key"
}

@test "rk3k: missing permission: one line, exit 5, which and what to do, every command" {
	unset HELM_BIN
	own_account '' ''
	own_audit
	each denied
	run -0 writes
	assert_output ""
	run --separate-stderr -0 rk3k preflight --host-only -q
	run --separate-stderr -1 rk3k preflight -c doc.json
	assert_line --regexp '^rights +failed +not allowed: get namespaces, '
	run --separate-stderr -1 rk3k deploy -c deploy.conf --yes -q
	assert_regex "$stderr" 'rights +failed +not allowed: get namespaces, '
	assert_equal "${stderr_lines[-1]}" \
		"rk3k-deploy: stopped in step preflight; correct that, then run: kubectl rk3k deploy -c deploy.conf --yes -q"
	run --separate-stderr -5 rk3k destroy -c deploy.conf --yes -q
	assert_equal "${#stderr_lines[@]}" 1
	assert_regex "$stderr" 'forbidden: User .* cannot get resource "leases"'
}

# What looks at several things says so for each of them: above, one by one.
denied() {
	case $* in
	deploy* | destroy* | preflight*) ;;
	*) refused 5 "forbidden: User \"system:serviceaccount:$NS:limited\" cannot " "$@" &&
		[[ $stderr == *"; request that permission, or use another context"* ]] ;;
	esac
}

@test "rk3k: an expired certificate: one line, exit 1, since when, for every command" {
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /O=system:masters/CN=late \
		-keyout key -out csr 2>/dev/null
	openssl x509 -req -in csr -CA "$OWN/pki/ca.crt" -CAkey "$OWN/pki/ca.key" -days -1 -out crt 2>/dev/null
	identity late --client-certificate crt --client-key key --embed-certs
	each refused 1 "certificate of context default expired on 20"
}

@test "rk3k: an expired token: one line, exit 1, for every command" {
	kubectl create serviceaccount late >/dev/null
	kubectl create clusterrolebinding "$NS" --clusterrole cluster-admin --serviceaccount "$NS:late" >/dev/null
	# the same, not expired, is somebody
	identity late --token "$(kubectl create token late)"
	run -0 kubectl auth whoami
	identity late --token "$(cp "$OWN/admin.kubeconfig" "$PLANE_KUBECONFIG" &&
		kubectl config set-context default --namespace "$NS" >/dev/null && expired_token late)"
	each refused 1 "the server does not accept the credentials; renew them, or choose another user"
	run grep -rl "$(kubectl config view --raw -o 'jsonpath={.users[?(@.name=="late")].user.token}')" "$BATS_TEST_TMPDIR"
	assert_output "$PLANE_KUBECONFIG"
}

@test "rk3k: another CA: one line, exit 1, the trusted CA, no request, every command" {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=other \
		-keyout key -out ca 2>/dev/null
	kubectl config set-cluster own --server "https://$OWN_ADDRESS:6443" --certificate-authority ca >/dev/null
	kubectl config set-context default --cluster own >/dev/null
	own_audit
	each another_ca
	run -0 audit_uris
	assert_output ""
}

another_ca() {
	refused 1 "the certificate was issued by CN=own-ca@" "$@" &&
		[[ $SAID == *"is not among the trusted CAs; the CA given is not this server's: fetch its CA or kubeconfig again"* ]]
}

@test "rk3k: the virtual cluster's context: one line and no change, every command" {
	kubectl delete crd clusters.k3k.io --ignore-not-found >/dev/null
	kubectl create -f - <<<'{"apiVersion": "v1", "kind": "Node", "metadata": {"name": "k3k-rancher-server-0"}}'
	kubectl create namespace rancher-k3k >/dev/null
	own_audit
	each not_inside
	run -0 writes
	assert_output ""
	kubectl delete node k3k-rancher-server-0
}

not_inside() {
	case $* in
	# these do their work on any cluster
	apply* | delete* | lease* | 'names namespace' | 'wait configmap'*) ;;
	# these look for what only a host has
	cert-sync* | credential* | kubeconfig* | password | status | 'tf-setup revoke'*) refused 3 "give the host's context: --context NAME" "$@" ;;
	'names cluster' | 'status -A') refused 3 "or this is not the host cluster; see the context" "$@" ;;
	tf-setup*) refused 3 "Ingress rancher-k3k/rancher-k3k-ingress does not exist or has no host; give --url" "$@" ;;
	*) refused 5 "is a virtual cluster, not its host; give the host's context: --context NAME" "$@" ;;
	esac
}
