#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# delete.bats - rk3k-delete against a real API server.
# shellcheck disable=SC2154

load ../helpers
load ../audit
load own

setup_file() { own_up 127.77.0.2; }
teardown_file() { own_down; }
setup() { own_home; }

delete() { run --separate-stderr rk3k delete "$@"; }

held() { # NAME: a ConfigMap with a finalizer
	kubectl create configmap "$1"
	kubectl patch configmap "$1" -p '{"metadata":{"finalizers":["example.com/hold"]}}'
}

let_go() { kubectl patch configmap "$1" -p '{"metadata":{"finalizers":null}}'; }

# bats test_tags=quick
@test "delete: deleted, then not found, both fine" {
	kubectl create configmap a
	delete configmap/a
	assert_success
	assert_output 'configmap "a" deleted'
	delete configmap a
	assert_success
	assert_output 'configmap "a" not found'
	refute_output --partial deleted
	delete -o name configmap/a
	assert_output ""
}

@test "delete: exact requests" {
	kubectl create configmap a
	own_audit
	delete configmap/a --wait=false
	assert_requests <<-END
		get /api/v1/namespaces/$NS/configmaps/a 200
		delete /api/v1/namespaces/$NS/configmaps/a 200
	END
	own_audit
	delete configmap/a
	assert_requests <<<"get /api/v1/namespaces/$NS/configmaps/a 404"
	kubectl create configmap a
	own_audit
	delete configmap/a --dry-run=client
	assert_requests <<<"get /api/v1/namespaces/$NS/configmaps/a 200"
	delete configmap/a --dry-run=server
	assert_output 'configmap "a" deleted (server dry run)'
	kubectl get configmap a
}

@test "delete: input in reverse, kinds after their objects, namespaces last" {
	local g=g$BASHPID.example.com
	own_crd "$g" v1 Widget widgets
	kubectl create namespace "$NS-x"
	kubectl create configmap first -n "$NS-x"
	kubectl apply -f - <<-END
		{apiVersion: $g/v1, kind: Widget, metadata: {name: w, namespace: $NS-x}}
	END
	own_audit
	run --separate-stderr rk3k delete <<-END
		{apiVersion: v1, kind: Namespace, metadata: {name: $NS-x}}
		---
		{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: widgets.$g}}
		---
		{apiVersion: v1, kind: ConfigMap, metadata: {name: first, namespace: $NS-x}}
		---
		{apiVersion: $g/v1, kind: Widget, metadata: {name: w, namespace: $NS-x}}
	END
	assert_success
	run grep '^delete' < <(audit_uris)
	assert_output - <<-END
		delete /apis/$g/v1/namespaces/$NS-x/widgets/w 200
		delete /api/v1/namespaces/$NS-x/configmaps/first 200
		delete /apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.$g 200
		delete /api/v1/namespaces/$NS-x 200
	END
	run kubectl get namespace "$NS-x"
	assert_failure
}

@test "delete: what still exists is reported with the finalizer that blocks it, exit 4" {
	held a
	delete configmap/a --timeout 1s
	assert_failure 4
	assert_output ""
	assert_regex "$stderr" 'still exists after 1s, held by finalizer example.com/hold'
	let_go a
}

@test "delete: seen gone as soon as it is" {
	held a
	own_audit
	(sleep 2 && let_go a) 3>&- >/dev/null &
	delete configmap/a --timeout 30s
	assert_success
	assert_output 'configmap "a" deleted'
	run grep -c '^list\|^watch' < <(audit_uris)
	assert_output 2
	wait
}

@test "delete: a successor of the same name is left alone" {
	local old
	kubectl create configmap a
	old=$(kubectl get configmap a -o yaml)
	kubectl delete configmap a
	kubectl create configmap a
	run --separate-stderr rk3k delete <<<"$old"
	assert_success
	assert_output 'configmap "a" not found (another one has its name)'
	kubectl get configmap a
}

@test "delete: -l, several types" {
	kubectl create configmap a
	kubectl create configmap b
	kubectl create secret generic c
	kubectl label configmap/a secret/c x=1
	delete -l x=1 configmaps,secrets
	assert_success
	assert_line 'configmap "a" deleted'
	assert_line 'secret "c" deleted'
	kubectl get configmap b
	delete -l x=1 configmaps secrets
	assert_success
	assert_output ""
}

@test "delete: an unknown kind is not found when it has a group, else an error" {
	delete widget.nowhere.example.com/a
	assert_success
	assert_regex "$stderr" "does not serve this kind"
	delete cluster.k3k.io/a
	assert_success
	delete widgit/a
	assert_failure 3
}

@test "delete: wrong usage changes nothing" {
	kubectl create configmap a
	delete configmap
	assert_failure 2
	delete configmap/a b
	assert_failure 2
	delete configmap/..
	assert_failure 2
	delete configmap/
	assert_failure 2
	run --separate-stderr rk3k delete </dev/null
	assert_failure 1
	run --separate-stderr rk3k delete -f /nonexistent
	assert_failure 3
	kubectl get configmap a
}

@test "delete: no right to watch: looks now and then" {
	held a
	(sleep 2 && bed kubectl --kubeconfig "$OWN/admin.kubeconfig" -n "$NS" patch configmap a \
		-p '{"metadata":{"finalizers":null}}') 3>&- >/dev/null &
	own_account get,delete configmaps
	delete configmap/a --timeout 30s
	assert_success
	assert_output 'configmap "a" deleted'
	wait
}

@test "delete: forbidden is exit 5 and names the right; the others still go" {
	kubectl create configmap a
	kubectl create secret generic s
	own_account get,delete,list,watch configmaps
	delete secret/s
	assert_failure 5
	assert_regex "$stderr" 'forbidden: .*secrets'
	delete configmap/a secret/s
	assert_failure 5
	assert_output 'configmap "a" deleted'
}

@test "delete: namespace: says what is left in it" {
	kubectl create namespace "$NS-y"
	kubectl create configmap a -n "$NS-y"
	kubectl patch configmap a -n "$NS-y" -p '{"metadata":{"finalizers":["example.com/hold"]}}'
	delete "namespace/$NS-y" --timeout 8s
	assert_failure 4
	assert_regex "$stderr" 'example.com/hold'
	kubectl patch configmap a -n "$NS-y" -p '{"metadata":{"finalizers":null}}'
	delete "namespace/$NS-y"
	assert_success
}

# The last ones: the controllers need a while to come back afterwards.
@test "delete: API server down: could not be determined, exit 1, and never 'deleted'" {
	held a
	delete configmap/a --wait=false
	assert_output 'configmap "a" deletion accepted'
	(sleep 1 && bed plane stop "$OWN" kube-apiserver) 3>&- >/dev/null &
	delete configmap/a --timeout 4s --request-timeout 2s
	assert_failure 1
	refute_output --partial deleted
	assert_regex "$stderr" 'whether it is deleted could not be determined: .*refused'
	wait
	bed plane start "$OWN" >/dev/null
	let_go a
}

@test "delete: API server restarted meanwhile: still sees it gone" {
	held a
	(sleep 1 && bed plane stop "$OWN" kube-apiserver && bed plane start "$OWN" && let_go a) 3>&- \
		>/dev/null 2>&1 &
	delete configmap/a --timeout 60s
	assert_success
	assert_output 'configmap "a" deleted'
	wait
}
